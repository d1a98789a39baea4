//! Runs of a log on the simulated disk, crashed at every call, and held to the model.
//!
//! A run is recorded once: what was submitted and what was answered stands in the trace between the
//! calls, put there by the writer's own thread at the moment it answers. So for every call it is
//! known what must have survived it and what may have. Every state is replayed by its seeds.

use std::sync::Arc;

use crate::cause::in_one_line;
use crate::id::LedgerId;
use crate::log::embedded::{EmbeddedLog, HighWater, OpenError, Options, Recovery, Threads};
use crate::log::{Append, AppendError, EventLog, ReadError};

use super::clock::SteppingClock;
use super::disk::{
    Call, Chance, CrashPoint, Entry, Fault, Harshness, Operation, SECTOR_BYTES, Seeded,
    SimulatedDisk, Snapshot, SystemError,
};
use super::model::{Bounds, Deviation, Model};
use super::workload::{Workload, epoch};

mod question;

use question::Question;

/// How a run is made.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Decides the appends, the groups, when background work runs, when the log is reopened.
    pub seed: u64,
    /// When the mark becomes durable.
    pub high_water: HighWater,
    /// How many groups of appends.
    pub groups: usize,
    /// Whose threads work. With the caller's, each append is a group and every run of the plan is
    /// the same; with the log's own, several appends wait together.
    pub threads: Threads,
    /// Whether writes and reads come short and are interrupted now and then.
    pub is_bumpy: bool,
    /// Whether the disk may fail, so that the log may stop and a read may say that it failed.
    pub may_stop: bool,
    /// Space on the disk, until two thirds of the groups were submitted.
    pub capacity_bytes: Option<u64>,
}

impl Plan {
    /// On the caller's threads, on a disk that has space and does not fail.
    pub fn new(seed: u64, high_water: HighWater, groups: usize) -> Self {
        Self {
            seed,
            high_water,
            groups,
            threads: Threads::Caller,
            is_bumpy: false,
            may_stop: false,
            capacity_bytes: None,
        }
    }
}

/// How many bytes a segment of the tests has.
pub const SEGMENT_BYTES: u64 = 8 * 1024;

/// A recorded run.
#[derive(Debug)]
pub struct Run {
    /// What was there before it was opened, and what of that had to be.
    before: (Model, Bounds),
    /// What was submitted, from the first opening on.
    model: Model,
    /// How many records there are after each append.
    ends: Vec<usize>,
    /// Records that were there when it was opened.
    found: usize,
    trace: Vec<Entry>,
    points: Vec<CrashPoint>,
    /// What opening said.
    recovery: Option<Recovery>,
    /// Why it could not be opened, or was stopped.
    pub stopped: Option<String>,
    refused_for_space: usize,
}

/// A note in the trace: what had happened before the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Opened,
    Submitted(usize),
    Answered(usize),
}

impl From<Note> for u64 {
    fn from(note: Note) -> Self {
        let number = |it: usize| Self::try_from(it).expect("a usize fits") + 1;
        match note {
            Note::Opened => 0,
            Note::Submitted(append) => number(append) << 1,
            Note::Answered(append) => number(append) << 1 | 1,
        }
    }
}

impl From<u64> for Note {
    fn from(note: u64) -> Self {
        let append = usize::try_from(note >> 1).unwrap_or(0);
        match (append.checked_sub(1), note & 1) {
            (None, _) => Self::Opened,
            (Some(append), 0) => Self::Submitted(append),
            (Some(append), _) => Self::Answered(append),
        }
    }
}

/// What is known at one crash point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    is_open: bool,
    submitted: Option<usize>,
    answered: Option<usize>,
}

/// What the disk was, and so what may be demanded of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// What it said was synced is there: everything acknowledged is found, and nothing is refused.
    Honest,
    /// It lied about a sync: a log that is not complete is refused; in trailing mode the last group
    /// may be gone.
    Lied,
}

/// What became of one crashed image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It opened with so many records.
    Opened {
        /// Records found.
        found: usize,
        /// Whether a torn tail was set aside.
        quarantined: bool,
        /// Acknowledged records that are gone, as only a lie may have it.
        lost: usize,
    },
    /// It was refused, as only a lie may have it.
    Refused(String),
}

/// One crashed image and what became of it.
#[derive(Debug)]
pub struct Examined {
    /// The image before anything opened it.
    pub image: Snapshot,
    /// What became of it.
    pub outcome: Outcome,
}

