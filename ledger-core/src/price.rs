//! One price for everything: quote, invoice, accrual, audit and what-if all come from here.
//!
//! [`price`] is a pure function of [`Facts`]. It answers with lines and, for each, the arithmetic
//! that made it ([`Step`]), which is not a second account of the sum but the sum itself. Every line
//! is rounded once; taxes and coupons are taken from rounded lines; nothing is rounded twice.
//!
//! An issued invoice names the [`RULES_VERSION`] it was priced by. A change here that would alter
//! one keeps the old rule under the old version.

mod discount;
mod draw;
mod explain;
mod facts;
mod ladder;
mod measure;
mod model;
mod quote;
mod run;
mod subject;
mod tax;

pub use draw::{Draw, draws};
pub use explain::{Rule, Sources, Step};
pub use facts::{
    AppliedCoupon, Attached, Bound, Charged, Deployment, EffectivePrice, Facts, Known, Prepaid,
    PrepaidFor, Tax, Usage,
};
pub use ladder::{tier_after, tier_at, tier_for};
pub use model::charge;
pub use quote::{HOURS_A_MONTH, Quote, QuoteError, QuotedResource, quote, quote_resources};
pub use run::{attached_on, bound_on, charged_on, prorate};
pub use subject::resource_price_of;

use std::collections::BTreeMap;

use crate::event::invoice::{Line, LineKind, Provenance, SourceSpan};
use crate::id::{DeploymentSlug, Label, ResourceKind, Unit};
use crate::log::Revision;
use crate::money::{Currency, ExactError, Money, MoneyError, Quantity, Ratio, Rounding, UnitPrice};
use crate::time::{BillingPeriod, Day};

/// The version of the rules in this module.
pub const RULES_VERSION: u16 = 1;

/// A quantity that is no decimal number is printed to so many decimals; the step has it exactly.
pub const QUANTITY_DECIMALS: u8 = 6;

/// Why something has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// A number on the way has no exact form within bounds.
    #[error("a number on the way to the price is out of bounds")]
    Number(#[from] ExactError),
    /// A plan, an addon or a coupon is in another currency than the tenant.
    #[error("a price is in {found}, but the tenant is billed in {expected}")]
    ForeignCurrency {
        /// The tenant's.
        expected: Currency,
        /// The price's.
        found: Currency,
    },
    /// A unit of which nobody knows how many base units it is.
    #[error("the unit {unit} does not say how many base units it is")]
    Unit {
        /// The unit.
        unit: Unit,
    },
}

impl From<MoneyError> for PriceError {
    fn from(error: MoneyError) -> Self {
        match error {
            MoneyError::ForeignCurrency { expected, found } => {
                Self::ForeignCurrency { expected, found }
            }
            MoneyError::Number(source) => Self::Number(source),
        }
    }
}

/// A line and the arithmetic that made its amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// What a document prints.
    pub line: Line,
    /// Where the amount comes from.
    pub explain: Step,
}

/// Usage that nothing prices: no plan item, no resource price. It is billed nothing, and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpriced {
    /// The deployment, where the usage names one.
    pub deployment: Option<DeploymentSlug>,
    /// What was used.
    pub kind: ResourceKind,
    /// How much, in base units or, where there is one, in its unit.
    pub quantity: Quantity,
    /// The unit that the records state and no price is for: how many base units that is, nobody
    /// knows.
    pub unit: Option<Unit>,
    /// The records.
    pub from: Sources,
}

/// Usage beyond a hard cap: recorded, free, and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capped {
    /// The deployment.
    pub deployment: Option<DeploymentSlug>,
    /// What was used.
    pub kind: ResourceKind,
    /// How much was beyond the cap, in base units.
    pub quantity: Ratio,
}

/// What a tenant owes for a period, line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The month.
    pub period: BillingPeriod,
    /// The lines in order: each deployment's, then prepaid, discounts and tax. The digest of their
    /// provenance is for whoever holds the records to fill in.
    pub lines: Vec<Priced>,
    /// All lines but tax; where prices include tax, less that.
    pub subtotal: Money,
    /// The tax, whether on top or included.
    pub tax: Money,
    /// Whether the prices include the tax.
    pub is_tax_included: bool,
    /// All lines together.
    pub total: Money,
    /// Usage that nothing prices.
    pub unpriced: Vec<Unpriced>,
    /// Usage beyond caps.
    pub capped: Vec<Capped>,
}

