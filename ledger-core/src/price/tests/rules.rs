//! Days, runs, allowances, caps, ladders, commitments, coupons.

use super::*;
use crate::catalog::{Charge, Commitment, CouponDuration, CouponTerms, Discount, PriceModel};

fn shop() -> Story {
    Story::of("2026-04", Currency::AUD).deployment("shop")
}

#[test]
fn the_day_of_the_start_counts_and_the_day_of_the_end_does_not() {
    let story = shop().subscribed("2026-04-10T23:59:59Z", "studio").charged("2026-04-20", false);
    check(&story, &["plan_base 10 day 16.67"], "16.67");
    let same_day = shop().subscribed("2026-04-10T01:00:00Z", "studio");
    let same_day = same_day.charged("2026-04-10T23:00:00Z", false);
    check(&same_day, &[], "0.00");
}

#[test]
fn a_plan_change_makes_two_runs_with_their_own_allowances() {
    let story = shop()
        .subscribed("2026-04-01", "studio")
        .bound("2026-04-16T10:00:00Z", "pro", 1)
        .used("2026-04-10", "droplet_hours", "800")
        .used("2026-04-16T09:00:00Z", "droplet_hours", "1900");
    let lines = [
        "plan_base 15 day 25.00",
        // 800 - 1488 x 15 / 30 = 56; and the day of the change belongs to the new version.
        "overage 56 hour 0.56",
        "plan_base 15 day 60.00",
        // 1900 - 3720 x 15 / 30 = 40.
        "overage 40 hour 0.40",
    ];
    check(&story, &lines, "85.96");
}

#[test]
fn several_changes_in_one_day_count_as_the_last() {
    let story = shop()
        .subscribed("2026-04-01", "studio")
        .bound("2026-04-16T10:00:00Z", "pro", 1)
        .bound("2026-04-16T11:00:00Z", "studio", 1);
    check(&story, &["plan_base 1 month 50.00"], "50.00");
}

#[test]
fn a_pause_is_free_and_does_not_split_the_run() {
    let story = shop()
        .subscribed("2026-04-01", "studio")
        .charged("2026-04-11", false)
        .charged("2026-04-21", true)
        .used("2026-04-15", "droplet_hours", "1000");
    // 20 of 30 days; 1000 h against 1488 x 20 / 30 = 992, wherever in the run they occurred.
    check(&story, &["plan_base 20 day 33.33", "overage 8 hour 0.08"], "33.41");
}

#[test]
fn before_the_first_subscription_the_resource_price_applies() {
    let story = Story::of("2026-04", Currency::USD)
        .resource_prices("2026-01-01", "quota-usd")
        .deployment("shop")
        .subscribed("2026-04-11", "free")
        .used("2026-04-10", "vm_hour", "100")
        .used("2026-04-11", "vm_hour", "100");
    let lines = ["usage 100 hour 1.00", "plan_base 20 day 0.00", "usage 100 hour 1.00"];
    check(&story, &lines, "2.00");
}

#[test]
fn an_addon_counts_from_its_day_to_the_day_before_its_end() {
    let story = shop()
        .subscribed("2026-04-01", "studio")
        .attached("2026-04-11T12:00:00Z", Some("2026-04-21T12:00:00Z"), "storage_50gb")
        .used("2026-04-15", "spaces_gb_month", "117");
    // 10 days: 2.50, and 100 + 50 x 10 / 30 = 116 2/3 included.
    let lines = ["plan_base 1 month 50.00", "addon 10 day 2.50", "overage 0.333333 gb 0.01"];
    let document = check(&story, &lines, "52.51");
    let exact = &document.lines[2].explain.of[0].of[0].value;
    assert_eq!(*exact, Ratio::new(1, 3).unwrap());
}

#[test]
fn today_counts_as_if_it_ended_now() {
    let story = shop().subscribed("2026-04-01", "studio").until("2026-04-10T00:00:00Z");
    check(&story, &["plan_base 10 day 16.67"], "16.67");
    let paused_today = story.charged("2026-04-10T12:00:00Z", false);
    check(&paused_today, &["plan_base 10 day 16.67"], "16.67");
    check(&paused_today.until("2026-04-10T13:00:00Z"), &["plan_base 9 day 15.00"], "15.00");
}

#[test]
fn a_hard_cap_bounds_what_is_billed_and_shows_the_rest() {
    let mut version = PlanVersion::clone(&plan("studio"));
    version.items[0].hard_cap = Some(Quantity::whole(100));
    let story = shop()
        .bound_to("2026-04-01", Arc::new(version), 1)
        .charged("2026-04-01", true)
        .used("2026-04-02", "droplet_hours", "2000");
    let lines = ["plan_base 1 month 50.00", "overage 100 hour 1.00"];
    let document = check(&story, &lines, "51.00");
    let [capped] = <[Capped; 1]>::try_from(document.capped).unwrap();
    assert_eq!(capped.quantity, Ratio::whole(412));
}

