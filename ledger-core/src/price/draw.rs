//! What prepaid usage costs: by kind, exact, before any rounding.

use std::collections::BTreeMap;

use super::explain::{Rule, Step};
use super::facts::Facts;
use super::{Draft, PriceError, QUANTITY_DECIMALS, subject};
use crate::event::invoice::LineKind;
use crate::id::ResourceKind;
use crate::money::{Exact, ExactError, Money, Quantity, Ratio, Rounding};

/// The cost of all usage of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draw {
    /// The kind.
    pub kind: ResourceKind,
    /// How much of it was used, in base units.
    pub quantity: Quantity,
    /// What it costs; a price that no decimal number holds is rounded at the last decimal kept.
    pub amount: Money,
    /// Where the amount comes from.
    pub explain: Step,
}

/// What the usage among the facts comes to, by kind; a kind that nothing prices is not there.
///
/// It is all of the usage, drawn before or not, because an allowance or a tier counts all of it:
/// what is missing to it is what is drawn next. Each record has the tier of its own instant, and a
/// later top-up never prices it again: it [knows](super::Known) what was known with it.
pub fn draws(facts: &Facts) -> Result<Vec<Draw>, PriceError> {
    let open = as_invoiced(facts);
    let mut draft = Draft::new(&open);
    subject::price_all(&open, &mut draft)?;
    let mut by_kind = BTreeMap::<ResourceKind, Vec<Step>>::new();
    for priced in draft.lines {
        let is_metered = matches!(priced.line.kind, LineKind::Overage | LineKind::Usage);
        let kind = priced.line.resource_kind.filter(|_| is_metered);
        // Under the one rounding of a line lies its exact amount.
        let exact = priced.explain.of.into_iter().next();
        if let Some((kind, exact)) = kind.zip(exact) {
            by_kind.entry(kind).or_default().push(exact);
        }
    }
    by_kind.into_iter().map(|(kind, parts)| draw(facts, kind, parts)).collect()
}

/// Lists what of prepaid usage is free: what nothing prices, and what is beyond a cap. It draws
/// nothing and makes no line, so nothing else would show it.
pub(super) fn list_free(facts: &Facts, draft: &mut Draft<'_>) -> Result<(), PriceError> {
    let open = as_invoiced(facts);
    let mut metered = Draft::new(&open);
    subject::price_all(&open, &mut metered)?;
    draft.unpriced = metered.unpriced;
    draft.capped = metered.capped;
    Ok(())
}

/// The same facts with usage that is priced, whether credit pays for it or an invoice asks for it.
fn as_invoiced(facts: &Facts) -> Facts {
    Facts { is_prepaid: false, ..facts.clone() }
}

fn draw(facts: &Facts, kind: ResourceKind, parts: Vec<Step>) -> Result<Draw, PriceError> {
    let explain = Step::derive("drawn from credit", Rule::Sum, parts)?;
    let amount = match explain.value.to_exact() {
        Some(exact) => exact,
        None => explain.value.round(Exact::SCALE_MAX, Rounding::default())?,
    };
    let used = facts.usage.iter().filter(|it| it.kind == kind && it.at <= facts.until);
    let used = used.map(|it| it.quantity).try_fold(Ratio::ZERO, Ratio::checked_add)?;
    let used = Step::given("used", used).shown(QUANTITY_DECIMALS)?;
    let quantity = Quantity::new(used).map_err(|_| ExactError::Overflow)?;
    Ok(Draw { kind, quantity, amount: Money::new(amount, facts.currency), explain })
}
