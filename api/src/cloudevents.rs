//! CloudEvents 1.0 as they come over HTTP: single, in a batch, or with their attributes in headers.
//!
//! Identity is (`source`, `id`). Nothing is recorded here: an event either becomes usage of a
//! tenant or says which attribute is wrong.

use std::fmt;

use axum::http::HeaderMap;
use ledger_core::event::{Event, usage};
use ledger_core::id::{
    Category, DeploymentSlug, Key, KeyId, KeyScope, KeySource, ResourceId, ResourceKind, TenantId,
    Unit,
};
use ledger_core::json;
use ledger_core::log::NewEvent;
use ledger_core::money::Quantity;
use ledger_core::stream::Stream;
use ledger_core::time::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{ApiError, FieldError};

/// The type of an event that reports usage.
pub(crate) const USAGE_TYPE: &str = "counterfoil.usage.recorded";
/// The type of an event that sets a gauge.
pub(crate) const GAUGE_TYPE: &str = "counterfoil.gauge.set";
/// The most events of one request.
pub(crate) const EVENTS_MAX: usize = 1000;
/// How far ahead of the server's clock usage may have happened.
const AHEAD_MICROS_MAX: i64 = 5 * 60 * 1_000_000;

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
    data: Option<Box<RawValue>>,
    has_data_base64: bool,
}

impl<'de> Deserialize<'de> for CloudEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attributes;
        impl<'de> Visitor<'de> for Attributes {
            type Value = CloudEvent;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a CloudEvent")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<CloudEvent, M::Error> {
                let mut event = CloudEvent::default();
                let mut extensions: Vec<String> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let slot = match name.as_str() {
                        "id" => &mut event.id,
                        "source" => &mut event.source,
                        "specversion" => &mut event.specversion,
                        "type" => &mut event.r#type,
                        "subject" => &mut event.subject,
                        "time" => &mut event.time,
                        "datacontenttype" => &mut event.datacontenttype,
                        "data" => {
                            if event.data.replace(map.next_value()?).is_some() {
                                return Err(de::Error::duplicate_field("data"));
                            }
                            continue;
                        }
                        "data_base64" => {
                            map.next_value::<de::IgnoredAny>()?;
                            event.has_data_base64 = true;
                            continue;
                        }
                        _ => {
                            let is_name = !name.is_empty()
                                && name
                                    .bytes()
                                    .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
                            if !is_name {
                                let what = "is no attribute name: lower-case letters and digits";
                                return Err(de::Error::custom(format!("{name:?} {what}")));
                            }
                            if extensions.contains(&name) {
                                return Err(de::Error::custom(format!("{name} stands twice")));
                            }
                            map.next_value::<de::IgnoredAny>()?;
                            extensions.push(name);
                            continue;
                        }
                    };
                    if slot.replace(map.next_value()?).is_some() {
                        return Err(de::Error::custom(format!("{name} stands twice")));
                    }
                }
                Ok(event)
            }
        }
        deserializer.deserialize_map(Attributes)
    }
}

/// The event of a request in binary mode: attributes are `ce-` headers, the body is the data.
pub(crate) fn from_headers(headers: &HeaderMap, body: &[u8]) -> Result<CloudEvent, ApiError> {
    let mut event = CloudEvent::default();
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix("ce-") else { continue };
        let pointer = format!("/{name}");
        let text = value
            .to_str()
            .ok()
            .and_then(percent_decoded)
            .ok_or_else(|| ApiError::field(&pointer, "it is not percent-encoded UTF-8"))?;
        let slot = match name {
            "id" => &mut event.id,
            "source" => &mut event.source,
            "specversion" => &mut event.specversion,
            "type" => &mut event.r#type,
            "subject" => &mut event.subject,
            "time" => &mut event.time,
            _ => continue,
        };
        if slot.replace(text).is_some() {
            return Err(ApiError::field(&pointer, "it stands twice"));
        }
    }
    if !body.is_empty() {
        event.data = Some(crate::body::parse(body)?);
    }
    Ok(event)
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

/// What usage says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageData {
    #[serde(alias = "kind")]
    resource_kind: ResourceKind,
    quantity: Quantity,
    #[serde(default)]
    unit: Option<Unit>,
    #[serde(default)]
    category: Option<Category>,
    #[serde(default)]
    deployment: Option<DeploymentSlug>,
    #[serde(default)]
    resource: Option<ResourceId>,
}

/// What a gauge says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GaugeData {
    #[serde(alias = "kind")]
    resource_kind: ResourceKind,
    value: Quantity,
    #[serde(default)]
    deployment: Option<DeploymentSlug>,
    #[serde(default)]
    resource: Option<ResourceId>,
}

