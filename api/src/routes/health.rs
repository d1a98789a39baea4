//! Whether the process lives, and whether it is ready.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ledger_core::log::EventLog;
use serde::Serialize;
use serde_json::json;

use super::Shared;

/// `GET /api/health`
pub(crate) async fn health() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

#[derive(Serialize)]
struct ProjectionBody {
    name: &'static str,
    version: u16,
    position: u64,
    lag: u64,
    stopped: bool,
}

/// `GET /api/ready`
pub(crate) async fn ready(State(app): State<Shared>) -> Response {
    let head = app.log.head();
    let projections: Vec<ProjectionBody> = app
        .views
        .statuses()
        .into_iter()
        .map(|status| ProjectionBody {
            name: status.name,
            version: status.version,
            position: status.position.get(),
            lag: head.get().saturating_sub(status.position.get()),
            stopped: status.stopped.is_some(),
        })
        .collect();
    let takes_appends = app.log.stopped().is_none();
    let is_ready = takes_appends && projections.iter().all(|it| !it.stopped);
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": is_ready,
        "log": {"position": head.get(), "takes_appends": takes_appends},
        "projections": projections,
    });
    (status, Json(body)).into_response()
}
