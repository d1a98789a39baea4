//! Whose cost a line of a bill is: each line whole, exactly once, or visibly nobody's.
//!
//! In this order: by hand; by the resource it names or matches; several of those: nobody's; none:
//! its project's; else nobody's. What changes owner within a line is split by time, and the parts
//! are the line to the last digit.

use std::collections::{BTreeMap, BTreeSet};

use super::ReportError;
use super::cost::{ByHand, CostLine, Likeness, LineId, name_in};
use super::products::{Products, folded};
use super::resource::{Project, Resource};
use crate::event::provider::{CostOwner, LineClass};
use crate::id::{
    DeploymentId, IngestId, Label, Provider, ProviderRef, ResourceId, ResourceKind, TenantId,
};
use crate::log::{Position, Revision};
use crate::money::{Exact, Money, allocate};
use crate::time::{BillingPeriod, Timestamp};

/// A line of a bill, and whose cost it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributed {
    /// Which line.
    pub id: LineId,
    /// The record it stands in.
    pub recorded_by: Revision,
    /// The period it is a cost of.
    pub period: BillingPeriod,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Whether it is tax.
    pub is_tax: bool,
    /// What the provider calls it.
    pub product: Label,
    /// What we call it: `tax`, the kind its product is mapped to, or nothing yet.
    pub kind: Option<ResourceKind>,
    /// The whole line.
    pub amount: Money,
    /// What says whose it is.
    pub ground: Ground,
    /// Its parts in order of time. They add up to the amount.
    pub parts: Vec<Part>,
}

/// What says whose cost a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// Somebody said so.
    ByHand {
        /// Where.
        position: Position,
        /// Of a line like it, and not of this one.
        is_rule: bool,
        /// The resource that was named, where one was.
        resource: Option<ResourceId>,
    },
    /// It is the cost of this resource.
    Resource(ResourceId),
    /// It matches nothing that was alive, and names this project.
    Project(ProviderRef),
    /// Nothing does.
    Nothing,
}

impl Attributed {
    /// The resource whose cost it is.
    pub const fn resource(&self) -> Option<&ResourceId> {
        match &self.ground {
            Ground::Resource(resource) => Some(resource),
            Ground::ByHand { resource, .. } => resource.as_ref(),
            Ground::Project(_) | Ground::Nothing => None,
        }
    }
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Whose.
    pub owner: Owner,
    /// From when it was theirs.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// How much of the line.
    pub amount: Money,
}

/// Whose a cost is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// A deployment's, and so its tenant's.
    Deployment(DeploymentId),
    /// A tenant's, but no deployment's.
    Tenant(TenantId),
    /// Nobody's, which stays visible.
    Nobody(Unowned),
}

impl Owner {
    /// The tenant, where there is one.
    pub const fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Deployment(it) => Some(&it.tenant),
            Self::Tenant(it) => Some(it),
            Self::Nobody(_) => None,
        }
    }

    /// The deployment, where there is one.
    pub const fn deployment(&self) -> Option<&DeploymentId> {
        match self {
            Self::Deployment(it) => Some(it),
            Self::Tenant(_) | Self::Nobody(_) => None,
        }
    }
}

/// Why a cost is nobody's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unowned {
    /// It is tax on the rest of the bill.
    Tax,
    /// Somebody said that it is.
    Said,
    /// Several resources match; a person has to choose.
    SeveralResources(Vec<ResourceId>),
    /// It names several projects.
    SeveralProjects(Vec<ProviderRef>),
    /// Its resource or its project has no tenant.
    NoTenant,
    /// It matches nothing.
    Unknown,
}

/// Attributes lines. The answer is in order of their ids, whatever the order they come in.
pub fn attribute(
    lines: &[CostLine],
    by_hand: &[ByHand],
    products: &Products,
    resources: &[Resource],
    projects: &[Project],
) -> Result<Vec<Attributed>, ReportError> {
    let known = Known::of(by_hand, products, resources, projects);
    let mut lines = lines.iter().collect::<Vec<_>>();
    lines.sort_by(|left, right| left.id.cmp(&right.id));
    lines.into_iter().map(|it| known.attribute(it)).collect()
}

/// Everything there is to look up, by what a line says of it.
struct Known<'a> {
    products: &'a Products,
    said: BTreeMap<(&'a LineId, &'a IngestId), &'a ByHand>,
    alike: BTreeMap<Likeness, Vec<&'a ByHand>>,
    resources: BTreeMap<&'a ResourceId, &'a Resource>,
    called: BTreeMap<(&'a Provider, String, String), Vec<&'a Resource>>,
    projects: BTreeMap<(&'a Provider, &'a ProviderRef), &'a Project>,
}

