//! What is a CloudEvent, what of those is usage, and the events that others publish.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::*;

mod published;

const NOW: &str = "2026-05-01T00:00:00Z";

fn event() -> Value {
    json!({
        "specversion": "1.0", "type": USAGE_TYPE, "source": "/meter", "id": "a",
        "subject": "acme", "data": {"resource_kind": "vm_hour", "quantity": "1"},
    })
}

fn read(json: &Value) -> CloudEvent {
    crate::body::parse(json.to_string().as_bytes()).unwrap()
}

/// The pointer of what is wrong with an event, as an event and as usage; nothing where it is good.
fn defects(json: &Value) -> [Option<String>; 2] {
    let as_event = read(json).checked().err().map(|it| it.pointer);
    let as_usage = usage(read(json), None, NOW.parse().unwrap()).err().map(|it| it.pointer);
    [as_event, as_usage]
}

#[track_caller]
fn check(members: Value, expected: Option<&str>) {
    let mut it = event();
    for (name, value) in members.as_object().unwrap() {
        it[name] = value.clone();
    }
    assert_eq!(defects(&it)[0].as_deref(), expected, "{it}");
}

#[test]
fn an_event_is_one_by_its_attributes() {
    check(json!({}), None);
    check(json!({"time": "2026-04-01T10:00:00.123456789+10:00"}), None);
    check(json!({"datacontenttype": "Application/JSON; charset=utf-8"}), None);
    check(json!({"datacontenttype": "application/vnd.x+json"}), None);
    check(json!({"datacontenttype": "text/plain"}), None);
    check(json!({"dataschema": "https://example.com/usage.json"}), None);
    check(json!({"traceparent": "00-ab-cd-01", "count": 3, "sampled": true}), None);
    // Nothing is what is not there.
    check(json!({"subject": null, "time": null, "ext": null, "data_base64": null}), None);
    for (name, values) in [
        ("id", vec![json!(""), json!(1), json!(1.5), json!(true), json!({}), json!(null)]),
        ("source", vec![json!(""), json!(null), json!("a b"), json!("<x>"), json!("\u{e9}")]),
        ("specversion", vec![json!("0.3"), json!("1.0.0"), json!(1), json!(1.0), json!(null)]),
        ("type", vec![json!(""), json!(null), json!(["x"])]),
        ("subject", vec![json!(""), json!(7)]),
        ("time", vec![json!(""), json!("2026-04-01 00:00:00"), json!("2026-04-01"), json!(0)]),
        ("datacontenttype", vec![json!(""), json!("json"), json!("a b/c"), json!("/json")]),
        ("dataschema", vec![json!(""), json!({})]),
        ("data_base64", vec![json!("AQ=="), json!(1), json!({})]),
        ("tenantId", vec![json!("acme")]),
        ("tenant_id", vec![json!("acme")]),
        ("ext", vec![json!({"a": 1}), json!([1]), json!(1.5), json!(2_147_483_648_i64)]),
    ] {
        for value in values {
            check(json!({name: value}), Some(&format!("/{name}")));
        }
    }
}

#[test]
fn an_event_of_bytes_is_one_and_no_usage() {
    let mut it = event();
    it.as_object_mut().unwrap().remove("data");
    assert_eq!(defects(&it), [None, Some("/data".to_owned())]);
    it["data_base64"] = json!("SGVsbG8=");
    assert_eq!(defects(&it), [None, Some("/data_base64".to_owned())]);
    for text in ["SGVsbG8", "S===", "SGVs bG8", "SGVsbG8-"] {
        it["data_base64"] = json!(text);
        assert_eq!(defects(&it)[0].as_deref(), Some("/data_base64"), "{text}");
    }
    let mut it = event();
    it["datacontenttype"] = json!("text/plain");
    assert_eq!(defects(&it), [None, Some("/datacontenttype".to_owned())]);
}

