//! What the compact face promises, over every body version and over arbitrary events.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::event::support;
use crate::testing::{cases, events};

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn an_event_comes_back_from_its_bytes(event in events::event()) {
        let bytes = event.encode()?;
        prop_assert_eq!(Event::decode(event.wire_name(), &bytes)?, event);
    }

    #[test]
    fn only_the_newest_version_is_written(event in events::event()) {
        prop_assert!(!event.wire().is_superseded());
    }

    /// Whatever is done to the bytes of a body, they are refused or they are an event's very own.
    #[test]
    fn bytes_that_decode_are_the_bytes_that_would_be_written(
        event in events::event(),
        at in any::<Index>(),
        patch in proptest::collection::vec(any::<u8>(), 0..3),
        cut in 0_usize..3,
    ) {
        let mut bytes = event.encode()?;
        let start = at.index(bytes.len() + 1);
        let end = bytes.len().min(start + cut);
        bytes.splice(start..end, patch);
        if let Ok(read) = Event::decode(event.wire_name(), &bytes) {
            prop_assert_eq!(read.encode()?, bytes);
        }
    }

    #[test]
    fn a_byte_too_many_is_refused(event in events::event(), byte in any::<u8>()) {
        let mut bytes = event.encode()?;
        bytes.push(byte);
        let wire = event.wire_name();
        prop_assert_eq!(
            Event::decode(wire, &bytes),
            Err(DecodeError::TrailingBytes { wire, bytes: 1 })
        );
    }

    #[test]
    fn encoding_appends_and_touches_nothing_before(event in events::event()) {
        let mut bytes = vec![1, 2, 3];
        event.encode_into(&mut bytes)?;
        prop_assert_eq!(&bytes[..3], &[1, 2, 3]);
        prop_assert_eq!(&bytes[3..], event.encode()?);
    }

    #[test]
    fn any_bytes_under_any_name_are_answered(
        wire in proptest::sample::select(Wire::all().collect::<Vec<_>>()),
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        if let Ok(event) = wire.decode(&bytes) {
            prop_assert!(wire.is_superseded() || event.encode()? == bytes);
        }
    }
}

#[test]
fn every_beginning_of_a_body_is_refused() {
    for (wire, bytes) in Event::exemplars() {
        for length in 0..bytes.len() {
            let beginning = &bytes[..length];
            let found = wire.decode(beginning);
            assert!(
                matches!(found, Err(DecodeError::Malformed { .. })),
                "{length} of {} bytes of {wire:?} gave {found:?}",
                bytes.len(),
            );
        }
    }
}

#[test]
fn a_length_with_a_byte_too_many_is_not_canonical() {
    let wire = "usage-recorded.v1";
    // The kind's length of 1 takes two bytes here.
    let bytes = [0x81, 0x00, b'x', 2, 0, 0, 0, 0, 0];
    assert_eq!(
        Event::decode(wire, &bytes),
        Err(DecodeError::NotCanonical { wire: "usage-recorded.v1", at: 0 })
    );
    let bytes = [0x01, b'x', 2, 0, 0, 0, 0, 0];
    assert!(Event::decode(wire, &bytes).is_ok());
}

#[test]
fn a_number_that_is_not_in_its_shortest_form_is_refused() {
    // 1.0 instead of 1.
    let bytes = [0x01, b'x', 20, 1, 0, 0, 0, 0];
    let found = Event::decode("usage-recorded.v1", &bytes);
    assert!(matches!(found, Err(DecodeError::Malformed { .. })), "{found:?}");
}

#[test]
fn names_are_unique_and_begin_with_their_family() {
    let mut seen = BTreeSet::new();
    for (family, wires) in FAMILIES {
        for wire in *wires {
            let name = wire.name();
            assert!(seen.insert(name), "{name} stands in two places");
            let rest = name.strip_prefix(family).and_then(|it| it.strip_prefix('-'));
            let (verb, version) =
                rest.and_then(|it| it.split_once(".v")).unwrap_or_else(|| panic!("{name}"));
            let kebab = verb
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase()));
            assert!(kebab, "{name}");
            assert!(version.parse::<u16>().is_ok_and(|it| it > 0), "{name}");
            assert_eq!(Wire::find(name), Some(*wire));
        }
    }
    assert_eq!(Wire::all().count(), seen.len());
}

#[test]
fn an_unknown_name_is_said() {
    for name in ["usage-recorded.v9", "usage", "", "weather-changed.v1", "usage-recorded.v1 "] {
        assert_eq!(
            Event::decode(name, &[]),
            Err(DecodeError::UnknownWire { wire: name.to_owned() })
        );
    }
}

