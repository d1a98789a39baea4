//! The invoice as a decision, and the process that spans register and invoice.
//!
//! The first event is the promise: a number is taken, and its record's place in the log says how
//! much the document knows, its day when the document is issued. So whoever finishes it, whenever,
//! makes the same document; and both appends carry keys made from tenant, period and number, so
//! that doing either twice does nothing. [`next`] is pure: the caller reads, appends what it is
//! told to, and asks again until it is done.

use sha2::{Digest, Sha256};

use super::issued::InvoiceFold;
use super::register::{RegisterFold, Taken};
use super::{Basis, BasisError, FactsError};
use crate::event::EncodeError;
use crate::event::Event;
use crate::event::account::Party;
use crate::event::invoice::{
    Document, DocumentKind, Issued, Line, LinesCarried, NumberTaken, Totals,
};
use crate::fold::Reached;
use crate::id::{Actor, IdError, InvoiceNumber, Key, KeyId, KeyScope, KeySource, Label, TenantId};
use crate::log::{
    APPEND_BYTES_MAX, Append, EVENT_BYTES_MAX, Expected, Fingerprint, NewEvent, OnConflict,
    Position,
};
use crate::money::{Money, MoneyError};
use crate::price::{self, RULES_VERSION};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

/// Room in one event for lines; the rest of a document fits beside it.
const LINES_BYTES_MAX: usize = EVENT_BYTES_MAX / 2;

/// What an issuer prints on every invoice, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The issuer as printed.
    pub issued_by: Party,
    /// The words that stand on a document with a tax, such as `Tax invoice`.
    pub tax_words: Vec<Label>,
    /// What stands before a number's digits, such as `INV-`.
    pub number_prefix: String,
    /// How many days there are to pay.
    pub due_days: u16,
    /// Who issues: the process of ours, or the operator that asked.
    pub actor: Actor,
}

impl Terms {
    /// Days to pay where nothing else is set.
    pub const DUE_DAYS: u16 = 14;
    /// What stands before numbers where nothing else is set.
    pub const NUMBER_PREFIX: &str = "INV-";
}

/// One (tenant, period) on its way to an invoice, as far as its events go.
#[derive(Debug, Clone, Copy)]
pub struct Rollup<'a> {
    /// How the issuer prints.
    pub terms: &'a Terms,
    /// The register of the issuer, folded to its head.
    pub register: &'a RegisterFold,
    /// The invoices of the tenant's period, folded to their head.
    pub invoice: &'a InvoiceFold,
    /// What the invoice rests on, once a step asked for it.
    pub basis: Option<&'a Basis>,
    /// The server's clock, for taking a number. It does not enter after that.
    pub now: Timestamp,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Gather what the invoice rests on, up to this position or, without one, up to the head of the
    /// log; then ask again with it.
    Gather(Option<Position>),
    /// Append this; then fold again what it went to, and ask again, whatever the log answered about
    /// duplicates and revisions.
    Append(Box<Append>),
    /// Nothing is left to do.
    Done(Done),
}

/// How a rollup ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The invoice is issued, now or before.
    Issued(InvoiceNumber),
    /// The invoice was issued and voided; a new one takes a decision of its own.
    Voided(InvoiceNumber),
    /// Nothing to charge: no lines, no number, no invoice.
    NoLines,
    /// The tenant is never invoiced.
    Internal,
}

