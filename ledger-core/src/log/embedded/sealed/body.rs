//! A body told as its difference from an earlier body of the same block.
//!
//! Usage events of one stream differ in a few bytes. A difference is a count of edits, and for each
//! edit how many bytes are kept, how many are put in and how many are passed over; what is left of
//! the earlier body follows. The counts go to the shape column, where they repeat and pack to
//! almost nothing; the bytes put in go to the values. Any edits that give the body are valid.

use crate::log::EVENT_BYTES_MAX;
use crate::log::embedded::raw::{RowError, slice, varint};

use super::error::Fault;

/// How far apart the two sides are looked at when they are brought together again.
const RESYNC_BYTES_MAX: usize = 12;
/// How many bytes must agree to count as together.
const RESYNC_BYTES: usize = 3;
/// From here on half an edit is an integer of its own.
const NIBBLE_MAX: usize = 15;

/// Keep so many, put in so many, pass over so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edit {
    copy: usize,
    insert: usize,
    skip: usize,
}

/// The edits that make `target` of `reference`, and about how many bytes they cost. What costs
/// `cost_max` or more is not looked at to its end.
pub(super) fn difference(
    reference: &[u8],
    target: &[u8],
    cost_max: usize,
    edits: &mut Vec<Edit>,
) -> usize {
    edits.clear();
    let (mut from, mut to) = (reference, target);
    let mut cost = 1;
    while cost < cost_max {
        let copy = common_prefix(from, to);
        from = from.get(copy..).unwrap_or_default();
        to = to.get(copy..).unwrap_or_default();
        if from.is_empty() && to.is_empty() {
            break;
        }
        let (insert, skip) = resync(from, to);
        from = from.get(skip..).unwrap_or_default();
        to = to.get(insert..).unwrap_or_default();
        edits.push(Edit { copy, insert, skip });
        cost += 2 + insert + usize::from(insert >= NIBBLE_MAX) + usize::from(skip >= NIBBLE_MAX);
    }
    cost
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const WORD: usize = 8;
    let words = a.chunks_exact(WORD).zip(b.chunks_exact(WORD)).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.iter().skip(words * WORD), b.iter().skip(words * WORD));
    words * WORD + a.zip(b).take_while(|(a, b)| a == b).count()
}

/// How many bytes to put in and to pass over until both sides agree again.
fn resync(from: &[u8], to: &[u8]) -> (usize, usize) {
    let inserts = begins(to);
    let mut skips = begins(from);
    skips.reverse();
    for apart in 1..=RESYNC_BYTES_MAX {
        let skips = skips.get(RESYNC_BYTES_MAX - apart..).unwrap_or_default();
        let together = inserts.iter().zip(skips).position(|(to, from)| to == from && *to != NONE);
        if let Some(insert) = together {
            return (insert, apart - insert);
        }
    }
    let suffix = from.iter().rev().zip(to.iter().rev()).take_while(|(a, b)| a == b).count();
    (to.len() - suffix, from.len() - suffix)
}

/// No beginning: it would be behind the end.
const NONE: u32 = u32::MAX;

/// What must agree, from each of the first places on: so many bytes, or all there are. A number
/// each, so that to compare two is one step.
fn begins(bytes: &[u8]) -> [u32; RESYNC_BYTES_MAX + 1] {
    const SEEN: usize = RESYNC_BYTES_MAX + RESYNC_BYTES + 1;
    let mut seen = [0; SEEN];
    let length = bytes.len().min(SEEN);
    for (seen, byte) in seen.iter_mut().zip(bytes) {
        *seen = *byte;
    }
    let seen = u128::from_le_bytes(seen);
    std::array::from_fn(|place| {
        let begin = u32::try_from(seen >> (8 * place) & 0x00ff_ffff).unwrap_or(NONE);
        match length.checked_sub(place) {
            Some(RESYNC_BYTES..) => begin,
            // Fewer bytes are the same only as just as few.
            Some(left) => begin | (u32::try_from(left).unwrap_or(0) + 1) << 24,
            None => NONE,
        }
    })
}

