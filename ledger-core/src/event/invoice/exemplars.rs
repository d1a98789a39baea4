//! The fixed documents whose bytes are kept.

use super::*;
use crate::event::{Exemplar, aud, parsed};

fn line(kind: LineKind, description: &str, quantity: &str, amount: &str) -> Line {
    Line {
        kind,
        resource_kind: None,
        description: parsed(description),
        quantity: parsed(quantity),
        unit: None,
        unit_price: None,
        amount: aud(amount),
        deployment: Some(parsed("shop")),
        starts_on: parsed("2026-04-01"),
        ends_on: parsed("2026-05-01"),
        adjusts: None,
        original: None,
        taxable: true,
        settled: false,
        provenance: Provenance { sources: Vec::new(), sha256: None },
    }
}

fn overage() -> Line {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let span = SourceSpan {
        stream: parsed("usage-acme.2026-04"),
        first: Revision::new(0),
        last: Revision::new(2),
    };
    Line {
        resource_kind: Some(parsed("droplet_hours")),
        unit: Some(parsed("hour")),
        unit_price: Some(parsed("0.01")),
        provenance: Provenance { sources: vec![span], sha256: Some(parsed(digest)) },
        ..line(LineKind::Overage, "Droplet hours beyond 1488", "672", "6.72")
    }
}

fn tax(amount: &str) -> Line {
    Line { deployment: None, taxable: false, ..line(LineKind::Tax, "GST 10%", "1", amount) }
}

/// A line that corrects the overage of the invoice, or its tax.
fn adjustment(kind: LineKind, line: u32, description: &str, amount: &str) -> Line {
    let number = Some(parsed("CF-000042"));
    Line {
        adjusts: Some(parsed("2026-04")),
        original: Some(Original { kind, number, line: Some(line) }),
        taxable: false,
        ..self::line(LineKind::Adjustment, description, "1", amount)
    }
}

fn totals([net, tax, gross]: [&str; 3]) -> Totals {
    Totals { net: aud(net), tax: aud(tax), gross: aud(gross) }
}

fn amending(number: &str, lines: Vec<Line>, sums: [&str; 3]) -> Box<Document> {
    let adjusted = Adjusted { period: parsed("2026-04"), totals: totals(sums) };
    Box::new(Document { adjusted: vec![adjusted], ..*document(number, lines, sums) })
}

fn document(number: &str, lines: Vec<Line>, sums: [&str; 3]) -> Box<Document> {
    Box::new(Document {
        number: parsed(number),
        issuer: parsed("counterfoil"),
        issued_by: Party {
            name: parsed("Example Hosting Pty Ltd"),
            address: vec![parsed("2 Example Street"), parsed("Perth WA 6000")],
            tax_number: Some(parsed("ABN 51 824 753 556")),
        },
        issued_to: Party::exemplar(),
        words: vec![parsed("Tax invoice")],
        lines,
        tax: Some(TaxTerms::exemplar()),
        totals: totals(sums),
        adjusted: Vec::new(),
        rules: 1,
        folded_to: Position::new(1_234),
    })
}

impl Exemplar for NumberTaken {
    fn exemplar() -> Self {
        Self {
            number: parsed("CF-000042"),
            document: DocumentKind::Invoice,
            tenant: parsed("acme"),
            period: parsed("2026-04"),
            purpose: Purpose::Period,
        }
    }
}

impl Exemplar for LinesCarried {
    fn exemplar() -> Self {
        let base = line(LineKind::PlanBase, "Studio", "1", "50.00");
        Self { number: parsed("CF-000042"), lines: vec![base] }
    }
}

impl Exemplar for Issued {
    fn exemplar() -> Self {
        let addon = line(LineKind::Addon, "Storage 50 GB", "1", "7.50");
        let lines = vec![addon, overage(), tax("6.42")];
        Self {
            document: document("CF-000042", lines, ["64.22", "6.42", "70.64"]),
            due_on: parsed("2026-05-15"),
            credit_applied: aud("0"),
            replaces: Some(parsed("CF-000041")),
        }
    }
}

impl Exemplar for PaymentApplied {
    fn exemplar() -> Self {
        let payment =
            PaymentSource::Gateway { gateway: parsed("stripe"), object: parsed("pi_3Ox9exemplar") };
        Self { number: parsed("CF-000042"), amount: aud("70.64"), payment }
    }
}

impl Exemplar for Voided {
    fn exemplar() -> Self {
        Self {
            number: parsed("CF-000041"),
            reason: parsed("wrong customer address"),
            is_replaced: true,
        }
    }
}

impl Exemplar for MarkedUncollectible {
    fn exemplar() -> Self {
        Self { number: parsed("CF-000040"), reason: parsed("the company was dissolved") }
    }
}

impl Exemplar for CreditNoteIssued {
    fn exemplar() -> Self {
        let lines = vec![
            adjustment(LineKind::Overage, 2, "Droplet hours beyond 1488", "-0.72"),
            adjustment(LineKind::Tax, 3, "GST 10%", "-0.07"),
        ];
        Self {
            document: amending("CN-000007", lines, ["-0.72", "-0.07", "-0.79"]),
            amends: Some(parsed("CF-000042")),
            to_credit: aud("0.79"),
            reason: parsed("usage corrected"),
        }
    }
}

impl Exemplar for DebitNoteIssued {
    fn exemplar() -> Self {
        let lines = vec![
            adjustment(LineKind::Overage, 2, "Droplet hours beyond 1488", "0.10"),
            adjustment(LineKind::Tax, 3, "GST 10%", "0.01"),
        ];
        Self {
            document: amending("DN-000003", lines, ["0.10", "0.01", "0.11"]),
            amends: Some(parsed("CF-000042")),
            due_on: parsed("2026-06-15"),
            reason: parsed("late usage"),
        }
    }
}
