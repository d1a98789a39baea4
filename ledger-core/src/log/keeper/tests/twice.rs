//! A log that is read twice, and what becomes of it in between.

use super::*;

const LOST: &str = "tiles/tile/0/002";

/// A ledger of 600 leaves whose last tile is lost, and its keeper, which has judged the log.
fn judged(disk: &SimulatedDisk) -> Keeper {
    kept(disk, 600);
    disk.lose(LOST).unwrap();
    let mut keeper = open(disk).unwrap();
    keeper.absorb(0, &leaves(600)).unwrap();
    assert_eq!(keeper.next_index().unwrap(), 0, "and now to write");
    keeper
}

/// As where the directory is replaced under the keeper: what was judged is not what is written.
#[test]
fn a_log_that_changes_between_its_readings_is_not_signed() {
    for size in [700, 601, 600] {
        let disk = SimulatedDisk::new();
        let mut keeper = judged(&disk);
        let (log, signed) = (leaves(size), head_of(&leaves(600)));
        let mut forged = log.clone();
        forged[3] = leaf_hash(b"forged");
        let verdict = sign(&mut keeper, &forged);
        let Err(KeeperError::OtherHistory { computed, signed: found }) = verdict else {
            panic!("{size}: {verdict:?}");
        };
        assert_eq!((computed, found), (head_of(&forged[..600]), signed));
        assert_eq!(checkpoint_sizes(&storage(&disk)).unwrap(), [600]);
        assert_eq!(keeper.signed().unwrap(), Some(signed));

        // It is judged again, and refused or believed as if nothing had been written.
        assert_eq!(keeper.next_index().unwrap(), 0);
        assert!(matches!(sign(&mut keeper, &forged), Err(KeeperError::OtherHistory { .. })));
        sign(&mut keeper, &log).unwrap();
        proven(&disk, &log);
    }
}

#[test]
fn what_was_written_again_is_in_the_files_before_a_secret_is_erased() {
    let disk = SimulatedDisk::new();
    let mut keeper = judged(&disk);
    keeper.secrets(["acme"]).unwrap();
    feed(&mut keeper, &leaves(600)).unwrap();
    keeper.erase("acme").unwrap();
    let disk = disk.crashed(&mut Nothing, HARSHNESS);
    // From here on no leaf of the scope can be hashed again.
    assert_eq!(open(&disk).unwrap().next_index().unwrap(), 600);
    proven(&disk, &leaves(600));
}

#[test]
fn what_was_written_again_is_in_the_files_without_a_new_event() {
    let disk = SimulatedDisk::new();
    let mut keeper = judged(&disk);
    assert_eq!(sign(&mut keeper, &leaves(600)).unwrap(), None, "it was signed before");
    proven(&disk.crashed(&mut Nothing, HARSHNESS), &leaves(600));
    let calls = disk.calls();
    assert_eq!(keeper.checkpoint(600).unwrap(), None);
    assert_eq!(disk.calls(), calls, "nothing is left to do");
}
