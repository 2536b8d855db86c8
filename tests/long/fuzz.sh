#!/usr/bin/env bash
# Fuzzes each target of engine/fuzz for half a minute, or the seconds that the first argument gives, or all together for
# the hours of the variable HOURS. Starts from the examples in engine/format/src/tests/golden.txt, and for whole stores
# from engine/fuzz/seeds/store.txt. Half of the time with AddressSanitizer, half without, which runs more inputs. Needs
# a nightly Rust, and is SKIPPED where there is none; cargo-fuzz is installed into .venv/tools. Builds for some minutes
# first.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "!! SKIPPED: fuzzing needs a nightly Rust (rustup toolchain install nightly)"
    exit 0
fi
version=0.13.1
tools=$PWD/.venv/tools
export PATH="$tools/bin:$PATH"
if [[ $(cargo-fuzz --version 2>/dev/null) != "cargo-fuzz $version" ]]; then
    cargo install cargo-fuzz --version "$version" --locked --quiet --root "$tools"
fi
mapfile -t targets < <(cargo +nightly fuzz list --fuzz-dir engine/fuzz)
seconds=${1:-30}
if [[ ${HOURS:-} ]]; then
    seconds=$((HOURS * 3600 / ${#targets[@]}))
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
.venv/bin/python - "$scratch/seeds" "$scratch/store" <<'EOF'
import pathlib, sys

seeds, store = map(pathlib.Path, sys.argv[1:])
seeds.mkdir()
lines = iter(pathlib.Path("engine/format/src/tests/golden.txt").read_text().splitlines())
for name in lines:
    data = bytes.fromhex(next(lines).split()[2])
    seeds.joinpath(name).write_bytes(data)
    if name == "manifest":
        # The target reads the body alone.
        seeds.joinpath("catalogue").write_bytes(data[48:-8])
store.mkdir()
for number, line in enumerate(pathlib.Path("engine/fuzz/seeds/store.txt").read_text().splitlines()):
    if not line.startswith("#"):
        store.joinpath(f"kept-{number}").write_bytes(bytes.fromhex(line))
EOF

# count TARGET INPUTS SECONDS [FAILED]: adds to the figures of `make trust`.
count() {
    [[ ${LAKEBED_FIGURES:-} ]] || return 0
    echo "{\"test\": \"fuzz: $1\", \"fuzz\": ${2:-0}, \"seconds\": $3${4:+, \"failed\": true}}" >>"$LAKEBED_FIGURES"
}

for sanitizer in address none; do
    for target in "${targets[@]}"; do
        corpus=$scratch/$target seeds=$scratch/seeds length=65536
        if [[ $target == store ]]; then
            seeds=$scratch/store length=65
        fi
        mkdir -p "$corpus"
        began=$SECONDS
        # Whole stores with a large blob take more memory, and longer.
        cargo +nightly fuzz run --fuzz-dir engine/fuzz --sanitizer "$sanitizer" "$target" "$corpus" "$seeds" -- \
            -max_total_time="$(((seconds + 1) / 2))" -max_len="$length" -rss_limit_mb=2048 -timeout=30 \
            -print_final_stats=1 >"$scratch/log" 2>&1 || {
            tail -n 60 "$scratch/log"
            count "$target" "" "$((SECONDS - began))" failed
            exit 1
        }
        inputs=$(sed -n 's/.*number_of_executed_units: *//p' "$scratch/log")
        count "$target" "$inputs" "$((SECONDS - began))"
        echo "$target, sanitizer $sanitizer: $inputs inputs, $(find "$corpus" -type f | wc -l) with new coverage so far"
    done
done
