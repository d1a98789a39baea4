//! Proof that an event is in the log, and that the log only ever grew.
//!
//! An RFC 6962 Merkle tree over SHA-256, its hashes in C2SP tiles, its heads in C2SP signed
//! checkpoints, one event's proof in a C2SP `tlog-proof` file. Pure: bytes in, bytes or a typed
//! refusal out. Which files hold the bytes, and when a checkpoint may be signed, is the keeper's
//! business (`log::keeper`). What the tree proves ends at its head: whoever holds the signing key
//! can write another history, unless a head was seen outside.

pub(crate) mod base64;
mod checkpoint;
mod compact;
mod disclosure;
mod file;
mod hash;
mod leaf;
mod note;
mod path;
mod tile;
mod tiles;

#[cfg(test)]
mod model;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use compact::{CompactRange, ShapeError};
pub use disclosure::{Disclosed, Disclosure, DisclosureError};
pub use file::{ProofFile, ProofFileError};
pub use hash::{NodeHash, TREE_SIZE_MAX, TreeHead, leaf_hash, node_hash};
pub use leaf::{Leaf, LeafBody, LeafError, LeafKey, Salt, Salter, SealedLeaf, TenantSecret};
pub use note::{KeyError, KeyName, Note, NoteError, NoteSignature, SigningKey, VerifierKey};
pub use path::{
    HashSource, ProofError, SizeError, VerifyError, consistency_proof, inclusion_proof, root_at,
    verify_consistency, verify_inclusion,
};
pub use tile::{TILE_BYTES, TILE_WIDTH, TilePath, TilePathError};
pub use tiles::{Tile, TileError, TileReader, TileStore, TileWriter};
