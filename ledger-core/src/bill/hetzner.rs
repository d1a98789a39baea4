//! Hetzner: an invoice without a header, of 9 columns or, until 2020, of 8 without the group.
//!
//! In euros, net of tax, which stands on the paper invoice only. Days are inclusive. Spreadsheets
//! that saved such a file again have mangled quantities and prices (`4.0000000000` became
//! `40.000.000.000`); the total of the line survives, so it is kept and the quantity is left out.

use std::borrow::Cow;

use super::csv::{Cell, Reader, Record};
use super::field::{Field, Spot, interval};
use super::finding::{Findings, Place, Problem};
use super::number::Spelling;
use super::table::ROWS_MAX;
use super::{Draft, RowNotice};
use crate::event::provider::{BillLine, LineClass};
use crate::id::{Label, ProviderRef};
use crate::money::{Currency, Exact, Money, Ratio, Rounding};
use crate::time::{Day, Timestamp};

/// The columns, the group left out where there are 8.
const NAMES: [&str; 9] = [
    "group",
    "type",
    "description",
    "start",
    "end",
    "quantity",
    "unit price",
    "net total",
    "server",
];
const DAY: &str = "a day such as 2026-04-01";
const TOTAL: &str = "an amount in euros";

/// Whether a record looks like a row: so many columns, with days where they belong.
pub(super) fn is_row(cells: &[&str]) -> bool {
    let Some(shift) = NAMES.len().checked_sub(cells.len()).filter(|it| *it <= 1) else {
        return false;
    };
    let is_day =
        |place: usize| cells.get(place - shift).is_some_and(|it| it.parse::<Day>().is_ok());
    is_day(3) && is_day(4)
}

pub(super) fn table(bytes: &[u8]) -> Draft {
    let mut draft = Draft::default();
    let (mut reader, mut width, mut row) = (Reader::new(bytes), None, 0);
    while let Some(record) = reader.next(&mut draft.findings) {
        let place = || Place::Line { line: record.line, byte: record.byte };
        if row == ROWS_MAX {
            draft.findings.add(place, Problem::TooManyRows { rows_max: ROWS_MAX });
            break;
        }
        row += 1;
        if !record.is_sound {
            continue;
        }
        let found = record.cells.len();
        let expected = *width.get_or_insert(if found == 8 { 8 } else { 9 });
        if found == expected {
            take(&mut draft, &Row { number: row, record, shift: NAMES.len() - expected });
        } else {
            draft.findings.add(place, Problem::Width { found, expected });
        }
    }
    draft
}

struct Row<'a> {
    number: u32,
    record: Record<'a>,
    /// How many of the columns are left out at the beginning.
    shift: usize,
}

impl Row<'_> {
    /// What stands in a column, where anything does.
    fn field(&self, name: &'static str) -> Option<Field<'_>> {
        let index = NAMES.iter().position(|it| *it == name)?.checked_sub(self.shift)?;
        let Cell { text, line, byte, .. } = self.record.cells.get(index)?;
        let spot = Spot::Cell { line: *line, column: index + 1, name: Some(name), byte: *byte };
        Some(Field { text: Cow::Borrowed(text.as_ref()), spot })
    }

    fn optional(&self, name: &'static str) -> Option<Field<'_>> {
        self.field(name).filter(|it| !it.text.is_empty())
    }

    fn required(
        &self,
        name: &'static str,
        expected: &'static str,
        findings: &mut Findings,
    ) -> Option<Field<'_>> {
        let field = self.field(name)?;
        if field.text.is_empty() {
            return field.refuse(findings, Problem::Empty { expected });
        }
        Some(field)
    }

    /// What was billed and at which price, where a spreadsheet did not mangle it.
    fn quantity(&self) -> Option<(Exact, Exact)> {
        let read = |name| Spelling::PLAIN.read(&self.field(name)?.text).ok();
        Some((read("quantity")?, read("unit price")?))
    }
}

fn take(draft: &mut Draft, row: &Row<'_>) {
    let Some(mut line) = line(row, &mut draft.findings) else { return };
    let decimals = row.field("net total").map_or(0, |it| decimals(&it.text));
    match row.quantity() {
        None => draft.notice(RowNotice::QuantityUnreadable, row.number),
        Some((quantity, price)) if makes(quantity, price, line.amount.amount(), decimals) => {
            line.quantity = Some(quantity);
        }
        Some(_) => draft.notice(RowNotice::QuantityContradicts, row.number),
    }
    draft.lines.push(line);
}

fn decimals(total: &str) -> u8 {
    let places = total.split_once('.').map_or(0, |(_, rest)| rest.len());
    u8::try_from(places).unwrap_or(u8::MAX)
}

/// Whether quantity times price is the total, rounded half up to the decimals the total has.
fn makes(quantity: Exact, price: Exact, total: Exact, decimals: u8) -> bool {
    let product = Ratio::from(quantity).checked_mul(Ratio::from(price));
    let rounded = product.and_then(|it| it.round(decimals, Rounding::HalfAwayFromZero));
    rounded.is_ok_and(|it| it == total)
}

fn line(row: &Row<'_>, findings: &mut Findings) -> Option<BillLine> {
    let before = findings.count();
    let product = row.required("type", "a type", findings).and_then(|it| it.label(findings));
    let group = row.optional("group").and_then(|it| it.label(findings));
    let description = row.field("description").and_then(|it| it.prose(findings));
    let starts_at = row.required("start", DAY, findings);
    let starts_at = starts_at.and_then(|it| it.time(first_instant, DAY, findings));
    let end = row.required("end", DAY, findings);
    let ends_at = end.as_ref().and_then(|it| it.time(instant_after, DAY, findings));
    let total = row.required("net total", TOTAL, findings);
    let total = total.and_then(|it| it.number(Spelling::PLAIN, TOTAL, findings));
    let server = row.optional("server").and_then(|it| it.resource(findings));
    let interval = interval(starts_at, ends_at, end.as_ref(), findings);
    if findings.count() > before {
        return None;
    }
    let ((starts_at, ends_at), description) = (interval?, description?);
    let amount = Money::new(total?, Currency::EUR);
    Some(BillLine {
        row: row.number,
        product: product?,
        project: group.as_ref().and_then(cloud_project),
        group,
        class: if amount.is_negative() { LineClass::Credit } else { LineClass::Charge },
        category: None,
        quantity: None,
        unit: None,
        starts_at,
        ends_at,
        amount,
        resource: server.or_else(|| leading_id(description.as_str())),
        description,
    })
}

fn first_instant(text: &str) -> Option<Timestamp> {
    Some(text.parse::<Day>().ok()?.starts_at())
}

fn instant_after(text: &str) -> Option<Timestamp> {
    text.parse::<Day>().ok()?.ends_at()
}

/// The name in `Cloud-Projekt "NAME" (01.01.2022 - 31.01.2022)`.
fn cloud_project(group: &Label) -> Option<Label> {
    let rest = group.as_str().strip_prefix("Cloud")?;
    let (_, rest) = rest.split_once('"')?;
    let (name, _) = rest.rsplit_once('"')?;
    Label::new(name).ok()
}

/// The number in `#11716506 "web-1"`, with which a description of a cloud server begins.
fn leading_id(description: &str) -> Option<ProviderRef> {
    let rest = description.strip_prefix('#')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    ProviderRef::new(rest.get(..digits)?).ok()
}
