//! Content cut into chunks of whole lines, and its running hash.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use lakebed_format::Hash;

use super::Sizes;
use super::compression::Raw;
use super::feed::{Feed, Got};
use super::input::cannot_read;
use crate::error::{Error, ErrorKind, Result};

/// Bytes per read where the content is not kept.
const BLOCK: usize = 1 << 20;
/// The longest time for which lines that a stream gave wait for more of them.
const PATIENCE: Duration = Duration::from_millis(250);
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
    /// Whether it is the end of the content, and lacks a line end.
    pub(super) unterminated: bool,
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
    feed: Feed,
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
    /// The last byte of the content up to `offset`, while only parts that were ingested before are read.
    last_byte: Option<u8>,
    /// Bytes at the beginning of the next chunk that are the end of a line ingested before.
    line_end_bytes: usize,
    /// Used buffers, to be filled again.
    pub(super) spare: Option<Receiver<Vec<u8>>>,
    /// Nobody wants any more chunks.
    pub(super) abandoned: Arc<AtomicBool>,
}

impl Chunker {
    pub(super) fn new(name: String, feed: Feed, raw: Raw, sizes: Sizes) -> Self {
        Self {
            name,
            feed,
            raw,
            hasher: blake3::Hasher::new(),
            offset: 0,
            carry: Vec::new(),
            ended: false,
            done: false,
            sizes,
            last_byte: None,
            line_end_bytes: 0,
            spare: None,
            abandoned: Arc::default(),
        }
    }

    /// Reads on with another reader of the same bytes, made from the one it has, and from what seems to be the end.
    pub(super) fn read_on(&mut self, with: impl FnOnce(Feed) -> Result<Feed>) -> Result<()> {
        let nothing = Feed::Direct(Box::new(std::io::empty()));
        self.feed = with(std::mem::replace(&mut self.feed, nothing))?;
        self.ended = false;
        Ok(())
    }

    /// Reads the parts of the content that may have been ingested before, in ascending order, and returns the index of
    /// the longest one that is there. It stops at the end of the last one that the content is long enough for. `tick`
    /// gets the bytes read of the input.
    pub(super) fn longest_prefix(
        &mut self,
        prefixes: &[Prefix],
        mut tick: impl FnMut(u64) -> Result<()>,
    ) -> Result<Option<usize>> {
        let mut longest = None;
        for (index, prefix) in prefixes.iter().enumerate() {
            if !self.read_to(prefix.bytes, &mut tick)? {
                break;
            }
            if self.digest() == prefix.digest {
                longest = Some(index);
            }
        }
        Ok(longest)
    }

    /// Reads the part that was ingested before, and checks that it has not changed. `tick` gets the bytes read of the
    /// input.
    pub(super) fn skip_prefix(
        &mut self,
        prefix: &Prefix,
        mut tick: impl FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        if !self.read_to(prefix.bytes, &mut tick)? {
            return Err(changed(
                &self.name,
                &format!(
                    "it ends after {} bytes, of which {} were ingested",
                    self.offset, prefix.bytes
                ),
            ));
        }
        if self.digest() != prefix.digest {
            return Err(changed(&self.name, "its beginning has changed"));
        }
        self.skip_line_end(tick)
    }

    /// Skips the end of the last line of a part that was ingested before, if it had none then.
    ///
    /// # Errors
    /// `SourceChanged` when the line went on.
    pub(super) fn skip_line_end(&mut self, mut tick: impl FnMut(u64) -> Result<()>) -> Result<()> {
        if self.last_byte.is_none_or(|byte| byte == b'\n') {
            return Ok(());
        }
        while self.fill(2)? {
            tick(self.raw.bytes())?;
        }
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
        Ok(())
    }

    /// Whether everything was read, and is part of the chunks so far. It reads ahead for the answer.
    pub(super) fn is_over(&mut self) -> Result<bool> {
        self.fill(self.line_end_bytes + 1)?;
        Ok(self.ended && self.carry.len() == self.line_end_bytes)
    }

