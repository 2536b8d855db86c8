//! Repair: whatever happened to a store, what is whole of it is there afterwards, what is not is named, and writing
//! goes on. A repair that crashes or fails at any operation can be finished.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lakebed_core::{ErrorKind, Hash, LossKind, RepairOptions, RepairReport, Result, Store};
use lakebed_testkit::{Files, Model, State, Tally, Tried};
use lakebed_vfs::{MemVfs, Vfs};

use crate::recovery::support::look::{disk_of, files, look, verify};
use crate::recovery::support::runner::{Runner, Step};
use crate::recovery::support::{bound, long, on_both_cores, options, reading};
use crate::recovery::workloads::{Workload, records, some_of_everything};

/// Two sealed segments, one that compaction wrote, an active one of several commits, dictionaries.
fn steps() -> Vec<Step> {
    let mut steps = some_of_everything();
    steps.extend([
        Step::Seal,
        Step::append("third", records(0..12)),
        Step::Commit,
        Step::append("events", records(2..9)),
        Step::put("another pinned blob"),
        Step::Commit,
        Step::append("third", records(60..70)),
        Step::Commit,
    ]);
    steps
}

pub(super) fn whole() -> (Files, Model) {
    store_of(steps())
}

pub(super) fn store_of(before: Vec<Step>) -> (Files, Model) {
    let workload = Workload {
        name: "repair",
        before,
        steps: vec![],
        options: options(),
        between: false,
        heavy: false,
    };
    let (disk, model) = workload.prepare();
    (files(&disk), model)
}

pub(super) fn repair(disk: &Arc<dyn Vfs>, dry_run: bool) -> Result<RepairReport> {
    let request = RepairOptions {
        dry_run,
        ..RepairOptions::default()
    };
    Store::repair_on(disk, &options(), request)
}

/// The same without what depends on the moment.
fn told(report: &RepairReport) -> impl PartialEq + std::fmt::Debug + use<> {
    let report = report.clone();
    (
        report.problems,
        report.actions,
        report.losses,
        report.lost_rows,
        report.rows,
        report.blobs,
    )
}

/// Repairs a store and checks what is there then against the model and against what the report says is lost.
pub(super) fn repaired(
    files: &Files,
    model: &Model,
    what: &dyn Fn() -> String,
) -> Option<RepairReport> {
    let disk = disk_of(files);
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    let foretold = match repair(&vfs, true) {
        Ok(report) => report,
        Err(error) => {
            let refused = matches!(
                error.kind(),
                ErrorKind::FormatTooNew | ErrorKind::NotAStore | ErrorKind::StoreNotFound
            );
            assert!(refused, "{error:?}\n{}", what());
            return None;
        }
    };
    assert!(
        self::files(&disk) == *files,
        "a dry run changed something\n{}",
        what()
    );
    let report = repair(&vfs, false).unwrap_or_else(|e| panic!("{e:?}\n{}", what()));
    assert_eq!(told(&foretold), told(&report), "{}", what());
    holds(&disk, &report, model, what);
    Some(report)
}

/// What must hold of a repaired store.
fn holds(disk: &MemVfs, report: &RepairReport, model: &Model, what: &dyn Fn() -> String) {
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    let store = Store::open_on(Arc::clone(&vfs), reading())
        .unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    assert_eq!(store.take_warnings(), Vec::<String>::new(), "{}", what());
    let seen = look(&store, model.known())
        .unwrap_or_else(|error| panic!("{error:?}\n{report:#?}\n{}", what()));
    verify(&store, what);
    compare(&seen, report, model, what);
    drop(store);

    let again = repair(&vfs, false).unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    assert!(again.is_clean(), "repaired twice: {again:#?}\n{}", what());

    let store = Store::open_on(Arc::clone(&vfs), options())
        .unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    let put = || -> Result<()> {
        store.append("after the repair", &mut [Ok(b"[1]".to_vec())].into_iter())?;
        store.put(b"after the repair")?;
        store.commit()?;
        store.seal()?;
        store.close()
    };
    put().unwrap_or_else(|error| panic!("writing on: {error:?}\n{}", what()));
    let store =
        Store::open_on(vfs, reading()).unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    store
        .get(&Hash::of(b"after the repair"))
        .unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    for (hash, bytes) in &seen.blobs {
        assert_eq!(store.get(hash).unwrap().as_slice(), &**bytes, "{}", what());
    }
    verify(&store, what);
}

