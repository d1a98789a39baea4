//! Why a directory does not open as a ledger. Nothing was changed in it.

use std::io;

use crate::id::LedgerId;
use crate::log::Position;

/// Why a directory does not open as a ledger.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no ledger, and what is there is not ours to write into.
    #[error("{what} is here, but no ledger: give an empty directory or that of a ledger")]
    NotALedger {
        /// A name that no ledger has, or what is missing.
        what: String,
    },
    /// There is no ledger here, and none was to be made.
    #[error("there is no ledger here")]
    Absent,
    /// The identity file is damaged or of a newer format.
    #[error("the identity file is damaged, or newer than this build")]
    Identity,
    /// Another process writes.
    #[error("another process writes this ledger: it holds the lock")]
    InUse,
    /// A size no segment has.
    #[error("a segment of {segment_bytes} bytes: between {bytes_min} and {bytes_max} are possible")]
    SegmentBytes {
        /// What was asked for.
        segment_bytes: u64,
        /// The least.
        bytes_min: u64,
        /// The most.
        bytes_max: u64,
    },
    /// A file carries another ledger's id.
    #[error("{file} belongs to ledger {found}, not to {expected}")]
    Foreign {
        /// The file.
        file: String,
        /// The id of this ledger.
        expected: LedgerId,
        /// The id found.
        found: LedgerId,
    },
    /// A segment is not there.
    #[error("segment {segment} is missing: restore {file} from a backup")]
    MissingSegment {
        /// Its number.
        segment: u32,
        /// The file it should be in.
        file: String,
    },
    /// A segment has another length than it was made with.
    #[error("{file} has {found} bytes, not {expected}: it was cut or added to")]
    WrongLength {
        /// The file.
        file: String,
        /// As made.
        expected: u64,
        /// As found.
        found: u64,
    },
    /// Both slots of the high-water mark are unreadable, so that nobody can say what was
    /// acknowledged.
    #[error("the high-water mark is missing or damaged; the log itself ends at position {found}")]
    MarkUnreadable {
        /// Where the log ends.
        found: Position,
    },
    /// Acknowledged events are missing.
    #[error(
        "acknowledged events are missing: the log ends at position {found}, but {expected} was \
         acknowledged; {file} stops being whole at byte {offset}: {what}"
    )]
    Lost {
        /// The last position known to be acknowledged.
        expected: Position,
        /// The last position that is whole.
        found: Position,
        /// The file that should hold the rest.
        file: String,
        /// Where it stops being whole.
        offset: u64,
        /// What was found there.
        what: String,
    },
    /// A file is damaged where no torn write explains it.
    #[error("{file} is damaged: {what}")]
    Damaged {
        /// The file.
        file: String,
        /// What was found.
        what: String,
    },
    /// The system would not.
    #[error("cannot {what} {path}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// To what.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The index could not be rebuilt.
    #[error("cannot rebuild the index: {what}")]
    Index {
        /// What failed.
        what: String,
    },
}

impl OpenError {
    pub(crate) fn io(what: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}
