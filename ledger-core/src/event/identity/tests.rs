//! What ids promise.

use proptest::prelude::*;

use super::*;
use crate::testing::cases;

fn key(scope: KeyScope, source: &str, id: &str, index: u32) -> Key {
    Key { scope, source: source.parse().unwrap(), id: id.parse().unwrap(), index }
}

/// The same bytes, put together here without the code above.
fn by_hand(parts: &[&[u8]]) -> String {
    let digest = Sha256::digest(parts.concat());
    let mut bytes: [u8; 16] = digest[..16].try_into().unwrap();
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    EventId::from_bytes(bytes).to_string()
}

#[test]
fn the_bytes_are_those_of_the_log_format() {
    let keyed = key(KeyScope::Tenant("acme".parse().unwrap()), "meter", "m-1", 2);
    let expected = by_hand(&[
        b"counterfoil event by key 1\0",
        &[1],
        &[0, 0, 0, 0, 0, 0, 0, 4],
        b"acme",
        &[0, 0, 0, 0, 0, 0, 0, 5],
        b"meter",
        &[0, 0, 0, 0, 0, 0, 0, 3],
        b"m-1",
        &[0, 0, 0, 2],
    ]);
    assert_eq!(EventId::derive(&keyed).to_string(), expected);
    let expected = by_hand(&[
        b"counterfoil event by place 1\0",
        &[7; 16],
        &[0, 0, 0, 0, 0, 0, 0, 12],
        b"account-acme",
        &[0, 0, 0, 0, 0, 0, 0, 9],
    ]);
    let stream = "account-acme".parse().unwrap();
    let placed = EventId::derive_placed(&LedgerId::from_bytes([7; 16]), &stream, Revision::new(9));
    assert_eq!(placed.to_string(), expected);
}

#[test]
fn ids_that_were_given_out_stay_the_same() {
    let operator = EventId::derive(&key(KeyScope::Operator, "rollup", "2026-04", 0));
    assert_eq!(operator.to_string(), OPERATOR);
    let tenant = KeyScope::Tenant("acme".parse().unwrap());
    assert_eq!(EventId::derive(&key(tenant, "meter", "m-1", 2)).to_string(), TENANT);
}

const OPERATOR: &str = "cec044fc-f0d8-8395-8c3d-3de28e4d4b28";
const TENANT: &str = "8661ddd1-e5cf-8b57-b07b-15919acc5a8a";

#[test]
fn no_part_of_a_key_runs_into_the_next() {
    let tenant = |it: &str| KeyScope::Tenant(it.parse().unwrap());
    let keys = [
        key(KeyScope::Operator, "ab", "c", 0),
        key(KeyScope::Operator, "a", "bc", 0),
        key(KeyScope::Operator, "a", "b", 0),
        key(KeyScope::Operator, "a", "b", 1),
        key(tenant("a"), "b", "c", 0),
        key(tenant("ab"), "c", "d", 0),
        key(tenant("a"), "bc", "d", 0),
        key(tenant("operator"), "a", "b", 0),
    ];
    let ids = keys.iter().map(EventId::derive).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(ids.len(), keys.len());
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Keys that differ in one part only are the ones that could run together.
    #[test]
    fn keys_that_differ_anywhere_make_different_ids(
        one in any::<Key>(),
        other in any::<Key>(),
        part in 0..4,
    ) {
        let mut near = one.clone();
        match part {
            0 => near.scope = other.scope,
            1 => near.source = other.source,
            2 => near.id = other.id,
            _ => near.index = other.index,
        }
        prop_assert_eq!(one == near, EventId::derive(&one) == EventId::derive(&near));
    }

    #[test]
    fn an_id_says_that_it_is_a_version_8_uuid(key in any::<Key>()) {
        let text = EventId::derive(&key).to_string();
        prop_assert_eq!(&text[14..15], "8");
        prop_assert!("89ab".contains(&text[19..20]), "{}", text);
        prop_assert_eq!(text.parse::<EventId>()?, EventId::derive(&key));
    }
}
