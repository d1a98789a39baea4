//! Checkpoints of the standard's form and only those.

use super::*;
use crate::proof::leaf_hash;

fn key() -> SigningKey {
    SigningKey::new("example.com/ledger".parse().unwrap(), &[5; 32])
}

fn checkpoint(size: u64) -> Checkpoint {
    Checkpoint::new("example.com/ledger", TreeHead { size, root: leaf_hash(b"") })
}

#[test]
fn a_checkpoint_is_three_lines_and_opens_for_its_key() {
    let signed = checkpoint(20_852_163).sign(&key()).unwrap();
    let text = "example.com/ledger\n20852163\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n";
    assert_eq!(signed.unverified_text(), text);
    let bytes = signed.to_string().into_bytes();
    let opened = Checkpoint::open(&bytes, key().verifier(), "example.com/ledger");
    assert_eq!(opened, Ok(checkpoint(20_852_163)));
}

#[test]
fn another_origin_key_or_empty_root_is_refused() {
    let bytes = checkpoint(1).sign(&key()).unwrap().to_string().into_bytes();
    let open = |bytes: &[u8], origin| Checkpoint::open(bytes, key().verifier(), origin);
    assert_eq!(
        open(&bytes, "example.com/other"),
        Err(CheckpointError::Origin {
            found: "example.com/ledger".to_owned(),
            expected: "example.com/other".to_owned()
        })
    );
    let stranger = SigningKey::new("example.com/ledger".parse().unwrap(), &[6; 32]);
    let signed = checkpoint(1).sign(&stranger).unwrap().to_string();
    assert_eq!(
        open(signed.as_bytes(), "example.com/ledger"),
        Err(CheckpointError::Note(NoteError::Unsigned { keys: 1 }))
    );
    let signed = checkpoint(0).sign(&key()).unwrap().to_string();
    assert_eq!(open(signed.as_bytes(), "example.com/ledger"), Err(CheckpointError::EmptyRoot));
}

#[test]
fn extension_lines_are_carried() {
    let text = "o\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\nmore\nand more\n";
    let read: Checkpoint = text.parse().unwrap();
    assert_eq!(read.extensions, ["more", "and more"]);
    assert_eq!(read.to_string(), text);
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let root = "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=";
    let check = |text: String, line| match text.parse::<Checkpoint>() {
        Err(CheckpointError::Line { line: found, .. }) => assert_eq!(found, line, "{text:?}"),
        other => panic!("{text:?}: {other:?}"),
    };
    check(String::new(), 1);
    check(format!("\n1\n{root}\n"), 1);
    check("o".to_owned(), 1);
    check("o\n".to_owned(), 2);
    for size in ["", "-1", "+1", "01", "00", "1 ", " 1", "0x1", "9223372036854775808", "1e3"] {
        check(format!("o\n{size}\n{root}\n"), 2);
    }
    check("o\n1\n".to_owned(), 3);
    check(format!("o\n1\n{root}"), 3);
    check(format!("o\n1\n{root}AAAA\n"), 3);
    check(format!("o\n1\n{}\n", root.replace('0', "1")), 3);
    check(format!("o\n1\n{root}\n\n"), 4);
    check(format!("o\n1\n{root}\nmore"), 4);
    let framed = Checkpoint::new("o\n9\nx", TreeHead::EMPTY);
    assert!(framed.sign(&key()).is_err());
}
