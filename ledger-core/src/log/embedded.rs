//! The embedded engine: one directory, one writer, any number of readers beside it.
//!
//! Appends go through a bounded queue to one thread that commits them in groups; see `engine`.
//! Opening recovers; see `recovery`. What the files hold is in docs/log-format.md.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::event::{Event, ledger};
use crate::id::{Actor, Key, LedgerId, Note, Role, Sha256Digest};
use crate::log::storage::{Lock, Storage};
use crate::log::{
    Append, AppendError, Appended, EventLog, Expected, Follow, NewEvent, OnConflict, Pending,
    Position, ReadError, ReadStream, Record, Records, Revision,
};
use crate::stream::Stream;

/// Whether a test has planted a bug here. A build without the feature `testing` has no such bugs.
#[cfg(feature = "testing")]
macro_rules! is_planted {
    ($bug:ident) => {
        $crate::testing::planted::is_planted($crate::testing::planted::PlantedBug::$bug)
    };
}
#[cfg(not(feature = "testing"))]
macro_rules! is_planted {
    ($bug:ident) => {
        false
    };
}

mod background;
mod clock;
mod clock_guard;
mod cursor;
mod dedupe;
mod engine;
mod frame;
mod frame_reader;
mod index;
mod key_feed;
mod key_filter;
mod key_table;
mod layout;
mod leaves;
mod mapped;
mod mark;
mod memory;
mod open_error;
mod outside;
mod part;
mod prepare;
pub(crate) mod raw;
mod raw_segment;
mod reader;
mod recovery;
pub(crate) mod runs;
mod scan;
pub(crate) mod sealed;
mod sealed_segment;
mod shared;
mod spare;
mod spelled;
mod spelling;
mod tail;

pub use clock::{Clock, Reading, SystemClock};
pub use cursor::{Scan, ScannedRecord};
pub use layout::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
pub use leaves::Leaves;
pub use mark::HighWater;
pub use open_error::OpenError;
pub use reader::LogReader;
pub use recovery::{Quarantined, Recovery};

use background::Background;
use clock_guard::ClockGuard;
use engine::{Engine, Head, Job};
use frame::{FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES};
use prepare::Prepared;
use shared::Shared;

/// Bytes of a segment when nothing else is asked for.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;
/// Events that may wait for the writer.
const QUEUED_EVENTS_MAX: usize = 1_000_000;
/// How often the writer looks for more appends while none comes.
const GATHER_QUIET_MAX: u32 = 12;
/// How often the mark is synced behind a busy writer, in trailing mode.
const MARK_SYNC_INTERVAL: Duration = Duration::from_millis(20);
/// How often background work is looked for when nobody calls.
const TIDY_INTERVAL: Duration = Duration::from_secs(1);

/// Who runs the writer and the work behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// Threads of the log's own.
    Own,
    /// The caller's: appends are committed before `append` returns, background work is done by
    /// [`EmbeddedLog::work_once`]. Every run of the same calls does the same I/O.
    Caller,
}

/// How a log is opened.
#[derive(Clone)]
pub struct Options {
    /// When the high-water mark becomes durable.
    pub high_water: HighWater,
    /// What a new ledger's segments hold; an existing one keeps its own.
    pub segment_bytes: u64,
    /// Makes a new ledger in an empty directory; without it, that is an error.
    pub create: bool,
    /// The new ledger's id; random when not given.
    pub ledger: Option<LedgerId>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Who runs the work.
    pub threads: Threads,
    /// An operator's acceptance that everything after this position is gone.
    pub accept_loss: Option<Position>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("high_water", &self.high_water)
            .field("segment_bytes", &self.segment_bytes)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            high_water: HighWater::Trailing,
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            create: true,
            ledger: None,
            clock: Arc::new(SystemClock::new()),
            threads: Threads::Own,
            accept_loss: None,
        }
    }
}

/// What waits for the writer.
#[derive(Debug, Default)]
struct Queue {
    jobs: Vec<Job>,
    events: usize,
    is_closed: bool,
}

struct Inner {
    shared: Arc<Shared>,
    engine: Mutex<Engine>,
    queue: Mutex<Queue>,
    queue_filled: Condvar,
    /// Jobs in the queue, to be looked at without its lock.
    queued: AtomicUsize,
    background: Background,
    threads: Threads,
    segment_room: usize,
}

