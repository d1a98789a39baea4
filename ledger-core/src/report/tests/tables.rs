//! How a table is shown: rounding, order, rates, and what has no rate.

use super::*;
use crate::event::invoice::{Adjusted, Original};

fn earn(tenant: &str, amount: Money) -> Earned {
    Earned {
        tenant: parsed(tenant),
        deployment: None,
        kind: None,
        line: LineKind::PlanBase,
        period: parsed("2026-04"),
        starts_on: parsed("2026-04-01"),
        ends_on: parsed("2026-05-01"),
        amount,
    }
}

fn of_tenants(margin: &Margin) -> Vec<String> {
    let tell = |it: &TenantRow| format!("{} {}", it.tenant, tell(&it.figures));
    margin.tenants.iter().map(tell).collect()
}

#[test]
fn shown_rows_add_up_to_the_shown_total() {
    let mut world = World::new();
    world.rates = rates(&[("USD", "AUD", "1.5", "2026-01-01")]);
    // 0.015 each: together 0.045, which is 0.05.
    world.earned = ["c", "a", "b"].map(|it| earn(it, usd("0.01"))).to_vec();
    let margin = world.margin();
    assert_eq!(tell(&margin.overall), "0.05 - 0.00 = 0.05 (100.0)");
    let expected = [
        "a 0.02 - 0.00 = 0.02 (100.0)",
        "b 0.02 - 0.00 = 0.02 (100.0)",
        "c 0.01 - 0.00 = 0.01 (100.0)",
    ];
    assert_eq!(of_tenants(&margin), expected);
}

#[test]
fn nobodys_row_comes_last_when_cents_are_given_out() {
    let mut world = World::new();
    world.rates = rates(&[("USD", "AUD", "1.5", "2026-01-01")]);
    world.lines = vec![
        bill_line(1, "Droplets", "web-1", "0.01"),
        bill_line(2, "Droplets", "unknown", "0.01"),
    ];
    world.resources.push(droplet("7", "web-1"));
    world.resources[0].tenants = Timeline::new([(at("2026-03-01"), Some(parsed("zulu")))]);
    let margin = world.margin();
    assert_eq!(tell(&margin.overall), "0.00 - 0.03 = -0.03 (none)");
    assert_eq!(of_tenants(&margin), ["zulu 0.00 - 0.02 = -0.02 (none)"]);
    assert_eq!(tell(&margin.unattributed), "0.00 - 0.01 = -0.01 (none)");
}

#[test]
fn internal_tenants_stand_apart() {
    let mut world = World::new();
    world.internal.insert(parsed("ops"));
    world.earned = vec![earn("acme", aud("10"))];
    world.lines = vec![bill_line(1, "Droplets", "web-1", "4")];
    world.resources.push(droplet("7", "web-1"));
    world.resources[0].tenants = Timeline::new([(at("2026-03-01"), Some(parsed("ops")))]);
    let margin = world.margin();
    assert_eq!(tell(&margin.overall), "10.00 - 4.00 = 6.00 (60.0)");
    assert_eq!(tell(&margin.customers), "10.00 - 0.00 = 10.00 (100.0)");
    assert_eq!(tell(&margin.internal), "0.00 - 4.00 = -4.00 (none)");
    let expected = ["acme 10.00 - 0.00 = 10.00 (100.0)", "ops 0.00 - 4.00 = -4.00 (none)"];
    assert_eq!(of_tenants(&margin), expected);
    assert!(margin.tenants[1].is_internal);
}

#[test]
fn a_cell_without_a_rate_names_the_pair_and_the_currencies_stay() {
    let mut world = World::new();
    world.rates =
        rates(&[("AUD", "EUR", "0.6", "2026-01-01"), ("EUR", "USD", "1.1", "2026-01-01")]);
    world.earned =
        vec![earn("acme", aud("10")), earn("globex", usd("0.01")), earn("acme", usd("1"))];
    let margin = world.margin();
    // Never through a third currency.
    assert_eq!(tell(&margin.overall), "?USD-AUD - 0.00 = ?USD-AUD (none)");
    assert_eq!(tell(&margin.customers), "?USD-AUD - 0.00 = ?USD-AUD (none)");
    let by_currency = &margin.tenants[0].figures.revenue_by_currency;
    assert_eq!(by_currency.values().copied().collect::<Vec<_>>(), [aud("10"), usd("1")]);
    assert_eq!(margin.overall.revenue_by_currency.get(&Currency::USD), Some(&usd("1.01")));
    world.earned.push(earn("initech", aud("5")));
    assert_eq!(of_tenants(&world.margin())[2], "initech 5.00 - 0.00 = 5.00 (100.0)");
}

