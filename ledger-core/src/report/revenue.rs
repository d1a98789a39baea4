//! What was earned: the lines of documents that count, without tax, by the period each is for.

use super::ReportError;
use crate::billing::InvoiceFold;
use crate::catalog::canonical_kind;
use crate::event::invoice::{Adjusted, Document, Line, LineKind};
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
/// Where prices include tax, the lines' net amounts sum to the document's: each line that includes
/// some less its share, rounded to the whole by largest remainder.
pub fn earned(tenant: &TenantId, document: &Document) -> Result<Vec<Earned>, ReportError> {
    let lines = document.lines.iter().collect::<Vec<_>>();
    earned_by(tenant, &lines, document.totals.net, &document.adjusted)
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
    let lines = document.lines.iter().map(|it| &it.line).collect::<Vec<_>>();
    earned_by(tenant, &lines, document.subtotal, &[])
}

fn earned_by(
    tenant: &TenantId,
    lines: &[&Line],
    net: Money,
    adjusted: &[Adjusted],
) -> Result<Vec<Earned>, ReportError> {
    let corrects = |it: &Line| it.adjusts.filter(|of| adjusted.iter().any(|it| it.period == *of));
    // What the document charges itself, and what it corrects of each period, are netted apart.
    let own = adjusted.iter().try_fold(net, |net, it| net.checked_sub(it.totals.net))?;
    let parts = adjusted.iter().map(|it| (Some(it.period), it.totals.net));
    let has_tax_on_top = lines.iter().any(|it| corrects(it).is_none() && it.is_tax());
    let mut all = Vec::with_capacity(lines.len());
    for (of, net) in parts.chain([(None, own)]) {
        let sold = lines.iter().filter(|it| corrects(it) == of && !it.is_tax());
        let sold = sold.copied().collect::<Vec<_>>();
        let includes = |it: &Line| match of {
            Some(_) => true,
            // Beside a tax on top only what credit had settled includes its own.
            None => it.taxable && (it.settled || !has_tax_on_top),
        };
        let amounts = net_amounts(&sold, net, includes)?;
        all.extend(sold.iter().zip(amounts).map(|(it, amount)| earn(tenant, it, amount)));
    }
    Ok(all)
}

fn earn(tenant: &TenantId, it: &Line, amount: Money) -> Earned {
    Earned {
        tenant: tenant.clone(),
        deployment: it.deployment.clone(),
        kind: it.resource_kind.as_ref().map(canonical_kind),
        line: it.concerns(),
        period: it.adjusts.unwrap_or_else(|| it.starts_on.period()),
        starts_on: it.starts_on,
        ends_on: it.ends_on,
        amount,
    }
}

/// The lines less the tax they include, each that does by the same part of itself.
fn net_amounts(
    lines: &[&Line],
    net: Money,
    includes: impl Fn(&Line) -> bool,
) -> Result<Vec<Money>, ReportError> {
    let currency = net.currency();
    let gross = Money::sum(currency, lines.iter().map(|it| it.amount))?;
    let included = gross.checked_sub(net)?;
    if included.is_zero() {
        return Ok(lines.iter().map(|it| it.amount).collect());
    }
    let included = Ratio::from(included.amount());
    let mut base = Ratio::ZERO;
    for it in lines.iter().filter(|it| includes(it)) {
        base = base.checked_add(it.amount.amount().into())?;
    }
    let kept = match base.is_zero() {
        // Nothing to take it from in proportion: the first line bears it.
        true => None,
        false => Some(base.checked_sub(included)?.checked_div(base)?),
    };
    let mut parts = Vec::with_capacity(lines.len());
    for (place, it) in lines.iter().enumerate() {
        let amount = Ratio::from(it.amount.amount());
        parts.push(match kept {
            Some(kept) if includes(it) => amount.checked_mul(kept)?,
            None if place == 0 => amount.checked_sub(included)?,
            Some(_) | None => amount,
        });
    }
    let (_, shown) = round_parts(&parts, currency.minor_unit(), Rounding::default())?;
    Ok(shown.into_iter().map(|it| Money::new(it, currency)).collect())
}
