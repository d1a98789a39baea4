//! The second model of attribution and margin: rationals without bounds, half days one by one, and
//! no call into the code of the reports.
//!
//! Where that cuts intervals at every turn, this asks of each half day whose it was. Everything
//! that [`Books`] draw lies on half days, so nothing falls between them.

use std::collections::{BTreeMap, BTreeSet};

use ledger_core::event::provider::{BillLine, CostOwner, LineClass};
use ledger_core::id::ResourceId;
use ledger_core::money::{Currency, ExchangeRate, Money, Ratio};
use ledger_core::report::{CostLine, Interval, Project, Resource, Timeline};
use ledger_core::testing::costs::Books;
use ledger_core::time::Timestamp;
use num_rational::BigRational;

pub(super) type Big = BigRational;
/// Name, revenue, cost, margin, percent.
pub(super) type Row = (String, Option<Big>, Option<Big>, Option<Big>, Option<Big>);

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) tenants: Vec<Row>,
    pub(super) deployments: Vec<Row>,
    pub(super) kinds: Vec<Row>,
}

fn whole(it: i128) -> Big {
    Big::from_integer(it.into())
}

pub(super) fn big(it: impl Into<Ratio>) -> Big {
    let it = it.into();
    whole(it.over()) / whole(it.under())
}

fn ten_to(power: u8) -> Big {
    whole(10_i128.pow(power.into()))
}

/// To the nearest multiple of one over `scale`, a half away from zero.
fn rounded(it: &Big, scale: &Big) -> Big {
    let half = if *it < whole(0) { whole(-1) / whole(2) } else { whole(1) / whole(2) };
    (it * scale + half).trunc() / scale
}

/// The half days of an interval; its first instant where it has none.
fn half_days(from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let next = |it: &Timestamp| it.plus_seconds(43_200);
    let days = std::iter::successors(Some(from), next).take_while(|it| *it < to);
    let days = days.collect::<Vec<_>>();
    if days.is_empty() { vec![from] } else { days }
}

fn held<T>(it: &Timeline<T>, at: Timestamp) -> Option<&T> {
    it.changes().rev().find(|change| change.0 <= at).map(|change| change.1)
}

/// What is held, what comes first reaching back.
fn known<T>(it: &Timeline<T>, at: Timestamp) -> Option<&T> {
    held(it, at).or_else(|| it.changes().next().map(|change| change.1))
}

fn within(it: &Interval, at: Timestamp) -> bool {
    it.starts_at <= at && it.ends_at.is_none_or(|end| end > at)
}

fn lives(it: &Resource, at: Timestamp) -> bool {
    it.live.iter().any(|life| within(life, at))
}

/// Whose a resource is at an instant.
fn owner(books: &Books, it: &Resource, at: Timestamp) -> String {
    let mut latest = None::<(Timestamp, &ledger_core::report::Linked)>;
    for link in it.links.iter().filter(|link| link.during.starts_at <= at) {
        if latest.is_none_or(|known| known.0 <= link.during.starts_at) {
            latest = Some((link.during.starts_at, link));
        }
    }
    if let Some((_, link)) = latest.filter(|link| within(&link.1.during, at)) {
        return link.deployment.to_string();
    }
    if let Some(tenant) = held(&it.tenants, at).cloned().flatten() {
        return tenant.to_string();
    }
    let project = held(&it.projects, at).cloned().flatten();
    let of_id =
        |known: &&Project| known.provider == it.id.provider && Some(&known.id) == project.as_ref();
    let project = books.projects.iter().find(of_id);
    project.map_or("-".to_owned(), |it| of_project(it, at))
}

fn of_project(it: &Project, at: Timestamp) -> String {
    held(&it.tenants, at).cloned().flatten().map_or("-".to_owned(), |it| it.to_string())
}

/// Days in a row of one owner; those before the first owner are its too.
fn runs(owners: Vec<String>) -> Vec<(String, i128)> {
    let mut runs: Vec<(String, i128)> = Vec::new();
    for owner in owners {
        match runs.last_mut() {
            Some(last) if last.0 == owner => last.1 += 1,
            _ => runs.push((owner, 1)),
        }
    }
    if runs.len() > 1 && runs[0].0 == "-" {
        let before = runs.remove(0).1;
        runs[0].1 += before;
    }
    runs
}

/// The whole of an amount among runs: cut to its digits, what is left to the largest fractions.
fn shared(amount: Money, runs: Vec<(String, i128)>) -> Vec<(String, Big)> {
    let scale = ten_to(amount.amount().scale().max(amount.currency().minor_unit()));
    let units = big(amount.amount()) * &scale;
    let all = whole(runs.iter().map(|it| it.1).sum());
    let exact = runs.iter().map(|it| &units * whole(it.1) / &all).collect::<Vec<_>>();
    let mut parts = exact.iter().map(Big::trunc).collect::<Vec<_>>();
    let sign = if units < whole(0) { whole(-1) } else { whole(1) };
    while parts.iter().sum::<Big>() != units {
        let lost = |place: &usize| (&exact[*place] - &parts[*place]) * &sign;
        let most = (0..parts.len()).rev().max_by_key(lost).unwrap();
        parts[most] += &sign;
    }
    runs.into_iter().zip(parts).map(|(run, part)| (run.0, part / &scale)).collect()
}

