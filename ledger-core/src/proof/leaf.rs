//! The canonical form of an event in the tree: what every engine hashes to the same leaf.
//!
//! Neither the position nor any number an engine gives to a name enters, so that the root survives
//! export and import. Who, why and what enter through a salted commitment only: a leaf shows that
//! an event exists, in which stream and when, and nothing else until salt and body are disclosed.
//!
//! # Leaf data, version 1
//!
//! Numbers are big-endian, none is negative, there is no padding. A *text* is its length in bytes
//! as a `u16`, then UTF-8.
//!
//! | bytes | what |
//! |---|---|
//! | 20 | `counterfoil-leaf-v1` and a newline (0x0A) |
//! | 16 | ledger id |
//! | 8 | leaf index `u64`: 0 for the first event of the ledger, then 1, 2 ... without gap |
//! | text | stream name, at most 4,096 bytes |
//! | 8 | revision `u64` |
//! | text | wire name of the event, at most 255 bytes |
//! | 8 | occurred_at `i64`, microseconds since 1970-01-01T00:00:00Z |
//! | 8 | recorded_at `i64`, the same |
//! | 32 | commitment |
//!
//! The leaf hash is SHA-256(0x00, leaf data), as in RFC 6962.
//!
//! commitment = SHA-256(salt, body part), where salt = HMAC-SHA-256(secret, leaf index as `u64`)
//! and the secret is 32 bytes: the tenant's whose stream it is, or the operator's. Who erases a
//! secret erases every salt of it, and with them the way from a commitment to what it hides.
//!
//! # Body part, version 1
//!
//! An *option* is one byte 0x00 and nothing, or one byte 0x01 and the value.
//!
//! | bytes | what |
//! |---|---|
//! | 16 | event id |
//! | 1 | role of the actor: 0 operator, 1 tenant, 2 producer, 3 gateway, 4 system, 5 importer |
//! | text | who acted |
//! | option 16 | causation: an event id |
//! | option 16 | correlation id |
//! | option | key (below) |
//! | option 32 | fingerprint |
//! | 4 | length of the body `u32` |
//! | .. | body: the postcard bytes of the event, with all names spelled out |
//!
//! A key is its scope, an option of a text (none: the operator's; some: the tenant id), then its
//! source (a text), its id (a text) and its index (`u32`).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::hash::{LEAF_PREFIX, NodeHash};
use crate::id::{CorrelationId, EventId, LedgerId, Role};
use crate::log::{Fingerprint, Revision};
use crate::time::Timestamp;

mod read;

const DOMAIN: &[u8; 20] = b"counterfoil-leaf-v1\n";
const STREAM_BYTES_MAX: usize = 4096;
const WIRE_BYTES_MAX: usize = 255;

/// Why an event has no leaf, or bytes are none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// A name is longer than a leaf holds.
    #[error("{noun} has {bytes} bytes; a leaf holds at most {bytes_max}")]
    TooLong {
        /// Which name.
        noun: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The bytes end early, go on too long, or say what no leaf says.
    #[error("byte {at} of the leaf is not {expected}")]
    Malformed {
        /// Where.
        at: usize,
        /// What should stand there.
        expected: &'static str,
    },
}

/// What the salts of one tenant's leaves are made from. Erasing it erases them all.
#[derive(Clone, PartialEq, Eq)]
pub struct TenantSecret(pub [u8; 32]);

impl std::fmt::Debug for TenantSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TenantSecret([redacted])")
    }
}

/// What hides one leaf's body until it is disclosed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt([redacted])")
    }
}

/// Makes the salts of one tenant; the secret is worked into the hash once, not per leaf.
#[derive(Clone)]
pub struct Salter(Hmac<Sha256>);

impl Salter {
    /// From the tenant's secret.
    pub fn new(secret: &TenantSecret) -> Self {
        Self(Hmac::new_from_slice(&secret.0).expect("HMAC takes a key of any length"))
    }

    /// The salt of a leaf.
    pub fn salt(&self, index: u64) -> Salt {
        let mut mac = self.0.clone();
        mac.update(&index.to_be_bytes());
        Salt(mac.finalize().into_bytes().into())
    }
}

