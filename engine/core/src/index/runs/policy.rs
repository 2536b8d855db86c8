//! Which runs are searched, and which to write next, so that a search reads few runs and few footers at 1 segment and
//! at 1,000.

use std::ops::{Range, RangeInclusive};

use lakebed_format::{BlobId, IndexRunHeader, SegmentNumber};

/// More sealed segments than this outside all runs are gathered into a run.
pub(crate) const MAX_UNCOVERED: usize = 8;
/// More runs than this are merged.
pub(crate) const MAX_RUNS: usize = 4;

/// A sealed segment, as the manifest lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentOutline {
    /// Its number.
    pub(crate) number: SegmentNumber,
    /// First id that may occur.
    pub(crate) first_blob: BlobId,
    /// One after the last id that may occur.
    pub(crate) end_blob: BlobId,
    /// Blobs in it.
    pub(crate) blobs: u64,
}

/// Which runs to search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Choice {
    /// Runs that count, by ascending segments; they overlap nowhere.
    pub(crate) runs: Vec<IndexRunHeader>,
    /// Numbers of runs that do not fit the manifest or are part of a larger one. Under the writer's lock they may be
    /// removed.
    pub(crate) obsolete: Vec<u64>,
    /// Segments, as indices into the manifest's list, whose footers are searched.
    pub(crate) uncovered: Vec<usize>,
}

/// The sealed segments that a run covers, as a range of indices; `None` when it was made from others.
pub(crate) fn covered(sealed: &[SegmentOutline], run: &IndexRunHeader) -> Option<Range<usize>> {
    let place = |number| sealed.iter().position(|segment| segment.number == number);
    let start = place(run.first_segment)?;
    let end = place(run.last_segment)? + 1;
    let segments = sealed.get(start..end)?;
    let first = segments.first()?;
    let blobs: u64 = segments.iter().map(|segment| segment.blobs).sum();
    let same = first.first_blob == run.base
        && blobs == run.entries
        && segments.len() as u64 == run.segments;
    same.then_some(start..end)
}

/// Chooses among the runs there are. `sealed` ascends by ids.
pub(crate) fn choose(sealed: &[SegmentOutline], runs: &[IndexRunHeader]) -> Choice {
    let mut by_size = runs.to_vec();
    by_size.sort_unstable_by_key(|run| std::cmp::Reverse((run.entries, run.number)));
    let mut choice = Choice::default();
    let mut taken: Vec<(Range<usize>, IndexRunHeader)> = Vec::new();
    for run in by_size {
        let place = covered(sealed, &run).filter(|place| {
            taken
                .iter()
                .all(|(other, _)| place.end <= other.start || other.end <= place.start)
        });
        match place {
            Some(place) => taken.push((place, run)),
            None => choice.obsolete.push(run.number),
        }
    }
    taken.sort_unstable_by_key(|(place, _)| place.start);
    let mut next = 0;
    for (place, run) in taken {
        choice.uncovered.extend(next..place.start);
        next = place.end;
        choice.runs.push(run);
    }
    choice.uncovered.extend(next..sealed.len());
    choice.obsolete.sort_unstable();
    choice
}

/// A run to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Merge {
    /// All segments it covers, as a range of indices into the catalogue's list.
    pub(crate) segments: Range<usize>,
    /// Those of them whose footers are read.
    pub(crate) footers: Vec<usize>,
    /// Numbers of the runs that are read for the others, and are obsolete afterwards.
    pub(crate) runs: Vec<u64>,
}

/// What a run covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunExtent {
    /// The first segment and the last.
    pub(crate) segments: RangeInclusive<SegmentNumber>,
    /// Blobs in them.
    pub(crate) blobs: u64,
    /// How many they are.
    pub(crate) places: u64,
    /// The first blob id of the first one.
    pub(crate) base: BlobId,
}

impl Merge {
    /// What it will cover; `None` when `sealed` is not the list it was made for.
    pub(crate) fn extent(&self, sealed: &[SegmentOutline]) -> Option<RunExtent> {
        let segments = sealed.get(self.segments.clone())?;
        let (first, last) = (segments.first()?, segments.last()?);
        Some(RunExtent {
            segments: first.number..=last.number,
            blobs: segments.iter().map(|segment| segment.blobs).sum(),
            places: segments.len() as u64,
            base: first.first_blob,
        })
    }
}

/// The next run to write; `None` when there are few enough. To be called again after that.
///
/// Too many uncovered segments: the longest row of them becomes a run. Where that makes too many runs, it takes in
/// older ones at once: from the first that is not larger than everything behind it together. Sizes then fall from the
/// oldest to the newest, so a blob is written 1.6 times in the first 100 segments and 4.5 times in the first 1,000
/// (merging the two smallest neighbours: 12 times), and a search reads at most [`MAX_RUNS`] runs and [`MAX_UNCOVERED`]
/// footers.
pub(crate) fn next_merge(sealed: &[SegmentOutline], choice: &Choice) -> Option<Merge> {
    let mut parts: Vec<(Range<usize>, u64)> = Vec::with_capacity(choice.runs.len() + 1);
    for run in &choice.runs {
        parts.push((covered(sealed, run)?, run.entries));
    }
    if choice.uncovered.len() > MAX_UNCOVERED {
        let rows = choice.uncovered.chunk_by(|a, b| a + 1 == *b);
        let row = rows.max_by_key(|row| row.len())?;
        let row = *row.first()?..row.last()? + 1;
        let blobs = sealed.get(row.clone())?.iter().map(|segment| segment.blobs);
        let blobs = blobs.sum();
        if parts.len() < MAX_RUNS {
            return Some(merge(row, choice, sealed));
        }
        let at = parts.partition_point(|(part, _)| part.start < row.start);
        parts.insert(at, (row, blobs));
    }
    if parts.len() <= MAX_RUNS {
        return None;
    }
    let mut behind: u64 = parts.iter().map(|(_, entries)| entries).sum();
    let heavy = parts
        .iter()
        .take(parts.len() - 2)
        .take_while(|(_, entries)| {
            behind -= entries;
            *entries > behind
        });
    let (first, _) = parts.get(heavy.count())?;
    let (last, _) = parts.last()?;
    Some(merge(first.start..last.end, choice, sealed))
}

/// One run of all segments in a range that no run crosses the ends of.
fn merge(segments: Range<usize>, choice: &Choice, sealed: &[SegmentOutline]) -> Merge {
    let inside = |run: &&IndexRunHeader| {
        covered(sealed, run)
            .is_some_and(|part| segments.start <= part.start && part.end <= segments.end)
    };
    Merge {
        footers: choice
            .uncovered
            .iter()
            .filter(|i| segments.contains(*i))
            .copied()
            .collect(),
        runs: choice
            .runs
            .iter()
            .filter(inside)
            .map(|run| run.number)
            .collect(),
        segments,
    }
}
