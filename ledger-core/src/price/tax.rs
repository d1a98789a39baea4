//! Taxes as data: a rate, what is rounded, and how a half is decided.

use super::explain::{Rule, Step};
use super::facts::{Facts, Tax};
use super::{Draft, PriceError, Says};
use crate::event::account::TaxBasis;
use crate::event::invoice::LineKind;
use crate::money::{ExactError, Money, Ratio};

/// The tax of a document and whether its prices include it. On top, it is a line of its own, unless
/// it comes to nothing.
pub(super) fn price_tax(facts: &Facts, draft: &mut Draft<'_>) -> Result<(Money, bool), PriceError> {
    let nothing = Money::zero(facts.currency);
    let Some(tax) = &facts.tax else { return Ok((nothing, false)) };
    let rate = tax.terms.rate.share();
    let (what, factor) = if facts.is_prepaid {
        ("part of the price that is tax", rate.checked_div(Ratio::ONE.checked_add(rate)?)?)
    } else {
        ("rate", rate)
    };
    let step = taken(facts, draft, tax, what, factor)?;
    let amount = Money::new(step.value.to_exact().ok_or(ExactError::Overflow)?, facts.currency);
    if facts.is_prepaid || amount.is_zero() {
        return Ok((amount, facts.is_prepaid));
    }
    let name = format!("{} {}%", tax.terms.name, tax.terms.rate);
    let says = Says::of_document(LineKind::Tax, &name);
    // Already at the minor unit: this rounding changes nothing.
    draft.add_for_period(says, step, tax.terms.rounding)?;
    Ok((amount, false))
}

fn taken(
    facts: &Facts,
    draft: &Draft<'_>,
    tax: &Tax,
    what: &'static str,
    factor: Ratio,
) -> Result<Step, PriceError> {
    let factor = Step::fact(what, factor, tax.from.clone());
    let lines = draft.sum_step("taxable lines", |line| line.taxable)?;
    let decimals = facts.currency.minor_unit();
    let of = |base: Step| {
        Step::derive("tax", Rule::Product, vec![base, factor.clone()])?
            .rounded(decimals, tax.terms.rounding)
    };
    match tax.terms.basis {
        TaxBasis::Total => Ok(of(lines)?),
        TaxBasis::Line => {
            let parts = lines.of.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
            Ok(Step::derive("tax of all lines", Rule::Sum, parts)?)
        }
    }
}
