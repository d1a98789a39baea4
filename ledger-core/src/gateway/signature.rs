//! Whether a payment gateway said this: Stripe's signature of a webhook.
//!
//! The header is `t=<unix seconds>,v1=<hex>`; several `v1` stand there while a secret is rotated,
//! and any of them may match. It signs `t`, a full stop and the body as it came, keyed with the
//! secret as text, `whsec_` included. Every other scheme is ignored, so that nobody can ask for a
//! weaker one. Which of the signatures matched, and how far they matched, takes the same time.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::time::Timestamp;

/// For how long a signature is good where nothing else is set.
pub const TOLERANCE_SECONDS: i64 = 300;

/// Why a message is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header cannot be read.
    #[error("the signature header {what}")]
    MalformedHeader {
        /// What is wrong with it.
        what: &'static str,
    },
    /// No signature in it is one of ours.
    #[error("no signature matches")]
    InvalidSignature,
    /// It was signed, too long ago.
    #[error("it was signed at {signed_at}, too long before {now}")]
    TooOld {
        /// When it was signed.
        signed_at: Timestamp,
        /// The clock.
        now: Timestamp,
    },
    /// It was signed in what is the future here.
    #[error("it was signed at {signed_at}, too long after {now}")]
    TooNew {
        /// When it was signed.
        signed_at: Timestamp,
        /// The clock.
        now: Timestamp,
    },
}

/// A signing secret, which is never printed.
#[derive(Clone)]
pub struct Secret(Hmac<Sha256>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl Secret {
    /// A secret of these bytes; none of no bytes, which everybody knows.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        Some(Self(Hmac::new_from_slice(bytes).expect("HMAC takes a key of any length")))
    }

    /// The code of these parts, one behind the other.
    pub(super) fn code(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.over(parts).finalize().into_bytes().into()
    }

    /// Whether this is the code of these parts, in the same time whatever the answer.
    pub(super) fn is_code(&self, parts: &[&[u8]], code: &[u8; 32]) -> bool {
        self.over(parts).verify_slice(code).is_ok()
    }

    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut code = self.0.clone();
        parts.iter().for_each(|it| code.update(it));
        code
    }
}

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
struct Header<'a> {
    /// The seconds as they were signed.
    seconds: &'a str,
    signed_at: Timestamp,
    codes: Vec<[u8; 32]>,
}

/// Whether a body was signed with one of these secrets, and lately; answers when.
pub fn verify(
    header: &str,
    body: &[u8],
    secrets: &[Secret],
    now: Timestamp,
    tolerance_seconds: i64,
) -> Result<Timestamp, SignatureError> {
    let Header { seconds, signed_at, codes } = read(header)?;
    let parts = [seconds.as_bytes(), b".", body];
    // No `any`: it would stop at the first that matches.
    let mut matches = false;
    for secret in secrets {
        for code in &codes {
            matches |= secret.is_code(&parts, code);
        }
    }
    if !matches {
        return Err(SignatureError::InvalidSignature);
    }
    let oldest = now.plus_seconds(tolerance_seconds.saturating_neg());
    if oldest.is_some_and(|it| signed_at < it) {
        return Err(SignatureError::TooOld { signed_at, now });
    }
    Ok(signed_at)
}

fn read(header: &str) -> Result<Header<'_>, SignatureError> {
    let malformed = |what| SignatureError::MalformedHeader { what };
    let (mut seconds, mut codes) = (None, Vec::new());
    for part in header.split(',') {
        let (scheme, value) = part.trim().split_once('=').ok_or(malformed("is not k=v,k=v"))?;
        match scheme {
            "t" if seconds.is_some() => return Err(malformed("has two times")),
            "t" => seconds = Some(value),
            // What is no code cannot match; another part still may.
            "v1" => codes.extend(code(value)),
            _ => (),
        }
    }
    let seconds = seconds.ok_or(malformed("has no time"))?;
    let signed_at = unix(seconds).ok_or(malformed("has a time that is none"))?;
    Ok(Header { seconds, signed_at, codes })
}

/// The instant so many seconds after 1970, from digits alone.
pub(super) fn unix(seconds: &str) -> Option<Timestamp> {
    let is_plain = seconds.bytes().all(|it| it.is_ascii_digit());
    Timestamp::from_seconds(seconds.parse().ok().filter(|_| is_plain)?).ok()
}

