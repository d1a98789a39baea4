//! The appends of the process: each to one stream, at the revision that was folded, with keys that
//! make it once.

use sha2::{Digest, Sha256};

use super::{Errand, IssueError, Step};
use crate::billing::register::RegisterFold;
use crate::event::Event;
use crate::event::invoice::{Line, LinesCarried, NumberTaken};
use crate::fold::Reached;
use crate::id::{EventId, InvoiceNumber, Key, KeyId, KeyScope, KeySource};
use crate::log::{
    APPEND_BYTES_MAX, Append, EVENT_BYTES_MAX, Expected, Fingerprint, NewEvent, OnConflict,
};
use crate::stream::Stream;
use crate::time::Timestamp;

/// Room in one event for lines; the rest of a document fits beside it.
const LINES_BYTES_MAX: usize = EVENT_BYTES_MAX / 2;

/// Takes a number of a register: the next of this tenant and period, whoever asks.
pub(super) fn take(
    errand: &Errand<'_>,
    register: &RegisterFold,
    source: &'static str,
    taken: NumberTaken,
) -> Step {
    let before = register.taken(&taken.tenant, taken.period).len();
    let index = u32::try_from(before).expect("a month has fewer documents than that");
    let id = format!("{}.{}", taken.tenant, taken.period);
    take_by(errand, register, key(KeyScope::Operator, source, &id, index), taken)
}

/// Takes a number of a register under a key.
pub(super) fn take_by(
    errand: &Errand<'_>,
    register: &RegisterFold,
    key: Key,
    taken: NumberTaken,
) -> Step {
    let new = NewEvent {
        event: Event::from(taken),
        occurred_at: errand.now,
        // Whoever asks, and whenever, it is the same promise.
        fingerprint: Some(fingerprint(&key)),
        key: Some(key),
    };
    let stream = Stream::Register(register.issuer().clone());
    append(errand, stream, register.reached(), None, vec![new])
}

/// Several events of one stream, with the key of a number.
pub(super) fn keyed(
    (scope, source, number): (KeyScope, &'static str, &InvoiceNumber),
    occurred_at: Timestamp,
    events: Vec<Event>,
) -> Vec<NewEvent> {
    let new = |(event, index)| NewEvent {
        event,
        occurred_at,
        key: Some(key(scope.clone(), source, number.as_str(), index)),
        fingerprint: None,
    };
    events.into_iter().zip(0..).map(new).collect()
}

/// An append at the revision that was folded.
pub(super) fn append(
    errand: &Errand<'_>,
    stream: Stream,
    reached: Reached,
    cause: Option<EventId>,
    events: Vec<NewEvent>,
) -> Step {
    Step::Append(Box::new(Append {
        stream,
        expected: reached.revision.map_or(Expected::NoStream, Expected::Exactly),
        actor: errand.terms.actor.clone(),
        causation: cause,
        correlation: None,
        events,
        on_conflict: OnConflict::RefuseAll,
    }))
}

pub(super) fn key(scope: KeyScope, source: &'static str, id: &str, index: u32) -> Key {
    let source = KeySource::new(source).expect("a word is a source");
    let id = KeyId::new(id).expect("ids and numbers are short and printable");
    Key { scope, source, id, index }
}

fn fingerprint(key: &Key) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(b"counterfoil number of an invoice 1\0");
    hash.update(key.id.as_str());
    Fingerprint(hash.finalize().into())
}

/// Lines as they go into events: as many as fit are in the last one, the others before it.
pub(super) struct Spread {
    pub(super) before: Vec<Event>,
    pub(super) last: Vec<Line>,
}

/// Divides the lines of a document among events.
pub(super) fn spread(number: &InvoiceNumber, lines: Vec<Line>) -> Result<Spread, IssueError> {
    let carry = |lines| Event::from(LinesCarried { number: number.clone(), lines });
    let count = lines.len();
    let (mut chunks, mut chunk, mut chunk_bytes, mut all_bytes) = (Vec::new(), Vec::new(), 0, 0);
    for (line, it) in lines.into_iter().enumerate() {
        // A line by itself, with a little more around it than it has among others.
        let encoded = carry(vec![it.clone()]).encode();
        let bytes = encoded.map_err(|source| IssueError::Encode { line, source })?.len();
        if bytes > LINES_BYTES_MAX {
            return Err(IssueError::LineTooLarge { line, bytes, bytes_max: LINES_BYTES_MAX });
        }
        if chunk_bytes + bytes > LINES_BYTES_MAX {
            chunks.push(std::mem::take(&mut chunk));
            chunk_bytes = 0;
        }
        chunk.push(it);
        chunk_bytes += bytes;
        all_bytes += bytes;
    }
    if all_bytes > APPEND_BYTES_MAX - EVENT_BYTES_MAX {
        return Err(IssueError::TooLarge { lines: count, bytes: all_bytes });
    }
    Ok(Spread { before: chunks.into_iter().map(carry).collect(), last: chunk })
}
