//! Bills: discovered, read in chunks, cut anywhere, superseded, attributed.

use proptest::prelude::*;

use super::*;
use crate::bill;
use crate::decide::Refusal;
use crate::decide::script::{Folded, Script};
use crate::event::provider::CostOwner;
use crate::money::Currency;
use crate::testing::cases;

impl Folded for Bill {
    const STREAM: &str = "bill-digitalocean.2026-04";

    fn after(self, record: &Record) -> Result<Self, FoldError> {
        self.fold(record)
    }
}

fn header(status: BillStatus, total: Option<&str>) -> BillDiscovered {
    let usd = |it| Money::parse(it, Currency::USD).unwrap();
    BillDiscovered { status, period: "2026-04".parse().unwrap(), total: total.map(usd) }
}

const HEADER: &str = "product,group_description,description,hours,start,end,USD,project_name\n";

/// A bill of so many lines of one dollar each, with descriptions of so many bytes.
fn file(lines: usize, bytes: usize) -> Reading {
    let mut text = HEADER.to_owned();
    for line in 0..lines {
        let name = format!("{line:0>bytes$}");
        let interval = "2026-04-01 00:00:00 +0000,2026-05-01 00:00:00 +0000";
        text.push_str(&format!("Droplets,,{name},1,{interval},$1.00,acme\n"));
    }
    bill::read(text.as_bytes()).unwrap()
}

fn open() -> Script<Bill> {
    let mut script = Script::<Bill>::new();
    script.take(script.state.discover(&header(BillStatus::Open, None)));
    script
}

/// Records all of a reading, as a runner does; answers how many events that were.
#[track_caller]
fn read(script: &mut Script<Bill>, reading: &Reading) -> usize {
    let mut events = 0;
    loop {
        match script.take(script.state.ingest(reading)) {
            0 => return events,
            some => events += some,
        }
    }
}

fn owner(name: &str) -> CostOwner {
    CostOwner::Tenant(name.parse().unwrap())
}

fn by_hand(reading: &Reading, row: u32, to: &str, remembered: bool) -> LineAttributed {
    LineAttributed { ingest: reading.ingest(), row, owner: owner(to), remembered, reason: None }
}

#[track_caller]
fn refused<R: Refusal + PartialEq>(answer: Result<Vec<event::Event>, R>, expected: &R, code: &str) {
    let refusal = answer.unwrap_err();
    assert_eq!(&refusal, expected);
    assert_eq!(refusal.code(), code);
}

#[test]
fn a_header_is_recorded_when_it_says_something_new() {
    let mut script = Script::<Bill>::new();
    for (status, total, events) in [
        (BillStatus::Preview, None, 1),
        (BillStatus::Preview, None, 0),
        (BillStatus::Preview, Some("3.00"), 1),
        (BillStatus::Open, Some("3.00"), 1),
        (BillStatus::Open, Some("3.00"), 0),
        (BillStatus::Open, Some("2.00"), 1),
        (BillStatus::Paid, Some("2.00"), 1),
        (BillStatus::Open, Some("2.00"), 1),
    ] {
        assert_eq!(script.take(script.state.discover(&header(status, total))), events);
    }
    let closed = DiscoveryRefusal::BillClosed { status: BillStatus::Open };
    refused(script.state.discover(&header(BillStatus::Preview, None)), &closed, "bill_closed");
}

#[test]
fn a_preview_is_never_booked() {
    let mut script = Script::<Bill>::new();
    let reading = file(2, 1);
    refused(script.state.ingest(&reading), &IngestRefusal::BillUnknown, "bill_unknown");
    script.take(script.state.discover(&header(BillStatus::Preview, None)));
    let preview = IngestRefusal::BillIsPreview { period: "2026-04".parse().unwrap() };
    refused(script.state.ingest(&reading), &preview, "bill_is_preview");
    script.take(script.state.discover(&header(BillStatus::Paid, None)));
    assert_eq!(read(&mut script, &reading), 2);
}

#[test]
fn the_same_file_is_read_once_and_a_corrected_one_takes_its_place() {
    let mut script = open();
    let (first, corrected) = (file(3, 1), file(2, 1));
    assert_eq!(read(&mut script, &first), 2);
    assert_eq!(read(&mut script, &first), 0);
    assert_eq!(script.state.lines(), first.lines());
    assert_eq!(read(&mut script, &corrected), 2);
    assert_eq!(script.state.lines(), corrected.lines());
    assert_eq!(script.state.sealed().unwrap().sums, corrected.sums());
    // The former file again, late: the bill stays the corrected one.
    assert_eq!(read(&mut script, &first), 0);
    assert_eq!(script.state.sealed().unwrap().ingest, corrected.ingest());
}

#[test]
fn an_empty_bill_is_a_seal() {
    let mut script = open();
    assert_eq!(read(&mut script, &file(0, 1)), 1);
    assert_eq!(script.state.sealed().unwrap().sums, []);
}

