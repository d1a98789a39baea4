//! Work behind the writer: the spare segment, the mark's sync, sealing, merging of index runs.
//!
//! Each call does one piece, so that a test can run them one by one on its own thread. A failure of
//! the disk stops the log, as one of the writer's would; running out of space does not, because
//! what the work would have made can be made later.

use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::log::storage::{File, write_paced};

use super::engine::Failure;
use super::index::{self, Entries};
use super::layout::{INDEX_DIR, SEGMENTS_DIR, raw_path, sealed_path};
use super::mark::MARK_FILE;
use super::raw_segment::RawSegment;
use super::runs::{Merged, RunKind, RunsError, RunsWriter};
use super::sealed::{Buffer, Sealed, seal};
use super::sealed_segment::SealedSegment;
use super::shared::Shared;
use super::spare::{self, SpareError};
use super::tail::Tail;

/// Runs are merged only while so many segments would still be free.
const MERGE_SEGMENTS_KEPT: u64 = 4;
/// Segments that may be open for writing or waiting to be sealed: with more, appends wait. Each is
/// a look for every key.
const TAILS_MAX: usize = 5;

/// The mark's file and what is open of it.
pub(crate) struct Background {
    shared: Arc<Shared>,
    mark: Arc<dyn File>,
    keys: RunsWriter,
    streams: RunsWriter,
    /// Held by the one who merges or mends: two would do the same work to the same files.
    tidying: Mutex<()>,
    /// Held by the one who seals, for the same reason. It is taken second.
    sealing: Mutex<()>,
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Background")
    }
}

impl Background {
    pub(crate) fn new(
        shared: Arc<Shared>,
        mark: Arc<dyn File>,
        keys: RunsWriter,
        streams: RunsWriter,
    ) -> Self {
        Self { shared, mark, keys, streams, tidying: Mutex::new(()), sealing: Mutex::new(()) }
    }

    /// The quick pieces: the mark's sync, what the next segment needs, and what makes new keys
    /// quick to tell from those of segments that wait to be sealed. Answers whether any was done.
    pub(crate) fn prepare_once(&self) -> bool {
        self.ends_well(self.sync_mark()) || self.prepare_segments()
    }

    /// All of them, as far as there are any. The mark's is once in a call: behind a busy writer it
    /// is always due, and each sync of it is one that the next append waits for.
    pub(crate) fn prepare_all(&self) {
        self.ends_well(self.sync_mark());
        while self.prepare_segments() {}
    }

    fn prepare_segments(&self) -> bool {
        self.ends_well(self.make_spare()) || self.close_segment() || self.shared.prepare_key_table()
    }

    fn close_segment(&self) -> bool {
        let view = self.shared.view();
        let [closed @ .., _] = view.tails() else { return false };
        closed.iter().any(|tail| tail.close())
    }

    /// The long pieces: sealing and merging. Answers whether anything was done.
    ///
    /// Merging goes first where sealing is not behind: it takes a run from what every key is looked
    /// for in, and sealing makes of one place to look another.
    pub(crate) fn tidy_once(&self) -> bool {
        let _tidying = hold(&self.tidying);
        let merge = || self.ends_well(self.merge());
        let seal = || self.seal_if_over(1);
        if self.ends_well(self.mend_index()) {
            return true;
        }
        if self.tails() >= TAILS_MAX {
            return seal() || merge();
        }
        merge() || seal()
    }

    /// Seals until so few segments wait that appends need not. Who appends calls it: when sealing
    /// has fallen behind, he helps.
    pub(crate) fn catch_up(&self) {
        // Without waiting for a seal that is under way as long as that is soon enough.
        while self.tails() > TAILS_MAX && self.seal_if_over(TAILS_MAX) {}
    }

    fn tails(&self) -> usize {
        self.shared.view().tails().len()
    }

    /// Seals a segment if there are more than so many, once whoever seals another has done so.
    /// Answers whether anything was done.
    fn seal_if_over(&self, tails: usize) -> bool {
        let _sealing = hold(&self.sealing);
        self.tails() > tails && self.ends_well(self.seal_oldest())
    }

    fn ends_well(&self, result: Result<bool, Failure>) -> bool {
        if self.shared.stopped().is_some() {
            return false;
        }
        result.unwrap_or_else(|failure| {
            let why = failure.to_string();
            if spare::is_full(&failure.source) {
                tracing::warn!(%why, "no space: this is tried again later");
            } else {
                tracing::error!(%why, "the log stops");
                self.shared.stop(&why);
            }
            false
        })
    }

    fn sync_mark(&self) -> Result<bool, Failure> {
        if !self.shared.mark_unsynced.swap(false, Ordering::AcqRel) {
            return Ok(false);
        }
        self.mark.sync_data().map_err(Failure::new("sync", MARK_FILE))?;
        Ok(true)
    }

    fn make_spare(&self) -> Result<bool, Failure> {
        match spare::prepare(&self.shared) {
            Ok(made) => Ok(made),
            // The writer refuses appends when it needs the space; here it is only too early.
            Err(SpareError::Full { .. }) => Ok(false),
            Err(SpareError::Failed(failure)) => Err(failure),
        }
    }

