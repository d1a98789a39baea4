//! Proofs against the definition, exhaustively for small trees, and against another implementation.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;

use super::*;
use crate::proof::leaf_hash;
use crate::proof::model::{
    Levels, naive_consistency, naive_head, naive_path, naive_root, numbered,
};

const LEAVES: u64 = 300;

#[test]
fn every_inclusion_proof_is_that_of_the_definition_and_holds() {
    let leaves = numbered(LEAVES);
    let mut source = Levels::new(&leaves);
    for size in 1..=leaves.len() {
        let tree = &leaves[..size];
        let head = naive_head(tree);
        assert_eq!(root_at(&mut source, head.size), Ok(head.root));
        for (index, leaf) in (0..).zip(tree) {
            let proof = inclusion_proof(&mut source, index, head.size).unwrap();
            assert_eq!(verify_inclusion(*leaf, index, &proof, head), Ok(()), "{index} of {size}");
            // The definition hashes the whole tree for each proof, so it is asked where it differs.
            if index % 16 == 0 || size - usize::try_from(index).unwrap() < 3 {
                let definition = naive_path(usize::try_from(index).unwrap(), tree);
                assert_eq!(proof, definition, "{index} of {size}");
            }
        }
    }
}

#[test]
fn every_consistency_proof_is_that_of_the_definition_and_holds() {
    let leaves = numbered(LEAVES);
    let mut source = Levels::new(&leaves);
    let heads: Vec<_> = (0..=leaves.len()).map(|size| naive_head(&leaves[..size])).collect();
    for new in &heads[1..] {
        for old in &heads[1..=usize::try_from(new.size).unwrap()] {
            let proof = consistency_proof(&mut source, old.size, new.size).unwrap();
            assert_eq!(verify_consistency(*old, *new, &proof), Ok(()), "{} {}", old.size, new.size);
            let forged = TreeHead { root: leaf_hash(b"forged"), ..*old };
            assert!(verify_consistency(forged, *new, &proof).is_err(), "{old} {new}");
            let forged = TreeHead { root: leaf_hash(b"forged"), ..*new };
            assert!(verify_consistency(*old, forged, &proof).is_err(), "{old} {new}");
            if old.size % 16 == 0 || new.size - old.size < 3 {
                let tree = &leaves[..usize::try_from(new.size).unwrap()];
                let definition = naive_consistency(usize::try_from(old.size).unwrap(), tree, true);
                assert_eq!(proof, definition, "{} {}", old.size, new.size);
            }
        }
    }
}

/// Proofs with one bit flipped, all of them for one bit place per hash and byte: the place moves
/// with the hash, so that over all sizes every one is met.
fn flipped(proof: &[NodeHash]) -> impl Iterator<Item = Vec<NodeHash>> + '_ {
    (0..proof.len() * 32).map(|at| {
        let mut other = proof.to_vec();
        other[at / 32].0[at % 32] ^= 1 << ((at / 32 + at) % 8);
        other
    })
}

fn round(number: u64) -> usize {
    usize::try_from(number % 32).unwrap()
}

