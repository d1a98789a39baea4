//! What a price is computed from. Facts only: nothing here was rounded, summed or decided.

use std::sync::Arc;

use super::Unpriced;
use super::explain::Sources;
use crate::catalog::{CouponDuration, CouponTerms, PlanVersion, ResourcePrice};
use crate::event::account::TaxTerms;
use crate::id::{AddonCode, Category, CouponCode, DeploymentSlug, Label, ResourceId, ResourceKind};
use crate::money::{Currency, Money, Quantity, Ratio};
use crate::time::{BillingPeriod, Timestamp};

/// Everything about one tenant and period that its invoice rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The one currency the tenant is billed in.
    pub currency: Currency,
    /// The month.
    pub period: BillingPeriod,
    /// The instant it is priced at: its day counts as if it ended then. The end of the period, or
    /// anything later, prices the whole.
    pub until: Timestamp,
    /// The tenant's deployments.
    pub deployments: Vec<Deployment>,
    /// Usage of the period, in order of its place in the log.
    pub usage: Vec<Usage>,
    /// What stood when the period began: the last record before it of each series of the kinds
    /// that are sold by what stands.
    pub standing: Vec<Usage>,
    /// Usage of the period that is no quantity of anything sold. It is billed nothing, and shown.
    pub unpriced: Vec<Unpriced>,
    /// Resource prices in the order in which they were recorded.
    pub resource_prices: Vec<EffectivePrice>,
    /// When the tenant first paid, for ladders.
    pub first_paid_at: Option<Timestamp>,
    /// Prices that credit has already paid.
    pub prepaid: Vec<Prepaid>,
    /// Whether usage is drawn from credit when recorded: then it is charged as drawn, in `prepaid`,
    /// and never priced again.
    pub is_prepaid: bool,
    /// Coupons in the order in which they were applied.
    pub coupons: Vec<AppliedCoupon>,
    /// The tax of the tenant's profile.
    pub tax: Option<Tax>,
}

impl Facts {
    /// No deployments, no usage, no tax: what a caller adds to.
    pub fn of_whole(period: BillingPeriod, currency: Currency) -> Self {
        Self {
            currency,
            period,
            until: period.ends_at(),
            deployments: Vec::new(),
            usage: Vec::new(),
            standing: Vec::new(),
            unpriced: Vec::new(),
            resource_prices: Vec::new(),
            first_paid_at: None,
            prepaid: Vec::new(),
            is_prepaid: false,
            coupons: Vec::new(),
            tax: None,
        }
    }
}

/// One deployment: what it was bound to, whether it was charged, what was attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Which.
    pub slug: DeploymentSlug,
    /// The plan versions it was bound to, in order of time; those before the period among them.
    /// A cancelled subscription keeps its last one, for pricing its usage.
    pub bound: Vec<Bound>,
    /// When it began or ceased to be charged (subscription active, and deployment active or past
    /// due), in order of time; before the first it is not.
    pub charged: Vec<Charged>,
    /// The addons attached to it.
    pub attached: Vec<Attached>,
}

/// From this instant on, a plan version prices the deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// From when.
    pub at: Timestamp,
    /// The number of the version: with the plan's code it is the version's identity.
    pub version: u32,
    /// What it says.
    pub plan: Arc<PlanVersion>,
    /// The subscription, and the publication.
    pub from: Sources,
}

/// From this instant on, days are charged or free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charged {
    /// From when.
    pub at: Timestamp,
    /// Whether days are charged.
    pub is_charged: bool,
    /// What made it so.
    pub from: Sources,
}

/// An addon, with price and quantity as they were when it was attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Which addon.
    pub addon: AddonCode,
    /// What people call it.
    pub name: Label,
    /// The kind it adds to.
    pub kind: ResourceKind,
    /// How much a full month adds.
    pub quantity: Quantity,
    /// What a full month costs.
    pub price: Money,
    /// From when; its day counts.
    pub attached_at: Timestamp,
    /// Until when; its day does not count.
    pub detached_at: Option<Timestamp>,
    /// What attached and detached it.
    pub from: Sources,
}

/// One record of usage as it stands after corrections, in base units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// When the measured interval began.
    pub at: Timestamp,
    /// The deployment, where it names one.
    pub deployment: Option<DeploymentSlug>,
    /// What was used.
    pub kind: ResourceKind,
    /// How much, in base units; hours to the second are no decimal number.
    pub quantity: Ratio,
    /// What a ladder looks at.
    pub category: Option<Category>,
    /// The resource it was measured on, where it names one.
    pub resource: Option<ResourceId>,
    /// What was known when it was recorded, where that prices it for good; else all is known.
    pub known: Option<Known>,
    /// The record, and the correction that counts.
    pub from: Sources,
}

/// What was known of prices when something was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// How many of the resource prices, in the order in which they were recorded.
    pub prices: usize,
    /// Whether the tenant had paid for the first time.
    pub has_paid: bool,
}

impl Usage {
    /// Whether a price counts for it, by its place among all of them.
    pub(super) fn knows_price(&self, index: usize) -> bool {
        self.known.is_none_or(|it| index < it.prices)
    }

    /// Since when the tenant pays, as far as that counts for it.
    pub(super) fn paid_since(&self, first_paid_at: Option<Timestamp>) -> Option<Timestamp> {
        first_paid_at.filter(|_| self.known.is_none_or(|it| it.has_paid))
    }
}

/// A resource price and when it takes effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectivePrice {
    /// From when, until a later one of the same kind and currency.
    pub at: Timestamp,
    /// The price.
    pub price: Arc<ResourcePrice>,
    /// What set it.
    pub from: Sources,
}

/// What credit has paid, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepaid {
    /// For what.
    pub what: PrepaidFor,
    /// How much of it.
    pub quantity: Quantity,
    /// As drawn, unrounded.
    pub amount: Money,
    /// The purchase or the draw.
    pub from: Sources,
}

/// What credit was drawn for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrepaidFor {
    /// A plan for a term; charged in the period of the purchase.
    Term(Label),
    /// Usage of a kind.
    Usage(ResourceKind),
}

/// A coupon that the tenant holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedCoupon {
    /// Its code.
    pub code: CouponCode,
    /// Its terms when applied.
    pub terms: CouponTerms,
    /// The period it was applied in.
    pub since: BillingPeriod,
    /// What applied it.
    pub from: Sources,
}

impl AppliedCoupon {
    /// Whether it counts in a period.
    pub fn counts_in(&self, period: BillingPeriod) -> bool {
        let Some(months) = months_from(self.since, period) else { return false };
        match self.terms.duration {
            CouponDuration::Once => months == 0,
            CouponDuration::Periods(count) => months < u32::from(count),
            CouponDuration::Forever => true,
        }
    }
}

fn months_from(since: BillingPeriod, period: BillingPeriod) -> Option<u32> {
    let count = |it: BillingPeriod| u32::from(it.year()) * 12 + u32::from(it.month());
    count(period).checked_sub(count(since))
}

/// The tax of a tenant's profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    /// A rate, what is rounded, and how a half is decided.
    pub terms: TaxTerms,
    /// The profile that names it.
    pub from: Sources,
}
