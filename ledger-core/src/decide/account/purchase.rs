//! Buying a quota plan from credit, for one term.

use super::{Account, Standing, credit};
use crate::catalog::{Charge, PlanVersion};
use crate::decide::catalog::Offers;
use crate::decide::{Refusal, RefusalKind, nothing, one};
use crate::event::Event;
use crate::event::account::PlanPurchased;
use crate::id::{Key, PlanCode};
use crate::money::{Currency, Exact, Money, MoneyError};
use crate::time::Timestamp;

/// What a plan's slots are grants of.
const SLOT_KIND: &str = "vm";
/// A day of a term has this many seconds, whatever the calendar says.
const DAY_SECONDS: i64 = 86_400;

/// A wish to buy a plan now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purchase {
    /// Which plan.
    pub plan: PlanCode,
    /// The server's clock.
    pub at: Timestamp,
    /// The name by which this command is known when it comes again.
    pub key: Option<Key>,
}

/// Why a purchase is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurchaseRefusal {
    /// Nobody of that name.
    #[error("no such tenant")]
    TenantUnknown,
    /// The gate is closed.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// Nobody checked who this is.
    #[error("the tenant's identity is not verified")]
    IdentityUnverified,
    /// No such plan, or none that is sold for a term.
    #[error("no plan that is sold for a term is called {plan}")]
    PlanUnknown {
        /// The plan.
        plan: PlanCode,
    },
    /// The plan is sold in another currency.
    #[error("the plan is sold in {found}, the account is in {expected}")]
    CurrencyMismatch {
        /// The account's.
        expected: Currency,
        /// The plan's.
        found: Currency,
    },
    /// A term still runs.
    #[error("{plan} runs until {ends_at}")]
    PlanActive {
        /// What runs.
        plan: PlanCode,
        /// Until when.
        ends_at: Timestamp,
    },
    /// There is less credit than the plan costs.
    #[error("the balance is {balance}, the plan costs {price}")]
    InsufficientCredit {
        /// What there is.
        balance: Money,
        /// What is needed.
        price: Money,
    },
    /// The end of the term, or the balance, is beyond all bounds.
    #[error("the purchase is beyond all bounds")]
    OutOfRange,
}

impl Refusal for PurchaseRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TenantUnknown => "tenant_unknown",
            Self::TenantSuspended => "tenant_suspended",
            Self::IdentityUnverified => "identity_unverified",
            Self::PlanUnknown { .. } => "plan_unknown",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::PlanActive { .. } => "plan_active",
            Self::InsufficientCredit { .. } => "insufficient_credit",
            Self::OutOfRange => "amount_out_of_range",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::TenantUnknown | Self::PlanUnknown { .. } => RefusalKind::NotFound,
            Self::TenantSuspended | Self::PlanActive { .. } => RefusalKind::Conflict,
            Self::IdentityUnverified | Self::CurrencyMismatch { .. } | Self::OutOfRange => {
                RefusalKind::Unprocessable
            }
            Self::InsufficientCredit { .. } => RefusalKind::PaymentRequired,
        }
    }
}

impl From<MoneyError> for PurchaseRefusal {
    fn from(_: MoneyError) -> Self {
        Self::OutOfRange
    }
}

impl Account {
    /// Buys a plan's active version from credit. The command that bought the running term changes
    /// nothing when it comes again.
    pub fn purchase(
        &self,
        offers: &Offers,
        command: &Purchase,
    ) -> Result<Vec<Event>, PurchaseRefusal> {
        let expected = self.currency().ok_or(PurchaseRefusal::TenantUnknown)?;
        let is_repeat = |it: &super::Term| command.key.is_some() && it.key == command.key;
        if self.term.as_ref().is_some_and(is_repeat) {
            return nothing();
        }
        if self.standing == Standing::Suspended {
            return Err(PurchaseRefusal::TenantSuspended);
        }
        if !self.is_verified {
            return Err(PurchaseRefusal::IdentityUnverified);
        }
        let unknown = || PurchaseRefusal::PlanUnknown { plan: command.plan.clone() };
        let offer = offers.plan(&command.plan).ok_or_else(unknown)?;
        let Charge::Term { amount: price, days } = offer.plan.charge else {
            return Err(unknown());
        };
        if price.currency() != expected {
            let found = price.currency();
            return Err(PurchaseRefusal::CurrencyMismatch { expected, found });
        }
        if let Some(term) = self.term.as_ref().filter(|it| it.is_active(command.at)) {
            let (plan, ends_at) = (term.plan.clone(), term.ends_at);
            return Err(PurchaseRefusal::PlanActive { plan, ends_at });
        }
        let balance = self.credit.balance(command.at)?;
        if balance < price.amount() || balance.is_negative() {
            let balance = Money::new(balance, expected);
            return Err(PurchaseRefusal::InsufficientCredit { balance, price });
        }
        let seconds = i64::from(days) * DAY_SECONDS;
        let ends_at = command.at.plus_seconds(seconds).ok_or(PurchaseRefusal::OutOfRange)?;
        let parts = self.credit.parts(price.amount(), command.at)?;
        self.credit.expect_draw(price.amount(), &parts)?;
        let lots = credit::lot_parts(parts, expected);
        one(PlanPurchased {
            plan: command.plan.clone(),
            version: offer.version,
            price,
            lots,
            slots: slots_of(&offer.plan),
            ends_at,
        })
    }
}

/// How many machines a plan lets run at once.
fn slots_of(plan: &PlanVersion) -> u32 {
    let grants = plan.grants.iter().filter(|it| it.kind.as_str() == SLOT_KIND);
    grants.fold(0, |sum: u32, it| sum.saturating_add(it.count))
}

/// What one of so many slots costs: largest remainder, so that all of them cost the price. Each
/// free share is given out before it is given twice.
pub(super) fn slot_cost(
    price: Money,
    slots: u32,
    in_use: impl Iterator<Item = Money>,
) -> Result<Money, MoneyError> {
    let scale = price.amount().scale().max(price.currency().minor_unit());
    let units = price.amount().mantissa_at(scale).ok_or(crate::money::ExactError::Overflow)?;
    let count = i128::from(slots.max(1));
    let (small, larger) = (units.div_euclid(count), units.rem_euclid(count));
    let large = Exact::new(small + 1, scale)?;
    let taken = in_use.filter(|it| it.amount() == large).count();
    let is_large = i128::try_from(taken).is_ok_and(|it| it < larger);
    let share = if is_large { large } else { Exact::new(small, scale)? };
    Ok(Money::new(share, price.currency()))
}
