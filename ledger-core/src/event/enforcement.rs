//! Payments, and what follows when they do not come. Nothing here ever destroys anything.
//!
//! Money is booked once per payment object. What can be mapped to a tenant goes to its account;
//! what cannot waits in the gateway's suspense stream until somebody assigns it.

use serde::{Deserialize, Serialize};

use crate::id::{
    ActorName, DeploymentSlug, InvoiceNumber, Label, Note, PaymentRef, Provider, TenantId,
};
use crate::money::Money;
use crate::time::Timestamp;

event_family! {
    /// What came in, and what followed.
    pub enum Event in Enforcement {
        "enforcement-payment-succeeded.v1" => PaymentSucceeded in Account | Suspense,
        "enforcement-payment-failed.v1" => PaymentFailed in Account | Suspense,
        "enforcement-payment-refunded.v1" => PaymentRefunded in Account | Suspense,
        "enforcement-payment-disputed.v1" => PaymentDisputed in Account | Suspense,
        "enforcement-payment-assigned.v1" => PaymentAssigned in Suspense,
        "enforcement-notice-seen.v1" => NoticeSeen in Account | Suspense,
        "enforcement-warned.v1" => Warned in Account,
        "enforcement-final-warning-given.v1" => FinalWarningGiven in Account,
        "enforcement-suspended.v1" => Suspended in Account,
        "enforcement-restored.v1" => Restored in Account,
        "enforcement-destructive-action-refused.v1" => DestructiveActionRefused in Account,
    }
}

/// What a gateway says a payment is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PaymentFacts {
    /// Which gateway.
    pub gateway: Provider,
    /// The payment intent, else the charge: money is booked once for it.
    pub object: PaymentRef,
    /// The gateway's event that says so.
    pub notice: PaymentRef,
    /// How much.
    pub amount: Money,
    /// The customer it names.
    pub customer: Option<PaymentRef>,
    /// The gateway's invoice it names.
    pub gateway_invoice: Option<PaymentRef>,
    /// Our invoice, where a payment reference says which.
    pub invoice: Option<InvoiceNumber>,
}

/// Money came in, as the gateway says it: of several words on a payment the largest counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PaymentSucceeded {
    /// What is known of it.
    pub payment: PaymentFacts,
    /// How much of the whole payment is for the gateway's invoice it names, where that is said.
    pub share: Option<Money>,
}

/// Money did not come in. Void when the same object succeeds, whatever the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PaymentFailed {
    /// What is known of it.
    pub payment: PaymentFacts,
    /// When the gateway tries again; `None`: it gave up.
    pub next_attempt_at: Option<Timestamp>,
    /// What the gateway says.
    pub reason: Option<Note>,
}

/// Money went back, as the gateway says: this much, not the sum so far; below zero: a refund failed
/// and the money is ours again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PaymentRefunded {
    /// What is known of it.
    pub payment: PaymentFacts,
    /// The gateway's id of a refund that failed, by which it fails once.
    pub failed: Option<PaymentRef>,
}

/// A bank takes a payment back; below zero: it gave it back again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PaymentDisputed {
    /// What is known of it.
    pub payment: PaymentFacts,
    /// What the bank says.
    pub reason: Option<Note>,
}

/// Money in suspense was found to be a tenant's; its account books it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PaymentAssigned {
    /// Which payment.
    pub object: PaymentRef,
    /// Whose.
    pub tenant: TenantId,
    /// For which invoice.
    pub invoice: Option<InvoiceNumber>,
}

/// A gateway's event that books nothing: a second word on a known payment, or a kind we ignore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct NoticeSeen {
    /// Which gateway.
    pub gateway: Provider,
    /// Its event.
    pub notice: PaymentRef,
    /// The gateway's word for it.
    pub kind: Label,
    /// The payment it is about, where there is one.
    pub object: Option<PaymentRef>,
    /// The gateway's invoice it names, which a first word on the payment may have left out.
    pub gateway_invoice: Option<PaymentRef>,
    /// How much of the whole payment is for that invoice, where that is said.
    pub share: Option<Money>,
}

