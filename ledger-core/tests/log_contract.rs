//! The embedded engine is held to the contract in every form it comes in: on a real disk and on the
//! simulated one, in both high-water modes, with threads of its own and without, with segments so
//! small that everything rotates, seals and merges while it is used.

use std::sync::Arc;

use ledger_core::log::EventLog;
use ledger_core::log::embedded::{EmbeddedLog, HighWater, Options, Threads};
use ledger_core::log::storage::{FileSystem, Storage};
use ledger_core::testing::conformance::Engine;
use ledger_core::testing::disk::SimulatedDisk;
use ledger_core::testing::log::ManualClock;

/// One ledger on some storage.
struct Embedded {
    storage: Arc<dyn Storage>,
    options: Options,
    /// Keeps a real directory as long as it is used.
    _dir: Option<tempfile::TempDir>,
}

impl Engine for Embedded {
    fn open(&mut self) -> Box<dyn EventLog> {
        let log = EmbeddedLog::open(Arc::clone(&self.storage), self.options.clone());
        let log = log.expect("it opens");
        if self.options.threads == Threads::Caller {
            while log.work_once() {}
        }
        Box::new(log)
    }
}

fn options(high_water: HighWater, threads: Threads, segment_bytes: u64) -> Options {
    let clock = Arc::new(ManualClock::default());
    Options { high_water, threads, segment_bytes, clock, ..Options::default() }
}

fn on_a_real_disk(high_water: HighWater, threads: Threads, segment_bytes: u64) -> Embedded {
    let dir = tempfile::tempdir().expect("there is room for a directory");
    let storage = FileSystem::create(dir.path()).expect("the directory is there");
    let storage = Arc::new(storage);
    Embedded { storage, options: options(high_water, threads, segment_bytes), _dir: Some(dir) }
}

fn on_a_simulated_disk(segment_bytes: u64) -> Embedded {
    let storage = Arc::new(SimulatedDisk::new());
    let options = options(HighWater::Strict, Threads::Caller, segment_bytes);
    Embedded { storage, options, _dir: None }
}

mod trailing_with_threads {
    use super::*;
    ledger_core::conformance!(on_a_real_disk(HighWater::Trailing, Threads::Own, 256 * 1024));
}

mod strict_with_small_segments {
    use super::*;
    ledger_core::conformance!(on_a_real_disk(HighWater::Strict, Threads::Own, 16 * 1024));
}

mod simulated_without_threads {
    use super::*;
    ledger_core::conformance!(on_a_simulated_disk(16 * 1024));
}
