//! Documents as decisions, and the process that spans register, account and invoice.
//!
//! A number is a promise: the record that takes it says what the document is to hold, its place in
//! the log how much the document knows, its day when the document is issued. Credit is drawn under
//! that number before the document says so, and given back after the document said so. So whoever
//! finishes it, whenever, makes the same document; and every append carries a key made from
//! tenant, period and number, so that doing it twice does nothing. [`next`] is pure: the caller
//! reads, appends what it is told to, and asks again until it is done.

use super::books::{Books, Composed};
use super::heads::Heads;
use super::issued::InvoiceFold;
use super::settle::{SettleStep, Settling, settle};
use super::{Basis, BasisError};
use crate::event::account::Party;
use crate::event::invoice::{DocumentKind, Line, NumberTaken, Purpose};
use crate::id::{Actor, InvoiceNumber, KeyId, Label, Note};
use crate::log::{Append, Position};
use crate::money::{Money, MoneyError};
use crate::price::{PriceError, RULES_VERSION};
use crate::stream::Stream;
use crate::time::Timestamp;

mod append;
mod ask;
mod credit;
mod error;
mod keep;

pub use error::{AskRefusal, IssueError};
pub(super) use keep::recomposed;

/// What an issuer prints on every document, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The issuer as printed.
    pub issued_by: Party,
    /// The words that stand on an invoice with a tax, such as `Tax invoice`.
    pub tax_words: Vec<Label>,
    /// The words that stand on a note with a tax, such as `Adjustment note`.
    pub note_words: Vec<Label>,
    /// What stands before an invoice number's digits, such as `INV-`.
    pub number_prefix: String,
    /// How many days there are to pay.
    pub due_days: u16,
    /// Who issues: the process of ours, or the operator that asked.
    pub actor: Actor,
}

impl Terms {
    /// Days to pay where nothing else is set.
    pub const DUE_DAYS: u16 = 14;
    /// What stands before the numbers of invoices where nothing else is set.
    pub const NUMBER_PREFIX: &str = "INV-";
    /// What stands before the numbers of credit notes.
    pub const CREDIT_NOTE_PREFIX: &str = "CN-";
    /// What stands before the numbers of debit notes. They share a register with credit notes.
    pub const DEBIT_NOTE_PREFIX: &str = "DN-";
}

/// What is asked of a (tenant, period). Whatever was begun there is finished first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask<'a> {
    /// Nothing more: what start-up does.
    Finish,
    /// The invoice of the period, unless there is one.
    RollUp,
    /// The invoice as the period is known now: one that nothing was paid of is voided and issued
    /// anew, else it stands and a note carries the difference.
    Force {
        /// Why.
        reason: &'a Note,
    },
    /// An invoice no longer counts.
    Void {
        /// Which.
        number: &'a InvoiceNumber,
        /// Why.
        reason: &'a Note,
    },
    /// An amount is given back on an invoice. It concerns no price: later adjustments let it be.
    Concede {
        /// The command, known again by this.
        key: &'a KeyId,
        /// On which invoice.
        number: &'a InvoiceNumber,
        /// How much, tax included.
        amount: Money,
        /// Why.
        reason: &'a Note,
    },
    /// Nobody expects what is left of a document to be paid.
    WriteOff {
        /// Which.
        number: &'a InvoiceNumber,
        /// Why.
        reason: &'a Note,
    },
}

/// One (tenant, period) on its way to what was asked, as far as its events go.
#[derive(Debug, Clone, Copy)]
pub struct Errand<'a> {
    /// What is asked.
    pub ask: Ask<'a>,
    /// How the issuer prints.
    pub terms: &'a Terms,
    /// The streams it decides from, folded to their heads.
    pub heads: &'a Heads,
    /// What the document rests on, once a step asked for it.
    pub books: Option<&'a Books>,
    /// The server's clock, for what is decided now. It does not enter after that.
    pub now: Timestamp,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Gather what the document rests on, up to this position or, without one, up to the head of
    /// the log; then ask again with it.
    Gather(Option<Position>),
    /// Append this; then fold again what it went to, and ask again, whatever the log answered about
    /// duplicates and revisions.
    Append(Box<Append>),
    /// Nothing is left to do.
    Done(Done),
}

/// How an errand ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The document is issued, now or before.
    Issued(InvoiceNumber),
    /// The invoice stands, and a note carries what the period comes to beside it, now or before;
    /// of several the last.
    Amended {
        /// The invoice.
        number: InvoiceNumber,
        /// The note.
        note: InvoiceNumber,
    },
    /// The invoice is voided; a new one takes a decision of its own.
    Voided(InvoiceNumber),
    /// The rest of it is given up.
    WrittenOff(InvoiceNumber),
    /// Nothing to charge: no lines, no number, no invoice.
    NoLines,
    /// The tenant is never invoiced.
    Internal,
    /// All that was begun is finished.
    Finished,
}

