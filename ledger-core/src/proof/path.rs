//! Proofs between hashes: a leaf in a tree, an old tree in a new one.
//!
//! Making a proof follows the recursive definition of RFC 6962 from the root down; checking one
//! follows the algorithms of RFC 9162 from the leaf up. The two share nothing but the node hash, so
//! that a slip in one is a refusal by the other. A proof is as good as the head it is checked
//! against, and that comes from a signed checkpoint, never from the proof.

use super::hash::{NodeHash, TREE_SIZE_MAX, TreeHead, node_hash};

/// Where the hashes of complete subtrees come from.
pub trait HashSource {
    /// Why a hash cannot be had.
    type Error;

    /// The root over the `2^level` leaves that begin at leaf `index * 2^level`.
    fn hash(&mut self, level: u32, index: u64) -> Result<NodeHash, Self::Error>;
}

/// Why there is no proof about trees of these sizes, made or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// The tree has no such leaf.
    #[error("a tree of {size} leaves has no leaf {index}")]
    NoSuchLeaf {
        /// The leaf asked for or claimed.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The older tree is the larger one.
    #[error("a tree of {new} leaves did not grow out of one of {old}")]
    Backwards {
        /// The size of the older tree.
        old: u64,
        /// The size of the newer tree.
        new: u64,
    },
    /// The older tree is empty: every tree grew out of it, and no proof says so.
    #[error("there is no proof that a tree of {new} leaves grew out of an empty one")]
    OutOfNothing {
        /// The size of the newer tree.
        new: u64,
    },
}

