//! Taxes as data: a rate, what is rounded, and how a half is decided.

use super::explain::{Rule, Step};
use super::facts::{Facts, Tax};
use super::{Draft, PriceError, Says};
use crate::event::account::TaxBasis;
use crate::event::invoice::{Line, LineKind};
use crate::money::{ExactError, Money, Ratio};

/// The tax of a document and whether all of its prices include it. On top, it is a line of its own,
/// unless it comes to nothing. What credit has settled was paid at a price that includes its tax;
/// for a tenant whose usage is prepaid every price does.
pub(super) fn price_tax(facts: &Facts, draft: &mut Draft<'_>) -> Result<(Money, bool), PriceError> {
    let nothing = Money::zero(facts.currency);
    let Some(tax) = &facts.tax else { return Ok((nothing, false)) };
    let rate = tax.terms.rate.share();
    let within = rate.checked_div(Ratio::ONE.checked_add(rate)?)?;
    let within = ("part of the price that is tax", within);
    let included = taken(facts, draft, tax, within, |it| facts.is_prepaid || it.settled)?;
    let included = amount_of(facts, &included)?;
    if facts.is_prepaid {
        return Ok((included, true));
    }
    let step = taken(facts, draft, tax, ("rate", rate), |it| !it.settled)?;
    let on_top = amount_of(facts, &step)?;
    if !on_top.is_zero() {
        let name = format!("{} {}%", tax.terms.name, tax.terms.rate);
        let says = Says::of_document(LineKind::Tax, &name);
        // Already at the minor unit: this rounding changes nothing.
        draft.add_for_period(says, step, tax.terms.rounding)?;
    }
    Ok((included.checked_add(on_top)?, false))
}

fn amount_of(facts: &Facts, step: &Step) -> Result<Money, PriceError> {
    Ok(Money::new(step.value.to_exact().ok_or(ExactError::Overflow)?, facts.currency))
}

fn taken(
    facts: &Facts,
    draft: &Draft<'_>,
    tax: &Tax,
    (what, factor): (&'static str, Ratio),
    counts: impl Fn(&Line) -> bool,
) -> Result<Step, PriceError> {
    let factor = Step::fact(what, factor, tax.from.clone());
    let lines = draft.sum_step("taxable lines", |line| line.taxable && counts(line))?;
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
