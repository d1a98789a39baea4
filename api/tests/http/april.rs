//! DOMAIN's worked answers over HTTP: the quote, the April invoice, its arithmetic, its number.

use serde_json::{Value, json};

use crate::client::Request;
use crate::server::Server;

/// Studio with 50 GB more from 1 April on, and three droplets that ran all month.
pub(crate) fn happens(server: &Server) {
    let from = "2026-04-01T00:00:00Z";
    let post = |path: &str, body: Value| {
        server.operator(Request::post(format!("/api/v1{path}"), &body.to_string())).good()
    };
    post("/deployments", json!({"tenant": "acme", "slug": "shop", "occurred_at": from}));
    let shop = "/deployments/acme.shop";
    post(&format!("{shop}/subscribe"), json!({"plan_code": "studio", "occurred_at": from}));
    post(&format!("{shop}/addons"), json!({"addon_code": "storage_50gb", "occurred_at": from}));
    let droplets: Vec<Value> = (1..=3).map(|it| droplet(&format!("droplet-{it}"))).collect();
    let batch = Request::new("POST", "/api/v1/events")
        .body("application/cloudevents-batch+json", &json!(droplets).to_string());
    server.operator(batch).good();
}

fn droplet(id: &str) -> Value {
    json!({
        "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter", "id": id,
        "subject": "acme", "time": "2026-04-01T00:00:00Z",
        "data": {"resource_kind": "droplet_hours", "quantity": "720", "deployment": "shop"},
    })
}

pub(crate) fn rollup(server: &Server, query: &str) -> Value {
    let path = format!("/api/v1/invoices/rollup?period=2026-04{query}");
    server.operator(Request::new("POST", path)).good()
}

fn aud(amount: &str) -> Value {
    json!({"amount": amount, "currency": "AUD"})
}

/// Kind and amount of each line.
fn lines(lines: &Value) -> Vec<(String, String)> {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let lines = lines.as_array().unwrap();
    lines.iter().map(|it| (text(&it["kind"]), text(&it["amount"]["amount"]))).collect()
}

fn named(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|&(kind, amount)| (kind.to_owned(), amount.to_owned())).collect()
}

#[test]
fn a_quote_is_what_the_domain_says() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let body = json!({
        "plan_code": "studio", "addons": ["storage_50gb"], "starts_on": "2026-05-20",
        "projected_usage": {"spaces_gb_month": 200, "llm_tokens": "1500000", "droplet_hours": 1488},
    });
    let quote = server.tenant("acme", Request::post("/api/v1/quote", &body.to_string())).good();
    assert_eq!(quote["recurring_monthly"], aud("57.50"));
    assert_eq!(quote["first_invoice_total"], aud("22.25"));
    let first = named(&[("plan_base", "19.35"), ("addon", "2.90")]);
    assert_eq!(lines(&quote["first_invoice"]), first);
    assert_eq!(quote["overage_monthly"], aud("6.00"));
    assert_eq!(lines(&quote["overage"]), named(&[("overage", "5.00"), ("overage", "1.00")]));
    assert_eq!(quote["all_in_monthly"], aud("63.50"));

    let bare = Request::post("/api/v1/quote", r#"{"plan_code": "studio"}"#);
    let bare = server.operator(bare).good();
    assert_eq!((&bare["all_in_monthly"], &bare["overage"]), (&aud("50.00"), &json!([])));

    let nodes = r#"{"resources": [{"kind": "node_hour", "count": 2}], "currency": "USD"}"#;
    let nodes = server.operator(Request::post("/api/v1/quote", nodes)).good();
    assert_eq!(nodes["all_in_monthly"], json!({"amount": "10.08", "currency": "USD"}));
}

#[test]
fn april_is_invoiced_once_and_explained() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    happens(&server);

    let usage = Request::get("/api/v1/usage?tenant=acme&period=2026-04");
    let meters = server.operator(usage).good();
    let meter = &meters["data"][0];
    assert_eq!((&meter["quantity"], &meter["records"]), (&json!("2160"), &json!(3)), "{meters}");

    let preview = rollup(&server, "&dry_run=true");
    assert_eq!(preview["data"][0]["preview"]["total"], aud("70.64"), "{preview}");
    let none = server.operator(Request::get("/api/v1/invoices")).good();
    assert_eq!(none["data"], json!([]), "a dry run issues nothing");

    let issued = json!([
        {"tenant": "acme", "status": "issued", "number": "INV-000001"},
        {"tenant": "bob", "status": "no_lines"},
    ]);
    assert_eq!(rollup(&server, "")["data"], issued);
    assert_eq!(rollup(&server, "")["data"], issued, "again");
    assert_eq!(rollup(&server, "&tenant=acme")["data"].as_array().unwrap().len(), 1);

    let show = server.operator(Request::get("/api/v1/invoices/INV-000001")).good();
    let expected =
        named(&[("plan_base", "50.00"), ("addon", "7.50"), ("overage", "6.72"), ("tax", "6.42")]);
    assert_eq!(lines(&show["lines"]), expected);
    assert_eq!((&show["subtotal"], &show["tax"]), (&aud("64.22"), &aud("6.42")));
    assert_eq!((&show["total"], &show["status"]), (&aud("70.64"), &json!("open")));

    let path = "/api/v1/invoices/INV-000001/explain";
    let explained = server.tenant("acme", Request::get(path)).good();
    assert_eq!(explained["totals"]["gross"], aud("70.64"));
    let values: Vec<_> = explained["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["step"]["value"].clone(), line["line"]["amount"]["amount"].clone()))
        .collect();
    let pair = |value: &str, amount: &str| (json!(value), json!(amount));
    let pairs =
        [pair("50", "50.00"), pair("7.5", "7.50"), pair("6.72", "6.72"), pair("6.42", "6.42")];
    assert_eq!(values, pairs);

    // The next document of the register has the next number, whoever asks, however often.
    let resources = json!({"tenant": "bob", "slug": "app", "occurred_at": "2026-04-01T00:00:00Z"});
    server.operator(Request::post("/api/v1/deployments", &resources.to_string())).good();
    let nodes = json!({
        "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter", "id": "n",
        "subject": "bob", "time": "2026-04-02T00:00:00Z",
        "data": {"resource_kind": "node_hour", "quantity": 720, "deployment": "app"},
    });
    let nodes = Request::new("POST", "/api/v1/events")
        .body("application/cloudevents+json", &nodes.to_string());
    server.operator(nodes).good();
    let both = std::thread::scope(|scope| {
        let rollups: Vec<_> = (0..4).map(|_| scope.spawn(|| rollup(&server, ""))).collect();
        rollups.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
    });
    for rolled in both {
        let numbers: Vec<_> =
            rolled["data"].as_array().unwrap().iter().map(|it| it["number"].clone()).collect();
        assert_eq!(numbers, [json!("INV-000001"), json!("INV-000002")], "{rolled}");
    }
}
