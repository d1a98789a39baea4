//! Quantities, unit prices and percents: exact decimals with bounds of their own.
//!
//! The bounds make the documented product exact: a price of 15 digits, a quantity of 18, the days
//! of a month and a ladder's multiplier of two digits multiply within 128 bits, so no line
//! overflows before it is rounded.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::exact::{Exact, ExactError};
use super::ratio::Ratio;

/// Why a number is not a quantity, a price or a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// Not an exact number.
    #[error(transparent)]
    Number(#[from] ExactError),
    /// More digits than its kind may have.
    #[error("{noun} has at most {digits_max} digits, {decimals_max} of them decimals")]
    Digits {
        /// What was to be read.
        noun: &'static str,
        /// The limit of digits.
        digits_max: u32,
        /// The limit of decimals.
        decimals_max: u8,
    },
    /// Below zero where its kind may not be.
    #[error("{noun} may not be negative")]
    Negative {
        /// What was to be read.
        noun: &'static str,
    },
}

struct Bounds {
    noun: &'static str,
    digits_max: u32,
    decimals_max: u8,
    may_be_negative: bool,
}

const fn bounded(number: Exact, bounds: &Bounds) -> Result<Exact, BoundError> {
    let Bounds { noun, digits_max, decimals_max, may_be_negative } = *bounds;
    if number.is_negative() && !may_be_negative {
        return Err(BoundError::Negative { noun });
    }
    let too_long = number.mantissa().unsigned_abs() >= 10_u128.pow(digits_max);
    if too_long || number.scale() > decimals_max {
        return Err(BoundError::Digits { noun, digits_max, decimals_max });
    }
    Ok(number)
}

macro_rules! bounded_number {
    ($(#[$doc:meta])* $name:ident, $bounds:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Exact);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(Exact::ZERO);
            const BOUNDS: Bounds = $bounds;

            /// Checks the bounds and takes the number.
            pub const fn new(number: Exact) -> Result<Self, BoundError> {
                match bounded(number, &Self::BOUNDS) {
                    Ok(number) => Ok(Self(number)),
                    Err(error) => Err(error),
                }
            }

            /// The number.
            pub const fn get(self) -> Exact {
                self.0
            }

            /// Whether it is zero.
            pub const fn is_zero(self) -> bool {
                self.0.is_zero()
            }

            /// The exact sum, within the same bounds.
            pub fn checked_add(self, other: Self) -> Result<Self, BoundError> {
                Self::new(self.0.checked_add(other.0)?)
            }

            /// The exact difference, within the same bounds.
            pub fn checked_sub(self, other: Self) -> Result<Self, BoundError> {
                Self::new(self.0.checked_sub(other.0)?)
            }
        }

        impl From<$name> for Exact {
            fn from(it: $name) -> Self {
                it.0
            }
        }

        impl From<$name> for Ratio {
            fn from(it: $name) -> Self {
                it.0.into()
            }
        }

        impl TryFrom<Exact> for $name {
            type Error = BoundError;

            fn try_from(number: Exact) -> Result<Self, BoundError> {
                Self::new(number)
            }
        }

        impl FromStr for $name {
            type Err = BoundError;

            fn from_str(text: &str) -> Result<Self, BoundError> {
                Self::new(text.parse()?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(Exact::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

bounded_number! {
    /// How much of a unit. May be negative: a correction takes back.
    Quantity,
    Bounds { noun: "a quantity", digits_max: 18, decimals_max: 12, may_be_negative: true }
}
bounded_number! {
    /// The price of one unit, in the currency of what holds it. Never negative.
    UnitPrice,
    Bounds { noun: "a unit price", digits_max: 15, decimals_max: 12, may_be_negative: false }
}
bounded_number! {
    /// Hundredths: a tax rate, a discount, a commission. Never negative.
    Percent,
    Bounds { noun: "a percent", digits_max: 7, decimals_max: 4, may_be_negative: false }
}

impl Quantity {
    /// A whole number of units. It always fits.
    pub const fn whole(units: u32) -> Self {
        Self(Exact::whole(units as i64))
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.0.is_negative()
    }
}

impl Percent {
    /// The share it stands for: 10 is one tenth.
    pub fn share(self) -> Ratio {
        let hundred = Ratio::whole(100);
        Ratio::from(self.0).checked_div(hundred).expect("seven digits over a hundred fit")
    }
}
