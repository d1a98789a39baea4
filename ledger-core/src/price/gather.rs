//! From a tenant's records to the facts of a price.
//!
//! Records are taken as they stand in the log; their own clocks decide what held when, and of two
//! from one instant the later recorded counts. Nothing is decided here and nothing is summed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::explain::Sources;
use super::facts::{AppliedCoupon, EffectivePrice, Facts, Prepaid, PrepaidFor, Tax};
use crate::catalog::Book;
use crate::event::Event;
use crate::event::account::{
    self, CreditOrigin, CreditReturned, DrawPurpose, Settlement, TaxTerms,
};
use crate::id::{DeploymentSlug, PlanCode, TenantId};
use crate::log::{Record, Revision};
use crate::money::{Currency, Exact, ExactError, Money, Quantity, allocate};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

mod life;
mod metered;

use life::Life;
use metered::Metered;

/// Why records do not make facts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    /// No registration among the records.
    #[error("tenant {tenant} is not registered")]
    NotRegistered {
        /// The tenant.
        tenant: TenantId,
    },
    /// A subscription or a purchase names a version that was never published.
    #[error("version {version} of plan {plan} was never published")]
    UnknownVersion {
        /// The plan.
        plan: PlanCode,
        /// The version.
        version: u32,
    },
    /// A number in a record is out of bounds where it is needed.
    #[error("a number in the records is out of bounds")]
    Number(#[from] ExactError),
}

/// One tenant's records, as far as prices look at them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gather {
    tenant: TenantId,
    registered: Option<(Currency, Settlement)>,
    taxes: Vec<(Timestamp, Option<TaxTerms>, Sources)>,
    coupons: Vec<AppliedCoupon>,
    first_paid_at: Option<Timestamp>,
    drawn: BTreeMap<Revision, (BillingPeriod, Vec<Prepaid>)>,
    purchases: Vec<(Timestamp, PlanCode, u32, Money, Sources)>,
    lives: BTreeMap<DeploymentSlug, Life>,
    metered: Metered,
}

impl Gather {
    /// No records yet.
    pub fn of(tenant: TenantId) -> Self {
        Self {
            tenant,
            registered: None,
            taxes: Vec::new(),
            coupons: Vec::new(),
            first_paid_at: None,
            drawn: BTreeMap::new(),
            purchases: Vec::new(),
            lives: BTreeMap::new(),
            metered: Metered::default(),
        }
    }

    /// Takes in one record; records of one stream come in their order, others of any tenant or
    /// family are left alone.
    pub fn take(&mut self, record: &Record) -> Result<(), GatherError> {
        if record.stream.tenant() != Some(&self.tenant) {
            return Ok(());
        }
        match &record.event {
            Event::Account(event) => self.take_account(record, event)?,
            Event::Deployment(event) => {
                if let Stream::Deployment(_, slug) = &record.stream {
                    self.lives.entry(slug.clone()).or_default().take(record, event);
                }
            }
            Event::Usage(event) => self.metered.take(record, event)?,
            // What is offered comes in a `Book`; the rest follows from prices or does not make any.
            Event::Catalog(_)
            | Event::Inventory(_)
            | Event::Provider(_)
            | Event::Invoice(_)
            | Event::Enforcement(_)
            | Event::Operation(_)
            | Event::Support(_)
            | Event::Ledger(_) => (),
        }
        Ok(())
    }

    fn take_account(&mut self, record: &Record, event: &account::Event) -> Result<(), GatherError> {
        let from = || source(record);
        match event {
            account::Event::TenantRegistered(it) => {
                self.registered = Some((it.currency, it.settlement));
            }
            account::Event::TaxProfileSet(it) => {
                self.taxes.push((record.occurred_at, it.tax.clone(), from()));
            }
            account::Event::CouponApplied(it) => self.coupons.push(AppliedCoupon {
                code: it.coupon.clone(),
                terms: it.terms.clone(),
                since: record.occurred_at.period(),
                from: from(),
            }),
            account::Event::CreditToppedUp(it) => match it.origin {
                CreditOrigin::Payment { .. } | CreditOrigin::Operator { .. } => {
                    self.first_paid_at.get_or_insert(record.occurred_at);
                }
                // What a document gives back was not paid in.
                CreditOrigin::CreditNote { .. } => (),
            },
            account::Event::CreditDrawn(it) => {
                if let DrawPurpose::Usage { period, kinds, .. } = &it.purpose {
                    let paid = kinds.iter().map(|it| Prepaid {
                        what: PrepaidFor::Usage(it.kind.clone()),
                        quantity: it.quantity,
                        amount: it.amount,
                        from: from(),
                    });
                    self.drawn.insert(record.revision, (*period, paid.collect()));
                }
            }
            account::Event::CreditReturned(it) => self.take_back(it, &from())?,
            account::Event::PlanPurchased(it) => {
                let plan = it.plan.clone();
                self.purchases.push((record.occurred_at, plan, it.version, it.price, from()));
            }
            account::Event::IdentityVerified(_)
            | account::Event::PaymentReferenceMapped(_)
            | account::Event::PlanAssigned(_)
            | account::Event::CostCapSet(_)
            | account::Event::CreditExpired(_)
            | account::Event::CreditRefunded(_)
            | account::Event::CreditChargedBack(_)
            | account::Event::SlotAllocated(_)
            | account::Event::SlotReleased(_)
            | account::Event::QuotaReserved(_)
            | account::Event::QuotaCommitted(_)
            | account::Event::QuotaReleased(_)
            | account::Event::DiscountTierReached(_) => (),
        }
        Ok(())
    }

