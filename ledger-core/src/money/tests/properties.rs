//! Money against rationals without bounds.

use num_rational::BigRational as Big;
use proptest::prelude::*;

use super::*;
use crate::testing;
use crate::testing::values;

fn big(over: i128, under: i128) -> Big {
    Big::new(over.into(), under.into())
}

fn big_exact(it: Exact) -> Big {
    big(it.mantissa(), 10_i128.pow(it.scale().into()))
}

fn big_ratio(it: Ratio) -> Big {
    big(it.over(), it.under())
}

/// Ten to a power of any sign.
fn power(scale: u8) -> Big {
    big(10_i128.pow(scale.into()), 1)
}

/// What must come out: the number, where it can be held; a refusal, where it cannot.
fn expected(value: &Big) -> Option<Big> {
    let fits = |scale: u8| {
        let mantissa = value * power(scale);
        let bound = big(Exact::MANTISSA_MAX, 1);
        mantissa.is_integer() && mantissa <= bound && mantissa >= -bound
    };
    (0..=Exact::SCALE_MAX).any(fits).then(|| value.clone())
}

/// Rounding by the book, on magnitudes.
fn rounded(value: &Big, scale: u8, rounding: Rounding) -> Big {
    let zero = big(0, 1);
    let half = big(1, 2);
    let magnitude = if *value < zero { -value } else { value.clone() } * power(scale);
    let units = match rounding {
        Rounding::HalfAwayFromZero => (&magnitude + &half).floor(),
        Rounding::HalfDown => (&magnitude - &half).ceil(),
        Rounding::HalfEven => {
            let nearest = (&magnitude + &half).floor();
            let is_tie = &nearest - &magnitude == half;
            let is_odd = !(&nearest / big(2, 1)).is_integer();
            if is_tie && is_odd { nearest - big(1, 1) } else { nearest }
        }
        Rounding::TowardZero => magnitude.floor(),
        Rounding::Up => magnitude.ceil(),
    };
    let units = units / power(scale);
    if *value < zero { -units } else { units }
}

fn text_of_some_number() -> impl Strategy<Value = String> {
    let whole = "-?(0{0,3}|[1-9])[0-9]{0,30}";
    let rest = "(\\.[0-9]{0,22}0{0,3})?";
    (whole, rest).prop_map(|(whole, rest)| format!("{whole}{rest}"))
}