/// A log that is open for writing. Dropping it closes it in order.
pub struct EmbeddedLog {
    inner: Arc<Inner>,
    recovery: Recovery,
    workers: Vec<JoinHandle<()>>,
    _lock: Box<dyn Lock>,
}

impl std::fmt::Debug for EmbeddedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedLog")
            .field("ledger", &self.inner.shared.identity.ledger)
            .field("head", &self.inner.shared.head())
            .finish_non_exhaustive()
    }
}

impl EmbeddedLog {
    /// Opens a directory for writing: recovers it, or makes it a ledger.
    pub fn open(storage: Arc<dyn Storage>, options: Options) -> Result<Self, OpenError> {
        let creation = match options.create {
            true => Some(creation(&options)?),
            false => None,
        };
        let opened = recovery::open(&storage, creation, options.high_water, options.accept_loss)?;
        let (keys, streams) = index::open(&storage, &opened.identity, opened.view.sealed())?;
        let head = opened.position;
        let shared = Arc::new(Shared::new(
            storage,
            opened.identity,
            Arc::clone(keys.runs()),
            Arc::clone(streams.runs()),
            opened.view,
            head,
        ));
        let mark = Arc::clone(opened.mark.file());
        let background = Background::new(Arc::clone(&shared), mark, keys, streams);
        let engine = Engine::new(
            Arc::clone(&shared),
            options.high_water,
            ClockGuard::new(options.clock),
            opened.active,
            opened.has_header,
            Head {
                sequence: opened.sequence,
                position: opened.position,
                recorded_at: opened.recorded_at,
            },
            opened.mark,
        );
        let overhead = u64::try_from(SEGMENT_HEADER_BYTES + FRAME_HEADER_BYTES).unwrap_or(u64::MAX);
        let room = opened.identity.segment_bytes.saturating_sub(overhead);
        let inner = Arc::new(Inner {
            shared,
            engine: Mutex::new(engine),
            queue: Mutex::new(Queue::default()),
            queue_filled: Condvar::new(),
            queued: AtomicUsize::new(0),
            background,
            threads: options.threads,
            segment_room: usize::try_from(room).unwrap_or(usize::MAX),
        });
        let workers = match options.threads {
            Threads::Own => spawn(&inner)?,
            Threads::Caller => Vec::new(),
        };
        let log = Self { inner, recovery: opened.recovery, workers, _lock: opened.lock };
        log.report_recovery();
        Ok(log)
    }

    /// What opening found and did.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Why the log stopped taking appends, if it did. Only opening it again helps.
    pub fn stopped(&self) -> Option<String> {
        self.inner.shared.stopped()
    }

    /// Believes a clock that was refused, on an operator's word; the word is an event.
    pub fn accept_clock(
        &self,
        actor: Actor,
        reason: Note,
    ) -> Pending<Result<Appended, AppendError>> {
        let accepted = {
            let mut engine = lock(&self.inner.engine);
            let now = engine.clock_mut().accept();
            let last = engine.last_recorded_at().unwrap_or(now);
            ledger::ClockAccepted { now, last, reason }
        };
        let at = accepted.now;
        self.append(fact(Event::from(accepted), at, actor))
    }

    /// Does one piece of background work; answers whether there was any. For [`Threads::Caller`].
    pub fn work_once(&self) -> bool {
        self.inner.background.prepare_once() || self.inner.background.tidy_once()
    }

    /// Waits until everything that can be sealed and merged is. For tools and measurements.
    pub fn settle(&self) {
        while self.inner.background.tidy_once() {}
    }

    /// A reader with the fast path, for scans and proofs.
    pub fn reader(&self) -> LogReader {
        LogReader::beside(Arc::clone(&self.inner.shared))
    }

    /// Closes the log in order: everything acknowledged is durable, the mark says so.
    pub fn close(mut self) -> Result<(), AppendError> {
        self.shut()
    }