#[test]
fn lines_that_are_not_sealed_count_for_nothing() {
    let mut script = open();
    let (first, large) = (file(1, 1), file(100, 3_000));
    read(&mut script, &first);
    let [chunk, ..] = &script.state.ingest(&large).unwrap()[..] else { panic!("no chunk") };
    script.record(chunk.clone());
    assert_eq!(script.state.lines(), first.lines());
    assert_eq!(script.state.sealed().unwrap().ingest, first.ingest());
}

#[test]
fn a_large_bill_comes_in_events_and_answers_of_bounded_size() {
    let mut script = open();
    let reading = file(1_500, 3_900);
    let mut answers = 0;
    loop {
        let events = script.state.ingest(&reading).unwrap();
        let sizes = events.iter().map(|it| it.encode().unwrap().len()).collect::<Vec<_>>();
        assert!(sizes.iter().all(|it| *it <= EVENT_BYTES_MAX), "{sizes:?}");
        assert!(sizes.iter().sum::<usize>() <= ANSWER_BYTES_MAX + EVENT_BYTES_MAX);
        if script.take(Ok::<_, IngestRefusal>(events)) == 0 {
            break;
        }
        answers += 1;
    }
    assert_eq!(answers, 6);
    assert_eq!(script.state.lines(), reading.lines());
}

#[test]
fn what_was_read_otherwise_before_is_refused() {
    let mut script = open();
    let (reading, other) = (file(2, 1), file(3, 2));
    let lines = other.lines().to_vec();
    script.record(LinesRecorded { ingest: reading.ingest(), lines }.into());
    let differs = IngestRefusal::ReadingDiffers { row: 1 };
    refused(script.state.ingest(&reading), &differs, "reading_differs");
    let mut script = open();
    let lines = file(3, 1).lines().to_vec();
    script.record(LinesRecorded { ingest: reading.ingest(), lines }.into());
    refused(
        script.state.ingest(&reading),
        &IngestRefusal::ReadingDiffers { row: 3 },
        "reading_differs",
    );
}

#[test]
fn a_total_that_the_lines_do_not_reach_shows() {
    let usd = |it| Some(Money::parse(it, Currency::USD).unwrap());
    let mut script = open();
    assert_eq!(script.state.beyond_lines(), Ok(None));
    script.take(script.state.discover(&header(BillStatus::Open, Some("3.00"))));
    read(&mut script, &file(2, 1));
    assert_eq!(script.state.beyond_lines(), Ok(usd("1.00")));
    read(&mut script, &file(3, 1));
    assert_eq!(script.state.beyond_lines(), Ok(usd("0")));
    read(&mut script, &file(0, 1));
    assert_eq!(script.state.beyond_lines(), Ok(usd("3.00")));
}

#[test]
fn a_line_is_attributed_by_hand_and_remembered() {
    let mut script = open();
    let (first, corrected) = (file(3, 1), file(2, 1));
    let attribute = |script: &Script<Bill>, it: &LineAttributed| script.state.attribute(it);
    let command = by_hand(&first, 2, "acme", true);
    let ingest = first.ingest();
    let nobody = Script::<Bill>::new();
    refused(attribute(&nobody, &command), &AttributionRefusal::BillUnknown, "bill_unknown");
    let unknown = AttributionRefusal::ReadingUnknown { ingest: ingest.clone() };
    refused(attribute(&script, &command), &unknown, "reading_unknown");
    read(&mut script, &first);
    assert_eq!(script.take(attribute(&script, &command)), 1);
    assert_eq!(script.take(attribute(&script, &command)), 0);
    assert_eq!(script.state.attribution(2), Some(&command));
    assert_eq!(script.state.attribution(1), None);
    let no_row = AttributionRefusal::RowUnknown { row: 4 };
    refused(attribute(&script, &by_hand(&first, 4, "acme", true)), &no_row, "row_unknown");
    refused(
        attribute(&script, &by_hand(&first, 0, "acme", true)),
        &AttributionRefusal::RowUnknown { row: 0 },
        "row_unknown",
    );
    assert_eq!(script.take(attribute(&script, &by_hand(&first, 2, "globex", true))), 1);
    assert_eq!(script.take(attribute(&script, &by_hand(&first, 3, "acme", false))), 1);
    read(&mut script, &corrected);
    let standing = corrected.ingest();
    let superseded = AttributionRefusal::ReadingSuperseded { ingest, standing };
    refused(attribute(&script, &command), &superseded, "reading_superseded");
    assert_eq!(script.state.attribution(2), None);
    let remembered = script.state.remembered().map(|it| (&it.line, &it.said.owner));
    assert_eq!(remembered.collect::<Vec<_>>(), [(&first.lines()[1], &owner("globex"))]);
}

#[track_caller]
fn broken(script: &Script<Bill>, event: impl Into<event::Event>, expected: FoldProblem) {
    let error = script.refused(event.into());
    let FoldError::Contradiction { problem, .. } = error else { panic!("{error:?}") };
    assert_eq!(*problem, expected);
}

