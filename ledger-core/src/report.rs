//! Reports: what was earned, what it cost, and what leaks between the two.
//!
//! Each is a pure function of plain facts: lines of documents, lines of bills, resources and
//! deployments as they were. Nothing here reads a stream or keeps a state between two questions;
//! the only folds are of the catalog's rates and products, of a provider's balance and of a
//! tenant's former slots, which no other rule needs. Only margin and leaks convert, and every
//! figure they show is rounded once.

mod accrual;
mod attribution;
mod balance;
mod cost;
mod inventory;
mod leaks;
mod margin;
mod products;
mod rates;
mod resource;
mod revenue;
mod slots;
mod table;

pub use accrual::{Accrual, accrual, projected_facts};
pub use attribution::{Attributed, Ground, Owner, Part, Unowned, attribute};
pub use balance::{BalanceFold, Observed};
pub use cost::{ByHand, CostLine, LineId};
pub use inventory::{project_of, resources_of};
pub use leaks::{
    Extent, Leak, LeakClass, LeakFacts, Leaks, LeaksOf, Metered, Seen, Subject, leaks,
};
pub use margin::{DeploymentRow, Figures, KindRow, Margin, MarginFacts, TenantRow, margin};
pub use products::{Mapping, Products};
pub use rates::{Pair, Rates};
pub use resource::{Interval, Linked, Project, Resource, Timeline};
pub use revenue::{Earned, earned, earned_in, expected};
pub use slots::{Slot, Slots};
pub use table::{Cell, Column};

use crate::money::{ExactError, MoneyError};

/// Why a report cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// A figure has no exact form within bounds.
    #[error("a figure of the report is out of bounds")]
    Number(#[from] ExactError),
    /// Two currencies met, or a sum is out of bounds.
    #[error("the amounts of the report do not add up")]
    Money(#[from] MoneyError),
}

#[cfg(test)]
mod tests;
