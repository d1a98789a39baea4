//! Shares that sum to their whole: largest remainder, ties to the earlier part.

use super::ratio::greatest_common_divisor;
use super::{Exact, ExactError, Ratio, Rounding, wide};

/// Divides a total among weights at a scale, so that the parts sum to it exactly.
///
/// Each part gets its exact share cut toward zero; the units left over go one each to the parts
/// with the largest remainders, the earlier part first among equals. A negative total mirrors its
/// positive one. Weights may not be negative; where all are zero there is nothing to share by.
pub fn allocate(total: Exact, scale: u8, weights: &[Exact]) -> Result<Vec<Exact>, ExactError> {
    let units = total.mantissa_at(scale).ok_or(ExactError::TooFine)?;
    let weights = integers(weights)?;
    let sum = weights.iter().try_fold(0_u128, |sum, it| sum.checked_add(*it));
    let sum = sum.ok_or(ExactError::Overflow)?;
    if sum == 0 {
        return Err(ExactError::DivisionByZero);
    }
    let shares = weights
        .iter()
        .map(|weight| wide::product_over(units.unsigned_abs(), *weight, sum))
        .collect::<Option<Vec<_>>>()
        .ok_or(ExactError::Overflow)?;
    let given = shares.iter().map(|(share, _)| share).sum::<u128>();
    let left_over = units.unsigned_abs() - given;
    let mut by_remainder = (0..shares.len()).collect::<Vec<_>>();
    by_remainder.sort_by_key(|part| shares.get(*part).map(|(_, rest)| std::cmp::Reverse(*rest)));
    let mut parts = shares.iter().map(|(share, _)| *share).collect::<Vec<_>>();
    grow_first(&mut parts, &by_remainder, left_over);
    let signed = |part: u128| {
        let part = i128::try_from(part).map_err(|_| ExactError::Overflow)?;
        Exact::new(if units < 0 { -part } else { part }, scale)
    };
    parts.into_iter().map(signed).collect()
}

/// Rounds a column so that its shown parts sum to its own rounded total: the total, then the parts.
///
/// Each part is cut down to the scale, and the units between their sum and the rounded total go one
/// each to the parts that lost most, the earlier first among equals. Parts may have either sign.
pub fn round_parts(
    parts: &[Ratio],
    scale: u8,
    rounding: Rounding,
) -> Result<(Exact, Vec<Exact>), ExactError> {
    let exact = parts.iter().try_fold(Ratio::ZERO, |sum, it| sum.checked_add(*it))?;
    let total = exact.round(scale, rounding)?;
    let power = Ratio::from(Exact::new(10_i128.pow(u32::from(scale.min(Exact::SCALE_MAX))), 0)?);
    let mut floors = Vec::with_capacity(parts.len());
    let mut rests = Vec::with_capacity(parts.len());
    for part in parts {
        let units = part.checked_mul(power)?;
        let floor = units.floor();
        floors.push(floor);
        rests.push(units.checked_sub(Ratio::new(floor, 1)?)?);
    }
    let given = floors.iter().try_fold(0_i128, |sum, it| sum.checked_add(*it));
    let units = total.mantissa_at(scale).ok_or(ExactError::Overflow)?;
    // The sum of the floors is at most the exact total and above it less the number of parts, so
    // rounding, which moves by less than one unit, leaves at most one unit a part.
    let left_over = given.and_then(|given| units.checked_sub(given)).ok_or(ExactError::Overflow)?;
    let mut by_loss = (0..parts.len()).collect::<Vec<_>>();
    by_loss.sort_by_key(|part| rests.get(*part).map(|rest| std::cmp::Reverse(*rest)));
    let left_over = u128::try_from(left_over).map_err(|_| ExactError::Overflow)?;
    grow_first(&mut floors, &by_loss, left_over);
    let shown = floors.into_iter().map(|units| Exact::new(units, scale));
    Ok((total, shown.collect::<Result<_, _>>()?))
}

fn grow_first<N: std::ops::AddAssign + From<u8>>(parts: &mut [N], order: &[usize], count: u128) {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    for part in order.iter().take(count) {
        if let Some(part) = parts.get_mut(*part) {
            *part += N::from(1_u8);
        }
    }
}

/// The weights as integers in the same proportions.
fn integers(weights: &[Exact]) -> Result<Vec<u128>, ExactError> {
    if weights.iter().any(|it| it.is_negative()) {
        return Err(ExactError::NegativeWeight);
    }
    let scale = weights.iter().map(|it| it.scale()).max().unwrap_or(0);
    let aligned = weights
        .iter()
        .map(|it| it.mantissa_at(scale).and_then(|it| u128::try_from(it).ok()))
        .collect::<Option<Vec<_>>>()
        .ok_or(ExactError::Overflow)?;
    let divisor = aligned.iter().fold(0, |divisor, it| greatest_common_divisor(divisor, *it));
    Ok(aligned.into_iter().map(|it| it.checked_div(divisor).unwrap_or(0)).collect())
}
