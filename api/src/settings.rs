//! What the rules need to know of this installation.

use ledger_core::event::account::Party;
use ledger_core::id::{IssuerId, PlanCode};

/// Settings that reach rules and documents.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Whose register numbers come from.
    pub(crate) issuer: IssuerId,
    /// The issuer as printed.
    pub(crate) issued_by: Party,
    /// What invoice numbers begin with.
    pub(crate) invoice_prefix: String,
    /// Days from issue until an invoice is due.
    pub(crate) due_days: u16,
    /// What new tenants are on: the first that has limits and is in their currency.
    pub(crate) default_plans: Vec<PlanCode>,
}
