//! The explanation of an invoice: each line with the arithmetic that made it, and where in the log
//! every number of it stands.
//!
//! The arithmetic is not told a second time: it is what the pricing function computes with, run
//! again on the records that the invoice was made from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::issue::recomposed;
use super::issued::IssuedDocument;
use super::{BasisError, Books, Composed};
use crate::event::invoice::{Adjusted, Line, LineKind, Totals};
use crate::id::{DeploymentSlug, InvoiceNumber, ResourceKind, TenantId, Unit};
use crate::log::Position;
use crate::money::{Quantity, Ratio};
use crate::price::{Capped, Priced, Rule, Sources, Step, Unpriced};
use crate::time::BillingPeriod;

/// Everything behind an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanation {
    /// Its number.
    pub number: InvoiceNumber,
    /// Whose.
    pub tenant: TenantId,
    /// Of which period.
    pub period: BillingPeriod,
    /// The rules it was priced by.
    pub rules: u16,
    /// How much of the log it knew.
    pub folded_to: Position,
    /// Its lines.
    pub lines: Vec<ExplainedLine>,
    /// What they add up to.
    pub totals: Totals,
    /// The part of it that corrects other documents.
    pub adjusted: Vec<Adjusted>,
    /// Usage that nothing prices: billed nothing.
    pub unpriced: Vec<UnpricedUsage>,
    /// Usage beyond caps: billed nothing.
    pub capped: Vec<CappedUsage>,
}

/// A line and the arithmetic behind its amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainedLine {
    /// As it was issued.
    pub line: Line,
    /// Where its amount comes from; `None` where the log makes no such line, which an audit says
    /// more about.
    pub step: Option<Step>,
}

/// Usage without an item and without a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnpricedUsage {
    /// The deployment, where the usage names one.
    pub deployment: Option<DeploymentSlug>,
    /// What was used.
    pub kind: ResourceKind,
    /// How much, in base units or, where there is one, in its unit.
    pub quantity: Quantity,
    /// The unit that the records state and no price is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// The records.
    pub from: Sources,
}

/// Usage beyond a hard cap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CappedUsage {
    /// The deployment, where the usage names one.
    pub deployment: Option<DeploymentSlug>,
    /// What was used.
    pub kind: ResourceKind,
    /// How much of it, in base units.
    pub quantity: Ratio,
}

/// Explains a document from what it rests on, gathered up to where it was folded to.
pub fn explain(issued: &IssuedDocument, books: &Books) -> Result<Explanation, BasisError> {
    let document = &issued.document;
    let Composed { lines, unpriced, capped, .. } = recomposed(issued, books)?;
    let (pairs, _) = paired(&document.lines, lines);
    let explained = |(line, priced): (&Line, Option<Priced>)| ExplainedLine {
        step: priced.filter(|it| it.line.amount == line.amount).map(|it| it.explain),
        line: line.clone(),
    };
    Ok(Explanation {
        number: document.number.clone(),
        tenant: books.basis.tenant.tenant().clone(),
        period: books.basis.period,
        rules: document.rules,
        folded_to: document.folded_to,
        lines: document.lines.iter().zip(pairs).map(explained).collect(),
        totals: document.totals.clone(),
        adjusted: document.adjusted.clone(),
        unpriced: unpriced
            .into_iter()
            .map(|it| UnpricedUsage {
                deployment: it.deployment,
                kind: it.kind,
                quantity: it.quantity,
                unit: it.unit,
                from: it.from,
            })
            .collect(),
        capped: capped
            .into_iter()
            .map(|it| CappedUsage {
                deployment: it.deployment,
                kind: it.kind,
                quantity: it.quantity,
            })
            .collect(),
    })
}

/// What of the usage behind a document is free: what nothing prices, and what is beyond a cap.
pub fn free_usage(
    issued: &IssuedDocument,
    books: &Books,
) -> Result<(Vec<Unpriced>, Vec<Capped>), BasisError> {
    let Composed { unpriced, capped, .. } = recomposed(issued, books)?;
    Ok((unpriced, capped))
}

/// What makes two lines the same line, whatever they come to. Among several such, order counts.
fn identity(line: &Line) -> impl PartialEq + '_ {
    let about = (line.kind, &line.resource_kind, &line.deployment, &line.description);
    let original = line.original.as_ref().map(|it| it.kind);
    (about, line.starts_on, line.ends_on, line.adjusts, original, line.settled)
}

