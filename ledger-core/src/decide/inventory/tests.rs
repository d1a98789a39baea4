//! Listings told in time, what people say of what they show, and a naive model of strikes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::decide::provider::ProviderAccount;
use crate::event::inventory::{FieldValue, Snapshot};
use crate::fold::FoldError;
use crate::id::{Actor, EventId, ProviderRef, Role};
use crate::inventory::Drift;
use crate::log::{Position, Record, Revision};
use crate::stream::Stream;
use crate::testing;

mod published;

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    parsed(&format!("2026-04-{text}:00:00Z"))
}

fn id(name: &str) -> ResourceId {
    parsed(&format!("do.{name}"))
}

fn scalar(text: &str) -> FieldValue {
    FieldValue::Scalar(parsed(text))
}

fn list(items: &[&str]) -> FieldValue {
    FieldValue::List(items.iter().map(|it| parsed(it)).collect())
}

fn droplet(size: &str, tags: &[&str]) -> Snapshot {
    Snapshot {
        resource_type: parsed("droplet"),
        name: Some(parsed("web-1")),
        region: Some(parsed("syd1")),
        size: Some(parsed(size)),
        status: None,
        project: None,
        price_per_hour: None,
        began_at: None,
        tags: tags.iter().map(|it| parsed(it)).collect(),
        attributes: Fields::from([(parsed("features"), list(&["ipv6", "backups"]))]),
    }
}

/// What is known of one provider, as a runner keeps it.
#[derive(Debug, Clone, Default)]
struct Stage {
    resources: BTreeMap<ResourceId, ResourceFold>,
    projects: BTreeMap<ProviderRef, ProjectFold>,
    provider: ProviderAccount,
    provider_head: u64,
    tenants: BTreeSet<TenantId>,
    position: u64,
}

impl Stage {
    fn of(tenants: &[&str]) -> Self {
        Self { tenants: tenants.iter().map(|it| parsed(it)).collect(), ..Self::default() }
    }

    fn known(&self) -> Known<'_> {
        let Self { resources, tenants, provider, .. } = self;
        Known { resources, tenants, provider }
    }

    fn next(&mut self, stream: Stream, revision: Revision, at: Timestamp, event: Event) -> Record {
        assert!(event.belongs_in(&stream), "{} in {stream}", event.wire_name());
        self.position += 1;
        Record {
            position: Position::new(self.position),
            stream,
            revision,
            id: EventId::from_bytes([0; 16]),
            occurred_at: at,
            recorded_at: at,
            actor: Actor { who: parsed("somebody"), role: Role::Operator },
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            event,
            written: None,
        }
    }

    fn try_record(
        &mut self,
        id: &ResourceId,
        at: Timestamp,
        event: Event,
    ) -> Result<(), FoldError> {
        let former = self.resources.get(id).cloned();
        let former = former.unwrap_or_else(|| ResourceFold::of(id.clone()));
        let stream = Stream::Resource(id.provider.clone(), id.id.clone());
        let record = self.next(stream, former.reached().next(), at, event);
        self.resources.insert(id.clone(), former.fold(&record)?);
        Ok(())
    }

    fn project(&mut self, name: &str, at: Timestamp, events: Vec<Event>) {
        let name = parsed::<ProviderRef>(name);
        for event in events {
            let former = self.projects.get(&name).cloned();
            let former = former.unwrap_or_else(|| ProjectFold::of(parsed("do"), name.clone()));
            let stream = Stream::Project(parsed("do"), name.clone());
            let record = self.next(stream, former.reached().next(), at, event);
            self.projects.insert(name.clone(), former.fold(&record).unwrap());
        }
    }

    /// Records what a decision about a resource answered; says how many events that were.
    #[track_caller]
    fn take(&mut self, name: &str, at: Timestamp, answer: Answer) -> usize {
        let events = answer.unwrap();
        let count = events.len();
        events.into_iter().for_each(|it| self.try_record(&id(name), at, it).unwrap());
        count
    }

    /// Hands a listing over and records what it makes, as `{id} {event}`.
    #[track_caller]
    fn sync(&mut self, listing: &Listing) -> Vec<String> {
        let synced = sync(listing, self.known(), listing.listed_at).unwrap();
        for event in synced.taken {
            let revision = Revision::new(self.provider_head);
            let stream = Stream::Provider(listing.provider.clone());
            let record = self.next(stream, revision, listing.listed_at, event);
            self.provider = self.provider.clone().fold(&record).unwrap();
            self.provider_head += 1;
        }
        let mut told = Vec::new();
        for (id, events) in synced.resources {
            for event in events {
                let wire = event.wire_name();
                let word = wire.trim_start_matches("inventory-resource-").trim_end_matches(".v1");
                told.push(format!("{} {word}", id.id));
                self.try_record(&id, listing.listed_at, event).unwrap();
            }
        }
        told
    }

    /// A listing that was made before the latest one is refused, and the refusal names both times.
    #[track_caller]
    fn refuse_old(&self, listing: &Listing, latest: &str) {
        let refusal = sync(listing, self.known(), listing.listed_at).unwrap_err();
        let old = SyncRefusal::ListingOld { listed_at: listing.listed_at, latest: at(latest) };
        assert_eq!(refusal, old);
    }

    fn of_id(&self, name: &str) -> &ResourceFold {
        &self.resources[&id(name)]
    }
}

