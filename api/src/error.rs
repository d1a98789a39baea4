//! The only file that knows a status code: what went wrong, as RFC 9457 problems.
//!
//! The client gets a stable `code` and what explains its refusal; the log gets the rest. Nothing of
//! ours (paths, sources, other tenants) leaves through here.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ledger_core::cause::in_one_line;
use ledger_core::decide::{Refusal, RefusalKind};
use ledger_core::log::{AppendError, ReadError, Revision};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Where in a request something is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// A JSON pointer.
    pub(crate) pointer: String,
    /// What is wrong there.
    pub(crate) reason: String,
}

/// Why a request was not answered as asked.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No token that is believed. The reason goes to the log only.
    Unauthenticated { why: &'static str },
    /// Not there, or not the caller's: the two are one answer.
    NotFound,
    /// It is there, and this is not what can be done with it.
    Method,
    /// Not a request of its form.
    Malformed { detail: String, fields: Vec<FieldError> },
    /// A body of another type than is read here.
    MediaType,
    /// Larger than is read here.
    TooLarge { detail: String },
    /// A rule says no.
    Refused { code: &'static str, kind: RefusalKind, detail: String, more: Map<String, Value> },
    /// The idempotency key is known with another body.
    KeyTaken,
    /// It is not at the revision that the caller has seen.
    Changed { revision: Option<Revision> },
    /// Not now, but soon.
    Unavailable { code: &'static str, detail: String, retry_after_s: u32 },
    /// Nearly no space: writes are refused until there is.
    DiskFull,
    /// Ours. The log knows what.
    Internal { what: String },
}

impl ApiError {
    /// A business refusal, with the numbers that explain it.
    pub(crate) fn refused<R: Refusal>(refusal: &R, more: Map<String, Value>) -> Self {
        Self::Refused {
            code: refusal.code(),
            kind: refusal.kind(),
            detail: in_one_line(refusal),
            more,
        }
    }

    /// One field is wrong.
    pub(crate) fn field(pointer: &str, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self::Malformed {
            detail: format!("{pointer}: {reason}"),
            fields: vec![FieldError { pointer: pointer.to_owned(), reason }],
        }
    }

    /// A failure of ours: the whole chain goes to the log.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        Self::Internal { what: in_one_line(error) }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self::internal(&error)
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        let detail = error.to_string();
        match error {
            AppendError::Conflict { .. } => Self::KeyTaken,
            AppendError::EventTooLarge { .. } | AppendError::TooLarge { .. } => {
                Self::TooLarge { detail }
            }
            AppendError::ClockBehind { .. } => {
                Self::Unavailable { code: "clock_behind", detail, retry_after_s: 30 }
            }
            AppendError::ClockAhead { .. } => {
                Self::Unavailable { code: "clock_ahead", detail, retry_after_s: 30 }
            }
            AppendError::Busy | AppendError::WrongRevision { .. } => {
                Self::Unavailable { code: "busy", detail, retry_after_s: 1 }
            }
            AppendError::DiskFull { .. } => Self::DiskFull,
            AppendError::Stopped { .. } => {
                tracing::error!(%detail, "an append after the log stopped");
                let detail = "the log has stopped; it resumes when the server restarts".to_owned();
                Self::Unavailable { code: "log_stopped", detail, retry_after_s: 30 }
            }
            AppendError::PartlyRecorded { .. }
            | AppendError::Empty { .. }
            | AppendError::WrongStream { .. }
            | AppendError::Encode { .. } => Self::Internal { what: detail },
        }
    }
}

#[derive(Serialize)]
struct Problem {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut retry_after_s = None;
        let (status, code, title, detail, errors, more) = match self {
            Self::Unauthenticated { why } => {
                tracing::info!(why, "not authenticated");
                let detail = "send a valid token as Authorization: Bearer".to_owned();
                (
                    StatusCode::UNAUTHORIZED,
                    "unauthenticated",
                    "Who are you?",
                    detail,
                    vec![],
                    Map::new(),
                )
            }
            Self::NotFound => {
                let detail = "there is nothing here for you".to_owned();
                (StatusCode::NOT_FOUND, "not_found", "Not found", detail, vec![], Map::new())
            }
            Self::Method => {
                let detail = "this path does not take that method; see Allow".to_owned();
                let status = StatusCode::METHOD_NOT_ALLOWED;
                (status, "method", "Method not allowed", detail, vec![], Map::new())
            }
            Self::Malformed { detail, fields } => (
                StatusCode::BAD_REQUEST,
                "malformed",
                "Malformed request",
                detail,
                fields,
                Map::new(),
            ),
            Self::MediaType => {
                let detail = "send the content type this path reads".to_owned();
                let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                (status, "media_type", "Unsupported media type", detail, vec![], Map::new())
            }
            Self::TooLarge { detail } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "Too large",
                detail,
                vec![],
                Map::new(),
            ),
            Self::Refused { code, kind, detail, more } => {
                let status = match kind {
                    RefusalKind::NotFound => StatusCode::NOT_FOUND,
                    RefusalKind::PaymentRequired => StatusCode::PAYMENT_REQUIRED,
                    RefusalKind::Conflict => StatusCode::CONFLICT,
                    RefusalKind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
                };
                (status, code, "Refused", detail, vec![], more)
            }
            Self::KeyTaken => {
                let detail = "this Idempotency-Key was used with another body".to_owned();
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                (status, "idempotency_key_reused", "Refused", detail, vec![], Map::new())
            }
            Self::Changed { revision } => {
                let detail = "it has changed; read it again, then decide again".to_owned();
                let mut more = Map::new();
                more.insert("revision".to_owned(), json!(revision));
                let status = StatusCode::PRECONDITION_FAILED;
                (status, "revision_changed", "Changed meanwhile", detail, vec![], more)
            }
            Self::Unavailable { code, detail, retry_after_s: after } => {
                retry_after_s = Some(after);
                (StatusCode::SERVICE_UNAVAILABLE, code, "Not now", detail, vec![], Map::new())
            }
            Self::DiskFull => {
                let detail = "the disk is nearly full; nothing was recorded".to_owned();
                let status = StatusCode::INSUFFICIENT_STORAGE;
                (status, "disk_full", "Insufficient storage", detail, vec![], Map::new())
            }
            Self::Internal { what } => {
                tracing::error!(%what, "a request failed");
                let detail = "the server failed; its log says more".to_owned();
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                (status, "internal", "Internal error", detail, vec![], Map::new())
            }
        };
        let r#type = format!("urn:counterfoil:problem:{code}");
        let status_number = status.as_u16();
        let problem = Problem { r#type, title, status: status_number, detail, code, errors, more };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        let problem_json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, problem_json);
        if let Some(after) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
