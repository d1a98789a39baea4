//! The key that signs checkpoints: made on first use, never made twice.
//!
//! A ledger whose key is gone does not get another one by itself: everybody who pinned the old one
//! would be told, in effect, that this is another ledger.

use super::files::{During, Readers, make_directory, read, replace};
use super::{Entropy, KEYS, KeeperError};
use crate::log::storage::Storage;
use crate::proof::{KeyName, SigningKey, VerifierKey};

/// The secret half, one line, readable for the owner only.
const SECRET: &str = "keys/checkpoint.key";
/// The public half, one line, for everybody.
const PUBLIC: &str = "keys/checkpoint.vkey";
const KEY_BYTES_MAX: usize = 4096;

/// The public key of a ledger, or `None` where it has none yet.
pub(super) fn public(storage: &dyn Storage) -> Result<Option<VerifierKey>, KeeperError> {
    let Some(text) = line(storage, PUBLIC)? else { return Ok(None) };
    let key = text.parse().map_err(|source| KeeperError::Key { path: PUBLIC, source })?;
    Ok(Some(key))
}

/// Whether the ledger has a key, or at least half of one.
pub(super) fn any(storage: &dyn Storage) -> Result<bool, KeeperError> {
    Ok(line(storage, SECRET)?.is_some() || line(storage, PUBLIC)?.is_some())
}

/// The key of a ledger, made where it may be.
pub(super) fn load_or_make(
    storage: &dyn Storage,
    origin: &KeyName,
    signed_before: bool,
    entropy: &mut Entropy,
) -> Result<SigningKey, KeeperError> {
    let key = match line(storage, SECRET)? {
        Some(text) => SigningKey::from_secret_text(&text)
            .map_err(|source| KeeperError::Key { path: SECRET, source })?,
        None if signed_before || public(storage)?.is_some() => {
            return Err(KeeperError::KeyMissing { path: SECRET });
        }
        None => {
            let seed = entropy().during(SECRET)?;
            let key = SigningKey::new(origin.clone(), &seed);
            let line = format!("{}\n", key.to_secret_text());
            make_directory(storage, KEYS).during(KEYS)?;
            replace(storage, SECRET, line.as_bytes(), Readers::OwnerOnly).during(SECRET)?;
            key
        }
    };
    if key.verifier().name() != origin {
        let found = key.verifier().name().clone();
        return Err(KeeperError::OtherOrigin { found, expected: origin.clone() });
    }
    match public(storage)? {
        None => {
            let line = format!("{}\n", key.verifier());
            replace(storage, PUBLIC, line.as_bytes(), Readers::Anybody).during(PUBLIC)?;
        }
        Some(public) if public == *key.verifier() => {}
        Some(_) => return Err(KeeperError::KeysDiffer { secret: SECRET, public: PUBLIC }),
    }
    Ok(key)
}

fn line(storage: &dyn Storage, path: &'static str) -> Result<Option<String>, KeeperError> {
    let Some(bytes) = read(storage, path, KEY_BYTES_MAX).during(path)? else { return Ok(None) };
    let line = String::from_utf8(bytes).ok();
    let line = line.as_deref().and_then(|line| line.strip_suffix('\n')).map(str::to_owned);
    line.map(Some).ok_or(KeeperError::NotALine { path })
}
