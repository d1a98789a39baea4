//! Reads an unsealed segment from its first byte and says how far it is whole.
//!
//! The scan stops at the first byte that is not what a frame should be. What lies behind that point
//! is searched for any valid frame header: each is a witness of what had been durable when it was
//! written, and tells a torn tail, which is legal, from rot of acknowledged data, which is not.

use std::io;
use std::sync::Arc;

use crate::log::storage::{File, read_full_at};

use super::frame::{
    FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, HeaderError, SEGMENT_HEADER_BYTES, SegmentHeader,
};
use super::key_feed::KeyFeed;
use super::layout::Identity;
use super::spelling::NameHash;
use super::tail::{AbsorbError, Tail, TailFrame};

/// Read at least so much at a time.
const WINDOW_BYTES: usize = 1024 * 1024;

/// What should stand at the beginning of the segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begin {
    pub(crate) segment: u32,
    pub(crate) first_position: u64,
    pub(crate) first_sequence: u64,
}

/// Bytes behind the last whole frame that are not zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leftover {
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// Events its header says it holds, when the header is whole.
    pub(crate) events: Option<u32>,
}

/// What a segment was found to hold.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) tail: Tail,
    pub(crate) has_header: bool,
    /// Of the last whole frame, or of what came before the segment.
    pub(crate) sequence: u64,
    pub(crate) position: u64,
    pub(crate) end: u64,
    /// The highest sequence, and the position then, that some valid header behind says was durable.
    pub(crate) witness: Option<(u64, u64)>,
    pub(crate) leftover: Option<Leftover>,
    /// Why the scan stopped, when it was not at zeros.
    pub(crate) stopped: Option<String>,
}

/// Why a segment cannot be what it should be, whatever its tail.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScanError {
    #[error("cannot read it")]
    Io(#[from] io::Error),
    #[error("it belongs to ledger {0}")]
    Foreign(crate::id::LedgerId),
    #[error("its header is that of another segment, place or size")]
    Misplaced,
    #[error("a frame at byte {offset} has whole checksums and does not fit: {source}")]
    Unfitting { offset: u64, source: AbsorbError },
}

/// Reads a file forwards in large pieces.
struct Window<'a> {
    file: &'a dyn File,
    file_bytes: u64,
    bytes: Vec<u8>,
    from: u64,
}

impl<'a> Window<'a> {
    fn new(file: &'a dyn File, identity: &Identity) -> Self {
        Self { file, file_bytes: identity.segment_bytes, bytes: Vec::new(), from: 0 }
    }

    /// Bytes from `offset` on: `length` of them, or fewer at the end of the file.
    fn get(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let end = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        let held = self.from.saturating_add(u64::try_from(self.bytes.len()).unwrap_or(0));
        if offset < self.from || end > held {
            let left = usize::try_from(self.file_bytes.saturating_sub(offset));
            self.bytes.resize(length.max(WINDOW_BYTES).min(left.unwrap_or(usize::MAX)), 0);
            let read = read_full_at(self.file, &mut self.bytes, offset)?;
            self.bytes.truncate(read);
            self.from = offset;
        }
        let begin = usize::try_from(offset.saturating_sub(self.from)).unwrap_or(usize::MAX);
        let end = begin.saturating_add(length).min(self.bytes.len());
        Ok(self.bytes.get(begin..end).unwrap_or_default())
    }
}

/// Scans the file of one segment.
pub(crate) fn scan(
    file: Arc<dyn File>,
    path: String,
    identity: &Identity,
    begin: Begin,
) -> Result<Scan, ScanError> {
    let tail =
        Tail::new(begin.segment, begin.first_position, begin.first_sequence, path, file.clone());
    let mut window = Window::new(&*file, identity);
    let mut scan = Scan {
        tail,
        has_header: false,
        sequence: begin.first_sequence.saturating_sub(1),
        position: begin.first_position.saturating_sub(1),
        end: SEGMENT_HEADER_BYTES as u64,
        witness: None,
        leftover: None,
        stopped: None,
    };
    scan.tail.write().begin_at(scan.end);
    let header = SegmentHeader::decode(window.get(0, SEGMENT_HEADER_BYTES)?);
    match header {
        Ok(header) => {
            check_header(&header, identity, begin)?;
            scan.has_header = true;
            scan.tail.write().expect_keys(identity.events_likely());
            let mut reached =
                Reached { sequence: scan.sequence, position: scan.position, end: scan.end };
            let mut keys = KeyFeed::helped(NameHash::new(identity.hash_key));
            let upto = (&mut reached, u64::MAX);
            scan.stopped = take_frames(&scan.tail, &mut window, identity, &mut keys, upto)?;
            keys.finish(&scan.tail)?;
            Reached { sequence: scan.sequence, position: scan.position, end: scan.end } = reached;
        }
        Err(error) => scan.stopped = Some(format!("the segment header: {error}")),
    }
    let from = if scan.has_header { scan.end } else { 0 };
    scan.search(&mut window, identity, from)?;
    if scan.leftover.is_none() {
        scan.stopped = None;
    }
    Ok(scan)
}

fn check_header(
    header: &SegmentHeader,
    identity: &Identity,
    begin: Begin,
) -> Result<(), ScanError> {
    if header.ledger != identity.ledger {
        return Err(ScanError::Foreign(header.ledger));
    }
    let expected = SegmentHeader {
        ledger: identity.ledger,
        segment: begin.segment,
        segment_bytes: identity.segment_bytes,
        first_position: begin.first_position,
        first_sequence: begin.first_sequence,
    };
    if *header == expected { Ok(()) } else { Err(ScanError::Misplaced) }
}

