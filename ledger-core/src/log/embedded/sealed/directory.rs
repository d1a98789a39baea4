//! The streams of the segment in order of their names, in pages of about 4 KiB.
//!
//! The number of a stream is its place in this order. Only the first name of each page is kept in
//! memory, so that a segment of a million streams opens as fast as one of a hundred.

use crate::log::embedded::raw::{NAME_BYTES_MAX, RowError, array, slice, varint};

use super::block::{BlockEntry, ROWS_MAX};
use super::error::Fault;
use super::names;

/// A page is closed when it has so many bytes.
const PAGE_BYTES: usize = 4096;

/// One stream of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamEntry {
    /// Its number in this segment.
    pub(crate) number: u32,
    /// The revision of its first record here.
    pub(crate) first_revision: u64,
    /// How many records it has here.
    pub(crate) count: u64,
    /// The position of its first record here.
    pub(crate) first_position: u64,
    /// The position of its last record here.
    pub(crate) last_position: u64,
}

/// A page of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// Where it is.
    pub(super) offset: u64,
    pub(super) length: u32,
    pub(super) checksum: u32,
    /// The number of its first stream.
    pub(super) first: u32,
    pub(super) streams: u32,
    /// The name of its first stream.
    pub(super) name: Box<str>,
}

/// Adds the pages to one buffer and their index to another.
pub(super) fn encode<'a>(
    streams: impl Iterator<Item = (&'a str, StreamEntry)>,
    first_position: u64,
    pages: &mut Vec<u8>,
    index: &mut Vec<u8>,
) {
    let mut page = Vec::new();
    let mut count = 0_u64;
    let mut first = "";
    let mut before = "";
    let mut close = |page: &mut Vec<u8>, count: &mut u64, first: &str| {
        varint::put_len(page.len(), index);
        varint::put(*count, index);
        index.extend_from_slice(&crc32c::crc32c(page).to_le_bytes());
        varint::put_len(first.len(), index);
        index.extend_from_slice(first.as_bytes());
        pages.append(page);
        *count = 0;
    };
    for (name, stream) in streams {
        if count == 0 {
            first = name;
            before = "";
        }
        names::put(before, name, &mut page);
        varint::put(stream.first_revision, &mut page);
        varint::put(stream.count, &mut page);
        varint::put(stream.first_position - first_position, &mut page);
        varint::put(stream.last_position - stream.first_position, &mut page);
        before = name;
        count += 1;
        if page.len() >= PAGE_BYTES {
            close(&mut page, &mut count, first);
        }
    }
    if count > 0 {
        close(&mut page, &mut count, first);
    }
}

/// The pages that an index tells of; they fill the directory, and hold all streams.
pub(super) fn decode_index(
    mut index: &[u8],
    directory: (u64, u64),
    streams: u32,
) -> Result<Vec<Page>, Fault> {
    let (begin, length) = directory;
    let mut pages: Vec<Page> = Vec::new();
    let mut offset = begin;
    let mut first = 0_u32;
    while !index.is_empty() {
        let length = varint::take_u32(&mut index)?;
        let streams = varint::take_u32(&mut index)?;
        let checksum = u32::from_le_bytes(array(&mut index)?);
        let bytes = varint::take_len(&mut index)?;
        let name = names::text(slice(&mut index, bytes)?)?;
        let is_next = pages.last().is_none_or(|before| before.name.as_ref() < name);
        if streams == 0 || !is_next || bytes > NAME_BYTES_MAX {
            return Err(RowError::Name { bytes }.into());
        }
        pages.push(Page { offset, length, checksum, first, streams, name: name.into() });
        offset = offset.checked_add(u64::from(length)).ok_or(RowError::TooLarge)?;
        first = first.checked_add(streams).ok_or(RowError::TooLarge)?;
    }
    if offset - begin != length || first != streams {
        return Err(Fault::Contradiction { what: "the size of the stream directory" });
    }
    Ok(pages)
}

/// Gives each stream of a page to `visit`, until it says to stop.
pub(super) fn decode(
    page: &Page,
    bytes: &[u8],
    positions: (u64, u64),
    mut visit: impl FnMut(&str, StreamEntry) -> bool,
) -> Result<(), Fault> {
    let found = crc32c::crc32c(bytes);
    if found != page.checksum {
        return Err(Fault::Checksum { expected: page.checksum, found });
    }
    let (first_position, end) = positions;
    let mut input = bytes;
    let mut name = Vec::new();
    for number in page.first..page.first + page.streams {
        names::take(&mut name, &mut input)?;
        let first_revision = varint::take(&mut input)?;
        let count = varint::take(&mut input)?;
        let first = varint::take(&mut input)?.checked_add(first_position);
        let first_position = first.ok_or(RowError::Position)?;
        let last = varint::take(&mut input)?.checked_add(first_position);
        let last_position = last.ok_or(RowError::Position)?;
        let text = names::text(&name)?;
        let is_in = count > 0 && last_position < end && last_position - first_position >= count - 1;
        if !is_in || first_revision.checked_add(count).is_none() {
            return Err(Fault::Contradiction { what: "the range of a stream" });
        }
        if number == page.first && text != page.name.as_ref() {
            return Err(Fault::Contradiction { what: "the first name of a page" });
        }
        let stream = StreamEntry { number, first_revision, count, first_position, last_position };
        if !visit(text, stream) {
            return Ok(());
        }
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(Fault::Contradiction { what: "the length of a page" })
    }
}

/// Adds the block table.
pub(super) fn encode_blocks(blocks: &[BlockEntry], out: &mut Vec<u8>) {
    let mut stream = 0;
    for block in blocks {
        varint::put(u64::from(block.length), out);
        varint::put(u64::from(block.rows), out);
        varint::put(u64::from(block.stream - stream), out);
        varint::put(block.revision, out);
        out.extend_from_slice(&block.checksum.to_le_bytes());
        stream = block.stream;
    }
}

/// The blocks that a table tells of; they fill their part, and hold all records.
pub(super) fn decode_blocks(
    mut table: &[u8],
    part: (u64, u64),
    count: u64,
    streams: u32,
) -> Result<Vec<BlockEntry>, Fault> {
    let (begin, length) = part;
    let mut blocks: Vec<BlockEntry> = Vec::new();
    let mut offset = begin;
    let mut total = 0_u64;
    let mut before = None;
    while !table.is_empty() {
        let length = varint::take_u32(&mut table)?;
        let rows = varint::take_u32(&mut table)?;
        let step = varint::take_u32(&mut table)?;
        let revision = varint::take(&mut table)?;
        let checksum = u32::from_le_bytes(array(&mut table)?);
        let stream = before.map_or(0, |(stream, _)| stream);
        let stream = step.checked_add(stream).filter(|stream| *stream < streams);
        let stream = stream.ok_or(Fault::Contradiction { what: "the stream of a block" })?;
        let is_next = before.is_none_or(|before| before < (stream, revision));
        if !is_next || rows == 0 || rows as usize > ROWS_MAX {
            return Err(Fault::Contradiction { what: "the first record of a block" });
        }
        before = Some((stream, revision));
        blocks.push(BlockEntry { offset, length, rows, stream, revision, checksum });
        offset = offset.checked_add(u64::from(length)).ok_or(RowError::TooLarge)?;
        total += u64::from(rows);
    }
    if offset - begin != length || total != count {
        return Err(Fault::Contradiction { what: "the size of the blocks" });
    }
    Ok(blocks)
}
