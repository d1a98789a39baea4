//! What every log must do, whichever engine holds it. An engine is given as an [`Engine`]; each
//! check is one claim of the contract; [`conformance!`](crate::conformance) makes a test of each.
//!
//! Nothing here counts positions, opens a file or knows a segment: an engine over a server is held
//! to the same checks, unchanged.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::event::Event;
use crate::event::account::PlanAssigned;
use crate::log::{
    APPEND_EVENTS_MAX, Append, AppendError, Appended, EventLog, Expected, Fingerprint, NewEvent,
    OnConflict, Outcome, Position, ReadStream, Record, Revision,
};
use crate::stream::Stream;
use crate::testing::log::{append, producer_key, usage, usage_stream};
use crate::testing::model::Model;
use crate::testing::workload::Workload;

/// One ledger of an engine, which can be closed and opened again.
pub trait Engine {
    /// Opens the ledger; the first time, it is empty.
    fn open(&mut self) -> Box<dyn EventLog>;
}

fn records(log: &dyn EventLog, after: Position) -> Vec<Record> {
    log.read_all(after).expect("it reads").collect::<Result<_, _>>().expect("it reads to the end")
}

/// The log as it was submitted: facts of the engine's own stand in the `ledger` stream.
fn submitted(log: &dyn EventLog) -> Vec<Record> {
    let mut all = records(log, Position::ORIGIN);
    all.retain(|record| record.stream != Stream::Ledger);
    all
}

fn stream(log: &dyn EventLog, stream: &Stream, read: ReadStream) -> Vec<Record> {
    let read = log.read_stream(stream, read).expect("it reads");
    read.collect::<Result<_, _>>().expect("it reads to the end")
}

fn put(log: &dyn EventLog, tenant: &str, expected: Expected, ids: &[&str]) -> Appended {
    try_put(log, tenant, expected, ids).expect("it is taken")
}

fn try_put(
    log: &dyn EventLog,
    tenant: &str,
    expected: Expected,
    ids: &[&str],
) -> Result<Appended, AppendError> {
    let events = ids.iter().map(|id| usage(tenant, id, 1)).collect();
    log.append(append(usage_stream(tenant), expected, events)).wait()
}

fn recorded(appended: &Appended) -> Vec<(Position, Revision)> {
    let place = |outcome: &Outcome| match outcome {
        Outcome::Recorded { position, revision } => (*position, *revision),
        Outcome::Duplicate { .. } | Outcome::Conflict { .. } => panic!("not recorded: {outcome:?}"),
    };
    appended.outcomes.iter().map(place).collect()
}

/// An empty log has nothing, and says so.
pub fn an_empty_log_is_empty(engine: &mut dyn Engine) {
    let log = engine.open();
    assert_eq!(log.head(), Position::ORIGIN);
    assert_eq!(records(&*log, Position::ORIGIN), []);
    let missing = usage_stream("nobody");
    assert_eq!(stream(&*log, &missing, ReadStream::Forwards(Revision::FIRST)), []);
    assert_eq!(stream(&*log, &missing, ReadStream::Backwards), []);
    assert_eq!(log.stream_head(&missing), Ok(None));
    assert_eq!(log.find(&producer_key("nobody", "x")), Ok(None));
}

/// What is read is what was appended, all of it.
pub fn what_was_appended_is_read(engine: &mut dyn Engine) {
    let log = engine.open();
    let mut sent = append(usage_stream("a"), Expected::NoStream, vec![usage("a", "1", 5)]);
    sent.causation = Some(crate::id::EventId::from_bytes([3; 16]));
    sent.correlation = Some(crate::id::CorrelationId::from_bytes([4; 16]));
    sent.events[0].fingerprint = Some(Fingerprint([9; 32]));
    sent.events.push(NewEvent { key: None, ..usage("a", "unkeyed", 6) });
    let appended = log.append(sent.clone()).wait().expect("it is taken");
    let read = submitted(&*log);
    assert_eq!(read.len(), 2);
    for ((record, new), (position, revision)) in
        read.iter().zip(&sent.events).zip(recorded(&appended))
    {
        assert_eq!((record.position, record.revision), (position, revision));
        assert_eq!(record.stream, sent.stream);
        assert_eq!(record.actor, sent.actor);
        assert_eq!(record.causation, sent.causation);
        assert_eq!(record.correlation, sent.correlation);
        assert_eq!(record.event, new.event);
        assert_eq!(record.occurred_at, new.occurred_at);
        assert_eq!(record.key, new.key);
        assert_eq!(record.fingerprint, new.fingerprint);
    }
    let key = sent.events[0].key.as_ref().expect("it has one");
    assert_eq!(read[0].id, crate::id::EventId::derive(key));
    assert_ne!(read[0].id, read[1].id);
    assert_eq!(log.head(), read[1].position);
}

