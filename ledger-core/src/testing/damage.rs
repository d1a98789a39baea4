//! A small ledger on a simulated disk, to be damaged in every way, and what is seen of it then.
//!
//! Damage is either refused at opening, said when the damaged place is read, or changes no answer.
//! A shorter, longer or different answer is wrong, and so is a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::event::parsed;
use crate::event::{Event, inventory};
use crate::id::{Actor, Key, KeyScope, Label, LedgerId, Role, TenantId};
use crate::log::embedded::{EmbeddedLog, HighWater, Options, Threads};
use crate::log::{
    Append, EventLog, Expected, NewEvent, OnConflict, Position, ReadError, ReadStream, Record,
    Revision,
};
use crate::stream::Stream;

use super::clock::SteppingClock;
use super::disk::{Chance, SimulatedDisk, Snapshot};
use super::workload::epoch;

/// What is seen of a damaged ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// It was not opened, and the error said why.
    Refused,
    /// It was opened, and a read said that it could not be answered.
    Unreadable,
    /// Every answer is the one it was.
    Same,
}

/// A ledger before it is damaged, and what it answers.
#[derive(Debug)]
pub struct Intact {
    /// The disk it is on.
    pub snapshot: Snapshot,
    records: Vec<Record>,
    segment_bytes: u64,
}

impl Intact {
    /// A ledger of so many sealed segments and one that is not, closed in order.
    pub fn make(segment_bytes: u64, sealed: usize) -> Result<Self, String> {
        let disk = SimulatedDisk::new();
        let mut made = Self { snapshot: disk.snapshot(), records: Vec::new(), segment_bytes };
        let log = made.open(&disk)?;
        let mut chance = Chance::new(1);
        let mut number = 0;
        while disk.list_segments() <= sealed {
            number += 1;
            let append = tagged(number, &mut chance, segment_bytes);
            log.append(append).wait().map_err(|error| error.to_string())?;
        }
        log.settle();
        log.append(tagged(number + 1, &mut chance, 2_000)).wait().map_err(|it| it.to_string())?;
        log.close().map_err(|error| error.to_string())?;
        made.snapshot = disk.snapshot();
        let log = made.open(&SimulatedDisk::from(made.snapshot.clone()))?;
        let records = log.read_all(Position::ORIGIN).and_then(Iterator::collect);
        made.records = records.map_err(|error: ReadError| error.to_string())?;
        Ok(made)
    }

    fn open(&self, disk: &SimulatedDisk) -> Result<EmbeddedLog, String> {
        let options = Options {
            segment_bytes: self.segment_bytes,
            high_water: HighWater::Trailing,
            threads: Threads::Caller,
            // A damaged ledger is never made anew.
            create: self.records.is_empty(),
            ledger: Some(LedgerId::from_bytes(*b"a ledger of test")),
            clock: Arc::new(SteppingClock::starting_at(epoch())),
            ..Options::default()
        };
        EmbeddedLog::open(Arc::new(disk.clone()), options).map_err(|error| error.to_string())
    }

    /// Opens a damaged copy and asks it everything. The error is a wrong answer.
    pub fn look(&self, damaged: &SimulatedDisk) -> Result<Seen, String> {
        let looked = catch_unwind(AssertUnwindSafe(|| {
            let Ok(log) = self.open(damaged) else { return Ok(Seen::Refused) };
            match self.ask(&log) {
                Ok(Ok(())) => Ok(Seen::Same),
                Ok(Err(wrong)) => Err(wrong),
                // The disk fails no call here: what cannot be read was found to be damaged.
                Err(
                    ReadError::Damaged { .. }
                    | ReadError::Undecodable { .. }
                    | ReadError::Io { .. },
                ) => Ok(Seen::Unreadable),
            }
        }));
        looked.unwrap_or_else(|_| Err("it panicked".to_owned()))
    }

    fn ask(&self, log: &EmbeddedLog) -> Result<Result<(), String>, ReadError> {
        let mut found = log.read_all(Position::ORIGIN)?;
        for expected in &self.records {
            match found.next().transpose()? {
                Some(record) if record == *expected => {}
                other => return Ok(Err(format!("{other:?} in place of {expected:?}"))),
            }
        }
        // What recovery has to say about the damage comes behind everything else.
        for extra in found {
            let extra = extra?;
            if extra.stream != Stream::Ledger {
                return Ok(Err(format!("{extra:?} was never submitted")));
            }
        }
        for expected in &self.records {
            let Some(key) = &expected.key else { continue };
            if log.find(key)?.as_ref() != Some(expected) {
                return Ok(Err(format!("{key:?} is not found")));
            }
        }
        for stream in (0..STREAMS).map(stream) {
            let mine = self.records.iter().filter(|record| record.stream == stream);
            let read = log.read_stream(&stream, ReadStream::Forwards(Revision::FIRST))?;
            let read = read.collect::<Result<Vec<_>, _>>()?;
            if !mine.eq(&read) {
                return Ok(Err(format!("{stream} is not what it was")));
            }
        }
        Ok(Ok(()))
    }
}

impl SimulatedDisk {
    fn list_segments(&self) -> usize {
        self.snapshot().paths().iter().filter(|path| path.ends_with(".log")).count()
    }
}

const STREAMS: u32 = 3;

fn stream(number: u32) -> Stream {
    parsed(&format!("resource-digitalocean.i-{}", number % STREAMS))
}

/// A large event that does not compress, so that few of them fill a segment.
fn tagged(number: u32, chance: &mut Chance, segment_bytes: u64) -> Append {
    let tags = usize::try_from(segment_bytes / 1_000).unwrap_or(1).clamp(1, 40);
    let mut tag = || -> Label {
        let letters =
            (0..180).map(|_| char::from(b'!' + u8::try_from(chance.below(90)).unwrap_or(0)));
        parsed(&letters.collect::<String>())
    };
    let tags = (0..tags).map(|_| tag()).collect();
    let tenant: TenantId = parsed("acme");
    Append {
        stream: stream(number),
        expected: Expected::Any,
        actor: Actor { who: parsed("ann"), role: Role::Operator },
        causation: None,
        correlation: None,
        events: vec![NewEvent {
            event: Event::from(inventory::ResourceTagged { tags, tenant: None }),
            occurred_at: epoch(),
            key: Some(Key {
                scope: KeyScope::Tenant(tenant),
                source: parsed("import"),
                id: parsed(&format!("r{number}")),
                index: 0,
            }),
            fingerprint: None,
        }],
        on_conflict: OnConflict::RefuseAll,
    }
}
