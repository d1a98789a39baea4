//! Publishing, and what is on offer after it.

use proptest::prelude::*;

use super::*;
use crate::decide::script::{Script, catalog, offers};
use crate::money::{Currency, Quantity};
use crate::testing::cases;

#[test]
fn what_is_equal_publishes_nothing() {
    let mut script = Script::<Offers>::new();
    assert_eq!(script.take(script.state.publish(&catalog(), script.at)), 12);
    assert_eq!(script.take(script.state.publish(&catalog(), script.at)), 0);
    script.pass(86_400);
    assert_eq!(script.take(script.state.publish(&catalog(), script.at)), 0);
}

#[test]
fn what_differs_becomes_the_next_version_and_the_former_is_kept() {
    let mut script = Script::<Offers>::new();
    script.take(script.state.publish(&catalog(), script.at));
    let mut dearer = catalog();
    dearer.plans[0].name = "Studio 2".parse().unwrap();
    assert_eq!(script.take(script.state.publish(&dearer, script.at)), 1);
    let studio = "studio".parse().unwrap();
    let active = script.state.plan(&studio).unwrap();
    assert_eq!((active.version, active.plan.name.as_str()), (2, "Studio 2"));
    let former = script.state.version(&studio, 1).unwrap();
    assert_eq!(former.plan.name.as_str(), "Studio");
    assert_eq!(script.take(script.state.publish(&catalog(), script.at)), 1);
    assert_eq!(script.state.plan(&studio).unwrap().version, 3);
}

/// Items, grants and the categories of a ladder are sets: a file that lists them otherwise says the
/// same. Steps of a ladder and tiers are in order, which is checked when they are read.
#[test]
fn another_order_of_the_same_publishes_nothing() {
    use crate::event::Exemplar;
    let mut script = Script::<Offers>::new();
    let mut plan = *PlanPublished::exemplar().plan;
    plan.grants.push(crate::catalog::QuotaGrant { kind: "gpu".parse().unwrap(), count: 1 });
    let mut price = ResourcePriceSet::exemplar().price;
    let (plans, resource_prices) = (vec![plan.clone()], vec![price.clone()]);
    let listed = Catalog { plans, resource_prices, ..Catalog::default() };
    assert_eq!(script.take(script.state.publish(&listed, script.at)), 2);
    plan.items.reverse();
    plan.grants.reverse();
    for ladder in [plan.ladder.as_mut().unwrap(), price.ladder.as_mut().unwrap()] {
        ladder.categories.reverse();
    }
    let (plans, resource_prices) = (vec![plan.clone()], vec![price.clone()]);
    let otherwise = Catalog { plans, resource_prices, ..Catalog::default() };
    assert_ne!(otherwise, listed);
    assert_eq!(script.state.publish(&otherwise, script.at), Ok(Vec::new()));
    let mut dearer = otherwise;
    dearer.plans[0].items[0].included = Quantity::whole(1);
    assert_eq!(script.take(script.state.publish(&dearer, script.at)), 1);
}

#[test]
fn a_price_holds_from_its_instant_on() {
    let mut script = Script::<Offers>::new();
    script.take(script.state.publish(&catalog(), script.at));
    let (before, kind) = (script.at, "node_hour".parse().unwrap());
    script.pass(86_400);
    let mut dearer = catalog();
    dearer.resource_prices[0].price = "0.008".parse().unwrap();
    assert_eq!(script.take(script.state.publish(&dearer, script.at)), 1);
    let price =
        |at| script.state.resource_price(&kind, Currency::USD, at).map(|it| it.price.to_string());
    assert_eq!(price(before.plus_micros(-1).unwrap()), None);
    assert_eq!(price(before), Some("0.007".to_owned()));
    assert_eq!(price(script.at.plus_micros(-1).unwrap()), Some("0.007".to_owned()));
    assert_eq!(price(script.at), Some("0.008".to_owned()));
}

