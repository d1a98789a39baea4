//! Text of the world outside, kept as it came.

use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{IdError, is_printable};

/// Text of the world outside that may be empty and may have several lines: a bill's description, a
/// live attribute. It holds no other control character and no bidirectional override.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Prose(String);

impl Prose {
    /// The most bytes one holds.
    pub const BYTES_MAX: usize = 4_000;

    /// Checks and takes the text.
    pub fn new(text: String) -> Result<Self, IdError> {
        let noun = "a text";
        if text.len() > Self::BYTES_MAX {
            return Err(IdError::TooLong { noun, bytes: text.len(), bytes_max: Self::BYTES_MAX });
        }
        if crate::json::is_bare_number(&text) {
            return Err(IdError::Number { noun });
        }
        let refused = |c: char| !is_printable(c) && c != '\n' && c != '\t';
        match text.char_indices().find(|(_, c)| refused(*c)) {
            Some((at, found)) => {
                let allowed = "no control characters but line breaks and tabs";
                Err(IdError::Character { noun, found, at, allowed })
            }
            None => Ok(Self(text)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prose {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text.to_owned())
    }
}

impl<'de> Deserialize<'de> for Prose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