    /// A draw that went back takes from each kind what it had paid for it.
    fn take_back(&mut self, returned: &CreditReturned, from: &Sources) -> Result<(), GatherError> {
        let Some((_, paid)) = self.drawn.get_mut(&returned.draw) else { return Ok(()) };
        let weights = paid.iter().map(|it| it.amount.amount()).collect::<Vec<_>>();
        if weights.iter().all(|it| it.is_zero()) {
            return Ok(());
        }
        let back = returned.amount.amount();
        for (paid, part) in paid.iter_mut().zip(allocate(back, Exact::SCALE_MAX, &weights)?) {
            let left = paid.amount.amount().checked_sub(part)?;
            paid.amount = Money::new(left, paid.amount.currency());
            paid.from.extend(from);
        }
        Ok(())
    }

    /// The facts of a period as they stood at an instant.
    pub fn facts(
        &self,
        book: &Book,
        period: BillingPeriod,
        until: Timestamp,
    ) -> Result<Facts, GatherError> {
        let not_registered = || GatherError::NotRegistered { tenant: self.tenant.clone() };
        let (currency, settlement) = self.registered.ok_or_else(not_registered)?;
        let until = until.min(period.ends_at());
        let deployments = self.lives.iter().map(|(slug, life)| life.deployment(slug, book));
        let prices = book.prices().iter().map(|it| EffectivePrice {
            at: it.value.effective_at,
            price: Arc::clone(&it.value.price),
            from: Sources::one(Stream::Catalog, it.revision),
        });
        Ok(Facts {
            currency,
            period,
            until,
            deployments: deployments.collect::<Result<_, _>>()?,
            usage: self.metered.usage(period, until)?,
            resource_prices: prices.collect(),
            first_paid_at: self.first_paid_at,
            prepaid: self.prepaid(book, period)?,
            is_prepaid: settlement == Settlement::Prepaid,
            coupons: self.coupons.clone(),
            tax: self.tax(until),
        })
    }

    /// The profile that held at the end; where none was set by then, the first one after, because
    /// a profile that comes late was still the tenant's.
    fn tax(&self, until: Timestamp) -> Option<Tax> {
        let held = self.taxes.iter().filter(|it| it.0 <= until).max_by_key(|it| it.0);
        let (_, terms, from) = held.or_else(|| self.taxes.iter().min_by_key(|it| it.0))?;
        terms.clone().map(|terms| Tax { terms, from: from.clone() })
    }

    fn prepaid(&self, book: &Book, period: BillingPeriod) -> Result<Vec<Prepaid>, GatherError> {
        let mut prepaid = Vec::new();
        for (_, plan, version, price, from) in
            self.purchases.iter().filter(|it| period.contains(it.0))
        {
            let offered = book.version(plan, *version).ok_or_else(|| unknown(plan, *version))?;
            let mut from = from.clone();
            from.extend(&Sources::one(Stream::Catalog, offered.revision));
            prepaid.push(Prepaid {
                what: PrepaidFor::Term(offered.value.name.clone()),
                quantity: Quantity::whole(1),
                amount: *price,
                from,
            });
        }
        let drawn = self.drawn.values().filter(|(of, _)| *of == period);
        prepaid.extend(drawn.flat_map(|(_, paid)| paid.iter().cloned()));
        Ok(prepaid)
    }
}

fn source(record: &Record) -> Sources {
    Sources::one(record.stream.clone(), record.revision)
}

fn unknown(plan: &PlanCode, version: u32) -> GatherError {
    GatherError::UnknownVersion { plan: plan.clone(), version }
}

#[cfg(test)]
mod tests;
