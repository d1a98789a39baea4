//! The keeper of the proof: tiles, checkpoints, the key and the tenants' secrets of one ledger.
//!
//! It works behind the writer and never in the path of an append. It signs no checkpoint before the
//! events under it are durable, none that does not contain the last one it signed, and none while
//! its files disagree with its memory; after any error it starts again from its files. Tiles can be
//! made again from the log. The key and the secrets cannot, and are never made a second time; nor
//! can the checkpoints, of which one copy of two is enough.
//!
//! # Files
//!
//! - `keys/checkpoint.key`, `keys/checkpoint.vkey`: the halves of the key, one line of text each.
//! - `keys/secrets`: see [`secrets`].
//! - `tiles/tile/<L>/<N>`: the hashes of a tile, as many as there are by now. A tile that is not
//!   full yet is a beginning of what the file will hold, so the narrow tiles of all earlier heads
//!   are beginnings of the same file. Nothing is ever removed or made shorter.
//! - `checkpoint`: the last signed checkpoint. `checkpoints/<size>`: every one, under its size.
//!
//! Who feeds it asks [`Keeper::next_index`] which leaf comes next and may be told an earlier one
//! than before: where tiles are lost, the log is read twice, once to see that it still leads to the
//! signed root, and once to write the tiles. So tiles that tell what was changed are never
//! overwritten by those of a changed log. Should the two readings differ, nothing is signed, and
//! the log is judged again.

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::log::storage::Storage;
use crate::proof::{
    Checkpoint, CheckpointError, CompactRange, KeyError, KeyName, NodeHash, ProofError, SigningKey,
    TILE_WIDTH, Tile, TileError, TileReader, TileWriter, TreeHead, VerifierKey, root_at,
};
#[cfg(feature = "testing")]
use crate::testing::planted::PlantedBug;

mod checkpoints;
mod files;
mod key;
pub mod secrets;
mod tiles;

pub use checkpoints::{checkpoint_bytes, checkpoint_sizes, prove};
use files::Unsynced;
pub use secrets::{OPERATOR, Salting, Secrets};
pub use tiles::StoredTiles;

const KEYS: &str = "keys";
/// How many written tiles wait for a checkpoint before they are synced without one.
const UNSYNCED_MAX: usize = 1024;

/// Where random bytes come from: the system in earnest, a counter in tests.
pub type Entropy = Box<dyn FnMut() -> io::Result<[u8; 32]> + Send>;

