//! The simulated disk keeps the promises of a disk, and breaks the ones it is told to break.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use super::{
    Chance, Entry, Everything, Exhaustive, Fault, Harshness, Nothing, Operation, SECTOR_BYTES,
    Seeded, SimulatedDisk, Snapshot, SystemError,
};
use crate::log::storage::{Storage, read_exact_at, write_all_at};

const JOURNAL: Harshness = Harshness { names_in_any_subset: false, stale_sectors: false };
const HARSH: Harshness = Harshness { names_in_any_subset: true, stale_sectors: true };
const EIO: Fault = Fault::Error(SystemError::Io);

/// A disk with a synced file `a` of so many sectors of zeros, and its name.
fn with_zeros(sectors: usize) -> SimulatedDisk {
    let disk = SimulatedDisk::new();
    let file = disk.create("a").unwrap();
    write_all_at(&*file, &vec![0; sectors * SECTOR_BYTES], 0).unwrap();
    file.sync_all().unwrap();
    disk.sync_dir("").unwrap();
    disk
}

fn sectors(numbers: &[u8]) -> Vec<u8> {
    numbers.iter().flat_map(|number| [*number; SECTOR_BYTES]).collect()
}

/// The first byte of each sector of a file.
fn marks(snapshot: &Snapshot, path: &str) -> Option<Vec<u8>> {
    let bytes = snapshot.contents(path)?;
    Some(bytes.chunks(SECTOR_BYTES).map(|sector| sector[0]).collect())
}

/// Every image that a power cut now can leave.
fn every_image(disk: &SimulatedDisk, harshness: Harshness) -> Vec<Snapshot> {
    let now = disk.snapshot();
    let mut choices = Exhaustive::new();
    let mut images = vec![now.crash(&mut choices, harshness)];
    while choices.advance() {
        images.push(now.crash(&mut choices, harshness));
    }
    images
}

fn every_marks(disk: &SimulatedDisk) -> BTreeSet<Option<Vec<u8>>> {
    every_image(disk, JOURNAL).iter().map(|image| marks(image, "a")).collect()
}

#[test]
fn what_is_not_synced_may_vanish_in_any_part() {
    let disk = with_zeros(3);
    let file = disk.open_rw("a").unwrap();
    write_all_at(&*file, &sectors(&[1, 2, 3]), 0).unwrap();
    let seen = every_marks(&disk);
    assert_eq!(seen.len(), 8, "{seen:?}");
    assert!(seen.contains(&Some(vec![0, 2, 0])), "written out of order");
    assert!(seen.contains(&Some(vec![1, 0, 3])), "torn in the middle");
}

