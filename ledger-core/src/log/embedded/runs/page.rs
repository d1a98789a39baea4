//! The page: the unit in which a run file is written, read, checked and cached.
//!
//! A run file is nothing but pages of 4 KiB. The last four bytes of each are a CRC32C over the
//! rest, begun with the number of the page and with what names the file, so a page that stands in
//! another place or in another file is as damaged as one with a flipped bit. No byte is outside a
//! checksum.

use std::fmt;
use std::io;

use crate::log::storage::File;

/// The size of a page.
pub(super) const PAGE_BYTES: usize = 4096;
/// What a page holds beside its checksum.
pub(super) const BODY_BYTES: usize = PAGE_BYTES - 4;

/// A page.
#[derive(Clone)]
pub(super) struct Page([u8; PAGE_BYTES]);

impl Page {
    /// All zeros, not sealed.
    pub(super) const fn zeroed() -> Self {
        Self([0; PAGE_BYTES])
    }

    /// Everything but the checksum.
    pub(super) fn body(&self) -> &[u8] {
        body(&self.0)
    }

    /// The same, to write.
    pub(super) fn body_mut(&mut self) -> &mut [u8] {
        self.0.get_mut(..BODY_BYTES).expect("a page is longer than its body")
    }

    /// The whole page, as it goes to the file.
    pub(super) const fn bytes(&self) -> &[u8; PAGE_BYTES] {
        &self.0
    }

    /// Writes the checksum.
    pub(super) fn seal(&mut self, seed: u32, number: u64) {
        let checksum = self.checksum(seed, number);
        *self.0.last_chunk_mut().expect("a page is longer than a checksum") =
            checksum.to_le_bytes();
    }

    /// Whether the checksum is that of this page in this place of this file.
    pub(super) fn is_sealed(&self, seed: u32, number: u64) -> bool {
        let written = *self.0.last_chunk().expect("a page is longer than a checksum");
        u32::from_le_bytes(written) == self.checksum(seed, number)
    }

    /// Reads one page and checks it.
    pub(super) fn read(file: &dyn File, seed: u32, number: u64) -> Result<Self, Fault> {
        let mut page = Self::zeroed();
        read_whole(file, &mut page.0, offset(number)?)?;
        page.check(seed, number)?;
        Ok(page)
    }

    /// A page out of a longer read, checked.
    pub(super) fn from_bytes(bytes: &[u8], seed: u32, number: u64) -> Result<Self, Fault> {
        let page = Self(bytes.try_into().map_err(|_| Fault::Damaged("a page is cut short"))?);
        page.check(seed, number)?;
        Ok(page)
    }

    fn check(&self, seed: u32, number: u64) -> Result<(), Fault> {
        if self.is_sealed(seed, number) {
            Ok(())
        } else {
            Err(Fault::Damaged("the checksum of a page does not match"))
        }
    }

    fn checksum(&self, seed: u32, number: u64) -> u32 {
        let begun = crc32c::crc32c_append(seed, &number.to_le_bytes());
        crc32c::crc32c_append(begun, self.body())
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

/// Everything but the checksum of a page that was checked.
#[inline]
pub(super) fn body(page: &[u8; PAGE_BYTES]) -> &[u8] {
    page.get(..BODY_BYTES).expect("a page is longer than its body")
}

/// Why a page cannot be used. The run adds which file and which segments.
#[derive(Debug)]
pub(super) enum Fault {
    /// The system would not.
    Io(io::Error),
    /// The bytes are not what was written.
    Damaged(&'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where a page begins.
pub(super) fn offset(number: u64) -> Result<u64, Fault> {
    number.checked_mul(PAGE_BYTES as u64).ok_or(Fault::Damaged("a page is beyond the largest file"))
}

/// Fills the whole buffer; an end before that is damage, for a run file never grows or shrinks.
pub(super) fn read_whole(file: &dyn File, buffer: &mut [u8], offset: u64) -> Result<(), Fault> {
    let mut done = 0_usize;
    while done < buffer.len() {
        let rest = buffer.get_mut(done..).expect("the loop ends at the length");
        match file.read_at(rest, offset.saturating_add(done as u64)) {
            Ok(0) => return Err(Fault::Damaged("the file is cut short")),
            Ok(read) => done = done.saturating_add(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::Io(error)),
        }
    }
    Ok(())
}

/// Writes all of it.
pub(super) fn write_whole(file: &dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0_usize;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(rest, offset.saturating_add(done as u64)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done = done.saturating_add(written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The eight bytes at a place, as a number.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|it| u64::from_le_bytes(*it))
}

/// The two bytes at a place, as a number.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|it| u16::from_le_bytes(*it))
}

/// Writes bytes at a place that the caller has made sure of.
pub(super) fn put(body: &mut [u8], at: usize, bytes: &[u8]) {
    at.checked_add(bytes.len())
        .and_then(|end| body.get_mut(at..end))
        .expect("what is put on a page fits it")
        .copy_from_slice(bytes);
}
