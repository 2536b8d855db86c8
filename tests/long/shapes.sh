#!/usr/bin/env bash
# A million random records in odd spellings go through columns and come back the same; the argument is another number.
# About ten minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
# A case is four records or so.
PROPTEST_CASES=$((${1:-1000000} / 4)) PROPTEST_FAILURE_PERSISTENCE=off cargo test --locked -p lakebed-json --lib -- shapes::tests
