//! `replay-tool audit`: an invoice priced again from the log alone, line by line.
//!
//! The register says whose the number is and for which period; the document says how much of the
//! log it knew and by which rules it was priced. Nothing else is believed: no view, no index, no
//! server.

use std::io::Write;
use std::path::Path;

use ledger_core::billing::{
    self, Difference, Explanation, Heads, RegisterFold, Verdict as Audited, notes_of,
};
use ledger_core::event::invoice::{Document, Line};
use ledger_core::id::{DeploymentSlug, InvoiceNumber, IssuerId, TenantId};
use ledger_core::log::embedded::LogReader;
use ledger_core::log::{ReadStream, Revision};
use ledger_core::price::Step;
use ledger_core::stream::Stream;
use ledger_core::time::BillingPeriod;
use serde::Serialize;

use crate::directory;
use crate::verdict::{Failure, Verdict};

/// Which invoice, and how it is printed.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) invoice: String,
    pub(crate) issuer: String,
    pub(crate) explain: bool,
    pub(crate) json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    verdict: &'static str,
    number: InvoiceNumber,
    tenant: TenantId,
    period: BillingPeriod,
    is_void: bool,
    audit: Audited,
    document: Document,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

fn argument<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
    what: &'static str,
) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::Argument {
        text: text.to_owned(),
        what,
        why: error.to_string(),
    })
}

