//! Prepaid credit: lots with an expiry, what is owed beyond them, and the decisions about both.
//!
//! Lots are drawn earliest expiry first, then oldest. Usage is always drawn in full, so that what
//! the lots do not cover is owed, and the next top-up settles it first. At its expiry itself a lot
//! is gone, whether a tick has recorded that or not.

use std::collections::{BTreeMap, BTreeSet};

use super::Account;
use crate::decide::{nothing, one};
use crate::event;
use crate::event::account::{
    CreditChargedBack, CreditDrawn, CreditExpired, CreditOrigin, CreditRefunded, CreditReturned,
    CreditToppedUp, DrawPurpose, Event, KindAmount, LotPart,
};
use crate::fold::FoldProblem;
use crate::id::{InvoiceNumber, LotId, Note, PaymentRef, Provider};
use crate::log::{Record, Revision};
use crate::money::{Currency, Exact, ExactError, Money, MoneyError, Rounding};
use crate::time::{BillingPeriod, Timestamp};

mod refusal;
mod usage;

pub use refusal::CreditRefusal;
use usage::Settled;
pub use usage::UsageDue;

/// A lot of credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// What was paid in.
    paid: CreditToppedUp,
    /// What is left of it.
    left: Exact,
    /// How old it is: when it was paid, then its place in the stream.
    age: (Timestamp, Revision),
    /// The last time that something came into it.
    filled_at: Timestamp,
}

impl Lot {
    /// What is left of it at an instant.
    fn left(&self, at: Timestamp) -> Exact {
        if is_gone(&self.paid, at) { Exact::ZERO } else { self.left }
    }

    /// What has expired of it by an instant, and when that was gone: at its end, or when it went
    /// back to it after that.
    fn expired(&self, at: Timestamp) -> Option<(Timestamp, Exact)> {
        let expires_at = self.paid.expires_at.filter(|it| *it <= at)?;
        let is_left = !self.left.is_zero();
        is_left.then(|| (expires_at.max(self.filled_at), self.left))
    }
}

/// Whether a lot is gone at an instant; at its expiry itself it is.
fn is_gone(lot: &CreditToppedUp, at: Timestamp) -> bool {
    lot.expires_at.is_some_and(|it| it <= at)
}

/// What went back of one draw.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Returned {
    total: Exact,
    lots: BTreeMap<LotId, Exact>,
}

/// All lots of an account, and what it owes beyond them. In the account's one currency.
///
/// What was owed, was settled by a later lot and is then returned belongs to no lot: it is owed to
/// the tenant (below zero here), and draws take it last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credit {
    lots: BTreeMap<LotId, Lot>,
    owed: Exact,
    first_paid_at: Option<Timestamp>,
    settled: BTreeMap<BillingPeriod, Settled>,
    applied: BTreeMap<InvoiceNumber, (Revision, CreditDrawn)>,
    charged_back: BTreeSet<(Provider, PaymentRef)>,
    returned: BTreeMap<Revision, Returned>,
}

impl Credit {
    /// What may be spent at an instant; below zero where more is owed than there is.
    pub fn balance(&self, at: Timestamp) -> Result<Exact, MoneyError> {
        let owed = self.owed.negated();
        let sum = |sum: Exact, lot: &Lot| sum.checked_add(lot.left(at));
        Ok(self.lots.values().try_fold(owed, sum)?)
    }

    /// When the first top-up recorded was paid. It never moves.
    pub const fn first_paid_at(&self) -> Option<Timestamp> {
        self.first_paid_at
    }

    /// What was drawn for an invoice at issue, whether or not it went back since.
    pub fn applied(&self, number: &InvoiceNumber) -> Option<Money> {
        self.applied.get(number).map(|(_, drawn)| drawn.amount)
    }

    /// The lots that a draw takes from, in order, and how much each gives.
    pub(super) fn parts(&self, amount: Exact, at: Timestamp) -> Result<Parts, MoneyError> {
        self.parts_from(&[], amount, at)
    }

