//! The life of a deployment, and what it is charged by.

use proptest::prelude::*;

use super::*;
use crate::billing::{CatalogFold, DeploymentFold};
use crate::decide::script::{Folded, Script, catalog, offers};
use crate::decide::{Refusal, RefusalKind};
use crate::stream::Stream;
use crate::testing::cases;

const STATES: [State; 8] = [
    State::Provisioning,
    State::Trial,
    State::Active,
    State::PastDue,
    State::Paused,
    State::Suspended,
    State::Cancelled,
    State::Archived,
];

/// The table as the domain writes it.
const DOMAIN: &str = "provisioning -> active, cancelled; trial -> active, past_due, cancelled; \
    active -> past_due, paused, suspended, cancelled; past_due -> active, suspended, cancelled; \
    paused -> active, cancelled; suspended -> active, cancelled; cancelled -> archived; \
    archived -> nothing";

fn word(state: State) -> String {
    serde_json::to_value(state).unwrap().as_str().unwrap().to_owned()
}

fn created(beginning: Beginning) -> Created {
    Created { name: None, region: None, llm_mode: None, template: None, beginning }
}

const OPERATOR: By = By { role: Role::Operator, standing: Standing::Good };
const TENANT: By = By { role: Role::Tenant, standing: Standing::Good };
const SHUT_OUT: By = By { role: Role::Tenant, standing: Standing::Suspended };

fn deployment(beginning: Beginning) -> Script<Deployment> {
    let mut script = Script::<Deployment>::new();
    script.take(script.state.create(&created(beginning), OPERATOR, script.at));
    script
}

/// A deployment that has come to a state, whoever moved it there.
fn deployment_in(state: State) -> Script<Deployment> {
    let mut script = deployment(Beginning::Provisioning);
    if state != State::Provisioning {
        let from = State::Provisioning;
        script.record(Transitioned { from, to: state, reason: None }.into());
    }
    script
}

fn aud() -> Currency {
    "AUD".parse().unwrap()
}

#[test]
fn the_legal_moves_are_the_domain_s() {
    for from in STATES {
        let row =
            DOMAIN.split("; ").find_map(|row| row.strip_prefix(&format!("{} -> ", word(from))));
        let legal = row.unwrap().split(", ").collect::<Vec<_>>();
        for to in STATES {
            let expected = legal.contains(&word(to).as_str());
            assert_eq!(lifecycle::is_legal(from, to), expected, "{from:?} to {to:?}");
        }
    }
}

#[test]
fn an_illegal_move_says_what_would_be_legal() {
    let script = deployment(Beginning::Active);
    let refusal = script.state.transition(State::Active, OPERATOR, None).unwrap_err();
    assert_eq!(
        (refusal.code(), refusal.kind()),
        ("illegal_transition", RefusalKind::Unprocessable)
    );
    let legal = lifecycle::next(State::Active);
    let (from, to) = (State::Active, State::Active);
    assert_eq!(refusal, DeploymentRefusal::IllegalTransition { from, to, legal });
    let unknown = Deployment::default().transition(State::Active, OPERATOR, None).unwrap_err();
    assert_eq!((unknown.code(), unknown.kind()), ("deployment_unknown", RefusalKind::NotFound));
}

