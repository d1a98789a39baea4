//! What is done behind the writer, piece by piece, on a simulated disk.

use std::sync::atomic::AtomicU32;

use super::*;
use crate::log::embedded::{EmbeddedLog, Options, Threads};
use crate::log::{EventLog, Expected};
use crate::testing::disk::{Operation, SimulatedDisk};
use crate::testing::log::{ManualClock, append, usage, usage_stream};

const SEGMENT_BYTES: u64 = 64 * 1024;

fn open(disk: &SimulatedDisk) -> EmbeddedLog {
    let options = Options {
        segment_bytes: SEGMENT_BYTES,
        clock: Arc::new(ManualClock::default()),
        threads: Threads::Caller,
        ..Options::default()
    };
    EmbeddedLog::open(Arc::new(disk.clone()), options).unwrap()
}

fn fill(log: &EmbeddedLog, from: u32, count: u32) {
    for chunk in (from..from + count).collect::<Vec<_>>().chunks(50) {
        let events = chunk.iter().map(|n| usage("acme", &format!("e-{n}"), *n)).collect();
        log.append(append(usage_stream("acme"), Expected::Any, events)).wait().unwrap();
    }
}

fn background(log: &EmbeddedLog) -> &Background {
    &log.inner.background
}

#[test]
fn the_mark_is_synced_once_in_a_round_however_busy_the_writer_is() {
    let disk = SimulatedDisk::new();
    let log = open(&disk);
    // The first group of a file syncs the mark itself.
    fill(&log, 0, 1);
    fill(&log, 1, 1);
    let syncs = Arc::new(AtomicU32::new(0));
    let shared = Arc::clone(&log.inner.shared);
    let seen = Arc::clone(&syncs);
    disk.inject(move |call| {
        if call.operation == Operation::SyncData && &*call.path == MARK_FILE {
            seen.fetch_add(1, Ordering::Relaxed);
            // As a writer does that appends meanwhile.
            shared.mark_unsynced.store(true, Ordering::Release);
        }
        None
    });
    background(&log).prepare_all();
    assert_eq!(syncs.load(Ordering::Relaxed), 1);
    disk.mend();
}

#[test]
fn the_table_of_the_next_segment_is_there_before_the_segment_is() {
    let log = open(&SimulatedDisk::new());
    let shared = &log.inner.shared;
    let half = u32::try_from(shared.identity.events_likely() / 2).unwrap();
    fill(&log, 0, half - 50);
    assert!(!shared.prepare_key_table(), "most logs never need it");
    fill(&log, half, 100);
    assert!(shared.prepare_key_table());
    assert!(!shared.prepare_key_table(), "one is enough");
    let segments = || shared.view().tails().len();
    let mut next = 2 * half;
    while segments() == 1 {
        fill(&log, next, 50);
        next += 50;
    }
    fill(&log, next, 2 * half);
    assert!(shared.prepare_key_table(), "the segment that began took it");
}
