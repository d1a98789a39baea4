//! What happened to a game host's customer, told in time.

use super::*;
use crate::event::{account, deployment, invoice};

/// A notice of the customer, for an invoice of the gateway where it names one.
fn of(id: &str, object: &str, cents: i128, at: Timestamp, invoice: &str, change: Change) -> Notice {
    Notice {
        customer: Some(parsed("cus_1")),
        gateway_invoice: (!invoice.is_empty()).then(|| parsed(&format!("in_{invoice}"))),
        ..notice(id, object, cents, at, change)
    }
}

fn past_due() -> World {
    let mut world = World::new();
    world.issue("A-1", 1, 7064);
    world.deliver(&of("evt_1", "pi_1", 7064, day(0), "A-1", FAILED), false);
    world
}

#[test]
fn a_customer_that_does_not_pay_is_warned_twice_then_suspended_and_comes_back() {
    let mut world = past_due();
    assert_eq!(world.tick(day(0)), Standing::Warned);
    assert_eq!(world.state("shop"), State::PastDue);
    assert_eq!(world.tick(day(7).plus_micros(-1).unwrap()), Standing::Warned);
    assert_eq!(world.tick(day(7)), Standing::FinalWarning);
    assert_eq!(world.state("shop"), State::PastDue);
    assert_eq!(world.tick(day(14).plus_micros(-1).unwrap()), Standing::FinalWarning);
    assert_eq!(world.tick(day(14)), Standing::Suspended);
    assert_eq!((world.state("shop"), world.state("kept")), (State::Suspended, State::Active));
    let dunning = world.account.dunning().unwrap().clone();
    assert_eq!((dunning.invoice, dunning.first_failed_at), (parsed("A-1"), day(0)));
    world.deliver(&of("evt_2", "pi_1", 7064, day(15), "A-1", Change::Succeeded), false);
    assert_eq!(world.account.standing(), Standing::Suspended);
    assert_eq!(world.tick(day(15)), Standing::Good);
    assert_eq!((world.state("shop"), world.due("A-1")), (State::Active, aud(0)));
    assert_eq!(world.account.dunning(), None);
    let events = world.log.len();
    assert_eq!(world.tick(day(16)), Standing::Good);
    assert_eq!(world.log.len(), events);
}

#[test]
fn one_tick_may_skip_stages() {
    let mut world = past_due();
    assert_eq!(world.tick(day(30)), Standing::Suspended);
    let moves = world.log.iter().filter(|it| it.event.wire_name().ends_with("suspended.v1"));
    assert_eq!(moves.filter(|it| it.stream == Stream::Account(tenant())).count(), 1);
}

#[test]
fn paying_the_oldest_restarts_the_clock_from_the_next() {
    let mut world = past_due();
    world.issue("A-2", 2, 5000);
    world.deliver(&of("evt_2", "pi_2", 5000, day(5), "A-2", FAILED), false);
    assert_eq!(world.tick(day(8)), Standing::FinalWarning);
    world.deliver(&of("evt_3", "pi_1", 7064, day(8), "A-1", Change::Succeeded), false);
    assert_eq!(world.tick(day(8)), Standing::Warned);
    assert_eq!(world.tick(day(12)), Standing::FinalWarning);
    assert_eq!(world.tick(day(19)), Standing::Suspended);
}

#[test]
fn from_suspended_the_one_way_is_to_good() {
    let mut world = past_due();
    world.issue("A-2", 2, 5000);
    world.deliver(&of("evt_2", "pi_2", 5000, day(13), "A-2", FAILED), false);
    assert_eq!(world.tick(day(14)), Standing::Suspended);
    world.deliver(&of("evt_3", "pi_1", 7064, day(14), "A-1", Change::Succeeded), false);
    assert_eq!(world.tick(day(14)), Standing::Suspended);
    world.deliver(&of("evt_4", "pi_2", 5000, day(14), "A-2", Change::Succeeded), false);
    assert_eq!(world.tick(day(14)), Standing::Good);
}

#[test]
fn a_failure_is_void_when_the_same_payment_succeeds_in_any_order() {
    for order in [[0, 1], [1, 0]] {
        let mut world = World::new();
        world.issue("A-1", 1, 7064);
        let notices = [
            of("evt_1", "pi_1", 7064, day(0), "A-1", FAILED),
            of("evt_2", "pi_1", 3000, day(1), "A-1", Change::Succeeded),
        ];
        order.iter().for_each(|it| world.deliver(&notices[*it], false));
        // Paid in part, and no failure that counts.
        assert_eq!((world.tick(day(30)), world.due("A-1")), (Standing::Good, aud(4064)));
    }
}

