//! Credit, held to a model that counts cents in plain integers.

use proptest::prelude::*;

use super::*;
use crate::decide::account::tests::{due, lot, tenant, usd};
use crate::decide::script::Script;
use crate::decide::{Refusal, RefusalKind};
use crate::testing::cases;

fn note() -> Note {
    "because".parse().unwrap()
}

fn expiring(name: &str, cents: i128, at: Timestamp, days: i64) -> CreditToppedUp {
    CreditToppedUp { expires_at: at.plus_seconds(days * 86_400), ..lot(name, cents) }
}

fn use_up(script: &mut Script<Account>, cents: i128) -> CreditDrawn {
    let drawn = script.state.credit().drawn_in("2026-04".parse().unwrap()).unwrap();
    let before = drawn.values().try_fold(Exact::ZERO, |sum, it| sum.checked_add(*it)).unwrap();
    let before = Money::new(before, usd(0).currency()).minor_units().unwrap();
    let due = due(script.revision().get(), before + cents);
    let events = script.state.settle_usage(&due, script.at).unwrap();
    let [event::Event::Account(Event::CreditDrawn(drawn))] = &events[..] else {
        panic!("{events:?}")
    };
    let drawn = drawn.clone();
    script.take(Ok::<_, CreditRefusal>(events));
    drawn
}

fn balance(script: &Script<Account>) -> Exact {
    script.state.credit().balance(script.at).unwrap()
}

fn parts(drawn: &CreditDrawn) -> Vec<(String, Money)> {
    drawn.lots.iter().map(|it| (it.lot.to_string(), it.amount)).collect()
}

#[test]
fn lots_are_drawn_earliest_expiry_first_then_oldest() {
    let mut script = tenant();
    let at = script.at;
    for paid in [lot("d", 100), expiring("c", 100, at, 20), lot("e", 100)] {
        script.take(script.state.top_up(&paid, script.at));
    }
    for paid in [expiring("b", 100, at, 10), expiring("a", 100, at, 20)] {
        script.take(script.state.top_up(&paid, script.at));
    }
    let drawn = use_up(&mut script, 450);
    let names = parts(&drawn).into_iter().map(|it| it.0).collect::<String>();
    assert_eq!(names, "bcade");
    assert_eq!(drawn.lots.last().unwrap().amount, usd(50));
}

/// The greatest number less a cent is none: it would be recorded, and nobody could fold it.
#[test]
fn what_cannot_be_left_of_a_lot_is_refused() {
    let mut script = tenant();
    let amount = Money::parse("79228162514264337593543950335", usd(0).currency()).unwrap();
    script.take(script.state.top_up(&CreditToppedUp { amount, ..lot("a", 100) }, script.at));
    let (account, number) = (&script.state, "INV-1".parse().unwrap());
    let is_refused = |answer: Answer| assert!(matches!(answer, Err(CreditRefusal::Amount(_))));
    is_refused(account.apply_to_invoice(&number, usd(1), script.at));
    is_refused(account.settle_usage(&due(script.revision().get(), 1), script.at));
    is_refused(account.refund(&"a".parse().unwrap(), usd(1), note(), script.at));
    is_refused(account.charge_back(
        &CreditChargedBack {
            lot: "a".parse().unwrap(),
            amount: usd(1),
            gateway: "stripe".parse().unwrap(),
            object: "dp_1".parse().unwrap(),
        },
        script.at,
    ));
}

/// Two lots that are numbers each, and whose sum is one, may have none once a finer part is drawn.
#[test]
fn what_leaves_a_balance_that_is_no_number_is_refused() {
    let mut script = tenant();
    let currency = usd(0).currency();
    let amount = Money::parse("79228162514264337593543950000", currency).unwrap();
    script.take(script.state.top_up(&CreditToppedUp { amount, ..lot("whole", 100) }, script.at));
    script.take(script.state.top_up(&expiring("soon", 30_000, script.at, 10), script.at));
    let is_refused = |answer: Answer| assert!(matches!(answer, Err(CreditRefusal::Amount(_))));
    is_refused(script.state.settle_usage(&due(script.revision().get(), 1), script.at));
    is_refused(script.state.refund(&"soon".parse().unwrap(), usd(1), note(), script.at));
    is_refused(script.state.top_up(&lot("cent", 1), script.at));
    is_refused(script.state.top_up(&lot("more", 10_000), script.at));
    assert!(script.state.expect_room(usd(3_500)).is_ok());
    use_up(&mut script, 30_000);
    assert_eq!(balance(&script), amount.amount());
}

