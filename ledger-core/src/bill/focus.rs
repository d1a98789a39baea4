//! FOCUS 1.0 to 1.2, the FinOps Open Cost and Usage Specification, as vendors write it.
//!
//! `BilledCost` is booked, by its sign; `EffectiveCost` is amortised and is never mixed with it.
//! The specification asks more of a file than the ledger does: what is not read may be left out or
//! be irregular, what is read may not. Tags are not read, for they name people.

use std::collections::BTreeMap;

use super::field::{self, Field, interval, prose};
use super::finding::{Findings, Problem, shown};
use super::number::{Decimals, Exponents, Spelling, is_dollar};
use super::table::{Column, Row, Table, optional, required};
use super::{Draft, Format, Notice, RowNotice, times};
use crate::event::provider::{BillLine, LineClass};
use crate::id::Label;
use crate::money::{Currency, Exact, Money};
use crate::time::{Day, Timestamp};

const BILLED_COST: &str = "BilledCost";
const BILLING_CURRENCY: &str = "BillingCurrency";
const BILLING_PERIOD_START: &str = "BillingPeriodStart";
const BILLING_PERIOD_END: &str = "BillingPeriodEnd";
const CHARGE_CATEGORY: &str = "ChargeCategory";
const CHARGE_DESCRIPTION: &str = "ChargeDescription";
const CHARGE_PERIOD_START: &str = "ChargePeriodStart";
const CHARGE_PERIOD_END: &str = "ChargePeriodEnd";
const CONSUMED_QUANTITY: &str = "ConsumedQuantity";
const CONSUMED_UNIT: &str = "ConsumedUnit";
const INVOICE_ID: &str = "InvoiceId";
const PRICING_QUANTITY: &str = "PricingQuantity";
const PRICING_UNIT: &str = "PricingUnit";
const RESOURCE_ID: &str = "ResourceId";
const SERVICE_CATEGORY: &str = "ServiceCategory";
const SERVICE_NAME: &str = "ServiceName";
const SUB_ACCOUNT_ID: &str = "SubAccountId";

/// The columns that are read.
pub(super) const COLUMNS: [Column; 17] = [
    required(BILLED_COST),
    required(BILLING_CURRENCY),
    required(BILLING_PERIOD_START),
    required(BILLING_PERIOD_END),
    required(CHARGE_CATEGORY),
    required(CHARGE_PERIOD_START),
    required(CHARGE_PERIOD_END),
    required(SERVICE_NAME),
    optional(CHARGE_DESCRIPTION),
    optional(CONSUMED_QUANTITY),
    optional(CONSUMED_UNIT),
    optional(INVOICE_ID),
    optional(PRICING_QUANTITY),
    optional(PRICING_UNIT),
    optional(RESOURCE_ID),
    optional(SERVICE_CATEGORY),
    optional(SUB_ACCOUNT_ID),
];

pub(super) const IN_1_0: &str = "\
AvailabilityZone BilledCost BillingAccountId BillingAccountName BillingCurrency \
BillingPeriodEnd BillingPeriodStart ChargeCategory ChargeClass ChargeDescription \
ChargeFrequency ChargePeriodEnd ChargePeriodStart CommitmentDiscountCategory \
CommitmentDiscountId CommitmentDiscountName CommitmentDiscountStatus CommitmentDiscountType \
ConsumedQuantity ConsumedUnit ContractedCost ContractedUnitPrice EffectiveCost \
InvoiceIssuerName ListCost ListUnitPrice PricingCategory PricingQuantity PricingUnit \
ProviderName PublisherName RegionId RegionName ResourceId ResourceName ResourceType \
ServiceCategory ServiceName SkuId SkuPriceId SubAccountId SubAccountName Tags";
pub(super) const SINCE_1_1: &str = "\
CapacityReservationId CapacityReservationStatus CommitmentDiscountQuantity CommitmentDiscountUnit \
ServiceSubcategory SkuMeter SkuPriceDetails";
pub(super) const SINCE_1_2: &str = "\
BillingAccountType InvoiceId PricingCurrency PricingCurrencyContractedUnitPrice \
PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice SubAccountType";
/// Of version 1.3, which drops columns that the ones before it have.
const SINCE_1_3: &str = "\
AllocatedMethodDetails AllocatedMethodId AllocatedResourceId AllocatedResourceName AllocatedTags \
ContractApplied HostProviderName ServiceProviderName";
/// Of the data sets that later versions deliver beside the costs.
const OF_OTHER_SETS: &str = "BillingPeriodStatus ContractCommitmentId InvoiceDetailId";

