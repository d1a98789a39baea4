//! Pages in memory: one bounded cache for all runs of a log.
//!
//! It holds at most as many bytes as it was given, whatever the log's length. A page in it has been
//! checked. The page to give up is found by a hand that goes round and takes a chance from every
//! page it passes; a page of a filter is given more chances than one of entries, because each
//! lookup asks the filters and few ask more. No read of a file happens under its lock.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use hashbrown::HashTable;

use super::page::{PAGE_BYTES, Page};

/// How long a page stays without being asked for: so many rounds of the hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// Of entries: seldom asked for again.
    Entries,
    /// Of first hashes, or of a filter.
    Index,
}

impl Worth {
    const fn chances_when_new(self) -> u8 {
        match self {
            Self::Entries => 0,
            Self::Index => 3,
        }
    }

    const fn chances_when_asked_for(self) -> u8 {
        match self {
            Self::Entries => 1,
            Self::Index => 3,
        }
    }
}

/// One page of one opened run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageKey(u64);

impl PageKey {
    /// The page of a run. A run has fewer than 2^32 pages.
    #[inline]
    pub(super) const fn new(run: u64, page: u64) -> Self {
        Self(run << 32 | page)
    }

    const fn run(self) -> u64 {
        self.0 >> 32
    }

    #[inline]
    const fn hash(self) -> u64 {
        let mixed = (self.0 ^ self.0 >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 32
    }
}

/// Pages in memory.
pub(crate) struct PageCache {
    frames: RwLock<Frames>,
    next_run: AtomicU64,
}

impl PageCache {
    /// What a log takes unless it is told otherwise.
    pub(crate) const BYTES_DEFAULT: usize = 32 * 1024 * 1024;

    /// A cache of at most this size; less than a page is a cache that holds nothing.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        let frames_max = (bytes_max / PAGE_BYTES).min(u32::MAX as usize);
        Arc::new(Self {
            frames: RwLock::new(Frames {
                frames_max,
                places: HashTable::new(),
                pages: Vec::with_capacity(frames_max),
                keys: Vec::new(),
                chances: Vec::new(),
                free: Vec::new(),
                hand: 0,
            }),
            next_run: AtomicU64::new(0),
        })
    }

    /// A number that no other opened run has.
    pub(super) fn enrol(&self) -> u64 {
        self.next_run.fetch_add(1, Ordering::Relaxed) & u64::from(u32::MAX)
    }

    /// Looks at what is here. Held for a few microseconds at most.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Frames> {
        // A thread that panicked left pages that are whole: they are replaced, never changed.
        self.frames.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a page that was read and checked.
    pub(super) fn keep(&self, key: PageKey, page: Page, worth: Worth) {
        self.frames.write().unwrap_or_else(PoisonError::into_inner).keep(key, page, worth);
    }

    /// Gives up all pages of a run that nobody looks at any more.
    pub(super) fn forget(&self, run: u64) {
        self.frames.write().unwrap_or_else(PoisonError::into_inner).forget(run);
    }
}

impl fmt::Debug for PageCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageCache").field("pages", &self.read().places.len()).finish()
    }
}

/// The frames, of which each holds one page. Memory is touched only as frames are first used.
pub(super) struct Frames {
    frames_max: usize,
    places: HashTable<(PageKey, u32)>,
    pages: Vec<Page>,
    keys: Vec<Option<PageKey>>,
    chances: Vec<AtomicU8>,
    free: Vec<usize>,
    hand: usize,
}

impl Frames {
    /// The page, if it is here.
    #[inline]
    pub(super) fn page(&self, key: PageKey, worth: Worth) -> Option<&Page> {
        let (_, frame) = *self.places.find(key.hash(), |it| it.0 == key)?;
        let chances = self.chances.get(frame as usize)?;
        // Written only when it changes, so that readers do not fight for the line.
        if chances.load(Ordering::Relaxed) != worth.chances_when_asked_for() {
            chances.store(worth.chances_when_asked_for(), Ordering::Relaxed);
        }
        self.pages.get(frame as usize)
    }

    fn keep(&mut self, key: PageKey, page: Page, worth: Worth) {
        if self.frames_max == 0 || self.places.find(key.hash(), |it| it.0 == key).is_some() {
            return;
        }
        let frame = match self.free.pop() {
            Some(frame) => frame,
            None if self.pages.len() < self.frames_max => self.pages.len(),
            None => self.give_up_one(),
        };
        let chances = AtomicU8::new(worth.chances_when_new());
        if frame == self.pages.len() {
            self.pages.push(page);
            self.keys.push(Some(key));
            self.chances.push(chances);
        } else {
            *self.pages.get_mut(frame).expect(FRAME) = page;
            *self.keys.get_mut(frame).expect(FRAME) = Some(key);
            *self.chances.get_mut(frame).expect(FRAME) = chances;
        }
        let frame = u32::try_from(frame).expect("there are fewer frames than that");
        self.places.insert_unique(key.hash(), (key, frame), |it| it.0.hash());
    }

    fn give_up_one(&mut self) -> usize {
        loop {
            let frame = self.hand;
            self.hand = (frame + 1) % self.pages.len();
            let chances = self.chances.get_mut(frame).expect(FRAME).get_mut();
            if *chances == 0 {
                self.drop_place(frame);
                return frame;
            }
            *chances -= 1;
        }
    }

    fn drop_place(&mut self, frame: usize) {
        let Some(key) = self.keys.get_mut(frame).expect(FRAME).take() else { return };
        if let Ok(place) = self.places.find_entry(key.hash(), |it| it.0 == key) {
            place.remove();
        }
    }

    fn forget(&mut self, run: u64) {
        for frame in 0..self.keys.len() {
            if self.keys.get(frame).expect(FRAME).is_some_and(|key| key.run() == run) {
                self.drop_place(frame);
                self.free.push(frame);
            }
        }
    }
}

const FRAME: &str = "the three lists of frames are equally long";
