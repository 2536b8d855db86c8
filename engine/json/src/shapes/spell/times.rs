//! Dates and timestamps as their writers spell them.

use super::integers::write_padded;

/// The digits after the seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fraction {
    /// This many, from 0 to 9; 0 has no point either.
    Fixed(u8),
    /// As many as are needed; no point where none is.
    Trimmed,
    /// The fewest of 0, 3 and 6 that are needed.
    Threes,
    /// 6, or none where all are zero.
    SixOrNone,
}

/// How the timestamps of a leaf are spelled.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimeStyle {
    /// Whether a `T` is between date and time, and not a blank.
    pub t: bool,
    /// The digits after the seconds.
    pub fraction: Fraction,
    /// The zone: empty, `Z`, or an offset such as `+02:00`.
    pub zone: Box<[u8]>,
    /// The offset of the zone in minutes.
    pub(super) minutes: i64,
}

impl Default for TimeStyle {
    fn default() -> Self {
        Self {
            t: true,
            fraction: Fraction::Fixed(0),
            zone: Box::default(),
            minutes: 0,
        }
    }
}

/// The offset in minutes of a zone as it is written; `None` where it is not one.
pub(super) fn minutes_of(zone: &[u8]) -> Option<i64> {
    let (sign, digits) = match zone {
        [] | [b'Z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits {
        [a, b] => ([*a, *b], [b'0', b'0']),
        [a, b, c, d] | [a, b, b':', c, d] => ([*a, *b], [*c, *d]),
        _ => return None,
    };
    let number = |pair: [u8; 2]| {
        let [a, b] = pair.map(|digit| i64::from(digit) - 48);
        ((0..10).contains(&a) && (0..10).contains(&b)).then_some(a * 10 + b)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 15 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

/// What follows the seconds and their fraction in the text of a timestamp.
pub(super) fn zone_of(raw: &[u8]) -> Option<&[u8]> {
    let rest = raw.get(19..)?;
    let Some(fraction) = rest.strip_prefix(b".") else {
        return Some(rest);
    };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
    fraction.get(digits.count()..)
}

impl Fraction {
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::Fixed(digits) => digits,
            Self::Trimmed => 10,
            Self::Threes => 11,
            Self::SixOrNone => 12,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0..=9 => Self::Fixed(byte),
            10 => Self::Trimmed,
            11 => Self::Threes,
            12 => Self::SixOrNone,
            _ => return None,
        })
    }
}

/// Appends a date; `None` outside the years 1 to 9999.
#[inline]
pub(super) fn write_date(days: i64, out: &mut Vec<u8>) -> Option<()> {
    let (year, month, day) = civil(days)?;
    write_padded(year, 4, out);
    out.push(b'-');
    write_padded(month, 2, out);
    out.push(b'-');
    write_padded(day, 2, out);
    Some(())
}

impl TimeStyle {
    /// Whether the text of a timestamp is in this style; `None` where its form does not tell.
    #[inline]
    pub(super) fn is_of(&self, raw: &[u8]) -> Option<bool> {
        let Fraction::Fixed(digits) = self.fraction else {
            return None;
        };
        let digits = usize::from(digits);
        let before_zone = if digits == 0 { 19 } else { 20 + digits };
        let (time, zone) = raw.split_at_checked(before_zone)?;
        let separator = if self.t { b'T' } else { b' ' };
        let point = digits == 0 || time.get(19) == Some(&b'.');
        let fraction = time.get(20..).unwrap_or_default();
        Some(
            *zone == *self.zone
                && time.get(10) == Some(&separator)
                && point
                && fraction.iter().all(u8::is_ascii_digit),
        )
    }

    /// Appends a timestamp in microseconds since 1970; `None` where the style cannot, with something appended perhaps.
    #[inline]
    pub(super) fn write(&self, micros: i64, out: &mut Vec<u8>) -> Option<()> {
        self.write_in(micros, &self.zone, self.minutes, out)
    }

