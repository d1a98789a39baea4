//! What is for sale: plans, addons, resource prices, ladders, coupons. Plain values.
//!
//! A plan is identity, a plan version is price. One shape serves every seller: a monthly plan with
//! allowances, a prepaid plan that grants slots for a term, a free plan that only limits. Prices
//! are data; what they come to is computed in `price`, and nothing here computes.
//!
//! All quantities (included, caps, bounds of tiers, packages, free units) are in base units; a
//! price is for one *overage unit*, which is so many base units as its name says: `1k_tokens` is
//! 1000.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::id::{AddonCode, Category, CouponCode, Label, PlanCode, ResourceKind, Unit};
use crate::money::{Currency, Exact, Money, Percent, Quantity, UnitPrice};

mod model;
mod read;

pub(crate) use model::folded;
pub use model::{Aggregation, PriceModel, Tier, canonical_kind, count_the_same, units_in};
pub use read::{CatalogError, Problem, Reason};

/// A plan as it is sold from one publication to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanVersion {
    /// Which plan.
    pub plan: PlanCode,
    /// What people call it.
    pub name: Label,
    /// What it costs by itself, which also says its one currency.
    pub charge: Charge,
    /// What it includes of each kind, and what more costs.
    #[serde(default)]
    pub items: Vec<Item>,
    /// What it lets a tenant hold for its term.
    #[serde(default)]
    pub grants: Vec<QuotaGrant>,
    /// How far a tenant on it may go; read from the active version, whatever one subscribed to.
    #[serde(default)]
    pub limits: Option<Limits>,
    /// What loyal tenants pay instead.
    #[serde(default)]
    pub ladder: Option<Ladder>,
    /// The least that a month's overage and usage come to.
    #[serde(default)]
    pub commitment: Option<Commitment>,
}

impl PlanVersion {
    /// The one currency of all its prices.
    pub const fn currency(&self) -> Currency {
        match self.charge {
            Charge::Monthly(amount) | Charge::Term { amount, .. } => amount.currency(),
        }
    }

    /// The item of a kind.
    pub fn item(&self, kind: &ResourceKind) -> Option<&Item> {
        self.items.iter().find(|it| it.kind == *kind)
    }

    /// Whether another version says the same: items, grants and a ladder's categories are sets, so
    /// the order in which they are listed says nothing.
    pub fn is_same(&self, other: &Self) -> bool {
        self.in_order() == other.in_order()
    }

    fn in_order(&self) -> Self {
        let mut it = self.clone();
        it.items.sort_by(|left, right| left.kind.cmp(&right.kind));
        it.grants.sort_by(|left, right| left.kind.cmp(&right.kind));
        it.ladder = it.ladder.map(Ladder::in_order);
        it
    }
}

/// What a plan costs by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Charge {
    /// So much a calendar month, accrued by the day, billed in arrears.
    Monthly(Money),
    /// So much once for a term, paid from credit when bought.
    Term {
        /// The price of the term.
        amount: Money,
        /// Its length in days of 86,400 seconds.
        days: u16,
    },
}

/// How a kind is sold within a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The kind.
    pub kind: ResourceKind,
    /// What the price is for; base units in it as its name says.
    pub unit: Unit,
    /// How much a full month includes.
    #[serde(default)]
    pub included: Quantity,
    /// What is paid beyond the allowance.
    pub price: PriceModel,
    /// The most that is billed beyond the allowance; what is above is recorded, free and shown.
    #[serde(default)]
    pub hard_cap: Option<Quantity>,
    /// How a period's records become one quantity.
    #[serde(default)]
    pub aggregation: Aggregation,
}

/// A monthly extra that raises the allowance of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addon {
    /// Which.
    pub code: AddonCode,
    /// What people call it.
    pub name: Label,
    /// The kind it adds to.
    pub kind: ResourceKind,
    /// How much a full month adds.
    pub quantity: Quantity,
    /// What a full month costs.
    pub price: Money,
}

/// What a kind costs where no plan item prices it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourcePrice {
    /// The kind.
    pub kind: ResourceKind,
    /// What the price is for.
    pub unit: Unit,
    /// The price of one such unit.
    pub price: UnitPrice,
    /// In which currency.
    pub currency: Currency,
    /// What loyal tenants pay instead.
    #[serde(default)]
    pub ladder: Option<Ladder>,
}

