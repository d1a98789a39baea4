//! Leaf data and body parts, read back strictly: what was accepted is what would be written.

use super::{DOMAIN, LeafBody, LeafError, LeafKey, STREAM_BYTES_MAX, SealedLeaf, WIRE_BYTES_MAX};
use crate::id::{CorrelationId, EventId, LedgerId, Role};
use crate::log::{Fingerprint, Revision};
use crate::time::Timestamp;

impl<'a> SealedLeaf<'a> {
    /// Reads leaf data.
    pub fn parse(data: &'a [u8]) -> Result<Self, LeafError> {
        let mut reader = Reader { bytes: data, at: 0 };
        if reader.array("the name of the format")? != *DOMAIN {
            return Err(LeafError::Malformed { at: 0, expected: "the name of the format" });
        }
        let leaf = Self {
            ledger: LedgerId::from_bytes(reader.array("a ledger id")?),
            index: u64::from_be_bytes(reader.array("a leaf index")?),
            stream: reader.text(STREAM_BYTES_MAX, "a stream name")?,
            revision: Revision::new(u64::from_be_bytes(reader.array("a revision")?)),
            wire: reader.text(WIRE_BYTES_MAX, "a wire name")?,
            occurred_at: reader.time()?,
            recorded_at: reader.time()?,
            commitment: reader.array("a commitment")?,
        };
        reader.end()?;
        Ok(leaf)
    }
}

impl<'a> LeafBody<'a> {
    /// Reads a body part.
    pub fn parse(part: &'a [u8]) -> Result<Self, LeafError> {
        const TEXT_MAX: usize = u16::MAX as usize;
        let mut reader = Reader { bytes: part, at: 0 };
        let body = Self {
            id: EventId::from_bytes(reader.array("an event id")?),
            role: reader.role()?,
            who: reader.text(TEXT_MAX, "an actor")?,
            causation: reader.option(|it| it.array("an event id"))?.map(EventId::from_bytes),
            correlation: reader
                .option(|it| it.array("a correlation id"))?
                .map(CorrelationId::from_bytes),
            key: reader.option(|it| {
                Ok(LeafKey {
                    tenant: it.option(|it| it.text(TEXT_MAX, "a tenant id"))?,
                    source: it.text(TEXT_MAX, "a key source")?,
                    id: it.text(TEXT_MAX, "a key id")?,
                    index: u32::from_be_bytes(it.array("a key index")?),
                })
            })?,
            fingerprint: reader.option(|it| it.array("a fingerprint"))?.map(Fingerprint),
            bytes: {
                let length = u32::from_be_bytes(reader.array("the length of the body")?);
                reader.take(usize::try_from(length).unwrap_or(usize::MAX), "a body")?
            },
        };
        reader.end()?;
        Ok(body)
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize, expected: &'static str) -> Result<&'a [u8], LeafError> {
        let taken = self.bytes.get(self.at..).and_then(|rest| rest.get(..length));
        let taken = taken.ok_or(LeafError::Malformed { at: self.at, expected })?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], LeafError> {
        let taken = self.take(N, expected)?;
        Ok(taken.try_into().expect("so many bytes were taken"))
    }

    fn text(&mut self, bytes_max: usize, expected: &'static str) -> Result<&'a str, LeafError> {
        let at = self.at;
        let length = u16::from_be_bytes(self.array(expected)?);
        let text = str::from_utf8(self.take(length.into(), expected)?).ok();
        text.filter(|it| it.len() <= bytes_max).ok_or(LeafError::Malformed { at, expected })
    }

    fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, LeafError>,
    ) -> Result<Option<T>, LeafError> {
        let at = self.at;
        match self.array("an option")? {
            [0] => Ok(None),
            [1] => read(self).map(Some),
            _ => Err(LeafError::Malformed { at, expected: "an option" }),
        }
    }

    fn time(&mut self) -> Result<Timestamp, LeafError> {
        let at = self.at;
        let micros = i64::from_be_bytes(self.array("a time")?);
        Timestamp::from_micros(micros)
            .map_err(|_| LeafError::Malformed { at, expected: "a time of these centuries" })
    }

    fn role(&mut self) -> Result<Role, LeafError> {
        let at = self.at;
        match self.array("a role")? {
            [0] => Ok(Role::Operator),
            [1] => Ok(Role::Tenant),
            [2] => Ok(Role::Producer),
            [3] => Ok(Role::Gateway),
            [4] => Ok(Role::System),
            [5] => Ok(Role::Importer),
            _ => Err(LeafError::Malformed { at, expected: "a role" }),
        }
    }

    fn end(&self) -> Result<(), LeafError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(LeafError::Malformed { at: self.at, expected: "the end" })
        }
    }
}
