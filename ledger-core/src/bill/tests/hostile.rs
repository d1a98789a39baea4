//! Every file of ours, and every published one that somebody has, changed in each way that files
//! are changed: by a transfer that broke, by a spreadsheet, by somebody who means harm.
//!
//! What may not matter does not: the same lines come out. What may matter is refused at a line and
//! a column, or, where a file cannot show that something was lost, leaves whole lines that were
//! there before. Nothing panics.

use std::borrow::Cow;

use super::*;
use crate::testing::published::files;

/// A bill in a form that can be taken apart: records of cells, without their quotes.
fn records(bytes: &[u8]) -> Vec<Vec<String>> {
    let (mut reader, mut findings) = (csv::Reader::new(bytes), Findings::default());
    let mut records = Vec::new();
    while let Some(record) = reader.next(&mut findings) {
        records.push(record.cells.into_iter().map(|it| it.text.into_owned()).collect());
    }
    assert!(findings.is_empty(), "{findings}");
    records
}

fn written(records: &[Vec<String>], line_end: &str) -> Vec<u8> {
    let cell = |it: &String| format!("\"{}\"", it.replace('"', "\"\""));
    let line = |it: &Vec<String>| it.iter().map(cell).collect::<Vec<_>>().join(",") + line_end;
    records.iter().map(line).collect::<String>().into_bytes()
}

/// Everything that is wrong is at a place that can be found, and nothing of the file is taken.
#[track_caller]
fn refused(what: &str, bytes: &[u8]) {
    match read(bytes) {
        Ok(it) => panic!("{what}: {} lines of {} were taken", it.lines().len(), it.format()),
        Err(error) => placed(what, &error),
    }
}

#[track_caller]
fn placed(what: &str, error: &BillError) {
    let BillError::Wrong(findings) = error else { return };
    assert!(!findings.kept().is_empty(), "{what}");
    for finding in findings.kept() {
        match &finding.place {
            // The sum of all lines is nowhere in particular, and nothing else is.
            Place::File => assert!(matches!(finding.problem, Problem::Sum(_)), "{what}: {finding}"),
            Place::Line { line, .. } => assert!(*line > 0, "{what}: {finding}"),
            Place::Cell { line, column, .. } | Place::Json { line, column, .. } => {
                assert!(*line > 0 && *column > 0, "{what}: {finding}");
            }
        }
    }
}

/// Refused, or every line of it is one of the file it was made of.
#[track_caller]
fn part_of(what: &str, bytes: &[u8], whole: &Reading) {
    match read(bytes) {
        Ok(it) => {
            let amounts = |it: &Reading| it.lines().iter().map(|it| it.amount).collect::<Vec<_>>();
            assert!(amounts(whole).starts_with(&amounts(&it)), "{what}");
        }
        Err(error) => placed(what, &error),
    }
}

