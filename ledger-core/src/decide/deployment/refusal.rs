//! What is refused about a deployment.

use crate::decide::{Refusal, RefusalKind};
use crate::event::deployment::State;
use crate::id::{AddonCode, AttachmentId, PlanCode, ResourceKind};
use crate::money::Currency;
use crate::time::Timestamp;

/// Why a change of a deployment is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeploymentRefusal {
    /// Nothing of that name.
    #[error("no such deployment")]
    DeploymentUnknown,
    /// It was created with other content.
    #[error("the deployment exists with other content")]
    DeploymentExists,
    /// The tenant's gate is closed.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// A tenant asked for free time.
    #[error("free time is given by an operator")]
    TrialNotOffered,
    /// Free time that would be over before it began.
    #[error("a trial that ends at {ends_at} is over at {at}")]
    TrialOver {
        /// Its end.
        ends_at: Timestamp,
        /// When it was to begin.
        at: Timestamp,
    },
    /// It is over; nothing is added to it any more.
    #[error("the deployment is {state:?}")]
    DeploymentOver {
        /// How it ended.
        state: State,
    },
    /// The table of moves does not have this one, or it is not theirs who asked.
    #[error("a deployment does not go from {from:?} to {to:?}")]
    IllegalTransition {
        /// Where it is.
        from: State,
        /// Where it was to go.
        to: State,
        /// Where they may move it.
        legal: &'static [State],
    },
    /// The attachment exists, with another addon, or was detached.
    #[error("attachment {attachment} is another one")]
    AttachmentTaken {
        /// The attachment.
        attachment: AttachmentId,
    },
    /// No such attachment.
    #[error("no attachment is called {attachment}")]
    AttachmentUnknown {
        /// The attachment.
        attachment: AttachmentId,
    },
    /// There is no subscription, or it ended.
    #[error("the deployment is not subscribed")]
    NotSubscribed,
    /// No such plan.
    #[error("no plan is called {plan}")]
    PlanUnknown {
        /// The plan.
        plan: PlanCode,
    },
    /// No such addon.
    #[error("no addon is called {addon}")]
    AddonUnknown {
        /// The addon.
        addon: AddonCode,
    },
    /// The plan has no item of the addon's kind, so it would be paid for nothing.
    #[error("{addon} adds {kind}, which {plan} does not have")]
    AddonUseless {
        /// The addon.
        addon: AddonCode,
        /// What it adds.
        kind: ResourceKind,
        /// The plan.
        plan: PlanCode,
    },
    /// Sold in another currency than the tenant's.
    #[error("{found} where the tenant is billed in {expected}")]
    CurrencyMismatch {
        /// The tenant's.
        expected: Currency,
        /// The price's.
        found: Currency,
    },
}

impl Refusal for DeploymentRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::DeploymentUnknown => "deployment_unknown",
            Self::DeploymentExists => "deployment_exists",
            Self::TenantSuspended => "tenant_suspended",
            Self::TrialNotOffered => "trial_not_offered",
            Self::TrialOver { .. } => "trial_over",
            Self::DeploymentOver { .. } => "deployment_over",
            Self::IllegalTransition { .. } => "illegal_transition",
            Self::AttachmentTaken { .. } => "attachment_taken",
            Self::AttachmentUnknown { .. } => "attachment_unknown",
            Self::NotSubscribed => "not_subscribed",
            Self::PlanUnknown { .. } => "plan_unknown",
            Self::AddonUnknown { .. } => "addon_unknown",
            Self::AddonUseless { .. } => "addon_useless",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::DeploymentUnknown
            | Self::AttachmentUnknown { .. }
            | Self::PlanUnknown { .. }
            | Self::AddonUnknown { .. } => RefusalKind::NotFound,
            Self::DeploymentExists
            | Self::TenantSuspended
            | Self::DeploymentOver { .. }
            | Self::AttachmentTaken { .. }
            | Self::NotSubscribed => RefusalKind::Conflict,
            Self::TrialNotOffered
            | Self::TrialOver { .. }
            | Self::IllegalTransition { .. }
            | Self::AddonUseless { .. }
            | Self::CurrencyMismatch { .. } => RefusalKind::Unprocessable,
        }
    }
}
