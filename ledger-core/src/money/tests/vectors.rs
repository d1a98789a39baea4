//! Published vectors, read where somebody has them. What a file holds is told by its members.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::testing::published::files;

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

fn numbers(case: &Value, name: &str) -> Vec<Exact> {
    case[name].as_array().unwrap().iter().map(|it| exact(it.as_str().unwrap())).collect()
}

fn scale(case: &Value) -> u8 {
    u8::try_from(case["exponent"].as_u64().unwrap()).unwrap()
}

#[test]
fn every_published_file_about_money_gets_its_verdict() {
    for file in files("money") {
        let json = file.json();
        let first = |list: &Value, name: &str| list[0][name] != Value::Null;
        let verdict = if first(&json, "value") {
            rounding(&json)
        } else if first(&json["cases"], "weights") {
            allocation(&json)
        } else if first(&json["cases"], "lines") {
            tax(&json)
        } else if json["exceptions"].is_object() {
            minor_units(&json)
        } else if json["zero_decimal"].is_array() {
            "a gateway's units: read beside the gateway".to_owned()
        } else {
            table(&json)
        };
        file.say(verdict);
    }
}

/// The whole number below or above is no rule of money: a credit would not mirror its charge. The
/// numbers have both all the same.
fn whole_units(value: Ratio, scale: u8, toward: fn(Ratio) -> i128) -> Exact {
    let power = Ratio::new(10_i128.pow(u32::from(scale)), 1).unwrap();
    Exact::new(toward(value.checked_mul(power).unwrap()), scale).unwrap()
}

/// A value by the rule of this name; nothing where the name is no rule's.
fn rounded(value: Ratio, scale: u8, name: &str) -> Option<Exact> {
    let rule = match name {
        "half_even" => Rounding::HalfEven,
        "half_up_away_from_zero" => Rounding::HalfAwayFromZero,
        "half_down" => Rounding::HalfDown,
        "down_truncate" => Rounding::TowardZero,
        "up" => Rounding::Up,
        "floor" => return Some(whole_units(value, scale, Ratio::floor)),
        "ceiling" => return Some(whole_units(value, scale, Ratio::ceiling)),
        _ => return None,
    };
    Some(value.round(scale, rule).unwrap())
}

fn rounding(cases: &Value) -> String {
    let mut count = 0;
    for case in cases.as_array().unwrap() {
        let value = Ratio::from(exact(text(case, "value")));
        for (name, expected) in case.as_object().unwrap() {
            let Some(found) = rounded(value, scale(case), name) else {
                assert!(["value", "exponent", "why"].contains(&name.as_str()), "{name}");
                continue;
            };
            assert_eq!(found, exact(expected.as_str().unwrap()), "{case} {name}");
            count += 1;
        }
    }
    format!("{count} roundings are ours")
}

fn allocation(file: &Value) -> String {
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let parts = allocate(exact(text(case, "amount")), scale(case), &numbers(case, "weights"));
        assert_eq!(parts, Ok(numbers(case, "expected")), "{case}");
    }
    format!("{} allocations are ours", cases.len())
}

/// The sum of the lines' tax at a rate, each rounded to a scale first where there is one.
fn tax_of(lines: &[Exact], rate: Ratio, scale: Option<u8>) -> Exact {
    let rule = Rounding::HalfAwayFromZero;
    let of = |it: &Exact| {
        let tax = Ratio::from(*it).checked_mul(rate).unwrap();
        scale.map_or(tax, |scale| tax.round(scale, rule).unwrap().into())
    };
    let sum = lines.iter().map(of).try_fold(Ratio::ZERO, Ratio::checked_add).unwrap();
    sum.round(2, rule).unwrap()
}

fn tax(file: &Value) -> String {
    let cases = file["cases"].as_array().unwrap();
    for case in cases {
        let lines = numbers(case, "lines");
        let is_included = case["prices_include_gst"].as_bool().unwrap();
        let rate = Ratio::new(1, if is_included { 11 } else { 10 }).unwrap();
        for (scale, name) in [
            (None, "total_invoice_rule"),
            (Some(2), "taxable_supply_rule_2dp"),
            (Some(4), "taxable_supply_rule_4dp"),
            (None, "alternative_value_method"),
        ] {
            let Some(expected) = case[name].as_str() else { continue };
            assert_eq!(tax_of(&lines, rate, scale), exact(expected), "{case} {name}");
        }
    }
    format!("{} taxes are ours", cases.len())
}

fn minor_units(file: &Value) -> String {
    let exceptions = file["exceptions"].as_object().unwrap();
    for (code, minor_unit) in exceptions {
        match minor_unit.as_u64() {
            Some(it) => assert_eq!(u64::from(Currency::new(code).unwrap().minor_unit()), it),
            None => assert_eq!(Currency::new(code), Err(CurrencyError::NoMinorUnit(code.clone()))),
        }
    }
    for currency in Currency::all().filter(|it| !exceptions.contains_key(it.code())) {
        assert_eq!(currency.minor_unit(), 2, "{currency}");
    }
    format!("{} exceptions are ours", exceptions.len())
}

/// A program's own table of currencies, which is held against the standard's and never believed.
fn table(file: &Value) -> String {
    // Units of a fifth are no decimals, and a coin that is no longer made is still booked.
    let otherwise = BTreeMap::from([("HUF", 1), ("MGA", 5), ("MRU", 5)]);
    let (mut same, mut unknown) = (0, Vec::new());
    for entry in file.as_object().expect("a table of currencies by their codes").values() {
        let code = text(entry, "iso_code");
        let units = entry["subunit_to_unit"].as_u64().unwrap();
        let Ok(currency) = Currency::new(code) else {
            unknown.push(code);
            continue;
        };
        if 10_u64.pow(u32::from(currency.minor_unit())) == units {
            same += 1;
        } else {
            assert_eq!(otherwise.get(code), Some(&units), "{code}: {units} to the unit");
        }
    }
    format!("{same} currencies as ours, the rest by the standard; not to bill in: {unknown:?}")
}
