//! What a whole number of Stripe's smallest units is worth.
//!
//! Its table is not ISO's: the ariary has no decimals there, and the krona and the Ugandan shilling
//! keep two that must be zero. Where it demands zeros, other digits are refused, not rounded.

use crate::money::{Currency, Money};

/// Currencies whose smallest unit differs from ISO's: how many decimals, and what an amount must be
/// a multiple of.
const SPECIAL: [(&str, u8, i64); 8] = [
    ("MGA", 0, 1),
    ("ISK", 2, 100),
    ("UGX", 2, 100),
    ("BHD", 3, 10),
    ("JOD", 3, 10),
    ("KWD", 3, 10),
    ("OMR", 3, 10),
    ("TND", 3, 10),
];

/// So many units; `None` where the gateway never has so many.
pub(super) fn money(units: i64, currency: Currency) -> Option<Money> {
    let special = SPECIAL.iter().find(|(code, ..)| *code == currency.code());
    let (decimals, multiple) = special.map_or((currency.minor_unit(), 1), |it| (it.1, it.2));
    if units < 0 || units % multiple != 0 {
        return None;
    }
    let amount = crate::money::Exact::new(i128::from(units), decimals).ok()?;
    Some(Money::new(amount, currency))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_what_the_gateway_says_it_is() {
        for (units, code, expected) in [
            (500, "JPY", "500 JPY"),
            (1000, "USD", "10.00 USD"),
            (500, "ISK", "5 ISK"),
            (500, "UGX", "5 UGX"),
            (5120, "KWD", "5.120 KWD"),
            (7, "MGA", "7.00 MGA"),
            (1045, "HUF", "10.45 HUF"),
            (0, "ISK", "0 ISK"),
            (i64::MAX, "CLP", "9223372036854775807 CLP"),
        ] {
            let money = money(units, code.parse().unwrap()).unwrap();
            assert_eq!(money.to_string(), expected);
        }
        for (units, code) in [(501, "ISK"), (550, "UGX"), (5124, "KWD"), (-1, "USD"), (-100, "ISK")]
        {
            assert_eq!(money(units, code.parse().unwrap()), None, "{units} {code}");
        }
    }

    #[test]
    fn where_the_table_is_silent_iso_holds() {
        for currency in Currency::all() {
            let units = 10_i64.pow(u32::from(currency.minor_unit())) * 100;
            let special = SPECIAL.iter().any(|(code, ..)| *code == currency.code());
            let hundred = Money::parse("100", currency).unwrap();
            assert_eq!(money(units, currency) == Some(hundred), !special || units > 10_000);
        }
    }

    /// What others wrote down of the gateway's own page, where somebody has it.
    #[test]
    fn the_published_table_is_ours() {
        for file in crate::testing::published::files("money") {
            let json = file.json();
            if !json["zero_decimal"].is_array() {
                continue;
            }
            let codes = |name: &str| {
                let codes = json[name].as_array().cloned().unwrap_or_default();
                codes.into_iter().map(|it| it.as_str().unwrap().parse().unwrap())
            };
            let hundred = |units: i64, currency: Currency| {
                assert_eq!(
                    money(units, currency),
                    Money::parse("100", currency).ok(),
                    "{currency}"
                );
            };
            // The list calls the shilling whole; the page's special cases say how it is written.
            codes("zero_decimal").filter(|it: &Currency| it.code() != "UGX").for_each(|it| {
                hundred(100, it);
            });
            for it in codes("three_decimal_last_digit_zero") {
                hundred(100_000, it);
                assert_eq!(money(100_001, it), None, "{it}");
            }
            for it in codes("two_decimal_but_must_be_multiple_of_100") {
                hundred(10_000, it);
                assert_eq!(money(10_001, it), None, "{it}");
            }
            // Payouts are not read; what is charged has its cents.
            codes("payout_only_multiple_of_100").for_each(|it| {
                hundred(10_000, it);
                assert!(money(10_001, it).is_some(), "{it}");
            });
            for example in json["examples"].as_array().unwrap() {
                let code = example["currency"].as_str().unwrap().to_ascii_uppercase();
                let currency: Currency = code.parse().unwrap();
                let major = Money::parse(example["major"].as_str().unwrap(), currency).ok();
                match example["amount"].as_i64() {
                    Some(units) => assert_eq!(money(units, currency), major),
                    // Of an amount that the gateway cannot have only its neighbours are had.
                    None => assert!(!SPECIAL.iter().all(|it| it.0 != code), "{example}"),
                }
            }
            file.say("the gateway's units are ours");
        }
    }
}
