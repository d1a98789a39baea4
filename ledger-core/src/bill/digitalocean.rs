//! DigitalOcean: the invoice as CSV, and its items as JSON. All of it in US dollars.
//!
//! Tax is known by its product, credit by its sign. The CSV always has two decimals; a file cut
//! within an amount is thereby known.

use super::field::{Field, interval, prose};
use super::finding::{Findings, Problem, shown};
use super::json::Item;
use super::number::{Decimals, NumberError, Spelling};
use super::table::{Column, Row, Table, optional, required};
use super::{Draft, Notice, times};
use crate::event::provider::{BillLine, LineClass};
use crate::money::{Currency, Exact, Money};
use crate::time::Timestamp;

const CATEGORY: &str = "category";
const DESCRIPTION: &str = "description";
const END: &str = "end";
const GROUP: &str = "group_description";
const HOURS: &str = "hours";
const PRODUCT: &str = "product";
const PROJECT: &str = "project_name";
const START: &str = "start";
const USD: &str = "USD";

/// The columns of an invoice; the last came later.
pub(super) const COLUMNS: [Column; 9] = [
    required(PRODUCT),
    required(GROUP),
    required(DESCRIPTION),
    required(HOURS),
    required(START),
    required(END),
    required(USD),
    required(PROJECT),
    optional(CATEGORY),
];

const AMOUNT: &str = "a dollar amount with two decimals";
const AMOUNT_IN_JSON: &str = "an amount in dollars";
const QUANTITY: &str = "a number of hours";
const TIME: &str = "a time such as 2026-04-01 00:00:00 +0000";
const TIME_IN_JSON: &str = "an RFC 3339 time";

const IN_CSV: Spelling = Spelling {
    is_dollar: true,
    is_grouped: true,
    decimals: Decimals::Exactly(2),
    ..Spelling::PLAIN
};
const IN_JSON: Spelling = Spelling { decimals: Decimals::AtMost(2), ..Spelling::PLAIN };

pub(super) fn table(bytes: &[u8]) -> Draft {
    let mut draft = Draft::default();
    let mut table = Table::new(bytes, &COLUMNS, &mut draft.findings);
    let is_known = |it: &str| COLUMNS.iter().any(|column| column.name.eq_ignore_ascii_case(it));
    for name in table.names().iter().filter(|it| !is_known(it)) {
        draft.notices.push(Notice::UnknownColumn { name: shown(name) });
    }
    while let Some(row) = table.next(&mut draft.findings) {
        draft.lines.extend(line(&row, &mut draft.findings));
    }
    draft
}

/// What both forms of a line have; a field that may be left out stays a field.
struct Parts<'a> {
    row: u32,
    product: Option<Field<'a>>,
    group: Option<Field<'a>>,
    description: Option<Field<'a>>,
    category: Option<Field<'a>>,
    project: Option<Field<'a>>,
    resource: Option<Field<'a>>,
    quantity: Option<Exact>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    end: Option<Field<'a>>,
    amount: Option<Exact>,
}

fn line(row: &Row<'_, '_>, findings: &mut Findings) -> Option<BillLine> {
    let start = row.required(START, TIME, findings);
    let end = row.required(END, TIME, findings);
    let closed = |it: &str| times::with_offset(it).and_then(times::after_last_second_of_month);
    let amount = row.required(USD, AMOUNT, findings);
    let parts = Parts {
        row: row.number,
        product: row.required(PRODUCT, "a product", findings),
        group: row.optional(GROUP),
        description: row.optional(DESCRIPTION),
        category: row.optional(CATEGORY),
        project: row.optional(PROJECT),
        resource: None,
        quantity: row.optional(HOURS).and_then(|it| hours(&it, findings)),
        starts_at: start.and_then(|it| it.time(times::with_offset, TIME, findings)),
        ends_at: end.as_ref().and_then(|it| it.time(closed, TIME, findings)),
        end,
        amount: amount.and_then(|it| it.number(IN_CSV, AMOUNT, findings)),
    };
    parts.line(findings)
}

/// How long something ran, which is never less than nothing: an amount may be given back, time not.
fn hours(field: &Field<'_>, findings: &mut Findings) -> Option<Exact> {
    let hours = field.number(Spelling::PLAIN, QUANTITY, findings)?;
    if hours.is_negative() {
        let (found, problem) = (shown(&field.text), NumberError::Negative);
        return field.refuse(findings, Problem::Number { found, expected: QUANTITY, problem });
    }
    Some(hours)
}

/// An item of the JSON form.
pub(super) fn item(row: u32, item: &Item<'_>, findings: &mut Findings) -> Option<BillLine> {
    let start = item.required("start_time", findings);
    let end = item.required("end_time", findings);
    let closed = |it: &str| times::rfc3339(it).and_then(times::after_last_second_of_month);
    let amount = item.required("amount", findings);
    let duration = item.optional("duration", findings);
    let unit = item.optional("duration_unit", findings);
    let is_hours = unit.as_ref().is_none_or(|it| it.text.eq_ignore_ascii_case("hours"));
    let id = item.optional("resource_id", findings);
    let uuid = item.optional("resource_uuid", findings);
    let parts = Parts {
        row,
        product: item.required(PRODUCT, findings),
        group: item.optional(GROUP, findings),
        description: item.optional(DESCRIPTION, findings),
        category: item.optional(CATEGORY, findings),
        project: item.optional(PROJECT, findings),
        resource: id.or(uuid),
        quantity: duration.and_then(|it| hours(&it, findings)).filter(|_| is_hours),
        starts_at: start.and_then(|it| it.time(times::rfc3339, TIME_IN_JSON, findings)),
        ends_at: end.as_ref().and_then(|it| it.time(closed, TIME_IN_JSON, findings)),
        end,
        amount: amount.and_then(|it| it.number(IN_JSON, AMOUNT_IN_JSON, findings)),
    };
    parts.line(findings)
}

impl Parts<'_> {
    fn line(self, findings: &mut Findings) -> Option<BillLine> {
        let before = findings.count();
        let product = self.product.and_then(|it| it.label(findings));
        let group = self.group.and_then(|it| it.label(findings));
        let description = prose(self.description, findings);
        let category = self.category.and_then(|it| it.label(findings));
        let project = self.project.and_then(|it| it.label(findings));
        let resource = self.resource.and_then(|it| it.resource(findings));
        let interval = interval(self.starts_at, self.ends_at, self.end.as_ref(), findings);
        if findings.count() > before {
            return None;
        }
        let ((starts_at, ends_at), amount, product) = (interval?, self.amount?, product?);
        let class = match product.as_str() {
            "Taxes" => LineClass::Tax,
            _ if amount.is_negative() => LineClass::Credit,
            _ => LineClass::Charge,
        };
        let unit = self.quantity.map(|_| "hour".parse().expect("an hour is a unit"));
        Some(BillLine {
            row: self.row,
            product,
            group,
            description: description?,
            category,
            class,
            quantity: self.quantity,
            unit,
            starts_at,
            ends_at,
            amount: Money::new(amount, Currency::USD),
            project,
            resource,
        })
    }
}
