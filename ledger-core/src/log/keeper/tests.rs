//! The keeper over the simulated disk: grown, crashed, robbed and lied to.

use super::*;
use crate::log::storage::{FileSystem, write_all_at};
use crate::proof::{TileStore as _, leaf_hash};
use crate::testing::disk::{
    Choices, Entry, Everything, Fault, Harshness, Nothing, Operation, Seeded, SimulatedDisk,
    SystemError,
};

mod twice;

const ORIGIN: &str = "example.com/ledger";
const HARSHNESS: Harshness = Harshness { names_in_any_subset: true, stale_sectors: true };

/// Random bytes that are the same in every run.
fn entropy() -> Entropy {
    let mut number = 0_u8;
    Box::new(move || {
        number += 1;
        Ok([number; 32])
    })
}

fn open(disk: &SimulatedDisk) -> Result<Keeper, KeeperError> {
    Keeper::open(Arc::new(disk.clone()), ORIGIN.parse().unwrap(), entropy())
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|it| it == "true")
}

fn storage(disk: &SimulatedDisk) -> Arc<dyn Storage> {
    Arc::new(disk.clone())
}

fn leaves(count: u64) -> Vec<NodeHash> {
    (0..count).map(|it| leaf_hash(&it.to_be_bytes())).collect()
}

fn head_of(leaves: &[NodeHash]) -> TreeHead {
    let mut range = CompactRange::new();
    leaves.iter().for_each(|leaf| range.append(*leaf));
    range.head()
}

/// Feeds what the keeper asks for, in pieces, until it has the whole log.
fn feed(keeper: &mut Keeper, log: &[NodeHash]) -> Result<(), KeeperError> {
    loop {
        let first = keeper.next_index()?;
        let rest = &log[usize::try_from(first).unwrap()..];
        if rest.is_empty() {
            return Ok(());
        }
        keeper.absorb(first, &rest[..rest.len().min(100)])?;
    }
}

fn sign(keeper: &mut Keeper, log: &[NodeHash]) -> Result<Option<TreeHead>, KeeperError> {
    feed(keeper, log)?;
    keeper.checkpoint(log.len() as u64)
}

/// A ledger of so many leaves with a checkpoint over them.
fn kept(disk: &SimulatedDisk, count: u64) -> Keeper {
    let mut keeper = open(disk).unwrap();
    let log = leaves(count);
    assert_eq!(sign(&mut keeper, &log).unwrap(), Some(head_of(&log)));
    keeper
}

/// Every leaf of the last checkpoint is proven by the files alone.
#[track_caller]
fn proven(disk: &SimulatedDisk, log: &[NodeHash]) {
    let key = verifier_key(&storage(disk)).unwrap().unwrap();
    for index in [0, log.len() / 2, log.len() - 1] {
        let file = prove(&storage(disk), &key, index as u64, None).unwrap();
        let checkpoint = file.verify(log[index], &key, ORIGIN).unwrap();
        assert_eq!(checkpoint.head, head_of(log));
    }
}

#[track_caller]
fn file(disk: &SimulatedDisk, path: &str) -> Option<Vec<u8>> {
    files::read(disk, path, 1 << 20).unwrap()
}

#[test]
fn keys_are_made_once_and_kept() {
    let disk = SimulatedDisk::new();
    let mut keeper = open(&disk).unwrap();
    let key = keeper.verifier().unwrap();
    let line = file(&disk, "keys/checkpoint.vkey").unwrap();
    assert_eq!(line, format!("{key}\n").into_bytes());
    assert_eq!(open(&disk).unwrap().verifier().unwrap(), key);
    assert_eq!(verifier_key(&storage(&disk)).unwrap(), Some(key));
    disk.lose("keys/checkpoint.vkey").unwrap();
    open(&disk).unwrap();
    assert_eq!(file(&disk, "keys/checkpoint.vkey"), Some(line));
}

