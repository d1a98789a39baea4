//! The index against a plain map, whatever is added, merged, lost and however little is cached.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::log::storage::FileSystem;
use crate::testing::cases;
use crate::testing::disk::{Chance, SimulatedDisk};

mod crash;
mod damage;

const LEDGER: LedgerId = LedgerId::from_bytes([7; 16]);
const DIRECTORY: &str = "index";

fn place(disk: &SimulatedDisk, cache_bytes: usize) -> RunsPlace {
    RunsPlace {
        storage: Arc::new(disk.clone()),
        directory: DIRECTORY.to_owned(),
        ledger: LEDGER,
        kind: RunKind::Keys,
        cache: PageCache::new(cache_bytes),
    }
}

/// Where there is time to try everything.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|it| it == "true")
}

/// What was added, segment by segment.
type Model = BTreeMap<u64, Vec<(u64, u64)>>;

/// The values of each hash, by what is kept of it.
fn expected(model: &Model) -> BTreeMap<u64, Vec<u64>> {
    let mut values: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (hash, value) in model.values().flatten() {
        values.entry(hash >> 16).or_default().push(*value);
    }
    values.values_mut().for_each(|it| it.sort_unstable());
    values
}

/// Every hash of the model, its neighbours and the ends are answered as the model does.
#[track_caller]
fn check(runs: &Runs, model: &Model) {
    let known = model.values().flatten().map(|it| it.0);
    let near = known.flat_map(|it| [it, it ^ (1 << 16), it.wrapping_add(1 << 16)]);
    let mut hashes: Vec<_> = near.chain([0, u64::MAX]).collect();
    hashes.sort_unstable();
    hashes.dedup_by_key(|it| *it >> 16);
    let mut found = vec![Vec::new(); hashes.len()];
    let many = runs.lookup_many(&hashes).expect("nothing is damaged");
    assert!(many.is_sorted_by_key(|it| it.index));
    many.iter().for_each(|it| found[it.index].push(it.value));
    let expected = expected(model);
    for (hash, mut values) in hashes.iter().zip(found) {
        let mut one = runs.view().lookup(*hash).expect("nothing is damaged");
        assert_eq!(one, values, "one by one and together, {hash:x}");
        one.sort_unstable();
        values.sort_unstable();
        let expected = expected.get(&(hash >> 16)).cloned().unwrap_or_default();
        assert_eq!(values, expected, "{hash:x}");
    }
    let entries: usize = model.values().map(Vec::len).sum();
    assert_eq!(runs.view().entries(), entries as u64);
}

#[derive(Debug, Clone)]
enum Step {
    /// The next segment, with these entries and, if any, one hash so many times more.
    Add(Vec<(u64, u64)>, Option<(u64, u16)>),
    Merge,
    StopMerge,
    Reopen,
    Rebuild(u64),
    AddAgain(u64),
}

fn any_hash() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => any::<u64>(),
        2 => (0_u64..8).prop_map(|it| it << 16),
        1 => (0_u64..8).prop_map(|it| u64::MAX - (it << 16)),
        1 => (0_u64..8, 0_u64..8).prop_map(|(high, low)| (high << 61) | (low << 16)),
    ]
}

fn any_value() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), 0_u64..100, (1_u64 << 40)..(1 << 40) + 9]
}

fn any_step() -> impl Strategy<Value = Step> {
    let flood = proptest::option::weighted(0.2, (any_hash(), 1_u16..3000));
    prop_oneof![
        6 => (vec((any_hash(), any_value()), 0..60), flood)
            .prop_map(|(all, flood)| Step::Add(all, flood)),
        4 => Just(Step::Merge),
        1 => Just(Step::StopMerge),
        1 => Just(Step::Reopen),
        1 => (0_u64..20).prop_map(Step::Rebuild),
        1 => (0_u64..20).prop_map(Step::AddAgain),
    ]
}

/// The index, and what should be in it.
struct Story {
    disk: SimulatedDisk,
    cache_bytes: usize,
    writer: RunsWriter,
    model: Model,
    segments: u64,
}

