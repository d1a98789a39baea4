//! A provider's bill: its header, the readings of its file, and whose cost its lines are by hand.
//!
//! A reading comes in chunks and counts once it is sealed; the latest sealed one is the bill. The
//! name of a reading is the digest of its file, so the same file is the same reading: one that was
//! cut short is finished by the same file, and one that is sealed is never made again.

use std::collections::BTreeMap;

use super::{nothing, one};
use crate::bill::{Reading, sums};
use crate::event;
use crate::event::provider::{
    BillDiscovered, BillLine, BillStatus, Event, LineAttributed, LinesRecorded, LinesSealed,
};
use crate::fold::{FoldError, FoldProblem};
use crate::id::IngestId;
use crate::log::{EVENT_BYTES_MAX, Position, Record, Revision};
use crate::money::{Money, MoneyError};

mod refusal;

pub use refusal::{AttributionRefusal, DiscoveryRefusal, IngestRefusal};

/// One reading of the bill, whole or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Progress {
    /// Empty again once another reading took its place.
    lines: Vec<BillLine>,
    sealed: Option<LinesSealed>,
    sealed_by: Option<Revision>,
}

/// A line and whose cost somebody said it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByHand {
    /// The line, as it stood in its reading.
    pub line: BillLine,
    /// What was said.
    pub said: LineAttributed,
    /// Where.
    pub position: Position,
}

/// The fold of `bill-{provider}.{invoice}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bill {
    header: Option<BillDiscovered>,
    readings: BTreeMap<IngestId, Progress>,
    standing: Option<IngestId>,
    by_hand: BTreeMap<(IngestId, u32), ByHand>,
}

impl Bill {
    /// What the provider says of it.
    pub const fn header(&self) -> Option<&BillDiscovered> {
        self.header.as_ref()
    }

    /// The seal of the reading that is the bill.
    pub fn sealed(&self) -> Option<&LinesSealed> {
        self.readings.get(self.standing.as_ref()?)?.sealed.as_ref()
    }

    /// The reading that is the bill, and the record that sealed it.
    pub fn standing(&self) -> Option<(&IngestId, Revision)> {
        let standing = self.standing.as_ref()?;
        Some((standing, self.readings.get(standing)?.sealed_by?))
    }

    /// The lines of the reading that is the bill. What is not sealed counts for nothing.
    pub fn lines(&self) -> &[BillLine] {
        let standing = self.standing.as_ref().and_then(|it| self.readings.get(it));
        standing.map_or(&[], |it| &it.lines)
    }

    /// What the header's total holds beyond the lines, where both are in one currency. A file has
    /// no total of its own: this is how one that lost rows shows itself.
    pub fn beyond_lines(&self) -> Result<Option<Money>, MoneyError> {
        let total = self.header.as_ref().and_then(|it| it.total);
        let (Some(total), Some(sealed)) = (total, self.sealed()) else { return Ok(None) };
        match &sealed.sums[..] {
            [] => Ok(Some(total)),
            [sum] if sum.currency() == total.currency() => total.checked_sub(*sum).map(Some),
            _ => Ok(None),
        }
    }

    /// Whose cost a line of the bill is, where somebody said so.
    pub fn attribution(&self, row: u32) -> Option<&LineAttributed> {
        let standing = self.standing.clone()?;
        Some(&self.by_hand.get(&(standing, row))?.said)
    }

    /// Everything that was said by hand, of this reading and those before it.
    pub fn by_hand(&self) -> impl Iterator<Item = &ByHand> {
        self.by_hand.values()
    }

    /// Everything that was said by hand and is remembered, of this reading and those before it.
    pub fn remembered(&self) -> impl Iterator<Item = &ByHand> {
        self.by_hand.values().filter(|it| it.said.remembered)
    }

