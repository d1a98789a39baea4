//! The guard: nothing is provisioned before room was granted for it here.
//!
//! What a tenant may cost is [projected](super::spend) from what the guard itself granted and from
//! what usage has cost. It fails closed: no plan, no limits or no price is a refusal, never a yes.

use super::{Account, Standing};
use crate::decide::catalog::Offers;
use crate::decide::{Refusal, RefusalKind, nothing, one};
use crate::event::Event;
use crate::event::account::{
    KindAmount, QuotaCommitted, QuotaReleased, QuotaReserved, ReleaseReason, ReservedItem,
};
use crate::id::{DeploymentSlug, PlanCode, ReservationId, ResourceId, ResourceKind, Role};
use crate::money::{Currency, Money, MoneyError};
use crate::time::Timestamp;

/// What became of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// Granted; what it is for is being made.
    Open(Vec<ReservedItem>),
    /// What it was for runs.
    Running(Vec<ReservedItem>),
    /// Over. It holds nothing and keeps its name.
    Released,
}

impl Grant {
    /// What it holds.
    pub fn items(&self) -> &[ReservedItem] {
        match self {
            Self::Open(items) | Self::Running(items) => items,
            Self::Released => &[],
        }
    }

    pub(super) fn commit(&mut self) {
        if let Self::Open(items) = self {
            *self = Self::Running(std::mem::take(items));
        }
    }
}

/// So many of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What each of them uses by the hour.
    pub kind: ResourceKind,
    /// How many.
    pub count: u32,
}

/// A wish for room, all of it or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserve {
    /// Its name, by which it is known when it comes again.
    pub reservation: ReservationId,
    /// What is to be made.
    pub items: Vec<Wanted>,
    /// For which deployment.
    pub deployment: Option<DeploymentSlug>,
    /// What usage has cost this month, where the account does not [draw](Account::draws_usage) it.
    pub used: Vec<KindAmount>,
    /// The server's clock.
    pub at: Timestamp,
}

/// How full a tenant's month is, with what it asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// The plan whose limits hold.
    pub plan: PlanCode,
    /// How many instances it allows.
    pub instances_max: u32,
    /// How many there are, without what was asked for.
    pub instances: u64,
    /// How many were asked for.
    pub instances_wanted: u64,
    /// What the plan allows a month to cost.
    pub limit: Money,
    /// What the month is projected to cost, without what was asked for.
    pub projected: Money,
    /// How much more it may cost.
    pub limit_left: Money,
    /// The projection with what was asked for; none where some of that has no price.
    pub projected_with: Option<Money>,
    /// Active plans with room for all of it, the cheapest limit first; none where nobody knows.
    pub plans: Vec<PlanCode>,
}

impl Room {
    /// How many more instances the plan allows.
    pub const fn instances_left(&self) -> u64 {
        (self.instances_max as u64).saturating_sub(self.instances)
    }
}

/// Why room is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardRefusal {
    /// Nobody of that name.
    #[error("no such tenant")]
    TenantUnknown,
    /// The gate is closed.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// More is owed than there is.
    #[error("the balance is {balance}")]
    InsufficientCredit {
        /// What there is.
        balance: Money,
    },
    /// No plan is assigned.
    #[error("the tenant has no plan")]
    NoPlan,
    /// The plan says no limits, and no limits never means unlimited.
    #[error("{plan} has no limits to hold the tenant to")]
    LimitsUnknown {
        /// The plan.
        plan: PlanCode,
    },
    /// Nothing was asked for.
    #[error("nothing is to be reserved")]
    NothingWanted,
    /// Over the plan's limits: by the count, before any price is looked at, or by the spend.
    #[error("{} allows {} instances and {} a month", .0.plan, .0.instances_max, .0.limit)]
    UpgradeRequired(Box<Room>),
    /// What is wanted has no price by the hour in the tenant's currency.
    #[error("{kind} has no price by the hour in {currency}")]
    PriceUnknown {
        /// The kind.
        kind: ResourceKind,
        /// The tenant's currency.
        currency: Currency,
    },
    /// Some amount is in another currency, or beyond all bounds.
    #[error("the projected spend cannot be had")]
    Amount(#[source] MoneyError),
    /// Over the tenant's own cap.
    #[error("the projected spend of {projected_with} is over the cap of {cap}")]
    CostCapReached {
        /// The cap.
        cap: Money,
        /// What the month is projected to cost with what was asked for.
        projected_with: Money,
    },
    /// No such reservation.
    #[error("no reservation is called {reservation}")]
    ReservationUnknown {
        /// The reservation.
        reservation: ReservationId,
    },
    /// The reservation is over.
    #[error("reservation {reservation} was released")]
    ReservationReleased {
        /// The reservation.
        reservation: ReservationId,
    },
    /// What it was for runs, and holds its room until somebody who knows says that it is destroyed.
    #[error("what {reservation} was for runs; its room is free once that is destroyed")]
    ReservationRunning {
        /// The reservation.
        reservation: ReservationId,
    },
}