#[test]
fn usage_without_any_price_is_billed_nothing_and_listed() {
    let story = shop().subscribed("2026-04-01", "studio").used("2026-04-02", "gpu_hours", "3");
    let document = check(&story, &["plan_base 1 month 50.00"], "50.00");
    let [unpriced] = <[Unpriced; 1]>::try_from(document.unpriced).unwrap();
    assert_eq!((unpriced.kind.as_str(), unpriced.quantity), ("gpu_hours", Quantity::whole(3)));
}

#[test]
fn a_price_in_another_currency_counts_as_none() {
    let story = shop()
        .subscribed("2026-04-01", "studio")
        .resource_prices("2026-01-01", "quota-usd")
        .used("2026-04-02", "vm_hour", "3");
    assert_eq!(story.price().unpriced.len(), 1);
}

#[test]
fn a_kind_without_an_item_makes_a_line_for_each_effective_price() {
    let story = Story::of("2026-04", Currency::USD)
        .resource_prices("2026-01-01", "limits-usd")
        .resource_prices("2026-04-16", "limits-usd")
        .used("2026-04-15T23:59:59Z", "node_hour", "100")
        .used("2026-04-16", "node_hour", "200");
    check(&story, &["usage 100 hour 0.70", "usage 200 hour 1.40"], "2.10");
}

#[test]
fn a_plan_in_another_currency_is_refused() {
    let story = Story::of("2026-04", Currency::USD).deployment("shop");
    let story = story.subscribed("2026-04-01", "studio");
    let foreign = PriceError::ForeignCurrency { expected: Currency::USD, found: Currency::AUD };
    assert_eq!(price(&story.facts), Err(foreign));
}

#[test]
fn a_ladder_uses_up_the_allowance_in_order_of_time() {
    let mut version = PlanVersion::clone(&plan("studio"));
    version.ladder.clone_from(&seed("quota-usd").resource_prices[0].ladder);
    version.items[0].hard_cap = Some(Quantity::whole(150));
    let mut story = shop()
        .bound_to("2026-04-01", Arc::new(version), 1)
        .charged("2026-04-01", true)
        .used("2026-04-20", "droplet_hours", "200")
        .used("2026-04-10", "droplet_hours", "100")
        .used("2026-04-01", "droplet_hours", "1400");
    story.facts.first_paid_at = Some(at("2026-04-05T00:00:00Z"));
    // 1488 are free: 1400 on the 1st and 88 on the 10th. Of the rest, 12 on the 10th at the whole
    // price and, within the cap of 150, 138 on the 20th at half: 0.12 + 0.69.
    let lines = ["plan_base 1 month 50.00", "overage 150 hour 0.81"];
    check(&story, &lines, "50.81");
}

#[test]
fn a_record_taken_back_frees_the_earliest_units_of_a_ladder() {
    let story = |taken_back: &str| {
        let mut story = Story::of("2026-04", Currency::USD)
            .resource_prices("2026-01-01", "quota-usd")
            .used("2026-04-20", "hero_os_hour", "100")
            .used("2026-04-10", "hero_os_hour", "100")
            .used("2026-04-25", "hero_os_hour", taken_back);
        story.facts.first_paid_at = Some(at("2026-04-05T00:00:00Z"));
        story.price().total.amount_text()
    };
    assert_eq!(story("0"), "7.50");
    assert_eq!(story("-50"), "5.00");
    assert_eq!(story("-150"), "1.25");
    assert_eq!(story("-1000"), "0.00");
}

#[test]
fn a_commitment_asks_for_what_is_missing_by_the_days_charged() {
    let mut version = PlanVersion::clone(&plan("studio"));
    version.commitment = Some(Commitment { minimum: aud("10") });
    let version = Arc::new(version);
    let whole = shop()
        .bound_to("2026-04-01", Arc::clone(&version), 1)
        .charged("2026-04-01", true)
        .used("2026-04-02", "droplet_hours", "1600");
    let lines = ["plan_base 1 month 50.00", "overage 112 hour 1.12", "commitment 1 month 8.88"];
    check(&whole, &lines, "60.00");
    let part = shop().bound_to("2026-04-21", version, 1).charged("2026-04-21", true);
    check(&part, &["plan_base 10 day 16.67", "commitment 10 day 3.33"], "20.00");
}

fn coupon(discount: Discount, duration: CouponDuration) -> AppliedCoupon {
    let terms = CouponTerms { name: "Launch".parse().unwrap(), discount, duration };
    let code = "LAUNCH".parse().unwrap();
    AppliedCoupon { code, terms, since: "2026-03".parse().unwrap(), from: Sources::NONE }
}

#[test]
fn coupons_take_in_order_from_what_the_former_left_and_lower_the_tax() {
    let percent = Discount::Percent("25".parse().unwrap());
    let fixed = Discount::Fixed(aud("40"));
    let mut story = shop().subscribed("2026-04-01", "studio").taxed();
    story.facts.coupons = [percent, fixed].map(|it| coupon(it, CouponDuration::Forever)).into();
    let lines = ["plan_base 1 month 50.00", "discount 1 - -12.50", "discount 1 - -37.50"];
    check(&story, &lines, "0.00");
    story.facts.coupons.truncate(1);
    let lines = ["plan_base 1 month 50.00", "discount 1 - -12.50", "tax 1 - 3.75"];
    check(&story, &lines, "41.25");
}

