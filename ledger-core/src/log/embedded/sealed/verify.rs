//! Reads all of a sealed segment and compares it: with itself, and with what it was sealed from.

use sha2::{Digest, Sha256};

use crate::log::embedded::raw::{NameKind, Names, RawKey, RawRecord};

use super::directory::StreamEntry;
use super::error::{Fault, Part, SealedError};
use super::layout::{FOOTER_BYTES, Facts, HEADER_BYTES, header};
use super::positions::Positions;
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
        self.verify_digest(buffer)?;
        self.read_from(0, buffer)?;
        let last = buffer.heads().last().map(|head| head.recorded_at);
        if last != Some(self.footer.facts.last_recorded_at) {
            let fault = Fault::Contradiction { what: "the last time of recording" };
            return Err(self.damaged(Part::Header, 0, fault));
        }
        self.verify_streams(buffer)?;
        self.verify_names(buffer)?;
        self.verify_positions(buffer)
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

    /// Each stream has the revisions and positions its entry tells, and its records are in order.
    fn verify_streams(&self, buffer: &Buffer) -> Result<(), SealedError> {
        let mut entries: Vec<StreamEntry> = Vec::new();
        self.streams(|_, stream| {
            entries.push(stream);
            true
        })?;
        let mut seen = vec![0_u64; entries.len()];
        for head in buffer.heads() {
            let place = head.stream as usize;
            let (Some(entry), Some(seen)) = (entries.get(place), seen.get_mut(place)) else {
                continue;
            };
            let is_next = head.revision == entry.first_revision + *seen
                && (*seen > 0 || head.position == entry.first_position)
                && (*seen + 1 < entry.count || head.position == entry.last_position);
            *seen += 1;
            if !is_next || *seen > entry.count {
                let what = "a record that its stream does not tell of";
                let fault = Fault::Misplaced { what, position: head.position };
                return Err(self.damaged(Part::Block, HEADER_BYTES as u64, fault));
            }
        }
        if entries.iter().zip(&seen).any(|(entry, seen)| entry.count != *seen) {
            let fault = Fault::Contradiction { what: "the count of a stream" };
            return Err(self.damaged(Part::Directory, self.place(Part::Directory)?.0, fault));
        }
        Ok(())
    }

    /// The names are in order, and each is the name of something.
    fn verify_names(&self, buffer: &Buffer) -> Result<(), SealedError> {
        let names = self.names()?;
        for kind in NameKind::ALL {
            let mut is_used = vec![false; names.texts(kind).len()];
            for head in buffer.heads() {
                let number = match kind {
                    NameKind::Stream => Some(head.stream),
                    NameKind::Wire => Some(head.wire),
                    NameKind::Actor => Some(head.actor),
                    NameKind::Source => head.has_key().then_some(head.source),
                };
                let used = number.and_then(|number| is_used.get_mut(number as usize));
                if let Some(used) = used {
                    *used = true;
                }
            }
            if let Some((number, _)) = (0..).zip(&is_used).find(|(_, is_used)| !**is_used) {
                let fault = Fault::Unused { kind, number };
                return Err(self.damaged(Part::Names, self.place(Part::Names)?.0, fault));
            }
        }
        Ok(())
    }

    /// The position table tells the block that each record is in.
    fn verify_positions(&self, buffer: &mut Buffer) -> Result<(), SealedError> {
        let Facts { first_position, count, .. } = self.footer.facts;
        let table = Positions::new(count, self.footer.blocks);
        let mut told = Vec::new();
        for page in 0..table.pages() {
            told.extend(self.positions(page)?);
        }
        if table.pages() == 0 {
            return Ok(());
        }
        for (block, nth) in self.blocks.iter().zip(0_u32..) {
            self.read_block(block, buffer)?;
            for head in &buffer.arena.heads {
                let place = usize::try_from(head.position - first_position).ok();
                if place.and_then(|place| told.get(place)) != Some(&nth) {
                    let what = "a record that the position table does not tell of";
                    let fault = Fault::Misplaced { what, position: head.position };
                    return Err(self.damaged(
                        Part::Positions,
                        self.place(Part::Positions)?.0,
                        fault,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Compares with the records it was sealed from, names spelled out. It says nothing about parts
    /// that a read by position does not need: that is for [`Sealed::verify`].
    pub(crate) fn matches<'a>(
        &self,
        names: &Names,
        records: impl IntoIterator<Item = RawRecord<'a>>,
        buffer: &mut Buffer,
    ) -> Result<(), Mismatch> {
        self.read_from(0, buffer)?;
        let own = self.names()?;
        let numbers = NameKind::ALL.map(|kind| numbers(kind, names, &own));
        let mut expected = self.footer.facts.first_position;
        let mut sealed = buffer.records();
        for record in records {
            let position = record.position;
            let differs = |what| Mismatch::Record { position, what };
            let Some(found) = sealed.next() else {
                return Err(Mismatch::Record { position, what: "being there" });
            };
            let translated = translated(&record, &numbers).ok_or(differs("a name"))?;
            if let Some(what) = difference(&translated, &found) {
                return Err(differs(what));
            }
            expected += 1;
        }
        if sealed.next().is_some() {
            return Err(Mismatch::Record { position: expected, what: "being there" });
        }
        Ok(())
    }
}

/// The number here of each number there; `u32::MAX` where the text is not here.
fn numbers(kind: NameKind, there: &Names, here: &Names) -> Vec<u32> {
    let texts = there.texts(kind).iter();
    texts.map(|text| here.find(kind, text).unwrap_or(u32::MAX)).collect()
}

/// The record with the numbers of here.
fn translated<'a>(record: &RawRecord<'a>, numbers: &[Vec<u32>; 4]) -> Option<RawRecord<'a>> {
    let [streams, wires, actors, sources] = numbers;
    let number = |list: &[u32], number: u32| list.get(number as usize).copied();
    let key = match record.key {
        None => None,
        Some(key) => Some(RawKey { source: number(sources, key.source)?, ..key }),
    };
    let stream = number(streams, record.stream)?;
    let wire = number(wires, record.wire)?;
    Some(RawRecord { stream, wire, actor: number(actors, record.actor)?, key, ..*record })
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
