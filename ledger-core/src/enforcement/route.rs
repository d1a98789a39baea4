//! Where a notice goes: to an account, to suspense, or out of suspense first.

use super::Owners;
use crate::decide::suspense::Suspense;
use crate::gateway::Notice;
use crate::id::TenantId;

/// Where a notice goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To the account of this tenant. What the account refuses goes to suspense.
    Account(TenantId),
    /// Its payment waits in suspense and is this tenant's: assign it, book what waited, then this.
    Assign(TenantId),
    /// To suspense: nothing in it is known.
    Suspense,
}

/// Where a notice goes. Where its payment was booked first, there it goes; else its invoice says
/// whose it is, else its customer.
pub fn route(notice: &Notice, suspense: &Suspense, owners: &Owners) -> Route {
    let object = notice.object();
    if let Some(assigned) = object.and_then(|it| suspense.assigned(it)) {
        return Route::Account(assigned.tenant.clone());
    }
    let named = [object, notice.gateway_invoice.as_ref(), notice.customer.as_ref()];
    let owner = named.into_iter().flatten().find_map(|id| owners.of(&notice.gateway, id));
    match owner.cloned() {
        None => Route::Suspense,
        Some(tenant) if object.is_some_and(|it| suspense.is_waiting(it)) => Route::Assign(tenant),
        Some(tenant) => Route::Account(tenant),
    }
}
