//! The file system as a [`Storage`].
//!
//! It adds nothing to what the system calls promise and hides nothing that they say: a sync is an
//! `fdatasync` or `fsync` of that file, a directory sync is an `fsync` of that directory, errors
//! come back as they are. Opened to read only, it never changes a byte of the tree, so any number
//! of processes may look at a ledger beside the one that writes it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_os = "linux")]
use rustix::io::{Errno, ReadWriteFlags};

use super::{File, Lock, Storage, check_directory_path, check_path};

/// Why a directory cannot hold a ledger that is to be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Nothing has this name.
    #[error("there is no directory {}", .directory.display())]
    Missing {
        /// What was to be opened.
        directory: PathBuf,
    },
    /// Something else has this name.
    #[error("{} is not a directory", .directory.display())]
    NotADirectory {
        /// What was to be opened.
        directory: PathBuf,
    },
    /// A change was asked of a tree that was opened to read only.
    #[error("{} was opened to read only, so {path} is not changed", .directory.display())]
    ReadOnly {
        /// The tree.
        directory: PathBuf,
        /// What was to be changed.
        path: String,
    },
}

impl DirectoryError {
    fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Missing { .. } => io::ErrorKind::NotFound,
            Self::NotADirectory { .. } => io::ErrorKind::NotADirectory,
            Self::ReadOnly { .. } => io::ErrorKind::ReadOnlyFilesystem,
        }
    }
}

impl From<DirectoryError> for io::Error {
    fn from(error: DirectoryError) -> Self {
        Self::new(error.kind(), error)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

/// A directory of the file system.
#[derive(Debug)]
pub struct FileSystem {
    directory: PathBuf,
    access: Access,
}

impl FileSystem {
    /// A directory that exists, to read and write.
    pub fn open(directory: impl AsRef<Path>) -> io::Result<Self> {
        Self::at(directory.as_ref(), Access::ReadWrite)
    }

    /// A directory that exists, to read only: every call that would change it is refused.
    pub fn open_read_only(directory: impl AsRef<Path>) -> io::Result<Self> {
        Self::at(directory.as_ref(), Access::ReadOnly)
    }

    /// A directory to read and write, made, and its name made durable, where it does not exist yet.
    pub fn create(directory: impl AsRef<Path>) -> io::Result<Self> {
        let directory = directory.as_ref();
        let mut missing = Vec::new();
        for above in directory.ancestors().filter(|it| !it.as_os_str().is_empty()) {
            match fs::metadata(above) {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(above),
                Err(error) => return Err(error),
            }
        }
        for below in missing.into_iter().rev() {
            match fs::create_dir(below) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let parent = below.parent().filter(|it| !it.as_os_str().is_empty());
            fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
        }
        Self::open(directory)
    }

    fn at(directory: &Path, access: Access) -> io::Result<Self> {
        // Resolved once, so that a later change of the working directory changes nothing.
        let absolute = fs::canonicalize(directory).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                DirectoryError::Missing { directory: directory.to_owned() }.into()
            } else {
                error
            }
        })?;
        if fs::metadata(&absolute)?.is_dir() {
            Ok(Self { directory: absolute, access })
        } else {
            Err(DirectoryError::NotADirectory { directory: directory.to_owned() }.into())
        }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn to_read(&self, path: &str) -> io::Result<PathBuf> {
        check_path(path)?;
        Ok(self.directory.join(path))
    }

    fn to_change(&self, path: &str) -> io::Result<PathBuf> {
        self.refuse_if_read_only(path)?;
        self.to_read(path)
    }

    fn refuse_if_read_only(&self, path: &str) -> io::Result<()> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(DirectoryError::ReadOnly {
                directory: self.directory.clone(),
                path: path.to_owned(),
            }
            .into()),
        }
    }

    fn directory_of(&self, path: &str) -> io::Result<PathBuf> {
        check_directory_path(path)?;
        Ok(if path.is_empty() { self.directory.clone() } else { self.directory.join(path) })
    }
}

impl Storage for FileSystem {
    fn open(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = fs::File::open(self.to_read(path)?)?;
        // A directory opens like a file and fails only at the first read.
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(OpenFile::new(file))
    }

    fn open_rw(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let path = self.to_change(path)?;
        Ok(OpenFile::new(fs::File::options().read(true).write(true).open(path)?))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let path = self.to_change(path)?;
        let file = fs::File::options().read(true).write(true).create_new(true).open(path)?;
        Ok(OpenFile::new(file))
    }

    fn create_private(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let path = self.to_change(path)?;
        let mut options = fs::File::options();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(OpenFile::new(options.open(path)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.to_change(from)?, self.to_change(to)?)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.to_change(path)?)
    }

    fn create_dir(&self, path: &str) -> io::Result<()> {
        fs::create_dir_all(self.to_change(path)?)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.directory_of(path)?) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        // A name that is not UTF-8 is not ours; it is shown as well as it can be, never left out.
        let mut names = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.refuse_if_read_only(path)?;
        fs::File::open(self.directory_of(path)?)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let space = rustix::fs::statvfs(&self.directory)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    fn try_lock(&self, path: &str) -> io::Result<Option<Box<dyn Lock>>> {
        let path = self.to_change(path)?;
        // Not truncated before the lock is ours: the holder's number stands in it.
        let mut file =
            fs::File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Some(Box::new(HeldLock { _file: file })))
    }
}

/// The lock goes with the descriptor, however the process ends.
#[derive(Debug)]
struct HeldLock {
    _file: fs::File,
}

impl Lock for HeldLock {}

#[derive(Debug)]
struct OpenFile {
    file: fs::File,
    /// Whether the system has said that it cannot begin a write early.
    #[cfg(target_os = "linux")]
    begins_late: AtomicBool,
}

impl OpenFile {
    fn new(file: fs::File) -> Arc<Self> {
        Arc::new(Self {
            file,
            #[cfg(target_os = "linux")]
            begins_late: AtomicBool::new(false),
        })
    }
}

/// Linux from 6.14 on: the pages are handed to the disk as soon as they are written. Those that
/// were in memory before stay there.
#[cfg(target_os = "linux")]
const RWF_DONTCACHE: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x80);

impl File for OpenFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    #[cfg(target_os = "linux")]
    fn begin_write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if self.begins_late.load(Ordering::Relaxed) {
            return self.write_at(bytes, offset);
        }
        let slices = [io::IoSlice::new(bytes)];
        match rustix::io::pwritev2(&self.file, &slices, offset, RWF_DONTCACHE) {
            // Not known here, and so nothing was written.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                self.begins_late.store(true, Ordering::Relaxed);
                self.write_at(bytes, offset)
            }
            other => Ok(other?),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }
}

#[cfg(test)]
mod tests;
