//! A block: records of one or several streams, at most 64 KiB of them, readable by itself.
//!
//! Three columns: the shape of the rows (flags, names, edits), which repeats; their values (times,
//! what differs in the bodies), which hardly do; and ids, which are random. Each is LZ4 or, where
//! that gains nothing, as it is. Rows are told by what differs from the row before, so a block is
//! always decoded from its beginning. What could be said shorter is refused.

use crate::log::EVENT_BYTES_MAX;
use crate::log::embedded::raw::varint::{self, unzigzag, zigzag};
use crate::log::embedded::raw::{NameKind, RowError, flag, is_canonical_text, slice};

use super::arena::{Arena, Head};
use super::body::{self, Edit};
use super::error::Fault;

/// The most bytes of records in one block, unless a single record has more.
pub(super) const BLOCK_BYTES_MAX: usize = 64 * 1024;
/// What a record counts beside its own bytes.
const ROW_BYTES: usize = 32;
/// The most bytes a column unpacks to: a block of one huge record is below it too.
const COLUMN_BYTES_MAX: usize = 4 * BLOCK_BYTES_MAX;
/// A column is packed when that saves at least this part of it.
const GAIN: usize = 32;
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
pub(super) fn bytes_of(head: &Head) -> usize {
    let ids = [flag::CAUSATION, flag::CORRELATION].iter().filter(|it| head.parts & **it != 0);
    let fingerprint = if head.parts & flag::FINGERPRINT == 0 { 0 } else { 32 };
    let id = usize::from(head.id_bytes);
    ROW_BYTES + 16 * ids.count() + fingerprint + id + head.body_bytes as usize
}

/// Packs blocks, one after the other.
#[derive(Debug)]
pub(super) struct Packer {
    shape: Vec<u8>,
    values: Vec<u8>,
    keys: Vec<u8>,
    /// The last row of each beginning and end of a body.
    recent: Box<[u16; 3 * RECENT]>,
    edits: [Vec<Edit>; 2],
}

const RECENT: usize = 256;

impl Packer {
    pub(super) fn new() -> Self {
        let recent = Box::new([0; 3 * RECENT]);
        Self { shape: vec![], values: vec![], keys: vec![], recent, edits: [vec![], vec![]] }
    }

    /// Adds the block of these records, which are in order of stream and revision.
    pub(super) fn pack(
        &mut self,
        arena: &Arena,
        slots: &[u32],
        first_position: u64,
        out: &mut Vec<u8>,
    ) {
        self.shape.clear();
        self.values.clear();
        self.keys.clear();
        self.recent.fill(0);
        let heads: Vec<&Head> =
            slots.iter().filter_map(|slot| arena.heads.get(*slot as usize)).collect();
        let mut before = Before::default();
        let mut place = 0;
        for group in heads.chunk_by(|a, b| a.stream == b.stream) {
            for head in group.iter().take(1) {
                varint::put(u64::from(head.stream), &mut self.shape);
                varint::put(head.revision, &mut self.shape);
                varint::put_len(group.len(), &mut self.shape);
            }
            before.position = first_position - 1;
            for head in group {
                self.row(arena, &heads, place, head, &mut before);
                place += 1;
            }
        }
        for column in [&self.shape, &self.values, &self.keys] {
            varint::put_len(column.len(), out);
        }
        let columns = [&self.shape, &self.values, &self.keys].map(|column| packed(column));
        for (column, raw) in columns.iter().zip([&self.shape, &self.values, &self.keys]) {
            varint::put_len(column.as_ref().unwrap_or(raw).len(), out);
        }
        for (column, raw) in columns.iter().zip([&self.shape, &self.values, &self.keys]) {
            out.extend_from_slice(column.as_ref().unwrap_or(raw));
        }
    }

