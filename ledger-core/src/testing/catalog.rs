//! Strategies for what is for sale. What they draw is valid: a catalog that reads.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::values;
use crate::catalog::{
    Addon, Aggregation, Catalog, Charge, Commitment, Coupon, CouponDuration, CouponTerms, Discount,
    Item, Ladder, LadderTier, Limits, PlanVersion, PriceModel, QuotaGrant, ResourcePrice, Tier,
};
use crate::money::{Currency, Exact, Money, Percent, Quantity, UnitPrice};

/// An amount to ask for: not negative, in whole minor units, of a size that is asked for.
pub fn price(currency: Currency) -> impl Strategy<Value = Money> {
    prop_oneof![Just(0_i128), Just(1), Just(5000), 0_i128..=100_000_000]
        .prop_map(move |units| Money::from_minor(units, currency).expect("drawn within bounds"))
}

/// A unit price of a size that is asked for.
pub fn small_unit_price() -> impl Strategy<Value = UnitPrice> {
    (0_i128..=1_000_000, 0_u8..=6).prop_map(|(mantissa, scale)| {
        let number = Exact::new(mantissa, scale).expect("drawn within bounds");
        UnitPrice::new(number).expect("drawn within bounds")
    })
}

/// Tiers in order, the last without an end.
pub fn tiers() -> impl Strategy<Value = Vec<Tier>> {
    let step = (1_u32..1000, small_unit_price(), option::of(small_unit_price()));
    (vec(step, 0..4), small_unit_price()).prop_map(|(steps, last)| {
        let mut bound = 0_u32;
        let bounded = steps.into_iter().map(|(width, price, flat)| {
            bound += width;
            let up_to = Some(Quantity::whole(bound));
            Tier { up_to, price, flat: flat.unwrap_or(UnitPrice::ZERO) }
        });
        let mut tiers = bounded.collect::<Vec<_>>();
        tiers.push(Tier { up_to: None, price: last, flat: UnitPrice::ZERO });
        tiers
    })
}

/// Any price model.
pub fn price_model() -> impl Strategy<Value = PriceModel> {
    prop_oneof![
        3 => small_unit_price().prop_map(PriceModel::PerUnit),
        1 => tiers().prop_map(PriceModel::Graduated),
        1 => tiers().prop_map(PriceModel::Volume),
        1 => (1_u32..500, small_unit_price(), 0_u32..500).prop_map(|(size, price, free)| {
            PriceModel::Package { size: Quantity::whole(size), price, free: Quantity::whole(free) }
        }),
        1 => (0_i64..=100).prop_map(|it| {
            PriceModel::Percentage(Percent::new(Exact::whole(it)).expect("drawn within bounds"))
        }),
    ]
}

/// Any aggregation.
pub fn aggregation() -> impl Strategy<Value = Aggregation> {
    select(vec![
        Aggregation::Sum,
        Aggregation::Max,
        Aggregation::Count,
        Aggregation::UniqueCount,
        Aggregation::TimeWeightedSum,
        Aggregation::Latest,
        Aggregation::Percentile95,
    ])
}

/// Any item.
pub fn item() -> impl Strategy<Value = Item> {
    let unit = select(vec!["hour", "gb", "zone", "1k_tokens", "100_calls"]);
    let cap = option::weighted(0.2, 0_u32..5000);
    (values::resource_kind(), unit, 0_u32..5000, price_model(), cap, aggregation()).prop_map(|it| {
        let (kind, unit, included, price, hard_cap, aggregation) = it;
        Item {
            kind,
            unit: unit.parse().expect("a unit"),
            included: Quantity::whole(included),
            price,
            hard_cap: hard_cap.map(Quantity::whole),
            aggregation,
        }
    })
}

/// Any ladder.
pub fn ladder() -> impl Strategy<Value = Ladder> {
    let tier = (1_u32..60, select(vec!["0.5", "0.25", "0.9", "1", "0"]));
    (vec(tier, 1..4), vec(values::category(), 1..3)).prop_map(|(steps, categories)| {
        let mut days = 0;
        let tiers = steps.into_iter().map(|(step, multiplier)| {
            days += step;
            LadderTier {
                name: format!("after {days} days").parse().expect("a name"),
                days,
                multiplier: multiplier.parse().expect("a number"),
            }
        });
        let tiers = tiers.collect();
        Ladder { tiers, default_category: categories.first().cloned(), categories }
    })
}

/// Any version of any plan, all of it in one currency.
pub fn plan_version() -> impl Strategy<Value = PlanVersion> {
    values::currency().prop_flat_map(plan_version_in)
}

