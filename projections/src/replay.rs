//! Folds records into a view in memory: what tests, rebuilds and the offline tool share.

use std::collections::BTreeMap;

use ledger_core::fold::FoldError;
use ledger_core::log::Record;

use crate::Projection;

/// The rows of one view.
#[derive(Debug)]
pub struct Replay<P: Projection> {
    rows: BTreeMap<P::Key, P::Row>,
}

impl<P: Projection> Default for Replay<P> {
    fn default() -> Self {
        Self { rows: BTreeMap::new() }
    }
}

impl<P: Projection> Replay<P> {
    /// A view of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on from rows that were folded before.
    pub fn resume(rows: BTreeMap<P::Key, P::Row>) -> Self {
        Self { rows }
    }

    /// Takes the next record.
    pub fn take(&mut self, record: &Record) -> Result<(), FoldError> {
        for key in P::keys(record) {
            let row = self.rows.remove(&key).unwrap_or_default();
            let row = P::fold(row, &key, record)?;
            self.rows.insert(key, row);
        }
        Ok(())
    }

    /// Takes records in order.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, FoldError> {
        let mut replay = Self::new();
        records.into_iter().try_for_each(|record| replay.take(record))?;
        Ok(replay)
    }

    /// The row under a key.
    pub fn get(&self, key: &P::Key) -> Option<&P::Row> {
        self.rows.get(key)
    }

    /// All rows, in order of their keys.
    pub fn rows(&self) -> &BTreeMap<P::Key, P::Row> {
        &self.rows
    }
}
