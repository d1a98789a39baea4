//! Leaks: what runs and is not billed, is billed and does not run, or is charged and not known.
//!
//! Five classes, each leak with its extent, its money and the first event that shows it. A leak of
//! an internal tenant is none: nobody meant to bill it.

use std::collections::{BTreeMap, BTreeSet};

use super::ReportError;
use super::attribution::{Attributed, Ground, Owner, Part, Unowned};
use super::cost::LineId;
use super::products::{Products, folded};
use super::rates::Rates;
use super::resource::{Project, Resource};
use super::revenue::Earned;
use super::slots::Slot;
use super::table::{Cell, Column, Conversion, Sums};
use crate::id::{DeploymentId, DeploymentSlug, ResourceId, ResourceKind, TenantId};
use crate::log::Revision;
use crate::money::{Currency, Money, Quantity, Ratio};
use crate::price::{self, Deployment, EffectivePrice, Facts, PriceError, Sources, Unpriced, Usage};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

mod charged;
mod running;

/// What leaks are looked for in. Lines of other periods are left out.
#[derive(Debug, Clone, Copy)]
pub struct LeakFacts<'a> {
    /// The period.
    pub period: BillingPeriod,
    /// The instant it is looked at; its end, or anything later, is all of it.
    pub until: Timestamp,
    /// What figures are shown in.
    pub reporting: Currency,
    /// What converts them.
    pub rates: &'a Rates,
    /// What says which kinds a resource yields and which have costs.
    pub products: &'a Products,
    /// The tenants that are never invoiced.
    pub internal: &'a BTreeSet<TenantId>,
    /// What runs.
    pub resources: &'a [Resource],
    /// Where it runs.
    pub projects: &'a [Project],
    /// What it costs.
    pub costs: &'a [Attributed],
    /// What was charged, or will be.
    pub earned: &'a [Earned],
    /// What each tenant runs and used.
    pub metered: &'a [Metered],
}

/// What a tenant runs and used, as its price saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metered {
    /// Who.
    pub tenant: TenantId,
    /// What it runs.
    pub deployments: Vec<Deployment>,
    /// What it used, the hours that the ledger metered itself among it.
    pub usage: Vec<Usage>,
    /// What it is billed in.
    pub currency: Currency,
    /// What prices usage that no plan does.
    pub resource_prices: Vec<EffectivePrice>,
    /// What of it nothing prices.
    pub unpriced: Vec<Unpriced>,
    /// The slots of bought plans that it took, whenever.
    pub slots: Vec<Slot>,
}

impl Metered {
    /// A tenant as the facts of its period have it.
    pub fn of(tenant: TenantId, facts: Facts, slots: Vec<Slot>) -> Result<Self, PriceError> {
        let unpriced = price::price(&facts)?.unpriced;
        let Facts { currency, resource_prices, deployments, usage, .. } = facts;
        Ok(Self { tenant, deployments, usage, currency, resource_prices, unpriced, slots })
    }
}

/// What sort of leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeakClass {
    /// A resource lives without a charged deployment.
    RunningUnbilled,
    /// A deployment is charged and nothing of it lives.
    BilledNotRunning,
    /// A line of a bill matches no resource.
    ChargedUnknown,
    /// A resource is charged for and lives, and nothing it yields was metered.
    SoldUnmetered,
    /// Usage has neither item nor price.
    MeteredUnpriced,
}

impl LeakClass {
    /// Every class.
    pub const ALL: [Self; 5] = [
        Self::RunningUnbilled,
        Self::BilledNotRunning,
        Self::ChargedUnknown,
        Self::SoldUnmetered,
        Self::MeteredUnpriced,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RunningUnbilled => "running_unbilled",
            Self::BilledNotRunning => "billed_not_running",
            Self::ChargedUnknown => "charged_unknown",
            Self::SoldUnmetered => "sold_unmetered",
            Self::MeteredUnpriced => "metered_unpriced",
        }
    }
}

/// What leaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A resource, and the deployment it is sold with where that is the point.
    Resource(ResourceId, Option<DeploymentId>),
    /// A deployment.
    Deployment(DeploymentId),
    /// A line of a bill.
    Line(LineId),
    /// Usage of a kind.
    Usage(TenantId, Option<DeploymentSlug>, ResourceKind),
}

