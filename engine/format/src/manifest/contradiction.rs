//! Whether a manifest contradicts itself: a body that can be decoded may still say what no writer says.

use std::collections::BTreeSet;

use super::body::ManifestBody;
use crate::ids::{BlobId, SegmentNumber};
use crate::limits;
use crate::segment_header::Layout;

impl ManifestBody {
    /// A half sentence that says what no writer would have written: numbers that are given twice, or that are to be
    /// given again; ranges that overlap; sums beyond all numbers. `None` for a body that a writer may have written.
    /// What is stored beside the manifest is not looked at.
    pub fn contradiction(&self) -> Option<&'static str> {
        self.numbers()
            .or_else(|| self.sealed_segments())
            .or_else(|| self.large_blobs())
            .or_else(|| self.named_things())
            .or_else(|| self.blobs())
    }

    fn numbers(&self) -> Option<&'static str> {
        let next = [
            self.last_commit.0,
            self.next_blob.0,
            self.next_collection.0,
            self.next_file.0,
            self.next_dictionary.0,
            self.next_segment.0,
        ];
        if next.iter().any(|number| *number >= limits::MAX_NUMBER) {
            return Some("a next number is out of its range");
        }
        let mut known = BTreeSet::from([self.active_segment]);
        if !self.segments.iter().all(|entry| known.insert(entry.number)) {
            return Some("it lists a segment twice");
        }
        let behind = |number: &SegmentNumber| *number >= self.next_segment;
        if known.iter().any(behind) {
            return Some("it lists a segment whose number was not given yet");
        }
        None
    }

    fn sealed_segments(&self) -> Option<&'static str> {
        let mut end = BlobId(0);
        let mut ends = BTreeSet::new();
        let mut totals = [0_u64; 3];
        for entry in &self.segments {
            if entry.first_commit > entry.last_commit || entry.last_commit > self.last_commit {
                return Some("the commits of a segment are out of their range");
            }
            for (total, more) in totals
                .iter_mut()
                .zip([entry.len, entry.rows, entry.raw_bytes])
            {
                *total = total.saturating_add(more);
            }
            if entry.layout == Layout::Large {
                continue;
            }
            if !ends.insert(entry.last_commit) {
                return Some("two segments end in the same commit");
            }
            if entry.first_blob < end || entry.end_blob > self.next_blob {
                return Some("the blob ids of its segments overlap or were not given yet");
            }
            if entry.blobs > entry.end_blob.0 - entry.first_blob.0 {
                return Some("a segment has more blobs than ids");
            }
            end = entry.end_blob;
        }
        let [_, rows, _] = totals;
        if totals.contains(&u64::MAX) || rows >= limits::MAX_NUMBER {
            return Some("its segments are larger than all numbers");
        }
        None
    }

    fn large_blobs(&self) -> Option<&'static str> {
        let mut blobs = BTreeSet::new();
        let mut segments = BTreeSet::new();
        for entry in &self.large {
            if entry.blob >= self.next_blob || entry.segment >= self.next_segment {
                return Some("a large blob has a number that was not given yet");
            }
            if !blobs.insert(entry.blob) || !segments.insert(entry.segment) {
                return Some("it lists a large blob twice");
            }
            if entry.len > limits::MAX_BLOB || entry.stored_len > limits::MAX_BLOB {
                return Some("a large blob is longer than any");
            }
        }
        let listed = self.segments.iter();
        let listed = listed.filter(|entry| entry.layout == Layout::Large);
        let listed: BTreeSet<SegmentNumber> = listed.map(|entry| entry.number).collect();
        (listed != segments).then_some("its large blobs are not those of its segments")
    }

    fn named_things(&self) -> Option<&'static str> {
        let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
        for entry in &self.collections {
            if !ids.insert(entry.id) || !names.insert(entry.name.as_str()) {
                return Some("it lists a collection twice");
            }
            if entry.id >= self.next_collection {
                return Some("a collection has an id that was not given yet");
            }
            let fits = entry.next_seq.0 < limits::MAX_NUMBER
                && entry.first_live <= entry.next_seq
                && entry.deleted_rows <= entry.next_seq.0 - entry.first_live.0;
            if !fits {
                return Some("the rows of a collection are out of their range");
            }
        }
        let mut numbers = BTreeSet::new();
        for entry in &self.dictionaries {
            if !numbers.insert(entry.number) {
                return Some("it lists a dictionary twice");
            }
            if entry.number >= self.next_dictionary || entry.blob >= self.next_blob {
                return Some("a dictionary has a number that was not given yet");
            }
        }
        let mut numbers = BTreeSet::new();
        for entry in &self.files {
            if !numbers.insert(entry.number) {
                return Some("it lists a file twice");
            }
            if entry.number >= self.next_file {
                return Some("a file has a number that was not given yet");
            }
        }
        None
    }

    fn blobs(&self) -> Option<&'static str> {
        for ids in [&self.pinned, &self.deleted] {
            if ids.last().is_some_and(|last| last >= self.next_blob) {
                return Some("a pinned or deleted blob has an id that was not given yet");
            }
        }
        None
    }
}
