//! Vultr: the items of an invoice. In US dollars; `total` is the truth, `unit_price` is rounded.

use super::field::{interval, prose};
use super::finding::Findings;
use super::json::Item;
use super::number::{Exponents, Spelling};
use super::times;
use crate::event::provider::{BillLine, LineClass};
use crate::money::{Currency, Money};

const NUMBER: Spelling = Spelling { exponents: Exponents::Any, ..Spelling::PLAIN };
const TIME: &str = "an RFC 3339 time";

pub(super) fn item(row: u32, item: &Item<'_>, findings: &mut Findings) -> Option<BillLine> {
    let before = findings.count();
    let product = item.required("product", findings).and_then(|it| it.label(findings));
    let description = prose(item.optional("description", findings), findings);
    let units = item.optional("units", findings);
    let quantity = units.and_then(|it| it.number(NUMBER, "a number of units", findings));
    let unit = item.optional("unit_type", findings).and_then(|it| it.unit());
    let start = item.required("start_date", findings);
    let starts_at = start.and_then(|it| it.time(times::rfc3339, TIME, findings));
    let end = item.required("end_date", findings);
    let ends_at = end.as_ref().and_then(|it| it.time(times::rfc3339, TIME, findings));
    let total = item.required("total", findings);
    let total = total.and_then(|it| it.number(NUMBER, "an amount in dollars", findings));
    let interval = interval(starts_at, ends_at, end.as_ref(), findings);
    if findings.count() > before {
        return None;
    }
    let ((starts_at, ends_at), amount) = (interval?, Money::new(total?, Currency::USD));
    Some(BillLine {
        row,
        product: product?,
        group: None,
        description: description?,
        category: None,
        class: if amount.is_negative() { LineClass::Credit } else { LineClass::Charge },
        quantity,
        unit: unit.filter(|_| quantity.is_some()),
        starts_at,
        ends_at,
        amount,
        project: None,
        resource: None,
    })
}
