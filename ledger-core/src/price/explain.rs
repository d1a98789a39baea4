//! The arithmetic behind an amount, as the computation itself.
//!
//! A price is computed *with* these steps: each derives its value from the steps it holds, so the
//! explanation cannot differ from the sum. [`Step::verify`] does every sum again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::Revision;
use crate::money::{Exact, ExactError, Ratio, Rounding};
use crate::stream::Stream;

/// Where a fact stands in the log: streams, and the revisions of each, in ranges.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sources(BTreeMap<Stream, Vec<(Revision, Revision)>>);

impl Sources {
    /// Nowhere: a figure that a caller made up, as for a quote.
    pub const NONE: Self = Self(BTreeMap::new());

    /// One event.
    pub fn one(stream: Stream, revision: Revision) -> Self {
        Self(BTreeMap::from([(stream, vec![(revision, revision)])]))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The streams, and the first and last revision of each range read from them.
    pub fn iter(&self) -> impl Iterator<Item = (&Stream, &[(Revision, Revision)])> {
        self.0.iter().map(|(stream, ranges)| (stream, ranges.as_slice()))
    }

    /// Takes in all of the others.
    pub fn extend(&mut self, others: &Self) {
        for (stream, ranges) in &others.0 {
            let own = self.0.entry(stream.clone()).or_default();
            // Events mostly come in order, which needs no merging of what is already there.
            let follows = match (own.last_mut(), ranges.as_slice()) {
                (Some(last), [(first, end)]) if last.1.next() == Some(*first) => {
                    last.1 = *end;
                    true
                }
                _ => false,
            };
            if !follows {
                own.extend_from_slice(ranges);
                merge(own);
            }
        }
    }
}

/// Sorts ranges and joins those that touch.
fn merge(ranges: &mut Vec<(Revision, Revision)>) {
    if ranges.is_sorted_by(|left, right| left.1.next().is_some_and(|next| next < right.0)) {
        return;
    }
    ranges.sort_unstable();
    let mut merged: Vec<(Revision, Revision)> = Vec::with_capacity(ranges.len());
    for range in ranges.drain(..) {
        match merged.last_mut() {
            Some(last) if last.1.next().is_none_or(|next| range.0 <= next) => {
                last.1 = last.1.max(range.1);
            }
            _ => merged.push(range),
        }
    }
    *ranges = merged;
}

/// How a step's value comes from the steps it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Read, not computed.
    Fact,
    /// All together.
    Sum,
    /// The first less all others.
    Difference,
    /// All multiplied.
    Product,
    /// The first divided by the second.
    Quotient,
    /// The smallest.
    Least,
    /// The largest.
    Greatest,
    /// The next whole number: a package begun is a package.
    WholeUp,
    /// Rounded, the one time.
    Rounded {
        /// To so many decimals.
        decimals: u8,
        /// By this rule.
        rounding: Rounding,
    },
}

impl Rule {
    fn apply(self, of: &[Ratio]) -> Result<Ratio, ExactError> {
        let first = of.first().copied().unwrap_or(Ratio::ZERO);
        let mut rest = of.iter().skip(1);
        match self {
            Self::Fact => Ok(first),
            Self::Sum => rest.try_fold(first, |sum, it| sum.checked_add(*it)),
            Self::Difference => rest.try_fold(first, |left, it| left.checked_sub(*it)),
            Self::Product => rest.try_fold(first, |product, it| product.checked_mul(*it)),
            Self::Quotient => rest.try_fold(first, |left, it| left.checked_div(*it)),
            Self::Least => Ok(rest.fold(first, |least, it| least.min(*it))),
            Self::Greatest => Ok(rest.fold(first, |greatest, it| greatest.max(*it))),
            Self::WholeUp => Ratio::new(first.ceiling(), 1),
            Self::Rounded { decimals, rounding } => first.round(decimals, rounding).map(Into::into),
        }
    }
}

/// One number, and how it was come by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the number is.
    pub what: Cow<'static, str>,
    /// How it comes from `of`.
    pub rule: Rule,
    /// The number.
    pub value: Ratio,
    /// What it comes from, in order.
    pub of: Vec<Step>,
    /// Where a fact stands in the log.
    pub from: Sources,
}

impl Step {
    /// A number that was read.
    pub fn fact(
        what: impl Into<Cow<'static, str>>,
        value: impl Into<Ratio>,
        from: Sources,
    ) -> Self {
        Self { what: what.into(), rule: Rule::Fact, value: value.into(), of: Vec::new(), from }
    }

    /// A number that a rule of the house gives, such as the days of a month.
    pub fn given(what: impl Into<Cow<'static, str>>, value: impl Into<Ratio>) -> Self {
        Self::fact(what, value, Sources::NONE)
    }

    /// A number that comes from others by a rule.
    pub fn derive(
        what: impl Into<Cow<'static, str>>,
        rule: Rule,
        of: Vec<Self>,
    ) -> Result<Self, ExactError> {
        let values = of.iter().map(|it| it.value).collect::<Vec<_>>();
        let value = rule.apply(&values)?;
        Ok(Self { what: what.into(), rule, value, of, from: Sources::NONE })
    }

    /// This number rounded to a scale.
    pub fn rounded(self, decimals: u8, rounding: Rounding) -> Result<Self, ExactError> {
        Self::derive("rounded once", Rule::Rounded { decimals, rounding }, vec![self])
    }

    /// Every event this number rests on.
    pub fn sources(&self) -> Sources {
        let mut sources = self.from.clone();
        for step in &self.of {
            sources.extend(&step.sources());
        }
        sources
    }

    /// Does every sum again. The first step that does not come out is the answer.
    pub fn verify(&self) -> Result<(), &Self> {
        self.of.iter().try_for_each(Self::verify)?;
        if self.rule == Rule::Fact {
            return Ok(());
        }
        let values = self.of.iter().map(|it| it.value).collect::<Vec<_>>();
        if self.rule.apply(&values) == Ok(self.value) { Ok(()) } else { Err(self) }
    }

    /// The number where it has an exact decimal form, else to so many decimals.
    pub fn shown(&self, decimals: u8) -> Result<Exact, ExactError> {
        self.value.shown(decimals)
    }

    /// The number where it has an exact decimal form, else to the last decimal that is kept: the
    /// twentieth, or an earlier one where a large number leaves no room for it.
    pub fn kept(&self) -> Result<Exact, ExactError> {
        let mut kept = (0..=Exact::SCALE_MAX).rev().filter_map(|it| self.shown(it).ok());
        kept.next().ok_or(ExactError::Overflow)
    }
}
