//! Records become the invoice that the facts of the worked answer make.

use super::*;
use crate::catalog::Catalog;
use crate::event::account::{Party, TaxBasis, TaxProfileSet, TenantRegistered};
use crate::event::deployment::{
    AddonAttached, Beginning, Created, State, Subscribed, SubscriptionCancelled, Transitioned,
};
use crate::event::usage::{Corrected, GaugeSet, Recorded};
use crate::id::{Actor, EventId, Role};
use crate::log::Position;
use crate::money::{Percent, Rounding};
use crate::price::{Document, price};

fn at(text: &str) -> Timestamp {
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    text.parse().unwrap()
}

/// A log in memory, with the gathering that reads it.
struct Ledger {
    book: Book,
    gather: Gather,
    heads: BTreeMap<Stream, u64>,
}

impl Ledger {
    fn new(currency: Currency, settlement: Settlement) -> Self {
        let gather = Gather::of("acme".parse().unwrap());
        let mut ledger = Self { book: Book::default(), gather, heads: BTreeMap::new() };
        for text in [
            include_str!("../../../../fixtures/catalogs/reseller-aud.json"),
            include_str!("../../../../fixtures/catalogs/quota-usd.json"),
        ] {
            let events = ledger.book.publish(&Catalog::read(text).unwrap(), at("2026-01-01"));
            for event in events {
                let revision = ledger.next("catalog");
                ledger.book.take(revision, &event);
            }
        }
        let name = "Acme".parse().unwrap();
        let registered = TenantRegistered { name, currency, settlement, internal: false };
        ledger.record("account-acme", "2026-03-01", registered);
        ledger
    }

    fn next(&mut self, stream: &str) -> Revision {
        let head = self.heads.entry(stream.parse().unwrap()).or_default();
        *head += 1;
        Revision::new(*head - 1)
    }

    fn record(&mut self, stream: &str, occurred_at: &str, event: impl Into<Event>) -> Revision {
        let revision = self.next(stream);
        let record = Record {
            position: Position::new(1),
            stream: stream.parse().unwrap(),
            revision,
            id: EventId::from_bytes([0; 16]),
            occurred_at: at(occurred_at),
            recorded_at: at("2026-12-01"),
            actor: Actor { who: "test".parse().unwrap(), role: Role::System },
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            event: event.into(),
        };
        self.gather.take(&record).unwrap();
        revision
    }

    fn created(&mut self, occurred_at: &str, beginning: Beginning) {
        let created =
            Created { name: None, region: None, llm_mode: None, template: None, beginning };
        self.record("deployment-acme.shop", occurred_at, created);
    }

    fn subscribed(&mut self, occurred_at: &str, plan: &str) {
        let subscribed = Subscribed { plan: plan.parse().unwrap(), version: 1 };
        self.record("deployment-acme.shop", occurred_at, subscribed);
    }

    fn attached(&mut self, occurred_at: &str) {
        let addon = self.book.addon(&"storage_50gb".parse().unwrap()).unwrap().value.clone();
        let attached = AddonAttached {
            attachment: "a1".parse().unwrap(),
            addon: addon.code,
            kind: addon.kind,
            quantity: addon.quantity,
            price: addon.price,
        };
        self.record("deployment-acme.shop", occurred_at, attached);
    }

    fn used(&mut self, occurred_at: &str, kind: &str, quantity: &str) -> Revision {
        let recorded = Recorded {
            kind: kind.parse().unwrap(),
            quantity: quantity.parse().unwrap(),
            unit: None,
            category: None,
            deployment: Some("shop".parse().unwrap()),
            resource: None,
        };
        self.record("usage-acme.2026-04", occurred_at, recorded)
    }

    fn taxed(&mut self) {
        let tax = TaxTerms {
            name: "GST".parse().unwrap(),
            rate: Percent::new(Exact::whole(10)).unwrap(),
            basis: TaxBasis::Total,
            rounding: Rounding::HalfAwayFromZero,
        };
        let name = "Acme".parse().unwrap();
        let customer = Party { name, address: Vec::new(), tax_number: None };
        self.record("account-acme", "2026-03-01", TaxProfileSet { customer, tax: Some(tax) });
    }

    fn price(&self, period: &str, until: Timestamp) -> Document {
        let facts = self.gather.facts(&self.book, period.parse().unwrap(), until).unwrap();
        price(&facts).unwrap()
    }

    #[track_caller]
    fn check(&self, period: &str, total: &str) -> Document {
        let document = self.price(period, Timestamp::MAX);
        assert_eq!(document.total.amount_text(), total);
        document
    }
}

