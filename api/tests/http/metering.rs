//! Usage as it is stated, corrected and carried on, and what that does to invoices.

use serde_json::{Value, json};

use crate::april::{happens, rollup};
use crate::client::{Answer, Request};
use crate::server::Server;

fn stated(id: &str, kind: &str, quantity: &str, unit: &str) -> Value {
    json!({
        "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter", "id": id,
        "subject": "acme", "time": "2026-04-20T00:00:00Z",
        "data": {"resource_kind": kind, "quantity": quantity, "unit": unit, "deployment": "shop"},
    })
}

fn with(event: &Value, other: &Value) -> Value {
    let mut event = event.clone();
    let members = other.as_object().unwrap();
    members.iter().for_each(|(name, value)| event[name] = value.clone());
    event
}

fn sent(event: &Value) -> Request {
    Request::new("POST", "/api/v1/events").body("application/cloudevents+json", &event.to_string())
}

fn correct(server: &Server, position: &Value, key: &str, quantity: &str) -> Answer {
    let path = format!("/api/v1/usage/{position}/correct");
    let body = json!({"quantity": quantity}).to_string();
    server.operator(Request::post(path, &body).header("idempotency-key", key))
}

fn recorded(server: &Server, event: &Value) -> Value {
    server.operator(sent(event)).good()["data"][0]["position"].clone()
}

fn preview(server: &Server) -> Value {
    rollup(server, "&dry_run=true&tenant=acme")["data"][0].clone()
}

#[test]
fn a_unit_that_nobody_can_convert_is_refused_where_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    happens(&server);
    for (kind, unit, part) in [
        ("droplet_hours", "3_hours", "3_hours does not say how many base units it is"),
        ("droplet_hours", "minute", "droplet_hours is sold by the hour"),
        ("llm_tokens", "word", "llm_tokens is sold by the 1k_tokens"),
    ] {
        let answer = server.tenant("acme", sent(&stated("bad", kind, "1", unit)));
        answer.problem(400, "malformed");
        assert_eq!(answer.pointers(), ["/0/data/unit"], "{unit}");
        assert!(answer.text.contains(part), "{answer:?}");
    }
    let batch = json!([
        stated("bad", "droplet_hours", "1", "minute"),
        stated("good", "droplet_hours", "1", "hour")
    ]);
    let batch = Request::new("POST", "/api/v1/events?partial=true")
        .body("application/cloudevents-batch+json", &batch.to_string());
    let taken = server.operator(batch);
    assert_eq!(taken.status, 207, "{taken:?}");
    let statuses =
        [&taken.json()["data"][0]["status"], &taken.json()["data"][1]["status"]].map(Value::clone);
    assert_eq!(statuses, [json!("invalid"), json!("accepted")]);
    for (id, kind, unit) in
        [("a", "llm_tokens", "1k_tokens"), ("b", "llm_token", "Tokens"), ("c", "gpu", "minute")]
    {
        server.operator(sent(&stated(id, kind, "1", unit))).good();
    }
    assert_eq!(preview(&server)["preview"]["subtotal"]["amount"], "64.23", "one hour more");
    let issued = rollup(&server, "&tenant=acme");
    assert_eq!(issued["data"][0]["status"], "issued", "{issued}");
}

#[test]
fn what_was_taken_before_its_kind_was_sold_is_a_repeat_and_is_seen_unpriced() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    happens(&server);
    let early = stated("early", "gpu", "60", "minute");
    let position = recorded(&server, &early);
    let prices = json!({"resource_prices": [
        {"kind": "gpu", "unit": "hour", "price": "1", "currency": "AUD"}]});
    let path = "/api/v1/catalog?occurred_at=2026-01-01T00:00:00Z";
    server.operator(Request::post(path, &prices.to_string())).good();
    let again = server.operator(sent(&early)).good();
    assert_eq!(again["data"][0]["status"], "duplicate");
    assert_eq!(again["data"][0]["position"], position);
    let mut late = early;
    late["id"] = json!("late");
    server.operator(sent(&late)).problem(400, "malformed");
    rollup(&server, "");
    let explain = Request::get("/api/v1/invoices/INV-000001/explain");
    let explained = server.operator(explain).good();
    let unpriced = &explained["unpriced"][0];
    assert_eq!((&unpriced["quantity"], &unpriced["unit"]), (&json!("60"), &json!("minute")));
    assert_eq!(explained["totals"]["net"]["amount"], "64.22");
    let spend = server.tenant("acme", Request::get("/api/v1/tenants/acme/spend"));
    spend.good();
}

