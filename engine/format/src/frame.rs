//! Frames: one compressed unit of one or more blobs.
//!
//! A header is decoded without allocation. Checking the checksum over header and payload is a call of its own, so that
//! a frame that was checked before is not checked again.

use crate::checksum::{checksum, fill_checksum};
use crate::coding::{Reader, put_varint, take_varint};
use crate::error::{FormatError, Reason, Result};
use crate::id_set::IdRun;
use crate::ids::{BlobId, DictionaryNumber};
use crate::limits;

const WHAT: &str = "frame header";
/// Bytes before the varints: checksum, header length, encoding, zero.
const FIXED: usize = 12;

/// How a payload is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// As it is.
    Raw,
    /// zstd: magicless, without content size, checksum and dictionary id.
    Zstd,
    /// The same with a dictionary of the store.
    ZstdDictionary(DictionaryNumber),
}

impl Encoding {
    const fn code(self) -> u8 {
        match self {
            Self::Raw => 0,
            Self::Zstd => 1,
            Self::ZstdDictionary(_) => 2,
        }
    }

    /// The dictionary, if there is one.
    pub const fn dictionary(self) -> Option<DictionaryNumber> {
        match self {
            Self::ZstdDictionary(number) => Some(number),
            Self::Raw | Self::Zstd => None,
        }
    }
}

/// The part of a frame before its payload.
#[derive(Debug, Clone, Copy)]
pub struct FrameHeader<'a> {
    /// How the payload is stored.
    pub encoding: Encoding,
    /// Bytes of the payload in the file.
    pub stored_len: u64,
    /// Bytes of the decoded payload: the blobs, and with several blobs their lengths.
    pub raw_len: u64,
    /// The ids of the blobs, in their order in the payload.
    pub ids: FrameIds<'a>,
    /// Bytes from the frame's start to its payload.
    pub header_len: usize,
}

impl<'a> FrameHeader<'a> {
    /// Decodes the header of the frame that starts at `bytes` and at `offset` in its file. `bytes` need not hold the
    /// payload, and the checksum is left to [`FrameHeader::check`].
    ///
    /// # Errors
    /// The bytes end within the header, or a field has a forbidden value.
    pub fn decode(bytes: &'a [u8], offset: u64) -> Result<Self> {
        let mut fixed = Reader::new(WHAT, bytes, offset);
        fixed.bytes(8)?;
        let header_len = usize::from(fixed.u16()?);
        if header_len < FIXED {
            return Err(fixed.value("the header length is too small"));
        }
        let Some(header) = bytes.get(..header_len) else {
            return Err(fixed.error(Reason::Truncated));
        };
        let mut r = Reader::new(WHAT, header, offset);
        r.bytes(10)?;
        let code = r.u8()?;
        r.zeros(1)?;
        let stored_len = r.varint()?;
        let raw_len = r.varint()?;
        let encoding = match code {
            0 if stored_len == raw_len => Encoding::Raw,
            1 => Encoding::Zstd,
            2 => Encoding::ZstdDictionary(DictionaryNumber(r.varint()?)),
            _ => return Err(r.value("the encoding is unknown or does not fit the lengths")),
        };
        let blobs = r.varint32()?;
        let several_blobs_fit = blobs == 1 || u64::from(blobs) <= raw_len;
        if raw_len > limits::MAX_FRAME
            || stored_len > limits::MAX_FRAME
            || blobs == 0
            || !several_blobs_fit
        {
            return Err(r.value("a length or the number of blobs is out of its range"));
        }
        let ids = FrameIds::decode(&mut r, blobs)?;
        r.zeros(r.remaining())?;
        Ok(Self {
            encoding,
            stored_len,
            raw_len,
            ids,
            header_len,
        })
    }

    /// Bytes of the whole frame.
    pub fn frame_len(&self) -> u64 {
        self.header_len as u64 + self.stored_len
    }

    /// The stored payload of the frame that starts at `bytes` and at `offset` in its file.
    ///
    /// # Errors
    /// The bytes end within the frame.
    pub fn payload<'b>(&self, bytes: &'b [u8], offset: u64) -> Result<&'b [u8]> {
        let mut r = Reader::new("frame", bytes, offset);
        r.bytes(self.header_len)?;
        let stored_len = usize::try_from(self.stored_len);
        r.bytes(stored_len.map_err(|_| r.error(Reason::Truncated))?)
    }

    /// Checks the frame's checksum. `bytes` start where the header was decoded from and hold the whole frame.
    ///
    /// # Errors
    /// The bytes end within the frame, or the checksum does not match.
    pub fn check(&self, bytes: &[u8], salt: u64, offset: u64) -> Result<()> {
        let mut r = Reader::new("frame", bytes, offset);
        let stored = r.u64()?;
        let summed_len = usize::try_from(self.frame_len() - 8);
        let summed = r.bytes(summed_len.map_err(|_| r.error(Reason::Truncated))?)?;
        if checksum(salt, offset.wrapping_add(8), summed) == stored {
            Ok(())
        } else {
            Err(FormatError::new("frame", offset, Reason::Checksum))
        }
    }

    /// [`FrameHeader::decode`] and [`FrameHeader::check`].
    ///
    /// # Errors
    /// Those of both.
    pub fn decode_checked(bytes: &'a [u8], salt: u64, offset: u64) -> Result<Self> {
        let header = Self::decode(bytes, offset)?;
        header.check(bytes, salt, offset)?;
        Ok(header)
    }
}

