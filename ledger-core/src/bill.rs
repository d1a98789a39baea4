//! A provider's bill, from the bytes of its file to the lines of the ledger, or a refusal that
//! names every bad place. docs/formats.md says what each reader takes.
//!
//! A file is read whole or not at all. The total of a line is the provider's and is the truth: it
//! is never rebuilt from a quantity and a price. Intervals come out half-open, whatever the
//! provider writes. Only what a line of a bill needs is kept: tags, addresses and names of people
//! are not.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::event::provider::BillLine;
use crate::id::{IngestId, Label, Sha256Digest};
use crate::money::{Currency, Money, MoneyError};

mod balance;
mod csv;
mod detect;
mod digitalocean;
mod field;
mod finding;
mod focus;
mod hetzner;
mod json;
mod number;
mod pages;
mod products;
mod report;
mod table;
mod times;
mod vultr;

pub use balance::{BalanceReading, read_balance};
pub use detect::{Instead, detect};
pub use finding::{Finding, Findings, Place, Problem};
pub use number::NumberError;
pub use products::default_products;

/// UTF-8's byte order mark: no part of a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How a bill is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// DigitalOcean's invoice, of 8 or 9 columns.
    DigitalOceanCsv,
    /// DigitalOcean's invoice items, a page or several.
    DigitalOceanJson,
    /// FOCUS 1.0.
    Focus10,
    /// FOCUS 1.1.
    Focus11,
    /// FOCUS 1.2.
    Focus12,
    /// Vultr's invoice items, a page or several.
    VultrJson,
    /// Hetzner's invoice, of 8 or 9 columns without a header.
    HetznerCsv,
    /// The legacy Cost and Usage Report of AWS.
    AwsCur,
    /// The actual cost of an Azure enterprise agreement.
    AzureEa,
    /// The cost report of Oracle.
    OracleCost,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 10] = [
        Self::DigitalOceanCsv,
        Self::DigitalOceanJson,
        Self::Focus10,
        Self::Focus11,
        Self::Focus12,
        Self::VultrJson,
        Self::HetznerCsv,
        Self::AwsCur,
        Self::AzureEa,
        Self::OracleCost,
    ];

    /// Its stable word, which a sealed reading carries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DigitalOceanCsv => "digitalocean-csv",
            Self::DigitalOceanJson => "digitalocean-json",
            Self::Focus10 => "focus-1.0",
            Self::Focus11 => "focus-1.1",
            Self::Focus12 => "focus-1.2",
            Self::VultrJson => "vultr-json",
            Self::HetznerCsv => "hetzner-csv",
            Self::AwsCur => "aws-cur",
            Self::AzureEa => "azure-ea",
            Self::OracleCost => "oracle-cost",
        }
    }

    /// The word as an event carries it.
    pub fn label(self) -> Label {
        Label::new(self.as_str()).expect("a format's word is a name")
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a reader saw and did not refuse: for whoever brings the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// A column that this reader does not know.
    #[error("the column {name:?} is not known and was not read")]
    UnknownColumn {
        /// Its name, cut short.
        name: String,
    },
    /// The file ends without a line end: its last field may have been cut.
    #[error("the last line does not end; what a file lost there cannot be seen")]
    NoFinalNewline,
    /// The provider has not closed the month: a later file takes the place of this one.
    #[error("the month is not closed; a later file takes the place of this one")]
    MonthOpen,
    /// The provider does not say how many items there are.
    #[error("the provider does not say how many items there are; missing pages cannot be seen")]
    NoItemCount,
    /// Something about single rows.
    #[error("{what}: {count} times, first in row {first}")]
    Rows {
        /// What.
        what: RowNotice,
        /// The first row it is true of.
        first: u32,
        /// Of how many it is.
        count: u32,
    },
}

/// What a reader saw in a row and did not refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum RowNotice {
    /// A credit that adds to the bill; it is booked by its sign.
    #[error("a credit adds to the bill")]
    PositiveCredit,
    /// `"NULL"` in quotes, which was read as nothing.
    #[error("a quoted NULL was read as nothing")]
    QuotedNull,
    /// A quantity or unit price that a spreadsheet mangled; the total stands.
    #[error("quantity and price cannot be read, and the total stands")]
    QuantityUnreadable,
    /// Quantity times price is not the total; the total stands and the quantity is left out.
    #[error("quantity times price is not the total, which stands")]
    QuantityContradicts,
    /// A resource's id is longer than an id may be, so nothing can be found by it.
    #[error("a resource's id is too long to keep")]
    ResourceTooLong,
}

/// A bill that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    format: Format,
    sha256: Sha256Digest,
    lines: Vec<BillLine>,
    sums: Vec<Money>,
    notices: Vec<Notice>,
}

impl Reading {
    /// How it is written.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Of the file; of all pages, one after the other.
    pub const fn sha256(&self) -> Sha256Digest {
        self.sha256
    }

