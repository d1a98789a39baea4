//! Credit that documents move. It is drawn before the document that says so, because the document
//! prints how much it was; what a document gives back, or a void undoes, follows it.

use super::append::{append, keyed};
use super::{Errand, IssueError, Step};
use crate::billing::issued::IssuedDocument;
use crate::billing::register::Taken;
use crate::decide::account::credit::CreditRefusal;
use crate::event::Event;
use crate::event::account::{CreditOrigin, CreditToppedUp};
use crate::event::invoice::DocumentKind;
use crate::id::{EventId, InvoiceNumber, KeyScope, LotId, Note};
use crate::money::Money;
use crate::time::Timestamp;

/// The next movement of credit that issued documents are owed.
pub(super) fn settle(errand: &Errand<'_>) -> Result<Option<Step>, IssueError> {
    for issued in errand.heads.invoice.documents() {
        let step = match issued.is_void() {
            true => give_back(errand, issued)?,
            false => top_up(errand, issued)?,
        };
        if step.is_some() {
            return Ok(step);
        }
    }
    Ok(None)
}

/// Refuses a document that would give more to credit than can be there.
pub(super) fn expect_room(
    errand: &Errand<'_>,
    number: &InvoiceNumber,
    given: Money,
) -> Result<(), IssueError> {
    let room = errand.heads.account.account().expect_room(given);
    moved(number, room.map(|()| Vec::new())).map(drop)
}

/// What goes back of the credit applied to an invoice, once that is void.
pub(super) fn to_return(
    errand: &Errand<'_>,
    number: &InvoiceNumber,
) -> Result<Vec<Event>, IssueError> {
    let reason = Note::new(&format!("{number} is void")).expect("a number is short");
    moved(number, errand.heads.account.account().return_applied(number, reason))
}

/// What was drawn for an invoice that is void goes back to its lots.
fn give_back(errand: &Errand<'_>, issued: &IssuedDocument) -> Result<Option<Step>, IssueError> {
    let number = &issued.document.number;
    let returned = to_return(errand, number)?;
    Ok(step(errand, (number, "credit-returned"), errand.now, issued.id, returned))
}

/// What a document gives to credit is a lot of its own.
fn top_up(errand: &Errand<'_>, issued: &IssuedDocument) -> Result<Option<Step>, IssueError> {
    let number = &issued.document.number;
    let given = match issued.kind {
        DocumentKind::CreditNote => issued.to_credit,
        DocumentKind::Invoice | DocumentKind::DebitNote => issued.credit_applied.negated(),
    };
    if given.is_zero() || given.is_negative() {
        return Ok(None);
    }
    let command = CreditToppedUp {
        lot: LotId::new(number.as_str()).expect("numbers and lots are written alike"),
        amount: given,
        expires_at: None,
        origin: CreditOrigin::CreditNote { number: number.clone() },
    };
    let (account, at) = (errand.heads.account.account(), issued.issued_at);
    let paid_in = moved(number, account.top_up(&command, at))?;
    Ok(step(errand, (number, "credit-given"), at, issued.id, paid_in))
}

/// Draws what credit pays of an invoice at issue; nothing where it was drawn, or there is nothing.
pub(super) fn draw(
    errand: &Errand<'_>,
    promise: &Taken,
    asks: Money,
) -> Result<Option<Step>, IssueError> {
    let number = &promise.number;
    let account = errand.heads.account.account();
    let drawn = moved(number, account.apply_to_invoice(number, asks, promise.at))?;
    Ok(step(errand, (number, "credit-applied"), promise.at, promise.id, drawn))
}

fn moved(
    number: &InvoiceNumber,
    answer: Result<Vec<Event>, CreditRefusal>,
) -> Result<Vec<Event>, IssueError> {
    answer.map_err(|source| IssueError::Credit { number: number.clone(), source: Box::new(source) })
}

fn step(
    errand: &Errand<'_>,
    (number, source): (&InvoiceNumber, &'static str),
    at: Timestamp,
    cause: EventId,
    events: Vec<Event>,
) -> Option<Step> {
    if events.is_empty() {
        return None;
    }
    let account = &errand.heads.account;
    let scope = KeyScope::Tenant(errand.heads.invoice.tenant().clone());
    let events = keyed((scope, source, number), at, events);
    Some(append(errand, account.stream(), account.reached(), Some(cause), events))
}
