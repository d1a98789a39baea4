//! A sealed segment: the records of a stream lie together, packed, and every byte is under a sum.
//!
//! It is made once, verified, and never changed; what it holds and where is in
//! `docs/log-format.md`. Reads name their place and never map the file. Opening reads the end of
//! the file only; a stream or a point costs the blocks it is in; memory is bounded by what a block
//! or the segment may hold, whatever the bytes say. Names have other numbers here than they had in
//! the segment it was sealed from: sealed, they are in order.

use std::sync::Arc;

use crate::id::LedgerId;
use crate::log::embedded::raw::{NameDefinition, NameKind, Names, RawRecord};
use crate::log::storage::{File, read_full_at};

mod arena;
mod block;
mod body;
mod buffer;
mod directory;
mod error;
mod layout;
mod names;
mod positions;
mod records;
mod verify;
mod write;

use arena::Head;
use block::{BlockEntry, Limits};
pub(crate) use buffer::Buffer;
use directory::Page;
pub(crate) use directory::StreamEntry;
pub(crate) use error::{Fault, Part, SealedError};
pub(crate) use layout::Facts;
use layout::{FOOTER_BYTES, Footer, HEADER_BYTES, VERSION};
use positions::Positions;
pub(crate) use records::Records;
#[cfg_attr(not(test), expect(unused_imports, reason = "the writer seals and compares"))]
pub(crate) use verify::Mismatch;
#[cfg_attr(not(test), expect(unused_imports, reason = "the writer seals and compares"))]
pub(crate) use write::{SealError, seal};

/// What is read of the end of a file before it is known how much is needed.
const TAIL_BYTES: u64 = 64 * 1024;

/// An open sealed segment.
pub(crate) struct Sealed {
    source: Source,
    footer: Footer,
    blocks: Vec<BlockEntry>,
    pages: Vec<Page>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealed")
            .field("path", &self.source.path)
            .field("facts", &self.footer.facts)
            .finish_non_exhaustive()
    }
}

/// The bytes of the file.
struct Source {
    file: Arc<dyn File>,
    path: Box<str>,
    bytes: u64,
}

impl Source {
    fn damaged(&self, part: Part, offset: u64, fault: Fault) -> SealedError {
        SealedError::Damaged { file: self.path.to_string(), offset, part, fault }
    }

    /// Fills a buffer with exactly the bytes at a place.
    fn read(
        &self,
        part: Part,
        (offset, length): (u64, u64),
        buffer: &mut Vec<u8>,
    ) -> Result<(), SealedError> {
        // A length of a damaged file must not become an allocation.
        let is_inside = offset.checked_add(length).is_some_and(|end| end <= self.bytes);
        let fault = Fault::Length { expected: length, found: self.bytes.saturating_sub(offset) };
        let wanted = usize::try_from(length).ok().filter(|_| is_inside);
        buffer.resize(wanted.ok_or_else(|| self.damaged(part, offset, fault))?, 0);
        let filled = read_full_at(&*self.file, buffer, offset)
            .map_err(|source| SealedError::Io { file: self.path.to_string(), offset, source })?;
        if filled < buffer.len() {
            let fault = Fault::Length { expected: length, found: filled as u64 };
            return Err(self.damaged(part, offset, fault));
        }
        Ok(())
    }
}

/// The end of the file, and parts in it that need not be read again.
struct Tail {
    offset: u64,
    bytes: Vec<u8>,
}

impl Sealed {
    /// Opens a file that is to hold this segment of this ledger.
    pub(crate) fn open(
        file: Arc<dyn File>,
        path: &str,
        ledger: LedgerId,
        segment: u64,
    ) -> Result<Self, SealedError> {
        let bytes = file.len().map_err(|source| SealedError::Io {
            file: path.to_owned(),
            offset: 0,
            source,
        })?;
        let source = Source { file, path: path.into(), bytes };
        let length = bytes.min(TAIL_BYTES);
        let mut tail = Tail { offset: bytes - length, bytes: Vec::new() };
        source.read(Part::Footer, (tail.offset, length), &mut tail.bytes)?;
        let footer = open_footer(&source, &tail, ledger, segment)?;
        let facts = &footer.facts;

        let place = |part| {
            footer.place(part, bytes).map_err(|fault| source.damaged(Part::Footer, 0, fault))
        };
        let [index, table, _] = footer.checksums;
        let pages = part(&source, &tail, Part::DirectoryIndex, &place, index, |bytes| {
            directory::decode_index(
                bytes,
                footer.place(Part::Directory, source.bytes)?,
                streams(&footer),
            )
        })?;
        let blocks = part(&source, &tail, Part::BlockTable, &place, table, |bytes| {
            let blocks = footer.place(Part::Block, source.bytes)?;
            directory::decode_blocks(bytes, blocks, facts.count, streams(&footer))
        })?;
        let (offset, length) = place(Part::Positions)?;
        let is_whole = Positions::new(facts.count, footer.blocks).length() == length;
        if !is_whole || blocks.len() != footer.blocks as usize {
            let fault = Fault::Contradiction { what: "the size of the position table" };
            return Err(source.damaged(Part::Positions, offset, fault));
        }
        Ok(Self { footer, blocks, pages, source })
    }

