//! Zeroed memory of a fixed length, in large pages of the processor where there is much of it.
//!
//! A look at a random place of many megabytes waits for that place, and with pages of 4 KiB also
//! for the tables that say where the page lies. Large pages make those tables short; where the
//! system has none to give, nothing is lost. Memory that is never touched costs nothing, and what
//! was mapped goes back to the system as soon as it is dropped.

use memmap2::{MmapMut, MmapOptions};

/// From here on memory is mapped: the C library keeps what is smaller when it is freed.
const MAPPED_BYTES: usize = 1024 * 1024;

/// See the file's opening words.
#[derive(Debug)]
pub(crate) enum Memory {
    /// Part of the heap.
    Heap(Vec<u8>),
    /// A mapping of its own.
    Mapped(MmapMut),
}

impl Default for Memory {
    fn default() -> Self {
        Self::Heap(Vec::new())
    }
}

impl Memory {
    /// So many zeros, all of which will be used.
    pub(crate) fn zeroed(bytes: usize) -> Self {
        Self::zeroed_after(bytes, 0)
    }

    /// So many zeros, of which perhaps only the first are ever used: these come in small pages.
    pub(crate) fn zeroed_after(bytes: usize, first: usize) -> Self {
        let mapped = (bytes >= MAPPED_BYTES).then(|| MmapOptions::new().len(bytes).map_anon());
        let Some(Ok(mapped)) = mapped else { return Self::Heap(vec![0; bytes]) };
        advise(&mapped, first);
        Self::Mapped(mapped)
    }

    /// To look at.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(mapped) => mapped,
        }
    }

    /// To change.
    #[inline]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            Self::Mapped(mapped) => mapped,
        }
    }
}

/// Asks for large pages from a place on. A system that has none says so, and serves small ones.
#[cfg(target_os = "linux")]
fn advise(mapped: &MmapMut, first: usize) {
    let rest = mapped.len().saturating_sub(first);
    if rest > 0 {
        drop(mapped.advise_range(memmap2::Advice::HugePage, first, rest));
    }
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &MmapMut, _: usize) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_zero_and_keeps_what_is_put() {
        for bytes in [0, 1, MAPPED_BYTES - 1, MAPPED_BYTES, 3 * MAPPED_BYTES + 5] {
            let mut memory = Memory::zeroed_after(bytes, bytes / 2);
            assert_eq!(memory.bytes().len(), bytes);
            assert!(memory.bytes().iter().all(|byte| *byte == 0));
            memory.bytes_mut().fill(7);
            assert!(memory.bytes().iter().all(|byte| *byte == 7));
        }
    }

    /// Where the system has large pages for those who ask, a table stands in them.
    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_much_comes_in_large_pages() {
        let switch = "/sys/kernel/mm/transparent_hugepage/enabled";
        let is_on = |it: &str| it.contains("[madvise]") || it.contains("[always]");
        if !std::fs::read_to_string(switch).is_ok_and(|it| is_on(&it)) {
            eprintln!("skipped: this system has no large pages for those who ask");
            return;
        }
        let memory = Memory::zeroed(64 * MAPPED_BYTES);
        let start = memory.bytes().as_ptr().addr();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let ours = |line: &&str| {
            let bounds = line.split_once(' ').and_then(|(it, _)| it.split_once('-'));
            let bound = |it| usize::from_str_radix(it, 16).ok();
            let bounds = bounds.and_then(|(from, to)| bound(from).zip(bound(to)));
            bounds.is_some_and(|(from, to)| (from..to).contains(&start))
        };
        let mut lines = maps.lines().skip_while(|line| !ours(line));
        let flags = lines.find(|line| line.starts_with("VmFlags:")).unwrap();
        assert!(flags.split(' ').any(|flag| flag == "hg"), "{flags}");
    }
}
