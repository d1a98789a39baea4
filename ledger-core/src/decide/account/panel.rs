//! What a tenant sees of its quota: plan and slots, credit, its tier and the next, last activity.
//!
//! Nothing is decided by it. It is the fold of the account, read with what is on offer.

use super::{Account, Term};
use crate::catalog::{Ladder, LadderTier};
use crate::decide::catalog::Offers;
use crate::money::{Currency, Money, MoneyError};
use crate::price::{tier_after, tier_at};
use crate::time::Timestamp;

/// The quota of a tenant at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel<'a> {
    /// The term that runs.
    pub term: Option<&'a Term>,
    /// How many of its slots are in use.
    pub slots_used: u32,
    /// What may be spent; below zero where more is owed than there is.
    pub credit: Money,
    /// The tier it is on, and since when.
    pub tier: Option<(&'a LadderTier, Timestamp)>,
    /// The tier that comes next, and when.
    pub next_tier: Option<(&'a LadderTier, Timestamp)>,
    /// The last time that the tenant itself did something.
    pub active_at: Option<Timestamp>,
}

impl Account {
    /// Its quota at an instant; none of nobody.
    pub fn panel<'a>(
        &'a self,
        offers: &'a Offers,
        at: Timestamp,
    ) -> Result<Option<Panel<'a>>, MoneyError> {
        let Some(currency) = self.currency() else { return Ok(None) };
        let term = self.term().filter(|it| it.is_active(at));
        let (ladder, first) = (self.ladder(offers, currency, at), self.credit.first_paid_at());
        Ok(Some(Panel {
            term,
            slots_used: u32::try_from(self.slots(at).count()).unwrap_or(u32::MAX),
            credit: Money::new(self.credit.balance(at)?, currency),
            tier: ladder.and_then(|it| tier_at(it, first, at)),
            next_tier: ladder.and_then(|it| tier_after(it, first, at)),
            active_at: self.active_at,
        }))
    }

    /// The ladder of the plan it bought last, else of the price list.
    fn ladder<'a>(
        &self,
        offers: &'a Offers,
        currency: Currency,
        at: Timestamp,
    ) -> Option<&'a Ladder> {
        let of_plan = || offers.plan(&self.term()?.plan)?.plan.ladder.as_ref();
        of_plan().or_else(|| offers.ladder(currency, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::decide::account::purchase::Purchase;
    use crate::decide::account::tests::{lot, tenant, usd};
    use crate::decide::script::Script;
    use crate::event::account::IdentityVerified;
    use crate::id::Role;

    fn quota_shop(change: impl FnOnce(&mut Catalog)) -> Offers {
        let catalog = include_str!("../../../../fixtures/catalogs/quota-usd.json");
        let mut catalog = Catalog::read(catalog).unwrap();
        change(&mut catalog);
        let mut script = Script::<Offers>::new();
        let events = script.state.publish(&catalog, script.at);
        script.take(events);
        script.state
    }

    fn named(tier: Option<(&LadderTier, Timestamp)>) -> Option<(String, Timestamp)> {
        tier.map(|(it, at)| (it.name.to_string(), at))
    }

    #[test]
    fn a_tenant_sees_what_it_has_and_what_comes_next() {
        let (offers, mut script) = (quota_shop(|_| ()), tenant());
        let panel = |script: &Script<Account>| {
            let panel = script.state.panel(&offers, script.at).unwrap().unwrap();
            let slots = panel.term.map(|it| (it.slots, panel.slots_used, it.ends_at));
            (slots, panel.credit, named(panel.tier), named(panel.next_tier), panel.active_at)
        };
        // Before it paid there is no tier to come, because nobody knows when.
        assert_eq!(panel(&script), (None, usd(0), None, None, None));
        let paid_at = script.at;
        script.take(script.state.verify_identity(&IdentityVerified { evidence: None }));
        script.take(script.state.top_up(&lot("a", 1_250), paid_at));
        let day = |days: i64| paid_at.plus_seconds(days * 86_400).unwrap();
        let tier = |name: &str, days| Some((name.to_owned(), day(days)));
        assert_eq!(panel(&script), (None, usd(1_250), None, tier("week", 7), None));

        script.pass(86_400);
        script.role = Role::Tenant;
        let buy = Purchase { plan: "vm5".parse().unwrap(), at: script.at, key: None };
        script.take(script.state.purchase(&offers, &buy));
        script.take(script.state.allocate_slot(&"vm-1".parse().unwrap(), script.at));
        let (slots, did) = (Some((5, 1, day(31))), Some(day(1)));
        assert_eq!(panel(&script), (slots, usd(250), None, tier("week", 7), did));
        script.pass(6 * 86_400);
        assert_eq!(panel(&script), (slots, usd(250), tier("week", 7), tier("month", 30), did));
        script.pass(24 * 86_400);
        // The term is over at its end; after the last tier none comes.
        assert_eq!(panel(&script), (None, usd(250), tier("month", 30), None, did));
        // What somebody else does is no activity of the tenant.
        script.role = Role::Operator;
        script.take(script.state.top_up(&lot("b", 1), script.at));
        assert_eq!(panel(&script).4, did);
        assert_eq!(Account::default().panel(&offers, script.at), Ok(None));
    }

    #[test]
    fn the_tiers_are_those_of_the_plan_that_was_bought() {
        let offers = quota_shop(|catalog| {
            let of_list = catalog.resource_prices.iter().find_map(|it| it.ladder.clone());
            let mut own = of_list.unwrap();
            own.tiers.truncate(1);
            own.tiers.iter_mut().for_each(|it| it.name = "own".parse().unwrap());
            let bought = catalog.plans.iter_mut().find(|it| it.plan.as_str() == "vm5");
            bought.unwrap().ladder = Some(own);
        });
        let mut script = tenant();
        let paid_at = script.at;
        script.take(script.state.verify_identity(&IdentityVerified { evidence: None }));
        script.take(script.state.top_up(&lot("a", 1_250), paid_at));
        let next = |script: &Script<Account>| {
            let panel = script.state.panel(&offers, script.at).unwrap().unwrap();
            named(panel.next_tier).map(|(name, _)| name)
        };
        assert_eq!(next(&script).as_deref(), Some("week"));
        let buy = Purchase { plan: "vm5".parse().unwrap(), at: script.at, key: None };
        script.take(script.state.purchase(&offers, &buy));
        assert_eq!(next(&script).as_deref(), Some("own"));
    }
}
