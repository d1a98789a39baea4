//! A table with a header: columns are found by name, rows are as wide as the header.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::csv::{Reader, Record};
use super::field::{Field, Spot};
use super::finding::{Findings, Place, Problem};

/// The most rows a file has: a bill of more comes in several.
pub(super) const ROWS_MAX: u32 = 1_000_000;

/// A column that a reader looks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// The file is refused without it.
    pub(super) is_required: bool,
}

pub(super) const fn required(name: &'static str) -> Column {
    Column { name, is_required: true }
}

pub(super) const fn optional(name: &'static str) -> Column {
    Column { name, is_required: false }
}

/// A file with a header that was read.
#[derive(Debug)]
pub(super) struct Table<'a> {
    reader: Reader<'a>,
    columns: BTreeMap<&'static str, usize>,
    width: usize,
    rows: u32,
}

/// The names in a header; none where there is no first record.
pub(super) fn header(bytes: &[u8]) -> Vec<String> {
    let record = Reader::new(bytes).next(&mut Findings::default());
    let cells = record.map(|it| it.cells).unwrap_or_default();
    cells.into_iter().map(|it| it.text.into_owned()).collect()
}

impl<'a> Table<'a> {
    /// Reads the header and finds the columns in it, whatever the case of their letters.
    pub(super) fn new(bytes: &'a [u8], wanted: &[Column], findings: &mut Findings) -> Self {
        let mut reader = Reader::new(bytes);
        let record = reader.next(findings);
        let (line, byte) = record.as_ref().map_or((1, 0), |it| (it.line, it.byte));
        let cells = record.map(|it| it.cells).unwrap_or_default();
        let (mut names, mut places) = (Vec::new(), Vec::new());
        for cell in cells {
            places.push((cell.line, cell.byte));
            names.push(cell.text.into_owned());
        }
        let mut columns = BTreeMap::new();
        for column in wanted {
            let is_it = |it: &&String| it.eq_ignore_ascii_case(column.name);
            match names.iter().position(|it| is_it(&it)) {
                Some(index) => {
                    columns.insert(column.name, index);
                }
                None if column.is_required => {
                    let problem = Problem::MissingColumn { column: column.name };
                    findings.add(|| Place::Line { line, byte }, problem);
                }
                None => (),
            }
        }
        let known =
            |name: &str| wanted.iter().map(|it| it.name).find(|it| it.eq_ignore_ascii_case(name));
        let mut seen = BTreeMap::new();
        for (index, (name, (line, byte))) in names.iter().zip(places).enumerate() {
            let name = known(name).unwrap_or(name);
            if let Some(first) = seen.insert(name, index + 1) {
                let (column, name) = (index + 1, Some(super::finding::shown(name)));
                let place = || Place::Cell { line, column, name, byte };
                findings.add(place, Problem::DuplicateColumn { first });
            }
        }
        let width = names.len();
        reader.names = names;
        Self { reader, columns, width, rows: 0 }
    }

    /// What the header calls the columns.
    pub(super) fn names(&self) -> &[String] {
        &self.reader.names
    }

    /// The next row that is as wide as the header.
    pub(super) fn next(&mut self, findings: &mut Findings) -> Option<Row<'_, 'a>> {
        let record = loop {
            let record = self.reader.next(findings)?;
            if self.rows == ROWS_MAX {
                let place = || Place::Line { line: record.line, byte: record.byte };
                findings.add(place, Problem::TooManyRows { rows_max: ROWS_MAX });
                return None;
            }
            self.rows += 1;
            if !record.is_sound {
                continue;
            }
            if record.cells.len() == self.width {
                break record;
            }
            let place = || Place::Line { line: record.line, byte: record.byte };
            let (found, expected) = (record.cells.len(), self.width);
            findings.add(place, Problem::Width { found, expected });
        };
        Some(Row { number: self.rows, record, names: &self.reader.names, columns: &self.columns })
    }
}

/// A row under its header.
#[derive(Debug)]
pub(super) struct Row<'t, 'a> {
    /// The first after the header is 1.
    pub(super) number: u32,
    record: Record<'a>,
    names: &'t [String],
    columns: &'t BTreeMap<&'static str, usize>,
}

impl Row<'_, '_> {
    /// What stands in a column, where there is the column; and whether in quotes.
    pub(super) fn cell(&self, column: &'static str) -> Option<(Field<'_>, bool)> {
        let index = *self.columns.get(column)?;
        let cell = self.record.cells.get(index)?;
        let name = self.names.get(index).map(String::as_str);
        let spot = Spot::Cell { line: cell.line, column: index + 1, name, byte: cell.byte };
        let text = Cow::Borrowed(cell.text.as_ref());
        Some((Field { text, spot }, cell.is_quoted))
    }

    /// What stands in a column, where anything does.
    pub(super) fn optional(&self, column: &'static str) -> Option<Field<'_>> {
        self.cell(column).map(|(it, _)| it).filter(|it| !it.text.is_empty())
    }

    /// What stands in a column, which may not be empty. A column that is not there was found to be
    /// missing before.
    pub(super) fn required(
        &self,
        column: &'static str,
        expected: &'static str,
        findings: &mut Findings,
    ) -> Option<Field<'_>> {
        let (field, _) = self.cell(column)?;
        if field.text.is_empty() {
            return field.refuse(findings, Problem::Empty { expected });
        }
        Some(field)
    }
}
