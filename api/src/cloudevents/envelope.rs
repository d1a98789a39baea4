//! What every CloudEvent has, whatever it says: its attributes, checked as CloudEvents 1.0 asks.
//!
//! An event that breaks a rule says which attribute does; it never takes the others of its batch
//! with it. A member that is null was not set.

use std::borrow::Cow;
use std::fmt;

use axum::http::{HeaderMap, header};
use ledger_core::id::{KeyId, KeySource};
use ledger_core::json;
use ledger_core::time::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{ApiError, FieldError};

/// One event as it was sent.
#[derive(Debug, Default)]
pub(crate) struct CloudEvent {
    pub(crate) id: Option<String>,
    pub(crate) source: Option<String>,
    specversion: Option<String>,
    r#type: Option<String>,
    subject: Option<String>,
    time: Option<String>,
    datacontenttype: Option<String>,
    dataschema: Option<String>,
    data: Option<Box<RawValue>>,
    data_base64: Option<String>,
    /// The names that were set to nothing and those of extensions: none may come again.
    others: Vec<String>,
    /// The first thing that was wrong with its members.
    defect: Option<FieldError>,
}

/// The attributes of an event that is one.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) id: KeyId,
    pub(super) source: KeySource,
    pub(super) kind: String,
    pub(super) subject: Option<String>,
    pub(super) time: Option<Timestamp>,
    pub(super) data: Data,
}

/// What an event carries.
#[derive(Debug)]
pub(super) enum Data {
    /// Nothing.
    None,
    /// JSON.
    Json(Box<RawValue>),
    /// Bytes.
    Base64,
    /// A text of another media type.
    OtherMedia,
}

pub(super) fn wrong(pointer: &str, reason: impl fmt::Display) -> FieldError {
    FieldError { pointer: pointer.to_owned(), reason: reason.to_string() }
}

