//! Makes the image of a sealed file. Pure: the same records give the same bytes.

use sha2::{Digest, Sha256};

use crate::log::EVENT_BYTES_MAX;
use crate::log::embedded::mapped::mapped;
use crate::log::embedded::raw::{NameKind, Names, RawRecord};

use super::arena::Arena;
use super::block::{BLOCK_BYTES_MAX, BlockEntry, Packer, bytes_of};
use super::directory::{self, StreamEntry};
use super::layout::{Facts, Footer, header};
use super::names::{LISTS, put_list};
use super::positions::Positions;
use super::records::{Numbers, Records, Used};

/// Why records are no segment. Each of these is a mistake of whoever gave them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    /// A record does not follow the one before it.
    #[error("the record at position {found} stands where position {expected} is next")]
    Position {
        /// The position that comes.
        expected: u64,
        /// The position given.
        found: u64,
    },
    /// A stream has a gap or a repeat.
    #[error(
        "position {position} has revision {found} where revision {expected} of its stream is next"
    )]
    Revision {
        /// The record.
        position: u64,
        /// The revision that comes.
        expected: u64,
        /// The revision given.
        found: u64,
    },
    /// A number that is in no list.
    #[error("position {position} has {kind:?} name {number}, which is in no list")]
    Unnamed {
        /// The record.
        position: u64,
        /// Which list.
        kind: NameKind,
        /// The number.
        number: u32,
    },
    /// A record outside the limits of the contract.
    #[error("position {position} has {what}")]
    Record {
        /// The record.
        position: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The records are not those the facts tell of.
    #[error("the records do not have {what} that the segment is said to have")]
    Facts {
        /// Which fact.
        what: &'static str,
    },
    /// More than a file can number.
    #[error("a segment cannot hold that much")]
    TooLarge,
}

/// The file that holds these records: whole, in order of position.
pub(crate) fn seal(
    facts: &Facts,
    names: &Names,
    records: &impl Records,
) -> Result<Vec<u8>, SealError> {
    let survey = Survey::of(facts, names, records)?;
    let (lists, numbers) = renumber(&survey.used, names);
    let (slots, streams) = group(survey, &numbers, lists.iter().map(Vec::len).next().unwrap_or(0))?;

    let mut out = mapped(0);
    out.extend_from_slice(&header(facts));
    let begin = out.len();
    let (blocks, block_of) = pack(records, &numbers, &slots, facts.first_position, &mut out)?;
    drop(slots);
    let count = u32::try_from(blocks.len()).map_err(|_| SealError::TooLarge)?;
    let mut ends = vec![out.len()];
    Positions::new(facts.count, count).encode(&block_of, &mut out);
    ends.push(out.len());
    let [stream_names, rest @ ..] = &lists;
    let mut index = Vec::new();
    let named = stream_names.iter().copied().zip(streams);
    directory::encode(named, facts.first_position, &mut out, &mut index);
    ends.push(out.len());
    let mut table = Vec::new();
    directory::encode_blocks(&blocks, &mut table);
    let mut texts = Vec::new();
    for list in rest {
        put_list(list, &mut texts);
    }
    let checksums = [&index, &table, &texts].map(|part| crc32c::crc32c(part));
    for part in [&index, &table, &texts] {
        out.extend_from_slice(part);
        ends.push(out.len());
    }

    let mut lengths = [0; 6];
    let mut before = begin;
    for (length, end) in lengths.iter_mut().zip(ends) {
        *length = (end - before) as u64;
        before = end;
    }
    let mut counts = [0; 4];
    for (count, list) in counts.iter_mut().zip(&lists) {
        *count = u32::try_from(list.len()).map_err(|_| SealError::TooLarge)?;
    }
    let digest = Sha256::digest(&out).into();
    let footer = Footer { facts: *facts, lengths, blocks: count, names: counts, checksums, digest };
    out.extend_from_slice(&footer.encode());
    Ok(out)
}

