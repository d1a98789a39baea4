//! What standards and providers publish beside their bills, read where somebody has it.

use serde_json::Value;

use super::super::number::NumberError;
use super::*;
use crate::testing::published::{Published, files};

const PROVIDERS: [&str; 7] = ["aws", "azure", "digitalocean", "focus", "hetzner", "oci", "vultr"];

/// FOCUS says which numbers are numbers.
fn numbers(cases: &Value) -> String {
    for case in cases.as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let found: Result<Exact, NumberError> = focus::NUMBER.read(text);
        assert_eq!(found.is_ok(), case["valid"] == true, "{text}: {found:?}");
    }
    format!("{} numbers are read or refused as it says", cases.as_array().unwrap().len())
}

/// FOCUS says which columns there are and since when.
fn columns(list: &Value) -> String {
    for column in list.as_array().unwrap() {
        let text = |name: &str| column[name].as_str().unwrap();
        let names = [text("column").to_owned()];
        let since = match text("introduced") {
            "1.1" => focus::SINCE_1_1,
            "1.2" => focus::SINCE_1_2,
            _ => focus::IN_1_0,
        };
        assert!(focus::holds(since, &names), "{names:?} since {}", text("introduced"));
    }
    format!("{} columns are known since the version it says", list.as_array().unwrap().len())
}

/// Items of a page that is one of several: the page is refused, its items are not.
fn items(file: &Published, json: &Value) -> String {
    let alone = serde_json::json!({"invoice_items": json["invoice_items"]});
    let draft = pages::read(alone.to_string().as_bytes(), digitalocean::item);
    assert!(draft.findings.is_empty(), "{}: {}", file.name, draft.findings);
    let wrong = read(&file.bytes).unwrap_err();
    format!("{} items, of a page that is not all: {wrong}", draft.lines.len())
}

#[test]
fn what_stands_beside_published_bills_gets_its_verdict() {
    for file in PROVIDERS.into_iter().flat_map(files) {
        let is_bill = file.name.ends_with(".expected.json") || file.name.contains("reject");
        let Ok(json) = serde_json::from_slice::<Value>(&file.bytes) else { continue };
        let verdict = match detect(&file.bytes) {
            _ if is_bill => continue,
            Err(Instead::Balance) => {
                let BalanceReading { observed, .. } = read_balance(&file.bytes).unwrap();
                format!("a balance of {}", observed.balance)
            }
            Ok(Format::DigitalOceanJson) if read(&file.bytes).is_err() => items(&file, &json),
            Ok(format) => format!("a bill, {format}"),
            Err(Instead::OtherJson) if json[0]["valid"].is_boolean() => numbers(&json),
            Err(Instead::OtherJson) if json["columns"].is_array() => columns(&json["columns"]),
            Err(instead) => format!("no bill: {instead}"),
        };
        file.say(verdict);
    }
}
