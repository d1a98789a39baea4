//! One fixed event per body version: what the golden bytes of `fixtures/wire` are made from.
//!
//! An exemplar stands beside its body and says something a reader believes; once its bytes are
//! kept it never changes.

use std::fmt::Debug;
use std::str::FromStr;

use super::wire::write;
use proptest::prelude::{Arbitrary, BoxedStrategy, Strategy, any};

use super::{Body, Event, Wire};
use crate::money::Money;

/// The fixed event of a body version.
pub trait Exemplar {
    /// Always the same.
    fn exemplar() -> Self;
}

/// A value from text that is known to be good.
pub fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().expect("an exemplar is written by hand and parses")
}

/// Any event with this body. Boxed one by one: the sum of all bodies is too large for a stack.
pub(super) fn strategy<B: Body + Into<Event> + Arbitrary + 'static>() -> BoxedStrategy<Event> {
    any::<B>().prop_map(Into::into).boxed()
}

/// A version's exemplar in the bytes of that version.
pub(super) fn spelled<B: Body + Exemplar>() -> (&'static Wire, Vec<u8>) {
    let mut bytes = Vec::new();
    write(&B::exemplar(), &mut bytes).expect("an exemplar encodes");
    (&const { B::WIRE }, bytes)
}

/// An amount of Australian dollars.
pub(super) fn aud(amount: &str) -> Money {
    Money::new(parsed(amount), parsed("AUD"))
}

/// An amount of US dollars.
pub(super) fn usd(amount: &str) -> Money {
    Money::new(parsed(amount), parsed("USD"))
}
