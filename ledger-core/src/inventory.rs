//! What is live at a provider, what it should be, and whose it is: folds of `resource-...` and
//! `project-...` streams.
//!
//! Histories are kept as they were recorded and put in order of the world's clock when asked: an
//! import may say today what happened last month. Of several at one instant the later recorded
//! counts.

mod drift;
mod hold;
mod project;
mod resource;

pub(crate) use drift::is_same_snapshot;
pub use drift::{Drift, DriftStatus, is_alike, live_value};
pub use hold::{Hold, Link, Stretch, counts_hours, holds, hours, stretches};
pub use project::{Assignment, ProjectFold};
pub use resource::{Life, Owner, ResourceFold, Sighting, Spec, Strike};

use serde::{Deserialize, Serialize};

use crate::log::{Position, Record, Revision};
use crate::time::Timestamp;

/// When something happened, and the record that says so. Ordered by the world's clock, then by the
/// log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// When, by the world's clock.
    pub at: Timestamp,
    /// The record's place in the log.
    pub position: Position,
    /// Its place in its stream.
    pub revision: Revision,
}

impl Place {
    /// Where a record stands.
    pub const fn of(record: &Record) -> Self {
        let Record { occurred_at: at, position, revision, .. } = *record;
        Self { at, position, revision }
    }
}
