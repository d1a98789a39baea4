//! What a fuzzer runs: everything that reads bytes from outside.
//!
//! A target takes any bytes. It panics where a promise is broken, and answers whether the bytes
//! were accepted, so that seeds that lead nowhere are noticed. `fixtures/fuzz` drives the targets
//! by coverage for as long as one likes; a test drives them with damaged seeds every time.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::OnceLock;

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::bill;
use crate::catalog::Catalog;
use crate::event::{Event, Wire};
use crate::gateway::{Outcome, signature, standard, stripe};
use crate::log::embedded::raw::{RowBase, Rows};
use crate::proof::{
    Checkpoint, NodeHash, Note, ProofFile, SigningKey, TilePath, TreeHead, node_hash,
};
use crate::{id, money, stream, time};

use super::damage::Intact;
use super::disk::SimulatedDisk;

/// One reader of bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called on a command line.
    pub name: &'static str,
    /// Reads the bytes; panics where a promise is broken; answers whether they were accepted.
    pub run: fn(&[u8]) -> bool,
    /// Where its first inputs are: a folder below `fixtures/`, and how their names end.
    pub seeds: (&'static str, &'static str),
}

/// All of them.
pub const TARGETS: [Target; 10] = [
    Target { name: "body", run: body, seeds: ("wire", ".bin") },
    Target { name: "json", run: json, seeds: ("wire", ".json") },
    Target { name: "bill", run: bill, seeds: ("bills", "") },
    Target { name: "catalog", run: catalog, seeds: ("catalogs", ".json") },
    Target { name: "gateway", run: gateway, seeds: ("stripe", ".json") },
    Target { name: "signature", run: signatures, seeds: ("fuzz/seeds/signature", "") },
    Target { name: "word", run: word, seeds: ("fuzz/seeds/word", "") },
    Target { name: "proof", run: proof, seeds: ("fuzz/seeds/proof", "") },
    Target { name: "rows", run: rows, seeds: ("fuzz/seeds/rows", "") },
    Target { name: "ledger", run: ledger, seeds: ("fuzz/seeds/ledger", "") },
];

/// The target of a name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|it| it.name == name)
}

/// A body under every wire name: what decodes has these bytes and no others, and its JSON says
/// the same.
fn body(bytes: &[u8]) -> bool {
    let read = |wire: &&Wire| {
        let Ok(event) = wire.decode(bytes) else { return false };
        let again = event.encode().expect("what was decoded can be encoded");
        assert!(wire.is_superseded() || again == bytes, "{} has two forms", wire.name());
        let json = wire.body_to_json(bytes).expect("what decodes can be spelled out");
        assert_eq!(wire.body_from_json(&json).expect("what is spelled out can be read"), bytes);
        true
    };
    Wire::all().filter(read).count() > 0
}

/// The JSON of an event: what is read is written, and that is read as the same.
fn json(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    if let Ok(data) = serde_json::from_str::<&RawValue>(text) {
        for wire in Wire::all() {
            if let Ok(bytes) = wire.body_from_json(data) {
                let json = wire.body_to_json(&bytes).expect("what was read can be spelled out");
                assert_eq!(wire.body_from_json(&json).expect("it is JSON of ours"), bytes);
            }
        }
    }
    let Ok(event) = serde_json::from_str::<Event>(text) else { return false };
    let again = serde_json::to_string(&event).expect("what was read can be written");
    let again = serde_json::from_str::<Event>(&again).expect("what was written can be read");
    assert_eq!(again, event);
    let bytes = event.encode().expect("an event that was read has bytes");
    let decoded = Event::decode(event.wire_name(), &bytes).expect("its bytes decode");
    assert_eq!(decoded, event);
    true
}

