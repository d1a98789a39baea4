//! Packing: rows told by what differs, and the choice of what a body is made from.

use crate::log::embedded::raw::flag;
use crate::log::embedded::raw::varint::{self, zigzag};

use crate::log::embedded::sealed::arena::{Arena, Head};
use crate::log::embedded::sealed::body::{self, Edit};

use super::{Before, ROW_BYTES, bytes_of, row};

/// A column is packed when that saves at least this part of it.
const GAIN: usize = 32;

/// Packs blocks, one after the other.
#[derive(Debug)]
pub(in crate::log::embedded::sealed) struct Packer {
    shape: Vec<u8>,
    values: Vec<u8>,
    keys: Vec<u8>,
    /// The last row of each beginning and end of a body.
    recent: Box<[u16; 3 * RECENT]>,
    edits: [Vec<Edit>; 2],
}

const RECENT: usize = 256;

impl Packer {
    pub(in crate::log::embedded::sealed) fn new() -> Self {
        let recent = Box::new([0; 3 * RECENT]);
        Self { shape: vec![], values: vec![], keys: vec![], recent, edits: [vec![], vec![]] }
    }

    /// Adds the block of the arena's records, which are in order of stream and revision.
    pub(in crate::log::embedded::sealed) fn pack(
        &mut self,
        arena: &Arena,
        first_position: u64,
        out: &mut Vec<u8>,
    ) {
        self.shape.clear();
        self.values.clear();
        self.keys.clear();
        self.recent.fill(0);
        let mut before = Before::default();
        let mut place = 0;
        for group in arena.heads.chunk_by(|a, b| a.stream == b.stream) {
            for head in group.iter().take(1) {
                varint::put(u64::from(head.stream), &mut self.shape);
                varint::put(head.revision, &mut self.shape);
                varint::put_len(group.len(), &mut self.shape);
            }
            before.position = first_position - 1;
            for head in group {
                self.row(arena, place, head, &mut before);
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

    fn row(&mut self, arena: &Arena, place: usize, head: &Head, before: &mut Before) {
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
        if self.body(arena, place, head) {
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
    fn body(&mut self, arena: &Arena, place: usize, head: &Head) -> bool {
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
            let Some(reference) = candidate.checked_sub(1).and_then(|at| arena.heads.get(at))
            else {
                continue;
            };
            if candidates.iter().take(nth).any(|earlier| *earlier == candidate) {
                continue;
            }
            let distance = place + 1 - candidate;
            let reference = body_of(arena, reference);
            let cost = 1 + body::difference(reference, target, cost_min - 1, edits);
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
