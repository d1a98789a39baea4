//! Numbers as providers spell them, read exactly or refused with what is wrong.

use crate::money::{Currency, Exact, ExactError};

/// Why a text is not a number of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Accountants write less than nothing so; no provider does.
    #[error("an amount in parentheses is not read")]
    Parentheses,
    /// `NaN` or an infinity.
    #[error("it is not finite")]
    NotFinite,
    /// A plus sign.
    #[error("it has a plus sign")]
    Plus,
    /// A sign of a currency that this column is not in.
    #[error("the sign {0:?} is not this column's")]
    Sign(char),
    /// A comma where none may be, or one that does not part thousands.
    #[error("a comma may only part thousands, in a quoted number with decimals")]
    Comma,
    /// An exponent where none may be, or one of another form.
    #[error("its exponent is not of the form this column has")]
    Exponent,
    /// Less than nothing, where the column counts.
    #[error("it is less than nothing")]
    Negative,
    /// Other decimals than the column always has.
    #[error("it has other than {0} decimals")]
    Decimals(u8),
    /// More decimals than the column may have.
    #[error("it has more than {0} decimals")]
    TooManyDecimals(u8),
    /// Not an exact number.
    #[error(transparent)]
    Exact(#[from] ExactError),
}

/// Which exponents a column may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exponents {
    /// None.
    None,
    /// `35.2E-7` and `35.2E7`, never `35.2E+7`.
    WithoutPlus,
    /// Any.
    Any,
}

/// How many decimals a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decimals {
    /// As many as come.
    Any,
    /// Always so many.
    Exactly(u8),
    /// No more than these.
    AtMost(u8),
}

/// How the numbers of a column are spelled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spelling {
    /// `$` may stand before the digits, with a minus on either side of it.
    pub(super) is_dollar: bool,
    /// Thousands may be parted by commas.
    pub(super) is_grouped: bool,
    /// Spaces may follow.
    pub(super) is_padded: bool,
    pub(super) exponents: Exponents,
    pub(super) decimals: Decimals,
}

impl Spelling {
    /// Digits with at most one point, after at most one minus.
    pub(super) const PLAIN: Self = Self {
        is_dollar: false,
        is_grouped: false,
        is_padded: false,
        exponents: Exponents::None,
        decimals: Decimals::Any,
    };

    /// A number spelled so.
    pub(super) fn read(self, text: &str) -> Result<Exact, NumberError> {
        let text = if self.is_padded { text.trim_end_matches(' ') } else { text };
        let (negative, digits) = self.unsigned(text)?;
        if digits.starts_with('+') {
            return Err(NumberError::Plus);
        }
        if is_not_finite(digits) {
            return Err(NumberError::NotFinite);
        }
        if let Some(sign) = digits.chars().find(|it| is_sign(*it)) {
            return Err(NumberError::Sign(sign));
        }
        let number = if digits.contains(',') {
            if !self.is_grouped || !is_grouped(digits) {
                return Err(NumberError::Comma);
            }
            digits.replace(',', "").parse::<Exact>()?
        } else {
            self.check_exponent(digits)?;
            Exact::parse_scientific(digits)?
        };
        self.check_decimals(digits)?;
        Ok(if negative { number.negated() } else { number })
    }

    /// The sign, and the text without it and without the dollar sign.
    fn unsigned(self, text: &str) -> Result<(bool, &str), NumberError> {
        if text.starts_with('(') {
            return Err(NumberError::Parentheses);
        }
        let bare = text.strip_prefix('-');
        let (negative, rest) = (bare.is_some(), bare.unwrap_or(text));
        let dollar = rest.strip_prefix('$').filter(|_| self.is_dollar);
        let inner = dollar.and_then(|it| it.strip_prefix('-')).filter(|_| !negative);
        let digits = inner.or(dollar).unwrap_or(rest);
        // What is left of `--1` or `-$-1` is a sign too many.
        if digits.starts_with('-') {
            return Err(ExactError::NotANumber.into());
        }
        Ok((negative || inner.is_some(), digits))
    }

    fn check_exponent(self, digits: &str) -> Result<(), NumberError> {
        let Some((_, exponent)) = digits.split_once(['e', 'E']) else {
            return Ok(());
        };
        let allowed = match self.exponents {
            Exponents::None => false,
            Exponents::WithoutPlus => !exponent.starts_with('+'),
            Exponents::Any => true,
        };
        if allowed { Ok(()) } else { Err(NumberError::Exponent) }
    }

    fn check_decimals(self, digits: &str) -> Result<(), NumberError> {
        let found = digits.split_once('.').map_or(0, |(_, rest)| rest.len());
        match self.decimals {
            Decimals::Exactly(expected) if found != usize::from(expected) => {
                Err(NumberError::Decimals(expected))
            }
            Decimals::AtMost(most) if found > usize::from(most) => {
                Err(NumberError::TooManyDecimals(most))
            }
            Decimals::Any | Decimals::Exactly(_) | Decimals::AtMost(_) => Ok(()),
        }
    }
}

