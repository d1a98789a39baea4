//! Products of two 128-bit integers, whole: 256 bits, so that no comparison and no share overflows
//! on the way to an answer that fits.

/// A 256-bit integer; the first half is the more significant, so the derived order is the number's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wide {
    high: u128,
    low: u128,
}

const HALF: u128 = u64::MAX as u128;

/// The product of two integers. It always fits.
pub(super) fn product(left: u128, right: u128) -> Wide {
    let (left_high, left_low) = (left >> 64, left & HALF);
    let (right_high, right_low) = (right >> 64, right & HALF);
    let low = left_low * right_low;
    // Each partial product is at most (2^64 - 1)^2, which leaves room for two carries of 64 bits.
    let cross = left_high * right_low + (low >> 64);
    let middle = left_low * right_high + (cross & HALF);
    let high = left_high * right_high + (cross >> 64) + (middle >> 64);
    Wide { high, low: (middle << 64) | (low & HALF) }
}

/// The quotient and remainder of `left * right / divisor`, or nothing where the divisor is zero or
/// the quotient does not fit.
pub(super) fn product_over(left: u128, right: u128, divisor: u128) -> Option<(u128, u128)> {
    let Wide { high, low } = product(left, right);
    if divisor == 0 || high >= divisor {
        return None;
    }
    if high == 0 {
        return Some((low / divisor, low % divisor));
    }
    let mut remainder = high;
    let mut quotient = 0_u128;
    for place in (0..128).rev() {
        // The bit shifted out counts 2^128, so the true remainder is above the divisor when set.
        let carry = remainder >> 127 == 1;
        remainder = (remainder << 1) | ((low >> place) & 1);
        quotient <<= 1;
        if carry || remainder >= divisor {
            remainder = remainder.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    Some((quotient, remainder))
}
