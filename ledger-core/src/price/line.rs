//! The lines of a document. One shape for every kind of charge.

use serde::{Deserialize, Serialize};

use super::explain::Sources;
use crate::id::{DeploymentSlug, Label, ResourceKind, Unit};
use crate::money::{Exact, Money, UnitPrice};
use crate::time::BillingPeriod;

/// What a line charges for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A plan by itself.
    PlanBase,
    /// An extra.
    Addon,
    /// What was used beyond an allowance.
    Overage,
    /// What was used of a kind that no plan item prices.
    Usage,
    /// A plan bought for a term.
    Term,
    /// The difference to what an earlier document said.
    Adjustment,
    /// What a coupon takes off.
    Discount,
    /// What is missing to the least that was agreed.
    Commitment,
    /// A tax on the rest.
    Tax,
}

impl LineKind {
    /// Whether a coupon takes from it.
    pub const fn is_discountable(self) -> bool {
        match self {
            Self::PlanBase | Self::Addon | Self::Overage | Self::Usage | Self::Commitment => true,
            Self::Term | Self::Adjustment | Self::Discount | Self::Tax => false,
        }
    }

    /// Whether it is part of what a tax is taken on. Adjustments carry their tax in themselves.
    pub const fn is_taxable(self) -> bool {
        match self {
            Self::PlanBase
            | Self::Addon
            | Self::Overage
            | Self::Usage
            | Self::Term
            | Self::Discount
            | Self::Commitment => true,
            Self::Adjustment | Self::Tax => false,
        }
    }
}

/// One line: what, how much, at which price, and which events made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What it charges for.
    pub kind: LineKind,
    /// The kind of resource, where it is about one.
    pub resource: Option<ResourceKind>,
    /// What people read.
    pub description: Label,
    /// How much; to six decimals where the exact quantity is no decimal number.
    pub quantity: Exact,
    /// What the quantity counts.
    pub unit: Unit,
    /// The price of one, where there is one price.
    pub unit_price: Option<UnitPrice>,
    /// The highest tier reached, from 1, where the price has tiers.
    pub tier: Option<u16>,
    /// In whole minor units.
    pub amount: Money,
    /// The deployment; none on what concerns the whole document.
    pub deployment: Option<DeploymentSlug>,
    /// When the service was given.
    pub period: BillingPeriod,
    /// Whether prepaid credit has already paid it.
    pub settled_by_credit: bool,
    /// Which events it was made from.
    pub provenance: Sources,
}
