//! Keeping a promise: the document whose number was taken, as of the record that took it.

use super::append::{append, keyed, spread};
use super::{Errand, IssueError, Step, Terms, credit};
use crate::billing::books::{Books, Composed};
use crate::billing::issued::IssuedDocument;
use crate::billing::register::{RegisterFold, Taken};
use crate::billing::{BasisError, concession};
use crate::event::Event;
use crate::event::account::{Party, TaxTerms};
use crate::event::invoice::{
    CreditNoteIssued, DebitNoteIssued, Document, DocumentKind, Issued, Purpose,
};
use crate::id::{InvoiceNumber, KeyScope, Note};
use crate::money::{Money, MoneyError};
use crate::price::RULES_VERSION;
use crate::time::{Day, Timestamp};

/// Issues a document, and before that draws the credit that it says it drew.
pub(super) fn keep(
    errand: &Errand<'_>,
    register: &RegisterFold,
    promise: &Taken,
) -> Result<Step, IssueError> {
    let Some(books) = errand.books.filter(|it| it.basis.up_to == promise.position) else {
        return Ok(Step::Gather(Some(promise.position)));
    };
    let books = errand.expect_of(books)?;
    let composed = composed(errand, books, promise)?;
    let issues = Issues { errand, books, register, promise };
    match promise.document {
        DocumentKind::Invoice => issues.invoice(composed),
        DocumentKind::CreditNote | DocumentKind::DebitNote => issues.note(composed),
    }
}

fn composed(errand: &Errand<'_>, books: &Books, promise: &Taken) -> Result<Composed, IssueError> {
    errand.priced(match &promise.purpose {
        Purpose::Period => books.invoice(RULES_VERSION, None),
        Purpose::Difference { .. } => books.difference(RULES_VERSION),
        Purpose::Concession { amends, amount, .. } => {
            let of = errand.heads.invoice.document(amends);
            let unknown = || IssueError::NothingToAmend {
                number: promise.number.clone(),
                amends: amends.clone(),
            };
            let of = of.ok_or_else(unknown)?;
            concession::compose(of, &errand.heads.invoice, *amount, books)
        }
    })
}

/// The content of an issued document, made again from what it rests on.
pub(in crate::billing) fn recomposed(
    issued: &IssuedDocument,
    books: &Books,
) -> Result<Composed, BasisError> {
    let Document { rules, totals, .. } = &issued.document;
    let own = books.issued(books.basis.period);
    let amends = issued.amends.as_ref();
    let amended = amends.and_then(|it| own.and_then(|own| own.document(it).zip(Some(own))));
    match amended.filter(|_| issued.is_concession()) {
        Some((of, fold)) => concession::compose(of, fold, totals.gross.negated(), books),
        None if amends.is_some() => books.difference(*rules),
        None => books.invoice(*rules, None),
    }
}

/// The customer and the tax that a document issued at an instant prints.
pub(super) fn printed_for(
    books: &Books,
    at: Timestamp,
) -> Result<(Party, Option<TaxTerms>), IssueError> {
    let tenant = &books.basis.tenant;
    let period = books.basis.period;
    let tax = tenant.tax(period, period.ends_at()).map(|it| it.terms);
    Ok((tenant.party_at(at).map_err(IssueError::Customer)?, tax))
}

struct Issues<'a> {
    errand: &'a Errand<'a>,
    books: &'a Books,
    register: &'a RegisterFold,
    promise: &'a Taken,
}

impl Issues<'_> {
    fn invoice(&self, composed: Composed) -> Result<Step, IssueError> {
        let Self { errand, promise, .. } = *self;
        if let Some(step) = credit::draw(errand, promise, composed.asks)? {
            return Ok(step);
        }
        let number = &promise.number;
        let drawn = errand.heads.account.account().credit().applied(number);
        // What is less than nothing goes to credit once the invoice says so.
        let gives = if composed.asks.is_negative() { composed.asks } else { self.zero(&composed) };
        let replaced = errand.heads.invoice.to_replace();
        let (due_on, replaces) = (self.due_on()?, replaced.map(|it| it.document.number.clone()));
        self.issue(composed, |document| {
            let credit_applied = drawn.unwrap_or(gives);
            Issued { document, due_on, credit_applied, replaces }.into()
        })
    }

    fn note(&self, composed: Composed) -> Result<Step, IssueError> {
        let (amends, reason) = match &self.promise.purpose {
            Purpose::Difference { amends, reason } | Purpose::Concession { amends, reason, .. } => {
                (Some(amends.clone()), reason.clone())
            }
            Purpose::Period => {
                (None, Note::new("the period comes to less than nothing").expect("it is short"))
            }
        };
        if !composed.gives_back() {
            let due_on = self.due_on()?;
            return self.issue(composed, |document| {
                DebitNoteIssued { document, amends, due_on, reason }.into()
            });
        }
        let number = &self.promise.number;
        let to_credit = self.to_credit(&composed, amends.as_ref());
        let to_credit =
            to_credit.map_err(|source| IssueError::Amounts { number: number.clone(), source })?;
        self.issue(composed, |document| {
            CreditNoteIssued { document, amends, to_credit, reason }.into()
        })
    }

    /// A note lowers what is due of the invoice it changes; what is more than that is credit.
    fn to_credit(
        &self,
        composed: &Composed,
        amends: Option<&InvoiceNumber>,
    ) -> Result<Money, MoneyError> {
        let given = composed.asks.negated();
        let amended = amends.and_then(|it| self.errand.heads.invoice.document(it));
        let Some(amended) = amended.filter(|it| !it.due.is_negative()) else { return Ok(given) };
        let left = given.checked_sub(amended.due)?;
        Ok(if left.is_negative() { self.zero(composed) } else { left })
    }

    const fn zero(&self, composed: &Composed) -> Money {
        Money::zero(composed.totals.gross.currency())
    }

    fn due_on(&self) -> Result<Day, IssueError> {
        let (issued_at, days) = (self.promise.at, self.errand.terms.due_days);
        let due_on = issued_at.day().plus_days(i32::from(days));
        due_on.ok_or(IssueError::DueDay { issued_at, days })
    }

    /// The document as events.
    fn issue(
        &self,
        composed: Composed,
        issued: impl FnOnce(Box<Document>) -> Event,
    ) -> Result<Step, IssueError> {
        let Self { errand, promise, .. } = *self;
        let number = &promise.number;
        let lines = composed.lines.into_iter().map(|it| it.line).collect();
        let spread = spread(number, lines)?;
        let (issued_to, tax) = printed_for(self.books, promise.at)?;
        let Terms { tax_words, note_words, .. } = errand.terms;
        let words = match promise.document {
            DocumentKind::Invoice => tax_words,
            DocumentKind::CreditNote | DocumentKind::DebitNote => note_words,
        };
        let document = Document {
            number: number.clone(),
            issuer: self.register.issuer().clone(),
            issued_by: errand.terms.issued_by.clone(),
            issued_to,
            words: if tax.is_some() { words.clone() } else { Vec::new() },
            lines: spread.last,
            tax,
            totals: composed.totals,
            adjusted: composed.adjusted,
            rules: RULES_VERSION,
            folded_to: promise.position,
        };
        let mut events = spread.before;
        events.push(issued(Box::new(document)));
        let invoice = &errand.heads.invoice;
        let scope = KeyScope::Tenant(invoice.tenant().clone());
        let events = keyed((scope, "invoice-issued", number), promise.at, events);
        Ok(append(errand, invoice.stream(), invoice.reached(), Some(promise.id), events))
    }
}
