//! One thing at a provider: when it lived, as what, whose it was, and what it should be.

use serde::{Deserialize, Serialize};

use super::Place;
use crate::event::Event;
use crate::event::inventory::{self, Deletion, Fields, Snapshot};
use crate::fold::{FoldError, FoldProblem, Reached};
use crate::id::{FieldName, Label, ResourceId, ResourceKind, SyncId, TenantId};
use crate::log::{Position, Record};
use crate::stream::Stream;
use crate::time::Timestamp;

/// One `resource-{provider}.{id}` stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceFold {
    id: ResourceId,
    reached: Reached,
    sightings: Vec<Sighting>,
    deletions: Vec<(Place, Deletion)>,
    strikes: Vec<Strike>,
    /// How many of the strikes stand: none since it was last seen.
    standing: usize,
    owners: Vec<Owner>,
    specs: Vec<Spec>,
}

/// It was seen, as this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// When, and the record that says so.
    pub seen: Place,
    /// As what.
    pub snapshot: Box<Snapshot>,
    /// Whether it lives from here on, where it did not before; an update says nothing of that.
    pub begins: bool,
}

/// A full listing did not hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strike {
    /// When, and the record that says so.
    pub missed: Place,
    /// Which listing.
    pub sync: SyncId,
}

/// Whose it is from an instant on, and the tags it was given here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// From when, and what decided it.
    pub since: Place,
    /// Whose; `None`: as its project says.
    pub tenant: Option<TenantId>,
    /// Tags given here, beside the provider's own.
    pub tags: Vec<Label>,
}

/// What it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// 1 is the first.
    pub version: u32,
    /// When it was written down or accepted, and the record that says so.
    pub recorded: Place,
    /// Every field that is held to something.
    pub fields: Fields,
    /// The field whose live value made this version, where one was accepted.
    pub accepted: Option<FieldName>,
}

/// An interval in which it lived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Life {
    /// Its first instant, and the record that says so.
    pub began: Place,
    /// The first instant after it; `None`: it lives.
    pub ended: Option<Place>,
}

