//! A test suite that every [`Vfs`] passes, for this crate and for others that implement one (feature `conformance`).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "checks of tests: a panic is their answer"
)]

use std::io::ErrorKind;
use std::sync::Arc;

use crate::{Advice, File, Holder, Lock, Names, Open, Vfs};

fn write(vfs: &dyn Vfs, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = vfs.open(name, Open::Create).unwrap();
    file.set_len(0).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file
}

fn kind<T>(result: std::io::Result<T>) -> ErrorKind {
    result.map(|_| ()).unwrap_err().kind()
}

fn opening(vfs: &dyn Vfs) {
    for how in [Open::Read, Open::ReadWrite] {
        assert_eq!(kind(vfs.open("a", how)), ErrorKind::NotFound);
    }
    assert_eq!(
        kind(vfs.open("no/a", Open::Create)),
        ErrorKind::NotFound,
        "no such directory"
    );
    write(vfs, "a", b"first");
    assert_eq!(
        kind(vfs.open("a", Open::CreateNew)),
        ErrorKind::AlreadyExists
    );
    assert_eq!(vfs.open("a", Open::Create).unwrap().len().unwrap(), 5);
    vfs.open("b", Open::CreateNew).unwrap();
    assert_eq!(vfs.list("").unwrap(), ["a", "b"]);
    assert_eq!(vfs.read("a").unwrap(), b"first");
    assert_eq!(kind(vfs.open("a/b", Open::Read)), ErrorKind::NotADirectory);

    vfs.create_dir("d").unwrap();
    assert_eq!(kind(vfs.open("d", Open::Read)), ErrorKind::IsADirectory);
    assert_eq!(
        kind(vfs.open("d", Open::ReadWrite)),
        ErrorKind::IsADirectory
    );

    let reader = vfs.open("a", Open::Read).unwrap();
    reader.write_at(b"x", 0).unwrap_err();
    reader.set_len(0).unwrap_err();
    assert_eq!(vfs.read("a").unwrap(), b"first");
}

fn reading_and_writing(vfs: &dyn Vfs) {
    let file = write(vfs, "a", b"0123456789");
    let other = vfs.open("a", Open::Read).unwrap();
    let mut buf = [0; 4];
    assert_eq!(other.read_at(&mut buf, 8).unwrap(), 2);
    assert_eq!(&buf, b"89\0\0");
    assert_eq!(other.read_at(&mut buf, 10).unwrap(), 0);
    assert_eq!(other.read_at(&mut buf, 1 << 40).unwrap(), 0);
    assert_eq!(
        kind(other.read_exact_at(&mut buf, 8)),
        ErrorKind::UnexpectedEof
    );
    other.read_exact_at(&mut [], 1 << 40).unwrap();

    file.write_all_at(b"ab", 1).unwrap();
    other.read_exact_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"0ab3", "other opens see the write");

    file.write_all_at(b"z", 12).unwrap();
    assert_eq!(
        vfs.read("a").unwrap(),
        b"0ab3456789\0\0z",
        "zeros in the gap"
    );
    file.set_len(3).unwrap();
    file.set_len(5).unwrap();
    assert_eq!(
        vfs.read("a").unwrap(),
        b"0ab\0\0",
        "zeros, not what was cut"
    );
    assert_eq!(file.write_at(&[], 100).unwrap(), 0);
    assert_eq!(file.len().unwrap(), 5, "writing nothing grows nothing");
    file.sync_data().unwrap();
    other.sync_data().unwrap();
}

