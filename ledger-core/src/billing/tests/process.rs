//! The process that spans register and invoice: cut anywhere, repeated, raced.

use proptest::prelude::*;

use super::*;
use crate::event::invoice::{Issued, NumberTaken, Purpose};
use crate::log::{Append, Expected};
use crate::stream::StreamError;
use crate::testing;

pub(super) fn terms() -> Terms {
    Terms {
        issued_by: Party {
            name: parsed("Counterfoil Hosting"),
            address: vec![parsed("2 Example Street")],
            tax_number: Some(parsed("ABN 11 111 111 111")),
        },
        tax_words: vec![parsed("Tax invoice")],
        note_words: vec![parsed("Adjustment note")],
        number_prefix: Terms::NUMBER_PREFIX.to_owned(),
        due_days: Terms::DUE_DAYS,
        actor: Actor { who: parsed("rollup"), role: Role::System },
    }
}

pub(super) const APRIL: (&str, &str) = ("acme", "2026-04");
pub(super) const MAY: &str = "2026-05-01T03:00:00Z";

/// What of a process survives between two steps: nothing but what it gathered.
#[derive(Default)]
pub(super) struct Driver {
    books: Option<Books>,
}

impl Driver {
    /// One step: `None` while it goes on.
    pub(super) fn step(
        &mut self,
        ledger: &mut Ledger,
        (tenant, period): (&str, &str),
        ask: Ask<'_>,
        now: &str,
    ) -> Result<Option<Done>, IssueError> {
        let (terms, heads) = (terms(), ledger.heads(tenant, period));
        let books = self.books.as_ref();
        let errand = Errand { ask, terms: &terms, heads: &heads, books, now: at(now) };
        match next(&errand)? {
            Step::Gather(up_to) => {
                let deployments = ledger.deployments(tenant);
                let up_to = up_to.unwrap_or(ledger.head());
                let books = heads.gather(deployments, up_to, |it| ledger.read(it));
                self.books = Some(books.unwrap());
            }
            Step::Append(append) => ledger.append(&append),
            Step::Done(done) => return Ok(Some(done)),
        }
        Ok(None)
    }
}

impl Ledger {
    pub(super) fn heads(&self, tenant: &str, period: &str) -> Heads {
        let issuer = parsed("main");
        let issuers = [&issuer, &notes_of(&issuer).unwrap()];
        Heads::read(issuers, &parsed(tenant), parsed(period), |it| self.read(it)).unwrap()
    }

    pub(super) fn register_of(&self, issuer: &str) -> RegisterFold {
        let records = self.streams.get(&Stream::Register(parsed(issuer))).cloned();
        let empty = RegisterFold::of(parsed(issuer));
        records.unwrap_or_default().iter().try_fold(empty, RegisterFold::fold).unwrap()
    }

    pub(super) fn invoices_of(&self, tenant: &str, period: &str) -> InvoiceFold {
        self.heads(tenant, period).invoice
    }

    /// As a log would: duplicates first, then the revision, then all of it.
    pub(super) fn append(&mut self, append: &Append) {
        let known = |key: &Option<crate::id::Key>| {
            self.streams.values().flatten().any(|it| it.key.is_some() && it.key == *key)
        };
        if append.events.iter().all(|it| known(&it.key)) {
            return;
        }
        assert!(!append.events.iter().any(|it| known(&it.key)), "half of an append was there");
        let head = self.streams.get(&append.stream).and_then(|it| it.last());
        let is_expected = match append.expected {
            Expected::Any => true,
            Expected::NoStream => head.is_none(),
            Expected::Exactly(revision) => head.is_some_and(|it| it.revision == revision),
        };
        if is_expected {
            for event in &append.events {
                self.push(&append.stream, event.clone(), &append.actor);
            }
        }
    }

    /// Asks until it is done, on the 1st of the month after the period.
    pub(super) fn ask(
        &mut self,
        tenant: &str,
        period: &str,
        ask: Ask<'_>,
    ) -> Result<Done, IssueError> {
        let after = parsed::<BillingPeriod>(period).next().unwrap();
        self.ask_at(tenant, period, ask, &format!("{after}-01T03:00:00Z"))
    }

    pub(super) fn ask_at(
        &mut self,
        tenant: &str,
        period: &str,
        ask: Ask<'_>,
        now: &str,
    ) -> Result<Done, IssueError> {
        let mut driver = Driver::default();
        for _ in 0..20 {
            if let Some(done) = driver.step(self, (tenant, period), ask, now)? {
                return Ok(done);
            }
        }
        panic!("the errand for {tenant} does not end");
    }

    #[track_caller]
    pub(super) fn roll_up(&mut self, tenant: &str, period: &str) -> Done {
        self.ask(tenant, period, Ask::RollUp).unwrap()
    }
}

pub(super) fn issued(number: &str) -> Done {
    Done::Issued(parsed(number))
}

