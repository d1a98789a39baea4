//! The name and the first page of a run file.
//!
//! A run file is pages (`page.rs`): the header, the filter, then the entries in chunks, each chunk
//! at most [`CHUNK_PAGES`] pages of entries and, after them, one page with the first hash of each.
//! The header is written last, so its counts are those of a run that was written to its end.
//!
//! ```text
//! 0   8 bytes  "CFOILRUN"
//! 8   u32      format version, 1
//! 12  u8       kind: 1 keys, 2 streams
//! 13  u8       level
//! 14  u16      zero
//! 16  16 bytes ledger id
//! 32  u64      first segment
//! 40  u64      segment after the last
//! 48  u64      entries
//! 56  u64      the least value
//! 64  u64      the greatest value
//! 72  u64      pages of entries
//! 80           zero
//! ```
//!
//! The checksum of the header begins with zero, that of any other page with the CRC32C of the
//! header's bytes 8 to 72. How wide things are follows from the counts (`entries.rs`,
//! `filter.rs`).

use std::ops::{Range, RangeInclusive};

use super::entries::EntryShape;
use super::filter::FilterShape;
use super::page::{BODY_BYTES, Fault, Page, put, u64_at};
use crate::id::LedgerId;

const MAGIC: &[u8; 8] = b"CFOILRUN";
const VERSION: u32 = 1;
const IDENTITY: Range<usize> = 8..72;
const SUFFIX: &str = ".run";
const TEMPORARY_SUFFIX: &str = ".run.tmp";

/// Pages of entries in a chunk: as many as one page has room for first hashes.
pub(super) const CHUNK_PAGES: u64 = (BODY_BYTES / 8) as u64;

/// What the hashes of a run are of, and what its values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunKind {
    /// Idempotency keys, to positions.
    Keys,
    /// Names of streams, to segments that hold records of them.
    Streams,
}

impl RunKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Streams => "streams",
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Keys => 1,
            Self::Streams => 2,
        }
    }
}

/// The name of the run of these segments.
pub(super) fn run_name(kind: RunKind, segments: &Range<u64>) -> String {
    format!("{}-{:08}-{:08}{SUFFIX}", kind.word(), segments.start, segments.end)
}

/// The name it has until it is whole.
pub(super) fn temporary_name(kind: RunKind, segments: &Range<u64>) -> String {
    format!("{}-{:08}-{:08}{TEMPORARY_SUFFIX}", kind.word(), segments.start, segments.end)
}

/// The segments that a name of a run of this kind stands for.
pub(super) fn parse_run_name(kind: RunKind, name: &str) -> Option<Range<u64>> {
    let segments = parse_name(kind, name, SUFFIX)?;
    (run_name(kind, &segments) == name).then_some(segments)
}

/// Whether it is the name of a run of this kind that was never finished.
pub(super) fn is_temporary_name(kind: RunKind, name: &str) -> bool {
    parse_name(kind, name, TEMPORARY_SUFFIX).is_some()
}

fn parse_name(kind: RunKind, name: &str, suffix: &str) -> Option<Range<u64>> {
    let numbers = name.strip_suffix(suffix)?.strip_prefix(kind.word())?.strip_prefix('-')?;
    let (first, end) = numbers.split_once('-')?;
    let segments = first.parse().ok()?..end.parse().ok()?;
    (!segments.is_empty()).then_some(segments)
}

/// What a run file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: RunKind,
    /// How often its entries have been merged.
    pub(super) level: u8,
    pub(super) ledger: LedgerId,
    pub(super) segments: Range<u64>,
    /// Its entries.
    pub(super) count: u64,
    /// The least and the greatest of its values.
    pub(super) values: RangeInclusive<u64>,
    /// Pages of entries, those of first hashes not counted.
    pub(super) entry_pages: u64,
}

/// What a header turned out to be.
#[derive(Debug)]
pub(super) enum HeaderVerdict {
    /// One of this ledger.
    Ours(Header),
    /// Whole, but of another ledger.
    Foreign(LedgerId),
}

impl Header {
    /// The page, sealed.
    pub(super) fn encode(&self) -> Page {
        let mut page = self.unsealed();
        page.seal(0, 0);
        page
    }

