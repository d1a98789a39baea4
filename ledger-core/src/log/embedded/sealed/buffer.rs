//! Records read from a sealed segment, in memory that is used again for the next read.

use crate::log::embedded::raw::RawRecord;

use super::arena::Arena;
use super::block::Unpacker;

/// Holds what the last read gave.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    pub(super) arena: Arena,
    pub(super) unpacker: Unpacker,
    pub(super) stored: Vec<u8>,
}

impl Buffer {
    /// The records of the last read, in the order that was asked for.
    pub(crate) fn records(&self) -> impl ExactSizeIterator<Item = RawRecord<'_>> + Clone {
        self.arena.heads.iter().map(|head| {
            self.arena.record(head).expect("a head is only kept together with its bytes")
        })
    }

    /// The record at a place of the last read.
    pub(crate) fn get(&self, place: usize) -> Option<RawRecord<'_>> {
        self.arena.get(place)
    }
}
