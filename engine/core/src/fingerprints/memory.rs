//! Fingerprints in memory: of the pending group and of the active segment.
//!
//! Open addressing with linear probing over ordinals; the low bits of the mixed fingerprint, of which the last bits may
//! all be zero, are the place. A slot holds the other half of it beside the ordinal, so that passing over a slot of
//! another blob touches nothing else: in a large table each touch misses the caches. Costs 8 bytes a blob and 11 to 21
//! for the table. Several ids under one fingerprint are all kept: the bytes decide.
#![expect(
    clippy::cast_possible_truncation,
    reason = "parts of a fingerprint are taken on purpose; ordinals have 32 bits, for a segment holds fewer blobs"
)]

use std::ops::RangeInclusive;

use lakebed_format::{BlobId, Fingerprint};

const SMALLEST_TABLE: usize = 64;
/// The half of a mixed fingerprint that a slot holds; the other half is where the slot is.
const HIGH: u64 = 0xFFFF_FFFF_0000_0000;

/// Ids from this ordinal on count up from this id.
#[derive(Clone, Copy, Debug)]
struct Run {
    ordinal: usize,
    id: BlobId,
}

/// A growing map from fingerprints to blob ids; ids are given in ascending order.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryIndex {
    fingerprints: Vec<u64>,
    runs: Vec<Run>,
    /// The mixed fingerprint's high half, then the ordinal plus one; 0 is free. The length is a power of two, at most
    /// three quarters full.
    table: Vec<u64>,
}

impl MemoryIndex {
    /// Room for this many more blobs without growing.
    pub(crate) fn reserve(&mut self, blobs: usize) {
        self.fingerprints.reserve(blobs);
        let wanted = table_len(self.fingerprints.len() + blobs);
        if wanted > self.table.len() {
            self.rebuild(wanted);
        }
    }

    /// Adds a blob. `id` is above all ids added before.
    pub(crate) fn insert(&mut self, fingerprint: Fingerprint, id: BlobId) {
        let ordinal = self.fingerprints.len();
        if table_len(ordinal + 1) > self.table.len() {
            self.rebuild(table_len(ordinal + 1));
        }
        let follows = self
            .runs
            .last()
            .is_some_and(|run| run.id.0 + (ordinal - run.ordinal) as u64 == id.0);
        if !follows {
            self.runs.push(Run { ordinal, id });
        }
        self.fingerprints.push(fingerprint.0);
        place(&mut self.table, fingerprint.0, ordinal);
    }

    /// Appends the ids that have this fingerprint, lowest first.
    pub(crate) fn find(&self, fingerprint: Fingerprint, found: &mut Vec<BlobId>) {
        if self.table.is_empty() {
            return;
        }
        let first = found.len();
        let mask = self.table.len() - 1;
        let mixed = mixed(fingerprint.0);
        let mut slot = mixed as usize & mask;
        while let Some(&entry) = self.table.get(slot) {
            let Some(ordinal) = (entry as u32).checked_sub(1) else {
                break;
            };
            if entry & HIGH == mixed & HIGH
                && self.fingerprints.get(ordinal as usize) == Some(&fingerprint.0)
            {
                found.extend(self.id(ordinal as usize));
            }
            slot = (slot + 1) & mask;
        }
        if let Some(new) = found.get_mut(first..) {
            new.sort_unstable();
        }
    }

    /// Appends the ids whose fingerprints lie in the range: for hash prefixes; looks at every blob.
    pub(crate) fn range(&self, range: RangeInclusive<Fingerprint>, found: &mut Vec<BlobId>) {
        let wanted = range.start().0..=range.end().0;
        for (ordinal, fingerprint) in self.fingerprints.iter().enumerate() {
            if wanted.contains(fingerprint) {
                found.extend(self.id(ordinal));
            }
        }
    }

    fn id(&self, ordinal: usize) -> Option<BlobId> {
        let after = self.runs.partition_point(|run| run.ordinal <= ordinal);
        let run = self.runs.get(after.checked_sub(1)?)?;
        Some(BlobId(run.id.0 + (ordinal - run.ordinal) as u64))
    }

    fn rebuild(&mut self, len: usize) {
        self.table.clear();
        self.table.resize(len, 0);
        for (ordinal, &fingerprint) in self.fingerprints.iter().enumerate() {
            place(&mut self.table, fingerprint, ordinal);
        }
    }
}

/// The table for this many blobs.
fn table_len(blobs: usize) -> usize {
    (blobs + blobs / 3).next_power_of_two().max(SMALLEST_TABLE)
}

/// The first bits of a fingerprint, which all have, in the low half; all of them in the high half.
fn mixed(fingerprint: u64) -> u64 {
    fingerprint
        .rotate_left(32)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn place(table: &mut [u64], fingerprint: u64, ordinal: usize) {
    let mask = table.len() - 1;
    let mixed = mixed(fingerprint);
    let mut slot = mixed as usize & mask;
    while let Some(entry) = table.get_mut(slot) {
        if *entry == 0 {
            *entry = mixed & HIGH | u64::from(ordinal as u32 + 1);
            return;
        }
        slot = (slot + 1) & mask;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_every_id_of_a_fingerprint_and_no_other(
            blobs in prop::collection::vec((0_u64..40, 1_u64..4), 0..400),
        ) {
            let mut index = MemoryIndex::default();
            let mut model: BTreeMap<u64, Vec<BlobId>> = BTreeMap::new();
            let mut id = 0;
            for (fingerprint, step) in blobs {
                id += step;
                index.insert(Fingerprint(fingerprint), BlobId(id));
                model.entry(fingerprint).or_default().push(BlobId(id));
            }
            for fingerprint in 0..41 {
                let mut found = Vec::new();
                index.find(Fingerprint(fingerprint), &mut found);
                prop_assert_eq!(found, model.get(&fingerprint).cloned().unwrap_or_default());
            }
            let mut some = Vec::new();
            index.range(Fingerprint(5)..=Fingerprint(9), &mut some);
            some.sort_unstable();
            let mut wanted: Vec<_> = model.range(5..=9).flat_map(|(_, ids)| ids.clone()).collect();
            wanted.sort_unstable();
            prop_assert_eq!(some, wanted);
        }
    }
}
