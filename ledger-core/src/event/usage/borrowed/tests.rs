//! The two readers of a usage record agree on every input.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::event::usage;
use crate::testing::cases;

/// What the owned reader makes of the bytes.
fn owned(bytes: &[u8]) -> Result<Recorded, DecodeError> {
    let Event::Usage(usage::Event::Recorded(it)) = Recorded::WIRE.decode(bytes)? else {
        panic!("the name says which body it is")
    };
    Ok(it)
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn a_record_reads_the_same_without_being_owned(record in any::<Recorded>()) {
        let bytes = Event::from(record.clone()).encode()?;
        let read = RecordedRef::decode(&bytes)?;
        prop_assert_eq!(read.to_owned(), record.clone());
        prop_assert_eq!(read.kind, record.kind.as_str());
        prop_assert_eq!(read.quantity, record.quantity);
    }

    #[test]
    fn changed_bytes_are_taken_by_both_readers_or_by_none(
        record in any::<Recorded>(),
        at in any::<Index>(),
        patch in proptest::collection::vec(any::<u8>(), 0..3),
        cut in 0_usize..3,
    ) {
        let mut bytes = Event::from(record).encode()?;
        let start = at.index(bytes.len() + 1);
        let end = bytes.len().min(start + cut);
        bytes.splice(start..end, patch);
        prop_assert_eq!(RecordedRef::decode(&bytes).map(|it| it.to_owned()), owned(&bytes));
    }

    #[test]
    fn numbers_of_every_size_are_taken_by_both_readers_or_by_none(
        folded in any::<u128>(),
        bits in 0_u32..128,
        scale in any::<u8>(),
        padded in any::<bool>(),
    ) {
        let mut bytes = vec![1, b'x'];
        let mut rest = folded >> bits;
        while rest >= 0x80 {
            bytes.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        bytes.push(u8::try_from(rest).unwrap() | if padded { 0x80 } else { 0 });
        if padded {
            bytes.push(0);
        }
        bytes.extend([scale % 14, 0, 0, 0, 0]);
        prop_assert_eq!(RecordedRef::decode(&bytes).map(|it| it.to_owned()), owned(&bytes));
    }
}

#[test]
fn a_number_wider_than_a_mantissa_is_refused_by_both() {
    let mut bytes = vec![1, b'x'];
    bytes.extend([0xff; 18]);
    bytes.extend([0x7f, 0, 0, 0, 0, 0]);
    assert_eq!(RecordedRef::decode(&bytes).map(|it| it.to_owned()), owned(&bytes));
    assert!(owned(&bytes).is_err());
}