#[test]
fn a_kind_has_a_price_of_its_own_in_each_currency() {
    let mut script = Script::<Offers>::new();
    let mut both = catalog();
    let mut dollars = both.resource_prices[0].clone();
    (dollars.currency, dollars.price) = (Currency::AUD, "0.011".parse().unwrap());
    both.resource_prices.push(dollars);
    let count = script.take(script.state.publish(&both, script.at));
    assert_eq!(script.take(script.state.publish(&both, script.at)), 0, "{count} were published");
    let kind = "node_hour".parse().unwrap();
    let price = |currency| script.state.resource_price(&kind, currency, script.at).unwrap().price;
    assert_eq!(price(Currency::USD).to_string(), "0.007");
    assert_eq!(price(Currency::AUD).to_string(), "0.011");
    assert_eq!(script.state.resource_price(&kind, Currency::EUR, script.at), None);
    both.resource_prices.push(both.resource_prices[0].clone());
    let refusal = script.state.publish(&both, script.at).unwrap_err();
    let expected = "node_hour in USD stands at /resource_prices/0 and at /resource_prices/4";
    assert_eq!(refusal.to_string(), expected);
}

#[test]
fn the_same_thing_twice_is_refused_by_its_places() {
    let mut twice = catalog();
    twice.plans.push(twice.plans[1].clone());
    let refusal = offers().publish(&twice, Script::<Offers>::new().at).unwrap_err();
    assert_eq!((refusal.code(), refusal.kind()), ("duplicate_id", RefusalKind::Unprocessable));
    assert_eq!(refusal.to_string(), "vm5 stands at /plans/1 and at /plans/7");
}

#[test]
fn a_rate_and_a_mapping_are_recorded_once() {
    use crate::event::Exemplar;
    let mut script = Script::<Offers>::new();
    let rate = ExchangeRateSet::exemplar();
    for expected in [1, 0] {
        assert_eq!(script.take(Ok::<_, CatalogRefusal>(script.state.set_rate(&rate))), expected);
    }
    let product = ProductMapped::exemplar();
    for expected in [1, 0] {
        let events = script.state.map_product(&product);
        assert_eq!(script.take(Ok::<_, CatalogRefusal>(events)), expected);
    }
}

/// Bills spell a product as they like: it is one product, as reports read it.
#[test]
fn a_product_is_one_in_whatever_case() {
    use crate::event::Exemplar;
    let mut script = Script::<Offers>::new();
    let map = |script: &mut Script<Offers>, product: &str, kind: &str| {
        let (product, kind) = (product.parse().unwrap(), Some(kind.parse().unwrap()));
        let command = ProductMapped { product, kind, ..ProductMapped::exemplar() };
        let events = script.state.map_product(&command);
        script.take(Ok::<_, CatalogRefusal>(events))
    };
    assert_eq!(map(&mut script, "Droplets", "a"), 1);
    assert_eq!(map(&mut script, "droplets", "a"), 0);
    assert_eq!(map(&mut script, "droplets", "b"), 1);
    assert_eq!(map(&mut script, "Droplets", "a"), 1);
    let product = |name: &str| {
        let mapped = script.state.product(&"digitalocean".parse().unwrap(), &name.parse().unwrap());
        mapped.and_then(|it| it.kind.clone()).map(|it| it.to_string())
    };
    assert_eq!(product(" DROPLETS"), Some("a".to_owned()));
    assert_eq!(product("Volumes"), None);
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Loading converges: whatever was on offer, a catalog that is taken is on offer after it, and
    /// loading it again does nothing.
    #[test]
    fn any_catalog_that_is_taken_converges(first in any::<Catalog>(), then in any::<Catalog>()) {
        let mut script = Script::<Offers>::new();
        for catalog in [&first, &then] {
            if let Ok(events) = script.state.publish(catalog, script.at) {
                script.take(Ok::<_, CatalogRefusal>(events));
                prop_assert_eq!(script.state.publish(catalog, script.at), Ok(Vec::new()));
                for plan in &catalog.plans {
                    prop_assert_eq!(&script.state.plan(&plan.plan).unwrap().plan, plan);
                }
            }
        }
    }
}
