//! What happened: one variant per family, each with its bodies in a file of its own.
//!
//! NOTE: these bodies, their field order, their variant order and their wire names are the storage
//! format. A body never changes once released: a new shape gets the next version, and the old name
//! moves to the `superseded` part of its family's table with a `From` into the new one, so that
//! folds see one shape and only the newest is written. `tests/wire.rs` holds every version to bytes
//! that were written when it was new.
//!
//! An event has two faces: a wire name with a compact body ([`Event::encode`]), and
//! `{"type": ..., "data": ...}` in JSON (serde). A body never repeats what its stream says, and it
//! never holds a running total. Behaviour lives elsewhere.

#[cfg(feature = "testing")]
mod exemplar;
mod identity;
mod json;
mod wire;
mod written;

#[cfg(feature = "testing")]
pub use exemplar::{Exemplar, parsed};
#[cfg(feature = "testing")]
use exemplar::{aud, usd};
pub(crate) use json::Data;
pub use wire::{Body, DecodeError, EncodeError, JsonError, Wire};
pub use written::Written;

/// The one table of a family: wire name, body, and the categories of streams it may stand in.
///
/// It makes the family's `Event`, ties each body to its [`Wire`], and, for tests, demands of every
/// body a strategy and an [`Exemplar`]: the event whose bytes are kept for ever.
macro_rules! event_family {
    (
        $(#[$doc:meta])*
        pub enum Event in $family:ident {
            $($wire:literal => $body:ident in $($category:ident)|+,)+
        }
        $(superseded {
            $($old_wire:literal => $old:ident as $new:ident,)+
        })?
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event {
            $(
                #[doc = concat!("`", $wire, "`")]
                $body($body),
            )+
        }

        $(
            impl $crate::event::Body for $body {
                type Current = Self;
                const WIRE: $crate::event::Wire = $crate::event::Wire::of::<Self>(
                    $wire,
                    |stream| matches!(stream, $($crate::stream::Stream::$category { .. })|+),
                );
            }

            impl From<$body> for $crate::event::Event {
                fn from(body: $body) -> Self {
                    Self::$family(Event::$body(body))
                }
            }
        )+

        $($(
            impl $crate::event::Body for $old {
                type Current = $new;
                const WIRE: $crate::event::Wire =
                    $crate::event::Wire::superseded::<Self>($old_wire);
            }
        )+)?

        impl Event {
            /// The body versions of this family, superseded ones last.
            pub const WIRES: &[&$crate::event::Wire] = &[
                $(&<$body as $crate::event::Body>::WIRE,)+
                $($(&<$old as $crate::event::Body>::WIRE,)+)?
            ];

            pub(super) fn wire(&self) -> &'static $crate::event::Wire {
                match self {
                    $(Self::$body(_) => &<$body as $crate::event::Body>::WIRE,)+
                }
            }

            pub(super) fn serialize_body<S: serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$body(body) => serde::Serialize::serialize(body, serializer),)+
                }
            }

            /// A strategy for each body.
            #[cfg(feature = "testing")]
            pub fn strategies() -> Vec<proptest::strategy::BoxedStrategy<$crate::event::Event>> {
                vec![$($crate::event::exemplar::strategy::<$body>(),)+]
            }

            /// One fixed event per body version, with the bytes of that version.
            #[cfg(feature = "testing")]
            pub fn exemplars() -> Vec<(&'static $crate::event::Wire, Vec<u8>)> {
                vec![
                    $($crate::event::exemplar::spelled::<$body>(),)+
                    $($($crate::event::exemplar::spelled::<$old>(),)+)?
                ]
            }
        }
    };
}

/// The families, and what an event answers whatever its family.
macro_rules! families {
    ($($(#[$doc:meta])* $family:ident in $module:ident,)+) => {
        /// One immutable fact.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event {
            $($(#[$doc])* $family($module::Event),)+
        }

        /// Every family by the word its wire names begin with.
        const FAMILIES: &[(&str, &[&Wire])] = &[
            $((stringify!($module), $module::Event::WIRES),)+
        ];

        impl Event {
            /// Its body version: name, streams, codec.
            pub fn wire(&self) -> &'static Wire {
                match self {
                    $(Self::$family(event) => event.wire(),)+
                }
            }

            /// The body alone, in whatever form the serializer makes.
            pub(crate) fn serialize_body<S: serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$family(event) => event.serialize_body(serializer),)+
                }
            }

            /// A strategy for each body of each family.
            #[cfg(feature = "testing")]
            pub fn strategies() -> Vec<proptest::strategy::BoxedStrategy<Self>> {
                [$($module::Event::strategies(),)+].concat()
            }

            /// One fixed event per body version, with the bytes of that version.
            #[cfg(feature = "testing")]
            pub fn exemplars() -> Vec<(&'static Wire, Vec<u8>)> {
                [$($module::Event::exemplars(),)+].concat()
            }
        }
    };
}

pub mod account;
pub mod catalog;
pub mod deployment;
pub mod enforcement;
pub mod inventory;
pub mod invoice;
pub mod ledger;
pub mod operation;
pub mod provider;
pub mod support;
pub mod usage;

families! {
    /// Plans, addons, prices, rates and coupons.
    Catalog in catalog,
    /// A tenant: who it is, its credit, its quota, its plan.
    Account in account,
    /// One app instance and its subscription.
    Deployment in deployment,
    /// What was metered.
    Usage in usage,
    /// What is live at a provider.
    Inventory in inventory,
    /// What a provider charges us.
    Provider in provider,
    /// What we charge a tenant.
    Invoice in invoice,
    /// Payments and what follows when they do not come.
    Enforcement in enforcement,
    /// Durable work in steps, and repairs.
    Operation in operation,
    /// Cases that people open.
    Support in support,
    /// Facts about the ledger itself.
    Ledger in ledger,
}
