//! The bytes of an unsealed segment: one segment header, then batch frames, then zeros.
//!
//! A frame is one group commit: its header names the ledger, the segment, its own offset and its
//! sequence, so a frame that was written to the wrong place or left over from another life never
//! passes for one of this segment. No byte of a header or payload is outside a checksum. All
//! numbers are little-endian. This file does no I/O.

use crate::id::LedgerId;

/// Bytes of a segment header.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;
/// Bytes of a frame header.
pub(crate) const FRAME_HEADER_BYTES: usize = 84;
/// The byte of a frame header that a planted bug leaves unchecked: the lowest of `recorded_at`.
const UNCHECKED_BYTE: usize = 60;
/// What a segment file begins with.
pub(crate) const SEGMENT_MAGIC: [u8; 4] = *b"CFSG";
/// What a batch frame begins with.
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"CFBF";
/// The version of both.
pub(crate) const VERSION: u16 = 1;

/// The first bytes of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) ledger: LedgerId,
    pub(crate) segment: u32,
    pub(crate) segment_bytes: u64,
    /// The position of the first event the segment will hold.
    pub(crate) first_position: u64,
    /// The sequence of the first frame the segment will hold.
    pub(crate) first_sequence: u64,
}

/// What stands before the rows of one group commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) ledger: LedgerId,
    pub(crate) segment: u32,
    /// Where in the file the frame begins.
    pub(crate) offset: u64,
    /// 1, 2, 3 ... over the whole log.
    pub(crate) sequence: u64,
    pub(crate) first_position: u64,
    /// Events in the frame; names are not counted.
    pub(crate) events: u32,
    pub(crate) payload_bytes: u32,
    /// The log's clock for every event of the frame.
    pub(crate) recorded_at: i64,
    /// The highest sequence known to be durable when this frame was written.
    pub(crate) durable_upto: u64,
    pub(crate) payload_crc: u32,
}

/// Why bytes are not a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    #[error("there are fewer bytes than a header has")]
    Short,
    #[error("it does not begin with the magic bytes")]
    Magic,
    #[error("its checksum does not match")]
    Checksum,
    #[error("it has a version this build does not read")]
    Version,
    #[error("bytes that must be zero are not")]
    Reserved,
}

/// Reads little-endian fields in order; the length was checked once, before.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().expect("the header's length was checked");
        self.0 = rest;
        *field
    }
    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
    fn i64(&mut self) -> i64 {
        i64::from_le_bytes(self.take())
    }
}

/// Writes fields in order into a buffer of exactly the right size.
struct Writer<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, field: &[u8]) {
        let end = self.at + field.len();
        self.bytes
            .get_mut(self.at..end)
            .expect("the header's fields fill exactly its length")
            .copy_from_slice(field);
        self.at = end;
    }
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0_u8; SEGMENT_HEADER_BYTES];
        let mut out = Writer { bytes: &mut bytes, at: 0 };
        out.put(&SEGMENT_MAGIC);
        out.put(&VERSION.to_le_bytes());
        out.put(&0_u16.to_le_bytes());
        out.put(self.ledger.as_bytes());
        out.put(&self.segment.to_le_bytes());
        out.put(&self.segment_bytes.to_le_bytes());
        out.put(&self.first_position.to_le_bytes());
        out.put(&self.first_sequence.to_le_bytes());
        out.put(&[0; 8]);
        seal_crc(&mut bytes);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut fields = open(bytes, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC)?;
        let header = Self {
            ledger: LedgerId::from_bytes(fields.take()),
            segment: fields.u32(),
            segment_bytes: fields.u64(),
            first_position: fields.u64(),
            first_sequence: fields.u64(),
        };
        if fields.take::<8>() != [0; 8] {
            return Err(HeaderError::Reserved);
        }
        Ok(header)
    }
}

