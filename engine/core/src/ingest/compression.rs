//! Compression, recognised by the first bytes of an input, never by its name; count and hash of the bytes before it.

use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use lakebed_format::Hash;
use parking_lot::Mutex;

use super::input::cannot_read;
use super::zstd_reader::ZstdReader;
use crate::error::{Error, ErrorKind, Result};

/// Bytes per read of a decompressor.
const BUFFER: usize = 256 << 10;
/// Bytes that identify the compression.
const PEEK: usize = 8;

/// How an input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// The decompressed bytes of an input.
pub(super) struct Decompressed {
    pub(super) compression: Compression,
    pub(super) reader: Box<dyn Read + Send>,
}

/// Count and hash of the bytes of an input before decompression. Shared with its reader, which another thread uses.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    count: Arc<AtomicU64>,
    /// Absent where the content is the input itself: its hash is computed anyway.
    hasher: Arc<Mutex<Option<blake3::Hasher>>>,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            count: Arc::default(),
            hasher: Arc::new(Mutex::new(Some(blake3::Hasher::new()))),
        }
    }
}

impl Raw {
    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The hash of the bytes read so far; `None` if they are the content itself.
    pub(super) fn digest(&self) -> Option<Hash> {
        let hasher = self.hasher.lock();
        let hasher = hasher.as_ref()?;
        Some(Hash::from_bytes(*hasher.finalize().as_bytes()))
    }

    /// The content turned out to be the input itself.
    pub(super) fn is_content(&self) {
        *self.hasher.lock() = None;
    }
}

/// The first bytes, as many as tell the compression. JSON is told by its first byte: a stream may give no more for a
/// while.
fn beginning(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut first = Vec::with_capacity(PEEK);
    while first.len() < PEEK {
        let read = Read::take(&mut *reader, 1).read_to_end(&mut first)?;
        let may_be_text = !matches!(
            first.first(),
            Some(0x1F | 0x28 | 0x50..=0x5F | 0x04 | b'B' | 0xFD..=0xFF)
        );
        if read == 0 || may_be_text {
            break;
        }
    }
    Ok(first)
}

/// Decompresses as the first bytes require; `raw` counts and hashes what is read.
pub(super) fn decompress(
    name: &str,
    mut reader: Box<dyn Read + Send>,
    raw: &Raw,
) -> Result<Decompressed> {
    let first = beginning(&mut reader).map_err(|cause| cannot_read(name, cause))?;
    let compression = recognise(name, &first)?;
    let counted = Counted {
        inner: io::Cursor::new(first).chain(reader),
        raw: raw.clone(),
    };
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(counted),
        Compression::Gzip => Box::new(Gunzip(MultiGzDecoder::new(BufReader::with_capacity(
            BUFFER, counted,
        )))),
        Compression::Zstd => Box::new(ZstdReader::new(BufReader::with_capacity(BUFFER, counted))?),
    };
    Ok(Decompressed {
        compression,
        reader,
    })
}

/// Counts and hashes the bytes of an input before decompression.
struct Counted<R> {
    inner: R,
    raw: Raw,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        let Some(bytes) = into.get(..read) else {
            return Err(io::Error::other(
                "the reader claims to have read more than it was asked for",
            ));
        };
        self.raw.count.fetch_add(read as u64, Ordering::Relaxed);
        if let Some(hasher) = self.raw.hasher.lock().as_mut() {
            hasher.update(bytes);
        }
        Ok(read)
    }
}

/// A reader of all members of a gzip file, with errors that name the damage.
struct Gunzip<R>(MultiGzDecoder<R>);

impl<R: io::BufRead> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into).map_err(|error| {
            let message = match error.kind() {
                // An error of the reader, not of the decompressor.
                _ if error.raw_os_error().is_some() => return error,
                io::ErrorKind::UnexpectedEof => "the gzip data is cut off; copy or fetch the file again",
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    "the gzip data is damaged, or followed by something that is no gzip; copy or fetch the file again"
                }
                _ => return error,
            };
            io::Error::new(error.kind(), message)
        })
    }
}

/// The compression by the first bytes. Formats that are not NDJSON are an error that names them.
fn recognise(name: &str, first: &[u8]) -> Result<Compression> {
    let other_format = |what: &str| {
        Err(Error::new(
            ErrorKind::BadRecord,
            format!("{name} is {what}."),
        ))
    };
    match first {
        [0x1F, 0x8B, ..] => Ok(Compression::Gzip),
        // A zstd frame, or a skippable frame before one.
        [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Ok(Compression::Zstd),
        [b'P', b'K', 3, 4, ..] => other_format("a zip archive; unpack it first"),
        [b'B', b'Z', b'h', ..] => other_format(
            "compressed with bzip2; decompress it first (bzcat FILE | lakebed ingest -)",
        ),
        [0xFD, b'7', b'z', b'X', b'Z', ..] => {
            other_format("compressed with xz; decompress it first (xzcat FILE | lakebed ingest -)")
        }
        [0x04, 0x22, 0x4D, 0x18, ..] => other_format(
            "compressed with lz4; decompress it first (lz4 -dc FILE | lakebed ingest -)",
        ),
        [b'P', b'A', b'R', b'1', ..] => {
            other_format("a Parquet file, not NDJSON; DuckDB's read_parquet reads it as it is")
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
            other_format("UTF-16 text; JSON is UTF-8, convert it first (iconv -f UTF-16 -t UTF-8)")
        }
        _ => Ok(Compression::None),
    }
}