/// How much leaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// So many hours of a resource.
    Hours(Ratio),
    /// So many days of a deployment.
    Days(u8),
    /// A line, whole.
    Line,
    /// So much of a kind, in base units.
    Quantity(Quantity),
}

/// The first event that shows a leak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its stream.
    pub stream: Stream,
    /// Its place there.
    pub revision: Revision,
}

/// One leak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// What leaks.
    pub subject: Subject,
    /// How much.
    pub extent: Extent,
    /// The first event that shows it.
    pub first: Option<Seen>,
    /// What it is worth in the reporting currency; none where nobody knows.
    pub money: Option<Cell>,
    /// The same as billed or charged.
    pub money_by_currency: BTreeMap<Currency, Money>,
}

/// The leaks of one class, in ascending order of what leaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaksOf {
    /// The class.
    pub class: LeakClass,
    /// What those are worth together of which somebody knows it.
    pub total: Cell,
    /// The same as billed or charged.
    pub total_by_currency: BTreeMap<Currency, Money>,
    /// Each of them.
    pub leaks: Vec<Leak>,
}

/// The leaks of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaks {
    /// The period.
    pub period: BillingPeriod,
    /// What figures are shown in.
    pub reporting: Currency,
    /// Every class in its order, the empty ones too.
    pub classes: Vec<LeaksOf>,
}

/// A leak before it is shown.
struct Found {
    subject: Subject,
    extent: Extent,
    first: Option<Seen>,
    money: Option<Sums>,
}

/// The leaks of a period.
pub fn leaks(facts: &LeakFacts<'_>) -> Result<Leaks, ReportError> {
    let known = Known::of(facts);
    let mut classes = Vec::with_capacity(LeakClass::ALL.len());
    for class in LeakClass::ALL {
        let found = match class {
            LeakClass::RunningUnbilled => running::unbilled(&known)?,
            LeakClass::BilledNotRunning => charged::not_running(&known)?,
            LeakClass::ChargedUnknown => charged::unknown(&known)?,
            LeakClass::SoldUnmetered => running::unmetered(&known)?,
            LeakClass::MeteredUnpriced => unpriced(&known)?,
        };
        classes.push(show(class, found, facts)?);
    }
    Ok(Leaks { period: facts.period, reporting: facts.reporting, classes })
}

fn show(
    class: LeakClass,
    mut found: Vec<Found>,
    facts: &LeakFacts<'_>,
) -> Result<LeaksOf, ReportError> {
    found.sort_by(|left, right| left.subject.cmp(&right.subject));
    let worth = found.iter_mut().filter_map(|it| it.money.take().map(|sums| (&it.subject, sums)));
    let (worth_of, sums) = worth.unzip::<_, _, Vec<_>, Vec<_>>();
    let worth_of = worth_of.into_iter().cloned().collect::<BTreeSet<_>>();
    let basis = Conversion { rates: facts.rates, to: facts.reporting, on: facts.period.last_day() };
    let column = Column::of(&sums, &basis)?;
    let mut cells = column.cells.into_iter().zip(column.by_currency);
    let leak = |it: Found| {
        let worth = worth_of.contains(&it.subject).then(|| cells.next()).flatten();
        let (money, money_by_currency) = worth.unzip();
        Leak {
            subject: it.subject,
            extent: it.extent,
            first: it.first,
            money,
            money_by_currency: money_by_currency.unwrap_or_default(),
        }
    };
    Ok(LeaksOf {
        class,
        leaks: found.into_iter().map(leak).collect(),
        total: column.total,
        total_by_currency: column.total_by_currency,
    })
}

/// What the classes look up.
struct Known<'a> {
    facts: &'a LeakFacts<'a>,
    /// The end of what is looked at.
    ends_at: Timestamp,
    deployments: BTreeMap<DeploymentId, &'a Deployment>,
    by_resource: BTreeMap<&'a ResourceId, Vec<&'a Attributed>>,
    linked: BTreeMap<&'a DeploymentId, Vec<&'a Resource>>,
    /// By what they are called, in whatever case.
    slots: BTreeMap<String, Vec<(&'a TenantId, &'a Slot)>>,
}

