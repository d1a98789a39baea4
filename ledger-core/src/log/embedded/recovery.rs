//! Opens a directory as a ledger: made new, closed in order, or left by a crash.
//!
//! The rule: the log ends at the last whole frame. If the high-water mark or any frame header says
//! that more was durable, acknowledged events are missing and nothing is opened. Otherwise what
//! lies behind the end is a torn tail: copied to quarantine, never deleted. After an unclean stop
//! the active segment is written again from what was read, because a page cache that once failed to
//! write may hold bytes that never reached the disk. Every step may be cut by another crash and is
//! then taken again.

use std::io;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::id::LedgerId;
use crate::log::Position;
use crate::log::storage::{File, Lock, Storage, read_exact_at, read_full_at, write_all_at};

use super::frame::SEGMENT_HEADER_BYTES;
use super::layout::{
    self, IDENTITY_BYTES, IDENTITY_FILE, INDEX_DIR, Identity, LOCK_FILE, QUARANTINE_DIR,
    SEGMENTS_DIR, SegmentFile,
};
use super::mark::{self, HighWater, MARK_BYTES, MARK_FILE, Mark, MarkFile, MarkState};
use super::open_error::OpenError;
use super::scan::{Begin, Scan, ScanError, scan};
use super::sealed::{Buffer, Sealed};
use super::sealed_segment::SealedSegment;
use super::shared::View;
use super::spare::write_zeros;
use super::tail::Tail;

/// What was found behind the end of a log that a crash left, and where it was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The copy, within the ledger directory.
    pub file: String,
    /// Where the bytes were.
    pub segment: u32,
    /// The first of them.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
    /// The last position before them.
    pub after: Position,
    /// How many events the frame said it held, when its header is whole.
    pub events: Option<u32>,
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// Whether somebody may have been told that they are durable: only in trailing mode, and only
    /// if the disk lied.
    pub possibly_acknowledged: bool,
}

/// What opening found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Whether the log was made by this call.
    pub is_new: bool,
    /// Whether it had been closed in order.
    pub was_clean: bool,
    /// What was cut off.
    pub quarantined: Option<Quarantined>,
    /// Whether an operator's acceptance of a loss was used: what was acknowledged and is gone.
    pub accepted_loss: Option<Position>,
}

/// A new ledger's identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Creation {
    pub(crate) ledger: LedgerId,
    pub(crate) hash_key: [u8; 16],
    pub(crate) segment_bytes: u64,
}

/// A log that can be written to.
pub(crate) struct Opened {
    pub(crate) lock: Box<dyn Lock>,
    pub(crate) identity: Identity,
    pub(crate) view: View,
    pub(crate) active: Arc<Tail>,
    pub(crate) has_header: bool,
    pub(crate) sequence: u64,
    pub(crate) position: u64,
    pub(crate) recorded_at: Option<i64>,
    pub(crate) mark: MarkFile,
    pub(crate) recovery: Recovery,
}

/// Names that a ledger directory has besides those of its own files.
const KNOWN_NAMES: [&str; 12] = [
    IDENTITY_FILE,
    LOCK_FILE,
    MARK_FILE,
    SEGMENTS_DIR,
    INDEX_DIR,
    QUARANTINE_DIR,
    "keys",
    "tiles",
    "checkpoint",
    "checkpoints",
    "views",
    "lost+found",
];

/// Opens for writing; makes the ledger when the directory is empty and `creation` is given.
pub(crate) fn open(
    storage: &Arc<dyn Storage>,
    creation: Option<Creation>,
    high_water: HighWater,
    accept_loss: Option<Position>,
) -> Result<Opened, OpenError> {
    let is_new = !has_identity(&**storage)?;
    if is_new {
        check_may_create(&**storage, creation.is_some())?;
    }
    let lock = storage
        .try_lock(LOCK_FILE)
        .map_err(OpenError::io("lock", LOCK_FILE))?
        .ok_or(OpenError::InUse)?;
    if is_new && let Some(creation) = creation {
        create(&**storage, creation)?;
    }
    let identity = read_identity(&**storage)?;
    let recovered = recover(storage, identity, accept_loss)?;
    finish(storage, lock, recovered, high_water, is_new)
}

