//! The index against a plain map, damaged in every bit, cut at every step.
