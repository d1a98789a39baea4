//! Durable work in steps: what to drive next, and what a worker's report makes of it.
//!
//! Steps are data and are driven from outside, one at a time. A step that fails for good turns the
//! operation round: what was completed is undone in reverse. A step that is not safe to do twice is
//! never retried by itself, also where nobody knows what became of it: then somebody is asked.

use super::{Refusal, RefusalKind, nothing, one};
use crate::event;
use crate::event::inventory::Fields;
use crate::event::operation::{
    Ending, Event, Finished, OperationKind, Requested, Step, StepCompensated, StepCompleted,
    StepFailed, StepStarted,
};
use crate::fold::{FoldError, FoldProblem};
use crate::id::{EventId, Key, Note, OperationId, Role, StepName};
use crate::log::Record;

/// What making a deployment takes: name, whether it is safe to do twice, whether it is undone.
const PROVISIONING: [(&str, bool, bool); 7] = [
    ("mark", true, true),
    ("create_droplet", false, true),
    ("wait_active", true, false),
    ("register", true, true),
    ("link", true, true),
    ("point_dns", true, true),
    ("activate", true, false),
];

/// What taking one down takes. Nothing of it can be undone.
const TEARDOWN: [(&str, bool, bool); 5] = [
    ("revert_dns", true, false),
    ("destroy", true, false),
    ("mark_deleted", true, false),
    ("unlink", true, false),
    ("cancel", true, false),
];

/// The steps of a kind of operation where nobody gives others.
pub fn default_steps(kind: OperationKind) -> Vec<Step> {
    let steps = match kind {
        OperationKind::Provisioning => PROVISIONING.as_slice(),
        OperationKind::Teardown => TEARDOWN.as_slice(),
    };
    let step = |(name, safe, compensated): &(&str, bool, bool)| Step {
        name: StepName::new(name).expect("a word is a step"),
        safe: *safe,
        compensated: *compensated,
    };
    steps.iter().map(step).collect()
}

/// The operation that a command asks for: the same key, the same operation.
pub fn operation_of(key: &Key) -> OperationId {
    OperationId::new(&format!("op-{}", EventId::derive(key))).expect("digits and hyphens")
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nobody has taken it on.
    Queued,
    /// Steps are being done.
    Running,
    /// All steps are done.
    Succeeded,
    /// It is over, and not all that was done is undone.
    Failed,
    /// What was done is being undone.
    Compensating,
    /// All that was done is undone.
    Compensated,
}

/// What has to happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// Do this step.
    Do(&'a Step),
    /// Undo this step.
    Undo(&'a Step),
    /// Nobody said what became of this step, and it may not be done twice: find out and report.
    Ask(&'a Step),
    /// Write down that it is over.
    Finish(Ending),
    /// Nothing: it is over.
    Over(Ending),
}

/// What a worker says of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It was taken on, to be done or undone.
    Started,
    /// It is done.
    Completed(Fields),
    /// Doing or undoing it failed.
    Failed {
        /// What went wrong.
        reason: Note,
        /// Whether trying again may help.
        retryable: bool,
    },
    /// It is undone.
    Compensated,
}

/// The fold of `operation-{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Operation {
    requested: Option<Requested>,
    steps: Vec<Progress>,
    ending: Option<Ending>,
}

/// How far a step is, each way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Progress {
    doing: Turn,
    undoing: Turn,
    /// Its newest event: said again, it is a repeat.
    last: Option<Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Turn {
    #[default]
    Waiting,
    Started,
    Done,
    Failed {
        retryable: bool,
    },
}

impl Turn {
    /// Whether it failed and is not tried again.
    const fn is_lost(self, step: &Step) -> bool {
        matches!(self, Self::Failed { retryable } if !(retryable && step.safe))
    }

    /// Whether only somebody who looks can say what became of it.
    fn is_unknown(self, step: &Step) -> bool {
        self == Self::Started && !step.safe
    }
}

