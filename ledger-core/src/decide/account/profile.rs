//! Who a tenant is and what holds for it: registration, identity, tax, plan, cap, coupons.

use super::{Account, credit};
use crate::decide::catalog::Offers;
use crate::decide::{Refusal, RefusalKind, nothing, one};
use crate::event::Event;
use crate::event::account::{
    CostCapSet, CouponApplied, IdentityVerified, PaymentReferenceMapped, PlanAssigned,
    TaxProfileSet, TenantRegistered,
};
use crate::id::{CouponCode, PlanCode};
use crate::money::{Currency, Money, MoneyError};

/// Why a change of a profile is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileRefusal {
    /// Nobody of that name.
    #[error("no such tenant")]
    TenantUnknown,
    /// The tenant was registered with other content.
    #[error("the tenant is registered already, as {currency} and {settlement}")]
    TenantExists {
        /// Its currency.
        currency: Currency,
        /// How it pays.
        settlement: &'static str,
    },
    /// New tenants are to be on a plan that the catalog does not have.
    #[error("new tenants are to be on {plan}, and no plan is called so")]
    DefaultPlanUnknown {
        /// The plan.
        plan: PlanCode,
    },
    /// No such plan.
    #[error("no plan is called {plan}")]
    PlanUnknown {
        /// The plan.
        plan: PlanCode,
    },
    /// No such coupon.
    #[error("no coupon is called {coupon}")]
    CouponUnknown {
        /// The coupon.
        coupon: CouponCode,
    },
    /// In another currency than the account's.
    #[error("{found} where the account is in {expected}")]
    CurrencyMismatch {
        /// The account's.
        expected: Currency,
        /// What came.
        found: Currency,
    },
    /// A cap below zero.
    #[error("a cap of {cap} is below zero")]
    CapNegative {
        /// The cap.
        cap: Money,
    },
}

impl Refusal for ProfileRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::TenantUnknown => "tenant_unknown",
            Self::TenantExists { .. } => "tenant_exists",
            Self::DefaultPlanUnknown { .. } => "default_plan_unknown",
            Self::PlanUnknown { .. } => "plan_unknown",
            Self::CouponUnknown { .. } => "coupon_unknown",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::CapNegative { .. } => "cap_negative",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::TenantUnknown | Self::PlanUnknown { .. } | Self::CouponUnknown { .. } => {
                RefusalKind::NotFound
            }
            Self::TenantExists { .. } => RefusalKind::Conflict,
            Self::DefaultPlanUnknown { .. }
            | Self::CurrencyMismatch { .. }
            | Self::CapNegative { .. } => RefusalKind::Unprocessable,
        }
    }
}

/// What a decision about a profile answers.
type Answer = Result<Vec<Event>, ProfileRefusal>;

impl Account {
    fn known(&self) -> Result<&TenantRegistered, ProfileRefusal> {
        self.registered.as_ref().ok_or(ProfileRefusal::TenantUnknown)
    }

    fn same_currency(&self, found: Currency) -> Result<(), ProfileRefusal> {
        let expected = self.known()?.currency;
        if found == expected {
            Ok(())
        } else {
            Err(ProfileRefusal::CurrencyMismatch { expected, found })
        }
    }

    /// Begins a tenant, on the first of the default plans that has limits and is in its currency;
    /// where none is, on no plan. The same registration again changes nothing.
    pub fn register(
        &self,
        command: &TenantRegistered,
        offers: &Offers,
        defaults: &[PlanCode],
    ) -> Answer {
        match &self.registered {
            None => {
                let plan = default_plan(offers, defaults, command.currency)?;
                let assigned = plan.map(|plan| PlanAssigned { plan: plan.clone() }.into());
                Ok(std::iter::once(command.clone().into()).chain(assigned).collect())
            }
            Some(it) if it == command => nothing(),
            Some(it) => Err(ProfileRefusal::TenantExists {
                currency: it.currency,
                settlement: it.settlement.as_str(),
            }),
        }
    }

    /// Records that the identity was checked. Once is enough.
    pub fn verify_identity(&self, command: &IdentityVerified) -> Answer {
        self.known()?;
        if self.is_verified { nothing() } else { one(command.clone()) }
    }

    /// Sets who is printed on documents, and which tax they carry.
    pub fn set_tax_profile(&self, command: &TaxProfileSet) -> Answer {
        self.known()?;
        if self.tax.as_ref() == Some(command) { nothing() } else { one(command.clone()) }
    }

    /// Maps a gateway's id of a customer or an invoice to this tenant.
    pub fn map_payment_reference(&self, command: &PaymentReferenceMapped) -> Answer {
        self.known()?;
        let reference = (command.gateway.clone(), command.reference.clone());
        if self.references.get(&reference) == Some(&command.invoice) {
            nothing()
        } else {
            one(command.clone())
        }
    }

    /// Holds the tenant to the limits of a plan.
    pub fn assign_plan(&self, offers: &Offers, plan: &PlanCode) -> Answer {
        self.known()?;
        let unknown = || ProfileRefusal::PlanUnknown { plan: plan.clone() };
        let offer = offers.plan(plan).ok_or_else(unknown)?;
        self.same_currency(offer.plan.currency())?;
        if self.plan.as_ref() == Some(plan) {
            nothing()
        } else {
            one(PlanAssigned { plan: plan.clone() })
        }
    }

    /// Sets the most the tenant wants to spend in a month; `None` removes the cap.
    pub fn set_cost_cap(&self, cap: Option<Money>) -> Answer {
        self.known()?;
        if let Some(cap) = cap {
            self.same_currency(cap.currency())?;
            if cap.is_negative() {
                return Err(ProfileRefusal::CapNegative { cap });
            }
        }
        if self.cap == cap { nothing() } else { one(CostCapSet { cap }) }
    }

    /// Applies a coupon on the terms it has now. Once is enough.
    pub fn apply_coupon(&self, offers: &Offers, coupon: &CouponCode) -> Answer {
        self.known()?;
        if self.coupons.contains(coupon) {
            return nothing();
        }
        let unknown = || ProfileRefusal::CouponUnknown { coupon: coupon.clone() };
        let terms = offers.coupon(coupon).ok_or_else(unknown)?.terms.clone();
        if let crate::catalog::Discount::Fixed(amount) = terms.discount {
            self.same_currency(amount.currency())?;
        }
        one(CouponApplied { coupon: coupon.clone(), terms })
    }

    /// What is refused for an amount, as a sibling decision says it.
    pub(super) const fn code_of(error: &MoneyError) -> &'static str {
        credit::amount_code(error)
    }
}

/// Which of the default plans holds a new tenant. All of them are looked up, so that a mistake in
/// any is seen with the first tenant of all.
fn default_plan<'a>(
    offers: &Offers,
    defaults: &'a [PlanCode],
    currency: Currency,
) -> Result<Option<&'a PlanCode>, ProfileRefusal> {
    let mut first = None;
    for plan in defaults {
        let unknown = || ProfileRefusal::DefaultPlanUnknown { plan: plan.clone() };
        let offered = &offers.plan(plan).ok_or_else(unknown)?.plan;
        if offered.limits.is_some() && offered.currency() == currency {
            first = first.or(Some(plan));
        }
    }
    Ok(first)
}
