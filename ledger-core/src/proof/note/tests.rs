//! Notes as the standard has them, and everything that is none.

use proptest::prelude::*;

use super::*;
use crate::proof::model::flips;

/// The example of the C2SP signed-note standard.
const STANDARD_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const STANDARD_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::new(name.parse().unwrap(), &[seed; 32])
}

#[test]
fn the_example_of_the_standard_is_verified() {
    let known: VerifierKey = STANDARD_KEY.parse().unwrap();
    assert_eq!(known.to_string(), STANDARD_KEY);
    let note = Note::parse(STANDARD_NOTE.as_bytes()).unwrap();
    assert_eq!(note.verify(&[known]), Ok("This is an example message.\n"));
    assert_eq!(note.to_string(), STANDARD_NOTE);
}

#[test]
fn a_flipped_bit_anywhere_in_a_note_is_seen() {
    let known: VerifierKey = STANDARD_KEY.parse().unwrap();
    for flipped in flips(STANDARD_NOTE.as_bytes()) {
        let verdict = Note::parse(&flipped)
            .and_then(|note| note.verify(std::slice::from_ref(&known)).map(str::to_owned));
        assert!(verdict.is_err(), "{:?}", String::from_utf8_lossy(&flipped));
    }
}

#[test]
fn a_secret_text_is_the_key_it_came_from() {
    let secret = key("example.com/ledger", 7);
    let text = secret.to_secret_text();
    assert!(text.starts_with("PRIVATE+KEY+example.com/ledger+"));
    let read = SigningKey::from_secret_text(&text).unwrap();
    assert_eq!(read.verifier(), secret.verifier());
    assert_eq!(read.sign("text\n"), secret.sign("text\n"));
    assert_eq!(format!("{secret:?}"), "SigningKey(example.com/ledger, [redacted])");
}

#[test]
fn what_is_no_key_is_refused() {
    let check = |text: &str, error: KeyError| {
        assert_eq!(text.parse::<VerifierKey>().unwrap_err(), error, "{text:?}");
    };
    let form = KeyError::Form { form: "name+id+base64" };
    let name = |text: &str| KeyError::Name { text: text.to_owned() };
    check("", form.clone());
    check("example.com/foo+530d903a", form.clone());
    check("example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", form.clone());
    check("example.com/foo+30d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", form.clone());
    check("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Q==", form.clone());
    check("example.com/foo+530d903a+", form);
    check(&STANDARD_KEY.replace("+Aek", "+Bek"), KeyError::Kind);
    check(&STANDARD_KEY.replace("example.com/foo", ""), name(""));
    check(&STANDARD_KEY.replace("/foo", "/ foo"), name("example.com/ foo"));
    check(&STANDARD_KEY.replace("/foo", "/\u{2003}foo"), name("example.com/\u{2003}foo"));
    check(&STANDARD_KEY.replace("/foo", "/f\noo"), name("example.com/f\noo"));
    let stated = 0x530d_903a;
    for (from, to) in [("/foo", "/bar"), ("U2k", "U2l")] {
        match STANDARD_KEY.replace(from, to).parse::<VerifierKey>() {
            Err(KeyError::Id { stated: said, .. }) => assert_eq!(said, stated),
            other => panic!("{other:?}"),
        }
    }
    assert!(SigningKey::from_secret_text(STANDARD_KEY).is_err());
    let secret = key("a", 1).to_secret_text();
    assert!(SigningKey::from_secret_text(&secret.replace("KEY+a+", "KEY+b+")).is_err());
}

