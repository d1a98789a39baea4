//! Double entry: what every event of money does to the accounts of the ledger, as postings that sum
//! to nothing in each currency.
//!
//! Pure: the records, in order, make the entries, and the same records the same entries. Amounts
//! are exact, as the events are; what the rounding of a line adds or drops is posted by name.
//! Clearing accounts stand between two streams of one movement and are empty once both have spoken.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::decide::payment::{Payment, PaymentObject, Payments};
use crate::decide::suspense::object_of;
use crate::event::account::{CreditOrigin, DrawPurpose};
use crate::event::invoice::{Document, Line, PaymentSource};
use crate::event::{Event, account, enforcement, invoice, provider};
use crate::fold::FoldError;
use crate::id::{InvoiceNumber, LotId, PaymentRef, Provider, TenantId};
use crate::log::{Position, Record, Revision};
use crate::money::{Currency, Exact, Money, MoneyError};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

mod documents;

/// An account of the general ledger. Debits are above zero, credits below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// Money that gateways and banks hold for us.
    Cash,
    /// What tenants owe by documents.
    Receivable,
    /// Payments booked for a tenant, on their way to a document or to credit.
    Unallocated,
    /// Payments that nobody could be found for.
    Suspense,
    /// Prepaid credit: owed to the tenant in services.
    Credit,
    /// Credit that documents gave, on its way to lots.
    CreditGiven,
    /// Credit drawn for documents, on its way to them.
    CreditApplied,
    /// Usage and terms paid from credit and not invoiced yet.
    PrepaidUsage,
    /// Revenue without tax.
    Revenue,
    /// Tax owed to its jurisdiction.
    TaxPayable,
    /// What rounding lines to the minor unit adds or drops.
    Rounding,
    /// Credit that expired: income of that day.
    ExpiredCredit,
    /// What nobody expects to be paid any more.
    BadDebt,
    /// What providers charged.
    CostOfSales,
    /// What we owe providers.
    ProviderPayable,
}

/// One side of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posting {
    /// The account.
    pub account: Account,
    /// Whose part of it; none for accounts that no tenant has a part of.
    pub tenant: Option<TenantId>,
    /// A debit above zero, a credit below.
    pub amount: Money,
}

/// What one record does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The record.
    pub position: Position,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// They sum to nothing; none is zero.
    pub postings: Vec<Posting>,
}

/// What was drawn for the usage or the terms of a tenant's period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Prepaid {
    /// Every draw, and what went back, by its place in the log.
    drawn: Vec<(Position, Money)>,
    /// What documents and roundings took out again.
    released: Option<Money>,
}

/// What a draw was for, for when it goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DrawnFor {
    Period(BillingPeriod),
    Document,
    Payment,
}

/// What is known of a document, for when it is voided, paid or given up.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    /// As it was posted.
    postings: Vec<Posting>,
    /// What it took out of what was prepaid, by period.
    released: Vec<(BillingPeriod, Money)>,
    /// What is left to pay.
    due: Money,
    /// What of that was given up.
    written_off: Money,
}

/// The journal so far: what later entries depend on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Journal {
    prepaid: BTreeMap<(TenantId, BillingPeriod), Prepaid>,
    draws: BTreeMap<(TenantId, Revision), DrawnFor>,
    documents: BTreeMap<(TenantId, InvoiceNumber), Known>,
    carried: BTreeMap<InvoiceNumber, Vec<Line>>,
    /// What each stream was told of payments: several words on one are the same money.
    payments: BTreeMap<Stream, Payments>,
    suspense: BTreeMap<(Provider, PaymentRef), Money>,
    /// The lots that payments of gateways made.
    paid: BTreeSet<(TenantId, LotId)>,
    bills: BTreeMap<Stream, Vec<Money>>,
}

/// The postings of one record as they come together.
struct Draft {
    postings: Vec<Posting>,
}

impl Draft {
    const fn new() -> Self {
        Self { postings: Vec::new() }
    }

