//! A table with a header: columns are found by name, rows are as wide as the header.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::csv::{Cell, Reader, Record};
use super::field::{Field, Spot};
use super::finding::{Findings, Place, Problem, shown};

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
    columns: Columns,
    width: usize,
    rows: u32,
}

/// The names in a header; none where there is no first record.
pub(super) fn header(bytes: &[u8]) -> Vec<String> {
    let record = Reader::new(bytes).next(&mut Findings::default());
    let cells = record.map(|it| it.cells).unwrap_or_default();
    cells.into_iter().map(|it| it.text.into_owned()).collect()
}

/// Where each wanted column stands.
type Columns = BTreeMap<&'static str, usize>;

impl<'a> Table<'a> {
    /// Reads the header and finds the columns in it, whatever the case of their letters.
    pub(super) fn new(bytes: &'a [u8], wanted: &[Column], findings: &mut Findings) -> Self {
        let mut reader = Reader::new(bytes);
        let record = reader.next(findings);
        let (line, byte) = record.as_ref().map_or((1, 0), |it| (it.line, it.byte));
        let cells = record.map(|it| it.cells).unwrap_or_default();
        check_distinct(&cells, wanted, findings);
        let names = cells.into_iter().map(|it| it.text.into_owned()).collect::<Vec<_>>();
        let mut columns = Columns::new();
        for Column { name: column, is_required } in wanted {
            match names.iter().position(|it| it.eq_ignore_ascii_case(column)) {
                Some(index) => {
                    columns.insert(column, index);
                }
                None if *is_required => {
                    findings.add(|| Place::Line { line, byte }, Problem::MissingColumn { column });
                }
                None => (),
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

/// Refuses a name that stands twice: the same, or in other letters where it is looked for.
fn check_distinct(cells: &[Cell<'_>], wanted: &[Column], findings: &mut Findings) {
    let mut seen = BTreeMap::new();
    for (index, cell) in cells.iter().enumerate() {
        let known = wanted.iter().find(|it| it.name.eq_ignore_ascii_case(&cell.text));
        let name = known.map_or(cell.text.as_ref(), |it| it.name);
        if let Some(first) = seen.insert(name, index + 1) {
            let (line, column, byte) = (cell.line, index + 1, cell.byte);
            let place = || Place::Cell { line, column, name: Some(shown(name)), byte };
            findings.add(place, Problem::DuplicateColumn { first });
        }
    }
}

/// A row under its header.
#[derive(Debug)]
pub(super) struct Row<'t, 'a> {
    /// The first after the header is 1.
    pub(super) number: u32,
    record: Record<'a>,
    names: &'t [String],
    columns: &'t Columns,
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
