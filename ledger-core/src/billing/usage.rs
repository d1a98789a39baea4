//! What a tenant used in a period, as its records stand after corrections.
//!
//! A correction replaces the quantity of its record and nothing else; of several the last recorded
//! counts, and zero voids the record: it is as if it had never been there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::FactsError;
use crate::catalog::{canonical_kind, units_in};
use crate::event::{Event, usage};
use crate::fold::{FoldError, Reached};
use crate::id::{DeploymentSlug, TenantId};
use crate::log::{Record, Revision};
use crate::money::{Exact, ExactError, Quantity};
use crate::price::{Sources, Usage};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

/// One `usage-{tenant}.{period}` stream, as prices see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageFold {
    tenant: TenantId,
    period: BillingPeriod,
    reached: Reached,
    recorded: BTreeMap<Revision, Metered>,
    gauges: BTreeMap<Revision, GaugeStood>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Metered {
    at: Timestamp,
    as_recorded: usage::Recorded,
    correction: Option<Correction>,
}

/// A gauge that was set. Its hours are metered, not recorded; until they are, it is only kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct GaugeStood {
    at: Timestamp,
    set: usage::GaugeSet,
    correction: Option<Correction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Correction {
    revision: Revision,
    quantity: Quantity,
}

impl UsageFold {
    /// Nothing used yet.
    pub const fn of(tenant: TenantId, period: BillingPeriod) -> Self {
        let reached = Reached { revision: None, position: crate::log::Position::ORIGIN };
        Self { tenant, period, reached, recorded: BTreeMap::new(), gauges: BTreeMap::new() }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &self.stream())?;
        let Record { position, revision, occurred_at: at, .. } = *record;
        match &record.event {
            Event::Usage(event) => match event {
                usage::Event::Recorded(it) => {
                    self.expect_within(record)?;
                    let metered = Metered { at, as_recorded: it.clone(), correction: None };
                    self.recorded.insert(revision, metered);
                }
                usage::Event::GaugeSet(it) => {
                    self.expect_within(record)?;
                    let stood = GaugeStood { at, set: it.clone(), correction: None };
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
            },
            // Nothing else stands in this stream.
            Event::Catalog(_)
            | Event::Account(_)
            | Event::Deployment(_)
            | Event::Inventory(_)
            | Event::Provider(_)
            | Event::Invoice(_)
            | Event::Enforcement(_)
            | Event::Operation(_)
            | Event::Support(_)
            | Event::Ledger(_) => (),
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// The deployments that records name.
    pub fn deployments(&self) -> impl Iterator<Item = &DeploymentSlug> {
        self.recorded.values().filter_map(|it| it.as_recorded.deployment.as_ref())
    }

    /// The usage as a price sees it: in base units, kinds by their one name, in order of the log.
    pub fn usage(&self) -> Result<Vec<Usage>, FactsError> {
        let stream = self.stream();
        let mut usage = Vec::with_capacity(self.recorded.len());
        for (revision, metered) in &self.recorded {
            let it = &metered.as_recorded;
            let mut from = Sources::one(stream.clone(), *revision);
            if let Some(correction) = metered.correction {
                if correction.quantity.is_zero() {
                    continue;
                }
                from.extend(&Sources::one(stream.clone(), correction.revision));
            }
            let stated = metered.correction.map_or(it.quantity, |it| it.quantity);
            usage.push(Usage {
                at: metered.at,
                deployment: it.deployment.clone(),
                kind: canonical_kind(&it.kind),
                quantity: in_base_units(it, stated, *revision)?,
                category: it.category.clone(),
                resource: it.resource.clone(),
                from,
            });
        }
        Ok(usage)
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

fn in_base_units(
    it: &usage::Recorded,
    stated: Quantity,
    revision: Revision,
) -> Result<Quantity, FactsError> {
    let Some(unit) = &it.unit else { return Ok(stated) };
    let size = units_in(unit).and_then(|it| i64::try_from(it).ok());
    let size = size.ok_or_else(|| FactsError::Unit { revision, unit: unit.clone() })?;
    if size == 1 {
        return Ok(stated);
    }
    let quantity = stated.get().checked_mul(Exact::whole(size));
    let quantity = quantity.and_then(|it| Quantity::new(it).map_err(|_| ExactError::Overflow));
    quantity.map_err(|source| FactsError::Usage { revision, source })
}