/// Nothing is there that was not, and what is missing is named.
fn compare(seen: &State, report: &RepairReport, model: &Model, what: &dyn Fn() -> String) {
    let should = model.now();
    if report.losses.is_empty() {
        let difference = should.difference(seen);
        assert!(
            difference.is_none(),
            "{difference:?}\n{report:#?}\n{}",
            what()
        );
        return;
    }
    let kinds: BTreeSet<&str> = report
        .losses
        .iter()
        .map(|loss| loss.kind.as_str())
        .collect();
    let vague = kinds.contains("commits") || kinds.contains("catalogue");
    let mut lost = 0;
    for (name, collection) in &should.collections {
        let Some(found) = seen.collections.get(name) else {
            assert!(
                vague,
                "{name} is gone and nobody says so: {report:#?}\n{}",
                what()
            );
            continue;
        };
        for (seq, hash) in &collection.rows {
            let named = report.losses.iter().any(|loss| {
                loss.kind == LossKind::Rows
                    && loss.collection.as_deref() == Some(name)
                    && loss.rows.is_some_and(|(a, b)| a <= *seq && *seq <= b)
            });
            match found.rows.get(seq) {
                Some(there) => {
                    assert_eq!(there, hash, "row {seq} of {name}\n{}", what());
                    assert!(
                        !named,
                        "row {seq} of {name} is not lost: {report:#?}\n{}",
                        what()
                    );
                }
                None if named => lost += 1,
                None => assert!(
                    vague,
                    "row {seq} of {name} is gone and nobody says so: {report:#?}\n{}",
                    what()
                ),
            }
        }
        // With records lost a deletion may be forgotten, and its rows are back.
        if !kinds.contains("catalogue") && !kinds.contains("commits") {
            for seq in found.rows.keys() {
                assert!(
                    collection.rows.contains_key(seq),
                    "row {seq} of {name}\n{}",
                    what()
                );
            }
        }
    }
    assert!(lost <= report.lost_rows, "{report:#?}\n{}", what());
}

#[test]
fn a_whole_store_stays_as_it_is() {
    let (before, model) = whole();
    let disk = disk_of(&before);
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    let report = repair(&vfs, false).unwrap();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.commit.0, 7);
    let mut after = files(&disk);
    let mut before = before;
    after.remove("LOCK");
    before.remove("LOCK");
    assert!(after == before);
    holds(&disk, &report, &model, &|| "a whole store".to_owned());
}

#[test]
fn any_bit_may_be_wrong() {
    flip_bits(&whole(), if long() { 1 } else { 23 });
}

pub(super) fn flip_bits((whole, model): &(Files, Model), stride: usize) {
    let tally = Tally::new("bits flipped and repaired");
    let mut cases = Vec::new();
    for (name, bytes) in whole {
        if name == "reserve" {
            continue;
        }
        for at in (0..bytes.len()).step_by(stride) {
            let around = &bytes[at.saturating_sub(40)..(at + 40).min(bytes.len())];
            if long() || at % 713 == 0 || around.iter().any(|byte| *byte != 0) {
                cases.push((name, at, 1_u8 << ((at * 5 + 3) % 8)));
            }
        }
    }
    let losses = AtomicUsize::new(0);
    on_both_cores(&cases, |(name, at, mask)| {
        let mut files = whole.clone();
        files.get_mut(*name).unwrap()[*at] ^= mask;
        let what = || format!("{name}, byte {at} ^ {mask:#04x}");
        if let Some(report) = repaired(&files, model, &what) {
            losses.fetch_add(usize::from(!report.losses.is_empty()), Ordering::Relaxed);
        } else {
            assert_eq!(*name, "FORMAT", "{}", what());
        }
    });
    tally.add(Tried::Flips, cases.len() as u64);
    eprintln!("repair: {losses:?} of them with losses");
}

#[test]
fn any_file_may_be_missing_cut_or_garbled() {
    spoil_files(&whole(), bound(12, 200));
}

pub(super) fn spoil_files((whole, model): &(Files, Model), parts: usize) {
    let mut cases: Vec<(String, Files)> = Vec::new();
    for (name, bytes) in whole {
        let mut add = |what: &str, new: Option<Vec<u8>>| {
            let mut files = whole.clone();
            match new {
                Some(new) => _ = files.insert(name.clone(), new),
                None => _ = files.remove(name),
            }
            cases.push((format!("{name} {what}"), files));
        };
        if name == "reserve" {
            continue;
        }
        add("missing", None);
        add("empty", Some(Vec::new()));
        add("zeros", Some(vec![0; bytes.len()]));
        add("garbled", Some(vec![0xa5; bytes.len()]));
        add("longer", Some([&bytes[..], &[0x5a; 777]].concat()));
        for part in 1..parts {
            let len = bytes.len() * part / parts;
            add(&format!("cut at {len}"), Some(bytes[..len].to_vec()));
            let mut holed = bytes.clone();
            let end = (len + 300).min(bytes.len());
            holed[len..end].fill(0);
            add(&format!("zeros from {len} to {end}"), Some(holed));
        }
    }
    on_both_cores(&cases, |(what, files)| {
        let report = repaired(files, model, &|| what.clone());
        assert!(report.is_some(), "{what}");
    });
}

