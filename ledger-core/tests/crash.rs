//! Power cuts at every call of recorded runs, and what is found after them.
//!
//! Each run rotates, seals, is cut, recovers with a torn tail set aside, goes on and is cut again.
//! `CI=true` examines a million states; without it a few thousand are a matter of seconds. A state
//! that fails is named by its seeds and examined again by them alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use ledger_core::log::embedded::{HighWater, Threads};
use ledger_core::testing::crash::{Examined, Moment, Outcome, Plan, Promise, Run};
use ledger_core::testing::disk::{Chance, Operation, SimulatedDisk, Snapshot};
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
    }
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|it| it == "true")
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
    let plan =
        Plan { seed, high_water: high_water(seed), groups: 130, threads, is_bumpy: seed % 4 < 2 };
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