type Answer = Result<Vec<event::Event>, OperationRefusal>;

impl Operation {
    /// What was asked for.
    pub const fn requested(&self) -> Option<&Requested> {
        self.requested.as_ref()
    }

    /// What one more record makes of it.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let position = record.position;
        let event::Event::Operation(event) = &record.event else {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            return Err(FoldError::Contradiction { position, problem });
        };
        let unknown = |step: &StepName| {
            Err(FoldError::Unknown { position, noun: "step", name: step.to_string() })
        };
        match self.apply(event) {
            Ok(()) => Ok(self),
            Err(Some(step)) => unknown(&step),
            Err(None) => {
                let name = record.stream.to_string();
                Err(FoldError::Repeated { position, noun: "operation", name })
            }
        }
    }

    /// Takes in an event, or names the step it should be about.
    fn apply(&mut self, event: &Event) -> Result<(), Option<StepName>> {
        let is_undoing = self.is_compensating();
        match event {
            Event::Requested(it) if self.requested.is_none() => {
                self.steps = vec![Progress::default(); it.steps.len()];
                self.requested = Some(it.clone());
            }
            Event::Requested(_) => return Err(None),
            Event::StepStarted(it) => self.turn(&it.step, is_undoing, Turn::Started, event)?,
            Event::StepCompleted(it) => self.turn(&it.step, false, Turn::Done, event)?,
            Event::StepFailed(it) => {
                let failed = Turn::Failed { retryable: it.retryable };
                self.turn(&it.step, is_undoing, failed, event)?;
            }
            Event::StepCompensated(it) => self.turn(&it.step, true, Turn::Done, event)?,
            Event::Finished(it) => self.ending = Some(it.ending),
            // Repairs are about what runs, not about how it was made.
            Event::RepairProposed(_) | Event::RepairApplied(_) | Event::RepairSkipped(_) => (),
        }
        Ok(())
    }

    fn turn(
        &mut self,
        name: &StepName,
        is_undoing: bool,
        turn: Turn,
        event: &Event,
    ) -> Result<(), Option<StepName>> {
        let place = self.place(name).ok_or_else(|| Some(name.clone()))?;
        let Some(progress) = self.steps.get_mut(place) else { return Err(Some(name.clone())) };
        if is_undoing {
            progress.undoing = turn;
        } else {
            progress.doing = turn;
        }
        progress.last = Some(event.clone());
        Ok(())
    }

    fn place(&self, name: &StepName) -> Option<usize> {
        self.requested.as_ref()?.steps.iter().position(|it| it.name == *name)
    }

    /// The steps and how far each is, in order.
    fn progress(&self) -> impl DoubleEndedIterator<Item = (&Step, &Progress)> {
        let steps = self.requested.iter().flat_map(|it| &it.steps).collect::<Vec<_>>();
        steps.into_iter().zip(&self.steps)
    }

    /// Whether a step failed for good.
    fn is_compensating(&self) -> bool {
        self.progress().any(|(step, it)| it.doing.is_lost(step))
    }

    /// What has to happen next; nothing where nothing was asked for.
    pub fn next(&self) -> Option<Next<'_>> {
        let requested = self.requested.as_ref()?;
        if let Some(ending) = self.ending {
            return Some(Next::Over(ending));
        }
        Some(if !self.is_compensating() {
            match self.progress().find(|(_, it)| it.doing != Turn::Done) {
                Some((step, it)) if it.doing.is_unknown(step) => Next::Ask(step),
                Some((step, _)) => Next::Do(step),
                None => Next::Finish(Ending::Succeeded),
            }
        } else if requested.kind == OperationKind::Teardown {
            // What a teardown has destroyed nobody can give back.
            Next::Finish(Ending::Failed)
        } else {
            self.next_undone()
        })
    }

    /// The last completed step that is not undone. One whose undoing failed for good is passed
    /// over: what stands before it is undone all the same, so that nothing goes on costing.
    fn next_undone(&self) -> Next<'_> {
        let completed =
            |(step, it): &(&Step, &Progress)| step.compensated && it.doing == Turn::Done;
        let left =
            |(step, it): &(&Step, &Progress)| it.undoing != Turn::Done && !it.undoing.is_lost(step);
        match self.progress().rev().filter(completed).find(left) {
            Some((step, it)) if it.undoing.is_unknown(step) => Next::Ask(step),
            Some((step, _)) => Next::Undo(step),
            None if self.progress().any(|(step, it)| it.undoing.is_lost(step)) => {
                Next::Finish(Ending::Failed)
            }
            None => Next::Finish(Ending::Compensated),
        }
    }

    /// Where it stands; nothing where nothing was asked for.
    pub fn status(&self) -> Option<Status> {
        let is_untouched = self.steps.iter().all(|it| it.last.is_none());
        Some(match self.next()? {
            Next::Over(ending) | Next::Finish(ending) => match ending {
                Ending::Succeeded => Status::Succeeded,
                Ending::Failed => Status::Failed,
                Ending::Compensated => Status::Compensated,
            },
            Next::Do(_) if is_untouched => Status::Queued,
            Next::Do(_) => Status::Running,
            Next::Undo(_) => Status::Compensating,
            Next::Ask(_) if self.is_compensating() => Status::Compensating,
            Next::Ask(_) => Status::Running,
        })
    }

    /// Asks for work. The same request again is the same operation. A teardown is asked for by a
    /// person: the operator or the owner, and never by a process of ours.
    pub fn request(&self, command: &Requested, by: Role) -> Answer {
        if let Some(known) = &self.requested {
            let is_same = known == command;
            return if is_same { nothing() } else { Err(OperationRefusal::OperationExists) };
        }
        let is_a_person = by.is_staff() || by == Role::Tenant;
        if command.kind == OperationKind::Teardown && !is_a_person {
            return Err(OperationRefusal::TeardownByProcess { by });
        }
        if command.steps.is_empty() {
            return Err(OperationRefusal::NoSteps);
        }
        for (place, step) in command.steps.iter().enumerate() {
            if command.steps.iter().take(place).any(|it| it.name == step.name) {
                return Err(OperationRefusal::StepTwice { step: step.name.clone() });
            }
        }
        one(command.clone())
    }

    /// Takes down what a worker says of a step, and with its last word that the work is over. The
    /// same word again changes nothing.
    pub fn report(&self, name: &StepName, report: &Report) -> Answer {
        self.requested.as_ref().ok_or(OperationRefusal::OperationUnknown)?;
        let unknown = || OperationRefusal::StepUnknown { step: name.clone() };
        let place = self.place(name).ok_or_else(unknown)?;
        let event = told(name, report);
        let progress = self.steps.get(place).ok_or_else(unknown)?;
        if progress.last.as_ref() == Some(&event) {
            return nothing();
        }
        let next = self.next().ok_or(OperationRefusal::OperationUnknown)?;
        let (due, is_undoing) = match next {
            Next::Do(step) => (step, false),
            Next::Undo(step) => (step, true),
            Next::Ask(step) => (step, self.is_compensating()),
            Next::Finish(ending) | Next::Over(ending) => {
                return Err(OperationRefusal::OperationOver { ending });
            }
        };
        if due.name != *name {
            let (step, due) = (name.clone(), due.name.clone());
            return Err(OperationRefusal::StepNotDue { step, due });
        }
        let turn = if is_undoing { progress.undoing } else { progress.doing };
        let is_fit = match report {
            Report::Started => true,
            Report::Failed { .. } => turn == Turn::Started,
            Report::Completed(_) => turn == Turn::Started && !is_undoing,
            Report::Compensated => turn == Turn::Started && is_undoing,
        };
        if !is_fit {
            return Err(OperationRefusal::ReportUnfit { step: name.clone(), is_undoing });
        }
        let mut after = self.clone();
        after.apply(&event).map_err(|_| unknown())?;
        let mut events = vec![event::Event::Operation(event)];
        if let Some(Next::Finish(ending)) = after.next() {
            events.push(Finished { ending }.into());
        }
        Ok(events)
    }

    /// Writes down that the work is over, where that alone is missing.
    pub fn finish(&self) -> Vec<event::Event> {
        match self.next() {
            Some(Next::Finish(ending)) => vec![Finished { ending }.into()],
            Some(Next::Do(_) | Next::Undo(_) | Next::Ask(_) | Next::Over(_)) | None => Vec::new(),
        }
    }
}

