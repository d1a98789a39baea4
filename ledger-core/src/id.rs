//! Names and ids. Each noun has its own type; none is made from text without being checked.
//!
//! Text ids are validated on every way in (parse, JSON, postcard), so a value that exists is valid.
//! No id is ever a path, and none holds NUL, control characters or bidirectional overrides.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod digest;
mod prose;
mod resource;

pub use digest::Sha256Digest;
pub use prose::Prose;
pub use resource::ResourceId;

/// Why a piece of text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("{noun} is empty")]
    Empty {
        /// What was to be named.
        noun: &'static str,
    },
    /// Longer than its kind may be.
    #[error("{noun} has {bytes} bytes; at most {bytes_max} are allowed")]
    TooLong {
        /// What was to be named.
        noun: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A character its kind may not hold.
    #[error("{noun} may not hold {found:?} at byte {at}: {allowed}")]
    Character {
        /// What was to be named.
        noun: &'static str,
        /// The first character refused.
        found: char,
        /// Where it is.
        at: usize,
        /// What is allowed.
        allowed: &'static str,
    },
    /// A number where a text belongs.
    #[error("{noun} is a text, not a number: put it in quotation marks")]
    Number {
        /// What was to be named.
        noun: &'static str,
    },
    /// Not of the form its kind has.
    #[error("{noun} is not of the form {form}")]
    Form {
        /// What was to be named.
        noun: &'static str,
        /// The form.
        form: &'static str,
    },
}

/// Which characters a kind of id may hold.
enum Charset {
    /// Some of ASCII: a bit for each character, for the first place and for the others. Texts of
    /// this kind are checked by the million, byte by byte.
    Ascii { first: u128, rest: u128, allowed: &'static str },
    /// Text of the world outside: whatever prints.
    Printable,
}

/// The set of these characters.
const fn set(mut characters: &[u8]) -> u128 {
    let mut bits = 0;
    while let [first, rest @ ..] = characters {
        bits |= 1 << *first;
        characters = rest;
    }
    bits
}

const LOWER: u128 = set(b"abcdefghijklmnopqrstuvwxyz0123456789");
const ALPHANUMERIC: u128 = LOWER | set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ");

const SLUG: Charset = Charset::Ascii {
    first: LOWER,
    rest: LOWER | set(b"-"),
    allowed: "lower-case letters, digits and hyphens, beginning with a letter or digit",
};

const DOTTED: Charset = Charset::Ascii {
    first: LOWER,
    rest: LOWER | set(b"._-"),
    allowed: "lower-case letters, digits, '.', '_' and '-', beginning with a letter or digit",
};

const WORD: Charset =
    Charset::Ascii { first: LOWER, rest: LOWER, allowed: "lower-case letters and digits" };

const CODE: Charset = Charset::Ascii {
    first: ALPHANUMERIC,
    rest: ALPHANUMERIC | set(b"._-"),
    allowed: "letters, digits, '.', '_' and '-', beginning with a letter or digit",
};

const FOREIGN: Charset = Charset::Printable;

/// Whether a character may stand in a name that people read.
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{feff}')
        && !('\u{202a}'..='\u{202e}').contains(&c)
        && !('\u{2066}'..='\u{2069}').contains(&c)
        && !('\u{2028}'..='\u{2029}').contains(&c)
}

fn check(
    noun: &'static str,
    text: &str,
    bytes_max: usize,
    charset: &Charset,
) -> Result<(), IdError> {
    let Some(first_byte) = text.as_bytes().first() else {
        return Err(IdError::Empty { noun });
    };
    if text.len() > bytes_max {
        return Err(IdError::TooLong { noun, bytes: text.len(), bytes_max });
    }
    if crate::json::is_bare_number(text) {
        return Err(IdError::Number { noun });
    }
    let (wrong, allowed) = match charset {
        Charset::Ascii { first, rest, allowed } => {
            let holds = |set: u128, byte: u8| byte < 128 && set >> byte & 1 == 1;
            let at = if holds(*first, *first_byte) {
                text.bytes().position(|byte| !holds(*rest, byte))
            } else {
                Some(0)
            };
            // The bytes before the first that is refused are ASCII, so a character begins there.
            let wrong = at.and_then(|at| text.get(at..)?.chars().next().map(|found| (at, found)));
            (wrong, *allowed)
        }
        Charset::Printable => (
            text.char_indices().find(|(_, c)| !is_printable(*c)),
            "no control characters, no bidirectional overrides",
        ),
    };
    match wrong {
        Some((at, found)) => Err(IdError::Character { noun, found, at, allowed }),
        None => Ok(()),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $bytes_max:literal, $charset:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most bytes one has.
            pub const BYTES_MAX: usize = $bytes_max;

            /// Checks and takes the text.
            pub fn new(text: &str) -> Result<Self, IdError> {
                check($noun, text, $bytes_max, &$charset)?;
                Ok(Self(Arc::from(text)))
            }

            /// Checks the text without taking it.
            pub fn check(text: &str) -> Result<(), IdError> {
                check($noun, text, $bytes_max, &$charset)
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Checked;
                impl serde::de::Visitor<'_> for Checked {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($noun)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::new(text).map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Checked)
            }
        }
    };
}

