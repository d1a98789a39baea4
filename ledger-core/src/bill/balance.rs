//! The balance of our account with a provider, as its interface shows it. Names and addresses in
//! such an answer are not read.

use super::finding::Findings;
use super::json::{Item, Node};
use super::number::{Exponents, Spelling};
use super::times;
use super::{BillError, check_size};
use crate::event::provider::BalanceObserved;
use crate::money::{Currency, Money};
use crate::time::Timestamp;

/// A balance that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceReading {
    /// What it is.
    pub observed: BalanceObserved,
    /// When it was made, where the provider says so.
    pub generated_at: Option<Timestamp>,
}

const NUMBER: Spelling = Spelling { exponents: Exponents::Any, ..Spelling::PLAIN };

/// Reads the balance that DigitalOcean or Vultr answers with. Both are in US dollars, and in both
/// an amount below zero is credit with the provider.
pub fn read_balance(bytes: &[u8]) -> Result<BalanceReading, BillError> {
    check_size(bytes)?;
    let mut findings = Findings::default();
    let reading = Node::parse(bytes, &mut findings).and_then(|it| read(it, &mut findings));
    reading.filter(|_| findings.is_empty()).ok_or(BillError::Wrong(findings))
}

fn read(root: Node<'_>, findings: &mut Findings) -> Option<BalanceReading> {
    let (item, balance, used) = match root.member("account") {
        Some(node) => {
            (Item::new(node, "/account".to_owned(), findings)?, "balance", "pending_charges")
        }
        None => {
            (Item::new(root, String::new(), findings)?, "account_balance", "month_to_date_usage")
        }
    };
    let before = findings.count();
    let amount = item.required(balance, findings);
    let amount = amount.and_then(|it| it.number(NUMBER, "an amount in dollars", findings));
    let used = item.optional(used, findings);
    let used = used.and_then(|it| it.number(NUMBER, "an amount in dollars", findings));
    let generated_at = item.optional("generated_at", findings);
    let generated_at =
        generated_at.and_then(|it| it.time(times::rfc3339, "an RFC 3339 time", findings));
    if findings.count() > before {
        return None;
    }
    let usd = |it| Money::new(it, Currency::USD);
    let observed = BalanceObserved { balance: usd(amount?), used_since_bill: used.map(usd) };
    Some(BalanceReading { observed, generated_at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<(&str, Option<&str>, Option<&str>)>) {
        let usd = |it| Money::parse(it, Currency::USD).unwrap();
        let expected = expected.map(|(balance, used, at)| BalanceReading {
            observed: BalanceObserved { balance: usd(balance), used_since_bill: used.map(usd) },
            generated_at: at.map(|it| it.parse().unwrap()),
        });
        assert_eq!(read_balance(json.as_bytes()).ok(), expected, "{json}");
    }

    #[test]
    fn a_balance_is_read_by_its_sign_and_no_name_with_it() {
        check(
            r#"{"month_to_date_balance": "23.44", "account_balance": "12.23",
                "month_to_date_usage": "11.21", "generated_at": "2026-04-09T15:01:12Z"}"#,
            Some(("12.23", Some("11.21"), Some("2026-04-09T15:01:12Z"))),
        );
        check(
            r#"{"account": {"balance": -5519.11, "pending_charges": 57.03, "email": "a@b.test"}}"#,
            Some(("-5519.11", Some("57.03"), None)),
        );
        check(r#"{"account": {"balance": 0}}"#, Some(("0", None, None)));
        // Credit with the provider, as each of them writes it.
        check(
            r#"{"month_to_date_balance": "-7.77", "account_balance": "-12.23",
                "month_to_date_usage": "4.46", "generated_at": "2026-04-09T15:01:12Z"}"#,
            Some(("-12.23", Some("4.46"), Some("2026-04-09T15:01:12Z"))),
        );
        check(r#"{"account": {"balance": -1.5E+2}}"#, Some(("-150", None, None)));
        check(r#"{"account": {"balance": "-0.00"}}"#, Some(("0", None, None)));
        for bad in [
            r#"{"account": {"balance": "1,00"}}"#,
            r#"{"account": {"balance": null}}"#,
            r#"{"account": 1}"#,
            r#"{"account_balance": "1.00", "generated_at": "yesterday"}"#,
            r#"{"id": "unauthorized"}"#,
            "[]",
            "",
        ] {
            check(bad, None);
        }
    }
}
