//! Readers against files that a writer makes, files that were damaged, and files made to harm.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::event::provider::LineClass;
use crate::money::Exact;
use crate::testing::cases;
use crate::testing::values::{currency, day, exact, foreign_text};
use crate::time::Timestamp;

mod hostile;
mod published;

const OURS: [&[u8]; 12] = [
    include_bytes!("../../../fixtures/bills/digitalocean-9.csv"),
    include_bytes!("../../../fixtures/bills/digitalocean-8.csv"),
    include_bytes!("../../../fixtures/bills/digitalocean-items.json"),
    include_bytes!("../../../fixtures/bills/digitalocean-pages.json"),
    include_bytes!("../../../fixtures/bills/focus-1.0.csv"),
    include_bytes!("../../../fixtures/bills/focus-1.2.csv"),
    include_bytes!("../../../fixtures/bills/vultr-items.json"),
    include_bytes!("../../../fixtures/bills/hetzner-9.csv"),
    include_bytes!("../../../fixtures/bills/hetzner-8-mangled.csv"),
    include_bytes!("../../../fixtures/bills/aws-cur.csv"),
    include_bytes!("../../../fixtures/bills/azure-ea.csv"),
    include_bytes!("../../../fixtures/bills/oracle-cost.csv"),
];

/// How a table is written.
#[derive(Debug, Clone)]
struct Style {
    has_mark: bool,
    line_end: &'static str,
    is_all_quoted: bool,
    /// Where each column goes, as draws.
    order: Vec<Index>,
}

fn style() -> impl Strategy<Value = Style> {
    let order = proptest::collection::vec(any::<Index>(), 20);
    (any::<bool>(), select(vec!["\n", "\r\n", "\n\n"]), any::<bool>(), order).prop_map(
        |(has_mark, line_end, is_all_quoted, order)| Style {
            has_mark,
            line_end,
            is_all_quoted,
            order,
        },
    )
}

impl Style {
    fn write(&self, rows: &[Vec<String>]) -> Vec<u8> {
        let mut text = String::from(if self.has_mark { "\u{feff}" } else { "" });
        for row in rows {
            let cells = self.permuted(row);
            let cells = cells.iter().map(|it| self.cell(it)).collect::<Vec<_>>();
            text.push_str(&cells.join(","));
            text.push_str(self.line_end);
        }
        text.into_bytes()
    }

    fn permuted(&self, row: &[String]) -> Vec<String> {
        let (mut rest, mut made) = (row.to_vec(), Vec::new());
        for draw in self.order.iter().take(row.len()) {
            made.push(rest.remove(draw.index(rest.len())));
        }
        made
    }

    fn cell(&self, text: &str) -> String {
        if self.is_all_quoted || text.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    }
}

fn texts(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|it| (*it).to_owned()).collect()
}

fn prose() -> impl Strategy<Value = String> {
    let lines = (foreign_text(40), foreign_text(40)).prop_map(|(one, two)| format!("{one}\n{two}"));
    prop_oneof![Just(String::new()), foreign_text(60), lines]
}

/// A whole second, and one no earlier.
fn interval() -> impl Strategy<Value = (Timestamp, Timestamp)> {
    (day(), 0_i64..86_400, 0_i64..90 * 86_400).prop_map(|(day, second, length)| {
        let at = |seconds| day.starts_at().plus_seconds(seconds).unwrap_or(Timestamp::MAX);
        let last = Timestamp::MAX.plus_seconds(-2).unwrap();
        (at(second).min(last), at(second + length).min(last))
    })
}

#[derive(Debug, Clone)]
struct Charge {
    product: String,
    description: String,
    project: String,
    hours: Option<u32>,
    interval: (Timestamp, Timestamp),
    cents: i64,
}

fn charge() -> impl Strategy<Value = Charge> {
    let product =
        prop_oneof![Just("Taxes".to_owned()), Just("Droplets".to_owned()), foreign_text(40)];
    let cents = prop_oneof![Just(0), -100_i64..100, any::<i64>()];
    let project = prop_oneof![Just(String::new()), foreign_text(40)];
    (product, prose(), project, any::<Option<u32>>(), interval(), cents).prop_map(
        |(product, description, project, hours, interval, cents)| Charge {
            product,
            description,
            project,
            hours,
            interval,
            cents,
        },
    )
}

