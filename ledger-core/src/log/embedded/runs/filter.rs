//! The filter of a run: a Bloom filter in blocks of one cache line.
//!
//! The block of a hash follows from its first bits, so hashes in order touch blocks in order and a
//! filter is streamed out with one page in memory; the bits in the block follow from the rest. A
//! key sets one bit in each of the eight words of its block. With at most [`KEYS_PER_BLOCK`] keys a
//! block on average, about one absent hash in 160 passes; a present one always does.

use super::HASH_BITS;
use super::page::{BODY_BYTES, Page};

/// One line of the processor's cache.
pub(super) const BLOCK_BYTES: usize = 64;
/// 11.1 bits a key.
const KEYS_PER_BLOCK: u64 = 46;
/// What is left of the page after its blocks is zero, and the checksum.
const BLOCKS_PER_PAGE: u64 = (BODY_BYTES / BLOCK_BYTES) as u64;
const WORD_BYTES: usize = 8;
/// The first bits of a product depend on every bit of the hash.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// How large the filter of a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FilterShape {
    blocks: u64,
}

/// Where a hash leaves its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Which page of the filter.
    pub(super) page: u64,
    /// Where its block begins in the page.
    pub(super) at: usize,
}

impl FilterShape {
    /// For so many entries. A run without entries has no filter.
    pub(super) const fn of(count: u64) -> Self {
        Self { blocks: count.div_ceil(KEYS_PER_BLOCK) }
    }

    /// How many pages it takes.
    pub(super) const fn pages(self) -> u64 {
        self.blocks.div_ceil(BLOCKS_PER_PAGE)
    }

    /// The block of a hash: the higher the hash, the later the block.
    #[inline]
    pub(super) fn place(self, hash: u64) -> Place {
        let block = scale(hash, self.blocks);
        let line = usize::try_from(block % BLOCKS_PER_PAGE).expect("a page has few blocks");
        Place { page: block / BLOCKS_PER_PAGE, at: line * BLOCK_BYTES }
    }
}

/// `hash / 2^48 * parts`, rounded down.
#[inline]
pub(super) fn scale(hash: u64, parts: u64) -> u64 {
    let product = (u128::from(hash) * u128::from(parts)) >> HASH_BITS;
    u64::try_from(product).expect("a hash is under 2^48, so the quotient is under the parts")
}

/// Whether the first of the bits of a hash is set in its block, which half of the absent are not:
/// one word is read, so the processor can wait for many blocks at once.
#[inline]
pub(super) fn may_hold(block: &[u8; BLOCK_BYTES], hash: u64) -> bool {
    let word = block.first_chunk().map_or(0, |it| u64::from_le_bytes(*it));
    word >> (spread(hash) & 63) & 1 == 1
}

/// Whether the bits of a hash are all set in its block.
#[inline]
pub(super) fn holds(block: &[u8; BLOCK_BYTES], hash: u64) -> bool {
    let mut bits = spread(hash);
    let mut all = 1_u64;
    for word in block.as_chunks::<WORD_BYTES>().0 {
        all &= u64::from_le_bytes(*word) >> (bits & 63);
        bits >>= 6;
    }
    all & 1 == 1
}

/// Eight numbers of six bits.
#[inline]
fn spread(hash: u64) -> u64 {
    let once = hash.wrapping_mul(MIX);
    (once ^ (once >> 32)).wrapping_mul(MIX) >> 16
}

/// Makes a filter, page by page, from hashes in order.
#[derive(Debug)]
pub(super) struct FilterWriter {
    shape: FilterShape,
    number: u64,
    page: Page,
}

impl FilterWriter {
    /// For a run of this shape.
    pub(super) const fn new(shape: FilterShape) -> Self {
        Self { shape, number: 0, page: Page::zeroed() }
    }

    /// Sets the bits of a hash that is not before the last one; `done` takes each page that no
    /// later hash can touch.
    pub(super) fn set<E>(
        &mut self,
        hash: u64,
        mut done: impl FnMut(Page) -> Result<(), E>,
    ) -> Result<(), E> {
        let place = self.shape.place(hash);
        while self.number < place.page {
            done(self.turn())?;
        }
        let block = self.page.body_mut().get_mut(place.at..).and_then(|it| it.first_chunk_mut());
        let block: &mut [u8; BLOCK_BYTES] = block.expect("a block is in its page");
        let mut bits = spread(hash);
        for word in block.as_chunks_mut::<WORD_BYTES>().0 {
            *word = (u64::from_le_bytes(*word) | 1 << (bits & 63)).to_le_bytes();
            bits >>= 6;
        }
        Ok(())
    }

    /// Hands out what is left.
    pub(super) fn finish<E>(
        mut self,
        mut done: impl FnMut(Page) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.number < self.shape.pages() {
            done(self.turn())?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Page {
        self.number += 1;
        std::mem::replace(&mut self.page, Page::zeroed())
    }
}