/// For each issued line the one that the log makes in its place; then those that have no place.
pub(super) fn paired(issued: &[Line], made: Vec<Priced>) -> (Vec<Option<Priced>>, Vec<Priced>) {
    let mut made = made.into_iter().map(Some).collect::<Vec<_>>();
    let mut pairs = Vec::with_capacity(issued.len());
    for line in issued {
        let same = |it: &&mut Option<Priced>| {
            it.as_ref().is_some_and(|it| identity(&it.line) == identity(line))
        };
        pairs.push(made.iter_mut().find(same).and_then(Option::take));
    }
    (pairs, made.into_iter().flatten().collect())
}

/// The word of a kind, as JSON spells it.
pub(super) const fn kind_word(kind: LineKind) -> &'static str {
    match kind {
        LineKind::PlanBase => "plan_base",
        LineKind::Addon => "addon",
        LineKind::Overage => "overage",
        LineKind::Usage => "usage",
        LineKind::Term => "term",
        LineKind::Adjustment => "adjustment",
        LineKind::Discount => "discount",
        LineKind::Commitment => "commitment",
        LineKind::Tax => "tax",
    }
}

impl fmt::Display for Explanation {
    /// A tree for people: each line, the steps under it, and where each fact stands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, tenant, period, rules, folded_to, .. } = self;
        writeln!(f, "{number} of {tenant} for {period}, rules {rules}, known to {folded_to}")?;
        for (place, ExplainedLine { line, step }) in self.lines.iter().enumerate() {
            let (kind, what) = (kind_word(line.kind), &line.description);
            write!(f, "{}. {kind}: {what}", place + 1)?;
            if let (Some(period), Some(original)) = (line.adjusts, &line.original) {
                write!(f, " ({} of {period}", kind_word(original.kind))?;
                if let Some(number) = &original.number {
                    write!(f, ", {number}")?;
                }
                if let Some(line) = original.line {
                    write!(f, " line {line}")?;
                }
                write!(f, ")")?;
            }
            writeln!(f, " = {}", line.amount)?;
            match step {
                Some(step) => write_step(f, step, 1)?,
                None => writeln!(f, "  the log makes no such line")?,
            }
        }
        for UnpricedUsage { kind, quantity, unit, from, .. } in &self.unpriced {
            let unit = unit.as_ref().map_or(String::new(), |it| format!(" {it}"));
            write!(f, "no price: {quantity}{unit} of {kind}")?;
            write_sources(f, from)?;
        }
        for CappedUsage { kind, quantity, .. } in &self.capped {
            writeln!(f, "beyond the cap: {quantity} of {kind}")?;
        }
        for Adjusted { period, totals: Totals { net, tax, gross } } in &self.adjusted {
            writeln!(f, "of it adjusts {period}: net {net}, tax {tax}, gross {gross}")?;
        }
        let Totals { net, tax, gross } = &self.totals;
        writeln!(f, "net {net}, tax {tax}, gross {gross}")
    }
}

fn write_step(f: &mut fmt::Formatter<'_>, step: &Step, depth: usize) -> fmt::Result {
    let rule = match step.rule {
        Rule::Fact => "",
        Rule::Sum => " (sum)",
        Rule::Difference => " (difference)",
        Rule::Product => " (product)",
        Rule::Quotient => " (quotient)",
        Rule::Least => " (least)",
        Rule::Greatest => " (greatest)",
        Rule::WholeUp => " (next whole)",
        Rule::Rounded { .. } => " (rounded)",
    };
    write!(f, "{:indent$}{} = {}{rule}", "", step.what, step.value, indent = depth * 2)?;
    write_sources(f, &step.from)?;
    step.of.iter().try_for_each(|it| write_step(f, it, depth + 1))
}

/// ` [catalog 3, usage-acme.2026-04 0-89]`, or nothing, and the end of the line.
fn write_sources(f: &mut fmt::Formatter<'_>, from: &Sources) -> fmt::Result {
    let ranges = from.iter().flat_map(|(stream, ranges)| ranges.iter().map(move |it| (stream, it)));
    for (place, (stream, (first, last))) in ranges.enumerate() {
        write!(f, "{}{stream} {first}", if place == 0 { " [" } else { ", " })?;
        if first != last {
            write!(f, "-{last}")?;
        }
    }
    writeln!(f, "{}", if from.is_empty() { "" } else { "]" })
}
