//! What is read of a record that was written under a superseded name.

use std::sync::Arc;

use crate::billing::record_digest;
use crate::event::{Event, Wire, parsed, support};
use crate::log::embedded::frame::{FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES};
use crate::log::embedded::{EmbeddedLog, Options, Threads};
use crate::log::storage::FileSystem;
use crate::log::{EventLog, Expected, NewEvent, Position, ReadStream, Record, Revision};
use crate::testing::log::{ManualClock, append, producer_key};

const SEGMENT: &str = "segments/0000000001.log";
const STREAM: &str = "support-2026-04-01";
const OLD: &str = "support-case-opened.v1";

/// A case in the second shape takes a byte more than in the first; the subject makes up for it.
fn opened(subject: &str) -> support::CaseOpened {
    support::CaseOpened {
        number: parsed("CF-20260401-0001"),
        tenant: parsed("acme"),
        subject: parsed(subject),
        invoice: None,
    }
}

fn old_body() -> Vec<u8> {
    let mut bytes = Event::from(opened("slow again")).encode().unwrap();
    // The first shape has no invoice, and so no byte that says there is none.
    assert_eq!(bytes.pop(), Some(0));
    assert!(Wire::find(OLD).unwrap().decode(&bytes).is_ok());
    bytes
}

/// Puts `to` in the place of the one `from`.
fn put(payload: &mut [u8], from: &[u8], to: &[u8]) -> bool {
    assert_eq!(from.len(), to.len());
    let at = payload.windows(from.len()).position(|it| it == from);
    at.inspect(|at| payload[*at..*at + to.len()].copy_from_slice(to)).is_some()
}

/// Makes of the newest body in a segment the one that an older build would have written.
fn age(segment: &mut [u8]) {
    let mut at = SEGMENT_HEADER_BYTES;
    let mut aged = 0;
    while let Ok(mut header) = FrameHeader::decode(&segment[at..]) {
        let (start, end) = (at + FRAME_HEADER_BYTES, usize::try_from(header.end()).unwrap());
        let payload = &mut segment[start..end];
        let new = Event::from(opened("slow agai")).encode().unwrap();
        if put(payload, b"support-case-opened.v2", OLD.as_bytes()) {
            assert!(put(payload, &new, &old_body()));
            aged += 1;
        }
        header.payload_crc = crc32c::crc32c(payload);
        segment[at..start].copy_from_slice(&header.encode());
        at = end;
    }
    assert_eq!(aged, 1);
}

#[test]
fn a_record_of_a_superseded_body_knows_what_it_was_written_with() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let options = Options {
            segment_bytes: 4096,
            clock: Arc::new(ManualClock::default()),
            threads: Threads::Caller,
            ..Options::default()
        };
        EmbeddedLog::open(Arc::new(FileSystem::create(dir.path()).unwrap()), options).unwrap()
    };
    let key = producer_key("acme", "case-1");
    let new = |key, subject: &str| NewEvent {
        event: opened(subject).into(),
        occurred_at: parsed("2026-04-01T10:00:00Z"),
        key,
        fingerprint: None,
    };
    let log = open();
    let events = vec![new(Some(key.clone()), "slow agai")];
    log.append(append(parsed(STREAM), Expected::NoStream, events)).wait().unwrap();
    log.close().unwrap();
    let path = dir.path().join(SEGMENT);
    let mut segment = std::fs::read(&path).unwrap();
    age(&mut segment);
    std::fs::write(&path, segment).unwrap();

    let log = open();
    let first = check(&log, &key);
    assert_eq!(first.event, opened("slow again").into());
    assert_eq!(first.wire_name(), OLD);
    assert_eq!(*first.body().unwrap(), old_body());
    // The current form of the same event has another digest: it was never recorded.
    let current = Record { written: None, ..first.clone() };
    assert_ne!(record_digest(&first), record_digest(&current));

    // Beside it stands one of today, and sealing its segment changes nothing.
    let long = "x".repeat(100);
    while !dir.path().join("segments/0000000001.sealed").exists() {
        let event = new(None, &long);
        log.append(append(parsed(STREAM), Expected::Any, vec![event])).wait().unwrap();
        while log.work_once() {}
    }
    assert_eq!(check(&log, &key), first);
    let second = log.read_stream(&parsed(STREAM), ReadStream::Forwards(Revision::new(1)));
    let second = second.unwrap().next().unwrap().unwrap();
    assert_eq!((second.wire_name(), second.written), ("support-case-opened.v2", None));
}

/// The first case, which every way to read gives alike.
#[track_caller]
fn check(log: &EmbeddedLog, key: &crate::id::Key) -> Record {
    let found = log.find(key).unwrap().unwrap();
    let of_stream = log.read_stream(&parsed(STREAM), ReadStream::Forwards(Revision::FIRST));
    assert_eq!(of_stream.unwrap().next().unwrap().unwrap(), found);
    let of_log = log.read_all(Position::new(found.position.get() - 1));
    assert_eq!(of_log.unwrap().next().unwrap().unwrap(), found);
    found
}
