//! A repair that crashes or fails at any operation: another one finishes it, and comes to the same.

use std::sync::Arc;

use lakebed_core::{ErrorKind, Store};
use lakebed_testkit::{EIO, ENOSPC, Fault, FaultVfs, Files, Model, Plan, State, Tally, Tried};
use lakebed_vfs::{MemVfs, Vfs};

use crate::recovery::repair::{put_back_an_older_manifest, repair, whole};
use crate::recovery::repair_columns::whole_in_columns;
use crate::recovery::support::look::{disk_of, files, look, verify};
use crate::recovery::support::{bound, reading};

/// Damage of each kind, for repairs that are interrupted.
fn damages() -> Vec<(&'static str, Files, Model)> {
    let (whole, model) = whole();
    let mut damages = Vec::new();
    let mut add = |what, change: &dyn Fn(&mut Files)| {
        let mut files = whole.clone();
        change(&mut files);
        damages.push((what, files, model.clone()));
    };
    let flip = |files: &mut Files, name: &str, at: usize| {
        let bytes = files.get_mut(name).unwrap();
        let at = if at > bytes.len() {
            bytes.len() - 50
        } else {
            at
        };
        bytes[at] ^= 1;
    };
    add("a frame of a sealed segment", &|files| {
        flip(files, "segments/000000000001.seg", 300);
    });
    add("the last COMMIT", &|files| {
        flip(files, "segments/000000000003.seg", usize::MAX);
    });
    add("FORMAT and all manifests", &|files| {
        files.retain(|name, _| name != "FORMAT" && !name.starts_with("manifests/"));
    });
    add("two segments", &|files| {
        flip(files, "segments/000000000001.seg", 300);
        flip(files, "segments/000000000002.seg", 300);
        flip(files, "segments/000000000003.seg", 300);
    });
    let (in_columns, model) = whole_in_columns();
    for name in in_columns.keys().filter(|name| name.ends_with(".parquet")) {
        let mut files = in_columns.clone();
        flip(&mut files, name, 40);
        damages.push(("a page of a part", files, model.clone()));
    }
    let mut files = in_columns.clone();
    files.retain(|name, _| !name.ends_with("-2.parquet"));
    damages.push(("a part that is missing", files, model.clone()));
    let mut files = in_columns;
    flip(&mut files, "segments/000000000003.seg", usize::MAX);
    damages.push(("the file of a segment of columns", files, model));
    let (files, model) = put_back_an_older_manifest();
    let mut cut = files;
    for name in ["segments/000000000003.seg", "segments/000000000004.seg"] {
        let bytes = cut.get_mut(name).unwrap();
        let len = bytes.len();
        bytes[len - 60..].fill(0);
    }
    damages.push(("an older manifest", cut, model));
    damages
}

/// Repairs what an interrupted repair left. What is lost was lost in the first repair or is in this one: nothing else.
fn finish(disk: &MemVfs, undisturbed: &State, known: &Model, what: &dyn Fn() -> String) {
    let vfs: Arc<dyn Vfs> = Arc::new(disk.clone());
    let report = repair(&vfs, false).unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    let store = Store::open_on(Arc::clone(&vfs), reading())
        .unwrap_or_else(|error| panic!("{error:?}\n{}", what()));
    let seen = look(&store, known.known())
        .unwrap_or_else(|error| panic!("{error:?}\n{report:#?}\n{}", what()));
    let difference = undisturbed.difference(&seen);
    assert!(
        difference.is_none(),
        "{difference:?}\n{report:#?}\n{}",
        what()
    );
    verify(&store, what);
    drop(store);
    let again = repair(&vfs, true).unwrap();
    assert!(again.is_clean(), "{again:#?}\n{}", what());
}

#[test]
fn a_repair_may_crash_at_every_operation() {
    let tally = Tally::new("crashes of a repair");
    for (damage, files, model) in damages() {
        let disk = disk_of(&files);
        let undisturbed = undisturbed(&disk, &model);
        for n in 0.. {
            let vfs = FaultVfs::on(&disk).unwrap();
            vfs.plan(Plan::new(Fault::Crash).at(n));
            let shared: Arc<dyn Vfs> = Arc::new(vfs.clone());
            let done = repair(&shared, false);
            if !vfs.crashed() {
                done.unwrap();
                break;
            }
            tally.one(Tried::Stops);
            let what = || format!("{damage}, killed at change {n}");
            finish(&vfs.restart().live().unwrap(), &undisturbed, &model, &what);
            for (at, image) in vfs.crash_images(bound(4, 60), n).enumerate() {
                tally.one(Tried::Images);
                let what = || format!("{damage}, crash at change {n}, image {at}: {}", image.what);
                finish(&image.vfs, &undisturbed, &model, &what);
            }
        }
    }
}

fn undisturbed(disk: &MemVfs, model: &Model) -> State {
    let copy = disk.snapshot();
    let vfs: Arc<dyn Vfs> = Arc::new(copy);
    repair(&vfs, false).unwrap();
    let store = Store::open_on(vfs, reading()).unwrap();
    look(&store, model.known()).unwrap()
}

#[test]
fn a_repair_may_fail_at_every_operation() {
    let tally = Tally::new("failing operations of a repair");
    for (damage, files, model) in damages() {
        let disk = disk_of(&files);
        let undisturbed = undisturbed(&disk, &model);
        for fault in [Fault::Errno(EIO), Fault::Errno(ENOSPC)] {
            for n in 0.. {
                let vfs = FaultVfs::on(&disk).unwrap();
                vfs.plan(Plan::new(fault).at(n));
                let shared: Arc<dyn Vfs> = Arc::new(vfs.clone());
                let done = repair(&shared, false);
                if vfs.fired() == 0 {
                    done.unwrap();
                    break;
                }
                tally.one(Tried::Faults);
                if let Err(error) = &done {
                    let kinds = [ErrorKind::Io, ErrorKind::StoreFull, ErrorKind::Poisoned];
                    assert!(kinds.contains(&error.kind()), "{damage}, {n}: {error:?}");
                }
                let what = || format!("{damage}, {fault:?} at change {n}");
                vfs.clear_plan();
                finish(&vfs.live().unwrap(), &undisturbed, &model, &what);
            }
        }
    }
}

#[test]
fn a_repair_on_a_full_disk_changes_nothing_that_counts() {
    let (damage, before, model) = damages().swap_remove(0);
    let disk = disk_of(&before);
    let undisturbed = undisturbed(&disk, &model);
    let used: usize = before.values().map(Vec::len).sum();
    let vfs = FaultVfs::on(&disk).unwrap();
    vfs.set_capacity(Some(used as u64 + 2000));
    let shared: Arc<dyn Vfs> = Arc::new(vfs.clone());
    let error = repair(&shared, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreFull, "{error}");
    let live = files(&vfs.live().unwrap());
    for (name, bytes) in before.iter().filter(|(name, _)| *name != "LOCK") {
        assert!(live.get(name) == Some(bytes), "{name}");
    }
    vfs.set_capacity(None);
    finish(&vfs.live().unwrap(), &undisturbed, &model, &|| {
        damage.to_owned()
    });
}