/// Why the keeper does not keep. After each of them it begins again from its files.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// The system would not read or write.
    #[error("cannot read or write {path}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The ledger has signed checkpoints or a public key, but the key that signs is gone.
    #[error("{path} is missing, but this ledger has signed with it; put it back from a backup")]
    KeyMissing {
        /// Where it was.
        path: &'static str,
    },
    /// A file that holds one line of text does not.
    #[error("{path} is not one line of text")]
    NotALine {
        /// Which file.
        path: &'static str,
    },
    /// A key file does not hold a key.
    #[error("{path} does not hold a key")]
    Key {
        /// Which file.
        path: &'static str,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// The two key files are not halves of one key.
    #[error("{secret} and {public} are not halves of one key")]
    KeysDiffer {
        /// The secret half.
        secret: &'static str,
        /// The public half.
        public: &'static str,
    },
    /// The key is that of another ledger.
    #[error("the key signs for {found}, not for {expected}")]
    OtherOrigin {
        /// Whose it is.
        found: KeyName,
        /// Whose it should be.
        expected: KeyName,
    },
    /// The secrets are not what was written.
    #[error("{path} is damaged; put it back from a backup")]
    SecretsDamaged {
        /// Which file.
        path: &'static str,
    },
    /// The ledger has a key, but its secrets are gone: no leaf could be made again.
    #[error("{path} is missing, but this ledger has a key; put it back from a backup")]
    SecretsMissing {
        /// Where they were.
        path: &'static str,
    },
    /// Nothing can be named so.
    #[error("a scope of {bytes} bytes is too long for the secrets")]
    ScopeTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A signed checkpoint is not one of this ledger's key.
    #[error("{path} is not a checkpoint that this ledger signed")]
    Checkpoint {
        /// Which file.
        path: String,
        /// What is wrong with it.
        #[source]
        source: CheckpointError,
    },
    /// A checkpoint does not say the size that its name says.
    #[error("{path} is the checkpoint of {size} events")]
    Misnamed {
        /// Which file.
        path: String,
        /// What it says.
        size: u64,
    },
    /// Two signed checkpoints contradict each other.
    #[error("two checkpoints of {size} events have different roots")]
    Contradiction {
        /// The size of both.
        size: u64,
    },
    /// Somebody else changed the checkpoint while this keeper was at work.
    #[error("the checkpoint was changed by somebody else")]
    ChangedElsewhere,
    /// The log does not lead to the root that was signed: one of the two was changed.
    #[error("the log leads to {computed}, but {signed} was signed")]
    OtherHistory {
        /// What the log leads to.
        computed: TreeHead,
        /// What was signed.
        signed: TreeHead,
    },
    /// Fewer events are durable than were signed for: acknowledged ones are lost.
    #[error("{durable} events are durable, but a checkpoint of {signed} was signed")]
    LogTooShort {
        /// How many events are durable.
        durable: u64,
        /// How many were signed for.
        signed: u64,
    },
    /// A checkpoint was asked for before its events are durable.
    #[error("{size} events were absorbed, but only {durable} are durable")]
    NotDurable {
        /// How many were absorbed.
        size: u64,
        /// How many are durable.
        durable: u64,
    },
    /// The leaves fed are not those that come next.
    #[error("leaf {expected} comes next, not leaf {found}")]
    Gap {
        /// What was fed.
        found: u64,
        /// What comes next.
        expected: u64,
    },
    /// A secret can be erased only when the leaves it salted are under a checkpoint: from then on
    /// their hashes are in the tiles only.
    #[error("{size} events were absorbed, but only {signed} are under a checkpoint")]
    Unsigned {
        /// How many were absorbed.
        size: u64,
        /// How many are under a checkpoint.
        signed: u64,
    },
    /// No checkpoint covers the leaf yet.
    #[error("leaf {index} is not under a checkpoint yet; the last one covers {size} events")]
    NotCovered {
        /// The leaf.
        index: u64,
        /// How many events the last checkpoint covers.
        size: u64,
    },
    /// The tiles do not lead to the root.
    #[error("the tiles do not hold the tree")]
    Tiles(#[source] ProofError<TileError<io::Error>>),
}

impl KeeperError {
    /// Whether it was refused before anything was done, so that memory and files still agree.
    fn is_refusal(&self) -> bool {
        match self {
            Self::ScopeTooLong { .. }
            | Self::LogTooShort { .. }
            | Self::NotDurable { .. }
            | Self::Gap { .. }
            | Self::Unsigned { .. }
            | Self::NotCovered { .. } => true,
            Self::Io { .. }
            | Self::KeyMissing { .. }
            | Self::NotALine { .. }
            | Self::Key { .. }
            | Self::KeysDiffer { .. }
            | Self::OtherOrigin { .. }
            | Self::SecretsDamaged { .. }
            | Self::SecretsMissing { .. }
            | Self::Checkpoint { .. }
            | Self::Misnamed { .. }
            | Self::Contradiction { .. }
            | Self::ChangedElsewhere
            | Self::OtherHistory { .. }
            | Self::Tiles(_) => false,
        }
    }
}

impl From<TileError<io::Error>> for KeeperError {
    fn from(error: TileError<io::Error>) -> Self {
        Self::Tiles(ProofError::Source(error))
    }
}

/// What the keeper is doing with the leaves it is fed.
#[derive(Debug)]
enum Work {
    /// Reading the log once more: do its first leaves still lead to the signed root?
    Checking(CompactRange, TreeHead),
    /// Writing tiles.
    Growing {
        writer: TileWriter,
        /// How many hashes of each level's unfinished tile are in its file.
        written: [usize; 8],
    },
}

/// What was read from the files, and what was done since.
#[derive(Debug)]
struct State {
    key: SigningKey,
    secrets: Secrets,
    signed: Option<checkpoints::Signed>,
    work: Work,
    unsynced: Unsynced,
}

/// The one keeper of a ledger; the writer's lock of the directory is held by whoever makes it.
pub struct Keeper {
    storage: Arc<dyn Storage>,
    origin: KeyName,
    entropy: Entropy,
    /// `None` after an error, until the files were read again.
    state: Option<State>,
    #[cfg(feature = "testing")]
    planted: Option<PlantedBug>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("origin", &self.origin)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Keeper {
    /// Reads what there is, makes the key where there is nothing yet.
    pub fn open(
        storage: Arc<dyn Storage>,
        origin: KeyName,
        entropy: Entropy,
    ) -> Result<Self, KeeperError> {
        let mut keeper = Self {
            storage,
            origin,
            entropy,
            state: None,
            #[cfg(feature = "testing")]
            planted: None,
        };
        keeper.state()?;
        Ok(keeper)
    }

    /// The leaf to be fed next. An earlier one than before where the files had to be read again.
    pub fn next_index(&mut self) -> Result<u64, KeeperError> {
        let (_, state) = self.state()?;
        Ok(state.size())
    }

    /// The public key that checkpoints are verified with.
    pub fn verifier(&mut self) -> Result<VerifierKey, KeeperError> {
        let (_, state) = self.state()?;
        Ok(state.key.verifier().clone())
    }

    /// The last head that was signed.
    pub fn signed(&mut self) -> Result<Option<TreeHead>, KeeperError> {
        let (_, state) = self.state()?;
        Ok(state.signed_head())
    }

    /// The secrets, after making those that are missing of these scopes.
    pub fn secrets<'a>(
        &mut self,
        scopes: impl IntoIterator<Item = &'a str>,
    ) -> Result<&Secrets, KeeperError> {
        self.attempt(|storage, state, entropy| {
            state.secrets.ensure(storage.as_ref(), scopes, entropy)
        })?;
        let (_, state) = self.state()?;
        Ok(&state.secrets)
    }

    /// Takes the hashes of the next leaves, of which `first` is the index of the first.
    pub fn absorb(&mut self, first: u64, leaves: &[NodeHash]) -> Result<(), KeeperError> {
        self.attempt(|storage, state, _| state.absorb(storage.as_ref(), first, leaves))
    }

    /// Signs the tree of what was absorbed, given how many events of the log are durable. `None`
    /// when there is nothing new to sign, as while the log is read once more.
    pub fn checkpoint(&mut self, durable: u64) -> Result<Option<TreeHead>, KeeperError> {
        let hasty = self.signs_before_the_sync();
        self.attempt(|storage, state, _| state.checkpoint(storage, durable, hasty))
    }

    /// Erases the secrets of a scope: what its leaves so far are committed to can never again be
    /// shown. All that was absorbed must be under a checkpoint, for from here on the hashes of
    /// these leaves are in the tiles only. Copies and backups are for the operator to erase.
    pub fn erase(&mut self, scope: &str) -> Result<(), KeeperError> {
        self.attempt(|storage, state, _| {
            let (size, signed) = (state.size(), state.signed_head().map_or(0, |head| head.size));
            if size != signed {
                return Err(KeeperError::Unsigned { size, signed });
            }
            // Where the log was read once more, the last tiles may be in memory only.
            let signed = state.signed_head().unwrap_or(TreeHead::EMPTY);
            state.settle(storage, signed)?;
            state.secrets.erase(storage.as_ref(), scope, size)
        })
    }

    /// Removes the kept checkpoints of those sizes that `is_kept` does not want; the last one stays
    /// whatever it says. What was signed stays signed: a removed one may be shown by who has it.
    pub fn thin(&mut self, is_kept: impl FnMut(u64) -> bool) -> Result<(), KeeperError> {
        self.attempt(|storage, state, _| {
            let last = state.signed_head().map(|head| head.size);
            checkpoints::thin(storage.as_ref(), last, is_kept)
        })
    }

    /// Asks for the log from its first event, to write the tiles anew: for a tile that is lost or
    /// damaged inside the tree, which is found only by who reads it.
    pub fn rebuild(&mut self) -> Result<(), KeeperError> {
        self.attempt(|_, state, _| {
            if let Some(signed) = state.signed_head() {
                state.work = Work::Checking(CompactRange::new(), signed);
            }
            Ok(())
        })
    }

    /// Forgets everything and reads the files again, as after an error.
    pub fn reload(&mut self) -> Result<(), KeeperError> {
        self.state = None;
        self.state().map(|_| ())
    }

    /// Makes the keeper behave as if it had a bug, so that a test can show that it is caught.
    #[cfg(feature = "testing")]
    pub fn plant(&mut self, bug: Option<PlantedBug>) {
        self.planted = bug;
    }

    #[cfg(feature = "testing")]
    fn signs_before_the_sync(&self) -> bool {
        self.planted == Some(PlantedBug::CheckpointBeforeSync)
    }

    #[cfg(not(feature = "testing"))]
    #[expect(clippy::unused_self, reason = "only a test's keeper has bugs")]
    fn signs_before_the_sync(&self) -> bool {
        false
    }

    fn state(&mut self) -> Result<(&Arc<dyn Storage>, &mut State), KeeperError> {
        let state = match self.state.take() {
            Some(state) => state,
            None => State::load(&self.storage, &self.origin, &mut self.entropy)?,
        };
        Ok((&self.storage, self.state.insert(state)))
    }

    /// Does something with the state; when it fails, the state is not believed any longer.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&Arc<dyn Storage>, &mut State, &mut Entropy) -> Result<T, KeeperError>,
    ) -> Result<T, KeeperError> {
        self.state()?;
        let mut state = self.state.take().expect("the state has just been read");
        let done = work(&self.storage, &mut state, &mut self.entropy);
        if done.as_ref().err().is_none_or(KeeperError::is_refusal) {
            self.state = Some(state);
        }
        done
    }
}

