//! Why something about a bill is refused, each in the order of checking.

use crate::decide::{Refusal, RefusalKind};
use crate::event::provider::BillStatus;
use crate::id::IngestId;
use crate::time::BillingPeriod;

/// Why a header is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryRefusal {
    /// A closed bill never becomes a preview again.
    #[error("the bill is closed ({status:?}) and is no preview any more")]
    BillClosed {
        /// What it is.
        status: BillStatus,
    },
}

impl Refusal for DiscoveryRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::BillClosed { .. } => "bill_closed",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::BillClosed { .. } => RefusalKind::Conflict,
        }
    }
}

/// Why a reading is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestRefusal {
    /// Nobody discovered it.
    #[error("no such bill")]
    BillUnknown,
    /// The month is not over: what it shows may still change and is never booked.
    #[error("the bill of {period} is a preview")]
    BillIsPreview {
        /// The month.
        period: BillingPeriod,
    },
    /// The same file was read in part before, as something else: by another version of its reader.
    #[error("the same file was read in part before, and row {row} was another")]
    ReadingDiffers {
        /// The first row that is not as it was.
        row: u32,
    },
}

impl Refusal for IngestRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::BillUnknown => "bill_unknown",
            Self::BillIsPreview { .. } => "bill_is_preview",
            Self::ReadingDiffers { .. } => "reading_differs",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::BillUnknown => RefusalKind::NotFound,
            Self::BillIsPreview { .. } | Self::ReadingDiffers { .. } => RefusalKind::Conflict,
        }
    }
}

/// Why an attribution by hand is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributionRefusal {
    /// Nobody discovered the bill.
    #[error("no such bill")]
    BillUnknown,
    /// No reading of that name is sealed.
    #[error("no reading is called {ingest}")]
    ReadingUnknown {
        /// Its name.
        ingest: IngestId,
    },
    /// Another reading took its place.
    #[error("the reading {standing} took the place of {ingest}")]
    ReadingSuperseded {
        /// Which was named.
        ingest: IngestId,
        /// Which is the bill.
        standing: IngestId,
    },
    /// The bill has no such row.
    #[error("the bill has no line of row {row}")]
    RowUnknown {
        /// The row.
        row: u32,
    },
}

impl Refusal for AttributionRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::BillUnknown => "bill_unknown",
            Self::ReadingUnknown { .. } => "reading_unknown",
            Self::ReadingSuperseded { .. } => "reading_superseded",
            Self::RowUnknown { .. } => "row_unknown",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::BillUnknown | Self::ReadingUnknown { .. } | Self::RowUnknown { .. } => {
                RefusalKind::NotFound
            }
            Self::ReadingSuperseded { .. } => RefusalKind::Conflict,
        }
    }
}
