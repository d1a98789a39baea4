//! Reads a log: in the process that writes it, or in another beside it, or when nobody writes.
//!
//! A reader of another process takes no lock and changes nothing. It sees exactly what the mark
//! says is acknowledged: the mark is written after the data is durable and read before the data is
//! looked for. What vanishes under it was sealed meanwhile, so it looks again.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::id::{Key, LedgerId, uuid_bytes};
use crate::log::storage::Storage;
use crate::log::{Follow, Position, ReadError, ReadStream, Record, Records, Revision};
use crate::stream::Stream;

use super::cursor::Scan;
use super::index;
use super::open_error::OpenError;
use super::outside;
use super::raw::NameKind;
use super::recovery;
use super::shared::{Part, Shared, visible_events};
use super::spelled::Spelled;
use super::spelling;

/// Records of a stream read at a time.
const PIECE_REVISIONS: u64 = 1024;
/// How often another process's writer is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// How often a directory that changes while it is opened is opened again.
const ATTEMPTS_MAX: usize = 20;

/// Reads one ledger directory.
#[derive(Debug, Clone)]
pub struct LogReader {
    shared: Arc<Shared>,
    /// Whether the writer lives in another process, so that the head must be looked for.
    is_outside: bool,
}

impl LogReader {
    /// A reader of the writer's own process.
    pub(crate) fn beside(shared: Arc<Shared>) -> Self {
        Self { shared, is_outside: false }
    }

    /// Opens a ledger directory to read, whether or not another process writes it.
    pub fn open(storage: Arc<dyn Storage>) -> Result<Self, OpenError> {
        if !recovery::has_identity(&*storage)? {
            return Err(OpenError::Absent);
        }
        let identity = recovery::read_identity(&*storage)?;
        let snapshot = settle(|| outside::look(&storage, &identity, None))?;
        let (view, head) = snapshot.map(|it| (it.view, it.head)).unwrap_or_default();
        let (keys, streams) = index::open_read_only(&storage, &identity)?;
        let shared = Shared::new(storage, identity, keys, streams, view, head);
        Ok(Self { shared: Arc::new(shared), is_outside: true })
    }

    /// Looks at what another process has appended since. In the writer's process there is nothing
    /// to look for.
    pub fn refresh(&self) -> Result<(), OpenError> {
        if !self.is_outside {
            return Ok(());
        }
        let storage = &self.shared.storage;
        let known = self.shared.view();
        let snapshot = settle(|| {
            outside::look(storage, &self.shared.identity, Some((&known, self.shared.head())))
        })?;
        if let Some(snapshot) = snapshot {
            self.shared.replace_view(snapshot.view, snapshot.head);
            let refreshed = self.shared.keys.refresh().and_then(|()| self.shared.streams.refresh());
            refreshed.map_err(|error| OpenError::Index { what: error.to_string() })?;
        }
        Ok(())
    }

    /// The identity of the ledger.
    pub fn ledger(&self) -> LedgerId {
        self.shared.identity.ledger
    }

    /// The last acknowledged position.
    pub fn head(&self) -> Position {
        Position::new(self.shared.head())
    }

    /// The revision of the last event of a stream.
    pub fn stream_head(&self, stream: &Stream) -> Result<Option<Revision>, ReadError> {
        let head = self.shared.head();
        Ok(self.shared.stream_head(&stream.to_string(), head)?.map(Revision::new))
    }

    /// The fast path: everything after a position, borrowed.
    pub fn scan(&self, after: Position) -> Scan {
        Scan::new(&self.shared, after)
    }

    /// Everything after a position, owned.
    pub fn read_all(&self, after: Position) -> Result<Records, ReadError> {
        Ok(self.scan(after).into_records())
    }

    /// The record at a position.
    pub fn read_at(&self, position: Position) -> Result<Option<Record>, ReadError> {
        let spelled = self.shared.record_at(position.get())?;
        spelled.map(|it| it.into_record(self.ledger())).transpose()
    }

