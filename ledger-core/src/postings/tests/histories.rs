//! Whole histories of one tenant: what the postings say is what the views say.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::billing::{InvoiceFold, IssuedDocument};
use crate::decide::account::{Account as Decided, UsageDue};
use crate::event::account::{
    CreditChargedBack, CreditDrawn, CreditRefunded, CreditToppedUp, KindAmount, Party,
    PlanPurchased, Settlement, TenantRegistered,
};
use crate::event::enforcement::{PaymentFacts, PaymentRefunded, PaymentSucceeded};
use crate::event::invoice::{
    CreditNoteIssued, DebitNoteIssued, Issued, LineKind, MarkedUncollectible, PaymentApplied,
    Provenance, Totals, Voided,
};
use crate::id::{Actor, EventId, LedgerId, LotId, Note, Role};
use crate::money::{Quantity, Rounding};

const ACCOUNT: &str = "account-acme";
const INVOICE: &str = "invoice-acme.2026-04";

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn aud(amount: &str) -> Money {
    Money::parse(amount, Currency::AUD).unwrap()
}

/// Events as they come, and what they posted.
#[derive(Default)]
struct Told {
    journal: Journal,
    entries: Vec<Entry>,
    revisions: BTreeMap<Stream, u64>,
    position: u64,
}

impl Told {
    fn record(&mut self, stream: &str, event: impl Into<Event>) -> Record {
        self.record_at(now(), stream, event)
    }

    fn record_at(&mut self, at: Timestamp, stream: &str, event: impl Into<Event>) -> Record {
        let (stream, event) = (parsed::<Stream>(stream), event.into());
        assert!(event.belongs_in(&stream), "{} in {stream}", event.wire_name());
        let count = self.revisions.entry(stream.clone()).or_default();
        let revision = Revision::new(*count);
        *count += 1;
        self.position += 1;
        Record {
            position: Position::new(self.position),
            id: EventId::derive_placed(&LedgerId::from_bytes([7; 16]), &stream, revision),
            stream,
            revision,
            occurred_at: at,
            recorded_at: now(),
            actor: Actor { who: parsed("test"), role: Role::Operator },
            causation: None,
            correlation: None,
            key: None,
            fingerprint: None,
            event,
            written: None,
        }
    }

    fn take(&mut self, record: &Record) {
        let (journal, entry) = std::mem::take(&mut self.journal).fold(record).unwrap();
        self.journal = journal;
        self.entries.extend(entry);
    }

    fn balance(&self, account: Account) -> Money {
        let balances = balances(&self.entries).unwrap();
        let of = balances.iter().filter(|it| it.0.0 == account).map(|it| *it.1);
        Money::sum(Currency::AUD, of).unwrap()
    }
}

/// One thing that happens, with amounts in hundredths of a cent or in cents.
#[derive(Debug, Clone)]
enum Act {
    TopUp(i64, bool),
    Use(i64),
    Buy(i64),
    Return(Index, i64),
    Refund(Index, i64),
    ChargeBack(Index, i64),
    Expire,
    Issue { asks: i64, tax: i64 },
    Pay(Index, i64),
    Note(Index, i64),
    Debit(i64),
    Void(Index),
    GiveUp(Index),
}

fn act() -> impl Strategy<Value = Act> {
    let fine = || 1_i64..50_000;
    let picked = move || (any::<Index>(), fine());
    prop_oneof![
        3 => (fine(), any::<bool>()).prop_map(|it| Act::TopUp(it.0, it.1)),
        2 => fine().prop_map(Act::Use),
        1 => fine().prop_map(Act::Buy),
        1 => picked().prop_map(|it| Act::Return(it.0, it.1)),
        1 => picked().prop_map(|it| Act::Refund(it.0, it.1)),
        1 => picked().prop_map(|it| Act::ChargeBack(it.0, it.1)),
        1 => Just(Act::Expire),
        3 => (-500_i64..500, 0_i64..50).prop_map(|(asks, tax)| Act::Issue { asks, tax }),
        2 => (any::<Index>(), 1_i64..500).prop_map(|it| Act::Pay(it.0, it.1)),
        1 => (any::<Index>(), 1_i64..500).prop_map(|it| Act::Note(it.0, it.1)),
        1 => (1_i64..500).prop_map(Act::Debit),
        1 => any::<Index>().prop_map(Act::Void),
        1 => any::<Index>().prop_map(Act::GiveUp),
    ]
}