/// Every move of everybody: operators and our processes make those of the table, a tenant pauses,
/// resumes and cancels, and only cancels while its gate is closed.
#[test]
fn each_role_makes_its_own_moves_and_no_other() {
    use State::{Active, Archived, Cancelled, Paused};
    let standings = [Standing::Good, Standing::Warned, Standing::FinalWarning, Standing::Suspended];
    let ours = [Role::Operator, Role::Importer, Role::System];
    let roles = [&ours[..], &[Role::Tenant, Role::Producer, Role::Gateway]].concat();
    let mut count = 0;
    for (role, standing) in roles.iter().flat_map(|it| standings.map(|of| (*it, of))) {
        for (from, to) in STATES.iter().flat_map(|it| STATES.map(|to| (*it, to))) {
            let is_open = !matches!(from, Cancelled | Archived);
            let is_owners = (from, to) == (Active, Paused)
                || (from, to) == (Paused, Active)
                || (is_open && to == Cancelled);
            let expected = match role {
                Role::Operator | Role::Importer | Role::System => {
                    lifecycle::is_legal(from, to).then_some("moved")
                }
                Role::Tenant if standing == Standing::Suspended && to != Cancelled => {
                    Some("tenant_suspended")
                }
                Role::Tenant => is_owners.then_some("moved"),
                Role::Producer | Role::Gateway => None,
            };
            let script = deployment_in(from);
            let answer = script.state.transition(to, By { role, standing }, None);
            let found = match &answer {
                Ok(events) => {
                    assert_eq!(*events, [Transitioned { from, to, reason: None }.into()]);
                    "moved"
                }
                Err(refusal) => refusal.code(),
            };
            let expected = expected.unwrap_or("illegal_transition");
            assert_eq!(found, expected, "{from:?} to {to:?} by {role:?}, {standing:?}");
            if let Err(DeploymentRefusal::IllegalTransition { legal, .. }) = answer {
                // What is said to be legal is.
                let moves = |it: &State| script.state.transition(*it, By { role, standing }, None);
                assert!(legal.iter().all(|it| *it != to && moves(it).is_ok()));
            }
            count += 1;
        }
    }
    assert_eq!(count, 6 * 4 * 8 * 8);
    let refusal = deployment_in(Paused).state.transition(Active, SHUT_OUT, None).unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Conflict);
}

#[test]
fn free_time_is_an_operator_s_to_give_and_ends_after_it_began() {
    let script = Script::<Deployment>::new();
    let create = |by: By, micros: i64| {
        let ends_at = script.at.plus_micros(micros).unwrap();
        script.state.create(&created(Beginning::Trial { ends_at }), by, script.at)
    };
    let code = |by, micros| create(by, micros).unwrap_err().code();
    for role in [Role::Operator, Role::Importer] {
        assert_eq!(create(By { role, ..OPERATOR }, 1).unwrap().len(), 1);
    }
    assert_eq!(code(OPERATOR, 0), "trial_over");
    assert_eq!(code(OPERATOR, -1), "trial_over");
    assert_eq!(code(TENANT, 1), "trial_not_offered");
    assert_eq!(code(TENANT, -1), "trial_not_offered");
    assert_eq!(create(TENANT, 1).unwrap_err().kind(), RefusalKind::Unprocessable);
    // What an operator began is known again, whoever names it.
    let ends_at = script.at.plus_seconds(60).unwrap();
    let begun = deployment(Beginning::Trial { ends_at });
    let again = created(Beginning::Trial { ends_at });
    for by in [OPERATOR, TENANT, SHUT_OUT] {
        assert_eq!(begun.state.create(&again, by, ends_at), Ok(Vec::new()));
    }
}

#[test]
fn whoever_is_shut_out_begins_nothing() {
    let state = Deployment::default();
    let at = Script::<Deployment>::new().at;
    let active = created(Beginning::Active);
    assert_eq!(state.create(&active, TENANT, at).unwrap().len(), 1);
    let refusal = state.create(&active, SHUT_OUT, at).unwrap_err();
    assert_eq!((refusal.code(), refusal.kind()), ("tenant_suspended", RefusalKind::Conflict));
    let operator = By { role: Role::Operator, ..SHUT_OUT };
    assert_eq!(state.create(&active, operator, at).unwrap().len(), 1);

    let mut script = deployment(Beginning::Active);
    let (studio, storage) = ("studio".parse().unwrap(), "storage_50gb".parse().unwrap());
    let shut_out = script.state.subscribe(SHUT_OUT, &offers(), &studio, aud());
    assert_eq!(shut_out.unwrap_err().code(), "tenant_suspended");
    script.take(script.state.subscribe(operator, &offers(), &studio, aud()));
    let attachment = "att-1".parse().unwrap();
    let shut_out = script.state.attach_addon(SHUT_OUT, &offers(), &attachment, &storage, aud());
    assert_eq!(shut_out.unwrap_err().code(), "tenant_suspended");
    let attached = script.state.attach_addon(operator, &offers(), &attachment, &storage, aud());
    assert_eq!(script.take(attached), 1);
    // What costs less is open to it.
    assert_eq!(script.take(script.state.detach_addon(&attachment)), 1);
}

