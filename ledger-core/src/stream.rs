//! The streams of a ledger. A name and a [`Stream`] are one value in two forms.
//!
//! The category stands before the first `-`, as event-store servers read it. Tenants may hold dots,
//! slugs and periods may not, so the last dot divides; providers are letters and digits, so the
//! first dot divides; a provider's id outside `[A-Za-z0-9._:-]` is percent-encoded. Exactly one
//! spelling of a name parses: what parses prints as it was.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{
    BillRef, DeploymentSlug, IdError, IssuerId, OperationId, Provider, ProviderRef, TenantId,
};
use crate::time::{BillingPeriod, Day, TimeError};

/// The longest name of a stream: a provider's id of which every byte is percent-encoded.
pub const NAME_BYTES_MAX: usize = 700;

/// One stream. Two streams are the same when their names are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Plans, addons, prices, rates, coupons.
    Catalog,
    /// Facts about the ledger itself.
    Ledger,
    /// A tenant's API keys.
    Access(TenantId),
    /// Everything decided about a tenant's money and quota.
    Account(TenantId),
    /// A tenant's usage of one period.
    Usage(TenantId, BillingPeriod),
    /// One deployment.
    Deployment(TenantId, DeploymentSlug),
    /// One thing at a provider.
    Resource(Provider, ProviderRef),
    /// One provider project.
    Project(Provider, ProviderRef),
    /// One provider bill.
    Bill(Provider, BillRef),
    /// What a provider shows of our account with it.
    Provider(Provider),
    /// A tenant's invoices of one period.
    Invoice(TenantId, BillingPeriod),
    /// The numbers an issuer took.
    Register(IssuerId),
    /// One operation.
    Operation(OperationId),
    /// The support cases of one UTC day.
    Support(Day),
    /// Money that no tenant could be found for.
    Suspense(Provider),
}

/// What a stream is about: the part of its name before the first `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamCategory {
    /// `catalog`.
    Catalog,
    /// `ledger`.
    Ledger,
    /// `access-{tenant}`.
    Access,
    /// `account-{tenant}`.
    Account,
    /// `usage-{tenant}.{period}`.
    Usage,
    /// `deployment-{tenant}.{slug}`.
    Deployment,
    /// `resource-{provider}.{id}`.
    Resource,
    /// `project-{provider}.{id}`.
    Project,
    /// `bill-{provider}.{invoice}`.
    Bill,
    /// `provider-{provider}`.
    Provider,
    /// `invoice-{tenant}.{period}`.
    Invoice,
    /// `register-{issuer}`.
    Register,
    /// `operation-{id}`.
    Operation,
    /// `support-{day}`.
    Support,
    /// `suspense-{provider}`.
    Suspense,
}

impl StreamCategory {
    /// Every category.
    pub const ALL: [Self; 15] = [
        Self::Catalog,
        Self::Ledger,
        Self::Access,
        Self::Account,
        Self::Usage,
        Self::Deployment,
        Self::Resource,
        Self::Project,
        Self::Bill,
        Self::Provider,
        Self::Invoice,
        Self::Register,
        Self::Operation,
        Self::Support,
        Self::Suspense,
    ];

    /// The word in the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Ledger => "ledger",
            Self::Access => "access",
            Self::Account => "account",
            Self::Usage => "usage",
            Self::Deployment => "deployment",
            Self::Resource => "resource",
            Self::Project => "project",
            Self::Bill => "bill",
            Self::Provider => "provider",
            Self::Invoice => "invoice",
            Self::Register => "register",
            Self::Operation => "operation",
            Self::Support => "support",
            Self::Suspense => "suspense",
        }
    }
}

impl fmt::Display for StreamCategory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Stream {
    /// What it is about.
    pub const fn category(&self) -> StreamCategory {
        match self {
            Self::Catalog => StreamCategory::Catalog,
            Self::Ledger => StreamCategory::Ledger,
            Self::Access(_) => StreamCategory::Access,
            Self::Account(_) => StreamCategory::Account,
            Self::Usage(..) => StreamCategory::Usage,
            Self::Deployment(..) => StreamCategory::Deployment,
            Self::Resource(..) => StreamCategory::Resource,
            Self::Project(..) => StreamCategory::Project,
            Self::Bill(..) => StreamCategory::Bill,
            Self::Provider(_) => StreamCategory::Provider,
            Self::Invoice(..) => StreamCategory::Invoice,
            Self::Register(_) => StreamCategory::Register,
            Self::Operation(_) => StreamCategory::Operation,
            Self::Support(_) => StreamCategory::Support,
            Self::Suspense(_) => StreamCategory::Suspense,
        }
    }

    /// The tenant whose stream it is; nothing where it belongs to the operator.
    pub const fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Access(tenant)
            | Self::Account(tenant)
            | Self::Usage(tenant, _)
            | Self::Deployment(tenant, _)
            | Self::Invoice(tenant, _) => Some(tenant),
            Self::Catalog
            | Self::Ledger
            | Self::Resource(..)
            | Self::Project(..)
            | Self::Bill(..)
            | Self::Provider(_)
            | Self::Register(_)
            | Self::Operation(_)
            | Self::Support(_)
            | Self::Suspense(_) => None,
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.category().as_str())?;
        match self {
            Self::Catalog | Self::Ledger => Ok(()),
            Self::Access(tenant) | Self::Account(tenant) => write!(f, "-{tenant}"),
            Self::Usage(tenant, period) | Self::Invoice(tenant, period) => {
                write!(f, "-{tenant}.{period}")
            }
            Self::Deployment(tenant, slug) => write!(f, "-{tenant}.{slug}"),
            Self::Resource(provider, id) | Self::Project(provider, id) => {
                write!(f, "-{provider}.")?;
                encode(f, id.as_str())
            }
            Self::Bill(provider, number) => {
                write!(f, "-{provider}.")?;
                encode(f, number.as_str())
            }
            Self::Register(issuer) => write!(f, "-{issuer}"),
            Self::Operation(id) => write!(f, "-{id}"),
            Self::Support(day) => write!(f, "-{day}"),
            Self::Provider(provider) | Self::Suspense(provider) => write!(f, "-{provider}"),
        }
    }
}

