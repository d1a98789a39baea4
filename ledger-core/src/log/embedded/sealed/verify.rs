//! Reads all of a sealed segment and compares it: with itself, and with what it was sealed from.

use sha2::{Digest, Sha256};

use crate::log::embedded::mapped::mapped;
use crate::log::embedded::raw::{NameKind, Names, RawRecord};

use super::arena::{Arena, Head};
use super::directory::StreamEntry;
use super::error::{Fault, Part, SealedError};
use super::layout::{FOOTER_BYTES, Facts, HEADER_BYTES, header};
use super::positions::Positions;
use super::records::{Numbers, Records, Used};
use super::{Buffer, Sealed};

const CHUNK_BYTES: u64 = 1024 * 1024;

/// Why a sealed segment does not stand for the records it was made from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Mismatch {
    /// It cannot be read.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// A record, or the number of records, is another.
    #[error("position {position} differs in {what}")]
    Record {
        /// The first that differs.
        position: u64,
        /// In what.
        what: &'static str,
    },
}

impl Sealed {
    /// Checks every byte: digest, sums, order, contiguity, and that no part contradicts another.
    pub(crate) fn verify(&self, buffer: &mut Buffer) -> Result<(), SealedError> {
        self.verify_each(buffer, |_| Ok(()))
    }

