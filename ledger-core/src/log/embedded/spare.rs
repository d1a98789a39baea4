//! The next segment, zeroed ahead.
//!
//! Zeros written in advance halve the time of a sync and take its tail away, because no block has
//! to be allocated then. Running out of space here is no failure: nothing of an append has been
//! written yet, so it is refused, and the next one finds out whether there is space again.

use std::io;

use crate::log::storage::{File, PACE_BYTES, Storage, write_all_at};

use super::engine::Failure;
use super::layout::{SEGMENTS_DIR, SPARE_FILE, SPARE_TEMPORARY, raw_path};
use super::shared::Shared;

/// Fewer free segments than this and appends are refused.
const FREE_SEGMENTS_MIN: u64 = 2;

/// Why there is no next segment.
#[derive(Debug)]
pub(crate) enum SpareError {
    /// Not enough space, now.
    Full { free_bytes: u64, needed_bytes: u64 },
    /// The disk failed.
    Failed(Failure),
}

/// Makes the spare when there is none.
pub(crate) fn prepare(shared: &Shared) -> Result<bool, SpareError> {
    let mut is_ready = shared.lock_spare();
    if *is_ready {
        return Ok(false);
    }
    check_space(shared)?;
    make(shared)?;
    *is_ready = true;
    Ok(true)
}

/// Turns the spare into a segment, making it first when there is none.
pub(crate) fn take(shared: &Shared, segment: u32) -> Result<(), SpareError> {
    let mut is_ready = shared.lock_spare();
    check_space(shared)?;
    if !*is_ready {
        make(shared)?;
    }
    *is_ready = false;
    let path = raw_path(segment);
    let renamed = shared.storage.rename(SPARE_FILE, &path);
    renamed.map_err(Failure::new("rename the spare to", &path)).map_err(SpareError::Failed)?;
    if is_planted!(NoDirectorySync) {
        return Ok(());
    }
    shared
        .storage
        .sync_dir(SEGMENTS_DIR)
        .map_err(Failure::new("sync the directory", SEGMENTS_DIR))
        .map_err(SpareError::Failed)
}

fn check_space(shared: &Shared) -> Result<(), SpareError> {
    let free_bytes = shared
        .storage
        .free_bytes()
        .map_err(Failure::new("ask for the free space of", SEGMENTS_DIR))
        .map_err(SpareError::Failed)?;
    let needed_bytes = shared.identity.segment_bytes.saturating_mul(FREE_SEGMENTS_MIN);
    if free_bytes < needed_bytes {
        return Err(SpareError::Full { free_bytes, needed_bytes });
    }
    Ok(())
}

fn make(shared: &Shared) -> Result<(), SpareError> {
    let segment_bytes = shared.identity.segment_bytes;
    write_spare(&*shared.storage, segment_bytes).map_err(|error| {
        if !is_full(&error) {
            return SpareError::Failed(Failure::new("make", SPARE_FILE)(error));
        }
        match shared.storage.remove(SPARE_TEMPORARY) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                SpareError::Failed(Failure::new("remove", SPARE_TEMPORARY)(error))
            }
            Ok(()) | Err(_) => SpareError::Full { free_bytes: 0, needed_bytes: segment_bytes },
        }
    })
}

/// Whether an error says that there is no space.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

fn write_spare(storage: &dyn Storage, segment_bytes: u64) -> io::Result<()> {
    match storage.remove(SPARE_TEMPORARY) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => (),
    }
    let file = storage.create(SPARE_TEMPORARY)?;
    write_zeros(&*file, 0, segment_bytes)?;
    file.sync_all()?;
    storage.rename(SPARE_TEMPORARY, SPARE_FILE)
}

/// Fills a part of a file with zeros. The last part is the caller's to sync.
pub(crate) fn write_zeros(file: &dyn File, from: u64, to: u64) -> io::Result<()> {
    let wanted = usize::try_from(to.saturating_sub(from)).unwrap_or(PACE_BYTES);
    let zeros = vec![0_u8; wanted.min(PACE_BYTES)];
    let mut at = from;
    while at < to {
        if at > from {
            file.sync_data()?;
        }
        let left = usize::try_from(to.saturating_sub(at)).unwrap_or(usize::MAX);
        let chunk = zeros.get(..left.min(zeros.len())).unwrap_or(&zeros);
        write_all_at(file, chunk, at)?;
        at = at.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
    }
    Ok(())
}
