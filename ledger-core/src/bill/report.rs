//! Cost reports that differ in little but the names of their columns: the legacy Cost and Usage
//! Report of AWS, the cost export of an Azure enterprise agreement, the cost report of Oracle.
//!
//! Most of their columns come and go from month to month; those read here do not. Tags, owners and
//! what else names people is not read.

use super::field::{self, interval, prose};
use super::finding::Findings;
use super::number::{Exponents, Spelling};
use super::table::{Column, Row, Table, optional, required};
use super::{Draft, Notice, RowNotice, times};
use crate::event::provider::{BillLine, LineClass};
use crate::money::Money;
use crate::time::{Day, Timestamp};

/// Where a report keeps what, and how it writes times.
pub(super) struct Layout {
    /// Empty until the month closes.
    invoice: Option<Column>,
    item_type: Option<Column>,
    product: Column,
    description: Column,
    project: Column,
    resource: Column,
    start: Column,
    end: Column,
    currency: Column,
    cost: Column,
    quantity: Column,
    unit: Column,
    read_start: fn(&str) -> Option<Timestamp>,
    read_end: fn(&str) -> Option<Timestamp>,
    time: &'static str,
}

/// AWS: the end is exclusive, the invoice's number is empty while the month is open.
pub(super) const AWS: Layout = Layout {
    invoice: Some(required("bill/InvoiceId")),
    item_type: Some(required("lineItem/LineItemType")),
    product: required("lineItem/ProductCode"),
    description: optional("lineItem/LineItemDescription"),
    project: required("lineItem/UsageAccountId"),
    resource: optional("lineItem/ResourceId"),
    start: required("lineItem/UsageStartDate"),
    end: required("lineItem/UsageEndDate"),
    currency: required("lineItem/CurrencyCode"),
    cost: required("lineItem/UnblendedCost"),
    quantity: optional("lineItem/UsageAmount"),
    unit: optional("pricing/unit"),
    read_start: times::rfc3339,
    read_end: times::rfc3339,
    time: "a time such as 2026-04-01T00:00:00Z",
};

/// Azure: a line is of one day, which is the first and the last of it.
pub(super) const AZURE: Layout = Layout {
    invoice: None,
    item_type: Some(required("ChargeType")),
    product: required("MeterCategory"),
    description: optional("ProductName"),
    project: required("SubscriptionId"),
    resource: optional("ResourceId"),
    start: required("Date"),
    end: required("Date"),
    currency: required("BillingCurrencyCode"),
    cost: required("CostInBillingCurrency"),
    quantity: optional("Quantity"),
    unit: optional("UnitOfMeasure"),
    read_start: first_instant,
    read_end: instant_after,
    time: "a day such as 4/30/2026",
};

/// Oracle: the end is exclusive; starts have no seconds, ends have.
pub(super) const ORACLE: Layout = Layout {
    invoice: None,
    item_type: None,
    product: required("product/service"),
    description: optional("product/Description"),
    project: required("product/compartmentName"),
    resource: optional("product/resourceId"),
    start: required("lineItem/intervalUsageStart"),
    end: required("lineItem/intervalUsageEnd"),
    currency: required("cost/currencyCode"),
    cost: required("cost/myCost"),
    quantity: optional("usage/billedQuantity"),
    unit: optional("cost/skuUnitDescription"),
    read_start: times::to_the_minute,
    read_end: times::to_the_minute,
    time: "a time such as 2026-04-01T00:00Z",
};

fn first_instant(text: &str) -> Option<Timestamp> {
    times::slashed(text, 4).map(Day::starts_at)
}

fn instant_after(text: &str) -> Option<Timestamp> {
    times::slashed(text, 4)?.ends_at()
}

const AMOUNT: &str = "an amount";
const NUMBER: Spelling = Spelling { exponents: Exponents::Any, ..Spelling::PLAIN };