/// A listing of droplets, named after its time.
fn listing(when: &str, resources: &[(&str, &Snapshot)]) -> Listing {
    let listed = |(id, it): &(&str, &Snapshot)| Listed { id: parsed(id), snapshot: (*it).clone() };
    Listing {
        sync: parsed(&format!("sync-{when}")),
        provider: parsed("do"),
        resource_type: parsed("droplet"),
        listed_at: at(when),
        resources: resources.iter().map(listed).collect(),
        is_empty_meant: false,
    }
}

#[test]
fn a_listing_records_what_is_new_and_what_changed_and_nothing_else() {
    let mut stage = Stage::default();
    let (small, large) = (droplet("s-1", &["a", "b"]), droplet("s-2", &["a", "b"]));
    let first = listing("01T00", &[("1", &small), ("2", &small)]);
    assert_eq!(stage.sync(&first), ["1 discovered", "2 discovered"]);
    assert_eq!(stage.sync(&first), [""; 0]);
    // Lists are sets: their order is no change.
    let mut turned = droplet("s-1", &["b", "a"]);
    turned.attributes.insert(parsed("features"), list(&["backups", "ipv6"]));
    assert_eq!(stage.sync(&listing("02T00", &[("1", &turned), ("2", &large)])), ["2 updated"]);
    let resource = stage.of_id("2");
    assert_eq!(resource.snapshot(), Some(&large));
    assert_eq!(resource.snapshot_at(at("01T12")), Some(&small));
    assert_eq!(resource.lives().len(), 1);
}

#[test]
fn three_strikes_in_a_row_delete_dated_at_the_third() {
    let mut stage = Stage::default();
    let it = droplet("s-1", &[]);
    stage.sync(&listing("01T00", &[("1", &it), ("2", &it)]));
    let without = |when| listing(when, &[("2", &it)]);
    assert_eq!(stage.sync(&without("02T00")), ["1 missed"]);
    // The same listing again is no second strike, and an older one is none at all.
    assert_eq!(stage.sync(&without("02T00")), [""; 0]);
    stage.refuse_old(&without("01T12"), "02T00");
    assert_eq!(stage.sync(&without("03T00")), ["1 missed"]);
    // Seen before the third: the strikes are gone.
    assert_eq!(stage.sync(&listing("04T00", &[("1", &it), ("2", &it)])), ["1 restored"]);
    for when in ["05T00", "06T00"] {
        assert_eq!(stage.sync(&without(when)), ["1 missed"]);
    }
    assert!(stage.of_id("1").is_live());
    assert_eq!(stage.sync(&without("07T00")), ["1 missed", "1 deleted"]);
    assert_eq!(stage.sync(&without("08T00")), [""; 0]);
    let [life] = stage.of_id("1").lives().try_into().unwrap();
    assert_eq!((life.began.at, life.ended.unwrap().at), (at("01T00"), at("07T00")));
    assert_eq!(stage.sync(&listing("09T00", &[("1", &it), ("2", &it)])), ["1 restored"]);
    assert_eq!(stage.of_id("1").lives()[1].began.at, at("09T00"));
    assert_eq!(stage.of_id("1").strikes().len(), 5);
}

