//! What a ledger directory holds, each thing read by itself: the writer and those beside it ask
//! alike. Changes nothing, and judges nothing but the thing that is read.

use std::io;
use std::sync::Arc;

use crate::cause::in_one_line;
use crate::id::LedgerId;
use crate::log::embedded::layout::{
    self, IDENTITY_BYTES, IDENTITY_FILE, Identity, SEGMENTS_DIR, SegmentFile,
};
use crate::log::embedded::mark::{self, MARK_FILE, Mark, MarkState};
use crate::log::embedded::open_error::OpenError;
use crate::log::embedded::sealed::{Buffer, Sealed};
use crate::log::embedded::sealed_segment::SealedSegment;
use crate::log::storage::{Storage, read_full_at};

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
    pub(crate) remove: Vec<String>,
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

pub(crate) fn after(it: &Arc<SealedSegment>) -> (u64, u64) {
    (it.end_position(), it.last_sequence().saturating_add(1))
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
        .map_err(|error| damaged(in_one_line(&error)))?;
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

pub(super) fn verify(segment: &SealedSegment) -> Result<(), OpenError> {
    let verified = segment.inner().verify(&mut Buffer::default());
    verified.map_err(|error| OpenError::Damaged {
        file: layout::sealed_path(segment.segment()),
        what: in_one_line(&error),
    })
}
