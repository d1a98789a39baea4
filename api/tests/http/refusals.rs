//! Every refusal is a problem with a status, a stable code and what explains it; nothing is
//! recorded by any of them.

use serde_json::json;

use crate::client::Request;
use crate::server::{Server, token};

#[test]
fn a_refusal_says_what_is_wrong_and_records_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let shop = r#"{"tenant": "acme", "slug": "shop"}"#;
    server.operator(Request::post("/api/v1/deployments", shop)).good();
    let before = server.operator(Request::get("/api/v1/tenants/acme")).position();
    strangers(&server);
    nothing_here(&server);
    malformed(&server);
    rules(&server);
    sizes_and_types(&server);
    let after = server.operator(Request::get("/api/v1/tenants/acme")).position();
    // The one reservation of bob's that was granted.
    assert_eq!(after, before + 1);
}

fn strangers(server: &Server) {
    let path = "/api/v1/tenants";
    let unknown = server.send(&Request::get(path));
    unknown.problem(401, "unauthenticated");
    assert_eq!(unknown.header("www-authenticate"), Some("Bearer"));
    let good = server.token(&json!({"roles": ["platform-admin"]}));
    assert_eq!(server.send(&Request::get(path).bearer(&good)).status, 200);
    let header = good.split('.').next().unwrap();
    let unsigned = good.replacen(header, "eyJhbGciOiJub25lIn0", 1);
    let past = json!({"roles": ["platform-admin"], "iat": 1_000_000, "exp": 1_000_060});
    let bad = [
        String::new(),
        "x".to_owned(),
        unsigned.clone(),
        unsigned.rsplit_once('.').unwrap().0.to_owned() + ".",
        good.clone() + "A",
        token(b"another secret that is long enough", &json!({"roles": ["platform-admin"]})),
        server.token(&past),
        server.token(&json!({"exp": 4_000_000_000_u64})),
        server.token(&json!({"tenant_id": "No Tenant"})),
    ];
    for token in bad {
        server.send(&Request::get(path).bearer(&token)).problem(401, "unauthenticated");
    }
    let basic = Request::get(path).header("authorization", format!("Basic {good}"));
    server.send(&basic).problem(401, "unauthenticated");
    let twice = Request::get(path).bearer(&good).bearer(&good);
    server.send(&twice).problem(401, "unauthenticated");
    // Nobody unknown waits, or learns how far the log is.
    let waiting = Request::get(path).header("ledger-wait-for", 1_000_000);
    server.send(&waiting).problem(401, "unauthenticated");
    for public in ["/api/health", "/api/ready"] {
        assert_eq!(server.send(&Request::get(public)).status, 200, "{public}");
    }
    // Only these bytes make an operator.
    for role in ["Platform-Admin", "platform_admin", "admin", "platform-admin "] {
        let token = server.token(&json!({"roles": [role], "tenant_id": "platform-admin"}));
        server.send(&Request::get(path).bearer(&token)).problem(404, "not_found");
    }
    let auditor = server.token(&json!({"roles": ["auditor"]}));
    assert_eq!(server.send(&Request::get(path).bearer(&auditor)).status, 200);
    let body = r#"{"id": "carol", "name": "Carol", "currency": "AUD"}"#;
    let write = Request::post(path, body).bearer(&auditor);
    server.send(&write).problem(404, "not_found");
}

fn nothing_here(server: &Server) {
    for path in ["/", "/api", "/api/v1", "/api/v1/nothing", "/api/v2/tenants", "/api/v1/tenants/"] {
        server.operator(Request::get(path)).problem(404, "not_found");
    }
    for path in [
        "/api/v1/tenants/nobody",
        "/api/v1/tenants/NO%00BODY",
        "/api/v1/events/0",
        "/api/v1/events/999999",
        "/api/v1/events/-1",
        "/api/v1/invoices/INV-999999",
        "/api/v1/deployments/acme.nothing",
        "/api/v1/deployments/acme",
        "/api/v1/usage?tenant=nobody&period=2026-04",
    ] {
        server.operator(Request::get(path)).problem(404, "not_found");
    }
    let wrong = server.operator(Request::new("DELETE", "/api/v1/tenants"));
    wrong.problem(405, "method");
    assert_eq!(wrong.header("allow"), Some("POST,GET,HEAD"));
}

