//! What we charge a tenant: numbers, documents, and what became of them.
//!
//! A document is whole: issuer, customer, words, lines and totals as printed, and where it was
//! folded to. Lines that do not fit into one event go before it, in the same append.

use serde::{Deserialize, Serialize};

use super::account::{Party, TaxTerms};
use crate::id::{
    DeploymentSlug, InvoiceNumber, IssuerId, Label, Note, PaymentRef, Provider, ResourceKind,
    Sha256Digest, TenantId, Unit,
};
use crate::log::{Position, Revision};
use crate::money::{Money, Quantity, UnitPrice};
use crate::time::{BillingPeriod, Day};

mod line;

pub use line::{Line, LineKind, Original, Provenance, SourceSpan};

event_family! {
    /// What was charged.
    pub enum Event in Invoice {
        "invoice-number-taken.v1" => NumberTaken in Register,
        "invoice-lines-carried.v1" => LinesCarried in Invoice,
        "invoice-issued.v1" => Issued in Invoice,
        "invoice-payment-applied.v1" => PaymentApplied in Invoice,
        "invoice-voided.v1" => Voided in Invoice,
        "invoice-marked-uncollectible.v1" => MarkedUncollectible in Invoice,
        "invoice-credit-note-issued.v1" => CreditNoteIssued in Invoice,
        "invoice-debit-note-issued.v1" => DebitNoteIssued in Invoice,
    }
}

/// A number was given out; none returns. Its sequence is its place in the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct NumberTaken {
    /// As it is printed.
    pub number: InvoiceNumber,
    /// What it is for.
    pub document: DocumentKind,
    /// Whose document.
    pub tenant: TenantId,
    /// Of which period.
    pub period: BillingPeriod,
    /// What the document is to hold, so that whoever finishes it needs nothing else.
    pub purpose: Purpose,
}

/// What a numbered document is to hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Purpose {
    /// The price of the period, and what earlier ones turned out to be.
    Period,
    /// What the period turned out to be less what was issued for it.
    Difference {
        /// The invoice that stands.
        amends: InvoiceNumber,
        /// Why.
        reason: Note,
    },
    /// An amount that an operator gives back.
    Concession {
        /// The invoice it is given on.
        amends: InvoiceNumber,
        /// How much, tax included.
        amount: Money,
        /// Why.
        reason: Note,
    },
}

/// What a number is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// An invoice.
    Invoice,
    /// Money back.
    CreditNote,
    /// More to pay.
    DebitNote,
}

/// The first lines of a document that has more than one event holds. The rest follows in the same
/// append.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct LinesCarried {
    /// Of which document.
    pub number: InvoiceNumber,
    /// In order.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub lines: Vec<Line>,
}

/// An invoice was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Issued {
    /// The document.
    pub document: Box<Document>,
    /// The last day to pay.
    pub due_on: Day,
    /// Credit applied at issue: a payment, not a discount. Below zero where the invoice asks for
    /// less than nothing: that went to credit.
    pub credit_applied: Money,
    /// The voided invoice it takes the place of.
    pub replaces: Option<InvoiceNumber>,
}

/// What every document says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Its number.
    pub number: InvoiceNumber,
    /// Who issues it: whose register gave the number.
    pub issuer: IssuerId,
    /// The issuer as printed.
    pub issued_by: Party,
    /// The customer as printed.
    pub issued_to: Party,
    /// The words its jurisdiction demands, such as `Tax invoice`.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub words: Vec<Label>,
    /// The last lines, or all of them.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub lines: Vec<Line>,
    /// The tax it was computed with.
    pub tax: Option<TaxTerms>,
    /// What its lines add up to.
    pub totals: Totals,
    /// The part of the totals that corrects other documents, by the period corrected.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub adjusted: Vec<Adjusted>,
    /// The rules it was priced by; an audit uses the same.
    pub rules: u16,
    /// How much of the log it knew.
    pub folded_to: Position,
}

/// What the lines of a document add up to. Credit applied does not enter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Before tax.
    pub net: Money,
    /// Tax.
    pub tax: Money,
    /// Both.
    pub gross: Money,
}

/// What a document corrects of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Adjusted {
    /// Which period.
    pub period: BillingPeriod,
    /// What the adjusting lines add up to.
    pub totals: Totals,
}

/// Money came in for an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PaymentApplied {
    /// Which invoice.
    pub number: InvoiceNumber,
    /// How much.
    pub amount: Money,
    /// Where it came from.
    pub payment: PaymentSource,
}

/// Where a payment came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PaymentSource {
    /// A gateway's payment object.
    Gateway {
        /// Which gateway.
        gateway: Provider,
        /// Its object, booked once.
        object: PaymentRef,
    },
    /// An operator saw it arrive.
    Operator {
        /// The bank's or the operator's word for it.
        reference: PaymentRef,
    },
    /// The tenant's credit.
    Credit,
}

/// An invoice no longer counts. Its number stays taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Voided {
    /// Which.
    pub number: InvoiceNumber,
    /// Why.
    pub reason: Note,
    /// Whether a new number takes its place.
    pub is_replaced: bool,
}

/// Nobody expects it to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct MarkedUncollectible {
    /// Which.
    pub number: InvoiceNumber,
    /// Why.
    pub reason: Note,
}

/// A document that gives money back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CreditNoteIssued {
    /// The document; it asks for less than nothing.
    pub document: Box<Document>,
    /// The document it changes, where it changes one.
    pub amends: Option<InvoiceNumber>,
    /// What of it went to the tenant's credit; the rest lowers what is due of what it changes.
    pub to_credit: Money,
    /// Why.
    pub reason: Note,
}

/// A document that asks for more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct DebitNoteIssued {
    /// The document.
    pub document: Box<Document>,
    /// The document it changes.
    pub amends: Option<InvoiceNumber>,
    /// The last day to pay.
    pub due_on: Day,
    /// Why.
    pub reason: Note,
}

#[cfg(feature = "testing")]
mod exemplars;
