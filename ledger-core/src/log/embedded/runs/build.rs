//! Writes a run: entries in order go in, a durable file comes out.
//!
//! Memory is a few buffers whatever the length. The file has a temporary name until all its bytes
//! are durable; then it is renamed and the directory made durable. At any moment before, a crash
//! leaves nothing that counts; after, the whole run.

use std::io;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use super::entries::{Entry, EntryPageWriter};
use super::filter::FilterWriter;
use super::format::{CHUNK_PAGES, Header, run_name, temporary_name};
use super::page::{PAGE_BYTES, Page, put, write_whole};
use super::{RunsError, RunsPlace};
use crate::log::storage::{File, PACE_BYTES, Storage};

/// What is gathered before it is written.
const WRITE_BYTES: usize = 64 * PAGE_BYTES;

/// What is known of a run before its first entry is.
#[derive(Debug, Clone)]
pub(super) struct NewRun {
    pub(super) segments: Range<u64>,
    pub(super) level: u8,
    pub(super) count: u64,
    pub(super) values: RangeInclusive<u64>,
}

/// Writes one run.
pub(super) struct RunWriter<'a> {
    place: &'a RunsPlace,
    temporary: String,
    file: Arc<dyn File>,
    header: Header,
    seed: u32,
    filter: FilterWriter,
    filter_pages: Pages,
    entries: EntryPageWriter,
    entry_pages: Pages,
    firsts: Vec<u64>,
    written: u64,
    last: Option<Entry>,
}

impl<'a> RunWriter<'a> {
    /// Begins a file under its temporary name.
    pub(super) fn begin(place: &'a RunsPlace, new: NewRun) -> Result<Self, RunsError> {
        let name = temporary_name(place.kind, &new.segments);
        let temporary = format!("{}/{name}", place.directory);
        let io = |source| RunsError::Io { file: temporary.clone(), source };
        remove_if_there(&*place.storage, &temporary).map_err(io)?;
        let file = place.storage.create(&temporary).map_err(io)?;
        let header = Header {
            kind: place.kind,
            level: new.level,
            ledger: place.ledger,
            segments: new.segments,
            count: new.count,
            values: new.values,
            entry_pages: 0,
        };
        let plan = header.plan();
        Ok(Self {
            place,
            temporary,
            file,
            seed: header.seed(),
            filter: FilterWriter::new(plan.filter),
            filter_pages: Pages::from(plan.filter_page(0)),
            entries: EntryPageWriter::new(header.shape()),
            entry_pages: Pages::from(plan.entry_page(0)),
            firsts: Vec::new(),
            written: 0,
            last: None,
            header,
        })
    }

    /// Takes the next entry.
    #[inline]
    pub(super) fn push(&mut self, entry: Entry) -> Result<(), RunsError> {
        assert!(self.last <= Some(entry), "the entries of a run come in order");
        self.last = Some(entry);
        self.written += 1;
        let (file, seed, pages) = (&*self.file, self.seed, &mut self.filter_pages);
        let set = self.filter.set(entry.0, |page| pages.put(file, seed, page));
        set.map_err(|source| self.io(source))?;
        match self.entries.push(entry) {
            Some((first, page)) => self.put_entries(first, page),
            None => Ok(()),
        }
    }

    /// Makes the run durable and gives it its name.
    pub(super) fn finish(mut self) -> Result<(), RunsError> {
        assert_eq!(self.written, self.header.count, "a run has as many entries as were promised");
        if let Some((first, page)) = self.entries.turn() {
            self.put_entries(first, page)?;
        }
        if !self.firsts.is_empty() {
            self.put_firsts()?;
        }
        self.finish_file().map_err(|source| self.io(source))?;
        let RunsPlace { storage, directory, kind, .. } = self.place;
        let name = format!("{directory}/{}", run_name(*kind, &self.header.segments));
        let renamed = storage.rename(&self.temporary, &name);
        renamed.and_then(|()| storage.sync_dir(directory)).map_err(|source| self.io(source))
    }

    /// Leaves nothing behind, as far as the disk lets it; the next opening removes the rest.
    pub(super) fn abandon(self) -> Result<(), RunsError> {
        remove_if_there(&*self.place.storage, &self.temporary).map_err(|source| self.io(source))
    }

    fn finish_file(&mut self) -> io::Result<()> {
        let (file, seed) = (&*self.file, self.seed);
        let filter =
            std::mem::replace(&mut self.filter, FilterWriter::new(self.header.plan().filter));
        let pages = &mut self.filter_pages;
        filter.finish(|page| pages.put(file, seed, page))?;
        pages.flush(file)?;
        self.entry_pages.flush(file)?;
        write_whole(file, self.header.encode().bytes(), 0)?;
        file.sync_all()
    }

    fn put_entries(&mut self, first: u64, page: Page) -> Result<(), RunsError> {
        self.header.entry_pages += 1;
        self.firsts.push(first);
        let put = self.entry_pages.put(&*self.file, self.seed, page);
        put.map_err(|source| self.io(source))?;
        if self.firsts.len() as u64 == CHUNK_PAGES { self.put_firsts() } else { Ok(()) }
    }

    fn put_firsts(&mut self) -> Result<(), RunsError> {
        let mut page = Page::zeroed();
        for (place, first) in self.firsts.drain(..).enumerate() {
            put(page.body_mut(), place * 8, &first.to_le_bytes());
        }
        let put = self.entry_pages.put(&*self.file, self.seed, page);
        put.map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> RunsError {
        RunsError::Io { file: self.temporary.clone(), source }
    }
}

/// Removes a file; that there is none is as good.
pub(super) fn remove_if_there(storage: &dyn Storage, path: &str) -> io::Result<()> {
    match storage.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Pages that follow one another in a file.
#[derive(Debug)]
struct Pages {
    next: u64,
    buffer: Vec<u8>,
    unsynced_bytes: usize,
}

impl Pages {
    const fn from(first: u64) -> Self {
        Self { next: first, buffer: Vec::new(), unsynced_bytes: 0 }
    }

    fn put(&mut self, file: &dyn File, seed: u32, mut page: Page) -> io::Result<()> {
        page.seal(seed, self.next);
        self.buffer.extend_from_slice(page.bytes());
        self.next += 1;
        if self.buffer.len() < WRITE_BYTES {
            return Ok(());
        }
        self.flush(file)?;
        if self.unsynced_bytes >= PACE_BYTES {
            file.sync_data()?;
            self.unsynced_bytes = 0;
        }
        Ok(())
    }

    fn flush(&mut self, file: &dyn File) -> io::Result<()> {
        let first = self.next - (self.buffer.len() / PAGE_BYTES) as u64;
        write_whole(file, &self.buffer, first * PAGE_BYTES as u64)?;
        self.unsynced_bytes += self.buffer.len();
        self.buffer.clear();
        Ok(())
    }
}