fn fine(units: i64) -> Money {
    aud(&format!("{}.{:04}", units / 10_000, units % 10_000))
}

fn cents(units: i64) -> Money {
    Money::from_minor(i128::from(units), Currency::AUD).unwrap()
}

fn now() -> Timestamp {
    parsed("2026-04-20T00:00:00Z")
}

/// The journal, and beside it the views of the same events.
struct World {
    told: Told,
    account: Decided,
    invoice: InvoiceFold,
    lots: Vec<LotId>,
    draws: Vec<(Revision, CreditDrawn)>,
    drawn: Money,
    taken_up: Money,
    taken_by: BTreeMap<InvoiceNumber, Money>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            told: Told::default(),
            account: Decided::default(),
            invoice: InvoiceFold::of(parsed("acme"), parsed("2026-04")),
            lots: Vec::new(),
            draws: Vec::new(),
            drawn: aud("0"),
            taken_up: aud("0"),
            taken_by: BTreeMap::new(),
        };
        let registered = TenantRegistered {
            name: parsed("Acme"),
            currency: Currency::AUD,
            settlement: Settlement::Prepaid,
            internal: false,
        };
        world.happen(ACCOUNT, registered);
        world
    }

    fn happen(&mut self, stream: &str, event: impl Into<Event>) {
        self.happen_at(now(), stream, event);
    }

    fn happen_at(&mut self, at: Timestamp, stream: &str, event: impl Into<Event>) {
        let record = self.told.record_at(at, stream, event);
        if stream == ACCOUNT {
            self.account = std::mem::take(&mut self.account).fold(&record).unwrap();
            if let Event::Account(account::Event::CreditDrawn(it)) = &record.event
                && let DrawPurpose::Usage { .. } = it.purpose
            {
                self.draws.push((record.revision, it.clone()));
            }
        } else {
            self.invoice = self.invoice.clone().fold(&record).unwrap();
        }
        self.told.take(&record);
    }

    fn decided<E>(&mut self, answer: Result<Vec<Event>, E>) {
        for event in answer.unwrap_or_default() {
            self.happen(ACCOUNT, event);
        }
    }

    fn picked(&self, index: Index, is_untouched: bool) -> Option<InvoiceNumber> {
        let fits = |it: &&IssuedDocument| !it.is_void() && (!is_untouched || it.is_untouched());
        let all = self.invoice.invoices().filter(fits).collect::<Vec<_>>();
        (!all.is_empty()).then(|| index.get(&all).document.number.clone())
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::TopUp(amount, expires) => {
                let lot = format!("lot-{}", self.lots.len());
                let mut it = top_up(&lot, fine(amount), paid_by(&lot));
                it.expires_at = expires.then(|| parsed("2026-06-01T00:00:00Z"));
                self.lots.push(it.lot.clone());
                self.decided(self.account.top_up(&it, now()));
            }
            Act::Use(amount) => {
                self.drawn = self.drawn.checked_add(fine(amount)).unwrap();
                let (period, reached) =
                    (parsed("2026-04"), Some(Revision::new(self.told.position)));
                let (kind, quantity) = (parsed("vm_hour"), Quantity::ZERO);
                let before = self.account.credit().drawn_in(period).unwrap();
                let before = before.get(&kind).copied().unwrap_or_default();
                let due = fine(amount).checked_add(Money::new(before, Currency::AUD)).unwrap();
                let kinds = vec![KindAmount { kind, quantity, amount: due }];
                let due = UsageDue { period, reached, kinds };
                self.decided(self.account.settle_usage(&due, now()));
            }
            Act::Buy(amount) => self.buy(fine(amount)),
            Act::Return(index, amount) if !self.draws.is_empty() => {
                let (draw, drawn) = index.get(&self.draws).clone();
                let answer = self.account.return_draw(
                    (draw, &drawn),
                    fine(amount),
                    Vec::new(),
                    parsed("back"),
                );
                if answer.is_ok() {
                    self.drawn = self.drawn.checked_sub(fine(amount)).unwrap();
                }
                self.decided(answer);
            }
            Act::Refund(index, amount) if !self.lots.is_empty() => {
                let lot = index.get(&self.lots).clone();
                self.decided(self.account.refund(&lot, fine(amount), parsed("asked"), now()));
            }
            Act::ChargeBack(index, amount) if !self.lots.is_empty() => {
                let (lot, gateway) = (index.get(&self.lots).clone(), parsed("stripe"));
                let object = parsed(&format!("dp_{}", self.told.position));
                let back = CreditChargedBack { lot, amount: fine(amount), gateway, object };
                self.decided(self.account.charge_back(&back, now()));
            }
            Act::Return(..) | Act::Refund(..) | Act::ChargeBack(..) => (),
            Act::Expire => {
                let expired = self.account.expire(parsed("2026-07-01T00:00:00Z")).unwrap();
                for (gone_at, event) in expired {
                    self.happen_at(gone_at, ACCOUNT, event);
                }
            }
            Act::Issue { .. }
            | Act::Pay(..)
            | Act::Note(..)
            | Act::Debit(_)
            | Act::Void(_)
            | Act::GiveUp(_) => self.act_on_documents(act),
        }
    }

    fn act_on_documents(&mut self, act: Act) {
        match act {
            Act::Issue { asks, tax } => self.issue(cents(asks), cents(tax)),
            Act::Note(index, amount) => self.note(index, cents(amount)),
            Act::Pay(index, amount) => {
                let Some(number) = self.picked(index, false) else { return };
                let payment = PaymentSource::Operator { reference: parsed("bank") };
                let amount = cents(amount);
                self.happen(INVOICE, PaymentApplied { number, amount, payment });
            }
            Act::Debit(amount) => {
                let number = format!("DN-{}", self.told.position);
                let document = document(&number, cents(amount), aud("0"), aud("0"), 0);
                let (document, due_on) = (Box::new(document), parsed("2026-06-01"));
                let reason = parsed("more");
                self.happen(INVOICE, DebitNoteIssued { document, amends: None, due_on, reason });
            }
            Act::Void(index) => {
                let Some(number) = self.picked(index, true) else { return };
                let left = self.taken_by.get(&number).copied().unwrap();
                self.taken_up = self.taken_up.checked_sub(left).unwrap();
                let reason = parsed::<Note>("wrong");
                let it = Voided { number: number.clone(), reason, is_replaced: false };
                self.happen(INVOICE, it);
                self.decided(self.account.return_applied(&number, parsed("wrong")));
            }
            Act::GiveUp(index) => {
                let Some(number) = self.picked(index, false) else { return };
                let reason = parsed("gone");
                self.happen(INVOICE, MarkedUncollectible { number, reason });
            }
            Act::TopUp(..)
            | Act::Use(_)
            | Act::Buy(_)
            | Act::Return(..)
            | Act::Refund(..)
            | Act::ChargeBack(..)
            | Act::Expire => (),
        }
    }

    fn buy(&mut self, price: Money) {
        self.drawn = self.drawn.checked_add(price).unwrap();
        let bought = PlanPurchased {
            plan: parsed("vm5"),
            version: 1,
            price,
            lots: Vec::new(),
            slots: 5,
            ends_at: parsed("2026-05-20T00:00:00Z"),
        };
        self.happen(ACCOUNT, bought);
    }

    /// An invoice of what was drawn and is on no document, and of more to pay; credit comes first.
    fn issue(&mut self, asks: Money, tax: Money) {
        let name = format!("INV-{}", self.told.position);
        let number = parsed::<InvoiceNumber>(&name);
        let left = self.drawn.checked_sub(self.taken_up).unwrap();
        let settled = left.rounded(Rounding::default()).unwrap();
        let taken = if settled.is_zero() { aud("0") } else { left };
        self.taken_up = self.taken_up.checked_add(taken).unwrap();
        self.taken_by.insert(number.clone(), taken);
        let up_to = self.told.position;
        self.decided(self.account.apply_to_invoice(&number, asks, now()));
        let gives = if asks.is_negative() { asks } else { aud("0") };
        let applied = self.account.credit().applied(&number).unwrap_or(gives);
        self.happen(INVOICE, issued(document(&name, asks, settled, tax, up_to), applied));
        if asks.is_negative() {
            let origin = CreditOrigin::CreditNote { number };
            self.decided(self.account.top_up(&top_up(&name, asks.negated(), origin), now()));
        }
    }

    /// A note on an invoice: it lowers what is due, and what is more than that is credit.
    fn note(&mut self, index: Index, amount: Money) {
        let Some(amends) = self.picked(index, false) else { return };
        let due = self.invoice.document(&amends).unwrap().due;
        let due = if due.is_negative() { aud("0") } else { due };
        let left = amount.checked_sub(due).unwrap();
        let to_credit = if left.is_negative() { aud("0") } else { left };
        let name = format!("CN-{}", self.told.position);
        let document = Box::new(document(&name, amount.negated(), aud("0"), aud("0"), 0));
        let (amends, reason) = (Some(amends), parsed("too much"));
        self.happen(INVOICE, CreditNoteIssued { document, amends, to_credit, reason });
        if !to_credit.is_zero() {
            let origin = CreditOrigin::CreditNote { number: parsed(&name) };
            self.decided(self.account.top_up(&top_up(&name, to_credit, origin), now()));
        }
    }
}