impl Refusal for GuardRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TenantUnknown => "tenant_unknown",
            Self::TenantSuspended => "tenant_suspended",
            Self::InsufficientCredit { .. } => "insufficient_credit",
            Self::NoPlan => "no_plan",
            Self::LimitsUnknown { .. } => "limits_unknown",
            Self::NothingWanted => "nothing_wanted",
            Self::PriceUnknown { .. } => "price_unknown",
            Self::Amount(source) => Account::code_of(source),
            Self::UpgradeRequired(_) => "upgrade_required",
            Self::CostCapReached { .. } => "cost_cap_reached",
            Self::ReservationUnknown { .. } => "reservation_unknown",
            Self::ReservationReleased { .. } => "reservation_released",
            Self::ReservationRunning { .. } => "reservation_running",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::TenantUnknown | Self::ReservationUnknown { .. } => RefusalKind::NotFound,
            Self::TenantSuspended
            | Self::ReservationReleased { .. }
            | Self::ReservationRunning { .. } => RefusalKind::Conflict,
            Self::InsufficientCredit { .. } | Self::NoPlan | Self::UpgradeRequired(_) => {
                RefusalKind::PaymentRequired
            }
            Self::LimitsUnknown { .. }
            | Self::NothingWanted
            | Self::PriceUnknown { .. }
            | Self::Amount(_)
            | Self::CostCapReached { .. } => RefusalKind::Unprocessable,
        }
    }
}

impl From<MoneyError> for GuardRefusal {
    fn from(source: MoneyError) -> Self {
        Self::Amount(source)
    }
}

impl Account {
    /// How many instances hold room: being made, or running.
    pub fn instances(&self) -> u64 {
        let items = self.grants.values().flat_map(Grant::items);
        items.map(|it| u64::from(it.count)).fold(0, u64::saturating_add)
    }

