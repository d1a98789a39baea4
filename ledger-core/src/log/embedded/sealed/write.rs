//! Makes the image of a sealed file. Pure: the same records give the same bytes.

use sha2::{Digest, Sha256};

use crate::log::EVENT_BYTES_MAX;
use crate::log::embedded::raw::{NameKind, Names, RawRecord};

use super::arena::{Arena, Head};
use super::block::{BLOCK_BYTES_MAX, BlockEntry, Packer, bytes_of};
use super::directory::{self, StreamEntry};
use super::layout::{Facts, Footer, header};
use super::names::{LISTS, put_list};
use super::positions::Positions;

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
pub(crate) fn seal<'a>(
    facts: &Facts,
    names: &Names,
    records: impl IntoIterator<Item = RawRecord<'a>>,
) -> Result<Vec<u8>, SealError> {
    let mut arena = gather(facts, records)?;
    let lists = renumber(&mut arena, names)?;
    let (slots, streams) = group(&arena, lists.iter().map(Vec::len).next().unwrap_or(0))?;

    let mut out = header(facts);
    let begin = out.len();
    let (blocks, block_of) = pack(&arena, &slots, facts.first_position, &mut out)?;
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

/// All records in memory, each checked against the contract.
fn gather<'a>(
    facts: &Facts,
    records: impl IntoIterator<Item = RawRecord<'a>>,
) -> Result<Arena, SealError> {
    let mut arena = Arena::default();
    let mut expected = facts.first_position;
    let mut recorded_at = None;
    if expected == 0 {
        return Err(SealError::Facts { what: "the first position" });
    }
    for record in records {
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
        arena.push(&record).ok_or(SealError::TooLarge)?;
        expected = expected.checked_add(1).ok_or_else(|| wrong("the last position"))?;
        recorded_at = Some(record.recorded_at);
    }
    if recorded_at.is_none() || expected - facts.first_position != facts.count {
        return Err(SealError::Facts { what: "the count" });
    }
    if recorded_at != Some(facts.last_recorded_at) {
        return Err(SealError::Facts { what: "the last time of recording" });
    }
    Ok(arena)
}

/// Numbers the names by their order, leaving out those that no record has.
fn renumber<'n>(arena: &mut Arena, names: &'n Names) -> Result<[Vec<&'n str>; 4], SealError> {
    let mut lists = [vec![], vec![], vec![], vec![]];
    for (kind, list) in NameKind::ALL.into_iter().zip(&mut lists) {
        let texts = names.texts(kind);
        let mut is_used = vec![false; texts.len()];
        for head in &mut arena.heads {
            let position = head.position;
            if let Some(number) = number_of(head, kind) {
                let error = SealError::Unnamed { position, kind, number: *number };
                *is_used.get_mut(*number as usize).ok_or(error)? = true;
            }
        }
        let mut used: Vec<(&str, usize)> = texts
            .iter()
            .map(AsRef::as_ref)
            .zip(0..)
            .zip(&is_used)
            .filter_map(|(name, is_used)| is_used.then_some(name))
            .collect();
        used.sort_unstable();
        let mut numbers = vec![0_u32; texts.len()];
        for ((_, number), sorted) in used.iter().zip(0..) {
            if let Some(number) = numbers.get_mut(*number) {
                *number = sorted;
            }
        }
        for head in &mut arena.heads {
            if let Some(number) = number_of(head, kind) {
                *number = numbers.get(*number as usize).copied().unwrap_or_default();
            }
        }
        *list = used.into_iter().map(|(text, _)| text).collect();
    }
    Ok(lists)
}

/// The number of a record's name of one kind, if it has one.
fn number_of(head: &mut Head, kind: NameKind) -> Option<&mut u32> {
    match kind {
        NameKind::Stream => Some(&mut head.stream),
        NameKind::Wire => Some(&mut head.wire),
        NameKind::Actor => Some(&mut head.actor),
        NameKind::Source => head.has_key().then_some(&mut head.source),
    }
}

/// The records in order of stream and revision, and what each stream has.
fn group(arena: &Arena, streams: usize) -> Result<(Vec<u32>, Vec<StreamEntry>), SealError> {
    let mut entries: Vec<Option<StreamEntry>> = vec![None; streams];
    for head in &arena.heads {
        let Some(entry) = entries.get_mut(head.stream as usize) else { continue };
        let stream = entry.get_or_insert(StreamEntry {
            number: head.stream,
            first_revision: head.revision,
            count: 0,
            first_position: head.position,
            last_position: head.position,
        });
        let position = head.position;
        let last = SealError::Record { position, what: "the last revision" };
        let expected = stream.first_revision.checked_add(stream.count).ok_or(last.clone())?;
        if head.revision != expected {
            return Err(SealError::Revision { position, expected, found: head.revision });
        }
        expected.checked_add(1).ok_or(last)?;
        stream.count += 1;
        stream.last_position = position;
    }
    let entries: Vec<StreamEntry> = entries.into_iter().flatten().collect();
    let mut next = Vec::with_capacity(entries.len());
    let mut slot = 0_usize;
    for entry in &entries {
        next.push(slot);
        slot += usize::try_from(entry.count).map_err(|_| SealError::TooLarge)?;
    }
    let mut slots = vec![0_u32; arena.heads.len()];
    for (head, place) in arena.heads.iter().zip(0..) {
        let slot = next.get_mut(head.stream as usize);
        if let Some(slot) = slot {
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
    arena: &Arena,
    slots: &[u32],
    first_position: u64,
    out: &mut Vec<u8>,
) -> Result<(Vec<BlockEntry>, Vec<u32>), SealError> {
    let mut packer = Packer::new();
    let mut blocks: Vec<BlockEntry> = Vec::new();
    let mut block_of = vec![0_u32; slots.len()];
    let mut rest = slots;
    while let Some(head) = rest.first().and_then(|slot| arena.heads.get(*slot as usize)) {
        let (taken, left) = rest.split_at(rows_of(arena, rest));
        let block = u32::try_from(blocks.len()).map_err(|_| SealError::TooLarge)?;
        let begin = out.len();
        packer.pack(arena, taken, first_position, out);
        let stored = out.get(begin..).unwrap_or_default();
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

/// How many of the records fit one block.
fn rows_of(arena: &Arena, slots: &[u32]) -> usize {
    let mut bytes = 0;
    let fitting = slots.iter().take_while(|slot| {
        bytes += arena.heads.get(**slot as usize).map_or(0, bytes_of);
        bytes <= BLOCK_BYTES_MAX
    });
    fitting.count().max(1)
}

/// The lists of the file must be those that `LISTS` reads.
const _: () = assert!(LISTS.len() + 1 == NameKind::ALL.len());
