//! Late and corrected usage: on the next invoice, by the line, and to the cent of what would have
//! been right from the start.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::process::{MAY, issued};
use super::*;
use crate::event::account::TaxProfileSet;
use crate::event::deployment::SubscriptionCancelled;
use crate::event::invoice::DocumentKind;
use crate::money::{Exact, Money};
use crate::testing;

fn lines(it: &IssuedDocument) -> Vec<String> {
    it.document.lines.iter().map(tell).collect()
}

fn totals(it: &IssuedDocument) -> [String; 3] {
    let totals = &it.document.totals;
    [totals.net, totals.tax, totals.gross].map(|it| it.amount_text())
}

impl Ledger {
    /// What the lines of everything that counts say of a period, and the tax among it: by the lines
    /// alone, as a reader of the documents would add them up.
    fn issued_for(&self, period: &str, others: &[&str]) -> (Exact, Exact) {
        let (mut total, mut tax) = (Exact::ZERO, Exact::ZERO);
        for of in others.iter().chain([&period]) {
            for it in self.invoices_of("acme", of).counting() {
                for line in &it.document.lines {
                    let about = line.adjusts.map_or((*of).to_owned(), |it| it.to_string());
                    if about == period {
                        total = total.checked_add(line.amount.amount()).unwrap();
                        if line.is_tax() {
                            tax = tax.checked_add(line.amount.amount()).unwrap();
                        }
                    }
                }
            }
        }
        (total, tax)
    }

    #[track_caller]
    pub(super) fn expect_audits(&self, periods: &[&str]) {
        for period in periods {
            for it in self.invoices_of("acme", period).documents() {
                let verdict = self.audit_of(("acme", period), it, &["shop"]).unwrap();
                assert!(verdict.matches, "{} of {period}: {verdict}", it.document.number);
                for line in self.explain(("acme", period), it).lines {
                    let step = line.step.unwrap();
                    assert_eq!(step.verify(), Ok(()));
                    assert_eq!(step.value.to_exact(), Some(line.line.amount.amount()));
                }
            }
        }
    }
}

#[test]
fn what_comes_late_is_on_the_next_invoice_with_its_tax() {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    ledger.used("shop", "2026-04-20", "droplet_hours", "500");
    ledger.used("shop", "2026-04-21", "spaces_gb_month", "200");
    assert_eq!(ledger.roll_up("acme", "2026-05"), issued("INV-000002"));
    let may = ledger.issued("acme", "2026-05");
    let expected = [
        "plan_base 1 month 50.00",
        "addon 1 month 7.50",
        "tax 1 - 5.75",
        "adjustment 500 hour 5.00",
        "adjustment 50 gb 1.00",
        "adjustment 1 - 0.60",
    ];
    assert_eq!(lines(&may), expected);
    assert_eq!(totals(&may), ["63.50", "6.35", "69.85"]);
    let adjusted = &may.document.lines[3..];
    let cited = adjusted.iter().map(|it| {
        let it = it.original.as_ref().unwrap();
        (it.kind, it.number.as_ref().unwrap().to_string(), it.line)
    });
    let cited = cited.collect::<Vec<_>>();
    let april = |kind, line| (kind, "INV-000001".to_owned(), line);
    let expected = [
        april(LineKind::Overage, Some(3)),
        april(LineKind::Overage, None),
        april(LineKind::Tax, Some(4)),
    ];
    assert_eq!(cited, expected);
    assert!(adjusted.iter().all(|it| it.adjusts == Some(parsed("2026-04")) && !it.taxable));
    ledger.expect_audits(&["2026-04", "2026-05"]);
    let explained = ledger.explain(("acme", "2026-05"), &may).to_string();
    for expected in [
        "4. adjustment: droplet_hours beyond the allowance (overage of 2026-04, INV-000001 line 3)",
        "issued on INV-000001, line 3 = 6.72 [invoice-acme.2026-04 0]",
        "of it adjusts 2026-04: net 6.00 AUD, tax 0.60 AUD, gross 6.60 AUD",
    ] {
        assert!(explained.contains(expected), "{expected} is not in\n{explained}");
    }
}

#[test]
fn the_tax_of_a_difference_is_the_difference_of_the_taxes() {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    ledger.used("shop", "2026-04-20", "droplet_hours", "3");
    ledger.roll_up("acme", "2026-05");
    let may = ledger.issued("acme", "2026-05");
    assert_eq!(lines(&may)[3..], ["adjustment 3 hour 0.03", "adjustment 1 - 0.01"]);
    assert_eq!(totals(&may), ["57.53", "5.76", "63.29"]);
}