#[test]
fn april_is_issued_once_with_all_it_has_to_say() {
    let mut ledger = Ledger::of_april();
    assert_eq!(ledger.roll_up("acme", "2026-04"), issued("INV-000001"));
    let events = ledger.events;
    assert_eq!(ledger.roll_up("acme", "2026-04"), issued("INV-000001"));
    assert_eq!(ledger.events, events);
    let invoices = ledger.invoices_of("acme", "2026-04");
    let it = invoices.standing().unwrap();
    let document = &it.document;
    assert_eq!(document.lines.iter().map(tell).collect::<Vec<_>>(), told(&ledger.price("2026-04")));
    let totals = &document.totals;
    let totals = [totals.net, totals.tax, totals.gross].map(|it| it.amount_text());
    assert_eq!(totals, ["64.22", "6.42", "70.64"]);
    assert_eq!(it.due_on, Some(parsed("2026-05-15")));
    assert_eq!(document.issued_to.name.as_str(), "Acme Holdings Pty Ltd");
    assert_eq!(document.words, vec![parsed("Tax invoice")]);
    assert_eq!(document.tax.as_ref().map(|it| it.name.as_str()), Some("GST"));
    assert_eq!(document.rules, RULES_VERSION);
    let register = &ledger.streams[&parsed::<Stream>("register-main")];
    assert_eq!(document.folded_to, register[0].position);
}

#[test]
fn numbers_have_no_gap_and_no_invoice_no_number() -> Result<(), StreamError> {
    let mut ledger = Ledger::of_april();
    ledger.register("idle", Settlement::Invoiced, false);
    ledger.register("ours", Settlement::Invoiced, true);
    ledger.tell(
        "deployment-ours.lab",
        "2026-04-01",
        Created {
            name: None,
            region: None,
            llm_mode: None,
            template: None,
            beginning: Beginning::Active,
        },
    );
    let subscribed = Subscribed { plan: parsed("pro"), version: 1 };
    ledger.tell("deployment-ours.lab", "2026-04-01", subscribed);
    assert_eq!(ledger.roll_up("idle", "2026-04"), Done::NoLines);
    assert_eq!(ledger.roll_up("ours", "2026-04"), Done::Internal);
    assert_eq!(ledger.roll_up("acme", "2026-04"), issued("INV-000001"));
    let later = ledger.roll_up("acme", "2026-05");
    assert_eq!(later, issued("INV-000002"));
    let taken = ledger.register_of("main");
    let numbers = taken.all().map(|(_, _, it)| it.number.to_string()).collect::<Vec<_>>();
    assert_eq!(numbers, ["INV-000001", "INV-000002"]);
    assert_eq!(ledger.streams[&"register-main".parse::<Stream>()?].len(), 2);
    Ok(())
}

#[test]
fn a_number_grows_past_its_digits() {
    let mut register = RegisterFold::of(parsed("main"));
    assert_eq!(register.next_number("INV-"), Ok(parsed("INV-000001")));
    let mut ledger = Ledger::default();
    for period in ["2026-01", "2026-02"] {
        let (number, tenant) = (register.next_number("A").unwrap(), parsed("acme"));
        let document = crate::event::invoice::DocumentKind::Invoice;
        let (period, purpose) = (parsed(period), Purpose::Period);
        let taken = NumberTaken { number, document, tenant, period, purpose };
        ledger.tell("register-main", MAY, taken);
        register = ledger.register_of("main");
    }
    assert_eq!(register.next_number("A-"), Ok(parsed("A-000003")));
    assert!(register.next_number("no such number ").is_err());
}

#[test]
fn a_period_that_still_runs_is_refused() {
    let mut ledger = Ledger::of_april();
    let step = ledger.ask_at("acme", "2026-04", Ask::RollUp, "2026-04-30T23:59:59Z");
    assert!(matches!(step, Err(IssueError::PeriodRuns { .. })), "{step:?}");
}

#[test]
fn a_voided_invoice_is_not_issued_again_by_itself() {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    let (number, reason) = (parsed("INV-000001"), parsed("wrong customer"));
    let done = ledger.ask("acme", "2026-04", Ask::Void { number: &number, reason: &reason });
    assert_eq!(done, Ok(Done::Voided(number.clone())));
    assert_eq!(ledger.roll_up("acme", "2026-04"), Done::Voided(number));
}

#[test]
fn what_comes_after_the_number_is_not_in_its_document() {
    let mut ledger = Ledger::of_april();
    let mut driver = Driver::default();
    while ledger.register_of("main").all().count() == 0 {
        driver.step(&mut ledger, APRIL, Ask::RollUp, MAY).unwrap();
    }
    ledger.used("shop", "2026-04-29", "droplet_hours", "1000");
    ledger.roll_up("acme", "2026-04");
    let invoices = ledger.invoices_of("acme", "2026-04");
    let gross = invoices.standing().unwrap().document.totals.gross;
    assert_eq!(gross.amount_text(), "70.64");
}

