//! Follows the log, folds, commits: one thread a view, none knows another.
//!
//! What was folded is seen at once; it is committed in batches of bounded size, rows and checkpoint
//! together, so a view is behind or at the log and never ahead. An event that cannot be folded
//! stops this view alone, by name and position, until an operator says, in an event, to go past it.
//! A store that fails while running is moved aside and the view built anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ledger_core::cause::in_one_line;
use ledger_core::event::{Event, ledger};
use ledger_core::fold::FoldError;
use ledger_core::id::LedgerId;
use ledger_core::log::{EventLog, Position, ReadError, Record};

use crate::store::{Store, StoreError};
use crate::{Projection, RowKey};

/// Events folded between two commits, at most.
const BATCH_EVENTS_MAX: usize = 1000;
/// Rows kept in memory after a commit, at most.
const ROWS_KEPT_MAX: usize = 16 * 1024;
/// Batches between two flushes: what is lost with the machine is folded again.
const FLUSH_BATCHES: u32 = 64;
/// How long the follower waits before it looks whether to end.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a stopped view waits before it reads again.
const PAUSE: Duration = Duration::from_secs(1);

/// Why a view stands still.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// An event cannot be folded. Trying again never helps.
    #[error("cannot fold {projection} past position {position}")]
    Fold {
        /// Which view.
        projection: &'static str,
        /// The event.
        position: Position,
        /// Why.
        #[source]
        source: FoldError,
    },
    /// The log would not be read.
    #[error("cannot read the log for {projection}")]
    Read {
        /// Which view.
        projection: &'static str,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// The store failed, and another could not be made.
    #[error("cannot keep {projection}")]
    Store {
        /// Which view.
        projection: &'static str,
        /// Why.
        #[source]
        source: StoreError,
    },
}

/// How a view is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Which view.
    pub name: &'static str,
    /// Which version of it.
    pub version: u16,
    /// The last event folded.
    pub position: Position,
    /// Why it stands still, if it does.
    pub stopped: Option<String>,
}

struct State<P: Projection> {
    store: Store,
    /// Rows folded since the last commit.
    dirty: BTreeMap<P::Key, Arc<P::Row>>,
    /// Rows that are as they were committed.
    kept: BTreeMap<P::Key, Arc<P::Row>>,
    position: Position,
    stopped: Option<String>,
}

struct Shared<P: Projection> {
    state: Mutex<State<P>>,
    moved: Condvar,
    is_over: AtomicBool,
}

/// What a view answers, and how far it was then.
pub type AsOf<T> = (T, Position);

/// Rows of a view in the order of their keys.
pub type Rows<P> = Vec<(<P as Projection>::Key, Arc<<P as Projection>::Row>)>;

/// A running view.
pub struct View<P: Projection> {
    shared: Arc<Shared<P>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<P: Projection> std::fmt::Debug for View<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("status", &self.status()).finish()
    }
}

fn lock<P: Projection>(shared: &Shared<P>) -> MutexGuard<'_, State<P>> {
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of a view's directory: another version is another view.
fn directory<P: Projection>() -> String {
    format!("{}.v{}", P::NAME, P::VERSION)
}

