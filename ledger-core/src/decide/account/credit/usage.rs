//! Usage drawn from credit: what a period's usage comes to by now, less what was drawn for it.
//!
//! A settlement says what each kind costs in all. What is missing is drawn, what is too much goes
//! back, last drawn first. So the sum of the draws is what the usage costs, however often it was
//! settled in between; the same settlement twice draws nothing; and a correction needs no rule.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Account, Answer, Credit, CreditRefusal, add, of};
use crate::event::account::{CreditDrawn, CreditReturned, DrawPurpose, KindAmount};
use crate::fold::FoldProblem;
use crate::id::{Note, ResourceKind};
use crate::log::Revision;
use crate::money::{Currency, Exact, ExactError, Money, MoneyError, Quantity};
use crate::time::{BillingPeriod, Timestamp};

/// What the usage of a period comes to, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDue {
    /// The period.
    pub period: BillingPeriod,
    /// The last record that was read; none where there is none.
    pub reached: Option<Revision>,
    /// What each kind comes to: all of it, drawn before or not.
    pub kinds: Vec<KindAmount>,
}

/// What was drawn for the usage of a period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Settled {
    reached: Option<Revision>,
    draws: BTreeMap<Revision, UsageDraw>,
}

/// A draw, and what of each kind in it did not go back.
#[derive(Debug, Clone, PartialEq, Eq)]
struct UsageDraw {
    drawn: CreditDrawn,
    left: Kinds,
}

/// So much of each kind, and what it cost.
type Kinds = BTreeMap<ResourceKind, Part>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Part {
    quantity: Exact,
    amount: Exact,
}

impl Part {
    fn plus(self, quantity: Exact, amount: Exact) -> Result<Self, MoneyError> {
        Ok(Self {
            quantity: self.quantity.checked_add(quantity)?,
            amount: self.amount.checked_add(amount)?,
        })
    }

    fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.plus(other.quantity.negated(), other.amount.negated())
    }

    fn of_kind(self, kind: &ResourceKind, currency: Currency) -> Result<KindAmount, MoneyError> {
        let quantity = Quantity::new(self.quantity).map_err(|_| ExactError::Overflow)?;
        let amount = Money::new(self.amount, currency);
        Ok(KindAmount { kind: kind.clone(), quantity, amount })
    }
}

fn put(kinds: &mut Kinds, kind: &ResourceKind, part: Part) -> Result<(), MoneyError> {
    let sum = kinds.entry(kind.clone()).or_default();
    *sum = sum.plus(part.quantity, part.amount)?;
    Ok(())
}

fn part_of(it: &KindAmount) -> Part {
    Part { quantity: it.quantity.get(), amount: it.amount.amount() }
}

impl Settled {
    pub(super) fn take(&mut self, at: Revision, drawn: &CreditDrawn) -> Result<(), FoldProblem> {
        let DrawPurpose::Usage { reached, kinds, .. } = &drawn.purpose else { return Ok(()) };
        self.reached = self.reached.max(*reached);
        let mut left = Kinds::new();
        for it in kinds {
            put(&mut left, &it.kind, part_of(it))?;
        }
        // A draw of nothing says how far it was settled, and nothing can go back of it.
        if !kinds.is_empty() {
            self.draws.insert(at, UsageDraw { drawn: drawn.clone(), left });
        }
        Ok(())
    }

    pub(super) fn give_back(&mut self, it: &CreditReturned) -> Result<(), FoldProblem> {
        let Some(draw) = self.draws.get_mut(&it.draw) else { return Ok(()) };
        for kind in &it.kinds {
            let part = Part::default().minus(part_of(kind))?;
            put(&mut draw.left, &kind.kind, part)?;
        }
        Ok(())
    }

    /// What was drawn of each kind and did not go back.
    fn drawn(&self) -> Result<Kinds, MoneyError> {
        let mut all = Kinds::new();
        for (kind, part) in self.draws.values().flat_map(|it| &it.left) {
            put(&mut all, kind, *part)?;
        }
        Ok(all)
    }

