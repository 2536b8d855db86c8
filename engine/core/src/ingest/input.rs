//! Inputs: files and readers, plain or compressed. Compression is recognised by the first bytes, never by the name.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;
use lakebed_format::Hash;
use parking_lot::Mutex;

use super::request::Source;
use super::zstd_reader::ZstdReader;
use crate::error::{Error, ErrorKind, Result, reason};

/// Bytes per read of a decompressor.
const BUFFER: usize = 256 << 10;
/// Bytes per read of a file that is hashed.
const BLOCK: usize = 1 << 20;
/// Bytes that identify the compression.
const PEEK: usize = 8;

/// An open input of which nothing is read yet.
pub(super) struct Input {
    pub(super) name: String,
    /// The size of a regular file; `None` for anything else.
    pub(super) size: Option<u64>,
    /// The path of a regular file, which can be opened a second time and read at any offset; `None` for anything else.
    pub(super) path: Option<PathBuf>,
    reader: Box<dyn Read + Send>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("name", &self.name)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// How an input is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// The decompressed bytes of an input, and the count and hash of the bytes before decompression.
pub(super) struct Content {
    pub(super) compression: Compression,
    pub(super) reader: Box<dyn Read + Send>,
    pub(super) raw: Raw,
}

/// Count and hash of the bytes of an input before decompression. Shared with its reader, which another thread uses.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    count: Arc<AtomicU64>,
    /// Set for compressed inputs. Of plain ones the hash of the content is the same, and is computed anyway.
    hasher: Option<Arc<Mutex<blake3::Hasher>>>,
}

impl Raw {
    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The hash of the bytes read so far; `None` if they are the content itself.
    pub(super) fn digest(&self) -> Option<Hash> {
        self.hasher
            .as_ref()
            .map(|hasher| Hash::from_bytes(*hasher.lock().finalize().as_bytes()))
    }
}

impl Input {
    pub(super) fn open(source: Source) -> Result<Self> {
        match source {
            Source::Path(path) => Self::open_path(&path),
            Source::Reader { name, reader } => Ok(Self {
                name,
                size: None,
                path: None,
                reader,
            }),
        }
    }

    fn open_path(path: &Path) -> Result<Self> {
        let name = path.to_string_lossy().into_owned();
        let file = File::open(path).map_err(|cause| cannot_open(&name, cause))?;
        let about = file.metadata().map_err(|cause| cannot_open(&name, cause))?;
        if about.is_dir() {
            let message = format!("{name} is a directory; name the files in it.");
            return Err(Error::new(ErrorKind::Io, message)
                .with_source(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let regular = about.is_file();
        Ok(Self {
            name,
            size: regular.then_some(about.len()),
            path: regular.then(|| path.to_owned()),
            reader: Box::new(file),
        })
    }

    /// The hash of a regular file's bytes; `None` for anything else.
    pub(super) fn digest_of_file(
        &self,
        mut tick: impl FnMut() -> Result<()>,
    ) -> Result<Option<Hash>> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        let mut file = File::open(path).map_err(|cause| cannot_open(&self.name, cause))?;
        let mut hasher = blake3::Hasher::new();
        let mut block = Vec::with_capacity(BLOCK);
        loop {
            tick()?;
            block.clear();
            let read = Read::take(&mut file, BLOCK as u64)
                .read_to_end(&mut block)
                .map_err(|cause| cannot_read(&self.name, cause))?;
            if read == 0 {
                return Ok(Some(Hash::from_bytes(*hasher.finalize().as_bytes())));
            }
            hasher.update(&block);
        }
    }

    /// The content, decompressed as the first bytes require.
    pub(super) fn content(mut self) -> Result<Content> {
        let mut first = Vec::with_capacity(PEEK);
        Read::take(&mut self.reader, PEEK as u64)
            .read_to_end(&mut first)
            .map_err(|cause| cannot_read(&self.name, cause))?;
        let compression = recognise(&self.name, &first)?;
        let hasher = (compression != Compression::None).then(Arc::default);
        let raw = Raw {
            count: Arc::default(),
            hasher,
        };
        let counted = Counted {
            inner: io::Cursor::new(first).chain(self.reader),
            raw: raw.clone(),
        };
        let reader: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(counted),
            Compression::Gzip => Box::new(Gunzip(MultiGzDecoder::new(BufReader::with_capacity(
                BUFFER, counted,
            )))),
            Compression::Zstd => {
                Box::new(ZstdReader::new(BufReader::with_capacity(BUFFER, counted))?)
            }
        };
        Ok(Content {
            compression,
            reader,
            raw,
        })
    }
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
        if let Some(hasher) = &self.raw.hasher {
            hasher.lock().update(bytes);
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

fn cannot_open(name: &str, cause: io::Error) -> Error {
    let why = match cause.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => reason(&cause),
    };
    Error::new(ErrorKind::Io, format!("{name} cannot be read: {why}.")).with_source(cause)
}

/// The error for content that cannot be read or decompressed.
pub(super) fn cannot_read(name: &str, cause: io::Error) -> Error {
    let interruption = cause
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
        .filter(|inner| inner.kind() == ErrorKind::Interrupted);
    if let Some(interruption) = interruption {
        return Error::new(ErrorKind::Interrupted, interruption.message());
    }
    Error::new(
        ErrorKind::Io,
        format!("Reading {name} failed: {}.", reason(&cause)),
    )
    .with_source(cause)
}