    /// Where it is.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads the content up to this offset without keeping it; false if it ends before.
    fn read_to(&mut self, end: u64, tick: &mut impl FnMut(u64) -> Result<()>) -> Result<bool> {
        let mut buffer = Vec::with_capacity(BLOCK);
        while self.offset < end {
            tick(self.raw.bytes())?;
            buffer.clear();
            let most = usize::try_from(end - self.offset).map_or(BLOCK, |left| left.min(BLOCK));
            let got = self
                .feed
                .read(&mut buffer, most)
                .map_err(|cause| cannot_read(&self.name, cause))?;
            match got {
                Got::Bytes(_) => {}
                Got::Lull => continue,
                Got::End => {
                    self.ended = true;
                    return Ok(false);
                }
            }
            self.hasher.update(&buffer);
            self.offset += buffer.len() as u64;
            self.last_byte = buffer.last().copied();
        }
        Ok(true)
    }

    /// The next chunk; `None` after the last. An empty input has one chunk, which is empty.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>> {
        if self.done {
            return Ok(None);
        }
        let mut target = self.sizes.chunk;
        let mut searched = 0;
        let cut = loop {
            let lull = self.fill(target)?;
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
            if lull {
                self.check_wanted()?;
            } else {
                target = searched.saturating_mul(2);
            }
        };
        let used = self.spare.as_ref().and_then(|spare| spare.try_recv().ok());
        let mut rest =
            used.unwrap_or_else(|| Vec::with_capacity(self.sizes.chunk + (self.sizes.chunk >> 3)));
        rest.clear();
        rest.extend_from_slice(self.unread(cut)?);
        let mut bytes = std::mem::replace(&mut self.carry, rest);
        bytes.truncate(cut);
        let offset = self.offset;
        let lines_start = self.bytes_before_lines(&bytes);
        self.hasher.update(&bytes);
        self.offset += cut as u64;
        self.done = self.at_end();
        let unterminated = self.done && !bytes.is_empty() && !bytes.ends_with(b"\n");
        Ok(Some(Chunk {
            bytes,
            lines_start,
            offset,
            end: self.position(),
            unterminated,
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
            if self.fill(BLOCK)? {
                self.check_wanted()?;
            }
        }
        kept.shrink_to_fit();
        let overlong = Some(self.offset - offset);
        self.done = self.at_end();
        Ok(Chunk {
            bytes: kept,
            lines_start,
            offset,
            end: self.position(),
            unterminated: false,
            overlong,
        })
    }

    fn take_carry(&mut self) {
        self.hasher.update(&self.carry);
        self.offset += self.carry.len() as u64;
        // Frees the buffer that held up to 256 MiB of the line.
        self.carry = Vec::new();
    }

    /// Reads until `carry` holds `target` bytes or the input ends. True when neither is so, and no more comes for the
    /// moment.
    fn fill(&mut self, target: usize) -> Result<bool> {
        let began = Instant::now();
        while !self.ended && self.carry.len() < target {
            let missing = target - self.carry.len();
            let got = self
                .feed
                .read(&mut self.carry, missing)
                .map_err(|cause| cannot_read(&self.name, cause))?;
            match got {
                Got::End => self.ended = true,
                Got::Lull => return Ok(true),
                Got::Bytes(_) if matches!(self.feed, Feed::Direct(_)) => {}
                Got::Bytes(_) if began.elapsed() >= PATIENCE => {
                    return Ok(self.carry.len() < target);
                }
                Got::Bytes(_) => {}
            }
        }
        Ok(false)
    }

    /// An error when nobody wants any more chunks.
    fn check_wanted(&self) -> Result<()> {
        if self.abandoned.load(Ordering::Relaxed) {
            return Err(Error::new(
                ErrorKind::Interrupted,
                "The ingest was abandoned.",
            ));
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
            "{name} is not what was ingested before: {what}; `again` ingests all of it as new rows, under another name they can be told from the old ones."
        ),
    )
}
