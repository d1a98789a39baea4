//! The second model of attribution: half days one by one, and no call into the code of the reports.
//!
//! Where that cuts intervals at every turn, this asks of each half day whose it was. Everything
//! that [`Books`] draw lies on half days, so nothing falls between them.

use ledger_core::event::provider::{BillLine, CostOwner, LineClass};
use ledger_core::id::ResourceId;
use ledger_core::money::Money;
use ledger_core::report::{CostLine, Interval, Project, Resource, Timeline};
use ledger_core::testing::costs::Books;
use ledger_core::time::Timestamp;

use crate::model::{Big, big, ten_to, whole};

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

/// The half days of the past before a line, as far back as anything was drawn.
fn past(books: &Books, it: &CostLine) -> Vec<Timestamp> {
    let begin = books.period.starts_at().plus_seconds(-60 * 43_200).unwrap();
    let days = half_days(begin, it.line.starts_at).into_iter();
    days.filter(|at| *at < it.line.starts_at).collect()
}

/// Days in a row of one owner; those before the first owner of all time are its too.
fn runs(before: &[String], owners: Vec<String>) -> Vec<(String, i128)> {
    let mut runs: Vec<(String, i128)> = Vec::new();
    for owner in owners {
        match runs.last_mut() {
            Some(last) if last.0 == owner => last.1 += 1,
            _ => runs.push((owner, 1)),
        }
    }
    let was_owned = before.iter().any(|it| it != "-");
    if runs.len() > 1 && runs[0].0 == "-" && !was_owned {
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
        let of_days =
            |days: &[Timestamp]| days.iter().map(|at| owner(books, of, *at)).collect::<Vec<_>>();
        runs(&of_days(&past(books, it)), of_days(&days))
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
        [of] => {
            let of_days =
                |days: &[Timestamp]| days.iter().map(|at| of_project(of, *at)).collect::<Vec<_>>();
            runs(&of_days(&past(books, it)), of_days(days))
        }
        _ => vec![("-".to_owned(), 1)],
    }
}
