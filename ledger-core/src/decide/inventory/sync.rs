//! A full listing against what is known: for each resource, the events it makes.
//!
//! A process over many streams, one append each: that the listing was taken in goes first, to its
//! provider; the events of every resource depend on its own stream and the listing alone. So a sync
//! that was cut, or handed over twice, is finished by handing it over again, and one that was made
//! earlier than the latest says nothing any more. All of it occurs when the listing was made.

use std::collections::{BTreeMap, BTreeSet};

use super::refusal::SyncRefusal;
use crate::decide::provider::ProviderAccount;
use crate::event::Event;
use crate::event::inventory::{
    Deletion, ListingTaken, ResourceDeleted, ResourceDiscovered, ResourceMissed, ResourceRestored,
    ResourceUpdated, Snapshot,
};
use crate::id::{Provider, ProviderRef, ResourceId, ResourceKind, SyncId, TenantId};
use crate::inventory::{ResourceFold, is_same_snapshot};
use crate::time::Timestamp;

/// How many listings in a row have to be without a resource until it counts as deleted.
pub const STRIKES: usize = 3;

/// As many resources may be gone at once without anybody having to say that it is meant.
pub const EMPTY_LIVE_MAX: usize = 10;

/// Tags that name an owner, the stronger one first: `tenant:acme`, `owner:acme`.
const OWNER_TAGS: [&str; 2] = ["tenant", "owner"];

/// Everything of one type that a provider has, as it said at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Its name, however often it is handed over.
    pub sync: SyncId,
    /// Who said it.
    pub provider: Provider,
    /// Of what type everything in it is.
    pub resource_type: ResourceKind,
    /// When.
    pub listed_at: Timestamp,
    /// Everything of that type, in any order.
    pub resources: Vec<Listed>,
    /// Whether an empty listing is meant so.
    pub is_empty_meant: bool,
}

/// One thing in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What the provider calls it.
    pub id: ProviderRef,
    /// What it is.
    pub snapshot: Snapshot,
}

/// What is known beside the listing.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The provider's resources: those that the listing names, and all others of its type.
    pub resources: &'a BTreeMap<ResourceId, ResourceFold>,
    /// Who there is to own something.
    pub tenants: &'a BTreeSet<TenantId>,
    /// The provider: what is seen unchanged leaves a trace nowhere else.
    pub provider: &'a ProviderAccount,
}

/// What a listing makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// That it was taken in, for the provider's stream, to be recorded first; once for a listing.
    pub taken: Vec<Event>,
    /// The events of each resource; one of which it says nothing new is not among them.
    pub resources: BTreeMap<ResourceId, Vec<Event>>,
}

/// The events that a listing makes.
pub fn sync(listing: &Listing, known: Known<'_>, now: Timestamp) -> Result<Synced, SyncRefusal> {
    let listed = checked(listing, known, now)?;
    let is_of_listing = |it: &&ResourceFold| {
        it.id().provider == listing.provider && it.resource_type() == Some(&listing.resource_type)
    };
    let others = known.resources.values().filter(is_of_listing);
    let absent = others.filter(|it| !listed.contains_key(it.id())).collect::<Vec<_>>();
    let live = absent.iter().filter(|it| it.is_live()).count();
    if listed.is_empty() && !listing.is_empty_meant && live > EMPTY_LIVE_MAX {
        return Err(SyncRefusal::Empty { live });
    }
    let seen = listed.into_iter().map(|(id, snapshot)| {
        let events = match known.resources.get(&id) {
            Some(it) => observe(it, snapshot, known, listing.listed_at),
            None => observe(&ResourceFold::of(id.clone()), snapshot, known, listing.listed_at),
        };
        (id, events)
    });
    let missed = absent.into_iter().map(|it| (it.id().clone(), miss(it, listing)));
    let resources = seen.chain(missed).filter(|(_, events)| !events.is_empty()).collect();
    let taken = ListingTaken {
        sync: listing.sync.clone(),
        resource_type: listing.resource_type.clone(),
        count: u32::try_from(listing.resources.len()).unwrap_or(u32::MAX),
    };
    Ok(Synced { taken: known.provider.take_listing(&taken, listing.listed_at), resources })
}

