//! Pages in memory: one bounded cache for all runs of a log.
//!
//! It holds at most as many bytes as it was given, whatever the log's length. A page in it has been
//! checked. Most of the room is for filters and first hashes, which every lookup asks; pages of
//! entries, which few lookups ask and fewer ask again, turn over in a small part of their own and
//! never push a filter out. In each part the page to give up is found by a hand that goes round and
//! takes a chance from every page it passes. No read of a file happens under a lock.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::page::{self, PAGE_BYTES, Page};
use super::places::{FilterPlaces, PageKey, Places};
use crate::log::embedded::memory::Memory;

/// Of so many frames, one is for entries.
const FRAMES_PER_ENTRY_FRAME: usize = 64;
/// So many pages come in small pages of the processor: most logs have no more.
const FRAMES_SMALL: usize = 512;
/// How many rounds of the hand a page stays after it was asked for.
const CHANCES: u8 = 2;

/// Pages in memory.
pub(crate) struct PageCache {
    /// Of filters and first hashes.
    pub(super) index: Shelf,
    /// Of entries.
    pub(super) entries: Shelf,
    next_run: AtomicU32,
}

impl PageCache {
    /// A cache of at most this size; less than a page is a cache that holds nothing.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        let frames = (bytes_max / PAGE_BYTES).min(u32::MAX as usize);
        let for_entries = frames / FRAMES_PER_ENTRY_FRAME;
        Arc::new(Self {
            index: Shelf::new(frames - for_entries),
            entries: Shelf::new(for_entries),
            next_run: AtomicU32::new(0),
        })
    }

    /// How many pages are in memory.
    pub(super) fn pages(&self) -> usize {
        self.index.read().places.len() + self.entries.read().places.len()
    }

    /// A number that no other opened run has.
    pub(super) fn enrol(&self) -> u32 {
        self.next_run.fetch_add(1, Ordering::Relaxed)
    }

    /// Gives up all pages of a run.
    pub(super) fn forget(&self, run: u32) {
        self.index.write().forget(run);
        self.entries.write().forget(run);
    }
}

impl fmt::Debug for PageCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCache").field("pages", &self.pages()).finish_non_exhaustive()
    }
}

/// One part of the cache.
pub(super) struct Shelf(RwLock<Frames>);

impl Shelf {
    fn new(frames_max: usize) -> Self {
        Self(RwLock::new(Frames {
            frames_max,
            places: Places::default(),
            // Only reserved: memory is touched as frames are first used. A mapping begins with a
            // page of the processor, so a block of a filter is one line of its cache.
            pages: Memory::zeroed_after(frames_max * PAGE_BYTES, FRAMES_SMALL * PAGE_BYTES),
            keys: Vec::new(),
            chances: Vec::new(),
            free: Vec::new(),
            hand: 0,
        }))
    }

    /// Looks at what is here. Held for a few microseconds at most.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Frames> {
        // A thread that panicked left pages that are whole: they are replaced, never changed.
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a page that was read and checked.
    pub(super) fn keep(&self, key: PageKey, page: &Page) {
        self.write().keep(key, page);
    }

    /// Keeps it where no other page has to be given up for it. Answers whether there is such room.
    pub(super) fn keep_if_free(&self, key: PageKey, page: &Page) -> bool {
        let mut frames = self.write();
        let is_free = !frames.free.is_empty() || frames.keys.len() < frames.frames_max;
        if is_free {
            frames.keep(key, page);
        }
        is_free
    }

    fn write(&self) -> RwLockWriteGuard<'_, Frames> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The frames, of which each holds one page.
pub(super) struct Frames {
    frames_max: usize,
    places: Places,
    pages: Memory,
    keys: Vec<Option<PageKey>>,
    chances: Vec<AtomicU8>,
    free: Vec<usize>,
    hand: usize,
}

impl Frames {
    /// The body of the page, if it is here.
    #[inline]
    pub(super) fn page(&self, key: PageKey) -> Option<&[u8]> {
        self.frame(self.places.find(key)?)
    }

    /// The pages of one run's filter.
    pub(super) fn filter(&self, run: u32) -> FilterPages<'_> {
        FilterPages { frames: self, places: self.places.filter(run) }
    }

    #[inline]
    fn frame(&self, frame: u32) -> Option<&[u8]> {
        let chances = self.chances.get(frame as usize)?;
        // Written only when it changes, so that readers do not fight for the line.
        if chances.load(Ordering::Relaxed) != CHANCES {
            chances.store(CHANCES, Ordering::Relaxed);
        }
        self.pages.bytes().as_chunks().0.get(frame as usize).map(page::body)
    }

    fn keep(&mut self, key: PageKey, page: &Page) {
        if self.frames_max == 0 || self.places.find(key).is_some() {
            return;
        }
        let frame = match self.free.pop() {
            Some(frame) => frame,
            None if self.keys.len() < self.frames_max => self.keys.len(),
            None => self.give_up_one(),
        };
        let chances = AtomicU8::new(0);
        let pages: &mut [[u8; PAGE_BYTES]] = self.pages.bytes_mut().as_chunks_mut().0;
        *pages.get_mut(frame).expect(FRAME) = *page.bytes();
        if frame == self.keys.len() {
            self.keys.push(Some(key));
            self.chances.push(chances);
        } else {
            *self.keys.get_mut(frame).expect(FRAME) = Some(key);
            *self.chances.get_mut(frame).expect(FRAME) = chances;
        }
        let frame = u32::try_from(frame).expect("there are fewer frames than that");
        self.places.put(key, frame);
    }

    fn give_up_one(&mut self) -> usize {
        loop {
            let frame = self.hand;
            self.hand = (frame + 1) % self.keys.len();
            let chances = self.chances.get_mut(frame).expect(FRAME).get_mut();
            if *chances == 0 {
                self.drop_place(frame);
                return frame;
            }
            *chances -= 1;
        }
    }

    fn drop_place(&mut self, frame: usize) {
        if let Some(key) = self.keys.get_mut(frame).expect(FRAME).take() {
            self.places.drop(key);
        }
    }

    fn forget(&mut self, run: u32) {
        for frame in 0..self.keys.len() {
            if self.keys.get(frame).expect(FRAME).is_some_and(|key| key.run() == run) {
                self.drop_place(frame);
                self.free.push(frame);
            }
        }
        self.places.forget(run);
    }
}

/// The pages of one run's filter that are in memory.
#[derive(Clone, Copy)]
pub(super) struct FilterPages<'a> {
    frames: &'a Frames,
    places: FilterPlaces<'a>,
}

impl<'a> FilterPages<'a> {
    /// The body of the page, if it is here.
    #[inline]
    pub(super) fn page(&self, page: u64) -> Option<&'a [u8]> {
        self.frames.frame(self.places.find(page)?)
    }
}

const FRAME: &str = "the three lists of frames are equally long";
