#!/usr/bin/env bash
# Fuzzes each decoder of the format (engine/fuzz) for half a minute, or the seconds given as the first argument, starting from structures that
# the format's own tests make. Needs a nightly Rust and cargo-fuzz; says SKIPPED where they are missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! cargo +nightly --version >/dev/null 2>&1 || ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo "SKIPPED: fuzzing needs a nightly Rust (rustup toolchain install nightly) and cargo-fuzz (cargo install cargo-fuzz)"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
LAKEBED_SEEDS=$scratch/seeds cargo test --quiet --locked -p lakebed-format seeds >/dev/null
for target in $(cargo +nightly fuzz list --fuzz-dir engine/fuzz); do
    mkdir -p "$scratch/found/$target" "$scratch/seeds/$target"
    echo "fuzzing $target with $(find "$scratch/seeds/$target" -type f | wc -l) seeds"
    cargo +nightly fuzz run --fuzz-dir engine/fuzz "$target" "$scratch/found/$target" "$scratch/seeds/$target" -- \
        -max_total_time="${1:-30}" -max_len=65536 -verbosity=0 -print_final_stats=1 2>"$scratch/log" || {
        cat "$scratch/log"
        exit 1
    }
    grep -h "number_of_executed_units\|new_units_added" "$scratch/log"
done
