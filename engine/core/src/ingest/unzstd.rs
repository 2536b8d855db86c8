//! A reader of zstd files: all frames, one after the other, frames to be skipped included.

use std::io::{self, BufRead, Read};

use zstd_safe::{DCtx, InBuffer, OutBuffer, ResetDirective};

use crate::error::{Error, ErrorKind, Result};

/// Decompresses what `inner` holds.
pub(super) struct ZstdReader<R> {
    inner: R,
    context: DCtx<'static>,
    /// False in the middle of a frame.
    between: bool,
    /// zstd has more to give without reading on.
    pending: bool,
}

impl<R: BufRead> ZstdReader<R> {
    pub(super) fn new(inner: R) -> Result<Self> {
        let mut context = DCtx::try_create().ok_or_else(|| {
            Error::new(
                ErrorKind::Io,
                "There is no memory for decompression; close something and try again.",
            )
        })?;
        context
            .init()
            .map_err(|code| Error::io("setting up decompression", broken(code)))?;
        Ok(Self {
            inner,
            context,
            between: true,
            pending: false,
        })
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let input = self.inner.fill_buf()?;
            let ended = input.is_empty();
            if ended && self.between {
                return Ok(0);
            }
            if ended && !self.pending {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the zstd data is cut off; copy or fetch the file again",
                ));
            }
            if self.between {
                self.context
                    .reset(ResetDirective::SessionOnly)
                    .map_err(broken)?;
            }
            let mut from = InBuffer::around(input);
            let mut out = OutBuffer::around(&mut *into);
            let hint = self
                .context
                .decompress_stream(&mut out, &mut from)
                .map_err(broken)?;
            let (taken, given) = (from.pos(), out.pos());
            let full = given == into.len();
            self.inner.consume(taken);
            self.between = hint == 0;
            self.pending = full && hint != 0;
            if given > 0 {
                return Ok(given);
            }
            if ended && taken == 0 {
                // It was asked once more at the end and had nothing left.
                self.pending = false;
            }
        }
    }
}

fn broken(code: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "the zstd data is damaged ({}); copy or fetch the file again",
            zstd_safe::get_error_name(code)
        ),
    )
}
