//! Published tokens and signatures, read where somebody has them.
//!
//! Our keys are shared secrets. Tokens under keys of other sorts are refused by their algorithm
//! before anything else of them is looked at, the good ones too; so that the other reasons are seen
//! as well, what such a token says is signed again with a secret of ours.

use ledger_core::testing::published::{Published, files};
use serde_json::{Value, json};

use super::*;

const ALGORITHMS: [Algorithm; 3] = [Algorithm::Hs256, Algorithm::Hs384, Algorithm::Hs512];

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The key that a JWK is, where it is one of ours: a shared secret that is long enough.
fn shared(jwk: &Value, algorithm: &str) -> Option<Key> {
    let algorithm = ALGORITHMS.into_iter().find(|it| it.name() == algorithm)?;
    let is_to_verify = |it: &Value| it.is_null() || it == "sig" || it[0] == "verify";
    let is_ours = jwk["kty"] == "oct" && ["use", "key_ops"].iter().all(|it| is_to_verify(&jwk[it]));
    let secret = base64url::decode(text(jwk, "k")).filter(|_| is_ours)?;
    Key::new(algorithm, secret, None, None).ok()
}

fn seconds(at: i64) -> Timestamp {
    Timestamp::saturating_from_micros(at * 1_000_000)
}

/// Each vector has a key of its own; its claims may have expired long ago.
fn vector(file: &Published, vector: &Value) {
    let (token, expected) = (text(vector, "token"), text(vector, "expect"));
    let Some(key) = shared(&vector["jwk"], text(vector, "alg")) else {
        for algorithm in ALGORITHMS {
            assert_eq!(
                verify(token, &key_of(algorithm), now()).unwrap_err(),
                TokenError::Algorithm
            );
        }
        return file.say(format!("{}: no key of ours, refused by its algorithm", vector["ref"]));
    };
    let is_good = expected.starts_with("signature_valid") || expected.starts_with("accept");
    assert_eq!(signed_claims(token, &key).is_ok(), is_good, "{vector}");
    assert!(verify(token, &key, now()).is_err(), "{vector}");
    file.say(format!("{}: the signature is judged as it says", vector["ref"]));
}

fn key_of(algorithm: Algorithm) -> Key {
    Key::new(algorithm, vec![7; 64], None, None).unwrap()
}

/// What a token says, signed again by a key of ours: its header but for the algorithm, its claims.
fn signed_again(token: &str, key: &Key) -> Option<String> {
    let mut parts = token.split('.');
    let header = base64url::decode(parts.next()?)?;
    let claims = String::from_utf8(base64url::decode(parts.next()?)?).ok()?;
    let mut header = serde_json::from_slice::<Value>(&header).ok()?;
    header["alg"] = json!(key.algorithm.name());
    Some(super::token(key, &header.to_string(), &claims))
}

/// Tokens that are forged, or good, for one server whose key and clock are given.
fn attacks(file: &Published, attacks: &Value) {
    let now = seconds(attacks["now"].as_i64().unwrap());
    let named = |name: &str| attacks[name].as_str().map(str::to_owned);
    let pem = text(attacks, "public_key_pem").as_bytes();
    let key = |secret: Vec<u8>| {
        let (issuer, audience) = (named("expected_iss"), named("expected_aud"));
        Key::new(Algorithm::Hs256, secret, issuer, audience).unwrap()
    };
    let secret = key(vec![7; 64]);
    assert!(pem.is_empty() || Key::new(Algorithm::Hs256, pem.to_vec(), None, None).is_err());
    for attack in attacks["vectors"].as_array().unwrap() {
        let (name, token) = (text(attack, "name"), text(attack, "token"));
        let direct = verify(token, &secret, now).map(|_| ()).unwrap_err();
        let again = signed_again(token, &secret);
        let again = again.map(|it| verify(&it, &secret, now).map(|_| ()));
        if attack["expect"] == "accept" {
            let is_of_its_key = matches!(direct, TokenError::Algorithm | TokenError::Signature);
            assert!(is_of_its_key, "{name}: {direct:?}");
            assert_eq!(again, Some(Ok(())), "{name}");
            file.say(format!("{name}: good but for its key; under ours it is believed"));
        } else {
            file.say(format!("{name}: refused, {}; under our key {again:?}", direct.why()));
        }
    }
}

/// Signatures over whatever text, in groups that share a key.
fn signatures(file: &Published, groups: &[Value]) {
    let (mut judged, mut foreign, mut narrow, mut mislabelled) = (0, 0, 0, 0);
    for group in groups {
        let jwk = if group["private"].is_object() { &group["private"] } else { &group["public"] };
        for test in group["tests"].as_array().unwrap() {
            let token = ["jws", "token"].into_iter().find_map(|it| test[it].as_str());
            let Some((token, key)) = token.zip(shared(jwk, text(jwk, "alg"))) else {
                foreign += 1;
                continue;
            };
            match (signed_claims(token, &key), text(test, "result")) {
                (Ok(_), "valid" | "acceptable") | (Err(_), "invalid" | "acceptable") => judged += 1,
                // Good, with a header that asks for more than we let a header ask.
                (Err(TokenError::Header), "valid") => narrow += 1,
                // Called padded and not padded at all, the same token as a good one; or called good
                // with a character in it that is none of base64's.
                (Ok(_), "invalid") if is_called_padded(test) && !token.contains('=') => {
                    mislabelled += 1;
                }
                (Err(TokenError::Form), "valid") if !token.bytes().all(is_of_a_token) => {
                    mislabelled += 1;
                }
                (found, _) => panic!("{}: {found:?}: {test}", file.name),
            }
        }
    }
    file.say(format!(
        "{judged} as they say, {narrow} by their header, {foreign} no key of ours, {mislabelled} \
         not what they are called"
    ));
}

fn is_called_padded(test: &Value) -> bool {
    text(test, "comment").contains("Base64Padding")
}

fn is_of_a_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

#[test]
fn every_published_token_gets_its_verdict() {
    for file in files("jwt") {
        let json = file.json();
        if let Some(groups) = json["testGroups"].as_array() {
            signatures(&file, groups);
        } else if json["vectors"].is_array() {
            attacks(&file, &json);
        } else {
            json.as_array().unwrap().iter().for_each(|it| vector(&file, it));
        }
    }
}
