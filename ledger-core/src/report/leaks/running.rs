//! Leaks of resources: alive and not billed, or billed and not metered.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Attributed, Extent, Found, Known, Metered, Owner, Seen, Slot, Subject, Sums, folded, last_of,
};
use crate::id::{DeploymentId, TenantId};
use crate::money::{Exact, Money, Ratio, Unrounded, allocate};
use crate::price::{Charged, Usage, bound_on, charged_on, resource_price_of};
use crate::report::ReportError;
use crate::report::resource::{Linked, Resource};
use crate::time::{Day, Timestamp};

const HOUR_MICROS: i64 = 3_600_000_000;

/// A stretch of a resource's life within one day and under one link.
struct Piece<'a> {
    from: Timestamp,
    to: Timestamp,
    link: Option<&'a Linked>,
    charged: Option<&'a Charged>,
    /// The last slot that was taken for it by then, and whose.
    slot: Option<(&'a TenantId, &'a Slot)>,
    /// Whether no plan charges it and its usage is billed by itself.
    is_sold_by_usage: bool,
    is_internal: bool,
}

impl Piece<'_> {
    fn leaks(&self) -> bool {
        let is_in_slot = self.slot.is_some_and(|(_, it)| it.during.contains(self.from));
        let is_paid = self.charged.is_some() || is_in_slot || self.is_sold_by_usage;
        !is_paid && !self.is_internal
    }

    const fn micros(&self) -> i64 {
        self.to.micros_since(self.from)
    }
}

/// Resources that live without a charged deployment, and whose usage is not billed without one.
pub(super) fn unbilled(known: &Known<'_>) -> Result<Vec<Found>, ReportError> {
    let mut found = Vec::new();
    for resource in known.facts.resources {
        let pieces = pieces(known, resource);
        let Some(first) = pieces.iter().find(|it| it.leaks()) else { continue };
        let micros = pieces.iter().filter(|it| it.leaks()).map(Piece::micros).sum::<i64>();
        let hours = Ratio::new(i128::from(micros), i128::from(HOUR_MICROS))?;
        let costs = known.costs_of(&resource.id);
        let money = match (costs, resource.price_per_hour) {
            ([], None) => None,
            ([], Some(price)) => {
                let mut money = Sums::default();
                money.add(Unrounded::from(price).checked_mul(hours)?)?;
                Some(money)
            }
            (costs, _) => Some(cost_of(costs, &pieces)?),
        };
        let subject = Subject::Resource(resource.id.clone(), None);
        let first = unbilled_by(known, resource, first);
        found.push(Found { subject, extent: Extent::Hours(hours), first, money });
    }
    Ok(found)
}

/// The part of its lines that falls into the time it was not billed.
fn cost_of(costs: &[&Attributed], pieces: &[Piece<'_>]) -> Result<Sums, ReportError> {
    let mut sums = Sums::default();
    for it in costs {
        let within = |piece: &Piece<'_>| {
            let (from, to) = (piece.from.max(it.starts_at), piece.to.min(it.ends_at));
            to.micros_since(from).max(0)
        };
        let leaks = pieces.iter().filter(|it| it.leaks()).map(within).sum::<i64>();
        let others = pieces.iter().filter(|it| !it.leaks()).map(within).sum::<i64>();
        let (amount, currency) = (it.amount.amount(), it.amount.currency());
        let part = match (leaks, others) {
            (0, 0) if it.starts_at < it.ends_at => Exact::ZERO,
            (_, 0) => amount,
            (leaks, others) => {
                let scale = amount.scale().max(currency.minor_unit());
                let weights = [Exact::whole(leaks), Exact::whole(others)];
                allocate(amount, scale, &weights)?.first().copied().unwrap_or(Exact::ZERO)
            }
        };
        sums.add(Money::new(part, currency))?;
    }
    Ok(sums)
}

