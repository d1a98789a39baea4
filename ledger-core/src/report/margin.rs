//! Margin: what was invoiced without tax, less what it cost, of a period.
//!
//! Three tables over the same lines, each a distribution of its own: by tenant, by deployment, by
//! kind. Every revenue and every cost is in each of them exactly once; what has no tenant, no
//! deployment or no kind has a row that says so.

use std::collections::{BTreeMap, BTreeSet};

use super::ReportError;
use super::attribution::{Attributed, Owner};
use super::products::Products;
use super::rates::Rates;
use super::revenue::Earned;
use super::table::{Cell, Column, Conversion, Sums};
use crate::id::{DeploymentId, Provider, ResourceKind, TenantId};
use crate::money::{Currency, Exact, Money};
use crate::time::BillingPeriod;

/// What a margin is computed from. Lines of other periods are left out.
#[derive(Debug, Clone, Copy)]
pub struct MarginFacts<'a> {
    /// The period.
    pub period: BillingPeriod,
    /// What figures are shown in.
    pub reporting: Currency,
    /// What converts them.
    pub rates: &'a Rates,
    /// The tenants that carry costs and are never invoiced.
    pub internal: &'a BTreeSet<TenantId>,
    /// What was invoiced.
    pub earned: &'a [Earned],
    /// What it cost.
    pub costs: &'a [Attributed],
    /// The providers whose tax comes back.
    pub recoverable: &'a BTreeSet<Provider>,
    /// What says which kinds have costs.
    pub products: &'a Products,
}

/// Revenue, cost and what is between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Invoiced, without tax.
    pub revenue: Cell,
    /// Charged by providers.
    pub cogs: Cell,
    /// The difference of the two cells.
    pub margin: Cell,
    /// The margin in hundredths of the revenue, to one decimal; none without revenue.
    pub percent: Option<Exact>,
    /// The revenue as it was invoiced.
    pub revenue_by_currency: BTreeMap<Currency, Money>,
    /// The costs as they were billed.
    pub cogs_by_currency: BTreeMap<Currency, Money>,
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Who.
    pub tenant: TenantId,
    /// Whether it is never invoiced.
    pub is_internal: bool,
    /// Its figures.
    pub figures: Figures,
}

/// One deployment, or what a tenant has beside its deployments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentRow {
    /// Whose; none: nobody's.
    pub tenant: Option<TenantId>,
    /// Which; none: what names no deployment.
    pub deployment: Option<DeploymentId>,
    /// Its figures.
    pub figures: Figures,
}

/// One kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindRow {
    /// Which; none: lines about no usage, and costs of products that are mapped to no kind.
    pub kind: Option<ResourceKind>,
    /// Whether a product is mapped to it. Where none is, its costs are not known, so a difference
    /// would mean nothing and is not shown.
    pub is_mapped: bool,
    /// Its revenue.
    pub revenue: Cell,
    /// Its costs.
    pub cogs: Cell,
    /// The difference, where it is mapped.
    pub margin: Option<Cell>,
    /// The margin in hundredths of the revenue, where there is one.
    pub percent: Option<Exact>,
    /// The revenue as it was invoiced.
    pub revenue_by_currency: BTreeMap<Currency, Money>,
    /// The costs as they were billed.
    pub cogs_by_currency: BTreeMap<Currency, Money>,
}

/// The margin of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Margin {
    /// The period.
    pub period: BillingPeriod,
    /// What figures are shown in.
    pub reporting: Currency,
    /// Everything.
    pub overall: Figures,
    /// The tenants that are invoiced.
    pub customers: Figures,
    /// Those that never are.
    pub internal: Figures,
    /// What is nobody's.
    pub unattributed: Figures,
    /// In ascending order.
    pub tenants: Vec<TenantRow>,
    /// In ascending order; what a tenant has beside its deployments after them, nobody's last.
    pub deployments: Vec<DeploymentRow>,
    /// In ascending order, what has no kind last.
    pub kinds: Vec<KindRow>,
    /// Input tax that comes back: shown, and in no other figure.
    pub recoverable_tax: Cell,
    /// The same as it was billed.
    pub recoverable_tax_by_currency: BTreeMap<Currency, Money>,
}

