//! Builds the tree behind the writer: reads the log on, hashes leaves, lets the keeper sign.
//!
//! It never stands in the path of an append, and it may stop anywhere: what the keeper has not
//! taken is read again. Secrets of scopes that are new are made, durably, before a leaf of theirs
//! is hashed.

use std::collections::BTreeSet;

use crate::log::embedded::{Leaves, LogReader, Scan, ScannedRecord};
use crate::log::keeper::{Keeper, KeeperError, Salting, Secrets, StoredTiles};
use crate::log::{Position, ReadError};
use crate::proof::{LeafError, NodeHash, TreeHead};

/// Leaves handed to the keeper at a time.
const LEAVES_MAX: usize = 8192;

/// Why the tree did not grow.
#[derive(Debug, thiserror::Error)]
pub enum ProverError {
    /// The log would not be read.
    #[error("cannot read the log")]
    Read(#[from] ReadError),
    /// The keeper does not keep.
    #[error("cannot keep the tree")]
    Keep(#[from] KeeperError),
    /// An event has no leaf.
    #[error("the event at position {position} has no leaf")]
    Leaf {
        /// Where.
        position: Position,
        /// Why.
        #[source]
        source: LeafError,
    },
    /// The secret was erased, and the tile that alone knew the leaf is gone.
    #[error("the leaf at position {position} was erased and its hash is in no tile")]
    Erased {
        /// Where.
        position: Position,
    },
}

/// One piece of the log as leaves, or the scopes that have no secret yet.
enum Piece {
    Hashes(Vec<NodeHash>),
    Unknown(BTreeSet<String>),
}

/// Feeds the keeper everything that is acknowledged and lets it sign. Answers the head it signed,
/// if it is a new one. `goes_on` is asked between pieces.
pub fn catch_up(
    keeper: &mut Keeper,
    reader: &LogReader,
    tiles: &StoredTiles,
    mut goes_on: impl FnMut() -> bool,
) -> Result<Option<TreeHead>, ProverError> {
    let head = reader.head().get();
    loop {
        let next = keeper.next_index()?;
        if next >= head {
            break;
        }
        if !goes_on() {
            return Ok(None);
        }
        let piece = {
            let secrets = keeper.secrets([])?;
            read_piece(reader.scan(Position::new(next)), next, reader, secrets, tiles)?
        };
        match piece {
            Piece::Hashes(hashes) => keeper.absorb(next, &hashes)?,
            Piece::Unknown(scopes) => {
                keeper.secrets(scopes.iter().map(String::as_str))?;
            }
        }
    }
    // Scans reach what was acknowledged since the head was looked at first.
    Ok(keeper.checkpoint(reader.head().get())?)
}

fn read_piece(
    mut scan: Scan,
    first: u64,
    reader: &LogReader,
    secrets: &Secrets,
    tiles: &StoredTiles,
) -> Result<Piece, ProverError> {
    let mut leaves = Leaves::new(reader.ledger());
    let mut hashes = Vec::new();
    let mut unknown = BTreeSet::new();
    let mut failed = None;
    while hashes.len() < LEAVES_MAX {
        let read = scan.next_piece(|record| {
            if failed.is_some() {
                return Ok(());
            }
            let index = first.saturating_add(u64::try_from(hashes.len()).unwrap_or(u64::MAX));
            match leaf_hash(&mut leaves, index, &record, secrets, tiles) {
                Ok(Hashed::Hash(hash)) => hashes.push(hash),
                // The piece is read again once the secrets are there.
                Ok(Hashed::Unknown(scope)) => {
                    unknown.insert(scope);
                    hashes.push(NodeHash([0; 32]));
                }
                Err(error) => failed = Some(error),
            }
            Ok(())
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if !read {
            break;
        }
    }
    Ok(if unknown.is_empty() { Piece::Hashes(hashes) } else { Piece::Unknown(unknown) })
}

/// A leaf's hash, or the scope whose secret is missing.
#[derive(Debug)]
pub enum Hashed {
    /// Computed from the record, or, where the secret was erased, read from its tile.
    Hash(NodeHash),
    /// There is no secret for this scope.
    Unknown(String),
}

/// The hash of one record's leaf.
pub fn leaf_hash(
    leaves: &mut Leaves,
    index: u64,
    record: &ScannedRecord<'_>,
    secrets: &Secrets,
    tiles: &StoredTiles,
) -> Result<Hashed, ProverError> {
    let position = record.position();
    leaves.with_leaf(index, record, |leaf, scope| match secrets.salting(scope, index) {
        Salting::Known(salter) => leaf
            .hash(&salter.salt(index))
            .map(Hashed::Hash)
            .map_err(|source| ProverError::Leaf { position, source }),
        Salting::Erased => {
            let hash = tiles.leaf_unchecked(index)?;
            hash.map(Hashed::Hash).ok_or(ProverError::Erased { position })
        }
        Salting::Unknown => Ok(Hashed::Unknown(scope.to_owned())),
    })?
}