/// Since 2025 a failure names the gateway's invoice and no payment, and a success comes in two
/// words: the payment's own, and the one that says which invoice it was for.
fn since_2025(world: &mut World, id: &str, at: Timestamp) {
    let object = format!("pi_{id}");
    world.deliver(&of(&format!("{id}_1"), &object, 7064, at, "", Change::Succeeded), false);
    let share = of(&format!("{id}_2"), &object, 7064, at, "A-1", Change::SucceededFor);
    world.deliver(&share, false);
}

#[test]
fn a_failure_that_names_no_payment_is_void_once_its_invoice_was_paid() {
    let failed = of("evt_1", "in_A-1", 7064, day(0), "A-1", FAILED);
    for is_late in [false, true] {
        let mut world = World::new();
        world.issue("A-1", 1, 7064);
        if !is_late {
            world.deliver(&failed, false);
            assert_eq!(world.tick(day(0)), Standing::Warned);
        }
        since_2025(&mut world, "evt_2", day(1));
        if is_late {
            world.deliver(&failed, false);
        }
        assert_eq!((world.tick(day(1)), world.due("A-1")), (Standing::Good, aud(0)));
        // What went back is owed again, and warns nobody by itself.
        let back = of("evt_3", "pi_evt_2", 1000, day(60), "", Change::Refunded);
        world.deliver(&back, false);
        assert_eq!((world.tick(day(60)), world.due("A-1")), (Standing::Good, aud(1000)));
    }
}

#[test]
fn a_failure_that_names_no_payment_stands_until_its_own_invoice_is_paid() {
    let mut world = World::new();
    world.issue("A-1", 1, 7064);
    world.issue("A-2", 2, 5000);
    world.deliver(&of("evt_1", "in_A-2", 5000, day(0), "A-2", FAILED), false);
    since_2025(&mut world, "evt_2", day(1));
    assert_eq!(world.tick(day(1)), Standing::Warned);
    // Money of another gateway's invoice of that name pays nothing of it.
    let mut elsewhere = of("evt_3", "pi_3", 100, day(2), "A-2", Change::Succeeded);
    elsewhere.gateway = parsed("other");
    let events = world.account.book(&elsewhere, None).unwrap();
    world.record(&Stream::Account(tenant()), day(2), events);
    assert_eq!(world.tick(day(2)), Standing::Warned);
    // A person says what the gateway does not.
    world.deliver(&notice("evt_4", "pi_4", 4000, day(3), Change::Succeeded), false);
    let invoice = Some(parsed("A-2"));
    let command = PaymentAssigned { object: parsed("pi_4"), tenant: tenant(), invoice };
    let events = world.suspense.assign(&command, &world.account).unwrap();
    world.record(&parsed("suspense-stripe"), day(3), events);
    assert_eq!((world.tick(day(3)), world.due("A-2")), (Standing::Good, aud(1000)));
}

#[test]
fn a_late_failure_of_a_paid_invoice_changes_nothing() {
    let mut world = World::new();
    world.issue("A-1", 1, 7064);
    world.deliver(&of("evt_1", "pi_1", 7064, day(1), "A-1", Change::Succeeded), false);
    world.deliver(&of("evt_2", "pi_2", 7064, day(0), "A-1", FAILED), false);
    assert_eq!(world.tick(day(30)), Standing::Good);
}

#[test]
fn nobody_is_judged_while_a_payment_is_not_settled() {
    let mut world = past_due();
    world.deliver(&of("evt_2", "pi_1", 7064, day(1), "A-1", Change::Succeeded), false);
    let refused = tick(&world.books(&tenant()), DunningTerms::default(), day(30));
    assert_eq!(refused, Err(EnforcementError::Unsettled { object: parsed("pi_1") }));
}

#[test]
fn money_that_names_no_invoice_is_credit_at_once_and_what_is_too_much_too() {
    let mut world = World::new();
    world.issue("A-1", 1, 7064);
    world.deliver(&of("evt_1", "pi_1", 2500, day(1), "", Change::Succeeded), false);
    assert_eq!(world.balance(day(1)), aud(2500).amount());
    assert_eq!(world.account.credit().first_paid_at(), Some(day(1)));
    world.deliver(&of("evt_2", "pi_2", 8000, day(2), "A-1", Change::Succeeded), false);
    assert_eq!(world.balance(day(2)), aud(2500).amount());
    world.tick(day(2));
    assert_eq!((world.due("A-1"), world.balance(day(2))), (aud(0), aud(3436).amount()));
}

