//! Currencies: ISO 4217 codes with the minor unit that each is rounded to.
//!
//! The table is ISO's list of current codes, not a payment provider's: those disagree about what
//! they settle, which is theirs to say where they bill. A code without a minor unit (gold, special
//! drawing rights, tests) cannot be rounded to one, so nothing is billed in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a code is not a currency to bill in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurrencyError {
    /// Not three capital letters.
    #[error("{0:?} is not a currency code of three capital letters")]
    Form(String),
    /// Not on the list.
    #[error("{0} is not a current ISO 4217 currency")]
    Unknown(String),
    /// On the list, but without a minor unit.
    #[error("{0} has no minor unit, so nothing can be billed in it")]
    NoMinorUnit(String),
}

/// A currency of ISO 4217 with a minor unit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency {
    code: [u8; 3],
    minor_unit: u8,
}

const WITHOUT_DECIMALS: &str = "\
BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const WITH_TWO: &str = "\
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL \
BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP \
DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR \
ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD \
MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN \
PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP \
STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES \
WST XAD XCD XCG YER ZAR ZMW ZWG";
const WITH_THREE: &str = "BHD IQD JOD KWD LYD OMR TND";
const WITH_FOUR: &str = "CLF UYW";
const WITHOUT_MINOR_UNIT: &str = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX";

impl Currency {
    /// Australian dollars.
    pub const AUD: Self = Self { code: *b"AUD", minor_unit: 2 };
    /// Euros.
    pub const EUR: Self = Self { code: *b"EUR", minor_unit: 2 };
    /// Yen.
    pub const JPY: Self = Self { code: *b"JPY", minor_unit: 0 };
    /// Kuwaiti dinars.
    pub const KWD: Self = Self { code: *b"KWD", minor_unit: 3 };
    /// New Zealand dollars.
    pub const NZD: Self = Self { code: *b"NZD", minor_unit: 2 };
    /// United States dollars.
    pub const USD: Self = Self { code: *b"USD", minor_unit: 2 };

    /// The currency with this code, in capital letters.
    pub fn new(code: &str) -> Result<Self, CurrencyError> {
        let letters: [u8; 3] = match code.as_bytes().try_into() {
            Ok(letters) if code.bytes().all(|it| it.is_ascii_uppercase()) => letters,
            Ok(_) | Err(_) => return Err(CurrencyError::Form(code.chars().take(20).collect())),
        };
        let lists = [(2, WITH_TWO), (0, WITHOUT_DECIMALS), (3, WITH_THREE), (4, WITH_FOUR)];
        let is_on = |list: &str| list.split_ascii_whitespace().any(|it| it == code);
        match lists.into_iter().find(|(_, list)| is_on(list)) {
            Some((minor_unit, _)) => Ok(Self { code: letters, minor_unit }),
            None if is_on(WITHOUT_MINOR_UNIT) => Err(CurrencyError::NoMinorUnit(code.to_owned())),
            None => Err(CurrencyError::Unknown(code.to_owned())),
        }
    }

    /// Every currency on the list, in the order of their minor units, then codes.
    pub fn all() -> impl Iterator<Item = Self> {
        [WITHOUT_DECIMALS, WITH_TWO, WITH_THREE, WITH_FOUR]
            .into_iter()
            .flat_map(str::split_ascii_whitespace)
            .filter_map(|code| Self::new(code).ok())
    }

    /// The code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).expect("three capital letters are text")
    }

    /// How many decimals its smallest unit of account has: 2 for cents.
    pub const fn minor_unit(self) -> u8 {
        self.minor_unit
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(code: &str) -> Result<Self, CurrencyError> {
        Self::new(code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(self.code())
        } else {
            self.code.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        if deserializer.is_human_readable() {
            return Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom);
        }
        let letters = <[u8; 3]>::deserialize(deserializer)?;
        let code = std::str::from_utf8(&letters).map_err(D::Error::custom)?;
        Self::new(code).map_err(D::Error::custom)
    }
}
