//! Ledgers made at test time, with segments so small that some are sealed, and signed checkpoints.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ledger_core::billing::{self, Ask, Errand, Heads, Step, Terms, notes_of};
use ledger_core::event::{Event, invoice};
use ledger_core::id::{Actor, DeploymentSlug, IssuerId, Role, TenantId};
use ledger_core::log::embedded::{EmbeddedLog, Options, Threads};
use ledger_core::log::keeper::{Keeper, StoredTiles};
use ledger_core::log::prover::catch_up;
use ledger_core::log::storage::{FileSystem, Storage};
use ledger_core::log::{Append, EventLog, Expected, NewEvent, OnConflict, ReadStream, Revision};
use ledger_core::money::Money;
use ledger_core::stream::Stream;
use ledger_core::testing::log::{ManualClock, append, usage, usage_stream};
use ledger_core::time::BillingPeriod;
use serde_json::{Value, json};

/// A ledger that is open for writing.
pub(crate) struct Ledger {
    pub(crate) directory: tempfile::TempDir,
    clock: Arc<ManualClock>,
    log: EmbeddedLog,
    keeper: Keeper,
    tiles: StoredTiles,
}

impl Ledger {
    /// An empty one. The seed makes its keys.
    pub(crate) fn new(seed: u8) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let storage: Arc<dyn Storage> = Arc::new(FileSystem::open(directory.path()).unwrap());
        let clock = Arc::new(ManualClock::at("2026-06-01T00:00:00Z".parse().unwrap()));
        let options = Options {
            segment_bytes: 16 * 1024,
            clock: clock.clone(),
            threads: Threads::Caller,
            ..Options::default()
        };
        let log = EmbeddedLog::open(Arc::clone(&storage), options).unwrap();
        let origin = "example.com/ledger".parse().unwrap();
        let mut drawn = seed;
        let entropy = Box::new(move || {
            drawn = drawn.wrapping_add(1);
            Ok([drawn; 32])
        });
        let keeper = Keeper::open(Arc::clone(&storage), origin, entropy).unwrap();
        Self { directory, clock, log, keeper, tiles: StoredTiles::new(storage) }
    }

    /// One with usage of two tenants: several segments, two checkpoints.
    pub(crate) fn of_usage(seed: u8) -> Self {
        let mut ledger = Self::new(seed);
        for day in 0..400 {
            let tenant = if day % 3 == 0 { "beta" } else { "acme" };
            let events = vec![usage(tenant, &format!("droplet-{day}"), day + 1)];
            ledger.append(append(usage_stream(tenant), Expected::Any, events));
            if day == 200 {
                ledger.sign();
            }
        }
        while ledger.log.work_once() {}
        ledger.sign();
        ledger
    }

    /// The April of DOMAIN.md, invoiced; `tamper` may change the document before it is recorded.
    pub(crate) fn of_april(tamper: impl Fn(&mut invoice::Issued)) -> Self {
        let mut ledger = Self::new(1);
        let plan = json!({
            "plan": "studio", "name": "Studio",
            "charge": {"monthly": {"amount": "50.00", "currency": "AUD"}},
            "items": [{"kind": "droplet_hours", "unit": "hour", "included": "1488",
                       "price": {"per_unit": "0.01"}, "aggregation": "sum", "hard_cap": null}],
            "grants": [], "limits": null, "ladder": null, "commitment": null,
        });
        let seven = json!({"amount": "7.50", "currency": "AUD"});
        let tax = json!({"name": "GST", "rate": "10", "basis": "total",
                         "rounding": "half_away_from_zero"});
        let droplets = json!({"kind": "droplet_hours", "quantity": "720", "unit": null,
                              "category": null, "deployment": "shop", "resource": null});
        let story = [
            ("catalog", "catalog-plan-published.v1", json!({"version": 1, "plan": plan})),
            (
                "account-acme",
                "account-tenant-registered.v1",
                json!({
                "name": "Acme", "currency": "AUD", "settlement": "invoiced", "internal": false}),
            ),
            (
                "account-acme",
                "account-tax-profile-set.v1",
                json!({
                "customer": {"name": "Acme Pty Ltd", "address": [], "tax_number": null},
                "tax": tax}),
            ),
            (
                "deployment-acme.shop",
                "deployment-created.v1",
                json!({
                "beginning": "active", "name": null, "region": null, "llm_mode": null,
                "template": null}),
            ),
            (
                "deployment-acme.shop",
                "deployment-subscribed.v1",
                json!({
                "plan": "studio", "version": 1}),
            ),
            (
                "deployment-acme.shop",
                "deployment-addon-attached.v1",
                json!({
                "attachment": "storage", "addon": "storage_50gb", "kind": "spaces_gb_month",
                "price": seven, "quantity": "50"}),
            ),
            ("usage-acme.2026-04", "usage-recorded.v1", droplets.clone()),
            ("usage-acme.2026-04", "usage-recorded.v1", droplets.clone()),
            ("usage-acme.2026-04", "usage-recorded.v1", droplets),
        ];
        for (stream, wire, data) in story {
            ledger.record(stream, wire, &data);
        }
        ledger.issue(Ask::RollUp, tamper);
        ledger.sign();
        ledger
    }

    /// April of a tenant that pays in advance: 100 hours at 0.01, for which this was drawn, and a
    /// week of paying that was reached then. Its invoice charges the draw, whatever it says.
    pub(crate) fn of_prepaid(drawn: &str, week_reached_at: &str) -> Self {
        let mut ledger = Self::new(1);
        let price = json!({
            "kind": "vm_hours", "unit": "hour", "price": "0.01", "currency": "AUD",
            "ladder": {"tiers": [{"name": "week", "days": 7, "multiplier": "0.5"}],
                       "categories": ["llm"], "default_category": null},
        });
        let drawn = json!({"amount": drawn, "currency": "AUD"});
        let kinds = json!([{"kind": "vm_hours", "quantity": "100", "amount": drawn}]);
        let purpose = json!({"usage": {"period": "2026-04", "reached": 0, "kinds": kinds}});
        let story = [
            (
                "catalog",
                "catalog-resource-price-set.v1",
                json!({"price": price, "effective_at": "2026-01-01T00:00:00Z"}),
            ),
            (
                "account-acme",
                "account-tenant-registered.v1",
                json!({
                "name": "Acme", "currency": "AUD", "settlement": "prepaid", "internal": false}),
            ),
            (
                "account-acme",
                "account-credit-topped-up.v1",
                json!({
                "lot": "a", "amount": {"amount": "50", "currency": "AUD"}, "expires_at": null,
                "origin": {"operator": {"reason": "paid in"}}}),
            ),
            (
                "usage-acme.2026-04",
                "usage-recorded.v1",
                json!({"kind": "vm_hours", "quantity": "100", "unit": "hour",
                       "category": "vm", "deployment": null, "resource": null}),
            ),
            (
                "account-acme",
                "account-credit-drawn.v1",
                json!({"amount": drawn, "lots": [], "purpose": purpose}),
            ),
            (
                "account-acme",
                "account-discount-tier-reached.v1",
                json!({"tier": "week", "days": 7, "multiplier": "0.5",
                       "reached_at": week_reached_at}),
            ),
            (
                "register-main",
                "invoice-number-taken.v1",
                json!({"number": "INV-000001", "document": "invoice", "tenant": "acme",
                       "period": "2026-04", "purpose": "period"}),
            ),
        ];
        for (stream, wire, data) in story {
            ledger.record(stream, wire, &data);
        }
        ledger.issue(Ask::Finish, |_| ());
        ledger.sign();
        ledger
    }

    fn record(&mut self, stream: &str, wire: &str, data: &Value) {
        let event = json!({"type": wire, "data": data}).to_string();
        let event: Event = serde_json::from_str(&event).unwrap();
        let occurred_at = "2026-04-01T00:00:00Z".parse().unwrap();
        let event = NewEvent { event, occurred_at, key: None, fingerprint: None };
        self.append(append(stream.parse().unwrap(), Expected::Any, vec![event]));
    }

    fn append(&mut self, append: Append) {
        self.clock.pass(1_000_000);
        let append = Append { on_conflict: OnConflict::RefuseAll, ..append };
        self.log.append(append).wait().unwrap();
    }

    fn issue(&mut self, ask: Ask<'_>, tamper: impl Fn(&mut invoice::Issued)) {
        let tenant: TenantId = "acme".parse().unwrap();
        let issuer: IssuerId = "main".parse().unwrap();
        let period: BillingPeriod = "2026-04".parse().unwrap();
        let slug: DeploymentSlug = "shop".parse().unwrap();
        let terms = Terms {
            issued_by: serde_json::from_value(json!({
                "name": "Reseller", "address": [], "tax_number": null}))
            .unwrap(),
            tax_words: Vec::new(),
            note_words: Vec::new(),
            number_prefix: Terms::NUMBER_PREFIX.to_owned(),
            due_days: Terms::DUE_DAYS,
            actor: Actor { who: "rollup".parse().unwrap(), role: Role::System },
        };
        let notes = notes_of(&issuer).unwrap();
        let mut books = None;
        loop {
            let records = |stream: &Stream| {
                self.log.read_stream(stream, ReadStream::Forwards(Revision::FIRST))
            };
            let heads = Heads::read([&issuer, &notes], &tenant, period, records).unwrap();
            let errand = Errand {
                ask,
                terms: &terms,
                heads: &heads,
                books: books.as_ref(),
                now: "2026-06-01T00:00:00Z".parse().unwrap(),
            };
            match billing::next(&errand).unwrap() {
                Step::Gather(up_to) => {
                    let up_to = up_to.unwrap_or_else(|| self.log.head());
                    books = Some(heads.gather([slug.clone()], up_to, records).unwrap());
                }
                Step::Append(append) => {
                    let mut append = *append;
                    for event in &mut append.events {
                        if let Event::Invoice(invoice::Event::Issued(issued)) = &mut event.event {
                            tamper(issued);
                        }
                    }
                    self.append(append);
                }
                Step::Done(_) => return,
            }
        }
    }

    /// Builds the tree up to the head and signs it.
    fn sign(&mut self) {
        catch_up(&mut self.keeper, &self.log.reader(), &self.tiles, || true).unwrap();
    }

    pub(crate) fn head(&self) -> u64 {
        self.log.head().get()
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.path().join("keys/checkpoint.vkey")
    }

    /// Closes it and keeps its files.
    pub(crate) fn closed(self) -> tempfile::TempDir {
        self.log.close().unwrap();
        self.directory
    }
}

/// An amount in AUD.
pub(crate) fn aud(amount: &str) -> Money {
    serde_json::from_value(json!({"amount": amount, "currency": "AUD"})).unwrap()
}

/// The segment files, in order.
pub(crate) fn segments(directory: &Path, kind: &str) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(directory.join("segments")).unwrap();
    let mut paths: Vec<PathBuf> = listed.map(|it| it.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == kind));
    paths.sort();
    paths
}
