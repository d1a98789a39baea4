//! From the inventory to the reports: resources and projects as plain intervals of the world's
//! clock.
//!
//! A thing was there before we saw it: it lives from when its provider says that it began, and was
//! then what it was when it was discovered. Whose its project is enters as it changed over time.

use std::collections::BTreeMap;

use super::resource::{Interval, Linked, Project, Resource, Timeline};
use crate::billing::DeploymentFold;
use crate::id::{DeploymentId, Provider, ProviderRef, ResourceId};
use crate::inventory::{Life, Link, ProjectFold, ResourceFold};
use crate::time::Timestamp;

/// The resources that were ever seen, in order of their ids, with the deployments they were linked
/// to. What names no project is in its provider's default one.
pub fn resources_of<'a>(
    resources: impl IntoIterator<Item = &'a ResourceFold>,
    deployments: impl IntoIterator<Item = &'a DeploymentFold>,
    projects: &[ProjectFold],
) -> Vec<Resource> {
    let mut links = BTreeMap::<&ResourceId, Vec<(DeploymentId, &Link)>>::new();
    for deployment in deployments {
        for link in deployment.links() {
            links.entry(&link.resource).or_default().push((deployment.id(), link));
        }
    }
    let known = resources.into_iter().filter_map(|it| {
        let links = links.remove(it.id()).unwrap_or_default();
        resource_of(it, links, default_of(projects, &it.id().provider))
    });
    let mut known = known.collect::<Vec<_>>();
    known.sort_by(|left, right| left.id.cmp(&right.id));
    known
}

/// A project with all that it was called and whose it was.
pub fn project_of(it: &ProjectFold) -> Project {
    let names = it.sightings().iter().map(|(place, seen)| (place.at, seen.name.clone()));
    let tenants = it.assignments().into_iter().map(|it| (it.since.at, it.tenant.clone()));
    Project {
        provider: it.provider().clone(),
        id: it.id().clone(),
        names: Timeline::new(names),
        tenants: Timeline::new(tenants),
    }
}

/// The project of a provider that takes what names none; of several the first.
fn default_of<'a>(projects: &'a [ProjectFold], provider: &Provider) -> Option<&'a ProviderRef> {
    let own = projects.iter().filter(|it| it.provider() == provider);
    let default = own.filter(|it| it.seen().is_some_and(|seen| seen.is_default));
    default.map(ProjectFold::id).min()
}

/// Nothing where it was never seen.
fn resource_of(
    it: &ResourceFold,
    mut links: Vec<(DeploymentId, &Link)>,
    default_project: Option<&ProviderRef>,
) -> Option<Resource> {
    let (discovered, snapshot) = (it.discovered()?, it.snapshot()?);
    let lives = it.lives();
    let sightings = it.recorded_sightings();
    let said = sightings.iter().filter_map(|it| it.snapshot.began_at).min();
    let first = lives.first().map_or(discovered.at, |it| it.began.at);
    let begins = said.map_or(first, |it| it.min(first));
    // What it was when first seen it was since it began.
    let since = |at: Timestamp| if at <= first { begins } else { at };
    let names = sightings.iter().filter_map(|it| {
        let name = it.snapshot.name.clone()?;
        Some((since(it.seen.at), name))
    });
    let projects = sightings.iter().map(|it| {
        let project = it.snapshot.project.as_ref().or(default_project);
        (since(it.seen.at), project.cloned())
    });
    let tenants = it.owners().into_iter().map(|it| (since(it.since.at), it.tenant.clone()));
    links.sort_by_key(|(_, it)| it.linked.position);
    Some(Resource {
        id: it.id().clone(),
        resource_type: snapshot.resource_type.clone(),
        names: Timeline::new(names),
        live: lives.iter().map(|it| lived(it, since(it.began.at))).collect(),
        links: links.into_iter().map(linked).collect(),
        tenants: Timeline::new(tenants),
        projects: Timeline::new(projects),
        price_per_hour: snapshot.price_per_hour,
        first_seen: discovered.revision,
        gone_by: lives.iter().rev().find_map(|it| it.ended).map(|it| it.revision),
    })
}

fn lived(it: &Life, starts_at: Timestamp) -> Interval {
    Interval { starts_at, ends_at: it.ended.map(|it| it.at) }
}

fn linked((deployment, it): (DeploymentId, &Link)) -> Linked {
    let starts_at = it.linked.at;
    Linked {
        deployment,
        // An end that is said to be before the beginning leaves nothing of the link.
        during: Interval { starts_at, ends_at: it.unlinked.map(|it| it.at.max(starts_at)) },
        linked_by: it.linked.revision,
        unlinked_by: it.unlinked.map(|it| it.revision),
    }
}
