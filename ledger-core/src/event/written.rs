//! A body as it was recorded, where that is not the shape that folds see.
//!
//! A record under a superseded name reads as what superseded it, and its bytes cannot be had back
//! from that. What was recorded is what a digest is over, what an export spells and what an import
//! must find again, so a reader keeps it beside the event. Of an ordinary record nothing is kept.

use serde_json::value::RawValue;

use super::{DecodeError, Event, JsonError, Wire};

/// The name and the bytes that a record was written with, under a superseded version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    wire: &'static Wire,
    bytes: Vec<u8>,
}

impl Written {
    /// The body version.
    pub const fn wire(&self) -> &'static Wire {
        self.wire
    }

    /// The body, as it was encoded.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The JSON of the body as it was written.
    pub(crate) fn to_json(&self) -> Result<Box<RawValue>, JsonError> {
        self.wire.body_to_json(&self.bytes)
    }
}

impl Wire {
    /// What is to be kept of bytes that were read under this name: nothing, unless it is
    /// superseded.
    pub fn written(&'static self, bytes: impl Into<Vec<u8>>) -> Option<Box<Written>> {
        self.is_superseded().then(|| Box::new(Written { wire: self, bytes: bytes.into() }))
    }
}

impl Event {
    /// Reads a body under its wire name, and keeps what a superseded version was written with.
    pub fn decode_written(
        wire: &str,
        bytes: &[u8],
    ) -> Result<(Self, Option<Box<Written>>), DecodeError> {
        let wire =
            Wire::find(wire).ok_or_else(|| DecodeError::UnknownWire { wire: wire.to_owned() })?;
        Ok((wire.decode(bytes)?, wire.written(bytes)))
    }
}
