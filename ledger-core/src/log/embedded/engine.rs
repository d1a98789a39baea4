//! The one writer: judges appends, encodes them into a frame, makes it durable, then acknowledges.
//!
//! It runs on one thread and owns the active segment. A group is every append that waited: one
//! write, one sync, then all answers. Judgements are made against state that may not be durable
//! yet, so no answer, not even a refusal, leaves before the group is durable. Any error from the
//! disk stops it for good: nothing is retried, nothing more is appended, readers go on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::id::{CorrelationId, EventId};
use crate::log::storage::{begin_write_all_at, write_all_at};
use crate::log::{
    AppendError, Appended, Completer, Expected, OnConflict, Outcome, Position, Revision,
};
use crate::time::Timestamp;

use super::clock_guard::ClockGuard;
use super::dedupe::{GroupKeys, Judged, Known, appended};
use super::frame::{FRAME_HEADER_BYTES, FrameHeader, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::layout;
use super::mark::{HighWater, Mark, MarkFile};
use super::prepare::Prepared;
use super::raw::{NameKind, RawRecord, RowBase};
use super::shared::Shared;
use super::spare;
use super::tail::{Tail, TailFrame};

mod group;

use group::{Group, LastNumbers, RowWriter};

/// An append that waits, and who waits for it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) prepared: Prepared,
    pub(crate) answer: Completer<Answer>,
}

/// What the disk refused. After this the log is closed to appends until it is opened again.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}: {source}")]
pub(crate) struct Failure {
    pub(crate) what: &'static str,
    pub(crate) path: String,
    pub(crate) source: io::Error,
}

impl Failure {
    pub(crate) fn new(what: &'static str, path: &str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { what, path, source }
    }
}

/// Why an append is not in the frame.
enum Refused {
    /// The caller's business.
    Append(AppendError),
    /// Ours: the log stops.
    Failure(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Where the log ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) sequence: u64,
    pub(crate) position: u64,
    pub(crate) recorded_at: Option<i64>,
}

/// What an append is told.
type Answer = Result<Appended, AppendError>;

/// See the file's opening words.
#[derive(Debug)]
pub(crate) struct Engine {
    shared: Arc<Shared>,
    high_water: HighWater,
    clock: ClockGuard,
    active: Arc<Tail>,
    /// The header of a segment that has no frame yet; it is written with the first.
    segment_header: Option<[u8; SEGMENT_HEADER_BYTES]>,
    /// Whether the active segment got its name since the mark was synced. A lie about a name takes
    /// every group in the file, so the first of them syncs the mark in either mode.
    is_named_anew: bool,
    offset: u64,
    head: Head,
    /// Including events of the group that is not durable yet.
    next_position: u64,
    mark: MarkFile,
    group: Group,
    answers: Vec<(Completer<Answer>, Answer)>,
    /// The appends of the group, once they are in it. To free them takes as long as to put them
    /// there.
    spent: Vec<Prepared>,
}

impl Engine {
    /// Continues a log that was recovered. `offset` is where the active segment's next frame goes.
    pub(crate) fn new(
        shared: Arc<Shared>,
        high_water: HighWater,
        clock: ClockGuard,
        active: Arc<Tail>,
        has_header: bool,
        head: Head,
        mark: MarkFile,
    ) -> Self {
        let offset = active.read().end();
        let mut engine = Self {
            segment_header: None,
            is_named_anew: true,
            group: Group::new(),
            answers: Vec::new(),
            spent: Vec::new(),
            next_position: head.position.saturating_add(1),
            shared,
            high_water,
            clock,
            active,
            offset,
            head,
            mark,
        };
        if !has_header {
            engine.segment_header = Some(engine.header_of(&engine.active).encode());
        }
        engine
    }

    pub(crate) fn clock_mut(&mut self) -> &mut ClockGuard {
        &mut self.clock
    }

