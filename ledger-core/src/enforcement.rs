//! What payments do: to invoices, to a tenant's standing, to its deployments.
//!
//! One process spans account, invoices and deployments. [`next`] is pure: the caller folds, appends
//! what it is told to, and asks again until it is done; start-up and every tick ask for each
//! tenant. The streams alone say what is left to do, so it may be cut at any event and driven by
//! several. Nothing here destroys anything.

use crate::billing::InvoiceFold;
use crate::decide::account::credit::CreditRefusal;
use crate::decide::account::{Account, Standing};
use crate::event::Event;
use crate::fold::Reached;
use crate::id::{Actor, ActorName, Key, KeyId, KeyScope, KeySource, PaymentRef, Role, TenantId};
use crate::log::{Append, Expected, NewEvent, OnConflict};
use crate::money::MoneyError;
use crate::stream::Stream;
use crate::time::Timestamp;

mod assign;
mod follow;
pub mod gate;
mod owners;
mod route;
mod settlement;
mod standing;

pub use assign::next as next_assigned;
pub use follow::{Followed, next as next_followed};
pub use owners::Owners;
pub use route::{Route, route};
pub use settlement::next as next_settled;
pub use standing::{DunningTerms, PastDue, past_due, tick};

/// What the process looks at: everything of one tenant, folded to its head.
#[derive(Debug, Clone, Copy)]
pub struct Books<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Its account.
    pub account: &'a Account,
    /// How far the account was folded.
    pub reached: Reached,
    /// All its invoices, in any order.
    pub invoices: &'a [InvoiceFold],
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Append this; then fold again what it went to, and ask again, whatever the log answered about
    /// duplicates and revisions.
    Append(Box<Append>),
    /// Nothing is left to do, and this is how the tenant stands.
    Done(Standing),
}

/// Why there is no next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnforcementError {
    /// The amounts do not add up, or not in one currency.
    #[error("payment {object} cannot be settled")]
    Amount {
        /// The payment.
        object: PaymentRef,
        /// Why.
        #[source]
        source: MoneyError,
    },
    /// The account refuses what the payment needs.
    #[error("payment {object} cannot be credited")]
    Credit {
        /// The payment.
        object: PaymentRef,
        /// Why.
        #[source]
        source: Box<CreditRefusal>,
    },
    /// A tick before the payments known are settled would punish who has paid.
    #[error("payment {object} is not settled yet")]
    Unsettled {
        /// The payment.
        object: PaymentRef,
    },
}

/// The next step of an enforcement tick: payments first, then the standing, then deployments.
pub fn next(
    books: &Books<'_>,
    deployments: &[Followed<'_>],
    terms: DunningTerms,
    now: Timestamp,
) -> Result<Step, EnforcementError> {
    if let Some((_, append)) = next_settled(books)? {
        return Ok(Step::Append(Box::new(append)));
    }
    let moved = tick(books, terms, now)?;
    if let Some(event) = moved {
        let id = format!("standing@{}", books.reached.next());
        let stream = Stream::Account(books.tenant.clone());
        return Ok(Step::Append(Box::new(append(
            books.tenant,
            stream,
            books.reached,
            &id,
            now,
            vec![event],
        ))));
    }
    let standing = books.account.standing();
    let followed = next_followed(books.tenant, standing, deployments, now);
    Ok(followed.map_or(Step::Done(standing), |it| Step::Append(Box::new(it))))
}

/// In whose name enforcement acts: a process of ours, which may undo what it did itself.
pub fn actor() -> Actor {
    let who = ActorName::new("enforcement").expect("a word is a name");
    Actor { who, role: Role::System }
}

/// An append at the head that was folded, under a key that only this step has.
fn append(
    tenant: &TenantId,
    stream: Stream,
    reached: Reached,
    id: &str,
    occurred_at: Timestamp,
    events: Vec<Event>,
) -> Append {
    let key = |index| Key {
        scope: KeyScope::Tenant(tenant.clone()),
        source: KeySource::new("enforcement").expect("a word is a source"),
        id: KeyId::new(id).expect("ids and numbers are short and printable"),
        index,
    };
    let events = events.into_iter().zip(0..).map(|(event, index)| NewEvent {
        event,
        occurred_at,
        key: Some(key(index)),
        fingerprint: None,
    });
    Append {
        stream,
        expected: reached.revision.map_or(Expected::NoStream, Expected::Exactly),
        actor: actor(),
        causation: None,
        correlation: None,
        events: events.collect(),
        on_conflict: OnConflict::RefuseAll,
    }
}

#[cfg(test)]
mod tests;
