//! A dictionary in the form that zstd uses, made once and shared by all threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use lakebed_format::DictionaryNumber;
use parking_lot::Mutex;
use zstd_safe::{CDict, DDict};

use crate::error::FrameError;

/// A dictionary with its tables. Those for decoding are built by [`Dictionary::new`] (20-80 us, about 250 KB with the
/// bytes), those for encoding at the first use of a level (0.6-1.0 ms at level 3).
pub struct Dictionary {
    number: DictionaryNumber,
    /// Unique in the process, unlike the number.
    serial: u64,
    bytes: Arc<[u8]>,
    decoding: DDict<'static>,
    /// The tables of the last level: a store writes at one level, a compaction at another.
    encoding: Mutex<Option<(i32, Arc<CDict<'static>>)>>,
}

impl Dictionary {
    /// Any bytes are accepted: zstd uses those that are not a trained dictionary as plain history.
    ///
    /// # Errors
    /// The bytes start like a trained dictionary and are damaged, or there is no memory.
    pub fn new(number: DictionaryNumber, bytes: Arc<[u8]>) -> Result<Self, FrameError> {
        let decoding =
            DDict::try_create(&bytes).ok_or(FrameError::Damaged("zstd refuses its dictionary"))?;
        static MADE: AtomicU64 = AtomicU64::new(1);
        Ok(Self {
            number,
            serial: MADE.fetch_add(1, Ordering::Relaxed),
            bytes,
            decoding,
            encoding: Mutex::new(None),
        })
    }

    /// Its number in the store.
    #[inline]
    pub fn number(&self) -> DictionaryNumber {
        self.number
    }

    /// A number that no other dictionary of this process has.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn for_decoding(&self) -> &DDict<'static> {
        &self.decoding
    }

    pub(super) fn for_encoding(&self, level: i32) -> Result<Arc<CDict<'static>>, FrameError> {
        let mut made = self.encoding.lock();
        if let Some((at, tables)) = made.as_ref()
            && *at == level
        {
            return Ok(Arc::clone(tables));
        }
        let tables = CDict::try_create(&self.bytes, level)
            .ok_or(FrameError::Zstd("it refuses the dictionary"))?;
        let tables = Arc::new(tables);
        *made = Some((level, Arc::clone(&tables)));
        Ok(tables)
    }
}

impl std::fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dictionary")
            .field("number", &self.number)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
