//! Inputs: files, readers and made texts; what they are before decompression.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use lakebed_format::Hash;

use super::follow::FollowedFile;
use super::request::{Opener, Source};
use crate::error::{Error, ErrorKind, Result, reason};

/// Bytes per read of a file that is hashed.
const BLOCK: usize = 1 << 20;

/// An input.
pub(super) struct Input {
    pub(super) name: String,
    /// The size of the file that holds it; `None` for anything else.
    pub(super) size: Option<u64>,
    pub(super) origin: Origin,
}

/// Where an input comes from.
pub(super) enum Origin {
    /// A regular file.
    File(PathBuf),
    /// A regular file that may grow while it is read.
    Followed(FollowedFile),
    /// Text made from a file, or from something that is no file.
    Made {
        original: Option<PathBuf>,
        open: Opener,
    },
    /// What can be read only once.
    Stream(Box<dyn Read + Send>),
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("name", &self.name)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

impl Input {
    pub(super) fn open(source: Source, follow: bool) -> Result<Self> {
        let input = match source {
            Source::Path(path) => Self::open_path(path, follow)?,
            Source::Reader { name, reader } => Self {
                name,
                size: None,
                origin: Origin::Stream(reader),
            },
            Source::Made {
                name,
                original,
                open,
            } => {
                let size = match &original {
                    Some(path) => Some(
                        std::fs::metadata(path)
                            .map_err(|cause| cannot_open(&name, cause))?
                            .len(),
                    ),
                    None => None,
                };
                Self {
                    name,
                    size,
                    origin: Origin::Made { original, open },
                }
            }
        };
        if follow && !matches!(input.origin, Origin::Followed(_)) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!(
                    "{} cannot be followed: only a plain file can, and a stream is read as it comes without `follow`.",
                    input.name
                ),
            ));
        }
        Ok(input)
    }

    fn open_path(path: PathBuf, follow: bool) -> Result<Self> {
        let name = path.to_string_lossy().into_owned();
        let file = open_file(&name, &path)?;
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
            origin: match (regular, follow) {
                (true, false) => Origin::File(path),
                (true, true) => Origin::Followed(FollowedFile::new(path, file)),
                (false, _) => Origin::Stream(Box::new(file)),
            },
        })
    }

    /// Whether it can be read only once.
    pub(super) fn is_stream(&self) -> bool {
        matches!(self.origin, Origin::Stream(_))
    }

    /// The path of a plain file that is the input.
    pub(super) fn file(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            _ => None,
        }
    }

    /// The path of the file that holds the input before it was converted or decompressed.
    fn original(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            Origin::Made { original, .. } => original.as_deref(),
            Origin::Followed(_) | Origin::Stream(_) => None,
        }
    }

    /// The hash of the bytes of the file that holds the input; `None` if there is none.
    pub(super) fn digest_of_file(&self, tick: impl FnMut() -> Result<()>) -> Result<Option<Hash>> {
        self.digest_of_beginning(u64::MAX, tick)
    }

    /// The hash of so many bytes at the beginning of that file.
    pub(super) fn digest_of_beginning(
        &self,
        bytes: u64,
        mut tick: impl FnMut() -> Result<()>,
    ) -> Result<Option<Hash>> {
        let Some(path) = self.original() else {
            return Ok(None);
        };
        let mut file = open_file(&self.name, path)?.take(bytes);
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

    /// The bytes of an input that can be read more than once, from the first one on; `None` for a stream.
    pub(super) fn reader(&mut self) -> Result<Option<Box<dyn Read + Send>>> {
        Ok(Some(match &mut self.origin {
            Origin::File(path) => Box::new(open_file(&self.name, path)?),
            Origin::Followed(file) => Box::new(
                file.reader()
                    .map_err(|cause| cannot_open(&self.name, cause))?,
            ),
            Origin::Made { open, .. } => open()?,
            Origin::Stream(_) => return Ok(None),
        }))
    }
}

fn open_file(name: &str, path: &Path) -> Result<File> {
    File::open(path).map_err(|cause| cannot_open(name, cause))
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
    let own = cause
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
        .map(|own| (own.kind(), own.message()));
    match own {
        Some((ErrorKind::BadRecord, message)) => {
            return Error::new(ErrorKind::BadRecord, format!("{name}: {message}"));
        }
        Some((kind, message)) => return Error::new(kind, message),
        None => {}
    }
    Error::new(
        ErrorKind::Io,
        format!("Reading {name} failed: {}.", reason(&cause)),
    )
    .with_source(cause)
}