impl std::fmt::Debug for Salter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salter([redacted])")
    }
}

/// One event as it enters the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf<'a> {
    /// The ledger.
    pub ledger: LedgerId,
    /// How many events of the ledger came before it.
    pub index: u64,
    /// The name of its stream.
    pub stream: &'a str,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its wire name.
    pub wire: &'a str,
    /// The world's clock.
    pub occurred_at: Timestamp,
    /// The log's clock.
    pub recorded_at: Timestamp,
    /// What only the commitment shows.
    pub body: LeafBody<'a>,
}

/// The part of an event that stays hidden behind the commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafBody<'a> {
    /// Its id.
    pub id: EventId,
    /// In which role somebody acted.
    pub role: Role,
    /// Who.
    pub who: &'a str,
    /// The event that made this one necessary.
    pub causation: Option<EventId>,
    /// The request or process it belongs to.
    pub correlation: Option<CorrelationId>,
    /// The name by which a repeat is known.
    pub key: Option<LeafKey<'a>>,
    /// What a repeat must match, where it is not the event itself.
    pub fingerprint: Option<Fingerprint>,
    /// The postcard bytes of the event.
    pub bytes: &'a [u8],
}

/// An idempotency key, spelled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafKey<'a> {
    /// The tenant whose key it is, or `None` for the operator's.
    pub tenant: Option<&'a str>,
    /// Which operation or producer.
    pub source: &'a str,
    /// The caller's own id.
    pub id: &'a str,
    /// Which event of those that one command makes.
    pub index: u32,
}

/// A leaf of which the body is reduced to its commitment: the data that is hashed into the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedLeaf<'a> {
    /// The ledger.
    pub ledger: LedgerId,
    /// How many events of the ledger came before it.
    pub index: u64,
    /// The name of its stream.
    pub stream: &'a str,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its wire name.
    pub wire: &'a str,
    /// The world's clock.
    pub occurred_at: Timestamp,
    /// The log's clock.
    pub recorded_at: Timestamp,
    /// SHA-256 of salt and body part.
    pub commitment: [u8; 32],
}

impl<'a> Leaf<'a> {
    /// Reduces the body to its commitment.
    pub fn seal(&self, salt: &Salt) -> Result<SealedLeaf<'a>, LeafError> {
        limit("the stream name", self.stream, STREAM_BYTES_MAX)?;
        limit("the wire name", self.wire, WIRE_BYTES_MAX)?;
        Ok(SealedLeaf {
            ledger: self.ledger,
            index: self.index,
            stream: self.stream,
            revision: self.revision,
            wire: self.wire,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            commitment: self.body.commitment(salt)?,
        })
    }

    /// The leaf data.
    pub fn data(&self, salt: &Salt) -> Result<Vec<u8>, LeafError> {
        Ok(self.seal(salt)?.data())
    }

    /// The leaf hash, without building the data.
    pub fn hash(&self, salt: &Salt) -> Result<NodeHash, LeafError> {
        Ok(self.seal(salt)?.hash())
    }
}

