//! Values, facts, rules and the append-only log of Counterfoil.
//!
//! Everything but `log` is pure: no clock, no float, no hash order, no I/O, no logging.

pub mod bill;
pub mod billing;
pub mod catalog;
pub mod cause;
pub mod decide;
pub mod enforcement;
mod envelope;
pub mod event;
pub mod fold;
pub mod gateway;
pub mod id;
pub mod inventory;
pub mod json;
pub mod log;
pub mod money;
pub mod postings;
pub mod price;
pub mod proof;
pub mod report;
pub mod stream;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
