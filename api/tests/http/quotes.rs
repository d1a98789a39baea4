//! Quotes over HTTP beyond the worked one, and what is free on every answer that could show it.

use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::server::Server;

/// A plan of hours with a cap, an addon in another currency, and the quota shop's plans.
fn furnished() -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let own = json!({
        "plans": [{
            "plan": "capped", "name": "Capped",
            "charge": {"monthly": {"amount": "10.00", "currency": "AUD"}},
            "items": [{"kind": "droplet_hours", "unit": "hour", "price": {"per_unit": "0.01"},
                       "hard_cap": "100"}],
        }],
        "addons": [{"code": "foreign", "name": "Foreign", "kind": "droplet_hours", "quantity": "1",
                    "price": {"amount": "1.00", "currency": "USD"}}],
    });
    let quota = include_str!("../../../fixtures/catalogs/quota-usd.json");
    for catalog in [own.to_string().as_str(), quota] {
        let path = "/api/v1/catalog?occurred_at=2026-01-01T00:00:00Z";
        server.operator(Request::post(path, catalog)).good();
    }
    (directory, server)
}

fn quote(server: &Server, body: &Value) -> Answer {
    server.tenant("acme", Request::post("/api/v1/quote", &body.to_string()))
}

#[test]
fn a_term_is_quoted_as_it_is_bought() {
    let (_directory, server) = furnished();
    let quoted = quote(&server, &json!({"plan_code": "vm5"})).good();
    let ten = json!({"amount": "10.00", "currency": "USD"});
    for part in ["first_invoice", "recurring"] {
        let [line] = &quoted[part].as_array().unwrap()[..] else { panic!("{quoted}") };
        assert_eq!((&line["kind"], &line["amount"]), (&json!("term"), &ten), "{quoted}");
    }
    assert_eq!((&quoted["first_invoice_total"], &quoted["all_in_monthly"]), (&ten, &ten));
}

#[test]
fn a_kind_of_two_names_is_one_in_a_quote_and_in_what_was_used() {
    let (_directory, server) = furnished();
    let projected = json!({"llm_token": "1000000", "llm_tokens": "500000"});
    let body = json!({"plan_code": "studio", "projected_usage": projected});
    let quoted = quote(&server, &body).good();
    assert_eq!(quoted["overage_monthly"], json!({"amount": "5.00", "currency": "AUD"}));
    for (id, kind) in ["llm_token", "llm_tokens"].into_iter().enumerate() {
        used(&server, &id.to_string(), kind, "500");
    }
    let usage = Request::get("/api/v1/usage?tenant=acme&period=2026-04");
    let usage = server.operator(usage).good();
    let [meter] = &usage["data"].as_array().unwrap()[..] else { panic!("{usage}") };
    let meter = (&meter["resource_kind"], &meter["quantity"], &meter["records"]);
    assert_eq!(meter, (&json!("llm_tokens"), &json!("1000"), &json!(2)));
}

fn used(server: &Server, id: &str, kind: &str, quantity: &str) {
    let event = json!({
        "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter", "id": id,
        "subject": "acme", "time": "2026-04-02T00:00:00Z",
        "data": {"resource_kind": kind, "quantity": quantity, "deployment": "shop"},
    });
    let event = Request::new("POST", "/api/v1/events")
        .body("application/cloudevents+json", &event.to_string());
    server.operator(event).good();
}

#[test]
fn what_is_free_is_shown_wherever_a_price_is() {
    let (_directory, server) = furnished();
    let projected = json!({"droplet_hours": "412.5", "gpu_hours": "3"});
    let body = json!({"plan_code": "capped", "projected_usage": projected});
    let quoted = quote(&server, &body).good();
    let free = |quantity: &str, kind: &str| {
        let usage = json!({"resource_kind": kind, "quantity": quantity, "deployment": "shop"});
        json!([usage])
    };
    assert_eq!(quoted["overage_monthly"]["amount"], "1.00");
    assert_eq!(quoted["capped"], json!([{"resource_kind": "droplet_hours", "quantity": "312.5"}]));
    assert_eq!(quoted["unpriced"], json!([{"resource_kind": "gpu_hours", "quantity": "3"}]));

    let from = "2026-04-01T00:00:00Z";
    let post = |path: &str, body: Value| {
        server.operator(Request::post(format!("/api/v1{path}"), &body.to_string())).good()
    };
    post("/deployments", json!({"tenant": "acme", "slug": "shop", "occurred_at": from}));
    post("/deployments/acme.shop/subscribe", json!({"plan_code": "capped", "occurred_at": from}));
    used(&server, "1", "droplet_hours", "412.5");
    used(&server, "2", "gpu_hours", "3");
    let rollup = "/api/v1/invoices/rollup?period=2026-04&tenant=acme";
    let preview = server.operator(Request::new("POST", format!("{rollup}&dry_run=true"))).good();
    let preview = &preview["data"][0]["preview"];
    assert_eq!(preview["capped"], free("312.5", "droplet_hours"), "{preview}");
    assert_eq!(preview["unpriced"], free("3", "gpu_hours"), "{preview}");
    server.operator(Request::new("POST", rollup)).good();
    let show = Request::get("/api/v1/invoices/INV-000001");
    for late in ["3", "4"] {
        // What came later is no part of what was issued, looked at before or not.
        used(&server, late, "gpu_hours", "4");
        let invoice = server.tenant("acme", show.clone()).good();
        assert_eq!(invoice["capped"], free("312.5", "droplet_hours"), "{invoice}");
        assert_eq!(invoice["unpriced"], free("3", "gpu_hours"), "{invoice}");
    }
}

#[test]
fn an_addon_that_may_not_be_attached_is_not_quoted() {
    let (_directory, server) = furnished();
    let body = json!({"plan_code": "studio", "addons": ["foreign"]});
    quote(&server, &body).problem(422, "currency_mismatch");
    let body = json!({"plan_code": "capped", "addons": ["storage_50gb"]});
    quote(&server, &body).problem(422, "addon_useless");
}
