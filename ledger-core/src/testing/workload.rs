//! Appends as nobody would write them by hand: a seed gives a sequence of them.
//!
//! Small and large, keyed and not, to streams that exist and that do not, with right and wrong
//! demands; repeats of earlier appends, the same key with other content, the same key of another
//! tenant. Nothing is held back because an engine might not like it: what must happen is the
//! model's business.

use crate::event::{Event, parsed, usage};
use crate::id::{Actor, CorrelationId, EventId, Key, KeyScope, Role, TenantId};
use crate::log::{Append, Expected, Fingerprint, NewEvent, OnConflict, Revision};
use crate::money::Quantity;
use crate::stream::Stream;
use crate::time::Timestamp;

use super::disk::Chance;
use super::model::Model;

/// Makes appends.
#[derive(Debug, Clone)]
pub struct Workload {
    chance: Chance,
    /// Events made so far; each is unlike every other by its time.
    made: u32,
    /// What was made, for repeats.
    appends: Vec<Append>,
    /// One event of each kind that may be appended, with a stream it belongs in.
    kinds: Vec<(Event, Stream)>,
}

/// Midnight of 1 April 2026: when everything that is made up here begins.
pub fn epoch() -> Timestamp {
    instant(1_775_001_600_000_000)
}

const TENANTS: [&str; 3] = ["acme", "beta.example", "gamma"];

impl Workload {
    /// The appends of this seed.
    pub fn new(seed: u64) -> Self {
        let streams = streams();
        let mut kinds = Vec::new();
        for (wire, bytes) in Event::exemplars() {
            let stream = streams.iter().find(|stream| wire.belongs_in(stream));
            if let (Some(stream), Ok(event)) = (stream, wire.decode(&bytes)) {
                kinds.push((event, stream.clone()));
            }
        }
        Self { chance: Chance::new(seed), made: 0, appends: Vec::new(), kinds }
    }

    /// The next append, made in sight of what the log should hold by now.
    pub fn next(&mut self, model: &Model) -> Append {
        let append = match self.chance.below(20) {
            0 if !self.appends.is_empty() => self.repeated(),
            1 | 5 if !self.appends.is_empty() => self.contradicted(),
            2 if !self.appends.is_empty() => self.of_another_tenant(),
            3 | 4 => self.of_any_kind(),
            _ => self.usage(),
        };
        let append = self.demanding(append, model);
        self.appends.push(append.clone());
        append
    }

    fn usage(&mut self) -> Append {
        let tenant = TENANTS[self.chance.below(TENANTS.len())];
        let period = ["2026-04", "2026-05"][self.chance.below(2)];
        let stream = Stream::Usage(parsed(tenant), parsed(period));
        let count = match self.chance.below(12) {
            0 => self.chance.below(40),
            1..=3 => self.chance.below(8),
            _ => 0,
        };
        let events = (0..=count).map(|_| {
            let event = self.recorded();
            self.new_event(event, tenant)
        });
        let events = events.collect();
        self.append(stream, events)
    }

    /// One of every kind of event there is, sooner or later.
    fn of_any_kind(&mut self) -> Append {
        if self.kinds.is_empty() {
            return self.usage();
        }
        let (event, stream) = self.kinds[self.chance.below(self.kinds.len())].clone();
        let events = vec![self.new_event(event, TENANTS[0])];
        self.append(stream, events)
    }

    /// An earlier append again: a client that did not hear the answer.
    fn repeated(&mut self) -> Append {
        self.appends[self.chance.below(self.appends.len())].clone()
    }

    /// An earlier append's keys with other content, among new events or alone.
    fn contradicted(&mut self) -> Append {
        let mut append = self.repeated();
        for event in &mut append.events {
            event.fingerprint = None;
            event.occurred_at = instant(event.occurred_at.as_micros() - 1);
        }
        if self.chance.once_in(2)
            && let Some(event) = append.events.first().map(|first| first.event.clone())
        {
            append.events.push(self.new_event(event, TENANTS[0]));
            append.on_conflict = OnConflict::SkipThem;
        }
        append
    }

    /// An earlier append's keys in the scope of another tenant: new events, whoever asked before.
    fn of_another_tenant(&mut self) -> Append {
        let mut append = self.repeated();
        let tenant: TenantId = parsed(TENANTS[self.chance.below(TENANTS.len())]);
        for event in &mut append.events {
            if let Some(key) = &mut event.key {
                key.scope = KeyScope::Tenant(tenant.clone());
            }
        }
        append
    }

    /// With a demand on the stream's revision, right or wrong.
    fn demanding(&mut self, mut append: Append, model: &Model) -> Append {
        let head = model.stream_head(&append.stream);
        append.expected = match (self.chance.below(12), head) {
            (0, _) => Expected::NoStream,
            (1, _) => Expected::Exactly(Revision::new(self.chance.number() % 50)),
            (2..=4, None) => Expected::NoStream,
            (2..=4, Some(revision)) => Expected::Exactly(revision),
            _ => Expected::Any,
        };
        append
    }

