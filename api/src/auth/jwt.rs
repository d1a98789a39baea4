//! JSON Web Tokens behind a narrow door.
//!
//! The algorithm belongs to the key and the token must agree; the header may hold `alg`, `typ` and
//! `kid` and nothing else, so that everything RFC 8725 warns of (`none`, `jwk`, `jku`, `x5u`,
//! `crit`, `b64`, `zip`) is refused before the key is used. `sub` and `exp` are required. The
//! signature is compared in constant time, and nothing of the claims is read before it holds.

use hmac::{Hmac, KeyInit, Mac};
use ledger_core::time::Timestamp;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::base64url;

/// A clock that differs by so much is still believed.
const LEEWAY_S: i64 = 30;
/// The longest life of a token, from its issue (or from now, when it does not say) to its end.
const LIFETIME_S_MAX: i64 = 30 * 86_400;

/// An algorithm a key is pinned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Algorithm {
    /// HMAC with SHA-256.
    #[value(name = "HS256")]
    Hs256,
    /// HMAC with SHA-384.
    #[value(name = "HS384")]
    Hs384,
    /// HMAC with SHA-512.
    #[value(name = "HS512")]
    Hs512,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// A secret is at least as long as the hash.
    pub(crate) fn secret_bytes_min(self) -> usize {
        match self {
            Self::Hs256 => 32,
            Self::Hs384 => 48,
            Self::Hs512 => 64,
        }
    }
}

/// A secret and the algorithm it is for.
#[derive(Clone)]
pub(crate) struct Key {
    algorithm: Algorithm,
    secret: Vec<u8>,
    issuer: Option<String>,
    audience: Option<String>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({}, [redacted])", self.algorithm.name())
    }
}

/// Why a secret is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    /// Shorter than its hash.
    #[error("a secret for {algorithm} has at least {bytes_min} bytes, not {bytes}")]
    Short { algorithm: &'static str, bytes: usize, bytes_min: usize },
    /// A key in PEM: a public one is no secret, and a private one is no secret to share.
    #[error("a secret is not a key in PEM")]
    Pem,
}

impl Key {
    /// A key for one algorithm. `issuer` and `audience` are checked when given.
    pub(crate) fn new(
        algorithm: Algorithm,
        secret: Vec<u8>,
        issuer: Option<String>,
        audience: Option<String>,
    ) -> Result<Self, KeyError> {
        let (bytes, bytes_min) = (secret.len(), algorithm.secret_bytes_min());
        if bytes < bytes_min {
            return Err(KeyError::Short { algorithm: algorithm.name(), bytes, bytes_min });
        }
        if secret.trim_ascii_start().starts_with(b"-----BEGIN ") {
            return Err(KeyError::Pem);
        }
        Ok(Self { algorithm, secret, issuer, audience })
    }

    fn tag(&self, signed: &[u8]) -> Vec<u8> {
        fn tag<M: Mac + KeyInit>(secret: &[u8], signed: &[u8]) -> Vec<u8> {
            let mut mac = <M as KeyInit>::new_from_slice(secret).expect("HMAC takes any secret");
            mac.update(signed);
            mac.finalize().into_bytes().to_vec()
        }
        match self.algorithm {
            Algorithm::Hs256 => tag::<Hmac<Sha256>>(&self.secret, signed),
            Algorithm::Hs384 => tag::<Hmac<Sha384>>(&self.secret, signed),
            Algorithm::Hs512 => tag::<Hmac<Sha512>>(&self.secret, signed),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
}

/// What a token says; anything else in it is ignored.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    #[serde(deserialize_with = "seconds")]
    exp: i64,
    #[serde(default, deserialize_with = "some_seconds", skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(default, deserialize_with = "some_seconds", skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<Audience>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<String>,
    #[serde(default)]
    pub(crate) roles: Vec<String>,
}

/// A number of seconds since 1970, which RFC 7519 lets have decimals: they are cut off, which is
/// within the leeway. Exponents and texts are no times here.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    some_seconds(deserializer)?.ok_or_else(|| D::Error::custom("a time is not null"))
}

fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let text = raw.get();
    if text == "null" {
        return Ok(None);
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_plain = decimals.bytes().all(|it| it.is_ascii_digit());
    let whole = whole.parse().ok().filter(|_| is_plain);
    whole.map(Some).ok_or_else(|| D::Error::custom("a time is a number of seconds"))
}