/// The ids of a frame's blobs: ascending, usually one run.
#[derive(Debug, Clone, Copy)]
pub struct FrameIds<'a> {
    first: IdRun,
    blobs: u32,
    /// The encoded runs after the first; known to be valid.
    more: &'a [u8],
}

impl<'a> FrameIds<'a> {
    fn decode(r: &mut Reader<'a>, blobs: u32) -> Result<Self> {
        let first = IdRun::decode(r, None)?;
        let behind_first = r.rest();
        let (mut end, mut used, mut runs) = (first.end(), first.len, 1);
        while used < u64::from(blobs) && runs < limits::MAX_FRAME_RUNS {
            let run = IdRun::decode(r, Some(end))?;
            end = run.end();
            used = used.saturating_add(run.len);
            runs += 1;
        }
        if used != u64::from(blobs) {
            return Err(r.value("the runs of ids do not add up to the number of blobs"));
        }
        let more = r.since(behind_first)?;
        Ok(Self { first, blobs, more })
    }

    /// Number of blobs, at least 1.
    pub fn len(&self) -> u32 {
        self.blobs
    }

    /// False: a frame holds at least one blob.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The smallest id.
    pub fn first(&self) -> BlobId {
        self.first.first
    }

    /// The largest id.
    pub fn last(&self) -> BlobId {
        self.runs()
            .last()
            .map_or(self.first.first, |run| BlobId(run.end() - 1))
    }

    /// The runs of ids, ascending.
    pub fn runs(&self) -> FrameRuns<'a> {
        FrameRuns {
            next: Some(self.first),
            more: self.more,
        }
    }

    /// The ids, ascending.
    pub fn iter(&self) -> impl Iterator<Item = BlobId> + use<'a> {
        self.runs().flat_map(|run| run.range().map(BlobId))
    }

    /// The position of `id` among the blobs, from 0; `None` when the frame does not hold it.
    #[inline]
    pub fn position(&self, id: BlobId) -> Option<u32> {
        if self.more.is_empty() {
            let position = id.0.wrapping_sub(self.first.first.0);
            return u32::try_from(position)
                .ok()
                .filter(|position| u64::from(*position) < self.first.len);
        }
        let mut before = 0;
        for run in self.runs() {
            if id < run.first {
                return None;
            }
            if id.0 < run.end() {
                return u32::try_from(before + id.0 - run.first.0).ok();
            }
            before += run.len;
        }
        None
    }
}

/// Iterator over the runs of [`FrameIds`].
#[derive(Debug, Clone)]
pub struct FrameRuns<'a> {
    next: Option<IdRun>,
    more: &'a [u8],
}

impl Iterator for FrameRuns<'_> {
    type Item = IdRun;

    fn next(&mut self) -> Option<IdRun> {
        let run = self.next.take()?;
        if let Some((gap, rest)) = take_varint(self.more)
            && let Some((len, rest)) = take_varint(rest)
        {
            self.next = Some(IdRun {
                first: BlobId(run.end() + gap),
                len,
            });
            self.more = rest;
        }
        Some(run)
    }
}

/// What the header of a new frame says of its payload.
#[derive(Debug, Clone, Copy)]
pub struct FrameSpec<'a> {
    /// How the payload is stored.
    pub encoding: Encoding,
    /// Bytes of the decoded payload.
    pub raw_len: u64,
    /// The ids of the blobs, as [`crate::IdSet::runs`] gives them.
    pub runs: &'a [IdRun],
}

