//! Times as data: an instant, a UTC day, a billing period. Never `now()`.
//!
//! Each is bounded to the years 1970 to 9999, on every way in, so that a time that exists prints,
//! sorts and counts without an error. Intervals are half-open: a period holds its first instant and
//! not the first of the next.

mod day;
mod period;
mod timestamp;

pub use day::Day;
pub use period::BillingPeriod;
pub use timestamp::Timestamp;

#[cfg(test)]
mod tests;

/// Why something is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text has another form.
    #[error("{text:?} is not {noun}")]
    Form {
        /// What was to be read.
        noun: &'static str,
        /// What was there, cut short.
        text: String,
    },
    /// Before 1970 or after 9999.
    #[error("{noun} must lie in the years 1970 to 9999")]
    Range {
        /// What was to be made.
        noun: &'static str,
    },
}

impl TimeError {
    fn form(noun: &'static str, text: &str) -> Self {
        Self::Form { noun, text: text.chars().take(40).collect() }
    }
}

/// `digits` decimal digits and nothing else.
fn digits(text: &str, digits: usize) -> Option<u16> {
    let plain = text.len() == digits && text.bytes().all(|it| it.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
