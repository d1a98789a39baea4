//! A billable quantity becomes an exact amount.

use super::PriceError;
use super::explain::{Rule, Sources, Step};
use crate::catalog::{PriceModel, Tier, units_in};
use crate::id::Unit;
use crate::money::{ExactError, Quantity, Ratio, UnitPrice};

/// What a quantity in base units costs under a model, exactly.
///
/// `from` is where the price stands in the log.
pub fn charge(
    model: &PriceModel,
    unit: &Unit,
    billable: Step,
    from: &Sources,
) -> Result<Step, PriceError> {
    let size = unit_size(unit)?;
    match model {
        PriceModel::PerUnit(price) => per_unit(billable, &size, *price, from),
        PriceModel::Graduated(tiers) => graduated(tiers, &size, &billable, from),
        PriceModel::Volume(tiers) => volume(tiers, &size, billable, from),
        PriceModel::Package { size: package, price, free } => {
            let free = Step::fact("free units", *free, from.clone());
            let beyond = beyond_zero(Step::derive(
                "beyond the free units",
                Rule::Difference,
                vec![billable, free],
            )?)?;
            let package = Step::fact("units in a package", *package, from.clone());
            let packages =
                Step::derive("packages, in parts", Rule::Quotient, vec![beyond, package])?;
            let begun = Step::derive("packages begun", Rule::WholeUp, vec![packages])?;
            priced(begun, *price, from)
        }
        PriceModel::Percentage(percent) => {
            let share = Step::fact("percent", percent.share(), from.clone());
            let amount = Step::derive("share of the amount", Rule::Product, vec![billable, share])?;
            Ok(amount)
        }
    }
}

/// How many base units one priced unit is, as a step.
pub(super) fn unit_size(unit: &Unit) -> Result<Step, PriceError> {
    let size = units_in(unit).and_then(|it| i64::try_from(it).ok());
    let size = size.ok_or_else(|| PriceError::Unit { unit: unit.clone() })?;
    Ok(Step::given("base units in one unit", Ratio::whole(size)))
}

pub(super) fn per_unit(
    quantity: Step,
    size: &Step,
    price: UnitPrice,
    from: &Sources,
) -> Result<Step, PriceError> {
    let units = if size.value == Ratio::ONE {
        quantity
    } else {
        Step::derive("units", Rule::Quotient, vec![quantity, size.clone()])?
    };
    priced(units, price, from)
}

fn priced(units: Step, price: UnitPrice, from: &Sources) -> Result<Step, PriceError> {
    let price = Step::fact("unit price", price, from.clone());
    Ok(Step::derive("units at their price", Rule::Product, vec![units, price])?)
}

pub(super) fn beyond_zero(step: Step) -> Result<Step, ExactError> {
    Step::derive("not below zero", Rule::Greatest, vec![Step::given("zero", Ratio::ZERO), step])
}

fn bound(tier: &Tier) -> Option<Ratio> {
    tier.up_to.map(Ratio::from)
}

/// Each part of the quantity in its own tier; the last tier takes whatever is beyond its bound.
fn graduated(
    tiers: &[Tier],
    size: &Step,
    billable: &Step,
    from: &Sources,
) -> Result<Step, PriceError> {
    let mut parts = Vec::new();
    let mut entry = Ratio::ZERO;
    for (index, tier) in tiers.iter().enumerate() {
        if billable.value <= entry {
            break;
        }
        let is_last = index + 1 == tiers.len();
        let end = bound(tier).filter(|_| !is_last);
        let up_to = match end {
            Some(end) => {
                let end = Step::fact("upper bound of the tier", end, from.clone());
                Step::derive("units up to it", Rule::Least, vec![billable.clone(), end])?
            }
            None => billable.clone(),
        };
        let entered = Step::fact("upper bound of the tier below", entry, from.clone());
        let in_tier = Step::derive("units in the tier", Rule::Difference, vec![up_to, entered])?;
        parts.push(per_unit(in_tier, size, tier.price, from)?);
        push_flat(&mut parts, tier, from);
        entry = end.unwrap_or(billable.value);
    }
    Ok(Step::derive("all tiers", Rule::Sum, parts)?)
}

/// The whole quantity in the tier of its total.
fn volume(tiers: &[Tier], size: &Step, billable: Step, from: &Sources) -> Result<Step, PriceError> {
    let fits = |tier: &Tier| bound(tier).is_none_or(|it| billable.value <= it);
    let tier = tiers.iter().find(|it| fits(it)).or(tiers.last());
    let Some(tier) = tier.filter(|_| billable.value > Ratio::ZERO) else {
        return Ok(Step::given("nothing used", Ratio::ZERO));
    };
    let mut parts = vec![per_unit(billable, size, tier.price, from)?];
    push_flat(&mut parts, tier, from);
    Ok(Step::derive("all in one tier", Rule::Sum, parts)?)
}

fn push_flat(parts: &mut Vec<Step>, tier: &Tier, from: &Sources) {
    if !tier.flat.is_zero() {
        parts.push(Step::fact("flat fee of the tier", tier.flat, from.clone()));
    }
}

/// A quantity in priced units, for a line to print.
pub(super) fn in_units(quantity: Ratio, size: &Step) -> Result<Ratio, ExactError> {
    quantity.checked_div(size.value)
}

/// A quantity of the catalog as a step.
pub(super) fn catalog_quantity(what: &'static str, it: Quantity, from: &Sources) -> Step {
    Step::fact(what, it, from.clone())
}
