//! What a caller's thread does for an append before the writer sees it: check it and encode it.
//!
//! Everything that needs no state is refused here, so that the writer only ever holds appends that
//! fit a segment. The writer does no encoding of bodies and no hashing of its own.

use std::ops::Range;

use crate::id::{CorrelationId, EventId, KeyId, KeyScope, KeySource, uuid_bytes};
use crate::log::{
    APPEND_BYTES_MAX, APPEND_EVENTS_MAX, Append, AppendError, EVENT_BYTES_MAX, Expected, NewEvent,
    OnConflict,
};
use crate::stream::Stream;

use super::spelling::{self, NameHash};

/// More than any row needs beside its key's text and its body.
const ROW_OVERHEAD_BYTES_MAX: usize = 160;
/// More than the definition of a name needs beside its text.
const NAME_OVERHEAD_BYTES_MAX: usize = 12;
/// Room for a body before it is known: most need less, and larger ones only cost a reallocation.
const BODY_BYTES_USUAL: usize = 64;

/// An append, checked and encoded.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) stream: Stream,
    pub(crate) stream_name: String,
    pub(crate) expected: Expected,
    pub(crate) on_conflict: OnConflict,
    pub(crate) actor: String,
    pub(crate) causation: Option<EventId>,
    pub(crate) correlation: Option<CorrelationId>,
    /// The spelled key sources of its events.
    pub(crate) sources: Vec<String>,
    pub(crate) events: Vec<PreparedEvent>,
    /// The bodies, one after the other.
    bodies: Vec<u8>,
    /// At most so many bytes go into a frame for it.
    pub(crate) frame_bytes_max: usize,
    /// What it was made of and nobody needs any more. To free it takes as long as to encode it, so
    /// whoever has it chooses when.
    pub(crate) spent: Vec<NewEvent>,
}

/// One event of it.
#[derive(Debug)]
pub(crate) struct PreparedEvent {
    pub(crate) wire: &'static str,
    body: Range<usize>,
    pub(crate) occurred_at: i64,
    pub(crate) key: Option<PreparedKey>,
    pub(crate) fingerprint: Option<[u8; 32]>,
}

/// The key of an event.
#[derive(Debug)]
pub(crate) struct PreparedKey {
    /// Which of the append's sources.
    pub(crate) source: usize,
    id: IdForm,
    pub(crate) index: u32,
    pub(crate) hash: u64,
}

#[derive(Debug)]
enum IdForm {
    Uuid([u8; 16]),
    Text(KeyId),
}

impl PreparedKey {
    /// The bytes of the id in its one form.
    pub(crate) fn id(&self) -> &[u8] {
        match &self.id {
            IdForm::Uuid(bytes) => bytes,
            IdForm::Text(text) => text.as_str().as_bytes(),
        }
    }

    pub(crate) fn is_uuid(&self) -> bool {
        matches!(self.id, IdForm::Uuid(_))
    }
}

impl Prepared {
    /// The spelled source of a key of its.
    pub(crate) fn source(&self, key: &PreparedKey) -> &str {
        self.sources.get(key.source).map_or("", String::as_str)
    }

    /// The body of one of its events.
    pub(crate) fn body(&self, event: &PreparedEvent) -> &[u8] {
        self.bodies.get(event.body.clone()).unwrap_or_default()
    }

    /// Checks and encodes. `segment_room` is what an empty segment takes.
    pub(crate) fn new(
        append: Append,
        hash: &NameHash,
        segment_room: usize,
    ) -> Result<Self, AppendError> {
        let Append { stream, expected, actor, causation, correlation, events, on_conflict } =
            append;
        if events.is_empty() {
            return Err(AppendError::Empty { stream });
        }
        let count = events.len();
        let mut prepared = Self {
            stream_name: stream.to_string(),
            stream,
            expected,
            on_conflict,
            actor: spelling::actor(&actor),
            causation,
            correlation,
            sources: Vec::new(),
            events: Vec::with_capacity(count.min(APPEND_EVENTS_MAX)),
            bodies: Vec::with_capacity(
                count.min(APPEND_EVENTS_MAX).saturating_mul(BODY_BYTES_USUAL),
            ),
            frame_bytes_max: 0,
            spent: Vec::new(),
        };
        let too_large = |bytes: usize| AppendError::TooLarge {
            events: count,
            bytes,
            events_max: APPEND_EVENTS_MAX,
            bytes_max: APPEND_BYTES_MAX.min(segment_room),
        };
        if count > APPEND_EVENTS_MAX {
            return Err(too_large(0));
        }
        let mut bound = prepared
            .stream_name
            .len()
            .saturating_add(prepared.actor.len())
            .saturating_add(2 * NAME_OVERHEAD_BYTES_MAX);
        let mut last_source: Option<(&KeyScope, &KeySource)> = None;
        for (index, new) in events.iter().enumerate() {
            let wire = new.event.wire_name();
            if !new.event.belongs_in(&prepared.stream) {
                return Err(AppendError::WrongStream { index, wire, stream: prepared.stream });
            }
            let starts = prepared.bodies.len();
            new.event
                .encode_into(&mut prepared.bodies)
                .map_err(|_| AppendError::Encode { index, wire })?;
            let body = starts..prepared.bodies.len();
            if body.len() > EVENT_BYTES_MAX {
                let bytes_max = EVENT_BYTES_MAX;
                return Err(AppendError::EventTooLarge {
                    index,
                    wire,
                    bytes: body.len(),
                    bytes_max,
                });
            }
            bound = bound.saturating_add(body.len()).saturating_add(ROW_OVERHEAD_BYTES_MAX);
            if prepared.events.last().is_none_or(|before| before.wire != wire) {
                bound = bound.saturating_add(wire.len()).saturating_add(NAME_OVERHEAD_BYTES_MAX);
            }
            let key = match &new.key {
                None => None,
                Some(key) => {
                    let of_key = Some((&key.scope, &key.source));
                    if last_source != of_key {
                        let text = spelling::source(&key.scope, &key.source);
                        bound = bound.saturating_add(text.len() + NAME_OVERHEAD_BYTES_MAX);
                        prepared.sources.push(text);
                        last_source = of_key;
                    }
                    let id = match uuid_bytes(key.id.as_str()) {
                        Some(bytes) => IdForm::Uuid(bytes),
                        None => IdForm::Text(key.id.clone()),
                    };
                    let mut it = PreparedKey {
                        source: prepared.sources.len().saturating_sub(1),
                        id,
                        index: key.index,
                        hash: 0,
                    };
                    let source = prepared.sources.last().map_or("", String::as_str);
                    it.hash = hash.key(source, it.is_uuid(), it.id(), it.index);
                    bound = bound.saturating_add(it.id().len());
                    Some(it)
                }
            };
            prepared.events.push(PreparedEvent {
                wire,
                body,
                occurred_at: new.occurred_at.as_micros(),
                key,
                fingerprint: new.fingerprint.as_ref().map(|it| it.0),
            });
        }
        if prepared.bodies.len() > APPEND_BYTES_MAX || bound > segment_room {
            return Err(too_large(bound.max(prepared.bodies.len())));
        }
        prepared.frame_bytes_max = bound;
        prepared.spent = events;
        Ok(prepared)
    }
}