    /// Checks every byte, and compares with the records it was sealed from, names spelled out. Each
    /// record is given to `visit`, in the order of the file: one look at it does all of that.
    pub(crate) fn verify_against(
        &self,
        names: &Names,
        records: &impl Records,
        buffer: &mut Buffer,
        mut visit: impl FnMut(&Names, &RawRecord<'_>),
    ) -> Result<Names, Mismatch> {
        let own = self.names()?;
        let numbers = Numbers(NameKind::ALL.map(|kind| numbers(kind, names, &own)));
        let Facts { first_position, count, .. } = self.footer.facts;
        let place = |position: u64| usize::try_from(position - first_position).ok();
        self.verify_each(buffer, |arena| {
            for found in arena.records() {
                let position = found.position;
                let differs = |what| Mismatch::Record { position, what };
                let record = place(position).and_then(|place| records.get(place));
                let record = record.ok_or(differs("being there"))?;
                let translated = numbers.translate(&record).ok_or(differs("a name"))?;
                if let Some(what) = difference(&translated, &found) {
                    return Err(differs(what));
                }
                visit(&own, &found);
            }
            Ok(())
        })?;
        // Each position is in the file once, and so many there are.
        let end = first_position + count;
        match place(end).and_then(|place| records.get(place)) {
            None => Ok(own),
            Some(_) => Err(Mismatch::Record { position: end, what: "being there" }),
        }
    }

    /// Checks every byte, and gives each block's records to `visit` behind its own checks.
    fn verify_each<E: From<SealedError>>(
        &self,
        buffer: &mut Buffer,
        mut visit: impl FnMut(&Arena) -> Result<(), E>,
    ) -> Result<(), E> {
        self.verify_digest(buffer)?;
        let mut told = Told::by(self)?;
        self.each_block(buffer, |block, arena| {
            arena.heads.iter().try_for_each(|head| told.meets(self, block, head))?;
            visit(arena)
        })?;
        Ok(told.is_met(self)?)
    }

    /// Gives each block's records to `visit`, in the order of the file.
    fn each_block<E: From<SealedError>>(
        &self,
        buffer: &mut Buffer,
        mut visit: impl FnMut(u32, &Arena) -> Result<(), E>,
    ) -> Result<(), E> {
        for (block, nth) in self.blocks.iter().zip(0..) {
            self.read_block(block, buffer)?;
            visit(nth, &buffer.arena)?;
        }
        Ok(())
    }

    /// Gives each record to `visit`, in the order of the file: stream by stream.
    pub(crate) fn each(
        &self,
        buffer: &mut Buffer,
        mut visit: impl FnMut(&RawRecord<'_>),
    ) -> Result<(), SealedError> {
        self.each_block(buffer, |_, arena| {
            arena.records().for_each(|record| visit(&record));
            Ok(())
        })
    }

    fn verify_digest(&self, buffer: &mut Buffer) -> Result<(), SealedError> {
        let end = self.source.bytes - FOOTER_BYTES as u64;
        let mut digest = Sha256::new();
        let mut offset = 0;
        while offset < end {
            let length = CHUNK_BYTES.min(end - offset);
            self.source.read(Part::File, (offset, length), &mut buffer.stored)?;
            digest.update(&buffer.stored);
            let is_header = offset == 0;
            if is_header && !buffer.stored.starts_with(&header(&self.footer.facts)) {
                let fault = Fault::Contradiction { what: "the header" };
                return Err(self.damaged(Part::Header, 0, fault));
            }
            offset += length;
        }
        if digest.finalize().as_slice() == self.footer.digest {
            Ok(())
        } else {
            Err(self.damaged(Part::File, 0, Fault::Digest))
        }
    }
}

/// What the tables of a file tell of its records, and how far the records have met it.
struct Told {
    streams: Vec<Stream>,
    /// The block of each position; [`MET`] once its record was seen.
    blocks: Vec<u32>,
    used: Used,
    last_recorded_at: Option<i64>,
}

/// A stream as it is told of.
struct Stream {
    entry: StreamEntry,
    seen: u64,
    last_position: u64,
}

/// No block: a file of so many could not be.
const MET: u32 = u32::MAX;

impl Told {
    fn by(sealed: &Sealed) -> Result<Self, SealedError> {
        let mut streams = Vec::new();
        sealed.streams(|_, entry| {
            streams.push(Stream { entry, seen: 0, last_position: 0 });
            true
        })?;
        let names = sealed.names()?;
        let table = Positions::new(sealed.footer.facts.count, sealed.footer.blocks);
        let too_large = |_| sealed.damaged(Part::File, 0, Fault::Oversize);
        let count = usize::try_from(sealed.footer.facts.count).map_err(too_large)?;
        // With one block there is no table, and everything is in it.
        let mut blocks = mapped(count);
        for page in 0..table.pages() {
            blocks.extend(sealed.positions(page)?);
        }
        blocks.resize(count, 0);
        let used = Used::none_of(NameKind::ALL.map(|kind| names.texts(kind).len()));
        Ok(Self { streams, blocks, used, last_recorded_at: None })
    }

    /// Takes in the next record of the file.
    fn meets(&mut self, sealed: &Sealed, block: u32, head: &Head) -> Result<(), SealedError> {
        let position = head.position;
        let in_block = |fault| sealed.damaged(Part::Block, HEADER_BYTES as u64, fault);
        let source = head.has_key().then_some(head.source);
        self.used
            .mark([head.stream, head.wire, head.actor], source)
            .map_err(|_| in_block(Fault::Contradiction { what: "a name that is in no list" }))?;
        if let Some(stream) = self.streams.get_mut(head.stream as usize)
            && !stream.goes_on_with(head)
        {
            let what = "a record that its stream does not tell of";
            return Err(in_block(Fault::Misplaced { what, position }));
        }
        let Facts { first_position, count, .. } = sealed.footer.facts;
        let place = position.checked_sub(first_position).and_then(|it| usize::try_from(it).ok());
        let told = place.and_then(|place| self.blocks.get_mut(place));
        match told {
            Some(told) if *told == block => *told = MET,
            Some(told) if *told == MET => {
                return Err(in_block(Fault::Misplaced { what: "two records", position }));
            }
            Some(_) | None => {
                let what = "a record that the position table does not tell of";
                let fault = Fault::Misplaced { what, position };
                let offset = sealed.place(Part::Positions)?.0;
                return Err(sealed.damaged(Part::Positions, offset, fault));
            }
        }
        if position - first_position == count - 1 {
            self.last_recorded_at = Some(head.recorded_at);
        }
        Ok(())
    }

    /// Whether all that is told of was met.
    fn is_met(&self, sealed: &Sealed) -> Result<(), SealedError> {
        let facts = &sealed.footer.facts;
        if let Some(place) = self.blocks.iter().position(|told| *told != MET) {
            let position = facts.first_position + place as u64;
            let fault = Fault::Misplaced { what: "no record", position };
            return Err(sealed.damaged(Part::Block, HEADER_BYTES as u64, fault));
        }
        if self.last_recorded_at != Some(facts.last_recorded_at) {
            let fault = Fault::Contradiction { what: "the last time of recording" };
            return Err(sealed.damaged(Part::Header, 0, fault));
        }
        if self.streams.iter().any(|stream| stream.entry.count != stream.seen) {
            let fault = Fault::Contradiction { what: "the count of a stream" };
            return Err(sealed.damaged(Part::Directory, sealed.place(Part::Directory)?.0, fault));
        }
        for (kind, used) in self.used.lists() {
            if let Some((number, _)) = (0..).zip(used).find(|(_, is_used)| !**is_used) {
                let fault = Fault::Unused { kind, number };
                return Err(sealed.damaged(Part::Names, sealed.place(Part::Names)?.0, fault));
            }
        }
        Ok(())
    }
}

impl Stream {
    /// Takes in the next record of the stream; whether it is the one that is told of.
    fn goes_on_with(&mut self, head: &Head) -> bool {
        let Self { entry, seen, last_position } = self;
        let position = head.position;
        let is_next = *seen < entry.count
            && head.revision == entry.first_revision + *seen
            && position > *last_position
            && (*seen > 0 || position == entry.first_position)
            && (*seen + 1 < entry.count || position == entry.last_position);
        *seen += 1;
        *last_position = position;
        is_next
    }
}

/// The number here of each number there; `u32::MAX` where the text is not here.
fn numbers(kind: NameKind, there: &Names, here: &Names) -> Vec<u32> {
    let texts = there.texts(kind).iter();
    texts.map(|text| here.find(kind, text).unwrap_or(u32::MAX)).collect()
}

/// What two records differ in first.
fn difference(a: &RawRecord<'_>, b: &RawRecord<'_>) -> Option<&'static str> {
    let checks = [
        (a.position == b.position, "its position"),
        (a.stream == b.stream, "its stream"),
        (a.revision == b.revision, "its revision"),
        (a.wire == b.wire, "its wire name"),
        (a.occurred_at == b.occurred_at, "when it occurred"),
        (a.recorded_at == b.recorded_at, "when it was recorded"),
        (a.actor == b.actor, "its actor"),
        (a.causation == b.causation, "its cause"),
        (a.correlation == b.correlation, "its correlation"),
        (a.key == b.key, "its key"),
        (a.fingerprint == b.fingerprint, "its fingerprint"),
        (a.body == b.body, "its body"),
    ];
    checks.into_iter().find_map(|(is_equal, what)| (!is_equal).then_some(what))
}
