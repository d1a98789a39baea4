//! What happened: one variant per family, each with its bodies in a file of its own.

use serde::{Deserialize, Serialize};

/// One immutable fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {}