fn is_not_finite(digits: &str) -> bool {
    let word = digits.to_ascii_lowercase();
    matches!(word.as_str(), "nan" | "inf" | "infinity" | "\u{221e}")
}

/// The signs of currencies, by their block, with those of the Latin alphabet.
const fn is_sign(it: char) -> bool {
    matches!(it, '$' | '\u{a2}'..='\u{a5}' | '\u{20a0}'..='\u{20cf}')
}

/// `1,234.56`: one to three digits, then threes, then decimals. Without decimals `1,234` may be a
/// decimal comma, so it is refused.
fn is_grouped(digits: &str) -> bool {
    let Some((whole, decimals)) = digits.split_once('.') else {
        return false;
    };
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    plain(first)
        && first.len() <= 3
        && !first.starts_with('0')
        && groups.all(|it| it.len() == 3 && plain(it))
        && plain(decimals)
}

/// Whether `$` is a sign of this currency.
pub(super) fn is_dollar(currency: Currency) -> bool {
    const DOLLARS: &str =
        "AUD BBD BMD BND BSD BZD CAD FJD GYD HKD JMD KYD LRD NAD NZD SBD SGD SRD TTD TWD USD XCD";
    DOLLARS.split(' ').any(|it| it == currency.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BILL: Spelling = Spelling {
        is_dollar: true,
        is_grouped: true,
        decimals: Decimals::Exactly(2),
        ..Spelling::PLAIN
    };
    const LOOSE: Spelling = Spelling {
        is_dollar: true,
        is_grouped: true,
        is_padded: true,
        exponents: Exponents::WithoutPlus,
        decimals: Decimals::Any,
    };

    #[track_caller]
    fn reads(spelling: Spelling, text: &str, expected: &str) {
        assert_eq!(spelling.read(text), Ok(expected.parse().unwrap()), "{text}");
    }

    #[track_caller]
    fn refuses(spelling: Spelling, text: &str, expected: NumberError) {
        assert_eq!(spelling.read(text), Err(expected), "{text}");
    }

    #[test]
    fn a_dollar_amount_is_read_in_each_of_its_forms() {
        for (text, expected) in [
            ("$13.27", "13.27"),
            ("13.27", "13.27"),
            ("-$12.34", "-12.34"),
            ("$-12.34", "-12.34"),
            ("-12.34", "-12.34"),
            ("$1,459.12", "1459.12"),
            ("-$1,234,567.89", "-1234567.89"),
            ("$0.00", "0"),
        ] {
            reads(BILL, text, expected);
        }
    }

    #[test]
    fn what_is_no_dollar_amount_says_why() {
        for text in
            ["$1,23", "1,23", "$1,2345.00", "$1234,567.00", "$,123.00", "1,234", "01,234.00"]
        {
            refuses(BILL, text, NumberError::Comma);
        }
        refuses(LOOSE, "1,234.5,6", NumberError::Comma);
        let endless = format!("1{}.00", ",000".repeat(20));
        refuses(BILL, &endless, NumberError::Exact(ExactError::Overflow));
        refuses(Spelling::PLAIN, "1,234.56", NumberError::Comma);
        refuses(BILL, "($12.34)", NumberError::Parentheses);
        refuses(BILL, "$1.005", NumberError::Decimals(2));
        refuses(BILL, "$1459", NumberError::Decimals(2));
        refuses(BILL, "\u{20ac}1.00", NumberError::Sign('\u{20ac}'));
        refuses(BILL, "$$1.00", NumberError::Sign('$'));
        refuses(Spelling::PLAIN, "$1.00", NumberError::Sign('$'));
        refuses(BILL, "+1.00", NumberError::Plus);
        refuses(BILL, "1.00E2", NumberError::Exponent);
        for text in ["NaN", "-inf", "$Infinity"] {
            refuses(BILL, text, NumberError::NotFinite);
        }
        for text in ["", "-", "$", "-$-1.00", "--1.00", "$ 1.00", "1.00 ", "1 1/2", "0x10", "1."] {
            refuses(BILL, text, NumberError::Exact(ExactError::NotANumber));
        }
    }

    #[test]
    fn exponents_are_read_where_the_column_has_them() {
        for (text, expected) in
            [("35.2E-7", "0.00000352"), ("1e-07", "0.0000001"), ("2E3", "2000"), ("0.00 ", "0")]
        {
            reads(LOOSE, text, expected);
        }
        reads(LOOSE, "$10,000.00 ", "10000");
        refuses(LOOSE, "35.2E+7", NumberError::Exponent);
        let any = Spelling { exponents: Exponents::Any, ..Spelling::PLAIN };
        reads(any, "1.0E+7", "10000000");
        refuses(any, "1E-21", NumberError::Exact(ExactError::TooFine));
        refuses(any, "1E99", NumberError::Exact(ExactError::Overflow));
        refuses(any, "1E", NumberError::Exact(ExactError::NotANumber));
        for text in ["35.24 x 10^7", "[3,5,8]", "[4:5]", "5i + 4", "1 1/2"] {
            assert!(LOOSE.read(text).is_err(), "{text}");
        }
    }
}