    /// What the segment is.
    pub(crate) const fn facts(&self) -> &Facts {
        &self.footer.facts
    }

    fn damaged(&self, part: Part, offset: u64, fault: Fault) -> SealedError {
        self.source.damaged(part, offset, fault)
    }

    fn place(&self, part: Part) -> Result<(u64, u64), SealedError> {
        let place = self.footer.place(part, self.source.bytes);
        place.map_err(|fault| self.damaged(Part::Footer, 0, fault))
    }

    /// The wire names, actors and key sources; enough to read one stream.
    pub(crate) fn names_but_streams(&self) -> Result<Names, SealedError> {
        let place = self.place(Part::Names)?;
        let mut bytes = Vec::new();
        self.source.read(Part::Names, place, &mut bytes)?;
        let [_, _, checksum] = self.footer.checksums;
        sum(&bytes, checksum)
            .and_then(|()| names::take_lists(self.footer.names, &bytes))
            .map_err(|fault| self.damaged(Part::Names, place.0, fault))
    }

    /// All names.
    pub(crate) fn names(&self) -> Result<Names, SealedError> {
        let mut names = self.names_but_streams()?;
        let mut fault = None;
        self.streams(|text, stream| {
            let kind = NameKind::Stream;
            let name = NameDefinition { kind, number: stream.number, text };
            fault = names.define(&name).err();
            fault.is_none()
        })?;
        match fault {
            None => Ok(names),
            Some(fault) => {
                Err(self.damaged(Part::Directory, self.place(Part::Directory)?.0, fault.into()))
            }
        }
    }

