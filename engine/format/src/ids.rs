//! The hash that identifies a blob, and typed numbers for everything else, so that one is not taken for another.

use std::fmt;
use std::str::FromStr;

/// Identity of a blob: the BLAKE3-256 of exactly its bytes. Shown as 64 lower-case hex characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// A hash that was computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 8 bytes as a big-endian number, so that fingerprints sort like hashes.
    pub const fn fingerprint(&self) -> Fingerprint {
        let [b0, b1, b2, b3, b4, b5, b6, b7, ..] = self.0;
        Fingerprint(u64::from_be_bytes([b0, b1, b2, b3, b4, b5, b6, b7]))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0_u8; 64];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            #[expect(clippy::indexing_slicing, reason = "half a byte is below 16")]
            let digits = [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ];
            *pair = digits;
        }
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// Why a text is not a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashParseError {
    /// Not 64 characters; how many there are.
    Length(usize),
    /// A character that is not a hex digit, and its index from 0.
    Digit(usize, char),
}

impl fmt::Display for HashParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n) => write!(f, "a hash has 64 hex characters, this text has {n}"),
            Self::Digit(at, c) => write!(
                f,
                "a hash has hex characters only, character {} is {c:?}",
                at + 1
            ),
        }
    }
}

impl std::error::Error for HashParseError {}

/// The value of a hex digit of either case.
fn hex_value(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

impl FromStr for Hash {
    type Err = HashParseError;

    fn from_str(text: &str) -> Result<Self, HashParseError> {
        let refused = || {
            let digit = text
                .chars()
                .enumerate()
                .find(|(_, c)| !c.is_ascii_hexdigit());
            digit.map_or(HashParseError::Length(text.len()), |(at, c)| {
                HashParseError::Digit(at, c)
            })
        };
        let (pairs, _) = text.as_bytes().as_chunks::<2>();
        if text.len() != 64 {
            return Err(refused());
        }
        let mut bytes = [0_u8; 32];
        for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
            let (Some(high), Some(low)) = (hex_value(high), hex_value(low)) else {
                return Err(refused());
            };
            *byte = (high << 4) | low;
        }
        Ok(Self(bytes))
    }
}

/// Identity of a store, random, written once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StoreUuid(pub [u8; 16]);

impl fmt::Display for StoreUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, byte) in self.0.iter().enumerate() {
            if matches!(i, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for StoreUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUuid({self})")
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u64);

        impl $name {
            /// The bare number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The next number; the highest one for the highest.
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl From<u64> for $name {
            fn from(number: u64) -> Self {
                Self(number)
            }
        }

        impl From<$name> for u64 {
            fn from(number: $name) -> Self {
                number.0
            }
        }
    };
}

number!(
    /// A blob's arrival number: stable for the blob's life, never given twice.
    BlobId
);
number!(
    /// A collection; one that is created again after a drop has a new number.
    CollectionId
);
number!(
    /// A row's place in its collection.
    Seq
);
number!(
    /// A segment file.
    SegmentNumber
);
number!(
    /// A commit, counted from 1; 0 is the empty store before the first.
    CommitNumber
);
number!(
    /// A dictionary of the store.
    DictionaryNumber
);
number!(
    /// A file that rows were read from; 0 means none.
    FileNumber
);

impl FileNumber {
    /// The file number of rows without a file.
    pub const NONE: Self = Self(0);
}

/// The first 8 bytes of a hash as a big-endian number: it finds candidates, whose bytes then prove the hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint with its first bits, 1 to 64 of them; the others are zero.
    #[must_use]
    pub const fn shortened(self, bits: u32) -> Self {
        let shift = u64::BITS - bits;
        Self(self.0 >> shift << shift)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
