//! `replay-tool verify`: every byte of a ledger, held against itself and against its checkpoints.
//!
//! One pass over the log: frames, order, revisions, keys, canonical bodies, clocks and the leaves
//! of the tree; each checkpoint is met at its size. Sealed files are checked to the last byte. With
//! a checkpoint that was verified before, the pass begins behind it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger_core::event::Event;
use ledger_core::log::embedded::{Leaves, LogReader, OpenError, ScannedRecord};
use ledger_core::log::keeper::{
    Secrets, StoredTiles, checkpoint_bytes, checkpoint_sizes, verifier_key,
};
use ledger_core::log::prover::{self, Hashed};
use ledger_core::log::storage::Storage;
use ledger_core::log::{Position, ReadError};
use ledger_core::proof::{Checkpoint, NodeHash, TileReader, TileWriter, VerifierKey};
use ledger_core::stream::Stream;
use serde::Serialize;

use crate::directory;
use crate::progress::Progress;
use crate::verdict::{Failure, Verdict};

/// What to hold the ledger against.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) from_checkpoint: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) json: bool,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    verdict: &'static str,
    ledger: String,
    head: u64,
    events_checked: u64,
    streams: usize,
    checkpoints_checked: usize,
    /// The size and root of the last checkpoint that was met.
    covered: u64,
    root: Option<String>,
    /// Whether the key came from outside; a key from the directory proves less.
    key_is_pinned: bool,
    first_bad_position: Option<u64>,
    what: Option<String>,
}

/// What is wrong, and where.
#[derive(Debug)]
struct Bad {
    position: Position,
    what: String,
}

/// How a check ends early.
enum Stop {
    Bad(Bad),
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Bad> for Stop {
    fn from(bad: Bad) -> Self {
        Self::Bad(bad)
    }
}

pub(crate) fn run(dir: &Path, options: &Options, out: &mut impl Write) -> Result<Verdict, Failure> {
    let storage = directory::storage(dir)?;
    let mut report = Report::default();
    let bad = match directory::reader(dir, &storage) {
        Ok(reader) => match check(dir, &storage, &reader, options, &mut report) {
            Ok(()) => None,
            Err(Stop::Bad(bad)) => Some(bad),
            Err(Stop::Failed(failure)) => return Err(failure),
        },
        Err(Failure::Open { path, source }) => match of_open(&source) {
            Some(position) => Some(Bad { position, what: source.to_string() }),
            None => return Err(Failure::Open { path, source }),
        },
        Err(failure) => return Err(failure),
    };
    report.verdict = if bad.is_none() { "good" } else { "bad" };
    if let Some(bad) = &bad {
        report.first_bad_position = Some(bad.position.get());
        report.what = Some(bad.what.clone());
    }
    print(&report, options.json, out)?;
    Ok(if bad.is_none() { Verdict::Good } else { Verdict::Bad })
}

/// The position an error of opening speaks of; `None` when it says nothing about the ledger.
fn of_open(error: &OpenError) -> Option<Position> {
    match error {
        OpenError::Lost { found, .. } | OpenError::MarkUnreadable { found } => {
            Some(Position::new(found.get().saturating_add(1)))
        }
        OpenError::Identity
        | OpenError::Foreign { .. }
        | OpenError::MissingSegment { .. }
        | OpenError::WrongLength { .. }
        | OpenError::Damaged { .. } => Some(Position::new(1)),
        OpenError::NotALedger { .. }
        | OpenError::Absent
        | OpenError::InUse
        | OpenError::SegmentBytes { .. }
        | OpenError::Io { .. }
        | OpenError::Index { .. } => None,
    }
}

fn print(report: &Report, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    if json {
        serde_json::to_writer(&mut *out, report).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "ledger       {}", report.ledger)?;
    writeln!(out, "head         {}", report.head)?;
    writeln!(out, "checked      {} events, {} streams", report.events_checked, report.streams)?;
    match (&report.root, report.key_is_pinned) {
        (None, _) => writeln!(out, "checkpoints  none: nothing here was ever signed")?,
        (Some(root), pinned) => {
            writeln!(
                out,
                "checkpoints  {} met, the last covers {} events",
                report.checkpoints_checked, report.covered
            )?;
            writeln!(out, "root         {root}")?;
            if !pinned {
                writeln!(
                    out,
                    "key          the directory's own: whoever holds it can rewrite all of this; \
                     pin one with --key"
                )?;
            }
        }
    }
    match (&report.what, report.first_bad_position) {
        (Some(what), Some(position)) => writeln!(out, "BAD at position {position}: {what}")?,
        _ => writeln!(out, "good")?,
    }
    Ok(())
}

/// The public key to believe.
pub(crate) fn read_key(path: &Path) -> Result<VerifierKey, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|source| Failure::File { path: path.to_owned(), source })?;
    text.trim_end().parse().map_err(|error: ledger_core::proof::KeyError| Failure::Malformed {
        path: path.to_owned(),
        what: "a public key",
        why: error.to_string(),
    })
}