#[test]
fn what_is_no_note_is_refused() {
    let check = |text: &str, error: NoteError| {
        assert_eq!(Note::parse(text.as_bytes()), Err(error), "{text:?}");
    };
    let line = "\u{2014} a AAAAAAA=";
    check("", NoteError::NoSignatures);
    check("text\n", NoteError::NoSignatures);
    check("text\n\n", NoteError::NoSignatures);
    check(&format!("text\n{line}\n"), NoteError::NoSignatures);
    check(&format!("text\n\n{line}"), NoteError::NoSignatures);
    check(&format!("text\n\n{line}\nmore\n"), NoteError::Signature { line: 2 });
    check(&format!("text\n\n{line} \n"), NoteError::Signature { line: 1 });
    check("text\n\n- a AAAAAAA=\n", NoteError::Signature { line: 1 });
    check("text\n\n\u{2014}  AAAAAAA=\n", NoteError::Signature { line: 1 });
    check("text\n\n\u{2014} a AAAAAA==\n", NoteError::Signature { line: 1 });
    check("text\n\n\u{2014} a+b AAAAAAA=\n", NoteError::Signature { line: 1 });
    check(&format!("te\txt\n\n{line}\n"), NoteError::Control { at: 2 });
    check(&format!("text\r\n\n{line}\n"), NoteError::Control { at: 4 });
    check(&format!("text\n\n{}", format!("{line}\n").repeat(33)), NoteError::TooManySignatures);
    let bytes = 256 * 1024 + 1;
    check(&"x".repeat(bytes), NoteError::TooLarge { bytes });
    assert_eq!(Note::parse(b"te\xff"), Err(NoteError::Utf8 { at: 2 }));
    assert!(Note::parse(format!("text\n\n{}", format!("{line}\n").repeat(32)).as_bytes()).is_ok());
    assert!(Note::sign("no newline".to_owned(), &key("a", 1)).is_err());
    assert!(Note::sign("control\u{1}\n".to_owned(), &key("a", 1)).is_err());
}

#[test]
fn a_text_may_hold_blank_lines_and_what_looks_like_signatures() {
    let secret = key("a", 1);
    let text = format!("one\n\n{}\n\nthree\n", secret.sign("one\n"));
    let note = Note::sign(text.clone(), &secret).unwrap();
    assert_eq!(note.verify(&[secret.verifier().clone()]), Ok(text.as_str()));
}

#[test]
fn unknown_signers_are_ignored_and_known_ones_must_be_right() {
    let (known, other, twin) = (key("a", 1), key("b", 2), key("a", 3));
    let note = |signatures: &[NoteSignature]| Note {
        text: "text\n".to_owned(),
        signatures: signatures.to_vec(),
    };
    let keys = [known.verifier().clone()];
    let right = known.sign("text\n");
    let wrong = known.sign("another\n");
    let stolen = NoteSignature { name: "b".parse().unwrap(), ..right.clone() };
    let short = NoteSignature { signature: vec![1; 63], ..right.clone() };
    let unsigned = NoteError::Unsigned { keys: 1 };
    let lie = NoteError::Wrong { name: "a".parse().unwrap() };

    assert_eq!(note(std::slice::from_ref(&right)).verify(&keys), Ok("text\n"));
    let mixed = note(&[other.sign("text\n"), twin.sign("other\n"), stolen.clone(), right.clone()]);
    assert_eq!(mixed.verify(&keys), Ok("text\n"));
    assert_eq!(mixed.signatures().len(), 4);
    assert_eq!(Note::parse(mixed.to_string().as_bytes()), Ok(mixed));
    assert_eq!(note(&[other.sign("text\n"), stolen]).verify(&keys), Err(unsigned));
    assert_eq!(note(&[right.clone(), wrong]).verify(&keys), Err(lie.clone()));
    assert_eq!(note(&[right.clone(), short]).verify(&keys), Err(lie));
    assert_eq!(note(&[right]).verify(&[]), Err(NoteError::Unsigned { keys: 0 }));
}

proptest! {
    #[test]
    fn a_note_prints_as_it_was_read(text in "([ -~\u{2014}]{0,12}\n){0,6}") {
        if let Ok(note) = Note::parse(text.as_bytes()) {
            prop_assert_eq!(note.to_string(), text.clone());
        }
        let secret = key("a", 1);
        let note = Note::sign(format!("{text}end\n"), &secret).unwrap();
        prop_assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note));
    }
}
