//! An amount before rounding: two integers. Multiplied first, divided and rounded once.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::exact::{Exact, ExactError};
use super::wide;

/// How the one rounding treats what lies between two neighbours.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the nearest; a half away from zero, so that a credit mirrors its charge.
    #[default]
    HalfAwayFromZero,
    /// To the nearest; a half toward zero, as New Zealand allows for tax.
    HalfDown,
    /// To the nearest; a half to the even neighbour. For statistics; no tax rule has it.
    HalfEven,
    /// What is cut off is lost: credit is never applied beyond what there is.
    TowardZero,
    /// Away from zero, whatever is cut off.
    Up,
}

impl Rounding {
    /// Whether a magnitude grows by one, given what was cut off and the parity of what is left.
    fn grows(self, rest: u128, divisor: u128, is_odd: bool) -> bool {
        // The divisor less the rest, instead of twice the rest: it cannot overflow.
        let against_half = rest.cmp(&(divisor - rest));
        match self {
            Self::HalfAwayFromZero => against_half.is_ge(),
            Self::HalfDown => against_half.is_gt(),
            Self::HalfEven => against_half.is_gt() || (against_half.is_eq() && is_odd),
            Self::TowardZero => false,
            Self::Up => rest > 0,
        }
    }
}

/// An exact quotient of two integers in lowest terms; the sign is the upper one's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ratio {
    over: i128,
    under: i128,
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self { over: 0, under: 1 };
    /// One.
    pub const ONE: Self = Self { over: 1, under: 1 };

    /// `over` divided by `under`.
    pub fn new(over: i128, under: i128) -> Result<Self, ExactError> {
        if under == 0 {
            return Err(ExactError::DivisionByZero);
        }
        let is_negative = (over < 0) != (under < 0);
        let (over, under) = (over.unsigned_abs(), under.unsigned_abs());
        let divisor = greatest_common_divisor(over, under);
        let over = i128::try_from(over / divisor).map_err(|_| ExactError::Overflow)?;
        let under = i128::try_from(under / divisor).map_err(|_| ExactError::Overflow)?;
        Ok(Self { over: if is_negative { -over } else { over }, under })
    }

    /// A whole number.
    pub const fn whole(number: i64) -> Self {
        Self { over: number as i128, under: 1 }
    }

    /// The upper integer, in lowest terms.
    pub const fn over(self) -> i128 {
        self.over
    }

    /// The lower integer, in lowest terms and above zero.
    pub const fn under(self) -> i128 {
        self.under
    }

    /// Whether it is zero.
    pub const fn is_zero(self) -> bool {
        self.over == 0
    }

    /// Whether it is below zero.
    pub const fn is_negative(self) -> bool {
        self.over < 0
    }

    /// The same ratio with the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        // `new` never makes the one integer that has no negation.
        Self { over: -self.over, under: self.under }
    }

    /// The exact sum.
    pub fn checked_add(self, other: Self) -> Result<Self, ExactError> {
        // Over the least common multiple, so that a long sum of cents stays over cents.
        let divisor =
            greatest_common_divisor(self.under.unsigned_abs(), other.under.unsigned_abs());
        let divisor = i128::try_from(divisor).map_err(|_| ExactError::Overflow)?;
        let (left, right) = (other.under / divisor, self.under / divisor);
        let sum = self.over.checked_mul(left).zip(other.over.checked_mul(right));
        let sum = sum.and_then(|(left, right)| left.checked_add(right));
        let under = self.under.checked_mul(left);
        let (over, under) = sum.zip(under).ok_or(ExactError::Overflow)?;
        Self::new(over, under)
    }

    /// The exact difference.
    pub fn checked_sub(self, other: Self) -> Result<Self, ExactError> {
        self.checked_add(other.negated())
    }

    /// The exact product.
    pub fn checked_mul(self, other: Self) -> Result<Self, ExactError> {
        // Reduced crosswise first: what the product would lose anyway cannot overflow it.
        let (left, right) =
            (Self::new(self.over, other.under)?, Self::new(other.over, self.under)?);
        let over = left.over.checked_mul(right.over).ok_or(ExactError::Overflow)?;
        let under = left.under.checked_mul(right.under).ok_or(ExactError::Overflow)?;
        Self::new(over, under)
    }

    /// The exact quotient.
    pub fn checked_div(self, other: Self) -> Result<Self, ExactError> {
        self.checked_mul(Self::new(other.under, other.over)?)
    }

    /// The number at so many decimals. The one place where digits are given up.
    pub fn round(self, scale: u8, rounding: Rounding) -> Result<Exact, ExactError> {
        if scale > Exact::SCALE_MAX {
            return Err(ExactError::TooFine);
        }
        let power = 10_u128.pow(u32::from(scale));
        let (over, under) = (self.over.unsigned_abs(), self.under.unsigned_abs());
        let (quotient, rest) =
            wide::product_over(over, power, under).ok_or(ExactError::Overflow)?;
        let grown = u128::from(rounding.grows(rest, under, quotient % 2 == 1));
        let magnitude = quotient.checked_add(grown).ok_or(ExactError::Overflow)?;
        let magnitude = i128::try_from(magnitude).map_err(|_| ExactError::Overflow)?;
        Exact::new(if self.is_negative() { -magnitude } else { magnitude }, scale)
    }

    /// The greatest whole number not above it.
    pub fn floor(self) -> i128 {
        self.over.div_euclid(self.under)
    }

    /// The least whole number not below it.
    pub fn ceiling(self) -> i128 {
        -(self.negated().floor())
    }

    /// The number itself where it has an exact decimal form, else to so many decimals.
    pub fn shown(self, scale: u8) -> Result<Exact, ExactError> {
        self.to_exact().map_or_else(|| self.round(scale, Rounding::default()), Ok)
    }

    /// The number itself, where it has an exact decimal form within bounds.
    pub fn to_exact(self) -> Option<Exact> {
        let it = self.round(Exact::SCALE_MAX, Rounding::TowardZero).ok()?;
        (Self::from(it) == self).then_some(it)
    }
}