/// How far a segment has been read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    pub(crate) sequence: u64,
    pub(crate) position: u64,
    /// Where the next frame begins.
    pub(crate) end: u64,
}

/// Continues reading a segment beside its writer, up to a frame that is acknowledged.
pub(crate) fn continue_tail(
    tail: &Tail,
    identity: &Identity,
    reached: &mut Reached,
    upto_sequence: u64,
) -> Result<Option<String>, ScanError> {
    let mut window = Window::new(&*tail.file, identity);
    let mut keys = KeyFeed::at_once(NameHash::new(identity.hash_key));
    take_frames(tail, &mut window, identity, &mut keys, (reached, upto_sequence))
}

/// Whether the file begins with the header it should have, or with none at all.
pub(crate) fn has_header(
    tail: &Tail,
    identity: &Identity,
    begin: Begin,
) -> Result<bool, ScanError> {
    let mut window = Window::new(&*tail.file, identity);
    match SegmentHeader::decode(window.get(0, SEGMENT_HEADER_BYTES)?) {
        Ok(header) => check_header(&header, identity, begin).map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Takes whole frames until something else comes, or a sequence is reached; answers what came.
fn take_frames(
    tail: &Tail,
    window: &mut Window<'_>,
    identity: &Identity,
    keys: &mut KeyFeed,
    (reached, upto_sequence): (&mut Reached, u64),
) -> Result<Option<String>, ScanError> {
    while reached.sequence < upto_sequence {
        let header = match FrameHeader::decode(window.get(reached.end, FRAME_HEADER_BYTES)?) {
            Ok(header) => header,
            Err(HeaderError::Short) => return Ok(None),
            Err(error) => return Ok(Some(format!("a frame header: {error}"))),
        };
        if let Some(why) = refuse(&header, tail, identity, reached) {
            return Ok(Some(why.to_owned()));
        }
        let length = usize::try_from(header.payload_bytes).unwrap_or(usize::MAX);
        let at = reached.end.saturating_add(FRAME_HEADER_BYTES as u64);
        let payload = window.get(at, length)?;
        if payload.len() != length || crc32c::crc32c(payload) != header.payload_crc {
            return Ok(Some("a payload's checksum does not match".to_owned()));
        }
        let frame = TailFrame::from_header(&header);
        tail.write()
            .absorb(frame, payload, keys.pending())
            .map_err(|source| ScanError::Unfitting { offset: header.offset, source })?;
        keys.frame_taken(tail);
        *reached = Reached {
            sequence: header.sequence,
            position: frame.end_position().saturating_sub(1),
            end: header.end(),
        };
    }
    Ok(None)
}

fn refuse(
    header: &FrameHeader,
    tail: &Tail,
    identity: &Identity,
    reached: &Reached,
) -> Option<&'static str> {
    if header.ledger != identity.ledger || header.segment != tail.segment {
        Some("a frame of another ledger or segment")
    } else if header.offset != reached.end {
        Some("a frame of another place")
    } else if header.sequence != reached.sequence.saturating_add(1)
        || header.first_position != reached.position.saturating_add(1)
    {
        Some("a frame out of sequence")
    } else if header.events == 0 || header.end() > identity.segment_bytes {
        Some("a frame with impossible lengths")
    } else {
        None
    }
}

impl Scan {
    /// Looks behind the last whole frame for bytes that are not zeros and for witnesses.
    fn search(
        &mut self,
        window: &mut Window<'_>,
        identity: &Identity,
        from: u64,
    ) -> Result<(), ScanError> {
        let mut at = from;
        loop {
            let piece = window.get(at, WINDOW_BYTES)?;
            if piece.is_empty() {
                return Ok(());
            }
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            // Folding first lets the usual piece of zeros pass at the speed of memory.
            let is_zero = piece.iter().fold(0, |all, byte| all | byte) == 0;
            let last = if is_zero { None } else { piece.iter().rposition(|byte| *byte != 0) };
            if let Some(last) = last {
                let to = at.saturating_add(u64::try_from(last).unwrap_or(0)).saturating_add(1);
                let events = self.leftover.and_then(|it| it.events);
                self.leftover =
                    Some(Leftover { from: self.leftover.map_or(from, |it| it.from), to, events });
                self.find_witnesses(piece, at, identity);
            }
            if piece.len() < WINDOW_BYTES {
                return Ok(());
            }
            // A header may lie across two pieces.
            at = at.saturating_add(length).saturating_sub(FRAME_HEADER_BYTES as u64);
        }
    }

    fn find_witnesses(&mut self, piece: &[u8], base: u64, identity: &Identity) {
        let mut at = 0;
        while let Some(rest) = piece.get(at..) {
            let Some(found) = rest.windows(FRAME_MAGIC.len()).position(|it| it == FRAME_MAGIC)
            else {
                return;
            };
            let offset = at.saturating_add(found);
            let place = base.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX));
            if let Ok(header) = FrameHeader::decode(piece.get(offset..).unwrap_or_default())
                && header.ledger == identity.ledger
                && header.segment == self.tail.segment
                && header.offset == place
            {
                let seen = (header.durable_upto, header.first_position.saturating_sub(1));
                self.witness = Some(self.witness.map_or(seen, |before| before.max(seen)));
                if place == self.end
                    && let Some(leftover) = &mut self.leftover
                {
                    leftover.events = Some(header.events);
                }
            }
            at = offset.saturating_add(1);
        }
    }
}