    fn shut(&mut self) -> Result<(), AppendError> {
        lock(&self.inner.queue).is_closed = true;
        self.inner.queue_filled.notify_all();
        self.inner.shared.end_work();
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                self.inner.shared.stop("a thread of the log panicked");
            }
        }
        let settled = lock(&self.inner.engine).settle(true);
        settled.map_err(|failure| AppendError::Stopped { why: failure.to_string() })?;
        match self.inner.shared.stopped() {
            Some(why) => Err(AppendError::Stopped { why }),
            None => Ok(()),
        }
    }

    /// What recovery cut off or gave up is a fact of the ledger.
    fn report_recovery(&self) {
        let system = Actor {
            who: "recovery".parse().expect("a plain word is an actor"),
            role: Role::System,
        };
        let now = lock(&self.inner.engine).clock_mut().now();
        let mut facts = Vec::new();
        if let Some(it) = &self.recovery.quarantined {
            facts.push(Event::from(ledger::TailQuarantined {
                file: it.file.parse().expect("a file of ours has a printable name"),
                offset: it.offset,
                bytes: it.bytes,
                sha256: Sha256Digest::from_bytes(it.sha256),
                position: it.after,
                maybe_acknowledged: it.possibly_acknowledged,
            }));
        }
        if let Some(acknowledged) = self.recovery.accepted_loss {
            facts.push(Event::from(ledger::LossAccepted {
                expected: acknowledged,
                found: self.head(),
                reason: "accepted when the log was opened".parse().expect("a plain sentence"),
            }));
        }
        for event in facts {
            tracing::warn!(event = event.wire_name(), "recovery");
            // Nobody waits: a log that cannot record this cannot record anything else either, and
            // says so to the first who tries.
            drop(self.append(fact(event, now, system.clone())));
        }
    }
}

fn fact(event: Event, occurred_at: crate::time::Timestamp, actor: Actor) -> Append {
    Append {
        stream: Stream::Ledger,
        expected: Expected::Any,
        actor,
        causation: None,
        correlation: None,
        events: vec![NewEvent { event, occurred_at, key: None, fingerprint: None }],
        on_conflict: OnConflict::RefuseAll,
    }
}

fn creation(options: &Options) -> Result<recovery::Creation, OpenError> {
    let random = |bytes: &mut [u8]| {
        getrandom::fill(bytes).map_err(|error| OpenError::Io {
            what: "draw random bytes for",
            path: layout::IDENTITY_FILE.to_owned(),
            source: std::io::Error::other(error),
        })
    };
    let mut id = [0_u8; 16];
    random(&mut id)?;
    // Version 4, variant 1: what other tools expect of a random UUID.
    id[6] = (id[6] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
    let mut hash_key = [0_u8; 16];
    match options.ledger {
        // A given id makes the whole creation the same every time, as simulations need it.
        Some(ledger) => hash_key = *ledger.as_bytes(),
        None => random(&mut hash_key)?,
    }
    Ok(recovery::Creation {
        ledger: options.ledger.unwrap_or(LedgerId::from_bytes(id)),
        hash_key,
        segment_bytes: options.segment_bytes,
    })
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        if let Err(error) = self.shut() {
            tracing::error!(%error, "the log was not closed in order");
        }
    }
}

fn spawn(inner: &Arc<Inner>) -> Result<Vec<JoinHandle<()>>, OpenError> {
    let writer = Arc::clone(inner);
    let preparer = Arc::clone(inner);
    let tidier = Arc::clone(inner);
    let start = |name: &str, body: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|source| {
            OpenError::Io { what: "start the thread", path: name.to_owned(), source }
        })
    };
    Ok(vec![
        start("log-writer", Box::new(move || writer.write()))?,
        start("log-preparer", Box::new(move || preparer.prepare()))?,
        start("log-tidier", Box::new(move || tidier.tidy()))?,
    ])
}

impl Inner {
    /// Puts an append into the queue.
    fn submit(&self, mut prepared: Prepared) -> Pending<Result<Appended, AppendError>> {
        // Here and not by the writer, for whom others wait.
        prepared.spent = Vec::new();
        let (pending, answer) = Pending::new();
        let events = prepared.events.len();
        let job = Job { prepared, answer };
        if self.threads == Threads::Caller {
            self.commit(|engine| engine.commit_one(job));
            return pending;
        }
        let mut queue = lock(&self.queue);
        if queue.is_closed {
            let why = "it is being closed".to_owned();
            return Pending::ready(Err(AppendError::Stopped { why }));
        }
        if queue.events.saturating_add(events) > QUEUED_EVENTS_MAX && !queue.jobs.is_empty() {
            return Pending::ready(Err(AppendError::Busy));
        }
        queue.events = queue.events.saturating_add(events);
        let was_empty = queue.jobs.is_empty();
        queue.jobs.push(job);
        self.queued.store(queue.jobs.len(), Ordering::Release);
        drop(queue);
        if was_empty {
            self.queue_filled.notify_one();
        }
        pending
    }

