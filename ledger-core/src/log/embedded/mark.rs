//! The high-water mark: how far the log is acknowledged, kept apart from the log itself.
//!
//! A checksummed log alone cannot see that its tail was cut off. Two slots in a file of their own
//! are written in turn, so a torn write leaves the other; the higher valid one counts. In strict
//! mode the mark is durable before the acknowledgement, in trailing mode it is written before it
//! and synced behind it.

use std::sync::Arc;

use crate::id::LedgerId;
use crate::log::storage::{File, read_exact_at, write_all_at};

use super::frame::{crc_holds, seal_crc};

/// The file that holds the mark.
pub(crate) const MARK_FILE: &str = "mark";
const SLOT_BYTES: usize = 64;
/// The slots lie in different sectors and pages.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];
/// The size of the file: the second slot and nothing behind it.
pub(crate) const MARK_BYTES: u64 = SLOT_OFFSETS[1] + SLOT_BYTES as u64;
const MAGIC: [u8; 4] = *b"CFHW";

/// When the mark becomes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HighWater {
    /// Written before the acknowledgement, synced behind it and at every clean stop. Only power
    /// loss together with a lying disk can take acknowledged events, at most the last group.
    Trailing,
    /// Synced before the acknowledgement: whatever the disk does, a loss is seen.
    Strict,
}

/// How far the log is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last acknowledged frame; 0 before the first.
    pub(crate) sequence: u64,
    /// The last acknowledged event; 0 before the first.
    pub(crate) position: u64,
    /// The segment that holds the frame.
    pub(crate) segment: u32,
    /// Where the frame ends in it.
    pub(crate) end: u64,
    /// The log's clock of the frame.
    pub(crate) recorded_at: i64,
    pub(crate) high_water: HighWater,
    /// Whether the log was closed in order after this frame.
    pub(crate) clean: bool,
}

impl Mark {
    pub(crate) fn encode(&self, ledger: LedgerId) -> [u8; SLOT_BYTES] {
        let mut bytes = [0_u8; SLOT_BYTES];
        let flags = u8::from(self.clean) | (u8::from(self.high_water == HighWater::Strict) << 1);
        let fields: [&[u8]; 8] = [
            &MAGIC,
            &[1, flags, 0, 0],
            ledger.as_bytes(),
            &self.sequence.to_le_bytes(),
            &self.position.to_le_bytes(),
            &self.segment.to_le_bytes(),
            &self.end.to_le_bytes(),
            &self.recorded_at.to_le_bytes(),
        ];
        let mut at = 0;
        for field in fields {
            let end = at + field.len();
            bytes
                .get_mut(at..end)
                .expect("the fields and the checksum fill a slot exactly")
                .copy_from_slice(field);
            at = end;
        }
        seal_crc(&mut bytes);
        bytes
    }

    fn decode(bytes: &[u8; SLOT_BYTES], ledger: LedgerId) -> Option<Self> {
        if !crc_holds(bytes) || !bytes.starts_with(&MAGIC) {
            return None;
        }
        let flags = bytes[5];
        if bytes[4] != 1 || flags > 3 || bytes[6..8] != [0, 0] || bytes[8..24] != *ledger.as_bytes()
        {
            return None;
        }
        let u64_at = |at: usize| {
            bytes.get(at..at + 8).and_then(|it| it.try_into().ok()).map_or(0, u64::from_le_bytes)
        };
        let segment =
            bytes.get(40..44).and_then(|it| it.try_into().ok()).map(u32::from_le_bytes)?;
        Some(Self {
            sequence: u64_at(24),
            position: u64_at(32),
            segment,
            end: u64_at(44),
            recorded_at: i64::from_le_bytes(u64_at(52).to_le_bytes()),
            high_water: if flags & 2 == 0 { HighWater::Trailing } else { HighWater::Strict },
            clean: flags & 1 == 1,
        })
    }
}

/// What a mark file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkState {
    /// At least one slot is whole; this is the higher.
    Known(Mark),
    /// Neither slot can be read: the witness is gone.
    Unreadable,
}

/// The open mark file.
pub(crate) struct MarkFile {
    file: Arc<dyn File>,
    ledger: LedgerId,
    next_slot: usize,
}

impl std::fmt::Debug for MarkFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MarkFile").field("next_slot", &self.next_slot).finish_non_exhaustive()
    }
}

/// Reads both slots; the higher valid one counts.
pub(crate) fn read(file: &dyn File, ledger: LedgerId) -> std::io::Result<(MarkState, usize)> {
    let mut found: Option<(Mark, usize)> = None;
    for (slot, offset) in SLOT_OFFSETS.into_iter().enumerate() {
        let mut bytes = [0_u8; SLOT_BYTES];
        match read_exact_at(file, &mut bytes, offset) {
            Ok(()) => (),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => continue,
            Err(error) => return Err(error),
        }
        if let Some(mark) = Mark::decode(&bytes, ledger) {
            // A clean stop rewrites the mark of the last frame, so equal sequences occur.
            let newer = found
                .is_none_or(|(best, _)| (mark.sequence, mark.clean) >= (best.sequence, best.clean));
            if newer {
                found = Some((mark, slot));
            }
        }
    }
    Ok(match found {
        Some((mark, slot)) => (MarkState::Known(mark), 1 - slot),
        None => (MarkState::Unreadable, 0),
    })
}

impl MarkFile {
    /// Continues a mark file, writing next to the slot that does not hold the newest mark.
    pub(crate) fn new(file: Arc<dyn File>, ledger: LedgerId, next_slot: usize) -> Self {
        Self { file, ledger, next_slot }
    }

    /// Writes the mark into the older slot. Durable after `sync`.
    pub(crate) fn write(&mut self, mark: &Mark) -> std::io::Result<()> {
        let slot = self.next_slot & 1;
        write_all_at(&*self.file, &mark.encode(self.ledger), SLOT_OFFSETS[slot])?;
        self.next_slot = 1 - slot;
        Ok(())
    }

    /// The file, to be synced now or behind the writer.
    pub(crate) fn file(&self) -> &Arc<dyn File> {
        &self.file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEDGER: LedgerId = LedgerId::from_bytes([7; 16]);

    fn mark() -> Mark {
        Mark {
            sequence: 9,
            position: 41,
            segment: 2,
            end: 4096,
            recorded_at: -5,
            high_water: HighWater::Strict,
            clean: true,
        }
    }

    #[test]
    fn a_slot_reads_back() {
        assert_eq!(Mark::decode(&mark().encode(LEDGER), LEDGER), Some(mark()));
    }

    #[test]
    fn every_flipped_bit_of_a_slot_is_seen() {
        let bytes = mark().encode(LEDGER);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Mark::decode(&flipped, LEDGER), None, "bit {bit}");
        }
    }

    #[test]
    fn a_slot_of_another_ledger_is_no_slot() {
        let foreign = LedgerId::from_bytes([8; 16]);
        assert_eq!(Mark::decode(&mark().encode(LEDGER), foreign), None);
    }
}
