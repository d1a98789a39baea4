//! Why there is no next step, and why what was asked is refused.

use super::super::{BasisError, FactsError, SettleError};
use crate::decide::account::credit::CreditRefusal;
use crate::decide::{Refusal, RefusalKind};
use crate::event::EncodeError;
use crate::id::{IdError, InvoiceNumber, TenantId};
use crate::log::APPEND_BYTES_MAX;
use crate::money::{Money, MoneyError};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

/// Why there is no next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// What was asked is refused.
    #[error(transparent)]
    Refused(Box<AskRefusal>),
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
    /// A later period was rolled up already; what came late is on its next invoice.
    #[error("{later} of {tenant} was rolled up before {period}")]
    Overtaken {
        /// The tenant.
        tenant: TenantId,
        /// The period.
        period: BillingPeriod,
        /// The later one.
        later: BillingPeriod,
    },
    /// An earlier period has something to charge and was not rolled up.
    #[error("{missing} of {tenant} is rolled up before {period}")]
    Missing {
        /// The tenant.
        tenant: TenantId,
        /// The period.
        period: BillingPeriod,
        /// The earlier one.
        missing: BillingPeriod,
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
    /// The usage that the period would be charged for cannot be drawn.
    #[error(transparent)]
    Settle(Box<SettleError>),
    /// Nobody registered the customer.
    #[error("the customer cannot be printed")]
    Customer(#[source] FactsError),
    /// The account cannot pay or be paid under a number.
    #[error("credit cannot be moved for {number}")]
    Credit {
        /// The number.
        number: InvoiceNumber,
        /// Why.
        #[source]
        source: Box<CreditRefusal>,
    },
    /// The amounts of a document do not add up.
    #[error("the amounts of {number} do not add up")]
    Amounts {
        /// The number.
        number: InvoiceNumber,
        /// Why.
        #[source]
        source: MoneyError,
    },
    /// A number was taken to change a document that is not there.
    #[error("{number} is to change {amends}, which is not there")]
    NothingToAmend {
        /// The number taken.
        number: InvoiceNumber,
        /// The document.
        amends: InvoiceNumber,
    },
    /// The prefix does not make a number.
    #[error("the next number is not one")]
    Number(#[source] IdError),
    /// There is no such day to pay by.
    #[error("no day is {days} days after {issued_at}")]
    DueDay {
        /// When the document is issued.
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
    #[error("line {line} has {bytes} bytes; an event of lines holds {bytes_max}")]
    LineTooLarge {
        /// Which, from 0.
        line: usize,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
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

/// Why what was asked of a document is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskRefusal {
    /// No such document in the period.
    #[error("there is no document {number}")]
    DocumentUnknown {
        /// What was named.
        number: InvoiceNumber,
    },
    /// Notes are not voided or credited; another note changes what they say.
    #[error("{number} is a note")]
    IsNote {
        /// The note.
        number: InvoiceNumber,
    },
    /// The same command came before with other content.
    #[error("{number} was issued for another command of this name")]
    KeyTaken {
        /// What it made then.
        number: InvoiceNumber,
    },
    /// It does not count any more.
    #[error("{number} is void")]
    IsVoid {
        /// The invoice.
        number: InvoiceNumber,
    },
    /// Money came in for it, or went to credit.
    #[error("{paid} was paid of {number}")]
    IsPaid {
        /// The invoice.
        number: InvoiceNumber,
        /// How much; credit applied at issue aside.
        paid: Money,
    },
    /// A note changes it.
    #[error("a note changes {number}")]
    IsAmended {
        /// The invoice.
        number: InvoiceNumber,
    },
    /// Nothing is left to pay of it.
    #[error("nothing is due of {number}")]
    NothingDue {
        /// The document.
        number: InvoiceNumber,
    },
    /// The amount is in another currency, or beyond all bounds.
    #[error("the amount cannot be credited")]
    Amount(#[source] MoneyError),
    /// Zero, less, or parts of the smallest coin.
    #[error("{amount} is not a whole amount above nothing")]
    AmountNotPositive {
        /// What was given.
        amount: Money,
    },
    /// More would go back than the invoice came to.
    #[error("{left} of {number} can be credited, not {amount}")]
    ExceedsInvoice {
        /// The invoice.
        number: InvoiceNumber,
        /// What it came to, less what went back before.
        left: Money,
        /// What was asked for.
        amount: Money,
    },
}

impl From<AskRefusal> for IssueError {
    fn from(refusal: AskRefusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl Refusal for AskRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::DocumentUnknown { .. } => "invoice_unknown",
            Self::IsNote { .. } => "invoice_is_note",
            Self::KeyTaken { .. } => "idempotency_key_reused",
            Self::IsVoid { .. } => "invoice_void",
            Self::IsPaid { .. } => "invoice_paid",
            Self::IsAmended { .. } => "invoice_amended",
            Self::NothingDue { .. } => "nothing_due",
            Self::Amount(MoneyError::ForeignCurrency { .. }) => "currency_mismatch",
            Self::Amount(MoneyError::Number(_)) => "amount_out_of_range",
            Self::AmountNotPositive { .. } => "amount_not_positive",
            Self::ExceedsInvoice { .. } => "exceeds_invoice",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::DocumentUnknown { .. } => RefusalKind::NotFound,
            Self::IsVoid { .. }
            | Self::IsPaid { .. }
            | Self::IsAmended { .. }
            | Self::NothingDue { .. } => RefusalKind::Conflict,
            Self::IsNote { .. }
            | Self::KeyTaken { .. }
            | Self::Amount(_)
            | Self::AmountNotPositive { .. }
            | Self::ExceedsInvoice { .. } => RefusalKind::Unprocessable,
        }
    }
}

impl From<MoneyError> for AskRefusal {
    fn from(source: MoneyError) -> Self {
        Self::Amount(source)
    }
}