    fn row(
        &mut self,
        arena: &Arena,
        heads: &[&Head],
        place: usize,
        head: &Head,
        before: &mut Before,
    ) {
        let flags_at = self.shape.len();
        self.shape.push(0);
        let mut flags = 0;
        let step = head.position - before.position;
        if step != 1 {
            flags |= row::POSITION;
            varint::put(step, &mut self.values);
        }
        let recorded = head.recorded_at.wrapping_sub(before.recorded_at);
        if recorded != 0 {
            flags |= row::RECORDED_AT;
            varint::put(zigzag(recorded), &mut self.values);
        }
        let occurred = head.occurred_at.wrapping_sub(before.occurred_at);
        if occurred != 0 {
            let (unit, size) = if occurred % 1_000_000 == 0 {
                (3, 1_000_000)
            } else if occurred % 1_000 == 0 {
                (2, 1_000)
            } else {
                (1, 1)
            };
            flags |= unit << row::OCCURRED_AT_SHIFT;
            varint::put(zigzag(occurred / size), &mut self.values);
        }
        if (head.wire, head.actor) != (before.wire, before.actor) {
            flags |= row::NAMES;
            varint::put(u64::from(head.wire), &mut self.shape);
            varint::put(u64::from(head.actor), &mut self.shape);
        }
        if (head.parts, head.source) != (before.parts, before.source) {
            flags |= row::PARTS;
            self.shape.push(head.parts);
            if head.parts & flag::KEY != 0 {
                varint::put(u64::from(head.source), &mut self.shape);
            }
        }
        if head.parts & flag::KEY_INDEX != 0 {
            varint::put(u64::from(head.index), &mut self.values);
        }
        if head.parts & (flag::KEY | flag::KEY_IS_UUID) == flag::KEY {
            self.shape.push(head.id_bytes);
        }
        let body_at =
            (head.bytes_at as usize) + bytes_of(head) - ROW_BYTES - head.body_bytes as usize;
        let ids = arena.bytes.get(head.bytes_at as usize..body_at);
        self.keys.extend_from_slice(ids.unwrap_or_default());
        if self.body(arena, heads, place, head) {
            flags |= row::BODY;
        }
        if let Some(byte) = self.shape.get_mut(flags_at) {
            *byte = flags;
        }
        *before = Before {
            position: head.position,
            recorded_at: head.recorded_at,
            occurred_at: head.occurred_at,
            wire: head.wire,
            actor: head.actor,
            source: head.source,
            parts: head.parts,
        };
    }

    /// Adds a body, and says whether it is made from an earlier one.
    ///
    /// The candidates are the last bodies that begin and end like it, begin like it, end like it,
    /// and the one before: most often one of them has the same names in it.
    fn body(&mut self, arena: &Arena, heads: &[&Head], place: usize, head: &Head) -> bool {
        let target = body_of(arena, head);
        let ends = ends_of(head.wire, target);
        let mut candidates = [0; 4];
        for (table, end) in ends.into_iter().enumerate() {
            let recent = self.recent.get_mut(table * RECENT + usize::from(end));
            if let (Some(recent), Some(candidate)) = (recent, candidates.get_mut(table)) {
                *candidate = usize::from(*recent);
                *recent = u16::try_from(place + 1).unwrap_or(0);
            }
        }
        candidates[3] = place;
        let [best, edits] = &mut self.edits;
        let mut chosen = None;
        let mut cost_min = target.len() + 2;
        for (nth, candidate) in candidates.into_iter().enumerate() {
            // Places count from 1 here; 0 is none.
            let Some(reference) = candidate.checked_sub(1).and_then(|at| heads.get(at)) else {
                continue;
            };
            if candidates.iter().take(nth).any(|earlier| *earlier == candidate) {
                continue;
            }
            let distance = place + 1 - candidate;
            let cost = 1 + body::difference(body_of(arena, reference), target, edits);
            if cost < cost_min {
                cost_min = cost;
                chosen = Some(distance);
                std::mem::swap(best, edits);
            }
        }
        match chosen {
            Some(distance) => {
                varint::put_len(distance, &mut self.shape);
                body::encode(best, target, &mut self.shape, &mut self.values);
            }
            None => {
                varint::put_len(target.len(), &mut self.shape);
                self.values.extend_from_slice(target);
            }
        }
        chosen.is_some()
    }
}

