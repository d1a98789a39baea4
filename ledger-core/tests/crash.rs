//! Power cuts at every call of recorded runs, and what is found after them.
//!
//! Each run rotates, seals, is cut, recovers with a torn tail set aside, goes on and is cut again.
//! `CI=true` in an optimised build examines a million states; else a few thousand are a matter of
//! seconds. A state that fails is named by its seeds and examined again by them alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use ledger_core::log::embedded::HighWater;
use ledger_core::testing::explore::{Figures, no_space, one_fault, one_lie, three_lives};

/// The full number is for CI, and for a build that is optimised: see `.ci/run`.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|it| it == "true") && !cfg!(debug_assertions)
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

#[test]
fn a_disk_that_says_it_failed_loses_nothing_and_needs_no_hand() {
    let figures = explore(if in_ci() { 100_000 } else { 1_500 }, one_fault);
    println!(
        "figure: failed calls: {} states after EIO, ENOSPC, EMFILE, whole, partial and for ever; \
         0 acknowledged lost, 0 refused",
        figures.states
    );
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
