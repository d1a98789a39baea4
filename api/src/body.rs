//! Request bodies: JSON, bounded, typed, every mistake named by its place.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use ledger_core::json;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::{ApiError, FieldError};

/// The most bytes of a JSON body.
pub(crate) const JSON_BYTES_MAX: usize = 1024 * 1024;

/// What is wrong with a time that is still to come.
pub(crate) const AHEAD: &str = "it is more than 5 minutes ahead of the server's clock";

/// A JSON body and the fingerprint of what it says.
#[derive(Debug, Clone)]
pub(crate) struct JsonBody<T> {
    pub(crate) value: T,
}

impl<T, S> FromRequest<S> for JsonBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let media = media_type(&request);
        if media.as_deref() != Some("application/json") {
            return Err(ApiError::MediaType);
        }
        let bytes = read(request, state).await?;
        Ok(Self { value: parse(&bytes)? })
    }
}

/// The media type of a request without its parameters, in lower case.
pub(crate) fn media_type(request: &Request) -> Option<String> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let media = value.split(';').next()?.trim();
    Some(media.to_ascii_lowercase())
}

/// The body, if it is not too large.
pub(crate) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let _ = state;
    axum::body::to_bytes(request.into_body(), JSON_BYTES_MAX).await.map_err(|_| {
        ApiError::TooLarge { detail: format!("a body has at most {JSON_BYTES_MAX} bytes") }
    })
}

/// Reads JSON, its numbers exactly as they are written; a mistake is named by its pointer.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let text = str::from_utf8(bytes).map_err(|error| ApiError::Malformed {
        detail: format!("the body is not UTF-8 from byte {} on", error.valid_up_to()),
        fields: Vec::new(),
    })?;
    let text = json::quote_fractions(text);
    let mut reader = serde_json::Deserializer::from_str(&text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let reason = error.inner().to_string();
        ApiError::Malformed { detail: reason.clone(), fields: vec![FieldError { pointer, reason }] }
    })?;
    reader
        .end()
        .map_err(|error| ApiError::Malformed { detail: error.to_string(), fields: Vec::new() })?;
    Ok(value)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                format!("/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// What a repeat of a command must match: the operation and its parsed body with defaults.
pub(crate) fn fingerprint<T: serde::Serialize>(
    operation: &str,
    body: &T,
) -> Result<ledger_core::log::Fingerprint, ApiError> {
    let json = serde_json::to_vec(body).map_err(|error| ApiError::internal(&error))?;
    let mut hash = Sha256::new();
    hash.update(operation.as_bytes());
    hash.update([0]);
    hash.update(&json);
    Ok(ledger_core::log::Fingerprint(hash.finalize().into()))
}
