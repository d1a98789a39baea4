//! A tenant, its gateway and its invoices in memory, and the story of a game host that is not paid.

use super::*;
use crate::decide::deployment::Deployment;
use crate::decide::payment::PaymentObject;
use crate::decide::suspense::Suspense;
use crate::event::account::{PaymentReferenceMapped, Settlement, TenantRegistered};
use crate::event::deployment::{Beginning, Created, State};
use crate::event::enforcement::PaymentAssigned;
use crate::event::invoice::{Issued, Voided};
use crate::event::{Event, Exemplar};
use crate::gateway::{Change, Notice, Outcome};
use crate::id::{DeploymentSlug, EventId, LedgerId};
use crate::log::{Position, Record};
use crate::money::{Exact, Money};

mod properties;
mod stories;

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn aud(cents: i128) -> Money {
    Money::from_minor(cents, parsed("AUD")).unwrap()
}

fn tenant() -> TenantId {
    parsed("acme")
}

/// The first of May, and so many hours.
fn hour(hours: i64) -> Timestamp {
    parsed::<Timestamp>("2026-05-01T00:00:00Z").plus_seconds(hours * 3600).unwrap()
}

fn day(days: i64) -> Timestamp {
    hour(days * 24)
}

fn notice(id: &str, object: &str, cents: i128, at: Timestamp, change: Change) -> Notice {
    Notice {
        gateway: parsed("stripe"),
        id: parsed(id),
        kind: parsed("made.up"),
        occurred_at: at,
        customer: None,
        gateway_invoice: None,
        outcome: Outcome::Payment { object: parsed(object), amount: aud(cents), change },
    }
}

const FAILED: Change = Change::Failed { next_attempt_at: None, reason: None };
const DISPUTED: Change = Change::Disputed { reason: None };
const REINSTATED: Change = Change::Reinstated { reason: None };

/// Everything of one tenant and one gateway, folded as it is recorded.
#[derive(Debug, Clone, PartialEq)]
struct World {
    log: Vec<Record>,
    account: Account,
    reached: Reached,
    suspense: Suspense,
    owners: Owners,
    invoices: Vec<InvoiceFold>,
    deployments: Vec<(DeploymentSlug, Deployment, Reached)>,
}

impl World {
    fn empty() -> Self {
        Self {
            log: Vec::new(),
            account: Account::default(),
            reached: Reached::default(),
            suspense: Suspense::of(parsed("stripe")),
            owners: Owners::default(),
            invoices: Vec::new(),
            deployments: Vec::new(),
        }
    }

    /// A tenant whose customer is known, with two deployments: one may be moved, one may not.
    fn new() -> Self {
        let mut world = Self::empty();
        let registered = TenantRegistered {
            name: parsed("Acme"),
            currency: parsed("AUD"),
            settlement: Settlement::Invoiced,
            internal: false,
        };
        world.tell("account-acme", day(-100), registered);
        world.map("cus_1", None);
        for slug in ["shop", "kept"] {
            let created = Created {
                name: None,
                region: None,
                llm_mode: None,
                template: None,
                beginning: Beginning::Active,
            };
            world.tell(&format!("deployment-acme.{slug}"), day(-100), created);
        }
        let reason = parsed("a friend");
        let exempt = crate::event::deployment::BillingActionSuspended { reason };
        world.tell("deployment-acme.kept", day(-100), exempt);
        world
    }

    fn map(&mut self, reference: &str, invoice: Option<&str>) {
        let (gateway, reference) = (parsed("stripe"), parsed(reference));
        let invoice = invoice.map(parsed);
        let mapped = PaymentReferenceMapped { gateway, reference, invoice };
        self.tell("account-acme", day(-100), mapped);
    }

    /// Issues an invoice of its own period, known to the gateway as `in_{number}`.
    fn issue(&mut self, number: &str, month: u8, cents: i128) {
        let mut issued = Issued::exemplar();
        issued.document.number = parsed(number);
        issued.document.totals.gross = aud(cents);
        issued.credit_applied = aud(0);
        let stream = format!("invoice-acme.2026-{month:02}");
        self.tell(&stream, day(i64::from(month) - 50), issued);
        self.map(&format!("in_{number}"), Some(number));
    }

    #[track_caller]
    fn tell(&mut self, stream: &str, at: Timestamp, event: impl Into<Event>) {
        let actor = Actor { who: parsed("somebody"), role: Role::Operator };
        let new = NewEvent { event: event.into(), occurred_at: at, key: None, fingerprint: None };
        self.push(&parsed(stream), new, &actor);
    }

    #[track_caller]
    fn push(&mut self, stream: &Stream, new: NewEvent, actor: &Actor) {
        assert!(new.event.belongs_in(stream), "{} in {stream}", new.event.wire_name());
        let revision = self.reached(stream).next();
        let record = Record {
            position: Position::new(self.log.len() as u64 + 1),
            stream: stream.clone(),
            revision,
            id: EventId::derive_placed(&LedgerId::from_bytes([7; 16]), stream, revision),
            occurred_at: new.occurred_at,
            recorded_at: new.occurred_at,
            actor: actor.clone(),
            causation: None,
            correlation: None,
            key: new.key,
            fingerprint: None,
            event: new.event,
            written: None,
        };
        self.fold(&record);
        self.log.push(record);
    }

