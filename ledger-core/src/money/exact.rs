//! The exact decimal under every amount, price and quantity.
//!
//! A mantissa below 2^96 and a scale of at most 20 decimals, normalised: equal numbers are equal
//! bytes, there is no negative zero, and every value is also a `rust_decimal::Decimal`.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a number cannot be had exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExactError {
    /// Not a number at all.
    #[error("the text is not a plain decimal number")]
    NotANumber,
    /// More decimals than are kept.
    #[error("the number has more than {} decimals", Exact::SCALE_MAX)]
    TooFine,
    /// More digits than are kept, or a result that needs more.
    #[error("the number needs more digits than an exact amount holds")]
    Overflow,
    /// A division by nothing.
    #[error("a division by zero")]
    DivisionByZero,
    /// A share by less than nothing.
    #[error("a weight below zero")]
    NegativeWeight,
}

/// An exact decimal number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Exact {
    mantissa: i128,
    scale: u8,
}

impl Exact {
    /// Nothing.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };
    /// One.
    pub const ONE: Self = Self { mantissa: 1, scale: 0 };
    /// The most decimals a number has: as many as the finest provider bills.
    pub const SCALE_MAX: u8 = 20;
    /// The largest mantissa: what `rust_decimal` holds.
    pub const MANTISSA_MAX: i128 = (1 << 96) - 1;

    /// `mantissa` divided by ten to the `scale`, trailing zeros dropped.
    pub const fn new(mantissa: i128, scale: u8) -> Result<Self, ExactError> {
        let mut it = Self { mantissa, scale };
        while it.scale > 0 && it.mantissa % 10 == 0 {
            it.mantissa /= 10;
            it.scale -= 1;
        }
        if it.scale > Self::SCALE_MAX {
            Err(ExactError::TooFine)
        } else if it.mantissa.unsigned_abs() > Self::MANTISSA_MAX.unsigned_abs() {
            Err(ExactError::Overflow)
        } else {
            Ok(it)
        }
    }

    /// A whole number. It always fits.
    pub const fn whole(number: i64) -> Self {
        // An i64 is far below the largest mantissa.
        Self { mantissa: number as i128, scale: 0 }
    }

