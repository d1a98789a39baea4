//! Invoices: what was issued to a tenant for a period, and what became of it.
//!
//! Rows are of three kinds under one key: a period's invoices, the list of a tenant's, and where to
//! find a number. What is overdue is computed by whoever asks, with the day he asks on.

use ledger_core::event::Event;
use ledger_core::event::invoice::{self, Document, Line};
use ledger_core::fold::FoldError;
use ledger_core::id::{InvoiceNumber, TenantId};
use ledger_core::log::{Position, Record};
use ledger_core::money::{Exact, Money};
use ledger_core::stream::Stream;
use ledger_core::time::{BillingPeriod, Day, Timestamp};
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
    /// A tenant's invoices of one period.
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

/// What became of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Something is still due.
    Open,
    /// Nothing is.
    Paid,
    /// It no longer counts.
    Voided,
    /// Nobody expects it to be paid.
    Uncollectible,
}

/// One invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// The document; its lines are all of them.
    pub document: Document,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The last day to pay.
    pub due_on: Day,
    /// What was paid, credit applied at issue included.
    pub paid: Money,
    /// What became of it.
    pub status: Status,
    /// Where its issue is in the log.
    pub position: Position,
}

/// What is known under a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InvoiceRow {
    /// Where a number was issued: under a number only.
    pub place: Option<(TenantId, BillingPeriod)>,
    /// In order of issue: under a period only.
    pub invoices: Vec<Invoice>,
    /// Lines that came before their document, in the same append.
    carried: Vec<Line>,
}

impl InvoiceRow {
    /// The invoice with a number.
    pub fn find(&self, number: &InvoiceNumber) -> Option<&Invoice> {
        self.invoices.iter().find(|it| it.document.number == *number)
    }

    fn named(
        &mut self,
        number: &InvoiceNumber,
        position: Position,
    ) -> Result<&mut Invoice, FoldError> {
        let found = self.invoices.iter_mut().find(|it| it.document.number == *number);
        found.ok_or_else(|| FoldError::Unknown {
            position,
            noun: "invoice",
            name: number.to_string(),
        })
    }

    fn pay(
        &mut self,
        number: &InvoiceNumber,
        amount: Money,
        position: Position,
    ) -> Result<(), FoldError> {
        let invoice = self.named(number, position)?;
        invoice.paid =
            invoice.paid.checked_add(amount).map_err(|error| number_error(error, position))?;
        if invoice.status == Status::Open {
            invoice.status = status_of(invoice, position)?;
        }
        Ok(())
    }
}

fn number_error(error: ledger_core::money::MoneyError, position: Position) -> FoldError {
    match error {
        ledger_core::money::MoneyError::ForeignCurrency { expected, found } => {
            FoldError::ForeignCurrency { position, expected, found }
        }
        ledger_core::money::MoneyError::Number(source) => FoldError::Number { position, source },
    }
}

fn status_of(invoice: &Invoice, position: Position) -> Result<Status, FoldError> {
    let due = invoice
        .document
        .totals
        .gross
        .checked_sub(invoice.paid)
        .map_err(|error| number_error(error, position))?;
    let is_due = due.amount() > Exact::ZERO;
    Ok(if is_due { Status::Open } else { Status::Paid })
}

impl Projection for InvoiceView {
    const NAME: &'static str = "invoice";
    const VERSION: u16 = 1;
    type Key = InvoiceKey;
    type Row = InvoiceRow;

    fn keys(record: &Record) -> Vec<InvoiceKey> {
        let Stream::Invoice(tenant, period) = &record.stream else { return Vec::new() };
        let period = InvoiceKey::Period(tenant.clone(), *period);
        if let Event::Invoice(invoice::Event::Issued(it)) = &record.event {
            vec![period, InvoiceKey::Number(it.document.number.clone())]
        } else {
            vec![period]
        }
    }

    fn fold(
        mut row: InvoiceRow,
        key: &InvoiceKey,
        record: &Record,
    ) -> Result<InvoiceRow, FoldError> {
        let position = record.position;
        if let (InvoiceKey::Number(_), Stream::Invoice(tenant, period)) = (key, &record.stream) {
            row.place = Some((tenant.clone(), *period));
            return Ok(row);
        }
        let Event::Invoice(event) = &record.event else { return Ok(row) };
        match event {
            invoice::Event::LinesCarried(it) => row.carried.extend(it.lines.iter().cloned()),
            invoice::Event::Issued(it) => {
                let mut document = Document::clone(&it.document);
                let last = std::mem::take(&mut document.lines);
                document.lines = std::mem::take(&mut row.carried);
                document.lines.extend(last);
                let mut invoice = Invoice {
                    document,
                    issued_at: record.occurred_at,
                    due_on: it.due_on,
                    paid: it.credit_applied,
                    status: Status::Open,
                    position,
                };
                invoice.status = status_of(&invoice, position)?;
                row.invoices.push(invoice);
            }
            invoice::Event::PaymentApplied(it) => row.pay(&it.number, it.amount, position)?,
            invoice::Event::Voided(it) => row.named(&it.number, position)?.status = Status::Voided,
            invoice::Event::MarkedUncollectible(it) => {
                row.named(&it.number, position)?.status = Status::Uncollectible;
            }
            // Notes stand for themselves; a number is taken in the register, not here.
            invoice::Event::CreditNoteIssued(_)
            | invoice::Event::DebitNoteIssued(_)
            | invoice::Event::NumberTaken(_) => row.carried.clear(),
        }
        Ok(row)
    }
}
