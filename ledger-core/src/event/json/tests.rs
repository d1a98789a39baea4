//! What the readable face promises.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::event::Event;
use crate::testing::{cases, events};

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn an_event_comes_back_from_its_json(event in events::event()) {
        let text = serde_json::to_string(&event)?;
        prop_assert_eq!(serde_json::from_str::<Event>(&text)?, event.clone());
        prop_assert_eq!(crate::json::from_str::<Event>(&text)?, event.clone());
        prop_assert_eq!(serde_json::from_value::<Event>(serde_json::to_value(&event)?)?, event);
    }

    /// The two faces say the same: what JSON carries makes the same bytes.
    #[test]
    fn json_carries_all_that_the_bytes_carry(event in events::event()) {
        let text = serde_json::to_string(&event)?;
        let read = serde_json::from_str::<Event>(&text)?;
        prop_assert_eq!(read.encode()?, event.encode()?);
    }
}

#[test]
fn members_come_in_any_order() {
    let one = r#"{"type":"account-plan-assigned.v1","data":{"plan":"free"}}"#;
    let other = r#"{"data":{"plan":"free"},"type":"account-plan-assigned.v1"}"#;
    let read = |text| serde_json::from_str::<Event>(text).unwrap();
    assert_eq!(read(one), read(other));
}

#[test]
fn a_surprise_in_any_object_is_refused() {
    for (wire, bytes) in Event::exemplars() {
        let data: Value = serde_json::from_str(wire.body_to_json(&bytes).unwrap().get()).unwrap();
        let event = json!({ "type": wire.name(), "data": data });
        assert!(serde_json::from_value::<Event>(event.clone()).is_ok(), "{event}");
        for pointer in objects(&event, String::new()) {
            let mut event = event.clone();
            let object = event.pointer_mut(&pointer).and_then(Value::as_object_mut).unwrap();
            object.insert("surprise".to_owned(), Value::Null);
            let found = serde_json::from_value::<Event>(event);
            assert!(found.is_err(), "{} takes a surprise at {pointer:?}", wire.name());
        }
    }
}

/// The objects of fixed shape in a value; the maps of named fields hold whatever they hold.
fn objects(value: &Value, pointer: String) -> Vec<String> {
    let open = ["/attributes", "/parameters", "/result", "/fields"];
    let inner = match value {
        Value::Object(members) => members.iter().map(|(name, it)| (name.clone(), it)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(place, it)| (place.to_string(), it)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let below = inner.into_iter().flat_map(|(name, it)| objects(it, format!("{pointer}/{name}")));
    let is_fixed = value.is_object() && !open.iter().any(|it| pointer.ends_with(it));
    is_fixed.then(|| pointer.clone()).into_iter().chain(below).collect()
}

#[track_caller]
fn refuses(text: &str, because: &str) {
    let error = serde_json::from_str::<Event>(text).unwrap_err().to_string();
    assert!(error.contains(because), "{error}");
}

#[test]
fn what_is_wrong_is_said() {
    let of = |data: &str| format!(r#"{{"type":"account-plan-assigned.v1","data":{data}}}"#);
    refuses(r#"{"type":"account-plan-dreamed.v1","data":{}}"#, "no event of this build");
    refuses(r#"{"data":{"plan":"free"}}"#, "missing field `type`");
    refuses(r#"{"type":"account-plan-assigned.v1"}"#, "missing field `data`");
    refuses(&of("{}"), "account-plan-assigned.v1: missing field `plan`");
    refuses(&of(r#"{"plan":""}"#), "a plan code is empty");
    refuses(&of(r#"{"plan":"free","plan":"pro"}"#), "duplicate field `plan`");
    refuses(&of("null"), "account-plan-assigned.v1");
    let twice = r#"{"type":"a","type":"account-plan-assigned.v1","data":{"plan":"free"}}"#;
    refuses(twice, "duplicate field `type`");
}

#[test]
fn a_fraction_is_exact_through_the_one_door() {
    let read = |quantity: &str| {
        let data = format!(r#"{{"kind":"vm_hour","quantity":{quantity}}}"#);
        let text = format!(r#"{{"type":"usage-recorded.v1","data":{data}}}"#);
        crate::json::from_str::<Event>(&text).unwrap()
    };
    assert_eq!(read("0.1"), read(r#""0.1""#));
    assert_eq!(read("123456.000000000001"), read(r#""123456.000000000001""#));
}
