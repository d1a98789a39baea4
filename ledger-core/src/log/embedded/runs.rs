//! A derived index of sealed segments: from a hash to the places that have it, on disk.
//!
//! One multimap finds what was recorded under an idempotency key, another the segments that hold
//! records of a stream. It is kept as a few immutable sorted files, each of some adjacent segments:
//! a segment that is sealed adds one, and a background thread merges them, so memory does not grow
//! with the log and start reads only headers.
//!
//! What it promises: an entry that was added is found, or the lookup fails. Damage is an error that
//! names the segments to rebuild from, a missing file is a gap that opening reports; neither is ever
//! an absence. What it does not promise: that what is found is meant. Only the first 48 bits of a
//! hash are kept, so the caller compares with the record.
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
mod merge;
mod page;
mod run;
#[cfg(test)]
mod tests;

pub(crate) use cache::PageCache;
pub(crate) use format::RunKind;
pub(crate) use merge::{MergePlan, Merged};

use build::{NewRun, RunWriter, remove_if_there};
use run::{Asked, Run};

/// How much of a hash is kept: its first bits.
const HASH_BITS: u32 = 48;
/// How many hashes are asked together, so that the memory they wait for is fetched together: as
/// many as a word has bits.
const GROUP: usize = u64::BITS as usize;
/// How often a reader lists a directory that changes under it before it gives up.
const LISTINGS_MAX: usize = 100;

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
    /// The bytes are not what was written. `RunsWriter::discard` its segments and add them again.
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
    /// The segment is in the index already.
    #[error("segment {segment} is indexed already")]
    Covered {
        /// The segment.
        segment: u64,
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
        let listing = list(&place, None, &[])?;
        Ok(Self { place, set: Mutex::new(Arc::new(listing.runs)) })
    }

    /// Looks again at what the writer has finished.
    pub(crate) fn refresh(&self) -> Result<(), RunsError> {
        let known = self.snapshot();
        let listing = list(&self.place, None, &known)?;
        *hold(&self.set) = Arc::new(listing.runs);
        Ok(())
    }

    /// The values of a hash, run by run from the oldest segments on and in order within each: values
    /// that grow with the log come in order.
    pub(crate) fn lookup(&self, hash: u64) -> Result<Vec<u64>, RunsError> {
        let hash = kept(hash);
        let runs = self.snapshot();
        let mut values = Vec::new();
        let mut next = 0;
        while let Some((place, asked)) = self.ask_from(&runs, next, hash) {
            next = place + 1;
            let Some(run) = runs.get(place) else { break };
            if asked == Asked::Maybe || run.ask_unread(hash)? {
                run.find(hash, |value| values.push(value))?;
            }
        }
        Ok(values)
    }

    /// The first run from a place on that may have a hash. The cache is locked for no longer.
    fn ask_from(&self, runs: &[Arc<Run>], from: usize, hash: u64) -> Option<(usize, Asked)> {
        let frames = self.place.cache.index.read();
        let asked =
            runs.iter().enumerate().skip(from).map(|(place, it)| (place, it.ask(&frames, hash)));
        asked.into_iter().find(|(_, asked)| *asked != Asked::Absent)
    }

    /// The values of many hashes, in the order of the hashes, each one's as `lookup` has them.
    pub(crate) fn lookup_many(&self, hashes: &[u64]) -> Result<Vec<Found>, RunsError> {
        let runs = self.snapshot();
        let mut found = Vec::new();
        let mut group = Vec::with_capacity(GROUP);
        let mut doubts = Vec::new();
        for (place, hashes) in hashes.chunks(GROUP).enumerate() {
            group.clear();
            group.extend(hashes.iter().map(|hash| kept(*hash)));
            self.ask_group(&runs, &group, &mut doubts);
            doubts.sort_unstable();
            for Doubt { hash, run, is_unread } in doubts.drain(..) {
                let (Some(run), Some(asked)) = (runs.get(run), group.get(hash)) else { continue };
                if !is_unread || run.ask_unread(*asked)? {
                    let index = place * GROUP + hash;
                    run.find(*asked, |value| found.push(Found { index, value }))?;
                }
            }
        }
        Ok(found)
    }

    /// First finds the blocks of all the hashes, then reads one word of each: no read waits for
    /// another, so the processor waits for the memory of many at once. The rest is then near.
    fn ask_group(&self, runs: &[Arc<Run>], hashes: &[u64], doubts: &mut Vec<Doubt>) {
        let frames = self.place.cache.index.read();
        let mut blocks = [None; GROUP];
        for (run, it) in runs.iter().enumerate().filter(|(_, it)| it.count() > 0) {
            for (block, hash) in blocks.iter_mut().zip(hashes) {
                *block = it.block(&frames, *hash);
            }
            let mut doubtful = 0_u64;
            for (place, (block, hash)) in blocks.iter().zip(hashes).enumerate() {
                let may = block.is_none_or(|block| filter::may_hold(block, *hash));
                doubtful |= u64::from(may) << place;
            }
            while doubtful != 0 {
                let place = doubtful.trailing_zeros() as usize;
                doubtful &= doubtful - 1;
                let (Some(block), Some(hash)) = (blocks.get(place), hashes.get(place)) else {
                    break;
                };
                if block.is_none_or(|block| filter::holds(block, *hash)) {
                    doubts.push(Doubt { hash: place, run, is_unread: block.is_none() });
                }
            }
        }
    }

    /// What is not indexed of some segments.
    pub(crate) fn gaps(&self, segments: &Range<u64>) -> Vec<Range<u64>> {
        cover::gaps(segments, self.snapshot().iter().map(|run| run.segments()))
    }

    /// How many runs there are.
    pub(crate) fn count(&self) -> usize {
        self.snapshot().len()
    }

    /// How many entries there are.
    pub(crate) fn entries(&self) -> u64 {
        self.snapshot().iter().map(|run| run.count()).sum()
    }

    /// How much disk they take.
    pub(crate) fn bytes(&self) -> u64 {
        self.snapshot().iter().map(|run| run.bytes()).sum()
    }

    fn snapshot(&self) -> Arc<Vec<Arc<Run>>> {
        Arc::clone(&hold(&self.set))
    }

    /// Puts a run in the place of others.
    fn replace(&self, gone: &[Arc<Run>], new: Option<Arc<Run>>) {
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

/// A run that may have a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Doubt {
    hash: usize,
    run: usize,
    is_unread: bool,
}