#[test]
fn a_lot_is_gone_at_its_expiry_itself() {
    let mut script = tenant();
    script.take(script.state.top_up(&expiring("a", 100, script.at, 1), script.at));
    script.pass(86_399);
    assert_eq!(balance(&script), usd(100).amount());
    assert_eq!(expire(&mut script), []);
    script.pass(1);
    assert_eq!(balance(&script), Exact::ZERO);
    assert_eq!(expire(&mut script), [(script.at, usd(100))]);
    assert_eq!(expire(&mut script), []);
    assert_eq!(balance(&script), Exact::ZERO);
}

/// Records what has expired, each when it was gone; answers that.
fn expire(script: &mut Script<Account>) -> Vec<(Timestamp, Money)> {
    let now = script.at;
    let mut gone = Vec::new();
    for (gone_at, event) in script.state.expire(now).unwrap() {
        let event::Event::Account(Event::CreditExpired(it)) = &event else { panic!("{event:?}") };
        gone.push((gone_at, it.amount));
        script.at = gone_at;
        script.record(event);
    }
    script.at = now;
    gone
}

/// A tick that comes late finds out when it was: at the lot's end, or when something went back to
/// it after that.
#[test]
fn what_has_expired_was_gone_when_it_was_however_late_somebody_looks() {
    let mut script = tenant();
    script.take(script.state.top_up(&expiring("a", 100, script.at, 1), script.at));
    let end = script.at.plus_seconds(86_400).unwrap();
    let draw = script.revision();
    let drawn = use_up(&mut script, 60);
    script.pass(5 * 86_400);
    let mut returned = script.clone();
    assert_eq!(expire(&mut script), [(end, usd(40))]);
    let back = |script: &Script<Account>| {
        script.state.return_draw((draw, &drawn), usd(60), Vec::new(), note())
    };
    let since = returned.at;
    returned.take(back(&returned));
    returned.pass(5 * 86_400);
    assert_eq!(expire(&mut returned), [(since, usd(100))]);
    // Ticked in between, the two parts are of their own days.
    script.take(back(&script));
    script.pass(5 * 86_400);
    assert_eq!(expire(&mut script), [(since, usd(60))]);
    assert_eq!(balance(&script), Exact::ZERO);
}

/// Whether a tick has recorded that a lot is gone makes no difference to what a bank takes back.
#[test]
fn a_dispute_takes_nothing_of_what_has_expired() {
    let back = |script: &Script<Account>| {
        script.state.charge_back(
            &CreditChargedBack {
                lot: "a".parse().unwrap(),
                amount: usd(1_000),
                gateway: "stripe".parse().unwrap(),
                object: "dp_1".parse().unwrap(),
            },
            script.at,
        )
    };
    let mut script = tenant();
    script.take(script.state.top_up(&expiring("a", 1_000, script.at, 1), script.at));
    let mut alive = script.clone();
    script.pass(86_400 + 3_600);
    let mut ticked = script.clone();
    assert_eq!(expire(&mut ticked).len(), 1);
    for script in [&mut ticked, &mut script] {
        script.take(back(script));
        assert_eq!(balance(script), usd(-1_000).amount());
    }
    // It is income all the same, once.
    assert_eq!(expire(&mut script).iter().map(|it| it.1).collect::<Vec<_>>(), [usd(1_000)]);
    assert_eq!(expire(&mut ticked), []);
    assert_eq!(balance(&script), usd(-1_000).amount());
    alive.pass(86_399);
    alive.take(back(&alive));
    assert_eq!(balance(&alive), Exact::ZERO);
}

