//! Billing drift: hours that somebody else counted, against those that the ledger metered.

use std::collections::{BTreeMap, BTreeSet};

use super::Basis;
use super::facts::FactsError;
use super::metered::Metered;
use super::standing::Stated;
use crate::catalog::count_the_same;
use crate::event::provider::BillLine;
use crate::id::{ResourceId, ResourceKind, Unit};
use crate::inventory::{counts_hours, hours};
use crate::money::{ExactError, Ratio};
use crate::price::Sources;
use crate::time::Timestamp;

/// Who counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counter {
    /// The provider, on its bill.
    Provider,
    /// A producer that sends usage: what it counted replaces what was metered.
    Producer,
}

/// Hours of a resource in a period, as somebody counted them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Who.
    pub by: Counter,
    /// Of which resource.
    pub resource: ResourceId,
    /// As what.
    pub kind: ResourceKind,
    /// How many.
    pub hours: Ratio,
    /// Where it says so.
    pub from: Sources,
}

/// Hours that were counted and hours that were metered, where they are not the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingDrift {
    /// Who counted.
    pub by: Counter,
    /// Of which resource.
    pub resource: ResourceId,
    /// As what.
    pub kind: ResourceKind,
    /// What they counted.
    pub counted: Ratio,
    /// What was metered.
    pub metered: Ratio,
    /// Counted less metered: above zero more was counted than ran under a link.
    pub difference: Ratio,
    /// The records of both.
    pub from: Sources,
}

impl BillingDrift {
    /// Whether it is no more than the part of an hour that a bill of whole hours leaves out.
    pub fn is_part_of_an_hour(&self) -> bool {
        Ratio::new(self.metered.floor(), 1) == Ok(self.counted) && self.by == Counter::Provider
    }
}

/// The hours that a line bills: its quantity where that is in hours, else as long as it lasts.
pub fn billed_hours(line: &BillLine) -> Ratio {
    let unit = line.unit.as_ref().map(|it| it.as_str().to_ascii_lowercase());
    let is_hours = matches!(unit.as_deref(), Some("hour" | "hours" | "hrs" | "h"));
    match line.quantity.filter(|_| is_hours) {
        Some(quantity) => Ratio::from(quantity),
        None => hours(line.starts_at, line.ends_at),
    }
}

/// The hours that producers counted of resources they named.
pub fn counted_by_producers(basis: &Basis, until: Timestamp) -> Result<Vec<Counted>, FactsError> {
    let hour = Unit::new("hour").expect("a word is a unit");
    let in_hours = |it: &Stated| it.unit.as_ref().is_none_or(|it| count_the_same(it, &hour));
    let recorded = basis.usage.recorded(None)?.into_iter().filter(in_hours).map(|it| it.usage);
    let gauges = basis.usage.gauge_hours(until, &basis.standing, None)?;
    let named = recorded.chain(gauges).filter_map(|it| {
        let (by, resource, kind) = (Counter::Producer, it.resource?, it.kind);
        let counted = Counted { by, resource, kind, hours: it.quantity, from: it.from };
        counts_hours(&counted.kind).then_some(counted)
    });
    Ok(named.collect())
}

/// Where what was counted of a period is not what was metered in it, by resource, kind and counter.
///
/// What a provider has billed nothing for is a difference too, as soon as the counts hold anything
/// else of that provider; of producers only what they name is compared.
pub fn billing_drift(
    metered: &[Metered],
    counted: &[Counted],
) -> Result<Vec<BillingDrift>, ExactError> {
    let mut own = BTreeMap::<_, Sum>::new();
    for it in metered {
        own.entry((&it.resource, &it.kind)).or_default().add(it.hours(), &it.from)?;
    }
    let mut others = BTreeMap::<_, Sum>::new();
    for it in counted {
        others.entry((&it.resource, &it.kind, it.by)).or_default().add(it.hours, &it.from)?;
    }
    let billed = counted.iter().filter(|it| it.by == Counter::Provider);
    let providers = billed.map(|it| &it.resource.provider).collect::<BTreeSet<_>>();
    for (resource, kind) in own.keys().filter(|it| providers.contains(&it.0.provider)) {
        others.entry((resource, kind, Counter::Provider)).or_default();
    }
    let mut drifts = Vec::new();
    for ((resource, kind, by), counted) in others {
        let metered = own.get(&(resource, kind)).cloned().unwrap_or_default();
        let difference = counted.hours.checked_sub(metered.hours)?;
        if !difference.is_zero() {
            let mut from = counted.from;
            from.extend(&metered.from);
            drifts.push(BillingDrift {
                by,
                resource: resource.clone(),
                kind: kind.clone(),
                counted: counted.hours,
                metered: metered.hours,
                difference,
                from,
            });
        }
    }
    Ok(drifts)
}

/// Hours that were added up, and their records.
#[derive(Debug, Clone)]
struct Sum {
    hours: Ratio,
    from: Sources,
}

impl Default for Sum {
    fn default() -> Self {
        Self { hours: Ratio::ZERO, from: Sources::NONE }
    }
}

impl Sum {
    fn add(&mut self, hours: Ratio, from: &Sources) -> Result<(), ExactError> {
        self.hours = self.hours.checked_add(hours)?;
        self.from.extend(from);
        Ok(())
    }
}