impl ResourceFold {
    /// Before its first event.
    pub const fn of(id: ResourceId) -> Self {
        Self {
            id,
            reached: Reached { revision: None, position: Position::ORIGIN },
            sightings: Vec::new(),
            deletions: Vec::new(),
            strikes: Vec::new(),
            standing: 0,
            owners: Vec::new(),
            specs: Vec::new(),
        }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &self.stream())?;
        let (place, position) = (Place::of(record), record.position);
        let contradiction = |problem| {
            let problem = Box::new(problem);
            Err(FoldError::Contradiction { position, problem })
        };
        let foreign = || contradiction(FoldProblem::Foreign { wire: record.event.wire_name() });
        let Event::Inventory(event) = &record.event else { return foreign() };
        if !self.is_known() && !matches!(event, inventory::Event::ResourceDiscovered(_)) {
            return contradiction(FoldProblem::NotBegun);
        }
        match event {
            inventory::Event::ResourceDiscovered(it) => {
                if self.is_known() {
                    let name = self.id.to_string();
                    return Err(FoldError::Repeated { position, noun: "resource", name });
                }
                self.see(place, &it.snapshot, true);
                let (tenant, tags) = (it.tenant.clone(), Vec::new());
                self.owners.push(Owner { since: place, tenant, tags });
            }
            inventory::Event::ResourceUpdated(it) => self.see(place, &it.snapshot, false),
            inventory::Event::ResourceRestored(it) => self.see(place, &it.snapshot, true),
            inventory::Event::ResourceTagged(it) => {
                let (tenant, tags) = (it.tenant.clone(), it.tags.clone());
                self.owners.push(Owner { since: place, tenant, tags });
            }
            inventory::Event::ResourceMissed(it) => {
                self.strikes.push(Strike { missed: place, sync: it.sync.clone() });
                self.standing += 1;
            }
            inventory::Event::ResourceDeleted(it) => {
                self.deletions.push((place, it.evidence));
                self.standing = 0;
            }
            inventory::Event::SpecRecorded(it) => self.hold(place, it.fields.clone(), None),
            inventory::Event::DriftAccepted(it) => {
                let Some(spec) = self.specs.last() else {
                    return contradiction(FoldProblem::NotBegun);
                };
                let mut fields = spec.fields.clone();
                fields.insert(it.field.clone(), it.live.clone());
                self.hold(place, fields, Some(it.field.clone()));
            }
            inventory::Event::ProjectSeen(_)
            | inventory::Event::ProjectAssigned(_)
            | inventory::Event::ListingTaken(_) => return foreign(),
        }
        Ok(self)
    }

    fn see(&mut self, seen: Place, snapshot: &Snapshot, begins: bool) {
        self.sightings.push(Sighting { seen, snapshot: Box::new(snapshot.clone()), begins });
        self.standing = 0;
    }

    fn hold(&mut self, recorded: Place, fields: Fields, accepted: Option<FieldName>) {
        let version = self.spec_version().saturating_add(1);
        self.specs.push(Spec { version, recorded, fields, accepted });
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Which resource.
    pub const fn id(&self) -> &ResourceId {
        &self.id
    }

    /// Whether it was ever seen.
    pub const fn is_known(&self) -> bool {
        !self.sightings.is_empty()
    }

    /// The record that discovered it.
    pub fn discovered(&self) -> Option<Place> {
        self.sightings.first().map(|it| it.seen)
    }

    /// Everything it was seen as, in order of the world's clock.
    pub fn sightings(&self) -> Vec<&Sighting> {
        let mut sightings = self.sightings.iter().collect::<Vec<_>>();
        sightings.sort_by_key(|it| it.seen);
        sightings
    }

    /// Everything it was seen as, in the order recorded.
    pub fn recorded_sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    /// What it was last seen as.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.sightings.iter().max_by_key(|it| it.seen).map(|it| &*it.snapshot)
    }

    /// What it was seen as at an instant.
    pub fn snapshot_at(&self, at: Timestamp) -> Option<&Snapshot> {
        let seen = self.sightings.iter().filter(|it| it.seen.at <= at);
        seen.max_by_key(|it| it.seen).map(|it| &*it.snapshot)
    }

    /// What sort of thing it is.
    pub fn resource_type(&self) -> Option<&ResourceKind> {
        self.snapshot().map(|it| &it.resource_type)
    }

    /// When it lived, in order. The intervals do not overlap.
    pub fn lives(&self) -> Vec<Life> {
        let begins = self.sightings.iter().filter(|it| it.begins).map(|it| (it.seen, true));
        let ends = self.deletions.iter().map(|(place, _)| (*place, false));
        let mut turns = begins.chain(ends).collect::<Vec<_>>();
        turns.sort_unstable();
        let mut lives: Vec<Life> = Vec::new();
        for (place, begins) in turns {
            let open = lives.last_mut().filter(|it| it.ended.is_none());
            match (open, begins) {
                (Some(life), false) => life.ended = Some(place),
                (None, true) => lives.push(Life { began: place, ended: None }),
                (Some(_), true) | (None, false) => (),
            }
        }
        lives
    }

    /// Whether it lives, by all that is known.
    pub fn is_live(&self) -> bool {
        self.lives().last().is_some_and(|it| it.ended.is_none())
    }

    /// Whether it lived at an instant.
    pub fn is_live_at(&self, at: Timestamp) -> bool {
        self.lives().iter().any(|it| it.contains(at))
    }

    /// How we know that it is gone, each time it went, in the order recorded.
    pub fn deletions(&self) -> &[(Place, Deletion)] {
        &self.deletions
    }

    /// Every listing that did not hold it, in the order recorded.
    pub fn strikes(&self) -> &[Strike] {
        &self.strikes
    }

    /// How many listings in a row did not hold it since it was last seen.
    pub const fn standing_strikes(&self) -> usize {
        self.standing
    }

    /// Whose it was, in order of the world's clock.
    pub fn owners(&self) -> Vec<&Owner> {
        let mut owners = self.owners.iter().collect::<Vec<_>>();
        owners.sort_by_key(|it| it.since);
        owners
    }

    /// Whose it is at an instant by itself, whatever its project says.
    pub fn owner_at(&self, at: Timestamp) -> Option<&Owner> {
        self.owners.iter().filter(|it| it.since.at <= at).max_by_key(|it| it.since)
    }

    /// Whose it is by itself, by all that is known.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.owner_at(Timestamp::MAX)?.tenant.as_ref()
    }

    /// Every spec there was; the last one recorded holds, whenever it is said to have occurred.
    pub fn specs(&self) -> &[Spec] {
        &self.specs
    }

    /// What it should be.
    pub fn spec(&self) -> Option<&Spec> {
        self.specs.last()
    }

    /// The version of what it should be; 0 where nothing was ever said.
    pub fn spec_version(&self) -> u32 {
        self.spec().map_or(0, |it| it.version)
    }

    /// When it was last heard of by a listing or a report, seen or missed.
    pub fn last_observed(&self) -> Option<Timestamp> {
        let seen = self.sightings.iter().map(|it| it.seen.at);
        let missed = self.strikes.iter().map(|it| it.missed.at);
        let gone = self.deletions.iter().map(|(place, _)| place.at);
        seen.chain(missed).chain(gone).max()
    }

    fn stream(&self) -> Stream {
        Stream::Resource(self.id.provider.clone(), self.id.id.clone())
    }
}

impl Life {
    /// Whether an instant lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.began.at <= at && self.ended.is_none_or(|it| at < it.at)
    }
}
