//! From folded streams to the facts of a price.
//!
//! Everything that prices a tenant's period comes through here, so quote, invoice, accrual and
//! audit cannot see different facts.

use super::Basis;
use super::known::Knowledge;
use super::metered::{as_usage, metered};
use super::standing::Stated;
use crate::catalog::{count_the_same, units_in};
use crate::event::account::Settlement;
use crate::id::{DeploymentSlug, PlanCode, TenantId, Unit};
use crate::log::{Position, Revision};
use crate::money::ExactError;
use crate::price::{Facts, Unpriced, Usage, bound_on, resource_price_of};
use crate::time::Timestamp;

/// Why streams that fold make no facts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// Nobody registered the tenant.
    #[error("there is no tenant {tenant}")]
    TenantUnknown {
        /// Who it should be.
        tenant: TenantId,
    },
    /// A deployment is bound to something the catalog never published.
    #[error("deployment {deployment} is bound to {plan} version {version}, which is not published")]
    PlanUnknown {
        /// The deployment.
        deployment: DeploymentSlug,
        /// The plan.
        plan: PlanCode,
        /// Its version.
        version: u32,
    },
    /// What went back of a draw cannot be taken from what it was for.
    #[error("what returned of draw {draw} cannot be taken from it")]
    Returned {
        /// The draw, by its place in the account.
        draw: Revision,
        /// What is wrong with it.
        #[source]
        source: ExactError,
    },
    /// What was drawn in the period does not add up within bounds.
    #[error("what credit has paid does not add up")]
    Prepaid(#[source] ExactError),
    /// A quantity has no exact form within bounds when it is in base units.
    #[error("the usage recorded at position {position} is out of bounds in base units")]
    Usage {
        /// The record.
        position: Position,
        /// What is wrong with it.
        #[source]
        source: ExactError,
    },
}

/// The facts of a tenant's period, as they stand at an instant of the world.
///
/// The instant's day counts as if it ended then; the end of the period, or anything later, makes
/// the facts of the whole.
pub(super) fn facts(basis: &Basis, until: Timestamp) -> Result<Facts, FactsError> {
    let Basis { period, catalog, tenant, deployments, resources, standing, usage, .. } = basis;
    let period = *period;
    let (_, settlement) = tenant.terms()?;
    let knowledge = Knowledge::of(catalog, tenant);
    let knowledge = knowledge.as_ref();
    let mut facts = reported(basis, until)?;
    facts.usage.extend(usage.gauge_hours(until, standing, knowledge)?);
    let (from, to) = (period.starts_at(), until.min(period.ends_at()));
    let metered = metered(catalog, deployments.values(), resources, from, to);
    let mut replaced = usage.measured();
    replaced.extend(standing.measured());
    facts.usage.extend(as_usage(metered, &replaced, period, knowledge));
    let stood = standing.values(knowledge)?.into_iter();
    let stood = stood.filter(|it| is_sold_in(&facts, it)).map(|it| it.usage).collect();
    facts.standing = stood;
    facts.first_paid_at = tenant.first_paid_at();
    facts.prepaid = tenant.prepaid(catalog, period, until)?;
    facts.is_prepaid = settlement == Settlement::Prepaid;
    facts.coupons = tenant.coupons();
    facts.tax = tenant.tax(period, until);
    Ok(facts)
}

/// The facts as far as deployments, prices and the records of producers make them.
pub(super) fn reported(basis: &Basis, until: Timestamp) -> Result<Facts, FactsError> {
    let Basis { period, catalog, tenant, deployments, usage, .. } = basis;
    let (currency, _) = tenant.terms()?;
    let mut facts = Facts::of_whole(*period, currency);
    facts.until = until;
    facts.deployments =
        deployments.values().map(|it| it.deployment(catalog)).collect::<Result<_, _>>()?;
    facts.resource_prices = catalog.resource_prices().collect();
    for it in usage.recorded(Knowledge::of(catalog, tenant).as_ref())? {
        if is_sold_in(&facts, &it) {
            facts.usage.push(it.usage);
        } else if it.usage.at <= until {
            list_unpriced(&mut facts.unpriced, it);
        }
    }
    Ok(facts)
}

/// Whether usage may be priced by what it is sold in. What says no unit is in base units, and what
/// nothing sells need only say how many of them it is.
fn is_sold_in(facts: &Facts, it: &Stated) -> bool {
    let Some(unit) = &it.unit else { return true };
    match sold_in(facts, &it.usage) {
        Some(sold) => count_the_same(unit, sold),
        None => units_in(unit).is_some(),
    }
}

/// The unit of what prices some usage: of the item of its plan, else of the resource price.
fn sold_in<'a>(facts: &'a Facts, usage: &Usage) -> Option<&'a Unit> {
    let of = usage.deployment.as_ref();
    let deployment = facts.deployments.iter().find(|it| Some(&it.slug) == of);
    let bound = deployment.and_then(|it| bound_on(it, usage.at.day(), facts.until));
    if let Some(item) = bound.and_then(|it| it.plan.item(&usage.kind)) {
        return Some(&item.unit);
    }
    let price = resource_price_of(&facts.resource_prices, facts.currency, usage);
    price.and_then(|it| facts.resource_prices.get(it)).map(|it| &it.price.unit)
}

/// Adds a record to what is shown without a price, by deployment, kind and unit.
fn list_unpriced(unpriced: &mut Vec<Unpriced>, it: Stated) {
    let Stated { usage: Usage { deployment, kind, from, .. }, value: quantity, unit } = it;
    let same = unpriced
        .iter_mut()
        .find(|known| (&known.deployment, &known.kind, &known.unit) == (&deployment, &kind, &unit));
    // A sum that has no room begins another entry: what is shown fails nothing.
    let sum = same.and_then(|known| {
        let sum = known.quantity.checked_add(quantity).ok()?;
        Some((known, sum))
    });
    match sum {
        Some((known, sum)) => {
            known.quantity = sum;
            known.from.extend(&from);
        }
        None => unpriced.push(Unpriced { deployment, kind, quantity, unit, from }),
    }
}
