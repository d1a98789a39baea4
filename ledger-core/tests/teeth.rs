//! Each bug that a log is known to have had is planted, and caught by what the other tests ask.
//!
//! A test that cannot fail proves nothing. The same explorers look at a log without a bug in
//! `tests/crash.rs`, and find nothing. A checkpoint signed before the sync is the keeper's to make:
//! its own tests plant that one.

use ledger_core::log::embedded::HighWater;
use ledger_core::testing::damage::Intact;
use ledger_core::testing::disk::SimulatedDisk;
use ledger_core::testing::explore::{one_fault, one_lie, three_lives};
use ledger_core::testing::planted::{PlantedBug, plant};

/// What a bug is caught by: a question, asked with one seed after the other.
fn catch(ask: impl Fn(u64) -> Result<(), String>) -> Option<String> {
    (0..6).find_map(|seed| ask(seed).err())
}

fn cuts(seed: u64) -> Result<(), String> {
    three_lives(seed).map(drop)
}

fn faults(seed: u64) -> Result<(), String> {
    one_fault(seed).map(drop)
}

/// In strict mode a lie is never answered with less than was acknowledged.
fn lies(seed: u64) -> Result<(), String> {
    one_lie(seed, HighWater::Strict).map(drop)
}

/// Every so-manieth bit of the unsealed segments of a ledger that was closed in order.
fn flips(seed: u64) -> Result<(), String> {
    let intact = Intact::make(4 * 1024, 3)?;
    let raw = |path: &String| path.ends_with(".log");
    for path in intact.snapshot.paths().into_iter().filter(raw) {
        let bits = intact.snapshot.contents(&path).map_or(0, |bytes| bytes.len() as u64 * 8);
        for bit in (seed..bits).step_by(7) {
            let disk = SimulatedDisk::from(intact.snapshot.clone());
            disk.flip(&path, bit).map_err(|error| error.to_string())?;
            intact.look(&disk).map_err(|wrong| format!("bit {bit} of {path}: {wrong}"))?;
        }
    }
    Ok(())
}

fn caught(bug: PlantedBug) -> Option<String> {
    let _planted = plant(bug);
    match bug {
        PlantedBug::AcknowledgeBeforeSync
        | PlantedBug::NoDirectorySync
        | PlantedBug::DurableUptoTooHigh
        | PlantedBug::MarkAheadOfData
        | PlantedBug::DedupeIgnoresTenant => catch(cuts),
        PlantedBug::SyncRetried | PlantedBug::AppendAfterPartialWrite => catch(faults),
        PlantedBug::TruncateAtFirstBadFrame => catch(lies),
        PlantedBug::HeaderByteUnchecked => catch(flips),
        PlantedBug::CheckpointBeforeSync => Some("by the keeper's own tests".to_owned()),
    }
}

#[test]
fn the_tests_have_teeth() {
    for question in [cuts, faults, lies, flips] {
        question(0).expect("no bug is planted");
    }
    for bug in PlantedBug::ALL {
        let how = caught(bug).unwrap_or_else(|| panic!("{bug:?} is not seen"));
        let first = how.lines().next().unwrap_or_default();
        println!("figure: planted {bug:?}: {first:.160}");
    }
}
