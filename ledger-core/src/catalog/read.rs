//! A catalog file becomes a catalog, whole or not at all.
//!
//! Every complaint names its place by JSON pointer. What the file says of one thing is checked
//! first, then what it says of several together; all of the second kind are reported at once.

use std::collections::BTreeSet;
use std::fmt;

use super::{
    Catalog, Charge, CouponDuration, Discount, Item, Ladder, PlanVersion, PriceModel, Tier,
    canonical_kind, units_in,
};
use crate::json;
use crate::money::{Currency, Exact, Money, Quantity};

/// Why a catalog file is refused: every place where it is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the catalog is wrong in {} places", .problems.len())]
pub struct CatalogError {
    /// In order of the file.
    pub problems: Vec<Problem>,
}

/// One place where a catalog file is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as an RFC 6901 pointer.
    pub pointer: String,
    /// What is wrong.
    pub reason: Reason,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pointer, self.reason)
    }
}

/// What is wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Not JSON, an unknown field, or a value that its field cannot have.
    #[error("{0}")]
    Form(String),
    /// The same code, kind or tier a second time.
    #[error("named a second time")]
    Duplicate,
    /// Less than zero.
    #[error("may not be negative")]
    Negative,
    /// Zero, where that means nothing.
    #[error("may not be zero")]
    Zero,
    /// In another currency than its plan.
    #[error("in {found}, but the plan is in {expected}")]
    Currency {
        /// The plan's.
        expected: Currency,
        /// What stands there.
        found: Currency,
    },
    /// A unit that does not say how many base units it is.
    #[error("the number at the beginning of a unit must divide a million")]
    Unit,
    /// Tiers that do not ascend, or of which another than the last has no end.
    #[error("tiers must ascend, and the last one, alone, has no end")]
    Tiers,
    /// A part that is larger than the whole.
    #[error("may not be above {0}")]
    Above(u8),
}

impl Catalog {
    /// Reads a catalog file and checks it whole.
    pub fn read(text: &str) -> Result<Self, CatalogError> {
        let text = json::quote_fractions(text);
        let mut reader = serde_json::Deserializer::from_str(&text);
        let refused = |pointer: String, error: &dyn fmt::Display| {
            let reason = Reason::Form(error.to_string());
            CatalogError { problems: vec![Problem { pointer, reason }] }
        };
        let read: Result<Self, _> = serde_path_to_error::deserialize(&mut reader);
        let mut catalog = read.map_err(|it| refused(pointer(it.path()), it.inner()))?;
        reader.end().map_err(|it| refused(String::new(), &it))?;
        catalog.read_kinds();
        let problems = catalog.problems();
        if problems.is_empty() { Ok(catalog) } else { Err(CatalogError { problems }) }
    }

    /// Kinds that have two names have one from here on.
    fn read_kinds(&mut self) {
        let items = self.plans.iter_mut().flat_map(|it| &mut it.items).map(|it| &mut it.kind);
        let addons = self.addons.iter_mut().map(|it| &mut it.kind);
        let prices = self.resource_prices.iter_mut().map(|it| &mut it.kind);
        for kind in items.chain(addons).chain(prices) {
            *kind = canonical_kind(kind);
        }
    }

    /// Everything that is wrong with a catalog whose single values are right.
    pub fn problems(&self) -> Vec<Problem> {
        let mut check = Check { at: String::new(), problems: Vec::new() };
        check.distinct("plans", &self.plans, |it| it.plan.as_str().to_owned());
        check.each("plans", &self.plans, check_plan);
        check.distinct("addons", &self.addons, |it| it.code.as_str().to_owned());
        check.each("addons", &self.addons, |check, it| {
            check.quantity("quantity", it.quantity);
            check.amount("price", it.price);
        });
        let key = |it: &super::ResourcePrice| format!("{} {}", it.kind, it.currency);
        check.distinct("resource_prices", &self.resource_prices, key);
        check.each("resource_prices", &self.resource_prices, |check, it| {
            check.that(units_in(&it.unit).is_some(), "unit", Reason::Unit);
            check.within("ladder", |check| it.ladder.iter().for_each(|it| check_ladder(check, it)));
        });
        check.distinct("coupons", &self.coupons, |it| it.code.as_str().to_owned());
        check.each("coupons", &self.coupons, |check, it| {
            check.within("terms", |check| {
                match it.terms.discount {
                    Discount::Percent(percent) => {
                        let is_part = percent.get() <= Exact::whole(100);
                        check.that(is_part, "discount/percent", Reason::Above(100));
                    }
                    Discount::Fixed(amount) => check.amount("discount/fixed", amount),
                }
                let lasts = it.terms.duration != CouponDuration::Periods(0);
                check.that(lasts, "duration/periods", Reason::Zero);
            });
        });
        check.problems
    }
}

