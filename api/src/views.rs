//! The views, opened once, behind a facade that answers nothing without a [`Scope`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger_core::billing::{InvoiceFold, IssuedDocument};
use ledger_core::id::{DeploymentSlug, InvoiceNumber, TenantId};
use ledger_core::log::Position;
use ledger_core::log::embedded::EmbeddedLog;
use ledger_core::time::BillingPeriod;
use projections::deployments::{DeploymentsView, TenantKey};
use projections::invoice::{InvoiceKey, InvoiceView};
use projections::store::StoreError;
use projections::usage::{Meter, Metered, UsageKey, UsageView, total};
use projections::worker::{Status, View};

use crate::auth::Scope;
use crate::error::ApiError;

/// Why the views do not open.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the views in {path}")]
pub(crate) struct ViewsError {
    path: String,
    #[source]
    source: StoreError,
}

/// Every view of the ledger.
#[derive(Debug)]
pub(crate) struct Views {
    usage: View<UsageView>,
    invoices: View<InvoiceView>,
    deployments: View<DeploymentsView>,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

/// A document, whose it is, and how far the view is.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) tenant: TenantId,
    pub(crate) period: BillingPeriod,
    pub(crate) issued: IssuedDocument,
    pub(crate) position: Position,
}

/// Usage by meter, and how far the view is.
pub(crate) type UsageAnswer = (BTreeMap<Meter, Metered>, Position);

impl Views {
    /// Opens or rebuilds each view and follows the log.
    pub(crate) fn open(dir: &Path, log: Arc<EmbeddedLog>) -> Result<Self, ViewsError> {
        let failed = |source| ViewsError { path: dir.display().to_string(), source };
        Ok(Self {
            usage: View::start(dir, Arc::clone(&log)).map_err(failed)?,
            invoices: View::start(dir, Arc::clone(&log)).map_err(failed)?,
            deployments: View::start(dir, log).map_err(failed)?,
        })
    }

    /// Ends their threads; what was folded is kept.
    pub(crate) fn close(&self) {
        self.usage.close();
        self.invoices.close();
        self.deployments.close();
    }

    /// How each of them is.
    pub(crate) fn statuses(&self) -> [Status; 3] {
        [self.usage.status(), self.invoices.status(), self.deployments.status()]
    }

    /// Waits until all of them have folded a position.
    pub(crate) fn wait_for(&self, position: Position, patience: Duration) -> bool {
        self.usage.wait_for(position, patience)
            && self.invoices.wait_for(position, patience)
            && self.deployments.wait_for(position, patience)
    }

    /// What the scope's tenant used in a period.
    pub(crate) fn usage(
        &self,
        scope: &Scope,
        period: BillingPeriod,
    ) -> Result<UsageAnswer, ApiError> {
        let tenant = scope.tenant().ok_or(ApiError::NotFound)?;
        let (rows, position) = self.usage.scan(&UsageKey::prefix(tenant, period))?;
        let total = total(rows.iter().map(|(_, row)| row.as_ref()))
            .map_err(|error| ApiError::internal(&error))?;
        Ok((total, position))
    }

    /// The document with a number, if it is the scope's.
    pub(crate) fn invoice(&self, scope: &Scope, number: &InvoiceNumber) -> Result<Found, ApiError> {
        let (place, position) = self.invoices.get(&InvoiceKey::Number(number.clone()))?;
        let place = place.and_then(|row| row.place.clone()).ok_or(ApiError::NotFound)?;
        let (tenant, period) = place;
        if scope.tenant().is_some_and(|own| *own != tenant) {
            return Err(ApiError::NotFound);
        }
        let key = InvoiceKey::Period(tenant.clone(), period);
        let (row, _) = self.invoices.get(&key)?;
        let issued = row.and_then(|row| row.find(number).cloned()).ok_or(ApiError::NotFound)?;
        Ok(Found { tenant, period, issued, position })
    }

    /// Everything issued in the scope, period by period.
    pub(crate) fn documents(
        &self,
        scope: &Scope,
    ) -> Result<(Vec<InvoiceFold>, Position), ApiError> {
        let prefix = match scope.tenant() {
            None => b"p\0".to_vec(),
            Some(tenant) => [b"p\0", tenant.as_str().as_bytes(), b"\0"].concat(),
        };
        let (rows, position) = self.invoices.scan(&prefix)?;
        Ok((rows.iter().filter_map(|(_, row)| row.documents.clone()).collect(), position))
    }

    /// The scope's documents, by tenant and period, oldest first.
    pub(crate) fn invoices(
        &self,
        scope: &Scope,
    ) -> Result<(Vec<(TenantId, IssuedDocument)>, Position), ApiError> {
        let (folds, position) = self.documents(scope)?;
        let of = |fold: &InvoiceFold| {
            let documents = fold.documents().iter();
            documents.map(|it| (fold.tenant().clone(), it.clone())).collect::<Vec<_>>()
        };
        let invoices = folds.iter().flat_map(of).collect();
        Ok((invoices, position))
    }

    /// Every tenant of the scope and its deployments.
    pub(crate) fn tenants(
        &self,
        scope: &Scope,
    ) -> Result<(BTreeMap<TenantId, Vec<DeploymentSlug>>, Position), ApiError> {
        let slugs = |row: &projections::deployments::DeploymentsRow| {
            row.slugs.iter().cloned().collect::<Vec<_>>()
        };
        match scope.tenant() {
            Some(tenant) => {
                let (row, position) = self.deployments.get(&TenantKey(tenant.clone()))?;
                let row = row.map(|row| (tenant.clone(), slugs(&row)));
                Ok((row.into_iter().collect(), position))
            }
            None => {
                let (rows, position) = self.deployments.scan(b"")?;
                Ok((rows.into_iter().map(|(key, row)| (key.0, slugs(&row))).collect(), position))
            }
        }
    }
}
