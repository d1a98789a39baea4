//! Opens a directory as a ledger: made new, closed in order, or left by a crash.
//!
//! The rule: the log ends at the last whole frame. If the high-water mark or any frame header says
//! that more was durable, acknowledged events are missing and nothing is opened. Otherwise what
//! lies behind the end is a torn tail: copied to quarantine, never deleted. Frames behind the mark
//! are written again from what was read, because a page cache that once failed to write may hold
//! bytes that never reached the disk. Every step may be cut by another crash and is then taken
//! again.

use std::sync::Arc;

use crate::log::Position;
use crate::log::storage::{Lock, Storage, write_all_at};

use super::layout::{self, Identity, LOCK_FILE, QUARANTINE_DIR, SEGMENTS_DIR};
use super::mark::{HighWater, MARK_BYTES, MARK_FILE, Mark, MarkFile};
use super::open_error::OpenError;
use super::scan::Scan;
use super::shared::View;
use super::spare::write_zeros;
use super::tail::Tail;

mod create;
mod directory;
mod files;
mod judge;

pub(crate) use create::Creation;
pub(crate) use directory::{
    Listing, after, has_identity, list_segments, open_sealed, read_identity, read_mark,
};

use create::{check_may_create, create};
use files::{copy, digest, for_each_chunk, quarantine, remove_if_there, replace_file, sync_dir};
use judge::{Recovered, recover};

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
    // What was judged may be names that another life never made durable: they are, before anything
    // rests on them or is removed because of them.
    sync_dir(storage_ref, "")?;
    sync_dir(storage_ref, SEGMENTS_DIR)?;
    for path in &recovered.remove {
        remove_if_there(storage_ref, path)?;
    }
    let (sequence, position) = recovered.head();
    let mark = recovered.mark;
    let was_clean = mark.is_some_and(|mark| {
        mark.clean && mark.sequence == sequence && recovered.accepted_loss.is_none()
    });
    let Some(last) = recovered.scans.pop() else {
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
    rewrite_tail(&last, mark)?;
    sync_dir(storage_ref, SEGMENTS_DIR)?;
    // Whoever made the ledger may have failed at its very last step.
    sync_dir(storage_ref, "")?;
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

/// Writes again what nobody knows to be durable: frames behind the mark, whose sync may have failed
/// while the page cache kept showing them, and zeros over what was cut off. What is up to the mark
/// was synced before the mark was written, so it is left alone.
fn rewrite_tail(last: &Scan, mark: Option<Mark>) -> Result<(), OpenError> {
    let known = mark.filter(|mark| mark.segment == last.tail.segment).map_or(0, |mark| mark.end);
    let end = if last.has_header { last.end } else { 0 };
    let from = if last.has_header { known.min(end) } else { 0 };
    let to = last.leftover.map_or(end, |leftover| leftover.to.max(end));
    if from == to {
        return Ok(());
    }
    let path = &last.tail.path;
    let file = &*last.tail.file;
    for_each_chunk(file, from, end, |at, chunk| write_all_at(file, chunk, at))
        .and_then(|()| write_zeros(file, end, to))
        .map_err(OpenError::io("write", path))?;
    file.sync_data().map_err(OpenError::io("sync", path))
}