fn check_plan(check: &mut Check, plan: &PlanVersion) {
    match plan.charge {
        Charge::Monthly(amount) => check.amount("charge/monthly", amount),
        Charge::Term { amount, days } => {
            check.amount("charge/term/amount", amount);
            check.that(days > 0, "charge/term/days", Reason::Zero);
        }
    }
    check.distinct("items", &plan.items, |it| it.kind.as_str().to_owned());
    check.each("items", &plan.items, check_item);
    check.distinct("grants", &plan.grants, |it| it.kind.as_str().to_owned());
    check.each("grants", &plan.grants, |check, it| {
        check.that(it.count > 0, "count", Reason::Zero);
    });
    let most = plan.limits.iter().map(|it| ("limits", it.max_monthly_provisioning));
    let least = plan.commitment.iter().map(|it| ("commitment", it.minimum));
    for (name, amount) in most.chain(least) {
        check.amount(name, amount);
        let (expected, found) = (plan.currency(), amount.currency());
        check.that(expected == found, name, Reason::Currency { expected, found });
    }
    check.within("ladder", |check| plan.ladder.iter().for_each(|it| check_ladder(check, it)));
}

fn check_item(check: &mut Check, item: &Item) {
    check.that(units_in(&item.unit).is_some(), "unit", Reason::Unit);
    check.quantity("included", item.included);
    check.quantity("hard_cap", item.hard_cap.unwrap_or(Quantity::ZERO));
    check.within("price", |check| match &item.price {
        PriceModel::PerUnit(_) | PriceModel::Percentage(_) => (),
        PriceModel::Graduated(tiers) => check_tiers(check, "graduated", tiers),
        PriceModel::Volume(tiers) => check_tiers(check, "volume", tiers),
        PriceModel::Package { size, free, .. } => {
            check.quantity("package/size", *size);
            check.that(!size.is_zero(), "package/size", Reason::Zero);
            check.quantity("package/free", *free);
        }
    });
}

fn check_tiers(check: &mut Check, name: &str, tiers: &[Tier]) {
    let ends = tiers.iter().map(|it| it.up_to).collect::<Vec<_>>();
    let Some((None, bounded)) = ends.split_last() else {
        return check.that(false, name, Reason::Tiers);
    };
    let above_zero = std::iter::once(Some(Quantity::ZERO)).chain(bounded.iter().copied());
    let ascend = above_zero.zip(bounded).all(|(below, it)| it.is_some() && below < *it);
    check.that(ascend, name, Reason::Tiers);
}

fn check_ladder(check: &mut Check, ladder: &Ladder) {
    let ascend = ladder.tiers.is_sorted_by(|left, right| left.days < right.days);
    check.that(ascend, "tiers", Reason::Tiers);
    check.each("tiers", &ladder.tiers, |check, it| {
        check.that(!it.multiplier.is_negative(), "multiplier", Reason::Negative);
        check.that(it.multiplier <= Exact::ONE, "multiplier", Reason::Above(1));
    });
}

/// The complaints so far, and where in the file we are.
struct Check {
    at: String,
    problems: Vec<Problem>,
}

impl Check {
    fn that(&mut self, holds: bool, name: &str, reason: Reason) {
        if !holds {
            self.problems.push(Problem { pointer: format!("{}/{name}", self.at), reason });
        }
    }

    fn amount(&mut self, name: &str, amount: Money) {
        self.that(!amount.is_negative(), name, Reason::Negative);
    }

    fn quantity(&mut self, name: &str, quantity: Quantity) {
        self.that(!quantity.is_negative(), name, Reason::Negative);
    }

    fn within(&mut self, name: &str, checks: impl FnOnce(&mut Self)) {
        let outside = self.at.len();
        self.at.push('/');
        self.at.push_str(name);
        checks(self);
        self.at.truncate(outside);
    }

    fn each<T>(&mut self, name: &str, things: &[T], checks: impl Fn(&mut Self, &T)) {
        for (index, thing) in things.iter().enumerate() {
            self.within(&format!("{name}/{index}"), |check| checks(check, thing));
        }
    }

    fn distinct<T>(&mut self, name: &str, things: &[T], key: impl Fn(&T) -> String) {
        let mut seen = BTreeSet::new();
        for (index, thing) in things.iter().enumerate() {
            self.that(seen.insert(key(thing)), &format!("{name}/{index}"), Reason::Duplicate);
        }
    }
}