fn body_of<'a>(arena: &'a Arena, head: &Head) -> &'a [u8] {
    let end = head.bytes_at as usize + bytes_of(head) - ROW_BYTES;
    arena.bytes.get(end - head.body_bytes as usize..end).unwrap_or_default()
}

/// What a body begins and ends with, begins with, ends with, in one byte each.
fn ends_of(wire: u32, body: &[u8]) -> [u8; 3] {
    const BYTES: usize = 12;
    let mix = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    let begin = body.iter().take(BYTES).fold(wire, mix);
    let end = body.iter().rev().take(BYTES).fold(wire, mix);
    let [both, begin, end] = [begin.wrapping_mul(31) ^ end, begin, end]
        .map(|sum| sum.wrapping_mul(0x9e37_79b1).to_be_bytes()[0]);
    [both, begin, end]
}

/// The column in LZ4, where that is shorter by enough to be worth unpacking.
fn packed(column: &[u8]) -> Option<Vec<u8>> {
    let packed = lz4_flex::block::compress(column);
    (packed.len() + column.len() / GAIN < column.len()).then_some(packed)
}

/// What decoding a block needs beside the block; used again for the next.
#[derive(Debug, Default)]
pub(super) struct Unpacker {
    columns: [Vec<u8>; 3],
    bodies: Vec<(u32, u32)>,
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

impl Unpacker {
    /// Gives each record of a block to `place`; their bytes are added to `bytes`.
    pub(super) fn unpack(
        &mut self,
        stored: &[u8],
        entry: &BlockEntry,
        limits: &Limits,
        bytes: &mut Vec<u8>,
        mut place: impl FnMut(Head) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let found = crc32c::crc32c(stored);
        if found != entry.checksum {
            return Err(Fault::Checksum { expected: entry.checksum, found });
        }
        let [shape, values, keys] = columns(stored, &mut self.columns)?;
        let mut rows = Rows {
            shape,
            values,
            keys,
            limits,
            bodies: &mut self.bodies,
            bytes,
            before: Before::default(),
            size: 0,
        };
        rows.bodies.clear();
        let mut left = entry.rows;
        let mut stream_min = entry.stream;
        while left > 0 {
            let (stream, revision, count) = rows.group()?;
            let is_first = left == entry.rows;
            if stream < stream_min
                || is_first && (stream, revision) != (entry.stream, entry.revision)
            {
                return Err(Fault::Contradiction { what: "the first record of a block" });
            }
            stream_min = stream.saturating_add(1);
            left = left
                .checked_sub(count)
                .filter(|_| count > 0)
                .ok_or(Fault::Contradiction { what: "the number of rows of a block" })?;
            revision.checked_add(u64::from(count)).ok_or(RowError::TooLarge)?;
            for nth in 0..count {
                place(rows.row(stream, revision + u64::from(nth))?)?;
            }
        }
        if [rows.shape, rows.values, rows.keys].iter().any(|rest| !rest.is_empty()) {
            return Err(Fault::Contradiction { what: "the length of a block" });
        }
        Ok(())
    }
}

/// The three columns of a block, each in the file or unpacked.
fn columns<'a>(stored: &'a [u8], buffers: &'a mut [Vec<u8>; 3]) -> Result<[&'a [u8]; 3], Fault> {
    let mut rest = stored;
    let mut lengths = [(0, 0); 3];
    for (unpacked, _) in &mut lengths {
        *unpacked = varint::take_len(&mut rest)?;
    }
    for (unpacked, packed) in &mut lengths {
        *packed = varint::take_len(&mut rest)?;
        if *unpacked > COLUMN_BYTES_MAX || *packed > *unpacked {
            return Err(Fault::Column { packed: *packed, unpacked: *unpacked });
        }
    }
    let mut columns = [[].as_slice(); 3];
    for ((column, (unpacked, packed)), buffer) in columns.iter_mut().zip(lengths).zip(buffers) {
        let bytes = slice(&mut rest, packed)?;
        *column = if packed == unpacked {
            bytes
        } else {
            buffer.resize(unpacked, 0);
            match lz4_flex::block::decompress_into(bytes, buffer) {
                Ok(length) if length == unpacked => buffer.as_slice(),
                Ok(_) | Err(_) => return Err(Fault::Column { packed, unpacked }),
            }
        };
    }
    if rest.is_empty() {
        Ok(columns)
    } else {
        Err(Fault::Contradiction { what: "the length of a block" })
    }
}