#[test]
fn what_is_synced_never_vanishes() {
    let disk = with_zeros(3);
    let file = disk.open_rw("a").unwrap();
    write_all_at(&*file, &sectors(&[1, 2, 3]), 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(every_marks(&disk), BTreeSet::from([Some(vec![1, 2, 3])]));
    write_all_at(&*file, &sectors(&[4]), SECTOR_BYTES as u64).unwrap();
    let both = BTreeSet::from([Some(vec![1, 2, 3]), Some(vec![1, 4, 3])]);
    assert_eq!(every_marks(&disk), both);
}

#[test]
fn a_sector_written_twice_has_three_versions() {
    let disk = with_zeros(1);
    let file = disk.open_rw("a").unwrap();
    write_all_at(&*file, &sectors(&[1]), 0).unwrap();
    write_all_at(&*file, &[2; 4], 0).unwrap();
    let seen = every_marks(&disk);
    assert_eq!(seen, BTreeSet::from([Some(vec![0]), Some(vec![1]), Some(vec![2])]));
    let image = disk.snapshot().crash(&mut Everything, JOURNAL).contents("a").unwrap();
    assert_eq!(image[..5], [2, 2, 2, 2, 1], "a write of four bytes keeps the rest of the sector");
}

#[test]
fn a_length_that_is_not_synced_may_be_the_old_one() {
    let disk = with_zeros(1);
    let file = disk.open_rw("a").unwrap();
    write_all_at(&*file, &sectors(&[7]), SECTOR_BYTES as u64).unwrap();
    assert_eq!(file.len().unwrap(), 1024);
    let seen = every_marks(&disk);
    assert_eq!(seen, BTreeSet::from([Some(vec![0]), Some(vec![0, 0]), Some(vec![0, 7])]));
}

#[test]
fn a_name_is_durable_only_after_its_directory_is_synced() {
    let disk = SimulatedDisk::new();
    disk.create_dir("d").unwrap();
    let file = disk.create("d/a").unwrap();
    write_all_at(&*file, b"x", 0).unwrap();
    file.sync_all().unwrap();
    assert!(disk.snapshot().crash(&mut Nothing, JOURNAL).paths().is_empty());
    disk.sync_dir("d").unwrap();
    let lost = disk.snapshot().crash(&mut Nothing, JOURNAL);
    assert!(lost.paths().is_empty(), "the directory's own name was never synced");
    disk.sync_dir("").unwrap();
    assert_eq!(disk.snapshot().crash(&mut Nothing, JOURNAL).paths(), ["d/a"]);
}

#[test]
fn a_rename_without_a_directory_sync_may_be_lost() {
    let disk = with_zeros(1);
    let file = disk.create("new").unwrap();
    write_all_at(&*file, &sectors(&[9]), 0).unwrap();
    file.sync_all().unwrap();
    disk.sync_dir("").unwrap();
    disk.rename("new", "a").unwrap();
    let seen: BTreeSet<_> = every_image(&disk, HARSH)
        .iter()
        .map(|image| (image.paths().join(" "), marks(image, "a")))
        .collect();
    let lost = ("a new".to_owned(), Some(vec![0]));
    let made = ("a".to_owned(), Some(vec![9]));
    assert_eq!(seen, BTreeSet::from([lost, made.clone()]));
    disk.sync_dir("").unwrap();
    let image = disk.snapshot().crash(&mut Nothing, HARSH);
    assert_eq!((image.paths().join(" "), marks(&image, "a")), made);
}

#[test]
fn names_are_lost_from_the_newest_on_or_in_any_subset() {
    let disk = SimulatedDisk::new();
    for name in ["a", "b"] {
        disk.create(name).unwrap();
    }
    let seen = |harshness| -> BTreeSet<String> {
        every_image(&disk, harshness).iter().map(|image| image.paths().join(" ")).collect()
    };
    assert_eq!(seen(JOURNAL), ["", "a", "a b"].map(str::to_owned).into());
    assert_eq!(seen(HARSH), ["", "a", "b", "a b"].map(str::to_owned).into());
}

#[test]
fn a_name_made_durable_brings_the_earlier_changes_it_rests_on() {
    let disk = SimulatedDisk::new();
    disk.create_dir("d").unwrap();
    disk.sync_dir("").unwrap();
    disk.create("a").unwrap();
    disk.rename("a", "d/a").unwrap();
    disk.sync_dir("d").unwrap();
    assert_eq!(disk.snapshot().unsynced_names(), 0);
    assert_eq!(disk.snapshot().crash(&mut Nothing, HARSH).paths(), ["d/a"]);
}

#[test]
fn after_a_failed_sync_the_cache_shows_what_the_disk_does_not_have() {
    let disk = with_zeros(2);
    let file = disk.open_rw("a").unwrap();
    write_all_at(&*file, &sectors(&[1]), 0).unwrap();
    disk.inject(|call| (call.operation == Operation::SyncData).then_some(EIO));
    assert!(file.sync_data().is_err());
    disk.mend();
    assert_eq!(marks(&disk.snapshot(), "a").unwrap(), [1, 0], "reads see the new bytes");
    file.sync_data().expect("the second sync finds every page clean");
    let lost = disk.snapshot().crash(&mut Nothing, JOURNAL);
    assert_eq!(marks(&lost, "a").unwrap(), [0, 0], "and has written nothing");

    write_all_at(&*file, &sectors(&[2]), SECTOR_BYTES as u64).unwrap();
    file.sync_data().unwrap();
    let later = BTreeSet::from([Some(vec![0, 2]), Some(vec![1, 2])]);
    assert_eq!(every_marks(&disk), later, "a later write is durable, the dropped one is not");
    write_all_at(&*file, &sectors(&[3]), 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(every_marks(&disk), BTreeSet::from([Some(vec![3, 2])]), "written anew");
}

#[test]
fn after_a_failed_directory_sync_a_later_one_helps_unless_it_was_lost() {
    for (fault, is_there) in [(EIO, true), (Fault::LoseSync, false)] {
        let disk = SimulatedDisk::new();
        disk.create("a").unwrap();
        disk.inject_at(disk.calls(), fault.clone());
        assert_eq!(disk.sync_dir("").is_err(), fault == EIO);
        assert!(disk.snapshot().crash(&mut Nothing, JOURNAL).paths().is_empty());
        disk.sync_dir("").unwrap();
        let found = disk.snapshot().crash(&mut Nothing, JOURNAL).paths();
        assert_eq!(!found.is_empty(), is_there, "{fault:?}");
        assert_eq!(disk.list("").unwrap(), ["a"]);
    }
}

#[track_caller]
fn check_lie(fault: Fault, after_the_next_sync: &[u8]) {
    let disk = with_zeros(1);
    let file = disk.open_rw("a").unwrap();
    write_all_at(&*file, &sectors(&[1]), 0).unwrap();
    disk.inject_at(disk.calls(), fault);
    file.sync_data().expect("a lie is not an error");
    let cut = disk.snapshot().crash(&mut Nothing, JOURNAL);
    assert_eq!(marks(&cut, "a").unwrap(), [0]);
    file.sync_data().unwrap();
    let cut = disk.snapshot().crash(&mut Nothing, JOURNAL);
    assert_eq!(marks(&cut, "a").unwrap(), after_the_next_sync);
}

#[test]
fn a_dropped_sync_is_made_up_for_and_a_lost_one_is_not() {
    check_lie(Fault::DropSync, &[1]);
    check_lie(Fault::LoseSync, &[0]);
}

#[test]
fn a_misdirected_write_is_seen_only_after_the_power_went() {
    let disk = with_zeros(2);
    let other = disk.create("b").unwrap();
    write_all_at(&*other, &sectors(&[5, 6]), 0).unwrap();
    other.sync_all().unwrap();
    disk.sync_dir("").unwrap();
    let file = disk.open_rw("a").unwrap();
    let offset = SECTOR_BYTES as u64;
    disk.inject_at(disk.calls(), Fault::Misdirect { path: "b".to_owned(), offset });
    write_all_at(&*file, &sectors(&[1]), 0).unwrap();
    file.sync_data().unwrap();
    let before = disk.snapshot();
    assert_eq!(
        (marks(&before, "a").unwrap(), marks(&before, "b").unwrap()),
        (vec![1, 0], vec![5, 6])
    );
    let after = before.crash(&mut Everything, JOURNAL);
    assert_eq!(
        (marks(&after, "a").unwrap(), marks(&after, "b").unwrap()),
        (vec![0, 0], vec![5, 1])
    );
}

#[test]
fn errors_short_calls_and_a_full_disk_are_as_told() {
    let disk = with_zeros(2);
    let file = disk.open_rw("a").unwrap();
    let next = |fault| disk.inject_at(disk.calls(), fault);

    next(Fault::Short(3));
    assert_eq!(file.write_at(b"abcdef", 0).unwrap(), 3);
    next(Fault::ErrorAfterBytes(2, SystemError::NoSpace));
    assert_eq!(file.write_at(b"xyz", 3).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.snapshot().contents("a").unwrap()[..6], *b"abcxy\0");
    next(Fault::Error(SystemError::Interrupted));
    write_all_at(&*file, b"whole", 0).unwrap();
    next(Fault::Short(1));
    let mut buffer = [0; 5];
    read_exact_at(&*file, &mut buffer, 0).unwrap();
    assert_eq!(&buffer, b"whole");
    next(EIO);
    assert!(file.read_at(&mut buffer, 0).is_err());
    next(Fault::ErrorAfterDoing(SystemError::Io));
    assert!(disk.rename("a", "b").is_err());
    assert_eq!(disk.list("").unwrap(), ["b"], "renamed all the same");
    next(Fault::ErrorAfterDoing(SystemError::Io));
    assert!(disk.try_lock("LOCK").is_err());
    assert!(disk.try_lock("LOCK").unwrap().is_some(), "a failed attempt holds nothing");
    assert_eq!(disk.faults(), 7);

    disk.set_capacity(Some(1030));
    assert_eq!(disk.free_bytes().unwrap(), 1030 - 1024 - 2);
    assert_eq!(file.write_at(&[1; 10], 1020).unwrap(), 8, "what fits is written");
    assert_eq!(file.write_at(&[1; 10], 1028).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.write_at(&[2; 10], 100).unwrap(), 10, "a place that exists needs no space");
}

#[test]
fn never_written_sectors_may_hold_stale_bytes() {
    let disk = with_zeros(1);
    disk.overwrite("a", &sectors(&[4])).unwrap();
    let file = disk.create("b").unwrap();
    write_all_at(&*file, &sectors(&[1, 2]), 0).unwrap();
    disk.sync_dir("").unwrap();
    let (mut stale, mut noise, mut zeros) = (0, 0, 0);
    for seed in 0..400 {
        let image = disk.snapshot().crash(&mut Seeded::new(seed), HARSH);
        for mark in marks(&image, "b").unwrap() {
            match mark {
                1 | 2 => {}
                0 => zeros += 1,
                4 => stale += 1,
                _ => noise += 1,
            }
        }
        assert_eq!(marks(&image, "a").unwrap(), [4], "what was synced is never stale");
    }
    assert!(stale > 10 && noise > 10 && zeros > 10, "{stale} {noise} {zeros}");
}

#[test]
fn a_crash_is_replayed_by_its_seed_and_equal_images_hash_equally() {
    let disk = with_zeros(9);
    let file = disk.open_rw("a").unwrap();
    write_all_at(&*file, &sectors(&[1, 2, 3, 4, 5, 6, 7, 8, 9]), 0).unwrap();
    let mut hashes = BTreeSet::new();
    let mut images = BTreeSet::new();
    for seed in 0..2_000 {
        let image = disk.snapshot().crash(&mut Seeded::new(seed), JOURNAL);
        let again = disk.snapshot().crash(&mut Seeded::new(seed), JOURNAL);
        assert_eq!(image.image_hash(), again.image_hash());
        hashes.insert(image.image_hash());
        images.insert(marks(&image, "a"));
    }
    assert_eq!(hashes.len(), images.len());
    assert!(images.len() > 300, "{}", images.len());
    disk.restore(&disk.snapshot().crash(&mut Nothing, JOURNAL));
    assert_eq!(disk.snapshot().image_hash(), with_zeros(9).snapshot().image_hash());
}

#[test]
fn a_kill_keeps_the_page_cache_and_frees_the_lock() {
    let disk = with_zeros(1);
    let held = disk.try_lock("LOCK").unwrap().expect("nobody holds it");
    write_all_at(&*disk.open_rw("a").unwrap(), b"kept", 0).unwrap();
    assert!(disk.try_lock("LOCK").unwrap().is_none());
    let next = disk.killed();
    assert!(next.try_lock("LOCK").unwrap().is_some());
    assert_eq!(next.snapshot().contents("a").unwrap()[..4], *b"kept");
    assert_eq!(marks(&next.snapshot().crash(&mut Nothing, JOURNAL), "a").unwrap(), [0]);
    drop(held);
    assert!(disk.try_lock("LOCK").unwrap().is_some());
}

#[test]
fn a_recorded_run_can_be_crashed_at_every_call() {
    let disk = with_zeros(1);
    disk.record();
    let file = disk.open_rw("a").unwrap();
    disk.note(1);
    write_all_at(&*file, &sectors(&[1]), 0).unwrap();
    file.sync_data().unwrap();
    disk.note(2);
    disk.inject_at(disk.calls(), EIO);
    assert!(disk.remove("a").is_err());
    let (trace, points) = disk.recorded();
    let notes: Vec<_> = trace
        .iter()
        .map(|entry| match entry {
            Entry::Note(note) => format!("note {note}"),
            Entry::Call(call, error) => format!("{:?} {error:?}", call.operation),
        })
        .collect();
    let removed = format!("Remove {:?}", Some(std::io::Error::from(SystemError::Io).kind()));
    assert_eq!(notes, ["OpenRw None", "note 1", "Write None", "SyncData None", "note 2", &removed]);
    let least = points.iter().map(|point| {
        let image = point.snapshot.crash(&mut Nothing, JOURNAL);
        (point.at, marks(&image, "a").unwrap()[0])
    });
    assert_eq!(least.collect::<Vec<_>>(), [(0, 0), (3, 0), (4, 1), (6, 1)]);
}

#[test]
fn tampering_is_durable_and_shows_at_once() {
    let disk = with_zeros(2);
    disk.overwrite("a", &sectors(&[1, 2])).unwrap();
    disk.create("b").unwrap();
    disk.sync_dir("").unwrap();
    disk.flip("a", 8 * 512 + 1).unwrap();
    assert_eq!(marks(&disk.snapshot(), "a").unwrap(), [1, 0]);
    assert!(disk.flip("a", 8 * 1024).is_err());
    disk.cut("a", 600).unwrap();
    disk.swap("a", "b").unwrap();
    assert_eq!(disk.snapshot().contents("b").unwrap().len(), 600);
    disk.lose("a").unwrap();
    assert_eq!(disk.snapshot().crash(&mut Nothing, HARSH).paths(), ["b"]);
}

/// The pages against plain bytes, with a power cut now and then.
#[test]
fn the_pages_hold_what_a_plain_array_would() {
    let mut chance = Chance::new(7);
    for _ in 0..200 {
        let disk = with_zeros(0);
        let file = disk.open_rw("a").unwrap();
        let (mut cache, mut durable): (Vec<u8>, Vec<u8>) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            match chance.below(8) {
                0 => {
                    file.sync_data().unwrap();
                    durable.clone_from(&cache);
                }
                1 => {
                    disk.restore(&disk.snapshot().crash(&mut Nothing, HARSH));
                    cache.clone_from(&durable);
                }
                2 => disk.restore(&disk.snapshot().crash(&mut Everything, HARSH)),
                _ => {
                    let (at, len) = (chance.below(20_000), chance.below(9_000));
                    let bytes: Vec<u8> =
                        (0..len).map(|_| chance.below(256).try_into().unwrap()).collect();
                    write_all_at(&*file, &bytes, at as u64).unwrap();
                    if len > 0 {
                        cache.resize(cache.len().max(at + len), 0);
                        cache[at..at + len].copy_from_slice(&bytes);
                    }
                }
            }
            assert_eq!(disk.snapshot().contents("a").unwrap(), cache);
            if disk.snapshot().unsynced_sectors() == 0 {
                durable.clone_from(&cache);
            }
        }
    }
}

#[test]
fn a_changed_page_hashes_anew() {
    let disk = with_zeros(1);
    let before = disk.snapshot().image_hash();
    for bit in [0, 9, 4095] {
        disk.flip("a", bit).unwrap();
        assert_ne!(disk.snapshot().image_hash(), before);
        disk.flip("a", bit).unwrap();
        assert_eq!(disk.snapshot().image_hash(), before);
    }
}

#[test]
fn a_sector_that_was_written_once_is_never_stale() {
    let disk = with_zeros(2);
    disk.overwrite("a", &sectors(&[4, 4])).unwrap();
    let file = disk.open_rw("a").unwrap();
    write_all_at(&*file, &sectors(&[5, 5]), 0).unwrap();
    for seed in 0..200 {
        let image = disk.snapshot().crash(&mut Seeded::new(seed), HARSH);
        assert!(marks(&image, "a").unwrap().iter().all(|mark| matches!(mark, 4 | 5)));
    }
}

#[test]
fn a_paused_disk_holds_calls_until_it_goes_on() {
    let disk = with_zeros(1);
    let file = disk.open_rw("a").unwrap();
    let paused = disk.pause();
    let writer = std::thread::spawn(move || write_all_at(&*file, b"later", 0));
    for _ in 0..1_000 {
        std::thread::yield_now();
    }
    assert_eq!(marks(&disk.snapshot(), "a").unwrap(), [0]);
    drop(paused);
    writer.join().unwrap().unwrap();
    assert_eq!(marks(&disk.snapshot(), "a").unwrap(), [b'l']);
}
