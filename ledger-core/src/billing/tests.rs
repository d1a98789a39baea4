//! A ledger told in code, and the worked answers of the domain from its events.

use std::collections::BTreeMap;

use super::*;
use crate::catalog::{Catalog, ResourcePrice};
use crate::event::account::{
    CreditOrigin, CreditToppedUp, Party, Settlement, TaxBasis, TaxProfileSet, TaxTerms,
    TenantRegistered,
};
use crate::event::deployment::{AddonAttached, Beginning, Created, Subscribed};
use crate::event::invoice::{Line, LineKind};
use crate::event::{Event, catalog, usage};
use crate::id::{Actor, DeploymentSlug, EventId, LedgerId, Role};
use crate::log::{NewEvent, Revision};
use crate::money::{Currency, Money, Rounding};
use crate::price::Document;

mod adjusting;
mod answers;
mod asks;
mod audits;
mod metered;
mod posted;
mod previews;
mod process;
mod properties;
mod recomputed;
mod settling;
mod standing;
mod units;

pub(super) const LEDGER: LedgerId = LedgerId::from_bytes([7; 16]);

pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(super) fn at(text: &str) -> Timestamp {
    if text.len() == 10 { parsed(&format!("{text}T00:00:00Z")) } else { parsed(text) }
}

pub(super) fn seed() -> Catalog {
    Catalog::read(include_str!("../../../fixtures/catalogs/reseller-aud.json")).unwrap()
}

/// Streams in memory. Positions rise by more than one, as they may.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    pub(super) streams: BTreeMap<Stream, Vec<Record>>,
    /// The log's clock, where it is not the world's.
    pub(super) now: Option<Timestamp>,
    events: u64,
}

impl Ledger {
    pub(super) fn tell(&mut self, stream: &str, when: &str, event: impl Into<Event>) -> Revision {
        let event =
            NewEvent { event: event.into(), occurred_at: at(when), key: None, fingerprint: None };
        self.push(&parsed(stream), event, &Actor { who: parsed("test"), role: Role::Operator })
    }

    pub(super) fn push(&mut self, stream: &Stream, new: NewEvent, actor: &Actor) -> Revision {
        assert!(new.event.belongs_in(stream), "{} in {stream}", new.event.wire_name());
        self.events += 1;
        let records = self.streams.entry(stream.clone()).or_default();
        let revision = Revision::new(u64::try_from(records.len()).unwrap());
        let placed = || EventId::derive_placed(&LEDGER, stream, revision);
        records.push(Record {
            position: Position::new(self.events * 3),
            stream: stream.clone(),
            revision,
            id: new.key.as_ref().map_or_else(placed, EventId::derive),
            occurred_at: new.occurred_at,
            recorded_at: self.now.unwrap_or(new.occurred_at),
            actor: actor.clone(),
            causation: None,
            correlation: None,
            key: new.key,
            fingerprint: new.fingerprint,
            event: new.event,
            written: None,
        });
        revision
    }

    pub(super) fn head(&self) -> Position {
        Position::new(self.events * 3)
    }

    pub(super) fn read(&self, stream: &Stream) -> Result<Records, ReadError> {
        let records = self.streams.get(stream).cloned().unwrap_or_default();
        Ok(Box::new(records.into_iter().map(Ok)))
    }

    /// The seed catalog from 2026-01-01 on, and acme in AUD with GST.
    pub(super) fn of_a_reseller() -> Self {
        let mut ledger = Self::default();
        let Catalog { plans, addons, .. } = seed();
        for plan in plans {
            let published = catalog::PlanPublished { version: 1, plan: Box::new(plan) };
            ledger.tell("catalog", "2026-01-01", published);
        }
        for addon in addons {
            ledger.tell("catalog", "2026-01-01", catalog::AddonPublished { addon });
        }
        ledger.register("acme", Settlement::Invoiced, false);
        ledger
    }

    pub(super) fn register(&mut self, tenant: &str, settlement: Settlement, internal: bool) {
        let name = parsed("Acme Pty Ltd");
        let registered = TenantRegistered { name, currency: Currency::AUD, settlement, internal };
        self.tell(&format!("account-{tenant}"), "2026-01-02", registered);
        let customer = Party {
            name: parsed("Acme Holdings Pty Ltd"),
            address: vec![parsed("1 Example Street")],
            tax_number: Some(parsed("ABN 51 824 753 556")),
        };
        let gst = TaxTerms {
            name: parsed("GST"),
            rate: parsed("10"),
            basis: TaxBasis::Total,
            rounding: Rounding::HalfAwayFromZero,
        };
        let profile = TaxProfileSet { customer, tax: Some(gst) };
        self.tell(&format!("account-{tenant}"), "2026-01-02", profile);
    }

    pub(super) fn create(&mut self, slug: &str, when: &str, beginning: Beginning) {
        let created =
            Created { name: None, region: None, llm_mode: None, template: None, beginning };
        self.tell(&format!("deployment-acme.{slug}"), when, created);
    }

    pub(super) fn subscribe(&mut self, slug: &str, when: &str, plan: &str) {
        let subscribed = Subscribed { plan: parsed(plan), version: 1 };
        self.tell(&format!("deployment-acme.{slug}"), when, subscribed);
    }

