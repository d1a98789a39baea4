//! One app instance: its life and what it is subscribed to.
//!
//! A subscription binds to a plan version, and an attached addon keeps the price and the quantity
//! it was attached with: nothing published later reprices either.

use serde::{Deserialize, Serialize};

use crate::id::{AddonCode, AttachmentId, Label, Note, PlanCode, ResourceId, ResourceKind};
use crate::money::{Money, Quantity};
use crate::time::Timestamp;

event_family! {
    /// What happened to a deployment.
    pub enum Event in Deployment {
        "deployment-created.v1" => Created in Deployment,
        "deployment-transitioned.v1" => Transitioned in Deployment,
        "deployment-billing-action-suspended.v1" => BillingActionSuspended in Deployment,
        "deployment-billing-action-restored.v1" => BillingActionRestored in Deployment,
        "deployment-subscribed.v1" => Subscribed in Deployment,
        "deployment-addon-attached.v1" => AddonAttached in Deployment,
        "deployment-addon-detached.v1" => AddonDetached in Deployment,
        "deployment-plan-version-changed.v1" => PlanVersionChanged in Deployment,
        "deployment-subscription-paused.v1" => SubscriptionPaused in Deployment,
        "deployment-subscription-resumed.v1" => SubscriptionResumed in Deployment,
        "deployment-subscription-cancelled.v1" => SubscriptionCancelled in Deployment,
        "deployment-resource-linked.v1" => ResourceLinked in Deployment,
        "deployment-resource-unlinked.v1" => ResourceUnlinked in Deployment,
    }
}

/// A deployment began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Created {
    /// What people call it.
    pub name: Option<Label>,
    /// Where it runs.
    pub region: Option<Label>,
    /// Its `llm_mode`, in the words of whoever made it.
    pub llm_mode: Option<Label>,
    /// What it was made from.
    pub template: Option<Template>,
    /// In which state it began.
    pub beginning: Beginning,
}

/// What a deployment was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Which.
    pub code: Label,
    /// Of which version.
    pub version: Label,
}

/// In which state a deployment began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Beginning {
    /// Running.
    Active,
    /// Being made.
    Provisioning,
    /// Free for a while.
    Trial {
        /// The tick after this instant makes it active.
        ends_at: Timestamp,
    },
}

/// The state of a deployment. `decide` knows which may follow which.
#[derive(PartialOrd, Ord, Hash, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being made.
    Provisioning,
    /// Free for a while.
    Trial,
    /// Running and paid.
    Active,
    /// Running, not paid.
    PastDue,
    /// Stopped by its owner.
    Paused,
    /// Stopped for want of payment.
    Suspended,
    /// Over.
    Cancelled,
    /// Over and put away.
    Archived,
}

/// It went from one state to another. Who did it stands in the envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Transitioned {
    /// From.
    pub from: State,
    /// To.
    pub to: State,
    /// Why.
    pub reason: Option<Note>,
}

/// An operator keeps enforcement's hands off it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct BillingActionSuspended {
    /// Why.
    pub reason: Note,
}

/// Enforcement may act on it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct BillingActionRestored {
    /// Why.
    pub reason: Option<Note>,
}

/// It is charged by a plan version from this day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Subscribed {
    /// The plan.
    pub plan: PlanCode,
    /// Its version.
    pub version: u32,
}

/// An addon was attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct AddonAttached {
    /// This attachment's name.
    pub attachment: AttachmentId,
    /// The addon.
    pub addon: AddonCode,
    /// The kind it adds to.
    pub kind: ResourceKind,
    /// How much it adds in a month.
    pub quantity: Quantity,
    /// What it costs in a month.
    pub price: Money,
}

/// An addon was detached; that day does not count for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct AddonDetached {
    /// Which attachment.
    pub attachment: AttachmentId,
}

/// The subscription moved to another version, of this plan or of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PlanVersionChanged {
    /// The plan.
    pub plan: PlanCode,
    /// Its version.
    pub version: u32,
}

/// The subscription charges nothing for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct SubscriptionPaused {
    /// Why.
    pub reason: Option<Note>,
}

/// The subscription charges again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct SubscriptionResumed {
    /// Why.
    pub reason: Option<Note>,
}

/// The subscription ended; that day does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct SubscriptionCancelled {
    /// Why.
    pub reason: Option<Note>,
}

/// A resource is now metered for this deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ResourceLinked {
    /// Which.
    pub resource: ResourceId,
}

/// A resource is no longer metered for this deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ResourceUnlinked {
    /// Which.
    pub resource: ResourceId,
    /// Why.
    pub reason: Option<Note>,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, aud, parsed};

    impl Exemplar for Created {
        fn exemplar() -> Self {
            Self {
                name: Some(parsed("Web shop")),
                region: Some(parsed("syd1")),
                llm_mode: Some(parsed("shared")),
                template: Some(Template { code: parsed("shop"), version: parsed("2.1") }),
                beginning: Beginning::Trial { ends_at: parsed("2026-04-15T00:00:00Z") },
            }
        }
    }

    impl Exemplar for Transitioned {
        fn exemplar() -> Self {
            Self { from: State::Active, to: State::PastDue, reason: Some(parsed("payment failed")) }
        }
    }

    impl Exemplar for BillingActionSuspended {
        fn exemplar() -> Self {
            Self { reason: parsed("paying by bank transfer") }
        }
    }

    impl Exemplar for BillingActionRestored {
        fn exemplar() -> Self {
            Self { reason: None }
        }
    }

    impl Exemplar for Subscribed {
        fn exemplar() -> Self {
            Self { plan: parsed("studio"), version: 1 }
        }
    }

    impl Exemplar for AddonAttached {
        fn exemplar() -> Self {
            Self {
                attachment: parsed("att-1"),
                addon: parsed("storage_50gb"),
                kind: parsed("spaces_gb_month"),
                quantity: parsed("50"),
                price: aud("7.50"),
            }
        }
    }

    impl Exemplar for AddonDetached {
        fn exemplar() -> Self {
            Self { attachment: parsed("att-1") }
        }
    }

    impl Exemplar for PlanVersionChanged {
        fn exemplar() -> Self {
            Self { plan: parsed("studio"), version: 2 }
        }
    }

    impl Exemplar for SubscriptionPaused {
        fn exemplar() -> Self {
            Self { reason: Some(parsed("seasonal business")) }
        }
    }

    impl Exemplar for SubscriptionResumed {
        fn exemplar() -> Self {
            Self { reason: None }
        }
    }

    impl Exemplar for SubscriptionCancelled {
        fn exemplar() -> Self {
            Self { reason: Some(parsed("moved elsewhere")) }
        }
    }

    impl Exemplar for ResourceLinked {
        fn exemplar() -> Self {
            Self { resource: parsed("digitalocean.3164494") }
        }
    }

    impl Exemplar for ResourceUnlinked {
        fn exemplar() -> Self {
            Self { resource: parsed("digitalocean.3164494"), reason: None }
        }
    }
}