fn line(amount: Money, settled: bool) -> Line {
    Line {
        kind: LineKind::Usage,
        resource_kind: None,
        description: parsed("as printed"),
        quantity: parsed("1"),
        unit: None,
        unit_price: None,
        amount,
        deployment: None,
        starts_on: parsed("2026-04-01"),
        ends_on: parsed("2026-05-01"),
        adjusts: None,
        original: None,
        taxable: true,
        settled,
        provenance: Provenance { sources: Vec::new(), sha256: None },
    }
}

/// A document of a line to pay and one that credit settled, with some tax in them.
fn document(number: &str, asks: Money, settled: Money, tax: Money, up_to: u64) -> Document {
    let party = Party { name: parsed("Acme"), address: Vec::new(), tax_number: None };
    let mut lines = vec![line(asks, false)];
    if !settled.is_zero() {
        lines.push(line(settled, true));
    }
    let gross = asks.checked_add(settled).unwrap();
    let net = gross.checked_sub(tax).unwrap();
    Document {
        number: parsed(number),
        issuer: parsed("main"),
        issued_by: party.clone(),
        issued_to: party,
        words: Vec::new(),
        lines,
        tax: None,
        totals: Totals { net, tax, gross },
        adjusted: Vec::new(),
        rules: 1,
        folded_to: Position::new(up_to),
    }
}

