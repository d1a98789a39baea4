//! Records of one kind become one quantity.

use std::collections::BTreeMap;

use super::explain::{Sources, Step};
use super::facts::Usage;
use super::{PriceError, Rule};
use crate::catalog::Aggregation;
use crate::id::ResourceId;
use crate::money::{ExactError, Ratio};
use crate::time::Timestamp;

const HOUR_MICROS: i64 = 3_600_000_000;
const SLOT_MICROS: i64 = 300_000_000;

/// The quantity that some records come to between two instants.
///
/// `records` are those within the interval, `earlier` those before it, both of one deployment and
/// kind, in order of the log. What stood before still stands: only a weighted sum and the latest
/// value look at `earlier`.
pub(super) fn measure(
    aggregation: Aggregation,
    earlier: &[&Usage],
    records: &[&Usage],
    starts_at: Timestamp,
    ends_at: Timestamp,
) -> Result<Step, PriceError> {
    let quantity = |it: &&Usage| it.quantity;
    let count = |it: usize| Ratio::whole(i64::try_from(it).unwrap_or(i64::MAX));
    let in_order = in_order(records);
    let (what, value) = match aggregation {
        Aggregation::Sum => ("used", sum(records.iter().map(quantity))?),
        Aggregation::Max => {
            ("largest record", records.iter().map(quantity).max().unwrap_or(Ratio::ZERO))
        }
        Aggregation::Count => ("records", count(records.len())),
        Aggregation::UniqueCount => {
            let mut resources = records.iter().map(|it| &it.resource).collect::<Vec<_>>();
            resources.sort_unstable();
            resources.dedup();
            ("different resources", count(resources.len()))
        }
        Aggregation::TimeWeightedSum => {
            let hours = weighted_hours(earlier, &in_order, starts_at, ends_at)?;
            return Ok(Step::fact("value times hours", hours, sources(earlier, records)));
        }
        Aggregation::Latest => {
            let last = in_order.last().copied().or_else(|| self::in_order(earlier).last().copied());
            let value = last.map_or(Ratio::ZERO, |it| it.quantity);
            let from = last.map_or(Sources::NONE, |it| it.from.clone());
            return Ok(Step::fact("latest value", value, from));
        }
        Aggregation::Percentile95 => {
            ("95th percentile of five-minute samples", percentile(records, starts_at, ends_at)?)
        }
    };
    Ok(Step::fact(what, value, sources(&[], records)))
}

/// A measured quantity as a step of its own, for records that only add up.
pub(super) fn total(records: &[&Usage]) -> Result<Step, PriceError> {
    let value = sum(records.iter().map(|it| it.quantity))?;
    Ok(Step::fact("used", value, sources(&[], records)))
}

fn sum(quantities: impl Iterator<Item = Ratio>) -> Result<Ratio, ExactError> {
    let mut quantities = quantities;
    quantities.try_fold(Ratio::ZERO, |sum, it| sum.checked_add(it))
}

fn sources(earlier: &[&Usage], records: &[&Usage]) -> Sources {
    let mut sources = Sources::NONE;
    for record in earlier.iter().chain(records) {
        sources.extend(&record.from);
    }
    sources
}

/// By the world's clock; what was recorded later stands later.
fn in_order<'a>(records: &[&'a Usage]) -> Vec<&'a Usage> {
    let mut records = records.to_vec();
    records.sort_by_key(|it| it.at);
    records
}

/// Each resource's value times the hours it stood.
fn weighted_hours(
    earlier: &[&Usage],
    records: &[&Usage],
    starts_at: Timestamp,
    ends_at: Timestamp,
) -> Result<Ratio, ExactError> {
    // What stands at the beginning of the interval stands from its beginning.
    let mut values = BTreeMap::<&Option<ResourceId>, (Timestamp, Ratio)>::new();
    for record in in_order(earlier) {
        values.insert(&record.resource, (starts_at, record.quantity));
    }
    let hours = |value: Ratio, from: Timestamp, to: Timestamp| {
        value.checked_mul(Ratio::new(i128::from(to.micros_since(from)), i128::from(HOUR_MICROS))?)
    };
    let mut total = Ratio::ZERO;
    for record in records {
        let new = (record.at, record.quantity);
        if let Some((since, value)) = values.insert(&record.resource, new) {
            total = total.checked_add(hours(value, since, record.at)?)?;
        }
    }
    for (since, value) in values.into_values() {
        total = total.checked_add(hours(value, since, ends_at.max(since))?)?;
    }
    Ok(total)
}

/// The nearest rank at 95 of 100 over all slots of the interval. A slot without a sample is 0, of
/// several samples in one the largest counts, and a trailing part of a slot is a slot.
fn percentile(
    records: &[&Usage],
    starts_at: Timestamp,
    ends_at: Timestamp,
) -> Result<Ratio, ExactError> {
    let slot = |at: Timestamp| at.micros_since(starts_at).div_euclid(SLOT_MICROS);
    let mut samples = BTreeMap::<i64, Ratio>::new();
    for record in records {
        let sample = record.quantity;
        samples.entry(slot(record.at)).and_modify(|it| *it = sample.max(*it)).or_insert(sample);
    }
    // A sample at the very end of what is priced begins one more slot.
    let whole = u64::try_from(ends_at.micros_since(starts_at)).unwrap_or(0);
    let slots = whole.div_ceil(SLOT_MICROS.unsigned_abs());
    let begun = samples.keys().next_back().map_or(0, |it| it.unsigned_abs() + 1);
    let slots = usize::try_from(slots.max(begun)).map_err(|_| ExactError::Overflow)?;
    let mut values = samples.into_values().collect::<Vec<_>>();
    values.sort_unstable();
    let below_zero = values.partition_point(|it| it.is_negative());
    let missing = slots.saturating_sub(values.len());
    let rank = (slots * 95).div_ceil(100).saturating_sub(1);
    let value = if rank < below_zero {
        values.get(rank)
    } else if rank < below_zero + missing {
        None
    } else {
        values.get(rank - missing)
    };
    Ok(value.copied().unwrap_or(Ratio::ZERO))
}

/// Which records lie within an interval, and which before it.
pub(super) fn split<'a>(
    records: &[&'a Usage],
    starts_at: Timestamp,
    is_within: impl Fn(Timestamp) -> bool,
) -> (Vec<&'a Usage>, Vec<&'a Usage>) {
    let earlier = records.iter().filter(|it| it.at < starts_at).copied().collect();
    (earlier, records.iter().filter(|it| is_within(it.at)).copied().collect())
}

/// The product of a number and a share, as a step.
pub(super) fn part(what: &'static str, of: Step, share: Step) -> Result<Step, PriceError> {
    Ok(Step::derive(what, Rule::Product, vec![of, share])?)
}
