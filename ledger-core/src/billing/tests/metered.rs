//! Hours that nobody sent: metered from what lived and what it was linked to.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::catalog::{Ladder, LadderTier};
use crate::event::account::{CreditOrigin, CreditToppedUp};
use crate::event::catalog::ProductMapped;
use crate::event::deployment::{ResourceLinked, ResourceUnlinked};
use crate::event::inventory::{
    Deletion, ResourceDeleted, ResourceDiscovered, ResourceRestored, Snapshot,
};
use crate::event::provider::{BillLine, LineClass};
use crate::id::{ResourceId, ResourceKind};
use crate::inventory::ResourceFold;
use crate::money::{Money, Ratio};
use crate::price::Usage;
use crate::testing;

fn snapshot(resource_type: &str) -> Box<Snapshot> {
    Box::new(Snapshot {
        resource_type: parsed(resource_type),
        name: None,
        region: None,
        size: None,
        status: None,
        project: None,
        price_per_hour: None,
        began_at: None,
        tags: Vec::new(),
        attributes: BTreeMap::new(),
    })
}

impl Ledger {
    pub(super) fn discover(&mut self, id: &str, when: &str, resource_type: &str) {
        let discovered = ResourceDiscovered { snapshot: snapshot(resource_type), tenant: None };
        self.tell(&format!("resource-do.{id}"), when, discovered);
    }

    fn restore(&mut self, id: &str, when: &str) {
        let restored = ResourceRestored { snapshot: snapshot("droplet") };
        self.tell(&format!("resource-do.{id}"), when, restored);
    }

    pub(super) fn delete(&mut self, id: &str, when: &str) {
        let deleted = ResourceDeleted { evidence: Deletion::Reported };
        self.tell(&format!("resource-do.{id}"), when, deleted);
    }

    pub(super) fn link(&mut self, slug: &str, when: &str, id: &str) {
        let linked = ResourceLinked { resource: parsed(&format!("do.{id}")) };
        self.tell(&format!("deployment-acme.{slug}"), when, linked);
    }

    pub(super) fn unlink(&mut self, slug: &str, when: &str, id: &str) {
        let resource = parsed(&format!("do.{id}"));
        let unlinked = ResourceUnlinked { resource, reason: None };
        self.tell(&format!("deployment-acme.{slug}"), when, unlinked);
    }

    /// What a producer measured on a resource.
    fn measured(&mut self, id: &str, when: &str, kind: &str, quantity: &str) -> Revision {
        let recorded = usage::Recorded {
            kind: parsed(kind),
            quantity: parsed(quantity),
            unit: None,
            category: None,
            deployment: Some(parsed("shop")),
            resource: Some(parsed(&format!("do.{id}"))),
        };
        self.tell("usage-acme.2026-04", when, recorded)
    }

    fn usage(&self, until: &str) -> Vec<Usage> {
        self.basis("acme", "2026-04").facts(at(until)).unwrap().usage
    }

    /// Hours of all kinds by deployment, as a price of the whole April sees them.
    #[track_caller]
    fn has_hours(&self, expected: &[(&str, &str)]) {
        self.has_hours_until("2026-05-01", expected);
    }

    #[track_caller]
    fn has_hours_until(&self, until: &str, expected: &[(&str, &str)]) {
        let mut sums = BTreeMap::<String, Ratio>::new();
        for it in self.usage(until) {
            let sum = sums.entry(it.deployment.unwrap().to_string()).or_insert(Ratio::ZERO);
            *sum = sum.checked_add(it.quantity).unwrap();
        }
        let expected = expected.iter().map(|(slug, it)| (slug.to_string(), parsed(it)));
        assert_eq!(sums, expected.collect::<BTreeMap<_, Ratio>>());
    }
}

/// Studio with so many droplets that ran all of April, none of which anybody reported.
fn studio(droplets: usize) -> Ledger {
    let mut ledger = Ledger::of_a_reseller();
    ledger.create("shop", "2026-03-31T22:00:00Z", Beginning::Active);
    ledger.subscribe("shop", "2026-04-01T08:00:00Z", "studio");
    for id in 1..=droplets {
        ledger.discover(&id.to_string(), "2026-03-31T22:10:00Z", "droplet");
        ledger.link("shop", "2026-03-31T22:20:00Z", &id.to_string());
    }
    ledger
}

