//! A tenant's payments: booking what a gateway says, and where the money is while it is credit.
//!
//! Money that names no invoice is credit at once, in the same append that books it. Money for an
//! invoice is settled by the process that spans account and invoice; what it asks of the account is
//! here: to make credit of a payment, to draw it again, to take it back.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::credit::CreditRefusal;
use super::{Account, credit};
use crate::decide::payment::{Payment, PaymentObject, Payments};
use crate::decide::{Refusal, RefusalKind};
use crate::event::Event;
use crate::event::account::{
    CreditChargedBack, CreditDrawn, CreditOrigin, CreditRefunded, CreditToppedUp, DrawPurpose,
};
use crate::event::enforcement::Event as Enforcement;
use crate::gateway::{Change, Notice, Outcome};
use crate::id::{InvoiceNumber, LotId, Note, PaymentRef, Sha256Digest};
use crate::money::{Exact, Money, MoneyError};
use crate::time::Timestamp;

/// Why a payment is not booked in an account, in the order of checking. The money is there all the
/// same: it belongs into the suspense of its gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentRefusal {
    /// Nobody of that name.
    #[error("no such tenant")]
    TenantUnknown,
    /// Another currency than the account's, or an amount beyond all bounds.
    #[error("the payment cannot be booked")]
    Amount(#[source] MoneyError),
    /// It cannot become credit.
    #[error("the payment cannot become credit")]
    Credit(#[source] CreditRefusal),
}

impl Refusal for PaymentRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TenantUnknown => "tenant_unknown",
            Self::Amount(source) => credit::amount_code(source),
            Self::Credit(source) => source.code(),
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::TenantUnknown => RefusalKind::NotFound,
            Self::Amount(_) => RefusalKind::Unprocessable,
            Self::Credit(source) => source.kind(),
        }
    }
}

impl From<CreditRefusal> for PaymentRefusal {
    fn from(source: CreditRefusal) -> Self {
        Self::Credit(source)
    }
}

impl From<MoneyError> for PaymentRefusal {
    fn from(source: MoneyError) -> Self {
        Self::Amount(source)
    }
}

/// What a decision about the credit of a payment answers.
type Answer = Result<Vec<Event>, CreditRefusal>;

impl Account {
    /// The payments of its gateways.
    pub const fn payments(&self) -> &Payments {
        &self.payments
    }