/// A path of the parser as an RFC 6901 pointer.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.clone(),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, pointer: &str) -> Reason {
        let problems = Catalog::read(text).unwrap_err().problems;
        let [problem] = <[Problem; 1]>::try_from(problems).unwrap();
        assert_eq!(problem.pointer, pointer);
        problem.reason
    }

    fn with_plan(rest: &str) -> String {
        let plan = r#""plan":"a","name":"A","charge":{"monthly":{"amount":"1","currency":"AUD"}}"#;
        format!(r#"{{"plans":[{{{plan}{rest}}}]}}"#)
    }

    fn with_item(price: &str) -> String {
        let item = r#""kind":"k","unit":"hour""#;
        with_plan(&format!(r#","items":[{{{item},"price":{price}}}]"#))
    }

    #[test]
    fn what_is_wrong_is_named_by_pointer() {
        let form = |text: &str, pointer: &str| {
            assert!(matches!(check(text, pointer), Reason::Form(_)));
        };
        form("[", "");
        form("{} {}", "");
        form(r#"{"plan":[]}"#, "/plan");
        form(&with_plan(r#","colour":"red""#), "/plans/0/colour");
        form(&with_item(r#"{"per_unit":"-1"}"#), "/plans/0/items/0/price/per_unit");
        form(&with_item(r#"{"per_unit":"1,5"}"#), "/plans/0/items/0/price/per_unit");
        form(&with_plan(r#","name":"B""#), "/plans/0");
        let negative = with_plan("").replace("\"1\"", "-0.01");
        assert_eq!(check(&negative, "/plans/0/charge/monthly"), Reason::Negative);
        let plan = with_plan("");
        let plan = plan.strip_prefix("{\"plans\":[").unwrap().strip_suffix("]}").unwrap();
        let twice = format!(r#"{{"plans":[{plan},{plan}]}}"#);
        assert_eq!(check(&twice, "/plans/1"), Reason::Duplicate);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let tiers = "/plans/0/items/0/price/graduated";
        for wrong in [
            "[]",
            r#"[{"up_to":"5","price":"1"}]"#,
            r#"[{"up_to":null,"price":"1"},{"up_to":null,"price":"1"}]"#,
            r#"[{"up_to":"5","price":"1"},{"up_to":"5","price":"1"},{"up_to":null,"price":"1"}]"#,
            r#"[{"up_to":"0","price":"1"},{"up_to":null,"price":"1"}]"#,
        ] {
            let text = with_item(&format!(r#"{{"graduated":{wrong}}}"#));
            assert_eq!(check(&text, tiers), Reason::Tiers, "{wrong}");
        }
        let text = with_item(r#"{"package":{"size":"0","price":"1"}}"#);
        assert_eq!(check(&text, "/plans/0/items/0/price/package/size"), Reason::Zero);
        let text = with_item(r#"{"per_unit":"1"}"#).replace("hour", "3_hours");
        assert_eq!(check(&text, "/plans/0/items/0/unit"), Reason::Unit);
        let text = with_plan(r#","commitment":{"minimum":{"amount":"1","currency":"USD"}}"#);
        let currency = Reason::Currency { expected: Currency::AUD, found: Currency::USD };
        assert_eq!(check(&text, "/plans/0/commitment"), currency);
    }

    #[test]
    fn a_number_is_read_to_its_last_digit_and_old_names_are_read_as_new_ones() {
        let text = with_item(r#"{"per_unit":0.123456789012}"#).replace("\"k\"", "\"llm_token\"");
        let catalog = Catalog::read(&text).unwrap();
        let item = &catalog.plans[0].items[0];
        assert_eq!(item.kind.as_str(), "llm_tokens");
        assert_eq!(item.price, PriceModel::PerUnit("0.123456789012".parse().unwrap()));
        let text =
            with_plan(r#","limits":{"max_node_instances":1,"max_monthly_provisioning_usd":20}"#);
        let text = text.replace("AUD", "USD");
        let limits = Catalog::read(&text).unwrap().plans[0].limits.clone().unwrap();
        assert_eq!(limits.max_monthly_provisioning.to_string(), "20.00 USD");
        let both = text.replace(
            "_usd\":20",
            "_usd\":20,\"max_monthly_provisioning\":{\"amount\":1,\"currency\":\"USD\"}",
        );
        assert!(Catalog::read(&both).is_err());
    }

    proptest! {
        #![proptest_config(testing::cases(10_000))]

        /// What is written is read back the same, and what is drawn is right.
        #[test]
        fn a_catalog_that_is_written_is_read(catalog in testing::catalog::catalog()) {
            let text = serde_json::to_string(&catalog).unwrap();
            let mut expected = catalog;
            expected.read_kinds();
            prop_assert_eq!(Catalog::read(&text), Ok(expected));
        }

        /// No text makes a reader panic, and what it refuses it says where.
        #[test]
        fn any_text_is_a_catalog_or_refused(text in "[\\[\\]{}\":,.0-9a-z-]{0,60}") {
            let problems = Catalog::read(&text).err().map(|it| it.problems);
            prop_assert!(problems.is_none_or(|it| !it.is_empty()));
        }
    }
}