/// One droplet that lives since March and is linked to nothing.
fn idle() -> Ledger {
    let mut ledger = studio(0);
    ledger.create("blog", "2026-03-31T22:00:00Z", Beginning::Active);
    ledger.discover("1", "2026-03-20", "droplet");
    ledger
}

#[test]
fn april_comes_to_seventy_sixty_four_without_a_report() {
    let mut ledger = studio(3);
    ledger.attach("shop", "2026-04-01T09:00:00Z", "storage_50gb");
    let document = check(
        &ledger,
        "2026-04",
        &["plan_base 1 month 50.00", "addon 1 month 7.50", "overage 672 hour 6.72", "tax 1 - 6.42"],
        "70.64",
    );
    let overage = &document.lines[2].line.provenance;
    let named = overage.sources.iter();
    let named = named.map(|it| format!("{} {}-{}", it.stream, it.first, it.last));
    // Created, subscribed, three links; and where each droplet was first seen.
    let expected = [
        "catalog 1-1",
        "deployment-acme.shop 0-4",
        "resource-do.1 0-0",
        "resource-do.2 0-0",
        "resource-do.3 0-0",
    ];
    assert_eq!(named.collect::<Vec<_>>(), expected);
}

#[test]
fn five_droplets_bring_seventy_one_twelve_without_a_report() {
    let expected = ["plan_base 1 month 50.00", "overage 2112 hour 21.12", "tax 1 - 7.11"];
    let document = check(&studio(5), "2026-04", &expected, "78.23");
    assert_eq!(document.subtotal.amount_text(), "71.12");
}

#[test]
fn hours_run_from_link_or_discovery_to_unlink_or_deletion() {
    let mut ledger = idle();
    ledger.has_hours(&[]);
    ledger.link("shop", "2026-04-03T06:00:00Z", "1");
    ledger.has_hours(&[("shop", "666")]);
    ledger.unlink("shop", "2026-04-03T07:00:01Z", "1");
    ledger.has_hours(&[("shop", "3601/3600")]);
    // Linked before it was seen: what nobody saw is not metered.
    ledger.link("shop", "2026-04-10", "2");
    ledger.has_hours(&[("shop", "3601/3600")]);
    ledger.discover("2", "2026-04-11", "droplet");
    ledger.delete("2", "2026-04-12");
    ledger.has_hours(&[("shop", "90001/3600")]);
    // What comes back under its link is metered again.
    ledger.restore("2", "2026-04-30");
    ledger.has_hours(&[("shop", "176401/3600")]);
}

#[test]
fn hours_run_to_the_instant_that_is_asked_about() {
    let ledger = studio(1);
    ledger.has_hours_until("2026-04-01T00:00:01Z", &[("shop", "1/3600")]);
    ledger.has_hours_until("2026-04-02T12:00:00Z", &[("shop", "36")]);
    ledger.has_hours_until("2027-01-01", &[("shop", "720")]);
    ledger.has_hours_until("2026-04-01", &[]);
}

#[test]
fn a_link_to_another_deployment_ends_the_former() {
    let mut ledger = idle();
    ledger.link("shop", "2026-04-01", "1");
    ledger.link("blog", "2026-04-11", "1");
    ledger.has_hours(&[("blog", "480"), ("shop", "240")]);
    // The former's own word about it changes nothing, and gives nothing back when it comes late.
    ledger.unlink("shop", "2026-04-20", "1");
    ledger.has_hours(&[("blog", "480"), ("shop", "240")]);
    ledger.unlink("blog", "2026-04-21", "1");
    ledger.has_hours(&[("blog", "240"), ("shop", "240")]);
    let document = ledger.price("2026-04");
    assert_eq!(document.unpriced.len(), 1);
}

#[test]
fn an_unlink_said_to_be_before_its_link_leaves_nothing_of_it() {
    let mut ledger = idle();
    ledger.link("shop", "2026-04-10", "1");
    ledger.unlink("shop", "2026-04-05", "1");
    ledger.has_hours(&[]);
}

