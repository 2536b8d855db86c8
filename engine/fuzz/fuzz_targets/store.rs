//! Whole stores: files changed as the input says, with right checksums, are opened, read, scanned, verified, repaired
//! and written. The same as engine/core/tests/recovery/forgeries.rs, which keeps the programs that found something.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use lakebed_core::Hash;
use lakebed_testkit::Forge;
use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/recovery/support/through.rs"]
mod through;

#[path = "../../core/tests/recovery/support/unpacked.rs"]
mod unpacked;

static BASES: LazyLock<Vec<(Forge, BTreeMap<Hash, Vec<u8>>)>> = LazyLock::new(through::bases);

fuzz_target!(|data: &[u8]| {
    let Some((base, changes)) = data.split_first() else {
        return;
    };
    if let Some((forge, known)) = BASES.get(through::base_of(*base)) {
        through::go_through(&forge.forged(changes), known);
    }
});
