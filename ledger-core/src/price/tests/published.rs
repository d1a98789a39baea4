//! Examples that other vendors print beside their own rules, worked out by ours.
//!
//! The numbers are facts and stand here. Where somebody has the list that they were taken from,
//! each entry of it is held against what is worked out here.

use serde_json::Value;

use super::models::{calls, cost, tier};
use super::*;
use crate::catalog::{Aggregation, Charge, Item, PriceModel};
use crate::testing::published::files;
use crate::time::Day;

/// A part of an amount, rounded once.
pub(super) fn part(amount: &str, part: u32, whole: u32) -> Exact {
    let step = prorate(aud(amount), part, whole).unwrap();
    assert_eq!(step.verify(), Ok(()));
    step.value.round(2, Rounding::default()).unwrap()
}

pub(super) fn days(from: &str, until: &str) -> u32 {
    let day = |it: &str| it.parse::<Day>().unwrap().days_since_epoch();
    u32::try_from(day(until) - day(from)).unwrap()
}

pub(super) fn price_of(model: &PriceModel, quantity: &str) -> Exact {
    cost(model, quantity).to_exact().unwrap()
}

/// What comes after a part that is billed already.
pub(super) fn more(model: &PriceModel, before: &str, after: &str) -> Exact {
    price_of(model, after).checked_sub(price_of(model, before)).unwrap()
}

pub(super) fn package(size: &str, price: &str, free: &str) -> PriceModel {
    PriceModel::Package {
        size: size.parse().unwrap(),
        price: price.parse().unwrap(),
        free: free.parse().unwrap(),
    }
}

/// Hours at a price, charged up to so many of them: how a price of a month caps one of an hour.
fn capped(price: &str, hours_max: &str, hours: &str) -> Exact {
    let mut version = PlanVersion::clone(&plan("studio"));
    version.charge = Charge::Monthly(aud("0"));
    version.items = vec![Item {
        kind: "server_hours".parse().unwrap(),
        unit: "hour".parse().unwrap(),
        included: Quantity::ZERO,
        price: PriceModel::PerUnit(price.parse().unwrap()),
        hard_cap: Some(hours_max.parse().unwrap()),
        aggregation: Aggregation::Sum,
    }];
    let story = Story::of("2026-03", Currency::AUD)
        .deployment("shop")
        .bound_to("2026-03-01", Arc::new(version), 1)
        .charged("2026-03-01", true)
        .used("2026-03-02", "server_hours", hours);
    story.price().total.amount()
}

fn proration() -> Vec<(&'static str, Vec<Exact>)> {
    let unused = part("-10", 1_296_000, 2_592_000);
    let remaining = part("20", 1_296_000, 2_592_000);
    let aligned = days("2021-09-25", "2021-10-17");
    // Time instead of money: half of 15 days, begun ones counted.
    let half_of_15 = Ratio::new(15, 2).unwrap();
    vec![
        (
            "Stripe upgrade half-way",
            vec![unused, remaining, unused.checked_add(remaining).unwrap()],
        ),
        (
            "Kill Bill first partial period",
            vec![part("24.95", days("2021-09-16", "2021-09-25"), days("2021-08-25", "2021-09-25"))],
        ),
        (
            "Kill Bill aligned second subscription",
            vec![part("24.95", aligned, days("2021-09-17", "2021-10-17"))],
        ),
        (
            "Samsung IAP charge",
            vec![part("30", 15, 30), half_of_15.round(0, Rounding::Up).unwrap()],
        ),
        (
            "DigitalOcean hourly",
            // A month of 744 hours is charged for 672 of them.
            vec![part("20", 446, 672), part("20", 297, 672), part("40", 672, 672)],
        ),
    ]
}

fn tiers() -> Vec<(&'static str, Vec<Exact>)> {
    let lago = PriceModel::Graduated(vec![
        tier(Some("100"), "1", "0"),
        tier(Some("200"), "0.5", "0"),
        tier(None, "0.1", "0"),
    ]);
    let litres = PriceModel::Graduated(vec![tier(Some("1000"), "1.5", "0"), tier(None, "2", "0")]);
    let with_base = |quantity| price_of(&litres, quantity).checked_add(Exact::whole(30)).unwrap();
    let flat = PriceModel::Graduated(vec![
        tier(Some("5"), "0", "100"),
        tier(Some("10"), "0", "50"),
        tier(Some("15"), "5", "0"),
        tier(None, "1", "0"),
    ]);
    let by_total = PriceModel::Volume(vec![
        tier(Some("10000"), "0.0010", "10"),
        tier(Some("50000"), "0.0008", "10"),
        tier(Some("100000"), "0.0006", "10"),
        tier(None, "0.0004", "10"),
    ]);
    vec![
        ("Lago graduated tiers", vec![price_of(&lago, "250")]),
        ("Zuplo graduated", vec![price_of(&PriceModel::Graduated(calls()), "15000")]),
        ("Zuplo volume", vec![price_of(&PriceModel::Volume(calls()), "15000")]),
        ("Kill Bill ALL_TIERS", vec![with_base("400"), with_base("1200")]),
        ("OpenMeter graduated with flat fees", vec![price_of(&flat, "22")]),
        ("OpenMeter split period", vec![more(&flat, "12", "22")]),
        ("Lago volume", vec![price_of(&by_total, "65000")]),
    ]
}

