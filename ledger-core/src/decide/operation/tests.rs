//! The saga told in steps; and cut, repeated and misreported at will.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::decide::script::Script;
use crate::testing;

fn step(name: &str) -> StepName {
    name.parse().unwrap()
}

fn failed(retryable: bool) -> Report {
    Report::Failed { reason: Note::new("no capacity").unwrap(), retryable }
}

fn done() -> Report {
    Report::Completed(Fields::new())
}

fn asked(kind: OperationKind, steps: Vec<Step>) -> Requested {
    let deployment = "acme.shop".parse().unwrap();
    Requested { kind, deployment, reservation: None, steps, parameters: Fields::new() }
}

fn begun(kind: OperationKind) -> Script<Operation> {
    let mut script = Script::<Operation>::new();
    let command = asked(kind, default_steps(kind));
    script.take(script.state.request(&command, Role::Tenant));
    script
}

impl Script<Operation> {
    #[track_caller]
    fn tell(&mut self, name: &str, reports: &[Report]) {
        for it in reports {
            self.take(self.state.report(&step(name), it));
        }
    }

    /// What is due, as `do mark`.
    fn due(&self) -> String {
        match self.state.next().unwrap() {
            Next::Do(it) => format!("do {}", it.name),
            Next::Undo(it) => format!("undo {}", it.name),
            Next::Ask(it) => format!("ask {}", it.name),
            Next::Finish(it) => format!("finish {it:?}"),
            Next::Over(it) => format!("over {it:?}"),
        }
    }
}

#[test]
fn all_steps_done_is_success() {
    let mut script = begun(OperationKind::Provisioning);
    assert_eq!(script.state.status(), Some(Status::Queued));
    let steps = default_steps(OperationKind::Provisioning);
    for Step { name, .. } in &steps {
        assert_eq!(script.due(), format!("do {name}"));
        script.tell(name.as_str(), &[Report::Started, done()]);
    }
    assert_eq!(script.due(), "over Succeeded");
    assert_eq!(script.state.status(), Some(Status::Succeeded));
    // The last word again is a repeat; another one is too late.
    assert_eq!(script.state.report(&step("activate"), &done()), Ok(Vec::new()));
    let late = script.state.report(&step("activate"), &failed(true)).unwrap_err();
    assert_eq!(late, OperationRefusal::OperationOver { ending: Ending::Succeeded });
}

#[test]
fn a_failure_undoes_what_was_done_in_reverse() {
    let mut script = begun(OperationKind::Provisioning);
    for name in ["mark", "create_droplet", "wait_active", "register"] {
        script.tell(name, &[Report::Started, done()]);
    }
    // A safe step is tried again while that may help.
    script.tell("link", &[Report::Started, failed(true), Report::Started]);
    assert_eq!((script.due(), script.state.status()), ("do link".into(), Some(Status::Running)));
    script.tell("link", &[failed(false)]);
    assert_eq!(script.state.status(), Some(Status::Compensating));
    for name in ["register", "create_droplet", "mark"] {
        assert_eq!(script.due(), format!("undo {name}"));
        script.tell(name, &[Report::Started, Report::Compensated]);
    }
    assert_eq!(script.due(), "over Compensated");
}

#[test]
fn an_unsafe_step_is_never_done_twice_by_itself() {
    let mut script = begun(OperationKind::Provisioning);
    script.tell("mark", &[Report::Started]);
    // Its worker died: a safe step is simply due.
    assert_eq!(script.due(), "do mark");
    script.tell("mark", &[Report::Started, done()]);
    script.tell("create_droplet", &[Report::Started]);
    assert_eq!(script.due(), "ask create_droplet");
    assert_eq!(script.state.report(&step("create_droplet"), &Report::Started), Ok(Vec::new()));
    script.tell("create_droplet", &[failed(true)]);
    assert_eq!(script.due(), "undo mark");
}

#[test]
fn what_cannot_be_undone_is_passed_over_and_told() {
    let mut script = begun(OperationKind::Provisioning);
    for name in ["mark", "create_droplet"] {
        script.tell(name, &[Report::Started, done()]);
    }
    script.tell("wait_active", &[Report::Started, failed(false)]);
    script.tell("create_droplet", &[Report::Started]);
    assert_eq!(script.due(), "ask create_droplet");
    script.tell("create_droplet", &[failed(true)]);
    script.tell("mark", &[Report::Started, Report::Compensated]);
    assert_eq!((script.due(), script.state.status()), ("over Failed".into(), Some(Status::Failed)));
}

