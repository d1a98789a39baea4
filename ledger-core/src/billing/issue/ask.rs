//! What an operator may ask of a document that was issued.

use super::append::{append, key, keyed, take_by};
use super::{AskRefusal, Done, Errand, IssueError, Step, Terms, credit};
use crate::billing::heads::Heads;
use crate::billing::issued::{IssuedDocument, State};
use crate::event::Event;
use crate::event::invoice::{DocumentKind, MarkedUncollectible, NumberTaken, Purpose, Voided};
use crate::id::{EventId, InvoiceNumber, KeyId, KeyScope, Note};
use crate::money::{Money, MoneyError};

impl<'a> Errand<'a> {
    fn named(&self, number: &InvoiceNumber) -> Result<&'a IssuedDocument, AskRefusal> {
        let found = self.heads.invoice.document(number);
        found.ok_or_else(|| AskRefusal::DocumentUnknown { number: number.clone() })
    }

    fn named_invoice(&self, number: &InvoiceNumber) -> Result<&'a IssuedDocument, AskRefusal> {
        let found = self.named(number)?;
        match found.kind {
            DocumentKind::Invoice => Ok(found),
            DocumentKind::CreditNote | DocumentKind::DebitNote => {
                Err(AskRefusal::IsNote { number: number.clone() })
            }
        }
    }
}

/// Voids an invoice that no money came in for. Credit applied at issue goes back.
pub(super) fn void(
    errand: &Errand<'_>,
    number: &InvoiceNumber,
    reason: &Note,
) -> Result<Step, IssueError> {
    let issued = errand.named_invoice(number)?;
    if issued.is_void() {
        return Ok(Step::Done(Done::Voided(number.clone())));
    }
    let paid = issued.paid.checked_sub(issued.credit_applied).map_err(AskRefusal::from)?;
    let given = issued.credit_applied.is_negative().then_some(issued.credit_applied);
    if let Some(paid) = Some(paid).filter(|it| !it.is_zero()).or(given) {
        return Err(AskRefusal::IsPaid { number: number.clone(), paid }.into());
    }
    if errand.heads.invoice.is_amended(number) {
        return Err(AskRefusal::IsAmended { number: number.clone() }.into());
    }
    voided(errand, issued, reason, false)
}

/// The append that voids an invoice, where the credit applied to it can go back.
pub(super) fn voided(
    errand: &Errand<'_>,
    issued: &IssuedDocument,
    reason: &Note,
    is_replaced: bool,
) -> Result<Step, IssueError> {
    credit::to_return(errand, &issued.document.number)?;
    let (number, reason) = (issued.document.number.clone(), reason.clone());
    let voided = Event::from(Voided { number, reason, is_replaced });
    Ok(changed(errand, issued, "invoice-voided", voided))
}

/// Gives up what is left to pay of a document.
pub(super) fn write_off(
    errand: &Errand<'_>,
    number: &InvoiceNumber,
    reason: &Note,
) -> Result<Step, IssueError> {
    let issued = errand.named(number)?;
    match issued.state() {
        State::Void => Err(AskRefusal::IsVoid { number: number.clone() }.into()),
        State::Paid => Err(AskRefusal::NothingDue { number: number.clone() }.into()),
        State::Uncollectible => Ok(Step::Done(Done::WrittenOff(number.clone()))),
        State::Open | State::PartlyPaid => {
            let (number, reason) = (number.clone(), reason.clone());
            let marked = Event::from(MarkedUncollectible { number, reason });
            Ok(changed(errand, issued, "invoice-uncollectible", marked))
        }
    }
}

fn changed(
    errand: &Errand<'_>,
    issued: &IssuedDocument,
    source: &'static str,
    event: Event,
) -> Step {
    let invoice = &errand.heads.invoice;
    let scope = KeyScope::Tenant(invoice.tenant().clone());
    let number = &issued.document.number;
    let events = keyed((scope, source, number), errand.now, vec![event]);
    append(errand, invoice.stream(), invoice.reached(), Some(issued.id), events)
}

/// Gives an amount back on an invoice, once for a command.
pub(super) fn concede(
    errand: &Errand<'_>,
    command: &KeyId,
    (number, amount, reason): (&InvoiceNumber, Money, &Note),
) -> Result<Step, IssueError> {
    let Heads { notes, invoice, .. } = errand.heads;
    let issued = errand.named_invoice(number)?;
    let scope = KeyScope::Tenant(invoice.tenant().clone());
    let key = key(scope, "credit-note", command.as_str(), 0);
    let (amends, reason) = (number.clone(), reason.clone());
    let purpose = Purpose::Concession { amends, amount, reason };
    let made = notes.taken_by(invoice.tenant(), invoice.period(), &EventId::derive(&key));
    if let Some(made) = made {
        let made_by_it = made.purpose == purpose;
        let number = made.number.clone();
        return match made_by_it {
            true => Ok(Step::Done(Done::Issued(number))),
            false => Err(AskRefusal::KeyTaken { number }.into()),
        };
    }
    if issued.is_void() {
        return Err(AskRefusal::IsVoid { number: number.clone() }.into());
    }
    let left = left_to_credit(errand, issued).map_err(AskRefusal::from)?;
    left.expect_same(amount).map_err(AskRefusal::from)?;
    if amount.is_zero() || amount.is_negative() || !amount.is_whole_minor() {
        return Err(AskRefusal::AmountNotPositive { amount }.into());
    }
    if amount.amount() > left.amount() {
        let number = number.clone();
        return Err(AskRefusal::ExceedsInvoice { number, left, amount }.into());
    }
    let next = notes.next_number(Terms::CREDIT_NOTE_PREFIX).map_err(IssueError::Number)?;
    credit::expect_room(errand, &next, amount)?;
    let taken = NumberTaken {
        number: next,
        document: DocumentKind::CreditNote,
        tenant: invoice.tenant().clone(),
        period: invoice.period(),
        purpose,
    };
    Ok(take_by(errand, notes, key, taken))
}

/// What an invoice came to, less what credit notes on it gave back.
fn left_to_credit(errand: &Errand<'_>, issued: &IssuedDocument) -> Result<Money, MoneyError> {
    let notes = errand.heads.invoice.documents().iter().filter(|it| {
        it.kind == DocumentKind::CreditNote && it.amends.as_ref() == Some(&issued.document.number)
    });
    let gross = issued.document.totals.gross;
    notes.map(|it| it.document.totals.gross).try_fold(gross, Money::checked_add)
}
