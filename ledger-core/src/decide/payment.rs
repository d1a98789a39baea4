//! Payments of gateways: what a stream knows of each, and what one more notice of one means.
//!
//! Shared by a tenant's account and by the suspense of a gateway. Money is booked once for an
//! object, whatever event brings it. What a notice says is kept so that the order in which notices
//! come leaves no trace: the largest that any says of the whole counts, for each invoice the
//! largest that any says of its share, failures by the earliest, refunds by their sum, a refund's
//! failure, a dispute and its end each once.

use std::collections::{BTreeMap, BTreeSet};

use super::{nothing, one};
use crate::event;
use crate::event::account::{self, CreditOrigin, DrawPurpose};
use crate::event::enforcement::{
    Event, NoticeSeen, PaymentDisputed, PaymentFacts, PaymentFailed, PaymentRefunded,
    PaymentSucceeded,
};
use crate::fold::FoldProblem;
use crate::gateway::{Change, Notice, Outcome};
use crate::id::{InvoiceNumber, LotId, PaymentRef, Provider};
use crate::log::Record;
use crate::money::{Currency, Exact, ExactError, Money, MoneyError};
use crate::time::Timestamp;

/// One payment of one gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaymentObject {
    /// Which gateway.
    pub gateway: Provider,
    /// The payment intent, else the charge.
    pub object: PaymentRef,
}

impl From<&PaymentFacts> for PaymentObject {
    fn from(it: &PaymentFacts) -> Self {
        Self { gateway: it.gateway.clone(), object: it.object.clone() }
    }
}

/// What is known of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    currency: Currency,
    received: Option<(Exact, Timestamp)>,
    first_failed_at: Option<Timestamp>,
    /// What of it is for which of the gateway's invoices, where that is said.
    shares: Shares,
    refunded: Exact,
    failed: BTreeMap<PaymentRef, Exact>,
    disputed: Option<Exact>,
    is_reinstated: bool,
    /// The last time that money went back, or came back.
    moved_at: Option<Timestamp>,
    customer: Option<PaymentRef>,
    gateway_invoice: Option<PaymentRef>,
    invoice: Option<InvoiceNumber>,
    credit: InCredit,
}

/// Amounts by the gateway's invoice.
type Shares = BTreeMap<PaymentRef, Exact>;

/// What the account made of a payment, as credit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct InCredit {
    lots: Vec<LotId>,
    topped_up: Exact,
    drawn: Exact,
    refunded: Exact,
    charged_back: Exact,
}

impl Payment {
    const fn of(currency: Currency) -> Self {
        Self {
            currency,
            received: None,
            first_failed_at: None,
            shares: BTreeMap::new(),
            refunded: Exact::ZERO,
            failed: BTreeMap::new(),
            disputed: None,
            is_reinstated: false,
            moved_at: None,
            customer: None,
            gateway_invoice: None,
            invoice: None,
            credit: InCredit {
                lots: Vec::new(),
                topped_up: Exact::ZERO,
                drawn: Exact::ZERO,
                refunded: Exact::ZERO,
                charged_back: Exact::ZERO,
            },
        }
    }

    /// In which currency it is.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// What came in, and when, once it did.
    pub fn received(&self) -> Option<(Money, Timestamp)> {
        self.received.map(|(amount, at)| (Money::new(amount, self.currency), at))
    }

    /// The first time it failed; nothing where it succeeded itself, before or after.
    pub fn failed_since(&self) -> Option<Timestamp> {
        self.first_failed_at.filter(|_| self.received.is_none())
    }

    /// The customer it names.
    pub const fn customer(&self) -> Option<&PaymentRef> {
        self.customer.as_ref()
    }

    /// The gateway's invoice it names.
    pub const fn gateway_invoice(&self) -> Option<&PaymentRef> {
        self.gateway_invoice.as_ref()
    }

    /// Our invoice, where it was known when the payment was booked.
    pub const fn invoice(&self) -> Option<&InvoiceNumber> {
        self.invoice.as_ref()
    }

    /// Whether it is for this invoice of the gateway, as a whole or with a share of it.
    pub fn is_for(&self, gateway_invoice: &PaymentRef) -> bool {
        self.gateway_invoice() == Some(gateway_invoice) || self.shares.contains_key(gateway_invoice)
    }

    fn take_share(
        &mut self,
        invoice: Option<&PaymentRef>,
        share: Option<Money>,
    ) -> Result<(), MoneyError> {
        if let Some(share) = share {
            Money::zero(self.currency).expect_same(share)?;
            self.shares = self.shares_with(invoice, share.amount());
        }
        Ok(())
    }

    /// When its money last moved.
    pub fn moved_at(&self) -> Option<Timestamp> {
        self.moved_at.max(self.received.map(|(_, at)| at))
    }

