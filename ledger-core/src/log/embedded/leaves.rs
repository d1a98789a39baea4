//! From records of a scan to the leaves of the tree.
//!
//! A leaf is made from what is stored, without decoding the body: the postcard bytes are portable.
//! What a segment spells once is taken apart once.

use crate::id::{CorrelationId, EventId, LedgerId};
use crate::log::keeper::OPERATOR;
use crate::log::{Fingerprint, ReadError, Revision};
use crate::proof::{Leaf, LeafBody, LeafKey};
use crate::stream::Stream;
use crate::time::Timestamp;

use super::cursor::ScannedRecord;
use super::spelling;

/// Makes leaves of the records of one scan, in order.
#[derive(Debug)]
pub struct Leaves {
    ledger: LedgerId,
    segment: u32,
    /// By number of the segment's streams: whose secret hides them. Empty text: not asked yet.
    scopes: Vec<Option<Box<str>>>,
}

impl Leaves {
    /// For records of this ledger.
    pub fn new(ledger: LedgerId) -> Self {
        Self { ledger, segment: 0, scopes: Vec::new() }
    }

    /// Gives the leaf with this index, and the scope whose secret hides it, to `visit`.
    pub fn with_leaf<T>(
        &mut self,
        index: u64,
        record: &ScannedRecord<'_>,
        visit: impl FnOnce(&Leaf<'_>, &str) -> T,
    ) -> Result<T, ReadError> {
        let undecodable = |what: &str| ReadError::Undecodable {
            position: record.position(),
            wire: record.wire().to_owned(),
            what: what.to_owned(),
        };
        let time = |micros| {
            Timestamp::from_micros(micros).map_err(|_| undecodable("a time is out of range"))
        };
        let (role, who) = record.actor().ok_or_else(|| undecodable("nobody acted"))?;
        let mut text = [0; 36];
        let key = match record.key() {
            None => None,
            Some((source, id)) => {
                let (tenant, source) = spelling::split_source(source)
                    .ok_or_else(|| undecodable("a key has no source"))?;
                let index = id.index;
                let id = id.text(&mut text).ok_or_else(|| undecodable("a key has no id"))?;
                Some(LeafKey { tenant, source, id, index })
            }
        };
        let revision = Revision::new(record.revision());
        let id = match &key {
            Some(key) => EventId::derive_spelled(key.tenant, key.source, key.id, key.index),
            None => EventId::derive_placed_spelled(&self.ledger, record.stream(), revision),
        };
        let leaf = Leaf {
            ledger: self.ledger,
            index,
            stream: record.stream(),
            revision,
            wire: record.wire(),
            occurred_at: time(record.occurred_at_micros())?,
            recorded_at: time(record.recorded_at_micros())?,
            body: LeafBody {
                id,
                role,
                who,
                causation: record.causation().map(EventId::from_bytes),
                correlation: record.correlation().map(CorrelationId::from_bytes),
                key,
                fingerprint: record.fingerprint().map(Fingerprint),
                bytes: record.body(),
            },
        };
        let scope = self.scope(record).ok_or_else(|| undecodable("its stream has no such name"))?;
        Ok(visit(&leaf, scope))
    }

    fn scope(&mut self, record: &ScannedRecord<'_>) -> Option<&str> {
        if self.segment != record.segment() {
            self.segment = record.segment();
            self.scopes.clear();
        }
        let place = usize::try_from(record.stream_number()).ok()?;
        if self.scopes.len() <= place {
            self.scopes.resize(place.checked_add(1)?, None);
        }
        let scope = self.scopes.get_mut(place)?;
        if scope.is_none() {
            let stream: Stream = record.stream().parse().ok()?;
            let tenant = stream.tenant().map_or(OPERATOR, |tenant| tenant.as_str());
            *scope = Some(tenant.into());
        }
        scope.as_deref()
    }
}

/// The caller's part of a key, as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredId<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) is_uuid: bool,
    pub(crate) index: u32,
}

impl<'a> StoredId<'a> {
    /// The id as text; a UUID is spelled into `buffer`.
    fn text<'b>(&self, buffer: &'b mut [u8; 36]) -> Option<&'b str>
    where
        'a: 'b,
    {
        if !self.is_uuid {
            return std::str::from_utf8(self.bytes).ok();
        }
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut out = buffer.iter_mut();
        for (place, byte) in self.bytes.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                *out.next()? = b'-';
            }
            *out.next()? = *DIGITS.get(usize::from(byte >> 4))?;
            *out.next()? = *DIGITS.get(usize::from(byte & 0x0f))?;
        }
        std::str::from_utf8(buffer).ok()
    }
}