    /// As [`TimeStyle::write`], in a zone with that offset in minutes.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "remainders of a day and of a second"
    )]
    pub(super) fn write_in(
        &self,
        micros: i64,
        zone: &[u8],
        minutes: i64,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        const DAY: i64 = 86_400_000_000;
        let micros = micros.checked_add(minutes * 60_000_000)?;
        write_date(micros.div_euclid(DAY), out)?;
        out.push(if self.t { b'T' } else { b' ' });
        let of_day = micros.rem_euclid(DAY);
        let seconds = (of_day / 1_000_000) as u32;
        let micros = (of_day % 1_000_000) as u32;
        for (number, before) in [
            (seconds / 3600, None),
            (seconds / 60 % 60, Some(b':')),
            (seconds % 60, Some(b':')),
        ] {
            out.extend(before);
            write_padded(number, 2, out);
        }
        let digits = match self.fraction {
            Fraction::Fixed(digits) => usize::from(digits),
            _ if micros == 0 => 0,
            Fraction::Trimmed => {
                let mut digits = 6;
                let mut rest = micros;
                while rest.is_multiple_of(10) {
                    rest /= 10;
                    digits -= 1;
                }
                digits
            }
            Fraction::Threes if micros.is_multiple_of(1000) => 3,
            Fraction::Threes | Fraction::SixOrNone => 6,
        };
        if digits > 0 {
            out.push(b'.');
            let start = out.len();
            write_padded(micros, 6, out);
            out.resize(start + digits, b'0');
        }
        out.extend_from_slice(zone);
        Some(())
    }
}

/// Year, month and day of a number of days since 1970. Howard Hinnant's `civil_from_days`; `None` outside the years 1
/// to 9999.
#[expect(clippy::cast_sign_loss, reason = "remainders of positive days")]
fn civil(days: i64) -> Option<(u32, u32, u32)> {
    // From 0000-03-01 on.
    let days = days.checked_add(719_468).filter(|days| *days >= 306)?;
    let era = days / 146_097;
    let day_of_era = (days % 146_097) as u32;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = u32::try_from(era)
        .ok()?
        .checked_mul(400)?
        .checked_add(year_of_era)?;
    let year = if month <= 2 { year + 1 } else { year };
    (1..=9999).contains(&year).then_some((year, month, day))
}

#[cfg(test)]
mod tests {
    use super::{Fraction, TimeStyle, minutes_of, write_date};
    use crate::time::{Moment, moment};

    #[test]
    fn every_date_is_read_and_written() {
        let mut out = Vec::new();
        let first = -719_162;
        for days in (first..first + 3_652_059)
            .step_by(13)
            .chain([first, first + 3_652_058])
        {
            out.clear();
            write_date(days, &mut out).unwrap();
            assert_eq!(
                moment(&out),
                Some(Moment::Date(i32::try_from(days).unwrap()))
            );
        }
        assert_eq!(write_date(first - 1, &mut out), None);
        assert_eq!(write_date(first + 3_652_059, &mut out), None);
        assert_eq!(write_date(i64::MAX, &mut out), None);
    }

    #[test]
    fn timestamps_are_spelled_in_their_style() {
        let base = 1_709_208_000_000_000;
        let cases = [
            (0, Fraction::Fixed(0), "", "2024-02-29T12:00:00"),
            (500_000, Fraction::Fixed(3), "Z", "2024-02-29T12:00:00.500Z"),
            (
                500_000,
                Fraction::Fixed(9),
                "Z",
                "2024-02-29T12:00:00.500000000Z",
            ),
            (
                500_000,
                Fraction::Trimmed,
                "+02:00",
                "2024-02-29T14:00:00.5+02:00",
            ),
            (0, Fraction::Trimmed, "-0130", "2024-02-29T10:30:00-0130"),
            (
                500_000,
                Fraction::Threes,
                "+00",
                "2024-02-29T12:00:00.500+00",
            ),
            (500, Fraction::Threes, "", "2024-02-29T12:00:00.000500"),
            (
                500_000,
                Fraction::SixOrNone,
                "",
                "2024-02-29T12:00:00.500000",
            ),
            (0, Fraction::SixOrNone, "", "2024-02-29T12:00:00"),
        ];
        for (more, fraction, zone, text) in cases {
            let style = TimeStyle {
                t: true,
                fraction,
                zone: zone.as_bytes().into(),
                minutes: minutes_of(zone.as_bytes()).unwrap(),
            };
            let mut out = Vec::new();
            style.write(base + more, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        assert_eq!(TimeStyle::default().write(i64::MAX, &mut Vec::new()), None);
        assert_eq!(minutes_of(b"+16:00"), None);
        assert_eq!(minutes_of(b"+1:00"), None);
    }
}
