//! What a tenant used in a period, as its records stand after corrections.
//!
//! A correction replaces the quantity of its record and nothing else; of several the last recorded
//! counts, and zero voids the record: it is as if it had never been there. The stream of a period
//! stands for itself: a gauge that outlives its period is set anew at the beginning of the next.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::facts::FactsError;
use super::known::Knowledge;
use crate::catalog::{canonical_kind, units_in};
use crate::event::{Event, usage};
use crate::fold::{FoldError, Reached};
use crate::id::{DeploymentSlug, ResourceId, ResourceKind, TenantId};
use crate::log::{Position, Record, Revision};
use crate::money::{Quantity, Ratio};
use crate::price::{Sources, Usage};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

const HOUR_MICROS: i128 = 3_600_000_000;

/// One `usage-{tenant}.{period}` stream, as prices see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageFold {
    tenant: TenantId,
    period: BillingPeriod,
    reached: Reached,
    recorded: BTreeMap<Revision, Measured>,
    gauges: BTreeMap<Revision, GaugeStood>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Measured {
    at: Timestamp,
    position: Position,
    as_recorded: usage::Recorded,
    correction: Option<Correction>,
}

/// A gauge that was set; its hours run until it is set again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct GaugeStood {
    at: Timestamp,
    position: Position,
    set: usage::GaugeSet,
    correction: Option<Correction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Correction {
    revision: Revision,
    quantity: Quantity,
}

impl Correction {
    /// Zero voids: it is as if the record had never been there.
    const fn is_void(self) -> bool {
        self.quantity.is_zero()
    }
}