#[test]
fn credit_that_has_expired_is_not_paid_in_and_settles_no_debt() {
    let mut script = tenant();
    use_up(&mut script, 30);
    for seconds in [0, -1] {
        let expires_at = script.at.plus_seconds(seconds);
        let gone = CreditToppedUp { expires_at, ..lot("a", 100) };
        let refusal = script.state.top_up(&gone, script.at).unwrap_err();
        assert_eq!((refusal.code(), refusal.kind()), ("lot_expired", RefusalKind::Unprocessable));
        // A ledger that has one all the same owes what it owed.
        let mut other = script.clone();
        other.record(gone.into());
        assert_eq!(balance(&other), usd(-30).amount());
        assert_eq!(expire(&mut other), [(script.at, usd(100))]);
    }
    let last = CreditToppedUp { expires_at: script.at.plus_micros(1), ..lot("a", 100) };
    assert_eq!(script.take(script.state.top_up(&last, script.at)), 1);
    assert_eq!(balance(&script), usd(70).amount());
    // The same lot again is known, whenever it comes.
    script.pass(60);
    assert_eq!(script.take(script.state.top_up(&last, script.at)), 0);
}

#[test]
fn what_is_owed_is_settled_first_by_the_next_top_up() {
    let mut script = tenant();
    assert_eq!(parts(&use_up(&mut script, 30)), []);
    assert_eq!(balance(&script), usd(-30).amount());
    script.take(script.state.top_up(&lot("a", 100), script.at));
    assert_eq!(balance(&script), usd(70).amount());
    assert_eq!(parts(&use_up(&mut script, 80)), [("a".to_owned(), usd(70))]);
    assert_eq!(balance(&script), usd(-10).amount());
}

#[test]
fn usage_that_was_settled_is_not_settled_again() {
    let mut script = tenant();
    let settle =
        |script: &Script<Account>, reached| script.state.settle_usage(&due(reached, 5), script.at);
    assert_eq!(script.take(settle(&script, 7)), 1);
    assert_eq!(script.take(settle(&script, 7)), 0);
    assert_eq!(script.take(settle(&script, 6)), 0);
    assert_eq!(script.take(settle(&script, 8)), 1);
}

#[test]
fn an_invoice_takes_the_lesser_of_its_total_and_whole_cents_of_the_balance() {
    let apply = |script: &Script<Account>, number: &str, total| {
        script.state.apply_to_invoice(&number.parse().unwrap(), usd(total), script.at)
    };
    let mut script = tenant();
    assert_eq!(script.take(apply(&script, "CF-1", 100)), 0);
    let mut fine = lot("a", 100);
    fine.amount = Money::parse("1.239", fine.amount.currency()).unwrap();
    script.take(script.state.top_up(&fine, script.at));
    assert_eq!(script.take(apply(&script, "CF-1", 40)), 1);
    assert_eq!(script.take(apply(&script, "CF-1", 40)), 0);
    assert_eq!(balance(&script), "0.839".parse().unwrap());
    assert_eq!(script.take(apply(&script, "CF-2", 500)), 1);
    assert_eq!(balance(&script), "0.009".parse().unwrap());
    assert_eq!(script.take(apply(&script, "CF-3", 500)), 0);
    assert_eq!(script.take(apply(&script, "CF-4", -500)), 0);
}

#[test]
fn a_refund_takes_what_its_lot_has_left_and_says_so() {
    let mut script = tenant();
    script.take(script.state.top_up(&lot("a", 100), script.at));
    use_up(&mut script, 40);
    let name: LotId = "a".parse().unwrap();
    let events = script.state.refund(&name, usd(90), note(), script.at).unwrap();
    let expected = CreditRefunded {
        lot: name.clone(),
        requested: usd(90),
        amount: usd(60),
        object: None,
        reason: note(),
    };
    assert_eq!(events, [expected.into()]);
    script.take(Ok::<_, CreditRefusal>(events));
    let refusal = script.state.refund(&name, usd(1), note(), script.at).unwrap_err();
    assert_eq!((refusal.code(), refusal.kind()), ("lot_empty", RefusalKind::Conflict));
}

