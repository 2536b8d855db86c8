//! Stores whose bytes say anything and whose checksums are right: changes get past the checksums to the code behind
//! them. The kept programs are those that a fuzzer found worth keeping; `tests/long/fuzz.sh` goes on from them.

use std::fmt::Write;
use std::sync::Mutex;

use lakebed_testkit::{CHANGE, Tally, Tried};

use crate::recovery::support::through::{base_of, bases, go_through};
use crate::recovery::support::{bound, on_both_cores};

/// Programs in hexadecimal, one a line, the first byte chooses the store; lines that begin with # are comments.
const KEPT: &str = include_str!("../../../fuzz/seeds/store.txt");

fn kept() -> Vec<Vec<u8>> {
    let lines = KEPT.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let bytes = (0..line.len()).step_by(2);
            bytes
                .map(|at| u8::from_str_radix(&line[at..at + 2], 16).unwrap())
                .collect()
        })
        .collect()
}

#[test]
fn whatever_the_files_say() {
    let tally = Tally::new("forged stores");
    let mut programs = kept();
    let first = std::env::var("LAKEBED_SEED").map_or(1, |seed| seed.parse().unwrap());
    programs.extend((first..first + bound(250, 20_000) as u64).map(|seed| {
        let changes = 1 + seed as usize % 3;
        lakebed_testkit::strategies::noise(seed, 1 + CHANGE * changes)
    }));
    let bases = bases();
    let wrong = Mutex::new(String::new());
    on_both_cores(&programs, |program| {
        let (base, changes) = program.split_first().unwrap();
        let (forge, known) = &bases[base_of(*base)];
        let files = forge.forged(changes);
        let passed = std::panic::catch_unwind(|| go_through(&files, known));
        if let Err(panic) = passed {
            let why = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|why| (*why).to_owned()));
            let mut wrong = wrong.lock().unwrap();
            for byte in program {
                write!(wrong, "{byte:02x}").unwrap();
            }
            writeln!(wrong, ": {}", why.unwrap_or_default()).unwrap();
        }
        tally.one(Tried::Forged);
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "programs, and what went wrong:\n{wrong}");
}
