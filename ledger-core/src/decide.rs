//! Decisions: what may happen next, given what happened. Pure, exhaustive, and never from a view.
//!
//! A decision reads the fold of its own stream and answers with events or with a refusal; the
//! runner appends the events at the revision the fold was made from, and decides anew when somebody
//! was faster. What a decision needs from elsewhere (prices, usage settled) comes in as data.
//!
//! The same command twice makes its events once: things that have a name of their own (a lot, a
//! slot, a reservation) are known again by it, and a runner looks a command's idempotency key up in
//! the log before it decides.

use crate::event::Event;

pub mod access;
pub mod account;
pub mod bill;
pub mod catalog;
pub mod deployment;
pub mod inventory;
pub mod operation;
pub mod payment;
pub mod provider;
pub mod repair;
pub mod support;
pub mod suspense;
pub mod usage;

/// What a refusal means to whoever asked. The rim makes a status of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefusalKind {
    /// What was named does not exist.
    NotFound,
    /// Paying, or a larger plan, is the remedy.
    PaymentRequired,
    /// Another state of the same thing would allow it.
    Conflict,
    /// A rule says no.
    Unprocessable,
}

/// A business refusal: nothing was recorded, and the same command may succeed in another state.
///
/// The variants of a refusal stand in the order in which they are checked: where several apply, the
/// first is the answer.
pub trait Refusal: std::error::Error {
    /// A stable word for machines, such as `plan_active`.
    fn code(&self) -> &'static str;
    /// What it means to whoever asked.
    fn kind(&self) -> RefusalKind;
}

/// No events: what was asked for is so already.
pub(crate) const fn nothing<R>() -> Result<Vec<Event>, R> {
    Ok(Vec::new())
}

/// One event.
pub(crate) fn one<R>(body: impl Into<Event>) -> Result<Vec<Event>, R> {
    Ok(vec![body.into()])
}

#[cfg(test)]
mod script;
#[cfg(test)]
mod tests;