#[track_caller]
fn the_same(what: &str, bytes: &[u8], whole: &Reading) {
    let found = read(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!((found.format(), found.lines()), (whole.format(), whole.lines()), "{what}");
}

/// As many places of a file as there is time for, the ends among them.
fn places(bytes: &[u8], most: usize) -> impl Iterator<Item = usize> {
    let length = bytes.len();
    (0..length).step_by(length.div_ceil(most).max(1)).chain(length.checked_sub(1))
}

/// Ways of writing that mean the same.
fn written_otherwise(name: &str, bytes: &[u8], whole: &Reading) {
    let bare = bytes.strip_prefix(super::super::BYTE_ORDER_MARK).unwrap_or(bytes);
    the_same(&format!("{name} with a mark"), &[b"\xef\xbb\xbf", bare].concat(), whole);
    the_same(&format!("{name} without one"), bare, whole);
    if !whole.format().is_table() {
        return;
    }
    let records = records(bytes);
    the_same(&format!("{name} quoted, LF"), &written(&records, "\n"), whole);
    the_same(&format!("{name} quoted, CRLF"), &written(&records, "\r\n"), whole);
    the_same(&format!("{name} with empty lines"), &written(&records, "\r\n\r\n"), whole);
    let unended = written(&records, "\n");
    the_same(&format!("{name} unended"), unended.strip_suffix(b"\n").unwrap(), whole);
    if whole.format() == Format::HetznerCsv {
        return;
    }
    // Columns are found by name: each in the place of the next, and all the other way round.
    for turn in 1..records[0].len().min(12) {
        let turned = records.iter().map(|it| [&it[turn..], &it[..turn]].concat());
        the_same(&format!("{name} turned"), &written(&turned.collect::<Vec<_>>(), "\n"), whole);
    }
    let reversed = records.iter().map(|it| it.iter().rev().cloned().collect());
    the_same(&format!("{name} reversed"), &written(&reversed.collect::<Vec<_>>(), "\n"), whole);
    let mut shouted = records.clone();
    shouted[0].iter_mut().for_each(|it| *it = it.to_ascii_uppercase());
    the_same(&format!("{name} in capitals"), &written(&shouted, "\n"), whole);
}

/// Files that broke on their way: cut, overwritten, with bytes that are no text.
fn broken_on_the_way(name: &str, bytes: &[u8], whole: &Reading) {
    for (place, _) in bytes.iter().enumerate().filter(|(_, it)| **it == b'\n') {
        let cut = bytes.get(..=place).unwrap();
        part_of(&format!("{name} cut at byte {place}"), cut, whole);
        part_of(&format!("{name} cut before it"), cut.strip_suffix(b"\n").unwrap(), whole);
    }
    for place in places(bytes, 200) {
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[place] ^= 1 << bit;
            if let Err(error) = read(&flipped) {
                placed(&format!("{name}, bit {bit} of byte {place}"), &error);
            }
        }
        for (what, byte) in [("NUL", 0), ("no UTF-8", 0xff), ("half a letter", 0xc3)] {
            let inserted = [&bytes[..place], &[byte], &bytes[place..]].concat();
            refused(&format!("{name} with {what} at byte {place}"), &inserted);
        }
    }
    if whole.format() != Format::HetznerCsv {
        refused(&format!("{name} with itself behind it"), &[bytes, bytes].concat());
    }
}

/// A table with a header and something wrong with its columns.
fn with_wrong_columns(name: &str, bytes: &[u8], wanted: &[table::Column]) {
    let records = records(bytes);
    let place = |column: &str| records[0].iter().position(|it| it.eq_ignore_ascii_case(column));
    for column in wanted {
        let Some(place) = place(column.name) else { continue };
        let without = records.iter().map(|it| [&it[..place], &it[place + 1..]].concat());
        let without = written(&without.collect::<Vec<_>>(), "\n");
        if column.is_required {
            refused(&format!("{name} without {}", column.name), &without);
        }
        let twice = records.iter().map(|it| [&it[..], &it[place..=place]].concat());
        let twice = written(&twice.collect::<Vec<_>>(), "\n");
        refused(&format!("{name} with {} twice", column.name), &twice);
    }
    let twice = [&records[..1], &records[..]].concat();
    refused(&format!("{name} with its header twice"), &written(&twice, "\n"));
}

/// What may not stand where an amount stands.
const NO_AMOUNTS: [&str; 23] = [
    "",
    " ",
    "NaN",
    "-nan",
    "inf",
    "-Infinity",
    "1,5",
    "1.234,56",
    "1e999",
    "1E-999",
    "1e",
    "+1.00",
    "(1.00)",
    "--1.00",
    "1.00-",
    "0x10",
    "1_000",
    "=1+1",
    "\u{661}.00",
    "\u{2212}1.00",
    "\u{20ac}1.00",
    "99999999999999999999999999999999.00",
    "1.00.00",
];

