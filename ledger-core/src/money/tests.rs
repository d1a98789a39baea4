//! Money against its own rules.

use super::*;

mod properties;
mod vectors;

#[track_caller]
fn exact(text: &str) -> Exact {
    text.parse().unwrap()
}

fn aud(text: &str) -> Money {
    Money::parse(text, Currency::AUD).unwrap()
}

#[test]
fn equal_numbers_are_equal_bytes() {
    for (left, right) in [("1.0", "1.00"), ("-0", "0"), ("-0.00", "0"), ("007.50", "7.5")] {
        assert_eq!(exact(left), exact(right));
        let bytes = |it: &str| postcard::to_allocvec(&exact(it)).unwrap();
        assert_eq!(bytes(left), bytes(right));
        assert_eq!(exact(left).to_string(), exact(right).to_string());
    }
    assert_eq!(Exact::new(-1230, 3), Ok(exact("-1.23")));
    assert_eq!(Exact::new(0, 40), Ok(Exact::ZERO));
    assert_eq!(Exact::new(10_i128.pow(30), 25), Ok(exact("100000")));
}

#[test]
fn text_that_is_not_a_plain_decimal_is_refused() {
    for text in ["", "-", ".", "1.", ".5", "+1", "1e3", "1,5", "1_0", " 1", "0x1", "NaN", "--1"] {
        assert_eq!(text.parse::<Exact>(), Err(ExactError::NotANumber), "{text:?}");
    }
    assert_eq!("0.000000000000000000001".parse::<Exact>(), Err(ExactError::TooFine));
    assert_eq!("79228162514264337593543950336".parse::<Exact>(), Err(ExactError::Overflow));
    assert_eq!(exact("79228162514264337593543950335").mantissa(), Exact::MANTISSA_MAX);
}

#[test]
fn an_exponent_is_read_only_where_it_is_asked_for() {
    let read = Exact::parse_scientific;
    assert_eq!(read("1.81E-8"), Ok(exact("0.0000000181")));
    assert_eq!(read("35.2e+7"), Ok(exact("352000000")));
    assert_eq!(read("0e999"), Ok(Exact::ZERO));
    assert_eq!(read("1e-21"), Err(ExactError::TooFine));
    assert_eq!(read("1e29"), Err(ExactError::Overflow));
    for text in ["1e", "1e+-1", "e5", "1e1.0", "1e1e1", "1e9999"] {
        assert_eq!(read(text), Err(ExactError::NotANumber), "{text:?}");
    }
}

