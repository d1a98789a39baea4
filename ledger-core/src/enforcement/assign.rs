//! From suspense to an account: what was promised there is booked here.

use super::append;
use crate::decide::account::Account;
use crate::decide::account::payment::name_of;
use crate::decide::payment::PaymentObject;
use crate::decide::suspense::Suspense;
use crate::event::enforcement::PaymentAssigned;
use crate::fold::Reached;
use crate::log::{Append, NewEvent};
use crate::stream::Stream;
use crate::time::Timestamp;

/// The append that books in the account what the suspense knows of an assigned payment; nothing
/// where that is done. Each event keeps the time it happened at and names what it came from.
pub fn next(
    suspense: &Suspense,
    assigned: &PaymentAssigned,
    account: &Account,
    reached: Reached,
) -> Option<Append> {
    let owed = suspense.owed_to(assigned, account).collect::<Vec<_>>();
    let cause = owed.first()?.id;
    let tenant = &assigned.tenant;
    let gateway = suspense.gateway().clone();
    let object = PaymentObject { gateway, object: assigned.object.clone() };
    let id = format!("assigned:{}@{}", name_of(&object), reached.next());
    let stream = Stream::Account(tenant.clone());
    let events = owed.iter().filter_map(|it| it.assigned(assigned)).collect();
    let mut append = append(tenant, stream, reached, &id, Timestamp::MIN, events);
    append.causation = Some(cause);
    for (new, said) in append.events.iter_mut().zip(&owed) {
        let NewEvent { occurred_at, .. } = new;
        *occurred_at = said.occurred_at;
    }
    Some(append)
}
