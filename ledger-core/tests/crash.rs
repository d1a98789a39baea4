//! Power cuts at every call of recorded runs, and what is found after them.
//!
//! Each run rotates, seals, is cut, recovers with a torn tail set aside, goes on and is cut again.
//! `CI=true` examines a million states; without it a few thousand are a matter of seconds. A state
//! that fails is named by its seeds and examined again by them alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use ledger_core::log::embedded::{HighWater, Threads};
use ledger_core::testing::crash::{Examined, Moment, Outcome, Plan, Promise, Run, SEGMENT_BYTES};
use ledger_core::testing::disk::{
    Call, Chance, Entry, Fault, Operation, SimulatedDisk, Snapshot, SystemError,
};
use ledger_core::testing::model::{Bounds, Model};

/// What was looked at.
#[derive(Debug, Default)]
struct Figures {
    states: u64,
    images: BTreeSet<u128>,
    rotations: usize,
    seals: usize,
    quarantines: u64,
    recoveries: u64,
    refused: u64,
    lost_records: usize,
    lost_groups: u64,
    refused_for_space: usize,
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

    fn merge(&mut self, other: Self) {
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

/// The full number is for CI, and for a build that is optimised: see `.ci/run`.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|it| it == "true") && !cfg!(debug_assertions)
}

fn high_water(seed: u64) -> HighWater {
    if seed.is_multiple_of(2) { HighWater::Trailing } else { HighWater::Strict }
}

/// Explores seeds on all cores until there are so many states.
fn explore(states: u64, explore_seed: fn(u64) -> Result<Figures, String>) -> Figures {
    let next_seed = AtomicU64::new(0);
    let total = Mutex::new(Figures::default());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while lock(&total).states < states {
                    let seed = next_seed.fetch_add(1, Ordering::Relaxed);
                    match explore_seed(seed) {
                        Ok(figures) => lock(&total).merge(figures),
                        Err(error) => panic!("seed {seed}: {error}"),
                    }
                }
            });
        }
    });
    total.into_inner().expect("no thread panicked, or the scope would have")
}

fn lock(total: &Mutex<Figures>) -> MutexGuard<'_, Figures> {
    total.lock().expect("figures are merged without a panic")
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
fn three_lives(seed: u64) -> Result<Figures, String> {
    let mut figures = Figures::default();
    let mut chance = Chance::new(!seed);
    let threads = if seed % 16 == 15 { Threads::Own } else { Threads::Caller };
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

#[test]
fn an_honest_disk_loses_nothing_acknowledged_and_is_never_refused() {
    let states = if in_ci() { 1_000_000 } else { 6_000 };
    let figures = explore(states, three_lives);
    println!(
        "figure: power cuts: {} states, {} distinct images, {} rotations, {} seals, {} torn tails \
         set aside, {} second lives; 0 acknowledged lost, 0 refused",
        figures.states,
        figures.images.len(),
        figures.rotations,
        figures.seals,
        figures.quarantines,
        figures.recoveries,
    );
    assert!(figures.rotations > 0 && figures.seals > 0 && figures.recoveries > 0);
    assert!(figures.images.len() as u64 >= figures.states / 5);
}

/// A run in which one call fails, once or from then on; then the process ends, or the power goes.
fn one_fault(seed: u64) -> Result<Figures, String> {
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

#[test]
fn a_disk_that_says_it_failed_loses_nothing_and_needs_no_hand() {
    let figures = explore(if in_ci() { 100_000 } else { 1_500 }, one_fault);
    println!(
        "figure: failed calls: {} states after EIO, ENOSPC, EMFILE, whole, partial and for ever; \
         0 acknowledged lost, 0 refused",
        figures.states
    );
}

/// The disk fills up, and later does not: appends are refused meanwhile, and nobody does anything.
fn no_space(seed: u64) -> Result<Figures, String> {
    let mut figures = Figures::default();
    let mut chance = Chance::new(seed);
    let capacity = SEGMENT_BYTES * 4 + chance.number() % (SEGMENT_BYTES * 2);
    let plan = Plan { capacity_bytes: Some(capacity), ..Plan::new(seed, high_water(seed), 120) };
    let run = Run::record(&SimulatedDisk::new(), nothing(), plan)?;
    figures.refused_for_space += run.refused_for_space();
    cut_everywhere(&run, 1, plan, &mut figures)?;
    Ok(figures)
}

#[test]
fn a_full_disk_refuses_and_goes_on_by_itself_when_there_is_space() {
    let figures = explore(if in_ci() { 20_000 } else { 700 }, no_space);
    println!(
        "figure: full disk: {} states, {} appends refused; 0 lost, 0 stopped",
        figures.states, figures.refused_for_space
    );
    assert!(figures.refused_for_space > 0, "a disk that is never full proves nothing");
}

/// One sync of a run lies; the power goes some time later.
fn one_lie(seed: u64, high_water: HighWater) -> Result<Figures, String> {
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

#[test]
fn a_lying_sync_is_seen_in_strict_mode() {
    let figures =
        explore(if in_ci() { 50_000 } else { 1_500 }, |seed| one_lie(seed, HighWater::Strict));
    println!(
        "figure: a lying sync, strict: {} states, {} refused, 0 opened with less than acknowledged",
        figures.states, figures.refused
    );
    assert_eq!(figures.lost_records, 0);
    assert!(figures.refused > 0, "a lie that nobody can see proves nothing");
}

#[test]
fn a_lying_sync_takes_at_most_the_last_group_in_trailing_mode() {
    let figures =
        explore(if in_ci() { 50_000 } else { 1_500 }, |seed| one_lie(seed, HighWater::Trailing));
    println!(
        "figure: a lying sync, trailing: {} states, {} refused, {} opened without the last group \
         ({} records)",
        figures.states, figures.refused, figures.lost_groups, figures.lost_records
    );
    assert!(figures.refused > 0, "a lie that nobody can see proves nothing");
}