impl ResourcePrice {
    /// Whether another one says the same, in whatever order it lists the categories of its ladder.
    pub fn is_same(&self, other: &Self) -> bool {
        let in_order =
            |it: &Self| Self { ladder: it.ladder.clone().map(Ladder::in_order), ..it.clone() };
        in_order(self) == in_order(other)
    }
}

/// Slots that a plan lets a tenant hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaGrant {
    /// Of what, such as `vm`.
    pub kind: ResourceKind,
    /// How many.
    pub count: u32,
}

/// How far a tenant on a plan may go before it must upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// How many instances may run at once.
    pub max_node_instances: u32,
    /// How much a month of all that runs may cost.
    pub max_monthly_provisioning: Money,
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "Limits")]
        struct Plain {
            max_node_instances: u32,
            max_monthly_provisioning: Money,
        }
        /// As files write them: the older key names its currency instead of the value.
        #[derive(Deserialize)]
        #[serde(rename = "Limits", deny_unknown_fields)]
        struct Written {
            max_node_instances: u32,
            max_monthly_provisioning: Option<Money>,
            max_monthly_provisioning_usd: Option<Exact>,
        }
        if !deserializer.is_human_readable() {
            let Plain { max_node_instances, max_monthly_provisioning } =
                Plain::deserialize(deserializer)?;
            return Ok(Self { max_node_instances, max_monthly_provisioning });
        }
        let it = Written::deserialize(deserializer)?;
        let in_usd = it.max_monthly_provisioning_usd.map(|it| Money::new(it, Currency::USD));
        let max_monthly_provisioning = match (it.max_monthly_provisioning, in_usd) {
            (Some(most), None) | (None, Some(most)) => most,
            (None, None) => return Err(D::Error::missing_field("max_monthly_provisioning")),
            (Some(_), Some(_)) => {
                return Err(D::Error::duplicate_field("max_monthly_provisioning"));
            }
        };
        Ok(Self { max_node_instances: it.max_node_instances, max_monthly_provisioning })
    }
}

/// Lower prices for tenants that have paid for long enough. It applies to per-unit prices only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// In ascending order of days; before the first, prices are whole.
    pub tiers: Vec<LadderTier>,
    /// The categories of usage it lowers; all others pay the whole price.
    pub categories: Vec<Category>,
    /// The category of usage that names none.
    pub default_category: Option<Category>,
}

impl Ladder {
    fn in_order(mut self) -> Self {
        self.categories.sort();
        self
    }
}

/// One step of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderTier {
    /// What people call it.
    pub name: Label,
    /// Whole days of 86,400 seconds since the first payment.
    pub days: u32,
    /// What a price is multiplied by.
    pub multiplier: Exact,
}

/// The least that overage and usage of a full month come to; the difference is a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// The least of a full month.
    pub minimum: Money,
}

/// A discount that an operator grants by code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coupon {
    /// Its code.
    pub code: CouponCode,
    /// What it does.
    pub terms: CouponTerms,
}

/// What a coupon does, kept by the tenant as it was when applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CouponTerms {
    /// What people call it.
    pub name: Label,
    /// How much it takes off.
    pub discount: Discount,
    /// For how many periods.
    pub duration: CouponDuration,
}

/// How much a coupon takes off what the former ones left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discount {
    /// So many hundredths, rounded once.
    Percent(Percent),
    /// So much, at most what is left.
    Fixed(Money),
}

/// For how many periods a coupon counts, from the one it was applied in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponDuration {
    /// The period it was applied in.
    Once,
    /// So many, that one included.
    Periods(u16),
    /// Until the tenant ends.
    Forever,
}

/// Everything for sale at once: a catalog file, or what is active in a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// One version of each plan.
    #[serde(default)]
    pub plans: Vec<PlanVersion>,
    /// Monthly extras.
    #[serde(default)]
    pub addons: Vec<Addon>,
    /// Prices of kinds that no plan item prices.
    #[serde(default)]
    pub resource_prices: Vec<ResourcePrice>,
    /// Discounts by code.
    #[serde(default)]
    pub coupons: Vec<Coupon>,
}
