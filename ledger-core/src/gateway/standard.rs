//! Standard Webhooks 1.0: signatures of what is sent and of what comes in.
//!
//! Signed are `webhook-id`, `webhook-timestamp` and the body, with full stops between. The header
//! holds several signatures with spaces between: `v1` is HMAC-SHA256 under a shared secret
//! (`whsec_` and base64), `v1a` is ed25519 under the sender's key (`whpk_` and base64). A scheme
//! that we have no key for is ignored.

use super::signature::{Secret, SignatureError, unix};
use crate::proof::base64;
use crate::time::Timestamp;

/// How long a shared secret may be.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// What follows the prefix is not base64.
    #[error("the key is not base64")]
    Base64,
    /// Too short to be a secret, or too long.
    #[error("the key has {bytes} bytes; 24 to 64 are allowed")]
    Length {
        /// How many it has.
        bytes: usize,
    },
    /// Not a point of the curve.
    #[error("the key is no ed25519 key")]
    Point,
}

/// What a sender is known by.
#[derive(Debug, Clone)]
pub enum Key {
    /// Both sides know it: `v1`.
    Shared(Secret),
    /// The sender's public key: `v1a`.
    Public(Box<ed25519_dalek::VerifyingKey>),
}

impl Key {
    /// Reads `whsec_...`, `whpk_...`, or a shared secret without its prefix.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        if let Some(public) = text.strip_prefix("whpk_") {
            let bytes = base64::decode(public).ok_or(KeyError::Base64)?;
            let bytes = bytes.try_into().map_err(|_| KeyError::Point)?;
            let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes);
            return key.map(|it| Self::Public(Box::new(it))).map_err(|_| KeyError::Point);
        }
        let secret = text.strip_prefix("whsec_").unwrap_or(text);
        let bytes = base64::decode(secret).ok_or(KeyError::Base64)?;
        let secret = Secret::new(&bytes).filter(|_| SECRET_BYTES.contains(&bytes.len()));
        secret.map(Self::Shared).ok_or(KeyError::Length { bytes: bytes.len() })
    }

    /// Whether this signature, as the header spells it, is one under this key.
    fn has_signed(&self, parts: &[&[u8]; 5], signature: &str) -> bool {
        let Some((scheme, bytes)) = signature.split_once(',') else { return false };
        let Some(bytes) = base64::decode(bytes) else { return false };
        match (self, scheme) {
            (Self::Shared(secret), "v1") => {
                bytes.try_into().is_ok_and(|it: [u8; 32]| secret.is_code(parts, &it))
            }
            (Self::Public(key), "v1a") => ed25519_dalek::Signature::from_slice(&bytes)
                .is_ok_and(|it| key.verify_strict(&parts.concat(), &it).is_ok()),
            (Self::Shared(_) | Self::Public(_), _) => false,
        }
    }
}

