//! What outlives its month: gauges, and last values of kinds that are sold by what stands.

use super::process::{issued, terms};
use super::*;
use crate::catalog::{Aggregation, Item, PriceModel};
use crate::event::account::{CreditOrigin, CreditToppedUp};
use crate::money::{Exact, Money};
use crate::price::Usage;

fn lines(it: &IssuedDocument) -> Vec<String> {
    it.document.lines.iter().map(tell).collect()
}

impl Ledger {
    /// Acme, without a tax, and 0.007 an hour of a node.
    fn of_nodes(settlement: Settlement) -> Self {
        let mut ledger = Self::default();
        let name = parsed("Acme");
        let registered =
            TenantRegistered { name, currency: Currency::AUD, settlement, internal: false };
        ledger.tell("account-acme", "2026-01-02", registered);
        for kind in ["node_hour", "droplet_hours"] {
            ledger.sell(kind, "hour", "0.007");
        }
        ledger.create("shop", "2026-01-03", Beginning::Active);
        ledger
    }

    fn set(&mut self, when: &str, kind: &str, value: &str, resource: Option<&str>) -> Revision {
        let set = usage::GaugeSet {
            kind: parsed(kind),
            value: parsed(value),
            deployment: Some(parsed("shop")),
            resource: resource.map(parsed),
        };
        self.tell(&format!("usage-acme.{}", at(when).period()), when, set)
    }

    fn used_in(&self, period: &str) -> Vec<Usage> {
        let basis = self.basis("acme", period);
        basis.facts(basis.period.ends_at()).unwrap().usage
    }

    /// The sum of the hours of each kind in a period.
    fn hours(&self, period: &str) -> BTreeMap<String, String> {
        let mut sums = BTreeMap::<String, crate::money::Ratio>::new();
        for it in self.used_in(period) {
            let sum = sums.entry(it.kind.to_string()).or_insert(crate::money::Ratio::ZERO);
            *sum = sum.checked_add(it.quantity).unwrap();
        }
        sums.into_iter().map(|(kind, it)| (kind, it.to_string())).collect()
    }
}

#[test]
fn a_gauge_runs_on_when_its_month_is_over() {
    let mut ledger = Ledger::of_nodes(Settlement::Invoiced);
    ledger.set("2026-04-20", "node_hour", "1", None);
    assert_eq!(ledger.roll_up("acme", "2026-04"), issued("INV-000001"));
    assert_eq!(lines(&ledger.issued("acme", "2026-04")), ["usage 264 hour 1.85"]);
    assert_eq!(ledger.roll_up("acme", "2026-05"), issued("INV-000002"));
    let may = ledger.issued("acme", "2026-05");
    assert_eq!(lines(&may), ["usage 744 hour 5.21"]);
    let named = may.document.lines[0].provenance.sources.iter();
    let named = named.map(|it| it.stream.to_string()).collect::<Vec<_>>();
    assert_eq!(named, ["catalog", "usage-acme.2026-04"]);
    ledger.set("2026-06-10", "node_hour", "0", None);
    assert_eq!(ledger.roll_up("acme", "2026-06"), issued("INV-000003"));
    assert_eq!(lines(&ledger.issued("acme", "2026-06")), ["usage 216 hour 1.51"]);
    assert_eq!(ledger.roll_up("acme", "2026-07"), Done::NoLines);
    ledger.expect_audits(&["2026-04", "2026-05", "2026-06"]);
}

#[test]
fn what_a_line_of_may_rests_on_in_april_is_audited_with_it() {
    let mut ledger = Ledger::of_nodes(Settlement::Invoiced);
    ledger.set("2026-04-20", "node_hour", "1", None);
    ledger.roll_up("acme", "2026-04");
    ledger.roll_up("acme", "2026-05");
    let april = ledger.streams.get_mut(&parsed::<Stream>("usage-acme.2026-04")).unwrap();
    april[0].actor.who = parsed("somebody else");
    let verdict = ledger.audit("acme", "2026-05").unwrap();
    let [Difference::Line { number: 1, parts, .. }] = verdict.differences.as_slice() else {
        panic!("{verdict}")
    };
    assert_eq!(parts.as_slice(), [LinePart::Digest]);
}

