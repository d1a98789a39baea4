//! Where the money of each payment is, and where it should be.
//!
//! What is kept of a payment lies on the invoices it is for, as much as each still asks for and no
//! more than its share where the gateway said shares, and the rest is credit. Each step moves the
//! sums toward that; which notice came first does not enter, so any order ends in the same sums.
//! Money that comes to be known as an invoice's after it became credit is drawn again, in full.
//! What went back is missing from the payment's credit first, then from its invoices, the last one
//! first, each of which is open again by that much.

use std::cmp::Ordering;

use super::{Books, EnforcementError, append};
use crate::billing::{InvoiceFold, IssuedDocument};
use crate::decide::account::credit::CreditRefusal;
use crate::decide::account::payment::name_of;
use crate::decide::payment::{Payment, PaymentObject};
use crate::event::Event;
use crate::event::invoice::{PaymentApplied, PaymentSource};
use crate::id::PaymentRef;
use crate::log::Append;
use crate::money::{Exact, Money, MoneyError};
use crate::stream::Stream;
use crate::time::Timestamp;

/// One move of a payment's money.
enum Move {
    /// In the account, at an instant: to credit, or from it.
    Account(Timestamp, Vec<Event>),
    /// To an invoice, or from it where below zero.
    Invoice(usize, PaymentApplied),
}

/// Why a payment cannot be moved.
enum Stuck {
    Amount(MoneyError),
    Credit(CreditRefusal),
}

impl From<MoneyError> for Stuck {
    fn from(source: MoneyError) -> Self {
        Self::Amount(source)
    }
}

impl From<crate::money::ExactError> for Stuck {
    fn from(source: crate::money::ExactError) -> Self {
        Self::Amount(source.into())
    }
}

impl From<CreditRefusal> for Stuck {
    fn from(source: CreditRefusal) -> Self {
        Self::Credit(source)
    }
}

/// The next append that settles a payment, and which; nothing where all are settled.
pub fn next(books: &Books<'_>) -> Result<Option<(PaymentRef, Append)>, EnforcementError> {
    for (object, payment) in books.account.payments().all() {
        let found = next_move(books, object, payment).map_err(|stuck| {
            let object = object.object.clone();
            match stuck {
                Stuck::Amount(source) => EnforcementError::Amount { object, source },
                Stuck::Credit(source) => {
                    EnforcementError::Credit { object, source: Box::new(source) }
                }
            }
        })?;
        let (Some(found), Some(moved_at)) = (found, payment.moved_at()) else { continue };
        let (stream, reached, at, events) = match found {
            Move::Account(at, events) => {
                (Stream::Account(books.tenant.clone()), books.reached, at, events)
            }
            Move::Invoice(place, applied) => {
                let Some(invoices) = books.invoices.get(place) else { continue };
                (invoices.stream(), invoices.reached(), moved_at, vec![applied.into()])
            }
        };
        let id = format!("{}:{stream}@{}", name_of(object), reached.next());
        let append = append(books.tenant, stream, reached, &id, at, events);
        return Ok(Some((object.object.clone(), append)));
    }
    Ok(None)
}

fn next_move(
    books: &Books<'_>,
    object: &PaymentObject,
    payment: &Payment,
) -> Result<Option<Move>, Stuck> {
    let (Some(moved_at), Some(paid_at)) = (payment.moved_at(), payment.paid_at()) else {
        return Ok(None);
    };
    let (account, currency) = (books.account, payment.currency());
    let money = |amount| Money::new(amount, currency);
    let placed = placed(books, object)?;
    let targets = targets(books, object, payment, &placed)?;
    if let Some(it) = targets.iter().find(|it| it.paid > it.most) {
        let excess = it.most.checked_sub(it.paid)?;
        return Ok(Some(apply(it.place, it.document, object, money(excess))));
    }
    let asking = targets.iter().find(|it| it.paid < it.most);
    let on_invoices = Money::sum(currency, placed.iter().map(|(.., paid)| *paid))?.amount();
    let in_credit = payment.in_credit()?;
    let missing = payment.kept()?.checked_sub(on_invoices)?.checked_sub(in_credit)?;
    let (at, moved) = match (missing.cmp(&Exact::ZERO), asking) {
        (Ordering::Greater, Some(it)) => {
            let share = it.most.checked_sub(it.paid)?.min(missing);
            return Ok(Some(apply(it.place, it.document, object, money(share))));
        }
        (Ordering::Greater, None) => {
            (paid_at, account.credit_payment(object, money(missing), paid_at)?)
        }
        (Ordering::Less, _) if in_credit > Exact::ZERO => {
            let back = missing.negated().min(in_credit);
            (moved_at, account.take_payment_back(object, money(back), moved_at)?)
        }
        (Ordering::Less, _) => {
            let mut placed = placed.into_iter();
            let first = placed.find(|(.., paid)| paid.amount() > Exact::ZERO);
            return Ok(first.map(|(place, from, paid)| {
                let back = missing.negated().min(paid.amount());
                apply(place, from, object, money(back.negated()))
            }));
        }
        (Ordering::Equal, Some(it)) if in_credit > Exact::ZERO => {
            let share = it.most.checked_sub(it.paid)?.min(in_credit);
            let number = &it.document.document.number;
            (moved_at, account.draw_payment(object, number, money(share), moved_at)?)
        }
        (Ordering::Equal, _) => return Ok(None),
    };
    Ok(Some(moved).filter(|it| !it.is_empty()).map(|it| Move::Account(at, it)))
}