/// Whether the directory is a ledger.
pub(crate) fn has_identity(storage: &dyn Storage) -> Result<bool, OpenError> {
    let names = storage.list("").map_err(OpenError::io("list", "."))?;
    Ok(names.iter().any(|name| name == IDENTITY_FILE))
}

/// The identity of a ledger directory.
pub(crate) fn read_identity(storage: &dyn Storage) -> Result<Identity, OpenError> {
    let failed = OpenError::io("read", IDENTITY_FILE);
    let file = storage.open(IDENTITY_FILE).map_err(OpenError::io("open", IDENTITY_FILE))?;
    let mut bytes = vec![0; IDENTITY_BYTES + 1];
    let read = read_full_at(&*file, &mut bytes, 0).map_err(failed)?;
    bytes.truncate(read);
    Identity::decode(&bytes).ok_or(OpenError::Identity)
}

/// A directory without identity may be made a ledger when it holds nothing that could be one.
fn check_may_create(storage: &dyn Storage, may_create: bool) -> Result<(), OpenError> {
    let names = storage.list("").map_err(OpenError::io("list", "."))?;
    let is_known = |name: &String| KNOWN_NAMES.contains(&name.as_str()) || name.ends_with(".tmp");
    if let Some(foreign) = names.iter().find(|name| !is_known(name)) {
        return Err(OpenError::NotALedger { what: foreign.clone() });
    }
    // A creation that was cut leaves zeros only; anything else has lost its identity.
    for name in storage.list(SEGMENTS_DIR).map_err(OpenError::io("list", SEGMENTS_DIR))? {
        // What was never synced may hold anything after a power cut.
        if layout::segment_file(&name) == Some(SegmentFile::Temporary) {
            continue;
        }
        let path = format!("{SEGMENTS_DIR}/{name}");
        let file = storage.open(&path).map_err(OpenError::io("open", &path))?;
        let mut head = [0_u8; SEGMENT_HEADER_BYTES];
        let read = read_full_at(&*file, &mut head, 0).map_err(OpenError::io("read", &path))?;
        if head.iter().take(read).any(|byte| *byte != 0) {
            return Err(OpenError::NotALedger { what: format!("{path} without {IDENTITY_FILE}") });
        }
    }
    if may_create { Ok(()) } else { Err(OpenError::Absent) }
}

/// Makes an empty ledger. The identity comes last: without it nothing was made.
fn create(storage: &dyn Storage, creation: Creation) -> Result<(), OpenError> {
    let Creation { ledger, hash_key, segment_bytes } = creation;
    let (bytes_min, bytes_max) = (layout::SEGMENT_BYTES_MIN, layout::SEGMENT_BYTES_MAX);
    if !(bytes_min..=bytes_max).contains(&segment_bytes) {
        return Err(OpenError::SegmentBytes { segment_bytes, bytes_min, bytes_max });
    }
    storage.create_dir(SEGMENTS_DIR).map_err(OpenError::io("create", SEGMENTS_DIR))?;
    let first = layout::raw_path(1);
    replace_file(storage, &first, |file| write_zeros(file, 0, segment_bytes))?;
    sync_dir(storage, SEGMENTS_DIR)?;
    let identity = Identity { ledger, segment_bytes, hash_key };
    let slot = Mark {
        sequence: 0,
        position: 0,
        segment: 1,
        end: SEGMENT_HEADER_BYTES as u64,
        recorded_at: 0,
        high_water: HighWater::Strict,
        clean: true,
    };
    replace_file(storage, MARK_FILE, |file| {
        write_zeros(file, 0, MARK_BYTES)?;
        write_all_at(file, &slot.encode(ledger), 0)
    })?;
    sync_dir(storage, "")?;
    replace_file(storage, IDENTITY_FILE, |file| write_all_at(file, &identity.encode(), 0))?;
    sync_dir(storage, "")
}

/// Writes a file under a temporary name, syncs it and renames it into place.
fn replace_file(
    storage: &dyn Storage,
    path: &str,
    write: impl FnOnce(&dyn File) -> io::Result<()>,
) -> Result<(), OpenError> {
    let temporary = format!("{path}.tmp");
    remove_if_there(storage, &temporary)?;
    let file = storage.create(&temporary).map_err(OpenError::io("create", &temporary))?;
    write(&*file).map_err(OpenError::io("write", &temporary))?;
    file.sync_all().map_err(OpenError::io("sync", &temporary))?;
    storage.rename(&temporary, path).map_err(OpenError::io("rename to", path))
}

