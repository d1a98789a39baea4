//! C2SP signed notes: a text, and who signed it.
//!
//! A note is read strictly, so that it prints as it was read. Signatures of unknown keys are
//! carried and ignored; a wrong signature of a known key condemns the note. Only Ed25519 notes
//! (type 0x01) are made and verified here; other types ride along, such as a witness's cosignature.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signer as _;
use sha2::{Digest, Sha256};

use super::base64;

/// The most bytes a note may have: room for a checkpoint and 32 post-quantum signatures.
const NOTE_BYTES_MAX: usize = 256 * 1024;
/// The most signatures a note may have.
const SIGNATURES_MAX: usize = 32;
/// The most bytes of a key's name.
const NAME_BYTES_MAX: usize = 512;
/// What stands before a signature: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";
/// The type byte of an Ed25519 key.
const ED25519: u8 = 1;
const SECRET_PREFIX: &str = "PRIVATE+KEY+";

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A name is empty, too long, or holds a space, a plus or a control character.
    #[error("{text:?} cannot name a key")]
    Name {
        /// What was to be a name.
        text: String,
    },
    /// Not of the form that keys have.
    #[error("the text is not of the form {form}")]
    Form {
        /// The form.
        form: &'static str,
    },
    /// A kind of key that is not used here.
    #[error("the key is not an Ed25519 key")]
    Kind,
    /// The key's id does not belong to its bytes.
    #[error("the key says id {stated:08x}, but its bytes have {computed:08x}")]
    Id {
        /// The id in the text.
        stated: u32,
        /// The id of the name and the bytes.
        computed: u32,
    },
    /// The bytes are not a point of the curve.
    #[error("the key's bytes are not an Ed25519 public key")]
    Point,
}

/// Why a note is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// More bytes than are read.
    #[error("the note has {bytes} bytes; at most {NOTE_BYTES_MAX} are read")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// More signatures than are read.
    #[error("the note has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// Not UTF-8.
    #[error("the note is not UTF-8 from byte {at} on")]
    Utf8 {
        /// Where.
        at: usize,
    },
    /// A control character other than a newline.
    #[error("the note has a control character at byte {at}")]
    Control {
        /// Where.
        at: usize,
    },
    /// No blank line between a text and signatures.
    #[error("the note has no signatures after a blank line")]
    NoSignatures,
    /// A line among the signatures is none.
    #[error("line {line} of the signatures is not a signature")]
    Signature {
        /// Which, from 1.
        line: usize,
    },
    /// A known key's signature is wrong.
    #[error("the signature of {name} is wrong")]
    Wrong {
        /// Whose.
        name: KeyName,
    },
    /// Nobody known signed it.
    #[error("the note is not signed by any of {keys} known keys")]
    Unsigned {
        /// How many keys are known.
        keys: usize,
    },
}

/// The name of a key: not empty, no space, no plus, no control character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let banned = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if text.is_empty() || text.len() > NAME_BYTES_MAX || text.contains(banned) {
            return Err(KeyError::Name { text: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The public half of a key: who is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: u32,
    key: ed25519_dalek::VerifyingKey,
}

impl VerifierKey {
    fn new(name: KeyName, key: ed25519_dalek::VerifyingKey) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(name.as_str());
        hasher.update([b'\n', ED25519]);
        hasher.update(key.as_bytes());
        let [a, b, c, d, ..]: [u8; 32] = hasher.finalize().into();
        Self { name, id: u32::from_be_bytes([a, b, c, d]), key }
    }

    /// The name.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The first four bytes of SHA-256 of name, newline, type and public key.
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl fmt::Display for VerifierKey {
    /// `name+id+base64`, as verifiers of transparency logs take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{:08x}+{}", self.name, self.id, base64::encode(&bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, stated, bytes) = key_parts(text, "name+id+base64")?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Point)?;
        let known = Self::new(name, key);
        if known.id != stated {
            return Err(KeyError::Id { stated, computed: known.id });
        }
        Ok(known)
    }
}

/// The secret half of a key: who signs.
#[derive(Clone)]
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    public: VerifierKey,
}

impl SigningKey {
    /// The key of a name and 32 random bytes.
    pub fn new(name: KeyName, seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = VerifierKey::new(name, key.verifying_key());
        Self { key, public }
    }

    /// The public half.
    pub fn verifier(&self) -> &VerifierKey {
        &self.public
    }

    /// The secret as one line of text, `PRIVATE+KEY+name+id+base64`. For the key file only.
    pub fn to_secret_text(&self) -> String {
        let bytes = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        let VerifierKey { name, id, .. } = &self.public;
        format!("{SECRET_PREFIX}{name}+{id:08x}+{}", base64::encode(&bytes))
    }

