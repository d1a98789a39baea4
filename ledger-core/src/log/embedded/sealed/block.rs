//! A block: records of one or several streams, at most 64 KiB of them, readable by itself.
//!
//! Three columns: the shape of the rows (flags, names, edits), which repeats; their values (times,
//! what differs in the bodies), which hardly do; and ids, which are random. Each is LZ4 or, where
//! that gains nothing, as it is. Rows are told by what differs from the row before, so a block is
//! always decoded from its beginning. What could be said shorter is refused.

use crate::log::embedded::raw::flag;

use super::arena::Head;

mod pack;
mod unpack;

pub(super) use pack::Packer;
pub(super) use unpack::Unpacker;

/// The most bytes of records in one block, unless a single record has more.
pub(super) const BLOCK_BYTES_MAX: usize = 64 * 1024;
/// What a record counts beside its own bytes.
const ROW_BYTES: usize = 32;
/// The most bytes a column unpacks to: a block of one huge record is below it too.
const COLUMN_BYTES_MAX: usize = 4 * BLOCK_BYTES_MAX;
/// The most rows a block holds.
pub(super) const ROWS_MAX: usize = BLOCK_BYTES_MAX / ROW_BYTES;

/// The first byte of a row.
mod row {
    /// Its position is not the one after the position before.
    pub(super) const POSITION: u8 = 1;
    /// It was recorded at another time than the row before.
    pub(super) const RECORDED_AT: u8 = 1 << 1;
    /// Which of the units the difference of `occurred_at` is counted in.
    pub(super) const OCCURRED_AT: u8 = 0b11 << 2;
    pub(super) const OCCURRED_AT_SHIFT: u32 = 2;
    /// It has another wire name or actor than the row before.
    pub(super) const NAMES: u8 = 1 << 4;
    /// It has other parts, or keys of another source, than the row before.
    pub(super) const PARTS: u8 = 1 << 5;
    /// Its body is made from an earlier one.
    pub(super) const BODY: u8 = 1 << 6;
    pub(super) const UNUSED: u8 = 1 << 7;
}

/// What a difference of `occurred_at` is counted in: nothing, microseconds, milliseconds, seconds.
const UNITS: [i64; 4] = [0, 1, 1_000, 1_000_000];

/// What every block of one file keeps to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The position of the first record.
    pub(super) first_position: u64,
    /// How many records there are.
    pub(super) count: u64,
    /// How many names of each kind.
    pub(super) names: [u32; 4],
}

/// What the row before says.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    position: u64,
    recorded_at: i64,
    occurred_at: i64,
    wire: u32,
    actor: u32,
    source: u32,
    parts: u8,
}

/// What a record counts towards the size of its block.
#[inline]
pub(super) fn bytes_of(head: &Head) -> usize {
    let ids = [flag::CAUSATION, flag::CORRELATION].iter().filter(|it| head.parts & **it != 0);
    let fingerprint = if head.parts & flag::FINGERPRINT == 0 { 0 } else { 32 };
    let id = usize::from(head.id_bytes);
    ROW_BYTES + 16 * ids.count() + fingerprint + id + head.body_bytes as usize
}

/// Where a block begins and what it holds, as the block table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockEntry {
    /// Where it is.
    pub(super) offset: u64,
    /// Its length in the file.
    pub(super) length: u32,
    /// Its records.
    pub(super) rows: u32,
    /// The stream of its first record.
    pub(super) stream: u32,
    /// The revision of its first record.
    pub(super) revision: u64,
    /// The CRC32C of its bytes.
    pub(super) checksum: u32,
}
