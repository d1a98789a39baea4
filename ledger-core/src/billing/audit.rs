//! The audit of an invoice: the log is folded as far as the invoice knew it, priced by the rules it
//! names, and compared with what was issued, line by line and to the digest of every record.
//!
//! So are the facts that are events though anybody can compute them: draws and discount tiers. What
//! differs is told with the records as they are found now. Where the records cannot be read,
//! or the rules are not known, there is no verdict: an audit never guesses.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::explain::{kind_word, paired};
use super::issue::recomposed;
use super::issued::IssuedDocument;
use super::{BasisError, Books, GatherError};
use crate::event::account::{DiscountTierReached, KindAmount};
use crate::event::invoice::{Adjusted, Line, Provenance, Totals};
use crate::id::{DeploymentSlug, TenantId};
use crate::log::{Position, ReadError, Records, Revision};
use crate::money::Money;
use crate::price::Priced;
use crate::stream::Stream;
use crate::time::BillingPeriod;

mod recomputed;

/// The most records that are quoted for one difference.
const QUOTES_MAX: usize = 16;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Whether the log makes this very invoice.
    pub matches: bool,
    /// How many lines were compared.
    pub lines: usize,
    /// The rules that were applied.
    pub rules: u16,
    /// How much of the log was folded.
    pub folded_to: Position,
    /// All that differs.
    pub differences: Vec<Difference>,
}

/// One thing in which log and invoice differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Difference {
    /// The log makes another line.
    Line {
        /// Which line of the invoice, from 1.
        number: usize,
        /// In what they differ.
        parts: Vec<LinePart>,
        /// As it was issued.
        issued: Box<Line>,
        /// As the log makes it.
        made: Box<Line>,
        /// The records behind it, as they are now.
        found: Found,
    },
    /// The log makes no such line.
    LineTooMany {
        /// Which line of the invoice, from 1.
        number: usize,
        /// As it was issued.
        issued: Box<Line>,
        /// The records it names, as they are now.
        found: Found,
    },
    /// The log makes a line that was not issued.
    LineMissing {
        /// As the log makes it.
        made: Box<Line>,
        /// The records behind it.
        found: Found,
    },
    /// The totals are not what the log makes.
    Totals {
        /// As they were issued.
        issued: Box<Totals>,
        /// As the log makes them.
        made: Box<Totals>,
    },
    /// What is said to be corrected of other periods is not what the log makes.
    Adjusted {
        /// As it was issued.
        issued: Vec<Adjusted>,
        /// As the log makes it.
        made: Vec<Adjusted>,
    },
    /// What was drawn from credit for usage is not what the usage comes to.
    Drawn {
        /// The period of the usage.
        period: BillingPeriod,
        /// What the draws say, less what went back.
        drawn: KindAmount,
        /// What the usage comes to.
        made: KindAmount,
        /// The draws, as they are now.
        found: Found,
    },
    /// No ladder makes a discount tier that was recorded.
    Tier {
        /// As it was recorded.
        recorded: Box<DiscountTierReached>,
        /// What a ladder makes of that instant.
        made: Option<Box<DiscountTierReached>>,
        /// The record, as it is now.
        found: Found,
    },
    /// The lines of the invoice do not add up to its own total.
    Sum {
        /// What its lines add up to, where they add up at all.
        lines: Option<Money>,
        /// What it says.
        gross: Money,
    },
}

/// In what two lines may differ that are the same line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinePart {
    /// How much is charged for.
    Quantity,
    /// What the quantity counts.
    Unit,
    /// The price of one unit.
    UnitPrice,
    /// What it comes to.
    Amount,
    /// Whether tax counts it.
    Taxable,
    /// Whether credit had paid for it.
    Settled,
    /// Which line it corrects.
    Original,
    /// Which records it was made from.
    Sources,
    /// What those records say.
    Digest,
}

/// Records as they are found now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// How many there are.
    pub records: u64,
    /// The first of them.
    pub quoted: Vec<Quote>,
}

/// One record, quoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Its place in the log.
    pub position: Position,
    /// Its stream.
    pub stream: Stream,
    /// Its place in the stream.
    pub revision: Revision,
    /// The whole record as JSON.
    pub record: String,
}

