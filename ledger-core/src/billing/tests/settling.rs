//! Prepaid usage and its draws: told by hand, and any history held to a model that knows no draws.

use proptest::prelude::*;
use proptest::sample::Index;

use super::process::{issued, terms};
use super::*;
use crate::catalog::{
    Charge, Commitment, CouponDuration, CouponTerms, Discount, Ladder, LadderTier, PlanVersion,
    ResourcePrice,
};
use crate::event::account::{self, CreditOrigin, CreditToppedUp, DrawPurpose, KindAmount};
use crate::money::{Exact, Money, Quantity, Ratio};
use crate::testing;

const APRIL: &str = "2026-04";
const USAGE: &str = "usage-acme.2026-04";
const ACCOUNT: &str = "account-acme";

fn aud(amount: &str) -> Money {
    Money::parse(amount, Currency::AUD).unwrap()
}

fn price(kind: &str, price: &str) -> ResourcePrice {
    let tier = |name, days, multiplier| LadderTier {
        name: parsed(name),
        days,
        multiplier: parsed(multiplier),
    };
    let ladder = Ladder {
        tiers: vec![tier("week", 7, "0.5"), tier("month", 30, "0.25")],
        categories: vec![parsed("llm")],
        default_category: None,
    };
    let (kind, unit, price) = (parsed(kind), parsed("unit"), parsed(price));
    ResourcePrice { kind, unit, price, currency: Currency::AUD, ladder: Some(ladder) }
}

/// What an account says was drawn and what went back, by kind and in all.
type Drawn = BTreeMap<String, (Exact, Exact)>;

impl Ledger {
    /// Acme, prepaid, at prices from January on.
    fn of_a_shop() -> Self {
        let mut ledger = Self::default();
        ledger.register("acme", Settlement::Prepaid, false);
        for (kind, of) in [("tokens", "0.001"), ("droplet_hours", "0.01"), ("gauge_hours", "0.02")]
        {
            ledger.set_price(kind, of, "2026-01-01", "2026-01-01");
        }
        ledger.create("shop", "2026-01-03", Beginning::Active);
        ledger
    }

    fn set_price(&mut self, kind: &str, of: &str, since: &str, when: &str) {
        let (price, effective_at) = (price(kind, of), at(since));
        self.tell("catalog", when, catalog::ResourcePriceSet { price, effective_at });
    }

    fn pay_in(&mut self, lot: &str, amount: &str, when: &str, expires_at: Option<&str>) {
        let (lot, amount, expires_at) = (parsed(lot), aud(amount), expires_at.map(at));
        let origin = CreditOrigin::Operator { reason: parsed("paid in") };
        self.tell(ACCOUNT, when, CreditToppedUp { lot, amount, expires_at, origin });
    }

    fn tokens(&mut self, when: &str, quantity: &str) -> Revision {
        let recorded = usage::Recorded {
            kind: parsed("tokens"),
            quantity: parsed(quantity),
            unit: None,
            category: Some(parsed("llm")),
            deployment: None,
            resource: None,
        };
        self.tell(&format!("usage-acme.{}", at(when).period()), when, recorded)
    }

