//! Rates between two currencies, exact in both directions.

use serde::{Deserialize, Serialize};

use super::{Currency, Exact, MoneyError, Ratio, Unrounded};

/// Why a number is not a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// A currency against itself.
    #[error("a rate between {0} and itself")]
    SamePair(Currency),
    /// Zero or less.
    #[error("a rate must be above zero")]
    NotPositive,
}

/// So many units of `quote` for one of `base`. It serves both directions, never a third currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct ExchangeRate {
    base: Currency,
    quote: Currency,
    rate: Exact,
}

impl ExchangeRate {
    /// So many units of `quote` for one of `base`.
    pub fn new(base: Currency, quote: Currency, rate: Exact) -> Result<Self, RateError> {
        if base == quote {
            return Err(RateError::SamePair(base));
        }
        if rate <= Exact::ZERO {
            return Err(RateError::NotPositive);
        }
        Ok(Self { base, quote, rate })
    }

    /// What one unit is given of.
    pub const fn base(self) -> Currency {
        self.base
    }

    /// What it is given in.
    pub const fn quote(self) -> Currency {
        self.quote
    }

    /// Units of `quote` for one of `base`.
    pub const fn rate(self) -> Exact {
        self.rate
    }

    /// Whether it converts between these two, in either direction.
    pub fn serves(self, one: Currency, other: Currency) -> bool {
        (self.base, self.quote) == (one, other) || (self.base, self.quote) == (other, one)
    }

    /// The amount in the other currency of the pair, unrounded.
    pub fn convert(self, money: impl Into<Unrounded>) -> Result<Unrounded, MoneyError> {
        let money = money.into();
        let (amount, rate) = (money.amount(), Ratio::from(self.rate));
        if money.currency() == self.base {
            Ok(Unrounded::new(amount.checked_mul(rate)?, self.quote))
        } else if money.currency() == self.quote {
            Ok(Unrounded::new(amount.checked_div(rate)?, self.base))
        } else {
            let (expected, found) = (self.base, money.currency());
            Err(MoneyError::ForeignCurrency { expected, found })
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "ExchangeRate", deny_unknown_fields)]
struct Wire {
    base: Currency,
    quote: Currency,
    rate: Exact,
}

impl From<ExchangeRate> for Wire {
    fn from(it: ExchangeRate) -> Self {
        Self { base: it.base, quote: it.quote, rate: it.rate }
    }
}

impl TryFrom<Wire> for ExchangeRate {
    type Error = RateError;

    fn try_from(it: Wire) -> Result<Self, RateError> {
        Self::new(it.base, it.quote, it.rate)
    }
}