/// The bytes of 64 lower-case hexadecimal digits.
fn code(hex: &str) -> Option<[u8; 32]> {
    hex.parse::<crate::id::Sha256Digest>().ok().map(|it| *it.as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    const BODY: &[u8] = b"{\"id\":\"evt_1\"}\n";
    const NOW: i64 = 1_770_000_000;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes()).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds).unwrap()
    }

    /// What the gateway would put into its header.
    fn signed(text: &str, seconds: i64) -> String {
        let seconds = seconds.to_string();
        let code = secret(text).code(&[seconds.as_bytes(), b".", BODY]);
        crate::id::Sha256Digest::from_bytes(code).to_string()
    }

    #[track_caller]
    fn check(header: &str, now: i64, expected: Result<i64, SignatureError>) {
        let secrets = [secret("whsec_old"), secret("whsec_new")];
        let answer = verify(header, BODY, &secrets, at(now), TOLERANCE_SECONDS);
        assert_eq!(answer, expected.map(at), "{header}");
    }

    #[test]
    fn a_code_is_that_of_the_time_a_full_stop_and_the_body() {
        // printf '1770000000.{"id":"evt_1"}\n' | openssl dgst -sha256 -hmac whsec_new
        let code = "52099366a38f46d03073535128a89381266ee8ab58c5501581b3bcea1925452b";
        assert_eq!(signed("whsec_new", NOW), code);
        check(&format!("t={NOW},v1={code}"), NOW, Ok(NOW));
    }

    #[test]
    fn any_code_of_any_secret_is_enough_and_no_other_scheme() {
        let (old, new) = (signed("whsec_old", NOW), signed("whsec_new", NOW));
        let zeros = "0".repeat(64);
        for good in [
            format!("t={NOW},v1={old}"),
            format!("t={NOW},v1={zeros},v1={new},v0={zeros}"),
            format!("v1={new}, t={NOW}, v9=x"),
            format!("t={NOW},v1=,v1=zz,v1={new}"),
        ] {
            check(&good, NOW, Ok(NOW));
        }
        for wrong in [
            format!("t={NOW},v0={new}"),
            format!("t={NOW}"),
            format!("t={NOW},v1={}", new.to_uppercase()),
            format!("t={},v1={new}", NOW + 1),
            format!("t={NOW},v1={}", signed("whsec_other", NOW)),
        ] {
            check(&wrong, NOW, Err(SignatureError::InvalidSignature));
        }
    }

    #[test]
    fn it_is_good_up_to_the_last_second_and_not_after() {
        let header = format!("t={NOW},v1={}", signed("whsec_old", NOW));
        check(&header, NOW + 300, Ok(NOW));
        let now = at(NOW + 301);
        check(&header, NOW + 301, Err(SignatureError::TooOld { signed_at: at(NOW), now }));
        // Clocks differ; a signature of the future was made by whoever has the secret.
        check(&header, NOW - 301, Ok(NOW));
    }

    #[test]
    fn a_header_that_cannot_be_read_says_why() {
        let code = signed("whsec_old", NOW);
        for (header, what) in [
            (String::new(), "is not k=v,k=v"),
            (format!("t={NOW},v1={code},"), "is not k=v,k=v"),
            (format!("v1={code}"), "has no time"),
            (format!("t={NOW},t={NOW},v1={code}"), "has two times"),
            (format!("t=abc,v1={code}"), "has a time that is none"),
            (format!("t=-1,v1={code}"), "has a time that is none"),
            (format!("t=+{NOW},v1={code}"), "has a time that is none"),
            (format!("t=99999999999999999999,v1={code}"), "has a time that is none"),
        ] {
            check(&header, NOW, Err(SignatureError::MalformedHeader { what }));
        }
    }

    #[test]
    fn no_secret_is_no_secret() {
        assert!(Secret::new(b"").is_none());
        let header = format!("t={NOW},v1={}", signed("whsec_old", NOW));
        let answer = verify(&header, BODY, &[], at(NOW), TOLERANCE_SECONDS);
        assert_eq!(answer, Err(SignatureError::InvalidSignature));
        assert_eq!(format!("{:?}", secret("whsec_old")), "Secret([redacted])");
    }

    proptest! {
        #![proptest_config(cases(10_000))]

        /// One byte of the body other than signed, or of the code, and it is not believed.
        #[test]
        fn no_changed_byte_is_believed(
            place in 0..BODY.len(),
            bit in 0..8_u8,
            digit in 0..64_usize,
        ) {
            let header = format!("t={NOW},v1={}", signed("whsec_old", NOW));
            let mut body = BODY.to_vec();
            body[place] ^= 1 << bit;
            let secrets = [secret("whsec_old")];
            prop_assert!(verify(&header, &body, &secrets, at(NOW), 300).is_err());
            let mut header = header.into_bytes();
            let at_digit = header.len() - 1 - digit;
            header[at_digit] = if header[at_digit] == b'0' { b'1' } else { b'0' };
            let header = String::from_utf8(header).unwrap();
            prop_assert!(verify(&header, BODY, &secrets, at(NOW), 300).is_err());
        }

        #[test]
        fn no_header_makes_it_panic(
            header in "[tv0-9=, a-f]{0,80}|.{0,40}",
            now in 0..4_000_000_000_i64,
        ) {
            prop_assert!(verify(&header, BODY, &[secret("x")], at(now), i64::MAX).is_err());
        }
    }
}