    /// What each kind comes to more than was drawn for it; less where below zero.
    fn missing(&self, due: &[KindAmount]) -> Result<Kinds, MoneyError> {
        let mut missing = Kinds::new();
        for (kind, part) in self.drawn()? {
            missing.insert(kind, Part::default().minus(part)?);
        }
        for it in due {
            put(&mut missing, &it.kind, part_of(it))?;
        }
        missing.retain(|_, it| *it != Part::default());
        Ok(missing)
    }
}

impl Credit {
    /// How far the usage of a period was drawn.
    pub fn settled(&self, period: BillingPeriod) -> Option<Revision> {
        self.settled.get(&period)?.reached
    }

    /// What was drawn for the usage of a period and did not go back, by kind.
    pub fn drawn_in(
        &self,
        period: BillingPeriod,
    ) -> Result<BTreeMap<ResourceKind, Exact>, MoneyError> {
        let kinds = self.settled.get(&period).map_or(Ok(Kinds::new()), Settled::drawn)?;
        Ok(kinds.into_iter().map(|(kind, it)| (kind, it.amount)).collect())
    }
}

impl Account {
    /// Draws what the usage of a period comes to beyond what was drawn for it, in full, or gives
    /// back what was drawn too much. What was read before the last settlement says nothing new.
    pub fn settle_usage(&self, due: &UsageDue, at: Timestamp) -> Answer {
        let currency = self.currency().ok_or(CreditRefusal::TenantUnknown)?;
        for it in &due.kinds {
            if of(it.amount, currency)?.is_negative() {
                return Err(CreditRefusal::AmountNotPositive { amount: it.amount });
            }
        }
        let nothing_yet = Settled::default();
        let before = self.credit.settled.get(&due.period).unwrap_or(&nothing_yet);
        if due.reached < before.reached {
            return Ok(Vec::new());
        }
        let missing = before.missing(&due.kinds)?;
        let (less, more): (Kinds, Kinds) =
            missing.into_iter().partition(|(_, it)| it.amount.is_negative());
        let mut credit = Cow::Borrowed(&self.credit);
        let mut events = Vec::new();
        for it in given_back(&mut credit, before, less, (currency, at))? {
            events.push(it.into());
        }
        if !more.is_empty() || due.reached > before.reached {
            let kinds = more.iter().map(|(kind, it)| it.of_kind(kind, currency));
            let kinds = kinds.collect::<Result<Vec<_>, _>>()?;
            let amount = Money::sum(currency, kinds.iter().map(|it| it.amount))?;
            let UsageDue { period, reached, .. } = *due;
            let purpose = DrawPurpose::Usage { period, reached, kinds };
            events.push(credit.drawn_for(amount, purpose, at)?.into());
        }
        Ok(events)
    }
}

/// What goes back of each draw, the last one first, and what the credit is after that.
fn given_back(
    credit: &mut Cow<'_, Credit>,
    settled: &Settled,
    mut less: Kinds,
    (currency, at): (Currency, Timestamp),
) -> Result<Vec<CreditReturned>, CreditRefusal> {
    let mut returned = Vec::new();
    for (revision, draw) in settled.draws.iter().rev() {
        let (mut kinds, mut sum) = (Vec::new(), Exact::ZERO);
        for (kind, missing) in &mut less {
            let left = draw.left.get(kind).copied().unwrap_or_default();
            let amount = missing.amount.negated().min(left.amount);
            if amount <= Exact::ZERO {
                continue;
            }
            // A draw that goes back whole takes its quantity along, the last one what is left.
            let is_last = amount == missing.amount.negated();
            let quantity = if is_last { missing.quantity.negated() } else { left.quantity };
            let part = Part { quantity, amount };
            *missing = missing.plus(quantity, amount)?;
            add(&mut sum, amount)?;
            kinds.push(part.of_kind(kind, currency)?);
        }
        if !kinds.is_empty() {
            let reason = Note::new("its usage comes to less").expect("a sentence is a note");
            let draw = (*revision, &draw.drawn);
            let it = credit.returned_of(draw, (sum, currency), kinds, reason)?;
            // Its lots and its currency are the account's own: what is left is a sum too large.
            let taken = credit.to_mut().take_returned(&it, currency, at);
            taken.map_err(|_| MoneyError::from(ExactError::Overflow))?;
            returned.push(it);
        }
    }
    Ok(returned)
}
