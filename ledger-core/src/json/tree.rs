//! JSON from outside as a tree: no member twice at any depth, numbers as they were written, and
//! every complaint at its JSON pointer (RFC 6901).
//!
//! A derived reader skips what it does not know, and with it a member that stands there twice. What
//! comes from outside and moves money is read whole.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// How deep a tree may be. Each level is scanned once more, so this bounds the work too.
pub const DEPTH_MAX: usize = 64;

/// A piece of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// An object.
    Members(BTreeMap<String, Tree>),
}

/// Why a piece of JSON does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Not UTF-8.
    #[error("not UTF-8 from byte {valid_bytes} on")]
    Utf8 {
        /// How many bytes before are.
        valid_bytes: usize,
    },
    /// Not JSON.
    #[error("{pointer:?} is not JSON: {reason}")]
    Syntax {
        /// Where.
        pointer: String,
        /// What the parser says.
        reason: String,
    },
    /// Deeper than anything that was meant well.
    #[error("{pointer:?} lies deeper than {DEPTH_MAX}")]
    Deep {
        /// Where.
        pointer: String,
    },
    /// The same member twice: two readers would see two things.
    #[error("{pointer:?} stands there twice")]
    Twice {
        /// Which.
        pointer: String,
    },
    /// A member is needed and not there.
    #[error("{pointer:?} is missing")]
    Missing {
        /// Which.
        pointer: String,
    },
    /// Something else than what is needed.
    #[error("{pointer:?} is not {expected}")]
    Kind {
        /// Where.
        pointer: String,
        /// What is needed.
        expected: &'static str,
    },
}

impl TreeError {
    /// Where it is, as a JSON pointer; the empty one is the whole.
    pub fn pointer(&self) -> &str {
        match self {
            Self::Utf8 { .. } => "",
            Self::Syntax { pointer, .. }
            | Self::Deep { pointer }
            | Self::Twice { pointer }
            | Self::Missing { pointer }
            | Self::Kind { pointer, .. } => pointer,
        }
    }
}

impl Tree {
    /// Reads a whole document.
    pub fn read(bytes: &[u8]) -> Result<Self, TreeError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| TreeError::Utf8 { valid_bytes: error.valid_up_to() })?;
        let raw: Box<RawValue> = parse(text, "")?;
        grow(raw.get(), "", 0)
    }

    /// The whole of it, as a place to look from.
    pub const fn root(&self) -> Place<'_> {
        Place { tree: self, pointer: String::new() }
    }
}

