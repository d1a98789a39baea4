//! Unsigned LEB128 of at most 64 bits, and the zigzag that brings small negatives to small numbers.
//!
//! One value has one encoding: a last byte of zero after another byte is refused.

/// Why bytes are not an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VarintError {
    /// The bytes end inside it.
    #[error("an integer ends too early")]
    Short,
    /// It has more bytes than it needs.
    #[error("an integer is not minimal")]
    NotMinimal,
    /// It does not fit.
    #[error("an integer is too large")]
    TooLarge,
}

/// The most bytes one integer has.
pub(crate) const BYTES_MAX: usize = 10;

/// Adds an integer.
#[inline]
pub(crate) fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(low_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_bits(value));
}

/// Adds a length.
#[inline]
pub(crate) fn put_len(length: usize, out: &mut Vec<u8>) {
    put(u64::try_from(length).expect("no target has lengths of more than 64 bits"), out);
}

const fn low_bits(value: u64) -> u8 {
    (value & 0x7f) as u8
}

/// A byte and the few integers after it.
#[derive(Debug)]
pub(crate) struct Gathered {
    bytes: [u8; 1 + 6 * BYTES_MAX],
    length: usize,
}

impl Gathered {
    #[inline]
    pub(crate) const fn new(first: u8) -> Self {
        let mut bytes = [0; _];
        bytes[0] = first;
        Self { bytes, length: 1 }
    }

    /// Adds one of at most six integers.
    #[inline]
    pub(crate) fn put(&mut self, mut value: u64) {
        let mut room = self.bytes.iter_mut().skip(self.length);
        while value >= 0x80 {
            if let Some(byte) = room.next() {
                *byte = low_bits(value) | 0x80;
            }
            self.length += 1;
            value >>= 7;
        }
        if let Some(byte) = room.next() {
            *byte = low_bits(value);
        }
        self.length += 1;
    }

    /// What was put.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).expect("six integers fit")
    }
}

/// Takes one byte off the front.
#[inline]
pub(crate) fn byte(input: &mut &[u8]) -> Result<u8, VarintError> {
    let (first, rest) = input.split_first().ok_or(VarintError::Short)?;
    *input = rest;
    Ok(*first)
}

/// Takes an integer off the front.
#[inline(always)]
pub(crate) fn take(input: &mut &[u8]) -> Result<u64, VarintError> {
    match **input {
        [first, ref rest @ ..] if first < 0x80 => {
            *input = rest;
            Ok(u64::from(first))
        }
        [first, second, ref rest @ ..] if second.wrapping_sub(1) < 0x7f => {
            *input = rest;
            Ok(u64::from(first & 0x7f) | u64::from(second) << 7)
        }
        _ => take_long(input),
    }
}

/// One of three bytes or more. Where eight bytes are there, its end is found and its bits are put
/// together at once: how long the next one is cannot be guessed.
fn take_long(input: &mut &[u8]) -> Result<u64, VarintError> {
    const ENDS: u64 = 0x8080_8080_8080_8080;
    let Some(eight) = input.first_chunk() else { return take_bytes(input) };
    let word = u64::from_le_bytes(*eight);
    let ends = !word & ENDS;
    if ends == 0 {
        return take_bytes(input);
    }
    let last_bit = ends.trailing_zeros();
    let kept = word & (u64::MAX >> (u64::BITS - 1 - last_bit));
    // Nothing in the last byte, and it is not the only one.
    if last_bit > 7 && kept >> (last_bit - 7) == 0 {
        return Err(VarintError::NotMinimal);
    }
    let bytes = usize::try_from(last_bit / 8 + 1).map_err(|_| VarintError::TooLarge)?;
    *input = input.get(bytes..).unwrap_or_default();
    let sevens = kept & !ENDS;
    let pairs = sevens & 0x007f_007f_007f_007f | (sevens & 0x7f00_7f00_7f00_7f00) >> 1;
    let fours = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    Ok(fours & 0x0fff_ffff | (fours & 0x0fff_ffff_0000_0000) >> 4)
}

fn take_bytes(input: &mut &[u8]) -> Result<u64, VarintError> {
    let mut value = 0_u64;
    for place in 0..BYTES_MAX {
        let next = byte(input)?;
        if place == BYTES_MAX - 1 && next > 1 {
            return Err(VarintError::TooLarge);
        }
        value |= u64::from(next & 0x7f) << (7 * place);
        if next < 0x80 {
            return if next == 0 && place > 0 { Err(VarintError::NotMinimal) } else { Ok(value) };
        }
    }
    Err(VarintError::TooLarge)
}

/// Takes an integer of at most 32 bits off the front.
#[inline]
pub(crate) fn take_u32(input: &mut &[u8]) -> Result<u32, VarintError> {
    u32::try_from(take(input)?).map_err(|_| VarintError::TooLarge)
}

/// Takes a length off the front.
#[inline]
pub(crate) fn take_len(input: &mut &[u8]) -> Result<usize, VarintError> {
    usize::try_from(take(input)?).map_err(|_| VarintError::TooLarge)
}

/// Small numbers of either sign to small numbers: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline]
pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
#[inline]
pub(crate) const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
