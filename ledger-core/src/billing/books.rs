//! All that a document of a tenant's period rests on: what the period comes to, what earlier ones
//! come to as known now, and what was issued for them.
//!
//! A period is completed when its rollup was: it has an invoice, or a later one has. A tenant's
//! periods begin with the month in which its registration was recorded, or with the first that was
//! invoiced where that is earlier: what was imported of the time before was billed elsewhere. A
//! period whose invoice was voided and not replaced is neither completed nor missing: whoever
//! voided it decides about it.

use std::collections::BTreeMap;

use super::adjust::{Issued, difference, nothing, plus};
use super::digest::Digests;
use super::issued::InvoiceFold;
use super::{Basis, BasisError, Drawn, Gather, GatherError};
use crate::event::invoice::{Adjusted, Totals};
use crate::id::{DeploymentSlug, InvoiceNumber, TenantId};
use crate::log::{Position, ReadError, Records};
use crate::money::{Currency, Money, MoneyError};
use crate::price::{self, Capped, PriceError, Priced, RULES_VERSION, Unpriced};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

/// Everything behind a tenant's documents, as of one position of the log.
#[derive(Debug, Clone)]
pub struct Books {
    /// What the period itself rests on.
    pub basis: Basis,
    /// What the tenant's periods from the first one up to this one rest on.
    earlier: BTreeMap<BillingPeriod, Basis>,
    /// What was issued, by period.
    issued: BTreeMap<BillingPeriod, InvoiceFold>,
    /// The digests of all records read.
    digests: Digests,
}

/// The content of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composed {
    /// The lines in order: the period's own, then what is adjusted, earliest period first.
    pub lines: Vec<Priced>,
    /// What is adjusted, by period.
    pub adjusted: Vec<Adjusted>,
    /// What the lines add up to.
    pub totals: Totals,
    /// What is asked for: the gross total without what credit settled before.
    pub asks: Money,
    /// Usage that nothing prices.
    pub unpriced: Vec<Unpriced>,
    /// Usage beyond caps.
    pub capped: Vec<Capped>,
}

impl Composed {
    /// Whether it gives money back instead of asking for any.
    pub const fn gives_back(&self) -> bool {
        self.asks.is_negative() || (self.asks.is_zero() && self.totals.gross.is_negative())
    }

    /// No lines yet.
    const fn empty(currency: Currency) -> Self {
        Self {
            lines: Vec::new(),
            adjusted: Vec::new(),
            totals: nothing(currency),
            asks: Money::zero(currency),
            unpriced: Vec::new(),
            capped: Vec::new(),
        }
    }

    /// Lines that were made elsewhere.
    pub(super) fn of(
        lines: Vec<Priced>,
        totals: Totals,
        books: &Books,
    ) -> Result<Self, BasisError> {
        let empty = Self::empty(totals.gross.currency());
        Self { lines, totals, ..empty }.finished(&books.digests)
    }

    fn adjust(&mut self, lines: Vec<Priced>, adjusted: Adjusted) -> Result<(), MoneyError> {
        self.totals = plus(&self.totals, &adjusted.totals)?;
        self.lines.extend(lines);
        self.adjusted.push(adjusted);
        Ok(())
    }

    fn finished(mut self, digests: &Digests) -> Result<Self, BasisError> {
        let settled = self.lines.iter().filter(|it| it.line.settled).map(|it| it.line.amount);
        let settled = Money::sum(self.totals.gross.currency(), settled);
        let asks = settled.and_then(|it| self.totals.gross.checked_sub(it));
        self.asks = asks.map_err(PriceError::from)?;
        self.lines = digests.seal_all(self.lines)?;
        Ok(self)
    }
}

