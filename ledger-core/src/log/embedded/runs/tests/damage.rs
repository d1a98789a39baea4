//! Damage is found or does not matter.

use super::*;

/// Two small runs, and the disk they are on.
fn two_runs() -> (SimulatedDisk, Model, Vec<String>) {
    let mut story = Story::begin(0);
    for segment in 0..2 {
        let all = many(40, segment).iter().map(|it| (it.0, it.1 >> 44)).collect();
        story.take(Step::Add(all, None));
    }
    let names = story.disk.list(DIRECTORY).unwrap();
    let paths = names.iter().map(|it| format!("{DIRECTORY}/{it}")).collect();
    (story.disk, story.model, paths)
}

/// What a writer that opens the index and asks for everything sees.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Right,
    Gap(Vec<Range<u64>>),
    Damaged(Range<u64>),
}

#[track_caller]
fn look(disk: &SimulatedDisk, model: &Model) -> Seen {
    let runs = Runs::open_read_only(place(disk, 1 << 20)).unwrap();
    let gaps = runs.view().gaps(&(0..2));
    if !gaps.is_empty() {
        return Seen::Gap(gaps);
    }
    let entries: Vec<_> = model.values().flatten().collect();
    let hashes: Vec<_> = entries.iter().map(|it| it.0).collect();
    match runs.lookup_many(&hashes) {
        Ok(found) => {
            let found: Vec<_> = found.iter().map(|it| (hashes[it.index], it.value)).collect();
            assert!(found.iter().eq(entries.iter().copied()), "wrong data");
            Seen::Right
        }
        Err(RunsError::Damaged { segments, .. }) => Seen::Damaged(segments),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn every_bit_that_flips_is_found() {
    let (disk, model, paths) = two_runs();
    assert_eq!(look(&disk, &model), Seen::Right);
    let bits = disk.open(&paths[1]).unwrap().len().unwrap() * 8;
    assert_eq!(bits, 4 * 4096 * 8);
    // Beside an editor one in eleven, which are of every place in a byte.
    for bit in (0..bits).step_by(if is_ci() { 1 } else { 11 }) {
        disk.flip(&paths[1], bit).unwrap();
        let expected =
            if bit < 4096 * 8 { Seen::Gap(ranges(&[(1, 2)])) } else { Seen::Damaged(1..2) };
        assert_eq!(look(&disk, &model), expected, "bit {bit}");
        disk.flip(&paths[1], bit).unwrap();
    }
}

#[test]
fn every_length_but_the_right_one_is_found() {
    let (disk, model, paths) = two_runs();
    let len = 4 * 4096;
    let whole = disk.snapshot();
    for cut in (0..len).chain([len + 1, len + 512, len + 4096]) {
        disk.cut(&paths[0], cut).unwrap();
        assert_eq!(look(&disk, &model), Seen::Gap(ranges(&[(0, 1)])), "{cut} bytes");
        disk.restore(&whole);
    }
}

#[test]
fn files_that_changed_places_are_found() {
    let (disk, model, paths) = two_runs();
    disk.swap(&paths[0], &paths[1]).unwrap();
    assert_eq!(look(&disk, &model), Seen::Gap(ranges(&[(0, 2)])));
}

#[test]
fn a_run_under_the_name_of_another_kind_is_found() {
    let (disk, _, paths) = two_runs();
    let streams = RunsPlace { kind: RunKind::Streams, ..place(&disk, 0) };
    disk.rename(&paths[0], &paths[0].replace("keys", "streams")).unwrap();
    let opened = RunsWriter::open(streams, &(0..1)).unwrap();
    assert_eq!(opened.gaps, ranges(&[(0, 1)]));
    assert_eq!(opened.damaged.len(), 1);
}

#[test]
fn pages_that_changed_places_are_found() {
    let (disk, model, paths) = two_runs();
    let [one, other] = [&paths[0], &paths[1]].map(|path| read(&disk, path));
    for page in 1..4 {
        let mut mixed = one.clone();
        mixed[page * 4096..][..4096].copy_from_slice(&other[page * 4096..][..4096]);
        disk.overwrite(&paths[0], &mixed).unwrap();
        assert_eq!(look(&disk, &model), Seen::Damaged(0..1), "page {page} of the other file");
        let mut moved = one.clone();
        moved.copy_within(4096..8192, page % 3 * 4096 + 4096);
        moved[4096..8192].copy_from_slice(&one[page % 3 * 4096 + 4096..][..4096]);
        disk.overwrite(&paths[0], &moved).unwrap();
        let expected = if page == 3 { Seen::Right } else { Seen::Damaged(0..1) };
        assert_eq!(look(&disk, &model), expected, "page {page} in another place");
    }
}

fn read(disk: &SimulatedDisk, path: &str) -> Vec<u8> {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), bytes.len());
    bytes
}

#[test]
fn a_run_of_another_ledger_is_refused_and_left_alone() {
    let (disk, _, _) = two_runs();
    let before = disk.list(DIRECTORY).unwrap();
    let stranger = LedgerId::from_bytes([8; 16]);
    let place = RunsPlace { ledger: stranger, ..place(&disk, 0) };
    let error = RunsWriter::open(place, &(0..2)).unwrap_err();
    let RunsError::Foreign { expected, found, .. } = error else { panic!("{error:?}") };
    assert_eq!((expected, found), (stranger, LEDGER));
    assert_eq!(disk.list(DIRECTORY).unwrap(), before);
}

