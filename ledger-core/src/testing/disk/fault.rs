//! Calls, as a script of faults sees them, and what may happen to them.

use std::io;
use std::sync::Arc;

/// Which call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// Opening to read.
    Open,
    /// Opening to read and write.
    OpenRw,
    /// Making a file.
    Create,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Making a directory.
    CreateDir,
    /// Listing a directory.
    List,
    /// Making the names in a directory durable.
    SyncDir,
    /// Asking for the free space.
    FreeBytes,
    /// Taking the writer's lock.
    TryLock,
    /// Reading from a file.
    Read,
    /// Writing to a file.
    Write,
    /// Making the bytes of a file durable.
    SyncData,
    /// Making the bytes and the length of a file durable.
    SyncAll,
    /// Asking for the length of a file.
    Len,
}

impl Operation {
    /// Whether the disk can be another one afterwards.
    pub fn changes_the_disk(self) -> bool {
        match self {
            Self::Create
            | Self::Rename
            | Self::Remove
            | Self::CreateDir
            | Self::SyncDir
            | Self::TryLock
            | Self::Write
            | Self::SyncData
            | Self::SyncAll => true,
            Self::Open | Self::OpenRw | Self::List | Self::FreeBytes | Self::Read | Self::Len => {
                false
            }
        }
    }

    /// Whether it is one of the three that make something durable.
    pub fn is_sync(self) -> bool {
        matches!(self, Self::SyncDir | Self::SyncData | Self::SyncAll)
    }
}

/// One call, before it is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The how manieth call on this disk, from 0.
    pub number: u64,
    /// Which call.
    pub operation: Operation,
    /// The path given; for a read, a write or a sync, the one the file was opened under.
    pub path: Arc<str>,
    /// Where in the file; 0 where there is no such thing.
    pub offset: u64,
    /// How many bytes; 0 where there is no such thing.
    pub bytes: usize,
}

/// What the system says when it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemError {
    /// EIO: the device failed.
    Io,
    /// ENOSPC: no space is left.
    NoSpace,
    /// EINTR: a signal came first.
    Interrupted,
    /// EROFS: the file system has become read-only.
    ReadOnly,
    /// EMFILE: too many files are open.
    TooManyFiles,
}

impl From<SystemError> for io::Error {
    fn from(error: SystemError) -> Self {
        Self::from_raw_os_error(match error {
            SystemError::Interrupted => 4,
            SystemError::Io => 5,
            SystemError::TooManyFiles => 24,
            SystemError::NoSpace => 28,
            SystemError::ReadOnly => 30,
        })
    }
}

/// What happens to a call instead of what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It fails and does nothing. A sync of a file that fails otherwise than by a signal strands
    /// what it was to write: reads still see it, the pages count as clean, no later sync writes it.
    /// Names are in a journal, and wait for the next sync of their directory.
    Error(SystemError),
    /// It does what was asked, and fails all the same.
    ErrorAfterDoing(SystemError),
    /// It fails after so many bytes were written.
    ErrorAfterBytes(usize, SystemError),
    /// It reads or writes at most so many bytes.
    Short(usize),
    /// A sync that says it is done and makes nothing durable; the next honest one makes up for it.
    DropSync,
    /// A sync that says it is done and loses what it should have written: no later one writes it.
    LoseSync,
    /// The bytes of a write go to this place of this file instead.
    Misdirect {
        /// The file hit.
        path: String,
        /// Where it is hit.
        offset: u64,
    },
}
