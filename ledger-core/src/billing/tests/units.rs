//! Usage in a unit that it is not sold in: nothing is charged for it, nothing fails, it is seen.

use super::process::issued;
use super::*;
use crate::id::Unit;
use crate::price::Unpriced;

impl Ledger {
    fn used_by(&mut self, kind: &str, quantity: &str, unit: &str) -> Revision {
        let recorded = usage::Recorded {
            kind: parsed(kind),
            quantity: parsed(quantity),
            unit: Some(parsed::<Unit>(unit)),
            category: None,
            deployment: Some(parsed("shop")),
            resource: None,
        };
        self.tell("usage-acme.2026-04", "2026-04-09", recorded)
    }
}

fn told(unpriced: &[Unpriced]) -> Vec<String> {
    let unit = |it: &Unpriced| it.unit.as_ref().map_or("-".to_owned(), ToString::to_string);
    unpriced.iter().map(|it| format!("{} {} {}", it.kind, it.quantity, unit(it))).collect()
}

#[test]
fn one_record_in_a_unit_of_no_size_bills_the_others_and_is_seen() {
    let mut ledger = Ledger::of_april();
    ledger.used_by("droplet_hours", "1", "3_hours");
    ledger.used_by("droplet_hours", "60", "minute");
    ledger.used_by("droplet_hours", "60", "minute");
    ledger.used_by("droplet_hours", "2", "Hours");
    ledger.used_by("colours", "5", "7_reds");
    ledger.used_by("colours", "5", "1k_reds");
    assert_eq!(ledger.roll_up("acme", "2026-04"), issued("INV-000001"));
    let april = ledger.issued("acme", "2026-04");
    let lines = april.document.lines.iter().map(tell).collect::<Vec<_>>();
    assert_eq!(lines[2..], ["overage 674 hour 6.74", "tax 1 - 6.42"]);
    ledger.expect_audits(&["2026-04"]);
    let document = ledger.price("2026-04");
    let expected = [
        "droplet_hours 1 3_hours",
        "droplet_hours 120 minute",
        "colours 5 7_reds",
        "colours 5000 -",
    ];
    assert_eq!(self::told(&document.unpriced), expected);
    let explained = ledger.explain(("acme", "2026-04"), &april).to_string();
    let line = "no price: 120 minute of droplet_hours [usage-acme.2026-04 91-92]\n";
    assert!(explained.contains(line), "{explained}");
}

#[test]
fn a_sum_without_room_is_shown_in_parts() {
    let mut ledger = Ledger::of_april();
    for _ in 0..2 {
        ledger.used_by("droplet_hours", "999999999999999999", "minute");
    }
    assert_eq!(ledger.price("2026-04").unpriced.len(), 2);
}

#[test]
fn prepaid_usage_in_a_foreign_unit_draws_nothing_and_stops_no_settlement() {
    let mut ledger = Ledger::of_tokens("5", false);
    ledger.used_by("llm_tokens", "10", "1k_tokens");
    ledger.used_by("llm_tokens", "500", "token");
    ledger.used_by("llm_tokens", "10", "word");
    ledger.roll_up("acme", "2026-04");
    let lines = ledger.issued("acme", "2026-04").document.lines;
    assert_eq!(lines.iter().map(tell).collect::<Vec<_>>(), ["usage 10500 - 0.11"]);
    let account = ledger.heads("acme", "2026-04").account;
    assert_eq!(account.account().credit().balance(at("2026-05-02")), Ok(parsed("4.895")));
    assert_eq!(self::told(&ledger.price("2026-04").unpriced), ["llm_tokens 10 word"]);
    ledger.expect_audits(&["2026-04"]);
}
