//! Explanations that hold, and audits that find what was tampered with.

use proptest::prelude::*;
use proptest::sample::Index;

use super::process::APRIL;
use super::*;
use crate::testing;

impl Ledger {
    pub(super) fn issued(&self, tenant: &str, period: &str) -> IssuedDocument {
        self.invoices_of(tenant, period).rolled_up().unwrap().clone()
    }

    pub(super) fn audit(&self, tenant: &str, period: &str) -> Result<Verdict, AuditError> {
        self.audit_of((tenant, period), &self.issued(tenant, period), &[])
    }

    /// Audits a document of a period.
    pub(super) fn audit_of(
        &self,
        (tenant, period): (&str, &str),
        document: &IssuedDocument,
        deployments: &[&str],
    ) -> Result<Verdict, AuditError> {
        let documented = self.heads(tenant, period).documented().collect::<Vec<_>>();
        let deployments = deployments.iter().map(|it| parsed(it));
        let (tenant, period) = (parsed(tenant), parsed(period));
        audit(&tenant, period, document, documented, deployments, |it| self.read(it))
    }

    /// Explains a document of a period.
    pub(super) fn explain(
        &self,
        (tenant, period): (&str, &str),
        it: &IssuedDocument,
    ) -> Explanation {
        let heads = self.heads(tenant, period);
        let (deployments, up_to) = (self.deployments(tenant), it.document.folded_to);
        explain(it, &heads.gather(deployments, up_to, |it| self.read(it)).unwrap()).unwrap()
    }
}

fn april() -> Ledger {
    let mut ledger = Ledger::of_april();
    ledger.roll_up("acme", "2026-04");
    ledger
}

fn usage_records(ledger: &mut Ledger) -> &mut Vec<Record> {
    ledger.streams.get_mut(&parsed::<Stream>("usage-acme.2026-04")).unwrap()
}

fn tamper(record: &mut Record, quantity: &str) {
    let Event::Usage(usage::Event::Recorded(it)) = &mut record.event else {
        panic!("{record:?} is no usage")
    };
    it.quantity = parsed(quantity);
}

#[test]
fn an_invoice_that_nobody_touched_matches_also_after_more_has_come() {
    let mut ledger = april();
    assert!(ledger.audit("acme", "2026-04").unwrap().matches);
    ledger.used("shop", "2026-04-20", "droplet_hours", "500");
    ledger.subscribe("shop", "2026-05-02", "pro");
    let verdict = ledger.audit("acme", "2026-04").unwrap();
    assert!(verdict.matches, "{verdict}");
    assert_eq!(verdict.to_string(), "matches: 4 lines, rules 1, known to 306\n");
}

#[test]
fn a_tampered_quantity_is_named_by_line_and_record() {
    let mut ledger = april();
    tamper(&mut usage_records(&mut ledger)[2], "124");
    let verdict = ledger.audit("acme", "2026-04").unwrap();
    let [overage, tax, totals] = verdict.differences.as_slice() else { panic!("{verdict}") };
    let Difference::Line { number, parts, issued, made, found } = overage else {
        panic!("{verdict}")
    };
    let all = [LinePart::Quantity, LinePart::Amount, LinePart::Digest];
    assert_eq!((*number, parts.as_slice()), (3, all.as_slice()));
    assert_eq!(
        (issued.amount.amount_text(), made.amount.amount_text()),
        ("6.72".into(), "7.72".into())
    );
    let quoted = found.quoted.iter().find(|it| it.stream == parsed("usage-acme.2026-04"));
    assert!(quoted.is_some() && found.quoted.iter().any(|it| it.record.contains("\"124\"")));
    assert!(matches!(tax, Difference::Line { number: 4, .. }));
    assert!(matches!(totals, Difference::Totals { .. }));
    let text = verdict.to_string();
    assert!(text.contains("line 3 differs in quantity, amount, digest"), "{text}");
    assert!(text.contains("  > and "), "{text}");
}

#[test]
fn a_record_that_says_the_same_otherwise_is_found_by_its_digest() {
    let mut ledger = april();
    usage_records(&mut ledger)[5].actor.who = parsed("somebody else");
    let verdict = ledger.audit("acme", "2026-04").unwrap();
    let digest = [LinePart::Digest];
    let parts = verdict.differences.iter().map(|it| {
        let Difference::Line { number, parts, .. } = it else { panic!("{it}") };
        (*number, parts.as_slice())
    });
    assert_eq!(parts.collect::<Vec<_>>(), [(3, digest.as_slice()), (4, digest.as_slice())]);
}