fn directories(vfs: &dyn Vfs) {
    vfs.create_dir("").unwrap();
    assert!(vfs.list("").unwrap().is_empty());
    assert_eq!(kind(vfs.list("d")), ErrorKind::NotFound);
    assert_eq!(kind(vfs.sync_dir("d")), ErrorKind::NotFound);
    vfs.create_dir("d/e").unwrap();
    vfs.create_dir("d/e").unwrap();
    vfs.create_dir("d").unwrap();
    write(vfs, "d/z", b"");
    write(vfs, "d/a", b"");
    write(vfs, "d/e/deep", b"");
    write(vfs, "dd", b"");
    assert_eq!(vfs.list("d").unwrap(), ["a", "e", "z"]);
    assert_eq!(vfs.list("d/e").unwrap(), ["deep"]);
    assert_eq!(vfs.list("").unwrap(), ["d", "dd"]);
    for dir in ["", "d", "d/e"] {
        vfs.sync_dir(dir).unwrap();
    }
    assert_eq!(kind(vfs.list("dd")), ErrorKind::NotADirectory);
    assert_eq!(kind(vfs.sync_dir("dd")), ErrorKind::NotADirectory);
    assert_eq!(kind(vfs.create_dir("dd")), ErrorKind::AlreadyExists);
    assert_eq!(kind(vfs.create_dir("dd/e")), ErrorKind::NotADirectory);
}

fn renaming(vfs: &dyn Vfs) {
    vfs.create_dir("d").unwrap();
    assert_eq!(kind(vfs.rename("a", "b")), ErrorKind::NotFound);
    let a = write(vfs, "a", b"new");
    let b = write(vfs, "d/b", b"old");
    let names = |opened, count| Names { opened, count };
    vfs.rename("a", "a").unwrap();
    assert_eq!(a.names().unwrap(), names(true, 1));
    vfs.rename("a", "d/b").unwrap();
    assert_eq!(vfs.read("d/b").unwrap(), b"new");
    assert_eq!(kind(vfs.read("a")), ErrorKind::NotFound);
    assert_eq!(a.names().unwrap(), names(false, 1), "the other name");
    assert_eq!(b.names().unwrap(), names(false, 0), "it was replaced");
    let same = vfs.open("d/b", Open::Read).unwrap();
    assert_eq!(same.names().unwrap(), names(true, 1));
    let mut buf = [0; 3];
    b.read_exact_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"old");
    assert_eq!(kind(vfs.rename("d/b", "no/b")), ErrorKind::NotFound);
    vfs.create_dir("e").unwrap();
    assert_eq!(kind(vfs.rename("d/b", "e")), ErrorKind::IsADirectory);
    assert_eq!(vfs.read("d/b").unwrap(), b"new");
}

fn linking(vfs: &dyn Vfs) {
    vfs.create_dir("d").unwrap();
    assert_eq!(kind(vfs.link("a", "b")), ErrorKind::NotFound);
    let a = write(vfs, "a", b"bytes");
    write(vfs, "c", b"other");
    let names = |opened, count| Names { opened, count };
    vfs.link("a", "d/b").unwrap();
    assert_eq!(a.names().unwrap(), names(true, 2));
    let b = vfs.open("d/b", Open::Read).unwrap();
    assert_eq!(b.names().unwrap(), names(true, 2));
    assert_eq!(kind(vfs.link("a", "c")), ErrorKind::AlreadyExists);
    assert_eq!(kind(vfs.link("a", "d")), ErrorKind::AlreadyExists);
    assert_eq!(kind(vfs.link("a", "no/b")), ErrorKind::NotFound);
    a.write_all_at(b"B", 0).unwrap();
    assert_eq!(vfs.read("d/b").unwrap(), b"Bytes", "one file");
    vfs.rename("a", "d/b").unwrap();
    assert_eq!(vfs.list("").unwrap(), ["a", "c", "d"], "both names stay");
    vfs.unlink("a").unwrap();
    assert_eq!(a.names().unwrap(), names(false, 1));
    assert_eq!(b.names().unwrap(), names(true, 1));
    // Where blocks can be shared the bytes are there, elsewhere nothing is.
    let shared = write(vfs, "s", b"");
    let len = if shared.clone_bytes(b.as_ref()) { 5 } else { 0 };
    assert_eq!(vfs.read("s").unwrap(), b"Bytes"[..len]);
}

