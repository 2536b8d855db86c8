//! Dictionaries in the form zstd wants them, made once and shared by all threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use zstd_safe::{CDict, DDict};

use super::{FrameError, HOT_DICTIONARIES};
use lakebed_format::DictionaryNumber;

/// One dictionary. Decoding tables are made with it (20-80 us, about 250 KB with the bytes), encoding tables at first use of
/// a level (0.6-1.0 ms at level 3).
pub struct Dictionary {
    number: DictionaryNumber,
    /// Unlike the number never given twice in a process.
    serial: u64,
    bytes: Arc<[u8]>,
    decoding: DDict<'static>,
    /// The level used last: a store writes at one level, a compaction at another.
    encoding: Mutex<Option<(i32, Arc<CDict<'static>>)>>,
}

impl Dictionary {
    /// Any bytes are accepted: zstd takes what does not begin like a trained dictionary as plain history.
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

    pub fn number(&self) -> DictionaryNumber {
        self.number
    }

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

/// The dictionaries in use, at most [`HOT_DICTIONARIES`]; the one unused for longest makes room.
#[derive(Debug, Default)]
pub struct Dictionaries {
    hot: RwLock<Vec<Hot>>,
    clock: AtomicU64,
}

#[derive(Debug)]
struct Hot {
    used: AtomicU64,
    dictionary: Arc<Dictionary>,
}

impl Dictionaries {
    /// The dictionary `number`, made from what `load` returns if it is not here. Two threads may load the same one at once;
    /// both then get the one that was here first.
    pub fn get<E: From<FrameError>>(
        &self,
        number: DictionaryNumber,
        load: impl FnOnce() -> Result<Arc<[u8]>, E>,
    ) -> Result<Arc<Dictionary>, E> {
        if let Some(found) = self.find(number) {
            return Ok(found);
        }
        // Loading reads a frame, which may itself look for dictionaries: no lock is held meanwhile.
        let made = Arc::new(Dictionary::new(number, load()?)?);
        Ok(self.insert(made))
    }

    /// Adds one that was just trained, and returns the one that is used for its number.
    pub fn insert(&self, dictionary: Arc<Dictionary>) -> Arc<Dictionary> {
        let mut hot = self.hot.write();
        if let Some(there) = hot
            .iter()
            .find(|hot| hot.dictionary.number == dictionary.number)
        {
            return Arc::clone(&there.dictionary);
        }
        if hot.len() >= HOT_DICTIONARIES
            && let Some((oldest, _)) = hot
                .iter()
                .enumerate()
                .min_by_key(|(_, hot)| hot.used.load(Ordering::Relaxed))
        {
            hot.swap_remove(oldest);
        }
        hot.push(Hot {
            used: AtomicU64::new(self.tick()),
            dictionary: Arc::clone(&dictionary),
        });
        dictionary
    }

    /// Forgets all, as when the store is rolled back and a number may be given again.
    pub fn clear(&self) {
        self.hot.write().clear();
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.hot.read().len()
    }

    fn find(&self, number: DictionaryNumber) -> Option<Arc<Dictionary>> {
        let hot = self.hot.read();
        let found = hot.iter().find(|hot| hot.dictionary.number == number)?;
        found.used.store(self.tick(), Ordering::Relaxed);
        Some(Arc::clone(&found.dictionary))
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }
}
