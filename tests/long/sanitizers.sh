#!/usr/bin/env bash
# Looks for undefined behaviour in the crates with `unsafe` or below them. Miri interprets the tests of lakebed-format
# and lakebed-json, which call no C; AddressSanitizer runs the tests of lakebed-vfs, lakebed-codec and lakebed-core,
# with their C code (zstd) instrumented too where clang is installed; ThreadSanitizer runs the stress tests of
# lakebed-core, which have several threads. Not covered: the bindings, which run inside an interpreter and inside
# DuckDB.
#
# Needs a nightly Rust with miri and rust-src. SKIPPED where they are missing. About 25 minutes on two cores, most of it
# Miri; "miri", "address" or "thread" as the argument runs one of them.
set -euo pipefail
cd "$(dirname "$0")/../.."
which=${1:-all}
export PYO3_PYTHON=${PYO3_PYTHON:-$PWD/.venv/bin/python}

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "!! SKIPPED: Miri and AddressSanitizer need a nightly Rust (rustup toolchain install nightly)"
    exit 0
fi
for component in miri rust-src; do
    rustup component add --toolchain nightly "$component" >/dev/null 2>&1 || true
done

if [[ $which == all || $which == miri ]]; then
    if cargo +nightly miri --version >/dev/null 2>&1; then
        # Interpreted code is some hundred times slower: property tests try few cases.
        # One test damages structures 600 times, which takes hours. Isolation would hide the files of golden examples.
        PROPTEST_CASES=${PROPTEST_CASES:-2} MIRIFLAGS=-Zmiri-disable-isolation \
            cargo +nightly miri test --locked --target-dir build/miri -p lakebed-format -p lakebed-json --lib -- \
            --skip damaged_structures_never_panic
    else
        echo "!! SKIPPED: Miri (rustup component add --toolchain nightly miri)"
    fi
fi

target=$(rustc +nightly -vV | sed -n 's/^host: //p')
if [[ $which == all || $which == address ]]; then
    export RUSTFLAGS="-Zsanitizer=address" RUSTDOCFLAGS="-Zsanitizer=address"
    # Memory that a thread pool keeps to the end of the process is no leak of ours.
    export ASAN_OPTIONS=detect_leaks=0
    if command -v clang >/dev/null; then
        export CC=clang CFLAGS="-fsanitize=address -fno-omit-frame-pointer"
    fi
    cargo +nightly test --locked --target "$target" --target-dir build/address \
        -p lakebed-vfs -p lakebed-codec -p lakebed-core --lib --tests -- --skip recovery::machine
fi

if [[ $which == all || $which == thread ]]; then
    unset CC CFLAGS ASAN_OPTIONS
    # The standard library is built with it, too: without that its channels and locks look like races.
    export RUSTFLAGS="-Zsanitizer=thread" RUSTDOCFLAGS="-Zsanitizer=thread" TSAN_OPTIONS="halt_on_error=1"
    cargo +nightly test --locked -Zbuild-std --target "$target" --target-dir build/thread \
        -p lakebed-core --test main -- recovery::threads store::readers
fi
