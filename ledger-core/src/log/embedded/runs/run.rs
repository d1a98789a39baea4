//! One run file, opened to look up and to merge.
//!
//! Opening reads the header and nothing else. A lookup asks the filter and, when that says "maybe",
//! one page of first hashes and one of entries. Every page is checked when it is read; damage is an
//! error that names the file and the segments to rebuild it from, never an absence.

use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::cache::{FilterPages, Frames, PageCache, Shelf};
use super::entries::{Entry, EntryPage, EntryShape};
use super::filter::{BLOCK_BYTES, holds, scale};
use super::format::{CHUNK_PAGES, Header, HeaderVerdict, Plan, run_name};
use super::page::{Fault, PAGE_BYTES, Page, offset, read_whole};
use super::places::PageKey;
use super::{HASH_BITS, RunsError, RunsPlace};
use crate::log::storage::{File, Storage};

/// How much a scan reads at a time: sixteen pages.
const SCAN_BYTES: usize = 16 * PAGE_BYTES;

/// An immutable, sorted index of some adjacent segments.
#[derive(Debug)]
pub(super) struct Run {
    path: String,
    file: FileHandle,
    header: Header,
    plan: Plan,
    shape: EntryShape,
    seed: u32,
    number: u32,
    cache: Arc<PageCache>,
    is_damaged: AtomicBool,
    writers: Option<Writers>,
}

/// What the writer's run removes its own file with.
struct Writers(Arc<dyn Storage>);

impl std::fmt::Debug for Writers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Storage")
    }
}

/// What the filter of one run says of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Certainly not here.
    Absent,
    /// Here, or one of the few mistakes of the filter.
    Maybe,
    /// The page is not in memory.
    Unread,
}

struct FileHandle(Arc<dyn File>);

impl std::fmt::Debug for FileHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("File")
    }
}

impl Run {
    /// Opens the run of these segments. The writer's removes its file when it sees damage in it.
    pub(super) fn open(
        place: &RunsPlace,
        segments: &Range<u64>,
        is_writers: bool,
    ) -> Result<Self, RunsError> {
        let RunsPlace { storage, directory, ledger, kind, cache } = place;
        let path = format!("{directory}/{}", run_name(*kind, segments));
        let io = |source| RunsError::Io { file: path.clone(), source };
        let file = storage.open(&path).map_err(io)?;
        let length = file.len().map_err(io)?;
        let opened = Page::read(&*file, 0, 0)
            .and_then(|page| Header::decode(&page, *kind, segments, *ledger));
        let header = match opened {
            Ok(HeaderVerdict::Ours(header)) => header,
            Ok(HeaderVerdict::Foreign(found)) => {
                return Err(RunsError::Foreign { file: path, expected: *ledger, found });
            }
            Err(fault) => return Err(fault_of(&path, segments, 0, fault)),
        };
        let plan = header.plan();
        let expected = plan.pages().and_then(|pages| pages.checked_mul(PAGE_BYTES as u64));
        if expected != Some(length) {
            let fault = Fault::Damaged("the file is not as long as its header says");
            return Err(fault_of(&path, segments, 0, fault));
        }
        let shape = header.shape();
        let seed = header.seed();
        let number = cache.enrol();
        let file = FileHandle(file);
        Ok(Self {
            path,
            file,
            header,
            plan,
            shape,
            seed,
            number,
            cache: Arc::clone(cache),
            is_damaged: AtomicBool::new(false),
            writers: is_writers.then(|| Writers(Arc::clone(storage))),
        })
    }

    /// The segments it covers.
    pub(super) const fn segments(&self) -> &Range<u64> {
        &self.header.segments
    }

    /// How often its entries have been merged.
    pub(super) const fn level(&self) -> u8 {
        self.header.level
    }

    /// Its entries.
    pub(super) const fn count(&self) -> u64 {
        self.header.count
    }

    /// The least and the greatest of its values.
    pub(super) const fn values(&self) -> &RangeInclusive<u64> {
        &self.header.values
    }

    /// What the checksums of its pages begin with.
    #[cfg(test)]
    pub(super) const fn seed(&self) -> u32 {
        self.seed
    }

    /// Its file, within the ledger directory.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The size of its file.
    pub(super) fn bytes(&self) -> u64 {
        self.plan.pages().unwrap_or(0) * PAGE_BYTES as u64
    }

