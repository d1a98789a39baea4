//! What tests of every crate share: a disk that fails as disks do.

pub mod disk;