impl Layout {
    /// The columns that are read.
    pub(super) fn columns(&self) -> Vec<Column> {
        let Self { invoice, item_type, product, description, project, resource, .. } = *self;
        let Self { start, end, currency, cost, quantity, unit, .. } = *self;
        let either = [invoice, item_type].into_iter().flatten();
        let always = [product, description, project, resource, start, end, currency, cost];
        let mut columns = either.chain(always).chain([quantity, unit]).collect::<Vec<_>>();
        // A day that is both the start and the end is one column.
        columns.dedup_by_key(|it| it.name);
        columns
    }

    pub(super) fn table(&self, bytes: &[u8]) -> Draft {
        let mut draft = Draft::default();
        let mut table = Table::new(bytes, &self.columns(), &mut draft.findings);
        let mut is_open = false;
        while let Some(row) = table.next(&mut draft.findings) {
            is_open |= self.invoice.is_some_and(|it| row.optional(it.name).is_none());
            let Some(line) = self.line(&row, &mut draft.findings) else { continue };
            if line.resource.is_none() && row.optional(self.resource.name).is_some() {
                draft.notice(RowNotice::ResourceTooLong, row.number);
            }
            draft.lines.push(line);
        }
        if is_open {
            draft.notices.push(Notice::MonthOpen);
        }
        draft
    }

    fn line(&self, row: &Row<'_, '_>, findings: &mut Findings) -> Option<BillLine> {
        let before = findings.count();
        let item_type = self.item_type.map(|it| row.required(it.name, "a type", findings));
        let item_type = item_type.flatten();
        let category = item_type.as_ref().and_then(|it| it.label(findings));
        // A rounding or a credit of a whole bill has no product and is called by its type.
        let product = row.optional(self.product.name).or_else(|| item_type.clone());
        let product = product.or_else(|| row.required(self.product.name, "a product", findings));
        let product = product.and_then(|it| it.label(findings));
        let project = row.optional(self.project.name).and_then(|it| it.label(findings));
        let description = prose(row.optional(self.description.name), findings);
        let interval = self.interval(row, findings);
        let amount = self.amount(row, findings);
        let quantity = row.optional(self.quantity.name);
        let quantity = quantity.and_then(|it| it.number(NUMBER, "a quantity", findings));
        let resource = field::resource(row.optional(self.resource.name), findings);
        if findings.count() > before {
            return None;
        }
        let (starts_at, ends_at) = interval?;
        let unit = row.optional(self.unit.name).and_then(|it| it.unit());
        Some(BillLine {
            row: row.number,
            product: product?,
            group: None,
            description: description?,
            category,
            class: item_type.map_or(LineClass::Charge, |it| class(&it.text)),
            quantity,
            unit: unit.filter(|_| quantity.is_some()),
            starts_at,
            ends_at,
            amount: amount?,
            project,
            resource,
        })
    }

    fn amount(&self, row: &Row<'_, '_>, findings: &mut Findings) -> Option<Money> {
        let currency = row.required(self.currency.name, "a currency", findings);
        let currency = currency.and_then(|it| it.currency(findings));
        let cost = row.required(self.cost.name, AMOUNT, findings);
        let cost = cost.and_then(|it| it.number(NUMBER, AMOUNT, findings));
        Some(Money::new(cost?, currency?))
    }

    fn interval(
        &self,
        row: &Row<'_, '_>,
        findings: &mut Findings,
    ) -> Option<(Timestamp, Timestamp)> {
        let start = row.required(self.start.name, self.time, findings);
        let starts_at = start.and_then(|it| it.time(self.read_start, self.time, findings));
        if starts_at.is_none() && self.start.name == self.end.name {
            // A day that is both is found wrong once.
            return None;
        }
        let end = row.required(self.end.name, self.time, findings);
        let ends_at = end.as_ref().and_then(|it| it.time(self.read_end, self.time, findings));
        interval(starts_at, ends_at, end.as_ref(), findings)
    }
}

/// An open set: what is neither tax nor money back is a charge, by its sign.
fn class(item_type: &str) -> LineClass {
    match item_type {
        "Tax" => LineClass::Tax,
        "Credit" | "Refund" => LineClass::Credit,
        _ => LineClass::Charge,
    }
}
