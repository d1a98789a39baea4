//! Comma-separated values (RFC 4180) that know where they stand: line, column and byte.
//!
//! Beyond the RFC: a line ends with CRLF or LF, the last may end with nothing, empty lines between
//! records are skipped, and a byte order mark is not part of the first field. What the RFC leaves
//! undefined is refused at its place, and reading goes on with the next field or line, so that one
//! bad row does not hide another.

use std::borrow::Cow;

use super::finding::{Findings, Place, Problem, shown};

/// The most bytes a field has.
pub(super) const FIELD_BYTES_MAX: usize = 64 * 1024;
/// The most cells a row has.
pub(super) const COLUMNS_MAX: usize = 1_000;

/// Reads records, one by one.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
    /// What the header calls the columns, for places.
    pub(super) names: Vec<String>,
}

/// One record.
#[derive(Debug)]
pub(super) struct Record<'a> {
    /// The line it begins on.
    pub(super) line: u32,
    /// Its first byte.
    pub(super) byte: usize,
    pub(super) cells: Vec<Cell<'a>>,
    /// Nothing was wrong with its form.
    pub(super) is_sound: bool,
}

/// One cell, without its quotes.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) is_quoted: bool,
    pub(super) line: u32,
    pub(super) byte: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let rest = bytes.strip_prefix(super::BYTE_ORDER_MARK).unwrap_or(bytes);
        let at = bytes.len() - rest.len();
        Self { bytes, at, line: 1, names: Vec::new() }
    }

    /// The next record; nothing after the last.
    pub(super) fn next(&mut self, findings: &mut Findings) -> Option<Record<'a>> {
        while self.take_line_end() {}
        self.bytes.get(self.at)?;
        let before = findings.count();
        let (line, byte, mut cells) = (self.line, self.at, Vec::new());
        loop {
            let column = cells.len() + 1;
            if cells.len() == COLUMNS_MAX {
                let columns_max = COLUMNS_MAX;
                findings
                    .add(|| Place::Line { line, byte }, Problem::TooManyColumns { columns_max });
                self.skip_line();
                break;
            }
            cells.push(self.cell(column, findings));
            if self.bytes.get(self.at) != Some(&b',') {
                self.take_line_end();
                break;
            }
            self.at += 1;
        }
        Some(Record { line, byte, cells, is_sound: findings.count() == before })
    }

    fn cell(&mut self, column: usize, findings: &mut Findings) -> Cell<'a> {
        let (line, byte) = (self.line, self.at);
        let is_quoted = self.bytes.get(byte) == Some(&b'"');
        let raw = if is_quoted {
            self.quoted(column, findings)
        } else {
            Cow::Borrowed(self.unquoted(column, findings))
        };
        let mut wrong = |problem| findings.add(|| self.place(line, column, byte), problem);
        if raw.len() > FIELD_BYTES_MAX {
            wrong(Problem::FieldTooLong { bytes: raw.len(), bytes_max: FIELD_BYTES_MAX });
        }
        if raw.contains(&0) {
            wrong(Problem::Nul);
        }
        let text = match raw {
            Cow::Borrowed(raw) => std::str::from_utf8(raw).map(Cow::Borrowed).ok(),
            Cow::Owned(raw) => String::from_utf8(raw).map(Cow::Owned).ok(),
        };
        let text = text.unwrap_or_else(|| {
            wrong(Problem::NotUtf8);
            Cow::Borrowed("")
        });
        Cell { text, is_quoted, line, byte }
    }

    /// Up to the next separator or end of line.
    fn unquoted(&mut self, column: usize, findings: &mut Findings) -> &'a [u8] {
        let start = self.at;
        let mut is_reported = false;
        loop {
            let problem = match self.bytes.get(self.at) {
                None | Some(b',' | b'\n') => break,
                Some(b'\r') if self.bytes.get(self.at + 1) == Some(&b'\n') => break,
                Some(b'\r') => Some(Problem::BareCarriageReturn),
                Some(b'"') => Some(Problem::StrayQuote),
                Some(_) => None,
            };
            if let Some(problem) = problem.filter(|_| !is_reported) {
                is_reported = true;
                findings.add(|| self.place(self.line, column, self.at), problem);
            }
            self.at += 1;
        }
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// Up to the closing quote, with doubled quotes as one.
    fn quoted(&mut self, column: usize, findings: &mut Findings) -> Cow<'a, [u8]> {
        let (line, byte) = (self.line, self.at);
        let mut text = Cow::Borrowed(&[][..]);
        let mut start = byte + 1;
        loop {
            let rest = self.bytes.get(start..).unwrap_or_default();
            let Some(length) = rest.iter().position(|it| *it == b'"') else {
                findings.add(|| self.place(line, column, byte), Problem::UnterminatedQuote);
                self.at = self.bytes.len();
                return text;
            };
            let part = rest.get(..length).unwrap_or_default();
            self.count_lines(part);
            self.at = start + length + 1;
            let is_doubled = self.bytes.get(self.at) == Some(&b'"');
            if text.is_empty() && !is_doubled {
                text = Cow::Borrowed(part);
            } else {
                text.to_mut().extend_from_slice(part);
            }
            if !is_doubled {
                break;
            }
            text.to_mut().push(b'"');
            start = self.at + 1;
        }
        if !self.is_at_end_of_field() {
            findings.add(|| self.place(self.line, column, self.at), Problem::StrayQuote);
            // What follows belongs to nobody; further quotes in it are not reported again.
            self.unquoted(column, &mut Findings::default());
        }
        text
    }

    fn is_at_end_of_field(&self) -> bool {
        match self.bytes.get(self.at) {
            None | Some(b',' | b'\n') => true,
            Some(b'\r') => self.bytes.get(self.at + 1) == Some(&b'\n'),
            Some(_) => false,
        }
    }

    fn take_line_end(&mut self) -> bool {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = if rest.starts_with(b"\r\n") {
            2
        } else if rest.starts_with(b"\n") {
            1
        } else {
            return false;
        };
        self.at += length;
        self.line = self.line.saturating_add(1);
        true
    }

    fn skip_line(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|it| *it == b'\n').unwrap_or(rest.len());
        self.take_line_end();
    }

    fn count_lines(&mut self, part: &[u8]) {
        let lines = part.iter().filter(|it| **it == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
    }

    fn place(&self, line: u32, column: usize, byte: usize) -> Place {
        let name = self.names.get(column - 1).map(|it| shown(it));
        Place::Cell { line, column, name, byte }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rows = Vec<Vec<String>>;

    fn read(bytes: &[u8]) -> (Rows, Findings) {
        let (mut reader, mut findings) = (Reader::new(bytes), Findings::default());
        let mut rows = Vec::new();
        while let Some(record) = reader.next(&mut findings) {
            rows.push(record.cells.into_iter().map(|it| it.text.into_owned()).collect());
        }
        (rows, findings)
    }

    #[track_caller]
    fn check(text: &str, expected: &[&[&str]]) {
        let (rows, findings) = read(text.as_bytes());
        assert_eq!(rows, expected);
        assert_eq!(findings, Findings::default());
    }

    #[track_caller]
    fn refused(bytes: &[u8], expected: &[(u32, usize, usize, Problem)]) {
        let (_, findings) = read(bytes);
        let place = |line, column, byte| Place::Cell { line, column, name: None, byte };
        let found = findings.kept().iter().map(|it| (it.place.clone(), it.problem.clone()));
        let expected = expected
            .iter()
            .map(|(line, column, byte, it)| (place(*line, *column, *byte), it.clone()));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn fields_are_read_as_the_rfc_has_them() {
        check("a,b\nc,d\n", &[&["a", "b"], &["c", "d"]]);
        check("a,b\r\nc,d", &[&["a", "b"], &["c", "d"]]);
        check("\u{feff}a,b\n\n\r\nc,d\n\n", &[&["a", "b"], &["c", "d"]]);
        check("\"a,\"\"b\"\"\",\"\"\n,\n", &[&["a,\"b\"", ""], &["", ""]]);
        check("\"\u{feff}\",\"a\r\nb\nc\"\n", &[&["\u{feff}", "a\r\nb\nc"]]);
        check("\"\"\"\"", &[&["\""]]);
        check("", &[]);
        check("\n\n", &[]);
    }

    #[test]
    fn what_the_rfc_does_not_have_is_refused_at_its_place() {
        refused(b"a\n\"b\nc", &[(2, 1, 2, Problem::UnterminatedQuote)]);
        refused(b"a\nb\"c\"d,e\n", &[(2, 1, 3, Problem::StrayQuote)]);
        refused(b"\"a\nb\" ,c\n", &[(2, 1, 5, Problem::StrayQuote)]);
        refused(
            b"\"a\"b\"\"c\n\"d\"e",
            &[(1, 1, 3, Problem::StrayQuote), (2, 1, 11, Problem::StrayQuote)],
        );
        refused(
            b"a\rb,c\r",
            &[(1, 1, 1, Problem::BareCarriageReturn), (1, 2, 5, Problem::BareCarriageReturn)],
        );
        refused(b"a,\xff\n\"\xc3\"", &[(1, 2, 2, Problem::NotUtf8), (2, 1, 4, Problem::NotUtf8)]);
        refused(b"a,b\0", &[(1, 2, 2, Problem::Nul)]);
        let long = [b"a,".to_vec(), vec![b'x'; FIELD_BYTES_MAX + 1]].concat();
        let (bytes, bytes_max) = (FIELD_BYTES_MAX + 1, FIELD_BYTES_MAX);
        refused(&long, &[(1, 2, 2, Problem::FieldTooLong { bytes, bytes_max })]);
    }

    #[test]
    fn a_million_columns_are_one_finding() {
        let (rows, findings) = read(&[vec![b','; 1_000_000], b"\na".to_vec()].concat());
        assert_eq!((rows.len(), findings.count()), (2, 1));
    }

    #[test]
    fn all_findings_are_counted_and_some_are_kept() {
        let (_, findings) = read("a\"\n".repeat(1_000).as_bytes());
        assert_eq!((findings.count(), findings.kept().len()), (1_000, Findings::KEPT_MAX));
    }
}
