//! Many segments in a process that may have few mappings.

use std::process::Command;

use lakebed_core::{ProgressFn, Seq};
use lakebed_vfs::{force_most_mappings, mappings};

use super::*;

const INSIDE: &str = "LAKEBED_TEST_FEW_MAPPINGS";
const SEGMENTS: usize = 40;

/// The limit is the process's: this test runs itself in one of its own.
#[test]
fn with_few_mappings() {
    if std::env::var_os(INSIDE).is_some() {
        read_with_few_mappings();
        return;
    }
    let done = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "store::mappings::with_few_mappings",
            "--nocapture",
        ])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&done.stdout);
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{shown}{told}");
    assert!(told.contains("mapped at most"), "{shown}{told}");
}

fn read_with_few_mappings() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.lakebed");
    let store = Store::open(&path, options()).unwrap();
    for number in 0..SEGMENTS {
        append(&store, "events", &[&format!("{{\"n\":{number}}}")]);
        store.put(&[u8::try_from(number).unwrap(); 3000]).unwrap();
        store.seal().unwrap();
    }
    drop(store);
    for (map, most) in [(true, 1), (true, 10), (true, SEGMENTS + 5), (false, 1)] {
        force_most_mappings(most);
        let options = Options {
            mmap: map,
            ..Options::read_only()
        };
        let store = Store::open(&path, options).unwrap();
        assert_eq!(rows(&store, "events").len(), SEGMENTS);
        for row in store.rows("events", Seq(0)..Seq(u64::MAX)).unwrap() {
            let blob = store.blob(row.unwrap().blob).unwrap();
            assert!(store.contains(&lakebed_core::Hash::of(&blob)).unwrap());
        }
        let report = store.verify(ProgressFn::none()).unwrap();
        assert_eq!(report.problems, []);
        eprintln!("mapped at most {}", mappings());
        assert!(mappings() <= most);
        assert!(map || mappings() == 0);
    }
}
