//! Which states a disk may be in.

use std::collections::BTreeSet;

use lakebed_vfs::{Open, ReadVfs, Vfs};
use proptest::prelude::*;

use super::{contents, create, durable, images};
use crate::{EXHAUSTIVE, FaultVfs};

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_is_synced_is_in_every_image() {
    let vfs = FaultVfs::new();
    durable(&vfs, "a", b"x");
    assert_eq!(images(&vfs), set(&["a=x"]));
}

#[test]
fn writes_are_lost_and_kept_each_on_its_own() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b"...");
    for at in 0..3 {
        file.write_all_at(b"#", at).unwrap();
    }
    assert_eq!(
        images(&vfs),
        set(&[
            "a=...", "a=#..", "a=.#.", "a=..#", "a=##.", "a=#.#", "a=.##", "a=###"
        ])
    );
    let first: Vec<_> = vfs.crash_images(2, 9).collect();
    assert_eq!(contents(&first[0].vfs), "a=...", "first: nothing");
    assert_eq!(contents(&first[1].vfs), "a=###", "second: everything");
    assert!(first[0].what.starts_with("Lost: #"), "{}", first[0].what);
    assert!(first[1].what.contains("write file 0 2+1"));
}

#[test]
fn the_last_write_is_torn_between_any_two_bytes() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b"....");
    file.write_all_at(b"abcd", 0).unwrap();
    assert_eq!(
        images(&vfs),
        set(&[
            "a=....", "a=a...", "a=ab..", "a=abc.", "a=...d", "a=..cd", "a=.bcd", "a=abcd"
        ])
    );
}

#[test]
fn lengths_and_bytes_are_lost_separately() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b".");
    file.write_all_at(b"12", 1).unwrap();
    file.write_all_at(b"3", 3).unwrap();
    let images = images(&vfs);
    for image in [
        "a=.",
        "a=.12",
        "a=.123",
        "a=.\\x00\\x00",
        "a=.\\x00\\x003",
        "a=.12\\x00",
        "a=.\\x00\\x00\\x00",
    ] {
        assert!(images.contains(image), "{image} in {images:?}");
    }
    assert!(!images.contains("a=123"));
}

#[test]
fn what_a_cut_takes_does_not_come_back() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", b"secret");
    file.set_len(2).unwrap();
    file.set_len(4).unwrap();
    assert_eq!(
        images(&vfs),
        set(&["a=secret", "a=se", "a=secr", "a=se\\x00\\x00"]),
        "without the cut the old bytes are no surprise"
    );
}

#[test]
fn every_write_is_torn_at_sectors() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", &[b'.'; 9000]);
    file.write_all_at(&[b'#'; 8000], 500).unwrap();
    file.write_all_at(b"!", 0).unwrap();
    let mut heads = BTreeSet::new();
    let mut tails = BTreeSet::new();
    for image in vfs.crash_images(usize::MAX, 3) {
        let bytes = image.vfs.read("a").unwrap();
        let written = bytes.split(|byte| *byte == b'#').count() - 1;
        if written == 0 || written == 8000 {
            continue;
        }
        if bytes[500] == b'#' {
            heads.insert(500 + written);
        } else {
            tails.insert(8500 - written);
        }
    }
    let sectors: BTreeSet<usize> = (512..8500).step_by(512).collect();
    assert_eq!(heads, sectors);
    assert_eq!(tails, sectors);
    assert!(heads.contains(&4096));
}

#[test]
fn names_need_their_directory_synced() {
    let vfs = FaultVfs::new();
    vfs.create_dir("d").unwrap();
    let file = create(&vfs, "d/a");
    file.write_all_at(b"x", 0).unwrap();
    file.sync_data().unwrap();
    assert_eq!(images(&vfs), set(&["", "d/", "d/ d/a=x"]));
    vfs.sync_dir("").unwrap();
    assert_eq!(images(&vfs), set(&["d/", "d/ d/a=x"]));
    vfs.sync_dir("d").unwrap();
    assert_eq!(images(&vfs), set(&["d/ d/a=x"]));

    vfs.unlink("d/a").unwrap();
    create(&vfs, "d/b");
    assert_eq!(
        images(&vfs),
        set(&["d/ d/a=x", "d/", "d/ d/b=", "d/ d/a=x d/b="]),
        "each on its own"
    );
}

#[test]
fn a_rename_is_atomic_and_may_outrun_the_bytes() {
    let vfs = FaultVfs::new();
    durable(&vfs, "m", b"old");
    let file = create(&vfs, ".m");
    file.write_all_at(b"new", 0).unwrap();
    vfs.rename(".m", "m").unwrap();
    let unsynced = images(&vfs);
    assert!(unsynced.contains("m=new"));
    assert!(unsynced.contains("m="), "an empty file under the new name");
    assert!(unsynced.contains("m=old"));
    assert!(unsynced.contains(".m=new m=old"));
    assert!(unsynced.iter().all(|image| image.contains("m=")));

    file.sync_data().unwrap();
    assert_eq!(
        images(&vfs),
        set(&["m=old", "m=new", ".m=new m=old"]),
        "the usual order is safe"
    );
    vfs.sync_dir("").unwrap();
    assert_eq!(images(&vfs), set(&["m=new"]));
}

