//! What a tenant used in a period, as its records stand after corrections.
//!
//! A correction replaces the quantity of its record and nothing else; of several the last recorded
//! counts, and zero voids the record: it is as if it had never been there. A gauge that outlives
//! its period stands when the next one begins ([`Standing`]).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::facts::FactsError;
use super::known::Knowledge;
use super::standing::{Series, Standing, Stated, Stood, Value};
use crate::catalog::canonical_kind;
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

    /// What was recorded, as a price sees it: in base units, kinds by their one name, in order of
    /// the log, each with what was known with it.
    pub(super) fn recorded(
        &self,
        knowledge: Option<&Knowledge<'_>>,
    ) -> Result<Vec<Stated>, FactsError> {
        let counting = self
            .recorded
            .iter()
            .filter_map(|(revision, it)| Some((&it.as_recorded, self.stood(*revision, it)?)));
        counting.map(|(it, stood)| stood.stated(it, knowledge)).collect()
    }

    /// A gauge's value times the hours it stood, day by day, because a day may begin another run.
    /// What stood when the period began goes on until it is set again.
    pub(super) fn gauge_hours(
        &self,
        until: Timestamp,
        standing: &Standing,
        knowledge: Option<&Knowledge<'_>>,
    ) -> Result<Vec<Usage>, FactsError> {
        let (starts_at, until) = (self.period.starts_at(), until.min(self.period.ends_at()));
        let mut series = BTreeMap::<&Series, Vec<(Timestamp, &Stood)>>::new();
        for (of, stood) in standing.gauges() {
            series.entry(of).or_default().push((starts_at, stood));
        }
        let set = self.gauges_set();
        for (of, stood) in &set {
            series.entry(of).or_default().push((stood.at, stood));
        }
        let mut usage = Vec::new();
        for (of, values) in series {
            let values = values.into_iter().filter(|it| it.0 < until).collect::<Vec<_>>();
            let ends = values.iter().skip(1).map(|it| it.0).chain([until]).collect::<Vec<_>>();
            for ((since, stood), end) in values.into_iter().zip(ends) {
                for day in self.period.each_day().filter(|_| !stood.value.is_zero()) {
                    let since = day.starts_at().max(since);
                    let to = day.ends_at().unwrap_or(Timestamp::MAX).min(end);
                    if since < to {
                        let hours = Ratio::new(i128::from(to.micros_since(since)), HOUR_MICROS);
                        let hours = hours.and_then(|it| it.checked_mul(Ratio::from(stood.value)));
                        usage.push(Usage {
                            at: since,
                            deployment: of.deployment.clone(),
                            kind: of.kind.clone(),
                            quantity: hours.map_err(|source| stood.out_of_bounds(source))?,
                            category: None,
                            resource: of.resource.clone(),
                            known: knowledge.map(|it| it.passing(stood.position, since)),
                            from: stood.from.clone(),
                        });
                    }
                }
            }
        }
        Ok(usage)
    }

    /// What stands at the end of the period of what was set or recorded in it.
    pub(super) fn leaves(&self, kinds: &BTreeSet<ResourceKind>) -> Standing {
        let mut leaves = Standing::default();
        for (of, stood) in self.gauges_set() {
            leaves.set_gauge(of, stood);
        }
        for (revision, it) in &self.recorded {
            if kinds.contains(&canonical_kind(&it.as_recorded.kind))
                && let Some(stood) = self.stood(*revision, it)
            {
                leaves.set_value(Value { recorded: it.as_recorded.clone(), stood });
            }
        }
        leaves
    }

    /// The gauges that were set and not voided, in order of the world's clock; of several at one
    /// instant the later recorded counts.
    fn gauges_set(&self) -> Vec<(Series, Stood)> {
        let mut set = Vec::with_capacity(self.gauges.len());
        for (revision, it) in &self.gauges {
            let usage::GaugeSet { kind, deployment, resource, .. } = &it.set;
            if let Some((value, from)) = self.counted(*revision, it.set.value, it.correction) {
                let of = Series::new(kind, deployment.as_ref(), resource.as_ref());
                let (at, position) = (it.at, it.position);
                set.push((of, Stood { at, position, value, from }));
            }
        }
        set.sort_by_key(|(_, it)| (it.at, it.position));
        set
    }

    /// A record as it stands; nothing where it is void.
    fn stood(&self, revision: Revision, it: &Measured) -> Option<Stood> {
        let (value, from) = self.counted(revision, it.as_recorded.quantity, it.correction)?;
        Some(Stood { at: it.at, position: it.position, value, from })
    }

    /// What a record says after its correction, and where both stand; nothing where it is void.
    fn counted(
        &self,
        revision: Revision,
        recorded: Quantity,
        correction: Option<Correction>,
    ) -> Option<(Quantity, Sources)> {
        let mut from = Sources::one(self.stream(), revision);
        let Some(correction) = correction else { return Some((recorded, from)) };
        from.extend(&Sources::one(self.stream(), correction.revision));
        (!correction.is_void()).then_some((correction.quantity, from))
    }

    /// Whether anything was recorded.
    pub(super) const fn is_empty(&self) -> bool {
        self.reached.revision.is_none()
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
