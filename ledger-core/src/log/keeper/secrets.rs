//! The tenants' secrets, from which the salts of their leaves are made.
//!
//! A secret is durable before a leaf is salted with it, and is gone once erased: what is left says
//! only that there was one, so that none is made again for leaves that have theirs. The file is
//! replaced whole at each change. Were entries appended, a rotten last one could not be told from a
//! torn one, and a secret silently made anew would make the whole tree look forged.
//!
//! # `keys/secrets`
//!
//! `counterfoil-secrets-v1` and a newline; the number of entries as a big-endian `u32`; the
//! entries, ordered by scope, one for each; CRC32C of all before it as a big-endian `u32`. An entry
//! is the scope (its length as `u16`, then UTF-8: a tenant id, or `_operator`); the index of the
//! first leaf that is not erased (`u64`); then 0x01 and the 32 bytes of the secret of this leaf and
//! all after it, or 0x00 where there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::files::{During, Readers, make_directory, read, replace};
use super::{Entropy, KEYS, KeeperError};
use crate::log::storage::Storage;
use crate::proof::{Salter, TenantSecret};

/// The scope of what no tenant owns. No tenant id begins with `_`.
pub const OPERATOR: &str = "_operator";

const FILE: &str = "keys/secrets";
const MAGIC: &[u8] = b"counterfoil-secrets-v1\n";
const FILE_BYTES_MAX: usize = 1 << 30;
const SCOPE_BYTES_MAX: usize = 255;

/// How a leaf of a scope gets its salt.
#[derive(Debug, Clone, Copy)]
pub enum Salting<'a> {
    /// By this secret.
    Known(&'a Salter),
    /// Not any more: its hash is in the tiles and nowhere else.
    Erased,
    /// Not yet: there is no secret for this scope.
    Unknown,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    /// The first leaf that is not erased.
    erased_until: u64,
    secret: Option<(TenantSecret, Salter)>,
}

/// Every scope's secret, as the file has them.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    scopes: BTreeMap<String, Entry>,
}

impl Secrets {
    /// Reads the secrets of a ledger, or `None` where it has no such file yet.
    pub fn load(storage: &Arc<dyn Storage>) -> Result<Option<Self>, KeeperError> {
        match read(storage.as_ref(), FILE, FILE_BYTES_MAX).during(FILE)? {
            Some(bytes) => {
                parse(&bytes).map(Some).ok_or(KeeperError::SecretsDamaged { path: FILE })
            }
            None => Ok(None),
        }
    }

    /// Reads the secrets of a ledger that has a key, or makes the file for one that has none.
    pub(super) fn load_or_make(
        storage: &Arc<dyn Storage>,
        has_key: bool,
    ) -> Result<Self, KeeperError> {
        match Self::load(storage)? {
            Some(secrets) => Ok(secrets),
            None if has_key => Err(KeeperError::SecretsMissing { path: FILE }),
            None => {
                let mut secrets = Self::default();
                secrets.become_durably(Self::default(), storage.as_ref())?;
                Ok(secrets)
            }
        }
    }

    /// How a leaf of a scope gets its salt.
    pub fn salting(&self, scope: &str, index: u64) -> Salting<'_> {
        match self.scopes.get(scope) {
            Some(entry) if index < entry.erased_until => Salting::Erased,
            Some(Entry { secret: Some((_, salter)), .. }) => Salting::Known(salter),
            Some(Entry { secret: None, .. }) | None => Salting::Unknown,
        }
    }

    /// Makes secrets, durably, for those scopes that have none.
    pub(super) fn ensure<'a>(
        &mut self,
        storage: &dyn Storage,
        scopes: impl IntoIterator<Item = &'a str>,
        entropy: &mut Entropy,
    ) -> Result<(), KeeperError> {
        let mut made = BTreeMap::new();
        for scope in scopes {
            let known = self.scopes.get(scope).is_some_and(|entry| entry.secret.is_some());
            if known || made.contains_key(scope) {
                continue;
            }
            if scope.len() > SCOPE_BYTES_MAX {
                return Err(KeeperError::ScopeTooLong { bytes: scope.len() });
            }
            made.insert(scope, with_salter(entropy().during(FILE)?));
        }
        if made.is_empty() {
            return Ok(());
        }
        let mut next = self.clone();
        for (scope, secret) in made {
            next.scopes.entry(scope.to_owned()).or_default().secret = Some(secret);
        }
        self.become_durably(next, storage)
    }

    /// Forgets, durably, the secret of a scope for all leaves below an index.
    pub(super) fn erase(
        &mut self,
        storage: &dyn Storage,
        scope: &str,
        below: u64,
    ) -> Result<(), KeeperError> {
        if !self.scopes.contains_key(scope) {
            return Ok(());
        }
        let mut next = self.clone();
        next.scopes.insert(scope.to_owned(), Entry { erased_until: below, secret: None });
        self.become_durably(next, storage)
    }

    fn become_durably(&mut self, next: Self, storage: &dyn Storage) -> Result<(), KeeperError> {
        make_directory(storage, KEYS).during(KEYS)?;
        replace(storage, FILE, &next.spell(), Readers::OwnerOnly).during(FILE)?;
        *self = next;
        Ok(())
    }

    fn spell(&self) -> Vec<u8> {
        let count = u32::try_from(self.scopes.len());
        let count = count.expect("a file of at most 1 GiB holds fewer entries than 2^32");
        let mut bytes = [MAGIC, &count.to_be_bytes()].concat();
        for (scope, entry) in &self.scopes {
            let length = u16::try_from(scope.len()).expect("the length of a scope was checked");
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(scope.as_bytes());
            bytes.extend_from_slice(&entry.erased_until.to_be_bytes());
            bytes.push(u8::from(entry.secret.is_some()));
            if let Some((secret, _)) = &entry.secret {
                bytes.extend_from_slice(&secret.0);
            }
        }
        let sum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&sum.to_be_bytes());
        bytes
    }
}

fn with_salter(secret: [u8; 32]) -> (TenantSecret, Salter) {
    let secret = TenantSecret(secret);
    let salter = Salter::new(&secret);
    (secret, salter)
}

/// `None` unless the bytes are exactly what [`Secrets::spell`] makes of something.
fn parse(bytes: &[u8]) -> Option<Secrets> {
    let (content, sum) = bytes.split_last_chunk()?;
    if crc32c::crc32c(content) != u32::from_be_bytes(*sum) {
        return None;
    }
    let (count, mut rest) = content.strip_prefix(MAGIC)?.split_first_chunk()?;
    let mut secrets = Secrets::default();
    for _ in 0..u32::from_be_bytes(*count) {
        let (length, bytes) = rest.split_first_chunk()?;
        let (scope, bytes) = bytes.split_at_checked(u16::from_be_bytes(*length).into())?;
        let (erased_until, bytes) = bytes.split_first_chunk()?;
        let (state, bytes) = bytes.split_first()?;
        let mut entry = Entry { erased_until: u64::from_be_bytes(*erased_until), secret: None };
        rest = bytes;
        if *state == 1 {
            let (secret, bytes) = bytes.split_first_chunk()?;
            entry.secret = Some(with_salter(*secret));
            rest = bytes;
        }
        secrets.scopes.insert(str::from_utf8(scope).ok()?.to_owned(), entry);
    }
    (rest.is_empty() && secrets.spell() == bytes).then_some(secrets)
}