impl Run {
    /// Opens a log on this disk, which may hold what an earlier run left, and works with it. The
    /// error says where the log did not keep its promise.
    pub fn record(
        disk: &SimulatedDisk,
        before: (Model, Bounds),
        plan: Plan,
    ) -> Result<Self, String> {
        disk.record();
        let mut run = Self {
            model: Model::new(),
            ends: Vec::new(),
            found: 0,
            trace: Vec::new(),
            points: Vec::new(),
            recovery: None,
            stopped: None,
            refused_for_space: 0,
            before,
        };
        let result = run.work(disk, plan);
        (run.trace, run.points) = disk.recorded();
        result.map(|()| run)
    }

    fn work(&mut self, disk: &SimulatedDisk, plan: Plan) -> Result<(), String> {
        let mut chance = Chance::new(plan.seed);
        if plan.is_bumpy {
            disk.inject(bumps(plan.seed));
        }
        let mut log = match open(disk, plan.high_water, plan.threads) {
            Ok(log) => log,
            Err(error) => {
                self.stopped = Some(in_one_line(&error));
                return Ok(());
            }
        };
        self.recovery = Some(log.recovery().clone());
        match self.before.0.check(&log, self.before.1) {
            Ok(found) => self.found = found,
            Err(Deviation::Unreadable(error)) if plan.may_stop => {
                self.stopped = Some(error.to_string());
                return Ok(());
            }
            Err(deviation) => return Err(deviation.into()),
        }
        disk.note(Note::Opened.into());
        self.model = self.before.0.cut(self.found);
        disk.set_capacity(plan.capacity_bytes);
        let mut workload = Workload::new(plan.seed);
        for group in 0..plan.groups {
            if group == plan.groups / 3 * 2 {
                disk.set_capacity(None);
            }
            if chance.once_in(6) {
                log.work_once();
            }
            if chance.once_in(30) {
                if log.close().is_err() {
                    self.stopped = Some("it did not close".to_owned());
                    return Ok(());
                }
                log = match open(disk, plan.high_water, plan.threads) {
                    Ok(log) => log,
                    Err(error) => {
                        self.stopped = Some(in_one_line(&error));
                        return Ok(());
                    }
                };
                let all = Bounds { required: self.model.len(), possible: self.model.len() };
                match self.model.check(&log, all) {
                    Err(Deviation::Unreadable(error)) if plan.may_stop => {
                        self.stopped = Some(error.to_string());
                        return Ok(());
                    }
                    checked => checked?,
                };
            }
            let count = match plan.threads {
                Threads::Own => 1 + chance.below(8),
                Threads::Caller => 1,
            };
            self.submit(disk, &log, &mut workload, count)?;
            if let Some(why) = &self.stopped {
                if !plan.may_stop {
                    return Err(format!("it stopped: {why}"));
                }
                return self.stays_stopped(&log, &mut workload);
            }
        }
        if chance.once_in(2) {
            // Whether it succeeded is seen by who opens the log next.
            drop(log.close());
        }
        Ok(())
    }

    /// A log that has stopped takes nothing more, whatever the disk does by now.
    fn stays_stopped(&self, log: &EmbeddedLog, workload: &mut Workload) -> Result<(), String> {
        for _ in 0..3 {
            match log.append(workload.next(&self.model)).wait() {
                Err(AppendError::Stopped { .. } | AppendError::TooLarge { .. }) => {}
                answer => return Err(format!("it had stopped, then answered {answer:?}")),
            }
        }
        Ok(())
    }

    /// Submits a group, then waits for all of it.
    fn submit(
        &mut self,
        disk: &SimulatedDisk,
        log: &EmbeddedLog,
        workload: &mut Workload,
        count: usize,
    ) -> Result<(), String> {
        let appends: Vec<Append> = (0..count).map(|_| workload.next(&self.model)).collect();
        let paused = (count > 1).then(|| disk.pause());
        let first = self.ends.len();
        let mut asked = Vec::new();
        for (place, append) in appends.iter().enumerate() {
            disk.note(Note::Submitted(first + place).into());
            let question = log.append(append.clone());
            asked.push(Question::ask(disk, question, Note::Answered(first + place)));
        }
        drop(paused);
        for (append, question) in appends.iter().zip(asked) {
            let answer = question.wait();
            if let Err(AppendError::Stopped { why }) = &answer {
                self.stopped = Some(why.clone());
            }
            if let Err(AppendError::DiskFull { .. }) = &answer {
                self.refused_for_space += 1;
            }
            let place = self.ends.len();
            self.model
                .take(append, &answer)
                .map_err(|error| format!("append {place}: {error}\n{append:?}\n{answer:?}"))?;
            self.ends.push(self.model.len());
        }
        Ok(())
    }

    /// How many moments there are at which the power may go.
    pub fn points(&self) -> usize {
        self.points.len()
    }

    /// How many appends were refused because the disk was full.
    pub fn refused_for_space(&self) -> usize {
        self.refused_for_space
    }