fn others() -> Vec<(&'static str, Vec<Exact>)> {
    let tens = package("10", "15", "0");
    let gross = Ratio::from("2.99".parse::<Exact>().unwrap());
    let [tax, net] = [4, 100].map(|it| gross.checked_mul(Ratio::new(it, 104).unwrap()).unwrap());
    let [tax, net] = [tax, net].map(|it| it.round(2, Rounding::default()).unwrap());
    vec![
        ("Lago package", vec![price_of(&package("100", "5", "100"), "201")]),
        (
            "OpenMeter package",
            vec![price_of(&tens, "10"), price_of(&tens, "5"), more(&tens, "17", "22")],
        ),
        // Documents round the tax: 0.12. Another law may round the net, and then it is 0.11.
        ("Zuora inclusive tax 4 %", vec![tax, net]),
        (
            "Hetzner cap",
            vec![
                capped("0.0080", "612.5", "672"),
                capped("0.0080", "612.5", "744"),
                price_of(&PriceModel::PerUnit("0.0055".parse().unwrap()), "395"),
            ],
        ),
    ]
}

fn all() -> Vec<(&'static str, Vec<Exact>)> {
    [proration(), tiers(), others()].concat()
}

#[test]
fn the_answers_of_other_vendors_are_ours() {
    let expected = [
        "Stripe upgrade half-way: -5, 10, 5",
        "Kill Bill first partial period: 7.24",
        "Kill Bill aligned second subscription: 18.3",
        "Samsung IAP charge: 15, 8",
        "DigitalOcean hourly: 13.27, 8.84, 40",
        "Lago graduated tiers: 155",
        "Zuplo graduated: 600",
        "Zuplo volume: 150",
        "Kill Bill ALL_TIERS: 630, 1930",
        "OpenMeter graduated with flat fees: 182",
        "OpenMeter split period: 22",
        "Lago volume: 49",
        "Lago package: 10",
        "OpenMeter package: 15, 15, 15",
        "Zuora inclusive tax 4 %: 0.12, 2.88",
        "Hetzner cap: 4.9, 4.9, 2.1725",
    ];
    let tell = |(name, found): (&str, Vec<Exact>)| {
        format!("{name}: {}", found.iter().map(Exact::to_string).collect::<Vec<_>>().join(", "))
    };
    assert_eq!(all().into_iter().map(tell).collect::<Vec<_>>(), expected);
}

/// The numbers in a text, whose minus may be a typographer's.
fn numbers(text: &str) -> Vec<Exact> {
    let text = text.replace('\u{2212}', "-").replace("15 000", "15000");
    let words = text.split(|it: char| !(it.is_ascii_digit() || matches!(it, '.' | '-')));
    words.filter_map(|it| it.trim_end_matches('.').parse().ok()).collect()
}

#[test]
fn each_example_of_a_published_list_has_its_line() {
    for file in files("billing-math").iter().filter(|it| it.name.ends_with(".json")) {
        for example in file.json().as_array().unwrap() {
            let text = |name: &str| example[name].as_str().unwrap_or_default();
            let ours = all().into_iter().find(|(name, _)| *name == text("name"));
            let Some((name, found)) = ours else {
                file.say(format!("{}: not worked out here", text("name")));
                continue;
            };
            let printed = numbers(&format!("{} {}", text("expected"), text("note")));
            for number in found {
                assert!(printed.contains(&number), "{name}: {number} is not in {printed:?}");
            }
            file.say(format!("{name}: ours"));
        }
    }
}

/// Lines are cents before they are taxed, so an example with finer ones says nothing about ours.
fn is_whole_cents(case: &Value) -> bool {
    let lines = case["lines"].as_array().unwrap().iter();
    lines.map(|it| aud(it.as_str().unwrap())).all(|it| it.is_whole_minor() && !it.is_negative())
}

#[test]
fn published_taxes_are_those_of_our_documents() {
    for file in files("money") {
        let json = file.json();
        let cases = json["cases"].as_array().cloned().unwrap_or_default();
        for case in cases.iter().filter(|it| it["lines"].is_array()) {
            if !is_whole_cents(case) {
                file.say(format!("{}: no lines of ours", case["lines"]));
                continue;
            }
            let lines = case["lines"].as_array().unwrap().iter();
            let lines = lines.map(|it| it.as_str().unwrap()).collect::<Vec<_>>();
            let text = |name: &str| case[name].as_str().unwrap();
            let rules = ["total_invoice_rule", "taxable_supply_rule_2dp"].map(text);
            let is_included = case["prices_include_gst"].as_bool().unwrap();
            super::taxes::check_tax(&lines, is_included, rules);
            file.say(format!("{lines:?}: ours by both rules"));
        }
    }
}
