//! What the crash tests do with recorded runs: cut them everywhere, fail a call, fill the disk,
//! lie about a sync.
//!
//! Each takes a seed, which decides everything, and answers what it looked at, or where the log did
//! not keep its promise. They stand here so that a test with planted bugs asks the same questions.

use std::collections::BTreeSet;

use crate::log::embedded::{HighWater, Threads};

use super::crash::{Examined, Moment, Outcome, Plan, Promise, Run, SEGMENT_BYTES};
use super::disk::{Call, Chance, Entry, Fault, Operation, SimulatedDisk, Snapshot, SystemError};
use super::model::{Bounds, Model};

/// What was looked at.
#[derive(Debug, Default)]
pub struct Figures {
    /// Crashed images that were opened.
    pub states: u64,
    /// Hashes of the distinct ones among them.
    pub images: BTreeSet<u128>,
    /// Segments begun in the recorded runs.
    pub rotations: usize,
    /// Segments sealed in them.
    pub seals: usize,
    /// Torn tails set aside after a power cut.
    pub quarantines: u64,
    /// Runs that went on after one.
    pub recoveries: u64,
    /// Images refused, or found damaged when read: only after a lie.
    pub refused: u64,
    /// Acknowledged records that were gone: only after a lie.
    pub lost_records: usize,
    /// Images they were gone from.
    pub lost_groups: u64,
    /// Appends refused because the disk was full.
    pub refused_for_space: usize,
}

impl Figures {
    fn add(&mut self, examined: &Examined) {
        self.states += 1;
        self.images.insert(examined.image.image_hash());
        match &examined.outcome {
            Outcome::Opened { quarantined, lost, .. } => {
                self.quarantines += u64::from(*quarantined);
                self.lost_records += lost;
                self.lost_groups += u64::from(*lost > 0);
            }
            Outcome::Refused(_) => self.refused += 1,
        }
    }

    fn add_run(&mut self, run: &Run) {
        self.rotations += run.count(Operation::Rename, "/spare");
        self.seals += run.count(Operation::Rename, ".sealed.tmp");
    }

    /// Adds what another seed looked at.
    pub fn merge(&mut self, other: Self) {
        self.states += other.states;
        self.images.extend(other.images);
        self.rotations += other.rotations;
        self.seals += other.seals;
        self.quarantines += other.quarantines;
        self.recoveries += other.recoveries;
        self.refused += other.refused;
        self.lost_records += other.lost_records;
        self.lost_groups += other.lost_groups;
        self.refused_for_space += other.refused_for_space;
    }
}

fn high_water(seed: u64) -> HighWater {
    if seed.is_multiple_of(2) { HighWater::Trailing } else { HighWater::Strict }
}

fn nothing() -> (Model, Bounds) {
    (Model::new(), Bounds { required: 0, possible: 0 })
}

/// Examines each moment of a run so many times; answers images worth going on from.
fn cut_everywhere<'a>(
    run: &'a Run,
    times: u64,
    plan: Plan,
    figures: &mut Figures,
) -> Result<Vec<(Moment<'a>, Snapshot)>, String> {
    figures.add_run(run);
    let mut chance = Chance::new(plan.seed ^ 0xc0ff_ee00);
    let mut torn = Vec::new();
    for moment in run.moments() {
        for _ in 0..times {
            let examined =
                moment.examine(Some(chance.number()), plan.high_water, Promise::Honest)?;
            figures.add(&examined);
            if let Outcome::Opened { quarantined: true, .. } = examined.outcome {
                torn.push((moment, examined.image));
            }
        }
    }
    Ok(torn)
}

/// A run, cut; a recovery from a torn tail and a run after it, cut; and that once more.
pub fn three_lives(seed: u64) -> Result<Figures, String> {
    let mut figures = Figures::default();
    let mut chance = Chance::new(!seed);
    let threads = if seed % 8 == 1 { Threads::Own } else { Threads::Caller };
    let plan = Plan { threads, is_bumpy: seed % 4 < 2, ..Plan::new(seed, high_water(seed), 130) };
    let first = Run::record(&SimulatedDisk::new(), nothing(), plan)?;
    let torn = cut_everywhere(&first, 3, plan, &mut figures)?;
    for life in 0..2 {
        if torn.is_empty() {
            break;
        }
        let (moment, image) = &torn[chance.below(torn.len())];
        let plan =
            Plan { seed: seed ^ (life + 1) << 32, groups: 25, threads: Threads::Caller, ..plan };
        let second = moment.again(image, plan)?;
        figures.recoveries += u64::from(second.has_quarantined());
        let torn = cut_everywhere(&second, 4, plan, &mut figures)?;
        if torn.is_empty() {
            continue;
        }
        let (moment, image) = &torn[chance.below(torn.len())];
        let plan = Plan { seed: seed ^ (life + 3) << 32, groups: 8, ..plan };
        let third = moment.again(image, plan)?;
        figures.recoveries += u64::from(third.has_quarantined());
        cut_everywhere(&third, 4, plan, &mut figures)?;
    }
    Ok(figures)
}