fn removing_directories(vfs: &dyn Vfs) {
    assert_eq!(kind(vfs.remove_dir("d")), ErrorKind::NotFound);
    vfs.create_dir("d/e").unwrap();
    write(vfs, "d/a", b"");
    assert_eq!(kind(vfs.remove_dir("d")), ErrorKind::DirectoryNotEmpty);
    assert_eq!(kind(vfs.remove_dir("d/a")), ErrorKind::NotADirectory);
    vfs.remove_dir("d/e").unwrap();
    assert_eq!(kind(vfs.remove_dir("d")), ErrorKind::DirectoryNotEmpty);
    vfs.unlink("d/a").unwrap();
    vfs.remove_dir("d").unwrap();
    assert_eq!(kind(vfs.list("d")), ErrorKind::NotFound);
}

fn unlinking(vfs: &dyn Vfs) {
    assert_eq!(kind(vfs.unlink("a")), ErrorKind::NotFound);
    let file = write(vfs, "a", b"bytes");
    let map = file.map(5).unwrap();
    vfs.unlink("a").unwrap();
    assert_eq!(kind(vfs.read("a")), ErrorKind::NotFound);
    let gone = Names {
        opened: false,
        count: 0,
    };
    assert_eq!(file.names().unwrap(), gone);
    let mut buf = [0; 5];
    file.read_exact_at(&mut buf, 0).unwrap();
    assert_eq!(&buf, b"bytes");
    write(vfs, "a", b"another");
    assert_eq!(file.names().unwrap(), gone, "the name is another's");
    drop(file);
    assert_eq!(&*map, b"bytes", "the mapping outlives name and file");
    assert_eq!(vfs.read("a").unwrap(), b"another");
    vfs.create_dir("d").unwrap();
    vfs.unlink("d").unwrap_err();
    assert_eq!(vfs.list("").unwrap(), ["a", "d"]);
}

fn mapping(vfs: &dyn Vfs) {
    let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
    let file = write(vfs, "a", &bytes);
    assert_eq!(kind(file.map(200_001)), ErrorKind::UnexpectedEof);
    assert_eq!(kind(file.map(u64::MAX)), ErrorKind::UnexpectedEof);
    assert!(file.map(0).unwrap().is_empty());
    assert_eq!(&*file.map(777).unwrap(), &bytes[..777]);

    let map = file.map(200_000).unwrap();
    for advice in [
        Advice::WillNeed,
        Advice::Random,
        Advice::Sequential,
        Advice::Normal,
    ] {
        for range in [0..200_000, 5_000..5_001, 199_999..usize::MAX, 70..70] {
            map.advise(advice, range.clone()).unwrap();
            map.prefetch(range);
        }
        map.advise(advice, 300_000..400_000).unwrap();
    }
    let clone = map.clone();
    assert!(std::ptr::eq(&raw const map[0], &raw const clone[0]));
    drop((map, file));
    assert_eq!(&*clone, &bytes[..]);

    let empty = write(vfs, "empty", b"");
    assert!(empty.map(0).unwrap().is_empty());
    assert_eq!(kind(empty.map(1)), ErrorKind::UnexpectedEof);
}