pub(crate) fn run(dir: &Path, asked: &Asked, out: &mut impl Write) -> Result<Verdict, Failure> {
    let number: InvoiceNumber = argument(&asked.invoice, "an invoice number")?;
    let issuer: IssuerId = argument(&asked.issuer, "an issuer")?;
    let storage = directory::storage(dir)?;
    let reader = directory::reader(dir, &storage)?;
    let unknown =
        || Failure::NoSuchInvoice { issuer: asked.issuer.clone(), invoice: asked.invoice.clone() };
    let read = |stream: &Stream| reader.read_stream(stream, ReadStream::Forwards(Revision::FIRST));
    let notes = notes_of(&issuer).map_err(|error| Failure::Argument {
        text: asked.issuer.clone(),
        what: "an issuer",
        why: error.to_string(),
    })?;
    let registers = [&issuer, &notes];
    let (tenant, period) = place_of(&reader, registers, &number)?.ok_or_else(unknown)?;
    let heads = Heads::read(registers, &tenant, period, read)?;
    let issued = heads.invoice.document(&number).ok_or_else(unknown)?;
    let slugs = slugs_of(&reader, &tenant)?;
    let documented = heads.documented();
    let audit = billing::audit(&tenant, period, issued, documented, slugs.iter().cloned(), read)?;
    let explanation = match asked.explain {
        false => None,
        true => {
            let books = heads.gather(slugs, issued.document.folded_to, read)?;
            Some(billing::explain(issued, &books)?)
        }
    };
    let verdict = if audit.matches { Verdict::Good } else { Verdict::Bad };
    let report = Report {
        verdict: if audit.matches { "good" } else { "bad" },
        number,
        tenant,
        period,
        is_void: issued.is_void(),
        audit,
        document: issued.document.clone(),
        explanation,
    };
    if asked.json {
        serde_json::to_writer(&mut *out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        print(&report, out)?;
    }
    Ok(verdict)
}

fn place_of(
    reader: &LogReader,
    registers: [&IssuerId; 2],
    number: &InvoiceNumber,
) -> Result<Option<(TenantId, BillingPeriod)>, Failure> {
    for issuer in registers {
        let mut register = RegisterFold::of(issuer.clone());
        let stream = Stream::Register(issuer.clone());
        for record in reader.read_stream(&stream, ReadStream::Forwards(Revision::FIRST))? {
            register = register.fold(&record?)?;
        }
        let found = register.all().find(|(_, _, taken)| taken.number == *number);
        if let Some((tenant, period, _)) = found {
            return Ok(Some((tenant.clone(), period)));
        }
    }
    Ok(None)
}

/// Every deployment the tenant ever had, by the names of streams.
fn slugs_of(reader: &LogReader, tenant: &TenantId) -> Result<Vec<DeploymentSlug>, Failure> {
    let prefix = format!("deployment-{tenant}.");
    let names = reader.streams(&prefix)?;
    let slug = |name: &String| match name.parse() {
        // A tenant's id may begin with another's: the stream itself says whose it is.
        Ok(Stream::Deployment(whose, slug)) if whose == *tenant => Some(slug),
        Ok(_) | Err(_) => None,
    };
    Ok(names.iter().filter_map(slug).collect())
}

fn print(report: &Report, out: &mut impl Write) -> Result<(), Failure> {
    let document = &report.document;
    let void = if report.is_void { " (voided since)" } else { "" };
    writeln!(out, "invoice   {}{void}", report.number)?;
    writeln!(out, "tenant    {}", report.tenant)?;
    writeln!(out, "period    {}", report.period)?;
    writeln!(
        out,
        "priced    by rules {} from the log up to position {}",
        report.audit.rules, report.audit.folded_to
    )?;
    writeln!(out)?;
    for (number, line) in (1..).zip(&document.lines) {
        print_line(number, line, out)?;
        let step = report.explanation.as_ref().and_then(|it| it.lines.get(number - 1));
        if let Some(step) = step.and_then(|it| it.step.as_ref()) {
            print_step(step, 1, out)?;
        }
    }
    let totals = &document.totals;
    writeln!(out, "{:>77}", format!("subtotal {:>12}", totals.net.to_string()))?;
    writeln!(out, "{:>77}", format!("tax {:>12}", totals.tax.to_string()))?;
    writeln!(out, "{:>77}", format!("total {:>12}", totals.gross.to_string()))?;
    writeln!(out)?;
    for difference in &report.audit.differences {
        print_difference(difference, out)?;
    }
    match report.audit.matches {
        true => {
            writeln!(out, "good: the log makes this very invoice, {} lines", report.audit.lines)?
        }
        false => writeln!(
            out,
            "BAD: the log does not make this invoice, {} differences",
            report.audit.differences.len()
        )?,
    }
    Ok(())
}

fn print_line(number: usize, line: &Line, out: &mut impl Write) -> Result<(), Failure> {
    let unit = line.unit.as_ref().map_or(String::new(), |unit| format!(" {unit}"));
    let price = line.unit_price.map_or(String::new(), |price| format!(" x {price}"));
    let quantity = format!("{}{unit}{price}", line.quantity);
    let amount = line.amount.to_string();
    writeln!(out, "{number:>3}  {:<36} {quantity:>22} {amount:>12}", line.description.as_str())?;
    Ok(())
}

fn print_step(step: &Step, depth: usize, out: &mut impl Write) -> Result<(), Failure> {
    writeln!(out, "     {:indent$}{} = {}", "", step.what, step.value, indent = depth * 2)?;
    step.of.iter().try_for_each(|step| print_step(step, depth + 1, out))
}

fn print_difference(difference: &Difference, out: &mut impl Write) -> Result<(), Failure> {
    let quote = |found: &billing::Found, out: &mut dyn Write| -> std::io::Result<()> {
        for it in &found.quoted {
            writeln!(out, "       {} {}@{}  {}", it.position, it.stream, it.revision, it.record)?;
        }
        Ok(())
    };
    match difference {
        Difference::Line { number, parts, issued, made, found } => {
            writeln!(out, "line {number} differs in {parts:?}")?;
            writeln!(out, "     issued {}, the log makes {}", issued.amount, made.amount)?;
            quote(found, out)?;
        }
        Difference::LineTooMany { number, issued, found } => {
            writeln!(out, "line {number} ({}): the log makes no such line", issued.description)?;
            quote(found, out)?;
        }
        Difference::LineMissing { made, found } => {
            writeln!(out, "missing: {} of {}", made.description, made.amount)?;
            quote(found, out)?;
        }
        Difference::Totals { issued, made } => {
            writeln!(out, "total: issued {}, the log makes {}", issued.gross, made.gross)?;
        }
        Difference::Adjusted { issued, made } => {
            let (issued, made) = (issued.len(), made.len());
            writeln!(out, "adjusted: issued for {issued} periods, the log makes {made} of them")?;
        }
        Difference::Drawn { period, drawn, made, found } => {
            let (kind, drawn, made) = (&made.kind, drawn.amount, made.amount);
            writeln!(out, "credit: {drawn} was drawn for {kind} of {period}, it comes to {made}")?;
            quote(found, out)?;
        }
        Difference::Tier { recorded, made, found } => {
            let made = made.as_ref().map_or("none".to_owned(), |it| it.tier.to_string());
            let (tier, at) = (&recorded.tier, recorded.reached_at);
            writeln!(out, "tier: {tier} is recorded as reached at {at}, the ladders make {made}")?;
            quote(found, out)?;
        }
        Difference::Sum { lines, gross } => {
            let lines = lines.map_or("no sum".to_owned(), |it| it.to_string());
            writeln!(out, "sum: the lines come to {lines}, the total says {gross}")?;
        }
    }
    Ok(())
}
