//! The canonical leaf, byte by byte, and what a disclosure of it shows.

use proptest::prelude::*;

use super::*;
use crate::proof::disclosure::{Disclosure, DisclosureError};
use crate::proof::leaf_hash;
use crate::proof::model::{flips, hex};

const MICROS: std::ops::RangeInclusive<i64> = 0..=Timestamp::MAX.as_micros();

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).unwrap()
}

fn sample() -> Leaf<'static> {
    Leaf {
        ledger: LedgerId::from_bytes([0x11; 16]),
        index: 0x0102_0304_0506_0708,
        stream: "usage-acme.2026-04",
        revision: Revision::new(9),
        wire: "usage-recorded.v1",
        occurred_at: at(1_775_001_599_999_999),
        recorded_at: at(1_775_001_600_000_000),
        body: LeafBody {
            id: EventId::from_bytes([0x22; 16]),
            role: Role::Producer,
            who: "meter-1",
            causation: None,
            correlation: Some(CorrelationId::from_bytes([0x33; 16])),
            key: Some(LeafKey { tenant: Some("acme"), source: "/meter", id: "k", index: 3 }),
            fingerprint: Some(Fingerprint([0x44; 32])),
            bytes: &[1, 2, 3],
        },
    }
}

/// Written out by hand from the table in the module's documentation.
const BODY_PART: &str = concat!(
    "22222222222222222222222222222222",   // event id
    "02",                                 // producer
    "00076d657465722d31",                 // meter-1
    "00",                                 // no causation
    "0133333333333333333333333333333333", // correlation
    "01",                                 // a key
    "01000461636d65",                     // acme
    "00062f6d65746572",                   // /meter
    "00016b",                             // k
    "00000003",
    "01",
    "4444444444444444444444444444444444444444444444444444444444444444",
    "00000003010203"
);
const HEADER: &str = concat!(
    "636f756e746572666f696c2d6c6561662d76310a", // counterfoil-leaf-v1
    "11111111111111111111111111111111",
    "0102030405060708",
    "001275736167652d61636d652e323032362d3034", // usage-acme.2026-04
    "0000000000000009",
    "001175736167652d7265636f726465642e7631", // usage-recorded.v1
    "00064e5ac3d7ffff",
    "00064e5ac3d80000",
);

#[test]
fn the_bytes_are_those_of_the_table() {
    let secret = TenantSecret([0x55; 32]);
    let salt = Salter::new(&secret).salt(sample().index);
    let mut mac = Hmac::<Sha256>::new_from_slice(&[0x55; 32]).unwrap();
    mac.update(&hex("0102030405060708"));
    assert_eq!(salt.0.to_vec(), mac.finalize().into_bytes().to_vec());

    let part = hex(BODY_PART);
    assert_eq!(sample().body.part().unwrap(), part);
    let commitment = Sha256::digest([salt.0.as_slice(), &part].concat());
    let data = [hex(HEADER), commitment.to_vec()].concat();
    assert_eq!(sample().data(&salt).unwrap(), data);
    assert_eq!(sample().hash(&salt).unwrap(), leaf_hash(&data));
}

/// The numbers of the table in the module's documentation.
const ROLES: [(Role, u8); 6] = [
    (Role::Operator, 0),
    (Role::Tenant, 1),
    (Role::Producer, 2),
    (Role::Gateway, 3),
    (Role::System, 4),
    (Role::Importer, 5),
];

#[test]
fn the_number_of_a_role_never_changes() {
    for (role, number) in ROLES {
        let body = LeafBody { role, ..sample().body };
        let part = body.part().unwrap();
        assert_eq!(part[16], number, "{role:?}");
        assert_eq!(LeafBody::parse(&part), Ok(body));
    }
    let mut part = sample().body.part().unwrap();
    part[16] = 6;
    assert_eq!(LeafBody::parse(&part), Err(LeafError::Malformed { at: 16, expected: "a role" }));
}

/// Kept for ever: a leaf of version 1 that hashes to anything else is another format.
#[test]
fn the_hash_of_a_leaf_never_changes() {
    let salt = Salter::new(&TenantSecret([0x55; 32])).salt(sample().index);
    let hash = sample().hash(&salt).unwrap();
    assert_eq!(hash.to_string(), "aiiIUnaxKxYFMzo28BrLtDcG0saVlOMltHkyBN/T//o=");
}

#[test]
fn a_name_too_long_for_a_leaf_is_refused() {
    let salt = Salt([0; 32]);
    let long = "x".repeat(65_536);
    let check = |leaf: Leaf<'_>, noun: &'static str, bytes_max: usize| {
        let refused = LeafError::TooLong { noun, bytes: 65_536, bytes_max };
        assert_eq!(leaf.hash(&salt), Err(refused.clone()));
        assert_eq!(leaf.data(&salt), Err(refused));
    };
    check(Leaf { stream: &long, ..sample() }, "the stream name", 4096);
    check(Leaf { wire: &long, ..sample() }, "the wire name", 255);
    let body = LeafBody { who: &long, ..sample().body };
    assert!(body.part().is_err());
    check(Leaf { body, ..sample() }, "the actor", 65_535);
    let key = LeafKey { tenant: None, source: &long, id: "", index: 0 };
    check(Leaf { body: LeafBody { key: Some(key), ..body }, ..sample() }, "the actor", 65_535);
    let body = LeafBody { key: Some(key), ..sample().body };
    check(Leaf { body, ..sample() }, "the key's source", 65_535);
}