    fn debit(&mut self, account: Account, tenant: Option<&TenantId>, amount: Money) -> &mut Self {
        if !amount.is_zero() {
            self.postings.push(Posting { account, tenant: tenant.cloned(), amount });
        }
        self
    }

    fn credit(&mut self, account: Account, tenant: Option<&TenantId>, amount: Money) -> &mut Self {
        self.debit(account, tenant, amount.negated())
    }

    /// From one account to another, both of one tenant.
    fn moved(amount: Money, to: Account, from: Account, tenant: Option<&TenantId>) -> Self {
        let mut draft = Self::new();
        draft.debit(to, tenant, amount).credit(from, tenant, amount);
        draft
    }
}

impl Journal {
    /// One record further, and its entry; most records move no money. Records come in order of
    /// their positions.
    pub fn fold(mut self, record: &Record) -> Result<(Self, Option<Entry>), FoldError> {
        let drafted = self.draft(record);
        let Draft { postings } =
            drafted.map_err(|error| FoldError::money(record.position, error))?;
        let (position, occurred_at) = (record.position, record.occurred_at);
        let entry = (!postings.is_empty()).then_some(Entry { position, occurred_at, postings });
        Ok((self, entry))
    }

    fn draft(&mut self, record: &Record) -> Result<Draft, MoneyError> {
        let stream = &record.stream;
        match &record.event {
            Event::Account(event) => match stream.tenant() {
                Some(tenant) => self.draft_account(event, tenant, record),
                None => Ok(Draft::new()),
            },
            Event::Invoice(event) => {
                let Stream::Invoice(tenant, period) = stream else { return Ok(Draft::new()) };
                self.draft_invoice(event, (tenant, *period))
            }
            Event::Enforcement(event) => self.draft_payment(event, record),
            Event::Provider(event) => self.draft_bill(event, stream),
            // Nothing of value moves.
            Event::Catalog(_)
            | Event::Deployment(_)
            | Event::Usage(_)
            | Event::Inventory(_)
            | Event::Operation(_)
            | Event::Support(_)
            | Event::Ledger(_) => Ok(Draft::new()),
        }
    }

