//! The hours that the ledger meters itself: of each resource, while it lived and was linked.
//!
//! To the second and below, never rounded: an hour is a ratio until a line is rounded.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::CatalogFold;
use super::deployment::DeploymentFold;
use super::known::Knowledge;
use crate::catalog::folded;
use crate::id::{Category, DeploymentId, ResourceId, ResourceKind};
use crate::inventory::{Link, ResourceFold, holds, hours, stretches};
use crate::log::Position;
use crate::money::Ratio;
use crate::price::{Sources, Usage};
use crate::time::{BillingPeriod, Timestamp};

/// A stretch of time in which a resource yielded hours of a kind for a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metered {
    /// Which resource.
    pub resource: ResourceId,
    /// For which deployment.
    pub deployment: DeploymentId,
    /// What its hours count as.
    pub kind: ResourceKind,
    /// What a ladder sees in them: a droplet is a machine, and those are on none.
    pub category: Option<Category>,
    /// The first instant.
    pub since: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
    /// The place in the log of what began it last, the link or the life.
    pub began: Position,
    /// The link, the life, what ended them, and what maps the type to the kind.
    pub from: Sources,
}

impl Metered {
    /// How long it is, in hours, exactly.
    pub fn hours(&self) -> Ratio {
        hours(self.since, self.to)
    }
}

/// What resources yielded between two instants, by resource, then kind, then time. No two stretches
/// of one resource and kind overlap, whichever deployments they are of.
pub fn metered<'a>(
    catalog: &CatalogFold,
    deployments: impl IntoIterator<Item = &'a DeploymentFold>,
    resources: &BTreeMap<ResourceId, ResourceFold>,
    from: Timestamp,
    to: Timestamp,
) -> Vec<Metered> {
    let mut links = BTreeMap::<&ResourceId, Vec<(DeploymentId, &Link)>>::new();
    for deployment in deployments {
        for link in deployment.links() {
            links.entry(&link.resource).or_default().push((deployment.id(), link));
        }
    }
    let mut metered = Vec::new();
    for (id, links) in links {
        let Some(resource) = resources.get(id) else { continue };
        let Some(resource_type) = resource.resource_type() else { continue };
        let stretches = stretches(resource, &holds(links.iter().map(|(id, link)| (id, *link))));
        let is_machine = folded(resource_type.as_str()) == "droplet";
        let category = is_machine.then(|| Category::new("vm").expect("a word is a category"));
        for (kind, mapped) in catalog.yields(&id.provider, resource_type) {
            for stretch in &stretches {
                let Some((since, end)) = stretch.within(from, to) else { continue };
                let mut sources = stretch.sources(end);
                sources.extend(&mapped);
                metered.push(Metered {
                    resource: id.clone(),
                    deployment: stretch.hold.deployment.clone(),
                    kind: kind.clone(),
                    category: category.clone(),
                    since,
                    to: end,
                    began: stretch.hold.began.position.max(stretch.life.began.position),
                    from: sources,
                });
            }
        }
    }
    metered
}

/// Metered hours as usage, day by day, because a day may begin another run; without those that a
/// producer has `replaced`.
pub(super) fn as_usage(
    metered: Vec<Metered>,
    replaced: &BTreeSet<(ResourceId, ResourceKind)>,
    period: BillingPeriod,
    knowledge: Option<&Knowledge<'_>>,
) -> Vec<Usage> {
    let mut usage = Vec::new();
    for it in metered {
        let what = (it.resource.clone(), it.kind.clone());
        if replaced.contains(&what) {
            continue;
        }
        for day in period.each_day() {
            let since = day.starts_at().max(it.since);
            let to = day.ends_at().unwrap_or(Timestamp::MAX).min(it.to);
            if since < to {
                usage.push(Usage {
                    at: since,
                    deployment: Some(it.deployment.slug.clone()),
                    kind: it.kind.clone(),
                    quantity: hours(since, to),
                    category: it.category.clone(),
                    resource: Some(it.resource.clone()),
                    known: knowledge.map(|knows| knows.passing(it.began, since)),
                    from: it.from.clone(),
                });
            }
        }
    }
    usage
}
