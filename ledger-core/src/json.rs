//! The one door through which JSON comes in: exact numbers, and no key twice.
//!
//! A JSON parser hands `12.5` over as a float, and a float is not what was written. So the text is
//! read once before: each number with a fraction, an exponent or more digits than a machine word is
//! put in quotation marks behind a mark of its own, which every exact type reads whole. What is
//! meant to be a whole number or a word is refused by its own type, as it should be: no word may
//! hold the mark.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::money::{Exact, NUMBER_MARK};

/// Whether a text is a number that stood without quotation marks.
pub fn is_bare_number(text: &str) -> bool {
    text.starts_with(NUMBER_MARK)
}

pub mod tree;

/// Why a piece of JSON is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("the JSON does not say what it should, at line {line}, column {column}")]
pub struct JsonError {
    /// Where it was noticed, from 1.
    pub line: usize,
    /// Where in the line, from 1.
    pub column: usize,
    /// What is wrong.
    #[source]
    pub source: serde_json::Error,
}

/// Reads a value from JSON without a float in between.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, JsonError> {
    serde_json::from_str(&quote_fractions(text)).map_err(|source| JsonError {
        line: source.line(),
        column: source.column(),
        source,
    })
}

/// A quotation mark and the mark, as JSON spells it.
const QUOTED_MARK: &str = "\"\\u0001";

/// The same JSON with every number that a float would hold put in quotation marks.
///
/// An exponent is written out, because exact types read plain digits only. Where the text is no
/// JSON the result is none either.
pub fn quote_fractions(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut quoted = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = after_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = after_number(bytes, at);
                let number = text.get(at..end).unwrap_or_default();
                if is_fraction(number) {
                    quoted.push_str(text.get(copied..at).unwrap_or_default());
                    quoted.push_str(QUOTED_MARK);
                    quoted.push_str(&without_exponent(number));
                    quoted.push('"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    quoted.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(quoted)
}

fn without_exponent(number: &str) -> Cow<'_, str> {
    match Exact::parse_scientific(number) {
        Ok(exact) if number.contains(['e', 'E']) => Cow::Owned(exact.to_string()),
        Ok(_) | Err(_) => Cow::Borrowed(number),
    }
}

fn after_string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    loop {
        match bytes.get(at) {
            None => return at,
            Some(b'"') => return at + 1,
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

fn after_number(bytes: &[u8], from: usize) -> usize {
    let is_part = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'+' | b'.');
    from + bytes.iter().skip(from).take_while(|it| is_part(it)).count()
}

/// Whether this is a JSON number that a machine word does not hold. `1.`, `01` and the like are not
/// JSON; they stay as they are and the parser says so.
fn is_fraction(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let whole = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = digits.split_at(whole);
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return false;
    }
    let (fraction, exponent) = match rest.split_once(['e', 'E']) {
        Some((fraction, exponent)) => (fraction, Some(exponent)),
        None => (rest, None),
    };
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let fraction_is_good = fraction.is_empty() || fraction.strip_prefix('.').is_some_and(plain);
    let exponent_is_good =
        exponent.is_none_or(|it| plain(it.strip_prefix(['+', '-']).unwrap_or(it)));
    let is_long = number.parse::<i64>().is_err() && number.parse::<u64>().is_err();
    fraction_is_good && exponent_is_good && (!rest.is_empty() || is_long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Label, Prose, TenantId};
    use crate::money::{Quantity, Ratio};
    use crate::time::BillingPeriod;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(quote_fractions(text), expected.replace('#', "\\u0001"));
    }

    #[test]
    fn only_numbers_that_a_float_would_hold_are_quoted() {
        check(
            r#"{"a":1.5,"b":[-0.25,7],"c":"1.5"}"#,
            r##"{"a":"#1.5","b":["#-0.25",7],"c":"1.5"}"##,
        );
        check("[1e3,1.81E-8,1e99]", r##"["#1000","#0.0000000181","#1e99"]"##);
        check("123456789012345678901", "\"#123456789012345678901\"");
        check("123456789012345678", "123456789012345678");
        check(r#"{"\"1.5":"\\",  "x" : 2.50 }"#, r##"{"\"1.5":"\\",  "x" : "#2.50" }"##);
        for same in ["1.", "01.5", "-", ".5", "1.5.5", "1e", "\"1.5", "true", "NaN", "\"\\"] {
            check(same, same);
        }
    }

    #[test]
    fn a_number_is_no_word() {
        let words = ["1.5", "1e3", "123456789012345678901"];
        for word in words {
            let error = from_str::<Label>(word).unwrap_err();
            assert!(error.source.to_string().starts_with("a name is a text, not a number"));
            assert!(from_str::<Prose>(word).is_err(), "{word}");
            assert!(from_str::<TenantId>(word).is_err(), "{word}");
            assert!(from_str::<Ratio>(word).is_ok(), "{word}");
        }
        assert!(from_str::<BillingPeriod>("2026.04").is_err());
    }

    #[test]
    fn a_fraction_is_read_to_the_last_digit() {
        let long = "12345678901234567890.12345678";
        assert_eq!(from_str::<Exact>(long).unwrap(), long.parse().unwrap());
        assert_eq!(from_str::<Quantity>("0.1").unwrap(), "0.1".parse().unwrap());
        assert_eq!(from_str::<Exact>("-0.0").unwrap(), Exact::ZERO);
        assert!(from_str::<u64>("1.0").is_err());
        assert!(from_str::<Exact>("1.5.5").is_err());
    }
}