#[test]
fn what_a_producer_measured_on_a_resource_replaces_its_hours() {
    let mut ledger = studio(2);
    let record = ledger.measured("1", "2026-04-20", "droplet_hours", "700");
    ledger.has_hours(&[("shop", "1420")]);
    // Void is as if it had never been sent; nothing at all is a measurement.
    ledger.correct(record, "0");
    ledger.has_hours(&[("shop", "1440")]);
    ledger.measured("1", "2026-04-20", "droplet_hours", "0");
    ledger.has_hours(&[("shop", "720")]);
    ledger.measured("2", "2026-04-20", "bandwidth_gb", "5");
    ledger.has_hours(&[("shop", "725")]);
    let gauge = usage::GaugeSet {
        kind: parsed("droplet_hours"),
        value: parsed("0"),
        deployment: Some(parsed("shop")),
        resource: Some(parsed("do.2")),
    };
    ledger.tell("usage-acme.2026-04", "2026-04-02", gauge);
    ledger.has_hours(&[("shop", "5")]);
}

#[test]
fn other_types_yield_what_their_products_are_mapped_to() {
    let mut ledger = studio(0);
    let map = |product: &str, resource_type: &str, kind: Option<&str>| ProductMapped {
        provider: parsed("do"),
        product: parsed(product),
        resource_type: Some(parsed(resource_type)),
        kind: kind.map(parsed),
    };
    for (id, resource_type) in [("1", "load_balancer"), ("2", "volume"), ("3", "droplet")] {
        ledger.discover(id, "2026-04-01", resource_type);
        ledger.link("shop", "2026-04-01", id);
    }
    let kinds = |ledger: &Ledger| {
        let used = ledger.usage("2026-05-01").into_iter();
        used.map(|it| it.kind).collect::<std::collections::BTreeSet<ResourceKind>>()
    };
    let expected = |kinds: &[&str]| kinds.iter().map(|it| parsed(it)).collect();
    assert_eq!(kinds(&ledger), expected(&["droplet_hours"]));
    for mapped in [
        map("Load Balancers", "load_balancer", Some("lb_hours")),
        map("Volumes", "volume", Some("spaces_gb_month")),
        map("Droplets", "droplet", Some("vm_hour")),
    ] {
        ledger.tell("catalog", "2026-04-02", mapped);
    }
    assert_eq!(kinds(&ledger), expected(&["droplet_hours", "lb_hours"]));
    ledger.tell("catalog", "2026-04-03", map("Load Balancers", "load_balancer", None));
    assert_eq!(kinds(&ledger), expected(&["droplet_hours"]));
    // Whatever the case it is spelled in, it is the same product and the same type.
    ledger.tell("catalog", "2026-04-04", map("load balancers", "Load_Balancer", Some("lb_hours")));
    assert_eq!(kinds(&ledger), expected(&["droplet_hours", "lb_hours"]));
    ledger.tell("catalog", "2026-04-05", map("LOAD BALANCERS", "load_balancer", None));
    assert_eq!(kinds(&ledger), expected(&["droplet_hours"]));
    ledger.discover("4", "2026-04-01", "Droplet");
    ledger.link("shop", "2026-04-01", "4");
    ledger.unlink("shop", "2026-04-01", "3");
    assert_eq!(kinds(&ledger), expected(&["droplet_hours"]));
}

/// A droplet is a machine, and machines are on no ladder, whoever measured their hours. A gauge
/// says no category, so it has the ladder's own.
#[test]
fn metered_hours_of_a_machine_are_on_no_ladder() {
    let mut ledger = studio(3);
    let mut plan = seed().plans.into_iter().find(|it| it.plan.as_str() == "studio").unwrap();
    plan.plan = parsed("laddered");
    plan.ladder = Some(Ladder {
        tiers: vec![LadderTier { name: parsed("week"), days: 7, multiplier: parsed("0.25") }],
        categories: vec![parsed("hero_os_hourly")],
        default_category: Some(parsed("hero_os_hourly")),
    });
    let published = catalog::PlanPublished { version: 1, plan: Box::new(plan) };
    ledger.tell("catalog", "2026-03-01", published);
    ledger.subscribe("shop", "2026-04-01T09:00:00Z", "laddered");
    let (lot, origin) = (parsed("a"), CreditOrigin::Operator { reason: parsed("paid in") });
    let amount = Money::parse("1", Currency::AUD).unwrap();
    let paid = CreditToppedUp { lot, amount, expires_at: None, origin };
    ledger.tell("account-acme", "2026-03-01", paid);
    let overage = |ledger: &Ledger| {
        let lines = ledger.price("2026-04").lines;
        let overage = lines.iter().find(|it| it.line.kind == LineKind::Overage).unwrap();
        tell(&overage.line)
    };
    assert_eq!(overage(&ledger), "overage 672 hour 6.72");
    let gauge = usage::GaugeSet {
        kind: parsed("droplet_hours"),
        value: parsed("1"),
        deployment: Some(parsed("shop")),
        resource: Some(parsed("other.1")),
    };
    // 96 h a day: 1488 are used up within the 16th, the gauge's own of that day before. Of the
    // rest 48 and 14 x 72 h pay the whole price, and 14 x 24 h a quarter: 10.56 + 0.84.
    ledger.tell("usage-acme.2026-04", "2026-04-01", gauge);
    assert_eq!(overage(&ledger), "overage 1392 hour 11.40");
}

