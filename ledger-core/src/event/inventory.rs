//! What is live at a provider, as its listings show it, and what was asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{FieldName, Label, Note, Prose, ProviderRef, ResourceKind, SyncId, TenantId};
use crate::money::Money;
use crate::time::Timestamp;

event_family! {
    /// What was seen at a provider.
    pub enum Event in Inventory {
        "inventory-project-seen.v1" => ProjectSeen in Project,
        "inventory-project-assigned.v1" => ProjectAssigned in Project,
        "inventory-resource-discovered.v1" => ResourceDiscovered in Resource,
        "inventory-resource-updated.v1" => ResourceUpdated in Resource,
        "inventory-resource-tagged.v1" => ResourceTagged in Resource,
        "inventory-resource-missed.v1" => ResourceMissed in Resource,
        "inventory-resource-deleted.v1" => ResourceDeleted in Resource,
        "inventory-resource-restored.v1" => ResourceRestored in Resource,
        "inventory-spec-recorded.v1" => SpecRecorded in Resource,
        "inventory-drift-accepted.v1" => DriftAccepted in Resource,
        "inventory-listing-taken.v1" => ListingTaken in Provider,
    }
}

/// Fields by name. The order of the map is the order of the bytes.
pub type Fields = BTreeMap<FieldName, FieldValue>;

/// What a field holds. Drift compares scalars as text and lists as sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FieldValue {
    /// Nothing.
    Null,
    /// A text, a number, a truth: as text.
    Scalar(Prose),
    /// Several of them.
    List(
        #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
        Vec<Prose>,
    ),
}

/// A project, or what it says of itself, was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ProjectSeen {
    /// Its name there.
    pub name: Label,
    /// What it is for, in its own words.
    pub purpose: Option<Note>,
    /// Whether it takes what names no project.
    pub is_default: bool,
}

/// It was decided whose project it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ProjectAssigned {
    /// Who pays for what is in it; `None`: nobody any more.
    pub tenant: Option<TenantId>,
    /// What it is for, in our words.
    pub purpose: Option<Note>,
}

/// A resource as a listing shows it: the fields that matter, without what moves without meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// What it is: `droplet`, `volume`.
    pub resource_type: ResourceKind,
    /// Its name there.
    pub name: Option<Label>,
    /// Where it runs.
    pub region: Option<Label>,
    /// Its size there.
    pub size: Option<Label>,
    /// What the provider says it is doing.
    pub status: Option<Label>,
    /// The project it is in.
    pub project: Option<ProviderRef>,
    /// What an hour of it costs us.
    pub price_per_hour: Option<Money>,
    /// When the provider says it began.
    pub began_at: Option<Timestamp>,
    /// Its tags.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub tags: Vec<Label>,
    /// Everything else that matters.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few_named()"))]
    pub attributes: Fields,
}

/// A resource was seen for the first time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ResourceDiscovered {
    /// What was seen.
    pub snapshot: Box<Snapshot>,
    /// Whose it is, where its tags say so; else it follows its project.
    pub tenant: Option<TenantId>,
}

/// A field that matters is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ResourceUpdated {
    /// What was seen.
    pub snapshot: Box<Snapshot>,
}

/// Somebody gave it tags or an owner here, whatever the provider says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ResourceTagged {
    /// The tags it has now.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub tags: Vec<Label>,
    /// Whose it is; `None`: as its project says.
    pub tenant: Option<TenantId>,
}

/// A full listing did not hold it: a strike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ResourceMissed {
    /// Which listing: one that is handed over again is no second strike.
    pub sync: SyncId,
}

/// It is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ResourceDeleted {
    /// How we know.
    pub evidence: Deletion,
}

/// How we know that a resource is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum Deletion {
    /// Three listings in a row did not hold it.
    Missed,
    /// A teardown of ours destroyed it.
    Destroyed,
    /// An operator said so.
    Reported,
}

