//! Rounding to pages, retried writes, errors with names.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use parking_lot::Mutex;
use proptest::prelude::*;

use crate::{File, Lock, Mapping, MemVfs, Open, ReadFile, ReadVfs, Vfs};
use crate::{errno, named, page_size, pretend_page_size, round_to_pages};

#[test]
fn page_sizes_can_be_pretended() {
    for bytes in [4096, 16_384, 65_536] {
        let pretended = pretend_page_size(bytes);
        assert_eq!(page_size(), bytes);
        let dir = tempfile::tempdir().unwrap();
        let vfs = crate::OsVfs::new(dir.path());
        let file = vfs.open("a", Open::Create).unwrap();
        file.write_all_at(&vec![1; 100_000], 0).unwrap();
        let map = file.map(100_000).unwrap();
        map.advise(crate::Advice::Random, 70_000..70_001).unwrap();
        assert_eq!(map[70_000], 1);
        drop(pretended);
    }
    let pretended = pretend_page_size(4096);
    drop(pretended);
    assert!(page_size().is_power_of_two());
}

proptest! {
    #[test]
    fn rounding_covers_what_was_asked(start in 0..300_000_usize, count in 0..300_000_usize, len in 0..300_000_usize,
                                      page in prop::sample::select(vec![4096_usize, 16_384, 65_536])) {
        let asked = start.min(len)..(start + count).min(len);
        let got = round_to_pages(start..start + count, len, page);
        prop_assert!(got.end <= len);
        if asked.is_empty() {
            prop_assert!(got.is_empty());
        } else {
            prop_assert!(got.start <= asked.start && got.end >= asked.end);
            prop_assert_eq!(got.start % page, 0);
            prop_assert!(got.end.is_multiple_of(page) || got.end == len);
            prop_assert!(asked.start - got.start < page && got.end - asked.end < page);
        }
    }
}

#[test]
fn names_do_not_hide_the_error() {
    let error = named("a/b", named("inner", io::Error::from_raw_os_error(28)));
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(errno(&error), Some(28));
    assert!(error.to_string().starts_with("a/b: inner: No space"));
    assert_eq!(errno(&named("x", ErrorKind::WriteZero.into())), None);
}

#[test]
fn a_snapshot_is_independent() {
    let vfs = MemVfs::new();
    vfs.create_dir("d").unwrap();
    let file = vfs.open("d/a", Open::Create).unwrap();
    file.write_all_at(b"one", 0).unwrap();
    assert!(file.try_lock(Lock::Exclusive).unwrap());
    let shared = vfs.clone();
    let copy = vfs.snapshot();
    file.write_all_at(b"two", 0).unwrap();
    assert_eq!(shared.read("d/a").unwrap(), b"two");
    assert_eq!(copy.read("d/a").unwrap(), b"one");
    let copied = copy.open("d/a", Open::Read).unwrap();
    assert!(copied.try_lock(Lock::Exclusive).unwrap());
}

/// A file that answers each call from a list.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<io::Result<usize>>>,
    offsets: Mutex<Vec<u64>>,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = io::Result<usize>>) -> Self {
        Self {
            answers: Mutex::new(answers.into_iter().collect()),
            offsets: Mutex::default(),
        }
    }

    fn answer(&self, offset: u64) -> io::Result<usize> {
        self.offsets.lock().push(offset);
        self.answers.lock().pop_front().unwrap()
    }
}

impl ReadFile for Scripted {
    fn read_at(&self, _: &mut [u8], offset: u64) -> io::Result<usize> {
        self.answer(offset)
    }
    fn len(&self) -> io::Result<u64> {
        unimplemented!()
    }
    fn map(&self, _: u64) -> io::Result<Mapping> {
        unimplemented!()
    }
}

impl File for Scripted {
    fn write_at(&self, _: &[u8], offset: u64) -> io::Result<usize> {
        self.answer(offset)
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        unimplemented!()
    }
    fn sync_data(&self) -> io::Result<()> {
        unimplemented!()
    }
    fn try_lock(&self, _: Lock) -> io::Result<bool> {
        unimplemented!()
    }
    fn unlock(&self) -> io::Result<()> {
        unimplemented!()
    }
    fn holder(&self) -> io::Result<crate::Holder> {
        unimplemented!()
    }
}

fn interrupted() -> io::Result<usize> {
    Err(ErrorKind::Interrupted.into())
}

#[test]
fn short_and_interrupted_calls_go_on() {
    let script = || Scripted::new([Ok(3), interrupted(), Ok(1), interrupted(), Ok(6)]);
    let file = script();
    file.write_all_at(&[0; 10], 100).unwrap();
    assert_eq!(*file.offsets.lock(), [100, 103, 103, 104, 104]);
    let file = script();
    file.read_exact_at(&mut [0; 10], 100).unwrap();
    assert_eq!(*file.offsets.lock(), [100, 103, 103, 104, 104]);
}

#[test]
fn nothing_written_is_an_error() {
    let file = Scripted::new([Ok(3), Ok(0)]);
    let error = file.write_all_at(&[0; 10], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WriteZero);
    assert_eq!(error.to_string(), "the system wrote none of 7 bytes");

    let full = || Err(io::Error::from_raw_os_error(28));
    let file = Scripted::new([Ok(3), full()]);
    let error = file.write_all_at(&[0; 10], 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);

    let file = Scripted::new([Ok(3)]);
    let error = file.write_all_at(&[0; 10], u64::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}
