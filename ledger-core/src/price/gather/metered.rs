//! A tenant's usage as it stands after corrections, and the hours of its gauges.

use std::collections::BTreeMap;

use super::{BillingPeriod, GatherError, Record, Revision, Sources, Stream, Timestamp, source};
use crate::catalog::{canonical_kind, units_in};
use crate::event::usage::{Event, GaugeSet, Recorded};
use crate::id::{DeploymentSlug, ResourceId, ResourceKind, Unit};
use crate::money::{ExactError, Quantity, Ratio};
use crate::price::facts::Usage;

const HOUR_MICROS: i128 = 3_600_000_000;

/// What was metered, by stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Metered {
    records: BTreeMap<Stream, BTreeMap<Revision, (Usage, Ratio)>>,
    gauges: BTreeMap<Gauge, Vec<(Timestamp, Quantity, Sources)>>,
}

type Gauge = (ResourceKind, Option<DeploymentSlug>, Option<ResourceId>);

impl Metered {
    pub(super) fn take(&mut self, record: &Record, event: &Event) -> Result<(), GatherError> {
        match event {
            Event::Recorded(it) => {
                let size = size(it.unit.as_ref())?;
                let usage = recorded(record, it, Ratio::from(it.quantity).checked_mul(size)?);
                let stream = self.records.entry(record.stream.clone()).or_default();
                stream.insert(record.revision, (usage, size));
            }
            Event::Corrected(it) => {
                // A stream holds corrections after what they correct; one of nothing does nothing.
                let stream = self.records.get_mut(&record.stream);
                if let Some((usage, size)) = stream.and_then(|them| them.get_mut(&it.record)) {
                    usage.quantity = Ratio::from(it.quantity).checked_mul(*size)?;
                    usage.from.extend(&source(record));
                }
            }
            Event::GaugeSet(it) => {
                let GaugeSet { kind, value, deployment, resource } = it;
                let gauge = (canonical_kind(kind), deployment.clone(), resource.clone());
                let readings = self.gauges.entry(gauge).or_default();
                readings.push((record.occurred_at, *value, source(record)));
            }
        }
        Ok(())
    }

    /// The usage of a period up to an instant, each stream in its order, then the gauges' hours.
    pub(super) fn usage(
        &self,
        period: BillingPeriod,
        until: Timestamp,
    ) -> Result<Vec<Usage>, GatherError> {
        let counts = |it: &&Usage| period.contains(it.at) && it.at <= until;
        let all = self.records.values().flat_map(BTreeMap::values).map(|(usage, _)| usage);
        let mut usage = all.filter(counts).cloned().collect::<Vec<_>>();
        for (gauge, readings) in &self.gauges {
            hours(gauge, readings, period, until, &mut usage)?;
        }
        Ok(usage)
    }
}

fn size(unit: Option<&Unit>) -> Result<Ratio, ExactError> {
    let size = unit.map_or(Some(1), units_in).ok_or(ExactError::NotANumber)?;
    Ratio::new(i128::from(size), 1)
}

fn recorded(record: &Record, it: &Recorded, quantity: Ratio) -> Usage {
    Usage {
        at: record.occurred_at,
        deployment: it.deployment.clone(),
        kind: canonical_kind(&it.kind),
        quantity,
        category: it.category.clone(),
        resource: it.resource.clone(),
        from: source(record),
    }
}

/// A gauge's value times the hours it stood, day by day, from whenever it was set to the instant
/// that is asked for.
fn hours(
    (kind, deployment, resource): &Gauge,
    readings: &[(Timestamp, Quantity, Sources)],
    period: BillingPeriod,
    until: Timestamp,
    usage: &mut Vec<Usage>,
) -> Result<(), ExactError> {
    let mut readings = readings.iter().collect::<Vec<_>>();
    readings.sort_by_key(|it| it.0);
    let ends = readings.iter().skip(1).map(|it| it.0).chain([until]).collect::<Vec<_>>();
    for ((set_at, value, from), end) in readings.into_iter().zip(ends) {
        let end = end.min(until);
        for day in period.each_day() {
            let since = day.starts_at().max(*set_at);
            let to = day.ends_at().unwrap_or(Timestamp::MAX).min(end);
            if since >= to || value.is_zero() {
                continue;
            }
            let hours = Ratio::new(i128::from(to.micros_since(since)), HOUR_MICROS)?;
            usage.push(Usage {
                at: since,
                deployment: deployment.clone(),
                kind: kind.clone(),
                quantity: Ratio::from(*value).checked_mul(hours)?,
                category: None,
                resource: resource.clone(),
                from: from.clone(),
            });
        }
    }
    Ok(())
}
