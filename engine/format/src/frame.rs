//! Frames: one compressed unit of one or more blobs.
//!
//! Headers are decoded without allocation from the bytes at hand. Whether the checksum over header and payload is asked is the caller's
//! choice: what was checked once need not be again.

use crate::checksum::checksum;
use crate::coding::{Reader, put_varint, take_varint};
use crate::error::{Reason, Result};
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

/// What stands before a frame's payload.
#[derive(Debug, Clone, Copy)]
pub struct FrameHeader<'a> {
    /// How the payload is stored.
    pub encoding: Encoding,
    /// Bytes of the payload in the file.
    pub stored_len: u64,
    /// Bytes of the decoded payload: the lengths in front, where there are several blobs, and the blobs.
    pub raw_len: u64,
    /// The ids of the blobs, in their order in the payload.
    pub ids: FrameIds<'a>,
    /// Bytes from the frame's start to its payload.
    pub header_len: usize,
}

impl<'a> FrameHeader<'a> {
    /// Decodes the header of the frame that starts at `bytes` and at `offset` in its file. The checksum is not asked;
    /// see [`FrameHeader::check`]. The payload need not be there.
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

    /// The stored payload of the frame that starts at `bytes`.
    pub fn payload<'b>(&self, bytes: &'b [u8], offset: u64) -> Result<&'b [u8]> {
        let mut r = Reader::new("frame", bytes, offset);
        r.bytes(self.header_len)?;
        // `stored_len` is at most MAX_FRAME.
        r.bytes(self.stored_len as usize)
    }

    /// Checks the frame's checksum. `bytes` start where the header was decoded from and hold the whole frame.
    pub fn check(&self, bytes: &[u8], salt: u64, offset: u64) -> Result<()> {
        let mut r = Reader::new("frame", bytes, offset);
        let frame = r.clone().bytes(self.frame_len() as usize)?;
        r.checksum(checksum(
            salt,
            offset.wrapping_add(8),
            frame.get(8..).unwrap_or_default(),
        ))
    }

    /// [`FrameHeader::decode`] and [`FrameHeader::check`] in one.
    pub fn decode_checked(bytes: &'a [u8], salt: u64, offset: u64) -> Result<Self> {
        let header = Self::decode(bytes, offset)?;
        header.check(bytes, salt, offset)?;
        Ok(header)
    }
}

/// The ids of a frame's blobs: ascending, nearly always one run.
#[derive(Debug, Clone, Copy)]
pub struct FrameIds<'a> {
    first: IdRun,
    blobs: u32,
    /// The encoded runs after the first; known to be well-formed.
    more: &'a [u8],
}