fn check(
    dir: &Path,
    storage: &Arc<dyn Storage>,
    reader: &LogReader,
    options: &Options,
    report: &mut Report,
) -> Result<(), Stop> {
    report.ledger = reader.ledger().to_string();
    report.head = reader.head().get();
    report.key_is_pinned = options.key.is_some();
    let key = match &options.key {
        Some(path) => Some(read_key(path)?),
        None => verifier_key(storage).map_err(Failure::from)?,
    };
    let begin = match (&options.from_checkpoint, &key) {
        (None, _) => None,
        (Some(_), None) => return Err(Failure::NoKey.into()),
        (Some(path), Some(key)) => Some(read_checkpoint(path, key)?),
    };
    let heads = signed_heads(dir, storage, key.as_ref())?;
    if let Some(begin) = &begin
        && begin.head.size > report.head
    {
        let what = format!(
            "the ledger is behind: the checkpoint covers {} events, the ledger ends at {}",
            begin.head.size, report.head
        );
        return Err(Bad { position: reader.head(), what }.into());
    }
    reader.verify_sealed().map_err(of_read)?;
    let mut pass = Pass::begin(storage, reader, begin, heads)?;
    let mut progress = Progress::new(report.head.saturating_sub(pass.next), "verifying");
    let after = Position::new(pass.next);
    let mut stop = None;
    let read = reader.scan(after).for_each(|record| {
        if stop.is_none() {
            stop = pass.check(&record).err();
        }
        progress.step();
        match stop {
            None => Ok(()),
            // Ends the scan; the reason is in `stop`.
            Some(_) => Err(ReadError::Undecodable {
                position: record.position(),
                wire: record.wire().to_owned(),
                what: String::new(),
            }),
        }
    });
    progress.finish();
    report.events_checked = pass.checked;
    report.streams = pass.revisions.len();
    report.checkpoints_checked = pass.met;
    report.covered = pass.covered.map_or(0, |(size, _)| size);
    report.root = pass.covered.map(|(_, root)| root.to_string());
    if let Some(stop) = stop {
        return Err(stop);
    }
    read.map_err(of_read)?;
    pass.end(reader.head())
}

fn of_read(error: ReadError) -> Stop {
    match &error {
        ReadError::Damaged { position, .. } => {
            let position = Position::new(position.get().saturating_add(1));
            Stop::Bad(Bad { position, what: error.to_string() })
        }
        ReadError::Undecodable { position, .. } => {
            Stop::Bad(Bad { position: *position, what: error.to_string() })
        }
        ReadError::Io { .. } => Stop::Failed(Failure::Read(error)),
    }
}