    fn draft_account(
        &mut self,
        event: &account::Event,
        tenant: &TenantId,
        record: &Record,
    ) -> Result<Draft, MoneyError> {
        let moved = |amount, to, from| Ok(Draft::moved(amount, to, from, Some(tenant)));
        match event {
            account::Event::CreditToppedUp(it) => {
                let from = match it.origin {
                    CreditOrigin::Payment { .. } => {
                        self.paid.insert((tenant.clone(), it.lot.clone()));
                        Account::Unallocated
                    }
                    CreditOrigin::Operator { .. } => Account::Cash,
                    CreditOrigin::CreditNote { .. } => Account::CreditGiven,
                };
                Ok(Draft::between((from, it.amount), (Account::Credit, tenant)))
            }
            account::Event::CreditDrawn(it) => {
                let (drawn_for, to) = match &it.purpose {
                    DrawPurpose::Usage { period, .. } => {
                        self.drawn(tenant, *period, record.position, it.amount);
                        (DrawnFor::Period(*period), Account::PrepaidUsage)
                    }
                    DrawPurpose::Invoice { .. } => (DrawnFor::Document, Account::CreditApplied),
                    // On its way to the document as the payment it came in by.
                    DrawPurpose::Payment { .. } => (DrawnFor::Payment, Account::Unallocated),
                };
                self.draws.insert((tenant.clone(), record.revision), drawn_for);
                moved(it.amount, Account::Credit, to)
            }
            account::Event::PlanPurchased(it) => {
                let period = record.occurred_at.period();
                self.drawn(tenant, period, record.position, it.price);
                let key = (tenant.clone(), record.revision);
                self.draws.insert(key, DrawnFor::Period(period));
                moved(it.price, Account::Credit, Account::PrepaidUsage)
            }
            account::Event::CreditReturned(it) => {
                let from = match self.draws.get(&(tenant.clone(), it.draw)) {
                    Some(DrawnFor::Period(period)) => {
                        let period = *period;
                        self.drawn(tenant, period, record.position, it.amount.negated());
                        Account::PrepaidUsage
                    }
                    Some(DrawnFor::Payment) => Account::Unallocated,
                    Some(DrawnFor::Document) | None => Account::CreditApplied,
                };
                moved(it.amount, from, Account::Credit)
            }
            account::Event::CreditExpired(it) => {
                Ok(Draft::between((Account::Credit, it.amount), (Account::ExpiredCredit, tenant)))
            }
            // The gateway pays it back, and says so before or after: with that word the cash goes.
            account::Event::CreditRefunded(it)
                if it.object.is_some() || self.paid.contains(&(tenant.clone(), it.lot.clone())) =>
            {
                moved(it.amount, Account::Credit, Account::Unallocated)
            }
            account::Event::CreditRefunded(it) => {
                Ok(Draft::between((Account::Credit, it.amount), (Account::Cash, tenant)))
            }
            account::Event::CreditChargedBack(it) => {
                moved(it.amount, Account::Credit, Account::Unallocated)
            }
            // Nothing of value moves.
            account::Event::TenantRegistered(_)
            | account::Event::IdentityVerified(_)
            | account::Event::TaxProfileSet(_)
            | account::Event::PaymentReferenceMapped(_)
            | account::Event::PlanAssigned(_)
            | account::Event::CostCapSet(_)
            | account::Event::SlotAllocated(_)
            | account::Event::SlotReleased(_)
            | account::Event::QuotaReserved(_)
            | account::Event::QuotaCommitted(_)
            | account::Event::QuotaReleased(_)
            | account::Event::DiscountTierReached(_)
            | account::Event::CouponApplied(_) => Ok(Draft::new()),
        }
    }

    fn drawn(
        &mut self,
        tenant: &TenantId,
        period: BillingPeriod,
        position: Position,
        amount: Money,
    ) {
        let prepaid = self.prepaid.entry((tenant.clone(), period)).or_default();
        prepaid.drawn.push((position, amount));
    }

    /// Money that gateways book: a tenant's, or nobody's yet.
    fn draft_payment(
        &mut self,
        event: &enforcement::Event,
        record: &Record,
    ) -> Result<Draft, MoneyError> {
        let came_in = self.came_in(event, record)?;
        let stream = &record.stream;
        let place = |account: Account, amount: Money| match stream.tenant() {
            Some(tenant) => Draft::between((Account::Cash, amount), (account, tenant)),
            None => Draft::moved(amount, Account::Cash, Account::Suspense, None),
        };
        let mut booked = |amount: Money| {
            let subject = object_of(event).filter(|_| matches!(stream, Stream::Suspense(_)));
            if let Some((gateway, object)) = subject {
                let key = (gateway.clone(), object.clone());
                let held = self.suspense.entry(key).or_insert(Money::zero(amount.currency()));
                *held = held.checked_add(amount)?;
            }
            Ok(place(Account::Unallocated, amount))
        };
        match event {
            enforcement::Event::PaymentSucceeded(_) | enforcement::Event::NoticeSeen(_) => {
                came_in.map_or_else(|| Ok(Draft::new()), booked)
            }
            enforcement::Event::PaymentRefunded(it) if it.failed.is_some() => {
                came_in.map_or_else(|| Ok(Draft::new()), booked)
            }
            enforcement::Event::PaymentRefunded(it) => booked(it.payment.amount.negated()),
            enforcement::Event::PaymentDisputed(it) => booked(it.payment.amount.negated()),
            // The tenant's account books it anew, so here it is taken out whole.
            enforcement::Event::PaymentAssigned(it) => {
                let Stream::Suspense(gateway) = stream else { return Ok(Draft::new()) };
                let key = (gateway.clone(), it.object.clone());
                let amount = self.suspense.remove(&key);
                let out = |it: Money| Draft::moved(it, Account::Suspense, Account::Cash, None);
                Ok(amount.map_or_else(Draft::new, out))
            }
            enforcement::Event::PaymentFailed(_)
            | enforcement::Event::Warned(_)
            | enforcement::Event::FinalWarningGiven(_)
            | enforcement::Event::Suspended(_)
            | enforcement::Event::Restored(_)
            | enforcement::Event::DestructiveActionRefused(_) => Ok(Draft::new()),
        }
    }