/// The margin of a period.
pub fn margin(facts: &MarginFacts<'_>) -> Result<Margin, ReportError> {
    let mut tables = Tables::default();
    for it in facts.earned.iter().filter(|it| it.period == facts.period) {
        tables.earn(it)?;
    }
    let mut recoverable = Sums::default();
    for it in facts.costs.iter().filter(|it| it.period == facts.period) {
        if it.is_tax && facts.recoverable.contains(&it.id.provider) {
            recoverable.add(it.amount)?;
        } else {
            tables.spend(it)?;
        }
    }
    let basis = Conversion { rates: facts.rates, to: facts.reporting, on: facts.period.last_day() };
    let tenants = tables.tenants.show(&basis)?;
    let totals = Totals::of(&tenants, facts)?;
    let recoverable = Column::of(&[recoverable], &basis)?;
    Ok(Margin {
        period: facts.period,
        reporting: facts.reporting,
        overall: tenants.total()?,
        customers: totals.customers,
        internal: totals.internal,
        unattributed: totals.unattributed,
        tenants: totals.tenants,
        deployments: deployment_rows(tables.deployments.show(&basis)?),
        kinds: kind_rows(tables.kinds.show(&basis)?, &facts.products.kinds())?,
        recoverable_tax: recoverable.total,
        recoverable_tax_by_currency: recoverable.total_by_currency,
    })
}

/// An id, and nothing after everything else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum OrLast<T> {
    Some(T),
    None,
}

impl<T> From<Option<T>> for OrLast<T> {
    fn from(it: Option<T>) -> Self {
        it.map_or(Self::None, Self::Some)
    }
}

impl<T> OrLast<T> {
    fn into_option(self) -> Option<T> {
        match self {
            Self::Some(it) => Some(it),
            Self::None => None,
        }
    }
}

/// The deployments of a tenant, then what it has beside them; nobody's last.
type OfTenant = OrLast<(TenantId, OrLast<DeploymentId>)>;