impl State {
    fn load(
        storage: &Arc<dyn Storage>,
        origin: &KeyName,
        entropy: &mut Entropy,
    ) -> Result<Self, KeeperError> {
        let signed_before = checkpoints::any(storage.as_ref())?;
        let has_key = signed_before || key::any(storage.as_ref())?;
        // Before the key, so that a ledger with a key has them, whenever it crashed.
        let secrets = Secrets::load_or_make(storage, has_key)?;
        let key = key::load_or_make(storage.as_ref(), origin, signed_before, entropy)?;
        let signed = checkpoints::latest(storage.as_ref(), key.verifier())?;
        let work = match &signed {
            None => Work::Growing { writer: TileWriter::new(), written: [0; 8] },
            Some(signed) => {
                let head = signed.checkpoint.head;
                match TileReader::open(StoredTiles::new(Arc::clone(storage)), head) {
                    Ok(reader) => {
                        let writer = TileWriter::resume(&reader);
                        let written = edge_widths(&writer);
                        Work::Growing { writer, written }
                    }
                    Err(error @ TileError::Store { .. }) => return Err(error.into()),
                    // Lost or damaged tiles are made again, if the log is still the signed one.
                    Err(
                        TileError::Missing { .. }
                        | TileError::Length { .. }
                        | TileError::Foreign { .. }
                        | TileError::OtherRoot { .. }
                        | TileError::OutOfTree { .. }
                        | TileError::TooLarge { .. },
                    ) => Work::Checking(CompactRange::new(), head),
                }
            }
        };
        Ok(Self { key, secrets, signed, work, unsynced: Unsynced::default() })
    }

