//! Decoded frames, and decoded pages of columns, kept in memory within a budget of bytes.
//!
//! Eviction is a clock: each hit gives a frame one more life (at most [`LIVES`]), the hand takes one and removes frames
//! without any. A frame enters with none, so that frames that were read once go before those that were read again.
//! Scans read with [`FrameCache::peek`] and fill free memory with [`FrameCache::fill`]: a collection that fits is
//! decoded once, and a scan evicts nothing. What the scan of neighbouring rows goes on with is handed from one reader
//! to the next ([`FrameCache::hand_on`]). The table is split into shards against contention; the budget is one.
#![expect(
    clippy::cast_possible_truncation,
    reason = "half of a product is taken on purpose"
)]

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

use lakebed_codec::Decoded;
use lakebed_columns::{HeldPages, Page, PageDictionary};
use lakebed_format::SegmentNumber;

const SHARDS: usize = 8;
const LIVES: u8 = 3;
/// Bytes of an entry besides its frame: a slot, a key in the table, unused capacity.
const OVERHEAD: usize = 96;

/// Bytes of dictionaries of columns that are kept besides the budget: without them each page that is not kept would
/// cost as much as many.
const DICTIONARY_BYTES: usize = 64 << 20;
/// Bytes of pages that are handed on, besides the budget.
const HANDED_BYTES: usize = 16 << 20;

/// Where a frame lies. A frame that was not committed is not kept, because after a rollback another
/// one may get its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FrameKey {
    pub(crate) segment: SegmentNumber,
    pub(crate) offset: u64,
}

/// Counters since the cache was made, and what it holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CacheStats {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) budget: u64,
}

/// Shared by all readers of a store.
#[derive(Debug)]
pub(crate) struct FrameCache {
    shards: [Mutex<Shard>; SHARDS],
    handed: Mutex<VecDeque<(FrameKey, Handed)>>,
    dictionaries: Mutex<KeptDictionaries>,
    budget: usize,
    bytes: AtomicUsize,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Shard {
    places: HashMap<FrameKey, usize, BuildHasherDefault<Mix>>,
    ring: Vec<Slot>,
    hand: usize,
}

/// What is kept under a key.
#[derive(Clone, Debug)]
pub(crate) enum Cached {
    Frame(Arc<Decoded>),
    Page(Arc<Page>),
}

impl Cached {
    fn cost(&self) -> usize {
        match self {
            Self::Frame(frame) => frame.cost(),
            Self::Page(page) => page.cost(),
        }
    }

    fn into_frame(self) -> Option<Arc<Decoded>> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Page(_) => None,
        }
    }
}

/// Dictionaries of columns, which are decoded for a page of any row. The oldest ones go.
#[derive(Debug, Default)]
struct KeptDictionaries {
    places: HashMap<FrameKey, PageDictionary, BuildHasherDefault<Mix>>,
    order: VecDeque<FrameKey>,
    bytes: usize,
}

impl KeptDictionaries {
    fn insert(&mut self, key: FrameKey, dictionary: PageDictionary) {
        let cost = dictionary.cost() + OVERHEAD;
        if self.places.insert(key, dictionary).is_some() {
            return;
        }
        self.order.push_back(key);
        self.bytes += cost;
        while self.bytes > DICTIONARY_BYTES
            && let Some(gone) = self.order.pop_front()
            && let Some(gone) = self.places.remove(&gone)
        {
            self.bytes -= gone.cost() + OVERHEAD;
        }
    }
}

/// Of each leaf a dictionary, and where it lies in the file.
pub(crate) type Dictionaries = Vec<Option<(u64, PageDictionary)>>;

/// What a reader of rows of a part stands on.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    pub(crate) pages: HeldPages,
    pub(crate) dictionaries: Dictionaries,
}

impl Handed {
    fn cost(&self) -> usize {
        let dictionaries = self.dictionaries.iter().flatten();
        let dictionaries: usize = dictionaries.map(|(_, one)| one.cost()).sum();
        self.pages.cost() + dictionaries
    }
}

#[derive(Debug)]
struct Slot {
    key: FrameKey,
    kept: Cached,
    lives: AtomicU8,
}

impl FrameCache {
    /// A budget of 0 keeps nothing.
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            handed: Mutex::default(),
            dictionaries: Mutex::default(),
            budget,
            bytes: AtomicUsize::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The frame at `key`, which thereby stays longer.
    #[inline]
    pub(crate) fn get(&self, key: FrameKey) -> Option<Arc<Decoded>> {
        self.get_any(key)?.into_frame()
    }

    /// As [`FrameCache::get`], of whatever is kept there.
    #[inline]
    pub(crate) fn get_any(&self, key: FrameKey) -> Option<Cached> {
        let shard = self.shard(key).lock();
        if let Some(slot) = shard.slot(key) {
            let lives = slot.lives.load(Ordering::Relaxed);
            if lives < LIVES {
                slot.lives.store(lives + 1, Ordering::Relaxed);
            }
            let kept = slot.kept.clone();
            drop(shard);
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Some(kept);
        }
        drop(shard);
        self.misses.fetch_add(1, Ordering::Relaxed);
        None
    }

    /// The frame at `key`, without effect on eviction and counters.
    pub(crate) fn peek(&self, key: FrameKey) -> Option<Arc<Decoded>> {
        self.peek_any(key)?.into_frame()
    }

    /// As [`FrameCache::peek`], of whatever is kept there.
    pub(crate) fn peek_any(&self, key: FrameKey) -> Option<Cached> {
        self.shard(key)
            .lock()
            .slot(key)
            .map(|slot| slot.kept.clone())
    }

