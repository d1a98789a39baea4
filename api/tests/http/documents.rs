//! What follows an invoice over HTTP: late usage, forced rollups, voids and credit notes.

use serde_json::{Value, json};

use crate::april::{happens, rollup};
use crate::client::{Answer, Request};
use crate::server::{Server, command};

/// An invoice of April, and droplet hours that came after it.
fn late() -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    happens(&server);
    rollup(&server, "");
    let hours = json!({
        "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter",
        "id": "late", "subject": "acme", "time": "2026-04-20T00:00:00Z",
        "data": {"resource_kind": "droplet_hours", "quantity": "500", "deployment": "shop"},
    });
    let hours = Request::new("POST", "/api/v1/events")
        .body("application/cloudevents+json", &hours.to_string());
    server.operator(hours).good();
    (directory, server)
}

fn aud(amount: &str) -> Value {
    json!({"amount": amount, "currency": "AUD"})
}

fn shown(server: &Server, number: &str) -> Value {
    server.operator(Request::get(format!("/api/v1/invoices/{number}"))).good()
}

fn post(server: &Server, path: &str, key: &str, body: &Value) -> Answer {
    let path = format!("/api/v1/invoices/{path}");
    server.operator(Request::post(path, &body.to_string()).header("idempotency-key", key))
}

#[test]
fn an_invoice_keeps_the_issuer_as_it_was_when_it_was_issued() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = command(directory.path());
    first.args(["--issuer-name", "Reseller Pty Ltd", "--issuer-tax-number", "ABN 1"]);
    first.args(["--issuer-address", "1 Example Street; Level 2"]);
    first.args(["--issuer-address", "Sydney NSW 2000"]);
    let server = Server::run(directory.path(), first);
    server.furnish();
    happens(&server);
    rollup(&server, "");
    let issued_by = json!({
        "name": "Reseller Pty Ltd", "tax_number": "ABN 1",
        "address": ["1 Example Street", "Level 2", "Sydney NSW 2000"],
    });
    assert_eq!(shown(&server, "INV-000001")["issued_by"], issued_by);
    assert!(server.stop().success());

    // Moved, and said by the environment: the next invoice says so, the first does not.
    let mut second = command(directory.path());
    second.env("COUNTERFOIL_ISSUER_ADDRESS", "9 Other Road;Melbourne VIC 3000");
    let server = Server::run(directory.path(), second);
    assert_eq!(shown(&server, "INV-000001")["issued_by"], issued_by);
    let may = "/api/v1/invoices/rollup?period=2026-05&tenant=acme";
    server.operator(Request::new("POST", may)).good();
    let address = json!(["9 Other Road", "Melbourne VIC 3000"]);
    assert_eq!(shown(&server, "INV-000002")["issued_by"]["address"], address);
}

#[test]
fn what_came_late_is_on_the_next_invoice_by_its_line() {
    let (_directory, server) = late();
    let may = "/api/v1/invoices/rollup?period=2026-05&tenant=acme";
    let preview = server.operator(Request::new("POST", format!("{may}&dry_run=true"))).good();
    let difference = json!({"amount": "-1.89", "currency": "AUD"});
    assert_eq!(preview["totals"][0]["difference"], difference, "{preview}");
    let issued = server.operator(Request::new("POST", may)).good();
    assert_eq!(issued["data"][0]["number"], "INV-000002", "{issued}");
    let may = shown(&server, "INV-000002");
    let sums = [&may["subtotal"], &may["tax"], &may["total"]];
    assert_eq!(sums, [&aud("62.50"), &aud("6.25"), &aud("68.75")]);
    let adjusts = &may["lines"][3];
    assert_eq!((&adjusts["kind"], &adjusts["adjusts"]), (&json!("adjustment"), &json!("2026-04")));
    let original = json!({"kind": "overage", "number": "INV-000001", "line": 3});
    assert_eq!((&adjusts["original"], &adjusts["amount"]), (&original, &aud("5.00")));
    let explain = Request::get("/api/v1/invoices/INV-000002/explain");
    let explained = server.tenant("acme", explain).good();
    assert_eq!(explained["lines"][3]["step"]["value"], "5");
}

