//! A whole record as JSON, for people, exports and stories:
//!
//! `{"position":7,"stream":"account-acme","revision":2,"id":"...","type":"...","data":{...},`
//! `"occurred_at":"...","recorded_at":"...","actor":{...},"causation":null,"correlation":null,`
//! `"key":null,"fingerprint":null}`
//!
//! Nothing is left out and nothing else is taken: a record comes back as it was, also one of a
//! superseded body version, under the name and in the shape it was recorded with. An event in a
//! stream where it may not stand is refused.

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::event::{Data, Event, Wire};
use crate::id::{Actor, CorrelationId, EventId, Key, Sha256Digest};
use crate::log::{Fingerprint, Position, Record, Revision};
use crate::stream::Stream;
use crate::time::Timestamp;

/// The body in the shape it was recorded with.
#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Current(Data<'a>),
    Superseded(Box<RawValue>),
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename = "Record")]
        struct Spelled<'a> {
            position: Position,
            stream: &'a Stream,
            revision: Revision,
            id: EventId,
            r#type: &'static str,
            data: Body<'a>,
            occurred_at: Timestamp,
            recorded_at: Timestamp,
            actor: &'a Actor,
            causation: Option<EventId>,
            correlation: Option<CorrelationId>,
            key: Option<&'a Key>,
            fingerprint: Option<Sha256Digest>,
        }
        let data = match &self.written {
            None => Body::Current(Data(&self.event)),
            Some(written) => Body::Superseded(written.to_json().map_err(S::Error::custom)?),
        };
        let spelled = Spelled {
            position: self.position,
            stream: &self.stream,
            revision: self.revision,
            id: self.id,
            r#type: self.wire_name(),
            data,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            actor: &self.actor,
            causation: self.causation,
            correlation: self.correlation,
            key: self.key.as_ref(),
            fingerprint: self.fingerprint.map(|it| Sha256Digest::from_bytes(it.0)),
        };
        spelled.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Record", deny_unknown_fields)]
        struct Spelled {
            position: Position,
            stream: Stream,
            revision: Revision,
            id: EventId,
            r#type: String,
            data: Box<RawValue>,
            occurred_at: Timestamp,
            recorded_at: Timestamp,
            actor: Actor,
            causation: Option<EventId>,
            correlation: Option<CorrelationId>,
            key: Option<Key>,
            fingerprint: Option<Sha256Digest>,
        }
        let it = Spelled::deserialize(deserializer)?;
        let event = Event::from_json::<D::Error>(&it.r#type, &it.data)?;
        let written = match Wire::find(&it.r#type).filter(|wire| wire.is_superseded()) {
            Some(wire) => wire.written(wire.body_from_json(&it.data).map_err(D::Error::custom)?),
            None => None,
        };
        if !event.belongs_in(&it.stream) {
            let (wire, stream) = (&it.r#type, &it.stream);
            return Err(D::Error::custom(format_args!("{wire} does not belong in {stream}")));
        }
        Ok(Self {
            position: it.position,
            stream: it.stream,
            revision: it.revision,
            id: it.id,
            occurred_at: it.occurred_at,
            recorded_at: it.recorded_at,
            actor: it.actor,
            causation: it.causation,
            correlation: it.correlation,
            key: it.key,
            fingerprint: it.fingerprint.map(|it| Fingerprint(*it.as_bytes())),
            event,
            written,
        })
    }
}

#[cfg(test)]
mod tests;
