//! Price models and aggregations, with sums done by hand.

use super::*;
use crate::catalog::{Aggregation, Item, PriceModel, Tier};
use crate::price::charge;

pub(super) fn tier(up_to: Option<&str>, price: &str, flat: &str) -> Tier {
    let number = |it: &str| it.parse().unwrap();
    Tier { up_to: up_to.map(|it| it.parse().unwrap()), price: number(price), flat: number(flat) }
}

pub(super) fn cost(model: &PriceModel, quantity: &str) -> Ratio {
    let billable = Step::given("billable", quantity.parse::<Ratio>().unwrap());
    let step = charge(model, &"hour".parse().unwrap(), billable, &Sources::NONE).unwrap();
    assert_eq!(step.verify(), Ok(()));
    step.value
}

#[track_caller]
fn check_model(model: &PriceModel, quantity: &str, expected: &str) {
    assert_eq!(cost(model, quantity), expected.parse().unwrap(), "{model:?} of {quantity}");
}

/// Two invoices of one period: what comes later costs the difference of the two totals.
#[track_caller]
fn check_later(model: &PriceModel, before: &str, after: &str, expected: &str) {
    let difference = cost(model, after).checked_sub(cost(model, before)).unwrap();
    assert_eq!(difference, expected.parse().unwrap());
}

#[test]
fn per_unit_bills_fractions_exactly() {
    let model = PriceModel::PerUnit("0.01".parse().unwrap());
    check_model(&model, "672", "6.72");
    check_model(&model, "1/3", "1/300");
    check_model(&model, "0", "0");
}

#[test]
fn graduated_prices_each_part_in_its_own_tier() {
    let lago = PriceModel::Graduated(vec![
        tier(Some("100"), "1", "0"),
        tier(Some("200"), "0.5", "0"),
        tier(None, "0.1", "0"),
    ]);
    check_model(&lago, "250", "155");
    check_model(&lago, "100", "100");
    check_model(&lago, "200", "150");
    let calls = PriceModel::Graduated(calls());
    check_model(&calls, "15000", "600");
    let litres = PriceModel::Graduated(vec![tier(Some("1000"), "1.5", "0"), tier(None, "2", "0")]);
    // With a base of 30: 630 and 1930.
    check_model(&litres, "400", "600");
    check_model(&litres, "1200", "1900");
}

pub(super) fn calls() -> Vec<Tier> {
    vec![tier(Some("1000"), "0.1", "0"), tier(Some("10000"), "0.05", "0"), tier(None, "0.01", "0")]
}

#[test]
fn a_flat_fee_is_charged_once_when_its_tier_is_entered() {
    let model = PriceModel::Graduated(vec![
        tier(Some("5"), "0", "100"),
        tier(Some("10"), "0", "50"),
        tier(Some("15"), "5", "0"),
        tier(None, "1", "0"),
    ]);
    check_model(&model, "0", "0");
    check_model(&model, "5", "100");
    check_model(&model, "5.000001", "150");
    check_model(&model, "22", "182");
    // 12 are billed; 10 more are 3 x 5 + 7 x 1, and no flat fee again.
    check_later(&model, "12", "22", "22");
}

#[test]
fn volume_prices_all_in_the_tier_of_the_total() {
    check_model(&PriceModel::Volume(calls()), "15000", "150");
    check_model(&PriceModel::Volume(calls()), "1000", "100");
    check_model(&PriceModel::Volume(calls()), "1000.5", "50.025");
    let model = PriceModel::Volume(vec![
        tier(Some("10000"), "0.0010", "10"),
        tier(Some("50000"), "0.0008", "10"),
        tier(Some("100000"), "0.0006", "10"),
        tier(None, "0.0004", "10"),
    ]);
    check_model(&model, "65000", "49");
    check_model(&model, "0", "0");
}

