//! A page of entries: hashes and values in order, near the least number of bits they can take.
//!
//! The hash space is cut into about as many buckets as the run has entries. A page says in unary
//! how many of its entries each bucket has, from the bucket of its first entry on (a one for an
//! entry, a zero for the step to the next bucket), and keeps of each entry only what the bucket
//! does not say: the rest of the hash and the distance of the value from the run's least one, both
//! as wide as the run needs. So any entry is found by counting, without reading those before it.
//!
//! ```text
//! 0   u64  the bucket of the first entry
//! 8   u16  entries
//! 10  u16  words of unary
//! 12  u32  zero
//! 16  u64  unary, first bit lowest; after the last entry only ones
//! ..       rows of rest_bits + value_bits, first row in the lowest bits
//! ```

use super::HASH_BITS;
use super::page::{BODY_BYTES, Fault, Page, put, u16_at, u64_at};

/// An entry: a hash of [`HASH_BITS`] bits and what it stands for.
pub(super) type Entry = (u64, u64);

const HEAD_BYTES: usize = 16;
const ROOM_BITS: u64 = ((BODY_BYTES - HEAD_BYTES) * 8) as u64;
/// Fewer bits of the hash than this are never left to a row, so a bucket's number stays small.
const REST_BITS_MIN: u32 = 8;
/// What is sure to be in a window of 16 bytes that begins in the first byte.
const WINDOW_BITS_MIN: u64 = 121;

/// How wide things are in one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryShape {
    /// Bits of a hash that its bucket does not say.
    rest_bits: u32,
    /// Bits of a value above the least one.
    value_bits: u32,
    /// The least value.
    value_min: u64,
}

impl EntryShape {
    /// For so many entries with values in this range.
    pub(super) fn of(count: u64, value_min: u64, value_max: u64) -> Self {
        let bucket_bits = u64::BITS - count.max(1).leading_zeros();
        let rest_bits = HASH_BITS.saturating_sub(bucket_bits).max(REST_BITS_MIN);
        let value_bits = u64::BITS - value_max.saturating_sub(value_min).leading_zeros();
        Self { rest_bits, value_bits, value_min }
    }

    const fn row_bits(self) -> u64 {
        (self.rest_bits + self.value_bits) as u64
    }

    const fn bucket(self, hash: u64) -> u64 {
        hash >> self.rest_bits
    }

    const fn rest(self, hash: u64) -> u64 {
        hash & mask(self.rest_bits)
    }
}

/// Gathers entries in order until a page is full.
#[derive(Debug)]
pub(super) struct EntryPageWriter {
    shape: EntryShape,
    entries: Vec<Entry>,
    row_bits: u64,
}

impl EntryPageWriter {
    /// For a run of this shape.
    pub(super) const fn new(shape: EntryShape) -> Self {
        Self { shape, entries: Vec::new(), row_bits: 0 }
    }

    /// Takes an entry that is not before the last one. When it does not fit, the page without it is
    /// handed out, with the hash it begins with.
    pub(super) fn push(&mut self, entry: Entry) -> Option<(u64, Page)> {
        let row_bits = self.row_bits + self.shape.row_bits();
        let first = self.entries.first().map_or(entry.0, |it| it.0);
        let steps = self.shape.bucket(entry.0) - self.shape.bucket(first);
        let unary_bits = (steps + self.entries.len() as u64 + 1).next_multiple_of(64);
        let full = if unary_bits + row_bits > ROOM_BITS { self.turn() } else { None };
        self.row_bits += self.shape.row_bits();
        self.entries.push(entry);
        full
    }

    /// The page begun, if any.
    pub(super) fn turn(&mut self) -> Option<(u64, Page)> {
        let first = self.entries.first()?.0;
        let page = encode(self.shape, first, &self.entries);
        self.entries.clear();
        self.row_bits = 0;
        Some((first, page))
    }
}

fn encode(shape: EntryShape, first: u64, entries: &[Entry]) -> Page {
    let mut page = Page::zeroed();
    let body = page.body_mut();
    let base = shape.bucket(first);
    let last = entries.last().map_or(first, |it| it.0);
    let unary_bits = shape.bucket(last) - base + entries.len() as u64;
    let mut unary = vec![0_u64; to_usize(unary_bits.div_ceil(64))];
    for (place, (hash, _)) in entries.iter().enumerate() {
        set(&mut unary, to_usize(shape.bucket(*hash) - base) + place);
    }
    (to_usize(unary_bits)..unary.len() * 64).for_each(|bit| set(&mut unary, bit));
    put(body, 0, &base.to_le_bytes());
    put(body, 8, &to_u16(entries.len()).to_le_bytes());
    put(body, 10, &to_u16(unary.len()).to_le_bytes());
    for (place, word) in unary.iter().enumerate() {
        put(body, HEAD_BYTES + place * 8, &word.to_le_bytes());
    }
    let rows = body.get_mut(HEAD_BYTES + unary.len() * 8..).expect("the unary part fits");
    let mut bits = BitWriter { bytes: rows, at: 0, held: 0, held_bits: 0 };
    for (hash, value) in entries {
        bits.put(shape.rest(*hash), shape.rest_bits);
        bits.put(value - shape.value_min, shape.value_bits);
    }
    bits.finish();
    page
}

fn set(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}

struct BitWriter<'a> {
    bytes: &'a mut [u8],
    at: usize,
    held: u128,
    held_bits: u32,
}