#[test]
fn what_was_seen_unchanged_was_heard_of() {
    let mut stage = Stage::default();
    let it = droplet("s-1", &[]);
    let both = |when| listing(when, &[("1", &it), ("2", &it)]);
    stage.sync(&both("01T00"));
    assert_eq!(stage.sync(&both("10T00")), [""; 0]);
    // Three late listings without it are no strikes.
    for when in ["05T00", "06T00", "07T00"] {
        stage.refuse_old(&listing(when, &[("2", &it)]), "10T00");
    }
    assert!(stage.of_id("1").is_live());
    assert_eq!(stage.of_id("1").standing_strikes(), 0);
    // Another type's is another matter, and so is one of the same instant.
    let volume = Snapshot { resource_type: parsed("volume"), ..it.clone() };
    let mut volumes = listing("05T00", &[("v", &volume)]);
    volumes.resource_type = parsed("volume");
    assert_eq!(stage.sync(&volumes), ["v discovered"]);
    let mut again = listing("10T00", &[("2", &it)]);
    again.sync = parsed("another");
    assert_eq!(stage.sync(&again), ["1 missed"]);
    // What was heard of one thing alone refuses no listing, and outweighs what it says of that.
    let answer = report_deletion(stage.of_id("2"), Deletion::Destroyed, at("12T00"));
    stage.take("2", at("12T00"), answer);
    assert_eq!(stage.sync(&both("11T00")), ["1 restored"]);
    assert!(!stage.of_id("2").is_live());
}

#[test]
fn a_listing_with_something_wrong_is_refused_whole() {
    let mut stage = Stage::default();
    let (it, now) = (droplet("s-1", &[]), at("10T00"));
    stage.sync(&listing("01T00", &[("1", &it)]));
    let refused = |listing: &Listing| sync(listing, stage.known(), now).unwrap_err();
    let volume = Snapshot { resource_type: parsed("volume"), ..it.clone() };
    let ahead = listing("10T01", &[("1", &it)]);
    assert!(matches!(refused(&ahead), SyncRefusal::ListingAhead { .. }));
    let foreign = refused(&listing("02T00", &[("1", &it), ("2", &volume)]));
    assert!(matches!(foreign, SyncRefusal::ForeignType { index: 1, .. }));
    let twice = refused(&listing("02T00", &[("1", &it), ("2", &it), ("1", &it)]));
    assert!(matches!(twice, SyncRefusal::Twice { first: 0, second: 2, .. }));
    let mut volumes = listing("02T00", &[("1", &volume)]);
    volumes.resource_type = parsed("volume");
    assert!(matches!(refused(&volumes), SyncRefusal::OtherType { index: 0, .. }));
}

#[test]
fn an_empty_listing_where_many_live_has_to_be_meant() {
    let mut stage = Stage::default();
    let it = droplet("s-1", &[]);
    let names = (0..=EMPTY_LIVE_MAX).map(|it| it.to_string()).collect::<Vec<_>>();
    let all = names.iter().map(|name| (name.as_str(), &it)).collect::<Vec<_>>();
    stage.sync(&listing("01T00", &all));
    let mut empty = listing("02T00", &[]);
    let refusal = sync(&empty, stage.known(), at("02T00")).unwrap_err();
    assert_eq!(refusal, SyncRefusal::Empty { live: EMPTY_LIVE_MAX + 1 });
    empty.is_empty_meant = true;
    assert_eq!(stage.sync(&empty).len(), all.len());
    // Few may go without a word, as the last ones of a small customer do.
    let mut few = Stage::default();
    few.sync(&listing("01T00", &all[1..]));
    assert_eq!(few.sync(&listing("02T00", &[])).len(), EMPTY_LIVE_MAX);
}

