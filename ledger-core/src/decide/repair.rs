//! The reconciler: what it may mend by itself, and what it may only propose.
//!
//! A repair of level one changes nothing that a customer can lose, and is done where the reconciler
//! is switched on; the list of them is closed. Everything else is a proposal for ever. One process
//! leads at a time, by the number of its lease. A suspended tenant is never repaired back to
//! running, so none of its repairs is done. The same finding is the same repair.

use sha2::{Digest, Sha256};

use super::account::Standing;
use super::{Refusal, RefusalKind, nothing, one};
use crate::event::deployment::State;
use crate::event::operation::{self, RepairApplied, RepairLevel, RepairProposed, RepairSkipped};
use crate::event::{Event, ledger};
use crate::fold::{FoldError, FoldProblem};
use crate::id::{DeploymentId, FieldName, Label, Note, OperationId, RepairId, Sha256Digest};
use crate::log::Record;
use crate::stream::Stream;

/// What may be done without asking.
pub const LEVEL_ONE: [&str; 2] = ["clear_stale_operation_lock", "edge_republish"];

/// Something that the reconciler found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What would mend it.
    pub action: FieldName,
    /// What a customer can lose by that, as whoever looked says.
    pub level: RepairLevel,
    /// Where.
    pub deployment: DeploymentId,
    /// What was found, in words that another occurrence does not have.
    pub finding: Label,
}

impl Finding {
    /// The name of its repair: the same finding has the same.
    pub fn repair(&self) -> RepairId {
        let mut hash = Sha256::new();
        for part in [&self.deployment.to_string(), self.action.as_str(), self.finding.as_str()] {
            // No text that is an id or a name holds this byte.
            hash.update(part);
            hash.update([0]);
        }
        let digest = Sha256Digest::from_bytes(hash.finalize().into()).to_string();
        let name = format!("repair-{}", digest.get(..32).unwrap_or_default());
        RepairId::new(&name).expect("a word and a digest are a repair's name")
    }
}

/// The stream of a repair: that of an operation of its name.
pub fn stream(repair: &RepairId) -> Stream {
    let id = OperationId::new(repair.as_str()).expect("repairs are named as operations are");
    Stream::Operation(id)
}

/// Who leads, as the ledger's own stream says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    fence: u64,
}

impl Lease {
    /// One record of the ledger's stream further.
    #[must_use]
    pub fn fold(self, record: &Record) -> Self {
        if let Event::Ledger(ledger::Event::WriterLeaseTaken(it)) = &record.event {
            return Self { fence: self.fence.max(it.fence) };
        }
        self
    }

    /// The number of whoever leads.
    pub const fn fence(self) -> u64 {
        self.fence
    }
}

/// Whether the reconciler does what it may, or only says what it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It proposes.
    #[default]
    DryRun,
    /// It does what level one allows.
    Apply,
}

/// Under which circumstances a reconciler looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances {
    /// Whether it is switched on.
    pub mode: Mode,
    /// The number of the lease that it holds.
    pub held: u64,
    /// The lease of the ledger.
    pub lease: Lease,
    /// How the tenant stands.
    pub standing: Standing,
    /// Where the deployment stands, where there is one.
    pub state: Option<State>,
}

/// What a reconciler does next about a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairStep {
    /// Record this.
    Record(Vec<Event>),
    /// Do it, safely twice, and record that it was done.
    Perform,
    /// It waits for a person, or for the reconciler to be switched on.
    Waits,
    /// It was done, or will not be.
    Over,
}

/// Why a repair is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RepairRefusal {
    /// Another process leads.
    #[error("lease {held} is not the current one, {current}")]
    NotLeader {
        /// What was held.
        held: u64,
        /// What is current.
        current: u64,
    },
    /// Nobody proposed it.
    #[error("no such repair")]
    RepairUnknown,
    /// Nothing but level one is ever done by itself.
    #[error("{action} is a proposal")]
    ProposalOnly {
        /// What would be done.
        action: FieldName,
    },
    /// It was decided otherwise.
    #[error("the repair was {}", if *.is_applied { "applied" } else { "skipped" })]
    AlreadyOver {
        /// Whether it was done.
        is_applied: bool,
    },
    /// The reconciler was switched off meanwhile.
    #[error("the reconciler is switched off")]
    SwitchedOff,
    /// The tenant or its deployment was suspended meanwhile.
    #[error("a suspended tenant is not repaired back to running")]
    TenantSuspended,
}

impl Refusal for RepairRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotLeader { .. } => "not_leader",
            Self::RepairUnknown => "repair_unknown",
            Self::ProposalOnly { .. } => "proposal_only",
            Self::AlreadyOver { .. } => "repair_over",
            Self::SwitchedOff => "reconciler_off",
            Self::TenantSuspended => "tenant_suspended",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::RepairUnknown => RefusalKind::NotFound,
            Self::NotLeader { .. }
            | Self::AlreadyOver { .. }
            | Self::SwitchedOff
            | Self::TenantSuspended => RefusalKind::Conflict,
            Self::ProposalOnly { .. } => RefusalKind::Unprocessable,
        }
    }
}

