//! Facts about the ledger itself: who may write, what was lost and accepted, what was skipped.

use serde::{Deserialize, Serialize};

use crate::id::{ActorName, ApiKeyId, InvoiceNumber, Label, Note, ProjectionName, Sha256Digest};
use crate::log::Position;
use crate::time::Timestamp;

event_family! {
    /// What happened to the ledger.
    pub enum Event in Ledger {
        "ledger-api-key-issued.v1" => ApiKeyIssued in Access | Ledger,
        "ledger-api-key-revoked.v1" => ApiKeyRevoked in Access | Ledger,
        "ledger-tail-quarantined.v1" => TailQuarantined in Ledger,
        "ledger-loss-accepted.v1" => LossAccepted in Ledger,
        "ledger-projection-skipped.v1" => ProjectionSkipped in Ledger,
        "ledger-difference-accepted.v1" => DifferenceAccepted in Ledger,
        "ledger-writer-lease-taken.v1" => WriterLeaseTaken in Ledger,
        "ledger-clock-accepted.v1" => ClockAccepted in Ledger,
    }
}

/// A key exists. The secret was shown once and is not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ApiKeyIssued {
    /// Its public id.
    pub key: ApiKeyId,
    /// What people call it.
    pub name: Label,
    /// Of the secret.
    pub sha256: Sha256Digest,
    /// What it may do.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub permissions: Vec<Permission>,
    /// When it stops by itself.
    pub expires_at: Option<Timestamp>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Send usage.
    Ingest,
    /// Read what its tenant may read.
    Read,
    /// Do what its tenant may do.
    Write,
}

/// A key stopped at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ApiKeyRevoked {
    /// Which.
    pub key: ApiKeyId,
    /// Why.
    pub reason: Option<Note>,
}

/// Bytes behind the last good frame were set aside at start-up; they are never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct TailQuarantined {
    /// The file they were found in, within the ledger directory.
    pub file: Label,
    /// Where in it they began.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// Of the bytes.
    pub sha256: Sha256Digest,
    /// The last good position before them.
    pub position: Position,
    /// Whether some of them may have been acknowledged.
    pub maybe_acknowledged: bool,
}

/// An operator went on with a log that has lost acknowledged events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct LossAccepted {
    /// How far the log was known to reach.
    pub expected: Position,
    /// How far it reaches.
    pub found: Position,
    /// Why.
    pub reason: Note,
}

/// An operator let a projection go past an event it cannot fold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ProjectionSkipped {
    /// Which projection.
    pub projection: ProjectionName,
    /// Which event.
    pub position: Position,
    /// Why.
    pub reason: Note,
}

/// An operator let a new version of a money view take over although it differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct DifferenceAccepted {
    /// Which projection.
    pub projection: ProjectionName,
    /// The version that takes over.
    pub version: u16,
    /// The documents it does not reproduce.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub invoices: Vec<InvoiceNumber>,
    /// Why.
    pub reason: Note,
}

/// A process became the one writer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct WriterLeaseTaken {
    /// Higher than every one before it.
    pub fence: u64,
    /// Which process.
    pub holder: ActorName,
}

/// An operator vouched for a clock that differs too much from the last event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct ClockAccepted {
    /// What the clock says.
    pub now: Timestamp,
    /// What the log last said.
    pub last: Timestamp,
    /// Why.
    pub reason: Note,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, parsed};

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    impl Exemplar for ApiKeyIssued {
        fn exemplar() -> Self {
            Self {
                key: parsed("cf_live_7Qx"),
                name: parsed("meter on web-1"),
                sha256: parsed(DIGEST),
                permissions: vec![Permission::Ingest],
                expires_at: Some(parsed("2027-04-01T00:00:00Z")),
            }
        }
    }

    impl Exemplar for ApiKeyRevoked {
        fn exemplar() -> Self {
            Self { key: parsed("cf_live_7Qx"), reason: Some(parsed("found in a repository")) }
        }
    }

    impl Exemplar for TailQuarantined {
        fn exemplar() -> Self {
            Self {
                file: parsed("segments/0000000003.log"),
                offset: 40_960,
                bytes: 512,
                sha256: parsed(DIGEST),
                position: Position::new(9_001),
                maybe_acknowledged: false,
            }
        }
    }

    impl Exemplar for LossAccepted {
        fn exemplar() -> Self {
            Self {
                expected: Position::new(9_004),
                found: Position::new(9_001),
                reason: parsed("restored from the backup of 02:00"),
            }
        }
    }

    impl Exemplar for ProjectionSkipped {
        fn exemplar() -> Self {
            Self {
                projection: parsed("quota.v3"),
                position: Position::new(77),
                reason: parsed("written by a newer build"),
            }
        }
    }

    impl Exemplar for DifferenceAccepted {
        fn exemplar() -> Self {
            Self {
                projection: parsed("invoice"),
                version: 4,
                invoices: vec![parsed("CF-000042")],
                reason: parsed("checked by hand"),
            }
        }
    }

    impl Exemplar for WriterLeaseTaken {
        fn exemplar() -> Self {
            Self { fence: 12, holder: parsed("counterfoil on ledger-1") }
        }
    }

    impl Exemplar for ClockAccepted {
        fn exemplar() -> Self {
            Self {
                now: parsed("2026-05-16T03:00:00Z"),
                last: parsed("2026-05-18T03:00:00Z"),
                reason: parsed("the old machine's clock was two days ahead"),
            }
        }
    }
}
