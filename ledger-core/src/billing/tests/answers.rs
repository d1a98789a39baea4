//! DOMAIN's worked answers and its fine print, from events to cents.

use super::*;
use crate::catalog::{CouponDuration, CouponTerms, Discount, ResourcePrice};
use crate::event::account::{
    CouponApplied, CreditDrawn, CreditOrigin, CreditReturned, CreditToppedUp, DrawPurpose,
    KindAmount,
};
use crate::event::deployment::{
    AddonDetached, PlanVersionChanged, State, SubscriptionCancelled, SubscriptionPaused,
    SubscriptionResumed, Transitioned,
};
use crate::money::Money;

const SHOP: &str = "deployment-acme.shop";

fn aud(amount: &str) -> Money {
    Money::parse(amount, Currency::AUD).unwrap()
}

fn studio() -> Ledger {
    let mut ledger = Ledger::of_a_reseller();
    ledger.create("shop", "2026-04-01", Beginning::Active);
    ledger.subscribe("shop", "2026-04-01", "studio");
    ledger
}

fn moved(from: State, to: State) -> Transitioned {
    Transitioned { from, to, reason: None }
}

#[test]
fn april_comes_to_seventy_sixty_four() {
    let document = check(
        &Ledger::of_april(),
        "2026-04",
        &["plan_base 1 month 50.00", "addon 1 month 7.50", "overage 672 hour 6.72", "tax 1 - 6.42"],
        "70.64",
    );
    assert_eq!(document.subtotal, aud("64.22"));
    let overage = &document.lines[2].line.provenance;
    let named = overage.sources.iter().map(|it| it.stream.to_string()).collect::<Vec<_>>();
    assert_eq!(named, ["catalog", SHOP, "usage-acme.2026-04"]);
    assert_eq!((overage.sources[2].first.get(), overage.sources[2].last.get()), (0, 89));
    assert_eq!(document.lines[1].line.description.as_str(), "Storage 50 GB");
}

#[test]
fn studio_bare_is_fifty() {
    let document =
        check(&studio(), "2026-04", &["plan_base 1 month 50.00", "tax 1 - 5.00"], "55.00");
    assert_eq!(document.subtotal, aud("50.00"));
}

#[test]
fn five_droplets_bring_seventy_one_twelve() {
    let mut ledger = studio();
    ledger.droplets("shop", 5);
    let expected = ["plan_base 1 month 50.00", "overage 2112 hour 21.12", "tax 1 - 7.11"];
    let document = check(&ledger, "2026-04", &expected, "78.23");
    assert_eq!(document.subtotal, aud("71.12"));
}

#[test]
fn the_last_correction_recorded_counts_and_zero_voids() {
    let mut ledger = studio();
    let wrong = ledger.used("shop", "2026-04-03", "droplet_hours", "9000");
    ledger.used("shop", "2026-04-04", "droplet_hours", "1488");
    ledger.correct(wrong, "700");
    ledger.correct(wrong, "100");
    let with = ["plan_base 1 month 50.00", "overage 100 hour 1.00", "tax 1 - 5.10"];
    check(&ledger, "2026-04", &with, "56.10");
    ledger.correct(wrong, "0");
    check(&ledger, "2026-04", &["plan_base 1 month 50.00", "tax 1 - 5.00"], "55.00");
}

#[test]
fn quantities_are_priced_in_base_units() {
    let mut ledger = studio();
    let recorded = usage::Recorded {
        kind: parsed("llm_token"),
        quantity: parsed("1500"),
        unit: Some(parsed("1k_tokens")),
        category: None,
        deployment: Some(parsed("shop")),
        resource: None,
    };
    ledger.tell("usage-acme.2026-04", "2026-04-09", recorded);
    let expected = ["plan_base 1 month 50.00", "overage 500 1k_tokens 5.00", "tax 1 - 5.50"];
    check(&ledger, "2026-04", &expected, "60.50");
}

#[test]
fn days_are_charged_while_subscription_and_deployment_are_active() {
    let mut ledger = studio();
    // Ten days paused, five suspended, and the last five after the end of the subscription.
    ledger.tell(SHOP, "2026-04-03T12:00:00Z", SubscriptionPaused { reason: None });
    ledger.tell(SHOP, "2026-04-13T12:00:00Z", SubscriptionResumed { reason: None });
    ledger.tell(SHOP, "2026-04-15", moved(State::Active, State::PastDue));
    ledger.tell(SHOP, "2026-04-16", moved(State::PastDue, State::Suspended));
    ledger.tell(SHOP, "2026-04-21", moved(State::Suspended, State::Active));
    ledger.tell(SHOP, "2026-04-26", SubscriptionCancelled { reason: None });
    check(&ledger, "2026-04", &["plan_base 10 day 16.67", "tax 1 - 1.67"], "18.34");
}

#[test]
fn an_import_takes_its_place_in_time_not_in_the_log() {
    let mut ledger = studio();
    ledger.tell(SHOP, "2026-04-21", SubscriptionResumed { reason: None });
    ledger.tell(SHOP, "2026-04-11", SubscriptionPaused { reason: None });
    check(&ledger, "2026-04", &["plan_base 20 day 33.33", "tax 1 - 3.33"], "36.66");
}