/// RFC 7519 allows one audience or a list of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Why a token is not believed. The caller is never told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    Form,
    Header,
    Algorithm,
    Signature,
    Claims,
    Expired,
    NotYet,
    Lifetime,
    Issuer,
    Audience,
}

impl TokenError {
    /// For the log.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Form => "the token has not three parts of strict base64",
            Self::Header => "the token's header has a member that is refused",
            Self::Algorithm => "the token's algorithm is not the key's",
            Self::Signature => "the token's signature does not hold",
            Self::Claims => "the token's claims are not of their types, or one is missing",
            Self::Expired => "the token has expired",
            Self::NotYet => "the token is not valid yet",
            Self::Lifetime => "the token lives longer than is allowed",
            Self::Issuer => "the token is of another issuer",
            Self::Audience => "the token is for another audience",
        }
    }
}

/// The claims of a token whose signature holds, not read yet.
fn signed_claims(token: &str, key: &Key) -> Result<Vec<u8>, TokenError> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Form);
    };
    let signed = token.get(..header.len() + 1 + claims.len()).ok_or(TokenError::Form)?;
    let decode = |text| base64url::decode(text).ok_or(TokenError::Form);
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| TokenError::Header)?;
    if header.alg != key.algorithm.name() {
        return Err(TokenError::Algorithm);
    }
    let is_ours = |typ: &str| ["JWT", "at+jwt"].iter().any(|it| it.eq_ignore_ascii_case(typ));
    if header.typ.is_some_and(|typ| !is_ours(&typ)) {
        return Err(TokenError::Header);
    }
    let expected = key.tag(signed.as_bytes());
    if !bool::from(expected.ct_eq(&signature)) {
        return Err(TokenError::Signature);
    }
    Ok(claims)
}

/// Believes a token or says why not.
pub(crate) fn verify(token: &str, key: &Key, now: Timestamp) -> Result<Claims, TokenError> {
    let claims = signed_claims(token, key)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| TokenError::Claims)?;
    check_times(&claims, now)?;
    if key.issuer.is_some() && claims.iss != key.issuer {
        return Err(TokenError::Issuer);
    }
    if let Some(wanted) = &key.audience {
        let is_for_us = match &claims.aud {
            Some(Audience::One(audience)) => audience == wanted,
            Some(Audience::Many(audiences)) => audiences.contains(wanted),
            None => false,
        };
        if !is_for_us {
            return Err(TokenError::Audience);
        }
    }
    Ok(claims)
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
    let now = now.as_micros().div_euclid(1_000_000);
    if claims.exp.saturating_add(LEEWAY_S) <= now {
        return Err(TokenError::Expired);
    }
    let begins = [claims.nbf, claims.iat].into_iter().flatten().max();
    if begins.is_some_and(|begin| begin.saturating_sub(LEEWAY_S) > now) {
        return Err(TokenError::NotYet);
    }
    let lives = claims.exp.saturating_sub(claims.iat.unwrap_or(now));
    if lives > LIFETIME_S_MAX.saturating_add(LEEWAY_S) {
        return Err(TokenError::Lifetime);
    }
    Ok(())
}

/// A token of our own for an operator of this machine.
pub(crate) fn mint(
    key: &Key,
    subject: &str,
    roles: &[&str],
    now: Timestamp,
    lives_s: i64,
) -> String {
    let issued = now.as_micros().div_euclid(1_000_000);
    let header =
        Header { alg: key.algorithm.name().to_owned(), typ: Some("JWT".to_owned()), kid: None };
    let claims = Claims {
        sub: subject.to_owned(),
        exp: issued.saturating_add(lives_s),
        iat: Some(issued),
        nbf: None,
        iss: key.issuer.clone(),
        aud: key.audience.clone().map(Audience::One),
        tenant_id: None,
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
    };
    let json = |it: Result<Vec<u8>, serde_json::Error>| {
        base64url::encode(&it.expect("a struct of text and numbers has a JSON form"))
    };
    let signed =
        format!("{}.{}", json(serde_json::to_vec(&header)), json(serde_json::to_vec(&claims)));
    let signature = base64url::encode(&key.tag(signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[cfg(test)]
mod tests;
