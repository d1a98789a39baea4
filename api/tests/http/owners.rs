//! What a tenant may do with what is its own, and what it would gain by: its suspension, its free
//! time, its limits.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::server::Server;

fn furnished() -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    (directory, server)
}

fn create(more: &Value) -> Request {
    let mut body = json!({"tenant": "acme", "slug": "shop"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    Request::post("/api/v1/deployments", &body.to_string())
}

fn to(state: &str) -> Request {
    let body = json!({"to": state}).to_string();
    Request::post("/api/v1/deployments/acme.shop/transition", &body)
}

fn state(server: &Server) -> Value {
    let show = Request::get("/api/v1/deployments/acme.shop");
    server.tenant("acme", show).good()["state"].clone()
}

/// It is no move of the tenant's, who is told which are.
#[track_caller]
fn not_its_move(answer: &Answer, from: &str, legal: &[&str]) {
    let problem = answer.problem(422, "illegal_transition");
    assert_eq!((&problem["from"], &problem["legal"]), (&json!(from), &json!(legal)));
}

#[test]
fn a_tenant_pauses_resumes_and_cancels_and_moves_nothing_else() {
    let (_directory, server) = furnished();
    server.tenant("acme", create(&json!({}))).good();
    for target in ["active", "past_due", "suspended"] {
        not_its_move(&server.tenant("acme", to(target)), "active", &["paused", "cancelled"]);
    }
    assert_eq!(server.tenant("acme", to("paused")).good()["state"], "paused");
    assert_eq!(server.tenant("acme", to("active")).good()["state"], "active");

    // What an operator, or enforcement, did is not the tenant's to undo; it may leave.
    for held in ["past_due", "suspended"] {
        server.operator(to(held)).good();
        not_its_move(&server.tenant("acme", to("active")), held, &["cancelled"]);
        assert_eq!(state(&server), held);
        server.operator(to("active")).good();
    }
    server.operator(to("suspended")).good();
    assert_eq!(server.tenant("acme", to("cancelled")).good()["state"], "cancelled");
    not_its_move(&server.tenant("acme", to("archived")), "cancelled", &[]);
    assert_eq!(server.operator(to("archived")).good()["state"], "archived");
}

#[test]
fn free_time_is_not_the_tenant_s_to_take() {
    let (_directory, server) = furnished();
    let forever = json!({"trial_ends_at": "2099-01-01T00:00:00Z"});
    let taken = server.tenant("acme", create(&forever));
    taken.problem(422, "trial_not_offered");
    let over = json!({"trial_ends_at": "2026-01-01T00:00:00Z"});
    server.operator(create(&over)).problem(422, "trial_over");
    let shop = Request::get("/api/v1/deployments/acme.shop");
    server.operator(shop).problem(404, "not_found");
    let given = server.operator(create(&forever));
    assert_eq!((given.status, &given.good()["state"]), (201, &json!("trial")));
    // The end of its free time is not for the tenant to say either.
    not_its_move(&server.tenant("acme", to("active")), "trial", &["cancelled"]);
    // An import tells of a trial that is over by now; it was not when it began.
    let imported = json!({"slug": "old", "trial_ends_at": "2026-02-01T00:00:00Z",
                          "occurred_at": "2026-01-01T00:00:00Z"});
    server.operator(create(&imported)).good();
}
