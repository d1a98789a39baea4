//! Accrual: what an invoice would hold if its period ended now, and what it will hold at this pace.

use std::collections::BTreeMap;

use crate::billing::{BasisError, Books, Composed};
use crate::catalog::Aggregation;
use crate::id::{Category, DeploymentSlug, ResourceId, ResourceKind};
use crate::money::{ExactError, Ratio};
use crate::price::{self, Facts, PriceError, Sources, Usage};
use crate::time::Timestamp;

/// What a tenant's running period comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accrual {
    /// If it ended now: what its invoice would hold, adjustments of earlier periods and prepaid
    /// usage that is not drawn yet included.
    pub accrued: Composed,
    /// If it goes on as it went. The adjustments are those known now.
    pub projected: Composed,
}

/// Accrues and projects a tenant's period at an instant.
pub fn accrual(books: &Books, now: Timestamp) -> Result<Accrual, BasisError> {
    let basis = &books.basis;
    let ends_at = basis.period.ends_at();
    let accrued = books.expected(now.min(ends_at))?;
    if now >= ends_at {
        return Ok(Accrual { projected: accrued.clone(), accrued });
    }
    let reported = basis.reported(now)?;
    let projected = projected_facts(&basis.facts(now)?, basis.facts(ends_at)?, &reported, now);
    let projected = basis.settled(projected.map_err(PriceError::from)?)?;
    let projected = books.expected_with(price::price(&projected)?)?;
    Ok(Accrual { accrued, projected })
}

/// The facts of the whole period if everything goes on as it went until now.
///
/// Days are charged as they stand now until the period ends. What measures itself (a gauge, a
/// resource that lives) runs on at its last value, which is what `whole` holds: what stands at zero
/// or is gone adds nothing. What producers `reported` goes on at the pace it had since its
/// deployment began, or since the period did: as much a second, added day by day, so that
/// allowances, caps, tiers and ladders see it as usage. A largest or latest value, a count and a
/// percentile stay what they are. Adjustments are not foretold.
pub fn projected_facts(
    now: &Facts,
    whole: Facts,
    reported: &[Usage],
    at: Timestamp,
) -> Result<Facts, ExactError> {
    let mut projected = whole;
    for (series, used) in totals(reported)? {
        if !adds_up(now, &series) {
            continue;
        }
        let elapsed = seconds(begun(now, series.deployment.as_ref(), at), at);
        if elapsed <= 0 {
            continue;
        }
        let pace = used.checked_div(Ratio::whole(elapsed))?;
        let ends_at = now.period.ends_at();
        for day in now.period.each_day() {
            let from = day.starts_at().max(at);
            let to = day.ends_at().unwrap_or(Timestamp::MAX).min(ends_at);
            if from < to {
                let quantity = pace.checked_mul(Ratio::whole(seconds(from, to)))?;
                projected.usage.push(series.usage(from, quantity));
            }
        }
    }
    Ok(projected)
}

/// Records that go on together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    deployment: Option<DeploymentSlug>,
    kind: ResourceKind,
    category: Option<Category>,
    resource: Option<ResourceId>,
}

impl Series {
    fn usage(&self, at: Timestamp, quantity: Ratio) -> Usage {
        let Self { deployment, kind, category, resource } = self.clone();
        Usage {
            at,
            deployment,
            kind,
            quantity,
            category,
            resource,
            known: None,
            from: Sources::NONE,
        }
    }
}

fn totals(usage: &[Usage]) -> Result<BTreeMap<Series, Ratio>, ExactError> {
    let mut totals = BTreeMap::new();
    for it in usage {
        let series = Series {
            deployment: it.deployment.clone(),
            kind: it.kind.clone(),
            category: it.category.clone(),
            resource: it.resource.clone(),
        };
        let total = totals.entry(series).or_insert(Ratio::ZERO);
        *total = total.checked_add(it.quantity)?;
    }
    Ok(totals)
}

/// Whole seconds between two instants.
const fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.micros_since(from) / 1_000_000
}

/// Whether the records of a series are added up, so that more of the same is more.
fn adds_up(facts: &Facts, series: &Series) -> bool {
    let known = facts.deployments.iter().find(|it| Some(&it.slug) == series.deployment.as_ref());
    let items = known.and_then(|it| it.bound.last()).map(|it| it.plan.items.as_slice());
    let item = items.unwrap_or_default().iter().find(|it| it.kind == series.kind);
    item.is_none_or(|it| it.aggregation == Aggregation::Sum)
}

/// Since when a deployment can have used anything in the period.
fn begun(facts: &Facts, deployment: Option<&DeploymentSlug>, at: Timestamp) -> Timestamp {
    let starts_at = facts.period.starts_at();
    let known = facts.deployments.iter().find(|it| Some(&it.slug) == deployment);
    let bound = known.and_then(|it| it.bound.iter().map(|it| it.at).min());
    bound.filter(|it| *it < at).map_or(starts_at, |it| it.max(starts_at))
}
