//! What was metered. The most frequent events by far, so their bodies are as small as they can be
//! without a dictionary: numbers are short integers, and nothing is said that the envelope says.
//!
//! The source's own id of a record is the record's idempotency key. `occurred_at` is the start of
//! the interval measured; producers split an interval at the end of a period.

use serde::{Deserialize, Serialize};

use crate::id::{Category, DeploymentSlug, ResourceId, ResourceKind, Unit};
use crate::log::Revision;
use crate::money::Quantity;

mod borrowed;

pub use borrowed::RecordedRef;

event_family! {
    /// What was metered.
    pub enum Event in Usage {
        "usage-recorded.v1" => Recorded in Usage,
        "usage-gauge-set.v1" => GaugeSet in Usage,
        "usage-corrected.v1" => Corrected in Usage,
    }
}

/// So much of one kind was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Of what.
    pub kind: ResourceKind,
    /// How much.
    pub quantity: Quantity,
    /// What the quantity counts; `None`: the kind's base unit.
    pub unit: Option<Unit>,
    /// What a discount ladder looks at; `None`: `hero_os_hourly`.
    pub category: Option<Category>,
    /// The deployment that used it.
    pub deployment: Option<DeploymentSlug>,
    /// The resource it was measured on: what is recorded replaces what the ledger metered for it.
    pub resource: Option<ResourceId>,
}

/// A gauge stands at a value from this instant on, such as `running` at 1 or 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct GaugeSet {
    /// Which gauge: the kind its time counts as.
    pub kind: ResourceKind,
    /// Where it stands.
    pub value: Quantity,
    /// The deployment it belongs to.
    pub deployment: Option<DeploymentSlug>,
    /// The resource it was read from.
    pub resource: Option<ResourceId>,
}

/// A record of this stream was wrong. The last correction recorded counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Corrected {
    /// Which, by its place in this stream.
    pub record: Revision,
    /// What it should have said; zero voids it.
    pub quantity: Quantity,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, parsed};

    impl Exemplar for Recorded {
        fn exemplar() -> Self {
            Self {
                kind: parsed("droplet_hours"),
                quantity: parsed("720"),
                unit: Some(parsed("hour")),
                category: Some(parsed("vm")),
                deployment: Some(parsed("shop")),
                resource: Some(parsed("digitalocean.3164494")),
            }
        }
    }

    impl Exemplar for GaugeSet {
        fn exemplar() -> Self {
            Self {
                kind: parsed("hero_os_hour"),
                value: parsed("1"),
                deployment: Some(parsed("shop")),
                resource: None,
            }
        }
    }

    impl Exemplar for Corrected {
        fn exemplar() -> Self {
            Self { record: Revision::new(3), quantity: parsed("719.5") }
        }
    }
}
