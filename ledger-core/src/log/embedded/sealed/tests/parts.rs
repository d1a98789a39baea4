//! The parts that have laws of their own.

use super::*;
use crate::log::embedded::sealed::body::{decode, difference, encode};
use crate::log::embedded::sealed::names::{put, take};

/// Two texts that share much, or nothing.
fn bodies() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let changed = (proptest::collection::vec(any::<u8>(), 0..300), any::<[(Index, u8); 3]>());
    let changed = changed.prop_map(|(body, changes)| {
        let mut other = body.clone();
        for (at, byte) in changes {
            let at = at.index(other.len() + 1);
            match byte % 3 {
                0 => other.insert(at, byte),
                1 if at < other.len() => other[at] = byte,
                _ if at < other.len() => drop(other.remove(at)),
                _ => other.push(byte),
            }
        }
        (body, other)
    });
    prop_oneof![changed, (body(), body())]
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_difference_of_two_bodies_makes_the_one_of_the_other((reference, target) in bodies()) {
        let (mut edits, mut shape, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let cost = difference(&reference, &target, usize::MAX, &mut edits);
        encode(&edits, &target, &mut shape, &mut values);
        prop_assert!(values.len() < cost);
        let mut bytes = reference.clone();
        let (mut rest, mut literals) = (shape.as_slice(), values.as_slice());
        let length = u32::try_from(reference.len()).unwrap();
        decode((0, length), &mut rest, &mut literals, &mut bytes).unwrap();
        prop_assert_eq!(&bytes[reference.len()..], &target);
        prop_assert_eq!((rest, literals), ([].as_slice(), [].as_slice()));
    }

    #[test]
    fn positions_keep_their_blocks(
        seed in proptest::collection::vec(any::<u32>(), 1..20),
        blocks in 1_u32..5_000,
        count in 1_usize..4_000,
    ) {
        let of: Vec<u32> = seed.iter().cycle().take(count).map(|it| it % blocks).collect();
        let table = Positions::new(count as u64, blocks);
        let mut bytes = Vec::new();
        table.encode(&of, &mut bytes);
        prop_assert_eq!(bytes.len() as u64, table.length());
        let mut found = Vec::new();
        for page in 0..table.pages() {
            let (offset, length) = table.page(page);
            let [offset, length] = [offset, length].map(|it| usize::try_from(it).unwrap());
            prop_assert_eq!(found.len() as u64, Positions::first_of(page));
            found.extend(table.decode(page, &bytes[offset..offset + length]).unwrap());
        }
        prop_assert_eq!(found, if blocks == 1 { vec![] } else { of });
    }

    #[test]
    fn names_in_order_come_back_and_out_of_order_do_not(
        a in "[a-c\u{e9}]{1,6}",
        b in "[a-c\u{e9}]{1,6}",
    ) {
        let mut bytes = Vec::new();
        put("", &a, &mut bytes);
        put(&a, &b, &mut bytes);
        let mut name = Vec::new();
        let mut input = bytes.as_slice();
        take(&mut name, &mut input).unwrap();
        prop_assert_eq!(&name, a.as_bytes());
        let second = take(&mut name, &mut input);
        prop_assert_eq!(second.is_ok(), a < b);
        if a < b {
            prop_assert_eq!(&name, b.as_bytes());
        }
    }
}