impl Books {
    /// Reads and folds all of it. `documented` are the periods for which the tenant has documents,
    /// as the registers know; more of them do no harm. The others are as [`Basis::gather`] says.
    pub fn gather(
        tenant: &TenantId,
        period: BillingPeriod,
        documented: impl IntoIterator<Item = BillingPeriod>,
        deployments: impl IntoIterator<Item = DeploymentSlug>,
        up_to: Position,
        mut read: impl FnMut(&Stream) -> Result<Records, ReadError>,
    ) -> Result<Self, GatherError> {
        let basis = Basis::gather_own(tenant, period, deployments, up_to, &mut read)?;
        let mut digests = basis.digests.clone();
        let mut issued = BTreeMap::new();
        for period in documented.into_iter().chain([period]) {
            let empty = InvoiceFold::of(tenant.clone(), period);
            let mut gather = Gather { up_to, digests: Some(&mut digests), read: &mut read };
            let folded = gather.fold(&empty.stream(), empty, InvoiceFold::fold)?;
            issued.insert(period, folded);
        }
        let mut books = Self { basis, earlier: BTreeMap::new(), issued, digests };
        let first = books.rolled_up().next().into_iter().chain(books.basis.tenant.billed_since());
        let (mut next, mut standing) = (first.min().filter(|first| *first < period), None);
        while let Some(earlier) = next {
            if books.is_void(earlier) {
                standing = None;
            } else {
                let turned = books.basis.turned_to(earlier, standing, &mut read)?;
                standing = Some(turned.leaves());
                books.digests.extend(turned.digests.clone());
                books.earlier.insert(earlier, turned);
            }
            next = earlier.next().filter(|it| *it < period);
        }
        // What the month before leaves stands when this one begins: no month is read twice.
        books.basis = books.basis.with_standing(standing, &mut read)?;
        books.digests.extend(books.basis.digests.clone());
        Ok(books)
    }

    /// What each period rests on that a document may speak of, the earliest first.
    pub(super) fn bases(&self) -> impl Iterator<Item = &Basis> {
        self.earlier.values().chain([&self.basis])
    }

    /// What each period rests on that the period's own document charges: those that were completed
    /// before it, and itself.
    pub(super) fn charged_bases(&self) -> impl Iterator<Item = &Basis> {
        let completed_to = self.rolled_up().rfind(|it| *it < self.basis.period);
        let completed = self.earlier.values().filter(move |it| Some(it.period) <= completed_to);
        completed.chain([&self.basis])
    }

    /// The rules by which a period was invoiced: a later version changes no issued invoice, so it
    /// makes no adjustment of one either.
    fn rules_of(&self, period: BillingPeriod, newest: u16) -> u16 {
        let issued = self.issued(period).and_then(InvoiceFold::rolled_up);
        issued.map_or(newest, |it| it.document.rules)
    }

    /// The documents of a period.
    pub fn issued(&self, period: BillingPeriod) -> Option<&InvoiceFold> {
        self.issued.get(&period)
    }

    /// The content of the period's invoice: its own lines, and the adjustments of all that was
    /// completed before it. A document that this one replaces does not count.
    pub fn invoice(
        &self,
        rules: u16,
        replaces: Option<&InvoiceNumber>,
    ) -> Result<Composed, BasisError> {
        let own = self.basis.price_unsealed(rules, self.basis.period.ends_at())?;
        self.compose(own, rules, Drawn::ByNow, replaces)
    }

    /// What the period's invoice would hold if it ended at an instant and were rolled up then:
    /// prepaid usage is drawn first, and what stands for the period is issued anew.
    pub fn expected(&self, until: Timestamp) -> Result<Composed, BasisError> {
        let own = self.basis.price_with(RULES_VERSION, until, Drawn::BySettlement)?;
        self.expected_with(own)
    }

    /// The same with other lines of the period's own, such as projected ones.
    pub fn expected_with(&self, own: price::Document) -> Result<Composed, BasisError> {
        let standing = self.issued(self.basis.period).and_then(InvoiceFold::rolled_up);
        let standing = standing.map(|it| &it.document.number);
        self.compose(own, RULES_VERSION, Drawn::BySettlement, standing)
    }

