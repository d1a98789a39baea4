//! Makes a ledger of an empty directory.
//!
//! The identity comes last: a directory without it is no ledger, and a creation that was cut is
//! begun anew. A directory that could be a ledger without its identity is never written to.

use crate::id::LedgerId;
use crate::log::embedded::frame::SEGMENT_HEADER_BYTES;
use crate::log::embedded::layout::{
    self, IDENTITY_FILE, INDEX_DIR, Identity, LOCK_FILE, QUARANTINE_DIR, SEGMENTS_DIR, SegmentFile,
};
use crate::log::embedded::mark::{HighWater, MARK_BYTES, MARK_FILE, Mark};
use crate::log::embedded::open_error::OpenError;
use crate::log::embedded::spare::write_zeros;
use crate::log::storage::{Storage, read_full_at, write_all_at};

use super::files::{replace_file, sync_dir};

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

/// A new ledger's identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Creation {
    pub(crate) ledger: LedgerId,
    pub(crate) hash_key: [u8; 16],
    pub(crate) segment_bytes: u64,
}

/// A directory without identity may be made a ledger when it holds nothing that could be one.
pub(super) fn check_may_create(storage: &dyn Storage, may_create: bool) -> Result<(), OpenError> {
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
pub(super) fn create(storage: &dyn Storage, creation: Creation) -> Result<(), OpenError> {
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
