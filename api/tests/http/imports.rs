//! What an operator tells of the past is marked as told, and happened when it is said to have.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::server::{CATALOGS, Server};

/// When everything here has happened.
const THEN: &str = "2026-04-01T00:00:00Z";

/// Every command that an operator may put a time on, in an order in which all of them succeed.
fn commands(tenant: &str, occurred_at: Option<&str>) -> Vec<Request> {
    let query = occurred_at.map_or_else(String::new, |it| format!("?occurred_at={it}"));
    let with = |mut body: Value| {
        if let Some(at) = occurred_at {
            body["occurred_at"] = json!(at);
        }
        body.to_string()
    };
    let of_tenant = format!("/api/v1/tenants/{tenant}");
    let shop = format!("/api/v1/deployments/{tenant}.shop");
    let profile =
        json!({"customer": {"name": tenant, "address": [], "tax_number": null}, "tax": null});
    let cap = json!({"cap": {"amount": "5", "currency": "AUD"}});
    vec![
        Request::post(
            "/api/v1/tenants",
            &with(json!({"id": tenant, "name": tenant, "currency": "AUD"})),
        ),
        Request::put(format!("{of_tenant}/tax-profile"), &with(profile)),
        Request::put(format!("{of_tenant}/plan"), &with(json!({"plan_code": "studio"}))),
        Request::put(format!("{of_tenant}/cost-cap"), &with(cap)),
        Request::post("/api/v1/deployments", &with(json!({"tenant": tenant, "slug": "shop"}))),
        Request::post(format!("{shop}/subscribe"), &with(json!({"plan_code": "studio"}))),
        Request::post(format!("{shop}/addons"), &with(json!({"addon_code": "storage_50gb"}))),
        Request::new("DELETE", format!("{shop}/addons/storage_50gb{query}")),
        Request::post(format!("{shop}/transition"), &with(json!({"to": "paused"}))),
    ]
}

/// In which role the last event of a command was recorded, and when it happened.
fn told(server: &Server, made: &Answer) -> (String, String) {
    made.good();
    let path = format!("/api/v1/events/{}", made.position());
    let event = server.operator(Request::get(path)).good();
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    (text(&event["actor"]["role"]), text(&event["occurred_at"]))
}

#[test]
fn a_command_with_a_time_of_its_own_is_an_import() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path());
    let imported = ("importer".to_owned(), THEN.to_owned());
    let path = format!("/api/v1/catalog?occurred_at={THEN}");
    let made = server.operator(Request::post(path, CATALOGS[0]));
    assert_eq!(told(&server, &made), imported);
    for request in commands("acme", Some(THEN)) {
        assert_eq!(told(&server, &server.operator(request.clone())), imported, "{request:?}");
    }

    let made = server.operator(Request::post("/api/v1/catalog", CATALOGS[1]));
    assert_eq!(told(&server, &made).0, "operator");
    for request in commands("bob", None) {
        let (role, at) = told(&server, &server.operator(request.clone()));
        assert_eq!(role, "operator", "{request:?}");
        assert!(at.as_str() > THEN, "{request:?} happened at {at}");
    }

    // The ways of an operator are an importer's: to pause, and to lift it again.
    let shop = "/api/v1/deployments/acme.shop/transition";
    let resume = json!({"to": "active", "occurred_at": THEN}).to_string();
    assert_eq!(told(&server, &server.operator(Request::post(shop, &resume))), imported);
    let trial = json!({"tenant": "acme", "slug": "trial", "occurred_at": THEN,
                       "trial_ends_at": "2026-04-15T00:00:00Z"});
    let trial = Request::post("/api/v1/deployments", &trial.to_string());
    assert_eq!(told(&server, &server.operator(trial)), imported);

    // Usage always says when it was: that makes no import of it.
    let event = json!({
        "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter", "id": "a",
        "subject": "acme", "time": THEN,
        "data": {"resource_kind": "droplet_hours", "quantity": "1"},
    });
    let usage = Request::new("POST", "/api/v1/events")
        .body("application/cloudevents+json", &event.to_string());
    assert_eq!(told(&server, &server.operator(usage)), ("producer".to_owned(), THEN.to_owned()));

    // Of what is still to come nobody tells.
    let catalog = server.operator(Request::get("/api/v1/catalog")).good();
    let path = "/api/v1/catalog?occurred_at=9026-04-01T00:00:00Z";
    let publish = Request::post(path, CATALOGS[0]);
    let register = commands("carl", Some("9026-04-01T00:00:00Z")).remove(0);
    let of_acme = commands("acme", Some("9026-04-01T00:00:00Z"));
    for request in [publish, register].into_iter().chain(of_acme) {
        let answer = server.operator(request);
        answer.problem(400, "malformed");
        assert_eq!(answer.pointers(), ["/occurred_at"]);
    }
    assert_eq!(server.operator(Request::get("/api/v1/catalog")).good(), catalog);
    server.operator(Request::get("/api/v1/tenants/carl")).problem(404, "not_found");

    // A tenant tells of now and of nothing else.
    let own = Request::put("/api/v1/tenants/acme/cost-cap", r#"{"cap": null}"#);
    assert_eq!(told(&server, &server.tenant("acme", own)).0, "tenant");
    let shop = "/api/v1/deployments/acme.shop/addons/storage_50gb";
    let cap = json!({"cap": null, "occurred_at": THEN}).to_string();
    for request in [
        Request::put("/api/v1/tenants/acme/cost-cap", &cap),
        Request::new("DELETE", format!("{shop}?occurred_at={THEN}")),
    ] {
        let answer = server.tenant("acme", request);
        answer.problem(400, "malformed");
        assert_eq!(answer.pointers(), ["/occurred_at"]);
    }
}