    /// The same, but these lots first: money that is known to have come for this.
    pub(super) fn parts_from(
        &self,
        own: &[LotId],
        amount: Exact,
        at: Timestamp,
    ) -> Result<Parts, MoneyError> {
        let alive = self.lots.iter().filter(|(_, it)| !it.left(at).is_zero());
        let mut in_order = alive.collect::<Vec<_>>();
        in_order.sort_by_key(|(name, it)| {
            let expires_at = it.paid.expires_at;
            (!own.contains(name), expires_at.is_none(), expires_at, it.age)
        });
        let (mut parts, mut missing) = (Vec::new(), amount);
        for (name, lot) in in_order {
            if missing <= Exact::ZERO {
                break;
            }
            let given = lot.left(at).min(missing);
            missing = missing.checked_sub(given)?;
            parts.push((name.clone(), given));
        }
        Ok(parts)
    }

    /// A draw as it was recorded: the lots give their parts, the rest is owed.
    pub(super) fn draw(&mut self, amount: Exact, lots: &[LotPart]) -> Result<(), FoldProblem> {
        let mut missing = amount;
        for part in lots {
            let taken = part.amount.amount();
            self.reduce(&part.lot, taken)?;
            missing = missing.checked_sub(taken).map_err(MoneyError::from)?;
        }
        self.owe(missing)
    }

    fn reduce(&mut self, name: &LotId, taken: Exact) -> Result<(), FoldProblem> {
        let lot = self.lot(name)?;
        if lot.left < taken {
            return Err(FoldProblem::Overdrawn { lot: name.clone(), left: lot.left, taken });
        }
        lot.left = lot.left.checked_sub(taken).map_err(MoneyError::from)?;
        Ok(())
    }

    /// Refuses a change after which what is left of a lot, what is owed, or a sum of any of them is
    /// no number: it would be recorded, and nobody could fold it or say the balance.
    pub(super) fn expect_sums<'a>(
        &'a self,
        lots: impl IntoIterator<Item = (&'a LotId, Exact)>,
        owed: Exact,
    ) -> Result<(), MoneyError> {
        let left = self.lots.iter().map(|(name, it)| (name, it.left));
        let mut left = left.collect::<BTreeMap<_, _>>();
        for (name, change) in lots {
            add(left.entry(name).or_default(), change)?;
        }
        let owed = self.owed.checked_add(owed)?;
        Ok(expect_sum(left.values().copied().chain([owed]))?)
    }

    /// Refuses an amount that cannot be paid in: the sum of what is there, or of all that ever was,
    /// would be no number.
    pub(super) fn expect_room(&self, amount: Exact) -> Result<(), MoneyError> {
        let with = [amount, self.owed];
        expect_sum(self.lots.values().map(|it| it.left).chain(with))?;
        Ok(expect_sum(self.lots.values().map(|it| it.paid.amount.amount()).chain(with))?)
    }

    /// Refuses a draw that leaves no numbers behind.
    pub(super) fn expect_draw(&self, amount: Exact, parts: &Parts) -> Result<(), MoneyError> {
        let mut missing = amount;
        for (_, given) in parts {
            missing = missing.checked_sub(*given)?;
        }
        self.expect_sums(parts.iter().map(|(lot, given)| (lot, given.negated())), missing)
    }

    /// What a lot has left at an instant.
    pub(super) fn left_of(&self, name: &LotId, at: Timestamp) -> Exact {
        self.lots.get(name).map_or(Exact::ZERO, |it| it.left(at))
    }

    fn lot(&mut self, name: &LotId) -> Result<&mut Lot, FoldProblem> {
        self.lots.get_mut(name).ok_or_else(|| FoldProblem::UnknownLot { lot: name.clone() })
    }

    fn owe(&mut self, amount: Exact) -> Result<(), FoldProblem> {
        Ok(add(&mut self.owed, amount)?)
    }

