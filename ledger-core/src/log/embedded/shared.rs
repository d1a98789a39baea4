//! What the writer, the background work and the readers of one open log share.
//!
//! The view is the set of open segments; it is replaced whole, so a reader keeps what it began
//! with. A segment leaves the tails only after its sealed form and its index entries are there, so
//! whoever takes the view first and asks the index second misses nothing. Nobody sees past the
//! published head.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cause::in_one_line;
use crate::log::ReadError;
use crate::log::storage::Storage;

use super::frame_reader;
use super::index;
use super::key_table::KeyTable;
use super::layout::{INDEX_DIR, Identity, SEGMENTS_DIR};
use super::raw::NameKind;
use super::runs::{RunKind, Runs, RunsError, RunsView};
use super::sealed_segment::SealedSegment;
use super::spelled::Spelled;
use super::spelling::NameHash;
use super::tail::Tail;

/// The open segments, oldest first: sealed ones, then tails, without a gap.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    sealed: Vec<Arc<SealedSegment>>,
    tails: Vec<Arc<Tail>>,
}

/// One open segment.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    /// Grouped and compressed.
    Sealed(Arc<SealedSegment>),
    /// Batch frames.
    Tail(Arc<Tail>),
}

impl View {
    pub(crate) fn new(sealed: Vec<Arc<SealedSegment>>, tails: Vec<Arc<Tail>>) -> Self {
        Self { sealed, tails }
    }

    pub(crate) fn sealed(&self) -> &[Arc<SealedSegment>] {
        &self.sealed
    }

    pub(crate) fn tails(&self) -> &[Arc<Tail>] {
        &self.tails
    }

    /// The sealed segments that an index does not cover yet: a reader in another process may have
    /// the view of a moment before the index.
    fn not_indexed(&self, runs: &RunsView) -> impl Iterator<Item = &Arc<SealedSegment>> {
        let end = self.sealed.last().map_or(0, |it| u64::from(it.segment()).saturating_add(1));
        let gaps = runs.gaps(&(0..end));
        self.sealed
            .iter()
            .filter(move |it| gaps.iter().any(|gap| gap.contains(&u64::from(it.segment()))))
    }

    /// The segment that holds a position, if the log reaches it.
    pub(crate) fn part_of(&self, position: u64) -> Option<Part> {
        let tails = self.tails.partition_point(|tail| tail.first_position <= position);
        if let Some(tail) = tails.checked_sub(1).and_then(|at| self.tails.get(at)) {
            return Some(Part::Tail(Arc::clone(tail)));
        }
        let sealed = self.sealed.partition_point(|it| it.first_position() <= position);
        let it = self.sealed.get(sealed.checked_sub(1)?)?;
        Some(Part::Sealed(Arc::clone(it)))
    }
}

/// What background work there is.
#[derive(Debug, Default)]
struct Work {
    is_due: bool,
    is_over: bool,
}

