//! What is sealed reads back, by every road; what is not as it was sealed is refused.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::log::embedded::raw::RawKey;
use crate::log::embedded::raw::tests::{Owned, owned};

mod contradictions;
mod damage;
mod parts;

const LEDGER: LedgerId = LedgerId::from_bytes(*b"the test ledger!");
const SEGMENT: u64 = 7;

/// A file in memory that gives little at a time.
struct Memory(Vec<u8>);

impl File for Memory {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = self.0.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let length = rest.len().min(buffer.len()).min(5_000);
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }
}

fn open(bytes: &[u8]) -> Result<Sealed, SealedError> {
    Sealed::open(Arc::new(Memory(bytes.to_vec())), "seg-7.sealed", LEDGER, SEGMENT)
}

/// A segment before it is sealed.
#[derive(Debug, Clone)]
struct Segment {
    names: Names,
    records: Vec<Owned>,
}

impl Segment {
    fn records(&self) -> impl Iterator<Item = RawRecord<'_>> + Clone {
        self.records.iter().map(Owned::raw)
    }

    /// The same without the last record.
    fn shortened(&self) -> Self {
        let mut segment = self.clone();
        segment.records.pop();
        segment
    }

    fn facts(&self) -> Facts {
        Facts {
            ledger: LEDGER,
            segment: SEGMENT,
            first_position: self.records.first().map_or(1, |first| first.record.position),
            count: self.records.len() as u64,
            first_frame: 40,
            last_frame: 44,
            last_recorded_at: self.records.last().map_or(0, |last| last.record.recorded_at),
        }
    }

    fn seal(&self) -> Vec<u8> {
        seal(&self.facts(), &self.names, self).unwrap()
    }
}

impl Records for Segment {
    fn get(&self, place: usize) -> Option<RawRecord<'_>> {
        self.records.get(place).map(Owned::raw)
    }
}

/// A record with its names spelled out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spelled {
    names: [Option<String>; 4],
    rest: String,
}

fn spelled(record: &RawRecord<'_>, names: &Names) -> Spelled {
    let name = |kind, number| Some(names.text(kind, number).unwrap().to_owned());
    let key = record.key.map(|key| RawKey { source: 0, ..key });
    let rest = RawRecord { stream: 0, wire: 0, actor: 0, key, ..*record };
    Spelled {
        names: [
            name(NameKind::Stream, record.stream),
            name(NameKind::Wire, record.wire),
            name(NameKind::Actor, record.actor),
            record.key.and_then(|key| name(NameKind::Source, key.source)),
        ],
        rest: format!("{rest:?}"),
    }
}

/// Bodies as they come: nothing, noise, small changes of one text, and the largest there is.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let like = (0_u32..5_000, 0..4_usize, "[a-z]{0,3}").prop_map(|(quantity, kind, tail)| {
        let kind = ["droplet_hours", "llm_tokens", "bandwidth", "zone"][kind];
        format!("{kind}|{quantity}|hour|compute|shop-{tail}|eu-west").into_bytes()
    });
    prop_oneof![
        8 => like,
        2 => proptest::collection::vec(any::<u8>(), 0..60),
        1 => Just(Vec::new()),
        1 => (any::<u8>(), 0..=crate::log::EVENT_BYTES_MAX).prop_map(|(byte, n)| vec![byte; n]),
    ]
}