/// A provider's file or balance: what is accepted has sums that are those of its lines.
fn bill(bytes: &[u8]) -> bool {
    let has_balance = bill::read_balance(bytes).is_ok();
    let Ok(reading) = bill::read(bytes) else { return has_balance };
    for sum in reading.sums() {
        let of = reading.lines().iter().map(|it| it.amount);
        let of = of.filter(|it| it.currency() == sum.currency());
        assert_eq!(money::Money::sum(sum.currency(), of), Ok(*sum));
    }
    for line in reading.lines() {
        assert!(line.starts_at <= line.ends_at, "{line:?}");
    }
    true
}

/// A catalog: it is taken whole or refused, and what was taken is written as the same.
fn catalog(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(read) = Catalog::read(text) else { return false };
    let whole = serde_json::from_str::<IgnoredAny>(text);
    assert!(whole.is_ok(), "a part of a file was taken: {whole:?}");
    let written = serde_json::to_string(&read).expect("what was read can be written");
    assert_eq!(Catalog::read(&written).as_ref(), Ok(&read));
    true
}

/// A gateway's event, of a test or for real; what it says of money is more than nothing.
fn gateway(bytes: &[u8]) -> bool {
    let [test, live] = [false, true].map(|livemode| stripe::read(bytes, livemode));
    assert!(test.is_err() || live.is_err(), "one event is of a test and for real");
    let Ok(notice) = test.or(live) else { return false };
    if let Outcome::Payment { amount, .. } = &notice.outcome {
        assert!(!amount.is_negative() && !amount.is_zero(), "{notice:?}");
    }
    true
}

