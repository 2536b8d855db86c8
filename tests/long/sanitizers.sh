#!/usr/bin/env bash
# Looks for undefined behaviour in the crates with `unsafe`: Miri runs the tests of those that call no C
# (lakebed-format, lakebed-json), AddressSanitizer those of the others that work without an interpreter (lakebed-vfs,
# lakebed-codec, lakebed-core). Needs a nightly Rust with miri and rust-src; says SKIPPED where they are missing.
# Property tests run few cases under Miri.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PYO3_PYTHON=${PYO3_PYTHON:-$PWD/.venv/bin/python}
target=$(rustc -vV | sed -n 's/^host: //p')
