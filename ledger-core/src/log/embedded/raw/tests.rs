//! A record has one row and one encoding, whatever it holds.

use proptest::prelude::*;

use super::*;

const BASE: RowBase = RowBase { position: 7, recorded_at: 1_000, occurred_at: 900 };

fn record() -> RawRecord<'static> {
    RawRecord {
        position: 7,
        stream: 3,
        revision: 300,
        wire: 1,
        occurred_at: 890,
        recorded_at: 1_000,
        actor: 0,
        causation: None,
        correlation: None,
        key: Some(RawKey { source: 2, id: &[9; 16], is_uuid: true, index: 0 }),
        fingerprint: None,
        body: b"body",
    }
}

fn encoded(record: &RawRecord<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    encode(record, &BASE, &mut out);
    out
}

#[track_caller]
fn refused(row: &[u8], expected: RowError) {
    assert_eq!(decode(&mut &*row, &BASE), Err(expected));
}

#[test]
fn a_usage_row_has_these_bytes() {
    let mut expected = vec![0b0000_0011, 3, 1, 0, 0xac, 0x02, 19, 2];
    expected.extend_from_slice(&[9; 16]);
    expected.extend_from_slice(b"\x04body");
    assert_eq!(encoded(&record()), expected);
}

#[test]
fn a_second_spelling_of_a_row_is_refused() {
    // A stream of 3 in two bytes; a time of recording that equals the frame's; an index of 0.
    refused(&[0, 0x83, 0, 1, 0, 0, 0, 0], RowError::NotMinimal);
    let what = "an equal time of recording";
    refused(&[1 << 6, 3, 1, 0, 0, 0, 0, 0], RowError::SpelledOut { what });
    let what = "a key's index of 0";
    refused(&[0b101, 3, 1, 0, 0, 0, 2, 0, 1, b'a', 0], RowError::SpelledOut { what });
    refused(&[0b010, 3, 1, 0, 0, 0, 0], RowError::Flags { flags: 0b010 });
    refused(&[0x84, 0, 1, b'a'], RowError::Flags { flags: 0x84 });
}

#[test]
fn a_uuid_held_as_text_is_refused() {
    let id = b"0190a1b2-0000-7000-8000-000000000001";
    let key = Some(RawKey { source: 0, id, is_uuid: false, index: 0 });
    assert!(key.is_some_and(|key| !key.is_canonical()));
    refused(&encoded(&RawRecord { key, ..record() }), RowError::Key { bytes: 36 });
}

#[test]
fn a_length_past_the_end_is_refused_without_reading_it() {
    refused(&[0, 3, 1, 0, 0, 0, 5, b'a'], RowError::Short);
    let huge = [0, 3, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f];
    refused(&huge, RowError::Body { bytes: u64::from(u32::MAX) });
}

#[test]
fn names_number_themselves_in_order_and_never_twice() {
    let mut names = Names::default();
    assert_eq!(names.intern(NameKind::Stream, "usage-a.2026-04"), Ok((0, true)));
    assert_eq!(names.intern(NameKind::Stream, "usage-b.2026-04"), Ok((1, true)));
    assert_eq!(names.intern(NameKind::Stream, "usage-a.2026-04"), Ok((0, false)));
    assert_eq!(names.intern(NameKind::Wire, "usage-a.2026-04"), Ok((0, true)));
    let kind = NameKind::Stream;
    let again = NameDefinition { kind, number: 2, text: "usage-b.2026-04" };
    assert_eq!(names.define(&again), Err(NameError::Repeated { kind, number: 2, first: 1 }));
    let gap = NameDefinition { kind, number: 3, text: "usage-c.2026-04" };
    assert_eq!(names.define(&gap), Err(NameError::Number { kind, number: 3, expected: 2 }));
    assert_eq!(names.text(kind, 1), Some("usage-b.2026-04"));
    assert_eq!(names.find(kind, "usage-c.2026-04"), None);
}

/// A record and what it borrows.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) record: RawRecord<'static>,
    pub(crate) causation: Option<[u8; 16]>,
    pub(crate) correlation: Option<[u8; 16]>,
    pub(crate) fingerprint: Option<[u8; 32]>,
    pub(crate) key: Option<(u32, Result<[u8; 16], String>, u32)>,
    pub(crate) body: Vec<u8>,
}

