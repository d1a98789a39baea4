//! Rows and checkpoint of one view in sled, in one batch.
//!
//! sled is fast enough and nothing more: its flush does not sync, damage makes it panic or, rarely,
//! answer wrongly. That is safe here and only here, because the log can make every row again. So a
//! store is opened on a thread of its own under `catch_unwind`, behind a marker that says it was
//! being opened; every row carries a checksum and the position it was folded to, and the tree a
//! digest of all rows that is committed with them. Whatever does not hold, the directory is moved
//! aside and the view is built anew. It never names a domain type.

use std::fs;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use ledger_core::id::LedgerId;
use ledger_core::log::Position;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// The key of the checkpoint. No row begins with NUL: keys are made of parts that hold none.
const CHECKPOINT_KEY: &[u8] = b"\0checkpoint";
/// Memory sled may use for pages of one view; its default is a gigabyte.
const CACHE_BYTES: u64 = 2 * 1024 * 1024;

/// Why a store cannot be used. The remedy is always to build it anew.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system would not.
    #[error("cannot use {path}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// sled would not.
    #[error("the store failed")]
    Sled(#[from] sled::Error),
    /// sled panicked, as it does on damage.
    #[error("the store panicked while {doing}")]
    Panicked {
        /// What was being done.
        doing: &'static str,
    },
    /// A row or the checkpoint is not what was written.
    #[error("{what} is damaged")]
    Damaged {
        /// Which.
        what: &'static str,
    },
    /// A row does not encode.
    #[error("a row does not encode")]
    Encode(#[source] postcard::Error),
}

/// How far a view is, and what all its rows come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last event folded.
    pub position: Position,
    /// The sum of the digests of all rows: adding and removing a row commutes.
    digest: [u64; 4],
    rows: u64,
}

impl Checkpoint {
    const EMPTY: Self = Self { position: Position::ORIGIN, digest: [0; 4], rows: 0 };

    fn encode(&self, ledger: LedgerId) -> Vec<u8> {
        let mut bytes = ledger.as_bytes().to_vec();
        bytes.extend_from_slice(&self.position.get().to_le_bytes());
        bytes.extend_from_slice(&self.rows.to_le_bytes());
        self.digest.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        sealed(CHECKPOINT_KEY, bytes)
    }

    fn decode(bytes: &[u8], ledger: LedgerId) -> Option<Self> {
        let bytes = unsealed(CHECKPOINT_KEY, bytes)?;
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        if id != ledger.as_bytes() {
            return None;
        }
        let (words, rest) = rest.as_chunks::<8>();
        let words: [u64; 6] =
            words.iter().map(|it| u64::from_le_bytes(*it)).collect::<Vec<_>>().try_into().ok()?;
        let [position, rows, digest @ ..] = words;
        rest.is_empty().then_some(Self { position: Position::new(position), digest, rows })
    }

    fn add(&mut self, key: &[u8], value: &[u8]) {
        let added = digest_of(key, value);
        for (word, more) in self.digest.iter_mut().zip(added) {
            *word = word.wrapping_add(more);
        }
        self.rows = self.rows.wrapping_add(1);
    }

    fn remove(&mut self, key: &[u8], value: &[u8]) {
        let removed = digest_of(key, value);
        for (word, less) in self.digest.iter_mut().zip(removed) {
            *word = word.wrapping_sub(less);
        }
        self.rows = self.rows.wrapping_sub(1);
    }
}

fn digest_of(key: &[u8], value: &[u8]) -> [u64; 4] {
    let mut hash = Sha256::new();
    hash.update(u64::try_from(key.len()).unwrap_or(u64::MAX).to_le_bytes());
    hash.update(key);
    hash.update(value);
    let digest: [u8; 32] = hash.finalize().into();
    let (words, _) = digest.as_chunks::<8>();
    let mut out = [0; 4];
    for (to, from) in out.iter_mut().zip(words) {
        *to = u64::from_le_bytes(*from);
    }
    out
}

/// Puts a checksum over key and value behind a value.
fn sealed(key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let [first, ..] = digest_of(key, &value);
    value.extend_from_slice(&first.to_le_bytes());
    value
}

/// The value, if its checksum holds.
fn unsealed<'a>(key: &[u8], bytes: &'a [u8]) -> Option<&'a [u8]> {
    let (value, sum) = bytes.split_last_chunk::<8>()?;
    let [first, ..] = digest_of(key, value);
    (first.to_le_bytes() == *sum).then_some(value)
}

/// One view on disk.
#[derive(Debug)]
pub struct Store {
    db: sled::Db,
    path: PathBuf,
    ledger: LedgerId,
    checkpoint: Checkpoint,
}

/// How a view was found.
#[derive(Debug)]
pub struct Opened {
    /// The store, perhaps empty.
    pub store: Store,
    /// Why it was built anew, if it was.
    pub rebuilt_because: Option<StoreError>,
}

impl Store {
    /// Opens a view's directory; what cannot be trusted is moved aside and built anew. `head` is
    /// that of the log: a view that is ahead of it is of another life.
    pub fn open(
        dir: &Path,
        name: &str,
        ledger: LedgerId,
        head: Position,
    ) -> Result<Opened, StoreError> {
        fs::create_dir_all(dir)
            .map_err(|source| StoreError::Io { path: dir.to_owned(), source })?;
        let path = dir.join(name);
        match try_open(&path, ledger, head) {
            Ok(store) => Ok(Opened { store, rebuilt_because: None }),
            Err(why) => {
                move_aside(&path)?;
                let store = try_open(&path, ledger, head)?;
                Ok(Opened { store, rebuilt_because: Some(why) })
            }
        }
    }