fn usd(cents: i64) -> Money {
    Money::from_minor(i128::from(cents), Currency::USD).unwrap()
}

/// Cents as DigitalOcean may write them.
fn dollars(cents: i64) -> String {
    let magnitude = cents.unsigned_abs();
    let digits = (magnitude / 100).to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if cents < 0 { ["-$", "$-", "-"] } else { ["$", "$", ""] };
    let sign = sign.get(usize::try_from(magnitude % 3).unwrap()).unwrap();
    format!("{sign}{grouped}.{:02}", magnitude % 100)
}

/// What DigitalOcean writes for an instant; the end of a month also as its last second.
fn spelled(at: Timestamp) -> String {
    format!("{} +0000", at.to_string().replace('T', " ").trim_end_matches('Z'))
}

fn last_second_or(at: Timestamp, is_wanted: bool) -> String {
    let is_month = at == at.period().starts_at();
    let earlier = at.plus_seconds(-1).filter(|_| is_wanted && is_month);
    spelled(earlier.unwrap_or(at))
}

proptest! {
    #![proptest_config(cases(2_000))]

    /// What was written is read back, wherever its columns stand and however it is quoted.
    #[test]
    fn a_table_of_digitalocean_is_read_back(
        charges in proptest::collection::vec(charge(), 0..8),
        style in style(),
    ) {
        let mut rows = vec![texts(&[
            "product", "group_description", "description", "hours", "start", "end", "USD",
            "project_name", "category",
        ])];
        for (place, it) in charges.iter().enumerate() {
            let hours = it.hours.map(|it| it.to_string()).unwrap_or_default();
            let is_long = it.interval.0 < it.interval.1;
            let end = last_second_or(it.interval.1, place % 2 == 0 && is_long);
            rows.push(texts(&[
                &it.product, "", &it.description, &hours, &spelled(it.interval.0), &end,
                &dollars(it.cents), &it.project, "iaas",
            ]));
        }
        let reading = read_as(Format::DigitalOceanCsv, &style.write(&rows)).unwrap();
        prop_assert_eq!(reading.lines().len(), charges.len());
        for (line, it) in reading.lines().iter().zip(&charges) {
            let expected = times::after_last_second_of_month(it.interval.1).unwrap();
            prop_assert_eq!(line.product.as_str(), &it.product);
            prop_assert_eq!(line.description.as_str(), &it.description);
            prop_assert_eq!(line.project.as_ref().map_or("", |it| it.as_str()), &it.project);
            prop_assert_eq!(line.quantity, it.hours.map(|it| Exact::whole(i64::from(it))));
            prop_assert_eq!((line.starts_at, line.ends_at), (it.interval.0, expected));
            prop_assert_eq!(line.amount, usd(it.cents));
            prop_assert_eq!(line.class == LineClass::Tax, it.product == "Taxes");
        }
    }

    /// The same of FOCUS, with amounts of any scale in any currency.
    #[test]
    fn a_table_of_focus_is_read_back(
        rows in proptest::collection::vec((exact(), currency(), prose(), interval()), 0..8),
        style in style(),
    ) {
        let mut table = vec![texts(&[
            "BilledCost", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd",
            "ChargeCategory", "ChargePeriodStart", "ChargePeriodEnd", "ServiceName",
            "ChargeDescription", "EffectiveCost", "SubAccountId", "Tags",
        ])];
        for (amount, currency, description, (start, end)) in &rows {
            table.push(texts(&[
                &amount.to_string(), currency.code(), &start.to_string(), &end.to_string(), "Usage",
                &start.to_string(), &end.to_string(), "Machines", description, "NaN", "007",
                "{\"a\": \"b\"}",
            ]));
        }
        // The sum may be beyond all bounds; the lines are what is asked for here.
        let draft = focus::table(&style.write(&table));
        prop_assert!(draft.findings.is_empty(), "{}", draft.findings);
        prop_assert_eq!(draft.lines.len(), rows.len());
        for (line, (amount, currency, description, interval)) in draft.lines.iter().zip(&rows) {
            let is_null = matches!(description.as_str(), "NULL" | "null");
            prop_assert_eq!(line.amount, Money::new(*amount, *currency));
            prop_assert_eq!(line.description.as_str(), if is_null { "" } else { description });
            prop_assert_eq!((line.starts_at, line.ends_at), *interval);
            prop_assert_eq!(line.project.as_ref().unwrap().as_str(), "007");
        }
    }

    /// Items that were written as JSON are read back, on one page or on several.
    #[test]
    fn items_of_digitalocean_are_read_back(
        charges in proptest::collection::vec(charge(), 1..8),
        cut in any::<Index>(),
    ) {
        let item = |it: &Charge| {
            let cents = usd(it.cents);
            serde_json::json!({
                "product": it.product, "description": it.description, "amount": cents.amount_text(),
                "start_time": it.interval.0, "end_time": it.interval.1, "project_name": it.project,
            })
        };
        let page = |charges: &[Charge], next: &str, total: usize| {
            let items = charges.iter().map(item).collect::<Vec<_>>();
            let links = serde_json::json!({"pages": {"next": next}});
            serde_json::json!({"invoice_items": items, "links": links, "meta": {"total": total}})
        };
        let total = charges.len();
        let one = page(&charges, "", total);
        let (first, rest) = charges.split_at(cut.index(total));
        let several = serde_json::json!([page(first, "more", total), page(rest, "", total)]);
        let one = pages::read(one.to_string().as_bytes(), digitalocean::item);
        let several = pages::read(several.to_string().as_bytes(), digitalocean::item);
        prop_assert!(one.findings.is_empty(), "{}", one.findings);
        prop_assert!(several.findings.is_empty(), "{}", several.findings);
        prop_assert_eq!(&one.lines, &several.lines);
        for (line, it) in one.lines.iter().zip(&charges) {
            prop_assert_eq!(line.description.as_str(), &it.description);
            prop_assert_eq!(line.amount, usd(it.cents));
        }
        let missing = page(&charges, "", total + 1).to_string();
        prop_assert!(read(missing.as_bytes()).is_err());
    }

    /// No bytes make a reader panic, and what it takes has a line for every row.
    #[test]
    fn no_bytes_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for format in Format::ALL {
            whole(read_as(format, &bytes));
            whole(read_whole(format, &bytes));
        }
        whole(read(&bytes));
    }

    /// Nor do the bytes of a good file, damaged.
    #[test]
    fn no_damage_harms(
        file in select(OURS.to_vec()),
        damage in proptest::collection::vec((any::<Index>(), 0_u8..4, byte()), 1..4),
    ) {
        let mut bytes = file.to_vec();
        for (place, what, byte) in damage {
            let at = place.index(bytes.len() + 1);
            match what {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, byte),
                2 => drop(bytes.splice(at..at, bytes.get(..at / 2).unwrap().to_vec())),
                _ => bytes.get_mut(at).into_iter().for_each(|it| *it = byte),
            }
        }
        whole(read(&bytes));
        for format in Format::ALL {
            whole(read_whole(format, &bytes));
        }
    }
}

