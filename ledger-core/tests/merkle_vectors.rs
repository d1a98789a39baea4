//! Vectors and a log that others made, read where somebody has them. What a file holds is told by
//! its place and its members.

use std::collections::BTreeMap;

use ledger_core::proof::{
    Checkpoint, NodeHash, TilePath, TileReader, TileWriter, TreeHead, VerifierKey, VerifyError,
    leaf_hash, verify_consistency, verify_inclusion,
};
use ledger_core::testing::published::{Published, files};

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    file: String,
    want_err: bool,
    proof: Option<Vec<String>>,
    leaf_idx: Option<u64>,
    tree_size: Option<u64>,
    leaf_hash: Option<String>,
    root: Option<String>,
    size1: Option<u64>,
    size2: Option<u64>,
    root1: Option<String>,
    root2: Option<String>,
}

impl Vector {
    /// `None` where something cannot even be written down here, such as a hash of another length.
    fn verdict(&self) -> Option<Result<(), VerifyError>> {
        let hash = |text: &Option<String>| NodeHash::from_base64(text.as_ref()?);
        let proof = self.proof.as_deref().unwrap_or_default().iter();
        let proof: Vec<_> = proof.map(|it| NodeHash::from_base64(it)).collect::<Option<_>>()?;
        if let Some(index) = self.leaf_idx {
            let head = TreeHead { size: self.tree_size?, root: hash(&self.root)? };
            return Some(verify_inclusion(hash(&self.leaf_hash)?, index, &proof, head));
        }
        // Some roots are words, not hashes: only whether they are equal matters.
        let root = |text: &Option<String>| {
            hash(text).or_else(|| text.as_ref().map(|it| leaf_hash(it.as_bytes())))
        };
        let old = TreeHead { size: self.size1?, root: root(&self.root1)? };
        let new = TreeHead { size: self.size2?, root: root(&self.root2)? };
        Some(verify_consistency(old, new, &proof))
    }
}

fn proofs(file: &Published) -> String {
    let vectors: Vec<Vector> = serde_json::from_slice(&file.bytes).expect("a list of vectors");
    for vector in &vectors {
        let verdict = vector.verdict();
        let refused = !matches!(verdict, Some(Ok(())));
        assert_eq!(refused, vector.want_err, "{}: {verdict:?}", vector.file);
    }
    let good = vectors.iter().filter(|it| !it.want_err).count();
    format!("{good} proofs hold, {} do not, as they say", vectors.len() - good)
}

#[derive(serde::Deserialize)]
struct Roots {
    leaves_hex: Vec<String>,
    roots_by_size: Vec<String>,
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2).map(|it| str::from_utf8(it).expect("digits are text"));
    pairs.map(|it| u8::from_str_radix(it, 16).expect("two hexadecimal digits")).collect()
}

fn roots(file: &Published) -> String {
    let read = serde_json::from_slice(&file.bytes);
    let Roots { leaves_hex, roots_by_size } = read.expect("leaves and roots");
    assert_eq!(leaves_hex.len() + 1, roots_by_size.len());
    let mut writer = TileWriter::new();
    let mut leaves = leaves_hex.iter();
    for root in &roots_by_size {
        assert_eq!(writer.root().as_bytes().as_slice(), bytes(root), "size {}", writer.size());
        let Some(leaf) = leaves.next() else { break };
        writer.append(leaf_hash(&bytes(leaf)), &mut Vec::new());
    }
    format!("{} roots are ours", roots_by_size.len())
}

#[test]
fn every_published_vector_gets_its_verdict() {
    for file in files("merkle").into_iter().filter(|it| !it.name.contains("/tlog-tiles/")) {
        let verdict = if file.json().is_array() { proofs(&file) } else { roots(&file) };
        file.say(verdict);
    }
}

/// The entries of a bundle: each behind its length.
fn entries(mut bundle: &[u8]) -> Vec<NodeHash> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk() {
        let (entry, rest) = rest.split_at(u16::from_be_bytes(*length).into());
        found.push(leaf_hash(entry));
        bundle = rest;
    }
    assert!(bundle.is_empty(), "half a length");
    found
}

/// The path of a tile of hashes, or of the entries under one of the lowest level.
fn path(name: &str) -> Option<TilePath> {
    let (_, place) = name.split_once("/tile/")?;
    match place.strip_prefix("entries/") {
        Some(place) => format!("tile/0/{place}").parse().ok(),
        None => format!("tile/{place}").parse().ok(),
    }
}

/// What a log of these leaves holds at each of its sizes.
struct Log {
    heads: Vec<TreeHead>,
    tiles: BTreeMap<TilePath, Vec<u8>>,
}

impl Log {
    fn of(leaves: &BTreeMap<u64, NodeHash>) -> Self {
        let mut writer = TileWriter::new();
        let mut log = Self { heads: vec![writer.head()], tiles: BTreeMap::new() };
        for (place, leaf) in leaves {
            assert_eq!(*place, writer.size(), "an entry between two is not there");
            let mut full = Vec::new();
            writer.append(*leaf, &mut full);
            full.extend(writer.edge());
            log.tiles.extend(full.into_iter().map(|it| (it.path, it.bytes)));
            log.heads.push(writer.head());
        }
        log
    }
}

#[test]
fn the_published_log_of_another_implementation_is_read() {
    let files = files("merkle/tlog-tiles");
    let Some(key) = files.iter().find(|it| it.name.ends_with("vkey.txt")) else { return };
    let key: VerifierKey = key.text().trim_end().parse().unwrap();
    let mut leaves = BTreeMap::new();
    for file in files.iter().filter(|it| it.name.contains("/entries/")) {
        let path = path(&file.name).expect("a bundle stands at a place");
        let found = entries(&file.bytes);
        assert_eq!(found.len(), path.width(), "{}", file.name);
        for (place, leaf) in (path.index() * 256..).zip(found) {
            assert_eq!(*leaves.entry(place).or_insert(leaf), leaf, "{}", file.name);
        }
        file.say(format!("{} entries", path.width()));
    }
    let log = Log::of(&leaves);
    for file in &files {
        if file.name.contains("/entries/") {
            continue;
        }
        if let Some(path) = path(&file.name) {
            assert_eq!(log.tiles.get(&path), Some(&file.bytes), "{}", file.name);
            file.say("the tile is ours");
        } else if file.file_name().starts_with("checkpoint") {
            let head = Checkpoint::open(&file.bytes, &key, key.name().as_str()).unwrap().head;
            let size = usize::try_from(head.size).unwrap();
            assert_eq!(log.heads.get(size), Some(&head), "{}", file.name);
            let resumed = TileWriter::resume(&TileReader::open(&log.tiles, head).unwrap());
            assert_eq!(resumed.head(), head);
            file.say(format!("signed, and the root of {size} leaves is ours"));
        } else {
            assert_eq!(file.text().trim_end(), key.to_string(), "{}", file.name);
            file.say("a key that is read");
        }
    }
}