    /// Grants room for all of it or for nothing. A reservation that was granted already changes
    /// nothing, whatever has become of it.
    pub fn reserve(&self, offers: &Offers, command: &Reserve) -> Result<Vec<Event>, GuardRefusal> {
        let currency = self.currency().ok_or(GuardRefusal::TenantUnknown)?;
        if self.grants.contains_key(&command.reservation) {
            return nothing();
        }
        if self.standing == Standing::Suspended {
            return Err(GuardRefusal::TenantSuspended);
        }
        let balance = self.credit.balance(command.at)?;
        if balance.is_negative() {
            return Err(GuardRefusal::InsufficientCredit {
                balance: Money::new(balance, currency),
            });
        }
        let plan = self.plan.as_ref().ok_or(GuardRefusal::NoPlan)?;
        let unlimited = || GuardRefusal::LimitsUnknown { plan: plan.clone() };
        let limits = self.limits(offers).ok_or_else(unlimited)?;
        if command.items.iter().all(|it| it.count == 0) {
            return Err(GuardRefusal::NothingWanted);
        }
        let limit = limits.max_monthly_provisioning;
        super::credit::of(limit, currency)?;
        let projected = self.projected(&command.used, command.at)?;
        let left = limit.checked_sub(projected)?;
        let limit_left = if left.is_negative() { Money::zero(currency) } else { left };
        let instances = self.instances();
        let wanted = command.items.iter().map(|it| u64::from(it.count));
        let instances_wanted = wanted.fold(0, u64::saturating_add);
        let total = instances.saturating_add(instances_wanted);
        let no_room = |projected_with: Option<Money>| {
            let plans = projected_with.map(|it| offers.plans_with_room(total, it));
            GuardRefusal::UpgradeRequired(Box::new(Room {
                plan: plan.clone(),
                instances_max: limits.max_node_instances,
                instances,
                instances_wanted,
                limit,
                projected,
                limit_left,
                projected_with,
                plans: plans.unwrap_or_default(),
            }))
        };
        let priced = self.priced(offers, command, currency);
        if total > u64::from(limits.max_node_instances) {
            return Err(no_room(priced.ok().map(|(_, projected_with)| projected_with)));
        }
        let (items, projected_with) = priced?;
        if projected_with.amount() > limit.amount() {
            return Err(no_room(Some(projected_with)));
        }
        if let Some(cap) = self.cap.filter(|cap| projected_with.amount() > cap.amount()) {
            return Err(GuardRefusal::CostCapReached { cap, projected_with });
        }
        one(QuotaReserved {
            reservation: command.reservation.clone(),
            plan: plan.clone(),
            items,
            deployment: command.deployment.clone(),
        })
    }

    /// What was asked for at its price by the hour now, and what the month is projected to cost
    /// with it.
    fn priced(
        &self,
        offers: &Offers,
        command: &Reserve,
        currency: Currency,
    ) -> Result<(Vec<ReservedItem>, Money), GuardRefusal> {
        let priced = command.items.iter().map(|it| price(offers, it, currency, command.at));
        let items = priced.collect::<Result<Vec<_>, _>>()?;
        let projected_with = self.projected_with(&items, &command.used, command.at)?;
        Ok((items, projected_with))
    }

    /// What was reserved runs now. Twice changes nothing.
    pub fn commit(
        &self,
        reservation: &ReservationId,
        resources: Vec<ResourceId>,
    ) -> Result<Vec<Event>, GuardRefusal> {
        let reservation = reservation.clone();
        match self.grants.get(&reservation) {
            Some(Grant::Open(_)) => one(QuotaCommitted { reservation, resources }),
            Some(Grant::Running(_)) => nothing(),
            Some(Grant::Released) => Err(GuardRefusal::ReservationReleased { reservation }),
            None => Err(GuardRefusal::ReservationUnknown { reservation }),
        }
    }

    /// Gives the room back. Twice changes nothing. What runs holds its room until it is destroyed,
    /// and that its owner does not say: else two would run where there is room for one.
    pub fn release(
        &self,
        reservation: &ReservationId,
        reason: ReleaseReason,
        by: Role,
    ) -> Result<Vec<Event>, GuardRefusal> {
        let reservation = reservation.clone();
        match self.grants.get(&reservation) {
            Some(Grant::Running(_)) if !by.is_ours() || reason != ReleaseReason::Destroyed => {
                Err(GuardRefusal::ReservationRunning { reservation })
            }
            Some(Grant::Open(_) | Grant::Running(_)) => one(QuotaReleased { reservation, reason }),
            Some(Grant::Released) => nothing(),
            None => Err(GuardRefusal::ReservationUnknown { reservation }),
        }
    }
}

/// What was asked for, with its price by the hour now.
fn price(
    offers: &Offers,
    wanted: &Wanted,
    currency: Currency,
    at: Timestamp,
) -> Result<ReservedItem, GuardRefusal> {
    let kind = wanted.kind.clone();
    let hourly = |it: &&crate::catalog::ResourcePrice| it.unit.as_str() == "hour";
    match offers.resource_price(&kind, currency, at).filter(hourly) {
        Some(it) => Ok(ReservedItem { kind, count: wanted.count, price_per_hour: it.price }),
        None => Err(GuardRefusal::PriceUnknown { kind, currency }),
    }
}

#[cfg(test)]
mod tests;
