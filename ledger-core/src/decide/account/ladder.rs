//! The discount ladder: the longer since the first payment, the lower the price.
//!
//! The tier is computable at any time; that it was reached is recorded because people act on it,
//! and an audit compares the two.

use super::Account;
use crate::catalog::Ladder;
use crate::event::Event;
use crate::event::account::DiscountTierReached;
use crate::price::tier_at;
use crate::time::Timestamp;

#[cfg(test)]
mod tests;

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
