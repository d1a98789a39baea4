//! Attribution and margin, against a second model that shares no arithmetic with them.

#![expect(clippy::unwrap_used, reason = "a model that cannot go on is a failed test")]

mod model;
mod owners;

use ledger_core::money::Money;
use ledger_core::report::{
    Attributed, Cell, Figures, LeakFacts, Leaks, Margin, MarginFacts, ReportError, attribute,
    leaks, margin,
};
use ledger_core::testing;
use ledger_core::testing::costs::Books;
use model::{Row, Tables, big, model};
use owners::owners;
use proptest::prelude::*;

fn attributed(books: &Books) -> Result<Vec<Attributed>, ReportError> {
    let Books { lines, by_hand, products, resources, projects, .. } = books;
    attribute(lines, by_hand, products, resources, projects)
}

fn margin_of(books: &Books, costs: &[Attributed]) -> Result<Margin, ReportError> {
    margin(&MarginFacts {
        period: books.period,
        reporting: books.reporting,
        rates: &books.rates(),
        internal: &books.internal,
        earned: &books.earned,
        costs,
        recoverable: &books.recoverable,
        products: &books.products,
    })
}

fn leaks_of(books: &Books, costs: &[Attributed]) -> Result<Leaks, ReportError> {
    leaks(&LeakFacts {
        period: books.period,
        until: books.period.ends_at(),
        reporting: books.reporting,
        rates: &books.rates(),
        products: &books.products,
        internal: &books.internal,
        resources: &books.resources,
        projects: &books.projects,
        costs,
        earned: &books.earned,
        metered: &books.metered,
    })
}

fn row(name: String, it: &Figures) -> Row {
    row_of(name, &it.revenue, &it.cogs, Some(&it.margin), it.percent.map(big))
}

fn row_of(
    name: String,
    revenue: &Cell,
    cogs: &Cell,
    margin: Option<&Cell>,
    percent: Option<model::Big>,
) -> Row {
    let cell = |it: &Cell| it.amount().map(|it| big(it.amount()));
    (name, cell(revenue), cell(cogs), margin.and_then(cell), percent)
}

fn tables(it: &Margin) -> Tables {
    let mut tenants =
        it.tenants.iter().map(|it| row(it.tenant.to_string(), &it.figures)).collect::<Vec<_>>();
    for (name, figures) in [
        ("(unattributed)", &it.unattributed),
        ("(customers)", &it.customers),
        ("(internal)", &it.internal),
        ("(overall)", &it.overall),
    ] {
        tenants.push(row(name.to_owned(), figures));
    }
    let name = |it: &ledger_core::report::DeploymentRow| match (&it.deployment, &it.tenant) {
        (Some(id), _) => id.to_string(),
        (None, Some(tenant)) => format!("{tenant}.-"),
        (None, None) => "(nobody)".to_owned(),
    };
    let deployments = it.deployments.iter().map(|it| row(name(it), &it.figures)).collect();
    let kinds = it.kinds.iter().map(|it| {
        let name = it.kind.as_ref().map_or("(none)".to_owned(), ToString::to_string);
        row_of(name, &it.revenue, &it.cogs, it.margin.as_ref(), it.percent.map(big))
    });
    Tables { tenants, deployments, kinds: kinds.collect() }
}

/// Shown cells of a table add up to the shown whole, where all of them are shown.
fn adds_up(rows: &[&Cell], whole: &Cell) -> bool {
    let Cell::Shown(whole) = whole else { return rows.iter().any(|it| it.amount().is_none()) };
    let shown = rows.iter().filter_map(|it| it.amount());
    rows.iter().all(|it| it.amount().is_some()) && Money::sum(whole.currency(), shown) == Ok(*whole)
}

