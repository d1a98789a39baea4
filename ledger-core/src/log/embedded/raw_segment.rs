//! A whole unsealed segment in memory, verified, so that it can be sealed.
//!
//! Its bytes are read in one piece, which goes back to the system as one; beside them stands only
//! where each record's row begins.

use super::engine::Failure;
use super::frame_reader::{self, FrameBatch};
use super::mapped::mapped;
use super::raw::{Entry, Names, RawRecord, RowBase, RowError, Rows};
use super::sealed::{Facts, Records};
use super::shared::Shared;
use super::tail::Tail;

/// See the file's opening words.
pub(crate) struct RawSegment {
    frames: FrameBatch,
    rows: Vec<RowPlace>,
    names: Names,
    facts: Facts,
}

/// Where the row of a record is.
#[derive(Debug, Clone, Copy)]
struct RowPlace {
    /// The place of its frame among the frames.
    frame: u32,
    /// Where it begins in the frame's payload.
    at: u32,
}

impl RawSegment {
    /// Reads what a segment holds that is complete.
    pub(crate) fn read(shared: &Shared, tail: &Tail) -> Result<Self, Failure> {
        let failed = |error| Failure {
            what: "read",
            path: tail.path.clone(),
            source: std::io::Error::other(error),
        };
        let frames = frame_reader::read_whole(tail).map_err(|error| failed(error.to_string()))?;
        let index = tail.read();
        let rows = places(&frames, index.events()).map_err(|error| failed(error.to_string()))?;
        let frames_count = u64::try_from(index.frames().len()).unwrap_or(u64::MAX);
        let facts = Facts {
            ledger: shared.identity.ledger,
            segment: u64::from(tail.segment),
            first_position: tail.first_position,
            count: u64::from(index.events()),
            first_frame: tail.first_sequence,
            last_frame: tail.first_sequence.saturating_add(frames_count).saturating_sub(1),
            last_recorded_at: index.last_recorded_at().unwrap_or(0),
        };
        Ok(Self { frames, rows, names: index.names.clone(), facts })
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }
}

/// Where each record's row begins.
fn places(frames: &FrameBatch, events: u32) -> Result<Vec<RowPlace>, RowError> {
    let mut places = mapped(usize::try_from(events).unwrap_or(0));
    for ((tail_frame, payload), frame) in frames.iter().zip(0_u32..) {
        let mut rows = Rows::new(payload, tail_frame.base());
        loop {
            let at = payload.len().saturating_sub(rows.left());
            let at = u32::try_from(at).map_err(|_| RowError::TooLarge)?;
            match rows.next() {
                None => break,
                Some(row) => {
                    if let Entry::Event(_) = row? {
                        places.push(RowPlace { frame, at });
                    }
                }
            }
        }
    }
    Ok(places)
}

impl Records for RawSegment {
    #[inline]
    fn get(&self, place: usize) -> Option<RawRecord<'_>> {
        let RowPlace { frame, at } = *self.rows.get(place)?;
        let (frame, payload) = self.frames.get(usize::try_from(frame).ok()?)?;
        let row = payload.get(usize::try_from(at).ok()?..)?;
        let position = self.facts.first_position.checked_add(u64::try_from(place).ok()?)?;
        match Rows::new(row, RowBase { position, ..frame.base() }).next()? {
            Ok(Entry::Event(record)) => Some(record),
            Ok(Entry::Name(_)) | Err(_) => None,
        }
    }
}
