//! What was known of prices when prepaid usage was recorded: that prices it, once and for good.
//!
//! A record knows what stands before it in the log. An hour that the ledger measures by itself is
//! recorded as it passes, so it knows what was recorded by then, and at least what stands before
//! the record that began it: history that is imported is priced as if its prices had been there.

use serde::{Deserialize, Serialize};

use super::catalog::CatalogFold;
use super::tenant::TenantFold;
use crate::log::{Position, Record};
use crate::price::Known;
use crate::time::Timestamp;

/// When something was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moment {
    position: Position,
    recorded_at: Timestamp,
}

impl Moment {
    pub(super) const fn of(record: &Record) -> Self {
        Self { position: record.position, recorded_at: record.recorded_at }
    }

    /// Whether it is before a place in the log.
    pub(super) fn is_before(self, position: Position) -> bool {
        self.position < position
    }
}

/// What usage of one tenant may know.
pub(super) struct Knowledge<'a> {
    catalog: &'a CatalogFold,
    tenant: &'a TenantFold,
}

impl<'a> Knowledge<'a> {
    /// Nothing where usage is priced by all that is known, which is how an invoice does it.
    pub(super) fn of(catalog: &'a CatalogFold, tenant: &'a TenantFold) -> Option<Self> {
        tenant.is_prepaid().then_some(Self { catalog, tenant })
    }

    /// What a record at a place knows.
    pub(super) fn at(&self, position: Position) -> Known {
        self.known(|it| it.position < position)
    }

    /// What an hour from an instant on knows, which a record at a place began.
    pub(super) fn passing(&self, position: Position, instant: Timestamp) -> Known {
        self.known(|it| it.position < position || it.recorded_at <= instant)
    }

    fn known(&self, knows: impl Fn(Moment) -> bool) -> Known {
        let first_payment = self.tenant.first_payment();
        Known {
            prices: self.catalog.prices_known(&knows),
            has_paid: first_payment.is_some_and(knows),
        }
    }
}