const fn kept(hash: u64) -> u64 {
    hash >> (u64::BITS - HASH_BITS)
}

/// An index as the writer finds it.
#[derive(Debug)]
pub(crate) struct OpenedRuns {
    /// To look up in and to add to.
    pub(crate) writer: RunsWriter,
    /// The segments to add, in order. Until they are, what is absent may be in them.
    pub(crate) gaps: Vec<Range<u64>>,
    /// The files that were damaged; they are gone.
    pub(crate) damaged: Vec<RunsError>,
}

/// The one who changes the index. Its methods may be called from several threads.
#[derive(Debug)]
pub(crate) struct RunsWriter {
    runs: Arc<Runs>,
    /// Held by the one merge that is under way.
    merging: Mutex<()>,
    /// Held from before a file gets its name until after those it replaces are gone, so that a
    /// name never loses a newer file than was meant. Lookups never wait for it.
    names: Mutex<()>,
}

impl RunsWriter {
    /// Opens the index of these sealed segments and removes what no longer counts: unfinished and
    /// damaged files, inputs of finished merges, and runs of segments that the log does not have.
    pub(crate) fn open(place: RunsPlace, segments: &Range<u64>) -> Result<OpenedRuns, RunsError> {
        let io = |source| RunsError::Io { file: place.directory.clone(), source };
        place.storage.create_dir(&place.directory).map_err(io)?;
        for above in above(&place.directory) {
            place.storage.sync_dir(above).map_err(io)?;
        }
        let listing = list(&place, Some(segments), &[])?;
        for name in &listing.leftovers {
            let file = format!("{}/{name}", place.directory);
            remove_if_there(&*place.storage, &file)
                .map_err(|source| RunsError::Io { file, source })?;
        }
        let runs = Arc::new(Runs { place, set: Mutex::new(Arc::new(listing.runs)) });
        let gaps = runs.gaps(segments);
        let writer = Self { runs, merging: Mutex::new(()), names: Mutex::new(()) };
        Ok(OpenedRuns { writer, gaps, damaged: listing.damaged })
    }

