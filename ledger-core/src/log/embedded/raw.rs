//! A record as the embedded log holds it, and the rows of a batch frame.
//!
//! Streams, wire names, actors and key sources are numbers of ONE segment; the body is opaque. A
//! row has exactly one encoding and no other bytes decode to it: integers are minimal, a flag that
//! means nothing is refused, a default is never spelled out. A decoder borrows from its input and
//! allocates nothing. What a name means and whether a body decodes is not known here.

use crate::id::uuid_bytes;
use crate::log::EVENT_BYTES_MAX;

mod names;
pub(crate) mod varint;

pub(crate) use names::{NameError, NameKind, Names};
use varint::{VarintError, unzigzag, zigzag};

/// The longest text of one name: a stream of a percent-encoded foreign id fits with room.
pub(crate) const NAME_BYTES_MAX: usize = 1024;
/// The longest id of a key that is not a UUID.
pub(crate) const KEY_BYTES_MAX: usize = 255;

/// One record. The numbers of its names are those of its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawRecord<'a> {
    /// Its place in the whole log.
    pub(crate) position: u64,
    /// The number of its stream.
    pub(crate) stream: u32,
    /// Its place in the stream.
    pub(crate) revision: u64,
    /// The number of its wire name.
    pub(crate) wire: u32,
    /// The world's clock, in microseconds.
    pub(crate) occurred_at: i64,
    /// The log's clock, in microseconds.
    pub(crate) recorded_at: i64,
    /// The number of who in which role.
    pub(crate) actor: u32,
    /// The event that made it necessary.
    pub(crate) causation: Option<&'a [u8; 16]>,
    /// The request or process it belongs to.
    pub(crate) correlation: Option<&'a [u8; 16]>,
    /// The name by which a repeat is known.
    pub(crate) key: Option<RawKey<'a>>,
    /// What a repeat must match, where it is not the event itself.
    pub(crate) fingerprint: Option<&'a [u8; 32]>,
    /// What happened.
    pub(crate) body: &'a [u8],
}

/// A key. Text that is a UUID in its canonical form is held as its 16 bytes, and never as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawKey<'a> {
    /// The number of its scope and source.
    pub(crate) source: u32,
    /// The caller's part: 16 bytes of a UUID, else the text.
    pub(crate) id: &'a [u8],
    /// Which of the two.
    pub(crate) is_uuid: bool,
    /// Which event of those that one command makes.
    pub(crate) index: u32,
}

impl RawKey<'_> {
    /// Whether it has the one form its value has.
    pub(crate) fn is_canonical(&self) -> bool {
        if self.is_uuid { self.id.len() == 16 } else { is_canonical_text(self.id) }
    }
}

/// Whether an id may be held as text: short enough, UTF-8, and no UUID in disguise.
pub(crate) fn is_canonical_text(id: &[u8]) -> bool {
    id.len() <= KEY_BYTES_MAX
        && std::str::from_utf8(id).is_ok_and(|text| text.len() != 36 || uuid_bytes(text).is_none())
}

/// What the rows of one frame count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowBase {
    /// The position of the next event row.
    pub(crate) position: u64,
    /// When the frame was recorded; a row that differs says so.
    pub(crate) recorded_at: i64,
    /// What each row's `occurred_at` is a difference from.
    pub(crate) occurred_at: i64,
}

/// One row of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    /// A name the segment did not have yet; it stands before the first event that needs it.
    Name(NameDefinition<'a>),
    /// A record.
    Event(RawRecord<'a>),
}

/// The first time a segment spells a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NameDefinition<'a> {
    /// Which list it is in.
    pub(crate) kind: NameKind,
    /// Its place in the list.
    pub(crate) number: u32,
    /// The name.
    pub(crate) text: &'a str,
}

/// Why bytes are not a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RowError {
    /// The row goes on after its bytes end.
    #[error("a row ends too early")]
    Short,
    /// An integer is spelled with more bytes than it needs.
    #[error("an integer of a row is not minimal")]
    NotMinimal,
    /// An integer is larger than what it stands for.
    #[error("an integer of a row is too large")]
    TooLarge,
    /// A flag that no row has, or a flag without the one it depends on.
    #[error("a row has flags {flags:#04x}, which mean nothing")]
    Flags {
        /// The first byte of the row.
        flags: u8,
    },
    /// A value that has a shorter spelling.
    #[error("a row spells out {what}, which is to be left out")]
    SpelledOut {
        /// Which.
        what: &'static str,
    },
    /// A name that is empty, too long or not UTF-8.
    #[error("a name of {bytes} bytes is empty, too long or not UTF-8")]
    Name {
        /// Its length.
        bytes: usize,
    },
    /// An id of a key that is too long, not UTF-8, or a UUID held as text.
    #[error("a key id of {bytes} bytes is too long, not UTF-8, or a UUID held as text")]
    Key {
        /// Its length.
        bytes: usize,
    },
    /// A body larger than any event may be.
    #[error("a body of {bytes} bytes is larger than {EVENT_BYTES_MAX}")]
    Body {
        /// Its length.
        bytes: u64,
    },
    /// A position past the last one a log can have.
    #[error("a frame counts past the last position")]
    Position,
}