fn read_checkpoint(path: &Path, key: &VerifierKey) -> Result<Checkpoint, Failure> {
    let bytes = fs::read(path).map_err(|source| Failure::File { path: path.to_owned(), source })?;
    Checkpoint::open(&bytes, key, key.name().as_str()).map_err(|error| Failure::Malformed {
        path: path.to_owned(),
        what: "a checkpoint of this ledger's key",
        why: error.to_string(),
    })
}

/// Every signed head in the directory, by size. One that is not believed is bad at once.
fn signed_heads(
    dir: &Path,
    storage: &Arc<dyn Storage>,
    key: Option<&VerifierKey>,
) -> Result<BTreeMap<u64, NodeHash>, Stop> {
    let sizes = checkpoint_sizes(storage).map_err(Failure::from)?;
    let mut named: Vec<Option<u64>> = sizes.into_iter().map(Some).collect();
    named.push(None);
    let mut heads = BTreeMap::new();
    for size in named {
        let Some(bytes) = checkpoint_bytes(storage, size).map_err(Failure::from)? else { continue };
        let Some(key) = key else { return Err(Failure::NoKey.into()) };
        let checkpoint = Checkpoint::open(&bytes, key, key.name().as_str()).map_err(|error| {
            let name = size.map_or("checkpoint".to_owned(), |size| format!("checkpoints/{size}"));
            let position = Position::new(size.unwrap_or(1));
            Bad { position, what: format!("{}: {error}", dir.join(name).display()) }
        })?;
        let head = checkpoint.head;
        if heads.insert(head.size, head.root).is_some_and(|other| other != head.root) {
            let what = format!("two checkpoints of {} events have different roots", head.size);
            return Err(Bad { position: Position::new(head.size), what }.into());
        }
    }
    Ok(heads)
}

/// One pass over the log.
struct Pass {
    /// The position before the first to check.
    next: u64,
    checked: u64,
    revisions: BTreeMap<String, u64>,
    recorded_at: i64,
    /// The first half of each keyed event's id: the id is derived from the key.
    keys: Vec<(u64, u64)>,
    tree: TileWriter,
    leaves: Leaves,
    secrets: Option<Secrets>,
    tiles: StoredTiles,
    /// Heads that are still to be met.
    heads: BTreeMap<u64, NodeHash>,
    met: usize,
    covered: Option<(u64, NodeHash)>,
    /// Whether the pass began with the first event, so that every stream begins with revision 0.
    is_whole: bool,
}

impl Pass {
    fn begin(
        storage: &Arc<dyn Storage>,
        reader: &LogReader,
        begin: Option<Checkpoint>,
        mut heads: BTreeMap<u64, NodeHash>,
    ) -> Result<Self, Stop> {
        let tiles = StoredTiles::new(Arc::clone(storage));
        let (next, tree, covered) = match begin {
            None => (0, TileWriter::new(), None),
            Some(checkpoint) => {
                let head = checkpoint.head;
                let stored = TileReader::open(tiles.clone(), head).map_err(|error| Bad {
                    position: Position::new(head.size),
                    what: format!("the tree does not contain the checkpoint: {error}"),
                })?;
                (head.size, TileWriter::resume(&stored), Some((head.size, head.root)))
            }
        };
        let pending = heads.split_off(&next.saturating_add(1));
        let before = heads;
        if let (Some((size, root)), Some(own)) = (covered, before.get(&next))
            && *own != root
        {
            let what = format!("the ledger signed another tree of {size} events");
            return Err(Bad { position: Position::new(size), what }.into());
        }
        let mut pass = Self {
            next,
            checked: 0,
            revisions: BTreeMap::new(),
            recorded_at: i64::MIN,
            keys: Vec::new(),
            tree,
            leaves: Leaves::new(reader.ledger()),
            secrets: Secrets::load(storage).map_err(Failure::from)?,
            tiles,
            heads: pending,
            met: 0,
            covered,
            is_whole: next == 0,
        };
        if let Some(root) = before.get(&0)
            && pass.is_whole
        {
            pass.meet(0, *root)?;
        }
        Ok(pass)
    }

