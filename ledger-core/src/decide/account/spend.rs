//! What a tenant's month is projected to cost and may cost: the figures that the guard decides by,
//! and when somebody must be told of them. What it has cost by now is its accrual.
//!
//! That a part of the bound was reached follows from what is recorded, so it is no event: whoever
//! tells people keeps what it told last, and asks what was crossed since. So each part is told once
//! when it is reached, and once when it is left.

use super::Account;
use crate::catalog::Limits;
use crate::decide::catalog::Offers;
use crate::money::{Exact, Money, MoneyError, Ratio, Rounding};

/// The parts of the bound that somebody is told of, in percent.
pub const ALERTS: [u8; 3] = [50, 80, 100];

/// A tenant's month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spend {
    /// What it is projected to cost: the guard's own figure.
    pub projected: Money,
    /// The tenant's own cap.
    pub cap: Option<Money>,
    /// What the plan allows; none without a plan or without limits.
    pub limit: Option<Money>,
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

impl Account {
    /// What its plan allows now; none without a plan or without limits.
    pub fn limits<'a>(&self, offers: &'a Offers) -> Option<&'a Limits> {
        offers.plan(self.plan()?)?.plan.limits.as_ref()
    }

    /// Its month, with what the metered kinds cost as last settled.
    pub fn spend(&self, offers: &Offers, metered: Money) -> Result<Spend, MoneyError> {
        let projected = self.projected(metered)?;
        let limit = self.limits(offers).map(|it| it.max_monthly_provisioning);
        let bounds = [self.cap(), limit].into_iter().flatten();
        for it in bounds.clone() {
            projected.expect_same(it)?;
        }
        let bound = bounds.map(Money::amount).min();
        let (percent, alert) = bound.map_or(Ok((None, None)), |it| part(projected.amount(), it))?;
        Ok(Spend { projected, cap: self.cap(), limit, percent, alert })
    }
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
    use crate::decide::account::tests::{tenant, usd};
    use crate::decide::script::{Script, offers};
    use crate::testing::cases;

    /// On free: 20.00 a month.
    fn on_free(cap: Option<i128>) -> Script<Account> {
        let mut script = tenant();
        script.take(script.state.assign_plan(&offers(), &"free".parse().unwrap()));
        script.take(script.state.set_cost_cap(cap.map(usd)));
        script
    }

    #[track_caller]
    fn is(cap: Option<i128>, metered: i128, percent: Option<&str>, alert: Option<u8>) {
        let spend = on_free(cap).state.spend(&offers(), usd(metered)).unwrap();
        let limit = Some(usd(2_000));
        let percent = percent.map(|it| it.parse().unwrap());
        let (projected, cap) = (usd(metered), cap.map(usd));
        assert_eq!(spend, Spend { projected, cap, limit, percent, alert });
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
        let spend = tenant().state.spend(&offers(), usd(700)).unwrap();
        assert_eq!((spend.cap, spend.limit, spend.percent, spend.alert), (None, None, None, None));
        let euro = Money::parse("1", "EUR".parse().unwrap()).unwrap();
        assert!(on_free(None).state.spend(&offers(), euro).is_err());
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
                let spend = account.state.spend(&offers(), usd(metered)).unwrap();
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
