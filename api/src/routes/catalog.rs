//! What is for sale: read by everyone, published by operators, convergent.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use ledger_core::catalog::{Catalog, CatalogError, PlanVersion};
use ledger_core::decide::catalog::Offers;
use ledger_core::id::KeyScope;
use ledger_core::log::EventLog;
use ledger_core::stream::Stream;
use ledger_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::{Caller, Query, Shared, answer, blocking, done};
use crate::body;
use crate::error::{ApiError, FieldError};

/// How a catalog is published.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Say what would be published and publish nothing.
    #[serde(default)]
    dry_run: bool,
    /// From when on prices of kinds hold, and when it happened: an import.
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct PlanBody {
    version: u32,
    #[serde(flatten)]
    plan: PlanVersion,
}

fn plans_of(offers: &Offers) -> Vec<PlanBody> {
    offers
        .plans()
        .map(|offer| PlanBody { version: offer.version, plan: offer.plan.clone() })
        .collect()
}

/// `GET /catalog`
pub(crate) async fn show(State(app): State<Shared>, caller: Caller) -> Result<Response, ApiError> {
    plans(State(app), caller).await
}

/// `GET /catalog/plans`
pub(crate) async fn plans(State(app): State<Shared>, caller: Caller) -> Result<Response, ApiError> {
    caller.principal.read_own()?;
    blocking(move || {
        let head = app.log.head();
        let (offers, _) = app.state_as_of::<Offers>(&Stream::Catalog, head)?;
        Ok(answer(json!({"data": plans_of(&offers), "position": head}), head))
    })
    .await
}

/// `POST /catalog`: a whole catalog file; what differs is published.
pub(crate) async fn publish(
    State(app): State<Shared>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.principal.operate()?;
    let text = read(request, &app).await?;
    let catalog = Catalog::read(&text).map_err(|error| malformed(&error))?;
    blocking(move || publish_all(&app, &caller, &parameters, &catalog)).await
}

/// `POST /catalog/plans`: one plan; a difference makes a version.
pub(crate) async fn publish_plan(
    State(app): State<Shared>,
    caller: Caller,
    Query(parameters): Query<Parameters>,
    request: Request,
) -> Result<Response, ApiError> {
    caller.principal.operate()?;
    let text = read(request, &app).await?;
    // A plan is checked as a catalog of one, so that the two paths refuse the same.
    let text = format!("{{\"plans\":[{text}]}}");
    let catalog = Catalog::read(&text).map_err(|error| malformed(&error))?;
    blocking(move || publish_all(&app, &caller, &parameters, &catalog)).await
}

async fn read(request: Request, app: &Shared) -> Result<String, ApiError> {
    if body::media_type(&request).as_deref() != Some("application/json") {
        return Err(ApiError::MediaType);
    }
    let bytes = body::read(request, app).await?;
    String::from_utf8(bytes.to_vec()).map_err(|error| ApiError::Malformed {
        detail: format!("the body is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()),
        fields: Vec::new(),
    })
}

fn malformed(error: &CatalogError) -> ApiError {
    ApiError::Malformed {
        detail: error.to_string(),
        fields: error
            .problems
            .iter()
            .map(|it| FieldError { pointer: it.pointer.clone(), reason: it.reason.to_string() })
            .collect(),
    }
}

fn publish_all(
    app: &Shared,
    caller: &Caller,
    parameters: &Parameters,
    catalog: &Catalog,
) -> Result<Response, ApiError> {
    let fingerprinted = (parameters, catalog);
    let at = parameters.occurred_at;
    let command = caller.command(app, "publish-catalog", KeyScope::Operator, &fingerprinted, at)?;
    let decide = |offers: &Offers| {
        let decided = offers.publish(catalog, command.occurred_at);
        decided.map_err(|it| ApiError::refused(&it, Map::new()))
    };
    if parameters.dry_run {
        let head = app.log.head();
        let (offers, _) = app.state_as_of::<Offers>(&Stream::Catalog, head)?;
        let would = decide(&offers)?;
        let body = json!({"dry_run": true, "published": would});
        return Ok(answer(body, head));
    }
    let made = app.run::<Offers>(&Stream::Catalog, &command, decide)?;
    let published: Vec<_> = made.records.iter().map(|record| &record.event).collect();
    let status = if published.is_empty() { StatusCode::OK } else { StatusCode::CREATED };
    let body = json!({"dry_run": false, "published": published});
    Ok(done(status, body, &made))
}
