#!/usr/bin/env bash
# Fuzzes each target of engine/fuzz for half a minute, or the seconds that the first argument gives, starting from the
# examples in engine/format/src/tests/golden.txt. Needs a nightly Rust and cargo-fuzz; SKIPPED where they are missing.
# Builds for some minutes first.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! cargo +nightly --version >/dev/null 2>&1 || ! cargo +nightly fuzz --version >/dev/null 2>&1; then
    echo "SKIPPED: fuzzing needs a nightly Rust (rustup toolchain install nightly) and cargo-fuzz (cargo install cargo-fuzz)"
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
.venv/bin/python - "$scratch/seeds" <<'EOF'
import pathlib, sys

seeds = pathlib.Path(sys.argv[1])
seeds.mkdir()
lines = iter(pathlib.Path("engine/format/src/tests/golden.txt").read_text().splitlines())
for name in lines:
    data = bytes.fromhex(next(lines).split()[2])
    seeds.joinpath(name).write_bytes(data)
    if name == "manifest":
        # The target reads the body alone.
        seeds.joinpath("catalogue").write_bytes(data[48:-8])
EOF
for target in $(cargo +nightly fuzz list --fuzz-dir engine/fuzz); do
    mkdir "$scratch/$target"
    cargo +nightly fuzz run --fuzz-dir engine/fuzz "$target" "$scratch/$target" "$scratch/seeds" -- \
        -max_total_time="${1:-30}" -max_len=65536 -rss_limit_mb=1024 -timeout=10 -print_final_stats=1 >"$scratch/log" 2>&1 || {
        tail -n 60 "$scratch/log"
        exit 1
    }
    echo "$target: $(sed -n 's/.*number_of_executed_units: *//p' "$scratch/log") inputs, $(find "$scratch/$target" -type f | wc -l) of them with new coverage"
done
