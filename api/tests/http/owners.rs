//! What a tenant may do with what is its own, and what it would gain by: its suspension, its free
//! time, its limits.

use ledger_core::event::{account, parsed};
use ledger_core::money::{Currency, Money};
use serde_json::{Value, json};

use crate::client::{Answer, Request};
use crate::server::{Server, put_past_decisions};

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

const RESERVATIONS: &str = "/api/v1/tenants/bob/quota/reservations";

fn reserve(name: &str) -> Request {
    let body = json!({"reservation": name, "items": [{"kind": "node_hour"}]}).to_string();
    Request::post(RESERVATIONS, &body)
}

fn release(name: &str, query: &str) -> Request {
    Request::new("DELETE", format!("{RESERVATIONS}/{name}{query}"))
}

#[test]
fn a_tenant_does_not_free_the_room_of_what_runs() {
    let (_directory, server) = furnished();
    assert_eq!(server.tenant("bob", reserve("node-1")).status, 201);
    let commit = Request::post(format!("{RESERVATIONS}/node-1/commit"), "{}");
    server.tenant("bob", commit).good();
    for query in ["", "?reason=destroyed", "?reason=cancelled", "?reason=lapsed"] {
        server.tenant("bob", release("node-1", query)).problem(409, "reservation_running");
        server.tenant("bob", reserve("node-2")).problem(402, "upgrade_required");
    }
    server.operator(release("node-1", "")).problem(409, "reservation_running");
    let ended = server.operator(release("node-1", "?reason=destroyed"));
    assert_eq!(ended.good()["spend"]["node_instances"], 0);
    assert_eq!(server.tenant("bob", reserve("node-2")).status, 201);
}

#[test]
fn who_gives_room_back_says_why() {
    let (_directory, server) = furnished();
    let reason_of = |answer: &Answer| {
        let event = Request::get(format!("/api/v1/events/{}", answer.position()));
        server.operator(event).good()["data"]["reason"].clone()
    };
    let reasons = [
        ("", "cancelled"),
        ("?reason=credentials_missing", "credentials_missing"),
        ("?reason=provisioning_failed", "provisioning_failed"),
    ];
    for (place, (query, reason)) in reasons.into_iter().enumerate() {
        let name = format!("node-{place}");
        server.tenant("bob", reserve(&name)).good();
        let released = server.tenant("bob", release(&name, query));
        assert_eq!((released.status, reason_of(&released)), (200, json!(reason)));
    }
    for query in ["?reason=bored", "?why=cancelled"] {
        server.tenant("bob", release("node-0", query)).problem(400, "malformed");
    }
    // The same key for another reason is another command.
    server.tenant("bob", reserve("node-9")).good();
    let keyed = |query| release("node-9", query).header("idempotency-key", "k");
    server.tenant("bob", keyed("?reason=credentials_missing")).good();
    server.tenant("bob", keyed("")).problem(422, "idempotency_key_reused");
}

/// Bob is invoiced: nothing of what he uses is drawn from credit, and it counts all the same.
#[test]
fn what_an_invoiced_tenant_uses_counts_toward_its_limits() {
    let (_directory, server) = furnished();
    let price = json!({"resource_prices": [
        {"kind": "llm_tokens", "unit": "1k_tokens", "price": "0.01", "currency": "USD"}]});
    let path = "/api/v1/catalog?occurred_at=2026-01-01T00:00:00Z";
    server.operator(Request::post(path, &price.to_string())).good();
    let cap = r#"{"cap": {"amount": "10.00", "currency": "USD"}}"#;
    server.tenant("bob", Request::put("/api/v1/tenants/bob/cost-cap", cap)).good();
    let use_tokens = |id: &str, tokens: &str| {
        let event = json!({
            "specversion": "1.0", "type": "counterfoil.usage.recorded", "source": "/meter",
            "id": id, "subject": "bob", "data": {"resource_kind": "llm_tokens", "quantity": tokens},
        });
        let media_type = "application/cloudevents+json";
        let event = Request::new("POST", "/api/v1/events").body(media_type, &event.to_string());
        server.operator(event).good();
    };
    let spend = || server.tenant("bob", Request::get("/api/v1/tenants/bob/spend")).good();
    let usd = |amount: &str| json!({"amount": amount, "currency": "USD"});

    use_tokens("a", "500000");
    let half = spend();
    assert_eq!((&half["projected"], &half["accrued"]), (&usd("5.00"), &usd("5.00")));
    assert_eq!((&half["percent"], &half["alert"]), (&json!("50"), &json!(50)));
    // 5.00 and 5.04: over the cap by four cents.
    let refused = server.tenant("bob", reserve("node-1")).problem(422, "cost_cap_reached");
    assert_eq!(refused["projected_with_request"], usd("10.04"));
    let wider = r#"{"cap": {"amount": "10.04", "currency": "USD"}}"#;
    server.tenant("bob", Request::put("/api/v1/tenants/bob/cost-cap", wider)).good();
    let keyed = || reserve("node-1").header("idempotency-key", "k");
    let granted = server.tenant("bob", keyed());
    assert_eq!(granted.good()["spend"]["projected"], usd("10.04"));

    use_tokens("b", "9500000");
    let all = spend();
    assert_eq!((&all["projected"], &all["alert"]), (&usd("105.04"), &json!(100)));
    // A repeat is told what was told then.
    let again = server.tenant("bob", keyed());
    assert_eq!((again.status, &again.text), (granted.status, &granted.text));
    let refused = server.tenant("bob", reserve("node-2")).problem(402, "upgrade_required");
    let would_fit = json!({"node_instances": 0, "monthly_provisioning": usd("0.00")});
    assert_eq!(refused["would_fit"], would_fit);
}