/// The three headers as they came.
#[derive(Debug, Clone, Copy)]
pub struct Headers<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`.
    pub timestamp: &'a str,
    /// `webhook-signature`.
    pub signature: &'a str,
}

/// Whether a body was signed by one of these keys, about now; answers when.
pub fn verify(
    headers: &Headers<'_>,
    body: &[u8],
    keys: &[Key],
    now: Timestamp,
    tolerance_seconds: i64,
) -> Result<Timestamp, SignatureError> {
    let malformed = |what| SignatureError::MalformedHeader { what };
    // A full stop in the id would let the same signature fit another id and time.
    if headers.id.is_empty() || headers.id.contains('.') {
        return Err(malformed("names a message by nothing, or with a full stop"));
    }
    let signed_at = unix(headers.timestamp).ok_or(malformed("has a time that is none"))?;
    let parts = signed_parts(headers.id, headers.timestamp, body);
    // No `any`: it would stop at the first that matches.
    let mut matches = false;
    for signature in headers.signature.split(' ') {
        for key in keys {
            matches |= key.has_signed(&parts, signature);
        }
    }
    if !matches {
        return Err(SignatureError::InvalidSignature);
    }
    let oldest = now.plus_seconds(tolerance_seconds.saturating_neg());
    if oldest.is_some_and(|it| signed_at < it) {
        return Err(SignatureError::TooOld { signed_at, now });
    }
    if now.plus_seconds(tolerance_seconds).is_some_and(|it| signed_at > it) {
        return Err(SignatureError::TooNew { signed_at, now });
    }
    Ok(signed_at)
}

/// One signature of a message, as the header holds it.
pub fn sign(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> String {
    let code = secret.code(&signed_parts(id, timestamp, body));
    format!("v1,{}", base64::encode(&code))
}

const fn signed_parts<'a>(id: &'a str, timestamp: &'a str, body: &'a [u8]) -> [&'a [u8]; 5] {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body]
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signer as _;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    const BODY: &[u8] = b"{\"type\":\"invoice.issued\"}";
    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    const NOW: &str = "1770000000";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_770_000_000 + seconds).unwrap()
    }

    fn signing() -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(&[7; 32])
    }

    fn keys() -> [Key; 2] {
        let public = base64::encode(signing().verifying_key().as_bytes());
        [Key::read(SECRET).unwrap(), Key::read(&format!("whpk_{public}")).unwrap()]
    }

    fn shared() -> String {
        let [Key::Shared(secret), _] = keys() else { panic!("the first is shared") };
        sign(&secret, "msg_1", NOW, BODY)
    }

    fn public() -> String {
        let signature = signing().sign(&[b"msg_1.1770000000.", BODY].concat());
        format!("v1a,{}", base64::encode(&signature.to_bytes()))
    }

    fn verify_at(signature: &str, seconds: i64) -> Result<Timestamp, SignatureError> {
        let headers = Headers { id: "msg_1", timestamp: NOW, signature };
        verify(&headers, BODY, &keys(), at(seconds), 300)
    }

    #[test]
    fn both_schemes_are_believed_alone_and_among_others() {
        // openssl dgst -sha256 -mac HMAC -macopt hexkey:000102..17 -binary | base64
        assert_eq!(shared(), "v1,YpBNJ2kYzjN/HHg5XG003YwNpppiEkP+G7wjwZJjVfo=");
        for good in [shared(), public(), format!("v2,x v1,AAAA {} v1a,", public())] {
            assert_eq!(verify_at(&good, 0), Ok(at(0)), "{good}");
        }
    }

    #[test]
    fn a_signature_under_another_scheme_is_not() {
        let swapped = [shared().replacen("v1", "v1a", 1), public().replacen("v1a", "v1", 1)];
        let cut = shared()[..8].to_owned();
        for wrong in swapped.into_iter().chain([cut, "v1,".to_owned(), String::new()]) {
            assert_eq!(verify_at(&wrong, 0), Err(SignatureError::InvalidSignature), "{wrong}");
        }
    }

    #[test]
    fn both_sides_of_now_have_an_end() {
        assert_eq!(verify_at(&shared(), 300), Ok(at(0)));
        assert_eq!(verify_at(&public(), -300), Ok(at(0)));
        let old = SignatureError::TooOld { signed_at: at(0), now: at(301) };
        assert_eq!(verify_at(&shared(), 301), Err(old));
        let new = SignatureError::TooNew { signed_at: at(0), now: at(-301) };
        assert_eq!(verify_at(&shared(), -301), Err(new));
    }

    #[test]
    fn headers_and_keys_that_are_none_are_told_apart() {
        for (id, timestamp) in [("", NOW), ("msg.1", NOW), ("msg_1", "soon"), ("msg_1", "")] {
            let headers = Headers { id, timestamp, signature: &shared() };
            let answer = verify(&headers, BODY, &keys(), at(0), 300);
            assert!(matches!(answer, Err(SignatureError::MalformedHeader { .. })), "{id}");
        }
        let refused = |text: &str| Key::read(text).unwrap_err();
        assert_eq!(refused("whsec_AAEC"), KeyError::Length { bytes: 3 });
        assert_eq!(refused("whsec_AAECA"), KeyError::Base64);
        assert_eq!(refused("whpk_AAEC"), KeyError::Point);
        assert!(Key::read(&SECRET["whsec_".len()..]).is_ok());
    }

    proptest! {
        #![proptest_config(cases(10_000))]

        #[test]
        fn no_headers_make_it_panic(
            id in ".{0,9}",
            time in "[0-9]{0,20}",
            all in "[v1a, A-C=]{0,40}",
        ) {
            let headers = Headers { id: &id, timestamp: &time, signature: &all };
            prop_assert!(verify(&headers, BODY, &keys(), at(0), i64::MIN).is_err());
        }
    }
}
