//! A tenant as prices see it: its currency, tax, coupons, and what its credit has paid.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::catalog::CatalogFold;
use super::facts::FactsError;
use super::known::Moment;
use crate::event::Event;
use crate::event::account::{
    self, CouponApplied, CreditOrigin, DiscountTierReached, DrawPurpose, KindAmount, Party,
    Settlement, TaxProfileSet, TenantRegistered,
};
use crate::fold::{FoldError, Reached};
use crate::id::{Label, PlanCode, TenantId};
use crate::log::{Position, Record, Revision};
use crate::money::{Currency, Exact, ExactError, Money, Quantity};
use crate::price::{AppliedCoupon, Prepaid, PrepaidFor, Sources, Tax};
use crate::stream::Stream;
use crate::time::{BillingPeriod, Timestamp};

/// One `account-{tenant}` stream, as prices and documents see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantFold {
    tenant: TenantId,
    reached: Reached,
    registered: Option<Registered>,
    profiles: Vec<Profile>,
    coupons: Vec<Coupon>,
    first_paid: Option<(Timestamp, Moment)>,
    draws: BTreeMap<Revision, Draw>,
    returns: Vec<Return>,
    tiers: Vec<Tier>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Registered {
    at: Timestamp,
    recorded_at: Timestamp,
    as_recorded: TenantRegistered,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Profile {
    at: Timestamp,
    revision: Revision,
    set: TaxProfileSet,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Coupon {
    at: Timestamp,
    revision: Revision,
    applied: CouponApplied,
}

/// What left the tenant's credit, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Draw {
    Usage { period: BillingPeriod, reached: Option<Revision>, kinds: Vec<KindAmount> },
    Term { at: Timestamp, plan: PlanCode, version: u32, price: Money },
    Invoice,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Return {
    revision: Revision,
    draw: Revision,
    kinds: Vec<KindAmount>,
}

/// A discount tier that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Tier {
    position: Position,
    revision: Revision,
    reached: DiscountTierReached,
}

impl TenantFold {
    /// Before its first event.
    pub const fn of(tenant: TenantId) -> Self {
        Self {
            tenant,
            reached: Reached { revision: None, position: Position::ORIGIN },
            registered: None,
            profiles: Vec::new(),
            coupons: Vec::new(),
            first_paid: None,
            draws: BTreeMap::new(),
            returns: Vec::new(),
            tiers: Vec::new(),
        }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &self.stream())?;
        let Record { position, revision, occurred_at: at, .. } = *record;
        match &record.event {
            Event::Account(event) => match event {
                account::Event::TenantRegistered(it) => {
                    let (recorded_at, as_recorded) = (record.recorded_at, it.clone());
                    let registered = Registered { at, recorded_at, as_recorded };
                    if self.registered.replace(registered).is_some() {
                        let name = self.tenant.to_string();
                        return Err(FoldError::Repeated { position, noun: "tenant", name });
                    }
                }
                account::Event::TaxProfileSet(it) => {
                    self.profiles.push(Profile { at, revision, set: it.clone() });
                }
                account::Event::CouponApplied(it) => {
                    self.coupons.push(Coupon { at, revision, applied: it.clone() });
                }
                account::Event::CreditToppedUp(it) => match it.origin {
                    CreditOrigin::Payment { .. } | CreditOrigin::Operator { .. } => {
                        self.first_paid = self.first_paid.or(Some((at, Moment::of(record))));
                    }
                    // Money that goes back to the tenant is not paid by it.
                    CreditOrigin::CreditNote { .. } => (),
                },
                account::Event::CreditDrawn(it) => {
                    let draw = match &it.purpose {
                        DrawPurpose::Usage { period, reached, kinds } => {
                            let (period, reached) = (*period, *reached);
                            Draw::Usage { period, reached, kinds: kinds.clone() }
                        }
                        DrawPurpose::Invoice { .. } | DrawPurpose::Payment { .. } => Draw::Invoice,
                    };
                    self.draws.insert(revision, draw);
                }
                account::Event::PlanPurchased(it) => {
                    let (plan, version, price) = (it.plan.clone(), it.version, it.price);
                    self.draws.insert(revision, Draw::Term { at, plan, version, price });
                }
                account::Event::CreditReturned(it) => {
                    if !self.draws.contains_key(&it.draw) {
                        let name = it.draw.to_string();
                        return Err(FoldError::Unknown { position, noun: "draw", name });
                    }
                    let (draw, kinds) = (it.draw, it.kinds.clone());
                    self.returns.push(Return { revision, draw, kinds });
                }
                // No price rests on a tier that was recorded: an audit compares it with its own.
                account::Event::DiscountTierReached(it) => {
                    self.tiers.push(Tier { position, revision, reached: it.clone() });
                }
                // Credit that moves without a charge, and what a tenant may run: no price rests on
                // either.
                account::Event::CreditExpired(_)
                | account::Event::CreditRefunded(_)
                | account::Event::CreditChargedBack(_)
                | account::Event::IdentityVerified(_)
                | account::Event::PaymentReferenceMapped(_)
                | account::Event::PlanAssigned(_)
                | account::Event::CostCapSet(_)
                | account::Event::SlotAllocated(_)
                | account::Event::SlotReleased(_)
                | account::Event::QuotaReserved(_)
                | account::Event::QuotaCommitted(_)
                | account::Event::QuotaReleased(_) => (),
            },
            // Payments stand here too; no price rests on them.
            Event::Enforcement(_)
            | Event::Catalog(_)
            | Event::Deployment(_)
            | Event::Usage(_)
            | Event::Inventory(_)
            | Event::Provider(_)
            | Event::Invoice(_)
            | Event::Operation(_)
            | Event::Support(_)
            | Event::Ledger(_) => (),
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Who it is.
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Whether it carries costs and is never invoiced.
    pub fn is_internal(&self) -> bool {
        self.registered.as_ref().is_some_and(|it| it.as_recorded.internal)
    }

    /// When it began, by the clock of the world or of the log, whichever is earlier.
    pub(super) fn begun_at(&self) -> Option<Timestamp> {
        self.registered.as_ref().map(|it| it.at.min(it.recorded_at))
    }

    /// The first month that the ledger bills: the one in which the registration was recorded.
    pub fn billed_since(&self) -> Option<BillingPeriod> {
        self.registered.as_ref().map(|it| it.recorded_at.period())
    }

    /// The one currency it is billed in, and whether its usage is drawn from credit.
    pub(super) fn terms(&self) -> Result<(Currency, Settlement), FactsError> {
        let unknown = || FactsError::TenantUnknown { tenant: self.tenant.clone() };
        let it = &self.registered.as_ref().ok_or_else(unknown)?.as_recorded;
        Ok((it.currency, it.settlement))
    }

    /// When it first paid.
    pub fn first_paid_at(&self) -> Option<Timestamp> {
        self.first_paid.map(|(at, _)| at)
    }

    /// When that was recorded.
    pub(super) fn first_payment(&self) -> Option<Moment> {
        self.first_paid.map(|(_, recorded)| recorded)
    }

    /// The discount tiers on record: the place of each in the log, its source and what it says.
    pub(super) fn tiers(&self) -> impl Iterator<Item = (Position, Sources, &DiscountTierReached)> {
        self.tiers.iter().map(|it| (it.position, self.source(it.revision), &it.reached))
    }

    /// How far the usage of a period was drawn.
    pub(super) fn settled_to(&self, period: BillingPeriod) -> Option<Revision> {
        let draws = self.draws.values().filter_map(|it| match it {
            Draw::Usage { period: of, reached, .. } if *of == period => *reached,
            Draw::Usage { .. } | Draw::Term { .. } | Draw::Invoice => None,
        });
        draws.max()
    }

    /// Whether its usage is drawn from credit.
    pub fn is_prepaid(&self) -> bool {
        let settlement = self.registered.as_ref().map(|it| it.as_recorded.settlement);
        settlement == Some(Settlement::Prepaid)
    }

    /// The tenant as a document prints it: by the profile that stands at an instant, else by the
    /// first one it was given, else by its name alone.
    pub fn party_at(&self, instant: Timestamp) -> Result<Party, FactsError> {
        if let Some(profile) = self.profile_at(instant) {
            return Ok(profile.set.customer.clone());
        }
        let unknown = || FactsError::TenantUnknown { tenant: self.tenant.clone() };
        let it = &self.registered.as_ref().ok_or_else(unknown)?.as_recorded;
        Ok(Party { name: it.name.clone(), address: Vec::new(), tax_number: None })
    }

    /// The tax of a period: of the profile that stands at an instant of it, at the latest at its
    /// end; where none was set by then, of the first one after, for it came late and was still the
    /// tenant's.
    pub fn tax(&self, period: BillingPeriod, until: Timestamp) -> Option<Tax> {
        let last_instant = period.ends_at().plus_micros(-1)?;
        let profile = self.profile_at(last_instant.min(until))?;
        let terms = profile.set.tax.clone()?;
        Some(Tax { terms, from: self.source(profile.revision) })
    }

    /// Coupons in the order in which they were applied.
    pub fn coupons(&self) -> Vec<AppliedCoupon> {
        let mut coupons = self.coupons.iter().collect::<Vec<_>>();
        coupons.sort_by_key(|it| (it.at, it.revision));
        let applied = |it: &Coupon| AppliedCoupon {
            code: it.applied.coupon.clone(),
            terms: it.applied.terms.clone(),
            since: it.at.period(),
            from: self.source(it.revision),
        };
        coupons.into_iter().map(applied).collect()
    }

    /// What credit has paid in a period: terms bought in it, and draws for its usage, less what
    /// went back of each.
    pub fn prepaid(
        &self,
        catalog: &CatalogFold,
        period: BillingPeriod,
        until: Timestamp,
    ) -> Result<Vec<Prepaid>, FactsError> {
        let mut prepaid = Vec::new();
        for (revision, draw) in &self.draws {
            let mut charges = match draw {
                Draw::Usage { period: of, kinds, .. } if *of == period => {
                    kinds.iter().map(usage_of).collect()
                }
                Draw::Term { at, plan, version, price } if period.contains(*at) && *at <= until => {
                    vec![self.term(catalog, plan, *version, *price)]
                }
                Draw::Usage { .. } | Draw::Term { .. } | Draw::Invoice => continue,
            };
            for it in &mut charges {
                it.from.extend(&self.source(*revision));
            }
            for back in self.returns.iter().filter(|it| it.draw == *revision) {
                let taken = take_back(&mut charges, &back.kinds, &self.source(back.revision));
                taken.map_err(|source| FactsError::Returned { draw: *revision, source })?;
            }
            prepaid.extend(charges);
        }
        let left = by_use(&prepaid).map_err(FactsError::Prepaid)?;
        prepaid.retain(|it| left.contains_key(&it.what));
        Ok(prepaid)
    }

    fn term(&self, catalog: &CatalogFold, plan: &PlanCode, version: u32, price: Money) -> Prepaid {
        let (name, from) = match catalog.plan(plan, version) {
            Some((published, from)) => (published.name.clone(), from),
            None => (Label::new(plan.as_str()).expect("a code is a name"), Sources::NONE),
        };
        Prepaid { what: PrepaidFor::Term(name), quantity: Quantity::whole(1), amount: price, from }
    }

    fn profile_at(&self, instant: Timestamp) -> Option<&Profile> {
        let standing = self.profiles.iter().filter(|it| it.at <= instant);
        let standing = standing.max_by_key(|it| (it.at, it.revision));
        standing.or_else(|| self.profiles.iter().min_by_key(|it| (it.at, it.revision)))
    }

    fn stream(&self) -> Stream {
        Stream::Account(self.tenant.clone())
    }

    fn source(&self, revision: Revision) -> Sources {
        Sources::one(self.stream(), revision)
    }
}

/// How much credit has paid for each use, and what that cost, exactly. What went back whole was
/// never charged and is not there.
pub(super) fn by_use(
    prepaid: &[Prepaid],
) -> Result<BTreeMap<PrepaidFor, (Exact, Exact)>, ExactError> {
    let mut left = BTreeMap::<PrepaidFor, (Exact, Exact)>::new();
    for it in prepaid {
        let (quantity, amount) = left.entry(it.what.clone()).or_default();
        *quantity = quantity.checked_add(it.quantity.get())?;
        *amount = amount.checked_add(it.amount.amount())?;
    }
    left.retain(|_, it| *it != (Exact::ZERO, Exact::ZERO));
    Ok(left)
}

fn usage_of(it: &KindAmount) -> Prepaid {
    let what = PrepaidFor::Usage(it.kind.clone());
    Prepaid { what, quantity: it.quantity, amount: it.amount, from: Sources::NONE }
}

/// What went back of a draw takes from what it was for.
fn take_back(
    charges: &mut [Prepaid],
    kinds: &[KindAmount],
    from: &Sources,
) -> Result<(), ExactError> {
    for back in kinds {
        let what = PrepaidFor::Usage(back.kind.clone());
        let Some(charge) = charges.iter_mut().find(|it| it.what == what) else { continue };
        let amount = charge.amount.amount().checked_sub(back.amount.amount())?;
        charge.amount = Money::new(amount, charge.amount.currency());
        let quantity = charge.quantity.checked_sub(back.quantity);
        charge.quantity = quantity.map_err(|_| ExactError::Overflow)?;
        charge.from.extend(from);
    }
    Ok(())
}
