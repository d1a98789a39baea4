//! The contract every log engine keeps, whichever one holds the bytes.
//!
//! An append goes to one stream, whole or not at all; what it acknowledges is durable. A position
//! is opaque and ordered and is never counted: the embedded engine happens to number densely, an
//! engine over a server does not. `testing::conformance` is the one suite that every engine passes.
//!
//! Reads are plain iterators: the pure side of the house has no runtime, and an engine that lives
//! behind a network feeds the iterator from a thread of its own.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{EncodeError, Event, Written};
use crate::id::{Actor, CorrelationId, EventId, Key, LedgerId};
use crate::stream::Stream;
use crate::time::Timestamp;

pub mod embedded;
pub mod keeper;
mod pending;
pub mod prover;
pub mod storage;

pub use pending::{Completer, Pending};

/// The largest encoded body of one event.
pub const EVENT_BYTES_MAX: usize = 64 * 1024;
/// The most events one append may hold.
pub const APPEND_EVENTS_MAX: usize = 10_000;
/// The most encoded bytes one append may hold; an engine with small segments may allow less.
pub const APPEND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A place in the whole log. Opaque and ordered; never counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(u64);

impl Position {
    /// Before the first event: what a reader that has seen nothing reads after.
    pub const ORIGIN: Self = Self(0);

    /// The position an engine gave an event.
    pub const fn new(place: u64) -> Self {
        Self(place)
    }

    /// The number an engine, a cursor or a header carries.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in one stream: 0, 1, 2 ... without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(u64);

impl Revision {
    /// The first event of a stream.
    pub const FIRST: Self = Self(0);

    /// The revision with this number.
    pub const fn new(place: u64) -> Self {
        Self(place)
    }

    /// The number, as a header or an `If-Match` carries it.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one after this.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(place) => Some(Self(place)),
            None => None,
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an append demands of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: the events need no state to be right (plain usage).
    Any,
    /// The stream has no event yet.
    NoStream,
    /// The last event of the stream has this revision.
    Exactly(Revision),
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any revision"),
            Self::NoStream => f.write_str("no stream"),
            Self::Exactly(revision) => write!(f, "revision {revision}"),
        }
    }
}

/// SHA-256 of what a caller asked for, so that the same key with other content is seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}

/// One event to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// What happened.
    pub event: Event,
    /// When, on the world's clock.
    pub occurred_at: Timestamp,
    /// The name by which a repeat is known. Without one the event is never a duplicate.
    pub key: Option<Key>,
    /// What a repeat must match. `None`: the event itself (stream, wire name, occurred_at, body).
    /// A command gives the fingerprint of its parsed request instead.
    pub fingerprint: Option<Fingerprint>,
}

/// What to do with an append in which a key is known with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnConflict {
    /// Record nothing of the append.
    RefuseAll,
    /// Record the rest and report the conflicting ones.
    SkipThem,
}

/// Events for one stream, recorded whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The one stream they go to.
    pub stream: Stream,
    /// What must be true of it. Judged after duplicates are set aside: an append of which every
    /// event is a duplicate succeeds with the first outcome, whatever the stream holds by now.
    pub expected: Expected,
    /// Who asked, in which role.
    pub actor: Actor,
    /// The event that made this one necessary.
    pub causation: Option<EventId>,
    /// The request or process all of it belongs to.
    pub correlation: Option<CorrelationId>,
    /// At least one, at most [`APPEND_EVENTS_MAX`].
    pub events: Vec<NewEvent>,
    /// What a known key with other content means for the rest.
    pub on_conflict: OnConflict,
}

/// What became of one event of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Recorded by this append.
    Recorded {
        /// Its place in the log.
        position: Position,
        /// Its place in the stream.
        revision: Revision,
    },
    /// Recorded before, with the same content.
    Duplicate {
        /// Where the first one is.
        position: Position,
        /// Its place in its stream.
        revision: Revision,
    },
    /// The key is taken by other content.
    Conflict {
        /// Where the first one is; `ORIGIN` when it is in the same append.
        position: Position,
    },
}

/// A durable append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// One per event, in order.
    pub outcomes: Vec<Outcome>,
    /// The highest position among the outcomes: what a reader waits for to see all of it.
    pub position: Position,
}

