//! Purchases and slots, told as they happen, and under any order of commands.

use proptest::prelude::*;

use super::profile::ProfileRefusal;
use super::purchase::{Purchase, PurchaseRefusal};
use super::slots::SlotRefusal;
use super::*;
use crate::decide::script::{Script, offers};
use crate::decide::{Refusal, RefusalKind};
use crate::event::account::{
    CreditDrawn, CreditOrigin, CreditToppedUp, DrawPurpose, IdentityVerified, KindAmount,
    Settlement,
};
use crate::event::enforcement::{Restored, Suspended};
use crate::log::Revision;
use crate::money::Quantity;
use crate::testing::cases;

pub(super) fn usd(cents: i128) -> Money {
    Money::from_minor(cents, "USD".parse().unwrap()).unwrap()
}

pub(super) fn tenant() -> Script<Account> {
    let mut script = Script::<Account>::new();
    script.take(register(&script, &registration("USD")));
    script
}

/// The same, and invoiced.
pub(super) fn invoiced() -> Script<Account> {
    let mut script = Script::<Account>::new();
    let settlement = Settlement::Invoiced;
    script.take(register(&script, &TenantRegistered { settlement, ..registration("USD") }));
    script
}

fn register(
    script: &Script<Account>,
    command: &TenantRegistered,
) -> Result<Vec<event::Event>, ProfileRefusal> {
    script.state.register(command, &offers(), &[])
}

/// Usage of tokens that has cost so many cents.
pub(super) fn tokens(cents: i128) -> Vec<KindAmount> {
    let (kind, quantity) = ("llm_tokens".parse().unwrap(), Quantity::ZERO);
    vec![KindAmount { kind, quantity, amount: usd(cents) }]
}

fn registration(currency: &str) -> TenantRegistered {
    TenantRegistered {
        name: "Acme".parse().unwrap(),
        currency: currency.parse().unwrap(),
        settlement: Settlement::Prepaid,
        internal: false,
    }
}

pub(super) fn lot(name: &str, cents: i128) -> CreditToppedUp {
    let origin = CreditOrigin::Operator { reason: "paid".parse().unwrap() };
    CreditToppedUp { lot: name.parse().unwrap(), amount: usd(cents), expires_at: None, origin }
}

/// The usage of April comes to so many cents by now.
pub(super) fn due(reached: u64, cents: i128) -> UsageDue {
    let (period, reached) = ("2026-04".parse().unwrap(), Some(Revision::new(reached)));
    let (kind, quantity) = ("vm_hour".parse().unwrap(), Quantity::ZERO);
    UsageDue { period, reached, kinds: vec![KindAmount { kind, quantity, amount: usd(cents) }] }
}

/// A tenant with everything a purchase needs.
fn buyer(cents: i128) -> Script<Account> {
    let mut script = tenant();
    script.take(script.state.verify_identity(&IdentityVerified { evidence: None }));
    script.take(script.state.top_up(&lot("lot-1", cents), script.at));
    script
}

fn suspended() -> event::Event {
    let invoice = "CF-1".parse().unwrap();
    let first_failed_at = "2026-03-01T00:00:00Z".parse().unwrap();
    Suspended { invoice, first_failed_at }.into()
}

fn buy(script: &Script<Account>, plan: &str) -> Result<Vec<event::Event>, PurchaseRefusal> {
    let plan = plan.parse().unwrap();
    script.state.purchase(&offers(), &Purchase { plan, at: script.at, key: script.key.clone() })
}

fn slot(number: usize) -> ReservationId {
    format!("vm-{number}").parse().unwrap()
}

