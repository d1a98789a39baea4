//! Which events of one unsealed segment have a key with some hash.
//!
//! Open addressing in one array of words, so that an absent key, which is the usual case, costs one
//! look at memory. A word is 38 bits of the hash above 26 bits of the event's place in the segment
//! plus one; zero is empty. The place in the array comes from the hash's first bits, which the word
//! keeps, so the array grows without asking for hashes again. What is found is a hint: whoever asks
//! compares with the record.

use super::mapped::mapped;

/// Bits of an event's place in its segment.
const PLACE_BITS: u32 = 26;
/// The first place that has no word.
pub(crate) const PLACES_MAX: u32 = (1 << PLACE_BITS) - 1;
const PLACE_MASK: u64 = (1 << PLACE_BITS) - 1;
const SLOTS_MIN: usize = 1024;
/// A table of so many goes back to the system when it has grown or its segment is sealed.
const SLOTS_MAPPED: usize = 128 * 1024;

/// A multimap from hash to place.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    /// A power of two, at most five eighths filled: fuller, what is absent takes many looks.
    slots: Vec<u64>,
    filled: usize,
}

impl KeyTable {
    /// Makes room for so many more.
    pub(crate) fn reserve(&mut self, more: usize) {
        let wanted = self.filled.saturating_add(more);
        let slots = wanted.saturating_mul(8).div_ceil(5).saturating_add(1).next_power_of_two();
        if slots > self.slots.len() {
            self.grow(slots.max(SLOTS_MIN));
        }
    }

    /// Forgets everything and keeps the room, which is that of a group.
    pub(crate) fn clear(&mut self) {
        if self.filled > 0 {
            self.slots.fill(0);
            self.filled = 0;
        }
    }

    /// Adds a hash's place, below [`PLACES_MAX`].
    pub(crate) fn insert(&mut self, hash: u64, place: u32) {
        if self.filled.saturating_mul(8) >= self.slots.len().saturating_mul(5) {
            let doubled = self.slots.len().saturating_mul(2).max(SLOTS_MIN);
            self.grow(doubled);
        }
        let word = Self::kept(hash) | (u64::from(place).saturating_add(1) & PLACE_MASK);
        self.put(word);
        self.filled = self.filled.saturating_add(1);
    }

    /// Brings the first slot of each hash near. No look waits for another here, so the processor
    /// waits for the memory of many at once; whoever asks or puts in next finds it there.
    pub(crate) fn fetch(&self, hashes: impl Iterator<Item = u64>) {
        let first = |hash| self.slots.get(self.first(hash)).copied().unwrap_or(0);
        std::hint::black_box(hashes.fold(0, |all, hash| all ^ first(hash)));
    }

    /// The places of a hash.
    pub(crate) fn find(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let tag = Self::kept(hash);
        let mut at = self.first(hash);
        std::iter::from_fn(move || {
            loop {
                let word = self.slots.get(at).copied().filter(|word| *word != 0)?;
                at = self.next(at);
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
        self.slots.iter().filter(|word| **word != 0).map(|word| Self::kept(*word))
    }

    fn first(&self, hash: u64) -> usize {
        // The upper bits of the hash, as many as there are slots.
        let bits = self.slots.len().trailing_zeros();
        usize::try_from(hash.checked_shr(u64::BITS - bits).unwrap_or(0)).unwrap_or(0)
    }

    fn next(&self, at: usize) -> usize {
        at.wrapping_add(1) & self.slots.len().wrapping_sub(1)
    }

    fn put(&mut self, word: u64) {
        let mut at = self.first(word);
        while self.slots.get(at).is_some_and(|slot| *slot != 0) {
            at = self.next(at);
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = word;
        }
    }

    fn grow(&mut self, slots: usize) {
        let mut grown = if slots < SLOTS_MAPPED { Vec::new() } else { mapped(slots) };
        grown.resize(slots, 0);
        let before = std::mem::replace(&mut self.slots, grown);
        for word in before.into_iter().filter(|word| *word != 0) {
            self.put(word);
        }
    }
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

    #[test]
    fn the_last_place_is_found() {
        let mut table = KeyTable::default();
        table.insert(7 << 40, PLACES_MAX - 1);
        assert_eq!(table.find(7 << 40).collect::<Vec<_>>(), [PLACES_MAX - 1]);
    }
}