fn malformed(server: &Server) {
    let check = |path: &str, body: &str, pointers: &[&str]| {
        let answer = server.operator(Request::post(format!("/api/v1{path}"), body));
        answer.problem(400, "malformed");
        assert_eq!(answer.pointers(), pointers, "{body}: {answer:?}");
    };
    check("/tenants", "", &[""]);
    check("/tenants", "{", &[""]);
    check("/tenants", "[]", &[""]);
    check("/tenants", r#"{"id": "carol", "name": "Carol"}"#, &[""]);
    let unknown = r#"{"id": "carol", "name": "Carol", "currency": "AUD", "colour": 1}"#;
    check("/tenants", unknown, &["/colour"]);
    check("/tenants", r#"{"id": "CAROL", "name": "Carol", "currency": "AUD"}"#, &["/id"]);
    check("/tenants", r#"{"id": "a\u0000b", "name": "Carol", "currency": "AUD"}"#, &["/id"]);
    check("/tenants", r#"{"id": "carol", "name": "Carol", "currency": "ZZZ"}"#, &["/currency"]);
    check("/tenants", r#"{"id": "carol", "name": "Carol", "currency": "AUD"} x"#, &[]);
    let usage = |quantity: &str| {
        format!(r#"{{"plan_code": "studio", "projected_usage": {{"droplet_hours": {quantity}}}}}"#)
    };
    let place = "/projected_usage/droplet_hours";
    for quantity in [r#""many""#, r#""1,5""#, r#""1e3""#, "1e400", "true", "null", r#""NaN""#] {
        check("/quote", &usage(quantity), &[place]);
    }
    let exact = Request::post("/api/v1/quote", &usage("1488.5"));
    let exact = server.operator(exact).good();
    assert_eq!(exact["overage"][0]["quantity"], "0.5", "a number is read as it is written");
    check("/quote", r#"{"plan_code": "studio", "addons": ["storage_50gb", 7]}"#, &["/addons/1"]);
    check("/quote", "{}", &["/plan_code"]);
    check(
        "/tenants/bob/quota/reservations",
        r#"{"reservation": "r", "items": [{"kind": 1}]}"#,
        &["/items/0/kind"],
    );
    check("/catalog", r#"{"plans": [{"plan": "p", "colour": 1}]}"#, &["/plans/0/colour"]);

    for count in ["1.5", "1.0", "-1", "4294967296", r#""1""#] {
        let items = format!(r#"[{{"kind": "node_hour", "count": {count}}}]"#);
        let body = format!(r#"{{"reservation": "r", "items": {items}}}"#);
        check("/tenants/bob/quota/reservations", &body, &["/items/0/count"]);
    }
    for query in [
        "",
        "?tenant=acme",
        "?tenant=acme&period=2026-13",
        "?tenant=A&period=2026-04",
        "?tenant=acme&period=2026-04&colour=1",
    ] {
        let answer = server.operator(Request::get(format!("/api/v1/usage{query}")));
        answer.problem(400, "malformed");
    }
    for (name, value) in
        [("ledger-wait-for", "soon"), ("ledger-wait-for", "-1"), ("idempotency-key", "")]
    {
        let request = Request::post("/api/v1/tenants", "{}").header(name, value);
        let answer = server.operator(request);
        answer.problem(400, "malformed");
        assert_eq!(answer.pointers(), [format!("/header/{name}")]);
    }
    let import = r#"{"tenant": "acme", "slug": "b", "occurred_at": "2026-04-01T00:00:00Z"}"#;
    let import = server.tenant("acme", Request::post("/api/v1/deployments", import));
    import.problem(400, "malformed");
    assert_eq!(import.pointers(), ["/occurred_at"]);
}

fn rules(server: &Server) {
    let post =
        |path: &str, body: &str| server.operator(Request::post(format!("/api/v1{path}"), body));
    post("/quote", r#"{"plan_code": "gold"}"#).problem(404, "plan_unknown");
    let addons = r#"{"plan_code": "studio", "addons": ["gold"]}"#;
    post("/quote", addons).problem(404, "addon_unknown");
    let plan = Request::put("/api/v1/tenants/bob/plan", r#"{"plan_code": "gold"}"#);
    server.operator(plan).problem(404, "plan_unknown");
    let plan = Request::put("/api/v1/tenants/bob/plan", r#"{"plan_code": "studio"}"#);
    server.operator(plan).problem(422, "currency_mismatch");
    let shop = "/deployments/acme.shop";
    post(&format!("{shop}/subscribe"), r#"{"plan_code": "gold"}"#).problem(404, "plan_unknown");
    let free = r#"{"plan_code": "free"}"#;
    post(&format!("{shop}/subscribe"), free).problem(422, "currency_mismatch");
    let addon = r#"{"addon_code": "storage_50gb"}"#;
    let answer = post(&format!("{shop}/addons"), addon);
    assert_eq!(answer.json()["code"], "not_subscribed", "{answer:?}");
    for to in ["active", "archived", "provisioning", "trial"] {
        let body = format!(r#"{{"to": "{to}"}}"#);
        let illegal = post(&format!("{shop}/transition"), &body).problem(422, "illegal_transition");
        let legal = json!(["past_due", "paused", "suspended", "cancelled"]);
        assert_eq!((&illegal["from"], &illegal["legal"]), (&json!("active"), &legal));
    }
    let again = r#"{"id": "acme", "name": "Other", "currency": "AUD"}"#;
    post("/tenants", again).problem(409, "tenant_exists");
    post("/deployments", r#"{"tenant": "acme", "slug": "shop", "name": "Other"}"#)
        .problem(409, "deployment_exists");

    let path = "/tenants/bob/quota/reservations";
    let node =
        |name: &str| format!(r#"{{"reservation": "{name}", "items": [{{"kind": "node_hour"}}]}}"#);
    let first = post(path, &node("node-1"));
    assert_eq!(first.status, 201, "{first:?}");
    assert_eq!(first.json()["spend"]["projected"]["amount"], "5.04");
    let spend = server.operator(Request::get("/api/v1/tenants/bob/spend")).json();
    assert_eq!(spend["percent"], "25.2");
    assert_eq!(spend["accrued"]["amount"], "0.00");
    assert_eq!(spend["alert"], json!(null));
    assert_eq!(post(path, &node("node-1")).status, 200, "it is reserved already");
    let refused = post(path, &node("node-2")).problem(402, "upgrade_required");
    let usd = |amount: &str| json!({"amount": amount, "currency": "USD"});
    assert_eq!(refused["plan"], "free");
    assert_eq!(refused["plans"], json!(["pro_cloud"]));
    let limits = json!({"max_node_instances": 1, "max_monthly_provisioning": usd("20.00")});
    assert_eq!(refused["limits"], limits);
    let usage = json!({"node_instances": 1, "requested": 1, "projected": usd("5.04"),
                       "projected_with_request": usd("10.08")});
    assert_eq!(refused["usage"], usage);
    let would_fit = json!({"node_instances": 0, "monthly_provisioning": usd("14.96")});
    assert_eq!(refused["would_fit"], would_fit);
    post("/tenants/acme/quota/reservations", &node("n")).problem(402, "no_plan");
}

fn sizes_and_types(server: &Server) {
    let path = "/api/v1/tenants";
    let plain = Request::new("POST", path);
    server.operator(plain.clone()).problem(415, "media_type");
    let form = plain.clone().body("application/x-www-form-urlencoded", "id=carol");
    server.operator(form).problem(415, "media_type");
    let event = Request::post("/api/v1/events", "{}");
    server.operator(event).problem(415, "media_type");
    let long = format!(r#"{{"id": "{}"}}"#, "a".repeat(1024 * 1024 - 9));
    assert_eq!(long.len(), 1024 * 1024 + 1);
    server.operator(Request::post(path, &long)).problem(413, "too_large");
    let most = &long[1..];
    server.operator(Request::post(path, most)).problem(400, "malformed");
    let many = format!("[{}]", vec!["{}"; 1001].join(","));
    let many =
        Request::new("POST", "/api/v1/events").body("application/cloudevents-batch+json", &many);
    server.operator(many).problem(413, "too_large");
}
