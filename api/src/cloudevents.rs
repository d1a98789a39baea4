//! CloudEvents 1.0 as they come over HTTP: single, in a batch, or with their attributes in headers.
//!
//! Identity is (`source`, `id`). Nothing is recorded here: an event either becomes usage of a
//! tenant or says which attribute is wrong. Whether it is a CloudEvent at all is the envelope's.

use ledger_core::event::{Event, usage};
use ledger_core::id::{
    Category, DeploymentSlug, Key, KeyScope, ResourceId, ResourceKind, TenantId, Unit,
};
use ledger_core::log::NewEvent;
use ledger_core::money::Quantity;
use ledger_core::stream::Stream;
use ledger_core::time::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::body::AHEAD;
use crate::error::FieldError;

mod envelope;

pub(crate) use envelope::{CloudEvent, from_headers};
use envelope::{Data, Envelope, wrong};

/// The type of an event that reports usage.
pub(crate) const USAGE_TYPE: &str = "counterfoil.usage.recorded";
/// The type of an event that sets a gauge.
pub(crate) const GAUGE_TYPE: &str = "counterfoil.gauge.set";
/// The most events of one request.
pub(crate) const EVENTS_MAX: usize = 1000;

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
    let Envelope { id, source, kind, subject, time, data } = sent.checked()?;
    let tenant = tenant(subject, own)?;
    let occurred_at = time.unwrap_or(now);
    if occurred_at.is_to_come(now) {
        return Err(wrong("/time", AHEAD));
    }
    let data = match data {
        Data::Json(data) => data,
        Data::Base64 => return Err(wrong("/data_base64", "send data as JSON")),
        Data::OtherMedia => return Err(wrong("/datacontenttype", "only JSON is read")),
        Data::None => return Err(wrong("/data", "it is required")),
    };
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

/// Whom the event is about: the tenant it names, else the one that sends it.
fn tenant(subject: Option<String>, own: Option<&TenantId>) -> Result<TenantId, FieldError> {
    let Some(subject) = subject else {
        return own.cloned().ok_or_else(|| wrong("/subject", "it names the tenant"));
    };
    let tenant = TenantId::new(&subject).map_err(|error| wrong("/subject", error))?;
    if own.is_some_and(|own| *own != tenant) {
        return Err(wrong("/subject", "there is no such tenant"));
    }
    Ok(tenant)
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

#[cfg(test)]
mod tests;