#[test]
fn a_document_is_held_to_its_lines_and_the_log_to_the_document() {
    let ledger = april();
    let whole = ledger.issued("acme", "2026-04");
    let check = |document: &IssuedDocument| ledger.audit_of(APRIL, document, &["shop"]);
    let mut cut = whole.clone();
    cut.document.lines.remove(1);
    let verdict = check(&cut).unwrap();
    let is_missing = |it: &Difference| {
        let Difference::LineMissing { made, .. } = it else { return false };
        made.kind == LineKind::Addon
    };
    assert!(verdict.differences.iter().any(is_missing), "{verdict}");
    assert!(verdict.differences.iter().any(|it| matches!(it, Difference::Sum { .. })));

    let mut grown = whole.clone();
    let twice = grown.document.lines[1].clone();
    grown.document.lines.push(twice);
    let verdict = check(&grown).unwrap();
    let is_extra = |it: &Difference| matches!(it, Difference::LineTooMany { number: 5, .. });
    assert!(verdict.differences.iter().any(is_extra), "{verdict}");

    let mut empty = whole.clone();
    empty.document.lines.clear();
    assert_eq!(check(&empty).unwrap().differences.len(), 5);
    assert!(check(&whole).unwrap().matches);
}

#[test]
fn rules_nobody_knows_are_no_verdict() {
    let ledger = april();
    let mut document = ledger.issued("acme", "2026-04");
    document.document.rules = 999;
    let error = ledger.audit_of(APRIL, &document, &[]).unwrap_err();
    assert_eq!(error, AuditError::Price(BasisError::RulesUnknown { rules: 999 }));
}

#[test]
fn a_record_that_is_gone_is_no_verdict() {
    let mut ledger = april();
    usage_records(&mut ledger).remove(40);
    let error = ledger.audit("acme", "2026-04").unwrap_err();
    let AuditError::Gather(GatherError::Fold { source, .. }) = error else { panic!("{error:?}") };
    let expected = Revision::new(40);
    assert!(matches!(*source, FoldError::OutOfOrder { expected: it, .. } if it == expected));
}

#[test]
fn an_explanation_is_the_arithmetic_of_the_line() {
    let ledger = april();
    let document = ledger.issued("acme", "2026-04");
    let explanation = ledger.explain(APRIL, &document);
    for ExplainedLine { line, step } in &explanation.lines {
        let step = step.as_ref().unwrap();
        assert_eq!(step.verify(), Ok(()));
        assert_eq!(step.value.to_exact(), Some(line.amount.amount()));
    }
    let text = serde_json::to_string(&explanation).unwrap();
    assert_eq!(serde_json::from_str::<Explanation>(&text).unwrap(), explanation);
    let told = explanation.to_string();
    for expected in [
        "INV-000001 of acme for 2026-04, rules 1, known to 306\n",
        "3. overage: droplet_hours beyond the allowance = 6.72 AUD\n",
        "used = 2160 [usage-acme.2026-04 0-89]\n",
        "included in a month = 1488 [catalog 1, deployment-acme.shop 1]\n",
        "net 64.22 AUD, tax 6.42 AUD, gross 70.64 AUD\n",
    ] {
        assert!(told.contains(expected), "{expected} is not in\n{told}");
    }
    let mut other = document.clone();
    other.document.lines[2].amount = other.document.lines[1].amount;
    assert_eq!(ledger.explain(APRIL, &other).lines[2].step, None);
}

proptest! {
    #![proptest_config(testing::cases(2_000))]

    /// Whichever record that a line rests on says another quantity, the audit names that line, and
    /// the record is among those it quotes or counts.
    #[test]
    fn a_tampered_quantity_never_passes(which in any::<Index>(), quantity in 0..10_000_u32) {
        let mut ledger = april();
        let records = usage_records(&mut ledger);
        let place = which.index(records.len());
        prop_assume!(quantity != 24);
        tamper(&mut records[place], &quantity.to_string());
        let verdict = ledger.audit("acme", "2026-04").unwrap();
        prop_assert!(!verdict.matches);
        let named = |it: &Difference| {
            let (Difference::Line { number: 3, found, .. }
            | Difference::LineTooMany { number: 3, found, .. }) = it
            else {
                return false;
            };
            found.records > 0
        };
        prop_assert!(verdict.differences.iter().any(named), "{}", verdict);
    }
}
