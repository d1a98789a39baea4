//! Money that no tenant could be found for: visible, and waiting until somebody is.
//!
//! An assignment is a promise: the account books everything the suspense knows of the payment, by
//! the notices it came with, so that whoever finishes it, and however often, books it once. Where
//! an object was first booked, there its later notices go too, until it is assigned.

use std::collections::BTreeMap;

use super::account::Account;
use super::payment::{Payment, PaymentObject, Payments};
use super::{Refusal, RefusalKind, nothing, one};
use crate::event::Event;
use crate::event::enforcement::{
    self, PaymentAssigned, PaymentDisputed, PaymentFacts, PaymentFailed, PaymentRefunded,
    PaymentSucceeded,
};
use crate::fold::{FoldError, FoldProblem, Reached};
use crate::gateway::Notice;
use crate::id::{EventId, InvoiceNumber, PaymentRef, Provider, TenantId};
use crate::log::Record;
use crate::money::{Currency, MoneyError};
use crate::stream::Stream;
use crate::time::Timestamp;

/// The fold of `suspense-{gateway}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspense {
    gateway: Provider,
    reached: Reached,
    payments: Payments,
    held: BTreeMap<PaymentRef, Held>,
}

/// What waits of one payment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// What was said of it, in order.
    said: Vec<Said>,
    assigned: Option<PaymentAssigned>,
}

/// One thing that was said of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What.
    pub event: enforcement::Event,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// The record that says so.
    pub id: EventId,
}

/// Why a payment is not assigned, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignRefusal {
    /// No such payment waits.
    #[error("no payment {object} waits in suspense")]
    PaymentUnknown {
        /// The payment.
        object: PaymentRef,
    },
    /// It is somebody else's already, or for another invoice.
    #[error("payment {object} was assigned to {tenant}")]
    AlreadyAssigned {
        /// The payment.
        object: PaymentRef,
        /// Whose it is.
        tenant: TenantId,
    },
    /// Nobody of that name.
    #[error("no such tenant")]
    TenantUnknown,
    /// Another currency than the account's.
    #[error("{found} where the account is in {expected}")]
    CurrencyMismatch {
        /// The account's.
        expected: Currency,
        /// The payment's.
        found: Currency,
    },
}

impl Refusal for AssignRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::PaymentUnknown { .. } => "payment_unknown",
            Self::AlreadyAssigned { .. } => "already_assigned",
            Self::TenantUnknown => "tenant_unknown",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::PaymentUnknown { .. } | Self::TenantUnknown => RefusalKind::NotFound,
            Self::AlreadyAssigned { .. } => RefusalKind::Conflict,
            Self::CurrencyMismatch { .. } => RefusalKind::Unprocessable,
        }
    }
}

impl Suspense {
    /// Nothing waits yet.
    pub fn of(gateway: Provider) -> Self {
        Self {
            gateway,
            reached: Reached::default(),
            payments: Payments::default(),
            held: BTreeMap::new(),
        }
    }

    /// Whose payments wait here.
    pub const fn gateway(&self) -> &Provider {
        &self.gateway
    }

