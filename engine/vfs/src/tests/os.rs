//! The operating system alone: other processes, forks, places.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{Lock, Open, OsVfs, ReadVfs, Vfs};

/// Names the directory when this process is the other one.
const OTHER: &str = "LAKEBED_VFS_TEST_OTHER";

/// Asks another process whether it gets the lock.
fn other_process_gets(dir: &Path, kind: Lock) -> bool {
    let kind = match kind {
        Lock::Shared => "shared",
        Lock::Exclusive => "exclusive",
        Lock::Write => "write",
    };
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::os::other_process", "--ignored"])
        .env(OTHER, dir)
        .env("LAKEBED_VFS_TEST_KIND", kind)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    match status.code() {
        Some(0) => true,
        Some(3) => false,
        code => panic!("the other process ended with {code:?}"),
    }
}

#[test]
#[ignore = "the other process of locks_exclude_other_processes"]
fn other_process() {
    let Some(dir) = std::env::var_os(OTHER) else {
        return;
    };
    let kind = match std::env::var("LAKEBED_VFS_TEST_KIND").unwrap().as_str() {
        "shared" => Lock::Shared,
        "write" => Lock::Write,
        _ => Lock::Exclusive,
    };
    let file = OsVfs::new(dir).open("LOCK", Open::ReadWrite).unwrap();
    std::process::exit(if file.try_lock(kind).unwrap() { 0 } else { 3 });
}

#[test]
fn locks_exclude_other_processes() {
    let dir = tempfile::tempdir().unwrap();
    let file = OsVfs::new(dir.path()).open("LOCK", Open::Create).unwrap();
    assert!(other_process_gets(dir.path(), Lock::Exclusive));

    assert!(
        file.try_lock(Lock::Exclusive).unwrap(),
        "the other's is gone with it"
    );
    assert!(!other_process_gets(dir.path(), Lock::Exclusive));
    assert!(!other_process_gets(dir.path(), Lock::Shared));

    assert!(file.try_lock(Lock::Shared).unwrap());
    assert!(!other_process_gets(dir.path(), Lock::Exclusive));
    assert!(other_process_gets(dir.path(), Lock::Shared));

    file.unlock().unwrap();
    assert!(other_process_gets(dir.path(), Lock::Exclusive));
}

#[test]
fn write_locks_exclude_other_processes_and_no_reader() {
    let dir = tempfile::tempdir().unwrap();
    let file = OsVfs::new(dir.path()).open("LOCK", Open::Create).unwrap();
    assert!(file.try_lock(Lock::Write).unwrap());
    assert!(!other_process_gets(dir.path(), Lock::Write));
    file.unlock().unwrap();
    assert!(other_process_gets(dir.path(), Lock::Write));
    // flock's locks, which every reader can take, are not in the way.
    let reader = std::fs::File::open(dir.path().join("LOCK")).unwrap();
    for lock in [std::fs::File::lock_shared, std::fs::File::lock] {
        lock(&reader).unwrap();
        assert!(file.try_lock(Lock::Write).unwrap());
        reader.unlock().unwrap();
    }
}

#[test]
fn an_open_directory_is_used_wherever_it_goes() {
    let place = tempfile::tempdir().unwrap();
    let (path, moved) = (place.path().join("s"), place.path().join("moved"));
    let vfs = OsVfs::new(&path);
    assert!(vfs.is_in_place().unwrap(), "not opened yet");
    vfs.create_dir("").unwrap();
    let file = vfs.open("a", Open::Create).unwrap();
    assert!(vfs.is_in_place().unwrap());
    std::fs::rename(&path, &moved).unwrap();
    assert!(!vfs.is_in_place().unwrap());
    std::fs::create_dir(&path).unwrap();
    assert!(!vfs.is_in_place().unwrap(), "another directory");
    vfs.open("b", Open::Create).unwrap();
    vfs.create_dir("d/e").unwrap();
    vfs.rename("b", "d/e/c").unwrap();
    vfs.sync_dir("d/e").unwrap();
    assert_eq!(vfs.list("d/e").unwrap(), ["c"]);
    assert!(moved.join("d/e/c").exists());
    assert!(std::fs::read_dir(&path).unwrap().next().is_none());
    assert!(file.names().unwrap().opened);
    std::fs::hard_link(moved.join("a"), moved.join("b")).unwrap();
    assert_eq!(file.names().unwrap().count, 2);
}

