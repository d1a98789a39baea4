//! Which events of one unsealed segment have a key with some hash.
//!
//! Open addressing in one array of words, so that an absent key, which is the usual case, costs one
//! look at memory. A word is 38 bits of the hash above 26 bits of the event's place in the segment
//! plus one; zero is empty. The place in the array comes from the hash's first bits, which the word
//! keeps, so the array grows without asking for hashes again. What is found is a hint: whoever asks
//! compares with the record.

use super::memory::Memory;

/// Bits of an event's place in its segment.
const PLACE_BITS: u32 = 26;
/// The first place that has no word.
pub(crate) const PLACES_MAX: u32 = (1 << PLACE_BITS) - 1;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;
const SLOTS_MIN: usize = 1024;
const SLOT_BYTES: usize = 8;
/// A table that has room for this part of what is likely grows to all of it next.
const LIKELY_PARTS: usize = 8;

/// A multimap from hash to place.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    /// A power of two, at most five eighths filled: fuller, what is absent takes many looks.
    slots: Memory,
    filled: usize,
    /// How many words it is likely to hold in the end.
    likely: usize,
}

impl KeyTable {
    /// One for so many, whose memory is not only promised but there.
    pub(crate) fn ready(likely: usize) -> Self {
        let mut table = Self { likely, ..Self::default() };
        table.reserve(likely);
        table.slots.bytes_mut().fill(0);
        table
    }

    /// Says how many it is likely to hold in the end: when it has outgrown a small part of that, it
    /// makes room for all of it, instead of putting each word in again and again.
    pub(crate) fn expect(&mut self, likely: usize) {
        self.likely = likely;
    }

    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        let slots = slots_for(self.filled.saturating_add(more));
        if slots > self.count() {
            self.grow(slots.max(SLOTS_MIN));
        }
    }

    /// Forgets everything and keeps the room, which is that of a group.
    pub(crate) fn clear(&mut self) {
        if self.filled > 0 {
            self.slots.bytes_mut().fill(0);
            self.filled = 0;
        }
    }

    /// Adds a hash's place, below [`PLACES_MAX`].
    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        if self.filled.saturating_mul(8) >= self.count().saturating_mul(5) {
            let doubled = self.count().saturating_mul(2).max(SLOTS_MIN);
            let for_all = slots_for(self.likely);
            let is_small = doubled.saturating_mul(LIKELY_PARTS) < for_all;
            self.grow(if is_small { doubled } else { doubled.max(for_all) });
        }
        let word = Self::kept(hash) | (u64::from(place).saturating_add(1) & PLACE_MASK);
        self.put(word);
        self.filled = self.filled.saturating_add(1);
    }

    /// Brings the first slot of each hash near. No look waits for another here, so the processor
    /// waits for the memory of many at once; whoever asks or puts in next finds it there.
    pub(crate) fn fetch(&self, hashes: impl Iterator<Item = u64>) {
        let slots = self.slots();
        let first = |hash| word(slots.get(first(hash, slots.len())));
        std::hint::black_box(hashes.fold(0, |all, hash| all ^ first(hash)));
    }

    /// The places of a hash.
    pub(crate) fn find(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let tag = Self::kept(hash);
        let slots = self.slots();
        let mut at = first(hash, slots.len());
        std::iter::from_fn(move || {
            loop {
                let word = word(slots.get(at));
                if word == 0 {
                    return None;
                }
                at = next(at, slots.len());
                if Self::kept(word) == tag {
                    return u32::try_from(word & PLACE_MASK).ok()?.checked_sub(1);
                }
            }
        })
    }

    /// Whether any place may have this hash.
    #[inline]
    pub(crate) fn holds(&self, hash: u64) -> bool {
        self.find(hash).next().is_some()
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.filled
    }

    /// What is kept of a hash.
    pub(crate) const fn kept(hash: u64) -> u64 {
        hash & !PLACE_MASK
    }

    /// What is kept of each hash, in no order that means anything.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = u64> + '_ {
        filled(&self.slots).map(Self::kept)
    }

    fn slots(&self) -> &[Slot] {
        self.slots.bytes().as_chunks().0
    }

    fn count(&self) -> usize {
        self.slots().len()
    }

    fn put(&mut self, word: u64) {
        let slots: &mut [Slot] = self.slots.bytes_mut().as_chunks_mut().0;
        let mut at = first(word, slots.len());
        while slots.get(at).is_some_and(|slot| *slot != EMPTY) {
            at = next(at, slots.len());
        }
        if let Some(slot) = slots.get_mut(at) {
            *slot = word.to_le_bytes();
        }
    }

    fn grow(&mut self, slots: usize) {
        let grown = Memory::zeroed(slots.saturating_mul(SLOT_BYTES));
        let before = std::mem::replace(&mut self.slots, grown);
        filled(&before).for_each(|word| self.put(word));
    }
}