/// Usage that may be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Usage {
    pub(crate) tenant: TenantId,
    pub(crate) stream: Stream,
    pub(crate) event: NewEvent,
}

/// Makes usage of an event, or says what is wrong with it. `own` is the tenant of a caller that may
/// only speak for itself.
pub(crate) fn usage(
    sent: CloudEvent,
    own: Option<&TenantId>,
    now: Timestamp,
) -> Result<Usage, FieldError> {
    let wrong = |pointer: &str, reason: String| FieldError { pointer: pointer.to_owned(), reason };
    let required = |name: &str, value: Option<String>| match value {
        Some(text) if json::is_bare_number(&text) => {
            Err(wrong(&format!("/{name}"), "it is a text, not a number".to_owned()))
        }
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(wrong(&format!("/{name}"), "it is required and not empty".to_owned())),
    };
    let id: KeyId = required("id", sent.id)?
        .parse()
        .map_err(|error: ledger_core::id::IdError| wrong("/id", error.to_string()))?;
    let source: KeySource = required("source", sent.source)?
        .parse()
        .map_err(|error: ledger_core::id::IdError| wrong("/source", error.to_string()))?;
    if required("specversion", sent.specversion)? != "1.0" {
        return Err(wrong("/specversion", "only 1.0 is read".to_owned()));
    }
    let kind = required("type", sent.r#type)?;
    if sent.has_data_base64 {
        return Err(wrong("/data_base64", "send data as JSON".to_owned()));
    }
    if sent.datacontenttype.is_some_and(|it| !it.starts_with("application/json")) {
        return Err(wrong("/datacontenttype", "only application/json is read".to_owned()));
    }
    let tenant: TenantId = match (sent.subject, own) {
        (None, Some(own)) => own.clone(),
        (None, None) => return Err(wrong("/subject", "it names the tenant".to_owned())),
        (Some(text), own) => {
            let tenant = text
                .parse()
                .map_err(|error: ledger_core::id::IdError| wrong("/subject", error.to_string()))?;
            if own.is_some_and(|own| *own != tenant) {
                return Err(wrong("/subject", "there is no such tenant".to_owned()));
            }
            tenant
        }
    };
    let occurred_at = match sent.time {
        None => now,
        Some(text) => text
            .parse()
            .map_err(|error: ledger_core::time::TimeError| wrong("/time", error.to_string()))?,
    };
    if occurred_at.micros_since(now) > AHEAD_MICROS_MAX {
        let reason = "it is more than 5 minutes ahead of the server's clock".to_owned();
        return Err(wrong("/time", reason));
    }
    let data = sent.data.ok_or_else(|| wrong("/data", "it is required".to_owned()))?;
    let event = event(&kind, &data)?;
    Ok(Usage {
        stream: Stream::Usage(tenant.clone(), occurred_at.period()),
        event: NewEvent {
            event,
            occurred_at,
            key: Some(Key { scope: KeyScope::Tenant(tenant.clone()), source, id, index: 0 }),
            fingerprint: None,
        },
        tenant,
    })
}

fn event(kind: &str, data: &RawValue) -> Result<Event, FieldError> {
    fn read<'a, T: Deserialize<'a>>(data: &'a RawValue) -> Result<T, FieldError> {
        let mut reader = serde_json::Deserializer::from_str(data.get());
        serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { String::new() } else { format!("/{path}") };
            FieldError { pointer: format!("/data{field}"), reason: error.inner().to_string() }
        })
    }
    let not_negative = |name: &str, quantity: &Quantity| match quantity.is_negative() {
        false => Ok(()),
        true => Err(FieldError {
            pointer: format!("/data/{name}"),
            reason: "it is negative; correct a record instead".to_owned(),
        }),
    };
    match kind {
        USAGE_TYPE => {
            let data: UsageData = read(data)?;
            not_negative("quantity", &data.quantity)?;
            Ok(Event::from(usage::Recorded {
                kind: data.resource_kind,
                quantity: data.quantity,
                unit: data.unit,
                category: data.category,
                deployment: data.deployment,
                resource: data.resource,
            }))
        }
        GAUGE_TYPE => {
            let data: GaugeData = read(data)?;
            not_negative("value", &data.value)?;
            Ok(Event::from(usage::GaugeSet {
                kind: data.resource_kind,
                value: data.value,
                deployment: data.deployment,
                resource: data.resource,
            }))
        }
        _ => Err(FieldError {
            pointer: "/type".to_owned(),
            reason: format!("it is {USAGE_TYPE} or {GAUGE_TYPE}"),
        }),
    }
}