proptest! {
    #![proptest_config(testing::cases(10_000))]

    /// Each line is somebody's or visibly nobody's, once, to the last digit, as the second model
    /// says that walks through it by half days.
    #[test]
    fn every_line_is_whole_and_whose_the_second_model_says(books in testing::costs::books()) {
        let attributed = attributed(&books).unwrap();
        prop_assert_eq!(attributed.len(), books.lines.len());
        for it in &attributed {
            let line = books.lines.iter().find(|line| line.id == it.id).unwrap();
            let parts = it.parts.iter().map(|it| it.amount);
            prop_assert_eq!(Money::sum(it.amount.currency(), parts), Ok(line.line.amount));
            let told = it.parts.iter().map(|it| {
                let owner = match &it.owner {
                    ledger_core::report::Owner::Deployment(it) => it.to_string(),
                    ledger_core::report::Owner::Tenant(it) => it.to_string(),
                    ledger_core::report::Owner::Nobody(_) => "-".to_owned(),
                };
                (owner, big(it.amount.amount()))
            });
            prop_assert_eq!(told.collect::<Vec<_>>(), owners(&books, line));
        }
    }

    /// Every cell of every table is what the second model says, and the tables add up.
    #[test]
    fn every_cell_is_what_the_second_model_says(books in testing::costs::books()) {
        let it = margin_of(&books, &attributed(&books).unwrap()).unwrap();
        prop_assert_eq!(tables(&it), model(&books));
        for column in [|it: &Figures| it.revenue.clone(), |it: &Figures| it.cogs.clone()] {
            let whole = column(&it.overall);
            let mut tenants = it.tenants.iter().map(|it| column(&it.figures)).collect::<Vec<_>>();
            tenants.push(column(&it.unattributed));
            let deployments = it.deployments.iter().map(|it| column(&it.figures));
            for rows in [tenants, deployments.collect()] {
                prop_assert!(adds_up(&rows.iter().collect::<Vec<_>>(), &whole));
            }
        }
        let of_kinds = it.kinds.iter().map(|it| &it.revenue).collect::<Vec<_>>();
        prop_assert!(adds_up(&of_kinds, &it.overall.revenue));
        let of_kinds = it.kinds.iter().map(|it| &it.cogs).collect::<Vec<_>>();
        prop_assert!(adds_up(&of_kinds, &it.overall.cogs));
    }

    /// The order in which things are handed over is no matter.
    #[test]
    fn order_changes_nothing(books in testing::costs::running_books(), turn in 0_usize..7) {
        let mut turned = books.clone();
        let by = |length: usize| turn.checked_rem(length).unwrap_or(0);
        turned.lines.reverse();
        turned.by_hand.reverse();
        turned.resources.rotate_left(by(books.resources.len()));
        turned.projects.reverse();
        turned.earned.rotate_left(by(books.earned.len()));
        let (one, other) = (attributed(&books).unwrap(), attributed(&turned).unwrap());
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(margin_of(&books, &one), margin_of(&turned, &other));
        prop_assert_eq!(leaks_of(&books, &one), leaks_of(&turned, &other));
    }

    /// Leaks add up by class, and none is worth more than the lines it is taken from.
    #[test]
    fn leaks_add_up(books in testing::costs::running_books()) {
        let costs = attributed(&books).unwrap();
        let leaks = leaks_of(&books, &costs).unwrap();
        for it in &leaks.classes {
            let known = it.leaks.iter().filter_map(|it| it.money.as_ref()).collect::<Vec<_>>();
            prop_assert!(adds_up(&known, &it.total));
            prop_assert!(it.leaks.is_sorted_by(|left, right| left.subject < right.subject));
            prop_assert!(it.leaks.iter().all(|it| it.first.is_some()));
        }
    }

    /// Nothing that can be written down makes a report panic, and no line is cut or doubled.
    #[test]
    fn no_books_make_a_report_panic(books in testing::costs::hostile_books()) {
        if let Ok(costs) = attributed(&books) {
            prop_assert_eq!(costs.len(), books.lines.len());
            for it in &costs {
                let parts = it.parts.iter().map(|it| it.amount);
                prop_assert_eq!(Money::sum(it.amount.currency(), parts), Ok(it.amount));
            }
            let _margin = margin_of(&books, &costs);
            let _leaks = leaks_of(&books, &costs);
        }
    }
}
