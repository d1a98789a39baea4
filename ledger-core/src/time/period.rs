//! A billing period: the calendar month, UTC.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Day, TimeError, Timestamp};

const NOUN: &str = "a billing period (YYYY-MM)";

/// A calendar month, UTC, half-open, written `2026-04`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BillingPeriod {
    year: u16,
    month: u8,
}

impl BillingPeriod {
    /// The month of a year, from 1 to 12.
    pub fn new(year: u16, month: u8) -> Result<Self, TimeError> {
        if !(1..=12).contains(&month) {
            return Err(TimeError::form(NOUN, &format!("{year:04}-{month:02}")));
        }
        if !(1970..=9999).contains(&year) {
            return Err(TimeError::Range { noun: NOUN });
        }
        Ok(Self { year, month })
    }

    /// Its year.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// Its month, from 1 to 12.
    pub const fn month(self) -> u8 {
        self.month
    }

    /// Its first day.
    pub fn first_day(self) -> Day {
        Day::from_date(self.year, self.month, 1).expect("a period begins on a day")
    }

    /// The first day after it. Time ends as 9999-12-31 begins, so the last period ends there.
    pub fn end_day(self) -> Day {
        let (year, month) =
            if self.month == 12 { (self.year + 1, 1) } else { (self.year, self.month + 1) };
        Day::from_date(year, month, 1).unwrap_or(Day::MAX)
    }

    /// Its last day.
    pub fn last_day(self) -> Day {
        self.end_day().plus_days(-1).expect("a period has a day")
    }

    /// Its first instant.
    pub fn starts_at(self) -> Timestamp {
        self.first_day().starts_at()
    }

    /// The first instant after it.
    pub fn ends_at(self) -> Timestamp {
        self.end_day().starts_at()
    }

    /// How many days it has: 28 to 31.
    pub fn days(self) -> u8 {
        u8::try_from(self.end_day().days_since(self.first_day())).expect("a month has few days")
    }

    /// Its days in order.
    pub fn each_day(self) -> impl Iterator<Item = Day> + Clone {
        let first = self.first_day();
        (0..i32::from(self.days())).filter_map(move |it| first.plus_days(it))
    }

    /// The period after it; nothing after the last.
    pub fn next(self) -> Option<Self> {
        Some(self.end_day().period()).filter(|it| *it != self)
    }

    /// The period before it; nothing before the first.
    pub fn previous(self) -> Option<Self> {
        self.first_day().plus_days(-1).map(Day::period)
    }

    /// Whether an instant lies in it.
    pub fn contains(self, instant: Timestamp) -> bool {
        self.starts_at() <= instant && instant < self.ends_at()
    }
}

impl fmt::Display for BillingPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for BillingPeriod {
    type Err = TimeError;

    /// `2026-04`, or its first day, `2026-04-01`.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let short = text.strip_suffix("-01").filter(|it| it.len() == 7).unwrap_or(text);
        let read = |(year, month)| {
            Some((super::digits(year, 4)?, u8::try_from(super::digits(month, 2)?).ok()?))
        };
        let it = short.split_once('-').and_then(read).ok_or_else(|| TimeError::form(NOUN, text))?;
        Self::new(it.0, it.1)
    }
}

impl Serialize for BillingPeriod {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.year, self.month).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for BillingPeriod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer)?.parse().map_err(D::Error::custom);
        }
        let (year, month) = <(u16, u8)>::deserialize(deserializer)?;
        Self::new(year, month).map_err(D::Error::custom)
    }
}
