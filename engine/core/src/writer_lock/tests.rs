use std::thread;
use std::time::Duration;

use lakebed_format::CommitNumber;
use lakebed_vfs::MemVfs;

use super::{WriterLock, read_synced};
use crate::error::ErrorKind;
use crate::options::Options;

fn acquire(vfs: &MemVfs, wait: u64, command: &str) -> crate::error::Result<WriterLock> {
    WriterLock::acquire(vfs, &options(wait, command))
}

fn options(wait: u64, command: &str) -> Options {
    Options {
        lock_timeout: Duration::from_millis(wait),
        command: command.to_owned(),
        ..Options::default()
    }
}

#[test]
fn whoever_waits_may_give_up() {
    let vfs = MemVfs::new();
    let _held = acquire(&vfs, 0, "nightly job").unwrap();
    let options = Options {
        interrupted: || true,
        ..options(60_000, "shell")
    };
    let error = WriterLock::acquire(&vfs, &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}

#[test]
fn a_second_writer_is_told_who_holds_the_lock() {
    let vfs = MemVfs::new();
    let held = acquire(&vfs, 0, "nightly job").unwrap();
    let error = acquire(&vfs, 20, "shell").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreLocked);
    assert!(error.message().contains("this same process"), "{error}");
    drop(held);
    acquire(&vfs, 0, "shell").unwrap();
}

#[test]
fn a_waiting_writer_gets_the_lock_when_it_is_given_up() {
    let vfs = MemVfs::new();
    let held = acquire(&vfs, 0, "first").unwrap();
    let other = vfs.clone();
    let waiting = thread::spawn(move || acquire(&other, 10_000, "second").map(drop));
    thread::sleep(Duration::from_millis(20));
    drop(held);
    waiting.join().unwrap().unwrap();
}

#[test]
fn what_was_synced_outlives_the_holder() {
    let vfs = MemVfs::new();
    assert_eq!(read_synced(&vfs), None);
    let mut held = acquire(&vfs, 0, &"long ".repeat(500)).unwrap();
    held.set_synced(&vfs, CommitNumber(41)).unwrap();
    drop(held);
    assert_eq!(read_synced(&vfs), Some(CommitNumber(41)));
    assert_eq!(
        acquire(&vfs, 0, "").unwrap().synced(),
        Some(CommitNumber(41))
    );
}
