//! Files of a payment gateway, each with the verdict it gets.
//!
//! `fixtures/stripe/` holds made ones and `verdicts.txt`. Published ones, where somebody has them,
//! must get a verdict too, and the published vectors of signatures must be judged as they say.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ledger_core::cause::in_one_line;
use ledger_core::gateway::signature::{self, Secret, SignatureError};
use ledger_core::gateway::{Change, Notice, Outcome, standard, stripe};
use ledger_core::testing::published::{Published, files};
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
        Change::SucceededFor => "succeeded, as a share".to_owned(),
        Change::Refunded => "refunded".to_owned(),
        Change::RefundFailed { refund } => format!("refund {refund} failed"),
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

/// An event of our own around an object that was published without one.
fn wrapped(kind: &str, data: &Value) -> Vec<u8> {
    let event = serde_json::json!({
        "id": "evt_1", "object": "event", "type": kind, "created": 1_770_000_000,
        "livemode": false, "data": data,
    });
    event.to_string().into_bytes()
}

/// Every event in a file, and what sort of file it is: one event, the data of one, or objects by
/// their kinds. What is no event is a recipe or a list of expectations.
fn events(file: &Published) -> Vec<Vec<u8>> {
    let json = file.json();
    let kind = |it: &Value| it["object"].as_str().map(str::to_owned);
    if kind(&json).is_some_and(|it| it == "event") {
        return vec![file.bytes.clone()];
    }
    if json["object"].is_object() {
        let kind = file.file_name().trim_end_matches(".json");
        return vec![wrapped(kind, &json)];
    }
    let objects = json.as_object().into_iter().flat_map(|it| it.values());
    let objects = objects.filter_map(|it| Some((kind(it)?, it)));
    let event = |(kind, object): (String, &Value)| match kind.as_str() {
        "event" => vec![object.to_string().into_bytes()],
        "charge" | "payment_intent" => {
            let data = serde_json::json!({"object": object});
            ["succeeded", "failed"].map(|it| wrapped(&format!("{kind}.{it}"), &data)).to_vec()
        }
        "invoice" => {
            let data = serde_json::json!({"object": object});
            ["paid", "payment_failed"].map(|it| wrapped(&format!("invoice.{it}"), &data)).to_vec()
        }
        _ => vec![wrapped(&format!("{kind}.updated"), &serde_json::json!({"object": object}))],
    };
    objects.flat_map(event).collect()
}

#[test]
fn every_published_event_is_booked_or_seen() {
    let mut seen = BTreeMap::new();
    for file in files("stripe") {
        if file.name.ends_with(".expected.json") {
            continue;
        }
        for body in events(&file) {
            let verdict = verdict(&body);
            file.say(&verdict);
            if body != file.bytes && verdict.contains("previous_attributes") {
                // The data of a refund without what stood there before.
                continue;
            }
            assert!(!verdict.starts_with("refused"), "{}: {verdict}", file.name);
            let event: Value = serde_json::from_slice(&body).expect("an event is JSON");
            let notice = stripe::read(&body, false).expect("it was read above");
            assert_eq!(event["id"], notice.id.as_str());
            assert_eq!(event["type"], notice.kind.as_str());
            seen.insert(file.name.clone(), notice);
        }
        if events(&file).is_empty() {
            file.say("no event");
            assert!(verdict(&file.bytes).starts_with("refused"), "{}", file.name);
        }
    }
    for file in files("stripe").iter().filter(|it| it.name.ends_with(".expected.json")) {
        for expected in file.json().as_array().expect("a list of expectations") {
            expect(&seen, expected);
        }
        file.say("the events say what is expected of them");
    }
}

/// What somebody else took out of an event. The amount that is booked is the object's, but of a
/// refund it is what came last.
fn expect(seen: &BTreeMap<String, Notice>, expected: &Value) {
    let name = expected["file"].as_str().expect("it names a file");
    let found = seen.iter().find(|(it, _)| it.ends_with(name));
    let (_, notice) = found.expect("the file it names is there");
    assert_eq!(expected["id"], notice.id.as_str(), "{name}");
    assert_eq!(expected["type"], notice.kind.as_str(), "{name}");
    let created = expected["created"].as_i64().expect("seconds");
    assert_eq!(Timestamp::from_seconds(created), Ok(notice.occurred_at), "{name}");
    if let Some(customer) = expected["customer"].as_str() {
        let of = notice.customer.as_ref();
        assert!(of.is_none_or(|it| it.as_str() == customer), "{name}");
    }
    let Outcome::Payment { amount, .. } = &notice.outcome else { return };
    let currency = expected["currency"].as_str().expect("what is booked has a currency");
    assert_eq!(amount.currency().code(), currency.to_ascii_uppercase(), "{name}");
    let units = amount.minor_units().expect("a charge is whole cents");
    let amounts = ["amount", "amount_paid", "amount_due", "amount_total", "amount_refunded"];
    let known = amounts.iter().filter_map(|it| expected[it].as_i64());
    let is_part = |whole: i128| expected["type"] == "charge.refunded" && units < whole;
    let fits = |it: i128| it == units || is_part(it);
    assert!(known.map(i128::from).any(fits), "{name}: {amount}");
}

fn vectors(scheme: &str) -> Vec<(Published, Value)> {
    let mut found = Vec::new();
    for file in files("webhook-signatures") {
        let json = file.json();
        let vectors = json["vectors"].as_array().expect("there is a list of them").clone();
        // Three headers, or one.
        let is_standard = vectors.iter().all(|it| it["header"].is_null());
        if is_standard == (scheme == "standard") {
            found.extend(vectors.into_iter().map(|it| (file.clone(), it)));
        }
    }
    found
}

fn seconds(vector: &Value, name: &str) -> i64 {
    vector[name].as_i64().expect("seconds are a whole number")
}

/// A header that is not there is an empty one.
fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_default()
}

#[track_caller]
fn judged(file: &Published, vector: &Value, found: &str) {
    file.say(format!("{} {found}", vector["name"]));
    assert_eq!(found, text(vector, "expect"), "{}", vector["name"]);
}

#[test]
fn the_published_vectors_of_the_gateway_are_judged_as_they_say() {
    for (file, vector) in vectors("gateway") {
        // An empty secret is none, and without one nothing is believed.
        let secrets = Vec::from_iter(Secret::new(text(&vector, "secret").as_bytes()));
        let now = Timestamp::from_seconds(seconds(&vector, "now")).expect("a time of our days");
        let (header, body) = (text(&vector, "header"), text(&vector, "payload").as_bytes());
        let tolerance = seconds(&vector, "tolerance_s");
        let found = match signature::verify(header, body, &secrets, now, tolerance) {
            Ok(_) => "valid",
            Err(SignatureError::MalformedHeader { .. }) => "malformed_header",
            Err(SignatureError::InvalidSignature) => "invalid_signature",
            Err(SignatureError::TooOld { .. } | SignatureError::TooNew { .. }) => {
                "timestamp_outside_tolerance"
            }
        };
        judged(&file, &vector, found);
    }
}

#[test]
fn the_published_vectors_of_the_standard_are_judged_as_they_say() {
    for (file, vector) in vectors("standard") {
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
        judged(&file, &vector, found);
    }
}