/// See the file's opening words.
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) identity: Identity,
    pub(crate) hash: NameHash,
    /// Key hash to position, of sealed segments.
    pub(crate) keys: Arc<Runs>,
    /// Stream hash to segment number, of sealed segments.
    pub(crate) streams: Arc<Runs>,
    /// Whether the mark was written and not synced since.
    pub(crate) mark_unsynced: AtomicBool,
    view: Mutex<Arc<View>>,
    head: AtomicU64,
    stopped: Mutex<Option<String>>,
    is_stopped: AtomicBool,
    damage: Mutex<Vec<Damage>>,
    spare_is_ready: Mutex<bool>,
    /// For the next segment, made beforehand: whoever first touches fresh memory waits for it.
    key_table: Mutex<Option<KeyTable>>,
    work: Mutex<Work>,
    work_arrived: Condvar,
    followers: AtomicUsize,
    head_moved: (Mutex<()>, Condvar),
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("identity", &self.identity).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(
        storage: Arc<dyn Storage>,
        identity: Identity,
        keys: Arc<Runs>,
        streams: Arc<Runs>,
        view: View,
        head: u64,
    ) -> Self {
        Self {
            storage,
            hash: NameHash::new(identity.hash_key),
            identity,
            keys,
            streams,
            mark_unsynced: AtomicBool::new(false),
            view: Mutex::new(Arc::new(view)),
            head: AtomicU64::new(head),
            stopped: Mutex::new(None),
            is_stopped: AtomicBool::new(false),
            damage: Mutex::new(Vec::new()),
            spare_is_ready: Mutex::new(false),
            key_table: Mutex::new(None),
            work: Mutex::new(Work::default()),
            work_arrived: Condvar::new(),
            followers: AtomicUsize::new(0),
            head_moved: (Mutex::new(()), Condvar::new()),
        }
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&lock(&self.view))
    }

    /// The last acknowledged position.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// Lets readers see up to a position.
    pub(crate) fn publish(&self, position: u64) {
        self.head.store(position, Ordering::Release);
        if self.followers.load(Ordering::SeqCst) > 0 {
            drop(lock(&self.head_moved.0));
            self.head_moved.1.notify_all();
        }
    }

    /// Waits until the head is past a position, or for so long. Answers whether it is.
    pub(crate) fn wait_past(&self, position: u64, patience: Duration) -> bool {
        if self.head() > position {
            return true;
        }
        self.followers.fetch_add(1, Ordering::SeqCst);
        let guard = lock(&self.head_moved.0);
        let waited = self.head_moved.1.wait_timeout_while(guard, patience, |()| {
            self.head() <= position && !self.is_stopped.load(Ordering::Acquire)
        });
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.followers.fetch_sub(1, Ordering::SeqCst);
        self.head() > position
    }

    /// Adds the tail that appends go to from now on.
    pub(crate) fn begin_segment(&self, tail: Arc<Tail>) {
        {
            let mut view = lock(&self.view);
            let mut next = View::clone(&view);
            next.tails.push(tail);
            *view = Arc::new(next);
        }
        self.call_work();
    }

    /// Replaces the oldest tail by its sealed form.
    pub(crate) fn replace_tail(&self, sealed: Arc<SealedSegment>) {
        let mut view = lock(&self.view);
        let mut next = View::clone(&view);
        next.tails.retain(|tail| tail.segment != sealed.segment());
        next.sealed.push(sealed);
        *view = Arc::new(next);
    }

    /// Replaces everything, for a reader beside the writer.
    pub(crate) fn replace_view(&self, next: View, head: u64) {
        *lock(&self.view) = Arc::new(next);
        self.publish(head);
    }

    /// Why the log stopped, if it did.
    pub(crate) fn stopped(&self) -> Option<String> {
        if !self.is_stopped.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.stopped).clone()
    }

    /// Closes the log to appends. The first reason counts.
    pub(crate) fn stop(&self, why: &str) {
        lock(&self.stopped).get_or_insert_with(|| why.to_owned());
        self.is_stopped.store(true, Ordering::Release);
        drop(lock(&self.head_moved.0));
        self.head_moved.1.notify_all();
        self.end_work();
    }

    pub(crate) fn lock_spare(&self) -> MutexGuard<'_, bool> {
        lock(&self.spare_is_ready)
    }

    /// The table of a segment that begins.
    pub(crate) fn take_key_table(&self) -> KeyTable {
        let made = lock(&self.key_table).take();
        made.unwrap_or_else(|| {
            let mut table = KeyTable::default();
            table.expect(self.identity.events_likely());
            table
        })
    }

    /// Makes it beforehand, once the segment before it is half full. Whether there was anything to
    /// do.
    pub(crate) fn prepare_key_table(&self) -> bool {
        let likely = self.identity.events_likely();
        let is_near = self.view().tails().last().is_some_and(|tail| {
            usize::try_from(tail.read().events()).is_ok_and(|events| events > likely / 2)
        });
        let is_due = is_near && lock(&self.key_table).is_none();
        if is_due {
            let table = KeyTable::ready(likely);
            *lock(&self.key_table) = Some(table);
        }
        is_due
    }

    /// Says that there is background work.
    pub(crate) fn call_work(&self) {
        lock(&self.work).is_due = true;
        self.work_arrived.notify_all();
    }

    /// Ends background work for good.
    pub(crate) fn end_work(&self) {
        lock(&self.work).is_over = true;
        self.work_arrived.notify_all();
    }

    pub(crate) fn work_is_over(&self) -> bool {
        lock(&self.work).is_over
    }

    /// Waits for work or for so long. Answers whether to go on.
    pub(crate) fn wait_for_work(&self, patience: Duration) -> bool {
        let work = lock(&self.work);
        let waited =
            self.work_arrived.wait_timeout_while(work, patience, |it| !it.is_due && !it.is_over);
        let (mut work, _) = waited.unwrap_or_else(PoisonError::into_inner);
        work.is_due = false;
        !work.is_over
    }

    /// The record at a position up to the head.
    pub(crate) fn record_at(&self, position: u64) -> Result<Option<Spelled>, ReadError> {
        if position == 0 || position > self.head() {
            return Ok(None);
        }
        match self.view().part_of(position) {
            None => Ok(None),
            Some(Part::Tail(tail)) => frame_reader::record_at(&tail, position),
            Some(Part::Sealed(sealed)) => sealed.spelled_at(position),
        }
    }

    /// The revision of a stream's last event up to a position.
    pub(crate) fn stream_head(&self, name: &str, upto: u64) -> Result<Option<u64>, ReadError> {
        let view = self.view();
        for tail in view.tails.iter().rev() {
            let index = tail.read();
            let visible = visible_events(tail, upto);
            if let Some(number) = index.names.find(NameKind::Stream, name)
                && let Some(head) = index.head_of(number, visible)
            {
                return Ok(Some(head));
            }
        }
        for sealed in self.sealed_parts_of(&view, name)?.iter().rev() {
            if let Some(head) = sealed.stream_head(name)? {
                return Ok(Some(head));
            }
        }
        Ok(None)
    }

    /// The sealed segments that may hold a stream, oldest first.
    fn sealed_parts_of(
        &self,
        view: &View,
        name: &str,
    ) -> Result<Vec<Arc<SealedSegment>>, ReadError> {
        let runs = self.streams.view();
        let segments = match runs.lookup(self.hash.stream(name)) {
            Ok(segments) => segments,
            Err(error) => {
                self.index_failed(RunKind::Streams, error)?;
                // Without an index every segment is asked: slower, and as right.
                return Ok(view.sealed.clone());
            }
        };
        let mut parts: Vec<Arc<SealedSegment>> = segments
            .into_iter()
            .filter_map(|segment| {
                let at = view.sealed.binary_search_by_key(&segment, |it| u64::from(it.segment()));
                at.ok().and_then(|at| view.sealed.get(at)).cloned()
            })
            .collect();
        parts.extend(view.not_indexed(&runs).cloned());
        parts.sort_unstable_by_key(|it| it.segment());
        parts.dedup_by_key(|it| it.segment());
        Ok(parts)
    }

    /// The segments that may hold a stream, oldest first.
    pub(crate) fn parts_of(&self, name: &str) -> Result<Vec<Part>, ReadError> {
        let view = self.view();
        let sealed = self.sealed_parts_of(&view, name)?.into_iter().map(Part::Sealed);
        Ok(sealed.chain(view.tails.iter().cloned().map(Part::Tail)).collect())
    }

    /// Positions of events whose key may have this hash.
    pub(crate) fn key_candidates(&self, hash: u64) -> Result<Vec<u64>, ReadError> {
        let view = self.view();
        let runs = self.keys.view();
        let (mut positions, is_indexed) = match runs.lookup(hash) {
            Ok(positions) => (positions, true),
            Err(error) => {
                self.index_failed(RunKind::Keys, error)?;
                (Vec::new(), false)
            }
        };
        let every = view.sealed.iter().filter(|_| !is_indexed);
        for segment in view.not_indexed(&runs).filter(|_| is_indexed).chain(every) {
            let entries = index::entries_of(segment, &self.identity).map_err(|error| {
                ReadError::Io { file: SEGMENTS_DIR.to_owned(), what: error.to_string() }
            })?;
            let same = entries.keys.into_iter().filter(|(key, _)| *key == hash);
            positions.extend(same.map(|(_, position)| position));
        }
        for tail in &view.tails {
            let index = tail.read();
            positions.extend(index.key_candidates(hash).map(|ordinal| tail.position(ordinal)));
        }
        Ok(positions)
    }
}