    fn settling<T>(&self, period: &str, now: &str, then: impl FnOnce(&Settling<'_>) -> T) -> T {
        let basis = self.basis("acme", period);
        let account = self.heads("acme", period).account;
        let actor = terms().actor;
        then(&Settling { basis: &basis, account: &account, actor: &actor, now: at(now) })
    }

    /// Settles a period; answers how many events that took.
    fn settle_at(&mut self, period: &str, now: &str) -> usize {
        match self.settling(period, now, settle).unwrap() {
            SettleStep::Append(append) => {
                self.append(&append);
                append.events.len()
            }
            SettleStep::Done => 0,
            SettleStep::Gather => panic!("it was gathered just now"),
        }
    }

    /// What was drawn for the usage of a period, less what went back, as the events say it.
    fn drawn(&self, period: &str) -> Drawn {
        let period = parsed::<BillingPeriod>(period);
        let (mut drawn, mut ours) = (Drawn::new(), Vec::new());
        let mut add = |it: &KindAmount, sign: Exact| {
            let sum = drawn.entry(it.kind.to_string()).or_default();
            sum.0 = sum.0.checked_add(it.quantity.get().checked_mul(sign).unwrap()).unwrap();
            sum.1 = sum.1.checked_add(it.amount.amount().checked_mul(sign).unwrap()).unwrap();
        };
        for record in &self.streams[&parsed::<Stream>(ACCOUNT)] {
            if let Event::Account(account::Event::CreditDrawn(it)) = &record.event
                && let DrawPurpose::Usage { period: of, kinds, .. } = &it.purpose
                && *of == period
            {
                ours.push(record.revision);
                kinds.iter().for_each(|it| add(it, Exact::whole(1)));
                let sum = Money::sum(Currency::AUD, kinds.iter().map(|it| it.amount));
                assert_eq!(sum, Ok(it.amount));
            }
            if let Event::Account(account::Event::CreditReturned(it)) = &record.event
                && ours.contains(&it.draw)
            {
                it.kinds.iter().for_each(|it| add(it, Exact::whole(-1)));
                let sum = Money::sum(Currency::AUD, it.kinds.iter().map(|it| it.amount));
                assert_eq!(sum, Ok(it.amount));
            }
        }
        drawn.retain(|_, it| *it != (Exact::ZERO, Exact::ZERO));
        drawn
    }

    #[track_caller]
    fn has_drawn(&self, expected: &[(&str, &str, &str)]) {
        let drawn = self.drawn(APRIL);
        let told =
            drawn.iter().map(|(kind, it)| (kind.clone(), it.0.to_string(), it.1.to_string()));
        let expected = expected.iter().map(|it| (it.0.into(), it.1.into(), it.2.into()));
        assert_eq!(told.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    fn left(&self, now: &str) -> Exact {
        let account = self.heads("acme", APRIL).account;
        account.account().credit().balance(at(now)).unwrap()
    }

    /// The lots of the last draw or return, and how much each gave or got.
    fn last_lots(&self) -> Vec<(String, String)> {
        let last = &self.streams[&parsed::<Stream>(ACCOUNT)].last().unwrap().event;
        let lots = if let Event::Account(account::Event::CreditDrawn(it)) = last {
            &it.lots
        } else if let Event::Account(account::Event::CreditReturned(it)) = last {
            &it.lots
        } else {
            panic!("{last:?}")
        };
        lots.iter().map(|it| (it.lot.to_string(), it.amount.amount().to_string())).collect()
    }
}

fn lots(lots: &[(&str, &str)]) -> Vec<(String, String)> {
    lots.iter().map(|it| (it.0.into(), it.1.into())).collect()
}

#[test]
fn a_corrected_record_draws_more_or_returns_to_its_lots() {
    let mut ledger = Ledger::of_a_shop();
    ledger.pay_in("soon", "5", "2026-04-01", Some("2026-06-01"));
    ledger.pay_in("late", "10", "2026-04-01", None);
    let record = ledger.tokens("2026-04-02", "8000");
    assert_eq!(ledger.settle_at(APRIL, "2026-04-02T00:00:05Z"), 1);
    assert_eq!(ledger.last_lots(), lots(&[("soon", "5"), ("late", "3")]));
    assert_eq!(ledger.settle_at(APRIL, "2026-04-02T00:00:05Z"), 0);
    assert_eq!(ledger.settle_at(APRIL, "2026-04-03"), 0);
    ledger.correct(record, "9500");
    assert_eq!(ledger.settle_at(APRIL, "2026-04-03"), 1);
    ledger.has_drawn(&[("tokens", "9500", "9.5")]);
    assert_eq!(ledger.last_lots(), lots(&[("late", "1.5")]));
    ledger.correct(record, "4000");
    // The later draw goes back whole, then a part of the earlier one, and how far is said last.
    assert_eq!(ledger.settle_at(APRIL, "2026-04-03"), 3);
    ledger.has_drawn(&[("tokens", "4000", "4")]);
    assert_eq!(ledger.left("2026-04-03"), parsed("11"));
    ledger.correct(record, "0");
    ledger.settle_at(APRIL, "2026-04-03");
    ledger.has_drawn(&[]);
    assert_eq!(ledger.left("2026-04-03"), parsed("15"));
}

#[test]
fn what_goes_back_settles_what_is_owed_first() {
    let mut ledger = Ledger::of_a_shop();
    ledger.pay_in("a", "5", "2026-04-01", None);
    let record = ledger.tokens("2026-04-02", "8000");
    ledger.settle_at(APRIL, "2026-04-03");
    assert_eq!(ledger.left("2026-04-03"), parsed("-3"));
    ledger.correct(record, "4000");
    assert_eq!(ledger.settle_at(APRIL, "2026-04-03"), 2);
    assert_eq!(ledger.left("2026-04-03"), parsed("1"));
    ledger.pay_in("b", "1", "2026-04-04", None);
    assert_eq!(ledger.left("2026-04-04"), parsed("2"));
}

#[test]
fn a_record_is_priced_by_what_was_known_when_it_was_recorded() {
    let mut ledger = Ledger::of_a_shop();
    let record = ledger.tokens("2026-04-20", "1000");
    // Paid in before the record, and recorded after it; a price of January, published now.
    ledger.pay_in("a", "5", "2026-04-01", None);
    ledger.set_price("tokens", "0.1", "2026-01-01", "2026-04-20");
    ledger.settle_at(APRIL, "2026-04-20T00:00:01Z");
    ledger.has_drawn(&[("tokens", "1000", "1")]);
    ledger.tokens("2026-04-20", "1000");
    ledger.settle_at(APRIL, "2026-04-20T00:00:02Z");
    ledger.has_drawn(&[("tokens", "2000", "51")]);
    ledger.correct(record, "2000");
    ledger.settle_at(APRIL, "2026-05-02");
    ledger.has_drawn(&[("tokens", "3000", "52")]);
}

#[test]
fn hours_are_drawn_up_to_the_settled_instant() {
    let mut ledger = Ledger::of_a_shop();
    ledger.pay_in("a", "50", "2026-04-01", None);
    ledger.discover("1", "2026-04-10", "droplet");
    ledger.link("shop", "2026-04-10", "1");
    assert_eq!(ledger.settle_at(APRIL, "2026-04-10T12:00:00Z"), 1);
    ledger.has_drawn(&[("droplet_hours", "12", "0.12")]);
    ledger.settle_at(APRIL, "2026-04-11T00:00:01Z");
    ledger.has_drawn(&[("droplet_hours", "24.000278", "0.24000277777777777778")]);
    // It was unlinked earlier than anybody said.
    ledger.unlink("shop", "2026-04-10T06:00:00Z", "1");
    ledger.settle_at(APRIL, "2026-04-12");
    ledger.has_drawn(&[("droplet_hours", "6", "0.06")]);
    let set = |value: &str| usage::GaugeSet {
        kind: parsed("gauge_hours"),
        value: parsed(value),
        deployment: None,
        resource: None,
    };
    ledger.tell(USAGE, "2026-04-29", set("2"));
    ledger.settle_at(APRIL, "2026-04-30");
    ledger.has_drawn(&[("droplet_hours", "6", "0.06"), ("gauge_hours", "48", "0.96")]);
    // The month ends, whenever it is settled after that.
    ledger.settle_at(APRIL, "2026-05-09");
    ledger.has_drawn(&[("droplet_hours", "6", "0.06"), ("gauge_hours", "96", "1.92")]);
    assert_eq!(ledger.settle_at(APRIL, "2026-05-10"), 0);
    // What stands at its end goes on in the next one: nine days at 2.
    assert_eq!(ledger.settle_at("2026-05", "2026-05-10"), 1);
    let may = ledger.drawn("2026-05").remove("gauge_hours").unwrap();
    assert_eq!((may.0, may.1), (parsed("432"), parsed("8.64")));
}

#[test]
fn a_rollup_settles_first_and_late_usage_draws_from_lots_alive_then() {
    let mut ledger = Ledger::of_a_shop();
    ledger.pay_in("gone", "50", "2026-04-01", Some("2026-05-10"));
    ledger.pay_in("kept", "50", "2026-04-01", None);
    ledger.tokens("2026-04-02", "3333");
    assert_eq!(ledger.roll_up("acme", APRIL), issued("INV-000001"));
    ledger.has_drawn(&[("tokens", "3333", "3.333")]);
    let april = ledger.issued("acme", APRIL);
    assert_eq!(april.document.lines.iter().map(tell).collect::<Vec<_>>(), ["usage 3333 - 3.33"]);
    assert_eq!((april.due.amount_text(), april.state()), ("0.00".to_owned(), State::Paid));
    let late = ledger.tokens("2026-04-30", "5000");
    ledger.tokens("2026-05-20", "1000");
    assert_eq!(ledger.roll_up("acme", "2026-05"), issued("INV-000002"));
    assert_eq!(ledger.left("2026-06-01"), parsed("47.25"));
    let may = ledger.issued("acme", "2026-05").document;
    let expected = ["usage 1000 - 0.25", "adjustment 5000 - 2.50"];
    assert_eq!(may.lines.iter().map(tell).collect::<Vec<_>>(), expected);
    assert!(ledger.audit("acme", "2026-05").unwrap().matches);
    // What was drawn for it goes back, and the next invoice gives nothing beside that.
    ledger.correct(late, "0");
    assert_eq!(ledger.roll_up("acme", "2026-06"), issued("CN-000001"));
    assert_eq!(ledger.left("2026-07-01"), parsed("49.75"));
    let account = ledger.heads("acme", APRIL).account;
    for (gone_at, it) in account.account().expire(at("2026-07-01")).unwrap() {
        ledger.tell(ACCOUNT, &gone_at.to_string(), it);
    }
    ledger.expect_postings(&[APRIL, "2026-05", "2026-06"]);
}

/// The total is above zero, so it is an invoice; what it asks for is below, and goes to credit.
#[test]
fn what_a_coupon_takes_off_drawn_usage_is_credit_given_by_an_invoice() {
    let mut ledger = Ledger::of_a_shop();
    ledger.pay_in("a", "10", "2026-04-01", None);
    let (discount, duration) = (Discount::Percent(parsed("50")), CouponDuration::Once);
    let terms = CouponTerms { name: parsed("Half"), discount, duration };
    ledger.tell(ACCOUNT, "2026-04-01", account::CouponApplied { coupon: parsed("HALF"), terms });
    ledger.tokens("2026-04-02", "10000");
    assert_eq!(ledger.roll_up("acme", APRIL), issued("INV-000001"));
    let april = ledger.issued("acme", APRIL);
    let expected = ["usage 10000 - 10.00", "discount 1 - -5.00"];
    assert_eq!(april.document.lines.iter().map(tell).collect::<Vec<_>>(), expected);
    assert_eq!((april.credit_applied, april.due), (aud("-5"), aud("0")));
    assert_eq!(april.state(), State::Paid);
    assert_eq!(ledger.left("2026-05-02"), parsed("5"));
    assert!(ledger.audit("acme", APRIL).unwrap().matches);
    ledger.expect_postings(&[APRIL]);
    // All of it free: nothing is asked for, and all that was drawn comes back.
    let mut ledger = Ledger::of_a_shop();
    ledger.pay_in("a", "10", "2026-04-01", None);
    let terms =
        CouponTerms { name: parsed("All"), discount: Discount::Percent(parsed("100")), duration };
    ledger.tell(ACCOUNT, "2026-04-01", account::CouponApplied { coupon: parsed("ALL"), terms });
    ledger.tokens("2026-04-02", "10000");
    assert_eq!(ledger.roll_up("acme", APRIL), issued("INV-000001"));
    assert_eq!(ledger.left("2026-05-02"), parsed("10"));
    ledger.expect_postings(&[APRIL]);
}

/// What is drawn counts towards a minimum, and only what is missing is asked for.
#[test]
fn a_minimum_of_a_prepaid_tenant_is_charged_once() {
    let mut ledger = Ledger::of_a_shop();
    let mut minimum = PlanVersion::clone(&seed().plans[0]);
    minimum.plan = parsed("minimum");
    minimum.charge = Charge::Monthly(aud("0"));
    minimum.items.clear();
    minimum.commitment = Some(Commitment { minimum: aud("10") });
    let published = catalog::PlanPublished { version: 1, plan: Box::new(minimum) };
    ledger.tell("catalog", "2026-03-01", published);
    ledger.subscribe("shop", "2026-04-01", "minimum");
    ledger.used("shop", "2026-04-02", "droplet_hours", "700");
    ledger.pay_in("a", "20", "2026-04-01", None);
    assert_eq!(ledger.roll_up("acme", APRIL), issued("INV-000001"));
    let april = ledger.issued("acme", APRIL);
    let expected = ["plan_base 1 month 0.00", "commitment 1 month 3.00", "usage 700 - 7.00"];
    assert_eq!(april.document.lines.iter().map(tell).collect::<Vec<_>>(), expected);
    assert_eq!((april.document.totals.gross, april.credit_applied), (aud("10"), aud("3")));
    assert_eq!(ledger.left("2026-05-02"), parsed("10"));
    // Late usage is drawn, and the minimum asks for that much less.
    ledger.used("shop", "2026-04-03", "droplet_hours", "200");
    ledger.roll_up("acme", "2026-05");
    let may = ledger.issued("acme", "2026-05");
    let expected =
        ["plan_base 1 month 0.00", "commitment 1 month 10.00", "adjustment 0 month -2.00"];
    let mut lines = may.document.lines.iter().map(tell).collect::<Vec<_>>();
    assert_eq!(lines.pop().unwrap(), "adjustment 200 - 2.00");
    assert_eq!(lines, expected);
    assert!(ledger.audit("acme", "2026-05").unwrap().matches);
    ledger.expect_postings(&[APRIL, "2026-05"]);
}

#[test]
fn what_was_read_before_the_last_draw_is_read_again() {
    let mut ledger = Ledger::of_a_shop();
    ledger.tokens("2026-04-02", "1000");
    let before = ledger.basis("acme", APRIL);
    ledger.tokens("2026-04-02", "1000");
    ledger.settle_at(APRIL, "2026-04-03");
    let account = ledger.heads("acme", APRIL).account;
    let actor = terms().actor;
    let settling =
        Settling { basis: &before, account: &account, actor: &actor, now: at("2026-04-03") };
    assert_eq!(settle(&settling), Ok(SettleStep::Gather));
    ledger.register("bob", Settlement::Invoiced, false);
    let basis = ledger.basis("bob", APRIL);
    assert_eq!(settle(&Settling { basis: &basis, ..settling }), Ok(SettleStep::Done));
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Act {
    /// So many thousandths of tokens were used, so many hours ago.
    Use(u32, i64, bool),
    /// One of the records was wrong.
    Correct(Index, u32),
    Gauge(u8),
    Link(bool),
    /// Cents, and how many days before now they are said to have been paid.
    PayIn(u32, i64),
    /// In thousandths, and since how many days before now.
    SetPrice(u16, i64),
    Pass(i64),
    Settle,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..9_000_000_u32, 0..200_i64, any::<bool>())
            .prop_map(|it| Act::Use(it.0, it.1, it.2)),
        2 => (any::<Index>(), prop_oneof![Just(0), 0..9_000_000_u32])
            .prop_map(|it| Act::Correct(it.0, it.1)),
        1 => (0..3_u8).prop_map(Act::Gauge),
        1 => any::<bool>().prop_map(Act::Link),
        1 => (1..9_000_u32, 0..40_i64).prop_map(|it| Act::PayIn(it.0, it.1)),
        1 => (0..900_u16, 0..40_i64).prop_map(|it| Act::SetPrice(it.0, it.1)),
        4 => (0..400_000_i64).prop_map(Act::Pass),
        4 => Just(Act::Settle),
    ]
}

/// What the histories come to, counted without a draw: each record once, with what was known then.
struct Model {
    now: Timestamp,
    /// Thousandths of tokens, and what each costs after its tier.
    records: Vec<(Revision, u32, Ratio)>,
    /// Thousandths, and since when.
    prices: Vec<(Timestamp, u16)>,
    first_paid_at: Option<Timestamp>,
    paid: Exact,
    gauge: u8,
    gauge_micros: i64,
    is_linked: bool,
    linked_micros: i64,
}

impl Model {
    fn price_at(&self, when: Timestamp, is_llm: bool) -> Ratio {
        let holds = self.prices.iter().filter(|it| it.0 <= when);
        let price = holds.max_by_key(|it| it.0).map_or(0, |it| it.1);
        let paid_for = self.first_paid_at.map_or(-1, |it| when.micros_since(it));
        let share = match paid_for / 86_400_000_000 {
            30.. if is_llm => 4,
            7.. if is_llm => 2,
            _ => 1,
        };
        Ratio::new(i128::from(price), 1000 * share).unwrap()
    }

    fn pass(&mut self, seconds: i64, ends_at: Timestamp) {
        let then = self.now.plus_seconds(seconds).unwrap();
        let micros = then.min(ends_at).micros_since(self.now).max(0);
        self.gauge_micros += i64::from(self.gauge) * micros;
        self.linked_micros += i64::from(self.is_linked) * micros;
        self.now = then;
    }

    fn owed(&self) -> BTreeMap<String, Exact> {
        let tokens = self.records.iter().try_fold(Ratio::ZERO, |sum, (_, quantity, price)| {
            sum.checked_add(Ratio::new(i128::from(*quantity), 1000)?.checked_mul(*price)?)
        });
        let hours =
            |micros: i64, cents: i128| Ratio::new(i128::from(micros) * cents, 360_000_000_000);
        let owed = [
            ("tokens", tokens.unwrap()),
            ("droplet_hours", hours(self.linked_micros, 1).unwrap()),
            ("gauge_hours", hours(self.gauge_micros, 2).unwrap()),
        ];
        let exact = owed.map(|(kind, it)| {
            (kind.to_owned(), it.round(Exact::SCALE_MAX, Rounding::default()).unwrap())
        });
        exact.into_iter().filter(|it| !it.1.is_zero()).collect()
    }
}

fn play(acts: &[Act], settles: bool) -> (Ledger, Model) {
    let mut ledger = Ledger::of_a_shop();
    let april = parsed::<BillingPeriod>(APRIL);
    let mut model = Model {
        now: at("2026-04-03"),
        records: Vec::new(),
        prices: vec![(at("2026-01-01"), 1)],
        first_paid_at: None,
        paid: Exact::ZERO,
        gauge: 0,
        gauge_micros: 0,
        is_linked: false,
        linked_micros: 0,
    };
    ledger.now = Some(model.now);
    ledger.discover("1", "2026-04-01", "droplet");
    for (place, act) in acts.iter().enumerate() {
        let now = model.now.to_string();
        let ago = |seconds: i64| model.now.plus_seconds(-seconds).unwrap();
        let is_over = model.now >= april.ends_at();
        match act {
            Act::Use(quantity, hours, is_llm) => {
                let last = april.ends_at().plus_seconds(-1).unwrap();
                let when = ago(hours * 3600).max(april.starts_at()).min(last);
                let recorded = usage::Recorded {
                    kind: parsed("tokens"),
                    quantity: Quantity::new(Exact::new(i128::from(*quantity), 3).unwrap()).unwrap(),
                    unit: None,
                    category: Some(parsed(if *is_llm { "llm" } else { "vm" })),
                    deployment: None,
                    resource: None,
                };
                let revision = ledger.tell(USAGE, &when.to_string(), recorded);
                model.records.push((revision, *quantity, model.price_at(when, *is_llm)));
            }
            Act::Correct(index, quantity) if !model.records.is_empty() => {
                let place = index.index(model.records.len());
                let exact = Exact::new(i128::from(*quantity), 3).unwrap();
                let quantity_of = Quantity::new(exact).unwrap();
                let record = model.records[place].0;
                let corrected = usage::Corrected { record, quantity: quantity_of };
                ledger.tell(USAGE, &now, corrected);
                model.records[place].1 = *quantity;
            }
            Act::Gauge(value) if !is_over => {
                let gauge = usage::GaugeSet {
                    kind: parsed("gauge_hours"),
                    value: Quantity::whole(u32::from(*value)),
                    deployment: None,
                    resource: None,
                };
                ledger.tell(USAGE, &now, gauge);
                model.gauge = *value;
            }
            Act::Link(is_linked) if !is_over => {
                if *is_linked && !model.is_linked {
                    ledger.link("shop", &now, "1");
                } else if !is_linked && model.is_linked {
                    ledger.unlink("shop", &now, "1");
                }
                model.is_linked = *is_linked;
            }
            Act::PayIn(cents, days) => {
                let amount = Exact::new(i128::from(*cents), 2).unwrap();
                let when = ago(days * 86_400);
                ledger.pay_in(
                    &format!("lot-{place}"),
                    &amount.to_string(),
                    &when.to_string(),
                    None,
                );
                model.first_paid_at = model.first_paid_at.or(Some(when));
                model.paid = model.paid.checked_add(amount).unwrap();
            }
            Act::SetPrice(of, days) => {
                let (since, price) = (ago(days * 86_400), Exact::new(i128::from(*of), 3).unwrap());
                ledger.set_price("tokens", &price.to_string(), &since.to_string(), &now);
                // Of several at one instant the later recorded holds.
                model.prices.push((since, *of));
            }
            Act::Pass(seconds) => {
                model.pass(*seconds, april.ends_at());
                ledger.now = Some(model.now);
            }
            Act::Settle if settles => {
                ledger.settle_at(APRIL, &now);
                assert_eq!(ledger.settle_at(APRIL, &now), 0);
            }
            Act::Correct(..) | Act::Gauge(_) | Act::Link(_) | Act::Settle => (),
        }
    }
    let over = at("2026-05-01T03:00:00Z").micros_since(model.now).max(0) / 1_000_000 + 1;
    model.pass(over, april.ends_at());
    ledger.now = Some(model.now);
    (ledger, model)
}

proptest! {
    #![proptest_config(testing::cases(1_000))]

    /// Settled at whatever instants or never, the draws come to what the usage costs, each record
    /// by what was known with it; the invoice is their sum, rounded once; and credit is what was
    /// paid in less that.
    #[test]
    fn however_it_was_settled_the_draws_are_what_the_usage_costs(
        acts in proptest::collection::vec(act(), 0..25),
        settles in any::<bool>(),
    ) {
        let (mut ledger, model) = play(&acts, settles);
        let now = model.now.to_string();
        ledger.ask_at("acme", APRIL, Ask::RollUp, &now).unwrap();
        prop_assert_eq!(ledger.settle_at(APRIL, &now), 0);
        for it in ledger.invoices_of("acme", APRIL).documents() {
            let verdict = ledger.audit_of(("acme", APRIL), it, &["shop"]).unwrap();
            prop_assert!(verdict.matches, "{}", verdict);
        }
        let drawn = ledger.drawn(APRIL);
        let amounts = drawn.iter().map(|(kind, it)| (kind.clone(), it.1));
        let amounts = amounts.filter(|it| !it.1.is_zero()).collect::<BTreeMap<_, _>>();
        prop_assert_eq!(&amounts, &model.owed());
        let lines = ledger.invoices_of("acme", APRIL);
        let lines = lines.rolled_up().map_or(Vec::new(), |it| it.document.lines.clone());
        let charged = lines.iter().map(|it| {
            let kind = it.resource_kind.as_ref().unwrap().to_string();
            (kind, (it.quantity.get(), it.amount))
        });
        let exact = |it: Exact| Money::new(it, Currency::AUD);
        let rounded = |it: Exact| exact(it).rounded(Rounding::default()).unwrap();
        let expected = drawn.into_iter().map(|(kind, it)| (kind, (it.0, rounded(it.1))));
        prop_assert_eq!(
            charged.collect::<BTreeMap<_, _>>(),
            expected.collect::<BTreeMap<_, _>>()
        );
        let spent = amounts.values().try_fold(Exact::ZERO, |sum, it| sum.checked_add(*it));
        prop_assert_eq!(Ok(ledger.left(&now)), model.paid.checked_sub(spent.unwrap()));
    }
}