#[test]
fn months_without_a_word_do_not_end_it() {
    let mut ledger = Ledger::of_nodes(Settlement::Invoiced);
    ledger.set("2026-01-31T12:00:00Z", "node_hour", "2", None);
    let hours = |period| ledger.hours(period).remove("node_hour");
    assert_eq!(hours("2026-01").as_deref(), Some("24"));
    assert_eq!(hours("2026-02").as_deref(), Some("1344"));
    assert_eq!(hours("2026-04").as_deref(), Some("1440"));
    assert_eq!(hours("2027-01").as_deref(), Some("1488"));
}

#[test]
fn usage_from_before_the_tenant_is_found_while_no_month_is_missing() {
    let mut ledger = Ledger::of_nodes(Settlement::Invoiced);
    ledger.set("2025-11-03", "node_hour", "1", None);
    ledger.used("shop", "2025-12-24", "droplet_hours", "1");
    assert_eq!(ledger.hours("2026-01").remove("node_hour").as_deref(), Some("744"));
}

#[test]
fn one_that_is_set_anew_at_the_beginning_counts_once() {
    let mut ledger = Ledger::of_nodes(Settlement::Invoiced);
    ledger.set("2026-04-20", "node_hour", "1", None);
    ledger.set("2026-05-01", "node_hour", "3", None);
    assert_eq!(ledger.hours("2026-05").remove("node_hour").as_deref(), Some("2232"));
    // Others of the same kind stand for themselves.
    ledger.set("2026-04-21", "node_hour", "1", Some("do.1"));
    assert_eq!(ledger.hours("2026-05").remove("node_hour").as_deref(), Some("2976"));
}

#[test]
fn a_late_word_on_april_adjusts_all_it_ran_into() {
    let mut ledger = Ledger::of_nodes(Settlement::Invoiced);
    let set = ledger.set("2026-04-20", "node_hour", "1", None);
    for month in ["2026-04", "2026-05"] {
        ledger.roll_up("acme", month);
    }
    ledger.correct(set, "2");
    ledger.roll_up("acme", "2026-06");
    let june = ledger.issued("acme", "2026-06");
    let expected =
        ["usage 1440 hour 10.08", "adjustment 264 hour 1.85", "adjustment 744 hour 5.21"];
    assert_eq!(lines(&june), expected);
    ledger.correct(set, "0");
    ledger.roll_up("acme", "2026-07");
    let july = ledger.issued("acme", "2026-07");
    let taken_back = july.document.totals.gross.amount_text();
    assert_eq!(taken_back, "-24.20", "1.85 + 5.21 + 10.08 + 1.85 + 5.21");
    ledger.expect_audits(&["2026-04", "2026-05", "2026-06", "2026-07"]);
}

#[test]
fn a_gauge_of_a_resource_goes_on_in_place_of_its_metered_hours_until_it_is_zero() {
    let mut ledger = Ledger::of_nodes(Settlement::Invoiced);
    ledger.discover("1", "2026-04-01", "droplet");
    ledger.link("shop", "2026-04-01", "1");
    ledger.set("2026-04-01", "droplet_hours", "2", Some("do.1"));
    assert_eq!(ledger.hours("2026-05").remove("droplet_hours").as_deref(), Some("1488"));
    // Whoever measured it says that it stands still, and later nothing: then its link counts.
    ledger.set("2026-05-11", "droplet_hours", "0", Some("do.1"));
    assert_eq!(ledger.hours("2026-05").remove("droplet_hours").as_deref(), Some("480"));
    assert_eq!(ledger.hours("2026-06").remove("droplet_hours").as_deref(), Some("720"));
}

