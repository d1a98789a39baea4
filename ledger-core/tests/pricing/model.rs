//! The second model of every price: rationals without bounds, and no call into the pricing code.
//!
//! Where that walks records and subtracts, this lays them end to end on a line and measures
//! overlaps. It knows no explanation, no provenance and no bounds.

use std::collections::BTreeMap;

use ledger_core::catalog::{
    Aggregation, Charge, Discount, Item, Ladder, PriceModel, Tier, units_in,
};
use ledger_core::event::account::TaxBasis;
use ledger_core::event::invoice::LineKind;
use ledger_core::id::{DeploymentSlug, ResourceKind};
use ledger_core::money::{Ratio, Rounding};
use ledger_core::price::{Bound, Deployment, Facts, PrepaidFor, Usage};
use ledger_core::time::{Day, Timestamp};
use num_rational::BigRational as Big;

/// A line without its words: kind, deployment, resource kind, amount.
pub(super) type Told = (LineKind, Option<DeploymentSlug>, Option<ResourceKind>, Big);

fn whole(it: i128) -> Big {
    Big::from_integer(it.into())
}

pub(super) fn big(it: impl Into<Ratio>) -> Big {
    let it = it.into();
    whole(it.over()) / whole(it.under())
}

fn round(value: &Big, decimals: u8, rounding: Rounding) -> Big {
    let (zero, half) = (whole(0), whole(1) / whole(2));
    let scale = whole(10_i128.pow(decimals.into()));
    let magnitude = if *value < zero { -value } else { value.clone() } * &scale;
    let down = magnitude.floor();
    let rest = &magnitude - &down;
    let is_odd = !(&down / whole(2)).is_integer();
    let grows = match rounding {
        Rounding::HalfAwayFromZero => rest >= half,
        Rounding::HalfDown => rest > half,
        Rounding::HalfEven => rest > half || (rest == half && is_odd),
        Rounding::TowardZero => false,
        Rounding::Up => rest > zero,
    };
    let units = if grows { down + whole(1) } else { down } / scale;
    if *value < zero { -units } else { units }
}

fn sum(parts: impl Iterator<Item = Big>) -> Big {
    parts.fold(whole(0), |sum, it| sum + it)
}

/// How much of `from..to` lies in `low..high`.
fn overlap(from: &Big, to: &Big, low: &Big, high: &Big) -> Big {
    (to.min(high) - from.max(low)).max(whole(0))
}

struct Model<'a> {
    facts: &'a Facts,
    lines: Vec<Told>,
    /// How many stretches there were.
    stretches: usize,
    /// What prepaid usage comes to: the kind, the stretch, and the amount unrounded.
    used: Vec<(ResourceKind, usize, Big)>,
    /// Commitments of prepaid tenants: the line, the stretch, and the least of it.
    agreed: Vec<(usize, usize, Big)>,
}

/// A stretch of days under one version.
struct Stretch<'a> {
    bound: Option<&'a Bound>,
    days: Vec<(Day, bool)>,
}

