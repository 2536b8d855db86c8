#!/usr/bin/env bash
# Builds all of the workspace and runs the Rust tests with the oldest Rust that lakebed promises (`rust-version` in
# Cargo.toml), fetched through rustup where it is missing. Says SKIPPED where it cannot be had. Some 10 minutes on two
# cores, the tests included.
set -euo pipefail
cd "$(dirname "$0")/../.."
oldest=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
if ! command -v rustup >/dev/null || ! rustup toolchain install "$oldest" --profile minimal --no-self-update; then
    echo "!! SKIPPED: lakebed was not built with Rust $oldest, which rustup could not install here."
    exit 0
fi
# An own directory: the toolchain of everyday builds would have to build everything again.
export CARGO_TARGET_DIR=${LAKEBED_MSRV_TARGET_DIR:-build/msrv} RUSTUP_TOOLCHAIN=$oldest
export PYO3_PYTHON=${PYO3_PYTHON:-$PWD/.venv/bin/python}
cargo --version
cargo test --workspace --locked --quiet
