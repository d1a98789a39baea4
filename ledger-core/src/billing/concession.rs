//! Money that an operator gives back on an invoice, tax included.
//!
//! It lowers no price: what a period comes to stays what it was, so no adjustment takes it back.
//! Its tax is the part of the amount that the invoice's own tax is of its gross, by the rate.

use super::BasisError;
use super::books::{Books, Composed};
use super::issued::{InvoiceFold, IssuedDocument};
use crate::event::invoice::{Line, LineKind, Totals};
use crate::id::InvoiceNumber;
use crate::money::{ExactError, Money, Quantity, Ratio};
use crate::price::{PriceError, Priced, Rule, Sources, Step, printed};
use crate::time::BillingPeriod;

/// The content of a credit note over an amount.
pub(super) fn compose(
    of: &IssuedDocument,
    fold: &InvoiceFold,
    amount: Money,
    books: &Books,
) -> Result<Composed, BasisError> {
    let from = Sources::one(fold.stream(), of.revision);
    let tax = tax_within(of, amount, &from).map_err(PriceError::from)?;
    let currency = amount.currency();
    let taken = tax.value.to_exact().ok_or(PriceError::Number(ExactError::Overflow))?;
    let taken = Money::new(taken, currency);
    let net = amount.checked_sub(taken).map_err(PriceError::from)?;
    // Where prices include the tax, so does what is given back.
    let is_line = of.document.lines.iter().any(Line::is_tax) && !taken.is_zero();
    let whole = Step::fact("given back", amount.amount(), from);
    let (first, mut lines) = match is_line {
        false => (whole, Vec::new()),
        true => {
            let net = Step::derive("without tax", Rule::Difference, vec![whole, tax.clone()]);
            let name = of.document.tax.as_ref().map(|it| format!("{} {}%", it.name, it.rate));
            let name = name.unwrap_or_else(|| "tax".to_owned());
            let line = line(fold.period(), LineKind::Tax, &name, tax, currency)?;
            (net.map_err(PriceError::from)?, vec![line])
        }
    };
    let name = credited(&of.document.number);
    lines.insert(0, line(fold.period(), LineKind::Discount, &name, first, currency)?);
    let totals = Totals { net: net.negated(), tax: taken.negated(), gross: amount.negated() };
    Composed::of(lines, totals, books)
}

fn credited(number: &InvoiceNumber) -> String {
    format!("Credit on {number}")
}

/// The tax within an amount that includes it, rounded once; none on an invoice without tax.
fn tax_within(of: &IssuedDocument, amount: Money, from: &Sources) -> Result<Step, ExactError> {
    let document = &of.document;
    let nothing = || Ok(Step::given("no tax", Ratio::ZERO));
    let Some(terms) = &document.tax else { return nothing() };
    if document.totals.tax.is_zero() {
        return nothing();
    }
    let rate = terms.rate.share();
    let within = rate.checked_div(Ratio::ONE.checked_add(rate)?)?;
    let whole = Step::fact("given back", amount.amount(), from.clone());
    let within = Step::fact("part of the price that is tax", within, from.clone());
    Step::derive("tax", Rule::Product, vec![whole, within])?
        .rounded(amount.currency().minor_unit(), terms.rounding)
}

fn line(
    period: BillingPeriod,
    kind: LineKind,
    name: &str,
    of: Step,
    currency: crate::money::Currency,
) -> Result<Priced, PriceError> {
    let zero = Step::given("zero", Ratio::ZERO);
    let explain = Step::derive("as a deduction", Rule::Difference, vec![zero, of])?;
    let amount = explain.value.to_exact().ok_or(ExactError::Overflow)?;
    let line = Line {
        kind,
        resource_kind: None,
        description: printed(name),
        quantity: Quantity::whole(1),
        unit: None,
        unit_price: None,
        amount: Money::new(amount, currency),
        deployment: None,
        starts_on: period.first_day(),
        ends_on: period.end_day(),
        adjusts: None,
        original: None,
        taxable: kind != LineKind::Tax,
        settled: false,
        provenance: explain.sources().into(),
    };
    Ok(Priced { line, explain })
}
