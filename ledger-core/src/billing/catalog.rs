//! What was for sale when: the part of the `catalog` stream that prices rest on.
//!
//! A published version never changes, so every one of them is kept: a subscription names its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::known::Moment;
use crate::catalog::{
    Aggregation, Item, Ladder, PlanVersion, ResourcePrice, canonical_kind, folded,
};
use crate::event::catalog::ProductMapped;
use crate::event::{Event, catalog};
use crate::fold::{FoldError, Reached};
use crate::id::{AddonCode, Label, PlanCode, Provider, ResourceKind};
use crate::inventory::counts_hours;
use crate::log::{Position, Record, Revision};
use crate::price::{EffectivePrice, Sources};
use crate::stream::Stream;
use crate::time::Timestamp;

/// The `catalog` stream, as prices see it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CatalogFold {
    reached: Reached,
    plans: BTreeMap<PlanCode, BTreeMap<u32, Published>>,
    addons: BTreeMap<AddonCode, Vec<Named>>,
    prices: Vec<PriceSet>,
    products: Vec<Mapped>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Published {
    revision: Revision,
    #[serde(with = "shared")]
    plan: Arc<PlanVersion>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Named {
    position: Position,
    revision: Revision,
    name: Label,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PriceSet {
    at: Timestamp,
    recorded: Moment,
    revision: Revision,
    #[serde(with = "shared")]
    price: Arc<ResourcePrice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mapped {
    revision: Revision,
    product: ProductMapped,
}

impl CatalogFold {
    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &Stream::Catalog)?;
        let (position, revision) = (record.position, record.revision);
        // Nothing else stands in this stream.
        let Event::Catalog(event) = &record.event else { return Ok(self) };
        match event {
            catalog::Event::PlanPublished(it) => {
                let versions = self.plans.entry(it.plan.plan.clone()).or_default();
                let plan = Arc::new(PlanVersion::clone(&it.plan));
                if versions.insert(it.version, Published { revision, plan }).is_some() {
                    let name = format!("{} version {}", it.plan.plan, it.version);
                    return Err(FoldError::Repeated { position, noun: "plan", name });
                }
            }
            catalog::Event::AddonPublished(it) => {
                let name = it.addon.name.clone();
                let names = self.addons.entry(it.addon.code.clone()).or_default();
                names.push(Named { position, revision, name });
            }
            catalog::Event::ResourcePriceSet(it) => {
                let price = Arc::new(it.price.clone());
                self.prices.push(PriceSet {
                    at: it.effective_at,
                    recorded: Moment::of(record),
                    revision,
                    price,
                });
            }
            catalog::Event::ProductMapped(it) => {
                let product = folded(it.product.as_str());
                let is_other = |known: &Mapped| {
                    known.product.provider != it.provider
                        || folded(known.product.product.as_str()) != product
                };
                self.products.retain(is_other);
                self.products.push(Mapped { revision, product: it.clone() });
            }
            // Reports look at rates; terms of coupons are kept where one is applied.
            catalog::Event::ExchangeRateSet(_) | catalog::Event::CouponPublished(_) => (),
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// A version of a plan, and the record that published it.
    pub fn plan(&self, plan: &PlanCode, version: u32) -> Option<(&Arc<PlanVersion>, Sources)> {
        let it = self.plans.get(plan)?.get(&version)?;
        Some((&it.plan, Sources::one(Stream::Catalog, it.revision)))
    }

    /// What an addon was called at a place in the log, and the record that says so.
    pub fn addon_name(&self, addon: &AddonCode, at: Position) -> Option<(&Label, Sources)> {
        let names = self.addons.get(addon)?;
        let it = names.iter().rev().find(|it| it.position < at)?;
        Some((&it.name, Sources::one(Stream::Catalog, it.revision)))
    }

    /// All resource prices in the order in which they were recorded.
    pub fn resource_prices(&self) -> impl Iterator<Item = EffectivePrice> {
        self.prices.iter().map(|it| EffectivePrice {
            at: it.at,
            price: Arc::clone(&it.price),
            from: Sources::one(Stream::Catalog, it.revision),
        })
    }

    /// How many of those a record of usage knows.
    pub(super) fn prices_known(&self, knows: impl Fn(Moment) -> bool) -> usize {
        self.prices.iter().take_while(|it| knows(it.recorded)).count()
    }

    /// The ladders of all plans and prices.
    pub(super) fn ladders(&self) -> impl Iterator<Item = &Ladder> {
        let plans = self.plans.values().flat_map(BTreeMap::values);
        let of_plans = plans.filter_map(|it| it.plan.ladder.as_ref());
        of_plans.chain(self.prices.iter().filter_map(|it| it.price.ladder.as_ref()))
    }

    /// The kinds that some plan sells by what stands, which may have been recorded long before.
    pub(super) fn kinds_that_stand(&self) -> BTreeSet<ResourceKind> {
        let plans = self.plans.values().flat_map(BTreeMap::values);
        let items = plans.flat_map(|it| &it.plan.items);
        let stands = |it: &&Item| {
            matches!(it.aggregation, Aggregation::TimeWeightedSum | Aggregation::Latest)
        };
        items.filter(stands).map(|it| canonical_kind(&it.kind)).collect()
    }

    /// The kinds that an hour of a resource of this type counts as, in order, and what says so.
    ///
    /// A droplet yields `droplet_hours`. Other types yield what the provider's products of that
    /// type are mapped to, as far as it counts hours: a volume that is billed by its gigabytes
    /// yields none. Names are compared in whatever case they are spelled.
    pub fn yields(
        &self,
        provider: &Provider,
        resource_type: &ResourceKind,
    ) -> BTreeMap<ResourceKind, Sources> {
        let resource_type = folded(resource_type.as_str());
        if resource_type == "droplet" {
            let hours = ResourceKind::new("droplet_hours").expect("a word is a kind");
            return BTreeMap::from([(hours, Sources::NONE)]);
        }
        let mut kinds = BTreeMap::<ResourceKind, Sources>::new();
        for Mapped { revision, product } in &self.products {
            let of = product.resource_type.as_ref().map(|it| folded(it.as_str()));
            let is_of_type = of.as_deref() == Some(&resource_type);
            let kind =
                product.kind.as_ref().filter(|_| is_of_type && product.provider == *provider);
            if let Some(kind) = kind.filter(|it| counts_hours(it)) {
                let from = kinds.entry(canonical_kind(kind)).or_default();
                from.extend(&Sources::one(Stream::Catalog, *revision));
            }
        }
        kinds
    }
}

/// A shared value is stored as the value.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        it: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(it, serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