    fn header_of(&self, tail: &Tail) -> SegmentHeader {
        SegmentHeader {
            ledger: self.shared.identity.ledger,
            segment: tail.segment,
            segment_bytes: self.shared.identity.segment_bytes,
            first_position: tail.first_position,
            first_sequence: tail.first_sequence,
        }
    }

    /// Takes one job, and answers it once what it says is durable.
    pub(crate) fn commit_one(&mut self, job: Job) {
        self.group.has_several = false;
        self.commit(&mut vec![job], |_| false);
    }

    /// Takes every job, in order, and answers all of them once what they say is durable. When they
    /// are taken `more` adds those that join the group, until it answers that none does.
    pub(crate) fn commit_all(
        &mut self,
        jobs: &mut Vec<Job>,
        more: impl FnMut(&mut Vec<Job>) -> bool,
    ) {
        self.group.has_several = true;
        self.commit(jobs, more);
    }

    fn commit(&mut self, jobs: &mut Vec<Job>, mut more: impl FnMut(&mut Vec<Job>) -> bool) {
        if let Some(why) = self.shared.stopped() {
            for job in jobs.drain(..) {
                job.answer.complete(Err(AppendError::Stopped { why: why.clone() }));
            }
            return;
        }
        let now = match self.clock.time(self.head.recorded_at) {
            Ok(now) => now,
            Err(refusal) => {
                for job in jobs.drain(..) {
                    job.answer.complete(Err(refusal.clone()));
                }
                return;
            }
        };
        self.group.recorded_at = now.as_micros();
        let mut taken = self.take_all(jobs);
        while taken.is_ok() && more(jobs) {
            taken = self.take_all(jobs);
        }
        if let Err(failure) = taken.and_then(|()| self.flush()) {
            self.stop(&failure);
        }
    }

