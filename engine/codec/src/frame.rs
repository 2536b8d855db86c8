//! One frame's payload: compressed, or raw where that is not smaller; and back.

use std::cell::RefCell;

use zstd_safe::{CCtx, CParameter, DCtx, DParameter, DictAttachPref, FrameFormat, SafeResult};

use super::pinned::PinnedContext;
use super::window::{EncodeWindows, Windows};
use super::{Dictionary, FrameError, KEPT, LEVELS, RAW_LIMIT};
use lakebed_format::Encoding;

/// Frames up to this many bytes use a dictionary's tables in place.
const ATTACH_BELOW: usize = 64 << 10;

/// A reusable compression context with lean frames: no magic number, content size, checksum or dictionary id.
pub struct Encoder {
    plain: PinnedContext,
    /// Where pages with a dictionary are compressed, if the level and their size allow it.
    windows: EncodeWindows,
    /// The level `plain` was set up for.
    level: i32,
    /// Where it writes; what is handed out is a copy of the right size.
    out: Vec<u8>,
}

impl Encoder {
    /// `level` outside of [`LEVELS`] is brought into it.
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
            plain: PinnedContext::new(context),
            windows: EncodeWindows::default(),
            level,
            out: Vec::new(),
        })
    }

    /// Compresses `raw`. The result is `None` where that would not be smaller, so that the caller keeps the bytes it has.
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
            None => self.encode_apart(raw, dictionary, &mut out)?,
        }
        let is_smaller = out.len() < raw.len();
        if out.capacity() > KEPT {
            return Ok(is_smaller.then_some((encoding, out)));
        }
        let frame = is_smaller.then(|| (encoding, out.clone()));
        self.out = out;
        Ok(frame)
    }

    /// Compresses with a dictionary that lies elsewhere, or without one.
    fn encode_apart(
        &mut self,
        raw: &[u8],
        dictionary: Option<&Dictionary>,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let dictionary = match dictionary {
            Some(dictionary) => Some(dictionary.for_encoding(self.level)?),
            None => None,
        };
        self.plain.refer(dictionary.as_ref()).map_err(zstd)?;
        // By itself zstd copies the dictionary's tables for nearly every full page. Those of a high level are large: looking into them
        // where they are takes less time than copying them and costs nothing.
        let how = if raw.len() <= ATTACH_BELOW {
            DictAttachPref::ForceAttach
        } else {
            DictAttachPref::DefaultAttach
        };
        self.plain.attach(how).map_err(zstd)?;
        self.plain.compress(out, raw).map_err(zstd)?;
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

thread_local! {
    /// Set up at first use and dropped with the thread; about 160 KB, and 200 to 300 KB more once it decodes many frames of
    /// one dictionary.
    static DECODER: RefCell<Option<Decoder>> = const { RefCell::new(None) };
}

/// What a thread decodes with.
struct Decoder {
    context: DCtx<'static>,
    windows: Windows,
}

/// The raw payload of a frame: exactly `raw_length` bytes, or an error.
pub fn decode(
    encoding: Encoding,
    dictionary: Option<&Dictionary>,
    stored: &[u8],
    raw_length: u64,
) -> Result<Vec<u8>, FrameError> {
    if raw_length > RAW_LIMIT {
        return Err(FrameError::TooLarge(raw_length));
    }
    let length = raw_length as usize;
    if encoding == Encoding::Raw && stored.len() != length {
        return Err(FrameError::Damaged(
            "a raw payload differs in length from what its header states",
        ));
    }
    let mut raw = Vec::new();
    // A capacity is only address space until it is written, so a false length costs nothing.
    raw.try_reserve_exact(length)
        .map_err(|_| FrameError::NoMemory(raw_length))?;
    match (encoding, dictionary) {
        (Encoding::Raw, _) => raw.extend_from_slice(stored),
        (Encoding::Zstd, _) => {
            with_decoder(|decoder| decoder.context.decompress(&mut raw, stored))?;
        }
        (Encoding::ZstdDictionary(number), Some(dictionary)) if number == dictionary.number() => {
            with_decoder(|decoder| {
                let Decoder { context, windows } = decoder;
                windows.decode(context, dictionary, &mut raw, stored, length)
            })?;
        }
        (Encoding::ZstdDictionary(_), _) => {
            return Err(FrameError::Damaged("its dictionary is missing"));
        }
    }
    if raw.len() != length {
        return Err(FrameError::Damaged("it is shorter than its header states"));
    }
    Ok(raw)
}

fn with_decoder(run: impl FnOnce(&mut Decoder) -> SafeResult) -> Result<(), FrameError> {
    DECODER.with(|slot| {
        let mut slot = slot
            .try_borrow_mut()
            .map_err(|_| FrameError::Zstd("the thread's context is in use"))?;
        let decoder = match slot.as_mut() {
            Some(decoder) => decoder,
            None => slot.insert(Decoder::new()?),
        };
        let result = run(decoder);
        if result.is_err() {
            // An error may leave the context in the middle of a frame.
            *slot = None;
        }
        result
            .map(drop)
            .map_err(|code| FrameError::Damaged(zstd_safe::get_error_name(code)))
    })
}

impl Decoder {
    fn new() -> Result<Self, FrameError> {
        let mut context =
            DCtx::try_create().ok_or(FrameError::Zstd("no memory for a decompression context"))?;
        context
            .set_parameter(DParameter::Format(FrameFormat::Magicless))
            .map_err(zstd)?;
        Ok(Self {
            context,
            windows: Windows::default(),
        })
    }
}

pub(super) fn zstd(code: usize) -> FrameError {
    FrameError::Zstd(zstd_safe::get_error_name(code))
}
