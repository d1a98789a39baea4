//! Base64 for URLs without padding, strict: one value has one text, and no other text has a value.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The text of some bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 3];
        for (to, from) in group.iter_mut().zip(chunk) {
            *to = *from;
        }
        let [a, b, c] = group.map(u32::from);
        let bits = (a << 16) | (b << 8) | c;
        for place in 0..=chunk.len() {
            let shift = 18 - 6 * place;
            let digit = usize::try_from((bits >> shift) & 0x3f).unwrap_or(0);
            text.push(ALPHABET.get(digit).copied().map_or('A', char::from));
        }
    }
    text
}

/// The bytes of a text, if it is the one text they have.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.as_bytes().chunks(4) {
        let mut bits = 0_u32;
        for digit in chunk {
            let value = ALPHABET.iter().position(|it| it == digit)?;
            bits = (bits << 6) | u32::try_from(value).ok()?;
        }
        // Bits that belong to no byte must be zero, or two texts would have one value.
        let (count, spare) = match chunk.len() {
            4 => (3, 0),
            3 => (2, 2),
            2 => (1, 4),
            _ => return None,
        };
        if bits & ((1 << spare) - 1) != 0 {
            return None;
        }
        let bits = bits >> spare;
        let [_, three @ ..] = bits.to_be_bytes();
        bytes.extend_from_slice(three.get(3 - count..)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_reads_back() {
        for length in 0..70_u8 {
            let bytes: Vec<u8> = (0..length).map(|it| it.wrapping_mul(37) ^ 0xa5).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }

    #[test]
    fn another_text_of_the_same_value_is_refused() {
        assert_eq!(decode("Zg"), Some(b"f".to_vec()));
        for text in ["Zh", "Zg==", "Z", "Zg=", "Z g", "Zg\n", "Zm9v+w", "Zm9v/w"] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }
}
