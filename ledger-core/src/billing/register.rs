//! The numbers an issuer took. A number is a promise: whoever took it issues its document.
//!
//! A number's sequence is its place in the register, so that none is ever missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::event::invoice::{self, DocumentKind, Purpose};
use crate::fold::{FoldError, Reached};
use crate::id::{EventId, IdError, InvoiceNumber, IssuerId, TenantId};
use crate::log::{Position, Record};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

/// Digits a sequence is filled up to; it grows past them.
const DIGITS: usize = 6;

/// One `register-{issuer}` stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterFold {
    issuer: IssuerId,
    reached: Reached,
    taken: BTreeMap<TenantId, BTreeMap<BillingPeriod, Vec<Taken>>>,
}

/// A number that was taken, and by what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// As it is printed.
    pub number: InvoiceNumber,
    /// What it is for.
    pub document: DocumentKind,
    /// What the document is to hold.
    pub purpose: Purpose,
    /// The record that took it: the document is of all that was known by then.
    pub position: Position,
    /// That record's id: the document's cause.
    pub id: EventId,
    /// When it was taken: the document is of that day.
    pub at: Timestamp,
}

impl RegisterFold {
    /// No number taken yet.
    pub const fn of(issuer: IssuerId) -> Self {
        let reached = Reached { revision: None, position: Position::ORIGIN };
        Self { issuer, reached, taken: BTreeMap::new() }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &Stream::Register(self.issuer.clone()))?;
        // Nothing else stands in this stream.
        let Event::Invoice(event) = &record.event else { return Ok(self) };
        match event {
            invoice::Event::NumberTaken(it) => {
                let periods = self.taken.entry(it.tenant.clone()).or_default();
                periods.entry(it.period).or_default().push(Taken {
                    number: it.number.clone(),
                    document: it.document,
                    purpose: it.purpose.clone(),
                    position: record.position,
                    id: record.id,
                    at: record.occurred_at,
                });
            }
            // These stand with the tenant's invoices.
            invoice::Event::LinesCarried(_)
            | invoice::Event::Issued(_)
            | invoice::Event::PaymentApplied(_)
            | invoice::Event::Voided(_)
            | invoice::Event::MarkedUncollectible(_)
            | invoice::Event::CreditNoteIssued(_)
            | invoice::Event::DebitNoteIssued(_) => (),
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Whose register it is.
    pub const fn issuer(&self) -> &IssuerId {
        &self.issuer
    }

    /// The numbers taken for a tenant's period, in order.
    pub fn taken(&self, tenant: &TenantId, period: BillingPeriod) -> &[Taken] {
        self.taken.get(tenant).and_then(|it| it.get(&period)).map_or(&[], Vec::as_slice)
    }

    /// The periods of a tenant for which numbers were taken, in order.
    pub fn periods(&self, tenant: &TenantId) -> impl Iterator<Item = BillingPeriod> + '_ {
        self.taken.get(tenant).into_iter().flat_map(|it| it.keys().copied())
    }

    /// The number that a command took, known again by the id that its key makes.
    pub fn taken_by(
        &self,
        tenant: &TenantId,
        period: BillingPeriod,
        id: &EventId,
    ) -> Option<&Taken> {
        self.taken(tenant, period).iter().find(|it| it.id == *id)
    }

    /// All numbers taken: what start-up goes through to finish what is unfinished.
    pub fn all(&self) -> impl Iterator<Item = (&TenantId, BillingPeriod, &Taken)> {
        let periods = self.taken.iter();
        let periods = periods.flat_map(|(tenant, it)| it.iter().map(move |it| (tenant, it)));
        periods
            .flat_map(|(tenant, (period, taken))| taken.iter().map(move |it| (tenant, *period, it)))
    }

    /// The number that comes next, with a prefix.
    pub fn next_number(&self, prefix: &str) -> Result<InvoiceNumber, IdError> {
        let sequence = self.reached.revision.map_or(1, |it| u128::from(it.get()) + 2);
        InvoiceNumber::new(&format!("{prefix}{sequence:0DIGITS$}"))
    }
}