/// A tenant has one currency: nothing in another is assigned, capped or taken off.
#[test]
fn what_is_in_another_currency_is_refused() {
    use crate::catalog::{Catalog, Coupon, CouponDuration, CouponTerms, Discount};
    use crate::decide::catalog::Offers;
    let script = tenant();
    let aud = Money::parse("5", "AUD".parse().unwrap()).unwrap();
    let coupon = |code: &str, amount| {
        let (discount, duration) = (Discount::Fixed(amount), CouponDuration::Once);
        let terms = CouponTerms { name: "Five off".parse().unwrap(), discount, duration };
        Coupon { code: code.parse().unwrap(), terms }
    };
    let coupons = vec![coupon("FOREIGN", aud), coupon("OURS", usd(500))];
    let mut shop = Script::<Offers>::new();
    let coupons = Catalog { coupons, ..Catalog::default() };
    shop.take(shop.state.publish(&coupons, shop.at));
    let refused = |answer: Result<Vec<event::Event>, ProfileRefusal>| {
        let refusal = answer.unwrap_err();
        assert_eq!(refusal.code(), "currency_mismatch", "{refusal}");
        assert_eq!(refusal.kind(), RefusalKind::Unprocessable);
    };
    refused(script.state.assign_plan(&offers(), &"studio".parse().unwrap()));
    refused(script.state.set_cost_cap(Some(aud)));
    refused(script.state.apply_coupon(&shop.state, &"FOREIGN".parse().unwrap()));
    assert_eq!(script.state.assign_plan(&offers(), &"free".parse().unwrap()).unwrap().len(), 1);
    assert_eq!(script.state.set_cost_cap(Some(usd(500))).unwrap().len(), 1);
    let ours = script.state.apply_coupon(&shop.state, &"OURS".parse().unwrap());
    assert_eq!(ours.unwrap().len(), 1);
}

/// A default plan holds a new tenant where it has limits in its currency, and no other plan ever.
#[test]
fn a_new_tenant_is_on_the_first_default_plan_that_fits() {
    let codes = |it: &[&str]| it.iter().map(|it| it.parse().unwrap()).collect::<Vec<PlanCode>>();
    let nobody = Account::default();
    let plan_of = |currency: &str, defaults: &[&str]| {
        let mut script = Script::<Account>::new();
        let command = registration(currency);
        let told = script.take(nobody.register(&command, &offers(), &codes(defaults)));
        // What is recorded with it is that the tenant is on the plan, and nothing else.
        let plan = script.state.plan().map(ToString::to_string);
        assert_eq!(told, 1 + usize::from(plan.is_some()), "{defaults:?} of {currency}");
        assert_eq!(script.state.registered(), Some(&command));
        plan
    };
    assert_eq!(plan_of("USD", &[]), None);
    assert_eq!(plan_of("USD", &["small", "free"]).as_deref(), Some("small"));
    assert_eq!(plan_of("USD", &["studio", "vm5", "free"]).as_deref(), Some("free"));
    assert_eq!(plan_of("AUD", &["studio", "vm5_aud", "free"]), None);

    for defaults in [["nowhere", "free"], ["free", "nowhere"]] {
        let refused = nobody.register(&registration("USD"), &offers(), &codes(&defaults));
        let refusal = refused.unwrap_err();
        let kind = RefusalKind::Unprocessable;
        assert_eq!((refusal.code(), refusal.kind()), ("default_plan_unknown", kind), "{refusal}");
    }
    // Once registered it stays as it is, whatever new ones are on now.
    let script = tenant();
    let again = script.state.register(&registration("USD"), &offers(), &codes(&["free"]));
    assert_eq!(again, Ok(Vec::new()));
    let again = script.state.register(&registration("USD"), &offers(), &codes(&["nowhere"]));
    assert_eq!(again, Ok(Vec::new()));
}