    /// Its stream.
    pub fn stream(&self) -> Stream {
        Stream::Suspense(self.gateway.clone())
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &self.stream())?;
        let position = record.position;
        let broken = |problem| FoldError::Contradiction { position, problem: Box::new(problem) };
        let Event::Enforcement(event) = &record.event else {
            return Err(broken(FoldProblem::Foreign { wire: record.event.wire_name() }));
        };
        self.payments.take(event, record).map_err(|it| broken(it.into()))?;
        if let enforcement::Event::PaymentAssigned(it) = event {
            let Some(held) = self.held.get_mut(&it.object) else {
                let name = it.object.to_string();
                return Err(FoldError::Unknown { position, noun: "payment", name });
            };
            held.assigned = Some(it.clone());
        }
        if let Some((object, ..)) = subject(event) {
            let held = self.held.entry(object.clone()).or_default();
            let (event, occurred_at) = (event.clone(), record.occurred_at);
            held.said.push(Said { event, occurred_at, id: record.id });
        }
        Ok(self)
    }

    /// The payments that wait, with what is known of each.
    pub fn waiting(&self) -> impl Iterator<Item = (&PaymentRef, &Payment)> {
        let all = self.payments.all();
        all.map(|(it, payment)| (&it.object, payment)).filter(|(it, _)| self.is_waiting(it))
    }

    /// Whether a payment waits here.
    pub fn is_waiting(&self, object: &PaymentRef) -> bool {
        self.held.get(object).is_some_and(|it| it.assigned.is_none())
    }

    /// Whose a payment was found to be.
    pub fn assigned(&self, object: &PaymentRef) -> Option<&PaymentAssigned> {
        self.held.get(object)?.assigned.as_ref()
    }

    /// Everything assigned so far: what start-up goes through to finish what is unfinished.
    pub fn all_assigned(&self) -> impl Iterator<Item = &PaymentAssigned> {
        self.held.values().filter_map(|it| it.assigned.as_ref())
    }

    /// Books what a gateway says of somebody unknown. The same event again changes nothing.
    pub fn book(&self, notice: &Notice) -> Result<Vec<Event>, MoneyError> {
        self.payments.book(notice, None)
    }

    /// Finds a payment to be a tenant's. The same again changes nothing.
    pub fn assign(
        &self,
        command: &PaymentAssigned,
        account: &Account,
    ) -> Result<Vec<Event>, AssignRefusal> {
        let object = &command.object;
        let known = PaymentObject { gateway: self.gateway.clone(), object: object.clone() };
        let unknown = || AssignRefusal::PaymentUnknown { object: object.clone() };
        let payment = self.payments.get(&known).ok_or_else(unknown)?;
        match self.assigned(object) {
            Some(it) if it == command => return nothing(),
            Some(it) => {
                let (object, tenant) = (object.clone(), it.tenant.clone());
                return Err(AssignRefusal::AlreadyAssigned { object, tenant });
            }
            None => (),
        }
        let expected = account.currency().ok_or(AssignRefusal::TenantUnknown)?;
        let found = payment.currency();
        if found != expected {
            return Err(AssignRefusal::CurrencyMismatch { expected, found });
        }
        one(command.clone())
    }

    /// What the account of an assigned payment has not booked yet, oldest first.
    pub fn owed_to<'a>(
        &'a self,
        assigned: &PaymentAssigned,
        account: &'a Account,
    ) -> impl Iterator<Item = &'a Said> {
        let held = self.held.get(&assigned.object);
        let said = held.map_or(&[][..], |it| &it.said);
        said.iter().filter(|it| {
            subject(&it.event)
                .is_some_and(|(_, gateway, notice)| !account.payments().has_seen(gateway, notice))
        })
    }
}

/// What an event says of a payment: which, and by which notice of which gateway.
fn subject(event: &enforcement::Event) -> Option<(&PaymentRef, &Provider, &PaymentRef)> {
    let facts = match event {
        enforcement::Event::PaymentSucceeded(it) => &it.payment,
        enforcement::Event::PaymentFailed(it) => &it.payment,
        enforcement::Event::PaymentRefunded(it) => &it.payment,
        enforcement::Event::PaymentDisputed(it) => &it.payment,
        enforcement::Event::NoticeSeen(it) => {
            return Some((it.object.as_ref()?, &it.gateway, &it.notice));
        }
        enforcement::Event::PaymentAssigned(_)
        | enforcement::Event::Warned(_)
        | enforcement::Event::FinalWarningGiven(_)
        | enforcement::Event::Suspended(_)
        | enforcement::Event::Restored(_)
        | enforcement::Event::DestructiveActionRefused(_) => return None,
    };
    Some((&facts.object, &facts.gateway, &facts.notice))
}

/// The payment that an event is about.
pub fn object_of(event: &enforcement::Event) -> Option<(&Provider, &PaymentRef)> {
    subject(event).map(|(object, gateway, _)| (gateway, object))
}

/// The same, for this invoice where somebody said so.
fn with_invoice(facts: &PaymentFacts, number: Option<&InvoiceNumber>) -> PaymentFacts {
    let invoice = number.or(facts.invoice.as_ref()).cloned();
    PaymentFacts { invoice, ..facts.clone() }
}

impl Said {
    /// What the account records of it, once somebody said whose it is and for which invoice.
    pub fn assigned(&self, to: &PaymentAssigned) -> Option<Event> {
        let payment = |facts| with_invoice(facts, to.invoice.as_ref());
        match &self.event {
            enforcement::Event::PaymentSucceeded(it) => {
                Some(PaymentSucceeded { payment: payment(&it.payment), ..it.clone() }.into())
            }
            enforcement::Event::PaymentFailed(it) => {
                Some(PaymentFailed { payment: payment(&it.payment), ..it.clone() }.into())
            }
            enforcement::Event::PaymentRefunded(it) => {
                Some(PaymentRefunded { payment: payment(&it.payment), ..it.clone() }.into())
            }
            enforcement::Event::PaymentDisputed(it) => {
                Some(PaymentDisputed { payment: payment(&it.payment), ..it.clone() }.into())
            }
            enforcement::Event::NoticeSeen(it) => Some(it.clone().into()),
            enforcement::Event::PaymentAssigned(_)
            | enforcement::Event::Warned(_)
            | enforcement::Event::FinalWarningGiven(_)
            | enforcement::Event::Suspended(_)
            | enforcement::Event::Restored(_)
            | enforcement::Event::DestructiveActionRefused(_) => None,
        }
    }
}