#[test]
fn a_long_document_is_carried_in_several_events_and_comes_back_whole() {
    let mut ledger = Ledger::of_a_reseller();
    for number in 0..700 {
        let slug = format!("site-{number:03}-with-a-long-name-so-that-lines-are-long");
        ledger.create(&slug, "2026-04-01", Beginning::Active);
        ledger.subscribe(&slug, "2026-04-01", "starter");
    }
    ledger.roll_up("acme", "2026-04");
    let records = &ledger.streams[&parsed::<Stream>("invoice-acme.2026-04")];
    assert!(records.len() > 2, "one event holds all lines");
    for record in records {
        assert!(record.event.encode().unwrap().len() <= crate::log::EVENT_BYTES_MAX);
    }
    let invoices = ledger.invoices_of("acme", "2026-04");
    let document = &invoices.standing().unwrap().document;
    assert_eq!(document.lines.len(), 701);
    let tax = &document.lines[700].provenance.sources;
    assert_eq!(tax.iter().map(|it| it.stream.to_string()).collect::<Vec<_>>(), ["account-acme"]);
    let priced = ledger.basis("acme", "2026-04").price(RULES_VERSION, at(MAY)).unwrap();
    assert!(document.lines.iter().eq(priced.lines.iter().map(|it| &it.line)));
    let verdict = ledger.audit("acme", "2026-04").unwrap();
    assert!(verdict.matches, "{verdict}");
}

#[test]
fn a_preview_takes_nothing_and_tells_the_difference_to_last_month() {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    let events = ledger.events;
    let april = ledger.invoices_of("acme", "2026-04");
    let heads = ledger.heads("acme", "2026-05");
    let deployments = ledger.deployments("acme");
    let books = heads.gather(deployments, ledger.head(), |it| ledger.read(it)).unwrap();
    let it = preview(&books, at("2026-06-01"), Some(&april)).unwrap().unwrap();
    assert_eq!(it.composed.totals.gross.amount_text(), "63.25");
    assert_eq!(it.difference.unwrap().amount_text(), "-7.39");
    assert_eq!(preview(&books, at("2026-06-01"), None).unwrap().unwrap().difference, None);
    assert_eq!(ledger.events, events);
}

proptest! {
    #![proptest_config(testing::cases(2_000))]

    /// However often the process is cut off and begun anew, by one driver or by two at once, it
    /// ends with the same invoice under the same number.
    #[test]
    fn cut_anywhere_it_finishes_the_same(
        cuts in proptest::collection::vec((any::<bool>(), any::<bool>(), 0..60_u32), 0..12),
    ) {
        let mut whole = Ledger::of_april();
        whole.roll_up("acme", "2026-04");
        let mut ledger = Ledger::of_april();
        let mut drivers = [Driver::default(), Driver::default()];
        for (who, is_cut, minute) in cuts {
            let driver = &mut drivers[usize::from(who)];
            if is_cut {
                *driver = Driver::default();
            }
            // The clock goes on while nothing is promised; the promise fixes the day.
            let now = format!("2026-05-01T03:{minute:02}:00Z");
            driver.step(&mut ledger, APRIL, Ask::RollUp, &now).unwrap();
            // What is recorded once a number is taken comes too late for its document.
            if ledger.register_of("main").all().count() > 0 {
                ledger.used("shop", "2026-04-30", "droplet_hours", "100");
            }
        }
        let done = ledger.roll_up("acme", "2026-04");
        prop_assert_eq!(done, issued("INV-000001"));
        let document = |it: &Ledger| {
            let invoices = it.invoices_of("acme", "2026-04");
            (invoices.standing().unwrap().document.clone(), invoices.documents().len())
        };
        prop_assert_eq!(document(&ledger), document(&whole));
        prop_assert_eq!(ledger.register_of("main").all().count(), 1);
    }
}

#[test]
fn an_invoice_is_caused_by_its_number() {
    let mut ledger = Ledger::of_april();
    let mut driver = Driver::default();
    driver.step(&mut ledger, APRIL, Ask::RollUp, MAY).unwrap();
    driver.step(&mut ledger, APRIL, Ask::RollUp, MAY).unwrap();
    driver.step(&mut ledger, APRIL, Ask::RollUp, MAY).unwrap();
    let (terms, heads) = (terms(), ledger.heads("acme", "2026-04"));
    let books = driver.books.as_ref();
    let errand = Errand { ask: Ask::RollUp, terms: &terms, heads: &heads, books, now: at(MAY) };
    let Ok(Step::Append(append)) = next(&errand) else { panic!("nothing to append") };
    let taken = &ledger.streams[&parsed::<Stream>("register-main")][0];
    assert_eq!(append.causation, Some(taken.id));
    assert_eq!(append.expected, Expected::NoStream);
    let event = &append.events.last().unwrap().event;
    assert!(matches!(event, Event::Invoice(crate::event::invoice::Event::Issued(Issued { .. }))));
}
