//! The discount ladder: the longer since the first payment, the lower the price.
//!
//! The tier is computable at any time; that it was reached is recorded because people act on it,
//! and an audit compares the two.

use super::Account;
use crate::catalog::{Ladder, LadderTier};
use crate::event::Event;
use crate::event::account::DiscountTierReached;
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

/// A day of the ladder has this many seconds, whatever the calendar says.
const DAY_SECONDS: i64 = 86_400;

/// The tier that holds at an instant, and since when; none before the first or without a payment.
pub fn tier_at(
    ladder: &Ladder,
    first_paid_at: Option<Timestamp>,
    at: Timestamp,
) -> Option<(&LadderTier, Timestamp)> {
    let first = first_paid_at?;
    let since = |tier: &LadderTier| first.plus_seconds(i64::from(tier.days) * DAY_SECONDS);
    let reached = |tier: &LadderTier| Some(since(tier)?).filter(|it| *it <= at);
    let tiers = ladder.tiers.iter().filter_map(|tier| Some((tier, reached(tier)?)));
    tiers.max_by_key(|(tier, _)| tier.days)
}

impl Account {
    /// Records the tier that holds now where it is not the one recorded last. A tick that comes
    /// late records only the tier it finds, with the instant it was reached.
    pub fn reach_tier(&self, ladder: &Ladder, at: Timestamp) -> Vec<Event> {
        let Some((tier, reached_at)) = tier_at(ladder, self.credit.first_paid_at(), at) else {
            return Vec::new();
        };
        let reached = DiscountTierReached {
            tier: tier.name.clone(),
            days: tier.days,
            multiplier: tier.multiplier,
            reached_at,
        };
        if self.tier.as_ref() == Some(&reached) { Vec::new() } else { vec![reached.into()] }
    }
}