/// Why a name is not a stream's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// No such category.
    #[error("{name:?} begins with no category of streams")]
    Category {
        /// The name, cut short.
        name: String,
    },
    /// Longer than any stream's name.
    #[error("the name of a stream has {bytes} bytes; at most {NAME_BYTES_MAX} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The part after the category has another form.
    #[error("a stream of this category is named {form}")]
    Form {
        /// The form.
        form: &'static str,
    },
    /// An id in it is not one.
    #[error("the name holds something that is not an id")]
    Id(#[from] IdError),
    /// A period or day in it is not one.
    #[error("the name holds something that is not a time")]
    Time(#[from] TimeError),
    /// The same stream has another spelling, which is the one to use.
    #[error("the name of this stream is spelled {canonical}")]
    Spelling {
        /// The one spelling.
        canonical: String,
    },
}

impl FromStr for Stream {
    type Err = StreamError;

    fn from_str(name: &str) -> Result<Self, StreamError> {
        if name.len() > NAME_BYTES_MAX {
            return Err(StreamError::TooLong { bytes: name.len() });
        }
        let stream = read(name)?;
        // One comparison instead of a rule for each part: what prints otherwise was not canonical.
        let canonical = stream.to_string();
        if canonical == name { Ok(stream) } else { Err(StreamError::Spelling { canonical }) }
    }
}

fn read(name: &str) -> Result<Stream, StreamError> {
    let unknown = || StreamError::Category { name: name.chars().take(40).collect() };
    // Without a hyphen there is nothing after the category, which no id allows.
    let (word, rest) = name.split_once('-').unwrap_or((name, ""));
    let category = StreamCategory::ALL.into_iter().find(|it| it.as_str() == word);
    Ok(match category.ok_or_else(unknown)? {
        StreamCategory::Catalog => Stream::Catalog,
        StreamCategory::Ledger => Stream::Ledger,
        StreamCategory::Access => Stream::Access(rest.parse()?),
        StreamCategory::Account => Stream::Account(rest.parse()?),
        StreamCategory::Usage => {
            let (tenant, period) = tenant_and(rest, "usage-{tenant}.{period}")?;
            Stream::Usage(tenant, period.parse()?)
        }
        StreamCategory::Deployment => {
            let (tenant, slug) = tenant_and(rest, "deployment-{tenant}.{slug}")?;
            Stream::Deployment(tenant, slug.parse()?)
        }
        StreamCategory::Resource => {
            let (provider, id) = provider_and(rest, "resource-{provider}.{id}")?;
            Stream::Resource(provider, id.parse()?)
        }
        StreamCategory::Project => {
            let (provider, id) = provider_and(rest, "project-{provider}.{id}")?;
            Stream::Project(provider, id.parse()?)
        }
        StreamCategory::Bill => {
            let (provider, number) = provider_and(rest, "bill-{provider}.{invoice}")?;
            Stream::Bill(provider, number.parse()?)
        }
        StreamCategory::Invoice => {
            let (tenant, period) = tenant_and(rest, "invoice-{tenant}.{period}")?;
            Stream::Invoice(tenant, period.parse()?)
        }
        StreamCategory::Register => Stream::Register(rest.parse()?),
        StreamCategory::Operation => Stream::Operation(rest.parse()?),
        StreamCategory::Support => Stream::Support(rest.parse()?),
        StreamCategory::Provider => Stream::Provider(rest.parse()?),
        StreamCategory::Suspense => Stream::Suspense(rest.parse()?),
    })
}

fn tenant_and<'a>(rest: &'a str, form: &'static str) -> Result<(TenantId, &'a str), StreamError> {
    let (tenant, part) = rest.rsplit_once('.').ok_or(StreamError::Form { form })?;
    Ok((tenant.parse()?, part))
}

fn provider_and(rest: &str, form: &'static str) -> Result<(Provider, String), StreamError> {
    let (provider, part) = rest.split_once('.').ok_or(StreamError::Form { form })?;
    Ok((provider.parse()?, decode(part).ok_or(StreamError::Form { form })?))
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-')
}

fn encode(f: &mut fmt::Formatter<'_>, id: &str) -> fmt::Result {
    for byte in id.bytes() {
        if is_plain(byte) {
            write!(f, "{}", char::from(byte))?;
        } else {
            write!(f, "%{byte:02X}")?;
        }
    }
    Ok(())
}

/// The text behind percent signs; nothing where they are broken or do not make text.
fn decode(part: &str) -> Option<String> {
    let mut bytes = part.bytes();
    let mut text = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || u8::try_from(char::from(bytes.next()?).to_digit(16)?).ok();
            text.push(digit()? << 4 | digit()?);
        } else {
            text.push(byte);
        }
    }
    String::from_utf8(text).ok()
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
