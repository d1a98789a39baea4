//! A command that comes again has its first outcome, and a reader sees what it has written.

use serde_json::json;

use crate::client::Request;
use crate::server::Server;

#[test]
fn a_repeat_has_the_first_outcome() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let path = "/api/v1/tenants/bob/quota/reservations";
    let body = r#"{"reservation": "node-1", "items": [{"kind": "node_hour"}]}"#;
    let reserve = Request::post(path, body).header("idempotency-key", "k-1");
    let first = server.operator(reserve.clone());
    assert_eq!((first.status, first.header("idempotency-hit")), (201, None), "{first:?}");
    // The same request in another order, with its default spelled out.
    let spelled = r#"{"items": [{"count": 1, "kind": "node_hour"}], "reservation": "node-1"}"#;
    let spelled = Request::post(path, spelled).header("idempotency-key", "k-1");
    for again in [reserve.clone(), spelled] {
        let again = server.operator(again);
        assert_eq!(again.header("idempotency-hit"), Some("true"), "{again:?}");
        assert_eq!((again.status, &again.text), (first.status, &first.text));
        assert_eq!(again.position(), first.position());
    }
    let other = r#"{"reservation": "node-2", "items": [{"kind": "node_hour"}]}"#;
    let other = Request::post(path, other).header("idempotency-key", "k-1");
    server.operator(other).problem(422, "idempotency_key_reused");

    // What was refused may be asked again: nothing was recorded under its key.
    let second = r#"{"reservation": "node-2", "items": [{"kind": "node_hour"}]}"#;
    let second = Request::post(path, second).header("idempotency-key", "k-2");
    server.operator(second.clone()).problem(402, "upgrade_required");
    let release = Request::new("DELETE", format!("{path}/node-1"));
    server.operator(release).good();
    assert_eq!(server.operator(second).status, 201);

    // Keys belong to a tenant and to an operation.
    let shop = r#"{"tenant": "acme", "slug": "shop"}"#;
    let shop = Request::post("/api/v1/deployments", shop).header("idempotency-key", "k-1");
    assert_eq!(server.operator(shop).header("idempotency-hit"), None);
}

