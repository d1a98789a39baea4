//! A deployment as prices see it: what it was bound to, when it was charged, what was attached.
//!
//! Changes are kept as they came and put in order of the world's clock when asked: an import may
//! say today what happened last month. Of several at one instant the later recorded counts.

use serde::{Deserialize, Serialize};

use super::catalog::CatalogFold;
use super::facts::FactsError;
use crate::event::Event;
use crate::event::deployment::{self, Beginning, State};
use crate::fold::{FoldError, Reached};
use crate::id::{
    AddonCode, AttachmentId, DeploymentId, DeploymentSlug, Label, PlanCode, ResourceKind, TenantId,
};
use crate::inventory::{Link, Place};
use crate::log::{Position, Record, Revision};
use crate::money::{Money, Quantity};
use crate::price::{Attached, Bound, Charged, Deployment, Sources};
use crate::stream::Stream;
use crate::time::Timestamp;

/// One `deployment-{tenant}.{slug}` stream, as prices see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentFold {
    tenant: TenantId,
    slug: DeploymentSlug,
    reached: Reached,
    turns: Vec<Turn>,
    bindings: Vec<Binding>,
    attachments: Vec<Attachment>,
    links: Vec<Link>,
}

/// Something that may begin or end the charging of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Turn {
    at: Timestamp,
    revision: Revision,
    to: TurnTo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum TurnTo {
    State(State),
    /// A trial is over by itself, whether or not a tick has said so yet.
    TrialOver,
    Subscribed,
    Paused,
    Resumed,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Binding {
    at: Timestamp,
    revision: Revision,
    plan: PlanCode,
    version: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Attachment {
    id: AttachmentId,
    at: Timestamp,
    revision: Revision,
    position: Position,
    addon: AddonCode,
    kind: ResourceKind,
    quantity: Quantity,
    price: Money,
    detached: Option<(Timestamp, Revision)>,
}

impl DeploymentFold {
    /// Before its first event.
    pub const fn of(tenant: TenantId, slug: DeploymentSlug) -> Self {
        Self {
            tenant,
            slug,
            reached: Reached { revision: None, position: Position::ORIGIN },
            turns: Vec::new(),
            bindings: Vec::new(),
            attachments: Vec::new(),
            links: Vec::new(),
        }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &self.stream())?;
        let Record { position, revision, occurred_at: at, .. } = *record;
        let turn = |to| Turn { at, revision, to };
        // Nothing else stands in this stream.
        let Event::Deployment(event) = &record.event else { return Ok(self) };
        match event {
            deployment::Event::Created(it) => match it.beginning {
                Beginning::Active => self.turns.push(turn(TurnTo::State(State::Active))),
                Beginning::Provisioning => {
                    self.turns.push(turn(TurnTo::State(State::Provisioning)));
                }
                Beginning::Trial { ends_at } => {
                    self.turns.push(turn(TurnTo::State(State::Trial)));
                    self.turns.push(Turn { at: ends_at, revision, to: TurnTo::TrialOver });
                }
            },
            deployment::Event::Transitioned(it) => {
                self.turns.push(turn(TurnTo::State(it.to)));
            }
            deployment::Event::Subscribed(it) => {
                self.turns.push(turn(TurnTo::Subscribed));
                let (plan, version) = (it.plan.clone(), it.version);
                self.bindings.push(Binding { at, revision, plan, version });
            }
            deployment::Event::PlanVersionChanged(it) => {
                let (plan, version) = (it.plan.clone(), it.version);
                self.bindings.push(Binding { at, revision, plan, version });
            }
            deployment::Event::SubscriptionPaused(_) => self.turns.push(turn(TurnTo::Paused)),
            deployment::Event::SubscriptionResumed(_) => {
                self.turns.push(turn(TurnTo::Resumed));
            }
            deployment::Event::SubscriptionCancelled(_) => {
                self.turns.push(turn(TurnTo::Cancelled));
            }
            deployment::Event::AddonAttached(it) => {
                if self.attachments.iter().any(|known| known.id == it.attachment) {
                    let name = it.attachment.to_string();
                    return Err(FoldError::Repeated { position, noun: "attachment", name });
                }
                self.attachments.push(Attachment {
                    id: it.attachment.clone(),
                    at,
                    revision,
                    position,
                    addon: it.addon.clone(),
                    kind: it.kind.clone(),
                    quantity: it.quantity,
                    price: it.price,
                    detached: None,
                });
            }
            deployment::Event::AddonDetached(it) => {
                let known = self.attachments.iter_mut().find(|known| known.id == it.attachment);
                let Some(known) = known else {
                    let name = it.attachment.to_string();
                    return Err(FoldError::Unknown { position, noun: "attachment", name });
                };
                known.detached = Some((at, revision));
            }
            deployment::Event::ResourceLinked(it) => self.links.push(Link {
                resource: it.resource.clone(),
                linked: Place::of(record),
                unlinked: None,
            }),
            deployment::Event::ResourceUnlinked(it) => {
                let mut open = self.links.iter_mut().rev();
                let open =
                    open.find(|link| link.resource == it.resource && link.unlinked.is_none());
                let Some(link) = open else {
                    let name = it.resource.to_string();
                    return Err(FoldError::Unknown { position, noun: "link to", name });
                };
                link.unlinked = Some(Place::of(record));
            }
            // Who may suspend it is no matter of what it costs.
            deployment::Event::BillingActionSuspended(_)
            | deployment::Event::BillingActionRestored(_) => (),
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Which deployment.
    pub fn id(&self) -> DeploymentId {
        DeploymentId { tenant: self.tenant.clone(), slug: self.slug.clone() }
    }

    /// When it began, by the world's clock.
    pub(super) fn begun_at(&self) -> Option<Timestamp> {
        self.turns.iter().map(|it| it.at).min()
    }

    /// The resources metered for it, in the order in which they were linked.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The deployment as a price sees it.
    pub fn deployment(&self, catalog: &CatalogFold) -> Result<Deployment, FactsError> {
        let mut bindings = self.bindings.iter().collect::<Vec<_>>();
        bindings.sort_by_key(|it| (it.at, it.revision));
        let turns = self.turns();
        Ok(Deployment {
            slug: self.slug.clone(),
            bound: bindings
                .into_iter()
                .map(|it| self.bound(it, catalog))
                .collect::<Result<_, _>>()?,
            charged: self.charged(&turns),
            attached: self
                .attachments
                .iter()
                .map(|it| self.attached(it, &turns, catalog))
                .collect(),
        })
    }

    /// In order of the world's clock. A trial's own end comes before what was said at that instant.
    fn turns(&self) -> Vec<Turn> {
        let mut turns = self.turns.clone();
        turns.sort_by_key(|it| (it.at, it.revision));
        turns
    }

    fn bound(&self, it: &Binding, catalog: &CatalogFold) -> Result<Bound, FactsError> {
        let Some((plan, published)) = catalog.plan(&it.plan, it.version) else {
            return Err(FactsError::PlanUnknown {
                deployment: self.slug.clone(),
                plan: it.plan.clone(),
                version: it.version,
            });
        };
        let mut from = self.source(it.revision);
        from.extend(&published);
        Ok(Bound { at: it.at, version: it.version, plan: plan.clone(), from })
    }

    /// Days are charged while the subscription is active and the deployment active or past due.
    fn charged(&self, turns: &[Turn]) -> Vec<Charged> {
        let mut charged: Vec<Charged> = Vec::new();
        let mut state: Option<(State, Revision)> = None;
        let mut subscription: Option<(bool, Revision)> = None;
        for turn in turns {
            match turn.to {
                TurnTo::State(to) => state = Some((to, turn.revision)),
                TurnTo::TrialOver => {
                    if let Some((State::Trial, _)) = state {
                        state = Some((State::Active, turn.revision));
                    }
                }
                TurnTo::Subscribed | TurnTo::Resumed => subscription = Some((true, turn.revision)),
                TurnTo::Paused | TurnTo::Cancelled => subscription = Some((false, turn.revision)),
            }
            let runs = matches!(state, Some((State::Active | State::PastDue, _)));
            let is_charged = runs && matches!(subscription, Some((true, _)));
            if is_charged == charged.last().is_some_and(|it| it.is_charged) {
                continue;
            }
            let mut from = Sources::NONE;
            for revision in
                [state.map(|it| it.1), subscription.map(|it| it.1)].into_iter().flatten()
            {
                from.extend(&self.source(revision));
            }
            charged.push(Charged { at: turn.at, is_charged, from });
        }
        charged
    }

    /// An attachment ends when it is detached, or with the subscription it was attached under.
    fn attached(&self, it: &Attachment, turns: &[Turn], catalog: &CatalogFold) -> Attached {
        let begun = (it.at, it.revision);
        let cancelled = turns
            .iter()
            .find(|turn| turn.to == TurnTo::Cancelled && (turn.at, turn.revision) > begun)
            .map(|turn| (turn.at, turn.revision));
        let ended = [it.detached, cancelled].into_iter().flatten().min();
        let mut from = self.source(it.revision);
        if let Some((_, revision)) = ended {
            from.extend(&self.source(revision));
        }
        let name = match catalog.addon_name(&it.addon, it.position) {
            Some((name, published)) => {
                from.extend(&published);
                name.clone()
            }
            None => Label::new(it.addon.as_str()).expect("a code is a name"),
        };
        Attached {
            addon: it.addon.clone(),
            name,
            kind: it.kind.clone(),
            quantity: it.quantity,
            price: it.price,
            attached_at: it.at,
            detached_at: ended.map(|it| it.0),
            from,
        }
    }

    fn stream(&self) -> Stream {
        Stream::Deployment(self.tenant.clone(), self.slug.clone())
    }

    fn source(&self, revision: Revision) -> Sources {
        Sources::one(self.stream(), revision)
    }
}
