//! Strategies for events, keys and whole records, for the property tests of every crate.
//!
//! Each body's strategy is derived where the body is, so a new event is drawn from the day it
//! exists. Lists are short: an arbitrary event fits into the log's bounds.

use proptest::collection::{SizeRange, btree_map, vec};
use proptest::prelude::{Arbitrary, BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::strategy::Union;

use super::values::{
    bill_ref, day, deployment_slug, foreign_text, issuer_id, operation_id, period, provider,
    provider_ref, tenant_id,
};
use crate::event::Event;
use crate::event::inventory::{FieldValue, Fields};
use crate::id::{
    Actor, CorrelationId, EventId, FieldName, IngestId, Key, ProjectionName, Prose, ResourceId,
    Sha256Digest, SyncId,
};
use crate::log::{Fingerprint, Position, Record, Revision};
use crate::stream::{Stream, StreamCategory};
use crate::time::Timestamp;

/// None, one or a few of anything.
pub fn few<T: Arbitrary + 'static>() -> BoxedStrategy<Vec<T>> {
    vec(any::<T>(), few_of()).boxed()
}

/// None, one or a few fields.
pub fn few_named() -> BoxedStrategy<Fields> {
    btree_map(any::<FieldName>(), any::<FieldValue>(), few_of()).boxed()
}

fn few_of() -> SizeRange {
    SizeRange::from(0..4)
}

/// Any event of any family; each body is as likely as the others.
pub fn event() -> impl Strategy<Value = Event> {
    Union::new(Event::strategies())
}

/// Any event in a stream it may stand in.
pub fn placed_event() -> impl Strategy<Value = (Stream, Event)> {
    let tenant = (tenant_id(), deployment_slug(), period());
    let foreign = (provider(), provider_ref(), bill_ref());
    (event(), tenant, foreign, (issuer_id(), operation_id(), day())).prop_map(
        |(event, (tenant, slug, period), (provider, id, bill), (issuer, operation, day))| {
            let stream = StreamCategory::ALL
                .into_iter()
                .map(|category| match category {
                    StreamCategory::Catalog => Stream::Catalog,
                    StreamCategory::Ledger => Stream::Ledger,
                    StreamCategory::Access => Stream::Access(tenant.clone()),
                    StreamCategory::Account => Stream::Account(tenant.clone()),
                    StreamCategory::Usage => Stream::Usage(tenant.clone(), period),
                    StreamCategory::Deployment => Stream::Deployment(tenant.clone(), slug.clone()),
                    StreamCategory::Resource => Stream::Resource(provider.clone(), id.clone()),
                    StreamCategory::Project => Stream::Project(provider.clone(), id.clone()),
                    StreamCategory::Bill => Stream::Bill(provider.clone(), bill.clone()),
                    StreamCategory::Provider => Stream::Provider(provider.clone()),
                    StreamCategory::Invoice => Stream::Invoice(tenant.clone(), period),
                    StreamCategory::Register => Stream::Register(issuer.clone()),
                    StreamCategory::Operation => Stream::Operation(operation.clone()),
                    StreamCategory::Support => Stream::Support(day),
                    StreamCategory::Suspense => Stream::Suspense(provider.clone()),
                })
                .find(|stream| event.belongs_in(stream))
                .expect("every event belongs somewhere");
            (stream, event)
        },
    )
}

/// Any record: an event in a stream it may stand in, with everything an envelope can hold.
pub fn record() -> impl Strategy<Value = Record> {
    let place = (any::<Position>(), any::<Revision>(), any::<EventId>());
    let times = (any::<Timestamp>(), any::<Timestamp>());
    let cause = (any::<Actor>(), any::<Option<EventId>>(), any::<Option<CorrelationId>>());
    let identity = (any::<Option<Key>>(), any::<Option<Fingerprint>>());
    (placed_event(), place, times, cause, identity).prop_map(
        |((stream, event), (position, revision, id), times, cause, (key, fingerprint))| Record {
            position,
            stream,
            revision,
            id,
            occurred_at: times.0,
            recorded_at: times.1,
            actor: cause.0,
            causation: cause.1,
            correlation: cause.2,
            key,
            fingerprint,
            event,
            written: None,
        },
    )
}

arbitrary! {
    Event = event();
    Position = prop_oneof![0..1_000_u64, Just(u64::MAX), any::<u64>()].prop_map(Position::new);
    Revision = prop_oneof![0..1_000_u64, Just(u64::MAX), any::<u64>()].prop_map(Revision::new);
    Fingerprint = any::<[u8; 32]>().prop_map(Fingerprint);
    Sha256Digest = any::<[u8; 32]>().prop_map(Sha256Digest::from_bytes);
    ResourceId =
        (provider(), provider_ref()).prop_map(|(provider, id)| ResourceId { provider, id });
    FieldName = foreign_text(200).prop_map(|text| text.parse().expect("drawn by its own form"));
    IngestId = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}"
        .prop_map(|text| text.parse().expect("drawn by its own form"));
    SyncId = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}"
        .prop_map(|text| text.parse().expect("drawn by its own form"));
    ProjectionName = "[a-z0-9][a-z0-9._-]{0,12}"
        .prop_map(|text| text.parse().expect("drawn by its own form"));
    Prose = prop_oneof![
        Just(String::new()),
        foreign_text(200),
        (foreign_text(200), foreign_text(200)).prop_map(|(one, two)| format!("{one}\n\t{two}")),
    ]
    .prop_map(|text| Prose::new(text).expect("drawn by its own form"));
}