#[test]
fn money_keeps_the_decimals_of_its_currency_in_json() {
    #[track_caller]
    fn check(money: Money, json: &str) {
        assert_eq!(serde_json::to_string(&money).unwrap(), json);
        assert_eq!(serde_json::from_str::<Money>(json).unwrap(), money);
        let bytes = postcard::to_allocvec(&money).unwrap();
        assert_eq!(postcard::take_from_bytes::<Money>(&bytes).unwrap(), (money, &[][..]));
    }
    check(aud("64.22"), r#"{"amount":"64.22","currency":"AUD"}"#);
    check(aud("50"), r#"{"amount":"50.00","currency":"AUD"}"#);
    check(aud("-0.5"), r#"{"amount":"-0.50","currency":"AUD"}"#);
    check(aud("0.0000000181"), r#"{"amount":"0.0000000181","currency":"AUD"}"#);
    check(Money::from_minor(500, Currency::JPY).unwrap(), r#"{"amount":"500","currency":"JPY"}"#);
    check(Money::from_minor(5, Currency::KWD).unwrap(), r#"{"amount":"0.005","currency":"KWD"}"#);
}

#[test]
fn a_json_number_is_taken_where_it_is_whole() {
    assert_eq!(serde_json::from_str::<Quantity>("12").unwrap(), Quantity::whole(12));
    assert_eq!(serde_json::from_str::<Exact>("-12").unwrap(), exact("-12"));
    for text in ["1.5", "1e3", "18446744073709551616", "null", "[1]"] {
        assert!(serde_json::from_str::<Exact>(text).is_err(), "{text}");
    }
}

#[test]
fn a_number_that_is_not_in_its_shortest_form_does_not_decode() {
    for form in [(10_i128, 1_u8), (0, 1), (1, 21), (Exact::MANTISSA_MAX + 1, 0)] {
        let bytes = postcard::to_allocvec(&form).unwrap();
        assert!(postcard::take_from_bytes::<Exact>(&bytes).is_err(), "{form:?}");
    }
}

#[test]
fn currencies_never_mix() {
    let yen = Money::from_minor(1, Currency::JPY).unwrap();
    let foreign = MoneyError::ForeignCurrency { expected: Currency::AUD, found: Currency::JPY };
    assert_eq!(aud("1").checked_add(yen), Err(foreign));
    assert_eq!(aud("1").checked_sub(yen), Err(foreign));
    assert_eq!(aud("1").try_cmp(yen), Err(foreign));
}

#[test]
fn a_currency_without_a_minor_unit_is_refused() {
    let refused = |code: &str| Currency::new(code).unwrap_err();
    assert_eq!(refused("XAU"), CurrencyError::NoMinorUnit("XAU".into()));
    assert_eq!(refused("XYZ"), CurrencyError::Unknown("XYZ".into()));
    for code in ["aud", "AU", "AUDD", "", "A D", "\u{e9}A"] {
        assert!(matches!(refused(code), CurrencyError::Form(_)), "{code:?}");
    }
    for (code, minor_unit) in [("AUD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("UYI", 0)] {
        assert_eq!(Currency::new(code).unwrap().minor_unit(), minor_unit);
    }
    for named in [Currency::AUD, Currency::EUR, Currency::JPY, Currency::KWD, Currency::NZD] {
        assert_eq!(Currency::new(named.code()), Ok(named));
    }
}

#[test]
fn each_rounding_rule_decides_halves_by_its_name() {
    use Rounding::{HalfAwayFromZero, HalfDown, HalfEven, TowardZero, Up};
    #[track_caller]
    fn check(text: &str, scale: u8, expected: [&str; 5]) {
        let rules = [HalfAwayFromZero, HalfDown, HalfEven, TowardZero, Up];
        for (rule, expected) in rules.into_iter().zip(expected) {
            let rounded = Ratio::from(exact(text)).round(scale, rule).unwrap();
            assert_eq!(rounded, exact(expected), "{text} {rule:?}");
            let mirrored = Ratio::from(exact(text).negated()).round(scale, rule).unwrap();
            assert_eq!(mirrored, exact(expected).negated(), "-{text} {rule:?}");
        }
    }
    check("0.5", 0, ["1", "0", "0", "0", "1"]);
    check("1.5", 0, ["2", "1", "2", "1", "2"]);
    check("2.5", 0, ["3", "2", "2", "2", "3"]);
    check("2.675", 2, ["2.68", "2.67", "2.68", "2.67", "2.68"]);
    check("2.665", 2, ["2.67", "2.66", "2.66", "2.66", "2.67"]);
    check("2.6749", 2, ["2.67", "2.67", "2.67", "2.67", "2.68"]);
    check("2.6751", 2, ["2.68", "2.68", "2.68", "2.67", "2.68"]);
    check("7", 2, ["7", "7", "7", "7", "7"]);
}

#[test]
fn shares_sum_to_their_whole_with_ties_to_the_earlier() {
    #[track_caller]
    fn check(total: &str, scale: u8, weights: &[&str], expected: &[&str]) {
        let weights = weights.iter().map(|it| exact(it)).collect::<Vec<_>>();
        let expected = expected.iter().map(|it| exact(it)).collect::<Vec<_>>();
        assert_eq!(allocate(exact(total), scale, &weights).unwrap(), expected);
    }
    check("10", 2, &["1", "1", "1", "1", "1"], &["2", "2", "2", "2", "2"]);
    check("1", 2, &["1", "1", "1"], &["0.34", "0.33", "0.33"]);
    check("-1", 2, &["1", "1", "1"], &["-0.34", "-0.33", "-0.33"]);
    check("0.07", 2, &["0.5", "0.25", "0.25"], &["0.03", "0.02", "0.02"]);
    check("0.01", 2, &["0", "1", "1"], &["0", "0.01", "0"]);
    check("0", 2, &["3", "4"], &["0", "0"]);
    // No decimals, three, four; and parts that get nothing in between.
    check("5", 0, &["1", "1", "1"], &["2", "2", "1"]);
    check("0.007", 3, &["1", "0", "1"], &["0.004", "0", "0.003"]);
    check("-0.0005", 4, &["2", "1", "1"], &["-0.0003", "-0.0001", "-0.0001"]);
    check("3", 0, &["0", "0", "0.001"], &["0", "0", "3"]);
    let nothing = allocate(exact("1"), 2, &[exact("0")]);
    assert_eq!(nothing, Err(ExactError::DivisionByZero));
    assert_eq!(allocate(exact("1"), 2, &[]), Err(ExactError::DivisionByZero));
    assert_eq!(allocate(exact("0.001"), 2, &[Exact::ONE]), Err(ExactError::TooFine));
    for weights in [["-1", "2"], ["-1", "1"], ["-0.5", "0"]] {
        let weights = weights.map(exact);
        assert_eq!(allocate(exact("1"), 2, &weights), Err(ExactError::NegativeWeight));
    }
}

#[test]
fn a_shown_column_sums_to_its_rounded_total() {
    #[track_caller]
    fn check(parts: &[(i128, i128)], total: &str, shown: &[&str]) {
        let parts = parts.iter().map(|it| Ratio::new(it.0, it.1).unwrap()).collect::<Vec<_>>();
        let shown = shown.iter().map(|it| exact(it)).collect::<Vec<_>>();
        let rounded = round_parts(&parts, 2, Rounding::HalfAwayFromZero).unwrap();
        assert_eq!(rounded, (exact(total), shown));
    }
    check(&[(1, 300), (1, 300), (1, 300)], "0.01", &["0.01", "0", "0"]);
    check(&[(-1, 300), (-1, 300), (-1, 300)], "-0.01", &["0", "0", "-0.01"]);
    check(&[(5, 1000), (-5, 1000)], "0", &["0.01", "-0.01"]);
    check(&[], "0", &[]);
}

#[test]
fn a_rate_serves_both_directions_and_no_third_currency() {
    let rate = ExchangeRate::new(Currency::AUD, Currency::USD, exact("0.66")).unwrap();
    let usd = rate.convert(aud("71.12")).unwrap().round(Rounding::default()).unwrap();
    assert_eq!(usd, Money::parse("46.94", Currency::USD).unwrap());
    let back = rate.convert(Money::parse("86.92", Currency::USD).unwrap()).unwrap();
    assert_eq!(back.round(Rounding::default()), Ok(aud("131.70")));
    assert!(rate.convert(Money::zero(Currency::JPY)).is_err());
    let none = ExchangeRate::new(Currency::AUD, Currency::AUD, Exact::ONE);
    assert_eq!(none, Err(RateError::SamePair(Currency::AUD)));
    let zero = ExchangeRate::new(Currency::AUD, Currency::USD, Exact::ZERO);
    assert_eq!(zero, Err(RateError::NotPositive));
}

#[test]
fn a_price_may_not_be_negative_and_a_quantity_may() {
    assert_eq!("-1".parse::<UnitPrice>(), Err(BoundError::Negative { noun: "a unit price" }));
    assert!("-1".parse::<Quantity>().unwrap().is_negative());
    assert!("1000000000000000000".parse::<Quantity>().is_err());
    assert!("999999999999999999".parse::<Quantity>().is_ok());
    assert!("0.0000000000001".parse::<UnitPrice>().is_err());
    assert_eq!("10".parse::<Percent>().unwrap().share(), Ratio::new(1, 10).unwrap());
}
