//! What can be wrong with a sealed file, and where.

use std::fmt;
use std::io;

use crate::id::LedgerId;
use crate::log::embedded::raw::varint::VarintError;
use crate::log::embedded::raw::{NameError, NameKind, RowError};

/// Why a sealed segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealedError {
    /// The system would not read.
    #[error("cannot read {file} at byte {offset}")]
    Io {
        /// The file, within the ledger directory.
        file: String,
        /// Where in it.
        offset: u64,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It has a format that this build does not read.
    #[error("{file} has format version {found}; this build reads {expected}")]
    Version {
        /// The file, within the ledger directory.
        file: String,
        /// What this build reads.
        expected: u32,
        /// What the file says.
        found: u32,
    },
    /// It is part of another ledger.
    #[error("{file} belongs to ledger {found}, not {expected}")]
    ForeignLedger {
        /// The file, within the ledger directory.
        file: String,
        /// The ledger being read.
        expected: LedgerId,
        /// What the file says.
        found: LedgerId,
    },
    /// It is another segment than its name says.
    #[error("{file} holds segment {found}, not {expected}")]
    ForeignSegment {
        /// The file, within the ledger directory.
        file: String,
        /// The segment wanted.
        expected: u64,
        /// What the file says.
        found: u64,
    },
    /// Its bytes are not those that were written.
    #[error("{file} is damaged in its {part} at byte {offset}")]
    Damaged {
        /// The file, within the ledger directory.
        file: String,
        /// Where in it: the first byte of what was being read.
        offset: u64,
        /// What was being read.
        part: Part,
        /// What was found.
        #[source]
        fault: Fault,
    },
}

/// A part of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The file as a whole.
    File,
    /// The facts at its beginning.
    Header,
    /// A block of records.
    Block,
    /// The block of each position.
    Positions,
    /// A page of the stream directory.
    Directory,
    /// The first name of each page of the directory.
    DirectoryIndex,
    /// Where the blocks are.
    BlockTable,
    /// Wire names, actors and key sources.
    Names,
    /// The lengths and digests at its end.
    Footer,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "whole",
            Self::Header => "header",
            Self::Block => "blocks",
            Self::Positions => "position table",
            Self::Directory => "stream directory",
            Self::DirectoryIndex => "directory index",
            Self::BlockTable => "block table",
            Self::Names => "names",
            Self::Footer => "footer",
        })
    }
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// They are not the bytes that were summed.
    #[error("the checksum is {found:#010x}, not {expected:#010x}")]
    Checksum {
        /// What was written down.
        expected: u32,
        /// What the bytes give.
        found: u32,
    },
    /// The file is not the one that was sealed.
    #[error("the digest of the file is not the one in its footer")]
    Digest,
    /// The file ends inside it, or goes on after it.
    #[error("{found} bytes are there, {expected} are said to be")]
    Length {
        /// What was written down.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The first bytes are those of another kind of file.
    #[error("it does not begin as a sealed segment does")]
    Magic,
    /// A row, or an integer, is not well formed.
    #[error(transparent)]
    Row(#[from] RowError),
    /// A name is repeated, out of order or too long.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A column does not unpack to its length, or is packed for no gain.
    #[error("a column of {packed} bytes does not unpack to {unpacked}")]
    Column {
        /// Its length in the file.
        packed: usize,
        /// Its length in memory.
        unpacked: usize,
    },
    /// A body is made from one that is not there, or from bytes past its end.
    #[error("a body is made from bytes that are not there")]
    Reference,
    /// A block holds more than a block may.
    #[error("a block holds more than a block may")]
    Oversize,
    /// A number that is in no list.
    #[error("{kind:?} name {number} is in no list")]
    Unnamed {
        /// Which list.
        kind: NameKind,
        /// The number.
        number: u32,
    },
    /// A name that no record has.
    #[error("{kind:?} name {number} is the name of nothing")]
    Unused {
        /// Which list.
        kind: NameKind,
        /// The number.
        number: u32,
    },
    /// A record is not where it is said to be.
    #[error("{what} at position {position}")]
    Misplaced {
        /// What is not so.
        what: &'static str,
        /// Which record.
        position: u64,
    },
    /// Two parts of the file contradict each other.
    #[error("{what} is not what another part of the file says")]
    Contradiction {
        /// Which fact.
        what: &'static str,
    },
}

impl From<VarintError> for Fault {
    fn from(error: VarintError) -> Self {
        Self::Row(error.into())
    }
}
