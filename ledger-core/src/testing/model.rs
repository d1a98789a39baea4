//! The naive reference of a log: a list, and what every append must answer from it.
//!
//! It shares no code with any engine. It knows nothing of positions but that they rise; it learns
//! them from the answers and holds the log to them from then on. The log's own facts, which stand
//! in the `ledger` stream, are not among what was submitted and are passed over.

use std::collections::BTreeMap;

use crate::id::{Actor, CorrelationId, EventId, Key};
use crate::log::{
    Append, AppendError, Appended, EventLog, Expected, NewEvent, OnConflict, Outcome, Position,
    ReadError, ReadStream, Record, Revision,
};
use crate::stream::Stream;

/// One event that was, or may have been, recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRecord {
    /// Its stream.
    pub stream: Stream,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its place in the log, once an answer or a read has said it.
    pub position: Option<Position>,
    actor: Actor,
    causation: Option<EventId>,
    correlation: Option<CorrelationId>,
    new: NewEvent,
}

/// What becomes of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Recorded(Revision),
    Duplicate(usize),
    Conflict(usize),
}

/// What an append must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    fates: Vec<Fate>,
    refusal: Option<&'static str>,
}

impl Verdict {
    /// Its kind, to be counted.
    pub fn in_a_word(&self) -> &'static str {
        if let Some(refusal) = self.refusal {
            return refusal;
        }
        let is_new = |fate: &Fate| matches!(fate, Fate::Recorded(_));
        match self.fates.iter().filter(|fate| is_new(fate)).count() {
            0 => "duplicate",
            new if new == self.fates.len() => "recorded",
            _ => "mixed",
        }
    }
}

/// Which part of a history must be found, and which may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// So many records at least: what was acknowledged.
    pub required: usize,
    /// So many at most: what was submitted.
    pub possible: usize,
}

/// Where a log is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Deviation {
    /// It says itself that it cannot answer.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    /// It answers, and the answer is not the one that was written.
    #[error("{0}")]
    Wrong(String),
}

impl From<String> for Deviation {
    fn from(what: String) -> Self {
        Self::Wrong(what)
    }
}

impl From<Deviation> for String {
    fn from(deviation: Deviation) -> Self {
        deviation.to_string()
    }
}

/// Everything that was submitted and not refused, in order.
#[derive(Debug, Clone, Default)]
pub struct Model {
    records: Vec<ModelRecord>,
    /// After how many records each append ends.
    ends: Vec<usize>,
    keys: BTreeMap<Key, usize>,
    heads: BTreeMap<Stream, Revision>,
}

impl Model {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The records, in order.
    pub fn records(&self) -> &[ModelRecord] {
        &self.records
    }

    /// The revision of a stream's last event.
    pub fn stream_head(&self, stream: &Stream) -> Option<Revision> {
        self.heads.get(stream).copied()
    }

    /// The history of which only so many records came about.
    pub fn cut(&self, len: usize) -> Self {
        let mut cut = Self::default();
        for record in &self.records[..len] {
            cut.push(record.clone());
        }
        cut.ends = self.ends.iter().copied().take_while(|end| *end <= len).collect();
        cut
    }

    fn push(&mut self, record: ModelRecord) {
        if let Some(key) = &record.new.key {
            self.keys.insert(key.clone(), self.records.len());
        }
        self.heads.insert(record.stream.clone(), record.revision);
        self.records.push(record);
    }

    /// What an append must answer now.
    pub fn judge(&self, append: &Append) -> Verdict {
        let mut revision =
            self.stream_head(&append.stream).map_or(Some(Revision::FIRST), Revision::next);
        let mut fates = Vec::new();
        for event in &append.events {
            let known = event.key.as_ref().and_then(|key| self.keys.get(key).copied());
            fates.push(match known {
                Some(first) if self.is_same(first, append, event) => Fate::Duplicate(first),
                Some(first) => Fate::Conflict(first),
                None => {
                    let next = revision.expect("no test fills a stream");
                    revision = next.next();
                    Fate::Recorded(next)
                }
            });
        }
        let refusal = self.refusal(append, &fates);
        Verdict { fates, refusal }
    }

