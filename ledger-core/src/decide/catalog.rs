//! What is on offer, and publishing more of it: what differs becomes a new version, what is equal
//! publishes nothing.

use std::collections::BTreeMap;

use super::{Refusal, RefusalKind};
use crate::catalog::{
    Addon, Catalog, Coupon, Ladder, PlanVersion, ResourcePrice, canonical_kind, folded,
};
use crate::event;
use crate::event::catalog::{
    AddonPublished, CouponPublished, Event, ExchangeRateSet, PlanPublished, ProductMapped,
    ResourcePriceSet,
};
use crate::fold::{FoldError, FoldProblem};
use crate::id::{AddonCode, CouponCode, Label, PlanCode, Provider, ResourceKind, Unit};
use crate::log::Record;
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// A plan version by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// 1 is a plan's first.
    pub version: u32,
    /// What is sold.
    pub plan: PlanVersion,
}

/// Everything on offer: the fold of the stream `catalog`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offers {
    /// All versions of each plan; the last is active.
    plans: BTreeMap<PlanCode, Vec<Offer>>,
    addons: BTreeMap<AddonCode, Addon>,
    /// By the instant from which they hold; of two for one instant the later record counts.
    prices: BTreeMap<(ResourceKind, Currency), BTreeMap<Timestamp, ResourcePrice>>,
    coupons: BTreeMap<CouponCode, Coupon>,
    /// By the product's name as it is compared.
    products: BTreeMap<(Provider, String), ProductMapped>,
    rates: Vec<ExchangeRateSet>,
}

impl Offers {
    /// The active version of a plan.
    pub fn plan(&self, code: &PlanCode) -> Option<&Offer> {
        self.plans.get(code)?.last()
    }

    /// A version of a plan, active or retired.
    pub fn version(&self, code: &PlanCode, version: u32) -> Option<&Offer> {
        self.plans.get(code)?.iter().find(|it| it.version == version)
    }

    /// The active plans.
    pub fn plans(&self) -> impl Iterator<Item = &Offer> {
        self.plans.values().filter_map(|it| it.last())
    }

    /// Active plans whose limits allow so many instances and so much, the lowest limit first.
    pub fn plans_with_room(&self, instances: u64, spend: Money) -> Vec<PlanCode> {
        let limited = self.plans().filter_map(|it| Some((it, it.plan.limits.as_ref()?)));
        let mut fitting = limited
            .filter(|(_, limits)| {
                let limit = limits.max_monthly_provisioning;
                u64::from(limits.max_node_instances) >= instances
                    && limit.try_cmp(spend).is_ok_and(std::cmp::Ordering::is_ge)
            })
            .map(|(it, limits)| (limits.max_monthly_provisioning.amount(), it.plan.plan.clone()))
            .collect::<Vec<_>>();
        fitting.sort();
        fitting.into_iter().map(|(_, plan)| plan).collect()
    }

    /// An addon as it may be attached now.
    pub fn addon(&self, code: &AddonCode) -> Option<&Addon> {
        self.addons.get(code)
    }

    /// A coupon as it may be applied now.
    pub fn coupon(&self, code: &CouponCode) -> Option<&Coupon> {
        self.coupons.get(code)
    }

    /// The price of a kind in a currency that is effective at an instant.
    pub fn resource_price(
        &self,
        kind: &ResourceKind,
        currency: Currency,
        at: Timestamp,
    ) -> Option<&ResourcePrice> {
        let prices = self.prices.get(&(kind.clone(), currency))?;
        prices.range(..=at).next_back().map(|(_, it)| it)
    }

    /// The ladder of the price list in a currency: that of the first kind that has one.
    pub fn ladder(&self, currency: Currency, at: Timestamp) -> Option<&Ladder> {
        let kinds = self.prices.keys().filter(|(_, of)| *of == currency);
        let mut ladders = kinds.map(|(kind, _)| self.resource_price(kind, currency, at));
        ladders.find_map(|it| it?.ladder.as_ref())
    }

    /// The units that a kind is sold in: by plans, retired versions too, and by prices of the kind.
    pub fn units_of(&self, kind: &ResourceKind) -> impl Iterator<Item = &Unit> {
        let kind = canonical_kind(kind);
        let items = self.plans.values().flatten().flat_map(|it| &it.plan.items);
        let items = items.map(|it| (&it.kind, &it.unit));
        let prices = self.prices.values().flat_map(BTreeMap::values);
        let sold = items.chain(prices.map(|it| (&it.kind, &it.unit)));
        sold.filter(move |it| canonical_kind(it.0) == kind).map(|it| it.1)
    }

    /// What a provider's product counts as, in whatever case it is spelled.
    pub fn product(&self, provider: &Provider, product: &Label) -> Option<&ProductMapped> {
        self.products.get(&(provider.clone(), folded(product.as_str())))
    }

    /// The exchange rates, oldest record first.
    pub fn rates(&self) -> &[ExchangeRateSet] {
        &self.rates
    }