#[test]
fn all_tables_may_be_gone_and_nothing_is_lost() {
    let (whole, model) = whole();
    for keep_format in [true, false] {
        let mut files = whole.clone();
        files.retain(|name, _| name.starts_with("segments/") || keep_format && name == "FORMAT");
        for (name, bytes) in &mut files {
            // The footers, which repeat the catalogue.
            if name.starts_with("segments/")
                && bytes.ends_with(&[0; 0])
                && name.as_str() < "segments/000000000003"
            {
                let len = bytes.len();
                bytes[len - 64..].fill(0x77);
            }
        }
        let what = || format!("nothing but segments without footers, FORMAT: {keep_format}");
        let report = repaired(&files, &model, &what).unwrap();
        assert!(report.losses.is_empty(), "{report:#?}");
    }
}

pub(super) fn put_back_an_older_manifest() -> (Files, Model) {
    let workload = Workload {
        name: "older manifest",
        before: some_of_everything(),
        steps: vec![],
        options: options(),
        between: false,
        heavy: false,
    };
    let (disk, model) = workload.prepare();
    let older = files(&disk);
    let mut runner = Runner::new(Arc::new(disk.clone()), options(), model);
    runner.run(&[Step::Seal]).unwrap();
    for n in 0..3 {
        let more = [
            Step::append("events", records(n * 7..n * 7 + 9)),
            Step::Commit,
            Step::Seal,
        ];
        runner.run(&more).unwrap();
    }
    runner.store.take().unwrap().close().unwrap();
    let mut now = files(&disk);
    now.retain(|name, _| !name.starts_with("manifests/"));
    now.extend(
        older
            .into_iter()
            .filter(|(name, _)| name.starts_with("manifests/")),
    );
    (now, runner.model)
}

#[test]
fn what_an_older_manifest_misses_is_taken_in() {
    let (files, model) = put_back_an_older_manifest();
    for footers in [true, false] {
        let mut files = files.clone();
        if !footers {
            for (name, bytes) in &mut files {
                if name.starts_with("segments/") && name.as_str() > "segments/000000000002" {
                    let len = bytes.len();
                    bytes[len - 60..len - 10].fill(b'x');
                }
            }
        }
        let what = || format!("an older manifest, footers: {footers}");
        let report = repaired(&files, &model, &what).unwrap();
        assert!(report.losses.is_empty(), "{report:#?}");
    }
}

#[test]
fn what_a_sweep_moved_aside_comes_back() {
    let (mut files, model) = put_back_an_older_manifest();
    // Without what LOCK says a writer takes the older state for the newest.
    files.remove("LOCK");
    // The segment that is active again loses its footer, and what is behind goes to aside/.
    let disk = disk_of(&files);
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    store.rollback().unwrap();
    store.put(b"x").unwrap();
    store.rollback().unwrap();
    let warnings = store.take_warnings();
    assert!(
        warnings.iter().any(|text| text.contains("lakebed repair")),
        "{warnings:?}"
    );
    drop(store);
    let swept = self::files(&disk);
    assert!(swept.keys().any(|name| name.starts_with("aside/")));
    let report = repaired(&swept, &model, &|| "swept".to_owned()).unwrap();
    assert!(report.losses.is_empty(), "{report:#?}");
}

#[test]
fn another_history_is_named_and_left_alone() {
    let (mut files, _) = put_back_an_older_manifest();
    files.remove("LOCK");
    let disk = disk_of(&files);
    let store = Store::open_on(Arc::new(disk.clone()), options()).unwrap();
    store.put(b"another way to go on").unwrap();
    store.commit().unwrap();
    store.close().unwrap();
    let before = self::files(&disk);
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    let report = repair(&vfs, false).unwrap();
    assert!(report.actions.is_empty(), "{report:#?}");
    let kinds: BTreeSet<&str> = report
        .losses
        .iter()
        .map(|loss| loss.kind.as_str())
        .collect();
    assert_eq!(kinds, BTreeSet::from(["history"]), "{report:#?}");
    let after = self::files(&disk);
    for (name, bytes) in before.iter().filter(|(name, _)| name.starts_with("aside/")) {
        assert_eq!(after.get(name), Some(bytes));
    }
    let store = Store::open_on(vfs, reading()).unwrap();
    assert!(store.contains(&Hash::of(b"another way to go on")).unwrap());
}

#[test]
fn a_store_that_is_written_is_not_repaired() {
    let (files, _) = whole();
    let disk = disk_of(&files);
    let vfs: Arc<dyn Vfs> = Arc::new(disk);
    let store = Store::open_on(Arc::clone(&vfs), options()).unwrap();
    store.put(b"pending").unwrap();
    for dry_run in [true, false] {
        let error = repair(&vfs, dry_run).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreLocked, "{error}");
    }
    store.commit().unwrap();
    assert!(repair(&vfs, false).unwrap().is_clean());
}

#[test]
fn nothing_is_made_where_there_is_no_store() {
    let disk = MemVfs::new();
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    for dry_run in [true, false] {
        let error = repair(&vfs, dry_run).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StoreNotFound, "{error}");
    }
    assert!(files(&disk).is_empty());
}
