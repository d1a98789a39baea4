//! The hashes of an RFC 6962 tree over SHA-256.
//!
//! A leaf and an inner node are hashed under different first bytes, so that no leaf can pass for a
//! node. Nothing here knows what a leaf means.

use std::fmt;

use sha2::{Digest, Sha256};

use super::base64;

/// The most leaves a tree may have: what every implementation of the text forms can hold.
pub const TREE_SIZE_MAX: u64 = i64::MAX as u64;

/// The hash of a leaf, an inner node or a whole tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeHash(pub [u8; 32]);

impl NodeHash {
    /// The root of a tree without leaves: SHA-256 of nothing.
    pub const EMPTY_ROOT: Self = Self([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9,
        0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52,
        0xb8, 0x55,
    ]);

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash a strict base64 text stands for.
    pub fn from_base64(text: &str) -> Option<Self> {
        base64::decode_array(text).map(Self)
    }
}

impl fmt::Display for NodeHash {
    /// Base64, as checkpoints and proof files have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(&self.0))
    }
}

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeHash(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("..)")
    }
}

/// How large a tree is, and its root at that size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: NodeHash,
}

impl TreeHead {
    /// The head of a tree without leaves.
    pub const EMPTY: Self = Self { size: 0, root: NodeHash::EMPTY_ROOT };
}

impl fmt::Display for TreeHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "size {} with root {}", self.size, self.root)
    }
}

/// The hash of a leaf: SHA-256 of 0x00 and its data.
pub fn leaf_hash(data: &[u8]) -> NodeHash {
    let mut hasher = Sha256::new();
    hasher.update([LEAF_PREFIX]);
    hasher.update(data);
    NodeHash(hasher.finalize().into())
}

/// The hash of an inner node: SHA-256 of 0x01 and its two children.
pub fn node_hash(left: &NodeHash, right: &NodeHash) -> NodeHash {
    let mut bytes = [NODE_PREFIX; 65];
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    NodeHash(Sha256::digest(bytes).into())
}

pub(super) const LEAF_PREFIX: u8 = 0;
const NODE_PREFIX: u8 = 1;

/// The root over hashes that are the leaves of a complete subtree, a power of two of them.
pub(super) fn complete_root(hashes: &[NodeHash]) -> Option<NodeHash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        let half = row.len() / 2;
        for place in 0..half {
            row[place] = node_hash(&row[2 * place], &row[2 * place + 1]);
        }
        row.truncate(half);
    }
    row.first().copied()
}