const AMOUNT: &str = "an amount of the billing currency";
const CATEGORIES: &str = "Usage, Purchase, Tax, Credit, Adjustment";
const QUANTITY: &str = "a quantity";
const TIME: &str = "a time such as 2026-04-01T00:00:00Z";

pub(super) const NUMBER: Spelling = Spelling {
    is_dollar: false,
    is_grouped: true,
    is_padded: true,
    exponents: Exponents::WithoutPlus,
    decimals: Decimals::Any,
};

pub(super) fn holds(list: &str, names: &[String]) -> bool {
    names.iter().any(|name| list.split(' ').any(|it| it.eq_ignore_ascii_case(name)))
}

/// What a header says about the version.
pub(super) enum Version {
    /// One that is read.
    Read(Format),
    /// A later one.
    Later,
    /// A data set beside the costs.
    OtherSet,
}

/// Columns that no other format has.
const DISTINCTIVE: &str = "\
BilledCost BillingPeriodEnd BillingPeriodStart ChargeCategory ChargePeriodEnd ChargePeriodStart \
ContractedCost EffectiveCost InvoiceIssuerName ListCost";

/// The version: which of its columns are there. None where the file is of another sort.
pub(super) fn version(names: &[String]) -> Option<Version> {
    let is_charges = holds(CHARGE_CATEGORY, names) || holds(CHARGE_PERIOD_START, names);
    if holds(OF_OTHER_SETS, names) && !is_charges {
        return Some(Version::OtherSet);
    }
    if names.iter().filter(|it| holds(DISTINCTIVE, std::slice::from_ref(it))).count() < 3 {
        return None;
    }
    Some(if holds(SINCE_1_3, names) {
        Version::Later
    } else if holds(SINCE_1_2, names) {
        Version::Read(Format::Focus12)
    } else if holds(SINCE_1_1, names) {
        Version::Read(Format::Focus11)
    } else {
        Version::Read(Format::Focus10)
    })
}

pub(super) fn table(bytes: &[u8]) -> Draft {
    let mut draft = Draft::default();
    let mut table = Table::new(bytes, &COLUMNS, &mut draft.findings);
    for name in table.names() {
        let is_own = name.get(..2).is_some_and(|it| it.eq_ignore_ascii_case("x_"));
        let lists = [IN_1_0, SINCE_1_1, SINCE_1_2];
        if !is_own && !lists.iter().any(|it| holds(it, std::slice::from_ref(name))) {
            draft.notices.push(Notice::UnknownColumn { name: shown(name) });
        }
    }
    let mut currencies = BTreeMap::new();
    while let Some(row) = table.next(&mut draft.findings) {
        take(&mut draft, &row, &mut currencies);
    }
    draft
}

/// What stands in a column, where it is not one of the ways to write nothing.
fn value<'r>(row: &'r Row<'_, '_>, column: &'static str) -> Option<Field<'r>> {
    row.cell(column).map(|(it, _)| it).filter(|it| !matches!(&*it.text, "" | "NULL" | "null"))
}

fn mandatory<'r>(
    row: &'r Row<'_, '_>,
    column: &'static str,
    expected: &'static str,
    findings: &mut Findings,
) -> Option<Field<'r>> {
    value(row, column).or_else(|| {
        let (field, _) = row.cell(column)?;
        field.refuse(findings, Problem::Empty { expected })
    })
}

/// The three spellings seen; one without a zone is UTC.
fn time(text: &str) -> Option<Timestamp> {
    let slashed = || times::slashed(text, 2).map(Day::starts_at);
    times::rfc3339(text).or_else(|| times::spaced(text)).or_else(slashed)
}

fn take(draft: &mut Draft, row: &Row<'_, '_>, currencies: &mut BTreeMap<String, Currency>) {
    let is_null = |column: &&Column| {
        let cell = row.cell(column.name);
        cell.is_some_and(|(it, is_quoted)| is_quoted && matches!(&*it.text, "NULL" | "null"))
    };
    for _ in COLUMNS.iter().filter(is_null) {
        draft.notice(RowNotice::QuotedNull, row.number);
    }
    check_invoice(row, currencies, &mut draft.findings);
    let Some(line) = line(row, &mut draft.findings) else { return };
    let adds = !line.amount.is_negative() && !line.amount.is_zero();
    if line.class == LineClass::Credit && adds {
        draft.notice(RowNotice::PositiveCredit, row.number);
    }
    if line.resource.is_none() && value(row, RESOURCE_ID).is_some() {
        draft.notice(RowNotice::ResourceTooLong, row.number);
    }
    draft.lines.push(line);
}