prop_compose! {
    fn segment()(
        records in proptest::collection::vec((owned(), body(), 0_usize..6), 1..120),
        streams in proptest::collection::btree_map("[a-z]{1,4}(-[a-z0-9.]{1,20})?", 0_u64..200, 6),
        spread in 1_usize..7,
        first in prop_oneof![1_u64..50, Just(u64::MAX - 500)],
        lists in proptest::array::uniform3(
            proptest::collection::btree_set("[ -~\u{e0}-\u{ff}]{1,9}", 5),
        ),
        is_reversed in any::<bool>(),
    ) -> Segment {
        let mut names = Names::default();
        let mut intern = |kind, text: &str| names.intern(kind, text).unwrap().0;
        let mut order: Vec<_> = streams.into_iter().collect();
        if is_reversed {
            order.reverse();
        }
        let mut next: BTreeMap<u32, u64> =
            order.iter().map(|(name, from)| (intern(NameKind::Stream, name), *from)).collect();
        for (kind, list) in super::names::LISTS.into_iter().zip(&lists) {
            list.iter().for_each(|name| { intern(kind, name); });
        }
        let mut segment = Segment { names, records: vec![] };
        for ((mut owned, body, stream), position) in records.into_iter().zip(first..) {
            let stream = u32::try_from(stream % spread).unwrap();
            let revision = next.get_mut(&stream).unwrap();
            let RawRecord { wire, actor, .. } = owned.record;
            owned.record.stream = stream;
            owned.record.position = position;
            owned.record.revision = *revision;
            *revision += 1;
            owned.record.wire = wire % 5;
            owned.record.actor = actor % 5;
            if let Some((source, _, _)) = &mut owned.key {
                *source %= 5;
            }
            owned.body = body;
            segment.records.push(owned);
        }
        segment
    }
}

fn cases() -> ProptestConfig {
    let cases = if std::env::var_os("CI").is_some() { 2_000 } else { 256 };
    ProptestConfig { cases, ..ProptestConfig::default() }
}

