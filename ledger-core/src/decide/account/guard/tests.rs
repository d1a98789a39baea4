//! The guard, by the worked answers and under any order of commands.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::decide::account::tests::{due, invoiced, lot, tenant, tokens, usd};
use crate::decide::script::{Script, offers};
use crate::testing::cases;

fn on(plan: &str) -> Script<Account> {
    let mut script = invoiced();
    script.take(script.state.assign_plan(&offers(), &plan.parse().unwrap()));
    script
}

fn wish(script: &Script<Account>, name: &str, wanted: &[(&str, u32)]) -> Reserve {
    let item = |(kind, count): &(&str, u32)| Wanted { kind: kind.parse().unwrap(), count: *count };
    Reserve {
        reservation: name.parse().unwrap(),
        items: wanted.iter().map(item).collect(),
        deployment: None,
        used: Vec::new(),
        at: script.at,
    }
}

#[track_caller]
fn refused(script: &Script<Account>, wish: &Reserve, code: &str, kind: RefusalKind) {
    let refusal = script.state.reserve(&offers(), wish).unwrap_err();
    assert_eq!((refusal.code(), refusal.kind()), (code, kind), "{refusal}");
}

/// One running instance at 0.007 an hour on free; a second requested.
#[test]
fn the_worked_answer_holds() {
    let mut script = on("free");
    let first = wish(&script, "r-1", &[("node_hour", 1)]);
    assert_eq!(script.take(script.state.reserve(&offers(), &first)), 1);
    script.take(script.state.commit(&first.reservation, Vec::new()));
    assert_eq!(script.state.projected(&[], script.at), Ok(usd(504)));
    let second = wish(&script, "r-2", &[("node_hour", 1)]);
    let GuardRefusal::UpgradeRequired(room) = script.state.reserve(&offers(), &second).unwrap_err()
    else {
        panic!("an upgrade is the remedy")
    };
    assert_eq!((room.instances, room.instances_wanted, room.instances_left()), (1, 1, 0));
    assert_eq!(
        (room.projected, room.projected_with, room.limit),
        (usd(504), Some(usd(1_008)), usd(2_000))
    );
    assert_eq!(room.limit_left, usd(1_496));
    let plans = room.plans.iter().map(PlanCode::as_str).collect::<Vec<_>>();
    assert_eq!(plans, ["small", "pro_cloud"]);
    refused(&script, &second, "upgrade_required", RefusalKind::PaymentRequired);
}

#[test]
fn room_is_refused_in_order_and_never_for_want_of_a_rule() {
    let mut script = Script::<Account>::new();
    let none = wish(&script, "r-1", &[]);
    refused(&script, &none, "tenant_unknown", RefusalKind::NotFound);
    script = invoiced();
    refused(&script, &none, "no_plan", RefusalKind::PaymentRequired);
    script.record(crate::event::account::PlanAssigned { plan: "vm5".parse().unwrap() }.into());
    refused(&script, &none, "limits_unknown", RefusalKind::Unprocessable);
    script.record(crate::event::account::PlanAssigned { plan: "gone".parse().unwrap() }.into());
    refused(&script, &none, "limits_unknown", RefusalKind::Unprocessable);
    script.take(script.state.assign_plan(&offers(), &"small".parse().unwrap()));
    refused(&script, &none, "nothing_wanted", RefusalKind::Unprocessable);
    let nothing = wish(&script, "r-1", &[("node_hour", 0)]);
    refused(&script, &nothing, "nothing_wanted", RefusalKind::Unprocessable);
    let priceless = wish(&script, "r-1", &[("node_hour", 1), ("gold_hour", 1)]);
    refused(&script, &priceless, "price_unknown", RefusalKind::Unprocessable);
    // A price by the thousand tokens is none by the hour.
    let by_thousands = wish(&script, "r-1", &[("llm_tokens", 1)]);
    refused(&script, &by_thousands, "price_unknown", RefusalKind::Unprocessable);
    let mut foreign = wish(&script, "r-1", &[("node_hour", 1)]);
    foreign.used = tokens(0);
    foreign.used[0].amount = Money::zero("AUD".parse().unwrap());
    refused(&script, &foreign, "currency_mismatch", RefusalKind::Unprocessable);
}

#[test]
fn equal_to_the_limit_is_allowed_and_a_cent_more_is_not() {
    let mut script = on("small");
    // 7 x 0.01 x 720 = 50.40, the limit of the plan.
    let all = wish(&script, "r-1", &[("vm_hour", 7)]);
    let metered = Reserve { used: tokens(1), ..all.clone() };
    refused(&script, &metered, "upgrade_required", RefusalKind::PaymentRequired);
    assert_eq!(script.take(script.state.reserve(&offers(), &all)), 1);
    assert_eq!(script.state.projected(&[], script.at), Ok(usd(5_040)));
}

