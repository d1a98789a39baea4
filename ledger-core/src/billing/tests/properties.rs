//! What holds for every history.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::money::Quantity;
use crate::price::quote;
use crate::testing;
use crate::testing::events::event;
use crate::testing::values::timestamp;

const KINDS: [&str; 4] = ["droplet_hours", "spaces_gb_month", "llm_tokens", "gpu_hours"];

#[derive(Debug, Clone)]
struct Reading {
    kind: &'static str,
    day: u32,
    right: u32,
    wrong: Vec<u32>,
}

fn reading() -> impl Strategy<Value = Reading> {
    let quantity = || prop_oneof![Just(0_u32), 0..3_000_u32, 0..3_000_000_u32];
    (select(KINDS.to_vec()), 1..=30_u32, quantity(), vec(quantity(), 0..3))
        .prop_map(|(kind, day, right, wrong)| Reading { kind, day, right, wrong })
}

fn studio(addon: Option<&str>, since: &str) -> Ledger {
    let mut ledger = Ledger::of_a_reseller();
    ledger.create("shop", since, Beginning::Active);
    ledger.subscribe("shop", since, "studio");
    if let Some(code) = addon {
        ledger.attach("shop", since, code);
    }
    ledger
}

fn use_it(ledger: &mut Ledger, it: &Reading, quantity: u32) -> Revision {
    ledger.used("shop", &format!("2026-04-{:02}", it.day), it.kind, &quantity.to_string())
}

proptest! {
    #![proptest_config(testing::cases(10_000))]

    /// A record that was wrong and corrected, however often, bills as if right from the start; one
    /// corrected to zero bills as if it had never been there.
    #[test]
    fn corrected_usage_bills_as_if_right_from_the_start(readings in vec(reading(), 0..12)) {
        let mut corrected = studio(None, "2026-04-01");
        let mut right = corrected.clone();
        let mut late = Vec::new();
        for it in &readings {
            let Some((first, more)) = it.wrong.split_first() else {
                use_it(&mut corrected, it, it.right);
                use_it(&mut right, it, it.right);
                continue;
            };
            let record = use_it(&mut corrected, it, *first);
            late.extend(more.iter().chain([&it.right]).map(|quantity| (record, *quantity)));
            if it.right > 0 {
                use_it(&mut right, it, it.right);
            }
        }
        for (record, quantity) in late {
            corrected.correct(record, &quantity.to_string());
        }
        let (corrected, right) = (corrected.price("2026-04"), right.price("2026-04"));
        prop_assert_eq!(told(&corrected), told(&right));
        prop_assert_eq!(corrected.total, right.total);
        prop_assert_eq!(corrected.tax, right.tax);
    }

    /// What was quoted for a month is what its events bill, line by line before tax.
    #[test]
    fn a_quote_is_the_invoice(
        plan in select(vec!["starter", "studio", "pro"]),
        addon in option::of(select(vec!["storage_50gb", "storage_250gb", "llm_1m"])),
        projected in vec((select(KINDS.to_vec()), 0..3_000_000_u32), 0..6),
        pieces in 1..4_u32,
    ) {
        let mut ledger = Ledger::of_a_reseller();
        ledger.create("quote", "2026-04-01", Beginning::Active);
        ledger.subscribe("quote", "2026-04-01T12:00:00Z", plan);
        if let Some(code) = addon {
            ledger.attach("quote", "2026-04-01T12:00:00Z", code);
        }
        let mut sums = BTreeMap::new();
        for (kind, quantity) in &projected {
            for piece in 1..=pieces {
                let when = format!("2026-04-{:02}", piece * 7);
                ledger.used("quote", &when, kind, &quantity.to_string());
            }
            *sums.entry(parsed(kind)).or_insert(0) += quantity * pieces;
        }
        let projected = sums.into_iter().map(|(kind, it)| (kind, Quantity::whole(it))).collect();
        let plan = seed().plans.into_iter().find(|it| it.plan.as_str() == plan).unwrap();
        let addons = seed().addons.into_iter().filter(|it| Some(it.code.as_str()) == addon);
        let addons = addons.collect::<Vec<_>>();
        let starts_on = parsed("2026-04-01");
        let quoted = quote(&Arc::new(plan), &addons, &projected, starts_on, &[]).unwrap();
        let mut quoted_lines = quoted.recurring.iter().chain(&quoted.overage);
        let invoice = ledger.price("2026-04");
        for billed in invoice.lines.iter().filter(|it| it.line.kind != LineKind::Tax) {
            let quoted = quoted_lines.next().unwrap();
            let bare = |line: &Line| Line {
                provenance: crate::event::invoice::Provenance { sources: Vec::new(), sha256: None },
                ..line.clone()
            };
            prop_assert_eq!(bare(&billed.line), bare(&quoted.line));
        }
        prop_assert_eq!(quoted_lines.next(), None);
        prop_assert_eq!(invoice.subtotal, quoted.all_in_monthly);
    }

    /// Where a worker stopped, and what it wrote down before, does not show in any state.
    #[test]
    fn a_restart_leaves_no_trace(readings in vec(reading(), 0..8), cut in any::<Index>()) {
        let mut ledger = studio(Some("storage_50gb"), "2026-04-01");
        for it in &readings {
            let record = use_it(&mut ledger, it, it.right);
            for wrong in &it.wrong {
                ledger.correct(record, &wrong.to_string());
            }
        }
        let of = |stream: &str| ledger.streams.get(&parsed(stream)).cloned().unwrap_or_default();
        restarted(CatalogFold::default(), CatalogFold::fold, &of("catalog"), cut)?;
        let tenant = || parsed::<TenantId>("acme");
        restarted(TenantFold::of(tenant()), TenantFold::fold, &of("account-acme"), cut)?;
        let shop = DeploymentFold::of(tenant(), parsed("shop"));
        restarted(shop, DeploymentFold::fold, &of("deployment-acme.shop"), cut)?;
        let usage = UsageFold::of(tenant(), parsed("2026-04"));
        restarted(usage, UsageFold::fold, &of("usage-acme.2026-04"), cut)?;
    }

    /// Anything that may stand in these streams folds and prices, or is refused; nothing panics.
    #[test]
    fn nothing_that_can_be_recorded_makes_a_price_panic(
        events in vec((event(), timestamp()), 0..60),
        until in timestamp(),
    ) {
        let mut ledger = studio(Some("storage_50gb"), "2026-04-01");
        ledger.discover("1", "2026-04-02", "droplet");
        ledger.link("shop", "2026-04-02", "1");
        let streams = [
            "catalog",
            "account-acme",
            "deployment-acme.shop",
            "usage-acme.2026-04",
            "resource-do.1",
        ];
        for (event, occurred_at) in events {
            let stream = streams.into_iter().map(parsed::<Stream>).find(|it| event.belongs_in(it));
            let Some(stream) = stream else { continue };
            // Usage of another month is refused before anything else is looked at.
            let is_outside = occurred_at.period() != parsed("2026-04");
            let is_refused = matches!(stream, Stream::Usage(..)) && is_outside;
            let occurred_at = if is_refused { at("2026-04-09") } else { occurred_at };
            let new = NewEvent { event, occurred_at, key: None, fingerprint: None };
            // An event that does not fold stays out, so that those after it are met too.
            let mut grown = ledger.clone();
            grown.push(&stream, new, &Actor { who: parsed("test"), role: Role::Operator });
            if gather(&grown).is_ok() {
                ledger = grown;
            }
        }
        let basis = gather(&ledger).unwrap();
        if let Ok(document) = basis.price(RULES_VERSION, until) {
            for it in &document.lines {
                prop_assert_eq!(it.explain.verify(), Ok(()));
                prop_assert!(it.line.amount.is_whole_minor());
            }
        }
    }
}

