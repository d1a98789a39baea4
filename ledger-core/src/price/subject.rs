//! The lines of one deployment, and of usage that names none.

use std::collections::BTreeMap;

use super::draw::Drawn;
use super::explain::{Rule, Sources, Step};
use super::facts::{Bound, Deployment, EffectivePrice, Facts, Usage};
use super::measure::{measure, part, split, total};
use super::model::{beyond_zero, catalog_quantity, charge, in_units, per_unit, unit_size};
use super::run::{Run, runs};
use super::{
    Capped, Draft, PriceError, Priced, Says, Unpriced, expect_currency, ladder, printed, shown,
};
use crate::catalog::{Aggregation, Charge, Item, PriceModel};
use crate::event::invoice::LineKind;
use crate::id::{DeploymentSlug, ResourceKind, Unit};
use crate::money::{Currency, Money, Quantity, Ratio, Rounding, UnitPrice};

/// Deployments in order of their slugs; usage that names none comes last. Where usage is prepaid,
/// a run is charged for it with what was `drawn`.
pub(super) fn price_all(
    facts: &Facts,
    drawn: Option<&Drawn>,
    draft: &mut Draft<'_>,
) -> Result<(), PriceError> {
    let mut subjects = BTreeMap::<Subject<'_>, (Option<&Deployment>, Vec<&Usage>)>::new();
    for deployment in &facts.deployments {
        let subject = Subject { is_tenant: false, slug: Some(&deployment.slug) };
        subjects.entry(subject).or_default().0 = Some(deployment);
    }
    if !facts.is_prepaid {
        let end = facts.period.ends_at();
        let within = facts.usage.iter().filter(|it| it.at <= facts.until && it.at < end);
        // What stood before is part of no run; it is what the first one begins with.
        for record in facts.standing.iter().chain(within) {
            let slug = record.deployment.as_ref();
            let subject = Subject { is_tenant: slug.is_none(), slug };
            subjects.entry(subject).or_default().1.push(record);
        }
    }
    for (subject, (deployment, usage)) in subjects {
        for run in runs(facts, deployment) {
            let first_metered = price_run(facts, draft, &run, subject.slug, deployment, &usage)?;
            let charged = match drawn {
                Some(drawn) => {
                    let run = (subject.slug.cloned(), run.days().0);
                    drawn.get(&run).cloned().unwrap_or_default()
                }
                None => draft.lines.iter().skip(first_metered).map(as_fact).collect(),
            };
            price_commitment(draft, &run, subject.slug, charged)?;
        }
    }
    Ok(())
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Subject<'a> {
    is_tenant: bool,
    slug: Option<&'a DeploymentSlug>,
}

/// The lines of a run but its commitment; answers the place of the first of overage and usage.
fn price_run(
    facts: &Facts,
    draft: &mut Draft<'_>,
    run: &Run<'_>,
    slug: Option<&DeploymentSlug>,
    deployment: Option<&Deployment>,
    usage: &[&Usage],
) -> Result<usize, PriceError> {
    if let Some(bound) = run.bound {
        expect_currency(facts, bound.plan.currency())?;
        price_base(facts, draft, run, slug, bound)?;
        if let Some(deployment) = deployment {
            price_addons(facts, draft, run, deployment)?;
        }
    }
    let first_metered = draft.lines.len();
    let mut kinds = BTreeMap::<&ResourceKind, Vec<&Usage>>::new();
    for record in usage {
        kinds.entry(&record.kind).or_default().push(record);
    }
    for (kind, records) in kinds {
        let (earlier, within) = split(&records, run.starts_at(), |at| run.contains(at));
        match run.bound.and_then(|bound| bound.plan.item(kind).map(|item| (bound, item))) {
            Some((bound, item)) => {
                let carries =
                    matches!(item.aggregation, Aggregation::TimeWeightedSum | Aggregation::Latest);
                if !within.is_empty() || (carries && !earlier.is_empty()) {
                    let (starts_at, ends_at) = (run.starts_at(), run.ends_at(facts.until));
                    let used = measure(item.aggregation, &earlier, &within, starts_at, ends_at)?;
                    let is_level = item.aggregation.is_level();
                    let used = if is_level { run.accrued(facts, used)? } else { used };
                    price_overage(facts, draft, run, deployment, (bound, item), used, &within)?;
                }
            }
            None => price_usage(facts, draft, run, slug, kind, &within)?,
        }
    }
    Ok(first_metered)
}

/// A rounded line as a number to go on with.
fn as_fact(priced: &Priced) -> Step {
    let what = priced.line.description.as_str().to_owned();
    Step::fact(what, priced.line.amount.amount(), priced.explain.sources())
}

/// A monthly amount by the days it was in force.
struct Monthly {
    amount: Money,
    share: Step,
    days: u8,
    from: Sources,
}