#[test]
fn a_lost_or_foreign_key_is_never_replaced() {
    let lost = |path| {
        let disk = SimulatedDisk::new();
        kept(&disk, 3);
        disk.lose(path).unwrap();
        let before = disk.snapshot();
        let error = open(&disk).unwrap_err();
        assert_eq!(file(&disk, path), None);
        disk.restore(&before);
        error
    };
    assert!(matches!(lost("keys/checkpoint.key"), KeeperError::KeyMissing { .. }));
    assert!(matches!(lost("keys/secrets"), KeeperError::SecretsMissing { .. }));

    let disk = SimulatedDisk::new();
    open(&disk).unwrap();
    disk.lose("keys/checkpoint.key").unwrap();
    assert!(matches!(open(&disk), Err(KeeperError::KeyMissing { .. })));

    let (disk, other) = (SimulatedDisk::new(), SimulatedDisk::new());
    kept(&disk, 3);
    let name: KeyName = "example.com/other".parse().unwrap();
    let keeper = Keeper::open(storage(&disk), name.clone(), entropy());
    assert!(matches!(keeper, Err(KeeperError::OtherOrigin { .. })));
    Keeper::open(storage(&other), name, entropy()).unwrap();
    for path in ["keys/checkpoint.key", "keys/checkpoint.vkey"] {
        let mine = file(&disk, path).unwrap();
        disk.overwrite(path, &file(&other, path).unwrap()).unwrap();
        assert!(open(&disk).is_err(), "{path}");
        disk.overwrite(path, b"no newline").unwrap();
        assert!(matches!(open(&disk), Err(KeeperError::NotALine { .. })), "{path}");
        disk.overwrite(path, b"no key\n").unwrap();
        assert!(matches!(open(&disk), Err(KeeperError::Key { .. })), "{path}");
        disk.overwrite(path, &mine).unwrap();
        open(&disk).unwrap();
    }
}

#[test]
fn secrets_on_the_file_system_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(FileSystem::open(directory.path()).unwrap());
    let mut keeper =
        Keeper::open(Arc::clone(&storage), ORIGIN.parse().unwrap(), entropy()).unwrap();
    keeper.secrets(["acme", OPERATOR]).unwrap();
    let log = leaves(300);
    sign(&mut keeper, &log).unwrap();
    let mode = |path: &str| {
        let found = std::fs::metadata(directory.path().join(path)).unwrap().permissions();
        found.mode() & 0o777
    };
    assert_eq!(mode("keys/checkpoint.key"), 0o600);
    assert_eq!(mode("keys/secrets"), 0o600);
    assert_ne!(mode("checkpoint") & 0o044, 0);
    let bytes = std::fs::read(directory.path().join("tiles/tile/0/000")).unwrap();
    assert_eq!(bytes, log[..256].iter().flat_map(|it| it.0).collect::<Vec<_>>());
    let bytes = std::fs::read(directory.path().join("tiles/tile/0/001")).unwrap();
    assert_eq!(bytes, log[256..].iter().flat_map(|it| it.0).collect::<Vec<_>>());
}

#[test]
fn the_tree_grows_over_restarts_as_if_there_were_none() {
    let disk = SimulatedDisk::new();
    let log = leaves(1_300);
    for size in [1, 2, 255, 256, 257, 511, 512, 700, 1_299, 1_300] {
        let mut keeper = open(&disk).unwrap();
        assert_eq!(sign(&mut keeper, &log[..size]).unwrap(), Some(head_of(&log[..size])));
        assert_eq!(keeper.checkpoint(size as u64).unwrap(), None, "nothing new to sign");
        proven(&disk, &log[..size]);
    }
    let sizes = checkpoint_sizes(&storage(&disk)).unwrap();
    assert_eq!(sizes, [1, 2, 255, 256, 257, 511, 512, 700, 1_299, 1_300]);
    // Every earlier head can still be read from the same tiles.
    let key = verifier_key(&storage(&disk)).unwrap().unwrap();
    for size in sizes {
        let bytes = checkpoint_bytes(&storage(&disk), Some(size)).unwrap().unwrap();
        let head = Checkpoint::open(&bytes, &key, ORIGIN).unwrap().head;
        let reader = TileReader::open(StoredTiles::new(storage(&disk)), head);
        assert_eq!(reader.unwrap().leaf(0).unwrap(), log[0]);
    }
}

#[test]
fn nothing_is_signed_before_it_is_durable() {
    let disk = SimulatedDisk::new();
    let mut keeper = open(&disk).unwrap();
    let log = leaves(10);
    feed(&mut keeper, &log).unwrap();
    let refused = keeper.checkpoint(9);
    assert!(matches!(refused, Err(KeeperError::NotDurable { size: 10, durable: 9 })));
    assert_eq!(file(&disk, "checkpoint"), None);
    assert_eq!(keeper.checkpoint(10).unwrap(), Some(head_of(&log)));

    // The bug that this is for, and how it shows when the events are lost after all.
    let disk = SimulatedDisk::new();
    let mut keeper = open(&disk).unwrap();
    keeper.plant(Some(PlantedBug::CheckpointBeforeSync));
    feed(&mut keeper, &log).unwrap();
    assert_eq!(keeper.checkpoint(9).unwrap(), Some(head_of(&log)));
    let mut keeper = open(&disk).unwrap();
    let short = keeper.checkpoint(9);
    assert!(matches!(short, Err(KeeperError::LogTooShort { durable: 9, signed: 10 })));
}