/// What may not stand where a time stands.
const NO_TIMES: [&str; 15] = [
    "",
    "yesterday",
    "2026-02-30",
    "2026-02-30T00:00:00Z",
    "2026-02-30 00:00:00 +0000",
    "2026-04-01T24:00:00Z",
    "2023-02-01T30:00:00Z",
    "13/45/2026",
    "0/1/26",
    "1900-01-01T00:00:00Z",
    "99999-01-01T00:00:00Z",
    "2026-04-01T00:00:00+99:00",
    "1775000000",
    "NaN",
    "NULL",
];

/// Where a table has its amounts and its times, and its first row.
struct Spots {
    amount: usize,
    times: Vec<usize>,
    first_row: usize,
}

impl Spots {
    fn of(format: Format, head: &[String]) -> Option<Self> {
        if format == Format::HetznerCsv {
            let shift = 9 - head.len();
            return Some(Self {
                amount: 7 - shift,
                times: vec![3 - shift, 4 - shift],
                first_row: 0,
            });
        }
        let (_, amount, times) = parts(format)?;
        let place = |name: &str| head.iter().position(|it| it.eq_ignore_ascii_case(name));
        let times = times.into_iter().filter_map(place).collect();
        Some(Self { amount: place(amount)?, times, first_row: 1 })
    }
}

fn with_wrong_cells(name: &str, records: &[Vec<String>], spots: &Spots) {
    let put = |row: usize, place: usize, text: &str| {
        let mut changed = records.to_vec();
        changed[row][place] = text.to_owned();
        let what = format!("{name} with {text:?} in column {place} of row {row}");
        refused(&what, &written(&changed, "\n"));
    };
    let last = records.len() - 1;
    for row in [spots.first_row, last.midpoint(spots.first_row), last] {
        NO_AMOUNTS.into_iter().for_each(|text| put(row, spots.amount, text));
        for place in &spots.times {
            NO_TIMES.into_iter().for_each(|text| put(row, *place, text));
        }
    }
    // A row more or less by a cell, and one of nothing but its commas.
    let (mut shorter, mut longer) = (records.to_vec(), records.to_vec());
    shorter[last].pop();
    longer[last].push("x".to_owned());
    let nothing = [records, &[vec![String::new(); records[0].len()]]].concat();
    for (what, changed) in [("shorter", shorter), ("longer", longer), ("of nothing", nothing)] {
        if records.len() > 1 {
            refused(&format!("{name} with a row that is {what}"), &written(&changed, "\n"));
        }
    }
}

fn with_wrong_members(name: &str, bytes: &[u8], format: Format) {
    let json: serde_json::Value = serde_json::from_slice(bytes).unwrap();
    let (amount, times) = if format == Format::VultrJson {
        ("total", ["start_date", "end_date"])
    } else {
        ("amount", ["start_time", "end_time"])
    };
    let put = |member: &str, value: serde_json::Value| {
        let mut changed = json.clone();
        let page = if changed.is_array() { &mut changed[0] } else { &mut changed };
        let item = &mut page["invoice_items"][0];
        item[member] = value;
        refused(&format!("{name} with {item} in it"), changed.to_string().as_bytes());
    };
    let structures = [serde_json::json!(null), serde_json::json!([1]), serde_json::json!({"a": 1})];
    for member in [amount, times[0], times[1], "product"] {
        structures.iter().for_each(|it| put(member, it.clone()));
        put(member, serde_json::json!(true));
    }
    NO_AMOUNTS.into_iter().for_each(|text| put(amount, serde_json::json!(text)));
    for member in times {
        NO_TIMES.into_iter().for_each(|text| put(member, serde_json::json!(text)));
    }
}