fn issued(document: Document, credit_applied: Money) -> Issued {
    Issued {
        document: Box::new(document),
        due_on: parsed("2026-05-15"),
        credit_applied,
        replaces: None,
    }
}

fn top_up(lot: &str, amount: Money, origin: CreditOrigin) -> CreditToppedUp {
    CreditToppedUp { lot: parsed(lot), amount, expires_at: None, origin }
}

fn paid_by(object: &str) -> CreditOrigin {
    CreditOrigin::Payment { gateway: parsed("stripe"), object: parsed(object) }
}

#[test]
fn money_that_evens_out_what_an_invoice_gave_keeps_it_from_being_voided() {
    let mut world = World::new();
    world.issue(aud("-3.29"), aud("0"));
    let invoice = |world: &World| world.invoice.standing().cloned().unwrap();
    let number = invoice(&world).document.number;
    let payment = PaymentSource::Operator { reference: parsed("bank") };
    world.happen(INVOICE, PaymentApplied { number, amount: aud("3.29"), payment });
    assert!(invoice(&world).paid.is_zero());
    assert!(!invoice(&world).is_untouched());
}

proptest! {
    #![proptest_config(cases(10_000))]

    /// Whatever happens, what is due of all documents, what is left of credit and what was drawn
    /// but is on no document are the same in the postings and in the views, and nothing is left on
    /// the way between two streams.
    #[test]
    fn a_history_reads_the_same_in_the_postings_and_in_the_views(acts in vec(act(), 0..20)) {
        let mut world = World::new();
        for act in acts {
            world.act(act);
        }
        let told = &world.told;
        let due = world.invoice.documents().iter().filter(|it| !it.is_void()).map(|it| {
            // What was given up is no receivable; what came beyond it still is owed back.
            let is_lost = it.is_uncollectible && !it.due.is_negative();
            if is_lost { aud("0") } else { it.due }
        });
        prop_assert_eq!(Ok(told.balance(Account::Receivable)), Money::sum(Currency::AUD, due));
        // Before any lot expires, so that what is not recorded as expired still counts.
        let left = world.account.credit().balance(Timestamp::MIN).unwrap();
        prop_assert_eq!(told.balance(Account::Credit).negated().amount(), left);
        let drawn = told.balance(Account::PrepaidUsage).negated();
        prop_assert_eq!(Ok(drawn), world.drawn.checked_sub(world.taken_up));
        for between in [Account::CreditApplied, Account::CreditGiven] {
            prop_assert!(told.balance(between).is_zero(), "{:?}", between);
        }
        let all = balances(&told.entries).unwrap();
        prop_assert_eq!(Money::sum(Currency::AUD, all.into_values()), Ok(aud("0")));
    }
}

