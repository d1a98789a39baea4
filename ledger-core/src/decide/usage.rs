//! What was metered, corrected: the quantity of one record and nothing else.
//!
//! A correction names its record by its place in the stream, so it can only name one that is there;
//! zero voids it. Of several the last recorded counts, so two at once need no order. How usage may
//! be stated when it comes in is decided here too: plain usage looks at nothing else.

use std::collections::BTreeMap;

use super::catalog::Offers;
use super::{Refusal, RefusalKind, nothing, one};
use crate::catalog::{count_the_same, units_in};
use crate::event::{Event, usage};
use crate::fold::{FoldError, FoldProblem};
use crate::id::{ResourceKind, Unit};
use crate::log::{Record, Revision};
use crate::money::Quantity;

/// The records of one `usage-{tenant}.{period}` stream, as far as a correction looks at them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recorded {
    records: BTreeMap<Revision, Stands>,
    /// Which record each correction is of.
    corrections: BTreeMap<Revision, Revision>,
}

/// What a record stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stands {
    quantity: Quantity,
    is_corrected: bool,
}

impl Recorded {
    /// What one more record makes of it.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let Record { position, revision, .. } = *record;
        let Event::Usage(event) = &record.event else {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            return Err(FoldError::Contradiction { position, problem });
        };
        let stated = |quantity| Stands { quantity, is_corrected: false };
        match event {
            usage::Event::Recorded(it) => {
                self.records.insert(revision, stated(it.quantity));
            }
            usage::Event::GaugeSet(it) => {
                self.records.insert(revision, stated(it.value));
            }
            usage::Event::Corrected(it) => {
                let Some(stands) = self.records.get_mut(&it.record) else {
                    let name = it.record.to_string();
                    return Err(FoldError::Unknown { position, noun: "usage record", name });
                };
                *stands = Stands { quantity: it.quantity, is_corrected: true };
                self.corrections.insert(revision, it.record);
            }
        }
        Ok(self)
    }

    /// What a record stands at.
    pub fn quantity(&self, record: Revision) -> Option<Quantity> {
        self.records.get(&record).map(|it| it.quantity)
    }

    /// Corrects a record. What it stands at already is nothing new; a record that says zero itself
    /// is still voided by a correction to zero, because it counts as a record.
    pub fn correct(
        &self,
        record: Revision,
        quantity: Quantity,
    ) -> Result<Vec<Event>, UsageRefusal> {
        if let Some(of) = self.corrections.get(&record) {
            return Err(UsageRefusal::IsCorrection { record, of: *of });
        }
        let stands = self.records.get(&record).ok_or(UsageRefusal::RecordUnknown { record })?;
        if quantity.is_negative() {
            return Err(UsageRefusal::QuantityNegative { quantity });
        }
        let is_void = |it: &Stands| it.is_corrected || !it.quantity.is_zero();
        if stands.quantity == quantity && is_void(stands) {
            return nothing();
        }
        one(usage::Corrected { record, quantity })
    }
}

/// Why a correction is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageRefusal {
    /// What is named is a correction itself; it is its record that is corrected again.
    #[error("record {record} is a correction of record {of}; correct that one again")]
    IsCorrection {
        /// What was named.
        record: Revision,
        /// What it corrects.
        of: Revision,
    },
    /// There is no such record.
    #[error("no usage is recorded as record {record}")]
    RecordUnknown {
        /// What was named.
        record: Revision,
    },
    /// Less than nothing cannot have been used.
    #[error("{quantity} is less than nothing; zero voids the record")]
    QuantityNegative {
        /// What was given.
        quantity: Quantity,
    },
}

impl Refusal for UsageRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::IsCorrection { .. } => "usage_is_correction",
            Self::RecordUnknown { .. } => "usage_unknown",
            Self::QuantityNegative { .. } => "quantity_negative",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::RecordUnknown { .. } => RefusalKind::NotFound,
            Self::IsCorrection { .. } | Self::QuantityNegative { .. } => RefusalKind::Unprocessable,
        }
    }
}

/// Why usage cannot be stated in a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitRefusal {
    /// Nobody knows how many base units it is.
    #[error("{unit} does not say how many base units it is: its number has to divide a million")]
    Size {
        /// The unit.
        unit: Unit,
    },
    /// The kind is sold in other units, and nothing converts between them.
    #[error("{kind} is sold by the {sold}, and how many of those a {unit} is, nobody knows here")]
    Foreign {
        /// The kind.
        kind: ResourceKind,
        /// The unit.
        unit: Unit,
        /// One that it is sold in.
        sold: Unit,
    },
}

/// Whether usage of a kind may be stated in a unit: one that says its size and, where the catalog
/// sells the kind, counts what it is sold in.
pub fn expect_unit(offers: &Offers, kind: &ResourceKind, unit: &Unit) -> Result<(), UnitRefusal> {
    if units_in(unit).is_none() {
        return Err(UnitRefusal::Size { unit: unit.clone() });
    }
    let mut first = None;
    for sold in offers.units_of(kind) {
        if count_the_same(unit, sold) {
            return Ok(());
        }
        first = first.or(Some(sold));
    }
    let Some(sold) = first.cloned() else { return Ok(()) };
    Err(UnitRefusal::Foreign { kind: kind.clone(), unit: unit.clone(), sold })
}

#[cfg(test)]
mod tests;
