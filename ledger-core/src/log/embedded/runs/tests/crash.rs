//! Cut at every step, and refused at every call: what was durable is found, the rest is a gap.

use super::*;
use crate::testing::disk::Entry as Traced;
use crate::testing::disk::{Choices, Everything, Fault, Harshness, Nothing, Seeded, SystemError};

const SEGMENTS: u64 = 6;

fn entries(segment: u64) -> Vec<(u64, u64)> {
    // Segment 3 is empty; hash 5 is in every other one.
    let all = many(if segment == 3 { 0 } else { 30 }, segment);
    let shared = (segment != 3).then_some((5 << 16, segment));
    all.into_iter().chain(shared).collect()
}

/// Adds, merges and makes again; `note` hears of each segment that is in.
fn work(disk: &SimulatedDisk, mut note: impl FnMut(u64)) -> Result<(), RunsError> {
    let writer = RunsWriter::open(place(disk, 20_000), &(0..0))?.writer;
    for segment in 0..SEGMENTS {
        writer.add(segment, entries(segment))?;
        note(segment);
        while let Some(plan) = writer.merge_due() {
            writer.merge(&plan, &|| true)?;
            writer.merge(&plan, &|| false)?;
        }
        if segment == 4 {
            // Takes the merged run that holds segment 2 apart, under a damage that nobody sees.
            writer.rebuild(&(2..5), |it| Ok::<_, RunsError>(entries(it)))?;
        }
    }
    Ok(())
}

/// Opens what is left, adds what is missing, and finds all.
#[track_caller]
fn check_left(disk: &SimulatedDisk, durable: &[bool], context: &str) {
    let opened = RunsWriter::open(place(disk, 20_000), &(0..SEGMENTS)).expect(context);
    assert!(opened.damaged.is_empty(), "{context}: {:?}", opened.damaged);
    let missing: Vec<_> = opened.gaps.iter().cloned().flatten().collect();
    for segment in (0_u64..).zip(durable).filter_map(|(it, is_in)| is_in.then_some(it)) {
        assert!(!missing.contains(&segment), "{context}: segment {segment} was durable");
    }
    let present = (0..SEGMENTS).filter(|it| !missing.contains(it));
    let mut model: Model = present.map(|it| (it, entries(it))).collect();
    check(opened.writer.runs(), &model);
    for segment in missing {
        opened.writer.add(segment, entries(segment)).expect(context);
        model.insert(segment, entries(segment));
    }
    check(opened.writer.runs(), &model);
    let names = disk.list(DIRECTORY).expect(context);
    assert_eq!(names.len(), opened.writer.runs().view().count(), "{context}: {names:?}");
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_durable() {
    let disk = SimulatedDisk::new();
    disk.record();
    work(&disk, |segment| disk.note(segment)).unwrap();
    let (trace, points) = disk.recorded();
    assert!(points.len() > 100, "{} moments", points.len());
    for point in &points {
        let mut durable = [false; 6];
        for entry in &trace[..point.at] {
            if let Traced::Note(note) = entry {
                durable[usize::try_from(*note).unwrap()] = true;
            }
        }
        let seeds = if is_ci() { 20 } else { 2 };
        let mut cuts: Vec<Box<dyn Choices>> = vec![Box::new(Nothing), Box::new(Everything)];
        cuts.extend((0..seeds).map(|it| Box::new(Seeded::new(it)) as Box<dyn Choices>));
        for (cut, mut choices) in cuts.into_iter().enumerate() {
            let harshness =
                Harshness { names_in_any_subset: cut % 2 == 0, stale_sectors: cut % 3 == 0 };
            let image = point.snapshot.crash(&mut *choices, harshness);
            let context = format!("after {} entries of the trace, cut {cut}", point.at);
            check_left(&SimulatedDisk::from(image), &durable, &context);
        }
    }
}

#[test]
fn a_call_that_fails_is_reported_and_loses_nothing_that_was_durable() {
    let disk = SimulatedDisk::new();
    work(&disk, |_| ()).unwrap();
    let calls = disk.calls();
    let faults = [
        Fault::Error(SystemError::Io),
        Fault::Error(SystemError::NoSpace),
        Fault::ErrorAfterDoing(SystemError::Io),
        Fault::ErrorAfterBytes(700, SystemError::NoSpace),
        Fault::Short(100),
    ];
    let mut reported = 0;
    for fault in faults {
        for call in (0..calls).step_by(if is_ci() { 1 } else { 7 }) {
            let disk = SimulatedDisk::new();
            disk.inject_at(call, fault.clone());
            let mut durable = [false; 6];
            let note = |segment| durable[usize::try_from(segment).unwrap_or(0)] = true;
            let done = work(&disk, note);
            reported += usize::from(done.is_err());
            disk.mend();
            let context = format!("{fault:?} at call {call}: {done:?}");
            if done.is_ok() {
                assert_eq!(durable, [true; 6], "{context}");
            }
            check_left(&disk.killed(), &durable, &context);
            check_left(&disk.crashed(&mut Nothing, Harshness::default()), &durable, &context);
        }
    }
    assert!(reported > 70, "{reported} failures were reported");
}

/// A sync that lies can lose a run that counts as durable; it is never wrong data.
#[test]
fn a_sync_that_lies_leaves_damage_or_a_gap() {
    let disk = SimulatedDisk::new();
    work(&disk, |_| ()).unwrap();
    let calls = disk.calls();
    let (mut damaged, mut whole) = (0, 0);
    for call in 0..calls {
        let disk = SimulatedDisk::new();
        disk.inject_at(call, Fault::LoseSync);
        work(&disk, |_| ()).unwrap();
        let left = disk.crashed(&mut Nothing, Harshness::default());
        let opened = RunsWriter::open(place(&left, 20_000), &(0..SEGMENTS)).unwrap();
        let missing: Vec<_> = opened.gaps.iter().cloned().flatten().collect();
        for segment in (0..SEGMENTS).filter(|it| !missing.contains(it)) {
            for (hash, value) in entries(segment) {
                match opened.writer.runs().view().lookup(hash) {
                    Ok(values) => assert!(values.contains(&value), "call {call}"),
                    Err(RunsError::Damaged { .. }) => damaged += 1,
                    Err(error) => panic!("call {call}: {error:?}"),
                }
            }
        }
        damaged += opened.damaged.len();
        whole += usize::from(missing.is_empty());
    }
    assert!(damaged > 0 && whole > 0, "{damaged} damaged, {whole} whole");
}
