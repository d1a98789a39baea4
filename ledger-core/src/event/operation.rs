//! Durable work in steps, and the repairs a reconciler proposes.
//!
//! Steps are data: the plan of an operation is written down when it is requested, and a worker
//! outside drives and reports each. The newest event of a step says where it stands.

use serde::{Deserialize, Serialize};

use super::inventory::Fields;
use crate::id::{DeploymentId, FieldName, Label, Note, RepairId, ReservationId, StepName};

event_family! {
    /// What became of a piece of work.
    pub enum Event in Operation {
        "operation-requested.v1" => Requested in Operation,
        "operation-step-started.v1" => StepStarted in Operation,
        "operation-step-completed.v1" => StepCompleted in Operation,
        "operation-step-failed.v1" => StepFailed in Operation,
        "operation-step-compensated.v1" => StepCompensated in Operation,
        "operation-finished.v1" => Finished in Operation,
        "operation-repair-proposed.v1" => RepairProposed in Operation,
        "operation-repair-applied.v1" => RepairApplied in Operation,
        "operation-repair-skipped.v1" => RepairSkipped in Operation,
    }
}

/// Work was asked for; this is all of its plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// What sort of work.
    pub kind: OperationKind,
    /// For which deployment.
    pub deployment: DeploymentId,
    /// The room it was granted, released when it fails.
    pub reservation: Option<ReservationId>,
    /// What to do, in order.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub steps: Vec<Step>,
    /// What the steps need to know.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few_named()"))]
    pub parameters: Fields,
}

/// What sort of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Make what a deployment needs.
    Provisioning,
    /// Take it down again.
    Teardown,
}

/// One step of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name, unique in the operation.
    pub name: StepName,
    /// Whether doing it twice does it once. One that is not safe is never retried by itself.
    pub safe: bool,
    /// Whether there is something to undo when a later step fails.
    pub compensated: bool,
}

/// A worker took a step on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct StepStarted {
    /// Which.
    pub step: StepName,
}

/// A step is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct StepCompleted {
    /// Which.
    pub step: StepName,
    /// What later steps need to know of it.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few_named()"))]
    pub result: Fields,
}

/// A step, or its undoing, failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct StepFailed {
    /// Which.
    pub step: StepName,
    /// What went wrong.
    pub reason: Note,
    /// Whether trying again may help.
    pub retryable: bool,
}

/// A step was undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct StepCompensated {
    /// Which.
    pub step: StepName,
}

/// The work is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// How it ended.
    pub ending: Ending,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps are done.
    Succeeded,
    /// A step failed and what was done could not all be undone.
    Failed,
    /// A step failed and everything done was undone.
    Compensated,
}

/// The reconciler found something to mend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct RepairProposed {
    /// The proposal's name.
    pub repair: RepairId,
    /// What a customer can lose by it.
    pub level: RepairLevel,
    /// What would be done, such as `clear_stale_operation_lock`.
    pub action: FieldName,
    /// To which deployment.
    pub deployment: DeploymentId,
    /// What was found.
    pub finding: Label,
}

/// What a customer can lose by a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum RepairLevel {
    /// Nothing. It may be done without asking.
    One,
    /// A little. A proposal for ever.
    Two,
    /// Much. A proposal for ever.
    Three,
}

/// A repair was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct RepairApplied {
    /// Which.
    pub repair: RepairId,
}

/// A repair was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct RepairSkipped {
    /// Which.
    pub repair: RepairId,
    /// Why.
    pub reason: Note,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::inventory::FieldValue;
    use crate::event::{Exemplar, parsed};

    impl Exemplar for Requested {
        fn exemplar() -> Self {
            let step = |name, safe, compensated| Step { name: parsed(name), safe, compensated };
            let size = FieldValue::Scalar(parsed("s-1vcpu-1gb"));
            Self {
                kind: OperationKind::Provisioning,
                deployment: parsed("acme.shop"),
                reservation: Some(parsed("res-1")),
                steps: vec![step("mark", true, true), step("create_droplet", false, true)],
                parameters: Fields::from([(parsed("size"), size)]),
            }
        }
    }

    impl Exemplar for StepStarted {
        fn exemplar() -> Self {
            Self { step: parsed("create_droplet") }
        }
    }

    impl Exemplar for StepCompleted {
        fn exemplar() -> Self {
            let resource = FieldValue::Scalar(parsed("digitalocean.3164494"));
            let result = Fields::from([(parsed("resource"), resource)]);
            Self { step: parsed("create_droplet"), result }
        }
    }

    impl Exemplar for StepFailed {
        fn exemplar() -> Self {
            Self {
                step: parsed("create_droplet"),
                reason: parsed("the region has no capacity"),
                retryable: true,
            }
        }
    }

    impl Exemplar for StepCompensated {
        fn exemplar() -> Self {
            Self { step: parsed("mark") }
        }
    }

    impl Exemplar for Finished {
        fn exemplar() -> Self {
            Self { ending: Ending::Compensated }
        }
    }

    impl Exemplar for RepairProposed {
        fn exemplar() -> Self {
            Self {
                repair: parsed("rep-1"),
                level: RepairLevel::One,
                action: parsed("clear_stale_operation_lock"),
                deployment: parsed("acme.shop"),
                finding: parsed("locked for 3 days by a finished operation"),
            }
        }
    }

    impl Exemplar for RepairApplied {
        fn exemplar() -> Self {
            Self { repair: parsed("rep-1") }
        }
    }

    impl Exemplar for RepairSkipped {
        fn exemplar() -> Self {
            Self { repair: parsed("rep-1"), reason: parsed("dry run") }
        }
    }
}
