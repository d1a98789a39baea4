//! Files that are replaced whole or copied aside. A file has its new content under its own name
//! only once that content is durable; the name itself is, once its directory was synced.

use std::io;

use sha2::{Digest, Sha256};

use crate::log::embedded::layout::QUARANTINE_DIR;
use crate::log::embedded::open_error::OpenError;
use crate::log::storage::{File, Storage, read_exact_at, write_all_at};

/// Writes a file under a temporary name, syncs it and renames it into place.
pub(super) fn replace_file(
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

pub(super) fn remove_if_there(storage: &dyn Storage, path: &str) -> Result<(), OpenError> {
    match storage.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(OpenError::Io { what: "remove", path: path.to_owned(), source: error })
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn sync_dir(storage: &dyn Storage, path: &str) -> Result<(), OpenError> {
    storage.sync_dir(path).map_err(OpenError::io("sync the directory", path))
}

/// Copies bytes aside under a name that is not taken, durably; answers the name.
pub(super) fn quarantine(
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

pub(super) fn copy(from: &dyn File, to: &dyn File, begin: u64, end: u64) -> io::Result<()> {
    for_each_chunk(from, begin, end, |at, chunk| write_all_at(to, chunk, at.saturating_sub(begin)))
}

pub(super) fn digest(from: &dyn File, begin: u64, end: u64) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    for_each_chunk(from, begin, end, |_, chunk| {
        hash.update(chunk);
        Ok(())
    })?;
    Ok(hash.finalize().into())
}

pub(super) fn for_each_chunk(
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