impl FrameHeader {
    pub(crate) fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0_u8; FRAME_HEADER_BYTES];
        let mut out = Writer { bytes: &mut bytes, at: 0 };
        out.put(&FRAME_MAGIC);
        out.put(&VERSION.to_le_bytes());
        out.put(&0_u16.to_le_bytes());
        out.put(self.ledger.as_bytes());
        out.put(&self.segment.to_le_bytes());
        out.put(&self.offset.to_le_bytes());
        out.put(&self.sequence.to_le_bytes());
        out.put(&self.first_position.to_le_bytes());
        out.put(&self.events.to_le_bytes());
        out.put(&self.payload_bytes.to_le_bytes());
        out.put(&self.recorded_at.to_le_bytes());
        out.put(&self.durable_upto.to_le_bytes());
        out.put(&self.payload_crc.to_le_bytes());
        seal_crc(&mut bytes);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut fields = open(bytes, FRAME_HEADER_BYTES, FRAME_MAGIC)?;
        Ok(Self {
            ledger: LedgerId::from_bytes(fields.take()),
            segment: fields.u32(),
            offset: fields.u64(),
            sequence: fields.u64(),
            first_position: fields.u64(),
            events: fields.u32(),
            payload_bytes: fields.u32(),
            recorded_at: fields.i64(),
            durable_upto: fields.u64(),
            payload_crc: fields.u32(),
        })
    }

    /// Bytes of header and payload together.
    pub(crate) fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.payload_bytes)
    }

    /// Where the next frame begins.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add(self.frame_bytes())
    }
}

/// Puts the CRC of all bytes before it into the last four.
pub(crate) fn seal_crc(bytes: &mut [u8]) {
    let Some(at) = bytes.len().checked_sub(4) else { return };
    let (covered, crc) = bytes.split_at_mut(at);
    crc.copy_from_slice(&sum(covered).to_le_bytes());
}

/// Whether the last four bytes are the CRC of all before them.
pub(crate) fn crc_holds(bytes: &[u8]) -> bool {
    bytes
        .split_last_chunk::<4>()
        .is_some_and(|(covered, crc)| sum(covered) == u32::from_le_bytes(*crc))
}

fn sum(covered: &[u8]) -> u32 {
    if is_planted!(HeaderByteUnchecked)
        && covered.len() == FRAME_HEADER_BYTES - 4
        && let Some((before, after)) = covered.split_at_checked(UNCHECKED_BYTE)
    {
        return crc32c::crc32c_append(crc32c::crc32c(before), after.get(1..).unwrap_or_default());
    }
    crc32c::crc32c(covered)
}

fn open(bytes: &[u8], length: usize, magic: [u8; 4]) -> Result<Fields<'_>, HeaderError> {
    let bytes = bytes.get(..length).ok_or(HeaderError::Short)?;
    if !bytes.starts_with(&magic) {
        return Err(HeaderError::Magic);
    }
    if !crc_holds(bytes) {
        return Err(HeaderError::Checksum);
    }
    let mut fields = Fields(bytes);
    fields.take::<4>();
    if fields.u16() != VERSION {
        return Err(HeaderError::Version);
    }
    if fields.u16() != 0 {
        return Err(HeaderError::Reserved);
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn frame_header()(
            ledger in any::<[u8; 16]>(), segment: u32, offset: u64, sequence: u64,
            first_position: u64, events: u32, payload_bytes: u32, recorded_at: i64,
            durable_upto: u64, payload_crc: u32,
        ) -> FrameHeader {
            FrameHeader {
                ledger: LedgerId::from_bytes(ledger), segment, offset, sequence, first_position,
                events, payload_bytes, recorded_at, durable_upto, payload_crc,
            }
        }
    }

    proptest! {
        #[test]
        fn a_frame_header_reads_back(header in frame_header()) {
            prop_assert_eq!(FrameHeader::decode(&header.encode()), Ok(header));
        }

        #[test]
        fn every_flipped_bit_of_a_frame_header_is_seen(header in frame_header()) {
            let bytes = header.encode();
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes;
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(FrameHeader::decode(&flipped).is_err(), "bit {}", bit);
            }
        }

        #[test]
        fn a_segment_header_reads_back(
            ledger in any::<[u8; 16]>(), segment: u32, segment_bytes: u64, first_position: u64,
            first_sequence: u64,
        ) {
            let ledger = LedgerId::from_bytes(ledger);
            let header =
                SegmentHeader { ledger, segment, segment_bytes, first_position, first_sequence };
            let bytes = header.encode();
            prop_assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes;
                flipped[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(SegmentHeader::decode(&flipped).is_err(), "bit {}", bit);
            }
        }
    }
}
