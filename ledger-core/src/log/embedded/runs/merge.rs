//! Which runs are merged when, and the merge.
//!
//! A run of one segment has level 0; two adjacent runs of a level become one of the next, and when
//! there already is one of that level before them it is taken in at once, and so on. So the levels
//! fall from the oldest run to the newest and there are at most 1 + log2(segments) runs: never more
//! than five up to 33 segments, where an entry has been written at most four times on average, and
//! six times with a thousand.
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

/// Writes the entries of the run that a plan makes, to be finished. `None`: it was stopped and
/// nothing is left.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds segments one by one, each of one entry, and merges whenever it is due.
    fn grow(segments: u64, mut look: impl FnMut(u64, &[Height], u64)) {
        let mut runs: Vec<Height> = Vec::new();
        let mut written = 0;
        for segment in 0..segments {
            runs.push(Height { segments: segment..segment + 1, level: 0, count: 1 });
            written += 1;
            while let Some((range, level)) = choose(&runs) {
                let (start, end) =
                    (runs[range.start].segments.start, runs[range.end - 1].segments.end);
                let merged = Height { segments: start..end, level, count: end - start };
                written += merged.count;
                runs.splice(range, [merged]);
            }
            look(segment + 1, &runs, written);
        }
    }

    #[test]
    fn runs_are_few_and_entries_are_seldom_written_again() {
        grow(1000, |segments, runs, written| {
            let runs_max = if segments <= 33 { 5 } else { u64::from(segments.ilog2()) + 1 };
            assert!(runs.len() as u64 <= runs_max, "{} runs of {segments}", runs.len());
            let times_max = if segments <= 33 { 4 } else { 6 };
            assert!(written <= times_max * segments, "{written} written for {segments}");
        });
    }

    #[track_caller]
    fn check(runs: &[(Range<u64>, u8, u64)], expected: Option<(Range<usize>, u8)>) {
        let height = |(segments, level, count): &(Range<u64>, u8, u64)| Height {
            segments: segments.clone(),
            level: *level,
            count: *count,
        };
        assert_eq!(choose(&runs.iter().map(height).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn only_adjacent_runs_are_merged() {
        check(&[(0..1, 0, 1), (2..3, 0, 1)], None);
        check(&[(0..1, 0, 1), (2..3, 0, 1), (3..4, 0, 1)], Some((1..3, 1)));
        check(&[(0..2, 1, 2), (3..4, 0, 1), (4..5, 0, 1)], Some((1..3, 1)));
        check(&[(0..2, 1, 2), (2..3, 0, 1), (3..4, 0, 1)], Some((0..3, 2)));
    }

    #[test]
    fn small_runs_between_large_ones_are_merged_when_they_are_too_many() {
        let mut runs = vec![(0..4, 2, 40), (4..5, 0, 10), (5..9, 2, 40), (9..10, 0, 9)];
        check(&runs, None);
        runs.extend([(10..14, 2, 40), (14..15, 0, 8)]);
        check(&runs, Some((4..6, 2)));
    }
}
