//! The names in a ledger directory, and the identity file that makes a directory a ledger.

use crate::id::LedgerId;

use super::frame::{crc_holds, seal_crc};

/// Identity of the ledger. Its presence makes a directory a ledger.
pub(crate) const IDENTITY_FILE: &str = "ledger";
/// Held by the one writer.
pub(crate) const LOCK_FILE: &str = "lock";
/// Raw and sealed segments.
pub(crate) const SEGMENTS_DIR: &str = "segments";
/// Derived indexes; may be deleted while nobody runs.
pub(crate) const INDEX_DIR: &str = "index";
/// What was cut from a tail. Never deleted by us.
pub(crate) const QUARANTINE_DIR: &str = "quarantine";
/// A zeroed segment, made ahead.
pub(crate) const SPARE_FILE: &str = "segments/spare";
/// A spare while its zeros are being written.
pub(crate) const SPARE_TEMPORARY: &str = "segments/spare.tmp";

const MAGIC: [u8; 8] = *b"CFLEDGER";
const VERSION: u16 = 1;
/// Bytes of the identity file.
pub(crate) const IDENTITY_BYTES: usize = 64;

/// Bytes of a small event in an unsealed segment.
const EVENT_BYTES_LIKELY: u64 = 80;

/// The smallest and largest segments a ledger may have.
pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024;
/// See [`SEGMENT_BYTES_MIN`].
pub const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What never changes about a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) ledger: LedgerId,
    pub(crate) segment_bytes: u64,
    /// Keys the hashes of the derived indexes, so that nobody can choose colliding ids.
    pub(crate) hash_key: [u8; 16],
}

impl Identity {
    pub(crate) fn encode(&self) -> [u8; IDENTITY_BYTES] {
        let mut bytes = [0_u8; IDENTITY_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..28].copy_from_slice(self.ledger.as_bytes());
        bytes[28..36].copy_from_slice(&self.segment_bytes.to_le_bytes());
        bytes[36..52].copy_from_slice(&self.hash_key);
        seal_crc(&mut bytes);
        bytes
    }

    /// How many events a segment may be expected to hold, to make room for.
    pub(crate) fn events_likely(&self) -> usize {
        usize::try_from(self.segment_bytes / EVENT_BYTES_LIKELY).unwrap_or(0)
    }

    /// `None` when the bytes are not an identity this build reads.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; IDENTITY_BYTES] = bytes.try_into().ok()?;
        if !crc_holds(bytes) || bytes[..8] != MAGIC || bytes[8..10] != VERSION.to_le_bytes() {
            return None;
        }
        if bytes[10..12] != [0; 2] || bytes[52..60] != [0; 8] {
            return None;
        }
        let segment_bytes = u64::from_le_bytes(bytes[28..36].try_into().ok()?);
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&segment_bytes) {
            return None;
        }
        Some(Self {
            ledger: LedgerId::from_bytes(bytes[12..28].try_into().ok()?),
            segment_bytes,
            hash_key: bytes[36..52].try_into().ok()?,
        })
    }
}

/// What a name in the segments directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SegmentFile {
    /// Batch frames, preallocated.
    Raw(u32),
    /// Grouped and compressed.
    Sealed(u32),
    /// A zeroed segment, made ahead.
    Spare,
    /// Left by something that did not finish.
    Temporary,
}

/// The raw file of a segment.
pub(crate) fn raw_path(segment: u32) -> String {
    format!("{SEGMENTS_DIR}/{segment:010}.log")
}

/// The sealed file of a segment.
pub(crate) fn sealed_path(segment: u32) -> String {
    format!("{SEGMENTS_DIR}/{segment:010}.sealed")
}

/// What a name stands for; `None` for a name that is not ours.
pub(crate) fn segment_file(name: &str) -> Option<SegmentFile> {
    if name.ends_with(".tmp") {
        return Some(SegmentFile::Temporary);
    }
    if name == "spare" {
        return Some(SegmentFile::Spare);
    }
    let (number, kind) = name.split_once('.')?;
    if number.len() != 10 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = number.parse().ok().filter(|number| *number > 0)?;
    match kind {
        "log" => Some(SegmentFile::Raw(number)),
        "sealed" => Some(SegmentFile::Sealed(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            ledger: LedgerId::from_bytes([3; 16]),
            segment_bytes: 64 * 1024,
            hash_key: [9; 16],
        }
    }

    #[test]
    fn an_identity_reads_back() {
        assert_eq!(Identity::decode(&identity().encode()), Some(identity()));
    }

    #[test]
    fn every_flipped_bit_of_an_identity_is_seen() {
        let bytes = identity().encode();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Identity::decode(&flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn names_and_files_are_a_bijection() {
        assert_eq!(segment_file("0000000007.log"), Some(SegmentFile::Raw(7)));
        assert_eq!(segment_file("0000000007.sealed"), Some(SegmentFile::Sealed(7)));
        for foreign in ["7.log", "0000000000.log", "0000000007.txt", "+000000007.log", "x"] {
            assert_eq!(segment_file(foreign), None, "{foreign}");
        }
    }
}
