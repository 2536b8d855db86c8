#!/usr/bin/env bash
# The engine's recovery tests with large bounds: more crash images, every bit of every byte, thousands of random
# sequences. About 20 minutes on two cores. A test's name as the argument runs that test only ("machine",
# "damage::bits_flip").
set -euo pipefail
cd "$(dirname "$0")/../.."
LAKEBED_LONG=1 cargo test --workspace --locked --test main -- --nocapture "recovery${1:+::$1}"
