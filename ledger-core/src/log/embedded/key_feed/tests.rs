//! The keys of a segment are found alike, whoever put them into its table.

use crate::log::embedded::raw::{self, NameDefinition, RawRecord, RowBase};
use crate::log::embedded::tail::TailFrame;
use crate::log::storage::{FileSystem, Storage};

use super::*;

const EVENTS_PER_FRAME: u32 = 700;

fn uuid(ordinal: u32) -> [u8; 16] {
    let mixed = u128::from(ordinal).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    mixed.to_be_bytes()
}

fn source_of(ordinal: u32) -> u32 {
    // A new one in every second frame, so that sources are named all along.
    ordinal / (2 * EVENTS_PER_FRAME)
}

/// A frame of events of one stream; every seventh has a key of text, every eleventh has none.
fn frame(from: u32, events: u32) -> (TailFrame, Vec<u8>) {
    let first_position = u64::from(from) + 1;
    let (recorded_at, position) = (0, first_position);
    let base = RowBase { position, recorded_at, occurred_at: recorded_at };
    let mut payload = Vec::new();
    let mut name = |kind, number, text: &str| {
        raw::encode_name(&NameDefinition { kind, number, text }, &mut payload);
    };
    if from == 0 {
        name(NameKind::Stream, 0, "usage-acme.2026-04");
        name(NameKind::Wire, 0, "usage-recorded.v1");
        name(NameKind::Actor, 0, "producer meter");
    }
    if from.is_multiple_of(2 * EVENTS_PER_FRAME) {
        let number = source_of(from);
        name(NameKind::Source, number, &format!("acme /meter/{number}"));
    }
    for ordinal in from..from + events {
        let text = format!("of {ordinal}");
        let id = uuid(ordinal);
        let is_uuid = !ordinal.is_multiple_of(7);
        let id = if is_uuid { &id[..] } else { text.as_bytes() };
        let key = raw::RawKey { source: source_of(ordinal), id, is_uuid, index: ordinal % 3 };
        let record = RawRecord {
            position: u64::from(ordinal) + 1,
            stream: 0,
            revision: u64::from(ordinal),
            wire: 0,
            occurred_at: 0,
            recorded_at,
            actor: 0,
            causation: None,
            correlation: None,
            key: (!ordinal.is_multiple_of(11)).then_some(key),
            fingerprint: None,
            body: b"body",
        };
        raw::encode(&record, &base, &mut payload);
    }
    let payload_bytes = u32::try_from(payload.len()).unwrap();
    let frame =
        TailFrame { offset: 0, sequence: 1, first_position, events, payload_bytes, recorded_at };
    (frame, payload)
}

fn fed(mut feed: KeyFeed, events: u32) -> Tail {
    let directory = tempfile::tempdir().unwrap();
    let storage = FileSystem::open(directory.path()).unwrap();
    let file = storage.create("1.log").unwrap();
    let tail = Tail::new(1, 1, 1, "1.log".to_owned(), file);
    for from in (0..events).step_by(EVENTS_PER_FRAME as usize) {
        let (frame, payload) = frame(from, EVENTS_PER_FRAME.min(events - from));
        tail.write().absorb(frame, &payload, feed.pending()).unwrap();
        feed.frame_taken(&tail);
    }
    feed.finish(&tail).unwrap();
    tail
}

/// Fewer than go to a second thread, just as many, and so many that it is waited for.
#[test]
fn every_key_of_a_segment_is_found_whoever_put_it_in() {
    let hash = NameHash::new([7; 16]);
    for events in [0, 1, 4_000, 4_506, 4_900, 60_000] {
        for feed in [KeyFeed::at_once(hash), KeyFeed::helped(hash)] {
            let tail = fed(feed, events);
            let index = tail.read();
            assert_eq!(index.events(), events);
            for ordinal in 0..events {
                let (text, id) = (format!("of {ordinal}"), uuid(ordinal));
                let is_uuid = !ordinal.is_multiple_of(7);
                let id = if is_uuid { &id[..] } else { text.as_bytes() };
                let source = format!("acme /meter/{}", source_of(ordinal));
                let key = hash.key(&source, is_uuid, id, ordinal % 3);
                let found: Vec<u32> = index.key_candidates(key).collect();
                let expected = if ordinal.is_multiple_of(11) { vec![] } else { vec![ordinal] };
                assert_eq!(found, expected, "{ordinal} of {events}");
            }
        }
    }
}
