//! Opens a ledger directory to read.

use std::path::Path;
use std::sync::Arc;

use ledger_core::log::embedded::LogReader;
use ledger_core::log::storage::{FileSystem, Storage};

use crate::verdict::Failure;

/// The directory's storage, read-only.
pub(crate) fn storage(dir: &Path) -> Result<Arc<dyn Storage>, Failure> {
    match FileSystem::open_read_only(dir) {
        Ok(storage) => Ok(Arc::new(storage)),
        Err(source) => Err(Failure::Directory { path: dir.to_owned(), source }),
    }
}

/// A reader of everything acknowledged.
pub(crate) fn reader(dir: &Path, storage: &Arc<dyn Storage>) -> Result<LogReader, Failure> {
    LogReader::open(Arc::clone(storage))
        .map_err(|source| Failure::Open { path: dir.to_owned(), source })
}
