//! Memory that goes back to the system as soon as it is freed.
//!
//! The C library's allocator keeps what was freed for the next who asks, and gives back only what
//! lies at the end of its heap. From 32 MiB on an allocation is a mapping of its own, which goes
//! when it is freed. So whatever grows with a segment asks for at least so much; memory that is
//! never touched costs nothing.

/// Below this an allocation may be part of a heap: glibc's largest threshold on 64 bits.
const MAPPED_BYTES: usize = 32 * 1024 * 1024;

/// An empty vector with room for so many.
pub(crate) fn mapped<T>(count: usize) -> Vec<T> {
    let room = MAPPED_BYTES.div_ceil(size_of::<T>().max(1)).saturating_add(1);
    Vec::with_capacity(count.max(room))
}