#[test]
fn a_flipped_bit_in_leaf_or_body_gives_another_hash_or_none() {
    let salt = Salt([7; 32]);
    let data = sample().data(&salt).unwrap();
    for flipped in flips(&data) {
        if let Ok(leaf) = SealedLeaf::parse(&flipped) {
            assert_eq!(leaf.data(), flipped);
            assert_ne!(leaf.hash(), sample().hash(&salt).unwrap());
        }
    }
    for flipped in flips(&sample().body.part().unwrap()) {
        if let Ok(body) = LeafBody::parse(&flipped) {
            assert_eq!(body.part().unwrap(), flipped);
            assert_ne!(body.commitment(&salt), sample().body.commitment(&salt));
        }
    }
}

#[test]
fn a_cut_or_longer_leaf_is_refused() {
    let data = sample().data(&Salt([7; 32])).unwrap();
    let part = sample().body.part().unwrap();
    for length in 0..data.len() {
        assert!(SealedLeaf::parse(&data[..length]).is_err(), "{length}");
    }
    for length in 0..part.len() {
        assert!(LeafBody::parse(&part[..length]).is_err(), "{length}");
    }
    let end = LeafError::Malformed { at: data.len(), expected: "the end" };
    assert_eq!(SealedLeaf::parse(&[data, vec![0]].concat()), Err(end));
    let end = LeafError::Malformed { at: part.len(), expected: "the end" };
    assert_eq!(LeafBody::parse(&[part, vec![0]].concat()), Err(end));
}

#[test]
fn a_disclosure_shows_the_event_and_no_other() {
    let salt = Salt([7; 32]);
    let whole = Disclosure::of_event(&sample(), &salt).unwrap();
    let bytes = whole.encode();
    assert_eq!(Disclosure::parse(&bytes), Ok(whole.clone()));
    let shown = whole.check().unwrap();
    assert_eq!(shown.hash, sample().hash(&salt).unwrap());
    assert_eq!(shown.leaf, sample().seal(&salt).unwrap());
    assert_eq!(shown.body, Some(sample().body));

    let header = Disclosure::of_leaf(&sample(), &salt).unwrap();
    assert_eq!(Disclosure::parse(&header.encode()), Ok(header.clone()));
    assert_eq!(header.check().unwrap().body, None);
    assert_eq!(header.check().unwrap().hash, shown.hash);

    for flipped in flips(&bytes) {
        let Ok(read) = Disclosure::parse(&flipped) else { continue };
        match read.check() {
            Ok(other) => assert_ne!(other.hash, shown.hash),
            Err(error) => assert_ne!(error, DisclosureError::Malformed),
        }
    }
    for length in 0..header.encode().len() {
        assert!(Disclosure::parse(&bytes[..length]).is_err());
    }
}

fn name() -> impl Strategy<Value = String> {
    // Crosses the staging buffer's end at every place.
    prop_oneof![".{0,12}", "[a-z]{440,520}"]
}

proptest! {
    #[test]
    fn streaming_hashes_what_building_builds(
        (stream, who, source, id) in (name(), name(), name(), name()),
        tenant in prop::option::of(name()),
        (key, causation, fingerprint) in any::<(bool, Option<[u8; 16]>, Option<[u8; 32]>)>(),
        role in prop::sample::select(
            ROLES.map(|(role, _)| role).to_vec()
        ),
        bytes in prop::collection::vec(any::<u8>(), 0..1_200),
        numbers in (any::<u64>(), any::<u64>(), MICROS, MICROS, any::<u32>()),
    ) {
        let leaf = Leaf {
            index: numbers.0,
            revision: Revision::new(numbers.1),
            stream: &stream,
            occurred_at: at(numbers.2),
            recorded_at: at(numbers.3),
            body: LeafBody {
                role,
                who: &who,
                causation: causation.map(EventId::from_bytes),
                correlation: None,
                key: key.then_some(LeafKey {
                    tenant: tenant.as_deref(), source: &source, id: &id, index: numbers.4,
                }),
                fingerprint: fingerprint.map(Fingerprint),
                bytes: &bytes,
                ..sample().body
            },
            ..sample()
        };
        let salt = Salt([9; 32]);
        let data = leaf.data(&salt).unwrap();
        prop_assert_eq!(leaf.hash(&salt).unwrap(), leaf_hash(&data));
        prop_assert_eq!(SealedLeaf::parse(&data).unwrap(), leaf.seal(&salt).unwrap());
        let part = leaf.body.part().unwrap();
        prop_assert_eq!(LeafBody::parse(&part).unwrap(), leaf.body);
        let commitment: [u8; 32] = Sha256::digest([salt.0.as_slice(), &part].concat()).into();
        prop_assert_eq!(leaf.body.commitment(&salt).unwrap(), commitment);
    }
}
