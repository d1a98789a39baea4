//! A sealed segment as the log uses it: asked by name and position, answered in spelled records.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::log::{Position, ReadError};

use super::raw::{NameDefinition, NameKind, Names, RawRecord};
use super::sealed::{Buffer, Sealed, SealedError, StreamCursor};
use super::spelled::Spelled;

/// An open sealed segment.
#[derive(Debug)]
pub(crate) struct SealedSegment {
    sealed: Sealed,
    segment: u32,
}

/// So many reads at one time find memory that is warm.
const BUFFERS_KEPT: usize = 8;

/// Memory of reads that are over: of the process, so that it does not grow with the segments.
static BUFFERS: Mutex<Vec<Buffer>> = Mutex::new(Vec::new());

/// Memory for one point or stream read; it is kept for the next.
struct Borrowed(Buffer);

impl Borrowed {
    fn take() -> Self {
        let kept = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self(kept.unwrap_or_default())
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let mut kept = BUFFERS.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < BUFFERS_KEPT {
            kept.push(std::mem::take(&mut self.0));
        }
    }
}

/// A whole segment in memory, in order of position.
#[derive(Debug)]
pub(crate) struct Loaded {
    buffer: Buffer,
    names: Names,
    first_position: u64,
}

impl Loaded {
    /// The records from a position on.
    pub(crate) fn records(&self, from: u64) -> impl Iterator<Item = RawRecord<'_>> {
        let place = from.checked_sub(self.first_position).and_then(|it| usize::try_from(it).ok());
        self.buffer.records_from(place.unwrap_or(usize::MAX))
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }
}

impl SealedSegment {
    pub(crate) fn new(sealed: Sealed, segment: u32) -> Self {
        Self { sealed, segment }
    }

    pub(crate) fn inner(&self) -> &Sealed {
        &self.sealed
    }

    pub(crate) fn segment(&self) -> u32 {
        self.segment
    }

    pub(crate) fn first_position(&self) -> u64 {
        self.sealed.facts().first_position
    }

    /// The position after its last event.
    pub(crate) fn end_position(&self) -> u64 {
        let facts = self.sealed.facts();
        facts.first_position.saturating_add(facts.count)
    }

    pub(crate) fn first_sequence(&self) -> u64 {
        self.sealed.facts().first_frame
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        self.sealed.facts().last_frame
    }

    pub(crate) fn last_recorded_at(&self) -> i64 {
        self.sealed.facts().last_recorded_at
    }

    /// Adds the names of streams that begin so.
    pub(crate) fn streams(
        &self,
        prefix: &str,
        names: &mut BTreeSet<String>,
    ) -> Result<(), ReadError> {
        let visited = self.sealed.streams(|name, _| {
            if name.starts_with(prefix) {
                names.insert(name.to_owned());
            }
            // They come in order of name.
            name < prefix || name.starts_with(prefix)
        });
        visited.map_err(|error| self.failed(error))
    }

    /// Checks every byte of the file.
    pub(crate) fn verify(&self) -> Result<(), ReadError> {
        self.sealed.verify(&mut Buffer::default()).map_err(|error| self.failed(error))
    }

    /// The revisions of a stream that it holds.
    pub(crate) fn revisions(&self, name: &str) -> Result<Option<Range<u64>>, ReadError> {
        let stream = self.sealed.stream(name).map_err(|error| self.failed(error))?;
        Ok(stream.map(|it| it.first_revision..it.first_revision.saturating_add(it.count)))
    }

    /// The revision of a stream's last event here.
    pub(crate) fn stream_head(&self, name: &str) -> Result<Option<u64>, ReadError> {
        Ok(self.revisions(name)?.and_then(|it| it.end.checked_sub(1)))
    }

