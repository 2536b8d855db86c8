//! Plans, crashes of the process, full disks, failed syncs.

use std::io::ErrorKind;

use lakebed_vfs::{Lock, Open, ReadVfs, Vfs, errno, named};

use super::{contents, create, durable, images};
use crate::{EIO, ENOSPC, Fault, FaultVfs, OpKind, Plan, is_crash};

#[test]
fn it_is_a_whole_vfs() {
    for check in lakebed_vfs::conformance::CHECKS {
        check(&FaultVfs::new());
    }
}

#[test]
fn the_chosen_operation_fails_and_does_nothing() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b"old");
    vfs.plan(Plan::new(Fault::Errno(EIO)).at(1));
    file.write_all_at(b"1", 0).unwrap();
    let error = file.write_all_at(b"2", 0).unwrap_err();
    assert_eq!(errno(&error), Some(EIO));
    assert_eq!(vfs.read("a").unwrap(), b"1ld");
    assert_eq!(vfs.fired(), 1);
    file.write_all_at(b"3", 0).unwrap();
    assert_eq!(vfs.read("a").unwrap(), b"3ld", "once");

    vfs.plan(Plan::new(Fault::Errno(EIO)).at(1).forever());
    vfs.create_dir("d").unwrap();
    for _ in 0..3 {
        create_fails(&vfs);
        vfs.rename("a", "b").unwrap_err();
        vfs.unlink("a").unwrap_err();
        vfs.create_dir("e").unwrap_err();
        vfs.sync_dir("").unwrap_err();
        file.set_len(0).unwrap_err();
    }
    assert_eq!(
        vfs.read("a").unwrap(),
        b"3ld",
        "reading goes on, nothing changed"
    );
    assert_eq!(vfs.list("").unwrap(), ["a", "d"]);

    vfs.plan(Plan::new(Fault::Errno(EIO)).reads_too());
    assert_eq!(errno(&vfs.read("a").unwrap_err()), Some(EIO));
    vfs.clear_plan();
    vfs.read("a").unwrap();
}

#[test]
fn an_operation_may_happen_and_fail_all_the_same() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b"old");
    vfs.create_dir("d").unwrap();
    vfs.plan(Plan::new(Fault::Applied(EIO)).forever());
    let failed = |result: std::io::Result<()>| assert_eq!(errno(&result.unwrap_err()), Some(EIO));
    failed(file.write_at(b"new bytes", 0).map(drop));
    assert_eq!(vfs.read("a").unwrap(), b"new bytes");
    failed(file.set_len(3));
    failed(file.sync_data());
    assert_eq!(vfs.durable().unwrap().read("a").unwrap(), b"new");
    failed(vfs.open("b", Open::CreateNew).map(drop));
    failed(vfs.create_dir("e"));
    failed(vfs.rename("b", "c"));
    assert_eq!(vfs.list("").unwrap(), ["a", "c", "d", "e"]);
    failed(vfs.unlink("c"));
    failed(vfs.sync_dir(""));
    assert_eq!(vfs.durable().unwrap().list("").unwrap(), ["a", "d", "e"]);
}

fn create_fails(vfs: &FaultVfs) {
    vfs.open("new", Open::Create).unwrap_err();
}

#[test]
fn a_plan_can_be_about_some_operations_only() {
    let vfs = FaultVfs::new();
    vfs.create_dir("m").unwrap();
    let (a, b) = (create(&vfs, "a"), create(&vfs, "m/b"));
    vfs.plan(
        Plan::new(Fault::Errno(EIO))
            .only(&[OpKind::SyncData])
            .under("m/")
            .at(1),
    );
    for _ in 0..3 {
        a.sync_data().unwrap();
    }
    b.write_all_at(b"x", 0).unwrap();
    b.sync_data().unwrap();
    b.sync_data().unwrap_err();
    b.sync_data().unwrap();
}

#[test]
fn operations_are_counted_and_logged() {
    let vfs = FaultVfs::new();
    let file = create(&vfs, "a");
    file.write_all_at(b"abc", 5).unwrap();
    file.len().unwrap();
    vfs.read("a").unwrap();
    vfs.plan(Plan::new(Fault::Errno(EIO)));
    vfs.unlink("a").unwrap_err();
    assert_eq!(vfs.changes(), 3);
    let log: Vec<String> = vfs.log().iter().map(ToString::to_string).collect();
    assert_eq!(log.len() as u64, vfs.operations());
    assert_eq!(log[0], "0 Create a");
    assert_eq!(log[1], "1 Write a 5+3");
    assert_eq!(log.last().unwrap(), "6 Unlink a <- Errno(5)");
}

