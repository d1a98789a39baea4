//! How the keeper's files come to be and are read.
//!
//! A small file is replaced whole: written beside, synced, renamed, its directory synced. So its
//! name never stands for half of it. Nothing is tried twice.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::KeeperError;
use crate::log::storage::{File, Storage, read_full_at, write_all_at};

/// What an unfinished replacement is called beside the file it is for.
const UNFINISHED: &str = ".tmp";

/// Says which file could not be read or written.
pub(super) trait During<T> {
    fn during(self, path: &str) -> Result<T, KeeperError>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, path: &str) -> Result<T, KeeperError> {
        self.map_err(|source| KeeperError::Io { path: path.to_owned(), source })
    }
}

/// Who may read a file, as far as the system keeps such things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    Anybody,
    OwnerOnly,
}

/// All bytes of a file that is not larger than `bytes_max`, or `None` when there is no such file.
pub(super) fn read(
    storage: &dyn Storage,
    path: &str,
    bytes_max: usize,
) -> io::Result<Option<Vec<u8>>> {
    let file = match storage.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    if length > bytes_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; length];
    let read = read_full_at(file.as_ref(), &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Some(bytes))
}

/// Puts a file in its place, whole and durable, whatever was there before.
pub(super) fn replace(
    storage: &dyn Storage,
    path: &str,
    bytes: &[u8],
    readers: Readers,
) -> io::Result<()> {
    let beside = format!("{path}{UNFINISHED}");
    // A crash may have left one; a file that only its owner reads must be made anew to be one.
    match storage.remove(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let file = match readers {
        Readers::Anybody => storage.create(&beside),
        Readers::OwnerOnly => storage.create_private(&beside),
    }?;
    write_all_at(file.as_ref(), bytes, 0)?;
    file.sync_all()?;
    storage.rename(&beside, path)?;
    storage.sync_dir(directory_of(path))
}

/// Makes a directory and all above it, durably.
pub(super) fn make_directory(storage: &dyn Storage, path: &str) -> io::Result<()> {
    storage.create_dir(path)?;
    let mut below = path;
    while !below.is_empty() {
        below = directory_of(below);
        storage.sync_dir(below)?;
    }
    Ok(())
}

pub(super) fn directory_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Files that were written and not yet synced, and the directories that hold new names.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    files: BTreeSet<String>,
    directories: BTreeSet<String>,
}

impl Unsynced {
    /// How many files wait.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Writes into a file, made where there is none, and remembers to sync it.
    pub(super) fn write(
        &mut self,
        storage: &dyn Storage,
        path: &str,
        bytes: &[u8],
        offset: u64,
    ) -> io::Result<()> {
        let file = match storage.open_rw(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(storage, path)?,
            other => other?,
        };
        write_all_at(file.as_ref(), bytes, offset)?;
        self.files.insert(path.to_owned());
        Ok(())
    }

    fn create(&mut self, storage: &dyn Storage, path: &str) -> io::Result<Arc<dyn File>> {
        let mut directory = directory_of(path);
        let file = match storage.create(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                storage.create_dir(directory)?;
                storage.create(path)?
            }
            other => other?,
        };
        // Which of the directories above are new is not known; syncing them all is never wrong.
        while !directory.is_empty() && self.directories.insert(directory.to_owned()) {
            directory = directory_of(directory);
        }
        self.directories.insert(String::new());
        Ok(file)
    }

    /// Makes all of it durable.
    pub(super) fn sync(&mut self, storage: &dyn Storage) -> Result<(), KeeperError> {
        for path in &self.files {
            storage.open_rw(path).and_then(|file| file.sync_all()).during(path)?;
        }
        for directory in &self.directories {
            storage.sync_dir(directory).during(directory)?;
        }
        *self = Self::default();
        Ok(())
    }
}