/// A run in which one call fails, once or from then on; then the process ends, or the power goes.
pub fn one_fault(seed: u64) -> Result<Figures, String> {
    let mut figures = Figures::default();
    let plan = Plan { may_stop: true, ..Plan::new(seed, high_water(seed), 45) };
    let disk = SimulatedDisk::new();
    Run::record(&disk, nothing(), plan)?;
    let mut chance = Chance::new(seed);
    let faults = [
        Fault::Error(SystemError::Io),
        Fault::Error(SystemError::NoSpace),
        Fault::Error(SystemError::TooManyFiles),
        Fault::ErrorAfterDoing(SystemError::Io),
        Fault::ErrorAfterBytes(100, SystemError::NoSpace),
    ];
    for _ in 0..40 {
        let from = chance.number() % disk.calls();
        let for_ever = chance.once_in(3);
        let fault = faults[chance.below(faults.len())].clone();
        let failing = SimulatedDisk::new();
        failing.inject({
            let fault = fault.clone();
            move |call: &Call| {
                let now = call.number == from || (for_ever && call.number > from);
                now.then(|| fault.clone())
            }
        });
        let run = Run::record(&failing, nothing(), plan)
            .map_err(|error| format!("{fault:?} at call {from}, for ever {for_ever}: {error}"))?;
        let moments = run.moments();
        for moment in moments.iter().rev().take(4) {
            // The page cache survives the process, and shows what a failed sync did not write.
            for cut in [None, Some(chance.number()), Some(chance.number())] {
                let examined = moment
                    .examine(cut, plan.high_water, Promise::Honest)
                    .map_err(|error| format!("{fault:?} at call {from}: {error}"))?;
                figures.add(&examined);
            }
        }
        let Some(last) = moments.last() else { continue };
        let after = Plan { seed: !seed, groups: 6, may_stop: false, ..plan };
        let image = last.examine(None, plan.high_water, Promise::Honest)?.image;
        let second = last
            .again(&image, after)
            .map_err(|error| format!("after {fault:?} at call {from}: {error}"))?;
        cut_everywhere(&second, 1, after, &mut figures)
            .map_err(|error| format!("after {fault:?} at call {from}, again: {error}"))?;
    }
    Ok(figures)
}

/// The disk fills up, and later does not: appends are refused meanwhile, and nobody does anything.
pub fn no_space(seed: u64) -> Result<Figures, String> {
    let mut figures = Figures::default();
    let mut chance = Chance::new(seed);
    let capacity = SEGMENT_BYTES * 4 + chance.number() % (SEGMENT_BYTES * 2);
    let plan = Plan { capacity_bytes: Some(capacity), ..Plan::new(seed, high_water(seed), 120) };
    let run = Run::record(&SimulatedDisk::new(), nothing(), plan)?;
    figures.refused_for_space += run.refused_for_space();
    cut_everywhere(&run, 1, plan, &mut figures)?;
    Ok(figures)
}

/// One sync of a run lies; the power goes some time later.
pub fn one_lie(seed: u64, high_water: HighWater) -> Result<Figures, String> {
    let mut figures = Figures::default();
    let plan = Plan::new(seed, high_water, 60);
    let honest = Run::record(&SimulatedDisk::new(), nothing(), plan)?;
    let is_sync = |entry: &Entry| match entry {
        Entry::Call(call, _) => call.operation.is_sync().then(|| call.clone()),
        Entry::Note(_) => None,
    };
    let syncs: Vec<Call> = honest.trace().iter().filter_map(is_sync).collect();
    let mut chance = Chance::new(seed);
    for _ in 0..24 {
        let lie = [Fault::DropSync, Fault::LoseSync][chance.below(2)].clone();
        let which = chance.below(syncs.len());
        let disk = SimulatedDisk::new();
        disk.inject({
            let (lie, mut seen) = (lie.clone(), 0);
            move |call: &Call| {
                let is_it = call.operation.is_sync() && seen == which;
                seen += usize::from(call.operation.is_sync());
                is_it.then(|| lie.clone())
            }
        });
        let run = Run::record(&disk, nothing(), plan)?;
        let moments = run.moments();
        let first = run.moment_of_sync(which);
        for (place, moment) in moments.iter().enumerate().skip(first) {
            // Most is to be seen soon after the lie.
            if place > first + 12 && !chance.once_in(12) {
                continue;
            }
            let examined = moment
                .examine(Some(chance.number()), high_water, Promise::Lied)
                .map_err(|error| format!("{lie:?} at {:?}: {error}", syncs[which]))?;
            figures.add(&examined);
        }
    }
    Ok(figures)
}
