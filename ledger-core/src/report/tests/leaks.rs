//! The five classes of leaks, each with its extent, its money and the first event that shows it.

use std::sync::Arc;

use super::*;
use crate::catalog::Catalog;
use crate::price::{Bound, Charged, Deployment, EffectivePrice, Sources, Unpriced, Usage};
use crate::stream::Stream;

fn source(stream: &str, revision: u64) -> Sources {
    Sources::one(parsed::<Stream>(stream), Revision::new(revision))
}

/// A deployment on Studio, charged and free by turns.
pub(super) fn deployment(slug: &str, charged: &[(&str, bool, u64)]) -> Deployment {
    let seed = include_str!("../../../../fixtures/catalogs/reseller-aud.json");
    let plans = Catalog::read(seed).unwrap().plans;
    let plan = plans.into_iter().find(|it| it.plan.as_str() == "studio").unwrap();
    let stream = format!("deployment-acme.{slug}");
    let turn = |(on, is_charged, revision): &(&str, bool, u64)| Charged {
        at: at(on),
        is_charged: *is_charged,
        from: source(&stream, *revision),
    };
    let since = charged.first().map_or(at("2026-03-01"), |it| at(it.0));
    let from = source(&stream, 1);
    Deployment {
        slug: parsed(slug),
        bound: vec![Bound { at: since, version: 1, plan: Arc::new(plan), from }],
        charged: charged.iter().map(turn).collect(),
        attached: Vec::new(),
    }
}

pub(super) fn usage(kind: &str, on: &str, deployment: Option<&str>, quantity: &str) -> Usage {
    Usage {
        at: at(on),
        deployment: deployment.map(parsed),
        kind: parsed(kind),
        quantity: parsed(quantity),
        category: None,
        resource: None,
        known: None,
        from: source("usage-acme.2026-04", 4),
    }
}

struct Market {
    world: World,
    metered: Vec<Metered>,
    until: Timestamp,
}

impl Market {
    fn new() -> Self {
        let metered = Metered {
            tenant: parsed("acme"),
            deployments: vec![deployment("shop", &[("2026-03-02", true, 1)])],
            usage: vec![usage("droplet_hours", "2026-04-01", Some("shop"), "720")],
            currency: Currency::AUD,
            resource_prices: Vec::new(),
            unpriced: Vec::new(),
            slots: Vec::new(),
        };
        let mut world = World::new();
        let mut web = droplet("7", "web-1");
        web.links.push(linked("acme.shop", "2026-03-02", None));
        world.resources.push(web);
        world.lines.push(bill_line(1, "Droplets", "web-1 (s-1vcpu-1gb)", "30.00"));
        let lines = vec![invoice_line(LineKind::PlanBase, "50.00", Some("shop"))];
        world.earned = earned(&parsed("acme"), &document(lines, "0")).unwrap();
        Self { world, metered: vec![metered], until: at("2026-05-01") }
    }