    fn size(&self) -> u64 {
        match &self.work {
            Work::Checking(range, _) => range.size(),
            Work::Growing { writer, .. } => writer.size(),
        }
    }

    fn signed_head(&self) -> Option<TreeHead> {
        self.signed.as_ref().map(|signed| signed.checkpoint.head)
    }

    fn absorb(
        &mut self,
        storage: &dyn Storage,
        first: u64,
        leaves: &[NodeHash],
    ) -> Result<(), KeeperError> {
        let expected = self.size();
        if first != expected {
            return Err(KeeperError::Gap { found: first, expected });
        }
        match &mut self.work {
            Work::Checking(range, signed) => {
                for leaf in leaves {
                    if range.size() == signed.size {
                        break;
                    }
                    range.append(*leaf);
                }
                if range.size() < signed.size {
                    return Ok(());
                }
                let (computed, signed) = (range.head(), *signed);
                if computed != signed {
                    return Err(KeeperError::OtherHistory { computed, signed });
                }
                self.work = Work::Growing { writer: TileWriter::new(), written: [0; 8] };
                Ok(())
            }
            Work::Growing { writer, written } => {
                let mut full = Vec::new();
                for leaf in leaves {
                    writer.append(*leaf, &mut full);
                    for tile in full.drain(..) {
                        let written = written.get_mut(usize::from(tile.path.level()));
                        let written = written.expect("a tree has eight levels of tiles");
                        tiles::write(storage, &mut self.unsynced, &tile, *written)?;
                        *written = 0;
                    }
                    if self.unsynced.len() >= UNSYNCED_MAX {
                        self.unsynced.sync(storage)?;
                    }
                }
                Ok(())
            }
        }
    }