fn remove_if_there(storage: &dyn Storage, path: &str) -> Result<(), OpenError> {
    match storage.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OpenError::Io { what: "remove", path: path.to_owned(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync_dir(storage: &dyn Storage, path: &str) -> Result<(), OpenError> {
    storage.sync_dir(path).map_err(OpenError::io("sync the directory", path))
}

/// What is in the directory, judged, before anything is changed.
pub(crate) struct Recovered {
    pub(crate) identity: Identity,
    pub(crate) sealed: Vec<Arc<SealedSegment>>,
    /// Unsealed segments; the last is the active one.
    pub(crate) scans: Vec<Scan>,
    /// Files to be moved to quarantine whole, after a loss was accepted.
    set_aside: Vec<u32>,
    /// Leftovers of work that did not finish, to be removed.
    remove: Vec<String>,
    mark: Option<Mark>,
    next_slot: usize,
    accepted_loss: Option<Position>,
}

/// Judges what the directory holds. Changes nothing.
pub(crate) fn recover(
    storage: &Arc<dyn Storage>,
    identity: Identity,
    accept_loss: Option<Position>,
) -> Result<Recovered, OpenError> {
    let (mark, next_slot) = read_mark(&**storage, identity.ledger)?;
    let Listing { sealed: sealed_numbers, raw, remove } = list_segments(&**storage)?;
    let mut sealed: Vec<Arc<SealedSegment>> = Vec::with_capacity(sealed_numbers.len());
    let mut remove = remove;
    for segment in sealed_numbers {
        let (position, sequence) = sealed.last().map_or((1, 1), |it| after(it));
        let path = layout::sealed_path(segment);
        let opened = open_sealed(&**storage, &path, &identity, segment, position, sequence);
        match opened {
            // The raw form goes only after the sealed one was verified; while both are there the
            // raw one is as good.
            Ok(it) if raw.contains(&segment) && verify(&it).is_err() => remove.push(path),
            Ok(it) => {
                if raw.contains(&segment) {
                    remove.push(layout::raw_path(segment));
                }
                sealed.push(Arc::new(it));
            }
            Err(_) if raw.contains(&segment) => remove.push(path),
            Err(error) => return Err(error),
        }
    }
    let first_raw = u32::try_from(sealed.len()).unwrap_or(u32::MAX).saturating_add(1);
    if let Some(gap) = sealed.iter().zip(1_u32..).find(|(it, number)| it.segment() != *number) {
        let file = layout::sealed_path(gap.1);
        return Err(OpenError::MissingSegment { segment: gap.1, file });
    }
    let raw: Vec<u32> = raw.into_iter().filter(|segment| *segment >= first_raw).collect();
    let missing =
        |segment: u32| OpenError::MissingSegment { segment, file: layout::raw_path(segment) };
    if let Some((_, number)) = raw.iter().zip(first_raw..).find(|(it, number)| **it != *number) {
        return Err(missing(number));
    }
    if raw.is_empty() {
        return Err(missing(first_raw));
    }
    let (position, sequence) = sealed.last().map_or((1, 1), |it| after(it));
    let mut recovered = Recovered {
        identity,
        sealed,
        scans: Vec::new(),
        set_aside: Vec::new(),
        remove,
        mark,
        next_slot,
        accepted_loss: None,
    };
    recovered.scan_all(&**storage, &raw, position, sequence)?;
    recovered.judge(accept_loss)?;
    Ok(recovered)
}

pub(crate) fn after(it: &Arc<SealedSegment>) -> (u64, u64) {
    (it.end_position(), it.last_sequence().saturating_add(1))
}

pub(crate) fn read_mark(
    storage: &dyn Storage,
    ledger: LedgerId,
) -> Result<(Option<Mark>, usize), OpenError> {
    let file = match storage.open(MARK_FILE) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((None, 0)),
        Err(error) => return Err(OpenError::io("open", MARK_FILE)(error)),
    };
    let (state, next_slot) =
        mark::read(&*file, ledger).map_err(OpenError::io("read", MARK_FILE))?;
    Ok(match state {
        MarkState::Known(mark) => (Some(mark), next_slot),
        MarkState::Unreadable => (None, 0),
    })
}

/// The segment files of a directory.
pub(crate) struct Listing {
    pub(crate) sealed: Vec<u32>,
    pub(crate) raw: Vec<u32>,
    remove: Vec<String>,
}

pub(crate) fn list_segments(storage: &dyn Storage) -> Result<Listing, OpenError> {
    let mut listing = Listing { sealed: Vec::new(), raw: Vec::new(), remove: Vec::new() };
    for name in storage.list(SEGMENTS_DIR).map_err(OpenError::io("list", SEGMENTS_DIR))? {
        match layout::segment_file(&name) {
            Some(SegmentFile::Raw(segment)) => listing.raw.push(segment),
            Some(SegmentFile::Sealed(segment)) => listing.sealed.push(segment),
            Some(SegmentFile::Spare | SegmentFile::Temporary) => {
                listing.remove.push(format!("{SEGMENTS_DIR}/{name}"));
            }
            None => {
                return Err(OpenError::NotALedger { what: format!("{SEGMENTS_DIR}/{name}") });
            }
        }
    }
    listing.raw.sort_unstable();
    listing.sealed.sort_unstable();
    Ok(listing)
}

pub(crate) fn open_sealed(
    storage: &dyn Storage,
    path: &str,
    identity: &Identity,
    segment: u32,
    first_position: u64,
    first_sequence: u64,
) -> Result<SealedSegment, OpenError> {
    let damaged = |what: String| OpenError::Damaged { file: path.to_owned(), what };
    let file = storage.open(path).map_err(OpenError::io("open", path))?;
    let sealed = Sealed::open(file, path, identity.ledger, u64::from(segment))
        .map_err(|error| damaged(chain(&error)))?;
    let sealed = SealedSegment::new(sealed, segment);
    if sealed.first_position() != first_position || sealed.first_sequence() != first_sequence {
        return Err(damaged(format!(
            "it begins at position {}, frame {}; {first_position} and {first_sequence} come next",
            sealed.first_position(),
            sealed.first_sequence(),
        )));
    }
    Ok(sealed)
}

fn verify(segment: &SealedSegment) -> Result<(), OpenError> {
    let verified = segment.inner().verify(&mut Buffer::default());
    verified.map_err(|error| OpenError::Damaged {
        file: layout::sealed_path(segment.segment()),
        what: chain(&error),
    })
}

/// An error and what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl Recovered {
    fn scan_all(
        &mut self,
        storage: &dyn Storage,
        raw: &[u32],
        mut first_position: u64,
        mut first_sequence: u64,
    ) -> Result<(), OpenError> {
        let expected = self.identity.segment_bytes;
        for segment in raw.iter().copied() {
            let path = layout::raw_path(segment);
            let file = storage.open_rw(&path).or_else(|error| match error.kind() {
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    storage.open(&path)
                }
                _ => Err(error),
            });
            let file = file.map_err(OpenError::io("open", &path))?;
            let found = file.len().map_err(OpenError::io("read the length of", &path))?;
            if found != expected {
                return Err(OpenError::WrongLength { file: path, expected, found });
            }
            let begin = Begin { segment, first_position, first_sequence };
            let scanned =
                scan(file, path.clone(), &self.identity, begin).map_err(|error| match error {
                    ScanError::Io(source) => OpenError::Io { what: "read", path, source },
                    ScanError::Foreign(found) => {
                        OpenError::Foreign { file: path, expected: self.identity.ledger, found }
                    }
                    ScanError::Misplaced | ScanError::Unfitting { .. } => {
                        OpenError::Damaged { file: path, what: error.to_string() }
                    }
                });
            let scanned = match scanned {
                // What comes after a segment that is cut short does not continue it; the judgement
                // below says what is missing.
                Err(OpenError::Damaged { .. }) if self.scans.last().is_some_and(is_cut) => {
                    self.set_aside.push(segment);
                    continue;
                }
                other => other?,
            };
            first_position = scanned.position.saturating_add(1);
            first_sequence = scanned.sequence.saturating_add(1);
            self.scans.push(scanned);
        }
        Ok(())
    }

    /// The rule of the file's opening words.
    fn judge(&mut self, accept_loss: Option<Position>) -> Result<(), OpenError> {
        let cut = self.scans.iter().position(is_cut);
        // Only the last segment may end in a torn frame.
        let followed = cut.is_some_and(|at| {
            at.saturating_add(1) < self.scans.len() || !self.set_aside.is_empty()
        });
        let at = cut.unwrap_or(self.scans.len().saturating_sub(1));
        let Some(last) = self.scans.get(at) else { return Ok(()) };
        let found = Position::new(last.position);
        let witness = self
            .scans
            .iter()
            .filter_map(|scan| scan.witness)
            .chain(self.mark.map(|mark| (mark.sequence, mark.position)))
            .max();
        let behind = match (self.mark, witness) {
            (None, _) => Some(OpenError::MarkUnreadable { found }),
            (Some(_), Some((sequence, position))) if last.sequence < sequence || followed => {
                Some(OpenError::Lost {
                    expected: Position::new(position.max(last.position)),
                    found,
                    file: last.tail.path.clone(),
                    offset: last.end,
                    what: last.stopped.clone().unwrap_or_else(|| "zeros".to_owned()),
                })
            }
            (Some(_), _) => None,
        };
        let Some(refusal) = behind else { return Ok(()) };
        if accept_loss != Some(found) {
            return Err(refusal);
        }
        self.accepted_loss = witness.map(|(_, position)| Position::new(position));
        for scan in self.scans.drain(at.saturating_add(1)..) {
            self.set_aside.push(scan.tail.segment);
        }
        self.set_aside.sort_unstable();
        Ok(())
    }

    /// Where the log ends.
    pub(crate) fn head(&self) -> (u64, u64) {
        self.scans.last().map_or((0, 0), |scan| (scan.sequence, scan.position))
    }
}

