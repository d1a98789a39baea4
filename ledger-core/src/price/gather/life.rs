//! One deployment's life: what priced it, when it was charged, what was attached.

use std::sync::Arc;

use super::{GatherError, Record, Sources, Stream, Timestamp, source, unknown};
use crate::catalog::Book;
use crate::event::deployment::{Beginning, Event, State};
use crate::id::{AttachmentId, DeploymentSlug, Label, PlanCode};
use crate::price::facts::{Attached, Bound, Charged, Deployment};

/// The events of one deployment, kept until somebody asks: imports may bring them out of order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Life {
    events: Vec<(Timestamp, Event, Sources)>,
}

/// Where a deployment stands while its events are gone through.
#[derive(Default)]
struct Standing {
    state: Option<State>,
    trial_ends_at: Option<Timestamp>,
    is_subscribed: bool,
    /// What put it in its state, and its subscription in its own.
    state_from: Sources,
    subscription_from: Sources,
}

impl Standing {
    const fn is_charged(&self) -> bool {
        self.is_subscribed && matches!(self.state, Some(State::Active | State::PastDue))
    }

    fn from(&self) -> Sources {
        let mut from = self.state_from.clone();
        from.extend(&self.subscription_from);
        from
    }
}

impl Life {
    pub(super) fn take(&mut self, record: &Record, event: &Event) {
        self.events.push((record.occurred_at, event.clone(), source(record)));
    }

    /// The deployment as prices see it.
    pub(super) fn deployment(
        &self,
        slug: &DeploymentSlug,
        book: &Book,
    ) -> Result<Deployment, GatherError> {
        let mut events = self.events.iter().collect::<Vec<_>>();
        // Stable: of two from one instant the later recorded comes later.
        events.sort_by_key(|it| it.0);
        let mut standing = Standing::default();
        let (mut bound, mut charged) = (Vec::new(), Vec::<Charged>::new());
        let mut attached = Vec::<(AttachmentId, Attached)>::new();
        for (occurred_at, event, from) in events {
            let mut at = *occurred_at;
            match event {
                Event::Created(it) => {
                    standing.state = Some(match it.beginning {
                        Beginning::Active => State::Active,
                        Beginning::Provisioning => State::Provisioning,
                        Beginning::Trial { .. } => State::Trial,
                    });
                    if let Beginning::Trial { ends_at } = it.beginning {
                        standing.trial_ends_at = Some(ends_at);
                    }
                    standing.state_from.clone_from(from);
                }
                Event::Transitioned(it) => {
                    // A tick comes after the end of a trial; its days are charged from that end.
                    if (it.from, it.to) == (State::Trial, State::Active) {
                        at = standing.trial_ends_at.map_or(at, |ends_at| ends_at.min(at));
                    }
                    standing.state = Some(it.to);
                    standing.state_from.clone_from(from);
                }
                Event::Subscribed(it) => {
                    bound.push(bind(book, at, &it.plan, it.version, from)?);
                    standing.is_subscribed = true;
                    standing.subscription_from.clone_from(from);
                }
                Event::PlanVersionChanged(it) => {
                    bound.push(bind(book, at, &it.plan, it.version, from)?);
                }
                Event::SubscriptionPaused(_) => {
                    standing.is_subscribed = false;
                    standing.subscription_from.clone_from(from);
                }
                Event::SubscriptionResumed(_) => {
                    standing.is_subscribed = true;
                    standing.subscription_from.clone_from(from);
                }
                Event::SubscriptionCancelled(_) => {
                    standing.is_subscribed = false;
                    standing.subscription_from.clone_from(from);
                    // A new subscription begins without the addons of the old one.
                    attached.iter_mut().for_each(|(_, it)| detach(it, at, from));
                }
                Event::AddonAttached(it) => {
                    let offered = book.addon(&it.addon);
                    let named = || Label::new(it.addon.as_str()).expect("a code is a name");
                    let addon = Attached {
                        addon: it.addon.clone(),
                        name: offered.map_or_else(named, |it| it.value.name.clone()),
                        kind: it.kind.clone(),
                        quantity: it.quantity,
                        price: it.price,
                        attached_at: at,
                        detached_at: None,
                        from: from.clone(),
                    };
                    attached.push((it.attachment.clone(), addon));
                }
                Event::AddonDetached(gone) => {
                    let named = attached.iter_mut().filter(|(id, _)| *id == gone.attachment);
                    named.for_each(|(_, it)| detach(it, at, from));
                }
                Event::BillingActionSuspended(_)
                | Event::BillingActionRestored(_)
                | Event::ResourceLinked(_)
                | Event::ResourceUnlinked(_) => (),
            }
            if charged.last().is_some_and(|it| it.is_charged) != standing.is_charged() {
                let (is_charged, from) = (standing.is_charged(), standing.from());
                charged.push(Charged { at, is_charged, from });
            }
        }
        let attached = attached.into_iter().map(|(_, it)| it).collect();
        Ok(Deployment { slug: slug.clone(), bound, charged, attached })
    }
}

fn bind(
    book: &Book,
    at: Timestamp,
    plan: &PlanCode,
    version: u32,
    from: &Sources,
) -> Result<Bound, GatherError> {
    let offered = book.version(plan, version).ok_or_else(|| unknown(plan, version))?;
    let mut from = from.clone();
    from.extend(&Sources::one(Stream::Catalog, offered.revision));
    Ok(Bound { at, version, plan: Arc::clone(&offered.value), from })
}

fn detach(attached: &mut Attached, at: Timestamp, from: &Sources) {
    if attached.detached_at.is_none() {
        attached.detached_at = Some(at);
        attached.from.extend(from);
    }
}
