//! Runs in memory and on disk: found is what was written, damage is an error, and the policy keeps few files to ask.

use std::collections::BTreeSet;
use std::sync::Arc;

use lakebed_format::{BlobId, Fingerprint, IndexRunHeader, SegmentNumber, names};
use lakebed_testkit::Unmapped;
use lakebed_vfs::{MemVfs, Open, OsVfs, ReadVfs, Vfs};
use proptest::prelude::*;

use super::policy::{MAX_RUNS, MAX_UNCOVERED};
use super::run::damaged;
use super::write::{RunSpec, merge_sorted, write_run};
use super::*;
use crate::error::{ErrorKind, Result};

type Entry = (Fingerprint, BlobId);

fn spec(number: u64, entries: &[Entry]) -> RunSpec {
    let start = entries.iter().map(|(_, id)| id.0).min().unwrap_or(0);
    let end = entries.iter().map(|(_, id)| id.0 + 1).max().unwrap_or(0);
    RunSpec {
        number,
        salt: 0x5a17 + number,
        segments: SegmentNumber(1)..=SegmentNumber(3),
        entries: entries.len() as u64,
        ids: BlobId(start)..BlobId(end),
    }
}

fn write(vfs: &dyn Vfs, number: u64, entries: &[Entry]) -> Arc<Run> {
    let spec = spec(number, entries);
    write_run(vfs, &spec, entries.iter().copied().map(Ok)).unwrap();
    Arc::new(Run::open(vfs, number, vfs.can_map()).unwrap())
}

/// Entries as hashes make them: evenly spread, with ids in no order.
fn even(count: u64, base: u64) -> Vec<Entry> {
    let spread = |i: u64| (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (i << 7);
    let mut entries: Vec<Entry> = (0..count)
        .map(|i| (Fingerprint(spread(i)), BlobId(base + i)))
        .collect();
    entries.sort_unstable();
    entries
}

fn ids(run: &Run, fingerprint: u64) -> Vec<BlobId> {
    let mut found = Vec::new();
    run.find(Fingerprint(fingerprint), &mut found).unwrap();
    found
}

#[test]
fn every_entry_is_found_in_large_and_empty_runs_mapped_and_read() {
    let directory = tempfile::tempdir().unwrap();
    let stores: [Box<dyn Vfs>; 3] = [
        Box::new(MemVfs::new()),
        Box::new(Unmapped(Arc::new(MemVfs::new()))),
        Box::new(OsVfs::new(directory.path())),
    ];
    for vfs in &stores {
        for (number, count) in [0, 1, 511, 512, 513, 40_000].into_iter().enumerate() {
            let entries = even(count, 1 << 33);
            let run = write(vfs.as_ref(), number as u64, &entries);
            for &(fingerprint, id) in entries.iter().step_by(7) {
                assert_eq!(ids(&run, fingerprint.0), [id]);
                assert_eq!(
                    ids(&run, fingerprint.0 ^ 1),
                    [],
                    "a neighbour that is not there"
                );
            }
            for absent in [0, 1, u64::MAX] {
                assert_eq!(ids(&run, absent), []);
            }
            let all: Result<Vec<Entry>> = run.entries().collect();
            assert_eq!(all.unwrap(), entries);
        }
        assert!(
            vfs.list("index")
                .unwrap()
                .iter()
                .all(|name| !name.starts_with('.'))
        );
    }
}

#[test]
fn chosen_fingerprints_take_longer_and_are_found_all_the_same() {
    // Nearly all fingerprints at one end: interpolation is led astray at each step.
    let mut entries: Vec<Entry> = (0..20_000)
        .map(|i| (Fingerprint(i * i), BlobId(i)))
        .collect();
    entries.push((Fingerprint(u64::MAX - 1), BlobId(20_000)));
    let run = write(&MemVfs::new(), 1, &entries);
    for &(fingerprint, id) in &entries {
        assert_eq!(ids(&run, fingerprint.0), [id]);
    }
    assert_eq!(ids(&run, u64::MAX), []);
}

#[test]
fn equal_fingerprints_are_all_found_across_pages() {
    let mut entries: Vec<Entry> = (0..1500).map(|i| (Fingerprint(77), BlobId(i))).collect();
    entries.insert(0, (Fingerprint(3), BlobId(5000)));
    entries.push((Fingerprint(78), BlobId(9)));
    let run = write(&MemVfs::new(), 1, &entries);
    assert_eq!(ids(&run, 77), (0..1500).map(BlobId).collect::<Vec<_>>());
    assert_eq!(ids(&run, 78), [BlobId(9)]);
}

#[test]
fn a_damaged_page_is_an_error_where_it_is_touched_and_nowhere_else() {
    let entries = even(20_000, 0);
    let vfs = MemVfs::new();
    let header = *write(&vfs, 1, &entries).header();
    let file = vfs.open(&names::run(1), Open::ReadWrite).unwrap();
    file.write_all_at(&[0xff], header.fingerprints().offset + 5 * 4096 + 100)
        .unwrap();
    let run = Arc::new(Run::open(&vfs, 1, true).unwrap());
    for &(fingerprint, id) in &entries[..512] {
        assert_eq!(ids(&run, fingerprint.0), [id]);
    }
    let mut found = Vec::new();
    let error = run.find(entries[5 * 512 + 300].0, &mut found).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error.message().contains("index/000000000001.run"),
        "{error}"
    );
    assert!(run.entries().any(|entry| entry.is_err()));
    assert_eq!(run.entries().take_while(Result::is_ok).count() % 512, 0);
}