    #[track_caller]
    fn fold(&mut self, record: &Record) {
        self.owners = self.owners.clone().fold(record);
        match &record.stream {
            Stream::Account(_) => {
                self.account = self.account.clone().fold(record).unwrap();
                self.reached = self.reached.after(record, &record.stream).unwrap();
            }
            Stream::Suspense(_) => self.suspense = self.suspense.clone().fold(record).unwrap(),
            Stream::Invoice(tenant, period) => {
                if !self.invoices.iter().any(|it| it.stream() == record.stream) {
                    self.invoices.push(InvoiceFold::of(tenant.clone(), *period));
                }
                let mut invoices = self.invoices.iter_mut();
                let of = invoices.find(|it| it.stream() == record.stream).unwrap();
                *of = of.clone().fold(record).unwrap();
            }
            Stream::Deployment(_, slug) => {
                if !self.deployments.iter().any(|it| it.0 == *slug) {
                    let begun = (slug.clone(), Deployment::default(), Reached::default());
                    self.deployments.push(begun);
                }
                let of = self.deployments.iter_mut().find(|it| it.0 == *slug).unwrap();
                of.1 = of.1.clone().fold(record).unwrap();
                of.2 = of.2.after(record, &record.stream).unwrap();
            }
            Stream::Catalog
            | Stream::Ledger
            | Stream::Access(_)
            | Stream::Usage(..)
            | Stream::Resource(..)
            | Stream::Project(..)
            | Stream::Bill(..)
            | Stream::Provider(_)
            | Stream::Register(_)
            | Stream::Operation(_)
            | Stream::Support(_) => panic!("nobody folds {}", record.stream),
        }
    }

    fn reached(&self, stream: &Stream) -> Reached {
        let last = self.log.iter().rev().find(|it| it.stream == *stream);
        last.map_or(Reached::default(), |it| Reached {
            revision: Some(it.revision),
            position: it.position,
        })
    }

    /// As a log would: duplicates first, then the revision, then all of it.
    #[track_caller]
    fn append(&mut self, append: &Append) {
        let is_known = |key: &Option<Key>| self.log.iter().any(|it| it.key == *key);
        let known = append.events.iter().filter(|it| is_known(&it.key)).count();
        assert_eq!(known, 0, "a step under the key of another: {append:?}");
        let head = self.reached(&append.stream).revision;
        let expected = head.map_or(Expected::NoStream, Expected::Exactly);
        assert_eq!(append.expected, expected);
        assert!(!append.events.is_empty());
        append.events.iter().for_each(|it| self.push(&append.stream, it.clone(), &append.actor));
    }

    /// What a gateway says, as the rim takes it; `cut` stops after the first append of several.
    #[track_caller]
    fn deliver(&mut self, notice: &Notice, cut: bool) {
        let suspense = self.suspense.stream();
        let at = notice.occurred_at;
        match route(notice, &self.suspense, &self.owners) {
            Route::Suspense => {
                let events = self.suspense.book(notice).unwrap();
                self.record(&suspense, at, events);
                return;
            }
            Route::Assign(tenant) => {
                let object = notice.object().unwrap().clone();
                let command = PaymentAssigned { object, tenant, invoice: None };
                let events = self.suspense.assign(&command, &self.account).unwrap();
                self.record(&suspense, at, events);
                if cut {
                    return;
                }
                self.book_assigned();
            }
            Route::Account(_) => (),
        }
        let events = self.account.book(notice, None).unwrap();
        self.record(&Stream::Account(tenant()), at, events);
    }

    #[track_caller]
    fn record(&mut self, stream: &Stream, at: Timestamp, events: Vec<Event>) {
        let actor = Actor { who: parsed("stripe"), role: Role::Gateway };
        for event in events {
            let new = NewEvent { event, occurred_at: at, key: None, fingerprint: None };
            self.push(stream, new, &actor);
        }
    }

    #[track_caller]
    fn book_assigned(&mut self) {
        let all = self.suspense.all_assigned().cloned().collect::<Vec<_>>();
        for assigned in all {
            let step = next_assigned(&self.suspense, &assigned, &self.account, self.reached);
            if let Some(step) = step {
                self.append(&step);
            }
            let step = next_assigned(&self.suspense, &assigned, &self.account, self.reached);
            assert_eq!(step, None, "an assignment is booked in one append");
        }
    }

    fn books<'a>(&'a self, tenant: &'a TenantId) -> Books<'a> {
        let Self { account, reached, invoices, .. } = self;
        Books { tenant, account, reached: *reached, invoices }
    }

    #[track_caller]
    fn step(&mut self, now: Timestamp) -> Option<Standing> {
        let tenant = tenant();
        let books = self.books(&tenant);
        let deployments = self.deployments.iter().map(|(slug, deployment, reached)| Followed {
            slug,
            deployment,
            reached: *reached,
        });
        let deployments = deployments.collect::<Vec<_>>();
        match next(&books, &deployments, DunningTerms::default(), now).unwrap() {
            Step::Done(standing) => Some(standing),
            Step::Append(append) => {
                self.append(&append);
                None
            }
        }
    }

    /// A tick, to its end.
    #[track_caller]
    fn tick(&mut self, now: Timestamp) -> Standing {
        self.book_assigned();
        for _ in 0..200 {
            if let Some(standing) = self.step(now) {
                return standing;
            }
        }
        panic!("the tick does not end");
    }

    /// The world as whoever starts anew sees it.
    fn rebuilt(&self) -> Self {
        let mut world = Self::empty();
        for record in &self.log {
            world.fold(record);
            world.log.push(record.clone());
        }
        world
    }

    fn state(&self, slug: &str) -> State {
        let mut deployments = self.deployments.iter();
        deployments.find(|it| it.0.as_str() == slug).unwrap().1.state().unwrap()
    }

    fn due(&self, number: &str) -> Money {
        let number = parsed(number);
        let documents = self.invoices.iter().flat_map(InvoiceFold::documents);
        let due = documents.into_iter().find(|it| it.document.number == number).unwrap().due;
        if due.is_negative() { aud(0) } else { due }
    }

    fn balance(&self, at: Timestamp) -> Exact {
        self.account.credit().balance(at).unwrap()
    }
}