/// What one look at all records tells.
#[derive(Debug)]
struct Survey {
    used: Used,
    /// The number that the stream of each record came with.
    stream_of: Vec<u32>,
    /// What each stream has, by that number.
    streams: Vec<Option<StreamEntry>>,
}

impl Survey {
    /// Looks at each record, and checks it against the contract.
    fn of(facts: &Facts, names: &Names, records: &impl Records) -> Result<Self, SealError> {
        let counts = NameKind::ALL.map(|kind| names.texts(kind).len());
        let [streams, ..] = counts;
        let count = usize::try_from(facts.count).map_err(|_| SealError::TooLarge)?;
        let mut survey = Self {
            used: Used::none_of(counts),
            stream_of: mapped(count),
            streams: vec![None; streams],
        };
        let mut expected = facts.first_position;
        let mut recorded_at = None;
        if expected == 0 {
            return Err(SealError::Facts { what: "the first position" });
        }
        for record in records.iter() {
            let position = record.position;
            if position != expected {
                return Err(SealError::Position { expected, found: position });
            }
            let wrong = |what| SealError::Record { position, what };
            if record.key.is_some_and(|key| !key.is_canonical()) {
                return Err(wrong("a key that is not in its one form"));
            }
            if record.body.len() > EVENT_BYTES_MAX {
                return Err(wrong("a body that is too large"));
            }
            survey.add(&record)?;
            expected = expected.checked_add(1).ok_or_else(|| wrong("the last position"))?;
            recorded_at = Some(record.recorded_at);
        }
        if recorded_at.is_none() || expected - facts.first_position != facts.count {
            return Err(SealError::Facts { what: "the count" });
        }
        if recorded_at != Some(facts.last_recorded_at) {
            return Err(SealError::Facts { what: "the last time of recording" });
        }
        Ok(survey)
    }

    fn add(&mut self, record: &RawRecord<'_>) -> Result<(), SealError> {
        let RawRecord { position, stream: number, revision, wire, actor, key, .. } = *record;
        self.used
            .mark([number, wire, actor], key.map(|key| key.source))
            .map_err(|(kind, number)| SealError::Unnamed { position, kind, number })?;
        let Some(stream) = self.streams.get_mut(number as usize) else { return Ok(()) };
        let stream = stream.get_or_insert(StreamEntry {
            number,
            first_revision: revision,
            count: 0,
            first_position: position,
            last_position: position,
        });
        let last = SealError::Record { position, what: "the last revision" };
        let expected = stream.first_revision.checked_add(stream.count).ok_or(last.clone())?;
        if revision != expected {
            return Err(SealError::Revision { position, expected, found: revision });
        }
        expected.checked_add(1).ok_or(last)?;
        stream.count += 1;
        stream.last_position = position;
        self.stream_of.push(number);
        Ok(())
    }
}