impl BitWriter<'_> {
    fn put(&mut self, value: u64, width: u32) {
        self.held |= u128::from(value) << self.held_bits;
        self.held_bits += width;
        if self.held_bits >= 64 {
            put(self.bytes, self.at, &low(self.held).to_le_bytes());
            self.at += 8;
            self.held >>= 64;
            self.held_bits -= 64;
        }
    }

    fn finish(self) {
        let bytes = self.held.to_le_bytes();
        let kept = bytes.get(..self.held_bits.div_ceil(8) as usize).expect("at most eight bytes");
        put(self.bytes, self.at, kept);
    }
}

/// A page of entries that has been read, its numbers checked against its size.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryPage<'a> {
    shape: EntryShape,
    base: u64,
    count: usize,
    unary: &'a [[u8; 8]],
    body: &'a [u8],
    rows_at: usize,
}

impl<'a> EntryPage<'a> {
    /// Looks at the body of a page as one of entries.
    pub(super) fn new(shape: EntryShape, body: &'a [u8]) -> Result<Self, Fault> {
        Self::parse(shape, body).ok_or(Fault::Damaged("a page of entries does not add up"))
    }

    fn parse(shape: EntryShape, body: &'a [u8]) -> Option<Self> {
        let base = u64_at(body, 0)?;
        let count = usize::from(u16_at(body, 8)?);
        let words = usize::from(u16_at(body, 10)?);
        let unary = body.get(HEAD_BYTES..)?.as_chunks::<8>().0.get(..words)?;
        let rows_at = HEAD_BYTES + words * 8;
        let rows_bytes = (count as u64 * shape.row_bits()).div_ceil(8);
        let buckets = 1_u64 << (HASH_BITS - shape.rest_bits);
        let fits = rows_bytes <= (body.len() - rows_at) as u64 && base < buckets;
        fits.then_some(Self { shape, base, count, unary, body, rows_at })
    }

    /// Hands the values of a hash to `found`, least first.
    pub(super) fn find(&self, hash: u64, mut found: impl FnMut(u64)) {
        let Some(steps) = self.shape.bucket(hash).checked_sub(self.base) else { return };
        let Some(mut bit) = self.after_steps(steps) else { return };
        let rest = self.shape.rest(hash);
        let mut place = bit - to_usize(steps);
        while place < self.count && self.is_entry(bit) {
            let (kept, value) = self.row(place as u64 * self.shape.row_bits());
            if kept == rest {
                found(value);
            }
            place += 1;
            bit += 1;
        }
    }

    /// All entries, in order.
    pub(super) fn decode(&self, into: &mut Vec<Entry>) -> Result<(), Fault> {
        into.clear();
        into.reserve(self.count);
        let (mut bucket, mut at) = (self.base, 0);
        for word in self.unary {
            let mut word = u64::from_le_bytes(*word);
            let mut left = u64::BITS;
            // One turn a run of zeros and the entry after it.
            while word != 0 && into.len() < self.count {
                let zeros = word.trailing_zeros();
                bucket += u64::from(zeros);
                let (rest, value) = self.row(at);
                into.push((bucket << self.shape.rest_bits | rest, value));
                at += self.shape.row_bits();
                // Two shifts, for by 64 there is none.
                word = word >> zeros >> 1;
                left -= zeros + 1;
            }
            bucket += u64::from(left);
        }
        if into.len() == self.count {
            Ok(())
        } else {
            Err(Fault::Damaged("a page has fewer entries than it says"))
        }
    }

    /// The bit after so many steps.
    fn after_steps(&self, steps: u64) -> Option<usize> {
        let mut left = steps;
        if left == 0 {
            return Some(0);
        }
        for (place, word) in self.unary.iter().enumerate() {
            let mut zeros = !u64::from_le_bytes(*word);
            let here = u64::from(zeros.count_ones());
            if left > here {
                left -= here;
                continue;
            }
            for _ in 1..left {
                zeros &= zeros - 1;
            }
            return Some(place * 64 + zeros.trailing_zeros() as usize + 1);
        }
        None
    }

    fn is_entry(&self, bit: usize) -> bool {
        self.unary
            .get(bit / 64)
            .is_some_and(|word| u64::from_le_bytes(*word) >> (bit % 64) & 1 == 1)
    }

    /// What is kept of the hash, and the value, of the row that begins at a bit.
    #[inline]
    fn row(&self, at: u64) -> (u64, u64) {
        let window = self.window(at);
        let rest = low(window) & mask(self.shape.rest_bits);
        let above = if self.shape.row_bits() <= WINDOW_BITS_MIN {
            low(window >> self.shape.rest_bits)
        } else {
            low(self.window(at + u64::from(self.shape.rest_bits)))
        };
        // A sum beyond 64 bits was never written; wrapping keeps a forged page from a panic.
        (rest, self.shape.value_min.wrapping_add(above & mask(self.shape.value_bits)))
    }

    /// At least [`WINDOW_BITS_MIN`] bits from a place on.
    #[inline]
    fn window(&self, at: u64) -> u128 {
        let from = self.rows_at + to_usize(at / 8);
        let rest = self.body.get(from..).unwrap_or_default();
        let window = rest.first_chunk::<16>().map_or_else(
            || {
                let mut padded = [0_u8; 16];
                padded.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                u128::from_le_bytes(padded)
            },
            |whole| u128::from_le_bytes(*whole),
        );
        window >> (at % 8)
    }
}

const fn mask(width: u32) -> u64 {
    match 1_u64.checked_shl(width) {
        Some(above) => above - 1,
        None => u64::MAX,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is asked for")]
const fn low(wide: u128) -> u64 {
    wide as u64
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).expect("it counts bits of one page")
}

fn to_u16(number: usize) -> u16 {
    u16::try_from(number).expect("a page has fewer than 2^16 bits")
}