/// Each defect of a purchase, worst first: with all of them the first is the answer, and each that
/// is mended uncovers the next.
#[test]
fn a_purchase_is_refused_in_the_order_of_the_domain() {
    let mut script = Script::<Account>::new();
    let refused = |script: &Script<Account>, plan: &str, code: &str, kind: RefusalKind| {
        let refusal = buy(script, plan).unwrap_err();
        assert_eq!((refusal.code(), refusal.kind()), (code, kind), "{refusal}");
    };
    refused(&script, "nowhere", "tenant_unknown", RefusalKind::NotFound);
    script.take(register(&script, &registration("USD")));
    script.record(suspended());
    refused(&script, "nowhere", "tenant_suspended", RefusalKind::Conflict);
    script.record(Restored {}.into());
    refused(&script, "nowhere", "identity_unverified", RefusalKind::Unprocessable);
    script.take(script.state.verify_identity(&IdentityVerified { evidence: None }));
    refused(&script, "nowhere", "plan_unknown", RefusalKind::NotFound);
    refused(&script, "studio", "plan_unknown", RefusalKind::NotFound);
    script.take(script.state.top_up(&lot("lot-1", 1000), script.at));
    script.take(buy(&script, "vm5"));
    refused(&script, "vm5_aud", "currency_mismatch", RefusalKind::Unprocessable);
    refused(&script, "vm5", "plan_active", RefusalKind::Conflict);
    script.pass(30 * 86_400 - 1);
    refused(&script, "vm5", "plan_active", RefusalKind::Conflict);
    script.pass(1);
    refused(&script, "vm5", "insufficient_credit", RefusalKind::PaymentRequired);
}

#[test]
fn a_purchase_takes_the_price_and_opens_the_term() {
    let mut script = buyer(1_250);
    script.pass(5);
    let at = script.at;
    assert_eq!(script.take(buy(&script, "vm5")), 1);
    let term = script.state.term().unwrap();
    assert_eq!((term.slots, term.price), (5, usd(1_000)));
    assert_eq!(term.ends_at.micros_since(at), 30 * 86_400 * 1_000_000);
    assert_eq!(script.state.credit().balance(at), Ok(usd(250).amount()));
    assert_eq!(script.state.slots(at).count(), 0);
}

#[test]
fn a_purchase_that_comes_again_buys_once() {
    let mut script = buyer(5_000);
    script.key = Some(Key {
        scope: crate::id::KeyScope::Operator,
        source: "buy".parse().unwrap(),
        id: "1".parse().unwrap(),
        index: 0,
    });
    assert_eq!(script.take(buy(&script, "vm5")), 1);
    assert_eq!(script.take(buy(&script, "vm5")), 0);
    script.key = None;
    assert_eq!(buy(&script, "vm5").unwrap_err().code(), "plan_active");
}

#[test]
fn a_debt_refuses_a_purchase_and_lets_paid_slots_be_taken() {
    let mut script = buyer(1_000);
    script.take(buy(&script, "vm5"));
    script.take(script.state.settle_usage(&due(3, 1), script.at));
    assert_eq!(script.state.credit().balance(script.at), Ok(usd(-1).amount()));
    assert_eq!(script.take(script.state.allocate_slot(&slot(1), script.at)), 1);
    script.pass(31 * 86_400);
    let refusal = buy(&script, "vm5").unwrap_err();
    assert_eq!(
        refusal,
        PurchaseRefusal::InsufficientCredit { balance: usd(-1), price: usd(1_000) }
    );
}

