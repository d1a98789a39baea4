//! JSON that knows where it stands. `serde_json` parses; a value is a slice of the document, so its
//! place can be told and its digits are never a float.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::field::{Field, Spot};
use super::finding::{Findings, Place, Problem, shown};

/// How deep values are nested at most.
const DEPTH_MAX: usize = 32;

/// A value within a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    document: &'a str,
    raw: &'a str,
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

impl<'a> Node<'a> {
    /// Parses a document whole: its form, and no member twice in any object of it.
    pub(super) fn parse(bytes: &'a [u8], findings: &mut Findings) -> Option<Self> {
        let bytes = bytes.strip_prefix(super::BYTE_ORDER_MARK).unwrap_or(bytes);
        let root = |line, column| Place::Json { pointer: String::new(), line, column };
        let document = match std::str::from_utf8(bytes) {
            Ok(it) => it,
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let (line, column) = position(&String::from_utf8_lossy(before));
                findings.add(|| root(line, column), Problem::NotUtf8);
                return None;
            }
        };
        match serde_json::from_str::<&RawValue>(document) {
            Ok(raw) => {
                let node = Self { document, raw: raw.get() };
                let before = findings.count();
                node.check(&mut String::new(), 1, findings);
                (findings.count() == before).then_some(node)
            }
            Err(error) => {
                let line = u32::try_from(error.line()).unwrap_or(u32::MAX).max(1);
                let column = character(document, error.line(), error.column());
                let said = error.to_string();
                let what = said.split(" at line ").next().unwrap_or_default().to_owned();
                findings.add(|| root(line, column), Problem::Syntax { what });
                None
            }
        }
    }

    fn check(self, pointer: &mut String, depth: usize, findings: &mut Findings) {
        if depth > DEPTH_MAX {
            findings.add(|| self.place(pointer), Problem::TooDeep { depth_max: DEPTH_MAX });
            return;
        }
        let length = pointer.len();
        if self.is_object() {
            let Ok(Members(members)) = serde_json::from_str::<Members<'a>>(self.raw) else {
                // A surrogate without its other half, in a name.
                let problem = Problem::Syntax { what: "a name is no text".to_owned() };
                findings.add(|| self.place(pointer), problem);
                return;
            };
            let mut seen = std::collections::BTreeSet::new();
            for (name, raw) in &members {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                let node = Self { document: self.document, raw: raw.get() };
                if !seen.insert(name) {
                    let problem = Problem::DuplicateMember { name: shown(name) };
                    findings.add(|| node.place(pointer), problem);
                }
                node.check(pointer, depth + 1, findings);
                pointer.truncate(length);
            }
        } else if self.is_array() {
            for (index, node) in self.elements().into_iter().enumerate() {
                pointer.push_str(&format!("/{index}"));
                node.check(pointer, depth + 1, findings);
                pointer.truncate(length);
            }
        }
    }

    pub(super) fn is_object(self) -> bool {
        self.raw.starts_with('{')
    }

    pub(super) fn is_array(self) -> bool {
        self.raw.starts_with('[')
    }

    fn is_null(self) -> bool {
        self.raw == "null"
    }

    /// The members of an object; none where it is none.
    pub(super) fn members(self) -> Vec<(String, Self)> {
        let Members(members) = serde_json::from_str(self.raw).unwrap_or(Members(Vec::new()));
        let node = |raw: &'a RawValue| Self { document: self.document, raw: raw.get() };
        members.into_iter().map(|(name, raw)| (name, node(raw))).collect()
    }

    /// A member of an object, unless it is null.
    pub(super) fn member(self, name: &str) -> Option<Self> {
        let found = self.members().into_iter().find(|(it, _)| it == name);
        found.map(|(_, it)| it).filter(|it| !it.is_null())
    }

    /// The elements of an array; none where it is none.
    pub(super) fn elements(self) -> Vec<Self> {
        let elements = serde_json::from_str::<Vec<&RawValue>>(self.raw).unwrap_or_default();
        let node = |raw: &'a RawValue| Self { document: self.document, raw: raw.get() };
        elements.into_iter().map(node).collect()
    }

    /// A string without its quotes, or the digits of a number.
    pub(super) fn text(self) -> Option<Cow<'a, str>> {
        match self.raw.as_bytes().first()? {
            b'"' => serde_json::from_str::<String>(self.raw).ok().map(Cow::Owned),
            b'-' | b'0'..=b'9' => Some(Cow::Borrowed(self.raw)),
            _ => None,
        }
    }

    pub(super) fn place(self, pointer: &str) -> Place {
        let byte = self.raw.as_ptr().addr() - self.document.as_ptr().addr();
        let (line, column) = position(self.document.get(..byte).unwrap_or_default());
        Place::Json { pointer: pointer.to_owned(), line, column }
    }
}

/// Line and column after a text, from 1.
fn position(before: &str) -> (u32, usize) {
    let lines = before.bytes().filter(|it| *it == b'\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1), column)
}

/// The character at which the parser stopped, from 1. It counts bytes, and before the first of a
/// line it says 0.
fn character(document: &str, line: usize, column: usize) -> usize {
    let line = document.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let before = line.bytes().take(column.saturating_sub(1));
    let is_first = |it: &u8| *it & 0xc0 != 0x80;
    before.filter(is_first).count() + 1
}

/// An object whose members are fields of a line.
#[derive(Debug)]
pub(super) struct Item<'a> {
    node: Node<'a>,
    members: Vec<(String, Node<'a>)>,
    pointer: String,
}

impl<'a> Item<'a> {
    pub(super) fn new(node: Node<'a>, pointer: String, findings: &mut Findings) -> Option<Self> {
        if !node.is_object() {
            findings.add(|| node.place(&pointer), Problem::Type { expected: "an object" });
            return None;
        }
        Some(Self { node, members: node.members(), pointer })
    }

    /// A member with any text in it.
    pub(super) fn optional(&self, name: &str, findings: &mut Findings) -> Option<Field<'a>> {
        let (_, node) = self.members.iter().find(|(it, node)| it == name && !node.is_null())?;
        let pointer = format!("{}/{name}", self.pointer);
        let Some(text) = node.text() else {
            findings.add(|| node.place(&pointer), Problem::Type { expected: "a text or a number" });
            return None;
        };
        let spot = Spot::Member { object: *node, pointer: Cow::Owned(pointer) };
        Some(Field { text, spot }).filter(|it| !it.text.is_empty())
    }

    /// A member that has to be there and to have text in it.
    pub(super) fn required(
        &self,
        name: &'static str,
        findings: &mut Findings,
    ) -> Option<Field<'a>> {
        let before = findings.count();
        let field = self.optional(name, findings);
        if field.is_none() && findings.count() == before {
            findings.add(|| self.node.place(&self.pointer), Problem::MissingMember { name });
        }
        field
    }
}