#[test]
fn a_trial_is_charged_from_the_day_it_ends_whenever_the_tick_comes() {
    #[track_caller]
    fn check_trial(activated: Option<&str>, days: &str) {
        let mut ledger = Ledger::of_a_reseller();
        let ends_at = at("2026-04-16T10:00:00Z");
        ledger.create("shop", "2026-04-01", Beginning::Trial { ends_at });
        ledger.subscribe("shop", "2026-04-01", "studio");
        if let Some(when) = activated {
            ledger.tell(SHOP, when, moved(State::Trial, State::Active));
        }
        assert_eq!(told(&ledger.price("2026-04"))[0], days);
    }
    check_trial(None, "plan_base 15 day 25.00");
    check_trial(Some("2026-04-16T10:00:05Z"), "plan_base 15 day 25.00");
    check_trial(Some("2026-04-20T10:00:00Z"), "plan_base 15 day 25.00");
    check_trial(Some("2026-04-11T10:00:00Z"), "plan_base 20 day 33.33");
}

#[test]
fn a_trial_that_was_cancelled_is_never_charged() {
    let mut ledger = Ledger::of_a_reseller();
    let ends_at = at("2026-04-16T10:00:00Z");
    ledger.create("shop", "2026-04-01", Beginning::Trial { ends_at });
    ledger.subscribe("shop", "2026-04-01", "studio");
    ledger.tell(SHOP, "2026-04-10", moved(State::Trial, State::Cancelled));
    check(&ledger, "2026-04", &[], "0.00");
}

#[test]
fn an_addon_ends_when_detached_or_with_its_subscription() {
    let mut ledger = studio();
    ledger.attach("shop", "2026-04-01", "storage_50gb");
    ledger.attach("shop", "2026-04-01", "llm_1m");
    let attachment = parsed("shop-llm_1m");
    ledger.tell(SHOP, "2026-04-04", AddonDetached { attachment });
    ledger.tell(SHOP, "2026-04-16", SubscriptionCancelled { reason: None });
    ledger.subscribe("shop", "2026-04-21", "studio");
    let expected =
        ["plan_base 25 day 41.67", "addon 15 day 3.75", "addon 3 day 0.80", "tax 1 - 4.62"];
    check(&ledger, "2026-04", &expected, "50.84");
}

#[test]
fn each_run_of_days_under_a_version_is_priced_by_itself() {
    let mut ledger = studio();
    let pro = PlanVersionChanged { plan: parsed("pro"), version: 1 };
    ledger.tell(SHOP, "2026-04-16T15:00:00Z", pro);
    ledger.used("shop", "2026-04-15", "droplet_hours", "800");
    ledger.used("shop", "2026-04-16", "droplet_hours", "1900");
    let expected = [
        "plan_base 15 day 25.00",
        "overage 56 hour 0.56",
        "plan_base 15 day 60.00",
        "overage 40 hour 0.40",
        "tax 1 - 8.60",
    ];
    check(&ledger, "2026-04", &expected, "94.56");
}

#[test]
fn a_tax_profile_counts_for_periods_that_end_after_it_was_set() {
    let mut ledger = studio();
    let standing = ledger.basis("acme", "2026-04").tenant.party_at(at("2026-05-01")).unwrap();
    let exempt = TaxProfileSet { customer: standing, tax: None };
    ledger.tell("account-acme", "2026-05-01", exempt);
    check(&ledger, "2026-04", &["plan_base 1 month 50.00", "tax 1 - 5.00"], "55.00");
    check(&ledger, "2026-05", &["plan_base 1 month 50.00"], "50.00");
}

#[test]
fn coupons_are_taken_in_the_order_of_their_application() {
    let mut ledger = studio();
    let applied = |code: &str, discount| CouponApplied {
        coupon: parsed(code),
        terms: CouponTerms {
            name: parsed("Welcome"),
            discount,
            duration: CouponDuration::Periods(2),
        },
    };
    // Recorded second, applied first.
    let fixed = applied("TEN", Discount::Fixed(aud("10")));
    ledger.tell("account-acme", "2026-04-03", applied("HALF", Discount::Percent(parsed("50"))));
    ledger.tell("account-acme", "2026-04-02", fixed);
    let expected =
        ["plan_base 1 month 50.00", "discount 1 - -10.00", "discount 1 - -20.00", "tax 1 - 2.00"];
    check(&ledger, "2026-04", &expected, "22.00");
    check(&ledger, "2026-06", &["plan_base 1 month 50.00", "tax 1 - 5.00"], "55.00");
}

