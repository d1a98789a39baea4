//! Reads frames of an unsealed segment, and believes none whose checksums do not hold.

use crate::log::storage::read_exact_at;
use crate::log::{Position, ReadError};

use super::frame::{FRAME_HEADER_BYTES, FrameHeader};
use super::spelled::Spelled;
use super::tail::{Tail, TailFrame};

/// Consecutive small frames are read together up to so many bytes.
const READ_BYTES: u64 = 256 * 1024;

/// Frames that were read together.
#[derive(Debug)]
pub(crate) struct FrameBatch {
    bytes: Vec<u8>,
    frames: Vec<TailFrame>,
}

impl FrameBatch {
    /// Each frame and its payload.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TailFrame, &[u8])> + Clone {
        self.frames.iter().map(|frame| (*frame, self.payload(frame)))
    }

    /// The frame at a place, and its payload.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<(TailFrame, &[u8])> {
        let frame = self.frames.get(place)?;
        Some((*frame, self.payload(frame)))
    }

    fn payload(&self, frame: &TailFrame) -> &[u8] {
        let begin = self.frames.first().map_or(0, |frame| frame.offset);
        let at = usize::try_from(frame.offset.saturating_sub(begin)).unwrap_or(usize::MAX);
        let payload = at.saturating_add(FRAME_HEADER_BYTES);
        let end = usize::try_from(frame.payload_bytes)
            .map_or(usize::MAX, |bytes| payload.saturating_add(bytes));
        self.bytes.get(payload..end).unwrap_or_default()
    }
}

/// Reads frames from the one that holds `from` on, at least one, none past `upto`.
pub(crate) fn read_frames(
    tail: &Tail,
    from: u64,
    upto: u64,
) -> Result<Option<FrameBatch>, ReadError> {
    let frames: Vec<TailFrame> = {
        let index = tail.read();
        let mut taken = 0_u64;
        index
            .frames_from(from)
            .iter()
            .take_while(|frame| {
                let is_first = taken == 0;
                taken = taken.saturating_add(frame.frame_bytes());
                frame.end_position() <= upto.saturating_add(1) && (is_first || taken <= READ_BYTES)
            })
            .copied()
            .collect()
    };
    if frames.is_empty() { Ok(None) } else { FrameBatch::read(tail, frames).map(Some) }
}

/// Reads every frame at once: memory in one piece goes back to the system as one.
pub(crate) fn read_whole(tail: &Tail) -> Result<FrameBatch, ReadError> {
    let frames = tail.read().frames().to_vec();
    FrameBatch::read(tail, frames)
}

impl FrameBatch {
    /// Frames that follow one another.
    fn read(tail: &Tail, frames: Vec<TailFrame>) -> Result<Self, ReadError> {
        let begin = frames.first().map_or(0, |frame| frame.offset);
        let end = frames.last().map_or(0, |it| it.offset.saturating_add(it.frame_bytes()));
        let bytes = usize::try_from(end.saturating_sub(begin)).unwrap_or(0);
        let mut bytes = vec![0; bytes];
        read_exact_at(&*tail.file, &mut bytes, begin)
            .map_err(|error| ReadError::Io { file: tail.path.clone(), what: error.to_string() })?;
        let batch = Self { bytes, frames };
        batch.check(tail)?;
        Ok(batch)
    }

    fn check(&self, tail: &Tail) -> Result<(), ReadError> {
        let begin = self.frames.first().map_or(0, |frame| frame.offset);
        for (frame, payload) in self.iter() {
            let at = usize::try_from(frame.offset.saturating_sub(begin)).unwrap_or(usize::MAX);
            let header = FrameHeader::decode(self.bytes.get(at..).unwrap_or_default());
            let what = match header {
                Err(error) => error.to_string(),
                Ok(header) if TailFrame::from_header(&header) != frame => {
                    "the frame is another one than was written here".to_owned()
                }
                Ok(header) if crc32c::crc32c(payload) != header.payload_crc => {
                    "the payload's checksum does not match".to_owned()
                }
                Ok(_) => continue,
            };
            return Err(ReadError::Damaged {
                file: tail.path.clone(),
                offset: frame.offset,
                position: Position::new(frame.first_position.saturating_sub(1)),
                what,
            });
        }
        Ok(())
    }
}

/// Reads the one frame that holds a position.
pub(crate) fn read_frame(tail: &Tail, position: u64) -> Result<Option<FrameBatch>, ReadError> {
    let Some(frame) = tail.read().frame_of(position) else { return Ok(None) };
    FrameBatch::read(tail, vec![frame]).map(Some)
}

/// The record at a position.
pub(crate) fn record_at(tail: &Tail, position: u64) -> Result<Option<Spelled>, ReadError> {
    let Some(batch) = read_frame(tail, position)? else { return Ok(None) };
    let index = tail.read();
    Ok(batch
        .iter()
        .find_map(|(frame, payload)| Spelled::find(payload, frame.base(), &index.names, position)))
}
