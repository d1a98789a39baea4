//! C2SP `tlog-proof` files: everything that shows offline that one leaf is in a log.
//!
//! The file holds the leaf's index, the hashes up to the root and the signed checkpoint, and
//! perhaps extra bytes (for our ledgers a [`super::Disclosure`]). Who reads it brings the key, the
//! origin and the leaf hash along: nothing the file says about itself is believed.

use std::fmt;
use std::str::FromStr;

use super::base64;
use super::checkpoint::{Checkpoint, CheckpointError, decimal};
use super::hash::NodeHash;
use super::note::VerifierKey;
use super::path::{VerifyError, verify_inclusion};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";
/// The most bytes of a file: a disclosed event of the largest size in base64, and a note.
const FILE_BYTES_MAX: usize = 1024 * 1024;
/// The most hashes: one for each level of the largest tree.
const HASHES_MAX: usize = 64;

/// Why a proof file proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofFileError {
    /// More bytes than are read.
    #[error("the proof has {bytes} bytes; at most {FILE_BYTES_MAX} are read")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// A line is not what stands there in a proof.
    #[error("line {line} of the proof is not {expected}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// No checkpoint after a blank line.
    #[error("the proof has no checkpoint after a blank line")]
    NoCheckpoint,
    /// The checkpoint is not believed.
    #[error("the checkpoint of the proof is not believed")]
    Checkpoint(#[from] CheckpointError),
    /// The leaf is not in the tree of the checkpoint.
    #[error("the leaf is not in the tree of the checkpoint")]
    Inclusion(#[from] VerifyError),
}

/// A proof file as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// Bytes with a meaning outside the proof. Not authenticated by anything here.
    pub extra: Option<Vec<u8>>,
    /// Which leaf.
    pub index: u64,
    /// The hashes from the leaf's sibling up to the root's child.
    pub hashes: Vec<NodeHash>,
    /// The signed checkpoint, as the log gave it out.
    pub checkpoint: String,
}

impl ProofFile {
    /// Checks that a leaf is in the log of this origin and key; the checkpoint that says so.
    pub fn verify(
        &self,
        leaf: NodeHash,
        key: &VerifierKey,
        origin: &str,
    ) -> Result<Checkpoint, ProofFileError> {
        let checkpoint = Checkpoint::open(self.checkpoint.as_bytes(), key, origin)?;
        verify_inclusion(leaf, self.index, &self.hashes, checkpoint.head)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for ProofFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64::encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl FromStr for ProofFile {
    type Err = ProofFileError;

    fn from_str(text: &str) -> Result<Self, ProofFileError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(ProofFileError::TooLarge { bytes: text.len() });
        }
        let (proof, checkpoint) = text.split_once("\n\n").ok_or(ProofFileError::NoCheckpoint)?;
        if checkpoint.is_empty() {
            return Err(ProofFileError::NoCheckpoint);
        }
        let wrong = |line, expected| ProofFileError::Line { line, expected };
        let mut lines = (1..).zip(proof.split('\n')).peekable();
        if lines.next().is_none_or(|(_, line)| line != FIRST_LINE) {
            return Err(wrong(1, "the name and version of the format"));
        }
        let extra = match lines.peek().and_then(|(_, line)| line.strip_prefix("extra ")) {
            Some(text) => {
                lines.next();
                Some(base64::decode(text).ok_or(wrong(2, "extra bytes in base64"))?)
            }
            None => None,
        };
        let at = if extra.is_some() { 3 } else { 2 };
        let index =
            lines.next().and_then(|(_, line)| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(wrong(at, "the index of a leaf"))?;
        let mut hashes = Vec::new();
        for (number, line) in lines {
            let hash = NodeHash::from_base64(line).filter(|_| hashes.len() < HASHES_MAX);
            hashes.push(hash.ok_or(wrong(number, "a hash in base64"))?);
        }
        Ok(Self { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

#[cfg(test)]
mod tests;