    /// How far it is.
    pub fn position(&self) -> Position {
        self.checkpoint.position
    }

    /// The row under a key.
    pub fn get<R: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        let read = guarded("reading a row", || self.db.get(key))??;
        read.map(|bytes| decode_row(key, &bytes)).transpose()
    }

    /// All rows whose key begins so, in order of keys.
    pub fn scan<R: DeserializeOwned>(
        &self,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, R)>, StoreError> {
        let read = guarded("listing rows", || {
            self.db.scan_prefix(prefix).collect::<Result<Vec<_>, sled::Error>>()
        })??;
        read.into_iter()
            .filter(|(key, _)| key.as_ref() != CHECKPOINT_KEY)
            .map(|(key, bytes)| Ok((key.to_vec(), decode_row(&key, &bytes)?)))
            .collect()
    }

    /// Commits rows and checkpoint together.
    pub fn commit<R: Serialize>(
        &mut self,
        rows: &[(Vec<u8>, &R)],
        position: Position,
    ) -> Result<(), StoreError> {
        let mut next = Checkpoint { position, ..self.checkpoint };
        let mut batch = sled::Batch::default();
        for (key, row) in rows {
            let mut value = position.get().to_le_bytes().to_vec();
            value = postcard::to_extend(row, value).map_err(StoreError::Encode)?;
            let value = sealed(key, value);
            if let Some(before) = guarded("reading a row", || self.db.get(key))?? {
                next.remove(key, &before);
            }
            next.add(key, &value);
            batch.insert(key.as_slice(), value);
        }
        batch.insert(CHECKPOINT_KEY, next.encode(self.ledger));
        guarded("committing", || self.db.apply_batch(batch))??;
        self.checkpoint = next;
        Ok(())
    }

    /// Hands what was committed to the system. Losing it would cost time, never truth.
    pub fn flush(&self) -> Result<(), StoreError> {
        guarded("flushing", || self.db.flush())??;
        Ok(())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn decode_row<R: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<R, StoreError> {
    let damaged = StoreError::Damaged { what: "a row" };
    let Some(value) = unsealed(key, bytes) else { return Err(damaged) };
    let Some((_, row)) = value.split_first_chunk::<8>() else { return Err(damaged) };
    match postcard::take_from_bytes(row) {
        Ok((row, [])) => Ok(row),
        Ok(_) | Err(_) => Err(damaged),
    }
}

/// sled panics on damage; a panic is an error like any other here.
fn guarded<T>(doing: &'static str, call: impl FnOnce() -> T) -> Result<T, StoreError> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).map_err(|_| StoreError::Panicked { doing })
}

fn try_open(path: &Path, ledger: LedgerId, head: Position) -> Result<Store, StoreError> {
    let marker = path.with_extension("opening");
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io { path, source }
    };
    if fs::exists(&marker).map_err(io(&marker))? {
        fs::remove_file(&marker).map_err(io(&marker))?;
        if fs::exists(path).map_err(io(path))? {
            // The process died inside sled the last time: it would again.
            return Err(StoreError::Panicked { doing: "being opened, the last time" });
        }
    }
    fs::write(&marker, b"").map_err(io(&marker))?;
    let config = sled::Config::new()
        .path(path)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .mode(sled::Mode::HighThroughput);
    // On its own thread: a panic while sled recovers may leave its threads and locks behind.
    let opened = std::thread::scope(|scope| {
        let thread = scope.spawn(|| guarded("being opened", || config.open()));
        thread.join().unwrap_or(Err(StoreError::Panicked { doing: "being opened" }))
    });
    fs::remove_file(&marker).map_err(io(&marker))?;
    let db = opened??;
    let mut store = Store { db, path: path.to_owned(), ledger, checkpoint: Checkpoint::EMPTY };
    store.check(head)?;
    Ok(store)
}

impl Store {
    /// Holds every row to its checksum and all of them to the checkpoint.
    fn check(&mut self, head: Position) -> Result<(), StoreError> {
        let mut found = Checkpoint::EMPTY;
        let mut said = None;
        let mut rows = self.db.iter();
        while let Some(row) = guarded("being checked", || rows.next())? {
            let (key, value) = row?;
            if key.as_ref() == CHECKPOINT_KEY {
                let checkpoint = Checkpoint::decode(&value, self.ledger);
                said = Some(checkpoint.ok_or(StoreError::Damaged { what: "the checkpoint" })?);
                continue;
            }
            if unsealed(&key, &value).is_none() {
                return Err(StoreError::Damaged { what: "a row" });
            }
            found.add(&key, &value);
        }
        let said = said.unwrap_or(Checkpoint::EMPTY);
        if (said.digest, said.rows) != (found.digest, found.rows) {
            return Err(StoreError::Damaged { what: "the set of rows" });
        }
        if said.position > head {
            return Err(StoreError::Damaged {
                what: "the checkpoint: it is ahead of the log, which",
            });
        }
        self.checkpoint = said;
        Ok(())
    }
}

/// Keeps a directory that is not trusted under another name.
pub(crate) fn move_aside(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Io { path: path.to_owned(), source };
    if !fs::exists(path).map_err(failed)? {
        return Ok(());
    }
    let aside = path.with_extension("distrusted");
    if fs::exists(&aside).map_err(failed)? {
        // One is kept to be looked at; more would fill the disk with copies of what the log has.
        fs::remove_dir_all(&aside).map_err(failed)?;
    }
    fs::rename(path, &aside).map_err(failed)
}
