//! A column of a report: one figure a row, each shown to the cent, all of them together the total.
//!
//! The rows come in ascending order of their ids, nobody's last. The column's exact total is
//! rounded once, and the rows to it by largest remainder. Where a row holds a line in a currency
//! without a rate, its cell is none and says which rate is missing, and so is every total over it.

use std::collections::{BTreeMap, BTreeSet};

use super::ReportError;
use super::rates::{Pair, Rates};
use crate::money::{Currency, Exact, Money, Ratio, Rounding, Unrounded, round_parts};
use crate::time::Day;

/// What a cell shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// An amount in the reporting currency.
    Shown(Money),
    /// Nothing: these pairs have no rate.
    Unconverted(BTreeSet<Pair>),
}

impl Cell {
    /// The amount, where there is one.
    pub const fn amount(&self) -> Option<Money> {
        match self {
            Self::Shown(it) => Some(*it),
            Self::Unconverted(_) => None,
        }
    }

    /// The sum of two cells, or all the rates that are missing for it.
    pub fn plus(&self, other: &Self) -> Result<Self, ReportError> {
        self.with(other, Money::checked_add)
    }

    /// The difference of two cells, or all the rates that are missing for it.
    pub fn less(&self, other: &Self) -> Result<Self, ReportError> {
        self.with(other, Money::checked_sub)
    }

    fn with(
        &self,
        other: &Self,
        combine: impl Fn(Money, Money) -> Result<Money, crate::money::MoneyError>,
    ) -> Result<Self, ReportError> {
        Ok(match (self, other) {
            (Self::Shown(left), Self::Shown(right)) => Self::Shown(combine(*left, *right)?),
            (Self::Unconverted(pairs), Self::Shown(_))
            | (Self::Shown(_), Self::Unconverted(pairs)) => Self::Unconverted(pairs.clone()),
            (Self::Unconverted(left), Self::Unconverted(right)) => {
                Self::Unconverted(left.union(right).copied().collect())
            }
        })
    }

    /// What part it is of another, in hundredths with one decimal; nothing where that is nothing.
    pub fn percent_of(&self, whole: &Self) -> Result<Option<Exact>, ReportError> {
        let (Self::Shown(part), Self::Shown(whole)) = (self, whole) else { return Ok(None) };
        if whole.is_zero() {
            return Ok(None);
        }
        part.expect_same(*whole)?;
        let share = Ratio::from(part.amount()).checked_div(whole.amount().into())?;
        Ok(Some(share.checked_mul(Ratio::whole(100))?.round(1, Rounding::default())?))
    }
}

/// A row's exact amounts before they are shown, one for each currency that has a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sums(BTreeMap<Currency, Ratio>);

impl Sums {
    pub(super) fn add(&mut self, money: impl Into<Unrounded>) -> Result<(), ReportError> {
        let money = money.into();
        let sum = self.0.entry(money.currency()).or_insert(Ratio::ZERO);
        *sum = sum.checked_add(money.amount())?;
        Ok(())
    }

    fn convert(
        &self,
        basis: &Conversion<'_>,
    ) -> Result<Result<Ratio, BTreeSet<Pair>>, ReportError> {
        let (mut sum, mut missing) = (Ratio::ZERO, BTreeSet::new());
        for (currency, amount) in &self.0 {
            let money = Unrounded::new(*amount, *currency);
            match basis.rates.convert(money, basis.to, basis.on)? {
                Ok(converted) => sum = sum.checked_add(converted)?,
                Err(pair) => {
                    missing.insert(pair);
                }
            }
        }
        Ok(if missing.is_empty() { Ok(sum) } else { Err(missing) })
    }
}

/// Into which currency, at the rates of which day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conversion<'a> {
    pub(super) rates: &'a Rates,
    pub(super) to: Currency,
    pub(super) on: Day,
}

/// One column as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The whole, in the reporting currency.
    pub total: Cell,
    /// The rows in their order.
    pub cells: Vec<Cell>,
    /// The whole, by currency.
    pub total_by_currency: BTreeMap<Currency, Money>,
    /// The rows in their order, by currency.
    pub by_currency: Vec<BTreeMap<Currency, Money>>,
}

impl Column {
    /// Shows rows that come in ascending order of their ids, nobody's last.
    pub(super) fn of(rows: &[Sums], basis: &Conversion<'_>) -> Result<Self, ReportError> {
        let converted = rows.iter().map(|it| it.convert(basis));
        let converted = converted.collect::<Result<Vec<_>, _>>()?;
        let exact = converted.iter().filter_map(|it| it.as_ref().ok().copied());
        let (total, shown) = shown(&exact.collect::<Vec<_>>(), basis.to)?;
        let mut shown = shown.into_iter();
        let mut missing = BTreeSet::new();
        let cells = converted.into_iter().filter_map(|it| match it {
            Ok(_) => shown.next().map(Cell::Shown),
            Err(pairs) => {
                missing.extend(pairs.iter().copied());
                Some(Cell::Unconverted(pairs))
            }
        });
        let cells = cells.collect();
        let total =
            if missing.is_empty() { Cell::Shown(total) } else { Cell::Unconverted(missing) };
        let (total_by_currency, by_currency) = each_currency(rows)?;
        Ok(Self { total, cells, total_by_currency, by_currency })
    }
}

/// Each currency's own column.
#[expect(clippy::type_complexity, reason = "a total and its rows, as everywhere in this file")]
fn each_currency(
    rows: &[Sums],
) -> Result<(BTreeMap<Currency, Money>, Vec<BTreeMap<Currency, Money>>), ReportError> {
    let currencies = rows.iter().flat_map(|it| it.0.keys().copied()).collect::<BTreeSet<_>>();
    let mut total = BTreeMap::new();
    let mut by_row = vec![BTreeMap::new(); rows.len()];
    for currency in currencies {
        let held = by_row.iter_mut().zip(rows);
        let held = held.filter_map(|(shown, it)| Some((shown, *it.0.get(&currency)?)));
        let (cells, exact) = held.unzip::<_, _, Vec<_>, Vec<_>>();
        let (sum, parts) = shown(&exact, currency)?;
        total.insert(currency, sum);
        for (cell, part) in cells.into_iter().zip(parts) {
            cell.insert(currency, part);
        }
    }
    Ok((total, by_row))
}

fn shown(exact: &[Ratio], currency: Currency) -> Result<(Money, Vec<Money>), ReportError> {
    let (total, parts) = round_parts(exact, currency.minor_unit(), Rounding::default())?;
    let money = |it| Money::new(it, currency);
    Ok((money(total), parts.into_iter().map(money).collect()))
}
