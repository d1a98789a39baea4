//! The rates that reports convert with: those of the catalog, each from its day on.

use serde::{Deserialize, Serialize};

use super::ReportError;
use crate::event::{Event, catalog};
use crate::fold::{FoldError, Reached};
use crate::log::Record;
use crate::money::{Currency, ExchangeRate, Ratio, Unrounded};
use crate::stream::Stream;
use crate::time::Day;

/// Two currencies without a rate between them on the day that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Pair {
    /// What there is.
    pub from: Currency,
    /// What it should be shown in.
    pub to: Currency,
}

/// The exchange rates of the `catalog` stream.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rates {
    reached: Reached,
    set: Vec<RateSet>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RateSet {
    effective_on: Day,
    rate: ExchangeRate,
}

impl Rates {
    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &Stream::Catalog)?;
        if let Event::Catalog(catalog::Event::ExchangeRateSet(it)) = &record.event {
            self.set(it.effective_on, it.rate);
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// The rate between two currencies on a day, whichever way it was given: the one with the later
    /// effective date, of one date the one recorded later.
    pub fn rate(&self, one: Currency, other: Currency, on: Day) -> Option<ExchangeRate> {
        let serving = self.set.iter().filter(|it| it.effective_on <= on);
        let serving = serving.filter(|it| it.rate.serves(one, other));
        serving.max_by_key(|it| it.effective_on).map(|it| it.rate)
    }

    /// An amount in another currency at the rate of a day, unrounded; the pair where there is none.
    pub fn convert(
        &self,
        money: Unrounded,
        to: Currency,
        on: Day,
    ) -> Result<Result<Ratio, Pair>, ReportError> {
        let from = money.currency();
        if from == to {
            return Ok(Ok(money.amount()));
        }
        match self.rate(from, to, on) {
            Some(rate) => Ok(Ok(rate.convert(money)?.amount())),
            None => Ok(Err(Pair { from, to })),
        }
    }

    /// One rate more, recorded after those there are.
    pub fn set(&mut self, effective_on: Day, rate: ExchangeRate) {
        self.set.push(RateSet { effective_on, rate });
    }
}