#[test]
fn a_new_resource_is_whose_its_tags_say_and_projects_are_assigned_once() {
    let mut stage = Stage::of(&["acme", "beta"]);
    let seen =
        |name: &str, is_default| ProjectSeen { name: parsed(name), purpose: None, is_default };
    for (name, is_default) in [("p1", false), ("p2", true)] {
        let project = ProjectFold::of(parsed("do"), parsed(name));
        stage.project(name, at("01T00"), see_project(&project, &seen(name, is_default)));
        assert_eq!(see_project(&stage.projects[&parsed(name)], &seen(name, is_default)), []);
    }
    for (name, tenant) in [("p1", "acme"), ("p2", "beta")] {
        let assign = |stage: &Stage| {
            assign_project(&stage.projects[&parsed(name)], Some(parsed(tenant)), None).unwrap()
        };
        let assigned = assign(&stage);
        stage.project(name, at("01T00"), assigned);
        assert_eq!(assign(&stage), []);
    }
    let owner = |tags: &[&str], project: Option<&str>| {
        let snapshot = Snapshot { project: project.map(parsed), ..droplet("s-1", tags) };
        owner_of(&snapshot, &stage.tenants).map(|it| it.to_string())
    };
    // What its project says is asked when somebody pays for it, and may be another then.
    assert_eq!(owner(&["env:prod"], Some("p1")), None);
    assert_eq!(owner(&[], None), None);
    assert_eq!(owner(&["tenant:beta"], Some("p1")).as_deref(), Some("beta"));
    assert_eq!(owner(&["owner:beta", "tenant:acme"], None).as_deref(), Some("acme"));
    // Nobody we know, or two at once: as if it said nothing.
    assert_eq!(owner(&["owner:bob"], Some("p1")), None);
    assert_eq!(owner(&["tenant:acme", "tenant:beta"], None), None);
    assert_eq!(owner(&["tenant:acme", "tenant:beta", "owner:beta"], None).as_deref(), Some("beta"));
    let unknown = ProjectFold::of(parsed("do"), parsed("p3"));
    let refusal = assign_project(&unknown, None, None).unwrap_err();
    assert!(matches!(refusal, InventoryRefusal::ProjectUnknown { .. }));
}

#[test]
fn people_say_whose_it_is_and_that_it_is_gone() {
    let mut stage = Stage::of(&["acme"]);
    let nobody = ResourceFold::of(id("1"));
    let unknown = InventoryRefusal::ResourceUnknown { resource: id("1") };
    assert_eq!(tag(&nobody, Vec::new(), None), Err(unknown.clone()));
    assert_eq!(record_spec(&nobody, Fields::new()), Err(unknown.clone()));
    assert_eq!(accept_drift(&nobody, &parsed("size"), None), Err(unknown.clone()));
    assert_eq!(report_deletion(&nobody, Deletion::Reported, at("01T00")), Err(unknown));
    stage.sync(&listing("02T00", &[("1", &droplet("s-1", &[]))]));
    let tagged = |it: &ResourceFold| tag(it, vec![parsed("vip")], Some(parsed("acme")));
    for expected in [1, 0] {
        let answer = tagged(stage.of_id("1"));
        assert_eq!(stage.take("1", at("03T00"), answer), expected);
    }
    assert_eq!(stage.of_id("1").tenant(), Some(&parsed("acme")));
    assert_eq!(stage.of_id("1").owner_at(at("02T12")).unwrap().tenant, None);
    let gone = |it: &ResourceFold, when| report_deletion(it, Deletion::Destroyed, at(when));
    let early = gone(stage.of_id("1"), "01T00").unwrap_err();
    assert!(matches!(early, InventoryRefusal::DeletedBeforeSeen { .. }));
    for expected in [1, 0] {
        let answer = gone(stage.of_id("1"), "05T00");
        assert_eq!(stage.take("1", at("05T00"), answer), expected);
    }
    // A listing made before the teardown does not bring it back; one made after it does.
    assert_eq!(stage.sync(&listing("04T00", &[("1", &droplet("s-1", &[]))])), [""; 0]);
    assert_eq!(stage.sync(&listing("06T00", &[("1", &droplet("s-1", &[]))])), ["1 restored"]);
}

