//! One field of a file, of a cell or of a JSON member, and what it may be read as.
//!
//! Whatever cannot be read is a finding at the field's place, and nothing is returned: a reader
//! asks for everything a line has before it makes the line, so that every bad field is found.

use std::borrow::Cow;

use super::finding::{Findings, Place, Problem, shown};
use super::json;
use super::number::Spelling;
use crate::id::{IdError, Label, Prose, ProviderRef, Unit};
use crate::money::{Currency, Exact};
use crate::time::Timestamp;

/// Where a field stands.
#[derive(Debug, Clone)]
pub(super) enum Spot<'a> {
    Cell { line: u32, column: usize, name: Option<&'a str>, byte: usize },
    Member { object: json::Node<'a>, pointer: Cow<'a, str> },
}

/// A text and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) spot: Spot<'a>,
}

impl Field<'_> {
    pub(super) fn place(&self) -> Place {
        match &self.spot {
            Spot::Cell { line, column, name, byte } => {
                Place::Cell { line: *line, column: *column, name: name.map(shown), byte: *byte }
            }
            Spot::Member { object, pointer } => object.place(pointer),
        }
    }

    pub(super) fn refuse<T>(
        &self,
        findings: &mut Findings,
        problem: impl Into<Problem>,
    ) -> Option<T> {
        findings.add(|| self.place(), problem);
        None
    }

    fn kept<T>(&self, findings: &mut Findings, it: Result<T, IdError>) -> Option<T> {
        it.map_err(|error| self.refuse::<T>(findings, error)).ok()
    }

    pub(super) fn label(&self, findings: &mut Findings) -> Option<Label> {
        self.kept(findings, Label::new(&self.text))
    }

    /// Line breaks are kept, as line feeds.
    pub(super) fn prose(&self, findings: &mut Findings) -> Option<Prose> {
        self.kept(findings, Prose::new(self.text.replace("\r\n", "\n")))
    }

    pub(super) fn resource(&self, findings: &mut Findings) -> Option<ProviderRef> {
        self.kept(findings, ProviderRef::new(&self.text))
    }

    pub(super) fn number(
        &self,
        spelling: Spelling,
        expected: &'static str,
        findings: &mut Findings,
    ) -> Option<Exact> {
        match spelling.read(&self.text) {
            Ok(it) => Some(it),
            Err(problem) => {
                let found = shown(&self.text);
                self.refuse(findings, Problem::Number { found, expected, problem })
            }
        }
    }

    pub(super) fn time(
        &self,
        read: impl Fn(&str) -> Option<Timestamp>,
        expected: &'static str,
        findings: &mut Findings,
    ) -> Option<Timestamp> {
        let time = read(&self.text);
        time.or_else(|| self.refuse(findings, Problem::Time { found: shown(&self.text), expected }))
    }

    pub(super) fn currency(&self, findings: &mut Findings) -> Option<Currency> {
        Currency::new(&self.text).map_err(|it| self.refuse::<Currency>(findings, it)).ok()
    }

    /// What a quantity counts, spelled as a unit: `Server Hours` counts `server_hours`. A unit is
    /// for people and for comparing hours; what has no letter in it is left out.
    pub(super) fn unit(&self) -> Option<Unit> {
        let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-');
        let words = self.text.split(|it| !is_plain(it)).filter(|it| !it.is_empty());
        let text = words.collect::<Vec<_>>().join("_").to_ascii_lowercase();
        let text = text.trim_start_matches(['.', '-']);
        match text {
            "hours" | "hrs" => "hour".parse().ok(),
            text => text.get(..text.len().min(32))?.parse().ok(),
        }
    }
}

/// The text of a field that may be left out; an empty one where it is.
pub(super) fn prose(field: Option<Field<'_>>, findings: &mut Findings) -> Option<Prose> {
    match field {
        Some(it) => it.prose(findings),
        None => Some(Prose::new(String::new()).expect("an empty text is a text")),
    }
}

/// A resource, where its id is no longer than an id may be: the line is the same without it, and a
/// longer one would match nothing.
pub(super) fn resource(id: Option<Field<'_>>, findings: &mut Findings) -> Option<ProviderRef> {
    id.filter(|it| it.text.len() <= ProviderRef::BYTES_MAX)?.resource(findings)
}

/// The start and the end of a line, in this order.
pub(super) fn interval(
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    end: Option<&Field<'_>>,
    findings: &mut Findings,
) -> Option<(Timestamp, Timestamp)> {
    let (starts_at, ends_at) = (starts_at?, ends_at?);
    if ends_at < starts_at {
        return end?.refuse(findings, Problem::EndBeforeStart { starts_at, ends_at });
    }
    Some((starts_at, ends_at))
}
