//! A deployment: its life, its subscription, its addons and its resources.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Standing;
use super::catalog::Offers;
use super::{nothing, one};
use crate::catalog::PlanVersion;
use crate::event;
use crate::event::deployment::{
    AddonAttached, AddonDetached, Beginning, BillingActionRestored, BillingActionSuspended,
    Created, Event, PlanVersionChanged, ResourceLinked, ResourceUnlinked, State, Subscribed,
    SubscriptionCancelled, SubscriptionPaused, SubscriptionResumed, Transitioned,
};
use crate::fold::{FoldError, FoldProblem};
use crate::id::{AddonCode, AttachmentId, Note, PlanCode, ResourceId, ResourceKind, Role};
use crate::log::Record;
use crate::money::Currency;
use crate::time::Timestamp;

pub mod lifecycle;
mod refusal;

pub use refusal::DeploymentRefusal;

/// Whether a subscription charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionState {
    /// It charges.
    Active,
    /// It charges nothing for a while.
    Paused,
    /// It ended; the version still prices usage.
    Cancelled,
}

/// What a deployment is charged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The plan.
    pub plan: PlanCode,
    /// Its version, which nothing published later changes.
    pub version: u32,
    /// Whether it charges.
    pub state: SubscriptionState,
}

/// The fold of `deployment-{tenant}.{slug}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployment {
    created: Option<Created>,
    state: Option<State>,
    /// The role that made the last move: what enforcement moved, it may move back.
    moved_by: Option<Role>,
    is_exempt: bool,
    subscription: Option<Subscription>,
    /// Every attachment there was; a detached one keeps its name.
    attachments: BTreeMap<AttachmentId, Attachment>,
    resources: BTreeSet<ResourceId>,
}

/// An addon, while it is attached and after.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Attachment {
    addon: AddonAttached,
    is_attached: bool,
}

/// Who commands, and how the tenant stands whose deployment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By {
    /// In which role.
    pub role: Role,
    /// How the tenant stands.
    pub standing: Standing,
}

impl By {
    /// A process of ours, which no gate holds.
    const SYSTEM: Self = Self { role: Role::System, standing: Standing::Good };

    /// Whether it is an owner whose gate is closed.
    fn is_shut_out(self) -> bool {
        self.role == Role::Tenant && self.standing == Standing::Suspended
    }
}

/// What a decision about a deployment answers.
type Answer = Result<Vec<event::Event>, DeploymentRefusal>;

impl Deployment {
    /// What it was created as.
    pub const fn created(&self) -> Option<&Created> {
        self.created.as_ref()
    }

    /// Where it stands.
    pub const fn state(&self) -> Option<State> {
        self.state
    }

    /// What it is charged by.
    pub const fn subscription(&self) -> Option<&Subscription> {
        self.subscription.as_ref()
    }

    /// The addons attached now.
    pub fn addons(&self) -> impl Iterator<Item = &AddonAttached> {
        self.attachments.values().filter(|it| it.is_attached).map(|it| &it.addon)
    }

    /// The resources metered for it now.
    pub const fn resources(&self) -> &BTreeSet<ResourceId> {
        &self.resources
    }

    /// Whether enforcement keeps its hands off it.
    pub const fn is_exempt(&self) -> bool {
        self.is_exempt
    }

