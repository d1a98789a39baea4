//! The embedded log on a real file system: what survives being closed, killed, sealed and read
//! from outside.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger_core::log::embedded::{EmbeddedLog, HighWater, LogReader, OpenError, Options, Threads};
use ledger_core::log::storage::FileSystem;
use ledger_core::log::{
    AppendError, EventLog, Expected, Follow, Outcome, Position, ReadStream, Record, Revision,
};
use ledger_core::testing::disk::{Call, Fault, Operation, SimulatedDisk, SystemError};
use ledger_core::testing::log::{ManualClock, append, producer_key, usage, usage_stream};

const SEGMENT_BYTES: u64 = 16 * 1024;

fn options() -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        clock: Arc::new(ManualClock::default()),
        threads: Threads::Caller,
        ..Options::default()
    }
}

fn open(dir: &Path) -> EmbeddedLog {
    let storage = FileSystem::create(dir).expect("the directory is there");
    EmbeddedLog::open(Arc::new(storage), options()).expect("it opens")
}

/// Appends `count` events of four tenants, several an append.
fn fill(log: &EmbeddedLog, from: u32, count: u32) {
    for chunk in (from..from + count).collect::<Vec<_>>().chunks(7) {
        let tenant = format!("t{}", chunk[0] % 4);
        let events = chunk.iter().map(|n| usage(&tenant, &format!("e-{n}"), *n)).collect();
        let pending = log.append(append(usage_stream(&tenant), Expected::Any, events));
        pending.wait().expect("it is appended");
    }
}

fn all(log: &dyn EventLog) -> Vec<Record> {
    let records = log.read_all(Position::ORIGIN).expect("it reads");
    records.collect::<Result<_, _>>().expect("it reads to the end")
}

#[test]
fn what_was_acknowledged_is_there_after_closing_and_opening() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    fill(&log, 0, 100);
    let before = all(&log);
    assert_eq!(before.len(), 100);
    log.close().unwrap();
    let log = open(dir.path());
    assert!(log.recovery().was_clean);
    assert_eq!(all(&log), before);
}

#[test]
fn sealing_changes_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    fill(&log, 0, 3000);
    let before = all(&log);
    let stream = usage_stream("t1");
    let forwards = |log: &dyn EventLog| -> Vec<Record> {
        log.read_stream(&stream, ReadStream::Forwards(Revision::FIRST))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    };
    let of_stream = forwards(&log);
    while log.work_once() {}
    let names: Vec<_> = std::fs::read_dir(dir.path().join("segments"))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().filter(|it| it.ends_with(".sealed")).count() > 3, "{names:?}");
    assert_eq!(names.iter().filter(|it| it.ends_with(".log")).count(), 1, "{names:?}");
    assert_eq!(all(&log), before);
    assert_eq!(forwards(&log), of_stream);
    let mut backwards: Vec<Record> =
        log.read_stream(&stream, ReadStream::Backwards).unwrap().collect::<Result<_, _>>().unwrap();
    backwards.reverse();
    assert_eq!(backwards, of_stream);
    log.close().unwrap();
    let log = open(dir.path());
    assert_eq!(all(&log), before);
    let found = log.find(&producer_key("t0", "e-0")).unwrap().unwrap();
    assert_eq!(found, before[0]);
}

#[test]
fn appends_wait_for_sealing_that_falls_behind() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    // Nobody seals beside the appends here.
    fill(&log, 0, 6000);
    let files = || std::fs::read_dir(dir.path().join("segments")).unwrap();
    let count = |end: &str| {
        let names = files().map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|it| it.ends_with(end)).count()
    };
    assert_eq!(count(".log"), 5);
    assert!(count(".sealed") > 3);
    assert_eq!(all(&log).len(), 6000);
}

/// A run more is a look more for every key.
#[test]
fn runs_are_merged_before_more_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let count = |directory: &str, is_counted: &dyn Fn(&str) -> bool| {
        let files = std::fs::read_dir(dir.path().join(directory)).unwrap();
        let names = files.map(|it| it.unwrap().file_name().into_string().unwrap());
        names.filter(|it| is_counted(it)).count()
    };
    let sealed = || count("segments", &|it| it.ends_with(".sealed"));
    let runs = || count("index", &|it| it.starts_with("keys"));
    let waiting = || count("segments", &|it| it.ends_with(".log"));
    let mut next = 0;
    while waiting() < 5 {
        fill(&log, next, 7);
        next += 7;
    }
    assert_eq!(sealed(), 0);
    while log.work_once() {
        let levels = sealed().checked_ilog2().map_or(0, |it| it as usize + 1);
        assert!(runs() <= levels, "{} runs of {} segments", runs(), sealed());
    }
    assert_eq!((sealed(), runs()), (4, 1));
}

