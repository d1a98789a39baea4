//! Which runs are merged when, and the merge.
//!
//! A run of one segment has level 0; two adjacent runs of a level become one of the next, and when
//! there already is one of that level before them it is taken in at once, and so on. So the levels
//! fall from the oldest run to the newest, there are at most about log2(segments) runs, and an entry
//! is written 1 + log2(segments) / 2 times on average: with 33 segments two runs and 3.5 times, on
//! the way there never more than five runs.
//!
//! Damage can leave a small run between large ones. It stays until there are more runs than levels
//! allow; then the two adjacent ones with the fewest entries are merged.

use std::ops::Range;
use std::sync::Arc;

use super::build::{NewRun, RunWriter};
use super::entries::Entry;
use super::run::Run;
use super::{HASH_BITS, RunsError, RunsPlace};

/// How many runs more than levels are left alone.
const RUNS_OVER_LEVELS: usize = 2;
/// How many entries are merged between two looks at the wish to stop.
const STOP_ENTRIES: u64 = 4096;

/// Adjacent runs that are to become one.
#[derive(Debug, Clone)]
pub(crate) struct MergePlan {
    pub(super) inputs: Vec<Arc<Run>>,
    level: u8,
}

impl MergePlan {
    /// The segments of the run it makes.
    pub(crate) fn segments(&self) -> Range<u64> {
        let start = self.inputs.first().map_or(0, |run| run.segments().start);
        let end = self.inputs.last().map_or(0, |run| run.segments().end);
        start..end
    }

    /// About how much disk it takes before it gives the inputs' back.
    pub(crate) fn bytes(&self) -> u64 {
        self.inputs.iter().map(|run| run.bytes()).sum()
    }
}

/// What is to be merged next of runs in order.
pub(super) fn due(runs: &[Arc<Run>]) -> Option<MergePlan> {
    let heights: Vec<_> = runs
        .iter()
        .map(|run| Height {
            segments: run.segments().clone(),
            level: run.level(),
            count: run.count(),
        })
        .collect();
    let (range, level) = choose(&heights)?;
    Some(MergePlan { inputs: runs.get(range)?.to_vec(), level })
}

#[derive(Debug, Clone)]
struct Height {
    segments: Range<u64>,
    level: u8,
    count: u64,
}

fn choose(runs: &[Height]) -> Option<(Range<usize>, u8)> {
    let adjacent = |place: &usize| {
        let two = runs.get(*place..place + 2);
        two.is_some_and(|it| matches!(it, [a, b] if a.segments.end == b.segments.start))
    };
    let levels_of = |place: usize| Some((runs.get(place)?.level, runs.get(place + 1)?.level));
    let pairs = || (0..runs.len().saturating_sub(1)).filter(adjacent);
    let equal = pairs().filter_map(|place| {
        let (older, newer) = levels_of(place)?;
        (older == newer).then_some((newer, place))
    });
    if let Some((level, place)) = equal.min() {
        let mut start = place;
        let mut level = level.saturating_add(1);
        while let Some(before) = start.checked_sub(1).filter(adjacent) {
            if runs.get(before).is_none_or(|run| run.level != level) {
                break;
            }
            start = before;
            level = level.saturating_add(1);
        }
        return Some((start..place + 2, level));
    }
    let top = runs.iter().map(|run| usize::from(run.level) + 1).max()?;
    if runs.len() <= top + RUNS_OVER_LEVELS {
        return None;
    }
    let entries = |place: usize| {
        runs.get(place..place + 2).into_iter().flatten().map(|run| run.count).sum::<u64>()
    };
    let place = pairs().min_by_key(|place| entries(*place))?;
    let (older, newer) = levels_of(place)?;
    Some((place..place + 2, older.max(newer)))
}

/// How a merge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merged {
    /// The new run has taken the place of its inputs.
    Done,
    /// It was asked to stop and left nothing.
    Stopped,
    /// The inputs are no longer what is looked up in; nothing was changed.
    Superseded,
}

/// Writes the entries of the run that a plan makes, to be finished. `None`: stopped, nothing is left.
pub(super) fn write<'a>(
    place: &'a RunsPlace,
    plan: &MergePlan,
    stop: &dyn Fn() -> bool,
) -> Result<Option<RunWriter<'a>>, RunsError> {
    let filled = || plan.inputs.iter().filter(|run| run.count() > 0);
    let value_min = filled().map(|run| *run.values().start()).min().unwrap_or(0);
    let value_max = filled().map(|run| *run.values().end()).max().unwrap_or(0);
    let new = NewRun {
        segments: plan.segments(),
        level: plan.level,
        count: plan.inputs.iter().map(|run| run.count()).sum(),
        values: value_min..=value_max,
    };
    let mut writer = RunWriter::begin(place, new)?;
    match copy(plan, &mut writer, stop) {
        Ok(true) => Ok(Some(writer)),
        Ok(false) => writer.abandon().map(|()| None),
        Err(error) => {
            // The first failure is the one to report; a left-over goes when the ledger is opened.
            drop(writer.abandon());
            Err(error)
        }
    }
}

fn copy(
    plan: &MergePlan,
    writer: &mut RunWriter<'_>,
    stop: &dyn Fn() -> bool,
) -> Result<bool, RunsError> {
    let mut scans: Vec<_> = plan.inputs.iter().map(|run| run.scan()).collect();
    let mut heads = Vec::with_capacity(scans.len());
    for scan in &mut scans {
        heads.push(Head::of(scan.next()?));
    }
    let mut written = 0_u64;
    while let Some((place, head)) = heads.iter().copied().enumerate().min_by_key(|it| it.1.0)
        && let Some(entry) = head.entry()
    {
        if written.is_multiple_of(STOP_ENTRIES) && stop() {
            return Ok(false);
        }
        written += 1;
        writer.push(entry)?;
        let (Some(head), Some(scan)) = (heads.get_mut(place), scans.get_mut(place)) else { break };
        *head = Head::of(scan.next()?);
    }
    Ok(true)
}

/// The next entry of an input as one number, so that two are compared at once; its end comes last,
/// for no hash is that large.
#[derive(Debug, Clone, Copy)]
struct Head(u128);

impl Head {
    const END: Self = Self(u128::MAX);

    fn of(entry: Option<Entry>) -> Self {
        entry.map_or(Self::END, |(hash, value)| Self(u128::from(hash) << 64 | u128::from(value)))
    }

    fn entry(self) -> Option<Entry> {
        let hash = u64::try_from(self.0 >> 64).ok().filter(|hash| hash >> HASH_BITS == 0)?;
        let value = u64::try_from(self.0 & u128::from(u64::MAX)).ok()?;
        Some((hash, value))
    }
}