    /// Its name in the ledger: the same file is the same reading.
    pub fn ingest(&self) -> IngestId {
        IngestId::new(&self.sha256.to_string()).expect("64 hexadecimal digits are an ingest id")
    }

    /// Its lines, in the order of the file.
    pub fn lines(&self) -> &[BillLine] {
        &self.lines
    }

    /// What the lines add up to, in each currency they are in, by its code.
    pub fn sums(&self) -> &[Money] {
        &self.sums
    }

    /// What was seen and not refused.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }
}

/// Why a file is not read. Nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// Larger than a bill may be.
    #[error("the file has {bytes} bytes; at most {bytes_max} are read")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Something that is no bill this build reads.
    #[error("the file is no bill that can be read: {0}")]
    Instead(Instead),
    /// Another format than the one that was asked for.
    #[error("the file is {found}, not {expected}")]
    OtherFormat {
        /// What was asked for.
        expected: Format,
        /// What it is.
        found: Format,
    },
    /// A bill with bad places.
    #[error("the file is refused whole: {0}")]
    Wrong(Findings),
}

/// The most bytes a file has.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Reads a bill of whatever format it is.
pub fn read(bytes: &[u8]) -> Result<Reading, BillError> {
    check_size(bytes)?;
    let format = detect(bytes).map_err(BillError::Instead)?;
    read_whole(format, bytes)
}

/// Reads a bill that has to be of this format.
pub fn read_as(expected: Format, bytes: &[u8]) -> Result<Reading, BillError> {
    check_size(bytes)?;
    match detect(bytes) {
        Ok(found) if found == expected => read_whole(expected, bytes),
        Ok(found) => Err(BillError::OtherFormat { expected, found }),
        // A table that nothing is known by: the reader says what it misses.
        Err(Instead::OtherTable { .. }) if expected.is_table() => read_whole(expected, bytes),
        Err(instead) => Err(BillError::Instead(instead)),
    }
}

impl Format {
    const fn is_table(self) -> bool {
        match self {
            Self::DigitalOceanCsv
            | Self::Focus10
            | Self::Focus11
            | Self::Focus12
            | Self::HetznerCsv
            | Self::AwsCur
            | Self::AzureEa
            | Self::OracleCost => true,
            Self::DigitalOceanJson | Self::VultrJson => false,
        }
    }
}

fn check_size(bytes: &[u8]) -> Result<(), BillError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(BillError::TooLarge { bytes: bytes.len(), bytes_max: FILE_BYTES_MAX });
    }
    Ok(())
}

/// What a reader has found so far.
#[derive(Debug, Default)]
struct Draft {
    lines: Vec<BillLine>,
    notices: Vec<Notice>,
    rows: BTreeMap<RowNotice, (u32, u32)>,
    findings: Findings,
}

impl Draft {
    fn notice(&mut self, what: RowNotice, row: u32) {
        let (_, count) = self.rows.entry(what).or_insert((row, 0));
        *count = count.saturating_add(1);
    }
}

fn read_whole(format: Format, bytes: &[u8]) -> Result<Reading, BillError> {
    let mut draft = match format {
        Format::DigitalOceanCsv => digitalocean::table(bytes),
        Format::DigitalOceanJson => pages::read(bytes, digitalocean::item),
        Format::Focus10 | Format::Focus11 | Format::Focus12 => focus::table(bytes),
        Format::VultrJson => pages::read(bytes, vultr::item),
        Format::HetznerCsv => hetzner::table(bytes),
        Format::AwsCur => report::AWS.table(bytes),
        Format::AzureEa => report::AZURE.table(bytes),
        Format::OracleCost => report::ORACLE.table(bytes),
    };
    if format.is_table() && !bytes.ends_with(b"\n") {
        draft.notices.push(Notice::NoFinalNewline);
    }
    let rows = draft.rows.into_iter();
    draft.notices.extend(rows.map(|(what, (first, count))| Notice::Rows { what, first, count }));
    // The ledger adds the lines up again when it folds them: no exact sum, no reading.
    let sums = sums(&draft.lines).unwrap_or_else(|error| {
        draft.findings.add(|| Place::File, Problem::Sum(error));
        Vec::new()
    });
    if !draft.findings.is_empty() {
        return Err(BillError::Wrong(draft.findings));
    }
    let sha256 = Sha256Digest::from_bytes(Sha256::digest(bytes).into());
    Ok(Reading { format, sha256, lines: draft.lines, sums, notices: draft.notices })
}

/// What lines add up to, in each currency they are in, by its code.
pub(crate) fn sums(lines: &[BillLine]) -> Result<Vec<Money>, MoneyError> {
    let mut sums = BTreeMap::<Currency, Money>::new();
    for line in lines {
        let currency = line.amount.currency();
        let sum = sums.entry(currency).or_insert(Money::zero(currency));
        *sum = sum.checked_add(line.amount)?;
    }
    Ok(sums.into_values().collect())
}

#[cfg(test)]
mod tests;
