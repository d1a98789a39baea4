//! The API's table of contents.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use ledger_core::cause::in_one_line;
use ledger_core::id::{KeyId, KeyScope, TenantId};
use ledger_core::log::{Position, Revision};
use ledger_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::app::{App, Command, Done, Seen};
use crate::auth::Principal;
use crate::body;
use crate::error::ApiError;

mod catalog;
mod deployments;
mod health;
mod ingest;
mod invoices;
mod quota;
mod quote;
mod tenants;
mod usage;

/// What every handler is given.
pub(crate) type Shared = Arc<App>;

/// How far the log must be folded before a read answers.
static WAIT_FOR: HeaderName = HeaderName::from_static("ledger-wait-for");
/// How far the log was when the answer was made.
static POSITION: HeaderName = HeaderName::from_static("ledger-position");
/// The answer is that of an earlier request with the same key.
static HIT: HeaderName = HeaderName::from_static("idempotency-hit");
/// The name by which a repeat of a command is known.
static KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long a read waits for the views.
const PATIENCE: Duration = Duration::from_secs(2);

/// Every path of the API.
pub(crate) fn router(app: Shared) -> Router {
    let v1 = Router::new()
        .route("/events", post(ingest::create))
        .route("/events/{position}", get(ingest::show))
        .route("/tenants", post(tenants::create).get(tenants::list))
        .route("/tenants/{tenant}", get(tenants::show))
        .route("/tenants/{tenant}/tax-profile", put(tenants::set_tax_profile))
        .route("/tenants/{tenant}/plan", put(tenants::assign_plan))
        .route("/tenants/{tenant}/cost-cap", put(tenants::set_cost_cap))
        .route("/tenants/{tenant}/quota", get(quota::show))
        .route("/tenants/{tenant}/quota/reservations", post(quota::reserve))
        .route("/tenants/{tenant}/quota/reservations/{reservation}/commit", post(quota::commit))
        .route("/tenants/{tenant}/quota/reservations/{reservation}", delete(quota::release))
        .route("/tenants/{tenant}/spend", get(quota::spend))
        .route("/catalog", get(catalog::show).post(catalog::publish))
        .route("/catalog/plans", get(catalog::plans).post(catalog::publish_plan))
        .route("/quote", post(quote::create))
        .route("/deployments", post(deployments::create).get(deployments::list))
        .route("/deployments/{deployment}", get(deployments::show))
        .route("/deployments/{deployment}/transition", post(deployments::transition))
        .route("/deployments/{deployment}/subscribe", post(deployments::subscribe))
        .route("/deployments/{deployment}/addons", post(deployments::attach_addon))
        .route("/deployments/{deployment}/addons/{attachment}", delete(deployments::detach_addon))
        .route("/usage", get(usage::show))
        .route("/usage/{position}/correct", post(usage::correct))
        .route("/dashboard/receivables", get(invoices::receivables))
        .route("/invoices", get(invoices::list))
        .route("/invoices/rollup", post(invoices::rollup))
        .route("/invoices/{number}", get(invoices::show))
        .route("/invoices/{number}/explain", get(invoices::explain_one))
        .route("/invoices/{number}/void", post(invoices::void))
        .route("/invoices/{number}/credit-notes", post(invoices::credit_note))
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), wait_for_views));
    Router::new()
        .route("/api/health", get(health::health))
        .route("/api/ready", get(health::ready))
        .nest("/api/v1", v1)
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(middleware::map_response(plain_headers))
        .with_state(app)
}

async fn nothing() -> ApiError {
    ApiError::NotFound
}

async fn not_so() -> ApiError {
    ApiError::Method
}

/// Nothing we answer is for a cache, a frame or a guess at its type.
async fn plain_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert("cache-control", HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    response
}

/// `Ledger-Wait-For: N`: the answer knows at least that much.
async fn wait_for_views(
    State(app): State<Shared>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let wanted = match request.headers().get(&WAIT_FOR) {
        None => None,
        Some(value) => {
            let position = value.to_str().ok().and_then(|text| text.parse().ok());
            let reason = "it is a position: a whole number";
            Some(position.ok_or_else(|| ApiError::field("/header/ledger-wait-for", reason))?)
        }
    };
    if let Some(wanted) = wanted {
        // Nobody waits here, or learns how far the log is, without being known.
        Principal::of(request.headers(), &app.key, app.now())?;
        let waiting = Arc::clone(&app);
        blocking(move || waiting.views_at(Position::new(wanted), PATIENCE)).await?;
    }
    Ok(next.run(request).await)
}

/// Runs what reads files or waits for a disk where that holds nobody up.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ApiError::internal(&error)),
    }
}