#[test]
fn a_refund_takes_the_credit_of_its_payment_first_then_opens_the_invoice() {
    let mut world = World::new();
    world.issue("A-1", 1, 7064);
    world.deliver(&of("evt_1", "pi_1", 8000, day(1), "A-1", Change::Succeeded), false);
    world.tick(day(1));
    assert_eq!((world.due("A-1"), world.balance(day(1))), (aud(0), aud(936).amount()));
    world.deliver(&of("evt_2", "pi_1", 2000, day(2), "A-1", Change::Refunded), false);
    // Nothing failed, so nobody is warned.
    assert_eq!(world.tick(day(2)), Standing::Good);
    assert_eq!((world.due("A-1"), world.balance(day(2))), (aud(1064), Exact::ZERO));
}

#[test]
fn money_is_booked_once_whatever_event_brings_it() {
    let mut world = World::new();
    world.issue("A-1", 1, 7064);
    let first = of("evt_1", "pi_1", 7064, day(1), "", Change::Succeeded);
    let second = of("evt_2", "pi_1", 7064, day(1), "A-1", Change::Succeeded);
    for notice in [&first, &second, &first, &second] {
        world.deliver(notice, false);
    }
    // The second word says which invoice it was for; the credit is drawn again.
    assert_eq!(world.tick(day(1)), Standing::Good);
    assert_eq!((world.due("A-1"), world.balance(day(1))), (aud(0), Exact::ZERO));
    let wires = world.log.iter().map(|it| it.event.wire_name()).collect::<Vec<_>>();
    let count = |wire| wires.iter().filter(|it| **it == wire).count();
    assert_eq!(count("enforcement-payment-succeeded.v1"), 1);
    assert_eq!(count("enforcement-notice-seen.v1"), 1);
    assert_eq!(count("invoice-payment-applied.v1"), 1);
}

#[test]
fn a_refund_takes_what_is_left_and_a_dispute_all_of_it() {
    let mut world = World::new();
    world.deliver(&of("evt_1", "pi_1", 1000, day(1), "", Change::Succeeded), false);
    let spent = account::CreditDrawn {
        amount: aud(800),
        lots: vec![account::LotPart { lot: parsed("stripe.pi_1.1"), amount: aud(800) }],
        purpose: account::DrawPurpose::Invoice { number: parsed("B-1") },
    };
    world.tell("account-acme", day(2), spent);
    let mut disputed = world.clone();
    world.deliver(&of("evt_2", "pi_1", 1000, day(3), "", Change::Refunded), false);
    world.tick(day(3));
    assert_eq!(world.balance(day(3)), Exact::ZERO);
    let said = world.log.iter().rev().find_map(|it| {
        let Event::Account(account::Event::CreditRefunded(it)) = &it.event else { return None };
        Some((it.requested, it.amount))
    });
    assert_eq!(said, Some((aud(1000), aud(200))));
    disputed.deliver(&of("evt_3", "pi_1", 1000, day(3), "", DISPUTED), false);
    disputed.tick(day(3));
    assert_eq!(disputed.balance(day(3)), aud(-800).amount());
    disputed.deliver(&of("evt_4", "pi_1", 1000, day(4), "", REINSTATED), false);
    disputed.tick(day(4));
    assert_eq!(disputed.balance(day(4)), aud(200).amount());
}

#[test]
fn what_a_bank_takes_back_opens_the_invoice_again() {
    let mut world = past_due();
    world.deliver(&of("evt_2", "pi_2", 7064, day(1), "A-1", Change::Succeeded), false);
    assert_eq!((world.tick(day(1)), world.due("A-1")), (Standing::Good, aud(0)));
    world.deliver(&of("evt_3", "pi_2", 7064, day(2), "A-1", DISPUTED), false);
    assert_eq!((world.tick(day(2)), world.due("A-1")), (Standing::Warned, aud(7064)));
    world.deliver(&of("evt_4", "pi_2", 7064, day(3), "A-1", REINSTATED), false);
    assert_eq!((world.tick(day(3)), world.due("A-1")), (Standing::Good, aud(0)));
}

#[test]
fn what_was_paid_for_a_void_invoice_is_credit() {
    let mut world = World::new();
    world.issue("A-1", 1, 7064);
    world.deliver(&of("evt_1", "pi_1", 7064, day(1), "A-1", Change::Succeeded), false);
    world.tick(day(1));
    let (number, reason) = (parsed("A-1"), parsed("wrong name"));
    let voided = Voided { number, reason, is_replaced: false };
    world.tell("invoice-acme.2026-01", day(2), voided);
    world.tick(day(2));
    assert_eq!((world.due("A-1"), world.balance(day(2))), (aud(0), aud(7064).amount()));
}