/// Everything a stream gives from where the cursor stands.
fn read_stream(sealed: &Sealed, mut cursor: StreamCursor, names: &Names) -> Vec<Spelled> {
    let mut buffer = Buffer::default();
    let mut found = Vec::new();
    while sealed.read_stream(&mut cursor, &mut buffer).unwrap() {
        assert!(buffer.records().len() > 0, "a read that goes on must give something");
        found.extend(buffer.records().map(|record| spelled(&record, names)));
    }
    found
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_sealed_reads_back_by_position_by_stream_and_by_point(
        segment in segment(),
        from in any::<Index>(),
    ) {
        let sealed = open(&segment.seal()).unwrap();
        let names = sealed.names().unwrap();
        let mut buffer = Buffer::default();
        let expected: Vec<Spelled> =
            segment.records().map(|record| spelled(&record, &segment.names)).collect();

        sealed.verify(&mut buffer).unwrap();
        let mut visited = BTreeMap::new();
        let visit = |names: &Names, record: &RawRecord<'_>| {
            visited.insert(record.position, spelled(record, names));
        };
        sealed.verify_against(&segment.names, &segment, &mut buffer, visit).unwrap();
        prop_assert_eq!(&visited.into_values().collect::<Vec<_>>(), &expected);
        let first = sealed.facts().first_position;
        let place = from.index(expected.len() + 1);
        for place in [0, place] {
            sealed.read_from(first + place as u64, &mut buffer).unwrap();
            let found: Vec<_> = buffer.records().map(|it| spelled(&it, &names)).collect();
            prop_assert_eq!(&found, &expected[place..]);
        }
        for (nth, expected) in expected.iter().enumerate() {
            let record = sealed.record_at(first + nth as u64, &mut buffer).unwrap().unwrap();
            prop_assert_eq!(&spelled(&record, &names), expected);
        }
        prop_assert_eq!(sealed.record_at(first - 1, &mut buffer).unwrap(), None);
        let end = first + expected.len() as u64;
        prop_assert_eq!(sealed.record_at(end, &mut buffer).unwrap(), None);

        for name in segment.names.texts(NameKind::Stream) {
            let of_stream: Vec<_> = segment
                .records()
                .zip(&expected)
                .filter(|(_, spelled)| spelled.names[0].as_deref() == Some(name))
                .collect();
            let entry = sealed.stream(name).unwrap();
            prop_assert_eq!(entry.is_some(), !of_stream.is_empty());
            let Some(entry) = entry else { continue };
            let spelled = sealed.stream_name(entry.number).unwrap();
            prop_assert_eq!(spelled.as_deref(), Some(&**name));
            let (first, last) = (of_stream[0].0, of_stream[of_stream.len() - 1].0);
            prop_assert_eq!(entry.first_position, first.position);
            prop_assert_eq!(entry.last_position, last.position);
            prop_assert_eq!(entry.first_revision, first.revision);
            prop_assert_eq!(entry.count, of_stream.len() as u64);
            let from = first.revision + from.index(of_stream.len() + 1) as u64;
            let later = of_stream.iter().filter(|(record, _)| record.revision >= from);
            let later: Vec<_> = later.map(|(_, spelled)| (*spelled).clone()).collect();
            let found = read_stream(&sealed, StreamCursor::forwards(&entry, from), &names);
            prop_assert_eq!(found, later);
        }
        prop_assert_eq!(sealed.stream("zzzzzz").unwrap(), None);
        prop_assert_eq!(sealed.stream("").unwrap(), None);
        prop_assert_eq!(sealed.stream_name(6).unwrap(), None);
    }

    /// However the names came to be numbered, and whatever else was named.
    #[test]
    fn the_same_records_give_the_same_file(segment in segment()) {
        let mut other = segment.clone();
        other.names = Names::default();
        for kind in NameKind::ALL {
            other.names.intern(kind, "of no record").unwrap();
            for text in segment.names.texts(kind).iter().rev() {
                other.names.intern(kind, text).unwrap();
            }
        }
        let turned = |kind, number| {
            let text = segment.names.text(kind, number).unwrap();
            other.names.find(kind, text).unwrap()
        };
        for owned in &mut other.records {
            owned.record.stream = turned(NameKind::Stream, owned.record.stream);
            owned.record.wire = turned(NameKind::Wire, owned.record.wire);
            owned.record.actor = turned(NameKind::Actor, owned.record.actor);
            if let Some((source, _, _)) = &mut owned.key {
                *source = turned(NameKind::Source, *source);
            }
        }
        let (ours, others) = (segment.seal(), other.seal());
        prop_assert_eq!(ours, others);
    }

    /// One change of one record, and the sealed file no longer stands for the records.
    #[test]
    fn a_file_sealed_from_other_records_does_not_match(
        segment in segment(),
        at in any::<Index>(),
        field in 0..9,
    ) {
        let sealed = open(&segment.seal()).unwrap();
        let mut changed = segment.clone();
        let owned = at.get_mut(&mut changed.records);
        let record = &mut owned.record;
        match field {
            0 => record.occurred_at ^= 1,
            1 => record.recorded_at ^= 1,
            2 => record.wire = (record.wire + 1) % 5,
            3 => record.actor = (record.actor + 1) % 5,
            4 => owned.causation = owned.causation.xor(Some([1; 16])),
            5 => {
                let before = owned.correlation.unwrap_or_default();
                owned.correlation = Some(before.map(|byte| byte ^ 4));
            }
            6 => owned.fingerprint = owned.fingerprint.xor(Some([1; 32])),
            7 => {
                let (source, id, index) = owned.key.take().unwrap_or((0, Ok([1; 16]), 1));
                owned.key = Some((source, id, index ^ 1));
            }
            _ => owned.body.push(1),
        }
        let mut buffer = Buffer::default();
        let found = sealed.verify_against(&changed.names, &changed, &mut buffer, |_, _| ());
        let position = changed.records[at.index(changed.records.len())].record.position;
        prop_assert!(
            matches!(found, Err(Mismatch::Record { position: it, .. }) if it == position),
            "{:?}", found
        );
        let shortened = segment.shortened();
        let found = sealed.verify_against(&segment.names, &shortened, &mut buffer, |_, _| ());
        prop_assert!(matches!(found, Err(Mismatch::Record { .. })), "{:?}", found);
        if !shortened.records.is_empty() {
            let sealed = open(&shortened.seal()).unwrap();
            let found = sealed.verify_against(&segment.names, &segment, &mut buffer, |_, _| ());
            prop_assert!(matches!(found, Err(Mismatch::Record { .. })), "{:?}", found);
        }
    }
}

