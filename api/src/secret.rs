//! Secrets in files that only their owner reads.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("cannot read or write {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} can be read by others: run chmod 600 on it")]
    Open { path: PathBuf },
    #[error("cannot draw random bytes")]
    Random(#[source] getrandom::Error),
}

/// The bytes of a secret file, or of a new one of so many random bytes.
pub(crate) fn read_or_make(path: &Path, bytes: usize) -> Result<Vec<u8>, SecretError> {
    match read(path) {
        Err(SecretError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let mut secret = vec![0; bytes];
            getrandom::fill(&mut secret).map_err(SecretError::Random)?;
            write(path, &secret)?;
            Ok(secret)
        }
        other => other,
    }
}

/// The bytes of a secret file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, SecretError> {
    let failed = |source| SecretError::Io { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(SecretError::Open { path: path.to_owned() });
    }
    fs::read(path).map_err(failed)
}

/// Writes a file only its owner reads, in place of one that was there.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), SecretError> {
    let failed = |source| SecretError::Io { path: path.to_owned(), source };
    let temporary = path.with_extension("tmp");
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)
}