/// It was seen again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ResourceRestored {
    /// What was seen.
    pub snapshot: Box<Snapshot>,
}

/// What it should be was written down: the next version of its spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct SpecRecorded {
    /// Every field that is held to something.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few_named()"))]
    pub fields: Fields,
}

/// A live value that differed became the spec: the next version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct DriftAccepted {
    /// Which field.
    pub field: FieldName,
    /// What it is held to from now on.
    pub live: FieldValue,
    /// Why.
    pub reason: Option<Note>,
}

/// A full listing of one type was taken in, whatever of it was news. It occurred when the listing
/// was made: of all resources of that type was heard then, of those seen unchanged too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ListingTaken {
    /// Which listing.
    pub sync: SyncId,
    /// Of what type everything in it is.
    pub resource_type: ResourceKind,
    /// How many it holds.
    pub count: u32,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, parsed, usd};

    fn snapshot() -> Snapshot {
        let vpc = FieldValue::Scalar(parsed("10.0.0.0/16"));
        let features = FieldValue::List(vec![parsed("backups"), parsed("ipv6")]);
        Snapshot {
            resource_type: parsed("droplet"),
            name: Some(parsed("web-1")),
            region: Some(parsed("syd1")),
            size: Some(parsed("s-1vcpu-1gb")),
            status: Some(parsed("active")),
            project: Some(parsed("4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679")),
            price_per_hour: Some(usd("0.00893")),
            began_at: Some(parsed("2026-03-28T11:05:12Z")),
            tags: vec![parsed("env:prod")],
            attributes: Fields::from([(parsed("vpc"), vpc), (parsed("features"), features)]),
        }
    }

    impl Exemplar for ProjectSeen {
        fn exemplar() -> Self {
            Self { name: parsed("acme"), purpose: Some(parsed("Web shop")), is_default: false }
        }
    }

    impl Exemplar for ProjectAssigned {
        fn exemplar() -> Self {
            Self { tenant: Some(parsed("acme")), purpose: Some(parsed("production")) }
        }
    }

    impl Exemplar for ResourceDiscovered {
        fn exemplar() -> Self {
            Self { snapshot: Box::new(snapshot()), tenant: Some(parsed("acme")) }
        }
    }

    impl Exemplar for ResourceUpdated {
        fn exemplar() -> Self {
            let size = Some(parsed("s-2vcpu-2gb"));
            Self { snapshot: Box::new(Snapshot { size, ..snapshot() }) }
        }
    }

    impl Exemplar for ResourceTagged {
        fn exemplar() -> Self {
            Self { tags: vec![parsed("owner:acme")], tenant: Some(parsed("acme")) }
        }
    }

    impl Exemplar for ResourceMissed {
        fn exemplar() -> Self {
            Self { sync: parsed("sync-20260501T0300") }
        }
    }

    impl Exemplar for ResourceDeleted {
        fn exemplar() -> Self {
            Self { evidence: Deletion::Missed }
        }
    }

    impl Exemplar for ResourceRestored {
        fn exemplar() -> Self {
            Self { snapshot: Box::new(snapshot()) }
        }
    }

    impl Exemplar for SpecRecorded {
        fn exemplar() -> Self {
            let size = FieldValue::Scalar(parsed("s-1vcpu-1gb"));
            Self {
                fields: Fields::from([(parsed("size"), size), (parsed("vpc"), FieldValue::Null)]),
            }
        }
    }

    impl Exemplar for ListingTaken {
        fn exemplar() -> Self {
            let resource_type = parsed("droplet");
            Self { sync: parsed("sync-20260501T0300"), resource_type, count: 5 }
        }
    }

    impl Exemplar for DriftAccepted {
        fn exemplar() -> Self {
            Self {
                field: parsed("size"),
                live: FieldValue::Scalar(parsed("s-2vcpu-2gb")),
                reason: Some(parsed("resized by the customer")),
            }
        }
    }
}