#[test]
fn a_record_is_corrected_once_by_an_operator() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    happens(&server);
    let wrong = recorded(&server, &stated("wrong", "droplet_hours", "500", "hour"));
    assert_eq!(preview(&server)["preview"]["subtotal"]["amount"], "69.22");
    let first = correct(&server, &wrong, "fix", "5");
    let body = first.good();
    let expected = json!({
        "position": wrong, "tenant": "acme", "period": "2026-04", "resource_kind": "droplet_hours",
        "unit": "hour", "deployment": "shop", "resource": null, "recorded": "500", "quantity": "5",
        "occurred_at": "2026-04-20T00:00:00Z",
    });
    assert_eq!(body, expected);
    assert_eq!(preview(&server)["preview"]["subtotal"]["amount"], "64.27");
    let again = correct(&server, &wrong, "fix", "5");
    assert_eq!(again.header("idempotency-hit"), Some("true"), "{again:?}");
    assert_eq!((&again.text, again.position()), (&first.text, first.position()));
    correct(&server, &wrong, "fix", "6").problem(422, "idempotency_key_reused");
    // What it stands at already is no event.
    assert_eq!(correct(&server, &wrong, "other", "5").position(), first.position());
    let usage = Request::get("/api/v1/usage?tenant=acme&period=2026-04");
    let usage = server.operator(usage).good();
    let quantities = usage["data"].as_array().unwrap().iter().map(|it| it["quantity"].clone());
    assert_eq!(quantities.collect::<Vec<_>>(), [json!("2160"), json!("5")], "{usage}");

    let correction = json!(first.position());
    let told = correct(&server, &correction, "c", "1").problem(422, "usage_is_correction");
    assert!(told["detail"].as_str().unwrap().contains("record 3"), "{told}");
    correct(&server, &wrong, "n", "-1").problem(422, "quantity_negative");
    for nothing in [json!(1), json!(99_999)] {
        correct(&server, &nothing, "x", "1").problem(404, "not_found");
    }
    let path = format!("/api/v1/usage/{wrong}/correct");
    let own = Request::post(path.as_str(), r#"{"quantity": "1"}"#);
    server.tenant("acme", own).problem(404, "not_found");
    let more = Request::post(path.as_str(), r#"{"quantity": "1", "unit": "hour"}"#);
    server.operator(more).problem(400, "malformed");
    let seen = Request::post(path, r#"{"quantity": "1"}"#).header("if-match", "\"0\"");
    server.operator(seen).problem(412, "revision_changed");

    // Corrected after its invoice, it is on the next one.
    rollup(&server, "");
    correct(&server, &wrong, "late", "105").good();
    assert_eq!(correct(&server, &wrong, "fix", "5").text, first.text, "it answers as it did");
    let may =
        Request::new("POST", "/api/v1/invoices/rollup?period=2026-05&tenant=acme&dry_run=true");
    let may = server.operator(may).good();
    assert_eq!(
        may["data"][0]["preview"]["adjusted"][0]["totals"]["net"]["amount"], "1.00",
        "{may}"
    );
}

#[test]
fn a_gauge_is_billed_from_month_to_month() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let gauge = json!({
        "specversion": "1.0", "type": "counterfoil.gauge.set", "source": "/meter", "id": "g",
        "subject": "bob", "time": "2026-04-20T00:00:00Z",
        "data": {"resource_kind": "node_hour", "value": "1"},
    });
    let wrong = json!({"time": "2026-03-20T00:00:00Z", "id": "wrong"});
    let wrong = recorded(&server, &with(&gauge, &wrong));
    let expected = json!({
        "position": wrong, "tenant": "bob", "period": "2026-03", "resource_kind": "node_hour",
        "deployment": null, "resource": null, "recorded": "1", "quantity": "0",
        "occurred_at": "2026-03-20T00:00:00Z",
    });
    assert_eq!(correct(&server, &wrong, "void", "0").good(), expected);
    server.operator(sent(&gauge)).good();
    for (month, amount) in [("2026-04", "1.85"), ("2026-05", "5.21"), ("2026-06", "5.04")] {
        let path = format!("/api/v1/invoices/rollup?period={month}&tenant=bob");
        let dry = server.operator(Request::new("POST", format!("{path}&dry_run=true"))).good();
        assert_eq!(dry["data"][0]["preview"]["total"]["amount"], amount, "{dry}");
        let issued = server.operator(Request::new("POST", path)).good();
        assert_eq!(issued["data"][0]["status"], "issued", "{issued}");
    }
}

#[test]
fn who_is_never_invoiced_is_in_no_sum_of_a_dry_run() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    happens(&server);
    let ours = json!({"id": "ours", "name": "Ours", "currency": "AUD", "internal": true,
                      "occurred_at": "2026-03-01T00:00:00Z"});
    server.operator(Request::post("/api/v1/tenants", &ours.to_string())).good();
    let lab = json!({"tenant": "ours", "slug": "lab", "occurred_at": "2026-04-01T00:00:00Z"});
    server.operator(Request::post("/api/v1/deployments", &lab.to_string())).good();
    let plan = json!({"plan_code": "pro", "occurred_at": "2026-04-01T00:00:00Z"}).to_string();
    server.operator(Request::post("/api/v1/deployments/ours.lab/subscribe", &plan)).good();
    let dry = rollup(&server, "&dry_run=true");
    let internal = json!({"tenant": "ours", "status": "internal"});
    assert!(dry["data"].as_array().unwrap().contains(&internal), "{dry}");
    assert_eq!(dry["totals"][0]["total"]["amount"], "70.64", "{dry}");
}