impl Model<'_> {
    fn last_instant(&self, day: Day) -> Timestamp {
        day.ends_at().unwrap().plus_micros(-1).unwrap().min(self.facts.until)
    }

    fn push(
        &mut self,
        kind: LineKind,
        of: Option<&DeploymentSlug>,
        what: Option<&ResourceKind>,
        amount: Big,
    ) {
        let amount = round(&amount, self.facts.currency.minor_unit(), Rounding::HalfAwayFromZero);
        self.lines.push((kind, of.cloned(), what.cloned(), amount));
    }

    /// Usage that is drawn from credit makes no line of its own.
    fn meter(
        &mut self,
        line: LineKind,
        of: Option<&DeploymentSlug>,
        kind: &ResourceKind,
        amount: Big,
    ) {
        if self.facts.is_prepaid {
            self.used.push((kind.clone(), self.stretches, amount));
        } else {
            self.push(line, of, Some(kind), amount);
        }
    }

    fn stretches<'b>(&self, deployment: Option<&'b Deployment>) -> Vec<Stretch<'b>> {
        let mut stretches: Vec<Stretch<'b>> = Vec::new();
        for day in self.facts.period.each_day() {
            if day.starts_at() > self.facts.until {
                break;
            }
            let end = self.last_instant(day);
            let bounds = deployment.map_or(&[][..], |it| &it.bound);
            let bound = bounds.iter().rfind(|it| it.at <= end);
            let charges = deployment.map_or(&[][..], |it| &it.charged);
            let is_charged =
                charges.iter().rfind(|it| it.at <= end).is_some_and(|it| it.is_charged);
            let name = |it: Option<&Bound>| it.map(|it| (it.plan.plan.to_string(), it.version));
            if stretches.last().is_none_or(|it| name(it.bound) != name(bound)) {
                stretches.push(Stretch { bound, days: Vec::new() });
            }
            stretches.last_mut().unwrap().days.push((day, is_charged && bound.is_some()));
        }
        stretches
    }

    fn price_deployment(&mut self, slug: Option<&DeploymentSlug>, usage: &[&Usage]) {
        let deployments = &self.facts.deployments;
        let deployment = deployments.iter().find(|it| Some(&it.slug) == slug);
        let month = whole(self.facts.period.days().into());
        for stretch in self.stretches(deployment) {
            self.stretches += 1;
            let days = stretch.days.iter().filter(|it| it.1).count();
            let share = whole(days.try_into().unwrap()) / &month;
            let charge = stretch.bound.map(|it| it.plan.charge);
            if let (Some(Charge::Monthly(amount)), true) = (charge, days > 0) {
                self.push(LineKind::PlanBase, slug, None, big(amount.amount()) * &share);
            }
            let mut added = BTreeMap::<&ResourceKind, Big>::new();
            for it in deployment.into_iter().flat_map(|it| &it.attached) {
                let holds = |day: Day| {
                    let end = self.last_instant(day);
                    it.attached_at <= end && it.detached_at.is_none_or(|gone| gone > end)
                };
                let days = stretch.days.iter().filter(|day| day.1 && holds(day.0)).count();
                let part = whole(days.try_into().unwrap()) / &month;
                *added.entry(&it.kind).or_insert(whole(0)) += big(it.quantity) * &part;
                if days > 0 {
                    let amount = big(it.price.amount()) * part;
                    self.push(LineKind::Addon, slug, Some(&it.kind), amount);
                }
            }
            let metered = self.lines.len();
            let within = |it: &&&Usage| stretch.days.iter().any(|day| day.0 == it.at.day());
            let mut kinds = usage.iter().map(|it| &it.kind).collect::<Vec<_>>();
            kinds.sort();
            kinds.dedup();
            for kind in kinds {
                let records = usage.iter().filter(within).filter(|it| it.kind == *kind);
                let mut records = records.copied().collect::<Vec<_>>();
                records.sort_by_key(|it| it.at);
                match stretch.bound.and_then(|it| Some((it, it.plan.item(kind)?))) {
                    Some((bound, item)) => {
                        let added = added.get(kind).cloned().unwrap_or_else(|| whole(0));
                        let free = big(item.included) * &share + added;
                        let days = whole(stretch.days.len().try_into().unwrap()) / &month;
                        self.overage(slug, (bound, item, &days), &free, &records);
                    }
                    None => self.usage(slug, kind, &records),
                }
            }
            let least = stretch.bound.and_then(|it| it.plan.commitment.as_ref());
            if let (Some(least), true, true) = (least, days > 0, self.facts.is_prepaid) {
                let least = big(least.minimum.amount()) * &share;
                self.agreed.push((self.lines.len(), self.stretches, least));
                self.push(LineKind::Commitment, slug, None, whole(0));
            } else if let (Some(least), true) = (least, days > 0) {
                let lines = self.lines.get(metered..).unwrap();
                let met = sum(lines.iter().map(|it| it.3.clone()));
                let missing = big(least.minimum.amount()) * share - met;
                if missing > whole(0) {
                    self.push(LineKind::Commitment, slug, None, missing);
                }
            }
        }
    }

    fn overage(
        &mut self,
        slug: Option<&DeploymentSlug>,
        (bound, item, days): (&Bound, &Item, &Big),
        free: &Big,
        records: &[&Usage],
    ) {
        let quantities = records.iter().map(|it| big(it.quantity));
        let is_max = item.aggregation == Aggregation::Max;
        let largest = |it: Option<Big>| it.unwrap_or_default() * days;
        let used = if is_max { largest(quantities.max()) } else { sum(quantities) };
        let cap = item.hard_cap.map_or_else(|| used.clone(), big);
        let billable = (used - free).max(whole(0)).min(cap);
        if billable == whole(0) {
            return;
        }
        let size = whole(units_in(&item.unit).unwrap().into());
        let ladder = bound.plan.ladder.as_ref().filter(|_| item.aggregation == Aggregation::Sum);
        let amount = match (&item.price, ladder) {
            (PriceModel::PerUnit(price), Some(ladder)) => {
                self.laddered(ladder, records, free, &billable) * big(*price) / size
            }
            (PriceModel::PerUnit(price), None) => billable * big(*price) / size,
            (PriceModel::Graduated(tiers), _) => graduated(tiers, &billable, &size),
            (PriceModel::Volume(tiers), _) => {
                let fits = |it: &&Tier| it.up_to.is_none_or(|up_to| billable <= big(up_to));
                let tier = tiers.iter().find(fits).unwrap();
                &billable * big(tier.price) / size + big(tier.flat)
            }
            (PriceModel::Package { size, price, free }, _) => {
                let packages = ((billable - big(*free)) / big(*size)).ceil().max(whole(0));
                packages * big(*price)
            }
            (PriceModel::Percentage(percent), _) => billable * big(percent.get()) / whole(100),
        };
        self.meter(LineKind::Overage, slug, &item.kind, amount);
    }

    /// Units at what is left of their price: records end to end, measured against what is billed.
    fn laddered(&self, ladder: &Ladder, records: &[&Usage], free: &Big, billable: &Big) -> Big {
        let mut at = whole(0);
        sum(records.iter().map(|record| {
            let from = at.clone();
            at += big(record.quantity);
            overlap(&from, &at, free, &(free + billable)) * self.multiplier(ladder, record)
        }))
    }

    fn multiplier(&self, ladder: &Ladder, record: &Usage) -> Big {
        let category = record.category.clone().or(ladder.default_category.clone());
        let since = self.facts.first_paid_at.map(|it| record.at.micros_since(it));
        let (Some(since), true) =
            (since, category.is_some_and(|it| ladder.categories.contains(&it)))
        else {
            return whole(1);
        };
        let reached = |days: u32| since >= i64::from(days) * 86_400_000_000;
        let tier = ladder.tiers.iter().rfind(|it| reached(it.days));
        tier.map_or(whole(1), |it| big(it.multiplier))
    }

    fn usage(&mut self, slug: Option<&DeploymentSlug>, kind: &ResourceKind, records: &[&Usage]) {
        let prices = &self.facts.resource_prices;
        for (index, it) in prices.iter().enumerate() {
            let holds = |record: &&&Usage| {
                let ours = prices.iter().enumerate().filter(|(_, it)| {
                    it.price.kind == *kind
                        && it.price.currency == self.facts.currency
                        && it.at <= record.at
                });
                ours.max_by_key(|(index, it)| (it.at, *index)).is_some_and(|it| it.0 == index)
            };
            let records = records.iter().filter(holds).copied().collect::<Vec<_>>();
            let used = sum(records.iter().map(|it| big(it.quantity)));
            if used == whole(0) {
                continue;
            }
            let units = match &it.price.ladder {
                Some(ladder) => self.laddered(ladder, &records, &whole(0), &used),
                None => used,
            };
            let size = whole(units_in(&it.price.unit).unwrap().into());
            self.meter(LineKind::Usage, slug, kind, units * big(it.price.price) / size);
        }
    }

    /// What credit paid for each kind is a line; each stretch has its part of it, in whole minor
    /// units: everybody's floor, and the units left to those who lost most.
    fn settle(&mut self) {
        let mut drawn = BTreeMap::<&ResourceKind, Big>::new();
        for it in &self.facts.prepaid {
            let PrepaidFor::Usage(kind) = &it.what else { panic!("no terms are drawn here") };
            *drawn.entry(kind).or_default() += big(it.amount.amount());
        }
        let decimals = self.facts.currency.minor_unit();
        let scale = whole(10_i128.pow(decimals.into()));
        let mut charged = BTreeMap::<usize, Big>::new();
        for (kind, amount) in drawn {
            self.push(LineKind::Usage, None, Some(kind), amount);
            let units = &self.lines.last().unwrap().3 * &scale;
            let parts = self.used.iter().filter(|it| it.0 == *kind);
            let parts = parts.map(|it| (it.1, round(&it.2, 20, Rounding::HalfAwayFromZero)));
            let parts = parts.collect::<Vec<_>>();
            let all = sum(parts.iter().map(|it| it.1.clone()));
            if all == whole(0) {
                continue;
            }
            let shares = parts.iter().map(|it| &units * &it.1 / &all).collect::<Vec<_>>();
            let mut left = &units - sum(shares.iter().map(Big::floor));
            let mut losers = (0..shares.len()).collect::<Vec<_>>();
            losers.sort_by_key(|it| shares[*it].floor() - &shares[*it]);
            let mut floors = shares.iter().map(Big::floor).collect::<Vec<_>>();
            for loser in losers {
                if left > whole(0) {
                    floors[loser] += whole(1);
                    left -= whole(1);
                }
            }
            for ((stretch, _), floor) in parts.iter().zip(floors) {
                *charged.entry(*stretch).or_default() += floor / &scale;
            }
        }
        for (line, stretch, least) in std::mem::take(&mut self.agreed).into_iter().rev() {
            let missing = least - charged.get(&stretch).cloned().unwrap_or_default();
            if missing > whole(0) {
                self.lines[line].3 = round(&missing, decimals, Rounding::HalfAwayFromZero);
            } else {
                self.lines.remove(line);
            }
        }
    }

    fn price_document(&mut self) {
        for coupon in &self.facts.coupons {
            let left = sum(self.lines.iter().map(|it| it.3.clone()));
            let off = match coupon.terms.discount {
                Discount::Percent(percent) => &left * big(percent.get()) / whole(100),
                Discount::Fixed(amount) => big(amount.amount()).min(left.clone()),
            };
            if left > whole(0) && off > whole(0) {
                self.push(LineKind::Discount, None, None, -off);
            }
        }
        // A prepaid price has its tax within it.
        let Some(tax) = self.facts.tax.as_ref().filter(|_| !self.facts.is_prepaid) else { return };
        let rate = big(tax.terms.rate.get()) / whole(100);
        let decimals = self.facts.currency.minor_unit();
        let of = |it: &Big| round(&(it * &rate), decimals, tax.terms.rounding);
        let amount = match tax.terms.basis {
            TaxBasis::Total => of(&sum(self.lines.iter().map(|it| it.3.clone()))),
            TaxBasis::Line => sum(self.lines.iter().map(|it| of(&it.3))),
        };
        if amount != whole(0) {
            self.push(LineKind::Tax, None, None, amount);
        }
    }
}

