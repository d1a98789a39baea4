//! What a tenant may run: slots of a plan it bought, and room granted under a plan's limits.

use serde::{Deserialize, Serialize};

use super::LotPart;
use crate::id::{DeploymentSlug, PlanCode, ReservationId, ResourceId, ResourceKind};
use crate::money::{Money, UnitPrice};
use crate::time::Timestamp;

/// A quota plan was bought from credit, for one term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PlanPurchased {
    /// The plan.
    pub plan: PlanCode,
    /// Its version then.
    pub version: u32,
    /// What was paid.
    pub price: Money,
    /// The lots it came from, in the order they were drawn.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub lots: Vec<LotPart>,
    /// How many machines may run at once.
    pub slots: u32,
    /// When the term ends; at that instant it has.
    pub ends_at: Timestamp,
}

/// A machine took one of the plan's slots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct SlotAllocated {
    /// The slot's name.
    pub slot: ReservationId,
    /// The plan it belongs to.
    pub plan: PlanCode,
    /// Its share of what the plan cost.
    pub cost: Money,
    /// When it lapses by itself, with the plan's term.
    pub expires_at: Timestamp,
}

/// A slot is free again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct SlotReleased {
    /// Which.
    pub slot: ReservationId,
}

/// Room was granted under the plan's limits and the tenant's cap, before anything is provisioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct QuotaReserved {
    /// The grant's name.
    pub reservation: ReservationId,
    /// The plan whose limits were applied.
    pub plan: PlanCode,
    /// What it is for.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub items: Vec<ReservedItem>,
    /// The deployment it is for, where there is one.
    pub deployment: Option<DeploymentSlug>,
}

/// So many of one thing, at an hourly price in the tenant's currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ReservedItem {
    /// What each of them uses by the hour.
    pub kind: ResourceKind,
    /// How many.
    pub count: u32,
    /// What an hour of one costs.
    pub price_per_hour: UnitPrice,
}

/// What was reserved now runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct QuotaCommitted {
    /// Which grant.
    pub reservation: ReservationId,
    /// What was made under it.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub resources: Vec<ResourceId>,
}

/// A grant ended: what it was for failed, or no longer runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct QuotaReleased {
    /// Which grant.
    pub reservation: ReservationId,
    /// Why.
    pub reason: ReleaseReason,
}

/// Why a grant ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The provider or a step failed.
    ProvisioningFailed,
    /// There was nothing to call the provider with.
    CredentialsMissing,
    /// It was no longer wanted.
    Cancelled,
    /// What ran under it was destroyed.
    Destroyed,
    /// Nobody committed it in time.
    Lapsed,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, parsed, usd};

    impl Exemplar for PlanPurchased {
        fn exemplar() -> Self {
            Self {
                plan: parsed("vm5"),
                version: 1,
                price: usd("10"),
                lots: vec![LotPart { lot: parsed("lot-1"), amount: usd("10") }],
                slots: 5,
                ends_at: parsed("2026-05-01T09:30:00Z"),
            }
        }
    }

    impl Exemplar for SlotAllocated {
        fn exemplar() -> Self {
            Self {
                slot: parsed("vm-a1"),
                plan: parsed("vm5"),
                cost: usd("2"),
                expires_at: parsed("2026-05-01T09:30:00Z"),
            }
        }
    }

    impl Exemplar for SlotReleased {
        fn exemplar() -> Self {
            Self { slot: parsed("vm-a1") }
        }
    }

    impl Exemplar for QuotaReserved {
        fn exemplar() -> Self {
            let item = ReservedItem {
                kind: parsed("node_hour"),
                count: 1,
                price_per_hour: parsed("0.007"),
            };
            Self {
                reservation: parsed("res-1"),
                plan: parsed("free"),
                items: vec![item],
                deployment: Some(parsed("shop")),
            }
        }
    }

    impl Exemplar for QuotaCommitted {
        fn exemplar() -> Self {
            Self { reservation: parsed("res-1"), resources: vec![parsed("digitalocean.3164494")] }
        }
    }

    impl Exemplar for QuotaReleased {
        fn exemplar() -> Self {
            Self { reservation: parsed("res-1"), reason: ReleaseReason::CredentialsMissing }
        }
    }
}