fn april() -> Ledger {
    let mut ledger = Ledger::new(Currency::AUD, Settlement::Invoiced);
    ledger.taxed();
    ledger.created("2026-03-31", Beginning::Active);
    ledger.subscribed("2026-04-01", "studio");
    ledger.attached("2026-04-01");
    for _ in 0..3 {
        ledger.used("2026-04-01", "droplet_hours", "720");
    }
    ledger
}

#[test]
fn the_april_records_make_the_april_invoice() {
    let document = april().check("2026-04", "70.64");
    let overage = &document.lines[2].line;
    let streams = overage.provenance.sources.iter().map(|it| it.stream.to_string());
    let streams = streams.collect::<Vec<_>>();
    assert_eq!(streams, ["catalog", "deployment-acme.shop", "usage-acme.2026-04"]);
}

#[test]
fn records_of_others_are_left_alone() {
    let mut ledger = april();
    ledger.subscribed("2026-04-01", "studio");
    let before = ledger.gather.clone();
    let subscribed = Subscribed { plan: "pro".parse().unwrap(), version: 1 };
    ledger.record("deployment-acme.co.shop", "2026-04-01", subscribed);
    assert_eq!(ledger.gather, before);
}

#[test]
fn a_correction_counts_in_place_of_what_it_corrects() {
    let mut ledger = april();
    let record = ledger.used("2026-04-02", "droplet_hours", "1000");
    for quantity in ["500", "0"] {
        let quantity = quantity.parse().unwrap();
        ledger.record("usage-acme.2026-04", "2026-04-03", Corrected { record, quantity });
    }
    ledger.check("2026-04", "70.64");
}

#[test]
fn a_trial_is_charged_from_the_day_it_ends() {
    let mut ledger = Ledger::new(Currency::AUD, Settlement::Invoiced);
    ledger.created("2026-03-20", Beginning::Trial { ends_at: at("2026-04-16T08:00:00Z") });
    ledger.subscribed("2026-03-20", "studio");
    let moved = Transitioned { from: State::Trial, to: State::Active, reason: None };
    ledger.record("deployment-acme.shop", "2026-04-17T00:05:00Z", moved);
    ledger.check("2026-04", "25.00");
}

#[test]
fn a_cancelled_subscription_keeps_its_version_and_loses_its_addons() {
    let mut ledger = april();
    let cancelled = SubscriptionCancelled { reason: None };
    ledger.record("deployment-acme.shop", "2026-04-11", cancelled);
    ledger.subscribed("2026-04-21", "studio");
    // 20 of 30 days of 50.00, 10 of 30 of 7.50, and 2160 h against 1488 x 20 / 30 = 992.
    let document = ledger.price("2026-04", Timestamp::MAX);
    let amounts = document.lines.iter().map(|it| it.line.amount.amount_text());
    assert_eq!(amounts.collect::<Vec<_>>(), ["33.33", "2.50", "11.68", "4.75"]);
}

#[test]
fn imports_out_of_order_make_the_same_invoice() {
    let mut ledger = Ledger::new(Currency::AUD, Settlement::Invoiced);
    ledger.taxed();
    ledger.attached("2026-04-01T00:00:01Z");
    ledger.subscribed("2026-04-01", "studio");
    ledger.created("2026-03-31", Beginning::Active);
    for _ in 0..3 {
        ledger.used("2026-04-01", "droplet_hours", "720");
    }
    ledger.check("2026-04", "70.64");
}

#[test]
fn a_gauge_runs_to_the_asked_instant() {
    let mut ledger = Ledger::new(Currency::USD, Settlement::Invoiced);
    let set = |value: &str| GaugeSet {
        kind: "hero_os_hour".parse().unwrap(),
        value: value.parse().unwrap(),
        deployment: None,
        resource: None,
    };
    ledger.record("usage-acme.2026-03", "2026-03-31T12:00:00Z", set("1"));
    let noon = ledger.price("2026-04", at("2026-04-02T12:00:00Z"));
    assert_eq!(noon.lines[0].line.quantity, Quantity::whole(36));
    assert_eq!(noon.total.amount_text(), "1.80");
    ledger.record("usage-acme.2026-04", "2026-04-01T00:30:00Z", set("0"));
    // Half an hour at 0.05 is 0.025.
    ledger.check("2026-04", "0.03");
}

#[test]
fn a_tenant_that_is_not_registered_has_no_facts() {
    let gather = Gather::of("nobody".parse().unwrap());
    let period = "2026-04".parse().unwrap();
    let error = gather.facts(&Book::default(), period, Timestamp::MAX);
    assert!(matches!(error, Err(GatherError::NotRegistered { .. })));
}
