//! The names a segment spells once. A number is the place in its list.
//!
//! A list never holds a text twice, so that a record has one form. What a text means (a stream, who
//! in which role, whose source) is the engine's business.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use super::{NAME_BYTES_MAX, NameDefinition};

/// Which list a name is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NameKind {
    /// A stream.
    Stream,
    /// The wire name of an event.
    Wire,
    /// Who, in which role.
    Actor,
    /// Whose keys, from where.
    Source,
}

impl NameKind {
    /// Every list, in the order files hold them.
    pub(crate) const ALL: [Self; 4] = [Self::Stream, Self::Wire, Self::Actor, Self::Source];

    /// Its number in files.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Stream => 0,
            Self::Wire => 1,
            Self::Actor => 2,
            Self::Source => 3,
        }
    }

    /// The list with this number in files.
    pub(crate) const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Stream),
            1 => Some(Self::Wire),
            2 => Some(Self::Actor),
            3 => Some(Self::Source),
            _ => None,
        }
    }
}

/// Why a definition does not continue a segment's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// The number is not the next one.
    #[error("{kind:?} name {number} is defined where {expected} is next")]
    Number {
        /// Which list.
        kind: NameKind,
        /// The number given.
        number: u32,
        /// The number that comes.
        expected: usize,
    },
    /// The text has a number already.
    #[error("{kind:?} name {number} is the same as {first}")]
    Repeated {
        /// Which list.
        kind: NameKind,
        /// The number given.
        number: u32,
        /// The number it has.
        first: u32,
    },
    /// Empty or longer than [`NAME_BYTES_MAX`].
    #[error("{kind:?} name {number} has {bytes} bytes, not 1 to {NAME_BYTES_MAX}")]
    Length {
        /// Which list.
        kind: NameKind,
        /// The number given.
        number: u32,
        /// Its length.
        bytes: usize,
    },
    /// No number is left.
    #[error("a segment cannot hold more {kind:?} names")]
    Full {
        /// Which list.
        kind: NameKind,
    },
}

/// The names of one segment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    lists: [List; 4],
    hasher: RandomState,
}

#[derive(Debug, Clone, Default)]
struct List {
    texts: Vec<Box<str>>,
    numbers: HashTable<u32>,
}

impl List {
    fn text(&self, number: u32) -> Option<&str> {
        self.texts.get(usize::try_from(number).ok()?).map(AsRef::as_ref)
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        NameKind::ALL.into_iter().all(|kind| self.texts(kind) == other.texts(kind))
    }
}

impl Eq for Names {}

impl Names {
    fn list(&self, kind: NameKind) -> &List {
        let [streams, wires, actors, sources] = &self.lists;
        match kind {
            NameKind::Stream => streams,
            NameKind::Wire => wires,
            NameKind::Actor => actors,
            NameKind::Source => sources,
        }
    }

    fn list_mut(&mut self, kind: NameKind) -> &mut List {
        let [streams, wires, actors, sources] = &mut self.lists;
        match kind {
            NameKind::Stream => streams,
            NameKind::Wire => wires,
            NameKind::Actor => actors,
            NameKind::Source => sources,
        }
    }

    /// The names of one list; a number is the place in it.
    pub(crate) fn texts(&self, kind: NameKind) -> &[Box<str>] {
        &self.list(kind).texts
    }

    /// The name with a number.
    pub(crate) fn text(&self, kind: NameKind, number: u32) -> Option<&str> {
        self.list(kind).text(number)
    }

    /// The number of a name, when the segment has it.
    pub(crate) fn find(&self, kind: NameKind, text: &str) -> Option<u32> {
        let list = self.list(kind);
        let hash = self.hasher.hash_one(text);
        list.numbers.find(hash, |number| list.text(*number) == Some(text)).copied()
    }

    /// The number of a name, and whether it is new: then its definition is to be written.
    pub(crate) fn intern(&mut self, kind: NameKind, text: &str) -> Result<(u32, bool), NameError> {
        if let Some(number) = self.find(kind, text) {
            return Ok((number, false));
        }
        let number = u32::try_from(self.texts(kind).len()).map_err(|_| NameError::Full { kind })?;
        self.define(&NameDefinition { kind, number, text })?;
        Ok((number, true))
    }

    /// Takes a definition that was read. It must be the next of its list, and new.
    pub(crate) fn define(&mut self, name: &NameDefinition<'_>) -> Result<(), NameError> {
        let NameDefinition { kind, number, text } = *name;
        let expected = self.texts(kind).len();
        if usize::try_from(number).ok() != Some(expected) {
            return Err(NameError::Number { kind, number, expected });
        }
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            return Err(NameError::Length { kind, number, bytes: text.len() });
        }
        if let Some(first) = self.find(kind, text) {
            return Err(NameError::Repeated { kind, number, first });
        }
        let hasher = self.hasher.clone();
        let hash = hasher.hash_one(text);
        let list = self.list_mut(kind);
        list.texts.push(text.into());
        let texts = &list.texts;
        list.numbers.insert_unique(hash, number, |number| {
            let place = usize::try_from(*number).unwrap_or(usize::MAX);
            texts.get(place).map_or(0, |text| hasher.hash_one(text.as_ref()))
        });
        Ok(())
    }
}