    /// The number of the first moment after this sync, counted from 0.
    pub fn moment_of_sync(&self, sync: usize) -> usize {
        let syncs = self.trace.iter().enumerate().filter(|(_, entry)| match entry {
            Entry::Call(call, _) => call.operation.is_sync(),
            Entry::Note(_) => false,
        });
        let at = syncs.map(|(at, _)| at).nth(sync).unwrap_or(0);
        self.points.partition_point(|point| point.at <= at)
    }

    /// The trace of the run.
    pub fn trace(&self) -> &[Entry] {
        &self.trace
    }

    /// Whether opening set a torn tail aside.
    pub fn has_quarantined(&self) -> bool {
        self.recovery.as_ref().is_some_and(|it| it.quarantined.is_some())
    }

    /// How many calls of this kind succeeded on paths with this ending.
    pub fn count(&self, operation: Operation, ending: &str) -> usize {
        let is_it = |entry: &&Entry| match entry {
            Entry::Call(call, None) => call.operation == operation && call.path.ends_with(ending),
            Entry::Call(_, Some(_)) | Entry::Note(_) => false,
        };
        self.trace.iter().filter(is_it).count()
    }

    /// What is known at each point, in one walk over the trace.
    pub fn moments(&self) -> Vec<Moment<'_>> {
        let mut known = Known { is_open: false, submitted: None, answered: None };
        let mut at = 0;
        let mut moments = Vec::with_capacity(self.points.len());
        for point in &self.points {
            for entry in &self.trace[at..point.at] {
                let Entry::Note(note) = entry else { continue };
                match Note::from(*note) {
                    Note::Opened => known.is_open = true,
                    Note::Submitted(append) => known.submitted = Some(append),
                    Note::Answered(append) => known.answered = Some(append),
                }
            }
            at = point.at;
            moments.push(Moment { run: self, point, known });
        }
        moments
    }
}

/// A moment of a run at which the power may go, and what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    run: &'a Run,
    point: &'a CrashPoint,
    known: Known,
}

impl<'a> Moment<'a> {
    /// What must and what may be found after a power cut at this moment.
    pub fn expected(&self) -> (&'a Model, Bounds) {
        if !self.known.is_open {
            return (&self.run.before.0, self.run.before.1);
        }
        let at = |append: Option<usize>| append.map_or(self.run.found, |it| self.run.ends[it]);
        let bounds =
            Bounds { required: at(self.known.answered), possible: at(self.known.submitted) };
        (&self.run.model, bounds)
    }

    /// What must be found when the last group that recorded anything may be gone.
    fn required_without_last(&self) -> usize {
        let Some(answered) = self.known.answered.filter(|_| self.known.is_open) else {
            return self.expected().1.required;
        };
        let ends = &self.run.ends[..=answered];
        let last = ends.last().copied().unwrap_or(self.run.found);
        let before = ends.iter().rev().copied().find(|end| *end < last);
        before.unwrap_or(self.run.found.min(last))
    }

    /// Cuts the power, opens what is left and holds it to the model. `None` kills the process only:
    /// the page cache survives.
    pub fn examine(
        &self,
        seed: Option<u64>,
        high_water: HighWater,
        promise: Promise,
    ) -> Result<Examined, String> {
        let image = match seed {
            Some(seed) => self.point.snapshot.crash(&mut Seeded::new(seed), harshness(seed)),
            None => self.point.snapshot.clone(),
        };
        let disk = SimulatedDisk::from(image.clone());
        let outcome =
            self.open_and_check(&disk, seed.unwrap_or_default(), high_water, promise).map_err(
                |error| format!("after entry {} with seed {seed:?}: {error}", self.point.at),
            )?;
        Ok(Examined { image, outcome })
    }

    fn open_and_check(
        &self,
        disk: &SimulatedDisk,
        seed: u64,
        high_water: HighWater,
        promise: Promise,
    ) -> Result<Outcome, String> {
        let (model, mut bounds) = self.expected();
        let required = bounds.required;
        if promise == Promise::Lied && high_water == HighWater::Trailing {
            bounds.required = self.required_without_last();
        }
        let log = match open(disk, high_water, Threads::Caller) {
            Ok(log) => log,
            Err(error) if promise == Promise::Lied => {
                return Ok(Outcome::Refused(in_one_line(&error)));
            }
            Err(error) => return Err(format!("refused: {}", in_one_line(&error))),
        };
        let found = match model.check_after(&log, bounds, self.passed(seed, bounds)) {
            // A sealed segment is verified when it is read.
            Err(Deviation::Unreadable(error)) if promise == Promise::Lied => {
                return Ok(Outcome::Refused(error.to_string()));
            }
            found => found?,
        };
        let quarantined = log.recovery().quarantined.clone();
        if let Some(it) = &quarantined {
            let kept = disk.snapshot().contents(&it.file).unwrap_or_default();
            if u64::try_from(kept.len()) != Ok(it.bytes) {
                return Err(format!("{} of {} bytes are in quarantine", kept.len(), it.bytes));
            }
        }
        // Going on costs more than looking, so it is done now and then.
        if seed % 32 == 3 {
            match go_on(log, disk, &model.cut(found), seed, high_water) {
                Err(Deviation::Unreadable(error)) if promise == Promise::Lied => {
                    return Ok(Outcome::Refused(error.to_string()));
                }
                gone_on => gone_on?,
            }
        }
        let lost = required.saturating_sub(found);
        Ok(Outcome::Opened { found, quarantined: quarantined.is_some(), lost })
    }