#[test]
fn what_was_adjusted_is_not_adjusted_again() {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    ledger.used("shop", "2026-04-20", "droplet_hours", "500");
    ledger.roll_up("acme", "2026-05");
    ledger.roll_up("acme", "2026-06");
    let june = ledger.issued("acme", "2026-06");
    assert_eq!(lines(&june), ["plan_base 1 month 50.00", "addon 1 month 7.50", "tax 1 - 5.75"]);
    // A correction to what it was before takes the adjustment back, and cites the first line.
    let late = ledger.streams[&parsed::<Stream>("usage-acme.2026-04")].len() - 1;
    ledger.correct(Revision::new(u64::try_from(late).unwrap()), "0");
    ledger.roll_up("acme", "2026-07");
    let july = ledger.issued("acme", "2026-07");
    assert_eq!(lines(&july)[3..], ["adjustment -500 hour -5.00", "adjustment 1 - -0.50"]);
    assert_eq!(july.document.lines[3].original.as_ref().unwrap().line, Some(3));
    ledger.expect_audits(&["2026-04", "2026-05", "2026-06", "2026-07"]);
}

#[test]
fn an_adjustment_alone_is_an_invoice_and_below_zero_a_credit_note() {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    let cancelled = SubscriptionCancelled { reason: None };
    ledger.tell("deployment-acme.shop", "2026-05-01", cancelled);
    ledger.used("shop", "2026-04-20", "droplet_hours", "100");
    assert_eq!(ledger.roll_up("acme", "2026-05"), issued("INV-000002"));
    assert_eq!(totals(&ledger.issued("acme", "2026-05")), ["1.00", "0.10", "1.10"]);
    for place in 0..30 {
        ledger.correct(Revision::new(place), "0");
    }
    assert_eq!(ledger.roll_up("acme", "2026-06"), issued("CN-000001"));
    let note = ledger.issued("acme", "2026-06");
    assert_eq!(
        (note.kind, totals(&note)),
        (DocumentKind::CreditNote, ["-7.20", "-0.72", "-7.92"].map(String::from))
    );
    assert_eq!(note.document.issuer.as_str(), "main.notes");
    assert_eq!(note.to_credit.amount_text(), "7.92");
    let account = ledger.heads("acme", "2026-06").account;
    assert_eq!(account.account().credit().balance(at("2026-07-02")), Ok("7.92".parse().unwrap()));
    let events = ledger.events;
    assert_eq!(ledger.roll_up("acme", "2026-06"), issued("CN-000001"));
    assert_eq!(ledger.roll_up("acme", "2026-07"), Done::NoLines);
    assert_eq!(ledger.events, events);
    ledger.expect_audits(&["2026-04", "2026-05", "2026-06"]);
}

#[test]
fn a_tax_profile_that_came_late_adjusts_the_tax_alone() {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    let customer = ledger.basis("acme", "2026-04").tenant.party_at(at("2026-05-01")).unwrap();
    ledger.tell("account-acme", "2026-04-15", TaxProfileSet { customer, tax: None });
    ledger.roll_up("acme", "2026-05");
    let may = ledger.issued("acme", "2026-05");
    let expected = ["plan_base 1 month 50.00", "addon 1 month 7.50", "adjustment 1 - -6.42"];
    assert_eq!(lines(&may), expected);
    assert_eq!(totals(&may), ["57.50", "-6.42", "51.08"]);
    ledger.expect_audits(&["2026-04", "2026-05"]);
}

#[test]
fn rollups_of_a_tenant_run_in_order() {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    let skipped = ledger.ask("acme", "2026-06", Ask::RollUp);
    assert!(matches!(skipped, Err(IssueError::Missing { .. })), "{skipped:?}");
    ledger.roll_up("acme", "2026-05");
    ledger.roll_up("acme", "2026-06");
    assert_eq!(lines(&ledger.issued("acme", "2026-06")).len(), 3);
    let before = ledger.ask("acme", "2026-03", Ask::RollUp);
    assert!(matches!(before, Err(IssueError::Overtaken { .. })), "{before:?}");
}

impl Ledger {
    /// Acme, a deployment, and 0.01 for an hour of `hero_os`.
    fn of_hours() -> Self {
        let mut ledger = Self::of_a_reseller();
        let prices = include_str!("../../../../fixtures/catalogs/quota-usd.json");
        let mut price = Catalog::read(prices).unwrap().resource_prices.remove(0);
        (price.currency, price.price, price.ladder) = (Currency::AUD, parsed("0.01"), None);
        let effective_at = at("2025-01-01");
        ledger.tell("catalog", "2026-01-01", catalog::ResourcePriceSet { price, effective_at });
        ledger.create("shop", "2026-01-03", Beginning::Active);
        ledger
    }
}

