//! The worked answers.

use super::*;

#[test]
fn studio_bare_is_fifty_a_month() {
    let story = Story::of("2026-04", Currency::AUD).deployment("shop");
    check(&story.subscribed("2026-04-01", "studio"), &["plan_base 1 month 50.00"], "50.00");
}

fn april() -> Story {
    Story::of("2026-04", Currency::AUD)
        .deployment("shop")
        .subscribed("2026-04-01", "studio")
        .attached("2026-04-01", None, "storage_50gb")
        .used("2026-04-01", "droplet_hours", "720")
        .used("2026-04-01", "droplet_hours", "720")
        .used("2026-04-01", "droplet_hours", "720")
        .taxed()
}

#[test]
fn the_april_invoice_is_seventy_sixty_four() {
    let lines =
        ["plan_base 1 month 50.00", "addon 1 month 7.50", "overage 672 hour 6.72", "tax 1 - 6.42"];
    let document = check(&april(), &lines, "70.64");
    assert_eq!(document.subtotal, aud("64.22"));
    assert_eq!(document.tax, aud("6.42"));
}

#[test]
fn the_april_overage_is_explained_down_to_its_records() {
    let document = april().price();
    let overage = &document.lines[2];
    let usage = SourceSpan {
        stream: "usage-acme.2026-04".parse().unwrap(),
        first: Revision::new(0),
        last: Revision::new(2),
    };
    assert!(overage.line.provenance.sources.contains(&usage));
    let json = serde_json::to_value(&overage.explain).unwrap();
    assert_eq!(json["what"], "rounded once");
    assert_eq!(json["of"][0]["what"], "units at their price");
    assert_eq!(json["of"][0]["of"][0]["value"], "672");
    assert_eq!(json["of"][0]["of"][1]["value"], "0.01");
    let back: Step = serde_json::from_value(json).unwrap();
    assert_eq!(back, overage.explain);
}

#[test]
fn a_changed_figure_does_not_verify() {
    let mut explain = april().price().lines[2].explain.clone();
    explain.of[0].of[1].value = Ratio::ONE;
    assert!(explain.verify().is_err());
}

#[test]
fn five_droplets_all_month_make_a_revenue_of_seventy_one_twelve() {
    let mut story =
        Story::of("2026-04", Currency::AUD).deployment("shop").subscribed("2026-04-01", "studio");
    for _ in 0..5 {
        story = story.used("2026-04-01", "droplet_hours", "720");
    }
    check(&story, &["plan_base 1 month 50.00", "overage 2112 hour 21.12"], "71.12");
}

#[test]
fn the_quote_of_studio_with_storage_is_sixty_three_fifty_all_in() {
    let projected =
        [("spaces_gb_month", "200"), ("llm_tokens", "1500000"), ("droplet_hours", "1488")];
    let projected = projected.map(|it| (it.0.parse().unwrap(), it.1.parse().unwrap()));
    let starts_on = "2026-05-20".parse().unwrap();
    let addons = [addon("storage_50gb")];
    let quote = quote(&plan("studio"), &addons, &BTreeMap::from(projected), starts_on, &[]);
    let quote = quote.unwrap();
    assert_eq!(quote.recurring_monthly, aud("57.50"));
    let first = ["plan_base 12 day 19.35", "addon 12 day 2.90"];
    assert_eq!(lines_told(&quote.first_invoice), first);
    assert_eq!(quote.first_invoice_total, aud("22.25"));
    let overage = ["overage 500 1k_tokens 5.00", "overage 50 gb 1.00"];
    assert_eq!(lines_told(&quote.overage), overage);
    assert_eq!(quote.all_in_monthly, aud("63.50"));
}

#[test]
fn rounding_the_sum_would_make_another_cent() {
    let day = Ratio::new(12, 31).unwrap();
    let sum = Ratio::from(aud("57.50").amount()).checked_mul(day).unwrap();
    assert_eq!(sum.round(2, Rounding::default()), "22.26".parse());
}