impl<P: Projection> View<P> {
    /// Opens or rebuilds the view below `dir` and follows the log.
    pub fn start<L: EventLog + 'static>(dir: &Path, log: Arc<L>) -> Result<Self, StoreError> {
        let store = open_store::<P>(dir, log.ledger(), log.head())?;
        let position = store.position();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                store,
                dirty: BTreeMap::new(),
                kept: BTreeMap::new(),
                position,
                stopped: None,
            }),
            moved: Condvar::new(),
            is_over: AtomicBool::new(false),
        });
        let worker = Worker { shared: Arc::clone(&shared), log, dir: dir.to_owned() };
        let thread = std::thread::Builder::new()
            .name(format!("view-{}", P::NAME))
            .spawn(move || worker.run())
            .map_err(|source| StoreError::Io { path: dir.to_owned(), source })?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// The row under a key, and how far the view is.
    pub fn get(&self, key: &P::Key) -> Result<AsOf<Option<Arc<P::Row>>>, StoreError> {
        let mut state = lock(&self.shared);
        let position = state.position;
        Ok((state.row(key)?, position))
    }

    /// The rows whose keys begin so, in order, and how far the view is.
    pub fn scan(&self, prefix: &[u8]) -> Result<AsOf<Rows<P>>, StoreError> {
        let state = lock(&self.shared);
        let mut rows = BTreeMap::new();
        for (key, row) in state.store.scan::<P::Row>(prefix)? {
            if let Some(key) = P::Key::from_bytes(&key) {
                rows.insert(key, Arc::new(row));
            }
        }
        for (key, row) in &state.dirty {
            if key.to_bytes().starts_with(prefix) {
                rows.insert(key.clone(), Arc::clone(row));
            }
        }
        Ok((rows.into_iter().collect(), state.position))
    }

    /// Waits until the view has folded a position; answers whether it has in time.
    pub fn wait_for(&self, position: Position, patience: Duration) -> bool {
        let state = lock(&self.shared);
        let waited = self.shared.moved.wait_timeout_while(state, patience, |state| {
            state.position < position && state.stopped.is_none()
        });
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.position >= position
    }

    /// How it is.
    pub fn status(&self) -> Status {
        let state = lock(&self.shared);
        Status {
            name: P::NAME,
            version: P::VERSION,
            position: state.position,
            stopped: state.stopped.clone(),
        }
    }

    /// Ends the thread; what was folded is committed and flushed.
    pub fn close(&self) {
        self.shared.is_over.store(true, Ordering::Release);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!(projection = P::NAME, "the view's thread panicked");
        }
    }
}

impl<P: Projection> Drop for View<P> {
    fn drop(&mut self) {
        self.close();
    }
}

fn open_store<P: Projection>(
    dir: &Path,
    ledger: LedgerId,
    head: Position,
) -> Result<Store, StoreError> {
    let opened = Store::open(dir, &directory::<P>(), ledger, head)?;
    if let Some(why) = opened.rebuilt_because {
        tracing::warn!(projection = P::NAME, error = &why as &dyn std::error::Error, "rebuilt");
    }
    Ok(opened.store)
}

impl<P: Projection> State<P> {
    fn row(&mut self, key: &P::Key) -> Result<Option<Arc<P::Row>>, StoreError> {
        if let Some(row) = self.dirty.get(key).or_else(|| self.kept.get(key)) {
            return Ok(Some(Arc::clone(row)));
        }
        let Some(row) = self.store.get::<P::Row>(&key.to_bytes())? else { return Ok(None) };
        let row = Arc::new(row);
        self.kept.insert(key.clone(), Arc::clone(&row));
        Ok(Some(row))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if self.store.position() == self.position {
            return Ok(());
        }
        let rows: Vec<(Vec<u8>, &P::Row)> =
            self.dirty.iter().map(|(key, row)| (key.to_bytes(), row.as_ref())).collect();
        self.store.commit(&rows, self.position)?;
        let committed = std::mem::take(&mut self.dirty);
        if self.kept.len().saturating_add(committed.len()) > ROWS_KEPT_MAX {
            self.kept.clear();
        }
        self.kept.extend(committed);
        Ok(())
    }
}

struct Worker<P: Projection, L> {
    shared: Arc<Shared<P>>,
    log: Arc<L>,
    dir: PathBuf,
}

impl<P: Projection, L: EventLog> Worker<P, L> {
    fn run(self) {
        while !self.is_over() {
            let Err(error) = self.follow() else { return };
            tracing::error!(
                projection = P::NAME,
                error = &error as &dyn std::error::Error,
                "the view stands still"
            );
            {
                let mut state = lock(&self.shared);
                state.stopped = Some(in_one_line(&error));
                self.shared.moved.notify_all();
            }
            if matches!(error, WorkerError::Store { .. }) {
                self.rebuild();
            }
            self.pause();
        }
    }

    fn is_over(&self) -> bool {
        self.shared.is_over.load(Ordering::Acquire)
    }

