//! Support cases: one stream a UTC day, numbers without a gap, open to everybody, also while
//! suspended.

use std::collections::BTreeMap;

use super::{Refusal, RefusalKind, nothing, one};
use crate::event::Event;
use crate::event::support::{self, CaseClosed, CaseOpened};
use crate::fold::{FoldError, FoldProblem, Reached};
use crate::id::{CaseNumber, IdError, InvoiceNumber, Key, Label, Note, TenantId};
use crate::log::Record;
use crate::stream::Stream;
use crate::time::{Day, Timestamp};

/// What stands before a number's day where nothing else is set.
pub const NUMBER_PREFIX: &str = "CF";

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// What was asked.
    pub opened: CaseOpened,
    /// When.
    pub opened_at: Timestamp,
    /// What was answered, and when.
    pub closed: Option<(CaseClosed, Timestamp)>,
    /// The command that opened it.
    key: Option<Key>,
}

/// The fold of `support-{day}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cases {
    day: Day,
    reached: Reached,
    cases: BTreeMap<CaseNumber, Case>,
}

/// Somebody asks for help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCase {
    /// Who.
    pub tenant: TenantId,
    /// About what.
    pub subject: Label,
    /// The invoice it is about, where it is about one.
    pub invoice: Option<InvoiceNumber>,
    /// The name by which a repeat is known.
    pub key: Option<Key>,
}

/// Why a case is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaseRefusal {
    /// The day is over, or has not begun.
    #[error("{now} is not on {day}")]
    OtherDay {
        /// The day of the stream.
        day: Day,
        /// The clock.
        now: Timestamp,
    },
    /// The prefix does not make a number.
    #[error("the next number is not one")]
    Number(#[source] IdError),
    /// No such case.
    #[error("no case is called {number}")]
    CaseUnknown {
        /// The number.
        number: CaseNumber,
    },
}

impl Refusal for CaseRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::OtherDay { .. } => "other_day",
            Self::Number(_) => "number_prefix_invalid",
            Self::CaseUnknown { .. } => "case_unknown",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::OtherDay { .. } => RefusalKind::Conflict,
            Self::Number(_) => RefusalKind::Unprocessable,
            Self::CaseUnknown { .. } => RefusalKind::NotFound,
        }
    }
}

impl Cases {
    /// No case yet.
    pub fn of(day: Day) -> Self {
        Self { day, reached: Reached::default(), cases: BTreeMap::new() }
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// All cases of the day, by number.
    pub fn all(&self) -> impl Iterator<Item = &Case> {
        self.cases.values()
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &Stream::Support(self.day))?;
        let position = record.position;
        let Event::Support(event) = &record.event else {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            return Err(FoldError::Contradiction { position, problem });
        };
        let at = record.occurred_at;
        match event {
            support::Event::CaseOpened(it) => {
                let (opened, key) = (it.clone(), record.key.clone());
                let case = Case { opened, opened_at: at, closed: None, key };
                if self.cases.insert(it.number.clone(), case).is_some() {
                    let name = it.number.to_string();
                    return Err(FoldError::Repeated { position, noun: "case", name });
                }
            }
            support::Event::CaseClosed(it) => match self.cases.get_mut(&it.number) {
                Some(case) => case.closed = Some((it.clone(), at)),
                None => {
                    let name = it.number.to_string();
                    return Err(FoldError::Unknown { position, noun: "case", name });
                }
            },
        }
        Ok(self)
    }

    /// The case that a command opened.
    pub fn opened_by(&self, key: &Key) -> Option<&Case> {
        self.cases.values().find(|it| it.key.as_ref() == Some(key))
    }

    /// Opens a case under the day's next number. The same command again changes nothing.
    pub fn open(
        &self,
        command: &OpenCase,
        prefix: &str,
        now: Timestamp,
    ) -> Result<Vec<Event>, CaseRefusal> {
        let day = self.day;
        if command.key.as_ref().is_some_and(|it| self.opened_by(it).is_some()) {
            return nothing();
        }
        if now.day() != day {
            return Err(CaseRefusal::OtherDay { day, now });
        }
        let (year, month, of_month) = day.date();
        let ordinal = self.cases.len() + 1;
        let number = format!("{prefix}-{year:04}{month:02}{of_month:02}-{ordinal:04}");
        let number = CaseNumber::new(&number).map_err(CaseRefusal::Number)?;
        let OpenCase { tenant, subject, invoice, .. } = command.clone();
        one(CaseOpened { number, tenant, subject, invoice })
    }