/// The names that the drawn descriptions may mean, written out.
fn names(line: &BillLine) -> Vec<&'static str> {
    match line.description.as_str() {
        "web-1" | "Web-1 (s-1vcpu-1gb)" => vec!["web-1"],
        "db (fra1) 100GB" => vec!["db"],
        "db (old) (small)" => vec!["db (old)"],
        "db (old)" => vec!["db (old)", "db"],
        _ => Vec::new(),
    }
}

fn candidates<'a>(books: &'a Books, it: &CostLine) -> Vec<&'a Resource> {
    let days = half_days(it.line.starts_at, it.line.ends_at);
    let of_provider = books.resources.iter().filter(|of| of.id.provider == it.id.provider);
    let alive = of_provider.filter(|of| days.iter().any(|at| lives(of, *at))).collect::<Vec<_>>();
    let by_id = alive.iter().find(|of| Some(&of.id.id) == it.line.resource.as_ref());
    if let Some(by_id) = by_id {
        return vec![by_id];
    }
    let kind = match it.line.product.as_str() {
        "Droplets" | "droplets" => "droplet",
        "Volumes" => "volume",
        _ => return Vec::new(),
    };
    let called = |of: &Resource, names: &[&str]| {
        let names = |at: &Timestamp| {
            known(&of.names, *at).is_some_and(|it| names.contains(&&*it.as_str().to_lowercase()))
        };
        of.resource_type.as_str().to_lowercase() == kind && days.iter().any(names)
    };
    let named = names(&it.line);
    let group = it.line.group.as_ref().map(|it| it.as_str()).into_iter().collect::<Vec<_>>();
    let mut found = alive.iter().filter(|of| called(of, &named)).copied().collect::<Vec<_>>();
    if found.is_empty() {
        found = alive.iter().filter(|of| called(of, &group)).copied().collect();
    }
    found
}

/// What makes two lines alike.
fn alike(one: &CostLine, of: &BillLine, provider: &str) -> bool {
    let lower = |it: &str| it.to_lowercase();
    let name = |it: &BillLine| match it.description.as_str() {
        "db (fra1) 100GB" | "db (old)" => "db".to_owned(),
        "db (old) (small)" => "db (old)".to_owned(),
        text => lower(text.trim_end_matches(" (s-1vcpu-1gb)")),
    };
    let project = |it: &BillLine| it.project.as_ref().map(|it| lower(it.as_str()));
    one.id.provider.as_str() == provider
        && one.line.class == of.class
        && lower(one.line.product.as_str()) == lower(of.product.as_str())
        && one.line.group == of.group
        && name(&one.line) == name(of)
        && project(&one.line) == project(of)
        && one.line.resource == of.resource
}

fn said<'a>(books: &'a Books, it: &CostLine) -> Option<&'a CostOwner> {
    let mut by_time = books.by_hand.iter().collect::<Vec<_>>();
    by_time.sort_by_key(|said| said.position);
    let exact = by_time.iter().rev().find(|of| of.id == it.id && of.ingest == it.ingest);
    let like = by_time.iter().rev().find(|of| {
        let same_bill = of.id.provider == it.id.provider && of.id.bill == it.id.bill;
        let months = (of.line.starts_at.period(), it.line.starts_at.period());
        alike(it, &of.line, of.id.provider.as_str())
            && ((same_bill && of.ingest != it.ingest) || (of.remembered && months.0 < months.1))
    });
    exact.or(like).map(|it| &it.owner)
}

/// Whose each part of a line is, in order of time.
pub(super) fn owners(books: &Books, it: &CostLine) -> Vec<(String, Big)> {
    let days = half_days(it.line.starts_at, it.line.ends_at);
    let one = |owner: String| vec![(owner, 1)];
    let of_resource = |of: &Resource| {
        let alive = days.iter().filter(|at| lives(of, **at)).copied().collect::<Vec<_>>();
        let days = if alive.is_empty() { days.clone() } else { alive };
        runs(days.into_iter().map(|at| owner(books, of, at)).collect())
    };
    let by_id = |id: &ResourceId| books.resources.iter().find(|it| it.id == *id);
    let runs = match said(books, it) {
        Some(CostOwner::Deployment(it)) => one(it.to_string()),
        Some(CostOwner::Tenant(it)) => one(it.to_string()),
        Some(CostOwner::Nobody) => one("-".to_owned()),
        Some(CostOwner::Resource(id)) => by_id(id).map_or_else(|| one("-".to_owned()), of_resource),
        None if it.line.class == LineClass::Tax => one("-".to_owned()),
        None => match *candidates(books, it) {
            [of] => of_resource(of),
            [] => in_project(books, it, &days),
            _ => one("-".to_owned()),
        },
    };
    shared(it.line.amount, runs)
}

fn in_project(books: &Books, it: &CostLine, days: &[Timestamp]) -> Vec<(String, i128)> {
    let word = it.line.project.as_ref().map(|it| it.as_str().to_lowercase());
    let is_named = |of: &&Project| {
        let named = |at: &Timestamp| known(&of.names, *at).map(|it| it.as_str().to_lowercase());
        of.provider == it.id.provider
            && (word.as_deref() == Some(of.id.as_str())
                || word.is_some() && days.iter().any(|at| named(at) == word))
    };
    let named = books.projects.iter().filter(is_named).collect::<Vec<_>>();
    match *named {
        [of] => runs(days.iter().map(|at| of_project(of, *at)).collect()),
        _ => vec![("-".to_owned(), 1)],
    }
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