    fn pause(&self) {
        let mut left = PAUSE;
        while !self.is_over() && !left.is_zero() {
            std::thread::park_timeout(PATIENCE);
            left = left.saturating_sub(PATIENCE);
        }
    }

    /// Follows until the view is closed.
    fn follow(&self) -> Result<(), WorkerError> {
        let begin = lock(&self.shared).position;
        let skipped = self.skipped()?;
        let read = |source| WorkerError::Read { projection: P::NAME, source };
        let mut follower = self.log.follow(begin).map_err(read)?;
        let mut batch = 0_usize;
        let mut batches = 0_u32;
        loop {
            let patience = if batch == 0 { PATIENCE } else { Duration::ZERO };
            match follower.next(patience).map_err(read)? {
                Some(record) => {
                    self.take(&record, &skipped)?;
                    batch += 1;
                    if batch < BATCH_EVENTS_MAX {
                        continue;
                    }
                }
                None if batch == 0 => {
                    if self.is_over() {
                        return lock(&self.shared).store.flush().map_err(of_store::<P>);
                    }
                    continue;
                }
                None => (),
            }
            batch = 0;
            batches = batches.wrapping_add(1);
            let mut state = lock(&self.shared);
            state.commit().map_err(of_store::<P>)?;
            if batches.is_multiple_of(FLUSH_BATCHES) {
                state.store.flush().map_err(of_store::<P>)?;
            }
        }
    }

    /// Folds one event into every row it concerns, or into none.
    fn take(&self, record: &Record, skipped: &BTreeSet<Position>) -> Result<(), WorkerError> {
        let mut state = lock(&self.shared);
        let mut folded = Vec::new();
        if !skipped.contains(&record.position) {
            for key in P::keys(record) {
                let row = state.row(&key).map_err(of_store::<P>)?;
                let row = row.map_or_else(P::Row::default, |row| P::Row::clone(&row));
                let row = P::fold(row, &key, record).map_err(|source| WorkerError::Fold {
                    projection: P::NAME,
                    position: record.position,
                    source,
                })?;
                folded.push((key, Arc::new(row)));
            }
        }
        for (key, row) in folded {
            state.kept.remove(&key);
            state.dirty.insert(key, row);
        }
        state.position = record.position;
        state.stopped = None;
        self.shared.moved.notify_all();
        Ok(())
    }

    /// Events that an operator let this view go past. They come after the event that stopped it, so
    /// they are looked for ahead.
    fn skipped(&self) -> Result<BTreeSet<Position>, WorkerError> {
        let read = |source| WorkerError::Read { projection: P::NAME, source };
        let stream = ledger_core::stream::Stream::Ledger;
        let from = ledger_core::log::ReadStream::Forwards(ledger_core::log::Revision::FIRST);
        let mut skipped = BTreeSet::new();
        for record in self.log.read_stream(&stream, from).map_err(read)? {
            let record = record.map_err(read)?;
            if let Event::Ledger(ledger::Event::ProjectionSkipped(it)) = &record.event
                && it.projection.as_str() == P::NAME
            {
                skipped.insert(it.position);
            }
        }
        Ok(skipped)
    }

    /// Gives the store up and begins again from nothing.
    fn rebuild(&self) {
        let mut state = lock(&self.shared);
        // The path is free only once the old handle is gone; until the new one is there, a store
        // of another name stands in for it.
        let spare = Store::open(
            &self.dir,
            &format!("{}.spare", directory::<P>()),
            self.log.ledger(),
            Position::ORIGIN,
        );
        let Ok(spare) = spare else { return };
        let broken = std::mem::replace(&mut state.store, spare.store);
        let path = broken.path().to_owned();
        drop(broken);
        if crate::store::move_aside(&path).is_err() {
            return;
        }
        if let Ok(store) = open_store::<P>(&self.dir, self.log.ledger(), self.log.head()) {
            state.position = store.position();
            state.store = store;
            state.dirty.clear();
            state.kept.clear();
        }
    }
}

fn of_store<P: Projection>(source: StoreError) -> WorkerError {
    WorkerError::Store { projection: P::NAME, source }
}