fn apply(place: usize, to: &IssuedDocument, object: &PaymentObject, amount: Money) -> Move {
    let PaymentObject { gateway, object } = object.clone();
    let payment = PaymentSource::Gateway { gateway, object };
    Move::Invoice(place, PaymentApplied { number: to.document.number.clone(), amount, payment })
}

/// A document, the place of its stream among the books, and an amount of it.
type Part<'a> = (usize, &'a IssuedDocument, Money);

/// The documents that a payment pays something of. What was paid for a void one is paid no more.
fn placed<'a>(books: &Books<'a>, object: &PaymentObject) -> Result<Vec<Part<'a>>, MoneyError> {
    let all = books.invoices.iter().enumerate();
    let all = all.flat_map(|(place, it)| it.documents().iter().map(move |it| (place, it)));
    let mut placed = Vec::new();
    for (place, document) in all.filter(|(_, it)| !it.is_void()) {
        let parts = document.payments.iter().filter(|it| is_of(&it.source, object));
        let nothing = Money::zero(document.due.currency());
        let paid = parts.map(|it| it.amount).try_fold(nothing, Money::checked_add)?;
        if !paid.is_zero() {
            placed.push((place, document, paid));
        }
    }
    Ok(placed)
}

fn is_of(source: &PaymentSource, payment: &PaymentObject) -> bool {
    match source {
        PaymentSource::Gateway { gateway, object } => {
            (gateway, object) == (&payment.gateway, &payment.object)
        }
        PaymentSource::Operator { .. } | PaymentSource::Credit => false,
    }
}

/// A document that a payment is for.
struct Target<'a> {
    place: usize,
    document: &'a IssuedDocument,
    /// What of the payment lies on it.
    paid: Exact,
    /// What of it belongs there.
    most: Exact,
}

/// The documents that a payment is for, and how what is kept of it divides among them: each in
/// turn takes what it asks for and no more than its share. One that was given up asks too; one that
/// is void, or in another currency, asks nothing.
fn targets<'a>(
    books: &Books<'a>,
    object: &PaymentObject,
    payment: &Payment,
    placed: &[Part<'a>],
) -> Result<Vec<Target<'a>>, MoneyError> {
    let mut targets = Vec::new();
    let mut left = payment.kept()?;
    let invoices = books.account.invoices_of(object, payment);
    let is_named = |number| invoices.iter().any(|(it, _)| *it == number);
    for (_, _, paid) in placed.iter().filter(|(_, it, _)| !is_named(&it.document.number)) {
        left = left.checked_sub(paid.amount())?;
    }
    for (number, share) in &invoices {
        let find = |(place, it): (usize, &'a InvoiceFold)| Some((place, it.document(number)?));
        let found = books.invoices.iter().enumerate().find_map(find);
        let Some((place, document)) = found.filter(|(_, it)| !it.is_void()) else { continue };
        if document.due.currency() != payment.currency() {
            continue;
        }
        let paid = placed.iter().find(|(of, it, _)| *of == place && it.document.number == **number);
        let paid = paid.map_or(Exact::ZERO, |(.., paid)| paid.amount());
        let asks = document.due.amount().max(Exact::ZERO).checked_add(paid)?;
        let share = share.map_or(asks, |it| it.amount());
        let most = asks.min(share).min(left).max(Exact::ZERO);
        left = left.checked_sub(most)?;
        targets.push(Target { place, document, paid, most });
    }
    Ok(targets)
}
