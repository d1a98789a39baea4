//! Names and streams against each other.

use proptest::prelude::*;

use super::*;
use crate::testing;

#[track_caller]
fn check(name: &str) -> Stream {
    let stream = name.parse::<Stream>().unwrap();
    assert_eq!(stream.to_string(), name);
    assert_eq!(stream.category().as_str(), name.split('-').next().unwrap());
    let json = serde_json::to_string(&stream).unwrap();
    assert_eq!(serde_json::from_str::<Stream>(&json).unwrap(), stream);
    stream
}

#[test]
fn every_category_has_its_name() {
    for name in [
        "catalog",
        "ledger",
        "access-acme",
        "account-acme",
        "usage-acme.2026-04",
        "deployment-acme.web-1",
        "resource-digitalocean.123456789",
        "project-digitalocean.4e1bfbc3-dc3e-41f2-a18f-1b4d7ba71679",
        "bill-digitalocean.2026-04",
        "invoice-acme.2026-04",
        "register-ours",
        "operation-op_1",
        "support-2026-04-01",
        "suspense-stripe",
    ] {
        check(name);
    }
}

#[test]
fn a_tenant_may_hold_dots_and_hyphens() {
    let stream = check("usage-a.b-c.2026.2026-04");
    assert_eq!(stream.tenant().unwrap().as_str(), "a.b-c.2026");
    assert_eq!(check("account-platform-admin").tenant().unwrap().as_str(), "platform-admin");
    assert_eq!(check("resource-aws.a.b").tenant(), None);
}

#[test]
fn a_foreign_id_is_percent_encoded() {
    let id = "i/1 %\u{e9}".parse().unwrap();
    let stream = Stream::Resource("aws".parse().unwrap(), id);
    assert_eq!(stream.to_string(), "resource-aws.i%2F1%20%25%C3%A9");
    check("resource-aws.i%2F1%20%25%C3%A9");
}

#[test]
fn a_second_spelling_is_refused() {
    for name in ["resource-aws.%2f", "resource-aws.%41", "resource-aws.a/b", "usage-a.2026-04-01"] {
        let error = name.parse::<Stream>();
        assert!(matches!(error, Err(StreamError::Spelling { .. })), "{name:?} {error:?}");
    }
}

#[test]
fn what_is_no_stream_is_refused() {
    for name in [
        "",
        "catalog-",
        "catalog-1",
        "ledger-x",
        "account",
        "account-",
        "Account-acme",
        "accounts-acme",
        "usage-acme",
        "usage-.2026-04",
        "usage-acme.2026-13",
        "deployment-acme",
        "deployment-acme.",
        "resource-aws",
        "resource-aws.",
        "resource-AWS.1",
        "resource-aws.%",
        "resource-aws.%4",
        "resource-aws.%GG",
        "resource-aws.%FF",
        "resource-aws.%00",
        "support-2026-02-30",
        "account-a\0b",
    ] {
        assert!(name.parse::<Stream>().is_err(), "{name:?}");
    }
    let long = format!("resource-aws.{}", "a".repeat(NAME_BYTES_MAX));
    assert!(matches!(long.parse::<Stream>(), Err(StreamError::TooLong { .. })));
}

proptest! {
    #![proptest_config(testing::cases(100_000))]

    /// A stream and its name are one value in two forms.
    #[test]
    fn a_printed_stream_is_read_back(stream in testing::values::stream()) {
        let name = stream.to_string();
        prop_assert!(name.len() <= NAME_BYTES_MAX);
        prop_assert_eq!(name.split('-').next(), Some(stream.category().as_str()));
        prop_assert_eq!(name.parse::<Stream>(), Ok(stream));
    }

    /// Whatever parses prints as it was: no stream has a second spelling.
    #[test]
    fn what_parses_prints_as_it_was(
        stream in testing::values::stream(),
        at in any::<prop::sample::Index>(),
        put in "[a-zA-Z0-9%._:/-]{0,3}|%[0-9a-fA-F]{2}|\\PC",
        cut in 0_usize..3,
    ) {
        let name = stream.to_string();
        let places = name.char_indices().map(|it| it.0).collect::<Vec<_>>();
        let at = *at.get(&places);
        let rest = name[at..].chars().skip(cut).collect::<String>();
        let changed = format!("{}{put}{rest}", &name[..at]);
        if let Ok(parsed) = changed.parse::<Stream>() {
            prop_assert_eq!(parsed.to_string(), changed);
        }
    }
}
