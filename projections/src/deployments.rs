//! Which deployments a tenant has: what a rollup or a list begins with.

use std::collections::BTreeSet;

use ledger_core::event::Event;
use ledger_core::event::deployment;
use ledger_core::fold::FoldError;
use ledger_core::id::{DeploymentSlug, TenantId};
use ledger_core::log::Record;
use ledger_core::stream::Stream;
use serde::{Deserialize, Serialize};

use crate::{Projection, RowKey, join, split};

/// The slugs of each tenant's deployments.
#[derive(Debug)]
pub struct DeploymentsView;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TenantKey(pub TenantId);

impl RowKey for TenantKey {
    fn to_bytes(&self) -> Vec<u8> {
        join(&[self.0.as_str()])
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [tenant] = split(bytes)?;
        Some(Self(tenant.parse().ok()?))
    }
}

/// A tenant's deployments; there is a row for every tenant that was registered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeploymentsRow {
    /// In order.
    pub slugs: BTreeSet<DeploymentSlug>,
}

impl Projection for DeploymentsView {
    const NAME: &'static str = "deployments";
    const VERSION: u16 = 1;
    type Key = TenantKey;
    type Row = DeploymentsRow;

    fn keys(record: &Record) -> Vec<TenantKey> {
        match (&record.stream, &record.event) {
            (Stream::Deployment(tenant, _), Event::Deployment(deployment::Event::Created(_))) => {
                vec![TenantKey(tenant.clone())]
            }
            (Stream::Account(tenant), _) if record.revision.get() == 0 => {
                vec![TenantKey(tenant.clone())]
            }
            _ => Vec::new(),
        }
    }

    fn fold(
        mut row: DeploymentsRow,
        _: &TenantKey,
        record: &Record,
    ) -> Result<DeploymentsRow, FoldError> {
        if let Stream::Deployment(_, slug) = &record.stream {
            row.slugs.insert(slug.clone());
        }
        Ok(row)
    }
}
