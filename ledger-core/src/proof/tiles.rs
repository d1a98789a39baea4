//! A tree written to tiles and read back from them.
//!
//! The writer keeps only the right edge of the tree, at most 255 hashes a level, and gives out each
//! tile once it is full. The reader trusts no store: the edge must lead to the root it was opened
//! with, and each full tile to its hash one level above. So a tile that is missing, short, foreign
//! or rotten is an error that names it, never a wrong hash.

use std::collections::BTreeMap;

use super::compact::CompactRange;
use super::hash::{NodeHash, TREE_SIZE_MAX, TreeHead, complete_root};
use super::path::HashSource;
use super::tile::{TILE_HEIGHT, TILE_WIDTH, TilePath};

/// The levels of tiles of the largest tree.
const LEVELS: u8 = 8;
/// How many tiles a reader keeps beside the edge before it forgets them all: a proof needs 8.
const TILES_KEPT_MAX: usize = 64;

/// One tile to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Where.
    pub path: TilePath,
    /// Its hashes, one after the other.
    pub bytes: Vec<u8>,
}

/// Where tiles are kept.
pub trait TileStore {
    /// Why a tile cannot be read.
    type Error;

    /// The bytes of a tile, or `None` when there is no such tile.
    fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, Self::Error>;
}

impl TileStore for BTreeMap<TilePath, Vec<u8>> {
    type Error = std::convert::Infallible;

    fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, Self::Error> {
        Ok(self.get(&path).cloned())
    }
}

impl<S: TileStore + ?Sized> TileStore for &S {
    type Error = S::Error;

    fn read(&self, path: TilePath) -> Result<Option<Vec<u8>>, Self::Error> {
        (**self).read(path)
    }
}

/// Why tiles do not give a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError<E> {
    /// Neither the tile nor the full tile in its place is there.
    #[error("{path} is missing")]
    Missing {
        /// Which tile.
        path: TilePath,
    },
    /// The tile does not have its size.
    #[error("{path} has {found} bytes, not {}", .path.bytes())]
    Length {
        /// Which tile.
        path: TilePath,
        /// How many bytes there are.
        found: usize,
    },
    /// The tile's hashes lead to another root than the tile above says.
    #[error("{path} does not belong to this tree")]
    Foreign {
        /// Which tile.
        path: TilePath,
    },
    /// The tiles of the right edge lead to another root.
    #[error("the tiles lead to root {computed}, not to that of {expected}")]
    OtherRoot {
        /// What they lead to.
        computed: NodeHash,
        /// The head they were to lead to.
        expected: TreeHead,
    },
    /// The tree has no such subtree.
    #[error("a tree of {size} leaves has no complete subtree {index} at level {level}")]
    OutOfTree {
        /// The level of the subtree.
        level: u32,
        /// Its place in the level.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// Larger than any tree may be.
    #[error("a tree cannot have {size} leaves; at most {TREE_SIZE_MAX} fit")]
    TooLarge {
        /// The size.
        size: u64,
    },
    /// The store would not read.
    #[error("cannot read {path}")]
    Store {
        /// Which tile.
        path: TilePath,
        /// Why.
        #[source]
        source: E,
    },
}

/// A tree that grows, and the tiles it makes on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TileWriter {
    size: u64,
    /// The unfinished tile of each level, each shorter than a tile.
    edge: [Vec<NodeHash>; LEVELS as usize],
}

impl Default for TileWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl TileWriter {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self { size: 0, edge: std::array::from_fn(|_| Vec::new()) }
    }

    /// A tree that goes on from the head a reader was opened with.
    pub fn resume<S>(reader: &TileReader<S>) -> Self {
        let mut writer = Self { size: reader.head.size, ..Self::new() };
        for (level, row) in (0_u8..).zip(&mut writer.edge) {
            let index = full_tiles(reader.head.size, level);
            row.clone_from(reader.edge.get(&(level, index)).unwrap_or(&Vec::new()));
        }
        writer
    }

    /// Adds the hash of the next leaf; the tiles that it fills are added to `full`.
    pub fn append(&mut self, leaf: NodeHash, full: &mut Vec<Tile>) {
        let mut hash = leaf;
        for (level, row) in (0_u8..).zip(&mut self.edge) {
            row.push(hash);
            if row.len() < TILE_WIDTH {
                break;
            }
            let path = TilePath::full(level, full_tiles(self.size, level));
            let path = path.expect("the writer has fewer levels than a path can name");
            full.push(Tile { path, bytes: spell(row) });
            hash = complete_root(row).expect("a full tile has a power of two of hashes");
            row.clear();
        }
        self.size = self.size.checked_add(1).expect("2^63 leaves more are never appended");
    }

    /// The unfinished tiles, of which a checkpoint at this size is made.
    pub fn edge(&self) -> Vec<Tile> {
        let rows = (0_u8..).zip(&self.edge);
        rows.filter_map(|(level, row)| {
            let path = TilePath::with_width(level, full_tiles(self.size, level), row.len())?;
            Some(Tile { path, bytes: spell(row) })
        })
        .collect()
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root over all leaves.
    pub fn root(&self) -> NodeHash {
        edge_root(self.size, self.edge.iter().rev().map(Vec::as_slice))
    }

    /// Size and root.
    pub fn head(&self) -> TreeHead {
        TreeHead { size: self.size, root: self.root() }
    }
}

/// A tree in a store of tiles, as it stood at one head. Later tiles in the store do not matter.
#[derive(Debug)]
pub struct TileReader<S> {
    store: S,
    head: TreeHead,
    edge: BTreeMap<(u8, u64), Vec<NodeHash>>,
    kept: BTreeMap<(u8, u64), Vec<NodeHash>>,
}

