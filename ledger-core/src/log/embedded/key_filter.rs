//! Says of nearly every hash that is not in a table of keys that it is not.
//!
//! A segment that waits to be sealed is asked for every new key. Its table has 13 bytes or more for
//! a key, in places far from one another; this has a byte and a half, so that several of them stay
//! near the processor together. It says "maybe" of every hash of the table and of few others.

use super::key_table::KeyTable;
use super::memory::Memory;

/// One line of the processor's cache.
const WORDS_PER_BLOCK: usize = 8;
const WORD_BYTES: usize = 8;
const BLOCK_BYTES: usize = WORDS_PER_BLOCK * WORD_BYTES;
/// Twelve bits for each.
const KEYS_PER_BLOCK: usize = 42;
/// The first bits of a product depend on every bit of the hash.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// A Bloom filter in blocks of one cache line, of which a hash has one bit in each word.
#[derive(Debug)]
pub(crate) struct KeyFilter {
    blocks: Memory,
}

impl KeyFilter {
    /// Of what is in the table now.
    pub(crate) fn of(table: &KeyTable) -> Self {
        let count = table.len().div_ceil(KEYS_PER_BLOCK).max(1);
        let mut memory = Memory::zeroed(count.saturating_mul(BLOCK_BYTES));
        let blocks: &mut [Block] = memory.bytes_mut().as_chunks_mut().0;
        for hash in table.hashes() {
            if let Some(block) = blocks.get_mut(place(hash, count)) {
                for (word, bit) in block.as_chunks_mut().0.iter_mut().zip(bits(hash)) {
                    *word = (u64::from_le_bytes(*word) | bit).to_le_bytes();
                }
            }
        }
        Self { blocks: memory }
    }

    /// Brings the block of each hash near, of many at once.
    pub(crate) fn fetch(&self, hashes: impl Iterator<Item = u64>) {
        let blocks = self.blocks();
        let first = |hash| blocks.get(place(hash, blocks.len())).map_or(0, |it| it[0]);
        std::hint::black_box(hashes.fold(0, |all, hash| all ^ first(hash)));
    }

    /// Whether the hash may be in the table.
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        let hash = KeyTable::kept(hash);
        let blocks = self.blocks();
        let Some(block) = blocks.get(place(hash, blocks.len())) else { return true };
        let words = block.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
        words.zip(bits(hash)).all(|(word, bit)| word & bit == bit)
    }

    fn blocks(&self) -> &[Block] {
        self.blocks.bytes().as_chunks().0
    }
}

type Block = [u8; BLOCK_BYTES];

/// The first bits of a hash, which the table keeps, say which of the blocks.
fn place(hash: u64, blocks: usize) -> usize {
    let wide = u128::from(KeyTable::kept(hash)) * blocks as u128;
    usize::try_from(wide >> u64::BITS).unwrap_or(0)
}

/// A bit in each of the words of a block.
fn bits(hash: u64) -> [u64; WORDS_PER_BLOCK] {
    let once = hash.wrapping_mul(MIX);
    let mixed = (once ^ (once >> 32)).wrapping_mul(MIX);
    std::array::from_fn(|word| 1 << (mixed >> (16 + 6 * word) & 63))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    proptest! {
        #![proptest_config(cases(10_000))]

        #[test]
        fn what_is_in_the_table_may_be_held(
            hashes in proptest::collection::vec(
                prop_oneof![any::<u64>(), (0_u64..4).prop_map(|it| it << 60), Just(u64::MAX)],
                0..500,
            ),
        ) {
            let mut table = KeyTable::default();
            for (place, hash) in (0_u32..).zip(&hashes) {
                table.insert(*hash, place);
            }
            let filter = KeyFilter::of(&table);
            for hash in hashes {
                prop_assert!(filter.may_hold(hash), "{hash}");
            }
        }
    }

    #[test]
    fn few_others_may_be_held() {
        let hash = |number: u64| (number + 1).wrapping_mul(0xd134_2543_de82_ef95);
        let mut table = KeyTable::default();
        for place in 0..100_000_u32 {
            table.insert(hash(u64::from(place)), place);
        }
        let filter = KeyFilter::of(&table);
        let held = (100_000..200_000).filter(|it| filter.may_hold(hash(*it))).count();
        assert!(held < 2_000, "{held} of 100,000");
    }
}