/// Why an append recorded nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The stream is not where the caller thought.
    #[error("stream {stream} is at {}, not at {expected}", display_head(.actual))]
    WrongRevision {
        /// The stream appended to.
        stream: Stream,
        /// What the append demanded.
        expected: Expected,
        /// What the stream has.
        actual: Option<Revision>,
    },
    /// A key is known with other content.
    #[error(
        "{} of {} events have a key that is taken by other content",
        conflicts(.outcomes),
        .outcomes.len()
    )]
    Conflict {
        /// One per event, in order; `Recorded` does not occur.
        outcomes: Vec<Option<Outcome>>,
    },
    /// Some events of an append that demands a revision are duplicates, others are new.
    #[error("events of this append to {stream} were recorded before, but not all of them")]
    PartlyRecorded {
        /// The stream appended to.
        stream: Stream,
    },
    /// No event at all.
    #[error("an append to {stream} holds no event")]
    Empty {
        /// The stream appended to.
        stream: Stream,
    },
    /// One event is larger than the log takes.
    #[error("event {index} ({wire}) has {bytes} bytes; at most {bytes_max} are taken")]
    EventTooLarge {
        /// Which event of the append, from 0.
        index: usize,
        /// Its wire name.
        wire: &'static str,
        /// Its encoded size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The append is larger than the log takes.
    #[error(
        "the append has {events} events and {bytes} bytes; \
         at most {events_max} and {bytes_max} are taken"
    )]
    TooLarge {
        /// Its events.
        events: usize,
        /// Its encoded size.
        bytes: usize,
        /// The limit of events.
        events_max: usize,
        /// The limit of bytes.
        bytes_max: usize,
    },
    /// The event belongs to another category of streams.
    #[error("event {index} ({wire}) does not belong in stream {stream}")]
    WrongStream {
        /// Which event of the append, from 0.
        index: usize,
        /// Its wire name.
        wire: &'static str,
        /// The stream appended to.
        stream: Stream,
    },
    /// The body does not encode.
    #[error("event {index} ({wire}) does not encode")]
    Encode {
        /// Which event of the append, from 0.
        index: usize,
        /// Its wire name.
        wire: &'static str,
    },
    /// The clock is behind the last event.
    #[error("the clock says {now}, but the last event was recorded at {last}")]
    ClockBehind {
        /// What the clock says.
        now: Timestamp,
        /// When the last event was recorded.
        last: Timestamp,
    },
    /// The clock jumped ahead while running.
    #[error("the clock jumped from {last} to {now}")]
    ClockAhead {
        /// What the clock says.
        now: Timestamp,
        /// What it said before.
        last: Timestamp,
    },
    /// The disk is nearly full; appends resume by themselves when space returns.
    #[error("the disk is nearly full: {free_bytes} bytes are free, {needed_bytes} are needed")]
    DiskFull {
        /// Free now.
        free_bytes: u64,
        /// Needed to go on.
        needed_bytes: u64,
    },
    /// More waits than the queue takes.
    #[error("the append queue is full")]
    Busy,
    /// The writer stopped after a failure; the outcome of appends in flight is unknown until the
    /// log is opened again.
    #[error("the log has stopped: {why}")]
    Stopped {
        /// What failed.
        why: String,
    },
}

impl AppendError {
    /// Whether the same append may succeed later without anybody changing it.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::WrongRevision { .. }
            | Self::Conflict { .. }
            | Self::PartlyRecorded { .. }
            | Self::Empty { .. }
            | Self::EventTooLarge { .. }
            | Self::TooLarge { .. }
            | Self::WrongStream { .. }
            | Self::Encode { .. } => false,
            Self::ClockBehind { .. }
            | Self::ClockAhead { .. }
            | Self::DiskFull { .. }
            | Self::Busy
            | Self::Stopped { .. } => true,
        }
    }
}

fn display_head(head: &Option<Revision>) -> String {
    head.map_or_else(|| "no stream".to_owned(), |revision| format!("revision {revision}"))
}

fn conflicts(outcomes: &[Option<Outcome>]) -> usize {
    outcomes.iter().filter(|it| matches!(it, Some(Outcome::Conflict { .. }))).count()
}

