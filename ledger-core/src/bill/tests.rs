//! Readers against files of their own making.
