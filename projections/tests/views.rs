//! Views on a real log and a real store: live, restarted, deleted, and of another ledger.

#![expect(clippy::unwrap_used, reason = "what a test prepares fails as loudly as what it claims")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ledger_core::event::{Event, usage};
use ledger_core::log::embedded::{EmbeddedLog, Options};
use ledger_core::log::storage::FileSystem;
use ledger_core::log::{EventLog, Expected, NewEvent, Position, Record, Revision};
use ledger_core::testing::cases;
use ledger_core::testing::folder::{copy, files};
use ledger_core::testing::log::{append, usage as recorded, usage_stream};
use projections::replay::Replay;
use projections::usage::{UsageKey, UsageRow, UsageView};
use projections::worker::View;
use proptest::prelude::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn open_log(dir: &Path) -> Arc<EmbeddedLog> {
    let storage = Arc::new(FileSystem::create(dir).unwrap());
    let options = Options { segment_bytes: 256 * 1024, ..Options::default() };
    Arc::new(EmbeddedLog::open(storage, options).unwrap())
}

/// Records usage of three tenants, and corrects every fifth record.
fn fill(log: &EmbeddedLog, from: u32, count: u32) {
    for n in from..from + count {
        let tenant = format!("t{}", n % 3);
        let stream = usage_stream(&tenant);
        let head = log.stream_head(&stream).unwrap();
        let event = match head {
            Some(head) if n % 5 == 4 => NewEvent {
                event: Event::from(usage::Corrected {
                    record: Revision::new(head.get() / 2),
                    quantity: (n % 7).to_string().parse().unwrap(),
                }),
                ..recorded(&tenant, &format!("c-{n}"), 0)
            },
            _ => recorded(&tenant, &format!("e-{n}"), n),
        };
        // A correction of a correction is no event of this story: it concerns a gauge or nothing.
        log.append_blocking(append(stream, Expected::Any, vec![event])).unwrap();
    }
}

fn replayed(log: &EmbeddedLog) -> BTreeMap<UsageKey, UsageRow> {
    let mut replay: Replay<UsageView> = Replay::new();
    for record in log.read_all(Position::ORIGIN).unwrap() {
        replay.take(&record.unwrap()).unwrap();
    }
    replay.rows().clone()
}

/// Follows the log to its head and answers with every row.
#[track_caller]
fn rows(dir: &Path, log: &Arc<EmbeddedLog>) -> BTreeMap<UsageKey, UsageRow> {
    let view: View<UsageView> = View::start(dir, Arc::clone(log)).unwrap();
    assert!(view.wait_for(log.head(), PATIENCE), "{:?}", view.status());
    let (rows, position) = view.scan(b"").unwrap();
    assert_eq!(position, log.head());
    view.close();
    rows.into_iter().map(|(key, row)| (key, UsageRow::clone(&row))).collect()
}

#[test]
fn a_live_view_is_what_a_replay_makes() {
    let (log_dir, views) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = open_log(log_dir.path());
    fill(&log, 0, 700);
    assert_eq!(rows(views.path(), &log), replayed(&log));
    fill(&log, 700, 300);
    assert_eq!(rows(views.path(), &log), replayed(&log), "it goes on where it was");
    fs::remove_dir_all(views.path()).unwrap();
    assert_eq!(rows(views.path(), &log), replayed(&log), "it is made again");
}

#[test]
fn a_store_of_another_ledger_or_of_a_longer_one_is_made_again() {
    let views = tempfile::tempdir().unwrap();
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = open_log(one.path());
    fill(&log, 0, 50);
    assert_eq!(rows(views.path(), &log), replayed(&log));
    let foreign = open_log(other.path());
    fill(&foreign, 0, 80);
    assert_eq!(rows(views.path(), &foreign), replayed(&foreign));
}

#[test]
fn an_event_that_cannot_be_folded_stops_its_view_and_says_where() {
    let (log_dir, views) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = open_log(log_dir.path());
    fill(&log, 0, 3);
    let poison = ledger_core::event::invoice::Voided {
        number: "INV-000099".parse().unwrap(),
        reason: "it never was".parse().unwrap(),
        is_replaced: false,
    };
    let stream = "invoice-t0.2026-04".parse().unwrap();
    let event = NewEvent { event: Event::from(poison), key: None, ..recorded("t0", "x", 0) };
    let appended = log.append_blocking(append(stream, Expected::Any, vec![event])).unwrap();
    fill(&log, 3, 3);
    let view: View<projections::invoice::InvoiceView> =
        View::start(views.path(), Arc::clone(&log)).unwrap();
    assert!(!view.wait_for(log.head(), PATIENCE));
    let stopped = view.status().stopped.unwrap();
    assert!(stopped.contains(&format!("position {}", appended.position)), "{stopped}");
    assert_eq!(rows(views.path(), &log), replayed(&log), "the others go on");
}

