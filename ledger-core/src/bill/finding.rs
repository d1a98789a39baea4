//! What is wrong with a file, and where: every bad place, a bounded number of them kept.

use std::fmt;

use crate::id::IdError;
use crate::money::{Currency, CurrencyError, MoneyError};
use crate::time::Timestamp;

use super::number::NumberError;

/// Where in a file something is wrong. Everything is counted from 1, but bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere in particular.
    File,
    /// A line as a whole.
    Line {
        /// The line.
        line: u32,
        /// Its first byte.
        byte: usize,
    },
    /// A cell of a table.
    Cell {
        /// The line it begins on.
        line: u32,
        /// The how-manyth cell of its row it is.
        column: usize,
        /// What the header calls the column, cut short; none where there is no header.
        name: Option<String>,
        /// The byte.
        byte: usize,
    },
    /// A value of a JSON document.
    Json {
        /// Its pointer (RFC 6901).
        pointer: String,
        /// The line it begins on.
        line: u32,
        /// The character of that line.
        column: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Line { line, byte } => write!(f, "line {line} (byte {byte})"),
            Self::Cell { line, column, name: Some(name), byte } => {
                write!(f, "line {line}, column {column} ({name}), byte {byte}")
            }
            Self::Cell { line, column, name: None, byte } => {
                write!(f, "line {line}, column {column}, byte {byte}")
            }
            Self::Json { pointer, line, column } => {
                let pointer = if pointer.is_empty() { "the document" } else { pointer };
                write!(f, "{} at line {line}, column {column}", pointer.escape_debug())
            }
        }
    }
}

/// What is wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Bytes that are no text.
    #[error("the bytes are not UTF-8")]
    NotUtf8,
    /// A zero byte.
    #[error("a text may not hold NUL")]
    Nul,
    /// A quote that was opened and never closed.
    #[error("the quote that opens here is never closed")]
    UnterminatedQuote,
    /// A quote within an unquoted field, or something between a closing quote and the separator.
    #[error("a quote stands where none may, or something follows a closing one")]
    StrayQuote,
    /// A carriage return that ends no line.
    #[error("a carriage return without a line feed")]
    BareCarriageReturn,
    /// A field that is too long.
    #[error("the field has {bytes} bytes; at most {bytes_max} are read")]
    FieldTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// More cells in a row than anybody writes.
    #[error("the row has more than {columns_max} columns")]
    TooManyColumns {
        /// The limit.
        columns_max: usize,
    },
    /// More rows than can be kept.
    #[error("the file has more than {rows_max} rows")]
    TooManyRows {
        /// The limit.
        rows_max: u32,
    },
    /// A row that is not as wide as the others.
    #[error("the row has {found} columns where {expected} are expected")]
    Width {
        /// Its columns.
        found: usize,
        /// The header's.
        expected: usize,
    },
    /// A column that has to be there is not.
    #[error("there is no column {column:?}")]
    MissingColumn {
        /// Its name.
        column: &'static str,
    },
    /// Two columns have one name.
    #[error("the column has the name of column {first}")]
    DuplicateColumn {
        /// The one before it, from 1.
        first: usize,
    },
    /// Nothing where something has to be.
    #[error("nothing stands here; {expected} is expected")]
    Empty {
        /// What belongs there.
        expected: &'static str,
    },
    /// A number that is none, or not spelled as this provider spells them.
    #[error("{found:?} is not {expected}: {problem}")]
    Number {
        /// What stands there, cut short.
        found: String,
        /// What belongs there.
        expected: &'static str,
        /// What is wrong with it.
        problem: NumberError,
    },
    /// A time that is none, or not spelled as this provider spells them.
    #[error("{found:?} is not {expected}")]
    Time {
        /// What stands there, cut short.
        found: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// The end of an interval before its start.
    #[error("the end {ends_at} is before the start {starts_at}")]
    EndBeforeStart {
        /// The start.
        starts_at: Timestamp,
        /// The end.
        ends_at: Timestamp,
    },
    /// A word that is none of those there are.
    #[error("{found:?} is not one of {expected}")]
    Word {
        /// What stands there, cut short.
        found: String,
        /// Those there are.
        expected: &'static str,
    },
    /// A text that may not be kept.
    #[error(transparent)]
    Text(#[from] IdError),
    /// Not a currency to bill in.
    #[error(transparent)]
    Currency(#[from] CurrencyError),
    /// Another currency than the rest of the same invoice.
    #[error("{found} where the invoice is in {expected}")]
    ForeignCurrency {
        /// The invoice's.
        expected: Currency,
        /// The row's.
        found: Currency,
    },
    /// The lines cannot be added up.
    #[error("the lines cannot be added up: {0}")]
    Sum(MoneyError),
    /// No JSON.
    #[error("no JSON: {what}")]
    Syntax {
        /// What the parser says.
        what: String,
    },
    /// A member that an object has twice.
    #[error("the member {name:?} stands here twice")]
    DuplicateMember {
        /// Its name, cut short.
        name: String,
    },
    /// Values within values beyond reason.
    #[error("values are nested more than {depth_max} deep")]
    TooDeep {
        /// The limit.
        depth_max: usize,
    },
    /// A member that has to be there is not.
    #[error("the member {name:?} is not there")]
    MissingMember {
        /// Its name.
        name: &'static str,
    },
    /// A value of another type.
    #[error("{expected} is expected here")]
    Type {
        /// What belongs there.
        expected: &'static str,
    },
    /// Pages of the list are missing, or too many.
    #[error("{found} items are here; the provider counts {expected}")]
    Incomplete {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// The list goes on elsewhere.
    #[error("another page follows this one")]
    PageFollows,
}

/// One bad place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// Every bad place of a file: all are counted, the first of them kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    count: usize,
}

impl Findings {
    /// How many are kept.
    pub const KEPT_MAX: usize = 100;

    /// The first of them, in the order of the file.
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The place is worked out only where it is kept.
    pub(super) fn add(&mut self, place: impl FnOnce() -> Place, problem: impl Into<Problem>) {
        self.count += 1;
        if self.kept.len() < Self::KEPT_MAX {
            self.kept.push(Finding { place: place(), problem: problem.into() });
        }
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wrong places: {}", self.count)?;
        match self.kept.first() {
            Some(first) => write!(f, ", the first: {first}"),
            None => Ok(()),
        }
    }
}

/// A text cut short, for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(40).collect()
}
