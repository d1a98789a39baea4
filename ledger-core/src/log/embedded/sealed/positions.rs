//! Which block each position is in: as many bits as the number of blocks needs, in pages that are
//! checked and read one by one. A file of one block has none.

use super::error::Fault;
use super::layout::check_sum;

/// The positions of one page.
const PAGE: u64 = 1024;

/// The table of one file, by its size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Positions {
    count: u64,
    bits: u32,
}

impl Positions {
    pub(super) const fn new(count: u64, blocks: u32) -> Self {
        Self { count, bits: u32::BITS - blocks.saturating_sub(1).leading_zeros() }
    }

    /// The bytes of the whole table.
    pub(super) fn length(self) -> u64 {
        let whole = self.count / PAGE * self.page_length(PAGE);
        if self.count.is_multiple_of(PAGE) {
            whole
        } else {
            whole + self.page_length(self.count % PAGE)
        }
    }

    const fn page_length(self, positions: u64) -> u64 {
        if self.bits == 0 { 0 } else { (positions * self.bits as u64).div_ceil(8) + 4 }
    }

    /// How many pages there are to read.
    pub(super) const fn pages(self) -> u64 {
        if self.bits == 0 { 0 } else { self.count.div_ceil(PAGE) }
    }

    /// The page that a place is in, counted from the first position.
    pub(super) const fn page_of(place: u64) -> u64 {
        place / PAGE
    }

    /// The first place of a page.
    pub(super) const fn first_of(page: u64) -> u64 {
        page * PAGE
    }

    /// Where a page is within the table, and its length.
    pub(super) fn page(self, page: u64) -> (u64, u64) {
        (page * self.page_length(PAGE), self.page_length(self.positions_of(page)))
    }

    fn positions_of(self, page: u64) -> u64 {
        self.count.saturating_sub(page * PAGE).min(PAGE)
    }

    /// Adds the table of these blocks, one for each position.
    pub(super) fn encode(self, blocks: &[u32], out: &mut Vec<u8>) {
        if self.bits == 0 {
            return;
        }
        for page in blocks.chunks(1024) {
            let begin = out.len();
            let (mut held, mut held_bits) = (0_u64, 0);
            for block in page {
                held |= u64::from(*block) << held_bits;
                held_bits += self.bits;
                while held_bits >= 8 {
                    let [low, ..] = held.to_le_bytes();
                    out.push(low);
                    held >>= 8;
                    held_bits -= 8;
                }
            }
            if held_bits > 0 {
                let [low, ..] = held.to_le_bytes();
                out.push(low);
            }
            let checksum = crc32c::crc32c(out.get(begin..).unwrap_or_default());
            out.extend_from_slice(&checksum.to_le_bytes());
        }
    }

    /// The blocks of a page, in order of position.
    pub(super) fn decode(
        self,
        page: u64,
        bytes: &[u8],
    ) -> Result<impl Iterator<Item = u32>, Fault> {
        let packed = check_sum(bytes)?;
        let mask = (1_u64 << self.bits) - 1;
        let positions = self.positions_of(page);
        let used = positions * u64::from(self.bits);
        let unused = (packed.len() as u64 * 8).checked_sub(used);
        let is_clear =
            packed.last().is_none_or(|last| Some(u64::from(last.leading_zeros())) >= unused);
        if !is_clear || unused.is_none_or(|unused| unused >= 8) {
            return Err(Fault::Contradiction { what: "a bit that belongs to no position" });
        }
        let (mut held, mut held_bits) = (0_u64, 0);
        let mut bytes = packed.iter();
        Ok((0..positions).map(move |_| {
            while held_bits < self.bits {
                held |= u64::from(bytes.next().copied().unwrap_or(0)) << held_bits;
                held_bits += 8;
            }
            let block = u32::try_from(held & mask).unwrap_or(u32::MAX);
            held >>= self.bits;
            held_bits -= self.bits;
            block
        }))
    }
}
