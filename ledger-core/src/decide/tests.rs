//! No decision panics, whatever the history and whatever is asked: huge, negative, empty, foreign.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;

use super::Refusal;
use super::account::guard::{Reserve, Wanted};
use super::account::purchase::Purchase;
use super::account::{Account, UsageDue};
use super::catalog::Offers;
use super::deployment::{By, Deployment};
use super::script::{Folded, Script};
use crate::catalog::Catalog;
use crate::event::account::{
    CreditChargedBack, CreditDrawn, CreditToppedUp, DrawPurpose, KindAmount, ReleaseReason,
    TenantRegistered,
};
use crate::event::deployment::{Created, State};
use crate::event::{Event, account, deployment, enforcement};
use crate::id;
use crate::log::Revision;
use crate::money::{Money, Quantity};
use crate::testing::cases;
use crate::time::Timestamp;

/// A state reached by arbitrary events, those left out that its history does not allow.
fn reached<S: Folded>(beginning: Event, events: Vec<Event>) -> Script<S> {
    let mut script = Script::new();
    script.try_record(beginning);
    let stream = S::STREAM.parse().unwrap();
    for event in events.into_iter().filter(|it| it.belongs_in(&stream)) {
        script.try_record(event);
    }
    script
}

/// An answer is events that encode, or a refusal that can be said.
#[track_caller]
fn answered<R: Refusal>(answer: Result<Vec<Event>, R>) {
    match answer {
        Ok(events) => events.iter().for_each(|it| assert!(it.encode().is_ok())),
        Err(refusal) => assert!(!refusal.code().is_empty() && !refusal.to_string().is_empty()),
    }
}

fn some(strategies: Vec<BoxedStrategy<Event>>) -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(Union::new(strategies), 0..20)
}

proptest! {
    #![proptest_config(cases(5_000))]

    #[test]
    fn no_decision_about_an_account_panics(
        registered in any::<TenantRegistered>(),
        events in some([account::Event::strategies(), enforcement::Event::strategies()].concat()),
        catalog in any::<Catalog>(),
        money in any::<(Money, Money)>(),
        at in any::<Timestamp>(),
        top_up in any::<CreditToppedUp>(),
        drawn in any::<(CreditDrawn, CreditChargedBack)>(),
        names in any::<(id::ReservationId, id::LotId, id::Note, id::PlanCode, id::InvoiceNumber)>(),
        wanted in proptest::collection::vec((any::<id::ResourceKind>(), any::<u32>()), 0..3),
        destroy in any::<enforcement::DestructiveActionRefused>(),
        used in proptest::collection::vec(any::<(id::ResourceKind, Money)>(), 0..3),
        by in select(vec![id::Role::Operator, id::Role::Tenant, id::Role::Importer]),
    ) {
        let again = registered.clone();
        let account = reached::<Account>(registered.into(), events).state;
        let mut offers = Script::<Offers>::new();
        if let Ok(events) = offers.state.publish(&catalog, at) {
            events.into_iter().for_each(|it| offers.record(it));
        }
        let offers = offers.state;
        let (reservation, lot, note, plan, number) = names;
        let plan = catalog.plans.first().map_or(plan, |it| it.plan.clone());
        let lot = drawn.0.lots.first().map_or(lot, |it| it.lot.clone());
        answered(account.top_up(&top_up, at));
        if let DrawPurpose::Usage { period, reached, kinds } = &drawn.0.purpose {
            let due = UsageDue { period: *period, reached: *reached, kinds: kinds.clone() };
            answered(account.settle_usage(&due, at));
        }
        answered(account.apply_to_invoice(&number, money.0, at));
        answered(account.expire(at).map(|it| it.into_iter().map(|(_, event)| event).collect()));
        answered(account.refund(&lot, money.0, note.clone(), at));
        answered(account.charge_back(&drawn.1, at));
        answered(account.return_draw((Revision::FIRST, &drawn.0), money.0, Vec::new(), note));
        let bought = account.purchase(&offers, &Purchase { plan: plan.clone(), at, key: None });
        if bought.as_ref().is_ok_and(|it| !it.is_empty()) {
            prop_assert!(account.credit().balance(at).is_ok_and(|it| !it.is_negative()));
        }
        answered(bought);
        answered(account.allocate_slot(&reservation, at));
        answered(account.release_slot(&reservation, at));
        answered(account.assign_plan(&offers, &plan));
        let defaults = [plan.clone()];
        answered(account.register(&again, &offers, &defaults));
        answered(Account::default().register(&again, &offers, &defaults));
        answered(account.set_cost_cap(Some(money.1)));
        let mut items =
            wanted.into_iter().map(|(kind, count)| Wanted { kind, count }).collect::<Vec<_>>();
        let known = catalog.resource_prices.iter().map(|it| it.kind.clone());
        items.extend(known.map(|kind| Wanted { kind, count: u32::MAX }));
        let used = used.into_iter().map(|(kind, amount)| {
            KindAmount { kind, quantity: Quantity::ZERO, amount }
        });
        let (used, deployment) = (used.collect::<Vec<_>>(), None);
        let wish = Reserve { reservation: reservation.clone(), items, deployment, used, at };
        let granted = account.reserve(&offers, &wish);
        if granted.as_ref().is_ok_and(|it| !it.is_empty()) {
            prop_assert!(account.projected(&wish.used, at).is_ok());
        }
        answered(granted);
        answered(account.release(&reservation, ReleaseReason::Destroyed, by));
        // Refused whatever the history, and recorded each time.
        prop_assert_eq!(account.refuse_destruction(&destroy).map(|it| it.len()), Ok(1));
    }

    #[test]
    fn no_decision_about_a_deployment_panics(
        created in any::<Created>(),
        events in some(deployment::Event::strategies()),
        to in any::<State>(),
        at in any::<Timestamp>(),
        again in any::<Created>(),
        role in select(vec![id::Role::Operator, id::Role::Tenant, id::Role::Importer]),
    ) {
        let by = By { role, standing: super::account::Standing::Good };
        let deployment = reached::<Deployment>(created.into(), events).state;
        answered(deployment.transition(to, by, None));
        answered(deployment.create(&again, by, at));
        answered(deployment.end_trial(at));
        for standing in [super::account::Standing::Good, super::account::Standing::Suspended] {
            answered(deployment.follow(standing, None));
        }
        answered(deployment.resume_subscription(None));
        answered(deployment.cancel_subscription(None));
    }
}
