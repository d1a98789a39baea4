//! `POST /events`: usage comes in, once. `GET /events/{position}`: one event, whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger_core::decide::catalog::Offers;
use ledger_core::decide::usage::{UnitRefusal, expect_unit};
use ledger_core::event::{Event, usage};
use ledger_core::id::{ResourceKind, TenantId, Unit};
use ledger_core::log::{
    Append, AppendError, Appended, EventLog, Expected, NewEvent, OnConflict, Outcome, Position,
};
use ledger_core::stream::Stream;
use serde::{Deserialize, Serialize};

use super::{Caller, Query, Shared, answer, blocking};
use crate::app::{App, Done};
use crate::body;
use crate::cloudevents::{self, CloudEvent, EVENTS_MAX, Usage};
use crate::error::{ApiError, FieldError};

/// How a batch is taken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Record what can be recorded and report the rest.
    #[serde(default)]
    partial: bool,
}

/// What became of one event.
#[derive(Debug, Serialize)]
struct Item {
    source: Option<String>,
    id: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

#[derive(Debug, Serialize)]
struct Answer {
    data: Vec<Item>,
    position: u64,
}

/// `POST /events`
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Result<Response, ApiError> {
    let scope = caller.principal.read_own()?;
    caller.refuse_if_match()?;
    let own = scope.tenant().cloned();
    let actor = caller.principal.producer();
    let sent = read(request, &app).await?;
    if sent.is_empty() {
        return Err(ApiError::field("", "a batch holds at least one event"));
    }
    if sent.len() > EVENTS_MAX {
        let detail = format!("a batch holds 1 to {EVENTS_MAX} events, not {}", sent.len());
        return Err(ApiError::TooLarge { detail });
    }
    let now = app.now();
    let mut items = Vec::with_capacity(sent.len());
    let mut usages: BTreeMap<Stream, Vec<(usize, NewEvent)>> = BTreeMap::new();
    let mut known: BTreeMap<TenantId, bool> = BTreeMap::new();
    let mut units = Units::default();
    for (place, event) in sent.into_iter().enumerate() {
        let mut item = Item {
            source: event.source.clone(),
            id: event.id.clone(),
            status: "invalid",
            position: None,
            errors: Vec::new(),
        };
        match cloudevents::usage(event, own.as_ref(), now) {
            Ok(Usage { tenant, stream, event }) => {
                if let Some(reason) = units.refuses(&app, &event)? {
                    let pointer = "/data/unit".to_owned();
                    item.errors.push(FieldError { pointer, reason });
                    items.push(item);
                    continue;
                }
                let is_known = match known.get(&tenant) {
                    Some(is_known) => *is_known,
                    None => {
                        let is_known = app.has_tenant(&tenant)?;
                        known.insert(tenant, is_known);
                        is_known
                    }
                };
                if is_known {
                    item.status = "accepted";
                    usages.entry(stream).or_default().push((place, event));
                } else {
                    item.errors.push(FieldError {
                        pointer: "/subject".to_owned(),
                        reason: "there is no such tenant".to_owned(),
                    });
                }
            }
            Err(error) => item.errors.push(error),
        }
        items.push(item);
    }
    if !parameters.partial {
        refuse_invalid(&items)?;
        if usages.len() > 1 {
            refuse_conflicts(&app, &usages, &mut items)?;
        }
    }
    let on_conflict = if parameters.partial { OnConflict::SkipThem } else { OnConflict::RefuseAll };
    let mut pending = Vec::with_capacity(usages.len());
    for (stream, events) in usages {
        let (places, events): (Vec<usize>, Vec<NewEvent>) = events.into_iter().unzip();
        let append = Append {
            stream,
            expected: Expected::Any,
            actor: actor.clone(),
            causation: None,
            correlation: None,
            events,
            on_conflict,
        };
        pending.push((places, app.log.append(append)));
    }
    let mut position = Position::ORIGIN;
    for (places, pending) in pending {
        match pending.await {
            Ok(appended) => {
                position = position.max(appended.position);
                note(&mut items, &places, &appended);
            }
            Err(AppendError::Conflict { outcomes }) => {
                return Err(conflict(items, &places, &outcomes));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let is_mixed = items.iter().any(|item| matches!(item.status, "invalid" | "conflict"));
    let status = if is_mixed { StatusCode::MULTI_STATUS } else { StatusCode::OK };
    let done = Done { records: Vec::new(), position, revision: None, is_repeat: false };
    Ok(super::done(status, Answer { data: items, position: position.get() }, &done))
}

/// The units that the events of one request state, each judged once.
#[derive(Debug, Default)]
struct Units {
    offers: Option<Arc<Offers>>,
    refused: BTreeMap<ResourceKind, BTreeMap<Unit, Option<UnitRefusal>>>,
}

impl Units {
    /// Why usage may not be stated in its unit. What was recorded before the catalog said so is a
    /// repeat like any other.
    fn refuses(&mut self, app: &App, event: &NewEvent) -> Result<Option<String>, ApiError> {
        let Event::Usage(usage::Event::Recorded(usage::Recorded {
            kind, unit: Some(unit), ..
        })) = &event.event
        else {
            return Ok(None);
        };
        let judged = self.refused.get(kind).and_then(|it| it.get(unit));
        let refusal = match judged {
            Some(judged) => judged.as_ref(),
            None => {
                let offers = match &mut self.offers {
                    Some(offers) => offers,
                    none => none.insert(app.state::<Offers>(&Stream::Catalog)?.0),
                };
                let judged = expect_unit(offers, kind, unit).err();
                let of_kind = self.refused.entry(kind.clone()).or_default();
                of_kind.entry(unit.clone()).or_insert(judged).as_ref()
            }
        };
        let Some(refusal) = refusal else { return Ok(None) };
        let is_repeat = match &event.key {
            Some(key) => app.log.find(key)?.is_some(),
            None => false,
        };
        Ok((!is_repeat).then(|| refusal.to_string()))
    }
}

/// Single, batch or binary mode, by content type.
async fn read(request: Request, app: &Shared) -> Result<Vec<CloudEvent>, ApiError> {
    let media = body::media_type(&request);
    let headers = request.headers().clone();
    let bytes = body::read(request, app).await?;
    match media.as_deref() {
        Some("application/cloudevents+json") => Ok(vec![body::parse(&bytes)?]),
        Some("application/cloudevents-batch+json") => body::parse(&bytes),
        Some("application/json") if headers.contains_key("ce-specversion") => {
            Ok(vec![cloudevents::from_headers(&headers, &bytes)?])
        }
        Some(_) | None => Err(ApiError::MediaType),
    }
}

fn refuse_invalid(items: &[Item]) -> Result<(), ApiError> {
    let fields: Vec<FieldError> = items
        .iter()
        .enumerate()
        .flat_map(|(place, item)| {
            item.errors.iter().map(move |error| FieldError {
                pointer: format!("/{place}{}", error.pointer),
                reason: error.reason.clone(),
            })
        })
        .collect();
    if fields.is_empty() {
        return Ok(());
    }
    let detail = "nothing was recorded: some events are invalid".to_owned();
    Err(ApiError::Malformed { detail, fields })
}

/// One append goes to one stream, so a batch over several is looked at whole before any of it is
/// appended.
fn refuse_conflicts(
    app: &Shared,
    usages: &BTreeMap<Stream, Vec<(usize, NewEvent)>>,
    items: &mut [Item],
) -> Result<(), ApiError> {
    let mut has_conflict = false;
    for (stream, events) in usages {
        for (place, event) in events {
            let Some(key) = &event.key else { continue };
            let Some(first) = app.log.find(key)? else { continue };
            let same = first.stream == *stream
                && first.event == event.event
                && first.occurred_at == event.occurred_at;
            if let (false, Some(item)) = (same, items.get_mut(*place)) {
                item.status = "conflict";
                item.position = Some(first.position.get());
                has_conflict = true;
            }
        }
    }
    if has_conflict { Err(conflict_of(items)) } else { Ok(()) }
}

fn note(items: &mut [Item], places: &[usize], appended: &Appended) {
    for (place, outcome) in places.iter().zip(&appended.outcomes) {
        let Some(item) = items.get_mut(*place) else { continue };
        let (status, position) = match outcome {
            Outcome::Recorded { position, .. } => ("accepted", *position),
            Outcome::Duplicate { position, .. } => ("duplicate", *position),
            Outcome::Conflict { position } => ("conflict", *position),
        };
        item.status = status;
        item.position = Some(position.get()).filter(|it| *it > 0);
    }
}

fn conflict(mut items: Vec<Item>, places: &[usize], outcomes: &[Option<Outcome>]) -> ApiError {
    for (place, outcome) in places.iter().zip(outcomes) {
        if let (Some(Outcome::Conflict { position }), Some(item)) = (outcome, items.get_mut(*place))
        {
            item.status = "conflict";
            item.position = Some(position.get()).filter(|it| *it > 0);
        }
    }
    conflict_of(&items)
}

fn conflict_of(items: &[Item]) -> ApiError {
    let conflicts: Vec<&Item> = items.iter().filter(|item| item.status == "conflict").collect();
    let mut more = serde_json::Map::new();
    more.insert("conflicts".to_owned(), serde_json::json!(conflicts));
    ApiError::Refused {
        code: "conflicting_duplicate",
        kind: ledger_core::decide::RefusalKind::Conflict,
        detail: "nothing was recorded: an id is known with other content".to_owned(),
        more,
    }
}

/// `GET /events/{position}`
pub(crate) async fn show(
    State(app): State<Shared>,
    caller: Caller,
    Path(position): Path<String>,
) -> Result<Response, ApiError> {
    caller.principal.read_all()?;
    let position = Position::new(super::parse_part(&position)?);
    blocking(move || {
        let record = app.log.reader().read_at(position)?.ok_or(ApiError::NotFound)?;
        Ok(answer(record, app.log.head()))
    })
    .await
}