/// A word, as bytes: memory is handed out in bytes.
type Slot = [u8; SLOT_BYTES];
const EMPTY: Slot = [0; SLOT_BYTES];

fn word(slot: Option<&Slot>) -> u64 {
    slot.map_or(0, |slot| u64::from_le_bytes(*slot))
}

fn filled(slots: &Memory) -> impl Iterator<Item = u64> + '_ {
    let slots: &[Slot] = slots.bytes().as_chunks().0;
    slots.iter().map(|slot| word(Some(slot))).filter(|word| *word != 0)
}

/// Slots for so many words.
fn slots_for(words: usize) -> usize {
    words.saturating_mul(8).div_ceil(5).saturating_add(1).next_power_of_two()
}

/// The first place of a hash among so many: its upper bits, as many as it takes to count them.
fn first(hash: u64, slots: usize) -> usize {
    let bits = slots.trailing_zeros();
    usize::try_from(hash.checked_shr(u64::BITS - bits).unwrap_or(0)).unwrap_or(0)
}

fn next(at: usize, slots: usize) -> usize {
    at.wrapping_add(1) & slots.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    proptest! {
        #![proptest_config(cases(10_000))]

        /// Few hashes and many: everything put in is found, and nothing whose kept bits differ.
        #[test]
        fn what_was_put_in_is_found(
            hashes in proptest::collection::vec(
                prop_oneof![any::<u64>(), (0_u64..4).prop_map(|it| it << 60), Just(u64::MAX)],
                0..3000,
            ),
            absent in any::<u64>(),
        ) {
            let mut table = KeyTable::default();
            let mut model: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
            for (place, hash) in (0_u32..).zip(&hashes) {
                table.insert(*hash, place);
                model.entry(hash >> PLACE_BITS).or_default().push(place);
            }
            // Each hash is asked for once: the same few stand for most of what was put in.
            let asked: BTreeSet<u64> = hashes.into_iter().chain([absent]).collect();
            for hash in asked {
                let mut found: Vec<u32> = table.find(hash).collect();
                found.sort_unstable();
                let expected = model.get(&(hash >> PLACE_BITS)).cloned().unwrap_or_default();
                prop_assert_eq!(found, expected);
            }
        }
    }

    /// A few words need little room; many get the room of all at once.
    #[test]
    fn a_table_grows_to_what_is_likely() {
        let mut table = KeyTable::default();
        table.expect(1_000_000);
        let mut seen = vec![table.count()];
        for place in 0..700_000_u32 {
            table.insert(u64::from(place).wrapping_mul(0x9e37_79b9_7f4a_7c15), place);
            if seen.last() != Some(&table.count()) {
                seen.push(table.count());
            }
        }
        let doubled = (10..18).map(|bits| 1 << bits);
        let expected: Vec<usize> = [0].into_iter().chain(doubled).chain([1 << 21]).collect();
        assert_eq!(seen, expected);
        assert_eq!(KeyTable::ready(1_000_000).count(), 1 << 21);
    }

    #[test]
    fn the_last_place_is_found() {
        let mut table = KeyTable::default();
        table.insert(7 << 40, PLACES_MAX - 1);
        assert_eq!(table.find(7 << 40).collect::<Vec<_>>(), [PLACES_MAX - 1]);
    }
}
