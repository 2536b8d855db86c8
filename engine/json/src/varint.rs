//! Varints: LEB128 in its shortest form, of at most 64 bits. They are those of `lakebed-format`, read and written here
//! so that this crate does without it.

/// Why bytes do not begin with a varint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadVarint {
    /// They end before it does.
    Cut,
    /// It is not in its shortest form, or has more than 64 bits.
    TooLong,
}

/// Reads a varint from the front of `bytes`.
#[inline]
pub(crate) fn read(bytes: &mut &[u8]) -> Result<u64, BadVarint> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(BadVarint::Cut)?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7F);
        if bits << shift >> shift != bits || (*byte == 0 && shift > 0) {
            return Err(BadVarint::TooLong);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(BadVarint::TooLong)
}

/// Appends a varint.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lowest seven bits are written at a time"
)]
pub(crate) fn write(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7F {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