    /// What a record makes of it.
    pub(super) fn take(
        &mut self,
        event: &Event,
        currency: Currency,
        record: &Record,
    ) -> Result<(), FoldProblem> {
        match event {
            Event::CreditToppedUp(it) => self.topped_up(it, currency, record)?,
            Event::CreditDrawn(it) => {
                self.draw(of(it.amount, currency)?, &it.lots)?;
                match &it.purpose {
                    DrawPurpose::Usage { period, .. } => {
                        self.settled.entry(*period).or_default().take(record.revision, it)?;
                    }
                    DrawPurpose::Invoice { number } => {
                        self.applied.insert(number.clone(), (record.revision, it.clone()));
                    }
                    DrawPurpose::Payment { .. } => (),
                }
            }
            Event::CreditReturned(it) => self.take_returned(it, currency, record.occurred_at)?,
            Event::CreditExpired(it) => self.reduce(&it.lot, of(it.amount, currency)?)?,
            Event::CreditRefunded(it) => self.reduce(&it.lot, of(it.amount, currency)?)?,
            Event::CreditChargedBack(it) => {
                let amount = of(it.amount, currency)?;
                let given = self.lot(&it.lot)?.left(record.occurred_at).min(amount);
                self.reduce(&it.lot, given)?;
                self.owe(amount.checked_sub(given).map_err(MoneyError::from)?)?;
                self.charged_back.insert((it.gateway.clone(), it.object.clone()));
            }
            Event::TenantRegistered(_)
            | Event::IdentityVerified(_)
            | Event::TaxProfileSet(_)
            | Event::PaymentReferenceMapped(_)
            | Event::PlanAssigned(_)
            | Event::CostCapSet(_)
            | Event::PlanPurchased(_)
            | Event::SlotAllocated(_)
            | Event::SlotReleased(_)
            | Event::QuotaReserved(_)
            | Event::QuotaCommitted(_)
            | Event::QuotaReleased(_)
            | Event::DiscountTierReached(_)
            | Event::CouponApplied(_) => (),
        }
        Ok(())
    }

    fn take_returned(
        &mut self,
        it: &CreditReturned,
        currency: Currency,
        at: Timestamp,
    ) -> Result<(), FoldProblem> {
        let mut settles = of(it.amount, currency)?;
        let mut returned = self.returned.remove(&it.draw).unwrap_or_default();
        add(&mut returned.total, settles)?;
        for part in &it.lots {
            let given = part.amount.amount();
            let lot = self.lot(&part.lot)?;
            add(&mut lot.left, given)?;
            lot.filled_at = lot.filled_at.max(at);
            add(returned.lots.entry(part.lot.clone()).or_default(), given)?;
            add(&mut settles, given.negated())?;
        }
        self.returned.insert(it.draw, returned);
        for settled in self.settled.values_mut() {
            settled.give_back(it)?;
        }
        self.owe(settles.negated())
    }

    fn topped_up(
        &mut self,
        it: &CreditToppedUp,
        currency: Currency,
        record: &Record,
    ) -> Result<(), FoldProblem> {
        let amount = of(it.amount, currency)?;
        let (at, mut settles) = (record.occurred_at, self.owed.min(amount).max(Exact::ZERO));
        if is_gone(it, at) {
            settles = Exact::ZERO;
        }
        self.owe(settles.negated())?;
        let left = amount.checked_sub(settles).map_err(MoneyError::from)?;
        let (age, filled_at) = ((at, record.revision), at);
        self.lots.insert(it.lot.clone(), Lot { paid: it.clone(), left, age, filled_at });
        let is_payment = match it.origin {
            CreditOrigin::Payment { .. } | CreditOrigin::Operator { .. } => true,
            CreditOrigin::CreditNote { .. } => false,
        };
        if is_payment && self.first_paid_at.is_none() {
            self.first_paid_at = Some(record.occurred_at);
        }
        Ok(())
    }
}

fn add(sum: &mut Exact, amount: Exact) -> Result<(), MoneyError> {
    *sum = sum.checked_add(amount)?;
    Ok(())
}

/// Refuses amounts of which some, in whatever order, have a sum that is no number.
fn expect_sum(amounts: impl Iterator<Item = Exact> + Clone) -> Result<(), ExactError> {
    let finest = amounts.clone().map(Exact::scale).max().unwrap_or(0);
    let mut digits = amounts.map(|it| it.magnitude().mantissa_at(finest));
    let sum = digits.try_fold(0_i128, |sum, it| sum.checked_add(it?));
    match sum.filter(|it| *it <= Exact::MANTISSA_MAX) {
        Some(_) => Ok(()),
        None => Err(ExactError::Overflow),
    }
}

/// What each lot gives, in order.
pub(super) type Parts = Vec<(LotId, Exact)>;

/// The parts as an event says them.
pub(super) fn lot_parts(parts: Parts, currency: Currency) -> Vec<LotPart> {
    let part = |(lot, amount)| LotPart { lot, amount: Money::new(amount, currency) };
    parts.into_iter().map(part).collect()
}

/// An amount that must be in this currency.
pub(super) fn of(money: Money, currency: Currency) -> Result<Exact, MoneyError> {
    money
        .expect_same(Money::zero(currency))
        .map_err(|_| MoneyError::ForeignCurrency { expected: currency, found: money.currency() })?;
    Ok(money.amount())
}

