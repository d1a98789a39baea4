//! Exact money, prices and quantities. The only file that rounds or builds a decimal from text.
