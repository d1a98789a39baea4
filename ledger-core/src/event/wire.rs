//! The compact face of an event: a wire name and a postcard body.
//!
//! The only file that calls postcard. A body is read to its last byte, and what was read must
//! spell itself with the very bytes it came from: one value has one encoding, so a record that
//! decodes can be hashed, exported and written again without a doubt about its bytes.

use std::fmt;

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Event, FAMILIES};
use crate::stream::Stream;

/// Why bytes are not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// This build has no such body version.
    #[error("{wire:?} is no event of this build")]
    UnknownWire {
        /// The name that was asked for.
        wire: String,
    },
    /// The bytes are not that body.
    #[error("the bytes are not the body of {wire}")]
    Malformed {
        /// The body version.
        wire: &'static str,
        /// What the codec found.
        #[source]
        source: postcard::Error,
    },
    /// More bytes than the body has.
    #[error("{bytes} bytes follow the body of {wire}")]
    TrailingBytes {
        /// The body version.
        wire: &'static str,
        /// How many.
        bytes: usize,
    },
    /// The same value would be written with other bytes.
    #[error("the body of {wire} is not in its canonical form at byte {at}")]
    NotCanonical {
        /// The body version.
        wire: &'static str,
        /// The first byte that would be written otherwise.
        at: usize,
    },
}

/// Why an event has no bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body of {wire} does not encode")]
pub struct EncodeError {
    /// The body version.
    pub wire: &'static str,
    /// What the codec refused.
    #[source]
    pub source: postcard::Error,
}

/// A body version: implemented by the table of its family, for nothing else.
pub trait Body: Serialize + DeserializeOwned {
    /// The shape that folds see: itself, or what superseded it.
    type Current: From<Self> + Into<Event>;
    /// Its name, streams and codec.
    const WIRE: Wire;
}

/// One body version: its stable name, the streams it may stand in, how it is read.
///
/// A log that numbers names looks one of these up once per number and decodes with it.
#[derive(Clone, Copy)]
pub struct Wire {
    name: &'static str,
    superseded: bool,
    belongs_in: fn(&Stream) -> bool,
    decode: fn(&'static str, &[u8]) -> Result<Event, DecodeError>,
    event_from_json: fn(&RawValue) -> Result<Event, serde_json::Error>,
    body_from_json: fn(&RawValue) -> Result<Vec<u8>, JsonError>,
    body_to_json: fn(&'static str, &[u8]) -> Result<Box<RawValue>, JsonError>,
}

/// Why a body does not go from one face to the other.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The JSON is not the body.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The bytes are not the body.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The body has no bytes.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl Wire {
    pub(super) const fn of<B: Body>(name: &'static str, belongs_in: fn(&Stream) -> bool) -> Self {
        Self {
            name,
            superseded: false,
            belongs_in,
            decode: decode::<B>,
            event_from_json: event_from_json::<B>,
            body_from_json: body_from_json::<B>,
            body_to_json: body_to_json::<B>,
        }
    }

    /// A version that is read and never written.
    pub(super) const fn superseded<B: Body>(name: &'static str) -> Self {
        Self { superseded: true, ..Self::of::<B>(name, |_| false) }
    }

    /// The body version with this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        let (family, _) = name.split_once('-')?;
        let (_, wires) = FAMILIES.iter().find(|(it, _)| *it == family)?;
        wires.iter().copied().find(|wire| wire.name == name)
    }

    /// Every body version this build reads, family by family.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        FAMILIES.iter().flat_map(|(_, wires)| wires.iter().copied())
    }

    /// Its stable name, such as `usage-recorded.v1`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether a newer version is written in its place.
    pub const fn is_superseded(&self) -> bool {
        self.superseded
    }

    /// Whether an event of this version may be appended to the stream. A superseded one may not be
    /// appended anywhere.
    pub fn belongs_in(&self, stream: &Stream) -> bool {
        (self.belongs_in)(stream)
    }

    /// Reads a body: all of the bytes, in their canonical form, as the shape that folds see.
    pub fn decode(&self, bytes: &[u8]) -> Result<Event, DecodeError> {
        (self.decode)(self.name, bytes)
    }

    /// Reads the JSON of a body as the shape that folds see.
    pub(super) fn event_from_json(&self, data: &RawValue) -> Result<Event, serde_json::Error> {
        (self.event_from_json)(data)
    }

    /// The bytes of this very version from its JSON, superseded or not: what an import writes.
    pub fn body_from_json(&self, data: &RawValue) -> Result<Vec<u8>, JsonError> {
        (self.body_from_json)(data)
    }

    /// The JSON of this very version from its bytes, superseded or not: what an export spells out.
    pub fn body_to_json(&self, bytes: &[u8]) -> Result<Box<RawValue>, JsonError> {
        (self.body_to_json)(self.name, bytes)
    }
}