/// Why a proof cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    /// There is none.
    #[error(transparent)]
    Sizes(#[from] SizeError),
    /// Larger than any tree may be.
    #[error("a tree cannot have {size} leaves; at most {TREE_SIZE_MAX} fit")]
    TooLarge {
        /// The size.
        size: u64,
    },
    /// A hash cannot be had.
    #[error("a hash of the tree cannot be read")]
    Source(#[source] E),
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no such proof.
    #[error(transparent)]
    Sizes(#[from] SizeError),
    /// Too many or too few hashes for these sizes.
    #[error("the proof has {found} hashes, which is not what these sizes need")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// The hashes lead to another root.
    #[error("the proof leads to root {computed}, not to {expected}")]
    OtherRoot {
        /// What they lead to.
        computed: NodeHash,
        /// What the head says.
        expected: NodeHash,
    },
    /// The hashes lead to another root of the older tree.
    #[error("the proof leads to root {computed} of the older tree, not to {expected}")]
    OtherOldRoot {
        /// What they lead to.
        computed: NodeHash,
        /// What the older head says.
        expected: NodeHash,
    },
}

/// The root of a tree at some size, from a source that holds at least so many leaves.
pub fn root_at<S: HashSource>(source: &mut S, size: u64) -> Result<NodeHash, ProofError<S::Error>> {
    bounded(size)?;
    span_root(source, 0, size)
}

/// The hashes that lead from a leaf to the root, the leaf's sibling first.
pub fn inclusion_proof<S: HashSource>(
    source: &mut S,
    index: u64,
    size: u64,
) -> Result<Vec<NodeHash>, ProofError<S::Error>> {
    bounded(size)?;
    has_leaf(index, size)?;
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            proof.push(span_root(source, middle, end)?);
            end = middle;
        } else {
            proof.push(span_root(source, start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The hashes that show that a tree of `new` leaves begins with the tree of its first `old`.
pub fn consistency_proof<S: HashSource>(
    source: &mut S,
    old: u64,
    new: u64,
) -> Result<Vec<NodeHash>, ProofError<S::Error>> {
    bounded(new)?;
    has_grown(old, new)?;
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, new);
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            proof.push(span_root(source, middle, end)?);
            end = middle;
        } else {
            proof.push(span_root(source, start, middle)?);
            start = middle;
        }
    }
    // The whole old tree is known to the verifier; a part of it is not.
    if start > 0 {
        proof.push(span_root(source, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that a leaf stands at its index in the tree with this head.
pub fn verify_inclusion(
    leaf: NodeHash,
    index: u64,
    proof: &[NodeHash],
    head: TreeHead,
) -> Result<(), VerifyError> {
    has_leaf(index, head.size)?;
    let (mut place, mut last) = (index, head.size - 1);
    let mut computed = leaf;
    for hash in proof {
        if last == 0 {
            return Err(VerifyError::Length { found: proof.len() });
        }
        if place & 1 == 1 || place == last {
            computed = node_hash(hash, &computed);
            climb(&mut place, &mut last);
        } else {
            computed = node_hash(&computed, hash);
        }
        place >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(VerifyError::Length { found: proof.len() });
    }
    if computed != head.root {
        return Err(VerifyError::OtherRoot { computed, expected: head.root });
    }
    Ok(())
}

/// Checks that the newer tree begins with the older one.
pub fn verify_consistency(
    old: TreeHead,
    new: TreeHead,
    proof: &[NodeHash],
) -> Result<(), VerifyError> {
    let length = VerifyError::Length { found: proof.len() };
    has_grown(old.size, new.size)?;
    if old.size == 0 && old.root != NodeHash::EMPTY_ROOT {
        let computed = NodeHash::EMPTY_ROOT;
        return Err(VerifyError::OtherOldRoot { computed, expected: old.root });
    }
    if old.size == new.size && old.root != new.root {
        return Err(VerifyError::OtherOldRoot { computed: new.root, expected: old.root });
    }
    if old.size == new.size {
        return if proof.is_empty() { Ok(()) } else { Err(length) };
    }
    // A complete older tree is the first hash itself and is left out of the proof.
    let (first, rest) = if old.size.is_power_of_two() {
        (&old.root, proof)
    } else {
        proof.split_first().ok_or_else(|| length.clone())?
    };
    let (mut place, mut last) = (old.size - 1, new.size - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut computed_old, mut computed_new) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return Err(length);
        }
        if place & 1 == 1 || place == last {
            computed_old = node_hash(hash, &computed_old);
            computed_new = node_hash(hash, &computed_new);
            climb(&mut place, &mut last);
        } else {
            computed_new = node_hash(&computed_new, hash);
        }
        place >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    if computed_old != old.root {
        return Err(VerifyError::OtherOldRoot { computed: computed_old, expected: old.root });
    }
    if computed_new != new.root {
        return Err(VerifyError::OtherRoot { computed: computed_new, expected: new.root });
    }
    Ok(())
}

/// On the right edge a node may have no sibling for some levels: climbs to where it has one.
fn climb(place: &mut u64, last: &mut u64) {
    while *place & 1 == 0 && *place != 0 {
        *place >>= 1;
        *last >>= 1;
    }
}

fn has_leaf(index: u64, size: u64) -> Result<(), SizeError> {
    if index < size { Ok(()) } else { Err(SizeError::NoSuchLeaf { index, size }) }
}

/// Whether a proof may say that a tree grew out of an older one.
fn has_grown(old: u64, new: u64) -> Result<(), SizeError> {
    if old > new {
        return Err(SizeError::Backwards { old, new });
    }
    if old == 0 && new > 0 {
        return Err(SizeError::OutOfNothing { new });
    }
    Ok(())
}

fn bounded<E>(size: u64) -> Result<(), ProofError<E>> {
    if size > TREE_SIZE_MAX { Err(ProofError::TooLarge { size }) } else { Ok(()) }
}

/// Where RFC 6962 divides a span of more than one leaf: the largest power of two below its length.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

/// The root over the leaves `start..end`, where `start` is a multiple of a power of two that is not
/// smaller than `end - start`, as it is wherever RFC 6962 divides.
fn span_root<S: HashSource>(
    source: &mut S,
    start: u64,
    end: u64,
) -> Result<NodeHash, ProofError<S::Error>> {
    let mut at = start;
    let mut subtrees = Vec::new();
    while at < end {
        let level = (end - at).ilog2();
        subtrees.push(source.hash(level, at >> level).map_err(ProofError::Source)?);
        at += 1 << level;
    }
    let joined = subtrees.into_iter().rev().reduce(|right, left| node_hash(&left, &right));
    Ok(joined.unwrap_or(NodeHash::EMPTY_ROOT))
}

#[cfg(test)]
mod tests;
