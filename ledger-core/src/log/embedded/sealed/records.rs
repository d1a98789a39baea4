//! Records that are to be sealed, and the numbers that their names get.
//!
//! Sealing asks for records in order of position, then in order of stream, then again to compare.
//! They are asked for one at a time, so that what sealing keeps of each is a few numbers.

use crate::log::embedded::raw::{NameKind, RawKey, RawRecord};

/// Records in order of position that can be read again, one at a time, in any order.
pub(crate) trait Records {
    /// The record at a place, counted from the first; `None` behind the last.
    fn get(&self, place: usize) -> Option<RawRecord<'_>>;

    /// All of them in order.
    fn iter(&self) -> impl Iterator<Item = RawRecord<'_>> {
        (0..).map_while(|place| self.get(place))
    }
}

/// The numbers here of names that have other numbers there, kind by kind.
#[derive(Debug)]
pub(super) struct Numbers(pub(super) [Vec<u32>; 4]);

impl Numbers {
    /// The number of a name here.
    pub(super) fn of(&self, kind: NameKind, there: u32) -> Option<u32> {
        let [streams, wires, actors, sources] = &self.0;
        let list = match kind {
            NameKind::Stream => streams,
            NameKind::Wire => wires,
            NameKind::Actor => actors,
            NameKind::Source => sources,
        };
        list.get(there as usize).copied()
    }

    /// A record with the numbers of here.
    pub(super) fn translate<'a>(&self, record: &RawRecord<'a>) -> Option<RawRecord<'a>> {
        let key = match record.key {
            None => None,
            Some(key) => Some(RawKey { source: self.of(NameKind::Source, key.source)?, ..key }),
        };
        Some(RawRecord {
            stream: self.of(NameKind::Stream, record.stream)?,
            wire: self.of(NameKind::Wire, record.wire)?,
            actor: self.of(NameKind::Actor, record.actor)?,
            key,
            ..*record
        })
    }
}

/// Which names some record has, kind by kind.
#[derive(Debug)]
pub(super) struct Used([Vec<bool>; 4]);

impl Used {
    /// None of so many.
    pub(super) fn none_of(counts: [usize; 4]) -> Self {
        Self(counts.map(|count| vec![false; count]))
    }

    /// Marks the names of a record; the first that is in no list is the error.
    #[inline]
    pub(super) fn mark(
        &mut self,
        [stream, wire, actor]: [u32; 3],
        source: Option<u32>,
    ) -> Result<(), (NameKind, u32)> {
        let numbers = [Some(stream), Some(wire), Some(actor), source];
        for ((kind, list), number) in NameKind::ALL.into_iter().zip(&mut self.0).zip(numbers) {
            let Some(number) = number else { continue };
            *list.get_mut(number as usize).ok_or((kind, number))? = true;
        }
        Ok(())
    }

    /// Which of one kind.
    pub(super) fn lists(&self) -> impl Iterator<Item = (NameKind, &[bool])> {
        NameKind::ALL.into_iter().zip(self.0.iter().map(Vec::as_slice))
    }
}
