//! Digests of records: what a line's provenance says of the records it names.
//!
//! A record's digest is over everything that its leaf in the tree commits to, without ledger, leaf
//! index and salt, which no fold knows: `counterfoil-record-v1` and a newline, the stream name and
//! the wire name (each with its length as a big-endian `u16` before it), then revision, occurred_at
//! and recorded_at as eight big-endian bytes each, then the body part as `proof` defines it.
//!
//! Wire name and body are those that the record was written with. So a document that was issued
//! keeps its digests when a body it rests on is superseded.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::event::EncodeError;
use crate::event::invoice::{Line, Provenance, SourceSpan};
use crate::id::{KeyScope, Sha256Digest};
use crate::log::{Record, Revision};
use crate::price::Priced;
use crate::proof::{LeafBody, LeafError, LeafKey};
use crate::stream::Stream;

const DOMAIN: &[u8] = b"counterfoil-record-v1\n";

/// The most spans one line names. Scattered records beyond that are named with what lies between.
pub(super) const SPANS_MAX: usize = 32;

/// Why a record has no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Its body has no bytes.
    #[error("a record cannot be encoded")]
    Encode(#[source] EncodeError),
    /// Something in it is longer than its canonical form holds.
    #[error("a record has no canonical form")]
    Form(#[source] LeafError),
}

/// A span names a record that is not among those read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("revision {revision} of {stream} is not there")]
pub struct RecordMissing {
    /// The stream.
    pub stream: Stream,
    /// The first of its records that is missing.
    pub revision: Revision,
}

/// The digest of one record.
pub fn record_digest(record: &Record) -> Result<Sha256Digest, DigestError> {
    let bytes = record.body().map_err(DigestError::Encode)?;
    let key = record.key.as_ref().map(|key| LeafKey {
        tenant: match &key.scope {
            KeyScope::Operator => None,
            KeyScope::Tenant(tenant) => Some(tenant.as_str()),
        },
        source: key.source.as_str(),
        id: key.id.as_str(),
        index: key.index,
    });
    let body = LeafBody {
        id: record.id,
        role: record.actor.role,
        who: record.actor.who.as_str(),
        causation: record.causation,
        correlation: record.correlation,
        key,
        fingerprint: record.fingerprint,
        bytes: &bytes,
    };
    let part = body.part().map_err(DigestError::Form)?;
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    for text in [record.stream.to_string().as_str(), record.wire_name()] {
        let length = u16::try_from(text.len()).expect("names of streams and events are short");
        hash.update(length.to_be_bytes());
        hash.update(text);
    }
    hash.update(record.revision.get().to_be_bytes());
    hash.update(record.occurred_at.as_micros().to_be_bytes());
    hash.update(record.recorded_at.as_micros().to_be_bytes());
    hash.update(part);
    Ok(Sha256Digest::from_bytes(hash.finalize().into()))
}

/// The digests of whole streams, as far as they were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digests(BTreeMap<Stream, BTreeMap<Revision, Sha256Digest>>);

impl Digests {
    /// Takes in one more record.
    pub fn add(&mut self, record: &Record) -> Result<(), DigestError> {
        let digest = record_digest(record)?;
        if let Some(stream) = self.0.get_mut(&record.stream) {
            stream.insert(record.revision, digest);
        } else {
            let stream = BTreeMap::from([(record.revision, digest)]);
            self.0.insert(record.stream.clone(), stream);
        }
        Ok(())
    }

    /// Whether a stream was read.
    pub(super) fn knows(&self, stream: &Stream) -> bool {
        self.0.contains_key(stream)
    }

    /// SHA-256 over the digests of all records named, in the order of the spans.
    pub fn of(&self, spans: &[SourceSpan]) -> Result<Option<Sha256Digest>, RecordMissing> {
        if spans.is_empty() {
            return Ok(None);
        }
        let mut hash = Sha256::new();
        for span in spans {
            let missing = |revision| RecordMissing { stream: span.stream.clone(), revision };
            let stream = self.0.get(&span.stream).ok_or_else(|| missing(span.first))?;
            let mut expected = span.first;
            let mut is_whole = false;
            // The bounds of a span from a document are anyone's; a range of the wrong way panics.
            if span.first <= span.last {
                for (revision, digest) in stream.range(span.first..=span.last) {
                    if *revision != expected {
                        return Err(missing(expected));
                    }
                    hash.update(digest.as_bytes());
                    is_whole = *revision == span.last;
                    expected = expected.next().unwrap_or(expected);
                }
            }
            if !is_whole {
                return Err(missing(expected));
            }
        }
        Ok(Some(Sha256Digest::from_bytes(hash.finalize().into())))
    }

    /// Takes in all of the others.
    pub(super) fn extend(&mut self, others: Self) {
        for (stream, digests) in others.0 {
            self.0.entry(stream).or_default().extend(digests);
        }
    }

    /// The lines of one document, each with the digest of what it was made from.
    pub(super) fn seal_all(&self, lines: Vec<Priced>) -> Result<Vec<Priced>, RecordMissing> {
        let mut named = BTreeSet::new();
        let seal = |it: Priced| {
            let provenance = self.seal(it.line.provenance, &mut named)?;
            Ok(Priced { line: Line { provenance, ..it.line }, ..it })
        };
        lines.into_iter().map(seal).collect()
    }

    /// A line's provenance, with few enough spans for an event and the digest filled in.
    ///
    /// A tax or a discount rests on all lines before it, and so on the streams that those `named`;
    /// where they are more than one line holds, it names what it adds to them.
    fn seal(
        &self,
        provenance: Provenance,
        named: &mut BTreeSet<Stream>,
    ) -> Result<Provenance, RecordMissing> {
        let mut sources = joined(provenance.sources, SPANS_MAX);
        if sources.len() > SPANS_MAX {
            sources.retain(|it| !named.contains(&it.stream));
        }
        named.extend(sources.iter().map(|it| it.stream.clone()));
        let sha256 = self.of(&sources)?;
        Ok(Provenance { sources, sha256 })
    }
}

/// As many spans as are allowed: the smallest gaps within a stream are closed first. More streams
/// than that keep one span each.
fn joined(mut spans: Vec<SourceSpan>, spans_max: usize) -> Vec<SourceSpan> {
    let excess = spans.len().saturating_sub(spans_max);
    if excess == 0 {
        return spans;
    }
    let gap = |pair: &[SourceSpan]| match pair {
        [left, right] if left.stream == right.stream => {
            Some(right.first.get().saturating_sub(left.last.get()))
        }
        _ => None,
    };
    let mut gaps = spans
        .windows(2)
        .enumerate()
        .filter_map(|(index, pair)| Some((gap(pair)?, index)))
        .collect::<Vec<_>>();
    gaps.sort_unstable();
    let mut closed = gaps.into_iter().take(excess).map(|(_, index)| index).collect::<Vec<_>>();
    closed.sort_unstable();
    // From the end, so that the indexes before stay what they were.
    for index in closed.into_iter().rev() {
        let right = spans.remove(index + 1);
        if let Some(left) = spans.get_mut(index) {
            left.last = right.last;
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Wire};
    use crate::id::{Actor, EventId, Role};
    use crate::log::Position;

    fn span(stream: &str, first: u64, last: u64) -> SourceSpan {
        let (first, last) = (Revision::new(first), Revision::new(last));
        SourceSpan { stream: stream.parse().unwrap(), first, last }
    }

    /// The digest of what was recorded under a name, by the words at the head of this file.
    fn by_hand(record: &Record, wire: &str, body: &[u8]) -> Sha256Digest {
        let part = LeafBody {
            id: record.id,
            role: record.actor.role,
            who: record.actor.who.as_str(),
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            bytes: body,
        };
        let name = record.stream.to_string();
        let mut hash = Sha256::new();
        hash.update(b"counterfoil-record-v1\n");
        for text in [name.as_bytes(), wire.as_bytes()] {
            hash.update([0, u8::try_from(text.len()).unwrap()]);
            hash.update(text);
        }
        hash.update(record.revision.get().to_be_bytes());
        hash.update(record.occurred_at.as_micros().to_be_bytes());
        hash.update(record.recorded_at.as_micros().to_be_bytes());
        hash.update(part.part().unwrap());
        Sha256Digest::from_bytes(hash.finalize().into())
    }

    fn record(stream: &str, (wire, body): (&Wire, &[u8])) -> Record {
        let (event, written) = Event::decode_written(wire.name(), body).unwrap();
        Record {
            position: Position::new(7),
            stream: stream.parse().unwrap(),
            revision: Revision::new(2),
            id: EventId::from_bytes([7; 16]),
            occurred_at: "2026-04-01T10:00:00Z".parse().unwrap(),
            recorded_at: "2026-04-01T10:00:01Z".parse().unwrap(),
            actor: Actor { who: "test".parse().unwrap(), role: Role::Tenant },
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            event,
            written,
        }
    }

    #[test]
    fn a_digest_is_over_what_was_written() {
        let stream = "support-2026-04-01";
        let exemplars = Event::exemplars();
        let mut superseded = 0;
        for (wire, body) in exemplars.iter().filter(|(it, _)| it.name().starts_with("support-")) {
            let record = record(stream, (wire, body));
            assert_eq!(record_digest(&record).unwrap(), by_hand(&record, wire.name(), body));
            superseded += usize::from(wire.is_superseded());
        }
        assert!(superseded > 0);
    }

    /// Made by another program from the words at the head of this file.
    #[test]
    fn superseding_a_body_changes_no_digest_that_was_made_before() {
        let (wire, body) = Event::exemplars()
            .into_iter()
            .find(|(wire, _)| wire.name() == "support-case-opened.v1")
            .unwrap();
        let digest = record_digest(&record("support-2026-04-01", (wire, &body))).unwrap();
        assert_eq!(
            digest.to_string(),
            "1e21a477bbd5fd6a02aa129b37e3a53f7e155780ca009cce5222b8c9f0dc57de"
        );
    }

    #[test]
    fn the_smallest_gaps_are_closed_first() {
        #[track_caller]
        fn check(spans_max: usize, expected: &[SourceSpan]) {
            let usage = "usage-acme.2026-04";
            let spans = vec![
                span("catalog", 3, 3),
                span(usage, 0, 1),
                span(usage, 9, 9),
                span(usage, 11, 12),
                span(usage, 30, 30),
            ];
            assert_eq!(joined(spans, spans_max), expected);
        }
        let usage = "usage-acme.2026-04";
        check(
            4,
            &[span("catalog", 3, 3), span(usage, 0, 1), span(usage, 9, 12), span(usage, 30, 30)],
        );
        check(3, &[span("catalog", 3, 3), span(usage, 0, 12), span(usage, 30, 30)]);
        check(1, &[span("catalog", 3, 3), span(usage, 0, 30)]);
    }
}
