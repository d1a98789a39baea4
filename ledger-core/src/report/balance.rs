//! What stands open with a provider, as it last showed it.

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::event::provider::{self, BalanceObserved};
use crate::fold::{FoldError, Reached};
use crate::id::Provider;
use crate::log::{Position, Record};
use crate::stream::Stream;
use crate::time::Timestamp;

/// One `provider-{provider}` stream: the latest snapshot of the balance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalanceFold {
    provider: Provider,
    reached: Reached,
    latest: Option<Observed>,
}

/// A balance and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// When.
    pub at: Timestamp,
    /// Where it is recorded.
    pub position: Position,
    /// What the provider showed.
    pub balance: BalanceObserved,
}

impl BalanceFold {
    /// Nothing seen yet.
    pub const fn of(provider: Provider) -> Self {
        let reached = Reached { revision: None, position: Position::ORIGIN };
        Self { provider, reached, latest: None }
    }

    /// One record further. A snapshot that comes late does not take the place of a later one.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let stream = Stream::Provider(self.provider.clone());
        self.reached = self.reached.after(record, &stream)?;
        if let Event::Provider(provider::Event::BalanceObserved(it)) = &record.event {
            let (at, position) = (record.occurred_at, record.position);
            if self.latest.as_ref().is_none_or(|known| known.at <= at) {
                self.latest = Some(Observed { at, position, balance: it.clone() });
            }
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Whose it is.
    pub const fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The latest snapshot.
    pub const fn latest(&self) -> Option<&Observed> {
        self.latest.as_ref()
    }
}
