//! Repair of stores with columns: damaged Parquet files, and the segments they belong to.

use std::sync::Arc;

use lakebed_core::{Hash, StoredLayout};
use lakebed_testkit::{Files, Model, strategies::noise};
use lakebed_vfs::Vfs;

use crate::recovery::repair::{flip_bits, repair, repaired, spoil_files, store_of};
use crate::recovery::support::look::{disk_of, files};
use crate::recovery::support::runner::{Runner, Step};
use crate::recovery::support::{bound, long, options};
use crate::recovery::workloads::records;

/// A segment of columns with two parts and frames, a sealed one of rows, an active one.
pub(super) fn whole_in_columns() -> (Files, Model) {
    store_of(vec![
        Step::append("events", records(0..90)),
        Step::put(noise(1, 1500)),
        Step::put("a pinned blob"),
        Step::append("Order Items", records(60..160)),
        Step::Delete(Hash::of(&records(3..4).next().unwrap())),
        Step::Commit,
        Step::append("few", records(200..205)),
        Step::Commit,
        Step::Layout(StoredLayout::Columns),
        Step::append("events", records(80..100)),
        Step::Seal,
        Step::append("third", records(0..12)),
        Step::Commit,
    ])
}

#[test]
fn any_bit_of_a_store_with_columns_may_be_wrong() {
    flip_bits(&whole_in_columns(), if long() { 1 } else { 61 });
}

#[test]
fn any_file_of_a_store_with_columns_may_be_missing_cut_or_garbled() {
    spoil_files(&whole_in_columns(), bound(7, 200));
}

/// Names of the parts.
fn parts(files: &Files) -> Vec<String> {
    let names = files.keys().filter(|name| name.ends_with(".parquet"));
    names.cloned().collect()
}

#[test]
fn a_lost_part_loses_its_rows_and_no_others() {
    let (whole, model) = whole_in_columns();
    let parts = parts(&whole);
    assert_eq!(parts.len(), 2, "{parts:?}");
    let mut files = whole.clone();
    files.remove(&parts[1]);
    let what = || "without the second part".to_owned();
    let report = repaired(&files, &model, &what).unwrap();
    let problems = report.problems.iter();
    assert!(
        problems
            .clone()
            .any(|problem| problem.message.contains(&parts[1])),
        "{report:#?}"
    );
    // Of 100 records the first 30 lie in the part of `events`; ten of the others are rows of `events`, too.
    assert_eq!(report.lost_rows, 70 + 10, "{report:#?}");
    let losses: Vec<_> = report
        .losses
        .iter()
        .map(|loss| (loss.collection.as_deref(), loss.rows))
        .collect();
    let expected = [
        (Some("events"), Some((100, 109))),
        (Some("Order Items"), Some((30, 99))),
    ];
    assert_eq!(losses, expected, "{report:#?}");
    // In aside/ it is found again, as it is under the name of another one.
    let part = whole.get(&parts[1]).unwrap();
    let name = parts[1].trim_start_matches("segments/");
    let moved = name.replace(".parquet", "-1700000000000000.parquet");
    files.insert(format!("aside/{moved}"), part.clone());
    let report = repaired(&files, &model, &|| "a part in aside/".to_owned()).unwrap();
    assert!(report.losses.is_empty(), "{report:#?}");
    let mut files = whole.clone();
    files.remove(&parts[1]);
    files.insert("segments/000000000099-77.parquet".to_owned(), part.clone());
    let report = repaired(&files, &model, &|| "a part under another name".to_owned()).unwrap();
    assert!(report.losses.is_empty(), "{report:#?}");
}

#[test]
fn what_is_replaced_is_kept_with_its_parts() {
    let (whole, _) = whole_in_columns();
    let parts = parts(&whole);
    let mut files = whole.clone();
    let bytes = files.get_mut(&parts[0]).unwrap();
    bytes[40] ^= 1;
    let disk = disk_of(&files);
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    let report = repair(&vfs, false).unwrap();
    let after = crate::recovery::support::look::files(&disk);
    let kept: Vec<&Vec<u8>> = report.set_aside.iter().map(|name| &after[name]).collect();
    // The active segment, which is written again behind the new one, is the fourth.
    assert_eq!(kept.len(), 4, "{report:#?}");
    let segment = format!("{}.seg", parts[0].split_once('-').unwrap().0);
    for name in parts.iter().chain([&segment]) {
        assert!(!after.contains_key(name), "{name} is still there");
        assert!(kept.contains(&&files[name]), "{name}");
    }
}

#[test]
fn columns_that_an_older_manifest_misses_are_taken_in() {
    let many = vec![
        Step::append("events", records(0..90)),
        Step::put("pinned"),
        Step::Commit,
    ];
    let (older, model) = store_of(many);
    let disk = disk_of(&older);
    let mut runner = Runner::new(Arc::new(disk.clone()), options(), model);
    let more = [
        Step::append("events", records(90..120)),
        Step::Commit,
        Step::Layout(StoredLayout::Columns),
    ];
    runner.run(&more).unwrap();
    runner.store.take().unwrap().close().unwrap();
    let mut now = files(&disk);
    assert!(!parts(&now).is_empty());
    now.retain(|name, _| !name.starts_with("manifests/"));
    let manifests = older.iter();
    let manifests = manifests.filter(|(name, _)| name.starts_with("manifests/"));
    now.extend(manifests.map(|(name, bytes)| (name.clone(), bytes.clone())));
    let what = || "an older manifest".to_owned();
    let report = repaired(&now, &runner.model, &what).unwrap();
    assert!(report.losses.is_empty(), "{report:#?}");

    // Where a sweep moved them.
    now.remove("LOCK");
    for (name, bytes) in now.clone() {
        let Some(rest) = name.strip_prefix("segments/") else {
            continue;
        };
        let (stem, extension) = rest.rsplit_once('.').unwrap();
        now.remove(&name);
        now.insert(format!("aside/{stem}-1700000000000000.{extension}"), bytes);
    }
    let vfs: Arc<dyn Vfs> = Arc::new(disk_of(&now));
    let report = repair(&vfs, false).unwrap();
    assert_eq!((report.rows, report.blobs), (120, 121), "{report:#?}");
}
