//! A quote: what a deployment will cost, from the very function that will bill it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::explain::Sources;
use super::facts::{
    Attached, Bound, Charged, Deployment, EffectivePrice, Facts, Prepaid, PrepaidFor, Usage,
};
use super::{Capped, PriceError, Priced, Unpriced, price};
use crate::catalog::{Addon, Aggregation, Charge, PlanVersion, canonical_kind};
use crate::event::invoice::LineKind;
use crate::id::{AddonCode, DeploymentSlug, PlanCode, ResourceKind};
use crate::money::{Currency, ExactError, Money, Quantity};
use crate::time::{BillingPeriod, Day};

/// The hours of a month in a quote of resources, whatever the month.
pub const HOURS_A_MONTH: u32 = 720;

/// Why there is no quote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// The prices do not add up.
    #[error("the quote cannot be priced")]
    Price(#[from] PriceError),
    /// The plan has no item of an addon's kind: nobody may attach it.
    #[error("{addon} adds {kind}, which {plan} does not have")]
    AddonUseless {
        /// The addon.
        addon: AddonCode,
        /// What it adds.
        kind: ResourceKind,
        /// The plan.
        plan: PlanCode,
    },
    /// A projected quantity below zero.
    #[error("the projected usage of {kind} is negative")]
    NegativeUsage {
        /// Of what.
        kind: ResourceKind,
    },
}

/// What a deployment will cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Plan and addons for a full month; a plan for a term once, whatever its length.
    pub recurring: Vec<Priced>,
    /// The recurring part of the month of the start, by its days, a term whole; neither overage nor
    /// tax.
    pub first_invoice: Vec<Priced>,
    /// Projected usage beyond full-month allowances.
    pub overage: Vec<Priced>,
    /// The recurring lines together.
    pub recurring_monthly: Money,
    /// The lines of the first invoice together.
    pub first_invoice_total: Money,
    /// The overage lines together.
    pub overage_monthly: Money,
    /// Recurring and overage.
    pub all_in_monthly: Money,
    /// Projected usage that nothing prices.
    pub unpriced: Vec<Unpriced>,
    /// Projected usage beyond caps.
    pub capped: Vec<Capped>,
}

/// Quotes a plan with addons and projected usage (base units by kind) from a day on. What is
/// projected under two names of one kind is added up.
pub fn quote(
    plan: &Arc<PlanVersion>,
    addons: &[Addon],
    projected: &BTreeMap<ResourceKind, Quantity>,
    starts_on: Day,
    resource_prices: &[EffectivePrice],
) -> Result<Quote, QuoteError> {
    let period = starts_on.period();
    if let Some(it) = addons.iter().find(|it| plan.item(&it.kind).is_none()) {
        let (addon, kind, plan) = (it.code.clone(), it.kind.clone(), plan.plan.clone());
        return Err(QuoteError::AddonUseless { addon, kind, plan });
    }
    // A projection is the month's quantity already, however its records would have made it.
    let mut summed = PlanVersion::clone(plan);
    summed.items.iter_mut().for_each(|it| it.aggregation = Aggregation::Sum);
    let full = facts(&Arc::new(summed), addons, period, period.first_day(), resource_prices);
    let mut with_usage = full.clone();
    with_usage.usage = usage(projected, starts_on, full.deployments.first())?;
    let first = facts(plan, addons, period, starts_on, &[]);
    let currency = full.currency;
    let whole = price(&with_usage)?;
    let (recurring, overage) = whole.lines.into_iter().partition::<Vec<_>, _>(is_recurring);
    let first_invoice = price(&first)?.lines.into_iter().filter(is_recurring).collect::<Vec<_>>();
    let recurring_monthly = sum(currency, &recurring)?;
    let overage_monthly = sum(currency, &overage)?;
    Ok(Quote {
        recurring_monthly,
        overage_monthly,
        first_invoice_total: sum(currency, &first_invoice)?,
        all_in_monthly: recurring_monthly.checked_add(overage_monthly).map_err(PriceError::from)?,
        recurring,
        first_invoice,
        overage,
        unpriced: whole.unpriced,
        capped: whole.capped,
    })
}

const fn is_recurring(it: &Priced) -> bool {
    matches!(it.line.kind, LineKind::PlanBase | LineKind::Addon | LineKind::Term)
}

