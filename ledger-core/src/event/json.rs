//! The readable face of an event: `{"type":"usage-recorded.v1","data":{...}}`.
//!
//! Members come in any order; unknown and repeated ones are refused, in the event and in its body.

use serde::de::Error as _;
use serde::ser::{Error as _, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{Event, Wire};

/// The body alone, for a JSON object that puts the type elsewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Data<'a>(pub(crate) &'a Event);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_body(serializer)
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return Err(S::Error::custom("the compact form of an event is a wire name and a body"));
        }
        let mut object = serializer.serialize_struct("Event", 2)?;
        object.serialize_field("type", self.wire_name())?;
        object.serialize_field("data", &Data(self))?;
        object.end()
    }
}

impl Event {
    /// The event of a type and the JSON text of its body.
    pub(crate) fn from_json<E: serde::de::Error>(wire: &str, data: &RawValue) -> Result<Self, E> {
        let found = Wire::find(wire)
            .ok_or_else(|| E::custom(format_args!("{wire:?} is no event of this build")))?;
        found
            .event_from_json(data)
            .map_err(|error| E::custom(format_args!("the data of {wire}: {error}")))
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Spelled {
            #[serde(rename = "type")]
            wire: String,
            data: Box<RawValue>,
        }
        if !deserializer.is_human_readable() {
            return Err(D::Error::custom("the compact form of an event is a wire name and a body"));
        }
        let Spelled { wire, data } = Spelled::deserialize(deserializer)?;
        Self::from_json(&wire, &data)
    }
}

#[cfg(test)]
mod tests;
