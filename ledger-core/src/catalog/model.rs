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

impl Aggregation {
    /// Whether it is what a month has at a time, and not what adds up in it. A price of such a
    /// quantity is for a month, as an allowance is, and accrues with it.
    pub const fn is_level(self) -> bool {
        match self {
            Self::Max | Self::UniqueCount | Self::Latest | Self::Percentile95 => true,
            Self::Sum | Self::Count | Self::TimeWeightedSum => false,
        }
    }
}

/// The one name of a kind that has two: `llm_token` is `llm_tokens`.
pub fn canonical_kind(kind: &ResourceKind) -> ResourceKind {
    match kind.as_str() {
        "llm_token" => ResourceKind::new("llm_tokens").expect("a word is a kind"),
        _ => kind.clone(),
    }
}

/// The name of a product or of a type as it is compared: bills and people spell it in any case.
pub(crate) fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

/// How many base units one of this unit is: what its name begins with, as in `1k_tokens` or
/// `100_calls`; 1 where it begins with no number.
///
/// The number must divide a million, so that a quantity in this unit is a decimal number with at
/// most six more decimals. None where it does not.
pub fn units_in(unit: &Unit) -> Option<u64> {
    const MILLION: u64 = 1_000_000;
    let Some((count, _)) = numbered(unit) else { return Some(1) };
    let suffixed = |suffix, scale| count.strip_suffix(suffix).map(|digits| (digits, scale));
    let (digits, scale) =
        suffixed('k', 1_000).or_else(|| suffixed('m', MILLION)).unwrap_or((count, 1));
    if digits.len() > 7 || !digits.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let count = digits.parse::<u64>().ok()?.checked_mul(scale)?;
    (count > 0 && MILLION.is_multiple_of(count)).then_some(count)
}

/// Whether a quantity in one unit can be told in the other: each says how many base units it is,
/// and without their numbers they are the same word, whatever its case and with or without an `s`.
///
/// `1k_tokens` and `token` count the same; `minute` and `hour` do not, and nothing here knows that
/// sixty of one are one of the other.
pub fn count_the_same(left: &Unit, right: &Unit) -> bool {
    let word = |unit| base_word(unit).map(|it| it.strip_suffix(['s', 'S']).unwrap_or(it));
    word(left).zip(word(right)).is_some_and(|(left, right)| left.eq_ignore_ascii_case(right))
}

/// What the base units of a unit are called; none where it does not say how many of them it is.
fn base_word(unit: &Unit) -> Option<&str> {
    units_in(unit)?;
    Some(numbered(unit).map_or(unit.as_str(), |(_, word)| word))
}

/// The number that a unit begins with, and what comes after it.
fn numbered(unit: &Unit) -> Option<(&str, &str)> {
    let parts = unit.as_str().split_once('_')?;
    parts.0.starts_with(|it: char| it.is_ascii_digit()).then_some(parts)
}
