//! Published vectors, read where somebody has them.
//!
//! They are others' data and not part of this repository: without `COUNTERFOIL_REAL_FIXTURES`
//! naming their directory these tests say so and check nothing. The rules they cover have vectors
//! of our own beside them.

use std::path::PathBuf;

use serde_json::Value;

use super::*;

/// A file of the vectors, or nothing where they are not at hand.
fn vectors(name: &str) -> Option<Value> {
    let Some(directory) = std::env::var_os("COUNTERFOIL_REAL_FIXTURES") else {
        println!("COUNTERFOIL_REAL_FIXTURES is not set: {name} was not checked");
        return None;
    };
    let text = std::fs::read_to_string(PathBuf::from(directory).join("money").join(name)).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

fn numbers(case: &Value, name: &str) -> Vec<Exact> {
    case[name].as_array().unwrap().iter().map(|it| exact(it.as_str().unwrap())).collect()
}

#[test]
fn rounding_vectors_hold() {
    let Some(cases) = vectors("rounding_vectors.json") else { return };
    for case in cases.as_array().unwrap() {
        let value = Ratio::from(exact(text(case, "value")));
        let scale = u8::try_from(case["exponent"].as_u64().unwrap()).unwrap();
        for (rule, name) in [
            (Rounding::HalfEven, "half_even"),
            (Rounding::HalfAwayFromZero, "half_up_away_from_zero"),
            (Rounding::HalfDown, "half_down"),
            (Rounding::TowardZero, "down_truncate"),
            (Rounding::Up, "up"),
        ] {
            assert_eq!(value.round(scale, rule), Ok(exact(text(case, name))), "{case} {name}");
        }
    }
}

#[test]
fn allocation_vectors_hold() {
    let Some(file) = vectors("allocation_vectors.json") else { return };
    for case in file["cases"].as_array().unwrap() {
        let scale = u8::try_from(case["exponent"].as_u64().unwrap()).unwrap();
        let parts = allocate(exact(text(case, "amount")), scale, &numbers(case, "weights"));
        assert_eq!(parts, Ok(numbers(case, "expected")), "{case}");
    }
}

/// The sum of the lines' tax at a rate, each rounded to a scale first where there is one.
fn tax(lines: &[Exact], rate: Ratio, scale: Option<u8>) -> Exact {
    let rule = Rounding::HalfAwayFromZero;
    let of = |it: &Exact| {
        let tax = Ratio::from(*it).checked_mul(rate).unwrap();
        scale.map_or(tax, |scale| tax.round(scale, rule).unwrap().into())
    };
    let sum = lines.iter().map(of).try_fold(Ratio::ZERO, Ratio::checked_add).unwrap();
    sum.round(2, rule).unwrap()
}

#[test]
fn australian_tax_vectors_hold() {
    let Some(file) = vectors("au_gst_vectors.json") else { return };
    for case in file["cases"].as_array().unwrap() {
        let lines = numbers(case, "lines");
        let is_included = case["prices_include_gst"].as_bool().unwrap();
        let rate = Ratio::new(1, if is_included { 11 } else { 10 }).unwrap();
        for (scale, name) in [
            (None, "total_invoice_rule"),
            (Some(2), "taxable_supply_rule_2dp"),
            (Some(4), "taxable_supply_rule_4dp"),
        ] {
            assert_eq!(tax(&lines, rate, scale), exact(text(case, name)), "{case} {name}");
        }
    }
}

#[test]
fn minor_units_are_those_of_the_standard() {
    let Some(file) = vectors("iso4217_minor_units.json") else { return };
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
}