    /// How many records need no second look: most power cuts can only touch the newest ones. Where
    /// segments are being sealed, and now and then elsewhere, every record is read.
    fn passed(&self, seed: u64, bounds: Bounds) -> usize {
        let around = self.run.trace[..self.point.at].iter().rev().take(12);
        let seals = around.into_iter().any(|entry| match entry {
            Entry::Call(call, _) => call.path.contains(".sealed") || call.path.contains("index"),
            Entry::Note(_) => false,
        });
        if seals || seed % 8 < 2 { 0 } else { bounds.required.saturating_sub(40) }
    }

    /// The beginning of another run on what a power cut at this moment left.
    pub fn again(&self, image: &Snapshot, plan: Plan) -> Result<Run, String> {
        let (model, bounds) = self.expected();
        Run::record(&SimulatedDisk::from(image.clone()), (model.clone(), bounds), plan)
    }
}

/// Asks a recovered log everything, goes on with it, closes it in order and opens it again.
fn go_on(
    log: EmbeddedLog,
    disk: &SimulatedDisk,
    model: &Model,
    seed: u64,
    high_water: HighWater,
) -> Result<(), Deviation> {
    model.check_answers(&log)?;
    let mut model = model.clone();
    let mut workload = Workload::new(seed);
    for _ in 0..4 {
        let append = workload.next(&model);
        let answer = log.append(append.clone()).wait();
        if let Err(AppendError::Stopped { why }) = answer {
            return Err(gave_up(why));
        }
        model.take(&append, &answer)?;
    }
    log.settle();
    if let Some(why) = log.stopped() {
        return Err(gave_up(why));
    }
    log.close().map_err(|error| gave_up(error.to_string()))?;
    let log =
        open(disk, high_water, Threads::Caller).map_err(|error| gave_up(in_one_line(&error)))?;
    if !log.recovery().was_clean {
        return Err(Deviation::Wrong("closed in order, it is taken for crashed".to_owned()));
    }
    model.check(&log, Bounds { required: model.len(), possible: model.len() })?;
    model.check_answers(&log)
}

/// It went well so far, and then the log said that it could not go on.
fn gave_up(what: String) -> Deviation {
    ReadError::Io { file: "the ledger, after recovery".to_owned(), what }.into()
}

fn open(
    disk: &SimulatedDisk,
    high_water: HighWater,
    threads: Threads,
) -> Result<EmbeddedLog, OpenError> {
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        high_water,
        threads,
        // The same bytes in every run.
        ledger: Some(LedgerId::from_bytes(*b"a ledger of test")),
        clock: Arc::new(SteppingClock::starting_at(epoch())),
        ..Options::default()
    };
    EmbeddedLog::open(Arc::new(disk.clone()), options)
}

/// Half of the power cuts go as far as a disk can, half as far as a journal lets it.
fn harshness(seed: u64) -> Harshness {
    Harshness { names_in_any_subset: seed & 1 == 1, stale_sectors: seed & 2 == 2 }
}

/// Short and interrupted calls, which are no failures. A write is cut between sectors only: within
/// a page the system copies whole or not at all.
fn bumps(seed: u64) -> impl FnMut(&Call) -> Option<Fault> {
    let mut chance = Chance::new(seed);
    move |call| {
        let is_write = call.operation == Operation::Write;
        if !(is_write || call.operation == Operation::Read) || !chance.once_in(8) {
            return None;
        }
        if chance.once_in(3) {
            return Some(Fault::Error(SystemError::Interrupted));
        }
        let most = 1 + chance.below(call.bytes.max(1));
        if !is_write {
            return Some(Fault::Short(most));
        }
        let within = usize::try_from(call.offset).ok()? % SECTOR_BYTES;
        let cut = (within + most) / SECTOR_BYTES * SECTOR_BYTES;
        cut.checked_sub(within).filter(|bytes| *bytes > 0).map(Fault::Short)
    }
}