/// Runs `check` in a child that shares every open file, and gives its answer.
#[expect(unsafe_code, reason = "nothing safe forks")]
fn in_fork(check: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child calls only `check`, which here makes system calls, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        let code = i32::from(!check());
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above; `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

#[test]
fn a_forked_child_neither_has_nor_ends_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let vfs = OsVfs::new(dir.path());
    let file = vfs.open("LOCK", Open::Create).unwrap();
    assert!(file.try_lock(Lock::Exclusive).unwrap());
    assert!(
        in_fork(|| {
            let refused = file
                .try_lock(Lock::Exclusive)
                .is_err_and(|error| error.kind() == ErrorKind::Unsupported);
            let ignored = file.unlock().is_ok();
            let own = vfs.open("LOCK", Open::ReadWrite);
            let excluded = own.is_ok_and(|own| matches!(own.try_lock(Lock::Shared), Ok(false)));
            refused && ignored && excluded
        }),
        "the child is told, and excluded"
    );
    assert!(
        !other_process_gets(dir.path(), Lock::Exclusive),
        "the parent still holds it"
    );
    file.unlock().unwrap();
    assert!(other_process_gets(dir.path(), Lock::Exclusive));
}

#[test]
fn files_are_closed_on_exec() {
    let dir = tempfile::tempdir().unwrap();
    let vfs = OsVfs::new(dir.path());
    let file = vfs.open("LOCK", Open::Create).unwrap();
    assert!(file.try_lock(Lock::Exclusive).unwrap());
    let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    drop(file);
    let again = vfs.open("LOCK", Open::ReadWrite).unwrap();
    let free = again.try_lock(Lock::Exclusive).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(free);
}

#[test]
fn the_root_is_made_on_demand() {
    let dir = tempfile::tempdir().unwrap();
    let vfs = OsVfs::new(dir.path().join("x/y/data.lakebed"));
    assert_eq!(vfs.list("").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(
        vfs.open("a", Open::Create).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert!(
        vfs.free_bytes().unwrap().unwrap() > 0,
        "asked of the parent"
    );
    assert!(!dir.path().join("x").exists(), "asking makes nothing");
    vfs.create_dir("").unwrap();
    vfs.create_dir("").unwrap();
    assert!(vfs.list("").unwrap().is_empty());
    assert!(vfs.describe().ends_with("x/y/data.lakebed"));

    std::fs::write(dir.path().join("file"), "").unwrap();
    OsVfs::new(dir.path().join("file"))
        .create_dir("")
        .unwrap_err();
    OsVfs::new(dir.path().join("file/below"))
        .create_dir("")
        .unwrap_err();
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_utf8_are_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    std::fs::write(dir.path().join("a"), "").unwrap();
    assert_eq!(OsVfs::new(dir.path()).list("").unwrap(), ["a"]);
}

#[test]
fn a_mapping_shows_the_file_itself() {
    let dir = tempfile::tempdir().unwrap();
    let vfs = OsVfs::new(dir.path());
    let file = vfs.open("a", Open::Create).unwrap();
    file.write_all_at(&[7; 10_000], 0).unwrap();
    let map = file.map(10_000).unwrap();
    assert_eq!(format!("{map:?}"), "Mapping(mapped, 10000 bytes)");
    drop(file);
    drop(vfs);
    drop(dir);
    assert!(map.iter().all(|byte| *byte == 7), "all else is gone");
}

#[test]
#[cfg(unix)]
fn a_stamp_tells_whether_names_came_or_went() {
    let place = tempfile::tempdir().unwrap();
    let vfs = OsVfs::new(place.path());
    vfs.create_dir("d").unwrap();
    let file = vfs.open("d/a", Open::CreateNew).unwrap();
    let mut before = vfs.stamp("d").unwrap().unwrap();
    let mut changed = || {
        let now = vfs.stamp("d").unwrap().unwrap();
        let other = now != before;
        before = now;
        // Further apart than the clock of any system's files ticks.
        std::thread::sleep(Duration::from_millis(20));
        other
    };
    assert!(!changed());
    file.write_all_at(b"not a name", 0).unwrap();
    assert!(!changed());
    vfs.open("d/b", Open::CreateNew).unwrap();
    assert!(changed());
    vfs.rename("d/b", "d/a").unwrap();
    assert!(changed());
    vfs.unlink("d/a").unwrap();
    assert!(changed());
    std::fs::rename(place.path().join("d"), place.path().join("e")).unwrap();
    vfs.create_dir("d").unwrap();
    assert!(changed());
    assert!(!changed());
    assert!(vfs.stamp("none").is_err());
}
