//! Any order and any repetition of what a gateway says ends in the same standing and the same sums,
//! held to a model that looks at the set of notices and counts cents in plain integers.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::money::Currency;
use crate::testing::cases;
use crate::testing::values::{cents, exact};

const OBJECTS: usize = 4;
const INVOICES: usize = 3;

/// What the gateway knows of a payment.
#[derive(Debug, Clone)]
struct Object {
    cents: i128,
    invoice: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Succeeded,
    Failed,
    Refunded(i128),
    /// One of two refunds, the larger by its number, did not arrive.
    RefundFailed(u8),
    Disputed,
    Reinstated,
}

/// One event of the gateway; some leave out whose it is, or for which invoice.
#[derive(Debug, Clone, Copy)]
struct Said {
    object: usize,
    word: Word,
    half_days: i64,
    names_customer: bool,
    names_invoice: bool,
}

#[derive(Debug, Clone)]
struct Case {
    totals: Vec<i128>,
    objects: Vec<Object>,
    before: Vec<Said>,
    between: Vec<Said>,
    ticks: (i64, i64),
}

fn said() -> impl Strategy<Value = Said> {
    let word = prop_oneof![
        3 => Just(Word::Succeeded),
        4 => Just(Word::Failed),
        2 => (1..150_i128).prop_map(Word::Refunded),
        1 => (1..3_u8).prop_map(Word::RefundFailed),
        1 => Just(Word::Disputed),
        1 => Just(Word::Reinstated),
    ];
    (0..OBJECTS, word, 0..40_i64, any::<bool>(), any::<bool>()).prop_map(
        |(object, word, half_days, names_customer, names_invoice)| Said {
            object,
            word,
            half_days,
            names_customer,
            names_invoice,
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    let object = (1..300_i128, proptest::option::weighted(0.9, 0..INVOICES));
    let object = object.prop_map(|(cents, invoice)| Object { cents, invoice });
    let totals = proptest::collection::vec(1..300_i128, INVOICES);
    let objects = proptest::collection::vec(object, OBJECTS);
    let some = || proptest::collection::vec(said(), 0..9);
    (totals, objects, some(), some(), (0..60_i64, 0..60_i64)).prop_map(
        |(totals, objects, before, between, (first, more))| Case {
            totals,
            objects,
            before,
            between,
            ticks: (first, first + more),
        },
    )
}

/// Amounts as gateways have them, and as nobody has them.
fn amount() -> impl Strategy<Value = Exact> {
    prop_oneof![
        3 => cents(Currency::AUD).prop_map(|it| it.amount().magnitude()),
        1 => exact().prop_map(Exact::magnitude),
    ]
}

/// How a delivery goes: which notice, whether it is cut off, how many steps run after it.
fn disorder() -> impl Strategy<Value = Vec<(Index, bool, u8)>> {
    proptest::collection::vec((any::<Index>(), any::<bool>(), 0..3_u8), 0..14)
}

/// The same events as gateways say them since 2025: a failure names the invoice and no payment, all
/// else names the payment and no invoice, and a success has a second word that names both.
fn since_2025(case: &Case, place: usize, said: Said) -> Vec<Notice> {
    let notice = case.notice(place, said);
    let Some(invoice) = notice.gateway_invoice.clone() else { return vec![notice] };
    let Outcome::Payment { object, amount, change } = notice.outcome.clone() else {
        return vec![notice];
    };
    let bare = Notice { gateway_invoice: None, ..notice.clone() };
    match change {
        Change::Failed { .. } => {
            let outcome = Outcome::Payment { object: invoice, amount, change };
            vec![Notice { outcome, ..notice }]
        }
        Change::Succeeded => {
            let change = Change::SucceededFor;
            let outcome = Outcome::Payment { object, amount, change };
            vec![bare, Notice { id: parsed(&format!("evt_{place}_for")), outcome, ..notice }]
        }
        Change::SucceededFor
        | Change::Refunded
        | Change::RefundFailed { .. }
        | Change::Disputed { .. }
        | Change::Reinstated { .. } => vec![bare],
    }
}

impl Case {
    fn notice(&self, place: usize, said: Said) -> Notice {
        let Object { cents, invoice } = self.objects[said.object];
        let (cents, change) = match said.word {
            Word::Succeeded => (cents, Change::Succeeded),
            Word::Failed => (cents, FAILED),
            Word::Refunded(part) => (part, Change::Refunded),
            Word::RefundFailed(which) => {
                let refund = parsed(&format!("re_{which}"));
                (i128::from(which) * 20, Change::RefundFailed { refund })
            }
            Word::Disputed => (cents, DISPUTED),
            Word::Reinstated => (cents, REINSTATED),
        };
        let (id, object) = (format!("evt_{place}"), format!("pi_{}", said.object));
        let at = hour(said.half_days * 12);
        let invoice = invoice.filter(|_| said.names_invoice);
        Notice {
            customer: said.names_customer.then(|| parsed("cus_1")),
            gateway_invoice: invoice.map(|it| parsed(&format!("in_A-{it}"))),
            ..notice(&id, &object, cents, at, change)
        }
    }

    fn world(&self) -> World {
        let mut world = World::new();
        for (place, total) in self.totals.iter().enumerate() {
            world.issue(&format!("A-{place}"), u8::try_from(place).unwrap() + 1, *total);
        }
        world
    }
}

/// What the model says of one payment, from the set of what was said of it.
#[derive(Debug, Default)]
struct Told {
    is_known: bool,
    is_linked: bool,
    succeeded: bool,
    failed: Option<i64>,
    refunded: i128,
    failures: BTreeSet<u8>,
    disputed: bool,
    reinstated: bool,
}

/// What is kept of each payment that is the tenant's, and how the tenant stands.
fn model(case: &Case, said: &[Said], before: Standing, now: i64) -> (i128, Standing) {
    let mut told = BTreeMap::<usize, Told>::new();
    for said in said {
        let of = told.entry(said.object).or_default();
        let is_linked = said.names_invoice && case.objects[said.object].invoice.is_some();
        of.is_known |= said.names_customer || is_linked;
        of.is_linked |= is_linked;
        match said.word {
            Word::Succeeded => of.succeeded = true,
            Word::Failed => {
                of.failed = Some(of.failed.map_or(said.half_days, |it| it.min(said.half_days)));
            }
            Word::Refunded(part) => of.refunded += part,
            Word::RefundFailed(which) => {
                of.failures.insert(which);
            }
            Word::Disputed => of.disputed = true,
            Word::Reinstated => of.reinstated = true,
        }
    }
    told.retain(|_, it| it.is_known);
    let (mut kept, mut due, mut clocks) = (0, case.totals.clone(), [None; INVOICES]);
    for (place, of) in &told {
        let Object { cents, invoice } = case.objects[*place];
        let disputed = if of.disputed && !of.reinstated { cents } else { 0 };
        let arrived = of.failures.iter().map(|it| i128::from(*it) * 20).sum::<i128>();
        let refunded = (of.refunded - arrived).max(0);
        let rest = if of.succeeded { (cents - refunded - disputed).max(0) } else { 0 };
        kept += rest;
        if let Some(invoice) = invoice.filter(|_| of.is_linked) {
            due[invoice] -= rest;
            if let Some(failed) = of.failed.filter(|_| !of.succeeded) {
                let clock: &mut Option<i64> = &mut clocks[invoice];
                *clock = Some(clock.map_or(failed, |it| it.min(failed)));
            }
        }
    }
    let past_due = due.iter().zip(clocks).filter(|(due, _)| **due > 0);
    let standing = match past_due.filter_map(|(_, clock)| clock).next() {
        None => Standing::Good,
        Some(_) if before == Standing::Suspended => before,
        Some(clock) if now - clock >= 28 => Standing::Suspended,
        Some(clock) if now - clock >= 14 => Standing::FinalWarning,
        Some(_) => Standing::Warned,
    };
    (kept, standing)
}

/// Delivers in disorder, cut off here and there and repeated; then once more, as gateways do that
/// were not answered.
fn deliver(world: &mut World, notices: &[Notice], disorder: &[(Index, bool, u8)]) {
    if notices.is_empty() {
        return;
    }
    for (index, cut, steps) in disorder {
        world.deliver(index.get(notices), *cut);
        for _ in 0..*steps {
            // A tick that is cut off: what it had come to stands in the log, and nowhere else.
            let (anew, tenant) = (world.rebuilt(), tenant());
            if let Some((_, append)) = next_settled(&anew.books(&tenant)).unwrap() {
                world.append(&append);
            }
        }
    }
    let mut delivered = BTreeSet::new();
    for (index, ..) in disorder.iter().rev() {
        if delivered.insert(index.index(notices.len())) {
            world.deliver(index.get(notices), false);
        }
    }
    for (place, notice) in notices.iter().enumerate() {
        if !delivered.contains(&place) {
            world.deliver(notice, false);
        }
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn any_order_and_repetition_ends_in_the_same_standing_and_sums(
        case in case(),
        first in disorder(),
        second in disorder(),
    ) {
        let mut world = case.world();
        let all = case.before.iter().chain(&case.between).copied().collect::<Vec<_>>();
        let notices = all.iter().enumerate().map(|(place, it)| case.notice(place, *it));
        let notices = notices.collect::<Vec<_>>();
        let (before, between) = notices.split_at(case.before.len());
        let (first_tick, second_tick) = case.ticks;

        deliver(&mut world, before, &first);
        let standing = world.tick(hour(first_tick * 12));
        let (_, expected) = model(&case, &case.before, Standing::Good, first_tick);
        prop_assert_eq!(standing, expected);

        deliver(&mut world, between, &second);
        let standing = world.tick(hour(second_tick * 12));
        let (kept, expected) = model(&case, &all, expected, second_tick);
        prop_assert_eq!(standing, expected);
        let shop = match standing {
            Standing::Good => State::Active,
            Standing::Warned | Standing::FinalWarning => State::PastDue,
            Standing::Suspended => State::Suspended,
        };
        prop_assert_eq!((world.state("shop"), world.state("kept")), (shop, State::Active));

        // Every cent kept is on an invoice or in credit, less what refunds could not get.
        let paid = case.totals.iter().enumerate();
        let paid = paid.map(|(place, total)| {
            aud(*total).checked_sub(world.due(&format!("A-{place}"))).unwrap()
        });
        let paid = Money::sum(parsed("AUD"), paid).unwrap().amount();
        let balance = world.balance(hour(second_tick * 12));
        prop_assert_eq!(paid.checked_add(balance).unwrap(), aud(kept).amount());

        // Said again, ticked again, started anew: nothing more.
        let events = world.log.len();
        notices.iter().for_each(|it| world.deliver(it, false));
        world.tick(hour(second_tick * 12));
        prop_assert_eq!(world.log.len(), events);
        prop_assert_eq!(world.rebuilt(), world);
    }

    /// The same history in the words of before 2025 and of since: the same standing, the same sums.
    #[test]
    fn both_shapes_of_a_history_end_the_same(
        case in case(),
        first in disorder(),
        second in disorder(),
    ) {
        // Each payment is for an invoice of its own, and everything that is said of it says whose
        // and for which: what is left out would not be the same facts.
        let named = |it: &Said| {
            let all = Said { names_customer: true, names_invoice: true, ..*it };
            (all.object < INVOICES).then_some(all)
        };
        let said = case.before.iter().chain(&case.between).filter_map(named).collect::<Vec<_>>();
        let objects = case.objects.iter().enumerate();
        let objects = objects.map(|(place, it)| {
            let invoice = Some(place).filter(|it| *it < INVOICES);
            Object { invoice, ..it.clone() }
        });
        let case = Case { objects: objects.collect(), ..case };
        let middle = case.before.iter().filter_map(named).count();
        let spell = |range: std::ops::Range<usize>, is_new: bool| {
            let all = said.iter().enumerate().filter(|(place, _)| range.contains(place));
            let spelled = all.map(|(place, it)| {
                if is_new { since_2025(&case, place, *it) } else { vec![case.notice(place, *it)] }
            });
            spelled.flatten().collect::<Vec<_>>()
        };
        let (mut old, mut new) = (case.world(), case.world());
        let (first_tick, second_tick) = case.ticks;
        let before = (0..middle, &first, first_tick);
        let between = (middle..said.len(), &second, second_tick);
        for (range, order, tick) in [before, between] {
            deliver(&mut old, &spell(range.clone(), false), order);
            deliver(&mut new, &spell(range, true), order);
            let now = hour(tick * 12);
            prop_assert_eq!(old.tick(now), new.tick(now));
            for place in 0..INVOICES {
                let number = format!("A-{place}");
                prop_assert_eq!(old.due(&number), new.due(&number), "{}", number);
            }
            prop_assert_eq!(old.balance(now), new.balance(now));
            prop_assert_eq!(old.account.dunning(), new.account.dunning());
        }
    }

    /// One payment of several invoices: each gets its share as far as it asks, in order of the
    /// gateway's ids, the rest is credit, and what went back is missing from the last.
    #[test]
    fn a_payment_is_divided_among_its_invoices_the_same_in_any_order(
        (totals, shares) in (
            proptest::collection::vec(1..300_i128, INVOICES),
            proptest::collection::vec(proptest::option::of(1..300_i128), INVOICES),
        ),
        beyond in 0..100_i128,
        refunded in proptest::option::of(1..600_i128),
        fails in any::<bool>(),
        order in disorder(),
    ) {
        let mut world = World::new();
        for (place, total) in totals.iter().enumerate() {
            world.issue(&format!("A-{place}"), u8::try_from(place).unwrap() + 1, *total);
        }
        let whole = shares.iter().flatten().sum::<i128>() + beyond;
        let of = |id: String, cents, change| Notice {
            customer: Some(parsed("cus_1")),
            ..notice(&id, "pi_1", cents, hour(1), change)
        };
        let mut notices = vec![of("evt_whole".into(), whole.max(1), Change::Succeeded)];
        for (place, share) in shares.iter().enumerate() {
            let share = share.map(|it| of(format!("evt_{place}"), it, Change::SucceededFor));
            notices.extend(share.map(|it| Notice {
                gateway_invoice: Some(parsed(&format!("in_A-{place}"))),
                ..it
            }));
        }
        notices.extend(refunded.map(|it| of("evt_back".into(), it, Change::Refunded)));
        if let Some(refunded) = refunded.filter(|_| fails) {
            let refund = Change::RefundFailed { refund: parsed("re_1") };
            notices.push(of("evt_failed".into(), refunded, refund.clone()));
            notices.push(of("evt_failed_again".into(), refunded, refund));
        }
        deliver(&mut world, &notices, &order);
        world.tick(hour(2));

        let back = refunded.filter(|_| !fails).unwrap_or(0);
        let mut left = (whole.max(1) - back).max(0);
        for (place, (total, share)) in totals.iter().zip(&shares).enumerate() {
            let paid = share.unwrap_or(0).min(*total).min(left);
            left -= paid;
            prop_assert_eq!(world.due(&format!("A-{place}")), aud(total - paid));
        }
        prop_assert_eq!(world.balance(hour(2)), aud(left).amount());
        let mut journal = crate::postings::Journal::default();
        let mut cash = Vec::new();
        for record in &world.log {
            let (folded, entry) = journal.fold(record).unwrap();
            journal = folded;
            cash.extend(entry.into_iter().flat_map(|it| it.postings));
        }
        let cash = cash.into_iter();
        let cash = cash.filter(|it| it.account == crate::postings::Account::Cash);
        let back = refunded.filter(|_| !fails).unwrap_or(0);
        let kept = Money::sum(parsed("AUD"), cash.map(|it| it.amount));
        prop_assert_eq!(kept, Ok(aud(whole.max(1) - back)));
    }

    /// However large or fine the amounts: what is booked can be folded, and settling it ends or
    /// says why it cannot.
    #[test]
    fn no_amount_makes_it_panic(
        said in proptest::collection::vec((said(), amount()), 0..12),
        total in cents(Currency::AUD),
    ) {
        let case = Case {
            totals: vec![1; INVOICES],
            objects: vec![Object { cents: 1, invoice: Some(0) }; OBJECTS],
            before: Vec::new(),
            between: Vec::new(),
            ticks: (0, 0),
        };
        let mut world = World::new();
        world.issue("A-0", 1, 1);
        let mut large = Issued::exemplar();
        large.document.number = parsed("A-9");
        large.document.totals.gross = total.magnitude();
        large.credit_applied = aud(0);
        world.tell("invoice-acme.2026-09", day(0), large);
        world.map("in_A-0", Some("A-9"));
        for (place, (said, amount)) in said.into_iter().enumerate() {
            let mut notice = case.notice(place, said);
            if let Outcome::Payment { amount: of, .. } = &mut notice.outcome {
                *of = Money::new(amount, Currency::AUD);
            }
            if let Ok(events) = world.account.book(&notice, None) {
                world.record(&Stream::Account(tenant()), notice.occurred_at, events);
            }
        }
        let tenant = tenant();
        let mut steps = 0;
        while let Ok(Some((_, append))) = next_settled(&world.books(&tenant)) {
            world.append(&append);
            steps += 1;
            prop_assert!(steps < 100, "it settles for ever");
        }
    }
}
