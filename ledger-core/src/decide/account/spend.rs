//! What a tenant's month is projected to cost and may cost: the figures that the guard decides by,
//! and when somebody must be told of them. What it has cost by now is its accrual.
//!
//! All that holds room is projected for a whole month, and what usage has cost is added. An hour of
//! what runs is usage too, once it is metered, so a kind that is both counts once: by what is more.
//!
//! That a part of the bound was reached follows from what is recorded, so it is no event: whoever
//! tells people keeps what it told last, and asks what was crossed since. So each part is told once
//! when it is reached, and once when it is left.

use std::collections::BTreeMap;

use super::Account;
use super::credit::of;
use super::guard::{Grant, GuardRefusal};
use crate::catalog::Limits;
use crate::decide::catalog::Offers;
use crate::event::account::{KindAmount, ReservedItem, Settlement};
use crate::id::ResourceKind;
use crate::money::{Currency, Exact, Money, MoneyError, Ratio, Rounding};
use crate::time::{BillingPeriod, Timestamp};

/// A month of something that runs, in hours.
pub const HOURS_PER_MONTH: i64 = 720;

/// The parts of the bound that somebody is told of, in percent.
pub const ALERTS: [u8; 3] = [50, 80, 100];

/// A tenant's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// How many instances hold room.
    pub instances: u64,
    /// What it is projected to cost: the guard's own figure.
    pub projected: Money,
    /// The tenant's own cap.
    pub cap: Option<Money>,
    /// What its plan allows now; none without a plan or without limits.
    pub limits: Option<Limits>,
    /// The projection in percent of the lower of the two, to one decimal; none of nothing.
    pub percent: Option<Exact>,
    /// The greatest of [`ALERTS`] that it reaches.
    pub alert: Option<u8>,
}

/// A part of the bound, reached or left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crossed {
    /// It was below, and is not any more.
    Up(u8),
    /// It was reached, and is not any more.
    Down(u8),
}

impl Spend {
    /// What the plan allows the month to cost.
    pub fn limit(&self) -> Option<Money> {
        self.limits.as_ref().map(|it| it.max_monthly_provisioning)
    }
}

/// Amounts of the account's currency.
type ByKind = BTreeMap<ResourceKind, Exact>;

impl Account {
    /// What its plan allows now; none without a plan or without limits.
    pub(super) fn limits<'a>(&self, offers: &'a Offers) -> Option<&'a Limits> {
        offers.plan(self.plan()?)?.plan.limits.as_ref()
    }

    /// Whether its usage is drawn from its credit, so that the account knows what it has cost, as
    /// last settled. Of any other somebody has to say what its usage comes to by now.
    pub fn draws_usage(&self) -> bool {
        self.registered().is_some_and(|it| it.settlement == Settlement::Prepaid && !it.internal)
    }

    /// Its month. `used` is what usage has cost in it, where the account does not
    /// [draw](Self::draws_usage) it.
    pub fn spend(
        &self,
        offers: &Offers,
        used: &[KindAmount],
        at: Timestamp,
    ) -> Result<Spend, GuardRefusal> {
        let projected = self.projected(used, at)?;
        let limits = self.limits(offers).cloned();
        let (instances, cap) = (self.instances(), self.cap());
        let mut spend = Spend { instances, projected, cap, limits, percent: None, alert: None };
        let bounds = [spend.cap, spend.limit()].into_iter().flatten();
        for it in bounds.clone() {
            projected.expect_same(it)?;
        }
        if let Some(bound) = bounds.map(Money::amount).min() {
            (spend.percent, spend.alert) = part(projected.amount(), bound)?;
        }
        Ok(spend)
    }

    /// What the month of an instant is projected to cost: all that holds room, for 720 hours, and
    /// what usage has cost.
    pub fn projected(&self, used: &[KindAmount], at: Timestamp) -> Result<Money, GuardRefusal> {
        self.projected_with(&[], used, at)
    }

    /// The same with more that is to hold room.
    pub(super) fn projected_with(
        &self,
        more: &[ReservedItem],
        used: &[KindAmount],
        at: Timestamp,
    ) -> Result<Money, GuardRefusal> {
        let currency = self.currency().ok_or(GuardRefusal::TenantUnknown)?;
        let mut kinds = self.used(used, currency, at.period())?;
        let mut granted = ByKind::new();
        for it in self.grants.values().flat_map(Grant::items).chain(more) {
            add(&mut granted, &it.kind, monthly(it)?)?;
        }
        for (kind, amount) in granted {
            let used = kinds.entry(kind).or_default();
            *used = amount.max(*used);
        }
        // What was corrected to less than nothing makes no room for anything else.
        let mut kinds = kinds.into_values().map(|it| it.max(Exact::ZERO));
        let sum = kinds.try_fold(Exact::ZERO, Exact::checked_add).map_err(MoneyError::from)?;
        Ok(Money::new(sum, currency))
    }

    /// What usage has cost in a month: what was drawn for it, or what is said.
    fn used(
        &self,
        said: &[KindAmount],
        currency: Currency,
        period: BillingPeriod,
    ) -> Result<ByKind, MoneyError> {
        if self.draws_usage() {
            return self.credit.drawn_in(period);
        }
        let mut kinds = ByKind::new();
        for it in said {
            add(&mut kinds, &it.kind, of(it.amount, currency)?)?;
        }
        Ok(kinds)
    }
}

