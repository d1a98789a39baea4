//! How an event comes by its id: from its key, so that a retry makes the same; else from its place.
//!
//! The id is the first 16 bytes of a SHA-256, marked as a version 8 UUID. What is hashed cannot be
//! read in two ways: a tag that ends in NUL, then fields of fixed size or with their length before
//! them. All integers are big-endian.

use sha2::{Digest, Sha256};

use crate::id::{EventId, Key, KeyScope, LedgerId};
use crate::log::Revision;
use crate::stream::Stream;

const KEYED: &[u8] = b"counterfoil event by key 1\0";
const PLACED: &[u8] = b"counterfoil event by place 1\0";

impl EventId {
    /// The id of an event with a key. The same key makes the same id in every ledger and engine.
    pub fn derive(key: &Key) -> Self {
        let tenant = match &key.scope {
            KeyScope::Operator => None,
            KeyScope::Tenant(tenant) => Some(tenant.as_str()),
        };
        Self::derive_spelled(tenant, key.source.as_str(), key.id.as_str(), key.index)
    }

    /// The same from the parts of a key as a log spells them.
    pub(crate) fn derive_spelled(tenant: Option<&str>, source: &str, id: &str, index: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(KEYED);
        match tenant {
            None => hash.update([0]),
            Some(tenant) => {
                hash.update([1]);
                sized(&mut hash, tenant);
            }
        }
        sized(&mut hash, source);
        sized(&mut hash, id);
        hash.update(index.to_be_bytes());
        marked(hash)
    }

    /// The id of an event without a key: nothing but its place names it.
    pub fn derive_placed(ledger: &LedgerId, stream: &Stream, revision: Revision) -> Self {
        Self::derive_placed_spelled(ledger, &stream.to_string(), revision)
    }

    /// The same from the name of the stream.
    pub(crate) fn derive_placed_spelled(
        ledger: &LedgerId,
        stream: &str,
        revision: Revision,
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update(PLACED);
        hash.update(ledger.as_bytes());
        sized(&mut hash, stream);
        hash.update(revision.get().to_be_bytes());
        marked(hash)
    }
}

/// A text with its length in eight bytes before it.
fn sized(hash: &mut Sha256, text: &str) {
    let length = u64::try_from(text.len()).expect("a length in memory fits 64 bits");
    hash.update(length.to_be_bytes());
    hash.update(text.as_bytes());
}

/// The first half of the hash, with the version and variant bits of a UUID.
fn marked(hash: Sha256) -> EventId {
    let digest = hash.finalize();
    let mut bytes = [0_u8; 16];
    for (to, from) in bytes.iter_mut().zip(digest) {
        *to = from;
    }
    let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
    *version = (*version & 0x0f) | 0x80;
    *variant = (*variant & 0x3f) | 0x80;
    EventId::from_bytes(bytes)
}

#[cfg(test)]
mod tests;
