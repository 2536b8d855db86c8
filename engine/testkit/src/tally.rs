//! What the tests tried, counted by the tests themselves: `make trust` adds it up.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// Operations of a storage that were made to fail or to move less than asked, disks filled up included.
    Faults,
    /// States of a disk after a power failure that were opened.
    Images,
    /// Processes that ended at an operation of the storage, while the machine went on.
    Stops,
    /// Flipped bits, each in a store of its own.
    Flips,
    /// Files cut, lengthened, removed or exchanged, each in a store of its own.
    Files,
    /// Stores with forged contents and right checksums that were gone through.
    Forged,
    /// Orders of the operations of several threads.
    Orders,
}

/// As they are named in the file of figures.
const NAMES: [&str; 7] = [
    "faults", "images", "stops", "flips", "files", "forged", "orders",
];

/// The counts of one test. When it is dropped they are printed, and added to the file that the variable
/// `LAKEBED_FIGURES` names: a line of JSON with the test's name, its seconds and its counts, and `"failed": true` when
/// the test panics.
#[derive(Debug)]
pub struct Tally {
    test: &'static str,
    began: Instant,
    counts: [AtomicU64; NAMES.len()],
}

impl Tally {
    /// Nothing was tried yet.
    pub fn new(test: &'static str) -> Self {
        Self {
            test,
            began: Instant::now(),
            counts: Default::default(),
        }
    }

    /// So many more.
    pub fn add(&self, what: Tried, count: u64) {
        if let Some(counted) = self.counts.get(what as usize) {
            counted.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// One more.
    pub fn one(&self, what: Tried) {
        self.add(what, 1);
    }

    /// So many so far.
    pub fn of(&self, what: Tried) -> u64 {
        let counted = self.counts.get(what as usize);
        counted.map_or(0, |counted| counted.load(Ordering::Relaxed))
    }

    fn line(&self, failed: bool) -> String {
        let mut line = format!(
            "{{\"test\": \"{}\", \"seconds\": {:.1}",
            self.test,
            self.began.elapsed().as_secs_f64()
        );
        for (name, count) in NAMES.iter().zip(&self.counts) {
            match count.load(Ordering::Relaxed) {
                0 => {}
                count => line.extend([", \"", name, "\": ", &count.to_string()]),
            }
        }
        if failed {
            line.push_str(", \"failed\": true");
        }
        line.push_str("}\n");
        line
    }
}

impl Drop for Tally {
    #[expect(clippy::print_stderr, reason = "tests say what they tried")]
    fn drop(&mut self) {
        let line = self.line(std::thread::panicking());
        eprint!("{line}");
        if let Some(path) = std::env::var_os("LAKEBED_FIGURES").filter(|path| !path.is_empty()) {
            // In one write, so that lines of several processes do not mix.
            let written = std::fs::File::options()
                .create(true)
                .append(true)
                .open(&path)
                .and_then(|mut file| file.write_all(line.as_bytes()));
            if let Err(error) = written {
                eprintln!("{}: {error}", path.display());
            }
        }
    }
}