#[test]
fn a_package_begun_is_charged_whole() {
    let package = |size: &str, price: &str, free: &str| PriceModel::Package {
        size: size.parse().unwrap(),
        price: price.parse().unwrap(),
        free: free.parse().unwrap(),
    };
    check_model(&package("100", "5", "100"), "201", "10");
    check_model(&package("100", "5", "100"), "100", "0");
    check_model(&package("100", "5", "100"), "100.1", "5");
    let tens = package("10", "15", "0");
    check_model(&tens, "10", "15");
    check_model(&tens, "5", "15");
    check_later(&tens, "17", "22", "15");
}

#[test]
fn a_percentage_is_taken_of_the_quantity() {
    check_model(&PriceModel::Percentage("2.9".parse().unwrap()), "1000", "29");
}

#[test]
fn a_unit_is_as_many_base_units_as_its_name_says() {
    use crate::catalog::units_in;
    let units = [
        ("hour", Some(1)),
        ("1k_tokens", Some(1000)),
        ("1m_tokens", Some(1_000_000)),
        ("100_calls", Some(100)),
        ("gb_month", Some(1)),
        ("3_hours", None),
        ("0_x", None),
        ("2m_x", None),
        ("1kk_x", None),
        ("99999999_x", None),
    ];
    for (unit, expected) in units {
        assert_eq!(units_in(&unit.parse().unwrap()), expected, "{unit}");
    }
}

/// A Studio with one item, which aggregates as it is told.
fn with(aggregation: Aggregation) -> Story {
    let mut version = PlanVersion::clone(&plan("studio"));
    version.charge = crate::catalog::Charge::Monthly(aud("0"));
    version.items = vec![Item {
        kind: "gauge".parse().unwrap(),
        unit: "unit".parse().unwrap(),
        included: Quantity::ZERO,
        price: PriceModel::PerUnit("1".parse().unwrap()),
        hard_cap: None,
        aggregation,
    }];
    Story::of("2026-04", Currency::AUD)
        .deployment("shop")
        .bound_to("2026-04-01", Arc::new(version), 1)
        .charged("2026-04-01", true)
}

#[test]
fn records_become_one_quantity_by_their_aggregation() {
    #[track_caller]
    fn check_quantity(aggregation: Aggregation, total: &str) {
        let story = with(aggregation)
            .used("2026-04-10", "gauge", "4")
            .used("2026-04-01", "gauge", "2")
            .used("2026-04-29", "gauge", "3");
        assert_eq!(story.price().total, aud(total), "{aggregation:?}");
    }
    check_quantity(Aggregation::Sum, "9");
    check_quantity(Aggregation::Max, "4");
    check_quantity(Aggregation::Count, "3");
    check_quantity(Aggregation::UniqueCount, "1");
    check_quantity(Aggregation::Latest, "3");
    // 9 days of 2, 19 days of 4, 2 days of 3, 24 hours each.
    check_quantity(Aggregation::TimeWeightedSum, "2400");
    // 3 samples in 8640 slots: the 8208th is one that is missing.
    check_quantity(Aggregation::Percentile95, "0");
}

/// The percentile that a line comes from.
fn measured(step: &Step) -> Option<Ratio> {
    let is_it = step.what == "95th percentile of five-minute samples";
    if is_it { Some(step.value) } else { step.of.iter().find_map(measured) }
}