#[test]
fn a_cap_of_its_own_is_no_matter_of_upgrading() {
    let mut script = on("small");
    script.take(script.state.set_cost_cap(Some(usd(1_007))));
    let two = wish(&script, "r-1", &[("node_hour", 2)]);
    refused(&script, &two, "cost_cap_reached", RefusalKind::Unprocessable);
    let many = wish(&script, "r-1", &[("node_hour", 11)]);
    refused(&script, &many, "upgrade_required", RefusalKind::PaymentRequired);
    script.take(script.state.set_cost_cap(Some(usd(1_008))));
    assert_eq!(script.take(script.state.reserve(&offers(), &two)), 1);
}

#[test]
fn a_debt_refuses_room() {
    let mut script = tenant();
    script.take(script.state.assign_plan(&offers(), &"small".parse().unwrap()));
    script.take(script.state.settle_usage(&due(3, 1), script.at));
    let one = wish(&script, "r-1", &[("node_hour", 1)]);
    refused(&script, &one, "insufficient_credit", RefusalKind::PaymentRequired);
    script.take(script.state.top_up(&lot("a", 1), script.at));
    assert_eq!(script.take(script.state.reserve(&offers(), &one)), 1);
}

#[test]
fn several_at_once_are_all_or_nothing() {
    let script = on("small");
    let wish = wish(&script, "r-1", &[("node_hour", 4), ("vm_hour", 7)]);
    refused(&script, &wish, "upgrade_required", RefusalKind::PaymentRequired);
    assert_eq!(script.state.instances(), 0);
}

#[test]
fn a_reservation_goes_one_way_and_leaves_nothing_half_billed() {
    let mut script = on("small");
    let one = wish(&script, "r-1", &[("node_hour", 1)]);
    let name = &one.reservation;
    assert_eq!(script.state.commit(name, Vec::new()).unwrap_err().code(), "reservation_unknown");
    assert_eq!(script.take(script.state.reserve(&offers(), &one)), 1);
    assert_eq!(script.take(script.state.reserve(&offers(), &one)), 0);
    assert_eq!(script.take(script.state.commit(name, Vec::new())), 1);
    assert_eq!(script.take(script.state.commit(name, Vec::new())), 0);
    assert_eq!(script.state.instances(), 1);
    for expected in [1, 0] {
        let answer = script.state.release(name, ReleaseReason::Destroyed, Role::Operator);
        assert_eq!(script.take(answer), expected);
    }
    assert_eq!(script.state.instances(), 0);
    assert_eq!(script.state.projected(&tokens(3), script.at), Ok(usd(3)));
    assert_eq!(script.take(script.state.reserve(&offers(), &one)), 0);
    let refusal = script.state.commit(name, Vec::new()).unwrap_err();
    assert_eq!((refusal.code(), refusal.kind()), ("reservation_released", RefusalKind::Conflict));
}

/// Who may end what, and for which reason. What runs is ended by nobody who would gain by it.
#[test]
fn what_runs_holds_its_room_until_somebody_who_knows_says_that_it_is_destroyed() {
    use ReleaseReason::{Cancelled, CredentialsMissing, Destroyed, Lapsed, ProvisioningFailed};
    let ours = [Role::Operator, Role::Importer, Role::System];
    for role in ours.into_iter().chain([Role::Tenant, Role::Producer, Role::Gateway]) {
        for reason in [ProvisioningFailed, CredentialsMissing, Cancelled, Destroyed, Lapsed] {
            let mut script = on("free");
            let first = wish(&script, "r-1", &[("node_hour", 1)]);
            script.take(script.state.reserve(&offers(), &first));
            let release = |it: &Script<Account>| it.state.release(&first.reservation, reason, role);
            // Nothing runs yet, so its room is given back whoever says so.
            let reservation = first.reservation.clone();
            assert_eq!(release(&script), one(QuotaReleased { reservation, reason }));

            script.take(script.state.commit(&first.reservation, Vec::new()));
            let knows = ours.contains(&role) && reason == Destroyed;
            match release(&script) {
                Ok(events) => assert!(knows && events.len() == 1, "{role:?} says {reason:?}"),
                Err(refusal) => {
                    assert!(!knows, "{role:?} says {reason:?}");
                    let found = (refusal.code(), refusal.kind());
                    assert_eq!(found, ("reservation_running", RefusalKind::Conflict));
                    let second = wish(&script, "r-2", &[("node_hour", 1)]);
                    refused(&script, &second, "upgrade_required", RefusalKind::PaymentRequired);
                }
            }
        }
    }
}