/// One repair: the fold of its stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repair {
    proposed: Option<RepairProposed>,
    /// Whether it was done, once it is over.
    is_applied: Option<bool>,
}

impl Repair {
    /// What was proposed.
    pub const fn proposed(&self) -> Option<&RepairProposed> {
        self.proposed.as_ref()
    }

    /// Whether it was done, once it is over.
    pub const fn is_applied(&self) -> Option<bool> {
        self.is_applied
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let foreign = || {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            FoldError::Contradiction { position: record.position, problem }
        };
        let Event::Operation(event) = &record.event else { return Err(foreign()) };
        match event {
            operation::Event::RepairProposed(it) => self.proposed = Some(it.clone()),
            operation::Event::RepairApplied(_) => self.is_applied = Some(true),
            operation::Event::RepairSkipped(_) => self.is_applied = Some(false),
            operation::Event::Requested(_)
            | operation::Event::StepStarted(_)
            | operation::Event::StepCompleted(_)
            | operation::Event::StepFailed(_)
            | operation::Event::StepCompensated(_)
            | operation::Event::Finished(_) => return Err(foreign()),
        }
        Ok(self)
    }

    /// What to do next about a finding.
    pub fn next(
        &self,
        finding: &Finding,
        circumstances: &Circumstances,
    ) -> Result<RepairStep, RepairRefusal> {
        circumstances.lead()?;
        let repair = finding.repair();
        let Some(proposed) = &self.proposed else {
            return Ok(RepairStep::Record(vec![finding.proposal().into()]));
        };
        if self.is_applied.is_some() {
            return Ok(RepairStep::Over);
        }
        if proposed.level != RepairLevel::One {
            return Ok(RepairStep::Waits);
        }
        if circumstances.is_suspended() {
            let reason = Note::new("a suspended tenant is not repaired back to running");
            let reason = reason.expect("a sentence is a note");
            return Ok(RepairStep::Record(vec![RepairSkipped { repair, reason }.into()]));
        }
        Ok(match circumstances.mode {
            Mode::DryRun => RepairStep::Waits,
            Mode::Apply => RepairStep::Perform,
        })
    }

    /// Records that it was done. Twice changes nothing. What `next` looked at may have changed, so
    /// it is looked at again: a repair that may no longer be done is not recorded as done.
    pub fn apply(&self, circumstances: &Circumstances) -> Result<Vec<Event>, RepairRefusal> {
        circumstances.lead()?;
        let proposed = self.proposed.as_ref().ok_or(RepairRefusal::RepairUnknown)?;
        if proposed.level != RepairLevel::One {
            return Err(RepairRefusal::ProposalOnly { action: proposed.action.clone() });
        }
        match self.is_applied {
            Some(true) => nothing(),
            Some(is_applied) => Err(RepairRefusal::AlreadyOver { is_applied }),
            None if circumstances.mode == Mode::DryRun => Err(RepairRefusal::SwitchedOff),
            None if circumstances.is_suspended() => Err(RepairRefusal::TenantSuspended),
            None => one(RepairApplied { repair: proposed.repair.clone() }),
        }
    }

    /// Records that it will not be done: somebody said no. Twice changes nothing.
    pub fn skip(&self, reason: Note) -> Result<Vec<Event>, RepairRefusal> {
        let proposed = self.proposed.as_ref().ok_or(RepairRefusal::RepairUnknown)?;
        match self.is_applied {
            Some(false) => nothing(),
            Some(is_applied) => Err(RepairRefusal::AlreadyOver { is_applied }),
            None => one(RepairSkipped { repair: proposed.repair.clone(), reason }),
        }
    }
}

impl Finding {
    /// What is on the list is level one; whatever else calls itself so is at least level two.
    fn proposal(&self) -> RepairProposed {
        let is_listed = LEVEL_ONE.contains(&self.action.as_str());
        let level = match (is_listed, self.level) {
            (true, _) => RepairLevel::One,
            (false, RepairLevel::Three) => RepairLevel::Three,
            (false, RepairLevel::One | RepairLevel::Two) => RepairLevel::Two,
        };
        RepairProposed {
            repair: self.repair(),
            level,
            action: self.action.clone(),
            deployment: self.deployment.clone(),
            finding: self.finding.clone(),
        }
    }
}

impl Circumstances {
    fn lead(&self) -> Result<(), RepairRefusal> {
        let (held, current) = (self.held, self.lease.fence());
        if held == current { Ok(()) } else { Err(RepairRefusal::NotLeader { held, current }) }
    }

