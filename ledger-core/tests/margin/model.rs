//! The second model of margin: rationals without bounds, line by line, and no call into the code of
//! the reports.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::event::provider::LineClass;
use ledger_core::money::{Currency, ExchangeRate, Ratio};
use ledger_core::testing::costs::Books;
use num_rational::BigRational;

use crate::owners::owners;

pub(super) type Big = BigRational;
/// Name, revenue, cost, margin, percent.
pub(super) type Row = (String, Option<Big>, Option<Big>, Option<Big>, Option<Big>);

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) tenants: Vec<Row>,
    pub(super) deployments: Vec<Row>,
    pub(super) kinds: Vec<Row>,
}

pub(super) fn whole(it: i128) -> Big {
    Big::from_integer(it.into())
}

pub(super) fn big(it: impl Into<Ratio>) -> Big {
    let it = it.into();
    whole(it.over()) / whole(it.under())
}

pub(super) fn ten_to(power: u8) -> Big {
    whole(10_i128.pow(power.into()))
}

/// To the nearest multiple of one over `scale`, a half away from zero.
fn rounded(it: &Big, scale: &Big) -> Big {
    let half = if *it < whole(0) { whole(-1) / whole(2) } else { whole(1) / whole(2) };
    (it * scale + half).trunc() / scale
}

/// A row's revenue and cost, line by line.
type Exact = [Vec<(Big, Currency)>; 2];

/// One line in the reporting currency; nothing without a rate.
fn converted(books: &Books, (amount, currency): &(Big, Currency)) -> Option<Big> {
    if *currency == books.reporting {
        return Some(amount.clone());
    }
    let mut set = books.rates.iter().enumerate().collect::<Vec<_>>();
    set.retain(|(_, (on, _))| *on < books.period.end_day());
    set.sort_by_key(|(place, (on, _))| (*on, *place));
    let pair = BTreeSet::from([*currency, books.reporting]);
    let serves = |it: &ExchangeRate| BTreeSet::from([it.base(), it.quote()]) == pair;
    let rate = set.iter().rev().map(|(_, (_, rate))| rate).find(|it| serves(it))?;
    let factor = big(rate.rate());
    Some(if rate.base() == *currency { amount * factor } else { amount / factor })
}

/// A column to the cent: the total rounded, then the rows that can be shown to it.
fn column(books: &Books, rows: &[&Exact], side: usize) -> (Option<Big>, Vec<Option<Big>>) {
    let exact = |row: &&Exact| {
        row[side].iter().try_fold(whole(0), |sum, it| Some(sum + converted(books, it)?))
    };
    let exact = rows.iter().map(exact).collect::<Vec<_>>();
    let scale = ten_to(books.reporting.minor_unit());
    let total = rounded(&exact.iter().flatten().sum(), &scale);
    let down = |it: &Big| (it * &scale).floor() / &scale;
    let mut shown = exact.iter().map(|it| it.as_ref().map(down)).collect::<Vec<_>>();
    while shown.iter().flatten().sum::<Big>() != total {
        let lost = |place: &usize| Some(exact[*place].as_ref()? - shown[*place].as_ref()?);
        let most = (0..exact.len()).rev().max_by_key(lost).unwrap();
        *shown[most].as_mut().unwrap() += whole(1) / &scale;
    }
    (exact.iter().all(Option::is_some).then_some(total), shown)
}

fn row(name: &str, revenue: Option<Big>, cogs: Option<Big>) -> Row {
    let margin = revenue.clone().zip(cogs.clone()).map(|(revenue, cogs)| revenue - cogs);
    let sold = revenue.clone().filter(|it| *it != whole(0));
    let percent = margin.clone().zip(sold).map(|(part, of)| part / of * whole(100));
    (name.to_owned(), revenue, cogs, margin, percent.map(|it| rounded(&it, &whole(10))))
}

