//! API keys: issued, revoked at once, and looked up. The ledger has the hash of a secret, never the
//! secret.

use std::collections::BTreeMap;

use subtle::ConstantTimeEq as _;

use super::{Refusal, RefusalKind, nothing, one};
use crate::event::Event;
use crate::event::ledger::{self, ApiKeyIssued, ApiKeyRevoked};
use crate::fold::{FoldError, FoldProblem};
use crate::id::{ApiKeyId, Note, Sha256Digest};
use crate::log::Record;
use crate::time::Timestamp;

/// The keys of one tenant, or the operator's: the fold of `access-{tenant}` or of `ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiKeys {
    keys: BTreeMap<ApiKeyId, ApiKey>,
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What it was issued as.
    pub issued: ApiKeyIssued,
    /// When.
    pub issued_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Why a key does not open anything. Whoever presents it is told none of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// No key of that id, or another secret.
    #[error("no such key")]
    Unknown,
    /// It was revoked.
    #[error("the key was revoked")]
    Revoked,
    /// Its time is over.
    #[error("the key has expired")]
    Expired,
}

/// Why a change of a key is refused, in the order of checking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessRefusal {
    /// The id is in use, with other content.
    #[error("key {key} was issued with other content")]
    KeyTaken {
        /// The id.
        key: ApiKeyId,
    },
    /// It would open nothing.
    #[error("a key without a permission opens nothing")]
    NoPermission,
    /// It would be over before it began.
    #[error("a key that expires at {expires_at} is over at {now}")]
    AlreadyExpired {
        /// Its end.
        expires_at: Timestamp,
        /// The clock.
        now: Timestamp,
    },
    /// No such key.
    #[error("no key is called {key}")]
    KeyUnknown {
        /// The id.
        key: ApiKeyId,
    },
}

impl Refusal for AccessRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::KeyTaken { .. } => "key_taken",
            Self::NoPermission => "no_permission",
            Self::AlreadyExpired { .. } => "already_expired",
            Self::KeyUnknown { .. } => "key_unknown",
        }
    }

    fn kind(&self) -> RefusalKind {
        match self {
            Self::KeyTaken { .. } => RefusalKind::Conflict,
            Self::NoPermission | Self::AlreadyExpired { .. } => RefusalKind::Unprocessable,
            Self::KeyUnknown { .. } => RefusalKind::NotFound,
        }
    }
}

impl ApiKeys {
    /// One record further. The ledger's own stream holds more than keys.
    pub fn fold(mut self, record: &Record) -> Result<Self, FoldError> {
        let position = record.position;
        let Event::Ledger(event) = &record.event else {
            let problem = Box::new(FoldProblem::Foreign { wire: record.event.wire_name() });
            return Err(FoldError::Contradiction { position, problem });
        };
        match event {
            ledger::Event::ApiKeyIssued(it) => {
                let (issued, issued_at) = (it.clone(), record.occurred_at);
                let key = ApiKey { issued, issued_at, revoked_at: None };
                if self.keys.insert(it.key.clone(), key).is_some() {
                    let name = it.key.to_string();
                    return Err(FoldError::Repeated { position, noun: "key", name });
                }
            }
            ledger::Event::ApiKeyRevoked(it) => match self.keys.get_mut(&it.key) {
                Some(key) => key.revoked_at = Some(record.occurred_at),
                None => {
                    let name = it.key.to_string();
                    return Err(FoldError::Unknown { position, noun: "key", name });
                }
            },
            ledger::Event::TailQuarantined(_)
            | ledger::Event::LossAccepted(_)
            | ledger::Event::ProjectionSkipped(_)
            | ledger::Event::DifferenceAccepted(_)
            | ledger::Event::WriterLeaseTaken(_)
            | ledger::Event::ClockAccepted(_) => (),
        }
        Ok(self)
    }

    /// All keys there ever were, by id.
    pub fn all(&self) -> impl Iterator<Item = &ApiKey> {
        self.keys.values()
    }

    /// The key that a presented secret belongs to, where it opens something at an instant. The hash
    /// is compared in the same time whatever it is; at its expiry itself a key is over.
    pub fn look_up(
        &self,
        key: &ApiKeyId,
        presented: &Sha256Digest,
        at: Timestamp,
    ) -> Result<&ApiKeyIssued, KeyProblem> {
        let known = self.keys.get(key).ok_or(KeyProblem::Unknown)?;
        let is_same = known.issued.sha256.as_bytes().ct_eq(presented.as_bytes());
        if !bool::from(is_same) {
            return Err(KeyProblem::Unknown);
        }
        if known.revoked_at.is_some() {
            return Err(KeyProblem::Revoked);
        }
        if known.issued.expires_at.is_some_and(|it| it <= at) {
            return Err(KeyProblem::Expired);
        }
        Ok(&known.issued)
    }

