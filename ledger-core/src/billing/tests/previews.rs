//! What a period would be invoiced, before it is: the same as the invoice says when it is.

use super::process::issued;
use super::*;
use crate::report::{Accrual, accrual};

impl Ledger {
    fn books(&self, tenant: &str, period: &str) -> Books {
        let heads = self.heads(tenant, period);
        heads.gather(self.deployments(tenant), self.head(), |it| self.read(it)).unwrap()
    }

    fn preview(&self, tenant: &str, period: &str, until: &str) -> Option<Preview> {
        preview(&self.books(tenant, period), at(until), None).unwrap()
    }

    fn accrued(&self, period: &str, now: &str) -> Accrual {
        accrual(&self.books("acme", period), at(now)).unwrap()
    }
}

fn told(it: &Composed) -> (Vec<String>, String) {
    let lines = it.lines.iter().map(|it| tell(&it.line)).collect();
    (lines, it.totals.gross.amount_text())
}

#[test]
fn who_is_never_invoiced_has_no_preview_and_is_in_no_sum() {
    let mut ledger = Ledger::of_april();
    ledger.register("ours", Settlement::Invoiced, true);
    let created = Created {
        name: None,
        region: None,
        llm_mode: None,
        template: None,
        beginning: Beginning::Active,
    };
    ledger.tell("deployment-ours.lab", "2026-04-01", created);
    let subscribed = Subscribed { plan: parsed("pro"), version: 1 };
    ledger.tell("deployment-ours.lab", "2026-04-01", subscribed);
    assert_eq!(ledger.preview("ours", "2026-04", "2026-05-01"), None);
    let previews = ["acme", "ours"].map(|it| ledger.preview(it, "2026-04", "2026-05-01"));
    let sums = sum_previews(previews.iter().flatten()).unwrap();
    assert_eq!(sums[0].total.amount_text(), "70.64");
}

#[test]
fn prepaid_usage_is_previewed_as_if_it_were_drawn_now() {
    let mut ledger = Ledger::of_tokens("500", false);
    ledger.used("shop", "2026-04-02", "llm_tokens", "10000000");
    let until = "2026-04-03";
    let expected = (vec!["usage 10000000 - 100.00".to_owned()], "100.00".to_owned());
    assert_eq!(told(&ledger.preview("acme", "2026-04", until).unwrap().composed), expected);
    let accrued = ledger.accrued("2026-04", until).accrued;
    assert_eq!(told(&accrued), expected);
    assert_eq!(accrued.totals.net.amount_text(), "90.91");
    ledger.roll_up("acme", "2026-04");
    let april = ledger.preview("acme", "2026-04", "2026-05-01").unwrap();
    assert_eq!(told(&april.composed), expected);
    // More of April comes late and a record of it is corrected: May would draw and charge that.
    ledger.used("shop", "2026-04-30", "llm_tokens", "1000000");
    ledger.used("shop", "2026-05-02", "llm_tokens", "2000");
    let may = ledger.preview("acme", "2026-05", "2026-05-03").unwrap().composed;
    let lines = ["usage 2000 - 0.02", "adjustment 1000000 - 10.00"].map(String::from);
    assert_eq!(told(&may), (lines.to_vec(), "10.02".to_owned()));
    ledger.correct(Revision::new(0), "9000000");
    let before = ledger.events;
    let may = ledger.preview("acme", "2026-05", "2026-05-03").unwrap().composed;
    assert_eq!(told(&may), (vec!["usage 2000 - 0.02".to_owned()], "0.02".to_owned()));
    ledger.correct(Revision::new(1), "0");
    let may = ledger.preview("acme", "2026-05", "2026-06-01").unwrap().composed;
    assert_eq!(ledger.events, before + 1);
    ledger.roll_up("acme", "2026-05");
    let issued = ledger.issued("acme", "2026-05").document;
    assert_eq!(told(&may).0, issued.lines.iter().map(tell).collect::<Vec<_>>());
    assert_eq!(may.totals, issued.totals);
    assert_eq!(issued.totals.gross.amount_text(), "-9.98");
}

#[test]
fn an_internal_tenant_draws_nothing_and_none_is_foretold() {
    let mut ledger = Ledger::of_tokens("500", true);
    ledger.used("shop", "2026-04-02", "llm_tokens", "10000000");
    assert_eq!(ledger.accrued("2026-04", "2026-04-03").accrued.lines, []);
}

#[test]
fn what_accrues_is_what_an_invoice_would_hold_adjustments_included() {
    let mut ledger = Ledger::of_april();
    assert_eq!(ledger.roll_up("acme", "2026-04"), issued("INV-000001"));
    ledger.used("shop", "2026-04-20", "droplet_hours", "3");
    // 57.50 and 5.75 of May's own; 0.03 and 0.01 of April's late hours.
    let accrued = ledger.accrued("2026-05", "2026-06-01");
    let sums =
        |it: &Composed| [it.totals.net, it.totals.tax, it.totals.gross].map(|it| it.amount_text());
    assert_eq!(sums(&accrued.accrued), ["57.53", "5.76", "63.29"]);
    assert_eq!(accrued.accrued, accrued.projected);
    // Ten days of May are charged by the eleventh's first instant, and the whole is projected.
    let early = ledger.accrued("2026-05", "2026-05-10T12:00:00Z");
    assert_eq!(sums(&early.accrued), ["18.58", "1.87", "20.45"]);
    assert_eq!(sums(&early.projected), ["57.53", "5.76", "63.29"]);
}

#[test]
fn prepaid_usage_is_projected_at_its_pace() {
    let mut ledger = Ledger::of_tokens("500", false);
    ledger.used("shop", "2026-04-02", "llm_tokens", "10000000");
    let projected = ledger.accrued("2026-04", "2026-04-11").projected;
    let expected = (vec!["usage 30000000 - 300.00".to_owned()], "300.00".to_owned());
    assert_eq!(told(&projected), expected);
}