/// Numbers the names by their order, leaving out those that no record has.
fn renumber<'n>(used: &Used, names: &'n Names) -> ([Vec<&'n str>; 4], Numbers) {
    let mut lists = [vec![], vec![], vec![], vec![]];
    let mut numbers = [vec![], vec![], vec![], vec![]];
    for (((kind, used), list), numbers) in used.lists().zip(&mut lists).zip(&mut numbers) {
        let texts = names.texts(kind);
        let mut sorted: Vec<(&str, usize)> = texts
            .iter()
            .map(AsRef::as_ref)
            .zip(0..)
            .zip(used)
            .filter_map(|(name, is_used)| is_used.then_some(name))
            .collect();
        sorted.sort_unstable();
        *numbers = vec![0; texts.len()];
        for ((_, number), place) in sorted.iter().zip(0..) {
            if let Some(number) = numbers.get_mut(*number) {
                *number = place;
            }
        }
        *list = sorted.into_iter().map(|(text, _)| text).collect();
    }
    (lists, Numbers(numbers))
}

/// The places of the records in order of stream and revision, and what each stream has.
fn group(
    survey: Survey,
    numbers: &Numbers,
    streams: usize,
) -> Result<(Vec<u32>, Vec<StreamEntry>), SealError> {
    let mut entries: Vec<Option<StreamEntry>> = vec![None; streams];
    for entry in survey.streams.into_iter().flatten() {
        let number = numbers.of(NameKind::Stream, entry.number).unwrap_or_default();
        if let Some(slot) = entries.get_mut(number as usize) {
            *slot = Some(StreamEntry { number, ..entry });
        }
    }
    let entries: Vec<StreamEntry> = entries.into_iter().flatten().collect();
    let mut next = Vec::with_capacity(entries.len());
    let mut slot = 0_usize;
    for entry in &entries {
        next.push(slot);
        slot += usize::try_from(entry.count).map_err(|_| SealError::TooLarge)?;
    }
    let mut slots: Vec<u32> = mapped(survey.stream_of.len());
    slots.resize(survey.stream_of.len(), 0);
    for (stream, place) in survey.stream_of.iter().zip(0..) {
        let number = numbers.of(NameKind::Stream, *stream).unwrap_or_default();
        if let Some(slot) = next.get_mut(number as usize) {
            if let Some(taken) = slots.get_mut(*slot) {
                *taken = place;
            }
            *slot += 1;
        }
    }
    Ok((slots, entries))
}

/// Adds the blocks, and says where each is and which one each position is in.
fn pack(
    records: &impl Records,
    numbers: &Numbers,
    slots: &[u32],
    first_position: u64,
    out: &mut Vec<u8>,
) -> Result<(Vec<BlockEntry>, Vec<u32>), SealError> {
    let mut arena = Arena::default();
    let mut packer = Packer::new();
    let mut blocks: Vec<BlockEntry> = Vec::new();
    let mut block_of: Vec<u32> = mapped(slots.len());
    block_of.resize(slots.len(), 0);
    let mut rest = slots;
    while !rest.is_empty() {
        let (taken, left) = rest.split_at(fill(&mut arena, records, numbers, rest)?);
        let block = u32::try_from(blocks.len()).map_err(|_| SealError::TooLarge)?;
        let begin = out.len();
        packer.pack(&arena, first_position, out);
        let stored = out.get(begin..).unwrap_or_default();
        let head = arena.heads.first().copied().unwrap_or_default();
        blocks.push(BlockEntry {
            offset: begin as u64,
            length: u32::try_from(stored.len()).map_err(|_| SealError::TooLarge)?,
            rows: u32::try_from(taken.len()).map_err(|_| SealError::TooLarge)?,
            stream: head.stream,
            revision: head.revision,
            checksum: crc32c::crc32c(stored),
        });
        for slot in taken {
            if let Some(of) = block_of.get_mut(*slot as usize) {
                *of = block;
            }
        }
        rest = left;
    }
    Ok((blocks, block_of))
}

/// Puts as many of the records into the arena as fit one block, at least one; says how many.
fn fill(
    arena: &mut Arena,
    records: &impl Records,
    numbers: &Numbers,
    slots: &[u32],
) -> Result<usize, SealError> {
    arena.clear();
    let mut bytes = 0;
    for (slot, taken) in slots.iter().zip(0..) {
        let record = records.get(*slot as usize).and_then(|it| numbers.translate(&it));
        let record = record.ok_or(SealError::Facts { what: "the count" })?;
        bytes += arena.push(&record).map(|head| bytes_of(&head)).ok_or(SealError::TooLarge)?;
        if taken > 0 && bytes > BLOCK_BYTES_MAX {
            arena.pop();
            return Ok(taken);
        }
    }
    Ok(slots.len())
}

/// The lists of the file must be those that `LISTS` reads.
const _: () = assert!(LISTS.len() + 1 == NameKind::ALL.len());