/// Whoever called, believed.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    pub(crate) key: Option<KeyId>,
    pub(crate) seen: Option<Seen>,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ApiError> {
        let principal = Principal::of(&parts.headers, &app.key, app.now())?;
        let (key, seen) = (idempotency_key(&parts.headers)?, if_match(&parts.headers)?);
        Ok(Self { principal, key, seen })
    }
}

/// The parameters of a query, every mistake named as in a body.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::try_from_uri(&parts.uri) {
            Ok(axum::extract::Query(parameters)) => Ok(Self(parameters)),
            Err(error) => {
                Err(ApiError::Malformed { detail: in_one_line(&error), fields: Vec::new() })
            }
        }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<KeyId>, ApiError> {
    let mut given = headers.get_all(&KEY).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| given.next().is_none());
    let key = text.and_then(|text| text.parse().ok());
    let reason = "it is one key of 1 to 255 printable characters";
    key.map(Some).ok_or_else(|| ApiError::field("/header/idempotency-key", reason))
}

/// `If-Match: "7"`: what is commanded holds for revision 7 and no other.
fn if_match(headers: &HeaderMap) -> Result<Option<Seen>, ApiError> {
    let mut given = headers.get_all(IF_MATCH).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| given.next().is_none());
    let seen = text.and_then(|text| {
        if text == "*" {
            return Some(Seen::Something);
        }
        let digits = text.strip_prefix('"')?.strip_suffix('"')?;
        let revision = digits.parse::<u64>().ok()?;
        // One spelling: neither a sign nor a zero before it.
        (revision.to_string() == digits).then_some(Seen::Revision(Revision::new(revision)))
    });
    let reason = "it is one revision in quotation marks, as in an ETag, or *";
    seen.map(Some).ok_or_else(|| ApiError::field("/header/if-match", reason))
}

impl Caller {
    /// What spans several things has no one revision to hold to.
    pub(crate) fn refuse_if_match(&self) -> Result<(), ApiError> {
        let reason = "this path changes several things, which have no one revision";
        match self.seen {
            None => Ok(()),
            Some(_) => Err(ApiError::field("/header/if-match", reason)),
        }
    }

    /// A command of this caller. `occurred_at` is an import's own time, for operators only; it
    /// is recorded that they told of it and did not do it then. What is still to come cannot be
    /// told of: a year that is misspelled would last.
    pub(crate) fn command<B: Serialize>(
        &self,
        app: &App,
        operation: &'static str,
        scope: KeyScope,
        body: &B,
        occurred_at: Option<Timestamp>,
    ) -> Result<Command, ApiError> {
        let refused = |reason| ApiError::field("/occurred_at", reason);
        let now = app.now();
        let (actor, occurred_at) = match occurred_at {
            None => (self.principal.actor(), now),
            Some(at) => match self.principal.importer() {
                None => return Err(refused("only operators import with a time")),
                Some(_) if at.is_to_come(now) => return Err(refused(body::AHEAD)),
                Some(importer) => (importer, at),
            },
        };
        Ok(Command {
            actor,
            operation,
            scope,
            key: self.key.clone(),
            fingerprint: body::fingerprint(operation, body)?,
            seen: self.seen,
            occurred_at,
        })
    }
}

/// A part of the path that has a type.
pub(crate) fn parse_part<T: std::str::FromStr>(text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound)
}

/// A tenant in the path.
pub(crate) fn tenant_of(Path(text): &Path<String>) -> Result<TenantId, ApiError> {
    parse_part(text)
}

/// The scope of keys of a tenant's commands.
pub(crate) fn keys_of(tenant: &TenantId) -> KeyScope {
    KeyScope::Tenant(tenant.clone())
}

/// An answer to a read.
pub(crate) fn answer<B: Serialize>(body: B, position: Position) -> Response {
    let mut response = axum::Json(body).into_response();
    response.headers_mut().insert(&POSITION, HeaderValue::from(position.get()));
    response
}

/// An answer to a read of one thing, with the revision to hold a command to.
pub(crate) fn answer_one<B: Serialize>(
    body: B,
    position: Position,
    revision: Option<Revision>,
) -> Response {
    let mut response = answer(body, position);
    tag(response.headers_mut(), revision);
    response
}

fn tag(headers: &mut HeaderMap, revision: Option<Revision>) {
    let tag = revision.and_then(|it| HeaderValue::from_str(&format!("\"{it}\"")).ok());
    if let Some(tag) = tag {
        headers.insert(ETAG, tag);
    }
}

/// An answer to a command.
pub(crate) fn done<B: Serialize>(status: axum::http::StatusCode, body: B, done: &Done) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(&POSITION, HeaderValue::from(done.position.get()));
    tag(headers, done.revision);
    if done.is_repeat {
        headers.insert(&HIT, HeaderValue::from_static("true"));
    }
    response
}
