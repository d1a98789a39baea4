//! Which of the run files in a directory count, with no list of them anywhere.
//!
//! A merge leaves its inputs beside its result when the machine stops at the wrong moment. Both say
//! the same; what counts is the choice that covers the most segments and, of those, the one with
//! the fewest files. Chosen runs never overlap. The rest is deleted by the writer.

use std::ops::Range;

/// The chosen ones of these ranges, in order.
pub(super) fn choose(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted: Vec<_> = ranges.to_vec();
    sorted.sort_unstable_by_key(|it| (it.end, it.start));
    sorted.dedup();
    let mut best = vec![Choice::default()];
    for range in &sorted {
        let before = sorted.partition_point(|it| it.end <= range.start);
        let (Some(with), Some(without)) = (best.get(before), best.last()) else { break };
        let with = with.and(range, before);
        best.push(if with.beats(without) { with } else { without.skipping() });
    }
    let mut chosen = Vec::new();
    let mut place = sorted.len();
    while let Some(choice) = best.get(place).filter(|_| place > 0) {
        match (choice.taken, sorted.get(place - 1)) {
            (Some(before), Some(range)) => {
                chosen.push(range.clone());
                place = before;
            }
            (None, _) | (Some(_), None) => place -= 1,
        }
    }
    chosen.reverse();
    chosen
}

/// The best of the ranges up to one of them.
#[derive(Debug, Clone, Copy, Default)]
struct Choice {
    covered: u64,
    files: usize,
    /// The last range is part of it, and this many come before.
    taken: Option<usize>,
}

impl Choice {
    fn and(&self, range: &Range<u64>, before: usize) -> Self {
        let covered = self.covered.saturating_add(range.end.saturating_sub(range.start));
        Self { covered, files: self.files + 1, taken: Some(before) }
    }

    fn skipping(self) -> Self {
        Self { taken: None, ..self }
    }

    fn beats(&self, other: &Self) -> bool {
        (self.covered, other.files) > (other.covered, self.files)
    }
}

/// What is not covered of some segments by ranges that are in order and do not overlap.
pub(super) fn gaps<'a>(
    segments: &Range<u64>,
    covered: impl IntoIterator<Item = &'a Range<u64>>,
) -> Vec<Range<u64>> {
    let mut gaps = Vec::new();
    let mut next = segments.start;
    for range in covered {
        let gap = next..range.start.min(segments.end);
        if !gap.is_empty() {
            gaps.push(gap);
        }
        next = next.max(range.end);
    }
    let gap = next..segments.end;
    if !gap.is_empty() {
        gaps.push(gap);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    /// Every subset that does not overlap, tried one by one.
    fn best_by_trying(ranges: &[Range<u64>]) -> (usize, usize) {
        let subsets = 0_u32..1 << ranges.len();
        let covered_and_files = subsets.filter_map(|subset| {
            let taken: Vec<_> =
                ranges.iter().enumerate().filter(|(place, _)| subset >> place & 1 == 1).collect();
            let mut segments = BTreeSet::new();
            let is_disjoint =
                taken.iter().all(|(_, range)| (*range).clone().all(|it| segments.insert(it)));
            is_disjoint.then_some((segments.len(), taken.len()))
        });
        covered_and_files.max_by_key(|(covered, files)| (*covered, usize::MAX - files)).unwrap()
    }

    fn ranges(bounds: &[(u64, u64)]) -> Vec<Range<u64>> {
        bounds.iter().map(|(start, end)| *start..*end).collect()
    }

    #[track_caller]
    fn check_choice(found: &[(u64, u64)], expected: &[(u64, u64)]) {
        assert_eq!(choose(&ranges(found)), ranges(expected));
    }

    #[test]
    fn a_merged_run_counts_and_its_leftovers_do_not() {
        check_choice(&[(1, 9), (3, 4)], &[(1, 9)]);
        check_choice(&[(0, 1), (1, 2), (0, 2)], &[(0, 2)]);
        check_choice(&[(0, 2), (1, 5)], &[(1, 5)]);
        check_choice(&[(0, 4), (4, 6), (3, 5)], &[(0, 4), (4, 6)]);
        check_choice(&[], &[]);
    }

    #[track_caller]
    fn check_gaps(segments: Range<u64>, covered: &[(u64, u64)], expected: &[(u64, u64)]) {
        assert_eq!(gaps(&segments, &ranges(covered)), ranges(expected));
    }

    #[test]
    fn gaps_are_what_lies_between() {
        check_gaps(0..10, &[(2, 4), (4, 5), (7, 9)], &[(0, 2), (5, 7), (9, 10)]);
        check_gaps(3..5, &[(0, 9)], &[]);
        check_gaps(3..5, &[(8, 9)], &[(3, 5)]);
        check_gaps(3..3, &[], &[]);
    }

    proptest! {
        #![proptest_config(cases(10_000))]

        #[test]
        fn no_other_choice_covers_more_or_takes_fewer_files(
            found in prop::collection::btree_set((0_u64..12, 1_u64..6), 0..8),
        ) {
            let ranges: Vec<_> = found.iter().map(|(start, len)| *start..start + len).collect();
            let chosen = choose(&ranges);
            prop_assert!(chosen.is_sorted_by_key(|it| it.start));
            prop_assert!(chosen.windows(2).all(|two| two[0].end <= two[1].start));
            let covered = chosen.iter().cloned().flatten().count();
            let (expected, files) = best_by_trying(&ranges);
            prop_assert_eq!((covered, chosen.len()), (expected, files));
        }
    }
}
