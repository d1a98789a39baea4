//! A provider project: what it calls itself, and whose it is.

use serde::{Deserialize, Serialize};

use super::Place;
use crate::event::Event;
use crate::event::inventory::{self, ProjectSeen};
use crate::fold::{FoldError, FoldProblem, Reached};
use crate::id::{Note, Provider, ProviderRef, TenantId};
use crate::log::{Position, Record};
use crate::stream::Stream;
use crate::time::Timestamp;

/// One `project-{provider}.{id}` stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectFold {
    provider: Provider,
    id: ProviderRef,
    reached: Reached,
    seen: Vec<(Place, ProjectSeen)>,
    assignments: Vec<Assignment>,
}

/// Whose a project is from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// From when, and what decided it.
    pub since: Place,
    /// Who pays for what is in it; `None`: nobody.
    pub tenant: Option<TenantId>,
    /// What it is for, in our words.
    pub purpose: Option<Note>,
}

impl ProjectFold {
    /// Before its first event.
    pub const fn of(provider: Provider, id: ProviderRef) -> Self {
        let reached = Reached { revision: None, position: Position::ORIGIN };
        Self { provider, id, reached, seen: Vec::new(), assignments: Vec::new() }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &self.stream())?;
        let place = Place::of(record);
        let foreign = || {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            Err(FoldError::Contradiction { position: record.position, problem })
        };
        let Event::Inventory(event) = &record.event else { return foreign() };
        match event {
            inventory::Event::ProjectSeen(it) => self.seen.push((place, it.clone())),
            inventory::Event::ProjectAssigned(it) => self.assignments.push(Assignment {
                since: place,
                tenant: it.tenant.clone(),
                purpose: it.purpose.clone(),
            }),
            inventory::Event::ResourceDiscovered(_)
            | inventory::Event::ResourceUpdated(_)
            | inventory::Event::ResourceTagged(_)
            | inventory::Event::ResourceMissed(_)
            | inventory::Event::ResourceDeleted(_)
            | inventory::Event::ResourceRestored(_)
            | inventory::Event::SpecRecorded(_)
            | inventory::Event::DriftAccepted(_)
            | inventory::Event::ListingTaken(_) => return foreign(),
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Whose it is a project of.
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// What the provider calls it.
    pub const fn id(&self) -> &ProviderRef {
        &self.id
    }

    /// What it says of itself, as last seen.
    pub fn seen(&self) -> Option<&ProjectSeen> {
        self.seen.iter().max_by_key(|(place, _)| *place).map(|(_, it)| it)
    }

    /// Everything it said of itself, in the order recorded.
    pub fn sightings(&self) -> &[(Place, ProjectSeen)] {
        &self.seen
    }

    /// Whose it was decided to be, in order of the world's clock.
    pub fn assignments(&self) -> Vec<&Assignment> {
        let mut assignments = self.assignments.iter().collect::<Vec<_>>();
        assignments.sort_by_key(|it| it.since);
        assignments
    }

    /// Whose it is at an instant, and what it is for.
    pub fn assigned_at(&self, at: Timestamp) -> Option<&Assignment> {
        self.assignments.iter().filter(|it| it.since.at <= at).max_by_key(|it| it.since)
    }

    /// Whose it is by all that is known.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.assigned_at(Timestamp::MAX)?.tenant.as_ref()
    }

    fn stream(&self) -> Stream {
        Stream::Project(self.provider.clone(), self.id.clone())
    }
}
