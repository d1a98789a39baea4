//! Slots of a bought plan as they were: called what, and taken from when until when.

use serde::{Deserialize, Serialize};

use super::resource::Interval;
use crate::event::{Event, account};
use crate::fold::{FoldError, Reached};
use crate::id::{ReservationId, TenantId};
use crate::log::{Record, Revision};
use crate::stream::Stream;

/// A slot that was taken once. Its name is what it was taken for: a deployment by its slug, or a
/// resource by its name or its whole id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// What it is called.
    pub name: ReservationId,
    /// While it pays for a machine: until it was released, or the term ended without an event.
    pub during: Interval,
    /// The account's record that allocated it, and so says when it lapses.
    pub allocated_by: Revision,
    /// The one that released it.
    pub released_by: Option<Revision>,
}

impl Slot {
    /// The record that says when it ends.
    pub fn ended_by(&self) -> Revision {
        self.released_by.unwrap_or(self.allocated_by)
    }
}

/// Every slot that a tenant ever took: a fold of its `account-...` stream. An account knows only
/// those of the running term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    tenant: TenantId,
    reached: Reached,
    taken: Vec<Slot>,
}

impl Slots {
    /// Before the first event.
    pub fn of(tenant: TenantId) -> Self {
        Self { tenant, reached: Reached::default(), taken: Vec::new() }
    }

    /// One record further.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        self.reached = self.reached.after(record, &Stream::Account(self.tenant.clone()))?;
        let at = record.occurred_at;
        if let Event::Account(account::Event::SlotAllocated(it)) = &record.event {
            self.taken.push(Slot {
                name: it.slot.clone(),
                during: Interval::between(at, it.expires_at.max(at)),
                allocated_by: record.revision,
                released_by: None,
            });
        }
        if let Event::Account(account::Event::SlotReleased(it)) = &record.event {
            let of_name = self.taken.iter_mut().rfind(|of| of.name == it.slot);
            if let Some(slot) = of_name.filter(|of| of.released_by.is_none()) {
                let ends_at = at.clamp(slot.during.starts_at, slot.during.end());
                slot.during.ends_at = Some(ends_at);
                slot.released_by = Some(record.revision);
            }
        }
        Ok(self)
    }

    /// How far it was folded.
    pub const fn reached(&self) -> Reached {
        self.reached
    }

    /// Whose they are.
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Each of them, in the order in which they were taken.
    pub fn taken(&self) -> &[Slot] {
        &self.taken
    }
}
