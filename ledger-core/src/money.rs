//! Exact money, prices and quantities: exact, or a typed error. docs/money.md argues each rule.
//!
//! Nothing here ever rounds by itself. Sums and products are exact or refused; a division is held
//! as a [`Ratio`] and rounded once, by a named [`Rounding`]. Two currencies never meet but in an
//! [`ExchangeRate`]. Only `money` makes numbers from text, and no float enters or leaves.

use std::fmt;

use serde::{Deserialize, Serialize};

mod allocate;
mod currency;
mod exact;
mod quantity;
mod rate;
mod ratio;
mod unrounded;
mod wide;

pub use allocate::{allocate, round_parts};
pub use currency::{Currency, CurrencyError};
pub(crate) use exact::NUMBER_MARK;
pub use exact::{Exact, ExactError};
pub use quantity::{BoundError, Percent, Quantity, UnitPrice};
pub use rate::{ExchangeRate, RateError};
pub use ratio::{Ratio, Rounding};
pub use unrounded::Unrounded;

#[cfg(test)]
mod tests;

/// Why a sum of money cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Two currencies met.
    #[error("{found} where {expected} is expected")]
    ForeignCurrency {
        /// What the account, the line or the other side is in.
        expected: Currency,
        /// What came.
        found: Currency,
    },
    /// The number has no exact form within the bounds.
    #[error("the amount has no exact form")]
    Number(#[source] ExactError),
}

impl From<ExactError> for MoneyError {
    fn from(source: ExactError) -> Self {
        Self::Number(source)
    }
}

/// An exact amount of one currency; as fine as a provider bills, not only whole cents.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Money {
    amount: Exact,
    currency: Currency,
}

impl Money {
    /// So much of a currency.
    pub const fn new(amount: Exact, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing of a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { amount: Exact::ZERO, currency }
    }

    /// So many minor units: 6422 cents are 64.22 AUD, 500 yen are 500 JPY.
    pub fn from_minor(units: i128, currency: Currency) -> Result<Self, ExactError> {
        Ok(Self { amount: Exact::new(units, currency.minor_unit())?, currency })
    }

    /// Reads an amount such as `64.22`.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, ExactError> {
        Ok(Self { amount: amount.parse()?, currency })
    }

    /// How much.
    pub const fn amount(self) -> Exact {
        self.amount
    }

    /// Of what.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether there is nothing.
    pub const fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    /// Whether it is less than nothing.
    pub const fn is_negative(self) -> bool {
        self.amount.is_negative()
    }

    /// The same amount with the other sign.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { amount: self.amount.negated(), currency: self.currency }
    }

    /// The amount without its sign.
    #[must_use]
    pub const fn magnitude(self) -> Self {
        Self { amount: self.amount.magnitude(), currency: self.currency }
    }

    /// The exact sum.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.expect_same(other)?;
        Ok(Self { amount: self.amount.checked_add(other.amount)?, currency: self.currency })
    }

    /// The exact difference.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.checked_add(other.negated())
    }

    /// The sum of many; nothing makes zero.
    pub fn sum(
        currency: Currency,
        amounts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::checked_add)
    }

    /// The order of two amounts of one currency.
    pub fn try_cmp(self, other: Self) -> Result<std::cmp::Ordering, MoneyError> {
        self.expect_same(other)?;
        Ok(self.amount.cmp(&other.amount))
    }

    /// Refuses another currency.
    pub fn expect_same(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::ForeignCurrency { expected: self.currency, found: other.currency })
        }
    }

    /// Rounded to the currency's minor unit.
    pub fn rounded(self, rounding: Rounding) -> Result<Self, ExactError> {
        let amount = Ratio::from(self.amount).round(self.currency.minor_unit(), rounding)?;
        Ok(Self { amount, currency: self.currency })
    }

    /// Whether it is a whole number of minor units, as every line of an invoice is.
    pub const fn is_whole_minor(self) -> bool {
        self.amount.scale() <= self.currency.minor_unit()
    }

    /// The amount in minor units, where it is a whole number of them.
    pub fn minor_units(self) -> Option<i128> {
        self.amount.mantissa_at(self.currency.minor_unit())
    }

    /// The amount as it is printed: at least the currency's decimals, more where it has them.
    pub fn amount_text(self) -> String {
        self.amount.to_text_with(self.currency.minor_unit())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount_text(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Money({self})")
    }
}

/// What JSON and postcard see. In JSON the amount keeps the decimals of its currency.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Money", deny_unknown_fields)]
struct Wire {
    #[serde(serialize_with = "amount_text")]
    amount: Amount,
    currency: Currency,
}

/// An amount that knows how many decimals it is printed with.
struct Amount {
    amount: Exact,
    decimals_min: u8,
}

fn amount_text<S: serde::Serializer>(it: &Amount, serializer: S) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.serialize_str(&it.amount.to_text_with(it.decimals_min))
    } else {
        it.amount.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { amount: Exact::deserialize(deserializer)?, decimals_min: 0 })
    }
}

impl From<Money> for Wire {
    fn from(it: Money) -> Self {
        let decimals_min = it.currency.minor_unit();
        Self { amount: Amount { amount: it.amount, decimals_min }, currency: it.currency }
    }
}

impl From<Wire> for Money {
    fn from(it: Wire) -> Self {
        Self { amount: it.amount.amount, currency: it.currency }
    }
}
