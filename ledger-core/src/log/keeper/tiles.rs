//! Tiles as files: each holds as many hashes as there are by now.

use std::io;
use std::sync::Arc;

use super::KeeperError;
use super::files::{During as _, Unsynced};
use crate::log::storage::{Storage, read_full_at};
use crate::proof::{NodeHash, Tile, TilePath, TileStore};

/// The tiles of a ledger directory, to read. They are believed by nobody: a reader checks them.
#[derive(Clone)]
pub struct StoredTiles {
    storage: Arc<dyn Storage>,
}

impl StoredTiles {
    /// The tiles in a ledger directory.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }

    /// The hash of a leaf as it stands in its tile, unchecked. Of a leaf whose secret was erased it
    /// is all there is; whether it is right shows when the tree leads to a signed root.
    pub fn leaf_unchecked(&self, index: u64) -> Result<Option<NodeHash>, KeeperError> {
        let place = usize::try_from(index % 256).expect("it is below 256");
        let Some(path) = TilePath::with_width(0, index / 256, place + 1) else { return Ok(None) };
        let bytes = self.read(path).during(&file_of(path))?.unwrap_or_default();
        Ok(bytes.as_chunks::<32>().0.get(place).map(|hash| NodeHash(*hash)))
    }
}

impl std::fmt::Debug for StoredTiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredTiles")
    }
}

impl TileStore for StoredTiles {
    type Error = io::Error;

    /// A narrow tile is the beginning of its file.
    fn read(&self, path: TilePath) -> io::Result<Option<Vec<u8>>> {
        let file = match self.storage.open(&file_of(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = vec![0; path.bytes()];
        let read = read_full_at(file.as_ref(), &mut bytes, 0)?;
        bytes.truncate(read);
        Ok(Some(bytes))
    }
}

/// Writes the hashes of a tile that are not in its file yet.
pub(super) fn write(
    storage: &dyn Storage,
    unsynced: &mut Unsynced,
    tile: &Tile,
    hashes_written: usize,
) -> Result<(), KeeperError> {
    let start = hashes_written * 32;
    let Some(bytes) = tile.bytes.get(start..).filter(|bytes| !bytes.is_empty()) else {
        return Ok(());
    };
    let path = file_of(tile.path);
    let offset = u64::try_from(start).expect("a tile has 8,192 bytes");
    unsynced.write(storage, &path, bytes, offset).during(&path)
}

/// The file of a tile: the path of the full one, whatever the width.
fn file_of(path: TilePath) -> String {
    let full = TilePath::full(path.level(), path.index()).unwrap_or(path);
    format!("tiles/{full}")
}
