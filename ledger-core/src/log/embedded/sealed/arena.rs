//! Records held in memory: one cache line each, and their bytes beside.
//!
//! A block is packed out of one and unpacked into one, and a whole segment is read into one where
//! records are wanted in order of position. A record here costs what its line and its own bytes
//! cost, whatever it left out.

use crate::log::embedded::raw::{RawKey, RawRecord, flag, parts_of};

/// Records and their bytes. Cleared and filled again, it allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    pub(super) heads: Vec<Head>,
    pub(super) bytes: Vec<u8>,
}

/// A record but for its bytes. One with position 0 is none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) position: u64,
    pub(super) revision: u64,
    pub(super) occurred_at: i64,
    pub(super) recorded_at: i64,
    pub(super) stream: u32,
    pub(super) wire: u32,
    pub(super) actor: u32,
    pub(super) source: u32,
    pub(super) index: u32,
    /// Where its bytes begin: causation, correlation, fingerprint, id, body; each if there is one.
    pub(super) bytes_at: u32,
    pub(super) body_bytes: u32,
    pub(super) id_bytes: u8,
    pub(super) parts: u8,
}

impl Head {
    /// The head of a record whose bytes begin at a place.
    pub(super) fn of(record: &RawRecord<'_>, bytes_at: u32) -> Option<Self> {
        let key = record.key;
        Some(Self {
            position: record.position,
            revision: record.revision,
            occurred_at: record.occurred_at,
            recorded_at: record.recorded_at,
            stream: record.stream,
            wire: record.wire,
            actor: record.actor,
            source: key.map_or(0, |key| key.source),
            index: key.map_or(0, |key| key.index),
            bytes_at,
            body_bytes: u32::try_from(record.body.len()).ok()?,
            id_bytes: u8::try_from(key.map_or(0, |key| key.id.len())).ok()?,
            parts: parts_of(record),
        })
    }

    /// Whether its source is one.
    pub(super) const fn has_key(&self) -> bool {
        self.parts & flag::KEY != 0
    }
}

impl Arena {
    /// Forgets the records and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.bytes.clear();
    }

    /// Where the next bytes go; `None` when 32 bits do not say it.
    pub(super) fn end(&self) -> Option<u32> {
        u32::try_from(self.bytes.len()).ok()
    }

    /// Adds a record after the last. `None` when it is outside the limits of a record.
    pub(super) fn push(&mut self, record: &RawRecord<'_>) -> Option<Head> {
        let head = Head::of(record, self.end()?)?;
        for part in [record.causation, record.correlation].into_iter().flatten() {
            self.bytes.extend_from_slice(part);
        }
        if let Some(fingerprint) = record.fingerprint {
            self.bytes.extend_from_slice(fingerprint);
        }
        if let Some(key) = &record.key {
            self.bytes.extend_from_slice(key.id);
        }
        self.bytes.extend_from_slice(record.body);
        self.heads.push(head);
        Some(head)
    }

    /// Takes the last record away.
    pub(super) fn pop(&mut self) {
        if let Some(head) = self.heads.pop() {
            self.bytes.truncate(head.bytes_at as usize);
        }
    }

    /// The record of a head of this arena.
    #[inline]
    pub(super) fn record(&self, head: &Head) -> Option<RawRecord<'_>> {
        let mut bytes = self.bytes.get(head.bytes_at as usize..)?;
        let causation = part(head.parts & flag::CAUSATION, &mut bytes)?;
        let correlation = part(head.parts & flag::CORRELATION, &mut bytes)?;
        let fingerprint = part(head.parts & flag::FINGERPRINT, &mut bytes)?;
        let key = if head.parts & flag::KEY == 0 {
            None
        } else {
            let (id, rest) = bytes.split_at_checked(usize::from(head.id_bytes))?;
            bytes = rest;
            let is_uuid = head.parts & flag::KEY_IS_UUID != 0;
            Some(RawKey { source: head.source, id, is_uuid, index: head.index })
        };
        Some(RawRecord {
            position: head.position,
            stream: head.stream,
            revision: head.revision,
            wire: head.wire,
            occurred_at: head.occurred_at,
            recorded_at: head.recorded_at,
            actor: head.actor,
            causation,
            correlation,
            key,
            fingerprint,
            body: bytes.get(..head.body_bytes as usize)?,
        })
    }

    /// The records in the order in which they were put.
    pub(super) fn records(&self) -> impl Iterator<Item = RawRecord<'_>> {
        let whole = "a head is only kept together with its bytes";
        self.heads.iter().map(move |head| self.record(head).expect(whole))
    }

    /// The record at a place, in the order in which they were put.
    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<RawRecord<'_>> {
        self.record(self.heads.get(place)?)
    }
}

/// Takes a part that is there or not; `None` when it should be and is not.
#[inline]
fn part<'a, const N: usize>(is_there: u8, bytes: &mut &'a [u8]) -> Option<Option<&'a [u8; N]>> {
    if is_there == 0 {
        return Some(None);
    }
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(Some(taken))
}
