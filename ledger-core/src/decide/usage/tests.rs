//! Corrections and units, each decided from a stream in memory.

use super::*;
use crate::catalog::Catalog;
use crate::event::catalog::{PlanPublished, ResourcePriceSet};
use crate::id::{Actor, EventId, Role};
use crate::log::Position;
use crate::stream::Stream;

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A stream in memory, and what it folds to.
struct Told {
    stream: Stream,
    next: u64,
    recorded: Recorded,
}

impl Told {
    fn new(stream: &str) -> Self {
        Self { stream: parsed(stream), next: 0, recorded: Recorded::default() }
    }

    fn record(&mut self, event: impl Into<Event>) -> Record {
        let at = parsed("2026-04-03T00:00:00Z");
        let record = Record {
            position: Position::new(self.next * 3 + 7),
            stream: self.stream.clone(),
            revision: Revision::new(self.next),
            id: EventId::from_bytes([u8::try_from(self.next).unwrap(); 16]),
            occurred_at: at,
            recorded_at: at,
            actor: Actor { who: parsed("meter"), role: Role::Producer },
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            event: event.into(),
            written: None,
        };
        self.next += 1;
        record
    }

    fn tell(&mut self, event: impl Into<Event>) -> Revision {
        let record = self.record(event);
        self.recorded = std::mem::take(&mut self.recorded).fold(&record).unwrap();
        record.revision
    }

    fn used(&mut self, quantity: &str) -> Revision {
        self.tell(usage::Recorded {
            kind: parsed("llm_tokens"),
            quantity: parsed(quantity),
            unit: None,
            category: None,
            deployment: None,
            resource: None,
        })
    }

    /// Corrects as a runner does; answers how many events that took.
    #[track_caller]
    fn correct(&mut self, record: Revision, quantity: &str) -> usize {
        let events = self.recorded.correct(record, parsed(quantity)).unwrap();
        let count = events.len();
        for event in events {
            self.tell(event);
        }
        count
    }
}

#[test]
fn the_last_correction_counts_and_the_same_again_is_nothing() {
    let mut usage = Told::new("usage-acme.2026-04");
    let record = usage.used("10");
    assert_eq!(usage.correct(record, "10"), 0);
    assert_eq!(usage.correct(record, "7"), 1);
    assert_eq!(usage.correct(record, "7"), 0);
    assert_eq!(usage.correct(record, "10"), 1);
    assert_eq!(usage.recorded.quantity(record), Some(parsed("10")));
    assert_eq!(usage.correct(record, "0"), 1);
    assert_eq!(usage.correct(record, "0"), 0);
}

#[test]
fn a_record_of_zero_is_voided_once() {
    let mut usage = Told::new("usage-acme.2026-04");
    let record = usage.used("0");
    assert_eq!(usage.correct(record, "0"), 1);
    assert_eq!(usage.correct(record, "0"), 0);
}

#[test]
fn a_gauge_is_corrected_like_a_record() {
    let mut usage = Told::new("usage-acme.2026-04");
    let (kind, value) = (parsed("node_hour"), parsed("1"));
    let set = usage::GaugeSet { kind, value, deployment: None, resource: None };
    let gauge = usage.tell(set);
    assert_eq!(usage.correct(gauge, "2"), 1);
    assert_eq!(usage.recorded.quantity(gauge), Some(parsed("2")));
}

#[test]
fn what_is_not_there_is_less_than_nothing_or_a_correction_is_refused() {
    let mut usage = Told::new("usage-acme.2026-04");
    let record = usage.used("10");
    let refused = |usage: &Told, record: u64, quantity: &str| {
        let refusal = usage.recorded.correct(Revision::new(record), parsed(quantity)).unwrap_err();
        (refusal.code(), refusal.kind())
    };
    assert_eq!(refused(&usage, 1, "5"), ("usage_unknown", RefusalKind::NotFound));
    let negative = ("quantity_negative", RefusalKind::Unprocessable);
    assert_eq!(refused(&usage, record.get(), "-1"), negative);
    usage.correct(record, "5");
    let correction = ("usage_is_correction", RefusalKind::Unprocessable);
    assert_eq!(refused(&usage, 1, "-1"), correction);
}

#[test]
fn a_correction_of_nothing_does_not_fold_and_says_so() {
    let mut usage = Told::new("usage-acme.2026-04");
    let corrected = usage::Corrected { record: Revision::new(9), quantity: parsed("1") };
    let record = usage.record(corrected);
    let error = Recorded::default().fold(&record).unwrap_err();
    assert_eq!(error.to_string(), "position 7 names usage record 9, which is not there");
}

fn offers() -> Offers {
    let mut catalog = Told::new("catalog");
    let mut offers = Offers::default();
    let mut publish = |event: Event| {
        let record = catalog.record(event);
        offers = std::mem::take(&mut offers).fold(&record).unwrap();
    };
    let seed = include_str!("../../../../fixtures/catalogs/reseller-aud.json");
    for plan in Catalog::read(seed).unwrap().plans {
        publish(PlanPublished { version: 1, plan: Box::new(plan) }.into());
    }
    let quota = include_str!("../../../../fixtures/catalogs/quota-usd.json");
    for price in Catalog::read(quota).unwrap().resource_prices {
        let effective_at = parsed("2026-01-01T00:00:00Z");
        publish(ResourcePriceSet { price, effective_at }.into());
    }
    offers
}

#[test]
fn usage_is_stated_in_what_it_is_sold_in() {
    let offers = offers();
    let check = |kind: &str, unit: &str| expect_unit(&offers, &parsed(kind), &parsed(unit));
    for (kind, unit) in [
        ("droplet_hours", "hour"),
        ("droplet_hours", "Hours"),
        ("droplet_hours", "100_hours"),
        ("llm_tokens", "1k_tokens"),
        ("llm_token", "token"),
        ("bandwidth_gb", "GB"),
        // Nothing sells it, so nothing says what it is sold in.
        ("gpu_minutes", "minute"),
    ] {
        assert_eq!(check(kind, unit), Ok(()), "{kind} in {unit}");
    }
    let foreign =
        |kind: &str, unit: &str| matches!(check(kind, unit), Err(UnitRefusal::Foreign { .. }));
    assert!(foreign("droplet_hours", "minute"));
    assert!(foreign("bandwidth_gb", "mb"));
    assert!(foreign("llm_tokens", "1k_words"));
    let size = |unit: &str| matches!(check("droplet_hours", unit), Err(UnitRefusal::Size { .. }));
    assert!(size("3_hours"));
    assert!(size("0_hours"));
}
