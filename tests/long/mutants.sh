#!/usr/bin/env bash
# Mutation testing: changes the engine's code in small ways and says which changes no test notices. The files of
# formats, commits, recovery and compaction; each with the tests of its own crate. Hours on two cores: not part of `make
# test-long` unless LAKEBED_MUTANTS is set; arguments go to cargo-mutants (`--shard 1/20`, `--file
# engine/format/src/...`, `--re NAME`). What survives is listed in build/mutants.out/missed.txt and explained in
# docs/durability.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [[ ! ${LAKEBED_MUTANTS:-} && $# -eq 0 ]]; then
    echo "SKIPPED: mutation testing takes hours (LAKEBED_MUTANTS=1, or arguments)"
    exit 0
fi
version=27.1.0
tools=$PWD/.venv/tools
export PATH="$tools/bin:$PATH" PYO3_PYTHON=${PYO3_PYTHON:-$PWD/.venv/bin/python}
if [[ $(cargo mutants --version 2>/dev/null) != "cargo-mutants $version" ]]; then
    cargo install cargo-mutants --version "$version" --locked --quiet --root "$tools"
fi
files=(
    'engine/format/src/*.rs' 'engine/format/src/**/*.rs'
    'engine/core/src/write/commit.rs' 'engine/core/src/write/session_commit.rs' 'engine/core/src/write/recover.rs'
    'engine/core/src/snapshot/open.rs' 'engine/core/src/snapshot/rebuild.rs' 'engine/core/src/compact/*.rs'
)
chosen=()
if [[ " $* " != *" --file "* && " $* " != *" -f "* ]]; then
    for file in "${files[@]}"; do
        chosen+=(--file "$file")
    done
fi
mkdir -p build
# In a copy of the tree, which is cargo-mutants' own way. Tests that hang are killed.
cargo mutants --output build --test-package lakebed-format,lakebed-core --timeout 300 --minimum-test-timeout 120 \
    --no-shuffle --colors never "${chosen[@]}" "$@"