fn is_cut(scan: &Scan) -> bool {
    scan.leftover.is_some()
}

/// Makes what was judged durable, then hands the log over to its writer.
fn finish(
    storage: &Arc<dyn Storage>,
    lock: Box<dyn Lock>,
    mut recovered: Recovered,
    high_water: HighWater,
    is_new: bool,
) -> Result<Opened, OpenError> {
    let storage_ref = &**storage;
    let identity = recovered.identity;
    for path in &recovered.remove {
        remove_if_there(storage_ref, path)?;
    }
    let (sequence, position) = recovered.head();
    let mark = recovered.mark;
    let was_clean = mark.is_some_and(|mark| {
        mark.clean && mark.sequence == sequence && recovered.accepted_loss.is_none()
    });
    let Some(mut last) = recovered.scans.pop() else {
        return Err(OpenError::MissingSegment { segment: 1, file: layout::raw_path(1) });
    };
    let trailing = mark.is_none_or(|mark| mark.high_water == HighWater::Trailing);
    let mut quarantined = None;
    if let Some(leftover) = last.leftover {
        let path = format!("{QUARANTINE_DIR}/{:010}-{}", last.tail.segment, leftover.from);
        let sha256 = digest(&*last.tail.file, leftover.from, leftover.to)
            .map_err(OpenError::io("read", &last.tail.path))?;
        let file = quarantine(storage_ref, &path, |to| {
            copy(&*last.tail.file, to, leftover.from, leftover.to)
        })?;
        quarantined = Some(Quarantined {
            file,
            segment: last.tail.segment,
            offset: leftover.from,
            bytes: leftover.to.saturating_sub(leftover.from),
            sha256,
            after: Position::new(position),
            events: leftover.events,
            possibly_acknowledged: trailing && !was_clean,
        });
    }
    for segment in &recovered.set_aside {
        let path = layout::raw_path(*segment);
        let file = storage_ref.open(&path).map_err(OpenError::io("open", &path))?;
        let length = identity.segment_bytes;
        quarantine(storage_ref, &format!("{QUARANTINE_DIR}/{segment:010}-0"), |to| {
            copy(&*file, to, 0, length)
        })?;
        remove_if_there(storage_ref, &path)?;
    }
    if !(was_clean && quarantined.is_none()) {
        let path = last.tail.path.clone();
        let end = if last.has_header { last.end } else { 0 };
        let from = Arc::clone(&last.tail.file);
        replace_file(storage_ref, &path, |to| {
            copy(&*from, to, 0, end)?;
            write_zeros(to, end, identity.segment_bytes)
        })?;
        last.tail.file = storage_ref.open_rw(&path).map_err(OpenError::io("open", &path))?;
    }
    sync_dir(storage_ref, SEGMENTS_DIR)?;
    let mut mark = match mark {
        Some(_) => {
            let file = storage_ref.open_rw(MARK_FILE).map_err(OpenError::io("open", MARK_FILE))?;
            MarkFile::new(file, identity.ledger, recovered.next_slot)
        }
        None => {
            replace_file(storage_ref, MARK_FILE, |file| write_zeros(file, 0, MARK_BYTES))?;
            sync_dir(storage_ref, "")?;
            let file = storage_ref.open_rw(MARK_FILE).map_err(OpenError::io("open", MARK_FILE))?;
            MarkFile::new(file, identity.ledger, 0)
        }
    };
    let recorded_at = last
        .tail
        .read()
        .last_recorded_at()
        .or_else(|| recovered.scans.last().and_then(|scan| scan.tail.read().last_recorded_at()))
        .or_else(|| recovered.sealed.last().map(|it| it.last_recorded_at()));
    let running = Mark {
        sequence,
        position,
        segment: last.tail.segment,
        end: last.end,
        recorded_at: recorded_at.unwrap_or(0),
        high_water,
        clean: false,
    };
    mark.write(&running).map_err(OpenError::io("write", MARK_FILE))?;
    mark.file().sync_data().map_err(OpenError::io("sync", MARK_FILE))?;
    let has_header = last.has_header;
    let active = Arc::new(last.tail);
    let mut tails: Vec<Arc<Tail>> =
        recovered.scans.into_iter().map(|scan| Arc::new(scan.tail)).collect();
    tails.push(Arc::clone(&active));
    Ok(Opened {
        lock,
        identity,
        view: View::new(recovered.sealed, tails),
        active,
        has_header,
        sequence,
        position,
        recorded_at,
        mark,
        recovery: Recovery {
            is_new,
            was_clean,
            quarantined,
            accepted_loss: recovered.accepted_loss,
        },
    })
}

