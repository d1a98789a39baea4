//! Stripe's events as notices: shapes of any year, and those that are between two.
//!
//! An endpoint keeps the shape of the version it was made with, so old and new ones come in side by
//! side: an invoice names its payment itself, or in a list of payments, or not at all. What is not
//! known is ignored, and the notice says that it was seen; what is known is read strictly, and a
//! refusal names the place. An invoice that names no payment books no money: the event of the
//! payment does, and an `invoice_payment.paid` says which invoice it was for.

use super::{Change, Notice, Outcome, minor};
use crate::id::{Label, Note, PaymentRef, Provider};
use crate::json::tree::{Place, Tree, TreeError};
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StripeError {
    /// Not JSON, or something in it is not what it should be.
    #[error("the event cannot be read")]
    Shape(#[from] TreeError),
    /// A test event in a ledger of real money, or the other way round.
    #[error("/livemode is {found}, which is not what this ledger takes")]
    Livemode {
        /// What the event says.
        found: bool,
    },
}

impl StripeError {
    /// Where it is, as a JSON pointer.
    pub fn pointer(&self) -> &str {
        match self {
            Self::Shape(source) => source.pointer(),
            Self::Livemode { .. } => "/livemode",
        }
    }
}

/// The word for this gateway.
pub fn gateway() -> Provider {
    Provider::new("stripe").expect("a word is a provider")
}

/// Reads one event from the body of a webhook. `livemode` is what this ledger takes.
pub fn read(body: &[u8], livemode: bool) -> Result<Notice, StripeError> {
    let tree = Tree::read(body)?;
    let event = tree.root();
    let envelope = event.need("object")?;
    if envelope.text()? != "event" {
        return Err(envelope.is_not("\"event\"").into());
    }
    let id = reference(&event.need("id")?)?;
    let kind = event.need("type")?;
    let word = kind.text()?;
    let label = Label::new(word).map_err(|_| kind.is_not("the name of a kind"))?;
    let occurred_at = instant(&event.need("created")?)?;
    let found = event.need("livemode")?.truth()?;
    if found != livemode {
        return Err(StripeError::Livemode { found });
    }
    let data = event.need("data")?;
    let said = said(word, &data)?;
    Ok(Notice {
        gateway: gateway(),
        id,
        kind: label,
        occurred_at,
        customer: said.customer,
        gateway_invoice: said.invoice,
        outcome: said.outcome,
    })
}

/// What the object of an event says.
struct Said {
    customer: Option<PaymentRef>,
    invoice: Option<PaymentRef>,
    outcome: Outcome,
}

impl Said {
    const NOTHING: Self = Self { customer: None, invoice: None, outcome: Outcome::Nothing };

    /// About a payment that names its customer and its invoice itself. No money is no news.
    fn of(
        about: &Place<'_>,
        object: Option<PaymentRef>,
        amount: Option<Money>,
        change: Change,
    ) -> Result<Self, TreeError> {
        let (customer, invoice) = (optional(about, "customer")?, optional(about, "invoice")?);
        let outcome = match (object, amount.filter(|it| !it.is_zero())) {
            (Some(object), Some(amount)) => Outcome::Payment { object, amount, change },
            (_, _) => Outcome::Nothing,
        };
        Ok(Self { customer, invoice, outcome })
    }
}

fn said(kind: &str, data: &Place<'_>) -> Result<Said, TreeError> {
    match kind {
        "payment_intent.succeeded" => {
            let intent = object(data, "payment_intent")?;
            let received = intent.get("amount_received")?;
            let amount = received.map_or_else(|| intent.need("amount"), Ok)?;
            let id = optional(&intent, "id")?;
            Said::of(&intent, id, Some(money(&intent, &amount)?), Change::Succeeded)
        }
        "payment_intent.payment_failed" => {
            let intent = object(data, "payment_intent")?;
            let error = intent.get("last_payment_error")?;
            let reason = error.map_or(Ok(None), |it| note(&it, &["decline_code", "code"]))?;
            let amount = money(&intent, &intent.need("amount")?)?;
            let id = optional(&intent, "id")?;
            let change = Change::Failed { next_attempt_at: None, reason };
            Said::of(&intent, id, Some(amount), change)
        }
        "charge.succeeded" | "charge.captured" => charged(&object(data, "charge")?, kind),
        "charge.failed" => {
            let charge = object(data, "charge")?;
            let reason = note(&charge, &["failure_code", "failure_message"])?;
            let amount = money(&charge, &charge.need("amount")?)?;
            let change = Change::Failed { next_attempt_at: None, reason };
            Said::of(&charge, payment_of(&charge)?, Some(amount), change)
        }
        "charge.refunded" => refunded(data),
        "refund.failed" | "refund.updated" | "charge.refund.updated" => {
            refund_failed(&object(data, "refund")?)
        }
        "invoice.paid" | "invoice.payment_succeeded" => invoice_paid(&object(data, "invoice")?),
        "invoice.payment_failed" => invoice_failed(&object(data, "invoice")?),
        "invoice_payment.paid" => {
            let payment = object(data, "invoice_payment")?;
            let amount = money(&payment, &payment.need("amount_paid")?)?;
            Said::of(&payment, paid_by(&payment)?, Some(amount), Change::SucceededFor)
        }
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            let session = object(data, "checkout.session")?;
            // Before a session said so, one was completed by being paid.
            let status = session.get("payment_status")?;
            let is_paid = status.map_or(Ok(true), |it| it.text().map(|it| it == "paid"))?;
            let total = session.get("amount_total")?.filter(|_| is_paid);
            let amount = total.map(|it| money(&session, &it)).transpose()?;
            let intent = optional(&session, "payment_intent")?;
            Said::of(&session, intent, amount, Change::Succeeded)
        }
        _ => match kind.strip_prefix("charge.dispute.") {
            Some(what) => disputed(&object(data, "dispute")?, what),
            None => Ok(Said::NOTHING),
        },
    }
}