#[test]
fn a_trial_becomes_active_when_its_end_has_passed() {
    let ends_at = "2026-04-15T00:00:00Z".parse::<Timestamp>().unwrap();
    let mut script = deployment(Beginning::Trial { ends_at });
    assert_eq!(script.take(script.state.end_trial(ends_at.plus_micros(-1).unwrap())), 0);
    assert_eq!(script.take(script.state.end_trial(ends_at)), 1);
    assert_eq!(script.state.state(), Some(State::Active));
    assert_eq!(script.take(script.state.end_trial(ends_at)), 0);
}

/// Follows a standing as the system, and says where it stands then.
fn follow(script: &mut Script<Deployment>, standing: Standing) -> State {
    let role = std::mem::replace(&mut script.role, Role::System);
    script.take(script.state.follow(standing, None));
    assert_eq!(script.take(script.state.follow(standing, None)), 0);
    script.role = role;
    script.state.state().unwrap()
}

#[test]
fn enforcement_moves_back_only_what_it_moved() {
    let mut script = deployment(Beginning::Active);
    assert_eq!(follow(&mut script, Standing::Good), State::Active);
    assert_eq!(follow(&mut script, Standing::Warned), State::PastDue);
    assert_eq!(follow(&mut script, Standing::Suspended), State::Suspended);
    assert_eq!(follow(&mut script, Standing::Good), State::Active);
    // What a person paused or suspended stays so, whether it was now or is told of before.
    for role in [Role::Operator, Role::Importer] {
        let by = By { role, ..OPERATOR };
        script.role = role;
        script.take(script.state.transition(State::Paused, by, None));
        assert_eq!(follow(&mut script, Standing::Suspended), State::Paused);
        assert_eq!(follow(&mut script, Standing::Good), State::Paused);
        script.take(script.state.transition(State::Active, by, None));
        script.take(script.state.transition(State::Suspended, by, None));
        assert_eq!(follow(&mut script, Standing::Good), State::Suspended);
        script.take(script.state.transition(State::Active, by, None));
    }
}

#[test]
fn an_exempt_deployment_is_left_alone() {
    let mut script = deployment(Beginning::Active);
    let reason: Note = "bank transfer".parse().unwrap();
    assert_eq!(script.take(script.state.suspend_billing_action(reason.clone())), 1);
    assert_eq!(script.take(script.state.suspend_billing_action(reason)), 0);
    assert_eq!(follow(&mut script, Standing::Suspended), State::Active);
    assert_eq!(script.take(script.state.restore_billing_action(None)), 1);
    assert_eq!(follow(&mut script, Standing::Suspended), State::Suspended);
}

/// The catalog, and a second version of Studio and of its addon.
fn shop() -> Script<Offers> {
    let mut shop = Script::<Offers>::new();
    shop.take(shop.state.publish(&catalog(), shop.at));
    let mut dearer = catalog();
    dearer.plans[0].name = "Studio 2".parse().unwrap();
    dearer.addons[0].price = crate::money::Money::parse("9", aud()).unwrap();
    shop.take(shop.state.publish(&dearer, shop.at));
    shop
}

fn two_versions() -> Offers {
    shop().state
}

#[test]
fn a_new_version_reprices_nobody_until_they_move() {
    let mut script = deployment(Beginning::Active);
    let studio: PlanCode = "studio".parse().unwrap();
    assert_eq!(script.take(script.state.subscribe(OPERATOR, &offers(), &studio, aud())), 1);
    assert_eq!(script.take(script.state.subscribe(OPERATOR, &offers(), &studio, aud())), 0);
    let storage = "storage_50gb".parse().unwrap();
    let attachment: AttachmentId = "att-1".parse().unwrap();
    let attach = |script: &Script<Deployment>, offers: &Offers| {
        script.state.attach_addon(OPERATOR, offers, &attachment, &storage, aud())
    };
    assert_eq!(script.take(attach(&script, &offers())), 1);

    let dearer = two_versions();
    // The same attachment again keeps its price.
    assert_eq!(script.take(attach(&script, &dearer)), 0);
    assert_eq!(script.state.addons().next().unwrap().price.to_string(), "7.50 AUD");
    assert_eq!(script.state.subscription().unwrap().version, 1);
    assert_eq!(script.take(script.state.subscribe(OPERATOR, &dearer, &studio, aud())), 1);
    assert_eq!(script.state.subscription().unwrap().version, 2);
    assert_eq!(script.state.addons().count(), 1);
}