    fn check(&mut self, record: &ScannedRecord<'_>) -> Result<(), Stop> {
        let position = record.position();
        let bad = |what: String| Bad { position, what };
        self.checked += 1;
        match self.revisions.get_mut(record.stream()) {
            Some(next) if *next == record.revision() => *next += 1,
            Some(next) => {
                let found = record.revision();
                return Err(bad(format!("revision {found} stands where {next} is next")).into());
            }
            None if self.is_whole && record.revision() != 0 => {
                let what =
                    format!("{} begins with revision {}", record.stream(), record.revision());
                return Err(bad(what).into());
            }
            None => {
                let stream = record.stream().to_owned();
                self.revisions.insert(stream, record.revision().saturating_add(1));
            }
        }
        if record.recorded_at_micros() < self.recorded_at {
            return Err(bad("it was recorded before the one before it".to_owned()).into());
        }
        self.recorded_at = record.recorded_at_micros();
        let event = Event::decode(record.wire(), record.body())
            .map_err(|error| bad(format!("{}: {error}", record.wire())))?;
        let stream: Stream = record
            .stream()
            .parse()
            .map_err(|_| bad(format!("{:?} is not a stream", record.stream())))?;
        if !event.belongs_in(&stream) {
            let what = format!("{} does not belong in {stream}", record.wire());
            return Err(bad(what).into());
        }
        let index = position.get().saturating_sub(1);
        let id = self
            .leaves
            .with_leaf(index, record, |leaf, _| leaf.body.key.is_some().then_some(leaf.body.id));
        if let Some(id) = id.map_err(of_read)? {
            let (half, _) = id.as_bytes().split_at(8);
            let half = half.try_into().map_or(0, u64::from_be_bytes);
            self.keys.push((half, position.get()));
        }
        self.grow(index, record)
    }

    /// Adds the leaf, as long as some checkpoint is to be met.
    fn grow(&mut self, index: u64, record: &ScannedRecord<'_>) -> Result<(), Stop> {
        if self.heads.is_empty() {
            return Ok(());
        }
        let bad = |what: String| Bad { position: record.position(), what };
        let Some(secrets) = &self.secrets else {
            return Err(
                bad("checkpoints are here, but no secrets of their leaves".to_owned()).into()
            );
        };
        let hashed = prover::leaf_hash(&mut self.leaves, index, record, secrets, &self.tiles);
        let hash = match hashed.map_err(Failure::from)? {
            Hashed::Hash(hash) => hash,
            Hashed::Unknown(scope) => {
                return Err(bad(format!("the secret of {scope} is not there")).into());
            }
        };
        self.tree.append(hash, &mut Vec::new());
        let size = index.saturating_add(1);
        match self.heads.remove(&size) {
            Some(root) => self.meet(size, root),
            None => Ok(()),
        }
    }

    fn meet(&mut self, size: u64, root: NodeHash) -> Result<(), Stop> {
        let computed = self.tree.root();
        if computed != root {
            let what = format!(
                "the events up to here lead to root {computed}, but {root} was signed: something \
                 at or before this position was changed"
            );
            return Err(Bad { position: Position::new(size), what }.into());
        }
        self.met += 1;
        self.covered = Some((size, root));
        Ok(())
    }

    /// What only the end shows: keys that occur twice, checkpoints that were never reached.
    fn end(mut self, head: Position) -> Result<(), Stop> {
        self.keys.sort_unstable();
        let twice = self.keys.windows(2).find(|pair| matches!(pair, [(a, _), (b, _)] if a == b));
        if let Some([(_, first), (_, second)]) = twice {
            let what = format!("its key was recorded before, at position {first}");
            return Err(Bad { position: Position::new(*second), what }.into());
        }
        if let Some((size, _)) = self.heads.first_key_value() {
            let what = format!("{size} events were signed, but the ledger ends at {head}");
            return Err(Bad { position: head, what }.into());
        }
        Ok(())
    }
}