/// A charge brings money once it is captured; before that it is a promise of the bank.
fn charged(charge: &Place<'_>, kind: &str) -> Result<Said, TreeError> {
    let is_captured = charge.get("captured")?.map_or(Ok(true), |it| it.truth())?;
    let captured = charge.get("amount_captured")?.map(|it| money(charge, &it)).transpose()?;
    let amount = match captured {
        Some(captured) => captured,
        None => {
            let amount = money(charge, &charge.need("amount")?)?;
            // Before there was an amount captured, what was left was given back at once.
            let back = charge.get("amount_refunded")?.filter(|_| kind == "charge.captured");
            let back = back.map_or(Ok(Money::zero(amount.currency())), |it| money(charge, &it))?;
            less(charge, amount, back)?
        }
    };
    let amount = Some(amount).filter(|_| is_captured);
    Said::of(charge, payment_of(charge)?, amount, Change::Succeeded)
}

/// The charge says how much went back so far; only what it said before makes a difference of it.
fn refunded(data: &Place<'_>) -> Result<Said, TreeError> {
    let charge = object(data, "charge")?;
    let so_far = money(&charge, &charge.need("amount_refunded")?)?;
    let before = data.need("previous_attributes")?.need("amount_refunded")?;
    let before = money(&charge, &before)?;
    let amount = less(&charge.need("amount_refunded")?, so_far, before)?;
    Said::of(&charge, payment_of(&charge)?, Some(amount), Change::Refunded)
}

/// A refund that failed, or was called off; as long as it is on its way or has arrived, the charge
/// has said so.
fn refund_failed(refund: &Place<'_>) -> Result<Said, TreeError> {
    if !matches!(refund.need("status")?.text()?, "failed" | "canceled") {
        return Ok(Said::NOTHING);
    }
    let amount = money(refund, &refund.need("amount")?)?;
    let change = Change::RefundFailed { refund: reference(&refund.need("id")?)? };
    Said::of(refund, payment_named(refund)?, Some(amount), change)
}

/// A difference that may not be below zero.
fn less(place: &Place<'_>, amount: Money, less: Money) -> Result<Money, TreeError> {
    let rest = amount.checked_sub(less).ok().filter(|it| !it.is_negative());
    rest.ok_or_else(|| place.is_not("as much as it was before"))
}

/// Paid through the gateway, in one payment that it names.
fn invoice_paid(invoice: &Place<'_>) -> Result<Said, TreeError> {
    let elsewhere = invoice.get("paid_out_of_band")?.map_or(Ok(false), |it| it.truth())?;
    // The oldest say that they were paid and what was due.
    let paid = invoice.get("amount_paid")?.map_or_else(|| invoice.need("amount_due"), Ok)?;
    let paid = money(invoice, &paid)?;
    let (object, amount) = match payment_named(invoice)? {
        Some(object) => (Some(object), paid),
        None => only_payment(invoice, paid)?,
    };
    let amount = Some(amount).filter(|_| !elsewhere);
    let said = Said::of(invoice, object, amount, Change::SucceededFor)?;
    Ok(Said { invoice: optional(invoice, "id")?, ..said })
}