    fn is_same(&self, first: usize, append: &Append, event: &NewEvent) -> bool {
        let first = &self.records[first];
        match (&first.new.fingerprint, &event.fingerprint) {
            (Some(one), Some(other)) => one == other,
            (None, None) => {
                first.stream == append.stream
                    && first.new.occurred_at == event.occurred_at
                    && first.new.event == event.event
            }
            _ => false,
        }
    }

    fn refusal(&self, append: &Append, fates: &[Fate]) -> Option<&'static str> {
        let conflicts = fates.iter().any(|fate| matches!(fate, Fate::Conflict(_)));
        if conflicts && append.on_conflict == OnConflict::RefuseAll {
            return Some("conflict");
        }
        let new = fates.iter().filter(|fate| matches!(fate, Fate::Recorded(_))).count();
        if new == 0 {
            return None;
        }
        let head = self.stream_head(&append.stream);
        let is_there = match append.expected {
            Expected::Any => return None,
            Expected::NoStream => head.is_none(),
            Expected::Exactly(revision) => head == Some(revision),
        };
        if new < fates.len() {
            Some("partly recorded")
        } else if is_there {
            None
        } else {
            Some("wrong revision")
        }
    }

    /// Takes an append whose answer is known, and says where the answer is not what it must be.
    ///
    /// An append that the log stopped in may have come about; one that was refused for want of
    /// space or time has not.
    pub fn take(
        &mut self,
        append: &Append,
        answer: &Result<Appended, AppendError>,
    ) -> Result<(), String> {
        let verdict = self.judge(append);
        let appended = match answer {
            Ok(appended) => Some(appended),
            Err(AppendError::Stopped { .. }) => None,
            Err(AppendError::DiskFull { .. } | AppendError::Busy) => return Ok(()),
            // An engine with small segments may take less than the contract's most.
            Err(AppendError::TooLarge { .. }) if append.events.len() > 8 => return Ok(()),
            Err(error) => return check_refusal(&verdict, error),
        };
        if let Some(refusal) = verdict.refusal {
            return match appended {
                Some(appended) => Err(format!("{refusal} was to be refused, got {appended:?}")),
                None => Ok(()),
            };
        }
        if let Some(appended) = appended {
            self.check_outcomes(&verdict, appended)?;
        }
        let mut outcomes = appended.map(|it| it.outcomes.iter());
        for (event, fate) in append.events.iter().zip(&verdict.fates) {
            let outcome = outcomes.as_mut().and_then(Iterator::next);
            let Fate::Recorded(revision) = *fate else { continue };
            self.push(ModelRecord {
                stream: append.stream.clone(),
                revision,
                position: outcome.map(position_of),
                actor: append.actor.clone(),
                causation: append.causation,
                correlation: append.correlation,
                new: event.clone(),
            });
        }
        self.ends.push(self.records.len());
        Ok(())
    }

    fn check_outcomes(&self, verdict: &Verdict, appended: &Appended) -> Result<(), String> {
        if verdict.fates.len() != appended.outcomes.len() {
            return Err(format!(
                "{} events, {} outcomes",
                verdict.fates.len(),
                appended.outcomes.len()
            ));
        }
        let mut last = self.records.iter().rev().find_map(|record| record.position);
        for (fate, outcome) in verdict.fates.iter().zip(&appended.outcomes) {
            let right = match (*fate, *outcome) {
                (Fate::Recorded(expected), Outcome::Recorded { position, revision }) => {
                    let rises = last.is_none_or(|last| last < position);
                    last = Some(position);
                    rises && expected == revision
                }
                (Fate::Duplicate(first), Outcome::Duplicate { position, revision }) => {
                    let first = &self.records[first];
                    first.revision == revision && first.position.is_none_or(|it| it == position)
                }
                (Fate::Conflict(first), Outcome::Conflict { position }) => {
                    self.records[first].position.is_none_or(|it| it == position)
                }
                _ => false,
            };
            if !right {
                return Err(format!("{fate:?} was to come, {outcome:?} came"));
            }
        }
        let highest = appended.outcomes.iter().map(position_of).max();
        if highest != Some(appended.position) {
            return Err(format!("{highest:?} is the highest outcome, not {}", appended.position));
        }
        Ok(())
    }

    /// Holds a log to this history: a beginning of it within the bounds, appends whole, everything
    /// as it was submitted, positions without a gap. Answers how many records it holds.
    pub fn check(&self, log: &dyn EventLog, bounds: Bounds) -> Result<usize, Deviation> {
        self.check_after(log, bounds, 0)
    }

    /// As [`Model::check`], without looking at the first `passed` records, which must be there.
    pub fn check_after(
        &self,
        log: &dyn EventLog,
        bounds: Bounds,
        passed: usize,
    ) -> Result<usize, Deviation> {
        let known = passed.checked_sub(1).and_then(|last| self.records.get(last)?.position);
        let (mut found, mut position) =
            known.map_or((0, Position::ORIGIN), |position| (passed, position));
        let wrong = |what: String| Err(Deviation::Wrong(what));
        for record in log.read_all(position)? {
            let record = record?;
            if record.position.get() != position.get() + 1 {
                return wrong(format!("position {} follows {position}", record.position));
            }
            position = record.position;
            if record.stream == Stream::Ledger {
                continue;
            }
            let Some(expected) = self.records.get(found) else {
                return wrong(format!("position {position} was never submitted: {record:?}"));
            };
            check_record(expected, &record)?;
            found += 1;
        }
        if log.head() != position {
            return wrong(format!("the head is {}, the last record has {position}", log.head()));
        }
        if found < bounds.required {
            let lost = bounds.required - found;
            return wrong(format!("{lost} acknowledged records of {} are lost", bounds.required));
        }
        if found > bounds.possible {
            return wrong(format!("{found} records, of which {} were submitted", bounds.possible));
        }
        if found > 0 && self.ends.binary_search(&found).is_err() {
            return wrong(format!("{found} records end in the middle of an append"));
        }
        Ok(found)
    }

    /// Holds every way to ask to the same history, which must be the whole of this one.
    pub fn check_answers(&self, log: &dyn EventLog) -> Result<(), Deviation> {
        let wrong = |what: String| Err(Deviation::Wrong(what));
        for (stream, head) in &self.heads {
            if log.stream_head(stream)? != Some(*head) {
                return wrong(format!("{stream} is to be at {head}"));
            }
            let expected: Vec<_> =
                self.records.iter().filter(|record| record.stream == *stream).collect();
            let read = |way| log.read_stream(stream, way)?.collect::<Result<Vec<Record>, _>>();
            let forwards = read(ReadStream::Forwards(Revision::FIRST))?;
            let mut backwards = read(ReadStream::Backwards)?;
            backwards.reverse();
            if forwards != backwards || forwards.len() != expected.len() {
                return wrong(format!("{stream} reads one way unlike the other"));
            }
            for (expected, record) in expected.into_iter().zip(&forwards) {
                check_record(expected, record)?;
            }
        }
        for (key, place) in &self.keys {
            match log.find(key)? {
                Some(record) => check_record(&self.records[*place], &record)?,
                None => return wrong(format!("{key:?} is not found")),
            }
        }
        Ok(())
    }
}