fn locking(vfs: &dyn Vfs) {
    let open = || vfs.open("LOCK", Open::Create).unwrap();
    let (a, b, c) = (open(), open(), open());
    assert!(a.try_lock(Lock::Exclusive).unwrap());
    assert!(!b.try_lock(Lock::Exclusive).unwrap());
    assert!(!b.try_lock(Lock::Shared).unwrap());
    b.unlock().unwrap();
    assert!(!b.try_lock(Lock::Shared).unwrap(), "not b's to give up");
    a.unlock().unwrap();
    a.unlock().unwrap();

    assert!(b.try_lock(Lock::Shared).unwrap());
    assert!(c.try_lock(Lock::Shared).unwrap());
    assert!(!a.try_lock(Lock::Exclusive).unwrap());
    drop(b);
    assert!(!a.try_lock(Lock::Exclusive).unwrap());
    drop(c);
    assert!(a.try_lock(Lock::Exclusive).unwrap(), "closing gives up");

    // Another kind in place of the one held.
    let d = open();
    assert!(a.try_lock(Lock::Shared).unwrap());
    assert!(d.try_lock(Lock::Shared).unwrap());
    assert!(
        !a.try_lock(Lock::Exclusive).unwrap(),
        "and a's lock is gone"
    );
    assert!(d.try_lock(Lock::Exclusive).unwrap());
    d.unlock().unwrap();

    // The last close counts, and a reader may lock too.
    let reader = vfs.open("LOCK", Open::Read).unwrap();
    let twice = Arc::clone(&reader);
    assert!(reader.try_lock(Lock::Exclusive).unwrap());
    drop(reader);
    assert!(!a.try_lock(Lock::Shared).unwrap());
    drop(twice);
    assert!(a.try_lock(Lock::Shared).unwrap());

    // Locks are on the file, not on its name.
    vfs.rename("LOCK", "OLD").unwrap();
    assert!(open().try_lock(Lock::Exclusive).unwrap());
    let old = vfs.open("OLD", Open::Read).unwrap();
    assert!(!old.try_lock(Lock::Exclusive).unwrap());
}

fn write_locks(vfs: &dyn Vfs) {
    let open = || vfs.open("LOCK", Open::Create).unwrap();
    let reader = vfs.open("a", Open::Read);
    assert_eq!(kind(reader), ErrorKind::NotFound);
    let (a, b) = (open(), open());
    let reader = vfs.open("LOCK", Open::Read).unwrap();
    reader.try_lock(Lock::Write).unwrap_err();
    assert_eq!(reader.holder().unwrap(), Holder::Nobody);
    assert!(a.try_lock(Lock::Write).unwrap());
    assert!(!b.try_lock(Lock::Write).unwrap());
    for (file, holder) in [
        (&a, Holder::Nobody),
        (&b, Holder::Writer),
        (&reader, Holder::Writer),
    ] {
        assert_eq!(file.holder().unwrap(), holder);
    }
    drop(b);
    assert_eq!(
        reader.holder().unwrap(),
        Holder::Writer,
        "not b's to give up"
    );
    a.unlock().unwrap();
    assert_eq!(reader.holder().unwrap(), Holder::Nobody);
    let b = open();
    assert!(b.try_lock(Lock::Write).unwrap());
    drop(b);
    assert!(a.try_lock(Lock::Write).unwrap(), "closing gives up");
}

fn names(vfs: &dyn Vfs) {
    write(vfs, "a", b"");
    for bad in [
        "/a", "a/", "../a", "d/../a", "./a", "d//a", "a\\b", "c:a", "a\0", "..",
    ] {
        assert_eq!(
            kind(vfs.open(bad, Open::Create)),
            ErrorKind::InvalidInput,
            "{bad}"
        );
        assert_eq!(kind(vfs.create_dir(bad)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(kind(vfs.list(bad)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(kind(vfs.sync_dir(bad)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(kind(vfs.unlink(bad)), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(kind(vfs.rename(bad, "b")), ErrorKind::InvalidInput, "{bad}");
        assert_eq!(kind(vfs.rename("a", bad)), ErrorKind::InvalidInput, "{bad}");
    }
    assert_eq!(kind(vfs.open("", Open::Create)), ErrorKind::InvalidInput);
    vfs.open(".a b-ü.tmp", Open::CreateNew).unwrap();
    assert_eq!(vfs.list("").unwrap(), [".a b-ü.tmp", "a"]);
    assert!(!vfs.describe().is_empty());
}

/// Every check; each wants an empty directory and panics when something is not as the traits say.
pub const CHECKS: [fn(&dyn Vfs); 11] = [
    opening,
    reading_and_writing,
    directories,
    renaming,
    unlinking,
    linking,
    removing_directories,
    mapping,
    locking,
    write_locks,
    names,
];