#[test]
fn a_rename_between_directories_is_two_changes() {
    let vfs = FaultVfs::new();
    vfs.create_dir("d").unwrap();
    durable(&vfs, "a", b"x");
    vfs.rename("a", "d/a").unwrap();
    assert_eq!(
        images(&vfs),
        set(&["a=x d/", "a=x d/ d/a=x", "d/", "d/ d/a=x"])
    );
    vfs.sync_dir("d").unwrap();
    vfs.sync_dir("").unwrap();
    assert_eq!(images(&vfs), set(&["d/ d/a=x"]));
}

/// Many small changes to two files and a directory.
fn busy(writes: u64) -> FaultVfs {
    let vfs = FaultVfs::new();
    let a = durable(&vfs, "a", b"");
    let b = create(&vfs, "b");
    for n in 0..writes {
        a.write_all_at(&[b'a'; 700], n * 700).unwrap();
        b.write_all_at(&[b'b'; 9], 0).unwrap();
    }
    vfs
}

#[test]
fn beyond_the_bound_samples_are_drawn_and_repeatable() {
    let vfs = busy(10);
    let run = |limit, seed| -> Vec<String> {
        vfs.crash_images(limit, seed)
            .map(|image| contents(&image.vfs))
            .collect()
    };
    let all = run(1000, 1);
    assert_eq!(all.len(), 1000);
    assert_eq!(
        all.iter().collect::<BTreeSet<_>>().len(),
        1000,
        "no doubles"
    );
    assert_eq!(all, run(1000, 1));
    assert_ne!(all, run(1000, 2));

    // A small limit still gets something of every kind.
    let some: Vec<String> = vfs.crash_images(40, 5).map(|image| image.what).collect();
    assert_eq!(some.len(), 40);
    for kind in ["Head(", "Tail(", "Short(", "LenOnly"] {
        assert!(some.iter().any(|what| what.contains(kind)), "{kind}");
    }
    let many: Vec<String> = vfs.crash_images(400, 5).map(|image| image.what).collect();
    assert!(many.iter().any(|what| what.contains("Sectors(")));
}

#[test]
fn below_the_bound_every_combination_is_there() {
    let vfs = FaultVfs::new();
    let file = durable(&vfs, "a", &[b'.'; 12]);
    for n in 0..12 {
        file.write_all_at(b"#", n).unwrap();
    }
    assert_eq!(images(&vfs).len(), 1 << 12);
    // Eight writes that make files grow, which are lost, kept, or leave zeros.
    let vfs = FaultVfs::new();
    for n in 0..8 {
        let file = durable(&vfs, &format!("{n}"), b"");
        file.write_all_at(b"#", 0).unwrap();
    }
    assert_eq!(images(&vfs).len() as u64, EXHAUSTIVE);
}

/// A step of a small program on two files.
#[derive(Debug, Clone)]
enum Step {
    Write(bool, u8, u8),
    SetLen(bool, u8),
    Sync(bool),
    Names,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The image in which everything survived is what programs saw; the one in which nothing did, the durable one; and
    /// after syncing all there is only one image left.
    #[test]
    fn images_lie_between_durable_and_live(steps in prop::collection::vec(prop_oneof![
        4 => (any::<bool>(), 0..40_u8, 1..20_u8).prop_map(|(file, at, len)| Step::Write(file, at, len)),
        1 => (any::<bool>(), 0..40_u8).prop_map(|(file, len)| Step::SetLen(file, len)),
        1 => any::<bool>().prop_map(Step::Sync),
        1 => Just(Step::Names),
    ], 1..25)) {
        let vfs = FaultVfs::new();
        let files = ["a", "b"].map(|name| vfs.open(name, Open::Create).unwrap());
        let mut byte = b'A';
        for step in steps {
            let pick = |second: bool| &files[usize::from(second)];
            match step {
                Step::Write(file, at, len) => {
                    pick(file).write_all_at(&vec![byte; len.into()], at.into()).unwrap();
                    byte += 1;
                }
                Step::SetLen(file, len) => pick(file).set_len(len.into()).unwrap(),
                Step::Sync(file) => pick(file).sync_data().unwrap(),
                Step::Names => vfs.sync_dir("").unwrap(),
            }
        }
        let images: Vec<String> = vfs.crash_images(50, 1).map(|image| contents(&image.vfs)).collect();
        let (durable, live) = (contents(&vfs.durable().unwrap()), contents(&vfs.live().unwrap()));
        prop_assert_eq!(&images[0], &durable);
        if live != durable {
            prop_assert_eq!(&images[1], &live);
        }
        for file in &files {
            file.sync_data().unwrap();
        }
        vfs.sync_dir("").unwrap();
        let left: Vec<String> = vfs.crash_images(50, 1).map(|image| contents(&image.vfs)).collect();
        prop_assert_eq!(left, vec![live]);
    }
}
