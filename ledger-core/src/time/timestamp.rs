//! An instant, in microseconds.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{BillingPeriod, Day, TimeError};

const NOUN: &str = "an RFC 3339 time";
const SECOND: i64 = 1_000_000;

/// An instant: microseconds since 1970, UTC, before the year 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first instant there is.
    pub const MIN: Self = Self(0);
    /// The last instant there is: the beginning of the last day, so that every day has an end.
    pub const MAX: Self = Self(Day::MAX.days_since_epoch() as i64 * Self::DAY);
    /// Microseconds in a day.
    pub const DAY: i64 = 86_400 * SECOND;

    /// The instant so many microseconds after 1970.
    pub const fn from_micros(micros: i64) -> Result<Self, TimeError> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 {
            Err(TimeError::Range { noun: NOUN })
        } else {
            Ok(Self(micros))
        }
    }

    /// The instant so many microseconds after 1970, brought within range.
    ///
    /// For a machine's clock, which must not stop a ledger because somebody set it to 1969.
    pub const fn saturating_from_micros(micros: i64) -> Self {
        if micros < Self::MIN.0 {
            Self::MIN
        } else if micros > Self::MAX.0 {
            Self::MAX
        } else {
            Self(micros)
        }
    }

    /// The instant so many seconds after 1970.
    pub const fn from_seconds(seconds: i64) -> Result<Self, TimeError> {
        match seconds.checked_mul(SECOND) {
            Some(micros) => Self::from_micros(micros),
            None => Err(TimeError::Range { noun: NOUN }),
        }
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// An RFC 3339 time of which decimals finer than microseconds are cut off: no later than what
    /// was written, so still in its day. For producers whose clocks are finer than ours.
    pub fn from_rfc3339_cut(text: &str) -> Result<Self, TimeError> {
        read(text, true).ok_or_else(|| TimeError::form(NOUN, text))?
    }

    /// So many seconds later, or earlier where negative.
    pub fn plus_seconds(self, seconds: i64) -> Option<Self> {
        self.plus_micros(seconds.checked_mul(SECOND)?)
    }

    /// So many microseconds later, or earlier where negative.
    pub fn plus_micros(self, micros: i64) -> Option<Self> {
        Self::from_micros(self.0.checked_add(micros)?).ok()
    }

    /// Microseconds from an earlier instant to this one; negative where it is the later one.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        // Both lie within the bounds, whose whole span fits.
        self.0 - earlier.0
    }

    /// Whether nothing can have happened at this instant yet: clocks differ, but not by more than
    /// five minutes.
    pub const fn is_to_come(self, now: Self) -> bool {
        self.micros_since(now) > 5 * 60 * SECOND
    }

    /// The UTC day it lies in.
    pub fn day(self) -> Day {
        let days = i32::try_from(self.0 / Self::DAY).expect("a bounded instant has a bounded day");
        Day::from_days(days).expect("a bounded instant has a bounded day")
    }

    /// The billing period it lies in.
    pub fn period(self) -> BillingPeriod {
        self.day().period()
    }
}

impl fmt::Display for Timestamp {
    /// `2026-04-01T00:00:00Z`, with as many decimals of the second as it has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (of_day, day) = (self.0 % Self::DAY, self.day());
        let (seconds, mut micros) = (of_day / SECOND, of_day % SECOND);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{day}T{hour:02}:{minute:02}:{second:02}")?;
        if micros > 0 {
            let mut places = 6_usize;
            while micros % 10 == 0 {
                micros /= 10;
                places -= 1;
            }
            write!(f, ".{micros:0places$}")?;
        }
        f.write_str("Z")
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// An RFC 3339 time with its offset. Finer than microseconds is refused, not rounded; so is a
    /// leap second, which has no place of its own in this count.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        read(text, false).ok_or_else(|| TimeError::form(NOUN, text))?
    }
}

/// Nothing where the form is wrong, an error where only the range is.
fn read(text: &str, is_cut: bool) -> Option<Result<Timestamp, TimeError>> {
    // Every character of the grammar is ASCII; this also makes byte and character places the same.
    if !text.is_ascii() || text.len() < 20 {
        return None;
    }
    let (date, time) = text.split_at(10);
    let time = time.strip_prefix(['T', 't'])?;
    let (clock, rest) = time.split_at(8);
    let [hour, minute, second] =
        <[&str; 3]>::try_from(clock.split(':').collect::<Vec<_>>()).ok()?;
    let number = |text, max| super::digits(text, 2).filter(|it| *it <= max).map(i64::from);
    let (hour, minute, second) = (number(hour, 23)?, number(minute, 59)?, number(second, 59)?);
    let (micros, offset) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let places = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (places, offset) = rest.split_at(places);
            (micros(places, is_cut)?, offset)
        }
    };
    let offset = offset_seconds(offset)?;
    let day = match date.parse::<Day>() {
        Ok(day) => i64::from(day.days_since_epoch()),
        Err(TimeError::Range { .. }) => return Some(Err(TimeError::Range { noun: NOUN })),
        Err(TimeError::Form { .. }) => return None,
    };
    let seconds = hour * 3600 + minute * 60 + second - offset;
    Some(Timestamp::from_micros(day * Timestamp::DAY + seconds * SECOND + micros))
}

/// The decimals of a second, as microseconds.
fn micros(places: &str, is_cut: bool) -> Option<i64> {
    let (kept, cut) = places.split_at(places.len().min(6));
    if kept.is_empty() || (!is_cut && cut.bytes().any(|it| it != b'0')) {
        return None;
    }
    format!("{kept:0<6}").parse().ok()
}

/// How far a zone's clocks are ahead of UTC.
fn offset_seconds(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hour, minute) = text.strip_prefix(['+', '-'])?.split_once(':')?;
    let hour = super::digits(hour, 2).filter(|it| *it <= 23)?;
    let minute = super::digits(minute, 2).filter(|it| *it <= 59)?;
    Some(sign * (i64::from(hour) * 3600 + i64::from(minute) * 60))
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            Self::from_micros(i64::deserialize(deserializer)?).map_err(D::Error::custom)
        }
    }
}