#[test]
fn usage_without_an_item_takes_the_price_of_its_instant() {
    let mut ledger = studio();
    let price = |price: &str, when: &str| catalog::ResourcePriceSet {
        price: ResourcePrice {
            kind: parsed("gpu_hours"),
            unit: parsed("hour"),
            price: parsed(price),
            currency: Currency::AUD,
            ladder: None,
        },
        effective_at: at(when),
    };
    ledger.used("shop", "2026-04-02", "gpu_hours", "7");
    ledger.tell("catalog", "2026-04-20", price("2", "2026-04-10"));
    ledger.tell("catalog", "2026-04-20", price("1", "2026-04-05"));
    ledger.used("shop", "2026-04-06", "gpu_hours", "3");
    ledger.used("shop", "2026-04-11", "gpu_hours", "3");
    let lines =
        ["plan_base 1 month 50.00", "usage 3 hour 6.00", "usage 3 hour 3.00", "tax 1 - 5.90"];
    let document = check(&ledger, "2026-04", &lines, "64.90");
    assert_eq!(document.unpriced.len(), 1);
}

#[test]
fn what_credit_paid_is_charged_as_drawn_and_what_went_back_is_not() {
    let mut ledger = Ledger::of_a_reseller();
    ledger.register("pre", Settlement::Prepaid, false);
    let account = "account-pre";
    let topped_up = CreditToppedUp {
        lot: parsed("lot-1"),
        amount: aud("100"),
        expires_at: None,
        origin: CreditOrigin::Operator { reason: parsed("bank transfer") },
    };
    ledger.tell(account, "2026-04-02", topped_up);
    let kind = |kind: &str, quantity: &str, amount: &str| KindAmount {
        kind: parsed(kind),
        quantity: parsed(quantity),
        amount: aud(amount),
    };
    let drawn = |period: &str, amount: &str, kinds| CreditDrawn {
        amount: aud(amount),
        lots: Vec::new(),
        purpose: DrawPurpose::Usage {
            period: parsed(period),
            reached: Some(Revision::FIRST),
            kinds,
        },
    };
    let of_april = vec![kind("vm_hour", "30", "0.3005"), kind("llm_tokens", "10", "0.2")];
    ledger.tell(account, "2026-04-03", drawn("2026-03", "9", vec![kind("vm_hour", "900", "9")]));
    let draw = ledger.tell(account, "2026-04-03", drawn("2026-04", "0.5005", of_april));
    ledger.tell(account, "2026-04-04", drawn("2026-04", "1", vec![kind("vm_hour", "100", "1")]));
    let back = CreditReturned {
        draw,
        amount: aud("0.25"),
        lots: Vec::new(),
        kinds: vec![kind("vm_hour", "20", "0.15"), kind("llm_tokens", "5", "0.1")],
        reason: parsed("measured twice"),
    };
    ledger.tell(account, "2026-05-01", back);
    let basis = ledger.basis("pre", "2026-04");
    assert_eq!(basis.tenant.first_paid_at(), Some(at("2026-04-02")));
    let document = basis.price(RULES_VERSION, at("2026-05-01")).unwrap();
    assert_eq!(told(&document), ["usage 5 - 0.10", "usage 110 - 1.15"]);
    assert!(document.is_tax_included && document.lines.iter().all(|it| it.line.settled));
    assert_eq!((document.total, document.tax), (aud("1.25"), aud("0.11")));
}

#[test]
fn a_gauge_runs_until_it_is_set_again_or_the_instant_asked() {
    let mut ledger = studio();
    let set = |value: &str| usage::GaugeSet {
        kind: parsed("droplet_hours"),
        value: parsed(value),
        deployment: Some(parsed("shop")),
        resource: None,
    };
    let stream = "usage-acme.2026-04";
    ledger.tell(stream, "2026-04-02T12:00:00Z", set("3"));
    let wrong = ledger.tell(stream, "2026-04-05", set("900"));
    ledger.tell(stream, "2026-04-30T12:00:00Z", set("0"));
    ledger.correct(wrong, "0");
    // 28 days of 24 hours at 3 are 2016, of which 1488 are included.
    let lines = ["plan_base 1 month 50.00", "overage 528 hour 5.28", "tax 1 - 5.53"];
    check(&ledger, "2026-04", &lines, "60.81");
    let usage = ledger.basis("acme", "2026-04").facts(at("2026-04-03T06:00:00Z")).unwrap().usage;
    let hours = usage.iter().map(|it| it.quantity.to_string()).collect::<Vec<_>>();
    assert_eq!(hours, ["36", "18"]);
}

#[test]
fn streams_that_make_no_facts_are_refused_by_name() {
    let mut ledger = Ledger::of_a_reseller();
    let price = |ledger: &Ledger, tenant: &str| {
        let basis = ledger.basis(tenant, "2026-04");
        basis.facts(at("2026-05-01"))
    };
    let nobody = FactsError::TenantUnknown { tenant: parsed("nobody") };
    assert_eq!(price(&ledger, "nobody").unwrap_err(), nobody);
    ledger.create("shop", "2026-04-01", Beginning::Active);
    ledger.subscribe("shop", "2026-04-01", "platinum");
    let (deployment, plan) = (parsed("shop"), parsed("platinum"));
    let unknown = FactsError::PlanUnknown { deployment, plan, version: 1 };
    assert_eq!(price(&ledger, "acme").unwrap_err(), unknown);
}
