//! Prepaid usage on its way to credit: which draw or return comes next.
//!
//! What a period's usage comes to is priced from its streams, up to the settled instant: records as
//! they stand after corrections, gauges, and the hours that the ledger metered itself. The account
//! draws what that is beyond what it drew before. Both are sums, so the process may be cut at any
//! event and repeated, and ends in the same; an invoice holds what was drawn.

use super::heads::AccountFold;
use super::tenant::by_use;
use super::{Basis, FactsError};
use crate::decide::account::UsageDue;
use crate::decide::account::credit::CreditRefusal;
use crate::event::account::KindAmount;
use crate::id::{Actor, Key, KeyId, KeyScope, KeySource, TenantId};
use crate::log::{Append, Expected, NewEvent, OnConflict};
use crate::money::{Exact, ExactError, Money, Quantity};
use crate::price::{self, Facts, Prepaid, PrepaidFor, PriceError, Sources};
use crate::time::{BillingPeriod, Timestamp};

/// One period of one tenant, on its way to be settled.
#[derive(Debug, Clone, Copy)]
pub struct Settling<'a> {
    /// What its usage rests on.
    pub basis: &'a Basis,
    /// The account, folded to its head.
    pub account: &'a AccountFold,
    /// Who settles: the process of ours, or whoever asked for what needs it.
    pub actor: &'a Actor,
    /// The settled instant, by the server's clock: hours run up to it, lots are alive at it.
    pub now: Timestamp,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettleStep {
    /// Gather again: the account went on since.
    Gather,
    /// Append this; then fold and gather again, and ask again, whatever the log answered about
    /// duplicates and revisions.
    Append(Box<Append>),
    /// All is drawn that is to be drawn by now.
    Done,
}

/// Why usage cannot be settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// The streams make no facts.
    #[error("the usage of {tenant} in {period} does not make the facts of a price")]
    Facts {
        /// Whose.
        tenant: TenantId,
        /// When.
        period: BillingPeriod,
        /// Why.
        #[source]
        source: FactsError,
    },
    /// The facts have no price.
    #[error("the usage of {tenant} in {period} has no price")]
    Price {
        /// Whose.
        tenant: TenantId,
        /// When.
        period: BillingPeriod,
        /// Why.
        #[source]
        source: PriceError,
    },
    /// The account refuses the draw.
    #[error("the usage of {tenant} in {period} cannot be drawn")]
    Account {
        /// Whose.
        tenant: TenantId,
        /// When.
        period: BillingPeriod,
        /// Why.
        #[source]
        source: Box<CreditRefusal>,
    },
}

/// The next step of a settlement. Who is invoiced, or never, has none.
pub fn settle(it: &Settling<'_>) -> Result<SettleStep, SettleError> {
    let Settling { basis, account, now, .. } = *it;
    if !basis.tenant.is_prepaid() || basis.tenant.is_internal() {
        return Ok(SettleStep::Done);
    }
    // What was read before the last draw would give back what came since.
    if basis.tenant.reached() != account.reached() {
        return Ok(SettleStep::Gather);
    }
    let (tenant, period) = (basis.tenant.tenant(), basis.period);
    let due = usage_due(basis, now)?;
    let events = account.account().settle_usage(&due, now).map_err(|source| {
        let (tenant, source) = (tenant.clone(), Box::new(source));
        SettleError::Account { tenant, period, source }
    })?;
    if events.is_empty() {
        return Ok(SettleStep::Done);
    }
    let id = format!("{period}@{}", account.reached().next());
    let key = |index| Key {
        scope: KeyScope::Tenant(tenant.clone()),
        source: KeySource::new("usage-settled").expect("a word is a source"),
        id: KeyId::new(&id).expect("a month and a number are short and printable"),
        index,
    };
    let new = |(event, index)| {
        let key = Some(key(index));
        NewEvent { event, occurred_at: now, key, fingerprint: None }
    };
    Ok(SettleStep::Append(Box::new(Append {
        stream: account.stream(),
        expected: account.reached().revision.map_or(Expected::NoStream, Expected::Exactly),
        actor: it.actor.clone(),
        causation: None,
        correlation: None,
        events: events.into_iter().zip(0..).map(new).collect(),
        on_conflict: OnConflict::RefuseAll,
    })))
}

/// What the usage of a period comes to at an instant, whether credit is drawn for it or not.
pub fn usage_due(basis: &Basis, now: Timestamp) -> Result<UsageDue, SettleError> {
    let (tenant, period) = (basis.tenant.tenant(), basis.period);
    let facts = basis.facts(now).map_err(|source| {
        let tenant = tenant.clone();
        SettleError::Facts { tenant, period, source }
    })?;
    let kinds = due(&facts).map_err(|source| {
        let tenant = tenant.clone();
        SettleError::Price { tenant, period, source }
    })?;
    Ok(UsageDue { period, reached: basis.usage.reached().revision, kinds })
}

/// The facts as they would stand once what they come to was drawn, or given back where less was
/// used than was drawn for.
pub(super) fn settled(mut facts: Facts) -> Result<Facts, PriceError> {
    if !facts.is_prepaid {
        return Ok(facts);
    }
    let mut drawn = by_use(&facts.prepaid)?;
    drawn.retain(|what, _| matches!(what, PrepaidFor::Usage(_)));
    let mut missing = Vec::new();
    for price::Draw { kind, quantity, amount, explain } in price::draws(&facts)? {
        let what = PrepaidFor::Usage(kind);
        let before = drawn.remove(&what).unwrap_or_default();
        missing.push((what, (quantity.get(), amount.amount()), before, explain.sources()));
    }
    let nothing = (Exact::ZERO, Exact::ZERO);
    missing.extend(drawn.into_iter().map(|(what, it)| (what, nothing, it, Sources::NONE)));
    for (what, due, before, from) in missing {
        if due != before {
            let quantity = Quantity::new(due.0.checked_sub(before.0)?);
            let quantity = quantity.map_err(|_| ExactError::Overflow)?;
            let amount = Money::new(due.1.checked_sub(before.1)?, facts.currency);
            facts.prepaid.push(Prepaid { what, quantity, amount, from });
        }
    }
    let left = by_use(&facts.prepaid)?;
    facts.prepaid.retain(|it| left.contains_key(&it.what));
    Ok(facts)
}

/// What the usage among the facts comes to, by kind.
pub(super) fn due(facts: &Facts) -> Result<Vec<KindAmount>, PriceError> {
    let draws = price::draws(facts)?.into_iter().map(|it| {
        let price::Draw { kind, quantity, amount, .. } = it;
        KindAmount { kind, quantity, amount }
    });
    Ok(draws.collect())
}
