//! Which deployment a resource is metered for, and when: its links cut at the links that followed.

use serde::{Deserialize, Serialize};

use super::{Life, Place, ResourceFold};
use crate::id::{DeploymentId, ResourceId, ResourceKind};
use crate::money::Ratio;
use crate::price::Sources;
use crate::stream::Stream;
use crate::time::Timestamp;

const HOUR_MICROS: i128 = 3_600_000_000;

/// A resource was linked to a deployment, whose stream says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Which resource.
    pub resource: ResourceId,
    /// From when, and the record that says so.
    pub linked: Place,
    /// Until when, where the same deployment says so.
    pub unlinked: Option<Place>,
}

/// An interval in which a resource is metered for one deployment and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// For which.
    pub deployment: DeploymentId,
    /// Its first instant, and the record of that deployment that says so.
    pub began: Place,
    /// The first instant after it, and the deployment whose record says so: the same one, or the
    /// one that the resource was linked to next.
    pub ended: Option<(DeploymentId, Place)>,
}

/// When one resource was metered for which deployment, in order of time; no two overlap.
///
/// `links` are all of them that name the resource, of whichever deployments are known. A link to
/// another deployment ends the former one, whether or not that one's stream says so too; ending
/// the later one gives nothing back to it.
pub fn holds<'a>(links: impl IntoIterator<Item = (&'a DeploymentId, &'a Link)>) -> Vec<Hold> {
    let mut turns = Vec::new();
    for (deployment, link) in links {
        turns.push((link.linked, true, deployment));
        if let Some(unlinked) = link.unlinked {
            // An end that is said to be before the beginning leaves nothing of the link.
            let at = unlinked.at.max(link.linked.at);
            turns.push((Place { at, ..unlinked }, false, deployment));
        }
    }
    turns.sort_unstable();
    let mut holds: Vec<Hold> = Vec::new();
    for (place, is_link, deployment) in turns {
        let open = holds.last_mut().filter(|it| it.ended.is_none());
        let is_same = open.as_ref().is_some_and(|it| it.deployment == *deployment);
        if let Some(open) = open.filter(|_| is_same != is_link) {
            open.ended = Some((deployment.clone(), place));
        }
        if is_link && !is_same {
            holds.push(Hold { deployment: deployment.clone(), began: place, ended: None });
        }
    }
    holds
}

/// A stretch of time in which a resource lived and was metered for one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// Which resource.
    pub resource: ResourceId,
    /// The link it was metered by.
    pub hold: Hold,
    /// The life it was metered in.
    pub life: Life,
}

/// The stretches of a resource, in order of time; no two overlap.
pub fn stretches(resource: &ResourceFold, holds: &[Hold]) -> Vec<Stretch> {
    let lives = resource.lives();
    let pairs = holds.iter().flat_map(|hold| lives.iter().map(move |life| (hold, life)));
    pairs
        .map(|(hold, life)| Stretch {
            resource: resource.id().clone(),
            hold: hold.clone(),
            life: *life,
        })
        .filter(|it| it.ends_at().is_none_or(|end| it.starts_at() < end))
        .collect()
}

impl Stretch {
    /// Its first instant: of the link or of the life, whichever is later.
    pub fn starts_at(&self) -> Timestamp {
        self.hold.began.at.max(self.life.began.at)
    }

    /// The first instant after it; `None`: it goes on.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let unlinked = self.hold.ended.as_ref().map(|(_, it)| it.at);
        [unlinked, self.life.ended.map(|it| it.at)].into_iter().flatten().min()
    }

    /// The part of it between two instants; nothing where there is none.
    pub fn within(&self, from: Timestamp, to: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let since = self.starts_at().max(from);
        let end = self.ends_at().map_or(to, |it| it.min(to));
        (since < end).then_some((since, end))
    }

    /// The records it rests on, as they are known at an instant: what ended it only where it has.
    pub fn sources(&self, at: Timestamp) -> Sources {
        let Hold { deployment, began, ended } = &self.hold;
        let mut from = Sources::one(stream_of(deployment), began.revision);
        if let Some((deployment, place)) = ended.as_ref().filter(|(_, it)| it.at <= at) {
            from.extend(&Sources::one(stream_of(deployment), place.revision));
        }
        let ResourceId { provider, id } = &self.resource;
        let stream = Stream::Resource(provider.clone(), id.clone());
        from.extend(&Sources::one(stream.clone(), self.life.began.revision));
        if let Some(place) = self.life.ended.filter(|it| it.at <= at) {
            from.extend(&Sources::one(stream, place.revision));
        }
        from
    }
}

/// The hours between two instants, exactly; none where the second is not the later one.
pub fn hours(from: Timestamp, to: Timestamp) -> Ratio {
    let micros = i128::from(to.micros_since(from).max(0));
    Ratio::new(micros, HOUR_MICROS).expect("microseconds over an hour fit")
}

/// Whether a kind is hours of a thing, which its name says: `droplet_hours`, `vm_hour`.
pub fn counts_hours(kind: &ResourceKind) -> bool {
    matches!(kind.as_str().rsplit('_').next(), Some("hour" | "hours"))
}

fn stream_of(deployment: &DeploymentId) -> Stream {
    Stream::Deployment(deployment.tenant.clone(), deployment.slug.clone())
}
