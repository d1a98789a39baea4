//! When an event is recorded, and when the clock is not to be believed.
//!
//! Recorded times never go back. A clock more than a minute behind the last event, or one that
//! jumped more than a day ahead of what the monotonic clock says, is refused until it mends or an
//! operator accepts it.

use std::sync::Arc;

use crate::log::AppendError;
use crate::time::Timestamp;

use super::clock::{Clock, Reading};

const BEHIND_MICROS_MAX: i64 = 60 * 1_000_000;
const AHEAD_MICROS_MAX: i64 = 86_400 * 1_000_000;

/// The clock, and what it said when it was last believed.
pub(crate) struct ClockGuard {
    clock: Arc<dyn Clock>,
    believed: Option<Reading>,
    behind_is_accepted: bool,
}

impl std::fmt::Debug for ClockGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClockGuard").field("believed", &self.believed).finish_non_exhaustive()
    }
}

impl ClockGuard {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, believed: None, behind_is_accepted: false }
    }

    /// The time to record with, never before the last event's.
    pub(crate) fn time(&mut self, last_recorded_at: Option<i64>) -> Result<Timestamp, AppendError> {
        let now = self.clock.read();
        if let Some(last) = last_recorded_at {
            let behind = last.saturating_sub(now.wall.as_micros());
            if behind <= 0 {
                self.behind_is_accepted = false;
            }
            if behind > BEHIND_MICROS_MAX && !self.behind_is_accepted {
                return Err(AppendError::ClockBehind {
                    now: now.wall,
                    last: Timestamp::saturating_from_micros(last),
                });
            }
        }
        if let Some(believed) = self.believed {
            let passed = now.monotonic.saturating_sub(believed.monotonic);
            let passed = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
            let expected = believed.wall.as_micros().saturating_add(passed);
            if now.wall.as_micros().saturating_sub(expected) > AHEAD_MICROS_MAX {
                return Err(AppendError::ClockAhead { now: now.wall, last: believed.wall });
            }
        }
        self.believed = Some(now);
        let last = last_recorded_at.unwrap_or(i64::MIN);
        Ok(Timestamp::saturating_from_micros(now.wall.as_micros().max(last)))
    }

    /// What the clock says, believed or not.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.read().wall
    }

    /// Believes the clock as it is. Answers what it says.
    pub(crate) fn accept(&mut self) -> Timestamp {
        let now = self.clock.read();
        self.believed = Some(now);
        self.behind_is_accepted = true;
        now.wall
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    struct SetClock(Mutex<Reading>);

    impl Clock for SetClock {
        fn read(&self) -> Reading {
            *self.0.lock().unwrap()
        }
    }

    fn set(clock: &SetClock, wall_s: i64, monotonic_s: u64) {
        *clock.0.lock().unwrap() = Reading {
            wall: Timestamp::saturating_from_micros(wall_s * 1_000_000),
            monotonic: Duration::from_secs(monotonic_s),
        };
    }

    fn guard() -> (Arc<SetClock>, ClockGuard) {
        let wall = Timestamp::saturating_from_micros(1_000_000_000);
        let reading = Reading { wall, monotonic: Duration::ZERO };
        let clock = Arc::new(SetClock(Mutex::new(reading)));
        (Arc::clone(&clock), ClockGuard::new(clock))
    }

    const LAST: Option<i64> = Some(1_000_000_000);

    #[test]
    fn a_recorded_time_never_goes_back() {
        let (clock, mut guard) = guard();
        set(&clock, 990, 1);
        assert_eq!(guard.time(LAST), Ok(Timestamp::saturating_from_micros(1_000_000_000)));
    }

    #[test]
    fn a_clock_a_minute_behind_is_believed_and_one_more_second_is_not() {
        let (clock, mut guard) = guard();
        set(&clock, 940, 1);
        assert!(guard.time(LAST).is_ok());
        set(&clock, 939, 2);
        assert!(matches!(guard.time(LAST), Err(AppendError::ClockBehind { .. })));
        set(&clock, 1001, 3);
        assert!(guard.time(LAST).is_ok(), "it mends by itself");
    }

    #[test]
    fn an_operator_accepts_a_clock_that_is_behind_until_it_has_caught_up() {
        let (clock, mut guard) = guard();
        set(&clock, 100, 1);
        assert!(guard.time(LAST).is_err());
        guard.accept();
        assert!(guard.time(LAST).is_ok());
        set(&clock, 1001, 902);
        assert!(guard.time(LAST).is_ok());
        set(&clock, 100, 903);
        assert!(guard.time(LAST).is_err(), "the acceptance was for that one time");
    }

    #[test]
    fn a_jump_of_a_day_is_believed_and_one_more_second_is_not() {
        let (clock, mut guard) = guard();
        assert!(guard.time(LAST).is_ok());
        set(&clock, 1000 + 86_400 + 5, 5);
        assert!(guard.time(LAST).is_ok());
        set(&clock, 1000 + 2 * 86_400 + 12, 11);
        assert!(matches!(guard.time(LAST), Err(AppendError::ClockAhead { .. })));
        guard.accept();
        assert!(guard.time(LAST).is_ok());
    }

    #[test]
    fn a_long_quiet_time_is_no_jump() {
        let (clock, mut guard) = guard();
        assert!(guard.time(LAST).is_ok());
        set(&clock, 1000 + 10 * 86_400, 10 * 86_400);
        assert!(guard.time(LAST).is_ok());
    }
}