fn sum(currency: Currency, lines: &[Priced]) -> Result<Money, PriceError> {
    Ok(Money::sum(currency, lines.iter().map(|it| it.line.amount))?)
}

fn facts(
    plan: &Arc<PlanVersion>,
    addons: &[Addon],
    period: BillingPeriod,
    starts_on: Day,
    resource_prices: &[EffectivePrice],
) -> Facts {
    let at = starts_on.starts_at();
    let from = || Sources::NONE;
    let attached = addons.iter().map(|addon| Attached {
        addon: addon.code.clone(),
        name: addon.name.clone(),
        kind: addon.kind.clone(),
        quantity: addon.quantity,
        price: addon.price,
        attached_at: at,
        detached_at: None,
        from: from(),
    });
    let deployment = Deployment {
        slug: DeploymentSlug::new("quote").expect("a word is a slug"),
        bound: vec![Bound { at, version: 0, plan: Arc::clone(plan), from: from() }],
        charged: vec![Charged { at, is_charged: true, from: from() }],
        attached: attached.collect(),
    };
    let mut facts = Facts::of_whole(period, plan.currency());
    facts.deployments.push(deployment);
    facts.resource_prices = resource_prices.to_vec();
    // A term is bought, and is a line of the month that it is bought in.
    if let Charge::Term { amount, .. } = plan.charge {
        let what = PrepaidFor::Term(plan.name.clone());
        facts.prepaid.push(Prepaid { what, quantity: Quantity::whole(1), amount, from: from() });
    }
    facts
}

/// Projected records, priced by what holds when the day of the start is over.
fn usage(
    projected: &BTreeMap<ResourceKind, Quantity>,
    starts_on: Day,
    deployment: Option<&Deployment>,
) -> Result<Vec<Usage>, QuoteError> {
    let last_instant = starts_on.ends_at().and_then(|it| it.plus_micros(-1));
    let last_instant = last_instant.unwrap_or(starts_on.starts_at());
    let record = |(kind, quantity): (&ResourceKind, &Quantity)| {
        if quantity.is_negative() {
            return Err(QuoteError::NegativeUsage { kind: kind.clone() });
        }
        Ok(Usage {
            at: last_instant,
            deployment: deployment.map(|it| it.slug.clone()),
            kind: canonical_kind(kind),
            quantity: (*quantity).into(),
            category: None,
            resource: None,
            known: None,
            from: Sources::NONE,
        })
    };
    projected.iter().map(record).collect()
}

/// Some resources of one kind, running all month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotedResource {
    /// The kind whose hours they yield.
    pub kind: ResourceKind,
    /// How many.
    pub count: u32,
}

/// Quotes resources that run all month at the resource prices of a day: 720 hours each, no plan and
/// no allowance.
pub fn quote_resources(
    resources: &[QuotedResource],
    currency: Currency,
    starts_on: Day,
    resource_prices: &[EffectivePrice],
) -> Result<Quote, QuoteError> {
    let mut projected = BTreeMap::new();
    for resource in resources {
        let hours = u64::from(resource.count) * u64::from(HOURS_A_MONTH);
        let hours = i64::try_from(hours).map_err(|_| PriceError::Number(ExactError::Overflow))?;
        let added = projected.entry(canonical_kind(&resource.kind)).or_insert(0_i64);
        *added = added.checked_add(hours).ok_or(PriceError::Number(ExactError::Overflow))?;
    }
    let quantity = |(kind, hours)| {
        let number = crate::money::Exact::whole(hours);
        Quantity::new(number).map(|hours| (kind, hours))
    };
    let projected = projected.into_iter().map(quantity).collect::<Result<BTreeMap<_, _>, _>>();
    let projected = projected.map_err(|_| PriceError::Number(ExactError::Overflow))?;
    let mut facts = Facts::of_whole(starts_on.period(), currency);
    facts.resource_prices = resource_prices.to_vec();
    facts.usage = usage(&projected, starts_on, None)?;
    let document = price(&facts)?;
    let nothing = Money::zero(currency);
    let overage_monthly = sum(currency, &document.lines)?;
    Ok(Quote {
        recurring: Vec::new(),
        first_invoice: Vec::new(),
        overage: document.lines,
        recurring_monthly: nothing,
        first_invoice_total: nothing,
        overage_monthly,
        all_in_monthly: overage_monthly,
        unpriced: document.unpriced,
        capped: document.capped,
    })
}
