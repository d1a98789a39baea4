//! What a proof file carries beside the proof, so that it can be checked without the ledger.
//!
//! The leaf data always; salt and body part when the event itself is disclosed. Nothing in it is
//! believed for its own sake: the leaf data must hash to the proven leaf, and salt and body part to
//! the commitment in the leaf data.
//!
//! Layout: `counterfoil-disclosure-v1` and a newline, the length of the leaf data as a big-endian
//! `u16`, the leaf data; then 0x00 and nothing, or 0x01, the salt (32 bytes) and the body part to
//! the end.

use sha2::{Digest, Sha256};

use super::hash::{NodeHash, leaf_hash};
use super::leaf::{Leaf, LeafBody, LeafError, Salt, SealedLeaf};

const DOMAIN: &[u8] = b"counterfoil-disclosure-v1\n";

/// Why a disclosure discloses nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureError {
    /// The bytes are not of its form.
    #[error("the bytes are not a disclosure")]
    Malformed,
    /// Leaf data or body part are not of their form.
    #[error("the disclosed leaf cannot be read")]
    Leaf(#[from] LeafError),
    /// Salt and body part do not make the commitment.
    #[error("the disclosed body is not the one that leaf {index} is committed to")]
    OtherBody {
        /// Which leaf.
        index: u64,
    },
}

/// Leaf data, and perhaps what is behind its commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    leaf: Vec<u8>,
    body: Option<(Salt, Vec<u8>)>,
}

/// A disclosure that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disclosed<'a> {
    /// The hash that a proof must be about.
    pub hash: NodeHash,
    /// What the tree holds.
    pub leaf: SealedLeaf<'a>,
    /// What is behind the commitment, where it is disclosed.
    pub body: Option<LeafBody<'a>>,
}

impl Disclosure {
    /// Shows that the event exists, in which stream and when.
    pub fn of_leaf(leaf: &Leaf<'_>, salt: &Salt) -> Result<Self, LeafError> {
        Ok(Self { leaf: leaf.data(salt)?, body: None })
    }

    /// Shows the whole event.
    pub fn of_event(leaf: &Leaf<'_>, salt: &Salt) -> Result<Self, LeafError> {
        Ok(Self { leaf: leaf.data(salt)?, body: Some((*salt, leaf.body.part()?)) })
    }

    /// The bytes for a proof file.
    pub fn encode(&self) -> Vec<u8> {
        let length = u16::try_from(self.leaf.len()).expect("leaf data is far below 65,536 bytes");
        let mut bytes = [DOMAIN, &length.to_be_bytes(), &self.leaf].concat();
        match &self.body {
            None => bytes.push(0),
            Some((salt, part)) => {
                bytes.push(1);
                bytes.extend_from_slice(&salt.0);
                bytes.extend_from_slice(part);
            }
        }
        bytes
    }

    /// Reads the bytes of a proof file; believes nothing yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, DisclosureError> {
        let read = || {
            let (length, rest) = bytes.strip_prefix(DOMAIN)?.split_first_chunk()?;
            let (leaf, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
            let body = match rest.split_first()? {
                (0, []) => None,
                (1, rest) => {
                    let (salt, part) = rest.split_first_chunk()?;
                    Some((Salt(*salt), part.to_vec()))
                }
                _ => return None,
            };
            Some(Self { leaf: leaf.to_vec(), body })
        };
        read().ok_or(DisclosureError::Malformed)
    }

    /// Holds the body to the commitment.
    pub fn check(&self) -> Result<Disclosed<'_>, DisclosureError> {
        let leaf = SealedLeaf::parse(&self.leaf)?;
        let body = match &self.body {
            None => None,
            Some((salt, part)) => {
                let commitment = Sha256::new().chain_update(salt.0).chain_update(part).finalize();
                if commitment.as_slice() != leaf.commitment {
                    return Err(DisclosureError::OtherBody { index: leaf.index });
                }
                Some(LeafBody::parse(part)?)
            }
        };
        Ok(Disclosed { hash: leaf_hash(&self.leaf), leaf, body })
    }
}
