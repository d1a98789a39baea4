//! One unsealed segment: where its frames are, and what of it must be found without reading it.
//!
//! The writer fills the index while the disk writes a group; a reader in another process fills its
//! own from the frames it reads. It may run ahead of what is acknowledged, so who asks says
//! up to which position he may see. What it holds is bounded by the size of a segment.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::log::storage::File;

use super::frame::{FRAME_HEADER_BYTES, FrameHeader};
use super::key_feed::PendingKeys;
use super::key_filter::KeyFilter;
use super::key_table::{KeyTable, PLACES_MAX};
use super::raw::{Entry, NameError, NameKind, Names, RawRecord, RowBase, RowError, Rows};

/// An unsealed segment that is open.
pub(crate) struct Tail {
    pub(crate) segment: u32,
    /// The position of its first event.
    pub(crate) first_position: u64,
    /// The sequence of its first frame.
    pub(crate) first_sequence: u64,
    pub(crate) path: String,
    pub(crate) file: Arc<dyn File>,
    index: RwLock<TailIndex>,
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Where one frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TailFrame {
    pub(crate) offset: u64,
    pub(crate) sequence: u64,
    pub(crate) first_position: u64,
    pub(crate) events: u32,
    pub(crate) payload_bytes: u32,
    pub(crate) recorded_at: i64,
}

/// What one stream has in the segment.
#[derive(Debug, Default)]
struct TailStream {
    first_revision: u64,
    /// Places of its events, counted from the segment's first.
    ordinals: Vec<u32>,
}

/// Everything found without reading.
#[derive(Debug, Default)]
pub(crate) struct TailIndex {
    pub(crate) names: Names,
    frames: Vec<TailFrame>,
    streams: Vec<TailStream>,
    keys: KeyTable,
    /// Of the keys of a segment that gets no more.
    filter: Option<KeyFilter>,
    events: u32,
    end: u64,
    last_recorded_at: Option<i64>,
}

/// Why a frame whose checksums hold is not one of its segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AbsorbError {
    #[error("a row does not decode: {0}")]
    Row(#[from] RowError),
    #[error("a name does not fit: {0}")]
    Name(#[from] NameError),
    #[error("{kind:?} number {number} has no name")]
    Unnamed { kind: NameKind, number: u32 },
    #[error("stream number {stream} goes from revision {expected} to {found}")]
    Revision { stream: u32, expected: u64, found: u64 },
    #[error("it says {said} events and holds {held}")]
    Count { said: u32, held: u32 },
    #[error("the segment holds more events than can be numbered")]
    Full,
}

impl Tail {
    pub(crate) fn new(
        segment: u32,
        first_position: u64,
        first_sequence: u64,
        path: String,
        file: Arc<dyn File>,
    ) -> Self {
        let index = RwLock::new(TailIndex::default());
        Self { segment, first_position, first_sequence, path, file, index }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, TailIndex> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, TailIndex> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the keys of a segment that gets no more quick to ask for. Whether there was anything
    /// to do.
    pub(crate) fn close(&self) -> bool {
        let filter = {
            let index = self.read();
            if index.filter.is_some() {
                return false;
            }
            KeyFilter::of(&index.keys)
        };
        self.write().filter = Some(filter);
        true
    }

    /// The position of an event of the segment.
    pub(crate) fn position(&self, ordinal: u32) -> u64 {
        self.first_position.saturating_add(u64::from(ordinal))
    }
}

impl TailFrame {
    pub(crate) fn from_header(header: &FrameHeader) -> Self {
        Self {
            offset: header.offset,
            sequence: header.sequence,
            first_position: header.first_position,
            events: header.events,
            payload_bytes: header.payload_bytes,
            recorded_at: header.recorded_at,
        }
    }

    /// Header and payload.
    pub(crate) fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }

    /// What the rows count from.
    pub(crate) fn base(&self) -> RowBase {
        RowBase {
            position: self.first_position,
            recorded_at: self.recorded_at,
            occurred_at: self.recorded_at,
        }
    }

    /// The position after its last event.
    pub(crate) fn end_position(&self) -> u64 {
        self.first_position.saturating_add(u64::from(self.events))
    }
}

impl TailIndex {
    /// Events indexed so far, acknowledged or not.
    pub(crate) fn events(&self) -> u32 {
        self.events
    }

    /// Where the next frame begins.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn last_recorded_at(&self) -> Option<i64> {
        self.last_recorded_at
    }

    pub(crate) fn frames(&self) -> &[TailFrame] {
        &self.frames
    }

    /// The frame that holds a position.
    pub(crate) fn frame_of(&self, position: u64) -> Option<TailFrame> {
        let after = self.frames.partition_point(|frame| frame.first_position <= position);
        let frame = *self.frames.get(after.checked_sub(1)?)?;
        (position < frame.end_position()).then_some(frame)
    }

    /// Frames from the one that holds `position` on.
    pub(crate) fn frames_from(&self, position: u64) -> &[TailFrame] {
        let first = self.frames.partition_point(|frame| frame.end_position() <= position);
        self.frames.get(first..).unwrap_or_default()
    }

    /// The revision of a stream's last event here among the first `events`; `None` when it has
    /// none.
    pub(crate) fn head_of(&self, stream: u32, events: u32) -> Option<u64> {
        let it = self.streams.get(usize::try_from(stream).ok()?)?;
        let visible = it.ordinals.partition_point(|ordinal| *ordinal < events);
        let last = u64::try_from(visible.checked_sub(1)?).ok()?;
        it.first_revision.checked_add(last)
    }

    /// The places of a stream's events from a revision on among the first `events`, oldest first.
    pub(crate) fn ordinals_of(&self, stream: u32, from_revision: u64, events: u32) -> &[u32] {
        let Some(it) = usize::try_from(stream).ok().and_then(|at| self.streams.get(at)) else {
            return &[];
        };
        let visible = it.ordinals.partition_point(|ordinal| *ordinal < events);
        let skip = from_revision.saturating_sub(it.first_revision);
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        it.ordinals.get(skip.min(visible)..visible).unwrap_or_default()
    }

    /// Places of events whose key has this hash.
    pub(crate) fn key_candidates(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        self.keys.find(hash)
    }

    /// Whether an event may have a key with this hash.
    pub(crate) fn may_hold_key(&self, hash: u64) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.may_hold(hash)) && self.keys.holds(hash)
    }

    /// Brings near what is asked for keys with these hashes, and where they would be put.
    pub(crate) fn fetch_keys(&self, hashes: impl Iterator<Item = u64>) {
        match &self.filter {
            Some(filter) => filter.fetch(hashes),
            None => self.keys.fetch(hashes),
        }
    }

    /// Says how many keys there are likely to be.
    pub(crate) fn expect_keys(&mut self, likely: usize) {
        self.keys.expect(likely);
    }

    /// What keys that were read are put in by, and where.
    pub(crate) fn names_and_keys(&mut self) -> (&Names, &mut KeyTable) {
        (&self.names, &mut self.keys)
    }

    /// Lends the table of the keys.
    pub(crate) fn take_keys(&mut self) -> KeyTable {
        std::mem::take(&mut self.keys)
    }

    /// Gives it back.
    pub(crate) fn set_keys(&mut self, keys: KeyTable) {
        self.keys = keys;
    }

    /// Takes the next event. `key_hash` is that of its key.
    pub(crate) fn push_event(
        &mut self,
        stream: u32,
        revision: u64,
        key_hash: Option<u64>,
    ) -> Result<(), AbsorbError> {
        let place = usize::try_from(stream).map_err(|_| AbsorbError::Full)?;
        if self.streams.len() <= place {
            self.streams.resize_with(place.saturating_add(1), TailStream::default);
        }
        let ordinal = self.events;
        if let Some(it) = self.streams.get_mut(place) {
            if it.ordinals.is_empty() {
                it.first_revision = revision;
            }
            let held = u64::try_from(it.ordinals.len()).unwrap_or(u64::MAX);
            let expected = it.first_revision.saturating_add(held);
            if expected != revision {
                return Err(AbsorbError::Revision { stream, expected, found: revision });
            }
            it.ordinals.push(ordinal);
        }
        if let Some(hash) = key_hash {
            self.keys.insert(hash, ordinal);
        }
        let events = ordinal.saturating_add(1);
        self.events = if events < PLACES_MAX { events } else { return Err(AbsorbError::Full) };
        Ok(())
    }

    /// Takes the next frame, whose events were pushed.
    pub(crate) fn push_frame(&mut self, frame: TailFrame) {
        self.end = frame.offset.saturating_add(frame.frame_bytes());
        self.last_recorded_at = Some(frame.recorded_at);
        self.frames.push(frame);
    }

    /// Sets where the first frame begins.
    pub(crate) fn begin_at(&mut self, offset: u64) {
        self.end = offset;
    }

    /// Takes a frame that was read, its names and events; their keys are left with `keys`. The
    /// index is of no use after an error.
    pub(crate) fn absorb(
        &mut self,
        frame: TailFrame,
        payload: &[u8],
        keys: &mut PendingKeys,
    ) -> Result<(), AbsorbError> {
        let before = self.events;
        for row in Rows::new(payload, frame.base()) {
            match row? {
                Entry::Name(name) => self.names.define(&name)?,
                Entry::Event(record) => {
                    check_names(&self.names, &record)?;
                    if let Some(key) = &record.key {
                        keys.push(self.events, key);
                    }
                    self.push_event(record.stream, record.revision, None)?;
                }
            }
        }
        let held = self.events.saturating_sub(before);
        if held != frame.events {
            return Err(AbsorbError::Count { said: frame.events, held });
        }
        self.push_frame(frame);
        Ok(())
    }
}

fn check_names(names: &Names, record: &RawRecord<'_>) -> Result<(), AbsorbError> {
    let source = record.key.as_ref().map(|key| (NameKind::Source, key.source));
    let used = [
        Some((NameKind::Stream, record.stream)),
        Some((NameKind::Wire, record.wire)),
        Some((NameKind::Actor, record.actor)),
        source,
    ];
    for (kind, number) in used.into_iter().flatten() {
        let known = usize::try_from(number).is_ok_and(|number| number < names.texts(kind).len());
        if !known {
            return Err(AbsorbError::Unnamed { kind, number });
        }
    }
    Ok(())
}