/// The listing by id, once nothing is wrong with it.
fn checked<'a>(
    listing: &'a Listing,
    known: Known<'_>,
    now: Timestamp,
) -> Result<BTreeMap<ResourceId, &'a Snapshot>, SyncRefusal> {
    let Listing { provider, resource_type, listed_at, resources, .. } = listing;
    if listed_at.is_to_come(now) {
        return Err(SyncRefusal::ListingAhead { listed_at: *listed_at, now });
    }
    let latest = known.provider.listed_at(resource_type);
    if let Some(latest) = latest.filter(|it| listed_at < it) {
        return Err(SyncRefusal::ListingOld { listed_at: *listed_at, latest });
    }
    let mut types = resources.iter().map(|it| &it.snapshot.resource_type).enumerate();
    if let Some((index, found)) = types.find(|(_, it)| *it != resource_type) {
        let (expected, found) = (resource_type.clone(), found.clone());
        return Err(SyncRefusal::ForeignType { index, expected, found });
    }
    let mut places = BTreeMap::new();
    for (second, it) in resources.iter().enumerate() {
        if let Some(first) = places.insert(&it.id, second) {
            return Err(SyncRefusal::Twice { id: it.id.clone(), first, second });
        }
    }
    let mut listed = BTreeMap::new();
    for (index, it) in resources.iter().enumerate() {
        let resource = ResourceId { provider: provider.clone(), id: it.id.clone() };
        let known = known.resources.get(&resource).and_then(ResourceFold::resource_type);
        if let Some(known) = known.filter(|it| *it != resource_type) {
            return Err(SyncRefusal::OtherType { index, resource, known: known.clone() });
        }
        listed.insert(resource, &it.snapshot);
    }
    Ok(listed)
}

/// What seeing one thing makes of what is known of it. What was seen before the last thing heard
/// of it says nothing.
pub fn observe(
    resource: &ResourceFold,
    snapshot: &Snapshot,
    known: Known<'_>,
    at: Timestamp,
) -> Vec<Event> {
    let boxed = || Box::new(snapshot.clone());
    let Some(former) = resource.snapshot() else {
        let tenant = owner_of(snapshot, known.tenants);
        return vec![ResourceDiscovered { snapshot: boxed(), tenant }.into()];
    };
    if is_stale(resource, at) {
        Vec::new()
    } else if !resource.is_live() || resource.standing_strikes() > 0 {
        vec![ResourceRestored { snapshot: boxed() }.into()]
    } else if is_same_snapshot(former, snapshot) {
        Vec::new()
    } else {
        vec![ResourceUpdated { snapshot: boxed() }.into()]
    }
}

/// What not seeing one thing makes of what is known of it. A listing strikes once.
fn miss(resource: &ResourceFold, listing: &Listing) -> Vec<Event> {
    let has_struck = resource.strikes().iter().any(|it| it.sync == listing.sync);
    if !resource.is_live() || has_struck || is_stale(resource, listing.listed_at) {
        return Vec::new();
    }
    let mut events = vec![ResourceMissed { sync: listing.sync.clone() }.into()];
    if resource.standing_strikes() + 1 >= STRIKES {
        events.push(ResourceDeleted { evidence: Deletion::Missed }.into());
    }
    events
}

fn is_stale(resource: &ResourceFold, at: Timestamp) -> bool {
    resource.last_observed().is_some_and(|it| at < it)
}

/// Whose a new thing is by itself: as its tags say. Tags that name nobody we know say nothing, and
/// tags that name two say nothing either; what is nobody's by itself follows its project, to
/// whomever that is assigned when.
pub fn owner_of(snapshot: &Snapshot, tenants: &BTreeSet<TenantId>) -> Option<TenantId> {
    OWNER_TAGS.into_iter().find_map(|word| tagged(snapshot, word, tenants))
}

fn tagged(snapshot: &Snapshot, word: &str, tenants: &BTreeSet<TenantId>) -> Option<TenantId> {
    let named = snapshot.tags.iter().filter_map(|tag| {
        let (key, value) = tag.as_str().split_once(':')?;
        tenants.get(&value.parse().ok().filter(|_| key == word)?)
    });
    let named = named.collect::<BTreeSet<_>>();
    named.first().copied().filter(|_| named.len() == 1).cloned()
}