    /// What one more record makes of it.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let position = record.position;
        let broken = |problem| FoldError::Contradiction { position, problem: Box::new(problem) };
        let event::Event::Provider(event) = &record.event else {
            return Err(broken(FoldProblem::Foreign { wire: record.event.wire_name() }));
        };
        if self.header.is_none() && !matches!(event, Event::BillDiscovered(_)) {
            return Err(broken(FoldProblem::NotBegun));
        }
        match event {
            Event::BillDiscovered(it) => self.header = Some(it.clone()),
            Event::LinesRecorded(it) => self.record(it).map_err(broken)?,
            Event::LinesSealed(it) => self.seal(it, record.revision).map_err(broken)?,
            Event::LineAttributed(it) => self.attributed(it, position).map_err(broken)?,
            Event::BalanceObserved(_) => {
                return Err(broken(FoldProblem::Foreign { wire: record.event.wire_name() }));
            }
        }
        Ok(self)
    }

    fn record(&mut self, it: &LinesRecorded) -> Result<(), FoldProblem> {
        let progress = self.readings.entry(it.ingest.clone()).or_default();
        if progress.sealed.is_some() {
            return Err(FoldProblem::ReadingSealed { ingest: it.ingest.clone() });
        }
        for line in &it.lines {
            let before = progress.lines.last().map_or(0, |it| it.row);
            if line.row <= before {
                let ingest = it.ingest.clone();
                return Err(FoldProblem::RowOrder { ingest, row: line.row, before });
            }
            progress.lines.push(line.clone());
        }
        Ok(())
    }

    fn seal(&mut self, it: &LinesSealed, by: Revision) -> Result<(), FoldProblem> {
        let ingest = it.ingest.clone();
        let progress = self.readings.entry(ingest.clone()).or_default();
        if progress.sealed.is_some() {
            return Err(FoldProblem::ReadingSealed { ingest });
        }
        let found = u32::try_from(progress.lines.len()).unwrap_or(u32::MAX);
        if found != it.lines {
            return Err(FoldProblem::SealedCount { ingest, sealed: it.lines, found });
        }
        let found = sums(&progress.lines)?;
        if found != it.sums {
            return Err(FoldProblem::SealedSums { ingest, sealed: it.sums.clone(), found });
        }
        (progress.sealed, progress.sealed_by) = (Some(it.clone()), Some(by));
        if let Some(former) = self.standing.replace(ingest)
            && let Some(former) = self.readings.get_mut(&former)
        {
            former.lines = Vec::new();
        }
        Ok(())
    }

    fn attributed(&mut self, it: &LineAttributed, position: Position) -> Result<(), FoldProblem> {
        let line = self.line(&it.ingest, it.row).cloned();
        let (ingest, row) = (it.ingest.clone(), it.row);
        let line = line.ok_or(FoldProblem::UnknownRow { ingest: ingest.clone(), row })?;
        self.by_hand.insert((ingest, row), ByHand { line, said: it.clone(), position });
        Ok(())
    }

    /// A line of the reading that is the bill.
    fn line(&self, ingest: &IngestId, row: u32) -> Option<&BillLine> {
        let lines = self.lines();
        self.standing.as_ref().filter(|it| *it == ingest)?;
        lines.get(lines.binary_search_by_key(&row, |it| it.row).ok()?)
    }
}

/// The lines of one event take no more than this, so that it stays below the limit of an event.
const CHUNK_BYTES_MAX: usize = EVENT_BYTES_MAX - 1024;
/// One answer takes no more than this: a large file is recorded in several appends.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

impl Bill {
    /// A bill was seen. As it was seen last: nothing.
    pub fn discover(
        &self,
        command: &BillDiscovered,
    ) -> Result<Vec<event::Event>, DiscoveryRefusal> {
        let Some(known) = &self.header else { return one(command.clone()) };
        if known == command {
            return nothing();
        }
        if command.status == BillStatus::Preview && known.status != BillStatus::Preview {
            return Err(DiscoveryRefusal::BillClosed { status: known.status });
        }
        one(command.clone())
    }

