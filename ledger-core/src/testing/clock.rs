//! A clock that goes on by a millisecond whenever somebody looks at it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::log::embedded::{Clock, Reading};
use crate::time::Timestamp;

const STEP_MICROS: i64 = 1_000;

/// The same readings in every run.
#[derive(Debug)]
pub struct SteppingClock {
    started_at: Timestamp,
    now_micros: AtomicI64,
}

impl SteppingClock {
    /// A clock whose first reading is this instant.
    pub fn starting_at(instant: Timestamp) -> Self {
        Self { started_at: instant, now_micros: AtomicI64::new(instant.as_micros()) }
    }
}

impl Clock for SteppingClock {
    fn read(&self) -> Reading {
        let micros = self.now_micros.fetch_add(STEP_MICROS, Ordering::Relaxed);
        let since = micros.saturating_sub(self.started_at.as_micros());
        Reading {
            wall: Timestamp::from_micros(micros).unwrap_or(self.started_at),
            monotonic: Duration::from_micros(u64::try_from(since).unwrap_or(0)),
        }
    }
}