/// A report as the event it makes.
fn told(name: &StepName, report: &Report) -> Event {
    let step = name.clone();
    match report {
        Report::Started => Event::StepStarted(StepStarted { step }),
        Report::Completed(result) => {
            Event::StepCompleted(StepCompleted { step, result: result.clone() })
        }
        Report::Failed { reason, retryable } => {
            let (reason, retryable) = (reason.clone(), *retryable);
            Event::StepFailed(StepFailed { step, reason, retryable })
        }
        Report::Compensated => Event::StepCompensated(StepCompensated { step }),
    }
}

/// Why an operation is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationRefusal {
    /// Other work goes by this name.
    #[error("an operation of this name was asked for with other work")]
    OperationExists,
    /// Nothing that runs by itself takes anything down.
    #[error("a teardown is asked for by the operator or the owner, not by a {by:?}")]
    TeardownByProcess {
        /// Who asked.
        by: Role,
    },
    /// There is nothing to do.
    #[error("an operation has at least one step")]
    NoSteps,
    /// Two steps have one name.
    #[error("step {step} is there twice")]
    StepTwice {
        /// Which.
        step: StepName,
    },
    /// Nobody asked for such an operation.
    #[error("there is no such operation")]
    OperationUnknown,
    /// It has no such step.
    #[error("the operation has no step {step}")]
    StepUnknown {
        /// Which.
        step: StepName,
    },
    /// It is over.
    #[error("the operation is over: {ending:?}")]
    OperationOver {
        /// How it ended.
        ending: Ending,
    },
    /// Another step comes first.
    #[error("step {step} is not due; {due} is")]
    StepNotDue {
        /// The step reported.
        step: StepName,
        /// The one that is due.
        due: StepName,
    },
    /// The step has to be started first, or goes the other way.
    #[error("step {step} is to be {} and has to be started first", way(*is_undoing))]
    ReportUnfit {
        /// Which.
        step: StepName,
        /// Whether it is being undone.
        is_undoing: bool,
    },
}

const fn way(is_undoing: bool) -> &'static str {
    if is_undoing { "undone" } else { "done" }
}

impl Refusal for OperationRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::OperationExists => "operation_exists",
            Self::TeardownByProcess { .. } => "teardown_by_process",
            Self::NoSteps => "no_steps",
            Self::StepTwice { .. } => "duplicate_step",
            Self::OperationUnknown => "operation_unknown",
            Self::StepUnknown { .. } => "step_unknown",
            Self::OperationOver { .. } => "operation_over",
            Self::StepNotDue { .. } => "step_not_due",
            Self::ReportUnfit { .. } => "report_unfit",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::OperationUnknown | Self::StepUnknown { .. } => RefusalKind::NotFound,
            Self::OperationExists
            | Self::OperationOver { .. }
            | Self::StepNotDue { .. }
            | Self::ReportUnfit { .. } => RefusalKind::Conflict,
            Self::TeardownByProcess { .. } | Self::NoSteps | Self::StepTwice { .. } => {
                RefusalKind::Unprocessable
            }
        }
    }
}

#[cfg(test)]
mod tests;
