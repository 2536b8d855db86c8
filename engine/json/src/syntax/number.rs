//! Numbers of validated JSON.

/// The value of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// It fits 64 bits.
    Small(i64),
    /// It fits 128 bits, but not 64.
    Large(i128),
    /// Outside the signed 128-bit range.
    Beyond,
}

impl Integer {
    /// The double that equals it; `None` where no double does.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast back is what shows whether the double is exact"
    )]
    pub(crate) fn exact_double(self) -> Option<f64> {
        match self {
            Self::Small(value) => {
                let double = value as f64;
                (double as i128 == i128::from(value)).then_some(double)
            }
            Self::Large(value) => {
                let double = value as f64;
                // The cast back saturates at the largest value, which no double equals.
                (double as i128 == value && value != i128::MAX).then_some(double)
            }
            Self::Beyond => None,
        }
    }
}

/// The value of a number without fraction and exponent; `-0` is 0. `None` when other bytes than digits follow the sign.
#[inline]
pub fn integer(bytes: &[u8]) -> Option<Integer> {
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > 18 {
        return large(negative, digits);
    }
    let mut value = 0i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(Integer::Small(if negative { -value } else { value }))
}

#[cold]
fn large(negative: bool, digits: &[u8]) -> Option<Integer> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let sign = if negative { -1 } else { 1 };
    let value = digits.iter().try_fold(0i128, |value, digit| {
        value
            .checked_mul(10)?
            .checked_add(sign * i128::from(*digit - b'0'))
    });
    Some(match value {
        None => Integer::Beyond,
        Some(value) => i64::try_from(value).map_or(Integer::Large(value), Integer::Small),
    })
}

/// The nearest double of a number. `None` when that is infinite, or zero although the number is not.
#[inline]
pub(crate) fn double(bytes: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    let zero = || mantissa(bytes).all(|digit| digit == b'0');
    (value.is_finite() && (value != 0.0 || zero())).then_some(value)
}

/// The double of a number: exact for integers, the nearest one for others. `None` for an integer that no double equals,
/// and for a number outside the range of doubles.
pub fn fitting_double(bytes: &[u8]) -> Option<f64> {
    match integer(bytes) {
        Some(value) if bytes != b"-0" => value.exact_double(),
        _ => double(bytes),
    }
}

fn mantissa(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes
        .iter()
        .copied()
        .take_while(|byte| !matches!(byte, b'e' | b'E'))
        .filter(u8::is_ascii_digit)
}

/// The number of digits from the first to the last that is not zero.
pub(crate) fn significant_digits(bytes: &[u8]) -> usize {
    let mut all = 0;
    let mut significant = 0;
    for digit in mantissa(bytes).skip_while(|digit| *digit == b'0') {
        all += 1;
        if digit != b'0' {
            significant = all;
        }
    }
    significant
}
