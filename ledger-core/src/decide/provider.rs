//! What a provider shows of our account with it: the latest balance, and the latest listing of each
//! type of resource.

use std::collections::{BTreeMap, BTreeSet};

use crate::event;
use crate::event::inventory::{Event as Inventory, ListingTaken};
use crate::event::provider::{BalanceObserved, Event};
use crate::fold::{FoldError, FoldProblem};
use crate::id::{ResourceKind, SyncId};
use crate::log::Record;
use crate::time::Timestamp;

/// The fold of `provider-{provider}`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProviderAccount {
    balance: Option<(Timestamp, BalanceObserved)>,
    /// When the latest listing of each type was made, and which were made then.
    listed: BTreeMap<ResourceKind, (Timestamp, BTreeSet<SyncId>)>,
}

impl ProviderAccount {
    /// What was seen last, by the provider's time, and when that was.
    pub const fn balance(&self) -> Option<&(Timestamp, BalanceObserved)> {
        self.balance.as_ref()
    }

    /// When the latest listing of a type that was taken in was made.
    pub fn listed_at(&self, resource_type: &ResourceKind) -> Option<Timestamp> {
        self.listed.get(resource_type).map(|it| it.0)
    }

    /// What one more record makes of it. What is older than the latest changes nothing.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let at = record.occurred_at;
        if let event::Event::Provider(Event::BalanceObserved(it)) = &record.event {
            if self.balance.as_ref().is_none_or(|(latest, _)| *latest <= at) {
                self.balance = Some((at, it.clone()));
            }
        } else if let event::Event::Inventory(Inventory::ListingTaken(it)) = &record.event {
            let latest = self.listed.entry(it.resource_type.clone());
            let latest = latest.or_insert_with(|| (at, BTreeSet::new()));
            if latest.0 < at {
                *latest = (at, BTreeSet::new());
            }
            if latest.0 == at {
                latest.1.insert(it.sync.clone());
            }
        } else {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            return Err(FoldError::Contradiction { position: record.position, problem });
        }
        Ok(self)
    }

    /// A listing was taken in that was made at an instant. The latest again, or one older than it:
    /// nothing.
    pub fn take_listing(&self, command: &ListingTaken, at: Timestamp) -> Vec<event::Event> {
        match self.listed.get(&command.resource_type) {
            Some((latest, _)) if *latest > at => Vec::new(),
            Some((latest, syncs)) if *latest == at && syncs.contains(&command.sync) => Vec::new(),
            Some(_) | None => vec![command.clone().into()],
        }
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
    fn the_latest_listing_of_each_type_is_known() {
        let mut script = Script::<ProviderAccount>::new();
        let first = script.at;
        let later = first.plus_seconds(60).unwrap();
        let taken = |sync: &str, of: &str| ListingTaken {
            sync: sync.parse().unwrap(),
            resource_type: of.parse().unwrap(),
            count: 1,
        };
        let listings = [
            ("s-1", "droplet", first, 1),
            ("s-1", "droplet", first, 0),
            ("s-2", "droplet", first, 1),
            ("s-1", "droplet", first, 0),
            ("s-3", "volume", first, 1),
            ("s-4", "droplet", later, 1),
            ("s-2", "droplet", first, 0),
        ];
        for (sync, of, at, events) in listings {
            script.at = at;
            let decided = Ok::<_, FoldError>(script.state.take_listing(&taken(sync, of), at));
            assert_eq!(script.take(decided), events, "{sync} at {at}");
        }
        // A late record of an earlier time, as another writer may bring it.
        script.at = first;
        script.record(taken("s-0", "droplet").into());
        script.record(owed("7").into());
        let of = |word: &str| script.state.listed_at(&word.parse().unwrap());
        assert_eq!((of("droplet"), of("volume")), (Some(later), Some(first)));
        assert_eq!((of("node"), script.state.balance().is_some()), (None, true));
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
