//! What a provider shows of our account with it: the latest snapshot.

use crate::event;
use crate::event::provider::{BalanceObserved, Event};
use crate::fold::{FoldError, FoldProblem};
use crate::log::Record;
use crate::time::Timestamp;

/// The fold of `provider-{provider}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProviderAccount {
    balance: Option<(Timestamp, BalanceObserved)>,
}

impl ProviderAccount {
    /// What was seen last, by the provider's time, and when that was.
    pub const fn balance(&self) -> Option<&(Timestamp, BalanceObserved)> {
        self.balance.as_ref()
    }

    /// What one more record makes of it. A snapshot that is older than the latest changes nothing.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let event::Event::Provider(Event::BalanceObserved(it)) = &record.event else {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            return Err(FoldError::Contradiction { position: record.position, problem });
        };
        if self.balance.as_ref().is_none_or(|(at, _)| *at <= record.occurred_at) {
            self.balance = Some((record.occurred_at, it.clone()));
        }
        Ok(self)
    }

    /// A balance was seen at an instant. The latest again, or one older than it: nothing.
    pub fn observe(&self, command: &BalanceObserved, at: Timestamp) -> Vec<event::Event> {
        match &self.balance {
            Some((latest, it)) if *latest > at || (*latest == at && it == command) => Vec::new(),
            Some(_) | None => vec![command.clone().into()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::script::{Folded, Script};

    impl Folded for ProviderAccount {
        const STREAM: &str = "provider-digitalocean";

        fn after(self, record: &Record) -> Result<Self, FoldError> {
            self.fold(record)
        }
    }

    fn owed(amount: &str) -> BalanceObserved {
        let json = format!(
            r#"{{"balance": {{"amount": "{amount}", "currency": "USD"}}, "used_since_bill": null}}"#
        );
        crate::json::from_str(&json).unwrap()
    }

    #[test]
    fn the_latest_snapshot_is_the_balance() {
        let mut script = Script::<ProviderAccount>::new();
        let first = script.at;
        let later = first.plus_seconds(60).unwrap();
        let observations = [
            ("12.23", first, 1),
            ("12.23", first, 0),
            ("12.23", later, 1),
            ("-3", later, 1),
            ("7", first, 0),
        ];
        for (amount, at, events) in observations {
            script.at = at;
            let decided = Ok::<_, FoldError>(script.state.observe(&owed(amount), at));
            assert_eq!(script.take(decided), events, "{amount} at {at}");
        }
        script.at = later;
        assert_eq!(script.state.balance(), Some(&(script.at, owed("-3"))));
        // A late record of an earlier time, as another writer may bring it.
        script.at = first;
        script.record(owed("7").into());
        assert_eq!(script.state.balance().unwrap().1, owed("-3"));
    }
}
