//! Tokens that must be believed, and every way we know of to forge one.

use super::*;

mod published;

const NOW_S: i64 = 1_775_000_000;

fn now() -> Timestamp {
    Timestamp::saturating_from_micros(NOW_S * 1_000_000)
}

fn key(algorithm: Algorithm) -> Key {
    Key::new(algorithm, vec![7; 64], None, None).unwrap()
}

fn token(key: &Key, header: &str, claims: &str) -> String {
    let signed = format!(
        "{}.{}",
        base64url::encode(header.as_bytes()),
        base64url::encode(claims.as_bytes())
    );
    format!("{signed}.{}", base64url::encode(&key.tag(signed.as_bytes())))
}

fn claims(more: &str) -> String {
    format!(r#"{{"sub":"alice","exp":{}{more}}}"#, NOW_S + 3600)
}

#[track_caller]
fn check(header: &str, claims: &str, expected: Result<(), TokenError>) {
    let key = key(Algorithm::Hs256);
    let found = verify(&token(&key, header, claims), &key, now()).map(|_| ());
    assert_eq!(found, expected, "{header} {claims}");
}

const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

#[test]
fn our_own_tokens_are_believed() {
    for algorithm in [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512] {
        let key = key(algorithm);
        let claims = verify(&mint(&key, "operator", &["platform-admin"], now(), 60), &key, now());
        assert_eq!(claims.unwrap().roles, ["platform-admin"]);
    }
}

#[test]
fn a_resellers_issuer_of_four_weeks_is_believed() {
    let key = key(Algorithm::Hs512);
    let claims = format!(
        r#"{{"sub":"bob","iat":{NOW_S},"exp":{},"roles":["admin","platform-admin"],"x":1}}"#,
        NOW_S + 28 * 86_400
    );
    let token = token(&key, r#"{"alg":"HS512","typ":"JWT"}"#, &claims);
    assert_eq!(verify(&token, &key, now()).unwrap().roles, ["admin", "platform-admin"]);
}

#[test]
fn the_algorithm_is_the_keys() {
    for alg in ["none", "None", "nOnE", "HS384", "HS512", "RS256", "hs256", ""] {
        check(&format!(r#"{{"alg":"{alg}"}}"#), &claims(""), Err(TokenError::Algorithm));
    }
}

#[test]
fn header_members_that_choose_a_key_or_change_the_meaning_are_refused() {
    for member in ["jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "cty", "alg"] {
        let header = format!(r#"{{"alg":"HS256","{member}":"x"}}"#);
        check(&header, &claims(""), Err(TokenError::Header));
    }
    check(r#"{"alg":"HS256","typ":"JWE"}"#, &claims(""), Err(TokenError::Header));
    // A media type has no case.
    for typ in ["jwt", "JWT", "AT+jwt"] {
        check(&format!(r#"{{"alg":"HS256","typ":"{typ}"}}"#), &claims(""), Ok(()));
    }
}

#[test]
fn claims_have_their_types_and_none_stands_twice() {
    check(HS256, &claims(""), Ok(()));
    check(HS256, &claims(r#","sub":"mallory""#), Err(TokenError::Claims));
    check(HS256, &format!(r#"{{"sub":"a","exp":"{}"}}"#, NOW_S + 60), Err(TokenError::Claims));
    check(HS256, &format!(r#"{{"exp":{}}}"#, NOW_S + 60), Err(TokenError::Claims));
    check(HS256, r#"{"sub":"a"}"#, Err(TokenError::Claims));
    check(HS256, &claims(r#","roles":"platform-admin""#), Err(TokenError::Claims));
    check(HS256, &claims(r#","nbf":"soon""#), Err(TokenError::Claims));
}

#[test]
fn times_are_held_with_a_little_leeway() {
    let exp = |at: i64| format!(r#"{{"sub":"a","exp":{at}}}"#);
    check(HS256, &exp(NOW_S - 29), Ok(()));
    check(HS256, &exp(NOW_S - 30), Err(TokenError::Expired));
    check(HS256, &claims(&format!(r#","nbf":{}"#, NOW_S + 30)), Ok(()));
    check(HS256, &claims(&format!(r#","nbf":{}"#, NOW_S + 31)), Err(TokenError::NotYet));
    check(HS256, &exp(NOW_S + 30 * 86_400), Ok(()));
    check(HS256, &exp(NOW_S + 31 * 86_400), Err(TokenError::Lifetime));
    check(HS256, &exp(i64::MAX), Err(TokenError::Lifetime));
}

#[test]
fn times_are_numbers_and_may_have_decimals() {
    let exp = |at: &str| format!(r#"{{"sub":"a","exp":{at}}}"#);
    check(HS256, &exp(&format!("{}.999", NOW_S + 60)), Ok(()));
    check(HS256, &exp(&format!("{}.999", NOW_S - 30)), Err(TokenError::Expired));
    check(HS256, &claims(&format!(r#","iat":{NOW_S}.5,"nbf":null"#)), Ok(()));
    check(HS256, &claims(&format!(r#","nbf":{}.0"#, NOW_S + 31)), Err(TokenError::NotYet));
    for at in ["1e400", "1.8e9", "18E8", "1775000060.5e0", "99999999999999999999", "null", "true"] {
        check(HS256, &exp(at), Err(TokenError::Claims));
    }
    for at in ["[]", "{}", "\"1775000060\"", "NaN", "+1775000060", "01775000060", "1775000060."] {
        check(HS256, &exp(at), Err(TokenError::Claims));
    }
}

#[test]
fn no_changed_bit_of_a_token_is_believed() {
    let key = key(Algorithm::Hs256);
    let good = token(&key, HS256, &claims(""));
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(text) = String::from_utf8(bytes) {
            assert!(verify(&text, &key, now()).is_err(), "byte {at}");
        }
    }
    assert_eq!(verify(&format!("{good}."), &key, now()).unwrap_err(), TokenError::Form);
    assert_eq!(verify(&format!("{good}="), &key, now()).unwrap_err(), TokenError::Form);
}

#[test]
fn issuer_and_audience_count_when_they_are_configured() {
    let key =
        Key::new(Algorithm::Hs256, vec![7; 32], Some("us".into()), Some("api".into())).unwrap();
    let check = |more: &str| verify(&token(&key, HS256, &claims(more)), &key, now()).map(|_| ());
    assert_eq!(check(r#","iss":"us","aud":"api""#), Ok(()));
    assert_eq!(check(r#","iss":"us","aud":["x","api"]"#), Ok(()));
    assert_eq!(check(r#","iss":"us","aud":["x"]"#), Err(TokenError::Audience));
    assert_eq!(check(r#","iss":"us""#), Err(TokenError::Audience));
    assert_eq!(check(r#","iss":"them","aud":"api""#), Err(TokenError::Issuer));
}

#[test]
fn a_secret_shorter_than_its_hash_is_no_key() {
    assert!(Key::new(Algorithm::Hs256, vec![1; 31], None, None).is_err());
    assert!(Key::new(Algorithm::Hs512, vec![1; 63], None, None).is_err());
}

/// Who signs with the text of a public key, which everybody has, is believed by nobody.
#[test]
fn a_public_key_is_no_secret() {
    let pem = [b"\n-----BEGIN PUBLIC KEY-----\n".to_vec(), vec![b'A'; 64]].concat();
    let found = Key::new(Algorithm::Hs256, pem, None, None);
    assert!(matches!(found, Err(KeyError::Pem)));
}
