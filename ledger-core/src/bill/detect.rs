//! What a file is, or what it is instead of a bill.

use super::csv::Reader;
use super::finding::{Findings, shown};
use super::json::Node;
use super::{Format, digitalocean, focus, hetzner, report, table};

/// What a file is that is no bill of a format this build reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Instead {
    /// Nothing.
    #[error("the file is empty")]
    Empty,
    /// A PDF.
    #[error("it is a PDF")]
    Pdf,
    /// A web page or another file of markup.
    #[error("it is HTML or XML")]
    Markup,
    /// A ZIP archive that holds no workbook.
    #[error("it is a ZIP archive")]
    Zip,
    /// Compressed.
    #[error("it is compressed with gzip")]
    Gzip,
    /// A workbook of a spreadsheet program.
    #[error("it is a spreadsheet")]
    Spreadsheet,
    /// Parquet.
    #[error("it is Parquet; the report is read as CSV")]
    Parquet,
    /// Text in UTF-16.
    #[error("it is text in UTF-16")]
    Utf16,
    /// What a provider answers when it does not answer with a bill.
    #[error("it is the answer of an interface that failed")]
    ErrorBody,
    /// A list of bills.
    #[error("it is a list of bills, not the items of one")]
    ListOfBills,
    /// The summary of a bill, which names people and has no lines.
    #[error("it is the summary of a bill, which has no lines")]
    Summary,
    /// Charges of a month that is not over.
    #[error("it is a preview of a month that is not over")]
    Preview,
    /// The balance of an account.
    #[error("it is the balance of an account")]
    Balance,
    /// A report of AWS Cost Explorer: totals of groups, not the lines of a bill.
    #[error("it is a report of Cost Explorer, which has no lines")]
    CostExplorer,
    /// Things that a provider has, or sizes that they may have: what a sync hands over.
    #[error("it is a listing of what there is, which has no charges")]
    Listing,
    /// Other JSON.
    #[error("it is JSON of another sort")]
    OtherJson,
    /// A version of FOCUS that is not read.
    #[error("it is FOCUS 1.3 or later, which is not read")]
    LaterFocus,
    /// A FOCUS data set that holds no charges.
    #[error("it is a FOCUS data set without charges")]
    OtherFocusSet,
    /// The second form of the Cost and Usage Report.
    #[error("it is a Cost and Usage Report 2.0, which is not read")]
    AwsCur2,
    /// DigitalOcean's bandwidth by resource: quantities without amounts.
    #[error("it is DigitalOcean's bandwidth detail, which has no amounts")]
    BandwidthDetail,
    /// A table that nothing is known by.
    #[error("it is no bill that is known; it begins with {found:?}")]
    OtherTable {
        /// How it begins, cut short.
        found: String,
    },
}