    /// How much more came in of a payment than was known before this record.
    fn came_in(
        &mut self,
        event: &enforcement::Event,
        record: &Record,
    ) -> Result<Option<Money>, MoneyError> {
        let Some((gateway, object)) = object_of(event) else { return Ok(None) };
        let payments = self.payments.entry(record.stream.clone()).or_default();
        let subject = PaymentObject { gateway: gateway.clone(), object: object.clone() };
        let sum = |of: &Payments| of.get(&subject).map_or(Ok(Exact::ZERO), Payment::came_in);
        let before = sum(payments)?;
        payments.take(event, record)?;
        let more = sum(payments)?.checked_sub(before)?;
        Ok(payments.get(&subject).map(|it| Money::new(more, it.currency())))
    }

    /// A bill costs what its sealed lines add up to; one that is read again costs the difference.
    fn draft_bill(
        &mut self,
        event: &provider::Event,
        stream: &Stream,
    ) -> Result<Draft, MoneyError> {
        let mut draft = Draft::new();
        let provider::Event::LinesSealed(it) = event else { return Ok(draft) };
        let former = self.bills.insert(stream.clone(), it.sums.clone()).unwrap_or_default();
        let changes = former.iter().map(|it| it.negated()).chain(it.sums.iter().copied());
        let mut by_currency = BTreeMap::<Currency, Money>::new();
        for it in changes {
            let sum = by_currency.entry(it.currency()).or_insert(Money::zero(it.currency()));
            *sum = sum.checked_add(it)?;
        }
        for amount in by_currency.into_values() {
            draft.debit(Account::CostOfSales, None, amount);
            draft.credit(Account::ProviderPayable, None, amount);
        }
        Ok(draft)
    }
}

impl Draft {
    /// From an account that no tenant has a part of, or to one: `debit` gets the amount.
    fn between((debit, amount): (Account, Money), (credit, tenant): (Account, &TenantId)) -> Self {
        let part = |account: Account| account.is_by_tenant().then_some(tenant);
        let mut draft = Self::new();
        draft.debit(debit, part(debit), amount).credit(credit, part(credit), amount);
        draft
    }
}

impl Account {
    /// Whether each tenant has a part of it.
    pub const fn is_by_tenant(self) -> bool {
        match self {
            Self::Receivable
            | Self::Unallocated
            | Self::Credit
            | Self::CreditGiven
            | Self::CreditApplied
            | Self::PrepaidUsage => true,
            Self::Cash
            | Self::Suspense
            | Self::Revenue
            | Self::TaxPayable
            | Self::Rounding
            | Self::ExpiredCredit
            | Self::BadDebt
            | Self::CostOfSales
            | Self::ProviderPayable => false,
        }
    }
}

/// Whose account, and in what.
pub type Holder = (Account, Option<TenantId>, Currency);

/// The balances that entries leave, by account, tenant and currency.
pub fn balances<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Result<BTreeMap<Holder, Money>, MoneyError> {
    let mut balances = BTreeMap::new();
    for it in entries.into_iter().flat_map(|it| &it.postings) {
        let currency = it.amount.currency();
        let key = (it.account, it.tenant.clone(), currency);
        let sum: &mut Money = balances.entry(key).or_insert(Money::zero(currency));
        *sum = sum.checked_add(it.amount)?;
    }
    Ok(balances)
}

#[cfg(test)]
mod tests;
