//! Reads the log in order, in pieces: the fast path of scans, and what every iterator is made of.
//!
//! A scan keeps the view it began with and never passes the head it was given, so it sees one
//! moment of the log whatever the writer does meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::id::{LedgerId, Role};
use crate::log::{Position, ReadError, Record, Records};

use super::frame_reader::{self, FrameBatch};
use super::leaves::StoredId;
use super::raw::{Entry, NameKind, Names, RawRecord, Rows};
use super::sealed_segment::Loaded;
use super::shared::{Part, Shared, View};
use super::spelled::Spelled;
use super::spelling;
use super::tail::Tail;

/// Records of a sealed segment handed out in one piece.
const PIECE_RECORDS: u64 = 4096;

/// A record as a scan sees it: names borrowed from its segment, the body as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct ScannedRecord<'a> {
    raw: &'a RawRecord<'a>,
    names: &'a Names,
    segment: u32,
}

impl<'a> ScannedRecord<'a> {
    pub(crate) fn new(raw: &'a RawRecord<'a>, names: &'a Names, segment: u32) -> Self {
        Self { raw, names, segment }
    }

    /// Its place in the whole log.
    pub fn position(&self) -> Position {
        Position::new(self.raw.position)
    }

    /// The segment it is in. Numbers of names mean something only within it.
    pub fn segment(&self) -> u32 {
        self.segment
    }

    /// The number of its stream within the segment: dense, so a fold may index an array by it.
    pub fn stream_number(&self) -> u32 {
        self.raw.stream
    }

    /// The name of its stream.
    pub fn stream(&self) -> &'a str {
        self.names.text(NameKind::Stream, self.raw.stream).unwrap_or_default()
    }

    /// Its place in its stream.
    pub fn revision(&self) -> u64 {
        self.raw.revision
    }

    /// The number of its wire name within the segment.
    pub fn wire_number(&self) -> u32 {
        self.raw.wire
    }

    /// Its wire name.
    pub fn wire(&self) -> &'a str {
        self.names.text(NameKind::Wire, self.raw.wire).unwrap_or_default()
    }

    /// The world's clock, in microseconds since 1970.
    pub fn occurred_at_micros(&self) -> i64 {
        self.raw.occurred_at
    }

    /// The log's clock, in microseconds since 1970.
    pub fn recorded_at_micros(&self) -> i64 {
        self.raw.recorded_at
    }

    /// The event that made it necessary.
    pub fn causation(&self) -> Option<[u8; 16]> {
        self.raw.causation.copied()
    }

    /// The request or process it belongs to.
    pub fn correlation(&self) -> Option<[u8; 16]> {
        self.raw.correlation.copied()
    }

    /// What a repeat must match, where it is not the event itself.
    pub fn fingerprint(&self) -> Option<[u8; 32]> {
        self.raw.fingerprint.copied()
    }

    /// In which role somebody acted, and who.
    pub fn actor(&self) -> Option<(Role, &'a str)> {
        self.names.text(NameKind::Actor, self.raw.actor).and_then(spelling::split_actor)
    }

    /// The spelled source of its key, and the caller's part of it.
    pub(crate) fn key(&self) -> Option<(&'a str, StoredId<'a>)> {
        let key = self.raw.key.as_ref()?;
        let source = self.names.text(NameKind::Source, key.source)?;
        Some((source, StoredId { bytes: key.id, is_uuid: key.is_uuid, index: key.index }))
    }

    /// The body, as it was encoded.
    pub fn body(&self) -> &'a [u8] {
        self.raw.body
    }

    /// The record, owned and decoded.
    pub fn to_record(&self, ledger: LedgerId) -> Result<Record, ReadError> {
        match Spelled::new(self.raw, self.names) {
            Some(spelled) => spelled.into_record(ledger),
            None => Err(ReadError::Undecodable {
                position: self.position(),
                wire: self.wire().to_owned(),
                what: "a number has no name".to_owned(),
            }),
        }
    }
}

/// Reads everything after a position up to a head, in pieces.
pub struct Scan {
    view: Arc<View>,
    ledger: LedgerId,
    next: u64,
    upto: u64,
    /// The segment that is being read, decoded whole.
    loaded: Option<(u32, Loaded)>,
    /// The names of the unsealed segment that was read last.
    names: Option<(u32, Names)>,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan")
            .field("next", &self.next)
            .field("upto", &self.upto)
            .finish_non_exhaustive()
    }
}

impl Scan {
    /// The head is taken first: whatever it covers is in the view taken after it.
    pub(crate) fn new(shared: &Shared, after: Position) -> Self {
        let upto = shared.head();
        Self {
            view: shared.view(),
            ledger: shared.identity.ledger,
            next: after.get().saturating_add(1),
            upto,
            loaded: None,
            names: None,
        }
    }

    /// The last position it will read.
    pub fn upto(&self) -> Position {
        Position::new(self.upto)
    }