#[test]
fn leaves_out_of_turn_are_refused() {
    let mut keeper = kept(&SimulatedDisk::new(), 10);
    let log = leaves(12);
    let gap = keeper.absorb(11, &log[11..]);
    assert!(matches!(gap, Err(KeeperError::Gap { found: 11, expected: 10 })));
    assert!(matches!(keeper.absorb(9, &log[9..]), Err(KeeperError::Gap { .. })));
    assert_eq!(sign(&mut keeper, &log).unwrap(), Some(head_of(&log)));
}

#[test]
fn lost_tiles_are_made_again_from_the_same_log_only() {
    for path in ["tiles/tile/0/000", "tiles/tile/0/002", "tiles/tile/1/000"] {
        for damage in ["lose", "cut", "flip"] {
            let disk = SimulatedDisk::new();
            kept(&disk, 600);
            match damage {
                "lose" => disk.lose(path).unwrap(),
                "cut" => disk.cut(path, 33).unwrap(),
                _ => disk.flip(path, 77).unwrap(),
            }
            let log = leaves(700);
            let damaged = file(&disk, path);

            let mut forged = log.clone();
            forged[3] = leaf_hash(b"forged");
            let mut keeper = open(&disk).unwrap();
            if path == "tiles/tile/0/000" {
                // What lies inside is not needed to go on; it is found when it is read.
                assert_eq!(sign(&mut keeper, &forged).unwrap(), Some(head_of(&log)));
                let key = keeper.verifier().unwrap();
                let proof = prove(&storage(&disk), &key, 3, None);
                assert!(matches!(proof, Err(KeeperError::Tiles(_))), "{proof:?}");
                keeper.rebuild().unwrap();
            }
            assert_eq!(keeper.next_index().unwrap(), 0);
            let verdict = sign(&mut keeper, &forged);
            assert!(matches!(verdict, Err(KeeperError::OtherHistory { .. })), "{verdict:?}");
            assert_eq!(file(&disk, path), damaged, "the evidence is untouched");

            let mut keeper = open(&disk).unwrap();
            keeper.rebuild().unwrap();
            sign(&mut keeper, &log).unwrap();
            proven(&disk, &log);
        }
    }
}

#[test]
fn while_the_log_is_read_again_nothing_is_signed() {
    let disk = SimulatedDisk::new();
    kept(&disk, 600);
    disk.lose("tiles/tile/0/002").unwrap();
    let mut keeper = open(&disk).unwrap();
    let log = leaves(600);
    keeper.absorb(0, &log[..599]).unwrap();
    assert_eq!(keeper.checkpoint(600).unwrap(), None);
    keeper.absorb(599, &log[599..]).unwrap();
    assert_eq!(keeper.next_index().unwrap(), 0, "and now to write");
    keeper.absorb(0, &log[..599]).unwrap();
    assert_eq!(keeper.checkpoint(600).unwrap(), None);
    feed(&mut keeper, &log).unwrap();
    assert_eq!(keeper.checkpoint(600).unwrap(), None);
    assert_eq!(sign(&mut keeper, &leaves(601)).unwrap(), Some(head_of(&leaves(601))));
    proven(&disk, &leaves(601));
}

#[test]
fn one_copy_of_the_last_checkpoint_is_enough() {
    let disk = SimulatedDisk::new();
    kept(&disk, 5);
    let five = file(&disk, "checkpoint").unwrap();
    kept(&disk, 8);
    let eight = file(&disk, "checkpoint").unwrap();
    let check = |disk: &SimulatedDisk| {
        let mut keeper = open(disk).unwrap();
        assert_eq!(keeper.signed().unwrap(), Some(head_of(&leaves(8))));
        assert_eq!(file(disk, "checkpoint").as_ref(), Some(&eight));
        assert_eq!(file(disk, "checkpoints/8").as_ref(), Some(&eight));
    };
    check(&disk);
    disk.lose("checkpoint").unwrap();
    check(&disk);
    disk.overwrite("checkpoint", &five).unwrap();
    check(&disk);
    disk.lose("checkpoints/8").unwrap();
    check(&disk);
    disk.overwrite("checkpoints/8", &five).unwrap();
    assert!(matches!(open(&disk), Err(KeeperError::Misnamed { size: 5, .. })));
    disk.overwrite("checkpoints/8", &eight[1..]).unwrap();
    assert!(matches!(open(&disk), Err(KeeperError::Checkpoint { .. })));
}

