//! The worked answers of the domain, and the rules one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::catalog::{Addon, Catalog, PlanVersion};
use crate::event::account::{TaxBasis, TaxTerms};
use crate::id::AddonCode;
use crate::money::{Exact, Percent};
use crate::time::Timestamp;

mod answers;
mod draws;
mod models;
mod published;
mod rules;
mod taxes;
mod vendors;

/// One of the catalogs that ship with the product.
pub(super) fn seed(name: &str) -> Catalog {
    let text = match name {
        "reseller-aud" => include_str!("../../../fixtures/catalogs/reseller-aud.json"),
        "quota-usd" => include_str!("../../../fixtures/catalogs/quota-usd.json"),
        _ => include_str!("../../../fixtures/catalogs/limits-usd.json"),
    };
    Catalog::read(text).unwrap()
}

pub(super) fn plan(code: &str) -> Arc<PlanVersion> {
    let catalogs = ["reseller-aud", "quota-usd", "limits-usd"].map(seed);
    let mut plans = catalogs.into_iter().flat_map(|it| it.plans);
    Arc::new(plans.find(|it| it.plan.as_str() == code).unwrap())
}

pub(super) fn addon(code: &str) -> Addon {
    seed("reseller-aud").addons.into_iter().find(|it| it.code.as_str() == code).unwrap()
}

pub(super) fn aud(amount: &str) -> Money {
    Money::parse(amount, Currency::AUD).unwrap()
}

pub(super) fn at(text: &str) -> Timestamp {
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    text.parse().unwrap()
}

pub(super) fn one(stream: &str, revision: u64) -> Sources {
    Sources::one(stream.parse().unwrap(), Revision::new(revision))
}

pub(super) fn gst() -> Tax {
    let terms = TaxTerms {
        name: "GST".parse().unwrap(),
        rate: Percent::new(Exact::whole(10)).unwrap(),
        basis: TaxBasis::Total,
        rounding: Rounding::HalfAwayFromZero,
    };
    Tax { terms, from: one("account-acme", 1) }
}

/// Facts as a story tells them, one call a fact.
pub(super) struct Story {
    pub(super) facts: Facts,
}

impl Story {
    pub(super) fn of(period: &str, currency: Currency) -> Self {
        Self { facts: Facts::of_whole(period.parse().unwrap(), currency) }
    }

    pub(super) fn deployment(mut self, slug: &str) -> Self {
        let slug = slug.parse().unwrap();
        let (bound, charged, attached) = (Vec::new(), Vec::new(), Vec::new());
        self.facts.deployments.push(Deployment { slug, bound, charged, attached });
        self
    }

    fn last(&mut self) -> &mut Deployment {
        self.facts.deployments.last_mut().unwrap()
    }

    pub(super) fn bound(self, since: &str, code: &str, version: u32) -> Self {
        self.bound_to(since, plan(code), version)
    }

    pub(super) fn bound_to(mut self, since: &str, plan: Arc<PlanVersion>, version: u32) -> Self {
        let from = one("deployment-acme.shop", 1);
        self.last().bound.push(Bound { at: at(since), version, plan, from });
        self
    }

    pub(super) fn charged(mut self, since: &str, is_charged: bool) -> Self {
        let from = one("deployment-acme.shop", 2);
        self.last().charged.push(Charged { at: at(since), is_charged, from });
        self
    }

    pub(super) fn subscribed(self, since: &str, code: &str) -> Self {
        self.bound(since, code, 1).charged(since, true)
    }

    pub(super) fn attached(mut self, since: &str, until: Option<&str>, code: &str) -> Self {
        let Addon { code, name, kind, quantity, price } = addon(code);
        self.last().attached.push(Attached {
            addon: AddonCode::new(code.as_str()).unwrap(),
            name,
            kind,
            quantity,
            price,
            attached_at: at(since),
            detached_at: until.map(at),
            from: one("deployment-acme.shop", 3),
        });
        self
    }

    pub(super) fn used(self, when: &str, kind: &str, quantity: &str) -> Self {
        self.used_as(when, kind, quantity, None)
    }

    pub(super) fn used_as(
        mut self,
        when: &str,
        kind: &str,
        quantity: &str,
        category: Option<&str>,
    ) -> Self {
        let place = u64::try_from(self.facts.usage.len()).unwrap();
        let usage = Usage {
            at: at(when),
            deployment: self.facts.deployments.last().map(|it| it.slug.clone()),
            kind: kind.parse().unwrap(),
            quantity: quantity.parse().unwrap(),
            category: category.map(|it| it.parse().unwrap()),
            resource: None,
            known: None,
            from: one("usage-acme.2026-04", place),
        };
        self.facts.usage.push(usage);
        self
    }

    pub(super) fn resource_prices(mut self, since: &str, catalog: &str) -> Self {
        for price in seed(catalog).resource_prices {
            let (at, from) = (at(since), one("catalog", 9));
            self.facts.resource_prices.push(EffectivePrice { at, price: Arc::new(price), from });
        }
        self
    }

    pub(super) fn taxed(mut self) -> Self {
        self.facts.tax = Some(gst());
        self
    }

    pub(super) fn until(mut self, until: &str) -> Self {
        self.facts.until = at(until);
        self
    }

    pub(super) fn price(&self) -> Document {
        let document = price(&self.facts).unwrap();
        for priced in &document.lines {
            assert_eq!(priced.explain.verify(), Ok(()));
            assert_eq!(priced.explain.value.to_exact(), Some(priced.line.amount.amount()));
            assert!(priced.line.amount.is_whole_minor());
        }
        document
    }
}

/// Each line as kind, quantity and amount.
pub(super) fn told(document: &Document) -> Vec<String> {
    lines_told(&document.lines)
}

pub(super) fn lines_told(lines: &[Priced]) -> Vec<String> {
    let kind = |it: LineKind| serde_json::to_value(it).unwrap().as_str().unwrap().to_owned();
    let tell = |it: &Priced| {
        let unit = it.line.unit.as_ref().map_or("-", |it| it.as_str());
        let amount = it.line.amount.amount_text();
        format!("{} {} {unit} {amount}", kind(it.line.kind), it.line.quantity)
    };
    lines.iter().map(tell).collect()
}

#[track_caller]
pub(super) fn check(story: &Story, expected: &[&str], total: &str) -> Document {
    let document = story.price();
    assert_eq!(told(&document), expected);
    assert_eq!(document.total.amount_text(), total);
    document
}