impl<'a> FrameIds<'a> {
    fn decode(r: &mut Reader<'a>, blobs: u32) -> Result<Self> {
        let first = IdRun::decode(r, None)?;
        let more = r.rest();
        let start = r.taken();
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
        let more = more.get(..r.taken() - start).unwrap_or_default();
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

    /// Place of `id` among the blobs; `None` when the frame does not hold it.
    #[inline]
    pub fn position(&self, id: BlobId) -> Option<u32> {
        if self.more.is_empty() {
            let place = id.0.wrapping_sub(self.first.first.0);
            return (place < self.first.len).then_some(place as u32);
        }
        let mut before = 0;
        for run in self.runs() {
            if id < run.first {
                return None;
            }
            if id.0 < run.end() {
                return Some((before + id.0 - run.first.0) as u32);
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
        if let Some((gap, a)) = take_varint(self.more)
            && let Some(rest) = self.more.get(a..)
            && let Some((len, b)) = take_varint(rest)
        {
            self.next = Some(IdRun {
                first: BlobId(run.end() + gap),
                len,
            });
            self.more = rest.get(b..).unwrap_or_default();
        }
        Some(run)
    }
}

/// What a new frame is to say of its payload.
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
    /// Appends the frame, which will be at `offset` in a file with `salt`, and returns the length of its header. An error names what does
    /// not fit the format (see [`crate::limits`]); then nothing was appended.
    pub fn encode(
        &self,
        payload: &[u8],
        salt: u64,
        offset: u64,
        out: &mut Vec<u8>,
    ) -> Result<usize> {
        let error = |text| crate::FormatError::new(WHAT, offset, Reason::Value(text));
        let blobs: u64 = self.runs.iter().map(|run| run.len).sum();
        if self.runs.len() > limits::MAX_FRAME_RUNS || u32::try_from(blobs).is_err() || blobs == 0 {
            return Err(error("too many runs of ids or blobs, or none"));
        }
        if self.raw_len > limits::MAX_FRAME || payload.len() as u64 > limits::MAX_FRAME {
            return Err(error("the payload is too large for a frame"));
        }
        let from = out.len();
        out.reserve(payload.len() + FIXED + 96);
        out.extend_from_slice(&[0; 10]);
        out.extend_from_slice(&[self.encoding.code(), 0]);
        put_varint(out, payload.len() as u64);
        put_varint(out, self.raw_len);
        if let Encoding::ZstdDictionary(number) = self.encoding {
            put_varint(out, number.0);
        }
        put_varint(out, blobs);
        let mut end = 0;
        for run in self.runs {
            run.encode(end, out);
            end = run.end();
        }
        if self.encoding == Encoding::Raw && blobs == 1 {
            let at = offset + (out.len() - from) as u64;
            out.resize(
                out.len() + (at.next_multiple_of(limits::RAW_ALIGN) - at) as usize,
                0,
            );
        }
        let header_len = out.len() - from;
        out.extend_from_slice(payload);
        // 2,048 runs of at most 20 bytes, 63 bytes of padding: it fits 16 bits.
        set(out, from + 8, &(header_len as u16).to_le_bytes());
        let sum = checksum(
            salt,
            offset.wrapping_add(8),
            out.get(from + 8..).unwrap_or_default(),
        );
        set(out, from, &sum.to_le_bytes());
        Ok(header_len)
    }
}

/// Overwrites bytes that are there.
pub(crate) fn set(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Appends the lengths that stand before the blobs in a payload of two or more.
pub fn put_lengths(lengths: impl IntoIterator<Item = u64>, out: &mut Vec<u8>) {
    for len in lengths {
        put_varint(out, len);
    }
}

/// Where the blobs lie in a decoded payload: `offsets` becomes `blobs + 1` positions, blob `i` is
/// `payload[offsets[i]..offsets[i + 1]]`.
pub fn decode_offsets(payload: &[u8], blobs: u32, offsets: &mut Vec<u32>) -> Result<()> {
    offsets.clear();
    let n = blobs as usize;
    if payload.len() as u64 > limits::MAX_FRAME {
        return Err(lengths_error());
    }
    if n < 2 {
        offsets.extend_from_slice(&[0, payload.len() as u32]);
        return if n == 1 { Ok(()) } else { Err(lengths_error()) };
    }
    if n > payload.len() {
        return Err(lengths_error());
    }
    offsets.reserve(n + 1);
    // Cut to at most 2^26 each, so that the sum of at most 2^26 lengths cannot wrap and a too large one still shows at the end.
    let mut total = 0_u64;
    let mut rest = payload;
    for _ in 0..n {
        let Some((len, took)) = take_varint(rest) else {
            return Err(lengths_error());
        };
        offsets.push(total as u32);
        total += len.min(limits::MAX_FRAME + 1);
        rest = rest.get(took..).unwrap_or_default();
    }
    if total != rest.len() as u64 {
        return Err(lengths_error());
    }
    let table = (payload.len() - rest.len()) as u32;
    for offset in offsets.iter_mut() {
        *offset += table;
    }
    offsets.push(payload.len() as u32);
    Ok(())
}

/// Where blob `index` of `blobs` lies in a decoded payload, without listing the others.
pub fn locate(payload: &[u8], blobs: u32, index: u32) -> Result<std::ops::Range<usize>> {
    if index >= blobs {
        return Err(lengths_error());
    }
    if blobs == 1 {
        return Ok(0..payload.len());
    }
    let (mut before, mut own) = (0_u64, 0_u64);
    let mut rest = payload;
    for i in 0..blobs {
        let Some((len, took)) = take_varint(rest) else {
            return Err(lengths_error());
        };
        if i < index {
            before += len.min(limits::MAX_FRAME + 1);
        } else if i == index {
            own = len;
        }
        rest = rest.get(took..).unwrap_or_default();
    }
    let table = (payload.len() - rest.len()) as u64;
    let start = table + before;
    let end = start.saturating_add(own);
    if end > payload.len() as u64 {
        return Err(lengths_error());
    }
    Ok(start as usize..end as usize)
}

#[cold]
fn lengths_error() -> crate::FormatError {
    crate::FormatError::new(
        "payload of a frame",
        0,
        Reason::Value("the lengths of the blobs do not fit the payload"),
    )
}