/// What a seed of `signature` was signed over with these keys, lately: id, second, body. Another
/// was signed long ago.
const SIGNED_MESSAGE: (&str, i64, &str) = ("msg_2b", 1_775_000_000, r#"{"id":"evt_1"}"#);

/// Headers in lines, then a body. Nobody signs with the keys by chance: what is believed is what a
/// seed was signed over.
fn signatures(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut lines = text.splitn(5, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (header, id, timestamp, signed, body) = (line(), line(), line(), line(), line());
    let (known_id, seconds, known_body) = SIGNED_MESSAGE;
    let now = time::Timestamp::from_seconds(seconds).expect("a time of our days");
    let secret = signature::Secret::new(b"the key of the fuzzer").expect("it is not empty");
    let of_header = signature::verify(header, body.as_bytes(), &[secret], now, 300);
    let headers = standard::Headers { id, timestamp, signature: signed };
    let key = standard::Key::read("whsec_dGhlIGtleSBvZiB0aGUgZnV6emVyIGlzIHRoaXM=");
    let key = key.expect("it is a key");
    let of_standard = standard::verify(&headers, body.as_bytes(), &[key], now, 300);
    let is_ours = |answer: &Result<time::Timestamp, _>| *answer == Ok(now) && body == known_body;
    assert!(of_header.is_err() || is_ours(&of_header), "{header:?} was not signed by us");
    let is_standard = is_ours(&of_standard) && id == known_id;
    assert!(of_standard.is_err() || is_standard, "{headers:?} were not signed by us");
    let is_shaped = |answer: &Result<_, signature::SignatureError>| {
        !matches!(answer, Err(signature::SignatureError::MalformedHeader { .. }))
    };
    is_shaped(&of_header) || is_shaped(&of_standard)
}

/// One word as everything that has a text: what is read is written, and that is read as the same.
/// What names something is written as it was read; numbers and times have several spellings.
fn word(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.strip_suffix('\n').unwrap_or(text);
    let seen = [
        has_one_spelling::<stream::Stream>(text),
        has_one_spelling::<id::TenantId>(text),
        has_one_spelling::<id::DeploymentId>(text),
        has_one_spelling::<id::ResourceId>(text),
        has_one_spelling::<id::EventId>(text),
        has_one_spelling::<id::InvoiceNumber>(text),
        has_one_spelling::<id::Note>(text),
        has_one_spelling::<id::Sha256Digest>(text),
        has_one_spelling::<money::Currency>(text),
        round_trips::<money::Exact>(text),
        round_trips::<money::Quantity>(text),
        round_trips::<money::UnitPrice>(text),
        round_trips::<money::Percent>(text),
        round_trips::<time::Timestamp>(text),
        has_one_spelling::<time::Day>(text),
        round_trips::<time::BillingPeriod>(text),
        has_one_spelling::<TilePath>(text),
    ];
    seen.contains(&true)
}

fn round_trips<T: FromStr + Display + PartialEq + Debug>(text: &str) -> bool {
    let Ok(value) = text.parse::<T>() else { return false };
    let written = value.to_string();
    match written.parse::<T>() {
        Ok(again) => assert_eq!(again, value, "{text:?} as {written:?}"),
        Err(_) => panic!("{text:?} is written as {written:?}, which is not read"),
    }
    true
}

fn has_one_spelling<T: FromStr + Display + PartialEq + Debug>(text: &str) -> bool {
    let Ok(value) = text.parse::<T>() else { return false };
    assert_eq!(value.to_string(), text, "{value:?} has another spelling");
    true
}

/// Where the seeds of `proof` that this key signed say they are from: this log, and another one.
const ORIGINS: [&str; 2] = ["counterfoil.example/fuzz", "counterfoil.example/other"];

/// A signed note, and a file that proves a leaf; each is written as it was read. Nobody signs with
/// the key by chance: what is believed is what a seed was signed over, a leaf of zeros, the
/// second of two.
fn proof(bytes: &[u8]) -> bool {
    let [origin, _] = ORIGINS;
    let key = SigningKey::new(origin.parse().expect("it is the name of a key"), &[7; 32]);
    let (first, second) = (NodeHash([1; 32]), NodeHash([0; 32]));
    let head = TreeHead { size: 2, root: node_hash(&first, &second) };
    let note = Note::parse(bytes);
    if let Ok(note) = &note {
        assert_eq!(note.to_string().as_bytes(), bytes);
        if let Ok(text) = note.verify(std::slice::from_ref(key.verifier())) {
            let ours = ORIGINS.map(|it| Checkpoint::new(it, head).to_string());
            assert!(ours.iter().any(|it| it == text), "we signed no {text:?}");
        }
    }
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let Ok(file) = text.parse::<ProofFile>() else { return note.is_ok() };
    assert_eq!(file.to_string(), text);
    if let Ok(checkpoint) = file.verify(second, key.verifier(), origin) {
        assert_eq!(checkpoint, Checkpoint::new(origin, head), "we signed no such head");
        assert_eq!((file.index, file.hashes.as_slice()), (1, &[first][..]), "it proves another");
    }
    true
}

/// Rows of a frame, as recovery reads them when a checksum holds.
fn rows(bytes: &[u8]) -> bool {
    let base = RowBase { position: 1, recorded_at: 0, occurred_at: 0 };
    let mut rows = 0_u32;
    for row in Rows::new(bytes, base) {
        if row.is_err() {
            return false;
        }
        rows += 1;
    }
    rows > 0
}

/// Flipped bits of a ledger's files: which file, which bit. It answers as before or says
/// that it cannot.
fn ledger(bytes: &[u8]) -> bool {
    static INTACT: OnceLock<Intact> = OnceLock::new();
    let intact = INTACT
        .get_or_init(|| Intact::make(64 * 1024, 1).expect("an honest disk takes what it is given"));
    let disk = SimulatedDisk::from(intact.snapshot.clone());
    let paths = intact.snapshot.paths();
    let mut edits = 0_u32;
    for edit in bytes.chunks_exact(4).take(64) {
        let [file, a, b, c] = *edit else { continue };
        let Some(path) = paths.get(usize::from(file) % paths.len()) else { continue };
        let bits = intact.snapshot.contents(path).map_or(0, |it| it.len() as u64 * 8);
        let bit = u64::from(u32::from_le_bytes([a, b, c, 0])).checked_rem(bits);
        edits += u32::from(bit.is_some_and(|bit| disk.flip(path, bit).is_ok()));
    }
    if let Err(wrong) = intact.look(&disk) {
        panic!("{wrong}");
    }
    edits > 0
}
