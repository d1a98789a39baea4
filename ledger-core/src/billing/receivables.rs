//! Receivables by age: what tenants owe on a day, by how long it is past due.
//!
//! An invoice is due to the end of its last day to pay; from the day after it is overdue. Nothing
//! here is recorded: the same documents on a later day are older.

use serde::{Deserialize, Serialize};

use super::issued::{InvoiceFold, IssuedDocument};
use crate::id::{InvoiceNumber, TenantId};
use crate::money::{Currency, Money, MoneyError};
use crate::time::Day;

/// How long something is past due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Age {
    /// Not yet due.
    Current,
    /// 1 to 30 days.
    UpTo30,
    /// 31 to 60 days.
    UpTo60,
    /// 61 to 90 days.
    UpTo90,
    /// 91 days and more.
    Over90,
}

impl Age {
    /// From young to old.
    pub const ALL: [Self; 5] =
        [Self::Current, Self::UpTo30, Self::UpTo60, Self::UpTo90, Self::Over90];

    /// The age of something that was to be paid by one day, on another.
    pub const fn of(due_on: Day, today: Day) -> Self {
        match today.days_since(due_on) {
            ..=0 => Self::Current,
            1..=30 => Self::UpTo30,
            31..=60 => Self::UpTo60,
            61..=90 => Self::UpTo90,
            91.. => Self::Over90,
        }
    }
}

impl IssuedDocument {
    /// How long it is past due on a day; none where it asks for nothing any more.
    pub fn age(&self, today: Day) -> Option<Age> {
        Some(Age::of(self.due_on?, today)).filter(|_| self.is_receivable())
    }

    /// Whether it is past due on a day.
    pub fn is_overdue(&self, today: Day) -> bool {
        self.age(today).is_some_and(|it| it > Age::Current)
    }
}

/// Something a tenant owes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outstanding {
    /// Who owes it.
    pub tenant: TenantId,
    /// The document that asks for it.
    pub number: InvoiceNumber,
    /// The last day to pay.
    pub due_on: Day,
    /// How long that is past.
    pub age: Age,
    /// How much is left to pay.
    pub due: Money,
}

/// Sums by age, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgedSums {
    /// Not yet due.
    pub current: Money,
    /// 1 to 30 days.
    pub up_to_30: Money,
    /// 31 to 60 days.
    pub up_to_60: Money,
    /// 61 to 90 days.
    pub up_to_90: Money,
    /// 91 days and more.
    pub over_90: Money,
    /// All of them.
    pub total: Money,
}

/// What is owed on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aging {
    /// The day.
    pub on: Day,
    /// Each document that asks for something, the longest overdue first.
    pub outstanding: Vec<Outstanding>,
    /// Sums by currency, in order of their codes.
    pub by_currency: Vec<AgedSums>,
}

/// What the documents of some streams ask for on a day.
pub fn aging<'a>(
    folds: impl IntoIterator<Item = &'a InvoiceFold>,
    on: Day,
) -> Result<Aging, MoneyError> {
    let mut outstanding = Vec::new();
    for fold in folds {
        for it in fold.documents() {
            if let (Some(due_on), Some(age)) = (it.due_on, it.age(on)) {
                let (tenant, number) = (fold.tenant().clone(), it.document.number.clone());
                outstanding.push(Outstanding { tenant, number, due_on, age, due: it.due });
            }
        }
    }
    outstanding.sort_by_cached_key(|it| (it.due_on, it.tenant.clone(), it.number.clone()));
    let mut currencies = outstanding.iter().map(|it| it.due.currency()).collect::<Vec<_>>();
    currencies.sort_by(|left, right| left.code().cmp(right.code()));
    currencies.dedup();
    let by_currency = currencies.into_iter().map(|it| aged(it, &outstanding));
    let by_currency = by_currency.collect::<Result<_, _>>()?;
    Ok(Aging { on, outstanding, by_currency })
}

fn aged(currency: Currency, all: &[Outstanding]) -> Result<AgedSums, MoneyError> {
    let own = || all.iter().filter(|it| it.due.currency() == currency);
    let of = |age| Money::sum(currency, own().filter(|it| it.age == age).map(|it| it.due));
    Ok(AgedSums {
        current: of(Age::Current)?,
        up_to_30: of(Age::UpTo30)?,
        up_to_60: of(Age::UpTo60)?,
        up_to_90: of(Age::UpTo90)?,
        over_90: of(Age::Over90)?,
        total: Money::sum(currency, own().map(|it| it.due))?,
    })
}