/// Why there is no next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The period still runs.
    #[error("{period} of {tenant} ends at {ends_at}; it is {now}")]
    PeriodRuns {
        /// The tenant.
        tenant: TenantId,
        /// The period.
        period: BillingPeriod,
        /// Its end.
        ends_at: Timestamp,
        /// The clock.
        now: Timestamp,
    },
    /// The total is below zero, which no invoice asks for.
    #[error("{period} of {tenant} comes to {total}, which takes a credit note")]
    BelowZero {
        /// The tenant.
        tenant: TenantId,
        /// The period.
        period: BillingPeriod,
        /// What it comes to.
        total: Money,
    },
    /// What was gathered is of another tenant, period or position than the step asked for.
    #[error("what was gathered is of {found}, not of {expected}")]
    OtherBasis {
        /// What was asked for.
        expected: Stream,
        /// What was given.
        found: Stream,
    },
    /// The period has no price.
    #[error("{period} of {tenant} has no price")]
    Price {
        /// The tenant.
        tenant: TenantId,
        /// The period.
        period: BillingPeriod,
        /// Why.
        #[source]
        source: BasisError,
    },
    /// Nobody registered the customer.
    #[error("the customer cannot be printed")]
    Customer(#[source] FactsError),
    /// The prefix does not make a number.
    #[error("the next number is not one")]
    Number(#[source] IdError),
    /// There is no such day to pay by.
    #[error("no day is {days} days after {issued_at}")]
    DueDay {
        /// When the invoice is issued.
        issued_at: Timestamp,
        /// Days to pay.
        days: u16,
    },
    /// The lines do not fit into one append.
    #[error("{lines} lines make {bytes} bytes; an append holds {APPEND_BYTES_MAX}")]
    TooLarge {
        /// How many lines.
        lines: usize,
        /// Their size.
        bytes: usize,
    },
    /// A line does not fit into one event.
    #[error("line {line} has {bytes} bytes; an event of lines holds {LINES_BYTES_MAX}")]
    LineTooLarge {
        /// Which, from 0.
        line: usize,
        /// Its size.
        bytes: usize,
    },
    /// A line has no bytes.
    #[error("line {line} cannot be encoded")]
    Encode {
        /// Which, from 0.
        line: usize,
        /// Why.
        #[source]
        source: EncodeError,
    },
}

/// The next step of a rollup. The same (tenant, period) twice makes nothing new.
pub fn next(rollup: &Rollup<'_>) -> Result<Step, IssueError> {
    let Rollup { register, invoice, .. } = *rollup;
    let taken = register.taken(invoice.tenant(), invoice.period()).iter();
    let mut taken = taken.filter(|it| it.document == DocumentKind::Invoice);
    if let Some(promise) = taken.find(|it| invoice.invoice(&it.number).is_none()) {
        return keep(rollup, promise);
    }
    if let Some(standing) = invoice.standing() {
        return Ok(Step::Done(Done::Issued(standing.document.number.clone())));
    }
    if let Some(voided) = invoice.invoices().last() {
        return Ok(Step::Done(Done::Voided(voided.document.number.clone())));
    }
    promise(rollup)
}

/// Takes a number, where there is something to charge.
fn promise(rollup: &Rollup<'_>) -> Result<Step, IssueError> {
    let Rollup { terms, register, invoice, basis, now } = *rollup;
    let (tenant, period) = (invoice.tenant(), invoice.period());
    if now < period.ends_at() {
        let (tenant, ends_at) = (tenant.clone(), period.ends_at());
        return Err(IssueError::PeriodRuns { tenant, period, ends_at, now });
    }
    let Some(basis) = basis else { return Ok(Step::Gather(None)) };
    expect_of(invoice, basis)?;
    if basis.tenant.is_internal() {
        return Ok(Step::Done(Done::Internal));
    }
    let priced = whole_price(invoice, basis)?;
    if priced.lines.is_empty() {
        return Ok(Step::Done(Done::NoLines));
    }
    if priced.total.is_negative() {
        let (tenant, total) = (tenant.clone(), priced.total);
        return Err(IssueError::BelowZero { tenant, period, total });
    }
    let number = register.next_number(&terms.number_prefix).map_err(IssueError::Number)?;
    let document = DocumentKind::Invoice;
    let taken = NumberTaken { number, document, tenant: tenant.clone(), period };
    let key = key(KeyScope::Operator, "invoice-number", &format!("{tenant}.{period}"), 0);
    // Whoever asks, and whenever, it is the same promise.
    let fingerprint = Some(fingerprint(&key));
    let new = NewEvent { event: Event::from(taken), occurred_at: now, key: Some(key), fingerprint };
    let stream = Stream::Register(register.issuer().clone());
    Ok(append(terms, stream, register.reached(), None, vec![new]))
}

/// Issues the document whose number was taken, as of the record that took it.
fn keep(rollup: &Rollup<'_>, promise: &Taken) -> Result<Step, IssueError> {
    let Rollup { terms, invoice, basis, .. } = *rollup;
    let Some(basis) = basis.filter(|it| it.up_to == promise.position) else {
        return Ok(Step::Gather(Some(promise.position)));
    };
    expect_of(invoice, basis)?;
    let issued_at = promise.at;
    let priced = whole_price(invoice, basis)?;
    let facts_tax = basis.tenant.tax(invoice.period(), invoice.period().ends_at());
    let tax = facts_tax.map(|it| it.terms);
    let document = Document {
        number: promise.number.clone(),
        issuer: rollup.register.issuer().clone(),
        issued_by: terms.issued_by.clone(),
        issued_to: basis.tenant.party_at(issued_at).map_err(IssueError::Customer)?,
        words: if tax.is_some() { terms.tax_words.clone() } else { Vec::new() },
        lines: Vec::new(),
        tax,
        totals: totals(&priced),
        rules: RULES_VERSION,
        folded_to: promise.position,
    };
    let days = terms.due_days;
    let due_on = issued_at.day().plus_days(i32::from(days));
    let issued = Issued {
        document: Box::new(document),
        due_on: due_on.ok_or(IssueError::DueDay { issued_at, days })?,
        credit_applied: Money::zero(priced.total.currency()),
        replaces: None,
    };
    let lines = priced.lines.into_iter().map(|it| it.line).collect();
    let tenant = KeyScope::Tenant(invoice.tenant().clone());
    let events = spread(issued, lines)?.into_iter().zip(0..).map(|(event, index)| NewEvent {
        event,
        occurred_at: issued_at,
        key: Some(key(tenant.clone(), "invoice-issued", promise.number.as_str(), index)),
        fingerprint: None,
    });
    let events = events.collect();
    Ok(append(terms, invoice.stream(), invoice.reached(), Some(promise), events))
}

/// What the lines add up to.
pub(super) const fn totals(priced: &price::Document) -> Totals {
    Totals { net: priced.subtotal, tax: priced.tax, gross: priced.total }
}

fn whole_price(invoice: &InvoiceFold, basis: &Basis) -> Result<price::Document, IssueError> {
    let priced = basis.price(RULES_VERSION, basis.period.ends_at());
    priced.map_err(|source| IssueError::Price {
        tenant: invoice.tenant().clone(),
        period: invoice.period(),
        source,
    })
}

fn expect_of(invoice: &InvoiceFold, basis: &Basis) -> Result<(), IssueError> {
    let found = Stream::Invoice(basis.tenant.tenant().clone(), basis.period);
    let expected = invoice.stream();
    if found == expected { Ok(()) } else { Err(IssueError::OtherBasis { expected, found }) }
}

/// The document as events: as many lines as fit are in the last one, the others go before it.
fn spread(mut issued: Issued, lines: Vec<Line>) -> Result<Vec<Event>, IssueError> {
    let number = issued.document.number.clone();
    let carry = |lines| Event::from(LinesCarried { number: number.clone(), lines });
    let count = lines.len();
    let (mut chunks, mut chunk, mut chunk_bytes, mut all_bytes) = (Vec::new(), Vec::new(), 0, 0);
    for (line, it) in lines.into_iter().enumerate() {
        // A line by itself, with a little more around it than it has among others.
        let encoded = carry(vec![it.clone()]).encode();
        let bytes = encoded.map_err(|source| IssueError::Encode { line, source })?.len();
        if bytes > LINES_BYTES_MAX {
            return Err(IssueError::LineTooLarge { line, bytes });
        }
        if chunk_bytes + bytes > LINES_BYTES_MAX {
            chunks.push(std::mem::take(&mut chunk));
            chunk_bytes = 0;
        }
        chunk.push(it);
        chunk_bytes += bytes;
        all_bytes += bytes;
    }
    if all_bytes > APPEND_BYTES_MAX - EVENT_BYTES_MAX {
        return Err(IssueError::TooLarge { lines: count, bytes: all_bytes });
    }
    issued.document.lines = chunk;
    let mut events = chunks.into_iter().map(carry).collect::<Vec<_>>();
    events.push(Event::from(issued));
    Ok(events)
}

fn append(
    terms: &Terms,
    stream: Stream,
    reached: Reached,
    cause: Option<&Taken>,
    events: Vec<NewEvent>,
) -> Step {
    Step::Append(Box::new(Append {
        stream,
        expected: reached.revision.map_or(Expected::NoStream, Expected::Exactly),
        actor: terms.actor.clone(),
        causation: cause.map(|it| it.id),
        correlation: None,
        events,
        on_conflict: OnConflict::RefuseAll,
    }))
}

fn key(scope: KeyScope, source: &'static str, id: &str, index: u32) -> Key {
    let source = KeySource::new(source).expect("a word is a source");
    let id = KeyId::new(id).expect("ids and numbers are short and printable");
    Key { scope, source, id, index }
}

fn fingerprint(key: &Key) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(b"counterfoil number of an invoice 1\0");
    hash.update(key.id.as_str());
    Fingerprint(hash.finalize().into())
}

/// What a period would be invoiced, and how that differs from the month before. Nothing is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The document as it would be.
    pub priced: price::Document,
    /// What the month before was invoiced.
    pub last_month: Option<Money>,
    /// How much more this one is.
    pub difference: Option<Money>,
}

/// Previews a period at an instant, beside the standing invoice of the month before.
pub fn preview(
    basis: &Basis,
    until: Timestamp,
    last_month: Option<&InvoiceFold>,
) -> Result<Preview, BasisError> {
    let priced = basis.price(RULES_VERSION, until)?;
    let last_month = last_month.and_then(InvoiceFold::standing);
    let last_month = last_month.map(|it| it.document.totals.gross);
    let difference = last_month.map(|before| priced.total.checked_sub(before)).transpose();
    let difference = difference.map_err(|it: MoneyError| price::PriceError::from(it))?;
    Ok(Preview { priced, last_month, difference })
}