fn gather(ledger: &Ledger) -> Result<Basis, GatherError> {
    let (tenant, period) = (parsed("acme"), parsed("2026-04"));
    let deployments = ledger.deployments("acme");
    Basis::gather(&tenant, period, deployments, ledger.head(), |it| ledger.read(it))
}

fn restarted<F: Clone + PartialEq + std::fmt::Debug + Serialize + DeserializeOwned>(
    begun: F,
    fold: fn(F, &Record) -> Result<F, FoldError>,
    records: &[Record],
    cut: Index,
) -> Result<(), TestCaseError> {
    let (before, after) = records.split_at(cut.index(records.len() + 1));
    let whole = records.iter().try_fold(begun.clone(), fold).unwrap();
    let stopped = before.iter().try_fold(begun, fold).unwrap();
    let text = serde_json::to_string(&stopped).unwrap();
    let bytes = postcard::to_allocvec(&stopped).unwrap();
    let (from_bytes, rest) = postcard::take_from_bytes::<F>(&bytes).unwrap();
    prop_assert!(rest.is_empty());
    for resumed in [serde_json::from_str(&text).unwrap(), from_bytes] {
        prop_assert_eq!(&after.iter().try_fold(resumed, fold).unwrap(), &whole);
    }
    if let Some(first) = records.first() {
        // A record that came before is refused by its place.
        let again = fold(whole, first);
        let is_refused = matches!(again, Err(FoldError::OutOfOrder { .. }));
        prop_assert!(is_refused);
    }
    Ok(())
}