/// Positions rise over all streams in the order of acknowledgement; revisions are dense in each.
pub fn positions_rise_and_revisions_are_dense(engine: &mut dyn Engine) {
    let log = engine.open();
    let mut last = Position::ORIGIN;
    for n in 0..20_u32 {
        let tenant = if n % 3 == 0 { "a" } else { "b" };
        for (position, _) in
            recorded(&put(&*log, tenant, Expected::Any, &[&format!("{n}x"), &format!("{n}y")]))
        {
            assert!(position > last);
            last = position;
        }
    }
    for tenant in ["a", "b"] {
        let read = stream(&*log, &usage_stream(tenant), ReadStream::Forwards(Revision::FIRST));
        let revisions: Vec<u64> = read.iter().map(|record| record.revision.get()).collect();
        assert_eq!(revisions, (0..read.len() as u64).collect::<Vec<_>>());
        let head = log.stream_head(&usage_stream(tenant)).expect("it reads");
        assert_eq!(head, read.last().map(|record| record.revision));
    }
}

/// An append demands its revision and gets it, or learns the one there is.
pub fn an_expected_revision_is_held(engine: &mut dyn Engine) {
    let log = engine.open();
    let at = |revision| Expected::Exactly(Revision::new(revision));
    let wrong = |expected, actual: Option<u64>| AppendError::WrongRevision {
        stream: usage_stream("a"),
        expected,
        actual: actual.map(Revision::new),
    };
    assert_eq!(try_put(&*log, "a", at(0), &["1"]), Err(wrong(at(0), None)));
    put(&*log, "a", Expected::NoStream, &["1"]);
    let none = Expected::NoStream;
    assert_eq!(try_put(&*log, "a", none, &["2"]), Err(wrong(none, Some(0))));
    put(&*log, "a", at(0), &["2", "3"]);
    assert_eq!(try_put(&*log, "a", at(1), &["4"]), Err(wrong(at(1), Some(2))));
    assert_eq!(try_put(&*log, "a", at(3), &["4"]), Err(wrong(at(3), Some(2))));
    put(&*log, "a", at(2), &["4"]);
    assert_eq!(submitted(&*log).len(), 4, "what was refused is not there");
}

/// The same event again is the first outcome, for ever, whatever the append demands.
pub fn a_repeat_is_the_first_outcome(engine: &mut dyn Engine) {
    let log = engine.open();
    let first = recorded(&put(&*log, "a", Expected::NoStream, &["1", "2"]));
    let duplicates = |appended: &Appended| -> Vec<(Position, Revision)> {
        let place = |outcome: &Outcome| match outcome {
            Outcome::Duplicate { position, revision } => (*position, *revision),
            Outcome::Recorded { .. } | Outcome::Conflict { .. } => panic!("{outcome:?}"),
        };
        appended.outcomes.iter().map(place).collect()
    };
    put(&*log, "a", Expected::Any, &["3"]);
    for expected in [Expected::NoStream, Expected::Any, Expected::Exactly(Revision::new(77))] {
        assert_eq!(duplicates(&put(&*log, "a", expected, &["1", "2"])), first);
        assert_eq!(duplicates(&put(&*log, "a", expected, &["2"])), first[1..]);
    }
    drop(log);
    let log = engine.open();
    assert_eq!(duplicates(&put(&*log, "a", Expected::NoStream, &["1", "2"])), first);
    assert_eq!(submitted(&*log).len(), 3);
}