text_id! {
    /// Who pays.
    TenantId, "a tenant id", 64, DOTTED
}
text_id! {
    /// One app instance of a tenant; with the tenant it is a [`DeploymentId`].
    DeploymentSlug, "a deployment slug", 63, SLUG
}
text_id! {
    /// A company that bills us, such as `digitalocean`.
    Provider, "a provider", 32, WORD
}
text_id! {
    /// A provider's own id of one thing.
    ProviderRef, "a provider's id", 200, FOREIGN
}
text_id! {
    /// A provider's own number of a bill.
    BillRef, "a bill number", 200, FOREIGN
}
text_id! {
    /// The code of a plan.
    PlanCode, "a plan code", 64, CODE
}
text_id! {
    /// The code of an addon.
    AddonCode, "an addon code", 64, CODE
}
text_id! {
    /// The code of a coupon.
    CouponCode, "a coupon code", 64, CODE
}
text_id! {
    /// What is metered, such as `droplet_hours`. An open set.
    ResourceKind, "a resource kind", 64, CODE
}
text_id! {
    /// What a quantity counts, such as `hour` or `1k_tokens`.
    Unit, "a unit", 32, CODE
}
text_id! {
    /// What a discount ladder looks at, such as `hero_os_hourly`.
    Category, "a category", 64, CODE
}
text_id! {
    /// Who issues invoices under one sequence of numbers.
    IssuerId, "an issuer", 64, DOTTED
}
text_id! {
    /// The printed number of an invoice, a note or a debit note.
    InvoiceNumber, "an invoice number", 64, CODE
}
text_id! {
    /// The printed number of a support case, such as `CF-20260401-0001`.
    CaseNumber, "a case number", 64, CODE
}
text_id! {
    /// One durable, pollable piece of work.
    OperationId, "an operation id", 64, CODE
}
text_id! {
    /// One step of an operation.
    StepName, "a step", 64, CODE
}
text_id! {
    /// One slot held by the guard or allocated from a quota plan.
    ReservationId, "a reservation id", 64, CODE
}
text_id! {
    /// One lot of prepaid credit.
    LotId, "a lot id", 64, CODE
}
text_id! {
    /// One attachment of an addon to a deployment.
    AttachmentId, "an attachment id", 64, CODE
}
text_id! {
    /// The public id of an API key; the secret is never stored.
    ApiKeyId, "an API key id", 64, CODE
}
text_id! {
    /// A provider's or gateway's id of a payment, a customer, an invoice or an event.
    PaymentRef, "a payment reference", 255, FOREIGN
}
text_id! {
    /// One proposed or applied repair.
    RepairId, "a repair id", 64, CODE
}
text_id! {
    /// Where an idempotency key comes from: a CloudEvents source, or the name of a command.
    KeySource, "a key source", 255, FOREIGN
}
text_id! {
    /// The caller's part of an idempotency key: a CloudEvents id, or an `Idempotency-Key`.
    KeyId, "an idempotency key", 255, FOREIGN
}
text_id! {
    /// The subject of a credential, or the name of a process of ours.
    ActorName, "an actor", 255, FOREIGN
}
text_id! {
    /// A name that people read: a company, a plan, a case. Never an identity.
    Label, "a name", 200, FOREIGN
}
text_id! {
    /// A sentence that people read: a reason, a description.
    Note, "a note", 1000, FOREIGN
}

