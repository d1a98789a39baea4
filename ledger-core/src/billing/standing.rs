//! What stands when a period begins: gauges that were set before it, and the last records of kinds
//! that are sold by what stands (a latest value, a value times its hours).
//!
//! A value stands until another one takes its place, however many periods that takes. A gauge at
//! zero counts no hours and says nothing of what the ledger meters, so it does not outlive its
//! period.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::FactsError;
use super::known::Knowledge;
use crate::catalog::{canonical_kind, units_in};
use crate::event::usage;
use crate::id::{DeploymentSlug, ResourceId, ResourceKind, Unit};
use crate::log::Position;
use crate::money::{ExactError, Quantity, Ratio};
use crate::price::{Sources, Usage};
use crate::stream::Stream;
use crate::time::Timestamp;

/// What takes another's place: values of one series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Series {
    pub(super) kind: ResourceKind,
    pub(super) deployment: Option<DeploymentSlug>,
    pub(super) resource: Option<ResourceId>,
}

impl Series {
    pub(super) fn new(
        kind: &ResourceKind,
        deployment: Option<&DeploymentSlug>,
        resource: Option<&ResourceId>,
    ) -> Self {
        let (deployment, resource) = (deployment.cloned(), resource.cloned());
        Self { kind: canonical_kind(kind), deployment, resource }
    }
}

/// A value that stands from an instant on, as it is after its correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stood {
    pub(super) at: Timestamp,
    pub(super) position: Position,
    pub(super) value: Quantity,
    pub(super) from: Sources,
}

impl Stood {
    pub(super) fn out_of_bounds(&self, source: ExactError) -> FactsError {
        FactsError::Usage { position: self.position, source }
    }

    /// A record as a price sees it.
    pub(super) fn stated(
        &self,
        it: &usage::Recorded,
        knowledge: Option<&Knowledge<'_>>,
    ) -> Result<Stated, FactsError> {
        let size = it.unit.as_ref().and_then(units_in).unwrap_or(1);
        let size = Ratio::new(i128::from(size), 1);
        let quantity = size.and_then(|it| Ratio::from(self.value).checked_mul(it));
        let usage = Usage {
            at: self.at,
            deployment: it.deployment.clone(),
            kind: canonical_kind(&it.kind),
            quantity: quantity.map_err(|source| self.out_of_bounds(source))?,
            category: it.category.clone(),
            resource: it.resource.clone(),
            known: knowledge.map(|it| it.at(self.position)),
            from: self.from.clone(),
        };
        Ok(Stated { usage, value: self.value, unit: it.unit.clone() })
    }
}

/// A record that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) recorded: usage::Recorded,
    pub(super) stood: Stood,
}

/// Usage, and what its record stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stated {
    /// In base units; where nobody knows how many of them its unit is, as it was stated.
    pub(super) usage: Usage,
    /// The number as it was stated.
    pub(super) value: Quantity,
    /// Of what, where it says so.
    pub(super) unit: Option<Unit>,
}

/// What stands when a period begins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    gauges: BTreeMap<Series, Stood>,
    values: BTreeMap<Series, Value>,
}

impl Standing {
    /// A gauge is set; later ones come later.
    pub(super) fn set_gauge(&mut self, of: Series, stood: Stood) {
        self.gauges.insert(of, stood);
    }

    /// A value is recorded, in order of the log.
    pub(super) fn set_value(&mut self, value: Value) {
        let usage::Recorded { kind, deployment, resource, .. } = &value.recorded;
        let of = Series::new(kind, deployment.as_ref(), resource.as_ref());
        let is_later = |known: &Value| known.stood.at <= value.stood.at;
        if self.values.get(&of).is_none_or(is_later) {
            self.values.insert(of, value);
        }
    }

    /// This, where an earlier time left something else to stand for what this says nothing of.
    pub(super) fn over(mut self, earlier: Self) -> Self {
        for (of, it) in earlier.gauges {
            self.gauges.entry(of).or_insert(it);
        }
        for (of, it) in earlier.values {
            self.values.entry(of).or_insert(it);
        }
        self
    }

    /// The gauges that count hours.
    pub(super) fn gauges(&self) -> impl Iterator<Item = (&Series, &Stood)> {
        self.gauges.iter().filter(|(_, it)| !it.value.is_zero())
    }

    /// The last values of kinds that are sold by what stands, in order of the log.
    pub(super) fn values(
        &self,
        knowledge: Option<&Knowledge<'_>>,
    ) -> Result<Vec<Stated>, FactsError> {
        let mut values = self.values.values().collect::<Vec<_>>();
        values.sort_by_key(|it| it.stood.position);
        values.into_iter().map(|it| it.stood.stated(&it.recorded, knowledge)).collect()
    }

    /// The deployments it names.
    pub(super) fn deployments(&self) -> impl Iterator<Item = &DeploymentSlug> {
        let gauges = self.gauges().map(|it| it.0);
        gauges.chain(self.values.keys()).filter_map(|it| it.deployment.as_ref())
    }

    /// What producers went on measuring themselves.
    pub(super) fn measured(&self) -> impl Iterator<Item = (ResourceId, ResourceKind)> + '_ {
        let named = self.gauges().map(|it| it.0);
        named.filter_map(|it| Some((it.resource.clone()?, it.kind.clone())))
    }

    /// The streams it was read from.
    pub(super) fn streams(&self) -> BTreeSet<Stream> {
        let gauges = self.gauges().map(|it| &it.1.from);
        let all = gauges.chain(self.values.values().map(|it| &it.stood.from));
        all.flat_map(|it| it.iter().map(|it| it.0.clone())).collect()
    }
}
