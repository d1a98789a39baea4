//! The coordinates of a C2SP tile, and the path they make.
//!
//! A tile is 256 neighbouring hashes of one level, where a level is eight levels of the tree. One
//! coordinate, one path: parsing refuses every other spelling.

use std::fmt;
use std::str::FromStr;

/// The hashes of a full tile.
pub const TILE_WIDTH: usize = 256;
/// The bytes of a full tile.
pub const TILE_BYTES: usize = TILE_WIDTH * 32;
/// How many levels of the tree one level of tiles spans.
pub(super) const TILE_HEIGHT: u32 = 8;

const LEVEL_MAX: u8 = 63;

/// Why a text is not the path of a tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the path of a tile")]
pub struct TilePathError {
    /// What was to be read.
    pub text: String,
}

/// Which tile: level, place in the level, and how many hashes it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    level: u8,
    index: u64,
    width: u16,
}

impl TilePath {
    /// The full tile at a place, or `None` past the last level.
    pub fn full(level: u8, index: u64) -> Option<Self> {
        (level <= LEVEL_MAX).then_some(Self { level, index, width: 256 })
    }

    /// The tile at a place with so many hashes, or `None` when no tile has so many.
    pub fn with_width(level: u8, index: u64, width: usize) -> Option<Self> {
        let width = u16::try_from(width).ok().filter(|it| (1..=256).contains(it))?;
        Self::full(level, index).map(|it| Self { width, ..it })
    }

    /// The level: 0 holds leaf hashes, each next one the roots of full tiles below.
    pub fn level(self) -> u8 {
        self.level
    }

    /// The place in the level.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many hashes.
    pub fn width(self) -> usize {
        usize::from(self.width)
    }

    /// How many bytes.
    pub fn bytes(self) -> usize {
        self.width() * 32
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        let mut groups = [0_u64; 7];
        let mut rest = self.index;
        let mut first = groups.len() - 1;
        for (place, group) in groups.iter_mut().enumerate().rev() {
            *group = rest % 1000;
            rest /= 1000;
            first = place;
            if rest == 0 {
                break;
            }
        }
        let last = groups.len() - 1;
        for group in &groups[first..last] {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups[last])?;
        if self.width() < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(text: &str) -> Result<Self, TilePathError> {
        // Read with some licence, then held to the one spelling that printing gives.
        let read = || {
            let (level, place) = text.strip_prefix("tile/")?.split_once('/')?;
            let (place, width) = match place.split_once(".p/") {
                Some((place, width)) => (place, width.parse().ok()?),
                None => (place, TILE_WIDTH),
            };
            let mut index = 0_u64;
            for group in place.split('/') {
                let group: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
                index = index.checked_mul(1000)?.checked_add(group)?;
            }
            Self::with_width(level.parse().ok()?, index, width)
        };
        read()
            .filter(|path| path.to_string() == text)
            .ok_or_else(|| TilePathError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(level: u8, index: u64, width: usize, text: &str) {
        let path = TilePath::with_width(level, index, width).unwrap();
        assert_eq!(path.to_string(), text);
        assert_eq!(text.parse(), Ok(path));
    }

    #[test]
    fn paths_are_spelled_as_the_standard_spells_them() {
        check(0, 0, 256, "tile/0/000");
        check(0, 999, 256, "tile/0/999");
        check(0, 1_000, 256, "tile/0/x001/000");
        check(0, 1_234_067, 256, "tile/0/x001/x234/067");
        check(1, 273, 17, "tile/1/273.p/17");
        check(63, 0, 1, "tile/63/000.p/1");
        check(7, u64::MAX, 255, "tile/7/x018/x446/x744/x073/x709/x551/615.p/255");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/64/000",
            "tile/-1/000",
            "tile/+1/000",
            "tile/0/001/234",
            "tile/0/x001/x234",
            "tile/0/x000/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000/",
            "/tile/0/000",
            "tile/0/000.p/1/2",
            "tile/0/xx01/000",
            "tile/entries/000",
            "tile/0/../000",
            "tile/7/x018/x446/x744/x073/x709/x551/616",
        ] {
            assert_eq!(text.parse::<TilePath>(), Err(TilePathError { text: text.to_owned() }));
        }
        assert_eq!(TilePath::full(64, 0), None);
        assert_eq!(TilePath::with_width(0, 0, 0), None);
        assert_eq!(TilePath::with_width(0, 0, 257), None);
    }

    proptest! {
        #[test]
        fn a_path_and_its_text_are_one_value(
            level in 0..64_u8, index: u64, digits in 0..64_u32, width in 1..=256_usize
        ) {
            let path = TilePath::with_width(level, index >> digits, width).unwrap();
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }
}