#[test]
fn a_coupon_counts_for_its_periods_only() {
    let counts = |duration, period: &str| {
        coupon(Discount::Fixed(aud("1")), duration).counts_in(period.parse().unwrap())
    };
    assert!(counts(CouponDuration::Once, "2026-03") && !counts(CouponDuration::Once, "2026-04"));
    assert!(counts(CouponDuration::Periods(2), "2026-04"));
    assert!(!counts(CouponDuration::Periods(2), "2026-05"));
    assert!(!counts(CouponDuration::Forever, "2026-02"));
    assert!(counts(CouponDuration::Forever, "2031-02"));
}

#[test]
fn an_overage_that_rounds_to_nothing_keeps_its_line() {
    let story =
        shop().subscribed("2026-04-01", "studio").used("2026-04-02", "droplet_hours", "1488.1");
    check(&story, &["plan_base 1 month 50.00", "overage 0.1 hour 0.00"], "50.00");
}

#[test]
fn a_plan_for_a_term_makes_no_monthly_line() {
    let story = Story::of("2026-04", Currency::USD).deployment("shop");
    let story = story.subscribed("2026-04-01", "vm5");
    assert!(matches!(plan("vm5").charge, Charge::Term { days: 30, .. }));
    check(&story, &[], "0.00");
}

#[test]
fn what_credit_paid_is_one_line_a_kind_rounded_once() {
    let story = Story::of("2026-04", Currency::USD).resource_prices("2026-01-01", "quota-usd");
    let mut story = story.used("2026-04-02", "vm_hour", "5");
    story.facts.is_prepaid = true;
    let usd = |it: &str| Money::parse(it, Currency::USD).unwrap();
    for (what, amount) in [("llm_tokens", "0.0031"), ("vm_hour", "1.00"), ("llm_tokens", "0.0032")]
    {
        let what = PrepaidFor::Usage(what.parse().unwrap());
        let quantity = Quantity::whole(10);
        let amount = usd(amount);
        story.facts.prepaid.push(Prepaid { what, quantity, amount, from: Sources::NONE });
    }
    let document = check(&story, &["usage 20 - 0.01", "usage 10 - 1.00"], "1.01");
    assert!(document.lines.iter().all(|it| it.line.settled));
    assert_eq!(document.unpriced, []);
}

#[test]
fn a_model_with_tiers_counts_what_is_beyond_the_allowance() {
    use crate::catalog::Tier;
    let mut version = PlanVersion::clone(&plan("studio"));
    let tier = |up_to: Option<u32>, price: &str| Tier {
        up_to: up_to.map(Quantity::whole),
        price: price.parse().unwrap(),
        flat: UnitPrice::ZERO,
    };
    let tiers = vec![tier(Some(100), "0.02"), tier(None, "0.01")];
    version.items[0].price = PriceModel::Graduated(tiers);
    let story = shop()
        .bound_to("2026-04-01", Arc::new(version), 1)
        .charged("2026-04-01", true)
        .used("2026-04-02", "droplet_hours", "1788");
    check(&story, &["plan_base 1 month 50.00", "overage 300 hour 4.00"], "54.00");
}

/// A quantity of 19 digits has no room on a line: it is printed with the decimals that fit, and
/// the amount comes from the ratio all the same.
#[test]
fn a_large_quantity_that_is_no_decimal_number_has_a_price() {
    let mut version = PlanVersion::clone(&plan("studio"));
    version.items[0].kind = "bytes".parse().unwrap();
    version.items[0].included = Quantity::new(Exact::new(1_000_000_000_000, 0).unwrap()).unwrap();
    version.items[0].price = PriceModel::PerUnit("0.000000000001".parse().unwrap());
    let mut story = Story::of("2026-05", Currency::AUD)
        .deployment("shop")
        .bound_to("2026-05-22", Arc::new(version), 1)
        .charged("2026-05-22", true)
        .used("2026-05-23", "bytes", "5000000000000")
        .used("2026-05-23", "petabytes", "4677419354838.7096774");
    // 5 x 10^12 - 10^12 x 10 / 31.
    let lines = ["plan_base 10 day 16.13", "overage 4677419354838.70968 hour 4.68"];
    let document = check(&story, &lines, "20.81");
    let exact = document.lines[1].explain.of[0].of[0].value;
    assert_eq!(exact, Ratio::new(145_000_000_000_000, 31).unwrap());
    assert_eq!(document.unpriced[0].quantity.to_string(), "4677419354838.70968");
    story.facts.is_prepaid = true;
    let drawn = draws(&story.facts).unwrap();
    assert_eq!(drawn[0].quantity.to_string(), "5000000000000");
    story.facts.usage[0].quantity = Ratio::new(145_000_000_000_000, 31).unwrap();
    assert_eq!(draws(&story.facts).unwrap()[0].quantity.to_string(), "4677419354838.70968");
}
