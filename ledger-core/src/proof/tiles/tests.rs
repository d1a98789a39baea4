//! Tiles against the whole tree, and against every way a store can be wrong about them.

use proptest::prelude::*;

use super::*;
use crate::proof::model::{Levels, naive_head, naive_root, numbered};
use crate::proof::path::{consistency_proof, inclusion_proof, root_at};
use crate::proof::{leaf_hash, verify_inclusion};

type Memory = BTreeMap<TilePath, Vec<u8>>;

fn store(tiles: impl IntoIterator<Item = Tile>) -> Memory {
    tiles.into_iter().map(|tile| (tile.path, tile.bytes)).collect()
}

/// A tree of so many leaves, with the unfinished tiles of its last size only.
fn written(leaves: &[NodeHash]) -> (TileWriter, Memory) {
    let (mut writer, mut full) = (TileWriter::new(), Vec::new());
    leaves.iter().for_each(|leaf| writer.append(*leaf, &mut full));
    full.extend(writer.edge());
    (writer, store(full))
}

#[test]
fn the_tiles_of_a_tree_are_those_of_the_standard() {
    let (_, tiles) = written(&numbered(70_000));
    let count =
        |level, width| tiles.keys().filter(|it| it.level() == level && it.width() == width).count();
    assert_eq!((count(0, 256), count(0, 112)), (273, 1));
    assert_eq!((count(1, 256), count(1, 17), count(2, 1)), (1, 1, 1));
    assert_eq!(tiles.len(), 277);
    let (_, tiles) = written(&numbered(256));
    let paths: Vec<_> = tiles.keys().map(TilePath::to_string).collect();
    assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1"]);
    let row: Vec<u8> = numbered(256).iter().flat_map(|it| it.0).collect();
    assert_eq!(tiles[&"tile/0/000".parse().unwrap()], row);
}

#[test]
fn tiles_give_the_hashes_and_proofs_of_the_tree() {
    let leaves = numbered(1_100);
    let mut model = Levels::new(&leaves);
    for size in [1, 2, 255, 256, 257, 511, 512, 513, 768, 1_000, 1_024, 1_100] {
        let tree = &leaves[..usize::try_from(size).unwrap()];
        let (writer, tiles) = written(tree);
        assert_eq!(writer.head(), naive_head(tree));
        let mut reader = TileReader::open(&tiles, writer.head()).unwrap();
        assert_eq!(TileWriter::resume(&reader), writer);
        for index in (0..size).step_by(5) {
            let ours = inclusion_proof(&mut reader, index, size).unwrap();
            assert_eq!(ours, inclusion_proof(&mut model, index, size).unwrap());
            assert_eq!(reader.leaf(index), Ok(tree[usize::try_from(index).unwrap()]));
        }
        for old in (1..=size).step_by(5) {
            let ours = consistency_proof(&mut reader, old, size).unwrap();
            assert_eq!(ours, consistency_proof(&mut model, old, size).unwrap());
            assert_eq!(root_at(&mut reader, old).ok(), root_at(&mut model, old).ok());
        }
        let out = TileError::OutOfTree { level: 0, index: size, size };
        assert_eq!(reader.hash(0, size), Err(out));
        let out = TileError::OutOfTree { level: 64, index: 0, size };
        assert_eq!(reader.hash(64, 0), Err(out));
    }
}

#[test]
fn a_head_in_the_past_is_read_from_later_tiles() {
    let leaves = numbered(600);
    let (_, tiles) = written(&leaves);
    // The narrow tiles of size 300 were never written; the full ones stand in for them, where they
    // exist.
    let old = naive_head(&leaves[..300]);
    let missing = TileError::Missing { path: "tile/1/000.p/1".parse().unwrap() };
    assert_eq!(TileReader::open(&tiles, old).unwrap_err(), missing);
    let mut with_roots = tiles.clone();
    let root = naive_root(&leaves[..256]).0.to_vec();
    with_roots.insert("tile/1/000.p/1".parse().unwrap(), root);
    let mut reader = TileReader::open(&with_roots, old).unwrap();
    let proof = inclusion_proof(&mut reader, 299, 300).unwrap();
    assert_eq!(verify_inclusion(leaves[299], 299, &proof, old), Ok(()));
}

