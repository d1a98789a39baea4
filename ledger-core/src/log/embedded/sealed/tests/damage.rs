//! Every bit and every length of a file, and blocks that were summed again after the damage.

use super::*;
use crate::log::embedded::sealed::arena::Arena;
use crate::log::embedded::sealed::block::{Packer, ROWS_MAX, Unpacker};

/// Several blocks, several streams, every optional part; but few bytes.
fn small() -> Segment {
    let mut segment = usage(26, 3);
    for (owned, nth) in segment.records.iter_mut().zip(0_u8..) {
        match nth % 8 {
            0 => owned.body = vec![nth; 33_000],
            1 => owned.causation = Some([nth; 16]),
            2 => owned.correlation = Some([nth; 16]),
            3 => owned.fingerprint = Some([nth; 32]),
            4 => owned.key = None,
            5 => owned.key = Some((1, Err(format!("order-{nth}")), 3)),
            6 => owned.body.clear(),
            _ => owned.record.recorded_at -= 5,
        }
    }
    segment
}

/// Reads by every road. What is read at all must be what was sealed.
fn read_all_ways(sealed: &Sealed, expected: &[Spelled]) {
    let Ok(names) = sealed.names() else { return };
    let mut buffer = Buffer::default();
    let first = sealed.facts().first_position;
    let half = expected.len() / 2;
    for from in [0, half] {
        if sealed.read_from(first + from as u64, &mut buffer).is_ok() {
            let found: Vec<_> = buffer.records().map(|it| spelled(&it, &names)).collect();
            assert_eq!(found, expected[from..]);
        }
    }
    for (nth, expected) in expected.iter().enumerate() {
        if let Ok(found) = sealed.record_at(first + nth as u64, &mut buffer) {
            assert_eq!(&spelled(&found.unwrap(), &names), expected);
        }
    }
    for name in names.texts(NameKind::Stream) {
        let Ok(Some(entry)) = sealed.stream(name) else { continue };
        let of_stream = expected.iter().filter(|it| it.names[0].as_deref() == Some(name));
        let mut found = Vec::new();
        let mut cursor = StreamCursor::forwards(&entry, 0);
        while let Ok(true) = sealed.read_stream(&mut cursor, &mut buffer) {
            found.extend(buffer.records().map(|record| spelled(&record, &names)));
        }
        let of_stream: Vec<_> = of_stream.cloned().collect();
        assert_eq!(found, of_stream[..found.len()]);
    }
}

#[test]
fn every_bit_flipped_is_found_and_none_gives_wrong_records() {
    let segment = small();
    let bytes = segment.seal();
    let expected: Vec<_> = segment.records().map(|it| spelled(&it, &segment.names)).collect();
    assert!(open(&bytes).unwrap().blocks.len() > 2, "the file must have several blocks");
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let Ok(sealed) = open(&damaged) else { continue };
        let found = sealed.verify(&mut Buffer::default());
        assert!(
            matches!(found, Err(SealedError::Damaged { .. })),
            "bit {bit} of {}: {found:?}",
            bytes.len() * 8
        );
        // All roads for some bits of every byte: each takes a while.
        if bit % 13 == 0 {
            read_all_ways(&sealed, &expected);
        }
    }
}