impl From<VarintError> for RowError {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Short => Self::Short,
            VarintError::NotMinimal => Self::NotMinimal,
            VarintError::TooLarge => Self::TooLarge,
        }
    }
}

/// The first byte of an event row: what it has. The highest bit is that of a name.
pub(crate) mod flag {
    /// It has a key.
    pub(crate) const KEY: u8 = 1;
    /// The id of its key is a UUID.
    pub(crate) const KEY_IS_UUID: u8 = 1 << 1;
    /// The index of its key is not 0.
    pub(crate) const KEY_INDEX: u8 = 1 << 2;
    /// It has a fingerprint.
    pub(crate) const FINGERPRINT: u8 = 1 << 3;
    /// It names its cause.
    pub(crate) const CAUSATION: u8 = 1 << 4;
    /// It names what it belongs to.
    pub(crate) const CORRELATION: u8 = 1 << 5;
    /// It was recorded at another time than its frame.
    pub(crate) const RECORDED_AT: u8 = 1 << 6;
    /// It is no event, but a name.
    pub(crate) const NAME: u8 = 1 << 7;
}

/// The flags of a record's optional parts, without that of its time of recording.
#[inline]
pub(crate) fn parts_of(record: &RawRecord<'_>) -> u8 {
    let mut flags = 0;
    if let Some(key) = &record.key {
        flags |= flag::KEY;
        flags |= if key.is_uuid { flag::KEY_IS_UUID } else { 0 };
        flags |= if key.index == 0 { 0 } else { flag::KEY_INDEX };
    }
    flags |= if record.fingerprint.is_some() { flag::FINGERPRINT } else { 0 };
    flags |= if record.causation.is_some() { flag::CAUSATION } else { 0 };
    flags | if record.correlation.is_some() { flag::CORRELATION } else { 0 }
}

/// Adds a record to a frame. Its position is not written: rows count from the frame's first.
///
/// The caller keeps the limits of the contract; a record outside them does not decode.
#[inline]
pub(crate) fn encode(record: &RawRecord<'_>, base: &RowBase, out: &mut Vec<u8>) {
    let recorded = record.recorded_at.wrapping_sub(base.recorded_at);
    let flags = parts_of(record) | if recorded == 0 { 0 } else { flag::RECORDED_AT };
    // The integers are gathered first: one check of the room in `out` instead of one for each.
    let mut head = varint::Gathered::new(flags);
    head.put(u64::from(record.stream));
    head.put(u64::from(record.wire));
    head.put(u64::from(record.actor));
    head.put(record.revision);
    head.put(zigzag(record.occurred_at.wrapping_sub(base.occurred_at)));
    if recorded != 0 {
        head.put(zigzag(recorded));
    }
    out.extend_from_slice(head.bytes());
    if let Some(causation) = record.causation {
        out.extend_from_slice(causation);
    }
    if let Some(correlation) = record.correlation {
        out.extend_from_slice(correlation);
    }
    if let Some(fingerprint) = record.fingerprint {
        out.extend_from_slice(fingerprint);
    }
    if let Some(key) = &record.key {
        varint::put(u64::from(key.source), out);
        if key.index != 0 {
            varint::put(u64::from(key.index), out);
        }
        if !key.is_uuid {
            varint::put_len(key.id.len(), out);
        }
        out.extend_from_slice(key.id);
    }
    varint::put_len(record.body.len(), out);
    out.extend_from_slice(record.body);
}

/// Adds a name to a frame, before the first record that needs it.
pub(crate) fn encode_name(name: &NameDefinition<'_>, out: &mut Vec<u8>) {
    out.push(flag::NAME | name.kind.code());
    varint::put(u64::from(name.number), out);
    varint::put_len(name.text.len(), out);
    out.extend_from_slice(name.text.as_bytes());
}

