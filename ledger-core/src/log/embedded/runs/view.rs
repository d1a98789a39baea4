//! The runs of one moment, to ask more than one thing of.
//!
//! What was looked up and what was not covered belong together only when they come from the same
//! runs: between two calls of `Runs`, a gap may close whose entries the first did not see.

use std::ops::Range;
use std::sync::Arc;

use super::cache::PageCache;
use super::run::{Asked, Run};
use super::{Found, RunsError, cover, filter, kept};

/// How many hashes are asked together, so that the memory they wait for is fetched together: as
/// many as a word has bits.
const GROUP: usize = u64::BITS as usize;

/// The runs as they were. Files that have been removed since are still read.
#[derive(Debug, Clone)]
pub(crate) struct RunsView {
    pub(super) runs: Arc<Vec<Arc<Run>>>,
    pub(super) cache: Arc<PageCache>,
}

impl RunsView {
    /// The values of a hash, run by run from the oldest segments on and in order within each:
    /// values that grow with the log come in order.
    pub(crate) fn lookup(&self, hash: u64) -> Result<Vec<u64>, RunsError> {
        let hash = kept(hash);
        let mut values = Vec::new();
        let mut next = 0;
        while let Some((place, asked)) = self.ask_from(next, hash) {
            next = place + 1;
            let Some(run) = self.runs.get(place) else { break };
            if asked == Asked::Maybe || run.ask_unread(hash)? {
                run.find(hash, |value| values.push(value))?;
            }
        }
        Ok(values)
    }

    /// The first run from a place on that may have a hash. The cache is locked for no longer.
    fn ask_from(&self, from: usize, hash: u64) -> Option<(usize, Asked)> {
        let frames = self.cache.index.read();
        let asked = self
            .runs
            .iter()
            .enumerate()
            .skip(from)
            .map(|(place, it)| (place, it.ask(&frames, hash)));
        asked.into_iter().find(|(_, asked)| *asked != Asked::Absent)
    }

    /// The values of many hashes, in the order of the hashes, each one's as `lookup` has them.
    pub(crate) fn lookup_many(&self, hashes: &[u64]) -> Result<Vec<Found>, RunsError> {
        let mut found = Vec::new();
        let mut group = Vec::with_capacity(GROUP);
        let mut doubts = Vec::new();
        for (place, hashes) in hashes.chunks(GROUP).enumerate() {
            group.clear();
            group.extend(hashes.iter().map(|hash| kept(*hash)));
            self.ask_group(&group, &mut doubts);
            doubts.sort_unstable();
            for Doubt { hash, run, is_unread } in doubts.drain(..) {
                let (Some(run), Some(asked)) = (self.runs.get(run), group.get(hash)) else {
                    continue;
                };
                if !is_unread || run.ask_unread(*asked)? {
                    let index = place * GROUP + hash;
                    run.find(*asked, |value| found.push(Found { index, value }))?;
                }
            }
        }
        Ok(found)
    }

    /// First finds the blocks of all the hashes, then reads one word of each: no read waits for
    /// another, so the processor waits for the memory of many at once. The rest is then near.
    fn ask_group(&self, hashes: &[u64], doubts: &mut Vec<Doubt>) {
        let frames = self.cache.index.read();
        let mut blocks = [None; GROUP];
        for (run, it) in self.runs.iter().enumerate().filter(|(_, it)| it.count() > 0) {
            let filter = it.filter(&frames);
            for (block, hash) in blocks.iter_mut().zip(hashes) {
                *block = it.block(&filter, *hash);
            }
            let mut doubtful = 0_u64;
            for (place, (block, hash)) in blocks.iter().zip(hashes).enumerate() {
                let may = block.is_none_or(|block| filter::may_hold(block, *hash));
                doubtful |= u64::from(may) << place;
            }
            while doubtful != 0 {
                let place = doubtful.trailing_zeros() as usize;
                doubtful &= doubtful - 1;
                let (Some(block), Some(hash)) = (blocks.get(place), hashes.get(place)) else {
                    break;
                };
                if block.is_none_or(|block| filter::holds(block, *hash)) {
                    doubts.push(Doubt { hash: place, run, is_unread: block.is_none() });
                }
            }
        }
    }

    /// What is not indexed of some segments.
    pub(crate) fn gaps(&self, segments: &Range<u64>) -> Vec<Range<u64>> {
        cover::gaps(segments, self.runs.iter().map(|run| run.segments()))
    }

    /// How many runs there are.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.runs.len()
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(super) fn entries(&self) -> u64 {
        self.runs.iter().map(|run| run.count()).sum()
    }

    /// How much disk they take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.bytes()).sum()
    }
}

/// A run that may have a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Doubt {
    hash: usize,
    run: usize,
    is_unread: bool,
}