/// The next step of an errand. The same one twice makes nothing new.
pub fn next(errand: &Errand<'_>) -> Result<Step, IssueError> {
    let Errand { heads, ask, .. } = *errand;
    if let Some(step) = credit::settle(errand)? {
        return Ok(step);
    }
    if let Some((register, promise)) = heads.promise() {
        return keep::keep(errand, register, promise);
    }
    if heads.invoice.to_replace().is_some() {
        return promise(errand);
    }
    match ask {
        Ask::Finish => Ok(Step::Done(Done::Finished)),
        Ask::RollUp => roll_up(errand),
        Ask::Force { reason } => force(errand, reason),
        Ask::Void { number, reason } => ask::void(errand, number, reason),
        Ask::WriteOff { number, reason } => ask::write_off(errand, number, reason),
        Ask::Concede { key, number, amount, reason } => {
            ask::concede(errand, key, (number, amount, reason))
        }
    }
}

impl<'a> Errand<'a> {
    /// What was gathered, if nothing that is decided from came after it.
    fn fresh_books(&self) -> Result<Option<&'a Books>, IssueError> {
        let reached = self.heads.invoice.reached().position;
        let fresh = self.books.filter(|it| it.basis.up_to >= reached);
        fresh.map(|it| self.expect_of(it)).transpose()
    }

    fn expect_of<'b>(&self, books: &'b Books) -> Result<&'b Books, IssueError> {
        let Basis { tenant, period, .. } = &books.basis;
        let found = Stream::Invoice(tenant.tenant().clone(), *period);
        let expected = self.heads.invoice.stream();
        if found == expected { Ok(books) } else { Err(IssueError::OtherBasis { expected, found }) }
    }

    /// What has no price names whose and when.
    fn priced<T>(&self, priced: Result<T, BasisError>) -> Result<T, IssueError> {
        let invoice = &self.heads.invoice;
        priced.map_err(|source| IssueError::Price {
            tenant: invoice.tenant().clone(),
            period: invoice.period(),
            source,
        })
    }
}

fn roll_up(errand: &Errand<'_>) -> Result<Step, IssueError> {
    let invoice = &errand.heads.invoice;
    if let Some(standing) = errand.heads.rolled_up() {
        return Ok(Step::Done(Done::Issued(standing.document.number.clone())));
    }
    if let Some(voided) = invoice.invoices().next_back() {
        return Ok(Step::Done(Done::Voided(voided.document.number.clone())));
    }
    promise(errand)
}

fn force(errand: &Errand<'_>, reason: &Note) -> Result<Step, IssueError> {
    let invoice = &errand.heads.invoice;
    let Some(standing) = errand.heads.rolled_up() else { return promise(errand) };
    let number = &standing.document.number;
    let Some(books) = errand.fresh_books()? else { return Ok(Step::Gather(None)) };
    if let Some(step) = settled(errand, books)? {
        return Ok(step);
    }
    let is_unpaid = standing.kind == DocumentKind::Invoice
        && standing.is_untouched()
        && !invoice.is_amended(number);
    if !is_unpaid {
        let difference = errand.priced(books.difference(RULES_VERSION))?;
        if difference.lines.is_empty() {
            return Ok(Step::Done(stands(errand, number)));
        }
        let purpose = Purpose::Difference { amends: number.clone(), reason: reason.clone() };
        return take_note_number(errand, &difference, purpose);
    }
    let anew = errand.priced(books.invoice(RULES_VERSION, Some(number)))?;
    let printed = keep::printed_for(books, errand.now)?;
    let document = &standing.document;
    let is_same = is_same(&anew, &document.lines)
        && (&document.issued_to, &document.tax) == (&printed.0, &printed.1);
    if is_same {
        return Ok(Step::Done(Done::Issued(number.clone())));
    }
    ask::voided(errand, standing, reason, !anew.lines.is_empty())
}

/// What a force answers that changes nothing any more, whichever of its repeats made the note.
fn stands(errand: &Errand<'_>, number: &InvoiceNumber) -> Done {
    let (number, invoice) = (number.clone(), &errand.heads.invoice);
    match invoice.last_difference(&number) {
        Some(it) => Done::Amended { number, note: it.document.number.clone() },
        None => Done::Issued(number),
    }
}

/// Whether a document would say what these lines say.
fn is_same(anew: &Composed, lines: &[Line]) -> bool {
    let said = |line: &Line| {
        let about = (line.kind, line.original.clone(), line.resource_kind.clone());
        let of = (line.description.clone(), line.deployment.clone(), line.adjusts);
        (about, of, line.starts_on, line.ends_on, line.quantity, line.unit_price, line.amount)
    };
    anew.lines.iter().map(|it| said(&it.line)).eq(lines.iter().map(said))
}

