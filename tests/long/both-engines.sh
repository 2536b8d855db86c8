#!/usr/bin/env bash
# The engine in Python beside the one in Rust, with large bounds: a bit of every 29th byte of small stores flipped and
# each repaired by both, every bit of an active segment flipped and read by both, and a writer of each engine stopped
# before every operation on files. About thirty minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
LAKEBED_TEST_REPAIR_STEP=29 LAKEBED_TEST_BITS_EVERY=1 LAKEBED_TEST_KILL_EVERY=1 \
  .venv/bin/python -m pytest --timeout 7200 tests/pure/test_{repair,bits,kill,kill_rust}.py