#[test]
fn short_empty_and_interrupted_calls() {
    let vfs = FaultVfs::new();
    let file = create(&vfs, "a");
    vfs.plan(Plan::new(Fault::Short(3)).forever());
    assert_eq!(file.write_at(b"0123456789", 0).unwrap(), 3);
    file.write_all_at(b"0123456789", 0).unwrap();
    assert_eq!(vfs.read("a").unwrap(), b"0123456789");

    vfs.plan(Plan::new(Fault::Short(3)).reads_too().forever());
    assert_eq!(file.read_at(&mut [0; 10], 0).unwrap(), 3);
    assert_eq!(vfs.read("a").unwrap(), b"0123456789");

    vfs.plan(Plan::new(Fault::Interrupted).reads_too().forever());
    assert_eq!(
        file.write_at(b"x", 0).unwrap_err().kind(),
        ErrorKind::Interrupted
    );
    file.write_at(b"x", 0).unwrap();
    file.write_all_at(b"yz", 0).unwrap();
    assert_eq!(vfs.read("a").unwrap(), b"yz23456789");
    assert!(vfs.fired() >= 3);

    vfs.plan(Plan::new(Fault::Zero));
    let error = file.write_all_at(b"abc", 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    assert_eq!(vfs.read("a").unwrap(), b"yz23456789");
}

#[test]
fn a_full_disk_refuses_only_what_needs_space() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b"old");
    vfs.plan(Plan::new(Fault::Errno(ENOSPC)).reads_too().forever());
    let error = file.write_at(b"x", 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    create_fails(&vfs);
    vfs.read("a").unwrap();
    vfs.unlink("a").unwrap();
}

#[test]
fn capacity_is_kept() {
    let vfs = FaultVfs::new();
    assert_eq!(vfs.free_bytes().unwrap(), None);
    let file = create(&vfs, "a");
    vfs.set_capacity(Some(10));
    file.write_all_at(b"01234567", 0).unwrap();
    assert_eq!(vfs.free_bytes().unwrap(), Some(2));
    assert_eq!(file.write_at(b"abcd", 8).unwrap(), 2, "what fits");
    let error = file.write_at(b"cd", 10).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    file.write_all_at(b"xy", 3).unwrap();
    assert_eq!(file.write_at(&[], 10).unwrap(), 0, "nothing needs no space");

    vfs.unlink("a").unwrap();
    assert_eq!(vfs.free_bytes().unwrap(), Some(0), "still open");
    drop(file);
    assert_eq!(vfs.free_bytes().unwrap(), Some(10));
}

#[test]
fn a_crash_ends_everything() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b"old");
    vfs.plan(Plan::new(Fault::Crash).at(1));
    file.write_all_at(b"1", 0).unwrap();
    let error = file.write_all_at(b"2", 1).unwrap_err();
    assert!(is_crash(&error));
    assert!(is_crash(&named("x", named("a", error))));
    assert!(vfs.crashed());
    assert!(is_crash(&vfs.read("a").unwrap_err()));
    assert!(is_crash(&vfs.list("").unwrap_err()));
    assert!(is_crash(&file.try_lock(Lock::Shared).unwrap_err()));
    assert!(is_crash(&vfs.clone().sync_dir("").unwrap_err()));
    assert!(!is_crash(&std::io::Error::from_raw_os_error(EIO)));

    // The write that crashed may have come through, or not; so may the one before, which nobody synced.
    let expected = ["a=old", "a=1ld", "a=o2d", "a=12d"];
    assert_eq!(images(&vfs), expected.map(str::to_owned).into());
}

/// Which of these operations, when they crash, may still have happened.
#[test]
fn what_crashes_may_have_happened_and_a_crashed_sync_proves_nothing() {
    let crash = |run: fn(&FaultVfs) -> std::io::Result<()>| {
        let vfs = FaultVfs::new();
        durable(&vfs, "a", b"x").write_all_at(b"y", 0).unwrap();
        vfs.plan(Plan::new(Fault::Crash));
        assert!(is_crash(&run(&vfs).unwrap_err()));
        images(&vfs)
    };
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let expect = |run, texts: &[&str]| assert_eq!(crash(run), set(texts));
    expect(
        |vfs| vfs.open("a", Open::ReadWrite)?.sync_data(),
        &["a=x", "a=y"],
    );
    expect(
        |vfs| vfs.open("a", Open::ReadWrite)?.set_len(0),
        &["a=x", "a=y", "a="],
    );
    expect(
        |vfs| vfs.open("b", Open::Create).map(|_| ()),
        &["a=x", "a=y", "a=x b=", "a=y b="],
    );
    expect(|vfs| vfs.rename("a", "b"), &["a=x", "a=y", "b=x", "b=y"]);
    expect(|vfs| vfs.unlink("a"), &["a=x", "a=y", ""]);
    expect(
        |vfs| vfs.create_dir("d"),
        &["a=x", "a=y", "a=x d/", "a=y d/"],
    );
    expect(|vfs| vfs.sync_dir(""), &["a=x", "a=y"]);
}