    /// Issues a key. The same again changes nothing.
    pub fn issue(
        &self,
        command: &ApiKeyIssued,
        now: Timestamp,
    ) -> Result<Vec<Event>, AccessRefusal> {
        match self.keys.get(&command.key) {
            Some(it) if it.issued == *command => return nothing(),
            Some(_) => return Err(AccessRefusal::KeyTaken { key: command.key.clone() }),
            None => (),
        }
        if command.permissions.is_empty() {
            return Err(AccessRefusal::NoPermission);
        }
        if let Some(expires_at) = command.expires_at.filter(|it| *it <= now) {
            return Err(AccessRefusal::AlreadyExpired { expires_at, now });
        }
        one(command.clone())
    }

    /// Revokes a key at once and for ever. Twice changes nothing.
    pub fn revoke(
        &self,
        key: &ApiKeyId,
        reason: Option<Note>,
    ) -> Result<Vec<Event>, AccessRefusal> {
        match self.keys.get(key) {
            None => Err(AccessRefusal::KeyUnknown { key: key.clone() }),
            Some(it) if it.revoked_at.is_some() => nothing(),
            Some(_) => one(ApiKeyRevoked { key: key.clone(), reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::script::{Folded, Script};
    use crate::event::ledger::Permission;

    impl Folded for ApiKeys {
        const STREAM: &str = "access-acme";

        fn after(self, record: &Record) -> Result<Self, FoldError> {
            self.fold(record)
        }
    }

    fn key(id: &str, secret: u8) -> ApiKeyIssued {
        ApiKeyIssued {
            key: id.parse().unwrap(),
            name: "the meter".parse().unwrap(),
            sha256: Sha256Digest::from_bytes([secret; 32]),
            permissions: vec![Permission::Ingest],
            expires_at: None,
        }
    }

    #[test]
    fn a_key_opens_until_it_is_revoked_or_over() {
        let mut script = Script::<ApiKeys>::new();
        let expires_at = script.at.plus_seconds(60);
        let first = ApiKeyIssued { expires_at, ..key("k1", 1) };
        assert_eq!(script.take(script.state.issue(&first, script.at)), 1);
        assert_eq!(script.take(script.state.issue(&first, script.at)), 0);
        script.take(script.state.issue(&key("k2", 2), script.at));
        let look_up = |script: &Script<ApiKeys>, id: &str, secret: u8| {
            let presented = Sha256Digest::from_bytes([secret; 32]);
            script.state.look_up(&id.parse().unwrap(), &presented, script.at).cloned()
        };
        assert_eq!(look_up(&script, "k1", 1), Ok(first));
        assert_eq!(look_up(&script, "k1", 2), Err(KeyProblem::Unknown));
        assert_eq!(look_up(&script, "k3", 1), Err(KeyProblem::Unknown));
        let second = "k2".parse().unwrap();
        assert_eq!(script.take(script.state.revoke(&second, None)), 1);
        assert_eq!(script.take(script.state.revoke(&second, None)), 0);
        assert_eq!(look_up(&script, "k2", 2), Err(KeyProblem::Revoked));
        script.pass(60);
        assert_eq!(look_up(&script, "k1", 1), Err(KeyProblem::Expired));
    }

    #[test]
    fn what_would_open_nothing_is_not_issued() {
        let mut script = Script::<ApiKeys>::new();
        let code = |script: &Script<ApiKeys>, it: &ApiKeyIssued| {
            script.state.issue(it, script.at).unwrap_err().code()
        };
        let empty = ApiKeyIssued { permissions: Vec::new(), ..key("k1", 1) };
        assert_eq!(code(&script, &empty), "no_permission");
        let over = ApiKeyIssued { expires_at: Some(script.at), ..key("k1", 1) };
        assert_eq!(code(&script, &over), "already_expired");
        script.take(script.state.issue(&key("k1", 1), script.at));
        assert_eq!(code(&script, &key("k1", 2)), "key_taken");
        let refusal = script.state.revoke(&"k9".parse().unwrap(), None).unwrap_err();
        assert_eq!((refusal.code(), refusal.kind()), ("key_unknown", RefusalKind::NotFound));
    }
}