/// A part of an index that is to be made again from the segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) kind: RunKind,
    pub(crate) segments: Range<u64>,
}

impl Shared {
    /// Takes note of damage, so that it is mended behind the writer; any other failure is an error.
    pub(crate) fn index_failed(&self, kind: RunKind, error: RunsError) -> Result<(), ReadError> {
        match error {
            RunsError::Damaged { file, segments, offset, what } => {
                tracing::warn!(file, offset, what, "an index is damaged");
                let damage = Damage { kind, segments };
                let mut known = lock(&self.damage);
                if !known.contains(&damage) {
                    known.push(damage);
                }
                drop(known);
                self.call_work();
                Ok(())
            }
            RunsError::Io { .. } | RunsError::Foreign { .. } | RunsError::Unsettled { .. } => {
                Err(ReadError::Io { file: INDEX_DIR.to_owned(), what: in_one_line(&error) })
            }
        }
    }

    /// The next damage to mend.
    pub(crate) fn take_damage(&self) -> Option<Damage> {
        lock(&self.damage).pop()
    }
}

/// How many of a tail's events lie at or before a position.
pub(crate) fn visible_events(tail: &Tail, upto: u64) -> u32 {
    let events = upto.saturating_add(1).saturating_sub(tail.first_position);
    u32::try_from(events).unwrap_or(u32::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
