//! A reader of zstd files: all frames, one after the other, and skippable ones.

use std::io::{self, BufRead, Read};

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use crate::error::{Error, ErrorKind, Result};

/// The largest window in powers of two: what `zstd --ultra -22 --long=31` writes. Its memory, 2 GiB, is taken only for
/// a file that asks for it.
const WINDOW_LOG_MAX: u32 = if cfg!(target_pointer_width = "64") {
    31
} else {
    30
};

/// Decompresses the bytes of `inner`.
pub(super) struct ZstdReader<R> {
    inner: R,
    context: DCtx<'static>,
    /// Between two frames; false inside one.
    between_frames: bool,
    /// zstd has more output without more input.
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
            .and_then(|_| context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX)))
            .map_err(|code| Error::io("setting up decompression", damaged(code)))?;
        Ok(Self {
            inner,
            context,
            between_frames: true,
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
            if ended && self.between_frames {
                return Ok(0);
            }
            if ended && !self.pending {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the zstd data is cut off; copy or fetch the file again",
                ));
            }
            if self.between_frames {
                self.context
                    .reset(ResetDirective::SessionOnly)
                    .map_err(damaged)?;
            }
            let mut from = InBuffer::around(input);
            let mut out = OutBuffer::around(&mut *into);
            let hint = self
                .context
                .decompress_stream(&mut out, &mut from)
                .map_err(damaged)?;
            let (taken, given) = (from.pos(), out.pos());
            let full = given == into.len();
            self.inner.consume(taken);
            self.between_frames = hint == 0;
            self.pending = full && hint != 0;
            if given > 0 {
                return Ok(given);
            }
            if ended && taken == 0 {
                // Called once more at the end of the input, zstd had no output left.
                self.pending = false;
            }
        }
    }
}

fn damaged(code: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "the zstd data is damaged ({}); copy or fetch the file again",
            zstd_safe::get_error_name(code)
        ),
    )
}