/// The same key with other content is a conflict, reported for its event; the rest is not recorded
/// unless it was asked for.
pub fn a_taken_key_is_a_conflict(engine: &mut dyn Engine) {
    let log = engine.open();
    let (position, revision) = recorded(&put(&*log, "a", Expected::Any, &["1"]))[0];
    let events = || vec![usage("a", "2", 1), usage("a", "1", 2), usage("a", "3", 1)];
    let sent = append(usage_stream("a"), Expected::Any, events());
    let refused = log.append(sent.clone()).wait();
    let outcomes = vec![None, Some(Outcome::Conflict { position }), None];
    assert_eq!(refused, Err(AppendError::Conflict { outcomes }));
    assert_eq!(submitted(&*log).len(), 1);
    let skipping = Append { on_conflict: OnConflict::SkipThem, ..sent };
    let appended = log.append(skipping.clone()).wait().expect("the rest is taken");
    assert!(matches!(appended.outcomes[0], Outcome::Recorded { .. }));
    assert_eq!(appended.outcomes[1], Outcome::Conflict { position });
    assert!(matches!(appended.outcomes[2], Outcome::Recorded { .. }));
    let again = log.append(skipping).wait().expect("again");
    assert!(matches!(again.outcomes[0], Outcome::Duplicate { .. }));
    assert_eq!(submitted(&*log).len(), 3);
    assert_eq!(submitted(&*log)[0].revision, revision);
}

/// Content is the event, its time and its stream, or the fingerprint that a caller gives.
pub fn content_is_the_event_or_its_fingerprint(engine: &mut dyn Engine) {
    let log = engine.open();
    let send = |new: NewEvent| {
        let stream = usage_stream("a");
        log.append(append(stream, Expected::Any, vec![new])).wait().map(|it| it.outcomes[0])
    };
    let is_duplicate = |it: &Result<Outcome, _>| matches!(it, Ok(Outcome::Duplicate { .. }));
    let is_conflict = |it: &Result<Outcome, _>| matches!(it, Err(AppendError::Conflict { .. }));
    send(usage("a", "plain", 1)).expect("it is taken");
    assert!(is_duplicate(&send(usage("a", "plain", 1))));
    let later = usage("a", "plain", 1).occurred_at.plus_seconds(1).expect("there is a later");
    assert!(is_conflict(&send(NewEvent { occurred_at: later, ..usage("a", "plain", 1) })));
    let marked = |mark: u8, hours| NewEvent {
        fingerprint: Some(Fingerprint([mark; 32])),
        ..usage("a", "marked", hours)
    };
    send(marked(1, 1)).expect("it is taken");
    assert!(is_duplicate(&send(marked(1, 2))), "the fingerprint counts, not the event");
    assert!(is_conflict(&send(marked(2, 1))));
    assert!(is_conflict(&send(usage("a", "marked", 1))));
    let elsewhere = append(usage_stream("b"), Expected::Any, vec![usage("a", "plain", 1)]);
    assert!(matches!(log.append(elsewhere).wait(), Err(AppendError::Conflict { .. })));
}

/// A key is a tenant's, of a source, and of one event among those of a command.
pub fn every_part_of_a_key_counts(engine: &mut dyn Engine) {
    let log = engine.open();
    let base = producer_key("a", "1");
    let mut other_tenant = producer_key("b", "1");
    other_tenant.source = base.source.clone();
    let mut other_source = base.clone();
    other_source.source = "/producers/other".parse().expect("it is a source");
    let mut other_index = base.clone();
    other_index.index = 1;
    let mut other_id = base.clone();
    other_id.id = "00000000-0000-4000-8000-000000000001".parse().expect("it is an id");
    for key in [base, other_tenant, other_source, other_index, other_id] {
        let new = NewEvent { key: Some(key.clone()), ..usage("a", "1", 1) };
        let appended = log.append(append(usage_stream("a"), Expected::Any, vec![new])).wait();
        recorded(&appended.expect("another key is another event"));
        let found = log.find(&key).expect("it reads").expect("it is there");
        assert_eq!(found.key, Some(key));
    }
    assert_eq!(submitted(&*log).len(), 5);
}