/// How the file is written, told by its content and never by its name.
pub fn detect(bytes: &[u8]) -> Result<Format, Instead> {
    let text = bytes.strip_prefix(super::BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
    if let Some(instead) = by_first_bytes(bytes) {
        return Err(instead);
    }
    match text.first() {
        None => Err(Instead::Empty),
        Some(b'<') => Err(Instead::Markup),
        Some(b'{' | b'[') => by_members(text),
        Some(_) => by_columns(bytes),
    }
}

fn by_first_bytes(bytes: &[u8]) -> Option<Instead> {
    let signs: [(&[u8], Instead); 7] = [
        (b"%PDF", Instead::Pdf),
        (b"\x1f\x8b", Instead::Gzip),
        (b"\xd0\xcf\x11\xe0", Instead::Spreadsheet),
        (b"PAR1", Instead::Parquet),
        (b"\xff\xfe", Instead::Utf16),
        (b"\xfe\xff", Instead::Utf16),
        (b"PK\x03\x04", Instead::Zip),
    ];
    let (_, instead) = signs.into_iter().find(|(sign, _)| bytes.starts_with(sign))?;
    // A workbook is an archive that begins with one of these.
    let names: [&[u8]; 3] = [b"[Content_Types].xml", b"xl/", b"mimetypeapplication/vnd.oasis"];
    let name = bytes.get(30..).unwrap_or_default();
    if instead == Instead::Zip && names.iter().any(|it| name.starts_with(it)) {
        return Some(Instead::Spreadsheet);
    }
    Some(instead)
}

/// The members of the items by which each of two formats is known.
const OF_DIGITALOCEAN: [&str; 5] =
    ["amount", "start_time", "end_time", "duration", "resource_uuid"];
const OF_VULTR: [&str; 5] = ["total", "start_date", "end_date", "units", "unit_price"];

/// JSON that does not parse is taken for a list of items, whose reader says where it breaks.
fn by_members(text: &[u8]) -> Result<Format, Instead> {
    let Some(root) = Node::parse(text, &mut Findings::default()) else {
        return Ok(broken(text));
    };
    let page = if root.is_array() { root.elements().first().copied() } else { Some(root) };
    let page = page.filter(|it| it.is_object()).ok_or(Instead::OtherJson)?;
    if let Some(items) = page.member("invoice_items").filter(|it| it.is_array()) {
        let first = items.elements().first().map(|it| it.members()).unwrap_or_default();
        let count = |names: [&str; 5]| {
            names.into_iter().filter(|name| first.iter().any(|(it, _)| it == name)).count()
        };
        let has_links = page.member("meta").is_some_and(|it| it.member("links").is_some());
        let is_vultr = (count(OF_VULTR), has_links) > (count(OF_DIGITALOCEAN), false);
        return Ok(if is_vultr { Format::VultrJson } else { Format::DigitalOceanJson });
    }
    let names = page.members().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    Err(instead_of_items(&names))
}

/// Which reader shall say where a broken document breaks.
fn broken(text: &[u8]) -> Format {
    let holds = |name: &str| text.windows(name.len()).any(|it| it == name.as_bytes());
    if holds("\"start_date\"") { Format::VultrJson } else { Format::DigitalOceanJson }
}

fn instead_of_items(names: &[String]) -> Instead {
    let has = |name: &str| names.iter().any(|it| it == name);
    if has("pending_charges") {
        Instead::Preview
    } else if has("product_charges") {
        Instead::Summary
    } else if has("invoices") || has("billing_invoices") || has("billing_history") {
        Instead::ListOfBills
    } else if has("month_to_date_balance") || has("account") {
        Instead::Balance
    } else if has("ResultsByTime") {
        Instead::CostExplorer
    } else if has("error") || has("errors") || (has("id") && has("message")) {
        Instead::ErrorBody
    } else if has("links") || has("meta") {
        // What interfaces say about pages, whatever it is that they list.
        Instead::Listing
    } else {
        Instead::OtherJson
    }
}

fn by_columns(bytes: &[u8]) -> Result<Format, Instead> {
    let names = table::header(bytes);
    let has = |name: &str| names.iter().any(|it| it.eq_ignore_ascii_case(name));
    let count = |columns: &[table::Column]| columns.iter().filter(|it| has(it.name)).count();
    if let Some(version) = focus::version(&names) {
        return match version {
            focus::Version::Read(format) => Ok(format),
            focus::Version::Later => Err(Instead::LaterFocus),
            focus::Version::OtherSet => Err(Instead::OtherFocusSet),
        };
    }
    if count(&digitalocean::COLUMNS) >= 5 {
        return Ok(Format::DigitalOceanCsv);
    }
    let reports = [
        (&report::AWS, Format::AwsCur),
        (&report::AZURE, Format::AzureEa),
        (&report::ORACLE, Format::OracleCost),
    ];
    if let Some((_, format)) = reports.into_iter().find(|(it, _)| count(&it.columns()) >= 5) {
        return Ok(format);
    }
    if has("line_item_unblended_cost") {
        return Err(Instead::AwsCur2);
    }
    if has("Resource UUID") && has("Bandwidth Usage (GiB)") {
        return Err(Instead::BandwidthDetail);
    }
    if is_hetzner(bytes) {
        return Ok(Format::HetznerCsv);
    }
    let found = shown(names.first().map_or("", String::as_str));
    Err(Instead::OtherTable { found })
}

/// Whether one of the first rows looks like one of Hetzner's: the file has no header, and its first
/// row may be a bad one.
fn is_hetzner(bytes: &[u8]) -> bool {
    let (mut reader, mut findings) = (Reader::new(bytes), Findings::default());
    let rows = std::iter::from_fn(|| reader.next(&mut findings)).take(20);
    rows.map(|row| row.cells).any(|cells| {
        let texts = cells.iter().map(|it| it.text.as_ref()).collect::<Vec<_>>();
        hetzner::is_row(&texts)
    })
}
