//! What a read asks of one segment, whichever form it is in.

use std::ops::Range;

use crate::log::ReadError;

use super::frame_reader;
use super::raw::{Entry, NameKind, Rows};
use super::shared::{Part, visible_events};
use super::spelled::Spelled;
use super::tail::Tail;

impl Part {
    /// The revisions of a stream that the segment holds up to a position.
    pub(crate) fn revisions(&self, name: &str, upto: u64) -> Result<Option<Range<u64>>, ReadError> {
        match self {
            Self::Tail(tail) => Ok(tail_revisions(tail, name, upto)),
            Self::Sealed(sealed) => sealed.revisions(name),
        }
    }

    /// Adds a stream's records with these revisions, oldest first. All of them are in the segment.
    pub(crate) fn read_revisions(
        &self,
        name: &str,
        revisions: &Range<u64>,
        upto: u64,
        out: &mut Vec<Spelled>,
    ) -> Result<(), ReadError> {
        match self {
            Self::Tail(tail) => read_tail(tail, name, revisions, upto, out),
            Self::Sealed(sealed) => sealed.read_revisions(name, revisions, out),
        }
    }
}

fn tail_revisions(tail: &Tail, name: &str, upto: u64) -> Option<Range<u64>> {
    let index = tail.read();
    let number = index.names.find(NameKind::Stream, name)?;
    let visible = visible_events(tail, upto);
    let head = index.head_of(number, visible)?;
    let held = index.ordinals_of(number, 0, visible).len();
    let end = head.saturating_add(1);
    Some(end.saturating_sub(u64::try_from(held).unwrap_or(0))..end)
}

fn read_tail(
    tail: &Tail,
    name: &str,
    revisions: &Range<u64>,
    upto: u64,
    out: &mut Vec<Spelled>,
) -> Result<(), ReadError> {
    let positions: Vec<u64> = {
        let index = tail.read();
        let Some(number) = index.names.find(NameKind::Stream, name) else { return Ok(()) };
        let wanted = usize::try_from(revisions.end.saturating_sub(revisions.start)).unwrap_or(0);
        index
            .ordinals_of(number, revisions.start, visible_events(tail, upto))
            .iter()
            .take(wanted)
            .map(|ordinal| tail.position(*ordinal))
            .collect()
    };
    let mut wanted = positions.as_slice();
    while let Some(first) = wanted.first() {
        let Some(batch) = frame_reader::read_frame(tail, *first)? else { return Ok(()) };
        let index = tail.read();
        for (frame, payload) in batch.iter() {
            for row in Rows::new(payload, frame.base()) {
                if let Ok(Entry::Event(record)) = row
                    && wanted.first() == Some(&record.position)
                {
                    out.extend(Spelled::new(&record, &index.names));
                    wanted = wanted.get(1..).unwrap_or_default();
                }
            }
        }
        if wanted.first() == Some(first) {
            // The index says the frame holds it; frames are checked, so this cannot go on for ever.
            return Ok(());
        }
    }
    Ok(())
}
