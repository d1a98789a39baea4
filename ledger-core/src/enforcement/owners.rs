//! Whose an id of a gateway is: what accounts say of customers, invoices and payments.
//!
//! A notice names ids and no tenant, so its stream has to be found before anything is decided. The
//! caller folds this to the head of the log; a lag would put known money into suspense.

use std::collections::BTreeMap;

use crate::decide::suspense::object_of;
use crate::event::{Event, account};
use crate::id::{PaymentRef, Provider, TenantId};
use crate::log::Record;
use crate::stream::Stream;

/// The owner of each id that an account has named.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners {
    by_id: BTreeMap<(Provider, PaymentRef), TenantId>,
}

impl Owners {
    /// One record further; most say nothing of it. A later mapping takes the place of a former.
    #[must_use]
    pub fn fold(mut self, record: &Record) -> Self {
        let Stream::Account(tenant) = &record.stream else { return self };
        match &record.event {
            Event::Account(account::Event::PaymentReferenceMapped(it)) => {
                let id = (it.gateway.clone(), it.reference.clone());
                self.by_id.insert(id, tenant.clone());
            }
            Event::Enforcement(it) => {
                if let Some((gateway, object)) = object_of(it) {
                    self.by_id.insert((gateway.clone(), object.clone()), tenant.clone());
                }
            }
            Event::Account(_)
            | Event::Catalog(_)
            | Event::Deployment(_)
            | Event::Usage(_)
            | Event::Inventory(_)
            | Event::Provider(_)
            | Event::Invoice(_)
            | Event::Operation(_)
            | Event::Support(_)
            | Event::Ledger(_) => (),
        }
        self
    }

    /// Whose it is.
    pub fn of(&self, gateway: &Provider, id: &PaymentRef) -> Option<&TenantId> {
        self.by_id.get(&(gateway.clone(), id.clone()))
    }
}
