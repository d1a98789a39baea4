//! From the stream of a bill to whose cost it is.

use super::*;
use crate::decide::bill::Bill;
use crate::event::Event;
use crate::event::provider::{
    BillDiscovered, BillStatus, LineAttributed, LinesRecorded, LinesSealed,
};
use crate::id::{Actor, EventId, LedgerId, Role, Sha256Digest};
use crate::log::Record;
use crate::stream::Stream;

/// The fold of bill `4711` after these events.
fn bill(events: Vec<Event>) -> Bill {
    let stream: Stream = parsed("bill-digitalocean.4711");
    let mut bill = Bill::default();
    for (place, event) in (0_u64..).zip(events) {
        let revision = Revision::new(place);
        let record = Record {
            position: Position::new(place * 3),
            id: EventId::derive_placed(&LedgerId::from_bytes([7; 16]), &stream, revision),
            stream: stream.clone(),
            revision,
            occurred_at: at("2026-05-02"),
            recorded_at: at("2026-05-02"),
            actor: Actor { who: parsed("test"), role: Role::Operator },
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            event,
            written: None,
        };
        bill = bill.fold(&record).unwrap();
    }
    bill
}

fn read(ingest: &str, lines: &[CostLine]) -> [Event; 2] {
    let sum = Money::sum(Currency::USD, lines.iter().map(|it| it.line.amount)).unwrap();
    let sealed = LinesSealed {
        ingest: parsed(ingest),
        lines: u32::try_from(lines.len()).unwrap(),
        sums: vec![sum],
        sha256: Sha256Digest::from_bytes([0; 32]),
        format: parsed("digitalocean-csv"),
    };
    let lines = lines.iter().map(|it| it.line.clone()).collect();
    [LinesRecorded { ingest: parsed(ingest), lines }.into(), sealed.into()]
}

#[test]
fn a_bill_is_the_lines_of_its_last_sealed_reading_and_what_was_said_of_any() {
    let (provider, number) = (parsed("digitalocean"), parsed("4711"));
    let discovered =
        BillDiscovered { status: BillStatus::Open, period: parsed("2026-04"), total: None };
    let spaces = bill_line(1, "Spaces Subscription", "Spaces", "5.00");
    let [recorded, sealed] = read("first", std::slice::from_ref(&spaces));
    let mut events = vec![discovered.into(), recorded];
    assert_eq!(CostLine::of(&provider, &number, &bill(events.clone())), []);
    events.push(sealed);
    let first = CostLine::of(&provider, &number, &bill(events.clone()));
    assert_eq!(first, [CostLine { recorded_by: Revision::new(2), ..spaces.clone() }]);
    let said = LineAttributed {
        ingest: parsed("first"),
        row: 1,
        owner: CostOwner::Tenant(parsed("acme")),
        remembered: false,
        reason: None,
    };
    events.push(said.into());
    let volume = bill_line(1, "Volumes", "vol-1", "2.00");
    let mut moved = spaces;
    moved.line.row = 2;
    events.extend(read("second", &[volume, moved]));
    let bill = bill(events);
    let mut world = World::new();
    world.lines = CostLine::of(&provider, &number, &bill);
    world.by_hand = ByHand::of(&provider, &number, &bill);
    assert_eq!(told(&world.attributed()), ["Unknown 2.00", "acme 5.00"]);
    assert_eq!(world.by_hand[0].position, Position::new(9));
    assert_eq!(world.lines[1].recorded_by, Revision::new(5));
}