impl Story {
    fn begin(cache_bytes: usize) -> Self {
        let disk = SimulatedDisk::new();
        let opened = RunsWriter::open(place(&disk, cache_bytes), &(0..0)).unwrap();
        Self { disk, cache_bytes, writer: opened.writer, model: Model::new(), segments: 0 }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Add(mut entries, flood) => {
                if let Some((hash, times)) = flood {
                    entries.extend((0..u64::from(times)).map(|it| (hash, it * it)));
                }
                self.writer.add(self.segments, entries.clone()).unwrap();
                self.model.insert(self.segments, entries);
                self.segments += 1;
            }
            Step::Merge => {
                if let Some(plan) = self.writer.merge_due() {
                    assert_eq!(self.writer.merge(&plan, &|| false).unwrap(), Merged::Done);
                    // More only for wider values and for the ends of pages.
                    let bytes = self.disk.open(&path(&plan.segments())).unwrap().len().unwrap();
                    assert!(bytes <= plan.bytes() * 5 / 4, "{bytes} of {}", plan.bytes());
                }
            }
            Step::StopMerge => {
                if let Some(plan) = self.writer.merge_due() {
                    let is_empty = plan.inputs.iter().all(|it| it.count() == 0);
                    let ended = self.writer.merge(&plan, &|| true).unwrap();
                    assert_eq!(ended == Merged::Done, is_empty);
                }
            }
            Step::Reopen => {
                let place = place(&self.disk, self.cache_bytes);
                let opened = RunsWriter::open(place, &(0..self.segments)).unwrap();
                assert!(opened.damaged.is_empty());
                assert_eq!(opened.gaps, []);
                self.writer = opened.writer;
            }
            Step::Rebuild(segment) => {
                let model = &self.model;
                let entries_of = |segment: u64| Ok::<_, RunsError>(model[&segment].clone());
                self.writer.rebuild(&(segment..segment + 1), entries_of).unwrap();
            }
            Step::AddAgain(segment) if segment < self.segments => {
                self.writer.add(segment, vec![(1, 1)]).unwrap();
            }
            Step::AddAgain(_) => {}
        }
    }

    fn check(&self) {
        check(self.writer.runs(), &self.model);
        let beside = Runs::open_read_only(place(&self.disk, self.cache_bytes)).unwrap();
        check(&beside, &self.model);
        assert_eq!(self.disk.list(DIRECTORY).unwrap().len(), self.writer.runs().view().count());
    }
}

fn path(segments: &Range<u64>) -> String {
    format!("{DIRECTORY}/{}", format::run_name(RunKind::Keys, segments))
}

fn ranges(bounds: &[(u64, u64)]) -> Vec<Range<u64>> {
    bounds.iter().map(|(start, end)| *start..*end).collect()
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn whatever_happens_it_answers_as_a_map_does(
        steps in vec(any_step(), 1..24),
        cache_bytes in prop_oneof![Just(0), Just(4096), 0_usize..200_000, Just(1 << 20)],
    ) {
        let mut story = Story::begin(cache_bytes);
        for step in steps {
            story.take(step);
        }
        story.check();
    }
}

/// Uniform hashes with wide values, so that a run has several chunks.
fn many(count: u64, seed: u64) -> Vec<(u64, u64)> {
    let mut chance = Chance::new(seed);
    (0..count).map(|_| (chance.number(), chance.number())).collect()
}

#[test]
fn a_run_of_several_chunks_finds_each_of_its_entries() {
    let story = Story::begin(1 << 20);
    let mut all = many(350_000, 1);
    // One hash whose values fill a chunk and reach into the next.
    let crowd = 0x7fff_ffff_ffff_0000;
    all.extend((0..200_000).map(|it| (crowd, it)));
    story.writer.add(0, all.clone()).unwrap();
    let runs = story.writer.runs();
    all.sort_unstable();
    let (crowded, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it.0 == crowd);
    assert_eq!(
        runs.view().lookup(crowd).unwrap(),
        crowded.iter().map(|it| it.1).collect::<Vec<_>>()
    );
    let hashes: Vec<_> = others.iter().map(|it| it.0).collect();
    let found = runs.lookup_many(&hashes).unwrap();
    let values: Vec<_> = found.iter().map(|it| (hashes[it.index], it.value)).collect();
    assert!(values == others);
}

