//! Small appends for tests of logs, and a clock that a test sets.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::event::Event;
use crate::event::usage;
use crate::id::{Actor, Key, KeyScope, ResourceKind, Role, TenantId};
use crate::log::embedded::{Clock, Reading};
use crate::log::{Append, Expected, NewEvent, OnConflict};
use crate::money::Quantity;
use crate::stream::Stream;
use crate::time::Timestamp;

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    wall_micros: AtomicI64,
    monotonic_micros: AtomicI64,
}

impl ManualClock {
    /// Stands at an instant.
    pub fn at(instant: Timestamp) -> Self {
        let wall_micros = AtomicI64::new(instant.as_micros());
        Self { wall_micros, monotonic_micros: AtomicI64::new(0) }
    }

    /// Time passes: both clocks move.
    pub fn pass(&self, micros: i64) {
        self.wall_micros.fetch_add(micros, Ordering::SeqCst);
        self.monotonic_micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock; no time passes.
    pub fn set(&self, instant: Timestamp) {
        self.wall_micros.store(instant.as_micros(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::at(Timestamp::saturating_from_micros(1_775_000_000_000_000))
    }
}

impl Clock for ManualClock {
    fn read(&self) -> Reading {
        let monotonic = u64::try_from(self.monotonic_micros.load(Ordering::SeqCst)).unwrap_or(0);
        Reading {
            wall: Timestamp::saturating_from_micros(self.wall_micros.load(Ordering::SeqCst)),
            monotonic: Duration::from_micros(monotonic),
        }
    }
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a test's own text is valid")
}

/// A tenant's usage stream of April 2026.
pub fn usage_stream(tenant: &str) -> Stream {
    Stream::Usage(parsed::<TenantId>(tenant), parsed("2026-04"))
}

/// The key `id` of a tenant's producer.
pub fn producer_key(tenant: &str, id: &str) -> Key {
    Key {
        scope: KeyScope::Tenant(parsed(tenant)),
        source: parsed("/producers/test"),
        id: parsed(id),
        index: 0,
    }
}

/// Usage of so many droplet hours, recorded under a key of the tenant's producer.
pub fn usage(tenant: &str, id: &str, hours: u32) -> NewEvent {
    let recorded = usage::Recorded {
        kind: parsed::<ResourceKind>("droplet_hours"),
        quantity: parsed::<Quantity>(&hours.to_string()),
        unit: None,
        category: None,
        deployment: None,
        resource: None,
    };
    NewEvent {
        event: Event::from(recorded),
        occurred_at: parsed("2026-04-07T10:00:00Z"),
        key: Some(producer_key(tenant, id)),
        fingerprint: None,
    }
}

/// An append of events to one stream by a producer.
pub fn append(stream: Stream, expected: Expected, events: Vec<NewEvent>) -> Append {
    Append {
        stream,
        expected,
        actor: Actor { who: parsed("test"), role: Role::Producer },
        causation: None,
        correlation: None,
        events,
        on_conflict: OnConflict::RefuseAll,
    }
}