/// What each format with a header is asked for: columns, amount, times.
fn parts(format: Format) -> Option<(Vec<table::Column>, &'static str, Vec<&'static str>)> {
    match format {
        Format::DigitalOceanCsv => {
            Some((digitalocean::COLUMNS.to_vec(), "USD", vec!["start", "end"]))
        }
        Format::Focus10 | Format::Focus11 | Format::Focus12 => {
            let times = vec![
                "BillingPeriodStart",
                "BillingPeriodEnd",
                "ChargePeriodStart",
                "ChargePeriodEnd",
            ];
            Some((focus::COLUMNS.to_vec(), "BilledCost", times))
        }
        Format::AwsCur => {
            let times = vec!["lineItem/UsageStartDate", "lineItem/UsageEndDate"];
            Some((report::AWS.columns(), "lineItem/UnblendedCost", times))
        }
        Format::AzureEa => Some((report::AZURE.columns(), "CostInBillingCurrency", vec!["Date"])),
        Format::OracleCost => {
            let times = vec!["lineItem/intervalUsageStart", "lineItem/intervalUsageEnd"];
            Some((report::ORACLE.columns(), "cost/myCost", times))
        }
        Format::DigitalOceanJson | Format::VultrJson | Format::HetznerCsv => None,
    }
}

fn check(name: &str, bytes: &[u8]) {
    let whole = read(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let format = whole.format();
    written_otherwise(name, bytes, &whole);
    broken_on_the_way(name, bytes, &whole);
    if let Some((columns, ..)) = parts(format) {
        with_wrong_columns(name, bytes, &columns);
    }
    if whole.lines().is_empty() {
        return;
    }
    if format.is_table() {
        let records = records(bytes);
        let spots = Spots::of(format, &records[0]).expect("a table has amounts and times");
        with_wrong_cells(name, &records, &spots);
    } else {
        with_wrong_members(name, bytes, format);
    }
}

#[test]
fn our_files_changed_in_every_way_are_the_same_or_refused() {
    for file in OURS {
        check(read(file).unwrap().format().as_str(), file);
    }
}

#[test]
fn a_column_that_is_not_there_is_missed_once() {
    let Err(BillError::Wrong(findings)) = read_as(Format::AzureEa, b"a,b\n1,2\n") else {
        panic!("it was read")
    };
    let missing = findings.kept().iter().map(|it| it.problem.to_string());
    let missing = missing.collect::<Vec<_>>();
    let distinct = missing.iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(distinct.len(), missing.len(), "{missing:?}");
}

#[test]
fn a_broken_document_says_the_line_and_the_character() {
    for (text, expected) in [
        ("{", (1, 1)),
        ("{\n", (2, 1)),
        ("{\"a\": \"\u{e9}\u{20ac}\" x}", (1, 12)),
        ("{\"invoice_items\": [\n\n  1,\n]}", (4, 1)),
    ] {
        let Err(BillError::Wrong(findings)) = read(text.as_bytes()) else { panic!("{text}") };
        let Place::Json { line, column, .. } = findings.kept()[0].place else { panic!("{text}") };
        assert_eq!((line, column), expected, "{text}");
    }
}

/// A file of which trying every change would take longer than anybody waits: its head.
fn head(bytes: &[u8]) -> Cow<'_, [u8]> {
    const BYTES: usize = 20_000;
    if bytes.len() <= BYTES {
        return Cow::Borrowed(bytes);
    }
    let mut records = records(bytes);
    let width = bytes.len() / records.len();
    records.truncate(BYTES / width);
    Cow::Owned(written(&records, "\n"))
}

#[test]
fn published_bills_changed_in_every_way_are_the_same_or_refused() {
    for provider in ["aws", "azure", "digitalocean", "focus", "hetzner", "oci", "vultr"] {
        for file in files(provider) {
            if read(&file.bytes).is_ok() {
                let bytes = if detect(&file.bytes).is_ok_and(Format::is_table) {
                    head(&file.bytes)
                } else {
                    Cow::Borrowed(file.bytes.as_slice())
                };
                check(&file.name, &bytes);
                file.say("the same or refused, however it is changed");
            }
        }
    }
}
