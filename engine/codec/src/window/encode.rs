//! Encoding in a window.
//!
//! zstd can search the tables of a dictionary in place, beside those of the page: two look-ups at each byte. Or it
//! copies them for each frame and then searches one set of tables. The copy costs less than it saves where the tables
//! are small and the page continues the dictionary: with 192 KiB of tables, at level 3, pages of 12 KiB take three
//! quarters of the time, and the frames are 0.1 % smaller. The tables of levels above 3 are too large for that.
#![expect(
    unsafe_code,
    reason = "zstd-safe makes no tables of given sizes, and zstd reads the front of a buffer while its back is written"
)]

use std::ptr::NonNull;

use zstd_safe::SafeResult;
use zstd_sys::{
    ZSTD_CCtx, ZSTD_CCtx_refCDict, ZSTD_CCtx_setParameter, ZSTD_CDict, ZSTD_cParameter,
    ZSTD_compress2, ZSTD_createCCtx, ZSTD_createCDict_advanced, ZSTD_customMem,
    ZSTD_dictAttachPref_e, ZSTD_dictContentType_e, ZSTD_dictLoadMethod_e, ZSTD_format_e,
    ZSTD_freeCCtx, ZSTD_freeCDict, ZSTD_getCParams, ZSTD_isError, ZSTD_strategy,
};

use super::memory::{Memory, ROOM};
use crate::dictionary::Dictionary;

/// The highest level whose tables are small enough to be copied for each frame.
const HIGHEST_LEVEL: i32 = 3;
/// Binary logarithms of the entries of the two tables at that level: for matches of 8 bytes, and for shorter ones.
const LONG_LOG: u32 = 15;
const SHORT_LOG: u32 = 14;

/// The windows of a thread: so many dictionaries can alternate without their tables being rebuilt (1 ms, 0.6 MB each).
const WINDOWS: usize = 4;

/// zstd's default allocator: `ZSTD_defaultCMem`, which its header defines without exporting it.
const ORDINARY_MEMORY: ZSTD_customMem = ZSTD_customMem {
    customAlloc: None,
    customFree: None,
    opaque: std::ptr::null_mut(),
};

struct Context(NonNull<ZSTD_CCtx>);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: made by `ZSTD_createCCtx`, owned by this alone. It only fails for contexts in memory of the caller's.
        unsafe { ZSTD_freeCCtx(self.0.as_ptr()) };
    }
}

struct Tables(NonNull<ZSTD_CDict>);

impl Drop for Tables {
    fn drop(&mut self) {
        // SAFETY: made by `ZSTD_createCDict_advanced`, owned by this alone, and the context that refers to it is gone.
        unsafe { ZSTD_freeCDict(self.0.as_ptr()) };
    }
}

/// A dictionary and the room behind it. The order of the fields matters: each is dropped before those it refers to.
struct Window {
    context: Context,
    _tables: Tables,
    memory: Memory,
    /// Bytes of the dictionary, at the start of the memory.
    dictionary: usize,
    serial: u64,
}

// SAFETY: all three pointers are owned by the window alone, and zstd's objects may be used by one thread after another.
unsafe impl Send for Window {}

