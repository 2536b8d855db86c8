//! The conformance suite on both kinds of storage, and both kinds against each other.

use std::sync::Arc;

use proptest::prelude::*;

use crate::conformance::CHECKS;
use crate::{MemVfs, Open, OsVfs, ReadVfs, Subdirectory, Vfs};

#[test]
fn in_memory() {
    for check in CHECKS {
        check(&MemVfs::new());
    }
}

#[test]
fn on_the_operating_system() {
    for check in CHECKS {
        let dir = tempfile::tempdir().unwrap();
        check(&OsVfs::new(dir.path()));
    }
}

#[test]
fn in_a_subdirectory() {
    for check in CHECKS {
        let dir = tempfile::tempdir().unwrap();
        let os = Arc::new(OsVfs::new(dir.path()));
        let vfs = Subdirectory::new(os, "inside").unwrap();
        vfs.create_dir("").unwrap();
        check(&vfs);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Write(u16, Vec<u8>),
    SetLen(u16),
    Read(u16, u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3000_u16, prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(at, bytes)| Step::Write(at, bytes)),
        (0..3000_u16).prop_map(Step::SetLen),
        (0..3500_u16, 0..500_u16).prop_map(|(at, len)| Step::Read(at, len)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is done to a file, memory and the operating system agree on what it holds.
    #[test]
    fn memory_and_system_agree(steps in prop::collection::vec(step(), 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let (os, mem) = (OsVfs::new(dir.path()), MemVfs::new());
        let a = os.open("f", Open::CreateNew).unwrap();
        let b = mem.open("f", Open::CreateNew).unwrap();
        for step in steps {
            match step {
                Step::Write(at, bytes) => {
                    a.write_all_at(&bytes, at.into()).unwrap();
                    b.write_all_at(&bytes, at.into()).unwrap();
                }
                Step::SetLen(len) => {
                    a.set_len(len.into()).unwrap();
                    b.set_len(len.into()).unwrap();
                }
                Step::Read(at, len) => {
                    let (mut x, mut y) = (vec![0; len.into()], vec![0; len.into()]);
                    prop_assert_eq!(a.read_at(&mut x, at.into()).unwrap(), b.read_at(&mut y, at.into()).unwrap());
                    prop_assert_eq!(x, y);
                }
            }
            prop_assert_eq!(a.len().unwrap(), b.len().unwrap());
        }
        prop_assert_eq!(os.read("f").unwrap(), mem.read("f").unwrap());
    }
}
