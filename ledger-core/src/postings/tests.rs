//! Postings balance, whatever is recorded, and say what an accountant would say.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::cases;
use crate::testing::events::record;

mod histories;

fn fold(records: &[Record]) -> (Journal, Vec<Entry>) {
    let mut entries = Vec::new();
    let mut journal = Journal::default();
    for it in records {
        let (next, entry) = journal.fold(it).unwrap();
        (journal, entries) = (next, entries.into_iter().chain(entry).collect());
    }
    (journal, entries)
}

/// The sum of an entry in each currency, by a plain loop over whole numbers of the finest decimals.
fn sums(entry: &Entry) -> BTreeMap<String, i128> {
    let mut sums = BTreeMap::new();
    for it in &entry.postings {
        let units = it.amount.amount().mantissa_at(20).unwrap();
        *sums.entry(it.amount.currency().to_string()).or_insert(0) += units;
    }
    sums
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Any records at all, in any order: each entry sums to nothing, has no empty side, and nothing
    /// panics; a record whose amounts do not add up is refused and leaves the journal as it was.
    #[test]
    fn postings_of_any_records_balance(records in vec(record(), 0..40)) {
        let mut journal = Journal::default();
        for (place, it) in records.into_iter().enumerate() {
            let position = Position::new(u64::try_from(place).unwrap());
            let Ok((next, entry)) = journal.clone().fold(&Record { position, ..it }) else {
                continue;
            };
            journal = next;
            for posting in entry.iter().flat_map(|it| &it.postings) {
                prop_assert!(!posting.amount.is_zero());
                prop_assert_eq!(posting.tenant.is_some(), posting.account.is_by_tenant());
            }
            if let Some(entry) = entry {
                let units = |it: &Posting| it.amount.amount().mantissa_at(20);
                let fits = entry.postings.iter().all(|it| units(it).is_some());
                prop_assert!(!fits || sums(&entry).values().all(|it| *it == 0), "{:?}", entry);
            }
        }
    }
}

#[test]
fn nothing_is_posted_of_nothing() {
    assert_eq!(fold(&[]), (Journal::default(), Vec::new()));
}
