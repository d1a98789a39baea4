//! C2SP checkpoints: the head of a tree, signed.
//!
//! Three lines: origin, size, root. Extension lines are read and kept, and never made: nobody could
//! audit them. Whether a head may be signed is not decided here.

use std::fmt;
use std::str::FromStr;

use super::hash::{NodeHash, TREE_SIZE_MAX, TreeHead};
use super::note::{Note, NoteError, SigningKey, VerifierKey};

/// Why a checkpoint is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note is broken, or not signed by the key.
    #[error("the checkpoint is not a note that the key signed")]
    Note(#[from] NoteError),
    /// The text is not a checkpoint.
    #[error("line {line} of the checkpoint is not {expected}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// It is another log's.
    #[error("the checkpoint is of {found:?}, not of {expected:?}")]
    Origin {
        /// Whose it is.
        found: String,
        /// Whose it should be.
        expected: String,
    },
    /// Its size is 0, but its root is not that of nothing.
    #[error("the checkpoint of an empty tree has another root than the empty one")]
    EmptyRoot,
}

/// The head of one log's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log; the name of the key that signs it, by convention.
    pub origin: String,
    /// How large the tree is, and its root.
    pub head: TreeHead,
    /// Lines that other logs add. Ours has none.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint of our own.
    pub fn new(origin: &str, head: TreeHead) -> Self {
        Self { origin: origin.to_owned(), head, extensions: Vec::new() }
    }

    /// Signs it.
    pub fn sign(&self, key: &SigningKey) -> Result<Note, CheckpointError> {
        let text = self.to_string();
        // An origin with a newline in it would make another checkpoint than this one.
        if text.parse::<Self>()? != *self {
            return Err(CheckpointError::Line { line: 1, expected: "an origin" });
        }
        Ok(Note::sign(text, key)?)
    }

    /// Reads a signed checkpoint of one log, and believes it only when the key signed it.
    pub fn open(bytes: &[u8], key: &VerifierKey, origin: &str) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        let checkpoint: Self = note.verify(std::slice::from_ref(key))?.parse()?;
        if checkpoint.origin != origin {
            let expected = origin.to_owned();
            return Err(CheckpointError::Origin { found: checkpoint.origin, expected });
        }
        if checkpoint.head.size == 0 && checkpoint.head != TreeHead::EMPTY {
            return Err(CheckpointError::EmptyRoot);
        }
        Ok(checkpoint)
    }
}

impl fmt::Display for Checkpoint {
    /// The text that is signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.head.size, self.head.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let wrong = |line, expected| CheckpointError::Line { line, expected };
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            let number = lines.len() + 1;
            let line = line.strip_suffix('\n').filter(|line| !line.is_empty());
            lines.push(line.ok_or(wrong(number, "a line with something on it"))?);
        }
        let mut lines = lines.into_iter();
        let origin = lines.next().ok_or(wrong(1, "an origin"))?;
        let size = lines.next().and_then(decimal).filter(|size| *size <= TREE_SIZE_MAX);
        let size = size.ok_or(wrong(2, "a tree size"))?;
        let root = lines.next().and_then(NodeHash::from_base64);
        let root = root.ok_or(wrong(3, "a root hash in base64"))?;
        Ok(Self {
            origin: origin.to_owned(),
            head: TreeHead { size, root },
            extensions: lines.map(str::to_owned).collect(),
        })
    }
}

/// A number in its one decimal spelling: digits only, no leading zero.
pub(super) fn decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests;
