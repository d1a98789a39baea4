//! New tenants are on a limit plan when the server is told which.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::server::{CATALOGS, Server, command};

/// A registration under an idempotency key of its own.
fn register(server: &Server, tenant: &str, currency: &str) -> Answer {
    let body = json!({"id": tenant, "name": tenant, "currency": currency});
    let request = Request::post("/api/v1/tenants", &body.to_string());
    server.operator(request.header("idempotency-key", "register"))
}

fn plan_of(server: &Server, tenant: &str) -> Value {
    let tenant = Request::get(format!("/api/v1/tenants/{tenant}"));
    server.operator(tenant).good()["plan"].clone()
}

fn reserve(server: &Server, tenant: &str, name: &str) -> Answer {
    let node = json!({"reservation": name, "items": [{"kind": "node_hour"}]});
    let path = format!("/api/v1/tenants/{tenant}/quota/reservations");
    server.operator(Request::post(path, &node.to_string()))
}

#[test]
fn a_new_tenant_is_held_to_the_default_plan() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let mut first = command(data);
    first.args(["--default-plan", "studio", "--default-plan", "free"]);
    let server = Server::run(data, first);
    // Before anybody published them nobody is registered, and nothing is recorded.
    let problem = register(&server, "carol", "USD").problem(422, "default_plan_unknown");
    assert!(problem["detail"].as_str().unwrap().contains("studio"), "{problem}");
    server.operator(Request::get("/api/v1/tenants/carol")).problem(404, "not_found");
    for catalog in CATALOGS {
        let path = "/api/v1/catalog?occurred_at=2026-01-01T00:00:00Z";
        server.operator(Request::post(path, catalog)).good();
    }

    let carol = register(&server, "carol", "USD");
    assert_eq!((carol.status, &carol.good()["plan"]), (201, &json!("free")), "{carol:?}");
    let position = carol.position();
    let told = [position - 1, position].map(|it| {
        let event = server.operator(Request::get(format!("/api/v1/events/{it}"))).good();
        (event["type"].clone(), event["stream"].clone(), event["recorded_at"].clone())
    });
    assert_eq!(told[0].0, "account-tenant-registered.v1");
    assert_eq!(told[1].0, "account-plan-assigned.v1");
    assert_eq!((&told[0].1, &told[0].2), (&told[1].1, &told[1].2), "one append");
    let spend = server.operator(Request::get("/api/v1/tenants/carol/spend")).good();
    assert_eq!(
        (&spend["plan"], &spend["limits"]["max_node_instances"]),
        (&json!("free"), &json!(1))
    );
    assert_eq!(reserve(&server, "carol", "node-1").status, 201);
    let problem = reserve(&server, "carol", "node-2").problem(402, "upgrade_required");
    assert_eq!(problem["limits"]["max_node_instances"], 1, "{problem}");

    // Neither a plan without limits nor one in another currency.
    assert_eq!(register(&server, "dave", "AUD").good()["plan"], Value::Null);
    reserve(&server, "dave", "node-1").problem(402, "no_plan");

    // Another plan since, and other defaults: a repeat is told what was told then.
    let plan = Request::put("/api/v1/tenants/carol/plan", r#"{"plan_code": "pro_cloud"}"#);
    server.operator(plan).good();
    assert!(server.stop().success());
    let mut second = command(data);
    second.env("COUNTERFOIL_DEFAULT_PLAN", "nowhere,free");
    let server = Server::run(data, second);
    let again = register(&server, "carol", "USD");
    assert_eq!((again.status, &again.text), (carol.status, &carol.text));
    assert_eq!(again.header("idempotency-hit"), Some("true"));
    assert_eq!(plan_of(&server, "carol"), "pro_cloud");
    assert_eq!(plan_of(&server, "dave"), Value::Null);
    register(&server, "erin", "USD").problem(422, "default_plan_unknown");
}