/// Whatever a disk makes of a store, the rows are those of the log: at once, or after a rebuild.
#[test]
fn a_damaged_store_changes_no_row() {
    let (log_dir, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = open_log(log_dir.path());
    fill(&log, 0, 300);
    let expected = replayed(&log);
    assert_eq!(rows(whole.path(), &log), expected);
    let step = if std::env::var_os("CI").is_some() { 61 } else { 499 };
    let mut damaged = 0;
    for file in files(whole.path()) {
        let bytes = fs::read(&file).unwrap();
        // Most of a heap file is room; what is written stands at the beginning.
        let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for at in (0..written).step_by(step) {
            let views = tempfile::tempdir().unwrap();
            copy(whole.path(), views.path());
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            let name = file.strip_prefix(whole.path()).unwrap();
            fs::write(views.path().join(name), flipped).unwrap();
            println!("{} byte {at}", name.display());
            assert_eq!(rows(views.path(), &log), expected, "{} byte {at}", name.display());
            damaged += 1;
        }
    }
    assert!(damaged > 5, "only {damaged} bytes were damaged");
    println!("figure: damaged stores of a view: {damaged}, none answered otherwise than the log");
}

/// What sled does not see, because it wrote it itself, is seen by the sums of the rows.
#[test]
fn what_another_wrote_into_a_store_changes_no_row() {
    let (log_dir, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = open_log(log_dir.path());
    fill(&log, 0, 300);
    let expected = replayed(&log);
    assert_eq!(rows(whole.path(), &log), expected);
    type Change = fn(&sled::Db, &[(sled::IVec, sled::IVec)]);
    let changes: [(&str, Change); 4] = [
        ("a byte of a row", |db, rows| {
            let (key, value) = rows.first().unwrap();
            let mut value = value.to_vec();
            *value.get_mut(12).unwrap() ^= 1;
            db.insert(key, value).unwrap();
        }),
        ("a row that is gone", |db, rows| {
            db.remove(&rows.first().unwrap().0).unwrap();
        }),
        ("the row of another key", |db, rows| {
            let [(key, _), (_, other), ..] = rows else { panic!("there are three tenants") };
            db.insert(key, other).unwrap();
        }),
        ("a row more", |db, rows| {
            let (key, value) = rows.first().unwrap();
            db.insert([key.as_ref(), b"x"].concat(), value).unwrap();
        }),
    ];
    for (what, change) in changes {
        let views = tempfile::tempdir().unwrap();
        copy(whole.path(), views.path());
        let db = sled::open(views.path().join("usage.v1")).unwrap();
        let of_tenants = |it: &(sled::IVec, sled::IVec)| it.0.starts_with(b"t");
        let rows_there = db.iter().map(Result::unwrap).filter(of_tenants).collect::<Vec<_>>();
        assert!(rows_there.len() > 2, "{rows_there:?}");
        change(&db, &rows_there);
        db.flush().unwrap();
        drop(db);
        assert_eq!(rows(views.path(), &log), expected, "{what}");
    }
}

fn history() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec((any::<u8>(), any::<u8>()), 0..600)
}

/// Usage and corrections of one stream, as the log would hold them.
fn records(history: &[(u8, u8)]) -> Vec<Record> {
    let template = recorded("t0", "1", 1);
    let new = |revision: u64, (what, amount): (u8, u8)| {
        let quantity = amount.to_string().parse().unwrap();
        let event = match what % 4 {
            0 if revision > 0 => Event::from(usage::Corrected {
                record: Revision::new(u64::from(what) * revision / 256),
                quantity,
            }),
            _ => recorded("t0", "1", u32::from(amount)).event,
        };
        Record {
            position: Position::new(revision + 1),
            stream: usage_stream("t0"),
            revision: Revision::new(revision),
            id: ledger_core::id::EventId::from_bytes([0; 16]),
            occurred_at: template.occurred_at,
            recorded_at: template.occurred_at,
            actor: append(usage_stream("t0"), Expected::Any, Vec::new()).actor,
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            event,
            written: None,
        }
    };
    (0..).zip(history).map(|(revision, it)| new(revision, *it)).collect()
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Where a worker stops, and what it wrote down before stopping, must not show in the view.
    #[test]
    fn a_restart_leaves_no_trace(history in history(), cut in any::<prop::sample::Index>()) {
        let records = records(&history);
        let (before, after) = records.split_at(cut.index(records.len() + 1));
        let mut resumed: BTreeMap<UsageKey, UsageRow> = BTreeMap::new();
        for (key, row) in Replay::<UsageView>::of(before).unwrap().rows() {
            let stored = postcard::to_stdvec(row).unwrap();
            let (row, rest) = postcard::take_from_bytes(&stored).unwrap();
            prop_assert!(rest.is_empty());
            resumed.insert(key.clone(), row);
        }
        let mut resumed = Replay::<UsageView>::resume(resumed);
        after.iter().for_each(|record| resumed.take(record).unwrap());
        let whole = Replay::<UsageView>::of(&records).unwrap();
        prop_assert_eq!(resumed.rows(), whole.rows());
    }

    /// The sum of all rows is the sum of a plain list that corrections are applied to.
    #[test]
    fn the_total_is_that_of_a_plain_list(history in history()) {
        let records = records(&history);
        let mut plain: BTreeMap<u64, i64> = BTreeMap::new();
        for (revision, (record, (_, amount))) in (0_u64..).zip(records.iter().zip(&history)) {
            if let Event::Usage(usage::Event::Corrected(it)) = &record.event {
                if let Some(amount_before) = plain.get_mut(&it.record.get()) {
                    *amount_before = i64::from(*amount);
                }
            } else {
                plain.insert(revision, i64::from(*amount));
            }
        }
        let replay = Replay::<UsageView>::of(&records).unwrap();
        let total = projections::usage::total(replay.rows().values()).unwrap();
        let sum: i64 = plain.values().sum();
        let found = total.values().map(|it| it.quantity.to_string()).next().unwrap_or("0".into());
        prop_assert_eq!(found, sum.to_string());
    }
}
