//! Content cut into chunks of whole lines, hashed as it goes by.

use std::io::Read;

use crossbeam_channel::Receiver;
use lakebed_format::Hash;

use super::Sizes;
use super::input::{Content, Raw, cannot_read};
use crate::error::{Error, ErrorKind, Result};

/// Read at once where nothing is kept.
const BLOCK: usize = 1 << 20;
/// What is kept of a line beyond the limit.
pub(super) const KEPT_OF_TOO_LONG: usize = 64 << 10;

/// Whole lines, in order; only the file's last one may lack its end.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// Bytes at the beginning that belong to no line: a byte-order mark, or the end of a line that was ingested before.
    pub(super) skip: usize,
    /// Where the chunk begins in the content.
    pub(super) offset: u64,
    pub(super) end: Position,
    /// Nothing follows.
    pub(super) last: bool,
    /// The chunk is one line beyond the limit, of this many bytes, and holds just its beginning.
    pub(super) too_long: Option<u64>,
}

/// How far the content was read, always at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Bytes of content.
    pub(super) content: u64,
    /// Hash of these.
    pub(super) digest: Hash,
    /// Bytes of the file as it lies there that were read for it, and perhaps some more.
    pub(super) raw: u64,
}

/// What an ingest before left off at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix {
    pub(super) bytes: u64,
    pub(super) digest: Hash,
}

pub(super) struct Chunker {
    name: String,
    reader: Box<dyn Read + Send>,
    raw: Raw,
    /// Of everything up to `offset`.
    hasher: blake3::Hasher,
    offset: u64,
    /// Read, and not yet part of a chunk.
    carry: Vec<u8>,
    ended: bool,
    /// The last chunk was given out.
    done: bool,
    sizes: Sizes,
    /// Bytes at the beginning of the next chunk that end a line ingested before.
    lead: usize,
    /// Buffers that come back.
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
            lead: 0,
            spare,
        }
    }

    /// Reads past what was ingested before, if it is still the same.
    pub(super) fn skip(
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
        // A last line without end may have been going to go on.
        if last.is_some_and(|byte| byte != b'\n') {
            self.fill(2)?;
            self.lead = match self.carry.as_slice() {
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

    /// The next chunk; `None` after the last. An empty input has one, empty, chunk.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        if self.done {
            return Ok(None);
        }
        let mut target = self.sizes.chunk;
        let mut searched = 0;
        let cut = loop {
            self.fill(target)?;
            if let Some(at) = memchr::memrchr(b'\n', self.carry.get(searched..).unwrap_or_default())
            {
                break searched + at + 1;
            }
            if self.ended {
                break self.carry.len();
            }
            searched = self.carry.len();
            if searched as u64 > self.sizes.longest_line {
                return self.too_long().map(Some);
            }
            target = searched.saturating_mul(2);
        };
        let mut rest = self
            .spare
            .try_recv()
            .unwrap_or_else(|_| Vec::with_capacity(self.sizes.chunk + (self.sizes.chunk >> 3)));
        rest.clear();
        rest.extend_from_slice(self.carry.get(cut..).unwrap_or_default());
        let mut bytes = std::mem::replace(&mut self.carry, rest);
        bytes.truncate(cut);
        let offset = self.offset;
        let skip = self.skipped(&bytes);
        self.hasher.update(&bytes);
        self.offset += cut as u64;
        self.done = self.at_end();
        Ok(Some(Chunk {
            bytes,
            skip,
            offset,
            end: self.position(),
            last: self.done,
            too_long: None,
        }))
    }

    /// Hash of the whole file as it lies there; to be asked for at the end.
    pub(super) fn raw_digest(&self) -> Hash {
        self.raw.digest().unwrap_or_else(|| self.digest())
    }

    /// Reads past a line that is longer than may be, keeping its beginning.
    fn too_long(&mut self) -> Result<Chunk> {
        let offset = self.offset;
        let mut kept = self
            .carry
            .get(..KEPT_OF_TOO_LONG)
            .unwrap_or(&self.carry)
            .to_vec();
        let skip = self.skipped(&kept);
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
        let too_long = Some(self.offset - offset);
        self.done = self.at_end();
        Ok(Chunk {
            bytes: kept,
            skip,
            offset,
            end: self.position(),
            last: self.done,
            too_long,
        })
    }

    fn take_carry(&mut self) {
        self.hasher.update(&self.carry);
        self.offset += self.carry.len() as u64;
        // What held the line's first 256 MiB is given back.
        self.carry = Vec::new();
    }

    /// Reads until `target` bytes are there or the input ends.
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

    /// Bytes at the beginning of the chunk that begins here that belong to none of its lines.
    fn skipped(&mut self, bytes: &[u8]) -> usize {
        if self.offset == 0 && bytes.starts_with(b"\xEF\xBB\xBF") {
            return 3;
        }
        std::mem::take(&mut self.lead)
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
