//! A small world told in code: resources, projects, a bill, an invoice; and what is asked of it.

use std::collections::BTreeSet;

use super::*;
use crate::event::invoice::{Document, Line, LineKind, Provenance, Totals};
use crate::event::provider::{BillLine, CostOwner, LineClass};
use crate::id::{DeploymentId, ResourceId, TenantId};
use crate::log::{Position, Revision};
use crate::money::{Currency, ExchangeRate, Money};
use crate::time::{BillingPeriod, Timestamp};

mod answers;
mod attributions;
mod bills;
mod inventory;
mod leaks;
mod projections;
mod tables;

pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(super) fn at(text: &str) -> Timestamp {
    if text.len() == 10 { parsed(&format!("{text}T00:00:00Z")) } else { parsed(text) }
}

pub(super) fn usd(amount: &str) -> Money {
    Money::parse(amount, Currency::USD).unwrap()
}

pub(super) fn aud(amount: &str) -> Money {
    Money::parse(amount, Currency::AUD).unwrap()
}

/// A line of April's bill `4711` of DigitalOcean.
pub(super) fn bill_line(row: u32, product: &str, description: &str, amount: &str) -> CostLine {
    let line = BillLine {
        row,
        product: parsed(product),
        group: None,
        description: parsed(description),
        category: None,
        class: if product == "Taxes" { LineClass::Tax } else { LineClass::Charge },
        quantity: None,
        unit: None,
        starts_at: at("2026-04-01"),
        ends_at: at("2026-05-01"),
        amount: usd(amount),
        project: None,
        resource: None,
    };
    let id = LineId { provider: parsed("digitalocean"), bill: parsed("4711"), row };
    CostLine { id, ingest: parsed("first"), line, recorded_by: Revision::new(1) }
}

/// A droplet that lives since March and is nobody's.
pub(super) fn droplet(id: &str, name: &str) -> Resource {
    Resource {
        id: parsed(&format!("digitalocean.{id}")),
        resource_type: parsed("droplet"),
        names: Timeline::new([(at("2026-03-01"), parsed(name))]),
        live: vec![Interval { starts_at: at("2026-03-01"), ends_at: None }],
        links: Vec::new(),
        tenants: Timeline::default(),
        projects: Timeline::default(),
        price_per_hour: Some(usd("0.00893")),
        first_seen: Revision::FIRST,
        gone_by: None,
    }
}

pub(super) fn linked(deployment: &str, from: &str, to: Option<&str>) -> Linked {
    let during = Interval { starts_at: at(from), ends_at: to.map(at) };
    let deployment = parsed::<DeploymentId>(deployment);
    Linked {
        deployment,
        during,
        linked_by: Revision::new(2),
        unlinked_by: to.map(|_| Revision::new(3)),
    }
}

pub(super) fn project(id: &str, name: &str, tenant: &str) -> Project {
    Project {
        provider: parsed("digitalocean"),
        id: parsed(id),
        names: Timeline::new([(at("2026-01-01"), parsed(name))]),
        tenants: Timeline::new([(at("2026-01-01"), Some(parsed(tenant)))]),
    }
}

pub(super) fn products() -> Products {
    let mut products = Products::default();
    let droplets =
        Mapping { resource_type: Some(parsed("droplet")), kind: Some(parsed("droplet_hours")) };
    let spaces = Mapping { resource_type: None, kind: Some(parsed("spaces_gb_month")) };
    let backups = Mapping { resource_type: Some(parsed("Droplet")), kind: None };
    products.map(&parsed("digitalocean"), &parsed("Droplets"), droplets);
    products.map(&parsed("digitalocean"), &parsed("Droplet Backups"), backups);
    products.map(&parsed("digitalocean"), &parsed("Spaces Subscription"), spaces);
    products
}

pub(super) fn invoice_line(kind: LineKind, amount: &str, deployment: Option<&str>) -> Line {
    Line {
        kind,
        resource_kind: (kind == LineKind::Overage).then(|| parsed("droplet_hours")),
        description: parsed("as printed"),
        quantity: parsed("1"),
        unit: None,
        unit_price: None,
        amount: aud(amount),
        deployment: deployment.map(parsed),
        starts_on: parsed("2026-04-01"),
        ends_on: parsed("2026-05-01"),
        adjusts: None,
        original: None,
        taxable: kind != LineKind::Tax,
        settled: false,
        provenance: Provenance { sources: Vec::new(), sha256: None },
    }
}

