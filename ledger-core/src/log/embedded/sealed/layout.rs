//! The two ends of the file: the facts at its beginning, the lengths and digests at its end.
//!
//! The parts lie one after the other without a gap, so lengths say where they are. The footer holds
//! the header again: one read of the end of the file tells all that a reader needs.

use crate::id::LedgerId;
use crate::log::embedded::raw::array;

use super::error::{Fault, Part};

/// The layout of this build.
pub(super) const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"CFSEALED";
const END: [u8; 8] = *b"CFSEALND";
/// The length of the header.
pub(super) const HEADER_BYTES: usize = 80;
/// The length of the footer.
pub(super) const FOOTER_BYTES: usize = HEADER_BYTES + 8 + 48 + 20 + 12 + 32 + 4;

/// What a segment is, whatever it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The ledger it is part of.
    pub(crate) ledger: LedgerId,
    /// Which segment of it.
    pub(crate) segment: u64,
    /// The position of its first record.
    pub(crate) first_position: u64,
    /// How many records it holds.
    pub(crate) count: u64,
    /// The sequence of the first batch frame that it was sealed from.
    pub(crate) first_frame: u64,
    /// The sequence of the last.
    pub(crate) last_frame: u64,
    /// When the last record was recorded.
    pub(crate) last_recorded_at: i64,
}

/// The header of a file.
pub(super) fn header(facts: &Facts) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(facts.ledger.as_bytes());
    let Facts { ledger: _, segment, first_position, count, first_frame, last_frame, .. } = *facts;
    for fact in [segment, first_position, count, first_frame, last_frame] {
        out.extend_from_slice(&fact.to_le_bytes());
    }
    out.extend_from_slice(&facts.last_recorded_at.to_le_bytes());
    let checksum = crc32c::crc32c(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// What a header says: the facts, or the version that this build does not read.
pub(super) fn read_header(bytes: &[u8; HEADER_BYTES]) -> Result<Result<Facts, u32>, Fault> {
    let mut input = bytes.as_slice();
    if array(&mut input)? != MAGIC {
        return Err(Fault::Magic);
    }
    let version = u32::from_le_bytes(array(&mut input)?);
    if version != VERSION {
        return Ok(Err(version));
    }
    let facts = Facts {
        ledger: LedgerId::from_bytes(array(&mut input)?),
        segment: u64::from_le_bytes(array(&mut input)?),
        first_position: u64::from_le_bytes(array(&mut input)?),
        count: u64::from_le_bytes(array(&mut input)?),
        first_frame: u64::from_le_bytes(array(&mut input)?),
        last_frame: u64::from_le_bytes(array(&mut input)?),
        last_recorded_at: i64::from_le_bytes(array(&mut input)?),
    };
    check_sum(bytes)?;
    let last = facts.first_position.checked_add(facts.count);
    if facts.first_position == 0 || facts.count == 0 || last.is_none() {
        return Err(Fault::Contradiction { what: "the range of positions" });
    }
    Ok(Ok(facts))
}

/// Checks bytes that end in their own CRC32C.
pub(super) fn check_sum(bytes: &[u8]) -> Result<&[u8], Fault> {
    let (bytes, checksum) = bytes
        .split_last_chunk::<4>()
        .ok_or(Fault::Length { expected: 4, found: bytes.len() as u64 })?;
    let expected = u32::from_le_bytes(*checksum);
    let found = crc32c::crc32c(bytes);
    if found == expected { Ok(bytes) } else { Err(Fault::Checksum { expected, found }) }
}

/// What the end of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) facts: Facts,
    /// The lengths of the parts between header and footer, in their order.
    pub(super) lengths: [u64; 6],
    /// How many blocks there are.
    pub(super) blocks: u32,
    /// How many names of each kind.
    pub(super) names: [u32; 4],
    /// CRC32C of directory index, block table and names.
    pub(super) checksums: [u32; 3],
    /// SHA-256 of all bytes before the footer.
    pub(super) digest: [u8; 32],
}

/// The parts between header and footer, in their order.
pub(super) const PARTS: [Part; 6] = [
    Part::Block,
    Part::Positions,
    Part::Directory,
    Part::DirectoryIndex,
    Part::BlockTable,
    Part::Names,
];

impl Footer {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = header(&self.facts);
        out.extend_from_slice(&END);
        for length in self.lengths {
            out.extend_from_slice(&length.to_le_bytes());
        }
        for number in [self.blocks].iter().chain(&self.names).chain(&self.checksums) {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.digest);
        let checksum = crc32c::crc32c(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// What a footer says: itself, or the version that this build does not read.
    pub(super) fn decode(bytes: &[u8]) -> Result<Result<Self, u32>, Fault> {
        let mut input = bytes;
        let facts = match read_header(&array(&mut input)?)? {
            Ok(facts) => facts,
            Err(version) => return Ok(Err(version)),
        };
        check_sum(bytes)?;
        if array(&mut input)? != END {
            return Err(Fault::Magic);
        }
        let mut lengths = [0; 6];
        for length in &mut lengths {
            *length = u64::from_le_bytes(array(&mut input)?);
        }
        let mut numbers = [0; 8];
        for number in &mut numbers {
            *number = u32::from_le_bytes(array(&mut input)?);
        }
        let [blocks, streams, wires, actors, sources, index, table, names] = numbers;
        Ok(Ok(Self {
            facts,
            lengths,
            blocks,
            names: [streams, wires, actors, sources],
            checksums: [index, table, names],
            digest: array(&mut input)?,
        }))
    }

    /// Where a part is, when all of them fit a file of this length exactly.
    pub(super) fn place(&self, part: Part, file_bytes: u64) -> Result<(u64, u64), Fault> {
        let mut at = HEADER_BYTES as u64;
        let mut found = (0, 0);
        for (nth, length) in PARTS.into_iter().zip(self.lengths) {
            if nth == part {
                found = (at, length);
            }
            at = at.checked_add(length).ok_or(Fault::Contradiction { what: "a length" })?;
        }
        let expected = at.saturating_add(FOOTER_BYTES as u64);
        if expected == file_bytes {
            Ok(found)
        } else {
            Err(Fault::Length { expected, found: file_bytes })
        }
    }
}