/// Why there is no verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// What the invoice rests on cannot be gathered.
    #[error("what the invoice rests on cannot be gathered")]
    Gather(#[source] GatherError),
    /// It has no price, or none by rules that are known here.
    #[error("what the invoice rests on cannot be priced")]
    Price(#[source] BasisError),
    /// A record that is to be quoted cannot be read again.
    #[error("{stream} cannot be read again")]
    Quote {
        /// The stream.
        stream: Stream,
        /// What the log said.
        #[source]
        source: ReadError,
    },
}

/// Audits an issued document: an invoice with all it adjusts, or a note. `read` gives a stream from
/// its first record on, `documented` are the periods for which the tenant has documents.
/// `deployments` are all of the tenant's: one without a line of its own may have ended another's
/// link to a resource. Those that lines or usage name are looked at by themselves.
pub fn audit(
    tenant: &TenantId,
    period: BillingPeriod,
    issued: &IssuedDocument,
    documented: impl IntoIterator<Item = BillingPeriod>,
    deployments: impl IntoIterator<Item = DeploymentSlug>,
    mut read: impl FnMut(&Stream) -> Result<Records, ReadError>,
) -> Result<Verdict, AuditError> {
    let document = &issued.document;
    let named = document.lines.iter().filter_map(|it| it.deployment.clone());
    let deployments = named.chain(deployments).collect::<Vec<_>>();
    let folded_to = document.folded_to;
    let books = Books::gather(tenant, period, documented, deployments, folded_to, &mut read);
    let books = books.map_err(AuditError::Gather)?;
    let made = recomposed(issued, &books).map_err(AuditError::Price)?;
    let mut quotes = Quotes { folded_to, read: &mut read };
    let mut differences = Vec::new();
    let (pairs, missing) = paired(&document.lines, made.lines);
    for (number, (issued, made)) in (1..).zip(document.lines.iter().zip(pairs)) {
        let Some(Priced { line: made, .. }) = made else {
            let found = quotes.of(&issued.provenance)?;
            let issued = Box::new(issued.clone());
            differences.push(Difference::LineTooMany { number, issued, found });
            continue;
        };
        let parts = differing(issued, &made);
        if !parts.is_empty() {
            let found = quotes.of(&made.provenance)?;
            let (issued, made) = (Box::new(issued.clone()), Box::new(made));
            differences.push(Difference::Line { number, parts, issued, made, found });
        }
    }
    for Priced { line, .. } in missing {
        let found = quotes.of(&line.provenance)?;
        differences.push(Difference::LineMissing { made: Box::new(line), found });
    }
    if document.totals != made.totals {
        let (issued, made) = (Box::new(document.totals.clone()), Box::new(made.totals));
        differences.push(Difference::Totals { issued, made });
    }
    if document.adjusted != made.adjusted {
        let (issued, made) = (document.adjusted.clone(), made.adjusted);
        differences.push(Difference::Adjusted { issued, made });
    }
    let gross = document.totals.gross;
    let lines = Money::sum(gross.currency(), document.lines.iter().map(|it| it.amount)).ok();
    if lines != Some(gross) {
        differences.push(Difference::Sum { lines, gross });
    }
    differences.extend(quotes.drawn(issued, &books)?);
    differences.extend(quotes.tiers(&books)?);
    Ok(Verdict {
        matches: differences.is_empty(),
        lines: document.lines.len(),
        rules: document.rules,
        folded_to,
        differences,
    })
}

fn differing(issued: &Line, made: &Line) -> Vec<LinePart> {
    let compared = [
        (LinePart::Quantity, issued.quantity == made.quantity),
        (LinePart::Unit, issued.unit == made.unit),
        (LinePart::UnitPrice, issued.unit_price == made.unit_price),
        (LinePart::Amount, issued.amount == made.amount),
        (LinePart::Taxable, issued.taxable == made.taxable),
        (LinePart::Settled, issued.settled == made.settled),
        (LinePart::Original, issued.original == made.original),
        (LinePart::Sources, issued.provenance.sources == made.provenance.sources),
        (LinePart::Digest, issued.provenance.sha256 == made.provenance.sha256),
    ];
    compared.into_iter().filter(|it| !it.1).map(|it| it.0).collect()
}

struct Quotes<'a, R> {
    folded_to: Position,
    read: &'a mut R,
}

impl<R: FnMut(&Stream) -> Result<Records, ReadError>> Quotes<'_, R> {
    /// The records that are named, read again: they are not kept while all is well.
    fn of(&mut self, provenance: &Provenance) -> Result<Found, AuditError> {
        let mut found = Found::default();
        for span in &provenance.sources {
            let stream = &span.stream;
            let unread = |source| AuditError::Quote { stream: stream.clone(), source };
            for record in (self.read)(stream).map_err(unread)? {
                let record = record.map_err(unread)?;
                if record.revision > span.last || record.position > self.folded_to {
                    break;
                }
                if record.revision < span.first {
                    continue;
                }
                found.records = found.records.saturating_add(1);
                if found.quoted.len() < QUOTES_MAX {
                    let (position, revision) = (record.position, record.revision);
                    let record = serde_json::to_string(&record);
                    let record = record.expect("a record is text, numbers and names");
                    let stream = stream.clone();
                    found.quoted.push(Quote { position, stream, revision, record });
                }
            }
        }
        Ok(found)
    }
}