fn add_monthly(
    facts: &Facts,
    draft: &mut Draft<'_>,
    run: &Run<'_>,
    mut says: Says,
    monthly: Monthly,
) -> Result<(), PriceError> {
    if monthly.days == 0 {
        return Ok(());
    }
    by_days(&mut says, facts, monthly.days);
    if monthly.days == facts.period.days() {
        says.unit_price = UnitPrice::new(monthly.amount.amount()).ok();
    }
    let price = Step::fact("price of a month", monthly.amount.amount(), monthly.from);
    let exact = part("for the days in force", price, monthly.share)?;
    draft.add(says, run.days(), exact, Rounding::default())
}

/// A whole month is one month; a part of one is so many days, which have no price of their own.
fn by_days(says: &mut Says, facts: &Facts, days: u8) {
    let is_whole = days == facts.period.days();
    says.quantity = if is_whole { Quantity::whole(1) } else { Quantity::whole(u32::from(days)) };
    says.unit = Some(named_unit(if is_whole { "month" } else { "day" }));
}

fn named_unit(name: &'static str) -> Unit {
    Unit::new(name).expect("a word is a unit")
}

fn price_base(
    facts: &Facts,
    draft: &mut Draft<'_>,
    run: &Run<'_>,
    slug: Option<&DeploymentSlug>,
    bound: &Bound,
) -> Result<(), PriceError> {
    // A plan for a term is paid from credit when bought, not by the month.
    let Charge::Monthly(amount) = bound.plan.charge else { return Ok(()) };
    let mut says = Says::of_document(LineKind::PlanBase, bound.plan.name.as_str());
    says.deployment = slug.cloned();
    let (share, days) = (run.share(facts)?, run.charged_days());
    add_monthly(facts, draft, run, says, Monthly { amount, share, days, from: bound.from.clone() })
}

fn price_addons(
    facts: &Facts,
    draft: &mut Draft<'_>,
    run: &Run<'_>,
    deployment: &Deployment,
) -> Result<(), PriceError> {
    for attached in &deployment.attached {
        let (share, days) = run.share_of(facts, attached)?;
        if days == 0 {
            continue;
        }
        expect_currency(facts, attached.price.currency())?;
        let mut says = Says::of_document(LineKind::Addon, attached.name.as_str());
        says.deployment = Some(deployment.slug.clone());
        says.resource_kind = Some(attached.kind.clone());
        let (amount, from) = (attached.price, attached.from.clone());
        add_monthly(facts, draft, run, says, Monthly { amount, share, days, from })?;
    }
    Ok(())
}

/// What a month includes, by the days it was in force; never rounded.
fn allowance(
    facts: &Facts,
    run: &Run<'_>,
    deployment: Option<&Deployment>,
    (bound, item): (&Bound, &Item),
) -> Result<Step, PriceError> {
    let included = catalog_quantity("included in a month", item.included, &bound.from);
    let mut parts = vec![part("included", included, run.share(facts)?)?];
    let attached = deployment.into_iter().flat_map(|it| &it.attached);
    for attached in attached.filter(|it| it.kind == item.kind) {
        let (share, days) = run.share_of(facts, attached)?;
        if days > 0 {
            let adds = catalog_quantity("added in a month", attached.quantity, &attached.from);
            parts.push(part("added by an addon", adds, share)?);
        }
    }
    Ok(Step::derive("allowance", Rule::Sum, parts)?)
}

fn price_overage(
    facts: &Facts,
    draft: &mut Draft<'_>,
    run: &Run<'_>,
    deployment: Option<&Deployment>,
    (bound, item): (&Bound, &Item),
    used: Step,
    records: &[&Usage],
) -> Result<(), PriceError> {
    let slug = deployment.map(|it| it.slug.clone());
    let allowance = allowance(facts, run, deployment, (bound, item))?;
    let free = allowance.value;
    let beyond = Step::derive("used beyond the allowance", Rule::Difference, vec![used, allowance]);
    let beyond = beyond_zero(beyond?)?;
    let all = beyond.value;
    let billable = match item.hard_cap {
        Some(cap) => {
            let cap = catalog_quantity("hard cap", cap, &bound.from);
            Step::derive("billable", Rule::Least, vec![beyond, beyond_zero(cap)?])?
        }
        None => beyond,
    };
    if billable.value < all {
        let quantity = all.checked_sub(billable.value)?;
        draft.capped.push(Capped { deployment: slug.clone(), kind: item.kind.clone(), quantity });
    }
    if billable.value.is_zero() {
        return Ok(());
    }
    let size = unit_size(&item.unit)?;
    let quantity = in_units(billable.value, &size)?;
    let (unit_price, ladder) = match (&item.price, &bound.plan.ladder) {
        (PriceModel::PerUnit(price), ladder) => (Some(*price), ladder.as_ref()),
        // No price that the quantity could be multiplied by.
        (
            PriceModel::Package { .. }
            | PriceModel::Graduated(_)
            | PriceModel::Volume(_)
            | PriceModel::Percentage(_),
            _,
        ) => (None, None),
    };
    // A value that is no sum of records has no units of which each was used at its own time.
    let ladder = ladder.filter(|_| item.aggregation == Aggregation::Sum).zip(unit_price);
    let exact = match ladder {
        Some((ladder, price)) => {
            let priced = (&size, price, &bound.from);
            let ladder = (ladder, facts.first_paid_at);
            ladder::charge(ladder, records, free, &billable, priced)?
        }
        None => charge(&item.price, &item.unit, billable, &bound.from)?,
    };
    let says = Says {
        kind: LineKind::Overage,
        resource_kind: Some(item.kind.clone()),
        description: printed(&format!("{} beyond the allowance", item.kind)),
        quantity: shown(quantity)?,
        unit: Some(item.unit.clone()),
        unit_price,
        deployment: slug,
    };
    draft.add(says, run.days(), exact, Rounding::default())
}