#[test]
fn prepaid_hours_of_a_gauge_are_drawn_from_month_to_month() {
    let mut ledger = Ledger::of_nodes(Settlement::Prepaid);
    let paid_in = CreditToppedUp {
        lot: parsed("a"),
        amount: Money::parse("50", Currency::AUD).unwrap(),
        expires_at: None,
        origin: CreditOrigin::Operator { reason: parsed("paid in") },
    };
    ledger.tell("account-acme", "2026-04-01", paid_in);
    ledger.set("2026-04-20", "node_hour", "1", None);
    let left = |ledger: &Ledger, now: &str| {
        let account = ledger.heads("acme", "2026-04").account;
        account.account().credit().balance(at(now)).unwrap()
    };
    ledger.roll_up("acme", "2026-04");
    assert_eq!(left(&ledger, "2026-05-02"), parsed::<Exact>("48.152"));
    let basis = ledger.basis("acme", "2026-05");
    let (account, actor) = (ledger.heads("acme", "2026-05").account, terms().actor);
    let now = at("2026-05-11");
    let settling = Settling { basis: &basis, account: &account, actor: &actor, now };
    let Ok(SettleStep::Append(append)) = settle(&settling) else { panic!("nothing to draw") };
    ledger.append(&append);
    // 240 hours.
    assert_eq!(left(&ledger, "2026-05-11"), parsed::<Exact>("46.472"));
    ledger.roll_up("acme", "2026-05");
    assert_eq!(lines(&ledger.issued("acme", "2026-05")), ["usage 744 - 5.21"]);
    ledger.expect_audits(&["2026-04", "2026-05"]);
}

/// A plan that sells storage by what stands.
fn sells_by(ledger: &mut Ledger, aggregation: Aggregation) {
    let mut plan = seed().plans.into_iter().find(|it| it.plan.as_str() == "studio").unwrap();
    plan.items = vec![Item {
        kind: parsed("storage"),
        unit: parsed("gb"),
        included: parsed("10"),
        price: PriceModel::PerUnit(parsed("0.01")),
        hard_cap: None,
        aggregation,
    }];
    ledger.tell(
        "catalog",
        "2026-01-01",
        catalog::PlanPublished { version: 1, plan: Box::new(plan) },
    );
    ledger.subscribe("shop", "2026-01-03", "studio");
}

#[test]
fn a_latest_value_is_still_the_latest_in_a_month_that_says_nothing() {
    let mut ledger = Ledger::of_nodes(Settlement::Invoiced);
    sells_by(&mut ledger, Aggregation::Latest);
    ledger.used("shop", "2026-02-10", "storage", "310");
    ledger.used("shop", "2026-02-09", "storage", "7000");
    for period in ["2026-02", "2026-03", "2026-06"] {
        let lines = ["plan_base 1 month 50.00", "overage 300 gb 3.00"];
        check(&ledger, period, &lines, "53.00");
    }
    ledger.used("shop", "2026-07-20", "storage", "0");
    check(&ledger, "2026-07", &["plan_base 1 month 50.00"], "50.00");
    check(&ledger, "2026-08", &["plan_base 1 month 50.00"], "50.00");
}

#[test]
fn a_value_times_its_hours_begins_with_what_stood() {
    let mut ledger = Ledger::of_nodes(Settlement::Invoiced);
    sells_by(&mut ledger, Aggregation::TimeWeightedSum);
    ledger.used("shop", "2026-02-27", "storage", "2");
    // 31 days of 24 hours at 2, of which 10 are included.
    check(&ledger, "2026-03", &["plan_base 1 month 50.00", "overage 1478 gb 14.78"], "64.78");
    ledger.used("shop", "2026-04-16", "storage", "1");
    // 15 days at 2 and 15 at 1.
    check(&ledger, "2026-04", &["plan_base 1 month 50.00", "overage 1070 gb 10.70"], "60.70");
}
