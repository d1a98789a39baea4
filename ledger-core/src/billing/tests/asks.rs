//! Reissues, voids, notes and credit: what each may do, that it is undone exactly, and that a
//! process cut anywhere ends the same.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::process::{APRIL, Driver, MAY, issued};
use super::*;
use crate::decide::Refusal;
use crate::event::account::{CreditOrigin, CreditToppedUp};
use crate::event::invoice::DocumentKind;
use crate::id::{InvoiceNumber, KeyId, Note};
use crate::money::Money;
use crate::testing;
use crate::testing::events::event;

fn aud(amount: &str) -> Money {
    Money::parse(amount, Currency::AUD).unwrap()
}

impl Ledger {
    pub(super) fn top_up(&mut self, lot: &str, amount: &str) {
        let origin = CreditOrigin::Operator { reason: parsed("paid in") };
        let (lot, amount) = (parsed(lot), aud(amount));
        let paid = CreditToppedUp { lot, amount, expires_at: None, origin };
        self.tell("account-acme", "2026-04-02", paid);
    }

    fn balance(&self) -> String {
        let account = self.heads("acme", "2026-04").account;
        account.account().credit().balance(at("2026-06-01")).unwrap().to_string()
    }

    fn force(&mut self, period: &str) -> Done {
        let reason = parsed::<Note>("as known now");
        self.ask("acme", period, Ask::Force { reason: &reason }).unwrap()
    }

    fn void(&mut self, number: &str) -> Result<Done, IssueError> {
        let (number, reason) = (parsed(number), parsed("a mistake"));
        self.ask("acme", "2026-04", Ask::Void { number: &number, reason: &reason })
    }

    fn concede(&mut self, key: &str, amount: &str) -> Result<Done, IssueError> {
        let (key, number, reason) = (parsed(key), parsed("INV-000001"), parsed("sorry"));
        let (key, amount) = (&key, aud(amount));
        let ask = Ask::Concede { key, number: &number, amount, reason: &reason };
        self.ask("acme", "2026-04", ask)
    }

    fn document(&self, number: &str) -> IssuedDocument {
        self.invoices_of("acme", "2026-04").document(&parsed(number)).unwrap().clone()
    }
}

fn april() -> Ledger {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    ledger
}

fn refused(answer: Result<Done, IssueError>) -> &'static str {
    let Err(IssueError::Refused(refusal)) = answer else { panic!("{answer:?}") };
    refusal.code()
}

#[test]
fn force_voids_what_is_unpaid_and_issues_a_new_number() {
    let mut ledger = april();
    assert_eq!(ledger.force("2026-04"), issued("INV-000001"), "nothing differs");
    ledger.used("shop", "2026-04-20", "droplet_hours", "500");
    assert_eq!(ledger.force("2026-04"), issued("INV-000002"));
    let (first, second) = (ledger.document("INV-000001"), ledger.document("INV-000002"));
    assert_eq!((first.state(), second.state()), (State::Void, State::Open));
    assert_eq!(second.replaces, Some(parsed("INV-000001")));
    assert_eq!(second.document.totals.gross, aud("76.14"));
    assert!(second.document.adjusted.is_empty());
    let events = ledger.events;
    assert_eq!(ledger.force("2026-04"), issued("INV-000002"));
    assert_eq!(ledger.events, events);
    ledger.expect_audits(&["2026-04"]);
}

#[test]
fn force_leaves_what_is_paid_and_a_note_carries_the_difference() {
    let mut ledger = april();
    ledger.pay("2026-04", "20");
    ledger.used("shop", "2026-04-20", "droplet_hours", "500");
    let amended = |note| Done::Amended { number: parsed("INV-000001"), note: parsed(note) };
    assert_eq!(ledger.force("2026-04"), amended("DN-000001"));
    assert_eq!(ledger.force("2026-04"), amended("DN-000001"), "made before");
    let note = ledger.document("DN-000001");
    assert_eq!((note.kind, note.due), (DocumentKind::DebitNote, aud("5.50")));
    assert_eq!(note.amends, Some(parsed("INV-000001")));
    assert_eq!(note.document.words, vec![parsed("Adjustment note")]);
    for place in 0..90 {
        ledger.correct(Revision::new(place), "0");
    }
    assert_eq!(ledger.force("2026-04"), amended("CN-000002"));
    // 12.22 less was used, tax included; 50.64 of the invoice is still due.
    let (note, invoice) = (ledger.document("CN-000002"), ledger.document("INV-000001"));
    assert_eq!((note.document.totals.gross, note.to_credit), (aud("-12.89"), aud("0")));
    assert_eq!((invoice.due, invoice.state()), (aud("37.75"), State::PartlyPaid));
    let events = ledger.events;
    ledger.force("2026-04");
    assert_eq!(ledger.events, events);
    ledger.roll_up("acme", "2026-05");
    assert!(ledger.issued("acme", "2026-05").document.adjusted.is_empty());
    ledger.expect_audits(&["2026-04", "2026-05"]);
}