    /// The invoice that a payment is for, by what it says and by the references known now.
    pub fn invoice_of<'a>(
        &'a self,
        object: &PaymentObject,
        payment: &'a Payment,
    ) -> Option<&'a InvoiceNumber> {
        let mapped = || {
            let reference = payment.gateway_invoice()?.clone();
            self.references.get(&(object.gateway.clone(), reference))?.as_ref()
        };
        payment.invoice().or_else(mapped)
    }

    /// The invoices that a payment is for, and how much of it is at most for each: shares that the
    /// gateway said, in order of its ids, then the one it is for as a whole. An invoice that no
    /// share names was said by a person, whose word is about the whole payment.
    pub fn invoices_of<'a>(
        &'a self,
        object: &PaymentObject,
        payment: &'a Payment,
    ) -> Vec<(&'a InvoiceNumber, Option<Money>)> {
        let mapped = |reference: &PaymentRef| {
            self.references.get(&(object.gateway.clone(), reference.clone()))?.as_ref()
        };
        let shares = payment.shares().filter_map(|(it, share)| Some((mapped(it)?, Some(share))));
        let mut invoices = shares.collect::<Vec<_>>();
        let whole = self.invoice_of(object, payment);
        let is_new = |it: &&InvoiceNumber| invoices.iter().all(|(known, _)| known != it);
        if let Some(number) = whole.filter(is_new) {
            let named = payment.gateway_invoice().and_then(mapped);
            if named != Some(number) {
                invoices.clear();
            }
            invoices.push((number, None));
        }
        invoices
    }

    /// Books what a gateway says. The same event again changes nothing, for ever; money that names
    /// no invoice is credit at once. `invoice` is what somebody who assigned it said.
    pub fn book(
        &self,
        notice: &Notice,
        invoice: Option<&InvoiceNumber>,
    ) -> Result<Vec<Event>, PaymentRefusal> {
        let currency = self.currency().ok_or(PaymentRefusal::TenantUnknown)?;
        if let Outcome::Payment { amount, .. } = notice.outcome {
            credit::of(amount, currency)?;
        }
        let mapped = || {
            let reference = notice.gateway_invoice.clone()?;
            self.references.get(&(notice.gateway.clone(), reference)).cloned().flatten()
        };
        let named = invoice.cloned().or_else(mapped);
        let mut events = self.payments.book(notice, named.clone())?;
        let is_news = |it: &Event| !matches!(it, Event::Enforcement(Enforcement::NoticeSeen(_)));
        if let Some(more) = notice.brings().filter(|_| events.iter().any(is_news)) {
            // Whatever it is for, it may turn out to be credit.
            self.expect_room(more)?;
        }
        if named.is_none() && !events.is_empty() {
            events.extend(self.credit_at_once(notice)?);
        }
        Ok(events)
    }

    /// What a success that names no invoice adds to credit.
    fn credit_at_once(&self, notice: &Notice) -> Result<Option<Event>, PaymentRefusal> {
        let Outcome::Payment { object, amount, change } = &notice.outcome else {
            return Ok(None);
        };
        if !matches!(change, Change::Succeeded | Change::SucceededFor) {
            return Ok(None);
        }
        let object = PaymentObject { gateway: notice.gateway.clone(), object: object.clone() };
        let known = self.payments.get(&object);
        let is_new = known.is_none_or(|it| it.received().is_none());
        let has_invoice = known.is_some_and(|it| self.invoice_of(&object, it).is_some());
        if !is_new || has_invoice {
            return Ok(None);
        }
        let kept = known.map_or(Ok(amount.amount()), |it| it.kept_of(amount.amount()))?;
        let amount = Money::new(kept, amount.currency());
        Ok(self.credit_payment(&object, amount, notice.occurred_at)?.into_iter().next())
    }

    /// Makes credit of a payment, or of a part of it: one more lot.
    pub fn credit_payment(&self, object: &PaymentObject, amount: Money, at: Timestamp) -> Answer {
        if amount.amount() <= Exact::ZERO {
            return Ok(Vec::new());
        }
        let lots = self.payments.get(object).map_or(0, |it| it.lots().len());
        let origin = CreditOrigin::Payment {
            gateway: object.gateway.clone(),
            object: object.object.clone(),
        };
        let lot = lot_of(object, lots + 1);
        let top_up = CreditToppedUp { lot, amount, expires_at: None, origin };
        self.top_up(&top_up, at)
    }

    /// Draws the credit of a payment for the invoice that it turned out to be for, in full.
    pub fn draw_payment(
        &self,
        object: &PaymentObject,
        number: &InvoiceNumber,
        amount: Money,
        at: Timestamp,
    ) -> Answer {
        let own = self.payments.get(object).map_or(&[][..], Payment::lots);
        let parts = self.credit.parts_from(own, amount.amount(), at)?;
        self.credit.expect_draw(amount.amount(), &parts)?;
        let purpose = DrawPurpose::Payment {
            gateway: object.gateway.clone(),
            object: object.object.clone(),
            number: number.clone(),
        };
        let lots = credit::lot_parts(parts, amount.currency());
        Ok(vec![CreditDrawn { amount, lots, purpose }.into()])
    }

    /// Takes back what went back: of a refund what the lots have left, which the events say; of a
    /// dispute all of it, below zero where it was spent.
    pub fn take_payment_back(
        &self,
        object: &PaymentObject,
        amount: Money,
        at: Timestamp,
    ) -> Answer {
        let Some(payment) = self.payments.get(object) else { return Ok(Vec::new()) };
        let (lots, currency) = (payment.lots(), amount.currency());
        let refund = amount.amount().min(payment.refund_to_come()?);
        let dispute = amount.amount().checked_sub(refund).map_err(MoneyError::from)?;
        let mut events = Vec::new();
        let (mut rest, mut taken) = (refund, BTreeMap::new());
        for (place, lot) in lots.iter().enumerate() {
            let left = self.credit.left_of(lot, at);
            // The last lot says what all of them together could not give.
            let asked = if place + 1 == lots.len() { rest } else { left.min(rest) };
            if !asked.is_zero() {
                rest = rest.checked_sub(asked).map_err(MoneyError::from)?;
                taken.insert(lot, asked.min(left).negated());
                let given = Money::new(asked.min(left), currency);
                events.push(refunded(object, lot, Money::new(asked, currency), given));
            }
        }
        self.credit.expect_sums(taken, dispute)?;
        if let Some(lot) = lots.last().filter(|_| !dispute.is_zero()) {
            events.push(charged_back(object, lot, Money::new(dispute, currency)));
        }
        Ok(events)
    }
}

fn charged_back(object: &PaymentObject, lot: &LotId, amount: Money) -> Event {
    let PaymentObject { gateway, object } = object.clone();
    CreditChargedBack { lot: lot.clone(), amount, gateway, object }.into()
}

fn refunded(object: &PaymentObject, lot: &LotId, requested: Money, amount: Money) -> Event {
    let reason = Note::new("the gateway paid it back").expect("a sentence is a note");
    let object = Some(object.object.clone());
    CreditRefunded { lot: lot.clone(), requested, amount, object, reason }.into()
}

/// The name of the lot that a payment makes, the first, the second: readable where it fits.
fn lot_of(object: &PaymentObject, ordinal: usize) -> LotId {
    LotId::new(&format!("{}.{ordinal}", name_of(object)))
        .expect("a short name and a small number are a lot's name")
}

/// A short name of a payment that no other has: its ids where they fit, else their digest. The last
/// full stop before an ordinal divides, and no gateway's name holds a hyphen.
pub fn name_of(object: &PaymentObject) -> String {
    const BYTES_MAX: usize = 48;
    let PaymentObject { gateway, object } = object;
    let readable = format!("{gateway}.{object}");
    if readable.len() <= BYTES_MAX && LotId::check(&readable).is_ok() {
        return readable;
    }
    let digest = Sha256Digest::from_bytes(Sha256::digest(&readable).into()).to_string();
    format!("by-digest.{}", digest.get(..32).unwrap_or_default())
}
