//! Proof files, whole and with every bit flipped.

use super::*;
use crate::proof::model::{Levels, flips, naive_head, numbered};
use crate::proof::note::SigningKey;
use crate::proof::path::inclusion_proof;
use crate::proof::{Checkpoint, leaf_hash};

const ORIGIN: &str = "example.com/ledger";

fn key() -> SigningKey {
    SigningKey::new(ORIGIN.parse().unwrap(), &[5; 32])
}

fn file(index: u64, size: u64, extra: Option<&[u8]>) -> (ProofFile, NodeHash) {
    let leaves = numbered(size);
    let checkpoint = Checkpoint::new(ORIGIN, naive_head(&leaves)).sign(&key()).unwrap();
    let file = ProofFile {
        extra: extra.map(<[u8]>::to_vec),
        index,
        hashes: inclusion_proof(&mut Levels::new(&leaves), index, size).unwrap(),
        checkpoint: checkpoint.to_string(),
    };
    (file, leaves[usize::try_from(index).unwrap()])
}

#[test]
fn a_proof_file_proves_its_leaf_and_no_other() {
    for (index, size) in [(0, 1), (0, 2), (6, 7), (200, 300)] {
        for extra in [None, Some(b"".as_slice()), Some(b"salt")] {
            let (file, leaf) = file(index, size, extra);
            assert_eq!(file.to_string().parse(), Ok(file.clone()));
            let proven = file.verify(leaf, key().verifier(), ORIGIN).unwrap();
            assert_eq!(proven.head.size, size);
            let stranger = file.verify(leaf_hash(b"x"), key().verifier(), ORIGIN);
            assert!(matches!(stranger, Err(ProofFileError::Inclusion(_))));
            let elsewhere = file.verify(leaf, key().verifier(), "example.com/other");
            assert!(matches!(elsewhere, Err(ProofFileError::Checkpoint(_))));
        }
    }
}

#[test]
fn the_text_is_that_of_the_standard() {
    let (file, leaf) = file(1, 2, Some(b"extra"));
    let sibling = numbered(2)[0];
    let expected = format!(
        "c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 1\n{sibling}\n\n{}",
        Checkpoint::new(ORIGIN, naive_head(&[sibling, leaf])).sign(&key()).unwrap()
    );
    assert_eq!(file.to_string(), expected);
}

#[test]
fn a_flipped_bit_is_refused_or_in_the_extra_line() {
    let (file, leaf) = file(4, 5, Some(b"extra"));
    let text = file.to_string();
    let mut in_extra = 0;
    for flipped in flips(text.as_bytes()) {
        let Ok(read) = String::from_utf8(flipped) else { continue };
        let Ok(read) = read.parse::<ProofFile>() else { continue };
        if read.verify(leaf, key().verifier(), ORIGIN).is_ok() {
            assert_eq!(ProofFile { extra: file.extra.clone(), ..read.clone() }, file);
            assert_ne!(read.extra, file.extra);
            in_extra += 1;
        }
    }
    assert!(in_extra > 0, "extra bytes are not authenticated, and some flips must show it");
}

#[test]
fn what_is_no_proof_is_refused() {
    let (file, _) = file(4, 5, Some(b"extra"));
    let text = file.to_string();
    let check = |from: &str, to: &str, line: usize| {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text);
        match other.parse::<ProofFile>() {
            Err(ProofFileError::Line { line: found, .. }) => assert_eq!(found, line, "{other}"),
            other => panic!("{other:?}"),
        }
    };
    check("@v1", "@v2", 1);
    check("c2sp", " c2sp", 1);
    check("ZXh0cmE=", "ZXh0cmF=", 2);
    check("extra ", "extra  ", 2);
    check("extra ", "Extra ", 2);
    check("index 4", "index 04", 3);
    check("index 4", "index", 3);
    check("index 4", "index -4", 3);
    check("index 4\n", "index 4\nindex 4\n", 4);
    let hash = numbered(1)[0];
    check("index 4\n", &format!("index 4\n{}", format!("{hash}\n").repeat(64)), 68);
    assert_eq!("".parse::<ProofFile>(), Err(ProofFileError::NoCheckpoint));
    let cut = text.split_once("\n\n").unwrap().0;
    assert_eq!(format!("{cut}\n\n").parse::<ProofFile>(), Err(ProofFileError::NoCheckpoint));
    let bytes = FILE_BYTES_MAX + 1;
    assert_eq!("x".repeat(bytes).parse::<ProofFile>(), Err(ProofFileError::TooLarge { bytes }));
}
