//! Files of a payment gateway, each with the verdict it gets.
//!
//! `fixtures/stripe/` holds made ones and `verdicts.txt`. Where `COUNTERFOIL_REAL_FIXTURES` names a
//! directory of real ones, each of those must get a verdict too, and the signature vectors there
//! must be judged as they say.

use std::fs;
use std::path::{Path, PathBuf};

use ledger_core::cause::in_one_line;
use ledger_core::gateway::signature::{self, Secret, SignatureError};
use ledger_core::gateway::{Change, Outcome, standard, stripe};
use ledger_core::time::Timestamp;
use serde_json::Value;

/// What is said of one file, in one line.
fn verdict(body: &[u8]) -> String {
    let notice = match stripe::read(body, false) {
        Ok(notice) => notice,
        Err(refusal) => return format!("refused: {}", in_one_line(&refusal)),
    };
    let mut words = match &notice.outcome {
        Outcome::Nothing => vec!["nothing".to_owned()],
        Outcome::Payment { object, amount, change } => {
            vec![object.to_string(), amount.to_string(), tell(change)]
        }
    };
    words.extend(notice.customer.map(|it| format!("of {it}")));
    words.extend(notice.gateway_invoice.map(|it| format!("for {it}")));
    words.join(" ")
}

fn tell(change: &Change) -> String {
    let with = |word: &str, rest: Option<String>| match rest {
        Some(rest) => format!("{word} ({rest})"),
        None => word.to_owned(),
    };
    let text = |it: &Option<ledger_core::id::Note>| it.as_ref().map(ToString::to_string);
    match change {
        Change::Succeeded => "succeeded".to_owned(),
        Change::Failed { next_attempt_at: Some(at), .. } => format!("failed, again at {at}"),
        Change::Failed { next_attempt_at: None, reason } => with("failed", text(reason)),
        Change::Refunded => "refunded".to_owned(),
        Change::Disputed { reason } => with("disputed", text(reason)),
        Change::Reinstated { reason } => with("reinstated", text(reason)),
    }
}

fn json_files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            found.extend(json_files(&path));
        } else if path.extension().is_some_and(|it| it == "json") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_made_event_gets_the_verdict_that_is_written_down() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/stripe");
    let told = json_files(&directory).into_iter().map(|path| {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        format!("{name}: {}\n", verdict(&fs::read(&path).expect("the file can be read")))
    });
    let told = told.collect::<String>();
    let written = directory.join("verdicts.txt");
    if std::env::var_os("BLESS").is_some_and(|it| it == "1") && !written.exists() {
        fs::write(&written, &told).expect("the verdicts can be written");
    }
    assert_eq!(told, fs::read_to_string(&written).expect("the verdicts can be read"));
}

/// Real files, where there are any.
#[expect(clippy::print_stdout, reason = "a test that reads nothing says so")]
fn real(part: &str) -> Option<PathBuf> {
    let Some(directory) = std::env::var_os("COUNTERFOIL_REAL_FIXTURES") else {
        println!("COUNTERFOIL_REAL_FIXTURES is not set: no real files were read");
        return None;
    };
    Some(Path::new(&directory).join(part))
}

#[test]
fn every_real_event_is_booked_seen_or_refused_by_pointer() {
    let Some(directory) = real("stripe/events") else { return };
    let files = json_files(&directory);
    assert!(!files.is_empty());
    for path in files {
        let body = fs::read(&path).expect("the file can be read");
        let verdict = verdict(&body);
        println!("{}: {verdict}", path.display());
        assert!(!verdict.starts_with("refused"), "{}: {verdict}", path.display());
        let event: Value = serde_json::from_slice(&body).expect("an event is JSON");
        let notice = stripe::read(&body, false).expect("it was read above");
        assert_eq!(event["id"], notice.id.as_str());
        assert_eq!(event["type"], notice.kind.as_str());
    }
    let others = real("stripe").map(|it| json_files(&it)).unwrap_or_default();
    for path in others.iter().filter(|it| !it.starts_with(&directory)) {
        let verdict = verdict(&fs::read(path).expect("the file can be read"));
        println!("{}: {verdict}", path.display());
        assert!(verdict.starts_with("refused"), "{} is no event: {verdict}", path.display());
    }
}

fn vectors(file: &str) -> Vec<Value> {
    let Some(path) = real("webhook-signatures").map(|it| it.join(file)) else {
        return Vec::new();
    };
    let text = fs::read_to_string(path).expect("the vectors can be read");
    let vectors: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let vectors = vectors["vectors"].as_array().expect("there is a list of them").clone();
    assert!(!vectors.is_empty());
    vectors
}

fn seconds(vector: &Value, name: &str) -> i64 {
    vector[name].as_i64().expect("seconds are a whole number")
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().expect("it is a text")
}

#[test]
fn the_gateways_own_vectors_are_judged_as_they_say() {
    for vector in vectors("stripe-v1.vectors.json") {
        let secret =
            Secret::new(text(&vector, "secret").as_bytes()).expect("a secret is not empty");
        let now = Timestamp::from_seconds(seconds(&vector, "now")).expect("a time of our days");
        let (header, body) = (text(&vector, "header"), text(&vector, "payload").as_bytes());
        let tolerance = seconds(&vector, "tolerance_s");
        let found = match signature::verify(header, body, &[secret], now, tolerance) {
            Ok(_) => "valid",
            Err(SignatureError::MalformedHeader { .. }) => "malformed_header",
            Err(SignatureError::InvalidSignature) => "invalid_signature",
            Err(SignatureError::TooOld { .. } | SignatureError::TooNew { .. }) => {
                "timestamp_outside_tolerance"
            }
        };
        assert_eq!(found, text(&vector, "expect"), "{}", vector["name"]);
    }
}

#[test]
fn the_standards_own_vectors_are_judged_as_they_say() {
    for vector in vectors("standard-webhooks.vectors.json") {
        let now = Timestamp::from_seconds(seconds(&vector, "now")).expect("a time of our days");
        let headers = standard::Headers {
            id: text(&vector, "id"),
            timestamp: text(&vector, "timestamp"),
            signature: text(&vector, "signature"),
        };
        let body = text(&vector, "payload").as_bytes();
        let tolerance = seconds(&vector, "tolerance_s");
        let key = standard::Key::read(text(&vector, "secret"));
        let found = key.map(|it| standard::verify(&headers, body, &[it], now, tolerance));
        let found = match found {
            Ok(Ok(_)) => "valid",
            Ok(Err(SignatureError::TooOld { .. })) => "timestamp_too_old",
            Ok(Err(SignatureError::TooNew { .. })) => "timestamp_too_new",
            Ok(Err(SignatureError::MalformedHeader { .. } | SignatureError::InvalidSignature))
            | Err(_) => "invalid",
        };
        assert_eq!(found, text(&vector, "expect"), "{}", vector["name"]);
    }
}
