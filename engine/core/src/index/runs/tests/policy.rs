//! The policy keeps few files to ask.

use std::collections::BTreeSet;

use lakebed_format::{BlobId, IndexRunHeader, SegmentNumber};

use super::BITS;
use crate::index::runs::policy::{MAX_RUNS, MAX_UNCOVERED};
use crate::index::runs::*;

/// The catalogue and the headers of the runs there are, as the store would keep them.
struct World {
    sealed: Vec<SegmentOutline>,
    runs: Vec<IndexRunHeader>,
    next_run: u64,
    rewritten: u64,
}

impl World {
    fn new() -> Self {
        Self {
            sealed: Vec::new(),
            runs: Vec::new(),
            next_run: 1,
            rewritten: 0,
        }
    }

    fn seal(&mut self, number: u64) {
        let first_blob = self.sealed.last().map_or(BlobId(0), |last| last.end_blob);
        let end_blob = BlobId(first_blob.0 + 1000);
        self.sealed.push(SegmentOutline {
            number: SegmentNumber(number),
            first_blob,
            end_blob,
            blobs: 990,
        });
    }

    fn choose(&self) -> Choice {
        choose(&self.sealed, &self.runs)
    }

    fn carry_out(&mut self, merge: &Merge, keep_old: bool) {
        let extent = merge.extent(&self.sealed).unwrap();
        let entries = extent.blobs;
        self.rewritten += entries;
        if !keep_old {
            self.runs.retain(|run| !merge.runs.contains(&run.number));
        }
        self.runs.push(IndexRunHeader {
            number: self.next_run,
            salt: 0,
            entries,
            first_segment: *extent.segments.start(),
            last_segment: *extent.segments.end(),
            segments: extent.places,
            base: extent.base,
            fingerprint_bits: BITS,
            bucket_bits: 0,
            len: 0,
        });
        self.next_run += 1;
    }

    fn settle(&mut self, keep_old: bool) {
        for _ in 0..1000 {
            match next_merge(&self.sealed, &self.choose()) {
                Some(merge) => self.carry_out(&merge, keep_old),
                None => return,
            }
        }
        panic!("the policy never comes to rest");
    }

    /// Each segment is asked through one run or its own footer.
    fn check(&self) {
        let choice = self.choose();
        let mut asked: BTreeSet<usize> = choice.uncovered.iter().copied().collect();
        for run in &choice.runs {
            for (i, segment) in self.sealed.iter().enumerate() {
                if (run.first_segment..=run.last_segment).contains(&segment.number) {
                    assert!(asked.insert(i), "segment {i} is asked twice");
                }
            }
        }
        assert_eq!(asked.len(), self.sealed.len());
    }
}

#[test]
fn a_thousand_segments_are_asked_through_few_files_and_rewritten_seldom() {
    let mut world = World::new();
    for number in 1..=1000 {
        // Numbers have gaps: large blobs take some.
        world.seal(number * 3);
        world.settle(false);
        world.check();
        let choice = world.choose();
        assert!(choice.runs.len() <= MAX_RUNS, "{} runs", choice.runs.len());
        assert!(choice.uncovered.len() <= MAX_UNCOVERED);
        assert!(choice.obsolete.is_empty());
    }
    let blobs: u64 = world.sealed.iter().map(|segment| segment.blobs).sum();
    assert!(
        world.rewritten < 5 * blobs,
        "each blob was written {} times",
        world.rewritten / blobs
    );
}

#[test]
fn lost_and_left_over_runs_change_nothing_but_the_work() {
    let mut world = World::new();
    for number in 1..=300 {
        world.seal(number);
        // A crash between the new run and the removal of the old ones leaves both.
        world.settle(number % 2 == 0);
        if number % 41 == 0 {
            let lost = (number as usize) % world.runs.len();
            world.runs.remove(lost);
        }
        if number % 37 == 0 {
            world.runs[0].entries += 1;
        }
        world.check();
        let obsolete = world.choose().obsolete;
        if number % 50 == 0 {
            world.runs.retain(|run| !obsolete.contains(&run.number));
            world.check();
        }
    }
    world.settle(false);
    let choice = world.choose();
    assert!(choice.runs.len() <= MAX_RUNS && choice.uncovered.len() <= MAX_UNCOVERED);
}

#[test]
fn a_run_of_segments_that_this_snapshot_does_not_know_is_left_alone() {
    let mut world = World::new();
    (1..=9).for_each(|number| world.seal(number));
    world.settle(false);
    let run = world.runs[0];
    assert_eq!(
        (run.first_segment, run.last_segment),
        (SegmentNumber(1), SegmentNumber(9))
    );
    world.sealed.pop();
    assert_eq!(world.choose().runs, []);
    assert_eq!(world.choose().uncovered.len(), 8);
}