/// The index of a segment is ahead of the disk, and nobody sees it.
#[test]
fn what_the_disk_did_not_keep_was_never_there() {
    let disk = SimulatedDisk::new();
    let log = EmbeddedLog::open(Arc::new(disk.clone()), options()).unwrap();
    fill(&log, 0, 1);
    let before = all(&log);
    let is_segment = |call: &Call| call.path.starts_with("segments/");
    disk.inject(move |call| {
        let fails = call.operation == Operation::SyncData && is_segment(call);
        fails.then_some(Fault::Error(SystemError::Io))
    });
    let events = vec![usage("t0", "lost", 7)];
    let lost = log.append(append(usage_stream("t0"), Expected::Any, events)).wait();
    assert!(matches!(lost, Err(AppendError::Stopped { .. })), "{lost:?}");
    disk.mend();
    assert_eq!(log.head(), Position::new(1));
    assert_eq!(log.find(&producer_key("t0", "lost")).unwrap(), None);
    assert_eq!(log.stream_head(&usage_stream("t0")).unwrap(), Some(Revision::FIRST));
    assert_eq!(all(&log), before);
    let of_stream = log.read_stream(&usage_stream("t0"), ReadStream::Backwards).unwrap();
    assert_eq!(of_stream.collect::<Result<Vec<_>, _>>().unwrap(), before);
}

#[test]
fn a_key_is_known_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    fill(&log, 0, 2000);
    let again = |log: &EmbeddedLog, hours| {
        let events = vec![usage("t0", "e-3", hours)];
        log.append(append(usage_stream("t0"), Expected::Any, events)).wait()
    };
    let first = Outcome::Duplicate { position: Position::new(4), revision: Revision::new(3) };
    assert_eq!(again(&log, 3).unwrap().outcomes, [first]);
    while log.work_once() {}
    assert_eq!(again(&log, 3).unwrap().outcomes, [first]);
    assert!(matches!(again(&log, 4), Err(AppendError::Conflict { .. })));
    drop(log);
    let log = open(dir.path());
    assert_eq!(again(&log, 3).unwrap().outcomes, [first]);
    assert_eq!(log.head(), Position::new(2000));
}

#[test]
fn a_reader_in_another_place_sees_what_is_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    fill(&log, 0, 500);
    let outside =
        LogReader::open(Arc::new(FileSystem::open_read_only(dir.path()).unwrap())).unwrap();
    let read = |reader: &LogReader| -> Vec<Record> {
        reader.read_all(Position::ORIGIN).unwrap().collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(read(&outside), all(&log));
    let mut follower = outside.follow(Position::new(498));
    let mut seen = Vec::new();
    fill(&log, 500, 1500);
    while log.work_once() {}
    while let Some(record) = follower.next(Duration::from_millis(10)).unwrap() {
        seen.push(record.position.get());
    }
    assert_eq!(seen, (499..=2000).collect::<Vec<_>>());
    outside.refresh().unwrap();
    assert_eq!(read(&outside), all(&log));
}

#[test]
fn a_second_writer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _log = open(dir.path());
    let second = EmbeddedLog::open(Arc::new(FileSystem::open(dir.path()).unwrap()), options());
    assert!(matches!(second, Err(OpenError::InUse)), "{second:?}");
}

#[test]
fn a_log_with_its_own_threads_keeps_every_mode() {
    for high_water in [HighWater::Trailing, HighWater::Strict] {
        let dir = tempfile::tempdir().unwrap();
        let storage = Arc::new(FileSystem::create(dir.path()).unwrap());
        let options = Options { high_water, threads: Threads::Own, ..options() };
        let log = EmbeddedLog::open(storage, options).unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let log = &log;
                scope.spawn(move || {
                    for n in 0..200 {
                        let tenant = format!("t{writer}");
                        let events = vec![usage(&tenant, &format!("e-{n}"), n)];
                        let expected = match n {
                            0 => Expected::NoStream,
                            n => Expected::Exactly(Revision::new(u64::from(n) - 1)),
                        };
                        log.append(append(usage_stream(&tenant), expected, events)).wait().unwrap();
                    }
                });
            }
        });
        assert_eq!(log.head(), Position::new(800));
        log.close().unwrap();
        let log = open(dir.path());
        assert_eq!(all(&log).len(), 800);
    }
}