impl UsageFold {
    /// Nothing used yet.
    pub const fn of(tenant: TenantId, period: BillingPeriod) -> Self {
        let reached = Reached { revision: None, position: Position::ORIGIN };
        Self { tenant, period, reached, recorded: BTreeMap::new(), gauges: BTreeMap::new() }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &self.stream())?;
        let Record { position, revision, occurred_at: at, .. } = *record;
        // Nothing else stands in this stream.
        let Event::Usage(event) = &record.event else { return Ok(self) };
        match event {
            usage::Event::Recorded(it) => {
                self.expect_within(record)?;
                let as_recorded = it.clone();
                let measured = Measured { at, position, as_recorded, correction: None };
                self.recorded.insert(revision, measured);
            }
            usage::Event::GaugeSet(it) => {
                self.expect_within(record)?;
                let stood = GaugeStood { at, position, set: it.clone(), correction: None };
                self.gauges.insert(revision, stood);
            }
            usage::Event::Corrected(it) => {
                let recorded = self.recorded.get_mut(&it.record).map(|it| &mut it.correction);
                let gauge = self.gauges.get_mut(&it.record).map(|it| &mut it.correction);
                let Some(correction) = recorded.or(gauge) else {
                    let name = it.record.to_string();
                    return Err(FoldError::Unknown { position, noun: "usage record", name });
                };
                *correction = Some(Correction { revision, quantity: it.quantity });
            }
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// The deployments that records name.
    pub fn deployments(&self) -> impl Iterator<Item = &DeploymentSlug> {
        let recorded = self.recorded.values().map(|it| &it.as_recorded.deployment);
        recorded.chain(self.gauges.values().map(|it| &it.set.deployment)).flatten()
    }

    /// What a producer measured itself: resources that records name, and the kinds they say. A void
    /// record says nothing.
    pub fn measured(&self) -> BTreeSet<(ResourceId, ResourceKind)> {
        let recorded = self
            .recorded
            .values()
            .map(|it| (&it.as_recorded.resource, &it.as_recorded.kind, it.correction));
        let gauges = self.gauges.values().map(|it| (&it.set.resource, &it.set.kind, it.correction));
        let counted = recorded.chain(gauges).filter(|it| it.2.is_none_or(|it| !it.is_void()));
        counted.filter_map(|it| Some((it.0.clone()?, canonical_kind(it.1)))).collect()
    }

    /// The usage as a price sees it at an instant: in base units, kinds by their one name, records
    /// in order of the log, then the hours of gauges.
    pub fn usage(&self, until: Timestamp) -> Result<Vec<Usage>, FactsError> {
        self.usage_knowing(until, None)
    }

    /// The same, each with what was known with it.
    pub(super) fn usage_knowing(
        &self,
        until: Timestamp,
        knowledge: Option<&Knowledge<'_>>,
    ) -> Result<Vec<Usage>, FactsError> {
        let stream = self.stream();
        let mut usage = Vec::with_capacity(self.recorded.len());
        for (revision, measured) in &self.recorded {
            let it = &measured.as_recorded;
            let Some((stated, from)) =
                counted(&stream, *revision, it.quantity, measured.correction)
            else {
                continue;
            };
            let quantity = in_base_units(it, stated, *revision)?;
            usage.push(Usage {
                at: measured.at,
                deployment: it.deployment.clone(),
                kind: canonical_kind(&it.kind),
                quantity,
                category: it.category.clone(),
                resource: it.resource.clone(),
                known: knowledge.map(|it| it.at(measured.position)),
                from,
            });
        }
        self.add_gauges(until.min(self.period.ends_at()), knowledge, &mut usage)?;
        Ok(usage)
    }

    /// What producers reported, without the hours of gauges.
    pub fn reported(&self) -> Result<Vec<Usage>, FactsError> {
        // No gauge has counted anything by the first instant.
        self.usage(self.period.starts_at())
    }

    /// A gauge's value times the hours it stood, day by day, because a day may begin another run.
    fn add_gauges(
        &self,
        until: Timestamp,
        knowledge: Option<&Knowledge<'_>>,
        usage: &mut Vec<Usage>,
    ) -> Result<(), FactsError> {
        let stream = self.stream();
        let mut series = BTreeMap::<_, Vec<_>>::new();
        for (revision, stood) in &self.gauges {
            let counted = counted(&stream, *revision, stood.set.value, stood.correction);
            if let Some((value, from)) = counted.filter(|_| stood.at < until) {
                let it = &stood.set;
                let gauge = (canonical_kind(&it.kind), &it.deployment, &it.resource);
                let set = (*revision, stood.position);
                series.entry(gauge).or_default().push((stood.at, set, value, from));
            }
        }
        for ((kind, deployment, resource), mut values) in series {
            values.sort_by_key(|it| (it.0, it.1));
            let ends = values.iter().skip(1).map(|it| it.0).chain([until]).collect::<Vec<_>>();
            for ((set_at, (revision, position), value, from), end) in values.into_iter().zip(ends) {
                let out_of_bounds = |source| FactsError::Usage { revision, source };
                for day in self.period.each_day().filter(|_| !value.is_zero()) {
                    let since = day.starts_at().max(set_at);
                    let to = day.ends_at().unwrap_or(Timestamp::MAX).min(end);
                    if since < to {
                        let hours = Ratio::new(i128::from(to.micros_since(since)), HOUR_MICROS);
                        let hours = hours.and_then(|it| it.checked_mul(Ratio::from(value)));
                        usage.push(Usage {
                            at: since,
                            deployment: deployment.clone(),
                            kind: kind.clone(),
                            quantity: hours.map_err(out_of_bounds)?,
                            category: None,
                            resource: resource.clone(),
                            known: knowledge.map(|it| it.passing(position, since)),
                            from: from.clone(),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    fn stream(&self) -> Stream {
        Stream::Usage(self.tenant.clone(), self.period)
    }

    fn expect_within(&self, record: &Record) -> Result<(), FoldError> {
        let Record { position, occurred_at, .. } = *record;
        if self.period.contains(occurred_at) {
            Ok(())
        } else {
            Err(FoldError::OutsidePeriod { position, period: self.period, occurred_at })
        }
    }
}

/// What a record says after its correction, and where both stand; nothing where it is void.
fn counted(
    stream: &Stream,
    revision: Revision,
    recorded: Quantity,
    correction: Option<Correction>,
) -> Option<(Quantity, Sources)> {
    let mut from = Sources::one(stream.clone(), revision);
    let Some(correction) = correction else { return Some((recorded, from)) };
    from.extend(&Sources::one(stream.clone(), correction.revision));
    (!correction.is_void()).then_some((correction.quantity, from))
}

fn in_base_units(
    it: &usage::Recorded,
    stated: Quantity,
    revision: Revision,
) -> Result<Ratio, FactsError> {
    let stated = Ratio::from(stated);
    let Some(unit) = &it.unit else { return Ok(stated) };
    let size = units_in(unit).ok_or_else(|| FactsError::Unit { revision, unit: unit.clone() })?;
    let size = Ratio::new(i128::from(size), 1);
    let quantity = size.and_then(|it| stated.checked_mul(it));
    quantity.map_err(|source| FactsError::Usage { revision, source })
}