/// Prices everything a tenant owes for a period.
pub fn price(facts: &Facts) -> Result<Document, PriceError> {
    let mut draft = Draft::new(facts);
    let mut prepaid = Draft::new(facts);
    price_prepaid(facts, &mut prepaid)?;
    if facts.is_prepaid {
        let used = draw::used(facts)?;
        let drawn = draw::by_run(facts, &used.lines, &prepaid.lines)?;
        subject::price_all(facts, Some(&drawn), &mut draft)?;
        (draft.unpriced, draft.capped) = (used.unpriced, used.capped);
    } else {
        subject::price_all(facts, None, &mut draft)?;
    }
    draft.lines.append(&mut prepaid.lines);
    discount::price_coupons(facts, &mut draft)?;
    let (tax, is_tax_included) = tax::price_tax(facts, &mut draft)?;
    let total = draft.sum(|_| true)?;
    Ok(Document {
        period: facts.period,
        lines: draft.lines,
        subtotal: total.checked_sub(tax)?,
        tax,
        is_tax_included,
        total,
        unpriced: draft.unpriced,
        capped: draft.capped,
    })
}

/// The lines as they come together.
struct Draft<'a> {
    facts: &'a Facts,
    lines: Vec<Priced>,
    unpriced: Vec<Unpriced>,
    capped: Vec<Capped>,
}

/// What a line says beside its amount and its period.
struct Says {
    kind: LineKind,
    resource_kind: Option<ResourceKind>,
    description: Label,
    quantity: Quantity,
    unit: Option<Unit>,
    unit_price: Option<UnitPrice>,
    deployment: Option<DeploymentSlug>,
}

impl Says {
    /// A line of the whole document: one of it, at no unit price.
    fn of_document(kind: LineKind, description: &str) -> Self {
        Self {
            kind,
            resource_kind: None,
            description: printed(description),
            quantity: Quantity::whole(1),
            unit: None,
            unit_price: None,
            deployment: None,
        }
    }
}

impl<'a> Draft<'a> {
    fn new(facts: &'a Facts) -> Self {
        let unpriced = facts.unpriced.clone();
        Self { facts, lines: Vec::new(), unpriced, capped: Vec::new() }
    }

    /// Adds a line for an exact amount, rounded here and nowhere else.
    fn add(
        &mut self,
        says: Says,
        days: (Day, Day),
        exact: Step,
        rounding: Rounding,
    ) -> Result<(), PriceError> {
        let explain = exact.rounded(self.facts.currency.minor_unit(), rounding)?;
        let amount = explain.value.to_exact().ok_or(ExactError::Overflow)?;
        let line = Line {
            kind: says.kind,
            resource_kind: says.resource_kind,
            description: says.description,
            quantity: says.quantity,
            unit: says.unit,
            unit_price: says.unit_price,
            amount: Money::new(amount, self.facts.currency),
            deployment: says.deployment,
            starts_on: days.0,
            ends_on: days.1,
            adjusts: None,
            original: None,
            taxable: is_taxable(says.kind),
            settled: false,
            provenance: explain.sources().into(),
        };
        self.lines.push(Priced { line, explain });
        Ok(())
    }

    /// Adds a line of the whole document.
    fn add_for_period(
        &mut self,
        says: Says,
        exact: Step,
        rounding: Rounding,
    ) -> Result<(), PriceError> {
        let period = self.facts.period;
        self.add(says, (period.first_day(), period.end_day()), exact, rounding)
    }

    /// The sum of the lines of some kinds.
    fn sum(&self, counts: impl Fn(LineKind) -> bool) -> Result<Money, PriceError> {
        let counted = self.lines.iter().filter(|it| counts(it.line.kind));
        Ok(Money::sum(self.facts.currency, counted.map(|it| it.line.amount))?)
    }

    /// The lines of some kinds as one step: what a discount or a tax is taken from.
    fn sum_step(
        &self,
        what: &'static str,
        counts: impl Fn(&Line) -> bool,
    ) -> Result<Step, PriceError> {
        let counted = self.lines.iter().filter(|it| counts(&it.line));
        let steps = counted.map(|it| {
            let what = it.line.description.as_str().to_owned();
            Step::fact(what, it.line.amount.amount(), it.explain.sources())
        });
        Ok(Step::derive(what, Rule::Sum, steps.collect())?)
    }
}

