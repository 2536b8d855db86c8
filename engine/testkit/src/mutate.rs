//! Stores changed as arbitrary bytes say, with every checksum right again: what a fuzzer needs to get past them.

use std::ops::Range;

use crate::checksums::{Files, Links, Sum};

/// Bytes of a program that one change takes.
pub const CHANGE: usize = 8;
/// At most so many changes of one program are made.
const MOST: usize = 8;
/// Numbers at which decoders break: lengths, counts and offsets at the ends of their ranges.
const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    7,
    0x7f,
    0x80,
    0xff,
    0xffff,
    0x1_0000,
    1 << 24,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 32,
    1 << 48,
    (1 << 63) - 1,
    u64::MAX,
];

/// The files of a whole store, and where their structures lie.
#[derive(Debug)]
pub struct Forge {
    files: Files,
    links: Links,
    /// Each file with the bytes that a checksum covers, the smaller structures inside the larger ones too.
    structures: Vec<(String, Range<usize>)>,
}

impl Forge {
    /// Of a whole store.
    pub fn new(files: Files) -> Self {
        Self::with_sums(files, Vec::new())
    }

    /// Of a whole store with further checksums.
    pub fn with_sums(files: Files, sums: Vec<Sum>) -> Self {
        let links = Links::of_store(&files).with(sums);
        let mut structures: Vec<_> = links.structures().collect();
        // The text that has no checksum.
        structures
            .extend((files.get("LOCK").iter()).map(|bytes| ("LOCK".to_owned(), 0..bytes.len())));
        Self {
            files,
            links,
            structures,
        }
    }

    /// The files as they are.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The files after the changes that a program tells, eight bytes each: what kind, in which structure (two bytes),
    /// where in it (two bytes), and with which value (three bytes). All checksums are right afterwards, unless the last
    /// change is of the kind that leaves them.
    pub fn forged(&self, program: &[u8]) -> Files {
        let mut files = self.files.clone();
        let mut seal = true;
        for change in program.as_chunks::<CHANGE>().0.iter().take(MOST) {
            seal = self.change(&mut files, *change);
        }
        if seal {
            self.links.make(&mut files);
        }
        files
    }

    /// Makes one change; whether the checksums are to be made right.
    fn change(&self, files: &mut Files, change: [u8; CHANGE]) -> bool {
        let [kind, ref which @ .., _, _, _] = change;
        let (structure, place) = (two(which, 0), two(which, 2));
        let [.., x, y, z] = change;
        let value = usize::from(x) | usize::from(y) << 8 | usize::from(z) << 16;
        if self.structures.is_empty() {
            return true;
        }
        let Some((name, range)) = self.structures.get(structure % self.structures.len()) else {
            return true;
        };
        let Some(bytes) = files.get_mut(name) else {
            return true;
        };
        let at = range.start + place % range.len().max(1);
        let number = NUMBERS[usize::from(x) % NUMBERS.len()].wrapping_add(u64::from(y & 3));
        match kind % 10 {
            0 => write(bytes, at, &[x]),
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (x % 8);
                }
            }
            2 => write(bytes, at, &number.to_le_bytes()),
            3 => write(bytes, at, &number.to_le_bytes()[..4]),
            4 => {
                // The nearest field of eight bytes.
                let aligned = at - (at - range.start) % 8;
                write(bytes, aligned, &number.to_le_bytes());
            }
            5 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = byte.wrapping_add(x);
                }
            }
            6 => {
                // What lies elsewhere in the file, so that values of one structure turn up in another.
                let from = value % bytes.len().max(1);
                let len = 1 + usize::from(z) % 64;
                let copied = bytes.get(from..bytes.len().min(from + len));
                let copied = copied.unwrap_or_default().to_vec();
                write(bytes, at, &copied);
            }
            7 => {
                // One more of the bytes of a varint.
                write(bytes, at, &[x | 0x80, y | 0x80, z]);
            }
            8 => {
                if x % 2 == 0 {
                    bytes.truncate(at);
                } else {
                    bytes.resize(bytes.len() + value % 5000, y);
                }
            }
            _ => {
                write(bytes, at, &[x, y, z]);
                return false;
            }
        }
        true
    }
}

/// The number in two bytes.
fn two(bytes: &[u8], at: usize) -> usize {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    usize::from(number.map_or(0, |number| u16::from_le_bytes(*number)))
}

/// Writes as much as the file has room for.
fn write(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(at).zip(value) {
        *to = *from;
    }
}