    /// One stream, either way.
    pub fn read_stream(&self, stream: &Stream, read: ReadStream) -> Result<Records, ReadError> {
        let upto = self.shared.head();
        let name = stream.to_string();
        let Some(head) = self.shared.stream_head(&name, upto)? else {
            return Ok(Box::new(std::iter::empty()));
        };
        let rest = match read {
            ReadStream::Forwards(from) => from.get()..head.saturating_add(1),
            ReadStream::Backwards => 0..head.saturating_add(1),
        };
        Ok(Box::new(StreamRecords {
            parts: self.parts_of(&name, upto)?,
            ledger: self.ledger(),
            name,
            upto,
            rest,
            is_backwards: matches!(read, ReadStream::Backwards),
            ready: VecDeque::new(),
        }))
    }

    /// The segments that hold a stream, with what they hold, oldest first.
    fn parts_of(&self, name: &str, upto: u64) -> Result<Vec<(Range<u64>, Part)>, ReadError> {
        let mut parts = Vec::new();
        for part in self.shared.parts_of(name)? {
            if let Some(revisions) = part.revisions(name, upto)? {
                parts.push((revisions, part));
            }
        }
        Ok(parts)
    }

    /// The event recorded under a key.
    pub fn find(&self, key: &Key) -> Result<Option<Record>, ReadError> {
        let source = spelling::source(&key.scope, &key.source);
        let uuid = uuid_bytes(key.id.as_str());
        let id = uuid.as_ref().map_or(key.id.as_str().as_bytes(), |bytes| bytes.as_slice());
        let hash = self.shared.hash.key(&source, uuid.is_some(), id, key.index);
        for position in self.shared.key_candidates(hash)? {
            let Some(spelled) = self.shared.record_at(position)? else { continue };
            let is_it = spelled.key.as_ref().is_some_and(|it| {
                it.source == source
                    && it.is_uuid == uuid.is_some()
                    && it.id == id
                    && it.index == key.index
            });
            if is_it {
                return spelled.into_record(self.ledger()).map(Some);
            }
        }
        Ok(None)
    }

    /// The names of streams that begin so, in order.
    pub fn streams(&self, prefix: &str) -> Result<BTreeSet<String>, ReadError> {
        let head = self.shared.head();
        let view = self.shared.view();
        let mut names = BTreeSet::new();
        for sealed in view.sealed() {
            sealed.streams(prefix, &mut names)?;
        }
        for tail in view.tails() {
            let index = tail.read();
            let visible = visible_events(tail, head);
            for (number, name) in (0_u32..).zip(index.names.texts(NameKind::Stream)) {
                if name.starts_with(prefix) && index.head_of(number, visible).is_some() {
                    names.insert(name.to_string());
                }
            }
        }
        Ok(names)
    }

    /// Checks every byte of every sealed segment.
    pub fn verify_sealed(&self) -> Result<(), ReadError> {
        for sealed in self.shared.view().sealed() {
            sealed.verify()?;
        }
        Ok(())
    }

    /// Everything after a position, and what comes.
    pub fn follow(&self, after: Position) -> Follower {
        Follower { reader: self.clone(), scan: self.scan(after), ready: VecDeque::new() }
    }
}

/// Opens again what was sealed away while it was being opened.
fn settle<T>(open: impl Fn() -> Result<T, OpenError>) -> Result<T, OpenError> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match open() {
            Err(OpenError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS_MAX => {}
            Err(OpenError::MissingSegment { .. }) if attempts < ATTEMPTS_MAX => {}
            other => return other,
        }
    }
}

/// One stream, a piece of it in memory.
struct StreamRecords {
    parts: Vec<(Range<u64>, Part)>,
    ledger: LedgerId,
    name: String,
    upto: u64,
    rest: Range<u64>,
    is_backwards: bool,
    ready: VecDeque<Result<Record, ReadError>>,
}

