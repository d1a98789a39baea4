//! Taxes: what is rounded, how a half is decided, and what is included.

use super::*;

/// A document of term lines, so that a line is whatever amount a case gives.
fn of_lines(amounts: &[&str], basis: TaxBasis, is_included: bool) -> Document {
    let mut story = Story::of("2026-04", Currency::AUD).taxed();
    story.facts.tax.as_mut().unwrap().terms.basis = basis;
    story.facts.is_prepaid = is_included;
    for (index, amount) in amounts.iter().enumerate() {
        story.facts.prepaid.push(Prepaid {
            what: PrepaidFor::Term(format!("line {index}").parse().unwrap()),
            quantity: Quantity::whole(1),
            amount: aud(amount),
            from: Sources::NONE,
        });
    }
    story.price()
}

#[track_caller]
fn check_tax(amounts: &[&str], is_included: bool, [total, line]: [&str; 2]) {
    for (basis, expected) in [(TaxBasis::Total, total), (TaxBasis::Line, line)] {
        let document = of_lines(amounts, basis, is_included);
        assert_eq!(document.tax, aud(expected), "{basis:?} of {amounts:?}");
        assert_eq!(document.is_tax_included, is_included);
        let sum = document.subtotal.checked_add(document.tax);
        assert_eq!(sum, Ok(document.total));
    }
}

#[test]
fn the_total_and_the_line_rule_differ_by_cents() {
    check_tax(&["1.04", "1.05"], false, ["0.21", "0.21"]);
    check_tax(&["0.05"; 10], false, ["0.05", "0.10"]);
    check_tax(&["0.04"; 10], false, ["0.04", "0.00"]);
    check_tax(&["10.03"; 3], false, ["3.01", "3.00"]);
    check_tax(&["24.00", "24.00", "4.80", "0.32"], false, ["5.31", "5.31"]);
}

#[test]
fn included_tax_is_an_eleventh_rounded_once() {
    check_tax(&["0.55"; 3], true, ["0.15", "0.15"]);
    check_tax(&["1.00"; 7], true, ["0.64", "0.63"]);
    check_tax(&["110.00"], true, ["10.00", "10.00"]);
}

#[test]
fn included_tax_rounds_the_tax_and_not_the_net() {
    let mut story = Story::of("2026-04", Currency::AUD).taxed();
    story.facts.is_prepaid = true;
    story.facts.tax.as_mut().unwrap().terms.rate = Percent::new(Exact::whole(4)).unwrap();
    let what = PrepaidFor::Term("gross".parse().unwrap());
    let quantity = Quantity::whole(1);
    story.facts.prepaid.push(Prepaid { what, quantity, amount: aud("2.99"), from: Sources::NONE });
    let document = story.price();
    // 2.99 x 4 / 104 = 0.115 exactly: the tax rounds to 0.12, and the net is what is left.
    assert_eq!((document.tax, document.subtotal), (aud("0.12"), aud("2.87")));
}

#[test]
fn a_half_is_decided_by_the_jurisdiction() {
    let tax = |rounding| {
        let mut story = Story::of("2026-04", Currency::NZD);
        let mut tax = gst();
        tax.terms.rounding = rounding;
        tax.terms.rate = Percent::new(Exact::whole(15)).unwrap();
        story.facts.tax = Some(tax);
        let amount = Money::parse("0.10", Currency::NZD).unwrap();
        let what = PrepaidFor::Term("line".parse().unwrap());
        let quantity = Quantity::whole(1);
        story.facts.prepaid.push(Prepaid { what, quantity, amount, from: Sources::NONE });
        story.price().tax.amount_text()
    };
    assert_eq!(tax(Rounding::HalfAwayFromZero), "0.02");
    assert_eq!(tax(Rounding::HalfDown), "0.01");
}

#[test]
fn a_tax_of_nothing_makes_no_line_and_no_profile_no_tax() {
    assert_eq!(of_lines(&["0.04"], TaxBasis::Total, false).lines.len(), 1);
    let story = Story::of("2026-04", Currency::AUD).deployment("shop");
    let document = story.subscribed("2026-04-01", "studio").price();
    assert_eq!((document.lines.len(), document.tax), (1, aud("0")));
}
