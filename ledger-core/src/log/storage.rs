//! Everything the embedded log asks of a disk, in one small trait.
//!
//! Two implementations: the file system, and the simulated disk of the tests, which reorders,
//! tears, drops, rots and lies. Paths are relative to the ledger directory, with `/` between parts.
//! No call retries; what an error means is the caller's business.

use std::io;
use std::sync::Arc;

mod fs;

pub use fs::{DirectoryError, FileSystem};

/// A directory tree that holds one ledger.
pub trait Storage: Send + Sync + 'static {
    /// Opens an existing file to read.
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// Opens an existing file to read and write.
    fn open_rw(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// Creates a file that does not exist yet, to read and write.
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// As `create`, for a secret: where the system knows owners, nobody else may read it.
    fn create_private(&self, path: &str) -> io::Result<Arc<dyn File>> {
        self.create(path)
    }
    /// Renames within the tree, replacing the target. Durable after `sync_dir` of its directory.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file. Durable after `sync_dir` of its directory.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Creates a directory and what is missing above it.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// The names in a directory, sorted; empty when there is no such directory.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Makes the names in a directory durable. `""` is the ledger directory itself.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// Bytes that can still be written.
    fn free_bytes(&self) -> io::Result<u64>;
    /// Takes the writer's lock for as long as the value lives; `None` when another holds it.
    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>>;
}

/// Held by the one writer of a directory; dropping it releases it.
pub trait Lock: Send + Sync {}

/// An open file. Reads and writes name their place; there is no cursor.
#[expect(clippy::len_without_is_empty, reason = "the length comes from the system and can fail")]
pub trait File: Send + Sync {
    /// Reads what is there, possibly less than asked; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes, possibly less than asked.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// As `write_at`, and where the system can, the disk begins with it at once instead of at the
    /// next sync: what is done in between takes no time of its own. It makes nothing durable.
    fn begin_write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.write_at(bytes, offset)
    }
    /// Makes the bytes durable (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
    /// Makes the bytes and the length durable (fsync).
    fn sync_all(&self) -> io::Result<()>;
    /// How long the file is.
    fn len(&self) -> io::Result<u64>;
}

/// Writes all of it, going on after short and interrupted writes. Any other error ends it: what the
/// file holds then is unknown, and trying again is never right.
pub fn write_all_at(file: &dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
    write_all(bytes, offset, |rest, place| file.write_at(rest, place))
}

/// As [`write_all_at`], and lets the disk begin with it.
pub(crate) fn begin_write_all_at(file: &dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
    write_all(bytes, offset, |rest, place| file.begin_write_at(rest, place))
}

fn write_all(
    bytes: &[u8],
    offset: u64,
    write: impl Fn(&[u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut rest = bytes;
    let mut place = offset;
    while !rest.is_empty() {
        match write(rest, place) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                rest = rest.get(written..).ok_or(io::ErrorKind::InvalidData)?;
                place = advance(place, written)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Fills the buffer, going on after short and interrupted reads. A file that ends before the buffer
/// is full is `UnexpectedEof`.
pub fn read_exact_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let wanted = buffer.len();
    if read_full_at(file, buffer, offset)? == wanted {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// What is written behind the writer is synced so many bytes at a time: a disk that is handed a
/// whole segment at once lets the next append wait for all of it. With a mebibyte one in a hundred
/// waited 4 ms, with a quarter of it about 2.
pub(crate) const PACE_BYTES: usize = 256 * 1024;

/// Writes everything without piling up what is not synced. The last part is the caller's to sync.
pub(crate) fn write_paced(file: &dyn File, bytes: &[u8]) -> io::Result<()> {
    let mut offset = 0;
    for chunk in bytes.chunks(PACE_BYTES) {
        if offset > 0 {
            file.sync_data()?;
        }
        write_all_at(file, chunk, offset)?;
        offset = advance(offset, chunk.len())?;
    }
    Ok(())
}

/// Reads until the buffer is full or the file ends, going on after short and interrupted reads.
/// Answers how much was read.
pub fn read_full_at(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    let mut place = offset;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], place) {
            Ok(0) => break,
            Ok(read) => {
                filled += read;
                place = advance(place, read)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn advance(place: u64, by: usize) -> io::Result<u64> {
    u64::try_from(by)
        .ok()
        .and_then(|by| place.checked_add(by))
        .ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}

/// Why a path is not one of a storage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path:?} is not a path within a ledger directory: {why}")]
pub struct PathError {
    /// The path refused.
    pub path: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Refuses every path that could lead out of the tree. Each implementation asks this first.
pub(crate) fn check_path(path: &str) -> io::Result<()> {
    let why = if path.is_empty() {
        "it is empty"
    } else if path.starts_with('/') {
        "it is absolute"
    } else if path.contains(['\0', '\\']) {
        "it holds a character that no name holds"
    } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        "each part is a name"
    } else {
        return Ok(());
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, PathError { path: path.to_owned(), why }))
}

/// As [`check_path`], where `""` means the ledger directory itself.
pub(crate) fn check_directory_path(path: &str) -> io::Result<()> {
    if path.is_empty() { Ok(()) } else { check_path(path) }
}

#[cfg(test)]
mod tests;
