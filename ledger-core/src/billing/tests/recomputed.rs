//! Draws and discount tiers are compared with what anybody can compute: what was forged is caught.

use super::process::issued;
use super::*;
use crate::catalog::{Ladder, LadderTier, ResourcePrice};
use crate::event::account::{
    CreditDrawn, CreditOrigin, CreditToppedUp, DiscountTierReached, DrawPurpose, KindAmount,
};
use crate::event::invoice::{DocumentKind, NumberTaken, Purpose};
use crate::money::Money;

const ACCOUNT: &str = "account-acme";

fn aud(amount: &str) -> Money {
    Money::parse(amount, Currency::AUD).unwrap()
}

fn drawn(quantity: &str, amount: &str, reached: u64) -> CreditDrawn {
    let (kind, quantity) = (parsed("vm_hours"), parsed(quantity));
    let kinds = vec![KindAmount { kind, quantity, amount: aud(amount) }];
    let (period, reached) = (parsed("2026-04"), Some(Revision::new(reached)));
    let purpose = DrawPurpose::Usage { period, reached, kinds };
    CreditDrawn { amount: aud(amount), lots: Vec::new(), purpose }
}

/// Acme, prepaid since 1 April: 100 hours at 0.01, which are 1.00.
fn hours() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.register("acme", Settlement::Prepaid, false);
    let tier = |name, days, multiplier| {
        let (name, multiplier) = (parsed(name), parsed(multiplier));
        LadderTier { name, days, multiplier }
    };
    let ladder = Ladder {
        tiers: vec![tier("week", 7, "0.5"), tier("month", 30, "0.25")],
        categories: vec![parsed("llm")],
        default_category: None,
    };
    let price = ResourcePrice {
        kind: parsed("vm_hours"),
        unit: parsed("hour"),
        price: parsed("0.01"),
        currency: Currency::AUD,
        ladder: Some(ladder),
    };
    let effective_at = at("2026-01-01");
    ledger.tell("catalog", "2026-01-01", catalog::ResourcePriceSet { price, effective_at });
    ledger.create("shop", "2026-03-03", Beginning::Active);
    let origin = CreditOrigin::Operator { reason: parsed("paid in") };
    let paid = CreditToppedUp { lot: parsed("a"), amount: aud("50"), expires_at: None, origin };
    ledger.tell(ACCOUNT, "2026-04-01", paid);
    ledger.used("shop", "2026-04-02", "vm_hours", "100");
    ledger
}

/// Takes the number of April's invoice as if it had been settled, and issues it.
fn issue(ledger: &mut Ledger) {
    let (number, tenant, period) = (parsed("INV-000001"), parsed("acme"), parsed("2026-04"));
    let (document, purpose) = (DocumentKind::Invoice, Purpose::Period);
    let taken = NumberTaken { number, document, tenant, period, purpose };
    ledger.tell("register-main", "2026-05-01T03:00:00Z", taken);
    ledger.ask("acme", "2026-04", Ask::Finish).unwrap();
}

#[test]
fn a_draw_that_its_usage_does_not_make_is_caught() {
    let mut ledger = hours();
    ledger.tell(ACCOUNT, "2026-04-03", drawn("100", "10", 0));
    issue(&mut ledger);
    let verdict = ledger.audit("acme", "2026-04").unwrap();
    let [Difference::Drawn { period, drawn, made, found }] = verdict.differences.as_slice() else {
        panic!("{verdict}")
    };
    assert_eq!((*period, drawn.amount, made.amount), (parsed("2026-04"), aud("10"), aud("1")));
    assert_eq!((drawn.quantity, made.quantity), (parsed("100"), parsed("100")));
    assert_eq!(found.quoted[0].stream, parsed(ACCOUNT));
    let text = verdict.to_string();
    assert!(text.contains("what was drawn for vm_hours in 2026-04 differs\n"), "{text}");
    assert!(text.contains("  drawn: 10.00 AUD for 100\n  made:  1.00 AUD for 100\n"), "{text}");
    assert!(!verdict.matches);
}

#[test]
fn usage_that_was_never_drawn_is_caught_and_so_is_a_draw_of_none() {
    let mut ledger = hours();
    ledger.used("shop", "2026-04-04", "vm_hours", "100");
    ledger.tell(ACCOUNT, "2026-04-03", drawn("100", "1", 0));
    issue(&mut ledger);
    let verdict = ledger.audit("acme", "2026-04").unwrap();
    assert!(matches!(verdict.differences.as_slice(), [Difference::Drawn { .. }]), "{verdict}");

    let mut ledger = hours();
    ledger.tell(ACCOUNT, "2026-04-03", drawn("100", "1", 0));
    let mut other = drawn("1", "1", 0);
    let DrawPurpose::Usage { kinds, .. } = &mut other.purpose else { panic!("{other:?}") };
    kinds[0].kind = parsed("gpu_hours");
    ledger.tell(ACCOUNT, "2026-04-03", other);
    issue(&mut ledger);
    let verdict = ledger.audit("acme", "2026-04").unwrap();
    let [Difference::Drawn { made, .. }] = verdict.differences.as_slice() else {
        panic!("{verdict}")
    };
    assert_eq!((made.kind.as_str(), made.amount), ("gpu_hours", aud("0")));
}

#[test]
fn what_came_while_the_number_was_taken_is_not_drawn_yet() {
    let mut ledger = hours();
    ledger.tell(ACCOUNT, "2026-04-03", drawn("100", "1", 0));
    ledger.now = Some(at("2026-05-01T02:59:30Z"));
    ledger.used("shop", "2026-04-30", "vm_hours", "7");
    ledger.now = None;
    issue(&mut ledger);
    let verdict = ledger.audit("acme", "2026-04").unwrap();
    assert!(verdict.matches, "{verdict}");
    // The next one draws and charges it.
    assert_eq!(ledger.roll_up("acme", "2026-05"), issued("INV-000002"));
    let may = ledger.issued("acme", "2026-05").document;
    assert_eq!(may.lines.iter().map(tell).collect::<Vec<_>>()[..1], ["adjustment 7 - 0.07"]);
    assert!(ledger.audit("acme", "2026-05").unwrap().matches);
}

#[test]
fn a_tier_that_no_ladder_makes_is_caught() {
    let reached = |tier: &str, days, multiplier: &str, when: &str| DiscountTierReached {
        tier: parsed(tier),
        days,
        multiplier: parsed(multiplier),
        reached_at: at(when),
    };
    let verdict = |reached: DiscountTierReached, when: &str| {
        let mut ledger = hours();
        ledger.tell(ACCOUNT, when, reached);
        ledger.roll_up("acme", "2026-04");
        ledger.audit("acme", "2026-04").unwrap()
    };
    let right = verdict(reached("week", 7, "0.5", "2026-04-08"), "2026-04-09");
    assert!(right.matches, "{right}");
    for wrong in [
        reached("week", 7, "0.5", "2026-04-07"),
        reached("week", 7, "0.25", "2026-04-08"),
        reached("month", 30, "0.25", "2026-04-08"),
        reached("year", 7, "0.5", "2026-04-08"),
    ] {
        let verdict = verdict(wrong.clone(), "2026-04-09");
        let [Difference::Tier { recorded, .. }] = verdict.differences.as_slice() else {
            panic!("{verdict}")
        };
        assert_eq!(**recorded, wrong);
    }
    let told = verdict(reached("week", 7, "0.5", "2026-04-07"), "2026-04-09").to_string();
    assert!(told.contains("no ladder makes the discount tier week\n"), "{told}");
    assert!(told.contains("  made:     none\n"), "{told}");
}
