//! The days of a period, and the runs they fall into.
//!
//! What holds at the end of a day holds for the day. A run is a longest sequence of days under one
//! plan version; pausing, suspending or cancelling inside it charges nothing and does not split it.

use super::explain::{Sources, Step};
use super::facts::{Attached, Bound, Charged, Deployment, Facts};
use super::{PriceError, Rule, measure};
use crate::money::{Money, Ratio};
use crate::time::{Day, Timestamp};

/// Some days in a row under one version, or under none.
pub(super) struct Run<'a> {
    pub(super) bound: Option<&'a Bound>,
    first: Day,
    last: Day,
    days: u8,
    charged: Vec<(Day, &'a Charged)>,
}

impl<'a> Run<'a> {
    /// Whether an instant lies in it.
    pub(super) fn contains(&self, at: Timestamp) -> bool {
        self.first <= at.day() && at.day() <= self.last
    }

    /// Its first instant.
    pub(super) fn starts_at(&self) -> Timestamp {
        self.first.starts_at()
    }

    /// The first instant after it, or the one that is priced at, which may come before.
    pub(super) fn ends_at(&self, until: Timestamp) -> Timestamp {
        self.last.ends_at().unwrap_or(Timestamp::MAX).min(until)
    }

    /// Its first day, and the day after its last.
    pub(super) fn days(&self) -> (Day, Day) {
        (self.first, self.last.next().unwrap_or(self.last))
    }

    /// Whether any of its days is charged.
    pub(super) const fn is_charged(&self) -> bool {
        !self.charged.is_empty()
    }

    /// How many of its days are charged.
    pub(super) fn charged_days(&self) -> u8 {
        u8::try_from(self.charged.len()).expect("a run has at most the days of a month")
    }

    /// What of a level accrues in its days, charged or not: usage is billed in any state.
    pub(super) fn accrued(&self, facts: &Facts, level: Step) -> Result<Step, PriceError> {
        if self.days == facts.period.days() {
            return Ok(level);
        }
        let days = Step::given("days of the run", Ratio::whole(i64::from(self.days)));
        measure::part("for the days of the run", level, share_of_whole(days, month(facts))?)
    }

    /// The share of the month that is charged.
    pub(super) fn share(&self, facts: &Facts) -> Result<Step, PriceError> {
        share(facts, "days charged", &self.charged, Sources::NONE)
    }

    /// The share of the month in which an attachment is charged, and its days.
    pub(super) fn share_of(
        &self,
        facts: &Facts,
        attached: &Attached,
    ) -> Result<(Step, u8), PriceError> {
        let holds = |day: Day| attached_on(attached, day, facts.until);
        let days = self.charged.iter().filter(|(day, _)| holds(*day)).copied().collect::<Vec<_>>();
        let count = u8::try_from(days.len()).expect("a run has at most the days of a month");
        Ok((share(facts, "days attached and charged", &days, attached.from.clone())?, count))
    }
}

fn share(
    facts: &Facts,
    what: &'static str,
    charged: &[(Day, &Charged)],
    mut from: Sources,
) -> Result<Step, PriceError> {
    let mut last: Option<&Charged> = None;
    for (_, change) in charged {
        if !last.is_some_and(|it| std::ptr::eq(it, *change)) {
            from.extend(&change.from);
            last = Some(change);
        }
    }
    let count = i64::try_from(charged.len()).expect("a run has at most the days of a month");
    let days = Step::fact(what, Ratio::whole(count), from);
    share_of_whole(days, month(facts))
}

fn month(facts: &Facts) -> Step {
    Step::given("days of the month", Ratio::whole(i64::from(facts.period.days())))
}

fn share_of_whole(part: Step, whole: Step) -> Result<Step, PriceError> {
    Ok(Step::derive("share of the whole", Rule::Quotient, vec![part, whole])?)
}

/// An amount for a part of an interval, unrounded: 9 days of 31, or 12 hours of 24.
///
/// Any interval and any denominator; documents bill days of calendar months through the same steps.
/// Where the whole is zero there is no part of it.
pub fn prorate(amount: Money, part: u32, whole: u32) -> Result<Step, PriceError> {
    let number = |it: u32| Ratio::whole(i64::from(it));
    let (part, whole) = (Step::given("part", number(part)), Step::given("whole", number(whole)));
    let price = Step::given("price of the whole", amount.amount());
    measure::part("for the part", price, share_of_whole(part, whole)?)
}

/// The last instant of a day, or the one that is priced at, if that comes first.
fn cutoff(day: Day, until: Timestamp) -> Timestamp {
    let last = day.ends_at().and_then(|it| it.plus_micros(-1)).unwrap_or(Timestamp::MAX);
    last.min(until)
}

/// What a series of changes stands at; of several at one instant the later recorded counts.
fn standing<T>(changes: &[T], at: impl Fn(&T) -> Timestamp, cutoff: Timestamp) -> Option<&T> {
    changes.iter().filter(|it| at(it) <= cutoff).max_by_key(|it| at(it))
}

/// The version that a day of a deployment is priced by; nothing where none was ever bound.
pub fn bound_on(it: &Deployment, day: Day, until: Timestamp) -> Option<&Bound> {
    standing(&it.bound, |it| it.at, cutoff(day, until))
}

/// What makes a day of a deployment charged, priced at an instant; nothing where the day is free.
pub fn charged_on(it: &Deployment, day: Day, until: Timestamp) -> Option<&Charged> {
    let end = cutoff(day, until);
    let is_bound = bound_on(it, day, until).is_some();
    standing(&it.charged, |it| it.at, end).filter(|it| it.is_charged && is_bound)
}

/// Whether an addon is attached on a day, priced at an instant.
pub fn attached_on(it: &Attached, day: Day, until: Timestamp) -> bool {
    let end = cutoff(day, until);
    it.attached_at <= end && it.detached_at.is_none_or(|it| it > end)
}

/// The runs of a deployment in a period, in order. Without a deployment there is one, of all days.
pub(super) fn runs<'a>(facts: &Facts, deployment: Option<&'a Deployment>) -> Vec<Run<'a>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    for day in facts.period.each_day().take_while(|day| day.starts_at() <= facts.until) {
        let bound = deployment.and_then(|it| bound_on(it, day, facts.until));
        let charged = deployment.and_then(|it| charged_on(it, day, facts.until));
        let identity = |it: &Bound| (it.plan.plan.clone(), it.version);
        match runs.last_mut() {
            Some(run) if run.bound.map(identity) == bound.map(identity) => {
                run.last = day;
                run.days += 1;
            }
            _ => runs.push(Run { bound, first: day, last: day, days: 1, charged: Vec::new() }),
        }
        if let (Some(run), Some(change)) = (runs.last_mut(), charged) {
            run.charged.push((day, change));
        }
    }
    runs
}
