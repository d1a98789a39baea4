//! Records read from a sealed segment, in memory that is used again for the next read.

use crate::log::embedded::raw::RawRecord;

use super::arena::{Arena, Head};
use super::block::Unpacker;

/// Holds what the last read gave.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    /// What was decoded, in the order of the file.
    pub(super) arena: Arena,
    /// The places in the arena of what was asked for, in the order asked for. To put four bytes in
    /// order is cheap; to put whole records in order costs a miss of every cache for each.
    pub(super) order: Vec<u32>,
    pub(super) unpacker: Unpacker,
    pub(super) stored: Vec<u8>,
}

impl Buffer {
    /// Forgets the records and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.arena.clear();
        self.order.clear();
    }

    /// The records of the last read, in the order that was asked for.
    pub(crate) fn records(&self) -> Gathered<'_> {
        self.records_from(0)
    }

    /// The same without the first so many.
    pub(crate) fn records_from(&self, place: usize) -> Gathered<'_> {
        let order = self.order.get(place..).unwrap_or_default();
        let heads = [Head::default(); GATHERED];
        Gathered { arena: &self.arena, order, heads, next: GATHERED }
    }

    /// The record at a place of the last read.
    pub(crate) fn get(&self, place: usize) -> Option<RawRecord<'_>> {
        self.arena.get(*self.order.get(place)? as usize)
    }
}

/// How many records are fetched together.
const GATHERED: usize = 16;

/// Records in an order that is not that of memory.
///
/// The next few are fetched before any is given out: their misses of the cache are then waited for
/// together, where one by one each would be waited for alone.
#[derive(Debug, Clone)]
pub(crate) struct Gathered<'a> {
    arena: &'a Arena,
    order: &'a [u32],
    heads: [Head; GATHERED],
    next: usize,
}

impl Gathered<'_> {
    fn gather(&mut self) {
        for (head, place) in self.heads.iter_mut().zip(self.order) {
            *head = self.arena.heads.get(*place as usize).copied().unwrap_or_default();
        }
        let touched = self.heads.iter().fold(0, |sum, head| {
            let at = head.bytes_at as usize;
            let [begin, end] = [at, at + TOUCHED].map(|at| self.arena.bytes.get(at).copied());
            sum ^ begin.unwrap_or(0) ^ end.unwrap_or(0)
        });
        std::hint::black_box(touched);
        self.next = 0;
    }
}

/// How far a record's bytes are fetched ahead: to the next line of the cache.
const TOUCHED: usize = 64;

impl<'a> Iterator for Gathered<'a> {
    type Item = RawRecord<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (_, rest) = self.order.split_first()?;
        if self.next == GATHERED {
            self.gather();
        }
        let head = self.heads.get(self.next)?;
        self.next += 1;
        self.order = rest;
        Some(self.arena.record(head).expect("a head is only kept together with its bytes"))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.order.len(), Some(self.order.len()))
    }
}

impl ExactSizeIterator for Gathered<'_> {}