    /// Seals the oldest segment that is complete.
    fn seal_oldest(&self) -> Result<bool, Failure> {
        let view = self.shared.view();
        let [oldest, _, ..] = view.tails() else { return Ok(false) };
        let (sealed, entries) = seal_tail(&self.shared, oldest)?;
        let segment = u64::from(sealed.segment());
        self.keys.add(segment, entries.keys).map_err(index_failure("add a run to"))?;
        self.streams.add(segment, entries.streams).map_err(index_failure("add a run to"))?;
        let raw = raw_path(oldest.segment);
        self.shared.replace_tail(Arc::new(sealed));
        self.shared.storage.remove(&raw).map_err(Failure::new("remove", &raw))?;
        sync_segments(&self.shared)?;
        tracing::info!(segment = oldest.segment, "sealed");
        Ok(true)
    }

    /// Makes again what was found damaged.
    fn mend_index(&self) -> Result<bool, Failure> {
        let Some(damage) = self.shared.take_damage() else { return Ok(false) };
        let runs = match damage.kind {
            RunKind::Keys => &self.keys,
            RunKind::Streams => &self.streams,
        };
        self.index_again(runs, &damage.segments)?;
        Ok(true)
    }

    fn merge(&self) -> Result<bool, Failure> {
        // A merge may take as long as several segments take to fill.
        let stop = || {
            while self.seal_if_over(TAILS_MAX - 1) {}
            self.shared.work_is_over()
        };
        for runs in [&self.keys, &self.streams] {
            let Some(plan) = runs.merge_due() else { continue };
            if !self.has_room_for(plan.bytes())? {
                continue;
            }
            match runs.merge(&plan, &stop) {
                Ok(Merged::Done | Merged::Superseded) => return Ok(true),
                Ok(Merged::Stopped) => return Ok(false),
                Err(RunsError::Damaged { file, segments, offset, what }) => {
                    tracing::warn!(file, offset, what, "an index is made again");
                    self.index_again(runs, &segments)?;
                    return Ok(true);
                }
                Err(error) => return Err(index_failure("merge runs of")(error)),
            }
        }
        Ok(false)
    }

    /// A merge can wait; the segments that appends need cannot.
    fn has_room_for(&self, bytes: u64) -> Result<bool, Failure> {
        let free_bytes = self.shared.storage.free_bytes();
        let free_bytes =
            free_bytes.map_err(Failure::new("ask for the free space of", INDEX_DIR))?;
        let kept_bytes = self.shared.identity.segment_bytes.saturating_mul(MERGE_SEGMENTS_KEPT);
        Ok(free_bytes >= bytes.saturating_add(kept_bytes))
    }

    /// Makes a damaged part of an index again, from the segments.
    fn index_again(&self, runs: &RunsWriter, segments: &Range<u64>) -> Result<(), Failure> {
        let view = self.shared.view();
        let entries_of = |segment: u64| {
            let is_it = |it: &&Arc<SealedSegment>| u64::from(it.segment()) == segment;
            let sealed = view.sealed().iter().find(is_it).ok_or(io::ErrorKind::NotFound)?;
            let entries = index::entries_of(sealed, &self.shared.identity);
            let entries = entries.map_err(io::Error::other)?;
            let is_keys = std::ptr::eq(runs, &raw const self.keys);
            Ok::<_, io::Error>(if is_keys { entries.keys } else { entries.streams })
        };
        runs.rebuild(segments, entries_of).map_err(Failure::new("make again", INDEX_DIR))
    }
}

fn hold(lock: &Mutex<()>) -> MutexGuard<'_, ()> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The kind of what the system said is kept: a full disk is no reason to stop.
fn index_failure(what: &'static str) -> impl FnOnce(RunsError) -> Failure {
    move |error| Failure::new(what, INDEX_DIR)(error.into())
}

fn sync_segments(shared: &Shared) -> Result<(), Failure> {
    let synced = shared.storage.sync_dir(SEGMENTS_DIR);
    synced.map_err(Failure::new("sync the directory", SEGMENTS_DIR))
}

/// Writes the sealed form of a segment, reads it back and compares it with the raw one. What it
/// adds to the indexes is taken from what was read back.
fn seal_tail(shared: &Shared, tail: &Tail) -> Result<(SealedSegment, Entries), Failure> {
    let path = sealed_path(tail.segment);
    let temporary = format!("{path}.tmp");
    let raw = RawSegment::read(shared, tail)?;
    let bytes = seal(raw.facts(), raw.names(), &raw).map_err(|error| Failure {
        what: "seal",
        path: tail.path.clone(),
        source: io::Error::other(error),
    })?;
    let storage = &shared.storage;
    match storage.remove(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::new("remove", &temporary)(error));
        }
        Ok(()) | Err(_) => (),
    }
    let file = storage.create(&temporary).map_err(Failure::new("create", &temporary))?;
    write_paced(&*file, &bytes).map_err(Failure::new("write", &temporary))?;
    file.sync_all().map_err(Failure::new("sync", &temporary))?;
    drop(bytes);
    let file = storage.open(&temporary).map_err(Failure::new("open", &temporary))?;
    let differs = |error: String| Failure {
        what: "verify",
        path: temporary.clone(),
        source: io::Error::other(error),
    };
    let sealed = Sealed::open(file, &path, shared.identity.ledger, u64::from(tail.segment))
        .map_err(|error| differs(error.to_string()))?;
    let mut entries = Entries::none(&shared.identity);
    let names = sealed
        .verify_against(raw.names(), &raw, &mut Buffer::default(), |names, record| {
            entries.add(names, record);
        })
        .map_err(|error| differs(error.to_string()))?;
    storage.rename(&temporary, &path).map_err(Failure::new("rename to", &path))?;
    sync_segments(shared)?;
    Ok((SealedSegment::new(sealed, tail.segment), entries.end(&names, tail.segment)))
}

#[cfg(test)]
mod tests;
