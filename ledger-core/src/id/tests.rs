//! What may be an id, character by character.

use super::*;

fn is_slug(c: char, first: bool) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || (c == '-' && !first)
}

fn is_dotted(c: char, first: bool) -> bool {
    is_slug(c, first) || ((c == '.' || c == '_') && !first)
}

fn is_word(c: char, _: bool) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_code(c: char, first: bool) -> bool {
    c.is_ascii_uppercase() || is_dotted(c, first)
}

fn is_foreign(c: char, _: bool) -> bool {
    is_printable(c)
}

/// Every character of a long beginning of Unicode, in the first place and in another.
fn holds(read: fn(&str) -> Result<(), IdError>, allowed: fn(char, bool) -> bool) {
    for c in (0..0x3000).filter_map(char::from_u32) {
        for (text, first) in [(format!("{c}a"), true), (format!("a{c}"), false)] {
            let found = read(&text);
            assert_eq!(found.is_ok(), allowed(c, first), "{text:?}");
            if let Err(IdError::Character { found, at, .. }) = found {
                assert_eq!((found, at), (c, usize::from(!first)));
            }
        }
    }
}

#[test]
fn each_kind_holds_its_own_characters_and_no_other() {
    holds(DeploymentSlug::check, is_slug);
    holds(TenantId::check, is_dotted);
    holds(Provider::check, is_word);
    holds(PlanCode::check, is_code);
    holds(Label::check, is_foreign);
    holds(
        |text| Prose::new(text.to_owned()).map(drop),
        |c, _| is_printable(c) || "\n\t".contains(c),
    );
}

#[test]
fn nothing_and_too_much_are_refused() {
    assert_eq!(Provider::new(""), Err(IdError::Empty { noun: "a provider" }));
    assert!(Provider::new(&"a".repeat(32)).is_ok());
    let found = Provider::new(&"a".repeat(33));
    assert_eq!(found, Err(IdError::TooLong { noun: "a provider", bytes: 33, bytes_max: 32 }));
    assert!(Prose::new(String::new()).is_ok());
    assert!(Prose::new("a".repeat(Prose::BYTES_MAX + 1)).is_err());
}

#[test]
fn names_of_two_parts_divide_at_their_dot() {
    let deployment: DeploymentId = "acme.pty.shop".parse().unwrap();
    assert_eq!((deployment.tenant.as_str(), deployment.slug.as_str()), ("acme.pty", "shop"));
    let resource: ResourceId = "aws.i-1.2".parse().unwrap();
    assert_eq!((resource.provider.as_str(), resource.id.as_str()), ("aws", "i-1.2"));
    for text in ["aws", ".i-1", "aws.", "Aws.i-1", "a\u{202e}.b"] {
        assert_eq!(text.parse::<ResourceId>().is_ok(), ResourceId::check(text).is_ok());
        assert!(ResourceId::check(text).is_err(), "{text}");
    }
}

#[test]
fn a_digest_has_one_spelling() {
    let text = "00ff".repeat(16);
    let digest: Sha256Digest = text.parse().unwrap();
    assert_eq!((digest.as_bytes()[0], digest.as_bytes()[1]), (0, 255));
    assert_eq!(digest.to_string(), text);
    for wrong in ["", "00", &text.to_uppercase(), &text.replace('f', "g"), &format!("{text}00")] {
        assert!(wrong.parse::<Sha256Digest>().is_err(), "{wrong}");
    }
}

/// Each character there is, at each place of a UUID: it has one spelling.
#[test]
fn a_uuid_has_one_spelling() {
    let good = "01890a5d-ac96-774b-bcce-b302099a8057";
    let digits = |text: &str| u128::from_str_radix(&text.replace('-', ""), 16);
    for place in 0..good.len() {
        for character in '\0'..='\u{7f}' {
            let mut text = good.to_owned();
            text.replace_range(place..=place, &character.to_string());
            let is_digit = matches!(character, '0'..='9' | 'a'..='f');
            let fits = if [8, 13, 18, 23].contains(&place) { character == '-' } else { is_digit };
            let expected = fits.then(|| digits(&text).unwrap().to_be_bytes());
            assert_eq!(uuid_bytes(&text), expected, "{text:?}");
        }
    }
    for text in ["", &good[1..], &format!("{good}0"), "01890a5d-ac96-774b-bcce-b302099a80\u{e9}"] {
        assert_eq!(uuid_bytes(text), None, "{text:?}");
    }
}
