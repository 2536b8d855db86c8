#!/usr/bin/env bash
# The SQL tests on other DuckDB versions than the pinned one. The last 1.4: the extension's tests. The first and last
# 1.5 and the newest, or those in LAKEBED_DUCKDB ("1.5.0 2.0.0"): all, and those of the shell that use DuckDB. A minute
# or two each. Packages go to a temporary directory, which comes first on Python's path.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for version in ${LAKEBED_DUCKDB:-"<1.5" "1.5.0" "<2" "<3"}; do
    case $version in [0-9]*) wanted="duckdb==$version" ;; *) wanted="duckdb$version" ;; esac
    case $version in 1.[34]* | "<1.5") tests="tests/duck/test_extension.py tests/duck/test_extension_commits.py" ;; *) tests="tests/duck tests/prompts/test_views.py tests/prompts/test_forget.py tests/shell/test_[hs]*.py tests/cli/test_pipes.py" ;; esac
    rm -rf "$scratch/duckdb"
    .venv/bin/python -m pip install --quiet --only-binary :all: --no-deps --target "$scratch/duckdb" "$wanted"
    PYTHONPATH=$scratch/duckdb .venv/bin/python -c 'import duckdb; print("DuckDB", duckdb.__version__)'
    PYTHONPATH=$scratch/duckdb .venv/bin/python -m pytest $tests
done
