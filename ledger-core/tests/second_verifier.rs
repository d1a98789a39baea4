//! Real ledgers before `fixtures/verify.py`, the verifier that shares no code with this crate.
//!
//! It needs `python3`; without it these tests say so and pass, except where the environment has
//! `CI=true`.

#![expect(clippy::unwrap_used, reason = "what a test prepares fails as loudly as what it claims")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use ledger_core::id::EventId;
use ledger_core::log::embedded::{EmbeddedLog, Leaves, Options, Threads};
use ledger_core::log::keeper::{Keeper, Salting, StoredTiles, prove};
use ledger_core::log::storage::{FileSystem, Storage};
use ledger_core::log::{EventLog as _, Position};
use ledger_core::proof::{Disclosure, NodeHash, ProofFile, VerifierKey};
use ledger_core::testing::folder::{copy, files};
use ledger_core::testing::log::ManualClock;
use ledger_core::testing::model::Model;
use ledger_core::testing::workload::{Workload, epoch};

const ORIGIN: &str = "example.com/ledger";

/// A ledger of sealed and unsealed segments with three checkpoints.
struct Sample {
    directory: tempfile::TempDir,
    storage: Arc<dyn Storage>,
    log: EmbeddedLog,
    keeper: Keeper,
}

impl Sample {
    fn new(seed: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let storage: Arc<dyn Storage> = Arc::new(FileSystem::open(directory.path()).unwrap());
        let clock = Arc::new(ManualClock::at(epoch()));
        let options = Options {
            segment_bytes: 16 * 1024,
            clock: clock.clone(),
            threads: Threads::Caller,
            ..Options::default()
        };
        let log = EmbeddedLog::open(Arc::clone(&storage), options).unwrap();
        let mut number = 0;
        let entropy = move || {
            number += 1;
            Ok([number; 32])
        };
        let origin = ORIGIN.parse().unwrap();
        let keeper = Keeper::open(Arc::clone(&storage), origin, Box::new(entropy)).unwrap();
        let mut sample = Self { directory, storage, log, keeper };
        let (mut workload, mut model) = (Workload::new(seed), Model::new());
        for appends in [1, 120, 200] {
            for _ in 0..appends {
                let mut append = workload.next(&model);
                if model.len() % 3 == 1 {
                    append.causation = Some(EventId::from_bytes([0x5a; 16]));
                }
                clock.pass(1_234_567);
                let answer = sample.log.append(append.clone()).wait();
                model.take(&append, &answer).unwrap();
            }
            sample.sign();
        }
        while sample.log.work_once() {}
        sample
    }

    /// Feeds the keeper all that the log has, and has it sign.
    fn sign(&mut self) {
        let head = self.log.head().get();
        while let first = self.keeper.next_index().unwrap()
            && first < head
        {
            let hashes = self.hashes(first);
            self.keeper.absorb(first, &hashes).unwrap();
        }
        self.keeper.checkpoint(head).unwrap();
    }

    fn hashes(&mut self, first: u64) -> Vec<NodeHash> {
        let tiles = StoredTiles::new(Arc::clone(&self.storage));
        let mut leaves = Leaves::new(self.log.ledger());
        let mut hashes = Vec::new();
        let scan = self.log.reader().scan(Position::new(first));
        scan.for_each(|record| {
            let index = first + hashes.len() as u64;
            let hash = leaves.with_leaf(index, &record, |leaf, scope| {
                match self.keeper.secrets([scope]).unwrap().salting(scope, index) {
                    Salting::Known(salter) => leaf.hash(&salter.salt(index)).unwrap(),
                    Salting::Erased => tiles.leaf_unchecked(index).unwrap().unwrap(),
                    Salting::Unknown => panic!("{scope} has no secret"),
                }
            })?;
            hashes.push(hash);
            Ok(())
        })
        .unwrap();
        hashes
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The proof file of an event, disclosed whole.
    fn proof(&mut self, index: u64) -> String {
        let key = self.keeper.verifier().unwrap();
        let mut leaves = Leaves::new(self.log.ledger());
        let mut extra = None;
        let mut scan = self.log.reader().scan(Position::new(index));
        scan.next_piece(|record| {
            if extra.is_none() {
                extra = leaves
                    .with_leaf(index, &record, |leaf, scope| {
                        match self.keeper.secrets([scope]).unwrap().salting(scope, index) {
                            Salting::Known(it) => Disclosure::of_event(leaf, &it.salt(index)).ok(),
                            Salting::Erased | Salting::Unknown => None,
                        }
                    })?
                    .map(|it| it.encode());
            }
            Ok(())
        })
        .unwrap();
        prove(&self.storage, &key, index, extra).unwrap().to_string()
    }
}

fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|it| it == "true")
}

fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok();
    assert!(found || !in_ci(), "the gate needs python3");
    found
}

/// Exit status and what was said.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/verify.py");
    let output = Command::new("python3").arg("-B").arg(script).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn verify(directory: &Path) -> (Option<i32>, String) {
    run(&[directory.to_str().unwrap()])
}

#[test]
fn the_second_verifier_agrees_about_real_ledgers() {
    if !has_python() {
        println!("there is no python3: nothing is checked");
        return;
    }
    for seed in 0..if in_ci() { 10 } else { 2 } {
        let mut sample = Sample::new(seed);
        let key = sample.keeper.verifier().unwrap().to_string();
        let kinds: Vec<_> = std::fs::read_dir(sample.path("segments"))
            .unwrap()
            .map(|it| it.unwrap().path().extension().map(ToOwned::to_owned))
            .collect();
        assert!(kinds.iter().filter(|it| it.as_ref().is_some_and(|it| it == "sealed")).count() > 1);
        let directory = sample.directory.path().to_str().unwrap().to_owned();
        let (status, said) = run(&[&directory, "--key", &key]);
        assert_eq!(status, Some(0), "{said}");
        let root = sample.keeper.signed().unwrap().unwrap().root;
        assert!(said.contains(&root.to_string()), "{said}");

        // After an erasure the tiles vouch for what can no longer be made again.
        sample.keeper.erase("acme").unwrap();
        let (status, said) = verify(sample.directory.path());
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("are erased"), "{said}");
        sample.keeper.rebuild().unwrap();
        sample.sign();
        assert_eq!(sample.keeper.next_index().unwrap(), sample.log.head().get());
        sample.log.close().unwrap();
        assert_eq!(run(&[&directory]).0, Some(0));
    }
}

#[test]
fn the_second_verifier_reads_proof_files() {
    if !has_python() {
        println!("there is no python3: nothing is checked");
        return;
    }
    let mut sample = Sample::new(7);
    let key = sample.keeper.verifier().unwrap().to_string();
    let path = sample.path("event.tlog-proof");
    let check = |text: &str, key: &str| {
        std::fs::write(&path, text).unwrap();
        run(&["--proof", path.to_str().unwrap(), "--key", key])
    };
    for index in [0, 1, 77, sample.log.head().get() - 1] {
        let text = sample.proof(index);
        let (status, said) = check(&text, &key);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains(&format!("event {} of", index + 1)), "{said}");
        let mut other: ProofFile = text.parse().unwrap();
        *other.extra.as_mut().unwrap().last_mut().unwrap() ^= 1;
        let (status, said) = check(&other.to_string(), &key);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains("is not the one that was committed to"), "{said}");
        for at in [30, text.len() / 2, text.len() - 40] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let (status, said) = check(str::from_utf8(&bytes).unwrap(), &key);
            assert_eq!(status, Some(1), "byte {at}: {said}");
        }
    }
    let other: VerifierKey =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse().unwrap();
    assert_eq!(check(&sample.proof(0), &other.to_string()).0, Some(1));
}

#[test]
fn the_second_verifier_sees_damage_in_every_file() {
    if !has_python() {
        println!("there is no python3: nothing is checked");
        return;
    }
    let sample = Sample::new(1);
    let directory = sample.directory.path().to_owned();
    sample.log.close().unwrap();
    let all = files(&directory);
    let elsewhere = tempfile::tempdir().unwrap();
    let copied = elsewhere.path().join("copy");
    let mut seen = 0;
    for file in all {
        let name = file.strip_prefix(&directory).unwrap().to_str().unwrap();
        let derived = ["index/", "lock", "segments/spare", "keys/checkpoint.key"];
        if derived.iter().any(|it| name.starts_with(it)) {
            continue;
        }
        let bytes = std::fs::read(&file).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        // What stands past the last frame of an unsealed segment is nothing.
        let step = used.div_ceil(if in_ci() { 40 } else { 2 });
        for at in (0..used - 1).step_by(step).chain([used - 1]) {
            copy(&directory, &copied);
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x08;
            std::fs::write(copied.join(name), &bytes).unwrap();
            let (status, said) = verify(&copied);
            assert!(!said.contains("Traceback"), "{name} byte {at}: {said}");
            // One slot of the mark stands in for the other.
            if name == "mark" {
                assert_eq!(status, Some(0), "{name} byte {at}: {said}");
            } else {
                assert_ne!(status, Some(0), "{name} byte {at}: {said}");
                seen += 1;
            }
            std::fs::remove_dir_all(&copied).unwrap();
        }
    }
    assert!(seen > 30, "{seen}");
}