#[test]
fn a_rotten_short_missing_or_swapped_tile_is_named() {
    let leaves = numbered(70_000);
    let (writer, tiles) = written(&leaves);
    let head = writer.head();
    // Which leaf's proof needs which tile.
    for (path, index) in [
        ("tile/0/000", 3_u64),
        ("tile/0/255", 65_535),
        ("tile/0/256", 65_536),
        ("tile/1/000", 70),
        ("tile/0/273.p/112", 69_999),
        ("tile/1/001.p/17", 69_000),
        ("tile/2/000.p/1", 0),
    ] {
        let path: TilePath = path.parse().unwrap();
        let verdict = |tiles: &Memory| -> Result<Vec<NodeHash>, String> {
            let mut reader = TileReader::open(tiles, head).map_err(|it| it.to_string())?;
            inclusion_proof(&mut reader, index, head.size)
                .map_err(|it| std::error::Error::source(&it).unwrap().to_string())
        };
        assert!(verdict(&tiles).is_ok());
        let edge = path.width() < TILE_WIDTH;
        for byte in [0, 31, path.bytes() / 2, path.bytes() - 32, path.bytes() - 1] {
            let mut rotten = tiles.clone();
            rotten.get_mut(&path).unwrap()[byte] ^= 0x10;
            let error = verdict(&rotten).unwrap_err();
            let said = if edge { "the tiles lead to root".to_owned() } else { path.to_string() };
            assert!(error.contains(&said), "{path}: {error}");
        }
        for length in [0, 1, path.bytes() - 32, path.bytes() - 1, path.bytes() + 32] {
            let mut short = tiles.clone();
            short.get_mut(&path).unwrap().resize(length, 0);
            assert_eq!(
                verdict(&short),
                Err(TileError::<()>::Length { path, found: length }.to_string())
            );
        }
        let mut gone = tiles.clone();
        gone.remove(&path);
        assert_eq!(verdict(&gone), Err(TileError::<()>::Missing { path }.to_string()));
        if !edge && path.level() == 0 {
            let mut swapped = tiles.clone();
            swapped.insert(path, tiles[&"tile/0/100".parse().unwrap()].clone());
            assert_eq!(verdict(&swapped), Err(TileError::<()>::Foreign { path }.to_string()));
        }
    }
}

#[test]
fn a_tree_is_never_taken_for_another() {
    let (writer, tiles) = written(&numbered(700));
    let forged = TreeHead { root: leaf_hash(b"forged"), ..writer.head() };
    let other = TileError::OtherRoot { computed: writer.root(), expected: forged };
    assert_eq!(TileReader::open(&tiles, forged).unwrap_err(), other);
    let size = u64::MAX;
    assert_eq!(
        TileReader::open(&tiles, TreeHead { size, ..forged }).unwrap_err(),
        TileError::TooLarge { size }
    );
}

#[test]
fn a_reader_forgets_before_it_grows() {
    let leaves = numbered(70_000);
    let (writer, tiles) = written(&leaves);
    let mut reader = TileReader::open(&tiles, writer.head()).unwrap();
    for (index, leaf) in (0..).zip(&leaves).step_by(256) {
        assert_eq!(reader.leaf(index), Ok(*leaf));
        assert!(reader.kept.len() <= TILES_KEPT_MAX);
    }
}

proptest! {
    #[test]
    fn a_writer_stopped_anywhere_goes_on_as_if_it_had_not(
        sizes in prop::collection::vec(0..600_usize, 1..4)
    ) {
        let leaves = numbered(sizes.iter().sum::<usize>() as u64);
        let (mut tiles, mut writer) = (Memory::new(), TileWriter::new());
        let mut at = 0;
        for more in sizes {
            let mut full = Vec::new();
            leaves[at..at + more].iter().for_each(|leaf| writer.append(*leaf, &mut full));
            at += more;
            tiles.extend(store(full));
            tiles.extend(store(writer.edge()));
            let reader = TileReader::open(&tiles, naive_head(&leaves[..at])).unwrap();
            writer = TileWriter::resume(&reader);
        }
        let (whole, its_tiles) = written(&leaves);
        prop_assert_eq!(writer, whole);
        prop_assert!(its_tiles.iter().all(|(path, bytes)| tiles.get(path) == Some(bytes)));
    }
}
