//! Payment gateways: who says something, and what it says, in words that no gateway owns.
//!
//! Pure: a header, a body and a clock come in as data. What the rest of the ledger knows of a
//! gateway is a [`Notice`]; a second gateway is a second file that makes them.

use crate::id::{Label, Note, PaymentRef, Provider};
use crate::money::Money;
use crate::time::Timestamp;

mod minor;
pub mod signature;
pub mod standard;
pub mod stripe;

/// One event of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Which gateway.
    pub gateway: Provider,
    /// Its id of the event: the same one twice says nothing new.
    pub id: PaymentRef,
    /// Its word for it, such as `charge.succeeded`.
    pub kind: Label,
    /// When it happened, by the gateway's clock.
    pub occurred_at: Timestamp,
    /// The customer it names.
    pub customer: Option<PaymentRef>,
    /// The gateway's invoice it names.
    pub gateway_invoice: Option<PaymentRef>,
    /// What it says about money.
    pub outcome: Outcome,
}

/// What an event of a gateway says about money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing that we book: a kind we ignore, or money that another event brings.
    Nothing,
    /// Something became of a payment.
    Payment {
        /// The payment intent, else the charge: money is booked once for it.
        object: PaymentRef,
        /// How much this event is about, more than nothing.
        amount: Money,
        /// What became of it.
        change: Change,
    },
}

/// What became of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The money came in.
    Succeeded,
    /// The money came in, and so much of it is for the invoice that the notice names: a payment may
    /// pay several.
    SucceededFor,
    /// It did not come in, this time.
    Failed {
        /// When the gateway tries again; `None`: it gave up, or does not say.
        next_attempt_at: Option<Timestamp>,
        /// What it says.
        reason: Option<Note>,
    },
    /// So much more than before went back.
    Refunded,
    /// A refund did not reach the payer: the money is ours again.
    RefundFailed {
        /// Its id of the refund, which fails once however often that is said.
        refund: PaymentRef,
    },
    /// The payer's bank took it back.
    Disputed {
        /// What the bank says.
        reason: Option<Note>,
    },
    /// The bank gave it back after all.
    Reinstated {
        /// What the bank says.
        reason: Option<Note>,
    },
}

impl Notice {
    /// The payment it is about.
    pub const fn object(&self) -> Option<&PaymentRef> {
        match &self.outcome {
            Outcome::Nothing => None,
            Outcome::Payment { object, .. } => Some(object),
        }
    }

    /// The money that comes in by it, or comes back.
    pub const fn brings(&self) -> Option<Money> {
        let Outcome::Payment { amount, change, .. } = &self.outcome else { return None };
        match change {
            Change::Succeeded
            | Change::SucceededFor
            | Change::RefundFailed { .. }
            | Change::Reinstated { .. } => Some(*amount),
            Change::Failed { .. } | Change::Refunded | Change::Disputed { .. } => None,
        }
    }
}
