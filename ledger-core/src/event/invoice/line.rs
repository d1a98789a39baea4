//! A line of a document, and the records it was made from.

use serde::{Deserialize, Serialize};

use super::{
    BillingPeriod, Day, DeploymentSlug, InvoiceNumber, Label, Money, Quantity, ResourceKind,
    Revision, Sha256Digest, Unit, UnitPrice,
};
use crate::stream::Stream;

/// One line. All kinds have the same shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What sort of line.
    pub kind: LineKind,
    /// What was used, where the line is about usage.
    pub resource_kind: Option<ResourceKind>,
    /// As printed.
    pub description: Label,
    /// How much is charged for.
    pub quantity: Quantity,
    /// What the quantity counts.
    pub unit: Option<Unit>,
    /// The price of one unit, where there is one price.
    pub unit_price: Option<UnitPrice>,
    /// What it comes to, rounded once.
    pub amount: Money,
    /// Which deployment; none on tax and on lines of the whole invoice.
    pub deployment: Option<DeploymentSlug>,
    /// The first day it is for.
    pub starts_on: Day,
    /// The day after the last.
    pub ends_on: Day,
    /// The period it corrects, where it is an adjustment.
    pub adjusts: Option<BillingPeriod>,
    /// The line it corrects, where it is an adjustment.
    pub original: Option<Original>,
    /// Whether tax counts it.
    pub taxable: bool,
    /// Whether credit had paid for it before.
    pub settled: bool,
    /// What it was made from.
    pub provenance: Provenance,
}

impl Line {
    /// What it charges for: an adjustment is of the kind of the line that it corrects.
    pub fn concerns(&self) -> LineKind {
        self.original.as_ref().map_or(self.kind, |it| it.kind)
    }

    /// Whether it is tax, or corrects tax.
    pub fn is_tax(&self) -> bool {
        self.concerns() == LineKind::Tax
    }
}

/// The line that an adjustment corrects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Original {
    /// What sort of line it is.
    pub kind: LineKind,
    /// The document it stands on, or should have stood on; none where its period has none.
    pub number: Option<InvoiceNumber>,
    /// Its place there, from 1; none where nothing was charged in its place.
    pub line: Option<u32>,
}

/// What sort of line.
#[derive(PartialOrd, Ord, Hash, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A plan's recurring price.
    PlanBase,
    /// An addon's recurring price.
    Addon,
    /// Usage beyond what is included.
    Overage,
    /// Usage without an item.
    Usage,
    /// A term paid in advance.
    Term,
    /// A difference to what was issued before.
    Adjustment,
    /// A coupon.
    Discount,
    /// What was missing to a minimum.
    Commitment,
    /// Tax.
    Tax,
}

/// Which records made a line: spans of streams, and a digest over the bytes of all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// In the order of the streams' names.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub sources: Vec<SourceSpan>,
    /// SHA-256 over the records' digests, in the order of `sources`; `None` where there are none.
    pub sha256: Option<Sha256Digest>,
}

/// A run of one stream's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct SourceSpan {
    /// The stream.
    pub stream: Stream,
    /// The first of them.
    pub first: Revision,
    /// The last of them.
    pub last: Revision,
}
