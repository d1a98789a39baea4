//! Taxes as data: a rate, what is rounded, and how a half is decided.

use super::explain::{Rule, Step};
use super::facts::{Facts, Tax, TaxBasis};
use super::{Draft, LineKind, PriceError, Says, printed};
use crate::money::{Exact, ExactError, Money, Ratio};

/// The tax of a document and whether its prices include it. On top, it is a line of its own, unless
/// it comes to nothing.
pub(super) fn price_tax(facts: &Facts, draft: &mut Draft<'_>) -> Result<(Money, bool), PriceError> {
    let nothing = Money::zero(facts.currency);
    let Some(tax) = &facts.tax else { return Ok((nothing, false)) };
    let rate = tax.rate.share();
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
    let says = Says {
        kind: LineKind::Tax,
        resource: None,
        description: printed(&format!("{} {}%", tax.name, tax.rate)),
        quantity: Exact::ONE,
        unit: "tax",
        unit_price: None,
        tier: None,
        deployment: None,
        settled_by_credit: false,
    };
    // Already at the minor unit: this rounding changes nothing.
    draft.add(says, step, tax.rounding)?;
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
    let lines = draft.sum_step("taxable lines", |line| line.kind.is_taxable())?;
    let decimals = facts.currency.minor_unit();
    let of = |base: Step| {
        Step::derive("tax", Rule::Product, vec![base, factor.clone()])?
            .rounded(decimals, tax.rounding)
    };
    match tax.basis {
        TaxBasis::Total => Ok(of(lines)?),
        TaxBasis::Line => {
            let parts = lines.of.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
            Ok(Step::derive("tax of all lines", Rule::Sum, parts)?)
        }
    }
}
