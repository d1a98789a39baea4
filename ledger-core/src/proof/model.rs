//! The tree as RFC 6962 defines it, by plain recursion: slow, obvious, sharing nothing.
//!
//! Also the leaves and vectors that several tests use.

use std::convert::Infallible;

use sha2::{Digest, Sha256};

use super::hash::{NodeHash, TreeHead, leaf_hash};
use super::path::HashSource;

/// The eight leaves that certificate transparency's tests have always used.
pub(super) fn classic_leaves() -> Vec<Vec<u8>> {
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
        .into_iter()
        .chain(["606162636465666768696a6b6c6d6e6f"])
        .map(hex)
        .collect()
}

/// The published roots over the first 0, 1 .. 8 classic leaves.
pub(super) const ROOTS_OF_8: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[track_caller]
pub(super) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

/// The hashes of as many different leaves.
pub(super) fn numbered(leaves: u64) -> Vec<NodeHash> {
    (0..leaves).map(|it| leaf_hash(&it.to_be_bytes())).collect()
}

/// `MTH(D)` of RFC 6962, section 2.1.
pub(super) fn naive_root(leaves: &[NodeHash]) -> NodeHash {
    match leaves {
        [] => NodeHash(Sha256::digest(b"").into()),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(half(leaves.len()));
            let both = [naive_root(left).0, naive_root(right).0].concat();
            NodeHash(Sha256::digest([[1].as_slice(), &both].concat()).into())
        }
    }
}

/// `PATH(m, D)` of RFC 6962, section 2.1.1.
pub(super) fn naive_path(index: usize, leaves: &[NodeHash]) -> Vec<NodeHash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = half(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut path, other) = if index < k {
        (naive_path(index, left), naive_root(right))
    } else {
        (naive_path(index - k, right), naive_root(left))
    };
    path.push(other);
    path
}

/// `SUBPROOF(m, D, b)` of RFC 6962, section 2.1.2.
pub(super) fn naive_consistency(old: usize, leaves: &[NodeHash], whole: bool) -> Vec<NodeHash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let k = half(leaves.len());
    let (left, right) = leaves.split_at(k);
    let (mut proof, other) = if old <= k {
        (naive_consistency(old, left, whole), naive_root(right))
    } else {
        (naive_consistency(old - k, right, false), naive_root(left))
    };
    proof.push(other);
    proof
}

fn half(leaves: usize) -> usize {
    let mut k = 1;
    while k * 2 < leaves {
        k *= 2;
    }
    k
}

/// Every level of complete subtrees over some leaves, in memory.
pub(super) struct Levels(Vec<Vec<NodeHash>>);

impl Levels {
    pub(super) fn new(leaves: &[NodeHash]) -> Self {
        let mut levels = vec![leaves.to_vec()];
        while levels[levels.len() - 1].len() > 1 {
            let below = &levels[levels.len() - 1];
            levels.push(below.as_chunks::<2>().0.iter().map(|pair| naive_root(pair)).collect());
        }
        Self(levels)
    }
}

impl HashSource for Levels {
    type Error = Infallible;

    fn hash(&mut self, level: u32, index: u64) -> Result<NodeHash, Infallible> {
        Ok(self.0[level as usize][usize::try_from(index).unwrap()])
    }
}

pub(super) fn naive_head(leaves: &[NodeHash]) -> TreeHead {
    TreeHead { size: leaves.len() as u64, root: naive_root(leaves) }
}

/// Each way to flip one bit.
pub(super) fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len() * 8).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}