#[test]
fn what_a_credit_note_gives_beyond_what_is_due_is_credit() {
    let mut ledger = april();
    ledger.pay("2026-04", "70");
    assert_eq!(ledger.concede("a", "11"), Ok(issued("CN-000001")));
    let (note, invoice) = (ledger.document("CN-000001"), ledger.document("INV-000001"));
    let totals = &note.document.totals;
    assert_eq!((totals.net, totals.tax, totals.gross), (aud("-10"), aud("-1"), aud("-11")));
    assert_eq!((note.to_credit, invoice.due), (aud("10.36"), aud("0")));
    assert_eq!(invoice.state(), State::Paid);
    assert_eq!(ledger.balance(), "10.36");
    let events = ledger.events;
    assert_eq!(ledger.concede("a", "11"), Ok(issued("CN-000001")));
    assert_eq!(ledger.events, events);
    assert_eq!(refused(ledger.concede("a", "12")), "idempotency_key_reused");
    // It lowered no price, so nothing takes it back, and the next invoice uses the credit.
    ledger.roll_up("acme", "2026-05");
    let may = ledger.issued("acme", "2026-05");
    assert_eq!((may.document.adjusted.len(), may.credit_applied), (0, aud("10.36")));
    ledger.expect_audits(&["2026-04", "2026-05"]);
}

#[test]
fn credit_at_issue_is_the_lesser_of_total_and_balance_in_whole_cents() {
    #[track_caller]
    fn check(credit: &str, applied: &str, left: &str, state: State) {
        let mut ledger = Ledger::of_april();
        ledger.top_up("a", credit);
        ledger.roll_up("acme", "2026-04");
        let it = ledger.issued("acme", "2026-04");
        assert_eq!((it.credit_applied, ledger.balance().as_str()), (aud(applied), left));
        assert_eq!((it.state(), it.paid), (state, aud(applied)));
        assert_eq!(it.document.totals.gross, aud("70.64"), "a payment, not a discount");
    }
    check("20.009", "20", "0.009", State::PartlyPaid);
    check("100", "70.64", "29.36", State::Paid);
    check("0.009", "0", "0.009", State::Open);
}

#[test]
fn voids_are_refused_where_money_came_in() {
    let mut ledger = april();
    assert_eq!(refused(ledger.void("INV-000009")), "invoice_unknown");
    ledger.concede("a", "1").unwrap();
    assert_eq!(refused(ledger.void("CN-000001")), "invoice_is_note");
    assert_eq!(refused(ledger.void("INV-000001")), "invoice_amended");
    let mut ledger = april();
    ledger.pay("2026-04", "1");
    assert_eq!(refused(ledger.void("INV-000001")), "invoice_paid");
}

#[test]
fn a_concession_is_a_whole_amount_of_what_the_invoice_came_to() {
    let mut ledger = april();
    assert_eq!(refused(ledger.concede("a", "0")), "amount_not_positive");
    assert_eq!(refused(ledger.concede("a", "0.001")), "amount_not_positive");
    assert_eq!(refused(ledger.concede("a", "70.65")), "exceeds_invoice");
    assert_eq!(ledger.concede("a", "70"), Ok(issued("CN-000001")));
    assert_eq!(refused(ledger.concede("b", "0.65")), "exceeds_invoice");
    ledger.concede("b", "0.64").unwrap();
    assert_eq!(ledger.document("INV-000001").state(), State::Paid);
    let mut ledger = april();
    ledger.void("INV-000001").unwrap();
    assert_eq!(refused(ledger.concede("a", "1")), "invoice_void");
}

