//! Files in which every sum is right and one part says what another does not.

use sha2::{Digest, Sha256};

use super::*;
use crate::log::embedded::sealed::layout::{PARTS, header};

/// A file taken apart, to be put together again with all sums right.
struct Apart {
    footer: Footer,
    parts: [Vec<u8>; 6],
}

impl Apart {
    fn of(segment: &Segment) -> Self {
        let bytes = segment.seal();
        let footer = open(&bytes).unwrap().footer;
        let parts = PARTS.map(|part| {
            let (offset, length) = footer.place(part, bytes.len() as u64).unwrap();
            let [offset, length] = [offset, length].map(|it| usize::try_from(it).unwrap());
            bytes[offset..offset + length].to_vec()
        });
        Self { footer, parts }
    }

    fn together(mut self) -> Vec<u8> {
        let mut out = header(&self.footer.facts);
        for (part, length) in self.parts.iter().zip(&mut self.footer.lengths) {
            *length = part.len() as u64;
            out.extend_from_slice(part);
        }
        let [_, _, _, index, table, names] = &self.parts;
        self.footer.checksums = [index, table, names].map(|part| crc32c::crc32c(part));
        self.footer.digest = Sha256::digest(&out).into();
        out.extend_from_slice(&self.footer.encode());
        out
    }
}

/// Three blocks, three streams.
fn segment() -> Segment {
    let mut segment = usage(60, 3);
    segment.records.iter_mut().step_by(20).for_each(|owned| owned.body = vec![1; 40_000]);
    segment
}

#[track_caller]
fn found(file: &[u8], part: Part, fault: Fault) {
    let sealed = open(file).expect("every sum is right");
    match sealed.verify(&mut Buffer::default()) {
        Err(SealedError::Damaged { part: at, fault: it, .. }) => {
            assert_eq!((at, it), (part, fault));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_put_together_again_is_the_same() {
    let segment = segment();
    assert_eq!(Apart::of(&segment).together(), segment.seal());
}

#[test]
fn a_digest_of_another_file_is_found() {
    let mut apart = Apart::of(&segment());
    apart.footer.digest = [7; 32];
    let mut file = Apart::of(&segment()).together();
    let footer = apart.footer.encode();
    let at = file.len() - footer.len();
    file.splice(at.., footer);
    found(&file, Part::File, Fault::Digest);
}

#[test]
fn a_header_that_is_not_the_footers_is_found() {
    let mut facts = segment().facts();
    let mut file = segment().seal();
    facts.last_frame += 1;
    let other = header(&facts);
    file.splice(..other.len(), other);
    found(&file, Part::Header, Fault::Contradiction { what: "the header" });
}

#[test]
fn a_time_of_recording_that_is_not_the_last_is_found() {
    let mut apart = Apart::of(&segment());
    apart.footer.facts.last_recorded_at += 1;
    let what = "the last time of recording";
    found(&apart.together(), Part::Header, Fault::Contradiction { what });
}

#[test]
fn a_name_of_nothing_is_found() {
    let mut apart = Apart::of(&segment());
    let [_, wires, ..] = &mut apart.footer.names;
    *wires += 1;
    let mut names = Vec::new();
    super::super::names::put("", "usage-recorded.v1", &mut names);
    super::super::names::put("usage-recorded.v1", "usage-recorded.v2", &mut names);
    let [.., list] = &mut apart.parts;
    // The first name takes two counts and its text.
    list.splice(..2 + "usage-recorded.v1".len(), names);
    found(&apart.together(), Part::Names, Fault::Unused { kind: NameKind::Wire, number: 1 });
}

#[test]
fn a_position_told_to_be_in_another_block_is_found() {
    let mut apart = Apart::of(&segment());
    let table = Positions::new(apart.footer.facts.count, apart.footer.blocks);
    let [_, positions, ..] = &mut apart.parts;
    let mut blocks: Vec<u32> = table.decode(0, positions).unwrap().collect();
    blocks[9] = (blocks[9] + 1) % 3;
    positions.clear();
    table.encode(&blocks, positions);
    let what = "a record that the position table does not tell of";
    let fault = Fault::Misplaced { what, position: 1_000_010 };
    let file = apart.together();
    found(&file, Part::Positions, fault);
    let missing = open(&file).unwrap().record_at(1_000_010, &mut Buffer::default()).unwrap_err();
    let fault = Fault::Misplaced { what: "no record", position: 1_000_010 };
    assert!(matches!(missing, SealedError::Damaged { fault: it, .. } if it == fault));
}

#[test]
fn a_stream_told_to_begin_elsewhere_is_found() {
    let segment = segment();
    let mut apart = Apart::of(&segment);
    let mut streams = Vec::new();
    let sealed = open(&segment.seal()).unwrap();
    sealed
        .streams(|name, stream| {
            streams.push((name.to_owned(), stream));
            true
        })
        .unwrap();
    let first = streams[1].1.first_position;
    streams[1].1.first_position += 1;
    let [_, _, pages, index, ..] = &mut apart.parts;
    pages.clear();
    index.clear();
    let told = streams.iter().map(|(name, stream)| (name.as_str(), *stream));
    directory::encode(told, segment.facts().first_position, pages, index);
    let what = "a record that its stream does not tell of";
    found(&apart.together(), Part::Block, Fault::Misplaced { what, position: first });
}