#[test]
fn an_invoice_of_metered_hours_is_audited_by_the_streams_it_names() {
    let mut ledger = studio(3);
    ledger.roll_up("acme", "2026-04");
    let issued = ledger.issued("acme", "2026-04");
    let told = ledger.explain(("acme", "2026-04"), &issued).to_string();
    assert!(told.contains("used = 2160 [deployment-acme.shop 2-4, resource-do.1 0"), "{told}");
    // What comes later is no part of what was issued.
    ledger.unlink("shop", "2026-04-15", "2");
    ledger.delete("3", "2026-05-02");
    assert!(ledger.audit("acme", "2026-04").unwrap().matches);
    let records = ledger.streams.get_mut(&parsed::<Stream>("resource-do.3")).unwrap();
    records[0].occurred_at = at("2026-04-10");
    let verdict = ledger.audit("acme", "2026-04").unwrap();
    assert!(verdict.to_string().contains("line 2 differs in quantity"), "{verdict}");
}

fn bill_line(quantity: Option<&str>, unit: &str) -> BillLine {
    BillLine {
        row: 1,
        product: parsed("Droplets"),
        group: None,
        description: parsed("web-1 (s-1vcpu-1gb)"),
        category: None,
        class: LineClass::Charge,
        quantity: quantity.map(parsed),
        unit: Some(parsed(unit)),
        starts_at: at("2026-04-01"),
        ends_at: at("2026-04-02T00:00:30Z"),
        amount: Money::parse("6.00", Currency::USD).unwrap(),
        project: None,
        resource: None,
    }
}

#[test]
fn a_bill_counts_its_hours_or_lasts_them() {
    assert_eq!(billed_hours(&bill_line(Some("446.5"), "Hours")), parsed("893/2"));
    assert_eq!(billed_hours(&bill_line(Some("1"), "month")), parsed("2881/120"));
    assert_eq!(billed_hours(&bill_line(None, "hour")), parsed("2881/120"));
}

#[test]
fn what_was_counted_is_held_against_what_was_metered() {
    let mut ledger = studio(3);
    ledger.delete("3", "2026-04-02T00:30:00Z");
    ledger.measured("2", "2026-04-20", "droplet_hours", "700");
    ledger.measured("2", "2026-04-20", "bandwidth_gb", "5");
    ledger.measured("9", "2026-04-20", "droplet_hours", "1");
    let basis = ledger.basis("acme", "2026-04");
    let (from, to) = (at("2026-04-01"), at("2026-05-01"));
    let metered = metered(&basis.catalog, basis.deployments.values(), &basis.resources, from, to);
    let billed = |id: &str, hours: &str| Counted {
        by: Counter::Provider,
        resource: parsed(&format!("do.{id}")),
        kind: parsed("droplet_hours"),
        hours: parsed(hours),
        from: crate::price::Sources::NONE,
    };
    let producers = counted_by_producers(&basis, to).unwrap();
    let drifts = |counted: Vec<Counted>| {
        let drifts = billing_drift(&metered, &counted).unwrap();
        let tell = |it: &BillingDrift| {
            let part = if it.is_part_of_an_hour() { " in part of an hour" } else { "" };
            format!("{} {:?} {}{part}", it.resource.id, it.by, it.difference)
        };
        drifts.iter().map(tell).collect::<Vec<_>>()
    };
    assert_eq!(drifts(producers.clone()), ["2 Producer -20", "9 Producer 1"]);
    // Twice half a month is all of it, a floored hour is told apart, and what a bill leaves out is
    // as missing as what it has too much.
    let bill = vec![billed("1", "360"), billed("1", "360"), billed("3", "24"), billed("8", "4")];
    let expected = ["2 Provider -720", "3 Provider -0.5 in part of an hour", "8 Provider 4"];
    assert_eq!(drifts(bill.clone()), expected);
    let expected = ["2 Provider -720", "2 Producer -20", "3 Provider -0.5 in part of an hour"];
    assert_eq!(drifts([bill, producers].concat())[..3], expected);
    assert_eq!(drifts(Vec::new()), [""; 0]);
}

