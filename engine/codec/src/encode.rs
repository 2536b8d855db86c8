//! Compresses the payload of one frame, with or without a dictionary.

use lakebed_format::Encoding;
use zstd_safe::{CCtx, CParameter, DictAttachPref, FrameFormat};

use crate::context::CompressionContext;
use crate::dictionary::Dictionary;
use crate::error::{FrameError, zstd};
use crate::window::EncodeWindows;

/// The levels of zstd that may be configured.
pub const LEVELS: std::ops::RangeInclusive<i32> = 1..=19;

/// A thread's compression buffer above this many bytes is freed after use.
pub(crate) const MAX_KEPT_BYTES: usize = 1 << 20;

/// Raw bytes of a frame up to which a dictionary's tables are used in place instead of being copied.
const ATTACH_BELOW: usize = 64 << 10;

/// A reusable compressor. Its zstd frames are lean: no magic number, content size, checksum or dictionary id.
pub struct Encoder {
    context: CompressionContext,
    /// Compress pages with a dictionary, where the level and the size allow it.
    windows: EncodeWindows,
    level: i32,
    /// The output buffer. The caller gets a copy of the right size.
    out: Vec<u8>,
}

impl Encoder {
    /// A compressor at that level, clamped to [`LEVELS`].
    ///
    /// # Errors
    /// There is no memory for a context.
    pub fn new(level: i32) -> Result<Self, FrameError> {
        let level = level.clamp(*LEVELS.start(), *LEVELS.end());
        let mut context =
            CCtx::try_create().ok_or(FrameError::Zstd("no memory for a compression context"))?;
        for parameter in [
            CParameter::CompressionLevel(level),
            CParameter::Format(FrameFormat::Magicless),
            CParameter::ContentSizeFlag(false),
            CParameter::ChecksumFlag(false),
            CParameter::DictIdFlag(false),
        ] {
            context.set_parameter(parameter).map_err(zstd)?;
        }
        Ok(Self {
            context: CompressionContext::new(context),
            windows: EncodeWindows::default(),
            level,
            out: Vec::new(),
        })
    }

    /// Compresses `raw`. `None` where the result would not be smaller: the frame is then to be stored raw.
    ///
    /// # Errors
    /// There is no memory, or zstd fails.
    pub fn encode(
        &mut self,
        raw: &[u8],
        dictionary: Option<&Dictionary>,
    ) -> Result<Option<(Encoding, Vec<u8>)>, FrameError> {
        let encoding = dictionary.map_or(Encoding::Zstd, |dictionary| {
            Encoding::ZstdDictionary(dictionary.number())
        });
        let bound = zstd_safe::compress_bound(raw.len());
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        out.try_reserve_exact(bound)
            .map_err(|_| FrameError::NoMemory(raw.len() as u64))?;
        let in_window = dictionary
            .and_then(|dictionary| self.windows.encode(dictionary, self.level, raw, &mut out));
        match in_window {
            Some(result) => {
                result.map_err(zstd)?;
            }
            None => self.encode_without_window(raw, dictionary, &mut out)?,
        }
        let is_smaller = out.len() < raw.len();
        if out.capacity() > MAX_KEPT_BYTES {
            return Ok(is_smaller.then_some((encoding, out)));
        }
        let frame = is_smaller.then(|| (encoding, out.clone()));
        self.out = out;
        Ok(frame)
    }

    /// Compresses without a window: with a dictionary in memory of its own, or without one.
    fn encode_without_window(
        &mut self,
        raw: &[u8],
        dictionary: Option<&Dictionary>,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let dictionary = match dictionary {
            Some(dictionary) => Some(dictionary.for_encoding(self.level)?),
            None => None,
        };
        self.context.refer(dictionary.as_ref()).map_err(zstd)?;
        // By default zstd copies the dictionary's tables for nearly every full page. The tables of high levels are
        // large: to search them in place takes less time than to copy them, at the same size of the result.
        let how = if raw.len() <= ATTACH_BELOW {
            DictAttachPref::ForceAttach
        } else {
            DictAttachPref::DefaultAttach
        };
        self.context.attach(how).map_err(zstd)?;
        self.context.compress(out, raw).map_err(zstd)?;
        Ok(())
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}