/// A level is a month's. Whoever stays within what a month includes pays nothing more for beginning
/// late or for a change of plan, and the same level costs the same however the month is divided.
#[test]
fn a_level_accrues_by_the_days_of_its_run() {
    #[track_caller]
    fn check_level(aggregation: Aggregation, level: &str, since: &str, expected: &[&str]) {
        let mut version = PlanVersion::clone(&with(aggregation).facts.deployments[0].bound[0].plan);
        version.items[0].included = Quantity::whole(1);
        let version = Arc::new(version);
        let mut story = Story::of("2026-04", Currency::AUD)
            .deployment("shop")
            .bound_to(since, Arc::clone(&version), 1)
            .charged(since, true)
            .bound_to("2026-04-25", version, 2);
        for when in [since, "2026-04-26"] {
            story = story.used(when, "gauge", level);
        }
        let document = story.price();
        let overage = document.lines.iter().filter(|it| it.line.kind == LineKind::Overage);
        let overage = overage.map(|it| it.line.amount.amount_text()).collect::<Vec<_>>();
        assert_eq!(overage, expected, "{aggregation:?}");
    }
    for level in [Aggregation::Max, Aggregation::Latest] {
        check_level(level, "1", "2026-04-01", &[]);
        check_level(level, "1", "2026-04-16", &[]);
        // 30 a month, 24 and 6 days of it; then 9 and 6.
        check_level(level, "31", "2026-04-01", &["24.00", "6.00"]);
        check_level(level, "31", "2026-04-16", &["9.00", "6.00"]);
    }
    // One nameless resource of one: two would be one more.
    check_level(Aggregation::UniqueCount, "5", "2026-04-16", &[]);
    // What adds up adds up.
    check_level(Aggregation::Sum, "31", "2026-04-16", &["30.70", "30.80"]);
    check_level(Aggregation::Count, "31", "2026-04-16", &["0.70", "0.80"]);
}

#[test]
fn the_95th_percentile_is_the_nearest_rank_over_all_slots() {
    #[track_caller]
    fn check_rank(slots: i64, samples: i64, expected: &str) {
        let end = at("2026-04-01").plus_seconds(slots * 300).unwrap();
        let mut story = with(Aggregation::Percentile95).until(&end.to_string());
        for slot in 0..samples {
            let when = at("2026-04-01").plus_seconds(slot * 300).unwrap().to_string();
            // Two samples in a slot: the larger counts, the later does not.
            story = story.used(&when, "gauge", &(slot + 1).to_string());
            story = story.used(&when, "gauge", "0");
        }
        let document = story.price();
        let rank = document.lines.iter().find_map(|it| measured(&it.explain));
        assert_eq!(rank.unwrap_or(Ratio::ZERO).to_string(), expected, "{slots} {samples}");
    }
    check_rank(20, 20, "19");
    check_rank(100, 100, "95");
    check_rank(100, 5, "0");
    check_rank(100, 6, "1");
    check_rank(21, 21, "20");
}

#[test]
fn a_value_that_stands_at_the_change_of_plan_still_stands_after_it() {
    let weighted = with(Aggregation::TimeWeightedSum);
    let version = Arc::clone(&weighted.facts.deployments[0].bound[0].plan);
    let story =
        weighted.used("2026-04-01", "gauge", "1").bound_to("2026-04-16", Arc::clone(&version), 2);
    let expected = ["plan_base 15 day 0.00", "overage 360 unit 360.00"].repeat(2);
    check(&story, &expected, "720.00");
}

#[test]
fn any_part_of_any_interval_is_prorated() {
    #[track_caller]
    fn check_part(amount: &str, part: u32, whole: u32, expected: &str) {
        let step = crate::price::prorate(aud(amount), part, whole).unwrap();
        assert_eq!(step.verify(), Ok(()));
        assert_eq!(step.value.round(2, Rounding::default()), Ok(aud(expected).amount()));
    }
    // A first part to a bill day: 9 days of the 31 that end on it, then 22 of 30.
    check_part("24.95", 9, 31, "7.24");
    check_part("24.95", 22, 30, "18.30");
    // An upgrade half-way: what is not used goes back, what is left is asked for.
    check_part("-10", 1, 2, "-5.00");
    check_part("20", 1, 2, "10.00");
    // 30 to 60 with 15 of 30 days left.
    check_part("30", 15, 30, "15.00");
    check_part("50", 12, 31, "19.35");
    check_part("50", 0, 31, "0.00");
    assert!(crate::price::prorate(aud("50"), 1, 0).is_err());
}