    /// Gives each stream to `visit`, in order of name, until it says to stop.
    pub(crate) fn streams(
        &self,
        mut visit: impl FnMut(&str, StreamEntry) -> bool,
    ) -> Result<(), SealedError> {
        let mut goes_on = true;
        for page in &self.pages {
            self.page(page, |name, stream| {
                goes_on = visit(name, stream);
                goes_on
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// The stream with a name, when it has records here.
    pub(crate) fn stream(&self, name: &str) -> Result<Option<StreamEntry>, SealedError> {
        let after = self.pages.partition_point(|page| page.name.as_ref() <= name);
        let Some(page) = after.checked_sub(1).and_then(|place| self.pages.get(place)) else {
            return Ok(None);
        };
        let mut found = None;
        self.page(page, |text, stream| {
            found = (text == name).then_some(stream);
            text < name
        })?;
        Ok(found)
    }

    /// The name of the stream with a number.
    pub(crate) fn stream_name(&self, number: u32) -> Result<Option<String>, SealedError> {
        let after = self.pages.partition_point(|page| page.first <= number);
        let Some(page) = after.checked_sub(1).and_then(|place| self.pages.get(place)) else {
            return Ok(None);
        };
        let mut found = None;
        self.page(page, |name, stream| {
            found = (stream.number == number).then(|| name.to_owned());
            found.is_none()
        })?;
        Ok(found)
    }

    fn page(
        &self,
        page: &Page,
        visit: impl FnMut(&str, StreamEntry) -> bool,
    ) -> Result<(), SealedError> {
        let mut bytes = Vec::new();
        self.source.read(Part::Directory, (page.offset, u64::from(page.length)), &mut bytes)?;
        let Facts { first_position, count, .. } = self.footer.facts;
        directory::decode(page, &bytes, (first_position, first_position + count), visit)
            .map_err(|fault| self.damaged(Part::Directory, page.offset, fault))
    }

    /// Reads every record from a position on, in order of position. After an error the buffer
    /// holds none.
    pub(crate) fn read_from(&self, from: u64, buffer: &mut Buffer) -> Result<(), SealedError> {
        buffer.clear();
        let read = self.fill(from, buffer);
        if read.is_err() {
            buffer.clear();
        }
        read
    }

    fn fill(&self, from: u64, buffer: &mut Buffer) -> Result<(), SealedError> {
        /// No place: an arena of so many records could not be.
        const NONE: u32 = u32::MAX;
        let Facts { first_position, count, .. } = self.footer.facts;
        let from = from.clamp(first_position, first_position + count);
        let missing = first_position + count - from;
        let is_needed = self.blocks_from(from - first_position)?;
        let Buffer { arena, order, unpacker, stored } = buffer;
        let too_large = |_| self.damaged(Part::File, 0, Fault::Oversize);
        order.resize(usize::try_from(missing).map_err(too_large)?, NONE);
        let limits = self.limits();
        let mut placed = 0;
        for (block, _) in self.blocks.iter().zip(is_needed).filter(|(_, is_needed)| *is_needed) {
            self.source.read(Part::Block, (block.offset, u64::from(block.length)), stored)?;
            let heads = &mut arena.heads;
            let unpacked = unpacker.unpack(stored, block, &limits, &mut arena.bytes, |head| {
                let at = u32::try_from(heads.len()).map_err(|_| Fault::Oversize)?;
                heads.push(head);
                let Some(place) = head.position.checked_sub(from) else { return Ok(()) };
                match usize::try_from(place).ok().and_then(|place| order.get_mut(place)) {
                    Some(slot) if *slot == NONE => *slot = at,
                    _ => {
                        let position = head.position;
                        return Err(Fault::Misplaced { what: "two records", position });
                    }
                }
                placed += 1;
                Ok(())
            });
            unpacked.map_err(|fault| self.damaged(Part::Block, block.offset, fault))?;
        }
        if placed != missing {
            let first = order.iter().position(|place| *place == NONE).unwrap_or(0);
            let fault = Fault::Misplaced { what: "no record", position: from + first as u64 };
            return Err(self.damaged(Part::Block, HEADER_BYTES as u64, fault));
        }
        Ok(())
    }

    /// Which blocks hold places from this on.
    fn blocks_from(&self, place: u64) -> Result<Vec<bool>, SealedError> {
        let all = place == 0 || self.blocks.len() == 1;
        let mut is_needed = vec![all; self.blocks.len()];
        if all {
            return Ok(is_needed);
        }
        let table = Positions::new(self.footer.facts.count, self.footer.blocks);
        for page in Positions::page_of(place)..table.pages() {
            let skipped = place.saturating_sub(Positions::first_of(page));
            for (block, nth) in self.positions(page)?.into_iter().zip(0..) {
                if let Some(is_needed) =
                    is_needed.get_mut(block as usize).filter(|_| nth >= skipped)
                {
                    *is_needed = true;
                }
            }
        }
        Ok(is_needed)
    }

    /// The blocks of a page of the position table.
    fn positions(&self, page: u64) -> Result<Vec<u32>, SealedError> {
        let table = Positions::new(self.footer.facts.count, self.footer.blocks);
        let (begin, _) = self.place(Part::Positions)?;
        let (offset, length) = table.page(page);
        let mut bytes = Vec::new();
        self.source.read(Part::Positions, (begin + offset, length), &mut bytes)?;
        let blocks = table
            .decode(page, &bytes)
            .map_err(|fault| self.damaged(Part::Positions, begin + offset, fault))?;
        Ok(blocks.collect())
    }

    const fn limits(&self) -> Limits {
        let Facts { first_position, count, .. } = self.footer.facts;
        Limits { first_position, count, names: self.footer.names }
    }

    /// Reads one block as it lies; nothing of it is ordered yet.
    fn read_block(&self, block: &BlockEntry, buffer: &mut Buffer) -> Result<(), SealedError> {
        buffer.clear();
        let Buffer { arena, unpacker, stored, .. } = buffer;
        self.source.read(Part::Block, (block.offset, u64::from(block.length)), stored)?;
        let heads = &mut arena.heads;
        unpacker
            .unpack(stored, block, &self.limits(), &mut arena.bytes, |head| {
                heads.push(head);
                Ok(())
            })
            .map_err(|fault| self.damaged(Part::Block, block.offset, fault))
    }

    /// Reads the record at a position; `None` when the segment does not reach there.
    pub(crate) fn record_at<'b>(
        &self,
        position: u64,
        buffer: &'b mut Buffer,
    ) -> Result<Option<RawRecord<'b>>, SealedError> {
        let Facts { first_position, count, .. } = self.footer.facts;
        let place = position.checked_sub(first_position).filter(|place| *place < count);
        let Some(place) = place else { return Ok(None) };
        let page = Positions::page_of(place);
        let block = if self.blocks.len() == 1 {
            0
        } else {
            let nth = usize::try_from(place - Positions::first_of(page)).ok();
            nth.and_then(|nth| self.positions(page).map(|it| it.get(nth).copied()).transpose())
                .transpose()?
                .unwrap_or(u32::MAX)
        };
        let missing = Fault::Misplaced { what: "no record", position };
        let Some(block) = self.blocks.get(block as usize) else {
            return Err(self.damaged(Part::Positions, self.place(Part::Positions)?.0, missing));
        };
        self.read_block(block, buffer)?;
        let heads = (0..).zip(&buffer.arena.heads);
        buffer.order.extend(heads.filter(|(_, it)| it.position == position).map(|(at, _)| at));
        match buffer.get(0) {
            Some(record) => Ok(Some(record)),
            None => Err(self.damaged(Part::Block, block.offset, missing)),
        }
    }

    /// Reads the next records of a stream, those of one block; `false` when there are no more.
    pub(crate) fn read_stream(
        &self,
        cursor: &mut StreamCursor,
        buffer: &mut Buffer,
    ) -> Result<bool, SealedError> {
        let StreamCursor { stream, from, until } = *cursor;
        if from >= until {
            buffer.clear();
            return Ok(false);
        }
        let after = self.blocks.partition_point(|it| (it.stream, it.revision) <= (stream, from));
        let block = after.checked_sub(1).and_then(|place| self.blocks.get(place));
        let missing = Fault::Contradiction { what: "the range of a stream" };
        let Some(block) = block else {
            return Err(self.damaged(Part::BlockTable, self.place(Part::BlockTable)?.0, missing));
        };
        self.read_block(block, buffer)?;
        let Buffer { arena, order, .. } = &mut *buffer;
        let wants = |it: &Head| it.stream == stream && (from..until).contains(&it.revision);
        let heads = (0..).zip(&arena.heads);
        order.extend(heads.filter(|(_, head)| wants(head)).map(|(at, _)| at));
        let revision = |at: &u32| arena.heads.get(*at as usize).map(|head| head.revision);
        match order.first().and_then(revision).zip(order.last().and_then(revision)) {
            Some((first, last)) if first == from => {
                cursor.from = last + 1;
                Ok(true)
            }
            Some(_) | None => {
                buffer.clear();
                Err(self.damaged(Part::Block, block.offset, missing))
            }
        }
    }
}

/// How far a stream has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamCursor {
    stream: u32,
    from: u64,
    until: u64,
}

impl StreamCursor {
    /// Oldest first, from a revision on.
    pub(crate) fn forwards(stream: &StreamEntry, from: u64) -> Self {
        let until = stream.first_revision + stream.count;
        let from = from.max(stream.first_revision);
        Self { stream: stream.number, from, until }
    }
}

const fn streams(footer: &Footer) -> u32 {
    let [streams, ..] = footer.names;
    streams
}

fn sum(bytes: &[u8], expected: u32) -> Result<(), Fault> {
    let found = crc32c::crc32c(bytes);
    if found == expected { Ok(()) } else { Err(Fault::Checksum { expected, found }) }
}

/// The footer, when the file is the one wanted.
fn open_footer(
    source: &Source,
    tail: &Tail,
    ledger: LedgerId,
    segment: u64,
) -> Result<Footer, SealedError> {
    let offset = source.bytes.saturating_sub(FOOTER_BYTES as u64);
    let damaged = |fault| source.damaged(Part::Footer, offset, fault);
    let bytes = tail.bytes.len().checked_sub(FOOTER_BYTES).and_then(|at| tail.bytes.get(at..));
    let short = Fault::Length { expected: FOOTER_BYTES as u64, found: source.bytes };
    let bytes = bytes.ok_or_else(|| damaged(short))?;
    let file = || source.path.to_string();
    let footer = Footer::decode(bytes).map_err(damaged)?.map_err(|found| SealedError::Version {
        file: file(),
        expected: VERSION,
        found,
    })?;
    let found = footer.facts.ledger;
    if found != ledger {
        return Err(SealedError::ForeignLedger { file: file(), expected: ledger, found });
    }
    let found = footer.facts.segment;
    if found != segment {
        return Err(SealedError::ForeignSegment { file: file(), expected: segment, found });
    }
    Ok(footer)
}

/// A part that is kept in memory, out of the tail if it is in there.
fn part<T>(
    source: &Source,
    tail: &Tail,
    part: Part,
    place: &impl Fn(Part) -> Result<(u64, u64), SealedError>,
    checksum: u32,
    decode: impl FnOnce(&[u8]) -> Result<T, Fault>,
) -> Result<T, SealedError> {
    let (offset, length) = place(part)?;
    let within = offset.checked_sub(tail.offset).and_then(|begin| {
        let begin = usize::try_from(begin).ok()?;
        tail.bytes.get(begin..begin.checked_add(usize::try_from(length).ok()?)?)
    });
    let mut read = Vec::new();
    let bytes = match within {
        Some(bytes) => bytes,
        None => {
            source.read(part, (offset, length), &mut read)?;
            &read
        }
    };
    sum(bytes, checksum)
        .and_then(|()| decode(bytes))
        .map_err(|fault| source.damaged(part, offset, fault))
}

#[cfg(test)]
mod tests;
