//! One price for everything: quote, invoice, accrual, audit and what-if all come from here.
//!
//! [`price`] is a pure function of [`Facts`]. It answers with lines and, for each, the arithmetic
//! that made it ([`Step`]), which is not a second account of the sum but the sum itself. Every line
//! is rounded once; taxes and coupons are taken from rounded lines; nothing is rounded twice.
//!
//! An issued invoice names the [`RULES_VERSION`] it was priced by. A change here that would alter
//! one keeps the old rule under the old version.

mod discount;
mod explain;
mod facts;
mod ladder;
mod line;
mod measure;
mod model;
mod quote;
mod run;
mod subject;
mod tax;

pub use explain::{Rule, Sources, Step};
pub use facts::{
    AppliedCoupon, Attached, Bound, Charged, Deployment, EffectivePrice, Facts, Prepaid,
    PrepaidFor, Tax, TaxBasis, Usage,
};
pub use line::{Line, LineKind};
pub use model::charge;
pub use quote::{HOURS_A_MONTH, Quote, QuoteError, QuotedResource, quote, quote_resources};

use std::collections::BTreeMap;

use crate::id::{DeploymentSlug, Label, ResourceKind, Unit};
use crate::money::{Currency, Exact, ExactError, Money, MoneyError, Ratio, Rounding, UnitPrice};
use crate::time::BillingPeriod;

/// The version of the rules in this module.
pub const RULES_VERSION: u16 = 1;

/// A quantity that is no decimal number is printed to so many decimals; the step has it exactly.
const QUANTITY_DECIMALS: u8 = 6;

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
    /// How much, in base units.
    pub quantity: Exact,
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
    /// The lines in order: each deployment's, then prepaid, discounts and tax.
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
    subject::price_all(facts, &mut draft)?;
    price_prepaid(facts, &mut draft)?;
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

/// What a line says beside its amount.
struct Says {
    kind: LineKind,
    resource: Option<ResourceKind>,
    description: Label,
    quantity: Exact,
    unit: &'static str,
    unit_price: Option<UnitPrice>,
    tier: Option<u16>,
    deployment: Option<DeploymentSlug>,
    settled_by_credit: bool,
}

impl<'a> Draft<'a> {
    const fn new(facts: &'a Facts) -> Self {
        Self { facts, lines: Vec::new(), unpriced: Vec::new(), capped: Vec::new() }
    }

    /// Adds a line for an exact amount, rounded here and nowhere else.
    fn add(&mut self, says: Says, exact: Step, rounding: Rounding) -> Result<(), PriceError> {
        let unit = says.unit.parse().expect("the units of the house are units");
        self.add_in(says, unit, exact, rounding)
    }

    /// Adds a line whose unit comes from a catalog.
    fn add_in(
        &mut self,
        says: Says,
        unit: Unit,
        exact: Step,
        rounding: Rounding,
    ) -> Result<(), PriceError> {
        let explain = exact.rounded(self.facts.currency.minor_unit(), rounding)?;
        let amount = explain.value.to_exact().ok_or(ExactError::Overflow)?;
        let line = Line {
            kind: says.kind,
            resource: says.resource,
            description: says.description,
            quantity: says.quantity,
            unit,
            unit_price: says.unit_price,
            tier: says.tier,
            amount: Money::new(amount, self.facts.currency),
            deployment: says.deployment,
            period: self.facts.period,
            settled_by_credit: says.settled_by_credit,
            provenance: explain.sources(),
        };
        self.lines.push(Priced { line, explain });
        Ok(())
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
            Step::fact(what, it.line.amount.amount(), it.line.provenance.clone())
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
        let (kind, resource, description) = match what {
            PrepaidFor::Term(name) => (LineKind::Term, None, name.clone()),
            PrepaidFor::Usage(kind) => {
                (LineKind::Usage, Some(kind.clone()), printed(kind.as_str()))
            }
        };
        let says = Says {
            kind,
            resource,
            description,
            quantity: Exact::ONE,
            unit: "sum",
            unit_price: None,
            tier: None,
            deployment: None,
            settled_by_credit: true,
        };
        draft.add(says, drawn, Rounding::default())?;
    }
    Ok(())
}

fn expect_currency(facts: &Facts, found: Currency) -> Result<(), PriceError> {
    let expected = facts.currency;
    if found == expected { Ok(()) } else { Err(PriceError::ForeignCurrency { expected, found }) }
}

/// Text as a line prints it, cut where a line ends.
fn printed(text: &str) -> Label {
    let end = text.char_indices().map(|(at, it)| at + it.len_utf8()).take_while(|it| *it <= 200);
    let cut = text.get(..end.last().unwrap_or(0)).unwrap_or_default();
    Label::new(cut).expect("made of names, which are printable and not empty")
}
