//! An amount of money on its way to its one rounding.

use super::{Currency, ExactError, Money, MoneyError, Ratio, Rounding};

/// A ratio of a currency: exact, however it was divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unrounded {
    amount: Ratio,
    currency: Currency,
}

impl Unrounded {
    /// So much of a currency.
    pub const fn new(amount: Ratio, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing of a currency.
    pub const fn zero(currency: Currency) -> Self {
        Self { amount: Ratio::ZERO, currency }
    }

    /// How much.
    pub const fn amount(self) -> Ratio {
        self.amount
    }

    /// Of what.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The exact sum.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            let (expected, found) = (self.currency, other.currency);
            return Err(MoneyError::ForeignCurrency { expected, found });
        }
        Ok(Self { amount: self.amount.checked_add(other.amount)?, currency: self.currency })
    }

    /// The exact product with a number.
    pub fn checked_mul(self, factor: Ratio) -> Result<Self, ExactError> {
        Ok(Self { amount: self.amount.checked_mul(factor)?, currency: self.currency })
    }

    /// The amount at the currency's minor unit.
    pub fn round(self, rounding: Rounding) -> Result<Money, ExactError> {
        let amount = self.amount.round(self.currency.minor_unit(), rounding)?;
        Ok(Money::new(amount, self.currency))
    }

    /// The amount as it is, where it has an exact decimal form.
    pub fn to_money(self) -> Option<Money> {
        self.amount.to_exact().map(|amount| Money::new(amount, self.currency))
    }
}

impl From<Money> for Unrounded {
    fn from(it: Money) -> Self {
        Self { amount: it.amount().into(), currency: it.currency() }
    }
}