#[test]
fn usage_of_a_month_that_had_none_when_it_was_rolled_up_is_invoiced_first() {
    let mut ledger = Ledger::of_hours();
    assert_eq!(ledger.roll_up("acme", "2026-03"), Done::NoLines);
    ledger.used("shop", "2026-03-30", "hero_os_hour", "100");
    ledger.used("shop", "2026-04-03", "hero_os_hour", "200");
    let early = ledger.ask("acme", "2026-04", Ask::RollUp);
    let Err(IssueError::Missing { missing, .. }) = early else { panic!("{early:?}") };
    assert_eq!(missing, parsed("2026-03"));
    assert_eq!(ledger.ask_at("acme", "2026-03", Ask::RollUp, MAY), Ok(issued("INV-000001")));
    assert_eq!(ledger.roll_up("acme", "2026-04"), issued("INV-000002"));
    let charged = ["2026-03", "2026-04"].map(|it| totals(&ledger.issued("acme", it)));
    assert_eq!(charged, [["1.00", "0.10", "1.10"], ["2.00", "0.20", "2.20"]]);
    ledger.expect_audits(&["2026-03", "2026-04"]);
}

#[test]
fn usage_of_a_month_before_the_first_invoice_is_on_the_next_one() {
    let mut ledger = Ledger::of_hours();
    ledger.used("shop", "2026-04-03", "hero_os_hour", "200");
    assert_eq!(ledger.roll_up("acme", "2026-03"), Done::NoLines);
    assert_eq!(ledger.roll_up("acme", "2026-04"), issued("INV-000001"));
    ledger.used("shop", "2026-03-30", "hero_os_hour", "100");
    let overtaken = ledger.ask("acme", "2026-03", Ask::RollUp);
    assert!(matches!(overtaken, Err(IssueError::Overtaken { .. })), "{overtaken:?}");
    assert_eq!(ledger.roll_up("acme", "2026-05"), issued("INV-000002"));
    let may = ledger.issued("acme", "2026-05");
    assert_eq!(lines(&may), ["adjustment 100 hour 1.00", "adjustment 1 - 0.10"]);
    let first = &may.document.lines[0];
    assert_eq!(first.adjusts, Some(parsed("2026-03")));
    assert_eq!(first.original.as_ref().map(|it| (&it.number, it.line)), Some((&None, None)));
    assert_eq!(ledger.roll_up("acme", "2026-06"), Done::NoLines);
    ledger.expect_audits(&["2026-04", "2026-05"]);
}

#[test]
fn what_was_imported_of_the_time_before_the_ledger_is_billed_elsewhere() {
    let mut ledger = Ledger { now: Some(at("2026-04-10")), ..Ledger::default() };
    ledger.register("acme", Settlement::Invoiced, false);
    let rest = Ledger::of_hours();
    for stream in ["catalog", "deployment-acme.shop"] {
        for it in rest.streams[&parsed::<Stream>(stream)].clone() {
            ledger.tell(stream, &it.occurred_at.to_string(), it.event);
        }
    }
    ledger.used("shop", "2026-03-30", "hero_os_hour", "100");
    ledger.used("shop", "2026-04-03", "hero_os_hour", "200");
    assert_eq!(ledger.roll_up("acme", "2026-04"), issued("INV-000001"));
    assert_eq!(lines(&ledger.issued("acme", "2026-04")), ["usage 200 hour 2.00", "tax 1 - 0.20"]);
    assert_eq!(ledger.roll_up("acme", "2026-05"), Done::NoLines);
}

#[test]
fn a_month_without_lines_between_two_invoices_was_rolled_up_too() {
    let mut ledger = Ledger::of_hours();
    let kind = "hero_os_hour";
    ledger.used("shop", "2026-04-03", kind, "100");
    ledger.roll_up("acme", "2026-04");
    assert_eq!(ledger.roll_up("acme", "2026-05"), Done::NoLines);
    ledger.used("shop", "2026-06-03", kind, "200");
    ledger.roll_up("acme", "2026-06");
    ledger.used("shop", "2026-05-03", kind, "300");
    let again = ledger.ask("acme", "2026-05", Ask::RollUp);
    assert!(matches!(again, Err(IssueError::Overtaken { .. })), "{again:?}");
    ledger.roll_up("acme", "2026-07");
    let july = ledger.issued("acme", "2026-07");
    assert_eq!(lines(&july), ["adjustment 300 hour 3.00", "adjustment 1 - 0.30"]);
    assert_eq!(july.document.lines[0].adjusts, Some(parsed("2026-05")));
    ledger.expect_audits(&["2026-04", "2026-06", "2026-07"]);
}