    /// Every leak as `class subject extent money first`.
    #[track_caller]
    fn check(&self, expected: &[&str]) {
        let leaks = leaks(&LeakFacts {
            period: parsed("2026-04"),
            until: self.until,
            reporting: Currency::AUD,
            rates: &self.world.rates,
            products: &self.world.products,
            internal: &self.world.internal,
            resources: &self.world.resources,
            projects: &self.world.projects,
            costs: &self.world.attributed(),
            earned: &self.world.earned,
            metered: &self.metered,
        });
        let leaks = leaks.unwrap();
        assert_eq!(leaks.classes.len(), 5);
        let told = leaks.classes.iter().flat_map(|it| {
            let shown = it.leaks.iter().filter_map(|it| it.money.as_ref()?.amount());
            let sum = Money::sum(Currency::AUD, shown);
            if let Some(total) = it.total.amount() {
                assert_eq!(sum, Ok(total));
            }
            it.leaks.iter().map(|leak| tell_leak(it.class, leak))
        });
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}

fn tell_leak(class: LeakClass, leak: &Leak) -> String {
    let subject = match &leak.subject {
        Subject::Resource(it, None) => it.to_string(),
        Subject::Resource(it, Some(deployment)) => format!("{it}@{deployment}"),
        Subject::Deployment(it) => it.to_string(),
        Subject::Line(it) => format!("row {}", it.row),
        Subject::Usage(tenant, deployment, kind) => {
            format!("{tenant}.{}.{kind}", deployment.as_ref().map_or("-", |it| it.as_str()))
        }
    };
    let extent = match &leak.extent {
        Extent::Hours(it) => format!("{it}h"),
        Extent::Days(it) => format!("{it}d"),
        Extent::Line => "line".to_owned(),
        Extent::Quantity(it) => it.to_string(),
    };
    let money = match &leak.money {
        None => "?".to_owned(),
        Some(Cell::Shown(it)) => it.amount_text(),
        Some(Cell::Unconverted(_)) => "no rate".to_owned(),
    };
    let first = leak.first.as_ref().map(|it| format!("{}/{}", it.stream, it.revision));
    format!("{} {subject} {extent} {money} {}", class.as_str(), first.unwrap_or_default())
}

#[test]
fn nothing_leaks_where_all_is_sold_and_metered() {
    Market::new().check(&[]);
}

#[test]
fn what_runs_without_a_link_leaks_its_part_of_the_bill_since_it_was_unlinked() {
    let mut market = Market::new();
    market.world.resources[0].links = vec![linked("acme.shop", "2026-03-02", Some("2026-04-16"))];
    market.check(&[
        "running_unbilled digitalocean.7 360h 15.00 deployment-acme.shop/3",
        "billed_not_running acme.shop 15d 25.00 deployment-acme.shop/3",
    ]);
    // Looked at on the 18th, at noon: two days and a half of seventeen and a half.
    market.until = at("2026-04-18T12:00:00Z");
    market.world.lines[0].line.ends_at = market.until;
    market.check(&[
        "running_unbilled digitalocean.7 60h 4.29 deployment-acme.shop/3",
        "billed_not_running acme.shop 3d 8.33 deployment-acme.shop/3",
    ]);
}

#[test]
fn what_was_never_linked_leaks_since_it_was_seen_at_its_hourly_price_where_no_bill_has_come() {
    let mut market = Market::new();
    market.world.resources.push(droplet("8", "web-2"));
    market.check(&["running_unbilled digitalocean.8 720h 6.43 resource-digitalocean.8/0"]);
    market.world.resources[1].price_per_hour = None;
    market.check(&["running_unbilled digitalocean.8 720h ? resource-digitalocean.8/0"]);
    market.world.resources[1].live[0].ends_at = Some(at("2026-04-01"));
    market.check(&[]);
}

#[test]
fn what_runs_for_a_deployment_that_is_not_charged_leaks_on_its_free_days() {
    let mut market = Market::new();
    let turns = [("2026-03-02", true, 1), ("2026-04-21T09:00:00Z", false, 5)];
    market.metered[0].deployments = vec![deployment("shop", &turns)];
    market.check(&["running_unbilled digitalocean.7 240h 10.00 deployment-acme.shop/5"]);
}

#[test]
fn what_no_plan_charges_and_its_own_usage_bills_does_not_leak() {
    let mut market = Market::new();
    market.metered[0].deployments[0].bound.clear();
    let leak = |hours: &str, money: &str, by: &str| {
        format!("running_unbilled digitalocean.7 {hours}h {money} deployment-acme.shop/{by}")
    };
    // Metered, and nothing prices it.
    market.check(&[&leak("720", "30.00", "2")]);
    let json = r#"{"kind": "droplet_hours", "unit": "hour", "price": "0.05", "currency": "AUD"}"#;
    let price = EffectivePrice {
        at: at("2026-04-11"),
        price: Arc::new(crate::json::from_str(json).unwrap()),
        from: source("catalog", 3),
    };
    market.metered[0].resource_prices.push(price);
    let days = parsed::<BillingPeriod>("2026-04").each_day();
    let daily = days.map(|it| usage("droplet_hours", &it.to_string(), Some("shop"), "24"));
    market.metered[0].usage = daily.collect();
    // Ten days before there was a price.
    market.check(&[&leak("240", "10.00", "2")]);
    market.metered[0].resource_prices[0].at = at("2026-01-01");
    market.check(&[]);
    // Another currency is no price, other usage bills no droplet, and neither does another's.
    market.metered[0].currency = Currency::USD;
    market.check(&[&leak("720", "30.00", "2")]);
    market.metered[0].currency = Currency::AUD;
    for it in &mut market.metered[0].usage {
        it.resource = Some(resource_id("digitalocean.8"));
    }
    market.check(&[&leak("720", "30.00", "2")]);
    // Who has a plan and does not pay for it leaks, whatever its hours are billed.
    let mut market = Market::new();
    let turns = [("2026-03-02", true, 1), ("2026-04-21T09:00:00Z", false, 5)];
    market.metered[0].deployments = vec![deployment("shop", &turns)];
    market.check(&[&leak("240", "10.00", "5")]);
}

/// A slot of Acme's, taken when the day begins and released or lapsed as another does.
fn slot(name: &str, from: &str, to: &str, released_by: Option<u64>) -> Slot {
    Slot {
        name: parsed(name),
        during: Interval::between(at(from), at(to)),
        allocated_by: Revision::new(7),
        released_by: released_by.map(Revision::new),
    }
}

/// A machine on a deployment without a plan.
fn machine() -> Market {
    let mut market = Market::new();
    market.metered[0].deployments[0].bound.clear();
    market.metered[0].deployments[0].charged.clear();
    market.metered[0].usage.clear();
    market
}

#[test]
fn what_a_slot_pays_for_leaks_nothing_until_it_is_released_or_lapses() {
    let mut market = machine();
    let leak = |hours: &str, money: &str, by: &str| {
        format!("running_unbilled digitalocean.7 {hours}h {money} {by}")
    };
    market.check(&[&leak("720", "30.00", "deployment-acme.shop/2")]);
    // It lapses: what allocated it says when. Thirty days of which one is paid for, and ten hours.
    let lapses = "2026-04-02T10:00:00Z";
    market.metered[0].slots = vec![slot("shop", "2026-03-03", lapses, None)];
    market.check(&[&leak("686", "28.58", "account-acme/7")]);
    market.metered[0].slots = vec![slot("shop", "2026-03-03", "2026-04-16", Some(9))];
    market.check(&[&leak("360", "15.00", "account-acme/9")]);
    market.metered[0].slots = vec![slot("shop", "2026-03-03", "2026-05-02", None)];
    market.check(&[]);
    // Taken again, and for a while nobody paid.
    market.metered[0].slots = vec![
        slot("shop", "2026-03-03", "2026-04-11", None),
        slot("shop", "2026-04-16", "2026-05-16", None),
    ];
    market.check(&[&leak("120", "5.00", "account-acme/7")]);
    // Before there was one it was unbilled by its link.
    market.metered[0].slots = vec![slot("shop", "2026-04-16", "2026-05-16", None)];
    market.check(&[&leak("360", "15.00", "deployment-acme.shop/2")]);
}

#[test]
fn a_slot_is_its_deployments_or_its_machines_by_name_or_id_and_its_tenants_only() {
    let mut market = machine();
    let paid_by = |market: &mut Market, name: &str, is_paid: bool| {
        market.metered[0].slots = vec![slot(name, "2026-03-03", "2026-06-01", None)];
        let leak = "running_unbilled digitalocean.7 720h 30.00 deployment-acme.shop/2";
        market.check(if is_paid { &[] } else { std::slice::from_ref(&leak) });
    };
    for name in ["shop", "WEB-1", "digitalocean.7"] {
        paid_by(&mut market, name, true);
    }
    for name in ["blog", "web-2", "digitalocean.8", "acme.shop"] {
        paid_by(&mut market, name, false);
    }
    // A name counts while it is held.
    let names = [(at("2026-03-01"), parsed("web-1")), (at("2026-04-16"), parsed("other"))];
    market.world.resources[0].names = Timeline::new(names);
    market.metered[0].slots = vec![slot("web-1", "2026-03-03", "2026-06-01", None)];
    market.check(&["running_unbilled digitalocean.7 360h 15.00 deployment-acme.shop/2"]);
    market.metered[0].slots = vec![slot("shop", "2026-03-03", "2026-06-01", None)];
    market.check(&[]);
    market.metered[0].tenant = parsed("globex");
    market.check(&["running_unbilled digitalocean.7 720h 30.00 deployment-acme.shop/2"]);
}

#[test]
fn a_machine_that_outlives_its_slot_leaks_whatever_its_hours_are_billed() {
    let mut market = machine();
    let json = r#"{"kind": "droplet_hours", "unit": "hour", "price": "0.05", "currency": "AUD"}"#;
    market.metered[0].resource_prices.push(EffectivePrice {
        at: at("2026-01-01"),
        price: Arc::new(crate::json::from_str(json).unwrap()),
        from: source("catalog", 3),
    });
    let days = parsed::<BillingPeriod>("2026-04").each_day();
    let daily = days.map(|it| usage("droplet_hours", &it.to_string(), Some("shop"), "24"));
    market.metered[0].usage = daily.collect();
    market.check(&[]);
    market.metered[0].slots = vec![slot("shop", "2026-04-11", "2026-04-21", None)];
    market.check(&["running_unbilled digitalocean.7 240h 10.00 account-acme/7"]);
    // Without a link it is a tenant's by its mark.
    market.metered[0].usage.clear();
    market.world.resources[0].links.clear();
    market.world.resources[0].tenants = Timeline::new([(at("2026-03-01"), Some(parsed("acme")))]);
    market.metered[0].slots = vec![slot("web-1", "2026-03-11", "2026-04-21", None)];
    market.check(&["running_unbilled digitalocean.7 240h 10.00 account-acme/7"]);
}

#[test]
fn an_internal_tenant_leaks_nothing() {
    let mut market = Market::new();
    market.world.internal.insert(parsed("ops"));
    market.world.resources.push(droplet("8", "web-2"));
    market.world.resources[1].tenants = Timeline::new([(at("2026-03-01"), Some(parsed("ops")))]);
    market.check(&[]);
}

#[test]
fn what_is_charged_and_does_not_run_leaks_what_was_charged_for_those_days() {
    let mut market = Market::new();
    market.world.resources[0].live = vec![Interval::between(at("2026-03-01"), at("2026-04-16"))];
    market.world.resources[0].gone_by = Some(Revision::new(8));
    market.check(&["billed_not_running acme.shop 15d 25.00 resource-digitalocean.7/8"]);
    // A day on which it lived for an hour is a day on which it ran.
    let hour = Interval::between(at("2026-04-16T00:00:00Z"), at("2026-04-16T01:00:00Z"));
    market.world.resources[0].live.push(hour);
    market.check(&["billed_not_running acme.shop 14d 23.33 resource-digitalocean.7/8"]);
    market.world.resources.clear();
    market.world.lines.clear();
    market.check(&["billed_not_running acme.shop 30d 50.00 deployment-acme.shop/1"]);
    market.world.earned.clear();
    market.check(&["billed_not_running acme.shop 30d ? deployment-acme.shop/1"]);
}

#[test]
fn a_day_that_only_begins_runs_where_its_first_instant_does() {
    let mut market = Market::new();
    market.until = at("2026-04-18");
    market.world.lines[0].line.ends_at = market.until;
    market.check(&[]);
    // Gone at that very instant; the charge is that of eighteen days.
    market.world.resources[0].live = vec![Interval::between(at("2026-03-01"), market.until)];
    market.check(&["billed_not_running acme.shop 1d 2.78 deployment-acme.shop/1"]);
    market.world.resources[0].live = vec![Interval { starts_at: market.until, ends_at: None }];
    market.world.lines.clear();
    market.check(&["billed_not_running acme.shop 17d 47.22 deployment-acme.shop/1"]);
}

#[test]
fn an_idle_addon_leaks_what_its_own_days_cost() {
    let mut market = Market::new();
    let mut storage = invoice_line(LineKind::Addon, "2.50", Some("shop"));
    storage.resource_kind = Some(parsed("spaces_gb_month"));
    let lines = vec![invoice_line(LineKind::PlanBase, "50.00", Some("shop")), storage];
    market.world.earned = earned(&parsed("acme"), &document(lines, "0")).unwrap();
    let attached = |from: &str, to: Option<&str>, price: &str| crate::price::Attached {
        addon: parsed("storage_50gb"),
        name: parsed("Storage 50 GB"),
        kind: parsed("spaces_gb_month"),
        quantity: parsed("50"),
        price: aud(price),
        attached_at: at(from),
        detached_at: to.map(at),
        from: source("deployment-acme.shop", 4),
    };
    market.metered[0].deployments[0].attached = vec![attached("2026-04-21", None, "7.50")];
    // It ran from the 21st on: of the addon, not a day was idle.
    market.world.resources[0].live = vec![Interval { starts_at: at("2026-04-21"), ends_at: None }];
    market.check(&["billed_not_running acme.shop 20d 33.33 deployment-acme.shop/1"]);
    // It ran until then: 16.67 of Studio, and all of the addon.
    market.world.resources[0].live = vec![Interval::between(at("2026-03-01"), at("2026-04-21"))];
    market.check(&["billed_not_running acme.shop 10d 19.17 deployment-acme.shop/1"]);
    // Two of a kind are told apart by their prices: 30.00 for 1-10 April is 10.00, not idle.
    market.metered[0].deployments[0].attached.push(attached(
        "2026-04-01",
        Some("2026-04-11"),
        "30.00",
    ));
    market.world.earned[1].amount = aud("12.50");
    market.check(&["billed_not_running acme.shop 10d 19.17 deployment-acme.shop/1"]);
    // An addon that the deployment does not know of leaks as the days of its run do.
    market.metered[0].deployments[0].attached.clear();
    market.check(&["billed_not_running acme.shop 10d 20.83 deployment-acme.shop/1"]);
}

#[test]
fn a_line_that_matches_nothing_leaks_unless_it_is_tax_or_explained() {
    let mut market = Market::new();
    market.world.lines.push(bill_line(2, "Spaces Subscription", "Spaces", "5.00"));
    market.world.lines.push(bill_line(3, "Taxes", "GST (10%)", "3.50"));
    market.world.lines.push(bill_line(4, "Droplets", "twin", "6.00"));
    for id in ["8", "9"] {
        let mut twin = droplet(id, "twin");
        twin.links.push(linked("acme.shop", "2026-03-02", None));
        market.world.resources.push(twin);
    }
    market.check(&["charged_unknown row 2 line 5.00 bill-digitalocean.4711/1"]);
    let spaces = market.world.lines[1].clone();
    market.world.by_hand.push(said(&spaces, CostOwner::Tenant(parsed("acme")), false, 5));
    market.check(&[]);
    market.world.by_hand.push(said(&spaces, CostOwner::Nobody, false, 6));
    market.check(&["charged_unknown row 2 line 5.00 bill-digitalocean.4711/1"]);
}

#[test]
fn what_is_sold_and_runs_must_be_metered() {
    let mut market = Market::new();
    market.metered[0].usage[0].quantity = parsed("0");
    let leak = "sold_unmetered digitalocean.7@acme.shop 720h 30.00 deployment-acme.shop/2";
    market.check(&[leak]);
    market.metered[0].usage[0] = usage("llm_tokens", "2026-04-01", Some("shop"), "720");
    market.check(&[leak]);
    market.metered[0].usage[0] = usage("droplet_hours", "2026-04-01", Some("blog"), "720");
    market.check(&[leak]);
    market.metered[0].usage[0].resource = Some(resource_id("digitalocean.7"));
    market.check(&[]);
    market.metered[0].usage.clear();
    market.world.lines.clear();
    market.check(&["sold_unmetered digitalocean.7@acme.shop 720h ? deployment-acme.shop/2"]);
    // A type that yields nothing has nothing to meter.
    market.world.resources[0].resource_type = parsed("firewall");
    market.check(&[]);
}

#[test]
fn usage_without_a_price_shows_its_quantity_and_its_cost_where_one_is_mapped() {
    let mut market = Market::new();
    let unpriced = |kind: &str| Unpriced {
        deployment: Some(parsed("shop")),
        kind: parsed(kind),
        quantity: parsed("12"),
        unit: None,
        from: source("usage-acme.2026-04", 6),
    };
    market.metered[0].unpriced = vec![unpriced("droplet_hours"), unpriced("gpu_hours")];
    market.metered[0].unpriced.push(unpriced("gpu_hours"));
    // In a unit of its own it adds to no quantity, and is seen also where there is no other.
    let minutes = |kind| Unpriced { unit: Some(parsed("minute")), ..unpriced(kind) };
    market.metered[0].unpriced.extend(["gpu_hours", "node_hour"].map(minutes));
    market.check(&[
        "metered_unpriced acme.shop.droplet_hours 12 30.00 usage-acme.2026-04/6",
        "metered_unpriced acme.shop.gpu_hours 24 ? usage-acme.2026-04/6",
        "metered_unpriced acme.shop.node_hour 0 ? usage-acme.2026-04/6",
    ]);
}

#[test]
fn a_leak_without_a_rate_says_so() {
    let mut market = Market::new();
    market.world.rates = Rates::default();
    market.world.lines.push(bill_line(2, "Spaces Subscription", "Spaces", "5.00"));
    market.check(&["charged_unknown row 2 line no rate bill-digitalocean.4711/1"]);
}