#[test]
fn a_returned_draw_fills_its_lots_from_the_last_drawn() {
    let mut script = tenant();
    script.take(script.state.top_up(&lot("a", 50), script.at));
    script.take(script.state.top_up(&lot("b", 50), script.at));
    let draw = script.revision();
    let drawn = use_up(&mut script, 120);
    assert_eq!(balance(&script), usd(-20).amount());
    let back = |script: &Script<Account>, cents| {
        script.state.return_draw((draw, &drawn), usd(cents), Vec::new(), note())
    };
    let lots = |events: &[event::Event]| match events {
        [event::Event::Account(Event::CreditReturned(it))] => {
            it.lots.iter().map(|it| (it.lot.to_string(), it.amount)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let first = back(&script, 60).unwrap();
    assert_eq!(lots(&first), [("b".to_owned(), usd(40))]);
    script.take(Ok::<_, CreditRefusal>(first));
    assert_eq!(balance(&script), usd(40).amount());
    let second = back(&script, 60).unwrap();
    assert_eq!(lots(&second), [("b".to_owned(), usd(10)), ("a".to_owned(), usd(50))]);
    script.take(Ok::<_, CreditRefusal>(second));
    assert_eq!(balance(&script), usd(100).amount());
    let refusal = back(&script, 1).unwrap_err();
    assert_eq!(refusal, CreditRefusal::ReturnExceedsDraw { left: usd(0), amount: usd(1) });
}

#[test]
fn the_first_payment_dates_the_ladder_for_ever() {
    let mut script = tenant();
    let note_lot = CreditOrigin::CreditNote { number: "CN-1".parse().unwrap() };
    script
        .take(script.state.top_up(&CreditToppedUp { origin: note_lot, ..lot("n", 5) }, script.at));
    assert_eq!(script.state.credit().first_paid_at(), None);
    script.pass(10);
    let first = script.at;
    script.take(script.state.top_up(&lot("a", 5), script.at));
    script.pass(-20);
    script.take(script.state.top_up(&lot("b", 5), script.at));
    assert_eq!(script.state.credit().first_paid_at(), Some(first));
}

#[test]
fn what_cannot_be_booked_is_refused() {
    let script = tenant();
    let aud = |cents| Money::from_minor(cents, "AUD".parse().unwrap()).unwrap();
    let check = |command: CreditToppedUp, code: &str| {
        let refusal = script.state.top_up(&command, script.at).unwrap_err();
        assert_eq!((refusal.code(), refusal.kind()), (code, RefusalKind::Unprocessable));
    };
    check(CreditToppedUp { amount: aud(5), ..lot("a", 5) }, "currency_mismatch");
    check(lot("a", 0), "amount_not_positive");
    check(lot("a", -5), "amount_not_positive");
    let mut full = tenant();
    let most = Money::new(Exact::new(Exact::MANTISSA_MAX, 0).unwrap(), usd(0).currency());
    full.take(full.state.top_up(&CreditToppedUp { amount: most, ..lot("a", 5) }, full.at));
    let refusal = full.state.top_up(&lot("b", 100), full.at).unwrap_err();
    assert_eq!(refusal.code(), "amount_out_of_range");
    let other = full.state.top_up(&lot("a", 100), full.at).unwrap_err();
    assert_eq!((other.code(), other.kind()), ("lot_taken", RefusalKind::Conflict));
    let unknown = Account::default().top_up(&lot("a", 5), script.at).unwrap_err();
    assert_eq!((unknown.code(), unknown.kind()), ("tenant_unknown", RefusalKind::NotFound));
}

/// A lot of the model: when it ends in seconds, and the cents left.
type Modelled = (String, Option<i64>, i128);

/// What is left of the model's lots now, less what is owed.
fn modelled(lots: &[Modelled], owed: i128, now: i64) -> i128 {
    lots.iter().filter(|it| it.1.is_none_or(|end| end > now)).map(|it| it.2).sum::<i128>() - owed
}

#[derive(Debug, Clone)]
enum Step {
    TopUp(i128, Option<i64>),
    Use(i128),
    Refund(usize, i128),
    ChargeBack(usize, i128),
    Expire,
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let days = proptest::option::of(1_i64..9);
    prop_oneof![
        4 => (1_i128..500, days).prop_map(|(cents, days)| Step::TopUp(cents, days)),
        4 => (0_i128..700).prop_map(Step::Use),
        1 => (0_usize..8, 1_i128..500).prop_map(|(which, cents)| Step::Refund(which, cents)),
        1 => (0_usize..8, 1_i128..500).prop_map(|(which, cents)| Step::ChargeBack(which, cents)),
        1 => Just(Step::Expire),
        2 => (0_i64..3).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn the_balance_is_the_model_s(steps in proptest::collection::vec(step(), 1..50)) {
        let mut script = tenant();
        let (mut lots, mut owed, mut now): (Vec<Modelled>, i128, i64) = (Vec::new(), 0, 0);
        for (serial, step) in steps.into_iter().enumerate() {
            match step {
                Step::TopUp(cents, days) => {
                    let name = format!("lot-{serial}");
                    let expires_at = days.and_then(|it| script.at.plus_seconds(it * 86_400));
                    let paid = CreditToppedUp { expires_at, ..lot(&name, cents) };
                    prop_assert_eq!(script.take(script.state.top_up(&paid, script.at)), 1);
                    let settles = owed.min(cents);
                    owed -= settles;
                    lots.push((name, days.map(|it| now + it * 86_400), cents - settles));
                }
                Step::Use(cents) => {
                    use_up(&mut script, cents);
                    let mut missing = cents;
                    let alive = |it: &&mut Modelled| it.1.is_none_or(|end| end > now);
                    let mut order = lots.iter_mut().filter(alive).collect::<Vec<_>>();
                    order.sort_by_key(|it| it.1.unwrap_or(i64::MAX));
                    for it in order {
                        let given = it.2.min(missing);
                        it.2 -= given;
                        missing -= given;
                    }
                    owed += missing;
                }
                Step::Refund(which, cents) => {
                    let Some((name, end, left)) = lots.get_mut(which) else { continue };
                    let alive = if end.is_none_or(|it| it > now) { *left } else { 0 };
                    let answer =
                        script.state.refund(&name.parse()?, usd(cents), note(), script.at);
                    prop_assert_eq!(answer.is_ok(), alive > 0);
                    if answer.is_ok() {
                        script.take(answer);
                        *left -= alive.min(cents);
                    }
                }
                Step::ChargeBack(which, cents) => {
                    let Some((name, end, left)) = lots.get_mut(which) else { continue };
                    let alive = if end.is_none_or(|it| it > now) { *left } else { 0 };
                    let command = CreditChargedBack {
                        lot: name.parse()?,
                        amount: usd(cents),
                        gateway: "stripe".parse()?,
                        object: format!("dp_{serial}").parse()?,
                    };
                    prop_assert_eq!(script.take(script.state.charge_back(&command, script.at)), 1);
                    prop_assert_eq!(script.take(script.state.charge_back(&command, script.at)), 0);
                    let given = alive.min(cents);
                    *left -= given;
                    owed += cents - given;
                }
                Step::Expire => {
                    let gone = expire(&mut script).iter().map(|it| it.1).collect::<Vec<_>>();
                    let ended = |it: &&Modelled| it.2 > 0 && it.1.is_some_and(|end| end <= now);
                    let mut ended = lots.iter().filter(ended).collect::<Vec<_>>();
                    ended.sort();
                    let ended = ended.iter().map(|it| usd(it.2)).collect::<Vec<_>>();
                    prop_assert_eq!(gone, ended);
                    for it in lots.iter_mut().filter(|it| it.1.is_some_and(|end| end <= now)) {
                        it.2 = 0;
                    }
                }
                Step::Pass(days) => {
                    now += days * 86_400;
                    script.pass(days * 86_400);
                }
            }
            prop_assert_eq!(balance(&script), usd(modelled(&lots, owed, now)).amount());
        }
    }
}
