//! Taxes: what is rounded, how a half is decided, and what is included.

use super::*;
use crate::catalog::ResourcePrice;

impl Story {
    /// A line of whatever amount a case gives: so many units at 1.00.
    fn charge(mut self, name: &str, amount: &str) -> Self {
        let Facts { currency, period, .. } = self.facts;
        let (kind, price): (ResourceKind, _) = (name.parse().unwrap(), "1".parse().unwrap());
        let unit = "hour".parse().unwrap();
        let price = ResourcePrice { kind: kind.clone(), unit, price, currency, ladder: None };
        let (at, from) = (period.starts_at(), Sources::NONE);
        let price = Arc::new(price);
        self.facts.resource_prices.push(EffectivePrice { at, price, from: from.clone() });
        let quantity = amount.parse::<Exact>().unwrap().into();
        let (deployment, category, resource) = (None, None, None);
        self.facts.usage.push(Usage {
            at,
            deployment,
            kind,
            quantity,
            category,
            resource,
            known: None,
            from,
        });
        self
    }

    /// A line of an amount that credit has settled.
    fn settled(mut self, name: &str, amount: &str) -> Self {
        let amount = Money::parse(amount, self.facts.currency).unwrap();
        let what = PrepaidFor::Term(name.parse().unwrap());
        let (quantity, from) = (Quantity::whole(1), Sources::NONE);
        self.facts.prepaid.push(Prepaid { what, quantity, amount, from });
        self
    }
}

fn of_lines(amounts: &[&str], basis: TaxBasis, is_included: bool) -> Document {
    let mut story = Story::of("2026-04", Currency::AUD).taxed();
    story.facts.tax.as_mut().unwrap().terms.basis = basis;
    story.facts.is_prepaid = is_included;
    let lines = amounts.iter().enumerate();
    let story = lines.fold(story, |story, (index, amount)| match is_included {
        true => story.settled(&format!("line {index}"), amount),
        false => story.charge(&format!("line{index}"), amount),
    });
    story.price()
}

#[track_caller]
pub(super) fn check_tax(amounts: &[&str], is_included: bool, [total, line]: [&str; 2]) {
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
fn a_term_that_credit_paid_includes_its_tax_beside_lines_that_do_not() {
    let story = Story::of("2026-04", Currency::AUD).taxed();
    let document = story.charge("line", "20.00").settled("Five machines", "11.00").price();
    let amounts = document.lines.iter().map(|it| it.line.amount).collect::<Vec<_>>();
    assert_eq!(amounts, [aud("20.00"), aud("11.00"), aud("2.00")]);
    assert_eq!((document.subtotal, document.tax), (aud("30.00"), aud("3.00")));
}

#[test]
fn included_tax_rounds_the_tax_and_not_the_net() {
    let mut story = Story::of("2026-04", Currency::AUD).taxed();
    story.facts.is_prepaid = true;
    story.facts.tax.as_mut().unwrap().terms.rate = Percent::new(Exact::whole(4)).unwrap();
    let document = story.settled("gross", "2.99").price();
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
        story.charge("line", "0.10").price().tax.amount_text()
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