#[test]
fn another_plan_while_it_is_paused_charges_nothing_until_it_is_resumed() {
    let mut script = deployment(Beginning::Active);
    let studio: PlanCode = "studio".parse().unwrap();
    script.take(script.state.subscribe(OPERATOR, &offers(), &studio, aud()));
    assert_eq!(script.take(script.state.pause_subscription(None)), 1);
    let offers = two_versions();
    assert_eq!(script.take(script.state.subscribe(OPERATOR, &offers, &studio, aud())), 1);
    let paused = SubscriptionState::Paused;
    let found = script.state.subscription().unwrap();
    assert_eq!((found.version, found.state), (2, paused));
    assert_eq!(script.take(script.state.resume_subscription(None)), 1);
    assert_eq!(script.state.subscription().unwrap().state, SubscriptionState::Active);
}

#[test]
fn subscribing_again_goes_on_without_the_old_addons() {
    let mut script = deployment(Beginning::Active);
    let studio: PlanCode = "studio".parse().unwrap();
    let (attachment, storage) = ("att-1".parse().unwrap(), "storage_50gb".parse().unwrap());
    script.take(script.state.subscribe(OPERATOR, &offers(), &studio, aud()));
    script.take(script.state.attach_addon(OPERATOR, &offers(), &attachment, &storage, aud()));
    assert_eq!(script.take(script.state.cancel_subscription(None)), 1);
    assert_eq!(script.take(script.state.cancel_subscription(None)), 0);
    let refusal = script.state.pause_subscription(None).unwrap_err();
    assert_eq!((refusal.code(), refusal.kind()), ("not_subscribed", RefusalKind::Conflict));
    assert_eq!(script.take(script.state.subscribe(OPERATOR, &offers(), &studio, aud())), 1);
    assert_eq!(script.state.addons().count(), 0);
    assert_eq!(script.take(script.state.detach_addon(&attachment)), 0);
}

#[test]
fn what_is_sold_in_another_currency_is_refused() {
    let mut script = deployment(Beginning::Active);
    let usd = "USD".parse().unwrap();
    let code = |answer: Answer| answer.unwrap_err().code();
    assert_eq!(
        code(script.state.subscribe(OPERATOR, &offers(), &"studio".parse().unwrap(), usd)),
        "currency_mismatch"
    );
    assert_eq!(
        code(script.state.subscribe(OPERATOR, &offers(), &"gone".parse().unwrap(), usd)),
        "plan_unknown"
    );
    script.take(script.state.subscribe(OPERATOR, &offers(), &"studio".parse().unwrap(), aud()));
    let (attachment, storage) = ("att-1".parse().unwrap(), "storage_50gb".parse().unwrap());
    let foreign = script.state.attach_addon(OPERATOR, &offers(), &attachment, &storage, usd);
    assert_eq!(code(foreign), "currency_mismatch");
    script.take(script.state.transition(State::Cancelled, OPERATOR, None));
    assert_eq!(
        code(script.state.subscribe(OPERATOR, &offers(), &"studio".parse().unwrap(), aud())),
        "deployment_over"
    );
}

/// An addon raises an allowance. Where the plan has none of its kind it would be paid for nothing.
#[test]
fn an_addon_of_a_kind_that_the_plan_does_not_sell_is_refused() {
    let mut script = deployment(Beginning::Active);
    let mut shop = catalog();
    let mut tokens = shop.addons[0].clone();
    (tokens.code, tokens.kind) = ("llm_1m".parse().unwrap(), "llm_tokens".parse().unwrap());
    let mut bare = shop.plans[0].clone();
    (bare.plan, bare.items) = ("bare".parse().unwrap(), Vec::new());
    shop.addons.push(tokens);
    shop.plans.push(bare);
    let mut script_of_shop = Script::<Offers>::new();
    script_of_shop.take(script_of_shop.state.publish(&shop, script_of_shop.at));
    let offers = script_of_shop.state;
    let (studio, bare) = ("studio".parse().unwrap(), "bare".parse().unwrap());
    script.take(script.state.subscribe(OPERATOR, &offers, &studio, aud()));
    let attach = |script: &Script<Deployment>, code: &str| {
        let (attachment, addon) = (code.parse().unwrap(), code.parse().unwrap());
        script.state.attach_addon(OPERATOR, &offers, &attachment, &addon, aud())
    };
    let refusal = attach(&script, "llm_1m").unwrap_err();
    assert_eq!((refusal.code(), refusal.kind()), ("addon_useless", RefusalKind::Unprocessable));
    assert_eq!(refusal.to_string(), "llm_1m adds llm_tokens, which studio does not have");
    assert_eq!(script.take(attach(&script, "storage_50gb")), 1);
    // Nor does a plan change leave one behind that gives nothing.
    let refusal = script.state.subscribe(OPERATOR, &offers, &bare, aud()).unwrap_err();
    assert_eq!(refusal.to_string(), "storage_50gb adds spaces_gb_month, which bare does not have");
    script.take(script.state.detach_addon(&"storage_50gb".parse().unwrap()));
    assert_eq!(script.take(script.state.subscribe(OPERATOR, &offers, &bare, aud())), 1);
}