#[track_caller]
fn check_drifts(stage: &Stage, expected: &[(&str, &str)]) {
    let told = |it: &Drift| {
        let status = match it.status {
            DriftStatus::Open => "open",
            DriftStatus::Accepted(_) => "accepted",
            DriftStatus::Stale(_) => "stale",
        };
        (it.field.to_string(), status)
    };
    let drifts = stage.of_id("1").drifts();
    let drifts = drifts.iter().map(told).collect::<Vec<_>>();
    let drifts = drifts.iter().map(|(field, status)| (field.as_str(), *status));
    assert_eq!(drifts.collect::<Vec<_>>(), expected);
}

#[test]
fn drift_opens_once_goes_stale_and_is_accepted() {
    let mut stage = Stage::default();
    stage.sync(&listing("01T00", &[("1", &droplet("s-1", &["b", "a"]))]));
    check_drifts(&stage, &[]);
    let spec = Fields::from([
        (parsed("size"), scalar("s-1")),
        (parsed("tags"), list(&["a", "b", "a"])),
        (parsed("features"), list(&["backups", "ipv6"])),
        (parsed("attributes.vpc"), FieldValue::Null),
    ]);
    for expected in [1, 0] {
        let answer = record_spec(stage.of_id("1"), spec.clone());
        assert_eq!(stage.take("1", at("02T00"), answer), expected);
    }
    check_drifts(&stage, &[]);
    stage.sync(&listing("03T00", &[("1", &droplet("s-2", &["a"]))]));
    stage.sync(&listing("04T00", &[("1", &droplet("s-3", &["a"]))]));
    check_drifts(&stage, &[("size", "open"), ("tags", "open")]);
    let open = stage.of_id("1").open_drift(&parsed("size")).unwrap();
    assert_eq!((open.spec, open.live), (scalar("s-1"), scalar("s-3")));
    assert_eq!((open.opened.at, open.opened.revision.get()), (at("03T00"), 2));
    for expected in [1, 0] {
        let answer = accept_drift(stage.of_id("1"), &parsed("size"), None);
        assert_eq!(stage.take("1", at("05T00"), answer), expected);
    }
    check_drifts(&stage, &[("size", "accepted"), ("tags", "open")]);
    assert_eq!(stage.of_id("1").spec_version(), 2);
    assert_eq!(stage.of_id("1").spec().unwrap().fields[&parsed("size")], scalar("s-3"));
    stage.sync(&listing("06T00", &[("1", &droplet("s-3", &["b", "a"]))]));
    check_drifts(&stage, &[("size", "accepted"), ("tags", "stale")]);
    let refusal = accept_drift(stage.of_id("1"), &parsed("tags"), None).unwrap_err();
    assert!(matches!(refusal, InventoryRefusal::DriftUnknown { .. }));
    // It differs again: another drift, and with the resource it is gone.
    stage.sync(&listing("07T00", &[("1", &droplet("s-1", &["b", "a"]))]));
    let expected = [("size", "accepted"), ("tags", "stale"), ("size", "open")];
    check_drifts(&stage, &expected);
    let answer = report_deletion(stage.of_id("1"), Deletion::Reported, at("08T00"));
    stage.take("1", at("08T00"), answer);
    check_drifts(&stage, &[("size", "accepted"), ("tags", "stale"), ("size", "stale")]);
}

