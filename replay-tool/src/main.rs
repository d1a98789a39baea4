//! Composition root.

fn main() {}
