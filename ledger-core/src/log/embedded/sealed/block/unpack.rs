//! Unpacking: each row checked to be told in the one way it can be.

use crate::log::EVENT_BYTES_MAX;
use crate::log::embedded::raw::varint::{self, unzigzag};
use crate::log::embedded::raw::{NameKind, RowError, flag, is_canonical_text, slice};

use crate::log::embedded::sealed::arena::Head;
use crate::log::embedded::sealed::body;
use crate::log::embedded::sealed::error::Fault;

use super::{BLOCK_BYTES_MAX, Before, BlockEntry, COLUMN_BYTES_MAX, Limits, UNITS, bytes_of, row};

/// What decoding a block needs beside the block; used again for the next.
#[derive(Debug, Default)]
pub(in crate::log::embedded::sealed) struct Unpacker {
    columns: [Vec<u8>; 3],
    bodies: Vec<(u32, u32)>,
}

impl Unpacker {
    /// Gives each record of a block to `place`; their bytes are added to `bytes`.
    pub(in crate::log::embedded::sealed) fn unpack(
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
    #[inline]
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

    #[inline]
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

    #[inline]
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
        if parts == flag::KEY | flag::KEY_IS_UUID {
            self.name(NameKind::Source, before.source)?;
            let (id, rest) = self.keys.split_first_chunk::<16>().ok_or(RowError::Short)?;
            self.keys = rest;
            self.bytes.extend_from_slice(id);
            return Ok((0, 16));
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
