//! The documents issued for a tenant's period, each whole: lines that were carried before it are
//! with it again.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::event::invoice::{self, Document, Line};
use crate::fold::{FoldError, Reached};
use crate::id::{EventId, InvoiceNumber, TenantId};
use crate::log::{Position, Record};
use crate::money::Money;
use crate::stream::Stream;
use crate::time::{BillingPeriod, Day, Timestamp};

/// One `invoice-{tenant}.{period}` stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceFold {
    tenant: TenantId,
    period: BillingPeriod,
    reached: Reached,
    carried: Option<(InvoiceNumber, Vec<Line>)>,
    invoices: Vec<IssuedInvoice>,
    notes: Vec<InvoiceNumber>,
}

/// An invoice as it was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedInvoice {
    /// The document with all its lines.
    pub document: Document,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The last day to pay.
    pub due_on: Day,
    /// Credit applied at issue.
    pub credit_applied: Money,
    /// The voided invoice it takes the place of.
    pub replaces: Option<InvoiceNumber>,
    /// Whether it was voided since.
    pub is_void: bool,
    /// The record that issued it.
    pub position: Position,
    /// That record's id.
    pub id: EventId,
}

impl InvoiceFold {
    /// Nothing issued yet.
    pub const fn of(tenant: TenantId, period: BillingPeriod) -> Self {
        Self {
            tenant,
            period,
            reached: Reached { revision: None, position: Position::ORIGIN },
            carried: None,
            invoices: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &self.stream())?;
        let position = record.position;
        // Nothing else stands in this stream.
        let Event::Invoice(event) = &record.event else { return Ok(self) };
        match event {
            invoice::Event::LinesCarried(it) => match &mut self.carried {
                Some((number, lines)) if *number == it.number => {
                    lines.extend_from_slice(&it.lines);
                }
                Some(_) | None => self.carried = Some((it.number.clone(), it.lines.clone())),
            },
            invoice::Event::Issued(it) => {
                let document = self.whole(&it.document);
                if self.invoice(&document.number).is_some() {
                    let name = document.number.to_string();
                    return Err(FoldError::Repeated { position, noun: "invoice", name });
                }
                self.invoices.push(IssuedInvoice {
                    document,
                    issued_at: record.occurred_at,
                    due_on: it.due_on,
                    credit_applied: it.credit_applied,
                    replaces: it.replaces.clone(),
                    is_void: false,
                    position,
                    id: record.id,
                });
            }
            invoice::Event::Voided(it) => {
                let mut invoices = self.invoices.iter_mut();
                let Some(voided) = invoices.find(|known| known.document.number == it.number) else {
                    let name = it.number.to_string();
                    return Err(FoldError::Unknown { position, noun: "invoice", name });
                };
                voided.is_void = true;
            }
            invoice::Event::CreditNoteIssued(it) => {
                self.carried = None;
                self.notes.push(it.document.number.clone());
            }
            invoice::Event::DebitNoteIssued(it) => {
                self.carried = None;
                self.notes.push(it.document.number.clone());
            }
            // What is paid or given up changes no document; numbers stand in the register.
            invoice::Event::PaymentApplied(_)
            | invoice::Event::MarkedUncollectible(_)
            | invoice::Event::NumberTaken(_) => (),
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Whose invoices these are.
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Of which period.
    pub const fn period(&self) -> BillingPeriod {
        self.period
    }

    /// An invoice by its number, voided or not.
    pub fn invoice(&self, number: &InvoiceNumber) -> Option<&IssuedInvoice> {
        self.invoices.iter().find(|it| it.document.number == *number)
    }

    /// All invoices, voided ones among them, in the order in which they were issued.
    pub fn invoices(&self) -> &[IssuedInvoice] {
        &self.invoices
    }

    /// The invoice that counts.
    pub fn standing(&self) -> Option<&IssuedInvoice> {
        self.invoices.iter().rev().find(|it| !it.is_void)
    }

    /// The numbers of credit and debit notes.
    pub fn notes(&self) -> &[InvoiceNumber] {
        &self.notes
    }

    /// The stream it is folded from.
    pub fn stream(&self) -> Stream {
        Stream::Invoice(self.tenant.clone(), self.period)
    }

    /// The document with the lines that came before it.
    fn whole(&mut self, last: &Document) -> Document {
        let mut document = last.clone();
        if let Some((number, mut lines)) = self.carried.take() {
            // Lines of another number were left by an append that this one has nothing to do with.
            if number == document.number {
                lines.append(&mut document.lines);
                document.lines = lines;
            }
        }
        document
    }
}