#[test]
fn a_file_of_any_other_length_is_refused() {
    let bytes = usage(30, 3).seal();
    for length in 0..bytes.len() {
        let found = open(&bytes[..length]);
        assert!(matches!(found, Err(SealedError::Damaged { .. })), "{length}: {found:?}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(matches!(open(&longer), Err(SealedError::Damaged { .. })));
    let mut shifted = vec![0];
    shifted.extend_from_slice(&bytes);
    assert!(matches!(
        open(&shifted),
        Err(SealedError::Damaged { fault: Fault::Length { .. }, .. })
    ));
}

#[test]
fn a_file_of_another_ledger_or_segment_is_refused() {
    let file = || Arc::new(Memory(usage(30, 3).seal()));
    let other = LedgerId::from_bytes([1; 16]);
    let found = Sealed::open(file(), "seg-7.sealed", other, SEGMENT);
    assert!(matches!(found, Err(SealedError::ForeignLedger { found: LEDGER, .. })));
    let found = Sealed::open(file(), "seg-7.sealed", LEDGER, 8);
    assert!(matches!(found, Err(SealedError::ForeignSegment { found: SEGMENT, .. })));
}

proptest! {
    #![proptest_config(cases())]

    /// A sum is no proof against malice: what is summed again must still not panic or run away.
    #[test]
    fn a_block_changed_and_summed_again_is_read_within_its_bounds(
        segment in segment(),
        at in any::<Index>(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let bytes = segment.seal();
        let sealed = open(&bytes).unwrap();
        let mut entry = *at.get(&sealed.blocks);
        let begin = usize::try_from(entry.offset).unwrap();
        let mut stored = bytes[begin..begin + entry.length as usize].to_vec();
        for (at, byte) in changes {
            *at.get_mut(&mut stored) = byte;
        }
        entry.checksum = crc32c::crc32c(&stored);
        let mut made = Vec::new();
        let mut rows = 0;
        let limits = sealed.limits();
        let unpacked = Unpacker::default().unpack(&stored, &entry, &limits, &mut made, |head| {
            rows += 1;
            assert!(head.position - limits.first_position < limits.count);
            Ok(())
        });
        prop_assert!(rows <= ROWS_MAX);
        prop_assert!(made.len() <= 512 * 1024, "{} bytes, {:?}", made.len(), unpacked);
    }

    #[test]
    fn tables_changed_and_summed_again_tell_of_nothing_outside_the_file(
        segment in segment(),
        changes in proptest::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let bytes = segment.seal();
        let footer = open(&bytes).unwrap().footer;
        let changed = |part| {
            let (offset, length) = footer.place(part, bytes.len() as u64).unwrap();
            let [offset, length] = [offset, length].map(|it| usize::try_from(it).unwrap());
            let mut part = bytes[offset..offset + length].to_vec();
            changes.iter().for_each(|(at, byte)| *at.get_mut(&mut part) = *byte);
            part
        };
        let streams = super::super::streams(&footer);
        let count = footer.facts.count;
        let end = footer.facts.first_position + count;
        let place = |part| footer.place(part, bytes.len() as u64).unwrap();
        let ends = |(offset, length): (u64, u64)| offset + length;

        let index = changed(Part::DirectoryIndex);
        let at = place(Part::Directory);
        for page in directory::decode_index(&index, at, streams).unwrap_or_default() {
            prop_assert!(page.offset + u64::from(page.length) <= ends(at));
            prop_assert!(page.first + page.streams <= streams);
        }
        let at = place(Part::Block);
        let table = changed(Part::BlockTable);
        for block in directory::decode_blocks(&table, at, count, streams).unwrap_or_default() {
            prop_assert!(block.offset + u64::from(block.length) <= ends(at));
            prop_assert!(block.rows as usize <= ROWS_MAX && block.stream < streams);
        }
        let page = changed(Part::Directory);
        let at = place(Part::Directory);
        let index = place(Part::DirectoryIndex);
        let index = usize::try_from(index.0).unwrap()..usize::try_from(ends(index)).unwrap();
        let mut pages = directory::decode_index(&bytes[index], at, streams).unwrap();
        let mut only = pages.remove(0);
        only.checksum = crc32c::crc32c(&page);
        let positions = (footer.facts.first_position, end);
        let mut visited = 0;
        let read = directory::decode(&only, &page, positions, |_, stream| {
            visited += 1;
            assert!(stream.first_position >= positions.0 && stream.last_position < end);
            assert!(stream.count > 0 && stream.count <= count);
            assert!(stream.first_revision.checked_add(stream.count).is_some());
            true
        });
        prop_assert!(read.is_err() || visited == only.streams);
    }
}

/// Rows told in few bytes must not become more memory than a block may take.
#[test]
fn a_block_that_unpacks_to_more_than_a_block_is_refused() {
    let mut segment = usage(10, 1);
    segment.records.iter_mut().for_each(|owned| owned.body = vec![7; 40_000]);
    let mut arena = Arena::default();
    for record in segment.records() {
        arena.push(&record).unwrap();
    }
    let mut stored = Vec::new();
    let first_position = segment.facts().first_position;
    Packer::new().pack(&arena, first_position, &mut stored);
    assert!(stored.len() < 1_000, "ten equal bodies take little");
    let checksum = crc32c::crc32c(&stored);
    let length = u32::try_from(stored.len()).unwrap();
    let entry = BlockEntry { offset: 80, length, rows: 10, stream: 0, revision: 0, checksum };
    let limits = Limits { first_position, count: 10, names: [1; 4] };
    let mut made = Vec::new();
    let unpacked = Unpacker::default().unpack(&stored, &entry, &limits, &mut made, |_| Ok(()));
    assert_eq!(unpacked, Err(Fault::Oversize));
    assert!(made.len() < 3 * 40_100, "{} bytes", made.len());
}