    /// The index, to look up in.
    pub(crate) const fn runs(&self) -> &Arc<Runs> {
        &self.runs
    }

    /// Adds the entries, in any order, of a segment that is sealed. Durable when it returns.
    pub(crate) fn add(&self, segment: u64, mut entries: Vec<(u64, u64)>) -> Result<(), RunsError> {
        let place = &self.runs.place;
        let segments = segment..segment.saturating_add(1);
        let _names = hold(&self.names);
        if self.runs.gaps(&segments).is_empty() {
            return Err(RunsError::Covered { segment });
        }
        entries.iter_mut().for_each(|entry| entry.0 = kept(entry.0));
        entries.sort_unstable();
        let value_min = entries.iter().map(|entry| entry.1).min().unwrap_or(0);
        let value_max = entries.iter().map(|entry| entry.1).max().unwrap_or(0);
        let new = NewRun {
            segments: segments.clone(),
            level: 0,
            count: entries.len() as u64,
            values: value_min..=value_max,
        };
        let mut writer = RunWriter::begin(place, new)?;
        if let Err(error) = entries.into_iter().try_for_each(|entry| writer.push(entry)) {
            // The first failure is the one to report; a left-over goes at the next opening.
            drop(writer.abandon());
            return Err(error);
        }
        writer.finish()?;
        self.runs.replace(&[], Some(Arc::new(open_run(place, &segments)?)));
        Ok(())
    }

    /// What a background thread should merge next.
    pub(crate) fn merge_due(&self) -> Option<MergePlan> {
        merge::due(&self.runs.snapshot())
    }

    /// Merges, unless `stop` says otherwise, which is asked every few thousand entries. Lookups go
    /// on in the inputs until the new run is durable; then their files are removed.
    pub(crate) fn merge(
        &self,
        plan: &MergePlan,
        stop: &dyn Fn() -> bool,
    ) -> Result<Merged, RunsError> {
        let _merging = hold(&self.merging);
        let place = &self.runs.place;
        if !self.has_all(plan) {
            return Ok(Merged::Superseded);
        }
        let Some(written) = merge::write(place, plan, stop)? else {
            return Ok(Merged::Stopped);
        };
        let _names = hold(&self.names);
        if !self.has_all(plan) {
            return written.abandon().map(|()| Merged::Superseded);
        }
        written.finish()?;
        let run = Arc::new(open_run(place, &plan.segments())?);
        self.runs.replace(&plan.inputs, Some(run));
        plan.inputs.iter().try_for_each(|run| self.remove(run.path()))?;
        Ok(Merged::Done)
    }

    fn has_all(&self, plan: &MergePlan) -> bool {
        let runs = self.runs.snapshot();
        plan.inputs.iter().all(|input| runs.iter().any(|run| Arc::ptr_eq(input, run)))
    }