    /// The key that a secret text stands for.
    pub fn from_secret_text(text: &str) -> Result<Self, KeyError> {
        let form = "PRIVATE+KEY+name+id+base64";
        let rest = text.strip_prefix(SECRET_PREFIX).ok_or(KeyError::Form { form })?;
        let (name, stated, seed) = key_parts(rest, form)?;
        let key = Self::new(name, &seed);
        if key.public.id != stated {
            return Err(KeyError::Id { stated, computed: key.public.id });
        }
        Ok(key)
    }

    /// Signs a text that ends in a newline.
    pub fn sign(&self, text: &str) -> NoteSignature {
        let signature = self.key.sign(text.as_bytes()).to_bytes().to_vec();
        NoteSignature { name: self.public.name.clone(), key_id: self.public.id, signature }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [redacted])", self.public.name)
    }
}

fn key_parts(text: &str, form: &'static str) -> Result<(KeyName, u32, [u8; 32]), KeyError> {
    let wrong = || KeyError::Form { form };
    let (name, rest) = text.split_once('+').ok_or_else(wrong)?;
    let (id, bytes) = rest.split_once('+').ok_or_else(wrong)?;
    let stated = u32::from_str_radix(id, 16).map_err(|_| wrong())?;
    if format!("{stated:08x}") != id {
        return Err(wrong());
    }
    let bytes = base64::decode(bytes).ok_or_else(wrong)?;
    match bytes.split_first() {
        Some((&ED25519, key)) => Ok((name.parse()?, stated, key.try_into().map_err(|_| wrong())?)),
        Some(_) => Err(KeyError::Kind),
        None => Err(wrong()),
    }
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Who says to have signed.
    pub name: KeyName,
    /// Which of that name's keys.
    pub key_id: u32,
    /// What the key made of the text.
    pub signature: Vec<u8>,
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.key_id.to_be_bytes().as_slice(), &self.signature].concat();
        write!(f, "{SIGNATURE_PREFIX}{} {}", self.name, base64::encode(&bytes))
    }
}

/// A text and its signatures. Reading one says nothing about whether they are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A note of a text that ends in a newline and holds no other control character.
    pub fn sign(text: String, key: &SigningKey) -> Result<Self, NoteError> {
        let note = Self { signatures: vec![key.sign(&text)], text };
        // What cannot be read back is not given out.
        Self::parse(note.to_string().as_bytes())
            .and_then(|read| if read == note { Ok(note) } else { Err(NoteError::NoSignatures) })
    }

    /// Reads a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge { bytes: bytes.len() });
        }
        let whole = str::from_utf8(bytes).map_err(|it| NoteError::Utf8 { at: it.valid_up_to() })?;
        if let Some(at) = bytes.iter().position(|byte| *byte < b' ' && *byte != b'\n') {
            return Err(NoteError::Control { at });
        }
        let blank = whole.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, rest) = whole.split_at(blank + 1);
        let lines = rest[1..].strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for (place, line) in lines.split('\n').enumerate() {
            if place == SIGNATURES_MAX {
                return Err(NoteError::TooManySignatures);
            }
            let signature = signature(line).ok_or(NoteError::Signature { line: place + 1 })?;
            signatures.push(signature);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, when at least one of the keys signed it and none of them signed anything else.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<&str, NoteError> {
        let mut verified = false;
        for it in &self.signatures {
            for key in keys.iter().filter(|key| key.name == it.name && key.id == it.key_id) {
                let right = ed25519_dalek::Signature::from_slice(&it.signature)
                    .is_ok_and(|it| key.key.verify_strict(self.text.as_bytes(), &it).is_ok());
                if !right {
                    return Err(NoteError::Wrong { name: it.name.clone() });
                }
                verified = true;
            }
        }
        if verified { Ok(&self.text) } else { Err(NoteError::Unsigned { keys: keys.len() }) }
    }

    /// The text, whoever signed it or not.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// Who says to have signed it.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|it| writeln!(f, "{it}"))
    }
}

fn signature(line: &str) -> Option<NoteSignature> {
    let (name, text) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let bytes = base64::decode(text)?;
    let (id, signature) = bytes.split_first_chunk()?;
    let key_id = u32::from_be_bytes(*id);
    let signature = Some(signature.to_vec()).filter(|it| !it.is_empty())?;
    Some(NoteSignature { name: name.parse().ok()?, key_id, signature })
}

#[cfg(test)]
mod tests;