/// The number of the note would be taken, and nothing could ever keep its promise.
#[test]
fn a_note_gives_no_credit_that_is_no_number() {
    let mut ledger = april();
    ledger.pay("2026-04", "70.64");
    ledger.top_up("all", "79228162514264337593543950335");
    let refuses = |ledger: &mut Ledger, answer: Result<Done, IssueError>, events| {
        let Err(IssueError::Credit { source, .. }) = answer else { panic!("{answer:?}") };
        assert_eq!((source.code(), ledger.events), ("amount_out_of_range", events));
    };
    let events = ledger.events;
    let conceded = ledger.concede("a", "11");
    refuses(&mut ledger, conceded, events);
    for place in 0..90 {
        ledger.correct(Revision::new(place), "0");
    }
    let (events, reason) = (ledger.events, parsed::<Note>("as known now"));
    let forced = ledger.ask("acme", "2026-04", Ask::Force { reason: &reason });
    refuses(&mut ledger, forced, events);
    assert_eq!(ledger.ask("acme", "2026-04", Ask::Finish), Ok(Done::Finished));
}

/// Credit that was applied to the invoice finds no room any more.
#[test]
fn a_void_is_refused_where_its_credit_cannot_go_back() {
    let mut ledger = Ledger::of_april();
    ledger.top_up("a", "70.64");
    ledger.roll_up("acme", "2026-04");
    ledger.top_up("all", "792281625142643375935439503.35");
    let events = ledger.events;
    let answer = ledger.void("INV-000001");
    let Err(IssueError::Credit { source, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!((source.code(), ledger.events), ("amount_out_of_range", events));
}

#[test]
fn what_nobody_expects_is_written_off_once() {
    let mut ledger = april();
    let (number, reason) = (parsed::<InvoiceNumber>("INV-000001"), parsed::<Note>("dissolved"));
    let ask = Ask::WriteOff { number: &number, reason: &reason };
    for _ in 0..2 {
        let done = ledger.ask("acme", "2026-04", ask);
        assert_eq!(done, Ok(Done::WrittenOff(number.clone())));
        assert_eq!(ledger.document("INV-000001").state(), State::Uncollectible);
    }
    let mut ledger = april();
    ledger.pay("2026-04", "70.64");
    assert_eq!(refused(ledger.ask("acme", "2026-04", ask)), "nothing_due");
}

#[test]
fn a_voided_month_is_charged_again_by_force_alone() {
    let mut ledger = april();
    ledger.void("INV-000001").unwrap();
    ledger.roll_up("acme", "2026-05");
    assert!(ledger.issued("acme", "2026-05").document.adjusted.is_empty());
    assert_eq!(ledger.force("2026-04"), issued("INV-000003"));
    ledger.roll_up("acme", "2026-06");
    assert!(ledger.issued("acme", "2026-06").document.adjusted.is_empty());
    ledger.expect_audits(&["2026-04", "2026-05", "2026-06"]);
}

#[test]
fn receivables_are_aged_by_whole_days_past_due() {
    let mut ledger = april();
    ledger.roll_up("acme", "2026-05");
    ledger.pay("2026-05", "3.25");
    let folds = ["2026-04", "2026-05"].map(|it| ledger.invoices_of("acme", it));
    // April is due on 15 May, May on 15 June.
    let check = |on: &str, expected: [&str; 5]| {
        let report = aging(&folds, parsed(on)).unwrap();
        let AgedSums { current, up_to_30, up_to_60, up_to_90, over_90, total } =
            report.by_currency[0].clone();
        assert_eq!([current, up_to_30, up_to_60, up_to_90, over_90], expected.map(aud), "{on}");
        assert_eq!(total, aud("130.64"));
        assert_eq!(report.outstanding[0].number, parsed("INV-000001"));
    };
    check("2026-05-15", ["130.64", "0", "0", "0", "0"]);
    check("2026-05-16", ["60.00", "70.64", "0", "0", "0"]);
    check("2026-06-14", ["60.00", "70.64", "0", "0", "0"]);
    check("2026-06-15", ["60.00", "0", "70.64", "0", "0"]);
    check("2026-07-15", ["0", "60.00", "0", "70.64", "0"]);
    check("2026-08-14", ["0", "0", "60.00", "0", "70.64"]);
    ledger.pay("2026-04", "70.64");
    let folds = [ledger.invoices_of("acme", "2026-04")];
    assert!(aging(&folds, parsed("2026-09-01")).unwrap().outstanding.is_empty());
}

#[test]
fn a_run_goes_through_tenants_and_their_periods_in_order_and_goes_on_where_it_was_cut() {
    let mut ledger = april();
    let tenants = [("acme", "2026-01"), ("bob", "2026-06"), ("new", "2026-07"), ("zoe", "2026-05")];
    let tenants = tenants.map(|it| (parsed(it.0), parsed(it.1)));
    let run = |ledger: &Ledger, from: Option<(&str, &str)>| {
        let heads = ledger.heads("acme", "2026-04");
        let registers = [heads.register, heads.notes];
        let from = from.map(|it| (parsed::<crate::id::TenantId>(it.0), parsed(it.1)));
        let (mut last, mut run) = (from, Vec::new());
        loop {
            let after = last.as_ref().map(|it| (&it.0, it.1));
            let tenants = tenants.iter().map(|it| (&it.0, it.1));
            let next = next_rollup(tenants, &registers, parsed("2026-06"), after);
            let Some((tenant, period)) = next else { return run.join(" ") };
            run.push(format!("{tenant}.{period}"));
            last = Some((tenant.clone(), period));
        }
    };
    // Who was never invoiced begins with the month of its registration.
    let rest = "bob.2026-06 zoe.2026-05 zoe.2026-06";
    assert_eq!(run(&ledger, None), format!("acme.2026-05 acme.2026-06 {rest}"));
    assert_eq!(run(&ledger, Some(("acme", "2026-05"))), format!("acme.2026-06 {rest}"));
    assert_eq!(run(&ledger, Some(("bob", "2026-06"))), "zoe.2026-05 zoe.2026-06");
    assert_eq!(run(&ledger, Some(("zoe", "2026-05"))), "zoe.2026-06");
    ledger.roll_up("acme", "2026-05");
    assert_eq!(run(&ledger, None), format!("acme.2026-06 {rest}"));
    ledger.roll_up("acme", "2026-06");
    assert_eq!(run(&ledger, None), rest);
    let delay = RollupDelay::default();
    let due = |now: &str| delay.due(at(now)).map(|it| it.to_string());
    assert_eq!(due("2026-05-01T02:59:59Z"), Some("2026-03".to_owned()));
    assert_eq!(due("2026-05-01T03:00:00Z"), Some("2026-04".to_owned()));
    assert_eq!(delay.due(Timestamp::MIN), None);
}

proptest! {
    #![proptest_config(testing::cases(2_000))]

    /// Whatever may stand in the streams of a document, every ask is answered or refused; nothing
    /// panics, and nothing that was begun makes it go on for ever.
    #[test]
    fn nothing_that_can_be_recorded_makes_an_ask_panic(
        events in vec((event(), any::<bool>()), 0..60),
        amount in 0..9_000_u32,
    ) {
        let mut ledger = april();
        let streams = ["account-acme", "invoice-acme.2026-04", "invoice-acme.2026-03",
            "register-main", "register-main.notes"].map(parsed::<Stream>);
        for (mut event, is_second) in events {
            use crate::event::invoice::Event as Invoice;
            if let Event::Invoice(Invoice::NumberTaken(it)) = &mut event {
                (it.tenant, it.period) = (parsed("acme"), parsed("2026-04"));
            }
            let mut fitting = streams.iter().filter(|it| event.belongs_in(it));
            let Some(stream) = fitting.nth(usize::from(is_second)) else { continue };
            let new = NewEvent { event, occurred_at: at(MAY), key: None, fingerprint: None };
            let mut grown = ledger.clone();
            grown.push(stream, new, &Actor { who: parsed("test"), role: Role::Operator });
            if grown.folds() {
                ledger = grown;
            }
        }
        let (reason, number) = (&parsed("because"), &parsed("INV-000001"));
        let (key, amount) = (&parsed("key"), aud(&cents(amount)));
        let asks = [
            Ask::Finish,
            Ask::RollUp,
            Ask::Force { reason },
            Ask::Void { number, reason },
            Ask::WriteOff { number, reason },
            Ask::Concede { key, number, amount, reason },
        ];
        for ask in asks {
            let (mut ledger, mut driver) = (ledger.clone(), Driver::default());
            for _ in 0..8 {
                if !matches!(driver.step(&mut ledger, APRIL, ask, MAY), Ok(None)) {
                    break;
                }
            }
        }
        for it in ledger.streams.values().flatten() {
            drop(crate::postings::Journal::default().fold(it));
        }
    }
}

impl Ledger {
    /// Whether what a document rests on folds.
    fn folds(&self) -> bool {
        let (issuer, notes) = (parsed("main"), parsed("main.notes"));
        ["2026-03", "2026-04"].into_iter().all(|period| {
            let (tenant, period) = (parsed("acme"), parsed(period));
            let heads = Heads::read([&issuer, &notes], &tenant, period, |it| self.read(it));
            let books = heads.and_then(|it| it.gather([], self.head(), |it| self.read(it)));
            books.is_ok()
        })
    }
}

/// One thing that is asked of April, or that happens to it.
#[derive(Debug, Clone)]
enum Happens {
    RollUp,
    Force,
    Void,
    Concede(u32, u32),
    WriteOff,
    Late(u32),
    Correct(Index, u32),
    Pay(u32),
    TopUp(u32),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => Just(Happens::RollUp),
        3 => Just(Happens::Force),
        1 => Just(Happens::Void),
        1 => (0..3_u32, 0..3_000_u32).prop_map(|it| Happens::Concede(it.0, it.1)),
        1 => Just(Happens::WriteOff),
        2 => (0..3_000_u32).prop_map(Happens::Late),
        2 => (any::<Index>(), 0..100_u32).prop_map(|it| Happens::Correct(it.0, it.1)),
        1 => (1..9_000_u32).prop_map(Happens::Pay),
        1 => (1..9_000_u32).prop_map(Happens::TopUp),
    ]
}

fn cents(it: u32) -> String {
    format!("{}.{:02}", it / 100, it % 100)
}

/// Cuts of a process: which of two drivers takes a step, and whether it forgot what it gathered.
type Cuts = Vec<(bool, bool)>;

impl Ledger {
    /// Takes some steps of an ask with drivers that are cut, then asks until it is done.
    fn ask_cut(&mut self, ask: Ask<'_>, cuts: &Cuts) -> Result<Done, IssueError> {
        let now = "2026-05-02T03:00:00Z";
        let mut drivers = [Driver::default(), Driver::default()];
        for (who, is_cut) in cuts {
            let driver = &mut drivers[usize::from(*who)];
            if *is_cut {
                *driver = Driver::default();
            }
            // A start-up knows nothing of what was asked.
            let ask = if *is_cut && *who { Ask::Finish } else { ask };
            if driver.step(self, APRIL, ask, now)?.is_some() && ask != Ask::Finish {
                break;
            }
        }
        self.ask_at("acme", "2026-04", ask, now)
    }

    fn happen(&mut self, it: &Happens, cuts: &Cuts) {
        let (reason, number) = (parsed("because"), self.invoices_of("acme", "2026-04"));
        let number = number.invoices().next_back().map(|it| it.document.number.clone());
        let number = number.unwrap_or_else(|| parsed("INV-000001"));
        let (number, reason) = (&number, &reason);
        let asked = match it {
            Happens::RollUp => self.ask_cut(Ask::RollUp, cuts),
            Happens::Force => self.ask_cut(Ask::Force { reason }, cuts),
            Happens::Void => self.ask_cut(Ask::Void { number, reason }, cuts),
            Happens::WriteOff => self.ask_cut(Ask::WriteOff { number, reason }, cuts),
            Happens::Concede(key, amount) => {
                let (key, amount) = (KeyId::new(&key.to_string()).unwrap(), aud(&cents(*amount)));
                self.ask_cut(Ask::Concede { key: &key, number, amount, reason }, cuts)
            }
            Happens::Late(quantity) => {
                self.used("shop", "2026-04-20", "droplet_hours", &quantity.to_string());
                return;
            }
            Happens::Correct(which, quantity) => {
                let revision = u64::try_from(which.index(90)).unwrap();
                self.correct(Revision::new(revision), &quantity.to_string());
                return;
            }
            Happens::Pay(amount) => {
                if self.invoices_of("acme", "2026-04").standing().is_some() {
                    self.pay("2026-04", &cents(*amount));
                }
                return;
            }
            Happens::TopUp(amount) => {
                self.top_up(&format!("lot-{}", self.events), &cents(*amount));
                return;
            }
        };
        assert!(matches!(asked, Ok(_) | Err(IssueError::Refused(_))), "{asked:?}");
    }
}

proptest! {
    #![proptest_config(testing::cases(2_000))]

    /// Every process, cut at any event, begun anew by one driver or by two at once, or finished by
    /// a start-up, leaves the very records of one that ran through. Numbers of both registers have
    /// no gap, each has one document, and every document audits.
    #[test]
    fn every_process_cut_anywhere_finishes_the_same(
        story in vec((happens(), vec(any::<(bool, bool)>(), 0..12)), 1..8),
    ) {
        let (mut whole, mut cut) = (Ledger::of_april(), Ledger::of_april());
        for (it, cuts) in &story {
            whole.happen(it, &Vec::new());
            cut.happen(it, cuts);
        }
        let told = |it: &Ledger| {
            let told = it.streams.iter().map(|(stream, records)| {
                (stream.clone(), records.iter().map(|it| it.event.clone()).collect::<Vec<_>>())
            });
            told.collect::<BTreeMap<_, _>>()
        };
        // Asks are at one instant in both, and nothing else enters.
        prop_assert_eq!(told(&cut).len(), told(&whole).len());
        for (stream, events) in told(&whole) {
            let cut = &told(&cut)[&stream];
            prop_assert_eq!(cut, &events, "{}", stream);
        }
        let heads = cut.heads("acme", "2026-04");
        let registers = [(&heads.register, ["INV-"; 2]), (&heads.notes, ["CN-", "DN-"])];
        for (register, prefixes) in registers {
            for (place, (_, _, taken)) in (1..).zip(register.all()) {
                let expected = prefixes.map(|it| format!("{it}{place:06}"));
                prop_assert!(expected.contains(&taken.number.to_string()));
                let named = |it: &&IssuedDocument| it.document.number == taken.number;
                prop_assert_eq!(heads.invoice.documents().iter().filter(named).count(), 1);
            }
        }
        cut.expect_audits(&["2026-04"]);
        cut.expect_postings(&["2026-04"]);
    }

    /// A void takes back all that the rollup did: the credit it drew is in its lots again, the
    /// receivable is gone, and the next draw takes the same from the same lots.
    #[test]
    fn a_void_undoes_exactly(lots in vec(1..4_000_u32, 0..5), is_split in any::<bool>()) {
        let mut ledger = Ledger::of_april();
        for (place, amount) in lots.iter().enumerate() {
            let amount = if is_split { format!("{}9", cents(*amount)) } else { cents(*amount) };
            ledger.top_up(&format!("lot-{place}"), &amount);
        }
        let before = ledger.clone();
        ledger.roll_up("acme", "2026-04");
        let number = ledger.issued("acme", "2026-04").document.number;
        let reason = parsed::<Note>("a mistake");
        let ask = Ask::Void { number: &number, reason: &reason };
        prop_assert_eq!(ledger.ask("acme", "2026-04", ask), Ok(Done::Voided(number.clone())));
        prop_assert_eq!(ledger.balance(), before.balance());
        ledger.expect_postings(&["2026-04"]);
        let folds = [ledger.invoices_of("acme", "2026-04")];
        prop_assert!(aging(&folds, parsed("2026-09-01")).unwrap().outstanding.is_empty());
        prop_assert_eq!(folds[0].counting().count(), 0);
        let draw = |it: &Ledger| {
            let account = it.heads("acme", "2026-04").account;
            let total = aud("1000000");
            account.account().apply_to_invoice(&parsed("INV-9"), total, at("2026-06-01")).unwrap()
        };
        prop_assert_eq!(draw(&ledger), draw(&before));
        let events = ledger.events;
        prop_assert_eq!(ledger.ask("acme", "2026-04", ask), Ok(Done::Voided(number)));
        prop_assert_eq!(ledger.events, events);
    }
}