/// A failure that names no payment is told by the invoice, which an unpaid one is known by.
fn invoice_failed(invoice: &Place<'_>) -> Result<Said, TreeError> {
    let id = optional(invoice, "id")?;
    let next = invoice.get("next_payment_attempt")?;
    let next_attempt_at = next.map(|it| instant(&it)).transpose()?;
    let remaining = invoice.get("amount_remaining")?;
    let due = remaining.map_or_else(|| invoice.need("amount_due"), Ok)?;
    let amount = money(invoice, &due)?;
    let object = payment_named(invoice)?.or_else(|| id.clone());
    let change = Change::Failed { next_attempt_at, reason: None };
    let said = Said::of(invoice, object, Some(amount), change)?;
    Ok(Said { invoice: id, ..said })
}

/// The payment that an invoice of an older shape names.
fn payment_named(invoice: &Place<'_>) -> Result<Option<PaymentRef>, TreeError> {
    Ok(optional(invoice, "payment_intent")?.or(optional(invoice, "charge")?))
}

/// The one payment in an invoice's list of them. Several are told by their own events.
fn only_payment(
    invoice: &Place<'_>,
    paid: Money,
) -> Result<(Option<PaymentRef>, Money), TreeError> {
    let Some(payments) = invoice.get("payments")? else { return Ok((None, paid)) };
    let mut payments = payments.need("data")?.elements()?;
    let (Some(payment), None) = (payments.next(), payments.next()) else {
        return Ok((None, paid));
    };
    let amount = payment.get("amount_paid")?.map(|it| money(invoice, &it)).transpose()?;
    Ok((paid_by(&payment)?, amount.unwrap_or(paid)))
}

/// What stands behind an invoice payment.
fn paid_by(payment: &Place<'_>) -> Result<Option<PaymentRef>, TreeError> {
    let Some(payment) = payment.get("payment")? else { return Ok(None) };
    Ok(optional(&payment, "payment_intent")?.or(optional(&payment, "charge")?))
}

/// An inquiry moves no money; a dispute does, once, whichever of its events comes first.
fn disputed(dispute: &Place<'_>, what: &str) -> Result<Said, TreeError> {
    let reason = note(dispute, &["reason"])?;
    let status = dispute.need("status")?.text()?;
    let change = match (what, status) {
        ("funds_reinstated", _) | (_, "won") => Change::Reinstated { reason },
        ("funds_withdrawn", _) | (_, "needs_response" | "under_review" | "lost") => {
            Change::Disputed { reason }
        }
        (_, _) => return Ok(Said::NOTHING),
    };
    let amount = money(dispute, &dispute.need("amount")?)?;
    Said::of(dispute, payment_named(dispute)?, Some(amount), change)
}

/// The object an event is about, which says itself what it is. The oldest did not say it.
fn object<'a>(data: &Place<'a>, expected: &'static str) -> Result<Place<'a>, TreeError> {
    let object = data.need("object")?;
    match object.get("object")? {
        Some(found) if found.text()? != expected => Err(found.is_not("what the event is about")),
        Some(_) | None => Ok(object),
    }
}

/// A charge's payment intent, else the charge.
fn payment_of(charge: &Place<'_>) -> Result<Option<PaymentRef>, TreeError> {
    let intent = optional(charge, "payment_intent")?;
    intent.map_or_else(|| reference(&charge.need("id")?), Ok).map(Some)
}

/// An id, as itself or within the object it is the id of.
fn reference(place: &Place<'_>) -> Result<PaymentRef, TreeError> {
    let place = match place.tree() {
        Tree::Members(_) => &place.need("id")?,
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) => place,
    };
    PaymentRef::new(place.text()?).map_err(|_| place.is_not("an id"))
}

fn optional(place: &Place<'_>, name: &str) -> Result<Option<PaymentRef>, TreeError> {
    place.get(name)?.map(|it| reference(&it)).transpose()
}

fn instant(place: &Place<'_>) -> Result<Timestamp, TreeError> {
    Timestamp::from_seconds(place.whole()?).map_err(|_| place.is_not("a time"))
}

/// An amount in the currency of the object it stands in.
fn money(about: &Place<'_>, amount: &Place<'_>) -> Result<Money, TreeError> {
    let place = about.need("currency")?;
    let code = place.text()?;
    let currency = Currency::new(&code.to_ascii_uppercase());
    let currency = currency.map_err(|_| place.is_not("a currency to bill in"))?;
    minor::money(amount.whole()?, currency)
        .ok_or_else(|| amount.is_not("an amount of this currency, zero or more"))
}

/// The first of these that is there and prints.
fn note(place: &Place<'_>, names: &[&str]) -> Result<Option<Note>, TreeError> {
    for name in names {
        if let Some(text) = place.get(name)? {
            return Ok(Note::new(text.text()?).ok());
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