    /// Puts the new events of these jobs into the group.
    fn take_all(&mut self, jobs: &mut Vec<Job>) -> Result<(), Failure> {
        let hashes: Vec<u64> = jobs
            .iter()
            .flat_map(|job| &job.prepared.events)
            .filter_map(|event| event.key.as_ref().map(|key| key.hash))
            .collect();
        let mut failed = None;
        let mut known = match Known::look_up(&self.shared, &hashes) {
            Ok(known) => known,
            Err(failure) => {
                failed = Some(failure);
                None
            }
        };
        for job in jobs.drain(..) {
            // Without an index of keys nothing is judged, nor after a failure, when `stop` gives
            // these their true answer.
            let result = match known.as_mut().filter(|_| failed.is_none()) {
                Some(known) => self.take(&job.prepared, known),
                None => Err(Refused::Append(AppendError::Busy)),
            };
            match result {
                Ok(appended) => self.answers.push((job.answer, Ok(appended))),
                Err(Refused::Append(error)) => self.answers.push((job.answer, Err(error))),
                Err(Refused::Failure(failure)) => {
                    self.answers.push((job.answer, Err(AppendError::Busy)));
                    failed = Some(failure);
                }
            }
            self.spent.push(job.prepared);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Ends everything that waits. What was written is unknown until the log is opened again.
    fn stop(&mut self, failure: &Failure) {
        let why = failure.to_string();
        tracing::error!(position = self.head.position, %why, "the log stops");
        if !is_planted!(AppendAfterPartialWrite) {
            self.shared.stop(&why);
        }
        for (answer, _) in self.answers.drain(..) {
            answer.complete(Err(AppendError::Stopped { why: why.clone() }));
        }
        self.spent.clear();
    }

    /// Judges one append and puts its new events into the group.
    fn take(&mut self, prepared: &Prepared, known: &mut Known) -> Result<Appended, Refused> {
        let judged =
            known.judge(prepared, &self.group_keys(), |position| self.read_record(position))?;
        if prepared.on_conflict == OnConflict::RefuseAll && judged.iter().any(|it| it.is_conflict())
        {
            let outcomes = judged
                .iter()
                .map(|it| match it {
                    Judged::Known(outcome) => Some(*outcome),
                    Judged::New | Judged::SameAs(_) => None,
                })
                .collect();
            return Err(Refused::Append(AppendError::Conflict { outcomes }));
        }
        let is_new = |it: &&Judged| matches!(it, Judged::New);
        let new = judged.iter().filter(is_new).count();
        if new == 0 {
            return Ok(appended(&judged, &[]));
        }
        if prepared.expected != Expected::Any && new < judged.len() {
            let stream = prepared.stream.clone();
            return Err(Refused::Append(AppendError::PartlyRecorded { stream }));
        }
        if self.make_room(prepared.frame_bytes_max)? {
            known.begin_segment(&self.active);
        }
        let actual = self.stream_head(&prepared.stream_name)?;
        let right = match prepared.expected {
            Expected::Any => true,
            Expected::NoStream => actual.is_none(),
            Expected::Exactly(revision) => actual == Some(revision.get()),
        };
        if !right {
            return Err(Refused::Append(AppendError::WrongRevision {
                stream: prepared.stream.clone(),
                expected: prepared.expected,
                actual: actual.map(Revision::new),
            }));
        }
        let first_revision = actual.map_or(0, |revision| revision.saturating_add(1));
        let recorded = self.encode(prepared, first_revision, &judged)?;
        Ok(appended(&judged, &recorded))
    }

    /// A record that is durable, or in the group.
    fn read_record(&self, position: u64) -> Result<Option<super::spelled::Spelled>, Failure> {
        if position <= self.head.position {
            return self.shared.record_at(position).map_err(|error| Failure {
                what: "read",
                path: super::layout::SEGMENTS_DIR.to_owned(),
                source: io::Error::other(error),
            });
        }
        let index = self.active.read();
        let rows = self.group.bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        Ok(super::spelled::Spelled::find(rows, self.base(), &index.names, position))
    }

    /// The keys of the group's earlier appends.
    fn group_keys(&self) -> GroupKeys<'_> {
        let is_filled = self.group.events > 0 && self.group.has_several;
        GroupKeys {
            keys: is_filled.then_some(&self.group.keys),
            first_position: self.group.first_position,
        }
    }

    fn base(&self) -> RowBase {
        RowBase {
            position: self.group.first_position,
            recorded_at: self.group.recorded_at,
            occurred_at: self.group.recorded_at,
        }
    }

    /// The revision of a stream's last event, the group included.
    fn stream_head(&self, name: &str) -> Result<Option<u64>, Failure> {
        {
            let index = self.active.read();
            if let Some(number) = index.names.find(NameKind::Stream, name) {
                let of_group = self.group.heads.get(&number).copied();
                let of_group = of_group.filter(|_| self.group.events > 0);
                let head = of_group.or_else(|| index.head_of(number, index.events()));
                if let Some(head) = head {
                    return Ok(Some(head));
                }
            }
        }
        self.shared.stream_head(name, self.head.position).map_err(|error| Failure {
            what: "read",
            path: layout::SEGMENTS_DIR.to_owned(),
            source: io::Error::other(error),
        })
    }

    /// Puts the new events of an append into the group; answers where each went.
    fn encode(
        &mut self,
        prepared: &Prepared,
        first_revision: u64,
        judged: &[Judged],
    ) -> Result<Vec<Outcome>, Failure> {
        if self.group.events == 0 {
            self.group.begin(self.next_position);
        }
        let base = self.base();
        let active = Arc::clone(&self.active);
        let mut index = active.write();
        let mut rows = RowWriter { names: &mut index.names, group: &mut self.group, base };
        let stream = rows.name(NameKind::Stream, &prepared.stream_name)?;
        let actor = rows.name(NameKind::Actor, &prepared.actor)?;
        let mut numbers = LastNumbers::default();
        let mut revision = first_revision;
        let mut recorded = Vec::with_capacity(judged.len());
        let new = prepared.events.iter().zip(judged).filter(|(_, it)| **it == Judged::New);
        for (event, _) in new {
            let position = self.next_position;
            let record = RawRecord {
                position,
                stream,
                revision,
                wire: numbers.wire(event, &mut rows)?,
                occurred_at: event.occurred_at,
                recorded_at: base.recorded_at,
                actor,
                causation: prepared.causation.as_ref().map(EventId::as_bytes),
                correlation: prepared.correlation.as_ref().map(CorrelationId::as_bytes),
                key: numbers.key(prepared, event, &mut rows)?,
                fingerprint: event.fingerprint.as_ref(),
                body: prepared.body(event),
            };
            rows.event(&record, event);
            recorded.push(Outcome::Recorded {
                position: Position::new(position),
                revision: Revision::new(revision),
            });
            revision = revision.saturating_add(1);
            self.next_position = position.saturating_add(1);
        }
        self.group.heads.insert(stream, revision.saturating_sub(1));
        Ok(recorded)
    }

    /// Makes sure that so many bytes fit the active segment, rotating when they do not.
    /// Answers whether it did.
    fn make_room(&mut self, bytes: usize) -> Result<bool, Refused> {
        let held = u64::try_from(self.group.bytes.len()).unwrap_or(u64::MAX);
        let needed = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(held);
        let frame_bytes_max = u64::from(u32::MAX / 2);
        let ends = self.offset.saturating_add(needed);
        if ends <= self.shared.identity.segment_bytes && needed <= frame_bytes_max {
            return Ok(false);
        }
        self.flush()?;
        let ends = self.offset.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if ends.saturating_add(FRAME_HEADER_BYTES as u64) <= self.shared.identity.segment_bytes {
            return Ok(false);
        }
        self.rotate()?;
        Ok(true)
    }

    /// Begins the next segment. The one before is complete and durable.
    fn rotate(&mut self) -> Result<(), Refused> {
        let segment = self.active.segment.saturating_add(1);
        spare::take(&self.shared, segment).map_err(|error| match error {
            spare::SpareError::Full { free_bytes, needed_bytes } => {
                Refused::Append(AppendError::DiskFull { free_bytes, needed_bytes })
            }
            spare::SpareError::Failed(failure) => Refused::Failure(failure),
        })?;
        let path = layout::raw_path(segment);
        let file = self
            .shared
            .storage
            .open_rw(&path)
            .map_err(Failure::new("open", &path))
            .map_err(Refused::Failure)?;
        let tail = Tail::new(
            segment,
            self.next_position,
            self.head.sequence.saturating_add(1),
            path,
            file,
        );
        {
            let mut index = tail.write();
            index.begin_at(SEGMENT_HEADER_BYTES as u64);
            index.set_keys(self.shared.take_key_table());
        }
        let tail = Arc::new(tail);
        self.segment_header = Some(self.header_of(&tail).encode());
        self.is_named_anew = true;
        self.offset = SEGMENT_HEADER_BYTES as u64;
        self.active = Arc::clone(&tail);
        self.shared.begin_segment(tail);
        Ok(())
    }

    /// Makes the group durable, then acknowledges it.
    fn flush(&mut self) -> Result<(), Failure> {
        if self.group.events == 0 {
            self.acknowledge();
            self.spent.clear();
            return Ok(());
        }
        let header = self.write_group()?;
        // The disk is at work now. What else is to be done takes no time of its own.
        self.index_group()?;
        self.spent.clear();
        self.sync_group(&header)?;
        // Whoever is told of an event finds it.
        self.active.write().push_frame(TailFrame::from_header(&header));
        self.write_mark(false)?;
        self.shared.publish(self.head.position);
        self.acknowledge();
        Ok(())
    }

    /// Lets the segment's index run ahead: nobody sees the events before the head is past them.
    fn index_group(&mut self) -> Result<(), Failure> {
        let mut index = self.active.write();
        for it in self.group.entered.drain(..) {
            index.push_event(it.stream, it.revision, it.key_hash).map_err(|error| Failure {
                what: "index an event of",
                path: self.active.path.clone(),
                source: io::Error::other(error),
            })?;
        }
        Ok(())
    }

    fn acknowledge(&mut self) {
        for (answer, result) in self.answers.drain(..) {
            answer.complete(result);
        }
    }

    /// Writes the group as one frame.
    fn write_group(&mut self) -> Result<FrameHeader, Failure> {
        let sequence = self.head.sequence.saturating_add(1);
        let payload = self.group.bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        let header = FrameHeader {
            ledger: self.shared.identity.ledger,
            segment: self.active.segment,
            offset: self.offset,
            sequence,
            first_position: self.group.first_position,
            events: self.group.events,
            payload_bytes: u32::try_from(payload.len()).expect("make_room bounds a frame"),
            recorded_at: self.group.recorded_at,
            durable_upto: match is_planted!(DurableUptoTooHigh) {
                true => sequence,
                false => self.head.sequence,
            },
            payload_crc: crc32c::crc32c(payload),
        };
        self.group
            .bytes
            .get_mut(..FRAME_HEADER_BYTES)
            .expect("a group begins with room for the header")
            .copy_from_slice(&header.encode());
        if is_planted!(MarkAheadOfData) {
            self.head = self.head_after(&header);
            self.write_mark(false)?;
        }
        let file = Arc::clone(&self.active.file);
        let path = &self.active.path;
        if let Some(segment_header) = self.segment_header.take() {
            write_all_at(&*file, &segment_header, 0).map_err(Failure::new("write", path))?;
        }
        begin_write_all_at(&*file, &self.group.bytes, self.offset)
            .map_err(Failure::new("write", path))?;
        Ok(header)
    }

    /// Makes the frame that was written durable.
    fn sync_group(&mut self, header: &FrameHeader) -> Result<(), Failure> {
        let file = &self.active.file;
        let mut synced = match is_planted!(AcknowledgeBeforeSync) {
            true => Ok(()),
            false => file.sync_data(),
        };
        if is_planted!(SyncRetried) {
            synced = synced.or_else(|_| file.sync_data());
        }
        synced.map_err(Failure::new("sync", &self.active.path))?;
        self.offset = header.end();
        self.head = self.head_after(header);
        self.group.events = 0;
        Ok(())
    }

    fn head_after(&self, header: &FrameHeader) -> Head {
        Head {
            sequence: header.sequence,
            position: self.next_position.saturating_sub(1),
            recorded_at: Some(header.recorded_at),
        }
    }

    /// Writes how far the log is acknowledged; in strict mode it is durable on return.
    fn write_mark(&mut self, clean: bool) -> Result<(), Failure> {
        let mark = Mark {
            sequence: self.head.sequence,
            position: self.head.position,
            segment: self.active.segment,
            end: self.offset,
            recorded_at: self.head.recorded_at.unwrap_or(0),
            high_water: self.high_water,
            clean,
        };
        let failed = |what| Failure::new(what, super::mark::MARK_FILE);
        self.mark.write(&mark).map_err(failed("write"))?;
        if clean || self.is_named_anew || self.high_water == HighWater::Strict {
            self.mark.file().sync_data().map_err(failed("sync"))?;
            self.is_named_anew = false;
        } else {
            self.shared.mark_unsynced.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Writes and syncs the mark; `clean` says that nothing comes after it.
    pub(crate) fn settle(&mut self, clean: bool) -> Result<(), Failure> {
        if self.shared.stopped().is_some() {
            return Ok(());
        }
        self.write_mark(clean)?;
        self.mark.file().sync_data().map_err(Failure::new("sync", super::mark::MARK_FILE))
    }

    /// When the last event was recorded.
    pub(crate) fn last_recorded_at(&self) -> Option<Timestamp> {
        self.head.recorded_at.map(Timestamp::saturating_from_micros)
    }
}