/// One append may say a thing twice, and not two things by one name.
pub fn an_append_may_repeat_itself(engine: &mut dyn Engine) {
    let log = engine.open();
    let appended = put(&*log, "a", Expected::NoStream, &["1"]);
    let (first, _) = recorded(&appended)[0];
    let twice = put(&*log, "a", Expected::Any, &["2", "2"]);
    let Outcome::Recorded { position, revision } = twice.outcomes[0] else {
        panic!("{:?}", twice.outcomes);
    };
    assert!(position > first);
    assert_eq!(twice.outcomes[1], Outcome::Duplicate { position, revision });
    let events = vec![usage("a", "3", 1), usage("a", "3", 2)];
    let refused = log.append(append(usage_stream("a"), Expected::Any, events)).wait();
    assert!(matches!(refused, Err(AppendError::Conflict { .. })), "{refused:?}");
    assert_eq!(submitted(&*log).len(), 2);
}

/// A demanded revision and a half-known append do not go together.
pub fn a_half_known_append_with_a_revision_is_refused(engine: &mut dyn Engine) {
    let log = engine.open();
    put(&*log, "a", Expected::NoStream, &["1"]);
    let refused = try_put(&*log, "a", Expected::Exactly(Revision::FIRST), &["1", "2"]);
    assert_eq!(refused, Err(AppendError::PartlyRecorded { stream: usage_stream("a") }));
    assert_eq!(submitted(&*log).len(), 1);
}

/// What no log takes is refused by name, and nothing of it is recorded.
pub fn what_cannot_be_taken_is_refused(engine: &mut dyn Engine) {
    let log = engine.open();
    let send =
        |events: Vec<NewEvent>| log.append(append(usage_stream("a"), Expected::Any, events)).wait();
    assert!(matches!(send(Vec::new()), Err(AppendError::Empty { .. })));
    let misplaced = PlanAssigned { plan: "free".parse().expect("it is a code") };
    let misplaced = NewEvent { event: Event::from(misplaced), ..usage("a", "1", 1) };
    let refused = send(vec![usage("a", "0", 1), misplaced]);
    assert!(matches!(refused, Err(AppendError::WrongStream { index: 1, .. })), "{refused:?}");
    let many = (0..=APPEND_EVENTS_MAX).map(|n| usage("a", &n.to_string(), 1)).collect();
    assert!(matches!(send(many), Err(AppendError::TooLarge { .. })));
    assert_eq!(submitted(&*log), []);
}

/// A read ends at the head there was when it began, and begins behind what its reader has seen.
pub fn a_read_has_two_ends(engine: &mut dyn Engine) {
    let log = engine.open();
    put(&*log, "a", Expected::Any, &["1", "2", "3"]);
    let all = log.read_all(Position::ORIGIN).expect("it reads");
    let of_stream = log
        .read_stream(&usage_stream("a"), ReadStream::Forwards(Revision::new(1)))
        .expect("it reads");
    let head = log.head();
    put(&*log, "a", Expected::Any, &["4"]);
    let seen: Vec<Record> = all.collect::<Result<_, _>>().expect("it reads to the end");
    assert!(seen.iter().all(|record| record.position <= head));
    let of_stream: Vec<Record> = of_stream.collect::<Result<_, _>>().expect("it reads to the end");
    let revisions: Vec<u64> = of_stream.iter().map(|record| record.revision.get()).collect();
    assert_eq!(revisions, [1, 2]);
    let rest = records(&*log, head);
    assert_eq!(rest.len(), 1);
    assert!(rest[0].position > head);
    let past = ReadStream::Forwards(Revision::new(99));
    assert_eq!(stream(&*log, &usage_stream("a"), past), []);
}

/// Backwards is forwards, reversed.
pub fn backwards_is_forwards_reversed(engine: &mut dyn Engine) {
    let log = engine.open();
    for n in 0..50 {
        put(&*log, if n % 2 == 0 { "a" } else { "b" }, Expected::Any, &[&n.to_string()]);
    }
    let mut backwards = stream(&*log, &usage_stream("a"), ReadStream::Backwards);
    backwards.reverse();
    let forwards = stream(&*log, &usage_stream("a"), ReadStream::Forwards(Revision::FIRST));
    assert_eq!(backwards, forwards);
    assert_eq!(forwards.len(), 25);
}