    /// What one more record makes of it.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let event::Event::Deployment(event) = &record.event else {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            return Err(FoldError::Contradiction { position: record.position, problem });
        };
        match event {
            Event::Created(it) => {
                self.state = Some(lifecycle::first(it.beginning));
                self.created = Some(it.clone());
            }
            Event::Transitioned(it) => {
                self.state = Some(it.to);
                self.moved_by = Some(record.actor.role);
            }
            Event::BillingActionSuspended(_) => self.is_exempt = true,
            Event::BillingActionRestored(_) => self.is_exempt = false,
            Event::Subscribed(it) => {
                // Subscribing again goes on without the addons of before.
                self.attachments.values_mut().for_each(|it| it.is_attached = false);
                self.subscription = Some(Subscription {
                    plan: it.plan.clone(),
                    version: it.version,
                    state: SubscriptionState::Active,
                });
            }
            // Another price; whether it is charged stays as it is.
            Event::PlanVersionChanged(it) => {
                if let Some(subscription) = &mut self.subscription {
                    subscription.plan = it.plan.clone();
                    subscription.version = it.version;
                }
            }
            Event::SubscriptionPaused(_) => self.set_subscription(SubscriptionState::Paused),
            Event::SubscriptionResumed(_) => self.set_subscription(SubscriptionState::Active),
            Event::SubscriptionCancelled(_) => self.set_subscription(SubscriptionState::Cancelled),
            Event::AddonAttached(it) => {
                let attachment = Attachment { addon: it.clone(), is_attached: true };
                self.attachments.insert(it.attachment.clone(), attachment);
            }
            Event::AddonDetached(it) => {
                if let Some(attachment) = self.attachments.get_mut(&it.attachment) {
                    attachment.is_attached = false;
                }
            }
            Event::ResourceLinked(it) => {
                self.resources.insert(it.resource.clone());
            }
            Event::ResourceUnlinked(it) => {
                self.resources.remove(&it.resource);
            }
        }
        Ok(self)
    }

    fn set_subscription(&mut self, state: SubscriptionState) {
        if let Some(subscription) = &mut self.subscription {
            subscription.state = state;
        }
    }

    fn known(&self) -> Result<State, DeploymentRefusal> {
        self.state.ok_or(DeploymentRefusal::DeploymentUnknown)
    }

    /// Begins a deployment. The same beginning again changes nothing. Free time is an operator's to
    /// give, and ends after it began.
    pub fn create(&self, command: &Created, by: By, at: Timestamp) -> Answer {
        match &self.created {
            None => (),
            Some(it) if it == command => return nothing(),
            Some(_) => return Err(DeploymentRefusal::DeploymentExists),
        }
        if by.is_shut_out() {
            return Err(DeploymentRefusal::TenantSuspended);
        }
        if let Beginning::Trial { ends_at } = command.beginning {
            if !by.role.is_ours() {
                return Err(DeploymentRefusal::TrialNotOffered);
            }
            if ends_at <= at {
                return Err(DeploymentRefusal::TrialOver { ends_at, at });
            }
        }
        one(command.clone())
    }

    /// Moves it to another state. A move to where it is already is illegal like any other that the
    /// table does not have, or that is not this role's. A tenant whose gate is closed may cancel.
    pub fn transition(&self, to: State, by: By, reason: Option<Note>) -> Answer {
        let from = self.known()?;
        if by.is_shut_out() && to != State::Cancelled {
            return Err(DeploymentRefusal::TenantSuspended);
        }
        let legal = lifecycle::next_by(from, by.role);
        if legal.contains(&to) {
            one(Transitioned { from, to, reason })
        } else {
            Err(DeploymentRefusal::IllegalTransition { from, to, legal })
        }
    }

    /// A trial whose end has passed becomes active; nothing else is moved by time.
    pub fn end_trial(&self, at: Timestamp) -> Answer {
        let beginning = self.created.as_ref().map(|it| it.beginning);
        match (self.state, beginning) {
            (Some(State::Trial), Some(Beginning::Trial { ends_at })) if ends_at <= at => {
                self.transition(State::Active, By::SYSTEM, None)
            }
            _ => nothing(),
        }
    }

    /// Follows what enforcement decided about its tenant. It moves only what it may move, back only
    /// what it moved itself, and nothing that an operator has taken out of its hands.
    pub fn follow(&self, standing: Standing, reason: Option<Note>) -> Answer {
        let Some(from) = self.state.filter(|_| !self.is_exempt) else { return nothing() };
        let by_itself = self.moved_by == Some(Role::System);
        let to = match (standing, from) {
            (Standing::Suspended, State::Active | State::PastDue) => State::Suspended,
            (Standing::Warned | Standing::FinalWarning, State::Active) => State::PastDue,
            (Standing::Good, State::PastDue | State::Suspended) if by_itself => State::Active,
            _ => return nothing(),
        };
        self.transition(to, By::SYSTEM, reason)
    }

    /// Keeps enforcement's hands off it. Twice changes nothing.
    pub fn suspend_billing_action(&self, reason: Note) -> Answer {
        self.known()?;
        if self.is_exempt { nothing() } else { one(BillingActionSuspended { reason }) }
    }

    /// Lets enforcement act on it again. Twice changes nothing.
    pub fn restore_billing_action(&self, reason: Option<Note>) -> Answer {
        self.known()?;
        if self.is_exempt { one(BillingActionRestored { reason }) } else { nothing() }
    }

    /// Subscribes to the active version of a plan, or moves to it where another is bound. Bound to
    /// it already: nothing.
    pub fn subscribe(
        &self,
        by: By,
        offers: &Offers,
        plan: &PlanCode,
        currency: Currency,
    ) -> Answer {
        self.open_for(by)?;
        let unknown = || DeploymentRefusal::PlanUnknown { plan: plan.clone() };
        let offer = offers.plan(plan).ok_or_else(unknown)?;
        expect_currency(currency, offer.plan.currency())?;
        let (plan, version) = (plan.clone(), offer.version);
        match &self.subscription {
            Some(it) if it.state != SubscriptionState::Cancelled => {
                if (&it.plan, it.version) == (&plan, version) {
                    nothing()
                } else {
                    for it in self.addons() {
                        expect_use(&offer.plan, &it.addon, &it.kind)?;
                    }
                    one(PlanVersionChanged { plan, version })
                }
            }
            Some(_) | None => one(Subscribed { plan, version }),
        }
    }

    /// Attaches an addon at its price and quantity now. The same attachment again changes nothing.
    pub fn attach_addon(
        &self,
        by: By,
        offers: &Offers,
        attachment: &AttachmentId,
        addon: &AddonCode,
        currency: Currency,
    ) -> Answer {
        self.open_for(by)?;
        if let Some(it) = self.attachments.get(attachment) {
            let attachment = attachment.clone();
            let is_same = it.addon.addon == *addon && it.is_attached;
            return if is_same {
                nothing()
            } else {
                Err(DeploymentRefusal::AttachmentTaken { attachment })
            };
        }
        let subscription = self.subscribed()?;
        let unknown = || DeploymentRefusal::AddonUnknown { addon: addon.clone() };
        let offer = offers.addon(addon).ok_or_else(unknown)?;
        expect_currency(currency, offer.price.currency())?;
        if let Some(bound) = offers.version(&subscription.plan, subscription.version) {
            expect_use(&bound.plan, addon, &offer.kind)?;
        }
        one(AddonAttached {
            attachment: attachment.clone(),
            addon: addon.clone(),
            kind: offer.kind.clone(),
            quantity: offer.quantity,
            price: offer.price,
        })
    }

    /// Detaches an addon. Twice changes nothing.
    pub fn detach_addon(&self, attachment: &AttachmentId) -> Answer {
        self.known()?;
        let attachment = attachment.clone();
        match self.attachments.get(&attachment) {
            Some(it) if it.is_attached => one(AddonDetached { attachment }),
            Some(_) => nothing(),
            None => Err(DeploymentRefusal::AttachmentUnknown { attachment }),
        }
    }

    /// Charges nothing for a while. Paused already: nothing.
    pub fn pause_subscription(&self, reason: Option<Note>) -> Answer {
        match self.subscribed()?.state {
            SubscriptionState::Paused => nothing(),
            SubscriptionState::Active | SubscriptionState::Cancelled => {
                one(SubscriptionPaused { reason })
            }
        }
    }

    /// Charges again. Charging already: nothing.
    pub fn resume_subscription(&self, reason: Option<Note>) -> Answer {
        match self.subscribed()?.state {
            SubscriptionState::Active => nothing(),
            SubscriptionState::Paused | SubscriptionState::Cancelled => {
                one(SubscriptionResumed { reason })
            }
        }
    }

    /// Ends the subscription. Ended already: nothing.
    pub fn cancel_subscription(&self, reason: Option<Note>) -> Answer {
        self.known()?;
        match self.subscription.as_ref().map(|it| it.state) {
            Some(SubscriptionState::Cancelled) => nothing(),
            Some(SubscriptionState::Active | SubscriptionState::Paused) => {
                one(SubscriptionCancelled { reason })
            }
            None => Err(DeploymentRefusal::NotSubscribed),
        }
    }

    /// Meters a resource for this deployment. Linked already: nothing.
    pub fn link(&self, resource: &ResourceId) -> Answer {
        self.open()?;
        if self.resources.contains(resource) {
            nothing()
        } else {
            one(ResourceLinked { resource: resource.clone() })
        }
    }

    /// Meters a resource no longer for it. Not linked: nothing.
    pub fn unlink(&self, resource: &ResourceId, reason: Option<Note>) -> Answer {
        self.known()?;
        if self.resources.contains(resource) {
            one(ResourceUnlinked { resource: resource.clone(), reason })
        } else {
            nothing()
        }
    }

    /// It may be given more by whoever asks: it is open, and so is its owner's gate.
    fn open_for(&self, by: By) -> Result<(), DeploymentRefusal> {
        self.open()?;
        if by.is_shut_out() { Err(DeploymentRefusal::TenantSuspended) } else { Ok(()) }
    }

    /// It exists and is not over.
    fn open(&self) -> Result<(), DeploymentRefusal> {
        match self.known()? {
            state @ (State::Cancelled | State::Archived) => {
                Err(DeploymentRefusal::DeploymentOver { state })
            }
            State::Provisioning
            | State::Trial
            | State::Active
            | State::PastDue
            | State::Paused
            | State::Suspended => Ok(()),
        }
    }

    /// It has a subscription that has not ended.
    fn subscribed(&self) -> Result<&Subscription, DeploymentRefusal> {
        self.known()?;
        let alive = |it: &&Subscription| it.state != SubscriptionState::Cancelled;
        self.subscription.as_ref().filter(alive).ok_or(DeploymentRefusal::NotSubscribed)
    }
}

/// An addon raises the allowance of an item, so there must be one.
fn expect_use(
    plan: &PlanVersion,
    addon: &AddonCode,
    kind: &ResourceKind,
) -> Result<(), DeploymentRefusal> {
    let (addon, kind) = (addon.clone(), kind.clone());
    match plan.item(&kind) {
        Some(_) => Ok(()),
        None => Err(DeploymentRefusal::AddonUseless { addon, kind, plan: plan.plan.clone() }),
    }
}

fn expect_currency(expected: Currency, found: Currency) -> Result<(), DeploymentRefusal> {
    if expected == found {
        Ok(())
    } else {
        Err(DeploymentRefusal::CurrencyMismatch { expected, found })
    }
}

#[cfg(test)]
mod tests;
