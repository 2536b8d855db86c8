//! Dates and timestamps in strings: the accepted formats, and their values.
//!
//! A format is accepted when the type holds everything it states: `YYYY-MM-DD`; the same, `T` or a blank, `HH:MM:SS`
//! and up to nine digits of fraction, those after the sixth zero; and that with `Z`, `+HH`, `+HHMM`, `+HH:MM` or their
//! negatives. Years run from 0001 to 9999. Leap seconds, 24:00 and parts of a microsecond are text, because the types
//! cannot hold them.

/// A date or a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01 00:00, no zone given.
    Naive(i64),
    /// Microseconds since 1970-01-01 00:00 UTC.
    Zoned {
        /// The instant.
        micros: i64,
        /// Whether the offset from UTC is zero.
        utc: bool,
    },
}

/// The date or timestamp of a string without escapes; `None` when it is other text.
#[inline]
pub fn moment(raw: &[u8]) -> Option<Moment> {
    // Rejects nearly all other strings at once.
    if raw.len() < 10 || raw.len() > 35 || raw.get(4) != Some(&b'-') || raw.get(7) != Some(&b'-') {
        return None;
    }
    parse(raw)
}

fn number(bytes: &[u8], from: usize, digits: usize) -> Option<u32> {
    bytes
        .get(from..from + digits)?
        .iter()
        .try_fold(0, |value, digit| {
            digit
                .is_ascii_digit()
                .then(|| value * 10 + u32::from(digit - b'0'))
        })
}

/// Microseconds of a fraction with these digits; `None` where it is finer than a microsecond.
fn micros_of(fraction: &[u8]) -> Option<u32> {
    let (own, finer) = fraction.split_at_checked(6).unwrap_or((fraction, &[]));
    if fraction.len() > 9 || finer.iter().any(|digit| *digit != b'0') {
        return None;
    }
    let scale = SCALES.get(own.len().checked_sub(1)?)?;
    Some(number(own, 0, own.len())? * scale)
}

/// Microseconds of the last digit of a fraction with one to six digits.
const SCALES: [u32; 6] = [100_000, 10_000, 1_000, 100, 10, 1];

fn parse(raw: &[u8]) -> Option<Moment> {
    let (year, month, day) = (number(raw, 0, 4)?, number(raw, 5, 2)?, number(raw, 8, 2)?);
    if year == 0 || day == 0 || day > days_in(year, month)? {
        return None;
    }
    let date = days(year, month, day);
    let Some(separator) = raw.get(10) else {
        return Some(Moment::Date(date));
    };
    if !matches!(separator, b'T' | b' ') || raw.get(13) != Some(&b':') || raw.get(16) != Some(&b':')
    {
        return None;
    }
    let (hour, minute, second) = (
        number(raw, 11, 2)?,
        number(raw, 14, 2)?,
        number(raw, 17, 2)?,
    );
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = raw.get(19..)?;
    let mut fraction = 0;
    if let Some((b'.', after)) = rest.split_first() {
        let digits = after
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        fraction = micros_of(after.get(..digits)?)?;
        rest = after.get(digits..)?;
    }
    let seconds = i64::from(date) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    let micros = seconds * 1_000_000 + i64::from(fraction);
    if rest.is_empty() {
        return Some(Moment::Naive(micros));
    }
    if rest == b"Z" {
        return Some(Moment::Zoned { micros, utc: true });
    }
    let hours = number(rest, 1, 2)?;
    let minutes = match rest.get(3..) {
        Some(b"") => 0,
        Some(minutes) if minutes.len() == 2 => number(minutes, 0, 2)?,
        Some(minutes) if minutes.len() == 3 && minutes.first() == Some(&b':') => {
            number(minutes, 1, 2)?
        }
        _ => return None,
    };
    if hours > 15 || minutes > 59 {
        return None;
    }
    let offset = i64::from(hours * 60 + minutes) * 60_000_000;
    let micros = match rest.first() {
        Some(b'+') => micros - offset,
        Some(b'-') => micros + offset,
        _ => return None,
    };
    Some(Moment::Zoned {
        micros,
        utc: offset == 0,
    })
}

fn days_in(year: u32, month: u32) -> Option<u32> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    })
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar. Howard Hinnant's `days_from_civil`: years begin in March,
/// so that the leap day is the last of its year.
fn days(year: u32, month: u32, day: u32) -> i32 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era) as i32 - 719_468
}

#[cfg(test)]
mod tests;
