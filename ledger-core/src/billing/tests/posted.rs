//! The documents of these stories in double entry: balanced, cleared, and what an accountant says.

use super::process::issued;
use super::*;
use crate::event::account::{CreditDrawn, DrawPurpose, KindAmount, LotPart};
use crate::id::TenantId;
use crate::money::{Exact, Money};
use crate::postings::{Account, Entry, Journal, balances};

impl Ledger {
    /// The entries of all records, in order of the log.
    fn entries(&self) -> Vec<Entry> {
        let mut records = self.streams.values().flatten().collect::<Vec<_>>();
        records.sort_by_key(|it| it.position);
        let (mut journal, mut entries) = (Journal::default(), Vec::new());
        for it in records {
            let (next, entry) = journal.fold(it).unwrap();
            journal = next;
            entries.extend(entry);
        }
        entries
    }

    fn balance_of(&self, account: Account, tenant: Option<&str>) -> String {
        let key = (account, tenant.map(parsed::<TenantId>), Currency::AUD);
        let balances = balances(&self.entries()).unwrap();
        balances.get(&key).map_or_else(|| "0".to_owned(), |it| it.amount().to_string())
    }

    /// Every entry sums to nothing, clearing accounts are empty, and what the journal says tenants
    /// owe and are owed is what their documents and lots say.
    pub(super) fn expect_postings(&self, periods: &[&str]) {
        for it in self.entries() {
            let amounts = it.postings.iter().map(|it| it.amount);
            assert!(Money::sum(Currency::AUD, amounts).unwrap().is_zero(), "{it:?}");
        }
        for clearing in [Account::CreditApplied, Account::CreditGiven, Account::Unallocated] {
            assert_eq!(self.balance_of(clearing, Some("acme")), "0", "{clearing:?}");
        }
        let mut due = Exact::ZERO;
        for period in periods {
            let documents = self.invoices_of("acme", period);
            for it in documents.documents().iter().filter(|it| !it.is_void()) {
                let left = it.due.amount();
                // What was given up is no receivable; what came beyond it is owed back.
                let left = if it.is_uncollectible { left.min(Exact::ZERO) } else { left };
                due = due.checked_add(left).unwrap();
            }
        }
        assert_eq!(self.balance_of(Account::Receivable, Some("acme")), due.to_string());
        let account = self.heads("acme", "2026-04").account;
        let credit = account.account().credit().balance(at("2026-12-01")).unwrap();
        assert_eq!(self.balance_of(Account::Credit, Some("acme")), credit.negated().to_string());
    }
}

#[test]
fn april_is_a_receivable_revenue_and_tax() {
    let mut ledger = Ledger::of_april();
    ledger.top_up("a", "20.009");
    ledger.roll_up("acme", "2026-04");
    let told = |it: &Entry| {
        let told = it.postings.iter();
        told.map(|it| format!("{:?} {}", it.account, it.amount.amount())).collect::<Vec<_>>()
    };
    let entries = ledger.entries().iter().map(told).collect::<Vec<_>>();
    let expected = [
        vec!["Cash 20.009", "Credit -20.009"],
        vec!["Credit 20", "CreditApplied -20"],
        vec!["Receivable 50.64", "Revenue -64.22", "TaxPayable -6.42", "CreditApplied 20"],
    ];
    assert_eq!(entries, expected);
    ledger.expect_postings(&["2026-04"]);
}

#[test]
fn what_rounding_a_prepaid_line_adds_is_posted_by_name() {
    let mut ledger = Ledger::of_a_reseller();
    ledger.register("bob", Settlement::Prepaid, false);
    for (reached, amount) in [(0, "0.0031"), (1, "0.0032")] {
        let amount = Money::parse(amount, Currency::AUD).unwrap();
        let kinds = vec![KindAmount { kind: parsed("llm_tokens"), quantity: parsed("1"), amount }];
        let (period, reached) = (parsed("2026-04"), Some(Revision::new(reached)));
        let purpose = DrawPurpose::Usage { period, reached, kinds };
        let lots: Vec<LotPart> = Vec::new();
        ledger.tell("account-bob", "2026-04-09", CreditDrawn { amount, lots, purpose });
    }
    assert_eq!(ledger.roll_up("bob", "2026-04"), issued("INV-000001"));
    let it = ledger.issued("bob", "2026-04");
    assert_eq!((it.due.amount_text(), it.state()), ("0.00".to_owned(), State::Paid));
    assert_eq!(ledger.balance_of(Account::PrepaidUsage, Some("bob")), "0");
    assert_eq!(ledger.balance_of(Account::Rounding, None), "0.0037");
    assert_eq!(ledger.balance_of(Account::Revenue, None), "-0.01");
    assert_eq!(ledger.balance_of(Account::Credit, Some("bob")), "0.0063");
    assert_eq!(ledger.balance_of(Account::Receivable, Some("bob")), "0");
}
