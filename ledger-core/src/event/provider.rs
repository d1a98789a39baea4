//! What a provider charges us. The line total of the provider is the truth.
//!
//! The lines of a bill come in chunks of one ingest and count once that ingest is sealed; the
//! latest sealed one is the bill.

use serde::{Deserialize, Serialize};

use crate::id::{
    DeploymentId, IngestId, Label, Note, Prose, ProviderRef, ResourceId, Sha256Digest, TenantId,
    Unit,
};
use crate::money::{Exact, Money};
use crate::time::{BillingPeriod, Timestamp};

event_family! {
    /// What a provider charged or showed.
    pub enum Event in Provider {
        "provider-bill-discovered.v1" => BillDiscovered in Bill,
        "provider-lines-recorded.v1" => LinesRecorded in Bill,
        "provider-lines-sealed.v1" => LinesSealed in Bill,
        "provider-line-attributed.v1" => LineAttributed in Bill,
        "provider-balance-observed.v1" => BalanceObserved in Provider,
    }
}

/// A bill exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct BillDiscovered {
    /// Whether it may still change.
    pub status: BillStatus,
    /// The period it is for, as the provider says.
    pub period: BillingPeriod,
    /// Its total, as the provider says.
    pub total: Option<Money>,
}

/// Whether a bill may still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum BillStatus {
    /// The month runs; never booked as final.
    Preview,
    /// Closed, unpaid.
    Open,
    /// Closed and paid.
    Paid,
}

/// A chunk of the lines of one reading of the bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct LinesRecorded {
    /// Which reading.
    pub ingest: IngestId,
    /// In the order of the file.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub lines: Vec<BillLine>,
}

/// One line of a bill, with its interval half-open and its amount as the provider wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct BillLine {
    /// Its row in the file, the first after the header being 1.
    pub row: u32,
    /// What sort of thing it bills.
    pub product: Label,
    /// The group it stands in, such as a cluster.
    pub group: Option<Label>,
    /// What it says.
    pub description: Prose,
    /// The provider's own category.
    pub category: Option<Label>,
    /// What the line is about.
    pub class: LineClass,
    /// How much was used.
    pub quantity: Option<Exact>,
    /// What the quantity counts.
    pub unit: Option<Unit>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when; at that instant no more.
    pub ends_at: Timestamp,
    /// What it costs.
    pub amount: Money,
    /// The project it names.
    pub project: Option<Label>,
    /// The resource it names by id.
    pub resource: Option<ProviderRef>,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case")]
pub enum LineClass {
    /// Something used or bought.
    Charge,
    /// Tax on the rest.
    Tax,
    /// Money back.
    Credit,
}

/// One reading of the bill is whole, and takes the place of the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct LinesSealed {
    /// Which reading.
    pub ingest: IngestId,
    /// How many lines it has.
    pub lines: u32,
    /// What they add up to, in each currency they are in.
    #[cfg_attr(feature = "testing", proptest(strategy = "crate::testing::events::few()"))]
    pub sums: Vec<Money>,
    /// Of the file.
    pub sha256: Sha256Digest,
    /// How the file was read: `digitalocean-csv`, `focus-1.2`.
    pub format: Label,
}

/// Somebody said whose cost a line is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct LineAttributed {
    /// Of which reading.
    pub ingest: IngestId,
    /// Which row.
    pub row: u32,
    /// Whose.
    pub owner: CostOwner,
    /// Lines like it go the same way next month.
    pub remembered: bool,
    /// Why.
    pub reason: Option<Note>,
}

/// Whose cost a line is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CostOwner {
    /// A deployment's, and so its tenant's.
    Deployment(DeploymentId),
    /// A tenant's.
    Tenant(TenantId),
    /// Whoever has this resource then.
    Resource(ResourceId),
    /// Nobody's: it stays visible as such.
    Nobody,
}

/// What we owe the provider, or it holds for us, as it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "testing", derive(proptest_derive::Arbitrary))]
#[serde(deny_unknown_fields)]
pub struct BalanceObserved {
    /// Owed to the provider; below zero it is credit with it.
    pub balance: Money,
    /// Used since its last bill.
    pub used_since_bill: Option<Money>,
}

#[cfg(feature = "testing")]
mod exemplars {
    use super::*;
    use crate::event::{Exemplar, parsed, usd};

    const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    impl Exemplar for BillDiscovered {
        fn exemplar() -> Self {
            Self { status: BillStatus::Open, period: parsed("2026-04"), total: Some(usd("86.92")) }
        }
    }

    impl Exemplar for LinesRecorded {
        fn exemplar() -> Self {
            let droplet = BillLine {
                row: 1,
                product: parsed("Droplets"),
                group: None,
                description: parsed("web-1 (s-1vcpu-1gb)"),
                category: Some(parsed("iaas")),
                class: LineClass::Charge,
                quantity: Some(parsed("720")),
                unit: Some(parsed("hour")),
                starts_at: parsed("2026-04-01T00:00:00Z"),
                ends_at: parsed("2026-05-01T00:00:00Z"),
                amount: usd("6.00"),
                project: Some(parsed("acme")),
                resource: Some(parsed("3164494")),
            };
            let tax = BillLine {
                row: 2,
                product: parsed("Taxes"),
                description: parsed("GST (10%)"),
                class: LineClass::Tax,
                quantity: None,
                unit: None,
                amount: usd("0.60"),
                project: None,
                resource: None,
                ..droplet.clone()
            };
            Self { ingest: parsed("in-1"), lines: vec![droplet, tax] }
        }
    }

    impl Exemplar for LinesSealed {
        fn exemplar() -> Self {
            Self {
                ingest: parsed("in-1"),
                lines: 2,
                sums: vec![usd("6.60")],
                sha256: parsed(DIGEST),
                format: parsed("digitalocean-csv"),
            }
        }
    }

    impl Exemplar for LineAttributed {
        fn exemplar() -> Self {
            Self {
                ingest: parsed("in-1"),
                row: 1,
                owner: CostOwner::Deployment(parsed("acme.shop")),
                remembered: true,
                reason: Some(parsed("the shop's own snapshots")),
            }
        }
    }

    impl Exemplar for BalanceObserved {
        fn exemplar() -> Self {
            Self { balance: usd("12.23"), used_since_bill: Some(usd("-0.001")) }
        }
    }
}