impl<S: TileStore> TileReader<S> {
    /// Reads the right edge and holds it to the head.
    pub fn open(store: S, head: TreeHead) -> Result<Self, TileError<S::Error>> {
        let reader = Self::open_unchecked(store, head.size)?;
        if reader.head.root != head.root {
            return Err(TileError::OtherRoot { computed: reader.head.root, expected: head });
        }
        Ok(reader)
    }

    /// Reads the right edge at some size and takes the root it leads to, whatever that is. Only for
    /// somebody who compares that root with a trusted one.
    pub fn open_unchecked(store: S, size: u64) -> Result<Self, TileError<S::Error>> {
        if size > TREE_SIZE_MAX {
            return Err(TileError::TooLarge { size });
        }
        let mut edge = BTreeMap::new();
        for level in 0..LEVELS {
            let index = full_tiles(size, level);
            if let Some(path) = TilePath::with_width(level, index, edge_width(size, level)) {
                edge.insert((level, index), fetch(&store, path)?);
            }
        }
        let rows = (0..LEVELS).rev().map(|level| {
            edge.get(&(level, full_tiles(size, level))).map_or(&[] as &[_], Vec::as_slice)
        });
        let head = TreeHead { size, root: edge_root(size, rows) };
        Ok(Self { store, head, edge, kept: BTreeMap::new() })
    }

    /// The head it was opened with.
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// The hash of a leaf.
    pub fn leaf(&mut self, index: u64) -> Result<NodeHash, TileError<S::Error>> {
        self.hash(0, index)
    }

    /// The hashes of a tile of this tree, checked up to the root.
    fn tile(&mut self, level: u8, index: u64) -> Result<&[NodeHash], TileError<S::Error>> {
        if !self.edge.contains_key(&(level, index)) && !self.kept.contains_key(&(level, index)) {
            let path = TilePath::full(level, index).expect("the tree has fewer levels than a path");
            let row = fetch(&self.store, path)?;
            let above = index & (TILE_WIDTH as u64 - 1);
            let above = usize::try_from(above).expect("a place in a tile is small");
            let parents = self.tile(level + 1, index >> TILE_HEIGHT)?;
            if complete_root(&row).as_ref() != parents.get(above) {
                return Err(TileError::Foreign { path });
            }
            if self.kept.len() >= TILES_KEPT_MAX {
                self.kept.clear();
            }
            self.kept.insert((level, index), row);
        }
        let row = self.edge.get(&(level, index)).or_else(|| self.kept.get(&(level, index)));
        Ok(row.expect("it was there or has just been put there"))
    }
}

impl<S: TileStore> HashSource for TileReader<S> {
    type Error = TileError<S::Error>;

    fn hash(&mut self, level: u32, index: u64) -> Result<NodeHash, Self::Error> {
        let out = TileError::OutOfTree { level, index, size: self.head.size };
        let complete = self.head.size.checked_shr(level).unwrap_or(0);
        if index >= complete {
            return Err(out);
        }
        let (tile_level, within) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let tile_level =
            u8::try_from(tile_level).expect("a complete subtree has at most 63 levels");
        let first = index << within;
        let row = self.tile(tile_level, first >> TILE_HEIGHT)?;
        let start = usize::try_from(first & (TILE_WIDTH as u64 - 1)).expect("it is below 256");
        let span = row.get(start..start + (1 << within));
        span.and_then(complete_root).ok_or(out)
    }
}

/// The full tiles of a level in a tree of some size; also the place of its unfinished one.
fn full_tiles(size: u64, level: u8) -> u64 {
    size.checked_shr(TILE_HEIGHT * (u32::from(level) + 1)).unwrap_or(0)
}

/// The hashes in the unfinished tile of a level in a tree of some size.
fn edge_width(size: u64, level: u8) -> usize {
    let complete = size.checked_shr(TILE_HEIGHT * u32::from(level)).unwrap_or(0);
    usize::try_from(complete & (TILE_WIDTH as u64 - 1)).expect("it is below 256")
}

/// The root that unfinished tiles lead to, the highest level first.
fn edge_root<'a>(size: u64, rows: impl Iterator<Item = &'a [NodeHash]>) -> NodeHash {
    let mut subtrees = Vec::new();
    for row in rows {
        let mut rest = row;
        while !rest.is_empty() {
            let (complete, others) = rest.split_at(1 << rest.len().ilog2());
            subtrees.extend(complete_root(complete));
            rest = others;
        }
    }
    let range = CompactRange::resume(size, subtrees);
    range.expect("the edge of a tree is as wide as the size says").root()
}

/// Reads a tile; where a narrow one has given way to the full one, its beginning.
fn fetch<S: TileStore>(store: &S, path: TilePath) -> Result<Vec<NodeHash>, TileError<S::Error>> {
    let read = |path| store.read(path).map_err(|source| TileError::Store { path, source });
    let mut found = (path, read(path)?);
    if found.1.is_none() && path.width() < TILE_WIDTH {
        let full = TilePath::full(path.level(), path.index()).ok_or(TileError::Missing { path })?;
        found = (full, read(full)?);
    }
    let (found_path, bytes) = found;
    let bytes = bytes.ok_or(TileError::Missing { path })?;
    if bytes.len() != found_path.bytes() {
        return Err(TileError::Length { path: found_path, found: bytes.len() });
    }
    let (hashes, _) = bytes.as_chunks::<32>();
    Ok(hashes.iter().take(path.width()).map(|hash| NodeHash(*hash)).collect())
}

fn spell(row: &[NodeHash]) -> Vec<u8> {
    row.iter().flat_map(|hash| hash.0).collect()
}

#[cfg(test)]
mod tests;