    /// Gives up the runs that cover any of these segments, after damage was seen in them. What
    /// comes back is to be added again.
    pub(crate) fn discard(&self, segments: &Range<u64>) -> Result<Vec<Range<u64>>, RunsError> {
        let _names = hold(&self.names);
        let mut gone = self.runs.snapshot().to_vec();
        gone.retain(|run| {
            run.segments().start < segments.end && segments.start < run.segments().end
        });
        self.runs.replace(&gone, None);
        gone.iter().try_for_each(|run| self.remove(run.path()))?;
        Ok(gone.iter().map(|run| run.segments().clone()).collect())
    }

    fn remove(&self, path: &str) -> Result<(), RunsError> {
        let removed = remove_if_there(&*self.runs.place.storage, path);
        removed.map_err(|source| RunsError::Io { file: path.to_owned(), source })
    }
}

/// The directories above one: its name, too, must outlive a power cut.
fn above(directory: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(directory), |path| match path.rsplit_once('/') {
        Some((parent, _)) => Some(parent),
        None if path.is_empty() => None,
        None => Some(""),
    })
    .skip(1)
}

fn open_run(place: &RunsPlace, segments: &Range<u64>) -> Result<Run, RunsError> {
    let RunsPlace { storage, directory, ledger, kind, cache } = place;
    Run::open(&**storage, directory, *kind, segments, *ledger, cache)
}

/// What a directory holds.
struct Listing {
    runs: Vec<Arc<Run>>,
    /// Names of files that do not count.
    leftovers: Vec<String>,
    damaged: Vec<RunsError>,
}

/// Lists until the names stand still, so that a merge by another process, which adds one name and
/// removes others, is seen whole.
fn list(
    place: &RunsPlace,
    within: Option<&Range<u64>>,
    known: &[Arc<Run>],
) -> Result<Listing, RunsError> {
    let names = || {
        let names = place.storage.list(&place.directory);
        names.map_err(|source| RunsError::Io { file: place.directory.clone(), source })
    };
    let mut listed = names()?;
    for _ in 0..LISTINGS_MAX {
        let listing = open_listed(place, within, known, &listed);
        let again = names()?;
        let is_finished = |name: &&String| format::parse_run_name(place.kind, name).is_some();
        let stood_still = listed.iter().filter(is_finished).eq(again.iter().filter(is_finished));
        match listing {
            Ok(listing) if stood_still => return Ok(listing),
            Err(error) if stood_still => return Err(error),
            Ok(_) | Err(_) => listed = again,
        }
    }
    Err(RunsError::Unsettled { directory: place.directory.clone(), listings: LISTINGS_MAX })
}

fn open_listed(
    place: &RunsPlace,
    within: Option<&Range<u64>>,
    known: &[Arc<Run>],
    names: &[String],
) -> Result<Listing, RunsError> {
    let is_within = |it: &Range<u64>| {
        within.is_none_or(|within| within.start <= it.start && it.end <= within.end)
    };
    let ours = names.iter().filter_map(|name| format::parse_run_name(place.kind, name));
    let mut candidates: Vec<_> = ours.filter(is_within).collect();
    let mut damaged = Vec::new();
    let runs = 'choice: loop {
        let mut runs = Vec::new();
        for segments in cover::choose(&candidates) {
            let is_same = |run: &&Arc<Run>| *run.segments() == segments && !run.is_damaged();
            if let Some(run) = known.iter().find(is_same) {
                runs.push(Arc::clone(run));
                continue;
            }
            match open_run(place, &segments) {
                Ok(run) => runs.push(Arc::new(run)),
                Err(error @ RunsError::Damaged { .. }) => {
                    damaged.push(error);
                    candidates.retain(|it| *it != segments);
                    continue 'choice;
                }
                Err(error) => return Err(error),
            }
        }
        break runs;
    };
    let is_leftover = |name: &&String| match format::parse_run_name(place.kind, name) {
        Some(segments) => runs.iter().all(|run| *run.segments() != segments),
        None => format::is_temporary_name(place.kind, name),
    };
    let leftovers = names.iter().filter(is_leftover).cloned().collect();
    Ok(Listing { runs, leftovers, damaged })
}
