//! Names of backups: the time they were made, in UTC.

/// `20261129T235500.123Z.lakebed`
const SUFFIX: &str = "Z.lakebed";
const MICROS: i64 = 1000;

/// The name for a time in milliseconds since 1970.
pub(super) fn name(millis: i64) -> String {
    let (seconds, rest) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{:02}.{rest:03}{SUFFIX}",
        second % 60
    )
}

/// The name for a time in microseconds, and after the last name there is: names sort by age, also when the clock was
/// set back.
pub(super) fn next(micros: i64, last: Option<&str>) -> String {
    let mut millis = micros.div_euclid(MICROS);
    if let Some(last) = last.and_then(parse) {
        millis = millis.max(last + 1);
    }
    name(millis)
}

/// The time of a name, in milliseconds since 1970; `None` for a name that is not a backup's.
pub(super) fn parse(name: &str) -> Option<i64> {
    let text = name.strip_suffix(SUFFIX)?;
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = text.get(from..to)?;
        let all = part.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| part.parse().ok()).flatten()
    };
    let days = days(digits(0, 4)?, digits(4, 6)?, digits(6, 8)?);
    let seconds = digits(9, 11)? * 3600 + digits(11, 13)? * 60 + digits(13, 15)?;
    let millis = (days * 86_400 + seconds) * 1000 + digits(16, 19)?;
    // Whatever else is not as it is written here is no such name.
    (self::name(millis) == name).then_some(millis)
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar. Years begin in March here, so that a
/// leap day is the last one.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_the_time() {
        for (millis, expected) in [
            (0, "19700101T000000.000Z.lakebed"),
            (951_782_400_000, "20000229T000000.000Z.lakebed"),
            (1_795_996_500_123, "20261129T235500.123Z.lakebed"),
            (4_107_542_399_999, "21000228T235959.999Z.lakebed"),
        ] {
            assert_eq!(name(millis), expected);
            assert_eq!(parse(expected), Some(millis));
        }
        for other in [
            "",
            "data.lakebed",
            "20261329T235500.123Z.lakebed",
            "20261129T235500.12Z.lakebed",
            "2026112+T235500.123Z.lakebed",
            "20261129T235500.123Z.lakebed.old",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_change_the_order() {
        let last = name(5000);
        assert_eq!(next(4_000_000, Some(&last)), name(5001));
        assert_eq!(next(9_000_000, Some(&last)), name(9000));
        assert_eq!(next(9_000_000, None), name(9000));
    }
}