#[test]
fn the_second_verifier_sees_a_checkpoint_put_back() {
    if !has_python() {
        println!("there is no python3: nothing is checked");
        return;
    }
    let sample = Sample::new(4);
    std::fs::copy(sample.path("checkpoints/1"), sample.path("checkpoint")).unwrap();
    let (status, said) = verify(sample.directory.path());
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("checkpoint is not the last"), "{said}");
}

#[test]
fn the_second_verifier_sees_a_rewritten_event() {
    if !has_python() {
        println!("there is no python3: nothing is checked");
        return;
    }
    let sample = Sample::new(2);
    let directory = sample.directory.path().to_owned();
    sample.log.close().unwrap();
    let all = files(&directory);
    let last = all.iter().rfind(|it| it.extension().is_some_and(|it| it == "log")).unwrap();
    let mut bytes = std::fs::read(last).unwrap();
    // The last byte of the first frame's payload is the last byte of a body. With its sums made
    // right again the file is flawless; only the tree knows.
    let at = 64;
    let length = usize::try_from(u32::from_le_bytes(bytes[at + 56..at + 60].try_into().unwrap()));
    let end = at + 84 + length.unwrap();
    bytes[end - 1] ^= 1;
    let sum = crc32c::crc32c(&bytes[at + 84..end]);
    bytes[at + 76..at + 80].copy_from_slice(&sum.to_le_bytes());
    let sum = crc32c::crc32c(&bytes[at..at + 80]);
    bytes[at + 80..at + 84].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(last, &bytes).unwrap();
    let (status, said) = verify(&directory);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("another root than was signed"), "{said}");
    assert!(said.contains("differs from its tile"), "{said}");
}

#[test]
fn the_second_verifier_misses_what_was_acknowledged_and_is_gone() {
    if !has_python() {
        println!("there is no python3: nothing is checked");
        return;
    }
    let sample = Sample::new(3);
    let directory = sample.directory.path().to_owned();
    sample.log.close().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let copied = elsewhere.path().join("copy");
    let all = files(&directory.join("segments"));
    let check = |what: &str, change: &dyn Fn(&Path), said_of_it: &str| {
        copy(&directory, &copied);
        // Without checkpoints, so that only the log itself can tell.
        for name in ["keys", "checkpoints", "tiles"] {
            std::fs::remove_dir_all(copied.join(name)).unwrap();
        }
        std::fs::remove_file(copied.join("checkpoint")).unwrap();
        change(&copied.join("segments"));
        let (status, said) = verify(&copied);
        assert_eq!(status, Some(if said_of_it.is_empty() { 2 } else { 1 }), "{what}: {said}");
        assert!(said.contains(said_of_it), "{what}: {said}");
        std::fs::remove_dir_all(&copied).unwrap();
    };
    let name = |path: &Path| path.file_name().unwrap().to_owned();
    let last = name(all.iter().rfind(|it| it.extension().is_some_and(|it| it == "log")).unwrap());
    let sealed = |it: &&PathBuf| it.extension().is_some_and(|it| it == "sealed");
    let (first, second) = {
        let mut sealed = all.iter().filter(sealed);
        (name(sealed.next().unwrap()), name(sealed.next().unwrap()))
    };
    check("nothing", &|_| (), "");
    let empty = |segments: &Path| std::fs::write(segments.join(&last), vec![0; 16 * 1024]).unwrap();
    check("the tail", &empty, "was acknowledged");
    let gone = |segments: &Path| std::fs::remove_file(segments.join(&second)).unwrap();
    check("a segment", &gone, "a segment is missing");
    let twice = |segments: &Path| {
        std::fs::copy(segments.join(&first), segments.join(&second)).unwrap();
    };
    check("a segment twice", &twice, "is another segment");
    check("the mark", &|segments| std::fs::remove_file(segments.join("../mark")).unwrap(), "mark");
    let blank = |segments: &Path| std::fs::write(segments.join("../mark"), [0; 4160]).unwrap();
    check("both slots", &blank, "mark has no slot that is whole");
}
