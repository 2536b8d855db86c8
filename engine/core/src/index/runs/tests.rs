//! Runs in memory and on disk: found is what was written, damage is an error, and the policy keeps few files to ask.

mod policy;

use std::collections::BTreeSet;
use std::sync::Arc;

use lakebed_format::index_run::RUN_FINGERPRINT_BITS;
use lakebed_format::{BlobId, Fingerprint, IndexRunHeader, SegmentNumber, names};
use lakebed_testkit::Unmapped;
use lakebed_vfs::{MemVfs, Open, OsVfs, ReadVfs, Vfs};
use proptest::prelude::*;

use super::run::damaged;
use super::write::{RunSpec, write_run};
use super::*;
use crate::error::{ErrorKind, Result};

type Entry = RunEntry;

/// More than a new run has: so few entries have no two equal ones.
const BITS: u32 = 36;

fn spec(number: u64, entries: &[Entry]) -> RunSpec {
    let places = entries.iter().map(|(_, place)| place + 1).max();
    RunSpec {
        number,
        salt: 0x5a17 + number,
        segments: SegmentNumber(1)..=SegmentNumber(3),
        entries: entries.len() as u64,
        places: places.unwrap_or(1),
        base: BlobId(0),
        fingerprint_bits: BITS,
    }
}

fn write(vfs: &dyn Vfs, number: u64, entries: &[Entry]) -> Arc<Run> {
    let spec = spec(number, entries);
    write_run(vfs, &spec, entries.iter().copied().map(Ok)).unwrap();
    Arc::new(Run::open(vfs, number, vfs.can_map()).unwrap())
}