fn grow(raw: &str, pointer: &str, depth: usize) -> Result<Tree, TreeError> {
    if depth > DEPTH_MAX {
        return Err(TreeError::Deep { pointer: pointer.to_owned() });
    }
    Ok(match raw.as_bytes().first() {
        Some(b'{') => {
            let mut members = BTreeMap::new();
            for (name, raw) in parse::<Members>(raw, pointer)?.0 {
                let pointer = child(pointer, &name);
                match members.entry(name) {
                    Entry::Vacant(slot) => slot.insert(grow(raw.get(), &pointer, depth + 1)?),
                    Entry::Occupied(_) => return Err(TreeError::Twice { pointer }),
                };
            }
            Tree::Members(members)
        }
        Some(b'[') => {
            let list = parse::<Vec<Box<RawValue>>>(raw, pointer)?.into_iter().enumerate();
            let tree = |(place, raw): (usize, Box<RawValue>)| {
                grow(raw.get(), &format!("{pointer}/{place}"), depth + 1)
            };
            Tree::List(list.map(tree).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Tree::Text(parse(raw, pointer)?),
        Some(b't' | b'f') => Tree::Bool(parse(raw, pointer)?),
        Some(b'n') => Tree::Null,
        Some(_) | None => Tree::Number(raw.to_owned()),
    })
}

fn parse<T: DeserializeOwned>(text: &str, pointer: &str) -> Result<T, TreeError> {
    serde_json::from_str(text).map_err(|error| TreeError::Syntax {
        pointer: pointer.to_owned(),
        reason: error.to_string(),
    })
}

/// The members of an object in their order, repeats among them.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

fn child(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A place in a tree, which knows its pointer.
#[derive(Debug, Clone)]
pub struct Place<'a> {
    tree: &'a Tree,
    pointer: String,
}

impl<'a> Place<'a> {
    /// What stands there.
    pub const fn tree(&self) -> &'a Tree {
        self.tree
    }

    /// Where it is.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Not what it should be.
    pub fn is_not(&self, expected: &'static str) -> TreeError {
        TreeError::Kind { pointer: self.pointer.clone(), expected }
    }

    /// A member of an object; `None` where there is none, or where it is `null`.
    pub fn get(&self, name: &str) -> Result<Option<Self>, TreeError> {
        let Tree::Members(members) = self.tree else { return Err(self.is_not("an object")) };
        let found = members.get(name).filter(|it| **it != Tree::Null);
        Ok(found.map(|tree| Self { tree, pointer: child(&self.pointer, name) }))
    }

    /// A member of an object that must be there and not `null`.
    pub fn need(&self, name: &str) -> Result<Self, TreeError> {
        let missing = || TreeError::Missing { pointer: child(&self.pointer, name) };
        self.get(name)?.ok_or_else(missing)
    }

    /// The text there.
    pub fn text(&self) -> Result<&'a str, TreeError> {
        if let Tree::Text(text) = self.tree { Ok(text) } else { Err(self.is_not("a text")) }
    }

    /// The truth there.
    pub fn truth(&self) -> Result<bool, TreeError> {
        if let Tree::Bool(truth) = self.tree { Ok(*truth) } else { Err(self.is_not("a truth")) }
    }

    /// The whole number there: digits with or without a sign, within a machine word.
    pub fn whole(&self) -> Result<i64, TreeError> {
        let Tree::Number(number) = self.tree else { return Err(self.is_not("a whole number")) };
        number.parse().map_err(|_| self.is_not("a whole number"))
    }

    /// The elements of the list there.
    pub fn elements(&self) -> Result<impl Iterator<Item = Self> + use<'a>, TreeError> {
        let Tree::List(list) = self.tree else { return Err(self.is_not("a list")) };
        let pointer = self.pointer.clone();
        let places = list.iter().enumerate();
        Ok(places.map(move |(at, tree)| Self { tree, pointer: format!("{pointer}/{at}") }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    fn refused(text: &str) -> TreeError {
        Tree::read(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let tree = Tree::read(br#"{"a/b":[1, -2.50, 1e3, "x", null, true]}"#).unwrap();
        let list = tree.root().need("a/b").unwrap();
        assert_eq!(list.pointer(), "/a~1b");
        let found = list.elements().unwrap().map(|it| it.tree().clone()).collect::<Vec<_>>();
        let number = |it: &str| Tree::Number(it.to_owned());
        let text = Tree::Text("x".to_owned());
        let expected = [number("1"), number("-2.50"), number("1e3"), text];
        assert_eq!(found, [&expected[..], &[Tree::Null, Tree::Bool(true)]].concat());
    }

    #[test]
    fn a_member_twice_is_found_at_any_depth_and_in_any_spelling() {
        for (text, pointer) in [
            (r#"{"a":1,"a":1}"#, "/a"),
            (r#"{"a":[{"b":{"c":1,"d":2,"c":3}}]}"#, "/a/0/b/c"),
            (r#"{"ab":1,"\u0061b":2}"#, "/ab"),
        ] {
            assert_eq!(refused(text), TreeError::Twice { pointer: pointer.to_owned() });
        }
    }

    #[test]
    fn what_is_not_there_or_something_else_is_told_by_pointer() {
        let tree = Tree::read(br#"{"a":{"n":1.0,"z":null,"big":9223372036854775808}}"#).unwrap();
        let a = tree.root().need("a").unwrap();
        assert_eq!(a.need("x").unwrap_err().to_string(), r#""/a/x" is missing"#);
        assert_eq!(a.need("z").unwrap_err().pointer(), "/a/z");
        assert!(a.get("z").unwrap().is_none());
        let whole = |name: &str| a.need(name).unwrap().whole().unwrap_err().to_string();
        assert_eq!(whole("n"), r#""/a/n" is not a whole number"#);
        assert_eq!(whole("big"), r#""/a/big" is not a whole number"#);
        assert_eq!(a.text().unwrap_err().to_string(), r#""/a" is not a text"#);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "[1,]", "{\"a\":01}", "nul", "1 2", "\"\\ud800\"", "{'a':1}", "NaN"] {
            assert!(matches!(refused(text), TreeError::Syntax { .. }), "{text}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(matches!(refused(&deep), TreeError::Deep { .. } | TreeError::Syntax { .. }));
        let at_the_limit = format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
        assert!(Tree::read(at_the_limit.as_bytes()).is_ok());
        assert!(matches!(refused(&format!("[{at_the_limit}]")), TreeError::Deep { .. }));
        assert_eq!(Tree::read(b"\"\xff\""), Err(TreeError::Utf8 { valid_bytes: 1 }));
    }

    proptest! {
        #![proptest_config(cases(10_000))]

        /// Whatever comes in, there is an answer.
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = Tree::read(&bytes) {
                prop_assert!(error.pointer().is_empty() || error.pointer().starts_with('/'));
            }
        }
    }
}