/// Any version of any plan in this currency.
pub fn plan_version_in(currency: Currency) -> impl Strategy<Value = PlanVersion> {
    let charge = prop_oneof![
        3 => price(currency).prop_map(Charge::Monthly),
        1 => (price(currency), 1_u16..400).prop_map(|(amount, days)| Charge::Term { amount, days }),
    ];
    let grant = (values::resource_kind(), 1_u32..50);
    let grant = grant.prop_map(|(kind, count)| QuotaGrant { kind, count });
    let limits = (0_u32..100, price(currency)).prop_map(|(max_node_instances, most)| Limits {
        max_node_instances,
        max_monthly_provisioning: most,
    });
    let commitment = price(currency).prop_map(|minimum| Commitment { minimum });
    let parts = (
        (values::plan_code(), values::label(), charge),
        (vec(item(), 0..4), vec(grant, 0..2)),
        (option::of(limits), option::of(ladder()), option::of(commitment)),
    );
    parts.prop_map(
        |((plan, name, charge), (mut items, mut grants), (limits, ladder, commitment))| {
            items.sort_by(|left, right| left.kind.cmp(&right.kind));
            items.dedup_by(|left, right| left.kind == right.kind);
            grants.sort_by(|left, right| left.kind.cmp(&right.kind));
            grants.dedup_by(|left, right| left.kind == right.kind);
            PlanVersion { plan, name, charge, items, grants, limits, ladder, commitment }
        },
    )
}

/// Any addon.
pub fn addon() -> impl Strategy<Value = Addon> {
    let kind = values::resource_kind();
    let price = values::currency().prop_flat_map(price);
    (values::addon_code(), values::label(), kind, 0_u32..5000, price).prop_map(|it| {
        let (code, name, kind, quantity, price) = it;
        Addon { code, name, kind, quantity: Quantity::whole(quantity), price }
    })
}

/// Any resource price.
pub fn resource_price() -> impl Strategy<Value = ResourcePrice> {
    let unit = select(vec!["hour", "gb", "1k_tokens"]);
    let prices = (small_unit_price(), values::currency());
    (values::resource_kind(), unit, prices, option::of(ladder())).prop_map(
        |(kind, unit, (price, currency), ladder)| ResourcePrice {
            kind,
            unit: unit.parse().expect("a unit"),
            price,
            currency,
            ladder,
        },
    )
}

/// What any coupon does.
pub fn coupon_terms() -> impl Strategy<Value = CouponTerms> {
    let percent = (0_i64..=100)
        .prop_map(|it| Percent::new(Exact::whole(it)).expect("drawn within bounds"))
        .prop_map(Discount::Percent);
    let fixed = values::currency().prop_flat_map(price).prop_map(Discount::Fixed);
    let duration = prop_oneof![
        Just(CouponDuration::Once),
        (1_u16..24).prop_map(CouponDuration::Periods),
        Just(CouponDuration::Forever),
    ];
    (values::label(), prop_oneof![percent, fixed], duration)
        .prop_map(|(name, discount, duration)| CouponTerms { name, discount, duration })
}

/// Any coupon.
pub fn coupon() -> impl Strategy<Value = Coupon> {
    (values::coupon_code(), coupon_terms()).prop_map(|(code, terms)| Coupon { code, terms })
}

/// A whole catalog without a code twice.
pub fn catalog() -> impl Strategy<Value = Catalog> {
    let plans = vec(plan_version(), 0..4);
    let parts = (plans, vec(addon(), 0..4), vec(resource_price(), 0..4), vec(coupon(), 0..3));
    parts.prop_map(|(mut plans, mut addons, mut resource_prices, mut coupons)| {
        plans.sort_by(|left, right| left.plan.cmp(&right.plan));
        plans.dedup_by(|left, right| left.plan == right.plan);
        addons.sort_by(|left, right| left.code.cmp(&right.code));
        addons.dedup_by(|left, right| left.code == right.code);
        resource_prices.sort_by(|left, right| left.kind.cmp(&right.kind));
        resource_prices.dedup_by(|left, right| left.kind == right.kind);
        coupons.sort_by(|left, right| left.code.cmp(&right.code));
        coupons.dedup_by(|left, right| left.code == right.code);
        Catalog { plans, addons, resource_prices, coupons }
    })
}

arbitrary! {
    Tier = tiers().prop_map(|mut tiers| tiers.pop().expect("at least one tier"));
    PriceModel = price_model();
    Aggregation = aggregation();
    Item = item();
    Ladder = ladder();
    PlanVersion = plan_version();
    Addon = addon();
    ResourcePrice = resource_price();
    CouponTerms = coupon_terms();
    Coupon = coupon();
    Catalog = catalog();
}
