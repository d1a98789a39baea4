//! The documents issued for a tenant's period, each whole, and what became of them: lines that were
//! carried before a document are with it again, and what is due of it follows from its events.
//!
//! What is overdue is no fact of a stream: whoever asks brings the day (`receivables`).

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::event::invoice::{self, Document, DocumentKind, Line, PaymentSource};
use crate::fold::{FoldError, Reached};
use crate::id::{EventId, InvoiceNumber, Note, TenantId};
use crate::log::{Position, Record, Revision};
use crate::money::{Money, MoneyError};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Day, Timestamp};

/// One `invoice-{tenant}.{period}` stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceFold {
    tenant: TenantId,
    period: BillingPeriod,
    reached: Reached,
    carried: Option<(InvoiceNumber, Vec<Line>)>,
    documents: Vec<IssuedDocument>,
}

/// A document as it was issued, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedDocument {
    /// An invoice or a note.
    pub kind: DocumentKind,
    /// The document with all its lines.
    pub document: Document,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The last day to pay; a credit note asks for nothing.
    pub due_on: Option<Day>,
    /// Credit applied at issue.
    pub credit_applied: Money,
    /// The voided invoice it takes the place of.
    pub replaces: Option<InvoiceNumber>,
    /// The invoice that a note changes.
    pub amends: Option<InvoiceNumber>,
    /// Why a note was issued.
    pub reason: Option<Note>,
    /// What of a credit note went to the tenant's credit.
    pub to_credit: Money,
    /// What its lines say credit had settled before.
    pub settled: Money,
    /// Everything paid, credit applied at issue included.
    pub paid: Money,
    /// What credit notes took off.
    pub credited: Money,
    /// What is left to pay; below zero where too much came.
    pub due: Money,
    /// The payments, in order; credit applied at issue is not among them.
    pub payments: Vec<AppliedPayment>,
    /// Whether it was voided, and then whether a new number takes its place.
    pub voided: Option<IsReplaced>,
    /// Whether it was given up.
    pub is_uncollectible: bool,
    /// The record that issued it.
    pub position: Position,
    /// That record's place in the stream.
    pub revision: Revision,
    /// That record's id.
    pub id: EventId,
}

/// Whether a new number takes the place of a voided invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsReplaced(pub bool);

/// Money that came in for a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedPayment {
    /// When.
    pub at: Timestamp,
    /// How much.
    pub amount: Money,
    /// From where.
    pub source: PaymentSource,
}

/// What became of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing was paid yet.
    Open,
    /// Something was paid, something is due.
    PartlyPaid,
    /// Nothing is due.
    Paid,
    /// It no longer counts.
    Void,
    /// Nobody expects the rest to be paid.
    Uncollectible,
}

impl IssuedDocument {
    /// What became of it.
    pub fn state(&self) -> State {
        if self.is_void() {
            State::Void
        } else if !self.is_due() {
            State::Paid
        } else if self.is_uncollectible {
            State::Uncollectible
        } else if self.is_untouched() {
            State::Open
        } else {
            State::PartlyPaid
        }
    }

    /// Whether it no longer counts.
    pub const fn is_void(&self) -> bool {
        self.voided.is_some()
    }

    /// Whether it asks for money that may still come.
    pub fn is_receivable(&self) -> bool {
        matches!(self.state(), State::Open | State::PartlyPaid)
    }

    /// Whether no money and no credit had to do with it. Credit is asked for by itself: money can
    /// even out what an invoice below zero gave.
    pub fn is_untouched(&self) -> bool {
        [self.paid, self.credit_applied, self.credited, self.settled].iter().all(|it| it.is_zero())
    }

    /// Whether it is an amount that an operator gave back: that concerns no price, so no later
    /// price takes it back.
    pub fn is_concession(&self) -> bool {
        let amends = self.kind == DocumentKind::CreditNote && self.amends.is_some();
        amends && self.document.adjusted.is_empty()
    }