#[test]
fn a_teardown_is_a_persons_and_is_not_undone() {
    let nobody = Operation::default();
    let steps = default_steps(OperationKind::Teardown);
    let command = asked(OperationKind::Teardown, steps);
    for by in [Role::System, Role::Gateway, Role::Producer] {
        let refusal = nobody.request(&command, by).unwrap_err();
        assert_eq!(refusal, OperationRefusal::TeardownByProcess { by });
    }
    for by in [Role::Operator, Role::Importer, Role::Tenant] {
        assert_eq!(nobody.request(&command, by).unwrap().len(), 1);
    }
    let mut script = begun(OperationKind::Teardown);
    script.tell("revert_dns", &[Report::Started, done()]);
    script.tell("destroy", &[Report::Started, failed(false)]);
    assert_eq!(script.due(), "over Failed");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let nobody = Operation::default();
    let empty = asked(OperationKind::Provisioning, Vec::new());
    assert_eq!(nobody.request(&empty, Role::Tenant), Err(OperationRefusal::NoSteps));
    let mut steps = default_steps(OperationKind::Provisioning);
    steps.push(steps[1].clone());
    let twice = nobody.request(&asked(OperationKind::Provisioning, steps), Role::Tenant);
    let create = step("create_droplet");
    assert_eq!(twice, Err(OperationRefusal::StepTwice { step: create.clone() }));
    let unknown = nobody.report(&create, &Report::Started);
    assert_eq!(unknown, Err(OperationRefusal::OperationUnknown));
    let script = begun(OperationKind::Provisioning);
    let state = &script.state;
    assert_eq!(state.request(state.requested().unwrap(), Role::Tenant), Ok(Vec::new()));
    let other = state.request(&empty, Role::Tenant);
    assert_eq!(other, Err(OperationRefusal::OperationExists));
    let refused = |name: &str, report: &Report| state.report(&step(name), report).unwrap_err();
    let due = refused("create_droplet", &Report::Started);
    assert_eq!(due, OperationRefusal::StepNotDue { step: create, due: step("mark") });
    assert!(matches!(refused("paint", &done()), OperationRefusal::StepUnknown { .. }));
    for report in [done(), failed(true), Report::Compensated] {
        let is_undoing = false;
        let unfit = OperationRefusal::ReportUnfit { step: step("mark"), is_undoing };
        assert_eq!(refused("mark", &report), unfit);
    }
    let key = |id: &str| crate::id::Key {
        scope: crate::id::KeyScope::Operator,
        source: "provision".parse().unwrap(),
        id: id.parse().unwrap(),
        index: 0,
    };
    assert_eq!(operation_of(&key("a")), operation_of(&key("a")));
    assert_ne!(operation_of(&key("a")), operation_of(&key("b")));
}

/// What comes of a step each time it is done, and when it is undone.
#[derive(Debug, Clone, Copy)]
struct Fate {
    safe: bool,
    compensated: bool,
    doing: Luck,
    undoing: Luck,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luck {
    Good,
    SecondTime,
    Bad,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let luck = || select(vec![Luck::Good, Luck::Good, Luck::Good, Luck::SecondTime, Luck::Bad]);
    let fate = (any::<bool>(), any::<bool>(), luck(), luck());
    let fate = fate.prop_map(|(safe, compensated, doing, undoing)| Fate {
        safe,
        compensated,
        doing,
        undoing,
    });
    vec(fate, 1..7)
}

fn name_of(place: usize) -> String {
    format!("step-{place}")
}

impl Script<Operation> {
    /// How often a step failed, one way or the other.
    fn failures(&self, name: &StepName, is_undoing: bool) -> usize {
        let failures = self.events().filter(|it| is_failure(it, name)).count();
        // What was done in the end may have failed before; that is no failure of its undoing.
        if is_undoing { failures - self.failed_doing(name) } else { failures }
    }

    fn failed_doing(&self, name: &StepName) -> usize {
        let is_done = |it: &&Event| matches!(it, Event::StepCompleted(it) if it.step == *name);
        let doing = self.events().take_while(|it| !is_done(it));
        doing.filter(|it| is_failure(it, name)).count()
    }