impl<'a> Known<'a> {
    fn of(
        by_hand: &'a [ByHand],
        products: &'a Products,
        resources: &'a [Resource],
        projects: &'a [Project],
    ) -> Self {
        let mut by_hand = by_hand.iter().collect::<Vec<_>>();
        by_hand.sort_by_key(|it| it.position);
        let mut alike = BTreeMap::<_, Vec<_>>::new();
        for it in &by_hand {
            alike.entry(Likeness::of(&it.id.provider, &it.line)).or_default().push(*it);
        }
        let mut called = BTreeMap::<_, Vec<_>>::new();
        for it in resources {
            for name in it.names.values() {
                let kind = folded(it.resource_type.as_str());
                let named = (&it.id.provider, kind, folded(name.as_str()));
                called.entry(named).or_default().push(it);
            }
        }
        Self {
            products,
            said: by_hand.into_iter().map(|it| ((&it.id, &it.ingest), it)).collect(),
            alike,
            resources: resources.iter().map(|it| (&it.id, it)).collect(),
            called,
            projects: projects.iter().map(|it| ((&it.provider, &it.id), it)).collect(),
        }
    }

    fn attribute(&self, it: &CostLine) -> Result<Attributed, ReportError> {
        let (ground, stretches) = self.judge(it);
        Ok(Attributed {
            id: it.id.clone(),
            recorded_by: it.recorded_by,
            period: it.period(),
            starts_at: it.line.starts_at,
            ends_at: it.line.ends_at,
            is_tax: it.line.class == LineClass::Tax,
            product: it.line.product.clone(),
            kind: it.kind(self.products),
            amount: it.line.amount,
            ground,
            parts: split(it.line.amount, stretches)?,
        })
    }

    fn judge(&self, it: &CostLine) -> (Ground, Vec<Stretch>) {
        let whole = |owner| vec![Stretch::whole(it, owner)];
        if let Some((said, is_rule)) = self.said_of(it) {
            let (resource, stretches) = self.owned_as(it, &said.owner);
            return (Ground::ByHand { position: said.position, is_rule, resource }, stretches);
        }
        if it.line.class == LineClass::Tax {
            return (Ground::Nothing, whole(Owner::Nobody(Unowned::Tax)));
        }
        let candidates = self.candidates(it);
        if let [resource] = candidates.as_slice() {
            return (Ground::Resource(resource.id.clone()), self.owners(it, resource));
        }
        if !candidates.is_empty() {
            let several = candidates.iter().map(|it| it.id.clone()).collect();
            return (Ground::Nothing, whole(Owner::Nobody(Unowned::SeveralResources(several))));
        }
        match self.projects_named(it).as_slice() {
            [] => (Ground::Nothing, whole(Owner::Nobody(Unowned::Unknown))),
            [project] => {
                let (from, to) = (it.line.starts_at, it.line.ends_at);
                let owner = |at| project.tenants.at(at).cloned().flatten().map(Owner::Tenant);
                let was_owned = project.was_owned_before(from);
                let turns = project.turns(from, to);
                let stretches = stretches(it, &[(from, to)], turns, was_owned, owner);
                (Ground::Project(project.id.clone()), stretches)
            }
            several => {
                let several = several.iter().map(|it| it.id.clone()).collect();
                (Ground::Nothing, whole(Owner::Nobody(Unowned::SeveralProjects(several))))
            }
        }
    }

    /// What was said of this very line; else the last thing said of one like it that reaches it: in
    /// a former reading of the same bill, or remembered from this month or an earlier one.
    fn said_of(&self, it: &CostLine) -> Option<(&'a ByHand, bool)> {
        if let Some(said) = self.said.get(&(&it.id, &it.ingest)) {
            return Some((said, false));
        }
        let bill = |id: &LineId| (id.provider.clone(), id.bill.clone());
        let reaches = |said: &&&ByHand| {
            let is_former = bill(&said.id) == bill(&it.id) && said.ingest != it.ingest;
            is_former || (said.remembered && said.line.starts_at.period() < it.period())
        };
        let alike = self.alike.get(&Likeness::of(&it.id.provider, &it.line))?;
        alike.iter().rev().find(reaches).map(|said| (*said, true))
    }

    fn owned_as(&self, it: &CostLine, owner: &CostOwner) -> (Option<ResourceId>, Vec<Stretch>) {
        let owner = match owner {
            CostOwner::Deployment(it) => Owner::Deployment(it.clone()),
            CostOwner::Tenant(it) => Owner::Tenant(it.clone()),
            CostOwner::Nobody => Owner::Nobody(Unowned::Said),
            CostOwner::Resource(id) => {
                let Some(resource) = self.resources.get(id) else {
                    let owner = Owner::Nobody(Unowned::NoTenant);
                    return (Some(id.clone()), vec![Stretch::whole(it, owner)]);
                };
                return (Some(id.clone()), self.owners(it, resource));
            }
        };
        (None, vec![Stretch::whole(it, owner)])
    }