    fn unsealed(&self) -> Page {
        let mut page = Page::zeroed();
        let body = page.body_mut();
        put(body, 0, MAGIC);
        put(body, 8, &VERSION.to_le_bytes());
        put(body, 12, &[self.kind.number(), self.level]);
        put(body, 16, self.ledger.as_bytes());
        put(body, 32, &self.segments.start.to_le_bytes());
        put(body, 40, &self.segments.end.to_le_bytes());
        put(body, 48, &self.count.to_le_bytes());
        put(body, 56, &self.values.start().to_le_bytes());
        put(body, 64, &self.values.end().to_le_bytes());
        put(body, 72, &self.entry_pages.to_le_bytes());
        page
    }

    /// Reads a page whose checksum is right.
    pub(super) fn decode(
        page: &Page,
        kind: RunKind,
        segments: &Range<u64>,
        ledger: LedgerId,
    ) -> Result<HeaderVerdict, Fault> {
        let body = page.body();
        let cut = || Fault::Damaged("the header is cut short");
        let number = |at| u64_at(body, at).ok_or_else(cut);
        let byte = |at: usize| body.get(at).copied().ok_or_else(cut);
        if !body.starts_with(MAGIC) {
            return Err(Fault::Damaged("it does not begin as a run does"));
        }
        if body.get(8..12) != Some(VERSION.to_le_bytes().as_slice()) {
            return Err(Fault::Damaged("it is of another format version"));
        }
        if byte(12)? != kind.number() || (number(32)?..number(40)?) != *segments {
            return Err(Fault::Damaged("its header and its name do not agree"));
        }
        let id = *body.get(16..).and_then(|it| it.first_chunk()).ok_or_else(cut)?;
        let found = LedgerId::from_bytes(id);
        if found != ledger {
            return Ok(HeaderVerdict::Foreign(found));
        }
        Ok(HeaderVerdict::Ours(Self {
            kind,
            level: byte(13)?,
            ledger,
            segments: segments.clone(),
            count: number(48)?,
            values: number(56)?..=number(64)?,
            entry_pages: number(72)?,
        }))
    }

    /// What the checksum of every other page begins with.
    pub(super) fn seed(&self) -> u32 {
        let page = self.unsealed();
        crc32c::crc32c(page.body().get(IDENTITY).expect("the identity is in the header"))
    }

    /// How wide its entries are.
    pub(super) fn shape(&self) -> EntryShape {
        EntryShape::of(self.count, *self.values.start(), *self.values.end())
    }

    /// Where the pages of this run are.
    pub(super) fn plan(&self) -> Plan {
        Plan { filter: FilterShape::of(self.count), entry_pages: self.entry_pages }
    }
}

/// Which page of a run is what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) filter: FilterShape,
    pub(super) entry_pages: u64,
}

impl Plan {
    /// The page of a page of the filter.
    pub(super) const fn filter_page(self, page: u64) -> u64 {
        1 + page
    }

    /// The page of a page of entries.
    pub(super) const fn entry_page(self, page: u64) -> u64 {
        1 + self.filter.pages() + page + page / CHUNK_PAGES
    }

    /// The page with the first hashes of a chunk.
    pub(super) fn fence_page(self, chunk: u64) -> u64 {
        1 + self.filter.pages() + chunk * CHUNK_PAGES + self.chunk_pages(chunk) + chunk
    }

    /// How many pages of entries a chunk has.
    pub(super) fn chunk_pages(self, chunk: u64) -> u64 {
        self.entry_pages.saturating_sub(chunk * CHUNK_PAGES).min(CHUNK_PAGES)
    }

    /// How many chunks there are.
    pub(super) const fn chunks(self) -> u64 {
        self.entry_pages.div_ceil(CHUNK_PAGES)
    }

    /// All pages; `None` when a header claims more than a file can have.
    pub(super) fn pages(self) -> Option<u64> {
        self.entry_pages
            .checked_add(self.chunks())?
            .checked_add(self.filter.pages())?
            .checked_add(1)
            .filter(|pages| u32::try_from(*pages).is_ok())
    }
}
