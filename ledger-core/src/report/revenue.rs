//! What was earned: the lines of documents that count, without tax, by the period each is for.

use super::ReportError;
use crate::billing::InvoiceFold;
use crate::catalog::canonical_kind;
use crate::event::invoice::{Document, Line, LineKind};
use crate::id::{DeploymentSlug, ResourceKind, TenantId};
use crate::money::{Money, Ratio, Rounding, round_parts};
use crate::price;
use crate::time::{BillingPeriod, Day};

/// A line of a document that counts, without the tax that it may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    /// Who is charged.
    pub tenant: TenantId,
    /// The deployment; none on lines of the whole document.
    pub deployment: Option<DeploymentSlug>,
    /// What was used, where the line is about usage.
    pub kind: Option<ResourceKind>,
    /// What sort of line it is, or corrects.
    pub line: LineKind,
    /// The period it is earned in: the one it corrects, else the one it is for.
    pub period: BillingPeriod,
    /// The first day it is for.
    pub starts_on: Day,
    /// The day after the last.
    pub ends_on: Day,
    /// What it comes to without tax.
    pub amount: Money,
}

/// The revenue of an invoice or a note that was not voided, given with all its lines.
///
/// Where prices include tax, the lines' net amounts sum to the document's: each taxable line less
/// its share, rounded to the whole by largest remainder.
pub fn earned(tenant: &TenantId, document: &Document) -> Result<Vec<Earned>, ReportError> {
    earned_by(tenant, document.lines.iter(), document.totals.net)
}

/// The revenue of everything that was issued for a period and not voided, notes among it.
pub fn earned_in(documents: &InvoiceFold) -> Result<Vec<Earned>, ReportError> {
    let mut all = Vec::new();
    for it in documents.documents().iter().filter(|it| !it.is_void()) {
        all.extend(earned(documents.tenant(), &it.document)?);
    }
    Ok(all)
}

/// The revenue of a document as it would be, while its period runs.
pub fn expected(tenant: &TenantId, document: &price::Document) -> Result<Vec<Earned>, ReportError> {
    earned_by(tenant, document.lines.iter().map(|it| &it.line), document.subtotal)
}

fn earned_by<'a>(
    tenant: &TenantId,
    lines: impl Iterator<Item = &'a Line>,
    net: Money,
) -> Result<Vec<Earned>, ReportError> {
    let lines = lines.filter(|it| !it.is_tax()).collect::<Vec<_>>();
    let gross = Money::sum(net.currency(), lines.iter().map(|it| it.amount))?;
    let included = gross.checked_sub(net)?;
    let amounts = if included.is_zero() {
        lines.iter().map(|it| it.amount).collect()
    } else {
        without_tax(&lines, included)?
    };
    let earn = |(it, amount): (&&Line, Money)| Earned {
        tenant: tenant.clone(),
        deployment: it.deployment.clone(),
        kind: it.resource_kind.as_ref().map(canonical_kind),
        line: it.concerns(),
        period: it.adjusts.unwrap_or_else(|| it.starts_on.period()),
        starts_on: it.starts_on,
        ends_on: it.ends_on,
        amount,
    };
    Ok(lines.iter().zip(amounts).map(earn).collect())
}

/// The lines less the tax they include, each taxable one by the same part of itself.
fn without_tax(lines: &[&Line], included: Money) -> Result<Vec<Money>, ReportError> {
    let currency = included.currency();
    let included = Ratio::from(included.amount());
    let mut taxable = Ratio::ZERO;
    for it in lines.iter().filter(|it| it.taxable) {
        taxable = taxable.checked_add(it.amount.amount().into())?;
    }
    let kept = match taxable.is_zero() {
        // Nothing to take it from in proportion: the first line bears it.
        true => None,
        false => Some(taxable.checked_sub(included)?.checked_div(taxable)?),
    };
    let mut parts = Vec::with_capacity(lines.len());
    for (place, it) in lines.iter().enumerate() {
        let amount = Ratio::from(it.amount.amount());
        parts.push(match kept {
            Some(kept) if it.taxable => amount.checked_mul(kept)?,
            None if place == 0 => amount.checked_sub(included)?,
            Some(_) | None => amount,
        });
    }
    let (_, shown) = round_parts(&parts, currency.minor_unit(), Rounding::default())?;
    Ok(shown.into_iter().map(|it| Money::new(it, currency)).collect())
}