    fn is_suspended(&self) -> bool {
        self.standing == Standing::Suspended || self.state == Some(State::Suspended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::script::{Folded, Script};

    impl Folded for Repair {
        const STREAM: &str = "operation-repair-1";

        fn after(self, record: &Record) -> Result<Self, FoldError> {
            self.fold(record)
        }
    }

    const LEADS: Circumstances = Circumstances {
        mode: Mode::Apply,
        held: 7,
        lease: Lease { fence: 7 },
        standing: Standing::Good,
        state: Some(State::Active),
    };

    fn finding(action: &str, level: RepairLevel) -> Finding {
        Finding {
            action: action.parse().unwrap(),
            level,
            deployment: "acme.shop".parse().unwrap(),
            finding: "lock op-9 has been held since 03:00".parse().unwrap(),
        }
    }

    /// Looks until nothing is left to record; answers how that ended.
    fn look(script: &mut Script<Repair>, finding: &Finding, at: &Circumstances) -> RepairStep {
        for _ in 0..3 {
            let step = script.state.next(finding, at).unwrap();
            let RepairStep::Record(events) = step else { return step };
            script.take(Ok::<_, RepairRefusal>(events));
        }
        panic!("it records for ever")
    }

    #[test]
    fn what_is_on_the_list_is_done_where_the_reconciler_is_switched_on() {
        for action in LEVEL_ONE {
            let (mut script, finding) =
                (Script::<Repair>::new(), finding(action, RepairLevel::Two));
            let dry = Circumstances { mode: Mode::default(), ..LEADS };
            assert_eq!(look(&mut script, &finding, &dry), RepairStep::Waits);
            assert_eq!(look(&mut script, &finding, &LEADS), RepairStep::Perform);
            assert_eq!(script.take(script.state.apply(&LEADS)), 1);
            assert_eq!(script.take(script.state.apply(&LEADS)), 0);
            assert_eq!(look(&mut script, &finding, &LEADS), RepairStep::Over);
            let refusal = script.state.skip("no".parse().unwrap()).unwrap_err();
            assert_eq!(refusal.code(), "repair_over");
        }
    }

    #[test]
    fn everything_else_is_a_proposal_for_ever_whatever_it_calls_itself() {
        for level in [RepairLevel::One, RepairLevel::Two, RepairLevel::Three] {
            let (mut script, finding) = (Script::<Repair>::new(), finding("restart", level));
            assert_eq!(look(&mut script, &finding, &LEADS), RepairStep::Waits);
            assert_ne!(script.state.proposed().unwrap().level, RepairLevel::One);
            assert_eq!(script.state.apply(&LEADS).unwrap_err().code(), "proposal_only");
            assert_eq!(script.take(script.state.skip("no".parse().unwrap())), 1);
            assert_eq!(script.take(script.state.skip("no".parse().unwrap())), 0);
            assert_eq!(look(&mut script, &finding, &LEADS), RepairStep::Over);
        }
    }

    #[test]
    fn a_suspended_tenant_is_never_repaired() {
        let suspended = Circumstances { standing: Standing::Suspended, ..LEADS };
        let deployment = Circumstances { state: Some(State::Suspended), ..LEADS };
        for at in [suspended, deployment] {
            let mut script = Script::<Repair>::new();
            let finding = finding("edge_republish", RepairLevel::One);
            assert_eq!(look(&mut script, &finding, &at), RepairStep::Over);
            assert_eq!(script.state.is_applied(), Some(false));
            assert_eq!(script.state.apply(&LEADS).unwrap_err().code(), "repair_over");
        }
    }

    /// Between looking and recording the reconciler is switched off, or somebody is suspended.
    #[test]
    fn what_changed_since_it_was_looked_at_is_looked_at_again() {
        let off = Circumstances { mode: Mode::DryRun, ..LEADS };
        let tenant = Circumstances { standing: Standing::Suspended, ..LEADS };
        let deployment = Circumstances { state: Some(State::Suspended), ..LEADS };
        for (at, code) in [
            (off, "reconciler_off"),
            (tenant, "tenant_suspended"),
            (deployment, "tenant_suspended"),
        ] {
            let mut script = Script::<Repair>::new();
            let finding = finding("edge_republish", RepairLevel::One);
            assert_eq!(look(&mut script, &finding, &LEADS), RepairStep::Perform);
            let refusal = script.state.apply(&at).unwrap_err();
            assert_eq!((refusal.code(), refusal.kind()), (code, RefusalKind::Conflict));
            // What was recorded in time stays so, and says so again.
            assert_eq!(script.take(script.state.apply(&LEADS)), 1);
            assert_eq!(script.take(script.state.apply(&at)), 0);
        }
    }

    #[test]
    fn only_the_leader_looks() {
        let (script, finding) =
            (Script::<Repair>::new(), finding("edge_republish", RepairLevel::One));
        for held in [6, 8] {
            let at = Circumstances { held, ..LEADS };
            let refusal = script.state.next(&finding, &at).unwrap_err();
            assert_eq!(refusal, RepairRefusal::NotLeader { held, current: 7 });
            assert_eq!(script.state.apply(&at).unwrap_err().code(), "not_leader");
        }
        assert_eq!(script.state.apply(&LEADS).unwrap_err().code(), "repair_unknown");
    }

    #[test]
    fn the_same_finding_is_the_same_repair() {
        let one = finding("restart", RepairLevel::Two);
        assert_eq!(one.repair(), Finding { level: RepairLevel::Three, ..one.clone() }.repair());
        let other = Finding { finding: "lock op-10".parse().unwrap(), ..one.clone() };
        assert_ne!(one.repair(), other.repair());
        assert_eq!(stream(&one.repair()).to_string(), format!("operation-{}", one.repair()));
    }
}
