//! Doubles as the writers of JSON spell them.
//!
//! All but fixed digits write the shortest digits that give the double back, the nearest to it among those. They differ
//! in where they turn to an exponent, in how they write it, and in whether a whole number has a `.0`.

use super::integers::{write_i64, write_u64};

/// Whose notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notation {
    /// ECMAScript's, which Go's `encoding/json` has too: `0.000001`, `1e-7`, `100000000000000000000`, `1e+21`.
    JavaScript,
    /// Python's: `0.0001`, `1e-05`, `1000000000000000`, `1e+16`.
    Python,
    /// Ryu's, which orjson and older versions of Rust's serde_json have: `0.00001`, `1e-6`, `1000000000000000`, `1e16`.
    Ryu,
    /// Żmij's, which Rust's serde_json has: `0.00001`, `1e-6`, `1000000000000000`, `1e+16`.
    Zmij,
    /// Java's: `0.001`, `1.0E-4`, `1000000`, `1.0E7`.
    Java,
}

/// How the doubles of a leaf are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DoubleStyle {
    /// The shortest digits.
    Shortest {
        /// Where and how an exponent is written.
        notation: Notation,
        /// Whether whole numbers without exponent end in `.0`.
        point: bool,
    },
    /// This number of digits after the point, from 1 to 15.
    Fixed(u8),
}

/// The most digits that [`DoubleStyle::Fixed`] has.
pub(super) const MOST_DIGITS: u8 = 15;

const NOTATIONS: [Notation; 5] = [
    Notation::JavaScript,
    Notation::Python,
    Notation::Ryu,
    Notation::Zmij,
    Notation::Java,
];

impl DoubleStyle {
    /// All styles of shortest digits.
    pub(super) fn shortest() -> impl Iterator<Item = Self> {
        [true, false].into_iter().flat_map(|point| {
            NOTATIONS
                .into_iter()
                .map(move |notation| Self::Shortest { notation, point })
        })
    }

    /// As a byte: twice the notation, and 1 without `.0`; or 16 and the number of digits.
    pub(super) fn to_byte(self) -> u8 {
        match self {
            Self::Shortest { notation, point } => {
                let number = match notation {
                    Notation::JavaScript => 0,
                    Notation::Python => 2,
                    Notation::Ryu => 4,
                    Notation::Zmij => 6,
                    Notation::Java => 8,
                };
                number + u8::from(!point)
            }
            Self::Fixed(digits) => 16 + digits,
        }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        if byte < 16 {
            return Some(Self::Shortest {
                notation: *NOTATIONS.get(usize::from(byte / 2))?,
                point: byte.is_multiple_of(2),
            });
        }
        let digits = byte - 16;
        (1..=MOST_DIGITS)
            .contains(&digits)
            .then_some(Self::Fixed(digits))
    }

    /// Appends the double; `None` where the style cannot, with something appended perhaps.
    pub(super) fn write(self, value: f64, out: &mut Vec<u8>) -> Option<()> {
        if !value.is_finite() {
            return None;
        }
        if value.is_sign_negative() {
            out.push(b'-');
        }
        match self {
            Self::Fixed(digits) => fixed(value.abs(), digits, out),
            Self::Shortest { notation, point } => {
                shortest(value.abs(), notation, point, out);
                Some(())
            }
        }
    }
}

/// The whole number nearest to the value times a power of ten, both computed as doubles, with its point put in.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number below 2^53"
)]
fn fixed(value: f64, digits: u8, out: &mut Vec<u8>) -> Option<()> {
    let scale = 10u64.checked_pow(u32::from(digits))?;
    let scaled = (value * scale as f64).round_ties_even();
    if scaled >= 9_007_199_254_740_992.0 {
        return None;
    }
    let scaled = scaled as u64;
    write_u64(scaled / scale, out);
    out.push(b'.');
    let start = out.len();
    write_u64(scaled % scale, out);
    let missing = usize::from(digits).saturating_sub(out.len() - start);
    out.splice(start..start, std::iter::repeat_n(b'0', missing));
    Some(())
}

/// The digits of a number, and where its point is: `0.d1d2d3... * 10^point`.
struct Decimal {
    digits: [u8; 32],
    length: usize,
    point: i64,
}

impl Decimal {
    fn of(value: f64) -> Self {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value).as_bytes();
        let mut made = Self {
            digits: [b'0'; 32],
            length: 0,
            point: 0,
        };
        let mut seen_point = false;
        let mut exponent = 0i64;
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'.' => seen_point = true,
                b'e' => {
                    let rest = text.get(at + 1..).unwrap_or_default();
                    let digits = rest.iter().filter(|byte| byte.is_ascii_digit());
                    exponent =
                        digits.fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
                    if rest.starts_with(b"-") {
                        exponent = -exponent;
                    }
                    break;
                }
                digit => {
                    // Zeros before the first digit move the point only.
                    if made.length > 0 || *digit != b'0' {
                        if let Some(place) = made.digits.get_mut(made.length) {
                            *place = *digit;
                        }
                        made.length += 1;
                        made.point += i64::from(!seen_point);
                    } else if seen_point {
                        made.point -= 1;
                    }
                }
            }
        }
        made.point += exponent;
        while made.length > 0 && made.digits.get(made.length - 1) == Some(&b'0') {
            made.length -= 1;
        }
        if made.length == 0 {
            (made.length, made.point) = (1, 1);
        }
        made
    }
}