#[test]
fn a_history_that_contradicts_itself_is_not_folded() {
    let mut script = open();
    let reading = file(3, 1);
    let ingest = reading.ingest();
    let events = script.state.ingest(&reading).unwrap();
    let [_, event::Event::Provider(Event::LinesSealed(sealed))] = &events[..] else {
        panic!("{events:?}")
    };
    let recorded = LinesRecorded { ingest: ingest.clone(), lines: reading.lines().to_vec() };
    broken(&Script::new(), recorded.clone(), FoldProblem::NotBegun);
    let count = FoldProblem::SealedCount { ingest: ingest.clone(), sealed: 3, found: 0 };
    broken(&script, sealed.clone(), count);
    let row = FoldProblem::UnknownRow { ingest: ingest.clone(), row: 1 };
    broken(&script, by_hand(&reading, 1, "acme", true), row);
    script.record(events[0].clone());
    let order = FoldProblem::RowOrder { ingest: ingest.clone(), row: 1, before: 3 };
    broken(&script, recorded.clone(), order);
    let sums = vec![Money::parse("3.01", Currency::USD).unwrap()];
    let other = LinesSealed { sums: sums.clone(), ..sealed.clone() };
    let found = sealed.sums.clone();
    let differ = FoldProblem::SealedSums { ingest: ingest.clone(), sealed: sums, found };
    broken(&script, other, differ);
    script.record(events[1].clone());
    broken(&script, sealed.clone(), FoldProblem::ReadingSealed { ingest: ingest.clone() });
    broken(&script, recorded, FoldProblem::ReadingSealed { ingest });
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Wherever an ingest is cut, and however often, the same file ends it the same way.
    #[test]
    fn a_cut_ingest_ends_as_an_uncut_one(
        lines in 0_usize..60,
        bytes in 1_usize..3_900,
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let reading = file(lines, bytes);
        let mut whole = open();
        read(&mut whole, &reading);
        let mut cut = open();
        for place in cuts {
            let events = cut.state.ingest(&reading).unwrap();
            let kept = place.index(events.len() + 1);
            events.into_iter().take(kept).for_each(|it| cut.record(it));
        }
        read(&mut cut, &reading);
        prop_assert_eq!(&cut.state, &whole.state);
        prop_assert_eq!(cut.revision(), whole.revision());
        prop_assert_eq!(cut.state.lines(), reading.lines());
    }

    /// A line takes no more bytes than it is counted for.
    #[test]
    fn no_line_is_longer_than_it_is_counted_for(line in any::<BillLine>()) {
        let ingest: IngestId = "0".repeat(64).parse().unwrap();
        let empty = LinesRecorded { ingest: ingest.clone(), lines: Vec::new() };
        let one = LinesRecorded { ingest, lines: vec![line.clone()] };
        let size = |it: LinesRecorded| event::Event::from(it).encode().unwrap().len();
        prop_assert!(size(one) - size(empty) <= bytes_max(&line));
    }

    /// Whatever came before, a decision answers, and its events can be folded.
    #[test]
    fn no_decision_about_a_bill_panics(
        header in any::<BillDiscovered>(),
        events in proptest::collection::vec(
            proptest::strategy::Union::new(event::provider::Event::strategies()),
            0..12,
        ),
        (again, attributed) in any::<(BillDiscovered, LineAttributed)>(),
        lines in 0_usize..4,
    ) {
        let mut script = Script::<Bill>::new();
        script.record(header.into());
        let stream = Bill::STREAM.parse().unwrap();
        for event in events.into_iter().filter(|it| it.belongs_in(&stream)) {
            script.try_record(event);
        }
        let mut take = |events: Vec<event::Event>| {
            events.into_iter().for_each(|it| script.record(it));
            script.state.clone()
        };
        let bill = take(Vec::new());
        let bill = take(bill.discover(&again).unwrap_or_default());
        let reading = file(lines, 3);
        let bill = take(bill.ingest(&reading).unwrap_or_default());
        let is_read = bill.sealed().is_some_and(|it| it.ingest == reading.ingest());
        prop_assert_eq!(is_read, bill.header().unwrap().status != BillStatus::Preview);
        let ingest = if is_read { reading.ingest() } else { attributed.ingest.clone() };
        let command = LineAttributed { ingest, row: 1, ..attributed };
        let bill = take(bill.attribute(&command).unwrap_or_default());
        prop_assert_eq!(bill.attribution(1).is_some(), is_read && lines > 0);
        if let Ok(Some(beyond)) = bill.beyond_lines() {
            let mut sums = bill.sealed().unwrap().sums.iter();
            let back = sums.try_fold(beyond, |it, sum| it.checked_add(*sum));
            prop_assert_eq!(back.ok(), bill.header().unwrap().total);
        }
    }
}