#[test]
fn llm_at_week_and_month_is_half_and_a_quarter_and_vm_is_whole() {
    #[track_caller]
    fn check_ladder(used: (&str, &str, &str), days: i64, total: &str) {
        let mut story = Story::of("2026-04", Currency::USD)
            .resource_prices("2026-01-01", "quota-usd")
            .used_as("2026-04-20", used.0, used.1, Some(used.2));
        story.facts.first_paid_at = at("2026-04-20").plus_seconds(-86_400 * days);
        let document = story.price();
        assert_eq!(document.total.amount_text(), total);
    }
    // 100.00 at the whole price.
    let llm = ("llm_tokens", "10000000", "llm");
    check_ladder(llm, 6, "100.00");
    check_ladder(llm, 7, "50.00");
    check_ladder(llm, 29, "50.00");
    check_ladder(llm, 30, "25.00");
    check_ladder(("vm_hour", "10000", "vm"), 30, "100.00");
    check_ladder(("llm_tokens", "10000000", "vm"), 30, "100.00");
}

#[test]
fn a_node_that_runs_all_month_is_projected_at_five_oh_four() {
    let prices = Story::of("2026-04", Currency::USD).resource_prices("2026-01-01", "limits-usd");
    let node = QuotedResource { kind: "node_hour".parse().unwrap(), count: 1 };
    let prices = prices.facts.resource_prices;
    let day = "2026-04-10".parse().unwrap();
    let quote = quote_resources(&[node], Currency::USD, day, &prices).unwrap();
    assert_eq!(quote.all_in_monthly.to_string(), "5.04 USD");
}

/// What a purchase takes and its invoice lists: once in the month it is bought in.
#[test]
fn the_quote_of_a_term_is_what_buying_it_takes() {
    let starts_on = "2026-04-20".parse().unwrap();
    let quote = quote(&plan("vm5"), &[], &BTreeMap::new(), starts_on, &[]).unwrap();
    let usd = |it: &str| Money::parse(it, Currency::USD).unwrap();
    assert_eq!(lines_told(&quote.first_invoice), ["term 1 - 10.00"]);
    assert_eq!(quote.first_invoice_total, usd("10"));
    assert_eq!(lines_told(&quote.recurring), ["term 1 - 10.00"]);
    assert_eq!((quote.recurring_monthly, quote.all_in_monthly), (usd("10"), usd("10")));
    let mut bought = Story::of("2026-04", Currency::USD);
    bought.facts.prepaid.push(Prepaid {
        what: PrepaidFor::Term(plan("vm5").name.clone()),
        quantity: Quantity::whole(1),
        amount: usd("10"),
        from: Sources::NONE,
    });
    assert_eq!(quote.first_invoice, bought.price().lines);
}

/// A kind has two names, and a quote may say both.
#[test]
fn both_names_of_tokens_are_quoted_as_one() {
    let projected = [("llm_token", "1000000"), ("llm_tokens", "500000")];
    let projected = projected.map(|it| (it.0.parse().unwrap(), it.1.parse().unwrap()));
    let starts_on = "2026-05-20".parse().unwrap();
    let quote = quote(&plan("studio"), &[], &BTreeMap::from(projected), starts_on, &[]).unwrap();
    assert_eq!(lines_told(&quote.overage), ["overage 500 1k_tokens 5.00"]);
    assert_eq!(quote.unpriced, []);
    let prices = Story::of("2026-04", Currency::USD).resource_prices("2026-01-01", "quota-usd");
    let tokens = ["llm_token", "llm_tokens"]
        .map(|kind| QuotedResource { kind: kind.parse().unwrap(), count: 1 });
    let quote =
        quote_resources(&tokens, Currency::USD, starts_on, &prices.facts.resource_prices).unwrap();
    assert_eq!(lines_told(&quote.overage), ["usage 1.44 1k_tokens 0.01"]);
}
