//! Whole zstd files, for exports: a stream of bytes as one standard frame with a checksum.

use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

use crate::error::{FrameError, zstd};

/// Bytes of output that are made at a time.
const CHUNK: usize = 1 << 17;

/// Compresses a stream of bytes into one zstd frame.
pub struct StreamCompressor {
    context: CCtx<'static>,
}

impl std::fmt::Debug for StreamCompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamCompressor")
    }
}

impl StreamCompressor {
    /// A new frame at this compression level.
    ///
    /// # Errors
    /// zstd has no memory.
    pub fn new(level: i32) -> Result<Self, FrameError> {
        let mut context = CCtx::create();
        for parameter in [
            CParameter::CompressionLevel(level),
            CParameter::ChecksumFlag(true),
        ] {
            context.set_parameter(parameter).map_err(zstd)?;
        }
        Ok(Self { context })
    }

    /// Adds bytes. Returns what is ready of the frame, which may be nothing.
    ///
    /// # Errors
    /// zstd has no memory.
    pub fn write(&mut self, data: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut input = InBuffer::around(data);
        let mut out = Vec::new();
        while input.pos < data.len() {
            let mut chunk = Vec::with_capacity(CHUNK);
            let mut output = OutBuffer::around(&mut chunk);
            self.context
                .compress_stream(&mut output, &mut input)
                .map_err(zstd)?;
            out.append(&mut chunk);
        }
        Ok(out)
    }

    /// Ends the frame. Returns the rest of it.
    ///
    /// # Errors
    /// zstd has no memory.
    pub fn finish(&mut self) -> Result<Vec<u8>, FrameError> {
        let mut out = Vec::new();
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            let mut output = OutBuffer::around(&mut chunk);
            let left = self.context.end_stream(&mut output).map_err(zstd)?;
            out.append(&mut chunk);
            if left == 0 {
                return Ok(out);
            }
        }
    }
}