/// An event as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place in the whole log.
    pub position: Position,
    /// Its stream.
    pub stream: Stream,
    /// Its place in the stream.
    pub revision: Revision,
    /// Derived from the key, so that a retry makes the same id.
    pub id: EventId,
    /// The world's clock.
    pub occurred_at: Timestamp,
    /// The log's clock.
    pub recorded_at: Timestamp,
    /// Who, in which role.
    pub actor: Actor,
    /// The event that made this one necessary.
    pub causation: Option<EventId>,
    /// The request or process it belongs to.
    pub correlation: Option<CorrelationId>,
    /// The name by which a repeat is known.
    pub key: Option<Key>,
    /// What a repeat must match, where it is not the event itself.
    pub fingerprint: Option<Fingerprint>,
    /// What happened, in the newest shape of its body.
    pub event: Event,
    /// What was written, where that is an older shape than `event` has.
    pub written: Option<Box<Written>>,
}

impl Record {
    /// The wire name it was recorded under, superseded or not.
    pub fn wire_name(&self) -> &'static str {
        self.written.as_ref().map_or_else(|| self.event.wire_name(), |it| it.wire().name())
    }

    /// The body it was recorded with: what its leaf commits to.
    pub fn body(&self) -> Result<Cow<'_, [u8]>, EncodeError> {
        match &self.written {
            Some(written) => Ok(Cow::Borrowed(written.bytes())),
            None => self.event.encode().map(Cow::Owned),
        }
    }
}

/// Why a read stopped. A read never ends short without saying so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The bytes at a position are not what was written.
    #[error("{file} is damaged at byte {offset}, at or after position {position}: {what}")]
    Damaged {
        /// The file, within the ledger directory.
        file: String,
        /// Where in it.
        offset: u64,
        /// The last good position before it.
        position: Position,
        /// What was found.
        what: String,
    },
    /// A record holds an event this build does not know, or a body that is not canonical.
    #[error("position {position} holds {wire}, which does not decode: {what}")]
    Undecodable {
        /// Where.
        position: Position,
        /// Its wire name.
        wire: String,
        /// What is wrong with it.
        what: String,
    },
    /// The system would not read.
    #[error("cannot read {file}: {what}")]
    Io {
        /// The file, within the ledger directory.
        file: String,
        /// What the system said.
        what: String,
    },
}

/// Records in order; the first error is the last item.
pub type Records = Box<dyn Iterator<Item = Result<Record, ReadError>> + Send>;

/// Which way, and from where, a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadStream {
    /// Oldest first, from this revision on.
    Forwards(Revision),
    /// Newest first, from the head.
    Backwards,
}

/// Follows the log live, without gap or repeat.
pub trait Follow: Send {
    /// The next record, or `None` when nothing came within `patience`.
    fn next(&mut self, patience: Duration) -> Result<Option<Record>, ReadError>;
}

/// One log, whichever engine holds it.
pub trait EventLog: Send + Sync {
    /// The identity that every file, checkpoint and proof of this ledger carries.
    fn ledger(&self) -> LedgerId;

    /// Appends to one stream. The answer comes when the append is durable or refused.
    fn append(&self, append: Append) -> Pending<Result<Appended, AppendError>>;

    /// As [`append`](Self::append), for a caller that would only wait for the answer: an engine may
    /// do the work on the caller's thread and spare it the way to another and back.
    fn append_blocking(&self, append: Append) -> Result<Appended, AppendError> {
        self.append(append).wait()
    }

    /// The position of the last acknowledged event; `ORIGIN` in an empty log.
    fn head(&self) -> Position;

    /// The revision of the last event of a stream.
    fn stream_head(&self, stream: &Stream) -> Result<Option<Revision>, ReadError>;

    /// Everything after a position, up to the head at the time of the call.
    fn read_all(&self, after: Position) -> Result<Records, ReadError>;

    /// One stream, either way, up to the head at the time of the call.
    fn read_stream(&self, stream: &Stream, read: ReadStream) -> Result<Records, ReadError>;

    /// The event recorded under a key, whenever that was.
    fn find(&self, key: &Key) -> Result<Option<Record>, ReadError>;

    /// Everything after a position, and what comes.
    fn follow(&self, after: Position) -> Result<Box<dyn Follow>, ReadError>;
}
