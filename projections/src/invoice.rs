//! Documents: what was issued to a tenant for a period, and what became of it.
//!
//! Rows are of two kinds: a period's documents, folded as decisions fold them, and where to find a
//! number. What is overdue is computed by whoever asks, with the day he asks on.

use ledger_core::billing::{InvoiceFold, IssuedDocument};
use ledger_core::event::Event;
use ledger_core::event::invoice;
use ledger_core::fold::FoldError;
use ledger_core::id::{InvoiceNumber, TenantId};
use ledger_core::log::Record;
use ledger_core::stream::Stream;
use ledger_core::time::BillingPeriod;
use serde::{Deserialize, Serialize};

use crate::{Projection, RowKey, join, split};

/// Issued documents.
#[derive(Debug)]
pub struct InvoiceView;

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum InvoiceKey {
    /// One number, wherever it was issued.
    Number(InvoiceNumber),
    /// A tenant's documents of one period.
    Period(TenantId, BillingPeriod),
}

impl RowKey for InvoiceKey {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => join(&["n", number.as_str()]),
            Self::Period(tenant, period) => join(&["p", tenant.as_str(), &period.to_string()]),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if let Some(["n", number]) = split(bytes) {
            return number.parse().ok().map(Self::Number);
        }
        let Some(["p", tenant, period]) = split(bytes) else { return None };
        Some(Self::Period(tenant.parse().ok()?, period.parse().ok()?))
    }
}

/// What is known under a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InvoiceRow {
    /// Where a number was issued: under a number only.
    pub place: Option<(TenantId, BillingPeriod)>,
    /// The documents: under a period only.
    pub documents: Option<InvoiceFold>,
}

impl InvoiceRow {
    /// The document with a number.
    pub fn find(&self, number: &InvoiceNumber) -> Option<&IssuedDocument> {
        self.documents.as_ref()?.document(number)
    }
}

impl Projection for InvoiceView {
    const NAME: &'static str = "invoice";
    const VERSION: u16 = 2;
    type Key = InvoiceKey;
    type Row = InvoiceRow;

    fn keys(record: &Record) -> Vec<InvoiceKey> {
        let Stream::Invoice(tenant, period) = &record.stream else { return Vec::new() };
        let period = InvoiceKey::Period(tenant.clone(), *period);
        let Event::Invoice(event) = &record.event else { return vec![period] };
        let document = match event {
            invoice::Event::Issued(it) => &it.document,
            invoice::Event::CreditNoteIssued(it) => &it.document,
            invoice::Event::DebitNoteIssued(it) => &it.document,
            // These change a document, or come before one.
            invoice::Event::NumberTaken(_)
            | invoice::Event::LinesCarried(_)
            | invoice::Event::PaymentApplied(_)
            | invoice::Event::Voided(_)
            | invoice::Event::MarkedUncollectible(_) => return vec![period],
        };
        vec![period, InvoiceKey::Number(document.number.clone())]
    }

    fn fold(
        mut row: InvoiceRow,
        key: &InvoiceKey,
        record: &Record,
    ) -> Result<InvoiceRow, FoldError> {
        let Stream::Invoice(tenant, period) = &record.stream else { return Ok(row) };
        match key {
            InvoiceKey::Number(_) => row.place = Some((tenant.clone(), *period)),
            InvoiceKey::Period(..) => {
                let documents = row.documents.take();
                let documents =
                    documents.unwrap_or_else(|| InvoiceFold::of(tenant.clone(), *period));
                row.documents = Some(documents.fold(record)?);
            }
        }
        Ok(row)
    }
}
