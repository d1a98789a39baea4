//! How the embedded log spells who acted and whose keys these are, and how it hashes names.
//!
//! An actor is `role who`, a key source is `tenant source` or `_operator source`: neither a role
//! nor a tenant id holds a space, and no tenant id begins with an underscore, so the first space
//! divides and every spelling has one meaning.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::id::{Actor, KeyScope, KeySource, Role};

/// The scope of keys that no tenant owns.
const OPERATOR_SCOPE: &str = "_operator";

/// The parts of a key that are hashed as one text have at most so many bytes together: those of a
/// UUID under a source of a hundred do.
const SHORT_BYTES: usize = 128;

/// Hashes names for the derived indexes. Keyed per ledger, so that nobody can choose collisions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameHash {
    key: [u8; 16],
}

impl NameHash {
    pub(crate) const fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// The hash of an idempotency key.
    pub(crate) fn key(&self, source: &str, is_uuid: bool, id: &[u8], index: u32) -> u64 {
        let source = match is_planted!(DedupeIgnoresTenant) {
            true => split_source(source).map_or(source, |(_, source)| source),
            false => source,
        };
        let kind = [0xff, u8::from(is_uuid)];
        let parts = [source.as_bytes(), &kind, id, &index.to_le_bytes()];
        let hasher = SipHasher13::new_with_key(&self.key);
        let mut room = [0; SHORT_BYTES];
        match gather(parts, &mut room) {
            Some(whole) => hasher.hash(whole),
            None => hash_parts(hasher, parts),
        }
    }

    /// The hash of a stream's name.
    pub(crate) fn stream(&self, name: &str) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        hasher.write(name.as_bytes());
        hasher.write(&[0xfe]);
        hasher.finish()
    }
}

/// Puts the parts one behind the other, where they have room: hashing one short text takes half as
/// long as hashing its parts.
fn gather<'a>(parts: [&[u8]; 4], room: &'a mut [u8; SHORT_BYTES]) -> Option<&'a [u8]> {
    let mut length = 0;
    for part in parts {
        room.get_mut(length..)?.get_mut(..part.len())?.copy_from_slice(part);
        length += part.len();
    }
    room.get(..length)
}

fn hash_parts(mut hasher: SipHasher13, parts: [&[u8]; 4]) -> u64 {
    parts.into_iter().for_each(|part| hasher.write(part));
    hasher.finish()
}

const ROLES: [(Role, &str); 6] = [
    (Role::Operator, "operator"),
    (Role::Tenant, "tenant"),
    (Role::Producer, "producer"),
    (Role::Gateway, "gateway"),
    (Role::System, "system"),
    (Role::Importer, "importer"),
];

/// Spells who acted.
pub(crate) fn actor(actor: &Actor) -> String {
    let role = ROLES.iter().find(|(role, _)| *role == actor.role).map_or("", |(_, word)| word);
    format!("{role} {}", actor.who)
}

/// Reads who acted.
pub(crate) fn read_actor(text: &str) -> Option<Actor> {
    let (role, who) = split_actor(text)?;
    Some(Actor { who: who.parse().ok()?, role })
}

/// The parts of who acted.
pub(crate) fn split_actor(text: &str) -> Option<(Role, &str)> {
    let (word, who) = text.split_once(' ')?;
    let (role, _) = ROLES.iter().find(|(_, known)| *known == word)?;
    Some((*role, who))
}

/// Spells whose keys these are and where they come from.
pub(crate) fn source(scope: &KeyScope, source: &KeySource) -> String {
    match scope {
        KeyScope::Operator => format!("{OPERATOR_SCOPE} {source}"),
        KeyScope::Tenant(tenant) => format!("{tenant} {source}"),
    }
}

/// Reads whose keys these are and where they come from.
pub(crate) fn read_source(text: &str) -> Option<(KeyScope, KeySource)> {
    let (tenant, source) = split_source(text)?;
    let scope = match tenant {
        None => KeyScope::Operator,
        Some(tenant) => KeyScope::Tenant(tenant.parse().ok()?),
    };
    Some((scope, source.parse().ok()?))
}

/// The tenant, or none for the operator, and the source.
pub(crate) fn split_source(text: &str) -> Option<(Option<&str>, &str)> {
    let (scope, source) = text.split_once(' ')?;
    Some(((scope != OPERATOR_SCOPE).then_some(scope), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_and_sources_read_back() {
        for role in ROLES.map(|(role, _)| role) {
            let it = Actor { who: "alice b".parse().unwrap(), role };
            assert_eq!(read_actor(&actor(&it)), Some(it));
        }
        for scope in [KeyScope::Operator, KeyScope::Tenant("operator".parse().unwrap())] {
            let from: KeySource = "/producers/a b".parse().unwrap();
            assert_eq!(read_source(&source(&scope, &from)), Some((scope, from)));
        }
    }

    #[test]
    fn each_part_of_a_key_reaches_the_hash() {
        let hash = NameHash::new([1; 16]);
        let known = hash.key("a b", false, b"c", 0);
        assert_ne!(known, hash.key("a bc", false, b"", 0));
        assert_ne!(known, hash.key("a b", true, b"c", 0));
        assert_ne!(known, hash.key("a b", false, b"c", 1));
        assert_ne!(known, NameHash::new([2; 16]).key("a b", false, b"c", 0));
    }

    /// The hash stands in files: how long a key is decides only how fast it is made.
    #[test]
    fn a_key_that_is_gathered_hashes_as_its_parts_do() {
        let hash = NameHash::new(*b"0123456789abcdef");
        for length in 0..2 * SHORT_BYTES {
            let id = vec![b'x'; length];
            let mut hasher = SipHasher13::new_with_key(b"0123456789abcdef");
            hasher.write(b"acme /meters\xff\x01");
            hasher.write(&id);
            hasher.write(&[7, 1, 0, 0]);
            assert_eq!(hash.key("acme /meters", true, &id, 263), hasher.finish(), "{length}");
        }
    }
}