    /// Records what was read, as far as one append goes: asked again until there is nothing left,
    /// it ends in the seal, wherever it was cut before. The same file again: nothing.
    pub fn ingest(&self, reading: &Reading) -> Result<Vec<event::Event>, IngestRefusal> {
        let header = self.header.as_ref().ok_or(IngestRefusal::BillUnknown)?;
        let ingest = reading.ingest();
        let empty = Progress::default();
        let progress = self.readings.get(&ingest).unwrap_or(&empty);
        if progress.sealed.is_some() {
            return nothing();
        }
        if header.status == BillStatus::Preview {
            return Err(IngestRefusal::BillIsPreview { period: header.period });
        }
        let recorded = &progress.lines;
        let differs = |(one, two): &(&BillLine, &BillLine)| one != two;
        if let Some((was, _)) = recorded.iter().zip(reading.lines()).find(differs) {
            return Err(IngestRefusal::ReadingDiffers { row: was.row });
        }
        let Some(rest) = reading.lines().get(recorded.len()..) else {
            let row = recorded.last().map_or(0, |it| it.row);
            return Err(IngestRefusal::ReadingDiffers { row });
        };
        let (chunks, is_all) = chunks(rest);
        let mut events = Vec::<event::Event>::new();
        for lines in chunks {
            let lines = lines.to_vec();
            events.push(LinesRecorded { ingest: ingest.clone(), lines }.into());
        }
        if is_all {
            events.push(seal(ingest, reading).into());
        }
        Ok(events)
    }

    /// Says by hand whose cost a line is. The same again: nothing.
    pub fn attribute(
        &self,
        command: &LineAttributed,
    ) -> Result<Vec<event::Event>, AttributionRefusal> {
        if self.header.is_none() {
            return Err(AttributionRefusal::BillUnknown);
        }
        let ingest = command.ingest.clone();
        let is_sealed = self.readings.get(&ingest).is_some_and(|it| it.sealed.is_some());
        let standing = self.standing.clone().filter(|_| is_sealed);
        let Some(standing) = standing else {
            return Err(AttributionRefusal::ReadingUnknown { ingest });
        };
        if standing != ingest {
            return Err(AttributionRefusal::ReadingSuperseded { ingest, standing });
        }
        if self.line(&ingest, command.row).is_none() {
            return Err(AttributionRefusal::RowUnknown { row: command.row });
        }
        if self.attribution(command.row) == Some(command) {
            return nothing();
        }
        one(command.clone())
    }
}

fn seal(ingest: IngestId, reading: &Reading) -> LinesSealed {
    LinesSealed {
        ingest,
        lines: u32::try_from(reading.lines().len()).expect("a reading has fewer rows"),
        sums: reading.sums().to_vec(),
        sha256: reading.sha256(),
        format: reading.format().label(),
    }
}

/// As many lines in each chunk as fit into an event, as many chunks as fit into an answer; and
/// whether those are all lines.
fn chunks(lines: &[BillLine]) -> (Vec<&[BillLine]>, bool) {
    let (mut chunks, mut rest, mut answer) = (Vec::new(), lines, 0);
    while !rest.is_empty() && answer < ANSWER_BYTES_MAX {
        let mut bytes = 0;
        let fits = |it: &&BillLine| {
            bytes += bytes_max(it);
            bytes <= CHUNK_BYTES_MAX
        };
        // The longest line there may be is far below a chunk.
        let count = rest.iter().take_while(fits).count().max(1);
        let (chunk, after) = rest.split_at(count);
        answer += chunk.iter().map(bytes_max).sum::<usize>();
        chunks.push(chunk);
        rest = after;
    }
    (chunks, rest.is_empty())
}

/// What a line takes in an event at most: its texts, and all else at its longest.
fn bytes_max(line: &BillLine) -> usize {
    const REST: usize = 128;
    let labels = [Some(&line.product), line.group.as_ref(), line.category.as_ref()];
    let labels = labels.into_iter().chain([line.project.as_ref()]).flatten();
    let unit = line.unit.as_ref().map_or(0, |it| it.as_str().len());
    let resource = line.resource.as_ref().map_or(0, |it| it.as_str().len());
    let description = line.description.as_str().len();
    REST + labels.map(|it| it.as_str().len()).sum::<usize>() + unit + resource + description
}

#[cfg(test)]
mod tests;