#[test]
fn a_flipped_bit_in_an_inclusion_proof_is_refused() {
    let leaves = numbered(LEAVES);
    let mut source = Levels::new(&leaves);
    for size in 1..=LEAVES {
        let head = TreeHead { size, root: root_at(&mut source, size).unwrap() };
        for index in 0..size {
            let leaf = leaves[usize::try_from(index).unwrap()];
            let proof = inclusion_proof(&mut source, index, size).unwrap();
            // Exhaustive over index, size and hash; the byte is taken round by round.
            for other in flipped(&proof).skip(round(index + size)).step_by(32) {
                let refused = verify_inclusion(leaf, index, &other, head);
                assert!(matches!(refused, Err(VerifyError::OtherRoot { .. })), "{index} {size}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_a_consistency_proof_is_refused() {
    let leaves = numbered(LEAVES);
    let mut source = Levels::new(&leaves);
    let heads: Vec<_> = (0..=leaves.len()).map(|size| naive_head(&leaves[..size])).collect();
    for new in &heads[1..] {
        for old in &heads[1..=usize::try_from(new.size).unwrap()] {
            let proof = consistency_proof(&mut source, old.size, new.size).unwrap();
            for other in flipped(&proof).skip(round(old.size + new.size)).step_by(32) {
                assert!(verify_consistency(*old, *new, &other).is_err(), "{old} {new}");
            }
        }
    }
}

#[test]
fn every_single_bit_of_some_proofs_matters() {
    let leaves = numbered(LEAVES);
    let mut source = Levels::new(&leaves);
    for (index, size) in [(0, 300), (299, 300), (255, 256), (128, 257), (6, 7), (200, 299)] {
        let head = TreeHead { size, root: root_at(&mut source, size).unwrap() };
        let leaf = leaves[usize::try_from(index).unwrap()];
        let proof = inclusion_proof(&mut source, index, size).unwrap();
        let old = TreeHead { size: index + 1, root: root_at(&mut source, index + 1).unwrap() };
        let grown = consistency_proof(&mut source, old.size, size).unwrap();
        let bits = |proof: &[NodeHash]| proof.len() * 256;
        for bit in 0..bits(&proof) {
            let mut other = proof.clone();
            other[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
            assert!(verify_inclusion(leaf, index, &other, head).is_err(), "bit {bit}");
        }
        for bit in 0..bits(&grown) {
            let mut other = grown.clone();
            other[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
            assert!(verify_consistency(old, head, &other).is_err(), "bit {bit}");
        }
        for bit in 0..256 {
            let mut other = leaf;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(verify_inclusion(other, index, &proof, head).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn a_proof_too_long_or_too_short_is_refused() {
    let leaves = numbered(LEAVES);
    let mut source = Levels::new(&leaves);
    for size in 1..=LEAVES {
        let head = TreeHead { size, root: root_at(&mut source, size).unwrap() };
        for index in 0..size {
            let leaf = leaves[usize::try_from(index).unwrap()];
            let mut proof = inclusion_proof(&mut source, index, size).unwrap();
            proof.push(leaf);
            let length = VerifyError::Length { found: proof.len() };
            assert_eq!(verify_inclusion(leaf, index, &proof, head), Err(length));
            proof.pop();
            if proof.pop().is_some() {
                let length = VerifyError::Length { found: proof.len() };
                assert_eq!(verify_inclusion(leaf, index, &proof, head), Err(length));
            }
            let old = TreeHead { size: index + 1, root: naive_root(&[]) };
            let old = TreeHead { root: root_at(&mut source, old.size).unwrap(), ..old };
            let mut grown = consistency_proof(&mut source, old.size, size).unwrap();
            grown.push(leaf);
            let length = VerifyError::Length { found: grown.len() };
            assert_eq!(verify_consistency(old, head, &grown), Err(length));
            grown.pop();
            if grown.pop().is_some() {
                let length = VerifyError::Length { found: grown.len() };
                assert_eq!(verify_consistency(old, head, &grown), Err(length));
            }
        }
    }
}

#[test]
fn what_no_tree_has_is_refused() {
    let leaves = numbered(8);
    let mut source = Levels::new(&leaves);
    let head = naive_head(&leaves);
    let gone = ProofError::Sizes(SizeError::NoSuchLeaf { index: 8, size: 8 });
    assert_eq!(inclusion_proof(&mut source, 8, 8), Err(gone));
    let gone = VerifyError::Sizes(SizeError::NoSuchLeaf { index: 8, size: 8 });
    assert_eq!(verify_inclusion(leaves[0], 8, &[], head), Err(gone));
    let empty = VerifyError::Sizes(SizeError::NoSuchLeaf { index: 0, size: 0 });
    assert_eq!(verify_inclusion(leaves[0], 0, &[], TreeHead::EMPTY), Err(empty));
    let backwards = ProofError::Sizes(SizeError::Backwards { old: 8, new: 7 });
    assert_eq!(consistency_proof(&mut source, 8, 7), Err(backwards));
    let backwards = VerifyError::Sizes(SizeError::Backwards { old: 8, new: 0 });
    assert_eq!(verify_consistency(head, TreeHead::EMPTY, &[]), Err(backwards));
    let size = TREE_SIZE_MAX + 1;
    assert_eq!(root_at(&mut source, size), Err(ProofError::TooLarge { size }));
    assert_eq!(
        consistency_proof(&mut source, 0, 8),
        Err(ProofError::Sizes(SizeError::OutOfNothing { new: 8 }))
    );
    let nothing = verify_consistency(TreeHead::EMPTY, head, &[]);
    assert_eq!(nothing, Err(VerifyError::Sizes(SizeError::OutOfNothing { new: 8 })));
    assert_eq!(consistency_proof(&mut source, 0, 0), Ok(Vec::new()));
    assert_eq!(verify_consistency(TreeHead::EMPTY, TreeHead::EMPTY, &[]), Ok(()));
    let forged = TreeHead { size: 0, root: leaves[0] };
    assert!(verify_consistency(forged, forged, &[]).is_err());
    let fork = TreeHead { size: 8, root: leaves[0] };
    assert!(verify_consistency(fork, head, &[]).is_err());
}

proptest! {
    #[test]
    fn another_implementation_makes_the_same_proofs(
        old in 1..400_u64, more in 1..400_u64, at: prop::sample::Index
    ) {
        let size = old + more;
        let mut oracle = MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        (0..size).for_each(|it| oracle.push(it.to_be_bytes().to_vec()));
        let leaves = numbered(size);
        let mut source = Levels::new(&leaves);
        let index = at.index(leaves.len());
        let root = root_at(&mut source, size).unwrap();
        prop_assert_eq!(root.0.to_vec(), oracle.root().as_bytes().to_vec());

        let theirs = oracle.prove_inclusion(index);
        let ours = inclusion_proof(&mut source, index as u64, size).unwrap();
        prop_assert_eq!(theirs.as_bytes(), ours.iter().flat_map(|it| it.0).collect::<Vec<_>>());

        let theirs = oracle.prove_consistency(usize::try_from(more).unwrap());
        let ours = consistency_proof(&mut source, old, size).unwrap();
        prop_assert_eq!(theirs.as_bytes(), ours.iter().flat_map(|it| it.0).collect::<Vec<_>>());
    }

    #[test]
    fn no_claim_about_a_proof_makes_verifying_panic(
        sizes: (u64, u64), index: u64, hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70)
    ) {
        let proof: Vec<_> = hashes.into_iter().map(NodeHash).collect();
        let root = leaf_hash(b"another");
        let (old, new) = (TreeHead { size: sizes.0, root }, TreeHead { size: sizes.1, root });
        prop_assert!(verify_inclusion(root, index, &proof, new).is_err() || new.size == 1);
        prop_assert!(verify_consistency(old, new, &proof).is_err() || old == new);
    }
}
