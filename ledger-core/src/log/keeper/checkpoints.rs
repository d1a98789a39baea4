//! Signed checkpoints as files: the last one, and each one under its size.
//!
//! The one under its size is written first: once a signature may have been seen, it is never
//! forgotten. So the last checkpoint is the largest of all, wherever it stands, and a `checkpoint`
//! that was put back from an old copy does not make the keeper sign a fork.

use std::io;
use std::sync::Arc;

use super::KeeperError;
use super::files::{During as _, Readers, make_directory, read, replace};
use super::tiles::StoredTiles;
use crate::log::storage::Storage;
use crate::proof::{Checkpoint, ProofFile, SigningKey, TileReader, VerifierKey, inclusion_proof};

const LAST: &str = "checkpoint";
const ALL: &str = "checkpoints";
const BYTES_MAX: usize = 256 * 1024;

/// A checkpoint and the bytes it was signed as.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) checkpoint: Checkpoint,
    bytes: Vec<u8>,
}

/// The sizes of all checkpoints that are kept, ascending.
pub fn checkpoint_sizes(storage: &Arc<dyn Storage>) -> Result<Vec<u64>, KeeperError> {
    sizes(storage.as_ref())
}

/// A checkpoint as it was signed: the last one, or that of some size. Believed by nobody yet.
pub fn checkpoint_bytes(
    storage: &Arc<dyn Storage>,
    size: Option<u64>,
) -> Result<Option<Vec<u8>>, KeeperError> {
    let path = size.map_or(LAST.to_owned(), path_of);
    read(storage.as_ref(), &path, BYTES_MAX).during(&path)
}

/// The proof that a leaf is under the last checkpoint, checked before it is given out.
pub fn prove(
    storage: &Arc<dyn Storage>,
    key: &VerifierKey,
    index: u64,
    extra: Option<Vec<u8>>,
) -> Result<ProofFile, KeeperError> {
    let signed = open(storage.as_ref(), LAST, key)?;
    let signed = signed.ok_or(KeeperError::NotCovered { index, size: 0 })?;
    let head = signed.checkpoint.head;
    if index >= head.size {
        return Err(KeeperError::NotCovered { index, size: head.size });
    }
    let mut reader = TileReader::open(StoredTiles::new(Arc::clone(storage)), head)?;
    let hashes = inclusion_proof(&mut reader, index, head.size).map_err(KeeperError::Tiles)?;
    let checkpoint = String::from_utf8(signed.bytes).expect("a note that was read is UTF-8");
    Ok(ProofFile { extra, index, hashes, checkpoint })
}

/// Whether anything was ever signed.
pub(super) fn any(storage: &dyn Storage) -> Result<bool, KeeperError> {
    Ok(!sizes(storage)?.is_empty() || read(storage, LAST, BYTES_MAX).during(LAST)?.is_some())
}

/// The last checkpoint, wherever it stands; afterwards it stands in both places.
pub(super) fn latest(
    storage: &dyn Storage,
    key: &VerifierKey,
) -> Result<Option<Signed>, KeeperError> {
    let last = open(storage, LAST, key)?;
    let largest = match sizes(storage)?.pop() {
        None => None,
        Some(size) => open_of_size(storage, size, key)?,
    };
    let size = |it: &Signed| it.checkpoint.head.size;
    match (last, largest) {
        (Some(last), Some(largest)) if size(&last) == size(&largest) => {
            if last.checkpoint.head != largest.checkpoint.head {
                return Err(KeeperError::Contradiction { size: size(&last) });
            }
            Ok(Some(last))
        }
        (Some(last), largest) if largest.as_ref().is_none_or(|it| size(it) < size(&last)) => {
            keep(storage, &last)?;
            Ok(Some(last))
        }
        (_, Some(largest)) => {
            replace(storage, LAST, &largest.bytes, Readers::Anybody).during(LAST)?;
            Ok(Some(largest))
        }
        (last, None) => Ok(last),
    }
}

/// Signs a checkpoint and keeps it, unless somebody signed since the one before.
pub(super) fn sign(
    storage: &dyn Storage,
    key: &SigningKey,
    checkpoint: Checkpoint,
    before: Option<&Signed>,
) -> Result<Signed, KeeperError> {
    let found = read(storage, LAST, BYTES_MAX).during(LAST)?;
    if found.as_deref() != before.map(|before| before.bytes.as_slice()) {
        return Err(KeeperError::ChangedElsewhere);
    }
    let note = checkpoint.sign(key);
    let note = note.map_err(|source| KeeperError::Checkpoint { path: LAST.to_owned(), source })?;
    let signed = Signed { checkpoint, bytes: note.to_string().into_bytes() };
    keep(storage, &signed)?;
    replace(storage, LAST, &signed.bytes, Readers::Anybody).during(LAST)?;
    Ok(signed)
}

/// Removes kept checkpoints, never the last.
pub(super) fn thin(
    storage: &dyn Storage,
    last: Option<u64>,
    mut is_kept: impl FnMut(u64) -> bool,
) -> Result<(), KeeperError> {
    let mut removed = false;
    for size in sizes(storage)? {
        if Some(size) != last && !is_kept(size) {
            let path = path_of(size);
            storage.remove(&path).during(&path)?;
            removed = true;
        }
    }
    if removed { storage.sync_dir(ALL).during(ALL) } else { Ok(()) }
}

fn keep(storage: &dyn Storage, signed: &Signed) -> Result<(), KeeperError> {
    let path = path_of(signed.checkpoint.head.size);
    let again = || replace(storage, &path, &signed.bytes, Readers::Anybody);
    match again() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_directory(storage, ALL).during(ALL)?;
            again().during(&path)
        }
        done => done.during(&path),
    }
}

fn open_of_size(
    storage: &dyn Storage,
    size: u64,
    key: &VerifierKey,
) -> Result<Option<Signed>, KeeperError> {
    let path = path_of(size);
    let signed = open(storage, &path, key)?;
    match signed.as_ref().map(|it| it.checkpoint.head.size) {
        Some(found) if found != size => Err(KeeperError::Misnamed { path, size: found }),
        Some(_) | None => Ok(signed),
    }
}

fn open(
    storage: &dyn Storage,
    path: &str,
    key: &VerifierKey,
) -> Result<Option<Signed>, KeeperError> {
    let Some(bytes) = read(storage, path, BYTES_MAX).during(path)? else { return Ok(None) };
    let checkpoint = Checkpoint::open(&bytes, key, key.name().as_str())
        .map_err(|source| KeeperError::Checkpoint { path: path.to_owned(), source })?;
    Ok(Some(Signed { checkpoint, bytes }))
}

/// Names that are no size are not ours to judge: an unfinished replacement is one.
fn sizes(storage: &dyn Storage) -> Result<Vec<u64>, KeeperError> {
    let names = storage.list(ALL).during(ALL)?;
    let size = |name: &String| name.parse().ok().filter(|size: &u64| size.to_string() == *name);
    let mut sizes: Vec<u64> = names.iter().filter_map(size).collect();
    sizes.sort_unstable();
    Ok(sizes)
}

fn path_of(size: u64) -> String {
    format!("{ALL}/{size}")
}
