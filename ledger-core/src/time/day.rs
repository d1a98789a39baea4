//! A UTC day.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{BillingPeriod, TimeError, Timestamp};

const NOUN: &str = "a day (YYYY-MM-DD)";

/// A UTC day: days since 1970-01-01, before the year 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// 1970-01-01.
    pub const MIN: Self = Self(0);
    /// 9999-12-31.
    pub const MAX: Self = Self(2_932_896);

    /// The day so many days after 1970-01-01.
    pub const fn from_days(days: i32) -> Result<Self, TimeError> {
        if days < Self::MIN.0 || days > Self::MAX.0 {
            Err(TimeError::Range { noun: NOUN })
        } else {
            Ok(Self(days))
        }
    }

    /// The day of this date in the calendar.
    pub fn from_date(year: u16, month: u8, day: u8) -> Result<Self, TimeError> {
        let range = TimeError::Range { noun: NOUN };
        let form = || TimeError::form(NOUN, &format!("{year:04}-{month:02}-{day:02}"));
        let year = i16::try_from(year).map_err(|_| range.clone())?;
        let (month, day) = (i8::try_from(month), i8::try_from(day));
        let (month, day) = month.ok().zip(day.ok()).ok_or_else(form)?;
        let date = Date::new(year, month, day).map_err(|_| form())?;
        let days = (date - jiff::civil::date(1970, 1, 1)).get_days();
        Self::from_days(days)
    }

    /// Days since 1970-01-01.
    pub const fn days_since_epoch(self) -> i32 {
        self.0
    }

    /// Its first instant.
    pub fn starts_at(self) -> Timestamp {
        Timestamp::from_micros(i64::from(self.0) * Timestamp::DAY)
            .expect("a bounded day starts at a bounded instant")
    }

    /// The first instant after it; nothing after the last day.
    pub fn ends_at(self) -> Option<Timestamp> {
        self.next().map(Self::starts_at)
    }

    /// So many days later, or earlier where negative.
    pub fn plus_days(self, days: i32) -> Option<Self> {
        Self::from_days(self.0.checked_add(days)?).ok()
    }

    /// The day after.
    pub fn next(self) -> Option<Self> {
        self.plus_days(1)
    }

    /// Days from an earlier day to this one; negative where it is the later one.
    pub const fn days_since(self, earlier: Self) -> i32 {
        // Both lie within the bounds, whose whole span fits.
        self.0 - earlier.0
    }

    /// The billing period it lies in.
    pub fn period(self) -> BillingPeriod {
        let (year, month, _) = self.date();
        BillingPeriod::new(year, month).expect("a bounded day has a bounded period")
    }

    /// Year, month and day of the month.
    pub fn date(self) -> (u16, u8, u8) {
        let date = jiff::civil::date(1970, 1, 1)
            .checked_add(jiff::Span::new().days(self.0))
            .expect("a bounded day is a date");
        let small = |it: i8| u8::try_from(it).expect("months and days of dates are above zero");
        let year = u16::try_from(date.year()).expect("a bounded day has a bounded year");
        (year, small(date.month()), small(date.day()))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let parts = <[&str; 3]>::try_from(text.split('-').collect::<Vec<_>>()).ok();
        let read = |[year, month, day]: [&str; 3]| {
            let (month, day) = (super::digits(month, 2)?, super::digits(day, 2)?);
            Some((super::digits(year, 4)?, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
        };
        let date = parts.and_then(read).ok_or_else(|| TimeError::form(NOUN, text))?;
        Self::from_date(date.0, date.1, date.2)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            Self::from_days(i32::deserialize(deserializer)?).map_err(D::Error::custom)
        }
    }
}
