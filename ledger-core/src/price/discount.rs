//! Coupons: in order of application, each on what the former left.

use super::explain::{Rule, Step};
use super::facts::Facts;
use super::{Draft, PriceError, Says, expect_currency, is_discountable};
use crate::catalog::Discount;
use crate::event::invoice::LineKind;
use crate::money::{Ratio, Rounding};

/// One line for each coupon that still finds something to take from.
pub(super) fn price_coupons(facts: &Facts, draft: &mut Draft<'_>) -> Result<(), PriceError> {
    for coupon in facts.coupons.iter().filter(|it| it.counts_in(facts.period)) {
        let left = draft.sum_step("what coupons are taken from", |line| {
            is_discountable(line.kind) || line.kind == LineKind::Discount
        })?;
        if left.value <= Ratio::ZERO {
            continue;
        }
        let taken = match coupon.terms.discount {
            Discount::Percent(percent) => {
                let share = Step::fact("percent", percent.share(), coupon.from.clone());
                let taken = Step::derive("taken off", Rule::Product, vec![left.clone(), share])?;
                // A percent above a hundred takes all there is, not more.
                Step::derive("at most what is left", Rule::Least, vec![taken, left])?
            }
            Discount::Fixed(amount) => {
                expect_currency(facts, amount.currency())?;
                let fixed = Step::fact("fixed amount", amount.amount(), coupon.from.clone());
                Step::derive("at most what is left", Rule::Least, vec![fixed, left])?
            }
        };
        let zero = Step::given("zero", Ratio::ZERO);
        let amount = Step::derive("as a deduction", Rule::Difference, vec![zero, taken])?;
        if amount.value.is_zero() {
            continue;
        }
        let name = format!("{} ({})", coupon.terms.name, coupon.code);
        let says = Says::of_document(LineKind::Discount, &name);
        draft.add_for_period(says, amount, Rounding::default())?;
    }
    Ok(())
}