    /// Keeps `frame` if there is room for it without evicting another.
    pub(crate) fn fill(&self, key: FrameKey, frame: &Arc<Decoded>) {
        self.fill_any(key, &Cached::Frame(Arc::clone(frame)));
    }

    /// As [`FrameCache::fill`], of anything.
    pub(crate) fn fill_any(&self, key: FrameKey, what: &Cached) {
        let cost = what.cost() + OVERHEAD;
        if self.bytes.load(Ordering::Relaxed) + cost <= self.budget {
            self.insert_any(key, what.clone());
        }
    }

    /// Keeps `frame`. If another thread inserted the same frame first, that one stays and is returned, with what is
    /// proven about it. A frame larger than half the budget is not kept.
    pub(crate) fn insert(&self, key: FrameKey, frame: Arc<Decoded>) -> Arc<Decoded> {
        let kept = self.insert_any(key, Cached::Frame(Arc::clone(&frame)));
        kept.into_frame().unwrap_or(frame)
    }

    /// As [`FrameCache::insert`], of anything.
    pub(crate) fn insert_any(&self, key: FrameKey, what: Cached) -> Cached {
        let cost = what.cost() + OVERHEAD;
        if cost > self.budget / 2 {
            return what;
        }
        let own = index(key);
        {
            let mut shard = self.shard(key).lock();
            if let Some(slot) = shard.slot(key) {
                return slot.kept.clone();
            }
            let place = shard.ring.len();
            shard.ring.push(Slot {
                key,
                kept: what.clone(),
                lives: AtomicU8::new(0),
            });
            shard.places.insert(key, place);
        }
        let mut total = self.bytes.fetch_add(cost, Ordering::Relaxed) + cost;
        // Its own shard first; the budget is of all shards together.
        let mut turn = own;
        let mut empty = 0;
        while total > self.budget && empty < SHARDS {
            let freed = self
                .shards
                .get(turn % SHARDS)
                .map_or(0, |shard| shard.lock().evict(key));
            empty = if freed == 0 { empty + 1 } else { 0 };
            total = self.bytes.fetch_sub(freed, Ordering::Relaxed) - freed;
            turn += 1;
        }
        what
    }

    /// The dictionary at `key`.
    pub(crate) fn dictionary(&self, key: FrameKey) -> Option<PageDictionary> {
        self.dictionaries.lock().places.get(&key).cloned()
    }

    /// Keeps a dictionary.
    pub(crate) fn keep_dictionary(&self, key: FrameKey, dictionary: &PageDictionary) {
        self.dictionaries.lock().insert(key, dictionary.clone());
    }

    /// Keeps for a while what a reader stands on, for the one that goes on there. The oldest ones go.
    pub(crate) fn hand_on(&self, key: FrameKey, what: Handed) {
        let mut handed = self.handed.lock();
        handed.push_back((key, what));
        let mut total: usize = handed.iter().map(|(_, one)| one.cost()).sum();
        while total > HANDED_BYTES
            && let Some((_, gone)) = handed.pop_front()
        {
            total -= gone.cost();
        }
    }

    /// What was handed on under this key.
    pub(crate) fn take_handed(&self, key: FrameKey) -> Option<Handed> {
        let mut handed = self.handed.lock();
        let place = handed.iter().position(|(known, _)| *known == key)?;
        handed.remove(place).map(|(_, what)| what)
    }

    pub(crate) fn stats(&self) -> CacheStats {
        CacheStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            frames: self
                .shards
                .iter()
                .map(|shard| shard.lock().ring.len() as u64)
                .sum(),
            bytes: self.bytes.load(Ordering::Relaxed) as u64,
            budget: self.budget as u64,
        }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "index() is below SHARDS")]
    fn shard(&self, key: FrameKey) -> &Mutex<Shard> {
        &self.shards[index(key)]
    }
}

impl Shard {
    #[inline]
    fn slot(&self, key: FrameKey) -> Option<&Slot> {
        self.ring.get(*self.places.get(&key)?)
    }

    /// Removes one frame other than `spare`, and returns what it cost; 0 if there is none.
    fn evict(&mut self, spare: FrameKey) -> usize {
        // Every frame is passed at most LIVES times before it has no life left.
        for _ in 0..self.ring.len() * (usize::from(LIVES) + 1) {
            if self.hand >= self.ring.len() {
                self.hand = 0;
            }
            let Some(slot) = self.ring.get_mut(self.hand) else {
                return 0;
            };
            let lives = slot.lives.get_mut();
            if slot.key == spare {
                self.hand += 1;
            } else if *lives > 0 {
                *lives -= 1;
                self.hand += 1;
            } else {
                return self.remove(self.hand);
            }
        }
        0
    }

    /// Removes the frame at `place`, where the last one then sits, and returns what it cost.
    fn remove(&mut self, place: usize) -> usize {
        let slot = self.ring.swap_remove(place);
        self.places.remove(&slot.key);
        if let Some(moved) = self.ring.get(place) {
            self.places.insert(moved.key, place);
        }
        slot.kept.cost() + OVERHEAD
    }
}

#[inline]
fn index(key: FrameKey) -> usize {
    (mix(key.segment.0 ^ key.offset.rotate_left(24)) >> 61) as usize & (SHARDS - 1)
}

#[inline]
fn mix(value: u64) -> u64 {
    let product = u128::from(value ^ 0x9E37_79B9_7F4A_7C15) * 0xE703_7ED1_A0B4_28DB_u128;
    (product >> 64) as u64 ^ product as u64
}

/// A hash for keys that are not chosen by an attacker: offsets and segment numbers.
#[derive(Debug, Default, Clone, Copy)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.0 = mix(self.0.rotate_left(32) ^ value);
    }
}