impl FrameSpec<'_> {
    /// Appends the frame, which will be at `offset` in a file with `salt`, and returns the length of its header in
    /// bytes.
    ///
    /// # Errors
    /// The frame exceeds a limit of the format (see [`crate::limits`]); then nothing was appended.
    pub fn encode(
        &self,
        payload: &[u8],
        salt: u64,
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<usize> {
        let error = |reason| FormatError::new(WHAT, offset, reason);
        let blobs: u64 = self.runs.iter().map(|run| run.len).sum();
        if self.runs.len() > limits::MAX_FRAME_RUNS || u32::try_from(blobs).is_err() || blobs == 0 {
            return Err(error(Reason::Value(
                "too many runs of ids or blobs, or none",
            )));
        }
        if self.raw_len > limits::MAX_FRAME || payload.len() as u64 > limits::MAX_FRAME {
            return Err(error(Reason::Value("the payload is too large for a frame")));
        }
        let mut fields = Vec::with_capacity(96);
        fields.extend_from_slice(&[self.encoding.code(), 0]);
        put_varint(&mut fields, payload.len() as u64);
        put_varint(&mut fields, self.raw_len);
        if let Encoding::ZstdDictionary(number) = self.encoding {
            put_varint(&mut fields, number.0);
        }
        put_varint(&mut fields, blobs);
        let mut end = 0;
        for run in self.runs {
            run.encode(end, &mut fields);
            end = run.end();
        }
        if self.encoding == Encoding::Raw && blobs == 1 {
            while !(offset + (10 + fields.len()) as u64).is_multiple_of(limits::RAW_ALIGN) {
                fields.push(0);
            }
        }
        let header_len = 10 + fields.len();
        // 2,048 runs of at most 20 bytes and 63 bytes of padding fit 16 bits.
        let stored_header_len = u16::try_from(header_len)
            .map_err(|_| error(Reason::Internal("a header is longer than its limits allow")))?;
        let from = out.len();
        out.reserve(header_len + payload.len());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&stored_header_len.to_le_bytes());
        out.extend_from_slice(&fields);
        out.extend_from_slice(payload);
        fill_checksum(out, from, salt, offset)?;
        Ok(header_len)
    }
}

/// Appends the lengths of the blobs, which are in front of them in a payload of two or more.
pub fn put_lengths(lengths: impl IntoIterator<Item = u64>, out: &mut Vec<u8>) {
    for len in lengths {
        put_varint(out, len);
    }
}

/// Where the blobs lie in a decoded payload: `offsets` becomes `blobs + 1` positions, blob `i` is
/// `payload[offsets[i]..offsets[i + 1]]`.
///
/// # Errors
/// There is no blob, or the lengths do not fit the payload.
pub fn decode_offsets(payload: &[u8], blobs: u32, offsets: &mut Vec<u32>) -> Result<()> {
    offsets.clear();
    let end = payload_end(payload)?;
    if blobs < 2 {
        offsets.extend_from_slice(&[0, end]);
        return if blobs == 1 {
            Ok(())
        } else {
            Err(bad_lengths())
        };
    }
    if blobs > end {
        return Err(bad_lengths());
    }
    // 2^26 lengths of at most 2^26 each do not overflow.
    let mut total = 0_u64;
    let mut rest = payload;
    for _ in 0..blobs {
        let Some((len, behind)) = take_varint(rest) else {
            return Err(bad_lengths());
        };
        offsets.push(u32::try_from(total).map_err(|_| bad_lengths())?);
        if len > u64::from(end) {
            return Err(bad_lengths());
        }
        total += len;
        rest = behind;
    }
    if total != rest.len() as u64 {
        return Err(bad_lengths());
    }
    let first = end - u32::try_from(rest.len()).map_err(|_| bad_lengths())?;
    for offset in offsets.iter_mut() {
        *offset += first;
    }
    offsets.push(end);
    Ok(())
}

/// Where blob `index` of `blobs` lies in a decoded payload.
///
/// # Errors
/// There is no such blob, or the lengths do not fit the payload.
pub fn locate(payload: &[u8], blobs: u32, index: u32) -> Result<std::ops::Range<usize>> {
    if index >= blobs {
        return Err(bad_lengths());
    }
    if blobs == 1 {
        return Ok(0..payload.len());
    }
    let (mut before, mut own) = (0_u64, 0_u64);
    let mut rest = payload;
    for i in 0..blobs {
        let Some((len, behind)) = take_varint(rest) else {
            return Err(bad_lengths());
        };
        if i < index {
            before = before.saturating_add(len);
        } else if i == index {
            own = len;
        }
        rest = behind;
    }
    let first = (payload.len() - rest.len()) as u64;
    let start = first.saturating_add(before);
    let end = start.saturating_add(own);
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) if end <= payload.len() => Ok(start..end),
        _ => Err(bad_lengths()),
    }
}

/// The length of a payload, which is at most [`limits::MAX_FRAME`].
fn payload_end(payload: &[u8]) -> Result<u32> {
    u32::try_from(payload.len())
        .ok()
        .filter(|len| u64::from(*len) <= limits::MAX_FRAME)
        .ok_or_else(bad_lengths)
}

#[cold]
fn bad_lengths() -> FormatError {
    FormatError::new(
        "payload of a frame",
        0,
        Reason::Value("the lengths of the blobs do not fit the payload"),
    )
}