impl PartialEq for Wire {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Wire {}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({})", self.name)
    }
}

impl Event {
    /// The stable name of its body version, such as `usage-recorded.v1`.
    pub fn wire_name(&self) -> &'static str {
        self.wire().name()
    }

    /// Whether it may be appended to the stream.
    pub fn belongs_in(&self, stream: &Stream) -> bool {
        self.wire().belongs_in(stream)
    }

    /// The bytes of its body.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::new();
        self.encode_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends the bytes of its body. After an error `bytes` is as it was.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = bytes.len();
        write(&Whole(self), bytes).map_err(|source| {
            bytes.truncate(start);
            EncodeError { wire: self.wire_name(), source }
        })
    }

    /// Reads a body under its wire name.
    pub fn decode(wire: &str, bytes: &[u8]) -> Result<Self, DecodeError> {
        Wire::find(wire)
            .ok_or_else(|| DecodeError::UnknownWire { wire: wire.to_owned() })?
            .decode(bytes)
    }
}

/// An event as its body alone.
struct Whole<'a>(&'a Event);

impl Serialize for Whole<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_body(serializer)
    }
}

/// Appends to a vector that has other things in it.
struct Onto<'a>(&'a mut Vec<u8>);

impl Flavor for Onto<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Writes nothing; compares what would be written with what is there, and stops where they part.
struct Against<'a> {
    expected: &'a [u8],
    at: &'a mut usize,
}

impl Flavor for Against<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        for byte in bytes {
            if self.expected.get(*self.at) != Some(byte) {
                return Err(postcard::Error::SerializeBufferFull);
            }
            *self.at += 1;
        }
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        if *self.at == self.expected.len() {
            Ok(())
        } else {
            Err(postcard::Error::SerializeBufferFull)
        }
    }
}

pub(super) fn write<T: Serialize>(value: &T, bytes: &mut Vec<u8>) -> postcard::Result<()> {
    postcard::serialize_with_flavor(value, Onto(bytes))
}

/// Reads one value that fills the bytes and would be written with the same ones.
fn read<B: Body>(wire: &'static str, bytes: &[u8]) -> Result<B, DecodeError> {
    let (body, rest) = postcard::take_from_bytes::<B>(bytes)
        .map_err(|source| DecodeError::Malformed { wire, source })?;
    if !rest.is_empty() {
        return Err(DecodeError::TrailingBytes { wire, bytes: rest.len() });
    }
    let mut at = 0;
    match postcard::serialize_with_flavor(&body, Against { expected: bytes, at: &mut at }) {
        Ok(()) => Ok(body),
        Err(_) => Err(DecodeError::NotCanonical { wire, at }),
    }
}

fn decode<B: Body>(wire: &'static str, bytes: &[u8]) -> Result<Event, DecodeError> {
    read::<B>(wire, bytes).map(current)
}

fn event_from_json<B: Body>(data: &RawValue) -> Result<Event, serde_json::Error> {
    serde_json::from_str::<B>(data.get()).map(current)
}

fn body_from_json<B: Body>(data: &RawValue) -> Result<Vec<u8>, JsonError> {
    let body: B = serde_json::from_str(data.get())?;
    let mut bytes = Vec::new();
    write(&body, &mut bytes).map_err(|source| EncodeError { wire: B::WIRE.name(), source })?;
    Ok(bytes)
}

fn body_to_json<B: Body>(wire: &'static str, bytes: &[u8]) -> Result<Box<RawValue>, JsonError> {
    let body: B = read(wire, bytes)?;
    Ok(serde_json::value::to_raw_value(&body)?)
}

fn current<B: Body>(body: B) -> Event {
    B::Current::from(body).into()
}

#[cfg(test)]
mod tests;