/// Something that happens to one of two resources and one of two deployments.
#[derive(Debug, Clone, Copy)]
enum Turn {
    Link(usize, usize),
    Unlink(usize, usize),
    Begin(usize),
    End(usize),
}

const SLUGS: [&str; 2] = ["blog", "shop"];
const IDS: [&str; 2] = ["1", "2"];
/// The grid of the model: a third of a day and one second, so that nothing falls on midnight.
const TICK_SECONDS: i64 = 28_801;

fn turns() -> impl Strategy<Value = Vec<(Turn, i64)>> {
    let turn = prop_oneof![
        3 => (0..2_usize, 0..2_usize).prop_map(|(slug, id)| Turn::Link(slug, id)),
        2 => (0..2_usize, 0..2_usize).prop_map(|(slug, id)| Turn::Unlink(slug, id)),
        2 => (0..2_usize).prop_map(Turn::Begin),
        1 => (0..2_usize).prop_map(Turn::End),
    ];
    vec((turn, 0..150_i64), 0..14)
}

fn tick(number: i64) -> Timestamp {
    at("2026-03-20").plus_seconds(number * TICK_SECONDS).unwrap()
}

/// The ledger of some turns, without those that no history can have; they are told in the order
/// given, whatever their times.
fn told_by(turns: &[(Turn, i64)]) -> (Ledger, Vec<(Turn, i64)>) {
    let mut ledger = Ledger::of_a_reseller();
    SLUGS.iter().for_each(|it| ledger.create(it, "2026-03-01", Beginning::Active));
    let (mut known, mut open) = ([false; 2], [[0_usize; 2]; 2]);
    let mut kept = Vec::new();
    for (turn, number) in turns {
        let when = tick(*number).to_string();
        match *turn {
            Turn::Link(slug, id) => {
                ledger.link(SLUGS[slug], &when, IDS[id]);
                open[slug][id] += 1;
            }
            Turn::Unlink(slug, id) if open[slug][id] > 0 => {
                ledger.unlink(SLUGS[slug], &when, IDS[id]);
                open[slug][id] -= 1;
            }
            Turn::Begin(id) if known[id] => ledger.restore(IDS[id], &when),
            Turn::Begin(id) => {
                ledger.discover(IDS[id], &when, "droplet");
                known[id] = true;
            }
            Turn::End(id) if known[id] => ledger.delete(IDS[id], &when),
            Turn::Unlink(..) | Turn::End(_) => continue,
        }
        kept.push((*turn, *number));
    }
    (ledger, kept)
}

/// For which deployment a resource is metered in the tick that begins at a number, by going through
/// everything that was said until then.
fn holder(turns: &[(Turn, i64)], id: usize, number: i64) -> Option<usize> {
    let mut said = Vec::new();
    let mut links: Vec<(usize, i64, bool)> = Vec::new();
    for (place, (turn, at)) in turns.iter().enumerate() {
        let (Turn::Link(_, of) | Turn::Unlink(_, of) | Turn::Begin(of) | Turn::End(of)) = *turn;
        if of != id {
            continue;
        }
        match *turn {
            Turn::Link(slug, _) => {
                links.push((slug, *at, true));
                said.push((*at, place, *turn));
            }
            Turn::Unlink(slug, _) => {
                let link = links.iter_mut().rfind(|it| it.0 == slug && it.2).unwrap();
                link.2 = false;
                said.push(((*at).max(link.1), place, *turn));
            }
            Turn::Begin(_) | Turn::End(_) => said.push((*at, place, *turn)),
        }
    }
    said.sort_by_key(|it| (it.0, it.1));
    let (mut lives, mut held) = (false, None);
    for (_, _, turn) in said.into_iter().filter(|it| it.0 <= number) {
        match turn {
            Turn::Link(slug, _) => held = Some(slug),
            Turn::Unlink(slug, _) if held == Some(slug) => held = None,
            Turn::Unlink(..) => (),
            Turn::Begin(_) => lives = true,
            Turn::End(_) => lives = false,
        }
    }
    held.filter(|_| lives)
}