#[test]
fn a_superseded_body_reads_as_the_current_one() {
    let (wire, bytes) = exemplar("support-case-opened.v1");
    assert!(wire.is_superseded());
    let expected = support::CaseOpened {
        number: "CF-20260401-0001".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        subject: "the shop is slow".parse().unwrap(),
        invoice: None,
    };
    assert_eq!(wire.decode(&bytes), Ok(expected.clone().into()));
    let event = Event::from(expected);
    assert_eq!(event.wire_name(), "support-case-opened.v2");
    assert_ne!(event.encode().unwrap(), bytes);
}

#[test]
fn a_superseded_body_is_held_to_the_bytes_of_its_own_version() {
    let (wire, mut bytes) = exemplar("support-case-opened.v1");
    // The first length, spelled with a byte too many.
    let length = bytes[0];
    bytes.splice(0..1, [length | 0x80, 0]);
    let name = wire.name();
    assert_eq!(wire.decode(&bytes), Err(DecodeError::NotCanonical { wire: name, at: 0 }));
}

#[test]
fn each_version_goes_to_json_and_back_as_itself() {
    for (wire, bytes) in Event::exemplars() {
        let json = wire.body_to_json(&bytes).unwrap();
        assert_eq!(wire.body_from_json(&json).unwrap(), bytes, "{wire:?}");
        assert_eq!(wire.event_from_json(&json).unwrap(), wire.decode(&bytes).unwrap());
    }
}

#[test]
fn an_event_stands_only_in_streams_of_its_own_category() {
    let check = |wire: &str, streams: &[&str]| {
        let wire = Wire::find(wire).unwrap();
        for name in EVERY_CATEGORY {
            let stream = name.parse().unwrap();
            assert_eq!(wire.belongs_in(&stream), streams.contains(&name), "{wire:?} in {name}");
        }
    };
    check("account-credit-drawn.v1", &["account-acme"]);
    check("account-quota-reserved.v1", &["account-acme"]);
    check("usage-recorded.v1", &["usage-acme.2026-04"]);
    check("enforcement-payment-succeeded.v1", &["account-acme", "suspense-stripe"]);
    check("enforcement-suspended.v1", &["account-acme"]);
    check("ledger-api-key-issued.v1", &["access-acme", "ledger"]);
    check("ledger-writer-lease-taken.v1", &["ledger"]);
    check("invoice-number-taken.v1", &["register-counterfoil"]);
    check("invoice-issued.v1", &["invoice-acme.2026-04"]);
    check("inventory-project-seen.v1", &["project-aws.p"]);
    check("provider-balance-observed.v1", &["provider-aws"]);
    check("support-case-opened.v2", &["support-2026-04-01"]);
    check("support-case-opened.v1", &[]);
}

#[test]
fn every_version_that_is_written_belongs_somewhere() {
    for wire in Wire::all() {
        let homes = EVERY_CATEGORY.iter().filter(|it| wire.belongs_in(&it.parse().unwrap()));
        assert_eq!(homes.count() == 0, wire.is_superseded(), "{wire:?}");
    }
}

/// The hot record: what its bytes cost is part of the price of an event.
#[test]
fn a_usage_record_is_as_small_as_its_words() {
    let check = |json: &str, bytes: usize| {
        let event: Event = serde_json::from_str(json).unwrap();
        assert_eq!(event.encode().unwrap().len(), bytes, "{json}");
    };
    check(r#"{"type":"usage-recorded.v1","data":{"kind":"vm_hour","quantity":"1"}}"#, 14);
    check(
        r#"{"type":"usage-recorded.v1","data":{"kind":"droplet_hours","quantity":"24",
            "deployment":"shop"}}"#,
        25,
    );
}

#[test]
fn an_event_is_small_enough_to_move() {
    let bytes = size_of::<Event>();
    assert!(bytes <= 256, "an event has {bytes} bytes: box what is large and rare");
}

fn exemplar(name: &str) -> (&'static Wire, Vec<u8>) {
    Event::exemplars().into_iter().find(|(wire, _)| wire.name() == name).unwrap()
}

const EVERY_CATEGORY: [&str; 15] = [
    "catalog",
    "ledger",
    "access-acme",
    "account-acme",
    "usage-acme.2026-04",
    "deployment-acme.shop",
    "resource-aws.i-1",
    "project-aws.p",
    "bill-aws.1",
    "provider-aws",
    "invoice-acme.2026-04",
    "register-counterfoil",
    "operation-op_1",
    "support-2026-04-01",
    "suspense-stripe",
];