impl Window {
    fn new(dictionary: &Dictionary, level: i32) -> Option<Self> {
        let bytes = dictionary.bytes();
        let memory = Memory::new(bytes)?;
        // SAFETY: a pure function of three numbers; 0 stands for pages of any size.
        let mut parameters = unsafe { ZSTD_getCParams(level, 0, bytes.len()) };
        parameters.hashLog = parameters.hashLog.min(LONG_LOG);
        if parameters.strategy == ZSTD_strategy::ZSTD_dfast {
            parameters.chainLog = parameters.chainLog.min(SHORT_LOG);
        }
        // SAFETY: the dictionary's bytes are the initialised front of `memory`, which lives longer than the tables (see
        // the order of the fields) and whose front is never written again. The result is checked for null.
        let tables = Tables(NonNull::new(unsafe {
            ZSTD_createCDict_advanced(
                memory.start().as_ptr().cast(),
                bytes.len(),
                ZSTD_dictLoadMethod_e::ZSTD_dlm_byRef,
                ZSTD_dictContentType_e::ZSTD_dct_auto,
                parameters,
                ORDINARY_MEMORY,
            )
        })?);
        // SAFETY: no preconditions; the result is checked for null.
        let context = Context(NonNull::new(unsafe { ZSTD_createCCtx() })?);
        for (parameter, value) in [
            (ZSTD_cParameter::ZSTD_c_compressionLevel, level),
            // `ZSTD_c_format`; the bindings have no name for it.
            (
                ZSTD_cParameter::ZSTD_c_experimentalParam2,
                ZSTD_format_e::ZSTD_f_zstd1_magicless as i32,
            ),
            (ZSTD_cParameter::ZSTD_c_contentSizeFlag, 0),
            (ZSTD_cParameter::ZSTD_c_checksumFlag, 0),
            (ZSTD_cParameter::ZSTD_c_dictIDFlag, 0),
            // `ZSTD_c_forceAttachDict`, likewise.
            (
                ZSTD_cParameter::ZSTD_c_experimentalParam4,
                ZSTD_dictAttachPref_e::ZSTD_dictForceCopy as i32,
            ),
        ] {
            // SAFETY: the context is there and in no frame.
            check(unsafe { ZSTD_CCtx_setParameter(context.0.as_ptr(), parameter, value) }).ok()?;
        }
        // SAFETY: both are there, and the tables are dropped after the context.
        check(unsafe { ZSTD_CCtx_refCDict(context.0.as_ptr(), tables.0.as_ptr()) }).ok()?;
        Some(Self {
            context,
            _tables: tables,
            memory,
            dictionary: bytes.len(),
            serial: dictionary.serial(),
        })
    }

    /// Compresses a page that fits behind the dictionary into `out`. Its contents are replaced; its capacity bounds the
    /// result.
    fn encode(&mut self, raw: &[u8], out: &mut Vec<u8>) -> SafeResult {
        let len = raw.len().min(self.memory.len() - self.dictionary);
        out.clear();
        // SAFETY: the back of `memory` has room for `len` bytes (just computed) and is disjoint from `raw`, which is
        // borrowed from elsewhere, and from the dictionary that the tables refer to. zstd reads these `len` bytes and
        // writes at most `capacity` bytes of `out`, and says how many: that many are initialised.
        unsafe {
            let back = self.memory.start().as_ptr().add(self.dictionary);
            std::ptr::copy_nonoverlapping(raw.as_ptr(), back, len);
            let written = check(ZSTD_compress2(
                self.context.0.as_ptr(),
                out.as_mut_ptr().cast(),
                out.capacity(),
                back.cast_const().cast(),
                len,
            ))?;
            out.set_len(written);
            Ok(written)
        }
    }
}

fn check(code: usize) -> SafeResult {
    // SAFETY: a pure function of a number.
    if unsafe { ZSTD_isError(code) } == 0 {
        Ok(code)
    } else {
        Err(code)
    }
}

/// The windows of a thread, for the dictionaries it used most recently.
#[derive(Default)]
pub(crate) struct EncodeWindows {
    /// The most recently used one comes first.
    windows: Vec<Window>,
}

impl EncodeWindows {
    /// Compresses a page with a dictionary into `out`. Its contents are replaced; its capacity bounds the result.
    /// `None` where no window is used: the page or the level is too large, or there is no memory.
    pub(crate) fn encode(
        &mut self,
        dictionary: &Dictionary,
        level: i32,
        raw: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<SafeResult> {
        if level > HIGHEST_LEVEL || raw.len() > ROOM {
            return None;
        }
        let serial = dictionary.serial();
        let window = match self.windows.iter().position(|w| w.serial == serial) {
            Some(at) => self.windows.remove(at),
            None => Window::new(dictionary, level)?,
        };
        self.windows.truncate(WINDOWS - 1);
        self.windows.insert(0, window);
        let result = self.windows.first_mut()?.encode(raw, out);
        if result.is_err() {
            // After an error the context may be in the middle of a frame.
            self.windows.remove(0);
        }
        Some(result)
    }
}