    fn compose(
        &self,
        own: price::Document,
        rules: u16,
        drawn: Drawn,
        replaces: Option<&InvoiceNumber>,
    ) -> Result<Composed, BasisError> {
        let Self { basis, .. } = self;
        let currency = own.total.currency();
        let issued = self.counting(replaces);
        let mut composed = Composed::empty(currency);
        composed.totals = Totals { net: own.subtotal, tax: own.tax, gross: own.total };
        (composed.unpriced, composed.capped) = (own.unpriced, own.capped);
        composed.lines = own.lines;
        let completed_to = self.rolled_up().rfind(|it| *it < basis.period);
        for (period, earlier) in &self.earlier {
            if completed_to.is_some_and(|it| *period <= it) {
                let rules = self.rules_of(*period, rules);
                let now = earlier.price_with(rules, period.ends_at(), drawn)?;
                if let Some((lines, adjusted)) = difference(*period, currency, Some(&now), &issued)?
                {
                    composed.adjust(lines, adjusted).map_err(PriceError::from)?;
                }
            }
        }
        // What other documents charged for this very period is in its lines again.
        if let Some((lines, adjusted)) = difference(basis.period, currency, None, &issued)? {
            composed.adjust(lines, adjusted).map_err(PriceError::from)?;
        }
        composed.finished(&self.digests)
    }

    /// The content of a note on the period: what it comes to as known now, less everything that was
    /// issued for it. No lines where that is nothing.
    pub fn difference(&self, rules: u16) -> Result<Composed, BasisError> {
        let period = self.basis.period;
        let now = self.basis.price_unsealed(self.rules_of(period, rules), period.ends_at())?;
        let currency = now.total.currency();
        let mut composed = Composed::empty(currency);
        let difference = difference(period, currency, Some(&now), &self.counting(None))?;
        if let Some((lines, adjusted)) = difference {
            composed.adjust(lines, adjusted).map_err(PriceError::from)?;
        }
        composed.finished(&self.digests)
    }

    /// The earliest period that has a price and no invoice, while no later one has: rollups of a
    /// tenant run in order.
    pub fn missing(&self, rules: u16) -> Result<Option<BillingPeriod>, BasisError> {
        let completed_to = self.rolled_up().rfind(|it| *it < self.basis.period);
        for (period, earlier) in &self.earlier {
            let is_open = completed_to.is_none_or(|it| *period > it);
            if is_open && !earlier.price_unsealed(rules, period.ends_at())?.lines.is_empty() {
                return Ok(Some(*period));
            }
        }
        Ok(None)
    }

    /// The first later period that was rolled up already.
    pub fn overtaken_by(&self) -> Option<BillingPeriod> {
        self.rolled_up().find(|it| *it > self.basis.period)
    }

    /// The periods with a rollup that still counts, in order.
    fn rolled_up(&self) -> impl DoubleEndedIterator<Item = BillingPeriod> + '_ {
        let rolled_up = self.issued.iter().filter(|(_, it)| it.rolled_up().is_some());
        rolled_up.map(|(period, _)| *period)
    }

    /// Whether all that was issued for a period no longer counts.
    fn is_void(&self, period: BillingPeriod) -> bool {
        let is_void = |it: &InvoiceFold| it.rolled_up().is_none() && it.invoices().next().is_some();
        self.issued.get(&period).is_some_and(is_void)
    }

    /// Everything issued that counts, oldest first.
    fn counting(&self, replaces: Option<&InvoiceNumber>) -> Vec<Issued<'_>> {
        let all = self.issued.values();
        let all = all.flat_map(|fold| fold.counting().map(move |issued| Issued { fold, issued }));
        let mut counting =
            all.filter(|it| Some(&it.issued.document.number) != replaces).collect::<Vec<_>>();
        counting.sort_by_key(|it| it.issued.position);
        counting
    }
}