/// Copies bytes aside under a name that is not taken, durably; answers the name.
fn quarantine(
    storage: &dyn Storage,
    path: &str,
    write: impl FnOnce(&dyn File) -> io::Result<()>,
) -> Result<String, OpenError> {
    storage.create_dir(QUARANTINE_DIR).map_err(OpenError::io("create", QUARANTINE_DIR))?;
    let taken = storage.list(QUARANTINE_DIR).map_err(OpenError::io("list", QUARANTINE_DIR))?;
    let is_taken = |path: &String| taken.iter().any(|name| path.ends_with(&format!("/{name}")));
    let free = (0_u32..).map(|attempt| match attempt {
        0 => path.to_owned(),
        _ => format!("{path}.{attempt}"),
    });
    let path = free.into_iter().find(|path| !is_taken(path)).unwrap_or_else(|| path.to_owned());
    replace_file(storage, &path, write)?;
    sync_dir(storage, QUARANTINE_DIR)?;
    Ok(path)
}

fn copy(from: &dyn File, to: &dyn File, begin: u64, end: u64) -> io::Result<()> {
    for_each_chunk(from, begin, end, |at, chunk| write_all_at(to, chunk, at.saturating_sub(begin)))
}

fn digest(from: &dyn File, begin: u64, end: u64) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    for_each_chunk(from, begin, end, |_, chunk| {
        hash.update(chunk);
        Ok(())
    })?;
    Ok(hash.finalize().into())
}

fn for_each_chunk(
    from: &dyn File,
    begin: u64,
    end: u64,
    mut visit: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let most = usize::try_from(end.saturating_sub(begin)).unwrap_or(usize::MAX);
    let mut buffer = vec![0_u8; most.min(1024 * 1024)];
    let mut at = begin;
    while at < end {
        let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
        let chunk_bytes = left.min(buffer.len());
        let chunk = buffer.get_mut(..chunk_bytes).unwrap_or_default();
        read_exact_at(from, chunk, at)?;
        visit(at, chunk)?;
        at = at.saturating_add(u64::try_from(chunk_bytes).unwrap_or(u64::MAX));
    }
    Ok(())
}
