//! Prepaid usage, drawn exactly.

use super::*;
use crate::catalog::{Aggregation, Commitment, Item, PriceModel};

fn quota_shop() -> Story {
    let mut story = Story::of("2026-04", Currency::USD).resource_prices("2026-01-01", "quota-usd");
    story.facts.is_prepaid = true;
    story.facts.first_paid_at = Some(at("2026-04-01"));
    story
}

#[track_caller]
fn check_draws(story: &Story, expected: &[(&str, &str, &str)]) {
    let draws = draws(&story.facts).unwrap();
    let told = draws.iter().map(|it| {
        assert_eq!(it.explain.verify(), Ok(()));
        (it.kind.as_str(), it.quantity.to_string(), it.amount.amount().to_string())
    });
    let expected = expected.iter().map(|it| (it.0, it.1.to_owned(), it.2.to_owned()));
    assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn a_draw_is_exact_to_the_last_token() {
    let story = quota_shop().used_as("2026-04-02", "llm_tokens", "1", Some("llm")).used_as(
        "2026-04-03",
        "vm_hour",
        "0.5",
        Some("vm"),
    );
    check_draws(&story, &[("llm_tokens", "1", "0.00001"), ("vm_hour", "0.5", "0.005")]);
}

#[test]
fn each_record_is_drawn_at_the_tier_of_its_instant() {
    let story = quota_shop().used("2026-04-07T23:59:59Z", "hero_os_hour", "10").used(
        "2026-04-08",
        "hero_os_hour",
        "10",
    );
    check_draws(&story, &[("hero_os_hour", "20", "0.75")]);
}

#[test]
fn what_nothing_prices_draws_nothing() {
    check_draws(&quota_shop().used("2026-04-02", "gpu_hour", "5"), &[]);
}

#[test]
fn a_share_of_an_hour_is_drawn_to_the_last_decimal_kept() {
    let mut story = quota_shop().used("2026-04-02", "vm_hour", "1");
    story.facts.usage[0].quantity = Ratio::new(1, 3600).unwrap();
    check_draws(&story, &[("vm_hour", "0.000278", "0.00000277777777777778")]);
}

/// Twenty decimals of it would be more than an exact number holds.
#[test]
fn a_large_amount_that_is_no_decimal_number_is_drawn_with_fewer_decimals() {
    let mut story = quota_shop().used("2026-04-02", "vm_hour", "1");
    story.facts.usage[0].quantity = Ratio::new(1_000_000_000_001, 7).unwrap();
    check_draws(&story, &[("vm_hour", "142857142857.285714", "1428571428.5728571428571428571")]);
    let amount = draws(&story.facts).unwrap()[0].amount;
    story.facts.prepaid.push(Prepaid {
        what: PrepaidFor::Usage("vm_hour".parse().unwrap()),
        quantity: "142857142857.285714".parse().unwrap(),
        amount,
        from: Sources::NONE,
    });
    check(&story, &["usage 142857142857.285714 - 1428571428.57"], "1428571428.57");
}

#[test]
fn the_draws_of_a_month_are_the_lines_of_its_invoice() {
    let story = quota_shop()
        .used_as("2026-04-02", "llm_tokens", "310", Some("llm"))
        .used_as("2026-04-09", "llm_tokens", "620", Some("llm"))
        .used("2026-04-03", "vm_hour", "100");
    let mut invoiced = Story::of("2026-04", Currency::USD);
    invoiced.facts.is_prepaid = true;
    for draw in draws(&story.facts).unwrap() {
        let what = PrepaidFor::Usage(draw.kind);
        let (quantity, amount) = (draw.quantity, draw.amount);
        invoiced.facts.prepaid.push(Prepaid { what, quantity, amount, from: Sources::NONE });
    }
    // 0.0031 + 0.0031 of tokens; hours of no category count as hero_os_hourly, but the price of a
    // vm_hour has no ladder.
    check(&invoiced, &["usage 930 - 0.01", "usage 100 - 1.00"], "1.01");
}

#[test]
fn prepaid_usage_that_nothing_prices_is_listed_like_any_other() {
    let story = quota_shop()
        .used("2026-04-02", "gpu_hour", "5")
        .used("2026-04-03", "vm_hour", "3")
        .used("2026-04-04", "gpu_hour", "7");
    let document = check(&story, &[], "0.00");
    let [unpriced] = <[Unpriced; 1]>::try_from(document.unpriced).unwrap();
    assert_eq!((unpriced.kind.as_str(), unpriced.quantity), ("gpu_hour", Quantity::whole(12)));
    let mut records = one("usage-acme.2026-04", 0);
    records.extend(&one("usage-acme.2026-04", 2));
    assert_eq!(unpriced.from, records);
}

/// What a record knew when it was recorded prices it for good: a price set later is none for it.
#[test]
fn prepaid_usage_recorded_before_its_first_price_stays_unpriced() {
    let mut story = quota_shop().used("2026-04-02", "vm_hour", "5");
    story.facts.usage[0].known = Some(Known { prices: 0, has_paid: true });
    check_draws(&story, &[]);
    assert_eq!(story.price().unpriced.len(), 1);
}

#[test]
fn prepaid_usage_beyond_a_cap_is_free_and_shown() {
    let mut version = PlanVersion::clone(&plan("studio"));
    version.items[0].hard_cap = Some(Quantity::whole(100));
    let mut story = Story::of("2026-04", Currency::AUD)
        .deployment("shop")
        .bound_to("2026-04-01", Arc::new(version), 1)
        .charged("2026-04-01", true)
        .used("2026-04-02", "droplet_hours", "2000");
    story.facts.is_prepaid = true;
    check_draws(&story, &[("droplet_hours", "2000", "1")]);
    let document = check(&story, &["plan_base 1 month 50.00"], "50.00");
    let [capped] = <[Capped; 1]>::try_from(document.capped).unwrap();
    assert_eq!(capped.quantity, Ratio::whole(412));
}

/// A prepaid tenant on a plan of 0.00 with a minimum of 10.00 and hours at 0.01.
fn with_a_minimum() -> Story {
    let usd = |it: &str| Money::parse(it, Currency::USD).unwrap();
    let mut version = PlanVersion::clone(&plan("free"));
    version.commitment = Some(Commitment { minimum: usd("10") });
    version.items = vec![Item {
        kind: "vm_hour".parse().unwrap(),
        unit: "hour".parse().unwrap(),
        included: Quantity::ZERO,
        price: PriceModel::PerUnit("0.01".parse().unwrap()),
        hard_cap: None,
        aggregation: Aggregation::Sum,
    }];
    let version = Arc::new(version);
    let mut story = Story::of("2026-04", Currency::USD)
        .deployment("shop")
        .bound_to("2026-04-01", Arc::clone(&version), 1)
        .charged("2026-04-01", true);
    story.facts.is_prepaid = true;
    story
}

impl Story {
    /// Everything used is drawn.
    fn drawn(mut self) -> Self {
        let drawn = draws(&self.facts).unwrap().into_iter().map(|draw| Prepaid {
            what: PrepaidFor::Usage(draw.kind),
            quantity: draw.quantity,
            amount: draw.amount,
            from: one("account-acme", 7),
        });
        self.facts.prepaid = drawn.collect();
        self
    }
}

#[test]
fn what_was_drawn_counts_towards_a_minimum() {
    let story = with_a_minimum().used("2026-04-02", "vm_hour", "700").drawn();
    let lines = ["plan_base 1 month 0.00", "commitment 1 month 3.00", "usage 700 - 7.00"];
    let document = check(&story, &lines, "10.00");
    let sources = |it: &Priced| it.line.provenance.sources.clone();
    let streams = sources(&document.lines[1]).into_iter().map(|it| it.stream.to_string());
    let expected = ["account-acme", "deployment-acme.shop", "usage-acme.2026-04"];
    assert_eq!(
        streams.collect::<std::collections::BTreeSet<_>>(),
        expected.map(String::from).into()
    );

    let beyond = with_a_minimum().used("2026-04-02", "vm_hour", "1500").drawn();
    check(&beyond, &["plan_base 1 month 0.00", "usage 1500 - 15.00"], "15.00");
    check(
        &with_a_minimum().drawn(),
        &["plan_base 1 month 0.00", "commitment 1 month 10.00"],
        "10.00",
    );
}

/// The line of a kind is rounded once for all runs: each run has the part of it that it used, by
/// largest remainder, so that usage and minimum come to 10.00 and not to a cent more.
#[test]
fn each_run_has_its_part_of_what_was_drawn() {
    let mut story = with_a_minimum();
    let version = Arc::clone(&story.facts.deployments[0].bound[0].plan);
    story = story
        .bound_to("2026-04-16", version, 2)
        .used("2026-04-02", "vm_hour", "333.3")
        .used("2026-04-20", "vm_hour", "333.3")
        .drawn();
    let lines = [
        "plan_base 15 day 0.00",
        "commitment 15 day 1.66",
        "plan_base 15 day 0.00",
        "commitment 15 day 1.67",
        "usage 666.6 - 6.67",
    ];
    check(&story, &lines, "10.00");
}

/// What was drawn is what was charged: what is used and not yet drawn counts for no minimum, and
/// what was drawn for usage that is gone is no run's.
#[test]
fn a_minimum_counts_what_was_drawn_and_not_what_was_used() {
    let mut story = with_a_minimum().used("2026-04-02", "vm_hour", "400").drawn();
    story = story.used("2026-04-03", "vm_hour", "300");
    let lines = ["plan_base 1 month 0.00", "commitment 1 month 6.00", "usage 400 - 4.00"];
    check(&story, &lines, "10.00");
    story.facts.usage.clear();
    let lines = ["plan_base 1 month 0.00", "commitment 1 month 10.00", "usage 400 - 4.00"];
    check(&story, &lines, "14.00");
}