#[test]
fn what_nobody_expects_any_more_is_not_past_due_and_counts_when_it_comes() {
    let mut world = past_due();
    let given_up = invoice::MarkedUncollectible { number: parsed("A-1"), reason: parsed("gone") };
    world.tell("invoice-acme.2026-01", day(1), given_up);
    assert_eq!(world.tick(day(30)), Standing::Good);
    world.deliver(&of("evt_2", "pi_2", 7064, day(31), "A-1", Change::Succeeded), false);
    world.tick(day(31));
    assert_eq!((world.due("A-1"), world.balance(day(31))), (aud(0), Exact::ZERO));
}

#[test]
fn money_of_somebody_unknown_waits_in_sight_until_it_is_assigned() {
    let mut world = World::new();
    world.issue("A-1", 1, 7064);
    let object = PaymentObject { gateway: parsed("stripe"), object: parsed("pi_1") };
    world.deliver(&notice("evt_1", "pi_1", 7064, day(1), Change::Succeeded), false);
    world.deliver(&notice("evt_2", "pi_1", 64, day(2), Change::Refunded), false);
    let waiting = world.suspense.waiting().collect::<Vec<_>>();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].1.kept().unwrap(), aud(7000).amount());
    assert_eq!(world.account.payments().get(&object), None);
    let invoice = Some(parsed("A-1"));
    let command = PaymentAssigned { object: parsed("pi_1"), tenant: tenant(), invoice };
    let events = world.suspense.assign(&command, &world.account).unwrap();
    world.record(&parsed("suspense-stripe"), day(3), events);
    assert_eq!(world.suspense.assign(&command, &world.account), Ok(Vec::new()));
    assert_eq!(world.suspense.waiting().count(), 0);
    world.tick(day(3));
    assert_eq!((world.due("A-1"), world.balance(day(3))), (aud(64), Exact::ZERO));
    // Its later notices find their way by the assignment.
    world.deliver(&notice("evt_3", "pi_1", 36, day(4), Change::Refunded), false);
    world.tick(day(4));
    assert_eq!(world.due("A-1"), aud(100));
    let other = PaymentAssigned { invoice: None, ..command };
    let refusal = world.suspense.assign(&other, &world.account).unwrap_err();
    assert_eq!(crate::decide::Refusal::code(&refusal), "already_assigned");
}

/// The ladder begins with the day the tenant paid, whenever a tick comes to it and whatever of it
/// went back meanwhile.
#[test]
fn the_first_payment_is_dated_by_its_receipt_whenever_it_becomes_credit() {
    // 10.00 of somebody unknown, of which 2.00 go back before anybody knows whose it is.
    for ticks in [vec![10], vec![1, 2, 9, 10]] {
        let mut world = World::new();
        world.deliver(&notice("evt_1", "pi_1", 1000, day(1), Change::Succeeded), false);
        let assign = |world: &mut World, at: i64| {
            let command =
                PaymentAssigned { object: parsed("pi_1"), tenant: tenant(), invoice: None };
            let events = world.suspense.assign(&command, &world.account).unwrap();
            world.record(&parsed("suspense-stripe"), day(at), events);
        };
        if ticks.len() > 1 {
            assign(&mut world, 1);
        }
        for at in ticks {
            if at >= 9 {
                let back = notice("evt_2", "pi_1", 200, day(9), Change::Refunded);
                world.deliver(&back, false);
                assign(&mut world, at);
            }
            world.tick(day(at));
        }
        assert_eq!(world.balance(day(10)), aud(800).amount());
        assert_eq!(world.account.credit().first_paid_at(), Some(day(1)));
    }
    // What an invoice leaves of a payment, part of which goes back before a tick.
    for ticks in [vec![10], vec![1, 9, 10]] {
        let mut world = World::new();
        world.issue("A-1", 1, 7000);
        world.deliver(&of("evt_1", "pi_1", 8000, day(1), "A-1", Change::Succeeded), false);
        for at in ticks {
            if at >= 9 {
                let back = of("evt_2", "pi_1", 200, day(9), "A-1", Change::Refunded);
                world.deliver(&back, false);
            }
            world.tick(day(at));
        }
        assert_eq!((world.due("A-1"), world.balance(day(10))), (aud(0), aud(800).amount()));
        assert_eq!(world.account.credit().first_paid_at(), Some(day(1)));
    }
}

