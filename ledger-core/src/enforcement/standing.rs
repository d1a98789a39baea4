//! How a tenant stands: good, warned, finally warned, suspended, and good again.
//!
//! An invoice is past due when it asks for something and a payment of it failed that never
//! succeeded. A failure that names no payment stands under the gateway's invoice itself, and is
//! void once any payment of that succeeded. The clock is the first failure of the oldest such
//! invoice; once that is paid, it is the next one's. Only ticks move a standing, and one may skip
//! stages. From suspended there is one way, to good, when no invoice is past due.

use std::collections::BTreeMap;

use super::{Books, EnforcementError, next_settled};
use crate::billing::InvoiceFold;
use crate::decide::account::Standing;
use crate::decide::payment::{Payment, PaymentObject};
use crate::event::Event;
use crate::event::enforcement::{FinalWarningGiven, Restored, Suspended, Warned};
use crate::id::InvoiceNumber;
use crate::time::Timestamp;

/// How long a tenant is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DunningTerms {
    /// Whole days from the first failure to the last warning.
    pub final_warning_days: u16,
    /// Whole days from the first failure to suspension.
    pub suspension_days: u16,
}

impl Default for DunningTerms {
    fn default() -> Self {
        Self { final_warning_days: 7, suspension_days: 14 }
    }
}

impl DunningTerms {
    /// Where a clock has come to.
    fn stage(self, clock: Timestamp, now: Timestamp) -> Standing {
        let has_passed = |days: u16| {
            clock.plus_micros(i64::from(days) * Timestamp::DAY).is_some_and(|it| it <= now)
        };
        if has_passed(self.suspension_days) {
            Standing::Suspended
        } else if has_passed(self.final_warning_days) {
            Standing::FinalWarning
        } else {
            Standing::Warned
        }
    }
}

/// The oldest invoice past due, and its clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastDue {
    /// Which.
    pub invoice: InvoiceNumber,
    /// The first failure to pay it.
    pub first_failed_at: Timestamp,
}

/// The oldest invoice past due.
pub fn past_due(books: &Books<'_>) -> Option<PastDue> {
    let mut clocks = BTreeMap::<&InvoiceNumber, Timestamp>::new();
    for (object, payment) in books.account.payments().all() {
        let failed = payment.failed_since().zip(books.account.invoice_of(object, payment));
        if let Some((at, invoice)) = failed.filter(|(_, it)| !is_void(books, object, payment, it)) {
            let clock = clocks.entry(invoice).or_insert(at);
            *clock = at.min(*clock);
        }
    }
    let mut oldest = None;
    for document in books.invoices.iter().flat_map(InvoiceFold::documents) {
        let number = &document.document.number;
        let Some(clock) = clocks.get(number).filter(|_| document.is_receivable()) else { continue };
        let age = (document.issued_at, document.position);
        if oldest.as_ref().is_none_or(|(found, _)| age < *found) {
            let (invoice, first_failed_at) = (number.clone(), *clock);
            oldest = Some((age, PastDue { invoice, first_failed_at }));
        }
    }
    oldest.map(|(_, it)| it)
}

/// Whether a failure that no success of its own voids is void all the same: it is that of a
/// gateway's invoice, because it named no payment, and a payment of that invoice succeeded. What a
/// person said a payment is for counts where the gateway does not say it.
fn is_void(
    books: &Books<'_>,
    failed: &PaymentObject,
    payment: &Payment,
    invoice: &InvoiceNumber,
) -> bool {
    let of = &failed.object;
    let succeeded = |it: &Payment| {
        let is_said = it.gateway_invoice().is_none() && it.invoice() == Some(invoice);
        it.received().is_some() && (it.is_for(of) || is_said)
    };
    let mut payments = books.account.payments().all();
    payment.gateway_invoice() == Some(of)
        && payments.any(|(object, it)| object.gateway == failed.gateway && succeeded(it))
}

/// The move that a tick makes, where it makes one. Every payment must be settled before.
pub fn tick(
    books: &Books<'_>,
    terms: DunningTerms,
    now: Timestamp,
) -> Result<Option<Event>, EnforcementError> {
    if let Some((object, _)) = next_settled(books)? {
        return Err(EnforcementError::Unsettled { object });
    }
    let standing = books.account.standing();
    let Some(PastDue { invoice, first_failed_at }) = past_due(books) else {
        return Ok((standing != Standing::Good).then(|| Restored {}.into()));
    };
    let stage = terms.stage(first_failed_at, now);
    if standing == stage || standing == Standing::Suspended {
        return Ok(None);
    }
    Ok(match stage {
        Standing::Good => None,
        Standing::Warned => Some(Warned { invoice, first_failed_at }.into()),
        Standing::FinalWarning => Some(FinalWarningGiven { invoice, first_failed_at }.into()),
        Standing::Suspended => Some(Suspended { invoice, first_failed_at }.into()),
    })
}