impl StreamRecords {
    fn fill(&mut self) -> Result<(), ReadError> {
        let wanted =
            if self.is_backwards { self.rest.end.saturating_sub(1) } else { self.rest.start };
        let Some((held, part)) = self.parts.iter().find(|(held, _)| held.contains(&wanted)) else {
            let file = super::layout::SEGMENTS_DIR.to_owned();
            let what = format!("no segment holds revision {wanted} of {}", self.name);
            self.rest = 0..0;
            return Err(ReadError::Damaged { file, offset: 0, position: Position::ORIGIN, what });
        };
        let piece = if self.is_backwards {
            let start = self.rest.end.saturating_sub(PIECE_REVISIONS);
            start.max(held.start).max(self.rest.start)..self.rest.end
        } else {
            let end = self.rest.start.saturating_add(PIECE_REVISIONS);
            self.rest.start..end.min(held.end).min(self.rest.end)
        };
        let mut read: Vec<Spelled> = Vec::new();
        part.read_revisions(&self.name, &piece, self.upto, &mut read)?;
        let count = u64::try_from(read.len()).unwrap_or(u64::MAX);
        if count != piece.end.saturating_sub(piece.start) {
            let file = super::layout::SEGMENTS_DIR.to_owned();
            let what = format!("revisions {piece:?} of {} are not all there", self.name);
            self.rest = 0..0;
            return Err(ReadError::Damaged { file, offset: 0, position: Position::ORIGIN, what });
        }
        let ledger = self.ledger;
        let records = read.into_iter().map(|it| it.into_record(ledger));
        if self.is_backwards {
            self.rest.end = piece.start;
            let mut records: Vec<_> = records.collect();
            records.reverse();
            self.ready.extend(records);
        } else {
            self.rest.start = piece.end;
            self.ready.extend(records);
        }
        Ok(())
    }
}

impl Iterator for StreamRecords {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty()
            && !self.rest.is_empty()
            && let Err(error) = self.fill()
        {
            self.rest = 0..0;
            return Some(Err(error));
        }
        let next = self.ready.pop_front()?;
        if next.is_err() {
            self.rest = 0..0;
            self.ready.clear();
        }
        Some(next)
    }
}

/// Follows a log live.
#[derive(Debug)]
pub struct Follower {
    reader: LogReader,
    pub(super) scan: Scan,
    ready: VecDeque<Record>,
}

impl Follower {
    fn fill(&mut self) -> Result<(), ReadError> {
        let ledger = self.reader.ledger();
        let ready = &mut self.ready;
        self.scan.next_piece(|record| {
            ready.push_back(record.to_record(ledger)?);
            Ok(())
        })?;
        Ok(())
    }

    /// Waits for the head to move. The scan goes on where it stopped.
    fn wait(&mut self, patience: Duration) -> Result<bool, ReadError> {
        let upto = self.scan.upto();
        let shared = &self.reader.shared;
        let mut left = patience;
        loop {
            if self.reader.is_outside {
                self.reader.refresh().map_err(|error| ReadError::Io {
                    file: super::layout::SEGMENTS_DIR.to_owned(),
                    what: error.to_string(),
                })?;
            }
            let step = if self.reader.is_outside { left.min(POLL_INTERVAL) } else { left };
            if shared.wait_past(upto.get(), step) {
                self.scan.extend(shared);
                return Ok(true);
            }
            left = left.saturating_sub(step);
            if left.is_zero() {
                return Ok(false);
            }
        }
    }
}

impl Follow for Follower {
    fn next(&mut self, patience: Duration) -> Result<Option<Record>, ReadError> {
        if self.ready.is_empty() {
            self.fill()?;
        }
        if self.ready.is_empty() && self.wait(patience)? {
            self.fill()?;
        }
        Ok(self.ready.pop_front())
    }
}
