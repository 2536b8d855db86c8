//! Integers in decimal.

/// The numbers below 100, of two digits each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0u8;
    while number < 100 {
        #[expect(clippy::indexing_slicing, reason = "evaluated when compiled")]
        {
            pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        }
        number += 1;
    }
    pairs
};

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a digit or two")]
pub(super) fn write_u64(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while value >= 10 {
        let pair = PAIRS.get((value % 100) as usize).unwrap_or(&PAIRS[0]);
        value /= 100;
        at -= 2;
        if let Some(place) = digits.get_mut(at..at + 2) {
            place.copy_from_slice(pair);
        }
    }
    if value > 0 || at == digits.len() {
        at -= 1;
        if let Some(place) = digits.get_mut(at) {
            *place = b'0' + value as u8;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

#[inline]
pub(super) fn write_i64(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    write_u64(value.unsigned_abs(), out);
}

#[expect(clippy::cast_possible_truncation, reason = "each part is below 10^19")]
pub(super) fn write_i128(value: i128, out: &mut Vec<u8>) {
    const HALF: u128 = 10_000_000_000_000_000_000;
    if value < 0 {
        out.push(b'-');
    }
    let size = value.unsigned_abs();
    let parts = [size / HALF / HALF, size / HALF % HALF, size % HALF];
    let mut started = false;
    for (number, part) in parts.into_iter().enumerate() {
        let part = part as u64;
        if started {
            let start = out.len();
            write_u64(part, out);
            let missing = 19usize.saturating_sub(out.len() - start);
            out.splice(start..start, std::iter::repeat_n(b'0', missing));
        } else if part > 0 || number == 2 {
            write_u64(part, out);
            started = true;
        }
    }
}

/// Appends a number of up to `width` digits, with zeros before it.
#[inline]
pub(super) fn write_padded(value: u32, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 10];
    let mut rest = value;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(digits.get(10 - width.min(10)..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::{write_i64, write_i128, write_padded, write_u64};

    #[test]
    fn integers_are_those_of_the_standard_library() {
        let mut value = 1u128;
        for _ in 0..130 {
            for near in [value.wrapping_sub(1), value, value.wrapping_add(1)] {
                let (small, signed, large) = (near as u64, near as i64, near as i128);
                let mut out = Vec::new();
                write_u64(small, &mut out);
                out.push(b' ');
                write_i64(signed, &mut out);
                out.push(b' ');
                write_i128(large, &mut out);
                assert_eq!(
                    String::from_utf8(out).unwrap(),
                    format!("{small} {signed} {large}")
                );
            }
            value = value.wrapping_mul(3).wrapping_add(7);
        }
        let mut out = Vec::new();
        write_i128(i128::MIN, &mut out);
        write_padded(42, 4, &mut out);
        assert_eq!(out, format!("{}0042", i128::MIN).as_bytes());
    }
}