#[test]
fn a_repeat_is_told_what_was_told_then_whatever_has_happened_since() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let post = |path: &str, key: &str, body: &str| {
        server.operator(Request::post(path, body).header("idempotency-key", key))
    };
    let reserve = || {
        let body = r#"{"reservation": "node-1", "items": [{"kind": "node_hour"}]}"#;
        post("/api/v1/tenants/bob/quota/reservations", "reserve", body)
    };
    let shop = || post("/api/v1/deployments", "shop", r#"{"tenant": "acme", "slug": "shop"}"#);
    let plan = || {
        let body = r#"{"plan_code": "studio"}"#;
        post("/api/v1/deployments/acme.shop/subscribe", "subscribe", body)
    };
    let cap = || {
        let body = r#"{"cap": {"amount": "500", "currency": "AUD"}}"#;
        let path = "/api/v1/tenants/acme/cost-cap";
        server.operator(Request::put(path, body).header("idempotency-key", "cap"))
    };
    let first = [reserve(), shop(), plan(), cap()];
    assert_eq!(first[0].good()["spend"]["limits"]["max_node_instances"], 1);

    let release = "/api/v1/tenants/bob/quota/reservations/node-1";
    server.operator(Request::new("DELETE", release)).good();
    let wider = r#"{"plans": [{"plan": "free", "name": "Free",
        "charge": {"monthly": {"amount": "0", "currency": "USD"}},
        "limits": {"max_node_instances": 9,
                   "max_monthly_provisioning": {"amount": "20", "currency": "USD"}}}]}"#;
    server.operator(Request::post("/api/v1/catalog", wider)).good();
    let pause = r#"{"to": "paused"}"#;
    server.operator(Request::post("/api/v1/deployments/acme.shop/transition", pause)).good();
    server.operator(Request::put("/api/v1/tenants/acme/cost-cap", r#"{"cap": null}"#)).good();

    for (first, again) in first.iter().zip([reserve(), shop(), plan(), cap()]) {
        assert_eq!(again.header("idempotency-hit"), Some("true"), "{again:?}");
        assert_eq!((again.status, &again.text), (first.status, &first.text));
        for header in ["ledger-position", "etag"] {
            assert_eq!(again.header(header), first.header(header), "{header}");
        }
    }
}

#[test]
fn a_command_may_be_held_to_the_revision_that_was_seen() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let create = r#"{"tenant": "acme", "slug": "shop"}"#;
    let created = server.operator(Request::post("/api/v1/deployments", create));
    assert_eq!(created.header("etag"), Some("\"0\""));
    let path = "/api/v1/deployments/acme.shop";
    let subscribe = |seen: &str| {
        let body = r#"{"plan_code": "studio"}"#;
        let request = Request::post(format!("{path}/subscribe"), body);
        server.operator(request.header("idempotency-key", "k").header("if-match", seen))
    };
    for wrong in ["0", "\"00\"", "\"+0\"", "W/\"0\"", "\"0\", \"1\"", "\"\""] {
        let refused = subscribe(wrong);
        refused.problem(400, "malformed");
        assert_eq!(refused.pointers(), ["/header/if-match"]);
    }
    assert_eq!(subscribe("\"7\"").problem(412, "revision_changed")["revision"], 0);
    let done = subscribe("\"0\"");
    assert_eq!((done.status, done.header("etag")), (200, Some("\"1\"")), "{done:?}");
    // What was done under this key is told again, although the revision has passed.
    assert_eq!(subscribe("\"0\"").text, done.text);
    let read = server.operator(Request::get(path));
    assert_eq!(read.header("etag"), done.header("etag"));

    let pause = || Request::post(format!("{path}/transition"), r#"{"to": "paused"}"#);
    server.operator(pause().header("if-match", "\"0\"")).problem(412, "revision_changed");
    assert_eq!(server.operator(Request::get(path)).good()["state"], "active");
    server.operator(pause().header("if-match", "*")).good();

    // Nothing is there yet, so nothing was seen; and several things have no one revision.
    let body = r#"{"tenant": "acme", "slug": "new"}"#;
    let unseen = Request::post("/api/v1/deployments", body).header("if-match", "*");
    server.operator(unseen).problem(412, "revision_changed");
    let rollup = Request::new("POST", "/api/v1/invoices/rollup?period=2026-04");
    server.operator(rollup.header("if-match", "\"0\"")).problem(400, "malformed");
}

#[test]
fn a_key_answers_for_the_thing_it_was_used_on() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    for slug in ["one", "two"] {
        let body = json!({"tenant": "acme", "slug": slug}).to_string();
        server.operator(Request::post("/api/v1/deployments", &body)).good();
    }
    let subscribe = |slug: &str| {
        let path = format!("/api/v1/deployments/acme.{slug}/subscribe");
        let request = Request::post(path, r#"{"plan_code": "studio"}"#);
        server.operator(request.header("idempotency-key", "k"))
    };
    assert_eq!(subscribe("one").good()["subscription"]["plan_code"], "studio");
    subscribe("two").problem(422, "idempotency_key_reused");
    let two = server.operator(Request::get("/api/v1/deployments/acme.two")).good();
    assert_eq!(two["subscription"], json!(null));
}

#[test]
fn a_reader_sees_what_it_has_written() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    for number in 1..=20 {
        let body = json!({"tenant": "acme", "slug": format!("app-{number}")}).to_string();
        let written = server.operator(Request::post("/api/v1/deployments", &body));
        let read =
            Request::get("/api/v1/deployments").header("ledger-wait-for", written.position());
        let read = server.operator(read);
        assert!(read.position() >= written.position());
        assert_eq!(read.good()["data"].as_array().unwrap().len(), number);
    }
    // Waiting ends.
    let never = Request::get("/api/v1/deployments").header("ledger-wait-for", 1_000_000);
    let never = server.operator(never);
    never.problem(503, "behind");
    assert_eq!(never.header("retry-after"), Some("1"));
}

#[test]
fn of_those_who_race_for_the_last_room_one_wins() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::furnished(directory.path());
    let mut answers = std::thread::scope(|scope| {
        let reserve = |number: usize| {
            let body = json!({"reservation": format!("r-{number}"),
                              "items": [{"kind": "node_hour"}]});
            let path = "/api/v1/tenants/bob/quota/reservations";
            server.tenant("bob", Request::post(path, &body.to_string())).status
        };
        let racers: Vec<_> = (0..8).map(|number| scope.spawn(move || reserve(number))).collect();
        racers.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
    });
    answers.sort_unstable();
    assert_eq!(answers, [201, 402, 402, 402, 402, 402, 402, 402]);
}
