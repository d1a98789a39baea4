//! Adjustments: what a period turned out to be, less everything that was issued for it.
//!
//! Both sides are whole documents of rounded lines, so a difference is exact and nothing is rounded
//! again. It is taken line by line, tax included: lines that charge for the same are compared by
//! their sums, and those that come to the same make no line.

use std::collections::BTreeMap;

use super::BasisError;
use super::issued::{InvoiceFold, IssuedDocument};
use crate::event::invoice::{Adjusted, Line, LineKind, Original, Totals};
use crate::id::{DeploymentSlug, InvoiceNumber, Label, ResourceKind, Unit};
use crate::log::Revision;
use crate::money::{Currency, ExactError, Money, MoneyError, Quantity, Ratio, UnitPrice};
use crate::price::{self, PriceError, Priced, Rule, Sources, Step};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Day};

/// The documents that counted for a period, and where they stand.
pub(super) struct Issued<'a> {
    pub(super) fold: &'a InvoiceFold,
    pub(super) issued: &'a IssuedDocument,
}

/// A line that was issued, and where it stands.
struct IssuedLine<'a> {
    number: &'a InvoiceNumber,
    place: u32,
    line: &'a Line,
    from: (Stream, Revision),
}

/// What makes lines charge for the same, whatever they come to.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Charge<'a> {
    kind: LineKind,
    resource_kind: Option<&'a ResourceKind>,
    deployment: Option<&'a DeploymentSlug>,
    description: &'a Label,
    days: (Day, Day),
    unit: Option<&'a Unit>,
    settled: bool,
}

impl<'a> Charge<'a> {
    fn of(line: &'a Line) -> Self {
        Self {
            kind: line.concerns(),
            resource_kind: line.resource_kind.as_ref(),
            deployment: line.deployment.as_ref(),
            description: &line.description,
            days: (line.starts_on, line.ends_on),
            unit: line.unit.as_ref(),
            settled: line.settled,
        }
    }
}

/// The lines of both sides that charge for the same.
#[derive(Default)]
struct Sides<'a> {
    /// The place of the first of them, so that differences come in the order of the documents.
    place: usize,
    made: Vec<&'a Priced>,
    issued: Vec<IssuedLine<'a>>,
}

/// The difference of what a period is made of now, or of nothing, to what was issued for it; none
/// where the two are the same.
pub(super) fn difference(
    period: BillingPeriod,
    currency: Currency,
    made: Option<&price::Document>,
    issued: &[Issued<'_>],
) -> Result<Option<(Vec<Priced>, Adjusted)>, BasisError> {
    let standing = standing(period, issued);
    let mut sides = BTreeMap::<Charge<'_>, Sides<'_>>::new();
    let lines = made.map_or(&[][..], |it| it.lines.as_slice());
    let made_lines = lines.iter().map(|it| (&it.line, Side::Made(it)));
    let issued_lines = issued_for(period, issued).map(|it| (it.line, Side::Issued(it)));
    for (place, (line, side)) in made_lines.chain(issued_lines).enumerate() {
        let known = sides.entry(Charge::of(line));
        let known = known.or_insert_with(|| Sides { place, ..Sides::default() });
        match side {
            Side::Made(it) => known.made.push(it),
            Side::Issued(it) => known.issued.push(it),
        }
    }
    let mut in_order = sides.into_iter().collect::<Vec<_>>();
    in_order.sort_by_key(|(_, it)| it.place);
    let mut lines = Vec::new();
    for (charge, sides) in &in_order {
        lines.extend(line(period, currency, charge, sides, standing)?);
    }
    let made = made.map(|it| Totals { net: it.subtotal, tax: it.tax, gross: it.total });
    let totals = less(made, issued_totals(period, currency, issued)?, currency);
    let totals = totals.map_err(PriceError::from)?;
    let is_same = lines.is_empty() && totals.tax.is_zero();
    Ok((!is_same).then_some((lines, Adjusted { period, totals })))
}

enum Side<'a> {
    Made(&'a Priced),
    Issued(IssuedLine<'a>),
}

/// The invoice of the period that a line without a counterpart should have stood on.
fn standing<'a>(period: BillingPeriod, issued: &[Issued<'a>]) -> Option<&'a InvoiceNumber> {
    let own = issued.iter().find(|it| it.fold.period() == period && it.issued.amends.is_none());
    own.map(|it| &it.issued.document.number)
}

/// The lines that were issued for a period: its own documents' own, and what others adjusted.
fn issued_for<'a>(
    period: BillingPeriod,
    issued: &[Issued<'a>],
) -> impl Iterator<Item = IssuedLine<'a>> {
    issued.iter().flat_map(move |&Issued { fold, issued }| {
        let lines = issued.document.lines.iter().zip(1_u32..);
        let lines = lines.filter(move |(line, _)| line.adjusts.unwrap_or(fold.period()) == period);
        lines.map(move |(line, place)| IssuedLine {
            number: &issued.document.number,
            place,
            line,
            from: (fold.stream(), issued.revision),
        })
    })
}

