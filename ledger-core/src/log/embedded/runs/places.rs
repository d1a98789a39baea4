//! Which frame of the cache holds which page.

use std::collections::BTreeMap;

use hashbrown::HashTable;

/// One page of one opened run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageKey {
    run: u32,
    page: u32,
    is_filter: bool,
}

impl PageKey {
    /// A page of a run's filter, counted from the filter's first. A run has fewer than 2^32 pages.
    pub(super) fn of_filter(run: u32, page: u64) -> Self {
        Self { is_filter: true, ..Self::of_rest(run, page) }
    }

    /// A page of the rest of a run.
    pub(super) fn of_rest(run: u32, page: u64) -> Self {
        let page = u32::try_from(page).expect("a run has fewer pages than that");
        Self { run, page, is_filter: false }
    }

    pub(super) const fn run(self) -> u32 {
        self.run
    }

    const fn hash(self) -> u64 {
        let both = (self.run as u64) << 32 | self.page as u64;
        let mixed = (both ^ both >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 32
    }

    fn place(self) -> usize {
        usize::try_from(self.page).expect("a page's number fits memory")
    }
}

/// Which frame holds which page.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Every lookup asks the filter of every run, so the frames of a filter stand in a list by its
    /// pages: one look at a short list, where hashing looks at three long ones. Four bytes stand
    /// for a page of 2,900 keys.
    filters: BTreeMap<u32, Vec<Option<Frame>>>,
    rest: HashTable<(PageKey, u32)>,
    len: usize,
}

/// The number of a frame, less than one below the greatest.
#[derive(Debug, Clone, Copy)]
struct Frame(std::num::NonZeroU32);

impl Frame {
    fn new(frame: u32) -> Self {
        Self(std::num::NonZeroU32::MIN.saturating_add(frame))
    }

    #[inline]
    const fn number(self) -> u32 {
        self.0.get() - 1
    }
}

impl Places {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn find(&self, key: PageKey) -> Option<u32> {
        if key.is_filter {
            return self.filter(key.run).find(u64::from(key.page));
        }
        Some(self.rest.find(key.hash(), |it| it.0 == key)?.1)
    }

    /// The frames of one run's filter.
    pub(super) fn filter(&self, run: u32) -> FilterPlaces<'_> {
        FilterPlaces(self.filters.get(&run).map_or(&[], Vec::as_slice))
    }

    /// Puts in a page that is not there.
    pub(super) fn put(&mut self, key: PageKey, frame: u32) {
        self.len += 1;
        if !key.is_filter {
            self.rest.insert_unique(key.hash(), (key, frame), |it| it.0.hash());
            return;
        }
        let frames = self.filters.entry(key.run).or_default();
        if frames.len() <= key.place() {
            frames.resize(key.place() + 1, None);
        }
        *frames.get_mut(key.place()).expect("it was made long enough") = Some(Frame::new(frame));
    }

    /// Takes out a page that is there.
    pub(super) fn drop(&mut self, key: PageKey) {
        self.len -= 1;
        if key.is_filter {
            let frames = self.filters.get_mut(&key.run);
            if let Some(frame) = frames.and_then(|it| it.get_mut(key.place())) {
                *frame = None;
            }
        } else if let Ok(place) = self.rest.find_entry(key.hash(), |it| it.0 == key) {
            place.remove();
        }
    }

    /// Forgets that a run had a filter: its pages have been taken out.
    pub(super) fn forget(&mut self, run: u32) {
        self.filters.remove(&run);
    }
}

/// The frames of one run's filter, by its pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct FilterPlaces<'a>(&'a [Option<Frame>]);

impl FilterPlaces<'_> {
    #[inline]
    pub(super) fn find(&self, page: u64) -> Option<u32> {
        let frame = *self.0.get(usize::try_from(page).ok()?)?;
        frame.map(Frame::number)
    }
}
