//! Lower prices for tenants that have paid for long enough.
//!
//! Each unit is priced at the tier of the instant it was used. The allowance is used up in order of
//! time, then of the log; a hard cap keeps the earliest units. The multiplier comes before the
//! rounding, and the mix is explained, not split.

use std::collections::BTreeMap;

use super::PriceError;
use super::explain::{Rule, Sources, Step};
use super::facts::Usage;
use super::model::per_unit;
use crate::catalog::{Ladder, LadderTier};
use crate::id::Category;
use crate::money::{ExactError, Ratio, UnitPrice};
use crate::time::Timestamp;

/// A day of the ladder has this many seconds, whatever the calendar says.
const DAY_SECONDS: i64 = 86_400;

/// The tier a tenant is on at an instant, and since when; none before the first or without a
/// payment.
pub fn tier_at(
    ladder: &Ladder,
    first_paid_at: Option<Timestamp>,
    at: Timestamp,
) -> Option<(&LadderTier, Timestamp)> {
    let reached = tiers(ladder, first_paid_at).filter(|(_, since)| *since <= at);
    reached.max_by_key(|(tier, _)| tier.days)
}

/// The tier that comes after the one of an instant, and when; none after the last or without a
/// payment.
pub fn tier_after(
    ladder: &Ladder,
    first_paid_at: Option<Timestamp>,
    at: Timestamp,
) -> Option<(&LadderTier, Timestamp)> {
    let to_come = tiers(ladder, first_paid_at).filter(|(_, since)| *since > at);
    to_come.min_by_key(|(tier, _)| tier.days)
}

/// All tiers, and since when each holds.
fn tiers(
    ladder: &Ladder,
    first_paid_at: Option<Timestamp>,
) -> impl Iterator<Item = (&LadderTier, Timestamp)> {
    let since =
        move |tier: &LadderTier| first_paid_at?.plus_seconds(i64::from(tier.days) * DAY_SECONDS);
    ladder.tiers.iter().filter_map(move |tier| Some((tier, since(tier)?)))
}

/// The step that lowers the price of usage of a category at an instant, if it is on the ladder.
pub fn tier_for<'a>(
    ladder: &'a Ladder,
    first_paid_at: Option<Timestamp>,
    category: Option<&Category>,
    at: Timestamp,
) -> Option<&'a LadderTier> {
    let category = category.or(ladder.default_category.as_ref())?;
    let is_on_it = ladder.categories.contains(category);
    tier_at(ladder, first_paid_at, at).filter(|_| is_on_it).map(|(tier, _)| tier)
}

/// What the billable part of some records costs, each unit at its own tier.
///
/// `free` is how many units come before the billable ones, `billable` how many those are.
pub(super) fn charge(
    (ladder, first_paid_at): (&Ladder, Option<Timestamp>),
    records: &[&Usage],
    free: Ratio,
    billable: &Step,
    (size, price, from): (&Step, UnitPrice, &Sources),
) -> Result<Step, PriceError> {
    let by_tier = walk(ladder, first_paid_at, records, free, billable.value)?;
    let mut steps = by_tier.into_iter().collect::<Vec<_>>();
    // The first is what the others leave, so that the parts and the whole are one sum.
    let first = if steps.is_empty() { None } else { Some(steps.remove(0)) };
    let others = steps
        .iter()
        .map(|(tier, (units, used))| Step::fact(named(ladder, *tier), *units, used.clone()))
        .collect::<Vec<_>>();
    let mut parts = Vec::new();
    let mut rest = vec![billable.clone()];
    rest.extend(others.iter().cloned());
    let rest = Step::derive("units left at this tier", Rule::Difference, rest)?;
    let tiers = first.iter().chain(&steps).map(|(tier, _)| *tier);
    for (tier, units) in tiers.zip(std::iter::once(rest).chain(others)) {
        let whole = per_unit(units, size, price, from)?;
        parts.push(match tier.and_then(|it| ladder.tiers.get(it)) {
            Some(tier) => {
                let multiplier = Step::fact("multiplier", tier.multiplier, from.clone());
                Step::derive(tier.name.to_string(), Rule::Product, vec![whole, multiplier])?
            }
            None => whole,
        });
    }
    Ok(Step::derive("each unit at its own tier", Rule::Sum, parts)?)
}

fn named(ladder: &Ladder, tier: Option<usize>) -> String {
    match tier.and_then(|it| ladder.tiers.get(it)) {
        Some(tier) => format!("units at tier {}", tier.name),
        None => "units at the whole price".to_owned(),
    }
}

type ByTier = BTreeMap<Option<usize>, (Ratio, Sources)>;

fn walk(
    ladder: &Ladder,
    first_paid_at: Option<Timestamp>,
    records: &[&Usage],
    free: Ratio,
    billable: Ratio,
) -> Result<ByTier, ExactError> {
    let mut records = records.to_vec();
    records.sort_by_key(|it| it.at);
    // A negative record takes back the earliest units, so that the billable ones sum to the whole.
    let taken_back = records.iter().filter(|it| it.quantity.is_negative());
    let mut free =
        taken_back.map(|it| it.quantity).try_fold(free, |free, it| free.checked_sub(it))?;
    let mut left = billable;
    let mut by_tier = ByTier::new();
    for record in records.into_iter().filter(|it| !it.quantity.is_negative()) {
        let quantity = record.quantity;
        let unpaid = quantity.min(free);
        free = free.checked_sub(unpaid)?;
        let paid = quantity.checked_sub(unpaid)?.min(left);
        left = left.checked_sub(paid)?;
        if paid.is_zero() {
            continue;
        }
        let since = record.paid_since(first_paid_at);
        let tier = tier_for(ladder, since, record.category.as_ref(), record.at);
        let index = tier.and_then(|tier| ladder.tiers.iter().position(|it| it == tier));
        let (units, from) = by_tier.entry(index).or_insert((Ratio::ZERO, Sources::NONE));
        *units = units.checked_add(paid)?;
        from.extend(&record.from);
    }
    Ok(by_tier)
}
