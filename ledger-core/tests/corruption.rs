//! A ledger whose files are damaged in every way answers as before, or says that it cannot.
//!
//! `CI=true` in an optimised build flips every bit of every file and cuts every file at every
//! length; else every so-manieth of them, which still meets every part of every file.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger_core::testing::damage::{Intact, Seen};
use ledger_core::testing::disk::SimulatedDisk;

const SEGMENT_BYTES: u64 = 64 * 1024;

/// Of so many damages one is tried; all of them in CI.
fn step(outside_ci: u64) -> u64 {
    let in_ci = std::env::var("CI").is_ok_and(|it| it == "true") && !cfg!(debug_assertions);
    if in_ci { 1 } else { outside_ci }
}

type Count = BTreeMap<Seen, u64>;

/// Tries `count` damages on all cores; a panic is a test failure of its own, so none is printed.
fn try_all(
    intact: &Intact,
    count: u64,
    step: u64,
    damage: impl Fn(&SimulatedDisk, u64) + Sync,
) -> Count {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Count::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let mut seen = Count::new();
                loop {
                    let number = next.fetch_add(step, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let disk = SimulatedDisk::from(intact.snapshot.clone());
                    damage(&disk, number);
                    match intact.look(&disk) {
                        Ok(it) => *seen.entry(it).or_default() += 1,
                        Err(wrong) => panic!("damage {number} of {count}: {wrong}"),
                    }
                }
                let mut total = total.lock().expect("nobody panics while counting");
                for (it, count) in seen {
                    *total.entry(it).or_default() += count;
                }
            });
        }
    });
    total.into_inner().expect("nobody panics while counting")
}

fn intact(sealed: usize) -> Intact {
    Intact::make(SEGMENT_BYTES, sealed).expect("an honest disk takes it")
}

fn len(intact: &Intact, path: &str) -> u64 {
    intact.snapshot.contents(path).map_or(0, |bytes| bytes.len() as u64)
}

#[test]
fn an_intact_ledger_answers_and_has_every_kind_of_file() {
    let intact = intact(1);
    assert_eq!(intact.look(&SimulatedDisk::from(intact.snapshot.clone())), Ok(Seen::Same));
    let paths = intact.snapshot.paths();
    for part in ["ledger", "mark", ".log", ".sealed", "index/keys", "index/streams"] {
        assert!(paths.iter().any(|path| path.contains(part)), "{part} among {paths:?}");
    }
}

#[test]
fn no_flipped_bit_changes_an_answer() {
    let intact = intact(1);
    for path in intact.snapshot.paths() {
        let bits = len(&intact, &path) * 8;
        // Small files are flipped whole at all times.
        let step = if bits <= 1024 { 1 } else { step((bits / 150) | 1) };
        let count = try_all(&intact, bits, step, |disk, bit| {
            disk.flip(&path, bit).expect("the bit is in the file");
        });
        println!("figure: flipped bits of {path} ({bits}): {count:?}");
    }
}

#[test]
fn no_cut_file_changes_an_answer() {
    let intact = intact(1);
    for path in intact.snapshot.paths() {
        let lengths = len(&intact, &path);
        let count = try_all(&intact, lengths, step((lengths / 60) | 1), |disk, length| {
            let length = usize::try_from(length).expect("files of a test are small");
            disk.cut(&path, length).expect("the file is there");
        });
        println!("figure: cuts of {path} ({lengths}): {count:?}");
    }
}

#[test]
fn no_lost_or_swapped_file_changes_an_answer() {
    let intact = intact(3);
    let paths = intact.snapshot.paths();
    let lost = try_all(&intact, paths.len() as u64, 1, |disk, number| {
        let path = &paths[usize::try_from(number).expect("there are few files")];
        disk.lose(path).expect("the file is there");
    });
    let pairs: Vec<_> = paths
        .iter()
        .enumerate()
        .flat_map(|(place, one)| paths.iter().skip(place + 1).map(move |other| (one, other)))
        .collect();
    let swapped = try_all(&intact, pairs.len() as u64, 1, |disk, number| {
        let (one, other) = pairs[usize::try_from(number).expect("there are few files")];
        disk.swap(one, other).expect("both files are there");
    });
    println!("figure: of {} files lost {lost:?}, swapped {swapped:?}", paths.len());
}
