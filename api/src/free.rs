//! Usage that is billed nothing, as answers show it: what nothing prices, and what is beyond a cap.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ledger_core::billing::free_usage;
use ledger_core::id::{DeploymentSlug, InvoiceNumber, ResourceKind};
use ledger_core::money::{Exact, ExactError};
use ledger_core::price::{Capped, QUANTITY_DECIMALS, Unpriced};
use serde::Serialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::error::ApiError;
use crate::views::Found;

/// Documents whose free usage is kept; more than are looked at in one sitting.
const KEPT_MAX: usize = 4096;

/// Some usage of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FreeUsage {
    resource_kind: ResourceKind,
    /// In base units.
    quantity: Exact,
    deployment: Option<DeploymentSlug>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Free {
    /// It has neither an item nor a price.
    pub(crate) unpriced: Vec<FreeUsage>,
    /// It is beyond a hard cap.
    pub(crate) capped: Vec<FreeUsage>,
}

impl Free {
    pub(crate) fn of(unpriced: &[Unpriced], capped: &[Capped]) -> Result<Self, ApiError> {
        let unpriced = unpriced.iter().map(|it| FreeUsage {
            resource_kind: it.kind.clone(),
            quantity: it.quantity.get(),
            deployment: it.deployment.clone(),
        });
        let capped = capped.iter().map(|it| {
            let quantity = it.quantity.shown(QUANTITY_DECIMALS)?;
            let (resource_kind, deployment) = (it.kind.clone(), it.deployment.clone());
            Ok(FreeUsage { resource_kind, quantity, deployment })
        });
        let capped = capped.collect::<Result<_, ExactError>>();
        let capped = capped.map_err(|error| ApiError::internal(&error))?;
        Ok(Self { unpriced: unpriced.collect(), capped })
    }
}

impl FreeUsage {
    /// The same of a deployment that is not there yet.
    pub(crate) fn quoted(&self) -> Value {
        json!({"resource_kind": self.resource_kind, "quantity": self.quantity})
    }
}

/// The free usage behind documents. It never changes once one is issued, so it is computed when it
/// is first asked for.
#[derive(Debug, Default)]
pub(crate) struct FreeOfDocuments(Mutex<BTreeMap<InvoiceNumber, Free>>);

impl App {
    /// What of the usage behind a document is free.
    pub(crate) fn free_of(&self, found: &Found) -> Result<Free, ApiError> {
        let number = &found.issued.document.number;
        let kept = || self.free.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free) = kept().get(number) {
            return Ok(free.clone());
        }
        let folded_to = found.issued.document.folded_to;
        let books = self.books_of(&found.tenant, found.period, folded_to)?;
        let (unpriced, capped) =
            free_usage(&found.issued, &books).map_err(|error| ApiError::internal(&error))?;
        let free = Free::of(&unpriced, &capped)?;
        let mut kept = kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(number.clone(), free.clone());
        Ok(free)
    }
}
