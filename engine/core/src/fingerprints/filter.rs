//! Filters that say of most fingerprints that a sealed segment does not have them, for one touch of memory.
//!
//! Searching a footer for a fingerprint that is not there touches about ten places, each a miss of the processor's
//! caches in a segment of millions of small blobs. An ingest of new records does that for every record and every
//! footer, so a segment that is searched often enough gets a blocked Bloom filter: 12 bits a blob, all bits of a blob
//! in one cache line, 1 in 100 wrongly let through, none wrongly turned away. Filters live in memory only, and their
//! sum is bounded.
#![expect(
    clippy::cast_possible_truncation,
    reason = "sizes are below the budget; a line number is below their count"
)]

use std::collections::VecDeque;
use std::sync::Arc;

use lakebed_format::{Fingerprint, SegmentNumber, TABLE_FINGERPRINT_BITS};
use parking_lot::Mutex;

const BITS_A_BLOB: u64 = 12;
const LINE_BITS: u64 = 512;
const PROBES: u32 = 6;
/// Bytes of all filters of a store object.
const BUDGET: usize = 64 << 20;
/// A filter is made after one question for this many blobs: making it costs about as much.
pub(crate) const BLOBS_A_QUESTION: u64 = 64;

/// One segment's fingerprints, of which the bits count that every segment stores.
#[derive(Debug)]
pub(crate) struct Filter {
    lines: Vec<[u64; 8]>,
}

impl Filter {
    /// An empty filter for this many blobs; `None` if it were too large to be kept.
    pub(crate) fn new(blobs: u64) -> Option<Self> {
        let lines = blobs.checked_mul(BITS_A_BLOB)?.div_ceil(LINE_BITS).max(1);
        let fits = lines.checked_mul(LINE_BITS / 8)? <= BUDGET as u64 / 4;
        fits.then(|| Self {
            lines: vec![[0; 8]; lines as usize],
        })
    }

    pub(crate) fn insert(&mut self, fingerprint: Fingerprint) {
        let fingerprint = fingerprint.shortened(TABLE_FINGERPRINT_BITS);
        let at = self.line(fingerprint);
        if let Some(line) = self.lines.get_mut(at) {
            for (word, bit) in bits(fingerprint) {
                if let Some(word) = line.get_mut(word) {
                    *word |= bit;
                }
            }
        }
    }

    /// False when the fingerprint was surely not inserted.
    #[inline]
    pub(crate) fn may_hold(&self, fingerprint: Fingerprint) -> bool {
        let fingerprint = fingerprint.shortened(TABLE_FINGERPRINT_BITS);
        self.lines.get(self.line(fingerprint)).is_none_or(|line| {
            bits(fingerprint).all(|(word, bit)| line.get(word).is_some_and(|word| word & bit != 0))
        })
    }

    fn bytes(&self) -> usize {
        self.lines.len() * (LINE_BITS as usize / 8)
    }

    #[inline]
    fn line(&self, fingerprint: Fingerprint) -> usize {
        ((u128::from(fingerprint.0) * self.lines.len() as u128) >> 64) as usize
    }
}

/// The bits of a fingerprint in its line, independent of which line that is.
#[inline]
fn bits(fingerprint: Fingerprint) -> impl Iterator<Item = (usize, u64)> {
    let mixed = fingerprint
        .0
        .rotate_left(32)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..PROBES).map(move |probe| {
        let nine = (mixed >> (64 - 9 * (probe + 1))) & (LINE_BITS - 1);
        ((nine >> 6) as usize, 1 << (nine & 63))
    })
}

/// The filters of a store object, the newest last; they outlive the manifests that name the segments.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    made: Mutex<VecDeque<(SegmentNumber, Arc<Filter>)>>,
}

impl Filters {
    pub(crate) fn get(&self, segment: SegmentNumber) -> Option<Arc<Filter>> {
        let made = self.made.lock();
        made.iter()
            .find(|(number, _)| *number == segment)
            .map(|(_, filter)| Arc::clone(filter))
    }

    /// Keeps a filter, and lets the oldest go when they become too many.
    pub(crate) fn insert(&self, segment: SegmentNumber, filter: Filter) -> Arc<Filter> {
        let filter = Arc::new(filter);
        let mut made = self.made.lock();
        made.retain(|(number, _)| *number != segment);
        made.push_back((segment, Arc::clone(&filter)));
        let mut bytes: usize = made.iter().map(|(_, filter)| filter.bytes()).sum();
        while bytes > BUDGET
            && let Some((_, oldest)) = made.pop_front()
        {
            bytes -= oldest.bytes();
        }
        filter
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_inserted_is_never_turned_away(fingerprints in prop::collection::vec(any::<u64>(), 0..2000), room in 0_u64..3000) {
            let mut filter = Filter::new(room).unwrap();
            for fingerprint in &fingerprints {
                filter.insert(Fingerprint(*fingerprint));
            }
            prop_assert!(fingerprints.iter().all(|fingerprint| filter.may_hold(Fingerprint(*fingerprint))));
        }
    }

    #[test]
    fn most_others_are_turned_away() {
        let hash = |n: u64| lakebed_format::Hash::of(&n.to_le_bytes()).fingerprint();
        let mut filter = Filter::new(50_000).unwrap();
        (0..50_000).for_each(|n| filter.insert(hash(n)));
        let wrong = (50_000..150_000)
            .filter(|n| filter.may_hold(hash(*n)))
            .count();
        assert!(wrong < 2500, "{wrong} of 100,000");
    }

    #[test]
    fn the_sum_is_bounded() {
        assert!(Filter::new(u64::MAX).is_none() && Filter::new(1 << 30).is_none());
        let filters = Filters::default();
        for number in 0..40 {
            filters.insert(SegmentNumber(number), Filter::new(4 << 20).unwrap());
        }
        let kept = filters
            .made
            .lock()
            .iter()
            .map(|(_, filter)| filter.bytes())
            .sum::<usize>();
        assert!(
            kept <= BUDGET
                && filters.get(SegmentNumber(39)).is_some()
                && filters.get(SegmentNumber(0)).is_none()
        );
    }
}