#[test]
fn force_voids_and_issues_anew_once() {
    let (_directory, server) = late();
    for _ in 0..2 {
        let forced = rollup(&server, "&force=true&tenant=acme&reason=late%20hours");
        assert_eq!(forced["data"][0]["number"], "INV-000002", "{forced}");
    }
    let (first, second) = (shown(&server, "INV-000001"), shown(&server, "INV-000002"));
    assert_eq!((&first["status"], &second["status"]), (&json!("void"), &json!("open")));
    assert_eq!((&second["total"], &second["replaces"]), (&aud("76.14"), &json!("INV-000001")));
}

#[test]
fn a_credit_note_is_given_once_and_an_amended_invoice_is_not_voided() {
    let (_directory, server) = late();
    let body = json!({"amount": aud("11.00"), "reason": "the disk was slow"});
    for _ in 0..2 {
        let note = post(&server, "INV-000001/credit-notes", "sorry", &body).good();
        assert_eq!((&note["number"], &note["kind"]), (&json!("CN-000001"), &json!("credit_note")));
        assert_eq!((&note["total"], &note["tax"]), (&aud("-11.00"), &aud("-1.00")));
    }
    let invoice = shown(&server, "INV-000001");
    assert_eq!((&invoice["due"], &invoice["credited"]), (&aud("59.64"), &aud("11.00")));
    assert_eq!(shown(&server, "CN-000001")["amends"], "INV-000001");
    let owed = server.operator(Request::get("/api/v1/dashboard/receivables")).good();
    assert_eq!(owed["by_currency"][0]["total"], aud("59.64"), "{owed}");
    assert_eq!(owed["outstanding"][0]["number"], "INV-000001");
    let other = server.tenant("acme", Request::get("/api/v1/dashboard/receivables"));
    other.problem(404, "not_found");
    let other = json!({"amount": aud("12.00"), "reason": "the disk was slow"});
    let reused = post(&server, "INV-000001/credit-notes", "sorry", &other);
    reused.problem(422, "idempotency_key_reused");
    let void = json!({"reason": "a mistake"});
    post(&server, "INV-000001/void", "v", &void).problem(409, "invoice_amended");
    let much = json!({"amount": aud("60.00"), "reason": "all of it"});
    post(&server, "INV-000001/credit-notes", "b", &much).problem(422, "exceeds_invoice");
}

#[test]
fn force_names_the_note_that_carries_the_difference() {
    let (_directory, server) = late();
    let body = json!({"amount": aud("11.00"), "reason": "the disk was slow"});
    post(&server, "INV-000001/credit-notes", "sorry", &body).good();
    // What was given back stands, and so does the invoice: a note of its own has the late hours.
    for _ in 0..2 {
        let forced = rollup(&server, "&force=true&tenant=acme&reason=late%20hours");
        let expected = json!({
            "tenant": "acme", "status": "amended", "number": "INV-000001", "note": "DN-000002",
        });
        assert_eq!(forced["data"][0], expected);
    }
    assert_eq!(shown(&server, "DN-000002")["total"], aud("5.50"));
    let again = rollup(&server, "&tenant=acme");
    let expected = json!({"tenant": "acme", "status": "issued", "number": "INV-000001"});
    assert_eq!(again["data"][0], expected);
}

#[test]
fn an_operator_voids_and_nobody_else() {
    let (_directory, server) = late();
    let void = json!({"reason": "a mistake"}).to_string();
    let tenant = server.tenant("acme", Request::post("/api/v1/invoices/INV-000001/void", &void));
    tenant.problem(404, "not_found");
    for _ in 0..2 {
        let voided = post(&server, "INV-000001/void", "v", &json!({"reason": "a mistake"})).good();
        assert_eq!((&voided["status"], &voided["number"]), (&json!("void"), &json!("INV-000001")));
    }
    let none = post(&server, "INV-000009/void", "w", &json!({"reason": "a mistake"}));
    none.problem(404, "not_found");
}
