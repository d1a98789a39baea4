//! Deployments follow the standing of their tenant, one append each.

use super::append;
use crate::decide::account::Standing;
use crate::decide::deployment::Deployment;
use crate::fold::Reached;
use crate::id::{DeploymentSlug, Note, TenantId};
use crate::log::Append;
use crate::stream::Stream;
use crate::time::Timestamp;

/// A deployment as far as it was folded.
#[derive(Debug, Clone, Copy)]
pub struct Followed<'a> {
    /// Which.
    pub slug: &'a DeploymentSlug,
    /// What it is.
    pub deployment: &'a Deployment,
    /// How far it was folded.
    pub reached: Reached,
}

/// The next append that lets a deployment follow; nothing where all have.
pub fn next(
    tenant: &TenantId,
    standing: Standing,
    deployments: &[Followed<'_>],
    now: Timestamp,
) -> Option<Append> {
    let reason = Note::new(match standing {
        Standing::Good => "no invoice is past due any more",
        Standing::Warned => "a payment failed",
        Standing::FinalWarning => "the last warning was given",
        Standing::Suspended => "the tenant is suspended",
    });
    let reason = reason.expect("a sentence is a note");
    deployments.iter().find_map(|it| {
        // A move that the table does not have is none: `follow` makes legal ones only.
        let events = it.deployment.follow(standing, Some(reason.clone())).unwrap_or_default();
        let stream = Stream::Deployment(tenant.clone(), it.slug.clone());
        let id = format!("follow:{stream}@{}", it.reached.next());
        let is_needed = !events.is_empty();
        is_needed.then(|| append(tenant, stream, it.reached, &id, now, events))
    })
}
