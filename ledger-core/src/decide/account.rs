//! A tenant's account: the one stream in which its money and its quota are decided.
//!
//! Everything that could let a tenant spend twice is here, so two requests that race for the last
//! slot or the last cent meet at one revision, and one of them decides again.

use std::collections::{BTreeMap, BTreeSet};

use super::payment::Payments;
use crate::event::account::{
    DiscountTierReached, Event, SlotAllocated, TaxProfileSet, TenantRegistered,
};
use crate::event::{self, enforcement};
use crate::fold::{FoldError, FoldProblem};
use crate::id::{
    CouponCode, InvoiceNumber, Key, PaymentRef, PlanCode, Provider, ReservationId, Role,
};
use crate::log::Record;
use crate::money::{Currency, Exact, Money};
use crate::time::Timestamp;

pub mod credit;
pub mod destruction;
pub mod guard;
pub mod ladder;
pub mod panel;
pub mod payment;
pub mod profile;
pub mod purchase;
pub mod slots;
pub mod spend;

pub use credit::{Credit, UsageDue};

/// Whether a tenant pays, as enforcement last said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Standing {
    /// Nothing is past due.
    #[default]
    Good,
    /// A payment failed.
    Warned,
    /// The last warning was given.
    FinalWarning,
    /// The gate is closed.
    Suspended,
}

/// What a standing other than good rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dunning {
    /// The oldest invoice past due.
    pub invoice: InvoiceNumber,
    /// The first failure to pay it: the clock of what follows.
    pub first_failed_at: Timestamp,
    /// When the standing was moved to where it is.
    pub moved_at: Timestamp,
}

/// A term of a quota plan that was bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The plan.
    pub plan: PlanCode,
    /// What was paid.
    pub price: Money,
    /// How many slots it has.
    pub slots: u32,
    /// When it is over; at that instant it is.
    pub ends_at: Timestamp,
    /// The command that bought it.
    key: Option<Key>,
}

impl Term {
    /// Whether it runs.
    pub fn is_active(&self, at: Timestamp) -> bool {
        self.ends_at > at
    }
}

/// Everything decided about a tenant: the fold of `account-{tenant}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    registered: Option<TenantRegistered>,
    is_verified: bool,
    tax: Option<TaxProfileSet>,
    references: BTreeMap<(Provider, PaymentRef), Option<InvoiceNumber>>,
    plan: Option<PlanCode>,
    cap: Option<Money>,
    standing: Standing,
    dunning: Option<Dunning>,
    credit: Credit,
    payments: Payments,
    term: Option<Term>,
    /// Slots of the running term; a released one keeps its name and holds nothing.
    slots: BTreeMap<ReservationId, Option<SlotAllocated>>,
    /// The names of slots that lapsed with a former term, and may still be released.
    lapsed: BTreeSet<ReservationId>,
    grants: BTreeMap<ReservationId, guard::Grant>,
    coupons: BTreeSet<CouponCode>,
    tier: Option<DiscountTierReached>,
    /// The last time that the tenant itself did something here.
    active_at: Option<Timestamp>,
}

impl Account {
    /// What it was registered as.
    pub const fn registered(&self) -> Option<&TenantRegistered> {
        self.registered.as_ref()
    }

    /// Its one currency, from registration on.
    pub fn currency(&self) -> Option<Currency> {
        self.registered.as_ref().map(|it| it.currency)
    }

    /// Whether its identity was checked.
    pub const fn is_verified(&self) -> bool {
        self.is_verified
    }

    /// Who is printed on its documents, and its tax.
    pub const fn tax_profile(&self) -> Option<&TaxProfileSet> {
        self.tax.as_ref()
    }

    /// The plan whose limits hold.
    pub const fn plan(&self) -> Option<&PlanCode> {
        self.plan.as_ref()
    }

    /// The most it wants to spend in a month.
    pub const fn cap(&self) -> Option<Money> {
        self.cap
    }

    /// Whether it pays.
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// What its standing rests on, where it is not good.
    pub const fn dunning(&self) -> Option<&Dunning> {
        self.dunning.as_ref()
    }

    /// Its credit.
    pub const fn credit(&self) -> &Credit {
        &self.credit
    }

    /// The last term it bought, whether it still runs or not.
    pub const fn term(&self) -> Option<&Term> {
        self.term.as_ref()
    }

    /// The slots in use: allocated, not released, not lapsed.
    pub fn slots(&self, at: Timestamp) -> impl Iterator<Item = &SlotAllocated> {
        self.slots.values().flatten().filter(move |it| it.expires_at > at)
    }