    fn checkpoint(
        &mut self,
        storage: &Arc<dyn Storage>,
        durable: u64,
        hasty: bool,
    ) -> Result<Option<TreeHead>, KeeperError> {
        let signed = self.signed_head().unwrap_or(TreeHead::EMPTY);
        if durable < signed.size {
            return Err(KeeperError::LogTooShort { durable, signed: signed.size });
        }
        let Work::Growing { writer, .. } = &self.work else { return Ok(None) };
        let head = writer.head();
        if head.size < signed.size {
            return Ok(None);
        }
        if head.size > durable && !hasty {
            return Err(KeeperError::NotDurable { size: head.size, durable });
        }
        self.settle(storage, signed)?;
        if head.size == signed.size {
            return Ok(None);
        }
        let checkpoint = Checkpoint::new(self.key.verifier().name().as_str(), head);
        let next =
            checkpoints::sign(storage.as_ref(), &self.key, checkpoint, self.signed.as_ref())?;
        self.signed = Some(next);
        Ok(Some(head))
    }

    /// Puts what was absorbed into the files, and holds what they then say to what was signed: the
    /// log that is read to write tiles may be another than the one that was read to judge it.
    fn settle(&mut self, storage: &Arc<dyn Storage>, signed: TreeHead) -> Result<(), KeeperError> {
        let Work::Growing { writer, written } = &mut self.work else { return Ok(()) };
        let head = writer.head();
        if head == signed && self.unsynced.len() == 0 && edge_widths(writer) == *written {
            return Ok(());
        }
        for tile in writer.edge() {
            let written = written.get_mut(usize::from(tile.path.level()));
            let written = written.expect("a tree has eight levels of tiles");
            tiles::write(storage.as_ref(), &mut self.unsynced, &tile, *written)?;
            *written = tile.path.width();
        }
        self.unsynced.sync(storage.as_ref())?;
        // What is signed is what the files say, and it contains what was signed before.
        let mut reader = TileReader::open(StoredTiles::new(Arc::clone(storage)), head)?;
        let root = root_at(&mut reader, signed.size).map_err(KeeperError::Tiles)?;
        if root != signed.root {
            let computed = TreeHead { size: signed.size, root };
            return Err(KeeperError::OtherHistory { computed, signed });
        }
        Ok(())
    }
}

fn edge_widths(writer: &TileWriter) -> [usize; 8] {
    let mut widths = [0; 8];
    for Tile { path, .. } in writer.edge() {
        if let Some(width) = widths.get_mut(usize::from(path.level())) {
            *width = path.width().min(TILE_WIDTH);
        }
    }
    widths
}

/// The public key of a ledger, or `None` where it has none yet. For who reads beside the writer.
pub fn verifier_key(storage: &Arc<dyn Storage>) -> Result<Option<VerifierKey>, KeeperError> {
    key::public(storage.as_ref())
}

#[cfg(test)]
mod tests;
