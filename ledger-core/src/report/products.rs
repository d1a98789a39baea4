//! The table of products: what a provider's bills call a thing, and what we call it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::catalog::canonical_kind;
pub(super) use crate::catalog::folded;
use crate::event::{Event, catalog};
use crate::fold::{FoldError, Reached};
use crate::id::{Label, Provider, ResourceKind};
use crate::log::Record;
use crate::stream::Stream;

/// The product table of the `catalog` stream.
///
/// A mapping translates a word; it is no fact of a month. The last recorded counts for every bill,
/// so that mending the table mends the months that were read with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Products {
    reached: Reached,
    mapped: BTreeMap<Provider, BTreeMap<String, Mapping>>,
}

/// What a product counts as.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mapping {
    /// The type of the resources it bills.
    pub resource_type: Option<ResourceKind>,
    /// The kind of usage it is the cost of.
    pub kind: Option<ResourceKind>,
}

impl Products {
    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &Stream::Catalog)?;
        if let Event::Catalog(catalog::Event::ProductMapped(it)) = &record.event {
            let mapping =
                Mapping { resource_type: it.resource_type.clone(), kind: it.kind.clone() };
            self.map(&it.provider, &it.product, mapping);
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// What a provider's product counts as, in whatever case its bills spell it.
    pub fn mapping(&self, provider: &Provider, product: &Label) -> Option<&Mapping> {
        self.mapped.get(provider)?.get(&folded(product.as_str()))
    }

    /// The kinds that some product is the cost of.
    pub fn kinds(&self) -> BTreeSet<ResourceKind> {
        let all = self.mapped.values().flat_map(BTreeMap::values);
        all.filter_map(|it| it.kind.as_ref()).map(canonical_kind).collect()
    }

    /// The kinds of usage that a type of resource yields while it runs: a droplet its hours, others
    /// what the table says.
    pub fn yielded_by(
        &self,
        provider: &Provider,
        resource_type: &ResourceKind,
    ) -> BTreeSet<ResourceKind> {
        if folded(resource_type.as_str()) == "droplet" {
            return BTreeSet::from([ResourceKind::new("droplet_hours").expect("a word is a kind")]);
        }
        let resource_type = folded(resource_type.as_str());
        let is_of = |it: &&Mapping| {
            it.resource_type.as_ref().is_some_and(|it| folded(it.as_str()) == resource_type)
        };
        let products = self.mapped.get(provider).into_iter().flat_map(BTreeMap::values);
        let kinds = products.filter(is_of).filter_map(|it| it.kind.as_ref());
        kinds.map(canonical_kind).collect()
    }

    /// One product more, or another meaning of one there is.
    pub fn map(&mut self, provider: &Provider, product: &Label, mapping: Mapping) {
        let of_provider = self.mapped.entry(provider.clone()).or_default();
        of_provider.insert(folded(product.as_str()), mapping);
    }
}
