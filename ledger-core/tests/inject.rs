//! An error, or a kill, in each system call by which a process opens, recovers, appends, rotates,
//! seals and closes: nothing acknowledged is lost, and the next process opens without a hand.
//!
//! strace puts the faults in. Where there is no strace nothing is tested and that is said; with
//! `CI=true` it has to be there, and every call gets its turn, not only every so-manieth.

use std::collections::BTreeMap;
use std::process::Command;

use ledger_core::log::embedded::HighWater;
use ledger_core::testing::crash::{Outcome, Plan, Promise, Run, SEGMENT_BYTES};
use ledger_core::testing::disk::{SimulatedDisk, Snapshot};
use ledger_core::testing::model::{Bounds, Model};
use ledger_core::testing::process::{Process, Said, Work, work_if_told, write_out};
use ledger_core::testing::workload::Workload;

const GROUPS: usize = 56;

#[test]
fn a_process_that_was_told_appends() {
    work_if_told();
}

/// What a power cut left: a log with a torn tail, and the history that must be in it.
fn torn() -> (Snapshot, Model) {
    let nothing = (Model::new(), Bounds { required: 0, possible: 0 });
    let plan = Plan::new(3, HighWater::Trailing, 60);
    let run = Run::record(&SimulatedDisk::new(), nothing, plan).expect("an honest disk");
    for (seed, moment) in (0..).zip(run.moments().iter().rev()) {
        let examined = moment.examine(Some(seed), plan.high_water, Promise::Honest);
        let examined = examined.expect("an honest disk");
        if let Outcome::Opened { found, quarantined: true, .. } = examined.outcome {
            return (examined.image, moment.expected().0.cut(found));
        }
    }
    panic!("some power cut tears a tail");
}

/// A seed whose appends are small enough for the segments of the test.
fn seed_of_small_appends() -> u64 {
    let is_small = |seed: &u64| {
        let mut workload = Workload::new(*seed);
        (0..GROUPS).all(|_| workload.next(&Model::new()).events.len() < 20)
    };
    (0..).find(is_small).expect("one of many seeds")
}

/// Runs the work under strace, which is told this about faults. Answers how far the process came
/// and what strace wrote down.
fn run_under_strace(work: &Work, options: &[String]) -> (Said, String) {
    let told = work.command("a_process_that_was_told_appends").expect("there is an executable");
    let trace = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-qq", "-o"]).arg(trace.path()).args(options);
    strace.arg(told.get_program()).args(told.get_args());
    for (name, value) in told.get_envs() {
        strace.env(name, value.unwrap_or_default());
    }
    let said = Process::start(&mut strace).and_then(Process::finish).expect("strace starts");
    (said, std::fs::read_to_string(trace.path()).unwrap_or_default())
}

/// Which calls touch the ledger, each with its place among the calls of its name in its thread.
fn calls_on(directory: &str, trace: &str) -> Vec<(String, usize)> {
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        let Some((name, _)) = rest.split_once('(') else { continue };
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(is_name) {
            continue;
        }
        let count = seen.entry((thread, name)).or_default();
        *count += 1;
        // A failed close says nothing that a sync has not said; for directories std panics at it.
        if rest.contains(directory) && !matches!(name, "execve" | "close") {
            calls.push((name.to_owned(), *count));
        }
    }
    calls.sort();
    calls.dedup();
    calls
}

#[test]
fn a_fault_in_any_system_call_loses_nothing_and_needs_no_hand() {
    let in_ci = std::env::var("CI").is_ok_and(|it| it == "true");
    if Command::new("strace").arg("-V").output().is_err() {
        assert!(!in_ci, "strace is not installed, and CI does not do without");
        println!("strace is not installed: no fault was injected");
        return;
    }
    let (image, history) = torn();
    let seed = seed_of_small_appends();
    let work_in = |directory: &tempfile::TempDir| Work {
        directory: directory.path().to_owned(),
        seed,
        groups: GROUPS,
        group_appends: 1,
        segment_bytes: SEGMENT_BYTES,
        high_water: HighWater::Trailing,
        is_orderly: true,
    };
    let run = |options: &[String]| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write_out(&image, directory.path()).expect("it is writable");
        let work = work_in(&directory);
        let (said, trace) = run_under_strace(&work, options);
        let mut model = history.clone();
        let bounds = work.expect(&mut model, said).expect("the model takes what is submitted");
        let log = work.open().unwrap_or_else(|error| panic!("{options:?}, {said:?}: {error}"));
        let found = model
            .check(&log, bounds)
            .unwrap_or_else(|error| panic!("{options:?}, then {said:?}: {error}"));
        model.cut(found).check_answers(&log).expect("every way to ask answers");
        let calls = calls_on(&directory.path().display().to_string(), &trace);
        (said, trace, calls)
    };

    let (said, trace, calls) = run(&[]);
    assert_eq!(said, Said::Closed, "without faults it comes to its end: {trace}");
    for part in ["quarantine/", ".sealed", "spare", "/mark", "/index/"] {
        assert!(trace.contains(part), "the work has to touch {part}");
    }
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    let faults = ["error=EIO", "error=ENOSPC", "error=EINTR", "signal=KILL"];
    let step = if in_ci { 1 } else { 31 };
    let pairs = calls.iter().flat_map(|call| faults.iter().map(move |fault| (call, *fault)));
    for ((name, place), fault) in pairs.step_by(step) {
        let inject = format!("inject={name}:{fault}:when={place}");
        let (said, trace, _) = run(&["-e".to_owned(), inject]);
        let is_in = trace.contains("(INJECTED)") || trace.contains("killed by SIGKILL");
        assert!(is_in, "{name} number {place} was not called again");
        *kinds.entry(fault).or_default() += 1;
        let end = if said == Said::Closed { "went on to its end" } else { "stopped" };
        *ends.entry(end).or_default() += 1;
    }
    println!(
        "figure: faults in {} system calls: {kinds:?}, of which {ends:?}; 0 acknowledged lost, \
         0 refused",
        calls.len()
    );
}
