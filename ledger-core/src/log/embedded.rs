//! The default engine: one ledger in segment files of its own on a local disk.
//!
//! A segment spells its own names once, so that each file can be read, verified and shipped alone.

#[cfg_attr(not(test), expect(dead_code, reason = "the parts of the engine meet in its writer"))]
pub(crate) mod raw;
#[cfg_attr(not(test), expect(dead_code, reason = "the parts of the engine meet in its writer"))]
pub(crate) mod runs;
#[cfg_attr(not(test), expect(dead_code, reason = "the parts of the engine meet in its writer"))]
pub(crate) mod sealed;