    /// The resources alive in the line's interval that it may be the cost of: the one it names by
    /// id, else those of its type that were called as it says, else as its group is called.
    fn candidates(&self, it: &CostLine) -> Vec<&'a Resource> {
        let (from, to) = (it.line.starts_at, it.line.ends_at);
        let provider = &it.id.provider;
        if let Some(id) = &it.line.resource {
            let id = ResourceId { provider: provider.clone(), id: id.clone() };
            let named = self.resources.get(&id).filter(|it| it.lives_within(from, to));
            if let Some(named) = named {
                return vec![named];
            }
        }
        let mapping = self.products.mapping(provider, &it.line.product);
        let Some(kind) = mapping.and_then(|it| it.resource_type.as_ref()) else {
            return Vec::new();
        };
        let of_name = |name: &str| {
            let named = (provider, folded(kind.as_str()), folded(name));
            let called = self.called.get(&named).map_or(&[][..], Vec::as_slice);
            let fits = |it: &&&Resource| it.lives_within(from, to) && it.is_called(name, from, to);
            called.iter().filter(fits).copied().collect::<Vec<_>>()
        };
        let description = it.line.description.as_str();
        let mut found = of_name(name_in(description));
        found.extend(of_name(description));
        if found.is_empty() {
            found = it.line.group.as_ref().map_or_else(Vec::new, |it| of_name(it.as_str()));
        }
        found.sort_by(|left, right| left.id.cmp(&right.id));
        found.dedup_by(|left, right| left.id == right.id);
        found
    }

    fn projects_named(&self, it: &CostLine) -> Vec<&'a Project> {
        let Some(word) = &it.line.project else { return Vec::new() };
        let (from, to) = (it.line.starts_at, it.line.ends_at);
        let of_provider = self.projects.iter().filter(|(id, _)| id.0 == &it.id.provider);
        of_provider.map(|it| *it.1).filter(|it| it.is_named(word, from, to)).collect()
    }

    /// Whose a resource was while it was alive within a line.
    fn owners(&self, it: &CostLine, resource: &Resource) -> Vec<Stretch> {
        let (from, to) = (it.line.starts_at, it.line.ends_at);
        let mut live = resource.live_within(from, to);
        if live.is_empty() {
            live = vec![(from, to)];
        }
        let provider = &resource.id.provider;
        let projects = resource.projects.values().flatten();
        let projects = projects.filter_map(|id| self.projects.get(&(provider, id)).copied());
        let projects = projects.collect::<Vec<_>>();
        let turns = resource.turns(&projects, from, to);
        let was_owned = resource.was_owned_before(&projects, from);
        stretches(it, &live, turns, was_owned, |at| resource.owner_at(&projects, at))
    }
}

/// Some time of a line under one owner.
struct Stretch {
    owner: Owner,
    starts_at: Timestamp,
    ends_at: Timestamp,
    micros: i64,
}

impl Stretch {
    const fn whole(it: &CostLine, owner: Owner) -> Self {
        let (starts_at, ends_at) = (it.line.starts_at, it.line.ends_at);
        Self { owner, starts_at, ends_at, micros: 1 }
    }
}

/// The longest stretches of one owner within the times given. The time before the first owner there
/// ever was is that owner's: a machine is made before it is linked, and a mark comes after what it
/// marks. What was somebody's before the line begins has been left by its last owner since.
fn stretches(
    it: &CostLine,
    live: &[(Timestamp, Timestamp)],
    mut turns: BTreeSet<Timestamp>,
    was_owned: bool,
    owner_at: impl Fn(Timestamp) -> Option<Owner>,
) -> Vec<Stretch> {
    let nobody = || Owner::Nobody(Unowned::NoTenant);
    turns.extend(live.iter().flat_map(|it| [it.0, it.1]));
    let ends = turns.iter().skip(1);
    let mut stretches: Vec<Stretch> = Vec::new();
    for (from, to) in turns.iter().zip(ends) {
        if !live.iter().any(|it| it.0 <= *from && *to <= it.1) {
            continue;
        }
        let owner = owner_at(*from).unwrap_or_else(nobody);
        let micros = to.micros_since(*from);
        let is_unowned = matches!(stretches.as_slice(), [first] if first.owner == nobody());
        let is_unowned_yet = is_unowned && !was_owned;
        match stretches.last_mut() {
            Some(last) if last.owner == owner || is_unowned_yet => {
                last.owner = owner;
                last.ends_at = *to;
                last.micros += micros;
            }
            Some(_) | None => {
                stretches.push(Stretch { owner, starts_at: *from, ends_at: *to, micros });
            }
        }
    }
    if stretches.is_empty() {
        let owner = owner_at(it.line.starts_at).unwrap_or_else(nobody);
        stretches.push(Stretch::whole(it, owner));
    }
    stretches
}

/// A line divided by time, keeping the digits the provider gave it, and those of its currency at
/// least.
fn split(amount: Money, stretches: Vec<Stretch>) -> Result<Vec<Part>, ReportError> {
    let currency = amount.currency();
    let scale = amount.amount().scale().max(currency.minor_unit());
    let weights = stretches.iter().map(|it| Exact::whole(it.micros)).collect::<Vec<_>>();
    let shares = match weights.as_slice() {
        // A line of one owner is theirs as it is, however large.
        [_] => vec![amount.amount()],
        several => allocate(amount.amount(), scale, several)?,
    };
    let part = |(it, share): (Stretch, Exact)| Part {
        owner: it.owner,
        starts_at: it.starts_at,
        ends_at: it.ends_at,
        amount: Money::new(share, currency),
    };
    Ok(stretches.into_iter().zip(shares).map(part).collect())
}
