//! However a server ends, the next one gives the same answers: the log is all there is to know.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use ledger_core::event::{Event, invoice};
use serde_json::{Value, json};

use crate::april;
use crate::client::Request;
use crate::server::{Server, command, put_past_decisions};

/// What a server says of everything it has, once its views have seen a position.
fn answers(server: &Server, after: u64) -> Vec<Value> {
    let paths = [
        "/tenants",
        "/deployments",
        "/catalog/plans",
        "/invoices",
        "/invoices/INV-000001",
        "/invoices/INV-000001/explain",
        "/usage?tenant=acme&period=2026-04",
        "/tenants/bob/spend",
        "/events/1",
    ];
    let get = |path: &str| {
        let request = Request::get(format!("/api/v1{path}")).header("ledger-wait-for", after);
        server.operator(request).good()
    };
    paths.into_iter().map(get).collect()
}

fn head(server: &Server) -> u64 {
    server.operator(Request::get("/api/v1/tenants/acme")).position()
}

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let server = Server::furnished(data);
    april::happens(&server);
    april::rollup(&server, "");
    let node = r#"{"reservation": "node-1", "items": [{"kind": "node_hour"}]}"#;
    let path = "/api/v1/tenants/bob/quota/reservations";
    let node = Request::post(path, node).header("idempotency-key", "k");
    let reserved = server.operator(node.clone());
    assert_eq!(reserved.status, 201, "{reserved:?}");
    let last = head(&server);
    let before = answers(&server, last);

    assert_eq!(server.stop().code(), Some(0), "it was asked to end");
    let server = Server::start(data);
    assert_eq!(answers(&server, last), before, "after it was asked to end");
    let again = server.operator(node.clone());
    assert_eq!((again.header("idempotency-hit"), &again.text), (Some("true"), &reserved.text));

    server.kill();
    let server = Server::start(data);
    assert_eq!(answers(&server, last), before, "after kill -9");
    // It is killed right behind an acknowledgement, again and again.
    let mut server = server;
    for number in 1..=8 {
        let event = json!({
            "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter",
            "id": format!("late-{number}"), "subject": "acme", "time": "2026-05-01T00:00:00Z",
            "data": {"resource_kind": "droplet_hours", "quantity": "1", "deployment": "shop"},
        });
        let sent = Request::new("POST", "/api/v1/events")
            .body("application/cloudevents+json", &event.to_string());
        let acknowledged = server.operator(sent.clone()).position();
        server.kill();
        server = Server::start(data);
        assert!(head(&server) >= acknowledged);
        let again = server.operator(sent).good();
        assert_eq!(again["data"][0]["status"], "duplicate");
        let usage = Request::get("/api/v1/usage?tenant=acme&period=2026-05");
        let usage = server.operator(usage.header("ledger-wait-for", acknowledged)).good();
        assert_eq!(usage["data"][0]["quantity"], number.to_string());
    }
    let last = head(&server);
    let before = answers(&server, last);
    assert!(server.stop().success());

    std::fs::remove_dir_all(data.join("views")).unwrap();
    let server = Server::start(data);
    assert_eq!(answers(&server, last), before, "with its views made again");
    assert_eq!(april::rollup(&server, "")["data"][0]["number"], "INV-000001");
}

/// Puts the voiding of a document that never was into the log, past every decision.
fn poison(data: &Path) {
    let voided = invoice::Voided {
        number: "INV-000099".parse().unwrap(),
        reason: "it never was".parse().unwrap(),
        is_replaced: false,
    };
    let events = vec![("2026-05-01T00:00:00Z", Event::from(voided))];
    put_past_decisions(data, "invoice-bob.2026-04", events);
}

#[test]
fn no_document_is_made_from_a_view_that_has_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let server = Server::furnished(data);
    april::happens(&server);
    april::rollup(&server, "");
    assert!(server.stop().success());
    poison(data);
    let server = Server::start(data);
    // It serves, and what waits for the view that does not come on is told so.
    assert_eq!(server.operator(Request::get("/api/v1/invoices/INV-000001")).status, 200);
    let path = "/api/v1/invoices/INV-000001/void";
    let void = Request::post(path, r#"{"reason": "wrong address"}"#).header("idempotency-key", "v");
    server.operator(void).problem(503, "behind");
    server.operator(Request::get("/api/v1/tenants/acme/spend")).problem(503, "behind");
    let month = "/api/v1/invoices/rollup?period=2026-04";
    let month = Request::new("POST", month).header("idempotency-key", "r");
    server.operator(month).problem(503, "behind");
    assert_eq!(server.operator(Request::get("/api/ready")).status, 503);
}

/// How a server ends that does not start, and what it says.
/// How a server that does not start ends, and what it says. One that starts would never end.
fn refused(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = command(data);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut told = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut told).unwrap();
    if !told.is_empty() {
        process.kill().unwrap();
        process.wait().unwrap();
        panic!("it starts with {arguments:?}: {told}");
    }
    let output = process.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_server_that_does_not_start_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let server = Server::start(data);
    let (code, said) = refused(data, &[]);
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("does not open"), "{said}");
    assert!(server.stop().success(), "the first one does not mind");

    let (code, said) = refused(data, &["--colour"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = refused(data, &["--issuer", "NO ISSUER"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--issuer"), "{said}");
    let (code, said) = refused(data, &["--issuer-address", "1 Example Street;;Sydney"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--issuer-address"), "{said}");
    let (code, said) = refused(data, &["--default-plan", "free,no plan"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--default-plan"), "{said}");
    let (code, said) = refused(data, &["--jwt-algorithm", "HS512"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("at least 64 bytes"), "{said}");

    let segment = data.join("ledger/ledger");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let (code, said) = refused(data, &[]);
    assert_eq!(code, Some(65), "{said}");
}