#[test]
fn a_resource_is_linked_once() {
    let mut script = deployment(Beginning::Active);
    let droplet: ResourceId = "digitalocean.1".parse().unwrap();
    for expected in [1, 0] {
        assert_eq!(script.take(script.state.link(&droplet)), expected);
    }
    for expected in [1, 0] {
        assert_eq!(script.take(script.state.unlink(&droplet, None)), expected);
    }
    assert!(script.state.resources().is_empty());
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Whatever is asked in whatever order, the states a deployment was in follow the table.
    #[test]
    fn no_order_of_commands_leaves_the_table(
        wishes in proptest::collection::vec((0_usize..8, 0_usize..4, any::<bool>()), 0..40),
    ) {
        let mut script = deployment(Beginning::Provisioning);
        for (to, standing, by_hand) in wishes {
            let from = script.state.state().unwrap();
            let standings =
                [Standing::Good, Standing::Warned, Standing::FinalWarning, Standing::Suspended];
            script.role = if by_hand { Role::Operator } else { Role::System };
            let answer = if by_hand {
                script.state.transition(STATES[to], OPERATOR, None)
            } else {
                script.state.follow(standings[standing], None)
            };
            let count = answer.map(|it| script.take(Ok::<_, DeploymentRefusal>(it))).unwrap_or(0);
            let now = script.state.state().unwrap();
            prop_assert_eq!(count == 0, from == now);
            let row = DOMAIN.split("; ").find(|it| it.starts_with(&word(from))).unwrap();
            prop_assert!(count == 0 || row.contains(&word(now)));
        }
    }

    /// What a decision says of a subscription is what the bill says: whether a day is charged, and
    /// by which version.
    #[test]
    fn the_decision_and_the_bill_fold_any_history_to_the_same_subscription(
        wishes in proptest::collection::vec((0_usize..6, 0_usize..8, 0_usize..2), 0..40),
    ) {
        let (old, new) = (offers(), two_versions());
        let mut catalog = CatalogFold::default();
        for record in shop().records() {
            catalog = catalog.fold(record).unwrap();
        }
        let mut script = deployment(Beginning::Active);
        let stream: Stream = Deployment::STREAM.parse().unwrap();
        let Stream::Deployment(tenant, slug) = stream else { panic!("{stream}") };
        let mut bill = DeploymentFold::of(tenant, slug);
        let mut told = 0;
        for (wish, to, version) in wishes {
            script.pass(3_600);
            let studio: PlanCode = "studio".parse().unwrap();
            let offers = if version == 0 { &old } else { &new };
            let state = &script.state;
            let answer = match wish {
                0 | 1 => state.subscribe(OPERATOR, offers, &studio, aud()),
                2 => state.pause_subscription(None),
                3 => state.resume_subscription(None),
                4 => state.cancel_subscription(None),
                _ => state.transition(STATES[to], OPERATOR, None),
            };
            script.take(Ok::<_, DeploymentRefusal>(answer.unwrap_or_default()));
            // The bill reads what was recorded and nothing else.
            for record in &script.records()[told..] {
                bill = bill.fold(record).unwrap();
            }
            told = script.told().len();
            let deployment = bill.deployment(&catalog).unwrap();
            let runs = matches!(script.state.state(), Some(State::Active | State::PastDue));
            let subscription = script.state.subscription();
            let pays = subscription.is_some_and(|it| it.state == SubscriptionState::Active);
            let charged = deployment.charged.last().is_some_and(|it| it.is_charged);
            prop_assert_eq!(charged, runs && pays);
            let bound = deployment.bound.last().map(|it| it.version);
            prop_assert_eq!(bound, subscription.map(|it| it.version));
        }
    }
}