    /// What one more record makes of it.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let event::Event::Catalog(event) = &record.event else {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            return Err(FoldError::Contradiction { position: record.position, problem });
        };
        match event {
            Event::PlanPublished(it) => {
                let offer = Offer { version: it.version, plan: (*it.plan).clone() };
                self.plans.entry(it.plan.plan.clone()).or_default().push(offer);
            }
            Event::AddonPublished(it) => {
                self.addons.insert(it.addon.code.clone(), it.addon.clone());
            }
            Event::ResourcePriceSet(it) => {
                let what = (it.price.kind.clone(), it.price.currency);
                let prices = self.prices.entry(what).or_default();
                prices.insert(it.effective_at, it.price.clone());
            }
            Event::CouponPublished(it) => {
                self.coupons.insert(it.coupon.code.clone(), it.coupon.clone());
            }
            Event::ProductMapped(it) => {
                let product = (it.provider.clone(), folded(it.product.as_str()));
                self.products.insert(product, it.clone());
            }
            Event::ExchangeRateSet(it) => self.rates.push(it.clone()),
        }
        Ok(self)
    }

    /// Publishes what of a catalog differs from what is active. Prices of kinds hold from
    /// `effective_at` on. What the catalog does not mention stays as it is.
    pub fn publish(
        &self,
        catalog: &Catalog,
        effective_at: Timestamp,
    ) -> Result<Vec<event::Event>, CatalogRefusal> {
        unique("plans", catalog.plans.iter().map(|it| it.plan.to_string()))?;
        unique("addons", catalog.addons.iter().map(|it| it.code.to_string()))?;
        let prices = catalog.resource_prices.iter();
        unique("resource_prices", prices.map(|it| format!("{} in {}", it.kind, it.currency)))?;
        unique("coupons", catalog.coupons.iter().map(|it| it.code.to_string()))?;
        let mut events = Vec::new();
        for plan in &catalog.plans {
            let active = self.plan(&plan.plan);
            if active.is_some_and(|it| it.plan.is_same(plan)) {
                continue;
            }
            let former = active.map_or(0, |it| it.version);
            let exhausted = CatalogRefusal::VersionsExhausted { plan: plan.plan.clone() };
            let version = former.checked_add(1).ok_or(exhausted)?;
            events.push(PlanPublished { version, plan: Box::new(plan.clone()) }.into());
        }
        for addon in &catalog.addons {
            if self.addon(&addon.code) != Some(addon) {
                events.push(AddonPublished { addon: addon.clone() }.into());
            }
        }
        for price in &catalog.resource_prices {
            let active = self.resource_price(&price.kind, price.currency, effective_at);
            if !active.is_some_and(|it| it.is_same(price)) {
                events.push(ResourcePriceSet { price: price.clone(), effective_at }.into());
            }
        }
        for coupon in &catalog.coupons {
            if self.coupon(&coupon.code) != Some(coupon) {
                events.push(CouponPublished { coupon: coupon.clone() }.into());
            }
        }
        Ok(events)
    }

    /// Maps a provider's product to a resource type and a kind. As it is already: nothing.
    pub fn map_product(&self, command: &ProductMapped) -> Vec<event::Event> {
        let means = |it: &ProductMapped| (it.resource_type.clone(), it.kind.clone());
        let mapped = self.product(&command.provider, &command.product);
        if mapped.map(means) == Some(means(command)) {
            return Vec::new();
        }
        vec![command.clone().into()]
    }

    /// Sets an exchange rate. The last one recorded for a pair and a day is set again: nothing.
    pub fn set_rate(&self, command: &ExchangeRateSet) -> Vec<event::Event> {
        let same_day = |it: &&ExchangeRateSet| {
            it.rate.serves(command.rate.base(), command.rate.quote())
                && it.effective_on == command.effective_on
        };
        if self.rates.iter().rev().find(same_day) == Some(command) {
            return Vec::new();
        }
        vec![command.clone().into()]
    }
}

/// Why a catalog is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogRefusal {
    /// The same thing stands in it twice.
    #[error("{id} stands at /{list}/{first} and at /{list}/{second}")]
    Twice {
        /// In which list.
        list: &'static str,
        /// What stands there twice.
        id: String,
        /// Where first.
        first: usize,
        /// Where again.
        second: usize,
    },
    /// A plan has had every version there can be.
    #[error("{plan} has no version left")]
    VersionsExhausted {
        /// The plan.
        plan: PlanCode,
    },
}

impl Refusal for CatalogRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Twice { .. } => "duplicate_id",
            Self::VersionsExhausted { .. } => "versions_exhausted",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::Twice { .. } | Self::VersionsExhausted { .. } => RefusalKind::Unprocessable,
        }
    }
}

fn unique(list: &'static str, ids: impl Iterator<Item = String>) -> Result<(), CatalogRefusal> {
    let mut seen = BTreeMap::new();
    for (second, id) in ids.enumerate() {
        if let Some(first) = seen.insert(id.clone(), second) {
            return Err(CatalogRefusal::Twice { list, id, first, second });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