#[test]
fn what_is_no_run_is_not_opened() {
    let vfs = MemVfs::new();
    let entries = even(1000, 0);
    write(&vfs, 1, &entries);
    assert_eq!(
        Run::open(&vfs, 2, true).unwrap_err().kind(),
        ErrorKind::Io,
        "missing"
    );
    vfs.rename(&names::run(1), &names::run(2)).unwrap();
    assert_eq!(
        Run::open(&vfs, 2, true).unwrap_err().kind(),
        ErrorKind::Corrupt,
        "another's"
    );
    for len in [0, 71, 4096, 9000] {
        write(&vfs, 1, &entries);
        let file = vfs.open(&names::run(1), Open::ReadWrite).unwrap();
        file.set_len(len).unwrap();
        assert_eq!(
            Run::open(&vfs, 1, true).unwrap_err().kind(),
            ErrorKind::Corrupt,
            "cut to {len}"
        );
    }
}

#[test]
fn entries_that_are_not_what_the_catalogue_says_make_no_run() {
    let vfs = MemVfs::new();
    let entries = even(1000, 10);
    let spec = spec(1, &entries);
    let mut swapped = entries.clone();
    swapped.swap(3, 4);
    let mut foreign = entries.clone();
    foreign[999].1 = BlobId(5);
    for bad in [
        &entries[1..],
        &swapped,
        &foreign,
        &[&entries[..], &even(1, 10)].concat(),
    ] {
        let error = write_run(&vfs, &spec, bad.iter().copied().map(Ok)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert_eq!(vfs.list("index").unwrap(), Vec::<String>::new());
    }
}

#[test]
fn hash_prefixes_are_ranges() {
    let entries = even(5000, 0);
    let run = write(&MemVfs::new(), 1, &entries);
    for (low, high) in [
        (0, u64::MAX),
        (1 << 60, (1 << 61) - 1),
        (5, 4),
        (u64::MAX, u64::MAX),
    ] {
        let range = Fingerprint(low)..=Fingerprint(high);
        let expected: Vec<BlobId> = entries
            .iter()
            .filter(|(f, _)| range.contains(f))
            .map(|(_, id)| *id)
            .collect();
        let mut found = Vec::new();
        run.range(range.clone(), usize::MAX, &mut found).unwrap();
        assert_eq!(found, expected);
        found.clear();
        run.range(range, 2, &mut found).unwrap();
        assert_eq!(found, expected[..expected.len().min(2)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merging_is_sorting(parts in prop::collection::vec(prop::collection::btree_set((0..50_u64, 0..1000_u64), 0..80), 0..6)) {
        let sources: Vec<Entries> = parts
            .iter()
            .map(|part| {
                let list: Vec<Result<Entry>> =
                    part.iter().map(|&(f, id)| Ok((Fingerprint(f), BlobId(id)))).collect();
                Box::new(list.into_iter()) as Entries
            })
            .collect();
        let mut expected: Vec<Entry> =
            parts.iter().flatten().map(|&(f, id)| (Fingerprint(f), BlobId(id))).collect();
        expected.sort_unstable();
        let merged: Result<Vec<Entry>> = merge_sorted(sources).collect();
        prop_assert_eq!(merged.unwrap(), expected);
    }

    #[test]
    fn any_entries_are_found(set in prop::collection::btree_set((prop_oneof![any::<u64>(), 0..4_u64], 0..1_u64 << 50), 0..2500)) {
        let entries: Vec<Entry> = set.iter().map(|&(f, id)| (Fingerprint(f), BlobId(id))).collect();
        let run = write(&MemVfs::new(), 1, &entries);
        for &(fingerprint, _) in entries.iter().step_by(13).chain([(Fingerprint(2), BlobId(0))].iter()) {
            let expected: Vec<BlobId> =
                entries.iter().filter(|(f, _)| *f == fingerprint).map(|(_, id)| *id).collect();
            prop_assert_eq!(ids(&run, fingerprint.0), expected);
        }
    }
}

#[test]
fn an_error_in_a_source_ends_a_merge() {
    let bad: Entries =
        Box::new([Ok((Fingerprint(1), BlobId(1))), Err(damaged(1, "x"))].into_iter());
    let good: Entries = Box::new(even(100, 0).into_iter().map(Ok));
    let merged: Vec<Result<Entry>> = merge_sorted(vec![good, bad]).collect();
    assert!(merged.last().unwrap().is_err());
    assert_eq!(merged.iter().filter(|entry| entry.is_err()).count(), 1);
}

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
        let (entries, ids) = (extent.blobs, extent.ids);
        let segments = &self.sealed[merge.segments.clone()];
        self.rewritten += entries;
        if !keep_old {
            self.runs.retain(|run| !merge.runs.contains(&run.number));
        }
        self.runs.push(IndexRunHeader {
            number: self.next_run,
            salt: 0,
            entries,
            first_segment: segments[0].number,
            last_segment: segments[segments.len() - 1].number,
            id_width: 4,
            base: ids.start,
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

#[test]
fn plans_are_carried_out_and_found_again() {
    let vfs = MemVfs::new();
    assert_eq!(open_all(&vfs, true).next_number, 1, "a store without index");
    let mut sealed: Vec<SegmentOutline> = Vec::new();
    let mut all: Vec<Entry> = Vec::new();
    for number in 1..=60 {
        let entries = even(number % 5 * 100 + 1, number << 20);
        sealed.push(SegmentOutline {
            number: SegmentNumber(number),
            first_blob: BlobId(number << 20),
            end_blob: BlobId((number + 1) << 20),
            blobs: entries.len() as u64,
        });
        all.extend(&entries);
        let found = open_all(&vfs, true);
        let headers: Vec<IndexRunHeader> = found.runs.iter().map(|run| *run.header()).collect();
        let Some(merge) = next_merge(&sealed, &choose(&sealed, &headers)) else {
            continue;
        };
        let is_source = |run: &&Arc<Run>| merge.runs.contains(&run.header().number);
        let runs: Vec<Arc<Run>> = found.runs.iter().filter(is_source).cloned().collect();
        let footer = |&i: &usize| {
            let of_segment = |(_, id): &&Entry| id.0 >> 20 == sealed[i].number.0;
            let mut list: Vec<Entry> = all.iter().filter(of_segment).copied().collect();
            list.sort_unstable();
            Box::new(list.into_iter().map(Ok)) as Entries
        };
        let footers = merge.footers.iter().map(footer).collect();
        let number = (found.next_number, 7);
        carry_out(&vfs, &|| Ok(()), number, &merge, &sealed, &runs, footers).unwrap();
        for old in &merge.runs {
            vfs.unlink(&names::run(*old)).unwrap();
        }
    }
    let found = open_all(&vfs, true);
    let headers: Vec<IndexRunHeader> = found.runs.iter().map(|run| *run.header()).collect();
    let choice = choose(&sealed, &headers);
    assert_eq!((choice.obsolete.len(), found.unreadable.len()), (0, 0));
    let covered = &sealed[..sealed.len() - choice.uncovered.len()];
    let end = covered.last().unwrap().end_blob;
    for (fingerprint, id) in all.iter().filter(|(_, id)| *id < end) {
        let mut candidates = Vec::new();
        for run in &found.runs {
            run.find(*fingerprint, &mut candidates).unwrap();
        }
        assert!(candidates.contains(id));
    }
}
