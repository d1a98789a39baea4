//! Everything the embedded log asks of a disk, in one small trait.
//!
//! Two implementations: the file system, and the simulated disk of the tests, which reorders,
//! tears, drops, rots and lies. Paths are relative to the ledger directory, with `/` between parts.
//! No call retries; what an error means is the caller's business.

use std::io;
use std::sync::Arc;

/// A directory tree that holds one ledger.
pub trait Storage: Send + Sync + 'static {
    /// Opens an existing file to read.
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// Opens an existing file to read and write.
    fn open_rw(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// Creates a file that does not exist yet, to read and write.
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>>;
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
pub trait File: Send + Sync {
    /// Reads what is there, possibly less than asked; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes, possibly less than asked.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes the bytes durable (fdatasync).
    fn sync_data(&self) -> io::Result<()>;
    /// Makes the bytes and the length durable (fsync).
    fn sync_all(&self) -> io::Result<()>;
    /// How long the file is.
    fn len(&self) -> io::Result<u64>;
}
