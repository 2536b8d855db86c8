//! Content cut into chunks of whole lines, and its running hash.

use std::io::Read;

use crossbeam_channel::Receiver;
use lakebed_format::Hash;

use super::Sizes;
use super::input::{Content, Raw, cannot_read};
use crate::error::{Error, ErrorKind, Result};

/// Bytes per read where the content is not kept.
const BLOCK: usize = 1 << 20;
/// Bytes that are kept of a line longer than the limit.
pub(super) const KEPT_OF_OVERLONG_LINE: usize = 64 << 10;

/// Whole lines, in order; only the last line of the input may lack a line end.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// Bytes at the beginning that belong to no line: a byte-order mark, or the end of a line that was ingested before.
    pub(super) lines_start: usize,
    /// The offset of the chunk in the content.
    pub(super) offset: u64,
    pub(super) end: Position,
    /// Whether it is the last chunk.
    pub(super) last: bool,
    /// Set if the chunk is one line longer than the limit, of which it holds only the beginning: the length of the line
    /// in bytes.
    pub(super) overlong: Option<u64>,
}

/// A position in the content, always at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Bytes of content.
    pub(super) content: u64,
    /// The hash of these bytes.
    pub(super) digest: Hash,
    /// Bytes of the input before decompression that were read for it; the decompressor may have read ahead.
    pub(super) raw: u64,
}

/// The part of the content that an earlier ingest committed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix {
    pub(super) bytes: u64,
    pub(super) digest: Hash,
}

/// Reads content and cuts it into chunks.
pub(super) struct Chunker {
    name: String,
    reader: Box<dyn Read + Send>,
    raw: Raw,
    /// Of the content up to `offset`.
    hasher: blake3::Hasher,
    offset: u64,
    /// Content that was read and is not part of a chunk yet.
    carry: Vec<u8>,
    /// The reader is at its end.
    ended: bool,
    /// The last chunk was returned.
    done: bool,
    sizes: Sizes,
    /// Bytes at the beginning of the next chunk that are the end of a line ingested before.
    line_end_bytes: usize,
    /// Used buffers, to be filled again.
    spare: Receiver<Vec<u8>>,
}

impl Chunker {
    pub(super) fn new(
        name: String,
        content: Content,
        sizes: Sizes,
        spare: Receiver<Vec<u8>>,
    ) -> Self {
        Self {
            name,
            reader: content.reader,
            raw: content.raw,
            hasher: blake3::Hasher::new(),
            offset: 0,
            carry: Vec::new(),
            ended: false,
            done: false,
            sizes,
            line_end_bytes: 0,
            spare,
        }
    }

    /// Reads the part that was ingested before, and checks that it has not changed. `tick` gets the bytes read of the
    /// input.
    pub(super) fn skip_prefix(
        &mut self,
        prefix: &Prefix,
        mut tick: impl FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let mut buffer = Vec::with_capacity(BLOCK);
        let mut last = None;
        while self.offset < prefix.bytes {
            tick(self.raw.bytes())?;
            buffer.clear();
            let most = (prefix.bytes - self.offset).min(BLOCK as u64);
            let read = Read::take(&mut self.reader, most)
                .read_to_end(&mut buffer)
                .map_err(|cause| cannot_read(&self.name, cause))?;
            if read == 0 {
                return Err(changed(
                    &self.name,
                    &format!(
                        "it ends after {} bytes, of which {} were ingested",
                        self.offset, prefix.bytes
                    ),
                ));
            }
            self.hasher.update(&buffer);
            self.offset += read as u64;
            last = buffer.last().copied();
        }
        if self.digest() != prefix.digest {
            return Err(changed(&self.name, "its beginning has changed"));
        }
        // The last line had no line end: it may have been continued since.
        if last.is_some_and(|byte| byte != b'\n') {
            self.fill(2)?;
            self.line_end_bytes = match self.carry.as_slice() {
                [] => 0,
                [b'\n', ..] | [b'\r'] => 1,
                [b'\r', b'\n', ..] => 2,
                _ => {
                    return Err(changed(
                        &self.name,
                        "its last line went on after it was ingested",
                    ));
                }
            };
        }
        Ok(())
    }

