//! Folds of the log into views, and, with feature `worker`, the machine that keeps them.
//!
//! A view is a cache: it is never migrated and never decided from, and whatever happens to its
//! files it is made again from the log. A fold is pure and takes its row by value, so an error
//! leaves nothing half-applied. Adding a view is one file and one line in [`views!`].

use ledger_core::fold::FoldError;
use ledger_core::log::Record;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub mod deployments;
pub mod invoice;
pub mod replay;
pub mod usage;

#[cfg(feature = "worker")]
pub mod store;
#[cfg(feature = "worker")]
pub mod worker;

/// A key of rows: its bytes sort as the view is listed.
pub trait RowKey: Clone + Ord + Send + Sync + std::fmt::Debug + 'static {
    /// The bytes, different for different keys.
    fn to_bytes(&self) -> Vec<u8>;
    /// The key of some bytes; `None` when they are of none.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// One view: which rows an event concerns, and what it does to each.
pub trait Projection: Send + Sync + 'static {
    /// What people call it.
    const NAME: &'static str;
    /// Another version is another view: it is built beside the old one.
    const VERSION: u16;
    /// Names a row.
    type Key: RowKey;
    /// What is known under a key.
    type Row: Clone
        + Default
        + PartialEq
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync;

    /// The rows an event concerns: none, one or several.
    fn keys(record: &Record) -> Vec<Self::Key>;

    /// What the event does to one of them.
    fn fold(row: Self::Row, key: &Self::Key, record: &Record) -> Result<Self::Row, FoldError>;
}

/// The list of views: hands each to a macro, so that whatever runs them all is written once.
#[macro_export]
macro_rules! views {
    ($visit:ident) => {
        $visit! {
            usage: $crate::usage::UsageView,
            invoice: $crate::invoice::InvoiceView,
            deployments: $crate::deployments::DeploymentsView,
        }
    };
}

/// Joins parts of a key so that no two lists of parts have the same bytes and order is kept: parts
/// hold no NUL, which ends each.
pub(crate) fn join(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// Takes apart what [`join`] made of so many parts.
pub(crate) fn split<const N: usize>(bytes: &[u8]) -> Option<[&str; N]> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\0')?;
    let parts: Vec<&str> = text.split('\0').collect();
    parts.try_into().ok()
}