    /// When what is to become credit of it was paid: when it was received, for the first that does,
    /// whenever somebody comes to it and whatever went back meanwhile; later only what came back.
    pub fn paid_at(&self) -> Option<Timestamp> {
        if self.lots().is_empty() { self.received.map(|(_, at)| at) } else { self.moved_at() }
    }

    /// What of it is for which of the gateway's invoices, where that was said, in order of their
    /// ids.
    pub fn shares(&self) -> impl Iterator<Item = (&PaymentRef, Money)> {
        self.shares.iter().map(|(invoice, it)| (invoice, Money::new(*it, self.currency)))
    }

    /// What came in, when also this is said of it: the most that was said of the whole, and at
    /// least what its shares come to.
    fn received_with(&self, whole: Exact, shares: &Shares) -> Result<Exact, MoneyError> {
        let known = self.received.map_or(Exact::ZERO, |it| it.0);
        let shared = shares.values().try_fold(Exact::ZERO, |sum, it| sum.checked_add(*it))?;
        Ok(known.max(whole).max(shared))
    }

    /// The shares, when this is said of one of them too.
    fn shares_with(&self, invoice: Option<&PaymentRef>, amount: Exact) -> Shares {
        let mut shares = self.shares.clone();
        if let Some(invoice) = invoice {
            let share = shares.entry(invoice.clone()).or_default();
            *share = amount.max(*share);
        }
        shares
    }

    /// What of the refunds failed.
    fn failed(&self) -> Result<Exact, MoneyError> {
        Ok(self.failed.values().try_fold(Exact::ZERO, |sum, it| sum.checked_add(*it))?)
    }

    /// How much of what the gateway paid back was not taken from credit yet.
    pub fn refund_to_come(&self) -> Result<Exact, MoneyError> {
        // What failed was given back as far as it had been taken, and needs no taking otherwise.
        let settled = self.credit.refunded.max(self.failed()?);
        Ok(self.refunded.checked_sub(settled)?.max(Exact::ZERO))
    }

    /// What came in of it, what went back and failed to arrive among it: what the books have once,
    /// however often it is said.
    pub(crate) fn came_in(&self) -> Result<Exact, MoneyError> {
        let received = self.received.map_or(Exact::ZERO, |it| it.0);
        Ok(received.checked_add(self.failed()?)?)
    }

    /// What is kept of it: what came in, less what went back. Never below zero.
    pub fn kept(&self) -> Result<Exact, MoneyError> {
        self.received.map_or(Ok(Exact::ZERO), |(received, _)| self.kept_of(received))
    }

    /// What would be kept of it, were this what came in.
    pub(super) fn kept_of(&self, received: Exact) -> Result<Exact, MoneyError> {
        // Credit refunded here is the money the gateway reports as refunded, maybe later.
        let refunded = self.refunded.max(self.credit.refunded);
        let refunded = refunded.checked_sub(self.failed()?)?.max(Exact::ZERO);
        let disputed = self.disputed.unwrap_or_default().max(self.credit.charged_back);
        let disputed = if self.is_reinstated { Exact::ZERO } else { disputed };
        let kept = received.checked_sub(refunded)?.checked_sub(disputed)?;
        Ok(kept.max(Exact::ZERO))
    }

    /// How much of it is credit, spent or not.
    pub fn in_credit(&self) -> Result<Exact, MoneyError> {
        let InCredit { topped_up, drawn, refunded, charged_back, .. } = self.credit;
        Ok(topped_up.checked_sub(drawn)?.checked_sub(refunded)?.checked_sub(charged_back)?)
    }

    /// The lots it made.
    pub fn lots(&self) -> &[LotId] {
        &self.credit.lots
    }
}

/// The payments that a stream knows, and every notice it has seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payments {
    notices: BTreeSet<(Provider, PaymentRef)>,
    objects: BTreeMap<PaymentObject, Payment>,
    lots: BTreeMap<LotId, PaymentObject>,
}

impl Payments {
    /// A payment.
    pub fn get(&self, object: &PaymentObject) -> Option<&Payment> {
        self.objects.get(object)
    }

    /// All of them, in the order of their ids.
    pub fn all(&self) -> impl Iterator<Item = (&PaymentObject, &Payment)> {
        self.objects.iter()
    }

    /// Whether an event of a gateway was seen here.
    pub fn has_seen(&self, gateway: &Provider, notice: &PaymentRef) -> bool {
        self.notices.contains(&(gateway.clone(), notice.clone()))
    }

