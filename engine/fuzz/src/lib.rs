//! Input shared by the targets: valid JSON, and checksums that let arbitrary bytes pass.

use lakebed_format::checksum;

/// Replaces the last eight of the first `len` bytes by the checksum of those before them, as a file with that salt has
/// it at `offset`. Without it, the checksum would reject nearly every input before the decoder reads a field.
pub fn seal(bytes: &mut [u8], len: usize, salt: u64, offset: u64) {
    let Some((body, sum)) = bytes
        .get_mut(..len)
        .and_then(|bytes| bytes.split_last_chunk_mut::<8>())
    else {
        return;
    };
    *sum = checksum(salt, offset, body).to_le_bytes();
}

/// The number in the eight bytes at `at`; 0 where there are fewer.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let number = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    number.map_or(0, |number| u64::from_le_bytes(*number))
}

/// Valid JSON made of arbitrary bytes: each byte chooses what comes next.
pub struct JsonSource<'a> {
    bytes: &'a [u8],
}

/// Values that tests of parsers need and random bytes seldom spell.
const SCALARS: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-0.0",
    "9007199254740993",
    "18446744073709551615",
    "-9223372036854775809",
    "99999999999999999999999999999999999999",
    "170141183460469231731687303715884105728",
    "1e400",
    "1E-400",
    "0.1000000000000000055511151231257827",
    "\"\"",
    "\"2024-02-29\"",
    "\"2024-02-29T12:00:00.5\"",
    "\"2024-02-29 12:00:00+01:30\"",
    "\"2024-02-30\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"a\\u0000b\"",
    "\"\\\"key\\\":1\"",
    "\"\u{e9}\\n\"",
];

/// Keys that collide, need escapes, or are names of system columns.
const KEYS: [&str; 12] = [
    "a", "b", "A", "key", "_seq", "value", "\\u0061", "", ",", ":", "a b", "\\ud800",
];

impl<'a> JsonSource<'a> {
    /// Values made of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether no byte is left.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        *byte
    }

    /// A text of one value.
    pub fn value(&mut self) -> String {
        let mut out = String::new();
        self.write_value(0, &mut out);
        out
    }

    /// A text of one object.
    pub fn object(&mut self) -> String {
        let mut out = String::new();
        self.write_object(0, &mut out);
        out
    }

    fn write_value(&mut self, depth: u8, out: &mut String) {
        let choice = self.byte();
        match choice % 8 {
            0 if depth < 16 => self.write_object(depth, out),
            1 if depth < 16 => {
                out.push('[');
                for number in 0..self.byte() % 4 {
                    if number > 0 {
                        out.push(',');
                    }
                    self.write_value(depth + 1, out);
                }
                out.push(']');
            }
            2 => {
                let number = i64::from_le_bytes(std::array::from_fn(|_| self.byte()));
                out.push_str(&number.to_string());
            }
            3 => {
                out.push('"');
                for _ in 0..self.byte() % 32 {
                    // From `#` on, without the backslash.
                    let byte = self.byte() % 57 + b'#';
                    out.push(char::from(byte));
                }
                out.push('"');
            }
            _ => out.push_str(SCALARS[usize::from(choice / 8) % SCALARS.len()]),
        }
    }

    fn write_object(&mut self, depth: u8, out: &mut String) {
        out.push('{');
        for number in 0..self.byte() % 8 {
            if number > 0 {
                out.push(',');
            }
            let key = KEYS[usize::from(self.byte()) % KEYS.len()];
            out.push_str(&format!("\"{key}\":"));
            self.write_value(depth + 1, out);
        }
        out.push('}');
    }
}