impl fmt::Display for Verdict {
    /// One line when all is well; else what differs, each with the records that were found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lines, rules, folded_to, differences, .. } = self;
        if self.matches {
            return writeln!(f, "matches: {lines} lines, rules {rules}, known to {folded_to}");
        }
        writeln!(f, "differs: {} differences in {lines} lines", differences.len())?;
        differences.iter().try_for_each(|it| write!(f, "{it}"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { number, parts, issued, made, found } => {
                writeln!(f, "line {number} differs in {}", words(parts))?;
                writeln!(f, "  issued: {}", told(issued))?;
                writeln!(f, "  made:   {}", told(made))?;
                write!(f, "{found}")
            }
            Self::LineTooMany { number, issued, found } => {
                writeln!(f, "line {number} is not made by the log")?;
                writeln!(f, "  issued: {}", told(issued))?;
                write!(f, "{found}")
            }
            Self::LineMissing { made, found } => {
                writeln!(f, "a line is missing")?;
                writeln!(f, "  made:   {}", told(made))?;
                write!(f, "{found}")
            }
            Self::Totals { issued, made } => {
                writeln!(f, "the totals differ")?;
                for (word, it) in [("issued:", issued), ("made:  ", made)] {
                    let Totals { net, tax, gross } = it.as_ref();
                    writeln!(f, "  {word} net {net}, tax {tax}, gross {gross}")?;
                }
                Ok(())
            }
            Self::Adjusted { issued, made } => {
                writeln!(f, "what is adjusted differs")?;
                for (word, it) in [("issued:", issued), ("made:  ", made)] {
                    for Adjusted { period, totals: Totals { net, tax, gross } } in it {
                        writeln!(f, "  {word} {period}: net {net}, tax {tax}, gross {gross}")?;
                    }
                }
                Ok(())
            }
            Self::Drawn { period, drawn, made, found } => {
                writeln!(f, "what was drawn for {} in {period} differs", made.kind)?;
                for (word, KindAmount { quantity, amount, .. }) in
                    [("drawn:", drawn), ("made: ", made)]
                {
                    writeln!(f, "  {word} {amount} for {quantity}")?;
                }
                write!(f, "{found}")
            }
            Self::Tier { recorded, made, found } => {
                writeln!(f, "no ladder makes the discount tier {}", recorded.tier)?;
                writeln!(f, "  recorded: {}", reached(recorded))?;
                match made {
                    Some(made) => writeln!(f, "  made:     {}", reached(made))?,
                    None => writeln!(f, "  made:     none")?,
                }
                write!(f, "{found}")
            }
            Self::Sum { lines: Some(lines), gross } => {
                writeln!(f, "the lines add up to {lines}, not to {gross}")
            }
            Self::Sum { lines: None, gross } => writeln!(f, "the lines do not add up to {gross}"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Quote { position, stream, revision, record } in &self.quoted {
            writeln!(f, "  > {position} {stream} {revision} | {record}")?;
        }
        let quoted = u64::try_from(self.quoted.len()).unwrap_or(u64::MAX);
        match self.records.saturating_sub(quoted) {
            0 => Ok(()),
            more => writeln!(f, "  > and {more} more"),
        }
    }
}

fn told(line: &Line) -> String {
    let unit = line.unit.as_ref().map_or("", |it| it.as_str());
    let (kind, what) = (kind_word(line.kind), &line.description);
    format!("{kind}: {what}, {} {unit} = {}", line.quantity, line.amount)
}

fn reached(it: &DiscountTierReached) -> String {
    let DiscountTierReached { tier, days, multiplier, reached_at } = it;
    format!("{tier}, x {multiplier} from {days} days on, reached at {reached_at}")
}

fn words(parts: &[LinePart]) -> String {
    let word = |part: &LinePart| match part {
        LinePart::Quantity => "quantity",
        LinePart::Unit => "unit",
        LinePart::UnitPrice => "unit price",
        LinePart::Amount => "amount",
        LinePart::Taxable => "taxability",
        LinePart::Settled => "settlement",
        LinePart::Original => "original",
        LinePart::Sources => "sources",
        LinePart::Digest => "digest",
    };
    parts.iter().map(word).collect::<Vec<_>>().join(", ")
}
