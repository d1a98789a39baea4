//! What is offered, at which price. A published version never changes; the next one retires it.
//!
//! The values are those of `catalog`: their fields, in their order, are part of the wire form.

use serde::{Deserialize, Serialize};

use crate::catalog::{Addon, Coupon, PlanVersion, ResourcePrice};
use crate::id::{Label, Provider, ResourceKind};
use crate::money::ExchangeRate;
use crate::time::{Day, Timestamp};

event_family! {
    /// What was offered.
    pub enum Event in Catalog {
        "catalog-plan-published.v1" => PlanPublished in Catalog,
        "catalog-addon-published.v1" => AddonPublished in Catalog,
        "catalog-resource-price-set.v1" => ResourcePriceSet in Catalog,
        "catalog-product-mapped.v1" => ProductMapped in Catalog,
        "catalog-exchange-rate-set.v1" => ExchangeRateSet in Catalog,
        "catalog-coupon-published.v1" => CouponPublished in Catalog,
    }
}

/// A plan has a new version, which retires the one before it. Subscribers of that one keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PlanPublished {
    /// The number of the version: 1 is a plan's first.
    pub version: u32,
    /// What is sold.
    pub plan: Box<PlanVersion>,
}

/// An addon may be attached on these terms. What is attached already keeps its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct AddonPublished {
    /// What is sold.
    pub addon: Addon,
}

/// A kind without a plan item costs this much from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ResourcePriceSet {
    /// What a unit of which kind costs.
    pub price: ResourcePrice,
    /// Usage that occurred from this instant on costs it.
    pub effective_at: Timestamp,
}

/// A provider's product counts as a resource type and as a kind from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ProductMapped {
    /// Whose product.
    pub provider: Provider,
    /// As its bills spell it.
    pub product: Label,
    /// The type of the resources it bills, by which lines are matched.
    pub resource_type: Option<ResourceKind>,
    /// The kind of usage it is the cost of.
    pub kind: Option<ResourceKind>,
}

/// One currency is worth so much of another from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ExchangeRateSet {
    /// The pair and its rate.
    pub rate: ExchangeRate,
    /// The first day it counts for.
    pub effective_on: Day,
    /// Who says so.
    pub source: Label,
}

/// A coupon may be applied, on these terms. Where it was applied already it keeps its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CouponPublished {
    /// What it gives.
    pub coupon: Coupon,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::catalog::{
        Aggregation, Charge, Commitment, CouponDuration, CouponTerms, Discount, Item, Ladder,
        LadderTier, Limits, PriceModel, QuotaGrant, Tier,
    };
    use crate::event::{Exemplar, aud, parsed};
    use crate::money::UnitPrice;

    impl Exemplar for PlanPublished {
        fn exemplar() -> Self {
            let tier = |up_to: Option<&str>, price| Tier {
                up_to: up_to.map(parsed),
                price: parsed(price),
                flat: UnitPrice::ZERO,
            };
            let hours = Item {
                kind: parsed("droplet_hours"),
                unit: parsed("hour"),
                included: parsed("1488"),
                price: PriceModel::PerUnit(parsed("0.01")),
                hard_cap: None,
                aggregation: Aggregation::Sum,
            };
            let storage = Item {
                kind: parsed("spaces_gb_month"),
                unit: parsed("gb"),
                included: parsed("100"),
                price: PriceModel::Graduated(vec![tier(Some("500"), "0.02"), tier(None, "0.015")]),
                hard_cap: Some(parsed("10000")),
                aggregation: Aggregation::TimeWeightedSum,
            };
            let plan = PlanVersion {
                plan: parsed("studio"),
                name: parsed("Studio"),
                charge: Charge::Monthly(aud("50")),
                items: vec![hours, storage],
                grants: vec![QuotaGrant { kind: parsed("vm"), count: 5 }],
                limits: Some(Limits {
                    max_node_instances: 50,
                    max_monthly_provisioning: aud("500"),
                }),
                ladder: Some(ladder()),
                commitment: Some(Commitment { minimum: aud("10") }),
            };
            Self { version: 2, plan: Box::new(plan) }
        }
    }

    fn ladder() -> Ladder {
        let week = LadderTier { name: parsed("week"), days: 7, multiplier: parsed("0.5") };
        let month = LadderTier { name: parsed("month"), days: 30, multiplier: parsed("0.25") };
        Ladder {
            tiers: vec![week, month],
            categories: vec![parsed("hero_os_hourly"), parsed("llm")],
            default_category: Some(parsed("hero_os_hourly")),
        }
    }

    impl Exemplar for AddonPublished {
        fn exemplar() -> Self {
            let addon = Addon {
                code: parsed("storage_50gb"),
                name: parsed("Storage 50 GB"),
                kind: parsed("spaces_gb_month"),
                quantity: parsed("50"),
                price: aud("7.50"),
            };
            Self { addon }
        }
    }

    impl Exemplar for ResourcePriceSet {
        fn exemplar() -> Self {
            let price = ResourcePrice {
                kind: parsed("llm_tokens"),
                unit: parsed("1k_tokens"),
                price: parsed("0.01"),
                currency: parsed("USD"),
                ladder: Some(ladder()),
            };
            Self { price, effective_at: parsed("2026-04-01T00:00:00Z") }
        }
    }

    impl Exemplar for ProductMapped {
        fn exemplar() -> Self {
            Self {
                provider: parsed("digitalocean"),
                product: parsed("Droplets"),
                resource_type: Some(parsed("droplet")),
                kind: Some(parsed("droplet_hours")),
            }
        }
    }

    impl Exemplar for ExchangeRateSet {
        fn exemplar() -> Self {
            let rate = ExchangeRate::new(parsed("AUD"), parsed("USD"), parsed("0.66"));
            Self {
                rate: rate.expect("two currencies and a positive rate"),
                effective_on: parsed("2026-04-30"),
                source: parsed("RBA"),
            }
        }
    }

    impl Exemplar for CouponTerms {
        fn exemplar() -> Self {
            Self {
                name: parsed("A quarter off"),
                discount: Discount::Percent(parsed("25")),
                duration: CouponDuration::Periods(3),
            }
        }
    }

    impl Exemplar for CouponPublished {
        fn exemplar() -> Self {
            Self { coupon: Coupon { code: parsed("LAUNCH25"), terms: CouponTerms::exemplar() } }
        }
    }
}
