//! More answers that vendors print beside their rules, by the pure functions: one sum a line.

use super::models::{calls, cost, tier};
use super::published::{days, more, package, part, price_of};
use super::*;
use crate::catalog::{PriceModel, Tier};

#[track_caller]
fn check(found: &[Exact], expected: &str) {
    let found = found.iter().map(Exact::to_string).collect::<Vec<_>>();
    assert_eq!(found.join(", "), expected);
}

#[track_caller]
fn check_model(model: &PriceModel, quantities: &[&str], expected: &str) {
    let found = quantities.iter().map(|it| price_of(model, it)).collect::<Vec<_>>();
    check(&found, expected);
}

/// A price of 7 for five, of 6.50 up to ten and of 6 beyond.
fn seats() -> Vec<Tier> {
    vec![tier(Some("5"), "7", "0"), tier(Some("10"), "6.5", "0"), tier(None, "6", "0")]
}

#[test]
fn parts_of_a_month_are_those_of_others() {
    // Billed on the 25th, begun on the 17th: 8 of the 31 days that end on it. Begun on the 30th: 25
    // of 30. An addon aligned with its plan: 20 of 30.
    let billed = |price, from, until, whole| part(price, days(from, until), whole);
    check(&[billed("24.95", "2021-09-17", "2021-09-25", 31)], "6.44");
    check(&[billed("24.95", "2021-09-30", "2021-10-25", 30)], "20.79");
    check(&[billed("17.95", "2021-09-30", "2021-10-20", 30)], "11.97");
    // From 20 to 50 half-way, from 500 to 1000 on the first day, and a plan cancelled on it.
    check(&[part("30", 1, 2), part("500", 30, 30), part("-15", 30, 30)], "15, 500, -15");
}

#[test]
fn tiers_are_those_of_others() {
    let quantities = ["1", "5", "6", "20", "25"];
    check_model(&PriceModel::Volume(seats()), &quantities, "7, 35, 39, 120, 150");
    check_model(&PriceModel::Graduated(seats()), &quantities, "7, 35, 41.5, 127.5, 157.5");
    let requests = vec![
        tier(Some("1000"), "0.01", "0"),
        tier(Some("10000"), "0.008", "0"),
        tier(None, "0.005", "0"),
    ];
    check_model(&PriceModel::Graduated(requests), &["15000"], "107");
    check_model(&PriceModel::Volume(calls()), &["10000", "10001"], "500, 100.01");
    // All in the top tier, and 30 beside it.
    let litres = PriceModel::Volume(vec![tier(Some("1000"), "1.5", "0"), tier(None, "2", "0")]);
    check_model(&litres, &["400", "1200"], "600, 2400");
    // A flat price for whoever stays within a capacity.
    let capacity = PriceModel::Volume(vec![tier(Some("1000"), "0", "750"), tier(None, "0", "500")]);
    check_model(&capacity, &["400", "1200"], "750, 500");
    let minutes = PriceModel::Graduated(vec![tier(Some("100"), "1", "0"), tier(None, "0.5", "0")]);
    check_model(&minutes, &["400"], "250");
}

#[test]
fn a_tier_of_a_volume_may_be_a_flat_fee() {
    let model = PriceModel::Volume(vec![
        tier(Some("5"), "0", "100"),
        tier(Some("10"), "0", "150"),
        tier(Some("15"), "10", "0"),
        tier(None, "5", "0"),
    ]);
    let quantities = ["3", "5", "10", "14", "15", "16", "100"];
    check_model(&model, &quantities, "100, 100, 150, 140, 150, 80, 500");
    // Others charge the first flat fee for nothing used; a tier is entered by using something here.
    check_model(&model, &["0"], "0");
}

#[test]
fn a_rate_that_grows_is_a_tier_of_money() {
    let rates = PriceModel::Graduated(vec![
        tier(Some("1000"), "0.01", "200"),
        tier(Some("10000"), "0.02", "300"),
        tier(None, "0.03", "400"),
    ]);
    check(
        &[price_of(&rates, "500"), more(&rates, "500", "1050"), more(&rates, "1050", "5050")],
        "205, 306, 80",
    );
    // A markup is a percentage above a hundred.
    let markup = PriceModel::Percentage("133.333".parse().unwrap());
    let rounded = cost(&markup, "10").round(2, Rounding::default()).unwrap();
    check(&[rounded], "13.33");
}

#[test]
fn packages_are_those_of_others() {
    check_model(&package("60", "10", "0"), &["150"], "30");
    check_model(&package("5", "10", "0"), &["1", "3", "5", "6", "7"], "10, 10, 10, 20, 20");
    check_model(&package("1000", "1", "0"), &["4500"], "5");
    let tokens = package("1000000", "1.25", "0");
    check_model(&tokens, &["1000000", "10", "1500000"], "1.25, 1.25, 2.5");
}