    /// The pages of its filter that are in memory.
    pub(super) fn filter<'a>(&self, frames: &'a Frames) -> FilterPages<'a> {
        frames.filter(self.number)
    }

    /// The block of the filter where a hash would be, if it is in memory.
    #[inline]
    pub(super) fn block<'a>(
        &self,
        filter: &FilterPages<'a>,
        hash: u64,
    ) -> Option<&'a [u8; BLOCK_BYTES]> {
        let place = self.plan.filter.place(hash);
        filter.page(place.page)?.get(place.at..)?.first_chunk()
    }

    /// Asks the filter, as far as it is in memory.
    #[inline]
    pub(super) fn ask(&self, frames: &Frames, hash: u64) -> Asked {
        if self.header.count == 0 {
            return Asked::Absent;
        }
        match self.block(&self.filter(frames), hash) {
            Some(block) if holds(block, hash) => Asked::Maybe,
            Some(_) => Asked::Absent,
            None => Asked::Unread,
        }
    }

    /// Reads the filter into memory as far as there is room for it, so that those who ask do not
    /// wait for it page by page. What cannot be read is met by whoever asks.
    pub(super) fn warm(&self) {
        for page in 0..self.plan.filter.pages() {
            let read = Page::read(&*self.file.0, self.seed, self.plan.filter_page(page));
            let key = PageKey::of_filter(self.number, page);
            if !read.is_ok_and(|read| self.cache.index.keep_if_free(key, &read)) {
                return;
            }
        }
    }

    /// Gives up what is in memory of it. Whoever still looks in it reads it again.
    pub(super) fn cool(&self) {
        self.cache.forget(self.number);
    }

    /// Asks the filter, wherever it is.
    pub(super) fn ask_unread(&self, hash: u64) -> Result<bool, RunsError> {
        let place = self.plan.filter.place(hash);
        let number = self.plan.filter_page(place.page);
        let key = PageKey::of_filter(self.number, place.page);
        self.with_page(number, key, &self.cache.index, |page| {
            let block = page.get(place.at..).and_then(|it| it.first_chunk());
            Ok(block.is_some_and(|block| holds(block, hash)))
        })
    }

    /// Hands the values of a hash to `found`, in order.
    pub(super) fn find(&self, hash: u64, mut found: impl FnMut(u64)) -> Result<(), RunsError> {
        for page in self.pages_of(hash)? {
            let number = self.plan.entry_page(page);
            self.with_page(number, self.key(number), &self.cache.entries, |page| {
                EntryPage::new(self.shape, page)?.find(hash, &mut found);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The pages of entries that can hold a hash: from the last that begins before it to the last
    /// that begins with it.
    fn pages_of(&self, hash: u64) -> Result<Range<u64>, RunsError> {
        if self.plan.entry_pages == 0 {
            return Ok(0..0);
        }
        let (first_chunk, fences) = self.chunk_of(hash)?;
        let start = first_chunk * CHUNK_PAGES + fences.before.saturating_sub(1);
        let mut end = first_chunk * CHUNK_PAGES + fences.not_after;
        let mut chunk = first_chunk + 1;
        // A hash with many values may go on in the next chunks.
        while end == chunk * CHUNK_PAGES && chunk < self.plan.chunks() {
            end += self.fences(chunk, hash)?.not_after;
            chunk += 1;
        }
        Ok(start..end)
    }

    /// The last chunk that begins before a hash, or the first. Hashes are uniform, so the guess is
    /// right or next to right; among any others it is a binary search.
    fn chunk_of(&self, hash: u64) -> Result<(u64, Fences), RunsError> {
        let mut low = 0;
        let mut high = self.plan.chunks() - 1;
        let mut guess = scale(hash, self.plan.entry_pages) / CHUNK_PAGES;
        let mut guesses = 0_u32;
        loop {
            let chunk = guess.clamp(low, high);
            let fences = self.fences(chunk, hash)?;
            let is_all_before = fences.before == self.plan.chunk_pages(chunk);
            if low == high || (fences.before > 0 && !is_all_before) {
                return Ok((chunk, fences));
            }
            if is_all_before {
                low = chunk;
                guess = chunk + 1;
            } else {
                high = chunk.saturating_sub(1).max(low);
                guess = high;
            }
            guesses += 1;
            if guesses > 2 {
                guess = (low + high).div_ceil(2);
            }
        }
    }

    fn fences(&self, chunk: u64, hash: u64) -> Result<Fences, RunsError> {
        let pages = self.plan.chunk_pages(chunk);
        let number = self.plan.fence_page(chunk);
        self.with_page(number, self.key(number), &self.cache.index, |page| {
            let firsts = page.as_chunks::<8>().0;
            let firsts = usize::try_from(pages).ok().and_then(|pages| firsts.get(..pages));
            let firsts = firsts.ok_or(Fault::Damaged("a chunk has too many pages"))?;
            let before = firsts.partition_point(|it| u64::from_le_bytes(*it) < hash) as u64;
            let not_after = firsts.partition_point(|it| u64::from_le_bytes(*it) <= hash) as u64;
            Ok(Fences { before, not_after })
        })
    }

    fn key(&self, number: u64) -> PageKey {
        PageKey::of_rest(self.number, number)
    }

    /// Looks at the body of a page in memory, or reads, checks and keeps it.
    fn with_page<T>(
        &self,
        number: u64,
        key: PageKey,
        shelf: &Shelf,
        look: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<T, RunsError> {
        let fault = |fault| self.fault(number, fault);
        if let Some(page) = shelf.read().page(key) {
            return look(page).map_err(fault);
        }
        let page = Page::read(&*self.file.0, self.seed, number).map_err(fault)?;
        let seen = look(page.body()).map_err(fault)?;
        shelf.keep(key, &page);
        Ok(seen)
    }

    /// Whether damage was seen in it since it was opened.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    fn fault(&self, page: u64, fault: Fault) -> RunsError {
        let is_first =
            matches!(fault, Fault::Damaged(_)) && !self.is_damaged.swap(true, Ordering::Relaxed);
        if let Some(Writers(storage)) = self.writers.as_ref().filter(|_| is_first) {
            // So that the next opening finds a gap and not the same damage. When the file stays,
            // so does the error.
            drop(storage.remove(&self.path));
        }
        fault_of(&self.path, &self.header.segments, page, fault)
    }

    /// All entries in order, past the cache, with little memory.
    pub(super) const fn scan(&self) -> Scan<'_> {
        Scan {
            run: self,
            next_page: 0,
            buffer: Vec::new(),
            buffered: 0..0,
            entries: Vec::new(),
            place: 0,
            seen: 0,
            last: None,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.cool();
    }
}

fn fault_of(path: &str, segments: &Range<u64>, page: u64, fault: Fault) -> RunsError {
    match fault {
        Fault::Io(source) => RunsError::Io { file: path.to_owned(), source },
        Fault::Damaged(what) => RunsError::Damaged {
            file: path.to_owned(),
            segments: segments.clone(),
            offset: offset(page).unwrap_or(u64::MAX),
            what,
        },
    }
}

/// How many pages of a chunk begin before a hash, and how many not after it.
#[derive(Debug, Clone, Copy)]
struct Fences {
    before: u64,
    not_after: u64,
}

/// Goes through the entries of a run.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    run: &'a Run,
    next_page: u64,
    buffer: Vec<u8>,
    buffered: Range<u64>,
    entries: Vec<Entry>,
    place: usize,
    seen: u64,
    last: Option<Entry>,
}

impl Scan<'_> {
    /// The next entry; `None` after the last.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Entry>, RunsError> {
        loop {
            if let Some(entry) = self.entries.get(self.place) {
                self.place += 1;
                return Ok(Some(*entry));
            }
            if self.next_page == self.run.plan.entry_pages {
                return self.end();
            }
            self.fill()?;
        }
    }

    /// Reads a page of entries.
    fn fill(&mut self) -> Result<(), RunsError> {
        let run = self.run;
        let number = run.plan.entry_page(self.next_page);
        let fault = |fault| run.fault(number, fault);
        if !self.buffered.contains(&number) {
            self.read_ahead(number).map_err(fault)?;
        }
        let at = usize::try_from(number - self.buffered.start).expect("a buffer is small");
        let bytes = self.buffer.get(at * PAGE_BYTES..(at + 1) * PAGE_BYTES);
        let cut = Fault::Damaged("the file is cut short");
        let bytes = bytes.ok_or(cut).map_err(fault)?;
        let page = Page::from_bytes(bytes, run.seed, number).map_err(fault)?;
        self.place = 0;
        let decoded =
            EntryPage::new(run.shape, page.body()).and_then(|it| it.decode(&mut self.entries));
        decoded.and_then(|()| self.check()).map_err(fault)?;
        self.seen += self.entries.len() as u64;
        self.next_page += 1;
        Ok(())
    }

    /// A checksum can be forged. What is then out of order must not reach a merged run.
    fn check(&mut self) -> Result<(), Fault> {
        let values = &self.run.header.values;
        let is_sound = |it: &Entry| it.0 >> HASH_BITS == 0 && values.contains(&it.1);
        let is_later = self.last <= self.entries.first().copied();
        self.last = self.entries.last().copied();
        if is_later && self.entries.is_sorted() && self.entries.iter().all(is_sound) {
            Ok(())
        } else {
            Err(Fault::Damaged("its entries are out of order or out of range"))
        }
    }

    fn read_ahead(&mut self, number: u64) -> Result<(), Fault> {
        let last = self.run.plan.pages().unwrap_or(0);
        let end = (number + (SCAN_BYTES / PAGE_BYTES) as u64).min(last);
        let pages = usize::try_from(end.saturating_sub(number)).expect("a buffer is small");
        self.buffer.resize(pages * PAGE_BYTES, 0);
        self.buffered = number..number;
        read_whole(&*self.run.file.0, &mut self.buffer, offset(number)?)?;
        self.buffered = number..end;
        Ok(())
    }

    /// A run that holds fewer entries than its header says would be an absence nobody sees.
    fn end(&self) -> Result<Option<Entry>, RunsError> {
        if self.seen == self.run.header.count {
            return Ok(None);
        }
        let fault = Fault::Damaged("it has not as many entries as it says");
        Err(self.run.fault(0, fault))
    }
}