    /// The next chunk; `None` after the last. An empty input has one chunk, which is empty.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        if self.done {
            return Ok(None);
        }
        let mut target = self.sizes.chunk;
        let mut searched = 0;
        let cut = loop {
            self.fill(target)?;
            if let Some(at) = memchr::memrchr(b'\n', self.unread(searched)?) {
                break searched + at + 1;
            }
            if self.ended {
                break self.carry.len();
            }
            searched = self.carry.len();
            if searched as u64 > self.sizes.longest_line {
                return self.overlong_line().map(Some);
            }
            target = searched.saturating_mul(2);
        };
        let mut rest = self
            .spare
            .try_recv()
            .unwrap_or_else(|_| Vec::with_capacity(self.sizes.chunk + (self.sizes.chunk >> 3)));
        rest.clear();
        rest.extend_from_slice(self.unread(cut)?);
        let mut bytes = std::mem::replace(&mut self.carry, rest);
        bytes.truncate(cut);
        let offset = self.offset;
        let lines_start = self.bytes_before_lines(&bytes);
        self.hasher.update(&bytes);
        self.offset += cut as u64;
        self.done = self.at_end();
        Ok(Some(Chunk {
            bytes,
            lines_start,
            offset,
            end: self.position(),
            last: self.done,
            overlong: None,
        }))
    }

    /// The hash of the whole input before decompression; valid at the end.
    pub(super) fn raw_digest(&self) -> Hash {
        self.raw.digest().unwrap_or_else(|| self.digest())
    }

    /// Reads a line that is longer than the limit, and keeps its beginning.
    fn overlong_line(&mut self) -> Result<Chunk> {
        let offset = self.offset;
        let mut kept = self
            .carry
            .get(..KEPT_OF_OVERLONG_LINE)
            .unwrap_or(&self.carry)
            .to_vec();
        let lines_start = self.bytes_before_lines(&kept);
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.carry) {
                let rest = self.carry.split_off(at + 1);
                self.take_carry();
                self.carry = rest;
                break;
            }
            self.take_carry();
            if self.ended {
                break;
            }
            self.fill(BLOCK)?;
        }
        kept.shrink_to_fit();
        let overlong = Some(self.offset - offset);
        self.done = self.at_end();
        Ok(Chunk {
            bytes: kept,
            lines_start,
            offset,
            end: self.position(),
            last: self.done,
            overlong,
        })
    }

    fn take_carry(&mut self) {
        self.hasher.update(&self.carry);
        self.offset += self.carry.len() as u64;
        // Frees the buffer that held up to 256 MiB of the line.
        self.carry = Vec::new();
    }

    /// Reads until `carry` holds `target` bytes or the input ends.
    fn fill(&mut self, target: usize) -> Result<()> {
        while !self.ended && self.carry.len() < target {
            let missing = (target - self.carry.len()) as u64;
            let read = Read::take(&mut self.reader, missing)
                .read_to_end(&mut self.carry)
                .map_err(|cause| cannot_read(&self.name, cause))?;
            self.ended = read == 0;
        }
        Ok(())
    }

    /// The bytes of the next chunk before its first line.
    fn bytes_before_lines(&mut self, bytes: &[u8]) -> usize {
        if self.offset == 0 && bytes.starts_with(b"\xEF\xBB\xBF") {
            return 3;
        }
        std::mem::take(&mut self.line_end_bytes)
    }

    /// What was read beyond the first `from` bytes that are not part of a chunk yet.
    fn unread(&self, from: usize) -> Result<&[u8]> {
        self.carry
            .get(from..)
            .ok_or_else(|| Error::internal("a chunk ends beyond what was read"))
    }

    fn at_end(&self) -> bool {
        self.ended && self.carry.is_empty()
    }

    fn position(&self) -> Position {
        Position {
            content: self.offset,
            digest: self.digest(),
            raw: self.raw.bytes(),
        }
    }

    fn digest(&self) -> Hash {
        Hash::from_bytes(*self.hasher.finalize().as_bytes())
    }
}

fn changed(name: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::SourceChanged,
        format!(
            "{name} is not what was ingested before: {what}; ingest it without `resume`, under another name to tell its rows from the old ones."
        ),
    )
}
