//! Recovery shown, not hoped for: the store on storage that crashes, fails, fills up and rots, held against a model.
//!
//! One binary, so that the engine is linked once. Each test says how many operations, images and flips it tried. By default every test
//! is bounded so that all of them together take about a minute; with `LAKEBED_LONG=1` the bounds are those of `make test-long`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    reason = "tests"
)]

mod crashes;
mod damage;
mod faults;
mod machine;
mod support;
mod threads;
mod workloads;

use std::path::Path;

/// A file that no `mod` names is compiled by nobody and tests nothing.
#[test]
fn no_file_is_forgotten() {
    fn check(dir: &Path, root: &str) {
        let text = std::fs::read_to_string(dir.join(root)).unwrap();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            if name == root {
                continue;
            }
            assert!(
                text.contains(&format!("mod {stem};")),
                "{} is not named in {root}",
                path.display()
            );
            if path.is_dir() {
                check(&path, "mod.rs");
            }
        }
    }
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    check(&tests.join("main"), "main.rs");
    for entry in std::fs::read_dir(&tests).unwrap() {
        let path = entry.unwrap().path();
        assert!(
            path.is_dir(),
            "{} would be a binary of its own; put it into tests/main",
            path.display()
        );
    }
}