/// Bytes that mean something to a reader as often as any other.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![select(b",\"\n\r\0$-eE+.0/:{}[]\\\xff".to_vec()), any::<u8>()]
}

/// A reading has each of its rows, or there is none.
#[track_caller]
fn whole(answer: Result<Reading, BillError>) {
    match answer {
        Ok(reading) => {
            let rows = reading.lines().iter().map(|it| it.row);
            assert!(rows.eq(1..=u32::try_from(reading.lines().len()).unwrap()));
            assert_eq!(sums(reading.lines()), Ok(reading.sums().to_vec()));
        }
        Err(BillError::Wrong(findings)) => assert!(!findings.kept().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A file that was cut anywhere is refused, or its lines are the first of the whole file's, to the
/// cent. Only a last column that is text may be shorter: nothing in the file says how long it was.
#[test]
fn a_cut_file_loses_whole_rows_or_is_refused() {
    for file in OURS {
        let full = read(file).unwrap();
        let mut refused = 0;
        for length in 0..file.len() {
            let Ok(cut) = read(file.get(..length).unwrap()) else {
                refused += 1;
                continue;
            };
            let is_json = matches!(full.format(), Format::DigitalOceanJson | Format::VultrJson);
            // A document that lost the line end behind it lost nothing.
            assert!(!is_json || cut.lines() == full.lines());
            let amounts = |it: &Reading| it.lines().iter().map(|it| it.amount).collect::<Vec<_>>();
            assert!(amounts(&full).starts_with(&amounts(&cut)), "{} at {length}", full.format());
            let but_last = cut.lines().len().saturating_sub(1);
            assert_eq!(full.lines().get(..but_last), cut.lines().get(..but_last));
        }
        assert!(refused > file.len() / 2, "{}: {refused}", full.format());
    }
}

/// Where the amount itself is the last field and the file does not end its last line, a cut within
/// the amount cannot be seen. It is told.
#[test]
fn what_a_cut_may_hide_is_told() {
    let header = "BillingCurrency,BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName,\
        ChargePeriodStart,ChargePeriodEnd,BilledCost\n";
    let row = "USD,4/1/26,5/1/26,Usage,Machines,4/1/26,4/2/26,12.3456";
    let whole = format!("{header}{row}\n");
    assert_eq!(read(whole.as_bytes()).unwrap().notices(), []);
    let cut = format!("{header}{}", row.trim_end_matches("456"));
    assert_eq!(read(cut.as_bytes()).unwrap().notices(), [Notice::NoFinalNewline]);
}

const DROPLETS: &str = "product,group_description,description,hours,start,end,USD,project_name\n\
    Droplets,,web,1,2026-04-01 00:00:00 +0000,2026-05-01 00:00:00 +0000,$1.00,acme\n";

/// Files made to be misread.
#[test]
fn files_made_to_harm_are_refused() {
    let droplets = |from: &str, to: &str| DROPLETS.replace(from, to).into_bytes();
    let items = |from: &str, to: &str| {
        let text = r#"{"invoice_items": [{"product": "Droplets", "amount": "1.00",
            "start_time": "2026-04-01T00:00:00Z", "end_time": "2026-05-01T00:00:00Z"}]}"#;
        text.replace(from, to).into_bytes()
    };
    assert!(read(&droplets("", "")).is_ok());
    assert!(read(&items("", "")).is_ok());
    let deep = |depth| [b"{\"invoice_items\": ".to_vec(), vec![b'['; depth]].concat();
    let attacks: Vec<(&str, Vec<u8>)> = vec![
        ("too large", vec![b'a'; FILE_BYTES_MAX + 1]),
        ("a cell of ten megabytes", droplets("web", &"w".repeat(10_000_000))),
        ("a million columns", [DROPLETS.as_bytes(), &vec![b','; 1_000_000]].concat()),
        ("nothing but quotes", vec![b'"'; 99_999]),
        ("NUL", droplets("web", "we\0b")),
        ("NUL in a column that is not read", droplets("$1.00,acme", "$1.00,ac\0me")),
        ("UTF-16", DROPLETS.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16 with a mark", b"\xff\xfep\0r\0".to_vec()),
        (
            "Latin 1",
            DROPLETS
                .replace("web", "w?b")
                .bytes()
                .map(|it| if it == b'?' { 0xe9 } else { it })
                .collect(),
        ),
        ("lines that end with a carriage return", droplets("\n", "\r")),
        ("a right-to-left override", droplets("web", "w\u{202e}b")),
        ("a bell", droplets("acme", "ac\u{7}me")),
        ("a name that is too long", droplets("acme", &"a".repeat(201))),
        ("a product that is empty", droplets("Droplets", "")),
        ("semicolons", droplets(",", ";")),
        ("tabs", droplets(",", "\t")),
        ("a decimal comma", droplets("$1.00", "\"1,00\"")),
        ("thousands without quotes", droplets("$1.00", "$1,000.00")),
        ("thousands that may be decimals", droplets("$1.00", "\"$1,000\"")),
        ("accountants' negatives", droplets("$1.00", "($1.00)")),
        ("another currency", droplets("$1.00", "\u{a3}1.00")),
        ("not a number", droplets("$1.00", "NaN")),
        ("infinity", droplets("$1.00", "-Infinity")),
        ("an exponent", droplets("$1.00", "1e2")),
        ("an amount that was cut", droplets("$1.00", "$1.0")),
        ("an amount that was cut at its point", droplets("$1.00", "$1")),
        ("digits of another script", droplets("$1.00", "$\u{661}.00")),
        ("a formula", droplets("$1.00", "=1+1")),
        ("more digits than there are", droplets("$1.00", &format!("${}.00", "9".repeat(40)))),
        ("a 30th of February", droplets("2026-04-01 ", "2026-02-30 ")),
        ("hour 24", droplets("01 00:00:00 +0000,2026-05", "01 24:00:00 +0000,2026-05")),
        ("a leap second", droplets("01 00:00:00 +0000,2026-05", "01 23:59:60 +0000,2026-05")),
        ("before time", droplets("2026-04", "1969-04")),
        ("after time", droplets("2026-05", "10000-05")),
        ("hours that are a word", droplets("web,1,", "web,many,")),
        ("a header twice", [DROPLETS.as_bytes(), DROPLETS.as_bytes()].concat()),
        ("a column twice, in other letters", droplets("project_name", "usd")),
        ("a row that is too long", droplets("acme", "acme,x")),
        ("only a header of another sort", b"a,b\n1,2\n".to_vec()),
        ("white space", b" \r\n\t".to_vec()),
        ("a mark and nothing", b"\xef\xbb\xbf".to_vec()),
        ("gzip", b"\x1f\x8b\x08\0".to_vec()),
        (
            "a workbook",
            [b"PK\x03\x04".to_vec(), vec![0; 26], b"[Content_Types].xml".to_vec()].concat(),
        ),
        ("an old workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec()),
        ("parquet", b"PAR1".to_vec()),
        ("JSON that goes on", items("}]}", "}]} {}")),
        ("JSON with a comment", items("[{", "[ /* */ {")),
        (
            "a member twice, spelled otherwise",
            items("\"amount\"", "\"am\\u006funt\": \"9\", \"amount\""),
        ),
        ("half a surrogate", items("Droplets", "\\ud800")),
        ("half a surrogate in a name", items("{\"product\"", "{\"\\ud800\": 1, \"product\"")),
        ("NaN in JSON", items("\"1.00\"", "NaN")),
        ("an exponent beyond reason", items("\"1.00\"", "1e999999999")),
        ("an amount that is a list", items("\"1.00\"", "[1]")),
        ("an amount that is null", items("\"1.00\"", "null")),
        ("items that are none", items("[{", "[1, {")),
        (
            "items that are an object",
            items("[{", "{\"a\": {").strip_suffix(b"]}").unwrap().to_vec(),
        ),
        ("JSON within JSON", deep(100)),
        ("JSON within JSON, closed", [deep(50), vec![b']'; 50], b"}".to_vec()].concat()),
        ("JSON within JSON within JSON", deep(1_000_000)),
        (
            "JSON within JSON within JSON, closed",
            [deep(100_000), vec![b']'; 100_000], b"}".to_vec()].concat(),
        ),
    ];
    for (what, bytes) in attacks {
        assert!(read(&bytes).is_err(), "{what} was read");
        for format in Format::ALL {
            assert!(read_as(format, &bytes).is_err(), "{what} was read as {format}");
        }
    }
}

/// People in the files are not in the lines.
#[test]
fn nobody_is_kept() {
    for file in OURS {
        let reading = read(file).unwrap();
        let kept = serde_json::to_string(reading.lines()).unwrap();
        assert!(!kept.contains('@'), "{kept}");
    }
}

#[test]
fn a_format_is_what_it_is_asked_for() {
    for file in OURS {
        let found = read(file).unwrap().format();
        for expected in Format::ALL {
            let answer = read_as(expected, file);
            if expected == found {
                assert_eq!(answer, read(file));
            } else {
                assert_eq!(answer, Err(BillError::OtherFormat { expected, found }));
            }
        }
    }
}

#[test]
fn all_that_a_header_lacks_is_said() {
    let Err(BillError::Wrong(findings)) = read_as(Format::DigitalOceanCsv, b"product,a\nb,c\n")
    else {
        panic!("it was read")
    };
    let missing = findings.kept().iter().map(|it| it.problem.clone()).collect::<Vec<_>>();
    let column = |column| Problem::MissingColumn { column };
    let expected =
        ["group_description", "description", "hours", "start", "end", "USD", "project_name"];
    assert_eq!(missing, expected.map(column));
}

#[test]
fn the_word_of_a_format_is_its_own() {
    let words = Format::ALL.map(Format::as_str);
    let distinct = words.into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(distinct.len(), words.len());
    assert!(Format::ALL.iter().all(|it| it.label().as_str() == it.as_str()));
}
