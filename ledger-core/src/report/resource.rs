//! Resources and projects as they were: alive when, called what, linked to whom, whose.
//!
//! These are the reports' own inputs, plain intervals of the world's clock; `inventory` makes them
//! of what was folded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::attribution::Owner;
use crate::id::{DeploymentId, Label, Provider, ProviderRef, ResourceId, ResourceKind, TenantId};
use crate::log::Revision;
use crate::money::Money;
use crate::stream::Stream;
use crate::time::Timestamp;

/// From an instant on, until another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// From when.
    pub starts_at: Timestamp,
    /// Until when, no more at that instant; `None`: it goes on.
    pub ends_at: Option<Timestamp>,
}

impl Interval {
    /// Between two instants.
    pub const fn between(starts_at: Timestamp, ends_at: Timestamp) -> Self {
        Self { starts_at, ends_at: Some(ends_at) }
    }

    /// Its end, or the end of time.
    pub fn end(self) -> Timestamp {
        self.ends_at.unwrap_or(Timestamp::MAX)
    }

    /// Whether an instant lies in it.
    pub fn contains(self, at: Timestamp) -> bool {
        self.starts_at <= at && self.ends_at.is_none_or(|end| at < end)
    }

    /// Whether it has an instant in common with `from..to`. Where that has no instant of its own,
    /// its beginning counts.
    pub fn meets(self, from: Timestamp, to: Timestamp) -> bool {
        self.contains(from) || (from < self.starts_at && self.starts_at < to && !self.is_empty())
    }

    /// What both have in common.
    pub fn cut(self, from: Timestamp, to: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let (from, to) = (self.starts_at.max(from), self.end().min(to));
        (from < to).then_some((from, to))
    }

    fn is_empty(self) -> bool {
        self.end() <= self.starts_at
    }
}

/// Something that changes: each value holds from its instant to the next one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline<T> {
    changes: Vec<(Timestamp, T)>,
}

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self { changes: Vec::new() }
    }
}

impl<T> Timeline<T> {
    /// Changes in the order in which they were recorded; of several at one instant the last holds.
    pub fn new(changes: impl IntoIterator<Item = (Timestamp, T)>) -> Self {
        let mut recorded = changes.into_iter().collect::<Vec<_>>();
        recorded.sort_by_key(|it| it.0);
        let mut changes: Vec<(Timestamp, T)> = Vec::with_capacity(recorded.len());
        for change in recorded {
            match changes.last_mut() {
                Some(last) if last.0 == change.0 => *last = change,
                Some(_) | None => changes.push(change),
            }
        }
        Self { changes }
    }

    /// What holds at an instant; nothing before the first change.
    pub fn at(&self, instant: Timestamp) -> Option<&T> {
        let known = self.changes.partition_point(|it| it.0 <= instant);
        self.changes.get(known.checked_sub(1)?).map(|it| &it.1)
    }

    /// What holds at any instant of `from..to`, and at `from` itself. What holds first counts for
    /// the time before it too.
    pub fn within(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &T> {
        let standing = self.changes.partition_point(|it| it.0 <= from).saturating_sub(1);
        let later = self.changes.iter().enumerate().skip(standing);
        later.take_while(move |(place, it)| *place == standing || it.0 < to).map(|(_, it)| &it.1)
    }

    /// Everything it ever was, and from when on.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = (Timestamp, &T)> {
        self.changes.iter().map(|it| (it.0, &it.1))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.changes().map(|it| it.1)
    }

    fn instants(&self) -> impl Iterator<Item = Timestamp> {
        self.changes().map(|it| it.0)
    }
}

/// A deployment that a resource is metered for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Which.
    pub deployment: DeploymentId,
    /// While.
    pub during: Interval,
    /// The deployment's record that linked it.
    pub linked_by: Revision,
    /// The one that unlinked it.
    pub unlinked_by: Option<Revision>,
}

/// One thing at a provider as it was over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Which.
    pub id: ResourceId,
    /// What it is.
    pub resource_type: ResourceKind,
    /// What it was called.
    pub names: Timeline<Label>,
    /// When it was alive.
    pub live: Vec<Interval>,
    /// The links to it, in the order in which they were made.
    pub links: Vec<Linked>,
    /// Whose it was by its tags or an operator's word.
    pub tenants: Timeline<Option<TenantId>>,
    /// The project it was in.
    pub projects: Timeline<Option<ProviderRef>>,
    /// What an hour of it costs us.
    pub price_per_hour: Option<Money>,
    /// The record of it that was the first.
    pub first_seen: Revision,
    /// The record that said it was gone, where it is.
    pub gone_by: Option<Revision>,
}