/// A usage event as producers send them: a random key, little new in the body.
fn usage(count: u64, tenants: u64) -> Segment {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    let mut names = Names::default();
    names.intern(NameKind::Wire, "usage-recorded.v1").unwrap();
    let mut heads = BTreeMap::new();
    let mut records = Vec::new();
    for place in 0..count {
        let tenant = random() % tenants;
        let stream = format!("usage-tenant-{tenant}.2026-04");
        let stream = names.intern(NameKind::Stream, &stream).unwrap().0;
        let actor = names.intern(NameKind::Actor, &format!("producer key-{tenant}")).unwrap().0;
        let source = names.intern(NameKind::Source, &format!("tenant-{tenant} /meter")).unwrap().0;
        let revision = heads.entry(stream).or_insert(0);
        let kind = ["droplet_hours", "llm_tokens", "bandwidth_gb", "zones"];
        let kind = kind[usize::try_from(random() % 4).unwrap()];
        let mut body = vec![u8::try_from(kind.len()).unwrap()];
        body.extend_from_slice(kind.as_bytes());
        crate::log::embedded::raw::varint::put(random() % 100_000, &mut body);
        body.extend_from_slice(b"\x02\x04hour\x07compute\x01");
        let shop = format!("shop-{}", random() % 6);
        body.push(u8::try_from(shop.len()).unwrap());
        body.extend_from_slice(shop.as_bytes());
        let mut id = [0; 16];
        id[..8].copy_from_slice(&random().to_le_bytes());
        id[8..].copy_from_slice(&random().to_le_bytes());
        let recorded_at = 1_775_000_000_000_000 + i64::try_from(place / 100 * 9_137).unwrap();
        let record = RawRecord {
            position: 1_000_001 + place,
            stream,
            revision: *revision,
            wire: 0,
            occurred_at: recorded_at / 60_000_000 * 60_000_000
                - i64::try_from(random() % 60).unwrap() * 1_000_000,
            recorded_at,
            actor,
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            body: &[],
        };
        *revision += 1;
        let key = Some((source, Ok(id), 0));
        let (causation, correlation, fingerprint) = (None, None, None);
        records.push(Owned { record, causation, correlation, fingerprint, key, body });
    }
    Segment { names, records }
}

#[test]
fn a_usage_event_with_a_random_key_takes_at_most_28_bytes() {
    let segment = usage(20_000, 20);
    let bytes = segment.seal().len();
    assert!(bytes <= 28 * 20_000, "{} bytes an event", bytes / 20_000);
}

#[track_caller]
fn refused(segment: &Segment, expected: &SealError) {
    let found = seal(&segment.facts(), &segment.names, segment);
    assert_eq!(found.as_ref().err(), Some(expected));
}

#[test]
fn records_that_are_no_segment_are_not_sealed() {
    let good = usage(50, 2);
    let mut gap = good.clone();
    gap.records[20].record.position += 1;
    refused(&gap, &SealError::Position { expected: 1_000_021, found: 1_000_022 });
    let mut repeat = good.clone();
    let found = repeat.records[49].record.revision - 1;
    repeat.records[49].record.revision = found;
    refused(&repeat, &SealError::Revision { position: 1_000_050, expected: found + 1, found });
    let mut unnamed = good.clone();
    unnamed.records[3].record.wire = 1;
    let kind = NameKind::Wire;
    refused(&unnamed, &SealError::Unnamed { position: 1_000_004, kind, number: 1 });
    let mut key = good.clone();
    let uuid = "0190a1b2-0000-7000-8000-000000000001".to_owned();
    key.records[0].key = Some((0, Err(uuid), 0));
    let what = "a key that is not in its one form";
    refused(&key, &SealError::Record { position: 1_000_001, what });
    let mut body = good.clone();
    body.records[0].body = vec![0; crate::log::EVENT_BYTES_MAX + 1];
    let what = "a body that is too large";
    refused(&body, &SealError::Record { position: 1_000_001, what });
    let mut none = good;
    none.records.clear();
    refused(&none, &SealError::Facts { what: "the count" });
}