/// The value of an attribute, as far as it matters.
enum Value {
    Text(String),
    Null,
    Truth,
    Whole(i64),
    /// An object or a list, which no attribute is.
    Structure,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an attribute")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
                Ok(Value::Text(text))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<Value, E> {
                Ok(Value::Truth)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Whole(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
                Ok(Value::Whole(i64::try_from(number).unwrap_or(i64::MAX)))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Value, S::Error> {
                while seq.next_element::<de::IgnoredAny>()?.is_some() {}
                Ok(Value::Structure)
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
                while map.next_entry::<de::IgnoredAny, de::IgnoredAny>()?.is_some() {}
                Ok(Value::Structure)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl<'de> Deserialize<'de> for CloudEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = CloudEvent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a CloudEvent")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<CloudEvent, M::Error> {
                let mut event = CloudEvent::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "data" {
                        let data = event.data.replace(map.next_value()?);
                        event.note(data.map(|_| wrong("/data", "it stands twice")));
                    } else {
                        let value = map.next_value()?;
                        event.take(name, value);
                    }
                }
                Ok(event)
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl CloudEvent {
    fn note(&mut self, defect: Option<FieldError>) {
        self.defect = self.defect.take().or(defect);
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "id" => Some(&mut self.id),
            "source" => Some(&mut self.source),
            "specversion" => Some(&mut self.specversion),
            "type" => Some(&mut self.r#type),
            "subject" => Some(&mut self.subject),
            "time" => Some(&mut self.time),
            "datacontenttype" => Some(&mut self.datacontenttype),
            "dataschema" => Some(&mut self.dataschema),
            "data_base64" => Some(&mut self.data_base64),
            _ => None,
        }
    }

    fn take(&mut self, name: String, value: Value) {
        let is_taken = self.slot(&name).is_some_and(|it| it.is_some());
        let defect = |reason| Some(wrong(&format!("/{name}"), reason));
        if is_taken || self.others.contains(&name) {
            return self.note(defect("it stands twice"));
        }
        match (self.slot(&name), value) {
            (_, Value::Text(text)) if json::is_bare_number(&text) => {
                self.note(defect("it is a number that no attribute may be"));
            }
            (Some(slot), Value::Text(text)) => *slot = Some(text),
            (Some(_), Value::Null) => self.others.push(name),
            (Some(_), Value::Truth | Value::Whole(_) | Value::Structure) => {
                self.note(defect("it is a text"));
            }
            (None, value) => {
                self.note(extension_defect(&name, &value));
                self.others.push(name);
            }
        }
    }

    /// The attributes, or the first rule that one of them breaks.
    pub(super) fn checked(self) -> Result<Envelope, FieldError> {
        if let Some(defect) = self.defect {
            return Err(defect);
        }
        let id = KeyId::new(&required("/id", self.id)?).map_err(|it| wrong("/id", it))?;
        let source = required("/source", self.source)?;
        if !source.bytes().all(is_of_uri) {
            return Err(wrong("/source", "it is no URI reference"));
        }
        let source = KeySource::new(&source).map_err(|it| wrong("/source", it))?;
        if required("/specversion", self.specversion)? != "1.0" {
            return Err(wrong("/specversion", "only 1.0 is read"));
        }
        let kind = required("/type", self.r#type)?;
        let subject = not_empty("/subject", self.subject)?;
        not_empty("/dataschema", self.dataschema)?;
        let time = self.time.map(|it| Timestamp::from_rfc3339_cut(&it)).transpose();
        let time = time.map_err(|it| wrong("/time", it))?;
        let media = not_empty("/datacontenttype", self.datacontenttype)?;
        let is_json = media.map_or(Ok(true), |it| is_json(&it))?;
        let data = match (self.data, self.data_base64) {
            (Some(_), Some(_)) => return Err(wrong("/data_base64", "it stands beside data")),
            (None, Some(bytes)) if is_base64(&bytes) => Data::Base64,
            (None, Some(_)) => return Err(wrong("/data_base64", "it is not base64")),
            (Some(data), None) if is_json => Data::Json(data),
            (Some(_), None) => Data::OtherMedia,
            (None, None) => Data::None,
        };
        Ok(Envelope { id, source, kind, subject, time, data })
    }
}

fn extension_defect(name: &str, value: &Value) -> Option<FieldError> {
    let is_plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let pointer = format!("/{name}");
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Some(wrong(&pointer, "its name is not of lower-case letters and digits"));
    }
    let is_scalar = match value {
        Value::Text(_) | Value::Null | Value::Truth => true,
        Value::Whole(number) => i32::try_from(*number).is_ok(),
        Value::Structure => false,
    };
    (!is_scalar).then(|| wrong(&pointer, "it is a text, a truth or a whole number of 32 bits"))
}

fn required(pointer: &str, value: Option<String>) -> Result<String, FieldError> {
    value.filter(|it| !it.is_empty()).ok_or_else(|| wrong(pointer, "it is required and not empty"))
}

fn not_empty(pointer: &str, value: Option<String>) -> Result<Option<String>, FieldError> {
    match value {
        Some(text) if text.is_empty() => Err(wrong(pointer, "it is not empty where it is there")),
        value => Ok(value),
    }
}

/// The characters of RFC 3986.
fn is_of_uri(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// Whether a media type says JSON; a text that is no media type is refused.
fn is_json(media: &str) -> Result<bool, FieldError> {
    let media = media.split(';').next().unwrap_or_default().trim();
    let parts = media.split_once('/').filter(|(kind, subtype)| {
        let is_token = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_graphic());
        is_token(kind) && is_token(subtype) && !subtype.contains('/')
    });
    let (_, subtype) = parts.ok_or_else(|| wrong("/datacontenttype", "it is no media type"))?;
    let subtype = subtype.to_ascii_lowercase();
    Ok(subtype == "json" || subtype.ends_with("+json"))
}

/// Whether a text is base64 with its padding (RFC 4648, section 4).
fn is_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let is_digit = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/');
    text.len().is_multiple_of(4) && text.len() - digits.len() <= 2 && digits.bytes().all(is_digit)
}

/// The event of a request in binary mode: attributes are `ce-` headers, the body is the data.
pub(crate) fn from_headers(headers: &HeaderMap, body: &[u8]) -> Result<CloudEvent, ApiError> {
    let mut event = CloudEvent::default();
    for (header, value) in headers {
        let name = match header.as_str().strip_prefix("ce-") {
            Some(name) => name,
            None if *header == header::CONTENT_TYPE => "datacontenttype",
            None => continue,
        };
        let pointer = format!("/{name}");
        let value = value.to_str().ok();
        // A media type keeps the quotes of its parameters and is never percent-encoded.
        let text = match name {
            "datacontenttype" if *header == header::CONTENT_TYPE => value.map(str::to_owned),
            _ => value.and_then(unquoted).and_then(|it| percent_decoded(&it)),
        };
        let text =
            text.ok_or_else(|| ApiError::field(&pointer, "it is not percent-encoded UTF-8"))?;
        event.take(name.to_owned(), Value::Text(text));
    }
    if !body.is_empty() {
        event.data = Some(data(event.datacontenttype.as_deref(), body)?);
    }
    Ok(event)
}

/// The data of a request in binary mode: JSON, or a text where the media type says so.
fn data(media: Option<&str>, body: &[u8]) -> Result<Box<RawValue>, ApiError> {
    if media.is_some_and(|it| matches!(is_json(it), Ok(false))) {
        let text = String::from_utf8_lossy(body);
        return Ok(serde_json::value::to_raw_value(&text).expect("a text has a JSON form"));
    }
    crate::body::parse(body)
}

/// The value of a header without the quotes around it and the backslashes within them (RFC 9110,
/// section 5.6.4), which the binding takes off before it decodes.
fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    let Some(inner) = text.strip_prefix('"') else { return Some(Cow::Borrowed(text)) };
    let inner = inner.strip_suffix('"')?;
    let (mut plain, mut rest) = (String::with_capacity(inner.len()), inner.chars());
    while let Some(it) = rest.next() {
        match it {
            '"' => return None,
            '\\' => plain.push(rest.next()?),
            it => plain.push(it),
        }
    }
    Some(Cow::Owned(plain))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |it: u8| char::from(it).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}