/// Takes one row off the front. The input is unspecified after an error.
#[inline(always)]
pub(crate) fn decode<'a>(input: &mut &'a [u8], base: &RowBase) -> Result<Entry<'a>, RowError> {
    let flags = varint::byte(input)?;
    if flags & flag::NAME != 0 {
        return decode_name(flags, input).map(Entry::Name);
    }
    if flags & flag::KEY == 0 && flags & (flag::KEY_IS_UUID | flag::KEY_INDEX) != 0 {
        return Err(RowError::Flags { flags });
    }
    let stream = varint::take_u32(input)?;
    let wire = varint::take_u32(input)?;
    let actor = varint::take_u32(input)?;
    let revision = varint::take(input)?;
    let occurred_at = base.occurred_at.wrapping_add(unzigzag(varint::take(input)?));
    let recorded_at = if flags & flag::RECORDED_AT == 0 {
        base.recorded_at
    } else {
        match varint::take(input)? {
            0 => return Err(RowError::SpelledOut { what: "an equal time of recording" }),
            difference => base.recorded_at.wrapping_add(unzigzag(difference)),
        }
    };
    let causation = if flags & flag::CAUSATION == 0 { None } else { Some(chunk(input)?) };
    let correlation = if flags & flag::CORRELATION == 0 { None } else { Some(chunk(input)?) };
    let fingerprint = if flags & flag::FINGERPRINT == 0 { None } else { Some(chunk(input)?) };
    let key = if flags & flag::KEY == 0 { None } else { Some(decode_key(flags, input)?) };
    let bytes = varint::take(input)?;
    let length = usize::try_from(bytes).ok().filter(|length| *length <= EVENT_BYTES_MAX);
    let body = slice(input, length.ok_or(RowError::Body { bytes })?)?;
    Ok(Entry::Event(RawRecord {
        position: base.position,
        stream,
        revision,
        wire,
        occurred_at,
        recorded_at,
        actor,
        causation,
        correlation,
        key,
        fingerprint,
        body,
    }))
}

#[inline(always)]
fn decode_key<'a>(flags: u8, input: &mut &'a [u8]) -> Result<RawKey<'a>, RowError> {
    let source = varint::take_u32(input)?;
    let index = if flags & flag::KEY_INDEX == 0 {
        0
    } else {
        match varint::take_u32(input)? {
            0 => return Err(RowError::SpelledOut { what: "a key's index of 0" }),
            index => index,
        }
    };
    let is_uuid = flags & flag::KEY_IS_UUID != 0;
    let id = if is_uuid {
        slice(input, 16)?
    } else {
        let bytes = varint::take_len(input)?;
        let id = slice(input, bytes)?;
        if !is_canonical_text(id) {
            return Err(RowError::Key { bytes });
        }
        id
    };
    Ok(RawKey { source, id, is_uuid, index })
}

fn decode_name<'a>(flags: u8, input: &mut &'a [u8]) -> Result<NameDefinition<'a>, RowError> {
    let kind = NameKind::from_code(flags & !flag::NAME).ok_or(RowError::Flags { flags })?;
    let number = varint::take_u32(input)?;
    let bytes = varint::take_len(input)?;
    let text = slice(input, bytes)?;
    let text = std::str::from_utf8(text).map_err(|_| RowError::Name { bytes })?;
    if text.is_empty() || bytes > NAME_BYTES_MAX {
        return Err(RowError::Name { bytes });
    }
    Ok(NameDefinition { kind, number, text })
}

/// Takes so many bytes off the front.
#[inline]
pub(crate) fn slice<'a>(input: &mut &'a [u8], length: usize) -> Result<&'a [u8], RowError> {
    let (taken, rest) = input.split_at_checked(length).ok_or(RowError::Short)?;
    *input = rest;
    Ok(taken)
}

/// Takes a fixed number of bytes off the front.
#[inline]
fn chunk<'a, const N: usize>(input: &mut &'a [u8]) -> Result<&'a [u8; N], RowError> {
    let (taken, rest) = input.split_first_chunk().ok_or(RowError::Short)?;
    *input = rest;
    Ok(taken)
}

/// A copy of so many bytes off the front.
#[inline]
pub(crate) fn array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], RowError> {
    chunk(input).copied()
}

/// The rows of one frame, each with its position; the first error is the last item.
#[derive(Debug, Clone)]
pub(crate) struct Rows<'a> {
    input: &'a [u8],
    base: RowBase,
}

impl<'a> Rows<'a> {
    /// The rows in a frame's payload.
    pub(crate) const fn new(payload: &'a [u8], base: RowBase) -> Self {
        Self { input: payload, base }
    }

    /// How many bytes are left to be read.
    pub(crate) const fn left(&self) -> usize {
        self.input.len()
    }

    #[inline(always)]
    fn row(&mut self) -> Result<Entry<'a>, RowError> {
        let entry = decode(&mut self.input, &self.base)?;
        if let Entry::Event(_) = entry {
            self.base.position = self.base.position.checked_add(1).ok_or(RowError::Position)?;
        }
        Ok(entry)
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Entry<'a>, RowError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.input.is_empty() {
            return None;
        }
        let row = self.row();
        if row.is_err() {
            self.input = &[];
        }
        Some(row)
    }
}

#[cfg(test)]
pub(crate) mod tests;
