//! What is live at a provider: what a listing says of each resource, and what people say of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{nothing, one};
use crate::decide::deployment::{Deployment, DeploymentRefusal};
use crate::event::Event;
use crate::event::inventory::{
    Deletion, DriftAccepted, Fields, ProjectAssigned, ProjectSeen, ResourceDeleted, ResourceTagged,
    SpecRecorded,
};
use crate::id::{DeploymentId, FieldName, Label, Note, ResourceId, TenantId};
use crate::inventory::{DriftStatus, ProjectFold, ResourceFold};
use crate::time::Timestamp;

mod refusal;
mod sync;

pub use refusal::{InventoryRefusal, SyncRefusal};
pub use sync::{EMPTY_LIVE_MAX, Known, Listed, Listing, STRIKES, Synced, observe, owner_of, sync};

/// What a decision about a resource or a project answers.
type Answer = Result<Vec<Event>, InventoryRefusal>;

/// Takes in what a provider says of a project. As it is known already: nothing.
pub fn see_project(project: &ProjectFold, seen: &ProjectSeen) -> Vec<Event> {
    if project.seen() == Some(seen) { Vec::new() } else { vec![seen.clone().into()] }
}

/// Says whose a project is, and what for. As it is already: nothing.
pub fn assign_project(
    project: &ProjectFold,
    tenant: Option<TenantId>,
    purpose: Option<Note>,
) -> Answer {
    let (provider, id) = (project.provider().clone(), project.id().clone());
    project.seen().ok_or(InventoryRefusal::ProjectUnknown { provider, project: id })?;
    let current = project.assigned_at(Timestamp::MAX);
    let (former, meant) =
        current.map_or((None, None), |it| (it.tenant.clone(), it.purpose.clone()));
    if (former, meant) == (tenant.clone(), purpose.clone()) {
        nothing()
    } else {
        one(ProjectAssigned { tenant, purpose })
    }
}

/// Gives a resource tags and an owner here, whatever the provider says. As they are: nothing.
pub fn tag(resource: &ResourceFold, tags: Vec<Label>, tenant: Option<TenantId>) -> Answer {
    known(resource)?;
    let set = |tags: &[Label]| tags.iter().cloned().collect::<BTreeSet<_>>();
    let current = resource.owner_at(Timestamp::MAX);
    if current.is_some_and(|it| it.tenant == tenant && set(&it.tags) == set(&tags)) {
        nothing()
    } else {
        one(ResourceTagged { tags, tenant })
    }
}

/// Writes down what a resource should be: the next version of its spec. As it is: nothing.
pub fn record_spec(resource: &ResourceFold, fields: Fields) -> Answer {
    known(resource)?;
    if resource.spec().is_some_and(|it| it.fields == fields) {
        nothing()
    } else {
        one(SpecRecorded { fields })
    }
}

/// Makes the live value of a field that drifted its spec. Accepted already: nothing.
pub fn accept_drift(resource: &ResourceFold, field: &FieldName, reason: Option<Note>) -> Answer {
    known(resource)?;
    let drifts = resource.drifts();
    let of_field = drifts.iter().rfind(|it| it.field == *field);
    match of_field.map(|it| (it.status, &it.live)) {
        Some((DriftStatus::Open, live)) => {
            one(DriftAccepted { field: field.clone(), live: live.clone(), reason })
        }
        Some((DriftStatus::Accepted(_), _)) => nothing(),
        Some((DriftStatus::Stale(_), _)) | None => {
            let (resource, field) = (resource.id().clone(), field.clone());
            Err(InventoryRefusal::DriftUnknown { resource, field })
        }
    }
}

/// Takes down that a resource is gone: a teardown of ours destroyed it, or an operator says so.
/// Gone already: nothing.
pub fn report_deletion(resource: &ResourceFold, evidence: Deletion, at: Timestamp) -> Answer {
    known(resource)?;
    let lives = resource.lives();
    let Some(life) = lives.last().filter(|it| it.ended.is_none()) else { return nothing() };
    if at < life.began.at {
        let (resource, began) = (resource.id().clone(), life.began.at);
        return Err(InventoryRefusal::DeletedBeforeSeen { resource, at, began });
    }
    one(ResourceDeleted { evidence })
}

/// Moves a resource to a deployment: ends its links to all others, then links it. All of it occurs
/// at one instant, and cut anywhere it leaves the resource metered at most once; asking again
/// finishes it.
///
/// `linked` are the deployments that may hold it, `to` among them. Nothing is recorded anywhere
/// where the link itself is refused.
pub fn link(
    resource: &ResourceId,
    to: &DeploymentId,
    linked: &BTreeMap<DeploymentId, Deployment>,
) -> Result<Vec<(DeploymentId, Vec<Event>)>, DeploymentRefusal> {
    let target = linked.get(to).ok_or(DeploymentRefusal::DeploymentUnknown)?;
    let links = target.link(resource)?;
    let mut steps = Vec::new();
    for (former, deployment) in linked.iter().filter(|(id, _)| *id != to) {
        if deployment.resources().contains(resource) {
            let reason = Note::new(&format!("linked to {to}")).ok();
            steps.push((former.clone(), deployment.unlink(resource, reason)?));
        }
    }
    if !links.is_empty() {
        steps.push((to.clone(), links));
    }
    Ok(steps)
}

fn known(resource: &ResourceFold) -> Result<(), InventoryRefusal> {
    if resource.is_known() {
        Ok(())
    } else {
        Err(InventoryRefusal::ResourceUnknown { resource: resource.id().clone() })
    }
}

#[cfg(test)]
mod tests;
