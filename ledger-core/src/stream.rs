//! The streams of a ledger. A name and a [`Stream`] are one value in two forms.
//!
//! The category stands before the first `-`, as event-store servers read it. Tenants may hold dots,
//! slugs and periods may not, so the last dot divides; providers are letters and digits, so the
//! first dot divides; a provider's id outside `[A-Za-z0-9._:-]` is percent-encoded.

use crate::id::{BillRef, DeploymentSlug, IssuerId, OperationId, Provider, ProviderRef, TenantId};
use crate::time::{BillingPeriod, Day};

/// One stream. Two streams are the same when their names are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Plans, addons, prices, rates, coupons.
    Catalog,
    /// Facts about the ledger itself.
    Ledger,
    /// A tenant's API keys.
    Access(TenantId),
    /// Everything decided about a tenant's money and quota.
    Account(TenantId),
    /// A tenant's usage of one period.
    Usage(TenantId, BillingPeriod),
    /// One deployment.
    Deployment(TenantId, DeploymentSlug),
    /// One thing at a provider.
    Resource(Provider, ProviderRef),
    /// One provider project.
    Project(Provider, ProviderRef),
    /// One provider bill.
    Bill(Provider, BillRef),
    /// A tenant's invoices of one period.
    Invoice(TenantId, BillingPeriod),
    /// The numbers an issuer took.
    Register(IssuerId),
    /// One operation.
    Operation(OperationId),
    /// The support cases of one UTC day.
    Support(Day),
    /// Money that no tenant could be found for.
    Suspense(Provider),
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
