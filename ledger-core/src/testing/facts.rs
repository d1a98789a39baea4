//! Strategies for what a price is computed from.
//!
//! [`facts`] draws what a ledger could hold: one currency, kinds that meet the items of the plans,
//! changes of plan, pauses and cancellations on any day. [`hostile_facts`] draws anything at all.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::{catalog, values};
use crate::catalog::{Aggregation, CouponDuration, Discount, PlanVersion};
use crate::event::account::{TaxBasis, TaxTerms};
use crate::id::ResourceKind;
use crate::log::Revision;
use crate::money::{Currency, Exact, Money, Percent, Quantity, Ratio};
use crate::price::{
    AppliedCoupon, Attached, Bound, Charged, Deployment, EffectivePrice, Facts, Prepaid,
    PrepaidFor, Sources, Tax, Usage, draws,
};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

/// The kinds that plans, addons, prices and usage have in common.
pub const KINDS: [&str; 3] = ["droplet_hours", "spaces_gb_month", "llm_tokens"];

fn kind() -> impl Strategy<Value = ResourceKind> {
    select(KINDS.to_vec()).prop_map(|it| it.parse().expect("a kind"))
}

fn from() -> impl Strategy<Value = Sources> {
    (values::stream(), 0_u64..50).prop_map(|it| Sources::one(it.0, Revision::new(it.1)))
}

/// An instant in a period or a little before it.
fn around(period: BillingPeriod) -> impl Strategy<Value = Timestamp> {
    let before = Just(period.starts_at().plus_seconds(-86_400 * 10).unwrap_or(Timestamp::MIN));
    prop_oneof![1 => before, 1 => Just(period.starts_at()), 4 => values::timestamp_in(period)]
}

/// A version whose items are of the common kinds and add their records up.
fn plan(currency: Currency) -> impl Strategy<Value = Arc<PlanVersion>> {
    let aggregation = select(vec![Aggregation::Sum, Aggregation::Sum, Aggregation::Max]);
    (catalog::plan_version_in(currency), vec(aggregation, 3)).prop_map(|(mut plan, how)| {
        plan.items.truncate(KINDS.len());
        for ((item, kind), aggregation) in plan.items.iter_mut().zip(KINDS).zip(how) {
            item.kind = kind.parse().expect("a kind");
            item.aggregation = aggregation;
        }
        if let Some(ladder) = &mut plan.ladder {
            ladder.categories = vec!["llm".parse().expect("a category")];
        }
        Arc::new(plan)
    })
}

fn deployment(period: BillingPeriod, currency: Currency) -> impl Strategy<Value = Deployment> {
    let bound = (around(period), 1..3_u32, plan(currency), from());
    let bound = bound.prop_map(|it| Bound { at: it.0, version: it.1, plan: it.2, from: it.3 });
    let charged = (around(period), any::<bool>(), from());
    let charged = charged.prop_map(|it| Charged { at: it.0, is_charged: it.1, from: it.2 });
    let parts = (vec(bound, 0..4), vec(charged, 0..5), vec(attached(period, currency), 0..3));
    let slug = select(vec!["blog", "shop"]).prop_map(|it| it.parse().expect("a slug"));
    (slug, parts).prop_map(|(slug, (mut bound, mut charged, attached))| {
        // A version is an identity: the same plan and number is the same version.
        bound.sort_by_key(|it| it.at);
        for index in 1..bound.len() {
            let (before, rest) = bound.split_at_mut(index);
            if let (Some(first), Some(it)) = (before.first(), rest.first_mut())
                && it.version == first.version
            {
                it.plan = Arc::clone(&first.plan);
            }
        }
        charged.sort_by_key(|it| it.at);
        Deployment { slug, bound, charged, attached }
    })
}

fn attached(period: BillingPeriod, currency: Currency) -> impl Strategy<Value = Attached> {
    let addon = (values::addon_code(), values::label(), kind(), 0_u32..5000);
    let when = (around(period), option::of(around(period)));
    (addon, catalog::price(currency), when, from()).prop_map(|(addon, price, when, from)| {
        let (addon, name, kind, quantity) = addon;
        let (attached_at, detached_at) = when;
        let quantity = Quantity::whole(quantity);
        Attached { addon, name, kind, quantity, price, attached_at, detached_at, from }
    })
}

fn usage(period: BillingPeriod) -> impl Strategy<Value = Usage> {
    let what = prop_oneof![4 => kind(), 1 => values::resource_kind()];
    let deployment = option::weighted(0.9, select(vec!["blog", "shop"]));
    let category = option::of(select(vec!["llm", "vm"]));
    let quantity =
        prop_oneof![3 => (0_i128..500_000, Just(100)), 1 => (0_i128..9999, 1_i128..=3600)];
    (values::timestamp_in(period), deployment, what, quantity, category, from()).prop_map(|it| {
        let (at, deployment, kind, (over, under), category, from) = it;
        Usage {
            at,
            deployment: deployment.map(|it| it.parse().expect("a slug")),
            kind,
            quantity: Ratio::new(over, under).expect("drawn above zero"),
            category: category.map(|it| it.parse().expect("a category")),
            resource: None,
            known: None,
            from,
        }
    })
}

fn resource_price(
    period: BillingPeriod,
    currency: Currency,
) -> impl Strategy<Value = EffectivePrice> {
    let price = (kind(), catalog::resource_price(), any::<bool>());
    (around(period), price, from()).prop_map(move |(at, (kind, mut price, is_ours), from)| {
        price.kind = kind;
        if is_ours {
            price.currency = currency;
        }
        EffectivePrice { at, price: Arc::new(price), from }
    })
}

