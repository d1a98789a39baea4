//! What a process beside the writer sees of a log: everything the mark says is acknowledged.
//!
//! The mark is read first; the data it speaks of was durable before it was written. Files may
//! vanish while they are opened, because they were sealed: the caller then looks again. Nothing is
//! changed and no lock is taken.

use std::sync::Arc;

use crate::log::Position;
use crate::log::storage::Storage;

use super::frame::SEGMENT_HEADER_BYTES;
use super::layout::{self, Identity};
use super::mark::Mark;
use super::open_error::OpenError;
use super::recovery::{self, Listing};
use super::scan::{self, Begin, Reached, ScanError};
use super::sealed_segment::SealedSegment;
use super::shared::View;
use super::tail::Tail;

/// One moment of a log.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) view: View,
    pub(crate) head: u64,
}

/// Looks at a directory, using again what is known of it. `None` when nothing has come.
pub(crate) fn look(
    storage: &Arc<dyn Storage>,
    identity: &Identity,
    known: Option<(&View, u64)>,
) -> Result<Option<Snapshot>, OpenError> {
    let (mark, _) = recovery::read_mark(&**storage, identity.ledger)?;
    let Some(mark) = mark else {
        let found = Position::new(known.map_or(0, |(_, head)| head));
        return Err(OpenError::MarkUnreadable { found });
    };
    if let Some((view, head)) = known {
        if mark.position <= head {
            return Ok(None);
        }
        if let Some(tail) = view.tails().last().filter(|tail| tail.segment == mark.segment) {
            let reached = read_on(tail, identity, &mark)?;
            check(&mark, &reached, tail)?;
            return Ok(Some(Snapshot { view: view.clone(), head: mark.position }));
        }
    }
    let view = open_all(storage, identity, &mark, known.map(|(view, _)| view))?;
    Ok(Some(Snapshot { view, head: mark.position }))
}

fn open_all(
    storage: &Arc<dyn Storage>,
    identity: &Identity,
    mark: &Mark,
    known: Option<&View>,
) -> Result<View, OpenError> {
    let Listing { sealed: numbers, raw, .. } = recovery::list_segments(&**storage)?;
    let mut sealed: Vec<Arc<SealedSegment>> = Vec::with_capacity(numbers.len());
    for (segment, expected) in numbers.into_iter().zip(1_u32..) {
        if segment != expected {
            break;
        }
        let (position, sequence) = sealed.last().map_or((1, 1), recovery::after);
        let held = known.and_then(|view| {
            view.sealed().iter().find(|it| it.segment() == segment).map(Arc::clone)
        });
        let it = match held {
            Some(it) => it,
            None => {
                let path = layout::sealed_path(segment);
                let opened =
                    recovery::open_sealed(&**storage, &path, identity, segment, position, sequence);
                match opened {
                    Ok(it) => Arc::new(it),
                    // It is being replaced, or was never finished: the raw form still counts.
                    Err(_) if raw.contains(&segment) => break,
                    Err(error) => return Err(error),
                }
            }
        };
        sealed.push(it);
    }
    let (position, sequence) = sealed.last().map_or((1, 1), recovery::after);
    let mut reached = Reached {
        sequence: sequence.saturating_sub(1),
        position: position.saturating_sub(1),
        end: 0,
    };
    let mut tails: Vec<Arc<Tail>> = Vec::new();
    let first_raw = u32::try_from(sealed.len()).unwrap_or(u32::MAX).saturating_add(1);
    for segment in first_raw..=mark.segment {
        let begin = Begin {
            segment,
            first_position: reached.position.saturating_add(1),
            first_sequence: reached.sequence.saturating_add(1),
        };
        let held = known
            .and_then(|view| view.tails().iter().find(|it| it.segment == segment).map(Arc::clone));
        let tail = match held {
            Some(tail) => tail,
            None => Arc::new(open_tail(storage, identity, begin)?),
        };
        reached = read_on(&tail, identity, mark)?;
        tails.push(tail);
    }
    if let Some(last) = tails.last() {
        check(mark, &reached, last)?;
    } else if reached.sequence < mark.sequence {
        let file = layout::raw_path(mark.segment);
        return Err(OpenError::MissingSegment { segment: mark.segment, file });
    }
    Ok(View::new(sealed, tails))
}

fn open_tail(
    storage: &Arc<dyn Storage>,
    identity: &Identity,
    begin: Begin,
) -> Result<Tail, OpenError> {
    let path = layout::raw_path(begin.segment);
    let file = match storage.open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(OpenError::MissingSegment { segment: begin.segment, file: path });
        }
        Err(error) => return Err(OpenError::io("open", &path)(error)),
    };
    let found = file.len().map_err(OpenError::io("read the length of", &path))?;
    if found != identity.segment_bytes {
        let expected = identity.segment_bytes;
        return Err(OpenError::WrongLength { file: path, expected, found });
    }
    let tail =
        Tail::new(begin.segment, begin.first_position, begin.first_sequence, path.clone(), file);
    tail.write().begin_at(SEGMENT_HEADER_BYTES as u64);
    scan::has_header(&tail, identity, begin).map_err(|error| failed(&path, identity, error))?;
    Ok(tail)
}

/// Reads a tail on, up to the mark.
fn read_on(tail: &Tail, identity: &Identity, mark: &Mark) -> Result<Reached, OpenError> {
    let mut reached = {
        let index = tail.read();
        let held = u64::try_from(index.frames().len()).unwrap_or(u64::MAX);
        Reached {
            sequence: tail.first_sequence.saturating_add(held).saturating_sub(1),
            position: tail.position(index.events()).saturating_sub(1),
            end: index.end(),
        }
    };
    // A header is written with the first frame: where frames are acknowledged, it is there.
    if reached.sequence < tail.first_sequence && mark.sequence >= tail.first_sequence {
        let begin = Begin {
            segment: tail.segment,
            first_position: tail.first_position,
            first_sequence: tail.first_sequence,
        };
        let has_header = scan::has_header(tail, identity, begin)
            .map_err(|error| failed(&tail.path, identity, error))?;
        if !has_header {
            return Err(OpenError::Lost {
                expected: Position::new(mark.position),
                found: Position::new(reached.position),
                file: tail.path.clone(),
                offset: 0,
                what: "its header is not whole".to_owned(),
            });
        }
    }
    scan::continue_tail(tail, identity, &mut reached, mark.sequence)
        .map_err(|error| failed(&tail.path, identity, error))?;
    Ok(reached)
}

fn check(mark: &Mark, reached: &Reached, last: &Tail) -> Result<(), OpenError> {
    if reached.sequence >= mark.sequence {
        return Ok(());
    }
    Err(OpenError::Lost {
        expected: Position::new(mark.position),
        found: Position::new(reached.position),
        file: last.path.clone(),
        offset: reached.end,
        what: "it stops being whole there".to_owned(),
    })
}

fn failed(path: &str, identity: &Identity, error: ScanError) -> OpenError {
    match error {
        ScanError::Io(source) => OpenError::Io { what: "read", path: path.to_owned(), source },
        ScanError::Foreign(found) => {
            OpenError::Foreign { file: path.to_owned(), expected: identity.ledger, found }
        }
        ScanError::Misplaced | ScanError::Unfitting { .. } => {
            OpenError::Damaged { file: path.to_owned(), what: error.to_string() }
        }
    }
}