/// A payment failed and an invoice is past due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Warned {
    /// The oldest unpaid invoice.
    pub invoice: InvoiceNumber,
    /// The first failure to pay it: the clock of what follows.
    pub first_failed_at: Timestamp,
}

/// The last warning: new backups are refused from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct FinalWarningGiven {
    /// The oldest unpaid invoice.
    pub invoice: InvoiceNumber,
    /// The first failure to pay it.
    pub first_failed_at: Timestamp,
}

/// The tenant's gate closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Suspended {
    /// The oldest unpaid invoice.
    pub invoice: InvoiceNumber,
    /// The first failure to pay it.
    pub first_failed_at: Timestamp,
}

/// No invoice is past due any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Restored {}

/// Something asked billing to delete; it was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct DestructiveActionRefused {
    /// What was asked.
    pub action: Label,
    /// Of which deployment.
    pub deployment: Option<DeploymentSlug>,
    /// In whose name, where the asker acted for another.
    pub on_behalf_of: Option<ActorName>,
    /// What the asker said.
    pub reason: Option<Note>,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, aud, parsed};

    impl Exemplar for PaymentFacts {
        fn exemplar() -> Self {
            Self {
                gateway: parsed("stripe"),
                object: parsed("pi_3Ox9exemplar"),
                notice: parsed("evt_1Ox9exemplar"),
                amount: aud("70.64"),
                customer: Some(parsed("cus_9exemplar")),
                gateway_invoice: Some(parsed("in_1Ox9exemplar")),
                invoice: Some(parsed("CF-000042")),
            }
        }
    }

    impl Exemplar for PaymentSucceeded {
        fn exemplar() -> Self {
            Self { payment: PaymentFacts::exemplar(), share: Some(aud("70.64")) }
        }
    }

    impl Exemplar for PaymentFailed {
        fn exemplar() -> Self {
            Self {
                payment: PaymentFacts::exemplar(),
                next_attempt_at: Some(parsed("2026-05-18T03:00:00Z")),
                reason: Some(parsed("card_declined")),
            }
        }
    }

    impl Exemplar for PaymentRefunded {
        fn exemplar() -> Self {
            let payment = PaymentFacts { amount: aud("-10"), ..PaymentFacts::exemplar() };
            Self { payment, failed: Some(parsed("re_3Ox9exemplar")) }
        }
    }

    impl Exemplar for PaymentDisputed {
        fn exemplar() -> Self {
            Self { payment: PaymentFacts::exemplar(), reason: Some(parsed("fraudulent")) }
        }
    }

    impl Exemplar for PaymentAssigned {
        fn exemplar() -> Self {
            Self {
                object: parsed("pi_3Ox9exemplar"),
                tenant: parsed("acme"),
                invoice: Some(parsed("CF-000042")),
            }
        }
    }

    impl Exemplar for NoticeSeen {
        fn exemplar() -> Self {
            Self {
                gateway: parsed("stripe"),
                notice: parsed("evt_2Ox9exemplar"),
                kind: parsed("charge.succeeded"),
                object: Some(parsed("pi_3Ox9exemplar")),
                gateway_invoice: Some(parsed("in_1Ox9exemplar")),
                share: None,
            }
        }
    }

    impl Exemplar for Warned {
        fn exemplar() -> Self {
            Self { invoice: parsed("CF-000042"), first_failed_at: parsed("2026-05-16T03:00:00Z") }
        }
    }

    impl Exemplar for FinalWarningGiven {
        fn exemplar() -> Self {
            Self { invoice: parsed("CF-000042"), first_failed_at: parsed("2026-05-16T03:00:00Z") }
        }
    }

    impl Exemplar for Suspended {
        fn exemplar() -> Self {
            Self { invoice: parsed("CF-000042"), first_failed_at: parsed("2026-05-16T03:00:00Z") }
        }
    }

    impl Exemplar for Restored {
        fn exemplar() -> Self {
            Self {}
        }
    }

    impl Exemplar for DestructiveActionRefused {
        fn exemplar() -> Self {
            Self {
                action: parsed("delete_backups"),
                deployment: Some(parsed("shop")),
                on_behalf_of: None,
                reason: Some(parsed("unpaid for 14 days")),
            }
        }
    }
}
