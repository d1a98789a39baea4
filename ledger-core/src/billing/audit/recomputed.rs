//! The two facts that are events although anybody can compute them, because people act on them:
//! what was drawn from credit, and the discount tier that was reached. Both are computed again.

use std::collections::BTreeMap;

use super::{AuditError, Difference, Quotes};
use crate::billing::issued::IssuedDocument;
use crate::billing::settle::due;
use crate::billing::tenant::by_use;
use crate::billing::usage::UsageFold;
use crate::billing::{Basis, BasisError, Books, FactsError, GatherError};
use crate::event::account::{DiscountTierReached, KindAmount};
use crate::id::ResourceKind;
use crate::log::{ReadError, Records, Revision};
use crate::money::{Exact, ExactError, Money, Quantity};
use crate::price::{PrepaidFor, PriceError, Sources, tier_at};
use crate::stream::Stream;
use crate::time::Timestamp;

/// How long before a document takes its number its usage may be recorded and not be drawn: it came
/// after the settlement and before the number.
const UNDRAWN_SECONDS_MAX: i64 = 60;

/// So much of each kind, and what it cost.
type Kinds = BTreeMap<ResourceKind, (Exact, Exact)>;

impl<R: FnMut(&Stream) -> Result<Records, ReadError>> Quotes<'_, R> {
    /// What was drawn for the usage of each period that a document charges, where that is not what
    /// the usage comes to.
    pub(super) fn drawn(
        &mut self,
        issued: &IssuedDocument,
        books: &Books,
    ) -> Result<Vec<Difference>, AuditError> {
        let mut differences = Vec::new();
        let tenant = &books.basis.tenant;
        if !tenant.is_prepaid() || tenant.is_internal() || issued.is_concession() {
            return Ok(differences);
        }
        for basis in books.charged_bases() {
            let (drawn, from) = drawn(basis).map_err(AuditError::Price)?;
            let made = made(basis).map_err(AuditError::Price)?;
            if drawn == made || self.is_undrawn(basis, issued, &drawn)? {
                continue;
            }
            let kinds = drawn.keys().chain(made.keys().filter(|it| !drawn.contains_key(*it)));
            for kind in kinds.filter(|it| drawn.get(*it) != made.get(*it)) {
                let amount = |of: &Kinds| amount(basis, kind, of.get(kind).copied());
                let drawn = amount(&drawn).map_err(AuditError::Price)?;
                let made = amount(&made).map_err(AuditError::Price)?;
                let found = self.of(&from.get(kind).cloned().unwrap_or(Sources::NONE).into())?;
                let period = basis.period;
                differences.push(Difference::Drawn { period, drawn, made, found });
            }
        }
        Ok(differences)
    }

    /// Whether the draws are right but for usage that was recorded while the document took its
    /// number: the next document charges it.
    fn is_undrawn(
        &mut self,
        basis: &Basis,
        issued: &IssuedDocument,
        drawn: &Kinds,
    ) -> Result<bool, AuditError> {
        let (tenant, period) = (&basis.tenant, basis.period);
        let reached = tenant.settled_to(period);
        let since = issued.issued_at.plus_seconds(-UNDRAWN_SECONDS_MAX);
        let Some(usage) = self.usage_to(basis, reached, since)? else { return Ok(false) };
        let then = Basis { usage, ..basis.clone() };
        Ok(made(&then).map_err(AuditError::Price)? == *drawn)
    }

    /// The usage of a period up to a record; nothing where one after it is older than an instant.
    fn usage_to(
        &mut self,
        basis: &Basis,
        reached: Option<Revision>,
        since: Option<Timestamp>,
    ) -> Result<Option<UsageFold>, AuditError> {
        let tenant = basis.tenant.tenant();
        let stream = Stream::Usage(tenant.clone(), basis.period);
        let mut usage = UsageFold::of(tenant.clone(), basis.period);
        let unread = |source| AuditError::Quote { stream: stream.clone(), source };
        for record in (self.read)(&stream).map_err(unread)? {
            let record = record.map_err(unread)?;
            if record.position > self.folded_to {
                break;
            }
            if Some(record.revision) > reached {
                if since.is_none_or(|it| record.recorded_at < it) {
                    return Ok(None);
                }
                continue;
            }
            usage = usage.fold(&record).map_err(|source| {
                let (stream, source) = (stream.clone(), Box::new(source));
                AuditError::Gather(GatherError::Fold { stream, source })
            })?;
        }
        Ok(Some(usage))
    }

    /// The discount tiers on record that no ladder makes.
    pub(super) fn tiers(&mut self, books: &Books) -> Result<Vec<Difference>, AuditError> {
        let Basis { tenant, catalog, .. } = &books.basis;
        let mut differences = Vec::new();
        for (position, from, recorded) in tenant.tiers() {
            let paid = tenant.first_payment().filter(|it| it.is_before(position));
            let first_paid_at = tenant.first_paid_at().filter(|_| paid.is_some());
            let made = catalog.ladders().filter_map(|ladder| {
                let (tier, reached_at) = tier_at(ladder, first_paid_at, recorded.reached_at)?;
                let (days, multiplier) = (tier.days, tier.multiplier);
                Some(DiscountTierReached { tier: tier.name.clone(), days, multiplier, reached_at })
            });
            let made = made.collect::<Vec<_>>();
            if made.contains(recorded) {
                continue;
            }
            let named = made.iter().find(|it| it.tier == recorded.tier).or(made.first());
            let (made, recorded) = (named.cloned().map(Box::new), Box::new(recorded.clone()));
            let found = self.of(&from.into())?;
            differences.push(Difference::Tier { recorded, made, found });
        }
        Ok(differences)
    }
}

/// What was drawn for the usage of a period, and the records that say so.
fn drawn(basis: &Basis) -> Result<(Kinds, BTreeMap<ResourceKind, Sources>), BasisError> {
    let ends_at = basis.period.ends_at();
    let prepaid = basis.tenant.prepaid(&basis.catalog, basis.period, ends_at)?;
    let mut from = BTreeMap::<_, Sources>::new();
    for it in &prepaid {
        if let PrepaidFor::Usage(kind) = &it.what {
            from.entry(kind.clone()).or_insert(Sources::NONE).extend(&it.from);
        }
    }
    let drawn = by_use(&prepaid).map_err(FactsError::Prepaid)?;
    let of_usage = drawn.into_iter().filter_map(|(what, it)| match what {
        PrepaidFor::Usage(kind) => Some((kind, it)),
        PrepaidFor::Term(_) => None,
    });
    Ok((of_usage.collect(), from))
}

/// What the usage of a period comes to.
fn made(basis: &Basis) -> Result<Kinds, BasisError> {
    let due = due(&basis.facts(basis.period.ends_at())?)?.into_iter();
    let due = due.map(|it| (it.kind, (it.quantity.get(), it.amount.amount())));
    Ok(due.filter(|(_, it)| *it != (Exact::ZERO, Exact::ZERO)).collect())
}

fn amount(
    basis: &Basis,
    kind: &ResourceKind,
    of: Option<(Exact, Exact)>,
) -> Result<KindAmount, BasisError> {
    let (currency, _) = basis.tenant.terms()?;
    let (quantity, amount) = of.unwrap_or_default();
    let quantity = Quantity::new(quantity).map_err(|_| PriceError::from(ExactError::Overflow))?;
    Ok(KindAmount { kind: kind.clone(), quantity, amount: Money::new(amount, currency) })
}