    /// Hands the next piece to `visit`, in order; answers whether there was one.
    pub fn next_piece(
        &mut self,
        mut visit: impl FnMut(ScannedRecord<'_>) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        if self.next > self.upto {
            // Who follows may wait here for days: the segment behind is not held meanwhile.
            self.loaded = None;
            return Ok(false);
        }
        let Some(part) = self.view.part_of(self.next) else {
            return Err(self.damaged("no segment holds the next position"));
        };
        match part {
            Part::Tail(tail) => {
                self.loaded = None;
                let Some(batch) = frame_reader::read_frames(&tail, self.next, self.upto)? else {
                    return Err(self.damaged("no frame holds the next position"));
                };
                self.visit_frames(&tail, &batch, &mut visit)?;
            }
            Part::Sealed(sealed) => {
                let segment = sealed.segment();
                let is_loaded = self.loaded.as_ref().is_some_and(|(it, _)| *it == segment);
                if !is_loaded {
                    // The buffer of the segment before is used again.
                    let buffer = self.loaded.take().map(|(_, loaded)| loaded);
                    self.loaded = Some((segment, sealed.load(buffer)?));
                }
                let Some((_, loaded)) = &self.loaded else { return Ok(false) };
                let end = sealed.end_position().min(self.upto.saturating_add(1));
                let end = end.min(self.next.saturating_add(PIECE_RECORDS));
                let records = loaded.records(self.next);
                for (record, next) in records.zip(self.next..end) {
                    visit(ScannedRecord::new(&record, loaded.names(), segment))?;
                    self.next = next.saturating_add(1);
                }
                if self.next < end {
                    return Err(self.damaged("a sealed segment misses a position"));
                }
            }
        }
        Ok(true)
    }

    /// Nobody waits for a visitor: the names are the scan's own copy, taken once a segment and
    /// continued from the frames.
    fn visit_frames(
        &mut self,
        tail: &Tail,
        batch: &FrameBatch,
        visit: &mut impl FnMut(ScannedRecord<'_>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let held = self.names.take().filter(|(segment, _)| *segment == tail.segment);
        let mut names = match held {
            Some((_, names)) => names,
            None => tail.read().names.clone(),
        };
        for (frame, payload) in batch.iter() {
            for row in Rows::new(payload, frame.base()) {
                let damaged = |what: String| ReadError::Damaged {
                    file: tail.path.clone(),
                    offset: frame.offset,
                    position: Position::new(self.next.saturating_sub(1)),
                    what,
                };
                match row.map_err(|error| damaged(error.to_string()))? {
                    Entry::Name(name) => {
                        if names.text(name.kind, name.number).is_none() {
                            names.define(&name).map_err(|error| damaged(error.to_string()))?;
                        }
                    }
                    Entry::Event(record) if record.position == self.next => {
                        visit(ScannedRecord::new(&record, &names, tail.segment))?;
                        self.next = self.next.saturating_add(1);
                    }
                    Entry::Event(_) => (),
                }
            }
        }
        self.names = Some((tail.segment, names));
        Ok(())
    }

    /// Sees up to a later head, as the log is now.
    pub(crate) fn extend(&mut self, shared: &Shared) {
        self.upto = shared.head();
        self.view = shared.view();
    }

    /// Hands every record to `visit`, in order.
    pub fn for_each(
        mut self,
        mut visit: impl FnMut(ScannedRecord<'_>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        while self.next_piece(&mut visit)? {}
        Ok(())
    }

    fn damaged(&self, what: &str) -> ReadError {
        ReadError::Damaged {
            file: super::layout::SEGMENTS_DIR.to_owned(),
            offset: 0,
            position: Position::new(self.next.saturating_sub(1)),
            what: what.to_owned(),
        }
    }

    /// The records as an iterator of owned ones.
    pub fn into_records(self) -> Records {
        Box::new(ScanRecords { scan: Some(self), ready: VecDeque::new() })
    }
}

struct ScanRecords {
    scan: Option<Scan>,
    ready: VecDeque<Result<Record, ReadError>>,
}

impl Iterator for ScanRecords {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let scan = self.scan.as_mut()?;
            let (ledger, ready) = (scan.ledger, &mut self.ready);
            let read = scan.next_piece(|record| {
                ready.push_back(Ok(record.to_record(ledger)?));
                Ok(())
            });
            if !matches!(read, Ok(true)) {
                self.scan = None;
            }
            self.ready.extend(read.err().map(Err));
        }
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::event::{Event, ledger};
    use crate::id::{Actor, Role};
    use crate::log::embedded::{EmbeddedLog, Options, Threads, fact};
    use crate::log::{EventLog, Follow};
    use crate::testing::clock::SteppingClock;
    use crate::testing::disk::SimulatedDisk;
    use crate::testing::workload::epoch;

    fn append(log: &EmbeddedLog) {
        let accepted = ledger::ClockAccepted {
            now: epoch(),
            last: epoch(),
            reason: "x".repeat(500).parse().unwrap(),
        };
        let actor = Actor { who: "ann".parse().unwrap(), role: Role::Operator };
        log.append(fact(Event::from(accepted), epoch(), actor)).wait().unwrap();
    }

    /// A view that has caught up follows for days; a decoded segment is about 90 megabytes.
    #[test]
    fn who_has_caught_up_holds_no_segment() {
        let disk = SimulatedDisk::new();
        let options = Options {
            segment_bytes: 64 * 1024,
            threads: Threads::Caller,
            clock: Arc::new(SteppingClock::starting_at(epoch())),
            ..Options::default()
        };
        let log = EmbeddedLog::open(Arc::new(disk), options).unwrap();
        // More than two segments.
        (0..300).for_each(|_| append(&log));
        log.settle();
        append(&log);

        let mut follower = log.reader().follow(Position::ORIGIN);
        let mut held = 0;
        for _ in 0..=300 {
            follower.next(Duration::ZERO).unwrap().unwrap();
            held += u32::from(follower.scan.loaded.is_some());
        }
        assert!(held > 0, "sealed segments are decoded while they are read");
        assert!(follower.scan.loaded.is_none(), "it reads what is not sealed");
        // It waits at the end of a segment that has been sealed meanwhile.
        let mut scan = log.reader().scan(Position::ORIGIN);
        scan.upto = scan.view.sealed()[0].end_position() - 1;
        while scan.next_piece(|_| Ok(())).unwrap() {}
        assert!(scan.loaded.is_none(), "it reads nothing");
    }
}