#[test]
fn few_absent_hashes_pass_the_filter_and_an_entry_takes_under_nine_bytes() {
    let story = Story::begin(1 << 20);
    let positions = (0_u64..).zip(many(200_000, 2)).map(|(it, (hash, _))| (hash, it)).collect();
    story.writer.add(0, positions).unwrap();
    let runs = story.writer.runs();
    let snapshot = runs.snapshot();
    let absent = many(100_000, 3);
    let passed = absent.iter().filter(|it| snapshot[0].ask_unread(kept(it.0)).unwrap()).count();
    assert!((300..900).contains(&passed), "{passed} of 100000 passed");
    assert!(runs.view().bytes() < 9 * 200_000, "{} bytes", runs.view().bytes());
}

#[test]
fn values_that_grow_with_the_log_come_in_order() {
    let mut story = Story::begin(1 << 20);
    for segment in 0..7 {
        let entries = (0..50).rev().map(|it| ((it % 5) << 16, segment * 50 + it)).collect();
        story.take(Step::Add(entries, None));
        story.take(Step::Merge);
    }
    assert!(story.writer.runs().view().count() > 1);
    for hash in 0..5 {
        let values = story.writer.runs().view().lookup(hash << 16).unwrap();
        assert_eq!(values.len(), 70);
        assert!(values.is_sorted());
    }
}

#[test]
fn a_view_stays_what_it_was() {
    let mut story = Story::begin(0);
    (0..2).for_each(|it| story.take(Step::Add(vec![(it << 16, it)], None)));
    let before = story.writer.runs().view();
    story.take(Step::Merge);
    story.take(Step::Add(vec![(2 << 16, 2)], None));
    assert_eq!(story.disk.list(DIRECTORY).unwrap().len(), 2);
    assert_eq!((before.count(), story.writer.runs().view().count()), (2, 2));
    assert_eq!(before.gaps(&(0..4)), ranges(&[(2, 4)]));
    let hashes = [0, 1 << 16, 2 << 16];
    assert_eq!(hashes.map(|it| before.lookup(it).unwrap()), [vec![0], vec![1], vec![]]);
}

#[test]
fn runs_of_segments_that_the_log_does_not_have_are_removed() {
    let story = Story::begin(0);
    (0..3).for_each(|segment| story.writer.add(segment, vec![(segment, 1)]).unwrap());
    let opened = RunsWriter::open(place(&story.disk, 0), &(0..2)).unwrap();
    assert_eq!(opened.gaps, []);
    assert_eq!(opened.writer.runs().view().count(), 2);
    assert_eq!(story.disk.list(DIRECTORY).unwrap().len(), 2);
}

#[test]
fn kinds_share_a_directory_and_nothing_else() {
    let disk = SimulatedDisk::new();
    let keys = place(&disk, 0);
    let streams = RunsPlace { kind: RunKind::Streams, ..keys.clone() };
    let keys = RunsWriter::open(keys, &(0..0)).unwrap().writer;
    keys.add(0, vec![(9 << 16, 1)]).unwrap();
    let unfinished = format!("{DIRECTORY}/{}", format::temporary_name(RunKind::Keys, &(1..2)));
    disk.create(&unfinished).unwrap();
    let streams = RunsWriter::open(streams, &(0..1)).unwrap();
    disk.open(&unfinished).expect("what keys have not finished is not for streams to remove");
    assert_eq!(streams.gaps, ranges(&[(0, 1)]));
    streams.writer.add(0, vec![(9 << 16, 2)]).unwrap();
    assert_eq!(keys.runs().view().lookup(9 << 16).unwrap(), [1]);
    assert_eq!(streams.writer.runs().view().lookup(9 << 16).unwrap(), [2]);
}

