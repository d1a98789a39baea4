//! A process that is killed at any instant loses nothing that it had acknowledged.
//!
//! The list of what was acknowledged is kept outside the process: what it said before it died. What
//! it may have recorded without saying so is known too, because its appends follow from a seed.

use ledger_core::log::embedded::HighWater;
use ledger_core::testing::disk::Chance;
use ledger_core::testing::model::Model;
use ledger_core::testing::process::{Process, Said, Work, work_if_told};

/// After so many kills a directory has grown enough.
const CYCLES_PER_LEDGER: usize = 25;

#[test]
fn a_process_that_was_told_appends() {
    work_if_told();
}

#[test]
fn kill_9_loses_nothing_acknowledged() {
    let in_ci = std::env::var("CI").is_ok_and(|it| it == "true");
    let cycles = if in_ci { 200 } else { 12 };
    let mut answered = 0;
    let mut unsaid = 0;
    for first in (0..cycles).step_by(CYCLES_PER_LEDGER) {
        let high_water = if (first / CYCLES_PER_LEDGER).is_multiple_of(2) {
            HighWater::Trailing
        } else {
            HighWater::Strict
        };
        let directory = tempfile::tempdir().unwrap();
        let mut model = Model::new();
        for cycle in first..cycles.min(first + CYCLES_PER_LEDGER) {
            let work = Work {
                directory: directory.path().to_owned(),
                seed: cycle as u64,
                groups: 1_000_000,
                group_appends: 1 + cycle % 4,
                segment_bytes: 16 * 1024,
                high_water,
                is_orderly: false,
            };
            let mut chance = Chance::new(cycle as u64);
            let until = match chance.below(10) {
                0 => Said::Opening,
                1 => Said::Open,
                _ => Said::Answered(chance.below(60)),
            };
            let mut command = work.command("a_process_that_was_told_appends").unwrap();
            let mut process = Process::start(&mut command).unwrap();
            process.listen(until).unwrap();
            let said = process.kill().unwrap();

            let bounds = work.expect(&mut model, said).unwrap();
            answered += bounds.required;
            let log = work.open().unwrap_or_else(|error| panic!("cycle {cycle}: refused: {error}"));
            let found = model
                .check(&log, bounds)
                .unwrap_or_else(|error| panic!("cycle {cycle}, killed after {said:?}: {error}"));
            unsaid += found - bounds.required;
            model = model.cut(found);
            model.check_answers(&log).unwrap();
        }
    }
    println!(
        "figure: kill -9: {cycles} cycles, {answered} acknowledged records looked for after them, \
         {unsaid} recorded and not yet acknowledged, 0 lost"
    );
}
