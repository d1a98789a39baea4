//! From folded streams to the facts of a price.
//!
//! Everything that prices a tenant's period comes through here, so quote, invoice, accrual and
//! audit cannot see different facts.

use std::collections::BTreeMap;

use super::catalog::CatalogFold;
use super::deployment::DeploymentFold;
use super::known::Knowledge;
use super::metered::{as_usage, metered};
use super::tenant::TenantFold;
use super::usage::UsageFold;
use crate::event::account::Settlement;
use crate::id::{DeploymentSlug, PlanCode, ResourceId, TenantId, Unit};
use crate::inventory::ResourceFold;
use crate::log::Revision;
use crate::money::ExactError;
use crate::price::Facts;
use crate::time::{BillingPeriod, Timestamp};

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
    /// A unit of which nobody knows how many base units it is.
    #[error("usage record {revision} is in {unit}, which does not say how many base units it is")]
    Unit {
        /// The record, by its place in the period's usage.
        revision: Revision,
        /// The unit.
        unit: Unit,
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
    #[error("usage record {revision} is out of bounds in base units")]
    Usage {
        /// The record, by its place in the period's usage.
        revision: Revision,
        /// What is wrong with it.
        #[source]
        source: ExactError,
    },
}

/// The facts of a tenant's period, as they stand at an instant of the world.
///
/// The instant's day counts as if it ended then; the end of the period, or anything later, makes
/// the facts of the whole.
pub fn facts(
    catalog: &CatalogFold,
    tenant: &TenantFold,
    deployments: &BTreeMap<DeploymentSlug, DeploymentFold>,
    resources: &BTreeMap<ResourceId, ResourceFold>,
    usage: &UsageFold,
    period: BillingPeriod,
    until: Timestamp,
) -> Result<Facts, FactsError> {
    let (currency, settlement) = tenant.terms()?;
    let mut facts = Facts::of_whole(period, currency);
    facts.until = until;
    facts.deployments =
        deployments.values().map(|it| it.deployment(catalog)).collect::<Result<_, _>>()?;
    let knowledge = Knowledge::of(catalog, tenant);
    facts.usage = usage.usage_knowing(until, knowledge.as_ref())?;
    let (from, to) = (period.starts_at(), until.min(period.ends_at()));
    let metered = metered(catalog, deployments.values(), resources, from, to);
    facts.usage.extend(as_usage(metered, &usage.measured(), period, knowledge.as_ref()));
    facts.resource_prices = catalog.resource_prices().collect();
    facts.first_paid_at = tenant.first_paid_at();
    facts.prepaid = tenant.prepaid(catalog, period, until)?;
    facts.is_prepaid = settlement == Settlement::Prepaid;
    facts.coupons = tenant.coupons();
    facts.tax = tenant.tax(period, until);
    Ok(facts)
}