proptest! {
    #![proptest_config(testing::cases(100_000))]

    /// One number has one form: in text, in JSON and in bytes.
    #[test]
    fn a_number_has_one_form(number in values::exact()) {
        prop_assert_eq!(number.to_string().parse(), Ok(number));
        let json = serde_json::to_string(&number).unwrap();
        prop_assert_eq!(serde_json::from_str::<Exact>(&json).unwrap(), number);
        let bytes = postcard::to_allocvec(&number).unwrap();
        let (read, rest) = postcard::take_from_bytes::<Exact>(&bytes).unwrap();
        prop_assert_eq!((read, rest), (number, &[][..]));
        prop_assert!(number.scale() == 0 || number.mantissa() % 10 != 0);
        let decimal = rust_decimal::Decimal::from(number);
        prop_assert_eq!(Exact::try_from(decimal), Ok(number));
    }

    /// Text is read to its last digit, or refused: never rounded.
    #[test]
    fn text_is_read_exactly_or_refused(text in text_of_some_number()) {
        let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
        let scale = u8::try_from(rest.len()).unwrap();
        let digits = format!("{whole}{rest}");
        let is_number = !whole.trim_start_matches('-').is_empty() && !text.ends_with('.');
        let value = digits.parse::<i128>().ok().map(|it| big(it, 1) / power(scale));
        match text.parse::<Exact>() {
            Ok(read) => prop_assert_eq!(Some(big_exact(read)), value),
            Err(ExactError::NotANumber) => prop_assert!(!is_number),
            Err(_) => prop_assert!(value.is_none_or(|it| expected(&it).is_none())),
        }
    }

    /// A sum or a product is the true one, or refused because it cannot be held.
    #[test]
    fn sums_and_products_are_true_or_refused(left in values::exact(), right in values::exact()) {
        let (a, b) = (big_exact(left), big_exact(right));
        let held = |it: Result<Exact, ExactError>| it.ok().map(big_exact);
        prop_assert_eq!(held(left.checked_add(right)), expected(&(&a + &b)));
        prop_assert_eq!(held(left.checked_sub(right)), expected(&(&a - &b)));
        if let Ok(product) = left.checked_mul(right) {
            prop_assert_eq!(big_exact(product), &a * &b);
        }
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
    }

    /// Ratios of 18 digits add, multiply, divide and compare without loss and without refusal.
    #[test]
    fn ratios_are_exact(left in values::ratio(), right in values::ratio()) {
        let (a, b) = (big_ratio(left), big_ratio(right));
        prop_assert_eq!(big_ratio(left.checked_add(right).unwrap()), &a + &b);
        prop_assert_eq!(big_ratio(left.checked_sub(right).unwrap()), &a - &b);
        prop_assert_eq!(big_ratio(left.checked_mul(right).unwrap()), &a * &b);
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
        match left.checked_div(right) {
            Ok(quotient) => prop_assert_eq!(big_ratio(quotient), &a / &b),
            Err(error) => prop_assert!(right.is_zero() && error == ExactError::DivisionByZero),
        }
        prop_assert_eq!(big(left.floor(), 1), a.floor());
        prop_assert_eq!(big(left.ceiling(), 1), a.ceil());
        prop_assert_eq!(left.to_string().parse(), Ok(left));
        let bytes = postcard::to_allocvec(&left).unwrap();
        prop_assert_eq!(postcard::take_from_bytes::<Ratio>(&bytes).unwrap().0, left);
    }

    /// Rounding agrees with the book for every rule, scale and sign, halves among them.
    #[test]
    fn rounding_is_by_the_book(
        ratio in values::ratio(),
        halves in values::integer(10_i128.pow(15)),
        scale in 0..=8_u8,
        rounding in values::rounding(),
    ) {
        let half = Ratio::new(halves, 2 * 10_i128.pow(scale.into())).unwrap();
        for ratio in [ratio, half] {
            let value = rounded(&big_ratio(ratio), scale, rounding);
            prop_assert_eq!(ratio.round(scale, rounding).ok().map(big_exact), expected(&value));
        }
    }

    /// The documented product never overflows before it is rounded.
    #[test]
    fn a_line_is_exact_before_it_is_rounded(
        price in values::unit_price(),
        quantity in values::quantity(),
        days in 1..=31_i128,
        month in 28..=31_i128,
        multiplier in 0..=100_i128,
    ) {
        let parts = [
            Ratio::from(price),
            Ratio::from(quantity),
            Ratio::new(days, month).unwrap(),
            Ratio::new(multiplier, 100).unwrap(),
        ];
        let product = parts.into_iter().try_fold(Ratio::ONE, Ratio::checked_mul);
        let truth = parts.into_iter().map(big_ratio).fold(big(1, 1), |product, it| product * it);
        prop_assert_eq!(product.map(big_ratio), Ok(truth));
    }

    /// Shares sum to their whole, and none is a unit away from its exact share.
    #[test]
    fn an_allocation_conserves(
        units in values::integer(10_i128.pow(20)),
        scale in 0..=8_u8,
        weights in proptest::collection::vec(values::exact().prop_map(Exact::magnitude), 1..6),
    ) {
        let total = Exact::new(units, scale).unwrap();
        let sum = weights.iter().map(|it| big_exact(*it)).fold(big(0, 1), |sum, it| sum + it);
        // Weights too far apart to be aligned are refused, and so is nothing to share by.
        let Ok(parts) = allocate(total, scale, &weights) else { return Ok(()) };
        let whole = parts.iter().map(|it| big_exact(*it)).fold(big(0, 1), |sum, it| sum + it);
        prop_assert_eq!(whole, big_exact(total));
        for (part, weight) in parts.iter().zip(&weights) {
            let share = big_exact(total) * big_exact(*weight) / &sum;
            let away = (big_exact(*part) - share) * power(scale);
            prop_assert!(away < big(1, 1) && away > big(-1, 1));
        }
        let mirrored = allocate(total.negated(), scale, &weights).unwrap();
        prop_assert!(parts.iter().zip(mirrored).all(|(part, it)| part.negated() == it));
    }

    /// Cells and their total are rounded so that they still add up.
    #[test]
    fn a_column_adds_up_as_it_is_shown(
        parts in proptest::collection::vec(
            (values::integer(10_i128.pow(12)), 1..=31_i128),
            0..6,
        ),
        rounding in values::rounding(),
    ) {
        let parts = parts.into_iter().map(|it| Ratio::new(it.0, it.1).unwrap()).collect::<Vec<_>>();
        let (total, shown) = round_parts(&parts, 2, rounding).unwrap();
        let truth = parts.iter().map(|it| big_ratio(*it)).fold(big(0, 1), |sum, it| sum + it);
        prop_assert_eq!(big_exact(total), rounded(&truth, 2, rounding));
        let sum = shown.iter().map(|it| big_exact(*it)).fold(big(0, 1), |sum, it| sum + it);
        prop_assert_eq!(sum, big_exact(total));
        for (part, shown) in parts.iter().zip(&shown) {
            let away = (big_exact(*shown) - big_ratio(*part)) * big(100, 1);
            prop_assert!(away <= big(1, 1) && away > big(-1, 1));
        }
    }

    /// A rate serves both directions, and there and back is where one began.
    #[test]
    fn a_rate_is_exact_in_both_directions(
        rate in values::exchange_rate(),
        units in values::integer(10_i128.pow(12)),
    ) {
        let money = Money::from_minor(units, rate.base()).unwrap();
        if let Ok(there) = rate.convert(money) {
            let truth = big_exact(money.amount()) * big_exact(rate.rate());
            prop_assert_eq!(big_ratio(there.amount()), truth);
            prop_assert_eq!(there.currency(), rate.quote());
            if let Some(back) = there.to_money().and_then(|it| rate.convert(it).ok()) {
                prop_assert_eq!(back, Unrounded::from(money));
            }
        }
    }

    /// Money keeps its value and its currency in both forms; a sum with its negation is nothing.
    #[test]
    fn money_round_trips(money in values::money()) {
        let json = serde_json::to_string(&money).unwrap();
        prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        let bytes = postcard::to_allocvec(&money).unwrap();
        prop_assert_eq!(postcard::take_from_bytes::<Money>(&bytes).unwrap(), (money, &[][..]));
        prop_assert_eq!(money.checked_add(money.negated()), Ok(Money::zero(money.currency())));
    }

    /// No text makes a reader panic.
    #[test]
    fn any_text_is_a_number_or_refused(text in "[-+0-9.eE/]{0,20}|\\PC{0,12}") {
        let read = [text.parse::<Exact>(), Exact::parse_scientific(&text)];
        for number in read.into_iter().flatten() {
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }
        if let Ok(ratio) = text.parse::<Ratio>() {
            prop_assert_eq!(ratio.to_string().parse(), Ok(ratio));
        }
        if let Ok(currency) = Currency::new(&text) {
            prop_assert_eq!(currency.to_string(), text);
        }
    }
}