impl From<Exact> for Ratio {
    fn from(it: Exact) -> Self {
        Self::new(it.mantissa(), 10_i128.pow(u32::from(it.scale())))
            .expect("a power of ten of at most 20 is neither zero nor too large")
    }
}

impl Ord for Ratio {
    fn cmp(&self, other: &Self) -> Ordering {
        let cross = |left: &Self, right: &Self| {
            wide::product(left.over.unsigned_abs(), right.under.unsigned_abs())
        };
        match (self.is_negative(), other.is_negative()) {
            (false, false) => cross(self, other).cmp(&cross(other, self)),
            (true, true) => cross(other, self).cmp(&cross(self, other)),
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
        }
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_exact() {
            Some(exact) => exact.fmt(f),
            None => write!(f, "{}/{}", self.over, self.under),
        }
    }
}

impl fmt::Debug for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ratio({}/{})", self.over, self.under)
    }
}

impl FromStr for Ratio {
    type Err = ExactError;

    /// A plain decimal, or two integers with a slash between them.
    fn from_str(text: &str) -> Result<Self, ExactError> {
        let Some((over, under)) = text.split_once('/') else {
            return text.parse::<Exact>().map(Self::from);
        };
        let integer = |it: &str| it.parse::<i128>().map_err(|_| ExactError::NotANumber);
        Self::new(integer(over)?, integer(under)?)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.over, self.under).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return super::exact::unmarked(&text).parse().map_err(D::Error::custom);
        }
        let (over, under) = <(i128, i128)>::deserialize(deserializer)?;
        let it = Self::new(over, under).map_err(D::Error::custom)?;
        if (it.over, it.under) == (over, under) {
            Ok(it)
        } else {
            Err(D::Error::custom("the ratio is not in lowest terms"))
        }
    }
}

pub(super) fn greatest_common_divisor(mut left: u128, mut right: u128) -> u128 {
    while right != 0 {
        (left, right) = (right, left % right);
    }
    left
}
