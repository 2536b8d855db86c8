#!/usr/bin/env bash
# A million random records in odd spellings go through columns and come back the same; the argument is another number.
# About ten minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
# Five properties, and four records or so in each of their cases.
PROPTEST_CASES=$((${1:-1000000} / 20)) PROPTEST_FAILURE_PERSISTENCE=off cargo test --workspace --locked --lib -- shapes::tests