#[test]
fn checkpoints_are_thinned_and_the_last_one_stays() {
    let disk = SimulatedDisk::new();
    for size in [2, 4, 6, 8] {
        kept(&disk, size);
    }
    let mut keeper = open(&disk).unwrap();
    keeper.thin(|size| size == 4).unwrap();
    assert_eq!(checkpoint_sizes(&storage(&disk)).unwrap(), [4, 8]);
    let disk = disk.crashed(&mut Nothing, HARSHNESS);
    assert_eq!(checkpoint_sizes(&storage(&disk)).unwrap(), [4, 8]);
    let log = leaves(9);
    assert_eq!(sign(&mut open(&disk).unwrap(), &log).unwrap(), Some(head_of(&log)));
}

#[test]
fn a_fork_is_refused_wherever_it_comes_from() {
    let (disk, fork) = (SimulatedDisk::new(), SimulatedDisk::new());
    let mut keeper = kept(&disk, 8);
    // The same key over another history: a copy of the directory that went its own way.
    let mut forged = leaves(8);
    forged[1] = leaf_hash(b"forged");
    sign(&mut open(&fork).unwrap(), &forged).unwrap();
    let other = file(&fork, "checkpoint").unwrap();

    let mine = file(&disk, "checkpoint").unwrap();
    disk.overwrite("checkpoint", &other).unwrap();
    assert!(matches!(open(&disk), Err(KeeperError::Contradiction { size: 8 })));
    let verdict = sign(&mut keeper, &leaves(9));
    assert!(matches!(verdict, Err(KeeperError::ChangedElsewhere)), "{verdict:?}");
    assert_eq!(file(&disk, "checkpoints/9"), None);
    disk.overwrite("checkpoint", &mine).unwrap();
    assert_eq!(sign(&mut keeper, &leaves(9)).unwrap(), Some(head_of(&leaves(9))));

    // The checkpoints of one history over the tiles of the other: the log decides, and refuses.
    for path in ["checkpoint", "checkpoints/8"] {
        fork.overwrite(path, &mine).unwrap();
    }
    let verdict = sign(&mut open(&fork).unwrap(), &forged);
    assert!(matches!(verdict, Err(KeeperError::OtherHistory { .. })), "{verdict:?}");
}

#[test]
fn secrets_salt_until_they_are_erased_and_are_never_made_twice() {
    let disk = SimulatedDisk::new();
    let mut keeper = kept(&disk, 10);
    let salt = |secrets: &Secrets, scope: &str, index| match secrets.salting(scope, index) {
        Salting::Known(salter) => Ok(salter.salt(index)),
        Salting::Erased => Err("erased"),
        Salting::Unknown => Err("unknown"),
    };
    assert_eq!(salt(keeper.secrets([]).unwrap(), "acme", 0), Err("unknown"));
    let secrets = keeper.secrets(["acme", "globex", "acme", OPERATOR]).unwrap();
    let acme = salt(secrets, "acme", 3).unwrap();
    let globex = salt(secrets, "globex", 3).unwrap();
    assert_ne!(acme, globex);
    assert_ne!(Ok(acme), salt(secrets, "acme", 4));

    let mut keeper = open(&disk).unwrap();
    let secrets = keeper.secrets(["acme"]).unwrap();
    assert_eq!(salt(secrets, "acme", 3), Ok(acme));

    let before = file(&disk, "keys/secrets").unwrap();
    keeper.erase("acme").unwrap();
    let after = file(&disk, "keys/secrets").unwrap();
    assert_eq!(before.len() - after.len(), 32);
    let secrets = open(&disk).unwrap().secrets([]).unwrap().clone();
    assert_eq!(salt(&secrets, "acme", 9), Err("erased"));
    assert_eq!(salt(&secrets, "acme", 10), Err("unknown"));
    assert_eq!(salt(&secrets, "globex", 3), Ok(globex));
    // A tenant that goes on has a new secret from there on; the old leaves stay erased.
    let secrets = keeper.secrets(["acme"]).unwrap();
    assert_eq!(salt(secrets, "acme", 9), Err("erased"));
    assert_ne!(salt(secrets, "acme", 10), Ok(acme));
    assert_eq!(file(&disk, "keys/secrets").map(|it| it.len()), Some(before.len()));

    let log = leaves(11);
    keeper.absorb(10, &log[10..]).unwrap();
    assert!(matches!(keeper.erase("globex"), Err(KeeperError::Unsigned { size: 11, signed: 10 })));
    let hash = StoredTiles::new(storage(&disk)).leaf_unchecked(9).unwrap();
    assert_eq!(hash, Some(log[9]));
    let long = "x".repeat(256);
    assert!(matches!(keeper.secrets([&*long]), Err(KeeperError::ScopeTooLong { bytes: 256 })));
}

