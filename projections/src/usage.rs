//! What a tenant used in a period, by kind and deployment, as it stands after corrections.
//!
//! Rows are chunks of a usage stream, so that none grows with the month and a correction touches
//! the chunk of its record; [`total`] adds them up. Amounts are exact sums in the units they were
//! recorded in; nothing is priced here.

use std::collections::BTreeMap;

use ledger_core::catalog::canonical_kind;
use ledger_core::event::Event;
use ledger_core::event::usage;
use ledger_core::fold::FoldError;
use ledger_core::id::{DeploymentSlug, ResourceKind, TenantId, Unit};
use ledger_core::log::Record;
use ledger_core::money::{Exact, ExactError};
use ledger_core::stream::Stream;
use ledger_core::time::{BillingPeriod, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Projection, RowKey, join, split};

/// Metered usage by kind and deployment.
#[derive(Debug)]
pub struct UsageView;

/// Records of one row.
const CHUNK_RECORDS: u64 = 256;

/// A run of a tenant's records of a period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageKey {
    /// Who used.
    pub tenant: TenantId,
    /// When.
    pub period: BillingPeriod,
    /// Which run of the stream's records.
    pub chunk: u64,
}

impl UsageKey {
    /// What the keys of all rows of a tenant and period begin with.
    pub fn prefix(tenant: &TenantId, period: BillingPeriod) -> Vec<u8> {
        join(&[tenant.as_str(), &period.to_string()])
    }
}

impl RowKey for UsageKey {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Self::prefix(&self.tenant, self.period);
        bytes.extend_from_slice(&self.chunk.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (prefix, chunk) = bytes.split_last_chunk::<8>()?;
        let [tenant, period] = split(prefix)?;
        let chunk = u64::from_be_bytes(*chunk);
        Some(Self { tenant: tenant.parse().ok()?, period: period.parse().ok()?, chunk })
    }
}

/// What is summed together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Meter {
    /// Of what.
    pub kind: ResourceKind,
    /// In which unit it was recorded; `None`: the kind's base unit.
    pub unit: Option<Unit>,
    /// By which deployment; `None`: the tenant's own.
    pub deployment: Option<DeploymentSlug>,
}

/// The sum of one meter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// How much, after corrections.
    pub quantity: Exact,
    /// How many records, those corrected to zero not counted.
    pub records: u64,
    /// When the last of them began.
    pub last_at: Timestamp,
}

/// A record as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    revision: u64,
    meter: Meter,
    quantity: Exact,
    at: Timestamp,
}

/// Some of the records of a tenant and period.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UsageRow {
    standing: Vec<Standing>,
}

/// Adds up the rows of a tenant and period.
pub fn total<'a>(
    rows: impl IntoIterator<Item = &'a UsageRow>,
) -> Result<BTreeMap<Meter, Metered>, ExactError> {
    let mut total: BTreeMap<Meter, Metered> = BTreeMap::new();
    for it in rows.into_iter().flat_map(|row| &row.standing) {
        // Two names of one kind are one meter.
        let meter = Meter { kind: canonical_kind(&it.meter.kind), ..it.meter.clone() };
        let metered = total.entry(meter).or_insert_with(|| Metered {
            quantity: Exact::ZERO,
            records: 0,
            last_at: it.at,
        });
        metered.quantity = metered.quantity.checked_add(it.quantity)?;
        metered.records += u64::from(!it.quantity.is_zero());
        metered.last_at = metered.last_at.max(it.at);
    }
    Ok(total)
}

impl Projection for UsageView {
    const NAME: &'static str = "usage";
    const VERSION: u16 = 1;
    type Key = UsageKey;
    type Row = UsageRow;

    fn keys(record: &Record) -> Vec<UsageKey> {
        let (Stream::Usage(tenant, period), Event::Usage(event)) = (&record.stream, &record.event)
        else {
            return Vec::new();
        };
        let concerned = match event {
            usage::Event::Recorded(_) => record.revision,
            usage::Event::Corrected(it) => it.record,
            // What a gauge stands at is no quantity: its hours are metered at the asked instant.
            usage::Event::GaugeSet(_) => return Vec::new(),
        };
        let chunk = concerned.get() / CHUNK_RECORDS;
        vec![UsageKey { tenant: tenant.clone(), period: *period, chunk }]
    }

    fn fold(mut row: UsageRow, _: &UsageKey, record: &Record) -> Result<UsageRow, FoldError> {
        match &record.event {
            Event::Usage(usage::Event::Recorded(it)) => row.standing.push(Standing {
                revision: record.revision.get(),
                meter: Meter {
                    kind: it.kind.clone(),
                    unit: it.unit.clone(),
                    deployment: it.deployment.clone(),
                },
                quantity: it.quantity.get(),
                at: record.occurred_at,
            }),
            Event::Usage(usage::Event::Corrected(it)) => {
                let named = |standing: &&mut Standing| standing.revision == it.record.get();
                match row.standing.iter_mut().find(named) {
                    Some(standing) => standing.quantity = it.quantity.get(),
                    // A gauge's correction concerns no quantity here.
                    None => return Ok(row),
                }
            }
            Event::Usage(usage::Event::GaugeSet(_))
            | Event::Catalog(_)
            | Event::Account(_)
            | Event::Deployment(_)
            | Event::Inventory(_)
            | Event::Provider(_)
            | Event::Invoice(_)
            | Event::Enforcement(_)
            | Event::Operation(_)
            | Event::Support(_)
            | Event::Ledger(_) => (),
        }
        Ok(row)
    }
}