fn shortest(value: f64, notation: Notation, point: bool, out: &mut Vec<u8>) {
    let decimal = Decimal::of(value);
    let digits = decimal.digits.get(..decimal.length).unwrap_or_default();
    let (low, high) = match notation {
        Notation::JavaScript => (-6, 21),
        Notation::Python => (-4, 16),
        Notation::Ryu | Notation::Zmij => (-5, 16),
        Notation::Java => (-3, 7),
    };
    let before = decimal.point;
    if before <= low || before > high {
        return scientific(digits, before - 1, notation, out);
    }
    let zeros = |count: i64, out: &mut Vec<u8>| {
        out.resize(out.len() + usize::try_from(count).unwrap_or(0), b'0');
    };
    if before <= 0 {
        out.extend_from_slice(b"0.");
        zeros(-before, out);
        out.extend_from_slice(digits);
        return;
    }
    let place = usize::try_from(before).unwrap_or(0);
    if let Some((whole, fraction)) = digits
        .split_at_checked(place)
        .filter(|(_, f)| !f.is_empty())
    {
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
        return;
    }
    out.extend_from_slice(digits);
    zeros(before - digits.len() as i64, out);
    if point {
        out.extend_from_slice(b".0");
    }
}

fn scientific(digits: &[u8], exponent: i64, notation: Notation, out: &mut Vec<u8>) {
    let Some((first, others)) = digits.split_first() else {
        return;
    };
    out.push(*first);
    if !others.is_empty() {
        out.push(b'.');
        out.extend_from_slice(others);
    } else if notation == Notation::Java {
        out.extend_from_slice(b".0");
    }
    out.push(if notation == Notation::Java {
        b'E'
    } else {
        b'e'
    });
    match notation {
        Notation::Ryu | Notation::Java => write_i64(exponent, out),
        Notation::JavaScript | Notation::Python | Notation::Zmij => {
            out.push(if exponent < 0 { b'-' } else { b'+' });
            let size = exponent.unsigned_abs();
            if notation == Notation::Python && size < 10 {
                out.push(b'0');
            }
            write_u64(size, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DoubleStyle, Notation};

    fn written(style: DoubleStyle, value: f64) -> String {
        let mut out = Vec::new();
        match style.write(value, &mut out) {
            Some(()) => String::from_utf8(out).unwrap(),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn doubles_are_spelled_as_their_writers_do() {
        // JavaScript, Python, Ryu, Java.
        let cases: [(f64, [&str; 4]); 12] = [
            (0.0, ["0", "0.0", "0.0", "0.0"]),
            (-0.0, ["-0", "-0.0", "-0.0", "-0.0"]),
            (1.5, ["1.5", "1.5", "1.5", "1.5"]),
            (100.0, ["100", "100.0", "100.0", "100.0"]),
            (1e7, ["10000000", "10000000.0", "10000000.0", "1.0E7"]),
            (1e16, ["10000000000000000", "1e+16", "1e16", "1.0E16"]),
            (
                123_456_789_012_345_680.0,
                [
                    "123456789012345680",
                    "1.2345678901234568e+17",
                    "1.2345678901234568e17",
                    "1.2345678901234568E17",
                ],
            ),
            (1e21, ["1e+21", "1e+21", "1e21", "1.0E21"]),
            (0.0001, ["0.0001", "0.0001", "0.0001", "1.0E-4"]),
            (0.000_01, ["0.00001", "1e-05", "0.00001", "1.0E-5"]),
            (-1.25e-7, ["-1.25e-7", "-1.25e-07", "-1.25e-7", "-1.25E-7"]),
            (5e-324, ["5e-324", "5e-324", "5e-324", "5.0E-324"]),
        ];
        let notations = [
            Notation::JavaScript,
            Notation::Python,
            Notation::Ryu,
            Notation::Java,
        ];
        for (value, texts) in cases {
            for (notation, text) in notations.into_iter().zip(texts) {
                let point = notation != Notation::JavaScript;
                let style = DoubleStyle::Shortest { notation, point };
                assert_eq!(written(style, value), text, "{value:e}");
            }
        }
        let zmij = DoubleStyle::Shortest {
            notation: Notation::Zmij,
            point: true,
        };
        for exponent in -320..308 {
            for digits in ["1", "1.5", "9.999999999999999", "1.2345678901234567"] {
                let value: f64 = format!("{digits}e{exponent}").parse().unwrap();
                assert_eq!(
                    written(zmij, value),
                    zmij::Buffer::new().format_finite(value)
                );
            }
        }
    }

    #[test]
    fn fixed_digits_round_to_the_nearest() {
        for (value, digits, text) in [
            (1.5, 2, "1.50"),
            (-0.05, 2, "-0.05"),
            (0.0, 3, "0.000"),
            (1234.005, 1, "1234.0"),
            (9.999, 2, "10.00"),
            (9e15, 2, "none"),
            (f64::NAN, 2, "none"),
        ] {
            assert_eq!(written(DoubleStyle::Fixed(digits), value), text);
        }
    }

    #[test]
    fn styles_are_bytes() {
        for byte in 0..=255 {
            if let Some(style) = DoubleStyle::from_byte(byte) {
                assert_eq!(style.to_byte(), byte);
            }
        }
        assert_eq!(DoubleStyle::shortest().count(), 10);
        for style in DoubleStyle::shortest().chain([DoubleStyle::Fixed(1), DoubleStyle::Fixed(15)])
        {
            assert_eq!(DoubleStyle::from_byte(style.to_byte()), Some(style));
        }
    }
}