#[test]
fn damaged_secrets_are_refused_wherever_the_damage_is() {
    let disk = SimulatedDisk::new();
    let mut keeper = kept(&disk, 3);
    keeper.secrets(["acme", OPERATOR]).unwrap();
    keeper.erase("acme").unwrap();
    let bytes = file(&disk, "keys/secrets").unwrap();
    let refused = |disk: &SimulatedDisk| {
        matches!(open(disk), Err(KeeperError::SecretsDamaged { path: "keys/secrets" }))
    };
    for bit in 0..bytes.len() as u64 * 8 {
        disk.flip("keys/secrets", bit).unwrap();
        assert!(refused(&disk), "bit {bit}");
        disk.flip("keys/secrets", bit).unwrap();
    }
    for length in 0..bytes.len() {
        disk.cut("keys/secrets", length).unwrap();
        assert!(refused(&disk), "{length}");
        disk.overwrite("keys/secrets", &bytes).unwrap();
    }
    disk.cut("keys/secrets", bytes.len() + 1).unwrap();
    assert!(refused(&disk));
}

#[test]
fn a_flipped_bit_in_a_checkpoint_is_seen() {
    let disk = SimulatedDisk::new();
    kept(&disk, 300);
    for path in ["checkpoint", "checkpoints/300", "keys/checkpoint.key", "keys/checkpoint.vkey"] {
        let bytes = file(&disk, path).unwrap();
        for bit in 0..bytes.len() as u64 * 8 {
            disk.flip(path, bit).unwrap();
            assert!(open(&disk).is_err(), "{path} bit {bit}");
            disk.flip(path, bit).unwrap();
        }
    }
    open(&disk).unwrap();
}

#[test]
fn a_proof_of_what_is_not_covered_is_not_made() {
    let disk = SimulatedDisk::new();
    let mut keeper = open(&disk).unwrap();
    let key = keeper.verifier().unwrap();
    let refused = prove(&storage(&disk), &key, 0, None);
    assert!(matches!(refused, Err(KeeperError::NotCovered { index: 0, size: 0 })));
    sign(&mut keeper, &leaves(5)).unwrap();
    feed(&mut keeper, &leaves(7)).unwrap();
    let refused = prove(&storage(&disk), &key, 5, None);
    assert!(matches!(refused, Err(KeeperError::NotCovered { index: 5, size: 5 })));
    let file = prove(&storage(&disk), &key, 4, Some(b"extra".to_vec())).unwrap();
    assert_eq!(file.to_string().parse(), Ok(file));
}

/// What the crash and fault tests do: a life with three checkpoints, an erasure and a restart. The
/// sizes that were signed are noted once the keeper says so.
fn live(disk: &SimulatedDisk) -> Result<(), KeeperError> {
    let log = leaves(530);
    let mut keeper = open(disk)?;
    keeper.secrets(["acme", OPERATOR])?;
    for size in [3, 255, 300] {
        sign(&mut keeper, &log[..size])?;
        disk.note(size as u64);
    }
    keeper.erase("acme")?;
    let mut keeper = open(disk)?;
    feed(&mut keeper, &log[..520])?;
    keeper.checkpoint(520)?;
    disk.note(520);
    feed(&mut keeper, &log)
}

/// After whatever happened, the keeper goes on: no signature is forgotten, all of them agree.
#[track_caller]
fn goes_on(disk: &SimulatedDisk, acknowledged: u64) {
    let log = leaves(540);
    let mut keeper = open(disk).unwrap();
    let signed = keeper.signed().unwrap().unwrap_or(TreeHead::EMPTY);
    assert!(signed.size >= acknowledged, "{} < {acknowledged}", signed.size);
    assert_eq!(signed, head_of(&log[..usize::try_from(signed.size).unwrap()]));
    assert_eq!(sign(&mut keeper, &log).unwrap(), Some(head_of(&log)));
    proven(disk, &log);
    let key = keeper.verifier().unwrap();
    for size in checkpoint_sizes(&storage(disk)).unwrap() {
        let bytes = checkpoint_bytes(&storage(disk), Some(size)).unwrap().unwrap();
        let head = Checkpoint::open(&bytes, &key, ORIGIN).unwrap().head;
        assert_eq!(head, head_of(&log[..usize::try_from(size).unwrap()]));
    }
}