#[test]
fn a_link_moves_a_resource_and_asking_again_finishes_it() {
    use crate::event::deployment::{Beginning, Created, Event as Of};
    let mut deployments = BTreeMap::<DeploymentId, (Deployment, u64)>::new();
    let tell = |deployments: &mut BTreeMap<DeploymentId, (Deployment, u64)>,
                to: &DeploymentId,
                event: Event| {
        let (state, revision) = deployments.remove(to).unwrap_or_default();
        let stream = Stream::Deployment(to.tenant.clone(), to.slug.clone());
        let record = Stage::default().next(stream, Revision::new(revision), at("01T00"), event);
        deployments.insert(to.clone(), (state.fold(&record).unwrap(), revision + 1));
    };
    let (shop, blog) = (parsed("acme.shop"), parsed("beta.blog"));
    let beginning = Beginning::Active;
    let created = Created { name: None, region: None, llm_mode: None, template: None, beginning };
    tell(&mut deployments, &shop, created.clone().into());
    tell(&mut deployments, &blog, created.into());
    let steps = |deployments: &BTreeMap<DeploymentId, (Deployment, u64)>, to: &DeploymentId| {
        let states = deployments.iter().map(|(id, (state, _))| (id.clone(), state.clone()));
        link(&id("1"), to, &states.collect())
    };
    for (deployment, events) in steps(&deployments, &shop).unwrap() {
        events.into_iter().for_each(|it| tell(&mut deployments, &deployment, it));
    }
    assert_eq!(steps(&deployments, &shop).unwrap(), []);
    let moved = steps(&deployments, &blog).unwrap();
    assert_eq!(moved.iter().map(|it| &it.0).collect::<Vec<_>>(), [&shop, &blog]);
    assert!(matches!(moved[0].1[..], [Event::Deployment(Of::ResourceUnlinked(_))]));
    // Cut after the first append, the second alone is left.
    let (former, events) = moved[0].clone();
    events.into_iter().for_each(|it| tell(&mut deployments, &former, it));
    assert_eq!(steps(&deployments, &blog).unwrap(), moved[1..]);
    let unknown = steps(&deployments, &parsed("beta.nothing")).unwrap_err();
    assert_eq!(unknown, DeploymentRefusal::DeploymentUnknown);
}

/// What the model knows of a resource: how it was last seen, and the strikes since; gone at three.
type Model = BTreeMap<&'static str, (&'static str, usize)>;

const NAMES: [&str; 3] = ["1", "2", "3"];
const SIZES: [&str; 2] = ["s-1", "s-2"];

fn shown() -> impl Strategy<Value = Vec<Option<&'static str>>> {
    vec(proptest::option::of(select(SIZES.to_vec())), NAMES.len())
}

