//! Bugs that a test plants to show that the tests would find them.
//!
//! Each is one a log engine has shipped with somewhere. They exist under the feature `testing`
//! only; a build without it cannot have them.

use std::sync::atomic::{AtomicU8, Ordering};

/// One bug, switched on by a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum PlantedBug {
    /// An append is acknowledged before it is durable.
    AcknowledgeBeforeSync,
    /// The directory is not synced after a name in it changed.
    NoDirectorySync,
    /// A sync that failed is tried again, and its second answer believed.
    SyncRetried,
    /// The writer goes on after a write that failed half way.
    AppendAfterPartialWrite,
    /// One byte of a frame's header is outside its checksum.
    HeaderByteUnchecked,
    /// A frame says that more is durable than is.
    DurableUptoTooHigh,
    /// The mark is written before the data it speaks of.
    MarkAheadOfData,
    /// Recovery cuts the log at the first frame it does not understand.
    TruncateAtFirstBadFrame,
    /// The key of one tenant is taken for that of another.
    DedupeIgnoresTenant,
    /// A checkpoint is signed before the events under it are durable.
    CheckpointBeforeSync,
}

impl PlantedBug {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::AcknowledgeBeforeSync,
        Self::NoDirectorySync,
        Self::SyncRetried,
        Self::AppendAfterPartialWrite,
        Self::HeaderByteUnchecked,
        Self::DurableUptoTooHigh,
        Self::MarkAheadOfData,
        Self::TruncateAtFirstBadFrame,
        Self::DedupeIgnoresTenant,
        Self::CheckpointBeforeSync,
    ];
}

/// No bug of this number exists.
const NONE: u8 = u8::MAX;

static PLANTED: AtomicU8 = AtomicU8::new(NONE);

/// As long as it lives, the bug is in every log of this process. A test that plants one has a
/// process of its own.
#[derive(Debug)]
pub struct Planted(());

impl Drop for Planted {
    fn drop(&mut self) {
        PLANTED.store(NONE, Ordering::SeqCst);
    }
}

/// Plants a bug, in place of any other.
pub fn plant(bug: PlantedBug) -> Planted {
    PLANTED.store(bug as u8, Ordering::SeqCst);
    Planted(())
}

/// Whether a log is to behave as if it had this bug.
pub(crate) fn is_planted(bug: PlantedBug) -> bool {
    PLANTED.load(Ordering::Relaxed) == bug as u8
}
