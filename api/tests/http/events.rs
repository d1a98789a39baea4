//! Usage comes in as CloudEvents 1.0: one, many, or with attributes in headers; each is told what
//! became of it, and a batch is taken whole or not at all unless it asks otherwise.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::server::Server;

fn event(id: &str, quantity: &str) -> Value {
    json!({
        "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter", "id": id,
        "subject": "acme", "time": "2026-04-01T00:00:00Z", "traceparent": "00-ab-cd-01",
        "data": {"resource_kind": "droplet_hours", "quantity": quantity},
    })
}

fn one(event: &Value) -> Request {
    let media_type = "application/cloudevents+json; charset=utf-8";
    Request::new("POST", "/api/v1/events").body(media_type, &event.to_string())
}

fn batch(query: &str, events: &[Value]) -> Request {
    Request::new("POST", format!("/api/v1/events{query}"))
        .body("application/cloudevents-batch+json", &json!(events).to_string())
}

fn binary(id: &str, data: &str) -> Request {
    Request::post("/api/v1/events", data)
        .header("ce-specversion", "1.0")
        .header("ce-type", "counterfoil.usage.recorded")
        .header("ce-source", "/meter")
        .header("ce-id", id)
        .header("ce-subject", "acme")
        .header("ce-time", "2026-04-01T00:00:00Z")
}

/// The status of each event, in the order they were sent.
fn statuses(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let items = body["data"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
    items.iter().map(|it| it["status"].as_str().unwrap().to_owned()).collect()
}

fn sum(server: &Server, after: u64) -> Value {
    let path = "/api/v1/usage?tenant=acme&period=2026-04";
    let usage = server.operator(Request::get(path).header("ledger-wait-for", after)).good();
    usage["data"][0]["quantity"].clone()
}

#[test]
fn an_event_counts_once_however_it_comes() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let first = server.operator(one(&event("a", "1")));
    assert_eq!((first.status, statuses(&first)), (200, vec!["accepted".to_owned()]));
    let position = first.json()["data"][0]["position"].as_u64().unwrap();
    assert_eq!(first.position(), position);

    // The same in every mode is a duplicate, and says where the first one is.
    let data = r#"{"resource_kind": "droplet_hours", "quantity": 1}"#;
    for again in [one(&event("a", "1.0")), batch("", &[event("a", "1")]), binary("a", data)] {
        let again = server.operator(again);
        assert_eq!((again.status, statuses(&again)), (200, vec!["duplicate".to_owned()]));
        assert_eq!(again.json()["data"][0]["position"], position, "{again:?}");
    }
    let encoded = server.operator(binary("%C3%A9", data));
    assert_eq!(encoded.good()["data"][0]["id"], "\u{e9}", "attributes are percent-encoded");
    let exact = server.operator(binary("c", r#"{"kind": "droplet_hours", "quantity": 0.1}"#));
    assert_eq!(sum(&server, exact.position()), "2.1");

    // Another tenant's producer may use the same names.
    let mut other = event("a", "5");
    other["subject"] = json!("bob");
    assert_eq!(statuses(&server.operator(one(&other))), ["accepted"]);
}

#[test]
fn a_batch_is_taken_whole_unless_it_asks_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let known = server.operator(one(&event("known", "1")));

    let conflicting = server.operator(one(&event("known", "2")));
    let problem = conflicting.problem(409, "conflicting_duplicate");
    assert_eq!(problem["conflicts"][0]["position"], known.position(), "{conflicting:?}");

    let mut next_month = event("may", "4");
    next_month["time"] = json!("2026-05-01T00:00:00Z");
    // In one stream and over two, a conflict takes the others with it.
    for beside in [event("new", "4"), next_month.clone()] {
        let events = [beside, event("known", "2")];
        server.operator(batch("", &events)).problem(409, "conflicting_duplicate");
    }
    let mut negative = event("negative", "-1");
    negative["extra"] = json!(1);
    let mut ahead = event("ahead", "1");
    ahead["time"] = json!("2999-01-01T00:00:00Z");
    let mut unknown = event("unknown", "1");
    unknown["subject"] = json!("nobody");
    let mut old = event("old", "1");
    old["specversion"] = json!("0.3");
    let mut number = event("number", "1");
    number["id"] = json!(1.5);
    let mut foreign = event("foreign", "1");
    foreign["type"] = json!("com.example.other");
    let mut empty = event("", "1");
    empty["data"]["colour"] = json!(1);
    let bad = [
        (negative, "/data/quantity"),
        (ahead, "/time"),
        (unknown, "/subject"),
        (old, "/specversion"),
        (number, "/id"),
        (foreign, "/type"),
        (empty, "/id"),
        (event("word", "many"), "/data/quantity"),
    ];
    for (event, pointer) in &bad {
        let answer = server.operator(one(event));
        answer.problem(400, "malformed");
        assert_eq!(answer.pointers(), [format!("/0{pointer}")], "{event}");
    }
    let mut mixed: Vec<Value> = bad.iter().map(|(event, _)| event.clone()).collect();
    mixed.extend([event("known", "1"), event("known", "2"), event("new", "4"), next_month]);
    let refused = server.operator(batch("", &mixed));
    refused.problem(400, "malformed");
    let pointers: Vec<_> =
        (0..).zip(&bad).map(|(place, (_, pointer))| format!("/{place}{pointer}")).collect();
    assert_eq!(refused.pointers(), pointers);
    server.operator(batch("", &[])).problem(400, "malformed");
    let head = server.operator(Request::get("/api/v1/tenants/acme")).position();
    assert_eq!(head, known.position(), "nothing of all that was recorded");

    let taken = server.operator(batch("?partial=true", &mixed));
    assert_eq!(taken.status, 207, "{taken:?}");
    let mut expected = vec!["invalid"; bad.len()];
    expected.extend(["duplicate", "conflict", "accepted", "accepted"]);
    assert_eq!(statuses(&taken), expected);
    let items = taken.json();
    for ((_, pointer), item) in bad.iter().zip(items["data"].as_array().unwrap()) {
        assert_eq!(item["errors"][0]["pointer"], *pointer, "{item}");
    }
    let all_good = server.operator(batch("?partial=true", &[event("new", "4")]));
    assert_eq!((all_good.status, statuses(&all_good)), (200, vec!["duplicate".to_owned()]));
    assert_eq!(sum(&server, taken.position()), "5");
}