/// The rows of a block, being read.
struct Rows<'a> {
    shape: &'a [u8],
    values: &'a [u8],
    keys: &'a [u8],
    limits: &'a Limits,
    bodies: &'a mut Vec<(u32, u32)>,
    bytes: &'a mut Vec<u8>,
    before: Before,
    size: usize,
}

impl Rows<'_> {
    fn name(&self, kind: NameKind, number: u32) -> Result<u32, Fault> {
        let [streams, wires, actors, sources] = self.limits.names;
        let count = match kind {
            NameKind::Stream => streams,
            NameKind::Wire => wires,
            NameKind::Actor => actors,
            NameKind::Source => sources,
        };
        if number < count { Ok(number) } else { Err(Fault::Unnamed { kind, number }) }
    }

    /// The stream of the rows that follow, the revision of the first, and how many they are.
    fn group(&mut self) -> Result<(u32, u64, u32), Fault> {
        let stream = varint::take_u32(&mut self.shape)?;
        let stream = self.name(NameKind::Stream, stream)?;
        let revision = varint::take(&mut self.shape)?;
        let rows = varint::take_u32(&mut self.shape)?;
        self.before.position = self.limits.first_position - 1;
        Ok((stream, revision, rows))
    }

    #[inline]
    fn row(&mut self, stream: u32, revision: u64) -> Result<Head, Fault> {
        let flags = varint::byte(&mut self.shape)?;
        if flags & row::UNUSED != 0 {
            return Err(RowError::Flags { flags }.into());
        }
        self.times(flags)?;
        if flags & row::NAMES != 0 {
            self.names()?;
        }
        if flags & row::PARTS != 0 {
            self.parts()?;
        }
        let Before { position, recorded_at, occurred_at, wire, actor, source, parts } = self.before;
        let bytes_at = u32::try_from(self.bytes.len()).map_err(|_| Fault::Oversize)?;
        let (index, id_bytes) = self.ids(parts)?;
        let body_bytes = self.body(flags)?;
        let head = Head {
            position,
            revision,
            occurred_at,
            recorded_at,
            stream,
            wire,
            actor,
            source,
            index,
            bytes_at,
            body_bytes,
            id_bytes,
            parts,
        };
        self.size += bytes_of(&head);
        if self.size > BLOCK_BYTES_MAX && self.bodies.len() > 1 {
            return Err(Fault::Oversize);
        }
        Ok(head)
    }

    #[inline]
    fn times(&mut self, flags: u8) -> Result<(), Fault> {
        let before = &mut self.before;
        let step = if flags & row::POSITION == 0 { 1 } else { varint::take(&mut self.values)? };
        if step < 2 && flags & row::POSITION != 0 {
            return Err(RowError::SpelledOut { what: "a position that follows" }.into());
        }
        before.position = before.position.checked_add(step).ok_or(RowError::Position)?;
        if before.position - self.limits.first_position >= self.limits.count {
            let what = "a record outside its segment";
            return Err(Fault::Misplaced { what, position: before.position });
        }
        if flags & row::RECORDED_AT != 0 {
            let step = unzigzag(varint::take(&mut self.values)?);
            if step == 0 {
                return Err(RowError::SpelledOut { what: "an equal time of recording" }.into());
            }
            before.recorded_at = before.recorded_at.wrapping_add(step);
        }
        let unit = (flags & row::OCCURRED_AT) >> row::OCCURRED_AT_SHIFT;
        if unit != 0 {
            let step = unzigzag(varint::take(&mut self.values)?);
            let is_shorter = step == 0 || unit < 3 && step % 1_000 == 0;
            if is_shorter {
                return Err(RowError::SpelledOut { what: "a time in too small a unit" }.into());
            }
            let size = UNITS.get(usize::from(unit)).copied().unwrap_or_default();
            let step = step.checked_mul(size).ok_or(RowError::TooLarge)?;
            before.occurred_at = before.occurred_at.wrapping_add(step);
        }
        Ok(())
    }

    fn names(&mut self) -> Result<(), Fault> {
        let wire = varint::take_u32(&mut self.shape)?;
        let actor = varint::take_u32(&mut self.shape)?;
        // The first row of a block differs from a row of zeros, which is none.
        if (wire, actor) == (self.before.wire, self.before.actor) {
            return Err(RowError::SpelledOut { what: "equal names" }.into());
        }
        self.before.wire = wire;
        self.before.actor = actor;
        Ok(())
    }

    fn parts(&mut self) -> Result<(), Fault> {
        let parts = varint::byte(&mut self.shape)?;
        let of_key = flag::KEY_IS_UUID | flag::KEY_INDEX;
        if parts & (flag::NAME | flag::RECORDED_AT) != 0
            || parts & flag::KEY == 0 && parts & of_key != 0
        {
            return Err(RowError::Flags { flags: parts }.into());
        }
        let source = if parts & flag::KEY == 0 { 0 } else { varint::take_u32(&mut self.shape)? };
        if (parts, source) == (self.before.parts, self.before.source) {
            return Err(RowError::SpelledOut { what: "equal parts" }.into());
        }
        self.before.parts = parts;
        self.before.source = source;
        Ok(())
    }

    /// The index of the key and the length of its id; the ids themselves are copied.
    #[inline]
    fn ids(&mut self, parts: u8) -> Result<(u32, u8), Fault> {
        let before = self.before;
        self.name(NameKind::Wire, before.wire)?;
        self.name(NameKind::Actor, before.actor)?;
        if parts == 0 {
            return Ok((0, 0));
        }
        let mut length = 0;
        for (part, bytes) in
            [(flag::CAUSATION, 16), (flag::CORRELATION, 16), (flag::FINGERPRINT, 32)]
        {
            length += if parts & part == 0 { 0 } else { bytes };
        }
        let mut index = 0;
        let mut id_bytes = 0;
        if parts & flag::KEY != 0 {
            self.name(NameKind::Source, before.source)?;
            if parts & flag::KEY_INDEX != 0 {
                index = varint::take_u32(&mut self.values)?;
                if index == 0 {
                    return Err(RowError::SpelledOut { what: "a key's index of 0" }.into());
                }
            }
            let is_uuid = parts & flag::KEY_IS_UUID != 0;
            id_bytes = if is_uuid { 16 } else { varint::byte(&mut self.shape)? };
            if !is_uuid {
                let id = self.keys.get(length..length + usize::from(id_bytes));
                if !is_canonical_text(id.ok_or(RowError::Short)?) {
                    return Err(RowError::Key { bytes: usize::from(id_bytes) }.into());
                }
            }
        }
        let ids = slice(&mut self.keys, length + usize::from(id_bytes))?;
        self.bytes.extend_from_slice(ids);
        Ok((index, id_bytes))
    }

    #[inline]
    fn body(&mut self, flags: u8) -> Result<u32, Fault> {
        let at = u32::try_from(self.bytes.len()).map_err(|_| Fault::Oversize)?;
        if flags & row::BODY == 0 {
            let bytes = varint::take(&mut self.shape)?;
            let length = usize::try_from(bytes).ok().filter(|length| *length <= EVENT_BYTES_MAX);
            let body = slice(&mut self.values, length.ok_or(RowError::Body { bytes })?)?;
            self.bytes.extend_from_slice(body);
        } else {
            let distance = varint::take_len(&mut self.shape)?;
            let reference = self.bodies.len().checked_sub(distance).filter(|_| distance > 0);
            let reference = reference.and_then(|place| self.bodies.get(place)).copied();
            let reference = reference.ok_or(Fault::Reference)?;
            body::decode(reference, &mut self.shape, &mut self.values, self.bytes)?;
        }
        let length = u32::try_from(self.bytes.len()).map_err(|_| Fault::Oversize)? - at;
        self.bodies.push((at, length));
        Ok(length)
    }
}
