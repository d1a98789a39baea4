//! Provider files as a whole: ours, in the shapes that providers write, each with its verdict in
//! `fixtures/bills/verdicts.txt`; and published ones.
//!
//! `BLESS=1` writes the verdicts anew, to be read before they are believed.
//!
//! Published files are read where somebody has them, and what became of each is printed. A file
//! called `reject` or `attack` must be refused; one beside an `.expected.json` must have its rows
//! and its total.

use std::path::{Path, PathBuf};

use ledger_core::bill::{self, BillError, Reading};
use ledger_core::event::provider::BillLine;
use ledger_core::money::{Exact, Money};
use ledger_core::testing::published::{self, Published};

const VERDICTS: &str = "verdicts.txt";

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/bills")
}

fn said(reading: &Reading) -> String {
    let sums = reading.sums().iter().map(Money::to_string).collect::<Vec<_>>().join(" + ");
    format!("{}: {} lines, {sums}", reading.format(), reading.lines().len())
}

/// Everything there is to say about a file, an indented line for each thing.
fn verdict(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut say = |it: &dyn std::fmt::Display| text.push_str(&format!("    {it}\n"));
    match bill::read(bytes) {
        Ok(reading) => {
            reading.notices().iter().for_each(|it| say(it));
            reading.lines().iter().for_each(|it| say(&line(it)));
            format!("{}\n{text}", said(&reading))
        }
        Err(BillError::Wrong(findings)) => {
            findings.kept().iter().for_each(|it| say(it));
            format!("refused in {} places\n{text}", findings.count())
        }
        Err(error) => format!("refused: {error}\n"),
    }
}

/// A line as it is compared here.
fn line(it: &BillLine) -> String {
    let text = |it: Option<String>| it.unwrap_or_else(|| "-".to_owned());
    let class = format!("{:?}", it.class).to_lowercase();
    let quantity = text(it.quantity.map(|it| it.to_string()));
    let unit = text(it.unit.as_ref().map(ToString::to_string));
    let group = text(it.group.as_ref().map(ToString::to_string));
    let category = text(it.category.as_ref().map(ToString::to_string));
    let project = text(it.project.as_ref().map(ToString::to_string));
    let resource = text(it.resource.as_ref().map(ToString::to_string));
    let BillLine { row, product, amount, starts_at, ends_at, .. } = it;
    let description = it.description.as_str();
    format!(
        "{row}: {class} {amount}, {starts_at} to {ends_at}, {quantity} {unit}, of {product}: \
         {description:?}, group {group}, category {category}, project {project}, \
         resource {resource}"
    )
}

#[test]
fn each_of_our_files_has_its_verdict() {
    let mut verdicts = String::new();
    for file in files(&ours()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name == VERDICTS {
            continue;
        }
        let verdict = verdict(&std::fs::read(&file).unwrap());
        assert_eq!(
            name.starts_with("reject-"),
            verdict.starts_with("refused"),
            "{name}: {verdict}"
        );
        verdicts.push_str(&format!("{name}: {verdict}"));
    }
    let path = ours().join(VERDICTS);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &verdicts).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (found, expected) in verdicts.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(verdicts, expected);
}

/// The files of one directory and those below it.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("its entries can be read").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Rows and total that somebody else counted, in a file beside it.
fn counted(file: &Published, all: &[Published]) -> Option<(usize, Exact)> {
    let stem = file.name.split_once(".synthetic").or_else(|| file.name.rsplit_once('.'))?.0;
    let beside = format!("{stem}.expected.json");
    let it = all.iter().find(|it| it.name == beside)?.json();
    let total = it.get("total").or_else(|| it.get("net_total_4dp"))?.as_str()?;
    Some((usize::try_from(it.get("rows")?.as_u64()?).ok()?, total.parse().ok()?))
}

#[test]
fn every_published_file_of_a_provider_gets_its_verdict() {
    let providers = ["aws", "azure", "digitalocean", "focus", "hetzner", "oci", "vultr"];
    let all = providers.into_iter().flat_map(published::files).collect::<Vec<_>>();
    let mut wrong = Vec::new();
    for file in all.iter().filter(|it| !it.name.ends_with(".expected.json")) {
        let answer = bill::read(&file.bytes);
        match &answer {
            Ok(reading) => file.say(format!("accepted, {}", said(reading))),
            Err(BillError::Wrong(it)) => file.say(format!("refused, {it}")),
            Err(error) => file.say(format!("refused, {error}")),
        }
        let must_fail = file.name.contains("reject") || file.name.contains("attack");
        let is_right = match (&answer, counted(file, &all)) {
            (Ok(reading), Some((rows, total))) => {
                let sums = reading.sums().iter().map(|it| it.amount()).collect::<Vec<_>>();
                !must_fail && reading.lines().len() == rows && sums == [total]
            }
            (Ok(_), None) => !must_fail,
            (Err(_), counted) => counted.is_none(),
        };
        if !is_right {
            wrong.push(&file.name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
