//! Why a decision about the inventory is refused.

use crate::decide::{Refusal, RefusalKind};
use crate::id::{FieldName, Provider, ProviderRef, ResourceId, ResourceKind};
use crate::time::Timestamp;

/// Why a command about one resource or project is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryRefusal {
    /// Nobody ever saw the project.
    #[error("no project {project} of {provider} was ever seen")]
    ProjectUnknown {
        /// Whose project.
        provider: Provider,
        /// Which.
        project: ProviderRef,
    },
    /// Nobody ever saw the resource.
    #[error("resource {resource} was never seen")]
    ResourceUnknown {
        /// Which.
        resource: ResourceId,
    },
    /// The field does not drift.
    #[error("{field} of {resource} is as it should be, or is held to nothing")]
    DriftUnknown {
        /// The resource.
        resource: ResourceId,
        /// The field.
        field: FieldName,
    },
    /// It is said to be gone before it was there.
    #[error("resource {resource} is there since {began}; it cannot be gone at {at}")]
    DeletedBeforeSeen {
        /// The resource.
        resource: ResourceId,
        /// When it should have gone.
        at: Timestamp,
        /// Since when it is there.
        began: Timestamp,
    },
}

impl Refusal for InventoryRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ProjectUnknown { .. } => "project_unknown",
            Self::ResourceUnknown { .. } => "resource_unknown",
            Self::DriftUnknown { .. } => "drift_unknown",
            Self::DeletedBeforeSeen { .. } => "deleted_before_seen",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::ProjectUnknown { .. }
            | Self::ResourceUnknown { .. }
            | Self::DriftUnknown { .. } => RefusalKind::NotFound,
            Self::DeletedBeforeSeen { .. } => RefusalKind::Unprocessable,
        }
    }
}

/// Why a listing is refused whole, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyncRefusal {
    /// It was made later than now. What it says would silence every listing until then.
    #[error("the listing is of {listed_at}, and it is {now}")]
    ListingAhead {
        /// When it was made.
        listed_at: Timestamp,
        /// The clock.
        now: Timestamp,
    },
    /// A listing that was made later has been taken in, and says more of everything in this one.
    #[error("the listing is of {listed_at}, and one of {latest} has been taken in")]
    ListingOld {
        /// When it was made.
        listed_at: Timestamp,
        /// When the latest one was.
        latest: Timestamp,
    },
    /// Something in it is of another type than the listing.
    #[error("/resources/{index} is a {found}; this is a listing of {expected}")]
    ForeignType {
        /// Where it stands, from 0.
        index: usize,
        /// What the listing is of.
        expected: ResourceKind,
        /// What it is.
        found: ResourceKind,
    },
    /// The same id stands in it twice.
    #[error("{id} stands at /resources/{first} and at /resources/{second}")]
    Twice {
        /// What stands there twice.
        id: ProviderRef,
        /// Where first, from 0.
        first: usize,
        /// Where again.
        second: usize,
    },
    /// An id in it is known as a thing of another type: two things may not share a stream.
    #[error("/resources/{index} is {resource}, which is known as a {known}")]
    OtherType {
        /// Where it stands, from 0.
        index: usize,
        /// Which resource.
        resource: ResourceId,
        /// What it is known as.
        known: ResourceKind,
    },
    /// It is empty where much lives, which is what a lost credential or a wrong region looks like.
    #[error("the listing is empty, but {live} live; say that it is meant")]
    Empty {
        /// How many live.
        live: usize,
    },
}

impl Refusal for SyncRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::ListingAhead { .. } => "listing_ahead",
            Self::ListingOld { .. } => "listing_old",
            Self::ForeignType { .. } => "foreign_type",
            Self::Twice { .. } => "duplicate_id",
            Self::OtherType { .. } => "other_type",
            Self::Empty { .. } => "empty_listing",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::ListingOld { .. } => RefusalKind::Conflict,
            Self::ListingAhead { .. }
            | Self::ForeignType { .. }
            | Self::Twice { .. }
            | Self::OtherType { .. }
            | Self::Empty { .. } => RefusalKind::Unprocessable,
        }
    }
}