    /// Closes a case; `of` is the tenant that asks, where it is not an operator. Another tenant's
    /// case is unknown to it. Twice changes nothing.
    pub fn close(
        &self,
        number: &CaseNumber,
        of: Option<&TenantId>,
        resolution: Option<Note>,
    ) -> Result<Vec<Event>, CaseRefusal> {
        let may_see = |it: &&Case| of.is_none_or(|tenant| *tenant == it.opened.tenant);
        match self.cases.get(number).filter(may_see) {
            None => Err(CaseRefusal::CaseUnknown { number: number.clone() }),
            Some(case) if case.closed.is_some() => nothing(),
            Some(_) => one(CaseClosed { number: number.clone(), resolution }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::script::{Folded, Script};
    use crate::id::{KeyId, KeyScope, KeySource};

    impl Default for Cases {
        fn default() -> Self {
            Self::of("2026-05-16".parse().unwrap())
        }
    }

    impl Folded for Cases {
        const STREAM: &str = "support-2026-05-16";

        fn after(self, record: &Record) -> Result<Self, FoldError> {
            self.fold(record)
        }
    }

    fn day() -> Script<Cases> {
        let mut script = Script::<Cases>::new();
        script.at = "2026-05-16T23:59:59.999999Z".parse().unwrap();
        script
    }

    fn question(key: Option<&str>) -> OpenCase {
        let key = key.map(|id| Key {
            scope: KeyScope::Operator,
            source: KeySource::new("POST /support/cases").unwrap(),
            id: KeyId::new(id).unwrap(),
            index: 0,
        });
        let (tenant, subject) = ("acme".parse().unwrap(), "it is slow".parse().unwrap());
        OpenCase { tenant, subject, invoice: Some("CF-000042".parse().unwrap()), key }
    }

    #[test]
    fn numbers_begin_anew_each_day_and_grow_past_four_digits() {
        let mut script = day();
        for _ in 0..10_001 {
            script.take(script.state.open(&question(None), NUMBER_PREFIX, script.at));
        }
        let numbers = script.state.all().map(|it| it.opened.number.to_string());
        let numbers = numbers.collect::<Vec<_>>();
        assert_eq!(numbers[0], "CF-20260516-0001");
        for number in ["CF-20260516-9999", "CF-20260516-10000", "CF-20260516-10001"] {
            assert!(numbers.iter().any(|it| it == number), "{number}");
        }
    }

    #[test]
    fn the_same_question_twice_is_one_case() {
        let mut script = day();
        let asked = question(Some("a"));
        script.key.clone_from(&asked.key);
        assert_eq!(script.take(script.state.open(&asked, NUMBER_PREFIX, script.at)), 1);
        assert_eq!(script.take(script.state.open(&asked, NUMBER_PREFIX, script.at)), 0);
        let case = script.state.opened_by(asked.key.as_ref().unwrap()).unwrap();
        assert_eq!(case.opened.number.as_str(), "CF-20260516-0001");
        let other = script.state.open(&question(Some("b")), NUMBER_PREFIX, script.at);
        assert_eq!(script.take(other), 1);
    }

    #[test]
    fn a_case_is_closed_once_by_its_tenant_or_an_operator() {
        let mut script = day();
        script.take(script.state.open(&question(None), NUMBER_PREFIX, script.at));
        let number = "CF-20260516-0001".parse().unwrap();
        let (acme, other): (TenantId, TenantId) =
            ("acme".parse().unwrap(), "other".parse().unwrap());
        let refusal = script.state.close(&number, Some(&other), None).unwrap_err();
        assert_eq!((refusal.code(), refusal.kind()), ("case_unknown", RefusalKind::NotFound));
        assert_eq!(script.take(script.state.close(&number, Some(&acme), None)), 1);
        assert_eq!(script.take(script.state.close(&number, None, None)), 0);
        assert!(script.state.all().all(|it| it.closed.is_some()));
    }

    #[test]
    fn another_day_has_another_stream_and_a_prefix_makes_a_number() {
        let script = day();
        let late = script.at.plus_micros(1).unwrap();
        let refusal = script.state.open(&question(None), NUMBER_PREFIX, late).unwrap_err();
        assert_eq!(refusal.code(), "other_day");
        let refusal = script.state.open(&question(None), "?", script.at).unwrap_err();
        assert_eq!(refusal.code(), "number_prefix_invalid");
    }
}
