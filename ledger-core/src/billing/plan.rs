//! The plan of rollups: which (tenant, period) is next, in order.
//!
//! A plan is computed from the register alone, so a run that was cut goes on where it was: what has
//! a number is done, or finished at start-up. A tenant's periods run in order, from the one after
//! its last document; one without documents begins with the first month that the ledger bills.

use super::issue::Preview;
use super::register::RegisterFold;
use crate::event::invoice::Purpose;
use crate::id::TenantId;
use crate::money::{Currency, Money, MoneyError};
use crate::time::{BillingPeriod, Timestamp};

/// When the rollup of a period runs: so many seconds after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RollupDelay {
    /// How many.
    pub seconds: u32,
}

impl Default for RollupDelay {
    /// 03:00 UTC on the 1st.
    fn default() -> Self {
        Self { seconds: 3 * 3_600 }
    }
}

impl RollupDelay {
    /// The last period whose rollup is due at an instant.
    pub fn due(self, now: Timestamp) -> Option<BillingPeriod> {
        let latest_end = now.plus_seconds(-i64::from(self.seconds))?;
        // What ended by then is the month before the one that instant is in.
        latest_end.period().previous()
    }
}

/// The next rollup of a run up to a period that is due, after the one that was run last; a run that
/// begins, or begins anew, has none. `tenants` are in order of their ids, each with the month in
/// which its registration was recorded.
pub fn next_rollup<'a>(
    tenants: impl IntoIterator<Item = (&'a TenantId, BillingPeriod)>,
    registers: &[RegisterFold],
    due: BillingPeriod,
    last: Option<(&TenantId, BillingPeriod)>,
) -> Option<(&'a TenantId, BillingPeriod)> {
    for (tenant, since) in tenants {
        let done = match last {
            Some((other, _)) if tenant < other => continue,
            Some((same, period)) if tenant == same => Some(period),
            Some(_) | None => rolled_up_to(tenant, registers),
        };
        // Whatever came late for the first months is charged before what is due now.
        let next = done.map_or(Some(since), BillingPeriod::next);
        if let Some(period) = next.filter(|it| *it <= due) {
            return Some((tenant, period));
        }
    }
    None
}

/// The last period of a tenant for which a rollup took a number.
fn rolled_up_to(tenant: &TenantId, registers: &[RegisterFold]) -> Option<BillingPeriod> {
    let periods = registers.iter().flat_map(|it| it.periods(tenant).map(move |of| (it, of)));
    let rolled_up = periods.filter(|(register, period)| {
        let taken = register.taken(tenant, *period);
        taken.iter().any(|it| it.purpose == Purpose::Period)
    });
    rolled_up.map(|(_, period)| period).max()
}

/// What a run would come to, in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviewSum {
    /// All documents.
    pub total: Money,
    /// What the same tenants were invoiced the month before.
    pub last_month: Money,
    /// How much more it is.
    pub difference: Money,
}

/// The sums of previews, by currency, in order of their codes.
pub fn sum_previews<'a>(
    previews: impl IntoIterator<Item = &'a Preview> + Clone,
) -> Result<Vec<PreviewSum>, MoneyError> {
    let all = || previews.clone().into_iter();
    let mut currencies = all().map(|it| it.composed.totals.gross.currency()).collect::<Vec<_>>();
    currencies.sort_by(|left, right| left.code().cmp(right.code()));
    currencies.dedup();
    let sum = |currency: Currency| {
        let own = || all().filter(|it| it.composed.totals.gross.currency() == currency);
        let total = Money::sum(currency, own().map(|it| it.composed.totals.gross))?;
        let last_month = Money::sum(currency, own().filter_map(|it| it.last_month))?;
        let difference = total.checked_sub(last_month)?;
        Ok(PreviewSum { total, last_month, difference })
    };
    currencies.into_iter().map(sum).collect()
}