fn add(kinds: &mut ByKind, kind: &ResourceKind, amount: Exact) -> Result<(), MoneyError> {
    let sum = kinds.entry(kind.clone()).or_default();
    *sum = sum.checked_add(amount)?;
    Ok(())
}

/// What a month of an item costs, exactly.
fn monthly(item: &ReservedItem) -> Result<Exact, MoneyError> {
    let hours = Exact::whole(HOURS_PER_MONTH).checked_mul(Exact::whole(i64::from(item.count)))?;
    Ok(item.price_per_hour.get().checked_mul(hours)?)
}

/// What part of a bound an amount is, and the greatest alert that it reaches. Anything is more than
/// a bound of nothing, and nothing is no part of any.
fn part(amount: Exact, bound: Exact) -> Result<(Option<Exact>, Option<u8>), MoneyError> {
    let reaches = |percent: u8| {
        let hundredfold = amount.checked_mul(Exact::whole(100))?;
        Ok::<_, MoneyError>(hundredfold >= bound.checked_mul(Exact::whole(i64::from(percent)))?)
    };
    let mut alert = None;
    for percent in ALERTS {
        if amount > Exact::ZERO && reaches(percent)? {
            alert = Some(percent);
        }
    }
    if bound.is_zero() {
        return Ok((None, alert));
    }
    let part = Ratio::from(amount).checked_div(bound.into())?.checked_mul(Ratio::whole(100))?;
    Ok((Some(part.round(1, Rounding::default())?), alert))
}

