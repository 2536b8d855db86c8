//! The content of an input: decompressed, one value a line, cut into chunks.

use std::io;
use std::path::PathBuf;

use super::Sizes;
use super::chunks::Chunker;
use super::compression::{Compression, Raw, decompress};
use super::feed::Feed;
use super::input::{Input, Origin, cannot_read};
use super::values::{Layout, Minified, Values};
use crate::error::{Error, Result};

/// An input whose content can be read.
pub(super) struct Content {
    pub(super) chunker: Chunker,
    pub(super) raw: Raw,
    pub(super) minified: Minified,
    /// The plain file that is the content, byte by byte.
    pub(super) plain_file: Option<PathBuf>,
    is_followed: bool,
}

impl Content {
    /// Whether it is a plain file of lines, the last of which may be half written.
    pub(super) fn is_plain_file(&self) -> bool {
        self.plain_file.is_some() || self.is_followed
    }

    /// The content of an input that can be read more than once, from the first byte on.
    pub(super) fn begin(input: &mut Input, sizes: Sizes) -> Result<Self> {
        let Some(reader) = input.reader()? else {
            return Err(Error::internal("a stream is read a second time"));
        };
        let minified = Minified::default();
        let raw = Raw::default();
        let decompressed = decompress(&input.name, reader, &raw)?;
        let is_plain = decompressed.compression == Compression::None;
        if matches!(input.origin, Origin::Followed(_)) {
            // A file that is written to line by line.
            if !is_plain {
                return Err(super::messages::compressed_follow(&input.name));
            }
            raw.is_content();
            return Ok(Self {
                chunker: Chunker::new(
                    input.name.clone(),
                    Feed::Direct(decompressed.reader),
                    raw.clone(),
                    sizes,
                ),
                raw,
                minified,
                plain_file: None,
                is_followed: true,
            });
        }
        let mut values = Values::new(decompressed.reader, minified.clone());
        let layout = values
            .look()
            .map_err(|cause| cannot_read(&input.name, cause))?;
        let is_content = is_plain && layout == Layout::Lines;
        if is_content {
            raw.is_content();
        }
        let plain_file = input.file().filter(|_| is_content).map(ToOwned::to_owned);
        Ok(Self {
            chunker: Chunker::new(
                input.name.clone(),
                Feed::Direct(Box::new(values)),
                raw.clone(),
                sizes,
            ),
            raw,
            minified,
            plain_file,
            is_followed: false,
        })
    }

    /// The content of a stream, which a thread reads ahead.
    pub(super) fn of_stream(
        name: &str,
        reader: Box<dyn io::Read + Send>,
        sizes: Sizes,
    ) -> Result<Self> {
        let minified = Minified::default();
        let raw = Raw::default();
        let feed = {
            let (name, minified, raw) = (name.to_owned(), minified.clone(), raw.clone());
            Feed::pumped(move || {
                let decompressed = decompress(&name, reader, &raw).map_err(io::Error::other)?;
                let mut values = Values::new(decompressed.reader, minified);
                let layout = values.look()?;
                if decompressed.compression == Compression::None && layout == Layout::Lines {
                    raw.is_content();
                }
                Ok(Box::new(values))
            })?
        };
        Ok(Self {
            chunker: Chunker::new(name.to_owned(), feed, raw.clone(), sizes),
            raw,
            minified,
            plain_file: None,
            is_followed: false,
        })
    }
}
