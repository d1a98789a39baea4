//! The bytes of one file in shared pages: a copy costs a reference, a changed page costs a page.
//!
//! Bytes past the length are zero, always; a page of zeros need not exist. Each page remembers its
//! hash until it changes, so hashing a mostly unchanged image is nearly free.

use std::hash::Hasher as _;
use std::sync::{Arc, OnceLock};

use siphasher::sip128::{Hasher128 as _, SipHasher13};

/// What a disk writes whole or not at all.
pub const SECTOR_BYTES: usize = 512;
const PAGE_BYTES: usize = 4096;
const PAGE_SECTORS: usize = PAGE_BYTES / SECTOR_BYTES;

/// One sector's bytes.
pub(super) type Sector = [u8; SECTOR_BYTES];

struct Page {
    bytes: [u8; PAGE_BYTES],
    hash: OnceLock<u128>,
}

impl Clone for Page {
    fn clone(&self) -> Self {
        Self { bytes: self.bytes, hash: OnceLock::new() }
    }
}

impl Page {
    fn zeros() -> Self {
        Self { bytes: [0; PAGE_BYTES], hash: OnceLock::new() }
    }

    fn hash(&self) -> u128 {
        *self.hash.get_or_init(|| {
            let mut hasher = SipHasher13::new();
            hasher.write(&self.bytes);
            hasher.finish128().as_u128()
        })
    }
}

/// The bytes of one file.
#[derive(Clone, Default)]
pub(super) struct Content {
    len: usize,
    pages: Vec<Option<Arc<Page>>>,
}

impl Content {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Reads what is there; answers how much.
    pub(super) fn read(&self, buffer: &mut [u8], offset: usize) -> usize {
        let wanted = buffer.len().min(self.len.saturating_sub(offset));
        let mut done = 0;
        while done < wanted {
            let at = offset + done;
            let within = at % PAGE_BYTES;
            let count = (PAGE_BYTES - within).min(wanted - done);
            let target = &mut buffer[done..done + count];
            match self.pages.get(at / PAGE_BYTES).and_then(Option::as_ref) {
                Some(page) => target.copy_from_slice(&page.bytes[within..within + count]),
                None => target.fill(0),
            }
            done += count;
        }
        wanted
    }

    /// Writes, growing the file where it must.
    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done;
            let within = at % PAGE_BYTES;
            let count = (PAGE_BYTES - within).min(bytes.len() - done);
            self.page_mut(at / PAGE_BYTES)[within..within + count]
                .copy_from_slice(&bytes[done..done + count]);
            done += count;
        }
        self.len = self.len.max(offset + bytes.len());
    }

    /// The sector's bytes, zero where the file does not reach.
    pub(super) fn sector(&self, index: usize) -> Sector {
        let mut sector = [0; SECTOR_BYTES];
        self.read(&mut sector, index * SECTOR_BYTES);
        sector
    }

    /// Puts a sector's bytes in place; the length stays and is set afterwards.
    pub(super) fn set_sector(&mut self, index: usize, sector: &Sector) {
        let within = index % PAGE_SECTORS * SECTOR_BYTES;
        self.page_mut(index / PAGE_SECTORS)[within..within + SECTOR_BYTES].copy_from_slice(sector);
    }

    /// Cuts, or grows with zeros.
    pub(super) fn set_len(&mut self, len: usize) {
        self.len = len;
        self.pages.truncate(len.div_ceil(PAGE_BYTES));
        let within = len % PAGE_BYTES;
        if within > 0
            && let Some(Some(last)) = self.pages.get_mut(len / PAGE_BYTES)
            && last.bytes[within..].iter().any(|byte| *byte != 0)
        {
            let page = Arc::make_mut(last);
            page.hash.take();
            page.bytes[within..].fill(0);
        }
    }

    /// Feeds length and bytes to a hasher; equal contents feed equally.
    pub(super) fn hash(&self, hasher: &mut SipHasher13) {
        hasher.write_usize(self.len);
        for (index, page) in self.pages.iter().enumerate() {
            // A page of zeros that exists must hash as one that does not.
            if let Some(page) = page
                && page.hash() != zero_page_hash()
            {
                hasher.write_usize(index);
                hasher.write_u128(page.hash());
            }
        }
    }

    fn page_mut(&mut self, index: usize) -> &mut [u8; PAGE_BYTES] {
        if self.pages.len() <= index {
            self.pages.resize(index + 1, None);
        }
        let page = Arc::make_mut(self.pages[index].get_or_insert_with(|| Arc::new(Page::zeros())));
        page.hash.take();
        &mut page.bytes
    }
}

fn zero_page_hash() -> u128 {
    static HASH: OnceLock<u128> = OnceLock::new();
    *HASH.get_or_init(|| Page::zeros().hash())
}
