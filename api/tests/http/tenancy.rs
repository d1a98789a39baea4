//! A tenant that names another is answered as about nobody, on every path, and sees nothing of it.

use std::collections::BTreeMap;

use serde_json::json;

use crate::april;
use crate::client::{Answer, Request};
use crate::server::Server;

/// Words that only bob's things hold.
const CANARIES: [&str; 5] = ["canary-shop", "Canary Holdings", "canary-node", "canary-4711", "bob"];

/// Every path that can name a tenant, here bob.
fn about_bob() -> Vec<Request> {
    let json = |body: serde_json::Value| body.to_string();
    let bob = "/api/v1/tenants/bob";
    let shop = "/api/v1/deployments/bob.canary-shop";
    let node = json!({"reservation": "r", "items": [{"kind": "node_hour"}]});
    let profile =
        json!({"customer": {"name": "x", "address": [], "tax_number": null}, "tax": null});
    vec![
        Request::get(bob),
        Request::get(format!("{bob}/quota")),
        Request::get(format!("{bob}/spend")),
        Request::put(format!("{bob}/tax-profile"), &json(profile)),
        Request::put(format!("{bob}/plan"), r#"{"plan_code": "free"}"#),
        Request::put(format!("{bob}/cost-cap"), r#"{"cap": null}"#),
        Request::post(format!("{bob}/quota/reservations"), &json(node)),
        Request::post(format!("{bob}/quota/reservations/canary-node/commit"), "{}"),
        Request::new("DELETE", format!("{bob}/quota/reservations/canary-node")),
        Request::post("/api/v1/deployments", r#"{"tenant": "bob", "slug": "x"}"#),
        Request::get(shop),
        Request::post(format!("{shop}/transition"), r#"{"to": "cancelled"}"#),
        Request::post(format!("{shop}/subscribe"), r#"{"plan_code": "free"}"#),
        Request::post(format!("{shop}/addons"), r#"{"addon_code": "llm_1m"}"#),
        Request::new("DELETE", format!("{shop}/addons/llm_1m")),
        Request::get("/api/v1/usage?tenant=bob&period=2026-04"),
        Request::get("/api/v1/invoices/INV-000002"),
        Request::get("/api/v1/invoices/INV-000002/explain"),
    ]
}

/// What only operators do.
fn for_operators() -> Vec<Request> {
    vec![
        Request::get("/api/v1/tenants"),
        Request::post("/api/v1/tenants", r#"{"id": "dave", "name": "D", "currency": "AUD"}"#),
        Request::post("/api/v1/catalog", r#"{"plans": []}"#),
        Request::post("/api/v1/catalog/plans", "{}"),
        Request::new("POST", "/api/v1/invoices/rollup?period=2026-04"),
        Request::get("/api/v1/events/1"),
        Request::post("/api/v1/usage/1/correct", r#"{"quantity": "1"}"#),
        Request::put("/api/v1/tenants/acme/plan", r#"{"plan_code": "free"}"#),
    ]
}

/// All of an answer but the second in which it was given.
fn told(answer: &Answer) -> (&str, BTreeMap<&str, &str>) {
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    (&answer.text, headers.filter(|(name, _)| *name != "date").collect())
}

fn bob_lives(server: &Server) {
    let shop = json!({"tenant": "bob", "slug": "canary-shop", "name": "Canary Holdings",
                      "occurred_at": "2026-04-01T00:00:00Z"});
    server.operator(Request::post("/api/v1/deployments", &shop.to_string())).good();
    let node = r#"{"reservation": "canary-node", "items": [{"kind": "node_hour"}]}"#;
    server.operator(Request::post("/api/v1/tenants/bob/quota/reservations", node)).good();
    let usage = json!({
        "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter",
        "id": "canary-4711", "subject": "bob", "time": "2026-04-01T00:00:00Z",
        "data": {"resource_kind": "node_hour", "quantity": "4711", "deployment": "canary-shop"},
    });
    let usage = Request::new("POST", "/api/v1/events")
        .body("application/cloudevents+json", &usage.to_string());
    server.operator(usage).good();
}

#[test]
fn another_tenant_is_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    april::happens(&server);
    bob_lives(&server);
    let rolled = april::rollup(&server, "");
    assert_eq!(rolled["data"][1]["number"], "INV-000002", "{rolled}");
    let head = server.operator(Request::get("/api/v1/tenants/acme")).position();

    let nobody = server.tenant("acme", Request::get("/api/v1/tenants/nobody"));
    for request in about_bob().into_iter().chain(for_operators()) {
        let answer = server.tenant("acme", request.clone());
        answer.problem(404, "not_found");
        assert_eq!(told(&answer), told(&nobody), "{request:?}");
    }
    // The same paths exist: bob and an operator are answered.
    for request in about_bob().into_iter().filter(|it| it.is_read()) {
        let answer = server.tenant("bob", request.clone()).good().to_string();
        assert!(CANARIES.iter().any(|it| answer.contains(it)), "{request:?}: {answer}");
    }
    for request in for_operators().into_iter().filter(|it| it.is_read()) {
        server.operator(request).good();
    }

    // What a tenant may list holds its own things only.
    for path in [
        "/deployments",
        "/invoices",
        "/catalog",
        "/tenants/acme",
        "/tenants/acme/quota",
        "/tenants/acme/spend",
        "/usage?tenant=acme&period=2026-04",
        "/invoices/INV-000001",
        "/invoices/INV-000001/explain",
    ] {
        let request = Request::get(format!("/api/v1{path}")).header("ledger-wait-for", head);
        let answer = server.tenant("acme", request);
        let text = answer.good().to_string();
        for canary in CANARIES {
            assert!(!text.contains(canary), "{canary} in {path}: {text}");
        }
    }
    // An event in another's name is as good as one in nobody's.
    let event = |subject: &str| {
        let event = json!({
            "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter",
            "id": "canary-4711", "subject": subject, "time": "2026-04-01T00:00:00Z",
            "data": {"resource_kind": "node_hour", "quantity": "1"},
        });
        let request = Request::new("POST", "/api/v1/events")
            .body("application/cloudevents+json", &event.to_string());
        server.tenant("acme", request)
    };
    let (bob, nobody) = (event("bob"), event("nobody"));
    bob.problem(400, "malformed");
    assert_eq!(bob.text, nobody.text);
    let after = server.operator(Request::get("/api/v1/tenants/acme")).position();
    assert_eq!(after, head, "nothing of it was recorded");
    // Neither word gives power; only a role does.
    let token = server.token(&json!({"tenant_id": "platform-admin", "sub": "platform-admin"}));
    let list = Request::get("/api/v1/tenants").bearer(&token);
    server.send(&list).problem(404, "not_found");
}
