//! Everything a ledger ever offered: the fold of the `catalog` stream.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Addon, Catalog, Coupon, PlanVersion, ResourcePrice};
use crate::event::catalog::{
    AddonPublished, CouponPublished, Event, PlanPublished, ResourcePriceSet,
};
use crate::id::{AddonCode, CouponCode, PlanCode, ResourceKind};
use crate::log::Revision;
use crate::money::Currency;
use crate::time::Timestamp;

/// Something offered, and where in the `catalog` stream it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered<T> {
    /// What.
    pub value: T,
    /// The event that offered it.
    pub revision: Revision,
}

/// A resource price and the instant it takes effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceFrom {
    /// The price.
    pub price: Arc<ResourcePrice>,
    /// From when.
    pub effective_at: Timestamp,
}

/// Every plan version, and what else is or was for sale.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Book {
    plans: BTreeMap<PlanCode, BTreeMap<u32, Offered<Arc<PlanVersion>>>>,
    addons: BTreeMap<AddonCode, Offered<Addon>>,
    prices: Vec<Offered<PriceFrom>>,
    coupons: BTreeMap<CouponCode, Offered<Coupon>>,
}

impl Book {
    /// Takes in one event of the stream, in order.
    pub fn take(&mut self, revision: Revision, event: &Event) {
        match event {
            Event::PlanPublished(PlanPublished { version, plan }) => {
                let value = Arc::new(PlanVersion::clone(plan));
                let versions = self.plans.entry(plan.plan.clone()).or_default();
                versions.insert(*version, Offered { value, revision });
            }
            Event::AddonPublished(AddonPublished { addon }) => {
                let offered = Offered { value: addon.clone(), revision };
                self.addons.insert(addon.code.clone(), offered);
            }
            Event::ResourcePriceSet(ResourcePriceSet { price, effective_at }) => {
                let price = Arc::new(price.clone());
                let value = PriceFrom { price, effective_at: *effective_at };
                self.prices.push(Offered { value, revision });
            }
            Event::CouponPublished(CouponPublished { coupon }) => {
                let offered = Offered { value: coupon.clone(), revision };
                self.coupons.insert(coupon.code.clone(), offered);
            }
            // What products count as and what currencies are worth is not for sale.
            Event::ProductMapped(_) | Event::ExchangeRateSet(_) => (),
        }
    }

    /// A version of a plan, active or retired.
    pub fn version(&self, plan: &PlanCode, version: u32) -> Option<&Offered<Arc<PlanVersion>>> {
        self.plans.get(plan)?.get(&version)
    }

    /// The active version of a plan, and its number.
    pub fn active(&self, plan: &PlanCode) -> Option<(u32, &Offered<Arc<PlanVersion>>)> {
        self.plans.get(plan)?.last_key_value().map(|(version, it)| (*version, it))
    }

    /// The active versions of all plans, by code.
    pub fn plans(&self) -> impl Iterator<Item = (u32, &Offered<Arc<PlanVersion>>)> {
        let last = |it: &'_ BTreeMap<u32, _>| it.keys().next_back().copied();
        self.plans.values().filter_map(move |it| last(it).and_then(|at| Some((at, it.get(&at)?))))
    }

    /// An addon as it is sold now.
    pub fn addon(&self, code: &AddonCode) -> Option<&Offered<Addon>> {
        self.addons.get(code)
    }

    /// All addons as they are sold now, by code.
    pub fn addons(&self) -> impl Iterator<Item = &Offered<Addon>> {
        self.addons.values()
    }

    /// A coupon on the terms it has now.
    pub fn coupon(&self, code: &CouponCode) -> Option<&Offered<Coupon>> {
        self.coupons.get(code)
    }

    /// All coupons, by code.
    pub fn coupons(&self) -> impl Iterator<Item = &Offered<Coupon>> {
        self.coupons.values()
    }

    /// Every resource price ever set, in the order in which they were recorded.
    pub fn prices(&self) -> &[Offered<PriceFrom>] {
        &self.prices
    }

    /// The price of a kind in a currency at an instant; of two from the same instant the later
    /// recorded.
    pub fn price_at(
        &self,
        kind: &ResourceKind,
        currency: Currency,
        at: Timestamp,
    ) -> Option<&Offered<PriceFrom>> {
        let holds = |it: &&Offered<PriceFrom>| {
            let PriceFrom { price, effective_at } = &it.value;
            price.kind == *kind && price.currency == currency && *effective_at <= at
        };
        self.prices.iter().filter(holds).max_by_key(|it| it.value.effective_at)
    }

    /// What must be published so that all of a catalog is for sale from an instant on.
    ///
    /// What is for sale already, and the same, publishes nothing; loading a file twice changes
    /// nothing, and what the file does not name stays as it is.
    pub fn publish(&self, catalog: &Catalog, effective_at: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        for plan in &catalog.plans {
            let active = self.active(&plan.plan);
            if active.is_none_or(|(_, it)| *it.value != *plan) {
                let version = active.map_or(1, |(version, _)| version.saturating_add(1));
                let plan = Box::new(plan.clone());
                events.push(Event::PlanPublished(PlanPublished { version, plan }));
            }
        }
        for addon in &catalog.addons {
            if self.addon(&addon.code).is_none_or(|it| it.value != *addon) {
                events.push(Event::AddonPublished(AddonPublished { addon: addon.clone() }));
            }
        }
        for price in &catalog.resource_prices {
            let now = self.price_at(&price.kind, price.currency, effective_at);
            if now.is_none_or(|it| *it.value.price != *price) {
                let price = price.clone();
                events.push(Event::ResourcePriceSet(ResourcePriceSet { price, effective_at }));
            }
        }
        for coupon in &catalog.coupons {
            if self.coupon(&coupon.code).is_none_or(|it| it.value != *coupon) {
                events.push(Event::CouponPublished(CouponPublished { coupon: coupon.clone() }));
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    fn take_all(book: &mut Book, events: &[Event]) {
        for event in events {
            let seen = book.plans.values().map(BTreeMap::len).sum::<usize>() + book.prices.len();
            book.take(Revision::new(u64::try_from(seen).unwrap()), event);
        }
    }

    #[test]
    fn a_changed_plan_is_a_new_version_and_the_old_one_stays() {
        let text = include_str!("../../../fixtures/catalogs/reseller-aud.json");
        let mut catalog = Catalog::read(text).unwrap();
        let mut book = Book::default();
        let events = book.publish(&catalog, Timestamp::MIN);
        take_all(&mut book, &events);
        catalog.plans[1].name = "Studio, new".parse().unwrap();
        let events = book.publish(&catalog, Timestamp::MIN);
        assert_eq!(events.len(), 1);
        take_all(&mut book, &events);
        let studio = "studio".parse().unwrap();
        assert_eq!(book.active(&studio).unwrap().0, 2);
        assert_eq!(book.version(&studio, 1).unwrap().value.name.as_str(), "Studio");
    }

    proptest! {
        #![proptest_config(testing::cases(10_000))]

        /// A catalog that was loaded is for sale, and loading it again publishes nothing.
        #[test]
        fn loading_converges(
            first in testing::catalog::catalog(),
            second in testing::catalog::catalog(),
            at in testing::values::timestamp(),
        ) {
            let mut book = Book::default();
            let events = book.publish(&first, Timestamp::MIN);
            take_all(&mut book, &events);
            let events = book.publish(&second, at);
            take_all(&mut book, &events);
            prop_assert_eq!(book.publish(&second, at), vec![]);
            for plan in &second.plans {
                prop_assert_eq!(&*book.active(&plan.plan).unwrap().1.value, plan);
            }
        }
    }
}