    fn events(&self) -> impl Iterator<Item = &Event> {
        self.told().iter().map(|it| {
            let event::Event::Operation(it) = it else { unreachable!("all are of it") };
            it
        })
    }
}

fn is_failure(event: &Event, name: &StepName) -> bool {
    matches!(event, Event::StepFailed(it) if it.step == *name)
}

/// A worker without a memory: all it knows is what is due and what was said last.
fn drive(mut script: Script<Operation>, fates: &[Fate]) -> Script<Operation> {
    loop {
        let (name, is_undoing) = match script.state.next().unwrap() {
            Next::Do(it) => (it.name.clone(), false),
            Next::Undo(it) => (it.name.clone(), true),
            Next::Ask(it) => (it.name.clone(), script.state.is_compensating()),
            Next::Finish(_) => {
                script.take(Ok::<_, OperationRefusal>(script.state.finish()));
                continue;
            }
            Next::Over(_) => return script,
        };
        let place = script.state.place(&name).unwrap();
        let Fate { doing, undoing, .. } = fates[place];
        let Progress { doing: at, undoing: back, .. } = &script.state.steps[place];
        let (luck, turn) = if is_undoing { (undoing, *back) } else { (doing, *at) };
        let again = script.failures(&name, is_undoing);
        let report = match (turn, luck) {
            (Turn::Waiting | Turn::Failed { .. } | Turn::Done, _) => Report::Started,
            (Turn::Started, Luck::Bad) => failed(false),
            (Turn::Started, Luck::SecondTime) if again == 0 => failed(true),
            (Turn::Started, _) if is_undoing => Report::Compensated,
            (Turn::Started, _) => done(),
        };
        script.take(script.state.report(&name, &report));
    }
}

proptest! {
    #![proptest_config(testing::cases(10_000))]

    /// Cut after any event and resumed from the log alone, an operation makes the same events to
    /// its end; and what is undone is what was completed, in reverse.
    #[test]
    fn an_operation_finishes_the_same_wherever_it_is_cut(
        fates in fates(),
        is_teardown in any::<bool>(),
        cut in any::<Index>(),
        noise in vec((0..7_usize, 0..4_usize), 0..6),
    ) {
        let kind = if is_teardown { OperationKind::Teardown } else { OperationKind::Provisioning };
        let steps = fates.iter().enumerate().map(|(place, it)| Step {
            name: step(&name_of(place)),
            safe: it.safe,
            compensated: it.compensated,
        });
        let command = asked(kind, steps.collect());
        let mut script = Script::<Operation>::new();
        script.take(script.state.request(&command, Role::Operator));
        let whole = drive(script, &fates);
        let log = whole.told().to_vec();
        let mut resumed = Script::<Operation>::new();
        for event in &log[..=cut.index(log.len())] {
            resumed.record(event.clone());
        }
        // Words about steps that are not due are refused, or said before, and change nothing.
        let due = resumed.due();
        for (place, word) in noise {
            let report = [Report::Started, done(), failed(true), Report::Compensated][word].clone();
            let name = name_of(place);
            if !due.ends_with(&name) {
                let answer = resumed.state.report(&step(&name), &report);
                prop_assert!(answer.is_err() || answer == Ok(Vec::new()));
            }
        }
        let resumed = drive(resumed, &fates);
        prop_assert_eq!(resumed.told(), log.as_slice());

        let (mut completed, mut undone, mut given_up) = (Vec::new(), Vec::new(), false);
        let mut starts = vec![[0_usize; 2]; fates.len()];
        let mut is_turned = false;
        for event in &log {
            let event::Event::Operation(event) = event else { unreachable!("all are of it") };
            match event {
                Event::StepCompleted(it) => completed.push(it.step.clone()),
                Event::StepCompensated(it) => undone.push(it.step.clone()),
                Event::StepStarted(it) => {
                    let place = (0..).find(|place| name_of(*place) == it.step.as_str()).unwrap();
                    starts[place][usize::from(is_turned)] += 1;
                }
                Event::StepFailed(it) => {
                    let place = (0..).find(|place| name_of(*place) == it.step.as_str()).unwrap();
                    let is_lost = !(fates[place].safe && it.retryable);
                    given_up |= is_lost && is_turned;
                    is_turned |= is_lost;
                }
                Event::Requested(_)
                | Event::Finished(_)
                | Event::RepairProposed(_)
                | Event::RepairApplied(_)
                | Event::RepairSkipped(_) => (),
            }
        }
        for (fate, starts) in fates.iter().zip(starts) {
            prop_assert!(fate.safe || (starts[0] <= 1 && starts[1] <= 1));
        }
        let undoable = |it: &&StepName| {
            command.steps.iter().any(|step| step.name == **it && step.compensated)
        };
        let due_back = completed.iter().filter(undoable).rev().cloned().collect::<Vec<_>>();
        let ending = resumed.due();
        match (is_turned, is_teardown) {
            (false, _) => prop_assert_eq!((ending.as_str(), undone.len()), ("over Succeeded", 0)),
            (true, true) => prop_assert_eq!((ending.as_str(), undone.len()), ("over Failed", 0)),
            (true, false) if given_up => {
                prop_assert_eq!(ending.as_str(), "over Failed");
                let mut left = due_back.iter();
                prop_assert!(undone.iter().all(|it| left.any(|other| other == it)));
                prop_assert!(undone.len() < due_back.len());
            }
            (true, false) => {
                prop_assert_eq!(ending.as_str(), "over Compensated");
                prop_assert_eq!(undone, due_back);
            }
        }
    }

    /// Anything that may stand in such a stream folds or is refused, and can be asked everything.
    #[test]
    fn nothing_that_can_be_recorded_makes_an_operation_panic(
        events in vec(testing::events::event(), 0..80),
    ) {
        let mut script = begun(OperationKind::Provisioning);
        let stream = "operation-op-1".parse().unwrap();
        for event in events.into_iter().filter(|it| it.belongs_in(&stream)) {
            script.try_record(event);
            let is_over = matches!(script.state.next(), Some(Next::Over(_)));
            for Step { name, .. } in default_steps(OperationKind::Provisioning) {
                let answer = script.state.report(&name, &Report::Started);
                prop_assert!(!is_over || answer.is_err() || answer == Ok(Vec::new()));
            }
            prop_assert!(script.state.status().is_some());
        }
    }
}