/// Rows of exact sums by their ids.
struct Table<K>(BTreeMap<K, (Sums, Sums)>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Table<K> {
    fn row(&mut self, id: K) -> &mut (Sums, Sums) {
        self.0.entry(id).or_default()
    }

    fn show(self, basis: &Conversion<'_>) -> Result<ShownTable<K>, ReportError> {
        let (ids, rows) = self.0.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let (revenue, cogs) = rows.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let (revenue, cogs) = (Column::of(&revenue, basis)?, Column::of(&cogs, basis)?);
        let mut rows = Vec::with_capacity(ids.len());
        let by_currency = revenue.by_currency.into_iter().zip(cogs.by_currency);
        let cells = revenue.cells.into_iter().zip(cogs.cells).zip(by_currency);
        for (id, ((revenue, cogs), by_currency)) in ids.into_iter().zip(cells) {
            rows.push((id, Figures::of(revenue, cogs, by_currency)?));
        }
        let by_currency = (revenue.total_by_currency, cogs.total_by_currency);
        Ok(ShownTable { rows, revenue: revenue.total, cogs: cogs.total, by_currency })
    }
}

type ByCurrency = BTreeMap<Currency, Money>;

struct ShownTable<K> {
    rows: Vec<(K, Figures)>,
    revenue: Cell,
    cogs: Cell,
    by_currency: (ByCurrency, ByCurrency),
}

impl<K> ShownTable<K> {
    fn total(&self) -> Result<Figures, ReportError> {
        Figures::of(self.revenue.clone(), self.cogs.clone(), self.by_currency.clone())
    }
}

impl Figures {
    fn of(
        revenue: Cell,
        cogs: Cell,
        (revenue_by_currency, cogs_by_currency): (ByCurrency, ByCurrency),
    ) -> Result<Self, ReportError> {
        let margin = revenue.less(&cogs)?;
        let percent = margin.percent_of(&revenue)?;
        Ok(Self { revenue, cogs, margin, percent, revenue_by_currency, cogs_by_currency })
    }

    fn nothing(reporting: Currency) -> Self {
        let zero = Cell::Shown(Money::zero(reporting));
        Self {
            revenue: zero.clone(),
            cogs: zero.clone(),
            margin: zero,
            percent: None,
            revenue_by_currency: BTreeMap::new(),
            cogs_by_currency: BTreeMap::new(),
        }
    }

    fn plus(&self, other: &Self) -> Result<Self, ReportError> {
        let by_currency = (
            add_all(&self.revenue_by_currency, &other.revenue_by_currency)?,
            add_all(&self.cogs_by_currency, &other.cogs_by_currency)?,
        );
        Self::of(self.revenue.plus(&other.revenue)?, self.cogs.plus(&other.cogs)?, by_currency)
    }
}

fn add_all(left: &ByCurrency, right: &ByCurrency) -> Result<ByCurrency, ReportError> {
    let mut sum = left.clone();
    for (currency, money) in right {
        let held = sum.entry(*currency).or_insert_with(|| Money::zero(*currency));
        *held = held.checked_add(*money)?;
    }
    Ok(sum)
}

/// The three tables before they are shown.
#[derive(Default)]
struct Tables {
    tenants: Table<OrLast<TenantId>>,
    deployments: Table<OfTenant>,
    kinds: Table<OrLast<ResourceKind>>,
}

impl Tables {
    fn earn(&mut self, it: &Earned) -> Result<(), ReportError> {
        let of = |slug: &crate::id::DeploymentSlug| DeploymentId {
            tenant: it.tenant.clone(),
            slug: slug.clone(),
        };
        let deployment = it.deployment.as_ref().map(of);
        let of_tenant = OrLast::Some((it.tenant.clone(), deployment.into()));
        self.tenants.row(OrLast::Some(it.tenant.clone())).0.add(it.amount)?;
        self.deployments.row(of_tenant).0.add(it.amount)?;
        self.kinds.row(it.kind.clone().into()).0.add(it.amount)
    }

    fn spend(&mut self, it: &Attributed) -> Result<(), ReportError> {
        for part in &it.parts {
            let deployment = OrLast::from(part.owner.deployment().cloned());
            let of_tenant = match &part.owner {
                Owner::Deployment(id) => OrLast::Some((id.tenant.clone(), deployment)),
                Owner::Tenant(tenant) => OrLast::Some((tenant.clone(), deployment)),
                Owner::Nobody(_) => OrLast::None,
            };
            self.tenants.row(part.owner.tenant().cloned().into()).1.add(part.amount)?;
            self.deployments.row(of_tenant).1.add(part.amount)?;
        }
        self.kinds.row(it.kind.clone().into()).1.add(it.amount)
    }
}

/// The rows of tenants, and what they add up to.
struct Totals {
    customers: Figures,
    internal: Figures,
    unattributed: Figures,
    tenants: Vec<TenantRow>,
}

impl Totals {
    fn of(
        shown: &ShownTable<OrLast<TenantId>>,
        facts: &MarginFacts<'_>,
    ) -> Result<Self, ReportError> {
        let nothing = || Figures::nothing(facts.reporting);
        let mut totals = Self {
            customers: nothing(),
            internal: nothing(),
            unattributed: nothing(),
            tenants: Vec::with_capacity(shown.rows.len()),
        };
        for (id, figures) in &shown.rows {
            let OrLast::Some(tenant) = id else {
                totals.unattributed = figures.clone();
                continue;
            };
            let is_internal = facts.internal.contains(tenant);
            let sum = if is_internal { &mut totals.internal } else { &mut totals.customers };
            *sum = sum.plus(figures)?;
            let (tenant, figures) = (tenant.clone(), figures.clone());
            totals.tenants.push(TenantRow { tenant, is_internal, figures });
        }
        Ok(totals)
    }
}

fn deployment_rows(shown: ShownTable<OfTenant>) -> Vec<DeploymentRow> {
    let row = |(id, figures): (OfTenant, Figures)| {
        let (tenant, deployment) = id.into_option().unzip();
        let deployment = deployment.and_then(OrLast::into_option);
        DeploymentRow { tenant, deployment, figures }
    };
    shown.rows.into_iter().map(row).collect()
}

fn kind_rows(
    shown: ShownTable<OrLast<ResourceKind>>,
    mapped: &BTreeSet<ResourceKind>,
) -> Result<Vec<KindRow>, ReportError> {
    let row = |(id, it): (OrLast<ResourceKind>, Figures)| {
        let kind = id.into_option();
        let is_mapped = kind.as_ref().is_some_and(|it| mapped.contains(it));
        KindRow {
            kind,
            is_mapped,
            margin: is_mapped.then_some(it.margin),
            percent: it.percent.filter(|_| is_mapped),
            revenue: it.revenue,
            cogs: it.cogs,
            revenue_by_currency: it.revenue_by_currency,
            cogs_by_currency: it.cogs_by_currency,
        }
    };
    Ok(shown.rows.into_iter().map(row).collect())
}