#[test]
fn a_killed_process_leaves_all_it_wrote_and_no_locks() {
    let vfs = FaultVfs::new();
    let file = create(&vfs, "LOCK");
    file.write_all_at(b"me", 0).unwrap();
    assert!(file.try_lock(Lock::Exclusive).unwrap());
    vfs.plan(Plan::new(Fault::Crash).forever());
    vfs.unlink("LOCK2").unwrap_err();

    let next = vfs.restart();
    assert!(is_crash(&file.write_at(b"x", 0).unwrap_err()));
    assert!(is_crash(&vfs.read("LOCK").unwrap_err()), "an old clone");
    assert_eq!(next.read("LOCK").unwrap(), b"me");
    assert_eq!(contents(&next.live().unwrap()), "LOCK=me");
    assert_eq!(contents(&next.durable().unwrap()), "");
    let again = next.open("LOCK", Open::ReadWrite).unwrap();
    assert!(again.try_lock(Lock::Exclusive).unwrap());
    drop(file);
    let other = next.open("LOCK", Open::ReadWrite).unwrap();
    assert!(
        !other.try_lock(Lock::Shared).unwrap(),
        "closing the dead file freed nothing"
    );
}

#[test]
fn a_failed_sync_forgets() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b"......");
    file.write_all_at(b"abcd", 0).unwrap();
    vfs.plan(Plan::new(Fault::Errno(EIO)).only(&[OpKind::SyncData]));
    let error = file.sync_data().unwrap_err();
    assert_eq!(errno(&error), Some(EIO));

    assert_eq!(vfs.read("a").unwrap(), b"abcd..", "still seen");
    file.sync_data().unwrap();
    assert_eq!(
        contents(&vfs.durable().unwrap()),
        "a=......",
        "the sync that worked had nothing to do"
    );
    assert!(
        images(&vfs).contains("a=abcd.."),
        "it may have come through all the same"
    );

    // The process dies and the next one sees the bytes: syncing still does not help, writing them again does.
    let next = vfs.restart();
    let file = next.open("a", Open::ReadWrite).unwrap();
    file.sync_data().unwrap();
    assert_eq!(contents(&next.durable().unwrap()), "a=......");
    file.write_all_at(b"bc", 1).unwrap();
    file.sync_data().unwrap();
    assert_eq!(contents(&next.durable().unwrap()), "a=.bc...");
    let left = images(&next);
    assert!(left.contains("a=abcd.."));
    assert!(
        left.iter().all(|image| image.contains("bc")),
        "what was rewritten and synced stays: {left:?}"
    );
    file.write_all_at(b"abcd", 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(images(&next), ["a=abcd..".to_owned()].into());
}

#[test]
fn a_failed_sync_keeps_lengths() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b"12");
    file.write_all_at(b"345", 2).unwrap();
    vfs.plan(Plan::new(Fault::Errno(EIO)).only(&[OpKind::SyncData]));
    file.sync_data().unwrap_err();
    file.sync_data().unwrap();
    assert_eq!(contents(&vfs.durable().unwrap()), "a=12\\x00\\x00\\x00");

    file.set_len(3).unwrap();
    file.sync_data().unwrap();
    assert_eq!(
        images(&vfs),
        ["a=12\\x00", "a=123"].map(str::to_owned).into(),
        "what was cut off does not come back"
    );
}

#[test]
fn an_image_can_be_gone_on_from() {
    let vfs = FaultVfs::new();
    vfs.create_dir("d/e").unwrap();
    durable(&vfs, "d/e/a", b"x");
    vfs.sync_dir("d").unwrap();
    vfs.sync_dir("").unwrap();
    let image = vfs.durable().unwrap();
    let next = FaultVfs::on(&image).unwrap();
    assert_eq!(contents(&next.durable().unwrap()), "d/ d/e/ d/e/a=x");
    assert_eq!(contents(&next.live().unwrap()), "d/ d/e/ d/e/a=x");
    next.open("d/e/a", Open::ReadWrite)
        .unwrap()
        .write_all_at(b"y", 0)
        .unwrap();
    assert_eq!(vfs.read("d/e/a").unwrap(), b"x", "the old one is untouched");
    assert_eq!(images(&next).len(), 2);
}