/// What made a piece unbilled: the end of its slot, the deployment's end, the unlinking, or that it
/// began to live. Of several ends the last.
fn unbilled_by(known: &Known<'_>, resource: &Resource, piece: &Piece<'_>) -> Option<Seen> {
    let lapsed = piece.slot.map(|(tenant, slot)| {
        let stream = crate::stream::Stream::Account(tenant.clone());
        (slot.during.end(), Seen { stream, revision: slot.ended_by() })
    });
    let lapsed_since = |at: Timestamp| lapsed.clone().filter(|it| at <= it.0).map(|it| it.1);
    let of = |id: &DeploymentId, revision| Seen {
        stream: crate::stream::Stream::Deployment(id.tenant.clone(), id.slug.clone()),
        revision,
    };
    if let Some(link) = piece.link {
        let deployment = known.deployments.get(&link.deployment);
        let changes = deployment.into_iter().flat_map(|it| &it.charged);
        let until = piece.from.day().ends_at().unwrap_or(Timestamp::MAX);
        let ended = changes.filter(|it| it.at < until && !it.is_charged).max_by_key(|it| it.at);
        let ended = ended.filter(|it| it.at >= link.during.starts_at);
        let since = ended.map_or(link.during.starts_at, |it| it.at);
        return lapsed_since(since)
            .or_else(|| last_of(&ended?.from))
            .or_else(|| Some(of(&link.deployment, link.linked_by)));
    }
    let over = resource.links.iter().filter(|it| it.during.end() <= piece.from);
    let unlinked = over.max_by_key(|it| it.during.end());
    let since = unlinked.map_or(Timestamp::MIN, |it| it.during.end());
    let unlinked = unlinked.and_then(|it| Some(of(&it.deployment, it.unlinked_by?)));
    lapsed_since(since)
        .or(unlinked)
        .or_else(|| Some(Seen { stream: resource.stream(), revision: resource.first_seen }))
}

/// Resources sold with a charged deployment of which nothing they yield was metered.
pub(super) fn unmetered(known: &Known<'_>) -> Result<Vec<Found>, ReportError> {
    let facts = known.facts;
    let mut found = Vec::new();
    for resource in facts.resources {
        let yields = facts.products.yielded_by(&resource.id.provider, &resource.resource_type);
        if yields.is_empty() {
            continue;
        }
        let mut sold = BTreeMap::<&DeploymentId, (&Linked, i64)>::new();
        for piece in pieces(known, resource) {
            if let (Some(link), Some(_), false) = (piece.link, piece.charged, piece.is_internal) {
                sold.entry(&link.deployment).or_insert((link, 0)).1 += piece.micros();
            }
        }
        for (deployment, (link, micros)) in sold {
            if used_of(known, resource, deployment).next().is_some() {
                continue;
            }
            let hours = Ratio::new(i128::from(micros), i128::from(HOUR_MICROS))?;
            let costs = known.costs_of(&resource.id);
            let mut money = Sums::default();
            for part in costs.iter().flat_map(|it| &it.parts) {
                if part.owner.deployment() == Some(deployment) {
                    money.add(part.amount)?;
                }
            }
            let stream = crate::stream::Stream::Deployment(
                deployment.tenant.clone(),
                deployment.slug.clone(),
            );
            found.push(Found {
                subject: Subject::Resource(resource.id.clone(), Some(deployment.clone())),
                extent: Extent::Hours(hours),
                first: Some(Seen { stream, revision: link.linked_by }),
                money: (!costs.is_empty()).then_some(money),
            });
        }
    }
    Ok(found)
}

/// The usage that a resource yielded for a deployment, and whose it is.
fn used_of<'a>(
    known: &Known<'a>,
    resource: &'a Resource,
    deployment: &'a DeploymentId,
) -> impl Iterator<Item = (&'a Metered, &'a Usage)> {
    let facts = known.facts;
    let yields = facts.products.yielded_by(&resource.id.provider, &resource.resource_type);
    let of_tenant = facts.metered.iter().filter(|it| it.tenant == deployment.tenant);
    let used = of_tenant.flat_map(|of| of.usage.iter().map(move |it| (of, it)));
    used.filter(move |(_, it)| {
        let is_of = match &it.resource {
            Some(measured) => *measured == resource.id,
            None => it.deployment.as_ref() == Some(&deployment.slug),
        };
        is_of && yields.contains(&it.kind) && !it.quantity.is_zero()
    })
}