/// A lot that ends on the last of June is June's income, whenever somebody looks.
#[test]
fn expired_credit_is_income_of_the_day_it_was_gone() {
    let mut world = World::new();
    let expires_at = parsed::<Timestamp>("2026-06-30T10:00:00Z");
    let mut lot = top_up("lot", aud("5.00"), CreditOrigin::Operator { reason: parsed("paid") });
    lot.expires_at = Some(expires_at);
    world.decided(world.account.top_up(&lot, now()));
    let late = parsed::<Timestamp>("2026-07-01T00:00:00Z");
    for (gone_at, event) in world.account.expire(late).unwrap() {
        world.happen_at(gone_at, ACCOUNT, event);
    }
    let of_income = |it: &&Entry| it.postings.iter().any(|of| of.account == Account::ExpiredCredit);
    let income = world.told.entries.iter().filter(of_income).collect::<Vec<_>>();
    assert_eq!(income.len(), 1);
    assert_eq!(income[0].occurred_at, expires_at);
    assert_eq!(world.told.balance(Account::ExpiredCredit), aud("-5.00"));
    assert_eq!(world.account.expire(late).unwrap(), []);
}

#[test]
fn what_is_paid_back_of_a_payment_leaves_the_cash_once() {
    let paid = |notice: &str, amount: &str| PaymentFacts {
        gateway: parsed("stripe"),
        object: parsed("pi_1"),
        notice: parsed(notice),
        amount: aud(amount),
        customer: None,
        gateway_invoice: None,
        invoice: None,
    };
    let top_up = |lot: &str, amount: &str, origin| CreditToppedUp {
        lot: parsed(lot),
        amount: aud(amount),
        expires_at: None,
        origin,
    };
    let refund = |lot: &str, amount: &str| CreditRefunded {
        lot: parsed(lot),
        requested: aud(amount),
        amount: aud(amount),
        object: None,
        reason: parsed("asked for"),
    };
    let by_payment = CreditOrigin::Payment { gateway: parsed("stripe"), object: parsed("pi_1") };
    let by_operator = CreditOrigin::Operator { reason: parsed("by bank") };
    let mut told = Told::default();
    let mut take = |event: Event| {
        let record = told.record(ACCOUNT, event);
        told.take(&record);
        let of = |account| told.balance(account).amount_text();
        format!("{} {} {}", of(Account::Cash), of(Account::Credit), of(Account::Unallocated))
    };
    take(PaymentSucceeded { payment: paid("evt_1", "30.00"), share: None }.into());
    assert_eq!(take(top_up("a", "30.00", by_payment).into()), "30.00 -30.00 0.00");
    // On its way until the gateway says that it went.
    assert_eq!(take(refund("a", "10.00").into()), "30.00 -20.00 -10.00");
    let went = PaymentRefunded { payment: paid("evt_2", "10.00"), failed: None };
    assert_eq!(take(went.into()), "20.00 -20.00 0.00");
    // No gateway ever speaks of what came by bank.
    assert_eq!(take(top_up("b", "5.00", by_operator).into()), "25.00 -25.00 0.00");
    assert_eq!(take(refund("b", "5.00").into()), "20.00 -20.00 0.00");
}
