//! What a provider charged: a line of a bill that counts, and what people said about lines.

use super::products::folded;
use crate::catalog::canonical_kind;
use crate::decide::bill::{self, Bill};
use crate::event::provider::{BillLine, CostOwner, LineClass};
use crate::id::{BillRef, IngestId, Provider, ResourceKind};
use crate::log::{Position, Revision};
use crate::stream::Stream;
use crate::time::BillingPeriod;

use super::products::Products;

/// A line of a bill: its row in the reading of it that counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineId {
    /// Whose bill.
    pub provider: Provider,
    /// Which.
    pub bill: BillRef,
    /// Its row.
    pub row: u32,
}

impl LineId {
    /// The stream it stands in.
    pub fn stream(&self) -> Stream {
        Stream::Bill(self.provider.clone(), self.bill.clone())
    }
}

/// A standing line of a sealed bill that is no preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostLine {
    /// Which.
    pub id: LineId,
    /// The reading it is of.
    pub ingest: IngestId,
    /// What the bill says.
    pub line: BillLine,
    /// The record of the bill's stream that made it count: the seal of its reading.
    pub recorded_by: Revision,
}

impl CostLine {
    /// The lines of a bill as it stands; none before a reading is sealed.
    pub fn of(provider: &Provider, number: &BillRef, bill: &Bill) -> Vec<Self> {
        let Some((ingest, recorded_by)) = bill.standing() else { return Vec::new() };
        let line = |line: &BillLine| Self {
            id: LineId { provider: provider.clone(), bill: number.clone(), row: line.row },
            ingest: ingest.clone(),
            line: line.clone(),
            recorded_by,
        };
        bill.lines().iter().map(line).collect()
    }

    /// The period it is a cost of: that of its beginning.
    pub fn period(&self) -> BillingPeriod {
        self.line.starts_at.period()
    }

    /// What its costs are called: `tax`, or what the product table says.
    pub fn kind(&self, products: &Products) -> Option<ResourceKind> {
        match self.line.class {
            LineClass::Tax => Some(ResourceKind::new("tax").expect("a word is a kind")),
            LineClass::Charge | LineClass::Credit => {
                let mapping = products.mapping(&self.id.provider, &self.line.product)?;
                mapping.kind.as_ref().map(canonical_kind)
            }
        }
    }
}

/// What somebody said of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// Which line.
    pub id: LineId,
    /// Of which reading; it may have been superseded since.
    pub ingest: IngestId,
    /// What that line says.
    pub line: BillLine,
    /// Whose it is.
    pub owner: CostOwner,
    /// Whether lines like it go the same way in later months.
    pub remembered: bool,
    /// Where it was said; of several the last counts.
    pub position: Position,
}

impl ByHand {
    /// Everything that was said of a bill's lines, in all its readings.
    pub fn of(provider: &Provider, number: &BillRef, bill: &Bill) -> Vec<Self> {
        let said = |it: &bill::ByHand| Self {
            id: LineId { provider: provider.clone(), bill: number.clone(), row: it.said.row },
            ingest: it.said.ingest.clone(),
            line: it.line.clone(),
            owner: it.said.owner.clone(),
            remembered: it.said.remembered,
            position: it.position,
        };
        bill.by_hand().map(said).collect()
    }
}

/// What two lines have in common that are the same cost in two months, or in two readings.
///
/// Everything that says what is billed and nothing that says how much or when. The size in a
/// description may change; a project or an id that changes makes it another cost, because a rule
/// that reaches too far hides a mistake, and one that ends too soon shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Likeness {
    provider: Provider,
    class: u8,
    words: [String; 4],
    resource: Option<String>,
}

impl Likeness {
    pub(super) fn of(provider: &Provider, line: &BillLine) -> Self {
        let class = match line.class {
            LineClass::Charge => 0,
            LineClass::Tax => 1,
            LineClass::Credit => 2,
        };
        // What stands in brackets or below the first line is a size, a month, hours: not a name.
        let first_line = line.description.as_str().lines().next().unwrap_or_default();
        let words = [
            folded(line.product.as_str()),
            line.group.as_ref().map_or_else(String::new, |it| folded(name_in(it.as_str()))),
            folded(name_in(first_line)),
            line.project.as_ref().map_or_else(String::new, |it| folded(it.as_str())),
        ];
        let resource = line.resource.as_ref().map(|it| it.as_str().to_owned());
        Self { provider: provider.clone(), class, words, resource }
    }
}

/// The name in `name (size)` and in `name (region) 100GB`: what stands before the last bracket.
pub(super) fn name_in(description: &str) -> &str {
    match description.rsplit_once(" (") {
        Some((name, rest)) if rest.contains(')') && !name.trim().is_empty() => name.trim(),
        Some(_) | None => description.trim(),
    }
}