impl Owned {
    pub(crate) fn raw(&self) -> RawRecord<'_> {
        let key = self.key.as_ref().map(|(source, id, index)| {
            let (id, is_uuid) = match id {
                Ok(uuid) => (uuid.as_slice(), true),
                Err(text) => (text.as_bytes(), false),
            };
            RawKey { source: *source, id, is_uuid, index: *index }
        });
        RawRecord {
            causation: self.causation.as_ref(),
            correlation: self.correlation.as_ref(),
            fingerprint: self.fingerprint.as_ref(),
            key,
            body: &self.body,
            ..self.record
        }
    }
}

/// Mostly small, at times anything.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..300, any::<u64>()]
}

fn small() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 0_u32..300, 1 => any::<u32>()]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![900_i64..1_100, any::<i64>()]
}

prop_compose! {
    pub(crate) fn owned()(
        numbers in (small(), small(), small(), number()),
        times in (time(), time()),
        ids in (any::<Option<[u8; 16]>>(), any::<Option<[u8; 16]>>(), any::<Option<[u8; 32]>>()),
        key in proptest::option::of((
            small(),
            prop_oneof![any::<[u8; 16]>().prop_map(Ok), "[a-z0-9-]{0,40}".prop_map(Err)],
            prop_oneof![Just(0_u32), small()],
        )),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) -> Owned {
        let (stream, wire, actor, revision) = numbers;
        let (occurred_at, recorded_at) = times;
        let (causation, correlation, fingerprint) = ids;
        let record = RawRecord {
            position: 7, stream, revision, wire, occurred_at, recorded_at, actor,
            causation: None, correlation: None, key: None, fingerprint: None, body: &[],
        };
        Owned { record, causation, correlation, fingerprint, key, body }
    }
}

fn cases() -> ProptestConfig {
    let cases = if std::env::var_os("CI").is_some() { 10_000 } else { 256 };
    ProptestConfig { cases, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_encoded_decodes_to_itself_and_leaves_the_rest(owned in owned()) {
        let record = owned.raw();
        let mut row = encoded(&record);
        row.extend_from_slice(b"rest");
        let mut input = row.as_slice();
        prop_assert_eq!(decode(&mut input, &BASE), Ok(Entry::Event(record)));
        prop_assert_eq!(input, b"rest");
    }

    /// No two byte strings decode to one record: what decodes encodes to the bytes it came from.
    #[test]
    fn what_decodes_encodes_to_the_same_bytes(
        owned in owned(),
        at in any::<prop::sample::Index>(),
        to in any::<u8>(),
        random in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut changed = encoded(&owned.raw());
        *at.get_mut(&mut changed) = to;
        for bytes in [&changed, &random] {
            let mut input = bytes.as_slice();
            let Ok(entry) = decode(&mut input, &BASE) else { continue };
            let mut again = Vec::new();
            match entry {
                Entry::Event(record) => encode(&record, &BASE, &mut again),
                Entry::Name(name) => encode_name(&name, &mut again),
            }
            again.extend_from_slice(input);
            prop_assert_eq!(&again, bytes);
        }
    }

    #[test]
    fn a_cut_row_is_refused(owned in owned(), at in any::<prop::sample::Index>()) {
        let row = encoded(&owned.raw());
        let cut = row.get(..at.index(row.len())).unwrap();
        let rows: Vec<_> = Rows::new(cut, BASE).collect();
        let expected = if cut.is_empty() { vec![] } else { vec![Err(RowError::Short)] };
        prop_assert_eq!(rows, expected);
    }

    /// At the end of the input and before other bytes, where another way reads it.
    #[test]
    fn every_integer_has_one_encoding(
        value in prop_oneof![
            number(),
            (0_u32..64).prop_map(|bits| 1 << bits),
            (any::<u64>(), 0_u32..64).prop_map(|(value, bits)| value >> bits),
        ],
        after in prop::collection::vec(any::<u8>(), 0..12),
    ) {
        let mut bytes = Vec::new();
        varint::put(value, &mut bytes);
        let spelled = bytes.len();
        bytes.extend_from_slice(&after);
        let mut input = bytes.as_slice();
        prop_assert_eq!(varint::take(&mut input), Ok(value));
        prop_assert_eq!(input, &after);
        if spelled < varint::BYTES_MAX {
            bytes[spelled - 1] |= 0x80;
            bytes.insert(spelled, 0);
            prop_assert_eq!(
                varint::take(&mut bytes.as_slice()),
                Err(varint::VarintError::NotMinimal)
            );
        }
        prop_assert_eq!(zigzag(unzigzag(value)), value);
    }
}
