//! How a quantity becomes a price, and how records become a quantity.

use serde::{Deserialize, Serialize};

use crate::id::{ResourceKind, Unit};
use crate::money::{Percent, Quantity, UnitPrice};

/// How a billable quantity becomes a price. One line, rounded once, whatever the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PriceModel {
    /// The same price for each unit; fractions of a unit are billed exactly.
    PerUnit(UnitPrice),
    /// Each part of the quantity at the price of its own tier.
    Graduated(Vec<Tier>),
    /// The whole quantity at the price of the tier its total lies in.
    Volume(Vec<Tier>),
    /// Whole packages, each begun one charged.
    Package {
        /// Base units in one package.
        size: Quantity,
        /// The price of one package.
        price: UnitPrice,
        /// Base units before the first package.
        #[serde(default)]
        free: Quantity,
    },
    /// The quantity is an amount of money, of which so many hundredths are charged.
    Percentage(Percent),
}

/// One step of a tiered price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The last base unit in it; none in the last tier, which has no end.
    pub up_to: Option<Quantity>,
    /// The price of one overage unit in it.
    pub price: UnitPrice,
    /// Charged once when the tier is entered.
    #[serde(default)]
    pub flat: UnitPrice,
}

/// How a period's records of one kind become one quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// All of them together.
    #[default]
    Sum,
    /// The largest.
    Max,
    /// How many there are.
    Count,
    /// How many different resources they name.
    UniqueCount,
    /// Each value times the hours it stood, until the next one or the end.
    TimeWeightedSum,
    /// The last one.
    Latest,
    /// The 95th percentile of five-minute samples by nearest rank; a missing sample is 0.
    Percentile95,
}

/// The one name of a kind that has two: `llm_token` is `llm_tokens`.
pub fn canonical_kind(kind: &ResourceKind) -> ResourceKind {
    match kind.as_str() {
        "llm_token" => ResourceKind::new("llm_tokens").expect("a word is a kind"),
        _ => kind.clone(),
    }
}

/// How many base units one of this unit is: what its name begins with, as in `1k_tokens` or
/// `100_calls`; 1 where it begins with no number.
///
/// The number must divide a million, so that a quantity in this unit is a decimal number with at
/// most six more decimals. None where it does not.
pub fn units_in(unit: &Unit) -> Option<u64> {
    const MILLION: u64 = 1_000_000;
    let Some((count, _)) = unit.as_str().split_once('_') else { return Some(1) };
    if !count.starts_with(|it: char| it.is_ascii_digit()) {
        return Some(1);
    }
    let suffixed = |suffix, scale| count.strip_suffix(suffix).map(|digits| (digits, scale));
    let (digits, scale) =
        suffixed('k', 1_000).or_else(|| suffixed('m', MILLION)).unwrap_or((count, 1));
    if digits.len() > 7 || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let count = digits.parse::<u64>().ok()?.checked_mul(scale)?;
    (count > 0 && MILLION.is_multiple_of(count)).then_some(count)
}