impl LeafBody<'_> {
    /// The body part.
    pub fn part(&self) -> Result<Vec<u8>, LeafError> {
        self.check()?;
        let mut part = Vec::with_capacity(self.bytes.len() + 256);
        self.put(&mut part);
        Ok(part)
    }

    /// SHA-256 of a salt and the body part.
    pub fn commitment(&self, salt: &Salt) -> Result<[u8; 32], LeafError> {
        self.check()?;
        let mut hasher = Staged::new();
        hasher.put(&salt.0);
        self.put(&mut hasher);
        Ok(hasher.finish())
    }

    fn check(&self) -> Result<(), LeafError> {
        limit("the actor", self.who, u16::MAX.into())?;
        if let Some(key) = &self.key {
            limit("the key's tenant", key.tenant.unwrap_or(""), u16::MAX.into())?;
            limit("the key's source", key.source, u16::MAX.into())?;
            limit("the key's id", key.id, u16::MAX.into())?;
        }
        limit("the body", self.bytes, u32::MAX as usize)
    }

    fn put(&self, sink: &mut impl Sink) {
        sink.put(self.id.as_bytes());
        sink.put(&[role_number(self.role)]);
        sink.text(self.who);
        sink.option(self.causation.as_ref().map(|it| it.as_bytes().as_slice()));
        sink.option(self.correlation.as_ref().map(|it| it.as_bytes().as_slice()));
        match &self.key {
            None => sink.put(&[0]),
            Some(key) => {
                sink.put(&[1]);
                match key.tenant {
                    None => sink.put(&[0]),
                    Some(tenant) => {
                        sink.put(&[1]);
                        sink.text(tenant);
                    }
                }
                sink.text(key.source);
                sink.text(key.id);
                sink.put(&key.index.to_be_bytes());
            }
        }
        sink.option(self.fingerprint.as_ref().map(|it| it.0.as_slice()));
        let length = u32::try_from(self.bytes.len()).expect("the length was checked");
        sink.put(&length.to_be_bytes());
        sink.put(self.bytes);
    }
}

impl SealedLeaf<'_> {
    /// The leaf data.
    pub fn data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(self.stream.len() + self.wire.len() + 128);
        self.put(&mut data);
        data
    }

    /// The leaf hash.
    pub fn hash(&self) -> NodeHash {
        let mut hasher = Staged::new();
        hasher.put(&[LEAF_PREFIX]);
        self.put(&mut hasher);
        NodeHash(hasher.finish())
    }

    fn put(&self, sink: &mut impl Sink) {
        sink.put(DOMAIN);
        sink.put(self.ledger.as_bytes());
        sink.put(&self.index.to_be_bytes());
        sink.text(self.stream);
        sink.put(&self.revision.get().to_be_bytes());
        sink.text(self.wire);
        sink.put(&self.occurred_at.as_micros().to_be_bytes());
        sink.put(&self.recorded_at.as_micros().to_be_bytes());
        sink.put(&self.commitment);
    }
}

/// The numbers of the format, whatever order the type has.
fn role_number(role: Role) -> u8 {
    match role {
        Role::Operator => 0,
        Role::Tenant => 1,
        Role::Producer => 2,
        Role::Gateway => 3,
        Role::System => 4,
        Role::Importer => 5,
    }
}

fn limit(noun: &'static str, it: impl AsRef<[u8]>, bytes_max: usize) -> Result<(), LeafError> {
    let bytes = it.as_ref().len();
    if bytes > bytes_max { Err(LeafError::TooLong { noun, bytes, bytes_max }) } else { Ok(()) }
}

/// Takes the bytes of the format one after the other.
trait Sink {
    fn put(&mut self, bytes: &[u8]);

    fn text(&mut self, text: &str) {
        let length = u16::try_from(text.len()).expect("the length was checked");
        self.put(&length.to_be_bytes());
        self.put(text.as_bytes());
    }

    fn option(&mut self, value: Option<&[u8]>) {
        self.put(&[u8::from(value.is_some())]);
        self.put(value.unwrap_or(&[]));
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A hasher behind a buffer: a dozen small fields cost one pass over whole blocks.
struct Staged {
    hasher: Sha256,
    buffer: [u8; 512],
    filled: usize,
}

impl Staged {
    fn new() -> Self {
        Self { hasher: Sha256::new(), buffer: [0; 512], filled: 0 }
    }

    fn finish(mut self) -> [u8; 32] {
        self.hasher.update(&self.buffer[..self.filled]);
        self.hasher.finalize().into()
    }
}

impl Sink for Staged {
    fn put(&mut self, bytes: &[u8]) {
        if let Some(slot) = self.buffer.get_mut(self.filled..self.filled + bytes.len()) {
            slot.copy_from_slice(bytes);
            self.filled += bytes.len();
        } else {
            self.hasher.update(&self.buffer[..self.filled]);
            self.hasher.update(bytes);
            self.filled = 0;
        }
    }
}

#[cfg(test)]
mod tests;