/// Usage that no plan item prices: one line per effective price.
fn price_usage(
    facts: &Facts,
    draft: &mut Draft<'_>,
    run: &Run<'_>,
    slug: Option<&DeploymentSlug>,
    kind: &ResourceKind,
    records: &[&Usage],
) -> Result<(), PriceError> {
    let mut by_price = BTreeMap::<Option<usize>, Vec<&Usage>>::new();
    for record in records {
        let index = resource_price_of(&facts.resource_prices, facts.currency, record);
        by_price.entry(index).or_default().push(record);
    }
    for (index, records) in by_price {
        let used = total(&records)?;
        let Some(effective) = index.and_then(|it| facts.resource_prices.get(it)) else {
            let from = used.sources();
            let quantity = shown(used.value)?;
            draft.unpriced.push(Unpriced {
                deployment: slug.cloned(),
                kind: kind.clone(),
                quantity,
                unit: None,
                from,
            });
            continue;
        };
        price_at(facts, draft, run, slug, effective, used, &records)?;
    }
    Ok(())
}

/// The place of the resource price that holds for a record; one in another currency is none.
pub fn resource_price_of(
    prices: &[EffectivePrice],
    currency: Currency,
    record: &Usage,
) -> Option<usize> {
    let holds = |it: &EffectivePrice| {
        it.price.kind == record.kind && it.price.currency == currency && it.at <= record.at
    };
    let known = prices.iter().enumerate().filter(|it| record.knows_price(it.0));
    let holding = known.filter(|(_, it)| holds(it));
    holding.max_by_key(|(_, it)| it.at).map(|(index, _)| index)
}

fn price_at(
    facts: &Facts,
    draft: &mut Draft<'_>,
    run: &Run<'_>,
    slug: Option<&DeploymentSlug>,
    effective: &EffectivePrice,
    used: Step,
    records: &[&Usage],
) -> Result<(), PriceError> {
    let price = &effective.price;
    let used = beyond_zero(used)?;
    if used.value.is_zero() {
        return Ok(());
    }
    let size = unit_size(&price.unit)?;
    let quantity = in_units(used.value, &size)?;
    let exact = match &price.ladder {
        Some(ladder) => {
            let priced = (&size, price.price, &effective.from);
            ladder::charge((ladder, facts.first_paid_at), records, Ratio::ZERO, &used, priced)?
        }
        None => per_unit(used, &size, price.price, &effective.from)?,
    };
    let says = Says {
        kind: LineKind::Usage,
        resource_kind: Some(price.kind.clone()),
        description: printed(price.kind.as_str()),
        quantity: shown(quantity)?,
        unit: Some(price.unit.clone()),
        unit_price: Some(price.price),
        deployment: slug.cloned(),
    };
    draft.add(says, run.days(), exact, Rounding::default())
}

/// What is missing to the least that was agreed, against what the run is charged for usage: its
/// rounded lines, or its part of what credit paid.
fn price_commitment(
    draft: &mut Draft<'_>,
    run: &Run<'_>,
    slug: Option<&DeploymentSlug>,
    charged: Vec<Step>,
) -> Result<(), PriceError> {
    let facts = draft.facts;
    let agreed = run.bound.and_then(|it| it.plan.commitment.as_ref().map(|agreed| (it, agreed)));
    let Some((bound, agreed)) = agreed.filter(|_| run.is_charged()) else { return Ok(()) };
    expect_currency(facts, agreed.minimum.currency())?;
    let minimum = Step::fact("least of a month", agreed.minimum.amount(), bound.from.clone());
    let minimum = part("least of the days in force", minimum, run.share(facts)?)?;
    let charged = Step::derive("overage and usage", Rule::Sum, charged)?;
    let missing = Step::derive("missing to the least", Rule::Difference, vec![minimum, charged])?;
    let missing = beyond_zero(missing)?;
    if missing.value.is_zero() {
        return Ok(());
    }
    let name = format!("{}: least of a month", bound.plan.name);
    let mut says = Says::of_document(LineKind::Commitment, &name);
    says.deployment = slug.cloned();
    by_days(&mut says, facts, run.charged_days());
    draft.add(says, run.days(), missing, Rounding::default())
}