#[test]
fn a_member_that_stands_twice_is_found_in_each_of_its_forms() {
    for twice in [
        r#""id": "a", "id": "b""#,
        r#""id": null, "id": "b""#,
        r#""id": "a", "ext": 1, "ext": null"#,
        r#""id": "a", "data": 1, "data": 2"#,
    ] {
        let text = format!(r#"{{"specversion": "1.0", "type": "t", "source": "s", {twice}}}"#);
        let event: CloudEvent = crate::body::parse(text.as_bytes()).unwrap();
        assert_eq!(event.checked().unwrap_err().reason, "it stands twice", "{text}");
    }
}

#[test]
fn one_bad_event_of_a_batch_leaves_the_others_whole() {
    let mut bad = event();
    bad["ext"] = json!({"a": [1, {"b": 2}]});
    let batch = json!([event(), bad, event()]).to_string();
    let batch: Vec<CloudEvent> = crate::body::parse(batch.as_bytes()).unwrap();
    let found = batch.into_iter().map(|it| it.checked().map(|it| it.id.to_string()));
    let found = found.map(|it| it.map_err(|it| it.pointer)).collect::<Vec<_>>();
    assert_eq!(found, [Ok("a".to_owned()), Err("/ext".to_owned()), Ok("a".to_owned())]);
}

#[test]
fn a_time_that_is_finer_than_ours_is_cut_and_stays_in_its_day() {
    let mut it = event();
    it["time"] = json!("2026-04-30T23:59:59.999999999Z");
    let usage = usage(read(&it), None, NOW.parse().unwrap()).unwrap();
    assert_eq!(usage.event.occurred_at, "2026-04-30T23:59:59.999999Z".parse().unwrap());
}

/// A request in binary mode.
fn binary(headers: &[(&str, &str)], body: &str) -> CloudEvent {
    let header = |(name, value): &(&str, &str)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    let headers = headers.iter().map(header).collect::<HeaderMap>();
    from_headers(&headers, body.as_bytes()).unwrap()
}

#[test]
fn attributes_in_headers_are_held_to_the_same_rules() {
    let good = [
        ("ce-id", "a%20b"),
        ("ce-source", "/meter"),
        ("ce-specversion", "1.0"),
        ("CE-Type", USAGE_TYPE),
        ("ce-traceparent", "00-ab-cd-01"),
        ("content-type", "application/json; charset=utf-8"),
    ];
    let event = binary(&good, "{}").checked().unwrap();
    assert_eq!((event.id.as_str(), event.kind.as_str()), ("a b", USAGE_TYPE));
    for (name, value, pointer) in [
        ("ce-trace-parent", "x", "/trace-parent"),
        ("ce-time", "now", "/time"),
        ("ce-id", "b", "/id"),
    ] {
        let headers = [&good[..], &[(name, value)]].concat();
        assert_eq!(binary(&headers, "{}").checked().unwrap_err().pointer, pointer);
    }
}

#[test]
fn a_header_in_quotes_is_read_without_them_and_then_decoded() {
    let id = |value: &str| {
        let headers = [("ce-id", value), ("ce-source", "/meter"), ("ce-specversion", "1.0")];
        let headers = [&headers[..], &[("ce-type", USAGE_TYPE)]].concat();
        binary(&headers, "").checked().map(|it| it.id.to_string()).ok()
    };
    assert_eq!(id(r#""a""#).as_deref(), Some("a"));
    assert_eq!(id(r#""a%20\"b\\""#).as_deref(), Some(r#"a "b\"#));
    assert_eq!(id("%22a%22").as_deref(), Some(r#""a""#));
    for wrong in [r#""a"#, r#""a"b""#, r#""a\""#, "\"", "a%2", "a%zz", "%ff"] {
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("ce-id"),
            HeaderValue::from_str(wrong).unwrap(),
        )]);
        assert!(from_headers(&headers, b"").is_err(), "{wrong}");
    }
}

#[test]
fn a_body_of_another_media_type_is_an_event_and_no_usage() {
    let headers = [
        ("ce-id", "a"),
        ("ce-source", "/meter"),
        ("ce-specversion", "1.0"),
        ("ce-type", USAGE_TYPE),
        ("ce-subject", "acme"),
        ("content-type", "text/plain; charset=\"utf-8\""),
    ];
    assert!(binary(&headers, "Hello, World!").checked().is_ok());
    let found = usage(binary(&headers, "Hello, World!"), None, NOW.parse().unwrap());
    assert_eq!(found.unwrap_err().pointer, "/datacontenttype");
}
