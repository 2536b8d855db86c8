//! A set of blob ids in bounded memory: a bit an id where ids are mixed, next to nothing where they are not.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use lakebed_format::{BlobId, IdRun, IdSet};

/// Ids of a chunk, as a power of two.
const SHIFT: u32 = 16;
const CHUNK: u64 = 1 << SHIFT;
const WORDS: usize = (CHUNK / 64) as usize;

/// Ids of a chunk of which some are in the set and some are not.
#[derive(Clone, Debug)]
struct Bits {
    count: u64,
    words: Box<[u64; WORDS]>,
}

/// A set of blob ids. A clone shares the chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// Chunks that are wholly in the set.
    whole: IdSet,
    /// The others, by number.
    mixed: BTreeMap<u64, Arc<Bits>>,
}

impl Marks {
    /// Adds a run of ids.
    pub(crate) fn insert(&mut self, ids: Range<u64>) {
        let mut at = ids.start;
        while at < ids.end {
            let chunk = at >> SHIFT;
            let start = chunk << SHIFT;
            if at == start && ids.end - at >= CHUNK {
                let len = (ids.end - at) >> SHIFT << SHIFT;
                self.insert_whole(at, len);
                at += len;
                continue;
            }
            let end = ids.end.min(start + CHUNK);
            self.insert_bits(chunk, at - start..end - start);
            at = end;
        }
    }

    fn insert_whole(&mut self, first: u64, len: u64) {
        self.whole.insert_run(IdRun {
            first: BlobId(first),
            len,
        });
        let (start, end) = (first >> SHIFT, (first + len) >> SHIFT);
        let covered: Vec<u64> = self.mixed.range(start..end).map(|(at, _)| *at).collect();
        for chunk in covered {
            self.mixed.remove(&chunk);
        }
    }

    fn insert_bits(&mut self, chunk: u64, bits: Range<u64>) {
        if self.whole.contains(BlobId(chunk << SHIFT)) {
            return;
        }
        let known = self.mixed.entry(chunk).or_insert_with(|| {
            Arc::new(Bits {
                count: 0,
                words: Box::new([0; WORDS]),
            })
        });
        let known = Arc::make_mut(known);
        for (word, mask) in masks(bits) {
            if let Some(word) = known.words.get_mut(word) {
                known.count += u64::from((mask & !*word).count_ones());
                *word |= mask;
            }
        }
        if known.count == CHUNK {
            self.mixed.remove(&chunk);
            self.insert_whole(chunk << SHIFT, CHUNK);
        }
    }

    /// Whether an id is in the set.
    #[inline]
    pub(crate) fn contains(&self, id: BlobId) -> bool {
        self.whole.contains(id)
            || self.mixed.get(&(id.0 >> SHIFT)).is_some_and(|bits| {
                let bit = id.0 & (CHUNK - 1);
                let word = usize::try_from(bit / 64)
                    .ok()
                    .and_then(|at| bits.words.get(at));
                word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
            })
    }

    /// How many ids of a range are in the set.
    pub(crate) fn count(&self, ids: Range<u64>) -> u64 {
        if ids.is_empty() {
            return 0;
        }
        let runs = self.whole.runs();
        let first = runs.partition_point(|run| run.end() <= ids.start);
        let mut count = 0;
        for run in runs.iter().skip(first) {
            if run.first.0 >= ids.end {
                break;
            }
            count += run.end().min(ids.end) - run.first.0.max(ids.start);
        }
        let chunks = ids.start >> SHIFT..=(ids.end - 1) >> SHIFT;
        for (chunk, bits) in self.mixed.range(chunks) {
            let start = chunk << SHIFT;
            let part = ids.start.max(start) - start..ids.end.min(start + CHUNK) - start;
            count += if part == (0..CHUNK) {
                bits.count
            } else {
                masks(part)
                    .filter_map(|(word, mask)| Some(bits.words.get(word)? & mask))
                    .map(|word| u64::from(word.count_ones()))
                    .sum()
            };
        }
        count
    }
}

/// The words that a range of a chunk's bits touches, each with a mask of the bits.
fn masks(bits: Range<u64>) -> impl Iterator<Item = (usize, u64)> {
    let words = bits.start / 64..bits.end.div_ceil(64);
    words.filter_map(move |word| {
        let from = bits.start.saturating_sub(word * 64);
        let to = (bits.end - word * 64).min(64);
        let mask = (u64::MAX << from) & (u64::MAX >> (64 - to));
        Some((usize::try_from(word).ok()?, mask))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn marks_are_a_set() {
        let runs = [
            0..1,
            63..65,
            10..10,
            65_000..66_000,
            200_000..200_001,
            131_072..262_144,
            262_143..262_145,
            65_536..131_072,
            0..65_536,
            1_000_000..1_000_064,
        ];
        let mut marks = Marks::default();
        let mut known = BTreeSet::new();
        for run in runs {
            marks.insert(run.clone());
            known.extend(run);
            for range in [0..2_000_000, 1..64, 64_999..200_005, 262_144..262_145, 5..5] {
                let expected = known.range(range.clone()).count() as u64;
                assert_eq!(marks.count(range.clone()), expected, "{range:?}");
            }
        }
        for id in (0..1_100_000).step_by(7).chain([262_144, 262_145, 65_535]) {
            assert_eq!(marks.contains(BlobId(id)), known.contains(&id), "{id}");
        }
        assert!(marks.mixed.len() < 4, "whole chunks take no bits");
    }

    #[test]
    fn a_long_run_takes_no_memory() {
        let mut marks = Marks::default();
        marks.insert(5..(1 << 61));
        assert!(marks.contains(BlobId(1 << 60)));
        assert!(!marks.contains(BlobId(4)));
        assert_eq!(marks.count(0..1 << 62), (1 << 61) - 5);
        assert_eq!(marks.mixed.len(), 1);
    }
}