/// What was crossed between two answers, in the order in which it happened.
pub fn crossed(before: Option<u8>, after: Option<u8>) -> Vec<Crossed> {
    let between = |low: Option<u8>, high: Option<u8>| {
        ALERTS.into_iter().filter(move |it| Some(*it) > low && Some(*it) <= high)
    };
    let up = between(before, after).map(Crossed::Up);
    let down = between(after, before).rev().map(Crossed::Down);
    up.chain(down).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::decide::Refusal as _;
    use crate::decide::account::UsageDue;
    use crate::decide::account::credit::CreditRefusal;
    use crate::decide::account::guard::{Reserve, Wanted};
    use crate::decide::account::tests::{invoiced, lot, tenant, tokens, usd};
    use crate::decide::script::{Script, offers};
    use crate::event::account::ReleaseReason;
    use crate::id::Role;
    use crate::testing::cases;

    /// On free: 20.00 a month.
    fn on_free(cap: Option<i128>) -> Script<Account> {
        let mut script = invoiced();
        script.take(script.state.assign_plan(&offers(), &"free".parse().unwrap()));
        script.take(script.state.set_cost_cap(cap.map(usd)));
        script
    }

    #[track_caller]
    fn is(cap: Option<i128>, metered: i128, percent: Option<&str>, alert: Option<u8>) {
        let script = on_free(cap);
        let spend = script.state.spend(&offers(), &tokens(metered), script.at).unwrap();
        let limits = offers().plan(&"free".parse().unwrap()).unwrap().plan.limits.clone();
        let percent = percent.map(|it| it.parse().unwrap());
        let (projected, cap) = (usd(metered), cap.map(usd));
        assert_eq!(spend, Spend { instances: 0, projected, cap, limits, percent, alert });
    }

    #[test]
    fn the_lower_of_cap_and_limit_is_what_counts() {
        is(None, 0, Some("0.0"), None);
        is(None, 999, Some("50.0"), None);
        is(None, 1_000, Some("50.0"), Some(50));
        is(None, 1_599, Some("80.0"), Some(50));
        is(None, 1_600, Some("80.0"), Some(80));
        is(None, 2_000, Some("100.0"), Some(100));
        is(None, 2_501, Some("125.1"), Some(100));
        is(Some(1_500), 1_000, Some("66.7"), Some(50));
        is(Some(5_000), 1_000, Some("50.0"), Some(50));
        is(Some(0), 0, None, None);
        is(Some(0), 1, None, Some(100));
    }

    #[test]
    fn without_a_bound_there_is_no_part_of_it() {
        let script = invoiced();
        let spend = script.state.spend(&offers(), &tokens(700), script.at).unwrap();
        assert_eq!(
            (spend.cap, spend.limit(), spend.percent, spend.alert),
            (None, None, None, None)
        );
        let mut euro = tokens(100);
        euro[0].amount = Money::parse("1", "EUR".parse().unwrap()).unwrap();
        let refusal = on_free(None).state.spend(&offers(), &euro, script.at).unwrap_err();
        assert_eq!(refusal.code(), "currency_mismatch");
        let nobody = Account::default().spend(&offers(), &[], script.at).unwrap_err();
        assert_eq!(nobody.code(), "tenant_unknown");
    }

    fn node(script: &Script<Account>, name: &str, used: Vec<KindAmount>) -> Reserve {
        Reserve {
            reservation: name.parse().unwrap(),
            items: vec![Wanted { kind: "node_hour".parse().unwrap(), count: 1 }],
            deployment: None,
            used,
            at: script.at,
        }
    }

    fn nodes(cents: i128) -> Vec<KindAmount> {
        vec![KindAmount { kind: "node_hour".parse().unwrap(), ..tokens(cents)[0].clone() }]
    }

    /// Settles what usage of the month comes to by now, kind by kind.
    fn settle(script: &mut Script<Account>, kinds: Vec<KindAmount>) {
        let reached = Some(script.revision());
        let due = UsageDue { period: script.at.period(), reached, kinds };
        let events = script.state.settle_usage(&due, script.at);
        script.take::<CreditRefusal>(events);
    }

    /// A node that ran all of April was drawn for 5.04, and is projected to cost 5.04: once.
    #[test]
    fn an_hour_that_was_drawn_is_not_projected_again() {
        let mut script = tenant();
        script.take(script.state.assign_plan(&offers(), &"small".parse().unwrap()));
        script.take(script.state.set_cost_cap(Some(usd(1_500))));
        script.take(script.state.top_up(&lot("a", 10_000), script.at));
        let first = node(&script, "r-1", Vec::new());
        script.take(script.state.reserve(&offers(), &first));
        script.take(script.state.commit(&first.reservation, Vec::new()));
        script.pass(29 * 86_400);
        settle(&mut script, nodes(504));
        assert_eq!(script.state.projected(&[], script.at), Ok(usd(504)));
        // 5.04 + 5.04 = 10.08 of 15.00. Counted twice it would be 15.12.
        let second = node(&script, "r-2", Vec::new());
        assert_eq!(script.take(script.state.reserve(&offers(), &second)), 1);
        assert_eq!(script.state.projected(&[], script.at), Ok(usd(1_008)));
        // A kind that nothing was granted of counts beside them.
        settle(&mut script, [nodes(504), tokens(300)].concat());
        assert_eq!(script.state.projected(&[], script.at), Ok(usd(1_308)));
        // What has cost more than its grants still hold has cost it: nothing is freed by ending it.
        settle(&mut script, [nodes(1_200), tokens(300)].concat());
        assert_eq!(script.state.projected(&[], script.at), Ok(usd(1_500)));
        for name in [&first.reservation, &second.reservation] {
            let events = script.state.commit(name, Vec::new());
            script.take(events);
            let ended = script.state.release(name, ReleaseReason::Destroyed, Role::Operator);
            script.take(ended);
        }
        assert_eq!(script.state.projected(&[], script.at), Ok(usd(1_500)));
        // In May nothing of it counts.
        script.pass(2 * 86_400);
        assert_eq!(script.state.projected(&[], script.at), Ok(usd(0)));
    }

    /// What is said of an invoiced tenant's usage counts; of a prepaid one the account knows it.
    #[test]
    fn usage_counts_whoever_is_billed_for_it_however() {
        let of = |mut script: Script<Account>| {
            script.take(script.state.assign_plan(&offers(), &"free".parse().unwrap()));
            script.take(script.state.set_cost_cap(Some(usd(1_000))));
            script
        };
        let invoiced = of(invoiced());
        assert!(!invoiced.state.draws_usage());
        let spend = invoiced.state.spend(&offers(), &tokens(10_000), invoiced.at).unwrap();
        assert_eq!((spend.projected, spend.alert), (usd(10_000), Some(100)));
        let wish = node(&invoiced, "r-1", tokens(10_000));
        let refusal = invoiced.state.reserve(&offers(), &wish).unwrap_err();
        assert_eq!(refusal.code(), "upgrade_required");
        let wish = node(&invoiced, "r-1", tokens(497));
        assert_eq!(
            invoiced.state.reserve(&offers(), &wish).unwrap_err().code(),
            "cost_cap_reached"
        );
        let wish = node(&invoiced, "r-1", tokens(496));
        assert_eq!(invoiced.state.reserve(&offers(), &wish).unwrap().len(), 1);

        let mut prepaid = of(tenant());
        assert!(prepaid.state.draws_usage());
        prepaid.take(prepaid.state.top_up(&lot("a", 10_000), prepaid.at));
        settle(&mut prepaid, tokens(497));
        let wish = node(&prepaid, "r-1", Vec::new());
        assert_eq!(prepaid.state.reserve(&offers(), &wish).unwrap_err().code(), "cost_cap_reached");
        assert_eq!(prepaid.state.projected(&tokens(1), prepaid.at), Ok(usd(497)));
    }

    #[test]
    fn several_are_crossed_in_order() {
        use Crossed::{Down, Up};
        assert_eq!(crossed(None, Some(100)), [Up(50), Up(80), Up(100)]);
        assert_eq!(crossed(Some(100), Some(50)), [Down(100), Down(80)]);
        assert_eq!(crossed(Some(80), Some(80)), []);
    }

    proptest! {
        #![proptest_config(cases(10_000))]

        /// However the spend moves, each part is told once up and once down by turns, beginning
        /// with up, and what was told last says where it stands.
        #[test]
        fn each_alert_is_told_once_up_and_once_down(
            cap in proptest::option::of(0_i128..4_000),
            months in vec(0_i128..4_000, 0..12),
        ) {
            let account = on_free(cap);
            let bound = cap.map_or(2_000, |it| it.min(2_000));
            let mut told = [false; ALERTS.len()];
            let mut last = None;
            for metered in months {
                let used = tokens(metered);
                let spend = account.state.spend(&offers(), &used, account.at).unwrap();
                for it in crossed(last, spend.alert) {
                    let (percent, is_up) = match it {
                        Crossed::Up(it) => (it, true),
                        Crossed::Down(it) => (it, false),
                    };
                    let place = ALERTS.iter().position(|alert| *alert == percent).unwrap();
                    prop_assert_ne!(told[place], is_up);
                    told[place] = is_up;
                }
                last = spend.alert;
                let hundredfold = metered * 100;
                let reaches =
                    ALERTS.map(|it| metered > 0 && hundredfold >= bound * i128::from(it));
                prop_assert_eq!(told, reaches);
            }
        }
    }
}
