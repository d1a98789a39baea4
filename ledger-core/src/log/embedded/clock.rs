//! The log's clock. The only place of the engine that reads the time.

use std::time::Duration;

use crate::time::Timestamp;

/// One look at both clocks of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The wall clock, which people and time servers set.
    pub wall: Timestamp,
    /// A clock nobody sets; only differences mean something.
    pub monotonic: Duration,
}

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Both clocks, now.
    fn read(&self) -> Reading;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// The machine's clocks, monotonic time counted from now.
    #[expect(clippy::disallowed_methods, reason = "this is the rim: the log's one clock")]
    pub fn new() -> Self {
        Self { started: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the rim: the log's one clock")]
    fn read(&self) -> Reading {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Reading {
            wall: Timestamp::saturating_from_micros(micros),
            monotonic: self.started.elapsed(),
        }
    }
}