    fn is_due(&self) -> bool {
        !self.due.is_zero() && !self.due.is_negative()
    }

    fn new(record: &Record, kind: DocumentKind, document: Document) -> Result<Self, MoneyError> {
        let gross = document.totals.gross;
        let nothing = Money::zero(gross.currency());
        let settled = document.lines.iter().filter(|it| it.settled).map(|it| it.amount);
        let settled = Money::sum(gross.currency(), settled)?;
        let due = match kind {
            DocumentKind::Invoice | DocumentKind::DebitNote => gross.checked_sub(settled)?,
            DocumentKind::CreditNote => nothing,
        };
        Ok(Self {
            kind,
            document,
            issued_at: record.occurred_at,
            due_on: None,
            credit_applied: nothing,
            replaces: None,
            amends: None,
            reason: None,
            to_credit: nothing,
            settled,
            paid: nothing,
            credited: nothing,
            due,
            payments: Vec::new(),
            voided: None,
            is_uncollectible: false,
            position: record.position,
            revision: record.revision,
            id: record.id,
        })
    }

    fn pay(&mut self, amount: Money) -> Result<(), MoneyError> {
        (self.paid, self.due) = (self.paid.checked_add(amount)?, self.due.checked_sub(amount)?);
        Ok(())
    }

    fn credit(&mut self, amount: Money) -> Result<(), MoneyError> {
        self.credited = self.credited.checked_add(amount)?;
        self.due = self.due.checked_sub(amount)?;
        Ok(())
    }
}