/// The events a listing should make, by counting.
fn expected(model: &mut Model, shown: &[Option<&'static str>]) -> Vec<String> {
    let mut told = Vec::new();
    for (name, size) in NAMES.into_iter().zip(shown) {
        let known = model.get(name).copied();
        let mut tell = |word: &str| told.push(format!("{name} {word}"));
        match (known, *size) {
            (None, None) | (Some((_, 3)), None) => continue,
            (None, Some(_)) => tell("discovered"),
            (Some((_, strikes)), Some(_)) if strikes > 0 => tell("restored"),
            (Some((former, _)), Some(size)) if former != size => tell("updated"),
            (Some(_), Some(_)) => (),
            (Some((former, strikes)), None) => {
                tell("missed");
                if strikes == 2 {
                    tell("deleted");
                }
                model.insert(name, (former, strikes + 1));
            }
        }
        if let Some(size) = *size {
            model.insert(name, (size, 0));
        }
    }
    told
}

proptest! {
    #![proptest_config(testing::cases(10_000))]

    /// Any sequence of listings makes what a counter says, whatever the order within each; handed
    /// over again, the last one makes nothing and an older one is refused.
    #[test]
    fn listings_strike_as_a_counter_does(
        listings in vec((shown(), any::<bool>(), 0..4_usize), 0..14),
    ) {
        let (mut stage, mut model) = (Stage::default(), Model::new());
        let mut past: Vec<Listing> = Vec::new();
        for (hour, (shown, is_turned, again)) in listings.iter().enumerate() {
            let snapshots = SIZES.map(|size| (size, droplet(size, &[])));
            let named = NAMES.into_iter().zip(shown).filter_map(|(name, size)| {
                let (_, it) = snapshots.iter().find(|(it, _)| Some(*it) == *size)?;
                Some((name, it))
            });
            let mut named = named.collect::<Vec<_>>();
            if *is_turned {
                named.reverse();
            }
            let listing = listing(&format!("01T{hour:02}"), &named);
            prop_assert_eq!(stage.sync(&listing), expected(&mut model, shown));
            past.push(listing.clone());
            prop_assert_eq!(stage.sync(&listing), Vec::<String>::new());
            let old = &past[past.len().saturating_sub(1 + again)];
            if old.listed_at < listing.listed_at {
                let refusal = sync(old, stage.known(), listing.listed_at).unwrap_err();
                let (listed_at, latest) = (old.listed_at, listing.listed_at);
                prop_assert_eq!(refusal, SyncRefusal::ListingOld { listed_at, latest });
            }
            for (name, (size, strikes)) in &model {
                let resource = stage.of_id(name);
                prop_assert_eq!(resource.is_live(), *strikes < 3);
                prop_assert_eq!(resource.standing_strikes(), *strikes % 3);
                prop_assert_eq!(resource.snapshot().unwrap(), &droplet(size, &[]));
            }
        }
    }

    /// Anything that may stand in these streams folds or is refused, and whatever was folded can be
    /// asked everything; at most one drift of a field is open, and only where it differs.
    #[test]
    fn nothing_that_can_be_recorded_makes_a_resource_panic(
        events in vec((testing::events::event(), testing::values::timestamp()), 0..80),
        seen in testing::values::timestamp(),
    ) {
        let mut stage = Stage::default();
        let snapshot = Box::new(droplet("s-1", &[]));
        let discovered = crate::event::inventory::ResourceDiscovered { snapshot, tenant: None };
        stage.try_record(&id("1"), seen, discovered.into()).unwrap();
        let stream: Stream = parsed("resource-do.1");
        for (event, when) in events.into_iter().filter(|(it, _)| it.belongs_in(&stream)) {
            if stage.try_record(&id("1"), when, event).is_err() {
                continue;
            }
            let resource = stage.of_id("1");
            let bytes = postcard::to_allocvec(resource).unwrap();
            let (read, _) = postcard::take_from_bytes::<ResourceFold>(&bytes).unwrap();
            prop_assert_eq!(&read, resource);
            let drifts = resource.drifts();
            for field in resource.spec().into_iter().flat_map(|it| it.fields.keys()) {
                let open = |it: &&Drift| it.field == *field && it.status == DriftStatus::Open;
                let is_open = drifts.iter().filter(open).count();
                let spec = &resource.spec().unwrap().fields[field];
                let live = crate::inventory::live_value(resource.snapshot().unwrap(), field);
                let differs = !crate::inventory::is_alike(spec, &live) && resource.is_live();
                prop_assert_eq!(is_open, usize::from(differs), "{} {:?}", field, drifts);
            }
            for life in resource.lives().windows(2) {
                prop_assert!(life[0].ended.unwrap() <= life[1].began);
            }
        }
    }

    /// Loose comparison is an equality: of anything with itself, both ways, and through a third.
    #[test]
    fn loose_comparison_is_an_equality(
        values in vec(prop_oneof![
            Just(FieldValue::Null),
            Just(scalar("")),
            Just(list(&[])),
            select(vec!["a", "b"]).prop_map(scalar),
            vec(select(vec!["a", "b", ""]), 0..4).prop_map(|it| list(&it)),
            any::<FieldValue>(),
        ], 3),
    ) {
        use crate::inventory::is_alike;
        let [a, b, c] = values.as_slice() else { unreachable!("three were drawn") };
        prop_assert!(is_alike(a, a));
        prop_assert_eq!(is_alike(a, b), is_alike(b, a));
        prop_assert!(!(is_alike(a, b) && is_alike(b, c)) || is_alike(a, c));
    }
}
