//! Leaks of what is charged: a deployment of which nothing lives, a line that nothing explains.

use std::collections::BTreeSet;

use super::{Extent, Found, Known, Seen, Subject, Sums, is_unknown, last_of};
use crate::catalog::canonical_kind;
use crate::event::invoice::LineKind;
use crate::id::DeploymentId;
use crate::money::{Ratio, Unrounded};
use crate::price::{Attached, Deployment, attached_on, charged_on};
use crate::report::ReportError;
use crate::report::resource::Resource;
use crate::report::revenue::Earned;
use crate::time::{Day, Timestamp};

/// Deployments that are charged on days when no resource linked to them lives.
pub(super) fn not_running(known: &Known<'_>) -> Result<Vec<Found>, ReportError> {
    let facts = known.facts;
    let mut found = Vec::new();
    for (id, deployment) in &known.deployments {
        if facts.internal.contains(&id.tenant) {
            continue;
        }
        let days = facts.period.each_day().filter(|it| it.starts_at() <= facts.until);
        let charged = days.filter(|it| charged_on(deployment, *it, facts.until).is_some());
        let charged = charged.collect::<BTreeSet<_>>();
        let idle = charged.iter().copied().filter(|it| !runs_on(known, id, *it));
        let idle = idle.collect::<BTreeSet<_>>();
        let Some(first) = idle.first() else { continue };
        found.push(Found {
            subject: Subject::Deployment(id.clone()),
            extent: Extent::Days(u8::try_from(idle.len()).expect("a month has few days")),
            first: idle_by(known, id, deployment, *first),
            money: charged_for(known, (id, *deployment), &charged, &idle)?,
        });
    }
    Ok(found)
}

/// Whether a resource linked to a deployment lives at some instant of a day. The day that begins as
/// it is looked at has that one instant.
fn runs_on(known: &Known<'_>, id: &DeploymentId, day: Day) -> bool {
    let (from, to) = (day.starts_at(), day.ends_at().unwrap_or(Timestamp::MAX).min(known.ends_at));
    let is_linked =
        |resource: &Resource, at| resource.link_at(at).is_some_and(|it| it.deployment == *id);
    let mut linked = known.linked.get(id).into_iter().flatten();
    if to <= from {
        return linked.any(|it| it.lives_within(from, from) && is_linked(it, from));
    }
    linked.any(|resource| {
        let live = resource.live_within(from, to);
        live.into_iter().any(|(from, to)| {
            let turns = resource.turns(&[], from, to);
            turns.into_iter().any(|at| at < to && is_linked(resource, at))
        })
    })
}

/// What was charged for some days: of each recurring line its part of the charged days it is for.
fn charged_for(
    known: &Known<'_>,
    (id, deployment): (&DeploymentId, &Deployment),
    charged: &BTreeSet<Day>,
    idle: &BTreeSet<Day>,
) -> Result<Option<Sums>, ReportError> {
    let mut sums: Option<Sums> = None;
    for it in known.facts.earned.iter().filter(|it| it.period == known.facts.period) {
        let is_recurring =
            matches!(it.line, LineKind::PlanBase | LineKind::Addon | LineKind::Commitment);
        let is_of = it.tenant == id.tenant && it.deployment.as_ref() == Some(&id.slug);
        if !is_recurring || !is_of {
            continue;
        }
        let within = |days: &BTreeSet<Day>| {
            let days = days.iter().filter(|day| it.starts_on <= **day && **day < it.ends_on);
            days.copied().collect::<Vec<_>>()
        };
        let sums = sums.get_or_insert_default();
        let (idle, all) = (within(idle), within(charged));
        let (mut part, mut whole) = (count(&idle), count(&all));
        if it.line == LineKind::Addon {
            let attached = |days: &[Day]| attached_for(known, deployment, it, days);
            let of_addons = (attached(&idle)?, attached(&all)?);
            // What the deployment does not know of is as the days of its run.
            if !of_addons.1.is_zero() {
                (part, whole) = of_addons;
            }
        }
        if !whole.is_zero() {
            sums.add(Unrounded::from(it.amount).checked_mul(part.checked_div(whole)?)?)?;
        }
    }
    Ok(sums)
}

fn count(days: &[Day]) -> Ratio {
    Ratio::whole(i64::try_from(days.len()).expect("a month has few days"))
}

/// What the addons of a line's kind come to on some days: of each its price for every day that it
/// is attached. A line does not say which attachment it is for; those of a kind sum to the same.
fn attached_for(
    known: &Known<'_>,
    deployment: &Deployment,
    line: &Earned,
    days: &[Day],
) -> Result<Ratio, ReportError> {
    let is_of = |it: &&Attached| Some(canonical_kind(&it.kind)) == line.kind;
    let mut sum = Ratio::ZERO;
    for it in deployment.attached.iter().filter(is_of) {
        let held = days.iter().copied().filter(|day| attached_on(it, *day, known.facts.until));
        let held = count(&held.collect::<Vec<_>>());
        sum = sum.checked_add(Ratio::from(it.price.amount()).checked_mul(held)?)?;
    }
    Ok(sum)
}

/// What made a charged deployment idle: the last link or life that ended before the day, else what
/// made it charged.
fn idle_by(
    known: &Known<'_>,
    id: &DeploymentId,
    deployment: &Deployment,
    day: Day,
) -> Option<Seen> {
    let linked = known.linked.get(id).into_iter().flatten();
    let ends = linked.flat_map(|resource| {
        let links = resource.links.iter().filter(|it| it.deployment == *id);
        let unlinked = links.filter_map(|it| {
            let (stream, revision) = (deployment_stream(id), it.unlinked_by?);
            Some((it.during.ends_at?, Seen { stream, revision }))
        });
        let last = resource.live.iter().filter_map(|it| it.ends_at).max();
        let gone = last.zip(resource.gone_by);
        let gone = gone.map(|(at, revision)| (at, Seen { stream: resource.stream(), revision }));
        unlinked.chain(gone).collect::<Vec<_>>()
    });
    let ended = ends.filter(|it| it.0 <= day.starts_at()).max_by_key(|it| it.0).map(|it| it.1);
    ended.or_else(|| last_of(&charged_on(deployment, day, known.facts.until)?.from))
}

fn deployment_stream(id: &DeploymentId) -> crate::stream::Stream {
    crate::stream::Stream::Deployment(id.tenant.clone(), id.slug.clone())
}

/// Lines of bills, other than tax, that match no resource.
pub(super) fn unknown(known: &Known<'_>) -> Result<Vec<Found>, ReportError> {
    let lines = known.facts.costs.iter().filter(|it| it.period == known.facts.period);
    let mut found = Vec::new();
    for it in lines.filter(|it| is_unknown(it)) {
        let mut money = Sums::default();
        money.add(it.amount)?;
        found.push(Found {
            subject: Subject::Line(it.id.clone()),
            extent: Extent::Line,
            first: Some(Seen { stream: it.id.stream(), revision: it.recorded_by }),
            money: Some(money),
        });
    }
    Ok(found)
}