fn table(books: &Books, rows: &BTreeMap<(u8, String), Exact>) -> (Vec<Row>, Row) {
    let exact = rows.values().collect::<Vec<_>>();
    let (revenue, revenues) = column(books, &exact, 0);
    let (cogs, costs) = column(books, &exact, 1);
    let cells = rows.keys().zip(revenues.into_iter().zip(costs));
    let shown = cells.map(|((_, name), (revenue, cogs))| row(name, revenue, cogs)).collect();
    (shown, row("(overall)", revenue, cogs))
}

/// Every table of the month.
pub(super) fn model(books: &Books) -> Tables {
    let [mut tenants, mut deployments, mut kinds] = [const { BTreeMap::<_, Exact>::new() }; 3];
    let mut add = |side: usize, who: &str, kind: Option<String>, amount: &Big, of: Currency| {
        let (tenant, whose) = match (who, who.split_once('.')) {
            ("-", _) => ((1, "(unattributed)".to_owned()), (1, "(nobody)".to_owned())),
            (_, Some((tenant, _))) => ((0, tenant.to_owned()), (0, who.to_owned())),
            (_, None) => ((0, who.to_owned()), (0, format!("{who}.-"))),
        };
        let kind = kind.map_or((1, "(none)".to_owned()), |it| (0, it));
        for row in [
            tenants.entry(tenant).or_default(),
            deployments.entry(order(whose)).or_default(),
            kinds.entry(kind).or_default(),
        ] {
            row[side].push((amount.clone(), of));
        }
    };
    for it in books.earned.iter().filter(|it| it.period == books.period) {
        let of = it.deployment.as_ref().map_or(String::new(), |slug| format!(".{slug}"));
        let (who, kind) = (format!("{}{of}", it.tenant), it.kind.as_ref().map(ToString::to_string));
        add(0, &who, kind, &big(it.amount.amount()), it.amount.currency());
    }
    for it in books.lines.iter().filter(|it| it.line.starts_at.period() == books.period) {
        let is_tax = it.line.class == LineClass::Tax;
        let is_droplet = it.line.product.as_str().to_lowercase() == "droplets";
        let kind = if is_tax { Some("tax") } else { is_droplet.then_some("droplet_hours") };
        if !is_tax || !books.recoverable.contains(&it.id.provider) {
            for (who, amount) in owners(books, it) {
                let kind = kind.map(str::to_owned);
                add(1, &who, kind, &amount, it.line.amount.currency());
            }
        }
    }
    let internal = books.internal.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let (mut rows, overall) = table(books, &tenants);
    let sum = |name: &str, of: &dyn Fn(&str) -> bool| {
        let rows = rows.iter().filter(|it| of(&it.0));
        let (revenue, cogs) =
            rows.map(|it| (it.1.clone(), it.2.clone())).unzip::<_, _, Vec<_>, Vec<_>>();
        row(name, revenue.into_iter().sum(), cogs.into_iter().sum())
    };
    let is_nobody = |it: &str| it == "(unattributed)";
    let unattributed = sum("(unattributed)", &is_nobody);
    let customers = sum("(customers)", &|it| !is_nobody(it) && !internal.contains(it));
    let inside = sum("(internal)", &|it| internal.contains(it));
    rows.retain(|it| !is_nobody(&it.0));
    rows.extend([unattributed, customers, inside, overall]);
    let mut kinds = table(books, &kinds).0;
    for it in kinds.iter_mut().filter(|it| it.0 != "droplet_hours") {
        (it.3, it.4) = (None, None);
    }
    let named = |mut it: Row| {
        it.0 = it.0.replace('~', "-");
        it
    };
    let deployments = table(books, &deployments).0.into_iter().map(named).collect();
    Tables { tenants: rows, deployments, kinds }
}

/// What a tenant has beside its deployments comes after them: `~` sorts behind every slug.
fn order((last, name): (u8, String)) -> (u8, String) {
    (last, name.strip_suffix('-').map_or(name.clone(), |it| format!("{it}~")))
}