#[derive(Debug, Clone)]
enum Move {
    /// A record of some day comes late.
    Late(u32, u32),
    /// A record is corrected.
    Correct(Index, u32),
    /// The next month is rolled up.
    RollUp,
    /// April is forced.
    Force,
    /// Something is paid of April's invoice.
    Pay,
}

fn a_move() -> impl Strategy<Value = Move> {
    let quantity = || prop_oneof![Just(0_u32), 0..3_000_u32];
    prop_oneof![
        3 => (1..=30_u32, quantity()).prop_map(|it| Move::Late(it.0, it.1)),
        3 => (any::<Index>(), quantity()).prop_map(|it| Move::Correct(it.0, it.1)),
        2 => Just(Move::RollUp),
        1 => Just(Move::Force),
        1 => Just(Move::Pay),
    ]
}

proptest! {
    #![proptest_config(testing::cases(2_000))]

    /// Whatever came late and was corrected, over however many invoices, notes and reissues: what
    /// counts for April adds up to the invoice that would have been right from the start, tax
    /// included; every document audits, and the last rollup leaves nothing to adjust.
    #[test]
    fn all_documents_of_a_period_add_up_to_the_right_invoice(
        first in vec((1..=30_u32, 0..3_000_u32), 1..4),
        moves in vec(a_move(), 0..8),
        plan in select(vec!["starter", "studio", "pro"]),
    ) {
        let mut ledger = Ledger::of_a_reseller();
        ledger.create("shop", "2026-04-01", Beginning::Active);
        ledger.subscribe("shop", "2026-04-01", plan);
        let mut quantities = Vec::new();
        let mut use_it = |ledger: &mut Ledger, day: u32, quantity: u32| {
            let day = format!("2026-04-{day:02}");
            ledger.used("shop", &day, "droplet_hours", &quantity.to_string());
            quantities.push((day, quantity));
            quantities.len()
        };
        for (day, quantity) in first {
            use_it(&mut ledger, day, quantity);
        }
        ledger.roll_up("acme", "2026-04");
        let (mut corrections, mut months) = (Vec::new(), vec!["2026-04"]);
        let mut later = ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09"].into_iter();
        let mut count = ledger.streams[&parsed::<Stream>("usage-acme.2026-04")].len();
        for it in moves {
            match it {
                Move::Late(day, quantity) => {
                    use_it(&mut ledger, day, quantity);
                    count = ledger.streams[&parsed::<Stream>("usage-acme.2026-04")].len();
                }
                Move::Correct(which, quantity) => {
                    let records = &ledger.streams[&parsed::<Stream>("usage-acme.2026-04")];
                    let recorded = (0..count).filter(|it| matches!(
                        records[*it].event, Event::Usage(usage::Event::Recorded(_))
                    )).collect::<Vec<_>>();
                    let place = which.index(recorded.len());
                    let revision = Revision::new(u64::try_from(recorded[place]).unwrap());
                    ledger.correct(revision, &quantity.to_string());
                    corrections.push((place, quantity));
                }
                Move::RollUp => {
                    if let Some(month) = later.next() {
                        ledger.roll_up("acme", month);
                        months.push(month);
                    }
                }
                Move::Force => {
                    let reason = parsed("as known now");
                    ledger.ask("acme", "2026-04", Ask::Force { reason: &reason }).unwrap();
                }
                Move::Pay => ledger.pay("2026-04", "1.00"),
            }
        }
        let last = later.next();
        if let Some(month) = last {
            ledger.roll_up("acme", month);
            months.push(month);
        }
        for (place, quantity) in corrections {
            quantities[place].1 = quantity;
        }
        let mut right = Ledger::of_a_reseller();
        right.create("shop", "2026-04-01", Beginning::Active);
        right.subscribe("shop", "2026-04-01", plan);
        for (day, quantity) in quantities {
            right.used("shop", &day, "droplet_hours", &quantity.to_string());
        }
        if last.is_some() {
            let right = right.price("2026-04");
            let expected = (right.total.amount(), right.tax.amount());
            prop_assert_eq!(ledger.issued_for("2026-04", &months[1..]), expected);
        }
        ledger.expect_audits(&months);
        ledger.expect_postings(&months);
    }
}

impl Ledger {
    /// Money comes in for what stands of a period.
    pub(super) fn pay(&mut self, period: &str, amount: &str) {
        use crate::event::invoice::{PaymentApplied, PaymentSource};
        let number = self.issued("acme", period).document.number;
        let amount = Money::parse(amount, Currency::AUD).unwrap();
        let payment = PaymentSource::Operator { reference: parsed("bank") };
        let paid = PaymentApplied { number, amount, payment };
        self.tell(&format!("invoice-acme.{period}"), "2026-05-05", paid);
    }
}
