//! The id of one thing at a provider.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{IdError, Provider, ProviderRef};

/// One thing at a provider: `{provider}.{id}`. Providers hold no dot, so the first one divides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceId {
    /// Who runs it.
    pub provider: Provider,
    /// What the provider calls it.
    pub id: ProviderRef,
}

impl ResourceId {
    /// Checks the text without taking it.
    pub fn check(text: &str) -> Result<(), IdError> {
        let (provider, id) = split(text)?;
        Provider::check(provider)?;
        ProviderRef::check(id)
    }
}

fn split(text: &str) -> Result<(&str, &str), IdError> {
    text.split_once('.').ok_or(IdError::Form { noun: "a resource id", form: "provider.id" })
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.provider, self.id)
    }
}

impl FromStr for ResourceId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (provider, id) = split(text)?;
        Ok(Self { provider: provider.parse()?, id: id.parse()? })
    }
}

impl Serialize for ResourceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ResourceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
