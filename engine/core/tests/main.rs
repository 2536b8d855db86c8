//! The store through its public door. One binary, so that the engine is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests"
)]

mod recovery;
mod store;

use std::path::Path;

/// A file that no `mod` names is compiled by nobody and tests nothing.
#[test]
fn no_file_is_forgotten() {
    fn check(dir: &Path, root: &str) {
        let text = std::fs::read_to_string(dir.join(root)).unwrap();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap() == root {
                continue;
            }
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                text.lines()
                    .any(|line| line.ends_with(&format!("mod {name};"))),
                "{} is not named in {root} beside it",
                path.display()
            );
            assert!(
                path.is_dir() || dir.join("mod.rs").exists(),
                "{} would be a binary of its own; put it into a directory with a mod.rs",
                path.display()
            );
            if path.is_dir() {
                check(&path, "mod.rs");
            }
        }
    }
    check(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests"),
        "main.rs",
    );
}