/// Takes a number, where there is something to charge.
fn promise(errand: &Errand<'_>) -> Result<Step, IssueError> {
    let Errand { terms, heads, now, .. } = *errand;
    let Heads { register, invoice, .. } = heads;
    let (tenant, period) = (invoice.tenant(), invoice.period());
    if now < period.ends_at() {
        let (tenant, ends_at) = (tenant.clone(), period.ends_at());
        return Err(IssueError::PeriodRuns { tenant, period, ends_at, now });
    }
    let Some(books) = errand.fresh_books()? else { return Ok(Step::Gather(None)) };
    if books.basis.tenant.is_internal() {
        return Ok(Step::Done(Done::Internal));
    }
    if let Some(step) = settled(errand, books)? {
        return Ok(step);
    }
    if invoice.invoices().next().is_none() {
        expect_in_order(errand, books)?;
    }
    let composed = errand.priced(books.invoice(RULES_VERSION, None))?;
    if composed.lines.is_empty() {
        return Ok(Step::Done(Done::NoLines));
    }
    // A total that is not below zero is invoiced, even where credit paid more of it already: what
    // is too much goes to credit by the invoice.
    if composed.gives_back() && composed.totals.gross.is_negative() {
        return take_note_number(errand, &composed, Purpose::Period);
    }
    let number = register.next_number(&terms.number_prefix).map_err(IssueError::Number)?;
    expect_room(errand, &number, &composed)?;
    let document = DocumentKind::Invoice;
    let (purpose, tenant) = (Purpose::Period, tenant.clone());
    let taken = NumberTaken { number, document, tenant, period, purpose };
    Ok(append::take(errand, register, "invoice-number", taken))
}

/// Draws first what prepaid usage comes to, late usage of earlier periods too: a document charges
/// what was drawn.
fn settled(errand: &Errand<'_>, books: &Books) -> Result<Option<Step>, IssueError> {
    let Errand { heads, terms, now, .. } = *errand;
    for basis in books.bases() {
        let settling = Settling { basis, account: &heads.account, actor: &terms.actor, now };
        match settle(&settling).map_err(|it| IssueError::Settle(Box::new(it)))? {
            SettleStep::Gather => return Ok(Some(Step::Gather(None))),
            SettleStep::Append(append) => return Ok(Some(Step::Append(append))),
            SettleStep::Done => (),
        }
    }
    Ok(None)
}

/// Rollups of a tenant run in order: none comes before one that is missing, or after a later one.
fn expect_in_order(errand: &Errand<'_>, books: &Books) -> Result<(), IssueError> {
    let invoice = &errand.heads.invoice;
    let (tenant, period) = (invoice.tenant(), invoice.period());
    if let Some(later) = books.overtaken_by() {
        return Err(IssueError::Overtaken { tenant: tenant.clone(), period, later });
    }
    if let Some(missing) = errand.priced(books.missing(RULES_VERSION))? {
        return Err(IssueError::Missing { tenant: tenant.clone(), period, missing });
    }
    Ok(())
}

fn take_note_number(
    errand: &Errand<'_>,
    composed: &Composed,
    purpose: Purpose,
) -> Result<Step, IssueError> {
    let Heads { notes, invoice, .. } = errand.heads;
    let (document, prefix) = match composed.gives_back() {
        true => (DocumentKind::CreditNote, Terms::CREDIT_NOTE_PREFIX),
        false => (DocumentKind::DebitNote, Terms::DEBIT_NOTE_PREFIX),
    };
    let number = notes.next_number(prefix).map_err(IssueError::Number)?;
    expect_room(errand, &number, composed)?;
    let (tenant, period) = (invoice.tenant().clone(), invoice.period());
    let taken = NumberTaken { number, document, tenant, period, purpose };
    Ok(append::take(errand, notes, "note-number", taken))
}

/// Refuses a document that gives more to credit than can be there, before its number is taken.
fn expect_room(
    errand: &Errand<'_>,
    number: &InvoiceNumber,
    composed: &Composed,
) -> Result<(), IssueError> {
    match composed.asks.is_negative() {
        true => credit::expect_room(errand, number, composed.asks.negated()),
        false => Ok(()),
    }
}

/// What a period would be invoiced, and how that differs from the month before. Nothing is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The content as it would be.
    pub composed: Composed,
    /// What the month before was invoiced.
    pub last_month: Option<Money>,
    /// How much more this one is.
    pub difference: Option<Money>,
}

/// Previews a period at an instant, beside the standing invoice of the month before. Who is never
/// invoiced has none.
pub fn preview(
    books: &Books,
    until: Timestamp,
    last_month: Option<&InvoiceFold>,
) -> Result<Option<Preview>, BasisError> {
    if books.basis.tenant.is_internal() {
        return Ok(None);
    }
    let composed = books.expected(until)?;
    let last_month = last_month.and_then(InvoiceFold::rolled_up);
    let last_month = last_month.map(|it| it.document.totals.gross);
    let gross = composed.totals.gross;
    let difference = last_month.map(|before| gross.checked_sub(before)).transpose();
    let difference = difference.map_err(|it: MoneyError| PriceError::from(it))?;
    Ok(Some(Preview { composed, last_month, difference }))
}