    fn append(&mut self, stream: Stream, events: Vec<NewEvent>) -> Append {
        let chance = &mut self.chance;
        Append {
            stream,
            expected: Expected::Any,
            actor: Actor {
                who: parsed(["ann", "meter-1", "stripe"][chance.below(3)]),
                role: [Role::Operator, Role::Producer, Role::Gateway, Role::Importer]
                    [chance.below(4)],
            },
            causation: chance.once_in(4).then(|| EventId::from_bytes(noise(chance))),
            correlation: chance.once_in(4).then(|| CorrelationId::from_bytes(noise(chance))),
            events,
            on_conflict: [OnConflict::RefuseAll, OnConflict::SkipThem][chance.below(2)],
        }
    }

    fn recorded(&mut self) -> Event {
        let chance = &mut self.chance;
        let slug = "a".repeat(1 + chance.below(63));
        Event::from(usage::Recorded {
            kind: parsed(["droplet_hours", "egress_gb", "x"][chance.below(3)]),
            quantity: Quantity::whole(u32::try_from(chance.below(1_000_000)).unwrap_or(0)),
            unit: None,
            category: None,
            deployment: chance.once_in(2).then(|| parsed(&slug)),
            resource: None,
        })
    }

    fn new_event(&mut self, event: Event, tenant: &str) -> NewEvent {
        self.made += 1;
        let made = self.made;
        let chance = &mut self.chance;
        let id = match chance.below(3) {
            0 => None,
            1 => Some(format!("r{made}")),
            _ => Some(format!("{:08x}-0000-4000-8000-{:012x}", chance.number() >> 32, made)),
        };
        let tenant: TenantId = parsed(tenant);
        NewEvent {
            event,
            occurred_at: instant(epoch().as_micros() + i64::from(made) * 1_000),
            key: id.map(|id| Key {
                scope: if chance.once_in(8) {
                    KeyScope::Operator
                } else {
                    KeyScope::Tenant(tenant)
                },
                source: parsed(["meter-1", "import"][chance.below(2)]),
                id: parsed(&id),
                index: if chance.once_in(6) { 7 } else { 0 },
            }),
            fingerprint: chance.once_in(5).then(|| {
                let (one, other) = (noise(chance), noise(chance));
                let mut fingerprint = [0; 32];
                fingerprint[..16].copy_from_slice(&one);
                fingerprint[16..].copy_from_slice(&other);
                Fingerprint(fingerprint)
            }),
        }
    }
}

/// One stream of every category that callers append to.
fn streams() -> Vec<Stream> {
    [
        "catalog",
        "access-acme",
        "account-acme",
        "usage-acme.2026-04",
        "deployment-acme.shop",
        "resource-digitalocean.i-1",
        "project-digitalocean.p-1",
        "bill-digitalocean.b-1",
        "invoice-acme.2026-04",
        "register-counterfoil",
        "operation-00000000-0000-4000-8000-000000000001",
        "support-2026-04-01",
        "suspense-stripe",
    ]
    .into_iter()
    .filter_map(|name| name.parse().ok())
    .collect()
}

fn instant(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros).expect("the tests stay in this century")
}

fn noise(chance: &mut Chance) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&chance.number().to_le_bytes());
    bytes[8..].copy_from_slice(&chance.number().to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::AppendError;

    /// A generator that never asks for something is a test that never sees it.
    #[test]
    fn every_kind_of_answer_is_asked_for() {
        let mut model = Model::new();
        let mut workload = Workload::new(1);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..3_000 {
            let append = workload.next(&model);
            assert!(append.events.iter().all(|it| it.event.belongs_in(&append.stream)));
            *seen.entry(model.judge(&append).in_a_word()).or_insert(0) += 1;
            let unknown = Err(AppendError::Stopped { why: String::new() });
            model.take(&append, &unknown).unwrap();
        }
        for word in
            ["recorded", "duplicate", "mixed", "conflict", "partly recorded", "wrong revision"]
        {
            assert!(seen.get(word).is_some_and(|count| *count > 20), "{word}: {seen:?}");
        }
        let kinds: std::collections::BTreeSet<_> =
            model.records().iter().map(|record| record.stream.category()).collect();
        assert!(kinds.len() > 10, "{kinds:?}");
    }

    #[test]
    fn a_seed_makes_the_same_appends_every_time() {
        let appends = |seed| -> Vec<_> {
            let mut workload = Workload::new(seed);
            (0..100).map(|_| workload.next(&Model::new())).collect()
        };
        assert_eq!(appends(5), appends(5));
        assert_ne!(appends(5), appends(6));
    }
}