/// Writes the edits that make `target`.
pub(super) fn encode(edits: &[Edit], target: &[u8], shape: &mut Vec<u8>, values: &mut Vec<u8>) {
    varint::put_len(edits.len(), shape);
    let mut rest = target;
    for Edit { copy, insert, skip } in edits {
        varint::put_len(*copy, shape);
        shape.push(nibble(*insert) << 4 | nibble(*skip));
        for count in [insert, skip] {
            if *count >= NIBBLE_MAX {
                varint::put_len(count - NIBBLE_MAX, shape);
            }
        }
        rest = rest.get(*copy..).unwrap_or_default();
        values.extend_from_slice(rest.get(..*insert).unwrap_or_default());
        rest = rest.get(*insert..).unwrap_or_default();
    }
}

fn nibble(count: usize) -> u8 {
    u8::try_from(count.min(NIBBLE_MAX)).unwrap_or(0x0f)
}

/// Makes a body after the end of `bytes` from the one at `reference` in it.
#[inline]
pub(super) fn decode(
    reference: (u32, u32),
    shape: &mut &[u8],
    values: &mut &[u8],
    bytes: &mut Vec<u8>,
) -> Result<(), Fault> {
    let (mut quick_shape, mut quick_values) = (*shape, *values);
    let mut made = [0; QUICK_BYTES];
    let quick = decode_quick(reference, &mut quick_shape, &mut quick_values, bytes, &mut made);
    if let Some(body) = quick.and_then(|length| made.get(..length)) {
        bytes.extend_from_slice(body);
        (*shape, *values) = (quick_shape, quick_values);
        return Ok(());
    }
    decode_any(reference, shape, values, bytes)
}

/// The most bytes of a body that is made in whole steps.
const QUICK_BYTES: usize = 256;
/// What is copied at once, wanted or not: a copy of known length costs no call.
const STEP_BYTES: usize = 16;

/// The length of the body in `made`; `None` for whatever is large, near an end or wrong.
#[inline]
fn decode_quick(
    reference: (u32, u32),
    shape: &mut &[u8],
    values: &mut &[u8],
    bytes: &[u8],
    made: &mut [u8; QUICK_BYTES],
) -> Option<usize> {
    let mut from = bytes.get(reference.0 as usize..)?;
    let mut left = reference.1 as usize;
    let mut length = 0;
    for _ in 0..varint::take(shape).ok()? {
        let copy = varint::take_len(shape).ok()?;
        let counts = varint::byte(shape).ok()?;
        let insert = count(counts >> 4, shape).ok()?;
        let skip = count(counts & 0x0f, shape).ok()?;
        let passed = copy.checked_add(skip).filter(|passed| *passed <= left)?;
        copy_steps(from, copy, made, &mut length)?;
        copy_steps(values, insert, made, &mut length)?;
        *values = values.get(insert..)?;
        from = from.get(passed..)?;
        left -= passed;
    }
    copy_steps(from, left, made, &mut length)?;
    Some(length)
}

#[inline]
fn copy_steps(
    from: &[u8],
    count: usize,
    made: &mut [u8; QUICK_BYTES],
    length: &mut usize,
) -> Option<()> {
    let mut done = 0;
    while done < count {
        let step: &[u8; STEP_BYTES] = from.get(done..)?.first_chunk()?;
        *made.get_mut(*length + done..)?.first_chunk_mut()? = *step;
        done += STEP_BYTES;
    }
    *length += count;
    Some(())
}

fn decode_any(
    reference: (u32, u32),
    shape: &mut &[u8],
    values: &mut &[u8],
    bytes: &mut Vec<u8>,
) -> Result<(), Fault> {
    let begin = bytes.len();
    let mut at = reference.0 as usize;
    let end = at + reference.1 as usize;
    for _ in 0..varint::take(shape)? {
        let copy = varint::take_len(shape)?;
        let counts = varint::byte(shape)?;
        let insert = count(counts >> 4, shape)?;
        let skip = count(counts & 0x0f, shape)?;
        if copy > end - at || skip > end - at - copy {
            return Err(Fault::Reference);
        }
        bytes.extend_from_within(at..at + copy);
        bytes.extend_from_slice(slice(values, insert)?);
        at += copy + skip;
    }
    bytes.extend_from_within(at..end);
    let made = bytes.len() - begin;
    if made > EVENT_BYTES_MAX {
        return Err(RowError::Body { bytes: made as u64 }.into());
    }
    Ok(())
}

#[inline]
fn count(nibble: u8, shape: &mut &[u8]) -> Result<usize, Fault> {
    let count = usize::from(nibble);
    if count < NIBBLE_MAX {
        return Ok(count);
    }
    varint::take_len(shape)?.checked_add(NIBBLE_MAX).ok_or(Fault::Reference)
}