text_id! {
    /// One reading of a provider's bill: the chunks of its lines share it.
    IngestId, "an ingest id", 64, CODE
}
text_id! {
    /// One full listing that a provider gave, however often it is handed over.
    SyncId, "a sync id", 64, CODE
}
text_id! {
    /// The name of a field of a resource or of a step's data, such as `size` or `attributes.vpc`.
    FieldName, "a field name", 200, FOREIGN
}
text_id! {
    /// The name of a projection.
    ProjectionName, "a projection", 64, DOTTED
}

/// A deployment, as the API names it: `{tenant}.{slug}`. Slugs hold no dot: the last one divides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeploymentId {
    /// Who pays.
    pub tenant: TenantId,
    /// Which of its deployments.
    pub slug: DeploymentSlug,
}

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.tenant, self.slug)
    }
}

impl FromStr for DeploymentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let form = IdError::Form { noun: "a deployment id", form: "tenant.slug" };
        let (tenant, slug) = text.rsplit_once('.').ok_or(form)?;
        Ok(Self { tenant: tenant.parse()?, slug: slug.parse()? })
    }
}

impl Serialize for DeploymentId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DeploymentId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

macro_rules! binary_id {
    ($(#[$doc:meta])* $name:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for (place, byte) in self.0.iter().enumerate() {
                    if matches!(place, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                uuid_bytes(text)
                    .map(Self)
                    .ok_or(IdError::Form { noun: $noun, form: "a lower-case UUID" })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(D::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

binary_id! {
    /// The identity of one ledger, in every file, checkpoint and proof of it.
    LedgerId, "a ledger id"
}
binary_id! {
    /// The identity of one event, derived from its key so that a retry makes the same.
    EventId, "an event id"
}
binary_id! {
    /// What one request or process caused, together.
    CorrelationId, "a correlation id"
}

/// The value of each byte as a lower-case hexadecimal digit; others have a bit above those of any.
const HEX: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        values[b"0123456789abcdef"[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};
const NO_DIGIT: u8 = 0x80;
/// Where the digits of each byte stand in a UUID's text.
const UUID_DIGITS: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/// The bytes of a UUID in its canonical text, lower case only: one value, one text.
///
/// Digits are random, so a branch on one is guessed wrong half the time: there is none.
pub fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut bytes = [0_u8; 16];
    let mut seen = 0;
    for (byte, place) in bytes.iter_mut().zip(UUID_DIGITS) {
        let [high, low] = [text[place], text[place + 1]].map(|it| HEX[usize::from(it)]);
        seen |= high | low;
        *byte = (high << 4) | (low & 0x0f);
    }
    let has_hyphens = [8, 13, 18, 23].iter().all(|place| text[*place] == b'-');
    (has_hyphens && seen & NO_DIGIT == 0).then_some(bytes)
}

/// In which role somebody acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The reseller's own staff (`platform-admin`).
    Operator,
    /// The tenant itself.
    Tenant,
    /// A machine that reports usage under an API key.
    Producer,
    /// A payment gateway or provider, by signature.
    Gateway,
    /// A process of ours: a tick, a rollup, the log itself.
    System,
    /// The reseller's own staff, telling of what happened before: the time of the event is theirs.
    Importer,
}

impl Role {
    /// Whether it is the reseller's own staff, whenever what they say happened.
    pub const fn is_staff(self) -> bool {
        match self {
            Self::Operator | Self::Importer => true,
            Self::Tenant | Self::Producer | Self::Gateway | Self::System => false,
        }
    }

    /// Whether it is the reseller: its own staff, or a process of its own.
    pub const fn is_ours(self) -> bool {
        self.is_staff() || matches!(self, Self::System)
    }
}

/// Who, in which role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Who.
    pub who: ActorName,
    /// In which role.
    pub role: Role,
}

/// Whose keys these are: the same key of another tenant is another key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyScope {
    /// What no tenant owns.
    Operator,
    /// A tenant's.
    Tenant(TenantId),
}

/// The name by which a repeat is known, for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Whose.
    pub scope: KeyScope,
    /// Which operation or producer.
    pub source: KeySource,
    /// The caller's own id.
    pub id: KeyId,
    /// Which event of those that one command makes, from 0.
    pub index: u32,
}

#[cfg(test)]
mod tests;