    /// What one more record makes of it.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let position = record.position;
        if record.actor.role == Role::Tenant {
            self.active_at = self.active_at.max(Some(record.occurred_at));
        }
        self.take(record)
            .map_err(|problem| FoldError::Contradiction { position, problem: Box::new(problem) })?;
        Ok(self)
    }

    /// A failed take leaves a half-changed account, which `fold` drops.
    fn take(&mut self, record: &Record) -> Result<(), FoldProblem> {
        match &record.event {
            event::Event::Account(event) => self.take_account(event, record),
            event::Event::Enforcement(event) => {
                self.take_enforcement(event, record);
                Ok(self.payments.take(event, record)?)
            }
            event::Event::Catalog(_)
            | event::Event::Deployment(_)
            | event::Event::Usage(_)
            | event::Event::Inventory(_)
            | event::Event::Provider(_)
            | event::Event::Invoice(_)
            | event::Event::Operation(_)
            | event::Event::Support(_)
            | event::Event::Ledger(_) => {
                Err(FoldProblem::Foreign { wire: record.event.wire_name() })
            }
        }
    }

    fn take_account(&mut self, event: &Event, record: &Record) -> Result<(), FoldProblem> {
        match event {
            Event::TenantRegistered(it) => self.registered = Some(it.clone()),
            Event::IdentityVerified(_) => self.is_verified = true,
            Event::TaxProfileSet(it) => self.tax = Some(it.clone()),
            Event::PaymentReferenceMapped(it) => {
                let reference = (it.gateway.clone(), it.reference.clone());
                self.references.insert(reference, it.invoice.clone());
            }
            Event::PlanAssigned(it) => self.plan = Some(it.plan.clone()),
            Event::CostCapSet(it) => self.cap = it.cap,
            Event::PlanPurchased(it) => {
                let price = self.amount(it.price)?;
                self.credit.draw(price, &it.lots)?;
                // The former term is over: its slots lapsed with it.
                self.lapsed.extend(std::mem::take(&mut self.slots).into_keys());
                self.term = Some(Term {
                    plan: it.plan.clone(),
                    price: it.price,
                    slots: it.slots,
                    ends_at: it.ends_at,
                    key: record.key.clone(),
                });
            }
            Event::SlotAllocated(it) => {
                self.slots.insert(it.slot.clone(), Some(it.clone()));
            }
            Event::SlotReleased(it) => {
                self.slots.insert(it.slot.clone(), None);
            }
            Event::QuotaReserved(it) => {
                self.grants.insert(it.reservation.clone(), guard::Grant::Open(it.items.clone()));
            }
            Event::QuotaCommitted(it) => {
                if let Some(grant) = self.grants.get_mut(&it.reservation) {
                    grant.commit();
                }
            }
            Event::QuotaReleased(it) => {
                self.grants.insert(it.reservation.clone(), guard::Grant::Released);
            }
            Event::CouponApplied(it) => {
                self.coupons.insert(it.coupon.clone());
            }
            Event::DiscountTierReached(it) => self.tier = Some(it.clone()),
            Event::CreditToppedUp(_)
            | Event::CreditDrawn(_)
            | Event::CreditReturned(_)
            | Event::CreditExpired(_)
            | Event::CreditRefunded(_)
            | Event::CreditChargedBack(_) => {
                let currency = self.currency().ok_or(FoldProblem::NotBegun)?;
                self.credit.take(event, currency, record)?;
                self.payments.take_credit(event)?;
            }
        }
        Ok(())
    }

    /// Payments move the standing at a tick, not by themselves.
    fn take_enforcement(&mut self, event: &enforcement::Event, record: &Record) {
        let (standing, invoice, first_failed_at) = match event {
            enforcement::Event::Warned(it) => (Standing::Warned, &it.invoice, it.first_failed_at),
            enforcement::Event::FinalWarningGiven(it) => {
                (Standing::FinalWarning, &it.invoice, it.first_failed_at)
            }
            enforcement::Event::Suspended(it) => {
                (Standing::Suspended, &it.invoice, it.first_failed_at)
            }
            enforcement::Event::Restored(_) => {
                (self.standing, self.dunning) = (Standing::Good, None);
                return;
            }
            enforcement::Event::PaymentSucceeded(_)
            | enforcement::Event::PaymentFailed(_)
            | enforcement::Event::PaymentRefunded(_)
            | enforcement::Event::PaymentDisputed(_)
            | enforcement::Event::PaymentAssigned(_)
            | enforcement::Event::NoticeSeen(_)
            | enforcement::Event::DestructiveActionRefused(_) => return,
        };
        self.standing = standing;
        let (invoice, moved_at) = (invoice.clone(), record.occurred_at);
        self.dunning = Some(Dunning { invoice, first_failed_at, moved_at });
    }

    /// An amount in the account's own currency.
    fn amount(&self, money: Money) -> Result<Exact, FoldProblem> {
        let currency = self.currency().ok_or(FoldProblem::NotBegun)?;
        Ok(credit::of(money, currency)?)
    }
}

#[cfg(test)]
mod tests;
