//! Decodes the payload of one frame.

use std::cell::RefCell;

use lakebed_format::Encoding;
use zstd_safe::{DCtx, DParameter, FrameFormat, SafeResult};

use crate::dictionary::Dictionary;
use crate::error::{FrameError, RAW_LIMIT, zstd};
use crate::window::DecodeWindow;

thread_local! {
    /// Created at first use and dropped with the thread. About 160 KB, and 200 to 300 KB more once the thread decodes
    /// many frames of one dictionary.
    static DECODER: RefCell<Option<Decoder>> = const { RefCell::new(None) };
}

/// The decompression state of a thread.
struct Decoder {
    context: DCtx<'static>,
    window: DecodeWindow,
}

/// Decodes a frame's stored bytes to exactly `raw_length` bytes.
///
/// # Errors
/// The bytes are not what `encoding` and `raw_length` state, or `dictionary` is not the one that `encoding` names.
pub fn decode(
    encoding: Encoding,
    dictionary: Option<&Dictionary>,
    stored: &[u8],
    raw_length: u64,
) -> Result<Vec<u8>, FrameError> {
    if raw_length > RAW_LIMIT {
        return Err(FrameError::TooLarge(raw_length));
    }
    let length = usize::try_from(raw_length).map_err(|_| FrameError::NoMemory(raw_length))?;
    if encoding == Encoding::Raw && stored.len() != length {
        return Err(FrameError::Damaged(
            "a raw payload differs in length from what its header states",
        ));
    }
    let mut raw = Vec::new();
    // Reserved memory is only address space until it is written, so a wrong length costs nothing.
    raw.try_reserve_exact(length)
        .map_err(|_| FrameError::NoMemory(raw_length))?;
    match (encoding, dictionary) {
        (Encoding::Raw, _) => raw.extend_from_slice(stored),
        (Encoding::Zstd, _) => {
            with_decoder(|decoder| decoder.context.decompress(&mut raw, stored))?;
        }
        (Encoding::ZstdDictionary(number), Some(dictionary)) if number == dictionary.number() => {
            with_decoder(|decoder| {
                let Decoder { context, window } = decoder;
                window.decode(context, dictionary, &mut raw, stored, length)
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
            // After an error the context may be in the middle of a frame.
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
            window: DecodeWindow::default(),
        })
    }
}