/// A document of these lines; `tax` is on top as a line, or in the prices where there is none.
pub(super) fn document(lines: Vec<Line>, tax: &str) -> Document {
    let gross = Money::sum(Currency::AUD, lines.iter().map(|it| it.amount)).unwrap();
    let net = gross.checked_sub(aud(tax)).unwrap();
    let party = crate::event::account::Party {
        name: parsed("Acme"),
        address: Vec::new(),
        tax_number: None,
    };
    Document {
        number: parsed("INV-000001"),
        issuer: parsed("main"),
        issued_by: party.clone(),
        issued_to: party,
        words: Vec::new(),
        lines,
        tax: None,
        totals: Totals { net, tax: aud(tax), gross },
        adjusted: Vec::new(),
        rules: 1,
        folded_to: Position::new(9),
    }
}

pub(super) fn rates(pairs: &[(&str, &str, &str, &str)]) -> Rates {
    let mut rates = Rates::default();
    for (base, quote, rate, on) in pairs {
        let rate = ExchangeRate::new(parsed(base), parsed(quote), parsed(rate)).unwrap();
        rates.set(parsed(on), rate);
    }
    rates
}

/// Everything a margin of April needs, to change one thing of.
pub(super) struct World {
    pub(super) rates: Rates,
    pub(super) products: Products,
    pub(super) resources: Vec<Resource>,
    pub(super) projects: Vec<Project>,
    pub(super) lines: Vec<CostLine>,
    pub(super) by_hand: Vec<ByHand>,
    pub(super) earned: Vec<Earned>,
    pub(super) internal: BTreeSet<TenantId>,
    pub(super) recoverable: BTreeSet<crate::id::Provider>,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            rates: rates(&[("AUD", "USD", "1", "2026-01-01")]),
            products: products(),
            resources: Vec::new(),
            projects: Vec::new(),
            lines: Vec::new(),
            by_hand: Vec::new(),
            earned: Vec::new(),
            internal: BTreeSet::new(),
            recoverable: BTreeSet::new(),
        }
    }

    pub(super) fn attributed(&self) -> Vec<Attributed> {
        let Self { lines, by_hand, products, resources, projects, .. } = self;
        attribute(lines, by_hand, products, resources, projects).unwrap()
    }

    pub(super) fn margin(&self) -> Margin {
        self.margin_of("2026-04")
    }

    pub(super) fn margin_of(&self, period: &str) -> Margin {
        margin(&MarginFacts {
            period: parsed::<BillingPeriod>(period),
            reporting: Currency::AUD,
            rates: &self.rates,
            internal: &self.internal,
            earned: &self.earned,
            costs: &self.attributed(),
            recoverable: &self.recoverable,
            products: &self.products,
        })
        .unwrap()
    }
}

/// What somebody said of a line.
pub(super) fn said(of: &CostLine, owner: CostOwner, remembered: bool, position: u64) -> ByHand {
    ByHand {
        id: of.id.clone(),
        ingest: of.ingest.clone(),
        line: of.line.clone(),
        owner,
        remembered,
        position: Position::new(position),
    }
}

/// Each part of each line as `owner amount`.
pub(super) fn told(attributed: &[Attributed]) -> Vec<String> {
    let owner = |it: &Owner| match it {
        Owner::Deployment(it) => it.to_string(),
        Owner::Tenant(it) => it.to_string(),
        Owner::Nobody(why) => format!("{why:?}"),
    };
    let parts = attributed.iter().flat_map(|it| &it.parts);
    parts.map(|it| format!("{} {}", owner(&it.owner), it.amount.amount_text())).collect()
}

/// A row as `revenue - cogs = margin (percent)`, with `?` and the pair where there is no rate.
pub(super) fn tell(it: &Figures) -> String {
    let percent = it.percent.map_or("none".to_owned(), |it| it.to_text_with(1));
    let cell = |it: &Cell| match it {
        Cell::Shown(it) => it.amount_text(),
        Cell::Unconverted(pairs) => {
            let pairs = pairs.iter().map(|it| format!("?{}-{}", it.from, it.to));
            pairs.collect::<String>()
        }
    };
    format!("{} - {} = {} ({percent})", cell(&it.revenue), cell(&it.cogs), cell(&it.margin))
}

pub(super) fn resource_id(text: &str) -> ResourceId {
    parsed(text)
}