#[test]
fn the_cache_never_holds_more_than_it_was_given() {
    for pages in [0, 1, 3, 17, 40] {
        let disk = SimulatedDisk::new();
        let place = RunsPlace { cache: PageCache::new(pages * 4096 + 4095), ..place(&disk, 0) };
        let cache = Arc::clone(&place.cache);
        let writer = RunsWriter::open(place, &(0..0)).unwrap().writer;
        let entries = many(150_000, 4);
        writer.add(0, entries.clone()).unwrap();
        for (hash, value) in entries.iter().step_by(101) {
            assert_eq!(writer.runs().view().lookup(*hash).unwrap(), [*value]);
            assert!(cache.pages() <= pages, "{} of {pages}", cache.pages());
        }
        assert_eq!(cache.pages(), pages);
        drop(writer);
        assert_eq!(cache.pages(), 0, "a run that is gone leaves nothing");
    }
}

/// Adds and merges while a reader with an index of its own looks: what was added is always found.
#[test]
fn readers_beside_the_writer_miss_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let place = |cache_bytes| RunsPlace {
        storage: Arc::new(FileSystem::open(directory.path()).unwrap()),
        cache: PageCache::new(cache_bytes),
        ..self::place(&SimulatedDisk::new(), 0)
    };
    let writer = RunsWriter::open(place(100_000), &(0..0)).unwrap().writer;
    let added = AtomicU64::new(0);
    let segments = 64_u64;
    let entry = |segment: u64, it: u64| ((segment << 50) | (it << 20), segment * 1000 + it);
    let check = |runs: &Runs, segment: u64, it: u64| {
        let (hash, value) = entry(segment, it);
        assert_eq!(runs.view().lookup(hash).unwrap(), [value], "segment {segment}");
    };
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for segment in 0..segments {
                writer.add(segment, (0..300).map(|it| entry(segment, it)).collect()).unwrap();
                added.store(segment + 1, Ordering::SeqCst);
                while let Some(plan) = writer.merge_due() {
                    assert_eq!(writer.merge(&plan, &|| false).unwrap(), Merged::Done);
                }
            }
        });
        threads.spawn(|| {
            let beside = Runs::open_read_only(place(50_000)).unwrap();
            let mut chance = Chance::new(5);
            while added.load(Ordering::SeqCst) < segments {
                let until = added.load(Ordering::SeqCst);
                beside.refresh().unwrap();
                assert_eq!(beside.view().gaps(&(0..until)), []);
                (0..until).for_each(|segment| check(&beside, segment, chance.number() % 300));
            }
        });
        let mut chance = Chance::new(6);
        while added.load(Ordering::SeqCst) < segments {
            let until = added.load(Ordering::SeqCst);
            (0..until).for_each(|segment| check(writer.runs(), segment, chance.number() % 300));
        }
    });
    assert_eq!(writer.runs().view().count(), 1);
}

/// Whoever asks first does not read the filter page by page, where there is room for it.
#[test]
fn the_filter_of_a_run_that_was_made_is_in_memory() {
    let entries = |segment: u64| {
        let hash = move |it: u64| (it + (segment << 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..10_000).map(|it| (hash(it), it)).collect::<Vec<_>>()
    };
    // Four pages for a segment, seven for both, in the room of those that were merged.
    for (frames, of_one, of_both) in [(64, 4, 7), (8, 4, 7), (6, 4, 6), (3, 3, 3), (0, 0, 0)] {
        let disk = SimulatedDisk::new();
        let place = place(&disk, frames * 4096);
        let cache = Arc::clone(&place.cache);
        let writer = RunsWriter::open(place, &(0..0)).unwrap().writer;
        writer.add(0, entries(0)).unwrap();
        assert_eq!(cache.pages(), of_one, "{frames} frames");
        writer.add(1, entries(1)).unwrap();
        let plan = writer.merge_due().unwrap();
        assert_eq!(writer.merge(&plan, &|| false).unwrap(), Merged::Done);
        assert_eq!(cache.pages(), of_both, "{frames} frames");
        drop(plan);
        assert_eq!(cache.pages(), of_both, "{frames} frames");
        let model = Model::from([(0, entries(0)), (1, entries(1))]);
        check(writer.runs(), &model);
    }
}