/// Entries as hashes make them: evenly spread, with places in no order.
fn even(count: u64, base: u64) -> Vec<Entry> {
    let spread = |i: u64| (i + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (i << 7);
    let mut entries: Vec<Entry> = (0..count)
        .map(|i| (Fingerprint(spread(i)).shortened(BITS), base + i))
        .collect();
    entries.sort_unstable();
    entries
}

/// The smallest fingerprint with these stored bits.
fn stored(bits: u64) -> Fingerprint {
    Fingerprint(bits << (64 - BITS))
}

fn places(run: &Run, fingerprint: Fingerprint) -> Vec<u64> {
    let mut found = Vec::new();
    run.range(&(fingerprint..=fingerprint), &mut found).unwrap();
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
        for (number, count) in [0, 1, 511, 512, 513, 1024, 40_000].into_iter().enumerate() {
            let entries = even(count, 1 << 33);
            let run = write(vfs.as_ref(), number as u64, &entries);
            for &(fingerprint, place) in entries.iter().step_by(7) {
                assert_eq!(places(&run, fingerprint), [place]);
                let behind = Fingerprint(fingerprint.0 | 5);
                assert_eq!(places(&run, behind), [place], "the same stored bits");
                let neighbour = Fingerprint(fingerprint.0 ^ stored(1).0);
                assert!(places(&run, neighbour).is_empty(), "it is not there");
            }
            for absent in [stored(0), stored(1), Fingerprint(u64::MAX)] {
                assert!(places(&run, absent).is_empty());
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
fn a_run_costs_what_its_bits_cost() {
    let vfs = MemVfs::new();
    let bits = RUN_FINGERPRINT_BITS;
    let mut entries: Vec<Entry> = even(1 << 20, 0)
        .into_iter()
        .map(|(fingerprint, place)| (fingerprint.shortened(bits), place % 64))
        .collect();
    entries.sort_unstable();
    let spec = RunSpec {
        fingerprint_bits: bits,
        ..spec(1, &entries)
    };
    write_run(&vfs, &spec, entries.into_iter().map(Ok)).unwrap();
    let run = Run::open(&vfs, 1, true).unwrap();
    // Of 29 bits the first 20 are shared by a million entries; two bits more for that, and 6 for the place.
    let len = run.header().file_len();
    assert!(len * 8 < 18 * (1 << 20), "{len} bytes");
}

#[test]
fn chosen_fingerprints_are_found_all_the_same() {
    // Nearly all fingerprints in one bucket.
    let mut entries: Vec<Entry> = (0..20_000).map(|i| (stored(i * 7), i)).collect();
    entries.push((Fingerprint(u64::MAX).shortened(BITS), 20_000));
    let run = write(&MemVfs::new(), 1, &entries);
    for &(fingerprint, place) in &entries {
        assert_eq!(places(&run, fingerprint), [place]);
    }
    assert!(places(&run, stored(1)).is_empty());
}

#[test]
fn equal_fingerprints_are_all_found() {
    let mut entries: Vec<Entry> = (0..1500).map(|i| (stored(77), i)).collect();
    entries.insert(0, (stored(3), 5000));
    entries.push((stored(78), 9));
    let run = write(&MemVfs::new(), 1, &entries);
    assert_eq!(places(&run, stored(77)), (0..1500).collect::<Vec<_>>());
    assert_eq!(places(&run, stored(78)), [9]);
}

#[test]
fn damage_is_an_error_where_it_is_touched_and_nowhere_else() {
    let entries = even(400_000, 0);
    let vfs = MemVfs::new();
    let header = *write(&vfs, 1, &entries).header();
    let file = vfs.open(&names::run(1), Open::ReadWrite).unwrap();
    // A byte of the directory, and one of a bucket.
    let directory = header.directory().offset + 4096;
    let last = header.file_len() - 1;
    for at in [directory, last] {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
        let run = Arc::new(Run::open(&vfs, 1, true).unwrap());
        for &(fingerprint, place) in &entries[..512] {
            assert_eq!(places(&run, fingerprint), [place]);
        }
        let wanted = if at == last {
            header.buckets() - 1
        } else {
            300
        };
        let fingerprint = header.fingerprint(header.join(wanted, 5));
        let error = run
            .range(&(fingerprint..=fingerprint), &mut Vec::new())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.message().contains("index/000000000001.segs"),
            "{error}"
        );
        assert!(run.entries().any(|entry| entry.is_err()));
        file.write_all_at(&byte, at).unwrap();
    }
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
    for len in [0, 95, 4096, 5000] {
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
fn runs_of_the_older_form_are_told_from_damaged_ones() {
    let vfs = MemVfs::new();
    write(&vfs, 1, &even(1000, 0));
    for name in [
        "index/000000000007.run",
        "index/000000000008.idx",
        "index/000000000003.segs",
    ] {
        vfs.open(name, Open::Create).unwrap();
    }
    let found = open_all(&vfs, true);
    assert_eq!(
        found.old,
        ["index/000000000007.run", "index/000000000008.idx"]
    );
    assert_eq!(found.unreadable, [3]);
    assert_eq!((found.runs.len(), found.next_number), (1, 4));
}

#[test]
fn entries_that_are_not_what_the_catalogue_says_make_no_run() {
    let vfs = MemVfs::new();
    let entries = even(1000, 10);
    let spec = spec(1, &entries);
    let mut swapped = entries.clone();
    swapped.swap(3, 4);
    let mut foreign = entries.clone();
    foreign[999].1 = 1010;
    let mut long = entries.clone();
    long[999].0.0 |= 1;
    for bad in [
        &entries[1..],
        &swapped,
        &foreign,
        &long,
        &[&entries[..], &[(Fingerprint(u64::MAX).shortened(BITS), 11)]].concat(),
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
        (1 << 63, u64::MAX),
        (u64::MAX, u64::MAX),
    ] {
        let range = Fingerprint(low)..=Fingerprint(high);
        let mut expected: Vec<u64> = entries
            .iter()
            .filter(|(f, _)| range.contains(f))
            .map(|(_, place)| *place)
            .collect();
        expected.sort_unstable();
        let mut found = Vec::new();
        run.range(&range, &mut found).unwrap();
        assert_eq!(found, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merging_is_sorting(parts in prop::collection::vec(prop::collection::btree_set((0..50_u64, 0..1000_u64), 0..80), 0..6)) {
        let sources: Vec<Entries<'_>> = parts
            .iter()
            .map(|part| {
                let list: Vec<Result<Entry>> =
                    part.iter().map(|&(f, place)| Ok((Fingerprint(f), place))).collect();
                Box::new(list.into_iter()) as Entries<'_>
            })
            .collect();
        let mut expected: Vec<Entry> =
            parts.iter().flatten().map(|&(f, place)| (Fingerprint(f), place)).collect();
        expected.sort_unstable();
        let merged: Result<Vec<Entry>> = merge_sorted(sources).collect();
        prop_assert_eq!(merged.unwrap(), expected);
    }

    #[test]
    fn any_entries_are_found(set in prop::collection::btree_set((prop_oneof![any::<u64>(), 0..4_u64], 0..1_u64 << 50), 0..2500)) {
        let entries: BTreeSet<Entry> = set.iter().map(|&(f, place)| (Fingerprint(f).shortened(BITS), place)).collect();
        let entries: Vec<Entry> = entries.into_iter().collect();
        let run = write(&MemVfs::new(), 1, &entries);
        for &(fingerprint, _) in entries.iter().step_by(13).chain([(Fingerprint(2), 0)].iter()) {
            let wanted = fingerprint.shortened(BITS);
            let expected: Vec<u64> =
                entries.iter().filter(|(f, _)| *f == wanted).map(|(_, place)| *place).collect();
            prop_assert_eq!(places(&run, fingerprint), expected);
        }
    }
}

#[test]
fn an_error_in_a_source_ends_a_merge() {
    let bad: Entries<'_> = Box::new([Ok((Fingerprint(1), 1)), Err(damaged(1, "x"))].into_iter());
    let good: Entries<'_> = Box::new(even(100, 0).into_iter().map(Ok));
    let merged: Vec<Result<Entry>> = merge_sorted(vec![good, bad]).collect();
    assert!(merged.last().unwrap().is_err());
    assert_eq!(merged.iter().filter(|entry| entry.is_err()).count(), 1);
}

#[test]
fn plans_are_carried_out_and_found_again() {
    let vfs = MemVfs::new();
    assert_eq!(open_all(&vfs, true).next_number, 1, "a store without index");
    let mut sealed: Vec<SegmentOutline> = Vec::new();
    let mut all: Vec<Vec<Entry>> = Vec::new();
    for number in 1..=60_u64 {
        let count = number % 5 * 100 + 1;
        let mut entries = even(count, 0);
        for entry in &mut entries {
            entry.1 = 0;
            entry.0 = Fingerprint(entry.0.0 ^ number << 40).shortened(BITS);
        }
        entries.sort_unstable();
        sealed.push(SegmentOutline {
            number: SegmentNumber(number),
            first_blob: BlobId(number << 20),
            end_blob: BlobId((number + 1) << 20),
            blobs: entries.len() as u64,
        });
        all.push(entries);
        let found = open_all(&vfs, true);
        let headers: Vec<IndexRunHeader> = found.runs.iter().map(|run| *run.header()).collect();
        let Some(merge) = next_merge(&sealed, &choose(&sealed, &headers)) else {
            continue;
        };
        // Each run has fewer bits than those before: these are shortened.
        let bits = BITS - number as u32 / 8;
        let mut sources: Vec<Entries<'_>> = Vec::new();
        for &i in &merge.footers {
            let mut list: Vec<Entry> = all[i]
                .iter()
                .map(|(f, _)| (f.shortened(bits), (i - merge.segments.start) as u64))
                .collect();
            list.sort_unstable();
            sources.push(Box::new(list.into_iter().map(Ok)));
        }
        for run in &found.runs {
            if merge.runs.contains(&run.header().number) {
                let first = covered(&sealed, run.header()).unwrap().start - merge.segments.start;
                sources.push(moved_entries(run, bits, first as u64));
            }
        }
        let number = (found.next_number, 7);
        carry_out(&vfs, &|| Ok(()), number, bits, &merge, &sealed, sources).unwrap();
        for old in &merge.runs {
            vfs.unlink(&names::run(*old)).unwrap();
        }
    }
    let found = open_all(&vfs, true);
    let headers: Vec<IndexRunHeader> = found.runs.iter().map(|run| *run.header()).collect();
    let choice = choose(&sealed, &headers);
    assert_eq!((choice.obsolete.len(), found.unreadable.len()), (0, 0));
    for run in &found.runs {
        for (place, entries) in (0..).zip(&all[covered(&sealed, run.header()).unwrap()]) {
            for (fingerprint, _) in entries {
                assert!(places(run, *fingerprint).contains(&place));
            }
        }
    }
}
