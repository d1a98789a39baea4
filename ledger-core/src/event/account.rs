//! A tenant: who it is, its credit, its plan and its quota. All of it in one stream, because every
//! decision about a tenant's money and quota is taken there.

use serde::{Deserialize, Serialize};

use crate::catalog::CouponTerms;
use crate::id::{CouponCode, InvoiceNumber, Label, Note, PaymentRef, PlanCode, Provider};
use crate::money::{Currency, Exact, Money, Percent, Rounding};
use crate::time::Timestamp;

mod credit;
mod quota;

pub use credit::{
    CreditChargedBack, CreditDrawn, CreditExpired, CreditOrigin, CreditRefunded, CreditReturned,
    CreditToppedUp, DrawPurpose, KindAmount, LotPart,
};
pub use quota::{
    PlanPurchased, QuotaCommitted, QuotaReleased, QuotaReserved, ReleaseReason, ReservedItem,
    SlotAllocated, SlotReleased,
};

event_family! {
    /// What was decided about a tenant.
    pub enum Event in Account {
        "account-tenant-registered.v1" => TenantRegistered in Account,
        "account-identity-verified.v1" => IdentityVerified in Account,
        "account-tax-profile-set.v1" => TaxProfileSet in Account,
        "account-payment-reference-mapped.v1" => PaymentReferenceMapped in Account,
        "account-plan-assigned.v1" => PlanAssigned in Account,
        "account-cost-cap-set.v1" => CostCapSet in Account,
        "account-credit-topped-up.v1" => CreditToppedUp in Account,
        "account-credit-drawn.v1" => CreditDrawn in Account,
        "account-credit-returned.v1" => CreditReturned in Account,
        "account-credit-expired.v1" => CreditExpired in Account,
        "account-credit-refunded.v1" => CreditRefunded in Account,
        "account-credit-charged-back.v1" => CreditChargedBack in Account,
        "account-plan-purchased.v1" => PlanPurchased in Account,
        "account-slot-allocated.v1" => SlotAllocated in Account,
        "account-slot-released.v1" => SlotReleased in Account,
        "account-quota-reserved.v1" => QuotaReserved in Account,
        "account-quota-committed.v1" => QuotaCommitted in Account,
        "account-quota-released.v1" => QuotaReleased in Account,
        "account-discount-tier-reached.v1" => DiscountTierReached in Account,
        "account-coupon-applied.v1" => CouponApplied in Account,
    }
}

/// A tenant began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct TenantRegistered {
    /// What people call it.
    pub name: Label,
    /// The one currency it is billed in, for ever.
    pub currency: Currency,
    /// How its usage is paid for, for ever.
    pub settlement: Settlement,
    /// Whether it carries costs and is never invoiced.
    pub internal: bool,
}

/// How a tenant's usage is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// From credit, when recorded.
    Prepaid,
    /// By invoice, in arrears.
    Invoiced,
}

impl Settlement {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepaid => "prepaid",
            Self::Invoiced => "invoiced",
        }
    }
}

/// The tenant's identity was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct IdentityVerified {
    /// What was looked at.
    pub evidence: Option<Note>,
}

/// Who is printed on the tenant's documents, and which tax they carry from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct TaxProfileSet {
    /// The customer as printed.
    pub customer: Party,
    /// The tax it pays; `None`: none.
    pub tax: Option<TaxTerms>,
}

/// A company or a person as a document prints them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// The name.
    pub name: Label,
    /// The address, line by line.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub address: Vec<Label>,
    /// The tax number (an ABN, a VAT id).
    pub tax_number: Option<Label>,
}

/// A tax as data of its jurisdiction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct TaxTerms {
    /// As printed: `GST`.
    pub name: Label,
    /// How much of the base.
    pub rate: Percent,
    /// What is rounded.
    pub basis: TaxBasis,
    /// How.
    pub rounding: Rounding,
}

/// On what a tax is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum TaxBasis {
    /// Once, on the sum of the taxable lines.
    Total,
    /// On each taxable line.
    Line,
}

/// A gateway's id of the tenant, or of one of its invoices, is now known to be the tenant's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PaymentReferenceMapped {
    /// Whose id it is.
    pub gateway: Provider,
    /// The id of a customer or an invoice there.
    pub reference: PaymentRef,
    /// Our invoice, where the id is an invoice's.
    pub invoice: Option<InvoiceNumber>,
}

/// The tenant is held to the limits of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct PlanAssigned {
    /// Whose active version limits.
    pub plan: PlanCode,
}

/// The tenant set the most it wants to spend in a month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CostCapSet {
    /// `None`: no cap of its own.
    pub cap: Option<Money>,
}

/// The tenant has paid for long enough to pay less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct DiscountTierReached {
    /// The tier's name in the ladder.
    pub tier: Label,
    /// How many whole days it takes.
    pub days: u32,
    /// What a price is multiplied by.
    pub multiplier: Exact,
    /// The instant it was reached.
    pub reached_at: Timestamp,
}

/// A coupon counts for the tenant's invoices, on the terms it had then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct CouponApplied {
    /// Which.
    pub coupon: CouponCode,
    /// Its terms, kept whatever the catalog says later.
    pub terms: CouponTerms,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, aud, parsed};

    impl Exemplar for TenantRegistered {
        fn exemplar() -> Self {
            Self {
                name: parsed("Acme Pty Ltd"),
                currency: parsed("AUD"),
                settlement: Settlement::Invoiced,
                internal: false,
            }
        }
    }

    impl Exemplar for IdentityVerified {
        fn exemplar() -> Self {
            Self { evidence: Some(parsed("company extract of 2026-03-02")) }
        }
    }

    impl Exemplar for TaxProfileSet {
        fn exemplar() -> Self {
            Self { customer: Party::exemplar(), tax: Some(TaxTerms::exemplar()) }
        }
    }

    impl Exemplar for Party {
        fn exemplar() -> Self {
            Self {
                name: parsed("Acme Pty Ltd"),
                address: vec![parsed("1 Example Street"), parsed("Sydney NSW 2000")],
                tax_number: Some(parsed("ABN 51 824 753 556")),
            }
        }
    }

    impl Exemplar for TaxTerms {
        fn exemplar() -> Self {
            Self {
                name: parsed("GST"),
                rate: parsed("10"),
                basis: TaxBasis::Total,
                rounding: Rounding::HalfAwayFromZero,
            }
        }
    }

    impl Exemplar for PaymentReferenceMapped {
        fn exemplar() -> Self {
            Self {
                gateway: parsed("stripe"),
                reference: parsed("in_1Ox9exemplar"),
                invoice: Some(parsed("CF-000042")),
            }
        }
    }

    impl Exemplar for PlanAssigned {
        fn exemplar() -> Self {
            Self { plan: parsed("free") }
        }
    }

    impl Exemplar for CostCapSet {
        fn exemplar() -> Self {
            Self { cap: Some(aud("200")) }
        }
    }

    impl Exemplar for DiscountTierReached {
        fn exemplar() -> Self {
            Self {
                tier: parsed("week"),
                days: 7,
                multiplier: parsed("0.5"),
                reached_at: parsed("2026-04-08T09:30:00Z"),
            }
        }
    }

    impl Exemplar for CouponApplied {
        fn exemplar() -> Self {
            Self { coupon: parsed("LAUNCH25"), terms: CouponTerms::exemplar() }
        }
    }
}