#[test]
fn a_damaged_header_costs_the_run_and_nothing_else() {
    let (disk, mut model, paths) = two_runs();
    disk.flip(&paths[0], 99).unwrap();
    let opened = RunsWriter::open(place(&disk, 0), &(0..2)).unwrap();
    assert_eq!(opened.gaps, ranges(&[(0, 1)]));
    assert!(
        matches!(&opened.damaged[..], [RunsError::Damaged { segments, .. }] if *segments == (0..1))
    );
    assert_eq!(disk.list(DIRECTORY).unwrap().len(), 1);
    let again = model.remove(&0).unwrap();
    check(opened.writer.runs(), &model);
    opened.writer.add(0, again.clone()).unwrap();
    model.insert(0, again);
    check(opened.writer.runs(), &model);
}

#[test]
fn a_merge_of_a_damaged_run_leaves_nothing_and_the_run_can_be_made_again() {
    let (disk, model, paths) = two_runs();
    let entries_page_bit = 2 * 4096 * 8 + 5;
    disk.flip(&paths[1], entries_page_bit).unwrap();
    let writer = RunsWriter::open(place(&disk, 0), &(0..2)).unwrap().writer;
    let plan = writer.merge_due().unwrap();
    let error = writer.merge(&plan, &|| false).unwrap_err();
    let RunsError::Damaged { segments, file, offset, .. } = error else { panic!("{error:?}") };
    assert_eq!((&segments, &file, offset), (&(1..2), &paths[1], 2 * 4096));
    assert_eq!(disk.list(DIRECTORY).unwrap().len(), 1, "the damaged file is gone");
    assert!(writer.runs().view().lookup(model[&1][0].0).is_err(), "and what it held is not absent");
    let entries_of = |segment| Ok::<_, RunsError>(model[&segment].clone());
    writer.rebuild(&segments, entries_of).unwrap();
    check(writer.runs(), &model);
    assert_eq!(writer.merge(&plan, &|| false).unwrap(), Merged::Superseded);
    let plan = writer.merge_due().unwrap();
    assert_eq!(writer.merge(&plan, &|| false).unwrap(), Merged::Done);
    check(writer.runs(), &model);
}

#[test]
fn damage_that_the_writer_saw_is_a_gap_when_it_opens_again() {
    let (disk, model, paths) = two_runs();
    disk.flip(&paths[0], 4096 * 8).unwrap();
    let beside = Runs::open_read_only(place(&disk, 0)).unwrap();
    beside.view().lookup(model[&0][0].0).unwrap_err();
    assert_eq!(disk.list(DIRECTORY).unwrap().len(), 2, "a reader removes nothing");
    let writer = RunsWriter::open(place(&disk, 0), &(0..2)).unwrap().writer;
    writer.runs().view().lookup(model[&0][0].0).unwrap_err();
    let opened = RunsWriter::open(place(&disk, 0), &(0..2)).unwrap();
    assert_eq!(opened.gaps, ranges(&[(0, 1)]));
    assert!(opened.damaged.is_empty());
}

#[test]
fn a_rebuild_that_fails_leaves_the_damage_an_error() {
    let (disk, model, paths) = two_runs();
    disk.flip(&paths[0], 4096 * 8).unwrap();
    let writer = RunsWriter::open(place(&disk, 0), &(0..2)).unwrap().writer;
    let failed = writer.rebuild(&(0..2), |segment| match segment {
        0 => Ok(model[&0].clone()),
        _ => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
    });
    assert_eq!(failed.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert!(writer.runs().view().lookup(model[&0][0].0).is_err());
}

/// A checksum keeps nobody out who can write it: then the numbers must not add up to a panic.
#[test]
fn forged_pages_never_panic() {
    let (disk, model, paths) = two_runs();
    let whole = read(&disk, &paths[0]);
    let runs = Runs::open_read_only(place(&disk, 0)).unwrap();
    let seed = runs.snapshot()[0].seed();
    let mut chance = Chance::new(9);
    for round in 0..4000_u32 {
        let mut forged = whole.clone();
        let page = usize::try_from(chance.number() % 4).unwrap();
        for _ in 0..=chance.number() % 3 {
            let near = if chance.once_in(2) { 90 } else { 4092 };
            let at = page * 4096 + usize::try_from(chance.number() % near).unwrap();
            forged[at] = if round % 3 == 0 { 0xff } else { chance.number().to_le_bytes()[0] };
        }
        let mut sealed = page::Page::zeroed();
        sealed.body_mut().copy_from_slice(&forged[page * 4096..][..4092]);
        sealed.seal(if page == 0 { 0 } else { seed }, page as u64);
        forged[page * 4096..][..4096].copy_from_slice(sealed.bytes());
        disk.overwrite(&paths[0], &forged).unwrap();
        let Ok(opened) = RunsWriter::open(place(&disk.killed(), 0), &(0..2)) else { continue };
        for (hash, _) in &model[&0] {
            drop(opened.writer.runs().view().lookup(*hash));
        }
        if let Some(plan) = opened.writer.merge_due() {
            drop(opened.writer.merge(&plan, &|| false));
        }
    }
}
