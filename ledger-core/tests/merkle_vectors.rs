//! Vectors and a log that others made. They are not part of the repository.
//!
//! `COUNTERFOIL_REAL_FIXTURES` names the directory they are in; without it each test says that it
//! checked nothing, and passes.

use std::collections::BTreeMap;
use std::path::Path;

use ledger_core::proof::{
    Checkpoint, NodeHash, Tile, TilePath, TileReader, TileWriter, TreeHead, VerifierKey,
    VerifyError, leaf_hash, verify_consistency, verify_inclusion,
};

fn fixture(name: &str) -> Option<Vec<u8>> {
    let root = std::env::var("COUNTERFOIL_REAL_FIXTURES").ok()?;
    Some(std::fs::read(Path::new(&root).join(name)).expect("the directory holds the vectors"))
}

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

#[test]
fn the_published_vectors_get_their_verdicts() {
    for name in ["merkle/inclusion.json", "merkle/consistency.json"] {
        let Some(bytes) = fixture(name) else {
            println!("COUNTERFOIL_REAL_FIXTURES is not set: nothing is checked");
            return;
        };
        let vectors: Vec<Vector> = serde_json::from_slice(&bytes).unwrap();
        assert!(vectors.len() > 50 && vectors.iter().any(|it| !it.want_err));
        for vector in vectors {
            let verdict = vector.verdict();
            let refused = !matches!(verdict, Some(Ok(())));
            assert_eq!(refused, vector.want_err, "{}: {verdict:?}", vector.file);
        }
    }
}

#[test]
fn the_log_of_another_implementation_is_read() {
    let log = |name: &str| fixture(&format!("merkle/tlog-tiles/{name}"));
    let Some(key) = log("vkey.txt") else {
        println!("COUNTERFOIL_REAL_FIXTURES is not set: nothing is checked");
        return;
    };
    let key: VerifierKey = str::from_utf8(&key).unwrap().trim_end().parse().unwrap();
    let origin = "example.com/log/testdata";
    let mut tiles = BTreeMap::new();
    let entries = log("log/tile/entries/000.p/7").unwrap();
    let mut rest = entries.as_slice();
    let mut writer = TileWriter::new();
    for size in 0..=7 {
        let checkpoint = log(&format!("log/checkpoint.{size}")).unwrap();
        let checkpoint = Checkpoint::open(&checkpoint, &key, origin).unwrap();
        assert_eq!(checkpoint.head, writer.head());
        if size > 0 {
            let path = TilePath::with_width(0, 0, size).unwrap();
            tiles.insert(path, log(&format!("log/{path}")).unwrap());
            assert_eq!(writer.edge(), [Tile { path, bytes: tiles[&path].clone() }]);
        }
        let reader = TileReader::open(&tiles, checkpoint.head).unwrap();
        assert_eq!(TileWriter::resume(&reader), writer);
        let Some((length, bytes)) = rest.split_first_chunk() else { break };
        let (entry, others) = bytes.split_at(u16::from_be_bytes(*length).into());
        rest = others;
        writer.append(leaf_hash(entry), &mut Vec::new());
    }
    assert_eq!(writer.size(), 7);
}
