//! Numbers, dates and timestamps: the values agree with those of the standard library.
#![no_main]

use lakebed_json::time::{Moment, moment};
use lakebed_json::{Integer, fitting_double, integer, validate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let integer = integer(data);
    let double = fitting_double(data);
    let moment = moment(data);
    let Ok(text) = std::str::from_utf8(data) else {
        assert!(moment.is_none());
        return;
    };
    match moment {
        Some(Moment::Date(days)) => assert!((-719_162..=2_932_896).contains(&days)),
        Some(Moment::Naive(micros)) => assert!(micros.unsigned_abs() < 1 << 58),
        Some(Moment::Zoned { micros, utc }) => {
            assert!(micros.unsigned_abs() < 1 << 58);
            assert!(utc || !text.ends_with('Z'));
        }
        None => {}
    }
    let is_number = matches!(data.first(), Some(b'-' | b'0'..=b'9'))
        && !text.ends_with([' ', '\t', '\n', '\r'])
        && validate(data).is_ok();
    if !is_number {
        return;
    }
    match integer {
        Some(Integer::Small(value)) => assert_eq!(text.parse(), Ok(value)),
        Some(Integer::Large(value)) => {
            assert_eq!(text.parse(), Ok(value));
            assert!(i64::try_from(value).is_err());
        }
        Some(Integer::Beyond) => assert!(text.parse::<i128>().is_err()),
        None => assert!(text.contains(['.', 'e', 'E'])),
    }
    if let Some(double) = double {
        assert_eq!(text.parse(), Ok(double));
        assert!(double.is_finite());
    }
});