    pub(super) fn attach(&mut self, slug: &str, when: &str, code: &str) {
        let addon = seed().addons.into_iter().find(|it| it.code.as_str() == code).unwrap();
        let attached = AddonAttached {
            attachment: parsed(&format!("{slug}-{code}")),
            addon: addon.code,
            kind: addon.kind,
            quantity: addon.quantity,
            price: addon.price,
        };
        self.tell(&format!("deployment-acme.{slug}"), when, attached);
    }

    pub(super) fn used(&mut self, slug: &str, when: &str, kind: &str, quantity: &str) -> Revision {
        let recorded = usage::Recorded {
            kind: parsed(kind),
            quantity: parsed(quantity),
            unit: None,
            category: None,
            deployment: Some(parsed(slug)),
            resource: None,
        };
        let stream = format!("usage-acme.{}", at(when).period());
        self.tell(&stream, when, recorded)
    }

    pub(super) fn correct(&mut self, record: Revision, quantity: &str) {
        let corrected = usage::Corrected { record, quantity: parsed(quantity) };
        self.tell("usage-acme.2026-04", "2026-05-01", corrected);
    }

    /// Each droplet reports its hours once a day.
    pub(super) fn droplets(&mut self, slug: &str, count: usize) {
        for day in parsed::<BillingPeriod>("2026-04").each_day() {
            for _ in 0..count {
                self.used(slug, &day.to_string(), "droplet_hours", "24");
            }
        }
    }

    /// DOMAIN's April: Studio with 50 GB more, three droplets of 720 hours.
    pub(super) fn of_april() -> Self {
        let mut ledger = Self::of_a_reseller();
        ledger.create("shop", "2026-03-31T22:00:00Z", Beginning::Active);
        ledger.subscribe("shop", "2026-04-01T08:00:00Z", "studio");
        ledger.attach("shop", "2026-04-01T09:00:00Z", "storage_50gb");
        ledger.droplets("shop", 3);
        ledger
    }

    /// A kind has a price in AUD from the first of January on.
    pub(super) fn sell(&mut self, kind: &str, unit: &str, price: &str) {
        let price = ResourcePrice {
            kind: parsed(kind),
            unit: parsed(unit),
            price: parsed(price),
            currency: Currency::AUD,
            ladder: None,
        };
        let effective_at = at("2026-01-01");
        self.tell("catalog", "2026-01-01", catalog::ResourcePriceSet { price, effective_at });
    }

    /// Acme, prepaid, with 10% in its prices, 0.01 a thousand tokens, and what it has paid in.
    pub(super) fn of_tokens(paid_in: &str, internal: bool) -> Self {
        let mut ledger = Self::default();
        ledger.register("acme", Settlement::Prepaid, internal);
        ledger.sell("llm_tokens", "1k_tokens", "0.01");
        ledger.create("shop", "2026-01-03", Beginning::Active);
        let (lot, amount) = (parsed("a"), Money::parse(paid_in, Currency::AUD).unwrap());
        let origin = CreditOrigin::Operator { reason: parsed("paid in") };
        let paid_in = CreditToppedUp { lot, amount, expires_at: None, origin };
        ledger.tell("account-acme", "2026-04-01", paid_in);
        ledger
    }

    pub(super) fn deployments(&self, tenant: &str) -> Vec<DeploymentSlug> {
        let slug = |it: &Stream| {
            let Stream::Deployment(of, slug) = it else { return None };
            (of.as_str() == tenant).then(|| slug.clone())
        };
        self.streams.keys().filter_map(slug).collect()
    }

    pub(super) fn basis(&self, tenant: &str, period: &str) -> Basis {
        let deployments = self.deployments(tenant);
        let (tenant, period) = (parsed(tenant), parsed(period));
        Basis::gather(&tenant, period, deployments, self.head(), |it| self.read(it)).unwrap()
    }

    pub(super) fn price(&self, period: &str) -> Document {
        let basis = self.basis("acme", period);
        basis.price(RULES_VERSION, basis.period.ends_at()).unwrap()
    }
}

/// Each line as kind, quantity, unit and amount.
pub(super) fn told(document: &Document) -> Vec<String> {
    document.lines.iter().map(|it| tell(&it.line)).collect()
}

pub(super) fn tell(line: &Line) -> String {
    let unit = line.unit.as_ref().map_or("-", |it| it.as_str());
    let kind = serde_json::to_value(line.kind).unwrap();
    let kind = kind.as_str().unwrap();
    format!("{kind} {} {unit} {}", line.quantity, line.amount.amount_text())
}

#[track_caller]
pub(super) fn check(ledger: &Ledger, period: &str, expected: &[&str], total: &str) -> Document {
    let document = ledger.price(period);
    assert_eq!(told(&document), expected);
    assert_eq!(document.total.amount_text(), total);
    for it in &document.lines {
        assert_eq!(it.explain.verify(), Ok(()));
        assert!(it.line.provenance.sha256.is_some(), "{:?} names no record", it.line);
    }
    document
}