    /// The digits, without a point.
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// How many of the digits stand after the point.
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// The same number with the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        // The mantissa's bounds are symmetric, so a negation fits.
        Self { mantissa: -self.mantissa, scale: self.scale }
    }

    /// The number without its sign.
    #[must_use]
    pub const fn magnitude(self) -> Self {
        Self { mantissa: self.mantissa.abs(), scale: self.scale }
    }

    /// The exact sum.
    pub const fn checked_add(self, other: Self) -> Result<Self, ExactError> {
        let scale = if self.scale > other.scale { self.scale } else { other.scale };
        // Where aligning overflows, the sum ends in the finer number's last digit, which is not
        // zero: it has no shorter form, so the refusal is right.
        let (Some(left), Some(right)) = (self.mantissa_at(scale), other.mantissa_at(scale)) else {
            return Err(ExactError::Overflow);
        };
        match left.checked_add(right) {
            Some(sum) => Self::new(sum, scale),
            None => Err(ExactError::Overflow),
        }
    }

    /// The exact difference.
    pub const fn checked_sub(self, other: Self) -> Result<Self, ExactError> {
        self.checked_add(other.negated())
    }

    /// The exact product; refused where it has more digits or decimals than are kept.
    pub const fn checked_mul(self, other: Self) -> Result<Self, ExactError> {
        match self.mantissa.checked_mul(other.mantissa) {
            Some(product) => Self::new(product, self.scale + other.scale),
            None => Err(ExactError::Overflow),
        }
    }

    /// The mantissa this number has at a given scale, where it has one.
    pub const fn mantissa_at(self, scale: u8) -> Option<i128> {
        if scale < self.scale {
            return None;
        }
        match 10_i128.checked_pow((scale - self.scale) as u32) {
            Some(power) => self.mantissa.checked_mul(power),
            None => None,
        }
    }

    /// Reads a number that may carry an exponent (`1.81E-8`), as FOCUS and AWS write them.
    pub fn parse_scientific(text: &str) -> Result<Self, ExactError> {
        let Some((digits, exponent)) = text.split_once(['e', 'E']) else {
            return text.parse();
        };
        let negative = exponent.starts_with('-');
        let places = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if places.is_empty() || places.len() > 3 || !places.bytes().all(|it| it.is_ascii_digit()) {
            return Err(ExactError::NotANumber);
        }
        let places = places.parse::<u16>().map_err(|_| ExactError::NotANumber)?;
        let it = digits.parse::<Self>()?;
        if it.is_zero() {
            return Ok(it);
        }
        if negative {
            let scale = u16::from(it.scale) + places;
            return Self::new(it.mantissa, u8::try_from(scale).map_err(|_| ExactError::TooFine)?);
        }
        let power = 10_i128.checked_pow(u32::from(places)).ok_or(ExactError::Overflow)?;
        Self::new(it.mantissa.checked_mul(power).ok_or(ExactError::Overflow)?, it.scale)
    }

    /// The number with at least so many decimals: 50 with two is `50.00`.
    pub fn to_text_with(self, decimals_min: u8) -> String {
        let mut text = self.to_string();
        if self.scale < decimals_min {
            if self.scale == 0 {
                text.push('.');
            }
            text.extend(std::iter::repeat_n('0', usize::from(decimals_min - self.scale)));
        }
        text
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Self) -> Ordering {
        // Whole parts first, so that aligning the rest cannot overflow.
        let split = |it: &Self| {
            let power = 10_i128.pow(u32::from(it.scale));
            let rest = (it.mantissa % power) * 10_i128.pow(u32::from(Self::SCALE_MAX - it.scale));
            (it.mantissa / power, rest)
        };
        split(self).cmp(&split(other))
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<Exact> for Decimal {
    fn from(it: Exact) -> Self {
        Self::try_from_i128_with_scale(it.mantissa, u32::from(it.scale))
            .expect("a mantissa below 2^96 and a scale of at most 20 are a decimal")
    }
}

impl TryFrom<Decimal> for Exact {
    type Error = ExactError;

    fn try_from(it: Decimal) -> Result<Self, ExactError> {
        Self::new(it.mantissa(), u8::try_from(it.scale()).map_err(|_| ExactError::TooFine)?)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Decimal::from(*self).fmt(f)
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exact({self})")
    }
}

impl FromStr for Exact {
    type Err = ExactError;

    /// Digits with at most one point, after at most one minus: no plus, no exponent, no separators.
    fn from_str(text: &str) -> Result<Self, ExactError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        if !plain(whole) || !plain(rest) {
            return Err(ExactError::NotANumber);
        }
        // Zeros that say nothing do not count against the digits that `rust_decimal` can hold.
        let whole = whole.trim_start_matches('0');
        let rest = rest.trim_end_matches('0');
        if rest.len() > usize::from(Self::SCALE_MAX) {
            return Err(ExactError::TooFine);
        }
        let sign = if digits.len() < text.len() { "-" } else { "" };
        let trimmed = match (whole, rest) {
            ("", "") => return Ok(Self::ZERO),
            (whole, "") => format!("{sign}{whole}"),
            ("", rest) => format!("{sign}0.{rest}"),
            (whole, rest) => format!("{sign}{whole}.{rest}"),
        };
        Decimal::from_str_exact(&trimmed).map_err(|_| ExactError::Overflow)?.try_into()
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.mantissa, self.scale).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(Text);
        }
        let (mantissa, scale) = <(i128, u8)>::deserialize(deserializer)?;
        let it = Self::new(mantissa, scale).map_err(de::Error::custom)?;
        if (it.mantissa, it.scale) == (mantissa, scale) {
            Ok(it)
        } else {
            Err(de::Error::custom("the number is not in its shortest form"))
        }
    }
}

/// Stands before a number that had no quotation marks in its JSON; see `json`. No word may hold it.
pub(crate) const NUMBER_MARK: char = '\u{1}';

/// The digits behind the mark.
pub(super) fn unmarked(text: &str) -> &str {
    text.strip_prefix(NUMBER_MARK).unwrap_or(text)
}

/// Reads the JSON forms: a string, or an integer that serde hands over whole. A float is refused by
/// leaving its method out; `json` never makes one.
struct Text;

impl Visitor<'_> for Text {
    type Value = Exact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number as a string, such as \"12.5\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Exact, E> {
        unmarked(text).parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Exact, E> {
        Ok(Exact::whole(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Exact, E> {
        Exact::new(i128::from(number), 0).map_err(E::custom)
    }
}