fn folds(ledger: &Ledger) -> (Vec<DeploymentFold>, BTreeMap<ResourceId, ResourceFold>) {
    let records = |stream: &Stream| ledger.streams.get(stream).cloned().unwrap_or_default();
    let deployments = SLUGS.map(|slug| {
        let begun = DeploymentFold::of(parsed("acme"), parsed(slug));
        let stream = parsed(&format!("deployment-acme.{slug}"));
        records(&stream).iter().try_fold(begun, DeploymentFold::fold).unwrap()
    });
    let resources = IDS.map(|id| {
        let id = parsed::<ResourceId>(&format!("do.{id}"));
        let begun = ResourceFold::of(id.clone());
        let stream = Stream::Resource(id.provider.clone(), id.id.clone());
        (id, records(&stream).iter().try_fold(begun, ResourceFold::fold).unwrap())
    });
    (deployments.into(), resources.into())
}

proptest! {
    #![proptest_config(testing::cases(10_000))]

    /// Counted tick by tick: a resource is metered for the deployment it was linked to last, while
    /// it lives, and for no other; and the parts of a span add up to the whole.
    #[test]
    fn hours_are_those_of_a_model_that_counts_ticks(turns in turns(), cut in 0..150_i64) {
        let (ledger, turns) = told_by(&turns);
        let (deployments, resources) = folds(&ledger);
        let catalog = CatalogFold::default();
        let span = |from, to| metered(&catalog, &deployments, &resources, tick(from), tick(to));
        let whole = span(0, 150);
        let mut expected = BTreeMap::<(usize, usize), i64>::new();
        for id in 0..2 {
            for slug in (0..150).filter_map(|number| holder(&turns, id, number)) {
                *expected.entry((slug, id)).or_default() += 1;
            }
        }
        let sums = |of: &[Metered]| {
            let mut sums = BTreeMap::new();
            for it in of {
                let slug = SLUGS.iter().position(|slug| *slug == it.deployment.slug.as_str());
                let id = IDS.iter().position(|id| *id == it.resource.id.as_str());
                let sum = sums.entry((slug.unwrap(), id.unwrap())).or_insert(Ratio::ZERO);
                *sum = sum.checked_add(it.hours()).unwrap();
            }
            sums
        };
        let hours = |ticks: i64| Ratio::new(i128::from(ticks * TICK_SECONDS), 3600).unwrap();
        let expected = expected.into_iter().map(|(it, ticks)| (it, hours(ticks))).collect();
        prop_assert_eq!(sums(&whole), expected);
        for pair in whole.windows(2).filter(|it| it[0].resource == it[1].resource) {
            prop_assert!(pair[0].to <= pair[1].since);
        }
        let parts = [span(0, cut), span(cut, 150)].concat();
        prop_assert_eq!(sums(&parts), sums(&whole));
    }

    /// The months of a history hold all of its hours, day by day as prices see them, each with the
    /// records it comes from.
    #[test]
    fn the_months_add_up_to_the_whole(turns in turns()) {
        let (ledger, _) = told_by(&turns);
        let (deployments, resources) = folds(&ledger);
        let (from, to) = (at("2026-03-01"), at("2026-06-01"));
        let mut left = Ratio::ZERO;
        for it in metered(&CatalogFold::default(), &deployments, &resources, from, to) {
            left = left.checked_add(it.hours()).unwrap();
        }
        for period in ["2026-03", "2026-04", "2026-05"] {
            let basis = ledger.basis("acme", period);
            for it in basis.facts(basis.period.ends_at()).unwrap().usage {
                prop_assert!(basis.period.contains(it.at) && it.quantity <= Ratio::whole(24));
                prop_assert!(it.from.iter().count() >= 2);
                left = left.checked_sub(it.quantity).unwrap();
            }
            basis.price(RULES_VERSION, basis.period.ends_at()).unwrap();
        }
        prop_assert_eq!(left, Ratio::ZERO);
    }
}