/// What was issued for a period in all: net, tax and gross.
fn issued_totals(
    period: BillingPeriod,
    currency: Currency,
    issued: &[Issued<'_>],
) -> Result<Totals, PriceError> {
    let mut sum = nothing(currency);
    for Issued { fold, issued } in issued {
        let document = &issued.document;
        if fold.period() == period {
            sum = plus(&sum, &document.totals)?;
        }
        for it in &document.adjusted {
            // What adjusts a period is part of the totals of the document, not of its own period.
            if fold.period() == period {
                sum = minus(&sum, &it.totals)?;
            }
            if it.period == period {
                sum = plus(&sum, &it.totals)?;
            }
        }
    }
    Ok(sum)
}

/// Totals of nothing.
pub(super) const fn nothing(currency: Currency) -> Totals {
    let zero = Money::zero(currency);
    Totals { net: zero, tax: zero, gross: zero }
}

/// The sums of two totals.
pub(super) fn plus(left: &Totals, right: &Totals) -> Result<Totals, MoneyError> {
    Ok(Totals {
        net: left.net.checked_add(right.net)?,
        tax: left.tax.checked_add(right.tax)?,
        gross: left.gross.checked_add(right.gross)?,
    })
}

fn minus(left: &Totals, right: &Totals) -> Result<Totals, MoneyError> {
    let Totals { net, tax, gross } = right;
    plus(left, &Totals { net: net.negated(), tax: tax.negated(), gross: gross.negated() })
}

fn less(made: Option<Totals>, issued: Totals, currency: Currency) -> Result<Totals, MoneyError> {
    minus(&made.unwrap_or_else(|| nothing(currency)), &issued)
}

/// The line for what is made beyond what was issued; none where that is nothing.
fn line(
    period: BillingPeriod,
    currency: Currency,
    charge: &Charge<'_>,
    sides: &Sides<'_>,
    standing: Option<&InvoiceNumber>,
) -> Result<Option<Priced>, PriceError> {
    let Sides { made, issued, .. } = sides;
    let explain = step(made, issued)?;
    let amount = explain.value.to_exact().ok_or(ExactError::Overflow)?;
    if amount.is_zero() {
        return Ok(None);
    }
    let cited = issued.first();
    let original = Original {
        kind: charge.kind,
        number: cited.map(|it| it.number).or(standing).cloned(),
        line: cited.map(|it| it.place),
    };
    let line = Line {
        kind: LineKind::Adjustment,
        resource_kind: charge.resource_kind.cloned(),
        description: charge.description.clone(),
        quantity: quantity(charge, made, issued)?,
        unit: charge.unit.cloned(),
        unit_price: unit_price(made, issued),
        amount: Money::new(amount, currency),
        deployment: charge.deployment.cloned(),
        starts_on: charge.days.0,
        ends_on: charge.days.1,
        adjusts: Some(period),
        original: Some(original),
        taxable: false,
        settled: charge.settled,
        provenance: explain.sources().into(),
    };
    Ok(Some(Priced { line, explain }))
}

fn step(made: &[&Priced], issued: &[IssuedLine<'_>]) -> Result<Step, ExactError> {
    let steps = made.iter().map(|it| it.explain.clone()).collect::<Vec<_>>();
    let made = match <[Step; 1]>::try_from(steps) {
        Ok([only]) => only,
        Err(steps) if steps.is_empty() => Step::given("no longer charged", Ratio::ZERO),
        Err(steps) => Step::derive("charged as known now", Rule::Sum, steps)?,
    };
    let issued = issued.iter().map(|it| {
        let what = format!("issued on {}, line {}", it.number, it.place);
        let (stream, revision) = it.from.clone();
        Step::fact(what, it.line.amount.amount(), Sources::one(stream, revision))
    });
    let of = std::iter::once(made).chain(issued).collect();
    Step::derive("less what was issued", Rule::Difference, of)
}

/// How much more; a line of the whole document counts nothing and is one.
fn quantity(
    charge: &Charge<'_>,
    made: &[&Priced],
    issued: &[IssuedLine<'_>],
) -> Result<Quantity, PriceError> {
    if charge.unit.is_none() && charge.resource_kind.is_none() {
        return Ok(Quantity::whole(1));
    }
    let mut quantity = Quantity::ZERO;
    for it in made {
        quantity = quantity.checked_add(it.line.quantity).map_err(|_| ExactError::Overflow)?;
    }
    for it in issued {
        quantity = quantity.checked_sub(it.line.quantity).map_err(|_| ExactError::Overflow)?;
    }
    Ok(quantity)
}

/// The one price of a unit, where both sides have it.
fn unit_price(made: &[&Priced], issued: &[IssuedLine<'_>]) -> Option<UnitPrice> {
    let made = made.iter().map(|it| it.line.unit_price);
    let mut prices = made.chain(issued.iter().map(|it| it.line.unit_price));
    let first = prices.next()??;
    prices.all(|it| it == Some(first)).then_some(first)
}
