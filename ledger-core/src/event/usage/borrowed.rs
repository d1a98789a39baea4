//! A usage record read where it lies: no allocation, no copy of a text.
//!
//! Views fold millions of these a second. This reads the bytes of [`Recorded`], accepts exactly
//! what that accepts, and leaves the texts in the log's buffer. It is the only body with a second
//! reader; a property holds the two to each other.

use super::Recorded;
use crate::event::{Body, DecodeError, Event};
use crate::id::{Category, DeploymentSlug, ResourceId, ResourceKind, Unit};
use crate::money::{Exact, Quantity};

/// [`Recorded`], with its texts still in the buffer they were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedRef<'a> {
    /// Of what.
    pub kind: &'a str,
    /// How much.
    pub quantity: Quantity,
    /// What the quantity counts; `None`: the kind's base unit.
    pub unit: Option<&'a str>,
    /// What a discount ladder looks at; `None`: `hero_os_hourly`.
    pub category: Option<&'a str>,
    /// The deployment that used it, by its slug.
    pub deployment: Option<&'a str>,
    /// The resource it was measured on, `{provider}.{id}`.
    pub resource: Option<&'a str>,
}

impl<'a> RecordedRef<'a> {
    /// Reads a body: all of the bytes, in their canonical form.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if let Some(it) = read(bytes) {
            return Ok(it);
        }
        // The owned reader knows what is wrong; that it finds nothing cannot be.
        let wire = Recorded::WIRE;
        match wire.decode(bytes) {
            Err(error) => Err(error),
            Ok(_) => Err(DecodeError::NotCanonical { wire: wire.name(), at: 0 }),
        }
    }

    /// The same, owning its texts.
    pub fn to_owned(&self) -> Recorded {
        const CHECKED: &str = "the texts were checked when they were read";
        Recorded {
            kind: ResourceKind::new(self.kind).expect(CHECKED),
            quantity: self.quantity,
            unit: self.unit.map(|it| Unit::new(it).expect(CHECKED)),
            category: self.category.map(|it| Category::new(it).expect(CHECKED)),
            deployment: self.deployment.map(|it| DeploymentSlug::new(it).expect(CHECKED)),
            resource: self.resource.map(|it| it.parse().expect(CHECKED)),
        }
    }
}

/// The whole body, or nothing where anything about it is unusual.
fn read(bytes: &[u8]) -> Option<RecordedRef<'_>> {
    let mut rest = bytes;
    let it = RecordedRef {
        kind: text(&mut rest).filter(|it| ResourceKind::check(it).is_ok())?,
        quantity: quantity(&mut rest)?,
        unit: optional(&mut rest, |it| Unit::check(it).is_ok())?,
        category: optional(&mut rest, |it| Category::check(it).is_ok())?,
        deployment: optional(&mut rest, |it| DeploymentSlug::check(it).is_ok())?,
        resource: optional(&mut rest, |it| ResourceId::check(it).is_ok())?,
    };
    rest.is_empty().then_some(it)
}

fn quantity(rest: &mut &[u8]) -> Option<Quantity> {
    let mantissa = signed(rest)?;
    let scale = byte(rest)?;
    let exact = Exact::new(mantissa, scale).ok()?;
    // A number that is not in its shortest form is not canonical.
    (exact.scale() == scale).then(|| Quantity::new(exact).ok())?
}

fn optional<'a>(rest: &mut &'a [u8], is_good: fn(&str) -> bool) -> Option<Option<&'a str>> {
    match byte(rest)? {
        0 => Some(None),
        1 => Some(Some(text(rest).filter(|it| is_good(it))?)),
        _ => None,
    }
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(varint(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

/// Zigzag: the sign is the lowest bit.
fn signed(rest: &mut &[u8]) -> Option<i128> {
    let folded = varint(rest)?;
    let magnitude = i128::try_from(folded >> 1).ok()?;
    Some(if folded & 1 == 0 { magnitude } else { -magnitude - 1 })
}

/// Seven bits a byte, lowest first, without a byte more than it needs.
fn varint(rest: &mut &[u8]) -> Option<u128> {
    let mut value = 0_u128;
    for shift in (0..u128::BITS).step_by(7) {
        let next = byte(rest)?;
        let bits = u128::from(next & 0x7f);
        // Bits that fall off the top, and a last byte of zero, are other spellings.
        if (bits << shift) >> shift != bits || (next == 0 && shift > 0) {
            return None;
        }
        value |= bits << shift;
        if next & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

impl From<RecordedRef<'_>> for Event {
    fn from(it: RecordedRef<'_>) -> Self {
        it.to_owned().into()
    }
}

#[cfg(test)]
mod tests;
