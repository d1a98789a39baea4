//! A stream in memory for the tests of decisions: what is decided is recorded and folded, as a
//! runner does, and a broken fold fails the test.

use std::fmt::Debug;

use super::{account::Account, catalog::Offers, deployment::Deployment, operation::Operation};
use crate::catalog::Catalog;
use crate::event::Event;
use crate::fold::FoldError;
use crate::id::{Actor, EventId, Key, Role};
use crate::log::{Position, Record, Revision};
use crate::stream::Stream;
use crate::time::Timestamp;

/// A state that is the fold of one stream.
pub(super) trait Folded: Default + Clone {
    const STREAM: &str;

    fn after(self, record: &Record) -> Result<Self, FoldError>;
}

impl Folded for Account {
    const STREAM: &str = "account-acme";

    fn after(self, record: &Record) -> Result<Self, FoldError> {
        self.fold(record)
    }
}

impl Folded for Deployment {
    const STREAM: &str = "deployment-acme.shop";

    fn after(self, record: &Record) -> Result<Self, FoldError> {
        self.fold(record)
    }
}

impl Folded for Operation {
    const STREAM: &str = "operation-op-1";

    fn after(self, record: &Record) -> Result<Self, FoldError> {
        self.fold(record)
    }
}

impl Folded for Offers {
    const STREAM: &str = "catalog";

    fn after(self, record: &Record) -> Result<Self, FoldError> {
        self.fold(record)
    }
}

/// One stream, its fold, and a clock.
#[derive(Debug, Clone)]
pub(super) struct Script<S> {
    pub(super) state: S,
    pub(super) at: Timestamp,
    pub(super) role: Role,
    pub(super) key: Option<Key>,
    told: Vec<Event>,
    records: Vec<Record>,
}

impl<S: Folded> Script<S> {
    pub(super) fn new() -> Self {
        let at = "2026-04-01T00:00:00Z".parse().unwrap();
        let (told, records) = (Vec::new(), Vec::new());
        Self { state: S::default(), at, role: Role::Operator, key: None, told, records }
    }

    /// Records what was decided; answers how many events that were.
    #[track_caller]
    pub(super) fn take<R: Debug>(&mut self, answer: Result<Vec<Event>, R>) -> usize {
        let events = answer.unwrap();
        let count = events.len();
        events.into_iter().for_each(|it| self.record(it));
        count
    }

    #[track_caller]
    pub(super) fn record(&mut self, event: Event) {
        let record = self.next(event);
        self.state = self.state.clone().after(&record).unwrap();
        self.keep(record);
    }

    /// Records it where the history allows it.
    pub(super) fn try_record(&mut self, event: Event) {
        let record = self.next(event);
        if let Ok(state) = self.state.clone().after(&record) {
            self.state = state;
            self.keep(record);
        }
    }

    fn keep(&mut self, record: Record) {
        self.told.push(record.event.clone());
        self.records.push(record);
    }

    /// Why the history does not allow it.
    #[track_caller]
    pub(super) fn refused(&self, event: Event) -> FoldError {
        self.state.clone().after(&self.next(event)).err().unwrap()
    }

    fn next(&self, event: Event) -> Record {
        let stream: Stream = S::STREAM.parse().unwrap();
        assert!(event.belongs_in(&stream), "{} in {stream}", event.wire_name());
        Record {
            position: Position::new(self.revision().get() + 1),
            stream,
            revision: self.revision(),
            id: EventId::from_bytes([0; 16]),
            occurred_at: self.at,
            recorded_at: self.at,
            actor: Actor { who: "somebody".parse().unwrap(), role: self.role },
            causation: None,
            correlation: None,
            key: self.key.clone(),
            fingerprint: None,
            event,
            written: None,
        }
    }

    /// The place that the next record gets.
    pub(super) fn revision(&self) -> Revision {
        Revision::new(u64::try_from(self.told.len()).unwrap())
    }

    /// Everything recorded.
    pub(super) fn told(&self) -> &[Event] {
        &self.told
    }

    /// The same, as the records they are.
    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.at = self.at.plus_seconds(seconds).unwrap();
    }
}

/// What is on offer in these tests.
pub(super) fn offers() -> Offers {
    let mut script = Script::<Offers>::new();
    script.take(script.state.publish(&catalog(), script.at));
    script.state
}

pub(super) fn catalog() -> Catalog {
    crate::json::from_str(CATALOG).unwrap()
}

const CATALOG: &str = r#"{
    "plans": [
        {"plan": "studio", "name": "Studio",
         "charge": {"monthly": {"amount": "50.00", "currency": "AUD"}},
         "items": [{"kind": "spaces_gb_month", "unit": "gb", "included": "100",
                    "price": {"per_unit": "0.02"}}]},
        {"plan": "vm5", "name": "Five machines",
         "charge": {"term": {"amount": {"amount": "10.00", "currency": "USD"}, "days": 30}},
         "grants": [{"kind": "vm", "count": 5}]},
        {"plan": "vm3", "name": "Three machines",
         "charge": {"term": {"amount": {"amount": "10.00", "currency": "USD"}, "days": 30}},
         "grants": [{"kind": "vm", "count": 3}]},
        {"plan": "vm5_aud", "name": "Five machines",
         "charge": {"term": {"amount": {"amount": "15.00", "currency": "AUD"}, "days": 30}},
         "grants": [{"kind": "vm", "count": 5}]},
        {"plan": "free", "name": "Free",
         "charge": {"monthly": {"amount": "0", "currency": "USD"}},
         "limits": {"max_node_instances": 1,
                    "max_monthly_provisioning": {"amount": "20", "currency": "USD"}}},
        {"plan": "pro_cloud", "name": "Pro",
         "charge": {"monthly": {"amount": "49", "currency": "USD"}},
         "limits": {"max_node_instances": 50,
                    "max_monthly_provisioning": {"amount": "500", "currency": "USD"}}},
        {"plan": "small", "name": "Small",
         "charge": {"monthly": {"amount": "5", "currency": "USD"}},
         "limits": {"max_node_instances": 10,
                    "max_monthly_provisioning": {"amount": "50.40", "currency": "USD"}}}
    ],
    "addons": [
        {"code": "storage_50gb", "name": "Storage 50 GB", "kind": "spaces_gb_month",
         "quantity": "50", "price": {"amount": "7.50", "currency": "AUD"}}
    ],
    "resource_prices": [
        {"kind": "node_hour", "unit": "hour", "price": "0.007", "currency": "USD"},
        {"kind": "vm_hour", "unit": "hour", "price": "0.01", "currency": "USD"},
        {"kind": "llm_tokens", "unit": "1k_tokens", "price": "0.01", "currency": "USD"}
    ],
    "coupons": [
        {"code": "LAUNCH25", "terms": {"name": "A quarter off", "discount": {"percent": "25"},
                                       "duration": "once"}}
    ]
}"#;
