//! A derived index of sealed segments: from a hash to the places that have it, on disk.
//!
//! One multimap finds what was recorded under an idempotency key, another the segments that hold
//! records of a stream. It is kept as a few immutable sorted files, each of some adjacent segments:
//! a segment that is sealed adds one, and a background thread merges them, so memory does not grow
//! with the log and start reads only headers.
//!
//! What it promises: an entry that was added is found, or the lookup fails. Damage is an error
//! that names the segments to rebuild from, a missing file is a gap that opening reports; neither
//! is ever an absence. What it does not promise: that what is found is meant. Only the first 48
//! bits of a hash are kept, so the caller compares with the record.
//!
//! All of it can be deleted: it is made again from the segments. It knows nothing of records, and
//! hashes are the caller's, keyed, so nobody outside can choose them.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::id::LedgerId;
use crate::log::storage::Storage;

mod build;
mod cache;
mod cover;
mod entries;
mod filter;
mod format;
mod listing;
mod merge;
mod page;
mod places;
mod run;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub(crate) use cache::PageCache;
pub(crate) use format::RunKind;
pub(crate) use merge::Merged;
pub(crate) use view::RunsView;
pub(crate) use writer::RunsWriter;

use listing::{Owner, list};
use run::Run;

/// How much of a hash is kept: its first bits.
const HASH_BITS: u32 = 48;
/// Why the index did not answer, or was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunsError {
    /// The system would not.
    #[error("cannot use {file}")]
    Io {
        /// The file, within the ledger directory.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes are not what was written. The writer removes such a file as soon as it sees it, so
    /// the next opening reports a gap; `RunsWriter::rebuild` makes it again at once.
    #[error("{file} is damaged at byte {offset}: {what}")]
    Damaged {
        /// The file, within the ledger directory.
        file: String,
        /// What it covers.
        segments: Range<u64>,
        /// Where the page begins.
        offset: u64,
        /// What was found.
        what: &'static str,
    },
    /// A file of another ledger is in the directory. Nothing was changed.
    #[error("{file} belongs to ledger {found}, not to {expected}")]
    Foreign {
        /// The file, within the ledger directory.
        file: String,
        /// The ledger that was opened.
        expected: LedgerId,
        /// The ledger it names.
        found: LedgerId,
    },
    /// The directory changed as often as it was listed.
    #[error("{directory} changed during each of {listings} listings")]
    Unsettled {
        /// The directory, within the ledger directory.
        directory: String,
        /// How often it was listed.
        listings: usize,
    },
}

impl From<RunsError> for io::Error {
    /// Keeps the kind of what the system said, so that a full disk is still known as one.
    fn from(error: RunsError) -> Self {
        let kind = match &error {
            RunsError::Io { source, .. } => source.kind(),
            RunsError::Damaged { .. } => io::ErrorKind::InvalidData,
            RunsError::Foreign { .. } | RunsError::Unsettled { .. } => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Which index of which ledger, and where it is.
#[derive(Clone)]
pub(crate) struct RunsPlace {
    /// The tree that holds the ledger.
    pub(crate) storage: Arc<dyn Storage>,
    /// The directory of the runs, within it. Kinds may share one.
    pub(crate) directory: String,
    /// The ledger.
    pub(crate) ledger: LedgerId,
    /// Keys or streams.
    pub(crate) kind: RunKind,
    /// The pages in memory; one cache serves all the indexes of a log.
    pub(crate) cache: Arc<PageCache>,
}

impl fmt::Debug for RunsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunsPlace")
            .field("directory", &self.directory)
            .field("ledger", &self.ledger)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A value of one of the hashes asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Which of the hashes, from 0.
    pub(crate) index: usize,
    /// What it stands for.
    pub(crate) value: u64,
}

/// The index, to look up in. Shared by the writer's threads and readers; in another process, beside
/// the writer, opened by [`Runs::open_read_only`].
#[derive(Debug)]
pub(crate) struct Runs {
    place: RunsPlace,
    set: Mutex<Arc<Vec<Arc<Run>>>>,
}

impl Runs {
    /// Opens what the writer, here or in another process, has finished. Changes nothing.
    pub(crate) fn open_read_only(place: RunsPlace) -> Result<Self, RunsError> {
        let listing = list(&place, Owner::Reader, &[])?;
        Ok(Self { place, set: Mutex::new(Arc::new(listing.runs)) })
    }

    /// Looks again at what the writer has finished.
    pub(crate) fn refresh(&self) -> Result<(), RunsError> {
        let known = self.snapshot();
        let listing = list(&self.place, Owner::Reader, &known)?;
        *hold(&self.set) = Arc::new(listing.runs);
        Ok(())
    }

    /// The runs as they are now, to ask more than one thing of.
    pub(crate) fn view(&self) -> RunsView {
        RunsView { runs: self.snapshot(), cache: Arc::clone(&self.place.cache) }
    }

    /// The values of many hashes, as [`RunsView::lookup_many`] has them.
    pub(crate) fn lookup_many(&self, hashes: &[u64]) -> Result<Vec<Found>, RunsError> {
        self.view().lookup_many(hashes)
    }

    fn snapshot(&self) -> Arc<Vec<Arc<Run>>> {
        Arc::clone(&hold(&self.set))
    }

    /// Puts runs in the place of others.
    fn replace(&self, gone: &[Arc<Run>], new: impl IntoIterator<Item = Arc<Run>>) {
        let mut set = hold(&self.set);
        let is_gone = |run: &Arc<Run>| gone.iter().any(|it| Arc::ptr_eq(it, run));
        let mut runs: Vec<_> = set.iter().filter(|run| !is_gone(run)).cloned().collect();
        runs.extend(new);
        runs.sort_unstable_by_key(|run| run.segments().start);
        *set = Arc::new(runs);
    }
}

/// Locks. What is behind a lock here is replaced whole, so a thread that panicked left it whole.
fn hold<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn kept(hash: u64) -> u64 {
    hash >> (u64::BITS - HASH_BITS)
}
