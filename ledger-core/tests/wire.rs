//! Every body version has bytes that were written when it was new, and still means the same.
//!
//! `fixtures/wire` holds, for each wire name, the exemplar's body (`.bin`) and the same event as
//! JSON (`.json`). `BLESS=1` writes the files that are missing and never touches one that is there:
//! a body that no longer makes its bytes needs a new version, not new bytes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ledger_core::event::{Event, Wire};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::to_raw_value;

/// What is wrong with the kept files. Found once, so that blessing comes before any reading.
static FINDINGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let bless = std::env::var_os("BLESS").is_some_and(|it| it == "1");
    let mut findings = Vec::new();
    for (wire, bytes) in Event::exemplars() {
        let json = readable(wire, &bytes).into_bytes();
        for (path, expected) in [(path(wire, "bin"), bytes), (path(wire, "json"), json)] {
            match fs::read(&path) {
                Ok(kept) if kept == expected => (),
                Ok(_) => findings.push(format!("{wire:?} needs a new version: {path:?} differs")),
                Err(_) if bless => fs::write(&path, expected).expect("the fixtures can be written"),
                Err(_) => findings.push(format!("run with BLESS=1: {path:?} is missing")),
            }
        }
    }
    findings
});

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/wire")
}

fn path(wire: &Wire, extension: &str) -> PathBuf {
    folder().join(format!("{}.{extension}", wire.name()))
}

/// The JSON of this very version, superseded or not.
fn readable(wire: &Wire, bytes: &[u8]) -> String {
    #[derive(Serialize)]
    struct Kept {
        r#type: &'static str,
        data: Value,
    }
    let data = wire.body_to_json(bytes).expect("an exemplar is the body of its version");
    let data = serde_json::from_str(data.get()).expect("it was just written");
    let kept = Kept { r#type: wire.name(), data };
    let mut text = serde_json::to_string_pretty(&kept).expect("a value prints");
    text.push('\n');
    text
}

#[test]
fn every_version_still_makes_the_bytes_it_was_born_with() {
    assert!(FINDINGS.is_empty(), "{:#?}", *FINDINGS);
}

#[test]
fn no_version_is_ever_forgotten() {
    let known = Wire::all().map(Wire::name).collect::<BTreeSet<_>>();
    for entry in fs::read_dir(folder()).expect("the fixtures are there") {
        let name = entry.expect("a folder can be read").file_name().into_string().expect("ASCII");
        let wire = name.strip_suffix(".bin").or_else(|| name.strip_suffix(".json"));
        let is_known = wire.is_some_and(|it| known.contains(it));
        assert!(is_known, "{name} was written by a build that knew more");
    }
}

#[test]
fn both_faces_of_a_kept_event_are_one_event() {
    assert!(FINDINGS.is_empty(), "the kept files are not what they should be");
    for wire in Wire::all() {
        let bytes = fs::read(path(wire, "bin")).expect("kept bytes");
        let json = fs::read_to_string(path(wire, "json")).expect("kept JSON");
        let from_bytes = Event::decode(wire.name(), &bytes).expect("kept bytes decode");
        let from_json: Event = ledger_core::json::from_str(&json).expect("kept JSON reads");
        assert_eq!(from_bytes, from_json, "{wire:?}");
        if !wire.is_superseded() {
            assert_eq!(from_bytes.encode().expect("it encodes"), bytes, "{wire:?}");
        }
        let kept: Value = serde_json::from_str(&json).expect("kept JSON reads");
        let data = to_raw_value(&kept["data"]).expect("a value prints");
        assert_eq!(wire.body_from_json(&data).expect("the body of its version"), bytes, "{wire:?}");
    }
}
