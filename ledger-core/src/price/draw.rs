//! What prepaid usage costs: by kind, exact, before any rounding.

use std::collections::BTreeMap;

use super::explain::{Rule, Step};
use super::facts::Facts;
use super::{Capped, Draft, PriceError, Priced, Unpriced, shown, subject};
use crate::event::invoice::LineKind;
use crate::id::{DeploymentSlug, ResourceKind};
use crate::money::{Exact, ExactError, Money, Quantity, Ratio, allocate};
use crate::time::Day;

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
    let mut by_kind = BTreeMap::<ResourceKind, Vec<Step>>::new();
    for priced in used(facts)?.lines {
        // Under the one rounding of a line lies its exact amount.
        let exact = priced.explain.of.into_iter().next();
        if let Some((kind, exact)) = priced.line.resource_kind.zip(exact) {
            by_kind.entry(kind).or_default().push(exact);
        }
    }
    by_kind.into_iter().map(|(kind, parts)| draw(facts, kind, parts)).collect()
}

/// What the usage among the facts comes to, whether credit pays for it or an invoice asks for it.
pub(super) struct Used {
    /// Overage and usage, line by line.
    pub(super) lines: Vec<Priced>,
    pub(super) unpriced: Vec<Unpriced>,
    pub(super) capped: Vec<Capped>,
}

/// Prices usage as it is for who is invoiced.
pub(super) fn used(facts: &Facts) -> Result<Used, PriceError> {
    let open = Facts { is_prepaid: false, ..facts.clone() };
    let mut draft = Draft::new(&open);
    subject::price_all(&open, None, &mut draft)?;
    let Draft { mut lines, unpriced, capped, .. } = draft;
    lines.retain(|it| matches!(it.line.kind, LineKind::Overage | LineKind::Usage));
    Ok(Used { lines, unpriced, capped })
}

/// What credit paid for the usage of each run: its deployment and its first day say which.
pub(super) type Drawn = BTreeMap<(Option<DeploymentSlug>, Day), Vec<Step>>;

/// Divides what was drawn for each kind among the lines that its usage would be.
///
/// A line of a kind is what was drawn for all runs, rounded once; by largest remainder each run has
/// a part of it, so that together they are charged with what the document charges. What was drawn
/// for usage that is no longer there is no run's.
pub(super) fn by_run(
    facts: &Facts,
    used: &[Priced],
    settled: &[Priced],
) -> Result<Drawn, PriceError> {
    let mut drawn = Drawn::new();
    for paid in settled.iter().filter(|it| it.line.kind == LineKind::Usage) {
        let of_kind = |it: &&Priced| it.line.resource_kind == paid.line.resource_kind;
        let used = used.iter().filter(of_kind).collect::<Vec<_>>();
        let weights = used.iter().map(|it| exact(it)).collect::<Result<Vec<_>, _>>()?;
        if weights.iter().all(|it| it.is_zero()) {
            continue;
        }
        let amount = paid.line.amount.amount();
        let parts = allocate(amount, facts.currency.minor_unit(), &weights)?;
        for (used, part) in used.into_iter().zip(parts) {
            let mut from = paid.explain.sources();
            from.extend(&used.explain.sources());
            let run = (used.line.deployment.clone(), used.line.starts_on);
            let what = format!("part of the {} drawn from credit", paid.line.description);
            drawn.entry(run).or_default().push(Step::fact(what, part, from));
        }
    }
    Ok(drawn)
}

/// What a line comes to before its rounding, to the last decimal kept.
fn exact(priced: &Priced) -> Result<Exact, ExactError> {
    priced.explain.of.first().map_or(Ok(Exact::ZERO), Step::kept)
}

fn draw(facts: &Facts, kind: ResourceKind, parts: Vec<Step>) -> Result<Draw, PriceError> {
    let explain = Step::derive("drawn from credit", Rule::Sum, parts)?;
    let amount = Money::new(explain.kept()?, facts.currency);
    let used = facts.usage.iter().filter(|it| it.kind == kind && it.at <= facts.until);
    let used = used.map(|it| it.quantity).try_fold(Ratio::ZERO, Ratio::checked_add)?;
    Ok(Draw { kind, quantity: shown(used)?, amount, explain })
}