/// What comes back is credit of the day it came back; what was received stays of its own.
#[test]
fn what_comes_back_is_dated_by_its_return() {
    let mut world = World::new();
    world.deliver(&of("evt_1", "pi_1", 1000, day(1), "", Change::Succeeded), false);
    world.deliver(&of("evt_2", "pi_1", 1000, day(5), "", DISPUTED), false);
    world.tick(day(6));
    world.deliver(&of("evt_3", "pi_1", 1000, day(9), "", REINSTATED), false);
    world.tick(day(10));
    let top_ups = world.log.iter().filter_map(|it| {
        let is_it = matches!(&it.event, Event::Account(account::Event::CreditToppedUp(_)));
        is_it.then_some(it.occurred_at)
    });
    assert_eq!(top_ups.collect::<Vec<_>>(), [day(1), day(9)]);
}

#[test]
fn foreign_money_is_refused_by_the_account_and_taken_by_suspense() {
    use crate::decide::Refusal;
    let world = World::new();
    let mut foreign = of("evt_1", "pi_1", 1, day(1), "", Change::Succeeded);
    foreign.outcome = Outcome::Payment {
        object: parsed("pi_1"),
        amount: Money::from_minor(500, parsed("JPY")).unwrap(),
        change: Change::Succeeded,
    };
    let refusal = world.account.book(&foreign, None).unwrap_err();
    assert_eq!(refusal.code(), "currency_mismatch");
    assert_eq!(world.suspense.book(&foreign).unwrap().len(), 1);
    assert_eq!(Account::default().book(&foreign, None).unwrap_err().code(), "tenant_unknown");
}

/// Whatever a payment is for, it may turn out to be credit: where that has no room, nothing that
/// brings money in is booked, to the cent, and suspense takes it.
#[test]
fn an_account_without_room_refuses_what_brings_money_and_takes_all_else() {
    use crate::decide::Refusal;
    use crate::decide::account::payment::PaymentRefusal;
    let mut world = World::new();
    world.issue("A-1", 1, 7064);
    world.deliver(&of("evt_0", "pi_0", 100, day(0), "A-1", Change::Succeeded), false);
    // The greatest number of cents, less 71.64.
    let full = account::CreditToppedUp {
        lot: parsed("full"),
        amount: Money::parse("792281625142643375935439431.71", parsed("AUD")).unwrap(),
        expires_at: None,
        origin: account::CreditOrigin::CreditNote { number: parsed("CN-1") },
    };
    world.tell("account-acme", day(0), full);
    let refund = Change::RefundFailed { refund: parsed("re_1") };
    let mut booked = Vec::new();
    for change in [Change::Succeeded, Change::SucceededFor, refund, REINSTATED] {
        let fits = of("evt_1", "pi_1", 7164, day(1), "A-1", change.clone());
        assert_eq!(world.account.book(&fits, None).unwrap().len(), 1, "{change:?}");
        let over = of("evt_1", "pi_1", 7165, day(1), "A-1", change.clone());
        assert_eq!(world.suspense.book(&over).unwrap().len(), 1, "{change:?}");
        match world.account.book(&over, None) {
            Err(refusal @ PaymentRefusal::Credit(CreditRefusal::Amount(_))) => {
                assert_eq!(refusal.code(), "amount_out_of_range");
            }
            other => booked.push((change, other)),
        }
    }
    assert_eq!(booked, []);
    for change in [FAILED, Change::Refunded, DISPUTED] {
        let over = of("evt_1", "pi_1", 7165, day(1), "A-1", change.clone());
        assert_eq!(world.account.book(&over, None).unwrap().len(), 1, "{change:?}");
    }
    // A second word on money that is booked brings none.
    let again = of("evt_2", "pi_0", 7165, day(1), "A-1", Change::Succeeded);
    assert!(world.account.book(&again, None).is_err());
    let again = of("evt_2", "pi_0", 100, day(1), "A-1", Change::Succeeded);
    assert_eq!(world.account.book(&again, None).unwrap().len(), 1);
}

#[test]
fn what_an_operator_paused_stays_paused() {
    let mut world = past_due();
    let paused = deployment::Transitioned { from: State::Active, to: State::Paused, reason: None };
    world.tell("deployment-acme.shop", day(0), paused);
    assert_eq!(world.tick(day(14)), Standing::Suspended);
    assert_eq!(world.state("shop"), State::Paused);
    world.deliver(&of("evt_2", "pi_1", 7064, day(15), "A-1", Change::Succeeded), false);
    assert_eq!(world.tick(day(15)), Standing::Good);
    assert_eq!(world.state("shop"), State::Paused);
}
