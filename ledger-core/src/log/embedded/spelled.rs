//! A record with its names spelled out: what is left of a segment's numbers when it is read.

use crate::event::Event;
use crate::id::{CorrelationId, EventId, Key, KeyId, LedgerId};
use crate::log::{Fingerprint, Position, ReadError, Record, Revision};
use crate::stream::Stream;
use crate::time::Timestamp;

use super::raw::{Entry, NameKind, Names, RawRecord, RowBase, Rows};
use super::spelling;

/// A key with its source spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpelledKey {
    pub(crate) source: String,
    pub(crate) id: Vec<u8>,
    pub(crate) is_uuid: bool,
    pub(crate) index: u32,
}

/// An owned record that needs no segment to be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spelled {
    pub(crate) position: u64,
    pub(crate) stream: String,
    pub(crate) revision: u64,
    pub(crate) wire: String,
    pub(crate) occurred_at: i64,
    pub(crate) recorded_at: i64,
    pub(crate) actor: String,
    pub(crate) causation: Option<[u8; 16]>,
    pub(crate) correlation: Option<[u8; 16]>,
    pub(crate) key: Option<SpelledKey>,
    pub(crate) fingerprint: Option<[u8; 32]>,
    pub(crate) body: Vec<u8>,
}

impl Spelled {
    /// `None` when a number has no name.
    pub(crate) fn new(record: &RawRecord<'_>, names: &Names) -> Option<Self> {
        let key = match &record.key {
            None => None,
            Some(key) => Some(SpelledKey {
                source: names.text(NameKind::Source, key.source)?.to_owned(),
                id: key.id.to_vec(),
                is_uuid: key.is_uuid,
                index: key.index,
            }),
        };
        Some(Self {
            position: record.position,
            stream: names.text(NameKind::Stream, record.stream)?.to_owned(),
            revision: record.revision,
            wire: names.text(NameKind::Wire, record.wire)?.to_owned(),
            occurred_at: record.occurred_at,
            recorded_at: record.recorded_at,
            actor: names.text(NameKind::Actor, record.actor)?.to_owned(),
            causation: record.causation.copied(),
            correlation: record.correlation.copied(),
            key,
            fingerprint: record.fingerprint.copied(),
            body: record.body.to_vec(),
        })
    }

    /// The record at a position among the rows of a frame.
    pub(crate) fn find(rows: &[u8], base: RowBase, names: &Names, position: u64) -> Option<Self> {
        Rows::new(rows, base).find_map(|row| match row {
            Ok(Entry::Event(record)) if record.position == position => Self::new(&record, names),
            Ok(Entry::Event(_) | Entry::Name(_)) | Err(_) => None,
        })
    }

    /// The record as everyone outside the engine sees it.
    pub(crate) fn into_record(self, ledger: LedgerId) -> Result<Record, ReadError> {
        let position = Position::new(self.position);
        let bad = |what: &str| ReadError::Undecodable {
            position,
            wire: self.wire.clone(),
            what: what.to_owned(),
        };
        let time = |micros| Timestamp::from_micros(micros).map_err(|error| bad(&error.to_string()));
        let stream: Stream = self.stream.parse().map_err(|_| bad("its stream has no such name"))?;
        let actor = spelling::read_actor(&self.actor).ok_or_else(|| bad("nobody acted"))?;
        let key = match &self.key {
            None => None,
            Some(key) => {
                let (scope, source) = spelling::read_source(&key.source)
                    .ok_or_else(|| bad("its key has no source"))?;
                let id = key.id_text().ok_or_else(|| bad("its key has no id"))?;
                Some(Key { scope, source, id, index: key.index })
            }
        };
        let id = match &key {
            Some(key) => EventId::derive(key),
            None => EventId::derive_placed(&ledger, &stream, Revision::new(self.revision)),
        };
        let (event, written) = Event::decode_written(&self.wire, &self.body)
            .map_err(|error| bad(&error.to_string()))?;
        Ok(Record {
            position,
            stream,
            revision: Revision::new(self.revision),
            id,
            occurred_at: time(self.occurred_at)?,
            recorded_at: time(self.recorded_at)?,
            actor,
            causation: self.causation.map(EventId::from_bytes),
            correlation: self.correlation.map(CorrelationId::from_bytes),
            key,
            fingerprint: self.fingerprint.map(Fingerprint),
            event,
            written,
        })
    }
}

impl SpelledKey {
    /// The id as text.
    pub(crate) fn id_text(&self) -> Option<KeyId> {
        if self.is_uuid {
            let bytes: [u8; 16] = self.id.as_slice().try_into().ok()?;
            return KeyId::new(&EventId::from_bytes(bytes).to_string()).ok();
        }
        KeyId::new(std::str::from_utf8(&self.id).ok()?).ok()
    }
}

#[cfg(test)]
mod tests;