/// The code of an amount that cannot be booked.
pub(super) const fn amount_code(error: &MoneyError) -> &'static str {
    match error {
        MoneyError::ForeignCurrency { .. } => "currency_mismatch",
        MoneyError::Number(_) => "amount_out_of_range",
    }
}

/// What a decision about credit answers.
type Answer = Result<Vec<event::Event>, CreditRefusal>;

impl Account {
    /// The currency and an amount in it that is more than nothing.
    fn positive(&self, amount: Money) -> Result<(Currency, Exact), CreditRefusal> {
        let currency = self.currency().ok_or(CreditRefusal::TenantUnknown)?;
        let exact = of(amount, currency)?;
        if exact <= Exact::ZERO {
            return Err(CreditRefusal::AmountNotPositive { amount });
        }
        Ok((currency, exact))
    }

    /// Refuses what could not be paid in as credit, before anything promises it.
    pub fn expect_room(&self, amount: Money) -> Result<(), CreditRefusal> {
        let currency = self.currency().ok_or(CreditRefusal::TenantUnknown)?;
        Ok(self.credit.expect_room(of(amount, currency)?)?)
    }

    /// Pays credit in. The same lot again changes nothing, whenever it comes.
    pub fn top_up(&self, command: &CreditToppedUp, at: Timestamp) -> Answer {
        let (_, amount) = self.positive(command.amount)?;
        match self.credit.lots.get(&command.lot) {
            Some(lot) if lot.paid == *command => nothing(),
            Some(_) => Err(CreditRefusal::LotTaken { lot: command.lot.clone() }),
            None => {
                if let Some(expires_at) = command.expires_at.filter(|it| *it <= at) {
                    let lot = command.lot.clone();
                    return Err(CreditRefusal::LotExpired { lot, expires_at, at });
                }
                self.credit.expect_room(amount)?;
                one(command.clone())
            }
        }
    }

    /// Applies credit to an invoice at issue: the lesser of its total and the balance, rounded
    /// toward zero to the minor unit. Nothing where there is nothing to apply.
    pub fn apply_to_invoice(&self, number: &InvoiceNumber, total: Money, at: Timestamp) -> Answer {
        let currency = self.currency().ok_or(CreditRefusal::TenantUnknown)?;
        let applied = of(total, currency)?.min(self.credit.balance(at)?);
        let applied = Money::new(applied, currency).rounded(Rounding::TowardZero);
        let applied = applied.map_err(MoneyError::from)?;
        let is_done = self.credit.applied.contains_key(number);
        if is_done || applied.is_negative() || applied.is_zero() {
            return nothing();
        }
        one(self.credit.drawn_for(applied, DrawPurpose::Invoice { number: number.clone() }, at)?)
    }

    /// Gives back what was drawn for an invoice that no longer counts. Nothing is left to give: no
    /// event.
    pub fn return_applied(&self, number: &InvoiceNumber, reason: Note) -> Answer {
        let Some((draw, drawn)) = self.credit.applied.get(number) else { return nothing() };
        let returned = self.credit.returned.get(draw).map(|it| it.total).unwrap_or_default();
        let left = drawn.amount.amount().checked_sub(returned).map_err(MoneyError::from)?;
        if left.is_zero() {
            return nothing();
        }
        let left = Money::new(left, drawn.amount.currency());
        self.return_draw((*draw, drawn), left, Vec::new(), reason)
    }

    /// What has expired and was not recorded as such, each with the instant at which it was gone:
    /// that is when it occurred and whose day's income it is, however late somebody looks.
    pub fn expire(&self, at: Timestamp) -> Result<Vec<(Timestamp, event::Event)>, CreditRefusal> {
        let currency = self.currency().ok_or(CreditRefusal::TenantUnknown)?;
        let gone = self.credit.lots.iter().filter_map(|(lot, it)| Some((lot, it.expired(at)?)));
        let expired = gone.map(|(lot, (gone_at, left))| {
            let amount = Money::new(left, currency);
            (gone_at, CreditExpired { lot: lot.clone(), amount }.into())
        });
        Ok(expired.collect())
    }

