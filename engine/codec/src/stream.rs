//! Whole zstd files: for exports, a stream of bytes as one standard frame with a checksum; and the way back.

use zstd_safe::{CCtx, CParameter, DCtx, DParameter, InBuffer, OutBuffer};

use crate::error::{FrameError, zstd};

/// Bytes of output that are made at a time.
const CHUNK: usize = 1 << 17;

/// The largest window of a frame that is read, in powers of two: what `zstd --long=31` writes.
const WINDOW_LOG_MAX: u32 = if cfg!(target_pointer_width = "64") {
    31
} else {
    30
};

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

/// Decompresses zstd frames, one after the other.
pub struct StreamDecompressor {
    context: DCtx<'static>,
    between_frames: bool,
}

impl std::fmt::Debug for StreamDecompressor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamDecompressor")
    }
}

impl StreamDecompressor {
    /// Before the first frame.
    ///
    /// # Errors
    /// zstd has no memory.
    pub fn new() -> Result<Self, FrameError> {
        let mut context = DCtx::create();
        context
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .map_err(zstd)?;
        Ok(Self {
            context,
            between_frames: true,
        })
    }

    /// Adds bytes. Returns what they decompress to, at most about 32,000 times as many.
    ///
    /// # Errors
    /// The bytes are damaged; zstd has no memory.
    pub fn write(&mut self, data: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut input = InBuffer::around(data);
        let mut out = Vec::new();
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            let mut output = OutBuffer::around(&mut chunk);
            let wanted = self
                .context
                .decompress_stream(&mut output, &mut input)
                .map_err(zstd)?;
            self.between_frames = wanted == 0;
            let full = output.pos() == CHUNK;
            out.append(&mut chunk);
            if input.pos == data.len() && (self.between_frames || !full) {
                return Ok(out);
            }
        }
    }

    /// Whether what was added ends with the end of a frame.
    pub fn is_whole(&self) -> bool {
        self.between_frames
    }
}
