//! The thread that builds the tree behind the writer and signs checkpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ledger_core::cause::in_one_line;
use ledger_core::log::embedded::LogReader;
use ledger_core::log::keeper::{Keeper, KeeperError, StoredTiles};
use ledger_core::log::prover::catch_up;
use ledger_core::log::storage::Storage;
use ledger_core::proof::KeyName;

/// How often new events are signed.
const INTERVAL: Duration = Duration::from_secs(1);
/// After a failure the files are read again, not at once.
const PAUSE: Duration = Duration::from_secs(10);

/// Runs until it is dropped; then signs once more what was acknowledged.
#[derive(Debug)]
pub(crate) struct Prover {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Prover {
    /// Opens the keeper and starts the thread.
    pub(crate) fn start(
        storage: Arc<dyn Storage>,
        reader: LogReader,
        origin: KeyName,
    ) -> Result<Self, KeeperError> {
        let entropy = Box::new(|| {
            let mut bytes = [0_u8; 32];
            getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
            Ok(bytes)
        });
        let mut keeper = Keeper::open(Arc::clone(&storage), origin, entropy)?;
        let tiles = StoredTiles::new(storage);
        let stop = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            loop {
                let last = is_over.load(Ordering::Acquire);
                let goes_on = || last || !is_over.load(Ordering::Acquire);
                let pause = match catch_up(&mut keeper, &reader, &tiles, goes_on) {
                    Ok(Some(head)) => {
                        tracing::debug!(size = head.size, root = %head.root, "signed");
                        INTERVAL
                    }
                    Ok(None) => INTERVAL,
                    Err(error) => {
                        tracing::error!(error = %in_one_line(&error), "nothing was signed");
                        PAUSE
                    }
                };
                if last {
                    return;
                }
                std::thread::park_timeout(pause);
            }
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Prover {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the prover panicked");
            }
        }
    }
}
