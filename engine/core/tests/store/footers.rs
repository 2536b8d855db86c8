//! Sealed segments with damaged footers: everything is read from their groups.

use std::collections::BTreeMap;

use lakebed_core::{
    ActionKind, CompactOptions, Hash, ProblemKind, ProgressFn, RepairOptions, Store, StoredLayout,
};
use lakebed_format::{FooterTrailer, SegmentHeader, TRAILER_LEN};
use lakebed_testkit::Files;
use lakebed_testkit::records::with_words;

use super::compaction::{CollectionRows, all_rows};
use super::forged::{files_of, store_of};
use super::*;

/// Three segments, the second and the third with frames that need a dictionary in the second.
fn with_dictionary(vfs: &Arc<dyn Vfs>) -> Store {
    let store = open(vfs);
    let append = |range: std::ops::Range<usize>| {
        let records = range.map(|n| Ok(with_words(n)));
        store.append("c", &mut records.into_iter()).unwrap();
        store.put(b"beside rows").unwrap();
        store.commit().unwrap();
    };
    append(0..600);
    store.seal().unwrap();
    assert!(store.train("c", 2 << 10).unwrap().installed);
    append(600..620);
    append(620..680);
    store.seal().unwrap();
    append(680..720);
    store.seal().unwrap();
    append(720..725);
    store.commit().unwrap();
    store
}

/// Where the footer of a segment begins in its file, and where its trailer does.
fn footer_of(bytes: &[u8]) -> std::ops::Range<usize> {
    let header = SegmentHeader::decode(bytes).unwrap();
    let at = bytes.len() - TRAILER_LEN;
    let tail = FooterTrailer::decode(&bytes[at..], header.salt, at as u64).unwrap();
    usize::try_from(tail.block_offset).unwrap()..at
}

fn sealed(files: &Files) -> Vec<String> {
    let names = files
        .keys()
        .filter_map(|name| name.strip_prefix("segments/"));
    let names = names.filter(|name| lakebed_format::names::parse_segment(name).is_some());
    let mut names: Vec<String> = names.map(|name| format!("segments/{name}")).collect();
    // The last one is the active segment.
    names.pop();
    names
}

/// Reads everything of a store in which one bit of a footer is wrong. Whether `verify` noticed.
fn read_all(files: &Files, wanted: &BTreeMap<String, CollectionRows>, what: &str) -> bool {
    for map in [true, false] {
        let options = Options {
            threads: 2,
            mmap: map,
            ..options()
        };
        let store = Store::open_on(store_of(files), options).unwrap();
        for (_, hash) in &wanted["c"].0 {
            let blob = store.get(hash).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(Hash::of(&blob), *hash, "{what}");
        }
        assert!(store.contains(&Hash::of(b"beside rows")).unwrap(), "{what}");
        assert!(all_rows(&store) == *wanted, "{what}");
    }
    let store = Store::open_on(store_of(files), options()).unwrap();
    let report = store.verify(ProgressFn::none()).unwrap();
    let kinds: Vec<ProblemKind> = report.problems.iter().map(|one| one.kind).collect();
    assert!(
        kinds.is_empty() || kinds == [ProblemKind::Footer],
        "{what}: {:?}",
        report.problems
    );
    !kinds.is_empty()
}

#[test]
fn a_damaged_footer_hides_nothing() {
    for layout in [StoredLayout::Rows, StoredLayout::Columns] {
        let vfs = memory();
        let store = with_dictionary(&vfs);
        if layout == StoredLayout::Columns {
            let options = CompactOptions {
                layout: Some(layout),
                ..CompactOptions::default()
            };
            store.compact(options).unwrap();
            append(&store, "c", &["1"]);
            store.seal().unwrap();
        }
        let wanted = all_rows(&store);
        store.close().unwrap();
        let whole = files_of(vfs.as_ref());
        for name in sealed(&whole) {
            let footer = footer_of(&whole[&name]);
            let (mut noticed, mut tried) = (0, 0);
            let end = whole[&name].len();
            for at in (footer.start..end).step_by(53).chain(end - 64..end) {
                let mut damaged = whole.clone();
                damaged.get_mut(&name).unwrap()[at] ^= 1 << (at % 8);
                let what = format!("{layout:?}, {name}, byte {at} of {footer:?}");
                noticed += usize::from(read_all(&damaged, &wanted, &what));
                tried += 1;
            }
            assert!(noticed > 64 && noticed <= tried, "{noticed} of {tried}");
        }
    }
}

#[test]
fn a_repair_writes_no_other_segment_than_that_with_the_damaged_footer() {
    let vfs = memory();
    let store = with_dictionary(&vfs);
    let wanted = all_rows(&store);
    store.close().unwrap();
    let whole = files_of(vfs.as_ref());
    let name = "segments/000000000002.seg";
    for at in footer_of(&whole[name]).step_by(211) {
        let mut damaged = whole.clone();
        damaged.get_mut(name).unwrap()[at] ^= 2;
        let vfs = store_of(&damaged);
        let store = open(&vfs);
        let noticed = !store
            .verify(ProgressFn::none())
            .unwrap()
            .problems
            .is_empty();
        store.close().unwrap();
        let report = Store::repair_on(&vfs, &options(), RepairOptions::default()).unwrap();
        assert_eq!(report.losses, [], "byte {at}");
        let actions = report.actions.iter();
        let mut written: Vec<&str> = actions
            .filter(|action| action.kind == ActionKind::Rewrite)
            .map(|action| action.target.as_str())
            .collect();
        // The active segment follows another one then.
        written.retain(|written| *written != "segments/000000000004.seg");
        let expected: &[&str] = if noticed { &[name] } else { &[] };
        assert_eq!(written, expected, "byte {at}");
        let store = open(&vfs);
        assert!(all_rows(&store) == wanted, "byte {at}");
        assert_whole(&store);
    }
}