/// A follower sees everything once, in order, whatever comes while it reads.
pub fn a_follower_misses_and_repeats_nothing(engine: &mut dyn Engine) {
    let log = engine.open();
    put(&*log, "a", Expected::Any, &["before"]);
    let mut follower = log.follow(Position::ORIGIN).expect("it follows");
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let log = &*log;
            scope.spawn(move || {
                for n in 0..50 {
                    put(log, &format!("w{writer}"), Expected::Any, &[&n.to_string()]);
                }
            });
        }
        let mut seen: Vec<Record> = Vec::new();
        while seen.len() < 101 {
            let next = follower.next(Duration::from_secs(20)).expect("it reads");
            let record = next.expect("something comes within 20 seconds");
            if record.stream != Stream::Ledger {
                seen.push(record);
            }
        }
        let unique: BTreeSet<Position> = seen.iter().map(|record| record.position).collect();
        assert_eq!(unique.len(), 101);
        assert!(seen.is_sorted_by_key(|record| record.position));
    });
    let nothing = follower.next(Duration::from_millis(1)).expect("it reads");
    assert_eq!(nothing, None);
    let mut later = log.follow(log.head()).expect("it follows");
    let (position, _) = recorded(&put(&*log, "a", Expected::Any, &["after"]))[0];
    let record = later.next(Duration::from_secs(20)).expect("it reads").expect("it comes");
    assert_eq!(record.position, position);
}

/// Of those who race for one revision exactly one wins.
pub fn one_of_those_who_race_wins(engine: &mut dyn Engine) {
    let log = engine.open();
    put(&*log, "a", Expected::NoStream, &["first"]);
    for round in 0..20_u64 {
        let wins: usize = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|racer| {
                    let log = &*log;
                    scope.spawn(move || {
                        let expected = Expected::Exactly(Revision::new(round));
                        try_put(log, "a", expected, &[&format!("{round}-{racer}")]).is_ok()
                    })
                })
                .collect();
            racers.into_iter().filter_map(|it| it.join().ok()).filter(|won| *won).count()
        });
        assert_eq!(wins, 1, "round {round}");
    }
    assert_eq!(submitted(&*log).len(), 21);
}

/// Closing and opening changes nothing, and a log goes on where it was.
pub fn opening_again_changes_nothing(engine: &mut dyn Engine) {
    let log = engine.open();
    let ledger = log.ledger();
    put(&*log, "a", Expected::Any, &["1", "2"]);
    put(&*log, "b", Expected::Any, &["1"]);
    let before = submitted(&*log);
    drop(log);
    let log = engine.open();
    assert_eq!(log.ledger(), ledger);
    assert_eq!(submitted(&*log), before);
    let appended = put(&*log, "a", Expected::Exactly(Revision::new(1)), &["3"]);
    assert!(recorded(&appended)[0].0 > before[2].position);
}

/// Whatever is appended, the log answers as a plain list would.
pub fn it_answers_as_a_list_would(engine: &mut dyn Engine) {
    let mut log = engine.open();
    let mut model = Model::new();
    let mut workload = Workload::new(20_260_401);
    for step in 0..300 {
        let sent = workload.next(&model);
        let answer = log.append(sent.clone()).wait();
        model.take(&sent, &answer).expect("the log answers as the list");
        if step % 60 == 59 {
            drop(log);
            log = engine.open();
        }
    }
    model.check_answers(&*log).expect("the log reads as the list");
}

/// Makes a test of each check. `$engine` makes a new, empty ledger of an engine.
#[macro_export]
macro_rules! conformance {
    ($engine:expr) => {
        $crate::conformance! {
            $engine;
            an_empty_log_is_empty,
            what_was_appended_is_read,
            positions_rise_and_revisions_are_dense,
            an_expected_revision_is_held,
            a_repeat_is_the_first_outcome,
            a_taken_key_is_a_conflict,
            content_is_the_event_or_its_fingerprint,
            every_part_of_a_key_counts,
            an_append_may_repeat_itself,
            a_half_known_append_with_a_revision_is_refused,
            what_cannot_be_taken_is_refused,
            a_read_has_two_ends,
            backwards_is_forwards_reversed,
            a_follower_misses_and_repeats_nothing,
            one_of_those_who_race_wins,
            opening_again_changes_nothing,
            it_answers_as_a_list_would,
        }
    };
    ($engine:expr; $($check:ident,)+) => {
        $(
            #[test]
            fn $check() {
                let mut engine = $engine;
                $crate::testing::conformance::$check(&mut engine);
            }
        )+
    };
}