#[test]
fn a_slot_is_refused_in_the_order_of_the_domain() {
    let mut script = Script::<Account>::new();
    let refused = |script: &Script<Account>, code: &str, kind: RefusalKind| {
        let refusal = script.state.allocate_slot(&slot(9), script.at).unwrap_err();
        assert_eq!((refusal.code(), refusal.kind()), (code, kind), "{refusal}");
    };
    refused(&script, "tenant_unknown", RefusalKind::NotFound);
    script = buyer(1_000);
    script.record(suspended());
    refused(&script, "tenant_suspended", RefusalKind::Conflict);
    script.record(Restored {}.into());
    refused(&script, "no_active_plan", RefusalKind::PaymentRequired);
    script.take(buy(&script, "vm5"));
    for number in 0..5 {
        assert_eq!(script.take(script.state.allocate_slot(&slot(number), script.at)), 1);
    }
    refused(&script, "quota_exhausted", RefusalKind::Conflict);
    // A slot that is taken stays taken, and releasing it frees exactly one.
    assert_eq!(script.take(script.state.allocate_slot(&slot(0), script.at)), 0);
    assert_eq!(script.take(script.state.release_slot(&slot(0), script.at)), 1);
    assert_eq!(script.take(script.state.release_slot(&slot(0), script.at)), 0);
    assert_eq!(script.take(script.state.allocate_slot(&slot(9), script.at)), 1);
    script.pass(30 * 86_400);
    assert_eq!(script.state.slots(script.at).count(), 0);
    refused(&script, "no_active_plan", RefusalKind::PaymentRequired);
    assert_eq!(script.take(script.state.release_slot(&slot(1), script.at)), 0);
    assert_eq!(
        script.state.release_slot(&slot(77), script.at),
        Err(SlotRefusal::SlotUnknown { slot: slot(77) })
    );
}

/// A machine that outlived its term is released late, when the next term runs.
#[test]
fn a_slot_of_a_former_term_may_still_be_released() {
    let mut script = buyer(2_000);
    script.take(buy(&script, "vm5"));
    script.take(script.state.allocate_slot(&slot(1), script.at));
    script.take(script.state.allocate_slot(&slot(2), script.at));
    script.take(script.state.release_slot(&slot(2), script.at));
    script.pass(31 * 86_400);
    script.take(buy(&script, "vm5"));
    for known in [1, 2] {
        assert_eq!(script.state.release_slot(&slot(known), script.at), Ok(Vec::new()));
    }
    let unknown = SlotRefusal::SlotUnknown { slot: slot(3) };
    assert_eq!(script.state.release_slot(&slot(3), script.at), Err(unknown));
    // The name may be given again in the new term, and then it is that term's.
    assert_eq!(script.take(script.state.allocate_slot(&slot(1), script.at)), 1);
    assert_eq!(script.take(script.state.release_slot(&slot(1), script.at)), 1);
    assert_eq!(script.take(script.state.release_slot(&slot(1), script.at)), 0);
}

#[test]
fn the_slots_of_a_plan_cost_its_price_together() {
    let check = |plan: &str, costs: &[i128]| {
        let mut script = buyer(1_000);
        script.take(buy(&script, plan));
        for number in 0..costs.len() {
            script.take(script.state.allocate_slot(&slot(number), script.at));
        }
        let found = script.state.slots(script.at).map(|it| it.cost).collect::<Vec<_>>();
        assert_eq!(found, costs.iter().map(|it| usd(*it)).collect::<Vec<_>>());
        // A freed share is given out again.
        script.take(script.state.release_slot(&slot(0), script.at));
        script.take(script.state.allocate_slot(&slot(90), script.at));
        let again = script.state.slots(script.at).find(|it| it.slot == slot(90)).unwrap().cost;
        assert_eq!(again, usd(costs[0]));
    };
    check("vm5", &[200; 5]);
    check("vm3", &[334, 333, 333]);
}

#[test]
fn a_draw_of_credit_in_another_currency_does_not_fold() {
    let mut script = tenant();
    script.take(script.state.top_up(&lot("lot-1", 100), script.at));
    let foreign = CreditDrawn {
        amount: Money::zero("AUD".parse().unwrap()),
        lots: Vec::new(),
        purpose: DrawPurpose::Invoice { number: "CF-1".parse().unwrap() },
    };
    let before = script.state.clone();
    script.try_record(foreign.into());
    assert_eq!(script.state, before);
}

