//! The price of anything, against a second model that shares no arithmetic with it.

#![expect(clippy::unwrap_used, reason = "a model that cannot go on is a failed test")]

mod model;

use std::collections::BTreeMap;
use std::sync::Arc;

use ledger_core::catalog::{Addon, Aggregation, Charge};
use ledger_core::event::invoice::LineKind;
use ledger_core::id::DeploymentSlug;
use ledger_core::money::{Currency, Exact, Money, Quantity, Ratio, Rounding, UnitPrice};
use ledger_core::price::{
    Attached, Bound, Charged, Deployment, Facts, Prepaid, PrepaidFor, Priced, Sources, Usage,
    price, quote,
};
use ledger_core::testing;
use model::{Told, big, model};
use proptest::prelude::*;

fn told(lines: &[Priced]) -> Vec<Told> {
    let tell = |it: &Priced| {
        let (line, amount) = (&it.line, big(it.line.amount.amount()));
        (line.kind, line.deployment.clone(), line.resource_kind.clone(), amount)
    };
    lines.iter().map(tell).collect()
}

proptest! {
    #![proptest_config(testing::cases(10_000))]

    /// Every line of every document comes out the same by both arithmetics.
    #[test]
    fn the_price_is_what_the_second_model_says(facts in testing::facts::facts()) {
        let document = price(&facts).unwrap();
        prop_assert_eq!(told(&document.lines), model(&facts));
        for priced in &document.lines {
            prop_assert_eq!(priced.explain.verify(), Ok(()));
            prop_assert!(priced.line.amount.is_whole_minor());
        }
        let sum = document.lines.iter().map(|it| it.line.amount);
        let sum = Money::sum(facts.currency, sum);
        prop_assert_eq!(sum, Ok(document.total));
        prop_assert_eq!(document.subtotal.checked_add(document.tax), Ok(document.total));
    }

    /// Nothing that can be written down makes the price panic, and no price is not a whole cent.
    #[test]
    fn no_facts_make_the_price_panic(facts in testing::facts::hostile_facts()) {
        if let Ok(document) = price(&facts) {
            prop_assert!(document.lines.iter().all(|it| it.line.amount.is_whole_minor()));
            prop_assert!(document.lines.iter().all(|it| it.explain.verify().is_ok()));
        }
    }

    /// What was quoted is what is billed when the same things happen.
    #[test]
    fn the_quote_is_the_invoice(
        plan in testing::catalog::plan_version_in(Currency::AUD),
        used in proptest::collection::vec(0_u32..20_000, 3),
        added in 0_u32..500,
        starts_on in testing::values::day(),
    ) {
        // A projection is a sum; one record of it makes the same only where records are added up.
        let mut plan = plan;
        plan.items.iter_mut().for_each(|it| it.aggregation = Aggregation::Sum);
        let plan = Arc::new(plan);
        let addons = plan.items.first().map(|it| Addon {
            code: "more".parse().unwrap(),
            name: "More".parse().unwrap(),
            kind: it.kind.clone(),
            quantity: Quantity::whole(added),
            price: Money::from_minor(750, plan.currency()).unwrap(),
        });
        let addons = Vec::from_iter(addons);
        let kinds = plan.items.iter().map(|it| it.kind.clone());
        let used = kinds.zip(used.into_iter().map(Quantity::whole)).collect::<BTreeMap<_, _>>();
        let quoted = quote(&plan, &addons, &used, starts_on, &[]).unwrap();
        let period = starts_on.period();
        let at = period.starts_at();
        let mut facts = Facts::of_whole(period, plan.currency());
        let attached = addons.into_iter().map(|it| Attached {
            addon: it.code, name: it.name, kind: it.kind, quantity: it.quantity, price: it.price,
            attached_at: at, detached_at: None, from: Sources::NONE,
        });
        let slug: DeploymentSlug = "quote".parse().unwrap();
        facts.deployments.push(Deployment {
            slug: slug.clone(),
            bound: vec![Bound { at, version: 7, plan: Arc::clone(&plan), from: Sources::NONE }],
            charged: vec![Charged { at, is_charged: true, from: Sources::NONE }],
            attached: attached.collect(),
        });
        facts.usage.extend(used.into_iter().map(|(kind, quantity)| Usage {
            at: starts_on.starts_at(), deployment: Some(slug.clone()), kind,
            quantity: quantity.into(), category: None, resource: None, known: None,
            from: Sources::NONE,
        }));
        if let Charge::Term { amount, .. } = plan.charge {
            let what = PrepaidFor::Term(plan.name.clone());
            let (quantity, from) = (Quantity::whole(1), Sources::NONE);
            facts.prepaid.push(Prepaid { what, quantity, amount, from });
        }
        let billed = price(&facts).unwrap();
        let mut lines = told(&billed.lines);
        let recurs =
            |it: &Told| matches!(it.0, LineKind::PlanBase | LineKind::Addon | LineKind::Term);
        lines.sort_by_key(|it| !recurs(it));
        prop_assert_eq!([told(&quoted.recurring), told(&quoted.overage)].concat(), lines);
        prop_assert_eq!(quoted.all_in_monthly, billed.total);
    }
}

/// The bounds that the types promise: nothing above is tested beyond them.
#[test]
fn the_largest_price_of_the_largest_quantity_has_a_line() {
    let price = UnitPrice::new(Exact::new(999_999_999_999_999, 12).unwrap()).unwrap();
    let quantity = Quantity::new(Exact::new(999_999_999_999_999_999, 0).unwrap()).unwrap();
    let product = Ratio::from(price).checked_mul(quantity.into()).unwrap();
    assert!(product.round(2, Rounding::default()).is_ok());
}
