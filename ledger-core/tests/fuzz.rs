//! The fuzzer's targets on damaged seeds, so that they neither rot nor wait for somebody to fuzz.

use std::path::Path;

use ledger_core::testing::cases;
use ledger_core::testing::fuzz::{TARGETS, Target, find};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{TestError, TestRunner};

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let (folder, ending) = target.seeds;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(folder);
    let files = std::fs::read_dir(&folder).expect("the seeds are there");
    let mut paths: Vec<_> = files.map(|it| it.expect("it can be listed").path()).collect();
    paths.retain(|it| it.to_string_lossy().ends_with(ending));
    paths.sort();
    paths.iter().map(|it| std::fs::read(it).expect("a seed can be read")).collect()
}

/// What may happen to bytes under way.
#[derive(Debug, Clone)]
enum Damage {
    Overwrite(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Cut(Index),
    Repeat(Index, usize),
    /// Another digit: another day, quantity, place.
    Digit(Index, u8),
    /// What comes behind the end.
    Append(Vec<u8>),
    /// A line twice, or one less.
    Line(Index, bool),
    /// What stands at a place of another seed.
    Splice(Index, Index, Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    // Letters of numbers, JSON and tables are likelier to be understood than any byte.
    let byte = || {
        prop_oneof![any::<u8>(), proptest::sample::select(b"0123456789-+.eE,;\":{}[]\n".to_vec())]
    };
    prop_oneof![
        3 => (at(), byte()).prop_map(|(at, byte)| Damage::Overwrite(at, byte)),
        2 => (at(), 0_u8..8).prop_map(|(at, bit)| Damage::Flip(at, 1 << bit)),
        3 => (at(), b'0'..=b'9').prop_map(|(at, digit)| Damage::Digit(at, digit)),
        2 => (at(), vec(byte(), 1..6)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        // Letters that are more than a byte.
        1 => (at(), "[\u{a0}-\u{ffff}]").prop_map(|(at, it)| Damage::Insert(at, it.into_bytes())),
        1 => vec(byte(), 1..6).prop_map(Damage::Append),
        1 => (at(), any::<bool>()).prop_map(|(at, is_twice)| Damage::Line(at, is_twice)),
        2 => (at(), 1_usize..40).prop_map(|(at, length)| Damage::Remove(at, length)),
        1 => at().prop_map(Damage::Cut),
        1 => (at(), 1_usize..40).prop_map(|(at, length)| Damage::Repeat(at, length)),
        2 => (at(), at(), at(), 1_usize..40)
            .prop_map(|(at, seed, from, length)| Damage::Splice(at, seed, from, length)),
    ]
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let place = |it: &Index, bytes: &[u8]| it.index(bytes.len() + 1);
    let part =
        |bytes: &[u8], at: usize, length: usize| bytes[at..bytes.len().min(at + length)].to_vec();
    match damage {
        Damage::Overwrite(at, byte) => {
            let at = place(at, bytes);
            bytes.get_mut(at).into_iter().for_each(|it| *it = *byte);
        }
        Damage::Flip(at, bit) => {
            let at = place(at, bytes);
            bytes.get_mut(at).into_iter().for_each(|it| *it ^= bit);
        }
        Damage::Insert(at, inserted) => {
            let at = place(at, bytes);
            bytes.splice(at..at, inserted.iter().copied());
        }
        Damage::Digit(at, digit) => {
            let mut digits = bytes.iter_mut().filter(|it| it.is_ascii_digit()).collect::<Vec<_>>();
            if !digits.is_empty() {
                let at = at.index(digits.len());
                *digits[at] = *digit;
            }
        }
        Damage::Append(more) => bytes.extend_from_slice(more),
        Damage::Line(at, is_twice) => {
            let mut lines = bytes.split_inclusive(|it| *it == b'\n').collect::<Vec<_>>();
            if !lines.is_empty() {
                let at = at.index(lines.len());
                let line = lines.remove(at);
                (0..2 * usize::from(*is_twice)).for_each(|_| lines.insert(at, line));
                *bytes = lines.concat();
            }
        }
        Damage::Remove(at, length) => {
            let at = place(at, bytes);
            bytes.drain(at..bytes.len().min(at + length));
        }
        Damage::Cut(at) => bytes.truncate(place(at, bytes)),
        Damage::Repeat(at, length) => {
            let at = place(at, bytes);
            let again = part(bytes, at, *length);
            bytes.splice(at..at, again);
        }
        Damage::Splice(at, seed, from, length) => {
            let other = seed.get(seeds);
            let spliced = part(other, place(from, other), *length);
            let at = place(at, bytes);
            bytes.splice(at..at, spliced);
        }
    }
}

#[expect(clippy::print_stdout, reason = "what was tried is a figure of the run")]
fn damaged_seeds_keep_the_promises_of(name: &str, in_ci: u32) {
    let target = find(name).expect("the target is one");
    let seeds = seeds(target);
    let accepted = seeds.iter().filter(|it| (target.run)(it)).count();
    assert!(accepted > 0, "no seed of {name} leads anywhere");
    // One alone is likelier to pass for what it is not than many.
    let damages = prop_oneof![vec(damage(), 1), vec(damage(), 1..8)];
    let strategy = (any::<Index>(), damages);
    let config = cases(in_ci);
    let tried = TestRunner::new(config.clone()).run(&strategy, |(seed, damages)| {
        let mut bytes = seed.get(&seeds).clone();
        damages.iter().for_each(|it| apply(it, &mut bytes, &seeds));
        (target.run)(&bytes);
        Ok(())
    });
    match tried {
        Ok(()) => {
            println!("figure: {name}: {} damaged inputs of {} seeds", config.cases, seeds.len());
        }
        Err(TestError::Fail(why, (seed, damages))) => {
            let mut bytes = seed.get(&seeds).clone();
            damages.iter().for_each(|it| apply(it, &mut bytes, &seeds));
            panic!("{name}: {why}; the bytes are {:?}", String::from_utf8_lossy(&bytes));
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

macro_rules! damaged {
    ($($name:ident: $cases:literal;)*) => {
        $(
            #[test]
            fn $name() {
                damaged_seeds_keep_the_promises_of(stringify!($name), $cases);
            }
        )*

        #[test]
        fn every_target_is_here() {
            let here = [$(stringify!($name)),*];
            assert_eq!(TARGETS.map(|it| it.name), here);
        }
    };
}

damaged! {
    body: 20_000;
    json: 20_000;
    bill: 10_000;
    catalog: 10_000;
    gateway: 20_000;
    signature: 20_000;
    word: 20_000;
    proof: 20_000;
    rows: 20_000;
    ledger: 1_000;
}
