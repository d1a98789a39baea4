//! What every fold shares: how far it came, and why it stopped.
//!
//! A fold takes its state by value, so an error drops the state and no half-applied one is kept. An
//! event that cannot be folded is never skipped: whoever folds stops there and says where.

use serde::{Deserialize, Serialize};

use crate::id::{IngestId, LotId};
use crate::log::{Position, Record, Revision};
use crate::money::{Currency, Exact, ExactError, Money, MoneyError};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

/// Why an event cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The record is of another stream than the state.
    #[error("position {position} is in {found}, but the state is of {expected}")]
    WrongStream {
        /// Where the record is.
        position: Position,
        /// The stream of the state.
        expected: Stream,
        /// The record's.
        found: Stream,
    },
    /// A record of the stream was left out, or came twice.
    #[error("position {position} is revision {found} of its stream, but {expected} comes next")]
    OutOfOrder {
        /// Where the record is.
        position: Position,
        /// The revision that comes next.
        expected: Revision,
        /// The record's.
        found: Revision,
    },
    /// The event names something that is not there.
    #[error("position {position} names {noun} {name}, which is not there")]
    Unknown {
        /// Where the record is.
        position: Position,
        /// What was named.
        noun: &'static str,
        /// Its name.
        name: String,
    },
    /// The event makes something that is there already.
    #[error("position {position} makes {noun} {name}, which is there already")]
    Repeated {
        /// Where the record is.
        position: Position,
        /// What was made.
        noun: &'static str,
        /// Its name.
        name: String,
    },
    /// The event occurred outside the period its stream is of.
    #[error("position {position} occurred at {occurred_at}, outside {period}")]
    OutsidePeriod {
        /// Where the record is.
        position: Position,
        /// The period of the stream.
        period: BillingPeriod,
        /// When it occurred.
        occurred_at: Timestamp,
    },
    /// A sum has no exact form within bounds.
    #[error("a number is out of bounds from position {position} on")]
    Number {
        /// Where the record is.
        position: Position,
        /// What is wrong with it.
        #[source]
        source: ExactError,
    },
    /// An amount is in another currency than those before it.
    #[error("position {position} is in {found}, but the state is in {expected}")]
    ForeignCurrency {
        /// Where the record is.
        position: Position,
        /// The currency of the state.
        expected: Currency,
        /// The record's.
        found: Currency,
    },
    /// The history is broken, or not this stream's.
    #[error("the record at position {position} does not follow from those before it")]
    Contradiction {
        /// Where the record is.
        position: Position,
        /// What is wrong with it.
        #[source]
        problem: Box<FoldProblem>,
    },
}

impl FoldError {
    /// An amount of the record at a position cannot be added to those before it.
    pub const fn money(position: Position, error: MoneyError) -> Self {
        match error {
            MoneyError::ForeignCurrency { expected, found } => {
                Self::ForeignCurrency { position, expected, found }
            }
            MoneyError::Number(source) => Self::Number { position, source },
        }
    }
}

/// What is wrong with a record that does not follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldProblem {
    /// It stands in a stream where it may not.
    #[error("{wire} does not belong to this fold")]
    Foreign {
        /// Its wire name.
        wire: &'static str,
    },
    /// It comes before whatever begins the stream.
    #[error("the stream has not begun")]
    NotBegun,
    /// Its amounts cannot be added to those before it.
    #[error("the amounts do not add up")]
    Money(#[from] MoneyError),
    /// It names a lot that nobody paid in.
    #[error("no lot is called {lot}")]
    UnknownLot {
        /// The lot.
        lot: LotId,
    },
    /// It takes more from a lot than is left.
    #[error("lot {lot} has {left} left, not {taken}")]
    Overdrawn {
        /// The lot.
        lot: LotId,
        /// What is left of it.
        left: Exact,
        /// What was taken.
        taken: Exact,
    },
    /// A reading of a bill goes on, or is sealed, after it was sealed.
    #[error("reading {ingest} is sealed")]
    ReadingSealed {
        /// The reading.
        ingest: IngestId,
    },
    /// The rows of a reading do not ascend.
    #[error("row {row} of reading {ingest} stands after row {before}")]
    RowOrder {
        /// The reading.
        ingest: IngestId,
        /// The row.
        row: u32,
        /// The one before it.
        before: u32,
    },
    /// A seal counts other lines than there are.
    #[error("reading {ingest} is sealed with {sealed} lines and has {found}")]
    SealedCount {
        /// The reading.
        ingest: IngestId,
        /// What the seal says.
        sealed: u32,
        /// What there is.
        found: u32,
    },
    /// A seal says other sums than the lines have.
    #[error("reading {ingest} is sealed with the sums {sealed:?} and has {found:?}")]
    SealedSums {
        /// The reading.
        ingest: IngestId,
        /// What the seal says.
        sealed: Vec<Money>,
        /// What the lines add up to.
        found: Vec<Money>,
    },
    /// It names a row that the bill does not have.
    #[error("the bill has no row {row} of reading {ingest}")]
    UnknownRow {
        /// The reading.
        ingest: IngestId,
        /// The row.
        row: u32,
    },
}

/// How far a stream was folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The last record folded; `None`: none yet.
    pub revision: Option<Revision>,
    /// Its place in the log.
    pub position: Position,
}

impl Default for Reached {
    fn default() -> Self {
        Self { revision: None, position: Position::ORIGIN }
    }
}

impl Reached {
    /// One record further: the next one of this very stream, and no other.
    pub fn after(self, record: &Record, stream: &Stream) -> Result<Self, FoldError> {
        let Record { position, revision, .. } = *record;
        if record.stream != *stream {
            let (expected, found) = (stream.clone(), record.stream.clone());
            return Err(FoldError::WrongStream { position, expected, found });
        }
        let expected = self.next();
        if revision == expected {
            Ok(Self { revision: Some(revision), position })
        } else {
            Err(FoldError::OutOfOrder { position, expected, found: revision })
        }
    }

    /// The revision that comes next. There is none after the last; it comes again and is refused.
    pub fn next(self) -> Revision {
        self.revision.map_or(Revision::FIRST, |it| it.next().unwrap_or(it))
    }
}