fn check_refusal(verdict: &Verdict, error: &AppendError) -> Result<(), String> {
    let came = if matches!(error, AppendError::Conflict { .. }) {
        "conflict"
    } else if matches!(error, AppendError::PartlyRecorded { .. }) {
        "partly recorded"
    } else if matches!(error, AppendError::WrongRevision { .. }) {
        "wrong revision"
    } else {
        return Err(format!("{verdict:?} was to come, {error} came"));
    };
    if verdict.refusal == Some(came) {
        Ok(())
    } else {
        Err(format!("{verdict:?} was to come, {came} came"))
    }
}

fn check_record(expected: &ModelRecord, record: &Record) -> Result<(), Deviation> {
    let right = expected.stream == record.stream
        && expected.revision == record.revision
        && expected.position.is_none_or(|position| position == record.position)
        && expected.actor == record.actor
        && expected.causation == record.causation
        && expected.correlation == record.correlation
        && expected.new.key == record.key
        && expected.new.fingerprint == record.fingerprint
        && expected.new.occurred_at == record.occurred_at
        && expected.new.event == record.event;
    if right {
        Ok(())
    } else {
        Err(Deviation::Wrong(format!("{expected:?} was submitted, {record:?} is there")))
    }
}

fn position_of(outcome: &Outcome) -> Position {
    match *outcome {
        Outcome::Recorded { position, .. }
        | Outcome::Duplicate { position, .. }
        | Outcome::Conflict { position } => position,
    }
}