/// The first day from which usage of a resource is billed by resource prices: usage stands for the
/// time from its instant on.
fn sold_by_usage_since(
    known: &Known<'_>,
    resource: &Resource,
    deployment: &DeploymentId,
) -> Option<Day> {
    let used = used_of(known, resource, deployment);
    let is_priced = |(of, it): &(&Metered, &Usage)| {
        resource_price_of(&of.resource_prices, of.currency, it).is_some()
    };
    used.filter(is_priced).map(|(_, it)| it.at.day()).min()
}

/// The slots that are called as a resource or a deployment it was linked to ever was.
fn slots_named<'a>(known: &Known<'a>, resource: &Resource) -> Vec<(&'a TenantId, &'a Slot)> {
    let slugs = resource.links.iter().map(|it| folded(it.deployment.slug.as_str()));
    let names = resource.names.values().map(|it| folded(it.as_str()));
    let id = folded(&resource.id.to_string());
    let words = slugs.chain(names).chain([id]).collect::<BTreeSet<_>>();
    words.iter().filter_map(|it| known.slots.get(it)).flatten().copied().collect()
}

/// The slot that was last taken for a resource at an instant: a slot of its owner that is called as
/// its deployment, as itself, or by its id. One that holds is before one that is over.
fn slot_at<'a>(
    slots: &[(&'a TenantId, &'a Slot)],
    resource: &Resource,
    owner: Option<&Owner>,
    at: Timestamp,
) -> Option<(&'a TenantId, &'a Slot)> {
    let tenant = owner.and_then(Owner::tenant)?;
    let slug = owner.and_then(Owner::deployment).map(|it| folded(it.slug.as_str()));
    let name = resource.names.within(at, at).next().map(|it| folded(it.as_str()));
    let words = [slug, name, Some(folded(&resource.id.to_string()))];
    let is_of = |(of, slot): &&(&TenantId, &Slot)| {
        let word = folded(slot.name.as_str());
        *of == tenant && slot.during.starts_at <= at && words.iter().flatten().any(|it| *it == word)
    };
    let of = slots.iter().filter(is_of).copied();
    of.max_by_key(|(_, it)| (it.during.contains(at), it.during.end(), it.allocated_by))
}

/// A resource's life within the period, cut where a day, a link, a slot or an owner ends.
fn pieces<'a>(known: &Known<'a>, resource: &'a Resource) -> Vec<Piece<'a>> {
    let facts = known.facts;
    let projects = facts.projects.iter().collect::<Vec<_>>();
    let (begins_at, ends_at) = (facts.period.starts_at(), known.ends_at);
    let mut pieces = Vec::new();
    let linked = resource.links.iter().map(|it| &it.deployment);
    let sold_since = linked.filter_map(|it| Some((it, sold_by_usage_since(known, resource, it)?)));
    let sold_since = sold_since.collect::<BTreeMap<_, _>>();
    let slots = slots_named(known, resource);
    for (from, to) in resource.live_within(begins_at, ends_at) {
        let days = facts.period.each_day().map(Day::starts_at).filter(|it| from < *it && *it < to);
        let turns = resource.turns(&projects, from, to);
        let ends = slots.iter().flat_map(|(_, it)| [it.during.starts_at, it.during.end()]);
        let renamed = resource.names.changes().map(|it| it.0);
        let more = ends.chain(renamed).filter(|it| from < *it && *it < to);
        let turns = turns.into_iter().chain(days).chain(more).collect::<BTreeSet<_>>();
        for (from, to) in turns.iter().zip(turns.iter().skip(1)) {
            let link = resource.link_at(*from);
            let deployment = link.and_then(|it| known.deployments.get(&it.deployment).copied());
            let charged = deployment.and_then(|it| charged_on(it, from.day(), facts.until));
            let has_plan =
                deployment.is_some_and(|it| bound_on(it, from.day(), facts.until).is_some());
            let owner = resource.owner_at(&projects, *from);
            let is_internal = known.is_internal(owner.as_ref());
            let slot = slot_at(&slots, resource, owner.as_ref(), *from);
            let since = link.and_then(|it| sold_since.get(&it.deployment));
            // What a plan or a slot paid for is not sold by its usage alone.
            let has_usage = since.is_some_and(|it| *it <= from.day());
            let is_sold_by_usage = has_usage && !has_plan && slot.is_none();
            let (from, to) = (*from, *to);
            pieces.push(Piece { from, to, link, charged, slot, is_sold_by_usage, is_internal });
        }
    }
    pieces
}