    /// What a notice means here. Seen before: nothing.
    pub(super) fn book(
        &self,
        notice: &Notice,
        invoice: Option<InvoiceNumber>,
    ) -> Result<Vec<event::Event>, MoneyError> {
        let Notice { gateway, id, .. } = notice;
        if self.has_seen(gateway, id) {
            return nothing();
        }
        let seen = || NoticeSeen {
            gateway: gateway.clone(),
            notice: id.clone(),
            kind: notice.kind.clone(),
            object: notice.object().cloned(),
            gateway_invoice: notice.gateway_invoice.clone(),
            share: None,
        };
        let Outcome::Payment { object, amount, change } = &notice.outcome else {
            return one(seen());
        };
        let facts = |amount| PaymentFacts {
            gateway: gateway.clone(),
            object: object.clone(),
            notice: id.clone(),
            amount,
            customer: notice.customer.clone(),
            gateway_invoice: notice.gateway_invoice.clone(),
            invoice: invoice.clone(),
        };
        let known = PaymentObject { gateway: gateway.clone(), object: object.clone() };
        let empty = Payment::of(amount.currency());
        let known = self.get(&known).unwrap_or(&empty);
        Money::zero(known.currency).expect_same(*amount)?;
        expect_payable(*amount)?;
        match change {
            Change::Succeeded | Change::SucceededFor => {
                let is_share = *change == Change::SucceededFor;
                let invoice = notice.gateway_invoice.as_ref().filter(|_| is_share);
                let shares = known.shares_with(invoice, amount.amount());
                let received = known.received_with(amount.amount(), &shares)?;
                let share = (shares != known.shares).then_some(*amount);
                match known.received {
                    Some((before, _)) if before == received => one(NoticeSeen { share, ..seen() }),
                    Some(_) | None => one(PaymentSucceeded { payment: facts(*amount), share }),
                }
            }
            Change::Failed { .. } if known.received.is_some() => one(seen()),
            Change::Failed { next_attempt_at, reason } => one(PaymentFailed {
                payment: facts(*amount),
                next_attempt_at: *next_attempt_at,
                reason: reason.clone(),
            }),
            Change::Refunded => {
                known.refunded.checked_add(amount.amount())?;
                one(PaymentRefunded { payment: facts(*amount), failed: None })
            }
            Change::RefundFailed { refund } if known.failed.contains_key(refund) => one(seen()),
            Change::RefundFailed { refund } => {
                known.failed()?.checked_add(amount.amount())?;
                let failed = Some(refund.clone());
                one(PaymentRefunded { payment: facts(amount.negated()), failed })
            }
            Change::Disputed { .. } if known.disputed.is_some() => one(seen()),
            Change::Reinstated { .. } if known.is_reinstated => one(seen()),
            Change::Disputed { reason } => {
                one(PaymentDisputed { payment: facts(*amount), reason: reason.clone() })
            }
            Change::Reinstated { reason } => {
                one(PaymentDisputed { payment: facts(amount.negated()), reason: reason.clone() })
            }
        }
    }

    /// What a record of a payment makes of it.
    pub(crate) fn take(&mut self, event: &Event, record: &Record) -> Result<(), MoneyError> {
        let at = record.occurred_at;
        match event {
            Event::PaymentSucceeded(it) => {
                let payment = self.told(&it.payment)?;
                payment.take_share(it.payment.gateway_invoice.as_ref(), it.share)?;
                let whole = it.payment.amount.amount();
                let received = payment.received_with(whole, &payment.shares)?;
                let since = payment.received.map_or(at, |it| it.1);
                payment.received = Some((received, since));
            }
            Event::PaymentFailed(it) => {
                let payment = self.told(&it.payment)?;
                payment.first_failed_at = Some(payment.first_failed_at.map_or(at, |it| it.min(at)));
            }
            Event::PaymentRefunded(it) => {
                let payment = self.told(&it.payment)?;
                let amount = it.payment.amount.amount();
                match &it.failed {
                    Some(refund) => {
                        payment.failed.entry(refund.clone()).or_insert(amount.negated());
                    }
                    None => add(&mut payment.refunded, amount)?,
                }
                payment.moved_at = payment.moved_at.max(Some(at));
            }
            Event::PaymentDisputed(it) => {
                let payment = self.told(&it.payment)?;
                let amount = it.payment.amount.amount();
                if amount.is_negative() {
                    payment.is_reinstated = true;
                } else {
                    payment.disputed = payment.disputed.or(Some(amount));
                }
                payment.moved_at = payment.moved_at.max(Some(at));
            }
            Event::NoticeSeen(it) => {
                self.notices.insert((it.gateway.clone(), it.notice.clone()));
                let object = it.object.clone();
                let object = object.map(|object| {
                    let gateway = it.gateway.clone();
                    PaymentObject { gateway, object }
                });
                if let Some(payment) = object.and_then(|it| self.objects.get_mut(&it)) {
                    keep_first(&mut payment.gateway_invoice, it.gateway_invoice.as_ref());
                    payment.take_share(it.gateway_invoice.as_ref(), it.share)?;
                    if let Some((_, since)) = payment.received {
                        let received = payment.received_with(Exact::ZERO, &payment.shares)?;
                        payment.received = Some((received, since));
                    }
                }
            }
            Event::PaymentAssigned(_)
            | Event::Warned(_)
            | Event::FinalWarningGiven(_)
            | Event::Suspended(_)
            | Event::Restored(_)
            | Event::DestructiveActionRefused(_) => (),
        }
        Ok(())
    }