    /// Lets the next group wait, and helps, when sealing has fallen behind: each segment it has not
    /// done costs memory, a look for every key, and time at the next start. What was committed is
    /// answered already.
    fn commit(&self, commit: impl FnOnce(&mut Engine)) {
        let mut engine = lock(&self.engine);
        commit(&mut engine);
        self.background.catch_up();
    }

    /// Takes all that waits, and gives those who are still expected a moment. They were answered
    /// with the group before, and come back with their next append within less time than a sync
    /// takes: one sync then serves them all. A lone append is never held.
    fn gather(&self, jobs: &mut Vec<Job>, expected: usize) -> bool {
        let mut quiet = 0;
        while self.queued.load(Ordering::Acquire) == 0 {
            if expected == 0 || quiet == GATHER_QUIET_MAX {
                return false;
            }
            std::thread::yield_now();
            quiet += 1;
        }
        let mut queue = lock(&self.queue);
        std::mem::swap(jobs, &mut queue.jobs);
        queue.events = 0;
        self.queued.store(0, Ordering::Release);
        true
    }

    fn write(&self) {
        let mut jobs = Vec::new();
        let mut expected = 0_usize;
        loop {
            {
                let mut queue = lock(&self.queue);
                while queue.jobs.is_empty() && !queue.is_closed {
                    queue = self.queue_filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                if queue.jobs.is_empty() {
                    return;
                }
            }
            self.gather(&mut jobs, 0);
            let mut taken = jobs.len();
            if taken == 1
                && expected == 0
                && let Some(job) = jobs.pop()
            {
                self.commit(|engine| engine.commit_one(job));
                continue;
            }
            self.commit(|engine| {
                engine.commit_all(&mut jobs, |jobs| {
                    let more = taken < expected && self.gather(jobs, expected - taken);
                    taken += jobs.len();
                    more
                });
            });
            // One writer is not waited for: it comes back only after it was answered.
            expected = if taken > 1 { taken } else { 0 };
        }
    }

    fn prepare(&self) {
        while !self.shared.work_is_over() {
            self.background.prepare_all();
            std::thread::park_timeout(MARK_SYNC_INTERVAL);
        }
    }

    fn tidy(&self) {
        loop {
            if self.shared.work_is_over() {
                return;
            }
            if !self.background.tidy_once() && !self.shared.wait_for_work(TIDY_INTERVAL) {
                return;
            }
        }
    }
}

impl EventLog for EmbeddedLog {
    fn ledger(&self) -> LedgerId {
        self.inner.shared.identity.ledger
    }

    fn append_blocking(&self, append: Append) -> Result<Appended, AppendError> {
        let inner = &self.inner;
        let prepared = Prepared::new(append, &inner.shared.hash, inner.segment_room)?;
        // Whoever finds the writer idle is the writer: nobody is woken, nobody waits for a core.
        if inner.queued.load(Ordering::Acquire) == 0
            && let Ok(mut engine) = inner.engine.try_lock()
            && !lock(&inner.queue).is_closed
        {
            let (pending, answer) = Pending::new();
            engine.commit_one(Job { prepared, answer });
            inner.background.catch_up();
            drop(engine);
            return pending.wait();
        }
        inner.submit(prepared).wait()
    }

    fn append(&self, append: Append) -> Pending<Result<Appended, AppendError>> {
        let inner = &self.inner;
        match Prepared::new(append, &inner.shared.hash, inner.segment_room) {
            Ok(prepared) => inner.submit(prepared),
            Err(error) => Pending::ready(Err(error)),
        }
    }

    fn head(&self) -> Position {
        Position::new(self.inner.shared.head())
    }

    fn stream_head(&self, stream: &Stream) -> Result<Option<Revision>, ReadError> {
        self.reader().stream_head(stream)
    }

    fn read_all(&self, after: Position) -> Result<Records, ReadError> {
        self.reader().read_all(after)
    }

    fn read_stream(&self, stream: &Stream, read: ReadStream) -> Result<Records, ReadError> {
        self.reader().read_stream(stream, read)
    }

    fn find(&self, key: &Key) -> Result<Option<Record>, ReadError> {
        self.reader().find(key)
    }

    fn follow(&self, after: Position) -> Result<Box<dyn Follow>, ReadError> {
        Ok(Box::new(self.reader().follow(after)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