/// The count is looked at before the price, and nobody can say what has none would come to.
#[test]
fn too_many_of_what_has_no_price_are_too_many() {
    let (_directory, server) = furnished();
    server.tenant("bob", reserve("node-1")).good();
    let gold = r#"{"reservation": "gold-1", "items": [{"kind": "gold_hour"}]}"#;
    let refused = server.tenant("bob", Request::post(RESERVATIONS, gold));
    let problem = refused.problem(402, "upgrade_required");
    assert_eq!(problem["usage"]["projected_with_request"], json!(null));
    assert_eq!(problem["plans"], json!([]));
    server.tenant("bob", release("node-1", "")).good();
    server.tenant("bob", Request::post(RESERVATIONS, gold)).problem(422, "price_unknown");
}

#[test]
fn a_tenant_sees_its_quota() {
    let (_directory, server) = furnished();
    let quota = || server.tenant("bob", Request::get("/api/v1/tenants/bob/quota")).good();
    let expected = json!({
        "tenant": "bob", "plan": null, "slots": {"total": 0, "used": 0}, "period_end": null,
        "credit": {"amount": "0.00", "currency": "USD"}, "tier": null, "next_tier": null,
        "last_activity_at": null,
    });
    assert_eq!(quota(), expected);
    server.operator(reserve("node-1")).good();
    assert_eq!(quota(), expected, "what an operator does is no activity of the tenant");
    server.tenant("bob", release("node-1", "")).good();
    assert!(quota()["last_activity_at"].is_string());
    let nobody = Request::get("/api/v1/tenants/nobody/quota");
    server.operator(nobody).problem(404, "not_found");
}

#[test]
fn a_tenant_sees_what_it_bought_and_its_tiers() {
    let (directory, server) = furnished();
    let prices = json!({"resource_prices": [{
        "kind": "vm_hour", "unit": "hour", "price": "0.01", "currency": "USD",
        "ladder": {
            "tiers": [{"name": "week", "days": 7, "multiplier": "0.5"},
                      {"name": "ages", "days": 60000, "multiplier": "0.25"}],
            "categories": ["vm"], "default_category": "vm",
        },
    }]});
    server.operator(Request::post("/api/v1/catalog", &prices.to_string())).good();
    assert!(server.stop().success());
    let usd = |amount: &str| Money::parse(amount, Currency::USD).unwrap();
    let end = "2190-01-01T00:00:00Z";
    let paid = account::CreditToppedUp {
        lot: parsed("paid"),
        amount: usd("12.50"),
        expires_at: None,
        origin: account::CreditOrigin::Operator { reason: parsed("a transfer") },
    };
    let bought = account::PlanPurchased {
        plan: parsed("vm5"),
        version: 1,
        price: usd("10"),
        lots: vec![account::LotPart { lot: parsed("paid"), amount: usd("10") }],
        slots: 5,
        ends_at: parsed(end),
    };
    let (slot, plan) = (parsed("vm-1"), parsed("vm5"));
    let used = account::SlotAllocated { slot, plan, cost: usd("2"), expires_at: parsed(end) };
    let (first, then) = ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z");
    let events = vec![(first, paid.into()), (then, bought.into()), (then, used.into())];
    put_past_decisions(directory.path(), "account-bob", events);
    let server = Server::start(directory.path());
    let quota = server.tenant("bob", Request::get("/api/v1/tenants/bob/quota")).good();
    let expected = json!({
        "tenant": "bob", "plan": "vm5", "slots": {"total": 5, "used": 1}, "period_end": end,
        "credit": {"amount": "2.50", "currency": "USD"},
        "tier": {"name": "week", "multiplier": "0.5", "at": "2026-03-08T00:00:00Z"},
        "next_tier": {"name": "ages", "multiplier": "0.25", "at": "2190-06-09T00:00:00Z"},
        "last_activity_at": null,
    });
    assert_eq!(quota, expected);
}
