//! A tree in the few hashes that its next root needs.
//!
//! One hash for each complete subtree, at most 64: enough to append and to know the root, not
//! enough to prove anything. A verifier that reads a log from end to end holds only this.

use super::hash::{NodeHash, TREE_SIZE_MAX, TreeHead, node_hash};

/// Why hashes are not the complete subtrees of a tree of some size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A tree of that size has another number of complete subtrees.
    #[error("a tree of {size} leaves has {expected} complete subtrees, not {found}")]
    Subtrees {
        /// The size.
        size: u64,
        /// How many it has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Larger than any tree may be.
    #[error("a tree cannot have {size} leaves; at most {TREE_SIZE_MAX} fit")]
    TooLarge {
        /// The size.
        size: u64,
    },
}

/// The complete subtrees of a growing tree, the largest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    size: u64,
    subtrees: Vec<NodeHash>,
}

impl CompactRange {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of which the complete subtrees are known, the largest first.
    pub fn resume(size: u64, subtrees: Vec<NodeHash>) -> Result<Self, ShapeError> {
        if size > TREE_SIZE_MAX {
            return Err(ShapeError::TooLarge { size });
        }
        let expected = size.count_ones() as usize;
        if subtrees.len() != expected {
            return Err(ShapeError::Subtrees { size, expected, found: subtrees.len() });
        }
        Ok(Self { size, subtrees })
    }

    /// Adds the hash of the next leaf.
    pub fn append(&mut self, leaf: NodeHash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("there is one subtree per bit of the size");
            hash = node_hash(&left, &hash);
        }
        self.subtrees.push(hash);
        self.size = self.size.checked_add(1).expect("2^63 leaves more are never appended");
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The complete subtrees, the largest first.
    pub fn subtrees(&self) -> &[NodeHash] {
        &self.subtrees
    }

    /// The root over all leaves.
    pub fn root(&self) -> NodeHash {
        let joined =
            self.subtrees.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
        joined.unwrap_or(NodeHash::EMPTY_ROOT)
    }

    /// Size and root.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::leaf_hash;
    use crate::proof::model::{ROOTS_OF_8, classic_leaves, hex, naive_root, numbered};

    #[test]
    fn the_published_roots_come_out() {
        let mut tree = CompactRange::new();
        assert_eq!(tree.root(), NodeHash::EMPTY_ROOT);
        for (leaf, root) in classic_leaves().iter().zip(&ROOTS_OF_8[1..]) {
            tree.append(leaf_hash(leaf));
            assert_eq!(tree.root().as_bytes().to_vec(), hex(root), "at size {}", tree.size());
        }
    }

    #[test]
    fn every_root_is_that_of_the_definition() {
        let leaves = numbered(300);
        let mut tree = CompactRange::new();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root(), naive_root(&leaves[..size]));
            assert!(tree.subtrees().len() <= 64);
            let resumed = CompactRange::resume(tree.size(), tree.subtrees().to_vec());
            assert_eq!(resumed.as_ref(), Ok(&tree));
            tree.append(*leaf);
        }
    }

    #[test]
    fn a_wrong_number_of_subtrees_is_refused() {
        let hash = leaf_hash(b"");
        let refused = ShapeError::Subtrees { size: 5, expected: 2, found: 1 };
        assert_eq!(CompactRange::resume(5, vec![hash]), Err(refused));
        let size = TREE_SIZE_MAX + 1;
        assert_eq!(CompactRange::resume(size, vec![hash]), Err(ShapeError::TooLarge { size }));
    }
}