#[test]
fn no_power_cut_makes_it_forget_or_fork() {
    let disk = SimulatedDisk::new();
    disk.record();
    live(&disk).unwrap();
    let (trace, points) = disk.recorded();
    assert!(points.len() > 100);
    let seeds = if in_ci() { 40 } else { 2 };
    for point in points {
        let notes = trace[..point.at].iter().filter_map(|entry| match entry {
            Entry::Note(size) => Some(*size),
            Entry::Call(..) => None,
        });
        let acknowledged = notes.max().unwrap_or(0);
        let mut choices: Vec<Box<dyn Choices>> = vec![Box::new(Nothing), Box::new(Everything)];
        choices.extend((0..seeds).map(|seed| Box::new(Seeded::new(seed)) as Box<dyn Choices>));
        for mut choices in choices {
            let crashed = point.snapshot.crash(choices.as_mut(), HARSHNESS);
            goes_on(&SimulatedDisk::from(crashed), acknowledged);
        }
    }
}

#[test]
fn an_error_at_any_call_is_followed_by_a_fresh_start() {
    let disk = SimulatedDisk::new();
    live(&disk).unwrap();
    let calls = disk.calls();
    let faults = [
        Fault::Error(SystemError::Io),
        Fault::ErrorAfterDoing(SystemError::Io),
        Fault::ErrorAfterBytes(7, SystemError::NoSpace),
        Fault::Short(5),
    ];
    for number in 0..calls {
        // Beside an editor each call meets one of them, in turn.
        let turn = usize::try_from(number).unwrap() % faults.len();
        for fault in if in_ci() { &faults[..] } else { &faults[turn..=turn] } {
            let disk = SimulatedDisk::new();
            disk.inject_at(number, fault.clone());
            let failed = live(&disk).is_err();
            match fault {
                Fault::Error(_) => assert!(failed, "{number} {fault:?}"),
                Fault::Short(_) => assert!(!failed, "{number} {fault:?}"),
                // Some calls find nothing to do, and some write nothing.
                Fault::ErrorAfterDoing(_)
                | Fault::ErrorAfterBytes(..)
                | Fault::DropSync
                | Fault::LoseSync
                | Fault::Misdirect { .. } => {}
            }
            disk.mend();
            goes_on(&disk, 0);
        }
    }
}

#[test]
fn the_same_keeper_goes_on_after_an_error() {
    let disk = SimulatedDisk::new();
    let mut keeper = kept(&disk, 300);
    let log = leaves(600);
    disk.inject(|call| {
        let hit = call.operation == Operation::SyncAll && call.path.contains("tiles");
        hit.then_some(Fault::Error(SystemError::Io))
    });
    assert!(matches!(sign(&mut keeper, &log), Err(KeeperError::Io { .. })));
    disk.mend();
    assert_eq!(keeper.next_index().unwrap(), 300);
    assert_eq!(sign(&mut keeper, &log).unwrap(), Some(head_of(&log)));
    proven(&disk, &log);
}

#[test]
fn what_lies_in_the_place_of_a_longer_past_is_overwritten() {
    let disk = SimulatedDisk::new();
    let mut keeper = kept(&disk, 300);
    // Events that were absorbed, then lost with the tail of the log: nothing was signed for them.
    let mut lost = leaves(560);
    lost[300..].iter_mut().for_each(|leaf| *leaf = leaf_hash(&leaf.0));
    feed(&mut keeper, &lost).unwrap();
    let stray = disk.create("tiles/tile/0/003").unwrap();
    write_all_at(stray.as_ref(), &[9; 8_192], 0).unwrap();
    let log = leaves(900);
    assert_eq!(sign(&mut open(&disk).unwrap(), &log).unwrap(), Some(head_of(&log)));
    proven(&disk, &log);
    let path = crate::proof::TilePath::with_width(0, 3, 132).unwrap();
    let tile = StoredTiles::new(storage(&disk)).read(path).unwrap().unwrap();
    assert_eq!(tile, log[768..].iter().flat_map(|it| it.0).collect::<Vec<_>>());
}