/// What happens to an account, in any order.
#[derive(Debug, Clone)]
enum Step {
    TopUp(i128),
    Use(i128),
    Buy(bool),
    Take(usize),
    Free(usize),
    Pass(i64),
    Suspend,
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (1_i128..3_000).prop_map(Step::TopUp),
        1 => (0_i128..800).prop_map(Step::Use),
        3 => any::<bool>().prop_map(Step::Buy),
        6 => (0_usize..9).prop_map(Step::Take),
        3 => (0_usize..9).prop_map(Step::Free),
        2 => prop_oneof![Just(0), Just(30 * 86_400), 0..40_i64 * 86_400].prop_map(Step::Pass),
        1 => Just(Step::Suspend),
        1 => Just(Step::Restore),
    ]
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// No order of commands sells what is not there: the balance of a purchase covers it, and no
    /// more machines run than were bought. The model counts cents and names, nothing else.
    #[test]
    fn no_order_of_commands_oversells(steps in proptest::collection::vec(step(), 1..60)) {
        let mut script = buyer(1);
        let (mut cents, mut drawn) = (1_i128, 0_i128);
        let (mut held, mut named) = (BTreeSet::new(), BTreeSet::new());
        let (mut capacity, mut ends_at, mut is_open, mut serial) = (0, script.at, true, 0_u32);
        for step in steps {
            serial += 1;
            match step {
                Step::TopUp(more) => {
                    let command = lot(&format!("lot-{serial}x"), more);
                    prop_assert_eq!(script.take(script.state.top_up(&command, script.at)), 1);
                    prop_assert_eq!(script.take(script.state.top_up(&command, script.at)), 0);
                    cents += more;
                }
                Step::Use(price) => {
                    drawn += price;
                    let due = due(script.revision().get(), drawn);
                    prop_assert_eq!(script.take(script.state.settle_usage(&due, script.at)), 1);
                    prop_assert_eq!(script.take(script.state.settle_usage(&due, script.at)), 0);
                    cents -= price;
                }
                Step::Buy(five) => {
                    let before = script.at >= ends_at && is_open && cents >= 1_000;
                    let answer = buy(&script, if five { "vm5" } else { "vm3" });
                    prop_assert_eq!(answer.is_ok(), before);
                    if before {
                        script.take(answer);
                        cents -= 1_000;
                        (capacity, ends_at) = (if five { 5 } else { 3 }, script.at);
                        ends_at = ends_at.plus_seconds(30 * 86_400).unwrap();
                        held.clear();
                    }
                }
                Step::Take(number) => {
                    let name = slot(number);
                    if let Ok(events) = script.state.allocate_slot(&name, script.at) {
                        prop_assert_eq!(events.is_empty(), held.contains(&number));
                        script.take(Ok::<_, SlotRefusal>(events));
                        held.insert(number);
                        named.insert(number);
                        prop_assert_eq!(
                            script.take(script.state.allocate_slot(&name, script.at)), 0
                        );
                    }
                }
                Step::Free(number) => {
                    let answer = script.state.release_slot(&slot(number), script.at);
                    prop_assert_eq!(answer.is_ok(), named.contains(&number));
                    if let Ok(events) = answer {
                        prop_assert_eq!(events.is_empty(), !held.remove(&number));
                        script.take(Ok::<_, SlotRefusal>(events));
                    }
                }
                Step::Pass(seconds) => script.pass(seconds),
                Step::Suspend => {
                    script.record(suspended());
                    is_open = false;
                }
                Step::Restore => {
                    script.record(Restored {}.into());
                    is_open = true;
                }
            }
            if script.at >= ends_at {
                held.clear();
            }
            prop_assert!(held.len() <= capacity);
            prop_assert_eq!(script.state.slots(script.at).count(), held.len());
            prop_assert_eq!(script.state.credit().balance(script.at), Ok(usd(cents).amount()));
            let used = script.state.slots(script.at).map(|it| it.cost);
            prop_assert!(Money::sum("USD".parse()?, used)?.try_cmp(usd(1_000))?.is_le());
        }
    }
}