/// By the domain the count is looked at before anything that has to do with money.
#[test]
fn too_many_are_too_many_whatever_they_would_cost() {
    let mut script = on("free");
    let first = wish(&script, "r-1", &[("node_hour", 1)]);
    script.take(script.state.reserve(&offers(), &first));
    let priceless = wish(&script, "r-2", &[("gold_hour", 1)]);
    let GuardRefusal::UpgradeRequired(room) =
        script.state.reserve(&offers(), &priceless).unwrap_err()
    else {
        panic!("the count comes first")
    };
    // Nobody knows which plan would have room for what has no price.
    assert_eq!((room.instances, room.instances_wanted), (1, 1));
    assert_eq!((room.projected, room.projected_with, room.plans), (usd(504), None, vec![]));
    script.take(script.state.assign_plan(&offers(), &"small".parse().unwrap()));
    refused(&script, &priceless, "price_unknown", RefusalKind::Unprocessable);
}

#[derive(Debug, Clone)]
enum Step {
    Reserve(u8, u32, u32, i128),
    Commit(u8),
    Release(u8),
    Cap(Option<i128>),
    Move(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let cap = proptest::option::of(0_i128..6_000);
    prop_oneof![
        6 => (any::<u8>(), 0_u32..7, 0_u32..7, 0_i128..2_000)
            .prop_map(|(name, nodes, vms, metered)| Step::Reserve(name % 12, nodes, vms, metered)),
        2 => (0_u8..12).prop_map(Step::Commit),
        3 => (0_u8..12).prop_map(Step::Release),
        1 => cap.prop_map(Step::Cap),
        1 => any::<bool>().prop_map(Step::Move),
    ]
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Whoever asks in whatever order, what is granted never goes over the limits that hold when it
    /// is granted, and what is refused would have. The model adds up cents and counts.
    #[test]
    fn no_order_of_commands_goes_over_a_limit(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut script = on("free");
        let offers = offers();
        let (mut limit, mut most) = (2_000, 1);
        let mut cap = None;
        let mut granted: BTreeMap<u8, Option<(u32, u32)>> = BTreeMap::new();
        let mut running = BTreeSet::new();
        for step in steps {
            match step {
                Step::Reserve(name, nodes, vms, metered) => {
                    let mut command = wish(
                        &script, &format!("r-{name}"), &[("node_hour", nodes), ("vm_hour", vms)],
                    );
                    command.used = tokens(metered);
                    let answer = script.state.reserve(&offers, &command);
                    if granted.contains_key(&name) {
                        prop_assert_eq!(answer, Ok(Vec::new()));
                        continue;
                    }
                    let held = granted.values().flatten().copied().chain([(nodes, vms)]);
                    let (count, cents) = held.fold((0, metered), |(count, cents), (nodes, vms)| {
                        (count + nodes + vms, cents + i128::from(504 * nodes + 720 * vms))
                    });
                    let fits = nodes + vms > 0
                        && count <= most
                        && cents <= limit
                        && cap.is_none_or(|cap| cents <= cap);
                    prop_assert_eq!(answer.is_ok(), fits, "{:?}", answer);
                    if fits {
                        prop_assert_eq!(script.take(answer), 1);
                        granted.insert(name, Some((nodes, vms)));
                        let projected = script.state.projected(&command.used, script.at);
                        prop_assert_eq!(projected, Ok(usd(cents)));
                    }
                }
                Step::Commit(name) => {
                    let answer = script.state.commit(&format!("r-{name}").parse()?, Vec::new());
                    let holds = matches!(granted.get(&name), Some(Some(_)));
                    prop_assert_eq!(answer.is_ok(), holds);
                    if holds {
                        script.take(answer);
                        running.insert(name);
                    }
                }
                Step::Release(name) => {
                    let name_of = format!("r-{name}").parse()?;
                    let reason = ReleaseReason::ProvisioningFailed;
                    let answer = script.state.release(&name_of, reason, Role::Tenant);
                    let runs = running.contains(&name);
                    prop_assert_eq!(answer.is_ok(), granted.contains_key(&name) && !runs);
                    let answer = if runs {
                        let (reason, by) = (ReleaseReason::Destroyed, Role::System);
                        running.remove(&name);
                        script.state.release(&name_of, reason, by)
                    } else {
                        answer
                    };
                    if let Some(it) = granted.get_mut(&name) {
                        prop_assert_eq!(script.take(answer), usize::from(it.is_some()));
                        *it = None;
                    }
                }
                Step::Cap(cents) => {
                    script.take(script.state.set_cost_cap(cents.map(usd)));
                    cap = cents;
                }
                Step::Move(up) => {
                    let plan = if up { "small" } else { "free" };
                    script.take(script.state.assign_plan(&offers, &plan.parse()?));
                    (limit, most) = if up { (5_040, 10) } else { (2_000, 1) };
                }
            }
            let count = granted.values().flatten().map(|it| u64::from(it.0 + it.1)).sum::<u64>();
            prop_assert_eq!(script.state.instances(), count);
        }
    }
}
