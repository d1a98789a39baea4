//! The group that is being encoded: what becomes one frame, row by row.
//!
//! Its names are numbered in the segment as they come. It knows nothing of files or of what is
//! durable; the engine writes it, and decides when it counts.

use std::collections::BTreeMap;
use std::io;

use crate::log::embedded::frame::FRAME_HEADER_BYTES;
use crate::log::embedded::key_table::KeyTable;
use crate::log::embedded::layout;
use crate::log::embedded::prepare::{Prepared, PreparedEvent};
use crate::log::embedded::raw::{
    self, NameDefinition, NameKind, Names, RawKey, RawRecord, RowBase,
};

use super::Failure;

/// An event of the group, as the segment's index will know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entered {
    pub(super) stream: u32,
    pub(super) revision: u64,
    pub(super) key_hash: Option<u64>,
}

/// The group that is being encoded. It enters the segment's index while the disk writes it. Until
/// then the group answers for itself, which matters only where it has several appends.
#[derive(Debug)]
pub(super) struct Group {
    /// Room for the frame header, then rows.
    pub(super) bytes: Vec<u8>,
    pub(super) first_position: u64,
    pub(super) events: u32,
    pub(super) recorded_at: i64,
    pub(super) entered: Vec<Entered>,
    pub(super) has_several: bool,
    /// Hash of a key, and the event's place in the group.
    pub(super) keys: KeyTable,
    /// The last revision of each stream that the group appends to.
    pub(super) heads: BTreeMap<u32, u64>,
}

impl Group {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; FRAME_HEADER_BYTES],
            first_position: 0,
            events: 0,
            recorded_at: 0,
            entered: Vec::new(),
            has_several: false,
            keys: KeyTable::default(),
            heads: BTreeMap::new(),
        }
    }

    pub(super) fn begin(&mut self, first_position: u64) {
        self.first_position = first_position;
        self.bytes.clear();
        self.bytes.resize(FRAME_HEADER_BYTES, 0);
        self.keys.clear();
        self.heads.clear();
    }

    pub(super) fn enter(&mut self, entered: Entered) {
        if self.has_several
            && let Some(hash) = entered.key_hash
        {
            self.keys.insert(hash, self.events);
        }
        self.entered.push(entered);
        self.events = self.events.saturating_add(1);
    }
}

/// Puts names and events into the group.
pub(super) struct RowWriter<'a> {
    pub(super) names: &'a mut Names,
    pub(super) group: &'a mut Group,
    pub(super) base: RowBase,
}

impl RowWriter<'_> {
    pub(super) fn name(&mut self, kind: NameKind, text: &str) -> Result<u32, Failure> {
        let (number, is_new) = self.names.intern(kind, text).map_err(|error| Failure {
            what: "number a name of",
            path: layout::SEGMENTS_DIR.to_owned(),
            source: io::Error::other(error),
        })?;
        if is_new {
            raw::encode_name(&NameDefinition { kind, number, text }, &mut self.group.bytes);
        }
        Ok(number)
    }

    pub(super) fn event(&mut self, record: &RawRecord<'_>, event: &PreparedEvent) {
        raw::encode(record, &self.base, &mut self.group.bytes);
        self.group.enter(Entered {
            stream: record.stream,
            revision: record.revision,
            key_hash: event.key.as_ref().map(|key| key.hash),
        });
    }
}

/// The numbers of the names the event before had: most events of an append share them.
#[derive(Default)]
pub(super) struct LastNumbers {
    wire: Option<(&'static str, u32)>,
    source: Option<(usize, u32)>,
}

impl LastNumbers {
    pub(super) fn wire(
        &mut self,
        event: &PreparedEvent,
        rows: &mut RowWriter<'_>,
    ) -> Result<u32, Failure> {
        match self.wire {
            Some((name, number)) if name == event.wire => Ok(number),
            _ => {
                let number = rows.name(NameKind::Wire, event.wire)?;
                self.wire = Some((event.wire, number));
                Ok(number)
            }
        }
    }

    pub(super) fn key<'a>(
        &mut self,
        prepared: &'a Prepared,
        event: &'a PreparedEvent,
        rows: &mut RowWriter<'_>,
    ) -> Result<Option<RawKey<'a>>, Failure> {
        let Some(key) = &event.key else { return Ok(None) };
        let source = match self.source {
            Some((place, number)) if place == key.source => number,
            _ => {
                let number = rows.name(NameKind::Source, prepared.source(key))?;
                self.source = Some((key.source, number));
                number
            }
        };
        Ok(Some(RawKey { source, id: key.id(), is_uuid: key.is_uuid(), index: key.index }))
    }
}