/// An invoice has one currency.
fn check_invoice(
    row: &Row<'_, '_>,
    currencies: &mut BTreeMap<String, Currency>,
    findings: &mut Findings,
) {
    let (Some(invoice), Some(field)) = (value(row, INVOICE_ID), value(row, BILLING_CURRENCY))
    else {
        return;
    };
    let Ok(found) = Currency::new(&field.text) else { return };
    let expected = *currencies.entry(invoice.text.into_owned()).or_insert(found);
    if expected != found {
        findings.add(|| field.place(), Problem::ForeignCurrency { expected, found });
    }
}

fn line(row: &Row<'_, '_>, findings: &mut Findings) -> Option<BillLine> {
    let before = findings.count();
    let class = mandatory(row, CHARGE_CATEGORY, CATEGORIES, findings);
    let class = class.and_then(|it| self::class(&it, findings));
    let amount = amount(row, findings);
    period(row, BILLING_PERIOD_START, BILLING_PERIOD_END, findings);
    let interval = period(row, CHARGE_PERIOD_START, CHARGE_PERIOD_END, findings);
    let (quantity, unit) = quantity(row, findings);
    let product = product(row, findings);
    let category = value(row, SERVICE_CATEGORY).and_then(|it| it.label(findings));
    let project = value(row, SUB_ACCOUNT_ID).and_then(|it| it.label(findings));
    let description = prose(value(row, CHARGE_DESCRIPTION), findings);
    let resource = field::resource(value(row, RESOURCE_ID), findings);
    if findings.count() > before {
        return None;
    }
    let (starts_at, ends_at) = interval?;
    Some(BillLine {
        row: row.number,
        product: product?,
        group: None,
        description: description?,
        category,
        class: class?,
        quantity,
        unit: unit.and_then(|it| it.unit()).filter(|_| quantity.is_some()),
        starts_at,
        ends_at,
        amount: amount?,
        project,
        resource,
    })
}

fn amount(row: &Row<'_, '_>, findings: &mut Findings) -> Option<Money> {
    let currency = mandatory(row, BILLING_CURRENCY, "a currency", findings);
    let currency = currency.and_then(|it| it.currency(findings));
    let spelling = Spelling { is_dollar: currency.is_none_or(is_dollar), ..NUMBER };
    let cost = mandatory(row, BILLED_COST, AMOUNT, findings);
    let cost = cost.and_then(|it| it.number(spelling, AMOUNT, findings));
    Some(Money::new(cost?, currency?))
}

fn class(category: &Field<'_>, findings: &mut Findings) -> Option<LineClass> {
    let word = category.text.to_ascii_lowercase();
    match word.as_str() {
        "usage" | "purchase" | "adjustment" => Some(LineClass::Charge),
        "tax" => Some(LineClass::Tax),
        "credit" => Some(LineClass::Credit),
        _ => {
            let found = shown(&category.text);
            category.refuse(findings, Problem::Word { found, expected: CATEGORIES })
        }
    }
}

fn period(
    row: &Row<'_, '_>,
    start: &'static str,
    end: &'static str,
    findings: &mut Findings,
) -> Option<(Timestamp, Timestamp)> {
    let start = mandatory(row, start, TIME, findings);
    let starts_at = start.and_then(|it| it.time(time, TIME, findings));
    let end = mandatory(row, end, TIME, findings);
    let ends_at = end.as_ref().and_then(|it| it.time(time, TIME, findings));
    interval(starts_at, ends_at, end.as_ref(), findings)
}

/// What was consumed, else what was priced.
fn quantity<'r>(
    row: &'r Row<'_, '_>,
    findings: &mut Findings,
) -> (Option<Exact>, Option<Field<'r>>) {
    let consumed = value(row, CONSUMED_QUANTITY).map(|it| (it, CONSUMED_UNIT));
    let found = consumed.or_else(|| value(row, PRICING_QUANTITY).map(|it| (it, PRICING_UNIT)));
    match found {
        Some((it, unit)) => (it.number(NUMBER, QUANTITY, findings), value(row, unit)),
        None => (None, None),
    }
}

/// The service. The specification's own examples have purchases without one; those are called by
/// their category.
fn product(row: &Row<'_, '_>, findings: &mut Findings) -> Option<Label> {
    let service = value(row, SERVICE_NAME).or_else(|| value(row, SERVICE_CATEGORY));
    service.or_else(|| value(row, CHARGE_CATEGORY))?.label(findings)
}