#[test]
fn the_rate_of_the_last_day_counts_the_later_date_first_then_the_later_record() {
    let usd = Currency::USD;
    let rates = rates(&[
        ("AUD", "USD", "0.60", "2026-04-30"),
        ("AUD", "USD", "0.65", "2026-05-01"),
        ("AUD", "USD", "0.61", "2026-04-01"),
        ("USD", "AUD", "1.60", "2026-04-30"),
    ]);
    let rate =
        |on: &str| rates.rate(usd, Currency::AUD, parsed(on)).map(|it| it.rate().to_string());
    assert_eq!(rate("2026-04-30"), Some("1.6".into()));
    assert_eq!(rate("2026-04-29"), Some("0.61".into()));
    assert_eq!(rate("2026-05-31"), Some("0.65".into()));
    assert_eq!(rate("2026-03-31"), None);
}

#[test]
fn revenue_is_of_the_period_a_line_names() {
    let mut late = invoice_line(LineKind::Usage, "3.00", Some("shop"));
    late.adjusts = Some(parsed("2026-03"));
    let mut its_tax = late.clone();
    its_tax.kind = LineKind::Adjustment;
    let original = Original { kind: LineKind::Tax, number: None, line: None };
    its_tax.original = Some(original);
    let mut next = invoice_line(LineKind::PlanBase, "2.00", None);
    next.starts_on = parsed("2026-05-01");
    let lines = vec![invoice_line(LineKind::PlanBase, "1.00", None), late, its_tax, next];
    let mut world = World::new();
    world.earned = earned(&parsed("acme"), &document(lines, "3.00")).unwrap();
    for (period, revenue) in [("2026-03", "3.00"), ("2026-04", "1.00"), ("2026-05", "2.00")] {
        let overall = world.margin_of(period).overall;
        assert_eq!(tell(&overall), format!("{revenue} - 0.00 = {revenue} (100.0)"));
    }
}

#[test]
fn included_tax_is_no_revenue() {
    let mut free = invoice_line(LineKind::Usage, "1.00", None);
    free.taxable = false;
    let lines = vec![
        invoice_line(LineKind::Usage, "1.00", None),
        free,
        invoice_line(LineKind::Term, "1.00", None),
        invoice_line(LineKind::Discount, "-0.50", None),
    ];
    // 1.50 with 0.14 of tax in it: each keeps 1.36 / 1.50 of itself.
    let earned = earned(&parsed("acme"), &document(lines, "0.14")).unwrap();
    let amounts = earned.iter().map(|it| it.amount.amount_text()).collect::<Vec<_>>();
    assert_eq!(amounts, ["0.91", "1.00", "0.91", "-0.46"]);
}

#[test]
fn beside_a_tax_on_top_only_what_credit_had_settled_includes_its_own() {
    let mut drawn = invoice_line(LineKind::Usage, "1.10", None);
    drawn.settled = true;
    let lines = vec![
        invoice_line(LineKind::PlanBase, "50.00", None),
        drawn,
        invoice_line(LineKind::Tax, "5.00", None),
    ];
    let earned = earned(&parsed("acme"), &document(lines, "5.10")).unwrap();
    let amounts = earned.iter().map(|it| it.amount.amount_text()).collect::<Vec<_>>();
    assert_eq!(amounts, ["50.00", "1.00"]);
}

#[test]
fn what_a_document_corrects_bears_its_own_tax() {
    let mut late = invoice_line(LineKind::Adjustment, "2.20", None);
    (late.adjusts, late.taxable) = (Some(parsed("2026-03")), false);
    let lines = vec![late, invoice_line(LineKind::Usage, "1.10", None)];
    let mut document = document(lines, "0.30");
    let totals = Totals { net: aud("2.00"), tax: aud("0.20"), gross: aud("2.20") };
    document.adjusted = vec![Adjusted { period: parsed("2026-03"), totals }];
    let earned = earned(&parsed("acme"), &document).unwrap();
    let told = earned.iter().map(|it| format!("{} {}", it.period, it.amount.amount_text()));
    assert_eq!(told.collect::<Vec<_>>(), ["2026-03 2.00", "2026-04 1.00"]);
}

#[test]
fn percents_are_of_shown_cells_to_one_decimal() {
    let cell = |it: &str| Cell::Shown(aud(it));
    let percent = |part: &str, whole: &str| {
        let percent = cell(part).percent_of(&cell(whole)).unwrap();
        percent.map(|it| it.to_text_with(1))
    };
    assert_eq!(percent("40.59", "71.12"), Some("57.1".into()));
    assert_eq!(percent("0.0125", "100"), Some("0.0".into()));
    assert_eq!(percent("0.05", "100"), Some("0.1".into()));
    assert_eq!(percent("-0.05", "100"), Some("-0.1".into()));
    assert_eq!(percent("1", "0"), None);
}
