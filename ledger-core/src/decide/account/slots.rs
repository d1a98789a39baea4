//! Machines within a bought plan: so many at once, until the term ends.

use super::purchase::slot_cost;
use super::{Account, Standing};
use crate::decide::{Refusal, RefusalKind, nothing, one};
use crate::event::Event;
use crate::event::account::{SlotAllocated, SlotReleased};
use crate::id::{PlanCode, ReservationId};
use crate::money::MoneyError;
use crate::time::Timestamp;

/// Why a slot is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlotRefusal {
    /// Nobody of that name.
    #[error("no such tenant")]
    TenantUnknown,
    /// The gate is closed.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// No term runs.
    #[error("no plan is active")]
    NoActivePlan {
        /// When the last one ended.
        ended_at: Option<Timestamp>,
    },
    /// All slots are in use.
    #[error("all {slots} slots of {plan} are in use until {ends_at}")]
    QuotaExhausted {
        /// The plan.
        plan: PlanCode,
        /// How many it has.
        slots: u32,
        /// When its term ends.
        ends_at: Timestamp,
    },
    /// The slot was released; its name is not given twice within a term.
    #[error("slot {slot} was released")]
    SlotReleased {
        /// The slot.
        slot: ReservationId,
    },
    /// No such slot.
    #[error("no slot is called {slot}")]
    SlotUnknown {
        /// The slot.
        slot: ReservationId,
    },
    /// The plan's price is beyond all bounds.
    #[error("the price of a slot cannot be had")]
    Amount(#[source] MoneyError),
}

impl Refusal for SlotRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TenantUnknown => "tenant_unknown",
            Self::TenantSuspended => "tenant_suspended",
            Self::NoActivePlan { .. } => "no_active_plan",
            Self::QuotaExhausted { .. } => "quota_exhausted",
            Self::SlotReleased { .. } => "slot_released",
            Self::SlotUnknown { .. } => "slot_unknown",
            Self::Amount(source) => Account::code_of(source),
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::TenantUnknown | Self::SlotUnknown { .. } => RefusalKind::NotFound,
            Self::TenantSuspended | Self::QuotaExhausted { .. } | Self::SlotReleased { .. } => {
                RefusalKind::Conflict
            }
            Self::NoActivePlan { .. } => RefusalKind::PaymentRequired,
            Self::Amount(_) => RefusalKind::Unprocessable,
        }
    }
}

impl Account {
    /// Takes a slot of the running term. A slot that is taken already changes nothing; slots paid
    /// for may be taken whatever the balance is.
    pub fn allocate_slot(
        &self,
        slot: &ReservationId,
        at: Timestamp,
    ) -> Result<Vec<Event>, SlotRefusal> {
        if self.registered.is_none() {
            return Err(SlotRefusal::TenantUnknown);
        }
        if self.slots(at).any(|it| it.slot == *slot) {
            return nothing();
        }
        if self.standing == Standing::Suspended {
            return Err(SlotRefusal::TenantSuspended);
        }
        let ended_at = self.term.as_ref().map(|it| it.ends_at);
        let active = self.term.as_ref().filter(|it| it.is_active(at));
        let term = active.ok_or(SlotRefusal::NoActivePlan { ended_at })?;
        if self.slots.get(slot).is_some_and(Option::is_none) {
            return Err(SlotRefusal::SlotReleased { slot: slot.clone() });
        }
        let in_use = u32::try_from(self.slots(at).count()).unwrap_or(u32::MAX);
        if in_use >= term.slots {
            let (plan, slots, ends_at) = (term.plan.clone(), term.slots, term.ends_at);
            return Err(SlotRefusal::QuotaExhausted { plan, slots, ends_at });
        }
        let costs = self.slots(at).map(|it| it.cost);
        let cost = slot_cost(term.price, term.slots, costs).map_err(SlotRefusal::Amount)?;
        let (plan, expires_at) = (term.plan.clone(), term.ends_at);
        one(SlotAllocated { slot: slot.clone(), plan, cost, expires_at })
    }

    /// Frees a slot. Twice, or after it lapsed, changes nothing, also where another term runs now.
    pub fn release_slot(
        &self,
        slot: &ReservationId,
        at: Timestamp,
    ) -> Result<Vec<Event>, SlotRefusal> {
        if self.registered.is_none() {
            return Err(SlotRefusal::TenantUnknown);
        }
        match self.slots.get(slot) {
            Some(Some(it)) if it.expires_at > at => one(SlotReleased { slot: slot.clone() }),
            Some(_) => nothing(),
            None if self.lapsed.contains(slot) => nothing(),
            None => Err(SlotRefusal::SlotUnknown { slot: slot.clone() }),
        }
    }
}