impl<'a> Known<'a> {
    fn of(facts: &'a LeakFacts<'a>) -> Self {
        let mut by_resource = BTreeMap::<_, Vec<_>>::new();
        for it in facts.costs.iter().filter(|it| it.period == facts.period) {
            if let Some(resource) = it.resource() {
                by_resource.entry(resource).or_default().push(it);
            }
        }
        let mut linked = BTreeMap::<_, Vec<_>>::new();
        for it in facts.resources {
            let to = it.links.iter().map(|it| &it.deployment).collect::<BTreeSet<_>>();
            to.into_iter().for_each(|to| linked.entry(to).or_default().push(it));
        }
        let of_tenant = |it: &'a Metered| {
            let id = |slug: &DeploymentSlug| DeploymentId {
                tenant: it.tenant.clone(),
                slug: slug.clone(),
            };
            it.deployments.iter().map(move |it| (id(&it.slug), it))
        };
        let mut slots = BTreeMap::<_, Vec<_>>::new();
        for of in facts.metered {
            for it in &of.slots {
                slots.entry(folded(it.name.as_str())).or_default().push((&of.tenant, it));
            }
        }
        Self {
            facts,
            slots,
            ends_at: facts.until.min(facts.period.ends_at()),
            deployments: facts.metered.iter().flat_map(of_tenant).collect(),
            by_resource,
            linked,
        }
    }

    fn is_internal(&self, owner: Option<&Owner>) -> bool {
        owner.and_then(Owner::tenant).is_some_and(|it| self.facts.internal.contains(it))
    }

    fn costs_of(&self, resource: &ResourceId) -> &[&'a Attributed] {
        self.by_resource.get(resource).map_or(&[], Vec::as_slice)
    }
}

/// Usage with neither item nor price, and what it costs where a product is mapped to its kind.
fn unpriced(known: &Known<'_>) -> Result<Vec<Found>, ReportError> {
    let facts = known.facts;
    let mapped = facts.products.kinds();
    let mut found = BTreeMap::new();
    for tenant in facts.metered.iter().filter(|it| !facts.internal.contains(&it.tenant)) {
        for it in &tenant.unpriced {
            let usage = (tenant.tenant.clone(), it.deployment.clone(), it.kind.clone());
            let (quantity, from) =
                found.entry(usage).or_insert_with(|| (Quantity::ZERO, Sources::NONE));
            // What is in a unit of its own adds to no quantity; it is shown all the same.
            if it.unit.is_none() {
                let sum = quantity.checked_add(it.quantity);
                *quantity = sum.map_err(|_| crate::money::ExactError::Overflow)?;
            }
            from.extend(&it.from);
        }
    }
    let mut leaks = Vec::with_capacity(found.len());
    for ((tenant, deployment, kind), (quantity, from)) in found {
        let owns = |owner: &Owner| {
            let slug = owner.deployment().map(|it| &it.slug);
            owner.tenant() == Some(&tenant) && slug == deployment.as_ref()
        };
        let mut cost = Sums::default();
        let of_kind = facts.costs.iter().filter(|it| it.period == facts.period);
        for it in of_kind.filter(|it| it.kind.as_ref() == Some(&kind)) {
            for part in it.parts.iter().filter(|it| owns(&it.owner)) {
                cost.add(part.amount)?;
            }
        }
        let money = mapped.contains(&kind).then_some(cost);
        let first = first_of(&from);
        let subject = Subject::Usage(tenant, deployment, kind);
        leaks.push(Found { subject, extent: Extent::Quantity(quantity), first, money });
    }
    Ok(leaks)
}

/// The first of the records that some usage was made from.
fn first_of(from: &Sources) -> Option<Seen> {
    let mut streams = from.iter();
    let usage = streams.find(|it| matches!(it.0, Stream::Usage(..)));
    let (stream, ranges) = usage.or_else(|| from.iter().next())?;
    Some(Seen { stream: stream.clone(), revision: ranges.first()?.0 })
}

/// The change that the later of its records made.
fn last_of(from: &Sources) -> Option<Seen> {
    let (stream, ranges) = from.iter().next()?;
    Some(Seen { stream: stream.clone(), revision: ranges.last()?.1 })
}

/// Whether a line is a cost that no resource explains and nobody has explained by hand.
fn is_unknown(it: &Attributed) -> bool {
    if it.is_tax || it.resource().is_some() {
        return false;
    }
    let several = |it: &Part| matches!(it.owner, Owner::Nobody(Unowned::SeveralResources(_)));
    let is_said = matches!(it.ground, Ground::ByHand { .. });
    let is_explained = is_said && it.parts.iter().all(|it| it.owner.tenant().is_some());
    !(is_explained || it.parts.iter().any(several))
}