    /// Pays credit back: what the lot has left of it, which the event says.
    pub fn refund(&self, lot: &LotId, requested: Money, reason: Note, at: Timestamp) -> Answer {
        let (currency, exact) = self.positive(requested)?;
        let unknown = || CreditRefusal::LotUnknown { lot: lot.clone() };
        let left = self.credit.lots.get(lot).ok_or_else(unknown)?.left(at);
        if left.is_zero() {
            return Err(CreditRefusal::LotEmpty { lot: lot.clone() });
        }
        let given = left.min(exact);
        self.credit.expect_sums([(lot, given.negated())], Exact::ZERO)?;
        let amount = Money::new(given, currency);
        one(CreditRefunded { lot: lot.clone(), requested, amount, object: None, reason })
    }

    /// Takes back what a bank took back; the balance may go below zero, and what has expired gives
    /// nothing. The same dispute again changes nothing.
    pub fn charge_back(&self, command: &CreditChargedBack, at: Timestamp) -> Answer {
        let (_, exact) = self.positive(command.amount)?;
        let unknown = || CreditRefusal::LotUnknown { lot: command.lot.clone() };
        let left = self.credit.lots.get(&command.lot).ok_or_else(unknown)?.left(at);
        let dispute = (command.gateway.clone(), command.object.clone());
        if self.credit.charged_back.contains(&dispute) {
            return nothing();
        }
        let given = left.min(exact);
        let owed = exact.checked_sub(given).map_err(MoneyError::from)?;
        self.credit.expect_sums([(&command.lot, given.negated())], owed)?;
        one(command.clone())
    }

    /// Gives a draw back, or a part of it: first what is owed, then its lots, last drawn first.
    /// `kinds` are what of it each kind of usage had cost.
    pub fn return_draw(
        &self,
        draw: (Revision, &CreditDrawn),
        amount: Money,
        kinds: Vec<KindAmount>,
        reason: Note,
    ) -> Answer {
        let (currency, exact) = self.positive(amount)?;
        one(self.credit.returned_of(draw, (exact, currency), kinds, reason)?)
    }
}

impl Credit {
    /// A draw in full; what the lots do not cover is owed.
    fn drawn_for(
        &self,
        amount: Money,
        purpose: DrawPurpose,
        at: Timestamp,
    ) -> Result<CreditDrawn, CreditRefusal> {
        let parts = self.parts(amount.amount(), at)?;
        self.expect_draw(amount.amount(), &parts)?;
        let lots = lot_parts(parts, amount.currency());
        Ok(CreditDrawn { amount, lots, purpose })
    }

    fn returned_of(
        &self,
        (draw, drawn): (Revision, &CreditDrawn),
        (exact, currency): (Exact, Currency),
        kinds: Vec<KindAmount>,
        reason: Note,
    ) -> Result<CreditReturned, CreditRefusal> {
        let amount = Money::new(exact, currency);
        let before = self.returned.get(&draw).cloned().unwrap_or_default();
        let after = before.total.checked_add(exact).map_err(MoneyError::from)?;
        let taken = of(drawn.amount, currency)?;
        if after > taken {
            let left = taken.checked_sub(before.total).map_err(MoneyError::from)?;
            let left = Money::new(left, currency);
            return Err(CreditRefusal::ReturnExceedsDraw { left, amount });
        }
        let settles = self.owed.min(exact).max(Exact::ZERO);
        let mut missing = exact.checked_sub(settles).map_err(MoneyError::from)?;
        let mut lots = Vec::new();
        for part in drawn.lots.iter().rev() {
            if !self.lots.contains_key(&part.lot) {
                return Err(CreditRefusal::LotUnknown { lot: part.lot.clone() });
            }
            let gone = before.lots.get(&part.lot).copied().unwrap_or_default();
            let kept = of(part.amount, currency)?.checked_sub(gone).map_err(MoneyError::from)?;
            let given = kept.min(missing).max(Exact::ZERO);
            if !given.is_zero() {
                missing = missing.checked_sub(given).map_err(MoneyError::from)?;
                let amount = Money::new(given, currency);
                lots.push(LotPart { lot: part.lot.clone(), amount });
            }
        }
        // What was owed, or belongs to no lot, is owed that much less.
        let given = lots.iter().map(|it| (&it.lot, it.amount.amount()));
        let owed = missing.checked_add(settles).map_err(MoneyError::from)?;
        self.expect_sums(given, owed.negated())?;
        Ok(CreditReturned { draw, amount, lots, kinds, reason })
    }
}

#[cfg(test)]
mod tests;