impl Resource {
    /// Whether it was alive at some instant of `from..to`.
    pub fn lives_within(&self, from: Timestamp, to: Timestamp) -> bool {
        self.live.iter().any(|it| it.meets(from, to))
    }

    /// Whether it had this name, in whatever case, at some instant of `from..to`.
    pub fn is_called(&self, name: &str, from: Timestamp, to: Timestamp) -> bool {
        let name = super::products::folded(name);
        self.names.within(from, to).any(|it| super::products::folded(it.as_str()) == name)
    }

    /// The link that holds at an instant: the latest made, for a link to another deployment ends
    /// the one before.
    pub fn link_at(&self, at: Timestamp) -> Option<&Linked> {
        let begun = self.links.iter().filter(|it| it.during.starts_at <= at);
        begun.max_by_key(|it| it.during.starts_at).filter(|it| it.during.contains(at))
    }

    /// Its own stream.
    pub fn stream(&self) -> Stream {
        Stream::Resource(self.id.provider.clone(), self.id.id.clone())
    }

    /// When it was alive within `from..to`, in order and without overlap.
    pub fn live_within(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let mut parts = self.live.iter().filter_map(|it| it.cut(from, to)).collect::<Vec<_>>();
        parts.sort_unstable();
        let mut joined: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(parts.len());
        for (from, to) in parts {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                Some(_) | None => joined.push((from, to)),
            }
        }
        joined
    }

    /// Every instant of `from..to` at which whose it is may change.
    pub(super) fn turns(
        &self,
        projects: &[&Project],
        from: Timestamp,
        to: Timestamp,
    ) -> BTreeSet<Timestamp> {
        let links = self.links.iter().flat_map(|it| [it.during.starts_at, it.during.end()]);
        let own = self.tenants.instants().chain(self.projects.instants());
        let theirs = projects.iter().flat_map(|it| it.tenants.instants());
        let turns = links.chain(own).chain(theirs).filter(|at| from < *at && *at < to);
        turns.chain([from, to]).collect()
    }

    /// Whose it is at an instant: its deployment's, else by its own mark, else its project's.
    pub(super) fn owner_at(&self, projects: &[&Project], at: Timestamp) -> Option<Owner> {
        if let Some(link) = self.link_at(at) {
            return Some(Owner::Deployment(link.deployment.clone()));
        }
        if let Some(Some(tenant)) = self.tenants.at(at) {
            return Some(Owner::Tenant(tenant.clone()));
        }
        let project = self.projects.at(at)?.as_ref()?;
        let project = projects.iter().find(|it| it.is(&self.id.provider, project))?;
        project.tenants.at(at)?.clone().map(Owner::Tenant)
    }

    /// Whether it was ever anybody's before an instant.
    pub(super) fn was_owned_before(&self, projects: &[&Project], at: Timestamp) -> bool {
        let turns = self.turns(projects, Timestamp::MIN, at);
        turns.into_iter().any(|it| it < at && self.owner_at(projects, it).is_some())
    }
}

/// A project at a provider as it was over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Whose.
    pub provider: Provider,
    /// What the provider calls it, for ever.
    pub id: ProviderRef,
    /// What people called it there.
    pub names: Timeline<Label>,
    /// Who paid for what is in it.
    pub tenants: Timeline<Option<TenantId>>,
}

impl Project {
    fn is(&self, provider: &Provider, id: &ProviderRef) -> bool {
        self.provider == *provider && self.id == *id
    }

    /// Whether a bill's word for a project of its provider may mean this one.
    pub(super) fn is_named(&self, word: &Label, from: Timestamp, to: Timestamp) -> bool {
        let word = super::products::folded(word.as_str());
        let mut names = self.names.within(from, to).map(Label::as_str);
        super::products::folded(self.id.as_str()) == word
            || names.any(|it| super::products::folded(it) == word)
    }

    /// Whether it was ever anybody's before an instant.
    pub(super) fn was_owned_before(&self, at: Timestamp) -> bool {
        self.tenants.changes().any(|(since, tenant)| since < at && tenant.is_some())
    }

    pub(super) fn turns(&self, from: Timestamp, to: Timestamp) -> BTreeSet<Timestamp> {
        let turns = self.tenants.instants().filter(|at| from < *at && *at < to);
        turns.chain([from, to]).collect()
    }
}