/// Lines for what credit has already paid: each plan for itself, usage by kind.
fn price_prepaid(facts: &Facts, draft: &mut Draft<'_>) -> Result<(), PriceError> {
    let mut by_use = BTreeMap::<&PrepaidFor, Vec<&Prepaid>>::new();
    for paid in &facts.prepaid {
        expect_currency(facts, paid.amount.currency())?;
        by_use.entry(&paid.what).or_default().push(paid);
    }
    for (what, paid) in by_use {
        let draws = paid.iter().map(|it| Step::fact("drawn", it.amount.amount(), it.from.clone()));
        let drawn = Step::derive("drawn from credit", Rule::Sum, draws.collect())?;
        let mut says = match what {
            PrepaidFor::Term(name) => Says::of_document(LineKind::Term, name.as_str()),
            PrepaidFor::Usage(kind) => Says {
                resource_kind: Some(kind.clone()),
                ..Says::of_document(LineKind::Usage, kind.as_str())
            },
        };
        says.quantity = paid
            .iter()
            .try_fold(Quantity::ZERO, |sum, it| sum.checked_add(it.quantity))
            .map_err(|_| ExactError::Overflow)?;
        draft.add_for_period(says, drawn, Rounding::default())?;
        if let Some(priced) = draft.lines.last_mut() {
            priced.line.settled = true;
        }
    }
    Ok(())
}

/// Whether a coupon takes from lines of this kind.
const fn is_discountable(kind: LineKind) -> bool {
    match kind {
        LineKind::PlanBase
        | LineKind::Addon
        | LineKind::Overage
        | LineKind::Usage
        | LineKind::Commitment => true,
        LineKind::Term | LineKind::Adjustment | LineKind::Discount | LineKind::Tax => false,
    }
}

/// Whether a tax is taken on lines of this kind. Adjustments carry their tax in themselves.
const fn is_taxable(kind: LineKind) -> bool {
    match kind {
        LineKind::PlanBase
        | LineKind::Addon
        | LineKind::Overage
        | LineKind::Usage
        | LineKind::Term
        | LineKind::Discount
        | LineKind::Commitment => true,
        LineKind::Adjustment | LineKind::Tax => false,
    }
}

impl From<Sources> for Provenance {
    /// Where the records are, in the order of their streams' names. Their digest needs their bytes,
    /// which a price never sees.
    fn from(sources: Sources) -> Self {
        let mut named = sources.iter().map(|it| (it.0.to_string(), it)).collect::<Vec<_>>();
        named.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        let spans = named.into_iter().flat_map(|(_, (stream, ranges))| {
            let span = |range: &(Revision, Revision)| SourceSpan {
                stream: stream.clone(),
                first: range.0,
                last: range.1,
            };
            ranges.iter().map(span).collect::<Vec<_>>()
        });
        Self { sources: spans.collect(), sha256: None }
    }
}

/// A quantity as a line prints it: in full, else with as many decimals as there is room for. The
/// step under the line has it exactly.
fn shown(quantity: Ratio) -> Result<Quantity, PriceError> {
    let in_full = quantity.to_exact().and_then(|it| Quantity::new(it).ok());
    let with = |decimals| quantity.round(decimals, Rounding::default()).map(Quantity::new);
    let mut shorter =
        (0..=QUANTITY_DECIMALS).rev().filter_map(|decimals| with(decimals).ok()?.ok());
    in_full.or_else(|| shorter.next()).ok_or_else(|| ExactError::Overflow.into())
}

fn expect_currency(facts: &Facts, found: Currency) -> Result<(), PriceError> {
    let expected = facts.currency;
    if found == expected { Ok(()) } else { Err(PriceError::ForeignCurrency { expected, found }) }
}

/// Text as a line prints it, cut where a line ends.
pub(crate) fn printed(text: &str) -> Label {
    let end = text.char_indices().map(|(at, it)| at + it.len_utf8()).take_while(|it| *it <= 200);
    let cut = text.get(..end.last().unwrap_or(0)).unwrap_or_default();
    Label::new(cut).expect("made of names, which are printable and not empty")
}

#[cfg(test)]
mod tests;