    /// The record at a position.
    pub(crate) fn spelled_at(&self, position: u64) -> Result<Option<Spelled>, ReadError> {
        let Borrowed(buffer) = &mut Borrowed::take();
        let read = self.sealed.record_at(position, buffer);
        let Some(record) = read.map_err(|error| self.failed(error))? else { return Ok(None) };
        let names = self.names_for(record.stream)?;
        Ok(Spelled::new(&RawRecord { stream: 0, ..record }, &names))
    }

    /// The small lists of names, with one stream as number 0.
    fn names_for(&self, number: u32) -> Result<Names, ReadError> {
        let found = self.sealed.stream_name(number).map_err(|error| self.failed(error))?;
        let mut names = self.sealed.names_but_streams().map_err(|error| self.failed(error))?;
        if let Some(text) = found {
            self.name(&mut names, &text)?;
        }
        Ok(names)
    }

    fn name(&self, names: &mut Names, text: &str) -> Result<(), ReadError> {
        let name = NameDefinition { kind: NameKind::Stream, number: 0, text };
        names.define(&name).map_err(|error| ReadError::Damaged {
            file: super::layout::sealed_path(self.segment),
            offset: 0,
            position: Position::new(self.first_position()),
            what: error.to_string(),
        })
    }

    /// Adds a stream's records with these revisions, oldest first.
    pub(crate) fn read_revisions(
        &self,
        name: &str,
        revisions: &Range<u64>,
        out: &mut Vec<Spelled>,
    ) -> Result<(), ReadError> {
        let stream = self.sealed.stream(name).map_err(|error| self.failed(error))?;
        let Some(stream) = stream else { return Ok(()) };
        let mut names = self.sealed.names_but_streams().map_err(|error| self.failed(error))?;
        self.name(&mut names, name)?;
        let Borrowed(buffer) = &mut Borrowed::take();
        let mut cursor = StreamCursor::forwards(&stream, revisions.start);
        loop {
            let read = self.sealed.read_stream(&mut cursor, buffer);
            if !read.map_err(|error| self.failed(error))? {
                return Ok(());
            }
            for record in buffer.records() {
                if record.revision >= revisions.end {
                    return Ok(());
                }
                out.extend(Spelled::new(&RawRecord { stream: 0, ..record }, &names));
            }
        }
    }

    /// Gives each record to `visit`, stream by stream, in the memory of one block; answers with the
    /// names.
    pub(crate) fn each(
        &self,
        mut visit: impl FnMut(&Names, &RawRecord<'_>),
    ) -> Result<Names, ReadError> {
        let names = self.sealed.names().map_err(|error| self.failed(error))?;
        let Borrowed(buffer) = &mut Borrowed::take();
        let read = self.sealed.each(buffer, |record| visit(&names, record));
        read.map_err(|error| self.failed(error))?;
        Ok(names)
    }

    /// Decodes the whole segment, into memory that a segment before has used.
    pub(crate) fn load(&self, used: Option<Loaded>) -> Result<Loaded, ReadError> {
        let mut buffer = used.map(|loaded| loaded.buffer).unwrap_or_default();
        let first_position = self.first_position();
        let read = self.sealed.read_from(first_position, &mut buffer);
        read.map_err(|error| self.failed(error))?;
        let names = self.sealed.names().map_err(|error| self.failed(error))?;
        Ok(Loaded { buffer, names, first_position })
    }

    fn failed(&self, error: SealedError) -> ReadError {
        let position = Position::new(self.first_position().saturating_sub(1));
        match error {
            SealedError::Io { file, source, .. } => {
                ReadError::Io { file, what: source.to_string() }
            }
            SealedError::Damaged { file, offset, part, fault } => {
                ReadError::Damaged { file, offset, position, what: format!("its {part}: {fault}") }
            }
            other @ (SealedError::Version { .. }
            | SealedError::ForeignLedger { .. }
            | SealedError::ForeignSegment { .. }) => ReadError::Damaged {
                file: super::layout::sealed_path(self.segment),
                offset: 0,
                position,
                what: other.to_string(),
            },
        }
    }
}