fn graduated(tiers: &[Tier], quantity: &Big, size: &Big) -> Big {
    let (mut low, mut sum) = (whole(0), whole(0));
    for tier in tiers.iter().filter(|_| *quantity > whole(0)) {
        let high = tier.up_to.map_or_else(|| quantity.max(&low).clone(), big);
        sum += overlap(&whole(0), quantity, &low, &high) * big(tier.price) / size;
        sum += if *quantity > low { big(tier.flat) } else { whole(0) };
        low = high;
    }
    sum
}

/// Every line of a document, in order.
pub(super) fn model(facts: &Facts) -> Vec<Told> {
    let (lines, used, agreed) = (Vec::new(), Vec::new(), Vec::new());
    let mut model = Model { facts, lines, stretches: 0, used, agreed };
    let named = facts.usage.iter().filter_map(|it| it.deployment.clone());
    let mut slugs =
        facts.deployments.iter().map(|it| it.slug.clone()).chain(named).collect::<Vec<_>>();
    slugs.sort();
    slugs.dedup();
    for slug in slugs.iter().map(Some).chain([None]) {
        let ours = |it: &&Usage| it.deployment.as_ref() == slug && it.at <= facts.until;
        model.price_deployment(slug, &facts.usage.iter().filter(ours).collect::<Vec<_>>());
    }
    model.settle();
    model.price_document();
    model.lines
}