fn tax() -> impl Strategy<Value = Tax> {
    let rate = select(vec!["10", "15", "20", "0", "8.875"]);
    let basis = select(vec![TaxBasis::Total, TaxBasis::Line]);
    (rate, basis, values::rounding(), from()).prop_map(|(rate, basis, rounding, from)| {
        let name = "GST".parse().expect("a name");
        let rate = Percent::new(rate.parse().expect("a number")).expect("within bounds");
        Tax { terms: TaxTerms { name, rate, basis, rounding }, from }
    })
}

fn coupon(period: BillingPeriod, currency: Currency) -> impl Strategy<Value = AppliedCoupon> {
    let discount = prop_oneof![
        (0_i64..=100).prop_map(|it| {
            Discount::Percent(Percent::new(Exact::whole(it)).expect("within bounds"))
        }),
        catalog::price(currency).prop_map(Discount::Fixed),
    ];
    (catalog::coupon(), discount, from()).prop_map(move |(mut coupon, discount, from)| {
        coupon.terms.discount = discount;
        coupon.terms.duration = CouponDuration::Once;
        AppliedCoupon { code: coupon.code, terms: coupon.terms, since: period, from }
    })
}

/// What credit paid of the usage among some facts: all of it, or amounts that lag behind it.
fn prepaid(facts: &Facts, lag: &[(ResourceKind, u32)]) -> Vec<Prepaid> {
    let of = |kind, quantity, amount| {
        let (what, from) = (PrepaidFor::Usage(kind), Sources::NONE);
        Prepaid { what, quantity, amount, from }
    };
    let lagging = lag.iter().map(|(kind, thousandths)| {
        let amount = Exact::new(i128::from(*thousandths), 3).expect("within bounds");
        of(kind.clone(), Quantity::whole(1), Money::new(amount, facts.currency))
    });
    match lag.is_empty() {
        true => {
            let drawn = draws(facts).unwrap_or_default().into_iter();
            drawn.map(|it| of(it.kind, it.quantity, it.amount)).collect()
        }
        false => lagging.collect(),
    }
}

/// What a ledger could hold of one tenant and month; every third tenant pays usage from credit.
pub fn facts() -> impl Strategy<Value = Facts> {
    let lag = prop_oneof![2 => Just(Vec::new()), 1 => vec((kind(), 0..90_000_u32), 1..4)];
    (invoiced_facts(), prop::bool::weighted(0.3), lag).prop_map(|(mut facts, is_prepaid, lag)| {
        if is_prepaid {
            facts.is_prepaid = true;
            facts.prepaid = prepaid(&facts, &lag);
        }
        facts
    })
}

fn invoiced_facts() -> impl Strategy<Value = Facts> {
    let period = (1_u8..=12).prop_map(|it| BillingPeriod::new(2024, it).expect("a month"));
    let currency = select(vec![Currency::AUD, Currency::JPY, Currency::KWD]);
    (period, currency).prop_flat_map(|(period, currency)| {
        let things = (
            vec(deployment(period, currency), 0..3),
            vec(usage(period), 0..10),
            vec(resource_price(period, currency), 0..4),
            vec(coupon(period, currency), 0..3),
        );
        let until = prop_oneof![3 => Just(period.ends_at()), 1 => values::timestamp_in(period)];
        (things, until, option::of(around(period)), option::of(tax())).prop_map(
            move |((mut deployments, usage, prices, coupons), until, first_paid_at, tax)| {
                deployments.sort_by(|left, right| left.slug.cmp(&right.slug));
                deployments.dedup_by(|left, right| left.slug == right.slug);
                let mut facts = Facts::of_whole(period, currency);
                facts.until = until;
                facts.deployments = deployments;
                facts.usage = usage;
                facts.resource_prices = prices;
                facts.first_paid_at = first_paid_at;
                facts.coupons = coupons;
                facts.tax = tax;
                facts
            },
        )
    })
}

/// Facts that no ledger should hold: any currency, any number, any time, plans as they come.
pub fn hostile_facts() -> impl Strategy<Value = Facts> {
    let bound = (values::timestamp(), any::<u32>(), catalog::plan_version(), from());
    let bound =
        bound.prop_map(|it| Bound { at: it.0, version: it.1, plan: Arc::new(it.2), from: it.3 });
    let prepaid = (kind(), values::quantity(), values::money(), from()).prop_map(|it| Prepaid {
        what: PrepaidFor::Usage(it.0),
        quantity: it.1,
        amount: it.2,
        from: it.3,
    });
    let quantities = vec((values::quantity(), values::timestamp(), values::resource_kind()), 0..8);
    let others = (vec(bound, 0..4), vec(prepaid, 0..3), quantities, any::<bool>());
    let prices = vec((values::timestamp(), catalog::resource_price()), 0..4);
    let when = (values::period(), values::timestamp(), option::of(values::timestamp()));
    (facts(), others, when, prices).prop_map(|(mut facts, others, when, prices)| {
        let (bound, prepaid, quantities, is_prepaid) = others;
        (facts.period, facts.until, facts.first_paid_at) = when;
        facts.is_prepaid = is_prepaid;
        facts.prepaid = prepaid;
        if let Some(deployment) = facts.deployments.first_mut() {
            deployment.bound.extend(bound);
        }
        for (record, (quantity, at, kind)) in facts.usage.iter_mut().zip(quantities) {
            (record.quantity, record.at, record.kind) = (quantity.into(), at, kind);
        }
        facts.resource_prices.extend(prices.into_iter().map(|(at, price)| {
            let from = Sources::one(Stream::Catalog, Revision::FIRST);
            EffectivePrice { at, price: Arc::new(price), from }
        }));
        facts
    })
}
