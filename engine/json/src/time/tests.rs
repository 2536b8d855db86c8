//! Values of dates and timestamps, and texts that are none.

use super::{Moment, moment};

#[test]
fn moments_have_their_value() {
    assert_eq!(moment(b"1970-01-01"), Some(Moment::Date(0)));
    assert_eq!(moment(b"1969-12-31"), Some(Moment::Date(-1)));
    assert_eq!(moment(b"2000-03-01"), Some(Moment::Date(11_017)));
    assert_eq!(moment(b"0001-01-01"), Some(Moment::Date(-719_162)));
    assert_eq!(moment(b"9999-12-31"), Some(Moment::Date(2_932_896)));
    assert_eq!(
        moment(b"1970-01-01T00:00:01.5"),
        Some(Moment::Naive(1_500_000))
    );
    assert_eq!(
        moment(b"1970-01-01 01:00:00+01"),
        Some(Moment::Zoned {
            micros: 0,
            utc: false
        })
    );
    assert_eq!(
        moment(b"1970-01-01T00:00:00-00:30"),
        Some(Moment::Zoned {
            micros: 1_800_000_000,
            utc: false
        })
    );
    for text in [
        "1970-01-01T02:00:00+0200",
        "1969-12-31 19:30:00.000000000-0430",
    ] {
        assert_eq!(
            moment(text.as_bytes()),
            Some(Moment::Zoned {
                micros: 0,
                utc: false
            }),
            "{text}"
        );
    }
    assert_eq!(
        moment(b"1970-01-01T00:00:00.000001000Z"),
        Some(Moment::Zoned {
            micros: 1,
            utc: true
        })
    );
    assert_eq!(
        moment(b"1970-01-01T00:00:00.000001Z"),
        Some(Moment::Zoned {
            micros: 1,
            utc: true
        })
    );
    for text in [
        "0000-01-01",
        "1970-13-01",
        "1970-00-01",
        "1970-01-00",
        "1970-01-32",
        "1900-02-29",
        "1970-1-1",
        "1970-01-01T",
        "1970-01-01T00:00",
        "1970-01-01T24:00:00",
        "1970-01-01T00:60:00",
        "1970-01-01T00:00:60",
        "1970-01-01T00:00:00.",
        "1970-01-01T00:00:00z",
        "1970-01-01T00:00:00+1",
        "1970-01-01T00:00:00+010",
        "1970-01-01T00:00:00.0000001",
        "1970-01-01T00:00:00.0000000000",
        "1970-01-01T00:00:00+16:00",
        "1970-01-01T00:00:00 Z",
        "1970-01-01t00:00:00",
        "1970-01-01T00:00:00Z ",
        "+970-01-01",
        "1970-01-01T00:00:00+01:",
        "1970-01-01T00:00:00*01:00",
    ] {
        assert_eq!(moment(text.as_bytes()), None, "{text}");
    }
}
