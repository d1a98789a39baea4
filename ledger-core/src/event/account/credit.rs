//! Credit comes in lots and leaves from lots. A draw names the lots it took from; what they did not
//! cover is the difference to its amount, and is owed. No event holds a balance.

use serde::{Deserialize, Serialize};

use crate::id::{InvoiceNumber, LotId, Note, PaymentRef, Provider, ResourceKind};
use crate::log::Revision;
use crate::money::{Money, Quantity};
use crate::time::{BillingPeriod, Timestamp};

/// Credit was paid in: a new lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CreditToppedUp {
    /// The lot that now exists.
    pub lot: LotId,
    /// How much.
    pub amount: Money,
    /// When what is left of it is gone. At that instant itself.
    pub expires_at: Option<Timestamp>,
    /// Where it came from.
    pub origin: CreditOrigin,
}

/// Where credit came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CreditOrigin {
    /// A payment.
    Payment {
        /// Which gateway booked it.
        gateway: Provider,
        /// The payment object, booked once.
        object: PaymentRef,
    },
    /// An operator.
    Operator {
        /// Why.
        reason: Note,
    },
    /// A document with a negative total.
    CreditNote {
        /// Which.
        number: InvoiceNumber,
    },
}

/// A part of an amount that one lot gave, or got back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct LotPart {
    /// The lot.
    pub lot: LotId,
    /// How much.
    pub amount: Money,
}

/// Credit was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CreditDrawn {
    /// All of it, exact; what the lots do not cover is owed.
    pub amount: Money,
    /// The lots it came from, in the order they were drawn.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub lots: Vec<LotPart>,
    /// What for.
    pub purpose: DrawPurpose,
}

/// What credit was used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DrawPurpose {
    /// Usage of a period, settled up to a place in its stream and to the instant of the draw.
    Usage {
        /// The period.
        period: BillingPeriod,
        /// The last record settled; none where all of it is hours that the ledger metered itself.
        reached: Option<Revision>,
        /// What each kind came to more than was drawn for it before.
        #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
        kinds: Vec<KindAmount>,
    },
    /// An invoice, at issue.
    Invoice {
        /// Which.
        number: InvoiceNumber,
    },
    /// An invoice that a payment taken for a top-up turned out to be for. In full, like usage.
    Payment {
        /// Which gateway booked it.
        gateway: Provider,
        /// The payment object.
        object: PaymentRef,
        /// The invoice.
        number: InvoiceNumber,
    },
}

/// What was used of one kind, and its exact price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct KindAmount {
    /// The kind.
    pub kind: ResourceKind,
    /// How much of it.
    pub quantity: Quantity,
    /// What it cost.
    pub amount: Money,
}

/// A draw, or a part of one, went back to its lots, last drawn first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CreditReturned {
    /// The draw, by its place in this stream.
    pub draw: Revision,
    /// All of it, exact; what the lots do not get back settles what was owed.
    pub amount: Money,
    /// The lots it went to.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub lots: Vec<LotPart>,
    /// What of it each kind had cost, where the draw was for usage.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub kinds: Vec<KindAmount>,
    /// Why.
    pub reason: Note,
}

/// What was left of a lot is gone: income of that day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CreditExpired {
    /// The lot.
    pub lot: LotId,
    /// What was left.
    pub amount: Money,
}

/// Credit was paid back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CreditRefunded {
    /// The lot.
    pub lot: LotId,
    /// What was asked for.
    pub requested: Money,
    /// What the lot had left of it.
    pub amount: Money,
    /// The gateway's payment that went back already; `None`: somebody asked for it here.
    pub object: Option<PaymentRef>,
    /// Why.
    pub reason: Note,
}

/// A bank took a payment back; the balance may go below zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CreditChargedBack {
    /// The lot the payment had made.
    pub lot: LotId,
    /// How much was taken back.
    pub amount: Money,
    /// Which gateway says so.
    pub gateway: Provider,
    /// Its id of the dispute, or of the payment that was disputed.
    pub object: PaymentRef,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, aud, parsed};

    impl Exemplar for CreditToppedUp {
        fn exemplar() -> Self {
            Self {
                lot: parsed("lot-7"),
                amount: aud("25.50"),
                expires_at: Some(parsed("2027-04-01T00:00:00Z")),
                origin: CreditOrigin::Payment {
                    gateway: parsed("stripe"),
                    object: parsed("pi_3Ox9exemplar"),
                },
            }
        }
    }

    impl Exemplar for CreditDrawn {
        fn exemplar() -> Self {
            let part = |lot, amount| LotPart { lot: parsed(lot), amount: aud(amount) };
            let kind = KindAmount {
                kind: parsed("hero_os_hour"),
                quantity: parsed("0.25"),
                amount: aud("0.0125"),
            };
            Self {
                amount: aud("0.0125"),
                lots: vec![part("lot-6", "0.01"), part("lot-7", "0.0025")],
                purpose: DrawPurpose::Usage {
                    period: parsed("2026-04"),
                    reached: Some(Revision::new(41)),
                    kinds: vec![kind],
                },
            }
        }
    }

    impl Exemplar for CreditReturned {
        fn exemplar() -> Self {
            Self {
                draw: Revision::new(12),
                amount: aud("0.0025"),
                lots: vec![LotPart { lot: parsed("lot-7"), amount: aud("0.0025") }],
                kinds: vec![KindAmount {
                    kind: parsed("hero_os_hour"),
                    quantity: parsed("0.05"),
                    amount: aud("0.0025"),
                }],
                reason: parsed("usage corrected"),
            }
        }
    }

    impl Exemplar for CreditExpired {
        fn exemplar() -> Self {
            Self { lot: parsed("lot-6"), amount: aud("3.20") }
        }
    }

    impl Exemplar for CreditRefunded {
        fn exemplar() -> Self {
            Self {
                lot: parsed("lot-7"),
                requested: aud("20"),
                amount: aud("12.75"),
                object: None,
                reason: parsed("account closed"),
            }
        }
    }

    impl Exemplar for CreditChargedBack {
        fn exemplar() -> Self {
            Self {
                lot: parsed("lot-7"),
                amount: aud("25.50"),
                gateway: parsed("stripe"),
                object: parsed("dp_1Ox9exemplar"),
            }
        }
    }
}