    /// The payment that these facts are about, with what they tell of it.
    fn told(&mut self, facts: &PaymentFacts) -> Result<&mut Payment, MoneyError> {
        self.notices.insert((facts.gateway.clone(), facts.notice.clone()));
        let currency = facts.amount.currency();
        let object = PaymentObject::from(facts);
        let payment = self.objects.entry(object).or_insert_with(|| Payment::of(currency));
        Money::zero(payment.currency).expect_same(facts.amount)?;
        keep_first(&mut payment.customer, facts.customer.as_ref());
        keep_first(&mut payment.gateway_invoice, facts.gateway_invoice.as_ref());
        keep_first(&mut payment.invoice, facts.invoice.as_ref());
        Ok(payment)
    }

    /// What a record of credit makes of the payment behind it, where one is.
    pub(super) fn take_credit(&mut self, event: &account::Event) -> Result<(), FoldProblem> {
        use account::Event as Account;
        match event {
            Account::CreditToppedUp(it) => {
                let CreditOrigin::Payment { gateway, object } = &it.origin else { return Ok(()) };
                let object = PaymentObject { gateway: gateway.clone(), object: object.clone() };
                if let Some(payment) = self.objects.get_mut(&object) {
                    payment.credit.lots.push(it.lot.clone());
                    add(&mut payment.credit.topped_up, it.amount.amount())?;
                    self.lots.insert(it.lot.clone(), object);
                }
            }
            Account::CreditDrawn(it) => {
                let DrawPurpose::Payment { gateway, object, .. } = &it.purpose else {
                    return Ok(());
                };
                let object = PaymentObject { gateway: gateway.clone(), object: object.clone() };
                if let Some(payment) = self.objects.get_mut(&object) {
                    add(&mut payment.credit.drawn, it.amount.amount())?;
                }
            }
            Account::CreditRefunded(it) => {
                // The gateway's word is a demand; what somebody here asked for is what was given.
                let amount = if it.object.is_some() { it.requested } else { it.amount };
                if let Some(payment) = self.behind(&it.lot) {
                    add(&mut payment.credit.refunded, amount.amount())?;
                }
            }
            Account::CreditChargedBack(it) => {
                if let Some(payment) = self.behind(&it.lot) {
                    add(&mut payment.credit.charged_back, it.amount.amount())?;
                }
            }
            Account::TenantRegistered(_)
            | Account::IdentityVerified(_)
            | Account::TaxProfileSet(_)
            | Account::PaymentReferenceMapped(_)
            | Account::PlanAssigned(_)
            | Account::CostCapSet(_)
            | Account::CreditReturned(_)
            | Account::CreditExpired(_)
            | Account::PlanPurchased(_)
            | Account::SlotAllocated(_)
            | Account::SlotReleased(_)
            | Account::QuotaReserved(_)
            | Account::QuotaCommitted(_)
            | Account::QuotaReleased(_)
            | Account::DiscountTierReached(_)
            | Account::CouponApplied(_) => (),
        }
        Ok(())
    }

    fn behind(&mut self, lot: &LotId) -> Option<&mut Payment> {
        self.objects.get_mut(self.lots.get(lot)?)
    }
}

/// The most minor units of one payment: more than any gateway's word holds, and few enough that all
/// payments of a tenant add up within an exact amount.
const MINOR_UNITS_MAX: u128 = 10_u128.pow(21);

/// Money that changes hands comes in whole minor units. What is finer cannot be paid, and would not
/// add up with what is large.
fn expect_payable(amount: Money) -> Result<(), MoneyError> {
    let units = amount.minor_units().ok_or(ExactError::TooFine)?;
    if units.unsigned_abs() > MINOR_UNITS_MAX {
        return Err(ExactError::Overflow.into());
    }
    Ok(())
}

fn keep_first<T: Clone>(known: &mut Option<T>, said: Option<&T>) {
    if known.is_none() {
        *known = said.cloned();
    }
}

fn add(sum: &mut Exact, amount: Exact) -> Result<(), MoneyError> {
    *sum = sum.checked_add(amount)?;
    Ok(())
}