impl InvoiceFold {
    /// Nothing issued yet.
    pub const fn of(tenant: TenantId, period: BillingPeriod) -> Self {
        Self {
            tenant,
            period,
            reached: Reached { revision: None, position: Position::ORIGIN },
            carried: None,
            documents: Vec::new(),
        }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &self.stream())?;
        let position = record.position;
        // Nothing else stands in this stream.
        let Event::Invoice(event) = &record.event else { return Ok(self) };
        let money = |error| FoldError::money(position, error);
        match event {
            invoice::Event::LinesCarried(it) => match &mut self.carried {
                Some((number, lines)) if *number == it.number => {
                    lines.extend_from_slice(&it.lines);
                }
                Some(_) | None => self.carried = Some((it.number.clone(), it.lines.clone())),
            },
            invoice::Event::Issued(it) => {
                let document = self.whole(&it.document, position)?;
                let issued = IssuedDocument::new(record, DocumentKind::Invoice, document);
                let mut issued = issued.map_err(money)?;
                (issued.due_on, issued.replaces) = (Some(it.due_on), it.replaces.clone());
                issued.credit_applied = it.credit_applied;
                issued.pay(it.credit_applied).map_err(money)?;
                self.documents.push(issued);
            }
            invoice::Event::CreditNoteIssued(it) => {
                let document = self.whole(&it.document, position)?;
                let issued = IssuedDocument::new(record, DocumentKind::CreditNote, document);
                let mut issued = issued.map_err(money)?;
                let asks = issued.document.totals.gross.checked_sub(issued.settled);
                let lowers = asks.and_then(|asks| asks.negated().checked_sub(it.to_credit));
                (issued.to_credit, issued.reason) = (it.to_credit, Some(it.reason.clone()));
                issued.amends = it.amends.clone();
                if let Some(number) = &it.amends {
                    let lowers = lowers.map_err(money)?;
                    self.named(number, position)?.credit(lowers).map_err(money)?;
                }
                self.documents.push(issued);
            }
            invoice::Event::DebitNoteIssued(it) => {
                let document = self.whole(&it.document, position)?;
                let issued = IssuedDocument::new(record, DocumentKind::DebitNote, document);
                let mut issued = issued.map_err(money)?;
                (issued.due_on, issued.reason) = (Some(it.due_on), Some(it.reason.clone()));
                issued.amends = it.amends.clone();
                self.documents.push(issued);
            }
            invoice::Event::PaymentApplied(it) => {
                let paid = self.named(&it.number, position)?;
                paid.pay(it.amount).map_err(money)?;
                let (amount, source) = (it.amount, it.payment.clone());
                paid.payments.push(AppliedPayment { at: record.occurred_at, amount, source });
            }
            invoice::Event::Voided(it) => {
                self.named(&it.number, position)?.voided = Some(IsReplaced(it.is_replaced));
            }
            invoice::Event::MarkedUncollectible(it) => {
                self.named(&it.number, position)?.is_uncollectible = true;
            }
            // Numbers stand in the register.
            invoice::Event::NumberTaken(_) => (),
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Whose documents these are.
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Of which period.
    pub const fn period(&self) -> BillingPeriod {
        self.period
    }

    /// All documents, voided ones among them, in the order in which they were issued.
    pub fn documents(&self) -> &[IssuedDocument] {
        &self.documents
    }

    /// A document by its number, voided or not.
    pub fn document(&self, number: &InvoiceNumber) -> Option<&IssuedDocument> {
        self.documents.iter().find(|it| it.document.number == *number)
    }

    /// The invoices among the documents.
    pub fn invoices(&self) -> impl DoubleEndedIterator<Item = &IssuedDocument> {
        self.documents.iter().filter(|it| it.kind == DocumentKind::Invoice)
    }

    /// The invoice that counts.
    pub fn standing(&self) -> Option<&IssuedDocument> {
        self.invoices().rev().find(|it| !it.is_void())
    }

    /// What the rollup of the period made and still counts: an invoice, or a note where it gave
    /// back.
    pub fn rolled_up(&self) -> Option<&IssuedDocument> {
        self.counting().find(|it| it.amends.is_none())
    }

    /// The invoice whose place nothing took, though something is to take it.
    pub fn to_replace(&self) -> Option<&IssuedDocument> {
        let last = self.invoices().next_back()?;
        (last.voided == Some(IsReplaced(true)) && self.rolled_up().is_none()).then_some(last)
    }

    /// Whether a note changes an invoice.
    pub fn is_amended(&self, number: &InvoiceNumber) -> bool {
        self.documents.iter().any(|it| it.amends.as_ref() == Some(number))
    }

    /// The last note that carries a difference to an invoice, where there is one.
    pub fn last_difference(&self, number: &InvoiceNumber) -> Option<&IssuedDocument> {
        let notes = self.counting().filter(|it| it.amends.as_ref() == Some(number));
        notes.last()
    }

    /// Everything that was issued and still counts for what the period comes to.
    pub fn counting(&self) -> impl Iterator<Item = &IssuedDocument> {
        self.documents.iter().filter(|it| !it.is_void() && !it.is_concession())
    }

    /// The stream it is folded from.
    pub fn stream(&self) -> Stream {
        Stream::Invoice(self.tenant.clone(), self.period)
    }

    fn named(
        &mut self,
        number: &InvoiceNumber,
        position: Position,
    ) -> Result<&mut IssuedDocument, FoldError> {
        let found = self.documents.iter_mut().find(|it| it.document.number == *number);
        let name = || number.to_string();
        found.ok_or_else(|| FoldError::Unknown { position, noun: "document", name: name() })
    }

    /// The document with the lines that came before it.
    fn whole(&mut self, last: &Document, position: Position) -> Result<Document, FoldError> {
        if self.document(&last.number).is_some() {
            let name = last.number.to_string();
            return Err(FoldError::Repeated { position, noun: "document", name });
        }
        let mut document = last.clone();
        if let Some((number, mut lines)) = self.carried.take() {
            // Lines of another number were left by an append that this one has nothing to do with.
            if number == document.number {
                lines.append(&mut document.lines);
                document.lines = lines;
            }
        }
        Ok(document)
    }
}
